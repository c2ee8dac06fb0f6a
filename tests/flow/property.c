/* property [EPISODES [STEPS]] - a real keeper against the reference (tests/lib/reference.h): random
 * acts, replays, clocks, changes and kills, and every answer compared.
 *
 * Each episode has a keeper of its own and a seed that is printed when it fails; GS_PROPERTY_SEED
 * names the first one's, GS_PROPERTY_STEPS how many steps an episode has. Half of the episodes run
 * in a second process.
 *
 * What it is worth: tools/property-faults puts the faults of property.faults into a copy of the
 * keeper, one at a time, and says after how many steps each is found. */
#include "tests/flow/property.h"

#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/model/leaf.h"
#include "lib/tlog/items.h"

#define LINES 1000
#define LAST 60 /* lines that are shown of what is about no request */

struct world w;
static uint64_t seed, random_state;
unsigned long step;
static unsigned long seen[REASON__COUNT + 1], results, commits, early, granted, proofs, broken,
	reviewed;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = (random_state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

unsigned below(unsigned n)
{
	return (unsigned)(next() % n);
}

bool chance(unsigned percent)
{
	return below(100) < percent;
}

/* ---- The script of what was done, for those who have to find out ----------------------------*/

static struct line {
	int slot; /* -1: it concerns all */
	char text[200];
} script[LINES];
static unsigned long lines;

void note(int slot, const char *fmt, ...)
{
	struct line *l = &script[lines++ % LINES];
	int n = snprintf(l->text, sizeof(l->text), "%6lu ", step);
	va_list ap;

	l->slot = slot;
	va_start(ap, fmt);
	(void)vsnprintf(l->text + n, sizeof(l->text) - (size_t)n, fmt, ap);
	va_end(ap);
}

/* The line with which this request began; the oldest there is if that is forgotten. */
static unsigned long beginning(int slot)
{
	unsigned long keep = slot < 0 ? LAST : LINES;
	unsigned long from = lines > keep ? lines - keep : 0;
	unsigned long n = lines;

	while (slot >= 0 && n > from &&
	       (script[(n - 1) % LINES].slot != slot ||
		strstr(script[(n - 1) % LINES].text, " asks on ") == NULL))
		n--;
	return slot >= 0 && n > from ? n - 1 : from;
}

/* What concerned this request since; -1: the end of it all. */
static void tell(int slot)
{
	for (unsigned long i = beginning(slot); i < lines; i++) {
		const struct line *l = &script[i % LINES];

		if (slot < 0 || l->slot == slot || l->slot < 0)
			(void)fprintf(stderr, "%s\n", l->text);
	}
	(void)fprintf(stderr, "again: GS_PROPERTY_SEED=%llu flow-property 1\n",
		      (unsigned long long)seed);
}

/* The fixture gives up by abort(): that, too, shows what had been done. */
static void on_abort(int number)
{
	(void)number;
	(void)fprintf(stderr, "seed %llu, step %lu:\n", (unsigned long long)seed, step);
	tell(-1);
	if (w.fx.pid > 0)
		(void)kill(w.fx.pid, SIGKILL);
	_exit(1);
}

static const char *type_text(enum keeper_type t)
{
	switch ((int)t) {
	case 0:
		return "nothing: the keeper has ended";
	case KEEPER_R_ERROR:
		return "error";
	case KEEPER_R_STATUS:
		return "status";
	case KEEPER_R_RESULT:
		return "result";
	case KEEPER_R_CHANGE:
		return "change";
	default:
		return "receipt";
	}
}

/* ---- Comparing -----------------------------------------------------------------------------*/

static struct ref_answer want;
static int at;

static void tell_expected(void)
{
	static const char *const outcomes[] = {"allow", "wait", "deny"};
	static const char *const words[] = {"stored", "known",	 "superseded",
					    "done",   "pending", "accepted"};
	const struct ref_decision *d = &want.decision;

	(void)fprintf(stderr, "expected: %s", type_text(want.type));
	if (want.type == KEEPER_R_ERROR)
		(void)fprintf(stderr, ", %s\n", reason_id(want.reason));
	else if (want.type == KEEPER_R_STATUS || want.type == KEEPER_R_RESULT)
		(void)fprintf(stderr, ", %s, %s, rule %s, %u seats missing, state %d, use %u%s\n",
			      outcomes[d->outcome], reason_id(d->reason),
			      d->rule < 0 ? "none" : ref_rules[d->rule], d->missing,
			      (int)want.state, want.use, want.committed ? ", new" : "");
	else
		(void)fprintf(stderr, ", %s\n", words[want.result]);
}

static void tell_answered(void)
{
	struct keeper_error error;
	struct keeper_status got;
	struct keeper_result result;
	struct view body = buf_view(&w.fx.body);
	enum keeper_type t = w.fx.header.type;

	(void)fprintf(stderr, "answered: %s", type_text(t));
	if (t == KEEPER_R_STATUS && rc_is_ok(keeper_get_status(body, &got)))
		(void)fprintf(stderr, " %.*s", (int)got.json.len, (const char *)got.json.ptr);
	else if (t == KEEPER_R_RESULT && rc_is_ok(keeper_get_result(body, &result)))
		(void)fprintf(stderr, ", use %u, authorized by entry %llu", result.use,
			      (unsigned long long)result.authorize_leaf);
	else if (t == KEEPER_R_ERROR && rc_is_ok(keeper_get_error(body, &error)))
		(void)fprintf(stderr, ", %s: %.*s", reason_id(error.reason),
			      (int)sizeof(error.text), error.text);
	else if (t != 0)
		(void)fprintf(stderr, " %.*s", (int)body.len, (const char *)body.ptr);
	(void)fprintf(stderr, "\n");
}

void give_up(int slot, const char *what)
{
	(void)fprintf(stderr, "seed %llu, step %lu, request %d: %s\n", (unsigned long long)seed,
		      step, slot, what);
	tell(slot);
	tell_expected();
	tell_answered();
	if (w.fx.pid > 0)
		fx_kill(&w.fx);
	world_release(&w);
	exit(1);
}

#define same(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			give_up(at, #cond);                                                        \
	} while (0)

