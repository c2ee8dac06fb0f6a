#include "prog/keeper/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"

#define LANES_MAX KEYRING_TOKENS_MAX
#define PROBE_SECONDS 2 /* between two questions to a token that is absent */

struct queue {
	struct work *head;
	struct work *tail;
};

struct lane {
	struct pool *pool;
	struct token *token;
	pthread_cond_t wake;
	struct queue queue;
	size_t queued;	       /* works in it */
	bool probing;	       /* a thread of the lane looks after the absent token */
	enum rc_code answered; /* the last probe; a thread that is probing owns it */
};

struct pool {
	pthread_mutex_t mutex; /* guards queues, parts and stop */
	struct lane lane[LANES_MAX];
	size_t lanes;
	pthread_t thread[POOL_THREADS_MAX];
	struct key_user *user[POOL_THREADS_MAX];
	struct start {
		struct lane *lane;
		struct key_user *user;
	} start[POOL_THREADS_MAX];
	size_t threads;
	struct queue done;
	bool stop;
	int event;
};

static void queue_put(struct queue *q, struct work *w)
{
	w->next = NULL;
	if (q->tail != NULL)
		q->tail->next = w;
	else
		q->head = w;
	q->tail = w;
}

static struct work *queue_take(struct queue *q)
{
	struct work *w = q->head;

	if (w != NULL) {
		q->head = w->next;
		if (q->head == NULL)
			q->tail = NULL;
		w->next = NULL;
	}
	return w;
}

static void post(struct pool *p, struct work *w)
{
	const uint64_t one = 1;

	(void)pthread_mutex_lock(&p->mutex);
	queue_put(&p->done, w);
	(void)pthread_mutex_unlock(&p->mutex);
	/* Fails only when the counter is full, and then it is readable anyway. */
	(void)!write(p->event, &one, sizeof(one));
}

/* The next part of the work at the front, which goes to the back after its turn if it has more. */
static struct work *take_part(struct lane *lane, size_t *ret_part)
{
	struct work *w = lane->queue.head;

	*ret_part = w->taken++;
	if (w->taken < w->parts && w->taken % w->turn != 0)
		return w;
	(void)queue_take(&lane->queue);
	if (w->taken < w->parts)
		queue_put(&lane->queue, w);
	else
		lane->queued--;
	return w;
}

static void probe(struct lane *lane)
{
	struct fault f = {0};
	rc r = token_probe(lane->token, &f);

	if (rc_is_ok(r))
		log_info("token %s: ready", token_name(lane->token)->s);
	else if (r.code != lane->answered)
		log_err("%s", f.text);
	lane->answered = r.code;
}

/* With the mutex held. Waits for work. One idle thread of each lane looks at the token now and then
 * and, while it is absent, asks for it: whoever found it gone (the log's key has no thread here).
 */
static void idle(struct lane *lane)
{
	struct pool *p = lane->pool;
	struct timespec until = {0};
	int e;

	if (lane->probing) {
		(void)pthread_cond_wait(&lane->wake, &p->mutex);
		return;
	}
	lane->probing = true;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PROBE_SECONDS;
	e = pthread_cond_timedwait(&lane->wake, &p->mutex, &until);
	if (e == ETIMEDOUT && !p->stop && lane->queue.head == NULL &&
	    !token_is_ready(lane->token)) {
		(void)pthread_mutex_unlock(&p->mutex);
		probe(lane);
		(void)pthread_mutex_lock(&p->mutex);
	}
	lane->probing = false;
}

static void *thread_main(void *arg)
{
	const struct start *start = (const struct start *)arg;
	struct lane *lane = start->lane;
	struct pool *p = lane->pool;

	(void)pthread_mutex_lock(&p->mutex);
	for (;;) {
		struct work *w;
		size_t part;
		bool last;

		while (!p->stop && lane->queue.head == NULL)
			idle(lane);
		if (p->stop)
			break;
		w = take_part(lane, &part);
		(void)pthread_mutex_unlock(&p->mutex);
		w->part(w, start->user, part);
		(void)pthread_mutex_lock(&p->mutex);
		last = --w->left == 0;
		if (last) {
			(void)pthread_mutex_unlock(&p->mutex);
			if (w->finish != NULL)
				w->finish(w);
			post(p, w);
			(void)pthread_mutex_lock(&p->mutex);
		}
	}
	(void)pthread_mutex_unlock(&p->mutex);
	return NULL;
}

