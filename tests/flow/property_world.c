#include "tests/flow/property_world.h"

#include <string.h>
#include <unistd.h>

#include "lib/crypt/dsse.h"
#include "lib/crypt/pkey.h"
#include "lib/model/access.h"
#include "lib/model/enrolment.h"
#include "lib/model/host_token.h"
#include "lib/model/preapproval.h"
#include "lib/model/provenance.h"
#include "lib/model/review.h"

static const char *const file_names[REF_FILES] = {"a.bin", "b.bin", "c.bin"};

/* ---- Parts of statements -------------------------------------------------------------------*/

void world_nonce(struct world *w, uint8_t out[REQUEST_NONCE])
{
	w->counter++;
	memcpy(out, &w->counter, sizeof(w->counter));
}

struct name world_name(const char *text)
{
	struct name n = {""};

	fx_ok(name_parse(view_str(text), &n));
	return n;
}

void world_origin(char out[ORIGIN_MAX + 1])
{
	(void)snprintf(out, ORIGIN_MAX + 1, "keeper.test");
}

struct by {
	int person;
	unsigned key;
	bool synced; /* a passkey */
};

static void sign(struct world *w, const struct by *by, enum statement_kind kind,
		 struct view statement, struct buf *out)
{
	const struct passkey_form browser = {true, by->synced ? PASSKEY_SYNCED : PASSKEY_VERIFIED,
					     WORLD_WEB};
	const char *ns = statement_info(kind)->ns;

	buf_clear(out);
	if (ref_channel(by->person, by->key) == REF_BROWSER)
		passkey_sign(&w->passkeys[by->person - 2], &browser, ns, statement, out);
	else
		fx_sign(&w->keys[by->person][by->key], ns, statement, out);
}

struct digest world_rule_digest(const struct world *w, int rule, int key)
{
	struct name name = world_name(ref_keys[key]);

	return policy_rule_digest(w->policy, &w->policy->rules[rule], w->roster, &name,
				  &w->fingerprint[key]);
}

/* ---- Requests and acts ---------------------------------------------------------------------*/

/* Those of the fixture's items that the set has. */
static void keep_files(struct fx_request *r, unsigned files)
{
	size_t n = 0;

	for (size_t i = 0; i < REF_FILES; i++) {
		if ((files & (1u << i)) == 0)
			continue;
		r->items[n] = r->items[i];
		r->names[n++] = r->names[i];
	}
	r->r.count = n;
}

void world_make_request(struct world *w, struct slot *s)
{
	const struct ref_request *q = &s->q;
	struct fx_request *r = &s->r;

	fx_request_new(&w->fx, "release", REF_FILES, r);
	keep_files(r, q->files);
	r->r.key_fingerprint = w->fingerprint[q->key];
	r->r.not_before = q->not_before;
	r->r.deadline = q->deadline;
	r->r.release = q->release;
	r->r.uses = q->uses;
	r->r.key = world_name(ref_keys[q->key]);
	r->r.requester = world_name(ref_people[q->requester]);
	r->r.host = q->host >= 0 ? world_name(ref_hosts[q->host]) : (struct name){""};
	(void)snprintf(r->r.reason, sizeof(r->r.reason), "%s",
		       !q->has_reason  ? ""
		       : q->has_ticket ? "broken (INC-12): a fix"
				       : "a fix, INCIDENT to follow");
	fx_request_encode(r);
	if (ref_has_tokens(q->requester))
		world_put_token(w, &q->token, &r->id, &s->said.sig);
	else
		sign(w, &(struct by){q->requester, q->signer, false}, STATEMENT_REQUEST,
		     buf_view(&r->statement), &s->said.sig);
	buf_clear(&s->host_sig);
	if (q->host == REF_POD)
		world_put_svid_proof(w, s, &s->host_sig);
	else if (q->host >= 0)
		fx_sign(q->host == REF_POOL ? &w->pool[q->host_key] : &w->fx.hosts[q->host].key[0],
			statement_info(STATEMENT_HOST)->ns, buf_view(&r->statement), &s->host_sig);
	ref_heard(&w->ref); /* the fixture has asked for the key */
}