static unsigned missing_seats(const json_t *status)
{
	const json_t *seat;
	unsigned n = 0;
	size_t i;

	json_array_foreach(json_object_get(status, "missing"), i, seat) n +=
		(unsigned)strtoul(json_string_value(seat), NULL, 10);
	return n;
}

static void same_approvals(const struct ref_request *q, const json_t *status)
{
	const json_t *list = json_object_get(status, "approvals");
	size_t k = 0;

	for (size_t i = 0; i < q->order_count; i++) {
		const struct ref_said *a = &q->acts[q->order[i]];
		const json_t *row;

		if (a->kind != STATEMENT_APPROVAL)
			continue;
		row = json_array_get(list, k++);
		same(strcmp(json_string_value(json_object_get(row, "person")),
			    ref_people[a->person]) == 0);
		if (want.decision.rule >= 0)
			same(json_is_true(json_object_get(row, "live")) ==
			     want.decision.live[q->order[i]]);
	}
	same(json_array_size(list) == k);
}

static void same_status(const struct ref_request *q)
{
	struct keeper_status m;
	const char *rule;
	json_t *json;

	fx_ok(keeper_get_status(buf_view(&w.fx.body), &m));
	same(m.outcome == (uint8_t)want.decision.outcome);
	same(m.reason == want.decision.reason);
	same(m.state == want.state);
	same(m.uses_spent == q->spent);
	seen[m.reason]++;
	json = json_loadb((const char *)m.json.ptr, m.json.len, JSON_REJECT_DUPLICATES, NULL);
	fx_check(json != NULL);
	rule = json_string_value(json_object_get(json, "rule"));
	same((rule == NULL) == (want.decision.rule < 0));
	same(rule == NULL || strcmp(rule, ref_rules[want.decision.rule]) == 0);
	same(missing_seats(json) == want.decision.missing);
	same(json_integer_value(json_object_get(json, "uses_done")) ==
	     (q->released ? q->spent : 0));
	same_approvals(q, json);
	json_decref(json);
}

