/* show - lists and single requests for people. */
#include "prog/cli/show.h"

#include <string.h>

#include "lib/base/num.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/authorized.h"
#include "prog/cli/document.h"
#include "prog/cli/evidence.h"
#include "prog/cli/files.h"
#include "prog/cli/policy.h"
#include "prog/cli/review.h"
#include "prog/cli/shown.h"
#include "prog/cli/whatif.h"
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
	if (answer_is_held(row))
		(void)printf("                  %s\n", json_text(row, "text"));
	if (open)
		(void)printf("                  %s, until %s\n", json_text(row, "text"),
			     json_text(row, "deadline"));
}

#define QUERY_MAX 512

/* Appends "name=value&" for an option that is given; value is checked to be of plain characters. */
static rc add_query(struct cli *c, const struct args *a, const char *option, char query[QUERY_MAX])
{
	const char *value = args_value(a, option);
	size_t len = strlen(query);
	int n;

	if (value == NULL)
		return OK;
	n = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(value)
		    ? snprintf(query + len, QUERY_MAX - len, "%s=%s&", option, value)
		    : -1;
	if (n < 0 || (size_t)n >= QUERY_MAX - len)
		return cli_problem(c, RC_USAGE, "", "--%s %s: not a name (a-z 0-9 . _ -)", option,
				   value);
	return OK;
}

/* One page of a list; query ends with '&' or '?'. Before the first of an inbox stand the reviews
 * that wait for its person, whatever key or product is looked for; warn: and the changes before. */
static rc show_list(struct cli *c, const struct args *a, const char *query, const char *none,
		    bool warn)
{
	const struct api_call get = {.method = "GET"};
	const char *limit = args_value(a, "limit");
	const char *after = args_value(a, "after");
	bool inbox = strstr(query, "for=me&") != NULL;
	AUTO(json) json_t *reviews = NULL;
	AUTO(json) json_t *list = NULL;
	const json_t *row;
	uint64_t cursor = 0;
	uint64_t n = LIST_DEFAULT;
	size_t owed = 0;
	size_t i;

	if (limit != NULL && (!rc_is_ok(num_parse_u64(limit, strlen(limit), 500, &n)) || n == 0))
		return cli_problem(c, RC_USAGE, "", "--limit %s: 1 to 500", limit);
	if (after != NULL &&
	    !rc_is_ok(num_parse_u64(after, strlen(after), UINT64_MAX >> 1, &cursor)))
		return cli_problem(c, RC_USAGE, "", "--after %s: not a cursor of a list", after);
	TRY(api_json(c, &get, &list, "%slimit=%llu&after=%llu", query, (unsigned long long)n,
		     (unsigned long long)cursor));
	if (inbox && after == NULL && c->json) {
		TRY(reviews_mine(c, &reviews));
		(void)json_object_set(list, "reviews", reviews);
		change_warn_json(c, list);
	}
	if (cli_print_json(c, list))
		return OK;
	/* Only now: of a server that is away the list has said so, once. */
	if (warn)
		change_warn(c, stdout);
	if (inbox && after == NULL)
		TRY(reviews_print_mine(c, &owed));
	json_array_foreach(json_object_get(list, "requests"), i, row) print_row(c, row);
	if (i + owed == 0)
		(void)printf("%s\n", none);
	if (json_is_string(json_object_get(list, "next")))
		cli_say(c, "more: --after %s", json_text(list, "next"));
	return OK;
}

rc cmd_inbox(struct cli *c, const struct args *a)
{
	char query[QUERY_MAX] = "/v1/requests?";
	bool all = args_has(a, "all");
	bool mine = args_has(a, "mine");
	char none[NAME_MAX_LEN + 32];

	TRY(cli_config(c));
	if (!all)
		(void)strcat(query, mine ? "requester=me&" : "for=me&state=open&");
	TRY(add_query(c, a, "key", query));
	TRY(add_query(c, a, "product", query));
	(void)snprintf(none, sizeof(none), all || mine ? "no such request" : "nothing waits for %s",
		       c->config.person.s);
	return show_list(c, a, query, none, true);
}

/* A digest as it is, or that of a file. */
static rc search_digest(struct cli *c, const char *word, struct digest *ret)
{
	const struct file_choice plain = {.format = "cms"};
	const char *hex = strncmp(word, "sha256:", 7) == 0 ? word + 7 : word;
	struct local_file file;
	struct fault f = {0};

	if (rc_is_ok(digest_parse(view_str(hex), ret)))
		return OK;
	CLI_TRY(c, &f, local_file_open(word, &plain, &file, &f));
	*ret = file.sha256;
	local_file_close(&file);
	return OK;
}

