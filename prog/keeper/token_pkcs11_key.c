/* Purpose: see token_pkcs11_key.h. */
#include "prog/keeper/token_pkcs11_key.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec/der.h"
#include "lib/codec/hex.h"
#include "prog/keeper/token_pkcs11_module.h"

#define RSA_BYTES_MAX 512
#define POINT_MAX (2 + 1 + 2 * 48) /* OCTET STRING of an uncompressed P-384 point */

/* AlgorithmIdentifier parameters and OIDs as full DER elements. */
static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
/* PrintableString "edwards25519": how PKCS#11 3.0 (2.3.3) names the curve, beside the OID. */
static const uint8_t ed25519_name[] = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r',
				       'd',  's',  '2', '5', '5', '1', '9'};
static const uint8_t rsa_algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
static const uint8_t ec_public_key[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;

/* CK_ATTRIBUTE points to non-const, whichever way the bytes go. */
#define ATTRIBUTE(type, p, n) ((CK_ATTRIBUTE){(type), (void *)(uintptr_t)(p), (CK_ULONG)(n)})
#define FLAG(type, value) ATTRIBUTE(type, &(value), sizeof(CK_BBOOL))

/* ---- Reading attributes ---------------------------------------------------------------------- */

/* Fills *v with the attribute's bytes in mem. RC_UNSUPPORTED if the object does not have it. */
static rc attribute(const struct p11_at *at, CK_OBJECT_HANDLE key, CK_ATTRIBUTE a, struct view *v,
		    struct fault *f)
{
	CK_ULONG cap = a.ulValueLen;
	CK_RV rv = at->fn->C_GetAttributeValue(at->session, key, &a, 1);

	TRY(p11_result(rv, at->token, "C_GetAttributeValue", f));
	if (a.ulValueLen == CK_UNAVAILABLE_INFORMATION || a.ulValueLen > cap)
		return fault_set(f, RC_UNSUPPORTED, 0, "token %s: attribute 0x%lx is not there",
				 at->token, a.type);
	*v = view_of(a.pValue, a.ulValueLen);
	return OK;
}

static rc attribute_ulong(const struct p11_at *at, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
			  CK_ULONG *ret, struct fault *f)
{
	CK_ULONG n = 0;
	CK_ATTRIBUTE a = {type, &n, sizeof(n)};
	struct view v;

	TRY(attribute(at, key, a, &v, f));
	if (v.len != sizeof(n))
		return fault_set(f, RC_UNSUPPORTED, 0, "token %s: attribute 0x%lx is no number",
				 at->token, type);
	*ret = n;
	return OK;
}

/* ---- Finding --------------------------------------------------------------------------------- */

/* At most cap handles; *ret_count may be cap although there are more. */
static rc search(const struct p11_at *at, const CK_ATTRIBUTE *pattern, CK_ULONG count,
		 CK_OBJECT_HANDLE *ret, CK_ULONG cap, CK_ULONG *ret_count, struct fault *f)
{
	CK_ULONG n = 0;
	CK_ULONG got = 0;
	CK_RV rv;
	CK_RV end;

	rv = at->fn->C_FindObjectsInit(at->session, (CK_ATTRIBUTE *)(uintptr_t)pattern, count);
	TRY(p11_result(rv, at->token, "C_FindObjectsInit", f));
	do {
		rv = at->fn->C_FindObjects(at->session, ret + n, cap - n, &got);
		if (rv == CKR_OK && got > cap - n)
			rv = CKR_GENERAL_ERROR; /* wrote more than it was given room for */
		if (rv == CKR_OK)
			n += got;
	} while (rv == CKR_OK && got > 0 && n < cap);
	end = at->fn->C_FindObjectsFinal(at->session);
	TRY(p11_result(rv, at->token, "C_FindObjects", f));
	TRY(p11_result(end, at->token, "C_FindObjectsFinal", f));
	*ret_count = n;
	return OK;
}

static rc find_class(const struct p11_at *at, const struct digest *id, CK_OBJECT_CLASS class,
		     CK_OBJECT_HANDLE *ret, struct fault *f)
{
	const CK_ATTRIBUTE pattern[] = {
		ATTRIBUTE(CKA_CLASS, &class, sizeof(class)),
		ATTRIBUTE(CKA_ID, id->b, DIGEST_SIZE),
		FLAG(CKA_TOKEN, yes),
	};
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n;

	TRY(search(at, pattern, 3, found, 2, &n, f));
	if (n == 0)
		return fault_set(f, RC_NOTFOUND, 0, "token %s: no such %s key", at->token,
				 class == CKO_PRIVATE_KEY ? "private" : "public");
	if (n > 1)
		return fault_set(f, RC_CORRUPT, 0, "token %s: two %s keys with one CKA_ID",
				 at->token, class == CKO_PRIVATE_KEY ? "private" : "public");
	*ret = found[0];
	return OK;
}

rc p11_key_find(const struct p11_at *at, const struct digest *id, CK_OBJECT_HANDLE *ret,
		struct fault *f)
{
	return find_class(at, id, CKO_PRIVATE_KEY, ret, f);
}

rc p11_key_each(const struct p11_at *at, p11_each_fn each, void *ctx, struct fault *f)
{
	const CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	const CK_ATTRIBUTE pattern[] = {
		ATTRIBUTE(CKA_CLASS, &class, sizeof(class)),
		FLAG(CKA_TOKEN, yes),
	};
	CK_OBJECT_HANDLE found[TOKEN_KEYS_MAX + 1];
	CK_ULONG n;

	TRY(search(at, pattern, 2, found, TOKEN_KEYS_MAX + 1, &n, f));
	if (n > TOKEN_KEYS_MAX)
		return fault_set(f, RC_LIMIT, 0, "token %s: more than %d keys", at->token,
				 TOKEN_KEYS_MAX);
	for (CK_ULONG i = 0; i < n; i++) {
		struct digest id;
		CK_ATTRIBUTE a = ATTRIBUTE(CKA_ID, id.b, DIGEST_SIZE);
		CK_RV rv = at->fn->C_GetAttributeValue(at->session, found[i], &a, 1);

		/* Keys of others, with longer or shorter ids, may live beside ours. */
		if (rv != CKR_OK || a.ulValueLen != DIGEST_SIZE)
			continue;
		TRY(each(ctx, at, found[i], &id, f));
	}
	return OK;
}

/* ---- Checking -------------------------------------------------------------------------------- */

static rc check_flag(const struct p11_at *at, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
		     bool want, const char *name, struct fault *f)
{
	CK_BBOOL is = CK_FALSE;
	CK_ATTRIBUTE a = FLAG(type, is);
	CK_RV rv = at->fn->C_GetAttributeValue(at->session, key, &a, 1);

	if (p11_meaning(rv) == P11_GONE)
		return p11_result(rv, at->token, "C_GetAttributeValue", f);
	if (rv != CKR_OK || a.ulValueLen != sizeof(is))
		return fault_set(f, RC_DENIED, 0,
				 "token %s: key refused: the token does not say whether %s",
				 at->token, name);
	if ((is != CK_FALSE) != want)
		return fault_set(f, RC_DENIED, 0, "token %s: key refused: %s is %s", at->token,
				 name, is != CK_FALSE ? "true" : "false");
	return OK;
}

/* Asks for the length only, so that no secret comes into this process even when one is offered. */
static rc check_hidden(const struct p11_at *at, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
		       struct fault *f)
{
	CK_ATTRIBUTE a = {type, NULL, 0};
	CK_RV rv = at->fn->C_GetAttributeValue(at->session, key, &a, 1);

	if (p11_meaning(rv) == P11_GONE)
		return p11_result(rv, at->token, "C_GetAttributeValue", f);
	if (rv == CKR_OK && a.ulValueLen != CK_UNAVAILABLE_INFORMATION && a.ulValueLen > 0)
		return fault_set(f, RC_DENIED, 0,
				 "token %s: key refused: the token would hand out its value",
				 at->token);
	return OK;
}

rc p11_key_check(const struct p11_at *at, CK_OBJECT_HANDLE key, struct fault *f)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		bool want;
		const char *name;
	} flags[] = {
		{CKA_SENSITIVE, true, "CKA_SENSITIVE"},
		{CKA_ALWAYS_SENSITIVE, true, "CKA_ALWAYS_SENSITIVE"},
		{CKA_EXTRACTABLE, false, "CKA_EXTRACTABLE"},
		{CKA_NEVER_EXTRACTABLE, true, "CKA_NEVER_EXTRACTABLE"},
		{CKA_LOCAL, true, "CKA_LOCAL"},
		{CKA_TOKEN, true, "CKA_TOKEN"},
		{CKA_PRIVATE, true, "CKA_PRIVATE"},
		{CKA_SIGN, true, "CKA_SIGN"},
		{CKA_DECRYPT, false, "CKA_DECRYPT"},
		{CKA_UNWRAP, false, "CKA_UNWRAP"},
		{CKA_ALWAYS_AUTHENTICATE, false, "CKA_ALWAYS_AUTHENTICATE"},
	};
	CK_ULONG type;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		TRY(check_flag(at, key, flags[i].type, flags[i].want, flags[i].name, f));
	TRY(attribute_ulong(at, key, CKA_KEY_TYPE, &type, f));
	return check_hidden(at, key, type == CKK_RSA ? CKA_PRIVATE_EXPONENT : CKA_VALUE, f);
}

