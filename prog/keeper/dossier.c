/* One request with everything known about it now; nothing of it is remembered between messages. */
#include "prog/keeper/keeper.h"

#include <string.h>

#include "lib/codec/jcan.h"
#include "lib/crypt/sshsig.h"
#include "lib/tlog/items.h"
#include "prog/keeper/host_proof.h"
#include "prog/keeper/hosts.h"
#include "prog/keeper/oidc.h"
#include "prog/keeper/release.h"

void dossier_clear(struct dossier *d)
{
	request_release(&d->request);
	buf_release(&d->mem);
	dossier_evidence_clear(d);
	memset(d, 0, sizeof(*d));
}

rc dossier_items(struct dossier *d, struct digest *ret)
{
	if (!d->has_items_root)
		TRY(items_root(&d->request, &d->items_root));
	d->has_items_root = true;
	*ret = d->items_root;
	return OK;
}

/* Whether the stored signature was made by a key that p still has. It was verified when it came;
 * what may have changed since is the roster. */
static bool signer_stays(const struct principal *p, struct view *sigs)
{
	struct sshsig parts;
	struct view sig;

	return p != NULL && rc_is_ok(view_string(sigs, KEEPER_SIG_MAX, &sig)) &&
	       rc_is_ok(sshsig_parse(sig, &parts, NULL)) &&
	       principal_key(p, parts.key_blob) != NULL;
}

static bool host_is_enrolled(const struct keeper *k)
{
	const struct principal *p = roster_host(k->roster, &k->dossier.request.host);

	return p != NULL && p->enrol;
}

/* The same of a requester, who may have shown a token instead. */
static bool requester_stays(struct keeper *k, struct view *sigs)
{
	const struct principal *p = roster_requester(k->roster, &k->dossier.request.requester);
	struct view rest = *sigs;
	struct view sig;

	if (!rc_is_ok(view_string(&rest, KEEPER_SIG_MAX, &sig)) || !token_record_is_like(sig))
		return signer_stays(p, sigs);
	*sigs = rest;
	return p != NULL && token_stays(k, p, sig);
}

static bool signers_stay(struct keeper *k, struct view sigs)
{
	const struct request *q = &k->dossier.request;

	struct view proof;

	/* The order in which store_request() wrote them. */
	return requester_stays(k, &sigs) && rc_is_ok(view_string(&sigs, KEEPER_SIG_MAX, &proof)) &&
	       (q->host.s[0] == '\0' ||
		host_proof_stays(k, roster_host(k->roster, &q->host), proof));
}

/* The key that the host signed with, as the journal has it beside the request. */
static struct digest host_signer(struct view sigs)
{
	static const struct digest none;
	struct sshsig parts;
	struct view sig;

	if (!rc_is_ok(view_string(&sigs, KEEPER_SIG_MAX, &sig)) ||
	    !rc_is_ok(view_string(&sigs, KEEPER_SIG_MAX, &sig)) ||
	    !rc_is_ok(sshsig_parse(sig, &parts, NULL)))
		return none;
	return digest_of(parts.key_blob);
}

/* A host's key comes and goes without the roster: how it stands now, in the same transaction that a
 * commit would be part of. */
static rc dossier_host(struct keeper *k, struct host_fact *fact, struct refusal *ret)
{
	struct dossier *d = &k->dossier;
	struct journal_host row = {0};
	struct digest key;
	rc r;

	if (!host_is_enrolled(k)) {
		*fact = (struct host_fact){
			.known = roster_host(k->roster, &d->request.host) != NULL,
			.klass =
				HOST_SOFTWARE}; /* the roster says where the key is from, no more */
		r = host_unlocked(k, &d->request.host, ret);
		return r.code == RC_DENIED || r.code == RC_WAIT ? OK : r;
	}
	r = host_standing(k, &d->request.host, &row, ret);
	*fact = (struct host_fact){.known = row.key_len > 0, .klass = row.klass};
	if (r.code == RC_DENIED || r.code == RC_WAIT)
		return OK;
	TRY(r);
	key = digest_of(view_of(row.key, row.key_len));
	if (d->known && !digest_is_equal(&key, &d->host_signer))
		rc_ignore(refuse(ret, REASON_HOST_UNENROLLED,
				 "%s has another key than signed the request", d->request.host.s),
			  "the caller looks at the reason");
	return OK;
}

