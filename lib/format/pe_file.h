/* pe_file - Authenticode signature of a PE image, worker's and CLI's half (see pe_tbs.h). */
#ifndef GS_FORMAT_PE_FILE_H
#define GS_FORMAT_PE_FILE_H

#include "lib/format/signed_data_file.h"

extern const struct format_file format_pe_file;

/* SpcIndirectDataContent { data, DigestInfo } in o->econtent: its contents and the image's digest,
 * which must be by o->hash. RC_SYNTAX and its kind, RC_UNSUPPORTED, RC_MISMATCH. */
MUST rc pe_indirect_data(const struct signed_object *o, struct view *ret_body,
			 struct view *ret_digest, struct fault *f);

#endif
