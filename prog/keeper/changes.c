/* What changes the keeper itself: signatures and quorums of all kinds; keys, hosts. */
#include "prog/keeper/changes.h"

#include <stdio.h>
#include <string.h>

#include "lib/model/change_life.h"
#include "prog/keeper/hosts.h"
#include "prog/keeper/waiting.h"

/* A person signs once in each channel. */
static rc count_signer(struct change *ch, const struct principal *p, enum sshkey_channel channel,
		       struct refusal *why)
{
	unsigned bit = 1u << channel;

	for (size_t i = 0; i < ch->people_count; i++) {
		if (!name_is_equal(&ch->people[i].name, &p->name))
			continue;
		if ((ch->people[i].channels & bit) != 0)
			return refuse(why, REASON_APPROVE_DUPLICATE, "%s signed twice", p->name.s);
		ch->people[i].channels |= bit;
		return OK;
	}
	ch->people[ch->people_count++] = (struct voter){p->name, bit};
	return OK;
}

rc change_verify(struct keeper *k, struct change *ch, struct refusal *why)
{
	struct hashed statement = {.bytes = ch->m.statement};

	buf_init(&ch->sigs, JOURNAL_SIGS_MAX);
	for (size_t i = 0; i < ch->m.sig_count; i++) {
		const struct principal *p;
		struct good_sig signer;
		struct sshsig parts;
		struct fault f = {0};

		if (!rc_is_ok(sshsig_parse(ch->m.sigs[i], &parts, &f)))
			return refuse(why, REASON_SIG_ADMIN, "signature %zu: %s", i, f.text);
		p = roster_person_by_key(k->roster, parts.key_blob);
		if (p == NULL)
			return refuse(why, REASON_SIG_ADMIN,
				      "signature %zu is by a key that the roster does not list", i);
		TRY(verify_by(k, p, ch->m.kind, &statement, ch->m.sigs[i], REASON_SIG_ADMIN,
			      &signer, why));
		TRY(count_signer(ch, p, signer.channel, why));
		ch->sig_digests[i] = digest_of(ch->m.sigs[i]);
		sigs_put(&ch->sigs, ch->m.sigs[i]);
	}
	return buf_done(&ch->sigs);
}

rc change_quorum(struct keeper *k, struct change *ch, const struct quorum_spec *spec,
		 struct quorum_result *ret)
{
	ch->seats = spec;
	TRY(quorum_solve(spec, k->roster, ch->people, ch->people_count, NULL, ret));
	return ret->filled ? OK : RC(RC_STATE);
}

rc change_reply(struct call *c, const struct change_answer *a)
{
	AUTO(buf) struct buf json = {0};

	buf_init(&json, KEEPER_STATUS_MAX);
	change_json(a, &json);
	TRY(buf_done(&json));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_CHANGE, buf_view(&json));
	return OK;
}

rc change_missing(struct call *c, const struct change *ch, const struct quorum_result *q)
{
	struct change_idle idle[CHANGE_SIGNATURES_MAX];
	struct change_answer a = {
		.kind = ch->m.kind, .id = ch->id, .leaf = UINT64_MAX, .missing = q, .idle = idle};

	for (size_t i = 0; ch->seats != NULL && i < ch->people_count; i++) {
		const struct voter *v = &ch->people[i];

		/* Whose it is has signed to ask. */
		if (q->seated[i] || (ch->asks != NULL && name_is_equal(&v->name, ch->asks)))
			continue;
		idle[a.idle_count].person = v->name;
		quorum_unseated(ch->seats, c->k->roster, v, ch->asks, &idle[a.idle_count++].why);
	}
	c->k->refused[REASON_CHANGE_QUORUM]++;
	return change_reply(c, &a);
}

void change_leaf(const struct keeper *k, const struct change *ch, const char *action,
		 struct leaf *leaf)
{
	*leaf = (struct leaf){.kind = LEAF_ADMIN,
			      .time = k->round.now,
			      .statement = ch->id,
			      .approval_count = ch->m.sig_count};
	memcpy(leaf->approvals, ch->sig_digests, ch->m.sig_count * sizeof(leaf->approvals[0]));
	(void)snprintf(leaf->action, sizeof(leaf->action), "%s", action);
}
_Static_assert(CHANGE_SIGNATURES_MAX <= LEAF_APPROVALS_MAX, "every signature fits the leaf");

rc change_store(struct keeper *k, const struct change *ch, struct leaf *leaf, uint64_t *ret_index)
{
	struct journal_statement st = {.kind = ch->m.kind, .digest = ch->id};
	struct fault *f = &k->round.fault;

	TRY(ledger_append(&k->ledger, leaf, ret_index, f));
	st.leaf = *ret_index;
	return journal_statement_add(k->journal, &st, ch->m.statement, buf_view(&ch->sigs), f);
}

