/* Policy and roster: the next version, by the quorum of the one in force (P8), or a roster by the
 * recovery keys of the policy in force. */
#include "prog/keeper/changes.h"

#include <stdio.h>

#include "prog/keeper/hosts.h"
#include "prog/keeper/waiting.h"

/* ---- Recovery keys --------------------------------------------------------------------------*/

static const struct sshkey *recovery_key(const struct recovery *r, struct view blob)
{
	for (size_t i = 0; i < r->key_count; i++)
		if (view_is_equal(sshkey_blob(r->keys[i]), blob))
			return r->keys[i];
	return NULL;
}

/* As change_verify, by keys that are nobody's; *ret says how many are missing. */
static rc verify_recovery(struct keeper *k, struct change *ch, struct quorum_result *ret,
			  struct refusal *why)
{
	static const struct name who = {"recovery-keys"};
	const struct recovery *rec = &k->policy->recovery;
	struct hashed statement = {.bytes = ch->m.statement};
	const struct sshkey *by[CHANGE_SIGNATURES_MAX];

	if (rec->need == 0)
		return refuse(why, REASON_CHANGE_RECOVERY, "%s", "the policy has no recovery");
	buf_init(&ch->sigs, JOURNAL_SIGS_MAX);
	for (size_t i = 0; i < ch->m.sig_count; i++) {
		struct sshsig parts;
		struct fault f = {0};

		if (!rc_is_ok(sshsig_parse(ch->m.sigs[i], &parts, &f)))
			return refuse(why, REASON_SIG_ADMIN, "signature %zu: %s", i, f.text);
		by[i] = recovery_key(rec, parts.key_blob);
		if (by[i] == NULL)
			return refuse(why, REASON_CHANGE_RECOVERY,
				      "signature %zu is by no recovery key of the policy", i);
		for (size_t n = 0; n < i; n++)
			if (by[n] == by[i])
				return refuse(why, REASON_APPROVE_DUPLICATE,
					      "signatures %zu and %zu are by one key", n, i);
		TRY(verify_key_sig(k, &(struct signed_by){by[i], &who}, ch->m.kind, &statement,
				   ch->m.sigs[i], REASON_SIG_ADMIN, why));
		ch->sig_digests[i] = digest_of(ch->m.sigs[i]);
		sigs_put(&ch->sigs, ch->m.sigs[i]);
	}
	*ret = (struct quorum_result){.filled = ch->m.sig_count >= rec->need};
	if (!ret->filled) {
		ret->missing[0] =
			(struct seat){.count = rec->need - (uint32_t)ch->m.sig_count, .who = who};
		ret->missing_count = 1;
	}
	return buf_done(&ch->sigs);
}

/* ---- The document ---------------------------------------------------------------------------*/

/* Parses the new document into the round and holds it against the other one in force. */
static rc read_document(struct keeper *k, const struct document_change *doc, uint64_t *ret_version,
			struct refusal *why)
{
	struct round *r = &k->round;
	struct fault f = {0};
	rc e;

	if (doc->kind == STATEMENT_POLICY) {
		e = policy_parse(doc->document, &r->policy, &f);
		if (rc_is_ok(e))
			e = policy_check_zones(r->policy, &k->zones, &f);
		if (rc_is_ok(e))
			*ret_version = r->policy->version;
	} else {
		e = roster_parse(doc->document, &r->roster, &f);
		if (rc_is_ok(e))
			*ret_version = r->roster->version;
	}
	if (rc_is_ok(e))
		e = waiting_fits(k, r->policy, r->roster, &f);
	if (rc_is_ok(e) || e.code == RC_NOMEM)
		return e;
	return refuse(why, REASON_CHANGE_INVALID, "%s", f.text);
}

/* One that waits already. */
static rc refuse_waiting(const struct journal_waiting *w, struct refusal *why)
{
	char due[TIME_TEXT] = "";

	rc_ignore(time_format(w->due, due), "then without the time");
	if (w->kind == STATEMENT_RECOVERY)
		return refuse(why, REASON_CHANGE_RECOVERY,
			      "roster version %llu of the recovery keys is in force at %s, unless "
			      "the quorum of change objects",
			      (unsigned long long)w->version, due);
	return refuse(why, REASON_CHANGE_DELAY, "%s version %llu is accepted and in force at %s",
		      statement_info(w->document)->name, (unsigned long long)w->version, due);
}

/* What is about to be changed, and how long that waits. */
struct plan {
	enum statement_kind document;
	const struct document_change *doc;
	uint64_t version;
	uint64_t delay;
};

/* Against what is in force and what waits. */
static rc plan_document(struct keeper *k, const struct document_change *doc, struct plan *ret,
			struct refusal *why)
{
	bool policy = doc->kind == STATEMENT_POLICY;
	const struct digest *in_force = policy ? &k->policy->digest : &k->roster->digest;
	uint64_t current = policy ? k->policy->version : k->roster->version;
	struct plan p = {.document = policy ? STATEMENT_POLICY : STATEMENT_ROSTER, .doc = doc};
	const struct journal_waiting *w = waiting_of(k, p.document);

