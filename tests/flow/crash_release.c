/* The power goes while a signature is made, held and given out, and while another is kept for good:
 * at every second change of a file the keeper is ended, and starts again.
 *
 * Holds: nothing leaves before its time; what was given out once is the same ever after, also when
 * the clock goes back; what was cancelled, and acknowledged, never leaves; what was not
 * acknowledged succeeds when it is sent again; the log is whole. Usage: flow-crash-release
 * plain|torn|lost|scatter|names|mixed [STEP] (tests/shim/crash.h). */
#include <signal.h>
#include <string.h>

#include "lib/base/fd.h"
#include "tests/lib/power.h"

#define STEP 2
#define HELD 600

struct run {
	struct fixture fx;
	struct crash *power;
	enum crash_mode mode;
	struct fx_request out; /* comes at its release */
	struct fx_request off; /* is cancelled before */
	unsigned points;
	unsigned whole;
};

static void make_request(struct run *r, struct fx_request *q)
{
	fx_request_new(&r->fx, "nightly", 1, q);
	q->r.release = q->r.not_before + HELD;
	fx_request_encode(q);
}

/* ---- Messages ------------------------------------------------------------------------------*/

static bool waits(struct run *r, enum keeper_type type, enum reason reason)
{
	return type == KEEPER_R_STATUS && fx_reason(&r->fx) == reason;
}

static bool hold(struct run *r, struct fx_request *q)
{
	enum keeper_type type = fx_submit(&r->fx, q, true);

	fx_check(type == 0 || waits(r, type, REASON_TIME_RELEASE));
	return type != 0;
}

static enum keeper_type cancel(struct run *r, const struct fx_request *q)
{
	struct act no;

	fx_act(&r->fx, STATEMENT_CANCELLATION, "robot", q, &no);
	return fx_act_send(&r->fx, &no, false);
}

static enum keeper_type result(struct run *r, const struct fx_request *q)
{
	const struct keeper_commit m = {.request = q->id, .use = 1};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_commit(&frame, ++r->fx.correlation, KEEPER_RESULT, &m);
	return fx_exchange(&r->fx, &frame);
}

/* What was given out, without its proof, which grows with the log. */
static struct digest given_out(struct run *r)
{
	struct keeper_result m;

	fx_ok(keeper_get_result(buf_view(&r->fx.body), &m));
	fx_check(m.use == 1 && digest_is_equal(&m.request, &r->out.id));
	fx_check(m.signed_at < r->out.r.release);
	return digest_of(m.signatures);
}

/* ---- One point -----------------------------------------------------------------------------*/

/* What has been acknowledged. */
struct acked {
	bool held;
	bool no;
	bool later; /* the clock is past the release */
	bool out;
	struct digest signatures;
};

static void script(struct run *r, struct acked *a)
{
	enum keeper_type type;

	a->held = hold(r, &r->out) && hold(r, &r->off);
	if (!a->held)
		return;
	type = cancel(r, &r->off);
	a->no = waits(r, type, REASON_STATE_CANCELLED);
	fx_check(a->no || type == 0);
	if (!a->no)
		return;
	fx_clock(&r->fx, r->fx.clock + HELD + 1);
	a->later = true;
	type = result(r, &r->out);
	a->out = type == KEEPER_R_RESULT;
	fx_check(a->out || type == 0);
	if (a->out)
		a->signatures = given_out(r);
}

static void still_held(struct run *r)
{
	fx_check(hold(r, &r->out));
	fx_check(waits(r, result(r, &r->out), REASON_TIME_RELEASE));
	if (!waits(r, fx_submit(&r->fx, &r->off, true), REASON_STATE_CANCELLED))
		fx_check(waits(r, cancel(r, &r->off), REASON_STATE_CANCELLED));
	fx_clock(&r->fx, r->fx.clock + HELD + 1);
}

static void recover(struct run *r, const struct acked *a)
{
	struct digest signatures;

	if (!a->later)
		still_held(r);
	if (a->out) {
		/* Not by the time of now: it is written down that it is out. */
		fx_clock(&r->fx, r->fx.clock - HELD);
		fx_check(result(r, &r->out) == KEEPER_R_RESULT);
		fx_clock(&r->fx, r->fx.clock + HELD);
	}
	fx_check(result(r, &r->out) == KEEPER_R_RESULT);
	signatures = given_out(r);
	fx_check(!a->out || digest_is_equal(&signatures, &a->signatures));
	fx_check(fx_submit(&r->fx, &r->out, true) == KEEPER_R_RESULT);
	fx_check_result(&r->fx, &r->out);
	fx_check(cancel(r, &r->out) == KEEPER_R_ERROR);
	fx_check(fx_reason(&r->fx) == REASON_STATE_COMMITTED);
	fx_check(waits(r, result(r, &r->off), REASON_STATE_CANCELLED));
	fx_check(waits(r, fx_submit(&r->fx, &r->off, true), REASON_STATE_CANCELLED));
}

/* Ends the armed keeper if it lives; true if the switch ended it. */
static bool is_ended(struct run *r)
{
	unsigned names;

	if (r->fx.pid > 0) {
		int status;

		(void)kill(r->fx.pid, SIGTERM);
		status = fx_wait(&r->fx);
		fx_check(status == 0 || status == 137);
	}
	fd_close(&r->fx.fd);
	return power_off(r->power, &names);
}

static uint32_t one_point(struct run *r, uint32_t at)
{
	struct acked acked = {.held = false};
	uint32_t calls;

	make_request(r, &r->out);
	make_request(r, &r->off);
	fx_kill(&r->fx);
	r->fx.may_die = true;
	power_arm(r->power, r->mode, at);
	fx_run(&r->fx);
	if (r->fx.fd >= 0)
		script(r, &acked);
	if (is_ended(r))
		r->points++;
	else
		r->whole++;
	calls = r->power->count;
	r->fx.may_die = false;
	fx_run(&r->fx);
	fx_check(r->fx.fd >= 0);
	recover(r, &acked);
	fx_request_release(&r->out);
	fx_request_release(&r->off);
	return calls;
}

int main(int argc, char **argv)
{
	static const char *const modes[CRASH__COUNT] = {"plain",   "torn",  "lost",
							"scatter", "names", "mixed"};
	static struct run r;
	uint32_t step = argc == 3 ? (uint32_t)atoi(argv[2]) : STEP;
	uint32_t calls;

	while (argc >= 2 && r.mode < CRASH__COUNT && strcmp(argv[1], modes[r.mode]) != 0)
		r.mode++;
	fx_check(argc >= 2 && argc <= 3 && r.mode < CRASH__COUNT && step > 0);
	fx_start(&r.fx);
	fx_make_key(&r.fx, "nightly", "ecdsa-p256");
	r.power = power_new(&r.fx, "crash", "state/.graves");
	calls = one_point(&r, UINT32_MAX);
	fx_check(calls > 10);
	for (uint32_t at = 1 + (uint32_t)r.mode % step; at <= calls; at += step)
		(void)one_point(&r, at);
	fx_stop(&r.fx);
	fx_check(fx_verb(&r.fx, "fsck", NULL) == 0);
	power_end(r.power);
	fx_end(&r.fx);
	(void)printf("keeper, %s: %u changes; ended at %u points; %u runs whole\n", argv[1], calls,
		     r.points, r.whole);
	fx_check(r.points * 10 >= (calls / step) * 8);
	return 0;
}
