/* hostadmin - statements about hosts whose key comes by enrolment: invite, lock, unlock, forget.
 *
 * predicate {"action":A,"expires":T,"host":NAME,"nonce":HEX32,"origin":TEXT,"params":{...}},
 * subject name "params" with the SHA-256 of the params object's bytes
 *   invite  {"ek":HEX?,"lifetime":SECONDS,"token":HEX}  the policy's admin quorum; token: SHA-256
 *           of the public key blob that belongs to the token (host_token.h); the lifetime counts
 *           from the keeper's acceptance; ek: SHA-256 of the public area of the one TPM's
 *           endorsement key that may enrol (its name without the first two bytes)
 *   lock    {"comment":TEXT}    one person of the roster suffices
 *   unlock  {"comment":TEXT}    the policy's unlock quorum
 *   forget  {"comment":TEXT}    the policy's admin quorum: the host's key is theirs no longer
 * Signatures travel beside the bytes as in change.h. */
#ifndef GS_MODEL_HOSTADMIN_H
#define GS_MODEL_HOSTADMIN_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/change.h"
#include "lib/model/name.h"

#define INVITE_DEFAULT 600u
#define INVITE_MIN 60u
#define INVITE_MAX (7u * 24 * 3600)

enum host_action { HOST_INVITE, HOST_LOCK, HOST_UNLOCK, HOST_FORGET, HOST_ACTION__COUNT };

struct host_change {
	enum host_action action;
	struct name host;
	char origin[ORIGIN_MAX + 1];
	uint8_t nonce[REQUEST_NONCE];
	unix_time expires;
	/* invite */
	uint32_t lifetime;
	struct digest token;
	struct digest ek; /* zeros: none is named */
	/* the others */
	char comment[CHANGE_COMMENT_MAX + 1];
};

/* Form as jcan.h and field.h; RC_MISMATCH another kind, or a subject that is not the digest of the
 * params; RC_UNKNOWN action; RC_RANGE lifetime. encode appends, and refuses what parse refuses. */
MUST rc host_change_parse(struct view bytes, struct host_change *ret, struct fault *f);
MUST rc host_change_encode(const struct host_change *c, struct buf *out, struct fault *f);
/* "invite"; "?" for none. RC_UNKNOWN. */
const char *host_action_name(enum host_action a);
MUST rc host_action_parse(struct view name, enum host_action *ret);

#endif
