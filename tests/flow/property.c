/* property [EPISODES [STEPS]] - a real keeper against the reference (tests/lib/reference.h): random
 * acts, replays, clocks, changes and kills, and every answer compared.
 *
 * Each episode has a keeper of its own and a seed that is printed when it fails; GS_PROPERTY_SEED
 * names the first one's, GS_PROPERTY_STEPS how many steps an episode has. Half of the episodes run
 * in a second process. */
#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/codec/base64.h"
#include "lib/model/leaf.h"
#include "lib/tlog/proof_file.h"
#include "tests/flow/property_world.h"

#define LINES 400

static struct world w;
static uint64_t seed, random_state;
static unsigned long step;
static unsigned long seen[REASON__COUNT + 1], results, commits;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = (random_state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static unsigned below(unsigned n)
{
	return (unsigned)(next() % n);
}

static bool chance(unsigned percent)
{
	return below(100) < percent;
}

/* ---- The script of what was done, for those who have to find out ----------------------------*/

static struct line {
	int slot; /* -1: it concerns all */
	char text[160];
} script[LINES];
static unsigned long lines;

__attribute__((format(printf, 2, 3))) static void note(int slot, const char *fmt, ...)
{
	struct line *l = &script[lines++ % LINES];
	int n = snprintf(l->text, sizeof(l->text), "%6lu ", step);
	va_list ap;

	l->slot = slot;
	va_start(ap, fmt);
	(void)vsnprintf(l->text + n, sizeof(l->text) - (size_t)n, fmt, ap);
	va_end(ap);
}

static const char *type_text(enum keeper_type t)
{
	return t == KEEPER_R_ERROR ? "error" : t == KEEPER_R_STATUS ? "status" : "result";
}

/* The line with which this request began; the oldest there is if that is forgotten. */
static unsigned long beginning(int slot)
{
	unsigned long from = lines > LINES ? lines - LINES : 0;
	unsigned long n = lines;

	while (n > from && (script[(n - 1) % LINES].slot != slot ||
			    strstr(script[(n - 1) % LINES].text, " asks on ") == NULL))
		n--;
	return n > from ? n - 1 : from;
}

/* What concerned this request since. */
static void give_up(int slot, const struct ref_answer *a, const char *what)
{
	static const char *const outcomes[] = {"allow", "wait", "deny"};
	struct keeper_status got;

	(void)fprintf(stderr, "seed %llu, step %lu, request %d: %s\n", (unsigned long long)seed,
		      step, slot, what);
	for (unsigned long i = beginning(slot); i < lines; i++) {
		const struct line *l = &script[i % LINES];

		if (l->slot == slot || l->slot < 0)
			(void)fprintf(stderr, "%s\n", l->text);
	}
	(void)fprintf(stderr, "expected: %s, %s, %s, rule %s, %u seats missing, state %d, use %u\n",
		      type_text(a->type), outcomes[a->decision.outcome],
		      reason_id(a->type == KEEPER_R_ERROR ? a->reason : a->decision.reason),
		      a->decision.rule < 0 ? "none" : ref_rules[a->decision.rule],
		      a->decision.missing, (int)a->state, a->use);
	(void)fprintf(stderr, "answered: %s", type_text(w.fx.header.type));
	if (w.fx.header.type == KEEPER_R_STATUS &&
	    rc_is_ok(keeper_get_status(buf_view(&w.fx.body), &got)))
		(void)fprintf(stderr, " %.*s", (int)got.json.len, (const char *)got.json.ptr);
	else if (w.fx.header.type == KEEPER_R_ERROR)
		(void)fprintf(stderr, " %s", reason_id(fx_reason(&w.fx)));
	(void)fprintf(stderr, "\nagain: GS_PROPERTY_SEED=%llu flow-property 1\n",
		      (unsigned long long)seed);
	fx_kill(&w.fx);
	world_release(&w);
	exit(1);
}

/* ---- Comparing -----------------------------------------------------------------------------*/

static struct ref_answer want;
static int at;

#define same(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			give_up(at, &want, #cond);                                                 \
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
	same(json_integer_value(json_object_get(json, "uses_done")) == q->spent);
	same_approvals(q, json);
	json_decref(json);
}

