/* pem - the textual armor around base64: "-----BEGIN X-----" blocks (RFC 7468, strict form).
 *
 * Owns: the two boundary lines and the line width. Lines end with LF; every base64 line but the
 * last has exactly the given width; there is no text before, between header lines, or after. Must
 * not own: what the bytes mean. */
#ifndef GS_CODEC_PEM_H
#define GS_CODEC_PEM_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define PEM_COLUMNS 64	   /* RFC 7468 2 */
#define PEM_COLUMNS_SSH 70 /* as ssh-keygen writes keys and signatures */

/* What kind of block: label is "CERTIFICATE", columns the line width (a multiple of nothing: SSH
 * uses 70). */
struct pem_kind {
	const char *label;
	size_t columns;
};

/* Appends one block; the last line ends with LF. */
void pem_put(const struct pem_kind *kind, struct view bytes, struct buf *out);

/* Appends the bytes of the block at the front of *text and moves *text behind it; for files that
 * hold several certificates. Nothing is appended and *text does not move on failure. RC_MISMATCH:
 * does not begin with this label's BEGIN line; RC_TRUNCATED: no END line; RC_SYNTAX, RC_NONCANON:
 * base64 or line width; RC_LIMIT, RC_NOMEM: out is full. */
MUST rc pem_next(const struct pem_kind *kind, struct view *text, struct buf *out, struct fault *f);

/* Exactly one block: as pem_next, and RC_TRAILING if anything follows. */
MUST rc pem_parse(const struct pem_kind *kind, struct view text, struct buf *out, struct fault *f);

#endif
