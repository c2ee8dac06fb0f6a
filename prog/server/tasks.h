/* tasks - from HTTP exchanges to handlers: a queue and a pool of threads that may block, and the
 * calls that wait for a request to change.
 *
 * Owns: call contexts, the pool, the parked calls. */
#ifndef GS_SERVER_TASKS_H
#define GS_SERVER_TASKS_H

#include "prog/server/auth.h"
#include "prog/server/server.h"

#define TASKS_QUEUE_MAX 4096u
#define TASKS_SLOW_MAX 256u
#define PARKED_MAX 1024u
#define BODY_SMALL 65536u /* larger bodies are read after the signature was checked */

MUST rc tasks_start(struct server *s, struct nonces *nonces, struct fault *f);
/* Answers what is parked, runs what is queued, ends the threads. */
void tasks_stop(struct server *s);
void tasks_free(struct server *s);
/* The functions that http_server calls; ctx is the server. */
struct http_handler tasks_handler(struct server *s);
/* For calls that a task has sent to the keeper (later.h), from the thread that has the answer: the
 * exchange is woken to send what is in the call, or a task runs the call's handler again. */
bool tasks_may_send(struct server *s); /* as many as there are threads that could wait */
void tasks_answer(struct call_ctx *c);
void tasks_return(struct call_ctx *c);
/* A request has changed: calls that wait for it look again. */
void tasks_changed(struct server *s, const struct digest *id);
/* For handlers about to run the worker. True: return OK at once; the handler is run again in a
 * thread where it may take its time. */
bool task_is_slow(struct call_ctx *c);

#endif
