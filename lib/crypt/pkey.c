/* Purpose: see pkey.h. */
#include "lib/crypt/pkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/ossl.h"

static const struct {
	const char *name;
	enum sign_scheme scheme;
	size_t signature_max;
	int bits;	   /* RSA: modulus; 0 for curves */
	const char *group; /* as OpenSSL names the curve */
} algs[] = {
	[KEY_RSA3072] = {"rsa-3072", SIGN_RSA_PKCS1, 384, 3072, NULL},
	[KEY_RSA4096] = {"rsa-4096", SIGN_RSA_PKCS1, 512, 4096, NULL},
	/* SEQUENCE header (2 or 3) and two INTEGERs of the field size + 1 with headers */
	[KEY_P256] = {"ecdsa-p256", SIGN_ECDSA, 72, 0, "prime256v1"},
	[KEY_P384] = {"ecdsa-p384", SIGN_ECDSA, 104, 0, "secp384r1"},
	[KEY_ED25519] = {"ed25519", SIGN_ED25519, 64, 0, NULL},
};
_Static_assert(sizeof(algs) / sizeof(algs[0]) == KEY_ALG_COUNT, "one row per algorithm");

struct pkey {
	EVP_PKEY *evp;
	enum key_alg alg;
	struct digest fingerprint;
	size_t spki_len;
	uint8_t spki[PKEY_SPKI_MAX];
};

const char *key_alg_name(enum key_alg alg)
{
	return algs[alg].name;
}

