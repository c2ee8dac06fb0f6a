/* bundle_check - the offline verification of a bundle: nothing is believed, everything is
 * recomputed. */
#include <stdio.h>
#include <string.h>

#include "lib/crypt/sshsig.h"
#include "lib/model/enrolment.h"
#include "lib/model/field.h"
#include "lib/model/roster.h"
#include "lib/model/statement.h"
#include "lib/model/svid.h"
#include "lib/model/token.h"
#include "lib/policy/evaluate.h"
#include "lib/tlog/items.h"
#include "lib/tlog/proof_file.h"
#include "prog/cli/bundle.h"
#include "prog/cli/bundle_approval.h"
#include "prog/cli/bundle_evidence.h"
#include "prog/cli/bundle_grant.h"
#include "prog/cli/zones.h"

/* Keys may be of any channel and form here: the keeper judged that when it took what they signed.
 */
static const struct sshsig_rules any_form = {
	.allow_unverified = true, .allow_synced = true, .rp_origins = true};

struct checker {
	const struct bundle *b;
	const struct vkey *log;
	struct bundle_report *report;
	struct leaf issue;
	struct leaf authorize;
	uint64_t authorize_index;
	struct digest request_id;
	struct roster *roster;
	struct policy *policy;
	struct grant_fact grant;
	bool has_grant;
	struct host_fact host;	 /* set by check_requester */
	const struct rule *rule; /* of policy; set by check_decision */
	bool held;		 /* the rule has a hold that is not proven; set by check_decision */
	bool undated; /* when some approval was given, or began to count, is not proven */
	struct bundle_evidence evidence;
	struct token_record token; /* of a service that showed one */
};

/* Notes how a check went. */
static void note(struct checker *k, const char *name, rc r, const struct fault *f, const char *good)
{
	struct bundle_check *c = &k->report->checks[k->report->count];

	if (k->report->count == BUNDLE_CHECKS_MAX)
		return;
	c->name = name;
	c->ok = rc_is_ok(r);
	(void)snprintf(c->text, sizeof(c->text), "%s", c->ok ? good : f->text);
	k->report->count++;
}

static rc entry_in_log(struct checker *k, const struct buf *entry, const struct buf *proof,
		       enum leaf_kind kind, struct leaf *ret, uint64_t *ret_index, struct fault *f)
{
	struct proof_file file;

	TRY(proof_file_parse(buf_view(proof), &file, f));
	TRY(proof_file_verify(&file, buf_view(entry), k->log, NULL, f));
	TRY(leaf_parse(buf_view(entry), ret, f));
	if (ret->kind != kind)
		return fault_set(f, RC_MISMATCH, 0, "the log entry is of kind %s, not %s",
				 leaf_kind_name(ret->kind), leaf_kind_name(kind));
	*ret_index = file.index;
	return OK;
}

static rc check_log(struct checker *k, struct fault *f)
{
	uint64_t issue_index;

	TRY(entry_in_log(k, &k->b->issue_entry, &k->b->issue_proof, LEAF_ISSUE, &k->issue,
			 &issue_index, f));
	TRY(entry_in_log(k, &k->b->authorize_entry, &k->b->authorize_proof, LEAF_AUTHORIZE,
			 &k->authorize, &k->authorize_index, f));
	if (k->issue.authorize != k->authorize_index || k->authorize_index >= issue_index)
		return fault_set(f, RC_MISMATCH, 0,
				 "the issue entry does not refer to this authorisation");
	if (!digest_is_equal(&k->issue.request, &k->authorize.request) ||
	    !digest_is_equal(&k->issue.key, &k->authorize.key) ||
	    k->issue.use != k->authorize.use || k->issue.use != k->b->use)
		return fault_set(f, RC_MISMATCH, 0, "the two log entries are about different acts");
	return OK;
}

