#include "prog/cli/document.h"

#include <stdlib.h>
#include <string.h>

#include "lib/crypt/sshsig.h"
#include "lib/model/change.h"
#include "lib/model/change_life.h"
#include "lib/model/hostadmin.h"
#include "lib/model/objection.h"
#include "lib/model/roster.h"
#include "lib/policy/policy.h"
#include "prog/cli/access.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/change_line.h"
#include "prog/cli/change_show.h"
#include "prog/cli/encode.h"
#include "prog/cli/job.h"
#include "prog/cli/policy.h"
#include "prog/cli/receipts.h"
#include "prog/cli/shown.h"

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
	if (c->json)
		change_warn_json(c, answer);
	if (cli_print_json(c, answer))
		return OK;
	change_warn(c, stderr);
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

/* about: in our words, never the server's; or "" */
static void print_change(const struct cli *c, const json_t *change, const char *about)
{
	const json_t *seat;
	size_t i;

	(void)printf("change %s%.16s%s  %s, %s\n", cli_bold(c), json_text(change, "id"),
		     cli_plain(c), json_text(change, "kind"), json_text(change, "state"));
	if (about[0] != '\0')
		(void)printf("  %s\n", about);
	json_array_foreach(json_object_get(change, "missing"), i, seat)(void)
		printf("  missing: %s\n", json_string_value(seat));
	json_array_foreach(json_object_get(change, "unseated"), i, seat)(void) printf(
		"  %sfills no seat%s: the signature of %s: %s (%s)\n", cli_yellow(c), cli_plain(c),
		json_text(seat, "person"), json_text(seat, "text"), json_text(seat, "reason"));
}

static rc sign_bytes(struct cli *c, enum statement_kind kind, struct view statement,
		     struct buf *sig)
{
	struct sshsigner *key;

	buf_init(sig, SSHSIG_BLOB_MAX);
	TRY(cli_person_key(c, &key));
	return cli_sign(c, key, statement_info(kind)->ns, statement, sig);
}

rc change_check(struct cli *c, struct receipt *r, rc sent, json_t *answer)
{
	if (receipts_is_refusal(sent))
		receipts_drop(r);
	TRY(sent);
	/* Who says "done" without an entry of it hides it, or lies. */
	if (!receipts_is_pending(r, answer))
		TRY(receipts_take(c, answer, r));
	if (c->json || rc_is_ok(shown_json(answer)))
		return OK;
	return cli_problem(c, RC_PEER, "", "the server's answer cannot be shown");
}

rc change_say(struct cli *c, const json_t *answer)
{
	if (strcmp(json_text(answer, "state"), "done") != 0)
		c->exit = EXIT_WAITING;
	if (!cli_print_json(c, answer))
		print_change(c, answer, "");
	if (!c->json && json_is_string(json_object_get(answer, "due")))
		(void)printf("  in force at %s, unless somebody objects\n",
			     json_text(answer, "due"));
	return OK;
}

