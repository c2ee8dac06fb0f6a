/* provider_keymgmt - our keys as OpenSSL sees them: the public half is answered by an ordinary
 * public key, the private half is a struct signer that can be neither exported nor compared.
 *
 * Two refusals keep OpenSSL from using us for ordinary keys: import wants our own parameter, and
 * export gives public parts only. */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/provider_impl.h"

static void *km_new(void *ctx)
{
	(void)ctx;
	return calloc(1, sizeof(struct provider_keydata));
}

static void km_free(void *keydata)
{
	free(keydata);
}

static int km_has(const void *keydata, int selection)
{
	(void)selection;
	return keydata != NULL && ((const struct provider_keydata *)keydata)->key != NULL;
}

static int km_match(const void *a, const void *b, int selection)
{
	const struct provider_keydata *x = (const struct provider_keydata *)a;
	const struct provider_keydata *y = (const struct provider_keydata *)b;

	(void)selection;
	return x->key != NULL && y->key != NULL &&
	       EVP_PKEY_eq(pkey_evp(x->key->pub), pkey_evp(y->key->pub)) == 1;
}

static int km_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	struct provider_keydata *h = (struct provider_keydata *)keydata;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PROVIDER_PARAM_KEY);

	(void)selection;
	if (h == NULL || p == NULL || p->data_type != OSSL_PARAM_OCTET_STRING ||
	    p->data_size != sizeof(h->key))
		return 0;
	memcpy(&h->key, p->data, sizeof(h->key));
	return 1;
}

static const OSSL_PARAM *km_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(PROVIDER_PARAM_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

static int km_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *arg)
{
	const struct provider_keydata *h = (const struct provider_keydata *)keydata;

	if (h == NULL || h->key == NULL || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		return 0;
	return EVP_PKEY_export(pkey_evp(h->key->pub), selection, cb, arg);
}

static const OSSL_PARAM rsa_types[] = {
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
	OSSL_PARAM_END,
};
static const OSSL_PARAM ec_types[] = {
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
	OSSL_PARAM_END,
};
static const OSSL_PARAM ed_types[] = {
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *rsa_export_types(int selection)
{
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : rsa_types;
}

static const OSSL_PARAM *ec_export_types(int selection)
{
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : ec_types;
}

static const OSSL_PARAM *ed_export_types(int selection)
{
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : ed_types;
}

/* Bits, size, default digest, group: whatever the public key can say. */
static int km_get_params(void *keydata, OSSL_PARAM params[])
{
	const struct provider_keydata *h = (const struct provider_keydata *)keydata;

	return h != NULL && h->key != NULL &&
	       EVP_PKEY_get_params(pkey_evp(h->key->pub), params) == 1;
}

static const OSSL_PARAM *km_gettable_params(void *ctx)
{
	static const OSSL_PARAM known[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)ctx;
	return known;
}

/* An EC key signs with an algorithm of another name. */
static const char *ec_operation_name(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : "EC";
}

#define FN(id, fn)                                                                                 \
	{                                                                                          \
		OSSL_FUNC_KEYMGMT_##id, (void (*)(void))(fn)                                       \
	}
#define COMMON                                                                                     \
	FN(NEW, km_new), FN(FREE, km_free), FN(HAS, km_has), FN(MATCH, km_match),                  \
		FN(IMPORT, km_import), FN(IMPORT_TYPES, km_import_types), FN(EXPORT, km_export),   \
		FN(GET_PARAMS, km_get_params), FN(GETTABLE_PARAMS, km_gettable_params)

static const OSSL_DISPATCH rsa_functions[] = {
	COMMON,
	FN(EXPORT_TYPES, rsa_export_types),
	{0, NULL},
};
static const OSSL_DISPATCH ec_functions[] = {
	COMMON,
	FN(EXPORT_TYPES, ec_export_types),
	FN(QUERY_OPERATION_NAME, ec_operation_name),
	{0, NULL},
};
static const OSSL_DISPATCH ed_functions[] = {
	COMMON,
	FN(EXPORT_TYPES, ed_export_types),
	{0, NULL},
};

const OSSL_ALGORITHM provider_keymgmt[] = {
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROVIDER_PROPERTIES, rsa_functions, NULL},
	{"EC:id-ecPublicKey:1.2.840.10045.2.1", PROVIDER_PROPERTIES, ec_functions, NULL},
	{"ED25519:1.3.101.112", PROVIDER_PROPERTIES, ed_functions, NULL},
	{NULL, NULL, NULL, NULL},
};
