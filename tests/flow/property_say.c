/* How messages reach the keeper: one after the other or together, and the keeper dies under some.
 */
#include <time.h>
#include <unistd.h>

#include "lib/model/leaf.h"
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

/* Keys of the issuer come by a socket of their own. */
static int front = -1;

static void open_door(const struct message *m)
{
	if (m->say != SAY_KEYS)
		return;
	front = w.fx.fd;
	w.fx.fd = world_connect_keys(&w);
	fx_check(w.fx.fd >= 0);
}

static void close_door(void)
{
	if (front < 0)
		return;
	fx_check(close(w.fx.fd) == 0);
	w.fx.fd = front;
	front = -1;
}

/* The keeper dies somewhere between reading the message and answering it. Whatever it had done: the
 * same message again has to have the effect of one. */
static void die_under(const struct message *m)
{
	const struct timespec pause = {.tv_nsec = (long)below(3000000)};
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	world_put(&w, m, &frame);
	open_door(m);
	fx_send(&w.fx, &frame);
	(void)nanosleep(&pause, NULL);
	close_door();
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
	return m->say != SAY_SHOW && m->say != SAY_HOSTS &&
	       (m->say != SAY_ENROLMENT || e->counter == w.ref.pool.counter + 1);
}

/* A use that is committed is made: it may take long, but not for ever. */
#define PATIENCE 300000 /* questions */
static void lose_patience(int slot, unsigned asked)
{
	if (asked > PATIENCE)
		give_up(slot, "a use that is committed is never signed");
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
	for (unsigned asked = 0;; asked++) {
		uint64_t size = hello();
		struct digest entry;
		struct leaf leaf;

		for (uint64_t i = size; i > 0 && size - i < 4 * TOGETHER; i--) {
			fx_check(fx_entry(&w.fx, i - 1, &leaf, &entry));
			if (leaf.kind == LEAF_ISSUE && digest_is_equal(&leaf.request, request))
				return leaf.authorize;
		}
		lose_patience(-1, asked);
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
	struct keeper_header header; /* type 0: no answer has come */
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
	together[said] = (struct heard){.m = *m};
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

static void take_up(const struct heard *h)
{
	w.fx.header = h->header;
	buf_clear(&w.fx.body);
	buf_put_view(&w.fx.body, buf_view(&h->body));
}

static void judge(const struct heard *h)
{
	ask_reference(&h->m);
	take_up(h);
	for (unsigned asked = 0; is_being_made(); lose_patience(h->m.slot, ++asked))
		ask_again(&h->m);
	compare(&h->m, false);
	if (want.held)
		settle_held(&h->m, false);
}

/* ---- The keeper dies under a burst ----------------------------------------------------------*/

/* What the entry is of that the message leaves: its own, or that of the use it brought about. */
static bool is_entry_of(const struct leaf *leaf, const struct message *m)
{
	const struct said *s = m->say == SAY_WORD	 ? &w.words[m->n]
			       : m->say == SAY_GRANT	 ? &w.grants[m->n]
			       : m->say == SAY_END	 ? &w.ends[m->n]
			       : m->say == SAY_TAKE_BACK ? &w.taken[m->n]
							 : &w.early[m->n];

	if (m->slot >= 0)
		return leaf->kind != LEAF_ISSUE &&
		       digest_is_equal(&leaf->request, &w.slots[m->slot].r.id);
	return digest_is_equal(&leaf->statement, &s->digest);
}

/* The log since the burst, and how many of the messages had come so far that they are in it or were
 * answered: the keeper takes them in turn. No use is in the log twice, nor is its result. */
static size_t read_log(uint64_t from, uint64_t size)
{
	static struct leaf seen[4 * TOGETHER + 4];
	struct digest entry;
	size_t n = 0, done = 0;

	fx_check(size - from <= sizeof(seen) / sizeof(seen[0]));
	for (uint64_t i = from; i < size; i++, n++) {
		size_t k = 0;

		fx_check(fx_entry(&w.fx, i, &seen[n], &entry));
		for (size_t o = 0; o < n; o++)
			if ((seen[n].kind == LEAF_AUTHORIZE || seen[n].kind == LEAF_ISSUE) &&
			    seen[o].kind == seen[n].kind && seen[o].use == seen[n].use &&
			    digest_is_equal(&seen[o].request, &seen[n].request))
				give_up(-1, "a use is in the log twice");
		while (k < said && !is_entry_of(&seen[n], &together[k].m))
			k++;
		done = k < said && k >= done ? k + 1 : done;
	}
	for (size_t k = done; k < said; k++)
		done = together[k].header.type != 0 ? k + 1 : done;
	return done;
}

/* The use that the message has brought about. */
static void find_authorize(const struct message *m, uint64_t from, uint64_t size)
{
	struct digest entry;
	struct leaf leaf;

	for (uint64_t i = from; i < size; i++) {
		fx_check(fx_entry(&w.fx, i, &leaf, &entry));
		if (leaf.kind == LEAF_AUTHORIZE && is_entry_of(&leaf, m)) {
			same_authorize(&w.slots[m->slot], i);
			return;
		}
	}
	give_up(m->slot, "a use that was acknowledged, or has to be, is not in the log");
}

/* Done, and perhaps answered, before the keeper died. */
static void judge_done(const struct heard *h, uint64_t from, uint64_t size)
{
	ask_reference(&h->m);
	if (h->header.type != 0) {
		take_up(h);
		if (!is_being_made()) {
			compare(&h->m, false);
			if (want.type == KEEPER_R_RESULT)
				return;
		}
	}
	if (want.committed)
		find_authorize(&h->m, from, size);
	if (want.held)
		(void)until_issued(&w.slots[h->m.slot].r.id);
}

/* Some answers have come; then the keeper is killed, and all is sent again. What was answered is
 * not lost, and what was done is not done again. */
static void die_under_burst(uint64_t from)
{
	const struct timespec pause = {.tv_nsec = (long)below(2000000)};
	size_t answers = below((unsigned)said + 1), done;
	uint64_t size;

	for (size_t i = 0; i < answers; i++)
		hear_one();
	if (answers == 0 || chance(50))
		(void)nanosleep(&pause, NULL);
	restart();
	size = hello();
	done = read_log(from, size);
	note(-1, "it was under a burst: %zu had come so far, %zu were answered", done, answers);
	for (size_t i = 0; i < done; i++)
		judge_done(&together[i], from, size);
	for (size_t i = 0; i < said; i++) {
		ask_again(&together[i].m);
		together[i].header = w.fx.header;
		buf_clear(&together[i].body);
		buf_put_view(&together[i].body, buf_view(&w.fx.body));
		judge(&together[i]);
	}
	(void)read_log(from, hello());
}

/* Which of two equal ones has left an entry nobody could tell. */
static bool are_different(void)
{
	for (size_t i = 0; i < said; i++)
		for (size_t k = 0; k < i; k++)
			if (together[i].m.say == together[k].m.say &&
			    together[i].m.slot == together[k].m.slot &&
			    together[i].m.n == together[k].m.n)
				return false;
	return true;
}

void say_together(void)
{
	bool die = are_different() && chance(8);
	uint64_t from = die ? hello() : 0;
	AUTO(buf) struct buf frames;

	gathers = false;
	buf_init(&frames, TOGETHER * KEEPER_FRAME_MAX);
	for (size_t i = 0; i < said; i++) {
		world_put(&w, &together[i].m, &frames);
		together[i].correlation = w.fx.correlation;
	}
	fx_send(&w.fx, &frames);
	if (die)
		die_under_burst(from);
	for (size_t i = 0; i < said && !die; i++)
		hear_one();
	for (size_t i = 0; i < said; i++) {
		if (!die)
			judge(&together[i]);
		buf_release(&together[i].body);
	}
}

void say(const struct message *m)
{
	AUTO(buf) struct buf frame = {0};
	unsigned asked = 0;
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
	open_door(m);
	do {
		(void)fx_exchange(&w.fx, &frame);
		lose_patience(m->slot, asked++);
	} while (is_being_made());
	close_door();
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
