#include "prog/server/tasks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "prog/server/routes.h"
#include "prog/server/uploads.h"

#define ANSWER_BYTES_MAX ((size_t)96 << 20)
#define PARK_TICK_MS 250

struct tasks {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct call_ctx *head;
	struct call_ctx *tail;
	size_t queued;
	struct call_ctx *parked;
	size_t parked_count;
	bool changed;
	bool stopping;
	struct nonces *nonces;
	pthread_t *threads;
	size_t thread_count;
	pthread_t ticker;
};

static void push(struct tasks *t, struct call_ctx *c)
{
	c->next = NULL;
	if (t->tail != NULL)
		t->tail->next = c;
	else
		t->head = c;
	t->tail = c;
	t->queued++;
	(void)pthread_cond_signal(&t->work);
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
		.retry_seconds = c->status == 503 || c->status == 429 ? 1 : 0,
	};

	c->has_file = false; /* the descriptor is the server's now */
	http_answer(x, &a);
}

/* Hands the call to a task thread, which wakes the exchange; fn runs then. */
static void enqueue(struct call_ctx *c, void (*fn)(struct http_exchange *x, void *ctx))
{
	struct tasks *t = c->server->tasks;
	bool full;

	http_defer(c->exchange, fn, c);
	(void)pthread_mutex_lock(&t->lock);
	full = t->queued >= TASKS_QUEUE_MAX || t->stopping;
	if (!full)
		push(t, c);
	(void)pthread_mutex_unlock(&t->lock);
	if (!full)
		return;
	rc_ignore(call_refuse(c, REASON_CALL_LIMIT, "too many calls are waiting"),
		  "it is the answer");
	http_wake(c->exchange);
}

/* After the signature of an upload was checked: take the body, or refuse. */
static void begin_upload(struct http_exchange *x, void *ctx)
{
	struct call_ctx *c = ctx;

	if (c->status != 0)
		send_answer(x, c);
	else
		http_expect_stream(x);
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
	bool path = false;

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
	if (http_fault(x) != 0) {
		refuse_now(x, c, REASON_CALL_FORM,
			   "the request's framing or certificate is refused");
		return;
	}
	if (!rc_is_ok(http_target_parse(http_raw_target(x), &c->target, NULL))) {
		refuse_now(x, c, REASON_CALL_FORM, "the request's target is malformed");
		return;
	}
	c->route = route_find(c->method, &c->target, &path);
	if (c->route == NULL)
		refuse_now(x, c, REASON_CALL_NOTFOUND,
			   path ? "this path has no such method" : "there is no such path");
	else if ((c->route->flags & ROUTE_UPLOAD) != 0)
		enqueue(c, begin_upload);
	else
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

/* Runs the handler; an rc that left no answer becomes one. */
static void run_call(struct call_ctx *c, struct nonces *nonces)
{
	bool upload = (c->route->flags & ROUTE_UPLOAD) != 0;
	rc r = OK;

	if (c->person.s[0] == '\0' && (c->route->flags & ROUTE_OPEN) == 0) {
		r = auth_check(c, nonces, upload);
		if (rc_is_ok(r) && upload) {
			r = upload_begin(c);
			if (rc_is_ok(r))
				return;
		}
	}
	if (rc_is_ok(r))
		r = c->route->run(c);
	if (!rc_is_ok(r) && c->status == 0)
		rc_ignore(call_refuse(c, REASON_CALL_LIMIT, "the server could not do this: %s",
				      rc_name(r)),
			  "it is the answer");
	if (c->status >= 400)
		log_info("%s %.*s by %s: %u", c->method, (int)c->target.path.len,
			 (const char *)c->target.path.ptr, c->person.s[0] ? c->person.s : "-",
			 c->status);
}

static struct call_ctx *pop(struct tasks *t)
{
	struct call_ctx *c;

	while (t->head == NULL && !t->stopping)
		(void)pthread_cond_wait(&t->work, &t->lock);
	c = t->head;
	if (c == NULL)
		return NULL;
	t->head = c->next;
	if (t->head == NULL)
		t->tail = NULL;
	t->queued--;
	return c;
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

static void *task_main(void *ctx)
{
	struct server *s = ctx;
	struct tasks *t = s->tasks;

	for (;;) {
		struct call_ctx *c;

		(void)pthread_mutex_lock(&t->lock);
		c = pop(t);
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
		http_wake(c->exchange);
	}
}

/* Moves parked calls back to the queue when something changed or their time is over. */
static void unpark(struct tasks *t, unix_time now, bool all)
{
	struct call_ctx **at = &t->parked;

	while (*at != NULL) {
		struct call_ctx *c = *at;

		if (!all && now < c->until) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		t->parked_count--;
		push(t, c);
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
		unpark(t, clock_now(&clock_system), t->changed || stopping);
		t->changed = false;
		(void)pthread_mutex_unlock(&t->lock);
	}
	return NULL;
}

void tasks_changed(struct server *s)
{
	(void)pthread_mutex_lock(&s->tasks->lock);
	s->tasks->changed = true;
	(void)pthread_mutex_unlock(&s->tasks->lock);
}

rc tasks_start(struct server *s, struct nonces *nonces, struct fault *f)
{
	struct tasks *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	t->threads = calloc(s->conf.tasks, sizeof(*t->threads));
	t->nonces = nonces;
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->work, NULL);
	s->tasks = t;
	if (t->threads == NULL || pthread_create(&t->ticker, NULL, ticker_main, s) != 0)
		return fault_set(f, RC_NOMEM, 0, "no memory or thread");
	for (size_t i = 0; i < s->conf.tasks; i++) {
		if (pthread_create(&t->threads[i], NULL, task_main, s) != 0)
			return fault_set(f, RC_NOMEM, 0, "no thread");
		t->thread_count++;
	}
	return OK;
}

void tasks_stop(struct server *s)
{
	struct tasks *t = s->tasks;

	if (t == NULL)
		return;
	(void)pthread_mutex_lock(&t->lock);
	t->stopping = true;
	unpark(t, 0, true);
	(void)pthread_cond_broadcast(&t->work);
	(void)pthread_mutex_unlock(&t->lock);
	(void)pthread_join(t->ticker, NULL);
	for (size_t i = 0; i < t->thread_count; i++)
		(void)pthread_join(t->threads[i], NULL);
	free(t->threads);
	free(t);
	s->tasks = NULL;
}