/* ---- Public halves --------------------------------------------------------------------------- */

/* An unsigned big-endian number as INTEGER. */
static void put_integer(struct der *d, struct view v)
{
	uint8_t body[1 + RSA_BYTES_MAX] = {0};
	size_t zero = 0;
	size_t start;

	while (zero + 1 < v.len && v.ptr[zero] == 0)
		zero++;
	v = view_of(v.ptr + zero, v.len - zero);
	if (v.len == 0 || v.len > RSA_BYTES_MAX) {
		d->failed = true;
		return;
	}
	memcpy(body + 1, v.ptr, v.len);
	start = (v.ptr[0] & 0x80) != 0 ? 0 : 1;
	der_put(d, DER_INTEGER, view_of(body + start, 1 + v.len - start));
}

static rc rsa_spki(const struct p11_at *at, CK_OBJECT_HANDLE key, struct der *d, struct fault *f)
{
	uint8_t n[RSA_BYTES_MAX];
	uint8_t e[16];
	uint8_t mem[RSA_BYTES_MAX + 64];
	CK_ATTRIBUTE want_n = ATTRIBUTE(CKA_MODULUS, n, sizeof(n));
	CK_ATTRIBUTE want_e = ATTRIBUTE(CKA_PUBLIC_EXPONENT, e, sizeof(e));
	struct view modulus;
	struct view exponent;
	struct der inner;
	size_t end;

	TRY(attribute(at, key, want_n, &modulus, f));
	TRY(attribute(at, key, want_e, &exponent, f));
	der_init(&inner, mem, sizeof(mem));
	end = der_mark(&inner);
	put_integer(&inner, exponent);
	put_integer(&inner, modulus);
	der_wrap(&inner, DER_SEQUENCE, end);
	d->failed = d->failed || inner.failed;
	der_put_bits(d, der_view(&inner, end));
	der_put_raw(d, view_of(rsa_algorithm, sizeof(rsa_algorithm)));
	return OK;
}

