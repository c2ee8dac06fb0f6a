/* x509 - taking a certificate apart (RFC 5280 4.1, 4.2). Section numbers are those of RFC 5280.
 * Must not own: judging it (x509_check.c), making it (x509_make.c). */
#include "lib/crypt/x509.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec/der.h"
#include "lib/codec/pem.h"

#define SERIAL_MAX 20 /* 4.1.2.2 */

static const uint8_t oid_key_usage[] = {0x55, 0x1d, 0x0f};
static const uint8_t oid_basic_constraints[] = {0x55, 0x1d, 0x13};
static const uint8_t oid_eku[] = {0x55, 0x1d, 0x25};
static const uint8_t oid_san[] = {0x55, 0x1d, 0x11};
static const uint8_t oid_client_auth[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};
static const uint8_t oid_code_signing[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03};
/* Critical extensions that path validation (OpenSSL) handles: name constraints, policies. */
static const uint8_t oid_name_constraints[] = {0x55, 0x1d, 0x1e};
static const uint8_t oid_policies[] = {0x55, 0x1d, 0x20};
static const uint8_t oid_policy_constraints[] = {0x55, 0x1d, 0x24};

#define IS(v, oid) view_is_equal(v, view_of(oid, sizeof(oid)))

/* Names the part that a DER function refused. */
static rc part(struct fault *f, rc r, const char *what)
{
	return rc_is_ok(r) ? OK : fault_set(f, r.code, 0, "certificate: %s", what);
}

/* 4.2.1.3: BIT STRING whose trailing zero bits are left out; only the first 9 bits are named. */
static rc read_key_usage(struct view v, struct x509 *c, struct fault *f)
{
	struct view body;
	uint16_t bits = 0;
	uint8_t unused;

	TRY(part(f, der_body(&v, DER_BIT_STRING, &body), "keyUsage (RFC 5280 4.2.1.3)"));
	TRY(part(f, view_end(&v), "bytes after keyUsage"));
	if (body.len < 2 || body.len > 3)
		return fault_set(f, RC_NONCANON, 0, "certificate: keyUsage of %zu bytes", body.len);
	unused = body.ptr[0];
	if (unused > 7 || (body.ptr[body.len - 1] & ((1U << unused) - 1)) != 0 ||
	    (body.ptr[body.len - 1] >> unused & 1) == 0)
		return fault_set(f, RC_NONCANON, 0, "certificate: keyUsage has trailing zero bits");
	for (unsigned i = 0; i < 9 && i / 8 + 1 < body.len; i++)
		if (body.ptr[1 + i / 8] & (0x80U >> i % 8))
			bits = (uint16_t)(bits | 1U << i);
	c->has_key_usage = true;
	c->key_usage = bits;
	return OK;
}

static rc read_basic_constraints(struct view v, struct x509 *c, struct fault *f)
{
	struct view body;
	uint64_t path_len;

	TRY(part(f, der_body(&v, DER_SEQUENCE, &body), "basicConstraints (RFC 5280 4.2.1.9)"));
	TRY(part(f, view_end(&v), "bytes after basicConstraints"));
	if (der_is_next(body, DER_BOOLEAN)) {
		TRY(part(f, der_bool(&body, &c->ca), "basicConstraints cA"));
		if (!c->ca)
			return fault_set(f, RC_NONCANON, 0,
					 "certificate: basicConstraints writes the default cA");
	}
	if (body.len > 0)
		TRY(part(f, der_uint(&body, 255, &path_len), "pathLenConstraint"));
	TRY(part(f, view_end(&body), "bytes in basicConstraints"));
	c->has_basic_constraints = true;
	return OK;
}

static rc read_eku(struct view v, struct x509 *c, struct fault *f)
{
	struct view body;
	struct view oid;

	TRY(part(f, der_body(&v, DER_SEQUENCE, &body), "extKeyUsage (RFC 5280 4.2.1.12)"));
	TRY(part(f, view_end(&v), "bytes after extKeyUsage"));
	do {
		TRY(part(f, der_oid(&body, &oid), "extKeyUsage purpose"));
		c->eku_code_signing |= IS(oid, oid_code_signing);
		c->eku_client_auth |= IS(oid, oid_client_auth);
	} while (body.len > 0);
	c->has_eku = true;
	return OK;
}