rc cmd_search(struct cli *c, const struct args *a)
{
	char query[QUERY_MAX];
	char hex[DIGEST_HEX];
	struct digest d;

	TRY(search_digest(c, a->words[0], &d));
	digest_hex(&d, hex);
	(void)snprintf(query, sizeof(query), "/v1/search?digest=%s&", hex);
	return show_list(c, a, query, "no request names this file", false);
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

/* What the host's agent saw: a note, which the server could have changed. */
static void print_claims(const struct wish *w)
{
	const json_t *claims = json_object_get(w->answer, "claims");
	const char *program = json_text(claims, "program");
	const char *sha256 = json_text(claims, "sha256");
	char text[1536];

	if (!json_is_object(claims))
		return;
	(void)snprintf(text, sizeof(text),
		       "claimed by the agent on %.64s: uid %" JSON_INTEGER_FORMAT "%s%.64s, %.1024s"
		       "%s%.16s%s",
		       json_text(claims, "host"), json_number(claims, "uid"),
		       json_text(claims, "user")[0] != '\0' ? " " : "", json_text(claims, "user"),
		       program[0] != '\0' ? program : "a program that it could not see",
		       sha256[0] != '\0' ? " (sha256 " : "", sha256, sha256[0] != '\0' ? ")" : "");
	shown_text(text, sizeof(text));
	(void)printf("  %s\n", text);
}

static bool counted(const json_t *authorized, const json_t *approval)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(authorized, "approvals"), i, row)
	{
		if (strcmp(json_text(row, "statement"), json_text(approval, "statement")) == 0)
			return true;
	}
	return false;
}

/* What became of the request is the entry of the log and no rule that is picked now, under which
 * its approvals may count no more. */
static void settle(json_t *status, json_t *authorized)
{
	json_t *row;
	size_t i;

	if (!authorized_is_final(status, authorized))
		return;
	json_array_foreach(json_object_get(status, "approvals"), i, row)
	{
		if (!counted(authorized, row))
			continue;
		(void)json_object_set_new(row, "live", json_true());
		(void)json_object_del(row, "reason");
	}
	(void)json_object_del(status, "rule");
	(void)json_object_del(status, "rule_digest");
	/* Of what is held they say what holds it. */
	if (!answer_is_held(status))
		(void)json_object_del(status, "checks");
}

rc cmd_show(struct cli *c, const struct args *a)
{
	AUTO(wish) struct wish w = {0};
	AUTO(json) json_t *authorized = NULL;

	TRY(wish_fetch(c, a->words[0], &w));
	TRY(authorized_read(c, &w, &authorized));
	c->exit = EXIT_DONE;
	if (authorized != NULL)
		(void)json_object_set(w.answer, "authorized", authorized);
	settle(json_object_get(w.answer, "status"), authorized);
	if (c->json)
		change_warn_json(c, w.answer);
	if (cli_print_json(c, w.answer))
		return OK;
	change_warn(c, stdout);
	wish_print(c, &w, args_has(a, "all"));
	print_claims(&w);
	print_reports(c, &w);
	TRY(evidence_print_request(c, &w, args_has(a, "all") ? w.request.count : EVIDENCE_SHOWN));
	answer_print_status(c, wish_status(&w));
	authorized_print(c, authorized, false);
	return OK;
}

/* Puts where the rule stands in the source of the policy, the one in force without a digest. */
static rc put_place(struct cli *c, json_t *object, const char *digest)
{
	const struct api_call get = {.method = "GET"};
	const char *rule = json_text(object, "rule");
	const char *map = args_value(c->args, "map");
	AUTO(json) json_t *policy = NULL;
	char place[POLICY_PLACE];

	if (map == NULL || rule[0] == '\0')
		return OK;
	if (digest == NULL) {
		TRY(api_json(c, &get, &policy, "/v1/policy"));
		digest = json_text(policy, "digest");
	}
	TRY(policy_map_find(c, map, digest, rule, place));
	(void)json_object_set_new(object, "rule_source", json_string(place));
	return OK;
}

static rc explain_final(struct cli *c, json_t *status, json_t *authorized)
{
	TRY(put_place(c, authorized, json_text(authorized, "policy")));
	(void)json_object_set(status, "authorized", authorized);
	if (cli_print_json(c, status))
		return OK;
	answer_print_status(c, status);
	answer_print_checks(c, status);
	authorized_print(c, authorized, true);
	return OK;
}

static rc explain_open(struct cli *c, json_t *status, json_t *authorized)
{
	const char *place;

	TRY(put_place(c, status, NULL));
	if (authorized != NULL)
		(void)json_object_set(status, "authorized", authorized);
	if (cli_print_json(c, status))
		return OK;
	place = json_text(status, "rule_source");
	answer_print_status(c, status);
	if (json_text(status, "rule")[0] != '\0')
		(void)printf("rule %s%s%s%s:\n", json_text(status, "rule"),
			     place[0] != '\0' ? " (" : "", place, place[0] != '\0' ? ")" : "");
	answer_print_checks(c, status);
	authorized_print(c, authorized, false);
	return OK;
}

rc cmd_explain(struct cli *c, const struct args *a)
{
	AUTO(wish) struct wish w = {0};
	AUTO(json) json_t *authorized = NULL;
	json_t *status;

	if (args_has(a, "who") != (a->word_count == 0))
		return cli_problem(c, RC_USAGE, "", "explain a request, or --who would make one");
	if (a->word_count == 0)
		return whatif(c, a);
	TRY(wish_fetch(c, a->words[0], &w));
	if (args_has(a, "at"))
		return whatif_request(c, a, &w);
	TRY(authorized_read(c, &w, &authorized));
	status = json_object_get(w.answer, "status");
	settle(status, authorized);
	return authorized_is_final(status, authorized) ? explain_final(c, status, authorized)
						       : explain_open(c, status, authorized);
}
