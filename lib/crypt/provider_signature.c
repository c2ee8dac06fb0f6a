/* provider_signature - OpenSSL's sign operation, forwarded to the key's struct signer.
 *
 * RSA is PKCS#1 v1.5 only; digests are SHA-256, SHA-384, SHA-512. There is no verify: what was
 * made is read back with the standard provider. */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/crypt/provider_impl.h"

struct sign_ctx {
	struct provider_key *key; /* borrowed */
	enum hash_alg hash;
	struct hasher *hasher; /* digest_sign_* of RSA and ECDSA */
};

static void *sg_newctx(void *provctx, const char *properties)
{
	struct sign_ctx *c = (struct sign_ctx *)calloc(1, sizeof(*c));

	(void)provctx;
	(void)properties;
	if (c != NULL)
		c->hash = HASH_SHA256;
	return c;
}

static void sg_freectx(void *ctx)
{
	struct sign_ctx *c = (struct sign_ctx *)ctx;

	if (c != NULL)
		hasher_free(c->hasher);
	free(c);
}

static void *sg_dupctx(void *ctx)
{
	const struct sign_ctx *from = (const struct sign_ctx *)ctx;
	struct sign_ctx *c = (struct sign_ctx *)calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = *from;
	c->hasher = NULL;
	if (from->hasher != NULL && !rc_is_ok(hasher_copy(from->hasher, &c->hasher))) {
		free(c);
		return NULL;
	}
	return c;
}

/* OpenSSL's names of the three digests. */
static bool set_digest(struct sign_ctx *c, const char *name)
{
	static const struct {
		const char *name;
		enum hash_alg alg;
	} known[] = {
		{"SHA256", HASH_SHA256}, {"SHA2-256", HASH_SHA256}, {"SHA-256", HASH_SHA256},
		{"SHA384", HASH_SHA384}, {"SHA2-384", HASH_SHA384}, {"SHA-384", HASH_SHA384},
		{"SHA512", HASH_SHA512}, {"SHA2-512", HASH_SHA512}, {"SHA-512", HASH_SHA512},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(known[i].name, name) == 0) {
			c->hash = known[i].alg;
			return true;
		}
	return false;
}

static int sg_set_ctx_params(void *ctx, const OSSL_PARAM params[])
{
	struct sign_ctx *c = (struct sign_ctx *)ctx;
	const OSSL_PARAM *p;
	const char *text = NULL;
	int pad = 0;

	if (params == NULL)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
	if (p != NULL && (OSSL_PARAM_get_utf8_string_ptr(p, &text) != 1 || !set_digest(c, text)))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p == NULL)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_utf8_string_ptr(p, &text) == 1 &&
		       strcmp(text, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0;
	return OSSL_PARAM_get_int(p, &pad) == 1 && pad == RSA_PKCS1_PADDING;
}

static const OSSL_PARAM *sg_settable(void *ctx, void *provctx)
{
	static const OSSL_PARAM known[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)ctx;
	(void)provctx;
	return known;
}

/* AlgorithmIdentifier DER: RFC 8017 A.2.4 (NULL parameters), RFC 5758 3.2, RFC 8410 3. */
static struct view algorithm_id(const struct sign_ctx *c)
{
	static const uint8_t rsa[3][15] = {
		{0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0},
		{0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12, 5, 0},
		{0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13, 5, 0},
	};
	static const uint8_t ecdsa[3][12] = {
		{0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2},
		{0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3},
		{0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4},
	};
	static const uint8_t ed25519[] = {0x30, 5, 6, 3, 0x2b, 0x65, 0x70};
	size_t row = (size_t)c->hash - HASH_SHA256;

	switch (key_alg_scheme(pkey_alg(c->key->pub))) {
	case SIGN_RSA_PKCS1:
		return view_of(rsa[row], sizeof(rsa[row]));
	case SIGN_ECDSA:
		return view_of(ecdsa[row], sizeof(ecdsa[row]));
	case SIGN_ED25519:
		break;
	}
	return view_of(ed25519, sizeof(ed25519));
}

static int sg_get_ctx_params(void *ctx, OSSL_PARAM params[])
{
	const struct sign_ctx *c = (const struct sign_ctx *)ctx;
	struct view id;
	OSSL_PARAM *p;

	if (c->key == NULL)
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
	id = algorithm_id(c);
	if (p != NULL && OSSL_PARAM_set_octet_string(p, id.ptr, id.len) != 1)
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
	if (p != NULL && OSSL_PARAM_set_utf8_string(p, hash_name(c->hash)) != 1)
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p == NULL)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_set_utf8_string(p, OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
	return OSSL_PARAM_set_int(p, RSA_PKCS1_PADDING);
}

