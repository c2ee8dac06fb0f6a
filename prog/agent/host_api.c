#include "prog/agent/host_api.h"

#include <stdlib.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/codec/jcan.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/enrolment.h"
#include "lib/model/field.h"
#include "lib/model/host_token.h"
#include "prog/agent/attest.h"

static rc statement(const struct host_api_ask *ask, const struct host_key *key, struct buf *out,
		    struct fault *f)
{
	const struct pkey *pub = host_key_public(key);
	struct enrolment e = {.counter = ask->counter, .host = *ask->host, .time = ask->time};

	if (pub == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0, "this key cannot be enrolled");
	(void)snprintf(e.klass, sizeof(e.klass), "%s",
		       ask->klass != NULL ? ask->klass : host_key_class(key));
	(void)snprintf(e.origin, sizeof(e.origin), "%s", ask->origin);
	e.key = *pkey_fingerprint(pub);
	if (!rc_is_ok(rng_fill(&rng_system, e.nonce, sizeof(e.nonce))))
		return fault_set(f, RC_IO, 0, "the system gives no random numbers");
	return enrolment_encode(&e, out, f);
}

rc host_api_body(const struct host_api_ask *ask, const struct host_key *key, struct buf *out,
		 struct fault *f)
{
	AUTO(buf) struct buf bytes = {0};
	AUTO(buf) struct buf sig = {0};
	AUTO(buf) struct buf token_sig = {0};
	AUTO(buf) struct buf attestation = {0};
	struct jcan_out w;

	buf_init(&bytes, ENROLMENT_BYTES_MAX);
	buf_init(&sig, SSHSIG_BLOB_MAX);
	buf_init(&token_sig, SSHSIG_BLOB_MAX);
	buf_init(&attestation, ATTESTATION_BYTES_MAX);
	TRY(statement(ask, key, &bytes, f));
	TRY(host_key_sshsig(key, statement_info(STATEMENT_ENROLMENT)->ns, buf_view(&bytes), &sig,
			    f));
	if (ask->token != NULL)
		TRY(host_token_sign(ask->token, buf_view(&bytes), &token_sig, f));
	if (ask->proof != NULL)
		TRY(attest_statement(ask->proof, key, buf_view(&bytes), &attestation, f));
	jcan_out_init(&w, out);
	jcan_out_object(&w);
	if (ask->proof != NULL) {
		jcan_out_key(&w, "attestation");
		jcan_out_base64(&w, buf_view(&attestation));
	}
	jcan_out_key(&w, "signature");
	jcan_out_base64(&w, buf_view(&sig));
	jcan_out_key(&w, "statement");
	jcan_out_base64(&w, buf_view(&bytes));
	if (ask->token != NULL) {
		jcan_out_key(&w, "token_signature");
		jcan_out_base64(&w, buf_view(&token_sig));
	}
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

static rc not_that(struct fault *f, const char *what)
{
	return fault_set(f, RC_PEER, 0, "the server's answer: %s", what);
}

rc host_api_answer(struct view body, const struct host_key *key, uint64_t counter, struct state *s,
		   struct fault *f)
{
	AUTO(json)
	json_t *o = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const char *pem = json_string_value(json_object_get(o, "certificate"));
	const char *klass = json_string_value(json_object_get(o, "class"));
	const char *host = json_string_value(json_object_get(o, "host"));
	const json_t *n = json_object_get(o, "counter");
	struct tls_identity *pair = NULL;

	if (pem == NULL || klass == NULL || host == NULL || strlen(klass) == 0 ||
	    strlen(klass) >= sizeof(s->who.klass) || !rc_is_ok(token_check(view_str(klass))))
		return not_that(f, "certificate, class or host is missing");
	if (!name_is(&s->who.host, host))
		return not_that(f, "it is about another host");
	if (!json_is_integer(n) || json_integer_value(n) < 0 ||
	    (uint64_t)json_integer_value(n) != counter)
		return not_that(f, "it counts renewals differently");
	buf_clear(&s->certificate);
	buf_put_str(&s->certificate, pem);
	TRY(buf_done(&s->certificate));
	if (!rc_is_ok(state_read_certificate(s, f)))
		return not_that(f, "the certificate cannot be read");
	if (!rc_is_ok(host_key_identity(key, buf_view(&s->certificate), &pair, f)))
		return not_that(f, "the certificate is of another key");
	tls_identity_free(pair);
	memcpy(s->who.klass, klass, strlen(klass) + 1);
	s->counter = counter;
	return OK;
}

/* Bytes for a terminal or a log: printable ASCII alone. */
static void plain(const json_t *o, const char *name, char *out, size_t cap)
{
	const char *text = json_string_value(json_object_get(o, name));

	(void)snprintf(out, cap, "%s", text == NULL ? "" : text);
	for (; *out != '\0'; out++)
		if (*out < 0x20 || *out > 0x7e)
			*out = '?';
}

void host_api_refusal(struct view body, struct host_api_refusal *ret)
{
	AUTO(json)
	json_t *root = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *error = json_object_get(root, "error");

	plain(error, "code", ret->code, sizeof(ret->code));
	plain(error, "text", ret->text, sizeof(ret->text));
	plain(error, "remedy", ret->remedy, sizeof(ret->remedy));
}
