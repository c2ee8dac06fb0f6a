/* signed_data_file - reading SignedData; see signed_data_file.h. Section numbers: RFC 5652. */
#include "lib/format/signed_data_file.h"

#include "lib/codec/der.h"
#include "lib/format/oid_tbs.h"

#define ATTRIBUTES_MAX 32

static rc part(struct fault *f, rc r, const char *what)
{
	return rc_is_ok(r) ? OK : fault_set(f, r.code, 0, "signed data: %s", what);
}

/* Digest AlgorithmIdentifier: parameters absent or NULL (RFC 5754 2). */
static rc read_digest_alg(struct view *v, enum hash_alg *ret, struct fault *f)
{
	struct view body;
	struct view oid;

	TRY(part(f, der_body(v, DER_SEQUENCE, &body), "digest algorithm (RFC 5652 10.1.1)"));
	TRY(part(f, der_oid(&body, &oid), "digest algorithm"));
	if (body.len > 0)
		TRY(part(f, der_null(&body), "digest algorithm parameters"));
	TRY(part(f, view_end(&body), "bytes after the digest algorithm"));
	if (view_is_equal(oid, OID(OID_SHA256)))
		*ret = HASH_SHA256;
	else if (view_is_equal(oid, OID(OID_SHA384)))
		*ret = HASH_SHA384;
	else if (view_is_equal(oid, OID(OID_SHA512)))
		*ret = HASH_SHA512;
	else
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "signed data: digest is none of SHA-256, SHA-384, SHA-512");
	return OK;
}

static rc read_content(struct view *v, struct signed_object *o, struct fault *f)
{
	struct der_tlv inner;
	struct view body;
	struct view content;
	bool present;

	TRY(part(f, der_body(v, DER_SEQUENCE, &body), "encapContentInfo (RFC 5652 5.2)"));
	TRY(part(f, der_oid(&body, &o->content_type), "eContentType"));
	TRY(part(f, der_optional(&body, DER_CONTEXT_CONSTRUCTED(0), &content, &present),
		 "eContent"));
	TRY(part(f, view_end(&body), "bytes after eContent"));
	if (!present)
		return OK;
	TRY(part(f, der_any(&content, &inner), "eContent"));
	TRY(part(f, view_end(&content), "bytes after eContent"));
	o->econtent = inner.full;
	return OK;
}

static rc read_certificates(struct view *v, struct signed_object *o, struct fault *f)
{
	struct view list;
	bool present;

	TRY(part(f, der_optional(v, DER_CONTEXT_CONSTRUCTED(0), &list, &present), "certificates"));
	while (present && list.len > 0) {
		if (o->cert_count == SIGNED_DATA_CERTS_MAX)
			return fault_set(f, RC_LIMIT, 0, "signed data: more than %d certificates",
					 SIGNED_DATA_CERTS_MAX);
		TRY(part(f, der_full(&list, DER_SEQUENCE, &o->certs[o->cert_count]),
			 "certificate"));
		o->cert_count++;
	}
	/* Revocation lists are not used here, but may be carried along. */
	return part(f, der_optional(v, DER_CONTEXT_CONSTRUCTED(1), &list, &present), "crls");
}

/* SigningCertificateV2 ::= SEQUENCE { certs SEQUENCE OF ESSCertIDv2, policies OPTIONAL } */
static rc read_ess(struct view value, struct signed_object *o, struct fault *f)
{
	struct view body;
	struct view certs;

	TRY(part(f, der_body(&value, DER_SEQUENCE, &body), "signing-certificate-v2 (RFC 5035 3)"));
	TRY(part(f, der_body(&body, DER_SEQUENCE, &certs), "signing-certificate-v2 certs"));
	return part(f, der_body(&certs, DER_SEQUENCE, &o->ess_cert), "ESSCertIDv2 (RFC 5035 4)");
}

static rc read_known(struct view oid, struct view value, struct signed_object *o, struct fault *f)
{
	struct view type;

	if (view_is_equal(oid, OID(OID_CONTENT_TYPE))) {
		TRY(part(f, der_oid(&value, &type), "contentType (RFC 5652 11.1)"));
		if (!view_is_equal(type, o->content_type))
			return fault_set(f, RC_MISMATCH, 0,
					 "signed data: contentType attribute is not eContentType");
		return part(f, view_end(&value), "bytes after contentType");
	}
	if (view_is_equal(oid, OID(OID_MESSAGE_DIGEST))) {
		TRY(part(f, der_body(&value, DER_OCTET_STRING, &o->message_digest),
			 "messageDigest (RFC 5652 11.2)"));
		return part(f, view_end(&value), "bytes after messageDigest");
	}
	if (view_is_equal(oid, OID(OID_SIGNING_TIME))) {
		TRY(part(f, der_time(&value, &o->signing_time), "signingTime (RFC 5652 11.3)"));
		o->has_time = true;
		return part(f, view_end(&value), "bytes after signingTime");
	}
	if (view_is_equal(oid, OID(OID_SIGNING_CERTIFICATE_V2)))
		return read_ess(value, o, f);
	return OK;
}

static rc read_attribute(struct view *list, struct view *ret_oid, struct signed_object *o,
			 struct fault *f)
{
	struct der_tlv value;
	struct view body;
	struct view values;

	TRY(part(f, der_body(list, DER_SEQUENCE, &body), "signed attribute (RFC 5652 5.3)"));
	TRY(part(f, der_oid(&body, ret_oid), "attribute type"));
	TRY(part(f, der_body(&body, DER_SET, &values), "attribute values"));
	TRY(part(f, view_end(&body), "bytes after attribute values"));
	TRY(part(f, der_any(&values, &value), "attribute value"));
	if (values.len > 0)
		return fault_set(f, RC_DUPLICATE, 0, "signed data: an attribute has two values");
	return read_known(*ret_oid, value.full, o, f);
}

