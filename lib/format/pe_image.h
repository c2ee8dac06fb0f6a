/* pe_image - where the parts of a PE image lie that Authenticode cares about, and its digest.
 *
 * Sources: "PE Format" (Microsoft, PE/COFF) and the Authenticode paper (pe_tbs.h), "Calculating the
 * PE Image Hash". Owns: header offsets, section order, certificate table bounds, the digest.
 * Must not own: what the image does (pe_inspect.h), signatures. */
#ifndef GS_FORMAT_PE_IMAGE_H
#define GS_FORMAT_PE_IMAGE_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/crypt/digest.h"

#define PE_IMAGE_SIZE_MAX UINT32_MAX /* certificate table offsets have 32 bits */
#define PE_IMAGE_SECTIONS_MAX 96     /* PE/COFF, COFF File Header: NumberOfSections */
#define PE_WIN_CERTIFICATE 8	     /* header: dwLength, wRevision, wCertificateType */

struct pe_image {
	uint64_t size;	      /* of the file */
	uint64_t checksum_at; /* CheckSum, 4 bytes */
	uint64_t security_at; /* data directory entry 4, 8 bytes */
	uint64_t cert_at;     /* file offset of the certificate table; size if there is none */
	uint64_t cert_size;   /* bytes to the end of the file; 0 if there is none */
};

/* Reads the headers. Refused: what the loader or another verifier could read in a second way:
 * headers that end outside the file or overlap, no room for the security directory, sections that
 * overlap, leave gaps or end outside the file, a certificate table that begins before the sections
 * end, is not aligned to 8 or does not end the file. RC_SYNTAX (no PE), RC_TRUNCATED, RC_RANGE,
 * RC_LIMIT, RC_UNSUPPORTED, RC_IO. */
MUST rc pe_image_read(int fd, struct pe_image *ret, struct fault *f);

/* The Authenticode digest: everything but CheckSum, the security directory entry and the
 * certificate table, filled with zeros to a multiple of 8. */
MUST rc pe_image_digest(int fd, const struct pe_image *image, enum hash_alg alg, struct hash *ret,
			struct fault *f);

#endif
