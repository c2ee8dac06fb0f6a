#include "prog/cli/replay.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/codec/base64.h"
#include "prog/cli/api.h"
#include "prog/cli/policy_file.h"
#include "prog/cli/replay_grants.h"
#include "prog/cli/zones.h"

#define ROWS_MAX 1000000u /* of one replay: a server that never ends is given up */

/* ---- Rows of the history -------------------------------------------------------------------*/

/* One request as it was logged; its request borrows from statement. */
struct logged {
	struct buf statement;
	struct request request;
	struct digest id;
	struct replay_request q;
	const char *outcome; /* what became of it */
};

static void logged_release(struct logged *l)
{
	request_release(&l->request);
	buf_release(&l->statement);
}
AUTO_DEFINE(logged, struct logged, logged_release)

/* Withdrawn ones were no approvals in the end; of the others it does not matter here whether they
 * still count today. */
static bool read_approval(const json_t *row, struct replay_approval *ret)
{
	*ret = (struct replay_approval){.channel = SSHKEY_CLI};
	if (strcmp(json_text(row, "channel"), "browser") == 0)
		ret->channel = SSHKEY_BROWSER;
	return strcmp(json_text(row, "reason"), "state.no-approval") != 0 &&
	       rc_is_ok(name_parse(view_str(json_text(row, "person")), &ret->person)) &&
	       rc_is_ok(time_parse(view_str(json_text(row, "given")), &ret->given)) &&
	       rc_is_ok(time_parse(view_str(json_text(row, "expires")), &ret->expires));
}

static const char *outcome_logged(const json_t *status)
{
	static const char *const words[] = {"state.denied", "state.cancelled", "state.expired"};
	const char *reason = json_text(status, "reason");

	if (json_number(status, "uses_spent") > 0)
		return "signed";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(reason, words[i]) == 0)
			return words[i] + 6;
	return "open";
}

static rc read_row(const json_t *row, struct logged *ret)
{
	const json_t *status = json_object_get(row, "status");
	const json_t *approval;
	struct fault f = {0};
	size_t i;

	buf_init(&ret->statement, REQUEST_BYTES_MAX);
	TRY(base64_parse(BASE64_STD, view_str(json_text(row, "statement")), &ret->statement, &f));
	TRY(request_parse(buf_view(&ret->statement), &ret->request, &f));
	ret->id = digest_of(buf_view(&ret->statement));
	ret->q = (struct replay_request){.request = &ret->request};
	if (json_number(status, "authorize") > 0)
		ret->q.authorize = (uint64_t)json_number(status, "authorize");
	ret->outcome = outcome_logged(status);
	json_array_foreach(json_object_get(status, "approvals"), i, approval)
	{
		struct replay_approval a;

		if (!read_approval(approval, &a))
			continue;
		if (ret->q.approval_count == QUORUM_PEOPLE_MAX)
			return RC(RC_LIMIT);
		ret->q.approvals[ret->q.approval_count++] = a;
	}
	return time_parse(view_str(json_text(row, "created")), &ret->q.arrived);
}

/* ---- Two decisions -------------------------------------------------------------------------*/

static const char *rule_name(const struct decision *d)
{
	return d->rule == NULL ? "" : d->rule->name.s;
}

static json_t *verdict(const struct decision *d)
{
	return json_pack("{s:s,s:s,s:s,s:s}", "outcome",
			 d->outcome == OUTCOME_ALLOW ? "allow" : outcome_word(d->outcome), "reason",
			 reason_id(d->refusal.reason), "rule", rule_name(d), "text",
			 d->refusal.text);
}

struct replaying {
	json_t *changed;
	json_int_t decided;
	json_int_t outcomes;
	bool cut;
};

