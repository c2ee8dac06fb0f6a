/* reference - what the documents say becomes of each message to a keeper, the slow and plain way.
 *
 * Written from docs/policy.md and docs/reasons.md. It shares names of reasons and states with the
 * product and no code: rules are compared as what they say, seats are filled by trying everybody.
 * Owns: the world as a keeper should remember it. Must not own: bytes, signatures, the keeper. */
#ifndef GS_TESTS_REFERENCE_H
#define GS_TESTS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/model/reason.h"
#include "lib/model/request.h"
#include "lib/proto/keeper.h"

#define REF_PEOPLE 7
#define REF_HOSTS 2
#define REF_KEYS 2
#define REF_RULES 5
#define REF_SEATS 3
#define REF_WINDOWS 2
#define REF_RATES 2
#define REF_ACTS 40
#define REF_USES 256

/* Sets of them are bits. */
enum ref_group { REF_ADMINS, REF_DEVELOPERS, REF_LEADS, REF_ROBOTS, REF_SECURITY, REF_GROUPS };
#define REF_ANY 0u
#define REF_CLI 1u
#define REF_BROWSER 2u

struct ref_roster {
	bool gone[REF_PEOPLE];
	unsigned groups[REF_PEOPLE];
	unsigned keys[REF_PEOPLE]; /* which of a person's keys are listed */
	bool host_gone[REF_HOSTS];
	bool builder[REF_HOSTS]; /* in the one group of hosts */
};

struct ref_seat {
	unsigned count;
	int person; /* -1: of the group */
	enum ref_group group;
	unsigned channel; /* REF_ANY, .. */
};

struct ref_rule {
	unsigned keys;
	unsigned request; /* groups */
	bool from_laptop; /* beside the builders */
	struct ref_seat seats[REF_SEATS];
	size_t seat_count; /* 0: unattended */
	bool pe_only;
	bool upload;
	uint32_t max_uses;
	uint32_t max_deadline;
	uint32_t lifetime;
	bool reason;
	bool break_glass; /* with the ticket INC-* */
	bool observe;
	unsigned windows;
};

struct ref_rate {
	uint32_t count; /* 0: none */
	uint32_t period;
	bool per_requester;
};

struct ref_policy {
	struct ref_rule rules[REF_RULES];
	struct {
		unsigned opens; /* minute of the day, UTC */
		uint32_t length;
	} windows[REF_WINDOWS];
	struct {
		unsigned keys; /* none: there is no freeze */
		unix_time from;
		unix_time to;
	} freeze;
	struct ref_rate rates[REF_KEYS][REF_RATES];
};

/* What somebody said, as signed. */
struct ref_said {
	enum statement_kind kind;
	int person;
	unsigned key; /* which of theirs signed */
	unsigned channel;
	uint64_t rule; /* approval: ref_rule_says() of its rule when it was made */
	unix_time expires;
	int target; /* withdrawal: which act */
	/* once the keeper has it */
	bool known;
	bool withdrawn;
	unix_time given;
};

struct ref_request {
	int requester;
	unsigned signer; /* which of the requester's keys */
	int host;
	int key;
	unix_time not_before;
	unix_time deadline;
	uint32_t uses;
	bool has_reason;
	bool has_ticket;
	/* once the keeper has it */
	bool known;
	enum reason closed;
	uint32_t spent;
	struct ref_said acts[REF_ACTS];
	size_t act_count;
	int order[REF_ACTS]; /* of those that it has, as they came */
	size_t order_count;
};

struct ref {
	unix_time now;
	unix_time head;	 /* time of the newest entry of the log */
	unix_time heard; /* what the clock showed at the last message */
	struct ref_roster roster;
	struct ref_policy policy;
	bool locked[REF_KEYS];
	struct {
		int requester;
		unix_time at;
	} uses[REF_KEYS][REF_USES]; /* a ring */
	size_t use_count[REF_KEYS];
};

enum ref_outcome { REF_ALLOW, REF_WAIT, REF_DENY };

struct ref_decision {
	enum ref_outcome outcome;
	enum reason reason; /* NONE on allow */
	int rule;	    /* -1: none */
	unsigned missing;   /* seats */
	bool live[REF_ACTS];
};

struct ref_answer {
	enum keeper_type type; /* R_ERROR, R_STATUS or R_RESULT */
	enum reason reason;    /* of the error */
	enum request_state state;
	struct ref_decision decision; /* of a status; and of a use that was committed just now */
	bool committed;
	uint32_t use; /* of a result */
};

/* What a rule says for a key, with all that an approval of it is bound to, in 64 bits. */
uint64_t ref_rule_says(const struct ref *w, int rule, int key);
bool ref_holds_seat(const struct ref *w, int rule, int person, unsigned channels);
/* How many seats of the rule the people with these channels can fill at best. */
unsigned ref_seats_filled(const struct ref *w, int rule, const unsigned channels[REF_PEOPLE]);
unsigned ref_seats(const struct ref_rule *r);
/* The first moment after t at which a window of the set opens or closes. */
unix_time ref_window_edge(const struct ref_policy *p, unsigned windows, unix_time t);

/* A message came, or the keeper started: clocks that jumped are in the log. */
void ref_heard(struct ref *w);
void ref_started(struct ref *w);

/* Messages, each by what the keeper should answer; the world is changed accordingly. */
void ref_show(struct ref *w, const struct ref_request *q, struct ref_answer *a);
void ref_submit(struct ref *w, struct ref_request *q, bool sign, struct ref_answer *a);
void ref_act(struct ref *w, struct ref_request *q, int act, bool sign, struct ref_answer *a);
void ref_commit(struct ref *w, struct ref_request *q, uint32_t use, struct ref_answer *a);
/* Whether a change would be looked at now; if not it is refused by time.clock. */
bool ref_takes_changes(struct ref *w);
void ref_changed(struct ref *w); /* it was taken: an entry of the log */

#endif
