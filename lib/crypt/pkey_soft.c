/* Purpose: see pkey_soft.h. */
#include "lib/crypt/pkey_soft.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/ossl.h"

struct pkey_soft {
	EVP_PKEY *evp;
	struct pkey *pub;
};

struct pkey_soft_ctx {
	const struct pkey_soft *key;
	EVP_PKEY *own; /* a copy: threads that share a key object wait for its locks and lines */
	EVP_PKEY_CTX *sign; /* RSA, ECDSA: initialised for `hash` */
	enum hash_alg hash;
	EVP_MD_CTX *message; /* Ed25519 */
};

/* Takes evp in every case. */
static rc adopt(EVP_PKEY *evp, struct pkey_soft **ret, struct fault *f)
{
	struct pkey_soft *k = (struct pkey_soft *)calloc(1, sizeof(*k));
	unsigned char *spki = NULL;
	int len;
	rc r;

	if (k == NULL) {
		EVP_PKEY_free(evp);
		return RC(RC_NOMEM);
	}
	k->evp = evp;
	len = i2d_PUBKEY(evp, &spki);
	if (len < 0)
		r = ossl_fault(f, RC_CRYPTO, "key: encoding the public half");
	else
		r = pkey_from_spki(view_of(spki, (size_t)len), &k->pub, f);
	OPENSSL_free(spki);
	if (rc_is_ok(r))
		*ret = k;
	else
		pkey_soft_free(k);
	return r;
}

rc pkey_soft_generate(enum key_alg alg, struct pkey_soft **ret, struct fault *f)
{
	EVP_PKEY *evp = NULL;

	switch (alg) {
	case KEY_RSA3072:
		evp = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
		break;
	case KEY_RSA4096:
		evp = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4096);
		break;
	case KEY_P256:
		evp = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		break;
	case KEY_P384:
		evp = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
		break;
	case KEY_ED25519:
		evp = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	}
	if (evp == NULL)
		return ossl_fault(f, RC_CRYPTO, "key: generating");
	return adopt(evp, ret, f);
}

rc pkey_soft_import(struct view pkcs8, struct pkey_soft **ret, struct fault *f)
{
	const unsigned char *p = pkcs8.ptr;
	PKCS8_PRIV_KEY_INFO *info = NULL;
	EVP_PKEY *evp;

	if (pkcs8.len == 0 || pkcs8.len > SECRET_MAX)
		return fault_set(f, RC_SYNTAX, 0, "key: PKCS#8 of %zu bytes", pkcs8.len);
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.len);
	if (info == NULL)
		return ossl_fault(f, RC_SYNTAX, "key: PKCS#8 PrivateKeyInfo (RFC 5958)");
	if (p != pkcs8.ptr + pkcs8.len) {
		PKCS8_PRIV_KEY_INFO_free(info);
		return fault_set(f, RC_TRAILING, (uint64_t)(p - pkcs8.ptr),
				 "key: bytes after the PrivateKeyInfo");
	}
	evp = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	if (evp == NULL)
		return ossl_fault(f, RC_UNSUPPORTED, "key: private key in PKCS#8");
	return adopt(evp, ret, f);
}

rc pkey_soft_export(const struct pkey_soft *k, struct secret *ret, struct fault *f)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k->evp);
	struct secret s = {0};
	unsigned char *p;
	int len;
	rc r;

	if (info == NULL)
		return ossl_fault(f, RC_CRYPTO, "key: making PKCS#8");
	len = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
	r = len > 0 ? secret_new(&s, (size_t)len) : RC(RC_CRYPTO);
	p = s.ptr;
	if (rc_is_ok(r) && i2d_PKCS8_PRIV_KEY_INFO(info, &p) != len) {
		secret_release(&s);
		r = ossl_fault(f, RC_CRYPTO, "key: writing PKCS#8");
	}
	PKCS8_PRIV_KEY_INFO_free(info);
	if (rc_is_ok(r))
		*ret = s;
	return r;
}

void pkey_soft_free(struct pkey_soft *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->evp);
	pkey_destroy(k->pub);
	free(k);
}

