#include "prog/keeper/oidc.h"

#include <string.h>

#include "lib/crypt/jwt.h"
#include "prog/keeper/issuers.h"

/* A token seen by the log's clock, which never goes back: one that has ended stays so, whatever is
 * done to the machine's. */
static unix_time log_now(const struct keeper *k)
{
	return k->round.now > k->ledger.committed.time ? k->round.now : k->ledger.committed.time;
}

/* The keys of the service's issuer: pinned in the roster, which a quorum has signed, or else those
 * that greatseal-jwksd has fetched. */
static rc keys_of(struct keeper *k, const struct principal *service, struct jwks **ret,
		  struct digest *ret_digest, struct refusal *why)
{
	const struct oidc *o = service->oidc;
	struct journal_issuer row;
	struct fault f = {0};
	rc r;

	if (o->jwks == NULL) {
		TRY(issuer_keys(k, o->issuer, ret, why));
		TRY(journal_issuer_get(k->journal, view_str(o->issuer), &row, &k->round.fault));
		*ret_digest = row.set;
		return OK;
	}
	r = jwks_parse(view_str(o->jwks), ret, &f);
	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return refuse(why, REASON_TOKEN_KEYS, "%s: %s", o->issuer, f.text);
	*ret_digest = digest_of(view_str(o->jwks));
	return OK;
}

static rc signature_check(const struct jwt *t, const struct jwks *keys, struct refusal *why)
{
	struct fault f = {0};
	rc r = jwt_verify(t, keys, &f);

	if (rc_is_ok(r) || r.code == RC_NOMEM)
		return r;
	return refuse(why, r.code == RC_NOTFOUND ? REASON_TOKEN_KEYS : REASON_TOKEN_SIGNATURE, "%s",
		      f.text);
}

/* request NULL: for calls. What binds a token to one thing is no audience for everything: a token
 * for calls would else be one of another service for requests. */
static rc audience_check(const struct keeper *k, const struct oidc *o, const struct digest *request,
			 const struct jwt *t, struct refusal *why)
{
	const char *origin = k->ledger.id.origin;
	char bound[TOKEN_AUDIENCE_MAX];
	const char *want = o->audience;

	if (o->bind_audience) {
		if (request == NULL)
			token_call_audience(origin, bound);
		else
			token_audience(origin, request, bound);
		want = bound;
	} else if (token_audience_is_bound(origin, o->audience)) {
		return refuse(why, REASON_TOKEN_AUDIENCE,
			      "the roster's audience is one of those that bind: audience is for");
	}
	if (jwt_is_for(t, want))
		return OK;
	if (!o->bind_audience && request != NULL) {
		token_audience(origin, request, bound);
		if (jwt_is_for(t, bound))
			return refuse(why, REASON_TOKEN_AUDIENCE,
				      "it is for this request alone, and the roster has audience: "
				      "%s for the service where bind: audience is needed",
				      want);
	}
	return refuse(why, REASON_TOKEN_AUDIENCE, "it is not for %s", want);
}

static rc claims_check(const struct oidc *o, const struct jwt *t, struct refusal *why)
{
	char value[JWT_TEXT_MAX + 1];

	for (size_t i = 0; i < o->match_count; i++) {
		const struct claim_match *m = &o->match[i];

		if (!rc_is_ok(jwt_claim(t, m->claim, value)))
			return refuse(why, REASON_TOKEN_MATCH,
				      "it has no %s that is a text, number or boolean", m->claim);
		if (strcmp(value, m->value) != 0)
			return refuse(why, REASON_TOKEN_MATCH, "its %s is %s, not %s", m->claim,
				      value, m->value);
	}
	return OK;
}

/* A token that is good for any request is good for one. The request that it came with may come
 * again: it is in the journal then, and nothing is verified anew. */
static rc replay_check(struct keeper *k, const struct oidc *o, const struct jwt *t,
		       struct refusal *why)
{
	struct dossier *d = &k->dossier;
	struct view parts[] = {view_str(jwt_issuer(t)), view_str("\n"), view_str(jwt_id(t))};
	struct digest by;
	rc r;

	if (o->bind_audience)
		return OK;
	if (jwt_id(t)[0] == '\0')
		return refuse(why, REASON_TOKEN_REPLAY,
			      "it has no jti, so nobody can tell whether it was used before");
	d->token.once = digest_of_parts(parts, 3);
	r = journal_token_get(k->journal, &d->token.once, &by, &k->round.fault);
	if (r.code == RC_NOTFOUND) {
		d->token.spend = true;
		return OK;
	}
	TRY(r);
	return refuse(why, REASON_TOKEN_REPLAY, "it was used for another request");
}

/* Appends what stays of the token. */
static rc record(const struct principal *service, const struct jwt *t, struct token_record *rec,
		 struct buf *out, struct refusal *why)
{
	const struct oidc *o = service->oidc;
	struct fault f = {0};

