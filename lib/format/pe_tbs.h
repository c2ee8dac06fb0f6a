/* pe_tbs - Authenticode signature of a PE image, keeper's half (Microsoft, "Windows Authenticode
 * Portable Executable Signature Format", 2008).
 *
 * Parameters: {"digest":"sha256"|"sha384","name":"...","url":"..."}; name (characters of the Basic
 * Multilingual Plane) and url (printable ASCII) may be left out, each 1..255 characters.
 * Content digest: the Authenticode digest of the image (lib/format/pe_file.h).
 * Signed attributes: contentType SpcIndirectDataContent, signingTime, messageDigest,
 * SpcStatementType (individual), SpcSpOpusInfo. RSA PKCS#1 v1.5 and ECDSA. */
#ifndef GS_FORMAT_PE_TBS_H
#define GS_FORMAT_PE_TBS_H

#include "lib/format/tbs.h"

extern const struct format_tbs format_pe_tbs;

#endif