/* ---- Keys ----------------------------------------------------------------------------------*/

static void action_text(enum key_action action, char out[32])
{
	struct buf b;

	buf_init_fixed(&b, out, 31);
	buf_printf(&b, "key.%s", key_action_name(action));
	out[b.len] = '\0';
}

/* ---- Which certificate is the newest --------------------------------------------------------*/

/* Under this name, which is nobody's, the journal has for each key the entry that gave it its
 * certificate: a bar to what was made before. */
static const struct name certificates = {"*certificate"};

static bool gives_certificate(enum key_action action)
{
	return action == KEY_IMPORT || action == KEY_SELF_SIGN;
}

/* The time of the newest entry that gave the key a certificate, or locked it. RC_NOTFOUND. */
static rc barred_at(struct keeper *k, const struct name *key, uint64_t *ret_leaf, unix_time *ret)
{
	AUTO(buf) struct buf body = {0};
	struct fault *f = &k->round.fault;
	struct leaf leaf;

	buf_init(&body, LEAF_BYTES_MAX);
	TRY(journal_bar_get(k->journal, key, &certificates, ret_leaf, f));
	TRY(journal_leaf_get(k->journal, *ret_leaf, NULL, &body, f));
	TRY(leaf_parse(buf_view(&body), &leaf, f));
	*ret = leaf.time;
	return OK;
}

/* Whoever carries statements can keep one back and put an older certificate in the place of a
 * newer one with it. As with an unlock, `expires` says when it was made. */
static rc check_newest(struct keeper *k, const struct key_change *c, struct refusal *why)
{
	unix_time made = c->expires - CHANGE_LIFE;
	unix_time barred = 0;
	uint64_t leaf = 0;
	rc r;

	if (made > k->round.now + UNLOCK_AHEAD)
		return refuse(why, REASON_CHANGE_INVALID,
			      "an order for a certificate expires 7 days after it was made, not "
			      "later");
	r = barred_at(k, &c->key, &leaf, &barred);
	if (r.code == RC_NOTFOUND || (rc_is_ok(r) && made >= barred))
		return OK;
	TRY(r);
	return refuse(why, REASON_CHANGE_INVALID,
		      "entry %llu of the log, which came after this was made, gave key %s a "
		      "certificate or locked it: make it anew",
		      (unsigned long long)leaf, c->key.s);
}

static rc change_fast(struct call *c, struct change *ch, const struct key_order *o)
{
	struct keeper *k = c->k;
	const struct key *key = keyring_find(k->keyring, &o->change->key);
	struct change_answer a = {.kind = STATEMENT_KEYADMIN, .id = ch->id};
	char action[32];
	struct leaf leaf;

	/* A committed use names the certificate that its bytes are made with. */
	if (o->change->action == KEY_IMPORT && key != NULL && uses_in_flight(k, key))
		return refuse(&c->why, REASON_KEEPER_BUSY, "%s is signing", o->change->key.s);
	TRY(keyring_plan(k->keyring, o, &k->round.row, &c->why));
	action_text(o->change->action, action);
	change_leaf(k, ch, action, &leaf);
	leaf.object = k->round.row.fingerprint;
	TRY(change_store(k, ch, &leaf, &a.leaf));
	TRY(key_row_store(k, &k->round.row, &k->round.fault));
	if (o->change->action == KEY_LOCK)
		TRY(access_bar_key(k, &o->change->key, a.leaf));
	if (gives_certificate(o->change->action))
		TRY(journal_bar_put(k->journal, &o->change->key, &certificates, a.leaf,
				    &k->round.fault));
	a.object = &k->round.row.fingerprint;
	k->round.has_row = true;
	k->round.full = true;
	return change_reply(c, &a);
}

/* The round ends after it, so that there is at most one a round. */
static rc start_work(struct call *c, struct key_job *job, enum key_work_kind kind,
		     struct key_work **ret)
{
	struct keeper *k = c->k;
	struct key_work *w;
	rc r;

	if (k->key_work_count == KEY_WORKS_MAX) {
		key_job_free(job);
		return refuse(&c->why, REASON_KEEPER_BUSY, "%u key jobs", KEY_WORKS_MAX);
	}
	r = key_work_new(job, kind, &w);
	if (!rc_is_ok(r)) {
		key_job_free(job);
		return r;
	}
	r = key_work_await(c, w, &c->why);
	if (!rc_is_ok(r)) {
		key_work_free(w);
		return r;
	}
	k->round.key_work = w;
	k->round.full = true;
	*ret = w;
	return OK;
}

