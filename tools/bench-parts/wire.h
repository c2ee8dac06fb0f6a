/* wire - one kept-alive HTTPS connection of the load generator, with as little between the socket
 * and the answer as there can be: what a client costs is not what tools/bench measures, but it runs
 * on the same processors. One thread uses a connection. Owns: socket and TLS. Must not own: what is
 * asked. */
#ifndef GS_BENCH_WIRE_H
#define GS_BENCH_WIRE_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"

struct wire;
struct wire_spec {
	const char *url;   /* "https://HOST:PORT", or "unix:PATH": plain HTTP, of an agent */
	struct digest pin; /* SHA-256 of the server's SubjectPublicKeyInfo */
	const char *cert;  /* PEM files for mutual TLS, or NULL */
	const char *key;
};
/* Connects and shakes hands. RC_USAGE, RC_PEER, RC_MISMATCH (the pin), RC_NOMEM. */
MUST rc wire_open(const struct wire_spec *spec, struct wire **ret, struct fault *f);
void wire_close(struct wire *w);
/* Sends a whole request, as it goes over the wire, and reads the answer; *ret_body (a view into the
 * connection's memory) is good until the next call. Answers without Content-Length are refused.
 * RC_PEER, RC_NOMEM. */
MUST rc wire_call(struct wire *w, struct view request, unsigned *ret_status, struct view *ret_body,
		  struct fault *f);

#endif