static void read_leaf(uint64_t index, struct leaf *ret)
{
	AUTO(buf) struct buf frame;
	AUTO(buf) struct buf bytes;
	struct proof_file proof;

	buf_init(&frame, 4096);
	buf_init(&bytes, LEAF_BYTES_MAX);
	keeper_put_proof_request(&frame, ++w.fx.correlation, index, 0);
	fx_check(fx_exchange(&w.fx, &frame) == KEEPER_R_PROOF);
	fx_ok(proof_file_parse(buf_view(&w.fx.body), &proof, NULL));
	fx_ok(base64_parse(BASE64_STD, proof.extra, &bytes, NULL));
	fx_ok(leaf_parse(buf_view(&bytes), ret, NULL));
}

static bool is_counted(const struct leaf *leaf, const struct digest *d)
{
	for (size_t i = 0; i < leaf->approval_count; i++)
		if (digest_is_equal(&leaf->approvals[i], d))
			return true;
	return false;
}

/* The approvals that the log says were counted fill every seat, nobody sits in two of them, and all
 * of them count. */
static void same_seats(const struct slot *s, const struct leaf *leaf)
{
	const struct ref_rule *r = &w.ref.policy.rules[want.decision.rule];
	unsigned all[REF_PEOPLE] = {0}, sit[REF_PEOPLE] = {0};
	size_t people = 0, counted = 0;

	for (size_t i = 0; i < s->q.order_count; i++) {
		int n = s->q.order[i];
		const struct ref_said *a = &s->q.acts[n];
		bool first = want.decision.live[n] && (all[a->person] & a->channel) == 0;

		if (first)
			all[a->person] |= a->channel;
		if (!is_counted(leaf, &s->acts[n].digest))
			continue;
		same(first);
		people += sit[a->person] == 0;
		sit[a->person] |= a->channel;
		counted++;
	}
	same(counted == leaf->approval_count);
	same(people == ref_seats(r));
	same(ref_seats_filled(&w.ref, want.decision.rule, sit) == ref_seats(r));
	for (int p = 0; p < REF_PEOPLE; p++)
		same(sit[p] == 0 || sit[p] == all[p]);
}

static void same_result(struct slot *s)
{
	struct digest policy = digest_of(buf_view(&w.fx.policy));
	struct digest rule;
	struct keeper_result m;
	struct leaf leaf;

	fx_ok(keeper_get_result(buf_view(&w.fx.body), &m));
	same(m.use == want.use);
	same(digest_is_equal(&m.request, &s->r.id));
	results++;
	if (!want.committed)
		return;
	commits++;
	if (chance(2))
		fx_check_result(&w.fx, &s->r);
	read_leaf(m.authorize_leaf, &leaf);
	rule = world_rule_digest(&w, want.decision.rule, s->q.key);
	same(leaf.kind == LEAF_AUTHORIZE && digest_is_equal(&leaf.request, &s->r.id));
	same(leaf.use == want.use && leaf.time == w.ref.now);
	same(digest_is_equal(&leaf.policy, &policy));
	same(digest_is_equal(&leaf.rule, &rule));
	same_seats(s, &leaf);
}

static void compare(int slot)
{
	at = slot;
	same(w.fx.header.type == want.type);
	if (want.type == KEEPER_R_ERROR) {
		same(fx_reason(&w.fx) == want.reason);
		seen[want.reason]++;
	} else if (want.type == KEEPER_R_STATUS) {
		same_status(&w.slots[slot].q);
	} else {
		same_result(&w.slots[slot]);
	}
}

/* ---- Messages ------------------------------------------------------------------------------*/

/* What is sent, so that it can be sent again after the keeper was killed under it. */
struct message {
	enum keeper_type type;
	int act;
	uint32_t use;
	bool sign;
};