	p.delay = doc->kind == STATEMENT_RECOVERY ? k->policy->recovery.delay
						  : k->policy->change_delay;
	if (!digest_is_equal(&doc->previous, in_force))
		return refuse(why, REASON_CHANGE_PREVIOUS, "version %llu is in force",
			      (unsigned long long)current);
	if (w != NULL)
		return refuse_waiting(w, why);
	TRY(read_document(k, doc, &p.version, why));
	if (p.version != current + 1)
		return refuse(why, REASON_CHANGE_VERSION, "version %llu is in force, not %llu",
			      (unsigned long long)current, (unsigned long long)p.version - 1);
	*ret = p;
	return OK;
}

static const char *action_of(const struct plan *p)
{
	return p->doc->kind == STATEMENT_RECOVERY ? "roster.recovery"
						  : statement_info(p->document)->name;
}

static rc put_in_force(struct call *c, struct change *ch, const struct plan *p)
{
	struct keeper *k = c->k;
	struct change_answer a = {.kind = p->doc->kind, .id = ch->id, .object = &p->doc->digest};
	struct leaf leaf;

	if (p->document == STATEMENT_ROSTER)
		TRY(hosts_prune(k, k->round.roster, &c->why));
	change_leaf(k, ch, action_of(p), &leaf);
	leaf.object = p->doc->digest;
	TRY(change_store(k, ch, &leaf, &a.leaf));
	TRY(journal_document_add(
		k->journal,
		&(struct journal_document){p->document, p->version, a.leaf, p->doc->digest},
		&k->round.fault));
	if (p->document == STATEMENT_ROSTER)
		TRY(access_prune(k, k->round.roster, &ch->id, a.leaf));
	k->round.full = true;
	return change_reply(c, &a);
}

/* Its signatures are kept now; it comes into force later, with a round of its own (waiting.c). */
static rc let_wait(struct call *c, struct change *ch, const struct plan *p)
{
	struct keeper *k = c->k;
	struct journal_waiting w = {.document = p->document,
				    .kind = p->doc->kind,
				    .version = p->version,
				    .statement = ch->id,
				    .digest = p->doc->digest,
				    .given = k->round.now,
				    .due = k->round.now + (unix_time)p->delay};
	struct change_answer a = {
		.kind = p->doc->kind, .id = ch->id, .object = &p->doc->digest, .due = w.due};
	char action[32];
	struct leaf leaf;

	if (p->document == STATEMENT_ROSTER)
		TRY(hosts_check(k, k->round.roster, &c->why));
	(void)snprintf(action, sizeof(action), "%s.accepted", action_of(p));
	change_leaf(k, ch, action, &leaf);
	leaf.object = p->doc->digest;
	TRY(change_store(k, ch, &leaf, &w.leaf));
	TRY(journal_waiting_add(k->journal, &w, &k->round.fault));
	round_forget_documents(&k->round);
	k->round.waiting = true;
	k->round.full = true;
	a.leaf = w.leaf;
	return change_reply(c, &a);
}

static rc apply_document(struct call *c, struct change *ch, const struct document_change *doc)
{
	struct keeper *k = c->k;
	struct quorum_result q;
	struct plan p = {.doc = doc};
	rc r;

	if (doc->kind == STATEMENT_RECOVERY)
		TRY(verify_recovery(k, ch, &q, &c->why));
	else
		TRY(change_verify(k, ch, &c->why));
	TRY(plan_document(k, doc, &p, &c->why));
	if (doc->kind == STATEMENT_RECOVERY)
		r = q.filled ? OK : RC(RC_STATE);
	else
		r = change_quorum(k, ch, &k->policy->change, &q);
	if (r.code == RC_STATE)
		return change_missing(c, ch, &q);
	TRY(r);
	return p.delay == 0 ? put_in_force(c, ch, &p) : let_wait(c, ch, &p);
}

rc change_document(struct call *c, struct change *ch)
{
	struct keeper *k = c->k;
	struct document_change doc;
	struct fault f = {0};
	rc r = document_change_parse(ch->m.kind, ch->m.statement, &doc, &f);

	if (!rc_is_ok(r))
		return refuse_form(&c->why, r, &f);
	if (doc.expires < k->round.now)
		return refuse(&c->why, REASON_CHANGE_EXPIRED, "%s", "");
	r = apply_document(c, ch, &doc);
	if (!k->round.full)
		round_forget_documents(&k->round);
	return r;
}

rc change_document_again(struct call *c, const struct change *ch,
			 const struct journal_statement *known)
{
	struct keeper *k = c->k;
	const struct journal_waiting *w = waiting_by_statement(k, &ch->id);
	struct change_answer a = {.kind = known->kind, .id = ch->id, .leaf = known->leaf};
	bool in_force;

	if (w != NULL)
		a.due = w->due;
	TRY(journal_document_is_at(k->journal, known->leaf, &in_force, &k->round.fault));
	if (!in_force && w == NULL)
		return refuse(&c->why, REASON_CHANGE_OBJECTION, "%s",
			      "it was accepted, and stopped before it was in force");
	return change_reply(c, &a);
}