static rc read_extension(struct view body, struct view *ret_oid, struct x509 *c, struct fault *f)
{
	bool critical = false;
	struct view value;

	TRY(part(f, der_oid(&body, ret_oid), "extension id (RFC 5280 4.2)"));
	if (der_is_next(body, DER_BOOLEAN)) {
		TRY(part(f, der_bool(&body, &critical), "extension criticality"));
		if (!critical)
			return fault_set(f, RC_NONCANON, 0,
					 "certificate: an extension writes the default critical");
	}
	TRY(part(f, der_body(&body, DER_OCTET_STRING, &value), "extension value"));
	TRY(part(f, view_end(&body), "bytes after an extension value"));
	if (IS(*ret_oid, oid_key_usage))
		return read_key_usage(value, c, f);
	if (IS(*ret_oid, oid_basic_constraints))
		return read_basic_constraints(value, c, f);
	if (IS(*ret_oid, oid_eku))
		return read_eku(value, c, f);
	if (IS(*ret_oid, oid_san)) {
		c->san = value; /* critical where there is no subject (4.2.1.6) */
		return OK;
	}
	if (critical && !IS(*ret_oid, oid_name_constraints) && !IS(*ret_oid, oid_policies) &&
	    !IS(*ret_oid, oid_policy_constraints))
		c->unknown_critical = true;
	return OK;
}

static rc read_extensions(struct view v, struct x509 *c, struct fault *f)
{
	struct view seen[X509_EXTENSIONS_MAX];
	struct view list;
	struct view one;
	size_t n = 0;

	TRY(part(f, der_body(&v, DER_SEQUENCE, &list), "extensions (RFC 5280 4.1.2.9)"));
	TRY(part(f, view_end(&v), "bytes after the extensions"));
	do {
		if (n == X509_EXTENSIONS_MAX)
			return fault_set(f, RC_LIMIT, 0, "certificate: more than %d extensions",
					 X509_EXTENSIONS_MAX);
		TRY(part(f, der_body(&list, DER_SEQUENCE, &one), "extension"));
		TRY(read_extension(one, &seen[n], c, f));
		for (size_t i = 0; i < n; i++)
			if (view_is_equal(seen[i], seen[n]))
				return fault_set(
					f, RC_DUPLICATE, 0,
					"certificate: an extension appears twice (RFC 5280 4.2)");
		n++;
	} while (list.len > 0);
	return OK;
}

static rc read_serial(struct view *v, struct x509 *c, struct fault *f)
{
	struct view at = *v;
	struct view body;

	TRY(part(f, der_integer(v, &body), "serialNumber (RFC 5280 4.1.2.2)"));
	c->serial = view_of(at.ptr, at.len - v->len);
	if (body.len > SERIAL_MAX || body.ptr[0] >= 0x80 || (body.len == 1 && body.ptr[0] == 0))
		return fault_set(f, RC_RANGE, 0,
				 "certificate: serialNumber of %zu octets; 1..20 and positive "
				 "(RFC 5280 4.1.2.2)",
				 body.len);
	return OK;
}

static rc read_validity(struct view *v, struct x509 *c, struct fault *f)
{
	struct view body;

	TRY(part(f, der_body(v, DER_SEQUENCE, &body), "validity (RFC 5280 4.1.2.5)"));
	TRY(part(f, der_time(&body, &c->not_before), "notBefore"));
	TRY(part(f, der_time(&body, &c->not_after), "notAfter"));
	TRY(part(f, view_end(&body), "bytes after notAfter"));
	if (c->not_after < c->not_before)
		return fault_set(f, RC_RANGE, 0, "certificate: notAfter is before notBefore");
	return OK;
}

