#include "lib/crypt/jwks.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "lib/crypt/jose.h"
#include "lib/crypt/ossl.h"

#define RSA_MIN 256u /* bytes */
#define RSA_MAX 1024u
#define FIELD 32u /* bytes of a coordinate of P-256 and of a key of Ed25519 */

struct jwk {
	char kid[JWKS_KID_MAX + 1];
	enum jose_alg alg;
	EVP_PKEY *pkey;
	size_t signature; /* bytes that one has */
};

struct jwks {
	struct jwk keys[JWKS_KEYS_MAX];
	size_t count;
};

/* ---- One key --------------------------------------------------------------------------------*/

static rc pkey_make(const char *type, const OSSL_PARAM *params, EVP_PKEY **ret, struct fault *f)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY_CTX *check = NULL;
	EVP_PKEY *pkey = NULL;
	bool ok = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
		  EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params) == 1;

	/* Of RSA nothing is checked but its form: a weak modulus is its issuer's own loss, and the
	 * tests for primes take milliseconds. */
	if (ok && strcmp(type, "EC") == 0) {
		check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
		ok = check != NULL && EVP_PKEY_public_check_quick(check) == 1;
	}
	EVP_PKEY_CTX_free(check);
	EVP_PKEY_CTX_free(ctx);
	if (!ok) {
		EVP_PKEY_free(pkey);
		return ossl_fault(f, RC_CRYPTO, "jwks: not a public key");
	}
	*ret = pkey;
	return OK;
}

/* A number in base64url, big-endian, without leading zeros (RFC 7518 2, Base64urlUInt). */
static rc number_read(const json_t *key, const char *name, struct buf *out, struct fault *f)
{
	TRY(jose_bytes("jwks", key, name, out, f));
	if (out->ptr[0] == 0)
		return fault_set(f, RC_NONCANON, 0, "jwks: \"%s\" has leading zeros (RFC 7518 2)",
				 name);
	return OK;
}

static rc rsa_make(struct view n, EVP_PKEY **ret, struct fault *f)
{
	BIGNUM *modulus = BN_bin2bn(n.ptr, (int)n.len, NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	rc r = RC(RC_NOMEM);

	if (modulus != NULL && bld != NULL &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_uint(bld, OSSL_PKEY_PARAM_RSA_E, 65537) == 1)
		params = OSSL_PARAM_BLD_to_param(bld);
	if (params != NULL)
		r = pkey_make("RSA", params, ret, f);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(modulus);
	return r;
}

static rc rsa_read(const json_t *key, struct jwk *ret, struct fault *f)
{
	uint8_t n_mem[RSA_MAX + 1];
	uint8_t e_mem[8];
	struct buf n;
	struct buf e;

	buf_init_fixed(&n, n_mem, sizeof(n_mem));
	buf_init_fixed(&e, e_mem, sizeof(e_mem));
	TRY(number_read(key, "n", &n, f));
	TRY(number_read(key, "e", &e, f));
	/* 2048 bits have their highest bit set; NIST SP 800-131A 3 has nothing shorter. */
	if (n.len < RSA_MIN || n.len > RSA_MAX || (n.len == RSA_MIN && n.ptr[0] < 0x80))
		return fault_set(f, RC_RANGE, 0, "jwks: RSA of %zu bytes, not 2048 to 8192 bits",
				 n.len);
	if ((n.ptr[n.len - 1] & 1) == 0)
		return fault_set(f, RC_RANGE, 0, "jwks: RSA with an even modulus");
	if (!view_is_equal(buf_view(&e), view_of("\x01\x00\x01", 3)))
		return fault_set(f, RC_RANGE, 0, "jwks: RSA with an exponent other than 65537");
	ret->signature = n.len;
	return rsa_make(buf_view(&n), &ret->pkey, f);
}

/* Exactly 32 bytes (RFC 7518 6.2.1.2: with the leading zeros; RFC 8037 2). */
static rc field_read(const json_t *key, const char *name, uint8_t out[FIELD], struct fault *f)
{
	struct buf b;

	buf_init_fixed(&b, out, FIELD);
	TRY(jose_bytes("jwks", key, name, &b, f));
	if (b.len != FIELD)
		return fault_set(f, RC_RANGE, 0, "jwks: \"%s\" has %zu bytes, not %u", name, b.len,
				 FIELD);
	return OK;
}

static rc ec_read(const json_t *key, struct jwk *ret, struct fault *f)
{
	char group[] = "P-256";
	uint8_t point[1 + 2 * FIELD] = {0x04}; /* uncompressed (SEC 1 2.3.3) */
	OSSL_PARAM params[3];

	TRY(field_read(key, "x", point + 1, f));
	TRY(field_read(key, "y", point + 1 + FIELD, f));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] =
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
	params[2] = OSSL_PARAM_construct_end();
	ret->signature = (size_t)2 * FIELD;
	return pkey_make("EC", params, &ret->pkey, f);
}