/* CKA_EC_POINT is an OCTET STRING around the point (2.3.3); some modules leave that out. */
static struct view point_inside(struct view v, size_t bare_len)
{
	struct view in = v;
	struct view body;

	if (v.len != bare_len && rc_is_ok(der_body(&in, DER_OCTET_STRING, &body)) && in.len == 0)
		return body;
	return v;
}

static rc ec_spki(const struct p11_at *at, CK_OBJECT_HANDLE public, struct der *d, struct fault *f)
{
	uint8_t params[32];
	uint8_t point[POINT_MAX];
	CK_ATTRIBUTE want_params = ATTRIBUTE(CKA_EC_PARAMS, params, sizeof(params));
	CK_ATTRIBUTE want_point = ATTRIBUTE(CKA_EC_POINT, point, sizeof(point));
	struct view curve;
	struct view q;
	size_t end;
	size_t bare;

	TRY(attribute(at, public, want_params, &curve, f));
	TRY(attribute(at, public, want_point, &q, f));
	bare = view_is_equal(curve, view_of(p256, sizeof(p256))) ? 65 : 97;
	der_put_bits(d, point_inside(q, bare));
	end = der_mark(d);
	der_put_raw(d, curve);
	der_put_raw(d, view_of(ec_public_key, sizeof(ec_public_key)));
	/* The AlgorithmIdentifier ends where the BIT STRING begins. */
	der_wrap(d, DER_SEQUENCE, end);
	return OK;
}

static rc ed25519_spki(const struct p11_at *at, CK_OBJECT_HANDLE public, struct der *d,
		       struct fault *f)
{
	uint8_t point[POINT_MAX];
	CK_ATTRIBUTE want = ATTRIBUTE(CKA_EC_POINT, point, sizeof(point));
	struct view q;
	size_t end;

