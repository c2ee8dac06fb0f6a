#include "prog/cli/guard_token.h"

#include <fcntl.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/model/guard_token.h"
#include "prog/cli/wait.h"

#define FOR_DEFAULT "2h"

static rc fill(struct cli *c, const struct args *a, struct guard_token *t)
{
	const char *host = args_value(a, "host");
	const char *reason = args_value(a, "message");
	const char *origin = args_value(a, "origin");
	const char *span = args_value(a, "for");
	uint64_t seconds = 0;

	if (host == NULL || !rc_is_ok(name_parse(view_str(host), &t->host)))
		return cli_problem(c, RC_USAGE, "", "--host: the name of one host of the roster");
	if (reason == NULL || reason[0] == '\0' || strlen(reason) > GUARD_TOKEN_REASON_MAX)
		return cli_problem(c, RC_USAGE, "", "say why, in at most %d bytes: -m",
				   GUARD_TOKEN_REASON_MAX);
	TRY(wait_time(c, "for", span == NULL ? FOR_DEFAULT : span, &seconds));
	if (seconds > (uint64_t)GUARD_TOKEN_LIFE_MAX)
		return cli_problem(c, RC_USAGE, "", "--for %s: at most %d days", span,
				   (int)(GUARD_TOKEN_LIFE_MAX / 86400));
	if (origin == NULL) {
		TRY(cli_config(c));
		origin = c->config.origin;
	}
	if (strlen(origin) > ORIGIN_MAX)
		return cli_problem(c, RC_USAGE, "", "--origin: at most %d characters", ORIGIN_MAX);
	(void)snprintf(t->origin, sizeof(t->origin), "%s", origin);
	(void)snprintf(t->reason, sizeof(t->reason), "%s", reason);
	t->not_before = clock_now(&clock_system);
	t->not_after = t->not_before + (unix_time)seconds;
	return OK;
}

rc cmd_guard_token(struct cli *c, const struct args *a)
{
	struct file_spec spec = {.dirfd = AT_FDCWD, .mode = 0644};
	struct guard_token t = {.not_before = 0};
	AUTO(json) json_t *answer = NULL;
	AUTO(buf) struct buf out;
	char until[TIME_TEXT] = "";
	struct fault f = {0};

	buf_init(&out, GUARD_TOKEN_BYTES_MAX);
	spec.name = args_value(a, "output");
	if (spec.name == NULL)
		return cli_problem(c, RC_USAGE, "--output FILE (-o)", "where is the token to go?");
	TRY(fill(c, a, &t));
	CLI_TRY(c, &f, guard_token_encode(&t, &out, &f));
	CLI_TRY(c, &f, file_replace(&spec, buf_view(&out), &f));
	rc_ignore(time_format(t.not_after, until), "then it is empty");
	answer = json_pack("{s:s,s:s,s:s}", "output", spec.name, "host", t.host.s, "not_after",
			   until);
	if (!cli_print_json(c, answer))
		(void)printf("%s: host %s only observes until %s, once it is signed:\n"
			     "  greatseal sign --key KEY -m WHY %s\n",
			     spec.name, t.host.s, until, spec.name);
	return OK;
}
