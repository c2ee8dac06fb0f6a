/* exes - what content the running programs have: noted when each is let run.
 *
 * As long as a program runs, its file is neither changed nor its inode given to another, so an
 * entry is right for every process of that file. Fixed size; the oldest of its row makes room, and
 * a process whose program is forgotten counts as one of an unapproved program until it is executed
 * again. In shared memory, for the next worker.
 * Owns: the table. Must not own: classes (the list in force says them anew each time). */
#ifndef GS_GUARD_EXES_H
#define GS_GUARD_EXES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/crypt/digest.h"

#define EXES_ROWS 1024u /* a power of two */
#define EXES_WIDE 8u

struct exe {
	bool set;
	bool zone; /* let run by a build zone */
	uint64_t dev;
	uint64_t ino;
	uint64_t at; /* of the table's clock: when it was last noted or asked for */
	struct digest digest;
};

struct exes {
	uint64_t clock;
	struct exe row[EXES_ROWS][EXES_WIDE];
};

void exes_note(struct exes *e, uint64_t dev, uint64_t ino, const struct digest *digest, bool zone);
/* NULL: not known. Good until the next note. */
const struct exe *exes_find(struct exes *e, uint64_t dev, uint64_t ino);
/* Notes what runs now. Reads every such file: before anything is marked. RC_CRYPTO, RC_NOMEM, and
 * as opendir(3). */
MUST rc exes_seed(struct exes *e, struct fault *f);

#endif
