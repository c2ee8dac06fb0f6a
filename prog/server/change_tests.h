/* change_tests - the tests that travel with a policy or roster, run before it is shown to anybody.
 *
 * A convenience: who signs runs them again (prog/cli/change_show.c), and trusts nothing here. */
#ifndef GS_SERVER_CHANGE_TESTS_H
#define GS_SERVER_CHANGE_TESTS_H

#include "prog/server/server.h"

/* Time zones for tests; read from there, if it is there when the server starts. */
#define SERVER_ZONES "/usr/share/zoneinfo"

/* Refuses with change.tests, keeper.unavailable. A statement that does not parse is for the keeper
 * to refuse, as is one whose document is not valid. */
MUST rc change_tests(struct call_ctx *c, enum statement_kind kind, struct view statement);

struct policy;
/* The policy in force; the caller releases it. Refuses with keeper.internal, and as call_keeper. */
MUST rc policy_in_force(struct call_ctx *c, struct policy **ret);

#endif
