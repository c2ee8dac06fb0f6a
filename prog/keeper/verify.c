/* Signatures and everything about a new request that policy does not say. */
#include "prog/keeper/keeper.h"
#include "prog/keeper/host_proof.h"
#include "lib/crypt/jwt.h"
#include "prog/keeper/oidc.h"

#include <stdio.h>
#include <string.h>

#include "lib/format/tbs.h"

rc refuse_form(struct refusal *why, rc r, const struct fault *f)
{
	enum reason reason = REASON_FORM_STATEMENT;

	if (r.code == RC_MISMATCH)
		reason = REASON_FORM_KIND;
	else if (r.code == RC_LIMIT)
		reason = REASON_FORM_LIMIT;
	else if (r.code == RC_EXPIRED)
		reason = REASON_FORM_TIME;
	else if (r.code == RC_NOMEM)
		return r;
	return refuse(why, reason, "%s", f->code != RC_OK ? f->text : rc_name(r));
}

rc check_seen(struct keeper *k, const struct name *who, uint64_t size, const struct digest *seen,
	      struct refusal *why)
{
	struct digest root;

	if (size == 0)
		return OK;
	if (size > k->ledger.committed.tree.size)
		return refuse(why, REASON_KEEPER_RESTORED, "%s has seen a log of %llu entries",
			      who->s, (unsigned long long)size);
	TRY(ledger_root_at(&k->ledger, size, &root, &k->round.fault));
	if (!digest_is_equal(&root, seen))
		return refuse(why, REASON_KEEPER_RESTORED, "%s has seen another log", who->s);
	return OK;
}

rc check_origin(const struct keeper *k, const char *origin, struct refusal *why)
{
	if (strcmp(origin, k->ledger.id.origin) != 0)
		return refuse(why, REASON_FORM_ORIGIN, "made for %s, this is %s", origin,
			      k->ledger.id.origin);
	return OK;
}

static const struct hash *hash_for(struct hashed *h, enum hash_alg alg)
{
	if (!h->done || h->hash.alg != alg)
		h->hash = hash_of(alg, h->bytes);
	h->done = true;
	return &h->hash;
}

rc verify_key_sig(const struct keeper *k, const struct signed_by *by, enum statement_kind kind,
		  struct hashed *statement, struct view sig, enum reason which, struct refusal *why)
{
	struct fault f = {0};
	struct sshsig parts;
	rc r = sshsig_parse(sig, &parts, &f);

	if (rc_is_ok(r))
		r = sshsig_verify_hash(by->key, statement_info(kind)->ns,
				       hash_for(statement, parts.hash), sig, &k->sig_rules, NULL,
				       &f);
	if (rc_is_ok(r) || r.code == RC_NOMEM)
		return r;
	return refuse(why, which, "%s: %s", by->who->s, f.text);
}

rc verify_by(const struct keeper *k, const struct principal *p, enum statement_kind kind,
	     struct hashed *statement, struct view sig, enum reason which, struct good_sig *ret,
	     struct refusal *why)
{
	struct sshsig_info info = {0};
	enum sshkey_channel form;
	const struct sshkey *key;
	struct fault f = {0};
	struct sshsig parts;
	rc r;

	if (sig.len == 0)
		return refuse(why, which, "%s: there is no signature", p->name.s);
	r = sshsig_parse(sig, &parts, &f);
	if (!rc_is_ok(r))
		return refuse(why, which, "%s: %s", p->name.s, f.text);
	key = principal_key(p, parts.key_blob);
	if (key == NULL)
		return refuse(why, which, "%s: signed by a key that the roster does not list",
			      p->name.s);
	if (rc_is_ok(sshsig_form_channel(&parts, &form)) && form != sshkey_channel(key))
		return refuse(why, REASON_WHO_CHANNEL,
			      "%s: the key is for the channel %s, the signature is of the channel "
			      "%s",
			      p->name.s, sshkey_channel_name(sshkey_channel(key)),
			      sshkey_channel_name(form));
	r = sshsig_verify_hash(key, statement_info(kind)->ns, hash_for(statement, parts.hash), sig,
			       &k->sig_rules, &info, &f);
	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return refuse(why, which, "%s: %s", p->name.s, f.text);
	if (ret != NULL)
		*ret = (struct good_sig){.fingerprint = *sshkey_fingerprint(key),
					 .channel = info.channel,
					 .synced = info.synced};
	return OK;
}