static rc change_slow(struct call *c, struct change *ch, const struct key_order *o, bool repeated)
{
	struct keeper *k = c->k;
	enum key_action action = o->change->action;
	const struct key *key = keyring_find(k->keyring, &o->change->key);
	struct key_work *w;
	struct key_job *job;
	char text[32];

	if (action == KEY_SELF_SIGN && key != NULL && uses_in_flight(k, key))
		return refuse(&c->why, REASON_KEEPER_BUSY, "%s is signing", o->change->key.s);
	TRY(key_job_new(k->keyring, o, &job, &c->why));
	TRY(start_work(c, job, action == KEY_CREATE ? KEY_WORK_CREATE : KEY_WORK_SELF_SIGN, &w));
	w->digest = ch->id;
	buf_put_view(&w->statement, ch->m.statement);
	buf_put_view(&w->sigs, buf_view(&ch->sigs));
	TRY(buf_done(&w->statement));
	TRY(buf_done(&w->sigs));
	action_text(action, text);
	change_leaf(k, ch, text, &w->leaf);
	w->leaf_index = UINT64_MAX;
	/* Self-signing uses the key: its leaf is durable first (P4). */
	if (action == KEY_CREATE || repeated)
		return OK;
	w->leaf.object = *key_fingerprint(key);
	TRY(change_store(k, ch, &w->leaf, &w->leaf_index));
	return journal_bar_put(k->journal, &o->change->key, &certificates, w->leaf_index,
			       &k->round.fault);
}

/* One person can lock a key, any of the roster: being wrong costs an unlock. */
static rc key_quorum(struct keeper *k, struct change *ch, enum key_action action,
		     struct quorum_result *ret)
{
	switch (action) {
	case KEY_LOCK:
		memset(ret, 0, sizeof(*ret));
		ret->filled = ch->m.sig_count > 0;
		return ret->filled ? OK : RC(RC_STATE);
	case KEY_UNLOCK:
		return change_quorum(k, ch, &k->policy->unlock, ret);
	case KEY_CREATE:
	case KEY_IMPORT:
	case KEY_SELF_SIGN:
	case KEY_RETIRE:
	case KEY_ACTION__COUNT:
		break;
	}
	return change_quorum(k, ch, &k->policy->admin, ret);
}

static rc read_key_change(struct call *c, const struct change *ch, struct key_change *ret)
{
	struct keeper *k = c->k;
	struct fault f = {0};
	rc r = key_change_parse(ch->m.statement, ret, &f);

	if (!rc_is_ok(r))
		return refuse_form(&c->why, r, &f);
	TRY(check_origin(k, ret->origin, &c->why));
	if (ret->expires < k->round.now)
		return refuse(&c->why, REASON_CHANGE_EXPIRED, "%s", "");
	return OK;
}

static rc change_key(struct call *c, struct change *ch, bool repeated)
{
	struct keeper *k = c->k;
	struct key_change change;
	struct key_order o = {.change = &change, .statement = ch->id, .now = k->round.now};
	struct quorum_result q;
	rc r;

	TRY(read_key_change(c, ch, &change));
	TRY(change_verify(k, ch, &c->why));
	r = key_quorum(k, ch, change.action, &q);
	if (r.code == RC_STATE)
		return change_missing(c, ch, &q);
	TRY(r);
	if (gives_certificate(change.action) && !repeated)
		TRY(check_newest(k, &change, &c->why));
	if (key_action_is_slow(change.action))
		return change_slow(c, ch, &o, repeated);
	return change_fast(c, ch, &o);
}

/* ---- Hosts ---------------------------------------------------------------------------------*/

static rc host_quorum(struct keeper *k, struct change *ch, enum host_action action,
		      struct quorum_result *ret)
{
	static const enum key_action like[] = {[HOST_INVITE] = KEY_CREATE,
					       [HOST_LOCK] = KEY_LOCK,
					       [HOST_UNLOCK] = KEY_UNLOCK,
					       [HOST_FORGET] = KEY_RETIRE};
	_Static_assert(sizeof(like) / sizeof(like[0]) == HOST_ACTION__COUNT, "one for each");

	return key_quorum(k, ch, like[action], ret);
}

static rc change_host(struct call *c, struct change *ch)
{
	struct keeper *k = c->k;
	struct change_answer a = {.kind = STATEMENT_HOSTADMIN, .id = ch->id};
	struct host_change change;
	struct journal_host row;
	struct quorum_result q;
	struct fault f = {0};
	struct leaf leaf;
	char action[32];
	rc r = host_change_parse(ch->m.statement, &change, &f);

	if (!rc_is_ok(r))
		return refuse_form(&c->why, r, &f);
	TRY(check_origin(k, change.origin, &c->why));
	if (change.expires < k->round.now)
		return refuse(&c->why, REASON_CHANGE_EXPIRED, "%s", "");
	TRY(change_verify(k, ch, &c->why));
	r = host_quorum(k, ch, change.action, &q);
	if (r.code == RC_STATE)
		return change_missing(c, ch, &q);
	TRY(r);
	TRY(hosts_plan(k, &change, &row, &c->why));
	(void)snprintf(action, sizeof(action), "host.%s", host_action_name(change.action));
	change_leaf(k, ch, action, &leaf);
	leaf.object = digest_of(name_view(&change.host));
	TRY(change_store(k, ch, &leaf, &a.leaf));
	TRY(hosts_store(k, &change, &row, a.leaf));
	return change_reply(c, &a);
}

