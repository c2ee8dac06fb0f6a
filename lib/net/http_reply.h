/* http_reply - the head of one HTTP/1.1 answer, and where its body ends (RFC 9112).
 *
 * Pure, without memory of its own. Owns: what belongs to one answer; whatever leaves that open is
 * refused. Must not own: connections. */
#ifndef GS_NET_HTTP_REPLY_H
#define GS_NET_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define HTTP_REPLY_HEAD_MAX ((size_t)16 << 10)
#define HTTP_CHUNK_LINE_MAX 1024u /* a chunk's size with its extensions, and all trailers */

enum http_framing {
	HTTP_SIZED,   /* size bytes */
	HTTP_CHUNKED, /* struct http_chunks knows */
	HTTP_TO_END,  /* all until the connection ends */
};

/* Of the fields those that say something to a client; "" or 0 where the server gave none. */
struct http_reply {
	unsigned status; /* 100..599 */
	enum http_framing framing;
	uint64_t size; /* of HTTP_SIZED */
	bool closes;   /* no other answer follows on this connection */
	char content_type[128];
	char cache[128];
	char allow[64];
	unsigned retry_seconds; /* a date in Retry-After is left out */
};

/* Bytes of the head at the front of v, the empty line included; 0: it is not complete. */
size_t http_reply_head_size(struct view v);

/* head: as http_reply_head_size found it. RC_SYNTAX: not of the form, or two ways to find the
 * body's end; RC_UNSUPPORTED: another version, coding or protocol. */
MUST rc http_reply_parse(struct view head, struct http_reply *ret, struct fault *f);

/* A chunked body (RFC 9112 7.1) while it comes. Zero is the beginning. */
struct http_chunks {
	enum { CHUNK_SIZE, CHUNK_REST, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER, CHUNK_DONE } at;
	uint64_t left;	 /* of the chunk */
	unsigned digits; /* of its size */
	unsigned line;	 /* bytes that are neither size nor data */
	uint8_t last;	 /* the byte before, within a line */
};

/* Takes framing off the front of *in, and then what follows of the body as *ret, which borrows.
 * Empty: *in is used up, or the body is complete (at == CHUNK_DONE) and what is left is not its.
 * RC_SYNTAX, RC_LIMIT. */
MUST rc http_chunks_next(struct http_chunks *c, struct view *in, struct view *ret);

#endif
