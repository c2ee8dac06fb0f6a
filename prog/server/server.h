/* server - what the parts of greatseald share: the store, the keeper's connection, directories,
 * limits; and one call as the handlers see it.
 *
 * Owns: lifetimes. Handlers run in task threads and may block; the HTTP threads never do. */
#ifndef GS_SERVER_SERVER_H
#define GS_SERVER_SERVER_H

#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/model/reason.h"
#include "lib/model/roster.h"
#include "lib/net/http_server.h"
#include "lib/net/http_target.h"
#include "lib/store/store.h"
#include "prog/server/bearers.h"
#include "prog/server/keeper_client.h"
#include "prog/server/open_rate.h"

struct conf {
	char listen[128];
	char data[PATH_MAX];
	char keeper_socket[PATH_MAX];
	char public_log[PATH_MAX];
	char worker[PATH_MAX];
	char client_ca[PATH_MAX];
	/* From client_ca. */
	bool client_hosts;
	char client_file[PATH_MAX]; /* "": none */
	uint64_t upload_max;
	uint64_t upload_keep;	 /* hours */
	uint64_t uploads_total;	 /* bytes; 0: no limit */
	uint64_t artifacts_keep; /* days; 0: for ever */
	uint64_t threads;
	uint64_t tasks;
	uint64_t workers;
	uint64_t connections;
	uint64_t connections_address;
	uint64_t guard_silence; /* seconds */
	uint64_t guard_events;	/* of one host */
	uint64_t guard_digests; /* likewise */
	uint64_t guard_keep;	/* days */
};

struct tasks;
struct room;
struct client_hosts;

/* The roster in force, shared by calls that run; replaced as a whole. */
struct roster_ref {
	struct roster *roster;
	unsigned users;
};

struct server {
	struct conf conf;
	struct store *store;
	struct keeper_client *keeper;
	struct http_server *http;
	struct tasks *tasks;
	struct open_rate open_rate; /* of calls that nobody has signed, and of bad tokens */
	struct bearers bearers;
	struct room *room;	    /* bytes kept in the data directory */
	struct client_hosts *hosts; /* NULL: connections need not be hosts' */
	struct digest pin;
	int data_fd;	      /* data directory */
	int public_fd;	      /* the log's directory, or -1 until it is there */
	atomic_uint sinks;    /* uploads with a thread of their own */
	pthread_mutex_t lock; /* roster, upload locks */
	struct roster_ref *roster;
	unix_time roster_read;
	pthread_mutex_t issued_lock; /* over the index of signatures, and alarms (issued.h) */
	unix_time guard_swept;	     /* the timer's */
};

#define ALLOW_TEXT 32

/* One call. Handlers fill status and either body or file, or call call_refuse. */
struct call_ctx {
	struct server *server;
	struct http_exchange *exchange;
	const struct route *route;
	struct http_target target;
	const char *method;
	struct name person; /* whom the signature is by; empty for open routes */
	struct name host;   /* or which host's, where the route lets hosts call */
	struct view body;
	struct call_ctx *next;		    /* in the task queue */
	void (*resume)(struct call_ctx *c); /* for calls that wait: what to run again */
	uint64_t since;
	unix_time until;
	/* the answer */
	unsigned status;
	struct buf out;
	const char *content_type;
	char allow[ALLOW_TEXT]; /* methods of the path, for 405 */
	int file;
	bool has_file;
	uint64_t file_size;
	bool parked;		   /* the answer comes later */
	struct digest waits_for;   /* the request whose change unparks it */
	struct digest signed_body; /* the digest that the call's signature covers */
	bool is_bearer;		   /* by a token, which covers no body */
	bool headers_only;	   /* the body has not been read yet */
	bool wants_slow;	   /* to be run again where slow calls run */
	bool in_slow;
	struct later *later; /* what is left to do when the keeper's answer is there (later.h) */
	bool leaves;	     /* later is to be sent, after which the call is not the task's */
	bool waits;	     /* the answer is waited for in this thread, come what may */
	bool in_reader;	     /* run by the thread that reads the keeper's answers */
	struct upload_write *upload;
};

/* {"error":{...}} with the status that belongs to the reason. Always returns RC(RC_DENIED). */
rc call_refuse(struct call_ctx *c, enum reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Takes the JSON value and answers with it. RC_NOMEM. */
MUST rc call_json(struct call_ctx *c, unsigned status, json_t *value);
/* The body as a JSON object. Refuses with call.form. */
MUST rc call_body(struct call_ctx *c, json_t **ret);
/* base64 member of the body appended to out. Refuses with call.form. */
MUST rc call_bytes(struct call_ctx *c, const json_t *body, const char *name, struct buf *out);
/* The same of one that may be a token: the text is wiped in the body. */
MUST rc call_secret(struct call_ctx *c, const json_t *body, const char *name, struct buf *out);
/* Segment i of the path as a digest. Refuses with call.not-found. */
MUST rc call_digest(struct call_ctx *c, size_t segment, struct digest *ret);
/* Decimal query parameter, or the fallback. Refuses with call.form. */
MUST rc call_number(struct call_ctx *c, const char *name, uint64_t max, uint64_t fallback,
		    uint64_t *ret);

/* Counts a call that nobody has signed for its address (open_rate.h); false: too many. */
bool call_rate_take(struct call_ctx *c);
/* It was one by somebody who is known after all. */
void call_rate_give(struct call_ctx *c);
/* For calls that nobody has signed and that cost the keeper a verification. Refuses with
 * call.limit. */
MUST rc call_open_rate(struct call_ctx *c);

/* Sends a frame to the keeper. Refuses with keeper.unavailable, or with the reason in an R_ERROR;
 * the answer is of type want or want2. */
MUST rc call_keeper(struct call_ctx *c, uint64_t id, const struct buf *frame, enum keeper_type want,
		    enum keeper_type want2, struct keeper_reply *ret);
/* The same for an answer that is here already. */
MUST rc call_keeper_reply(struct call_ctx *c, const struct keeper_reply *reply,
			  enum keeper_type want, enum keeper_type want2);
/* Refuses with keeper.unavailable. */
rc call_keeper_away(struct call_ctx *c);
/* What the keeper says of itself. Refuses like call_keeper. */
MUST rc call_hello(struct call_ctx *c, struct keeper_hello *ret);
/* The log's directory, or -1 while it is not there. */
int server_log_fd(struct server *s);
/* JSON bytes to a value. */
MUST rc call_parse(struct call_ctx *c, struct view bytes, json_t **ret);
json_t *json_base64(struct view bytes);

/* Canonical text of a value (lib/codec/jcan.h); the caller frees it. NULL without memory. */
char *json_text(const json_t *value);
static inline void json_text_autorelease(char **text)
{
	free(*text);
}
static inline void json_autorelease(json_t **j)
{
	json_decref(*j);
}

#endif