	memcpy(rec->issuer, o->issuer, sizeof(rec->issuer));
	memcpy(rec->audience, o->audience, sizeof(rec->audience));
	if (o->bind_audience)
		rec->audience[0] = '\0';
	rec->expires = jwt_expires(t);
	memcpy(rec->match, o->match, sizeof(rec->match));
	rec->match_count = o->match_count;
	rec->service = service->name;
	/* Who is behind the job must be known, or that person could approve it (P7). */
	if (o->actor[0] != '\0' &&
	    (!rc_is_ok(jwt_claim(t, o->actor, rec->actor)) || rec->actor[0] == '\0'))
		return refuse(why, REASON_TOKEN_MATCH, "it does not say who its %s is", o->actor);
	if (!rc_is_ok(token_record_encode(rec, out, &f)))
		return refuse(why, REASON_TOKEN_FORM, "%s", f.text);
	return OK;
}

static rc remember(struct keeper *k, const struct principal *service, const struct jwt *t,
		   struct token_record *rec, struct refusal *why)
{
	struct dossier *d = &k->dossier;
	struct buf out;

	rec->request = d->row.digest;
	buf_init_fixed(&out, d->token.mem, sizeof(d->token.mem));
	TRY(record(service, t, rec, &out, why));
	d->token.len = out.len;
	d->token.expires = rec->expires;
	d->token.record = digest_of(buf_view(&out));
	memcpy(d->token.actor, rec->actor, sizeof(d->token.actor));
	return OK;
}

/* All that a token must be, for the statement of that digest or (NULL) for calls. */
static rc judge(struct keeper *k, const struct principal *service, const struct digest *request,
		const struct jwt *t, struct digest *ret_jwks, struct refusal *why)
{
	AUTO(jwks) struct jwks *keys = NULL;
	const struct oidc *o = service->oidc;
	struct fault f = {0};

	if (strcmp(jwt_issuer(t), o->issuer) != 0)
		return refuse(why, REASON_TOKEN_ISSUER, "%s has tokens of %s, not of %s",
			      service->name.s, o->issuer, jwt_issuer(t));
	TRY(keys_of(k, service, &keys, ret_jwks, why));
	TRY(signature_check(t, keys, why));
	TRY(audience_check(k, o, request, t, why));
	if (!rc_is_ok(jwt_check_time(t, log_now(k), &f)))
		return refuse(why, REASON_TOKEN_TIME, "%s", f.text);
	return claims_check(o, t, why);
}

static rc take_apart(const struct principal *service, struct view token, struct jwt **ret,
		     struct refusal *why)
{
	struct fault f = {0};
	rc r;

	if (service->oidc == NULL)
		return refuse(why, REASON_TOKEN_ISSUER, "%s signs with its keys and has no tokens",
			      service->name.s);
	r = jwt_parse(token, ret, &f);
	if (rc_is_ok(r) || r.code == RC_NOMEM)
		return r;
	return refuse(why, REASON_TOKEN_FORM, "%s", f.text);
}

rc token_verify(struct keeper *k, const struct principal *service, struct view token,
		struct refusal *why)
{
	struct token_record rec = {.token = digest_of(token)};
	AUTO(jwt) struct jwt *t = NULL;

	TRY(take_apart(service, token, &t, why));
	TRY(judge(k, service, &k->dossier.row.digest, t, &rec.jwks, why));
	TRY(replay_check(k, service->oidc, t, why));
	return remember(k, service, t, &rec, why);
}

rc token_verify_cancel(struct keeper *k, const struct principal *service,
		       const struct digest *statement, struct view token, struct buf *out,
		       struct refusal *why)
{
	struct token_record rec = {.token = digest_of(token), .request = *statement};
	AUTO(jwt) struct jwt *t = NULL;

	TRY(take_apart(service, token, &t, why));
	/* Whoever holds any other token could cancel with it, and use it up. */
	if (!service->oidc->bind_audience)
		return refuse(why, REASON_TOKEN_AUDIENCE,
			      "%s has no bind: audience, so none of its tokens is for a "
			      "cancellation alone",
			      service->name.s);
	TRY(judge(k, service, statement, t, &rec.jwks, why));
	return record(service, t, &rec, out, why);
}

rc token_verify_caller(struct keeper *k, const struct principal *service, struct view token,
		       unix_time *ret_expires, struct refusal *why)
{
	AUTO(jwt) struct jwt *t = NULL;
	struct digest jwks;

	TRY(take_apart(service, token, &t, why));
	TRY(judge(k, service, NULL, t, &jwks, why));
	*ret_expires = jwt_expires(t);
	return OK;
}

rc token_spend(struct keeper *k, struct fault *f)
{
	const struct dossier *d = &k->dossier;

	if (!d->token.spend)
		return OK;
	/* Those that no clock would take any more. */
	TRY(journal_token_purge(k->journal, log_now(k) - 2 * JWT_SKEW, f));
	return journal_token_add(k->journal, &d->token.once, &d->row.digest, d->token.expires, f);
}

bool token_stays(struct keeper *k, const struct principal *service, struct view record)
{
	struct dossier *d = &k->dossier;
	struct token_record t;

	if (!rc_is_ok(token_record_parse(record, &t, NULL)) ||
	    !digest_is_equal(&t.request, &d->row.digest))
		return false;
	d->token.record = digest_of(record);
	memcpy(d->token.actor, t.actor, sizeof(d->token.actor));
	return rc_is_ok(token_record_fits(&t, service, NULL));
}