rc dossier_load_row(struct keeper *k, const struct journal_request *row)
{
	struct dossier *d = &k->dossier;
	struct journal_request copy = *row;
	struct journal_statement st;
	struct fault *f = &k->round.fault;
	AUTO(buf) struct buf sigs = {0};

	dossier_clear(d);
	d->row = copy;
	d->known = true;
	buf_init(&d->mem, REQUEST_BYTES_MAX);
	buf_init(&sigs, JOURNAL_SIGS_MAX);
	TRY(journal_statement_get(k->journal, &copy.digest, &st, &d->mem, &sigs, f));
	d->statement = buf_view(&d->mem);
	if (!rc_is_ok(request_parse(d->statement, &d->request, f)))
		return fault_set(f, RC_CORRUPT, 0, "journal: a stored request does not parse");
	d->signers_left = !signers_stay(k, buf_view(&sigs));
	d->host_signer = host_signer(buf_view(&sigs));
	return journal_act_list(k->journal, copy.leaf, d->acts, JOURNAL_ACTS_MAX, &d->act_count, f);
}

rc dossier_load(struct keeper *k, const struct digest *id, struct refusal *why)
{
	struct journal_request row;
	rc r = journal_request_get(k->journal, id, &row, &k->round.fault);

	if (r.code == RC_NOTFOUND)
		return refuse(why, REASON_STATE_UNKNOWN, "%s", "");
	TRY(r);
	return dossier_load_row(k, &row);
}

/* ---- The decision --------------------------------------------------------------------------*/

static enum request_state state_of(const struct journal_request *r, unix_time now)
{
	if (r->closed != REASON_NONE)
		return STATE_CLOSED;
	if (r->spent > r->done || (r->spent > 0 && !r->released)) /* or held: release.h */
		return STATE_COMMITTED;
	if (r->done == r->uses)
		return STATE_DONE;
	return now > r->deadline ? STATE_CLOSED : STATE_OPEN;
}

static bool key_is_theirs(const struct principal *p, const struct digest *fingerprint)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (digest_is_equal(sshkey_fingerprint(p->keys[i]), fingerprint))
			return true;
	return false;
}

bool dossier_is_behind(const struct keeper *k, const struct principal *person)
{
	const struct principal *service = roster_service(k->roster, &k->dossier.request.requester);

	return service != NULL && roster_is_behind(service, person, k->dossier.token.actor);
}

/* Approvals are weighed against the roster in force, not that of the day they were given: a person
 * who left, or a key that was taken away, no longer counts. */
static enum reason weigh(const struct keeper *k, const struct journal_act *a)
{
	const struct principal *p = roster_person(k->roster, &a->person);

	if (a->withdrawn)
		return REASON_STATE_NO_APPROVAL;
	if (p == NULL)
		return REASON_WHO_PERSON;
	if (!key_is_theirs(p, &a->signer))
		return REASON_SIG_APPROVER;
	if (name_is_equal(&a->person, &k->dossier.request.requester))
		return REASON_WHO_SELF;
	if (dossier_is_behind(k, p))
		return REASON_WHO_BEHIND;
	if (a->expires <= k->round.now)
		return REASON_APPROVE_EXPIRED;
	return REASON_NONE;
}

static void collect_facts(struct keeper *k)
{
	struct dossier *d = &k->dossier;

	d->fact_count = 0;
	for (size_t i = 0; i < d->act_count; i++) {
		const struct journal_act *a = &d->acts[i];

		if (a->kind != STATEMENT_APPROVAL)
			continue;
		d->dead[i] = weigh(k, a);
		if (d->dead[i] != REASON_NONE)
			continue;
		d->facts[d->fact_count++] = (struct approval_fact){.person = a->person,
								   .rule = a->rule,
								   .statement = a->digest,
								   .given = a->given,
								   .expires = a->expires,
								   .channel = a->channel,
								   .synced = a->synced};
	}
}

static void overrule(struct decision *d, enum outcome outcome, enum reason reason, const char *text)
{
	d->outcome = outcome;
	rc_ignore(refuse(&d->refusal, reason, "%s", text), "only the words are wanted");
}

