/* https_client - calls to one greatseald over HTTPS: pinned key, streams in and out, one connection
 * kept alive.
 *
 * Owns: the transport (libcurl) and the limits of what an answer may hold. Must not own: what calls
 * mean, how they are signed (lib/model/call.h), the environment (proxies are not used).
 * One client is for one thread at a time; make one per thread. */
#ifndef GS_NET_HTTPS_CLIENT_H
#define GS_NET_HTTPS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"

#define HTTPS_HEADERS_MAX 8u
#define HTTPS_URL_MAX 2048u	/* base and target */
#define HTTPS_HEADER_MAX 16384u /* one header line, as "Name: value" */

/* Once per process, before threads are made; may be repeated. RC_NOMEM. */
MUST rc https_setup(void);

struct tls_identity;

struct https_client_spec {
	const char *base_url; /* "https://HOST[:PORT]", no path; http:// is refused */
	/* Or plain HTTP to a process on this machine, through this unix socket; base_url, pin and
	 * certificates do not count then. */
	const char *unix_socket;
	/* SHA-256 of the server's SubjectPublicKeyInfo. With a pin neither name nor chain is
	 * checked; without one both are, against ca_file or the system's roots. */
	bool has_pin;
	struct digest pin;
	const char *ca_file;	       /* PEM, or NULL */
	const char *client_cert;       /* PEM file for mutual TLS, or NULL */
	const char *client_key;	       /* PEM file, or NULL: in client_cert */
	struct tls_identity *identity; /* the same in memory, or NULL; shared, not taken */
	unsigned connect_seconds;      /* 0: 10 */
	/* A transfer that moves nothing for so long is given up; 0: 60. Calls that wait for people
	 * or big batches say so in https_request.patience. */
	unsigned stall_seconds;
};

/* RC_USAGE: base_url is not of that form; RC_NOMEM. The strings are copied. */
struct https_client;
MUST rc https_client_new(const struct https_client_spec *spec, struct https_client **ret,
			 struct fault *f);
void https_client_free(struct https_client *c);
static inline void https_client_autorelease(struct https_client **c)
{
	https_client_free(*c);
}

/* moved and total in bytes of the body going up, or, when there is none, coming down (total 0:
 * unknown). Called a few times a second; false gives the call up with RC_STATE. */
struct https_progress {
	bool (*step)(void *ctx, uint64_t moved, uint64_t total);
	void *ctx;
};

struct https_request {
	const char *method; /* "GET", "POST", "PATCH" */
	const char *target; /* path and query, sent as it is: "/v1/uploads/ab..?offset=0" */
	const char *headers[HTTPS_HEADERS_MAX]; /* "Name: value"; NULL ends the list */
	/* Body: bytes in memory, or (has_body_fd) body_size bytes of body_fd from
	 * body_offset, read with pread. GET has none. */
	struct view body;
	bool has_body_fd;
	int body_fd;
	uint64_t body_offset;
	uint64_t body_size;
	/* Where a 2xx answer goes instead of memory: sink_fd, at its position.
	 * Answers that are not 2xx always go to memory. */
	bool has_sink_fd;
	int sink_fd;
	uint64_t sink_max; /* most bytes to write there; RC_LIMIT beyond */
	size_t answer_max; /* most bytes of an answer in memory; 0: 1 MiB */
	unsigned patience; /* seconds without a byte that are all right; 0: the client's */
	const struct https_progress *progress; /* may be NULL */
};

struct https_answer {
	unsigned status;       /* 200.. */
	char content_type[96]; /* without parameters, lower case; "" if none */
	struct buf body;       /* empty when it went to the sink */
	uint64_t sunk;	       /* bytes written to the sink */
	bool sink_failed; /* the call failed because the sink took no more: not the server's doing
			   */
};
void https_answer_release(struct https_answer *a);
AUTO_DEFINE(https_answer, struct https_answer, https_answer_release)

/* One call. Redirects are not followed. Any HTTP status is OK here; only transport fails:
 * RC_NOTFOUND: no such host; RC_IO: cannot connect, connection lost, timeout; RC_MISMATCH: the
 * server's key is not the pinned one (or its certificate is not valid); RC_LIMIT: answer too large;
 * RC_STATE: progress said stop; RC_NOSPACE: the sink's disk is full; RC_TRUNCATED: body_fd is
 * shorter than body_size; RC_USAGE: method, target or header cannot be sent; RC_NOMEM.
 * *ret is written only on success, but for sink_failed; release it. */
MUST rc https_call(struct https_client *c, const struct https_request *q, struct https_answer *ret,
		   struct fault *f);

/* The SHA-256 of the SubjectPublicKeyInfo that the server showed on the last call that connected,
 * for `greatseal init-client` without --pin to display. RC_STATE before that. */
MUST rc https_client_peer_pin(const struct https_client *c, struct digest *ret);

#endif
