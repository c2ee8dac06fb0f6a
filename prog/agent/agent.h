/* agent - what the parts of greatseal-agent share, and one exchange with a local client.
 *
 * Owns: lifetimes. Each connection has a thread of its own; its functions may block. */
#ifndef GS_AGENT_AGENT_H
#define GS_AGENT_AGENT_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/net/http_server.h"
#include "lib/net/http_target.h"
#include "prog/agent/conf.h"
#include "prog/agent/host_key.h"
#include "prog/agent/pool.h"

/* Who this host is and whom it talks to: from the settings, or from enrolment. */
struct who {
	char server[512];
	struct digest pin;
	char origin[ORIGIN_MAX + 1];
	struct name host;
	char klass[16]; /* "software" ..; "" for a key of the roster */
};

struct agent {
	struct conf conf;
	struct clock clock;
	struct who who;
	struct host_key *key;
	struct prober *prober;
	int dirfd; /* of the state, and its lock; -1: not enrolled */
	int lock;
	struct svid_source *svid;   /* NULL: the key is no SVID's */
	struct tls_identity *first; /* at the start, or NULL */
	struct renewal *renewal;    /* NULL: not enrolled */
	struct guard_post *guard;   /* NULL: no guard is asked */
	struct pool *pool;	    /* connections to the server */
	struct http_server *http;
	atomic_bool ending;	   /* calls that wait are given up */
	_Atomic unix_time expires; /* of the certificate; 0: there is none */
};

/* One exchange; lives from begin to end. */
struct talk {
	struct agent *agent;
	struct http_exchange *exchange;
	const struct http_peer *peer;
	struct http_target target;
	const struct local_call *local; /* answered here; else relayed */
	struct relay *relay;
};

/* {"error":{"code","text","remedy"}}: an answer of our own. */
void talk_refuse(struct talk *t, unsigned status, const char *code, const char *remedy,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Takes the value and answers with it. */
void talk_json(struct talk *t, json_t *value);

/* talk.c: the handler of the HTTP server. */
struct http_handler talk_handler(struct agent *a);

static inline void json_autorelease(json_t **j)
{
	json_decref(*j);
}

#endif
