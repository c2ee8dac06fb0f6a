/* cms_tbs - detached CMS signature (RFC 5652) over any file, keeper's half.
 *
 * Parameters: {"digest":"sha256"|"sha384"|"sha512"}. Content digest: of the whole file.
 * Signed attributes: contentType id-data, signingTime, messageDigest, signing-certificate-v2
 * (RFC 5035 with SHA-256). RSA PKCS#1 v1.5, ECDSA, Ed25519 (RFC 8419, SHA-512 only). */
#ifndef GS_FORMAT_CMS_TBS_H
#define GS_FORMAT_CMS_TBS_H

#include "lib/format/tbs.h"

/* The same over contents of another type (OID contents), for formats of their own. */
MUST rc cms_check(const struct tbs_input *in, struct fault *f);
MUST rc cms_attributes(const struct tbs_input *in, struct view type, struct buf *out,
		       struct fault *f);
MUST rc cms_finish(const struct tbs_input *in, struct view type, struct view signature,
		   struct buf *out, struct fault *f);

extern const struct format_tbs format_cms_tbs;

#endif
