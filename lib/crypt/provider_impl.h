/* provider_impl - what the three provider files share. Not for other files. */
#ifndef GS_CRYPT_PROVIDER_IMPL_H
#define GS_CRYPT_PROVIDER_IMPL_H

#include <openssl/core_dispatch.h>
#include <openssl/evp.h>

#include "lib/crypt/provider.h"

/* Made by provider_key_new, handed to keymgmt's import inside the one private parameter below. */
struct provider_key {
	struct pkey *pub;
	struct signer signer;
	struct fault fault;
	EVP_PKEY *evp;
};

/* OpenSSL's `keydata`: it makes an empty one first and imports into it. */
struct provider_keydata {
	struct provider_key *key; /* borrowed; provider_key_free ends the EVP_PKEY before it */
};

#define PROVIDER_NAME "greatseal"
#define PROVIDER_PROPERTIES "provider=" PROVIDER_NAME
#define PROVIDER_PARAM_KEY "greatseal-key" /* octets of a struct provider_key pointer */

/* NULL-terminated tables for query_operation. */
extern const OSSL_ALGORITHM provider_keymgmt[];
extern const OSSL_ALGORITHM provider_signature[];

#endif
