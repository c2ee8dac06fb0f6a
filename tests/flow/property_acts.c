/* What people and machines do: requests, acts, preapprovals, words about files, access. */
#include "tests/flow/property.h"

/* ---- Requests ------------------------------------------------------------------------------*/

/* Whom a grant was given lately, if it was for this key. */
static bool choose_granted(struct ref_request *q)
{
	size_t back = below(6) + 1;
	const struct ref_grant *g = &w.ref.grants[w.ref.grant_count - back];

	if (back > w.ref.grant_count || g->key != q->key || !g->known)
		return false;
	q->requester = g->person;
	q->signer = 0;
	q->host = g->host >= 0 ? g->host : 0;
	return true;
}

/* One that the roster lists, mostly. */
static unsigned choose_key(int who)
{
	unsigned listed = w.ref.roster.keys[who];

	if (who >= 4 && who < REF_PEOPLE)
		return 0;
	return listed == 3 || chance(10) ? below(2) : listed - 1;
}

/* One that counts, but for a flaw now and then. */
void choose_token(int service, struct ref_token *t)
{
	static unsigned last;
	unsigned flaw = below(100);

	*t = (struct ref_token){
		.key = ref_token_keys(&w.ref, service) == 2,
		.good = service == REF_HOOK ? REF_HOOKS + w.ref.roster.audience : REF_BOUND,
		.made = w.ref.now,
		.ends = w.ref.now + 300 + below(1500),
		.strict = chance(85),
		.actor = chance(92) ? (int)below(REF_PEOPLE) : -1,
	};
	if (ref_token_keys(&w.ref, service) == 3 ||
	    (w.ref.roster.fetched[service - REF_SERVICE] && chance(10)))
		t->key = below(2);
	if (service == REF_HOOK)
		t->id = chance(75) || last == 0 ? ++last : last - below(last < 8 ? last : 8);
	if (flaw < 2)
		t->forged = true;
	else if (flaw < 3)
		t->stray = true;
	else if (flaw < 7)
		t->good = below(REF_HOOKS + 2);
	else if (flaw < 9)
		t->wild = true;
	else if (flaw < 11)
		t->key = below(2);
	else if (flaw < 13)
		t->id = 0;
	else if (flaw < 16)
		t->ends = w.ref.now - 29 - below(3);
	else if (flaw < 18)
		t->made = w.ref.now + 29 + below(3);
	else if (flaw < 20)
		t->ends = w.ref.now + 86399 + below(3);
}

void bring_keys(void)
{
	unsigned lot = below(100), times = chance(8) ? 9 : 1; /* more often than may be */
	enum ref_set set = w.ref.issuer.set;

	for (unsigned i = 0; i < times; i++) {
		if (set == 0 || lot < 35)
			set = (enum ref_set)(1 + below(3));
		else if (lot < 45)
			set = (enum ref_set)(1 + below(REF_SETS - 1));
		if (times > 1)
			set = (enum ref_set)(1 + i % 3);
		note(-1, "keys %d of the issuer are brought", (int)set);
		say(&(struct message){.say = SAY_KEYS, .slot = -1, .n = (int)set});
	}
	step += times - 1;
}

/* One that the roster's roots are for, but for a flaw now and then. */
void choose_svid(struct ref_svid *s)
{
	unsigned roots = w.ref.roster.pod_roots, flaw = below(100);

	*s = (struct ref_svid){.root = roots == 2,
			       .id = w.ref.roster.pod_id,
			       .ends = w.ref.now + (unix_time)below(1200)};
	if (roots == 3 || flaw < 6)
		s->root = below(2);
	if (flaw >= 6 && flaw < 12)
		s->id ^= 1;
	else if (flaw >= 12 && flaw < 15)
		s->stray = true;
	else if (flaw >= 15 && flaw < 22)
		s->ends = w.ref.now + (unix_time)below(3) - 1;
}

static void choose_requester(struct ref_request *q)
{
	unsigned lot = below(100);

	q->requester = lot < 48	  ? (q->key == 0 ? 0 : 6)
		       : lot < 60 ? REF_SERVICE
		       : lot < 74 ? REF_JOB
		       : lot < 86 ? REF_HOOK
				  : (int)below(REF_PEOPLE);
	q->signer = q->requester == 2 || q->requester == 3 ? 0 : choose_key(q->requester);
	lot = below(100);
	q->host = lot < 58 ? 0 : lot < 78 ? REF_POOL : lot < 92 ? REF_POD : 1;
	if (q->requester == REF_JOB ? chance(60) : chance(1))
		q->host = REF_NO_HOST;
	if (chance(35))
		(void)choose_granted(q);
	q->host_key = w.ref.pool.key >= 0 && chance(90) ? w.ref.pool.key : (int)below(2);
	if (q->host == REF_POD)
		choose_svid(&q->svid);
}

