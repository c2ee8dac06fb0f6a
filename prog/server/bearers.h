/* bearers - what the keeper has said of tokens that came with calls.
 *
 * It counts for BEARER_SECONDS at most, never beyond the token's end, and under the roster by which
 * it was said. Owns: that memory, by the SHA-256 of service and token, never the token; a table of
 * fixed size. Thread-safe. Must not own: the clock, calls (bearer.h). */
#ifndef GS_SERVER_BEARERS_H
#define GS_SERVER_BEARERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"
#include "lib/crypt/digest.h"

#define BEARER_SECONDS 300
#define BEARERS_MAX 1024u /* the one that ends first makes room */

struct bearers {
	pthread_mutex_t lock;
	struct bearer {
		struct digest id;
		struct digest roster;
		unix_time since; /* before it, the clock was set back */
		unix_time until;
	} rows[BEARERS_MAX];
	size_t count;
};

void bearers_init(struct bearers *b);
void bearers_release(struct bearers *b);
/* Whether the keeper has said so under this roster, and it still counts. */
bool bearers_have(struct bearers *b, const struct digest *id, const struct digest *roster,
		  unix_time now);
/* expires: of the token. */
void bearers_add(struct bearers *b, const struct digest *id, const struct digest *roster,
		 unix_time now, unix_time expires);

#endif
