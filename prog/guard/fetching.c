#include "prog/guard/fetching.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/fetch.h"
#include "prog/guard/supervisor.h"

void fetching_init(struct fetching *t)
{
	*t = (struct fetching){.memory = {-1, -1}, .pipe = -1};
}

static void release(struct fetching *t)
{
	fd_close(&t->memory[0]);
	fd_close(&t->memory[1]);
	fd_close(&t->pipe);
}

/* ---- When -----------------------------------------------------------------------------------*/

uint64_t fetching_wait(uint64_t interval, unsigned failures, uint32_t chance)
{
	uint64_t wait = interval;

	if (failures > 0) {
		wait = (uint64_t)FETCHING_AGAIN_MS << (failures < 20 ? failures - 1 : 19);
		if (wait > interval)
			wait = interval;
	}
	/* From three quarters of it to five. */
	return wait - wait / 4 + wait / 2 * (chance % 1024) / 1024;
}

static uint32_t chance(void)
{
	uint32_t n = 0;

	rc_ignore(rng_fill(&rng_system, &n, sizeof(n)), "not at random then");
	return n;
}

static void wait_again(struct supervisor *s)
{
	struct fetching *t = &s->fetching;

	t->next_at = guard_now() +
		     fetching_wait(s->g.conf->fetch_interval * 1000, t->failures, chance());
}

/* ---- What became of it ----------------------------------------------------------------------*/

static void was_good(struct supervisor *s)
{
	s->fetching.good_at = clock_now(&clock_system);
	s->fetching.failures = 0;
	wait_again(s);
}

/* Told once, and again when the reason is another one: not each time that nobody answers. */
static void was_bad(struct supervisor *s, enum news_kind kind, const char *why)
{
	struct fetching *t = &s->fetching;
	struct news n = {.kind = kind};

	if (t->failures == 0 || strcmp(t->why, why) != 0) {
		(void)snprintf(n.text, sizeof(n.text), "%s", why);
		supervisor_tell(s, &n);
	}
	(void)snprintf(t->why, sizeof(t->why), "%s", why);
	t->bad_at = clock_now(&clock_system);
	if (t->failures < 1000)
		t->failures++;
	wait_again(s);
}

/* ---- The child ------------------------------------------------------------------------------*/

static rc start_child(struct supervisor *s, struct fault *f)
{
	struct fetching *t = &s->fetching;
	struct fetch_have have = {.serial = 0};
	int ends[2];

	if (s->has_list)
		have = (struct fetch_have){
			.name = s->list.name, .serial = s->list.serial, .digest = s->list.digest};
	for (size_t i = 0; i < 2; i++) {
		t->memory[i] = memfd_create("greatseal-fetched", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (t->memory[i] < 0)
			return fault_errno(f, errno, "fetch");
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return fault_errno(f, errno, "fetch");
	t->pipe = ends[0];
	t->child = fork();
	if (t->child == 0) {
		guard_own(s->g.share, OWN_FETCHER);
		fetch_list_run(s->g.conf, &have, t->memory, ends[1]);
	}
	(void)close(ends[1]);
	t->child_until = guard_now() + FETCH_LIST_MS + FETCH_GRACE_MS;
	if (t->child > 0)
		return OK;
	t->child = 0;
	return fault_errno(f, EAGAIN, "fetch: fork");
}

rc fetching_start(struct supervisor *s, uint32_t *ret_number, struct fault *f)
{
	struct fetching *t = &s->fetching;
	rc r;

	if (s->g.conf->agent[0] == '\0')
		return fault_set(f, RC_STATE, 0, "the settings name no agent to fetch from");
	if (t->child == 0 && !t->came) {
		r = start_child(s, f);
		if (!rc_is_ok(r)) {
			release(t);
			was_bad(s, NEWS_FETCH_BAD, f->text);
			return r;
		}
		t->number++;
	}
	*ret_number = t->number;
	return OK;
}

void fetching_tick(struct supervisor *s, uint64_t now)
{
	struct fetching *t = &s->fetching;
	struct fault f = {0};
	uint32_t number;

	if (s->g.conf->agent[0] == '\0' || !s->marked)
		return;
	if (t->next_at == 0) {
		t->next_at = now + fetching_wait(s->g.conf->fetch_interval * 1000, 1, chance()) / 2;
		return;
	}
	/* It ends itself before, unless it is in other hands. */
	if (t->child > 0 && now >= t->child_until)
		(void)kill(t->child, SIGKILL);
	if (t->came && s->loader == 0 && rc_is_ok(supervisor_load(s, LOAD_FETCHED, &number, &f)))
		control_fetch_loads(s, t->number, number);
	else if (t->child == 0 && !t->came && now >= t->next_at)
		rc_ignore(fetching_start(s, &number, &f), "told, and tried again");
}

void fetching_ended(struct supervisor *s)
{
	struct fetching *t = &s->fetching;
	struct fetch_result r;

	t->child = 0;
	fetch_result_take(t->pipe, &r);
	fd_close(&t->pipe);
	if (r.code == RC_OK && r.current == 0) {
		t->came = true; /* the next tick hands it on */
		return;
	}
	release(t);
	if (r.code == RC_OK)
		was_good(s);
	else
		was_bad(s, NEWS_FETCH_BAD, r.text);
	control_fetched(s, t->number, &r);
}

void fetching_loaded(struct supervisor *s, const struct load_result *r)
{
	struct fetching *t = &s->fetching;

	t->came = false;
	release(t);
	if (r->code == RC_OK)
		was_good(s);
	else
		was_bad(s, NEWS_LIST_BAD, r->text);
	/* Those who asked while the loader was at it hear what the others hear. */
	control_fetch_loads(s, t->number, s->load_number);
}

/* ---- Status ---------------------------------------------------------------------------------*/

void fetching_status(const struct supervisor *s, char out[static FETCHING_STATUS])
{
	const struct fetching *t = &s->fetching;
	char good[TIME_TEXT + 2] = "null", bad[TIME_TEXT + 2] = "null", when[TIME_TEXT];
	char why[FAULT_TEXT];

	if (s->g.conf->agent[0] == '\0') {
		(void)snprintf(out, FETCHING_STATUS, "null");
		return;
	}
	if (t->good_at > 0 && rc_is_ok(time_format(t->good_at, when)))
		(void)snprintf(good, sizeof(good), "\"%s\"", when);
	if (t->bad_at > 0 && rc_is_ok(time_format(t->bad_at, when)))
		(void)snprintf(bad, sizeof(bad), "\"%s\"", when);
	control_printable(why, sizeof(why), t->why);
	(void)snprintf(out, FETCHING_STATUS,
		       "{\"last\":%s,\"failed\":%s,\"failures\":%u,\"why\":\"%s\"}", good, bad,
		       t->failures, why);
}
