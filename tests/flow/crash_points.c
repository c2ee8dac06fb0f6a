#include "tests/flow/crash_points.h"

#include <signal.h>
#include <string.h>

#include "lib/base/fd.h"

#define STEP 2

struct run {
	struct fixture *fx;
	const struct crash_acts *acts;
	struct crash *power;
	enum crash_mode mode;
	unsigned points;
	unsigned whole;
};

/* Ends the armed keeper if it lives; true if the switch ended it. */
static bool is_ended(struct run *r)
{
	unsigned names;

	if (r->fx->pid > 0) {
		int status;

		(void)kill(r->fx->pid, SIGTERM);
		status = fx_wait(r->fx);
		fx_check(status == 0 || status == 137);
	}
	fd_close(&r->fx->fd);
	return power_off(r->power, &names);
}

/* How many changes were counted. */
static uint32_t one_point(struct run *r, uint32_t at)
{
	uint32_t calls;

	r->acts->prepare(r->fx);
	fx_kill(r->fx);
	r->fx->may_die = true;
	power_arm(r->power, r->mode, at);
	fx_run(r->fx);
	if (r->fx->fd >= 0)
		r->acts->script(r->fx);
	if (is_ended(r))
		r->points++;
	else
		r->whole++;
	calls = r->power->count;
	r->fx->may_die = false;
	fx_run(r->fx);
	fx_check(r->fx->fd >= 0);
	r->acts->recover(r->fx);
	return calls;
}

int crash_points(int argc, char **argv, struct fixture *fx, const struct crash_acts *acts)
{
	static const char *const modes[CRASH__COUNT] = {"plain",   "torn",  "lost",
							"scatter", "names", "mixed"};
	struct run r = {.fx = fx, .acts = acts};
	uint32_t step = argc == 3 ? (uint32_t)atoi(argv[2]) : STEP;
	uint32_t calls;

	while (argc >= 2 && r.mode < CRASH__COUNT && strcmp(argv[1], modes[r.mode]) != 0)
		r.mode++;
	fx_check(argc >= 2 && argc <= 3 && r.mode < CRASH__COUNT && step > 0);
	fx_start(fx);
	r.power = power_new(fx, "crash", "state/.graves");
	if (acts->begin != NULL)
		acts->begin(fx);
	calls = one_point(&r, UINT32_MAX);
	/* A test that counts nothing would find nothing. */
	fx_check(calls > 10);
	for (uint32_t at = 1 + (uint32_t)r.mode % step; at <= calls; at += step)
		(void)one_point(&r, at);
	fx_stop(fx);
	fx_check(fx_verb(fx, "fsck", NULL) == 0);
	power_end(r.power);
	fx_end(fx);
	(void)printf("keeper, %s: %u changes; ended at %u points; %u runs whole\n", argv[1], calls,
		     r.points, r.whole);
	fx_check(r.points * 10 >= (calls / step) * 8);
	return 0;
}
