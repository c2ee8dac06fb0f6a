/* server_world - greatseald's handlers in this process, with a store in memory and a keeper that
 * refuses everything; for the fuzz target of the bodies.
 *
 * Owns: one temporary directory and one thread, which end with the program. */
#ifndef GS_TESTS_SERVER_WORLD_H
#define GS_TESTS_SERVER_WORLD_H

#include <stdbool.h>

#include "lib/base/view.h"

/* How many handlers there are that read a JSON body. */
unsigned server_handlers(void);
/* Hands the body to one of them as a signed call by "carol". False if there is no answer, the
 * answer is no JSON, is a fault of the server's own, or says that something was done that only a
 * keeper does. */
bool server_feed(unsigned handler, struct view body);

#endif
