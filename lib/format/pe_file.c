/* pe_file - recognising, digesting and verifying; inserting is in pe_sign.c. */
#include "lib/format/pe_file.h"

#include "lib/base/fd.h"
#include "lib/codec/der.h"
#include "lib/format/oid_tbs.h"
#include "lib/format/pe_image.h"
#include "lib/format/pe_sign.h"
#include "lib/format/signed_data_file.h"

static bool recognise(int fd)
{
	uint8_t dos[64];
	uint8_t pe[4];
	uint64_t at;

	if (!rc_is_ok(fd_pread_full(fd, dos, sizeof(dos), 0, NULL)) || dos[0] != 'M' ||
	    dos[1] != 'Z')
		return false;
	at = (uint64_t)dos[0x3c] | (uint64_t)dos[0x3d] << 8 | (uint64_t)dos[0x3e] << 16 |
	     (uint64_t)dos[0x3f] << 24;
	return rc_is_ok(fd_pread_full(fd, pe, sizeof(pe), at, NULL)) && pe[0] == 'P' &&
	       pe[1] == 'E' && pe[2] == 0 && pe[3] == 0;
}

static rc content(int fd, enum hash_alg alg, struct hash *ret, struct fault *f)
{
	struct pe_image image;

	if (alg == HASH_SHA512)
		return fault_set(f, RC_UNSUPPORTED, 0, "pe: served are sha256 and sha384");
	TRY(pe_image_read(fd, &image, f));
	return pe_image_digest(fd, &image, alg, ret, f);
}

static rc part(struct fault *f, rc r, const char *what)
{
	return rc_is_ok(r) ? OK : fault_set(f, r.code, 0, "pe: %s", what);
}

rc pe_indirect_data(const struct signed_object *o, struct view *ret_body, struct view *ret_digest,
		    struct fault *f)
{
	struct view v = o->econtent;
	struct view body;
	struct view data;
	struct view info;
	struct view alg;
	struct view oid;
	enum hash_alg hash = HASH_SHA256;

	if (v.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "pe: SpcIndirectDataContent is missing");
	TRY(part(f, der_body(&v, DER_SEQUENCE, &body), "SpcIndirectDataContent"));
	*ret_body = body;
	TRY(part(f, der_body(&body, DER_SEQUENCE, &data), "SpcAttributeTypeAndOptionalValue"));
	TRY(part(f, der_oid(&data, &oid), "SpcAttributeTypeAndOptionalValue type"));
	if (!view_is_equal(oid, OID(OID_SPC_PE_IMAGE_DATA)))
		return fault_set(f, RC_UNSUPPORTED, 0, "pe: the signed data is not SpcPeImageData");
	TRY(part(f, der_body(&body, DER_SEQUENCE, &info), "DigestInfo"));
	TRY(part(f, view_end(&body), "bytes after the DigestInfo"));
	TRY(part(f, der_body(&info, DER_SEQUENCE, &alg), "DigestInfo algorithm"));
	TRY(part(f, der_oid(&alg, &oid), "DigestInfo algorithm"));
	TRY(part(f, der_body(&info, DER_OCTET_STRING, ret_digest), "DigestInfo digest"));
	TRY(part(f, view_end(&info), "bytes after the digest"));
	if (view_is_equal(oid, OID(OID_SHA384)))
		hash = HASH_SHA384;
	else if (!view_is_equal(oid, OID(OID_SHA256)))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "pe: image digest is neither SHA-256 nor SHA-384");
	if (hash != o->hash)
		return fault_set(f, RC_MISMATCH, 0, "pe: image digest is %s, the signer's %s",
				 hash_name(hash), hash_name(o->hash));
	return OK;
}

static rc verify(int fd, struct view object, const struct verify_trust *t,
		 struct verify_report *ret, struct fault *f)
{
	struct verify_report report;
	struct signed_object o;
	struct view body;
	struct view digest;
	struct hash ours;
	struct hash of_content;

	TRY(signed_object_parse(object, &o, f));
	if (!view_is_equal(o.content_type, OID(OID_SPC_INDIRECT_DATA)))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "pe: content type is not SpcIndirectDataContent");
	if (o.version != 1)
		return fault_set(f, RC_UNSUPPORTED, 0, "pe: version is not 1 (PKCS#7 9.1)");
	TRY(pe_indirect_data(&o, &body, &digest, f));
	TRY(content(fd, o.hash, &ours, f));
	if (!view_is_equal(digest, hash_view(&ours)))
		return fault_set(f, RC_MISMATCH, 0, "pe: the signed digest is not the image's");
	of_content = hash_of(o.hash, body);
	if (!view_is_equal(o.message_digest, hash_view(&of_content)))
		return fault_set(f, RC_MISMATCH, 0,
				 "pe: messageDigest is not that of SpcIndirectDataContent");
	TRY(signed_object_judge(&o, t, &report, f));
	report.content = ours;
	*ret = report;
	return OK;
}

const struct format_file format_pe_file = {
	.name = "pe",
	.detached = false,
	.recognise = recognise,
	.content = content,
	.takes = pe_takes,
	.insert = pe_insert,
	.restore = pe_restore,
	.verify = verify,
	.extract = pe_extract,
};
