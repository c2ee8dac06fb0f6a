#include "prog/cli/policy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/fd.h"
#include "lib/policy/lint.h"
#include "prog/cli/zones.h"

#define TEXT_MAX ((size_t)8 << 20) /* a file that is written */

static rc write_text(struct cli *c, const char *path, mode_t mode, struct view bytes)
{
	const struct file_spec spec = {
		.dirfd = AT_FDCWD, .name = path, .mode = mode, .durable = true};
	struct fault f = {0};

	CLI_TRY(c, &f, file_replace(&spec, bytes, &f));
	return OK;
}

static rc no_memory(struct cli *c)
{
	return cli_problem(c, RC_NOMEM, "", "no memory");
}

/* ---- check ----------------------------------------------------------------------------------*/

static void place_of(const struct finding *f, const struct policy_file *policy,
		     const struct policy_file *roster, char out[POLICY_PLACE])
{
	switch (f->where) {
	case LINT_POLICY:
		policy_file_place(policy, f->name.s, NULL, out);
		return;
	case LINT_RULE:
		policy_file_place(policy, "rules", f->name.s, out);
		return;
	case LINT_TIER:
		policy_file_place(policy, "tiers", f->name.s, out);
		return;
	case LINT_WINDOW:
		policy_file_place(policy, "windows", f->name.s, out);
		return;
	case LINT_FREEZE:
		policy_file_place(policy, "freezes", f->name.s, out);
		return;
	case LINT_PERSON:
		policy_file_place(roster, "people", f->name.s, out);
		return;
	case LINT_HOST:
		policy_file_place(roster, "hosts", f->name.s, out);
		return;
	case LINT_SERVICE:
		policy_file_place(roster, "services", f->name.s, out);
		return;
	}
}

static json_t *finding_json(const struct finding *f, const char *place)
{
	return json_pack("{s:s,s:s,s:s,s:s}", "level", f->is_error ? "error" : "warning", "code",
			 f->code, "place", place, "text", f->text);
}

static void print_finding(const struct cli *c, FILE *out, const struct finding *f,
			  const char *place)
{
	const char *colour = f->is_error ? cli_red(c) : cli_yellow(c);

	(void)fprintf(out, "%s: %s%s%s: %s (%s)\n", place, colour,
		      f->is_error ? "error" : "warning", cli_plain(c), f->text, f->code);
}

/* The sentence for what was found; "" if nothing stands against the files. */
static void verdict(const struct findings *found, bool strict, char out[200])
{
	size_t warnings = found->count - found->errors;

	out[0] = '\0';
	if (found->errors > 0)
		(void)snprintf(out, 200, "%s", found->list[0].text);
	else if (strict && warnings > 0)
		(void)snprintf(out, 200, "%zu warning%s as error%s (--strict)", warnings,
			       warnings == 1 ? " counts" : "s count", warnings == 1 ? "" : "s");
}

static rc print_findings_json(struct cli *c, const struct findings *found,
			      const struct policy_file *policy, const struct policy_file *roster,
			      const char *refusal)
{
	AUTO(json) json_t *all = json_array();
	AUTO(json) json_t *done = NULL;
	char place[POLICY_PLACE];

	for (size_t i = 0; i < found->count; i++) {
		place_of(&found->list[i], policy, roster, place);
		(void)json_array_append_new(all, finding_json(&found->list[i], place));
	}
	done = json_pack("{s:b,s:s,s:s,s:O}", "fits", found->errors == 0, "policy", policy->path,
			 "roster", roster->path, "findings", all);
	if (done == NULL)
		return no_memory(c);
	if (refusal[0] != '\0')
		(void)json_object_set_new(done, "error",
					  json_pack("{s:s,s:s,s:s}", "code", "state", "text",
						    refusal, "remedy", "see greatseal-policy(5)"));
	(void)cli_print_json(c, done);
	return OK;
}

rc cmd_policy_check(struct cli *c, const struct args *a)
{
	AUTO(policy_file) struct policy_file policy = {0};
	AUTO(policy_file) struct policy_file roster = {0};
	AUTO(findings) struct findings found = {0};
	char place[POLICY_PLACE];
	char refusal[200];

	TRY(policy_file_read(c, SOURCE_POLICY, a->words[0], &policy));
	TRY(policy_file_read(c, SOURCE_ROSTER, a->words[1], &roster));
	if (!rc_is_ok(lint(policy.policy, roster.roster, &zones_system, &found)))
		return no_memory(c);
	verdict(&found, args_has(a, "strict"), refusal);
	/* Nobody denied anything and the command was used well: the files do not fit. */
	c->exit = refusal[0] == '\0' ? EXIT_DONE : EXIT_ERROR;
	if (c->json)
		return print_findings_json(c, &found, &policy, &roster, refusal);
	for (size_t i = 0; i < found.count; i++) {
		place_of(&found.list[i], &policy, &roster, place);
		print_finding(c, stdout, &found.list[i], place);
	}
	if (found.errors == 0)
		cli_say(c,
			"%s fits %s: every name resolves, every quorum can be filled, no tier is "
			"undercut",
			policy.path, roster.path);
	else
		cli_say(c, "%s does not fit %s", policy.path, roster.path);
	return OK;
}

