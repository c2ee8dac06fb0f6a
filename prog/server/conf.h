/* conf - the settings of greatseald. */
#ifndef GS_SERVER_CONF_H
#define GS_SERVER_CONF_H

#include "lib/base/settings.h"
#include "prog/server/server.h"

extern const struct settings conf_settings;

/* Whether what must be there is there. */
MUST rc conf_check(struct conf *c, struct fault *f);

#endif