static rc verify_requester(struct keeper *k, const struct principal *p, struct hashed *statement,
			   struct view sig, struct refusal *why)
{
	if (p->kind == PRINCIPAL_SERVICE && jwt_is_like(sig))
		return token_verify(k, p, sig, why);
	return verify_by(k, p, STATEMENT_REQUEST, statement, sig, REASON_SIG_REQUESTER, NULL, why);
}

/* A job on a machine that nobody has enrolled: its issuer says where it runs, in a token that was
 * made for this very request. */
static rc verify_hostless(const struct keeper *k, const struct principal *p,
			  const struct keeper_submit *m, struct refusal *why)
{
	if (k->dossier.token.len == 0 || !p->oidc->bind_audience)
		return refuse(
			why, REASON_WHO_HOST,
			"without a host, only a service may ask, by a token for this request");
	if (m->host_sig.len != 0)
		return refuse(why, REASON_SIG_HOST, "there is a signature and no host");
	return OK;
}

static rc verify_signers(struct keeper *k, const struct keeper_submit *m, struct refusal *why)
{
	const struct request *q = &k->dossier.request;
	const struct principal *requester = roster_requester(k->roster, &q->requester);
	const struct principal *host = roster_host(k->roster, &q->host);
	struct hashed statement = {.bytes = m->statement, .done = true};

	/* The id is the digest of the same bytes. */
	statement.hash = (struct hash){.alg = HASH_SHA256, .size = DIGEST_SIZE};
	memcpy(statement.hash.b, k->dossier.row.digest.b, DIGEST_SIZE);
	if (requester == NULL)
		return refuse(why, REASON_WHO_PERSON, "%s is not in the roster", q->requester.s);
	if (host == NULL && q->host.s[0] != '\0')
		return refuse(why, REASON_WHO_HOST, "%s is not in the roster", q->host.s);
	TRY(verify_requester(k, requester, &statement, m->requester_sig, why));
	if (host == NULL)
		return verify_hostless(k, requester, m, why);
	return host_proof_verify(
		k,
		&(struct host_said){host, STATEMENT_HOST, &statement, m->host_sig, REASON_SIG_HOST},
		&k->dossier.host_signer, why);
}

static rc verify_key(struct keeper *k, struct refusal *why)
{
	const struct request *q = &k->dossier.request;
	const struct key *key = keyring_find(k->keyring, &q->key);

	if (key == NULL)
		return refuse(why, REASON_KEY_UNKNOWN, "there is no key %s", q->key.s);
	if (!digest_is_equal(key_fingerprint(key), &q->key_fingerprint))
		return refuse(why, REASON_KEY_FINGERPRINT, "key %s has another fingerprint",
			      q->key.s);
	if (key_tbs(key) == NULL)
		return refuse(why, REASON_KEY_NO_CERT, "key %s has no certificate", q->key.s);
	return OK;
}

static rc verify_items(struct keeper *k, struct refusal *why)
{
	const struct request *q = &k->dossier.request;
	const struct tbs_key *key = key_tbs(keyring_find(k->keyring, &q->key));

	for (size_t i = 0; i < q->count; i++) {
		const struct request_item *item = &q->items[i];
		const struct format_tbs *format = format_tbs_find(view_str(item->format));
		const struct tbs_input in = {.content = item->content,
					     .params = item->params,
					     .when = k->round.now,
					     .key = key};
		struct fault f = {0};
		rc r;

		if (format == NULL)
			return refuse(why, REASON_RULE_FORMAT, "item %zu: no format %s", i,
				      item->format);
		r = format->check(&in, &f);
		if (r.code == RC_NOMEM)
			return r;
		if (!rc_is_ok(r))
			return refuse(why, REASON_RULE_PARAMS, "item %zu: %s", i, f.text);
	}
	return OK;
}

rc verify_submission(struct keeper *k, const struct keeper_submit *m, bool signatures,
		     struct refusal *why)
{
	const struct request *q = &k->dossier.request;

	TRY(check_origin(k, q->origin, why));
	if (q->deadline < k->round.now)
		return refuse(why, REASON_TIME_DEADLINE, "the deadline is past");
	if (signatures)
		TRY(verify_signers(k, m, why));
	TRY(verify_key(k, why));
	return verify_items(k, why);
}