static void put_message(const struct slot *s, const struct message *m, struct buf *out)
{
	w.fx.correlation++;
	if (m->type == KEEPER_SUBMIT)
		keeper_put_submit(out, w.fx.correlation, KEEPER_SUBMIT,
				  &(struct keeper_submit){.statement = buf_view(&s->r.statement),
							  .requester_sig = buf_view(&s->sig),
							  .host_sig = buf_view(&s->host_sig),
							  .sign = m->sign});
	else if (m->type == KEEPER_ACT)
		keeper_put_act(
			out, w.fx.correlation,
			&(struct keeper_act){.kind = s->q.acts[m->act].kind,
					     .statement = buf_view(&s->acts[m->act].statement),
					     .sig = buf_view(&s->acts[m->act].sig),
					     .sign = m->sign});
	else if (m->type == KEEPER_COMMIT)
		keeper_put_commit(out, w.fx.correlation, KEEPER_COMMIT,
				  &(struct keeper_commit){.request = s->r.id, .use = m->use});
	else
		keeper_put_digest(out, w.fx.correlation, KEEPER_SHOW, &s->r.id);
}

static void hello(void)
{
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++w.fx.correlation);
	fx_check(fx_exchange(&w.fx, &frame) == KEEPER_R_HELLO);
	ref_heard(&w.ref);
}

/* It listens before it has loaded; what it answers, it answers after its first entry of the log. */
static void restart(void)
{
	fx_kill(&w.fx);
	fx_run(&w.fx);
	fx_check(w.fx.fd >= 0);
	ref_started(&w.ref);
	hello();
	note(-1, "killed and started again");
}

/* The keeper dies somewhere between reading the message and answering it. Whatever it had done: the
 * same message again has to have the effect of one. */
static void die_under(int slot, const struct message *m)
{
	const struct timespec pause = {.tv_nsec = (long)below(3000000)};
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	put_message(&w.slots[slot], m, &frame);
	fx_send(&w.fx, &frame);
	(void)nanosleep(&pause, NULL);
	restart();
	note(slot, "it was under what follows");
}

static void say(int slot, const struct message *m)
{
	struct slot *s = &w.slots[slot];
	AUTO(buf) struct buf frame;

	if (m->type != KEEPER_SHOW && below(1000) < 4)
		die_under(slot, m);
	buf_init(&frame, KEEPER_FRAME_MAX);
	put_message(s, m, &frame);
	if (m->type == KEEPER_SUBMIT)
		ref_submit(&w.ref, &s->q, m->sign, &want);
	else if (m->type == KEEPER_ACT)
		ref_act(&w.ref, &s->q, m->act, m->sign, &want);
	else if (m->type == KEEPER_COMMIT)
		ref_commit(&w.ref, &s->q, m->use, &want);
	else
		ref_show(&w.ref, &s->q, &want);
	(void)fx_exchange(&w.fx, &frame);
	compare(slot);
}

static void new_request(int slot)
{
	struct slot *s = &w.slots[slot];
	struct ref_request *q = &s->q;

	if (s->used)
		fx_request_release(&s->r);
	*q = (struct ref_request){.closed = REASON_NONE};
	q->key = chance(65) ? 0 : 1;
	q->requester = chance(75) ? (q->key == 0 ? 0 : 6) : (int)below(REF_PEOPLE);
	q->signer = q->requester < 2 ? below(2) : 0;
	q->host = chance(90) ? 0 : 1;
	q->not_before = w.ref.now + (chance(80) ? 0 : below(900));
	q->deadline = q->not_before + (chance(90) ? 30 + below(3400) : below(9000));
	q->uses = 1 + (chance(50) ? 0 : below(4));
	q->has_reason = chance(80);
	q->has_ticket = q->has_reason && chance(30);
	world_make_request(&w, s);
	s->used = true;
	note(slot, "%s asks on %s for %u uses of %s, not before %+lld, deadline %+lld%s%s",
	     ref_people[q->requester], w.fx.hosts[q->host].name, q->uses, ref_keys[q->key],
	     (long long)(q->not_before - w.ref.now), (long long)(q->deadline - w.ref.now),
	     q->has_reason ? ", with a reason" : "", q->has_ticket ? " and a ticket" : "");
	/* Some are sent later. */
	if (chance(93))
		say(slot, &(struct message){.type = KEEPER_SUBMIT, .sign = chance(50)});
}

static int any_slot(void)
{
	int slot = (int)below(SLOTS);

	/* Of those that the keeper would not have, or that are through, a few are kept. */
	if (!w.slots[slot].used || ((!w.slots[slot].q.known || w.slots[slot].q.closed ||
				     w.ref.now > w.slots[slot].q.deadline) &&
				    chance(75)))
		new_request(slot);
	return slot;
}

