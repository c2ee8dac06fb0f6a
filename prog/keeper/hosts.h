/* hosts - hosts whose key comes by enrolment: what people say about them, and how they stand.
 *
 * The roster says that such a host exists; the journal has a row for it from its first invitation
 * on, and for hosts of other kinds while they are locked. Owns: those rows and the host CA's
 * certificate. Must not own: quorums (changes.c), what the host itself says (enrol.c). */
#ifndef GS_KEEPER_HOSTS_H
#define GS_KEEPER_HOSTS_H

#include "lib/model/hostadmin.h"
#include "prog/keeper/gate.h"

#define HOSTS_LIST_MAX 1000u /* in one answer */

/* What the row will be after the change; nothing is written. RC_DENIED who.host, host.unenrolled,
 * change.invalid; storage errors. */
MUST rc hosts_plan(struct keeper *k, const struct host_change *c, struct journal_host *ret,
		   struct refusal *why);
/* Writes it, with the leaf that recorded the change. */
MUST rc hosts_store(struct keeper *k, const struct host_change *c, struct journal_host *row,
		    uint64_t leaf);
/* Hosts that the new roster does not list, or lists with another way to their key, are forgotten.
 * RC_DENIED change.invalid: it gives the key of a host to somebody; then nothing is forgotten.
 * check only looks. */
MUST rc hosts_check(struct keeper *k, const struct roster *roster, struct refusal *why);
MUST rc hosts_prune(struct keeper *k, const struct roster *roster, struct refusal *why);

/* The host as the roster lists it, if its key comes by enrolment. RC_DENIED who.host. */
MUST rc host_listed(const struct keeper *k, const struct name *name, const struct principal **ret,
		    struct refusal *why);
/* Hosts of any kind can be locked. RC_DENIED or RC_WAIT host.locked; storage errors. */
MUST rc host_unlocked(struct keeper *k, const struct name *name, struct refusal *why);
/* The row of a host that has a bound key. RC_DENIED host.unenrolled, RC_WAIT host.locked; storage
 * errors. */
MUST rc host_bound(struct keeper *k, const struct name *name, struct journal_host *ret,
		   struct refusal *why);
/* Also: its certificate has not ended, and its class is what the roster demands now. RC_DENIED
 * host.expired, host.class. */
MUST rc host_standing(struct keeper *k, const struct name *name, struct journal_host *ret,
		      struct refusal *why);

#endif
