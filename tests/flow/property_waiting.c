/* The next policy and roster: proposed, signed, waited for, stopped, recovered. */
#include "tests/flow/property.h"

#define ERIN (1u << 4)
#define FRANK (1u << 5)

/* The newest of the two that waits; -1: none does. */
static int any_waiting(void)
{
	unsigned first = below(2);

	return w.ref.waiting[first] >= 0 ? w.ref.waiting[first] : w.ref.waiting[1 - first];
}

static void say_document(int n)
{
	say(&(struct message){.say = SAY_DOCUMENT, .slot = -1, .n = n});
}

static unsigned choose_signers(const struct ref_document *d)
{
	if (d->recovery && chance(30))
		return 1u << below(REF_RESCUERS);
	if (d->recovery)
		return chance(85) ? 3u << below(2) : 1 + below(15);
	return chance(94) ? ERIN | FRANK : 1 + below((1u << REF_PEOPLE) - 1);
}

/* The next one after what is in force, as *d says. */
static bool propose(const struct ref_document *like)
{
	int n = (int)w.ref.document_count;
	struct ref_document *d = &w.ref.documents[n];

	if (n == REF_MEMORY)
		return false;
	*d = *like;
	d->previous = w.ref.in_force[d->roster];
	d->skips = chance(2);
	d->signers = choose_signers(d);
	d->expires = w.ref.now + 3600 + n; /* no two are the same */
	world_make_document(&w, n);
	w.ref.document_count++;
	note(-1, "document %d: a %s%s, signed by %x", n, d->roster ? "roster" : "policy",
	     d->recovery ? " of recovery keys" : "", d->signers);
	if (chance(97))
		say_document(n);
	return d->state == REF_IN_FORCE;
}

bool propose_policy(const struct ref_policy *p)
{
	return propose(&(struct ref_document){.p = *p});
}

bool propose_roster(const struct ref_roster *r)
{
	return propose(&(struct ref_document){.roster = true, .r = *r});
}

/* One that was signed by too few, was kept back, waits or is old. */
static void propose_again(void)
{
	int n = (int)(w.ref.document_count - 1 - below(w.ref.document_count < 4 ? 1 : 4));

	if (chance(50))
		w.ref.documents[n].signers = choose_signers(&w.ref.documents[n]);
	note(-1, "document %d again, signed by %x", n, w.ref.documents[n].signers);
	say_document(n);
}

static void recover(void)
{
	struct ref_document d = {.roster = true, .recovery = true};
	int p = (int)below(4);

	world_first(NULL, &d.r);
	if (chance(50))
		d.r.keys[p] = 1 + below(3);
	if (chance(30))
		d.r.groups[p] ^= 1u << REF_LEADS;
	(void)propose(&d);
}

/* To what waits, or has waited. */
static void object(void)
{
	int n = (int)w.ref.objection_count;
	struct ref_objection *o = &w.ref.objections[n];
	int waits = any_waiting();

	if (n == REF_MEMORY)
		return;
	*o = (struct ref_objection){.document = waits};
	if (waits < 0 || chance(5))
		o->document = (int)below((unsigned)w.ref.document_count);
	o->signers = chance(55)	  ? (chance(50) ? ERIN : FRANK)
		     : chance(70) ? ERIN | FRANK
				  : 1 + below((1u << REF_PEOPLE) - 1);
	world_make_objection(&w, n);
	w.ref.objection_count++;
	note(-1, "objection %d to document %d by %x", n, o->document, o->signers);
	if (chance(95))
		say(&(struct message){.say = SAY_OBJECTION, .slot = -1, .n = n});
	if (w.ref.documents[o->document].state == REF_STOPPED && chance(40)) {
		note(-1, "document %d again", o->document);
		say_document(o->document);
	}
}

static void object_again(void)
{
	int n;

	if (w.ref.objection_count == 0)
		return;
	n = (int)below((unsigned)w.ref.objection_count);
	note(-1, "objection %d again", n);
	say(&(struct message){.say = SAY_OBJECTION, .slot = -1, .n = n});
}

/* A second before its time, and then in time. */
static void wait_for(int n)
{
	unix_time due = w.ref.documents[n].due;

	if (due < w.ref.now)
		return;
	note(-1, "document %d is due %+lld", n, (long long)(due - w.ref.now));
	if (chance(50)) {
		move_clock(due - 1);
		look_at(any_slot());
	}
	move_clock(due);
	look_at(any_slot());
}

/* While one waits, there is no other: mostly it does not last. */
void look_at_waiting(void)
{
	unsigned lot = below(100);
	int n = any_waiting();

	if (n < 0) {
		if (lot < 9)
			recover();
		else if (lot < 12)
			propose_again();
		else if (lot < 13)
			object();
		return;
	}
	if (lot < 40)
		wait_for(n);
	else if (lot < 65)
		object();
	else if (lot < 70)
		object_again();
	else if (lot < 80)
		propose_again();
}
