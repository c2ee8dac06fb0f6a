#include "prog/keeper/issuers.h"

#include <string.h>

#include "lib/codec/jcan.h"
#include "lib/model/field.h"
#include "lib/model/leaf.h"
#include "lib/proto/keeper_jwks.h"
#include "prog/keeper/gate.h"

/* Some service has tokens of it and does not pin the keys. */
static bool is_wanted(const struct roster *roster, struct view issuer)
{
	for (size_t i = 0; i < roster->service_count; i++) {
		const struct oidc *o = roster->services[i].oidc;

		if (o != NULL && o->jwks == NULL && view_is(issuer, o->issuer))
			return true;
	}
	return false;
}

static bool counts(const struct keeper *k, const struct journal_issuer *row)
{
	int64_t age = k->round.now - row->confirmed;

	/* From the future: the clock was set back since, and nobody knows how old it is. */
	return age >= -CLOCK_JUMP && age <= ISSUER_AGE_MAX;
}

rc issuer_keys(struct keeper *k, const char *issuer, struct jwks **ret, struct refusal *why)
{
	AUTO(buf) struct buf set = {0};
	struct journal_issuer row;
	struct fault f = {0};
	rc r = journal_issuer_get(k->journal, view_str(issuer), &row, &k->round.fault);

	if (r.code == RC_NOTFOUND)
		return refuse(why, REASON_TOKEN_KEYS, "no keys of %s have arrived", issuer);
	TRY(r);
	if (!counts(k, &row))
		return refuse(why, REASON_TOKEN_KEYS,
			      "the keys of %s were last confirmed %lld s ago", issuer,
			      (long long)(k->round.now - row.confirmed));
	buf_init(&set, KEEPER_JWKS_MAX);
	TRY(journal_jwks_get(k->journal, &row.set, &set, &k->round.fault));
	r = jwks_parse(buf_view(&set), ret, &f);
	if (rc_is_ok(r) || r.code == RC_NOMEM)
		return r;
	/* It was good when it came. */
	return refuse(why, REASON_TOKEN_KEYS, "the keys of %s: %s", issuer, f.text);
}

static struct digest statement_of(const struct keeper_jwks *m)
{
	const struct view parts[] = {view_str(ISSUER_STATEMENT), m->issuer, view_str("\n"), m->set};

	return digest_of_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

static rc put_leaf(struct keeper *k, const struct keeper_jwks *m, const struct digest *set,
		   uint64_t *ret)
{
	struct leaf leaf = {
		.kind = LEAF_ADMIN, .time = k->round.now, .object = *set, .action = "jwks"};

	leaf.statement = statement_of(m);
	return ledger_append(&k->ledger, &leaf, ret, &k->round.fault);
}

/* A bucket of changes that fills again with time, as the moment at which it is full. Whoever
 * takes jwksd over could else fill the log. */
static rc pace(struct keeper *k, struct journal_issuer *row, struct refusal *why)
{
	unix_time now = k->round.now;
	unix_time full = row->paced > now ? row->paced : now;

	if (full - now > (ISSUER_CHANGES_BURST - 1) * (unix_time)ISSUER_CHANGE_PACE)
		return refuse(why, REASON_KEEPER_BUSY, "%s changes its keys too often",
			      row->issuer);
	row->paced = full + ISSUER_CHANGE_PACE;
	return OK;
}

static rc change(struct keeper *k, const struct keeper_jwks *m, struct journal_issuer *row,
		 struct refusal *why)
{
	AUTO(jwks) struct jwks *set = NULL;
	struct fault f = {0};
	rc r = jwks_parse(m->set, &set, &f);

	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return refuse(why, REASON_TOKEN_KEYS, "the keys of %s: %s", row->issuer, f.text);
	TRY(pace(k, row, why));
	row->confirmed = k->round.now;
	TRY(put_leaf(k, m, &row->set, &row->leaf));
	TRY(journal_jwks_add(k->journal, row, m->set, &k->round.fault));
	return journal_issuer_put(k->journal, row, &k->round.fault);
}

static rc answer(struct call *c, const struct journal_issuer *row, bool changed)
{
	AUTO(buf) struct buf json = {0};
	struct jcan_out w;

	buf_init(&json, KEEPER_STATUS_MAX);
	jcan_out_init(&w, &json);
	jcan_out_object(&w);
	field_out_string(&w, "issuer", row->issuer);
	field_out_u64(&w, "leaf", row->leaf);
	field_out_digest(&w, "set", &row->set);
	field_out_string(&w, "state", changed ? "changed" : "confirmed");
	jcan_out_object_end(&w);
	TRY(buf_done(&json));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}

rc handle_jwks(struct call *c)
{
	struct journal_issuer row = {0};
	struct keeper *k = c->k;
	struct keeper_jwks m;
	struct digest set;
	bool changed;
	rc r = keeper_get_jwks(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (!is_wanted(k->roster, m.issuer))
		return refuse(&c->why, REASON_TOKEN_ISSUER, "no service needs keys of %.*s",
			      (int)m.issuer.len, (const char *)m.issuer.ptr);
	set = digest_of(m.set);
	r = journal_issuer_get(k->journal, m.issuer, &row, &k->round.fault);
	changed = r.code == RC_NOTFOUND || !digest_is_equal(&row.set, &set);
	if (r.code != RC_NOTFOUND)
		TRY(r);
	if (changed) {
		memcpy(row.issuer, m.issuer.ptr, m.issuer.len);
		row.issuer[m.issuer.len] = '\0';
		row.set = set;
		TRY(change(k, &m, &row, &c->why));
	} else if (k->round.now - row.confirmed >= ISSUER_CONFIRM_PACE ||
		   row.confirmed > k->round.now) {
		row.confirmed = k->round.now;
		TRY(ledger_begin(&k->ledger, &k->round.fault));
		TRY(journal_issuer_put(k->journal, &row, &k->round.fault));
	}
	return answer(c, &row, changed);
}