static rc replay_row(const struct replay_pair *p, const struct logged *l, struct replaying *r)
{
	struct decision before;
	struct decision after;
	char id[DIGEST_HEX];
	char when[TIME_TEXT] = "";
	unix_time at;

	TRY(replay_moment(&p->before, &l->q, &at, &before));
	TRY(replay_decide(&p->after, &l->q, at, &after));
	r->decided++;
	if (before.outcome == after.outcome && before.refusal.reason == after.refusal.reason &&
	    strcmp(rule_name(&before), rule_name(&after)) == 0)
		return OK;
	r->outcomes += before.outcome != after.outcome;
	digest_hex(&l->id, id);
	rc_ignore(time_format(at, when), "parsed times can be formatted");
	return json_array_append_new(r->changed,
				     json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "request", id,
					       "requester", l->request.requester.s, "key",
					       l->request.key.s, "at", when, "logged", l->outcome,
					       "before", verdict(&before), "after",
					       verdict(&after))) == 0
		       ? OK
		       : RC(RC_NOMEM);
}

static rc replay_page(struct cli *c, const struct replay_pair *p, const json_t *page,
		      struct replaying *r)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(page, "requests"), i, row)
	{
		AUTO(logged) struct logged l = {0};

		r->cut = p->most > 0 && r->decided >= (json_int_t)p->most;
		if (r->cut)
			return OK;
		if (!rc_is_ok(read_row(row, &l)))
			return cli_problem(c, RC_PEER, "",
					   "the server's history: a row that is no request");
		if (!rc_is_ok(replay_row(p, &l, r)))
			return cli_problem(c, RC_LIMIT, "",
					   "more people than a decision can weigh");
		if (r->decided > ROWS_MAX)
			return cli_problem(c, RC_LIMIT, "ask for a shorter time",
					   "more than %u requests", ROWS_MAX);
	}
	return OK;
}

/* Cursors go down, so that it ends. */
static rc next_page(struct cli *c, const json_t *page, uint64_t *cursor)
{
	const char *next = json_text(page, "next");
	uint64_t n;

	if (next[0] == '\0') {
		*cursor = 0;
		return OK;
	}
	if (!rc_is_ok(num_parse_u64(next, strlen(next), UINT64_MAX >> 1, &n)) || n == 0 ||
	    (*cursor != 0 && n >= *cursor))
		return cli_problem(c, RC_PEER, "", "the server's history goes in circles");
	*cursor = n;
	return OK;
}

rc replay_run(struct cli *c, const struct replay_pair *pair, json_t **ret)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(replay_grants) struct replay_grants granted_before = {0};
	AUTO(replay_grants) struct replay_grants granted_after = {0};
	AUTO(json) json_t *changed = json_array();
	struct replaying r = {.changed = changed};
	struct replay_pair copy = *pair;
	const struct replay_pair *p = &copy;
	char since[TIME_TEXT];
	uint64_t cursor = 0;

	if (!rc_is_ok(time_format(p->since, since)))
		return cli_problem(c, RC_USAGE, "", "a time from 1970 to 9999");
	TRY(replay_grants_load(c, "", "", p->since, &copy.before, &granted_before));
	TRY(replay_grants_load(c, "", "", p->since, &copy.after, &granted_after));
	do {
		AUTO(json) json_t *page = NULL;

		TRY(api_json(c, &get, &page, "/v1/history?since=%s&after=%llu&limit=500", since,
			     (unsigned long long)cursor));
		TRY(replay_page(c, p, page, &r));
		TRY(next_page(c, page, &cursor));
		r.cut |= cursor != 0 && p->most > 0 && r.decided >= (json_int_t)p->most;
	} while (cursor != 0 && !r.cut);
	*ret = json_pack("{s:O,s:b,s:I,s:I,s:s}", "changed", changed, "cut", r.cut, "decided",
			 r.decided, "outcomes", r.outcomes, "since", since);
	return *ret != NULL ? OK : cli_problem(c, RC_NOMEM, "", "no memory");
}

/* ---- The command ---------------------------------------------------------------------------*/

static void print_verdict(const struct cli *c, const char *name, const json_t *v)
{
	const char *outcome = json_text(v, "outcome");
	bool allow = strcmp(outcome, "allow") == 0;
	const char *colour = allow ? cli_green(c) : cli_red(c);
	const char *rule = json_text(v, "rule");

	(void)printf("    %s %s%-5s%s by %s%s", name, colour, outcome, cli_plain(c),
		     rule[0] == '\0' ? "no rule" : "rule ", rule);
	if (!allow)
		(void)printf(": %s, %s", json_text(v, "reason"), json_text(v, "text"));
	(void)putchar('\n');
}

