#include "prog/agent/guard_post.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/log.h"
#include "lib/codec/jcan.h"
#include "lib/crypt/spiffe.h"
#include "prog/agent/guard_feed.h"
#include "prog/agent/host_api.h"
#include "prog/agent/relay.h"

#define TARGET "/v1/guard/events"
#define RETRY_TICKS 5 /* after a call that has failed */

struct guard_post {
	struct agent *agent;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool stopping;
	/* The thread's own. */
	struct guard_event *events;
	struct guard_feed feed;
	struct guard_state told; /* that the server has */
	unix_time told_at;
	uint64_t skip;	  /* ticks to let pass */
	size_t limit;	  /* events of a batch */
	bool said_absent; /* in the log */
};

/* ---- What there is to tell ------------------------------------------------------------------*/

static void look_at_guard(struct guard_post *p)
{
	struct fault f = {0};
	rc r;

	p->feed.events = p->events;
	r = guard_feed_fetch(p->agent->conf.guard, &p->feed, &f);
	if (rc_is_ok(r)) {
		p->said_absent = false;
		return;
	}
	if (!p->said_absent)
		log_warn("guard: %s", f.text);
	p->said_absent = true;
	p->feed.count = 0;
	p->feed.dropped = 0;
	p->feed.state = (struct guard_state){0};
	(void)snprintf(p->feed.state.mode, sizeof(p->feed.state.mode), "%s", GUARD_ABSENT_WORD);
	(void)snprintf(p->feed.state.level, sizeof(p->feed.state.level), "none");
}

static bool is_news(const struct guard_post *p, unix_time now)
{
	const struct guard_state *s = &p->feed.state, *t = &p->told;

	return p->feed.count > 0 || now < p->told_at ||
	       now - p->told_at >= (unix_time)p->agent->conf.guard_heartbeat ||
	       strcmp(s->mode, t->mode) != 0 || strcmp(s->level, t->level) != 0 ||
	       s->has_list != t->has_list || s->serial != t->serial;
}

/* ---- Sending --------------------------------------------------------------------------------*/

static rc make_batch(struct guard_post *p, unix_time now, size_t count, struct buf *out,
		     struct fault *f)
{
	struct agent *a = p->agent;
	struct guard_batch b = {.host = a->who.host,
				.time = now,
				.dropped = p->feed.dropped,
				.state = p->feed.state};

	memcpy(b.origin, a->who.origin, sizeof(b.origin));
	memcpy(b.run, p->feed.run, sizeof(b.run));
	return guard_batch_encode(&b, p->events, count, out, f);
}

