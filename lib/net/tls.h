/* tls - keys and certificates of TLS: the server's own, made self-signed and named by its pin; and
 * whether a pair belongs together.
 *
 * Clients know a server by the SHA-256 of its SubjectPublicKeyInfo (the pin), so a certificate may
 * be renewed under the same key. Owns: making and reading those two PEM texts.
 * Must not own: files, listening (http_server.h). */
#ifndef GS_NET_TLS_H
#define GS_NET_TLS_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/crypt/digest.h"

struct tls_make {
	const char *name; /* host name or address: common name and subjectAltName, 1..64 chars */
	unix_time not_before;
	unix_time not_after;
};

/* A new P-256 key (PKCS#8 PEM) and its self-signed certificate (PEM, appended to cert). The caller
 * releases *ret_key. RC_USAGE: name; RC_CRYPTO, RC_NOMEM. */
MUST rc tls_self_signed(const struct tls_make *m, struct secret *ret_key, struct buf *cert,
			struct fault *f);

/* SHA-256 over the SubjectPublicKeyInfo of the first certificate in a PEM text. RC_SYNTAX. */
MUST rc tls_pin(struct view cert_pem, struct digest *ret, struct fault *f);

/* Whether the private key in key_pem belongs to the first certificate. RC_SYNTAX, RC_MISMATCH. */
MUST rc tls_check_pair(struct view key_pem, struct view cert_pem, struct fault *f);

#endif
