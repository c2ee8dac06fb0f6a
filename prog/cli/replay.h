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
	struct replay_world before; /* its grants, as those of after, are fetched by replay_run() */
	struct replay_world after;
	unix_time since;
	size_t most; /* so many of the newest are decided, and no more; 0: all, or RC_LIMIT */
};

/* *ret:
 * {"changed":[{"after":VERDICT,"at","before":VERDICT,"key","logged","request","requester"}..],
 * "cut":BOOL,"decided":N,"outcomes":N,"since"}; VERDICT: {"outcome","reason","rule","text"}.
 * "outcomes" counts those of changed whose outcome is another; cut: there are more than `most`. Of
 * what the server says only what was parsed is in it. */
MUST rc replay_run(struct cli *c, const struct replay_pair *p, json_t **ret);
/* The first `rows` of the changed ones (0: all), and how many there are. */
void replay_print(const struct cli *c, const json_t *replayed, size_t rows);
/* "30d" back from now. RC_USAGE. */
MUST rc replay_since(struct cli *c, const char *text, unix_time *ret);

/* `policy diff --replay SPAN NEW` */
rc cmd_policy_diff(struct cli *c, const struct args *a);

#endif
