/* key_job - the key operations that take long: making a key, a self-signed certificate, a CSR.
 *
 * Begun and finished by the decision thread, run by a pool thread, which sees nothing but the job.
 * Owns: the job, the reservation of its name. Must not own: threads, the journal. */
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/provider.h"
#include "prog/keeper/key_impl.h"

#define SERIAL 16

enum kind { JOB_CREATE, JOB_SELF_SIGN, JOB_CSR };

struct key_job {
	struct keyring *ring;
	enum kind kind;
	struct name name;
	struct token *token;
	struct token_wish wish; /* create */
	const struct key *key;	/* self-sign, CSR; held */
	char subject[256];
	uint32_t days;
	unix_time now;
	struct digest statement;
	/* Written by key_job_run: */
	bool ran;
	rc result;
	struct fault fault;
	struct buf out; /* SPKI, certificate or CSR */
};

/* ---- Beginning ------------------------------------------------------------------------------- */

static rc reserve(struct keyring *k, struct key_job *j, struct refusal *why)
{
	size_t free_at = KEYRING_JOBS_MAX;

	for (size_t i = 0; i < KEYRING_JOBS_MAX; i++) {
		if (k->jobs[i] == NULL)
			free_at = i;
		else if (name_is_equal(&k->jobs[i]->name, &j->name))
			return refuse(why, REASON_KEEPER_BUSY, "key %s: work on it is going on",
				      j->name.s);
	}
	if (free_at == KEYRING_JOBS_MAX)
		return refuse(why, REASON_KEEPER_BUSY, "%d key operations are going on",
			      KEYRING_JOBS_MAX);
	TRY(key_token_ready(j->token, why));
	k->jobs[free_at] = j;
	j->ring = k;
	return OK;
}

static rc fill_create(const struct keyring *k, const struct key_change *c, struct key_job *j,
		      struct refusal *why)
{
	if (keyring_find(k, &c->key) != NULL)
		return refuse(why, REASON_KEY_EXISTS, "there is a key %s", c->key.s);
	j->wish.id = j->statement;
	if (!rc_is_ok(key_alg_parse(view_str(c->algorithm), &j->wish.alg)))
		return refuse(why, REASON_CHANGE_INVALID, "algorithm %s is not served",
			      c->algorithm);
	j->token = keyring_token(k, name_view(&c->token));
	if (j->token == NULL)
		return refuse(why, REASON_CHANGE_INVALID, "no token %s is configured", c->token.s);
	if (k->count == KEYRING_KEYS_MAX)
		return refuse(why, REASON_CHANGE_INVALID, "the keeper has %d keys, its maximum",
			      KEYRING_KEYS_MAX);
	return OK;
}

/* For self-sign and CSR. */
static rc fill_subject(const struct keyring *k, struct view subject, struct key_job *j,
		       struct refusal *why)
{
	AUTO(buf) struct buf name = {0};
	struct fault f = {.text = "not of the form CN=...,O=..."};
	const struct key *key = NULL;
	rc r;

	TRY(keyring_active(k, &j->name, &key, why));
	buf_init(&name, X509_DER_MAX);
	r = subject.len < sizeof(j->subject) ? x509_subject_encode(subject, &name, &f)
					     : fault_set(&f, RC_LIMIT, 0, "too long");
	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return refuse(why, REASON_CHANGE_INVALID, "subject: %s", f.text);
	memcpy(j->subject, subject.ptr, subject.len);
	j->key = key_hold(key);
	j->token = key->token;
	return OK;
}

static rc fill_self_sign(const struct keyring *k, const struct key_change *c, struct key_job *j,
			 struct refusal *why)
{
	if (!k->permit_self_sign)
		return refuse(why, REASON_CHANGE_INVALID,
			      "self-signed certificates are for tests (the keeper's setting "
			      "self-sign): greatseal key csr, then key import-cert");
	if (c->days < 1 || c->days > KEYRING_DAYS_MAX ||
	    j->now > TIME_MAX - (unix_time)c->days * 86400)
		return refuse(why, REASON_CHANGE_INVALID, "%u days; permitted are 1..%d", c->days,
			      KEYRING_DAYS_MAX);
	j->days = c->days;
	return fill_subject(k, view_str(c->subject), j, why);
}

static rc job_new(enum kind kind, const struct name *name, struct key_job **ret)
{
	struct key_job *j = (struct key_job *)calloc(1, sizeof(*j));

	if (j == NULL)
		return RC(RC_NOMEM);
	j->kind = kind;
	j->name = *name;
	buf_init(&j->out, X509_DER_MAX);
	*ret = j;
	return OK;
}

static rc job_hand_over(struct keyring *k, rc r, struct key_job *j, struct key_job **ret,
			struct refusal *why)
{
	if (rc_is_ok(r))
		r = reserve(k, j, why);
	if (rc_is_ok(r))
		*ret = j;
	else
		key_job_free(j);
	return r;
}

rc key_job_new(struct keyring *k, const struct key_order *o, struct key_job **ret,
	       struct refusal *why)
{
	const struct key_change *c = o->change;
	struct key_job *j;
	rc r;

	if (!key_action_is_slow(c->action))
		return RC(RC_USAGE);
	TRY(job_new(c->action == KEY_CREATE ? JOB_CREATE : JOB_SELF_SIGN, &c->key, &j));
	j->statement = o->statement;
	j->now = o->now;
	r = j->kind == JOB_CREATE ? fill_create(k, c, j, why) : fill_self_sign(k, c, j, why);
	return job_hand_over(k, r, j, ret, why);
}

rc key_job_csr(struct keyring *k, const struct name *key, struct view subject, struct key_job **ret,
	       struct refusal *why)
{
	struct key_job *j;

