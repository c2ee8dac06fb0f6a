/* cases - the tests beside a policy: requests, who approves, and what is to become of them.
 *
 * Canonical JSON document, compiled from tests.yaml:
 * {"policy":TEXT,"roster":TEXT,"tests":[{"approvals":[APPROVAL..]?,"approved_before":SECONDS?,"at":TIME?,
 *   "because":REASON?,"expect":"allow"|"wait"|"deny","granted":"*"|NAME?,
 *   "more_files":[{"format":TEXT?,"name":TEXT,"product":NAME?,"provenance":[LINE..]?,"rebuilds":[NAME..]?,
 *     "scans":[LINE..]?,"size":BYTES?}..]?,"name":TEXT,"provenance":[LINE..]?,
 *   "rebuilds":[NAME..]?,"request":{"actor":TEXT?,"by":REQUESTER,"class":CLASS?,"deadline":SECONDS?,"file":TEXT?,
 *   "format":TEXT,"from":NAME,"guard":"enforcing"|"observing"?,"key":NAME,"key_state":"active"|"locked"|"retired"?,"no_upload":true?,
 *   "not_before":SECONDS?,"product":NAME?,"reason":TEXT?,"size":BYTES?,"uses":N?},
 *   "review":"owed"|"overdue"?,"rule":NAME?,"scans":[LINE..]?,
 *   "used":N?}..]}
 * provenance, rebuilds, scans: case_evidence.h. What is not said is not there: a rule that demands
 * it waits. more_files: the request is for those, too; format and product are the first's where
 * they are not said. actor: what the job's token says of who is behind it.
 * APPROVAL is a person's NAME (on the command line, as with NAME:cli), NAME:early (there, before
 * the request), NAME:browser (with a passkey) or NAME:synced (with one that may be on several
 * devices). REQUESTER is a person's or service's NAME, or service:NAME, which is no person even if
 * the roster has one of that name. Owns: reading it and running one case through evaluate(). No
 * clock: a case without a time has CASE_TIME. No journal: rates are taken to have been kept, unless
 * `used` says how often the key was used. */
#ifndef GS_POLICY_CASES_H
#define GS_POLICY_CASES_H

#include "lib/policy/case_evidence.h"
#include "lib/policy/evaluate.h"

#define CASES_MAX 1000u
#define CASE_NAME_MAX 200u
#define CASE_FILES_MAX 16u /* of one request */
#define CASE_APPROVALS_MAX QUORUM_PEOPLE_MAX
#define CASE_TIME ((unix_time)1767607200) /* 2026-01-05T10:00:00Z, a Monday */
#define CASE_DEADLINE 604800u

struct case_approval {
	struct name person;
	enum sshkey_channel channel;
	bool synced;
	bool early;
};

struct case_file {
	char name[ITEM_NAME_MAX + 1]; /* "": it has none, so no rule that names files is for it */
	struct request_item item;
	struct case_evidence said;
};

struct policy_case {
	char name[CASE_NAME_MAX + 1];
	unix_time at;
	struct case_file file;
	struct case_file *more; /* the others of the request; owned by struct cases */
	size_t more_count;
	struct request request;
	char actor[ROSTER_TEXT_MAX + 1];
	bool key_locked;
	bool key_retired;
	bool review_owed; /* of an earlier use of the key that broke the glass ... */
	bool review_overdue;
	struct name job; /* the issuer of a job that no host vouches for; empty: there is one */
	struct host_fact host; /* unknown: as the roster demands at least */
	bool by_service;       /* the requester is a service, whatever else has that name */
	struct case_approval approvals[CASE_APPROVALS_MAX];
	size_t approval_count;
	uint64_t approved_before;
	bool has_used;
	uint64_t used;		  /* uses of the key so far, in the period of each of its rates */
	bool granted;		  /* the requester has a grant for the key, from ... */
	struct name granted_host; /* "": any */
	enum outcome expect;
	enum reason because; /* REASON_NONE: any */
	struct name rule;    /* empty: any */
};

struct cases {
	char policy[CASE_NAME_MAX + 1]; /* files, as written */
	char roster[CASE_NAME_MAX + 1];
	struct policy_case *list;
	size_t count;
};

/* What a case is decided by. */
struct case_world {
	const struct policy *policy;
	const struct roster *roster;
	const struct zone_source *zones; /* as in struct facts */
};

struct case_result {
	bool passed;
	struct decision decision;
	char text[FAULT_TEXT]; /* what differs from what was expected; "" if passed. Of several
				  files it ends with those that do not pass alone. */
};

/* Reads an APPROVAL or a REQUESTER. RC_SYNTAX, RC_LIMIT; RC_UNKNOWN another word behind the colon.
 */
MUST rc case_approval_parse(struct view text, struct case_approval *ret);
MUST rc case_requester_parse(struct view text, struct name *ret, bool *ret_service);

/* Reads the document. As jcan.h; RC_RANGE `because` of an allow, RC_NOMEM. ret is to be released
 * after a failure, too. */
MUST rc cases_parse(struct view document, struct cases *ret, struct fault *f);
void cases_release(struct cases *c);
AUTO_DEFINE(cases, struct cases, cases_release)

/* Decides one case: each rule that names the key is tried with the approvals bound to it, as people
 * do who read the request under that rule; the best decision counts. RC_LIMIT more people than a
 * decision can weigh; RC_NOMEM. */
MUST rc case_run(const struct policy_case *c, const struct case_world *w, struct case_result *ret);
/* 1, and those of more. */
size_t case_file_count(const struct policy_case *c);
const struct case_file *case_file_at(const struct policy_case *c, size_t i);
/* What would become of the same request for file i alone. As case_run(). */
MUST rc case_run_file(const struct policy_case *c, size_t i, const struct case_world *w,
		      struct decision *ret);

#endif
