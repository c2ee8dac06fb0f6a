#include "prog/keeper/host_proof.h"

#include "lib/model/svid.h"
#include "prog/keeper/hosts.h"

/* ---- Enrolled -------------------------------------------------------------------------------*/

static rc verify_enrolled(struct keeper *k, const struct host_said *s, struct digest *ret,
			  struct refusal *why)
{
	AUTO(sshkey) struct sshkey *key = NULL;
	const struct name *name = &s->host->name;
	struct journal_host row;
	struct sshsig parts;
	struct fault f = {0};

	TRY(host_standing(k, name, &row, why));
	if (s->proof.len == 0 || !rc_is_ok(sshsig_parse(s->proof, &parts, &f)))
		return refuse(why, s->reason, "%s: %s", name->s,
			      s->proof.len == 0 ? "there is no signature" : f.text);
	if (!view_is_equal(parts.key_blob, view_of(row.key, row.key_len)))
		return refuse(why, s->reason, "%s: signed by another key than it enrolled with",
			      name->s);
	TRY(sshkey_parse_blob(parts.key_blob, &key, &k->round.fault));
	*ret = *sshkey_fingerprint(key);
	return verify_key_sig(k, &(struct signed_by){key, name}, s->kind, s->statement, s->proof,
			      s->reason, why);
}

/* ---- With a SPIFFE ID -----------------------------------------------------------------------*/

static rc verify_svid(struct keeper *k, const struct host_said *s, struct digest *ret,
		      struct refusal *why)
{
	AUTO(sshkey) struct sshkey *key = NULL;
	const struct name *name = &s->host->name;
	struct svid_proof p;
	struct fault f = {0};
	rc r;

	if (s->proof.len == 0)
		return refuse(why, s->reason, "%s: there is no signature", name->s);
	r = svid_proof_parse(s->proof, &p, &f);
	if (rc_is_ok(r))
		r = roster_svid_key(k->roster, s->host, &p, k->round.now, &key, &f);
	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return refuse(why, r.code == RC_EXPIRED ? REASON_HOST_EXPIRED : s->reason, "%s: %s",
			      name->s, f.text);
	*ret = s->host->digest;
	return verify_key_sig(k, &(struct signed_by){key, name}, s->kind, s->statement, p.sig,
			      s->reason, why);
}

/* ---- Any ------------------------------------------------------------------------------------*/

rc host_proof_verify(struct keeper *k, const struct host_said *s, struct digest *ret,
		     struct refusal *why)
{
	struct good_sig by;

	if (s->host->enrol)
		return verify_enrolled(k, s, ret, why);
	TRY(host_unlocked(k, &s->host->name, why));
	if (s->host->spiffe != NULL)
		return verify_svid(k, s, ret, why);
	TRY(verify_by(k, s->host, s->kind, s->statement, s->proof, s->reason, &by, why));
	*ret = by.fingerprint;
	return OK;
}

bool host_proof_stays(const struct keeper *k, const struct principal *host, struct view proof)
{
	AUTO(sshkey) struct sshkey *key = NULL;
	struct svid_proof p;
	struct sshsig parts;
	unix_time when;

	if (host == NULL || host->enrol)
		return host != NULL;
	if (host->spiffe == NULL)
		return rc_is_ok(sshsig_parse(proof, &parts, NULL)) &&
		       principal_key(host, parts.key_blob) != NULL;
	return rc_is_ok(svid_proof_parse(proof, &p, NULL)) &&
	       rc_is_ok(svid_moment(&p, k->round.now, &when, NULL)) &&
	       rc_is_ok(roster_svid_key(k->roster, host, &p, when, &key, NULL));
}

rc host_signer_stays(const struct keeper *k, const struct principal *host,
		     const struct digest *signer, bool *ret)
{
	struct journal_host row;
	struct digest key;
	rc r;

	*ret = false;
	if (host->spiffe != NULL)
		*ret = digest_is_equal(&host->digest, signer);
	for (size_t i = 0; i < host->key_count; i++)
		*ret |= digest_is_equal(sshkey_fingerprint(host->keys[i]), signer);
	r = journal_host_get(k->journal, &host->name, &row, NULL);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	*ret = *ret && row.lock == HOST_FREE;
	if (!host->enrol)
		return OK;
	key = digest_of(view_of(row.key, row.key_len));
	*ret = row.key_len > 0 && row.lock == HOST_FREE && row.klass >= host->least &&
	       digest_is_equal(&key, signer);
	return OK;
}
