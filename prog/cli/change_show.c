#include "prog/cli/change_show.h"

#include <stdlib.h>
#include <string.h>

#include "lib/format/diff.h"
#include "lib/model/roster.h"
#include "lib/policy/policy.h"
#include "prog/cli/api.h"
#include "prog/cli/change_line.h"
#include "prog/cli/document.h"
#include "prog/cli/encode.h"
#include "prog/cli/policy.h"
#include "prog/cli/replay.h"
#include "prog/cli/zones.h"

#define PRETTY_MAX ((size_t)32 << 20) /* a document with its white space */
#define OPEN_MAX 500		      /* requests of the server's list that are looked at */
#define REPLAY_SPAN "30d"	      /* of the history; --replay says another */
#define REPLAY_MAX 10000u	      /* requests of it, the newest */
#define REPLAY_ROWS 20u		      /* that are printed */

/* The two documents in force, and what they would be. */
struct world {
	struct policy *policy;
	struct roster *roster;
};

struct comparison {
	enum statement_kind kind;
	struct document_change new;
	struct document_change old;
	struct buf mem; /* the statement of the old one */
	struct world is;
	struct world would_be;
	json_t *report;
};

static void comparison_release(struct comparison *x)
{
	policy_free(x->is.policy);
	roster_free(x->is.roster);
	policy_free(x->would_be.policy);
	roster_free(x->would_be.roster);
	buf_release(&x->mem);
	json_decref(x->report);
}
AUTO_DEFINE(comparison, struct comparison, comparison_release)

/* ---- Fetch ----------------------------------------------------------------------------------*/

/* The document in force, from the statement that put it there. */
static rc document_in_force(struct cli *c, enum statement_kind kind, struct buf *mem,
			    struct document_change *ret)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *answer = NULL;
	struct fault f = {0};

	TRY(api_json(c, &get, &answer, "/v1/%s", statement_info(kind)->name));
	TRY(json_get_base64(c, answer, "statement", mem));
	CLI_TRY(c, &f, document_source_parse(kind, buf_view(mem), ret, &f));
	return OK;
}

static rc parse_into(struct cli *c, bool policy, struct view document, struct world *to)
{
	struct fault f = {0};

	if (policy)
		CLI_TRY(c, &f, policy_parse(document, &to->policy, &f));
	else
		CLI_TRY(c, &f, roster_parse(document, &to->roster, &f));
	return OK;
}

/* The other document twice: it stays. */
static rc load(struct cli *c, struct view statement, struct comparison *x)
{
	bool policy = x->kind == STATEMENT_POLICY;
	AUTO(buf) struct buf other_mem = {0};
	struct document_change other;
	struct fault f = {0};

	buf_init(&other_mem, DOCUMENT_BYTES_MAX);
	CLI_TRY(c, &f, document_change_parse(x->kind, statement, &x->new, &f));
	TRY(document_in_force(c, policy ? STATEMENT_POLICY : STATEMENT_ROSTER, &x->mem, &x->old));
	if (!digest_is_equal(&x->old.digest, &x->new.previous) &&
	    !digest_is_equal(&x->old.digest, &x->new.digest))
		return cli_problem(c, RC_STATE, "propose it again on top of the one in force",
				   "the %s in force is not the one that this change is based on",
				   policy ? "policy" : "roster");
	TRY(document_in_force(c, policy ? STATEMENT_ROSTER : STATEMENT_POLICY, &other_mem, &other));
	TRY(parse_into(c, policy, x->old.document, &x->is));
	TRY(parse_into(c, policy, x->new.document, &x->would_be));
	TRY(parse_into(c, !policy, other.document, &x->is));
	return parse_into(c, !policy, other.document, &x->would_be);
}

/* ---- Text -----------------------------------------------------------------------------------*/

/* JSON as people read it, ASCII alone. */
static rc put_pretty(struct view json, struct buf *out)
{
	AUTO(json) json_t *value = json_loadb((const char *)json.ptr, json.len, 0, NULL);
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII);

	if (text == NULL)
		return RC(RC_SYNTAX);
	buf_put_str(out, text);
	buf_put_str(out, "\n");
	free(text);
	return buf_done(out);
}

static rc put_diff(struct cli *c, struct comparison *x)
{
	AUTO(buf) struct buf was = {0};
	AUTO(buf) struct buf is = {0};
	AUTO(buf) struct buf diff = {0};
	struct fault f = {0};
	bool cut = false;

	buf_init(&was, PRETTY_MAX);
	buf_init(&is, PRETTY_MAX);
	buf_init(&diff, PRETTY_MAX);
	if (!rc_is_ok(put_pretty(x->old.document, &was)) ||
	    !rc_is_ok(put_pretty(x->new.document, &is)))
		return cli_problem(c, RC_PEER, "", "the documents cannot be read");
	CLI_TRY(c, &f, text_diff(buf_view(&was), buf_view(&is), &diff, &cut));
	(void)json_object_set_new(x->report, "diff", json_string(buf_cstr(&diff)));
	(void)json_object_set_new(x->report, "cut", json_boolean(cut));
	return OK;
}

