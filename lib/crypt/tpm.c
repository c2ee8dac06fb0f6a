/* Purpose: see tpm.h. Sections are those of the TPM 2.0 Library Specification, Part 2,
 * revision 1.59. */
#include "lib/crypt/tpm.h"

#include <string.h>

#include "lib/codec/der.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"

/* 6.3: TPM_ALG_ID; 6.4: TPM_ECC_CURVE; 6.2 and 6.9: what a TPM begins its statements with. */
enum {
	ALG_RSA = 0x0001,
	ALG_AES = 0x0006,
	ALG_SHA256 = 0x000b,
	ALG_NULL = 0x0010,
	ALG_ECDSA = 0x0018,
	ALG_ECC = 0x0023,
	ALG_CFB = 0x0043,
	CURVE_P256 = 0x0003,
	ST_ATTEST_CERTIFY = 0x8017,
};
#define GENERATED 0xff544347u

/* 8.3: TPMA_OBJECT */
enum {
	FIXED_TPM = 1 << 1,
	FIXED_PARENT = 1 << 4,
	SENSITIVE_DATA_ORIGIN = 1 << 5,
	USER_WITH_AUTH = 1 << 6,
	ADMIN_WITH_POLICY = 1 << 7,
	NO_DA = 1 << 10,
	RESTRICTED = 1 << 16,
	DECRYPT = 1 << 17,
	SIGN_ENCRYPT = 1 << 18,
};
#define BOUND (FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN)
#define USAGE (RESTRICTED | DECRYPT | SIGN_ENCRYPT)
/* How its use is authorised is the host's own affair. */
#define EITHER (USER_WITH_AUTH | ADMIN_WITH_POLICY | NO_DA)

static const struct role {
	const char *name;
	uint16_t alg;
	uint32_t usage;
} roles[] = {
	[TPM_ENDORSEMENT] = {"endorsement key", ALG_RSA, RESTRICTED | DECRYPT},
	[TPM_ATTESTATION] = {"attestation key", ALG_ECC, RESTRICTED | SIGN_ENCRYPT},
	[TPM_IDENTITY] = {"identity key", ALG_ECC, SIGN_ENCRYPT},
};

/* TPM2B: a length in two bytes, big-endian. */
static rc take_sized(struct view *v, size_t max, struct view *ret)
{
	uint16_t len;

	TRY(view_u16be(v, &len));
	if (len > max)
		return RC(RC_LIMIT);
	return view_take(v, len, ret);
}

static rc expect_u16(struct view *v, uint16_t want)
{
	uint16_t have;

	TRY(view_u16be(v, &have));
	return have == want ? OK : RC(RC_UNSUPPORTED);
}

static rc take_coordinate(struct view *v, struct view *ret)
{
	TRY(take_sized(v, 32, ret));
	/* Leading zeros are not left out (Part 1, C.8). */
	return ret->len == 32 ? OK : RC(RC_UNSUPPORTED);
}

/* 12.2.3.5: symmetric algorithm, scheme, size, exponent (0: 65537); then the modulus. */
static rc take_rsa(struct view *v, struct tpm_public *p)
{
	uint32_t exponent;

	TRY(expect_u16(v, ALG_AES));
	TRY(expect_u16(v, 128));
	TRY(expect_u16(v, ALG_CFB));
	TRY(expect_u16(v, ALG_NULL));
	TRY(expect_u16(v, 2048));
	TRY(view_u32be(v, &exponent));
	if (exponent != 0 && exponent != 65537)
		return RC(RC_UNSUPPORTED);
	TRY(take_sized(v, 256, &p->modulus));
	return p->modulus.len == 256 && p->modulus.ptr[0] >= 0x80 ? OK : RC(RC_UNSUPPORTED);
}

/* 12.2.3.6: symmetric algorithm, scheme, curve, key derivation; then the point. A restricted key
 * has its scheme; another may leave it open. */