rc change_offer(struct cli *c, enum statement_kind kind, struct view statement, json_t **ret)
{
	AUTO(receipt) struct receipt r = {0};
	AUTO(buf) struct buf sig = {0};
	rc e;

	TRY(sign_bytes(c, kind, statement, &sig));
	TRY(receipts_begin(c, kind, statement, buf_view(&sig), &r));
	e = receipts_send(c, &r, ret);
	return change_check(c, &r, e, *ret);
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
	AUTO(buf) struct buf tests = {0};
	struct document_change change = {.kind = kind};
	bool is_policy = kind == STATEMENT_POLICY;
	struct fault f = {0};
	uint64_t version;

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	buf_init(&tests, DOCUMENT_BYTES_MAX);
	TRY(policy_file_read(c, is_policy ? SOURCE_POLICY : SOURCE_ROSTER, a->words[0], &file));
	version = is_policy ? file.policy->version : file.roster->version;
	if (args_value(a, "tests") != NULL)
		TRY(policy_tests_pass(c, args_value(a, "tests"), &file, &tests));
	TRY(api_json(c, &get, &current, "/v1/%s", name_of(kind)));
	TRY(json_get_digest(c, current, "digest", &change.previous));
	if (version != (uint64_t)json_number(current, "version") + 1)
		return cli_problem(c, RC_USAGE, "", "%s: version must be %" JSON_INTEGER_FORMAT,
				   a->words[0], json_number(current, "version") + 1);
	change.document = buf_view(&file.canonical);
	change.tests = buf_view(&tests);
	change.digest = digest_of(change.document);
	change.expires = clock_now(&clock_system) + CHANGE_LIFE;
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

static bool is_document(enum statement_kind kind)
{
	return kind == STATEMENT_POLICY || kind == STATEMENT_ROSTER || kind == STATEMENT_RECOVERY;
}

/* ---- What is accepted and not in force yet --------------------------------------------------*/

static bool is_recovery(const json_t *row)
{
	return strcmp(json_text(row, "kind"), statement_info(STATEMENT_RECOVERY)->name) == 0;
}

/* Which keys have signed it: fingerprints, for people to compare with what lies in their safes. */
static rc put_signers(struct cli *c, json_t *row)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	json_t *list = json_array();
	const json_t *sig;
	size_t i;

	(void)json_object_set_new(row, "signed_by", list);
	TRY(api_json(c, &get, &answer, "/v1/statements/%s", json_text(row, "id")));
	json_array_foreach(json_object_get(answer, "signatures"), i, sig)
	{
		AUTO(buf) struct buf bytes = {0};
		char text[SSHKEY_FINGERPRINT];
		struct sshsig parts;
		struct digest d;

		buf_init(&bytes, SSHSIG_BLOB_MAX);
		TRY(json_base64(c, sig, &bytes));
		if (!rc_is_ok(sshsig_parse(buf_view(&bytes), &parts, NULL)))
			return cli_problem(c, RC_PEER, "", "a signature cannot be read");
		d = digest_of(parts.key_blob);
		sshkey_fingerprint_text(&d, text);
		(void)json_array_append_new(list, json_string(text));
	}
	return OK;
}

rc change_waiting(struct cli *c, json_t **ret)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	json_t *row;
	size_t i;

	TRY(api_json(c, &get, &answer, "/v1/changes"));
	json_array_foreach(json_object_get(answer, "waiting"), i, row) if (is_recovery(row))
		TRY(put_signers(c, row));
	*ret = json_object_get(answer, "waiting") != NULL
		       ? json_incref(json_object_get(answer, "waiting"))
		       : json_array();
	return OK;
}

static void print_waiting(const struct cli *c, FILE *out, const json_t *row)
{
	const json_t *key;
	size_t i;

	(void)fprintf(out,
		      "%s%s version %" JSON_INTEGER_FORMAT "%s is accepted and in force at %s\n",
		      is_recovery(row) ? cli_red(c) : cli_bold(c),
		      is_recovery(row) ? "ROSTER RECOVERY: roster" : json_text(row, "kind"),
		      json_number(row, "version"), cli_plain(c), json_text(row, "due"));
	json_array_foreach(json_object_get(row, "signed_by"), i, key)(void)
		fprintf(out, "  signed by recovery key %s\n", json_string_value(key));
	(void)fprintf(out, "  change %.16s: greatseal policy object, if it must not be%s\n",
		      json_text(row, "id"),
		      is_recovery(row) ? "; that takes all of the quorum change" : "");
}

void change_warn(struct cli *c, FILE *out)
{
	const struct problem before = c->problem;
	AUTO(json) json_t *waiting = NULL;
	const json_t *row;
	size_t i;

	if (job_asks(c))
		return; /* it objects to nothing */
	if (!rc_is_ok(change_waiting(c, &waiting))) {
		(void)fprintf(stderr, "greatseal: whether a recovery waits is not known: %s\n",
			      c->problem.text);
		c->problem = before;
	}
	json_array_foreach(waiting, i, row) print_waiting(c, out, row);
}

