#include "lib/crypt/sshkey_int.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/base64.h"

#define RSA_BITS_MIN 3072
#define RSA_BITS_MAX 8192
#define RSA_EXPONENT_MAX 8 /* bytes */

static rc parse_ed25519(struct sshkey *k, struct view *v, struct fault *f);
static rc parse_ecdsa(struct sshkey *k, struct view *v, struct fault *f);
static rc parse_rsa(struct sshkey *k, struct view *v, struct fault *f);

static const struct {
	const char *name;
	rc (*parse)(struct sshkey *k, struct view *v, struct fault *f);
	bool sk;
} types[] = {
	[SSHKEY_ED25519] = {"ssh-ed25519", parse_ed25519, false},
	[SSHKEY_ECDSA_P256] = {"ecdsa-sha2-nistp256", parse_ecdsa, false},
	[SSHKEY_RSA] = {"ssh-rsa", parse_rsa, false},
	[SSHKEY_SK_ED25519] = {"sk-ssh-ed25519@openssh.com", parse_ed25519, true},
	[SSHKEY_SK_ECDSA_P256] = {"sk-ecdsa-sha2-nistp256@openssh.com", parse_ecdsa, true},
};
_Static_assert(sizeof(types) / sizeof(types[0]) == SSHKEY_SK_ECDSA_P256 + 1, "one row per type");

/* Known to exist, refused by name so that the user learns why. */
static const char *const refused[] = {
	"ssh-dss",
	"ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521",
	"ssh-ed448",
};

/* y coordinates of the points of small order (RFC 7748 7): with such a key anybody's signature
 * verifies. Little-endian, sign bit clear. */
static const uint8_t weak_points[][ED25519_SIZE] = {
	{0},
	{1},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
	 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
	 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

rc sshkey_crypto(struct fault *f, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);

	ERR_clear_error();
	return fault_set(f, RC_CRYPTO, 0, "%s: %s", what, reason == NULL ? "refused" : reason);
}

rc sshkey_string(struct view *v, size_t max, const char *what, struct view *ret, struct fault *f)
{
	rc r = view_string(v, max, ret);

	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "%s: %s (RFC 4251 5, at most %zu bytes)", what,
				 rc_name(r), max);
	return OK;
}

rc sshkey_mpint(struct view *v, size_t max, const char *what, struct view *ret, struct fault *f)
{
	struct view n;

	TRY(sshkey_string(v, SSHKEY_BLOB_MAX, what, &n, f));
	if (n.len == 0 || (n.ptr[0] & 0x80) != 0 ||
	    (n.ptr[0] == 0 && (n.len == 1 || (n.ptr[1] & 0x80) == 0)))
		return fault_set(f, RC_NONCANON, 0,
				 "%s: not a positive mpint in shortest form "
				 "(RFC 4251 5)",
				 what);
	if (n.ptr[0] == 0)
		n = view_of(n.ptr + 1, n.len - 1);
	if (n.len > max)
		return fault_set(f, RC_RANGE, 0, "%s: %zu bytes, at most %zu", what, n.len, max);
	*ret = n;
	return OK;
}

void sshkey_put_mpint(struct buf *out, struct view number)
{
	bool high;

	while (number.len != 0 && number.ptr[0] == 0)
		number = view_of(number.ptr + 1, number.len - 1);
	high = number.len != 0 && (number.ptr[0] & 0x80) != 0;
	buf_put_u32be(out, (uint32_t)(number.len + high));
	if (high)
		buf_put_u8(out, 0);
	buf_put_view(out, number);
}