static rc take_ecc(struct view *v, struct tpm_public *p)
{
	uint16_t scheme;

	TRY(expect_u16(v, ALG_NULL));
	TRY(view_u16be(v, &scheme));
	if (scheme == ALG_ECDSA)
		TRY(expect_u16(v, ALG_SHA256));
	else if (scheme != ALG_NULL || p->role == TPM_ATTESTATION)
		return RC(RC_UNSUPPORTED);
	TRY(expect_u16(v, CURVE_P256));
	TRY(expect_u16(v, ALG_NULL));
	TRY(take_coordinate(v, &p->x));
	return take_coordinate(v, &p->y);
}

static rc check_attributes(uint32_t have, const struct role *role, struct fault *f)
{
	if ((have & BOUND) != BOUND)
		return fault_set(f, RC_DENIED, 0,
				 "%s: was not made in the TPM or can leave it (attributes %08x)",
				 role->name, have);
	if ((have & USAGE) != role->usage || (have & ~(uint32_t)(BOUND | USAGE | EITHER)) != 0)
		return fault_set(f, RC_DENIED, 0, "%s: has other uses (attributes %08x)",
				 role->name, have);
	return OK;
}

/* 12.2.4: TPMT_PUBLIC */
static rc read_public(struct view area, const struct role *role, struct tpm_public *p,
		      struct fault *f)
{
	struct view v = area;
	struct view policy;
	uint32_t attributes;

	TRY(expect_u16(&v, role->alg));
	TRY(expect_u16(&v, ALG_SHA256));
	TRY(view_u32be(&v, &attributes));
	TRY(check_attributes(attributes, role, f));
	TRY(take_sized(&v, DIGEST_SIZE, &policy));
	if (role->alg == ALG_RSA)
		TRY(take_rsa(&v, p));
	else
		TRY(take_ecc(&v, p));
	return view_end(&v);
}

static void object_name(struct view area, uint8_t name[TPM_NAME])
{
	struct digest d = digest_of(area);

	name[0] = ALG_SHA256 >> 8;
	name[1] = ALG_SHA256 & 0xff;
	memcpy(name + 2, d.b, sizeof(d.b));
}

rc tpm_public_parse(struct view tpm2b, enum tpm_role role, struct tpm_public *ret, struct fault *f)
{
	struct tpm_public p = {.role = role};
	struct view area;
	rc r = take_sized(&tpm2b, TPM_PUBLIC_MAX, &area);

	if (rc_is_ok(r))
		r = view_end(&tpm2b);
	if (rc_is_ok(r))
		r = read_public(area, &roles[role], &p, f);
	if (r.code == RC_DENIED)
		return r;
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "%s: %s (TPM2B_PUBLIC)", roles[role].name,
				 rc_name(r));
	object_name(area, p.name);
	*ret = p;
	return OK;
}

rc tpm_public_spki(const struct tpm_public *p, struct buf *out)
{
	/* RFC 5480 2: SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING }, up to the
	 * point. */
	static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
				       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
				       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

	if (p->role == TPM_ENDORSEMENT)
		return RC(RC_USAGE);
	buf_put(out, head, sizeof(head));
	buf_put_view(out, p->x);
	buf_put_view(out, p->y);
	return buf_done(out);
}

/* INTEGER from big-endian bytes without a sign. */
static void put_unsigned(struct der *d, struct view n)
{
	uint8_t mem[33] = {0};
	size_t skip = 0;

	while (skip < n.len && n.ptr[skip] == 0)
		skip++;
	memcpy(mem + 1, n.ptr + skip, n.len - skip);
	skip = n.len - skip;
	if (skip > 0 && mem[1] < 0x80)
		der_put(d, DER_INTEGER, view_of(mem + 1, skip));
	else
		der_put(d, DER_INTEGER, view_of(mem, skip + 1));
}

/* 11.3.4: TPMT_SIGNATURE of ECDSA, its numbers without leading zeros or with; as ECDSA-Sig-Value.
 */
