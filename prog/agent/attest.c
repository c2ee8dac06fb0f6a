#include "prog/agent/attest.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/secret.h"
#include "lib/codec/base64.h"
#include "lib/codec/jcan.h"
#include "lib/model/field.h"
#include "prog/agent/host_api.h"

void attest_init(struct attest *a)
{
	*a = (struct attest){.time = 0};
	chip_identity_init(&a->identity);
}

void attest_release(struct attest *a)
{
	chip_identity_release(&a->identity);
	secret_wipe(a->secret, sizeof(a->secret));
}

static rc put_question(const struct attest *a, const struct name *host, const struct host_key *key,
		       struct buf *out)
{
	const struct chip_identity *i = &a->identity;
	struct jcan_out w;

	jcan_out_init(&w, out);
	jcan_out_object(&w);
	jcan_out_key(&w, "ak");
	jcan_out_base64(&w, buf_view(&i->ak));
	if (i->certificate.len > 0) {
		jcan_out_key(&w, "certificate");
		jcan_out_base64(&w, buf_view(&i->certificate));
	}
	jcan_out_key(&w, "ek");
	jcan_out_base64(&w, buf_view(&i->ek));
	field_out_string(&w, "host", host->s);
	field_out_digest(&w, "key", pkey_fingerprint(host_key_public(key)));
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

static rc take_bytes(const json_t *o, const char *name, struct buf *out, struct fault *f)
{
	const char *text = json_string_value(json_object_get(o, name));

	if (text == NULL || !rc_is_ok(base64_parse(BASE64_STD, view_str(text), out, NULL)))
		return fault_set(f, RC_PEER, 0, "the server's challenge has no %s", name);
	return buf_done(out);
}

static rc open_answer(struct attest *a, const struct host_key *key, const json_t *o,
		      struct fault *f)
{
	const char *klass = json_string_value(json_object_get(o, "class"));
	const json_t *time = json_object_get(o, "time");
	uint8_t mem[TPM_CREDENTIAL_MAX + TPM_ENCRYPTED_SEED_MAX];
	struct buf credential;
	struct buf seed;

	buf_init_fixed(&credential, mem, TPM_CREDENTIAL_MAX);
	buf_init_fixed(&seed, mem + TPM_CREDENTIAL_MAX, TPM_ENCRYPTED_SEED_MAX);
	if (klass == NULL || strlen(klass) >= sizeof(a->klass) || !json_is_integer(time) ||
	    !rc_is_ok(token_check(view_str(klass))))
		return fault_set(f, RC_PEER, 0, "the server's challenge has no class or time");
	TRY(take_bytes(o, "credential", &credential, f));
	TRY(take_bytes(o, "seed", &seed, f));
	memcpy(a->klass, klass, strlen(klass) + 1);
	a->time = json_integer_value(time);
	return chip_activate(host_key_chip(key), buf_view(&credential), buf_view(&seed), a->secret,
			     f);
}

static rc refused(const struct https_answer *answer, struct fault *f)
{
	struct host_api_refusal why;

	host_api_refusal(buf_view(&answer->body), &why);
	return fault_set(f, RC_DENIED, 0, "the server answered %u: %s: %s", answer->status,
			 why.code, why.text);
}

rc attest_begin(struct attest *a, struct https_client *server, const struct name *host,
		const struct host_key *key, struct fault *f)
{
	AUTO(https_answer) struct https_answer answer = {0};
	AUTO(buf) struct buf body = {0};
	AUTO(json) json_t *o = NULL;
	struct https_request q = {.method = "POST", .target = ATTEST_CHALLENGE};

	buf_init(&body, STATE_PEM_MAX);
	TRY(chip_identify(host_key_chip(key), &a->identity, f));
	TRY(put_question(a, host, key, &body));
	q.body = buf_view(&body);
	TRY(https_call(server, &q, &answer, f));
	if (answer.status != 200)
		return refused(&answer, f);
	o = json_loadb((const char *)answer.body.ptr, answer.body.len, JSON_REJECT_DUPLICATES,
		       NULL);
	return open_answer(a, key, o, f);
}

rc attest_statement(const struct attest *a, const struct host_key *key, struct view statement,
		    struct buf *out, struct fault *f)
{
	const struct digest d = digest_of(statement);
	const struct digest words = attestation_words(a->secret, &d);
	struct attestation done = {.time = a->time,
				   .ek = buf_view(&a->identity.ek),
				   .certificate = buf_view(&a->identity.certificate),
				   .ak = buf_view(&a->identity.ak),
				   .key = host_key_tpm_public(key)};
	uint8_t mem[TPM_ATTEST_MAX + TPM_SIGNATURE_MAX];
	struct buf attest;
	struct buf signature;

	buf_init_fixed(&attest, mem, TPM_ATTEST_MAX);
	buf_init_fixed(&signature, mem + TPM_ATTEST_MAX, TPM_SIGNATURE_MAX);
	TRY(chip_certify(host_key_chip(key), &words, &attest, &signature, f));
	done.attest = buf_view(&attest);
	done.signature = buf_view(&signature);
	return attestation_encode(&done, out, f);
}