static rc read_version(struct view *v, struct fault *f)
{
	struct view body;
	uint64_t version;
	bool present;

	TRY(part(f, der_optional(v, DER_CONTEXT_CONSTRUCTED(0), &body, &present), "version"));
	if (!present)
		return fault_set(f, RC_UNSUPPORTED, 0, "certificate: version 1; v3 is needed");
	TRY(part(f, der_uint(&body, 255, &version), "version"));
	TRY(part(f, view_end(&body), "bytes after the version"));
	if (version != 2)
		return fault_set(f, RC_UNSUPPORTED, 0, "certificate: version %u; v3 is needed",
				 (unsigned)version + 1);
	return OK;
}

static rc read_tbs(struct view v, struct x509 *c, struct fault *f)
{
	struct view body;
	struct view inner_alg;
	bool present;

	TRY(read_version(&v, f));
	TRY(read_serial(&v, c, f));
	TRY(part(f, der_full(&v, DER_SEQUENCE, &inner_alg), "signature (RFC 5280 4.1.2.3)"));
	if (!view_is_equal(inner_alg, c->sig_alg))
		return fault_set(f, RC_MISMATCH, 0,
				 "certificate: inner and outer signature algorithm differ "
				 "(RFC 5280 4.1.1.2)");
	TRY(part(f, der_full(&v, DER_SEQUENCE, &c->issuer), "issuer (RFC 5280 4.1.2.4)"));
	TRY(read_validity(&v, c, f));
	TRY(part(f, der_full(&v, DER_SEQUENCE, &c->subject), "subject (RFC 5280 4.1.2.6)"));
	TRY(part(f, der_full(&v, DER_SEQUENCE, &c->spki), "subjectPublicKeyInfo"));
	TRY(part(f, der_optional(&v, DER_CONTEXT(1), &body, &present), "issuerUniqueID"));
	TRY(part(f, der_optional(&v, DER_CONTEXT(2), &body, &present), "subjectUniqueID"));
	TRY(part(f, der_optional(&v, DER_CONTEXT_CONSTRUCTED(3), &body, &present), "extensions"));
	if (present)
		TRY(read_extensions(body, c, f));
	return part(f, view_end(&v), "bytes after the extensions");
}

rc x509_parse(struct view der, struct x509 *ret, struct fault *f)
{
	struct x509 c = {.der = der};
	struct view v = der;
	struct view body;
	struct view tbs;

	if (der.len > X509_DER_MAX)
		return fault_set(f, RC_LIMIT, 0, "certificate: %zu bytes, at most %d", der.len,
				 X509_DER_MAX);
	TRY(part(f, der_body(&v, DER_SEQUENCE, &body), "outer SEQUENCE (RFC 5280 4.1)"));
	TRY(part(f, view_end(&v), "bytes after the certificate"));
	TRY(part(f, der_full(&body, DER_SEQUENCE, &c.tbs), "tbsCertificate"));
	TRY(part(f, der_full(&body, DER_SEQUENCE, &c.sig_alg), "signatureAlgorithm"));
	TRY(part(f, der_bits(&body, &c.signature), "signatureValue"));
	TRY(part(f, view_end(&body), "bytes after the signatureValue"));
	v = c.tbs;
	TRY(part(f, der_body(&v, DER_SEQUENCE, &tbs), "tbsCertificate"));
	TRY(read_tbs(tbs, &c, f));
	*ret = c;
	return OK;
}

static const char *attribute_name(struct view oid)
{
	static const struct {
		uint8_t arc; /* 2.5.4.arc */
		const char *name;
	} known[] = {{3, "CN"}, {6, "C"}, {7, "L"}, {8, "ST"}, {10, "O"}, {11, "OU"}};

	if (oid.len == 3 && oid.ptr[0] == 0x55 && oid.ptr[1] == 0x04)
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (known[i].arc == oid.ptr[2])
				return known[i].name;
	return "?";
}

