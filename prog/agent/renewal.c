#include "prog/agent/renewal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/log.h"
#include "prog/agent/host_api.h"

#define TICK_MS 1000

static rc call(const struct errand *e, const struct pending *p, struct https_answer *ret,
	       struct fault *f)
{
	struct https_client_spec spec = {
		.base_url = p->server, .has_pin = true, .identity = e->identity};
	const struct https_request q = {
		.method = "POST", .target = p->target, .body = buf_view(&p->body)};
	struct https_client *c = NULL;
	struct hash pin;
	rc r;

	TRY(hash_parse(view_str(p->pin), &pin));
	memcpy(spec.pin.b, pin.b, DIGEST_SIZE);
	TRY(https_client_new(&spec, &c, f));
	r = https_call(c, &q, ret, f);
	https_client_free(c);
	return r;
}

/* A refusal by the server's rules is an answer; trouble inside it, or in between, is none. */
static bool is_refusal(unsigned status)
{
	return status >= 400 && status < 500 && status != 408 && status != 429;
}

static rc refused(const struct https_answer *a, struct fault *f)
{
	struct host_api_refusal why;

	host_api_refusal(buf_view(&a->body), &why);
	return fault_set(f, is_refusal(a->status) ? RC_DENIED : RC_IO, 0,
			 "the server answered %u: %s: %s%s%s", a->status, why.code, why.text,
			 why.remedy[0] != '\0' ? "; " : "", why.remedy);
}

rc errand_run(const struct errand *e, const struct pending *p, struct state *s, struct fault *f)
{
	AUTO(https_answer) struct https_answer answer = {0};
	rc r;

	TRY(call(e, p, &answer, f));
	if (answer.status != 200) {
		r = refused(&answer, f);
		if (r.code == RC_DENIED)
			TRY(pending_drop(e->dirfd, f));
		return r;
	}
	TRY(host_api_answer(buf_view(&answer.body), e->key, p->counter, s, f));
	/* The counter is on the disk before the certificate is used, and what was sent is forgotten
	 * after that; what a crash in between leaves is known by its counter. */
	TRY(state_store(e->dirfd, s, f));
	return pending_drop(e->dirfd, f);
}

static rc write_pending(int dirfd, const struct host_key *key, unix_time now, const struct state *s,
			struct pending *p, struct fault *f)
{
	const struct host_api_ask ask = {.host = &s->who.host,
					 .origin = s->who.origin,
					 .counter = s->counter + 1,
					 .klass = s->who.klass,
					 .time = now};
	char hex[DIGEST_HEX];

	digest_hex(&s->who.pin, hex);
	(void)snprintf(p->server, sizeof(p->server), "%s", s->who.server);
	(void)snprintf(p->pin, sizeof(p->pin), "sha256:%s", hex);
	(void)snprintf(p->target, sizeof(p->target), "%s", HOST_API_RENEW);
	p->host = s->who.host;
	p->counter = ask.counter;
	TRY(host_api_body(&ask, key, &p->body, f));
	return pending_store(dirfd, p, f);
}

rc renewal_do(int dirfd, const struct host_key *key, unix_time now, struct state *s,
	      struct fault *f)
{
	AUTO(pending) struct pending p;
	struct errand e = {.dirfd = dirfd, .key = key};
	rc r;

	pending_init(&p);
	r = pending_load(dirfd, &p, f);
	if (r.code == RC_NOTFOUND || (rc_is_ok(r) && p.counter != s->counter + 1)) {
		pending_release(&p);
		pending_init(&p);
		r = write_pending(dirfd, key, now, s, &p, f);
	}
	TRY(r);
	/* An expired certificate would only be in the way. */
	if (s->not_after > now)
		TRY(host_key_identity(key, buf_view(&s->certificate), &e.identity, f));
	r = errand_run(&e, &p, s, f);
	tls_identity_free(e.identity);
	return r;
}

unix_time renewal_due(const struct state *s)
{
	return s->not_before + (s->not_after - s->not_before) / 2;
}