	TRY(attribute(at, public, want, &q, f));
	der_put_bits(d, point_inside(q, 32));
	end = der_mark(d);
	der_put_raw(d, view_of(ed25519, sizeof(ed25519)));
	der_wrap(d, DER_SEQUENCE, end);
	return OK;
}

rc p11_key_spki(const struct p11_at *at, CK_OBJECT_HANDLE key, const struct digest *id,
		struct buf *out, struct fault *f)
{
	uint8_t mem[PKEY_SPKI_MAX];
	CK_OBJECT_HANDLE public = 0;
	CK_ULONG type;
	struct der d;
	size_t end;

	der_init(&d, mem, sizeof(mem));
	end = der_mark(&d);
	TRY(attribute_ulong(at, key, CKA_KEY_TYPE, &type, f));
	if (type != CKK_RSA)
		TRY(find_class(at, id, CKO_PUBLIC_KEY, &public, f));
	switch (type) {
	case CKK_RSA:
		TRY(rsa_spki(at, key, &d, f));
		break;
	case CKK_EC:
		TRY(ec_spki(at, public, &d, f));
		break;
	case CKK_EC_EDWARDS:
		TRY(ed25519_spki(at, public, &d, f));
		break;
	default:
		return fault_set(f, RC_UNSUPPORTED, 0, "token %s: key type 0x%lx", at->token, type);
	}
	der_wrap(&d, DER_SEQUENCE, end);
	return der_done(&d, out);
}

/* ---- Making ---------------------------------------------------------------------------------- */

struct kind {
	CK_MECHANISM_TYPE generate;
	CK_ULONG bits; /* RSA */
	const uint8_t *params;
	size_t params_len;
};

static const struct kind kinds[] = {
	[KEY_RSA3072] = {CKM_RSA_PKCS_KEY_PAIR_GEN, 3072, NULL, 0},
	[KEY_RSA4096] = {CKM_RSA_PKCS_KEY_PAIR_GEN, 4096, NULL, 0},
	[KEY_P256] = {CKM_EC_KEY_PAIR_GEN, 0, p256, sizeof(p256)},
	[KEY_P384] = {CKM_EC_KEY_PAIR_GEN, 0, p384, sizeof(p384)},
	[KEY_ED25519] = {CKM_EC_EDWARDS_KEY_PAIR_GEN, 0, ed25519, sizeof(ed25519)},
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == KEY_ALG_COUNT, "one row per algorithm");

static CK_RV generate(const struct p11_at *at, const struct kind *k, const struct digest *id)
{
	static const uint8_t f4[] = {0x01, 0x00, 0x01};
	char label[sizeof("greatseal-") + 16];
	CK_MECHANISM mech = {k->generate, NULL, 0};
	CK_OBJECT_HANDLE public;
	CK_OBJECT_HANDLE private;
	size_t n;

	memcpy(label, "greatseal-", sizeof("greatseal-"));
	hex_encode(view_of(id->b, 8), label + strlen(label));
	n = strlen(label);
	CK_ATTRIBUTE public_template[] = {
		FLAG(CKA_TOKEN, yes),
		FLAG(CKA_PRIVATE, no),
		FLAG(CKA_VERIFY, yes),
		ATTRIBUTE(CKA_ID, id->b, DIGEST_SIZE),
		ATTRIBUTE(CKA_LABEL, label, n),
		ATTRIBUTE(CKA_EC_PARAMS, k->params, k->params_len),
		ATTRIBUTE(CKA_PUBLIC_EXPONENT, f4, sizeof(f4)),
	};
	CK_ATTRIBUTE private_template[] = {
		FLAG(CKA_TOKEN, yes),
		FLAG(CKA_PRIVATE, yes),
		FLAG(CKA_SENSITIVE, yes),
		FLAG(CKA_EXTRACTABLE, no),
		FLAG(CKA_SIGN, yes),
		FLAG(CKA_DECRYPT, no),
		FLAG(CKA_UNWRAP, no),
		ATTRIBUTE(CKA_ID, id->b, DIGEST_SIZE),
		ATTRIBUTE(CKA_LABEL, label, n),
	};
	CK_ULONG public_count = 6;

	if (k->bits != 0) {
		public_template[5] = ATTRIBUTE(CKA_MODULUS_BITS, &k->bits, sizeof(k->bits));
		public_count = 7;
	}
	return at->fn->C_GenerateKeyPair(
		at->session, &mech, public_template, public_count, private_template,
		sizeof(private_template) / sizeof(private_template[0]), &public, &private);
}

