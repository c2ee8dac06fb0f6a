/* http_server - HTTPS for one program: libmicrohttpd in poll mode with a pool of threads; or plain
 * HTTP on a unix socket, with a thread for each connection (http_local.c).
 *
 * The program gets exchanges: headers first (it may refuse before a body is read), then the body in
 * memory or piece by piece, then its turn to answer, at once or later from any thread.
 * Owns: listening, TLS and client certificates, limits of headers, bodies, time and connections.
 * Must not own: routes, who may call, what is answered. It reads the monotonic clock, as a
 * transport must. */
#ifndef GS_NET_HTTP_SERVER_H
#define GS_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define HTTP_HEADERS_MEMORY 65536u /* request line, headers and read buffer of one connection */
#define HTTP_DRAIN_MAX (1u << 20)  /* a body this small is read off before a refusal is sent */
#define HTTP_TARGET_KEEP 2048u	   /* longer targets are cut, and then refused by http_target */

struct http_server;
struct http_exchange;

/* All called in the server's threads; exchanges of several connections at once. */
struct http_handler {
	/* The headers are there. Must call one of http_answer, http_expect_memory,
	 * http_expect_stream, http_defer. */
	void (*begin)(void *ctx, struct http_exchange *x);
	/* A piece of a streamed body. false: the handler has answered; the rest is not wanted. */
	bool (*data)(void *ctx, struct http_exchange *x, struct view piece);
	/* The body is complete (or there is none). Must call http_answer or http_defer. */
	void (*ready)(void *ctx, struct http_exchange *x);
	/* The exchange is over, answered or cut off. The last call with x. */
	void (*end)(void *ctx, struct http_exchange *x);
	void *ctx;
};

struct http_server_spec {
	const char *address; /* "127.0.0.1:8443", "[::1]:8443"; port 0 is any free one */
	/* A socket from http_listen, taken over also on failure; else has_fd is false and address
	 * is used. */
	bool has_fd;
	int fd;
	/* fd is from http_listen_local: no TLS, one thread for each connection. Handlers may block;
	 * they must not defer. */
	bool local;
	const char *key_pem; /* texts, not paths */
	const char *cert_pem;
	/* NULL: no client certificates are asked for. Else each exchange of a connection without a
	 * valid one has HTTP_FAULT_CLIENT_CERT; one with an extended key usage must be for
	 * clientAuth. */
	const char *client_ca_pem;
	/* Client certificates are asked for and the program judges those that are not of
	 * client_ca_pem: http_client_chain(). There is no HTTP_FAULT_CLIENT_CERT then. */
	bool client_judged;
	unsigned threads;
	unsigned connections;	      /* in all */
	unsigned connections_address; /* from one address; 0: no limit of its own */
	unsigned connections_user;    /* local: of one uid; 0: no limit of its own */
	unsigned idle_seconds;	      /* between two requests, and without any byte moving */
	unsigned header_seconds;      /* from the first byte of a request to its last header */
	unsigned body_seconds;	      /* for a whole body that goes to memory */
	uint64_t body_memory;	      /* bytes of all bodies in memory together */
	const struct http_handler *handler;
};

/* Binds and listens: for programs that give up the right to bind before they make threads. *ret_fd
 * is the caller's. RC_USAGE: address; RC_IO. */
MUST rc http_listen(const char *address, int *ret_fd, struct fault *f);

/* The same on a unix socket of that mode, in place of a socket that nobody listens on any more.
 * RC_EXISTS: somebody listens there, or it is no socket; RC_NOTFOUND: no such directory; RC_LIMIT:
 * path; RC_IO. */
MUST rc http_listen_local(const char *path, unsigned mode, int *ret_fd, struct fault *f);

/* Listens and serves from here on. The spec's strings are not kept; its handler is.
 * RC_USAGE: address; RC_IO: cannot listen; RC_CRYPTO: key or certificate refused; RC_NOMEM. */
MUST rc http_server_start(const struct http_server_spec *spec, struct http_server **ret,
			  struct fault *f);
/* "127.0.0.1:43210", with the real port. Lives as long as the server. */
const char *http_server_address(const struct http_server *s);
/* No new connections, and every answer from now on closes its connection. */
void http_server_quiesce(struct http_server *s);
/* Waits until every exchange has ended, at most so long; true if they have. Deferred exchanges must
 * be woken by the caller first. */
bool http_server_drain(struct http_server *s, unsigned milliseconds);
/* Ends the rest. No exchange may be deferred any more (asserted by libmicrohttpd). Accepts NULL. */
void http_server_free(struct http_server *s);

