#include "prog/cli/alarms.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/codec/hex.h"
#include "lib/crypt/pkey.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"

#define SIGNED_MAX 16384
#define LIST_MAX 0xffffffffffffull

static const char *colour_of(const struct cli *c, const char *state)
{
	return strcmp(state, "open") == 0 ? cli_red(c) : cli_green(c);
}

static void print_alarm(const struct cli *c, const json_t *a)
{
	const char *state = json_text(a, "state");

	(void)printf("%s%.16s%s  %s%-6s%s  key %s, %s, %s, seen %" JSON_INTEGER_FORMAT
		     " times, first %s by %s\n",
		     cli_bold(c), json_text(a, "signature"), cli_plain(c), colour_of(c, state),
		     state, cli_plain(c), json_text(a, "key"), json_text(a, "kind"),
		     json_text(a, "name"), json_number(a, "count"), json_text(a, "first"),
		     json_text(a, "reporter"));
	if (json_object_get(a, "closer") != NULL)
		(void)printf("    closed %s by %s: %s\n", json_text(a, "closed"),
			     json_text(a, "closer"), json_text(a, "comment"));
}

/* A word that goes into the call's target. */
static bool is_plain(const char *s)
{
	return s[0] != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789")] == '\0';
}

rc cmd_alarms_list(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	const char *state = args_value(a, "state");
	const char *before = args_value(a, "before");
	AUTO(json) json_t *answer = NULL;
	const json_t *row;
	uint64_t n = 0;
	size_t i;

	if ((state != NULL && !is_plain(state)) ||
	    (before != NULL && !rc_is_ok(num_parse_u64(before, strlen(before), LIST_MAX, &n))))
		return cli_problem(c, RC_USAGE, "", "--state: a word; --before: a number");
	TRY(api_json(c, &get, &answer, "/v1/alarms?before=%" PRIu64 "%s%s", n,
		     state == NULL ? "" : "&state=", state == NULL ? "" : state));
	if (cli_print_json(c, answer))
		return OK;
	json_array_foreach(json_object_get(answer, "alarms"), i, row) print_alarm(c, row);
	if (i == 0)
		(void)printf("no alarm\n");
	if (i > 0 && i % 200 == 0)
		(void)printf("more: --before %" JSON_INTEGER_FORMAT "\n",
			     json_number(json_array_get(json_object_get(answer, "alarms"), i - 1),
					 "seq"));
	cli_say(c, "%" JSON_INTEGER_FORMAT " signatures that name a key of ours did not verify",
		json_number(answer, "bad"));
	return OK;
}

/* ---- Show -----------------------------------------------------------------------------------*/

struct proof {
	struct buf spki;
	struct buf message;
	struct buf value;
	struct pkey *key;
};

static void proof_release(struct proof *p)
{
	buf_release(&p->spki);
	buf_release(&p->message);
	buf_release(&p->value);
	pkey_destroy(p->key);
}
AUTO_DEFINE(proof, struct proof, proof_release)

static rc read_proof(struct cli *c, const json_t *evidence, struct proof *p, struct sign_input *in,
		     struct hash *digest)
{
	const char *hex = json_text(evidence, "digest");
	struct fault f = {0};

	buf_init(&p->spki, PKEY_SPKI_MAX);
	buf_init(&p->message, SIGNED_MAX);
	buf_init(&p->value, PKEY_SIGNATURE_MAX);
	TRY(json_get_base64(c, evidence, "spki", &p->spki));
	TRY(json_get_base64(c, evidence, "signature", &p->value));
	if (json_object_get(evidence, "signed") != NULL)
		TRY(json_get_base64(c, evidence, "signed", &p->message));
	CLI_TRY(c, &f, pkey_from_spki(buf_view(&p->spki), &p->key, &f));
	if (!rc_is_ok(hash_alg_parse(view_str(json_text(evidence, "hash")), &in->hash)))
		return cli_problem(c, RC_PEER, "", "the server's evidence names no digest");
	*digest = (struct hash){.alg = in->hash, .size = (uint8_t)hash_size(in->hash)};
	if (!rc_is_ok(hex_parse(view_str(hex), digest->b, digest->size)))
		return cli_problem(c, RC_PEER, "", "the server's evidence has no digest");
	if (p->message.len > 0)
		*digest = hash_of(in->hash, buf_view(&p->message));
	in->scheme = key_alg_scheme(pkey_alg(p->key));
	in->input = in->scheme == SIGN_ED25519 ? buf_view(&p->message) : hash_view(digest);
	return OK;
}

