/* reference - what the documents say becomes of each message to a keeper, the slow and plain way.
 *
 * Written from docs/policy.md and docs/reasons.md. It shares names of reasons and states with the
 * product and no code: rules are compared as what they say, seats are filled by trying everybody.
 * reference_says.c: what rules say, seats, times. reference_files.c: what machines say of files.
 * reference_grants.c: access for a while. reference_hosts.c: the host that enrols.
 * reference_tokens.c: jobs that ask by tokens. reference_documents.c: changes, and what waits.
 * reference_reviews.c: what is owed of uses that broke the glass.
 * reference_check.c: which documents are taken. reference.c: decisions and messages.
 * Owns: the world as a keeper should remember it. Must not own: bytes, signatures, the keeper. */
#ifndef GS_TESTS_REFERENCE_H
#define GS_TESTS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/model/evidence.h"
#include "lib/model/hostadmin.h"
#include "lib/model/reason.h"
#include "lib/model/request.h"
#include "lib/proto/keeper.h"

#define REF_PEOPLE 7
/* Requesters who are no people, but services: ci has keys; job has tokens, each for one request
 * alone; hook has tokens that are good for any. */
#define REF_SERVICE REF_PEOPLE
#define REF_JOB (REF_SERVICE + 1)
#define REF_HOOK (REF_SERVICE + 2)
#define REF_SERVICES 3
#define REF_REQUESTERS (REF_PEOPLE + REF_SERVICES)
#define REF_HOSTS 4
#define REF_CERT_LIFE 86400
#define REF_NO_HOST (-1) /* of a request: its issuer says where a job runs */
#define REF_POD 2	 /* the host with a SPIFFE ID */
#define REF_POOL 3	 /* the host that enrols; the roster lists the keys of the others */
#define REF_KEYS 2
#define REF_RULES 5
#define REF_SEATS 3
#define REF_WINDOWS 2
#define REF_RATES 2
#define REF_ACTS 40
#define REF_USES 256
#define REF_FILES 3
#define REF_MEMORY 500 /* preapprovals, words of machines, grants of one episode */

/* Sets of them are bits. */
enum ref_group { REF_ADMINS, REF_DEVELOPERS, REF_LEADS, REF_ROBOTS, REF_SECURITY, REF_GROUPS };
#define REF_ANY 0u
#define REF_CLI 1u
#define REF_BROWSER 2u
/* Whose word counts: three builders, the first host, the service, the host that enrols. */
enum ref_maker { REF_BUILDERS = 3, REF_BUILD1 = 3, REF_CI, REF_POOL_MAKER, REF_MAKERS };
enum ref_class { REF_SOFTWARE, REF_VTPM, REF_TPM, REF_ATTESTED, REF_CLASSES };
/* TPMs: two that a vendor has certified, a virtual one, one without a certificate. */
enum ref_chip { REF_NO_CHIP = -1, REF_CHIP, REF_SECOND, REF_VIRTUAL, REF_BARE, REF_CHIPS };
enum ref_word_kind { REF_SCAN, REF_REBUILD, REF_PROVENANCE, REF_WORD_KINDS };

struct ref_roster {
	bool gone[REF_REQUESTERS];
	unsigned groups[REF_PEOPLE];
	unsigned keys[REF_REQUESTERS]; /* which of somebody's keys are listed; of a service with
					  tokens: of its issuer's */
	bool host_gone[REF_HOSTS];
	bool builder[REF_HOSTS]; /* in the one group of hosts */
	unsigned pod_id;	 /* which of two IDs the pod has */
	unsigned pod_roots;	 /* which of two roots its trust domain has */
	enum ref_class pool_least;
	unsigned owners[REF_SERVICES]; /* people behind each */
	bool strict[REF_SERVICES];     /* its tokens have to say more */
	bool actor[REF_SERVICES];      /* they have to say who is behind the job */
	unsigned audience;	       /* of hook: one of two */
	unsigned accounts;	       /* people whom tokens can name */
	bool fetched[REF_SERVICES];    /* the keys of its tokens are those that were brought */
	bool maker_gone[REF_BUILDERS];
	unsigned maker_keys[REF_BUILDERS];
};

struct ref_seat {
	unsigned count;
	int person; /* -1: of the group */
	enum ref_group group;
	unsigned channel; /* REF_ANY, .. */
};

struct ref_seats {
	struct ref_seat seat[REF_SEATS];
	size_t count;
};

