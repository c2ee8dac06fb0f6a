#include "prog/cli/whatif.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/policy/calendar.h"
#include "lib/policy/replay.h"
#include "prog/cli/api.h"
#include "prog/cli/policy.h"
#include "prog/cli/replay_grants.h"
#include "prog/cli/wait.h"
#include "prog/cli/zones.h"

/* What decides. */
struct world {
	struct policy_file policy;
	struct policy_file roster;
	char digest[DIGEST_HEX]; /* of the policy from the server; "": it is a file */
};

static void world_release(struct world *w)
{
	policy_file_release(&w->policy);
	policy_file_release(&w->roster);
}
AUTO_DEFINE(world, struct world, world_release)

static rc load(struct cli *c, const struct args *a, struct world *w)
{
	const char *policy = args_value(a, "policy");
	const char *roster = args_value(a, "roster");
	struct digest d;

	if ((policy == NULL) != (roster == NULL))
		return cli_problem(c, RC_USAGE, "", "give both --policy and --roster, or neither");
	if (policy != NULL) {
		TRY(policy_file_read(c, SOURCE_POLICY, policy, &w->policy));
		return policy_file_read(c, SOURCE_ROSTER, roster, &w->roster);
	}
	TRY(cli_config(c));
	TRY(policy_file_in_force(c, SOURCE_POLICY, &w->policy));
	TRY(policy_file_in_force(c, SOURCE_ROSTER, &w->roster));
	d = digest_of(buf_view(&w->policy.canonical));
	digest_hex(&d, w->digest);
	return OK;
}

/* ---- The question --------------------------------------------------------------------------*/

/* --at: a time in UTC, or a local one of --zone. */
static rc read_at(struct cli *c, const struct args *a, char out[TIME_TEXT])
{
	const char *at = args_value(a, "at");
	const char *zone = args_value(a, "zone");
	unix_time t = clock_now(&clock_system);
	AUTO(buf) struct buf bytes = {0};
	struct zone_name name;
	struct fault f = {0};
	struct tzif tz;
	int64_t local;

	if (at != NULL && !rc_is_ok(time_parse(view_str(at), &t))) {
		if (!rc_is_ok(local_time_parse(view_str(at), &local)))
			return cli_problem(c, RC_USAGE, "",
					   "--at %s: like 2026-12-04T17:00:00Z, or '2026-12-04 "
					   "18:00' with --zone",
					   at);
		if (!rc_is_ok(zone_name_parse(view_str(zone == NULL ? "UTC" : zone), &name)))
			return cli_problem(c, RC_USAGE, "", "--zone %s: like Europe/Berlin", zone);
		CLI_TRY(c, &f, zone_open(&zones_system, &name, &bytes, &tz, &f));
		t = tzif_instant(&tz, local);
	}
	if (!rc_is_ok(time_format(t, out)))
		return cli_problem(c, RC_USAGE, "", "--at %s: a time from 1970 to 9999", at);
	return OK;
}

/* "alice,bob" as a list. */
static json_t *names_list(const char *text)
{
	json_t *list = json_array();

	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, ",");

		(void)json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == ',');
	}
	return list;
}

/* False if the value is not UTF-8; without one nothing is put. */
static bool put(json_t *object, const char *field, const char *value)
{
	return value == NULL || json_object_set_new(object, field, json_string(value)) == 0;
}

/* A repeatable option as a list; without one nothing is put. False: not UTF-8. */
static bool put_list(json_t *object, const char *field, const struct args *a, const char *option)
{
	json_t *list = json_array();
	const char *value;
	bool good = true;

	for (size_t i = 0; (value = args_nth(a, option, i)) != NULL; i++)
		good &= json_array_append_new(list, json_string(value)) == 0;
	if (json_array_size(list) > 0 || !good)
		return json_object_set_new(object, field, list) == 0 && good;
	json_decref(list);
	return true;
}

/* A number; RC_USAGE. */
static rc put_number(struct cli *c, json_t *object, const struct args *a, const char *field)
{
	const char *text = args_value(a, field);
	uint64_t n;

	if (text == NULL)
		return OK;
	if (!rc_is_ok(num_parse_u64(text, strlen(text), JCAN_NUMBER_MAX, &n)))
		return cli_problem(c, RC_USAGE, "", "--%s %s: a number", field, text);
	(void)json_object_set_new(object, field, json_integer((json_int_t)n));
	return OK;
}

