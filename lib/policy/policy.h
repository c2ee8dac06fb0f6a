/* policy - the compiled policy document: rules in force, immutable once parsed.
 *
 * Canonical JSON document (inside a policy statement, model/change.h):
 * {"admin":{"approve":[SEAT..]},"change":{"approve":[SEAT..],"delay":SECONDS?},
 *  "freezes":[{"from":LOCAL,"keys":[GLOB..],"name":NAME,"reason":TEXT?,"to":LOCAL,"zone":ZONE}..]?,
 *  "keys":[{"access_max_life":SECONDS?,"formats":[TEXT..]?,"name":NAME,"owners":[SEAT..]?,
 *    "rate":[RATE..]?,"tier":NAME?}..]?,
 *  "recovery":{"delay":SECONDS,"keys":[KEY..],"need":N}?,
 *  "rules":[{"approval_lifetime":SECONDS?,"approve":[SEAT..]?,"artifact":{..}?,"break_glass":true?,
 *    "classes":[CLASS..]?,"formats":[TEXT..],"from":[NAME..],"guard":"enforcing"|"observing"?,"hold":SECONDS?,"keys":[NAME..],
 *    "max_deadline":SECONDS?,"max_uses":N?,
 *    "mode":"observe"?,"name":NAME,"preapproved":{"max_age":SECONDS}?,"reason":"required"?,
 *    "request":[TEXT..],"review":{"approve":[SEAT..],"within":SECONDS}?,"synced":"false"?,"ticket":GLOB?,
 *    "unattended":true?,"upload":"required"|"optional"?,"windows":[NAME..]?}..],
 *  "tiers":[{"approval_lifetime":SECONDS?,"approve":[SEAT..]?,"artifact":{..}?,"classes":[CLASS..]?,"hold":SECONDS?,
 *    "max_deadline":SECONDS?,"max_uses":N?,"name":NAME,"preapproved":{"max_age":SECONDS}?,
 *    "review":{"approve":[SEAT..],"within":SECONDS}?,"synced":"false"?,"upload":"required"?}..]?,
 *  "unlock":{"approve":[SEAT..]},"version":N,
 *  "windows":[{"length":SECONDS,"name":NAME,"open":CALENDAR,"zone":ZONE}..]?}
 * SEAT is "2 of release-managers" (a group) or "1 of @alice" (a person), N 1..64, with " (cli)" or
 * " (browser)" behind it if only approvals signed there fill it. request entries: "group:NAME", a
 * person's NAME, "service:NAME" or "service:*". from: host names or "group:NAME". "?" marks
 * optional names: access_max_life 7776000 s where there are owners, and none without;
 * the others: 259200 s, none, 1209600 s, 1, false, "required". A rule has either a
 * non-empty approve or unattended:true, never both and never neither (P7). Lists may be in any
 * order (approve keeps its own: it is the order in which seats are named as missing), are not empty
 * and free of duplicates; CLASS is a word of host_class_name(); hold demands approve, and is
 * shorter than approval_lifetime and max_deadline; a seat for "@alice" has N 1. LOCAL is
 * "2026-12-18 00:00", CALENDAR as in calendar.h, ZONE as in zone.h, RATE "40 per 1h" or "40 per 1h
 * per requester" (s, m, h, d), GLOB of printable ASCII with * and ?. break_glass demands approve
 * ticket and review, and implies reason; without it there is no review. A tier's fields are floors:
 * what is left out demands nothing. docs/policy.md explains all of it with examples. */
#ifndef GS_POLICY_POLICY_H
#define GS_POLICY_POLICY_H

#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/roster.h"
#include "lib/policy/calendar.h"
#include "lib/policy/zone.h"

#define POLICY_RULES_MAX 2048u
#define POLICY_KEYS_MAX 1024u
#define POLICY_TIERS_MAX 32u
#define POLICY_TIER_CLAUSES_MAX 8u /* floors.c looks at each set of them */
#define POLICY_WINDOWS_MAX 64u
#define POLICY_WINDOW_LENGTH_MAX 2678400u /* 31 days */
#define POLICY_FREEZES_MAX 256u
#define POLICY_RATES_MAX 4u /* of one key */
#define POLICY_RATE_COUNT_MAX 100000u
#define POLICY_LIST_MAX 256u
#define POLICY_SEATS_MAX 64u /* clauses and also places in all */
#define POLICY_FORMATS_MAX 32u
#define ACCESS_LIFE_DEFAULT 7776000u /* 90 days */
#define POLICY_SECONDS_MAX 31622400u /* lifetimes and deadlines: 366 days */

/* "N of group" or "N of @person", perhaps "(cli)" or "(browser)". */
struct seat {
	uint32_t count;
	bool is_person;
	unsigned channels; /* a set of 1u << enum sshkey_channel; 0: any */
	struct name who;
};

struct quorum_spec {
	struct seat *seats;
	size_t count;
};