static void choose_request(struct ref_request *q)
{
	*q = (struct ref_request){.closed = REASON_NONE};
	q->key = chance(65) ? 0 : 1;
	choose_requester(q);
	q->files = chance(70) ? 1 : 1 + below((1u << REF_FILES) - 1);
	if (w.ref.early_count > 0 && chance(25)) { /* as somebody has foreseen */
		q->key = w.ref.early[w.ref.early_count - 1].key;
		q->files = w.ref.early[w.ref.early_count - 1].files;
	}
	q->not_before = w.ref.now + (chance(80) ? 0 : below(900));
	q->deadline = q->not_before + (chance(90) ? 30 + below(3400) : below(9000));
	if (chance(25)) /* signed early, given out late */
		q->release = q->not_before + below((unsigned)(q->deadline - q->not_before) + 1);
	q->uses = 1 + (chance(50) ? 0 : below(4));
	q->has_reason = chance(80);
	q->has_ticket = q->has_reason && chance(30);
	if (ref_has_tokens(q->requester))
		choose_token(q->requester, &q->token);
}

/* What q says, in that slot. */
void ask(int slot, const struct ref_request *request)
{
	struct slot *s = &w.slots[slot];
	struct ref_request *q = &s->q;

	if (s->used) {
		world_leave_slot(&w, slot);
		fx_request_release(&s->r);
	}
	*q = *request;
	world_make_request(&w, s);
	s->used = true;
	note(slot,
	     "%s (key %u) asks on %s (key %d) for %u uses of %s over files %u, not before %+lld, "
	     "deadline %+lld, release %+lld%s%s",
	     ref_people[q->requester], q->signer, q->host < 0 ? "no host" : ref_hosts[q->host],
	     q->host_key, q->uses, ref_keys[q->key], q->files,
	     (long long)(q->not_before - w.ref.now), (long long)(q->deadline - w.ref.now),
	     q->release == 0 ? 0LL : (long long)(q->release - w.ref.now),
	     q->has_reason ? ", with a reason" : "", q->has_ticket ? " and a ticket" : "");
	if (ref_has_tokens(q->requester))
		note(slot,
		     "its token: key %u, for %u, made %+lld, ends %+lld, id %u, actor %d%s%s%s%s",
		     q->token.key, q->token.good, (long long)(q->token.made - w.ref.now),
		     (long long)(q->token.ends - w.ref.now), q->token.id, q->token.actor,
		     q->token.forged ? ", forged" : "", q->token.stray ? ", stray" : "",
		     q->token.wild ? ", wild" : "", q->token.strict ? ", strict" : "");
}

void new_request(int slot)
{
	struct ref_request q;

	choose_request(&q);
	ask(slot, &q);
	/* Some are sent later. */
	if (chance(93))
		say(&(struct message){.say = SAY_SUBMIT, .slot = slot, .sign = chance(50)});
}

int any_slot(void)
{
	int slot = (int)below(SLOTS);

	/* Of those that the keeper would not have, or that are through, a few are kept. */
	if (!w.slots[slot].used || ((!w.slots[slot].q.known || w.slots[slot].q.closed ||
				     w.ref.now > w.slots[slot].q.deadline) &&
				    chance(88)))
		new_request(slot);
	return slot;
}

void request_again(int slot)
{
	bool sign = chance(40);

	note(slot, "the request again%s", sign ? ", to be signed" : "");
	say(&(struct message){.say = SAY_SUBMIT, .slot = slot, .sign = sign});
}

void look_at(int slot)
{
	say(&(struct message){.say = SAY_SHOW, .slot = slot});
}

void commit(int slot)
{
	struct ref_request *q = &w.slots[slot].q;
	uint32_t use = chance(75) ? q->spent + 1 : 1 + below(5);

	note(slot, "commit of use %u", use);
	say(&(struct message){.say = SAY_COMMIT, .slot = slot, .use = use});
}

/* ---- Acts ----------------------------------------------------------------------------------*/

/* A rule for the key, mostly. */
static int choose_rule(int key)
{
	int rule = (int)below(REF_RULES);

	for (int i = 0; i < 4 && (w.ref.policy.rules[rule].keys & (1u << key)) == 0; i++)
		rule = (int)below(REF_RULES);
	return rule;
}