/* The machine's states come after policy: a closed request stays closed whatever policy says. */
static void apply_state(struct keeper *k, const struct refusal *host)
{
	struct dossier *d = &k->dossier;
	struct refusal why = {0};
	rc r;

	if (k->round.now < k->ledger.committed.time) {
		overrule(&d->decision, OUTCOME_WAIT, REASON_TIME_CLOCK, "");
		return;
	}
	switch (d->state) {
	case STATE_CLOSED:
		overrule(&d->decision, OUTCOME_DENY,
			 d->row.closed != REASON_NONE ? d->row.closed : REASON_STATE_EXPIRED, "");
		return;
	case STATE_DONE:
		overrule(&d->decision, OUTCOME_DENY, REASON_STATE_USES, "");
		return;
	case STATE_COMMITTED:
		overrule(&d->decision, OUTCOME_WAIT, REASON_STATE_COMMITTED,
			 "the signatures are being made");
		return;
	case STATE_OPEN:
		break;
	}
	if (d->signers_left && d->decision.outcome != OUTCOME_DENY) {
		overrule(&d->decision, OUTCOME_DENY, REASON_SIG_REQUESTER,
			 "the key of the requester or of the host was taken away since");
		return;
	}
	if (host->reason != REASON_NONE && d->decision.outcome != OUTCOME_DENY) {
		overrule(&d->decision, reason_is_wait(host->reason) ? OUTCOME_WAIT : OUTCOME_DENY,
			 host->reason, host->text);
		return;
	}
	if (d->decision.outcome != OUTCOME_ALLOW || d->key == NULL)
		return;
	r = key_check_use(d->key, true, k->round.now, &why);
	if (!rc_is_ok(r))
		overrule(&d->decision, r.code == RC_WAIT ? OUTCOME_WAIT : OUTCOME_DENY, why.reason,
			 why.text);
}

/* How far the rates of the key are used up, in the transaction that a commit would be part of. */
static rc collect_rates(struct keeper *k, struct facts *facts)
{
	const struct request *q = &k->dossier.request;
	const struct key_policy *key = policy_key(k->policy, &q->key);

	for (size_t i = 0; key != NULL && i < key->rate_count; i++) {
		const struct rate *r = &key->rates[i];
		unix_time oldest = 0;
		rc e = journal_use_nth(k->journal, &q->key, r->per_requester ? &q->requester : NULL,
				       (struct use_nth){r->count, k->round.now - r->period},
				       &oldest, &k->round.fault);

		if (!rc_is_ok(e) && e.code != RC_NOTFOUND)
			return e;
		facts->rates[facts->rate_count++] =
			(struct rate_fact){.reached = rc_is_ok(e), .passes = oldest + r->period};
	}
	return OK;
}

enum key_state dossier_key_state(const struct keeper *k)
{
	const struct round *r = &k->round;

	if (r->has_row && name_is_equal(&r->row.name, &k->dossier.request.key))
		return r->row.state;
	return key_state_of(k->dossier.key);
}

rc dossier_decide(struct keeper *k)
{
	struct dossier *d = &k->dossier;
	struct refusal host = {0};
	struct facts facts;

	d->key = keyring_find(k->keyring, &d->request.key);
	d->state = state_of(&d->row, k->round.now);
	collect_facts(k);
	TRY(dossier_preapprovals(k));
	TRY(dossier_evidence(k));
	TRY(dossier_grants(k));
	facts = (struct facts){.request = &d->request,
			       .key_known = d->key != NULL,
			       .approvals = d->facts,
			       .approval_count = d->fact_count,
			       .evidence = d->evidence,
			       .evidence_count = d->evidence_count,
			       .submitted = d->row.submitted,
			       .grants = d->grants,
			       .grant_count = d->grant_count,
			       .uses_spent = d->row.spent,
			       .now = k->round.now,
			       .zones = &k->zones,
			       .actor = d->token.actor};
	TRY(collect_rates(k, &facts));
	TRY(dossier_review(k, &facts.review));
	if (d->key != NULL) {
		facts.key_fingerprint = *key_fingerprint(d->key);
		facts.key_locked = dossier_key_state(k) == KEY_LOCKED;
		facts.key_retired = dossier_key_state(k) == KEY_RETIRED;
	}
	TRY(dossier_host(k, &facts.host, &host));
	TRY(evaluate(k->policy, k->roster, &facts, &d->decision));
	apply_state(k, &host);
	return d->state == STATE_COMMITTED && release_is_held(d) ? release_decide(k) : OK;
}