/* ---- compile --------------------------------------------------------------------------------*/

/* path with this ending in place of its own; RC_LIMIT. */
static rc ending(struct cli *c, const char *path, const char *suffix, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(path, '.');
	size_t stem = dot != NULL && (slash == NULL || dot > slash + 1) && dot != path
			      ? (size_t)(dot - path)
			      : strlen(path);

	if (stem + strlen(suffix) >= PATH_MAX)
		return cli_problem(c, RC_LIMIT, "", "%s: the path is too long", path);
	(void)snprintf(out, PATH_MAX, "%.*s%s", (int)stem, path, suffix);
	return OK;
}

/* Where a compiled document goes: the option, or beside its source. */
static rc output_path(struct cli *c, const struct policy_file *f, const char *option,
		      char out[PATH_MAX])
{
	const char *given = args_value(c->args, option);

	if (given == NULL)
		TRY(ending(c, f->path, ".json", out));
	else if (snprintf(out, PATH_MAX, "%s", given) >= PATH_MAX)
		return cli_problem(c, RC_LIMIT, "", "--%s: the path is too long", option);
	if (strcmp(out, f->path) == 0)
		return cli_problem(c, RC_USAGE, "name another file",
				   "%s would be written over its own source: --%s", f->path,
				   option);
	return OK;
}

/* {"document":HEX,"rules":{NAME:"policy.yaml:71"}}: where the rules of a compiled policy come from.
 */
static rc map_write(struct cli *c, const struct policy_file *f, const char *compiled)
{
	AUTO(json) json_t *rules = json_object();
	AUTO(json) json_t *map = NULL;
	AUTO(buf) struct buf text = {0};
	char place[POLICY_PLACE];
	char path[PATH_MAX];
	char hex[DIGEST_HEX];
	char *dump;

	if (f->source == NULL)
		return OK;
	TRY(ending(c, compiled, ".map", path));
	for (size_t i = 0; i < f->policy->rule_count; i++) {
		policy_file_place(f, "rules", f->policy->rules[i].name.s, place);
		(void)json_object_set_new(rules, f->policy->rules[i].name.s, json_string(place));
	}
	digest_hex(&f->policy->digest, hex);
	map = json_pack("{s:s,s:O}", "document", hex, "rules", rules);
	dump = json_dumps(map, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	if (dump == NULL)
		return no_memory(c);
	buf_init(&text, TEXT_MAX);
	buf_printf(&text, "%s\n", dump);
	free(dump);
	if (!rc_is_ok(buf_done(&text)))
		return no_memory(c);
	return write_text(c, path, 0644, buf_view(&text));
}

static rc refuse_misfit(struct cli *c, const struct findings *found,
			const struct policy_file *policy, const struct policy_file *roster)
{
	char place[POLICY_PLACE];

	for (size_t i = 0; i < found->count; i++) {
		place_of(&found->list[i], policy, roster, place);
		if (!c->quiet && !c->json)
			print_finding(c, stderr, &found->list[i], place);
	}
	if (found->errors == 0)
		return OK;
	place_of(&found->list[0], policy, roster, place);
	return cli_problem(c, RC_STATE, "greatseal policy check", "%s: %s", place,
			   found->list[0].text);
}

rc cmd_policy_compile(struct cli *c, const struct args *a)
{
	AUTO(policy_file) struct policy_file policy = {0};
	AUTO(policy_file) struct policy_file roster = {0};
	AUTO(findings) struct findings found = {0};
	AUTO(json) json_t *done = NULL;
	char policy_out[PATH_MAX];
	char roster_out[PATH_MAX];

	TRY(policy_file_read(c, SOURCE_POLICY, a->words[0], &policy));
	TRY(policy_file_read(c, SOURCE_ROSTER, a->words[1], &roster));
	TRY(output_path(c, &policy, "out-policy", policy_out));
	TRY(output_path(c, &roster, "out-roster", roster_out));
	if (!rc_is_ok(lint(policy.policy, roster.roster, &zones_system, &found)))
		return no_memory(c);
	TRY(refuse_misfit(c, &found, &policy, &roster));
	TRY(write_text(c, policy_out, 0644, buf_view(&policy.canonical)));
	TRY(write_text(c, roster_out, 0644, buf_view(&roster.canonical)));
	TRY(map_write(c, &policy, policy_out));
	done = json_pack("{s:s,s:s}", "policy", policy_out, "roster", roster_out);
	if (!cli_print_json(c, done))
		cli_say(c, "wrote %s and %s", policy_out, roster_out);
	return OK;
}

rc policy_map_find(struct cli *c, const char *map, const char *digest, const char *rule,
		   char out[POLICY_PLACE])
{
	AUTO(json) json_t *value = NULL;
	json_error_t e;
	const char *place;

	value = json_load_file(map, JSON_REJECT_DUPLICATES, &e);
	if (value == NULL)
		return cli_problem(c, RC_USAGE, "greatseal policy compile", "%s:%d: %s", map,
				   e.line, e.text);
	if (strcmp(json_text(value, "document"), digest) != 0)
		return cli_problem(c, RC_STATE, "", "%s is of another policy", map);
	place = json_text(json_object_get(value, "rules"), rule);
	if (place[0] == '\0')
		return cli_problem(c, RC_NOTFOUND, "", "%s has no rule %s", map, rule);
	(void)snprintf(out, POLICY_PLACE, "%s", place);
	return OK;
}

/* ---- fmt ------------------------------------------------------------------------------------*/

rc cmd_policy_fmt(struct cli *c, const struct args *a)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf layout = {0};
	AUTO(source) struct source *s = NULL;
	AUTO(json) json_t *done = NULL;
	const char *path = a->words[0];
	enum source_kind kind = SOURCE_POLICY;
	struct fault f = {0};
	struct stat st;
	bool same;
	rc r;

	buf_init(&text, SOURCE_BYTES_MAX);
	buf_init(&layout, TEXT_MAX);
	if (!path_is_yaml(path)) /* JSON that became YAML would keep its name */
		return cli_problem(c, RC_USAGE, "", "%s: only .yaml and .yml are laid out", path);
	CLI_TRY(c, &f, file_read(path, &text, &f));
	r = source_guess(buf_view(&text), &kind, &f);
	if (rc_is_ok(r))
		r = source_read(kind, buf_view(&text), &s, &f);
	if (!rc_is_ok(r))
		return cli_problem(c, RC_USAGE, "see greatseal-policy(5)", "%s:%s", path, f.text);
	CLI_TRY(c, &f, source_fmt(s, &layout));
	same = view_is_equal(buf_view(&text), buf_view(&layout));
	if (!same && !args_has(a, "check")) {
		if (stat(path, &st) != 0)
			return cli_problem(c, RC_IO, "", "%s cannot be looked at", path);
		TRY(write_text(c, path, st.st_mode & 0777, buf_view(&layout)));
	}
	c->exit = !same && args_has(a, "check") ? EXIT_ERROR : EXIT_DONE;
	done = json_pack("{s:s,s:s,s:b}", "file", path, "kind", source_kind_name(kind), "changed",
			 !same);
	if (!cli_print_json(c, done) && !same)
		cli_say(c,
			args_has(a, "check") ? "%s: greatseal policy fmt would lay it out otherwise"
					     : "%s: laid out",
			path);
	return OK;
}

