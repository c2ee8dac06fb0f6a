/* What machines say of artifacts: verified, logged, and kept by artifact, the newest of each maker.
 *
 * Nothing here names a request: evidence may come first or last, and what it does to a request is
 * seen when that is decided. Whoever replays old evidence changes nothing: the same bytes are
 * known, and what is older than the row of its maker stays aside. */
#include "prog/keeper/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/jcan.h"
#include "lib/crypt/dsse.h"
#include "lib/model/evidence.h"
#include "lib/model/provenance.h"
#include "lib/tlog/tree.h"
#include "prog/keeper/evidence.h"
#include "prog/keeper/host_proof.h"
#include "prog/keeper/hosts.h"

/* One statement on its way in. */
struct incoming {
	const struct keeper_act *m;
	struct digest digest;
	struct digest signature;
	struct digest signer;
	const struct principal *maker;
	unix_time given;
	struct evidence *e;   /* scan, rebuild */
	struct dsse envelope; /* provenance */
	struct provenance p;
	bool superseded; /* nothing of it is newer than what is known */
};

/* ---- Who may say it -------------------------------------------------------------------------*/

static const struct principal *owner_of(const struct roster *r, const struct digest *fingerprint)
{
	size_t low = 0;
	size_t high = r->key_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = memcmp(r->keys[mid].fingerprint.b, fingerprint->b, DIGEST_SIZE);

		if (order == 0)
			return r->keys[mid].owner;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct principal *evidence_maker(const struct roster *r, const struct digest *fingerprint,
				       enum statement_kind kind)
{
	const struct principal *p = owner_of(r, fingerprint);

	if (p == NULL || p->kind == PRINCIPAL_PERSON)
		return NULL;
	/* Two jobs of one machine are no two builds: who rebuilds is named as a builder. */
	if (kind == STATEMENT_REBUILD && p->kind != PRINCIPAL_BUILDER)
		return NULL;
	return p;
}

void evidence_maker_text(const struct principal *p, char out[JOURNAL_MAKER_MAX + 1])
{
	(void)snprintf(out, JOURNAL_MAKER_MAX + 1, "%c:%s", principal_kind_name(p->kind)[0],
		       p->name.s);
}

/* A machine whose key the roster does not list: a host that enrolled, or has a SPIFFE ID. */
static const struct principal *moving_host(const struct roster *r, const struct name *n,
					   enum statement_kind kind)
{
	const struct principal *p = roster_host(r, n);

	return p != NULL && p->key_count == 0 && kind != STATEMENT_REBUILD ? p : NULL;
}

rc evidence_live(const struct keeper *k, const struct journal_evidence *e, bool *ret)
{
	const struct principal *p = evidence_maker(k->roster, &e->signer, e->kind);
	char maker[JOURNAL_MAKER_MAX + 1];
	struct name name;

	*ret = false;
	if (p != NULL) {
		evidence_maker_text(p, maker);
		if (strcmp(maker, e->maker) != 0)
			return OK;
		if (p->kind == PRINCIPAL_HOST)
			return host_signer_stays(k, p, &e->signer, ret);
		*ret = true;
		return OK;
	}
	TRY(name_parse(view_str(e->maker + 2), &name));
	p = moving_host(k->roster, &name, e->kind);
	if (p == NULL || e->maker[0] != 'h')
		return OK;
	return host_signer_stays(k, p, &e->signer, ret);
}

static rc find_maker(struct keeper *k, struct incoming *in, const struct digest *fingerprint,
		     struct refusal *why)
{
	in->maker = evidence_maker(k->roster, fingerprint, in->m->kind);
	if (in->maker == NULL)
		return refuse(why, REASON_EVIDENCE_SIGNER, "signed by a key that is no %s's",
			      in->m->kind == STATEMENT_REBUILD ? "builder" : "machine");
	return in->maker->kind == PRINCIPAL_HOST ? host_unlocked(k, &in->maker->name, why) : OK;
}

/* ---- Scans and rebuilds ---------------------------------------------------------------------*/

static rc verify_statement(struct keeper *k, struct incoming *in, struct refusal *why)
{
	struct hashed statement = {.bytes = in->m->statement};
	struct digest fingerprint;
	struct good_sig by;
	struct sshsig parts;
	struct fault f = {0};
	rc r;

	in->e = (struct evidence *)malloc(sizeof(*in->e));
	if (in->e == NULL)
		return RC(RC_NOMEM);
	r = evidence_parse(in->m->kind, in->m->statement, in->e, &f);
	if (!rc_is_ok(r))
		return refuse_form(why, r, &f);
	if (in->e->given > k->round.now + EVIDENCE_SKEW)
		return refuse(why, REASON_FORM_TIME, "the %s is of the future",
			      statement_info(in->m->kind)->name);
	/* A clock that is ahead must not outrank what its maker finds out meanwhile. */
	in->given = in->e->given < k->round.now ? in->e->given : k->round.now;
	in->signature = digest_of(in->m->sig);
	in->maker = moving_host(k->roster, &in->e->by, in->m->kind);
	if (in->maker != NULL)
		return host_proof_verify(k,
					 &(struct host_said){in->maker, in->m->kind, &statement,
							     in->m->sig, REASON_EVIDENCE_SIGNER},
					 &in->signer, why);
	r = sshsig_parse(in->m->sig, &parts, &f);
	if (!rc_is_ok(r))
		return refuse(why, REASON_EVIDENCE_SIGNER, "%s", f.text);
	fingerprint = digest_of(parts.key_blob);
	TRY(find_maker(k, in, &fingerprint, why));
	if (!name_is_equal(&in->maker->name, &in->e->by))
		return refuse(why, REASON_EVIDENCE_SIGNER, "it is by %s and signed by %s",
			      in->e->by.s, in->maker->name.s);
	TRY(verify_by(k, in->maker, in->m->kind, &statement, in->m->sig, REASON_EVIDENCE_SIGNER,
		      &by, why));
	in->signer = by.fingerprint;
	return OK;
}

/* ---- Provenance -----------------------------------------------------------------------------*/

/* The key of that fingerprint: of a machine that the roster lists with it, or of a host that
 * enrolled with it and stands. *ret stays NULL if it is nobody's. */
static rc envelope_key(struct keeper *k, struct incoming *in, const struct digest *fingerprint,
		       struct sshkey **ret, struct refusal *why)
{
	struct fault *f = &k->round.fault;
	struct journal_host row;
	struct name name;
	struct digest key;
	rc r;

	if (owner_of(k->roster, fingerprint) != NULL) {
		TRY(find_maker(k, in, fingerprint, why));
		for (size_t n = 0; n < in->maker->key_count; n++)
			if (digest_is_equal(sshkey_fingerprint(in->maker->keys[n]), fingerprint))
				return sshkey_parse_blob(sshkey_blob(in->maker->keys[n]), ret, f);
		return OK;
	}
	r = journal_host_key_owner(k->journal, fingerprint, &name, f);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	in->maker = moving_host(k->roster, &name, in->m->kind);
	if (in->maker == NULL || !in->maker->enrol)
		return OK;
	TRY(host_standing(k, &name, &row, why));
	key = digest_of(view_of(row.key, row.key_len));
	if (!digest_is_equal(&key, fingerprint))
		return OK; /* it has another key now */
	return sshkey_parse_blob(view_of(row.key, row.key_len), ret, f);
}

/* The first signature whose keyid names a machine's key must be that key's; the others are for
 * somebody else. */
static rc verify_envelope(struct keeper *k, struct incoming *in, struct refusal *why)
{
	const struct dsse *d = &in->envelope;

	for (size_t i = 0; i < d->count; i++) {
		const struct dsse_signature *s = &d->signatures[i];
		AUTO(sshkey) struct sshkey *key = NULL;
		struct digest fingerprint;
		struct fault f = {0};
		rc r;

		if (!rc_is_ok(sshkey_fingerprint_parse(view_str(s->keyid), &fingerprint)))
			continue;
		TRY(envelope_key(k, in, &fingerprint, &key, why));
		if (key == NULL)
			continue;
		r = dsse_verify(key, d->type, buf_view(&d->payload), view_of(s->sig, s->len), &f);
		if (r.code == RC_NOMEM)
			return r;
		if (!rc_is_ok(r))
			return refuse(why, REASON_EVIDENCE_SIGNER, "%s: %s", in->maker->name.s,
				      f.text);
		in->signer = fingerprint;
		in->signature = digest_of(view_of(s->sig, s->len));
		return OK;
	}
	return refuse(why, REASON_EVIDENCE_SIGNER,
		      "no keyid is the SHA256 fingerprint of a machine's key");
}

static rc verify_provenance(struct keeper *k, struct incoming *in, struct refusal *why)
{
	struct fault f = {0};
	rc r;

	if (in->m->sig.len != 0)
		return refuse(why, REASON_FORM_STATEMENT,
			      "an envelope has its signatures in itself");
	r = dsse_parse(in->m->statement, &in->envelope, &f);
	if (!rc_is_ok(r))
		return refuse_form(why, r, &f);
	if (strcmp(in->envelope.type, PROVENANCE_PAYLOAD_TYPE) != 0)
		return refuse(why, REASON_FORM_KIND, "the payload type is %s", in->envelope.type);
	TRY(verify_envelope(k, in, why));
	/* Only now: what nobody vouches for is not looked into. */
	r = provenance_parse(buf_view(&in->envelope.payload), &in->p, &f);
	if (!rc_is_ok(r))
		return refuse_form(why, r, &f);
	in->given = in->p.finished;
	if (in->given == 0 || in->given > k->round.now)
		in->given = k->round.now;
	return OK;
}

/* ---- Rows -----------------------------------------------------------------------------------*/

static size_t subject_count(const struct incoming *in)
{
	return in->e != NULL ? in->e->count : in->p.count;
}

static const struct digest *subject(const struct incoming *in, size_t i)
{
	return in->e != NULL ? &in->e->subjects[i].sha256 : &in->p.subjects[i];
}

void evidence_detail_put(const struct evidence_detail *d, struct buf *out)
{
	buf_put_string(out, d->builder);
	buf_put_string(out, d->source);
	buf_put_string(out, d->version);
	buf_put_string(out, d->name);
	buf_put_string(out, d->verdict);
}

rc evidence_detail_get(struct view bytes, struct evidence_detail *ret)
{
	TRY(view_string(&bytes, PROVENANCE_URI_MAX, &ret->builder));
	TRY(view_string(&bytes, PROVENANCE_URI_MAX, &ret->source));
	TRY(view_string(&bytes, EVIDENCE_VERSION_MAX, &ret->version));
	TRY(view_string(&bytes, ITEM_NAME_MAX, &ret->name));
	TRY(view_string(&bytes, 32, &ret->verdict));
	return view_end(&bytes);
}
_Static_assert(5 * 4 + 2 * PROVENANCE_URI_MAX + EVIDENCE_VERSION_MAX + ITEM_NAME_MAX + 32 <=
			       JOURNAL_DETAIL_MAX &&
		       EVIDENCE_SOURCE_MAX <= PROVENANCE_URI_MAX,
	       "what is remembered of an artifact fits its row");

static rc row_fill(const struct incoming *in, size_t i, struct journal_evidence *row)
{
	struct evidence_detail d = {0};
	struct buf out;

	*row = (struct journal_evidence){.artifact = *subject(in, i),
					 .kind = in->m->kind,
					 .given = in->given,
					 .statement = in->digest,
					 .signer = in->signer};
	evidence_maker_text(in->maker, row->maker);
	if (in->e == NULL) {
		d.builder = view_str(in->p.builder);
		d.source = view_str(in->p.source);
	} else if (in->m->kind == STATEMENT_REBUILD) {
		d.source = view_str(in->e->source);
		d.version = view_str(in->e->version);
		d.name = view_str(in->e->subjects[i].name);
		memcpy(row->name, in->e->subjects[i].name, sizeof(row->name));
	} else {
		row->clean = in->e->verdict == SCAN_CLEAN;
		d.name = view_str(in->e->subjects[i].name);
		d.version = view_str(in->e->scanner);
		d.verdict = view_str(scan_verdict_name(in->e->verdict));
	}
	buf_init_fixed(&out, row->detail, sizeof(row->detail));
	evidence_detail_put(&d, &out);
	row->detail_len = out.len;
	return buf_done(&out);
}

/* At the same second the worse of two verdicts stays. */
static bool is_newer(const struct journal_evidence *row, const struct journal_evidence *known)
{
	if (row->given != known->given)
		return row->given > known->given;
	return known->clean || !row->clean;
}

/* write false: only looks whether there is anything to write. */
static rc rows_put(struct keeper *k, struct incoming *in, uint64_t leaf, bool write,
		   size_t *ret_count)
{
	struct fault *f = &k->round.fault;
	struct journal_evidence known;
	struct journal_evidence row;
	size_t n = 0;

	for (size_t i = 0; i < subject_count(in); i++) {
		rc r;

		TRY(row_fill(in, i, &row));
		r = journal_evidence_get(k->journal, &row.artifact, row.kind, row.maker, &known, f);
		if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
			return r;
		if (rc_is_ok(r) && !is_newer(&row, &known))
			continue;
		n++;
		row.leaf = leaf;
		if (write)
			TRY(journal_evidence_put(k->journal, &row, f));
	}
	*ret_count = n;
	return write ? journal_evidence_trim(k->journal, row.maker, EVIDENCE_PER_MAKER_MAX, f) : OK;
}

static rc subjects_root(const struct incoming *in, struct digest *ret)
{
	struct compact c;

	compact_init(&c);
	for (size_t i = 0; i < subject_count(in); i++) {
		const struct digest leaf = tree_leaf_hash(digest_view(subject(in, i)));

		TRY(compact_append(&c, &leaf));
	}
	*ret = compact_root(&c);
	return OK;
}

static rc store(struct keeper *k, struct incoming *in, uint64_t *ret_leaf)
{
	struct leaf leaf = {.kind = LEAF_EVIDENCE,
			    .time = k->round.now,
			    .statement = in->digest,
			    .signature = in->signature,
			    .count = subject_count(in)};
	struct journal_statement st = {.kind = in->m->kind, .digest = in->digest};
	struct fault *f = &k->round.fault;
	AUTO(buf) struct buf sigs = {0};
	size_t n;

	(void)snprintf(leaf.action, sizeof(leaf.action), "%s", statement_info(in->m->kind)->name);
	TRY(subjects_root(in, &leaf.subjects));
	buf_init(&sigs, JOURNAL_SIGS_MAX);
	if (in->m->sig.len > 0)
		sigs_put(&sigs, in->m->sig);
	TRY(buf_done(&sigs));
	TRY(ledger_append(&k->ledger, &leaf, ret_leaf, f));
	st.leaf = *ret_leaf;
	TRY(journal_statement_add(k->journal, &st, in->m->statement, buf_view(&sigs), f));
	return rows_put(k, in, *ret_leaf, true, &n);
}

/* ---- The message ----------------------------------------------------------------------------*/

void evidence_receipt(struct call *c, enum statement_kind kind, const struct digest *statement,
		      const char *state, uint64_t leaf)
{
	AUTO(buf) struct buf json = {0};
	struct jcan_out w;

	buf_init(&json, 4096);
	jcan_out_init(&w, &json);
	jcan_out_object(&w);
	jcan_out_key(&w, "kind");
	jcan_out_string(&w, statement_info(kind)->name);
	if (leaf != UINT64_MAX) {
		jcan_out_key(&w, "leaf");
		jcan_out_u64(&w, leaf);
	}
	jcan_out_key(&w, "state");
	jcan_out_string(&w, state);
	jcan_out_key(&w, "statement");
	jcan_out_hex(&w, digest_view(statement));
	jcan_out_object_end(&w);
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
}

static rc handle(struct call *c, struct incoming *in)
{
	struct keeper *k = c->k;
	struct journal_statement known;
	uint64_t leaf = UINT64_MAX;
	size_t fresh;
	rc r = journal_statement_get(k->journal, &in->digest, &known, NULL, NULL, &k->round.fault);

	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	TRY(in->m->kind == STATEMENT_PROVENANCE ? verify_provenance(k, in, &c->why)
						: verify_statement(k, in, &c->why));
	if (rc_is_ok(r)) {
		evidence_receipt(c, in->m->kind, &in->digest, "known", known.leaf);
		return OK;
	}
	TRY(rows_put(k, in, 0, false, &fresh));
	if (fresh > 0)
		TRY(store(k, in, &leaf));
	evidence_receipt(c, in->m->kind, &in->digest, fresh > 0 ? "stored" : "superseded", leaf);
	return OK;
}

rc evidence_act(struct call *c, const struct keeper_act *m)
{
	struct incoming in = {.m = m, .digest = digest_of(m->statement)};
	rc r = handle(c, &in);

	free(in.e);
	dsse_release(&in.envelope);
	provenance_release(&in.p);
	return r;
}