/* A self-signing has its leaf before its certificate (P4); where a crash or the token came between,
 * it is run once more. Not over another certificate: that may have come later. */
static rc check_unfinished(struct keeper *k, const struct change *ch, bool *ret,
			   struct refusal *why)
{
	struct key_change change;
	const struct key *key;

	*ret = false;
	if (ch->m.kind != STATEMENT_KEYADMIN ||
	    !rc_is_ok(key_change_parse(ch->m.statement, &change, NULL)) ||
	    change.action != KEY_SELF_SIGN)
		return OK;
	key = keyring_find(k->keyring, &change.key);
	if (key == NULL || key_is_self_signed_by(key, &ch->id))
		return OK;
	if (key_tbs(key) != NULL)
		return refuse(why, REASON_CHANGE_INVALID,
			      "key %s has another certificate: this order failed or was replaced",
			      change.key.s);
	*ret = true;
	return OK;
}

static bool is_document(enum statement_kind kind)
{
	return kind == STATEMENT_POLICY || kind == STATEMENT_ROSTER || kind == STATEMENT_RECOVERY;
}

rc handle_change(struct call *c)
{
	struct keeper *k = c->k;
	AUTO(change) struct change ch = {0};
	struct journal_statement known;
	bool unfinished = false;
	rc r = keeper_get_change(c->body, &ch.m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (!is_document(ch.m.kind) && ch.m.kind != STATEMENT_KEYADMIN &&
	    ch.m.kind != STATEMENT_HOSTADMIN && ch.m.kind != STATEMENT_OBJECTION &&
	    ch.m.kind != STATEMENT_ACCESS)
		return malformed(c, RC(RC_UNKNOWN));
	ch.id = digest_of(ch.m.statement);
	r = journal_statement_get(k->journal, &ch.id, &known, NULL, NULL, &k->round.fault);
	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	if (rc_is_ok(r))
		TRY(check_unfinished(k, &ch, &unfinished, &c->why));
	if (rc_is_ok(r) && is_document(known.kind))
		return change_document_again(c, &ch, &known);
	if (rc_is_ok(r) && !unfinished) {
		struct change_answer a = {.kind = known.kind, .id = ch.id, .leaf = known.leaf};

		return change_reply(c, &a);
	}
	if (ch.m.kind == STATEMENT_KEYADMIN)
		return change_key(c, &ch, rc_is_ok(r));
	if (ch.m.kind == STATEMENT_HOSTADMIN)
		return change_host(c, &ch);
	if (ch.m.kind == STATEMENT_OBJECTION)
		return waiting_object(c, &ch);
	if (ch.m.kind == STATEMENT_ACCESS)
		return change_access(c, &ch);
	return change_document(c, &ch);
}

/* It is the one message that writes an entry and that nobody has signed: whoever holds the socket
 * must not fill the log with it. */
#define CSR_MAX 20u
#define CSR_SECONDS 3600

static rc count_csr(struct keeper *k, struct refusal *why)
{
	unix_time now = k->round.now;
	char text[TIME_TEXT] = "?";
	unix_time first;
	unsigned count;

	TRY(journal_csr_count(k->journal, now - CSR_SECONDS, &count, &first, &k->round.fault));
	if (count < CSR_MAX)
		return OK;
	rc_ignore(time_format(first + CSR_SECONDS, text), "then the text has a ?");
	return refuse(why, REASON_KEEPER_BUSY, "%u certificate requests in an hour; more at %s",
		      CSR_MAX, text);
}

/* A certificate request uses the key, so the log has a line of it first. */
rc handle_csr(struct call *c)
{
	struct keeper *k = c->k;
	struct view in[2];
	struct key_job *job;
	struct key_work *w;
	struct name name;
	struct digest note;
	rc r = keeper_get_strings(c->body, in, 2);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (!rc_is_ok(name_parse(in[0], &name)))
		return refuse(&c->why, REASON_KEY_UNKNOWN, "%s", "not a name");
	TRY(count_csr(k, &c->why));
	TRY(key_job_csr(k->keyring, &name, in[1], &job, &c->why));
	TRY(start_work(c, job, KEY_WORK_CSR, &w));
	note = digest_of(c->body);
	TRY(keeper_log_leaf(k, "csr", &note, &k->round.fault));
	return journal_csr_add(k->journal, k->round.now, k->round.now - CSR_SECONDS,
			       &k->round.fault);
}
