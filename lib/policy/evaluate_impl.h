/* evaluate_impl - what the parts of the evaluation share. Private to evaluate*.c. */
#ifndef GS_POLICY_EVALUATE_IMPL_H
#define GS_POLICY_EVALUATE_IMPL_H

#include "lib/policy/evaluate.h"

/* The zones of one decision, each read once. More than these are read again each time. */
#define EVAL_ZONES_MAX 4u
struct eval_zone {
	const struct zone_name *name; /* of the policy; NULL: free */
	struct buf bytes;
	struct tzif tzif;
	rc result;
	struct fault fault;
};

/* What all checks look at. */
struct eval {
	const struct policy *policy;
	const struct roster *roster;
	const struct facts *facts;
	const struct request *request;
	const struct principal *requester; /* NULL if the roster has none */
	const struct principal *host;
	const struct key_policy *key; /* NULL if the policy says nothing about the key */
	struct eval_zone *zones;      /* EVAL_ZONES_MAX and one for the rest */
};

/* Adds one line; a line more than CHECKS_MAX is dropped, its outcome counts all the same. */
void check_add(struct decision *d, enum reason reason, enum outcome outcome, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A wait that ends at that time. */
void check_add_wait(struct decision *d, enum reason reason, unix_time passes, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* A text that lists names, cut at the size of a reason's text. */
struct words {
	char text[REASON_TEXT];
	size_t len;
};
void say(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "alice", "alice and bob", "alice, bob and dave": what goes before name i of n. */
const char *separator(size_t i, size_t n);

/* evaluate_approvals.c: fills in quorum and counted. */
MUST rc check_approvals(const struct eval *c, const struct rule *rule, struct decision *d);

/* Whether the approval counts under the rule, whose digest is given. */
enum reason approval_flaw(const struct eval *c, const struct rule *rule,
			  const struct digest *rule_digest, const struct approval_fact *a);

/* evaluate_hold.c: after check_approvals. */
void check_hold(const struct eval *c, const struct rule *rule, struct decision *d);

/* evaluate.c: nothing is signed with the key, nor given out, while people owe it a look at what
 * passed a window or freeze. */
void check_review(const struct eval *c, struct decision *d);

/* evaluate_release.c: the line about the request's release; made: it is signed, and waits for it.
 */
void check_release(const struct eval *c, bool made, struct decision *d);

/* The first check whose outcome is the decision's becomes its refusal. */
void decision_reason(struct decision *d);

/* evaluate_artifact.c */
void check_artifacts(const struct eval *c, const struct rule *rule, struct decision *d);

/* evaluate_time.c */
void check_windows(const struct eval *c, const struct rule *rule, struct decision *d);
void check_freezes(const struct eval *c, const struct rule *rule, struct decision *d);
void check_rates(const struct eval *c, struct decision *d);
void eval_zones_release(struct eval_zone *zones);

#endif
