/* tpm_credential - the endorsement key: its certificate, and challenges that only its TPM can
 * answer. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "lib/crypt/digest.h"
#include "lib/crypt/ossl.h"
#include "lib/crypt/tpm.h"
#include "lib/crypt/x509.h"

#define AES_KEY 16
#define MAC_SIZE 32
#define EKU_EK_CERTIFICATE "2.23.133.8.1" /* tcg-kp-EKCertificate */

static EVP_PKEY *ek_key(const struct tpm_public *ek)
{
	BIGNUM *n = BN_bin2bn(ek->modulus.ptr, (int)ek->modulus.len, NULL);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (n != NULL && b != NULL && ctx != NULL &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_uint(b, OSSL_PKEY_PARAM_RSA_E, 65537) == 1)
		params = OSSL_PARAM_BLD_to_param(b);
	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	return key;
}

/* ---- Part 1, 24: credential protection -----------------------------------------------------*/

/* Part 1, 11.4.10.2: KDFa is SP 800-108 in counter mode with HMAC. */
static bool kdfa(const uint8_t seed[TPM_SEED], const char *label, struct view context, uint8_t *out,
		 size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, (char *)"counter", 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, (char *)"HMAC", 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)seed, TPM_SEED),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)label,
						  strlen(label)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)context.ptr,
						  context.len),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

