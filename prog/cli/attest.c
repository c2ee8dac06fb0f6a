/* attest - scans, rebuilds and provenance made here: hashed, signed, sent. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/crypt/dsse.h"
#include "lib/crypt/spiffe.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/evidence.h"
#include "lib/model/provenance.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"
#include "prog/cli/evidence.h"
#include "prog/cli/files.h"

/* ---- Files and keys -------------------------------------------------------------------------*/

static rc hash_files(struct cli *c, const struct args *a, struct evidence *e)
{
	const struct file_choice plain = {.format = "cms"};
	struct fault f = {0};

	if (a->word_count > (int)EVIDENCE_SUBJECTS_MAX)
		return cli_problem(c, RC_USAGE, "say it in several statements",
				   "more than %u files", EVIDENCE_SUBJECTS_MAX);
	for (int i = 0; i < a->word_count; i++) {
		struct evidence_subject *s = &e->subjects[i];
		struct local_file file;

		CLI_TRY(c, &f, local_file_open(a->words[i], &plain, &file, &f));
		s->sha256 = file.sha256;
		memcpy(s->name, file.name, sizeof(s->name));
		local_file_close(&file);
	}
	e->count = (size_t)a->word_count;
	return OK;
}

/* The key and name of the machine that speaks: as named, else this host's. */
struct speaker {
	struct name name;
	struct sshsigner *key;
	struct sshsigner *own; /* to be closed */
};

static void speaker_release(struct speaker *s)
{
	sshsigner_free(s->own);
	s->own = NULL;
}
AUTO_DEFINE(speaker, struct speaker, speaker_release)

static rc speaker_open(struct cli *c, const char *name, const char *path, struct speaker *s)
{
	struct fault f = {0};

	TRY(cli_config(c));
	if (name == NULL)
		s->name = c->config.host;
	else if (!rc_is_ok(name_parse(view_str(name), &s->name)))
		return cli_problem(c, RC_USAGE, "", "%s is not a name (a-z 0-9 . _ -)", name);
	if (path == NULL && c->config.svid_dir[0] != '\0')
		return OK; /* its SVID signs */
	if (path == NULL) {
		TRY(cli_host_key(c, &s->key));
		return OK;
	}
	CLI_TRY(c, &f, cli_open_key(path, &s->own, &f));
	s->key = s->own;
	return OK;
}

/* An option that must be there and fit. */
static rc text_option(struct cli *c, const struct args *a, const char *option, char *out,
		      size_t cap)
{
	const char *value = args_value(a, option);

	if (value == NULL || value[0] == '\0')
		return cli_problem(c, RC_USAGE, "greatseal help attest", "--%s is missing", option);
	if (strlen(value) >= cap)
		return cli_problem(c, RC_USAGE, "", "--%s is longer than %zu bytes", option,
				   cap - 1);
	memcpy(out, value, strlen(value) + 1);
	return OK;
}

/* ---- Sending --------------------------------------------------------------------------------*/

struct sending {
	enum statement_kind kind;
	struct view statement;
	struct view sig; /* empty: the statement has it in itself */
	size_t files;
};

static rc send(struct cli *c, const struct sending *s)
{
	const char *kind = statement_info(s->kind)->name;
	AUTO(json) json_t *body = json_object();
	AUTO(json) json_t *answer = NULL;
	const struct api_call post = {.method = "POST", .body = body};
	struct digest digest = digest_of(s->statement);
	char hex[DIGEST_HEX];

	digest_hex(&digest, hex);
	if (json_object_set_new(body, "kind", json_string(kind)) != 0)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	TRY(json_put_base64(c, body, "statement", s->statement));
	if (s->sig.len > 0)
		TRY(json_put_base64(c, body, "signature", s->sig));
	TRY(api_json(c, &post, &answer, "/v1/evidence"));
	if (strcmp(json_text(answer, "statement"), hex) != 0)
		return cli_problem(c, RC_MISMATCH, "call the security team",
				   "the server's receipt is for another statement");
	if (cli_print_json(c, answer))
		return OK;
	if (strcmp(json_text(answer, "state"), "superseded") == 0)
		(void)printf("%s of %zu file%s: something newer was said before, nothing stored\n",
			     kind, s->files, s->files == 1 ? "" : "s");
	else
		(void)printf("%s of %zu file%s: the log holds it as entry %" JSON_INTEGER_FORMAT
			     "\n",
			     kind, s->files, s->files == 1 ? "" : "s", json_number(answer, "leaf"));
	return OK;
}