static rc start_threads(struct pool *p, struct lane *lane, struct fault *f)
{
	for (unsigned i = token_parallel(lane->token); i > 0; i--) {
		size_t n = p->threads;
		int e;

		if (n == POOL_THREADS_MAX)
			return fault_set(f, RC_LIMIT, 0, "pool: more than %u threads",
					 POOL_THREADS_MAX);
		TRY(key_user_new(&p->user[n]));
		p->start[n] = (struct start){.lane = lane, .user = p->user[n]};
		e = pthread_create(&p->thread[n], NULL, thread_main, &p->start[n]);
		if (e != 0) {
			key_user_free(p->user[n]);
			return fault_errno(f, e, "pool: thread");
		}
		p->threads++;
	}
	return OK;
}

/* Waits by the monotonic clock: a wall clock that is set must not move a probe. */
static void lane_init(struct lane *lane, struct pool *p, struct token *token)
{
	pthread_condattr_t attr;

	lane->pool = p;
	lane->token = token;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&lane->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
}

static void pool_autorelease(struct pool **p)
{
	pool_free(*p);
}

rc pool_new(struct token *const *tokens, size_t count, struct pool **ret, struct fault *f)
{
	AUTO(pool) struct pool *p = calloc(1, sizeof(*p));
	sigset_t all;
	sigset_t before;
	rc r = OK;

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "pool");
	(void)pthread_mutex_init(&p->mutex, NULL);
	p->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->event < 0)
		return fault_errno(f, errno, "pool: eventfd");
	if (count > LANES_MAX)
		return fault_set(f, RC_LIMIT, 0, "pool: more than %d tokens", LANES_MAX);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	for (size_t i = 0; i < count && rc_is_ok(r); i++) {
		lane_init(&p->lane[i], p, tokens[i]);
		p->lanes++;
		r = start_threads(p, &p->lane[i], f);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	TRY(r);
	*ret = p;
	p = NULL;
	return OK;
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->mutex);
	p->stop = true;
	for (size_t i = 0; i < p->lanes; i++)
		(void)pthread_cond_broadcast(&p->lane[i].wake);
	(void)pthread_mutex_unlock(&p->mutex);
	for (size_t i = 0; i < p->threads; i++) {
		(void)pthread_join(p->thread[i], NULL);
		key_user_free(p->user[i]);
	}
	for (size_t i = 0; i < p->lanes; i++)
		(void)pthread_cond_destroy(&p->lane[i].wake);
	(void)pthread_mutex_destroy(&p->mutex);
	fd_close(&p->event);
	free(p);
}

int pool_fd(const struct pool *p)
{
	return p->event;
}

bool pool_is_loaded(struct pool *p)
{
	bool loaded = false;

	(void)pthread_mutex_lock(&p->mutex);
	/* Enough for each thread to go on while a round is written. */
	for (size_t i = 0; i < p->lanes; i++)
		loaded = loaded || p->lane[i].queued > token_parallel(p->lane[i].token);
	(void)pthread_mutex_unlock(&p->mutex);
	return loaded;
}

void pool_submit(struct pool *p, struct work *w)
{
	struct lane *lane = NULL;

	for (size_t i = 0; i < p->lanes; i++)
		if (p->lane[i].token == w->token)
			lane = &p->lane[i];
	assert(lane != NULL && w->parts > 0 && w->turn > 0);
	w->taken = 0;
	w->left = w->parts;
	(void)pthread_mutex_lock(&p->mutex);
	queue_put(&lane->queue, w);
	lane->queued++;
	if (w->parts > 1)
		(void)pthread_cond_broadcast(&lane->wake);
	else
		(void)pthread_cond_signal(&lane->wake);
	(void)pthread_mutex_unlock(&p->mutex);
}

struct work *pool_done(struct pool *p)
{
	uint64_t count;
	struct work *w;

	(void)!read(p->event, &count, sizeof(count));
	(void)pthread_mutex_lock(&p->mutex);
	w = p->done.head;
	p->done = (struct queue){0};
	(void)pthread_mutex_unlock(&p->mutex);
	return w;
}
