/* Purpose: see token.h. Here: the table, what is the same for every variant, and the check of each
 * new signature. */
#include "prog/keeper/token.h"

#include <stdlib.h>
#include <unistd.h>

const struct token_ops *const token_table[] = {&token_file_ops, &token_pkcs11_ops, NULL};

struct token {
	const struct token_ops *ops;
	void *impl;
	struct name name;
	unsigned parallel;
	enum token_verify verify;
};

struct token_session {
	struct token *token;
	void *impl;
	struct pkey *pub;
	struct pkey_check *check; /* of pub; a session belongs to one thread at a time */
};

static unsigned cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 1)
		return 1;
	return n > TOKEN_PARALLEL_MAX ? TOKEN_PARALLEL_MAX : (unsigned)n;
}

rc token_make(const struct token_spec *spec, const struct secret *secret, struct fault *f)
{
	if (spec->ops->make == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "token %s: a %s token is made with its vendor's tools",
				 spec->name.s, spec->ops->kind);
	return spec->ops->make(spec, secret, f);
}

rc token_open(const struct token_spec *spec, const struct secret *secret, struct token **ret,
	      struct fault *f)
{
	struct token *t = (struct token *)calloc(1, sizeof(*t));
	rc r;

	if (t == NULL)
		return RC(RC_NOMEM);
	t->ops = spec->ops;
	t->name = spec->name;
	t->verify = spec->verify;
	t->parallel = spec->parallel;
	if (t->parallel == 0)
		t->parallel = spec->ops->parallel != 0 ? spec->ops->parallel : cores();
	r = spec->ops->open(spec, secret, &t->impl, f);
	if (rc_is_ok(r))
		*ret = t;
	else
		free(t);
	return r;
}

void token_close(struct token *t)
{
	if (t == NULL)
		return;
	t->ops->close(t->impl);
	free(t);
}

const struct name *token_name(const struct token *t)
{
	return &t->name;
}

const char *token_kind(const struct token *t)
{
	return t->ops->kind;
}

unsigned token_parallel(const struct token *t)
{
	return t->parallel;
}

bool token_is_ready(const struct token *t)
{
	return t->ops->is_ready(t->impl);
}

rc token_probe(struct token *t, struct fault *f)
{
	return t->ops->probe(t->impl, f);
}

/* Signs a fixed text with the new key and verifies it: a key pair whose halves do not belong
 * together must be found before anybody orders a certificate for it. The signature is thrown away.
 */
static rc check_pair(struct token *t, const struct token_wish *w, struct view spki, struct fault *f)
{
	const struct view text = view_str("greatseal: does this key pair belong together?");
	const struct hash h = hash_of(HASH_SHA256, text);
	AUTO(token_session) struct token_session *s = NULL;
	struct sign_input in = {.scheme = key_alg_scheme(w->alg), .hash = HASH_SHA256};
	uint8_t mem[PKEY_SIGNATURE_MAX];
	struct buf sig;

	buf_init_fixed(&sig, mem, sizeof(mem));
	in.input = in.scheme == SIGN_ED25519 ? text : hash_view(&h);
	TRY(token_session_new(t, &w->id, spki, &s, f));
	TRY(token_session_sign(s, &in, &sig, f));
	if (!rc_is_ok(pkey_verify(s->pub, &in, buf_view(&sig), f)))
		return fault_set(f, RC_TOKEN, 0,
				 "token %s: the new key pair does not verify itself", t->name.s);
	return OK;
}

rc token_create_key(struct token *t, const struct token_wish *w, struct buf *ret_spki,
		    struct fault *f)
{
	uint8_t mem[PKEY_SPKI_MAX];
	struct buf spki;

	buf_init_fixed(&spki, mem, sizeof(mem));
	TRY(t->ops->create_key(t->impl, w, &spki, f));
	TRY(check_pair(t, w, buf_view(&spki), f));
	buf_put_view(ret_spki, buf_view(&spki));
	return buf_done(ret_spki);
}