/* One AttributeTypeAndValue; false if it does not read. */
static bool name_part(struct view *rdn, struct buf *out)
{
	struct view pair;
	struct view oid;
	struct der_tlv value;

	if (!rc_is_ok(der_body(rdn, DER_SEQUENCE, &pair)) || !rc_is_ok(der_oid(&pair, &oid)) ||
	    !rc_is_ok(der_any(&pair, &value)))
		return false;
	if (out->len > 0)
		buf_put_str(out, ", ");
	buf_put_str(out, attribute_name(oid));
	buf_put_str(out, "=");
	for (size_t i = 0; i < value.body.len; i++) {
		uint8_t b = value.body.ptr[i];

		buf_put_u8(out, b >= 0x20 && b <= 0x7e ? b : '?');
	}
	return true;
}

void x509_name_text(struct view name, char *out, size_t cap)
{
	uint8_t mem[512];
	struct buf text;
	struct view rdns;
	struct view rdn;
	bool good = rc_is_ok(der_body(&name, DER_SEQUENCE, &rdns));

	/* A name that does not fit is cut where buf stopped taking parts. */
	buf_init_fixed(&text, mem, sizeof(mem));
	while (good && rdns.len > 0) {
		good = rc_is_ok(der_body(&rdns, DER_SET, &rdn));
		while (good && rdn.len > 0)
			good = name_part(&rdn, &text);
	}
	(void)snprintf(out, cap, "%.*s", (int)text.len, (const char *)mem);
}

void x509_chain_release(struct x509_chain *c)
{
	buf_release(&c->bytes);
	c->count = 0;
}

/* Empty lines are skipped, CRLF becomes LF. */
static void normalise(struct view in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		bool line_start = out->len == 0 || out->ptr[out->len - 1] == '\n';

		if (in.ptr[i] == '\r' && i + 1 < in.len && in.ptr[i + 1] == '\n')
			continue;
		if (in.ptr[i] == '\n' && line_start)
			continue;
		buf_put_u8(out, in.ptr[i]);
	}
	if (out->len > 0 && out->ptr[out->len - 1] != '\n')
		buf_put_u8(out, '\n');
}

static rc decode_pem(struct view text, struct buf *out, struct fault *f)
{
	static const struct pem_kind kind = {.label = "CERTIFICATE", .columns = PEM_COLUMNS};
	AUTO(buf) struct buf lines = {0};
	struct view rest;

	buf_init(&lines, (size_t)X509_CHAIN_MAX * X509_DER_MAX * 2);
	normalise(text, &lines);
	TRY(buf_done(&lines));
	rest = buf_view(&lines);
	do {
		TRY(pem_next(&kind, &rest, out, f));
	} while (rest.len > 0);
	return OK;
}

/* Splits bytes into certificates. */
static rc split(struct x509_chain *c, struct fault *f)
{
	struct view rest = buf_view(&c->bytes);
	struct x509 parsed;

	while (rest.len > 0) {
		if (c->count == X509_CHAIN_MAX)
			return fault_set(f, RC_LIMIT, 0, "chain: more than %d certificates",
					 X509_CHAIN_MAX);
		TRY(part(f, der_full(&rest, DER_SEQUENCE, &c->der[c->count]), "outer SEQUENCE"));
		TRY(x509_parse(c->der[c->count], &parsed, f));
		c->count++;
	}
	if (c->count == 0)
		return fault_set(f, RC_SYNTAX, 0, "chain: no certificate");
	return OK;
}

rc x509_chain_read(struct view in, struct x509_chain *ret, struct fault *f)
{
	struct x509_chain c = {.count = 0};
	rc r = OK;

	buf_init(&c.bytes, (size_t)X509_CHAIN_MAX * X509_DER_MAX);
	if (der_is_next(in, DER_SEQUENCE))
		buf_put_view(&c.bytes, in);
	else
		r = decode_pem(in, &c.bytes, f);
	if (rc_is_ok(r))
		r = part(f, buf_done(&c.bytes), "chain too large");
	if (rc_is_ok(r))
		r = split(&c, f);
	if (rc_is_ok(r))
		*ret = c;
	else
		x509_chain_release(&c);
	return r;
}