rc key_alg_parse(struct view name, enum key_alg *ret)
{
	for (int i = 0; i < KEY_ALG_COUNT; i++)
		if (view_is(name, algs[i].name)) {
			*ret = (enum key_alg)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

enum sign_scheme key_alg_scheme(enum key_alg alg)
{
	return algs[alg].scheme;
}

bool key_alg_permits(enum key_alg alg, enum hash_alg hash)
{
	return alg != KEY_ED25519 || hash == HASH_SHA512;
}

size_t key_alg_signature_max(enum key_alg alg)
{
	return algs[alg].signature_max;
}

static rc classify_rsa(const EVP_PKEY *evp, enum key_alg *ret, struct fault *f)
{
	BIGNUM *e = NULL;
	bool usual;
	int bits = EVP_PKEY_get_bits(evp);

	if (EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		return ossl_fault(f, RC_CRYPTO, "key: RSA exponent");
	usual = BN_is_word(e, RSA_F4) == 1;
	BN_free(e);
	if (!usual)
		return fault_set(f, RC_UNSUPPORTED, 0, "key: RSA exponent is not 65537");
	for (int i = 0; i < KEY_ALG_COUNT; i++)
		if (algs[i].bits == bits) {
			*ret = (enum key_alg)i;
			return OK;
		}
	return fault_set(f, RC_UNSUPPORTED, 0, "key: RSA of %d bits; served are 3072 and 4096",
			 bits);
}

static rc classify(const EVP_PKEY *evp, enum key_alg *ret, struct fault *f)
{
	char group[32];

	if (EVP_PKEY_is_a(evp, "RSA"))
		return classify_rsa(evp, ret, f);
	if (EVP_PKEY_is_a(evp, "ED25519")) {
		*ret = KEY_ED25519;
		return OK;
	}
	if (!EVP_PKEY_is_a(evp, "EC"))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "key: neither RSA, nor EC on a named curve, nor Ed25519");
	if (EVP_PKEY_get_group_name(evp, group, sizeof(group), NULL) != 1) {
		ERR_clear_error();
		return fault_set(f, RC_UNSUPPORTED, 0, "key: EC without a named curve");
	}
	for (int i = 0; i < KEY_ALG_COUNT; i++)
		if (algs[i].group != NULL && strcmp(algs[i].group, group) == 0) {
			*ret = (enum key_alg)i;
			return OK;
		}
	return fault_set(f, RC_UNSUPPORTED, 0, "key: curve %s; served are P-256 and P-384", group);
}

/* What OpenSSL read must be what it would write: no second encoding of one key has another
 * fingerprint. */
static rc check_canonical(EVP_PKEY *evp, struct view der, struct fault *f)
{
	unsigned char *again = NULL;
	int len = i2d_PUBKEY(evp, &again);
	bool same;

	if (len < 0)
		return ossl_fault(f, RC_CRYPTO, "key: encoding the public key");
	same = view_is_equal(view_of(again, (size_t)len), der);
	OPENSSL_free(again);
	if (!same)
		return fault_set(f, RC_NONCANON, 0,
				 "key: SubjectPublicKeyInfo is not the canonical encoding");
	return OK;
}

static rc parse(struct pkey *k, struct view der, struct fault *f)
{
	const unsigned char *p = der.ptr;

	k->evp = d2i_PUBKEY(NULL, &p, (long)der.len);
	if (k->evp == NULL)
		return ossl_fault(f, RC_SYNTAX, "key: SubjectPublicKeyInfo (RFC 5280 4.1.2.7)");
	if (p != der.ptr + der.len)
		return fault_set(f, RC_TRAILING, (uint64_t)(p - der.ptr),
				 "key: bytes after the SubjectPublicKeyInfo");
	TRY(classify(k->evp, &k->alg, f));
	TRY(check_canonical(k->evp, der, f));
	memcpy(k->spki, der.ptr, der.len);
	k->spki_len = der.len;
	k->fingerprint = digest_of(der);
	return OK;
}

rc pkey_from_spki(struct view der, struct pkey **ret, struct fault *f)
{
	struct pkey *k;
	rc r;

	if (der.len > PKEY_SPKI_MAX)
		return fault_set(f, RC_LIMIT, 0, "key: SubjectPublicKeyInfo has %zu bytes, max %d",
				 der.len, PKEY_SPKI_MAX);
	if (der.len == 0)
		return fault_set(f, RC_TRUNCATED, 0, "key: no bytes");
	k = (struct pkey *)calloc(1, sizeof(*k));
	if (k == NULL)
		return RC(RC_NOMEM);
	r = parse(k, der, f);
	if (rc_is_ok(r))
		*ret = k;
	else
		pkey_destroy(k);
	return r;
}

void pkey_destroy(struct pkey *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->evp);
	free(k);
}

enum key_alg pkey_alg(const struct pkey *k)
{
	return k->alg;
}

struct view pkey_spki(const struct pkey *k)
{
	return view_of(k->spki, k->spki_len);
}

const struct digest *pkey_fingerprint(const struct pkey *k)
{
	return &k->fingerprint;
}

struct evp_pkey_st *pkey_evp(const struct pkey *k)
{
	return k->evp;
}

/* 1 good, 0 bad, -1 libcrypto failed. */
static int verify_message(EVP_PKEY *evp, struct view message, struct view sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = -1;

	if (ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, evp, NULL) == 1)
		ok = EVP_DigestVerify(ctx, sig.ptr, sig.len, message.ptr, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static EVP_PKEY_CTX *check_context(EVP_PKEY *evp, enum sign_scheme scheme)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);

	if (ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	    (scheme != SIGN_RSA_PKCS1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1))
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

struct pkey_check {
	const struct pkey *key;
	EVP_PKEY_CTX *ctx;  /* NULL for Ed25519 */
	enum hash_alg hash; /* that ctx is set to; 0: none yet */
};

rc pkey_check_new(const struct pkey *k, struct pkey_check **ret, struct fault *f)
{
	struct pkey_check *c = (struct pkey_check *)calloc(1, sizeof(*c));

	if (c == NULL)
		return RC(RC_NOMEM);
	c->key = k;
	if (algs[k->alg].scheme != SIGN_ED25519) {
		c->ctx = check_context(k->evp, algs[k->alg].scheme);
		if (c->ctx == NULL) {
			free(c);
			return ossl_fault(f, RC_CRYPTO, "key: preparing to verify");
		}
	}
	*ret = c;
	return OK;
}

void pkey_check_free(struct pkey_check *c)
{
	if (c == NULL)
		return;
	EVP_PKEY_CTX_free(c->ctx);
	free(c);
}

/* As verify_message. */
static int verify_digest(struct pkey_check *c, const struct sign_input *in, struct view sig)
{
	const EVP_MD *md;

	if (c->hash != in->hash) {
		md = EVP_get_digestbyname(hash_name(in->hash));
		if (md == NULL || EVP_PKEY_CTX_set_signature_md(c->ctx, md) != 1)
			return -1;
		c->hash = in->hash;
	}
	return EVP_PKEY_verify(c->ctx, sig.ptr, sig.len, in->input.ptr, in->input.len) == 1;
}

rc pkey_check_verify(struct pkey_check *c, const struct sign_input *in, struct view signature,
		     struct fault *f)
{
	const struct pkey *k = c->key;
	int ok;

	if (in->scheme != algs[k->alg].scheme)
		return fault_set(f, RC_USAGE, 0, "key: scheme %d is not for %s", (int)in->scheme,
				 algs[k->alg].name);
	if (in->scheme == SIGN_ED25519) {
		ok = verify_message(k->evp, in->input, signature);
	} else {
		if (in->input.len != hash_size(in->hash))
			return fault_set(f, RC_USAGE, 0, "key: digest of %zu bytes, %s has %zu",
					 in->input.len, hash_name(in->hash), hash_size(in->hash));
		ok = verify_digest(c, in, signature);
	}
	if (ok < 0)
		return ossl_fault(f, RC_CRYPTO, "key: preparing to verify");
	if (ok == 0) {
		ERR_clear_error();
		return fault_set(f, RC_BADSIG, 0, "key: the %s signature does not verify",
				 algs[k->alg].name);
	}
	return OK;
}

rc pkey_verify(const struct pkey *k, const struct sign_input *in, struct view signature,
	       struct fault *f)
{
	struct pkey_check *c;
	rc r = pkey_check_new(k, &c, f);

	if (rc_is_ok(r)) {
		r = pkey_check_verify(c, in, signature, f);
		pkey_check_free(c);
	}
	return r;
}