/* ---- Status JSON (docs/api.md, "status") ---------------------------------------------------*/

static const char *outcome_text(enum outcome o)
{
	static const char *const text[] = {
		[OUTCOME_ALLOW] = "allow", [OUTCOME_WAIT] = "wait", [OUTCOME_DENY] = "deny"};

	return text[o];
}

static const char *state_text(enum request_state s)
{
	static const char *const text[] = {[STATE_OPEN] = "open",
					   [STATE_COMMITTED] = "committed",
					   [STATE_DONE] = "done",
					   [STATE_CLOSED] = "closed"};

	return text[s];
}

static void put_u64(struct jcan_out *w, const char *key, uint64_t v)
{
	jcan_out_key(w, key);
	jcan_out_u64(w, v);
}

static void put_text(struct jcan_out *w, const char *key, const char *v)
{
	jcan_out_key(w, key);
	jcan_out_string(w, v);
}

static void put_hex(struct jcan_out *w, const char *key, const struct digest *d)
{
	jcan_out_key(w, key);
	jcan_out_hex(w, digest_view(d));
}

static void put_time(struct jcan_out *w, const char *key, unix_time t)
{
	char text[TIME_TEXT] = "";

	rc_ignore(time_format(t, text), "statements hold no other times");
	put_text(w, key, text);
}

/* What the decision's rule has against an approval that is good by itself. */
static enum reason rule_flaw(const struct keeper *k, const struct journal_act *a)
{
	const struct decision *d = &k->dossier.decision;
	const struct principal *p = roster_person(k->roster, &a->person);

	if (!digest_is_equal(&a->rule, &d->rule_digest))
		return REASON_APPROVE_RULE;
	if (d->rule == NULL || p == NULL)
		return REASON_NONE;
	if (!quorum_holds_seat(&d->rule->approve, p, 1u << a->channel))
		return REASON_WHO_CHANNEL;
	if (k->round.now < a->given ||
	    k->round.now - a->given >= (unix_time)d->rule->approval_lifetime)
		return REASON_APPROVE_EXPIRED;
	return d->rule->unsynced && a->synced ? REASON_APPROVE_SYNCED : REASON_NONE;
}

static void put_approvals(const struct keeper *k, struct jcan_out *w)
{
	const struct dossier *d = &k->dossier;

	jcan_out_key(w, "approvals");
	jcan_out_array(w);
	for (size_t i = 0; i < d->act_count; i++) {
		const struct journal_act *a = &d->acts[i];
		enum reason dead = d->dead[i];

		if (a->kind != STATEMENT_APPROVAL)
			continue;
		if (dead == REASON_NONE)
			dead = rule_flaw(k, a);
		jcan_out_object(w);
		put_text(w, "channel", sshkey_channel_name(a->channel));
		put_time(w, "expires", a->expires);
		put_time(w, "given", a->given);
		put_u64(w, "leaf", a->leaf);
		jcan_out_key(w, "live");
		jcan_out_bool(w, dead == REASON_NONE);
		put_text(w, "person", a->person.s);
		if (dead != REASON_NONE)
			put_text(w, "reason", reason_id(dead));
		put_hex(w, "statement", &a->digest);
		jcan_out_object_end(w);
	}
	jcan_out_array_end(w);
}

static void put_checks(const struct decision *d, struct jcan_out *w)
{
	static const char *const text[] = {
		[OUTCOME_ALLOW] = "ok", [OUTCOME_WAIT] = "wait", [OUTCOME_DENY] = "deny"};

	jcan_out_key(w, "checks");
	jcan_out_array(w);
	for (size_t i = 0; i < d->check_count; i++) {
		jcan_out_object(w);
		put_text(w, "outcome", text[d->checks[i].outcome]);
		if (d->checks[i].passes != 0)
			put_time(w, "passes", d->checks[i].passes);
		put_text(w, "reason", reason_id(d->checks[i].reason));
		put_text(w, "text", d->checks[i].text);
		jcan_out_object_end(w);
	}
	jcan_out_array_end(w);
}

void quorum_json(const struct quorum_result *q, struct jcan_out *w)
{
	jcan_out_key(w, "missing");
	jcan_out_array(w);
	for (size_t i = 0; i < q->missing_count; i++) {
		char text[SEAT_TEXT];

		seat_text(&q->missing[i], text);
		jcan_out_string(w, text);
	}
	jcan_out_array_end(w);
}

