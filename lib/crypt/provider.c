/* provider - the library context, the built-in provider in it, and making keys. */
#include "lib/crypt/provider.h"

#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdlib.h>

#include "lib/crypt/ossl.h"
#include "lib/crypt/provider_impl.h"

struct provider {
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *standard;
	OSSL_PROVIDER *own;
};

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
	(void)ctx;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return provider_keymgmt;
	if (operation == OSSL_OP_SIGNATURE)
		return provider_signature;
	return NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
	{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
	{0, NULL},
};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
			 const OSSL_DISPATCH **out, void **ret_ctx)
{
	(void)in;
	*out = provider_functions;
	*ret_ctx = (void *)(uintptr_t)handle; /* unused; must not be NULL */
	return 1;
}

rc provider_new(struct provider **ret, struct fault *f)
{
	struct provider *p = (struct provider *)calloc(1, sizeof(*p));

	if (p == NULL)
		return RC(RC_NOMEM);
	p->ctx = OSSL_LIB_CTX_new();
	/* The standard provider first: ordinary public keys stay with it. */
	if (p->ctx != NULL)
		p->standard = OSSL_PROVIDER_load(p->ctx, "default");
	if (p->standard != NULL &&
	    OSSL_PROVIDER_add_builtin(p->ctx, PROVIDER_NAME, provider_init) == 1)
		p->own = OSSL_PROVIDER_load(p->ctx, PROVIDER_NAME);
	if (p->own == NULL) {
		provider_free(p);
		return ossl_fault(f, RC_CRYPTO, "provider: loading");
	}
	*ret = p;
	return OK;
}

void provider_free(struct provider *p)
{
	if (p == NULL)
		return;
	if (p->own != NULL)
		(void)OSSL_PROVIDER_unload(p->own);
	if (p->standard != NULL)
		(void)OSSL_PROVIDER_unload(p->standard);
	OSSL_LIB_CTX_free(p->ctx);
	free(p);
}

struct ossl_lib_ctx_st *provider_libctx(const struct provider *p)
{
	return p->ctx;
}

static const char *type_name(enum key_alg alg)
{
	switch (key_alg_scheme(alg)) {
	case SIGN_RSA_PKCS1:
		return "RSA";
	case SIGN_ECDSA:
		return "EC";
	case SIGN_ED25519:
		return "ED25519";
	}
	return NULL;
}

static bool make_evp(const struct provider *p, struct provider_key *k)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(PROVIDER_PARAM_KEY, (void *)&k, sizeof(k)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(p->ctx, type_name(pkey_alg(k->pub)),
						       PROVIDER_PROPERTIES);
	bool ok = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
		  EVP_PKEY_fromdata(ctx, &k->evp, EVP_PKEY_KEYPAIR, params) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

rc provider_key_new(struct provider *p, const struct pkey *pub, const struct signer *s,
		    struct provider_key **ret, struct fault *f)
{
	struct provider_key *k = (struct provider_key *)calloc(1, sizeof(*k));
	rc r;

	if (k == NULL)
		return RC(RC_NOMEM);
	k->signer = *s;
	r = pkey_from_spki(pkey_spki(pub), &k->pub, f);
	if (rc_is_ok(r) && !make_evp(p, k))
		r = ossl_fault(f, RC_CRYPTO, "provider: making a key");
	if (rc_is_ok(r))
		*ret = k;
	else
		provider_key_free(k);
	return r;
}

void provider_key_free(struct provider_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->evp);
	pkey_destroy(k->pub);
	free(k);
}

enum key_alg provider_key_alg(const struct provider_key *k)
{
	return pkey_alg(k->pub);
}

const struct fault *provider_key_fault(const struct provider_key *k)
{
	return &k->fault;
}

struct evp_pkey_st *provider_key_evp(const struct provider_key *k)
{
	return k->evp;
}
