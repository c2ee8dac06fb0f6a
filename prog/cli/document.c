#include "prog/cli/document.h"

#include <stdlib.h>
#include <string.h>

#include "lib/crypt/sshsig.h"
#include "lib/format/diff.h"
#include "lib/model/change.h"
#include "lib/model/hostadmin.h"
#include "lib/model/roster.h"
#include "lib/policy/policy.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"
#include "prog/cli/policy.h"

#define CHANGE_SECONDS (7 * 86400)
#define PRETTY_MAX ((size_t)32 << 20) /* a document with its white space */

static const char *name_of(enum statement_kind kind)
{
	return statement_info(kind)->name;
}

static rc show(struct cli *c, enum statement_kind kind)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	char *text;

	TRY(api_json(c, &get, &answer, "/v1/%s", name_of(kind)));
	if (cli_print_json(c, answer))
		return OK;
	text = json_dumps(json_object_get(answer, "document"),
			  JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	if (text == NULL)
		return cli_problem(c, RC_PEER, "", "the server's answer has no document");
	(void)printf("%s\n", text);
	free(text);
	cli_say(c, "%s version %" JSON_INTEGER_FORMAT ", %s", name_of(kind),
		json_number(answer, "version"), json_text(answer, "digest"));
	return OK;
}

rc cmd_policy_show(struct cli *c, const struct args *a)
{
	(void)a;
	return show(c, STATEMENT_POLICY);
}

rc cmd_roster_show(struct cli *c, const struct args *a)
{
	(void)a;
	return show(c, STATEMENT_ROSTER);
}

static void print_change(const struct cli *c, const json_t *change)
{
	const json_t *seat;
	size_t i;

	(void)printf("change %s%.16s%s  %s, %s\n", cli_bold(c), json_text(change, "id"),
		     cli_plain(c), json_text(change, "kind"), json_text(change, "state"));
	json_array_foreach(json_object_get(change, "missing"), i, seat)(void)
		printf("  missing: %s\n", json_string_value(seat));
}

/* {"signatures":[ours]} */
static rc sign_change(struct cli *c, enum statement_kind kind, struct view statement, json_t *body)
{
	AUTO(buf) struct buf sig = {0};
	json_t *sigs = json_array();
	struct sshsigner *key;

	buf_init(&sig, SSHSIG_BLOB_MAX);
	(void)json_object_set_new(body, "signatures", sigs);
	TRY(cli_person_key(c, &key));
	TRY(cli_sign(c, key, statement_info(kind)->ns, statement, &sig));
	return json_put_base64(c, sigs, NULL, buf_view(&sig));
}

rc change_say(struct cli *c, const json_t *answer)
{
	if (strcmp(json_text(answer, "state"), "done") != 0)
		c->exit = EXIT_WAITING;
	if (!cli_print_json(c, answer))
		print_change(c, answer);
	return OK;
}

rc change_offer(struct cli *c, enum statement_kind kind, struct view statement, json_t **ret)
{
	AUTO(json) json_t *body = json_object();
	const struct api_call post = {.method = "POST", .body = body};

	(void)json_object_set_new(body, "kind", json_string(name_of(kind)));
	TRY(json_put_base64(c, body, "statement", statement));
	TRY(sign_change(c, kind, statement, body));
	return api_json(c, &post, ret, "/v1/changes");
}

rc change_send(struct cli *c, enum statement_kind kind, struct view statement)
{
	AUTO(json) json_t *answer = NULL;

	TRY(change_offer(c, kind, statement, &answer));
	return change_say(c, answer);
}

static rc propose(struct cli *c, const struct args *a, enum statement_kind kind)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *current = NULL;
	AUTO(policy_file) struct policy_file file = {0};
	AUTO(buf) struct buf statement = {0};
	struct document_change change = {.kind = kind};
	bool is_policy = kind == STATEMENT_POLICY;
	struct fault f = {0};
	uint64_t version;

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	TRY(policy_file_read(c, is_policy ? SOURCE_POLICY : SOURCE_ROSTER, a->words[0], &file));
	version = is_policy ? file.policy->version : file.roster->version;
	if (args_value(a, "tests") != NULL)
		TRY(policy_tests_pass(c, args_value(a, "tests"), &file));
	TRY(api_json(c, &get, &current, "/v1/%s", name_of(kind)));
	TRY(json_get_digest(c, current, "digest", &change.previous));
	if (version != (uint64_t)json_number(current, "version") + 1)
		return cli_problem(c, RC_USAGE, "", "%s: version must be %" JSON_INTEGER_FORMAT,
				   a->words[0], json_number(current, "version") + 1);
	change.document = buf_view(&file.canonical);
	change.digest = digest_of(change.document);
	change.expires = clock_now(&clock_system) + CHANGE_SECONDS;
	CLI_TRY(c, &f, document_change_encode(&change, &statement, &f));
	return change_send(c, kind, buf_view(&statement));
}

rc cmd_policy_propose(struct cli *c, const struct args *a)
{
	return propose(c, a, STATEMENT_POLICY);
}

rc cmd_roster_propose(struct cli *c, const struct args *a)
{
	return propose(c, a, STATEMENT_ROSTER);
}

rc cmd_change_list(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	const json_t *row;
	size_t i;

	(void)a;
	TRY(api_json(c, &get, &answer, "/v1/changes"));
	if (cli_print_json(c, answer))
		return OK;
	json_array_foreach(json_object_get(answer, "changes"), i, row) print_change(c, row);
	if (i == 0)
		(void)printf("no change is waiting for signatures\n");
	return OK;
}

