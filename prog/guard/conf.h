/* conf - settings of greatseal-guard: one table for the file, the command line, help and man page.
 *
 * File: "name = value" lines, '#' comments; unknown names are errors. */
#ifndef GS_GUARD_CONF_H
#define GS_GUARD_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/tlog/note.h"

#define CONF_GROUPS_MAX 64u
#define CONF_MOUNTS_MAX 64u

struct conf {
	char list[PATH_MAX];  /* its proof beside it: with ".greatseal" */
	char state[PATH_MAX]; /* directory: the last good list, the mode */
	char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct vkey log;
	bool has_log;
	struct digest list_key; /* fingerprint of the key that signs lists */
	bool has_list_key;
	struct name name; /* of the list; "": any */
	struct name groups[CONF_GROUPS_MAX];
	size_t group_count;
	char mounts[CONF_MOUNTS_MAX][PATH_MAX];
	size_t mount_count;
	bool all;	   /* every local file system of the machine */
	uint64_t files;	   /* most that are held */
	uint64_t patience; /* seconds before a worker that does not move is replaced */
};

void conf_defaults(struct conf *c);
/* RC_UNKNOWN, RC_RANGE, RC_LIMIT, RC_DUPLICATE, RC_SYNTAX, with the sentence to show. */
MUST rc conf_set(struct conf *c, struct view name, struct view value, struct fault *f);
/* The fault names the line. */
MUST rc conf_load(struct conf *c, const char *path, struct fault *f);
/* RC_USAGE: what `run` cannot do without is missing. */
MUST rc conf_check(const struct conf *c, struct fault *f);
void conf_print(void);

#endif
