/* walk - the regular files beneath a directory, some at a time, so that whoever walks can do other
 * things in between. Links are not followed but for the root, nor mounts entered. Names are not
 * sorted. */
#ifndef GS_GUARD_WALK_H
#define GS_GUARD_WALK_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define WALK_DEPTH 32u /* directories below it are passed over */

struct walk {
	DIR *dir[WALK_DEPTH];
	size_t len[WALK_DEPTH]; /* of the path of each */
	size_t depth;		/* 0: at its end */
	dev_t dev;
	char path[PATH_MAX];
};

/* A regular file; the directory that it lies in is open. st: as plain_stat. */
struct walk_file {
	int dir;
	const char *name;
	const char *path;
	struct stat st;
};

typedef void (*walk_visit)(void *ctx, const struct walk_file *file);

/* A root that cannot be opened has no files. */
void walk_begin(struct walk *w, const char *root);
/* Looks at up to `count` entries. False: there are no more. */
bool walk_on(struct walk *w, size_t count, walk_visit visit, void *ctx);
void walk_end(struct walk *w);

#endif