/* ---- Quorums --------------------------------------------------------------------------------*/

static json_t *seats(const struct quorum_spec *q)
{
	json_t *list = json_array();
	char text[SEAT_TEXT];

	for (size_t i = 0; i < q->count; i++) {
		seat_text(&q->seats[i], text);
		(void)json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *quorums(const struct policy *p)
{
	json_t *keys = json_array();
	char text[SSHKEY_FINGERPRINT];

	for (size_t i = 0; i < p->recovery.key_count; i++) {
		sshkey_fingerprint_text(sshkey_fingerprint(p->recovery.keys[i]), text);
		(void)json_array_append_new(keys, json_string(text));
	}
	return json_pack("{s:o,s:o,s:I,s:o,s:{s:I,s:o,s:i}}", "admin", seats(&p->admin), "change",
			 seats(&p->change), "delay", (json_int_t)p->change_delay, "unlock",
			 seats(&p->unlock), "recovery", "delay", (json_int_t)p->recovery.delay,
			 "keys", keys, "need", (int)p->recovery.need);
}

/* ---- Rules ----------------------------------------------------------------------------------*/

static const struct rule *rule_named(const struct policy *p, const struct name *n)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (name_is_equal(&p->rules[i].name, n))
			return &p->rules[i];
	return NULL;
}

/* Whether approvals under the rule still count for this key: the very digest that they name, but
 * for the key's own, which does not change here. */
static bool is_void(const struct comparison *x, const struct rule *old, const struct name *key)
{
	static const struct digest any;
	const struct rule *new = rule_named(x->would_be.policy, &old->name);
	struct digest a;
	struct digest b;

	if (new == NULL)
		return true;
	a = policy_rule_digest(x->is.policy, old, x->is.roster, key, &any);
	b = policy_rule_digest(x->would_be.policy, new, x->would_be.roster, key, &any);
	return !digest_is_equal(&a, &b);
}

static bool is_void_for_some(const struct comparison *x, const struct rule *old)
{
	for (size_t i = 0; i < old->key_count; i++)
		if (is_void(x, old, &old->keys[i]))
			return true;
	return false;
}

static void report_rules(struct comparison *x)
{
	json_t *added = json_array();
	json_t *removed = json_array();
	json_t *changed = json_array();
	json_t *related = json_array();

	for (size_t i = 0; i < x->is.policy->rule_count; i++) {
		const struct rule *old = &x->is.policy->rules[i];
		const struct rule *new = rule_named(x->would_be.policy, &old->name);
		json_t *list = NULL;

		if (new == NULL)
			list = removed;
		else if (!digest_is_equal(&old->json_digest, &new->json_digest))
			list = changed;
		else if (is_void_for_some(x, old))
			list = related;
		if (list != NULL)
			(void)json_array_append_new(list, json_string(old->name.s));
	}
	for (size_t i = 0; i < x->would_be.policy->rule_count; i++)
		if (rule_named(x->is.policy, &x->would_be.policy->rules[i].name) == NULL)
			(void)json_array_append_new(
				added, json_string(x->would_be.policy->rules[i].name.s));
	(void)json_object_set_new(x->report, "rules",
				  json_pack("{s:o,s:o,s:o,s:o}", "added", added, "changed", changed,
					    "related", related, "removed", removed));
}

/* ---- Open requests, as the server lists them ------------------------------------------------*/

static size_t live_approvals(const json_t *row)
{
	const json_t *a;
	size_t live = 0;
	size_t i;

	json_array_foreach(json_object_get(row, "approvals"), i, a) live +=
		json_is_true(json_object_get(a, "live"));
	return live;
}

static void report_request(struct comparison *x, const json_t *row, json_t *list)
{
	const struct rule *rule;
	struct name name;
	struct name key;
	size_t live = live_approvals(row);

	if (live == 0 || !rc_is_ok(name_parse(view_str(json_text(row, "rule")), &name)) ||
	    !rc_is_ok(name_parse(view_str(json_text(row, "key")), &key)))
		return;
	rule = rule_named(x->is.policy, &name);
	if (rule == NULL || !is_void(x, rule, &key))
		return;
	(void)json_array_append_new(list, json_pack("{s:I,s:s,s:s,s:s}", "approvals",
						    (json_int_t)live, "key", key.s, "request",
						    json_text(row, "request"), "rule", name.s));
}

static rc report_requests(struct cli *c, struct comparison *x)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	const json_t *rows;
	json_t *list = json_array();
	const json_t *row;
	size_t i;

	(void)json_object_set_new(x->report, "void", list);
	TRY(api_json(c, &get, &answer, "/v1/requests?state=open&limit=%d", OPEN_MAX));
	rows = json_object_get(answer, "requests");
	json_array_foreach(rows, i, row) report_request(x, row, list);
	(void)json_object_set_new(x->report, "open", json_integer((json_int_t)i));
	(void)json_object_set_new(x->report, "more",
				  json_boolean(json_is_string(json_object_get(answer, "next"))));
	return OK;
}