static rc check_request(struct checker *k, struct fault *f)
{
	struct request *r = &k->report->request;
	struct digest root;

	k->request_id = digest_of(buf_view(&k->b->request.bytes));
	if (!digest_is_equal(&k->request_id, &k->issue.request))
		return fault_set(f, RC_MISMATCH, 0, "the log entries are about another request");
	TRY(request_parse(buf_view(&k->b->request.bytes), r, f));
	if (k->b->item >= r->count)
		return fault_set(f, RC_MISMATCH, 0, "the request has only %zu files", r->count);
	if (strcmp(r->origin, k->log->name) != 0)
		return fault_set(f, RC_MISMATCH, 0, "the request is for log %s", r->origin);
	TRY(items_root(r, &root));
	if (!digest_is_equal(&root, &k->authorize.items))
		return fault_set(f, RC_MISMATCH, 0,
				 "other files were authorised than the request names");
	if (!digest_is_equal(&r->key_fingerprint, &k->issue.key))
		return fault_set(f, RC_MISMATCH, 0, "another key was used than the request names");
	k->report->item = &r->items[k->b->item];
	return OK;
}

static rc check_signature(struct checker *k, struct fault *f)
{
	const struct tree_head head = {.size = k->issue.count, .root = k->issue.signatures};
	struct digest leaf = items_signature_leaf(k->report->item, buf_view(&k->b->signature));

	if (k->issue.count != k->report->request.count)
		return fault_set(f, RC_MISMATCH, 0, "the issue entry counts other files");
	return tree_verify_inclusion(&head, k->b->item, &leaf, &k->b->inner, f);
}

/* The certificate's key is the one of the log entry, and made the signature over this content. */
static rc check_key(struct checker *k, struct fault *f)
{
	struct x509 leaf;
	struct digest fingerprint;

	TRY(x509_parse(k->b->certs.der[0], &leaf, f));
	fingerprint = digest_of(leaf.spki);
	if (!digest_is_equal(&fingerprint, &k->issue.key))
		return fault_set(f, RC_MISMATCH, 0, "the certificate is for another key");
	return OK;
}

static rc check_documents(struct checker *k, struct fault *f)
{
	struct digest policy = digest_of(buf_view(&k->b->policy));
	struct digest roster = digest_of(buf_view(&k->b->roster));

	/* Left out, they would take all checks of people with them. */
	if (k->b->policy.len == 0 || k->b->roster.len == 0)
		return fault_set(f, RC_MISMATCH, 0,
				 "the proof lacks policy or roster: who asked and who approved "
				 "cannot be checked");
	if (!digest_is_equal(&policy, &k->authorize.policy))
		return fault_set(f, RC_MISMATCH, 0, "the policy is not the one that was in force");
	if (!digest_is_equal(&roster, &k->authorize.roster))
		return fault_set(f, RC_MISMATCH, 0, "the roster is not the one that was in force");
	TRY(roster_parse(buf_view(&k->b->roster), &k->roster, f));
	return policy_parse(buf_view(&k->b->policy), &k->policy, f);
}

/* The log entry that bound the host's key, before the request was authorised: this key signed that
 * enrolment, and the keeper took it under this signature. */
static rc check_enrolment(struct checker *k, const struct sshkey *key, struct fault *f)
{
	struct host_fact *host = &k->host;
	const struct bundle *b = k->b;
	const char *ns = statement_info(STATEMENT_ENROLMENT)->ns;
	struct digest statement = digest_of(buf_view(&b->enrolment.bytes));
	struct digest sig = digest_of(buf_view(&b->enrolment.sig));
	struct enrolment e;
	struct leaf leaf;
	uint64_t index;

	if (b->enrolment_entry.len == 0)
		return fault_set(f, RC_MISMATCH, 0,
				 "the proof lacks the enrolment of the host's key");
	TRY(entry_in_log(k, &b->enrolment_entry, &b->enrolment_proof, LEAF_ADMIN, &leaf, &index,
			 f));
	TRY(enrolment_parse(buf_view(&b->enrolment.bytes), &e, f));
	if (strcmp(leaf.action, "host.enrol") != 0 || index >= k->authorize_index ||
	    !digest_is_equal(&leaf.statement, &statement) || leaf.approval_count == 0 ||
	    !digest_is_equal(&leaf.approvals[0], &sig))
		return fault_set(f, RC_MISMATCH, 0,
				 "the log entry does not record this enrolment before the request");
	if (!name_is_equal(&e.host, &k->report->request.host) ||
	    strcmp(e.origin, k->log->name) != 0)
		return fault_set(f, RC_MISMATCH, 0, "the enrolment is of another host or log");
	host->known = rc_is_ok(host_class_parse(view_str(e.klass), &host->klass));
	return sshsig_verify(key, ns, buf_view(&b->enrolment.bytes), buf_view(&b->enrolment.sig),
			     &any_form, NULL, f);
}

