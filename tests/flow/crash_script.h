/* crash_script - the acts that a crash test does again and again: each one frame made beforehand,
 * so that after a crash the same bytes are sent again. Owns: frames, what was acknowledged. */
#ifndef GS_TESTS_CRASH_SCRIPT_H
#define GS_TESTS_CRASH_SCRIPT_H

#include "tests/lib/fixture.h"

enum step_id {
	STEP_SUBMIT,	/* "release", needs two approvals */
	STEP_APPROVE_1, /* bob */
	STEP_APPROVE_2, /* carol; signs */
	STEP_NIGHTLY,	/* an unattended request; signs at once */
	STEP_COMMIT,	/* the first request's use 1 once more */
	STEP_KEY,	/* key create */
	STEP_POLICY,	/* the next policy version */
	STEP__COUNT
};

/* One result without its proof, which grows with the log. */
struct outcome_of {
	unix_time signed_at;
	uint64_t authorize_leaf;
	uint64_t issue_leaf;
	struct digest key;
	struct digest signatures;
};

struct step {
	uint64_t correlation;
	enum keeper_type want;
	struct buf frame;
	struct digest statement; /* zeros: none */
	bool acked;
};

struct script {
	struct step step[STEP__COUNT];
	struct fx_request q;	   /* of STEP_SUBMIT */
	struct fx_request nightly; /* of STEP_NIGHTLY */
	struct buf policy;	   /* the new document */
	struct outcome_of result[2];
	bool has_result[2];
};

/* The digest of the rule "release" as it is now. */
struct digest script_rule(struct fixture *fx);
/* The keeper must run; keys "release" and "nightly" exist. Ends with script_release. */
void script_make(struct fixture *fx, struct script *s);
void script_release(struct script *s);
/* Sends one step and checks its answer, if there is one: the type, and that a result is the same as
 * the first time. False if the keeper is gone. */
bool script_step(struct fixture *fx, struct script *s, enum step_id id);
/* Everything acknowledged must still be there, everything else is sent again and must succeed. */
void script_recover(struct fixture *fx, struct script *s);

#endif
