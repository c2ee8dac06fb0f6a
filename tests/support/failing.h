/* failing - memory that is not to be had: one allocation of a chosen number fails.
 *
 * The linker sends our own objects' malloc, calloc, realloc, reallocarray and mmap (64) through
 * here (--wrap, see tests/unit/meson.build); libcrypto's memory is its own: hash_of() says that it
 * ends the process. */
#ifndef GS_TESTS_FAILING_H
#define GS_TESTS_FAILING_H

#include <stddef.h>
#include <sys/types.h>

/* From here on the allocation of this number fails, from 1; 0: none. */
void failing_begin(size_t number);
/* No more; how many there were. */
size_t failing_end(void);

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__real_mmap64(void *at, size_t n, int prot, int flags, int fd, off_t offset);

#endif