/* What a rule demands of each file; 0, none, false: nothing. */
struct ref_files {
	bool a_only; /* names: a* */
	bool others; /* products: such as no file is of */
	uint32_t max_size;
	unsigned scan_by; /* makers */
	uint32_t scan_age;
	unsigned provenance_by;
	bool source; /* of the good one */
	unsigned rebuild_of;
	unsigned agree;
};

struct ref_rule {
	unsigned keys;
	unsigned request;	/* groups */
	unsigned services;	/* and which services */
	bool from_laptop;	/* beside the builders */
	bool from_jobs;		/* and jobs, wherever they run */
	struct ref_seats seats; /* none: unattended */
	bool pe_only;
	bool upload;
	uint32_t max_uses;
	uint32_t max_deadline;
	uint32_t lifetime;
	uint32_t hold;	      /* 0: none */
	uint32_t preapproved; /* how old a preapproval may be; 0: none counts */
	bool unsynced;	      /* synced: false */
	unsigned classes;     /* 1u << enum ref_class; 0: any */
	struct ref_files files;
	bool reason;
	bool break_glass; /* with the ticket INC-* */
	struct ref_seats review;
	uint32_t within;
	bool observe;
	unsigned windows;
};

struct ref_rate {
	uint32_t count; /* 0: none */
	uint32_t period;
	bool per_requester;
};

/* What the policy says of a key. */
struct ref_key {
	struct ref_rate rates[REF_RATES];
	bool pe_only;
	struct ref_seats owners;
	uint32_t access_life; /* with owners */
	bool tier;
};

/* The one tier. */
struct ref_tier {
	struct ref_seats seats;
	uint32_t max_uses;
	uint32_t lifetime;
	uint32_t hold;
	bool unsynced;
	unsigned classes;
	bool has_preapproved;
	uint32_t preapproved;
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
	struct ref_key keys[REF_KEYS];
	struct ref_tier tier;
	uint32_t delay;	   /* of changes */
	uint32_t recovery; /* delay of one by REF_NEED of the recovery keys; 0: there are none */
};

/* For whom a token is: one statement alone, another one, calls, or an audience of hook's. */
enum ref_audience { REF_BOUND, REF_ELSEWHERE, REF_CALLS, REF_HOOKS };

struct ref_token {
	unsigned key;  /* which of the issuer's it names */
	bool forged;   /* and was not made with */
	bool stray;    /* of another issuer */
	unsigned good; /* enum ref_audience; or REF_HOOKS and which */
	unix_time made;
	unix_time ends;
	unsigned id; /* jti; 0: none */
	bool wild;   /* of a branch that the roster does not name */
	bool strict; /* says more */
	int actor;   /* -1: nobody */
};

/* A set of the issuer's keys that is brought: one or both of them, or something that is none, or a
 * set of another issuer. */
enum ref_set { REF_KEY0 = 1, REF_KEY1, REF_BOTH, REF_NO_SET, REF_OTHER_SET, REF_SETS };

/* By which a host with a SPIFFE ID signs. */
struct ref_svid {
	unsigned root;
	unsigned id;
	unix_time ends;
	bool stray; /* another key has signed */
};

/* What somebody said, as signed. */
struct ref_said {
	enum statement_kind kind;
	int person;
	unsigned key; /* which of theirs signed */
	unsigned channel;
	bool synced;
	uint64_t rule; /* approval: ref_rule_says() of its rule when it was made */
	unix_time expires;
	int target;		/* withdrawal: which act */
	struct ref_token token; /* cancellation by a job */
	/* once the keeper has it */
	bool known;
	bool withdrawn;
	unix_time given;
};

struct ref_request {
	int requester;
	unsigned signer; /* which of the requester's keys */
	struct ref_token token;
	int host;
	int host_key; /* which of the pool's signed */
	struct ref_svid svid;
	int key;
	unsigned files;
	unix_time not_before;
	unix_time deadline;
	unix_time release; /* 0: none */
	uint32_t uses;
	bool has_reason;
	bool has_ticket;
	/* once the keeper has it */
	bool known;
	unix_time submitted;
	enum reason closed;
	uint32_t spent;
	bool released; /* what is signed is out, or may be had */
	bool broke;    /* the first use passed a closed window or a freeze */
	int actor;     /* who is behind the job by its token; -1: nobody is named */
	bool strict;   /* what the roster demanded of the token then */
	struct ref_said acts[REF_ACTS];
	size_t act_count;
	int order[REF_ACTS]; /* of those that it has, as they came */
	size_t order_count;
};

