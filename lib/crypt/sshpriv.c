#include "lib/crypt/sshpriv.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#include "lib/base/secret.h"
#include "lib/codec/pem.h"
#include "lib/crypt/sshkey_int.h"
#include "lib/crypt/sshsig.h"

static const char magic[] = "openssh-key-v1"; /* PROTOCOL.key 1, with its NUL */
static const struct pem_kind armor = {.label = "OPENSSH PRIVATE KEY", .columns = PEM_COLUMNS_SSH};

#define BLOCK 8 /* padding without cipher */

struct sshpriv {
	struct sshkey *key;
	EVP_PKEY *pkey; /* only read after parsing */
};

/* The container around the private part; borrows from its bytes. */
struct container {
	struct view cipher;
	struct view kdf;
	struct view kdf_options;
	struct view public;
	struct view private;
};

static rc parse_container(struct view bytes, struct container *ret, struct fault *f)
{
	struct container c;
	struct view v = bytes;
	struct view head;
	uint32_t count;

	if (!rc_is_ok(view_take(&v, sizeof(magic), &head)) ||
	    !view_is_equal(head, view_of(magic, sizeof(magic))))
		return fault_set(f, RC_SYNTAX, 0, "key file: does not begin with openssh-key-v1");
	TRY(sshkey_string(&v, 64, "key file: cipher", &c.cipher, f));
	TRY(sshkey_string(&v, 64, "key file: kdf", &c.kdf, f));
	TRY(sshkey_string(&v, 256, "key file: kdf options", &c.kdf_options, f));
	if (!rc_is_ok(view_u32be(&v, &count)))
		return fault_set(f, RC_TRUNCATED, 0, "key file: ends in the number of keys");
	if (count != 1)
		return fault_set(f, RC_UNSUPPORTED, 0, "key file: %u keys, not 1", count);
	TRY(sshkey_string(&v, SSHKEY_BLOB_MAX, "key file: public key", &c.public, f));
	TRY(sshkey_string(&v, SSHPRIV_FILE_MAX, "key file: private part", &c.private, f));
	if (v.len != 0)
		return fault_set(f, RC_TRAILING, bytes.len - v.len, "key file: %zu bytes too many",
				 v.len);
	*ret = c;
	return OK;
}

/* The bytes inside the armor, in memory that is wiped. */
static rc dearmor(struct view text, struct secret *mem, struct view *ret, struct fault *f)
{
	struct buf out;

	if (text.len > SSHPRIV_FILE_MAX)
		return fault_set(f, RC_LIMIT, 0, "key file: %zu bytes, at most %d", text.len,
				 SSHPRIV_FILE_MAX);
	TRY(secret_new(mem, SSHPRIV_FILE_MAX));
	buf_init_fixed(&out, mem->ptr, mem->len);
	TRY(pem_parse(&armor, text, &out, f));
	*ret = buf_view(&out);
	return OK;
}

/* PROTOCOL.key 3: 1, 2, 3, ... up to the block size. */
static rc check_padding(struct view v, struct fault *f)
{
	if (v.len >= BLOCK)
		return fault_set(f, RC_TRAILING, 0, "key file: %zu bytes after the comment", v.len);
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] != i + 1)
			return fault_set(f, RC_NONCANON, 0,
					 "key file: padding is not 1, 2, 3, ...");
	return OK;
}

