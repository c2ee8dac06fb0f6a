/* feed - what the guard gives to greatseal-agent: its state and the events of the backlog.
 *
 * A unix stream socket, one line in, lines of JSON out, then the end:
 *	batch		{"count":N,"dropped":N,"level":L,"list":NAME?,"mode":M,"ok":true,"run":HEX,
 *			"serial":N?}, then N lines {"event":{..},"seq":N}, the oldest
 *	state		the first of these lines alone; N is 0
 *	ack RUN SEQ	events up to there are not given out again; {"ok":true}
 * Only root and the user of the setting `reader` are answered. Served by the reporter, which may
 * hang; nothing here waits for the other end. Owns: this form. Must not own: the backlog's files.
 */
#ifndef GS_GUARD_FEED_H
#define GS_GUARD_FEED_H

#include <poll.h>

#include "prog/guard/backlog.h"
#include "prog/guard/guard.h"

#define FEED_EVENTS_MAX 128u
#define FEED_REPLY_MAX 98304u
#define FEED_CLIENTS 4u

/* Before the guard locks itself in. RC_LIMIT: the path; RC_NOTFOUND: no such user; RC_IO. */
MUST rc feed_open(struct guard *g, struct fault *f);

struct feed {
	const struct guard *g;
	struct backlog *backlog;
	struct {
		int fd; /* -1: free */
		size_t len;
		char line[128];
		uint64_t since;
	} client[FEED_CLIENTS];
};

void feed_init(struct feed *s, const struct guard *g, struct backlog *b);
/* Descriptors to wait for; how many. */
#define FEED_POLL (1u + FEED_CLIENTS)
void feed_poll(const struct feed *s, struct pollfd p[FEED_POLL]);
/* Does what is to be done after a wait. */
void feed_run(struct feed *s, const struct pollfd p[FEED_POLL]);

#endif
