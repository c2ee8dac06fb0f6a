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
 * defaults 259200 s, none, 1209600 s, 1, false, "required". A rule has either a non-empty approve
 * or unattended:true, never both and never neither (P7). Lists may be in any order (approve keeps
 * its own: it is the order in which seats are named as missing), are not empty and free of
 * duplicates; a seat for "@alice" has N 1. docs/policy.md explains all of it with examples. */
#ifndef GS_POLICY_POLICY_H
#define GS_POLICY_POLICY_H

#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/roster.h"

#define POLICY_RULES_MAX 256u
#define POLICY_LIST_MAX 256u
#define POLICY_SEATS_MAX 64u /* clauses and also places in all */
#define POLICY_FORMATS_MAX 32u
#define POLICY_SECONDS_MAX 31622400u /* lifetimes and deadlines: 366 days */

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

/* Reads a document; *ret keeps its own copy. Form as jcan.h; RC_DUPLICATE a rule name, or an entry
 * of a list; RC_LIMIT over the maxima above or DOCUMENT_BYTES_MAX; RC_RANGE an empty list, a number
 * outside its range, more than one of a person, or a rule with both or neither of approve and
 * unattended; RC_SYNTAX a seat or name of another form; RC_NOMEM. */
MUST rc policy_parse(struct view document, struct policy **ret, struct fault *f);
void policy_free(struct policy *p);
static inline void policy_autorelease(struct policy **p)
{
	policy_free(*p);
}

/* Reads "2 of release-managers" or "1 of @alice". RC_SYNTAX, RC_RANGE, RC_LIMIT. */
MUST rc seat_parse(struct view text, struct seat *ret);
/* Writes that form. */
#define SEAT_TEXT (NAME_MAX_LEN + 16)
void seat_text(const struct seat *s, char out[SEAT_TEXT]);
/* Whether this principal is the one named, or a member of the group named. */
bool subject_ref_matches(const struct subject_ref *s, const struct principal *p);

/* Checks that need both: every group and principal named exists, every quorum can be filled with
 * the people of the roster, and a rule's also when any one person whom it lets request is left out.
 * Run before a new policy or roster is accepted. RC_NOTFOUND a name that the roster lacks;
 * RC_DENIED a quorum that cannot be filled; RC_NOMEM. */
MUST rc policy_check(const struct policy *p, const struct roster *r, struct fault *f);

/* Digest of the effective rule, what an approval binds to: an unrelated policy or roster edit
 * leaves it alone, a related one voids it. SHA-256 of the concatenation of "greatseal-rule-v1\n",
 * SHA-256 of rule->json, the key's fingerprint, then 32 bytes for each entry of approve, of request
 * and of from, in the document's order: the digest of the group or principal as model/roster.h
 * defines it, zeros if the roster has none. */
struct digest policy_rule_digest(const struct rule *rule, const struct roster *r,
				 const struct digest *key_fingerprint);

#endif