void change_warn_json(struct cli *c, json_t *answer)
{
	const struct problem before = c->problem;
	json_t *waiting = NULL;

	if (job_asks(c) || !rc_is_ok(change_waiting(c, &waiting))) {
		waiting = json_null();
		c->problem = before;
	}
	(void)json_object_set_new(answer, "waiting", waiting);
}

/* What the row is about; that it cannot be told hides no row. */
static void put_about(struct cli *c, json_t *row)
{
	const struct problem before = c->problem;
	AUTO(buf) struct buf statement = {0};
	enum statement_kind kind = STATEMENT_KEYADMIN;
	char about[CHANGE_LINE_MAX];
	char hex[DIGEST_HEX];
	rc r;

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	r = change_fetch(c, json_text(row, "id"), &kind, &statement, hex);
	if (rc_is_ok(r))
		r = change_line(c, kind, buf_view(&statement), about);
	if (!rc_is_ok(r))
		(void)snprintf(about, sizeof(about), "not known: %s", c->problem.text);
	(void)json_object_set_new(row, "about", json_string(about));
	c->problem = before;
}

rc cmd_change_list(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	size_t waiting;
	json_t *row;
	size_t i;

	(void)a;
	TRY(api_json(c, &get, &answer, "/v1/changes"));
	change_warn_json(c, answer);
	json_array_foreach(json_object_get(answer, "changes"), i, row) put_about(c, row);
	if (cli_print_json(c, answer))
		return OK;
	json_array_foreach(json_object_get(answer, "waiting"), waiting, row)
		print_waiting(c, stdout, row);
	json_array_foreach(json_object_get(answer, "changes"), i, row)
		print_change(c, row, json_text(row, "about"));
	if (i == 0)
		(void)printf("no change is waiting for signatures\n");
	return OK;
}

rc cmd_change_object(struct cli *c, const struct args *a)
{
	const char *comment = args_value(a, "message");
	struct objection o = {.expires = clock_now(&clock_system) + CHANGE_LIFE};
	enum statement_kind kind = STATEMENT_KEYADMIN;
	AUTO(buf) struct buf changed = {0};
	AUTO(buf) struct buf statement = {0};
	char hex[DIGEST_HEX];
	struct fault f = {0};

	if (comment == NULL || strlen(comment) > CHANGE_COMMENT_MAX)
		return cli_problem(c, RC_USAGE, "", "say why with -m, in at most %d bytes",
				   CHANGE_COMMENT_MAX);
	buf_init(&changed, DOCUMENT_BYTES_MAX);
	buf_init(&statement, OBJECTION_BYTES_MAX);
	TRY(change_fetch(c, a->words[0], &kind, &changed, hex));
	if (!is_document(kind))
		return cli_problem(c, RC_USAGE, "", "%s is no policy or roster", a->words[0]);
	o.change = digest_of(buf_view(&changed));
	(void)snprintf(o.comment, sizeof(o.comment), "%s", comment);
	CLI_TRY(c, &f, objection_encode(&o, &statement, &f));
	return change_send(c, STATEMENT_OBJECTION, buf_view(&statement));
}

static rc kind_of(struct cli *c, const json_t *change, enum statement_kind *ret)
{
	static const enum statement_kind kinds[] = {
		STATEMENT_POLICY,    STATEMENT_ROSTER,	 STATEMENT_KEYADMIN, STATEMENT_HOSTADMIN,
		STATEMENT_OBJECTION, STATEMENT_RECOVERY, STATEMENT_ACCESS};

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
	const json_t *shown = json_object_get(value, member);
	char *text = json_dumps(shown, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII);

	if (text == NULL)
		return RC(RC_SYNTAX);
	buf_put_str(out, text);
	buf_put_str(out, "\n");
	free(text);
	return buf_done(out);
}