/* A yes before the request. */
struct ref_early {
	struct ref_said said;
	int key;
	unsigned files;
	uint32_t uses;
	uint32_t spent;
	/* its withdrawal */
	int taken_by; /* person */
	bool taken;   /* the keeper has it */
};

/* What a machine said of files. */
struct ref_word {
	enum ref_word_kind kind;
	enum ref_maker maker;
	unsigned key;
	unsigned files;
	unix_time stated; /* in the statement */
	bool clean;	  /* scan */
	bool source;	  /* provenance: of the good one */
	/* once the keeper has it */
	bool known;
	unix_time given;
};

/* Access for a while, and its end. */
struct ref_grant {
	int person;
	int key;
	int host; /* -1: any that the rules take */
	unix_time until;
	unsigned signers[REF_PEOPLE]; /* with which of their keys */
	unsigned seen;		      /* how many bars there were when it was asked for */
	bool known;
	bool left; /* its person has left the roster since it was given */
	unix_time given;
	struct {
		int person;
		unsigned key;
		bool known;
	} end;
};

/* A review that is owed of a use that broke the glass, with the rule's words of then. */
struct ref_owed {
	int key;
	int requester;
	unsigned never; /* people behind it then */
	uint32_t use;
	unix_time signed_at;
	unix_time due;
	struct ref_seats seats;
	bool done;
};

struct ref_review {
	int owed;
	int person;
	unsigned key;
	unsigned channel;
	bool incident;
	bool astray; /* it names an entry of the log that is another's */
	unix_time time;
	bool known;
};

enum ref_lock { REF_FREE, REF_HELD, REF_CLONED };

/* What the keeper remembers of the host that enrols. */
struct ref_pool {
	bool row;
	int key; /* -1: none */
	enum ref_class klass;
	enum ref_chip invited; /* the one TPM that may enrol */
	enum ref_lock lock;
	unix_time until;
	unix_time invite_end;
	int token; /* of the open invitation; 0: none */
	uint64_t counter;
	int last; /* enrolment that it answers again */
};

struct ref_enrolment {
	int key;
	uint64_t counter; /* 0: an enrolment, with a token */
	int token;
	enum ref_class klass; /* as the host says */
	/* its attestation */
	enum ref_chip chip;
	bool botched; /* by another TPM's attestation key, or of another host's key */
	int invited;  /* the invitation that was open when it was challenged; 0: none */
	unix_time challenged;
	unsigned boot;
	bool known;
};

enum ref_document_state { REF_NEW, REF_WAITING, REF_IN_FORCE, REF_STOPPED };

/* A next policy or roster. */
struct ref_document {
	bool roster;
	bool recovery; /* by recovery keys */
	struct ref_policy p;
	struct ref_roster r;
	int previous;	  /* the document before it; -1: what the fixture has made */
	unsigned skips;	  /* versions */
	unsigned signers; /* people, or recovery keys */
	unix_time expires;
	enum ref_document_state state;
	unix_time due;
};

struct ref_objection {
	int document;
	unsigned signers;
	bool known;
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
	struct ref_early early[REF_MEMORY];
	size_t early_count;
	int early_order[REF_MEMORY]; /* as they came */
	size_t early_known;
	struct ref_word words[REF_MEMORY];
	size_t word_count;
	int newest[REF_WORD_KINDS][REF_MAKERS][REF_FILES]; /* words + 1; 0: none */
	struct ref_grant grants[REF_MEMORY];
	size_t grant_count;
	/* what bars grants that were asked for before: counted, and the number of the last one */
	unsigned bars;
	unsigned bar_key[REF_KEYS]; /* locked */
	unsigned bar_end[REF_KEYS][REF_PEOPLE];
	unsigned bar_left[REF_PEOPLE];
	struct ref_pool pool;
	bool host_locked[REF_POOL]; /* those that do not enrol */
	unsigned bound;		    /* keys that it has enrolled with at any time */
	struct ref_enrolment enrolments[REF_MEMORY];
	size_t enrolment_count;
	struct ref_owed owed[REF_MEMORY];
	size_t owed_count;
	struct ref_review reviews[REF_MEMORY];
	size_t review_count;
	struct {
		unsigned id;
		unix_time ends;
	} used[REF_MEMORY]; /* tokens that are good once */
	size_t used_count;
	struct {
		enum ref_set set; /* 0: none has come */
		unix_time confirmed;
		unix_time full; /* when so many changes are free again as there can be */
	} issuer;
	unsigned boot; /* how often the keeper was started: it remembers no challenge */
	struct ref_document documents[REF_MEMORY];
	size_t document_count;
	int in_force[2]; /* policy, roster: which document; -1: what the fixture has made */
	int waiting[2];	 /* -1: none */
	struct ref_objection objections[REF_MEMORY];
	size_t objection_count;
};

