/* policy - the compiled policy document: rules in force, immutable once parsed.
 *
 * Canonical JSON document (inside a policy statement, model/change.h):
 * {"admin":{"approve":[SEAT..]},"change":{"approve":[SEAT..]},
 *  "rules":[{"approval_lifetime":SECONDS?,"approve":[SEAT..]?,"formats":[TEXT..],"from":[NAME..],
 *    "keys":[NAME..],"max_deadline":SECONDS?,"max_uses":N?,"name":NAME,"request":[TEXT..],
 *    "unattended":true?,"upload":"required"|"optional"?}..],
 *  "unlock":{"approve":[SEAT..]},"version":N}
 * SEAT is "2 of release-managers" (a group) or "1 of @alice" (a person); N 1..64. request entries:
 * "group:NAME" or a person's NAME. from: host names or "group:NAME". "?" marks optional names:
 * defaults 259200 s, none, 1209600 s, 1, false, "required". A rule has either a non-empty approve or
 * unattended:true, never both and never neither (P7). */
#ifndef GS_POLICY_POLICY_H
#define GS_POLICY_POLICY_H

#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/roster.h"

#define POLICY_RULES_MAX 256u
#define POLICY_LIST_MAX 256u
#define POLICY_SEATS_MAX 64u /* clauses and also places in all */

/* "N of group" or "N of @person". */
struct seat {
	uint32_t count;
	bool is_person;
	struct name who;
};

struct quorum_spec {
	struct seat *seats;
	size_t count;
};

/* A name that stands for itself or for a group. */
struct subject_ref {
	bool is_group;
	struct name name;
};

struct rule {
	struct name name;
	struct name *keys;
	size_t key_count;
	struct subject_ref *request;
	size_t request_count;
	struct subject_ref *from;
	size_t from_count;
	char (*formats)[16];
	size_t format_count;
	struct quorum_spec approve;
	bool unattended;
	bool upload_required;
	uint32_t max_uses;
	uint64_t approval_lifetime;
	uint64_t max_deadline;
	struct view json; /* this rule's canonical bytes inside policy->bytes */
};

struct policy {
	uint64_t version;
	struct rule *rules;
	size_t rule_count;
	struct quorum_spec admin;
	struct quorum_spec change;
	struct quorum_spec unlock;
	struct digest digest; /* of the document's canonical bytes */
	struct buf bytes;
};

MUST rc policy_parse(struct view document, struct policy **ret, struct fault *f);
void policy_free(struct policy *p);

/* Checks that need both: every group and person named exists and has a member, every quorum can be
 * filled (also without any one requester). Run before a new policy or roster is accepted.
 * RC_NOTFOUND, RC_DENIED with the sentence to show. */
MUST rc policy_check(const struct policy *p, const struct roster *r, struct fault *f);

/* Digest of the effective rule: rule bytes, and for every group it names the sorted member names and
 * their key blobs, and the key's fingerprint. What an approval binds to: an unrelated policy or roster
 * edit leaves it alone, a related one voids it. */
struct digest policy_rule_digest(const struct rule *rule, const struct roster *r,
				 const struct digest *key_fingerprint);

#endif
