/* sk_provider - a security key in software, for tests only: ssh-keygen and ssh-agent load it as a
 * SecurityKeyProvider (OpenSSH PROTOCOL.u2f, "SSH_SK_API" 0x000a0000) and make real sk keys with
 * it.
 *
 * The key handle is the private key itself, so nothing is stored. Environment:
 *   SK_TEST_FLAGS    authenticator flags of signatures, decimal or 0x..; default 5 (UP, UV)
 *   SK_TEST_COUNTER  signature counter; default 7
 * Must not own: anything secret. It is never installed. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SK_VERSION 0x000a0000u
#define SK_ECDSA 0
#define SK_ED25519 1
#define SK_ERR_GENERAL (-1)
#define SK_ERR_UNSUPPORTED (-2)

#define POINT 65
#define SCALAR 32

/* The provider interface, written from PROTOCOL.u2f. */
struct sk_option;
struct sk_enroll_response {
	uint8_t flags;
	uint8_t *public_key;
	size_t public_key_len;
	uint8_t *key_handle;
	size_t key_handle_len;
	uint8_t *signature;
	size_t signature_len;
	uint8_t *attestation_cert;
	size_t attestation_cert_len;
	uint8_t *authdata;
	size_t authdata_len;
};
struct sk_sign_response {
	uint8_t flags;
	uint32_t counter;
	uint8_t *sig_r;
	size_t sig_r_len;
	uint8_t *sig_s;
	size_t sig_s_len;
};
struct sk_resident_key;

uint32_t sk_api_version(void);
int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application,
	      uint8_t flags, const char *pin, struct sk_option **options,
	      struct sk_enroll_response **response);
int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application,
	    const uint8_t *key_handle, size_t key_handle_len, uint8_t flags, const char *pin,
	    struct sk_option **options, struct sk_sign_response **response);
int sk_load_resident_keys(const char *pin, struct sk_option **options,
			  struct sk_resident_key ***keys, size_t *count);

uint32_t sk_api_version(void)
{
	return SK_VERSION;
}

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text == NULL || *text == '\0' ? otherwise : strtoul(text, NULL, 0);
}

/* Public part to pub, private to priv; true if all went well. */
static int raw_halves(uint32_t alg, EVP_PKEY *key, uint8_t *pub, uint8_t *priv)
{
	size_t pub_len = POINT;
	size_t priv_len = SCALAR;
	BIGNUM *d = NULL;
	int ok;

	if (alg == SK_ED25519)
		return EVP_PKEY_get_raw_public_key(key, pub, &pub_len) == 1 &&
		       EVP_PKEY_get_raw_private_key(key, priv, &priv_len) == 1;
	ok = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, pub, POINT,
					     &pub_len) == 1 &&
	     EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
	     BN_bn2binpad(d, priv, SCALAR) == SCALAR;
	BN_clear_free(d);
	return ok;
}

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application,
	      uint8_t flags, const char *pin, struct sk_option **options,
	      struct sk_enroll_response **response)
{
	size_t pub_len = alg == SK_ED25519 ? 32 : POINT;
	struct sk_enroll_response *r = calloc(1, sizeof(*r));
	EVP_PKEY *key = NULL;
	int ok;

	(void)challenge, (void)challenge_len, (void)application, (void)pin, (void)options;
	if (alg == SK_ECDSA)
		key = EVP_EC_gen("P-256");
	else if (alg == SK_ED25519)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ok = r != NULL && key != NULL && (r->public_key = calloc(1, POINT)) != NULL &&
	     (r->key_handle = calloc(1, SCALAR + POINT)) != NULL &&
	     (r->signature = calloc(1, 1)) != NULL &&
	     raw_halves(alg, key, r->public_key, r->key_handle);
	EVP_PKEY_free(key);
	if (!ok)
		return SK_ERR_GENERAL;
	memcpy(r->key_handle + SCALAR, r->public_key, POINT);
	r->flags = flags;
	r->public_key_len = pub_len;
	r->key_handle_len = SCALAR + POINT;
	r->signature_len = 1;
	*response = r;
	return 0;
}

static EVP_PKEY *p256_of(const uint8_t *handle)
{
	BIGNUM *d = BN_bin2bn(handle, SCALAR, NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (d != NULL && bld != NULL && ctx != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, handle + SCALAR,
					     POINT) == 1 &&
	    (params = OSSL_PARAM_BLD_to_param(bld)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(d);
	return key;
}

/* DER to r and s, as the interface wants them. */
static int split(const uint8_t *der, size_t len, struct sk_sign_response *r)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	int ok = sig != NULL && (r->sig_r = calloc(1, SCALAR)) != NULL &&
		 (r->sig_s = calloc(1, SCALAR)) != NULL;

	if (ok) {
		r->sig_r_len = (size_t)BN_bn2bin(ECDSA_SIG_get0_r(sig), r->sig_r);
		r->sig_s_len = (size_t)BN_bn2bin(ECDSA_SIG_get0_s(sig), r->sig_s);
	}
	ECDSA_SIG_free(sig);
	return ok;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application,
	    const uint8_t *key_handle, size_t key_handle_len, uint8_t flags, const char *pin,
	    struct sk_option **options, struct sk_sign_response **response)
{
	/* SHA-256(application), flags, counter, SHA-256(data) */
	uint8_t bytes[32 + 5 + 32];
	uint8_t sig[128];
	size_t sig_len = sizeof(sig);
	struct sk_sign_response *r = calloc(1, sizeof(*r));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *key = NULL;
	int ok;

	(void)flags, (void)pin, (void)options;
	if (alg == SK_ED25519 && key_handle_len == SCALAR + POINT)
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key_handle, SCALAR);
	else if (alg == SK_ECDSA && key_handle_len == SCALAR + POINT)
		key = p256_of(key_handle);
	if (r == NULL || ctx == NULL || key == NULL)
		return SK_ERR_GENERAL;
	r->flags = (uint8_t)setting("SK_TEST_FLAGS", 5);
	r->counter = (uint32_t)setting("SK_TEST_COUNTER", 7);
	SHA256((const uint8_t *)application, strlen(application), bytes);
	bytes[32] = r->flags;
	for (int i = 0; i < 4; i++)
		bytes[33 + i] = (uint8_t)(r->counter >> (24 - 8 * i));
	SHA256(data, data_len, bytes + 37);
	ok = EVP_DigestSignInit(ctx, NULL, alg == SK_ED25519 ? NULL : EVP_sha256(), NULL, key) ==
		     1 &&
	     EVP_DigestSign(ctx, sig, &sig_len, bytes, sizeof(bytes)) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	if (ok && alg == SK_ECDSA) {
		ok = split(sig, sig_len, r);
	} else if (ok) {
		r->sig_r = calloc(1, sig_len);
		ok = r->sig_r != NULL;
		if (ok)
			memcpy(r->sig_r, sig, sig_len);
		r->sig_r_len = sig_len;
	}
	if (!ok)
		return SK_ERR_GENERAL;
	*response = r;
	return 0;
}

int sk_load_resident_keys(const char *pin, struct sk_option **options,
			  struct sk_resident_key ***keys, size_t *count)
{
	(void)pin, (void)options, (void)keys, (void)count;
	return SK_ERR_UNSUPPORTED;
}