/* By the roots of the roster. That the SVID had not expired when the request came is the keeper's
 * word; it had begun before the authorisation, and its path was good while it lived. */
static rc check_svid(struct checker *k, const struct principal *host, struct fault *f)
{
	AUTO(sshkey) struct sshkey *key = NULL;
	struct svid_proof p;
	unix_time when;

	TRY(svid_proof_parse(buf_view(&k->b->host_sig), &p, f));
	TRY(svid_moment(&p, k->authorize.time, &when, f));
	TRY(roster_svid_key(k->roster, host, &p, when, &key, f));
	return sshsig_verify(key, statement_info(STATEMENT_HOST)->ns,
			     buf_view(&k->b->request.bytes), p.sig, &any_form, NULL, f);
}

/* A host's key is in the roster, or it came by enrolment, or with an SVID. */
static rc check_host(struct checker *k, const struct principal *host, struct fault *f)
{
	AUTO(sshkey) struct sshkey *key = NULL;
	const char *ns = statement_info(STATEMENT_HOST)->ns;
	struct view bytes = buf_view(&k->b->request.bytes);
	struct view sig = buf_view(&k->b->host_sig);
	struct sshsig parts;

	k->host = (struct host_fact){.known = !host->enrol, .klass = HOST_SOFTWARE};
	if (host->spiffe != NULL)
		return check_svid(k, host, f);
	if (!host->enrol)
		return bundle_verify_by(host, ns, bytes, sig, NULL, f);
	TRY(sshsig_parse(sig, &parts, f));
	TRY(sshkey_parse_blob(parts.key_blob, &key, f));
	TRY(check_enrolment(k, key, f));
	return sshsig_verify(key, ns, bytes, sig, &any_form, NULL, f);
}

static bool has_token(const struct checker *k)
{
	return token_record_is_like(buf_view(&k->b->request.sig));
}

/* The keeper verified a token and kept a record of it, which is the one of the log entry: it is
 * about this request, and what the roster demands of the service's tokens. */
static rc check_token(struct checker *k, const struct principal *service, struct fault *f)
{
	struct view record = buf_view(&k->b->request.sig);
	struct digest digest = digest_of(record);

	if (!digest_is_equal(&digest, &k->authorize.token))
		return fault_set(f, RC_MISMATCH, 0,
				 "the token's record is not the one that the log records");
	TRY(token_record_parse(record, &k->token, f));
	if (!digest_is_equal(&k->token.request, &k->request_id))
		return fault_set(f, RC_MISMATCH, 0, "the token's record is of another request");
	return token_record_fits(&k->token, service, f);
}

static rc check_requester(struct checker *k, struct fault *f)
{
	const struct request *r = &k->report->request;
	const struct principal *requester = roster_requester(k->roster, &r->requester);
	const struct principal *host = roster_host(k->roster, &r->host);
	struct view bytes = buf_view(&k->b->request.bytes);

	if (requester == NULL || (host == NULL && r->host.s[0] != '\0'))
		return fault_set(f, RC_NOTFOUND, 0, "the roster has no %s or no host %s",
				 r->requester.s, r->host.s);
	if (has_token(k))
		TRY(check_token(k, requester, f));
	else
		TRY(bundle_verify_by(requester, statement_info(STATEMENT_REQUEST)->ns, bytes,
				     buf_view(&k->b->request.sig), NULL, f));
	if (host != NULL)
		return check_host(k, host, f);
	/* Only a token that was for this request stands for a host. */
	if (!has_token(k) || !requester->oidc->bind_audience || k->b->host_sig.len > 0)
		return fault_set(f, RC_MISMATCH, 0, "no host has signed the request");
	return OK;
}

