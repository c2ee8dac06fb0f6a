/* plain - opens regular files, for a process of root in directories that others may write to.
 *
 * No link is followed, so no name leads to a device; no other mount is entered, so nobody's file
 * system in user space can hold up who asks; nothing waits. Owns: those rules. */
#ifndef GS_GUARD_PLAIN_H
#define GS_GUARD_PLAIN_H

#include <stdbool.h>
#include <sys/stat.h>

/* Whether openat2 is to be had: systemd refuses it where a unit says RestrictSUIDSGID. Without it
 * nothing here opens anything, and no directory of data counts. */
bool plain_works(void);
/* A path without links. -1: not there, or no regular file. */
int plain_open(const char *path, struct stat *st);
/* In an open directory, and on its own mount. */
int plain_open_at(int dir, const char *name, struct stat *st);
/* The directory of path, to name files in (O_PATH), if it is still of the file system of that file.
 */
int plain_parent(const char *path, int fd);
/* What is there, as the kernel knows it: a file system in user space is not asked. Only device,
 * inode, mode, size and time of change are filled in. name "": dir itself. */
bool plain_stat(int dir, const char *name, struct stat *st);

#endif