/* ---- Decisions that were taken ---------------------------------------------------------------*/

/* What cannot be read hides nothing else of the change, but it is said. */
static rc report_replay(struct cli *c, struct comparison *x)
{
	const char *span = args_value(c->args, "replay");
	struct replay_pair p = {
		.before = {.policy = x->is.policy, .roster = x->is.roster, .zones = &zones_system},
		.after = {.policy = x->would_be.policy,
			  .roster = x->would_be.roster,
			  .zones = &zones_system},
		.most = REPLAY_MAX};
	const struct problem before = c->problem;
	json_t *replayed = NULL;

	TRY(replay_since(c, span != NULL ? span : REPLAY_SPAN, &p.since));
	if (!rc_is_ok(replay_run(c, &p, &replayed))) {
		replayed = json_pack("{s:s}", "error", c->problem.text);
		c->problem = before;
	}
	return json_object_set_new(x->report, "replay", replayed) == 0
		       ? OK
		       : cli_problem(c, RC_NOMEM, "", "no memory");
}

static void print_replay(const struct cli *c, const json_t *replayed)
{
	const char *error = json_text(replayed, "error");

	if (error[0] != '\0') {
		(void)printf(
			"%sdecisions that would change: unknown%s, the server's history cannot "
			"be read: %s\n",
			cli_red(c), cli_plain(c), error);
		return;
	}
	(void)printf("decisions that would change:\n");
	replay_print(c, replayed, REPLAY_ROWS);
}

/* ---- Tests ----------------------------------------------------------------------------------*/

static rc report_tests(struct cli *c, struct comparison *x, size_t *ret_failed)
{
	const struct case_world w = {x->would_be.policy, x->would_be.roster, &zones_system};
	AUTO(cases) struct cases cases = {.count = 0};
	struct fault f = {0};
	json_t *results = json_array();

	(void)json_object_set_new(x->report, "tests", results);
	*ret_failed = 0;
	if (x->new.tests.len == 0)
		return OK;
	CLI_TRY(c, &f, cases_parse(x->new.tests, &cases, &f));
	for (size_t i = 0; i < cases.count; i++) {
		struct case_result r;

		if (!rc_is_ok(case_run(&cases.list[i], &w, &r)))
			return cli_problem(c, RC_LIMIT, "", "test %zu: too many approvals", i + 1);
		*ret_failed += !r.passed;
		(void)json_array_append_new(results,
					    json_pack("{s:s,s:b,s:s}", "name", cases.list[i].name,
						      "passed", r.passed, "text", r.text));
	}
	return OK;
}

/* ---- Print ----------------------------------------------------------------------------------*/

static void print_names(const char *what, const json_t *list)
{
	const json_t *name;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	(void)printf("%s:", what);
	json_array_foreach(list, i, name)(void) printf(" %s", json_string_value(name));
	(void)printf("\n");
}

#define QUORUM_LINE 512

/* One member of quorums() in words. */
static void quorum_text(const json_t *q, char out[QUORUM_LINE])
{
	const json_t *seat;
	size_t i;
	size_t len = 0;

	out[0] = '\0';
	if (json_is_integer(q))
		(void)snprintf(out, QUORUM_LINE, "%lld s after its quorum",
			       (long long)json_integer_value(q));
	if (json_is_object(q) && json_integer_value(json_object_get(q, "need")) == 0)
		(void)snprintf(out, QUORUM_LINE, "by nobody");
	else if (json_is_object(q))
		(void)snprintf(out, QUORUM_LINE, "%lld of %zu keys, %lld s after",
			       (long long)json_integer_value(json_object_get(q, "need")),
			       json_array_size(json_object_get(q, "keys")),
			       (long long)json_integer_value(json_object_get(q, "delay")));
	json_array_foreach(q, i, seat)
	{
		int n = snprintf(out + len, QUORUM_LINE - len, "%s%s", i > 0 ? " and " : "",
				 json_string_value(seat));

		if (n < 0 || (size_t)n >= QUORUM_LINE - len)
			return;
		len += (size_t)n;
	}
}