static void make_act(struct world *w, struct act *a, const struct by *by, struct said *out)
{
	world_origin(a->origin);
	a->person = world_name(ref_people[by->person]);
	world_nonce(w, a->nonce);
	buf_clear(&out->statement);
	fx_ok(act_encode(a, &out->statement, NULL));
	out->digest = digest_of(buf_view(&out->statement));
	if (!ref_has_tokens(by->person))
		sign(w, by, a->kind, buf_view(&out->statement), &out->sig);
}

void world_make_act(struct world *w, struct slot *s, int n, int rule)
{
	const struct ref_said *said = &s->q.acts[n];
	struct act a = {.kind = said->kind, .request = s->r.id};

	if (said->kind == STATEMENT_APPROVAL) {
		a.rule = world_rule_digest(w, rule, s->q.key);
		a.expires = said->expires;
	}
	if (said->kind == STATEMENT_WITHDRAWAL)
		a.approval = s->acts[said->target].digest;
	make_act(w, &a, &(struct by){said->person, said->key, said->synced}, &s->acts[n]);
	if (ref_has_tokens(said->person))
		world_put_token(w, &said->token, &s->acts[n].digest, &s->acts[n].sig);
}

/* ---- Preapprovals --------------------------------------------------------------------------*/

/* About 20 KiB: not for the stack. */
static struct preapproval early;

static void early_items(unsigned files)
{
	for (size_t i = 0; i < REF_FILES; i++) {
		struct preapproval_item *item = &early.items[early.count];

		if ((files & (1u << i)) == 0)
			continue;
		item->sha256 = digest_of(view_str(file_names[i]));
		item->content = hash_of(HASH_SHA256, view_str(file_names[i]));
		(void)snprintf(item->format, sizeof(item->format), "cms");
		item->params = view_str("{\"digest\":\"sha256\"}");
		early.count++;
	}
}

void world_make_early(struct world *w, int n, int rule)
{
	const struct ref_early *e = &w->ref.early[n];
	struct said *out = &w->early[n];
	struct act back = {.kind = STATEMENT_WITHDRAWAL};

	memset(&early, 0, sizeof(early));
	early.person = world_name(ref_people[e->said.person]);
	early.key = world_name(ref_keys[e->key]);
	early.key_fingerprint = w->fingerprint[e->key];
	world_origin(early.origin);
	world_nonce(w, early.nonce);
	early.rule = world_rule_digest(w, rule, e->key);
	early.expires = e->said.expires;
	early.uses = e->uses;
	early_items(e->files);
	fx_ok(preapproval_encode(&early, &out->statement, NULL));
	out->digest = digest_of(buf_view(&out->statement));
	sign(w, &(struct by){e->said.person, e->said.key, e->said.synced}, STATEMENT_PREAPPROVAL,
	     buf_view(&out->statement), &out->sig);
	back.request = back.approval = out->digest;
	make_act(w, &back, &(struct by){e->taken_by, 0, false}, &w->taken[n]);
}

/* ---- What machines say ---------------------------------------------------------------------*/

static const struct fx_key *maker_key(const struct world *w, const struct ref_word *e)
{
	if (e->maker < REF_BUILDERS)
		return &w->makers[e->maker][e->key];
	if (e->maker == REF_CI)
		return &w->keys[REF_SERVICE][e->key];
	return e->maker == REF_POOL_MAKER ? &w->pool[e->key] : &w->fx.hosts[0].key[0];
}

static size_t subjects(unsigned files, struct evidence_subject *out)
{
	size_t n = 0;

	for (size_t i = 0; i < REF_FILES; i++) {
		if ((files & (1u << i)) == 0)
			continue;
		out[n].sha256 = digest_of(view_str(file_names[i]));
		(void)snprintf(out[n++].name, sizeof(out[0].name), "%s", file_names[i]);
	}
	return n;
}

