#include "prog/keeper/waiting.h"

#include <stdio.h>

#include "lib/base/log.h"
#include "lib/codec/jcan.h"
#include "lib/model/field.h"
#include "lib/model/objection.h"
#include "prog/keeper/hosts.h"

rc waiting_load(struct keeper *k, struct fault *f)
{
	return journal_waiting_list(k->journal, k->waiting, &k->waiting_count, f);
}

const struct journal_waiting *waiting_of(const struct keeper *k, enum statement_kind document)
{
	for (size_t i = 0; i < k->waiting_count; i++)
		if (k->waiting[i].document == document)
			return &k->waiting[i];
	return NULL;
}

const struct journal_waiting *waiting_by_statement(const struct keeper *k,
						   const struct digest *statement)
{
	for (size_t i = 0; i < k->waiting_count; i++)
		if (digest_is_equal(&k->waiting[i].statement, statement))
			return &k->waiting[i];
	return NULL;
}

rc waiting_parse(struct keeper *k, const struct journal_waiting *w, struct policy **ret_policy,
		 struct roster **ret_roster, struct fault *f)
{
	AUTO(buf) struct buf body = {0};
	struct journal_statement st;
	struct document_change doc;

	buf_init(&body, DOCUMENT_BYTES_MAX);
	TRY(journal_statement_get(k->journal, &w->statement, &st, &body, NULL, f));
	TRY(document_change_parse(w->kind, buf_view(&body), &doc, f));
	return w->document == STATEMENT_POLICY ? policy_parse(doc.document, ret_policy, f)
					       : roster_parse(doc.document, ret_roster, f);
}

rc waiting_fits(struct keeper *k, const struct policy *policy, const struct roster *roster,
		struct fault *f)
{
	AUTO(policy) struct policy *next_policy = NULL;
	AUTO(roster) struct roster *next_roster = NULL;
	const struct policy *p = policy != NULL ? policy : k->policy;
	const struct roster *r = roster != NULL ? roster : k->roster;
	const struct journal_waiting *w =
		waiting_of(k, policy != NULL ? STATEMENT_ROSTER : STATEMENT_POLICY);
	rc e;

	TRY(policy_check(p, r, f));
	if (w == NULL)
		return OK;
	TRY(waiting_parse(k, w, &next_policy, &next_roster, f));
	e = policy_check(next_policy != NULL ? next_policy : p,
			 next_roster != NULL ? next_roster : r, f);
	return rc_is_ok(e) ? OK
			   : fault_wrap(f, e, "with the %s version %llu that is accepted already",
					statement_info(w->document)->name,
					(unsigned long long)w->version);
}

/* ---- In force -------------------------------------------------------------------------------*/

static const struct journal_waiting *first_due(const struct keeper *k)
{
	const struct journal_waiting *first = NULL;

	for (size_t i = 0; i < k->waiting_count; i++) {
		const struct journal_waiting *w = &k->waiting[i];

		if (w->due <= k->round.now && (first == NULL || w->due < first->due))
			first = w;
	}
	return first;
}

bool waiting_is_due(const struct keeper *k)
{
	return first_due(k) != NULL;
}

static rc note(struct keeper *k, const struct journal_waiting *w, const char *action,
	       uint64_t *ret_index, struct fault *f)
{
	struct leaf leaf = {.kind = LEAF_ADMIN,
			    .time = k->round.now,
			    .statement = w->statement,
			    .object = w->digest};

	(void)snprintf(leaf.action, sizeof(leaf.action), "%s%s",
		       w->kind == STATEMENT_RECOVERY ? "roster.recovery"
						     : statement_info(w->document)->name,
		       action);
	TRY(ledger_append(&k->ledger, &leaf, ret_index, f));
	return journal_waiting_delete(k->journal, w->document, f);
}

/* What was good when it was accepted may have lost its ground: a host has enrolled with a key that
 * the roster gives to somebody. Then it never comes into force, and the log says so. */
static rc still_fits(struct keeper *k, struct fault *f)
{
	struct round *r = &k->round;
	struct refusal why = {0};
	rc e = policy_check(r->policy != NULL ? r->policy : k->policy,
			    r->roster != NULL ? r->roster : k->roster, f);

	if (!rc_is_ok(e) || r->roster == NULL)
		return e;
	e = hosts_prune(k, r->roster, &why);
	return e.code == RC_DENIED ? fault_set(f, RC_DENIED, 0, "%s", why.text) : e;
}

static bool is_misfit(rc e)
{
	return e.code == RC_DENIED || e.code == RC_NOTFOUND || e.code == RC_LIMIT;
}

