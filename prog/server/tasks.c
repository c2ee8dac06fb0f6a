#include "prog/server/tasks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "prog/server/client_hosts.h"
#include "prog/server/later.h"
#include "prog/server/routes.h"
#include "prog/server/uploads.h"

#define ANSWER_BYTES_MAX ((size_t)96 << 20)
#define PARK_TICK_MS 250

/* Calls in order of arrival, and the threads that take them. */
struct queue {
	struct server *server;
	pthread_cond_t work;
	struct call_ctx *head;
	struct call_ctx *tail;
	size_t queued;
	size_t max;
	pthread_t *threads;
	size_t thread_count;
};

struct tasks {
	pthread_mutex_t lock;
	struct queue quick;
	struct queue slow; /* calls that run the worker: they never hold up the others */
	struct call_ctx *parked;
	size_t parked_count;
	size_t away; /* calls that are with the keeper and no thread's */
	bool stopping;
	struct nonces *nonces;
	bool has_ticker;
	pthread_t ticker;
};

/* The lock is held. */
static void append(struct queue *q, struct call_ctx *c)
{
	c->next = NULL;
	if (q->tail != NULL)
		q->tail->next = c;
	else
		q->head = c;
	q->tail = c;
	q->queued++;
	(void)pthread_cond_signal(&q->work);
}

/* The lock is held. False if the queue is full. */
static bool push(struct queue *q, struct call_ctx *c)
{
	if (q->queued >= q->max || q->server->tasks->stopping)
		return false;
	append(q, c);
	return true;
}

/* In an HTTP thread: the task has filled the answer. */
static void send_answer(struct http_exchange *x, void *ctx)
{
	struct call_ctx *c = ctx;
	const struct http_answer a = {
		.status = c->status,
		.content_type = c->content_type,
		.body = c->has_file ? NULL : &c->out,
		.has_fd = c->has_file,
		.fd = c->file,
		.size = c->file_size,
		.allow = c->allow[0] != '\0' ? c->allow : NULL,
		.retry_seconds = c->status == 503 || c->status == 429 ? 1 : 0,
	};

	c->has_file = false; /* the descriptor is the server's now */
	http_answer(x, &a);
}

/* Hands the call to a task thread, which wakes the exchange; fn runs then. */
static void enqueue(struct call_ctx *c, void (*fn)(struct http_exchange *x, void *ctx))
{
	struct tasks *t = c->server->tasks;
	bool room;

	http_defer(c->exchange, fn, c);
	(void)pthread_mutex_lock(&t->lock);
	room = push(&t->quick, c);
	(void)pthread_mutex_unlock(&t->lock);
	if (room)
		return;
	rc_ignore(call_refuse(c, REASON_CALL_LIMIT, "too many calls are waiting"),
		  "it is the answer");
	http_wake(c->exchange);
}

/* After the signature over the headers was checked: take the body, or refuse. */
static void begin_body(struct http_exchange *x, void *ctx)
{
	struct call_ctx *c = ctx;

	if (c->status != 0)
		send_answer(x, c);
	else if ((c->route->flags & ROUTE_UPLOAD) != 0)
		http_expect_stream(x);
	else
		http_expect_memory(x, c->route->body_max);
}

/* Large bodies are read from people of the roster only: the signature covers the body's digest, so
 * it can be checked before the body is here. Small ones save the detour. */
static bool is_signed_first(const struct call_ctx *c)
{
	if ((c->route->flags & ROUTE_UPLOAD) != 0)
		return true;
	return (c->route->flags & ROUTE_OPEN) == 0 && c->route->body_max > BODY_SMALL &&
	       http_body_size(c->exchange) > BODY_SMALL;
}

static void refuse_now(struct http_exchange *x, struct call_ctx *c, enum reason r, const char *text)
{
	rc_ignore(call_refuse(c, r, "%s", text), "it is the answer");
	send_answer(x, c);
}

static void on_begin(void *ctx, struct http_exchange *x)
{
	struct call_ctx *c = calloc(1, sizeof(*c));
	static const struct http_answer no_memory = {.status = 503, .content_type = "text/plain"};

	if (c == NULL) {
		http_answer(x, &no_memory);
		return;
	}
	c->server = ctx;
	c->exchange = x;
	c->method = http_method(x);
	c->file = -1;
	buf_init(&c->out, ANSWER_BYTES_MAX);
	http_set_user(x, c);
	if (http_fault(x) == HTTP_FAULT_CLIENT_CERT) {
		refuse_now(x, c, REASON_CALL_CERTIFICATE, http_fault_text(x));
		return;
	}
	if (http_fault(x) != 0) {
		refuse_now(x, c, REASON_CALL_FORM, "the request's framing is refused");
		return;
	}
	if (!rc_is_ok(http_target_parse(http_raw_target(x), &c->target, NULL))) {
		refuse_now(x, c, REASON_CALL_FORM, "the request's target is malformed");
		return;
	}
	c->route = route_find(c->method, &c->target, c->allow);
	if (c->route == NULL && c->allow[0] != '\0')
		refuse_now(x, c, REASON_CALL_METHOD, "");
	else if (c->route == NULL)
		refuse_now(x, c, REASON_CALL_NOTFOUND, "there is no such path");
	else if (is_signed_first(c)) {
		c->headers_only = true;
		enqueue(c, begin_body);
	} else
		http_expect_memory(x, c->route->body_max);
}

