/* signed_data_file - reading and judging SignedData with one signer (RFC 5652 5; PKCS#7 v1.5): the
 * half of CMS and Authenticode verification that they share.
 *
 * Owns: structure, algorithms, signed attributes, signer certificate, signature, path.
 * Must not own: what is signed (the caller compares digests). */
#ifndef GS_FORMAT_SIGNED_DATA_FILE_H
#define GS_FORMAT_SIGNED_DATA_FILE_H

#include "lib/crypt/x509.h"
#include "lib/format/file.h"

#define SIGNED_DATA_CERTS_MAX 16
#define VERIFY_SKEW 600 /* seconds a claimed signing time may lie after verify_trust.when */

/* Views borrow the object. */
struct signed_object {
	enum hash_alg hash;
	uint8_t version;	  /* 1 or 3; which one a format demands is the caller's */
	struct view content_type; /* OID contents */
	struct view econtent;	  /* the element inside eContent's [0]; empty if detached */
	struct view message_digest;
	struct view attributes; /* signedAttrs, full element with the [0] tag */
	struct view ess_cert;	/* first ESSCertIDv2's contents; empty if there is none */
	struct view signature_alg;
	struct view signature;
	struct view issuer;
	struct view serial;
	struct view certs[SIGNED_DATA_CERTS_MAX];
	size_t cert_count;
	bool has_time;
	unix_time signing_time;
};

/* Reads exactly one ContentInfo { SignedData }, DER. Refused: other than one digest algorithm and
 * one signer named by issuer and serial, missing or repeated contentType or messageDigest, more
 * than one value in an attribute, contentType attribute unlike eContentType, digests beside SHA-2.
 * Other signed attributes and all unsigned ones are passed over. RC_SYNTAX, RC_TRUNCATED,
 * RC_NONCANON, RC_TRAILING, RC_DUPLICATE, RC_MISMATCH, RC_UNSUPPORTED, RC_LIMIT. */
MUST rc signed_object_parse(struct view der, struct signed_object *ret, struct fault *f);

/* Judges signer and signature, after the caller has compared message_digest with its own: the
 * leaf is among the certificates once, for code signing, valid at the signing time (or t->when),
 * matches the ESS attribute; the signature over the attributes verifies; the path leads to a root
 * if t has any. Fills *ret but for content. RC_NOTFOUND (no such certificate), RC_DUPLICATE,
 * RC_DENIED, RC_EXPIRED, RC_MISMATCH, RC_UNSUPPORTED, RC_BADSIG. */
MUST rc signed_object_judge(const struct signed_object *o, const struct verify_trust *t,
			    struct verify_report *ret, struct fault *f);

#endif
