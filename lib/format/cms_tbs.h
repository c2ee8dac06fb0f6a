/* cms_tbs - detached CMS signature (RFC 5652) over any file, keeper's half.
 *
 * Parameters: {"digest":"sha256"|"sha384"|"sha512"}. Content digest: of the whole file.
 * Signed attributes: contentType id-data, signingTime, messageDigest, signing-certificate-v2
 * (RFC 5035 with SHA-256). RSA PKCS#1 v1.5, ECDSA, Ed25519 (RFC 8419, SHA-512 only). */
#ifndef GS_FORMAT_CMS_TBS_H
#define GS_FORMAT_CMS_TBS_H

#include "lib/format/tbs.h"

extern const struct format_tbs format_cms_tbs;

#endif
