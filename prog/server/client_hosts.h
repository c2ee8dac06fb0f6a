/* client_hosts - with client-ca = keeper: which host is at the other end of a connection, and
 * whether it may call.
 *
 * A host shows the certificate that the keeper's host CA has given it, or its SVID where the roster
 * knows it by a SPIFFE ID. Each call is judged, also on a connection that was open before; what was
 * judged good stays so for CLIENT_HOST_SECONDS, or until a change passes through this server. It is
 * no proof of anything: strangers and locked hosts are turned away early, and the keeper verifies
 * the host's signature under every request. Owns: the judgement, the memory of it. Must not own:
 * how hosts stand (the keeper). Thread-safe. */
#ifndef GS_SERVER_CLIENT_HOSTS_H
#define GS_SERVER_CLIENT_HOSTS_H

#include "prog/server/server.h"

#define CLIENT_HOST_SECONDS 2
/* So long after a renewal the certificate before it counts: calls that are on their way then. */
#define CLIENT_HOST_OVERLAP 60
#define CLIENT_HOST_SLOTS 1024u

struct client_hosts;

/* RC_NOMEM. */
MUST rc client_hosts_new(struct client_hosts **ret, struct fault *f);
/* Accepts NULL. */
void client_hosts_free(struct client_hosts *h);
/* Lets the call pass where it is not asked for, where the connection is of client-ca's file, or
 * where it has no certificate and the call is by a token, which is judged next.
 * Refuses with call.certificate, host.locked, host.expired, host.certificate, host.unenrolled,
 * keeper.unavailable. */
MUST rc client_hosts_check(struct call_ctx *c);
/* What a host may do may have changed. */
void client_hosts_stale(struct server *s);

/* The certificate's serial number against the keeper's word on the host: {"state","serial"?,
 * "serial_before"?,"renewed"?}. *ret_brief: good for the moment alone. REASON_NONE: good. */
enum reason client_host_standing(const json_t *host, struct view serial, unix_time now,
				 bool *ret_brief);

#endif