/* A name that stands for a person or host, for a group of them, for a service ("": any), or, in
 * from, for the jobs of a token issuer (oidc.name), wherever it runs them. */
struct subject_ref {
	bool is_group;
	bool is_service;
	bool is_issuer;
	struct name name;
};

/* A pattern: * stands for any bytes, ? for one. Empty: there is none. */
#define GLOB_MAX 64u
struct glob {
	char s[GLOB_MAX + 1];
};

/* When rules that name it may be used: from each opening on, for so long. */
struct window {
	struct name name;
	struct calendar open;
	uint64_t length; /* seconds that pass, whatever clocks on walls do */
	struct zone_name zone;
	struct digest digest; /* of its canonical bytes, as below */
};

/* When keys that match are not used, from (inclusive) to (exclusive). */
#define FREEZE_REASON_MAX 100u
struct freeze {
	struct name name;
	int64_t from; /* local times */
	int64_t to;
	struct zone_name zone;
	struct glob *keys;
	size_t key_count;
	char reason[FREEZE_REASON_MAX + 1]; /* "": none is given */
	struct digest digest;
};

/* At most count uses of the key in any period of so many seconds. */
struct rate {
	uint32_t count;
	uint32_t period;
	bool per_requester; /* uses that one person has asked for, instead of all */
};

/* Who signs a review of a use that broke the glass, and how soon (review.h). */
struct review_spec {
	struct quorum_spec approve; /* none: no review is owed */
	uint64_t within;	    /* seconds from the use */
	struct view json;	    /* {"approve":[..],"within":N}, in the document */
};

/* The least that a rule for a key of this tier must demand. 0, no seats, false: nothing. */
struct tier {
	struct name name;
	struct quorum_spec approve;
	struct view artifact; /* in the document; or empty */
	unsigned classes;
	uint64_t hold;
	bool has_preapproved;
	uint64_t preapproved_max_age; /* 0: no rule permits preapprovals */
	struct review_spec review;    /* of a break-glass rule's uses */
	uint32_t max_uses;
	uint64_t approval_lifetime;
	uint64_t max_deadline;
	bool upload_required;
	bool unsynced;
	struct digest digest;
};

/* What the policy says about a key, whichever rule is used. */
struct key_policy {
	struct name name;
	bool has_tier;
	struct name tier;
	char (*formats)[16]; /* none: those of the rule */
	size_t format_count;
	struct rate rates[POLICY_RATES_MAX];
	size_t rate_count;
	struct quorum_spec owners; /* who may let others ask for it for a while; none: nobody */
	uint64_t access_max_life;  /* of what they grant; 0 without owners */
	struct digest digest;
};

/* How the guard of the host must stand (request.h, guard). */
enum guard_demand {
	GUARD_ANY,
	GUARD_OBSERVING, /* it runs, in either mode */
	GUARD_ENFORCING,
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
	unsigned classes;	 /* of hosts: a set of 1u << enum host_class; 0: any */
	enum guard_demand guard; /* of the host's guard */
	uint64_t hold;		 /* seconds between a full quorum and the signature; 0: none */
	bool unsynced; /* approvals by passkeys that may be copied between devices do not count */
	bool unattended;
	bool upload_required;
	uint32_t max_uses;
	uint64_t approval_lifetime;
	uint64_t max_deadline;
	struct view
		artifact; /* what it demands of each file (artifact.h), in the document; or empty */
	bool has_preapproved;	      /* approvals may come before the request ... */
	uint64_t preapproved_max_age; /* ... so many seconds, at most */
	bool break_glass;	      /* passes windows and freezes, nothing else */
	struct review_spec review;    /* of a use that did; every such rule has one */
	bool observe;		      /* evaluated and reported, permits nothing */
	bool reason_required;
	struct glob ticket; /* that a word of the request's reason must match */
	struct name *windows;
	size_t window_count;
	struct view json; /* this rule's canonical bytes inside policy->bytes */
	struct digest json_digest;
};

/* That a rule names a key; sorted by key, then in the document's order. */
struct rule_ref {
	const struct name *key;
	const struct rule *rule;
};

/* Who puts a new roster in place when the people of the old one cannot: keys that are nobody's. */
#define POLICY_RECOVERY_KEYS_MAX 16u
struct recovery {
	uint64_t delay;
	struct sshkey **keys; /* in the document's order */
	size_t key_count;
	uint32_t need; /* so many of them; 0: the policy has no recovery */
};

struct policy {
	uint64_t version;
	struct rule *rules;
	size_t rule_count;
	struct rule_ref *refs;
	size_t ref_count;
	struct key_policy *keys;
	size_t key_count;
	struct tier *tiers;
	size_t tier_count;
	struct window *windows;
	size_t window_count;
	struct freeze *freezes;
	size_t freeze_count;
	struct quorum_spec admin;
	struct quorum_spec change;
	uint64_t change_delay; /* seconds from the quorum to being in force; 0: at once */
	struct recovery recovery;
	struct quorum_spec unlock;
	struct digest digest; /* of the document's canonical bytes */
	struct buf bytes;
};