/* Somebody's yes under a rule. */
static void choose_approver(struct ref_said *a, enum statement_kind kind, int rule, int key)
{
	*a = (struct ref_said){.kind = kind, .person = (int)below(REF_PEOPLE)};
	if (chance(50))
		a->person = 1 + (int)below(4);
	a->key = choose_key(a->person);
	a->channel = ref_channel(a->person, a->key);
	a->synced = a->channel == REF_BROWSER && chance(25);
	a->rule = ref_rule_says(&w.ref, rule, key);
	a->expires = w.ref.now + (chance(95) ? 1 + below(2500) : 0);
}

static void choose_other(const struct ref_request *q, int n, struct ref_said *a)
{
	a->person = (int)below(REF_PEOPLE);
	if (a->kind == STATEMENT_CANCELLATION && chance(60))
		a->person = q->requester;
	if (a->kind == STATEMENT_DENIAL && chance(3))
		a->person = REF_SERVICE + (int)below(REF_SERVICES);
	if (ref_has_tokens(a->person))
		choose_token(a->person, &a->token);
	if (a->kind == STATEMENT_WITHDRAWAL) {
		a->target = (int)below((unsigned)n);
		if (chance(80))
			a->person = q->acts[a->target].person;
	}
	a->channel = REF_CLI;
}

/* One more act on the request, which is sent or kept for later. */
static void do_act(int slot, int rule, bool sign, bool later)
{
	struct slot *s = &w.slots[slot];
	int n = (int)s->q.act_count;
	const struct ref_said *a = &s->q.acts[n];

	world_make_act(&w, s, n, rule);
	s->q.act_count++;
	note(slot, "act %d: %s by %s (key %u%s)%s", n, statement_info(a->kind)->name,
	     ref_people[a->person], a->key, a->synced ? ", synced" : "", sign ? ", then sign" : "");
	if (!later)
		say(&(struct message){.say = SAY_ACT, .slot = slot, .n = n, .sign = sign});
}

void act(int slot, enum statement_kind kind)
{
	struct slot *s = &w.slots[slot];
	struct ref_said *a = &s->q.acts[s->q.act_count];
	int n = (int)s->q.act_count;
	int rule = choose_rule(s->q.key);
	bool sign = chance(70);

	if (n == REF_ACTS) {
		new_request(slot);
		return;
	}
	*a = (struct ref_said){.kind = kind};
	if (kind == STATEMENT_WITHDRAWAL && n == 0)
		return;
	if (kind == STATEMENT_APPROVAL)
		choose_approver(a, kind, rule, s->q.key);
	else
		choose_other(&s->q, n, a);
	if (kind == STATEMENT_WITHDRAWAL && s->q.acts[a->target].kind != STATEMENT_APPROVAL)
		return;
	/* Some are sent later, as replays. */
	do_act(slot, rule, sign, !chance(95));
}

void approve_as(int slot, int rule, const struct sitter *by)
{
	struct ref_request *q = &w.slots[slot].q;

	if (q->act_count == REF_ACTS)
		return;
	q->acts[q->act_count] = (struct ref_said){.kind = STATEMENT_APPROVAL,
						  .person = by->person,
						  .key = by->key,
						  .channel = ref_channel(by->person, by->key),
						  .rule = ref_rule_says(&w.ref, rule, q->key),
						  .expires = w.ref.now + 2500};
	do_act(slot, rule, chance(70), false);
}

void act_again(int slot)
{
	int n;

	if (w.slots[slot].q.act_count == 0)
		return;
	n = (int)below((unsigned)w.slots[slot].q.act_count);
	note(slot, "act %d again", n);
	say(&(struct message){.say = SAY_ACT, .slot = slot, .n = n, .sign = chance(50)});
}

/* ---- Preapprovals --------------------------------------------------------------------------*/

/* Of the same files as the last one, under the same rule, is one that may fill its other seat. */
static int choose_companion(struct ref_early *e)
{
	const struct ref_early *last = e - 1;

	if (e == w.ref.early || chance(50))
		return -1;
	e->key = last->key;
	e->files = last->files;
	for (int rule = 0; rule < REF_RULES; rule++)
		if (ref_rule_says(&w.ref, rule, e->key) == last->said.rule)
			return rule;
	return -1;
}

/* What the newest says, sent or kept for later. */
static void foresee(int rule, bool later)
{
	int n = (int)w.ref.early_count;
	const struct ref_early *e = &w.ref.early[n];

	world_make_early(&w, n, rule);
	w.ref.early_count++;
	note(-1, "preapproval %d by %s (key %u%s) under %s of files %u for %s, %u uses", n,
	     ref_people[e->said.person], e->said.key, e->said.synced ? ", synced" : "",
	     ref_rules[rule], e->files, ref_keys[e->key], e->uses);
	if (!later)
		say(&(struct message){.say = SAY_PREAPPROVAL, .slot = -1, .n = n});
}