static bool on_data(void *ctx, struct http_exchange *x, struct view piece)
{
	struct call_ctx *c = http_user(x);

	(void)ctx;
	if (rc_is_ok(upload_data(c, piece)))
		return true;
	send_answer(x, c);
	return false;
}

static void on_ready(void *ctx, struct http_exchange *x)
{
	struct call_ctx *c = http_user(x);

	(void)ctx;
	if (http_fault(x) == HTTP_FAULT_BODY_LIMIT)
		refuse_now(x, c, REASON_FORM_LIMIT, "the body is larger than this path permits");
	else if (http_fault(x) != 0)
		refuse_now(x, c, REASON_CALL_LIMIT, "the server holds too many bodies");
	else {
		c->body = http_body(x);
		enqueue(c, send_answer);
	}
}

static void on_end(void *ctx, struct http_exchange *x)
{
	struct call_ctx *c = http_user(x);

	(void)ctx;
	if (c == NULL)
		return;
	upload_abandon(c);
	later_free(c->later);
	if (c->has_file)
		fd_close(&c->file);
	buf_release(&c->out);
	free(c);
}

struct http_handler tasks_handler(struct server *s)
{
	return (struct http_handler){
		.begin = on_begin, .data = on_data, .ready = on_ready, .end = on_end, .ctx = s};
}

/* ---- Task threads ---- */

/* Who calls, once for each call. */
static rc authenticate(struct call_ctx *c, struct nonces *nonces)
{
	bool upload = (c->route->flags & ROUTE_UPLOAD) != 0;

	if ((c->route->flags & ROUTE_OPEN) != 0)
		return OK;
	TRY(client_hosts_check(c));
	if (c->person.s[0] != '\0')
		return auth_body(c, upload);
	TRY(auth_check(c, nonces, upload));
	if (!c->headers_only)
		return auth_body(c, upload);
	return upload ? upload_begin(c) : OK;
}

/* Runs the handler; an rc that left no answer becomes one. */
static void run_call(struct call_ctx *c, struct nonces *nonces)
{
	rc r = authenticate(c, nonces);

	if (rc_is_ok(r) && c->headers_only) {
		c->headers_only = false;
		return;
	}
	if (rc_is_ok(r))
		r = c->route->run(c);
	if (!rc_is_ok(r) && c->status == 0)
		rc_ignore(call_refuse(c, REASON_CALL_LIMIT, "the server could not do this: %s",
				      rc_name(r)),
			  "it is the answer");
	if (c->status >= 400)
		log_info("%s %.*s by %s%s: %u", c->method, (int)c->target.path.len,
			 (const char *)c->target.path.ptr, c->host.s[0] ? "host " : "",
			 c->host.s[0]	  ? c->host.s
			 : c->person.s[0] ? c->person.s
					  : "-",
			 c->status);
}

static struct call_ctx *pop(struct queue *q)
{
	struct call_ctx *c;

	while (q->head == NULL && (!q->server->tasks->stopping || q->server->tasks->away > 0))
		(void)pthread_cond_wait(&q->work, &q->server->tasks->lock);
	c = q->head;
	if (c == NULL)
		return NULL;
	q->head = c->next;
	if (q->head == NULL)
		q->tail = NULL;
	q->queued--;
	return c;
}

bool task_is_slow(struct call_ctx *c)
{
	if (c->in_slow)
		return false;
	c->wants_slow = true;
	return true;
}

/* The call is run again by a thread that may take its time; false if the answer is there. */
static bool move_to_slow(struct tasks *t, struct call_ctx *c)
{
	bool room;

	if (!c->wants_slow || c->status != 0)
		return false;
	c->wants_slow = false;
	c->in_slow = true;
	(void)pthread_mutex_lock(&t->lock);
	room = push(&t->slow, c);
	(void)pthread_mutex_unlock(&t->lock);
	if (!room)
		rc_ignore(call_refuse(c, REASON_CALL_LIMIT, "too many files wait for inspection"),
			  "it is the answer");
	return room;
}

/* Keeps a call that waits; false if there is no room. */
static bool park(struct tasks *t, struct call_ctx *c)
{
	bool room;

	(void)pthread_mutex_lock(&t->lock);
	room = t->parked_count < PARKED_MAX && !t->stopping;
	if (room) {
		c->next = t->parked;
		t->parked = c;
		t->parked_count++;
	}
	(void)pthread_mutex_unlock(&t->lock);
	return room;
}

bool tasks_may_send(struct server *s)
{
	bool may;

	(void)pthread_mutex_lock(&s->tasks->lock);
	may = s->tasks->away < s->conf.tasks;
	(void)pthread_mutex_unlock(&s->tasks->lock);
	return may;
}

static void send_away(struct tasks *t, struct call_ctx *c)
{
	(void)pthread_mutex_lock(&t->lock);
	t->away++;
	(void)pthread_mutex_unlock(&t->lock);
	later_send(c);
}