static rc okp_read(const json_t *key, struct jwk *ret, struct fault *f)
{
	uint8_t x[FIELD];

	TRY(field_read(key, "x", x, f));
	ret->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, sizeof(x));
	if (ret->pkey == NULL)
		return ossl_fault(f, RC_CRYPTO, "jwks: not a public key");
	ret->signature = (size_t)2 * FIELD;
	return OK;
}

struct kind {
	const char *kty;
	const char *crv; /* NULL: has none */
	enum jose_alg alg;
	rc (*read)(const json_t *key, struct jwk *ret, struct fault *f);
};

static const struct kind kinds[] = {
	{"RSA", NULL, JOSE_RS256, rsa_read},
	{"EC", "P-256", JOSE_ES256, ec_read},
	{"OKP", "Ed25519", JOSE_EDDSA, okp_read},
};

/* ---- Which keys are of use ------------------------------------------------------------------*/

/* A text member that need not be there; *ret is empty then. */
static rc optional_text(const json_t *key, const char *name, struct view *ret, struct fault *f)
{
	*ret = view_of("", 0);
	return json_object_get(key, name) == NULL
		       ? OK
		       : jose_text("jwks", key, name, JWKS_KID_MAX, ret, f);
}

/* What must never be in a set that anybody may read. */
static rc secrets_check(const json_t *key, struct view kty, struct fault *f)
{
	/* "priv": of keys of kty AKP, as those of ML-DSA. */
	static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"};

	if (view_is(kty, "oct"))
		return fault_set(f, RC_DENIED, 0, "jwks: a shared key among public ones");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_object_get(key, members[i]) != NULL)
			return fault_set(f, RC_DENIED, 0, "jwks: a private key (member \"%s\")",
					 members[i]);
	return OK;
}

static bool ops_verify(const json_t *key)
{
	const json_t *ops = json_object_get(key, "key_ops");
	const char *text;

	for (size_t i = 0; i < json_array_size(ops); i++) {
		text = json_string_value(json_array_get(ops, i));
		if (text != NULL && strcmp(text, "verify") == 0)
			return true;
	}
	return ops == NULL;
}

static const struct kind *kind_find(struct view kty, struct view crv)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (view_is(kty, kinds[i].kty) &&
		    (kinds[i].crv == NULL || view_is(crv, kinds[i].crv)))
			return &kinds[i];
	return NULL;
}

/* Algorithms that other keys of this kind are for (RFC 7518 3.1). */
static bool alg_is_other(struct view kty, struct view alg)
{
	static const char *const rsa[] = {"RS384",    "RS512",	      "PS256",
					  "PS384",    "PS512",	      "RSA1_5",
					  "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-512"};

	for (size_t i = 0; view_is(kty, "RSA") && i < sizeof(rsa) / sizeof(rsa[0]); i++)
		if (view_is(alg, rsa[i]))
			return true;
	return alg.len >= 7 && memcmp(alg.ptr, "ECDH-ES", 7) == 0 && view_is(kty, "EC");
}

/* *ret is NULL if the key is for something else. */
static rc kind_of(const json_t *key, const struct kind **ret, struct fault *f)
{
	struct view kty;
	struct view crv;
	struct view alg;
	struct view use;
	const struct kind *kind;

	*ret = NULL;
	TRY(jose_text("jwks", key, "kty", 32, &kty, f));
	TRY(secrets_check(key, kty, f));
	TRY(optional_text(key, "crv", &crv, f));
	TRY(optional_text(key, "alg", &alg, f));
	TRY(optional_text(key, "use", &use, f));
	kind = kind_find(kty, crv);
	if (kind == NULL || (use.len > 0 && !view_is(use, "sig")) || !ops_verify(key) ||
	    alg_is_other(kty, alg))
		return OK;
	if (alg.len > 0 && !view_is(alg, jose_alg_name(kind->alg)))
		return fault_set(f, RC_MISMATCH, 0, "jwks: alg %.*s is not of a key of kty %s",
				 (int)alg.len, (const char *)alg.ptr, kind->kty);
	*ret = kind;
	return OK;
}

static const struct jwk *key_find(const struct jwks *s, struct view kid)
{
	for (size_t i = 0; i < s->count; i++)
		if (view_is(kid, s->keys[i].kid))
			return &s->keys[i];
	return NULL;
}

static rc key_read(const json_t *key, struct jwks *s, struct fault *f)
{
	struct jwk *k = &s->keys[s->count];
	const struct kind *kind;
	struct view kid;

	if (!json_is_object(key))
		return fault_set(f, RC_SYNTAX, 0, "jwks: a key is not an object");
	TRY(kind_of(key, &kind, f));
	TRY(optional_text(key, "kid", &kid, f));
	if (kind == NULL || kid.len == 0)
		return OK;
	if (key_find(s, kid) != NULL)
		return fault_set(f, RC_DUPLICATE, 0, "jwks: two keys are called %.*s", (int)kid.len,
				 (const char *)kid.ptr);
	TRY(kind->read(key, k, f));
	memcpy(k->kid, kid.ptr, kid.len);
	k->alg = kind->alg;
	s->count++;
	return OK;
}