static bool is_counted(const struct leaf *leaf, const struct digest *d)
{
	for (size_t i = 0; i < leaf->approval_count; i++)
		if (digest_is_equal(&leaf->approvals[i], d))
			return true;
	return false;
}

/* Who is counted, in which channel, and how many approvals that were. */
struct count {
	unsigned all[REF_PEOPLE]; /* whoever said something that counts */
	unsigned sit[REF_PEOPLE];
	size_t people;
	size_t counted;
};

/* Of one person's approvals the first of each channel counts. */
static bool count_one(struct count *c, const struct ref_said *a, bool live, bool counted)
{
	bool first = live && (c->all[a->person] & a->channel) == 0;

	if (first)
		c->all[a->person] |= a->channel;
	if (!counted)
		return false;
	same(first);
	c->people += c->sit[a->person] == 0;
	c->sit[a->person] |= a->channel;
	c->counted++;
	return true;
}

/* The approvals that the log says were counted fill every seat, nobody sits in two of them, and all
 * of them count. Each preapproval among them has a use less. */
static void same_seats(const struct slot *s, const struct leaf *leaf)
{
	const struct ref_decision *d = &want.decision;
	const struct ref_seats *seats = &w.ref.policy.rules[d->rule].seats;
	struct count c = {0};

	for (size_t i = 0; i < s->q.order_count; i++) {
		int n = s->q.order[i];

		(void)count_one(&c, &s->q.acts[n], d->live[n],
				is_counted(leaf, &s->acts[n].digest));
	}
	for (size_t i = 0; i < w.ref.early_known; i++) {
		int n = w.ref.early_order[i];

		if (count_one(&c, &w.ref.early[n].said, d->live_early[n],
			      is_counted(leaf, &w.early[n].digest))) {
			ref_spend_early(&w.ref, n);
			early++;
		}
	}
	same(c.counted == leaf->approval_count);
	same(c.people == ref_seats(seats));
	same(ref_seats_filled(&w.ref.roster, seats, c.sit) == ref_seats(seats));
	for (int p = 0; p < REF_PEOPLE; p++)
		same(c.sit[p] == 0 || c.sit[p] == c.all[p]);
}

/* The grant that was needed is in the log, and none where the rule itself lets them in. */
static void same_grant(const struct ref_request *q, const struct leaf *leaf)
{
	static const struct digest none;
	bool host = !ref_names_host(&w.ref, q, want.decision.rule);
	bool needed = host || !ref_names_requester(&w.ref, q, want.decision.rule);
	bool found = false;

	for (size_t i = 0; i < w.ref.grant_count; i++)
		found |= digest_is_equal(&leaf->grant, &w.grants[i].digest) &&
			 ref_grant_lets(&w.ref, q, (int)i, host);
	same(found == needed && digest_is_equal(&leaf->grant, &none) == !needed);
	granted += needed;
}

static int digests_order(const void *a, const void *b)
{
	return memcmp(((const struct digest *)a)->b, ((const struct digest *)b)->b, DIGEST_SIZE);
}

/* The log names the words of machines that let the files pass, and no others. */
static void same_evidence(const struct ref_request *q, const struct leaf *leaf)
{
	static struct digest list[REF_MEMORY];
	const struct ref_rule *r = &w.ref.policy.rules[want.decision.rule];
	struct digest root = {{0}};
	size_t n = 0;

	for (size_t i = 0; i < w.ref.word_count; i++)
		if (ref_word_counts(&w.ref, r, q->files, (int)i))
			list[n++] = w.words[i].digest;
	qsort(list, n, sizeof(list[0]), digests_order);
	if (n > 0)
		fx_ok(evidence_root(list, n, &root));
	same(digest_is_equal(&root, &leaf->evidence));
	proofs += n > 0;
}

