/* pe_sign - putting an Authenticode signature into a PE image, and taking it out again.
 *
 * Owns: the certificate table (PE/COFF, "The Attribute Certificate Table"), CheckSum.
 * Must not own: the digest (pe_image.h), what the signature says (pe_file.c). */
#ifndef GS_FORMAT_PE_SIGN_H
#define GS_FORMAT_PE_SIGN_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

/* Members of format_pe_file; see file.h. takes: RC_EXISTS, and pe_image_read's. insert: RC_EXISTS,
 * RC_LIMIT (over 4 GiB or over FILE_OBJECT_MAX), RC_USAGE (out_fd is not empty or object is empty),
 * and pe_image_read's. */
MUST rc pe_takes(int fd, struct fault *f);
MUST rc pe_insert(int in_fd, struct view object, int out_fd, struct fault *f);
MUST rc pe_restore(int signed_fd, int ref_fd, struct fault *f);
MUST rc pe_extract(int fd, struct buf *object, struct fault *f);

#endif