static rc check_point(struct view pk, struct fault *f)
{
	static const uint8_t prime[ED25519_SIZE] = {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	uint8_t y[ED25519_SIZE];
	int at = ED25519_SIZE - 1;

	memcpy(y, pk.ptr, sizeof(y));
	y[ED25519_SIZE - 1] &= 0x7f;
	while (at > 0 && y[at] == prime[at])
		at--;
	if (y[at] >= prime[at])
		return fault_set(f, RC_NONCANON, 0,
				 "ssh key: y is not below 2^255-19 (RFC 8032 5.1.3)");
	for (size_t i = 0; i < sizeof(weak_points) / sizeof(weak_points[0]); i++)
		if (memcmp(y, weak_points[i], sizeof(y)) == 0)
			return fault_set(f, RC_CRYPTO, 0, "ssh key: a point of small order");
	return OK;
}

static rc parse_ed25519(struct sshkey *k, struct view *v, struct fault *f)
{
	struct view pk;

	TRY(sshkey_string(v, ED25519_SIZE, "ssh key: point", &pk, f));
	if (pk.len != ED25519_SIZE)
		return fault_set(f, RC_SYNTAX, 0,
				 "ssh key: point has %zu bytes, not 32 (RFC 8709 4)", pk.len);
	TRY(check_point(pk, f));
	k->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pk.ptr, pk.len);
	if (k->pkey == NULL)
		return sshkey_crypto(f, "ssh key: point");
	k->size = ED25519_SIG;
	return OK;
}

/* Takes what bld holds and makes k->pkey of it. */
static rc import(struct sshkey *k, const char *type, OSSL_PARAM_BLD *bld, struct fault *f)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	bool ok = params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
		  EVP_PKEY_fromdata(ctx, &k->pkey, EVP_PKEY_PUBLIC_KEY, params) == 1;

	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return ok ? OK : sshkey_crypto(f, "ssh key");
}

static rc parse_ecdsa(struct sshkey *k, struct view *v, struct fault *f)
{
	struct view curve;
	struct view point;
	OSSL_PARAM_BLD *bld;
	rc r;

	TRY(sshkey_string(v, 64, "ssh key: curve", &curve, f));
	TRY(sshkey_string(v, 256, "ssh key: point", &point, f));
	if (!view_is(curve, "nistp256"))
		return fault_set(f, RC_MISMATCH, 0,
				 "ssh key: curve is not that of the type (RFC 5656 3.1)");
	if (point.len != P256_POINT || point.ptr[0] != 4)
		return fault_set(f, RC_SYNTAX, 0,
				 "ssh key: point is not 65 bytes 04,x,y (RFC 5656 3.1)");
	k->spare = (struct sshkey_spare *)calloc(1, sizeof(*k->spare));
	bld = OSSL_PARAM_BLD_new();
	if (k->spare == NULL || bld == NULL ||
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.ptr, point.len) !=
		    1)
		r = RC(RC_NOMEM);
	else
		r = import(k, "EC", bld, f); /* refuses points that are not on the curve */
	OSSL_PARAM_BLD_free(bld);
	return r;
}

static size_t bit_length(struct view n)
{
	size_t bits = n.len * 8;

	for (uint8_t top = 0x80; n.len != 0 && top != 0 && (n.ptr[0] & top) == 0; top >>= 1)
		bits--;
	return bits;
}

static rc import_rsa(struct sshkey *k, struct view e, struct view n, struct fault *f)
{
	BIGNUM *be = BN_bin2bn(e.ptr, (int)e.len, NULL);
	BIGNUM *bn = BN_bin2bn(n.ptr, (int)n.len, NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	rc r = RC(RC_NOMEM);

	if (be != NULL && bn != NULL && bld != NULL &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) == 1)
		r = import(k, "RSA", bld, f);
	OSSL_PARAM_BLD_free(bld);
	BN_free(bn);
	BN_free(be);
	return r;
}

static rc parse_rsa(struct sshkey *k, struct view *v, struct fault *f)
{
	struct view e;
	struct view n;
	size_t bits;

	TRY(sshkey_mpint(v, RSA_EXPONENT_MAX, "ssh key: RSA exponent", &e, f));
	TRY(sshkey_mpint(v, SSHKEY_BLOB_MAX, "ssh key: RSA modulus", &n, f));
	bits = bit_length(n);
	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return fault_set(f, RC_UNSUPPORTED, 0, "ssh key: RSA of %zu bits, not %d..%d", bits,
				 RSA_BITS_MIN, RSA_BITS_MAX);
	if ((e.ptr[e.len - 1] & 1) == 0 || bit_length(e) < 17)
		return fault_set(f, RC_RANGE, 0, "ssh key: RSA exponent is even or below 65537");
	if ((n.ptr[n.len - 1] & 1) == 0)
		return fault_set(f, RC_RANGE, 0, "ssh key: RSA modulus is even");
	k->size = n.len;
	return import_rsa(k, e, n, f);
}

