/* Sets that are accepted have bounded, different names, and verify nothing that is not signed. */
#include <stdlib.h>

#include "lib/crypt/jwks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(jwks) struct jwks *s = NULL;
	const struct view zeros = view_of((const uint8_t[64]){0}, 64);

	if (!rc_is_ok(jwks_parse(view_of(data, size), &s, NULL)))
		return 0;
	if (jwks_count(s) == 0 || jwks_count(s) > JWKS_KEYS_MAX)
		abort();
	for (size_t i = 0; i < jwks_count(s); i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(jwks_kid(s, i), jwks_kid(s, k)) == 0)
				abort();
		/* A key of Ed25519 of small order takes zeros for a signature: its maker's joke. */
		if (strcmp(jwks_alg(s, i), "EdDSA") != 0 &&
		    rc_is_ok(jwks_verify(s, view_str(jwks_kid(s, i)), view_str(jwks_alg(s, i)),
					 view_str("x"), zeros, NULL)))
			abort();
	}
	return 0;
}
