/* inspect_tree - walking an archive: what archive kinds (plain, Debian, npm) share.
 *
 * Owns: the loop over members, their digests and limits. Must not own: what a member means; each
 * kind is one constant table in its own file. */
#ifndef GS_FORMAT_INSPECT_TREE_H
#define GS_FORMAT_INSPECT_TREE_H

#include <archive.h>
#include <archive_entry.h>

#include "lib/format/classify.h"
#include "lib/format/inspect_impl.h"

/* What is known of a regular member once its content has been read. */
struct member {
	struct view path; /* as stored, without a leading "./" */
	uint64_t size;	  /* bytes that really came out */
	struct hash hash; /* SHA-256 */
	struct view kept; /* the first bytes, as many as keep() asked for */
	uint8_t head[CLASSIFY_HEAD];
	size_t head_len;
};

struct tree;
struct tree_kind {
	/* Walks a member that is an archive itself and sets *ret_taken; NULL: there are none. */
	rc (*open)(struct tree *t, struct view path, bool *ret_taken, struct fault *f);
	/* How many bytes of this member to keep in memory for kept(). */
	size_t (*keep)(const struct tree *t, struct view path);
	rc (*kept)(struct tree *t, const struct member *m);
};

struct tree {
	struct inspection *in;
	const struct tree_kind *kind;
	struct archive *archive;
	struct archive *unpacked; /* what archive reads from undoes the compressions; or NULL */
	json_t *entries;	  /* where members are listed; borrowed */
	json_t *facts;		  /* the kind's own object in the report, or NULL; borrowed */
	const char *label;	  /* "data.tar" for words about a nested archive, else "archive" */
	unsigned nesting;	  /* 1 for the file itself */
	unsigned state;		  /* the kind's own */
};

extern const struct tree_kind tree_plain;
extern const struct tree_kind tree_npm;		/* inspect_npm.c */
extern const struct tree_kind tree_deb;		/* inspect_deb.c: the outer ar */
extern const struct tree_kind tree_deb_control; /* and its control.tar */

/* Walks t->archive, which is open. RC_LIMIT: a limit was reached, the finding is made, stop;
 * damage is a finding and OK. RC_NOMEM, RC_IO. */
MUST rc tree_walk(struct tree *t, struct fault *f);
/* Walks the tar that is the current member of outer, with what inner says. filter: the one
 * ARCHIVE_FILTER_ that is undone. Nothing is guessed from the bytes: a tar may begin like a
 * compressed file, and be another archive to whoever goes by its name. */
MUST rc tree_walk_member(struct tree *outer, struct tree *inner, int filter, struct fault *f);

/* Bytes of a zip before its first member or behind its end record (inspect_zip.c). */
MUST rc zip_ends_check(struct inspection *in, struct fault *f);

/* out becomes the path without empty and "." components (inspect_paths.c). Failures are out's. */
void path_normal(struct view path, struct buf *out);
/* Findings about one path as it is stored. */
MUST rc path_check(struct inspection *in, struct view path);
/* A link whose target leaves the tree. */
MUST rc link_check(struct inspection *in, struct view path, struct view target, bool hard);
/* Findings about a whole list: the same path twice, a path that leads through a symbolic link. */
MUST rc paths_check(struct inspection *in, const json_t *entries);

#endif
