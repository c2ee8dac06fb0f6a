/* ossl - one helper shared by the files of lib/crypt that call libcrypto.
 *
 * Owns: draining OpenSSL's error queue into a fault. Not for other folders. */
#ifndef GS_CRYPT_OSSL_H
#define GS_CRYPT_OSSL_H

#include <openssl/err.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"

/* Fills *f with what and OpenSSL's most recent reason, and empties the queue. */
static inline rc ossl_fault(struct fault *f, enum rc_code code, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);

	ERR_clear_error();
	return fault_set(f, code, 0, "%s: %s", what, reason == NULL ? "no reason given" : reason);
}

#endif
