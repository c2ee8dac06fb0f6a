/* Messages that only read. */
#include "prog/keeper/gate.h"

#include <string.h>

rc handle_hello(struct call *c)
{
	struct keeper *k = c->k;
	struct keeper_hello m = {.policy_version = k->policy->version,
				 .roster_version = k->roster->version,
				 .policy = k->policy->digest,
				 .roster = k->roster->digest,
				 .log_size = k->ledger.committed.tree.size,
				 .now = k->round.now};
	uint16_t protocol;
	rc r = keeper_get_hello_request(c->body, &protocol);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (protocol != KEEPER_PROTOCOL) {
		rc_ignore(refuse(&c->why, REASON_FORM_MESSAGE, "protocol %u, this is %u", protocol,
				 KEEPER_PROTOCOL),
			  "the connection ends");
		return RC(RC_PEER);
	}
	memcpy(m.origin, k->ledger.id.origin, sizeof(m.origin));
	memcpy(m.vkey, k->ledger.id.vkey, sizeof(k->ledger.id.vkey));
	keeper_put_hello(c->out, c->to.correlation, &m);
	return OK;
}

rc handle_keys(struct call *c)
{
	AUTO(buf) struct buf json = {0};
	struct name name;
	struct view in;
	rc r = keeper_get_strings(c->body, &in, 1);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (in.len > 0 && !rc_is_ok(name_parse(in, &name)))
		return refuse(&c->why, REASON_KEY_UNKNOWN, "%s", "not a name");
	buf_init(&json, 1u << 20);
	TRY(keyring_json(c->k->keyring, in.len > 0 ? &name : NULL, &json));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}

rc handle_certs(struct call *c)
{
	struct keeper_certs m = {0};
	struct view certs[X509_CHAIN_MAX];
	const struct key *key;
	struct name name;
	struct view in;
	rc r = keeper_get_strings(c->body, &in, 1);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (!rc_is_ok(name_parse(in, &name)))
		return refuse(&c->why, REASON_KEY_UNKNOWN, "%s", "not a name");
	key = keyring_find(c->k->keyring, &name);
	if (key == NULL)
		return refuse(&c->why, REASON_KEY_UNKNOWN, "%s", name.s);
	m.count = key_certificates(key, certs);
	for (size_t i = 0; i < m.count; i++)
		m.certs[i] = certs[i];
	keeper_put_certs(c->out, c->to.correlation, &m);
	return OK;
}
_Static_assert(X509_CHAIN_MAX <= CHANGE_CERTIFICATES_MAX, "every chain fits the answer");

static rc put_document(struct call *c, const struct journal_statement *st, struct view body,
		       struct view sigs)
{
	struct keeper_document m = {.kind = st->kind, .leaf = st->leaf, .statement = body};

	while (sigs.len > 0 && m.sig_count < CHANGE_SIGNATURES_MAX)
		TRY(view_string(&sigs, KEEPER_SIG_MAX, &m.sigs[m.sig_count++]));
	keeper_put_document(c->out, c->to.correlation, &m);
	return OK;
}

rc handle_document(struct call *c)
{
	struct keeper *k = c->k;
	struct journal_statement st;
	enum statement_kind kind;
	AUTO(buf) struct buf body = {0};
	AUTO(buf) struct buf sigs = {0};
	rc r = keeper_get_document_request(c->body, &kind);

	buf_init(&body, DOCUMENT_BYTES_MAX);
	buf_init(&sigs, JOURNAL_SIGS_MAX);
	if (!rc_is_ok(r) || (kind != STATEMENT_POLICY && kind != STATEMENT_ROSTER))
		return malformed(c, rc_is_ok(r) ? RC(RC_UNKNOWN) : r);
	TRY(journal_document_get(k->journal, kind, &st, &body, &sigs, &k->round.fault));
	return put_document(c, &st, buf_view(&body), buf_view(&sigs));
}

rc handle_statement(struct call *c)
{
	struct keeper *k = c->k;
	struct journal_statement st;
	struct digest id;
	AUTO(buf) struct buf body = {0};
	AUTO(buf) struct buf sigs = {0};
	rc r = keeper_get_digest(c->body, &id);

	buf_init(&body, REQUEST_BYTES_MAX);
	buf_init(&sigs, JOURNAL_SIGS_MAX);
	if (!rc_is_ok(r))
		return malformed(c, r);
	r = journal_statement_get(k->journal, &id, &st, &body, &sigs, &k->round.fault);
	/* The log's entries name policies and rosters by the document's own digest. */
	if (r.code == RC_NOTFOUND)
		r = journal_document_find(k->journal, &id, &st, &body, &sigs, &k->round.fault);
	if (r.code == RC_NOTFOUND)
		return refuse(&c->why, REASON_CALL_NOTFOUND, "%s", "no such statement");
	TRY(r);
	return put_document(c, &st, buf_view(&body), buf_view(&sigs));
}

/* Under the newest checkpoint alone: older ones are served from the files of public/. */
rc handle_log_proof(struct call *c)
{
	struct keeper *k = c->k;
	AUTO(buf) struct buf proof = {0};
	uint64_t index;
	uint64_t size;
	rc r = keeper_get_proof_request(c->body, &index, &size);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (k->ledger.lagging || index >= k->ledger.committed.tree.size ||
	    (size != 0 && size != k->ledger.committed.tree.size))
		return refuse(&c->why, REASON_CALL_NOTFOUND, "entry %llu, size %llu of %llu",
			      (unsigned long long)index, (unsigned long long)size,
			      (unsigned long long)k->ledger.committed.tree.size);
	buf_init(&proof, KEEPER_PROOF_MAX);
	TRY(ledger_receipt(&k->ledger, index, &proof, &k->round.fault));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_PROOF, buf_view(&proof));
	return OK;
}