/* ---- The thread ---- */

struct renewal {
	struct agent *agent;
	int dirfd;
	pthread_mutex_t lock; /* one renewal at a time; state */
	struct state state;
	pthread_mutex_t wait_lock;
	pthread_cond_t changed;
	bool stopping;
	unix_time retry;
	bool has_thread;
	pthread_t thread;
};

/* Under the lock. */
static rc renew(struct renewal *r, struct fault *f)
{
	struct agent *a = r->agent;
	unix_time now = clock_now(&a->clock);
	struct tls_identity *t = NULL;

	TRY(renewal_do(r->dirfd, a->key, now, &r->state, f));
	TRY(host_key_identity(a->key, buf_view(&r->state.certificate), &t, f));
	pool_identity(a->pool, t);
	tls_identity_free(t);
	atomic_store(&a->expires, r->state.not_after);
	log_info("the certificate is renewed, number %llu", (unsigned long long)r->state.counter);
	return OK;
}

rc renewal_now(struct renewal *r, struct fault *f)
{
	rc done;

	(void)pthread_mutex_lock(&r->lock);
	done = renew(r, f);
	(void)pthread_mutex_unlock(&r->lock);
	return done;
}

static void look(struct renewal *r)
{
	unix_time now = clock_now(&r->agent->clock);
	struct fault f = {0};
	rc done;

	/* A clock that went back makes a retry wait no longer than it should. */
	if (r->retry - now > RENEWAL_RETRY_SECONDS)
		r->retry = 0;
	(void)pthread_mutex_lock(&r->lock);
	if (now >= renewal_due(&r->state) && now >= r->retry) {
		done = renew(r, &f);
		if (!rc_is_ok(done)) {
			r->retry = now + RENEWAL_RETRY_SECONDS;
			log_warn("the certificate is not renewed: %s", f.text);
		}
	}
	(void)pthread_mutex_unlock(&r->lock);
}

static void *watch(void *ctx)
{
	struct renewal *r = (struct renewal *)ctx;

	(void)pthread_mutex_lock(&r->wait_lock);
	while (!r->stopping) {
		struct timespec t;

		(void)pthread_mutex_unlock(&r->wait_lock);
		look(r);
		(void)pthread_mutex_lock(&r->wait_lock);
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec += TICK_MS / 1000;
		if (!r->stopping)
			(void)pthread_cond_timedwait(&r->changed, &r->wait_lock, &t);
	}
	(void)pthread_mutex_unlock(&r->wait_lock);
	return NULL;
}

rc renewal_start(struct agent *a, int dirfd, struct renewal **ret, struct fault *f)
{
	struct renewal *r = (struct renewal *)calloc(1, sizeof(*r));
	pthread_condattr_t attr;
	rc done;

	if (r == NULL)
		return RC(RC_NOMEM);
	r->agent = a;
	r->dirfd = dirfd;
	state_init(&r->state);
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_mutex_init(&r->wait_lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&r->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	done = state_load(dirfd, &r->state, f);
	if (rc_is_ok(done)) {
		int failed = pthread_create(&r->thread, NULL, watch, r);

		r->has_thread = failed == 0;
		if (failed != 0)
			done = fault_errno(f, failed, "thread");
	}
	if (!rc_is_ok(done)) {
		renewal_stop(r);
		return done;
	}
	*ret = r;
	return OK;
}

void renewal_stop(struct renewal *r)
{
	if (r == NULL)
		return;
	(void)pthread_mutex_lock(&r->wait_lock);
	r->stopping = true;
	(void)pthread_cond_broadcast(&r->changed);
	(void)pthread_mutex_unlock(&r->wait_lock);
	if (r->has_thread)
		(void)pthread_join(r->thread, NULL);
	(void)pthread_cond_destroy(&r->changed);
	(void)pthread_mutex_destroy(&r->wait_lock);
	(void)pthread_mutex_destroy(&r->lock);
	state_release(&r->state);
	free(r);
}
