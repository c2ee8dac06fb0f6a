#include "prog/agent/host_api.h"

#include <stdlib.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/codec/jcan.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/field.h"

#define ENROLMENT_NAMESPACE "enrolment.v1@greatseal"
#define ENROLMENT_TYPE "urn:greatseal:enrolment:v1"
#define STATEMENT_MAX 4096

static rc statement(const struct host_api_ask *ask, const struct host_key *key, struct buf *out)
{
	const struct pkey *pub = host_key_public(key);
	uint8_t nonce[16];
	struct jcan_out w;

	if (pub == NULL)
		return RC(RC_UNSUPPORTED);
	TRY(rng_fill(&rng_system, nonce, sizeof(nonce)));
	jcan_out_init(&w, out);
	jcan_out_object(&w);
	field_out_string(&w, "_type", STATEMENT_TYPE);
	jcan_out_key(&w, "predicate");
	jcan_out_object(&w);
	field_out_u64(&w, "counter", ask->counter);
	field_out_string(&w, "host", ask->host->s);
	field_out_hex(&w, "nonce", nonce, sizeof(nonce));
	field_out_string(&w, "origin", ask->origin);
	field_out_time(&w, "time", ask->time);
	jcan_out_object_end(&w);
	field_out_string(&w, "predicateType", ENROLMENT_TYPE);
	jcan_out_key(&w, "subject");
	jcan_out_array(&w);
	jcan_out_object(&w);
	jcan_out_key(&w, "digest");
	jcan_out_object(&w);
	field_out_digest(&w, "sha256", pkey_fingerprint(pub));
	jcan_out_object_end(&w);
	field_out_string(&w, "name", "host-key");
	jcan_out_object_end(&w);
	jcan_out_array_end(&w);
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

rc host_api_body(const struct host_api_ask *ask, const struct host_key *key, struct buf *out,
		 struct fault *f)
{
	AUTO(buf) struct buf bytes = {0};
	AUTO(buf) struct buf sig = {0};
	struct jcan_out w;

	buf_init(&bytes, STATEMENT_MAX);
	buf_init(&sig, SSHSIG_BLOB_MAX);
	if (!rc_is_ok(statement(ask, key, &bytes)))
		return fault_set(f, RC_CRYPTO, 0, "the enrolment cannot be written");
	TRY(host_key_sshsig(key, ENROLMENT_NAMESPACE, buf_view(&bytes), &sig, f));
	jcan_out_init(&w, out);
	jcan_out_object(&w);
	jcan_out_key(&w, "signature");
	jcan_out_base64(&w, buf_view(&sig));
	jcan_out_key(&w, "statement");
	jcan_out_base64(&w, buf_view(&bytes));
	if (ask->token.len > 0) {
		jcan_out_key(&w, "token");
		jcan_out_view(&w, ask->token);
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