static rc put_deadline(struct cli *c, json_t *request, const struct args *a)
{
	const char *text = args_value(a, "deadline");
	uint64_t seconds;

	if (text == NULL)
		return OK;
	TRY(wait_time(c, "deadline", text, &seconds));
	(void)json_object_set_new(request, "deadline", json_integer((json_int_t)seconds));
	return OK;
}

/* A lock is a matter of the moment, as the policy in force is: files know of none, and a key that
 * is not made yet would be active. */
static rc put_key_state(struct cli *c, const struct world *w, const char *key, json_t *request)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	const json_t *row;
	size_t i;

	if (w->digest[0] == '\0')
		return OK;
	TRY(api_json(c, &get, &answer, "/v1/keys"));
	json_array_foreach(json_object_get(answer, "keys"), i, row)
	{
		if (strcmp(json_text(row, "name"), key) == 0)
			(void)put(request, "key_state", json_text(row, "state"));
	}
	return OK;
}

/* What a test calls as the option. */
static const char *const same_names[] = {"actor", "class", "file", "from", "key", "product"};

static rc question_request(struct cli *c, const struct args *a, const struct world *w,
			   json_t *request)
{
	const char *format = args_value(a, "format");
	bool good = put(request, "by", args_value(a, "who")) &&
		    put(request, "format", format == NULL ? "cms" : format) &&
		    put(request, "reason", args_value(a, "message"));

	for (size_t i = 0; i < sizeof(same_names) / sizeof(same_names[0]); i++)
		good &= put(request, same_names[i], args_value(a, same_names[i]));
	if (!good)
		return cli_problem(c, RC_USAGE, "", "the question is not plain text (UTF-8)");
	if (args_has(a, "no-upload"))
		(void)json_object_set_new(request, "no_upload", json_true());
	TRY(put_key_state(c, w, args_value(a, "key"), request));
	TRY(put_deadline(c, request, a));
	TRY(put_number(c, request, a, "size"));
	return put_number(c, request, a, "uses");
}

/* The part of a file's line up to the next ';', without white space around it; NULL at the end. */
static char *next_part(char **rest)
{
	char *part = strsep(rest, ";");
	size_t n;

	if (part == NULL)
		return NULL;
	part += strspn(part, " \t\n");
	n = strlen(part);
	while (n > 0 && strchr(" \t\n", part[n - 1]) != NULL)
		part[--n] = '\0';
	return part;
}

static bool append_to(json_t *file, const char *list, const char *value)
{
	json_t *lines = json_object_get(file, list);

	if (lines == NULL && json_object_set_new(file, list, lines = json_array()) != 0)
		return false;
	return json_array_append_new(lines, json_string(value)) == 0;
}

/* "format=cms", as the options of the first file. */
static rc put_part(struct cli *c, json_t *file, char *part)
{
	char *value = strchr(part, '=');
	bool good = true;
	uint64_t n;

	if (value == NULL)
		return cli_problem(c, RC_USAGE, "", "--also: %s: NAME=VALUE is expected", part);
	*value++ = '\0';
	if (strcmp(part, "format") == 0 || strcmp(part, "product") == 0)
		good = put(file, part, value);
	else if (strcmp(part, "scan") == 0)
		good = append_to(file, "scans", value);
	else if (strcmp(part, "provenance") == 0)
		good = append_to(file, "provenance", value);
	else if (strcmp(part, "rebuilt-by") == 0)
		good = json_object_set_new(file, "rebuilds", names_list(value)) == 0;
	else if (strcmp(part, "size") == 0 &&
		 rc_is_ok(num_parse_u64(value, strlen(value), JCAN_NUMBER_MAX, &n)))
		(void)json_object_set_new(file, "size", json_integer((json_int_t)n));
	else
		return cli_problem(c, RC_USAGE, "",
				   "--also: %s=%s: format, product, size, scan, "
				   "provenance or rebuilt-by is expected",
				   part, value);
	return good ? OK : cli_problem(c, RC_USAGE, "", "the question is not plain text (UTF-8)");
}