static rc make_body(struct guard_post *p, struct view batch, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf sig = {0};
	struct jcan_out w;

	buf_init(&sig, SVID_PROOF_MAX);
	TRY(host_key_sshsig(p->agent->key, GUARD_NS, batch, &sig, f));
	jcan_out_init(&w, out);
	jcan_out_object(&w);
	jcan_out_key(&w, "batch");
	jcan_out_base64(&w, batch);
	jcan_out_key(&w, "signature");
	jcan_out_base64(&w, buf_view(&sig));
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

static bool go_on(void *ctx, uint64_t moved, uint64_t total)
{
	struct guard_post *p = (struct guard_post *)ctx;

	(void)moved;
	(void)total;
	return !atomic_load(&p->stopping);
}

/* RC_DENIED: the server does not want these bytes; RC_BUSY and others: later. */
static rc post(struct guard_post *p, struct view body, struct fault *f)
{
	AUTO(https_answer) struct https_answer answer = {0};
	const struct https_progress progress = {.step = go_on, .ctx = p};
	const struct https_request q = {.method = "POST",
					.progress = &progress,
					.target = TARGET,
					.headers = {"Content-Type: application/json"},
					.body = body};
	struct pool_client client;
	struct host_api_refusal why;
	rc r;

	relay_look_at_svid(p->agent);
	TRY(pool_take(p->agent->pool, &client, f));
	r = https_call(client.client, &q, &answer, f);
	pool_give(p->agent->pool, &client);
	TRY(r);
	if (answer.status == 200)
		return OK;
	host_api_refusal(buf_view(&answer.body), &why);
	/* Whose fault it is: of the bytes, or of clocks, keys and the server. */
	return fault_set(f,
			 answer.status == 400 || answer.status == 413 || answer.status == 422
				 ? RC_DENIED
				 : RC_BUSY,
			 0, "the server answered %u: %s: %s%s%s", answer.status, why.code, why.text,
			 why.remedy[0] != '\0' ? "; " : "", why.remedy);
}

static rc send_batch(struct guard_post *p, unix_time now, size_t count, struct fault *f)
{
	AUTO(buf) struct buf batch = {0};
	AUTO(buf) struct buf body = {0};

	buf_init(&batch, GUARD_BATCH_MAX);
	buf_init(&body, GUARD_BATCH_MAX / 3 * 4 + 2 * SVID_PROOF_MAX + 64);
	TRY(make_batch(p, now, count, &batch, f));
	TRY(make_body(p, buf_view(&batch), &body, f));
	return post(p, buf_view(&body), f);
}

static rc ack(struct guard_post *p, size_t count, struct fault *f)
{
	if (count == 0)
		return OK;
	return guard_feed_ack(p->agent->conf.guard, p->feed.run, p->events[count - 1].seq, f);
}

/* One that the server does not take must not hold up the others: they are sent one by one, and that
 * one is given up. */
static rc give_up(struct guard_post *p, size_t count, rc r, struct fault *f)
{
	if (r.code != RC_DENIED && r.code != RC_LIMIT)
		return r;
	if (count > 1) {
		p->limit = 1;
		return OK;
	}
	log_warn("guard: %s%s", f->text, count > 0 ? "; this event is given up" : "");
	return count > 0 ? ack(p, count, f) : r;
}

/* True: there may be more at once. */
static bool round_of(struct guard_post *p)
{
	unix_time now = clock_now(&p->agent->clock);
	struct fault f = {0};
	size_t count;
	rc r;

	look_at_guard(p);
	if (!is_news(p, now))
		return false;
	count = p->feed.count < p->limit ? p->feed.count : p->limit;
	r = send_batch(p, now, count, &f);
	if (rc_is_ok(r)) {
		p->told = p->feed.state;
		p->told_at = now;
		p->limit = p->limit < GUARD_EVENTS_MAX / 2 ? p->limit * 2 : GUARD_EVENTS_MAX;
		r = ack(p, count, &f);
	} else {
		r = give_up(p, count, r, &f);
	}
	if (rc_is_ok(r))
		return count > 0;
	log_warn("guard: reports stay here: %s", f.text);
	p->skip = RETRY_TICKS;
	return false;
}

/* ---- The thread -----------------------------------------------------------------------------*/

static void *run(void *ctx)
{
	struct guard_post *p = (struct guard_post *)ctx;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		struct timespec t;
		bool more = false;

		(void)pthread_mutex_unlock(&p->lock);
		if (p->skip > 0)
			p->skip--;
		else
			more = round_of(p);
		(void)pthread_mutex_lock(&p->lock);
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec += (time_t)p->agent->conf.guard_interval;
		if (!p->stopping && !more)
			(void)pthread_cond_timedwait(&p->changed, &p->lock, &t);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

rc guard_post_start(struct agent *a, struct guard_post **ret, struct fault *f)
{
	struct guard_post *p = (struct guard_post *)calloc(1, sizeof(*p));
	pthread_condattr_t attr;
	int failed;

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	p->agent = a;
	p->limit = GUARD_EVENTS_MAX;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	p->events = (struct guard_event *)calloc(GUARD_EVENTS_MAX, sizeof(*p->events));
	failed = p->events == NULL ? -1 : pthread_create(&p->thread, NULL, run, p);
	p->has_thread = failed == 0;
	if (failed != 0) {
		guard_post_stop(p);
		return fault_set(f, RC_NOMEM, 0, "no thread for the guard's reports");
	}
	*ret = p;
	return OK;
}

void guard_post_stop(struct guard_post *p)
{
	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stopping = true;
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
	if (p->has_thread)
		(void)pthread_join(p->thread, NULL);
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->events);
	free(p);
}