/* Ed25519 signs the bytes; P-256 their SHA-256, and DSSE has the value as it is (r, s). */
static void sign_envelope(const struct fx_key *key, struct view bytes, struct dsse_signature *ret)
{
	*ret = (struct dsse_signature){.len = ED25519_SIGNATURE};
	fx_ok(ed25519_sign(key->ed, bytes, ret->sig, NULL));
	sshkey_fingerprint_text(sshkey_fingerprint(key->ssh), ret->keyid);
}

static void make_provenance(struct world *w, const struct ref_word *e, struct said *out)
{
	static struct evidence_subject list[REF_FILES];
	char builder[40]; /* of each statement another one: it has no nonce */
	const struct provenance_made made = {.builder = builder,
					     .source = e->source ? "git+https://good/a"
								 : "git+https://bad/a",
					     .finished = e->stated,
					     .subjects = list,
					     .count = subjects(e->files, list)};
	AUTO(buf) struct buf payload, pae;
	struct dsse_signature s;

	(void)snprintf(builder, sizeof(builder), "https://ci.test/%u", ++w->counter);
	buf_init(&payload, DSSE_PAYLOAD_MAX);
	buf_init(&pae, 2 * DSSE_PAYLOAD_MAX);
	fx_ok(provenance_encode(&made, &payload, NULL));
	dsse_put_pae(PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &pae);
	sign_envelope(maker_key(w, e), buf_view(&pae), &s);
	dsse_put(PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &s, &out->statement);
	fx_ok(buf_done(&out->statement));
}

/* About 80 KiB. */
static struct evidence evidence;

void world_make_word(struct world *w, int n)
{
	const struct ref_word *e = &w->ref.words[n];
	enum statement_kind kind = e->kind == REF_SCAN ? STATEMENT_SCAN : STATEMENT_REBUILD;
	struct said *out = &w->words[n];

	if (e->kind == REF_PROVENANCE) {
		make_provenance(w, e, out);
	} else {
		memset(&evidence, 0, sizeof(evidence));
		evidence.kind = kind;
		evidence.by = world_name(ref_makers[e->maker]);
		evidence.given = e->stated;
		world_nonce(w, evidence.nonce);
		evidence.count = subjects(e->files, evidence.subjects);
		evidence.verdict = e->clean ? SCAN_CLEAN : SCAN_INFECTED;
		if (kind == STATEMENT_SCAN)
			(void)snprintf(evidence.scanner, sizeof(evidence.scanner), "scan 1");
		else
			(void)snprintf(evidence.source, sizeof(evidence.source), "git+x");
		if (kind == STATEMENT_REBUILD)
			(void)snprintf(evidence.version, sizeof(evidence.version), "1");
		fx_ok(evidence_encode(&evidence, &out->statement, NULL));
		fx_sign(maker_key(w, e), statement_info(kind)->ns, buf_view(&out->statement),
			&out->sig);
	}
	out->digest = digest_of(buf_view(&out->statement));
}

/* ---- Access for a while --------------------------------------------------------------------*/

void world_make_grant(struct world *w, int n)
{
	const struct ref_grant *g = &w->ref.grants[n];
	struct access_change c = {.action = ACCESS_GRANT,
				  .key = world_name(ref_keys[g->key]),
				  .person = world_name(ref_people[g->person]),
				  .expires = w->ref.now + 90 * 86400ll,
				  .until = g->until,
				  .comment = "stands in"};
	struct tree_head seen;

	fx_check(fx_seen(&w->fx, &seen));
	c.seen_size = seen.size;
	c.seen_root = seen.root;
	w->ref.grants[n].seen = w->ref.bars;
	world_origin(c.origin);
	world_nonce(w, c.nonce);
	if (g->host >= 0)
		c.host = world_name(ref_hosts[g->host]);
	fx_ok(access_change_encode(&c, &w->grants[n].statement, NULL));
	w->grants[n].digest = digest_of(buf_view(&w->grants[n].statement));
	c.action = ACCESS_REVOKE;
	c.host = (struct name){""};
	c.grant = w->grants[n].digest;
	world_nonce(w, c.nonce);
	fx_ok(access_change_encode(&c, &w->ends[n].statement, NULL));
	w->ends[n].digest = digest_of(buf_view(&w->ends[n].statement));
}

