/* open_rate - how often one address may make the calls that nobody signs.
 *
 * Hosts enrol and renew, and recovery keys bring a roster, with calls that the keeper has to verify
 * and, if they are good, log. An address has OPEN_RATE_BURST of them at once, and one more each
 * second. Owns: the counts, in a table of fixed size; when it is full, the address that has waited
 * longest makes room. IPv6 addresses count by their /64. Thread-safe. Must not own: the clock. */
#ifndef GS_SERVER_OPEN_RATE_H
#define GS_SERVER_OPEN_RATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/view.h"

#define OPEN_RATE_BURST 120u
#define OPEN_RATE_MS 1000 /* for one call more */
#define OPEN_RATE_ADDRESSES 1024u
#define OPEN_RATE_KEY 8u

struct open_rate {
	pthread_mutex_t lock;
	struct {
		uint8_t key[OPEN_RATE_KEY];
		int64_t debt_until; /* monotonic ms: when all calls so far are paid for */
	} rows[OPEN_RATE_ADDRESSES];
	size_t count;
};

void open_rate_init(struct open_rate *r);
void open_rate_release(struct open_rate *r);
/* Counts a call from the address (4 or 16 bytes, network order; others are one address together).
 * false: too many. */
bool open_rate_take(struct open_rate *r, struct view address, int64_t now_ms);
/* Takes back a call that was counted: it turned out to be one that does not count. */
void open_rate_give(struct open_rate *r, struct view address);

#endif
