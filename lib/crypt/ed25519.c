#include "lib/crypt/ed25519.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/ossl.h"

struct ed25519_key {
	EVP_PKEY *pkey;
	uint8_t public[ED25519_PUBLIC];
};

rc ed25519_key_new(const struct secret *seed, struct ed25519_key **ret, struct fault *f)
{
	struct ed25519_key *k;
	size_t len = ED25519_PUBLIC;

	if (seed->len != ED25519_SEED)
		return fault_set(f, RC_RANGE, 0, "ed25519: seed of %zu bytes, not 32", seed->len);
	k = (struct ed25519_key *)calloc(1, sizeof(*k));
	if (k == NULL)
		return fault_set(f, RC_NOMEM, 0, "ed25519: out of memory");
	k->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed->ptr, seed->len);
	if (k->pkey == NULL || EVP_PKEY_get_raw_public_key(k->pkey, k->public, &len) != 1 ||
	    len != ED25519_PUBLIC) {
		ed25519_key_free(k);
		return ossl_fault(f, RC_CRYPTO, "ed25519: key from seed");
	}
	*ret = k;
	return OK;
}

void ed25519_key_free(struct ed25519_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

void ed25519_key_public(const struct ed25519_key *k, uint8_t out[ED25519_PUBLIC])
{
	memcpy(out, k->public, ED25519_PUBLIC);
}

rc ed25519_sign(const struct ed25519_key *k, struct view message, uint8_t ret[ED25519_SIGNATURE],
		struct fault *f)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[ED25519_SIGNATURE];
	size_t len = sizeof(signature);
	bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
		  EVP_DigestSign(ctx, signature, &len, message.ptr, message.len) == 1 &&
		  len == sizeof(signature);

	EVP_MD_CTX_free(ctx);
	if (!ok)
		return ossl_fault(f, RC_CRYPTO, "ed25519: sign");
	memcpy(ret, signature, sizeof(signature));
	return OK;
}

rc ed25519_verify(const uint8_t public[ED25519_PUBLIC], struct view message, struct view signature,
		  struct fault *f)
{
	EVP_PKEY *pkey;
	EVP_MD_CTX *ctx;
	bool ok;

	if (signature.len != ED25519_SIGNATURE)
		return fault_set(f, RC_BADSIG, 0, "ed25519: signature of %zu bytes, not 64",
				 signature.len);
	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, ED25519_PUBLIC);
	ctx = EVP_MD_CTX_new();
	ok = pkey != NULL && ctx != NULL &&
	     EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	     EVP_DigestVerify(ctx, signature.ptr, signature.len, message.ptr, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return ok ? OK : ossl_fault(f, RC_BADSIG, "ed25519: signature does not verify");
}