enum ref_outcome { REF_ALLOW, REF_WAIT, REF_DENY };

struct ref_decision {
	enum ref_outcome outcome;
	enum reason reason; /* NONE on allow */
	int rule;	    /* -1: none */
	unsigned missing;   /* seats */
	bool broke;	    /* break_glass passed a closed window or a freeze */
	bool live[REF_ACTS];
	bool live_early[REF_MEMORY];
};

/* What a message that is not about one request comes to. */
enum ref_result {
	REF_STORED,
	REF_KNOWN,
	REF_SUPERSEDED,
	REF_DONE,
	REF_MISSING,
	REF_ACCEPTED,
	REF_CHANGED,
	REF_CONFIRMED
};

struct ref_answer {
	enum keeper_type type;
	enum reason reason;	/* of R_ERROR */
	enum ref_result result; /* of R_JSON and R_CHANGE */
	enum request_state state;
	struct ref_decision decision; /* of a status; and of a use that was committed just now */
	bool committed;
	uint32_t use; /* of a result, or of what was committed */
	bool held;    /* committed just now, and no result */
	bool either;  /* a document that may be refused by change.invalid as well */
};

/* ---- reference_says.c -----------------------------------------------------------------------*/
/* What a rule says for a key, with all that an approval of it is bound to, in 64 bits. */
uint64_t ref_rule_says(const struct ref *w, int rule, int key);
unsigned ref_seats(const struct ref_seats *s);
bool ref_holds_seat(const struct ref_roster *r, const struct ref_seats *s, int person,
		    unsigned channels);
/* How many seats the people with these channels can fill at best. */
unsigned ref_seats_filled(const struct ref_roster *r, const struct ref_seats *s,
			  const unsigned channels[REF_PEOPLE]);
unsigned ref_channel(int person, unsigned key);
bool ref_windows_open(const struct ref_policy *p, unsigned windows, unix_time t);
/* The first moment after t at which a window of the set opens or closes. */
unix_time ref_window_edge(const struct ref_policy *p, unsigned windows, unix_time t);
bool ref_rate_is_reached(const struct ref *w, const struct ref_rate *r, int key, int requester);
/* Listed, and with this key. */
bool ref_listed(const struct ref *w, int who, unsigned key);
/* Behind the service that asks: an owner of it, or whom the token names. */
bool ref_is_behind(const struct ref *w, const struct ref_request *q, int person);
static inline bool ref_has_tokens(int who)
{
	return who == REF_JOB || who == REF_HOOK;
}

/* ---- reference_check.c ----------------------------------------------------------------------*/
enum ref_taken { REF_REFUSED, REF_TAKEN, REF_EITHER };
/* Whether the two can be in force together. EITHER: seats with channels against a tier's, where
 * the product may refuse what would do. */
enum ref_taken ref_takes(const struct ref_policy *p, const struct ref_roster *r);
/* By all people but these, each in all channels of their keys. */
bool ref_can_be_filled(const struct ref_roster *r, const struct ref_seats *s, unsigned without);

/* ---- reference_files.c ----------------------------------------------------------------------*/
/* The finding for the files of the request; NONE if they are as the rule wants them. A denial
 * before a wait. */
enum reason ref_files_flaw(const struct ref *w, const struct ref_rule *r, unsigned files,
			   enum ref_outcome *ret);
/* Whether this word is one of those that let the files pass. */
bool ref_word_counts(const struct ref *w, const struct ref_rule *r, unsigned files, int word);
void ref_say_word(struct ref *w, int n, struct ref_answer *a);

/* ---- reference_grants.c ---------------------------------------------------------------------*/
/* Whether a live grant lets the requester ask for the key; host: one that names the host. */
bool ref_is_granted(const struct ref *w, const struct ref_request *q, bool host);
/* A key has been locked; the next roster is in force, w->roster is still the last one. */
void ref_bar_key(struct ref *w, int key);
void ref_bar_people(struct ref *w, const struct ref_roster *next);
bool ref_grant_lets(const struct ref *w, const struct ref_request *q, int grant, bool host);
void ref_give(struct ref *w, int n, struct ref_answer *a);
void ref_end_grant(struct ref *w, int n, struct ref_answer *a);

