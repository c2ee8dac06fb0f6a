/* replay - which of the decisions that were taken another policy would change.
 *
 * The server's history (GET /v1/history) is decided twice on this machine, with the same facts.
 * Owns: fetching it, and how the differences are shown. Must not own: the decision
 * (lib/policy/replay.h). */
#ifndef GS_CLI_REPLAY_H
#define GS_CLI_REPLAY_H

#include "lib/policy/replay.h"
#include "prog/cli/cli.h"

struct replay_pair {
	struct replay_world before;
	struct replay_world after;
	unix_time since;
};

/* *ret:
 * {"changed":[{"after":VERDICT,"at","before":VERDICT,"key","logged","request","requester"}..],
 * "decided":N,"outcomes":N,"since"}; VERDICT: {"outcome","reason","rule","text"}. "outcomes" counts
 * those of changed whose outcome is another. Of what the server says only what was parsed is in it.
 */
MUST rc replay_run(struct cli *c, const struct replay_pair *p, json_t **ret);
void replay_print(const struct cli *c, const json_t *replayed);

/* `policy diff --replay SPAN NEW` */
rc cmd_policy_diff(struct cli *c, const struct args *a);

#endif