/* --also 'NAME; format=cms; scan=clean by scan-01': one more file of the request. */
static rc put_also(struct cli *c, json_t *files, const char *text)
{
	json_t *file = json_object();
	char copy[4096];
	char *rest = copy;
	char *part;

	(void)json_array_append_new(files, file);
	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
		return cli_problem(c, RC_USAGE, "", "--also: over %zu bytes", sizeof(copy) - 1);
	part = next_part(&rest);
	if (part == NULL || part[0] == '\0')
		return cli_problem(c, RC_USAGE, "", "--also: the file's name comes first");
	if (!put(file, "name", part))
		return cli_problem(c, RC_USAGE, "", "the question is not plain text (UTF-8)");
	while ((part = next_part(&rest)) != NULL)
		TRY(put_part(c, file, part));
	return OK;
}

static rc put_more_files(struct cli *c, const struct args *a, json_t *test)
{
	const char *text;
	json_t *files;

	if (!args_has(a, "also"))
		return OK;
	files = json_array();
	(void)json_object_set_new(test, "more_files", files);
	for (size_t i = 0; (text = args_nth(a, "also", i)) != NULL; i++)
		TRY(put_also(c, files, text));
	return OK;
}

/* As a test without expectation: what a test may say, a question may ask. */
static rc question(struct cli *c, const struct args *a, const struct world *w, const char *at,
		   json_t *test)
{
	json_t *request = json_object();

	(void)json_object_set_new(test, "request", request);
	TRY(question_request(c, a, w, request));
	(void)json_object_set_new(test, "approvals", names_list(args_value(a, "approved-by")));
	if (args_value(a, "rebuilt-by") != NULL)
		(void)json_object_set_new(test, "rebuilds",
					  names_list(args_value(a, "rebuilt-by")));
	TRY(put_number(c, test, a, "used"));
	TRY(put_more_files(c, a, test));
	if (!put_list(test, "scans", a, "scan") || !put_list(test, "provenance", a, "provenance") ||
	    !put(test, "granted", args_value(a, "granted")) || !put(test, "at", at) ||
	    !put(test, "expect", "allow") || !put(test, "name", "what if"))
		return cli_problem(c, RC_USAGE, "", "the question is not plain text (UTF-8)");
	return OK;
}

static rc ask(struct cli *c, const struct args *a, const struct world *w, struct cases *ret,
	      char at[TIME_TEXT])
{
	AUTO(json) json_t *test = json_object();
	AUTO(json) json_t *doc = NULL;
	struct fault f = {0};
	char *text;
	rc r;

	TRY(read_at(c, a, at));
	TRY(question(c, a, w, at, test));
	doc = json_pack("{s:s,s:s,s:[O]}", "policy", "-", "roster", "-", "tests", test);
	text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	if (text == NULL)
		return cli_problem(c, RC_USAGE, "", "the question is not plain text (UTF-8)");
	r = cases_parse(view_str(text), ret, &f);
	free(text);
	return rc_is_ok(r) ? OK : cli_problem(c, RC_USAGE, "", "the question: %s", f.text);
}

/* ---- The answer ----------------------------------------------------------------------------*/

/* "policy.yaml:71": from the source, or from the map of what is in force. */
static rc place(struct cli *c, const struct args *a, const struct world *w,
		const struct decision *d, char out[POLICY_PLACE])
{
	const char *map = args_value(a, "map");

	out[0] = '\0';
	if (d->rule == NULL)
		return OK;
	if (w->policy.source != NULL)
		policy_file_place(&w->policy, "rules", d->rule->name.s, out);
	else if (map != NULL && w->digest[0] != '\0')
		return policy_map_find(c, map, w->digest, d->rule->name.s, out);
	return OK;
}

static const char *word(const struct decision *d)
{
	return d->outcome == OUTCOME_ALLOW ? "allow" : outcome_word(d->outcome);
}

static json_t *check_json(const struct check *k)
{
	json_t *row = json_pack("{s:s,s:s,s:s}", "outcome", outcome_word(k->outcome), "reason",
				reason_id(k->reason), "text", k->text);
	char passes[TIME_TEXT];

	if (k->outcome != OUTCOME_ALLOW)
		(void)put(row, "remedy", reason_remedy(k->reason));
	if (k->passes > 0 && rc_is_ok(time_format(k->passes, passes)))
		(void)put(row, "passes", passes);
	return row;
}

json_t *whatif_checks_json(const struct decision *d)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < d->check_count; i++)
		(void)json_array_append_new(checks, check_json(&d->checks[i]));
	return checks;
}