	TRY(job_new(JOB_CSR, key, &j));
	return job_hand_over(k, fill_subject(k, subject, j, why), j, ret, why);
}

struct token *key_job_token(const struct key_job *j)
{
	return j->token;
}

void key_job_free(struct key_job *j)
{
	if (j == NULL)
		return;
	for (size_t i = 0; j->ring != NULL && i < KEYRING_JOBS_MAX; i++)
		if (j->ring->jobs[i] == j)
			j->ring->jobs[i] = NULL;
	key_drop(j->key);
	buf_release(&j->out);
	free(j);
}

/* ---- Running --------------------------------------------------------------------------------- */

/* 16 bytes of the statement's digest, made positive: the same statement, the same serial number. */
static void serial_of(const struct digest *statement, uint8_t out[SERIAL])
{
	memcpy(out, statement->b, SERIAL);
	out[0] = (uint8_t)((out[0] & 0x3f) | 0x40);
}

bool key_is_self_signed_by(const struct key *k, const struct digest *statement)
{
	uint8_t element[2 + SERIAL] = {0x02, SERIAL}; /* INTEGER */

	serial_of(statement, element + 2);
	return k->chain.count == 1 &&
	       view_is_equal(k->cert.serial, view_of(element, sizeof(element)));
}

static rc run_x509(struct key_job *j)
{
	AUTO(token_session) struct token_session *session = NULL;
	AUTO(provider) struct provider *provider = NULL;
	const struct pkey *pub = j->key->pub;
	uint8_t serial[SERIAL];
	struct signer signer;
	struct x509_make m = {.pub = pub, .signer = &signer, .subject = view_str(j->subject)};
	struct x509_validity v = {.not_before = j->now, .serial = view_of(serial, SERIAL)};

	TRY(token_session_new(j->token, &j->key->id, pkey_spki(pub), &session, &j->fault));
	TRY(provider_new(&provider, &j->fault));
	signer = token_session_signer(session);
	m.provider = provider;
	m.hash = pkey_alg(pub) == KEY_P384 ? HASH_SHA384 : HASH_SHA256;
	if (j->kind == JOB_CSR)
		return x509_csr(&m, &j->out, &j->fault);
	serial_of(&j->statement, serial);
	v.not_after = j->now + (unix_time)j->days * 86400;
	return x509_self_signed(&m, &v, &j->out, &j->fault);
}

void key_job_run(struct key_job *j)
{
	if (j->kind == JOB_CREATE)
		j->result = token_create_key(j->token, &j->wish, &j->out, &j->fault);
	else
		j->result = run_x509(j);
	j->ran = true;
}

/* ---- Finishing ------------------------------------------------------------------------------- */

static rc failed(const struct key_job *j, struct refusal *why)
{
	const char *text = j->fault.text;

	switch ((int)j->result.code) {
	case RC_NOMEM:
		return j->result;
	case RC_TOKEN:
	case RC_BUSY:
	case RC_NOTFOUND: /* the key was there once: the token lost it */
		return refuse(why, REASON_KEY_TOKEN, "%s", text);
	case RC_DENIED:
	case RC_EXISTS:
	case RC_UNSUPPORTED:
	case RC_LIMIT:
		return refuse(why, REASON_CHANGE_INVALID, "%s", text);
	case RC_IO:
	case RC_NOSPACE:
		return refuse(why, REASON_KEEPER_STORAGE, "%s", text);
	default:
		return refuse(why, REASON_KEEPER_INTERNAL, "%s", text);
	}
}

static rc finish_create(const struct key_job *j, struct key_row *ret, struct refusal *why)
{
	if (keyring_find(j->ring, &j->name) != NULL)
		return refuse(why, REASON_KEY_EXISTS, "there is a key %s", j->name.s);
	ret->name = j->name;
	ret->alg = j->wish.alg;
	ret->token = *token_name(j->token);
	ret->id = j->wish.id;
	ret->fingerprint = digest_of(buf_view(&j->out));
	ret->state = KEY_ACTIVE;
	ret->created = j->now;
	ret->leaf = 0;
	buf_clear(&ret->spki);
	buf_clear(&ret->certificates);
	buf_put_view(&ret->spki, buf_view(&j->out));
	if (keyring_find_fingerprint(j->ring, &ret->fingerprint) != NULL)
		return refuse(why, REASON_KEY_EXISTS,
			      "this statement's key exists under another name");
	return buf_done(&ret->spki);
}

static rc finish_self_sign(const struct key_job *j, const struct key *key, struct key_row *ret,
			   struct refusal *why)
{
	AUTO(x509_chain) struct x509_chain chain = {0};
	struct fault f = {0};
	rc r = x509_chain_read(buf_view(&j->out), &chain, &f);

	if (rc_is_ok(r))
		r = x509_check_import(&chain, key->pub, j->now, &f);
	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return refuse(why, REASON_KEEPER_INTERNAL, "our own certificate: %s", f.text);
	TRY(key_to_row(key, ret));
	buf_clear(&ret->certificates);
	buf_put_view(&ret->certificates, buf_view(&j->out));
	return buf_done(&ret->certificates);
}

rc key_job_finish(struct key_job *j, struct key_row *ret_row, struct buf *ret_csr,
		  struct refusal *why)
{
	const struct key *key = NULL;

	if (!j->ran)
		return RC(RC_STATE);
	if (!rc_is_ok(j->result))
		return failed(j, why);
	if (j->kind == JOB_CREATE)
		return finish_create(j, ret_row, why);
	TRY(keyring_active(j->ring, &j->name, &key, why)); /* it may have been locked meanwhile */
	if (j->kind == JOB_SELF_SIGN)
		return finish_self_sign(j, key, ret_row, why);
	buf_put_view(ret_csr, buf_view(&j->out));
	return buf_done(ret_csr);
}
