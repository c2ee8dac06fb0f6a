/* lint - what is wrong, or odd, about a policy and a roster together: `greatseal policy check`.
 *
 * Errors are what policy_check() and policy_check_zones() refuse, each by itself; warnings are what
 * it takes and its author may not have meant. Owns: the list of findings. Must not own: where they
 * stand in a file. */
#ifndef GS_POLICY_LINT_H
#define GS_POLICY_LINT_H

#include "lib/policy/policy.h"

enum lint_where {
	LINT_POLICY, /* the policy's field of this name: admin, change, unlock, tiers */
	LINT_RULE,
	LINT_TIER,
	LINT_WINDOW,
	LINT_FREEZE,
	LINT_PERSON,
	LINT_HOST,
	LINT_SERVICE,
};

struct finding {
	bool is_error;
	const char *code; /* one of those below */
	enum lint_where where;
	struct name name;
	char text[FAULT_TEXT];
};

/* policy.refused   error: a name that the roster lacks, a quorum that cannot be filled, a rule that
 *                  undercuts a tier, a zone that cannot be read
 * quorum.spare     a quorum that cannot be filled any more when one more person is away
 * rule.shadowed    whatever this rule allows, another rule allows too
 * rule.unreachable no host can be of the classes that it asks for, or a key is for other formats
 * rule.builders   all builders have to agree: one that is away stops everything
 * group.unused     no quorum and no rule names this group
 * person.idle      in no group, and named nowhere
 * host.unused      no rule accepts this host
 * service.unbound  its tokens do not name a request, and something that it may use demands that */
struct findings {
	struct finding *list;
	size_t count;
	size_t errors;
};

/* Looks at both; ret is to be released after a failure, too. RC_NOMEM. */
MUST rc lint(const struct policy *p, const struct roster *r, const struct zone_source *zones,
	     struct findings *ret);
void findings_release(struct findings *f);
AUTO_DEFINE(findings, struct findings, findings_release)

#endif