/* Signed anew each time it is sent: signatures travel beside it. */
static void put_change(struct world *w, const struct said *s, const unsigned signers[REF_PEOPLE],
		       struct buf *out)
{
	struct keeper_change m = {.kind = STATEMENT_ACCESS, .statement = buf_view(&s->statement)};
	struct buf sigs[2 * REF_PEOPLE];

	for (int p = 0; p < REF_PEOPLE; p++)
		for (unsigned k = 0; k < 2; k++) {
			if ((signers[p] & (1u << k)) == 0)
				continue;
			buf_init(&sigs[m.sig_count], KEEPER_SIG_MAX);
			sign(w, &(struct by){p, k, false}, STATEMENT_ACCESS,
			     buf_view(&s->statement), &sigs[m.sig_count]);
			m.sigs[m.sig_count] = buf_view(&sigs[m.sig_count]);
			m.sig_count++;
		}
	keeper_put_change(out, w->fx.correlation, &m);
	for (size_t i = 0; i < m.sig_count; i++)
		buf_release(&sigs[i]);
}

/* ---- Reviews -------------------------------------------------------------------------------*/

struct ref_request *world_owed(struct world *w, int n)
{
	struct owed *o = &w->owed[n];

	return o->slot >= 0 ? &w->slots[o->slot].q : &o->q;
}

void world_leave_slot(struct world *w, int slot)
{
	for (size_t i = 0; i < w->ref.owed_count; i++)
		if (w->owed[i].slot == slot) {
			w->owed[i].q = w->slots[slot].q;
			w->owed[i].slot = -1;
		}
}

void world_make_review(struct world *w, int n)
{
	const struct ref_review *v = &w->ref.reviews[n];
	struct said *out = &w->reviews[n];
	struct review r = {.request = w->owed[v->owed].request,
			   .authorize = w->owed[v->owed].authorize,
			   .use = w->ref.owed[v->owed].use,
			   .incident = v->incident,
			   .person = world_name(ref_people[v->person]),
			   .time = v->time,
			   .comment = "looked at"};

	r.authorize.b[0] ^= v->astray;
	world_origin(r.origin);
	world_nonce(w, r.nonce);
	fx_ok(review_encode(&r, &out->statement, NULL));
	out->digest = digest_of(buf_view(&out->statement));
	sign(w, &(struct by){v->person, v->key, false}, STATEMENT_REVIEW, buf_view(&out->statement),
	     &out->sig);
}

/* ---- Messages ------------------------------------------------------------------------------*/

static void put_act(struct world *w, const struct said *s, const struct message *m,
		    enum statement_kind kind, struct buf *out)
{
	keeper_put_act(out, w->fx.correlation,
		       &(struct keeper_act){.kind = kind,
					    .statement = buf_view(&s->statement),
					    .sig = buf_view(&s->sig),
					    .sign = m->sign});
}

static void put_about_request(struct world *w, const struct message *m, struct buf *out)
{
	const struct slot *s = &w->slots[m->slot];

	if (m->say == SAY_SUBMIT)
		keeper_put_submit(out, w->fx.correlation, KEEPER_SUBMIT,
				  &(struct keeper_submit){.statement = buf_view(&s->r.statement),
							  .requester_sig = buf_view(&s->said.sig),
							  .host_sig = buf_view(&s->host_sig),
							  .sign = m->sign});
	else if (m->say == SAY_ACT)
		put_act(w, &s->acts[m->n], m, s->q.acts[m->n].kind, out);
	else if (m->say == SAY_COMMIT)
		keeper_put_commit(out, w->fx.correlation, KEEPER_COMMIT,
				  &(struct keeper_commit){.request = s->r.id, .use = m->use});
	else
		keeper_put_digest(out, w->fx.correlation, KEEPER_SHOW, &s->r.id);
}

