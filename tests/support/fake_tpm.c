#include "tests/support/fake_tpm.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "lib/crypt/digest.h"

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static X509 *certificate(EVP_PKEY *of, const char *name, int serial)
{
	X509 *x = X509_new();
	X509_NAME *n = X509_get_subject_name(x);

	assert(X509_set_version(x, 2) == 1);
	assert(ASN1_INTEGER_set(X509_get_serialNumber(x), serial) == 1);
	assert(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1,
					  0) == 1);
	assert(ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20200101000000Z") == 1);
	assert(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "20450101000000Z") == 1);
	assert(X509_set_pubkey(x, of) == 1);
	return x;
}

static void put_der(X509 *x, struct buf *out)
{
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der);

	assert(len > 0);
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
}

void fake_vendor_new(struct fake_vendor *v, const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certificate(key, name, 1);

	assert(X509_set_issuer_name(x, X509_get_subject_name(x)) == 1);
	extend(x, x, NID_basic_constraints, "critical,CA:TRUE");
	extend(x, x, NID_key_usage, "critical,keyCertSign");
	extend(x, x, NID_subject_key_identifier, "hash");
	assert(X509_sign(x, key, EVP_sha256()) > 0);
	v->key = key;
	v->x509 = x;
	buf_init(&v->der, 4096);
	put_der(x, &v->der);
}

void fake_vendor_free(struct fake_vendor *v)
{
	EVP_PKEY_free(v->key);
	X509_free(v->x509);
	buf_release(&v->der);
}

/* The area with its length before it. */
static void put_sized(struct buf *out, const struct buf *area)
{
	buf_put_u16be(out, (uint16_t)area->len);
	buf_put_view(out, buf_view(area));
	assert(rc_is_ok(buf_done(out)));
}

static void put_rsa_public(EVP_PKEY *key, struct buf *out)
{
	static const uint8_t policy[32] = {0x83, 0x71};
	uint8_t n[256];
	uint8_t mem[512];
	struct buf area;
	BIGNUM *modulus = NULL;

	assert(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1);
	assert(BN_bn2binpad(modulus, n, sizeof(n)) == sizeof(n));
	BN_free(modulus);
	buf_init_fixed(&area, mem, sizeof(mem));
	buf_put_u16be(&area, 0x0001);
	buf_put_u16be(&area, 0x000b);
	buf_put_u32be(&area, 0x000300b2);
	buf_put_u16be(&area, sizeof(policy));
	buf_put(&area, policy, sizeof(policy));
	buf_put_u16be(&area, 0x0006);
	buf_put_u16be(&area, 128);
	buf_put_u16be(&area, 0x0043);
	buf_put_u16be(&area, 0x0010);
	buf_put_u16be(&area, 2048);
	buf_put_u32be(&area, 0);
	buf_put_u16be(&area, sizeof(n));
	buf_put(&area, n, sizeof(n));
	put_sized(out, &area);
}

static void put_ecc_public(struct view point, uint32_t attributes, struct buf *out)
{
	uint8_t mem[256];
	struct buf area;

	assert(point.len == 65);
	buf_init_fixed(&area, mem, sizeof(mem));
	buf_put_u16be(&area, 0x0023);
	buf_put_u16be(&area, 0x000b);
	buf_put_u32be(&area, attributes);
	buf_put_u16be(&area, 0);
	buf_put_u16be(&area, 0x0010);
	buf_put_u16be(&area, 0x0018);
	buf_put_u16be(&area, 0x000b);
	buf_put_u16be(&area, 0x0003);
	buf_put_u16be(&area, 0x0010);
	buf_put_u16be(&area, 32);
	buf_put(&area, point.ptr + 1, 32);
	buf_put_u16be(&area, 32);
	buf_put(&area, point.ptr + 33, 32);
	put_sized(out, &area);
}

void fake_tpm_public(const struct pkey *key, uint32_t attributes, struct buf *out)
{
	struct view spki = pkey_spki(key);

	put_ecc_public(view_of(spki.ptr + spki.len - 65, 65), attributes, out);
}

static void put_name(struct view public, uint8_t name[TPM_NAME])
{
	struct digest d = digest_of(view_of(public.ptr + 2, public.len - 2));

	name[0] = 0;
	name[1] = 0x0b;
	memcpy(name + 2, d.b, DIGEST_SIZE);
}

struct digest fake_tpm_ek(const struct fake_tpm *t)
{
	return digest_of(view_of(t->ek_public.ptr + 2, t->ek_public.len - 2));
}

void fake_tpm_new(struct fake_tpm *t, const struct fake_vendor *vendor)
{
	uint8_t point[65];
	size_t len = 0;

	t->ek = EVP_RSA_gen(2048);
	t->ak = EVP_EC_gen("P-256");
	assert(t->ek != NULL && t->ak != NULL);
	buf_init(&t->ek_public, 1024);
	buf_init(&t->ak_public, 1024);
	buf_init(&t->certificate, 4096);
	put_rsa_public(t->ek, &t->ek_public);
	assert(EVP_PKEY_get_octet_string_param(t->ak, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
					       &len) == 1);
	put_ecc_public(view_of(point, len), 0x00050072, &t->ak_public);
	put_name(buf_view(&t->ak_public), t->ak_name);
	if (vendor != NULL) {
		X509 *x = certificate(t->ek, "EK", 2);

		assert(X509_set_issuer_name(x, X509_get_subject_name(vendor->x509)) == 1);
		extend(x, vendor->x509, NID_basic_constraints, "critical,CA:FALSE");
		extend(x, vendor->x509, NID_key_usage, "critical,keyEncipherment");
		extend(x, vendor->x509, NID_ext_key_usage, "2.23.133.8.1");
		assert(X509_sign(x, vendor->key, EVP_sha256()) > 0);
		put_der(x, &t->certificate);
		X509_free(x);
	}
}

