/* The host that enrols, and locks of hosts. */
#include "tests/flow/property.h"

/* The class that an honest host names. */
static enum ref_class class_of(enum ref_chip chip)
{
	static const enum ref_class of[REF_CHIPS + 1] = {REF_SOFTWARE, REF_ATTESTED, REF_ATTESTED,
							 REF_VTPM, REF_TPM};

	return chip != REF_NO_CHIP && chip == w.ref.pool.invited ? REF_TPM : of[chip + 1];
}

/* Which TPM, what it says, and to whom. */
static void choose_proof(struct ref_enrolment *e)
{
	enum ref_chip any = (enum ref_chip)below(REF_CHIPS);

	e->chip = chance(40) ? REF_NO_CHIP : any;
	if (w.ref.pool.invited != REF_NO_CHIP && chance(65))
		e->chip = w.ref.pool.invited;
	else if (w.ref.roster.pool_least > REF_SOFTWARE && chance(60))
		e->chip = any;
	e->klass = chance(85) ? class_of(e->chip) : (enum ref_class)below(REF_CLASSES);
	e->botched = chance(4);
	e->invited = w.ref.pool.token;
	e->challenged = w.ref.now;
	e->boot = w.ref.boot;
}

/* The newest of them, as its fields say; kept back in so many of 100 cases. */
static void send_enrolment(unsigned kept)
{
	int n = (int)w.ref.enrolment_count;
	const struct ref_enrolment *e = &w.ref.enrolments[n];

	world_make_enrolment(&w, n);
	w.ref.enrolment_count++;
	note(-1, "enrolment %d: pool %s with key %d, number %llu, as class %d, by %s%s", n,
	     e->counter > 0 ? "renews" : "enrols", e->key, (unsigned long long)e->counter,
	     (int)e->klass, ref_chips[e->chip + 1], e->botched ? ", botched" : "");
	if (!chance(kept))
		say(&(struct message){.say = SAY_ENROLMENT, .slot = -1, .n = n});
}

static void new_enrolment(bool renewal)
{
	int n = (int)w.ref.enrolment_count;
	struct ref_enrolment *e = &w.ref.enrolments[n];
	const struct ref_pool *pool = &w.ref.pool;

	if (n == REF_MEMORY)
		return;
	*e = (struct ref_enrolment){.key = (int)below(2), .chip = REF_NO_CHIP};
	if (renewal) {
		e->key = pool->key >= 0 && chance(95) ? pool->key : e->key;
		e->counter = chance(85) ? pool->counter + 1 : 1 + below(5);
		e->klass = (enum ref_class)below(REF_CLASSES);
	} else {
		e->token = w.tokens;
		choose_proof(e);
		if (w.ref.roster.host_gone[REF_POOL]) /* then nobody is challenged */
			e->chip = REF_NO_CHIP;
	}
	send_enrolment(3);
}

static void send_host(int host, enum host_action action)
{
	struct ref_invitation in = {.chip = REF_NO_CHIP};
	struct ref_answer should;
	enum keeper_type type;

	if (chance(35))
		in.chip = chance(50) ? REF_BARE : (enum ref_chip)below(REF_CHIPS);
	note(-1, "host %s: %s, %s", ref_hosts[host], host_action_name(action),
	     action == HOST_INVITE ? ref_chips[in.chip + 1] : "");
	type = world_send_host(&w, host, action, in.chip);
	in.token = w.tokens;
	if (host == REF_POOL)
		ref_pool_change(&w.ref, action, &in, &should);
	else
		ref_host_lock(&w.ref, host, action, &should);
	if (type != should.type || (type == KEEPER_R_ERROR && fx_reason(&w.fx) != should.reason))
		give_up(-1, reason_id(should.type == KEEPER_R_ERROR ? should.reason : REASON_NONE));
}

void enrol_anew(int key)
{
	struct ref_enrolment *e = &w.ref.enrolments[w.ref.enrolment_count];
	bool late; /* the answer to the challenge */

	if (w.ref.enrolment_count == REF_MEMORY || w.ref.roster.host_gone[REF_POOL])
		return;
	if (w.ref.pool.lock != REF_FREE)
		send_host(REF_POOL, w.ref.pool.lock == REF_HELD ? HOST_UNLOCK : HOST_FORGET);
	send_host(REF_POOL, HOST_INVITE);
	*e = (struct ref_enrolment){.key = key, .token = w.tokens, .chip = w.ref.pool.invited};
	if ((w.ref.roster.pool_least > REF_SOFTWARE || chance(30)) && e->chip == REF_NO_CHIP)
		e->chip = w.ref.roster.pool_least == REF_VTPM ? REF_VIRTUAL : REF_CHIP;
	/* Another TPM comes by the invitation. */
	if (w.ref.pool.invited != REF_NO_CHIP && chance(25))
		e->chip =
			(enum ref_chip)(((unsigned)e->chip + 1 + below(REF_CHIPS - 1)) % REF_CHIPS);
	e->klass = class_of(e->chip);
	e->invited = w.ref.pool.token;
	e->challenged = w.ref.now;
	e->boot = w.ref.boot;
	late = e->chip != REF_NO_CHIP && chance(30);
	send_enrolment(late ? 100 : 0);
	if (!late)
		return;
	move_clock(e->challenged + 299 + below(3));
	say(&(struct message){.say = SAY_ENROLMENT, .slot = -1, .n = (int)(e - w.ref.enrolments)});
}

void renew(void)
{
	if (w.ref.enrolment_count == REF_MEMORY || w.ref.pool.key < 0)
		return;
	w.ref.enrolments[w.ref.enrolment_count] = (struct ref_enrolment){
		.key = w.ref.pool.key, .counter = w.ref.pool.counter + 1, .chip = REF_NO_CHIP};
	send_enrolment(0);
}

void list_hosts(void)
{
	note(-1, "a list of hosts");
	say(&(struct message){.say = SAY_HOSTS, .slot = -1});
}

void change_host(void)
{
	unsigned lot = below(100);
	int other = (int)below(REF_POOL); /* those that do not enrol */

	/* Else most requests would meet a host that is locked, and nothing else. */
	if (w.ref.host_locked[other] && chance(60)) {
		send_host(other, HOST_UNLOCK);
	} else if (w.ref.pool.lock != REF_FREE && chance(50)) {
		send_host(REF_POOL, w.ref.pool.lock == REF_HELD ? HOST_UNLOCK : HOST_FORGET);
	} else if (chance(10)) {
		send_host(other, w.ref.host_locked[other] || chance(20) ? HOST_UNLOCK : HOST_LOCK);
	} else if (w.ref.pool.key < 0 && chance(50)) {
		send_host(REF_POOL, HOST_INVITE);
		new_enrolment(false);
	} else if (lot < 25) {
		new_enrolment(true);
	} else if (lot < 50 && w.ref.enrolment_count > 0) {
		note(-1, "an enrolment again");
		say(&(struct message){.say = SAY_ENROLMENT,
				      .slot = -1,
				      .n = (int)below((unsigned)w.ref.enrolment_count)});
	} else if (lot < 60) {
		new_enrolment(false);
	} else if (lot < 70) {
		send_host(REF_POOL, HOST_INVITE);
	} else if (lot < 80 && w.ref.pool.lock == REF_FREE) {
		send_host(REF_POOL, HOST_LOCK);
	} else if (w.ref.pool.lock != REF_FREE) {
		send_host(REF_POOL, chance(70) ? HOST_UNLOCK : HOST_FORGET);
	} else if (lot < 83) {
		send_host(REF_POOL, HOST_FORGET);
	}
}