static void again(int slot)
{
	bool sign = chance(40);

	note(slot, "the request again%s", sign ? ", to be signed" : "");
	say(slot, &(struct message){.type = KEEPER_SUBMIT, .sign = sign});
}

static void approve(int slot)
{
	struct slot *s = &w.slots[slot];
	struct ref_said *a = &s->q.acts[s->q.act_count];
	int rule = (int)below(REF_RULES);

	/* A rule for the key, mostly. */
	for (int i = 0; i < 4 && (w.ref.policy.rules[rule].keys & (1u << s->q.key)) == 0; i++)
		rule = (int)below(REF_RULES);
	*a = (struct ref_said){.kind = STATEMENT_APPROVAL, .person = (int)below(REF_PEOPLE)};
	if (chance(50))
		a->person = 1 + (int)below(4);
	a->key = a->person < 4 ? below(2) : 0;
	a->channel = world_channel(a->person, a->key);
	a->rule = ref_rule_says(&w.ref, rule, s->q.key);
	a->expires = w.ref.now + (chance(95) ? 1 + below(2500) : 0);
	world_make_act(&w, s, (int)s->q.act_count++, rule);
}

static void act(int slot, enum statement_kind kind)
{
	struct slot *s = &w.slots[slot];
	struct ref_said *a = &s->q.acts[s->q.act_count];
	int n = (int)s->q.act_count;
	bool sign = chance(70);

	if (n == REF_ACTS) {
		new_request(slot);
		return;
	}
	if (kind == STATEMENT_APPROVAL) {
		approve(slot);
	} else {
		*a = (struct ref_said){.kind = kind, .person = (int)below(REF_PEOPLE)};
		if (kind == STATEMENT_CANCELLATION && chance(60))
			a->person = s->q.requester;
		if (kind == STATEMENT_WITHDRAWAL) {
			a->target = n == 0 ? -1 : (int)below((unsigned)n);
			if (n == 0 || s->q.acts[a->target].kind != STATEMENT_APPROVAL)
				return;
			if (chance(80))
				a->person = s->q.acts[a->target].person;
		}
		a->channel = REF_CLI;
		world_make_act(&w, s, (int)s->q.act_count++, 0);
	}
	note(slot, "%s by %s (key %u)%s", statement_info(kind)->name, ref_people[a->person], a->key,
	     sign ? ", then sign" : "");
	/* Some are sent later, as replays. */
	if (chance(95))
		say(slot, &(struct message){.type = KEEPER_ACT, .act = n, .sign = sign});
}

static void act_again(int slot)
{
	int n;

	if (w.slots[slot].q.act_count == 0)
		return;
	n = (int)below((unsigned)w.slots[slot].q.act_count);
	note(slot, "act %d again", n);
	say(slot, &(struct message){.type = KEEPER_ACT, .act = n, .sign = chance(50)});
}

static void commit(int slot)
{
	struct ref_request *q = &w.slots[slot].q;
	uint32_t use = chance(75) ? q->spent + 1 : 1 + below(5);

	note(slot, "commit of use %u", use);
	say(slot, &(struct message){.type = KEEPER_COMMIT, .use = use});
}

/* ---- The world around them -----------------------------------------------------------------*/

/* When the approval is too old for the rule that it is for. */
static unix_time too_old(const struct ref_request *q, const struct ref_said *a)
{
	for (int i = 0; i < REF_RULES; i++)
		if (a != NULL && a->known && ref_rule_says(&w.ref, i, q->key) == a->rule)
			return a->given + (unix_time)w.ref.policy.rules[i].lifetime;
	return 0;
}