/* The entry of a use that was committed just now. */
static void same_authorize(const struct slot *s, uint64_t index)
{
	static const struct digest none;
	struct digest policy = digest_of(buf_view(&w.fx.policy));
	struct digest roster = digest_of(buf_view(&w.fx.roster));
	struct digest rule = world_rule_digest(&w, want.decision.rule, s->q.key);
	struct digest entry;
	struct leaf leaf;

	commits++;
	fx_check(fx_entry(&w.fx, index, &leaf, &entry));
	same(leaf.kind == LEAF_AUTHORIZE && digest_is_equal(&leaf.request, &s->r.id));
	same(leaf.use == want.use && leaf.time == w.ref.now);
	same(digest_is_equal(&leaf.policy, &policy) && digest_is_equal(&leaf.roster, &roster));
	same(digest_is_equal(&leaf.rule, &rule));
	same(leaf.break_glass == want.decision.broke);
	if (want.decision.broke) {
		w.owed[w.ref.owed_count - 1] = (struct owed){
			.request = s->r.id, .authorize = entry, .slot = (int)(s - w.slots)};
		broken++;
	}
	same(digest_is_equal(&leaf.token, &none) != ref_has_tokens(s->q.requester));
	same_grant(&s->q, &leaf);
	same_evidence(&s->q, &leaf);
	same_seats(s, &leaf);
}

static void same_result(struct slot *s)
{
	struct keeper_result m;

	fx_ok(keeper_get_result(buf_view(&w.fx.body), &m));
	same(m.use == want.use);
	same(digest_is_equal(&m.request, &s->r.id));
	results++;
	if (!want.committed)
		return;
	if (chance(2))
		fx_check_result(&w.fx, &s->r);
	same_authorize(s, m.authorize_leaf);
}

/* died: the first of two may have done it already. */
static void same_receipt(const struct message *m, bool died)
{
	static const char *const words[] = {[REF_STORED] = "\"state\":\"stored\"",
					    [REF_KNOWN] = "\"state\":\"known\"",
					    [REF_SUPERSEDED] = "\"state\":\"superseded\"",
					    [REF_DONE] = "\"state\":\"done\"",
					    [REF_MISSING] = "\"state\":\"pending\"",
					    [REF_ACCEPTED] = "\"state\":\"accepted\""};
	char number[40];
	const char *word = words[want.result];

	if (m->say == SAY_ENROLMENT) {
		(void)snprintf(number, sizeof(number), "\"counter\":%llu,",
			       (unsigned long long)w.ref.pool.counter);
		word = number;
	}
	same(strstr(buf_cstr(&w.fx.body), word) != NULL ||
	     (died && want.result == REF_STORED &&
	      strstr(buf_cstr(&w.fx.body), words[REF_KNOWN]) != NULL));
}

static struct ref_request *about(const struct message *m)
{
	if (m->say == SAY_REVIEW)
		return world_owed(&w, w.ref.reviews[m->n].owed);
	return &w.slots[m->slot < 0 ? 0 : m->slot].q;
}

static void compare(const struct message *m, bool died)
{
	at = m->slot;
	if (want.either && w.fx.header.type == KEEPER_R_ERROR &&
	    fx_reason(&w.fx) == REASON_CHANGE_INVALID)
		ref_refuse(&want, true, REASON_CHANGE_INVALID);
	same(w.fx.header.type == want.type);
	if (want.type == KEEPER_R_ERROR) {
		same(fx_reason(&w.fx) == want.reason);
		seen[want.reason]++;
	} else if (want.type == KEEPER_R_STATUS) {
		same_status(about(m));
	} else if (want.type == KEEPER_R_RESULT) {
		same_result(&w.slots[m->slot]);
	} else {
		same_receipt(m, died);
	}
}

/* ---- Messages ------------------------------------------------------------------------------*/

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

