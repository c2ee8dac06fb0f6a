/* Purpose: see seal.h. */
#include "lib/crypt/seal.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "lib/crypt/ossl.h"

#define SCRYPT_R 8
#define SCRYPT_P 1

rc seal_scrypt(struct view passphrase, struct view salt, unsigned log2_n, struct secret *ret,
	       struct fault *f)
{
	AUTO(secret) struct secret key = {0};
	uint64_t n;

	if (log2_n < SEAL_SCRYPT_LOG2_MIN || log2_n > SEAL_SCRYPT_LOG2_MAX)
		return fault_set(f, RC_RANGE, 0, "seal: scrypt N = 2^%u, permitted are 2^%d..2^%d",
				 log2_n, SEAL_SCRYPT_LOG2_MIN, SEAL_SCRYPT_LOG2_MAX);
	n = UINT64_C(1) << log2_n;
	TRY(secret_new(&key, SEAL_KEY));
	/* OpenSSL counts 128 r (N + 2) + 128 r p; twice that is never too little. */
	if (EVP_PBE_scrypt((const char *)passphrase.ptr, passphrase.len, salt.ptr, salt.len, n,
			   SCRYPT_R, SCRYPT_P, 2 * 128 * SCRYPT_R * n, key.ptr, key.len) != 1)
		return ossl_fault(f, RC_CRYPTO, "seal: scrypt");
	*ret = key;
	key = (struct secret){0};
	return OK;
}

static bool hkdf(EVP_KDF_CTX *ctx, struct view key, struct view salt, struct view info,
		 struct secret *out)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key.ptr, key.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.ptr, salt.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.ptr, info.len),
		OSSL_PARAM_construct_end(),
	};

	return EVP_KDF_derive(ctx, out->ptr, out->len, params) == 1;
}

rc seal_hkdf(struct view key, struct view salt, const char *info, struct secret *ret,
	     struct fault *f)
{
	AUTO(secret) struct secret out = {0};
	EVP_KDF *kdf;
	EVP_KDF_CTX *ctx;
	bool ok;

	TRY(secret_new(&out, SEAL_KEY));
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	ok = ctx != NULL && hkdf(ctx, key, salt, view_str(info), &out);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	if (!ok)
		return ossl_fault(f, RC_CRYPTO, "seal: HKDF");
	*ret = out;
	out = (struct secret){0};
	return OK;
}

static bool encrypt(EVP_CIPHER_CTX *ctx, const struct seal *s, struct view plain, uint8_t *out)
{
	int n = 0;

	return EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), s->key->ptr, s->nonce, NULL) == 1 &&
	       EVP_EncryptUpdate(ctx, NULL, &n, s->aad.ptr, (int)s->aad.len) == 1 &&
	       EVP_EncryptUpdate(ctx, out, &n, plain.ptr, (int)plain.len) == 1 &&
	       EVP_EncryptFinal_ex(ctx, out + n, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, out + plain.len) == 1;
}

rc seal_encrypt(const struct seal *s, struct view plain, struct buf *out, struct fault *f)
{
	EVP_CIPHER_CTX *ctx;
	uint8_t *room;
	bool ok;

	if (s->key->len != SEAL_KEY || plain.len > SECRET_MAX || s->aad.len > SECRET_MAX)
		return fault_set(f, RC_LIMIT, 0, "seal: %zu bytes, at most %d", plain.len,
				 SECRET_MAX);
	room = buf_space(out, plain.len + SEAL_TAG);
	TRY(buf_done(out));
	ctx = EVP_CIPHER_CTX_new();
	ok = ctx != NULL && encrypt(ctx, s, plain, room);
	EVP_CIPHER_CTX_free(ctx);
	return ok ? OK : ossl_fault(f, RC_CRYPTO, "seal: AES-256-GCM");
}

/* 1 good, 0 the tag is wrong, -1 libcrypto failed. */
static int decrypt(EVP_CIPHER_CTX *ctx, const struct seal *s, struct view text, struct view tag,
		   uint8_t *out)
{
	int n = 0;
	bool fed =
		EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), s->key->ptr, s->nonce, NULL) == 1 &&
		EVP_DecryptUpdate(ctx, NULL, &n, s->aad.ptr, (int)s->aad.len) == 1 &&
		EVP_DecryptUpdate(ctx, out, &n, text.ptr, (int)text.len) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag.len, (void *)tag.ptr) == 1;

	return fed ? EVP_DecryptFinal_ex(ctx, out + n, &n) == 1 : -1;
}

rc seal_decrypt(const struct seal *s, struct view sealed, struct secret *ret, struct fault *f)
{
	AUTO(secret) struct secret plain = {0};
	EVP_CIPHER_CTX *ctx;
	struct view text;
	int good;

	if (sealed.len <= SEAL_TAG)
		return fault_set(f, RC_TRUNCATED, 0, "seal: %zu bytes are too few", sealed.len);
	if (s->key->len != SEAL_KEY || sealed.len - SEAL_TAG > SECRET_MAX ||
	    s->aad.len > SECRET_MAX)
		return fault_set(f, RC_LIMIT, 0, "seal: %zu bytes, at most %d", sealed.len,
				 SECRET_MAX);
	TRY(view_take(&sealed, sealed.len - SEAL_TAG, &text));
	TRY(secret_new(&plain, text.len));
	ctx = EVP_CIPHER_CTX_new();
	good = ctx == NULL ? -1 : decrypt(ctx, s, text, sealed, plain.ptr);
	EVP_CIPHER_CTX_free(ctx);
	if (good < 0)
		return ossl_fault(f, RC_CRYPTO, "seal: AES-256-GCM");
	if (good == 0) {
		ERR_clear_error();
		return fault_set(f, RC_BADSIG, 0, "seal: changed, or sealed with another key");
	}
	*ret = plain;
	plain = (struct secret){0};
	return OK;
}