static rc sign_and_send(struct cli *c, const struct speaker *who, struct evidence *e)
{
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf sig = {0};
	struct fault f = {0};

	e->by = who->name;
	e->given = clock_now(&clock_system);
	if (!rc_is_ok(rng_fill(&rng_system, e->nonce, sizeof(e->nonce))))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	buf_init(&statement, EVIDENCE_BYTES_MAX);
	buf_init(&sig, SVID_PROOF_MAX);
	CLI_TRY(c, &f, evidence_encode(e, &statement, &f));
	if (who->key == NULL)
		TRY(cli_host_sign(c, e->kind, buf_view(&statement), &sig));
	else
		TRY(cli_sign(c, who->key, statement_info(e->kind)->ns, buf_view(&statement), &sig));
	const struct sending s = {.kind = e->kind,
				  .statement = buf_view(&statement),
				  .sig = buf_view(&sig),
				  .files = e->count};
	return send(c, &s);
}

/* ---- Commands -------------------------------------------------------------------------------*/

static rc scan(struct cli *c, const struct args *a, struct evidence *e)
{
	AUTO(speaker) struct speaker who = {0};
	const char *verdict = args_value(a, "verdict");

	e->kind = STATEMENT_SCAN;
	if (verdict == NULL || !rc_is_ok(scan_verdict_parse(view_str(verdict), &e->verdict)))
		return cli_problem(c, RC_USAGE, "",
				   "--verdict must be clean, infected, suspicious or unknown");
	TRY(text_option(c, a, "scanner", e->scanner, sizeof(e->scanner)));
	if (args_has(a, "database"))
		TRY(text_option(c, a, "database", e->database, sizeof(e->database)));
	TRY(speaker_open(c, args_value(a, "by"), args_value(a, "by-key"), &who));
	TRY(hash_files(c, a, e));
	return sign_and_send(c, &who, e);
}

static rc upload_files(struct cli *c, const struct args *a)
{
	const struct file_choice plain = {.format = "cms"};
	struct fault f = {0};
	rc r = OK;

	for (int i = 0; rc_is_ok(r) && i < a->word_count; i++) {
		struct local_file file;

		CLI_TRY(c, &f, local_file_open(a->words[i], &plain, &file, &f));
		r = api_upload(c, file.fd, &file.sha256, file.size, file.name);
		local_file_close(&file);
	}
	return r;
}

static rc rebuild(struct cli *c, const struct args *a, struct evidence *e)
{
	AUTO(speaker) struct speaker who = {0};

	e->kind = STATEMENT_REBUILD;
	if (!args_has(a, "builder") || !args_has(a, "builder-key"))
		return cli_problem(c, RC_USAGE, "",
				   "--builder NAME and --builder-key PATH are needed");
	TRY(text_option(c, a, "source", e->source, sizeof(e->source)));
	TRY(text_option(c, a, "version", e->version, sizeof(e->version)));
	TRY(speaker_open(c, args_value(a, "builder"), args_value(a, "builder-key"), &who));
	TRY(hash_files(c, a, e));
	if (args_has(a, "upload"))
		TRY(upload_files(c, a));
	return sign_and_send(c, &who, e);
}