/* A time at which something begins or ends for the request. */
static unix_time edge(const struct ref_request *q)
{
	const struct ref_policy *p = &w.ref.policy;
	const struct ref_said *a =
		q->act_count > 0 ? &q->acts[below((unsigned)q->act_count)] : NULL;
	const struct ref_rule *r = &p->rules[below(REF_RULES)];
	size_t n = w.ref.use_count[q->key];

	switch (below(8)) {
	case 0:
		return q->deadline;
	case 1:
		return q->not_before;
	case 2:
		return a != NULL ? a->expires : 0;
	case 3:
	case 4:
		return too_old(q, a);
	case 5:
		return ref_window_edge(p, r->windows != 0 ? r->windows : 1, w.ref.now);
	case 6:
		return n == 0 ? 0
			      : w.ref.uses[q->key][(n - 1) % REF_USES].at +
					(unix_time)p->rates[q->key][below(REF_RATES)].period;
	default:
		return chance(50) ? p->freeze.from : p->freeze.to;
	}
}

/* The keeper notices each move. Whether one of about a minute is a jump depends on how long the
 * test takes: such are made in two. */
static void move_clock(unix_time t)
{
	unix_time d = t - w.ref.now;

	note(-1, "the clock moves by %+lld", (long long)d);
	if ((d > 40 && d < 80) || (d < -40 && d > -80)) {
		world_clock(&w, w.ref.now + d / 2);
		hello();
	}
	world_clock(&w, t);
	hello();
}

/* To where something changes, a second before or after it; and a look at what it was for. */
static void to_an_edge(void)
{
	int slot = any_slot();
	unix_time t = edge(&w.slots[slot].q) + (int)below(3) - 1;

	if (t < w.ref.now - 60 || t > w.ref.now + 86400 || t < BEGIN)
		return;
	move_clock(t);
	say(slot, &(struct message){.type = KEEPER_SHOW});
}

static void clock_step(void)
{
	unix_time t = w.ref.now + below(30);

	if (chance(50)) {
		to_an_edge();
		return;
	}
	if (w.ref.now < w.ref.head && chance(70))
		t = w.ref.head + below(3);
	else if (chance(8) && w.ref.now > BEGIN + 60)
		t = w.ref.now - 1 - below(40);
	else if (chance(8))
		t = w.ref.now + 61 + below(5000);
	move_clock(t);
}

static void change_rule(struct ref_rule *r)
{
	struct ref_seat *s = &r->seats[below(REF_SEATS)];

	switch (below(10)) {
	case 0:
		r->max_uses = 1 + below(4);
		break;
	case 1:
		r->lifetime = 200 + below(2500);
		break;
	case 2:
		r->max_deadline = 900 + below(7200);
		break;
	case 3:
		r->reason = !r->reason;
		break;
	case 4:
		r->windows = below(4);
		break;
	case 5:
		r->from_laptop = !r->from_laptop;
		break;
	case 6:
		r->observe = !r->observe && chance(30);
		break;
	case 7:
		r->pe_only = !r->pe_only && chance(20);
		r->upload = !r->upload && chance(20);
		break;
	case 8:
		r->request ^= 1u << below(REF_GROUPS);
		break;
	default:
		if (r->seat_count == 0 || s >= r->seats + r->seat_count)
			break;
		*s = (struct ref_seat){1 + below(2), -1, chance(50) ? REF_LEADS : REF_SECURITY,
				       chance(60) ? REF_ANY : 1 + below(2)};
		if (chance(20))
			*s = (struct ref_seat){1, (int)below(5), 0, REF_ANY};
	}
}

static void change_policy(void)
{
	struct ref_policy p = w.ref.policy;
	struct ref_rate *rate = &p.rates[below(REF_KEYS)][below(REF_RATES)];
	unsigned k = below(REF_WINDOWS);
	int n = (int)below(REF_RULES);
	bool taken;

	switch (below(6)) {
	case 0:
		p.windows[k].opens = below(1440);
		p.windows[k].length = 600 + below(80000);
		break;
	case 1:
		p.freeze.keys = chance(50) ? 0 : 1 + below(3);
		p.freeze.from = w.ref.now / 60 * 60 - 600 + 60 * (unix_time)below(20);
		p.freeze.to = p.freeze.from + 60 + 60 * (unix_time)below(30);
		break;
	case 2:
		*rate = (struct ref_rate){chance(40) ? 0 : 1 + below(4), 60 + below(3000),
					  chance(50)};
		break;
	default:
		change_rule(&p.rules[n]);
	}
	/* What has become too strange for anything to be signed ends. */
	if (chance(15))
		world_first(&p, NULL);
	taken = world_policy(&w, &p);
	note(-1, "policy, rule %s or times: %s", ref_rules[n], taken ? "taken" : "refused");
}

