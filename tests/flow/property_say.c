/* How messages reach the keeper: one after the other or together, and the keeper dies under some.
 */
#include <signal.h>
#include <time.h>

#include "tests/flow/property.h"

uint64_t hello(void)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello m;

	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++w.fx.correlation);
	fx_check(fx_exchange(&w.fx, &frame) == KEEPER_R_HELLO);
	fx_ok(keeper_get_hello(buf_view(&w.fx.body), &m));
	ref_heard(&w.ref);
	world_follow(&w);
	return m.log_size;
}

/* It listens before it has loaded; what it answers, it answers after its first entry of the log. */
void restart(void)
{
	fx_kill(&w.fx);
	fx_run(&w.fx);
	fx_check(w.fx.fd >= 0);
	ref_started(&w.ref);
	(void)hello();
	note(-1, "killed and started again");
}

/* The keeper dies somewhere between reading the message and answering it. Whatever it had done: the
 * same message again has to have the effect of one. */
static void die_under(const struct message *m)
{
	const struct timespec pause = {.tv_nsec = (long)below(3000000)};
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	world_put(&w, m, &frame);
	fx_send(&w.fx, &frame);
	(void)nanosleep(&pause, NULL);
	restart();
	note(m->slot, "it was under what follows");
}

/* One message has no effect of one if it is a renewal with a number that was used: the first locks
 * the host, and the second finds it locked. */
static bool may_die(const struct message *m)
{
	const struct ref_enrolment *e = &w.ref.enrolments[m->n];

	/* Nor does the keeper know its own challenge again. */
	if (m->say == SAY_ENROLMENT && e->chip != REF_NO_CHIP && !e->known)
		return false;
	return m->say != SAY_SHOW &&
	       (m->say != SAY_ENROLMENT || e->counter == w.ref.pool.counter + 1);
}

/* A use that was held is given out while its key is still at work: asked again until it is done. */
static bool is_being_made(void)
{
	return w.fx.header.type == KEEPER_R_STATUS && want.type == KEEPER_R_STATUS &&
	       fx_reason(&w.fx) == REASON_STATE_COMMITTED;
}

/* The authorize entry of a use that is held. Nobody waits for its result: the entry of that has to
 * come before the clock is moved on. */
static uint64_t until_issued(const struct digest *request)
{
	for (;;) {
		uint64_t size = hello();
		struct digest entry;
		struct leaf leaf;

		for (uint64_t i = size; i > 0 && size - i < 4; i--) {
			fx_check(fx_entry(&w.fx, i - 1, &leaf, &entry));
			if (leaf.kind == LEAF_ISSUE && digest_is_equal(&leaf.request, request))
				return leaf.authorize;
		}
	}
}

/* A use was committed and is held. died: perhaps the first of two messages did it, and the second
 * has only been told; what it was told is what everybody is told now. */
static void settle_held(const struct message *m, bool died)
{
	const struct message show = {.say = SAY_SHOW, .slot = m->slot};
	struct slot *s = &w.slots[m->slot];
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	same_authorize(s, until_issued(&s->r.id));
	if (!died)
		return;
	world_put(&w, &show, &frame);
	ask_reference(&show);
	(void)fx_exchange(&w.fx, &frame);
	compare(&show, false);
}

/* ---- Messages that arrive together: one round of the keeper's, one transaction --------------*/

static struct heard {
	struct message m;
	uint64_t correlation;
	struct keeper_header header;
	struct buf body;
} together[TOGETHER];
static size_t said;
static bool gathers;

void gather(void)
{
	gathers = true;
	said = 0;
}

static void put_aside(const struct message *m)
{
	fx_check(said < TOGETHER);
	together[said].m = *m;
	buf_init(&together[said++].body, FX_BODY_MAX);
}

/* Results come after what needs no key. */
static void hear_one(void)
{
	struct heard *h = together;

	fx_check(fx_recv(&w.fx));
	while (h < together + said && h->correlation != w.fx.header.correlation)
		h++;
	fx_check(h < together + said);
	h->header = w.fx.header;
	buf_put_view(&h->body, buf_view(&w.fx.body));
}

static void ask_again(const struct message *m)
{
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	world_put(&w, m, &frame);
	(void)fx_exchange(&w.fx, &frame);
}

static void judge(const struct heard *h)
{
	ask_reference(&h->m);
	w.fx.header = h->header;
	buf_clear(&w.fx.body);
	buf_put_view(&w.fx.body, buf_view(&h->body));
	while (is_being_made())
		ask_again(&h->m);
	compare(&h->m, false);
	if (want.held)
		settle_held(&h->m, false);
}

void say_together(void)
{
	AUTO(buf) struct buf frames;

	gathers = false;
	buf_init(&frames, TOGETHER * KEEPER_FRAME_MAX);
	for (size_t i = 0; i < said; i++) {
		world_put(&w, &together[i].m, &frames);
		together[i].correlation = w.fx.correlation;
	}
	fx_send(&w.fx, &frames);
	for (size_t i = 0; i < said; i++)
		hear_one();
	for (size_t i = 0; i < said; i++) {
		judge(&together[i]);
		buf_release(&together[i].body);
	}
}

void say(const struct message *m)
{
	AUTO(buf) struct buf frame = {0};
	bool die;

	if (gathers) {
		put_aside(m);
		return;
	}
	die = may_die(m) && below(1000) < 3;
	if (die)
		die_under(m);
	buf_init(&frame, KEEPER_FRAME_MAX);
	world_put(&w, m, &frame);
	ask_reference(m);
	w.fx.may_die = true; /* then that is the answer */
	do
		(void)fx_exchange(&w.fx, &frame);
	while (is_being_made());
	w.fx.may_die = false;
	if (!(die && want.held && w.fx.header.type == want.type))
		compare(m, die);
	if (want.held)
		settle_held(m, die);
	if (m->say == SAY_DOCUMENT && want.type == KEEPER_R_CHANGE && want.result != REF_MISSING) {
		ref_take_document(&w.ref, m->n);
		world_follow(&w);
	}
}