/* ---- schema ---------------------------------------------------------------------------------*/

rc cmd_policy_schema(struct cli *c, const struct args *a)
{
	AUTO(buf) struct buf text = {0};
	AUTO(json) json_t *value = NULL;
	enum source_kind kind = SOURCE_POLICY;

	if (!rc_is_ok(source_kind_parse(view_str(a->words[0]), &kind)))
		return cli_problem(c, RC_USAGE, "policy, roster or tests", "%s: no such schema",
				   a->words[0]);
	buf_init(&text, TEXT_MAX);
	if (!rc_is_ok(source_json_schema(kind, &text)))
		return no_memory(c);
	value = json_loadb((const char *)text.ptr, text.len, 0, NULL);
	if (value == NULL || json_dumpf(value, stdout, JSON_INDENT(1) | JSON_SORT_KEYS) != 0)
		return no_memory(c);
	(void)putchar('\n');
	return OK;
}

/* ---- test -----------------------------------------------------------------------------------*/

/* The path of a file that is named in another one: beside it, unless absolute. */
static rc beside(struct cli *c, const char *file, const char *named, char out[PATH_MAX])
{
	const char *slash = strrchr(file, '/');
	int dir = slash == NULL || named[0] == '/' ? 0 : (int)(slash - file) + 1;

	if (snprintf(out, PATH_MAX, "%.*s%s", dir, file, named) >= PATH_MAX)
		return cli_problem(c, RC_LIMIT, "", "%s: the path is too long", named);
	return OK;
}

struct test_run {
	const struct policy_file *tests;
	struct case_world world;
	json_t *results; /* rows for --json */
	FILE *out;
	bool all; /* print passed ones, too */
	size_t failed;
};

