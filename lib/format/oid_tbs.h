/* oid_tbs - the object identifiers of the signature formats, as contents octets.
 *
 * Owns: constants. Use: der_put(&d, DER_OID, OID(OID_DATA)). */
#ifndef GS_FORMAT_OID_TBS_H
#define GS_FORMAT_OID_TBS_H

#include "lib/base/view.h"

#define OID(literal) view_of(literal, sizeof(literal) - 1)

/* RFC 5652 */
#define OID_DATA "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"		  /* 1.2.840.113549.1.7.1 */
#define OID_SIGNED_DATA "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"	  /* 1.2.840.113549.1.7.2 */
#define OID_CONTENT_TYPE "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"	  /* 1.2.840.113549.1.9.3 */
#define OID_MESSAGE_DIGEST "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04" /* 1.2.840.113549.1.9.4 */
#define OID_SIGNING_TIME "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05"	  /* 1.2.840.113549.1.9.5 */
/* RFC 5035: 1.2.840.113549.1.9.16.2.47 */
#define OID_SIGNING_CERTIFICATE_V2 "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f"
/* RFC 5754: 2.16.840.1.101.3.4.2.1 to 3 */
#define OID_SHA256 "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define OID_SHA384 "\x60\x86\x48\x01\x65\x03\x04\x02\x02"
#define OID_SHA512 "\x60\x86\x48\x01\x65\x03\x04\x02\x03"
/* RFC 3370, RFC 8017: rsaEncryption, and the same with its hash named */
#define OID_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_RSA_SHA256 "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
#define OID_RSA_SHA384 "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"
#define OID_RSA_SHA512 "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"
/* RFC 5754 3.3: 1.2.840.10045.4.3.2 to 4 */
#define OID_ECDSA_SHA256 "\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define OID_ECDSA_SHA384 "\x2a\x86\x48\xce\x3d\x04\x03\x03"
#define OID_ECDSA_SHA512 "\x2a\x86\x48\xce\x3d\x04\x03\x04"
#define OID_ED25519 "\x2b\x65\x70" /* RFC 8419: 1.3.101.112 */
/* Authenticode: 1.3.6.1.4.1.311.2.1.x */
#define OID_SPC_INDIRECT_DATA "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x04"
#define OID_SPC_STATEMENT_TYPE "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0b"
#define OID_SPC_SP_OPUS_INFO "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0c"
#define OID_SPC_PE_IMAGE_DATA "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f"
#define OID_SPC_INDIVIDUAL "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x15"
/* Ours: 2.25 and a UUID (ITU-T X.667): f004c491-9e0b-524b-8c52-5812b98184fe for allowlists,
 * 1c6066f3-f390-5f8d-bffe-2f006d1330ed for package records,
 * 3a5e2206-bc30-5f75-95fb-d99c7550ee04 for guard tokens. */
#define OID_ALLOWLIST                                                                              \
	"\x69\x83\xe0\x84\xe2\xa4\xb3\xe0\xda\xc9\x97\x8c\xa9\x96\x82\xab\xcc\x86\x89\x7e"
#define OID_PACKAGE_RECORD                                                                         \
	"\x69\xb8\xe0\xb3\xbc\xfe\xb9\x82\xfe\x9b\xbf\xff\x8b\xe0\x86\xe8\xcc\xe1\x6d"
#define OID_GUARD_TOKEN                                                                            \
	"\x69\xf4\xde\x91\x81\xd7\xc3\x82\xfd\xeb\x95\xfd\xf6\xb3\xc7\xaa\xc3\xdc\x04"

#endif
