/* policy_file - a policy, roster or test file as people write it: YAML (*.yaml, *.yml) or JSON.
 *
 * Owns: reading it into its canonical bytes, and the places in the file. Must not own: what is done
 * with it. */
#ifndef GS_CLI_POLICY_FILE_H
#define GS_CLI_POLICY_FILE_H

#include "lib/policy/cases.h"
#include "lib/policy/source.h"
#include "prog/cli/cli.h"

#define POLICY_PLACE (PATH_MAX + 32)

struct policy_file {
	enum source_kind kind;
	const char *path;      /* borrowed */
	struct source *source; /* NULL: JSON, which has no places */
	struct buf canonical;
	struct policy *policy; /* the one that belongs to kind */
	struct roster *roster;
	struct cases cases;
};

/* Reads and parses it. Errors begin with "FILE:LINE:COLUMN: ", those of JSON with "FILE: ".
 * RC_NOTFOUND, RC_IO; RC_USAGE if it is no valid document of its kind. ret is to be released after
 * a failure, too. */
MUST rc policy_file_read(struct cli *c, enum source_kind kind, const char *path,
			 struct policy_file *ret);
/* The policy or roster in force, as the server gives it. */
MUST rc policy_file_in_force(struct cli *c, enum source_kind kind, struct policy_file *ret);
/* The one with this digest, which may be of long ago. RC_NOTFOUND if the server has it no more; as
 * policy_file_read() otherwise. */
MUST rc policy_file_of(struct cli *c, enum source_kind kind, const struct digest *want,
		       struct policy_file *ret);
/* The same, its canonical bytes alone, appended to out. */
MUST rc policy_bytes_of(struct cli *c, enum source_kind kind, const struct digest *want,
			struct buf *out);
void policy_file_release(struct policy_file *f);
AUTO_DEFINE(policy_file, struct policy_file, policy_file_release)

/* "policy.yaml:71" of an entry in a list of the top level, or of the field list itself if name is
 * NULL; the path alone if the file has no such place. */
void policy_file_place(const struct policy_file *f, const char *list, const char *name,
		       char out[POLICY_PLACE]);
/* By the ending of its name. */
bool path_is_yaml(const char *path);

#endif
