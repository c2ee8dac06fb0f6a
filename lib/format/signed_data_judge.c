/* signed_data_judge - certificate, algorithm, signature, path; see signed_data_file.h. */
#include <string.h>

#include "lib/codec/der.h"
#include "lib/format/oid_tbs.h"
#include "lib/format/signed_data_file.h"

/* Appending to what an attacker wrote: the attributes as signed have the tag of SET (RFC 5652 5.4).
 */
static rc as_signed(const struct signed_object *o, struct buf *out)
{
	buf_put_u8(out, DER_SET);
	buf_put(out, o->attributes.ptr + 1, o->attributes.len - 1);
	return buf_done(out);
}

static rc find_leaf(const struct signed_object *o, struct x509 *ret, size_t *ret_index,
		    struct fault *f)
{
	bool found = false;
	struct x509 c;

	for (size_t i = 0; i < o->cert_count; i++) {
		TRY(x509_parse(o->certs[i], &c, f));
		if (!view_is_equal(c.issuer, o->issuer) || !view_is_equal(c.serial, o->serial))
			continue;
		if (found)
			return fault_set(f, RC_DUPLICATE, 0,
					 "signed data: two certificates fit the signer's name");
		found = true;
		*ret = c;
		*ret_index = i;
	}
	if (!found)
		return fault_set(f, RC_NOTFOUND, 0,
				 "signed data: the signer's certificate is not included");
	return OK;
}

/* ESSCertIDv2 ::= SEQUENCE { hashAlgorithm DEFAULT sha256, certHash, issuerSerial OPTIONAL } */
static rc check_ess(const struct signed_object *o, const struct x509 *leaf, struct fault *f)
{
	struct view v = o->ess_cert;
	enum hash_alg alg = HASH_SHA256;
	struct view name;
	struct view oid;
	struct view hash;
	struct hash ours;

	if (v.len == 0)
		return OK;
	if (der_is_next(v, DER_SEQUENCE)) {
		if (!rc_is_ok(der_body(&v, DER_SEQUENCE, &name)) || !rc_is_ok(der_oid(&name, &oid)))
			return fault_set(f, RC_SYNTAX, 0, "signed data: ESSCertIDv2 hashAlgorithm");
		if (view_is_equal(oid, OID(OID_SHA384)))
			alg = HASH_SHA384;
		else if (view_is_equal(oid, OID(OID_SHA512)))
			alg = HASH_SHA512;
		else
			return fault_set(
				f, RC_UNSUPPORTED, 0,
				"signed data: ESSCertIDv2 hash is neither SHA-384 nor SHA-512");
	}
	if (!rc_is_ok(der_body(&v, DER_OCTET_STRING, &hash)))
		return fault_set(f, RC_SYNTAX, 0, "signed data: ESSCertIDv2 certHash");
	ours = hash_of(alg, leaf->der);
	if (!view_is_equal(hash, hash_view(&ours)))
		return fault_set(f, RC_MISMATCH, 0,
				 "signed data: signing-certificate-v2 names another certificate");
	return OK;
}

static struct view rsa_with(enum hash_alg alg)
{
	switch (alg) {
	case HASH_SHA256:
		return OID(OID_RSA_SHA256);
	case HASH_SHA384:
		return OID(OID_RSA_SHA384);
	case HASH_SHA512:
		return OID(OID_RSA_SHA512);
	}
	return view_of(NULL, 0);
}

static struct view ecdsa_with(enum hash_alg alg)
{
	switch (alg) {
	case HASH_SHA256:
		return OID(OID_ECDSA_SHA256);
	case HASH_SHA384:
		return OID(OID_ECDSA_SHA384);
	case HASH_SHA512:
		return OID(OID_ECDSA_SHA512);
	}
	return view_of(NULL, 0);
}

/* The algorithm must be the one of this key with this digest, and nothing else. */
static rc check_algorithm(const struct signed_object *o, enum key_alg key, struct fault *f)
{
	struct view v = o->signature_alg;
	struct view body = {0};
	struct view oid = {0};
	bool good = rc_is_ok(der_body(&v, DER_SEQUENCE, &body)) && rc_is_ok(der_oid(&body, &oid));

	switch (key_alg_scheme(key)) {
	case SIGN_RSA_PKCS1:
		good = good &&
		       (view_is_equal(oid, OID(OID_RSA)) ||
			view_is_equal(oid, rsa_with(o->hash))) &&
		       rc_is_ok(der_null(&body)) && body.len == 0;
		break;
	case SIGN_ECDSA:
		good = good && view_is_equal(oid, ecdsa_with(o->hash)) && body.len == 0;
		break;
	case SIGN_ED25519: /* RFC 8419 3.1: with SHA-512 */
		good = good && view_is_equal(oid, OID(OID_ED25519)) && body.len == 0;
		break;
	}
	if (!good || !key_alg_permits(key, o->hash))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "signed data: signature algorithm does not fit an %s key with %s",
				 key_alg_name(key), hash_name(o->hash));
	return OK;
}

static rc check_signature(const struct signed_object *o, const struct pkey *key, struct fault *f)
{
	AUTO(buf) struct buf attributes = {0};
	struct sign_input in = {.scheme = key_alg_scheme(pkey_alg(key)), .hash = o->hash};
	struct hash h;

	buf_init(&attributes, FILE_OBJECT_MAX);
	TRY(check_algorithm(o, pkey_alg(key), f));
	TRY(as_signed(o, &attributes));
	in.input = buf_view(&attributes);
	if (in.scheme != SIGN_ED25519) {
		h = hash_of(o->hash, buf_view(&attributes));
		in.input = hash_view(&h);
	}
	return pkey_verify(key, &in, o->signature, f);
}

static rc check_time(const struct signed_object *o, const struct x509 *leaf,
		     const struct verify_trust *t, struct fault *f)
{
	if (o->has_time && o->signing_time > t->when && o->signing_time - t->when > VERIFY_SKEW)
		return fault_set(f, RC_DENIED, 0, "signed data: the signing time is in the future");
	return x509_check_code_signing(leaf, o->has_time ? o->signing_time : t->when, f);
}

static rc check_path(const struct signed_object *o, size_t leaf, const struct verify_trust *t,
		     struct fault *f)
{
	const struct x509_path path = {
		.leaf = o->certs[leaf],
		.others = o->certs,
		.other_count = o->cert_count,
		.roots = t->roots,
		.root_count = t->root_count,
		.when = t->when,
	};

	return t->root_count == 0 ? OK : x509_path_verify(&path, f);
}

rc signed_object_judge(const struct signed_object *o, const struct verify_trust *t,
		       struct verify_report *ret, struct fault *f)
{
	AUTO(pkey) struct pkey *key = NULL;
	struct verify_report report = {.hash = o->hash, .has_time = o->has_time};
	struct x509 leaf;
	size_t index = 0;

	TRY(find_leaf(o, &leaf, &index, f));
	TRY(check_ess(o, &leaf, f));
	TRY(check_time(o, &leaf, t, f));
	TRY(pkey_from_spki(leaf.spki, &key, f));
	TRY(check_signature(o, key, f));
	TRY(check_path(o, index, t, f));
	report.key = pkey_alg(key);
	report.cert = digest_of(leaf.der);
	report.fingerprint = *pkey_fingerprint(key);
	report.signing_time = o->has_time ? o->signing_time : 0;
	report.trusted = t->root_count > 0;
	x509_name_text(leaf.subject, report.subject, sizeof(report.subject));
	x509_name_text(leaf.issuer, report.issuer, sizeof(report.issuer));
	*ret = report;
	return OK;
}