/* string public (32), string seed || public (64) */
static rc read_ed25519(struct sshpriv *p, struct view *v, struct fault *f)
{
	struct view public;
	struct view both;
	uint8_t derived[ED25519_SIZE];
	size_t len = sizeof(derived);

	TRY(sshkey_string(v, ED25519_SIZE, "key file: public half", &public, f));
	TRY(sshkey_string(v, 2 * ED25519_SIZE, "key file: private half", &both, f));
	if (both.len != 2 * ED25519_SIZE)
		return fault_set(f, RC_SYNTAX, 0, "key file: private half has %zu bytes, not 64",
				 both.len);
	p->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, both.ptr, ED25519_SIZE);
	if (p->pkey == NULL || EVP_PKEY_get_raw_public_key(p->pkey, derived, &len) != 1)
		return sshkey_crypto(f, "key file");
	/* The public key is written four times: container, here twice, and in the seed. */
	if (!view_is_equal(public, view_of(both.ptr + ED25519_SIZE, ED25519_SIZE)) ||
	    !view_is_equal(public, view_of(derived, len)) ||
	    !view_is_equal(public,
			   view_of(p->key->blob + p->key->blob_len - ED25519_SIZE, ED25519_SIZE)))
		return fault_set(f, RC_MISMATCH, 0, "key file: public and private halves differ");
	return OK;
}

static rc import_p256(struct sshpriv *p, struct view point, struct view scalar, struct fault *f)
{
	BIGNUM *d = BN_secure_new();
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = NULL;
	bool ok =
		d != NULL && bld != NULL && ctx != NULL &&
		BN_bin2bn(scalar.ptr, (int)scalar.len, d) != NULL &&
		OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.ptr,
						 point.len) == 1 &&
		(params = OSSL_PARAM_BLD_to_param(bld)) != NULL &&
		EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, &p->pkey, EVP_PKEY_KEYPAIR, params) == 1;

	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(d);
	return ok ? OK : sshkey_crypto(f, "key file");
}

/* string curve, string point, mpint scalar */
static rc read_p256(struct sshpriv *p, struct view *v, struct fault *f)
{
	struct view curve;
	struct view point;
	struct view scalar;
	EVP_PKEY_CTX *ctx;
	bool pair;

	TRY(sshkey_string(v, 64, "key file: curve", &curve, f));
	TRY(sshkey_string(v, P256_POINT, "key file: point", &point, f));
	TRY(sshkey_mpint(v, P256_SIZE, "key file: scalar", &scalar, f));
	if (!view_is(curve, "nistp256") || point.len != P256_POINT ||
	    !view_is_equal(point,
			   view_of(p->key->blob + p->key->blob_len - P256_POINT, P256_POINT)))
		return fault_set(f, RC_MISMATCH, 0,
				 "key file: public key differs from the header's");
	TRY(import_p256(p, point, scalar, f));
	ctx = EVP_PKEY_CTX_new(p->pkey, NULL);
	pair = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (pair)
		return OK;
	rc_ignore(sshkey_crypto(NULL, ""), "empties the error queue");
	return fault_set(f, RC_MISMATCH, 0, "key file: public and private halves differ");
}

static rc read_private(struct sshpriv *p, struct view v, struct fault *f)
{
	struct view type;
	struct view comment;
	uint32_t check[2];

	if (v.len % BLOCK != 0)
		return fault_set(f, RC_SYNTAX, 0, "key file: private part is not in blocks of 8");
	if (!rc_is_ok(view_u32be(&v, &check[0])) || !rc_is_ok(view_u32be(&v, &check[1])))
		return fault_set(f, RC_TRUNCATED, 0, "key file: ends in the check words");
	if (check[0] != check[1])
		return fault_set(f, RC_MISMATCH, 0, "key file: check words differ");
	TRY(sshkey_string(&v, 64, "key file: type", &type, f));
	if (!view_is(type, sshkey_type_name(p->key->type)))
		return fault_set(f, RC_MISMATCH, 0, "key file: type differs from the header's");
	if (p->key->type == SSHKEY_ED25519)
		TRY(read_ed25519(p, &v, f));
	else
		TRY(read_p256(p, &v, f));
	TRY(sshkey_string(&v, 1024, "key file: comment", &comment, f));
	for (size_t i = 0; i < comment.len; i++)
		if (comment.ptr[i] < 0x20) /* else a byte of padding could belong to it */
			return fault_set(f, RC_SYNTAX, 0,
					 "key file: comment has control characters");
	return check_padding(v, f);
}

