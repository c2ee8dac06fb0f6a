/* Policy and roster: the next version, by the quorum of the one in force (P8). */
#include "prog/keeper/changes.h"

#include "prog/keeper/hosts.h"

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
		e = policy_check(r->policy != NULL ? r->policy : k->policy,
				 r->roster != NULL ? r->roster : k->roster, &f);
	if (rc_is_ok(e) || e.code == RC_NOMEM)
		return e;
	return refuse(why, REASON_CHANGE_INVALID, "%s", f.text);
}

static rc apply_document(struct call *c, struct change *ch, const struct document_change *doc)
{
	struct keeper *k = c->k;
	bool policy = doc->kind == STATEMENT_POLICY;
	const struct digest *in_force = policy ? &k->policy->digest : &k->roster->digest;
	uint64_t current = policy ? k->policy->version : k->roster->version;
	struct change_answer a = {.kind = doc->kind, .id = ch->id, .object = &doc->digest};
	struct quorum_result q;
	struct leaf leaf;
	uint64_t version = 0;
	rc r;

	if (!digest_is_equal(&doc->previous, in_force))
		return refuse(&c->why, REASON_CHANGE_PREVIOUS, "version %llu is in force",
			      (unsigned long long)current);
	TRY(read_document(k, doc, &version, &c->why));
	if (version != current + 1)
		return refuse(&c->why, REASON_CHANGE_VERSION, "version %llu is in force, not %llu",
			      (unsigned long long)current, (unsigned long long)version - 1);
	r = change_quorum(k, ch, &k->policy->change, &q);
	if (r.code == RC_STATE)
		return change_missing(c, ch, &q);
	TRY(r);
	if (!policy)
		TRY(hosts_prune(k, k->round.roster, &c->why));
	change_leaf(k, ch, policy ? "policy" : "roster", &leaf);
	leaf.object = doc->digest;
	TRY(change_store(k, ch, &leaf, &a.leaf));
	TRY(journal_document_add(
		k->journal, &(struct journal_document){doc->kind, version, a.leaf, doc->digest},
		&k->round.fault));
	k->round.full = true;
	return change_reply(c, &a);
}

static void forget_documents(struct round *r)
{
	policy_free(r->policy);
	roster_free(r->roster);
	r->policy = NULL;
	r->roster = NULL;
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
	TRY(change_verify(k, ch, &c->why));
	r = apply_document(c, ch, &doc);
	if (!k->round.full)
		forget_documents(&k->round);
	return r;
}