static rc put_in_force(struct keeper *k, const struct journal_waiting *w, struct fault *f)
{
	struct round *r = &k->round;
	uint64_t index;
	rc e;

	r->full = true;
	r->waiting = true;
	TRY(waiting_parse(k, w, &r->policy, &r->roster, f));
	e = still_fits(k, f);
	if (is_misfit(e)) {
		log_err("%s version %llu is not put in force: %s",
			statement_info(w->document)->name, (unsigned long long)w->version, f->text);
		round_forget_documents(r);
		*f = (struct fault){.code = RC_OK};
		return note(k, w, ".void", &index, f);
	}
	TRY(e);
	TRY(note(k, w, "", &index, f));
	if (r->roster != NULL)
		TRY(access_prune(k, r->roster, &w->statement, index));
	log_info("%s version %llu is in force", statement_info(w->document)->name,
		 (unsigned long long)w->version);
	return journal_document_add(
		k->journal, &(struct journal_document){w->document, w->version, w->leaf, w->digest},
		f);
}

rc waiting_run(struct keeper *k, int64_t mono, struct fault *f)
{
	const struct journal_waiting *w = first_due(k);

	if (w == NULL || k->ledger.lagging || k->round.now < k->ledger.head.time ||
	    mono < k->waiting_retry)
		return OK;
	k->waiting_retry = mono + RETRY_SECONDS; /* unless the round succeeds */
	return put_in_force(k, w, f);
}

/* ---- Objections -----------------------------------------------------------------------------*/

/* One person of the change quorum stops what that quorum has accepted; against a recovery, whose
 * keys are nobody's, stands the whole of it, so that one stolen key cannot keep the thief in. */
static rc objection_quorum(struct keeper *k, struct change *ch, const struct journal_waiting *w,
			   struct quorum_result *ret, struct refusal *why)
{
	const struct quorum_spec *spec = &k->policy->change;

	for (size_t i = 0; i < ch->people_count; i++) {
		const struct voter *v = &ch->people[i];
		const struct principal *p = roster_person(k->roster, &v->name);

		if (p == NULL || !quorum_holds_seat(spec, p, v->channels))
			return refuse(why, REASON_WHO_SEAT, "%s holds no seat of change",
				      v->name.s);
	}
	if (w->kind == STATEMENT_RECOVERY)
		return change_quorum(k, ch, spec, ret);
	*ret = (struct quorum_result){.filled = ch->people_count > 0};
	return ret->filled ? OK : RC(RC_STATE);
}

rc waiting_object(struct call *c, struct change *ch)
{
	struct keeper *k = c->k;
	struct change_answer a = {.kind = STATEMENT_OBJECTION, .id = ch->id};
	const struct journal_waiting *w;
	struct quorum_result q;
	struct objection o;
	struct fault f = {0};
	struct leaf leaf;
	char action[32];
	rc r = objection_parse(ch->m.statement, &o, &f);

	if (!rc_is_ok(r))
		return refuse_form(&c->why, r, &f);
	if (o.expires < k->round.now)
		return refuse(&c->why, REASON_CHANGE_EXPIRED, "%s", "");
	w = waiting_by_statement(k, &o.change);
	if (w == NULL)
		return refuse(&c->why, REASON_CHANGE_OBJECTION, "%s",
			      "no policy or roster waits that this change has brought");
	TRY(change_verify(k, ch, &c->why));
	r = objection_quorum(k, ch, w, &q, &c->why);
	if (r.code == RC_STATE)
		return change_missing(c, ch, &q);
	TRY(r);
	(void)snprintf(action, sizeof(action), "%s.objection", statement_info(w->document)->name);
	change_leaf(k, ch, action, &leaf);
	leaf.object = w->digest;
	TRY(change_store(k, ch, &leaf, &a.leaf));
	TRY(journal_waiting_delete(k->journal, w->document, &k->round.fault));
	k->round.waiting = true;
	k->round.full = true;
	a.object = &o.change;
	return change_reply(c, &a);
}

/* ---- List -----------------------------------------------------------------------------------*/

static void put_waiting(const struct journal_waiting *w, struct jcan_out *out)
{
	jcan_out_object(out);
	field_out_time(out, "accepted", w->given);
	field_out_digest(out, "document", &w->digest);
	field_out_time(out, "due", w->due);
	field_out_digest(out, "id", &w->statement);
	field_out_string(out, "kind", statement_info(w->kind)->name);
	field_out_u64(out, "leaf", w->leaf);
	field_out_u64(out, "version", w->version);
	jcan_out_object_end(out);
}

rc handle_pending(struct call *c)
{
	const struct keeper *k = c->k;
	AUTO(buf) struct buf json = {0};
	struct jcan_out w;
	struct view in;
	rc r = keeper_get_strings(c->body, &in, 1);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (in.len > 0 && !view_is(in, "policy") && !view_is(in, "roster"))
		return malformed(c, RC(RC_UNKNOWN));
	buf_init(&json, 4096);
	jcan_out_init(&w, &json);
	jcan_out_object(&w);
	jcan_out_key(&w, "pending");
	jcan_out_array(&w);
	for (size_t i = 0; i < k->waiting_count; i++)
		if (in.len == 0 || view_is(in, statement_info(k->waiting[i].document)->name))
			put_waiting(&k->waiting[i], &w);
	jcan_out_array_end(&w);
	jcan_out_object_end(&w);
	TRY(jcan_out_done(&w));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}