rc p11_key_generate(const struct p11_at *at, const struct token_wish *w, struct fault *f)
{
	struct kind k = kinds[w->alg];
	CK_RV rv = generate(at, &k, &w->id);

	if (w->alg == KEY_ED25519 && p11_meaning(rv) == P11_UNSUPPORTED &&
	    rv != CKR_MECHANISM_INVALID) {
		k.params = ed25519_name;
		k.params_len = sizeof(ed25519_name);
		rv = generate(at, &k, &w->id);
	}
	return p11_result(rv, at->token, "C_GenerateKeyPair", f);
}

rc p11_key_destroy(const struct p11_at *at, const struct digest *id, struct fault *f)
{
	const CK_ATTRIBUTE pattern[] = {
		ATTRIBUTE(CKA_ID, id->b, DIGEST_SIZE),
		FLAG(CKA_TOKEN, yes),
	};
	CK_OBJECT_HANDLE found[8];
	CK_ULONG n;

	TRY(search(at, pattern, 2, found, 8, &n, f));
	for (CK_ULONG i = 0; i < n; i++)
		TRY(p11_result(at->fn->C_DestroyObject(at->session, found[i]), at->token,
			       "C_DestroyObject", f));
	return OK;
}

/* ---- Signing --------------------------------------------------------------------------------- */

/* DigestInfo without the digest (RFC 8017 9.2, note 1). */
static const uint8_t info_sha256[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
static const uint8_t info_sha384[] = {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				      0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30};
static const uint8_t info_sha512[] = {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				      0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40};
#define INFO_LEN sizeof(info_sha256)

static const uint8_t *digest_info(enum hash_alg alg)
{
	switch (alg) {
	case HASH_SHA256:
		return info_sha256;
	case HASH_SHA384:
		return info_sha384;
	case HASH_SHA512:
		return info_sha512;
	}
	return info_sha256;
}

static rc put_signature(const struct p11_at *at, enum sign_scheme scheme, struct view raw,
			struct buf *out, struct fault *f)
{
	uint8_t mem[128];
	struct der d;
	size_t end;

	if (scheme != SIGN_ECDSA) {
		buf_put_view(out, raw);
		return buf_done(out);
	}
	if (raw.len == 0 || raw.len % 2 != 0 || raw.len > 96)
		return fault_set(f, RC_CRYPTO, 0, "token %s: ECDSA signature of %zu bytes",
				 at->token, raw.len);
	der_init(&d, mem, sizeof(mem));
	end = der_mark(&d);
	put_integer(&d, view_of(raw.ptr + raw.len / 2, raw.len / 2));
	put_integer(&d, view_of(raw.ptr, raw.len / 2));
	der_wrap(&d, DER_SEQUENCE, end);
	return der_done(&d, out);
}

rc p11_key_sign(const struct p11_at *at, CK_OBJECT_HANDLE key, const struct sign_input *in,
		struct buf *out, struct fault *f)
{
	uint8_t info[INFO_LEN + HASH_MAX_SIZE];
	uint8_t sig[PKEY_SIGNATURE_MAX];
	CK_ULONG sig_len = sizeof(sig);
	CK_MECHANISM mech = {0};
	struct view data = in->input;

	switch (in->scheme) {
	case SIGN_RSA_PKCS1:
		mech.mechanism = CKM_RSA_PKCS;
		memcpy(info, digest_info(in->hash), INFO_LEN);
		memcpy(info + INFO_LEN, in->input.ptr, in->input.len);
		data = view_of(info, INFO_LEN + in->input.len);
		break;
	case SIGN_ECDSA:
		mech.mechanism = CKM_ECDSA;
		break;
	case SIGN_ED25519:
		mech.mechanism = CKM_EDDSA;
		break;
	}
	TRY(p11_result(at->fn->C_SignInit(at->session, &mech, key), at->token, "C_SignInit", f));
	TRY(p11_result(at->fn->C_Sign(at->session, (CK_BYTE *)(uintptr_t)data.ptr, data.len, sig,
				      &sig_len),
		       at->token, "C_Sign", f));
	if (sig_len > sizeof(sig))
		return fault_set(f, RC_CRYPTO, 0, "token %s: signature of %lu bytes", at->token,
				 sig_len);
	return put_signature(at, in->scheme, view_of(sig, sig_len), out, f);
}
