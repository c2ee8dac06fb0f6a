/* That a TPM keeps a host's key: the challenge before an enrolment, and the proof inside it.
 *
 * The challenge is answered to whoever asks, invited or not, and writes nothing: it tells nothing
 * about invitations, and only the right TPM can read it. */
#include <string.h>

#include "lib/base/secret.h"
#include "lib/codec/jcan.h"
#include "lib/model/attestation.h"
#include "lib/model/field.h"
#include "prog/keeper/gate.h"
#include "prog/keeper/host_class.h"
#include "prog/keeper/hosts.h"

struct digest tpm_ek_digest(const struct tpm_public *ek)
{
	struct digest d;

	memcpy(d.b, ek->name + TPM_NAME - DIGEST_SIZE, DIGEST_SIZE);
	return d;
}

/* ---- The proof ------------------------------------------------------------------------------*/

/* The identity key that the attestation is about is the key that signs for the host. */
static rc check_same_key(const struct class_claim *c, const struct tpm_public *key, struct fault *f)
{
	uint8_t mem[128];
	struct buf spki;

	buf_init_fixed(&spki, mem, sizeof(mem));
	TRY(tpm_public_spki(key, &spki));
	if (!view_is_equal(buf_view(&spki), pkey_spki(c->key)))
		return fault_set(f, RC_MISMATCH, 0,
				 "attestation: about another key than the host's");
	return OK;
}

static rc check_time(const struct class_claim *c, unix_time challenged, struct fault *f)
{
	if (challenged > c->now || c->now - challenged > CHALLENGE_LIFE)
		return fault_set(f, RC_EXPIRED, 0,
				 "attestation: answers a challenge that has expired (%d s)",
				 CHALLENGE_LIFE);
	return OK;
}

rc tpm_claim_verify(const struct class_claim *c, struct attestation *ret_parts,
		    struct tpm_public *ret_ek, struct fault *f)
{
	struct tpm_errand errand = {.key = &c->enrolment->key,
				    .token = c->token,
				    .host = &c->enrolment->host,
				    .ek = ret_ek};
	struct tpm_certification proof = {0};
	uint8_t secret[TPM_SECRET];
	struct attestation a;
	struct tpm_public ak;
	struct tpm_public key;
	struct digest words;
	rc r;

	if (c->desk == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0, "this keeper judges no TPMs");
	if (c->attestation.len == 0)
		return fault_set(f, RC_DENIED, 0, "class %s needs an attestation",
				 c->enrolment->klass);
	TRY(attestation_parse(c->attestation, &a, f));
	TRY(tpm_public_parse(a.ek, TPM_ENDORSEMENT, ret_ek, f));
	TRY(tpm_public_parse(a.ak, TPM_ATTESTATION, &ak, f));
	TRY(tpm_public_parse(a.key, TPM_IDENTITY, &key, f));
	TRY(check_same_key(c, &key, f));
	TRY(check_time(c, a.time, f));
	errand.time = a.time;
	errand.ak = &ak;
	TRY(tpm_desk_secret(c->desk, &errand, secret, f));
	words = attestation_words(secret, c->statement);
	secret_wipe(secret, sizeof(secret));
	proof.attest = a.attest;
	proof.signature = a.signature;
	proof.qualifying = digest_view(&words);
	r = tpm_certification_verify(&ak, &key, &proof, f);
	if (rc_is_ok(r))
		*ret_parts = a;
	return r;
}

/* ---- The challenge --------------------------------------------------------------------------*/

static rc put_challenge(const struct tpm_errand *e, const struct tpm_desk *desk, struct jcan_out *w,
			struct fault *f)
{
	uint8_t credential_mem[TPM_CREDENTIAL_MAX];
	uint8_t sealed_mem[TPM_ENCRYPTED_SEED_MAX];
	uint8_t secret[TPM_SECRET];
	uint8_t seed[TPM_SEED];
	const struct tpm_challenge c = {.secret = secret, .seed = seed};
	struct buf credential;
	struct buf sealed;
	rc r;

	buf_init_fixed(&credential, credential_mem, sizeof(credential_mem));
	buf_init_fixed(&sealed, sealed_mem, sizeof(sealed_mem));
	r = tpm_desk_secret(desk, e, secret, f);
	if (rc_is_ok(r))
		r = rng_fill(&rng_system, seed, sizeof(seed));
	if (rc_is_ok(r))
		r = tpm_credential_make(e->ek, e->ak->name, &c, &credential, &sealed, f);
	secret_wipe(secret, sizeof(secret));
	secret_wipe(seed, sizeof(seed));
	TRY(r);
	jcan_out_key(w, "credential");
	jcan_out_base64(w, buf_view(&credential));
	jcan_out_key(w, "seed");
	jcan_out_base64(w, buf_view(&sealed));
	return OK;
}

/* Zeros where nobody is invited: such a challenge opens nothing. */
static rc read_token(struct keeper *k, const struct name *host, struct digest *ret)
{
	struct journal_host row;
	rc r = journal_host_get(k->journal, host, &row, &k->round.fault);

	*ret = (struct digest){0};
	if (rc_is_ok(r))
		*ret = row.token;
	return r.code == RC_NOTFOUND ? OK : r;
}

static rc answer(struct call *c, const struct keeper_challenge *m, const struct tpm_errand *e)
{
	struct keeper *k = c->k;
	AUTO(buf) struct buf json = {0};
	struct jcan_out w;

	buf_init(&json, KEEPER_STATUS_MAX);
	jcan_out_init(&w, &json);
	jcan_out_object(&w);
	field_out_string(
		&w, "class",
		host_class_name(host_class_of_tpm(k->tpm, e->ek, m->certificate, e->time)));
	TRY(put_challenge(e, k->tpm, &w, &k->round.fault));
	field_out_u64(&w, "time", (uint64_t)e->time);
	jcan_out_object_end(&w);
	TRY(jcan_out_done(&w));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}

rc handle_challenge(struct call *c)
{
	struct keeper *k = c->k;
	struct tpm_errand e = {.time = k->round.now};
	const struct principal *listed;
	struct keeper_challenge m;
	struct fault f = {0};
	struct tpm_public ek;
	struct tpm_public ak;
	struct digest token;
	struct name host;
	rc r = keeper_get_challenge(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (!rc_is_ok(name_parse(m.host, &host)))
		return refuse(&c->why, REASON_WHO_HOST, "%s", "not a name");
	TRY(host_listed(k, &host, &listed, &c->why));
	if (k->tpm == NULL)
		return refuse(&c->why, REASON_HOST_CLASS, "%s", "this keeper judges no TPMs");
	r = tpm_public_parse(m.ek, TPM_ENDORSEMENT, &ek, &f);
	if (rc_is_ok(r))
		r = tpm_public_parse(m.ak, TPM_ATTESTATION, &ak, &f);
	if (!rc_is_ok(r))
		return refuse(&c->why, REASON_HOST_CLASS, "%s: %s", host.s, f.text);
	TRY(read_token(k, &host, &token));
	e.ek = &ek;
	e.ak = &ak;
	e.key = &m.key;
	e.token = &token;
	e.host = &host;
	return answer(c, &m, &e);
}