rc token_find_key(struct token *t, const struct digest *id, struct buf *ret_spki, struct fault *f)
{
	return t->ops->find_key(t->impl, id, ret_spki, f);
}

rc token_list(struct token *t, token_list_fn each, void *ctx, struct fault *f)
{
	return t->ops->list(t->impl, each, ctx, f);
}

static rc session_fill(struct token_session *s, const struct digest *id, struct view spki,
		       struct fault *f)
{
	struct token *t = s->token;
	uint8_t mem[PKEY_SPKI_MAX];
	struct buf there;

	TRY(pkey_from_spki(spki, &s->pub, f));
	TRY(pkey_check_new(s->pub, &s->check, f));
	buf_init_fixed(&there, mem, sizeof(mem));
	TRY(t->ops->find_key(t->impl, id, &there, f));
	if (!view_is_equal(buf_view(&there), spki))
		return fault_set(f, RC_MISMATCH, 0,
				 "token %s: the key under this id is not the one that was made",
				 t->name.s);
	return t->ops->session_new(t->impl, id, pkey_alg(s->pub), &s->impl, f);
}

rc token_session_new(struct token *t, const struct digest *id, struct view spki,
		     struct token_session **ret, struct fault *f)
{
	struct token_session *s = (struct token_session *)calloc(1, sizeof(*s));
	rc r;

	if (s == NULL)
		return RC(RC_NOMEM);
	s->token = t;
	r = session_fill(s, id, spki, f);
	if (rc_is_ok(r))
		*ret = s;
	else
		token_session_free(s);
	return r;
}

void token_session_free(struct token_session *s)
{
	if (s == NULL)
		return;
	if (s->impl != NULL)
		s->token->ops->session_free(s->impl);
	pkey_check_free(s->check);
	pkey_destroy(s->pub);
	free(s);
}

static rc check_input(const struct token_session *s, const struct sign_input *in, struct fault *f)
{
	enum key_alg alg = pkey_alg(s->pub);

	if (in->scheme != key_alg_scheme(alg))
		return fault_set(f, RC_USAGE, 0, "token %s: scheme %d is not for %s",
				 s->token->name.s, (int)in->scheme, key_alg_name(alg));
	if (in->scheme != SIGN_ED25519 && in->input.len != hash_size(in->hash))
		return fault_set(f, RC_USAGE, 0, "token %s: digest of %zu bytes, %s has %zu",
				 s->token->name.s, in->input.len, hash_name(in->hash),
				 hash_size(in->hash));
	return OK;
}

static rc check_signature(const struct token_session *s, const struct sign_input *in,
			  struct view signature, struct fault *f)
{
	if (s->token->verify == TOKEN_VERIFY_NONE ||
	    (s->token->verify == TOKEN_VERIFY_RSA && in->scheme != SIGN_RSA_PKCS1))
		return OK;
	if (rc_is_ok(pkey_check_verify(s->check, in, signature, f)))
		return OK;
	return fault_set(f, RC_TOKEN, 0,
			 "token %s: its new signature does not verify and was thrown away",
			 s->token->name.s);
}

rc token_session_sign(struct token_session *s, const struct sign_input *in, struct buf *out,
		      struct fault *f)
{
	size_t start = out->len;
	struct view signature;
	rc r;

	TRY(check_input(s, in, f));
	r = s->token->ops->sign(s->impl, in, out, f);
	if (!rc_is_ok(r))
		return r;
	signature = view_of(out->ptr + start, out->len - start);
	r = check_signature(s, in, signature, f);
	if (!rc_is_ok(r))
		out->len = start;
	return r;
}

static rc sign_callback(void *ctx, enum sign_scheme scheme, enum hash_alg alg, struct view input,
			struct buf *out, struct fault *f)
{
	const struct sign_input in = {.scheme = scheme, .hash = alg, .input = input};

	return token_session_sign((struct token_session *)ctx, &in, out, f);
}

struct signer token_session_signer(struct token_session *s)
{
	return (struct signer){.sign = sign_callback, .ctx = s};
}
