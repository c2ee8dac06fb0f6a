/* policy - work on policy and roster files before they are proposed: compile, check, test, fmt,
 * schema. No server is asked. */
#ifndef GS_CLI_POLICY_H
#define GS_CLI_POLICY_H

#include "prog/cli/policy_file.h"

rc cmd_policy_compile(struct cli *c, const struct args *a);
rc cmd_policy_check(struct cli *c, const struct args *a);
rc cmd_policy_test(struct cli *c, const struct args *a);
rc cmd_policy_fmt(struct cli *c, const struct args *a);
rc cmd_policy_schema(struct cli *c, const struct args *a);

/* Runs a test file against a document that is about to be proposed and the other one that the test
 * file names. RC_STATE if a test fails; each failure has been printed to standard error. out:
 * the tests in the form that travels with the proposal. */
MUST rc policy_tests_pass(struct cli *c, const char *tests, const struct policy_file *proposed,
			  struct buf *out);

/* "policy.yaml:71" of a rule, from the map that `policy compile` has written, if that map is of the
 * policy with this digest; RC_STATE if not, RC_NOTFOUND if it has no such rule. */
MUST rc policy_map_find(struct cli *c, const char *map, const char *digest, const char *rule,
			char out[POLICY_PLACE]);

#endif
