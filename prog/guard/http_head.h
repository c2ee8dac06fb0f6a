/* http_head - the head of an HTTP/1.1 answer, read strictly: status and length of the body.
 *
 * Only what greatseal-agent sends is taken: one Content-Length, no coding, no folded lines. Owns:
 * that form. Must not own: sockets (fetch.c). */
#ifndef GS_GUARD_HTTP_HEAD_H
#define GS_GUARD_HTTP_HEAD_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define HTTP_HEAD_MAX 16384u

struct http_head {
	unsigned status; /* 200 .. 599 */
	uint64_t length; /* of the body */
	size_t size;	 /* of the head, with its empty line */
};

/* Bytes from the beginning of an answer. RC_TRUNCATED: the head goes on behind them; RC_SYNTAX: no
 * head (RFC 9112 4, 5); RC_LIMIT: longer than HTTP_HEAD_MAX, or a length above 2^63-1;
 * RC_DUPLICATE: two lengths; RC_UNSUPPORTED: a transfer coding, no length, or a status that is no
 * final answer. */
MUST rc http_head_parse(struct view bytes, struct http_head *ret, struct fault *f);

#endif