static json_t *answer_json(const struct decision *d, const char *at, const char *where)
{
	json_t *all = json_pack("{s:s,s:s,s:o}", "at", at, "outcome", word(d), "checks",
				whatif_checks_json(d));

	if (d->rule != NULL)
		(void)put(all, "rule", d->rule->name.s);
	if (where[0] != '\0')
		(void)put(all, "rule_source", where);
	return all;
}

static void print_check(const struct cli *c, const struct check *k)
{
	const char *colour = cli_green(c);
	char passes[TIME_TEXT] = "";

	if (k->outcome != OUTCOME_ALLOW)
		colour = k->outcome == OUTCOME_WAIT ? cli_yellow(c) : cli_red(c);
	if (k->passes > 0)
		rc_ignore(time_format(k->passes, passes), "then there is none to show");
	(void)printf("  %s%-5s%s %-22s %s%s%s%s\n", colour, outcome_word(k->outcome), cli_plain(c),
		     reason_id(k->reason), k->text, passes[0] != '\0' ? " (passes at " : "", passes,
		     passes[0] != '\0' ? ")" : "");
	if (k->outcome != OUTCOME_ALLOW && reason_remedy(k->reason)[0] != '\0')
		(void)printf("        what would make it pass: %s\n", reason_remedy(k->reason));
}

static void print_answer(const struct cli *c, const struct decision *d, const char *at,
			 const char *where)
{
	(void)printf("%s%s%s at %s", cli_bold(c), word(d), cli_plain(c), at);
	if (d->rule != NULL)
		(void)printf(", by rule %s%s%s%s", d->rule->name.s, where[0] != '\0' ? " (" : "",
			     where, where[0] != '\0' ? ")" : "");
	(void)putchar('\n');
	for (size_t i = 0; i < d->check_count; i++)
		print_check(c, &d->checks[i]);
}

/* Of several files, what would become of each alone. */
static rc put_files(struct cli *c, const struct policy_case *test, const struct case_world *w,
		    json_t *answer)
{
	json_t *files = json_array();

	if (case_file_count(test) < 2) {
		json_decref(files);
		return OK;
	}
	(void)json_object_set_new(answer, "files", files);
	for (size_t i = 0; i < case_file_count(test); i++) {
		struct decision d;
		json_t *row;

		if (!rc_is_ok(case_run_file(test, i, w, &d)))
			return cli_problem(c, RC_NOMEM, "", "no memory");
		row = json_pack("{s:s,s:s,s:s,s:s}", "file", case_file_at(test, i)->name, "outcome",
				word(&d), "reason", reason_id(d.refusal.reason), "text",
				d.refusal.text);
		(void)json_array_append_new(files, row);
	}
	return OK;
}

static void print_files(const struct cli *c, const json_t *answer)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(answer, "files"), i, row)
	{
		const char *outcome = json_text(row, "outcome");
		bool allow = strcmp(outcome, "allow") == 0;

		(void)printf("  file %zu%s%s alone: %s%s%s%s%s%s%s\n", i + 1,
			     json_text(row, "file")[0] != '\0' ? ", " : "", json_text(row, "file"),
			     allow ? cli_green(c) : cli_red(c), outcome, cli_plain(c),
			     allow ? "" : ", ", allow ? "" : json_text(row, "reason"),
			     allow ? "" : ": ", allow ? "" : json_text(row, "text"));
	}
}

static enum exit_code exit_of(const struct decision *d)
{
	if (d->outcome == OUTCOME_ALLOW)
		return EXIT_DONE;
	return d->outcome == OUTCOME_WAIT ? EXIT_WAITING : EXIT_DENIED;
}

rc whatif(struct cli *c, const struct args *a)
{
	AUTO(world) struct world w = {0};
	AUTO(cases) struct cases cases = {0};
	AUTO(json) json_t *answer = NULL;
	struct case_result result = {0};
	struct case_world decide = {.zones = &zones_system};
	char where[POLICY_PLACE];
	char at[TIME_TEXT];

	if (args_value(a, "key") == NULL || args_value(a, "from") == NULL)
		return cli_problem(c, RC_USAGE, "", "explain --who needs --key and --from");
	TRY(load(c, a, &w));
	TRY(ask(c, a, &w, &cases, at));
	decide.policy = w.policy.policy;
	decide.roster = w.roster.roster;
	if (!rc_is_ok(case_run(&cases.list[0], &decide, &result)))
		return cli_problem(c, RC_LIMIT, "", "more people than a decision can weigh");
	TRY(place(c, a, &w, &result.decision, where));
	c->exit = exit_of(&result.decision);
	answer = answer_json(&result.decision, at, where);
	TRY(put_files(c, &cases.list[0], &decide, answer));
	if (cli_print_json(c, answer))
		return OK;
	print_answer(c, &result.decision, at, where);
	print_files(c, answer);
	return OK;
}