/* The server's word is not needed for it: the key has made this signature. */
static rc check_proof(struct cli *c, const json_t *alarm)
{
	const json_t *evidence = json_object_get(alarm, "evidence");
	AUTO(proof) struct proof p = {.key = NULL};
	struct sign_input in = {.hash = HASH_SHA256};
	struct digest fingerprint;
	struct fault f = {0};
	struct hash digest;

	TRY(read_proof(c, evidence, &p, &in, &digest));
	TRY(json_get_digest(c, alarm, "fingerprint", &fingerprint));
	if (!digest_is_equal(&fingerprint, pkey_fingerprint(p.key)))
		return cli_problem(c, RC_MISMATCH, "", "the evidence is of another key");
	CLI_TRY(c, &f, pkey_verify(p.key, &in, buf_view(&p.value), &f));
	return OK;
}

static rc check_id(struct cli *c, const char *id)
{
	struct digest d;

	return rc_is_ok(digest_parse(view_str(id), &d))
		       ? OK
		       : cli_problem(c, RC_USAGE, "greatseal alarms list",
				     "%s: an alarm is named by 64 hex digits, or the first of them",
				     id);
}

/* The whole id: by its beginning, out of the newest alarms. */
static rc find_id(struct cli *c, const char *word, char out[DIGEST_HEX])
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *answer = NULL;
	const json_t *row;
	size_t found = 0;
	size_t i;

	if (strlen(word) == DIGEST_HEX - 1) {
		(void)snprintf(out, DIGEST_HEX, "%s", word);
		return check_id(c, out);
	}
	if (strlen(word) < 8 || strlen(word) >= DIGEST_HEX)
		return check_id(c, word);
	TRY(api_json(c, &get, &answer, "/v1/alarms"));
	json_array_foreach(json_object_get(answer, "alarms"), i, row)
	{
		const char *id = json_text(row, "signature");

		if (strncmp(id, word, strlen(word)) != 0)
			continue;
		found++;
		(void)snprintf(out, DIGEST_HEX, "%s", id);
	}
	if (found != 1)
		return cli_problem(c, RC_NOTFOUND, "greatseal alarms list",
				   "%zu of the newest alarms begin with %s", found, word);
	return check_id(c, out);
}

static void print_shown(const struct cli *c, const json_t *a)
{
	const json_t *evidence = json_object_get(a, "evidence");
	const json_t *searched = json_object_get(a, "searched");

	print_alarm(c, a);
	(void)printf("  key         %s\n  file        %s, sha256 %s\n  signature   %s\n",
		     json_text(a, "fingerprint"), json_text(a, "name"), json_text(a, "file"),
		     json_text(a, "signature"));
	(void)printf("  proof       the signature verifies here%s\n",
		     json_is_true(json_object_get(evidence, "proven"))
			     ? ""
			     : ", over a digest of which there is only the reporter's word");
	if (json_is_true(json_object_get(evidence, "guard")))
		(void)printf("  told        by the guard of the host %s\n",
			     json_text(a, "reporter"));
	if (!json_is_true(json_object_get(evidence, "fits")))
		(void)printf("  file        what was signed is not this file as it was seen\n");
	(void)printf("  log         %" JSON_INTEGER_FORMAT " entries searched now, %"
		     "" JSON_INTEGER_FORMAT " then; it has %" JSON_INTEGER_FORMAT
		     " signatures by this key\n",
		     json_number(searched, "size"), json_number(a, "log_size"),
		     json_number(searched, "signatures"));
	if (json_object_get(searched, "issued") != NULL)
		(void)printf("  log         now it has this one too: request %s\n",
			     json_text(searched, "issued"));
}

rc cmd_alarms_show(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	char id[DIGEST_HEX];

	TRY(find_id(c, a->words[0], id));
	TRY(api_json(c, &get, &answer, "/v1/alarms/%s", id));
	TRY(check_proof(c, answer));
	if (!cli_print_json(c, answer))
		print_shown(c, answer);
	return OK;
}

rc cmd_alarms_close(struct cli *c, const struct args *a)
{
	const char *comment = args_value(a, "message");
	AUTO(json) json_t *body = NULL;
	AUTO(json) json_t *answer = NULL;
	char id[DIGEST_HEX];
	struct api_call post = {.method = "POST"};

	if (comment == NULL || comment[0] == '\0')
		return cli_problem(c, RC_USAGE, "", "say why: -m");
	TRY(find_id(c, a->words[0], id));
	body = json_pack("{s:s,s:b}", "comment", comment, "known", args_has(a, "known"));
	post.body = body;
	TRY(api_json(c, &post, &answer, "/v1/alarms/%s/close", id));
	if (!cli_print_json(c, answer))
		cli_say(c, "alarm %.16s is %s", id, json_text(answer, "state"));
	return OK;
}