/* ---- reference_hosts.c ----------------------------------------------------------------------*/
/* Why the host does not stand now; NONE if it does. */
enum reason ref_pool_flaw(const struct ref *w);
struct ref_invitation {
	int token;
	enum ref_chip chip; /* the one that may enrol */
};
void ref_pool_change(struct ref *w, enum host_action action, const struct ref_invitation *in,
		     struct ref_answer *a);
/* Of the others, of which it is only known whether they are locked. */
void ref_host_lock(struct ref *w, int host, enum host_action action, struct ref_answer *a);
void ref_enrol(struct ref *w, int n, struct ref_answer *a);
/* What a list of hosts says of its state. */
const char *ref_host_state(const struct ref *w, int host);
/* Why the SVID is none of the pod's, as it came and at any time after; NONE if it is. */
enum reason ref_svid_flaw(const struct ref *w, const struct ref_svid *s, bool came);

/* ---- reference_tokens.c ---------------------------------------------------------------------*/
/* Why the token is none of the service's for a statement; NONE if it is. cancels: the statement is
 * a cancellation. */
enum reason ref_token_flaw(const struct ref *w, int service, const struct ref_token *t,
			   bool cancels);
/* The request has come, with its token. */
void ref_token_take(const struct ref *w, struct ref_request *q);
/* It is stored: a token that is good for any is used up. */
void ref_token_spend(struct ref *w, const struct ref_request *q);
/* The token was what the roster demands now. */
bool ref_token_stays(const struct ref *w, const struct ref_request *q);
/* The issuer's keys by which tokens of the service are looked at now; 0: none. */
unsigned ref_token_keys(const struct ref *w, int service);
void ref_bring_keys(struct ref *w, enum ref_set set, struct ref_answer *a);

/* ---- reference_documents.c ------------------------------------------------------------------*/
#define REF_NEED 2 /* of REF_RESCUERS recovery keys */
#define REF_RESCUERS 3
/* The answer to it. What is taken stays as it is until ref_take_document. */
void ref_propose(struct ref *w, int n, struct ref_answer *a);
void ref_take_document(struct ref *w, int n);
void ref_object(struct ref *w, int n, struct ref_answer *a);
/* What has waited comes into force. */
void ref_run_waiting(struct ref *w);

/* ---- reference_reviews.c --------------------------------------------------------------------*/
bool ref_is_overdue(const struct ref *w, int key);
void ref_owe(struct ref *w, const struct ref_request *q, int rule, uint32_t use);
/* Who has it looked at now: the seats of then, or the quorum unlock where nobody can fill them. */
const struct ref_seats *ref_review_seats(const struct ref *w, const struct ref_owed *o);
/* q: the request that used the key. */
void ref_look_after(struct ref *w, struct ref_request *q, int n, struct ref_answer *a);

/* ---- reference.c ----------------------------------------------------------------------------*/
/* A message came, or the keeper started: clocks that jumped are in the log. */
void ref_heard(struct ref *w);
void ref_started(struct ref *w);
/* The rule itself names the requester, and the host. */
bool ref_names_requester(const struct ref *w, const struct ref_request *q, int rule);
bool ref_names_host(const struct ref *w, const struct ref_request *q, int rule);
bool ref_refuse(struct ref_answer *a, bool is, enum reason reason);
/* Signs if that is wanted, gives out what is signed, and says how the request stands. */
void ref_conclude(struct ref *w, struct ref_request *q, bool sign, struct ref_answer *a);

/* Messages, each by what the keeper should answer; the world is changed accordingly. */
void ref_show(struct ref *w, struct ref_request *q, struct ref_answer *a);
void ref_submit(struct ref *w, struct ref_request *q, bool sign, struct ref_answer *a);
void ref_act(struct ref *w, struct ref_request *q, int act, bool sign, struct ref_answer *a);
void ref_commit(struct ref *w, struct ref_request *q, uint32_t use, struct ref_answer *a);
void ref_preapprove(struct ref *w, int n, struct ref_answer *a);
void ref_take_back(struct ref *w, int n, struct ref_answer *a);
/* What was counted for a use that was committed just now: a preapproval's use is spent. */
void ref_spend_early(struct ref *w, int n);
/* Whether a change would be looked at now; if not it is refused by time.clock. */
bool ref_takes_changes(struct ref *w);
void ref_changed(struct ref *w); /* it was taken: an entry of the log */

#endif