void world_put(struct world *w, const struct message *m, struct buf *out)
{
	static const enum statement_kind kinds[] = {STATEMENT_SCAN, STATEMENT_REBUILD,
						    STATEMENT_PROVENANCE};
	const struct said *e = &w->enrolments[m->n];
	const struct view all[] = {view_of(NULL, 0), view_of(NULL, 0)};
	unsigned ender[REF_PEOPLE] = {0};

	w->fx.correlation++;
	if (m->slot >= 0) {
		put_about_request(w, m, out);
	} else if (m->say == SAY_PREAPPROVAL) {
		put_act(w, &w->early[m->n], m, STATEMENT_PREAPPROVAL, out);
	} else if (m->say == SAY_TAKE_BACK) {
		put_act(w, &w->taken[m->n], m, STATEMENT_WITHDRAWAL, out);
	} else if (m->say == SAY_REVIEW) {
		put_act(w, &w->reviews[m->n], m, STATEMENT_REVIEW, out);
	} else if (m->say == SAY_WORD) {
		put_act(w, &w->words[m->n], m, kinds[w->ref.words[m->n].kind], out);
	} else if (m->say == SAY_GRANT) {
		put_change(w, &w->grants[m->n], w->ref.grants[m->n].signers, out);
	} else if (m->say == SAY_END) {
		ender[w->ref.grants[m->n].end.person] = 1u << w->ref.grants[m->n].end.key;
		put_change(w, &w->ends[m->n], ender, out);
	} else if (m->say == SAY_DOCUMENT) {
		world_put_document(w, m->n, out);
	} else if (m->say == SAY_OBJECTION) {
		world_put_objection(w, m->n, out);
	} else if (m->say == SAY_KEYS) {
		world_put_set(w, (enum ref_set)m->n, out);
	} else if (m->say == SAY_HOSTS) {
		keeper_put_strings(out, w->fx.correlation, KEEPER_HOSTS, all, 2);
	} else {
		keeper_put_enrol(out, w->fx.correlation,
				 w->ref.enrolments[m->n].counter == 0 ? KEEPER_ENROL : KEEPER_RENEW,
				 &(struct keeper_enrol){.statement = buf_view(&e->statement),
							.host_sig = buf_view(&e->sig),
							.token_sig = buf_view(&e->token_sig),
							.attestation = buf_view(&e->more)});
	}
}

/* ---- Begin and end -------------------------------------------------------------------------*/

/* Empty ones: they take memory once they are filled. */
static void said_init(struct said *s, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_init(&s[i].statement, DOCUMENT_BYTES_MAX);
		buf_init(&s[i].sig, KEEPER_SIG_MAX);
		buf_init(&s[i].token_sig, KEEPER_SIG_MAX);
		buf_init(&s[i].more, DOCUMENT_BYTES_MAX);
	}
}

static void said_release(struct said *s, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_release(&s[i].statement);
		buf_release(&s[i].sig);
		buf_release(&s[i].token_sig);
		buf_release(&s[i].more);
	}
}

/* Does it to all of them. */
static void each_said(struct world *w, void (*f)(struct said *s, size_t count))
{
	for (size_t i = 0; i < SLOTS; i++) {
		f(&w->slots[i].said, 1);
		f(w->slots[i].acts, REF_ACTS);
	}
	f(w->early, REF_MEMORY);
	f(w->taken, REF_MEMORY);
	f(w->words, REF_MEMORY);
	f(w->grants, REF_MEMORY);
	f(w->ends, REF_MEMORY);
	f(w->enrolments, REF_MEMORY);
	f(w->reviews, REF_MEMORY);
	f(w->documents, REF_MEMORY);
	f(w->objections, REF_MEMORY);
}

static void make_keys(struct world *w)
{
	passkey_new(&w->passkeys[0], "sign.example");
	passkey_new(&w->passkeys[1], "sign.example");
	for (int i = 0; i < REF_PEOPLE; i++) {
		w->keys[i][0] = w->fx.people[i].key[0];
		if (i == 2 || i == 3)
			w->keys[i][1] = w->passkeys[i - 2].key;
		else
			fx_key_new(&w->keys[i][1], i == 1);
	}
	for (int k = 0; k < 2; k++) {
		fx_key_new(&w->keys[REF_SERVICE][k], false);
		fx_key_new(&w->pool[k], true);
		fx_key_new(&w->pod[k], true);
		w->issuer[k] = token_key_new(TOKEN_P256);
		for (int m = 0; m < REF_BUILDERS; m++)
			fx_key_new(&w->makers[m][k], false);
	}
	for (int i = 0; i <= REF_RESCUERS; i++)
		fx_key_new(&w->rescue[i], false);
	w->stranger = token_key_new(TOKEN_P256);
}

