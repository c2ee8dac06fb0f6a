/* conf - the settings of greatseal-jwksd. */
#ifndef GS_JWKSD_CONF_H
#define GS_JWKSD_CONF_H

#include <limits.h>
#include <stdint.h>
#include <sys/un.h>

#include "lib/base/settings.h"
#include "prog/jwksd/address.h"

#define CONF_ISSUERS_MAX 16u
#define CONF_ISSUER_MAX 255u /* as the roster's */

struct issuer {
	char url[CONF_ISSUER_MAX + 1];
	char jwks_uri[ADDRESS_MAX]; /* empty: discovery says it */
};

struct conf {
	char keeper_socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct issuer issuers[CONF_ISSUERS_MAX];
	size_t issuer_count;
	char ca_file[PATH_MAX]; /* empty: the system's */
	uint64_t interval;	/* seconds */
	uint64_t timeout;	/* seconds of one call */
};

extern const struct settings conf_settings;

/* RC_USAGE: there is no issuer. */
MUST rc conf_check(const struct conf *c, struct fault *f);

#endif
