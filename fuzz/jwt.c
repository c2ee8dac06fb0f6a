/* Whatever parses has an issuer and an end, and its claims are printable or none. */
#include <stdlib.h>

#include "lib/crypt/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char set[] =
	"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"d1\",\"x\":"
	"\"j7pruatlzLgjtzzp1TEr2hQoaYTxC99QoFsFw4Y_bnQ\"},{\"kty\":\"EC\",\"crv\":\"P-256\","
	"\"kid\":\"e1\",\"x\":\"WcG5RrHwKqdQ-i7Ja45LQ74L-Nc-xPZB6H0Fc7irFAg\","
	"\"y\":\"aHywMMJlJpQXf7nLk-BjTQ2UAgt-yX-ffNnSx34XeD0\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const claims[] = {"sub", "repository_id", "exp", "aud", "actor"};
	AUTO(jwks) struct jwks *keys = NULL;
	AUTO(jwt) struct jwt *t = NULL;
	char text[JWT_TEXT_MAX + 1];

	if (!rc_is_ok(jwt_parse(view_of(data, size), &t, NULL)))
		return 0;
	if (jwt_issuer(t)[0] == '\0' || jwt_expires(t) < 1 || jwt_expires(t) > TIME_MAX)
		abort();
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		if (!rc_is_ok(jwt_claim(t, claims[i], text)) && text[0] != '\0')
			abort();
	if (!rc_is_ok(jwks_parse(view_str(set), &keys, NULL)))
		abort();
	rc_ignore(jwt_verify(t, keys, NULL), "either is right");
	rc_ignore(jwt_check_time(t, 1795416600, NULL), "either is right");
	(void)jwt_is_for(t, "https://sign.example/sha256:abc");
	return 0;
}