/* struct evidence is too large for the stack of everybody. */
static rc with_evidence(struct cli *c, const struct args *a,
			rc (*run)(struct cli *c, const struct args *a, struct evidence *e))
{
	struct evidence *e = (struct evidence *)calloc(1, sizeof(*e));
	rc r;

	if (e == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	r = run(c, a, e);
	free(e);
	return r;
}

rc cmd_attest_scan(struct cli *c, const struct args *a)
{
	return with_evidence(c, a, scan);
}

rc cmd_attest_rebuild(struct cli *c, const struct args *a)
{
	return with_evidence(c, a, rebuild);
}

static rc envelope_write(struct cli *c, const struct args *a, struct view envelope)
{
	AUTO(buf) struct buf path = {0};
	AUTO(buf) struct buf line = {0};
	struct fault f = {0};

	buf_init(&path, PATH_MAX);
	buf_init(&line, DSSE_BYTES_MAX + 1);
	if (args_has(a, "output"))
		buf_put_str(&path, args_value(a, "output"));
	else
		buf_printf(&path, "%s.intoto.jsonl", a->words[0]);
	buf_put_view(&line, envelope);
	buf_put_u8(&line, '\n');
	CLI_TRY(c, &f, buf_done(&line));
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = buf_cstr(&path), .mode = 0644};
	CLI_TRY(c, &f, file_replace(&spec, buf_view(&line), &f));
	cli_say(c, "%s", buf_cstr(&path));
	return OK;
}

static rc sign_provenance(struct cli *c, const struct speaker *who, struct view payload,
			  struct dsse_signature *s)
{
	struct fault f = {0};
	struct buf sig;

	buf_init_fixed(&sig, s->sig, sizeof(s->sig));
	if (who->key == NULL) {
		TRY(api_host_provenance(c, payload, s->keyid, sizeof(s->keyid), &sig));
		CLI_TRY(c, &f, buf_done(&sig));
	} else {
		CLI_TRY(c, &f,
			sshsigner_sign_dsse(who->key, PROVENANCE_PAYLOAD_TYPE, payload, &sig, &f));
		sshkey_fingerprint_text(sshkey_fingerprint(sshsigner_key(who->key)), s->keyid);
	}
	s->len = sig.len;
	return OK;
}

/* Whoever has an agent and names no key has the agent's host sign. */
static rc provenance_speaker(struct cli *c, const struct args *a, struct speaker *ret)
{
	const char *path = args_value(a, "by-key");

	TRY(cli_config(c));
	if (path == NULL && c->config.agent[0] != '\0')
		return OK;
	TRY(speaker_open(c, NULL, path, ret));
	if (ret->key == NULL)
		return cli_problem(c, RC_USAGE, "give --by-key of a builder or service",
				   "an SVID cannot sign provenance: a DSSE envelope names a key");
	return OK;
}

static rc provenance(struct cli *c, const struct args *a, struct evidence *e)
{
	char builder[PROVENANCE_URI_MAX + 1];
	AUTO(speaker) struct speaker who = {0};
	AUTO(buf) struct buf payload = {0};
	AUTO(buf) struct buf envelope = {0};
	struct dsse_signature s = {0};
	struct provenance_made made;
	struct fault f = {0};

	TRY(text_option(c, a, "builder-id", builder, sizeof(builder)));
	TRY(text_option(c, a, "source", e->source, sizeof(e->source)));
	TRY(provenance_speaker(c, a, &who));
	TRY(hash_files(c, a, e));
	made = (struct provenance_made){.builder = builder,
					.source = e->source,
					.finished = clock_now(&clock_system),
					.subjects = e->subjects,
					.count = e->count};
	buf_init(&payload, PROVENANCE_BYTES_MAX);
	buf_init(&envelope, DSSE_BYTES_MAX);
	CLI_TRY(c, &f, provenance_encode(&made, &payload, &f));
	TRY(sign_provenance(c, &who, buf_view(&payload), &s));
	dsse_put(PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &s, &envelope);
	CLI_TRY(c, &f, buf_done(&envelope));
	TRY(envelope_write(c, a, buf_view(&envelope)));
	const struct sending out = {
		.kind = STATEMENT_PROVENANCE, .statement = buf_view(&envelope), .files = e->count};
	return send(c, &out);
}

rc cmd_attest_provenance(struct cli *c, const struct args *a)
{
	return with_evidence(c, a, provenance);
}
