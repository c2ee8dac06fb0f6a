/* base64 - RFC 4648 in its canonical form only: parse(encode(x)) == x and encode(parse(t)) == t.
 *
 * Refused: white space, line ends, a wrong alphabet, missing or extra padding, and unused bits that
 * are not zero (RFC 4648 3.5). Lines and armor belong to pem.h. */
#ifndef GS_CODEC_BASE64_H
#define GS_CODEC_BASE64_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

enum base64_form {
	BASE64_STD,   /* alphabet with + and /, padded (RFC 4648 4) */
	BASE64_NOPAD, /* the same without padding: SSH fingerprints */
	BASE64_URL,   /* alphabet with - and _, without padding: JOSE, WebAuthn (RFC 4648 5) */
};

/* How many characters n bytes become. */
size_t base64_size(enum base64_form form, size_t n);

/* Appends the text of bytes. */
void base64_put(enum base64_form form, struct view bytes, struct buf *out);

/* Appends the bytes of text; nothing is appended on failure. Empty text is zero bytes.
 * RC_SYNTAX: length, padding or character (f->offset says which); RC_NONCANON: unused bits set;
 * RC_LIMIT, RC_NOMEM: out is full. */
MUST rc base64_parse(enum base64_form form, struct view text, struct buf *out, struct fault *f);

#endif
