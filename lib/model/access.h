/* access - statements by which owners of a key let somebody in for a while, and take that back.
 *
 * predicate {"action":A,"expires":T,"key":NAME,"nonce":HEX32,"origin":TEXT,"params":{...}},
 * subject name "params" with the SHA-256 of the params object's bytes
 *   grant   {"checkpoint":{"root":HEX,"size":N},"host":NAME?,"person":NAME,"reason":TEXT,
 *            "role":"requester","until":TIME}
 *           signed by the person, who asks with it, and by the key's owners (keys[].owners of the
 *           policy), of whom the person is never one; checkpoint: the log as the person had
 *           verified it, so that a "no" in a later entry ends this, too; host: from there alone;
 *           until: the end
 *   revoke  {"comment":TEXT,"grant":HEX,"person":NAME}
 *           signed by any one owner of the key, or by the person; grant: SHA-256 of the statement
 *           that granted, or that nobody has granted yet: then nobody ever will
 * expires: until when signatures are gathered. Signatures travel beside the bytes as in change.h.
 * A grant is for exactly these bytes: another person, key, host, role or end is another one. */
#ifndef GS_MODEL_ACCESS_H
#define GS_MODEL_ACCESS_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/change.h"
#include "lib/model/name.h"

#define ACCESS_ID_TEXT 16 /* hex digits that commands show of a grant */

enum access_action { ACCESS_GRANT, ACCESS_REVOKE, ACCESS_ACTION__COUNT };

/* What a grant lets its person do with the key. */
enum access_role {
	ACCESS_REQUESTER, /* ask for signatures, as if the key's rules named them in `request` */
	ACCESS_ROLE__COUNT
};

struct access_change {
	enum access_action action;
	struct name key;
	struct name person;
	char origin[ORIGIN_MAX + 1];
	uint8_t nonce[REQUEST_NONCE];
	unix_time expires;
	char comment[CHANGE_COMMENT_MAX + 1]; /* of a grant: its reason, which is not empty */
	/* grant */
	struct name host; /* "": any that the rules take */
	enum access_role role;
	uint64_t seen_size; /* the checkpoint; 0 and zeros: nothing of the log */
	struct digest seen_root;
	unix_time until;
	/* revoke */
	struct digest grant;
};

/* Form as jcan.h and field.h; RC_MISMATCH another kind, or a subject that is not the digest of the
 * params; RC_UNKNOWN action or role; RC_SYNTAX a grant without reason; RC_RANGE a checkpoint of
 * size 0 with a root. encode appends, and refuses what parse refuses. */
MUST rc access_change_parse(struct view bytes, struct access_change *ret, struct fault *f);
MUST rc access_change_encode(const struct access_change *c, struct buf *out, struct fault *f);
/* "grant"; "?" for none. */
const char *access_action_name(enum access_action a);
/* "requester"; "?" for none. RC_UNKNOWN. */
const char *access_role_name(enum access_role r);
MUST rc access_role_parse(struct view name, enum access_role *ret);

#endif