static rc read_attributes(struct signed_object *o, struct fault *f)
{
	struct view seen[ATTRIBUTES_MAX];
	struct view v = o->attributes;
	struct view list;
	bool type = false;
	size_t n = 0;

	TRY(part(f, der_body(&v, DER_CONTEXT_CONSTRUCTED(0), &list), "signedAttrs"));
	while (list.len > 0) {
		if (n == ATTRIBUTES_MAX)
			return fault_set(f, RC_LIMIT, 0, "signed data: more than %d attributes",
					 ATTRIBUTES_MAX);
		TRY(read_attribute(&list, &seen[n], o, f));
		type |= view_is_equal(seen[n], OID(OID_CONTENT_TYPE));
		for (size_t i = 0; i < n; i++)
			if (view_is_equal(seen[i], seen[n]))
				return fault_set(f, RC_DUPLICATE, 0,
						 "signed data: an attribute appears twice");
		n++;
	}
	if (!type || o->message_digest.len == 0)
		return fault_set(f, RC_SYNTAX, 0,
				 "signed data: contentType or messageDigest is missing "
				 "(RFC 5652 5.3)");
	return OK;
}

/* issuerAndSerialNumber alone. */
static rc read_sid(struct view *v, struct signed_object *o, struct fault *f)
{
	struct view body;
	struct view at;
	struct view serial;

	TRY(part(f, der_body(v, DER_SEQUENCE, &body), "signer's issuerAndSerialNumber"));
	TRY(part(f, der_full(&body, DER_SEQUENCE, &o->issuer), "signer's issuer"));
	at = body;
	TRY(part(f, der_integer(&body, &serial), "signer's serial number"));
	o->serial = view_of(at.ptr, at.len - body.len);
	return part(f, view_end(&body), "bytes after the signer's serial number");
}

static rc read_signer(struct view v, struct signed_object *o, struct fault *f)
{
	struct view body;
	struct view unsigned_attrs;
	enum hash_alg hash;
	uint64_t version;
	bool present;

	TRY(part(f, der_body(&v, DER_SEQUENCE, &body), "signerInfo (RFC 5652 5.3)"));
	if (v.len > 0)
		return fault_set(f, RC_DUPLICATE, 0, "signed data: more than one signer");
	TRY(part(f, der_uint(&body, 255, &version), "signerInfo version"));
	if (version != 1)
		return fault_set(f, RC_UNSUPPORTED, 0, "signed data: signerInfo version %u, not 1",
				 (unsigned)version);
	TRY(read_sid(&body, o, f));
	TRY(read_digest_alg(&body, &hash, f));
	if (hash != o->hash)
		return fault_set(f, RC_MISMATCH, 0,
				 "signed data: the signer's digest is not in digestAlgorithms");
	TRY(part(f, der_full(&body, DER_CONTEXT_CONSTRUCTED(0), &o->attributes), "signedAttrs"));
	TRY(read_attributes(o, f));
	TRY(part(f, der_full(&body, DER_SEQUENCE, &o->signature_alg), "signatureAlgorithm"));
	TRY(part(f, der_body(&body, DER_OCTET_STRING, &o->signature), "signature"));
	TRY(part(f, der_optional(&body, DER_CONTEXT_CONSTRUCTED(1), &unsigned_attrs, &present),
		 "unsignedAttrs"));
	return part(f, view_end(&body), "bytes after the signerInfo");
}

static rc read_signed_data(struct view v, struct signed_object *o, struct fault *f)
{
	struct view set;
	uint64_t version;

	TRY(part(f, der_uint(&v, 255, &version), "version (RFC 5652 5.1)"));
	if (version != 1 && version != 3)
		return fault_set(f, RC_UNSUPPORTED, 0, "signed data: version %u, not 1 or 3",
				 (unsigned)version);
	o->version = (uint8_t)version;
	TRY(part(f, der_body(&v, DER_SET, &set), "digestAlgorithms"));
	TRY(read_digest_alg(&set, &o->hash, f));
	TRY(part(f, view_end(&set), "more than one digest algorithm"));
	TRY(read_content(&v, o, f));
	TRY(read_certificates(&v, o, f));
	TRY(part(f, der_body(&v, DER_SET, &set), "signerInfos"));
	TRY(read_signer(set, o, f));
	return part(f, view_end(&v), "bytes after signerInfos");
}

rc signed_object_parse(struct view der, struct signed_object *ret, struct fault *f)
{
	struct signed_object o = {.has_time = false};
	struct view body;
	struct view oid;
	struct view explicit;
	struct view sequence;

	if (der.len > FILE_OBJECT_MAX)
		return fault_set(f, RC_LIMIT, 0, "signed data: %zu bytes, at most %d", der.len,
				 FILE_OBJECT_MAX);
	TRY(part(f, der_body(&der, DER_SEQUENCE, &body), "ContentInfo (RFC 5652 3)"));
	TRY(part(f, view_end(&der), "bytes after the ContentInfo"));
	TRY(part(f, der_oid(&body, &oid), "contentType"));
	if (!view_is_equal(oid, OID(OID_SIGNED_DATA)))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "signed data: ContentInfo is something else");
	TRY(part(f, der_body(&body, DER_CONTEXT_CONSTRUCTED(0), &explicit), "content"));
	TRY(part(f, view_end(&body), "bytes after the content"));
	TRY(part(f, der_body(&explicit, DER_SEQUENCE, &sequence), "SignedData"));
	TRY(part(f, view_end(&explicit), "bytes after the SignedData"));
	TRY(read_signed_data(sequence, &o, f));
	*ret = o;
	return OK;
}
