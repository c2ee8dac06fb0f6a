/* host_ca - the authority whose certificates hosts show: a P-256 key in the log's token.
 *
 * TLS is not the proof of anything: the keeper verifies the host's own signature under every
 * request. The certificates let a server (or a proxy before it) turn strangers away early.
 * Owns: which key it is, and what the certificates say. Must not own: who gets one (enrol.c), the
 * journal. Decision thread only. */
#ifndef GS_KEEPER_HOST_CA_H
#define GS_KEEPER_HOST_CA_H

#include "lib/base/clock.h"
#include "lib/crypt/pkey.h"
#include "lib/model/request.h"
#include "prog/keeper/token.h"

#define HOST_CERT_BACK 300		      /* before now: clocks differ */
#define HOST_CA_LIFE (20ll * 365 * 24 * 3600) /* of the authority's own certificate */

struct host_ca;

/* The token is borrowed. RC_CRYPTO, RC_NOMEM. */
MUST rc host_ca_new(struct token *t, const char *origin, struct host_ca **ret, struct fault *f);
/* Accepts NULL. */
void host_ca_free(struct host_ca *ca);
/* Which key of the token is the host CA's. */
struct digest host_ca_key_id(const char *origin);

/* Makes the key, or finds that of an earlier try, and appends a certificate of its own (DER): CA,
 * path length 0. As token_create_key and x509_issue. */
MUST rc host_ca_make(struct host_ca *ca, unix_time now, struct buf *out, struct fault *f);

/* What a host's certificate says: clientAuth alone, URI spiffe://ORIGIN/host/NAME. */
struct host_cert {
	const struct name *host;
	const struct pkey *key;
	unix_time given;	 /* valid from a little before this, */
	unix_time until;	 /* until this */
	struct digest statement; /* that asked for it: the serial number follows from it, so that
				    the same question has the same answer */
};
#define HOST_SERIAL 16u
/* The serial number of the certificate that answers the statement. */
void host_ca_serial(struct view ca_der, const struct digest *statement, uint8_t out[HOST_SERIAL]);
/* Appends the certificate (DER). ca_der: what host_ca_make made. As token_session_sign. */
MUST rc host_ca_issue(struct host_ca *ca, struct view ca_der, const struct host_cert *c,
		      struct buf *out, struct fault *f);

#endif
