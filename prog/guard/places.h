/* places - directories that settings name, and whether an open file lies beneath one.
 *
 * A path that the kernel shows for a file may be one of another mount namespace, made to look like
 * a directory of ours. So the path is only a hint: it is walked again from a descriptor of the
 * directory that was opened at the start, over no link and no mount, and must lead to the same
 * file. Owns: that walk. */
#ifndef GS_GUARD_PLACES_H
#define GS_GUARD_PLACES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct place {
	int dir; /* O_PATH; -1: it is not there */
	char path[PATH_MAX];
};

/* The directory as it is now. False, and holds nothing for ever, if there is none. */
bool place_open(struct place *p, const char *path);
/* st is of the file on fd. */
bool place_holds(const struct place *p, int fd, const struct stat *st);
/* Whether one of n does. */
bool places_hold(const struct place *p, size_t n, int fd, const struct stat *st);

#endif