static const OSSL_PARAM *sg_gettable(void *ctx, void *provctx)
{
	static const OSSL_PARAM known[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)ctx;
	(void)provctx;
	return known;
}

static int sg_sign_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
	struct sign_ctx *c = (struct sign_ctx *)ctx;

	if (keydata != NULL)
		c->key = ((struct provider_keydata *)keydata)->key;
	return c->key != NULL && sg_set_ctx_params(c, params);
}

/* The one place that calls the signer. */
static int forward(struct sign_ctx *c, struct view input, unsigned char *sig, size_t *siglen,
		   size_t sigsize)
{
	enum key_alg alg = pkey_alg(c->key->pub);
	uint8_t mem[PKEY_SIGNATURE_MAX];
	struct buf out;
	rc r;

	if (sig == NULL) {
		*siglen = key_alg_signature_max(alg);
		return 1;
	}
	buf_init_fixed(&out, mem, sizeof(mem));
	r = c->key->signer.sign(c->key->signer.ctx, key_alg_scheme(alg), c->hash, input, &out,
				&c->key->fault);
	if (!rc_is_ok(r)) {
		c->key->fault.code = r.code;
		return 0;
	}
	if (out.len > sigsize)
		return 0;
	memcpy(sig, mem, out.len);
	*siglen = out.len;
	return 1;
}

static int sg_sign(void *ctx, unsigned char *sig, size_t *siglen, size_t sigsize,
		   const unsigned char *tbs, size_t tbslen)
{
	return forward((struct sign_ctx *)ctx, view_of(tbs, tbslen), sig, siglen, sigsize);
}

static int sg_digest_sign_init(void *ctx, const char *md, void *keydata, const OSSL_PARAM params[])
{
	struct sign_ctx *c = (struct sign_ctx *)ctx;

	if (md != NULL && *md != '\0' && !set_digest(c, md))
		return 0;
	if (!sg_sign_init(ctx, keydata, params))
		return 0;
	hasher_free(c->hasher);
	c->hasher = NULL;
	return rc_is_ok(hasher_new(c->hash, &c->hasher));
}

static int sg_digest_sign_update(void *ctx, const unsigned char *data, size_t len)
{
	struct sign_ctx *c = (struct sign_ctx *)ctx;

	return c->hasher != NULL && rc_is_ok(hasher_update(c->hasher, view_of(data, len)));
}

static int sg_digest_sign_final(void *ctx, unsigned char *sig, size_t *siglen, size_t sigsize)
{
	struct sign_ctx *c = (struct sign_ctx *)ctx;
	struct hash h;

	if (sig == NULL)
		return forward(c, view_of(NULL, 0), NULL, siglen, 0);
	if (c->hasher == NULL || !rc_is_ok(hasher_finish(c->hasher, &h)))
		return 0;
	return forward(c, hash_view(&h), sig, siglen, sigsize);
}

#define FN(id, fn)                                                                                 \
	{                                                                                          \
		OSSL_FUNC_SIGNATURE_##id, (void (*)(void))(fn)                                     \
	}
#define COMMON                                                                                     \
	FN(NEWCTX, sg_newctx), FN(FREECTX, sg_freectx), FN(DUPCTX, sg_dupctx),                     \
		FN(DIGEST_SIGN_INIT, sg_digest_sign_init), FN(GET_CTX_PARAMS, sg_get_ctx_params),  \
		FN(GETTABLE_CTX_PARAMS, sg_gettable), FN(SET_CTX_PARAMS, sg_set_ctx_params),       \
		FN(SETTABLE_CTX_PARAMS, sg_settable)

static const OSSL_DISPATCH digest_functions[] = {
	COMMON,
	FN(SIGN_INIT, sg_sign_init),
	FN(SIGN, sg_sign),
	FN(DIGEST_SIGN_UPDATE, sg_digest_sign_update),
	FN(DIGEST_SIGN_FINAL, sg_digest_sign_final),
	{0, NULL},
};
/* Ed25519 signs the message itself, in one call. */
static const OSSL_DISPATCH message_functions[] = {
	COMMON,
	FN(DIGEST_SIGN, sg_sign),
	{0, NULL},
};

const OSSL_ALGORITHM provider_signature[] = {
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROVIDER_PROPERTIES, digest_functions, NULL},
	{"ECDSA", PROVIDER_PROPERTIES, digest_functions, NULL},
	{"ED25519:1.3.101.112", PROVIDER_PROPERTIES, message_functions, NULL},
	{NULL, NULL, NULL, NULL},
};
