/* lint_impl - what lint.c and lint_time.c share. Private to these. */
#ifndef GS_POLICY_LINT_IMPL_H
#define GS_POLICY_LINT_IMPL_H

#include "lib/policy/lint.h"

struct linter {
	const struct policy *policy;
	const struct roster *roster;
	const struct zone_source *zones;
	unix_time now;
	const struct principal **people; /* everybody; one may be NULL for a while */
	struct findings *found;
	rc failed; /* the first failure of lint_add() */
};

/* The place of a finding. */
struct spot {
	enum lint_where where;
	const char *name;
};

__attribute__((format(printf, 4, 5))) void lint_add(struct linter *l, struct spot at,
						    const char *code, const char *fmt, ...);

/* Rules that wait for times that do not come, or come too late. */
void lint_times(struct linter *l);

#endif
