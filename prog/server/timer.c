#include "prog/server/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/log.h"
#include "prog/server/guard.h"
#include "prog/server/pipeline.h"
#include "prog/server/rebuild.h"
#include "prog/server/room.h"

#define DUE_AT_ONCE 64u
#define PERIOD_SECONDS 2

struct timer {
	struct server *server;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
};

struct due {
	struct digest ids[DUE_AT_ONCE];
	size_t count;
};

static rc take_id(void *ctx, const struct digest *d)
{
	struct due *due = ctx;

	if (due->count < DUE_AT_ONCE)
		due->ids[due->count++] = *d;
	return OK;
}

/* A copy of what was submitted, as one frame. */
struct resubmit {
	uint64_t id;
	struct buf frame;
};

static rc take_request(void *ctx, const struct store_request *row)
{
	struct resubmit *r = ctx;
	const struct keeper_submit m = {.statement = row->statement,
					.requester_sig = row->requester_sig,
					.host_sig = row->host_sig,
					.sign = true};

	keeper_put_submit(&r->frame, r->id, KEEPER_SUBMIT, &m);
	return buf_done(&r->frame);
}

void request_show_again(struct server *s, const struct digest *id)
{
	struct call_ctx c = {.server = s, .file = -1};
	struct resubmit again = {.id = keeper_client_id(s->keeper)};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	rc r;

	buf_init(&c.out, (size_t)64 << 20);
	buf_init(&again.frame, KEEPER_FRAME_MAX);
	r = s->store->api->request_get(s->store, id, take_request, &again, NULL);
	if (rc_is_ok(r))
		r = call_keeper(&c, again.id, &again.frame, KEEPER_R_STATUS, KEEPER_R_RESULT,
				&reply);
	if (rc_is_ok(r))
		r = answer_reply(&c, id, &reply, NULL);
	rc_ignore(r, "it is due again in the next period");
	buf_release(&again.frame);
	buf_release(&c.out);
}

static bool is_stopping(struct timer *t)
{
	bool stopping;

	(void)pthread_mutex_lock(&t->lock);
	stopping = t->stopping;
	(void)pthread_mutex_unlock(&t->lock);
	return stopping;
}

static void run_due(struct timer *t)
{
	struct server *s = t->server;
	struct due due = {.count = 0};

	rc_ignore(s->store->api->request_due(s->store, clock_now(&clock_system), DUE_AT_ONCE,
					     take_id, &due, NULL),
		  "looked at again in the next period");
	for (size_t i = 0; i < due.count && !is_stopping(t); i++)
		request_show_again(s, &due.ids[i]);
}

/* Rows that the store has put off are written, or are looked for in the log again. */
static void settle(struct server *s, struct rebuild **rebuild, enum rebuild_state *state)
{
	struct rebuild *again;
	struct fault f = {0};

	if (rc_is_ok(s->store->api->settle(s->store, &f)))
		return;
	log_warn("%s; they are read back from the log", f.text);
	again = rebuild_new(s);
	if (again == NULL)
		return;
	rebuild_free(*rebuild);
	*rebuild = again;
	*state = REBUILD_MORE;
}

/* Waits for the next period, or not at all while there is more to do; false: it is over. The lock
 * is held. */
static bool wait_period(struct timer *t, bool busy)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += busy ? 0 : PERIOD_SECONDS;
	while (!t->stopping && pthread_cond_timedwait(&t->wake, &t->lock, &until) != ETIMEDOUT)
		continue;
	return !t->stopping;
}

static void *timer_main(void *ctx)
{
	struct timer *t = ctx;
	struct rebuild *rebuild = rebuild_new(t->server);
	enum rebuild_state state = rebuild == NULL ? REBUILD_WAIT : REBUILD_MORE;

	(void)pthread_mutex_lock(&t->lock);
	while (wait_period(t, state == REBUILD_MORE)) {
		(void)pthread_mutex_unlock(&t->lock);
		settle(t->server, &rebuild, &state);
		if (rebuild != NULL && state != REBUILD_DONE)
			state = rebuild_step(rebuild);
		run_due(t);
		guard_watch(t->server, clock_now(&clock_system));
		room_sweep(t->server, clock_now(&clock_system), state == REBUILD_DONE);
		(void)pthread_mutex_lock(&t->lock);
	}
	(void)pthread_mutex_unlock(&t->lock);
	rebuild_free(rebuild);
	return NULL;
}

rc timer_start(struct server *s, struct timer **ret, struct fault *f)
{
	struct timer *t = calloc(1, sizeof(*t));
	pthread_condattr_t attr;

	if (t == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	t->server = s;
	(void)pthread_mutex_init(&t->lock, NULL);
	/* A clock that is set must not put a period off. */
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&t->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (pthread_create(&t->thread, NULL, timer_main, t) != 0) {
		free(t);
		return fault_set(f, RC_NOMEM, 0, "no thread");
	}
	*ret = t;
	return OK;
}

void timer_stop(struct timer *t)
{
	if (t == NULL)
		return;
	(void)pthread_mutex_lock(&t->lock);
	t->stopping = true;
	(void)pthread_cond_signal(&t->wake);
	(void)pthread_mutex_unlock(&t->lock);
	(void)pthread_join(t->thread, NULL);
	free(t);
}
