/* list_gather - what is to be approved, from where it lies: files and directories, Debian and rpm
 * packages, the index of an archive, a dpkg database, older lists.
 *
 * Owns: the records on their way into a list, and their names. Must not own: parsing of packages
 * (a sandboxed worker does), headers of lists. */
#ifndef GS_CLI_LIST_GATHER_H
#define GS_CLI_LIST_GATHER_H

#include "lib/model/contents.h"
#include "lib/model/package_record.h"
#include "prog/cli/cli.h"

#define GATHER_DEPTH 64u /* directories in directories */

struct gathered {
	struct digest digest;
	unsigned classes;
	char *package; /* plain characters, as contents.h wants them */
	char *path;
};

struct gather {
	struct cli *c;
	const char *root; /* taken off the front of shown paths; "" for none */
	struct gathered *items;
	size_t count;
	size_t cap;
	char **shebangs; /* base names of what scripts ask for */
	size_t shebang_count;
	size_t files;  /* looked at */
	bool expanded; /* scripts that rpm expands on the host are approved as that */
};

void gather_release(struct gather *g);
AUTO_DEFINE(gather, struct gather, gather_release)

/* One more record. package and path are raw, may be NULL, and are escaped here. */
MUST rc gather_add(struct gather *g, const struct digest *digest, unsigned classes,
		   const char *package, const char *path);
/* Whatever lies there: a directory with all below it, a .deb or .rpm, a list or a package
 * record, a file. */
MUST rc gather_path(struct gather *g, const char *path);
/* All that the dpkg database below g->root says is installed, as it is on the disk now, and Great
 * Seal's own programs. */
MUST rc gather_dpkg(struct gather *g);
/* The same of rpm's database, which the host's own rpm reads. */
MUST rc gather_rpmdb(struct gather *g);
/* All packages that a Packages file, or an rpm repository's primary.xml, names, from below pool;
 * each must have the digest that is in the index. */
MUST rc gather_index(struct gather *g, const char *index, const char *pool);
/* One package of either kind; *ret is what it says of itself. Its archive is added, and of an rpm
 * its header, the archive's path with GATHER_HEADER behind it. */
#define GATHER_HEADER " (header)"
MUST rc gather_package(struct gather *g, const char *path, struct package_record_header *ret);
/* The same for a record, which names these two in its header. */
MUST rc gather_package_record(struct gather *g, const char *path,
			      struct package_record_header *ret);
/* Gives the class to programs that scripts ask for. */
void gather_interpreters(struct gather *g);
/* Adds the class to what lies at this path. RC_NOTFOUND. */
MUST rc gather_mark(struct gather *g, const char *path, unsigned classes);
/* The records as the encoders take them; the caller frees the array, the names stay g's. */
MUST rc gather_records(const struct gather *g, struct content **ret);

#endif