static rc read_signature(struct view sig, struct buf *out, struct fault *f)
{
	uint8_t mem[80];
	struct view r;
	struct view s;
	struct der d;
	size_t end;

	if (!rc_is_ok(expect_u16(&sig, ALG_ECDSA)) || !rc_is_ok(expect_u16(&sig, ALG_SHA256)))
		return fault_set(f, RC_UNSUPPORTED, 0, "signature: is not ECDSA with SHA-256");
	if (!rc_is_ok(take_sized(&sig, 32, &r)) || !rc_is_ok(take_sized(&sig, 32, &s)))
		return fault_set(f, RC_TRUNCATED, 0, "signature: form (TPMT_SIGNATURE)");
	if (sig.len > 0)
		return fault_set(f, RC_TRAILING, 0, "signature: bytes after it (TPMT_SIGNATURE)");
	der_init(&d, mem, sizeof(mem));
	end = der_mark(&d);
	put_unsigned(&d, s);
	put_unsigned(&d, r);
	der_wrap(&d, DER_SEQUENCE, end);
	return der_done(&d, out);
}

static rc verify_signature(const struct tpm_public *ak, struct view attest, struct view der,
			   struct fault *f)
{
	struct digest hash = digest_of(attest);
	const struct sign_input in = {
		.scheme = SIGN_ECDSA, .hash = HASH_SHA256, .input = digest_view(&hash)};
	AUTO(pkey) struct pkey *key = NULL;
	uint8_t mem[128];
	struct buf spki;

	buf_init_fixed(&spki, mem, sizeof(mem));
	TRY(tpm_public_spki(ak, &spki));
	TRY(pkey_from_spki(buf_view(&spki), &key, f));
	return pkey_verify(key, &in, der, f);
}

/* 10.12.12: TPMS_ATTEST; 10.12.3: TPMS_CERTIFY_INFO. Clock and firmware are not looked at. */
static rc read_attest(const struct tpm_public *of, const struct tpm_certification *c,
		      struct fault *f)
{
	struct view v = c->attest;
	struct view signer;
	struct view extra;
	struct view name;
	struct view qualified;
	uint32_t magic;
	uint16_t type;

	TRY(view_u32be(&v, &magic));
	if (magic != GENERATED)
		return fault_set(f, RC_MISMATCH, 0, "attestation: a TPM did not make it");
	TRY(view_u16be(&v, &type));
	if (type != ST_ATTEST_CERTIFY)
		return fault_set(f, RC_MISMATCH, 0, "attestation: type %04x is not a certification",
				 type);
	TRY(take_sized(&v, 68, &signer));
	TRY(take_sized(&v, 64, &extra));
	TRY(view_skip(&v, 17 + 8));
	TRY(take_sized(&v, 68, &name));
	TRY(take_sized(&v, 68, &qualified));
	TRY(view_end(&v));
	if (c->qualifying.len == 0 || !view_is_equal(extra, c->qualifying))
		return fault_set(f, RC_MISMATCH, 0,
				 "attestation: was made for something else (qualifyingData)");
	if (!view_is_equal(name, view_of(of->name, sizeof(of->name))))
		return fault_set(f, RC_MISMATCH, 0, "attestation: is about another key");
	return OK;
}

rc tpm_certification_verify(const struct tpm_public *ak, const struct tpm_public *of,
			    const struct tpm_certification *c, struct fault *f)
{
	uint8_t mem[80];
	struct fault form = {0};
	struct buf der;
	rc r;

	if (ak->role != TPM_ATTESTATION)
		return fault_set(f, RC_USAGE, 0, "attestation: not by an attestation key");
	buf_init_fixed(&der, mem, sizeof(mem));
	TRY(read_signature(c->signature, &der, f));
	TRY(verify_signature(ak, c->attest, buf_view(&der), f));
	r = read_attest(of, c, &form);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "%s",
				 form.code != RC_OK ? form.text
						    : "attestation: form (TPMS_ATTEST)");
	return OK;
}