/* As the reference has the document that it has made last. */
static void begin_with(struct world *w, bool roster)
{
	const struct message m = {.say = SAY_DOCUMENT, .slot = -1, .n = (int)w->ref.document_count};
	struct ref_document *d = &w->ref.documents[m.n];
	AUTO(buf) struct buf frame;
	struct ref_answer a;

	*d = (struct ref_document){.roster = roster,
				   .previous = -1,
				   .signers = 1u << 4 | 1u << 5,
				   .expires = w->ref.now + 3600};
	world_first(&d->p, &d->r);
	w->ref.document_count++;
	world_make_document(w, m.n);
	buf_init(&frame, KEEPER_FRAME_MAX);
	world_put(w, &m, &frame);
	ref_propose(&w->ref, m.n, &a);
	if (fx_exchange(&w->fx, &frame) != KEEPER_R_CHANGE)
		fx_die(__FILE__, __LINE__, buf_cstr(&w->fx.body));
	fx_check(a.type == KEEPER_R_CHANGE);
	ref_take_document(&w->ref, m.n);
	world_follow(w);
}

void world_begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	each_said(w, said_init);
	for (size_t i = 0; i < SLOTS; i++)
		buf_init(&w->slots[i].host_sig, KEEPER_SIG_MAX);
	fx_prepare(&w->fx);
	fx_zone(&w->fx, true);
	world_trust_chips(w);
	fx_clock_at(&w->fx, BEGIN);
	w->ref.now = w->ref.head = w->ref.heard = BEGIN;
	w->ref.pool.key = -1;
	w->ref.pool.invited = REF_NO_CHIP;
	w->ref.in_force[0] = w->ref.in_force[1] = w->ref.waiting[0] = w->ref.waiting[1] = -1;
	w->followed[0] = w->followed[1] = -1;
	w->ref.roster.keys[4] = w->ref.roster.keys[5] = 1; /* erin and frank, of the fixture's */
	fx_init(&w->fx);
	fx_make_key(&w->fx, "release", "ecdsa-p256");
	fx_make_key(&w->fx, "nightly", "ecdsa-p256");
	for (int k = 0; k < REF_KEYS; k++)
		fx_key_fingerprint(&w->fx, ref_keys[k], &w->fingerprint[k]);
	make_keys(w);
	begin_with(w, true);
	begin_with(w, false);
}

void world_end(struct world *w)
{
	fx_stop(&w->fx);
	fx_check(fx_verb(&w->fx, "fsck", NULL) == 0);
	world_release(w);
}

void world_release(struct world *w)
{
	fx_end(&w->fx);
	for (int i = 0; i < REF_PEOPLE; i++)
		if (i != 2 && i != 3)
			fx_key_release(&w->keys[i][1]);
	for (int k = 0; k < 2; k++) {
		fx_key_release(&w->keys[REF_SERVICE][k]);
		fx_key_release(&w->pool[k]);
		fx_key_release(&w->pod[k]);
		token_key_free(w->issuer[k]);
		for (int m = 0; m < REF_BUILDERS; m++)
			fx_key_release(&w->makers[m][k]);
		passkey_release(&w->passkeys[k]);
	}
	for (int i = 0; i <= REF_RESCUERS; i++)
		fx_key_release(&w->rescue[i]);
	token_key_free(w->stranger);
	secret_release(&w->token);
	for (size_t i = 0; i < SLOTS; i++) {
		if (w->slots[i].used)
			fx_request_release(&w->slots[i].r);
		buf_release(&w->slots[i].host_sig);
	}
	each_said(w, said_release);
	policy_free(w->policy);
	roster_free(w->roster);
}

void world_clock(struct world *w, unix_time t)
{
	w->ref.now = t;
	fx_clock_at(&w->fx, t);
}
