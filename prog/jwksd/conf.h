/* conf - settings of greatseal-jwksd: one table for the file, the command line, help and man page.
 *
 * File: "name = value" lines, '#' comments; unknown names are errors. */
#ifndef GS_JWKSD_CONF_H
#define GS_JWKSD_CONF_H

#include <limits.h>
#include <stdint.h>
#include <sys/un.h>

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

void conf_defaults(struct conf *c);
/* RC_UNKNOWN, RC_RANGE, RC_LIMIT, RC_DUPLICATE, RC_SYNTAX, with the sentence to show. */
MUST rc conf_set(struct conf *c, struct view name, struct view value, struct fault *f);
/* The fault names the line. */
MUST rc conf_load(struct conf *c, const char *path, struct fault *f);
/* RC_USAGE: there is no issuer. */
MUST rc conf_check(const struct conf *c, struct fault *f);
void conf_print(void);

#endif
