/* signed_data_tbs - SignedData with one signer (RFC 5652 5; PKCS#7 v1.5 is the same for our use),
 * written by our own DER writer: what CMS and Authenticode have in common.
 *
 * Owns: signed attributes in DER order, SignerInfo, certificates. Must not own: which attributes a
 * format has. */
#ifndef GS_FORMAT_SIGNED_DATA_TBS_H
#define GS_FORMAT_SIGNED_DATA_TBS_H

#include "lib/codec/der.h"
#include "lib/format/tbs.h"

#define SIGNED_DATA_EXTRA_MAX 3 /* attributes beside the three that are always there */

struct signed_data {
	const struct tbs_input *in;
	struct view content_type; /* OID contents */
	struct view econtent;	  /* complete element; empty if detached */
	struct hash message_digest;
	struct view extra[SIGNED_DATA_EXTRA_MAX]; /* complete Attribute elements */
	size_t extra_count;
	bool digest_null; /* AlgorithmIdentifier of digests with NULL (PKCS#7) or nothing (RFC 5754)
			   */
	bool version_3;	  /* RFC 5652 5.1: CMS whose content is not id-data; else 1 */
	bool certificates_sorted; /* SET OF in DER order, or leaf first as PKCS#7 readers like it */
};

/* Appends SET OF Attribute: contentType, signingTime, messageDigest and the extra ones; these are
 * the bytes that are signed (RFC 5652 5.4). RC_LIMIT, RC_NOMEM. */
MUST rc signed_data_attributes(const struct signed_data *sd, struct buf *out, struct fault *f);
/* Appends ContentInfo { SignedData }. RC_USAGE for an empty or overlong signature; as above. */
MUST rc signed_data_finish(const struct signed_data *sd, struct view signature, struct buf *out,
			   struct fault *f);

/* Turns what was written since mark (an attribute's value) into an Attribute. */
struct view signed_data_attribute(struct der *d, struct view oid, size_t mark);
/* AlgorithmIdentifier of a digest, and of a signature (RSA: rsaEncryption, RFC 3370 3.2). */
void signed_data_put_digest_alg(struct der *d, enum hash_alg alg, bool with_null);
void signed_data_put_signature_alg(struct der *d, enum key_alg key, enum hash_alg alg);

#endif
