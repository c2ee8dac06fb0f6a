/* evaluate - the decision: one pure function of policy, roster, request, facts and time.
 *
 * Server, keeper and CLI call the same function; only the keeper's answer counts. */
#ifndef GS_POLICY_EVALUATE_H
#define GS_POLICY_EVALUATE_H

#include "lib/base/clock.h"
#include "lib/model/access.h"
#include "lib/model/act.h"
#include "lib/model/reason.h"
#include "lib/model/request.h"
#include "lib/policy/artifact.h"
#include "lib/policy/policy.h"
#include "lib/policy/quorum.h"

enum outcome { OUTCOME_ALLOW, OUTCOME_WAIT, OUTCOME_DENY };

/* One approval whose signature the caller has verified. */
struct approval_fact {
	struct name person;
	struct digest rule;
	struct digest statement;
	unix_time given;
	unix_time expires;
	enum sshkey_channel channel; /* in which it was signed */
	bool synced;		     /* by a passkey that may be copied between devices */
	bool early; /* given before the request, over its files (model/preapproval.h) */
};

/* What the journal says about one rate of the key. */
struct rate_fact {
	bool reached;
	unix_time passes; /* if reached: when the oldest use that counts no longer does */
};

/* How the key of the requesting host is kept. */
struct host_fact {
	bool known; /* else a rule that names classes refuses (P7) */
	enum host_class klass;
};

/* A grant that was not revoked and whose owners still stand behind it (grant.h), of the requester
 * for the key of the request. */
struct grant_fact {
	struct name person;
	struct name host; /* "": from where the rules say */
	enum access_role role;
	unix_time until;
	struct digest statement;
};

/* The review that is owed for a use of the key that broke the glass, and due first. */
struct review_fact {
	unix_time due; /* 0: none is owed */
	struct digest request;
	uint32_t use;
};

/* Seconds between what is said of a guard and the request's arrival. */
#define GUARD_AGE 600

struct facts {
	const struct request *request;
	struct digest key_fingerprint; /* of the key that now has that name */
	bool key_known;
	bool key_locked;
	bool key_retired;
	const struct approval_fact *approvals;
	size_t approval_count;
	/* When the request became known: what was said before it counts for a hold from then. */
	unix_time submitted;
	struct host_fact host;
	uint32_t uses_spent;
	unix_time now;
	const struct zone_source *zones; /* NULL: none can be read, so windows and freezes refuse */
	/* For each rate of the key (policy_key()), in the policy's order; a rate without a fact
	 * refuses (P7). */
	struct rate_fact rates[POLICY_RATES_MAX];
	size_t rate_count;
	/* A decision that was taken is looked at again by somebody without the journal: rates are
	 * taken to have been kept. */
	bool without_rates;
	/* Who is behind the requesting service, by its token (people[].accounts); NULL: nobody
	 * said. */
	const char *actor;
	/* What machines say of the artifacts, sorted by sha256 (artifact.h): verified, and of
	 * makers who are still in the roster. */
	const struct evidence_fact *evidence;
	size_t evidence_count;
	/* As without_rates: evidence is taken to have been there. */
	bool without_evidence;
	/* As without_rates: holds are taken to have been kept. */
	bool without_hold;
	const struct grant_fact *grants;
	size_t grant_count;
	struct review_fact review;
};

#define CHECKS_MAX 32u

/* One line of `greatseal explain`: code, outcome, evidence. */
struct check {
	enum reason reason; /* what would refuse here; REASON_NONE never */
	enum outcome outcome;
	unix_time passes; /* of a wait: when time alone ends it; 0: no such time is known */
	char text[REASON_TEXT];
};

struct decision {
	enum outcome outcome;
	const struct rule *rule; /* the best rule; NULL if none names the key */
	struct digest rule_digest;
	bool break_glass;	/* the rule passed a closed window or a freeze by it */
	struct refusal refusal; /* the first check whose outcome is the decision's; NONE on allow */
	struct quorum_result quorum;
	struct check checks[CHECKS_MAX];
	size_t check_count;
	/* statements of the live approvals that filled the quorum, for the authorize leaf */
	struct digest counted[QUORUM_PEOPLE_MAX];
	size_t counted_count;
	/* that let the requester or the host in, where the rule itself does not; or NULL */
	const struct grant_fact *grant;
};

/* Every rule that names the key is tried; the request is allowed if some rule passes in full. A
 * rule's result is deny if any check denies, else wait if any waits. The best rule (allow > wait
 * for people > wait for a window or the end of a freeze > deny; ties: first) is reported; if no
 * rule names the key, rule.none and a line for each rule. Rules on trial (observe) never count;
 * what they would have said is a line of the outcome ok, rule.observe. Times: an approval counts
 * while given <= now < expires and now < given + lifetime, for this rule digest only; the request
 * while now <= deadline; wait before not_before. The requester never fills a seat. Windows are open
 * from an opening (inclusive) for their length, freezes hold from <= now < to; both are passed by
 * break_glass rules. A hold begins when the approvals that count
 * now were first enough to fill the seats. A live grant of a key with owners stands in for
 * rule.request, and if it names the host of the request, for rule.from; for nothing else. Reasons
 * it can give: who.person, who.host, host.class, key.unknown, .fingerprint, .locked and .review
 * (wait), .retired, time.* (.deadline, .clock and .zone deny, the others wait), limit.rate (wait),
 * state.uses, rule.* but rule.params, approve.quorum, .rule-changed, .expired, .synced. Of more
 * than QUORUM_PEOPLE_MAX live approvals those that come first in the facts are weighed. Never fails
 * on input. */
MUST rc evaluate(const struct policy *p, const struct roster *r, const struct facts *facts,
		 struct decision *ret);

/* The same for a use that is signed and held until the request's release: allow if it may be given
 * out now. Waits with time.release, key.locked, key.review, time.freeze (unless the use broke the
 * glass) or time.zone; never denies. Reads of facts what request (its key and release alone), key,
 * review and time are; of *d rule and rule_digest stay. Policy and approvals are not weighed again:
 * that was when it was signed. */
void evaluate_release(const struct policy *p, const struct facts *facts, bool break_glass,
		      struct decision *d);

/* Why this approval does not count under the rule (who.person, who.self, who.behind, who.seat,
 * who.channel, approve.rule-changed, approve.expired, approve.synced); REASON_NONE if it does. */
enum reason approval_reason(const struct policy *p, const struct roster *r, const struct rule *rule,
			    const struct facts *facts, const struct approval_fact *a);

/* Whether a rule for the key asks what machines say; and whether one asks for this one's word. */
bool policy_needs_evidence(const struct policy *p, const struct name *key);
bool policy_wants_evidence(const struct policy *p, const struct name *key, enum evidence_kind kind,
			   const struct name *by);

/* "ok", "wait", "deny": the words of a check. */
const char *outcome_word(enum outcome o);

#endif
