/* often - which files are read again and again, so that asking for them each time is worth ending.
 *
 * A small table of counts by device and inode, of fixed size; what meets in one row takes turns.
 * Wrong counts cost time and nothing else. Owns: counting. Must not own: what may be held and why
 * (decide.c). */
#ifndef GS_GUARD_OFTEN_H
#define GS_GUARD_OFTEN_H

#include <stdbool.h>
#include <stdint.h>

#define OFTEN_ROWS 4096u /* a power of two */
#define OFTEN_READS 3u	 /* the first that is often */
#define OFTEN_AGAIN 64u	 /* where it came to nothing, it is said again after so many */

struct often {
	struct {
		uint32_t tag;
		uint32_t count;
	} row[OFTEN_ROWS];
};

/* Counts one more read. True for the OFTEN_READS-th, and each OFTEN_AGAIN-th after it. */
bool often_read(struct often *o, uint64_t dev, uint64_t ino);

#endif
