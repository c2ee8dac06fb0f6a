/* What a host says of its own key: enrolment and renewal, and the certificate that answers it.
 *
 * The answer is made from the row that the round has made durable, so the authority's key is used
 * after its leaf (P4), a crash before the answer loses nothing, and the same bytes get the same
 * answer again. */
#include "prog/keeper/enrol.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/codec/jcan.h"
#include "lib/codec/pem.h"
#include "lib/crypt/spki.h"
#include "lib/model/enrolment.h"
#include "lib/model/field.h"
#include "lib/model/host_token.h"
#include "prog/keeper/host_ca.h"
#include "prog/keeper/host_class.h"
#include "prog/keeper/hosts.h"

/* One on its way in. */
struct enrol {
	struct keeper_enrol m;
	struct enrolment e;
	struct digest id;
	struct sshkey *key;
	struct pkey *pub;
	const struct principal *host;
	struct journal_host row;
};

static void enrol_release(struct enrol *in)
{
	sshkey_free(in->key);
	pkey_destroy(in->pub);
}
AUTO_DEFINE(enrol, struct enrol, enrol_release)

/* The same key as certificates have it. */
static rc public_of(const struct sshkey *k, struct pkey **ret, struct fault *f)
{
	uint8_t mem[PKEY_SPKI_MAX];
	struct buf spki;

	buf_init_fixed(&spki, mem, sizeof(mem));
	TRY(spki_from_ssh(k, &spki));
	return pkey_from_spki(buf_view(&spki), ret, f);
}

/* The key that signed is the key that the statement names, and it is of the one kind there is. */
static rc read_key(struct keeper *k, struct enrol *in, struct refusal *why)
{
	struct hashed statement = {.bytes = in->m.statement};
	struct fault f = {0};
	struct sshsig parts;
	rc r = sshsig_parse(in->m.host_sig, &parts, &f);

	if (rc_is_ok(r))
		r = sshkey_parse_blob(parts.key_blob, &in->key, &f);
	if (rc_is_ok(r) && sshkey_type(in->key) != SSHKEY_ECDSA_P256)
		r = fault_set(&f, RC_UNSUPPORTED, 0, "a host's key is ecdsa-sha2-nistp256");
	if (rc_is_ok(r))
		r = public_of(in->key, &in->pub, &f);
	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return refuse(why, REASON_SIG_HOST, "%s: %s", in->e.host.s, f.text);
	if (!digest_is_equal(pkey_fingerprint(in->pub), &in->e.key))
		return refuse(why, REASON_SIG_HOST, "%s: signed by another key than it names",
			      in->e.host.s);
	return verify_key_sig(k, &(struct signed_by){in->key, &in->e.host}, STATEMENT_ENROLMENT,
			      &statement, in->m.host_sig, REASON_SIG_HOST, why);
}