const struct pkey *pkey_soft_public(const struct pkey_soft *k)
{
	return k->pub;
}

static bool set_hash(struct pkey_soft_ctx *c, enum hash_alg hash)
{
	const EVP_MD *md;

	if (c->hash == hash)
		return true;
	md = EVP_get_digestbyname(hash_name(hash));
	if (md == NULL || EVP_PKEY_CTX_set_signature_md(c->sign, md) != 1)
		return false;
	c->hash = hash;
	return true;
}

static bool prepare(struct pkey_soft_ctx *c)
{
	enum sign_scheme scheme = key_alg_scheme(pkey_alg(c->key->pub));

	c->own = EVP_PKEY_dup(c->key->evp);
	if (c->own == NULL)
		return false;
	if (scheme == SIGN_ED25519) {
		c->message = EVP_MD_CTX_new();
		return c->message != NULL;
	}
	c->sign = EVP_PKEY_CTX_new_from_pkey(NULL, c->own, NULL);
	return c->sign != NULL && EVP_PKEY_sign_init(c->sign) == 1 &&
	       (scheme != SIGN_RSA_PKCS1 ||
		EVP_PKEY_CTX_set_rsa_padding(c->sign, RSA_PKCS1_PADDING) == 1) &&
	       set_hash(c, HASH_SHA256);
}

rc pkey_soft_ctx_new(const struct pkey_soft *k, struct pkey_soft_ctx **ret, struct fault *f)
{
	struct pkey_soft_ctx *c = (struct pkey_soft_ctx *)calloc(1, sizeof(*c));

	if (c == NULL)
		return RC(RC_NOMEM);
	c->key = k;
	if (!prepare(c)) {
		pkey_soft_ctx_free(c);
		return ossl_fault(f, RC_CRYPTO, "key: preparing to sign");
	}
	*ret = c;
	return OK;
}

void pkey_soft_ctx_free(struct pkey_soft_ctx *c)
{
	if (c == NULL)
		return;
	EVP_PKEY_CTX_free(c->sign);
	EVP_MD_CTX_free(c->message);
	EVP_PKEY_free(c->own);
	free(c);
}

static rc check_input(enum key_alg alg, const struct sign_input *in, struct fault *f)
{
	if (in->scheme != key_alg_scheme(alg))
		return fault_set(f, RC_USAGE, 0, "key: scheme %d is not for %s", (int)in->scheme,
				 key_alg_name(alg));
	if (in->scheme != SIGN_ED25519 && in->input.len != hash_size(in->hash))
		return fault_set(f, RC_USAGE, 0, "key: digest of %zu bytes, %s has %zu",
				 in->input.len, hash_name(in->hash), hash_size(in->hash));
	return OK;
}

rc pkey_soft_sign(struct pkey_soft_ctx *c, const struct sign_input *in, struct buf *out,
		  struct fault *f)
{
	uint8_t sig[PKEY_SIGNATURE_MAX];
	size_t len = sizeof(sig);
	bool ok;

	TRY(check_input(pkey_alg(c->key->pub), in, f));
	if (in->scheme == SIGN_ED25519)
		ok = EVP_DigestSignInit_ex(c->message, NULL, NULL, NULL, NULL, c->own, NULL) == 1 &&
		     EVP_DigestSign(c->message, sig, &len, in->input.ptr, in->input.len) == 1;
	else
		ok = set_hash(c, in->hash) &&
		     EVP_PKEY_sign(c->sign, sig, &len, in->input.ptr, in->input.len) == 1;
	if (!ok)
		return ossl_fault(f, RC_CRYPTO, "key: signing");
	buf_put(out, sig, len);
	return buf_done(out);
}

static rc sign_callback(void *ctx, enum sign_scheme scheme, enum hash_alg alg, struct view input,
			struct buf *out, struct fault *f)
{
	const struct sign_input in = {.scheme = scheme, .hash = alg, .input = input};

	return pkey_soft_sign((struct pkey_soft_ctx *)ctx, &in, out, f);
}

struct signer pkey_soft_signer(struct pkey_soft_ctx *c)
{
	return (struct signer){.sign = sign_callback, .ctx = c};
}