static void new_early(void)
{
	struct ref_early *e = &w.ref.early[w.ref.early_count];
	int rule;

	*e = (struct ref_early){.key = chance(70) ? 0 : 1};
	e->files = chance(70) ? 1 : 1 + below((1u << REF_FILES) - 1);
	rule = choose_companion(e);
	if (rule < 0)
		rule = choose_rule(e->key);
	choose_approver(&e->said, STATEMENT_PREAPPROVAL, rule, e->key);
	/* Looked at as an approval is. */
	e->said.kind = STATEMENT_APPROVAL;
	e->uses = 1 + below(3);
	e->taken_by = chance(85) ? e->said.person : (int)below(REF_PEOPLE);
	foresee(rule, !chance(95));
}

void preapprove_as(int rule, int key, unsigned files, const struct sitter *by)
{
	struct ref_early *e = &w.ref.early[w.ref.early_count];

	*e = (struct ref_early){
		.key = key, .files = files, .uses = 1 + below(2), .taken_by = by->person};
	e->said = (struct ref_said){.kind = STATEMENT_APPROVAL,
				    .person = by->person,
				    .key = by->key,
				    .channel = ref_channel(by->person, by->key),
				    .rule = ref_rule_says(&w.ref, rule, key),
				    .expires = w.ref.now + 2500};
	foresee(rule, false);
}

void preapprove(void)
{
	unsigned lot = below(100);
	int n;

	if (w.ref.early_count == 0 || (lot < 60 && w.ref.early_count < REF_MEMORY)) {
		new_early();
		return;
	}
	n = (int)below((unsigned)w.ref.early_count);
	note(-1, "preapproval %d %s", n, lot < 80 ? "again" : "is withdrawn");
	say(&(struct message){
		.say = lot < 80 ? SAY_PREAPPROVAL : SAY_TAKE_BACK, .slot = -1, .n = n});
}

/* ---- What machines say ---------------------------------------------------------------------*/

static void new_word(void)
{
	static const char *const kinds[] = {"scan", "rebuild", "provenance"};
	int n = (int)w.ref.word_count;
	struct ref_word *e = &w.ref.words[n];

	*e = (struct ref_word){.kind = (enum ref_word_kind)below(REF_WORD_KINDS)};
	e->maker = (enum ref_maker)below(e->kind == REF_REBUILD && chance(90) ? REF_BUILDERS
									      : REF_MAKERS);
	/* The host that enrols has no key that signs envelopes as this test does. */
	if (e->kind == REF_PROVENANCE && e->maker == REF_POOL_MAKER)
		e->maker = REF_CI;
	e->key = e->maker == REF_BUILD1 ? 0 : below(2);
	e->files = chance(50) ? 1 : 1 + below((1u << REF_FILES) - 1);
	e->stated = w.ref.now - (chance(60) ? 0 : below(400)) + (chance(90) ? 0 : below(400));
	e->clean = chance(85);
	e->source = chance(80);
	world_make_word(&w, n);
	w.ref.word_count++;
	note(-1, "word %d: %s by %s (key %u) of files %u, %+lld, %s, %s source", n, kinds[e->kind],
	     ref_makers[e->maker], e->key, e->files, (long long)(e->stated - w.ref.now),
	     e->clean ? "clean" : "not clean", e->source ? "good" : "bad");
	if (chance(95))
		say(&(struct message){.say = SAY_WORD, .slot = -1, .n = n});
}

void say_word(void)
{
	int n;

	if (w.ref.word_count == 0 || (chance(70) && w.ref.word_count < REF_MEMORY)) {
		new_word();
		return;
	}
	n = (int)below((unsigned)w.ref.word_count);
	note(-1, "word %d again", n);
	say(&(struct message){.say = SAY_WORD, .slot = -1, .n = n});
}

/* ---- Access for a while --------------------------------------------------------------------*/

void give(unsigned kept)
{
	int n = (int)w.ref.grant_count;
	const struct ref_grant *g = &w.ref.grants[n];

	world_make_grant(&w, n);
	w.ref.grant_count++;
	note(-1, "grant %d of %s to %s on %s until %+lld", n, ref_keys[g->key],
	     ref_people[g->person], g->host < 0 ? "any" : ref_hosts[g->host],
	     (long long)(g->until - w.ref.now));
	if (!chance(kept))
		say(&(struct message){.say = SAY_GRANT, .slot = -1, .n = n});
}