static rc parse_into(struct sshpriv *p, struct view text, struct fault *f)
{
	AUTO(secret) struct secret mem = {0};
	struct container c;
	struct view bytes;

	TRY(dearmor(text, &mem, &bytes, f));
	TRY(parse_container(bytes, &c, f));
	TRY(sshkey_parse_blob(c.public, &p->key, f));
	if (!view_is(c.cipher, "none") || !view_is(c.kdf, "none") || c.kdf_options.len != 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "key file: has a passphrase");
	if (p->key->type != SSHKEY_ED25519 && p->key->type != SSHKEY_ECDSA_P256)
		return fault_set(f, RC_UNSUPPORTED, 0, "key file: type %s",
				 sshkey_type_name(p->key->type));
	return read_private(p, c.private, f);
}

rc sshpriv_parse(struct view text, struct sshpriv **ret, struct fault *f)
{
	AUTO(sshpriv) struct sshpriv *p = (struct sshpriv *)calloc(1, sizeof(*p));

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "key file: no memory");
	TRY(parse_into(p, text, f));
	*ret = p;
	p = NULL;
	return OK;
}

rc sshpriv_public(struct view text, struct sshkey **ret, struct fault *f)
{
	AUTO(secret) struct secret mem = {0};
	struct container c;
	struct view bytes;

	TRY(dearmor(text, &mem, &bytes, f));
	TRY(parse_container(bytes, &c, f));
	return sshkey_parse_blob(c.public, ret, f);
}

void sshpriv_free(struct sshpriv *p)
{
	if (p == NULL)
		return;
	sshkey_free(p->key);
	EVP_PKEY_free(p->pkey); /* libcrypto wipes the private half */
	free(p);
}

const struct sshkey *sshpriv_key(const struct sshpriv *p)
{
	return p->key;
}

static rc sign_ed25519(const struct sshpriv *p, struct view bytes, uint8_t *out, size_t *len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, p->pkey) == 1 &&
		  EVP_DigestSign(ctx, out, len, bytes.ptr, bytes.len) == 1;

	EVP_MD_CTX_free(ctx);
	return RC(ok ? RC_OK : RC_CRYPTO);
}

static rc sign_ecdsa(const struct sshpriv *p, struct view digest, uint8_t *out, size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(p->pkey, NULL);
	bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
		  EVP_PKEY_sign(ctx, out, len, digest.ptr, digest.len) == 1;

	EVP_PKEY_CTX_free(ctx);
	return RC(ok ? RC_OK : RC_CRYPTO);
}

/* In the shape of a signer; ctx: the key, which is only read. */
static rc sign_value(void *ctx, enum sign_scheme scheme, enum hash_alg alg, struct view input,
		     struct buf *out, struct fault *f)
{
	const struct sshpriv *p = (const struct sshpriv *)ctx;
	uint8_t mem[128];
	size_t len = sizeof(mem);
	rc r = scheme == SIGN_ED25519 ? sign_ed25519(p, input, mem, &len)
				      : sign_ecdsa(p, input, mem, &len);

	(void)alg; /* the key's type says it */
	if (!rc_is_ok(r))
		return sshkey_crypto(f, "ssh key: sign");
	buf_put(out, mem, len);
	return buf_done(out);
}

static struct signer signer_of(const struct sshpriv *p)
{
	return (struct signer){.sign = sign_value, .ctx = (void *)(uintptr_t)p};
}

rc sshpriv_sign(const struct sshpriv *p, const char *ns, struct view message, struct buf *out,
		struct fault *f)
{
	const struct signer s = signer_of(p);

	return sshsig_sign(p->key, &s, ns, message, out, f);
}

rc sshpriv_sign_raw(const struct sshpriv *p, struct view bytes, struct buf *out, struct fault *f)
{
	const struct signer s = signer_of(p);

	return sshsig_sign_bytes(p->key, &s, bytes, out, f);
}
