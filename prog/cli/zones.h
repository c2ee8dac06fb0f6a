/* zones - this machine's time zones, for what the command line checks by itself. */
#ifndef GS_CLI_ZONES_H
#define GS_CLI_ZONES_H

#include "lib/policy/zone.h"

/* The files of /usr/share/zoneinfo. */
extern const struct zone_source zones_system;

#endif