static void change_roster(void)
{
	struct ref_roster r = w.ref.roster;
	int p = (int)below(REF_PEOPLE);
	bool taken;

	switch (below(8)) {
	case 0:
		r.builder[1] = !r.builder[1];
		break;
	case 1:
		r.host_gone[below(REF_HOSTS)] ^= true;
		break;
	case 2:
	case 3:
		if (p < 4)
			r.keys[p] = r.keys[p] == 3 ? 1 + below(2) : 3;
		break;
	case 4:
		if (p != 4 && p != 5)
			r.gone[p] = !r.gone[p];
		break;
	default:
		if (p < 5)
			r.groups[p] ^= 1u << (chance(50) ? REF_LEADS : REF_SECURITY);
	}
	if (chance(30))
		world_first(NULL, &r);
	for (p = 0; p < REF_PEOPLE; p++) /* one group at least, and three at most */
		if (r.groups[p] == 0 || __builtin_popcount(r.groups[p]) > 3)
			return;
	taken = world_roster(&w, &r);
	note(-1, "roster: %s", taken ? "taken" : "refused");
}

static void lock(void)
{
	int key = (int)below(REF_KEYS);
	bool off;

	if (w.ref.locked[1 - key])
		key = 1 - key;
	off = w.ref.locked[key] ? chance(10) : chance(60);

	note(-1, "%s %s", off ? "lock" : "unlock", ref_keys[key]);
	world_lock(&w, key, off);
}

/* ---- Episodes ------------------------------------------------------------------------------*/

static void one_step(void)
{
	static const struct {
		unsigned share; /* of 1000 */
		void (*slot)(int slot);
		void (*world)(void);
		enum statement_kind kind;
	} deeds[] = {
		{110, new_request, NULL, 0},
		{60, again, NULL, 0},
		{325, NULL, NULL, STATEMENT_APPROVAL},
		{30, NULL, NULL, STATEMENT_WITHDRAWAL},
		{8, NULL, NULL, STATEMENT_DENIAL},
		{8, NULL, NULL, STATEMENT_CANCELLATION},
		{90, act_again, NULL, 0},
		{130, commit, NULL, 0},
		{50, NULL, NULL, 0},
		{135, NULL, clock_step, 0},
		{25, NULL, change_policy, 0},
		{13, NULL, change_roster, 0},
		{14, NULL, lock, 0},
		{2, NULL, restart, 0},
	};
	unsigned lot = below(1000);
	size_t i = 0;

	while (lot >= deeds[i].share)
		lot -= deeds[i++].share;
	if (deeds[i].world != NULL)
		deeds[i].world();
	else if (deeds[i].slot == new_request)
		new_request((int)below(SLOTS));
	else if (deeds[i].slot != NULL)
		deeds[i].slot(any_slot());
	else if (deeds[i].kind != 0)
		act(any_slot(), deeds[i].kind);
	else
		say(any_slot(), &(struct message){.type = KEEPER_SHOW});
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

int main(int argc, char **argv)
{
	unsigned long episodes = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
	unsigned long steps = number("GS_PROPERTY_STEPS", 5000);
	uint64_t first = number("GS_PROPERTY_SEED", (unsigned long)time(NULL) * 1000);
	pid_t child = episodes > 1 ? fork() : 0;
	int status = 0;

	fx_check(child >= 0);
	(void)printf("seed %llu\n", (unsigned long long)first);
	/* In memory, if there is room: what the disk does is for other tests (crash, disk). */
	if (access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 0);
	for (unsigned long i = 0; i < episodes; i++)
		if (episodes == 1 || (i % 2 == 0) == (child == 0))
			episode(first + i, steps);
	(void)printf("%lu answers with a result, of them new uses %lu; other reasons:\n", results,
		     commits);
	for (size_t r = 0; r < REASON__COUNT; r++)
		if (seen[r] > 0)
			(void)printf("  %-24s %lu\n", reason_id((enum reason)r), seen[r]);
	if (child == 0)
		return 0;
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