/* Reads a document; *ret keeps its own copy. Form as jcan.h; RC_DUPLICATE a rule name, or an entry
 * of a list; RC_LIMIT over the maxima above or DOCUMENT_BYTES_MAX; RC_RANGE an empty list, a number
 * outside its range, more than one of a person, a rule with both or neither of approve and
 * unattended, hold without approve or longer than what it waits for, break_glass without
 * approve, ticket and review, a review without break_glass, a freeze that ends before it begins, a
 * window that never opens; RC_SYNTAX an entry or name of another form; RC_NOTFOUND a tier or window
 * that is named and not there; RC_NOMEM. */
MUST rc policy_parse(struct view document, struct policy **ret, struct fault *f);
void policy_free(struct policy *p);
static inline void policy_autorelease(struct policy **p)
{
	policy_free(*p);
}

/* Reads "2 of release-managers", "1 of @alice" or "1 of security (cli)". RC_SYNTAX, RC_RANGE,
 * RC_LIMIT. */
MUST rc seat_parse(struct view text, struct seat *ret);
/* Writes that form. */
#define SEAT_TEXT (NAME_MAX_LEN + 28)
void seat_text(const struct seat *s, char out[SEAT_TEXT]);
/* " (cli)", " (browser)" or "". */
const char *seat_channel_text(const struct seat *s);
/* Reads an entry of request or from. RC_SYNTAX, RC_LIMIT. */
MUST rc subject_ref_parse(struct view text, struct subject_ref *ret);
/* Reads a pattern: 1 to GLOB_MAX bytes of printable ASCII. RC_SYNTAX, RC_LIMIT. */
MUST rc glob_parse(struct view text, struct glob *ret);
/* Reads "40 per 1h" or "5 per 30m per requester". RC_SYNTAX, RC_RANGE. */
MUST rc rate_parse(struct view text, struct rate *ret);
/* Whether this principal is the one named, or a member of the group named; a service is only ever
 * named as one. */
bool subject_ref_matches(const struct subject_ref *s, const struct principal *p);

/* The rules that name the key, in the document's order: *ret_count of them, NULL if there is none.
 */
const struct rule_ref *policy_rules_of(const struct policy *p, const struct name *key,
				       size_t *ret_count);
/* NULL if the policy says nothing about it, or has none. */
const struct key_policy *policy_key(const struct policy *p, const struct name *key);
const struct tier *policy_tier(const struct policy *p, const struct name *name);
const struct window *policy_window(const struct policy *p, const struct name *name);
bool glob_matches(const struct glob *g, struct view text);
bool freeze_names(const struct freeze *z, const struct name *key);

/* Checks that need both: every group and principal named exists, every quorum can be filled with
 * the people of the roster, and a rule's also when any one person whom it lets request is left out;
 * no rule undercuts the tier of a key that it names (every set of people that fills the rule's
 * seats fills the tier's; no number is larger, no hold shorter, no class more, no file or evidence
 * that the tier does not demand as well; upload as the tier says; not unattended where the tier has
 * seats); no recovery key is in the roster. Run before a new policy or roster is accepted.
 * RC_NOTFOUND a name that the roster lacks; RC_DENIED a quorum that cannot be filled, a floor that
 * is undercut, or a recovery key that is somebody's; RC_LIMIT more comparisons with tiers than
 * FLOORS_WORK_MAX (floors.h); RC_NOMEM. */
MUST rc policy_check(const struct policy *p, const struct roster *r, struct fault *f);

/* That every zone of windows and freezes can be read. RC_NOTFOUND and what reading and tzif_parse
 * give. Run before a new policy is accepted. */
MUST rc policy_check_zones(const struct policy *p, const struct zone_source *zones,
			   struct fault *f);

/* Digest of the effective rule, what an approval binds to: an unrelated policy or roster edit
 * leaves it alone, a related one voids it. SHA-256 of the concatenation of "greatseal-rule-v1\n",
 * SHA-256 of rule->json, the key's fingerprint, then 32 bytes for each entry of approve, of request
 * and of from, in the document's order: the digest of the group or principal as model/roster.h
 * defines it, zeros if the roster has none, the SHA-256 of all services' digests for "service:*";
 * the same for each machine whose word artifact asks for: of provenance.by, rebuild.of and scan.by,
 * so that a builder's new key voids what was approved on the word of the old one; then the SHA-256
 * the same for each entry of review.approve; then the SHA-256
 * of the canonical bytes of each window that the rule names, of what the policy says about this
 * key, of the key's tier, and of each freeze that matches the key, in the document's order, as far
 * as there are such. */
struct digest policy_rule_digest(const struct policy *p, const struct rule *rule,
				 const struct roster *r, const struct name *key,
				 const struct digest *key_fingerprint);

#endif
