/* fuse_one - a file system in user space (FUSE) that holds one file, "f".
 *
 * Owns: the few messages of fuse(4) that reading or executing one file takes. */
#ifndef GS_TESTS_FUSE_ONE_H
#define GS_TESTS_FUSE_ONE_H

#include <stdbool.h>

#include "lib/base/view.h"

/* Mounts it over dir, by /dev/fuse, and serves it from a child that ends with this process.
 * options: more of mount(2)'s, "" or with a comma in front. False: not to be had here. bytes stay
 * the caller's and unchanged. */
bool fuse_one_mount(const char *dir, const char *options, struct view bytes);

#endif
