/* show - lists and single requests for people. */
#include "prog/cli/show.h"

#include <string.h>

#include "lib/base/num.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/wish.h"

#define LIST_DEFAULT 50

static void print_row(const struct cli *c, const json_t *row)
{
	const json_t *names = json_object_get(row, "names");
	const char *state = json_text(row, "state");
	bool open = strcmp(state, "open") == 0;

	const char *first = json_string_value(json_array_get(names, 0));

	(void)printf("%s%.16s%s  %-9s %-10s %-16s %s", cli_bold(c), json_text(row, "request"),
		     cli_plain(c), open ? json_text(row, "outcome") : state,
		     json_text(row, "requester"), json_text(row, "key"),
		     first == NULL ? "?" : first);
	if (json_number(row, "items") > 1)
		(void)printf(" and %" JSON_INTEGER_FORMAT " more", json_number(row, "items") - 1);
	(void)putchar('\n');
	if (open)
		(void)printf("                  %s, until %s\n", json_text(row, "text"),
			     json_text(row, "deadline"));
}

rc cmd_inbox(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	const char *limit = args_value(a, "limit");
	const char *after = args_value(a, "after");
	AUTO(json) json_t *list = NULL;
	const json_t *row;
	uint64_t n = LIST_DEFAULT;
	size_t i;

	if (limit != NULL && !rc_is_ok(num_parse_u64(limit, strlen(limit), 500, &n)))
		return cli_problem(c, RC_USAGE, "", "--limit %s: 1 to 500", limit);
	TRY(api_json(c, &get, &list, "/v1/requests?%slimit=%llu%s%s",
		     args_has(a, "all")	   ? ""
		     : args_has(a, "mine") ? "requester=me&"
					   : "for=me&state=open&",
		     (unsigned long long)n,
		     after == NULL ? "" : "&after=", after == NULL ? "" : after));
	if (cli_print_json(c, list))
		return OK;
	json_array_foreach(json_object_get(list, "requests"), i, row) print_row(c, row);
	if (i == 0)
		(void)printf("nothing waits for %s\n", c->config.person.s);
	if (json_is_string(json_object_get(list, "next")))
		cli_say(c, "more: --after %s", json_text(list, "next"));
	return OK;
}

static void print_reports(const struct cli *c, const struct wish *w)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(w->answer, "reports"), i, row)
	{
		const char *diff = json_text(row, "diff");

		(void)printf("  file %" JSON_INTEGER_FORMAT ": inspected (%.12s)%s\n",
			     json_number(row, "item") + 1, json_text(row, "report"),
			     diff[0] != '\0' ? ", compared with the last signed version"
					     : ", no earlier signed version to compare with");
	}
	if (i > 0)
		(void)printf("  look: %sgreatseal inspect %.16s%s and %sgreatseal diff %.16s%s\n",
			     cli_bold(c), w->id, cli_plain(c), cli_bold(c), w->id, cli_plain(c));
}

rc cmd_show(struct cli *c, const struct args *a)
{
	AUTO(wish) struct wish w = {0};

	TRY(wish_fetch(c, a->words[0], &w));
	c->exit = EXIT_DONE;
	if (cli_print_json(c, w.answer))
		return OK;
	wish_print(c, &w, args_has(a, "all"));
	print_reports(c, &w);
	answer_print_status(c, wish_status(&w));
	return OK;
}

rc cmd_explain(struct cli *c, const struct args *a)
{
	AUTO(wish) struct wish w = {0};
	const json_t *status;

	TRY(wish_fetch(c, a->words[0], &w));
	status = wish_status(&w);
	if (cli_print_json(c, status))
		return OK;
	answer_print_status(c, status);
	if (json_text(status, "rule")[0] != '\0')
		(void)printf("rule %s:\n", json_text(status, "rule"));
	answer_print_checks(c, status);
	return OK;
}