static rc kind_of(struct cli *c, const json_t *change, enum statement_kind *ret)
{
	static const enum statement_kind kinds[] = {STATEMENT_POLICY, STATEMENT_ROSTER,
						    STATEMENT_KEYADMIN, STATEMENT_HOSTADMIN};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(json_text(change, "kind"), name_of(kinds[i])) == 0) {
			*ret = kinds[i];
			return OK;
		}
	}
	return cli_problem(c, RC_PEER, "", "the server names no kind of the change");
}

/* JSON as people read it, ASCII alone. */
static rc put_pretty(struct view json, const char *member, struct buf *out)
{
	AUTO(json) json_t *value = json_loadb((const char *)json.ptr, json.len, 0, NULL);
	const json_t *shown = member == NULL ? value : json_object_get(value, member);
	char *text = json_dumps(shown, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII);

	if (text == NULL)
		return RC(RC_SYNTAX);
	buf_put_str(out, text);
	buf_put_str(out, "\n");
	free(text);
	return buf_done(out);
}

/* The document in force, from the statement that put it there. */
static rc document_in_force(struct cli *c, enum statement_kind kind, struct buf *mem,
			    struct document_change *ret)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *answer = NULL;
	struct fault f = {0};

	TRY(api_json(c, &get, &answer, "/v1/%s", name_of(kind)));
	TRY(json_get_base64(c, answer, "statement", mem));
	CLI_TRY(c, &f, document_change_parse(kind, buf_view(mem), ret, &f));
	return OK;
}

/* What a new policy or roster changes. The old one cannot be another than the change names: its
 * digest is in what is signed. */
static rc show_document(struct cli *c, enum statement_kind kind, struct view statement)
{
	AUTO(buf) struct buf mem = {0};
	AUTO(buf) struct buf was = {0};
	AUTO(buf) struct buf is = {0};
	AUTO(buf) struct buf diff = {0};
	struct document_change old;
	struct document_change new;
	struct fault f = {0};
	bool cut = false;

	buf_init(&mem, DOCUMENT_BYTES_MAX);
	buf_init(&was, PRETTY_MAX);
	buf_init(&is, PRETTY_MAX);
	buf_init(&diff, PRETTY_MAX);
	CLI_TRY(c, &f, document_change_parse(kind, statement, &new, &f));
	TRY(document_in_force(c, kind, &mem, &old));
	if (digest_is_equal(&old.digest, &new.digest)) {
		cli_say(c, "this %s is in force already", name_of(kind));
		return OK;
	}
	if (!digest_is_equal(&old.digest, &new.previous))
		return cli_problem(c, RC_STATE, "propose it again on top of the one in force",
				   "the %s in force is not the one that this change is based on",
				   name_of(kind));
	if (!rc_is_ok(put_pretty(old.document, NULL, &was)) ||
	    !rc_is_ok(put_pretty(new.document, NULL, &is)))
		return cli_problem(c, RC_PEER, "", "the documents cannot be read");
	CLI_TRY(c, &f, text_diff(buf_view(&was), buf_view(&is), &diff, &cut));
	if (c->json)
		return OK;
	(void)printf("%s: what changes\n%s", name_of(kind), buf_cstr(&diff));
	if (cut)
		(void)printf("%s... and more than is shown here%s\n", cli_red(c), cli_plain(c));
	return OK;
}

/* What is to be signed, so that a person can read it; nothing is signed that the keeper would not
 * read. */
static rc show_change(struct cli *c, enum statement_kind kind, struct view statement)
{
	AUTO(buf) struct buf text = {0};
	struct host_change host;
	struct key_change key;
	struct fault f = {0};

	if (kind != STATEMENT_KEYADMIN && kind != STATEMENT_HOSTADMIN)
		return show_document(c, kind, statement);
	buf_init(&text, PRETTY_MAX);
	if (kind == STATEMENT_HOSTADMIN)
		CLI_TRY(c, &f, host_change_parse(statement, &host, &f));
	else
		CLI_TRY(c, &f, key_change_parse(statement, &key, &f));
	if (c->json)
		return OK;
	if (!rc_is_ok(put_pretty(statement, "predicate", &text)))
		return cli_problem(c, RC_PEER, "", "the change cannot be read");
	(void)printf("%s", buf_cstr(&text));
	return OK;
}

rc cmd_change_sign(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *change = NULL;
	AUTO(json) json_t *answer = NULL;
	AUTO(json) json_t *body = json_object();
	const struct api_call post = {.method = "POST", .body = body};
	AUTO(buf) struct buf statement = {0};
	enum statement_kind kind = STATEMENT_KEYADMIN;
	struct digest digest;
	char hex[DIGEST_HEX];

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	if (strlen(a->words[0]) < 8 ||
	    strspn(a->words[0], "0123456789abcdef") != strlen(a->words[0]))
		return cli_problem(c, RC_USAGE, "", "%s is not a change's id", a->words[0]);
	TRY(api_json(c, &get, &change, "/v1/changes/%s", a->words[0]));
	TRY(json_get_base64(c, change, "statement", &statement));
	TRY(kind_of(c, change, &kind));
	digest = digest_of(buf_view(&statement));
	digest_hex(&digest, hex);
	if (strncmp(hex, a->words[0], strlen(a->words[0])) != 0)
		return cli_problem(c, RC_MISMATCH, "call the security team",
				   "the server shows another change than %s", a->words[0]);
	TRY(show_change(c, kind, buf_view(&statement)));
	if (!args_has(a, "yes"))
		return cli_problem(c, RC_USAGE, "read it, then add --yes", "not signed yet");
	TRY(sign_change(c, kind, buf_view(&statement), body));
	TRY(api_json(c, &post, &answer, "/v1/changes/%s/signatures", hex));
	return change_say(c, answer);
}