static void print_quorum(const json_t *is, const json_t *would_be)
{
	static const char *const names[] = {"admin", "change", "delay", "recovery", "unlock"};

	(void)printf("%s\n", json_equal(is, would_be) ? "quorums stay" : "QUORUMS CHANGE");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *a = json_object_get(is, names[i]);
		const json_t *b = json_object_get(would_be, names[i]);
		char now[QUORUM_LINE];
		char then[QUORUM_LINE];

		quorum_text(a, now);
		quorum_text(b, then);
		if (json_equal(a, b))
			(void)printf("  %-9s %s\n", names[i], now);
		else
			(void)printf("  %-9s now:  %s\n  %-9s then: %s%s\n", names[i], now, "",
				     then, strcmp(now, then) == 0 ? ", but others" : "");
	}
}

static void print_report(const struct cli *c, const struct comparison *x, size_t failed)
{
	const json_t *rules = json_object_get(x->report, "rules");
	const json_t *tests = json_object_get(x->report, "tests");
	const json_t *row;
	size_t i;

	(void)printf("in short: %s\n", json_text(x->report, "about"));
	(void)printf("%s: what changes\n%s", x->kind == STATEMENT_POLICY ? "policy" : "roster",
		     json_text(x->report, "diff"));
	if (json_is_true(json_object_get(x->report, "cut")))
		(void)printf("%s... and more than is shown here%s\n", cli_red(c), cli_plain(c));
	print_names("rules that are new", json_object_get(rules, "added"));
	print_names("rules that go", json_object_get(rules, "removed"));
	print_names("rules that change", json_object_get(rules, "changed"));
	print_names("rules whose people, hosts or times change", json_object_get(rules, "related"));
	print_quorum(json_object_get(x->report, "quorum"),
		     json_object_get(x->report, "quorum_then"));
	json_array_foreach(json_object_get(x->report, "void"), i, row)(void)
		printf("%svoid%s: %" JSON_INTEGER_FORMAT " approval(s) of request %.16s, rule %s\n",
		       cli_red(c), cli_plain(c), json_number(row, "approvals"),
		       json_text(row, "request"), json_text(row, "rule"));
	(void)printf("open requests that the server lists%s: %" JSON_INTEGER_FORMAT
		     ", of which %zu lose approvals\n",
		     json_is_true(json_object_get(x->report, "more")) ? " (and there are more)"
								      : "",
		     json_number(x->report, "open"), i);
	print_replay(c, json_object_get(x->report, "replay"));
	json_array_foreach(tests, i, row) if (!json_is_true(json_object_get(row, "passed")))(void)
		printf("%sFAIL%s  %s: %s\n", cli_red(c), cli_plain(c), json_text(row, "name"),
		       json_text(row, "text"));
	if (i == 0)
		(void)printf("no tests travel with it\n");
	else
		(void)printf("tests: %zu pass, %zu fail\n", i - failed, failed);
}

rc change_show(struct cli *c, enum statement_kind kind, struct view statement, json_t **ret_report)
{
	AUTO(comparison) struct comparison x = {.kind = kind, .report = json_object()};
	char about[CHANGE_LINE_MAX];
	size_t failed;

	buf_init(&x.mem, DOCUMENT_BYTES_MAX);
	TRY(load(c, statement, &x));
	if (digest_is_equal(&x.old.digest, &x.new.digest)) {
		cli_say(c, "this %s is in force already",
			kind == STATEMENT_POLICY ? "policy" : "roster");
		return OK;
	}
	if (kind == STATEMENT_POLICY)
		change_line_policy(x.is.policy, x.would_be.policy, about);
	else
		change_line_roster(x.is.roster, x.would_be.roster, about);
	(void)json_object_set_new(x.report, "about", json_string(about));
	TRY(put_diff(c, &x));
	report_rules(&x);
	(void)json_object_set_new(x.report, "quorum", quorums(x.is.policy));
	(void)json_object_set_new(x.report, "quorum_then", quorums(x.would_be.policy));
	TRY(report_requests(c, &x));
	TRY(report_replay(c, &x));
	TRY(report_tests(c, &x, &failed));
	if (!c->json)
		print_report(c, &x, failed);
	if (ret_report != NULL)
		*ret_report = json_incref(x.report);
	return failed == 0 ? OK
			   : cli_problem(c, RC_STATE, "do not sign it",
					 "%zu of the tests that travel with it fail", failed);
}

rc cmd_change_show(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *report = NULL;
	AUTO(buf) struct buf statement = {0};
	enum statement_kind kind = STATEMENT_KEYADMIN;
	char hex[DIGEST_HEX];

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	TRY(change_fetch(c, a->words[0], &kind, &statement, hex));
	TRY(change_print(c, kind, buf_view(&statement), &report));
	if (report == NULL)
		report = json_object();
	(void)json_object_set_new(report, "id", json_string(hex));
	(void)json_object_set_new(report, "kind", json_string(statement_info(kind)->name));
	(void)cli_print_json(c, report);
	return OK;
}
