#include "prog/cli/bundle_grant.h"

#include <string.h>

#include "lib/crypt/sshsig.h"
#include "lib/tlog/proof_file.h"

/* How strong a key must be the keeper judged when it took the grant. */
static const struct sshsig_rules any_form = {
	.allow_unverified = true, .allow_synced = true, .rp_origins = true};

static rc check_entry(const struct bundle_grant *g, struct leaf *ret, struct fault *f)
{
	const struct bundle *b = g->bundle;
	struct digest statement = digest_of(buf_view(&b->grant));
	struct proof_file file;

	if (b->grant_entry.len == 0)
		return fault_set(f, RC_MISMATCH, 0, "the proof lacks the grant of access");
	TRY(proof_file_parse(buf_view(&b->grant_proof), &file, f));
	TRY(proof_file_verify(&file, buf_view(&b->grant_entry), g->log, NULL, f));
	TRY(leaf_parse(buf_view(&b->grant_entry), ret, f));
	if (ret->kind != LEAF_ADMIN || strcmp(ret->action, "access.grant") != 0 ||
	    file.index >= g->authorize_index || !digest_is_equal(&ret->statement, &statement) ||
	    !digest_is_equal(&g->authorize->grant, &statement))
		return fault_set(f, RC_MISMATCH, 0,
				 "the log entry does not record this grant before the request");
	return OK;
}

static rc check_statement(const struct bundle_grant *g, struct access_change *ret, struct fault *f)
{
	TRY(access_change_parse(buf_view(&g->bundle->grant), ret, f));
	if (ret->action != ACCESS_GRANT || !name_is_equal(&ret->key, &g->request->key) ||
	    !name_is_equal(&ret->person, &g->request->requester) ||
	    strcmp(ret->origin, g->log->name) != 0)
		return fault_set(f, RC_MISMATCH, 0, "the grant is for another person, key or log");
	return OK;
}

/* One signature; by a key that nobody has now it counts for nobody. */
static rc check_signature(const struct bundle_grant *g, struct view sig, struct fault *f)
{
	const struct principal *p;
	struct sshsig parts;

	TRY(sshsig_parse(sig, &parts, f));
	p = roster_person_by_key(g->roster, parts.key_blob);
	if (p == NULL)
		return OK;
	return sshsig_verify(principal_key(p, parts.key_blob), statement_info(STATEMENT_ACCESS)->ns,
			     buf_view(&g->bundle->grant), sig, &any_form, NULL, f);
}

static rc check_signatures(const struct bundle_grant *g, const struct leaf *leaf, struct view *sigs,
			   size_t *ret_count, struct fault *f)
{
	struct view rest = buf_view(&g->bundle->grant_sigs);
	size_t n = 0;

	while (rest.len > 0) {
		struct digest digest;

		if (n == CHANGE_SIGNATURES_MAX ||
		    !rc_is_ok(view_string(&rest, SSHSIG_BLOB_MAX, &sigs[n])))
			return fault_set(f, RC_SYNTAX, 0, "the grant's signatures cannot be read");
		digest = digest_of(sigs[n]);
		if (n >= leaf->approval_count || !digest_is_equal(&digest, &leaf->approvals[n]))
			return fault_set(f, RC_MISMATCH, 0,
					 "the log records other signatures under the grant");
		TRY(check_signature(g, sigs[n], f));
		n++;
	}
	*ret_count = n;
	return OK;
}

rc bundle_grant_prove(const struct bundle_grant *g, struct grant_fact *ret, struct fault *f)
{
	struct voter voters[CHANGE_SIGNATURES_MAX];
	struct view sigs[CHANGE_SIGNATURES_MAX];
	struct access_change change;
	struct grant grant = {
		.change = &change, .statement = g->authorize->grant, .voters = voters};
	enum reason why;
	struct leaf leaf;
	size_t count = 0;

	TRY(check_entry(g, &leaf, f));
	TRY(check_statement(g, &change, f));
	TRY(check_signatures(g, &leaf, sigs, &count, f));
	grant.given = leaf.time;
	grant.voter_count = grant_voters(g->roster, sigs, count, voters);
	TRY(grant_weigh(g->policy, g->roster, &grant, g->authorize->time, &why, ret));
	if (why != REASON_NONE)
		return fault_set(f, RC_MISMATCH, 0, "the grant did not hold then: %s",
				 reason_what(why));
	return OK;
}