static rc find_type(struct view name, enum sshkey_type *ret, struct fault *f)
{
	static const char cert[] = "-cert-v0"; /* ...0@ and ...1@openssh.com */

	for (int i = SSHKEY_ED25519; i <= SSHKEY_SK_ECDSA_P256; i++) {
		if (view_is(name, types[i].name)) {
			*ret = (enum sshkey_type)i;
			return OK;
		}
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (view_is(name, refused[i]))
			return fault_set(f, RC_UNSUPPORTED, 0, "ssh key: type %s is not accepted",
					 refused[i]);
	if (name.len != 0 && memmem(name.ptr, name.len, cert, sizeof(cert) - 1) != NULL)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "ssh key: certificates are not accepted, use the plain key");
	return fault_set(f, RC_UNKNOWN, 0, "ssh key: unknown type \"%.*s\"",
			 (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
}

static rc parse_application(struct sshkey *k, struct view *v, struct fault *f)
{
	struct view app;

	TRY(sshkey_string(v, SSHKEY_APPLICATION_MAX, "ssh key: application", &app, f));
	for (size_t i = 0; i < app.len; i++)
		if (app.ptr[i] <= 0x20 || app.ptr[i] > 0x7e)
			return fault_set(f, RC_SYNTAX, 0,
					 "ssh key: application is not printable ASCII");
	if (app.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "ssh key: application is empty");
	k->application = app;
	if (k->type == SSHKEY_SK_ED25519 && sshkey_channel(k) != SSHKEY_CLI)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "ssh key: application of an sk-ed25519 key must begin with ssh:");
	return OK;
}

static rc parse_into(struct sshkey *k, struct view blob, struct fault *f)
{
	struct view v;
	struct view name;

	if (blob.len > sizeof(k->blob))
		return fault_set(f, RC_LIMIT, 0, "ssh key: %zu bytes, at most %d", blob.len,
				 SSHKEY_BLOB_MAX);
	if (blob.len != 0)
		memcpy(k->blob, blob.ptr, blob.len);
	k->blob_len = blob.len;
	v = sshkey_blob(k);
	TRY(sshkey_string(&v, 64, "ssh key: type", &name, f));
	TRY(find_type(name, &k->type, f));
	TRY(types[k->type].parse(k, &v, f));
	if (types[k->type].sk)
		TRY(parse_application(k, &v, f));
	if (v.len != 0)
		return fault_set(f, RC_TRAILING, blob.len - v.len, "ssh key: %zu bytes too many",
				 v.len);
	k->fingerprint = digest_of(sshkey_blob(k));
	return OK;
}

rc sshkey_parse_blob(struct view blob, struct sshkey **ret, struct fault *f)
{
	AUTO(sshkey) struct sshkey *k = (struct sshkey *)calloc(1, sizeof(*k));

	if (k == NULL)
		return fault_set(f, RC_NOMEM, 0, "ssh key: no memory");
	TRY(parse_into(k, blob, f));
	*ret = k;
	k = NULL;
	return OK;
}

static rc check_comment(struct view text, struct fault *f)
{
	if (text.len == 0 || text.len > SSHKEY_COMMENT_MAX || text.ptr[0] == ' ')
		return fault_set(f, RC_SYNTAX, 0, "ssh key: comment is empty or over %d bytes",
				 SSHKEY_COMMENT_MAX);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return fault_set(f, RC_SYNTAX, 0,
					 "ssh key: comment is not printable ASCII");
	return OK;
}

rc sshkey_parse_line(struct view line, struct sshkey **ret, struct view *ret_comment,
		     struct fault *f)
{
	AUTO(sshkey) struct sshkey *k = NULL;
	uint8_t mem[SSHKEY_BLOB_MAX];
	struct buf blob;
	struct view name;
	struct view text;
	struct view comment = {0};
	enum sshkey_type type;

	if (line.len > SSHKEY_LINE_MAX)
		return fault_set(f, RC_LIMIT, 0, "ssh key: line of %zu bytes, at most %d", line.len,
				 SSHKEY_LINE_MAX);
	if (line.len != 0 && line.ptr[line.len - 1] == '\n')
		line.len--;
	if (!rc_is_ok(view_until(&line, ' ', &name)))
		return fault_set(f, RC_SYNTAX, 0, "ssh key: line is not TYPE BASE64 [COMMENT]");
	TRY(find_type(name, &type, f));
	if (rc_is_ok(view_until(&line, ' ', &text))) {
		comment = line;
		TRY(check_comment(comment, f));
	} else {
		text = line;
	}
	if (text.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "ssh key: line is not TYPE BASE64 [COMMENT]");
	buf_init_fixed(&blob, mem, sizeof(mem));
	TRY(base64_parse(BASE64_STD, text, &blob, f));
	TRY(sshkey_parse_blob(buf_view(&blob), &k, f));
	if (k->type != type)
		return fault_set(f, RC_MISMATCH, 0, "ssh key: line says %s, key is %s",
				 types[type].name, types[k->type].name);
	if (ret_comment != NULL)
		*ret_comment = comment;
	*ret = k;
	k = NULL;
	return OK;
}

void sshkey_free(struct sshkey *k)
{
	if (k == NULL)
		return;
	if (k->spare != NULL)
		EVP_PKEY_CTX_free(atomic_load(&k->spare->ctx));
	free(k->spare);
	EVP_PKEY_free(k->pkey);
	free(k);
}

enum sshkey_type sshkey_type(const struct sshkey *k)
{
	return k->type;
}

const char *sshkey_type_name(enum sshkey_type type)
{
	return types[type].name;
}

struct view sshkey_blob(const struct sshkey *k)
{
	return view_of(k->blob, k->blob_len);
}

struct view sshkey_application(const struct sshkey *k)
{
	return k->application;
}

bool sshkey_is_sk(const struct sshkey *k)
{
	return types[k->type].sk;
}

enum sshkey_channel sshkey_channel(const struct sshkey *k)
{
	if (!types[k->type].sk ||
	    (k->application.len >= 4 && memcmp(k->application.ptr, "ssh:", 4) == 0))
		return SSHKEY_CLI;
	return SSHKEY_BROWSER;
}

const char *sshkey_channel_name(enum sshkey_channel c)
{
	return c == SSHKEY_CLI ? "cli" : "browser";
}

bool sshkey_is_equal(const struct sshkey *a, const struct sshkey *b)
{
	return view_is_equal(sshkey_blob(a), sshkey_blob(b));
}

const struct digest *sshkey_fingerprint(const struct sshkey *k)
{
	return &k->fingerprint;
}

void sshkey_fingerprint_text(const struct digest *fp, char out[SSHKEY_FINGERPRINT])
{
	struct buf text;

	buf_init_fixed(&text, out, SSHKEY_FINGERPRINT);
	buf_put_str(&text, "SHA256:");
	base64_put(BASE64_NOPAD, digest_view(fp), &text);
	(void)buf_cstr(&text);
}

rc sshkey_fingerprint_parse(struct view text, struct digest *ret)
{
	struct digest d;
	struct view prefix;
	struct buf out;

	if (text.len != SSHKEY_FINGERPRINT - 1)
		return RC(RC_SYNTAX);
	TRY(view_take(&text, 7, &prefix));
	if (!view_is(prefix, "SHA256:"))
		return RC(RC_SYNTAX);
	buf_init_fixed(&out, d.b, sizeof(d.b));
	TRY(base64_parse(BASE64_NOPAD, text, &out, NULL));
	*ret = d;
	return OK;
}

void sshkey_put_line(const struct sshkey *k, struct view comment, struct buf *out)
{
	buf_put_str(out, types[k->type].name);
	buf_put_u8(out, ' ');
	base64_put(BASE64_STD, sshkey_blob(k), out);
	if (comment.len != 0) {
		buf_put_u8(out, ' ');
		buf_put_view(out, comment);
	}
}
