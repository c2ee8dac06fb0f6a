/* What an issuer says about itself: an address that is taken is one that may be called. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prog/jwksd/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address at;
	struct address again;
	char text[2 * ADDRESS_MAX];

	if (!rc_is_ok(discovery_parse(view_of(data, size), "https://issuer.example", &at, NULL)) &&
	    !rc_is_ok(address_parse(view_of(data, size), &at, NULL)))
		return 0;
	if (strncmp(at.base, "https://", 8) != 0 || strpbrk(at.base + 8, "/@?# ") != NULL ||
	    at.target[0] != '/' || strpbrk(at.target, "# \r\n") != NULL)
		abort();
	(void)snprintf(text, sizeof(text), "%s%s", at.base, at.target);
	if (strlen(text) < ADDRESS_MAX && (!rc_is_ok(address_parse(view_str(text), &again, NULL)) ||
					   memcmp(&at, &again, sizeof(at)) != 0))
		abort();
	return 0;
}
