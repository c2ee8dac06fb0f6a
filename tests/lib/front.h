/* front - a running greatseald in front of a fixture's keeper, and calls to it as its people.
 *
 * Owns: one server process with its data directory inside the fixture's, one HTTPS connection.
 * Every failure ends the test program (fx_check). */
#ifndef GS_TESTS_FRONT_H
#define GS_TESTS_FRONT_H

#include <jansson.h>
#include <sys/types.h>

#include "lib/model/call.h"
#include "lib/net/https_client.h"
#include "tests/lib/fixture.h"

#define FRONT_SETTINGS 16
/* What differs from the usual server. */
struct front_options {
	const char *settings[FRONT_SETTINGS]; /* "--NAME", "VALUE", .. ; ends with NULL */
	const char *client_cert;	      /* PEM files of our own connections, or NULL */
	const char *client_key;
	bool clock; /* the server's clock turns with the fixture's */
};

struct front {
	struct fixture *fx;
	struct front_options options;
	pid_t pid;
	bool may_die; /* the server may end by itself; calls are then answered with 0 */
	int ended;    /* its status, if it did */
	char data[240];
	char address[64]; /* of the running server */
	struct digest pin;
	struct https_client *client;
	/* last answer */
	unsigned status;
	char content_type[96];
	struct buf body;
	json_t *json; /* borrowed from here; NULL if the body is not JSON */
};

/* init and run. The server is started with the crash shim if there is a file "crash-server" in the
 * fixture's directory (tests/lib/power.h). */
void front_start(struct front *s, struct fixture *fx);
/* Waits until the server has found the keeper (again), or has ended where it may. */
void front_ready(struct front *s);
/* A start that is to be refused: its exit status. */
int front_try(struct front *s);
void front_start_with(struct front *s, struct fixture *fx, const struct front_options *o);
void front_run(struct front *s);  /* after front_stop or front_kill */
void front_stop(struct front *s); /* SIGTERM; checks status 0 */
void front_kill(struct front *s);
/* Ends it if it still runs, by SIGTERM; its status, or that of before. */
int front_wait(struct front *s);
void front_end(struct front *s); /* stops; the fixture removes the data */

/* A second connection to the same server, for a thread of its own. */
void front_clone(struct front *to, const struct front *from);
void front_clone_end(struct front *s);

/* How a call is signed; zero is the right way. */
struct front_call {
	const char *method;
	const char *target;
	struct view body;
	bool upload;		 /* signed without a body digest */
	long skew;		 /* seconds */
	const char *sign_target; /* NULL: target */
	struct view sign_body;	 /* ptr NULL: body */
	const struct digest *pin;
	const struct fx_key *key;  /* NULL: the person's first */
	const char *authorization; /* sent instead; "" for none */
};
/* Makes the value of the Authorization header (without its name). */
void front_authorize(struct front *s, const char *person, const struct front_call *c,
		     struct buf *out);
/* One call; the answer's status, 0 if the connection was cut. */
unsigned front_send(struct front *s, const char *person, const struct front_call *c);
/* Short forms; the body is JSON text or empty. */
unsigned front_get(struct front *s, const char *person, const char *target);
unsigned front_post(struct front *s, const char *person, const char *target, json_t *body);
unsigned front_patch(struct front *s, const char *person, const char *target, struct view bytes);

/* "error.code" of the last answer, or "". */
const char *front_reason(const struct front *s);
/* A string or number by path: "status.state". "" or -1 if it is not there. */
const char *front_text(const struct front *s, const char *path);
json_int_t front_number(const struct front *s, const char *path);

json_t *front_base64(struct view bytes);
/* POST /v1/requests (or another target) with q signed by its requester and host. */
unsigned front_submit(struct front *s, const char *target, const struct fx_request *q, bool sign);
/* A signed act of person on q, and its sending; the same twice is the same act. */
struct front_statement {
	enum statement_kind kind;
	char person[64];
	char target[140];
	struct buf statement;
	struct buf sig;
};
void front_act_make(struct front *s, const struct act *act, struct front_statement *ret);
unsigned front_act_send(struct front *s, const struct front_statement *st);
void front_statement_release(struct front_statement *st);
/* The same, as a call of somebody else's. */
unsigned front_submit_as(struct front *s, const char *person, const char *target,
			 const struct fx_request *q, bool sign);
/* An act of person on q. */
unsigned front_act(struct front *s, enum statement_kind kind, const char *person,
		   const struct fx_request *q);
/* The change with person's signature: proposes it, or adds to it. */
unsigned front_change(struct front *s, enum statement_kind kind, struct view statement,
		      const char *person);
/* The pattern with the digest in place of its "%s"; good until the next call. */
const char *front_path(const struct digest *d, const char *pattern);
/* Bytes that look like none of another seed. */
void front_fill(uint8_t *bytes, size_t n, unsigned seed);
/* POST and PATCH of /v1/uploads. */
unsigned front_announce(struct front *s, const char *person, const struct digest *d, uint64_t size);
unsigned front_patch_at(struct front *s, const char *person, const struct digest *d,
			uint64_t offset, struct view bytes);
/* The part that a person sends of a file, while it is not whole: artifacts/<this>.part. */
struct digest front_part(const char *person, const struct digest *d);
/* Uploads the bytes whole. */
void front_upload(struct front *s, const char *person, struct view bytes);

#endif
