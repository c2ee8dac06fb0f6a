/* key - one key as the keeper knows it: the stored row, and the immutable object made from it.
 *
 * Owns: that the two agree, states, counting holders. Must not own: which keys there are
 * (keyring.c), signing (key_user.c). */
#include <stdlib.h>
#include <string.h>

#include "prog/keeper/key_impl.h"

void key_row_init(struct key_row *r)
{
	*r = (struct key_row){0};
	buf_init(&r->spki, PKEY_SPKI_MAX);
	buf_init(&r->certificates, KEY_ROW_CERTS_MAX);
}

void key_row_release(struct key_row *r)
{
	buf_release(&r->spki);
	buf_release(&r->certificates);
}

static const struct {
	enum key_state state;
	const char *name;
} states[] = {{KEY_ACTIVE, "active"}, {KEY_LOCKED, "locked"}, {KEY_RETIRED, "retired"}};

#define STATES (sizeof(states) / sizeof(states[0]))

const char *key_state_name(enum key_state s)
{
	for (size_t i = 0; i < STATES; i++)
		if (states[i].state == s)
			return states[i].name;
	return "unknown";
}

rc key_state_parse(struct view name, enum key_state *ret)
{
	for (size_t i = 0; i < STATES; i++)
		if (view_is(name, states[i].name)) {
			*ret = states[i].state;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

static rc corrupt(const struct key_row *row, const char *what, struct fault *f)
{
	return fault_set(f, RC_CORRUPT, 0, "key %s: stored row: %s", row->name.s, what);
}

/* Errors of reading stored bytes are damage, whatever the reader calls them. */
static rc as_corrupt(const struct key_row *row, rc r, const char *what, struct fault *f)
{
	if (rc_is_ok(r) || r.code == RC_NOMEM || r.code == RC_CRYPTO)
		return r;
	return corrupt(row, what, f);
}

static rc fill_certificates(struct key *k, const struct key_row *row, struct fault *f)
{
	if (row->certificates.len == 0)
		return OK;
	TRY(as_corrupt(row, x509_chain_read(buf_view(&row->certificates), &k->chain, f),
		       "certificates do not read", f));
	TRY(as_corrupt(row, x509_parse(k->chain.der[0], &k->cert, f), "certificate", f));
	if (!view_is_equal(k->cert.spki, pkey_spki(k->pub)))
		return corrupt(row, "the certificate is another key's", f);
	return as_corrupt(row,
			  tbs_key_init(&k->tbs, row->alg, k->chain.der[0], k->chain.der + 1,
				       k->chain.count - 1, f),
			  "certificates", f);
}

static rc fill(struct key *k, const struct key_row *row, struct fault *f)
{
	if (row->state < KEY_ACTIVE || row->state > KEY_RETIRED)
		return corrupt(row, "no such state", f);
	TRY(as_corrupt(row, pkey_from_spki(buf_view(&row->spki), &k->pub, f), "public key", f));
	if (pkey_alg(k->pub) != row->alg)
		return corrupt(row, "the public key is of another algorithm", f);
	if (!digest_is_equal(pkey_fingerprint(k->pub), &row->fingerprint))
		return corrupt(row, "the fingerprint is another key's", f);
	k->name = row->name;
	k->token_name = row->token;
	k->id = row->id;
	k->state = row->state;
	k->created = row->created;
	k->locked = row->locked;
	k->leaf = row->leaf;
	return fill_certificates(k, row, f);
}

rc key_new(const struct key_row *row, struct token *token, const struct key **ret, struct fault *f)
{
	struct key *k = (struct key *)calloc(1, sizeof(*k));
	rc r;

	if (k == NULL)
		return RC(RC_NOMEM);
	k->holders = 1;
	k->token = token;
	r = fill(k, row, f);
	if (rc_is_ok(r))
		*ret = k;
	else
		key_drop(k);
	return r;
}

const struct key *key_hold(const struct key *k)
{
	/* The count is the one part of a key that changes. */
	((struct key *)(uintptr_t)k)->holders++;
	return k;
}

void key_drop(const struct key *k)
{
	struct key *own = (struct key *)(uintptr_t)k;

	if (own == NULL || --own->holders > 0)
		return;
	x509_chain_release(&own->chain);
	pkey_destroy(own->pub);
	free(own);
}

rc key_to_row(const struct key *k, struct key_row *ret)
{
	ret->name = k->name;
	ret->alg = pkey_alg(k->pub);
	ret->token = k->token_name;
	ret->id = k->id;
	ret->fingerprint = *pkey_fingerprint(k->pub);
	ret->state = k->state;
	ret->created = k->created;
	ret->locked = k->locked;
	ret->leaf = k->leaf;
	buf_clear(&ret->spki);
	buf_clear(&ret->certificates);
	buf_put_view(&ret->spki, pkey_spki(k->pub));
	for (size_t i = 0; i < k->chain.count; i++)
		buf_put_view(&ret->certificates, k->chain.der[i]);
	TRY(buf_done(&ret->spki));
	return buf_done(&ret->certificates);
}

const struct name *key_name(const struct key *k)
{
	return &k->name;
}

enum key_alg key_algorithm(const struct key *k)
{
	return pkey_alg(k->pub);
}

enum key_state key_state_of(const struct key *k)
{
	return k->state;
}

const struct digest *key_fingerprint(const struct key *k)
{
	return pkey_fingerprint(k->pub);
}

const struct pkey *key_public(const struct key *k)
{
	return k->pub;
}

struct token *key_token(const struct key *k)
{
	return k->token;
}

const struct tbs_key *key_tbs(const struct key *k)
{
	return k->chain.count == 0 ? NULL : &k->tbs;
}

size_t key_certificates(const struct key *k, struct view ret[X509_CHAIN_MAX])
{
	for (size_t i = 0; i < k->chain.count; i++)
		ret[i] = k->chain.der[i];
	return k->chain.count;
}

rc key_token_ready(const struct token *t, struct refusal *why)
{
	if (token_is_ready(t))
		return OK;
	return refuse(why, REASON_KEY_TOKEN, "token %s is absent", token_name(t)->s);
}

rc key_check_use(const struct key *k, bool need_cert, unix_time now, struct refusal *why)
{
	if (k->state == KEY_RETIRED)
		return refuse(why, REASON_KEY_RETIRED, "key %s is retired", k->name.s);
	if (k->state == KEY_LOCKED)
		return refuse(why, REASON_KEY_LOCKED, "key %s is locked", k->name.s);
	if (need_cert && k->chain.count == 0)
		return refuse(why, REASON_KEY_NO_CERT, "key %s has no certificate", k->name.s);
	if (need_cert && (now < k->cert.not_before || now > k->cert.not_after)) {
		char edge[TIME_TEXT] = "?";

		rc_ignore(time_format(now < k->cert.not_before ? k->cert.not_before
							       : k->cert.not_after,
				      edge),
			  "a time outside 1970..9999 stays a question mark");
		return refuse(why, REASON_KEY_CERT_TIME, "the certificate of key %s is valid %s %s",
			      k->name.s, now < k->cert.not_before ? "from" : "until", edge);
	}
	return key_token_ready(k->token, why);
}
