/* cover - would this machine go on if the list were enforced now: what runs, what boots it, what
 * installs packages, and the guard itself.
 *
 * Owns: what is looked at. Must not own: the list's signature (load.c verified it). */
#ifndef GS_GUARD_COVER_H
#define GS_GUARD_COVER_H

#include "prog/guard/approved.h"
#include "prog/guard/conf.h"

struct cover {
	uint64_t covered;
	uint64_t missing; /* each is printed on standard output */
	uint64_t outside; /* on file systems that are not guarded */
};

/* RC_CRYPTO, RC_IO. */
MUST rc cover_check(const struct conf *c, const struct approved *approved, struct cover *ret,
		    struct fault *f);

/* One setting of the machine that closes a hole of level base. */
struct companion {
	const char *name;
	char value[64]; /* as it is; "" if this kernel does not have it */
	bool good;
	const char *hole; /* what is open without it */
};
#define COMPANIONS 4
void cover_companions(struct companion ret[COMPANIONS]);

#endif