static rc set_read(const json_t *root, struct jwks *s, struct fault *f)
{
	const json_t *list = json_object_get(root, "keys");
	rc r;

	if (!json_is_array(list))
		return fault_set(f, RC_SYNTAX, 0, "jwks: \"keys\" is not an array (RFC 7517 5)");
	if (json_array_size(list) > JWKS_KEYS_MAX)
		return fault_set(f, RC_LIMIT, 0, "jwks: %zu keys, at most %u",
				 json_array_size(list), JWKS_KEYS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		r = key_read(json_array_get(list, i), s, f);
		if (!rc_is_ok(r))
			return fault_wrap(f, r, "key %zu", i);
	}
	if (s->count == 0)
		return fault_set(f, RC_RANGE, 0, "jwks: no key for RS256, ES256 or EdDSA");
	return OK;
}

rc jwks_parse(struct view bytes, struct jwks **ret, struct fault *f)
{
	struct jwks *s;
	json_t *root;
	rc r;

	TRY(jose_object("jwks", bytes, JWKS_BYTES_MAX, &root, f));
	s = (struct jwks *)calloc(1, sizeof(*s));
	r = s == NULL ? fault_set(f, RC_NOMEM, 0, "jwks: out of memory") : set_read(root, s, f);
	json_decref(root);
	if (rc_is_ok(r))
		*ret = s;
	else
		jwks_free(s);
	return r;
}

void jwks_free(struct jwks *s)
{
	for (size_t i = 0; s != NULL && i < s->count; i++)
		EVP_PKEY_free(s->keys[i].pkey);
	free(s);
}

size_t jwks_count(const struct jwks *s)
{
	return s->count;
}

const char *jwks_kid(const struct jwks *s, size_t i)
{
	return s->keys[i].kid;
}

const char *jwks_alg(const struct jwks *s, size_t i)
{
	return jose_alg_name(s->keys[i].alg);
}

/* ---- Signatures -----------------------------------------------------------------------------*/

static void put_integer(struct buf *out, const uint8_t *n)
{
	size_t len = FIELD;

	while (len > 1 && n[0] == 0) {
		n++;
		len--;
	}
	buf_put_u8(out, 0x02);
	buf_put_u8(out, (uint8_t)(len + (n[0] >> 7)));
	if (n[0] >= 0x80)
		buf_put_u8(out, 0);
	buf_put(out, n, len);
}

/* R and S of fixed length (RFC 7518 3.4) as the ECDSA-Sig-Value that libcrypto wants. */
static void put_ecdsa(struct view sig, struct buf *out)
{
	uint8_t mem[2 * (FIELD + 3)];
	struct buf body;

	buf_init_fixed(&body, mem, sizeof(mem));
	put_integer(&body, sig.ptr);
	put_integer(&body, sig.ptr + FIELD);
	buf_put_u8(out, 0x30);
	buf_put_u8(out, (uint8_t)body.len);
	buf_put_view(out, buf_view(&body));
}

static rc signature_check(const struct jwk *k, struct view message, struct view sig,
			  struct fault *f)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = k->alg == JOSE_EDDSA ? NULL : EVP_sha256();
	int ok;

	if (ctx == NULL)
		return fault_set(f, RC_NOMEM, 0, "jwks: out of memory");
	/* RSA: PKCS#1 v1.5 is what libcrypto does unless told otherwise; said all the same. */
	EVP_PKEY_CTX *pctx = NULL;
	ok = EVP_DigestVerifyInit(ctx, &pctx, md, NULL, k->pkey);
	if (ok == 1 && k->alg == JOSE_RS256)
		ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING);
	if (ok != 1) {
		EVP_MD_CTX_free(ctx);
		return ossl_fault(f, RC_CRYPTO, "jwks");
	}
	ok = EVP_DigestVerify(ctx, sig.ptr, sig.len, message.ptr, message.len);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok == 1 ? OK
		       : fault_set(f, RC_BADSIG, 0, "the signature is not by the key %s", k->kid);
}

rc jwks_verify(const struct jwks *s, struct view kid, struct view alg, struct view message,
	       struct view sig, struct fault *f)
{
	const struct jwk *k = key_find(s, kid);
	uint8_t mem[2 * (FIELD + 3) + 2];
	struct buf der;

	if (k == NULL)
		return fault_set(f, RC_NOTFOUND, 0, "the issuer has no key %.*s", (int)kid.len,
				 (const char *)kid.ptr);
	if (!view_is(alg, jose_alg_name(k->alg)))
		return fault_set(f, RC_MISMATCH, 0, "alg is %.*s, the key %s is for %s",
				 (int)alg.len, (const char *)alg.ptr, k->kid,
				 jose_alg_name(k->alg));
	if (sig.len != k->signature)
		return fault_set(f, RC_BADSIG, 0, "a signature of %zu bytes, the key %s makes %zu",
				 sig.len, k->kid, k->signature);
	if (k->alg != JOSE_ES256)
		return signature_check(k, message, sig, f);
	buf_init_fixed(&der, mem, sizeof(mem));
	put_ecdsa(sig, &der);
	return signature_check(k, message, buf_view(&der), f);
}