/* What was asked; valid until end(). */
const char *http_method(const struct http_exchange *x);
struct view http_raw_target(const struct http_exchange *x);
/* Value of a request header, or NULL. A header that is given twice counts as malformed: "". */
const char *http_header(const struct http_exchange *x, const char *name);
/* The caller's network address, 4 or 16 bytes in network order, copied; 0: there is none, as on a
 * unix socket. Behind a proxy it is the proxy's. */
size_t http_address(const struct http_exchange *x, uint8_t out[16]);
/* Whether the connection has a valid certificate of client_ca_pem. */
bool http_client_is_trusted(const struct http_exchange *x);
/* The certificates that the peer has shown, DER, its own first; views that live as long as the
 * exchange. 0: none, or more than that. Its key is proven, nothing else is. client_judged alone. */
#define HTTP_CLIENT_CHAIN_MAX 4u
#define HTTP_CLIENT_CHAIN_BYTES 32768u
size_t http_client_chain(const struct http_exchange *x, struct view out[HTTP_CLIENT_CHAIN_MAX]);
/* The collected body. */
struct view http_body(const struct http_exchange *x);
/* Content-Length, or UINT64_MAX if the body is chunked. */
uint64_t http_body_size(const struct http_exchange *x);
/* Who made the local connection, as the kernel knew them then. */
#define HTTP_PEER_GROUPS_MAX 128u
struct http_peer {
	int32_t pid;
	uint32_t uid;
	uint32_t gid;
	uint32_t groups[HTTP_PEER_GROUPS_MAX]; /* supplementary ones */
	size_t group_count;		       /* 0 also where there are more than fit */
};
/* Lives as long as the exchange. NULL: the connection is not local. */
const struct http_peer *http_peer(const struct http_exchange *x);
/* Local: whether the other end has closed its socket for good. */
bool http_peer_is_gone(const struct http_exchange *x);
/* The handler's own. */
void http_set_user(struct http_exchange *x, void *user);
void *http_user(const struct http_exchange *x);

/* Only in begin(). A longer body is read off and ready() sees HTTP_FAULT_BODY_LIMIT. */
void http_expect_memory(struct http_exchange *x, size_t max);
void http_expect_stream(struct http_exchange *x);

/* In begin, ready or a deferred function: fn runs in a server thread after http_wake. After a defer
 * in begin, fn may still call http_expect_*. */
void http_defer(struct http_exchange *x, void (*fn)(struct http_exchange *x, void *ctx), void *ctx);
/* From any thread, once for each http_defer; x may be gone when this returns. */
void http_wake(struct http_exchange *x);

struct http_answer {
	unsigned status;
	const char *content_type; /* copied, as the other texts are; NULL: application/json */
	struct buf *body;	  /* taken; or NULL */
	int fd;			  /* else has_fd: closed by the server; size bytes from its start */
	bool has_fd;
	uint64_t size;
	/* Or piece by piece, local servers alone: at most max bytes into out; 0 at the end, -1 cuts
	 * the connection. size: of the whole, or UINT64_MAX. Not called after the handler's end().
	 */
	ptrdiff_t (*pull)(void *ctx, uint8_t *out, size_t max);
	void *pull_ctx;
	const char *allow;	/* for 405, or NULL */
	const char *cache;	/* Cache-Control, or NULL: no-store */
	unsigned retry_seconds; /* Retry-After, or 0 */
};
/* In begin, data, ready or a deferred function, once. If the body cannot be made (no memory), the
 * connection is closed. */
void http_answer(struct http_exchange *x, const struct http_answer *a);

/* Why the glue itself refuses; the program turns it into an answer. */
enum http_fault {
	HTTP_FAULT_BODY_LIMIT = 1, /* over the maximum of this body: 413 */
	HTTP_FAULT_MEMORY,	   /* all bodies together are at their limit: 503 */
	HTTP_FAULT_FRAMING,	   /* Content-Length and Transfer-Encoding together, and the like */
	HTTP_FAULT_CLIENT_CERT,	   /* none, or not a valid one for clients under the client CA */
};
/* In begin() or ready(): what the glue found, or 0. begin() is told of the last two (answer it and
 * return), ready() of the first two. */
enum http_fault http_fault(const struct http_exchange *x);
/* With HTTP_FAULT_CLIENT_CERT: what is wrong with the certificate, a literal; else "". */
const char *http_fault_text(const struct http_exchange *x);

#endif