/* What is to be signed, so that a person can read it; nothing is signed that the keeper would not
 * read. */
rc change_print(struct cli *c, enum statement_kind kind, struct view statement, json_t **ret_report)
{
	AUTO(buf) struct buf text = {0};
	struct objection objection;
	struct access_change access;
	struct host_change host;
	struct key_change key;
	struct fault f = {0};

	if (is_document(kind))
		return change_show(c, kind, statement, ret_report);
	if (kind == STATEMENT_ACCESS) {
		CLI_TRY(c, &f, access_change_parse(statement, &access, &f));
		if (!c->json)
			access_print(c, &access);
		return OK;
	}
	buf_init(&text, PRETTY_MAX);
	if (kind == STATEMENT_OBJECTION)
		CLI_TRY(c, &f, objection_parse(statement, &objection, &f));
	else if (kind == STATEMENT_HOSTADMIN)
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

rc change_fetch(struct cli *c, const char *typed, enum statement_kind *ret_kind,
		struct buf *statement, char hex[DIGEST_HEX])
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *change = NULL;
	struct digest digest;

	if (strlen(typed) < 8 || strspn(typed, "0123456789abcdef") != strlen(typed))
		return cli_problem(c, RC_USAGE, "", "%s is not a change's id", typed);
	TRY(api_json(c, &get, &change, "/v1/changes/%s", typed));
	TRY(json_get_base64(c, change, "statement", statement));
	TRY(kind_of(c, change, ret_kind));
	digest = digest_of(buf_view(statement));
	digest_hex(&digest, hex);
	if (strncmp(hex, typed, strlen(typed)) != 0)
		return cli_problem(c, RC_MISMATCH, "call the security team",
				   "the server shows another change than %s", typed);
	return OK;
}

/* Who carries it could use it for as long as it says. */
static rc check_life(struct cli *c, enum statement_kind kind, struct view statement)
{
	unix_time life = change_life(kind);
	unix_time expires = change_expires(kind, statement);

	if (expires <= clock_now(&clock_system) + life + UNLOCK_AHEAD)
		return OK;
	return cli_problem(c, RC_DENIED, "ask whoever proposed it for another",
			   "this change is good for longer than %d days, so that it could be kept "
			   "for another time: nothing was signed",
			   (int)(life / 86400));
}

rc cmd_change_sign(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *answer = NULL;
	AUTO(json) json_t *body = json_object();
	const struct api_call post = {.method = "POST", .body = body, .exact = true};
	AUTO(receipt) struct receipt r = {0};
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf sig = {0};
	enum statement_kind kind = STATEMENT_KEYADMIN;
	json_t *sigs = json_array();
	char hex[DIGEST_HEX];
	bool given = false;
	rc e;

	(void)json_object_set_new(body, "signatures", sigs);
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	TRY(change_fetch(c, a->words[0], &kind, &statement, hex));
	TRY(change_print(c, kind, buf_view(&statement), NULL));
	TRY(check_life(c, kind, buf_view(&statement)));
	if (kind == STATEMENT_ACCESS)
		TRY(access_check_open(c, buf_view(&statement), hex, &given));
	if (given)
		return OK;
	if (!args_has(a, "yes"))
		return cli_problem(c, RC_USAGE, "read it, then add --yes", "not signed yet");
	TRY(sign_bytes(c, kind, buf_view(&statement), &sig));
	TRY(json_put_base64(c, sigs, NULL, buf_view(&sig)));
	TRY(receipts_begin(c, kind, buf_view(&statement), buf_view(&sig), &r));
	e = api_json(c, &post, &answer, "/v1/changes/%s/signatures", hex);
	TRY(change_check(c, &r, e, answer));
	return change_say(c, answer);
}
