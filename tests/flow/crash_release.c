/* The power goes while a signature is made, held and given out, and while another is kept for good:
 * at every second change of a file the keeper is ended, and starts again.
 *
 * Holds: nothing leaves before its time; what was given out once is the same ever after, also when
 * the clock goes back; what was cancelled, and acknowledged, never leaves; what was not
 * acknowledged succeeds when it is sent again; the log is whole. */
#include "tests/flow/crash_points.h"

#include <string.h>

#define HELD 600

static struct fx_request out; /* comes at its release */
static struct fx_request off; /* is cancelled before */

/* What has been acknowledged. */
static struct {
	bool held;
	bool no;
	bool later; /* the clock is past the release */
	bool out;
	struct digest signatures;
} acked;

static void make_request(struct fixture *fx, struct fx_request *q)
{
	fx_request_new(fx, "nightly", 1, q);
	q->r.release = q->r.not_before + HELD;
	fx_request_encode(q);
}

/* ---- Messages ------------------------------------------------------------------------------*/

static bool waits(struct fixture *fx, enum keeper_type type, enum reason reason)
{
	return type == KEEPER_R_STATUS && fx_reason(fx) == reason;
}

static bool hold(struct fixture *fx, struct fx_request *q)
{
	enum keeper_type type = fx_submit(fx, q, true);

	fx_check(type == 0 || waits(fx, type, REASON_TIME_RELEASE));
	return type != 0;
}

static enum keeper_type cancel(struct fixture *fx, const struct fx_request *q)
{
	struct act no;

	fx_act(fx, STATEMENT_CANCELLATION, "robot", q, &no);
	return fx_act_send(fx, &no, false);
}

static enum keeper_type result(struct fixture *fx, const struct fx_request *q)
{
	const struct keeper_commit m = {.request = q->id, .use = 1};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_commit(&frame, ++fx->correlation, KEEPER_RESULT, &m);
	return fx_exchange(fx, &frame);
}

/* What was given out, without its proof, which grows with the log. */
static struct digest given_out(struct fixture *fx)
{
	struct keeper_result m;

	fx_ok(keeper_get_result(buf_view(&fx->body), &m));
	fx_check(m.use == 1 && digest_is_equal(&m.request, &out.id));
	fx_check(m.signed_at < out.r.release);
	return digest_of(m.signatures);
}

/* ---- One point -----------------------------------------------------------------------------*/

static void script(struct fixture *fx)
{
	enum keeper_type type;

	acked.held = hold(fx, &out) && hold(fx, &off);
	if (!acked.held)
		return;
	type = cancel(fx, &off);
	acked.no = waits(fx, type, REASON_STATE_CANCELLED);
	fx_check(acked.no || type == 0);
	if (!acked.no)
		return;
	fx_clock(fx, fx->clock + HELD + 1);
	acked.later = true;
	type = result(fx, &out);
	acked.out = type == KEEPER_R_RESULT;
	fx_check(acked.out || type == 0);
	if (acked.out)
		acked.signatures = given_out(fx);
}

static void still_held(struct fixture *fx)
{
	fx_check(hold(fx, &out));
	fx_check(waits(fx, result(fx, &out), REASON_TIME_RELEASE));
	if (!waits(fx, fx_submit(fx, &off, true), REASON_STATE_CANCELLED))
		fx_check(waits(fx, cancel(fx, &off), REASON_STATE_CANCELLED));
	fx_clock(fx, fx->clock + HELD + 1);
}

static void recover(struct fixture *fx)
{
	struct digest signatures;

	if (!acked.later)
		still_held(fx);
	if (acked.out) {
		/* Not by the time of now: it is written down that it is out. */
		fx_clock(fx, fx->clock - HELD);
		fx_check(result(fx, &out) == KEEPER_R_RESULT);
		fx_clock(fx, fx->clock + HELD);
	}
	fx_check(result(fx, &out) == KEEPER_R_RESULT);
	signatures = given_out(fx);
	fx_check(!acked.out || digest_is_equal(&signatures, &acked.signatures));
	fx_check(fx_submit(fx, &out, true) == KEEPER_R_RESULT);
	fx_check_result(fx, &out);
	fx_check(cancel(fx, &out) == KEEPER_R_ERROR);
	fx_check(fx_reason(fx) == REASON_STATE_COMMITTED);
	fx_check(waits(fx, result(fx, &off), REASON_STATE_CANCELLED));
	fx_check(waits(fx, fx_submit(fx, &off, true), REASON_STATE_CANCELLED));
}

static void prepare(struct fixture *fx)
{
	fx_request_release(&out);
	fx_request_release(&off);
	make_request(fx, &out);
	make_request(fx, &off);
	memset(&acked, 0, sizeof(acked));
}

static void begin(struct fixture *fx)
{
	fx_make_key(fx, "nightly", "ecdsa-p256");
}

int main(int argc, char **argv)
{
	static const struct crash_acts acts = {begin, prepare, script, recover};
	static struct fixture fx;
	int status = crash_points(argc, argv, &fx, &acts);

	fx_request_release(&out);
	fx_request_release(&off);
	return status;
}
