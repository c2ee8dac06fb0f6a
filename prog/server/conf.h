/* conf - the settings of greatseald: one table; a file of "name = value" lines and flags alike. */
#ifndef GS_SERVER_CONF_H
#define GS_SERVER_CONF_H

#include "prog/server/server.h"

void conf_defaults(struct conf *c);
/* Sets one by name. RC_UNKNOWN, RC_RANGE, RC_LIMIT with the sentence to show. */
MUST rc conf_set(struct conf *c, const char *name, struct view value, struct fault *f);
/* "name = value" lines; '#' begins a comment. The fault names the line. */
MUST rc conf_load(struct conf *c, const char *path, struct fault *f);
/* Whether what must be there is there. */
MUST rc conf_check(struct conf *c, struct fault *f);
/* Name, default and meaning of each, for --help and greatseald(8). */
void conf_print(void);

#endif