static rc read_message(struct call *c, struct enrol *in)
{
	struct keeper *k = c->k;
	struct fault f = {0};
	rc r = keeper_get_enrol(c->body, c->type, &in->m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	r = enrolment_parse(in->m.statement, &in->e, &f);
	if (!rc_is_ok(r))
		return refuse_form(&c->why, r, &f);
	if ((c->type == KEEPER_ENROL) != (in->e.counter == 0))
		return refuse(&c->why, REASON_FORM_KIND, "%s",
			      "counter 0 is an enrolment, others are renewals");
	in->id = digest_of(in->m.statement);
	TRY(check_origin(k, in->e.origin, &c->why));
	TRY(host_listed(k, &in->e.host, &in->host, &c->why));
	return read_key(k, in, &c->why);
}

/* ---- Acceptance -----------------------------------------------------------------------------*/

static rc put_leaf(struct keeper *k, const struct enrol *in, const char *action, uint64_t *ret)
{
	struct leaf leaf = {.kind = LEAF_ADMIN,
			    .time = k->round.now,
			    .statement = in->id,
			    .object = in->e.key,
			    .approval_count = 1};

	leaf.approvals[0] = digest_of(in->m.host_sig);
	if (in->m.token_sig.len > 0)
		leaf.approvals[leaf.approval_count++] = digest_of(in->m.token_sig);
	/* What a TPM said is not kept: who has it can show that it is what counted. */
	if (in->m.attestation.len > 0)
		leaf.approvals[leaf.approval_count++] = digest_of(in->m.attestation);
	(void)snprintf(leaf.action, sizeof(leaf.action), "%s", action);
	return ledger_append(&k->ledger, &leaf, ret, &k->round.fault);
}

static rc store(struct keeper *k, struct enrol *in, const char *action)
{
	static const struct digest none;
	AUTO(buf) struct buf sigs = {0};
	struct journal_statement st = {.kind = STATEMENT_ENROLMENT, .digest = in->id};

	buf_init(&sigs, JOURNAL_SIGS_MAX);
	sigs_put(&sigs, in->m.host_sig);
	if (in->m.token_sig.len > 0)
		sigs_put(&sigs, in->m.token_sig);
	TRY(buf_done(&sigs));
	TRY(put_leaf(k, in, action, &st.leaf));
	TRY(journal_statement_add(k->journal, &st, in->m.statement, buf_view(&sigs),
				  &k->round.fault));
	if (in->e.counter == 0)
		TRY(journal_host_key_add(k->journal, &in->e.host, sshkey_fingerprint(in->key), &st,
					 &k->round.fault));
	in->row.counter = in->e.counter;
	in->row.previous = in->e.counter == 0 ? none : in->row.last;
	in->row.last = in->id;
	in->row.leaf = st.leaf;
	in->row.renewed = k->round.now;
	in->row.until = k->round.now + k->host_cert_life;
	/* One a round: the answer is made from the row. */
	k->round.full = true;
	return journal_host_put(k->journal, &in->row, &k->round.fault);
}

/* Registers the caller for the answer, once the round is durable. */
static rc await(struct call *c, const struct name *host)
{
	struct keeper *k = c->k;

	if (k->waiter_count == WAITERS_MAX)
		return refuse(&c->why, REASON_KEEPER_BUSY, "%u answers are being waited for",
			      WAITERS_MAX);
	k->waiters[k->waiter_count++] =
		(struct waiter){.to = c->to, .is_host = true, .host = *host, .marked = true};
	return OK;
}

/* Statements that were accepted once: the last one is answered again, an older one is a replay,
 * which no counter may take for a clone. */
static rc check_known(struct call *c, struct enrol *in, bool *ret_again)
{
	struct keeper *k = c->k;
	struct journal_statement known;
	rc r = journal_statement_get(k->journal, &in->id, &known, NULL, NULL, &k->round.fault);

	*ret_again = false;
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	TRY(host_bound(k, &in->e.host, &in->row, &c->why));
	if (!digest_is_equal(&in->row.last, &in->id))
		return refuse(&c->why, REASON_CALL_REPLAY, "%s: number %llu was answered long ago",
			      in->e.host.s, (unsigned long long)in->e.counter);
	*ret_again = true;
	return OK;
}

/* ---- Enrolment ------------------------------------------------------------------------------*/

static rc check_token(struct keeper *k, struct enrol *in, struct refusal *why)
{
	static const struct digest none;
	struct fault f = {0};
	rc r = journal_host_get(k->journal, &in->e.host, &in->row, &k->round.fault);

	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	/* Whoever has no token learns nothing: not whether there is an invitation, or until when.
	 */
	if (r.code == RC_NOTFOUND || digest_is_equal(&in->row.token, &none) ||
	    !rc_is_ok(host_token_verify(&in->row.token, in->m.statement, in->m.token_sig, &f)))
		return refuse(why, REASON_HOST_TOKEN,
			      "%s: there is no open invitation with this token", in->e.host.s);
	if (k->round.now >= in->row.invite_end)
		return refuse(why, REASON_HOST_TOKEN, "%s: the invitation has expired",
			      in->e.host.s);
	if (in->row.lock != HOST_FREE)
		return refuse(why, REASON_HOST_LOCKED, "%s is locked", in->e.host.s);
	return OK;
}

static rc check_class(struct keeper *k, struct enrol *in, struct refusal *why)
{
	const struct class_claim claim = {.enrolment = &in->e,
					  .statement = &in->id,
					  .key = in->pub,
					  .attestation = in->m.attestation,
					  .token = &in->row.token,
					  .ek = &in->row.invite_ek,
					  .desk = k->tpm,
					  .now = k->round.now};
	enum host_class klass;
	struct fault f = {0};
	struct digest ek;
	rc r;

	if (!rc_is_ok(host_class_parse(view_str(in->e.klass), &klass)))
		return refuse(why, REASON_HOST_CLASS, "%s: there is no class %s", in->e.host.s,
			      in->e.klass);
	r = host_class_verify(klass, &claim, &ek, &f);
	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return refuse(why, REASON_HOST_CLASS, "%s: %s", in->e.host.s, f.text);
	if (klass < in->host->least)
		return refuse(why, REASON_HOST_CLASS, "%s: class %s, and the roster demands %s",
			      in->e.host.s, in->e.klass, host_class_name(in->host->least));
	in->row.klass = klass;
	in->row.ek = ek;
	return OK;
}

/* A key stands for exactly one of all. */
static rc check_key_is_free(struct keeper *k, const struct enrol *in, struct refusal *why)
{
	const struct digest *fingerprint = sshkey_fingerprint(in->key);
	struct journal_host other;
	rc r;

	for (size_t i = 0; i < k->roster->key_count; i++)
		if (digest_is_equal(&k->roster->keys[i].fingerprint, fingerprint))
			return refuse(why, REASON_SIG_HOST, "%s: the roster lists this key for %s",
				      in->e.host.s, k->roster->keys[i].owner->name.s);
	r = journal_host_by_key(k->journal, sshkey_blob(in->key), &other, &k->round.fault);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	if (name_is_equal(&other.name, &in->e.host))
		return OK;
	return refuse(why, REASON_SIG_HOST, "%s: this is the key of %s", in->e.host.s,
		      other.name.s);
}

rc handle_enrol(struct call *c)
{
	AUTO(enrol) struct enrol in = {0};
	struct keeper *k = c->k;
	struct view blob;
	bool again;

	TRY(read_message(c, &in));
	TRY(check_known(c, &in, &again));
	if (again)
		return await(c, &in.e.host);
	TRY(check_token(k, &in, &c->why));
	TRY(check_class(k, &in, &c->why));
	TRY(check_key_is_free(k, &in, &c->why));
	blob = sshkey_blob(in.key);
	if (blob.len > sizeof(in.row.key))
		return RC(RC_LIMIT);
	memcpy(in.row.key, blob.ptr, blob.len);
	in.row.key_len = blob.len;
	in.row.token = (struct digest){0};
	in.row.invite_ek = (struct digest){0};
	in.row.invite_end = 0;
	in.row.enrolled = k->round.now;
	TRY(await(c, &in.e.host));
	return store(k, &in, "host.enrol");
}

/* ---- Renewal --------------------------------------------------------------------------------*/

/* The same number with other bytes: two machines have the host's key and memory. Both are shut out,
 * for nobody can say which is the host. */
static rc alarm_clone(struct keeper *k, struct enrol *in, struct refusal *why)
{
	uint64_t leaf;

	TRY(put_leaf(k, in, "host.lock", &leaf));
	in->row.lock = HOST_CLONED;
	in->row.locked = k->round.now;
	TRY(journal_host_put(k->journal, &in->row, &k->round.fault));
	log_warn("host %s: number %llu came twice: locked", in->e.host.s,
		 (unsigned long long)in->e.counter);
	return refuse(why, REASON_HOST_CLONE, "%s: number %llu came before, in other bytes",
		      in->e.host.s, (unsigned long long)in->e.counter);
}

static rc refuse_late(const struct enrol *in, int64_t grace, struct refusal *why)
{
	bool days = grace % (24 * 3600) == 0;

	return refuse(why, REASON_HOST_EXPIRED, "%s: its certificate ended more than %lld %s ago",
		      in->e.host.s, (long long)(days ? grace / (24 * 3600) : grace),
		      days ? "days" : "seconds");
}

rc handle_renew(struct call *c)
{
	AUTO(enrol) struct enrol in = {0};
	struct keeper *k = c->k;
	bool again;

	TRY(read_message(c, &in));
	TRY(host_bound(k, &in.e.host, &in.row, &c->why));
	if (!view_is_equal(sshkey_blob(in.key), view_of(in.row.key, in.row.key_len)))
		return refuse(&c->why, REASON_HOST_UNENROLLED, "%s has enrolled with another key",
			      in.e.host.s);
	TRY(check_known(c, &in, &again));
	if (again)
		return await(c, &in.e.host);
	if (in.e.counter <= in.row.counter)
		return alarm_clone(k, &in, &c->why);
	if (in.e.counter != in.row.counter + 1)
		return refuse(&c->why, REASON_HOST_CLONE,
			      "%s: number %llu, and the last one known is %llu", in.e.host.s,
			      (unsigned long long)in.e.counter, (unsigned long long)in.row.counter);
	if (k->round.now > in.row.until + k->host_cert_grace)
		return refuse_late(&in, k->host_cert_grace, &c->why);
	if (in.row.klass < in.host->least)
		return refuse(&c->why, REASON_HOST_CLASS, "%s: class %s, and the roster demands %s",
			      in.e.host.s, host_class_name(in.row.klass),
			      host_class_name(in.host->least));
	TRY(await(c, &in.e.host));
	return store(k, &in, "host.renew");
}

/* ---- Answer ---------------------------------------------------------------------------------*/

static rc issue(struct keeper *k, const struct journal_host *row, struct view ca, struct buf *out,
		struct fault *f)
{
	AUTO(sshkey) struct sshkey *ssh = NULL;
	AUTO(pkey) struct pkey *pub = NULL;
	const struct host_cert cert = {.host = &row->name,
				       .given = row->renewed,
				       .until = row->until,
				       .statement = row->last};
	struct host_cert c = cert;

	TRY(sshkey_parse_blob(view_of(row->key, row->key_len), &ssh, f));
	TRY(public_of(ssh, &pub, f));
	c.key = pub;
	return host_ca_issue(k->host_ca, ca, &c, out, f);
}

rc enrol_answer(struct keeper *k, const struct waiter *w, struct buf *out, struct fault *f)
{
	static const struct pem_kind kind = {"CERTIFICATE", PEM_COLUMNS};
	AUTO(buf) struct buf ca = {0};
	AUTO(buf) struct buf der = {0};
	AUTO(buf) struct buf pem = {0};
	AUTO(buf) struct buf json = {0};
	struct journal_host row;
	struct jcan_out o;

	buf_init(&ca, KEEPER_CERT_MAX);
	buf_init(&der, KEEPER_CERT_MAX);
	buf_init(&pem, 4 * KEEPER_CERT_MAX);
	buf_init(&json, KEEPER_STATUS_MAX);
	TRY(journal_host_get(k->journal, &w->host, &row, f));
	TRY(journal_host_ca_get(k->journal, &ca, f));
	TRY(issue(k, &row, buf_view(&ca), &der, f));
	jcan_out_init(&o, &json);
	jcan_out_object(&o);
	jcan_out_key(&o, "ca");
	pem_put(&kind, buf_view(&ca), &pem);
	TRY(buf_done(&pem));
	jcan_out_view(&o, buf_view(&pem));
	buf_clear(&pem);
	pem_put(&kind, buf_view(&der), &pem);
	TRY(buf_done(&pem));
	jcan_out_key(&o, "certificate");
	jcan_out_view(&o, buf_view(&pem));
	field_out_string(&o, "class", host_class_name(row.klass));
	field_out_u64(&o, "counter", row.counter);
	field_out_string(&o, "host", row.name.s);
	jcan_out_object_end(&o);
	TRY(jcan_out_done(&o));
	keeper_put_bytes(out, w->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}
