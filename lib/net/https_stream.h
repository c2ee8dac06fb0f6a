/* https_stream - one call to greatseald whose body comes and whose answer goes piece by piece, in
 * flat memory: for programs that stand between a client and the server.
 *
 * All of it happens in the calling thread; it blocks while the server is slow. Owns: the transfer.
 * Must not own: which headers pass (prog/agent). */
#ifndef GS_NET_HTTPS_STREAM_H
#define GS_NET_HTTPS_STREAM_H

#include "lib/net/https_client.h"

struct https_stream_spec {
	const char *method;
	const char *target;
	const char *headers[HTTPS_HEADERS_MAX]; /* "Name: value"; NULL ends the list */
	const char *type;			/* "Content-Type: ..", or NULL */
	uint64_t body_size;			/* bytes that https_stream_send will bring */
	/* Or the whole body, copied: it goes with the headers. A kept connection that turns out to
	 * be dead is replaced, once, and the call sent again, if that changes nothing: GET, HEAD,
	 * OPTIONS, PUT, DELETE; and any call of which not all had been sent. Another (a POST) fails
	 * with RC_IO: whether the server has acted on it is not known. */
	struct view body;
	/* Ask the server before the body is sent (RFC 9110 10.1.1): https_stream_wanted. */
	bool ask_first;
	unsigned patience; /* seconds without a byte that are all right; 0: the client's */
	/* Asked now and then while waiting: true gives the call up with RC_STATE. May be NULL. */
	bool (*gone)(void *ctx);
	void *ctx;
};

/* Status and the headers that say something to a client; "" or 0 where the server gave none. */
struct https_head {
	unsigned status;
	bool has_size;
	uint64_t size; /* Content-Length */
	char content_type[128];
	char cache[128];
	char allow[64];
	unsigned retry_seconds;
};

struct https_stream;

/* c is busy until https_stream_end, and good for no https_call from then on. Nothing is sent yet.
 * RC_USAGE: method, target, header; RC_NOMEM. The spec's texts are copied. */
MUST rc https_stream_begin(struct https_client *c, const struct https_stream_spec *spec,
			   struct https_stream **ret, struct fault *f);
/* With ask_first: waits until the server wants the body, or has answered without it. Also finds a
 * dead connection out before there is anything to lose. As https_call fails. */
MUST rc https_stream_wanted(struct https_stream *s, bool *ret, struct fault *f);
/* Returns when the piece is on its way. RC_EXISTS: the server has answered already and wants no
 * more (go on with https_stream_head); RC_LIMIT: more than body_size; else as https_call fails. */
MUST rc https_stream_send(struct https_stream *s, struct view piece, struct fault *f);
/* Waits for status and headers; the whole body must have been sent, unless there is an answer
 * already. As https_call fails; RC_TRUNCATED: not the whole body. */
MUST rc https_stream_head(struct https_stream *s, struct https_head *ret, struct fault *f);
/* The next bytes of the answer's body, at most max of them; *ret_n is 0 at its end. As https_call
 * fails. */
MUST rc https_stream_read(struct https_stream *s, uint8_t *out, size_t max, size_t *ret_n,
			  struct fault *f);
/* Frees it; one that is not at its end is broken off with its connection. Accepts NULL. */
void https_stream_end(struct https_stream *s);

#endif