/* Verifies approval i; fills what the decision needs of it, and what is told of it. */
static rc check_approval(struct checker *k, size_t i, struct approval_fact *ret, struct fault *f)
{
	struct bundle_report *report = k->report;
	const struct bundle_approval a = {.said = &k->b->approvals[i],
					  .log = k->log,
					  .authorize = &k->authorize,
					  .authorize_index = k->authorize_index,
					  .roster = k->roster,
					  .request = &report->request,
					  .request_id = k->request_id};
	bool dated = false;

	TRY(bundle_approval_prove(&a, ret, &dated, f));
	k->undated |= !dated || ret->early;
	report->approvers[report->approver_count++] =
		(struct bundle_approver){.person = ret->person,
					 .early = ret->early,
					 .dated = dated,
					 .given = ret->given,
					 .statement = ret->statement};
	return OK;
}

/* What machines said, if the entry counts any of it. A bundle may lack it: then it is the keeper's
 * word that it was there. */
static rc check_evidence(struct checker *k, struct fault *f)
{
	static const struct digest none;

	if (k->b->evidence_count == 0)
		return OK;
	if (digest_is_equal(&k->authorize.evidence, &none))
		return fault_set(f, RC_MISMATCH, 0, "no evidence was counted, and here is some");
	return bundle_evidence_read(k->b, k->roster, &k->report->request, &k->authorize.evidence,
				    &k->evidence, f);
}

static bool is_named(const struct digest *d)
{
	static const struct digest none;

	return !digest_is_equal(d, &none);
}

/* The grant that the authorisation names. */
static rc check_access(struct checker *k, struct fault *f)
{
	const struct bundle_grant g = {.bundle = k->b,
				       .log = k->log,
				       .authorize = &k->authorize,
				       .authorize_index = k->authorize_index,
				       .policy = k->policy,
				       .roster = k->roster,
				       .request = &k->report->request};

	TRY(bundle_grant_prove(&g, &k->grant, f));
	k->has_grant = true;
	return OK;
}

/* Decides again, with the facts of that moment. */
static rc check_decision(struct checker *k, struct fault *f)
{
	struct approval_fact approvals[BUNDLE_APPROVALS_MAX] = {0};
	struct facts facts = {
		.request = &k->report->request,
		.key_fingerprint = k->issue.key,
		.key_known = true,
		.approvals = approvals,
		.approval_count = k->b->approval_count,
		.host = k->host,
		.uses_spent = k->b->use - 1,
		.now = k->authorize.time,
		.zones = &zones_system,
		.without_rates = true, /* only the keeper's journal can count */
		.without_evidence = k->b->evidence_count == 0,
		.actor = k->token.actor,
	};
	struct decision decision;

	TRY(check_evidence(k, f));
	facts.evidence = k->evidence.facts;
	facts.evidence_count = k->evidence.count;
	facts.grants = &k->grant;
	facts.grant_count = k->has_grant ? 1 : 0;
	for (size_t i = 0; i < k->b->approval_count; i++)
		TRY(check_approval(k, i, &approvals[i], f));
	facts.without_hold = k->undated;
	TRY(evaluate(k->policy, k->roster, &facts, &decision));
	k->held = facts.without_hold;
	/* The entry names as many as fill the seats. The keeper may know others, given before. */
	if (decision.outcome == OUTCOME_WAIT && decision.refusal.reason == REASON_TIME_HOLD) {
		facts.without_hold = true;
		k->held = true;
		TRY(evaluate(k->policy, k->roster, &facts, &decision));
	}
	if (decision.outcome != OUTCOME_ALLOW)
		return fault_set(f, RC_MISMATCH, 0, "%s: %s", reason_id(decision.refusal.reason),
				 decision.refusal.text);
	if (!digest_is_equal(&decision.rule_digest, &k->authorize.rule))
		return fault_set(f, RC_MISMATCH, 0, "another rule was applied");
	if (decision.break_glass != k->authorize.break_glass)
		return fault_set(f, RC_MISMATCH, 0,
				 decision.break_glass
					 ? "the rule broke the glass, and the log does not say so"
					 : "the log says that the glass was broken, and nothing "
					   "was closed");
	k->rule = decision.rule;
	k->held &= decision.rule != NULL && decision.rule->hold > 0;
	return OK;
}

static rc run(struct checker *k, const char *name, rc (*check)(struct checker *, struct fault *),
	      const char *good, struct fault *f)
{
	rc r = check(k, f);

	note(k, name, r, f, good);
	return r;
}