static rc run_case(struct cli *c, struct test_run *run, const struct policy_case *test)
{
	struct case_result result;
	const struct decision *d = &result.decision;
	char place[POLICY_PLACE];
	const char *got;

	if (!rc_is_ok(case_run(test, &run->world, &result)))
		return cli_problem(c, RC_LIMIT, "", "%s: too many approvals", test->name);
	got = d->outcome == OUTCOME_ALLOW ? "allow" : outcome_word(d->outcome);
	run->failed += !result.passed;
	policy_file_place(run->tests, "tests", test->name, place);
	(void)json_array_append_new(run->results,
				    json_pack("{s:s,s:s,s:b,s:s,s:s,s:s,s:s}", "name", test->name,
					      "place", place, "passed", result.passed, "outcome",
					      got, "reason", reason_id(d->refusal.reason), "rule",
					      d->rule == NULL ? "" : d->rule->name.s, "text",
					      result.text));
	if (c->json || (result.passed && !run->all))
		return OK;
	if (result.passed)
		(void)fprintf(run->out, "%sok%s    %s: %s%s%s\n", cli_green(c), cli_plain(c),
			      test->name, got, d->outcome == OUTCOME_ALLOW ? "" : ", ",
			      d->outcome == OUTCOME_ALLOW ? "" : reason_id(d->refusal.reason));
	else
		(void)fprintf(run->out, "%sFAIL%s  %s: %s: %s\n", cli_red(c), cli_plain(c), place,
			      test->name, result.text);
	return OK;
}

static rc run_cases(struct cli *c, struct test_run *run)
{
	for (size_t i = 0; i < run->tests->cases.count; i++)
		TRY(run_case(c, run, &run->tests->cases.list[i]));
	return OK;
}

/* The file that the tests name, or the one given by the option of the same name. */
static rc read_named(struct cli *c, const struct policy_file *tests, enum source_kind kind,
		     char path[PATH_MAX], struct policy_file *ret)
{
	const char *given = args_value(c->args, source_kind_name(kind));
	const char *named = kind == SOURCE_POLICY ? tests->cases.policy : tests->cases.roster;

	if (given == NULL)
		TRY(beside(c, tests->path, named, path));
	return policy_file_read(c, kind, given != NULL ? given : path, ret);
}

rc cmd_policy_test(struct cli *c, const struct args *a)
{
	AUTO(policy_file) struct policy_file tests = {0};
	AUTO(policy_file) struct policy_file policy = {0};
	AUTO(policy_file) struct policy_file roster = {0};
	AUTO(json) json_t *results = json_array();
	AUTO(json) json_t *done = NULL;
	char policy_path[PATH_MAX];
	char roster_path[PATH_MAX];
	struct test_run run = {.tests = &tests, .results = results, .out = stdout, .all = true};

	TRY(policy_file_read(c, SOURCE_TESTS, a->words[0], &tests));
	TRY(read_named(c, &tests, SOURCE_POLICY, policy_path, &policy));
	TRY(read_named(c, &tests, SOURCE_ROSTER, roster_path, &roster));
	run.world = (struct case_world){policy.policy, roster.roster, &zones_system};
	TRY(run_cases(c, &run));
	c->exit = run.failed == 0 ? EXIT_DONE : EXIT_ERROR;
	done = json_pack("{s:I,s:I,s:O}", "passed", (json_int_t)(tests.cases.count - run.failed),
			 "failed", (json_int_t)run.failed, "tests", results);
	if (!cli_print_json(c, done))
		cli_say(c, "%zu passed, %zu failed", tests.cases.count - run.failed, run.failed);
	return OK;
}

rc policy_tests_pass(struct cli *c, const char *path, const struct policy_file *proposed,
		     struct buf *out)
{
	AUTO(policy_file) struct policy_file tests = {0};
	AUTO(policy_file) struct policy_file other = {0};
	AUTO(json) json_t *results = json_array();
	bool is_policy = proposed->kind == SOURCE_POLICY;
	char other_path[PATH_MAX];
	struct test_run run = {.tests = &tests, .results = results, .out = stderr};

	TRY(policy_file_read(c, SOURCE_TESTS, path, &tests));
	TRY(beside(c, path, is_policy ? tests.cases.roster : tests.cases.policy, other_path));
	TRY(policy_file_read(c, is_policy ? SOURCE_ROSTER : SOURCE_POLICY, other_path, &other));
	run.world = (struct case_world){is_policy ? proposed->policy : other.policy,
					is_policy ? other.roster : proposed->roster, &zones_system};
	TRY(run_cases(c, &run));
	if (run.failed > 0)
		return cli_problem(c, RC_STATE, "greatseal policy test",
				   "%zu of %zu tests of %s fail; nothing is proposed", run.failed,
				   tests.cases.count, path);
	cli_say(c, "%s: %zu tests pass", path, tests.cases.count);
	buf_put_view(out, buf_view(&tests.canonical));
	return buf_done(out);
}