/* The lock is held. */
static void is_back(struct tasks *t)
{
	t->away--;
	if (t->stopping && t->away == 0) {
		(void)pthread_cond_broadcast(&t->quick.work);
		(void)pthread_cond_broadcast(&t->slow.work);
	}
}

void tasks_answer(struct call_ctx *c)
{
	struct tasks *t = c->server->tasks;

	http_wake(c->exchange);
	(void)pthread_mutex_lock(&t->lock);
	is_back(t);
	(void)pthread_mutex_unlock(&t->lock);
}

void tasks_return(struct call_ctx *c)
{
	struct tasks *t = c->server->tasks;

	(void)pthread_mutex_lock(&t->lock);
	append(&t->quick, c); /* it has had its place in the queue */
	is_back(t);
	(void)pthread_mutex_unlock(&t->lock);
}

static void *task_main(void *ctx)
{
	struct queue *q = ctx;
	struct tasks *t = q->server->tasks;

	for (;;) {
		struct call_ctx *c;

		(void)pthread_mutex_lock(&t->lock);
		c = pop(q);
		(void)pthread_mutex_unlock(&t->lock);
		if (c == NULL)
			return NULL;
		c->parked = false;
		run_call(c, t->nonces);
		if (c->parked) {
			if (park(t, c))
				continue;
			/* No room to wait: the caller asks again later. */
			c->until = 0;
			c->parked = false;
			run_call(c, t->nonces);
		}
		if (c->leaves) {
			send_away(t, c);
			continue;
		}
		if (!move_to_slow(t, c))
			http_wake(c->exchange);
	}
}

/* Moves parked calls back to the queue: those that wait for this request (all, if id is NULL), or
 * whose time is over. The lock is held. */
static void unpark(struct tasks *t, unix_time now, bool all, const struct digest *id)
{
	struct call_ctx **at = &t->parked;

	while (*at != NULL) {
		struct call_ctx *c = *at;

		if (!all && now < c->until && (id == NULL || !digest_is_equal(id, &c->waits_for))) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		if (!push(&t->quick, c)) {
			c->next = *at;
			*at = c;
			return; /* tried again at the next tick */
		}
		t->parked_count--;
	}
}

static void *ticker_main(void *ctx)
{
	struct tasks *t = ((struct server *)ctx)->tasks;
	const struct timespec tick = {.tv_nsec = PARK_TICK_MS * 1000000L};
	bool stopping = false;

	while (!stopping) {
		(void)nanosleep(&tick, NULL);
		(void)pthread_mutex_lock(&t->lock);
		stopping = t->stopping;
		if (!stopping)
			unpark(t, clock_now(&clock_system), false, NULL);
		(void)pthread_mutex_unlock(&t->lock);
	}
	return NULL;
}

void tasks_changed(struct server *s, const struct digest *id)
{
	(void)pthread_mutex_lock(&s->tasks->lock);
	unpark(s->tasks, 0, false, id);
	(void)pthread_mutex_unlock(&s->tasks->lock);
}

static rc queue_start(struct server *s, struct queue *q, size_t threads, size_t max,
		      struct fault *f)
{
	q->server = s;
	q->max = max;
	(void)pthread_cond_init(&q->work, NULL);
	q->threads = calloc(threads, sizeof(*q->threads));
	if (q->threads == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	for (size_t i = 0; i < threads; i++) {
		if (pthread_create(&q->threads[i], NULL, task_main, q) != 0)
			return fault_set(f, RC_NOMEM, 0, "no thread");
		q->thread_count++;
	}
	return OK;
}

static void queue_stop(struct queue *q)
{
	for (size_t i = 0; i < q->thread_count; i++)
		(void)pthread_join(q->threads[i], NULL);
	free(q->threads);
}

rc tasks_start(struct server *s, struct nonces *nonces, struct fault *f)
{
	struct tasks *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	t->nonces = nonces;
	(void)pthread_mutex_init(&t->lock, NULL);
	s->tasks = t;
	if (pthread_create(&t->ticker, NULL, ticker_main, s) != 0)
		return fault_set(f, RC_NOMEM, 0, "no thread");
	t->has_ticker = true;
	TRY(queue_start(s, &t->quick, s->conf.tasks, TASKS_QUEUE_MAX, f));
	return queue_start(s, &t->slow, s->conf.workers, TASKS_SLOW_MAX, f);
}

void tasks_stop(struct server *s)
{
	struct tasks *t = s->tasks;

	if (t == NULL)
		return;
	(void)pthread_mutex_lock(&t->lock);
	unpark(t, 0, true, NULL);
	t->stopping = true;
	if (t->quick.server != NULL)
		(void)pthread_cond_broadcast(&t->quick.work);
	if (t->slow.server != NULL)
		(void)pthread_cond_broadcast(&t->slow.work);
	(void)pthread_mutex_unlock(&t->lock);
	if (t->has_ticker)
		(void)pthread_join(t->ticker, NULL);
	queue_stop(&t->quick);
	queue_stop(&t->slow);
}

void tasks_free(struct server *s)
{
	free(s->tasks);
	s->tasks = NULL;
}