static bool is_enrolled(const struct checker *k)
{
	const struct principal *host = roster_host(k->roster, &k->report->request.host);

	return host != NULL && host->enrol;
}

/* What the check of the requester proves, and what it takes on the keeper's word. */
static const char *requester_words(const struct checker *k)
{
	if (has_token(k))
		return k->report->request.host.s[0] == '\0'
			       ? "asked for by the service; that the issuer's token was good is "
				 "the "
				 "keeper's word, its record is in the log"
			       : "asked for by the service and signed by the host; that the "
				 "issuer's "
				 "token was good is the keeper's word, its record is in the log";
	return is_enrolled(k) ? "signed by the requester, and by the host with the key that it "
				"enrolled; that it was not locked then is the keeper's word"
			      : "signed by the requester and by the host";
}

static const char *evidence_words(const struct checker *k)
{
	static const struct digest none;

	if (digest_is_equal(&k->authorize.evidence, &none))
		return "";
	if (k->b->evidence_count == 0)
		return "; that scans, builds and provenance were there is the keeper's word";
	return k->evidence.unrooted
		       ? ", and what machines said of the files is what the rule demands; that "
			 "keys of enrolled hosts were theirs is the keeper's word"
		       : ", and what machines said of the files is what the rule demands";
}

/* What whoever relies on the file is to know. Whether it was reviewed is in the log, later. */
static void note_glass(struct checker *k, struct fault *f)
{
	const struct review_spec *review = &k->rule->review;
	char good[FAULT_TEXT];
	char seat[SEAT_TEXT];

	seat_text(&review->approve.seats[0], seat);
	(void)snprintf(good, sizeof(good),
		       "rule %.40s passed a closed window or a freeze; a review by \"%.60s\"%s is "
		       "due %llu s after",
		       k->rule->name.s, seat, review->approve.count > 1 ? " and others" : "",
		       (unsigned long long)review->within);
	note(k, "glass", OK, f, good);
}

static rc run_all(struct checker *k, struct fault *f)
{
	char good[FAULT_TEXT];
	rc r;

	TRY(run(k, "log", check_log, "authorised before it was issued; both entries are in the log",
		f));
	TRY(run(k, "request", check_request, "the log entries are about exactly this request", f));
	TRY(run(k, "key", check_key, "the certificate belongs to the key that was authorised", f));
	TRY(run(k, "signature", check_signature, "this signature is the one that the log records",
		f));
	TRY(run(k, "documents", check_documents, "policy and roster are those that were in force",
		f));
	TRY(run(k, "requester", check_requester, requester_words(k), f));
	if (is_named(&k->authorize.grant))
		TRY(run(k, "access", check_access,
			"access was granted by the key's owners; that it was not revoked then is "
			"the "
			"keeper's word",
			f));
	r = check_decision(k, f);
	(void)snprintf(good, sizeof(good), "the approvals fill the rule's quorum%s%s",
		       evidence_words(k),
		       k->held ? "; that it was held since is the keeper's word" : "");
	note(k, "approvals", r, f, good);
	if (rc_is_ok(r) && k->authorize.break_glass)
		note_glass(k, f);
	return r;
}

rc bundle_prove(const struct bundle *b, const struct vkey *log, struct bundle_report *ret,
		struct fault *f)
{
	struct checker k = {.b = b, .log = log, .report = ret};
	rc r;

	*ret = (struct bundle_report){0};
	r = run_all(&k, f);
	roster_free(k.roster);
	policy_free(k.policy);
	bundle_evidence_release(&k.evidence);
	return r;
}

rc bundle_prove_next(const struct bundle *b, struct bundle_report *report, struct fault *f)
{
	struct checker k = {.b = b, .report = report};

	if (b->item >= report->request.count)
		return fault_set(f, RC_MISMATCH, 0, "the request has only %zu files",
				 report->request.count);
	report->item = &report->request.items[b->item];
	TRY(leaf_parse(buf_view(&b->issue_entry), &k.issue, f));
	return check_signature(&k, f);
}

void bundle_report_release(struct bundle_report *r)
{
	request_release(&r->request);
}
