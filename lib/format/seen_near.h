/* seen_near - where signatures of a file may lie: in it, in its attribute security.ima, beside it.
 *
 * Owns: names and magic words. Nothing is parsed here (seen.h), and no file opened. */
#ifndef GS_FORMAT_SEEN_NEAR_H
#define GS_FORMAT_SEEN_NEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/format/seen.h"

#define SEEN_BESIDE_MAX SEEN_TABLE_MAX /* bytes; what is larger is something else */
#define SEEN_IMA_MAX 1024

/* Whether the file begins like a PE image, or ends like a kernel module that is signed. */
bool seen_may_carry(int fd, uint64_t size);
/* The attribute security.ima, if it holds a signature: its length; else 0. */
size_t seen_read_ima(int fd, uint8_t out[SEEN_IMA_MAX]);
/* The next name that a signature of this file would have (FILE.p7s ..), *at beginning with 0.
 * False: no more, or longer than out. */
bool seen_beside_name(const char *file, size_t *at, char *out, size_t cap);
/* Whether a path ends like a signature's; out then has what it would be a signature of. */
bool seen_is_beside(const char *path, char *out, size_t cap);

#endif