static bool aes_cfb(const uint8_t key[AES_KEY], const uint8_t *in, int len, uint8_t *out)
{
	static const uint8_t iv[16] = {0};
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int have = 0;
	bool ok = ctx != NULL &&
		  EVP_EncryptInit_ex(ctx, EVP_aes_128_cfb128(), NULL, key, iv) == 1 &&
		  EVP_EncryptUpdate(ctx, out, &have, in, len) == 1 && have == len;

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

/* The seed for the EK alone: OAEP with SHA-256 and a label that ends in a NUL (Part 1, B.4). */
static bool encrypt_seed(const struct tpm_public *ek, const uint8_t seed[TPM_SEED],
			 uint8_t out[256], size_t *len)
{
	static const char label[] = "IDENTITY";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE,
						 (char *)OSSL_PKEY_RSA_PAD_MODE_OAEP, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST,
						 (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, (void *)label,
						  sizeof(label)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = ek_key(ek);
	EVP_PKEY_CTX *ctx = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool ok = ctx != NULL && EVP_PKEY_encrypt_init_ex(ctx, params) == 1 &&
		  EVP_PKEY_encrypt(ctx, out, len, seed, TPM_SEED) == 1;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

/* encIdentity and its integrity: TPM2B_DIGEST of the secret, encrypted; HMAC over that and the
 * name. */
static bool seal_secret(const uint8_t name[TPM_NAME], const struct tpm_challenge *c,
			uint8_t sealed[2 + TPM_SECRET], uint8_t mac[MAC_SIZE])
{
	uint8_t plain[2 + TPM_SECRET] = {0, TPM_SECRET};
	uint8_t covered[sizeof(plain) + TPM_NAME];
	uint8_t aes[AES_KEY];
	uint8_t hmac[MAC_SIZE];
	size_t mac_len = 0;
	bool ok;

	memcpy(plain + 2, c->secret, TPM_SECRET);
	ok = kdfa(c->seed, "STORAGE", view_of(name, TPM_NAME), aes, sizeof(aes)) &&
	     kdfa(c->seed, "INTEGRITY", view_of(NULL, 0), hmac, sizeof(hmac)) &&
	     aes_cfb(aes, plain, sizeof(plain), sealed);
	memcpy(covered, sealed, sizeof(plain));
	memcpy(covered + sizeof(plain), name, TPM_NAME);
	ok = ok &&
	     EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, hmac, sizeof(hmac), covered,
		       sizeof(covered), mac, MAC_SIZE, &mac_len) != NULL &&
	     mac_len == MAC_SIZE;
	OPENSSL_cleanse(plain, sizeof(plain));
	OPENSSL_cleanse(aes, sizeof(aes));
	OPENSSL_cleanse(hmac, sizeof(hmac));
	return ok;
}

rc tpm_credential_make(const struct tpm_public *ek, const uint8_t name[TPM_NAME],
		       const struct tpm_challenge *c, struct buf *credential, struct buf *seed,
		       struct fault *f)
{
	uint8_t sealed[2 + TPM_SECRET];
	uint8_t mac[MAC_SIZE];
	uint8_t encrypted[256];
	size_t len = sizeof(encrypted);

	if (ek->role != TPM_ENDORSEMENT)
		return fault_set(f, RC_USAGE, 0, "credential: for an endorsement key only");
	if (!seal_secret(name, c, sealed, mac) || !encrypt_seed(ek, c->seed, encrypted, &len))
		return ossl_fault(f, RC_CRYPTO, "credential");
	buf_put_u16be(credential, (uint16_t)(2 + sizeof(mac) + sizeof(sealed)));
	buf_put_u16be(credential, sizeof(mac));
	buf_put(credential, mac, sizeof(mac));
	buf_put(credential, sealed, sizeof(sealed));
	buf_put_u16be(seed, (uint16_t)len);
	buf_put(seed, encrypted, len);
	TRY(buf_done(credential));
	return buf_done(seed);
}

/* ---- The vendor's word ---------------------------------------------------------------------*/

static X509 *read_certificate(struct view der)
{
	const unsigned char *p = der.ptr;
	X509 *x = der.len > X509_DER_MAX ? NULL : d2i_X509(NULL, &p, (long)der.len);

	if (x != NULL && p != der.ptr + der.len) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

static bool is_for(X509 *x, const struct tpm_public *ek)
{
	EVP_PKEY *key = ek_key(ek);
	const EVP_PKEY *have = X509_get0_pubkey(x);
	bool ok = key != NULL && have != NULL && EVP_PKEY_eq(key, have) == 1;

	EVP_PKEY_free(key);
	return ok;
}

static bool has_ek_usage(X509 *x)
{
	EXTENDED_KEY_USAGE *eku =
		(EXTENDED_KEY_USAGE *)X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	ASN1_OBJECT *want = OBJ_txt2obj(EKU_EK_CERTIFICATE, 1);
	bool found = false;

	for (int i = 0; i < sk_ASN1_OBJECT_num(eku) && want != NULL; i++)
		found = found || OBJ_cmp(sk_ASN1_OBJECT_value(eku, i), want) == 0;
	ASN1_OBJECT_free(want);
	EXTENDED_KEY_USAGE_free(eku);
	return found;
}

static bool add_all(const struct view *der, size_t count, STACK_OF(X509) * to)
{
	for (size_t i = 0; i < count; i++) {
		X509 *x = read_certificate(der[i]);

		if (x == NULL || sk_X509_push(to, x) <= 0) {
			X509_free(x);
			return false;
		}
	}
	return true;
}

static rc check_path(X509 *x, const struct tpm_vendor *vendor, unix_time when, struct fault *f)
{
	STACK_OF(X509) *roots = sk_X509_new_null();
	STACK_OF(X509) *others = sk_X509_new_null();
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	rc r = RC(RC_NOMEM);

	if (roots != NULL && others != NULL && store != NULL && ctx != NULL &&
	    add_all(vendor->roots, vendor->root_count, roots) &&
	    add_all(vendor->others, vendor->other_count, others) &&
	    X509_STORE_CTX_init(ctx, store, x, others) == 1) {
		X509_STORE_CTX_set0_trusted_stack(ctx, roots);
		X509_STORE_CTX_set_time(ctx, 0, (time_t)when);
		X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx), 2);
		if (X509_verify_cert(ctx) == 1)
			r = OK;
		else
			r = fault_set(f,
				      X509_STORE_CTX_get_error(ctx) == X509_V_ERR_CERT_HAS_EXPIRED
					      ? RC_EXPIRED
					      : RC_DENIED,
				      0, "EK certificate: %s",
				      X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	}
	ERR_clear_error();
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_pop_free(roots, X509_free);
	sk_X509_pop_free(others, X509_free);
	return r;
}

static rc judge_certificate(X509 *x, const struct tpm_public *ek, const struct tpm_vendor *vendor,
			    unix_time when, struct fault *f)
{
	if (!is_for(x, ek))
		return fault_set(f, RC_MISMATCH, 0, "EK certificate: is for another key");
	if (!has_ek_usage(x))
		return fault_set(f, RC_DENIED, 0,
				 "EK certificate: extendedKeyUsage lacks " EKU_EK_CERTIFICATE);
	return check_path(x, vendor, when, f);
}

rc tpm_ek_check(const struct tpm_public *ek, struct view certificate,
		const struct tpm_vendor *vendor, unix_time when, struct fault *f)
{
	X509 *x;
	rc r;

	if (ek->role != TPM_ENDORSEMENT)
		return fault_set(f, RC_USAGE, 0, "EK certificate: not an endorsement key");
	if (vendor->root_count > TPM_CERTIFICATES_MAX || vendor->other_count > TPM_CERTIFICATES_MAX)
		return fault_set(f, RC_LIMIT, 0, "EK certificate: over %u roots",
				 TPM_CERTIFICATES_MAX);
	x = read_certificate(certificate);
	if (x == NULL)
		return ossl_fault(f, RC_SYNTAX, "EK certificate");
	r = judge_certificate(x, ek, vendor, when, f);
	X509_free(x);
	return r;
}
