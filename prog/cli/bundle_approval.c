#include "prog/cli/bundle_approval.h"

#include <stdlib.h>
#include <string.h>

#include "lib/model/act.h"
#include "lib/model/field.h"
#include "lib/model/preapproval.h"
#include "lib/tlog/proof_file.h"

/* Keys may be of any channel and form here: the keeper judged that when it counted. */
static const struct sshsig_rules any_form = {
	.allow_unverified = true, .allow_synced = true, .rp_origins = true};

rc bundle_verify_by(const struct principal *who, const char *ns, struct view message,
		    struct view sig, struct sshsig_info *ret, struct fault *f)
{
	struct sshsig parts;
	const struct sshkey *key;

	TRY(sshsig_parse(sig, &parts, f));
	key = principal_key(who, parts.key_blob);
	if (key == NULL)
		return fault_set(f, RC_BADSIG, 0,
				 "signed with a key that the roster does not list for %s",
				 who->name.s);
	return sshsig_verify(key, ns, message, sig, &any_form, ret, f);
}

static bool is_counted(const struct bundle_approval *a, const struct digest *statement)
{
	for (size_t i = 0; i < a->authorize->approval_count; i++)
		if (digest_is_equal(&a->authorize->approvals[i], statement))
			return true;
	return false;
}

/* One that came before the request: over the same files, for the same key. */
static rc read_preapproval(const struct bundle_approval *a, struct approval_fact *ret,
			   struct fault *f)
{
	struct preapproval *p = (struct preapproval *)malloc(sizeof(*p));
	struct digest set;
	rc r;

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	r = preapproval_parse(buf_view(&a->said->bytes), p, f);
	if (rc_is_ok(r) &&
	    (!rc_is_ok(preapproval_set_of(a->request, &set)) || !digest_is_equal(&set, &p->set) ||
	     !digest_is_equal(&p->key_fingerprint, &a->authorize->key) ||
	     strcmp(p->origin, a->request->origin) != 0))
		r = fault_set(f, RC_MISMATCH, 0,
			      "a preapproval is for other files, another key or another log");
	if (rc_is_ok(r))
		*ret = (struct approval_fact){
			.person = p->person, .rule = p->rule, .expires = p->expires, .early = true};
	free(p);
	return r;
}

static rc read_approval(const struct bundle_approval *a, struct approval_fact *ret, struct fault *f)
{
	struct act act;

	TRY(act_parse(STATEMENT_APPROVAL, buf_view(&a->said->bytes), &act, f));
	if (!digest_is_equal(&act.request, &a->request_id))
		return fault_set(f, RC_MISMATCH, 0, "an approval is for another request");
	*ret = (struct approval_fact){
		.person = act.person, .rule = act.rule, .expires = act.expires};
	return OK;
}

/* The entry by which the log has this statement under this signature, before it was counted. */
static rc read_entry(const struct bundle_approval *a, struct approval_fact *ret, struct fault *f)
{
	struct digest sig = digest_of(buf_view(&a->said->sig));
	struct proof_file file;
	struct leaf leaf;

	TRY(proof_file_parse(buf_view(&a->said->proof), &file, f));
	TRY(proof_file_verify(&file, buf_view(&a->said->entry), a->log, NULL, f));
	TRY(leaf_parse(buf_view(&a->said->entry), &leaf, f));
	if (leaf.kind != (ret->early ? LEAF_PREAPPROVAL : LEAF_APPROVAL) ||
	    file.index >= a->authorize_index ||
	    !digest_is_equal(&leaf.statement, &ret->statement) ||
	    !digest_is_equal(&leaf.signature, &sig) ||
	    (!ret->early && !digest_is_equal(&leaf.request, &a->request_id)))
		return fault_set(f, RC_MISMATCH, 0,
				 "the log entry does not record this approval before it counted");
	ret->given = leaf.time;
	return OK;
}

rc bundle_approval_prove(const struct bundle_approval *a, struct approval_fact *ret,
			 bool *ret_dated, struct fault *f)
{
	struct view bytes = buf_view(&a->said->bytes);
	bool late = rc_is_ok(envelope_check_kind(bytes, STATEMENT_APPROVAL, NULL));
	enum statement_kind kind = late ? STATEMENT_APPROVAL : STATEMENT_PREAPPROVAL;
	struct approval_fact fact = {.early = false};
	const struct principal *person;
	struct sshsig_info info = {0};

	TRY(late ? read_approval(a, &fact, f) : read_preapproval(a, &fact, f));
	fact.statement = digest_of(bytes);
	if (!is_counted(a, &fact.statement))
		return fault_set(f, RC_MISMATCH, 0,
				 "an approval is not one of those that were counted");
	person = roster_person(a->roster, &fact.person);
	if (person == NULL)
		return fault_set(f, RC_NOTFOUND, 0, "the roster has no %s", fact.person.s);
	TRY(bundle_verify_by(person, statement_info(kind)->ns, bytes, buf_view(&a->said->sig),
			     &info, f));
	fact.channel = info.channel;
	fact.synced = info.synced;
	fact.given = a->authorize->time;
	*ret_dated = a->said->entry.len > 0;
	if (*ret_dated)
		TRY(read_entry(a, &fact, f));
	*ret = fact;
	return OK;
}