/* ---- A request that there is ---------------------------------------------------------------*/

/* What the status says of an approval that counts now. */
static bool read_approval(const json_t *row, const struct digest *rule, struct replay_approval *ret)
{
	const char *channel = json_text(row, "channel");

	*ret = (struct replay_approval){.bound = true, .rule = *rule};
	ret->channel = strcmp(channel, "browser") == 0 ? SSHKEY_BROWSER : SSHKEY_CLI;
	return json_is_true(json_object_get(row, "live")) &&
	       rc_is_ok(name_parse(view_str(json_text(row, "person")), &ret->person)) &&
	       rc_is_ok(time_parse(view_str(json_text(row, "given")), &ret->given)) &&
	       rc_is_ok(time_parse(view_str(json_text(row, "expires")), &ret->expires));
}

/* Facts as they are now: who has approved, and whether the key is locked. What can only be counted
 * or looked up is left to `open`: the reasons of the status that are not decided here. */
static void read_facts(const json_t *status, struct replay_request *q, json_t *open)
{
	const json_t *row;
	struct digest rule = {0};
	size_t i;

	rc_ignore(digest_parse(view_str(json_text(status, "rule_digest")), &rule), "then none");
	json_array_foreach(json_object_get(status, "approvals"), i, row)
	{
		if (q->approval_count < QUORUM_PEOPLE_MAX &&
		    read_approval(row, &rule, &q->approvals[q->approval_count]))
			q->approval_count++;
	}
	json_array_foreach(json_object_get(status, "checks"), i, row)
	{
		const char *reason = json_text(row, "reason");

		if (strcmp(json_text(row, "outcome"), "ok") == 0)
			continue;
		q->key_locked |= strcmp(reason, "key.locked") == 0;
		if (strncmp(reason, "evidence.", 9) == 0 || strcmp(reason, "limit.rate") == 0)
			(void)json_array_append_new(open, json_string(reason));
	}
}

rc whatif_request(struct cli *c, const struct args *a, const struct wish *wish)
{
	const json_t *status = wish_status(wish);
	AUTO(replay_grants) struct replay_grants granted = {0};
	struct replay_request q = {.request = &wish->request};
	AUTO(world) struct world w = {0};
	AUTO(json) json_t *open = json_array();
	AUTO(json) json_t *answer = NULL;
	struct replay_world decide = {.zones = &zones_system};
	struct decision d;
	char where[POLICY_PLACE];
	char at[TIME_TEXT];
	unix_time t;

	if (strcmp(json_text(status, "state"), "open") != 0)
		return cli_problem(c, RC_USAGE, "leave out --at",
				   "the request is %s, and stays so whatever the time",
				   json_text(status, "state"));
	TRY(read_at(c, a, at));
	if (!rc_is_ok(time_parse(view_str(at), &t)))
		return cli_problem(c, RC_USAGE, "", "--at %s", at);
	TRY(load(c, a, &w));
	read_facts(status, &q, open);
	decide.policy = w.policy.policy;
	decide.roster = w.roster.roster;
	TRY(replay_grants_load(c, wish->request.key.s, wish->request.requester.s, t, &decide,
			       &granted));
	if (!rc_is_ok(replay_decide(&decide, &q, t, &d)))
		return cli_problem(c, RC_LIMIT, "", "more people than a decision can weigh");
	TRY(place(c, a, &w, &d, where));
	c->exit = exit_of(&d);
	if (d.outcome == OUTCOME_ALLOW && json_array_size(open) > 0)
		c->exit = EXIT_WAITING;
	answer = answer_json(&d, at, where);
	(void)json_object_set(answer, "not_decided", open);
	if (cli_print_json(c, answer))
		return OK;
	print_answer(c, &d, at, where);
	for (size_t i = 0; i < json_array_size(open); i++)
		(void)printf("  now it waits for %s, which is not decided here\n",
			     json_string_value(json_array_get(open, i)));
	return OK;
}