/* What bound the host's key, for those who make a proof of the request. */
static rc put_host(const struct keeper *k, struct jcan_out *w)
{
	const struct dossier *d = &k->dossier;
	struct journal_statement bound;
	rc r = journal_host_key_get(k->journal, &d->request.host, &d->host_signer, &bound, NULL);

	put_text(w, "host", d->request.host.s);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	put_hex(w, "host_enrolment", &bound.digest);
	put_u64(w, "host_leaf", bound.leaf);
	return OK;
}

/* How the reviews of its uses stand, if any of them broke the glass. */
static rc put_review(const struct keeper *k, struct jcan_out *w)
{
	struct journal_owed_sum sum = {.all = 0};

	if (k->dossier.known)
		TRY(journal_owed_count(k->journal, k->dossier.row.leaf, &sum, NULL));
	if (sum.all == 0)
		return OK;
	jcan_out_key(w, "review");
	jcan_out_object(w);
	if (sum.owed > 0)
		put_time(w, "due", sum.due);
	put_u64(w, "owed", sum.owed);
	put_text(w, "state", sum.owed == 0 ? "done" : k->round.now < sum.due ? "owed" : "overdue");
	jcan_out_object_end(w);
	return OK;
}

/* The entry that let the newest use through: what really decided, whatever policy says now. */
static rc put_authorize(const struct keeper *k, struct jcan_out *w)
{
	const struct dossier *d = &k->dossier;
	struct journal_use use;

	if (!d->known || d->row.spent == 0)
		return OK;
	TRY(journal_use_get(k->journal, d->row.leaf, d->row.spent, &use, NULL));
	put_u64(w, "authorize", use.authorize);
	return OK;
}

static rc status_json(const struct keeper *k, struct buf *out)
{
	const struct dossier *d = &k->dossier;
	const struct decision *dec = &d->decision;
	const char *text = dec->refusal.text;
	struct jcan_out w;

	if (text[0] == '\0')
		text = reason_what(dec->refusal.reason);
	jcan_out_init(&w, out);
	jcan_out_object(&w);
	put_approvals(k, &w);
	TRY(put_authorize(k, &w));
	put_checks(dec, &w);
	put_time(&w, "deadline", d->request.deadline);
	TRY(put_host(k, &w));
	put_u64(&w, "items", d->request.count);
	put_text(&w, "key", d->request.key.s);
	if (d->known)
		put_u64(&w, "leaf", d->row.leaf);
	quorum_json(&dec->quorum, &w);
	put_time(&w, "not_before", d->request.not_before);
	put_text(&w, "outcome", outcome_text(dec->outcome));
	put_text(&w, "reason", reason_id(dec->refusal.reason));
	if (d->request.release != 0)
		put_time(&w, "release", d->request.release);
	put_text(&w, "remedy", reason_remedy(dec->refusal.reason));
	put_hex(&w, "request", &d->row.digest);
	put_text(&w, "requester", d->request.requester.s);
	TRY(put_review(k, &w));
	if (dec->rule != NULL) {
		put_text(&w, "rule", dec->rule->name.s);
		put_hex(&w, "rule_digest", &dec->rule_digest);
	}
	put_text(&w, "state", state_text(d->state));
	put_text(&w, "text", text);
	put_u64(&w, "uses", d->row.uses);
	/* those that may be fetched */
	put_u64(&w, "uses_done", d->row.released ? d->row.done : 0);
	put_u64(&w, "uses_spent", d->row.spent);
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

rc dossier_status(struct call *c, uint64_t leaf)
{
	const struct dossier *d = &c->k->dossier;
	struct keeper_status m = {.request = d->row.digest,
				  .state = d->state,
				  .outcome = (uint8_t)d->decision.outcome,
				  .reason = d->decision.refusal.reason,
				  .uses_spent = d->row.spent,
				  .leaf = leaf};
	AUTO(buf) struct buf json = {0};

	buf_init(&json, KEEPER_STATUS_MAX);
	TRY(status_json(c->k, &json));
	m.json = buf_view(&json);
	keeper_put_status(c->out, c->to.correlation, &m);
	return OK;
}