void replay_print(const struct cli *c, const json_t *replayed, size_t rows)
{
	const json_t *changed = json_object_get(replayed, "changed");
	const json_t *row;
	size_t i;

	json_array_foreach(changed, i, row)
	{
		if (rows > 0 && i == rows) {
			(void)printf("... and %zu more, which --json shows\n",
				     json_array_size(changed) - i);
			break;
		}
		(void)printf("%s%.16s%s %s asks for %s, %s; %s\n", cli_bold(c),
			     json_text(row, "request"), cli_plain(c), json_text(row, "requester"),
			     json_text(row, "key"), json_text(row, "at"), json_text(row, "logged"));
		print_verdict(c, "now", json_object_get(row, "before"));
		print_verdict(c, "new", json_object_get(row, "after"));
	}
	(void)printf("%s%" JSON_INTEGER_FORMAT " requests since %s: %" JSON_INTEGER_FORMAT
		     " would have another outcome, %zu another outcome, reason or rule\n",
		     json_is_true(json_object_get(replayed, "cut")) ? "the newest " : "",
		     json_number(replayed, "decided"), json_text(replayed, "since"),
		     json_number(replayed, "outcomes"), json_array_size(changed));
	if (json_is_true(json_object_get(replayed, "cut")))
		(void)printf("%sOlder requests of that time were not looked at%s; all of them are "
			     "with: greatseal policy diff --replay\n",
			     cli_red(c), cli_plain(c));
	(void)printf("Rates and evidence are taken as kept, approvals as given under each rule.\n");
}

rc replay_since(struct cli *c, const char *text, unix_time *ret)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	unix_time now = clock_now(&clock_system);
	size_t len = strlen(text);
	uint64_t n;

	for (size_t i = 0; len > 1 && i < sizeof(units) / sizeof(units[0]); i++)
		if (text[len - 1] == units[i].unit &&
		    rc_is_ok(num_parse_u64(text, len - 1, 100000000, &n)) && n > 0) {
			n *= units[i].seconds;
			*ret = n < (uint64_t)now ? now - (unix_time)n : 0;
			return OK;
		}
	return cli_problem(c, RC_USAGE, "", "--replay %s: like 30d, 12h or 2w", text);
}

rc cmd_policy_diff(struct cli *c, const struct args *a)
{
	const char *span = args_value(a, "replay");
	const char *roster = args_value(a, "roster");
	AUTO(policy_file) struct policy_file before = {0};
	AUTO(policy_file) struct policy_file after = {0};
	AUTO(policy_file) struct policy_file people = {0};
	AUTO(policy_file) struct policy_file new_people = {0};
	AUTO(json) json_t *replayed = NULL;
	struct replay_pair p = {.before = {.zones = &zones_system},
				.after = {.zones = &zones_system}};
	struct fault f = {0};

	if (span == NULL)
		return cli_problem(c, RC_USAGE, "", "say how far back: --replay 30d");
	TRY(replay_since(c, span, &p.since));
	TRY(policy_file_read(c, SOURCE_POLICY, a->words[0], &after));
	if (roster != NULL)
		TRY(policy_file_read(c, SOURCE_ROSTER, roster, &new_people));
	TRY(cli_config(c));
	TRY(policy_file_in_force(c, SOURCE_POLICY, &before));
	TRY(policy_file_in_force(c, SOURCE_ROSTER, &people));
	p.before.policy = before.policy;
	p.before.roster = people.roster;
	p.after.policy = after.policy;
	p.after.roster = roster != NULL ? new_people.roster : people.roster;
	if (!rc_is_ok(policy_check(p.after.policy, p.after.roster, &f)))
		return cli_problem(c, RC_USAGE, "see: greatseal policy check", "%s: %s",
				   a->words[0], f.text);
	TRY(replay_run(c, &p, &replayed));
	c->exit = json_number(replayed, "outcomes") > 0 ? EXIT_ERROR : EXIT_DONE;
	if (!cli_print_json(c, replayed))
		replay_print(c, replayed, 0);
	return OK;
}
