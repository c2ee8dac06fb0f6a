/* request - the life of one request in the keeper, for spin: open -> committed -> done, and closed from open; with
 * HOLD it has a release: committed -> held -> done, and closed until its signature is out.
 *
 * Two uses are granted. Person 0 is the requester, who is also a member of the group; 1..3 may approve, and
 * two of them are needed. Everybody acts at any moment; the policy changes once; the clock passes
 * not_before and the deadline; the power fails, and then only the journal is left. Every variable is
 * bounded: one power cut and approvers 1 and 2, with FULL two cuts and all (8.8 million states).
 * BUG=1..4, and 6 with HOLD, seeds an error that the assertions must find; BUG=5 asserts that nothing is ever
 * finished, which must fail too, or the model would prove nothing. LIVE adds: a committed request is finished in the
 * end. HELD is of the model alone: the keeper calls it committed, too. */
#ifndef BUG
#define BUG 0
#endif
#define USES 2
#ifdef FULL
#define CUTS 2
#else
#define CUTS 1
#endif

mtype = { NONE, OPEN, COMMITTED, HELD, DONE, CLOSED };

/* In the journal. An approval that is old names a former version of the rule. */
mtype st = NONE;
byte spent, done;
bool ap[4], old[4];
#ifdef HOLD
bool out, due; /* out: what is signed may leave; due: the release has come */
#define may_close (st == OPEN || (!out && (st == COMMITTED || st == HELD)))
#else
#define out true
#define due true
#define may_close (st == OPEN)
#endif

/* Lost in a power cut: a job in the signing pool. */
bool signing;

bool up = true;
bool early = true, late;

/* What only the model knows. */
byte submitted, commits, made;

#define live(i) (ap[i] && (!old[i] || BUG == 1))
#if BUG == 2
#define QUORUM (live(0) + live(1) + live(2) + live(3) >= 2)
#else
#define QUORUM (live(1) + live(2) + live(3) >= 2)
#endif
#define READY (st == OPEN && !early && !late && QUORUM)
/* The truth, written apart from QUORUM. */
#define RIGHT (((ap[1] && !old[1]) + (ap[2] && !old[2]) + (ap[3] && !old[3])) >= 2)

inline commit()
{
	assert(st == OPEN && RIGHT && !early && !late && spent == done);
	st = COMMITTED;
	spent++;
	commits++;
#ifdef HOLD
	out = out || due;
#endif
	assert(commits <= USES && (out || spent == 1))
}

#ifdef HOLD
inline give_out()
{
	atomic {
		assert(due && (st == HELD || st == COMMITTED) && spent == 1);
		out = true;
		if
		:: st == HELD && done == USES -> st = DONE
		:: st == HELD && done < USES -> st = OPEN
		:: else		/* when it is made */
		fi
	}
}
#endif

active proctype requester()
{
	byte n;

	do
	:: atomic { n < 2 && up -> n++; if :: st == NONE -> st = OPEN; submitted++ :: else fi; assert(submitted == 1) }
	:: atomic { up && may_close -> st = CLOSED }; break	/* cancel */
	:: break
	od
}

proctype person(byte i)
{
	byte n;

	do
	:: atomic { n < 2 && up && st == OPEN && !ap[i] -> n++; ap[i] = true; old[i] = false }
	:: atomic { n < 2 && up && st == OPEN && ap[i] -> n++; ap[i] = false }	/* withdraw */
	:: atomic { up && may_close && i != 0 -> st = CLOSED }; break		/* deny */
	:: break
	od
}

active proctype policy()
{
	atomic { up -> old[0] = true; old[1] = true; old[2] = true; old[3] = true }
}

active proctype clock()
{
	early = false;
#ifdef HOLD
	due = true;	/* a release is not after the deadline */
#endif
	late = true
}

active proctype keeper()
{
end:	do
	:: atomic { up && late && st == OPEN -> st = CLOSED }	/* expire */
#if BUG == 3
	:: up && READY -> atomic { up -> commit() }		/* look, then act: two steps */
#else
	:: atomic { up && READY -> commit() }
#endif
	:: atomic { up && spent > done && !signing -> signing = true }
	:: atomic { up && signing ->
		signing = false; made++; done++;
		assert((st == COMMITTED || (st == CLOSED && !out)) && spent == done && made <= USES);
		if
		:: st == CLOSED
		:: st != CLOSED && !out -> st = HELD
		:: st != CLOSED && out && done == USES -> st = DONE
		:: st != CLOSED && out && done < USES -> st = OPEN
		fi
#if BUG == 5
		; assert(st != DONE)
#endif
	   }
#ifdef HOLD
#if BUG == 6
	:: up && due && st == HELD -> give_out()		/* look, then act: two steps */
#else
	:: atomic { up && due && (st == HELD || st == COMMITTED) && !out -> give_out() }
#endif
#endif
	od
}

active proctype power()
{
	byte n;

	do
	:: atomic { n < CUTS && up -> n++; up = false; signing = false };
	   atomic { up = true;
#if BUG == 4
		if :: st == COMMITTED -> st = OPEN; spent-- :: else fi	/* the journal was not durable */
#endif
	   }
	:: break
	od
}

init
{
	atomic {
		run person(0); run person(1); run person(2)
#ifdef FULL
		; run person(3)
#endif
	}
}

#ifdef LIVE
ltl finished { [] ((st == COMMITTED) -> <> (st != COMMITTED)) }
#endif