static void ask_reference(const struct message *m)
{
	struct ref_request *q = about(m);

	switch (m->say) {
	case SAY_SUBMIT:
		ref_submit(&w.ref, q, m->sign, &want);
		break;
	case SAY_ACT:
		ref_act(&w.ref, q, m->n, m->sign, &want);
		break;
	case SAY_COMMIT:
		ref_commit(&w.ref, q, m->use, &want);
		break;
	case SAY_SHOW:
		ref_show(&w.ref, q, &want);
		break;
	case SAY_PREAPPROVAL:
		ref_preapprove(&w.ref, m->n, &want);
		break;
	case SAY_TAKE_BACK:
		ref_take_back(&w.ref, m->n, &want);
		break;
	case SAY_WORD:
		ref_say_word(&w.ref, m->n, &want);
		break;
	case SAY_GRANT:
		ref_give(&w.ref, m->n, &want);
		break;
	case SAY_END:
		ref_end_grant(&w.ref, m->n, &want);
		break;
	case SAY_REVIEW:
		ref_look_after(&w.ref, q, m->n, &want);
		reviewed += want.type == KEEPER_R_STATUS;
		break;
	case SAY_ENROLMENT:
		ref_enrol(&w.ref, m->n, &want);
		break;
	case SAY_DOCUMENT:
		ref_propose(&w.ref, m->n, &want);
		break;
	case SAY_OBJECTION:
		ref_object(&w.ref, m->n, &want);
		break;
	}
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

/* ---- Episodes ------------------------------------------------------------------------------*/

static void approve(int slot)
{
	act(slot, STATEMENT_APPROVAL);
}

static void withdraw(int slot)
{
	act(slot, STATEMENT_WITHDRAWAL);
}

static void deny(int slot)
{
	act(slot, STATEMENT_DENIAL);
}

static void cancel(int slot)
{
	act(slot, STATEMENT_CANCELLATION);
}

static void one_step(void)
{
	static const struct {
		unsigned share; /* of 1000 */
		void (*slot)(int slot);
		void (*world)(void);
	} deeds[] = {
		{90, new_request, NULL}, {40, request_again, NULL}, {190, approve, NULL},
		{25, withdraw, NULL},	 {8, deny, NULL},	    {8, cancel, NULL},
		{60, act_again, NULL},	 {110, commit, NULL},	    {40, look_at, NULL},
		{105, NULL, clock_step}, {28, NULL, change_policy}, {15, NULL, change_roster},
		{24, NULL, lock_key},	 {2, NULL, restart},	    {40, NULL, preapprove},
		{40, NULL, say_word},	 {25, NULL, give_access},   {22, NULL, change_host},
		{22, NULL, catch_up},	 {12, NULL, emergency},	    {8, NULL, foreseen},
		{32, NULL, all_at_once}, {28, NULL, doubt},	    {7, NULL, thaw},
		{7, NULL, cut_short},	 {9, NULL, move_house},	    {3, NULL, clash},
	};
	unsigned lot = below(1000);
	size_t i = 0;

	while (lot >= deeds[i].share)
		lot -= deeds[i++].share;
	if (deeds[i].world != NULL)
		deeds[i].world();
	else if (deeds[i].slot == new_request)
		new_request((int)below(SLOTS));
	else
		deeds[i].slot(any_slot());
}

static void episode(uint64_t its_seed, unsigned long steps)
{
	seed = random_state = its_seed;
	lines = 0;
	world_begin(&w);
	for (step = 1; step <= steps; step++)
		one_step();
	world_end(&w);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static void summary(void)
{
	(void)printf("%lu answers with a result, of them new uses %lu (%lu preapprovals spent, %lu "
		     "by a grant, %lu on the word of machines, %lu broke the glass); %lu answers "
		     "to reviews; reasons:\n",
		     results, commits, early, granted, proofs, broken, reviewed);
	for (size_t r = 0; r < REASON__COUNT; r++)
		if (seen[r] > 0)
			(void)printf("  %-24s %lu\n", reason_id((enum reason)r), seen[r]);
}

int main(int argc, char **argv)
{
	unsigned long episodes = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
	unsigned long steps = number("GS_PROPERTY_STEPS", 5000);
	uint64_t first = number("GS_PROPERTY_SEED", (unsigned long)time(NULL) * 1000);
	pid_t child = episodes > 1 ? fork() : 0;
	int status = 0;

	fx_check(child >= 0);
	(void)printf("seed %llu\n", (unsigned long long)first);
	(void)signal(SIGABRT, on_abort);
	world_make_chips();
	fx_in_memory(); /* what the disk does is for other tests (crash, disk) */
	for (unsigned long i = 0; i < episodes; i++)
		if (episodes == 1 || (i % 2 == 0) == (child == 0))
			episode(first + i, steps);
	summary();
	world_free_chips();
	if (child == 0)
		return 0;
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