void fake_tpm_free(struct fake_tpm *t)
{
	EVP_PKEY_free(t->ek);
	EVP_PKEY_free(t->ak);
	buf_release(&t->ek_public);
	buf_release(&t->ak_public);
	buf_release(&t->certificate);
}

/* ---- ActivateCredential (Part 1, 24) -------------------------------------------------------*/

static void kdfa(const uint8_t seed[32], const char *label, struct view context, uint8_t *out,
		 size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("mode", (char *)(uintptr_t) "counter", 0),
		OSSL_PARAM_construct_utf8_string("mac", (char *)(uintptr_t) "HMAC", 0),
		OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_octet_string("key", (void *)(uintptr_t)seed, 32),
		OSSL_PARAM_construct_octet_string("salt", (void *)(uintptr_t)label, strlen(label)),
		OSSL_PARAM_construct_octet_string("info", (void *)(uintptr_t)context.ptr,
						  context.len),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	assert(EVP_KDF_derive(ctx, out, len, params) == 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static bool open_seed(const struct fake_tpm *t, struct view seed, uint8_t out[32])
{
	static const char label[] = "IDENTITY";
	uint8_t plain[256];
	size_t len = sizeof(plain);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(t->ek, NULL);
	bool ok;

	assert(EVP_PKEY_decrypt_init(ctx) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
	       EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup(label, sizeof(label)),
						sizeof(label)) == 1);
	ok = EVP_PKEY_decrypt(ctx, plain, &len, seed.ptr, seed.len) == 1 && len == 32;
	EVP_PKEY_CTX_free(ctx);
	if (ok)
		memcpy(out, plain, 32);
	return ok;
}

bool fake_tpm_activate(const struct fake_tpm *t, struct view credential, struct view seed,
		       uint8_t secret[TPM_SECRET])
{
	static const uint8_t iv[16];
	uint8_t key[32], aes[16], hmac[32], mac[32], covered[34 + TPM_NAME], plain[34];
	EVP_CIPHER_CTX *ctx;
	int n = 0;

	/* TPM2B { TPM2B mac, encrypted TPM2B } and TPM2B */
	if (credential.len != 2 + 2 + 32 + 34 || seed.len != 2 + 256 ||
	    !open_seed(t, view_of(seed.ptr + 2, 256), key))
		return false;
	kdfa(key, "INTEGRITY", view_of(NULL, 0), hmac, sizeof(hmac));
	memcpy(covered, credential.ptr + 36, 34);
	memcpy(covered + 34, t->ak_name, TPM_NAME);
	assert(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, hmac, sizeof(hmac), covered,
			 sizeof(covered), mac, sizeof(mac), NULL) != NULL);
	if (memcmp(mac, credential.ptr + 4, sizeof(mac)) != 0)
		return false;
	kdfa(key, "STORAGE", view_of(t->ak_name, TPM_NAME), aes, sizeof(aes));
	ctx = EVP_CIPHER_CTX_new();
	assert(EVP_DecryptInit_ex(ctx, EVP_aes_128_cfb128(), NULL, aes, iv) == 1 &&
	       EVP_DecryptUpdate(ctx, plain, &n, credential.ptr + 36, 34) == 1 && n == 34);
	EVP_CIPHER_CTX_free(ctx);
	memcpy(secret, plain + 2, TPM_SECRET);
	return plain[0] == 0 && plain[1] == TPM_SECRET;
}

/* ---- Certify (Part 3, 18.2) ----------------------------------------------------------------*/

static void put_number(const BIGNUM *n, struct buf *out)
{
	uint8_t b[32];

	assert(BN_bn2binpad(n, b, sizeof(b)) == sizeof(b));
	buf_put_u16be(out, sizeof(b));
	buf_put(out, b, sizeof(b));
}

void fake_tpm_certify(const struct fake_tpm *t, struct view public, struct view words,
		      struct buf *attest, struct buf *signature)
{
	static const uint8_t clock_and_firmware[25];
	uint8_t name[TPM_NAME], der[128];
	const uint8_t *at = der;
	size_t len = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *sig;

	put_name(public, name);
	buf_put_u32be(attest, 0xff544347);
	buf_put_u16be(attest, 0x8017);
	buf_put_u16be(attest, TPM_NAME);
	buf_put(attest, t->ak_name, TPM_NAME);
	buf_put_u16be(attest, (uint16_t)words.len);
	buf_put_view(attest, words);
	buf_put(attest, clock_and_firmware, sizeof(clock_and_firmware));
	for (int i = 0; i < 2; i++) {
		buf_put_u16be(attest, TPM_NAME);
		buf_put(attest, name, TPM_NAME);
	}
	assert(rc_is_ok(buf_done(attest)));
	assert(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, t->ak) == 1 &&
	       EVP_DigestSign(ctx, der, &len, attest->ptr, attest->len) == 1);
	EVP_MD_CTX_free(ctx);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	buf_put_u16be(signature, 0x0018);
	buf_put_u16be(signature, 0x000b);
	put_number(ECDSA_SIG_get0_r(sig), signature);
	put_number(ECDSA_SIG_get0_s(sig), signature);
	ECDSA_SIG_free(sig);
	assert(rc_is_ok(buf_done(signature)));
}
