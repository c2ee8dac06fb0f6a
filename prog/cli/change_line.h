/* change_line - what a pending change is about, in one line.
 *
 * For lists, and above the report before somebody signs. Owns: the words. Must not own: the whole
 * difference (change_show.c). Names are checked words; comments are made fit for a terminal. */
#ifndef GS_CLI_CHANGE_LINE_H
#define GS_CLI_CHANGE_LINE_H

#include "lib/model/roster.h"
#include "lib/policy/policy.h"
#include "prog/cli/cli.h"

#define CHANGE_LINE_MAX 1024

/* Rules that come, go and change; quorums before and after. */
void change_line_policy(const struct policy *is, const struct policy *next,
			char out[CHANGE_LINE_MAX]);
/* People, hosts, services and builders that come and go, or have other keys or groups. */
void change_line_roster(const struct roster *is, const struct roster *next,
			char out[CHANGE_LINE_MAX]);
/* Of a statement of any kind of change; a policy or roster is held against the one in force. */
MUST rc change_line(struct cli *c, enum statement_kind kind, struct view statement,
		    char out[CHANGE_LINE_MAX]);

#endif
