/* gate - before a package is installed: is its archive approved here.
 *
 * Four doors, one question: apt's hook (early, names everything that is missing), dpkg's check of
 * each archive before it unpacks it (its debsig-verify slot), the plugin in rpm (before rpm changes
 * anything, by the packages' headers), and a person who asks. Behind them
 * stands the guard itself: what is not approved does not run, maintainer scripts first.
 * Owns: the verdict, and what people read. Must not own: which archives are approved (a running
 * guard knows). */
#ifndef GS_GUARD_GATE_H
#define GS_GUARD_GATE_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/crypt/digest.h"
#include "prog/guard/conf.h"

/* The settings of verbs that package managers call. */
#define CONF_FILE "/etc/greatseal/guard.conf"
/* By this name dpkg calls what checks an archive. */
#define GATE_SLOT "debsig-verify"

struct words {
	char **at;
	int count;
};

/* "gate apt", "gate rpm", "gate dpkg FILE" or "gate FILE...". RC_DENIED: something is not approved
 * and the guard enforces, or may enforce and cannot be asked; the details are on standard error. */
MUST rc verb_gate(const struct conf *c, const struct words *w, struct fault *f);
/* As dpkg calls it: "-q FILE". */
MUST rc verb_slot(const struct conf *c, const struct words *w, struct fault *f);
/* Puts records where the guard takes them, and says what it made of them. RC_DENIED: not taken. */
MUST rc verb_take(const struct conf *c, const struct words *w, struct fault *f);

/* Digest of an open file, from where it stands to its end. RC_IO, RC_CRYPTO.
 */
MUST rc gate_hash(struct hasher *h, int fd, struct digest *ret, struct fault *f);

#endif