static void new_grant(void)
{
	struct ref_grant *g = &w.ref.grants[w.ref.grant_count];
	unsigned who = 0;

	*g = (struct ref_grant){.person = (int)below(REF_PEOPLE), .key = (int)below(REF_KEYS)};
	if (chance(60)) /* whom the first rules do not name */
		g->person = g->key == 0 ? 3 : (int[]){0, 3, 5}[below(3)];
	g->host = chance(60) ? -1 : (int)below(REF_HOSTS);
	g->until = w.ref.now + (chance(90) ? 1 + below(3500) : below(6000));
	if (chance(92))
		g->signers[g->person] = 1u << choose_key(g->person);
	/* Those who may own it, mostly. */
	for (int p = 0; p < REF_PEOPLE; p++)
		if (p != g->person && chance(p < 5 ? 60 : 10))
			g->signers[p] = 1u << choose_key(p);
	for (int p = 0; p < REF_PEOPLE; p++)
		who |= g->signers[p] != 0 ? 1u << p : 0;
	if (who == 0)
		g->signers[4] = 1;
	g->end.person = chance(70) ? (int)below(REF_PEOPLE) : g->person;
	g->end.key = choose_key(g->end.person);
	give(30);
}

void give_access(void)
{
	unsigned lot = below(100);
	int n;

	if (w.ref.grant_count == 0 || (lot < 60 && w.ref.grant_count < REF_MEMORY)) {
		new_grant();
		return;
	}
	n = (int)below((unsigned)w.ref.grant_count);
	note(-1, "grant %d %s %s", n, lot < 80 ? "again" : "is ended by",
	     lot < 80 ? "" : ref_people[w.ref.grants[n].end.person]);
	say(&(struct message){.say = lot < 80 ? SAY_GRANT : SAY_END, .slot = -1, .n = n});
}

/* ---- Reviews -------------------------------------------------------------------------------*/

/* One that is overdue, mostly, or one of the newest. */
static int choose_owed(void)
{
	size_t n = w.ref.owed_count;

	for (size_t i = 0; i < n && chance(95); i++)
		if (!w.ref.owed[i].done && w.ref.now >= w.ref.owed[i].due && chance(70))
			return (int)i;
	return (int)(n - 1 - below(n < 8 ? (unsigned)n : 8));
}

/* The newest of them, as its fields say. */
static void make_review(void)
{
	int n = (int)w.ref.review_count;
	struct ref_review *v = &w.ref.reviews[n];
	const struct ref_owed *o = &w.ref.owed[v->owed];

	v->channel = ref_channel(v->person, v->key);
	world_make_review(&w, n);
	w.ref.review_count++;
	note(-1, "review %d by %s (key %u) of what %s was used for at %+lld, use %u, due %+lld%s%s",
	     n, ref_people[v->person], v->key, ref_keys[o->key],
	     (long long)(o->signed_at - w.ref.now), o->use, (long long)(o->due - w.ref.now),
	     v->incident ? ", an incident" : "", v->astray ? ", astray" : "");
	if (chance(95))
		say(&(struct message){.say = SAY_REVIEW, .slot = -1, .n = n});
}

static void new_review(void)
{
	struct ref_review *v = &w.ref.reviews[w.ref.review_count];
	const struct ref_owed *o;

	*v = (struct ref_review){.owed = choose_owed(), .incident = chance(8), .astray = chance(4)};
	o = &w.ref.owed[v->owed];
	v->person = (int)below(REF_PEOPLE);
	for (int i = 0; i < 6 && !ref_holds_seat(&w.ref.roster, ref_review_seats(&w.ref, o),
						 v->person, REF_CLI | REF_BROWSER);
	     i++)
		v->person = (int)below(REF_PEOPLE);
	v->key = choose_key(v->person);
	v->time = chance(90)   ? w.ref.now
		  : chance(50) ? w.ref.now + 299 + below(3)
			       : o->signed_at - 299 - below(3);
	make_review();
}

void review_as(int owed, const struct sitter *by)
{
	if (w.ref.review_count == REF_MEMORY)
		return;
	w.ref.reviews[w.ref.review_count] = (struct ref_review){.owed = owed,
								.person = by->person,
								.key = by->key,
								.time = w.ref.now,
								.incident = chance(3)};
	make_review();
}

void review(void)
{
	int n;

	if (w.ref.owed_count == 0)
		return;
	if (w.ref.review_count == 0 || (chance(75) && w.ref.review_count < REF_MEMORY)) {
		new_review();
		return;
	}
	n = (int)below((unsigned)w.ref.review_count);
	note(-1, "review %d again", n);
	say(&(struct message){.say = SAY_REVIEW, .slot = -1, .n = n});
}
