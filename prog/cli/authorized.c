#include "prog/cli/authorized.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/sshsig.h"
#include "lib/model/act.h"
#include "lib/model/evidence.h"
#include "lib/model/preapproval.h"
#include "lib/policy/replay.h"
#include "lib/tlog/items.h"
#include "lib/tlog/proof_file.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/bundle_approval.h"
#include "prog/cli/encode.h"
#include "prog/cli/evidence.h"
#include "prog/cli/fetch.h"
#include "prog/cli/logview.h"
#include "prog/cli/policy_file.h"
#include "prog/cli/replay_grants.h"
#include "prog/cli/whatif.h"
#include "prog/cli/zones.h"

struct documents {
	struct policy_file policy;
	struct policy_file roster;
};

static void documents_release(struct documents *d)
{
	policy_file_release(&d->policy);
	policy_file_release(&d->roster);
}
AUTO_DEFINE(documents, struct documents, documents_release)

struct reader {
	struct cli *c;
	const struct wish *w;
	uint64_t index; /* of the entry */
	struct leaf leaf;
	struct documents then; /* policy and roster are NULL if the server has them no more */
	json_t *out;
	struct replay_request q; /* the approvals that counted */
	bool whole;		 /* all of them are in q */
};

static void put_text(json_t *out, const char *name, const char *text)
{
	(void)json_object_set_new(out, name, json_string(text));
}

static void put_hex(json_t *out, const char *name, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	put_text(out, name, hex);
}

static void put_number(json_t *out, const char *name, uint64_t n)
{
	(void)json_object_set_new(out, name, json_integer((json_int_t)n));
}

/* ---- The entry ------------------------------------------------------------------------------*/

static rc read_entry(struct reader *r, uint64_t index)
{
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf proof = {0};
	char when[TIME_TEXT] = "";
	struct fault f = {0};

	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&proof, PROOF_FILE_MAX);
	TRY(logview_entry(r->c, index, &entry, &proof));
	CLI_TRY(r->c, &f, leaf_parse(buf_view(&entry), &r->leaf, &f));
	if (r->leaf.kind != LEAF_AUTHORIZE || !digest_is_equal(&r->leaf.request, &r->w->digest))
		return cli_problem(r->c, RC_MISMATCH, "call the security team",
				   "entry %" PRIu64 " of the log authorises no use of this request",
				   index);
	rc_ignore(time_format(r->leaf.time, when), "what was parsed can be formatted");
	r->index = index;
	put_number(r->out, "entry", index);
	put_number(r->out, "use", r->leaf.use);
	put_text(r->out, "time", when);
	put_hex(r->out, "policy", &r->leaf.policy);
	put_hex(r->out, "roster", &r->leaf.roster);
	put_hex(r->out, "rule_digest", &r->leaf.rule);
	if (r->leaf.break_glass)
		(void)json_object_set_new(r->out, "break_glass", json_true());
	return OK;
}

static bool is_named(const struct digest *d)
{
	static const struct digest none;

	return !digest_is_equal(d, &none);
}

/* ---- By which documents ---------------------------------------------------------------------*/

static rc documents_of_then(struct reader *r)
{
	rc p = policy_file_of(r->c, SOURCE_POLICY, &r->leaf.policy, &r->then.policy);
	rc o = policy_file_of(r->c, SOURCE_ROSTER, &r->leaf.roster, &r->then.roster);

	if (p.code != RC_NOTFOUND)
		TRY(p);
	if (o.code != RC_NOTFOUND)
		TRY(o);
	if (r->then.policy.policy != NULL)
		put_number(r->out, "policy_version", r->then.policy.policy->version);
	if (r->then.roster.roster != NULL)
		put_number(r->out, "roster_version", r->then.roster.roster->version);
	return OK;
}

/* The entry names the effective rule by its digest, as the approvals do. */
static void find_rule(struct reader *r)
{
	const struct request *q = &r->w->request;
	const struct policy *p = r->then.policy.policy;
	const struct rule_ref *refs;
	size_t count;

	if (p == NULL || r->then.roster.roster == NULL)
		return;
	refs = policy_rules_of(p, &q->key, &count);
	for (size_t i = 0; i < count; i++) {
		struct digest d = policy_rule_digest(p, refs[i].rule, r->then.roster.roster,
						     &q->key, &r->leaf.key);

		if (!digest_is_equal(&d, &r->leaf.rule))
			continue;
		put_text(r->out, "rule", refs[i].rule->name.s);
		return;
	}
}

/* ---- Approvals ------------------------------------------------------------------------------*/

/* The roster of then is not there any more: the statement is the one that the log names, and says
 * who that is; nobody can say whether the signature was theirs. */
static rc read_unproven(struct reader *r, const struct signed_bytes *said,
			struct approval_fact *ret)
{
	struct preapproval *p = (struct preapproval *)malloc(sizeof(*p));
	struct view bytes = buf_view(&said->bytes);
	struct act act;
	rc e = OK;

	if (p == NULL)
		return cli_problem(r->c, RC_NOMEM, "", "no memory");
	*ret = (struct approval_fact){.statement = digest_of(bytes), .given = r->leaf.time};
	if (rc_is_ok(act_parse(STATEMENT_APPROVAL, bytes, &act, NULL))) {
		ret->person = act.person;
		ret->expires = act.expires;
	} else if (rc_is_ok(preapproval_parse(bytes, p, NULL))) {
		ret->person = p->person;
		ret->expires = p->expires;
		ret->early = true;
	} else {
		e = cli_problem(r->c, RC_PEER, "", "an approval that counted cannot be read");
	}
	free(p);
	return e;
}

/* Nothing of it is the server's word: the statement is the one that the log counts, the signature
 * is by a key that the roster of then gives the person, and the time is that of its entry. */
static rc prove_approval(struct reader *r, const struct signed_bytes *said,
			 struct approval_fact *ret, bool *ret_proven)
{
	const struct roster *roster = r->then.roster.roster;
	struct bundle_approval a = {.said = said,
				    .authorize = &r->leaf,
				    .authorize_index = r->index,
				    .roster = roster,
				    .request = &r->w->request,
				    .request_id = r->w->digest};
	struct fault f = {0};
	struct vkey log;
	bool dated;

	*ret_proven = roster != NULL;
	if (roster == NULL)
		return read_unproven(r, said, ret);
	TRY(logview_vkey(r->c, &log));
	a.log = &log;
	if (rc_is_ok(bundle_approval_prove(&a, ret, &dated, &f)))
		return OK;
	return cli_problem(r->c, f.code, "call the security team",
			   "an approval that the log counts is not proven: %s", f.text);
}

static rc read_approval(struct reader *r, const struct digest *statement, json_t *out)
{
	AUTO(signed_bytes) struct signed_bytes said = {0};
	struct approval_fact a = {.early = false};
	char when[TIME_TEXT] = "";
	struct digest is;
	bool proven;

	signed_bytes_init(&said, PREAPPROVAL_BYTES_MAX);
	TRY(fetch_approval(r->c, statement, &said));
	is = digest_of(buf_view(&said.bytes));
	if (!digest_is_equal(&is, statement))
		return cli_problem(r->c, RC_PEER, "",
				   "an approval that counted is not what the log names");
	TRY(prove_approval(r, &said, &a, &proven));
	rc_ignore(time_format(a.given, when), "what was parsed can be formatted");
	put_hex(out, "statement", statement);
	put_text(out, "person", a.person.s);
	(void)json_object_set_new(out, "proven", json_boolean(proven));
	if (proven)
		put_text(out, "given", when);
	if (a.early)
		(void)json_object_set_new(out, "early", json_true());
	if (r->q.approval_count < QUORUM_PEOPLE_MAX)
		r->q.approvals[r->q.approval_count++] =
			(struct replay_approval){.person = a.person,
						 .channel = a.channel,
						 .given = a.early ? r->leaf.time : a.given,
						 .expires = a.expires};
	else
		r->whole = false;
	return OK;
}

static rc read_approvals(struct reader *r)
{
	json_t *list = json_array();

	(void)json_object_set_new(r->out, "approvals", list);
	r->whole = true;
	for (size_t i = 0; i < r->leaf.approval_count; i++) {
		json_t *one = json_object();

		(void)json_array_append_new(list, one);
		TRY(read_approval(r, &r->leaf.approvals[i], one));
	}
	return OK;
}

/* ---- Evidence -------------------------------------------------------------------------------*/

/* Who said it is in the statement; of provenance the kind alone is shown. */
static rc put_evidence(struct reader *r, json_t *list, const char *hex, struct evidence *space)
{
	static const enum statement_kind kinds[] = {STATEMENT_SCAN, STATEMENT_REBUILD};
	const struct api_call get = {.method = "GET", .exact = true};
	json_t *one = json_object();
	AUTO(buf) struct buf bytes = {0};
	AUTO(json) json_t *answer = NULL;
	struct digest is;
	char own[DIGEST_HEX];

	(void)json_array_append_new(list, one);
	buf_init(&bytes, EVIDENCE_BYTES_MAX);
	TRY(api_json(r->c, &get, &answer, "/v1/statements/%s", hex));
	TRY(json_get_base64(r->c, answer, "statement", &bytes));
	is = digest_of(buf_view(&bytes));
	digest_hex(&is, own);
	if (strcmp(own, hex) != 0)
		return cli_problem(r->c, RC_PEER, "", "evidence that counted is another statement");
	put_text(one, "statement", hex);
	put_text(one, "kind", "provenance");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!rc_is_ok(evidence_parse(kinds[i], buf_view(&bytes), space, NULL)))
			continue;
		put_text(one, "kind", statement_info(kinds[i])->name);
		put_text(one, "by", space->by.s);
	}
	return OK;
}

/* The list must be the one that the entry counts. */
static rc check_counted(struct reader *r, const json_t *counted)
{
	size_t count = json_array_size(counted);
	struct digest *list = calloc(count + 1, sizeof(*list));
	struct digest root = {0};
	bool good = list != NULL && count > 0;

	for (size_t i = 0; good && i < count; i++) {
		const char *hex = json_string_value(json_array_get(counted, i));

		good = hex != NULL && rc_is_ok(digest_parse(view_str(hex), &list[i]));
	}
	good = good && rc_is_ok(evidence_root(list, count, &root)) &&
	       digest_is_equal(&root, &r->leaf.evidence);
	free(list);
	return good ? OK
		    : cli_problem(r->c, RC_PEER, "",
				  "the server's list is not the evidence that the log counts");
}

static rc read_evidence(struct reader *r)
{
	const struct api_call get = {.method = "GET", .exact = true};
	struct evidence *space = NULL;
	AUTO(json) json_t *answer = NULL;
	json_t *list = json_array();
	const json_t *counted;
	char hex[DIGEST_HEX];
	size_t i;
	rc e = OK;

	(void)json_object_set_new(r->out, "evidence", list);
	if (!is_named(&r->leaf.evidence))
		return OK;
	digest_hex(&r->leaf.evidence, hex);
	TRY(api_json(r->c, &get, &answer, "/v1/counted/%s", hex));
	counted = json_object_get(answer, "counted");
	/* The entry counts all of them together: nothing of a list that goes on can be checked. */
	if (json_is_true(json_object_get(answer, "more"))) {
		put_number(r->out, "evidence_more", json_array_size(counted));
		return OK;
	}
	TRY(check_counted(r, counted));
	space = (struct evidence *)malloc(sizeof(*space));
	if (space == NULL)
		return cli_problem(r->c, RC_NOMEM, "", "no memory");
	for (i = 0; rc_is_ok(e) && i < json_array_size(counted) && i < EVIDENCE_SHOWN; i++)
		e = put_evidence(r, list, json_string_value(json_array_get(counted, i)), space);
	free(space);
	if (json_array_size(counted) > i)
		put_number(r->out, "evidence_more", json_array_size(counted) - i);
	return e;
}

/* ---- Then and today -------------------------------------------------------------------------*/

static rc decide(struct reader *r, const struct documents *d, struct decision *ret)
{
	AUTO(replay_grants) struct replay_grants granted = {0};
	struct replay_world world = {
		.policy = d->policy.policy, .roster = d->roster.roster, .zones = &zones_system};
	const struct request *q = &r->w->request;

	TRY(replay_grants_load(r->c, q->key.s, q->requester.s, r->leaf.time, &world, &granted));
	if (!rc_is_ok(replay_decide(&world, &r->q, r->leaf.time, ret)))
		return cli_problem(r->c, RC_LIMIT, "", "more people than a decision can weigh");
	return OK;
}

static void put_today(struct reader *r, const struct documents *now, const struct decision *d)
{
	const char *rule = d->rule == NULL ? "" : d->rule->name.s;
	json_t *today = json_object();
	bool differs = d->outcome != OUTCOME_ALLOW || strcmp(rule, json_text(r->out, "rule")) != 0;

	(void)json_object_set_new(today, "differs", json_boolean(differs));
	put_text(today, "outcome",
		 d->outcome == OUTCOME_ALLOW ? "allow" : outcome_word(d->outcome));
	put_text(today, "reason", reason_id(d->refusal.reason));
	put_text(today, "text", d->refusal.text);
	put_text(today, "rule", rule);
	put_number(today, "policy_version", now->policy.policy->version);
	put_number(today, "roster_version", now->roster.roster->version);
	(void)json_object_set_new(r->out, "today", today);
}

/* Only what comes to the same as the keeper did with the documents of then can be compared. */
static rc compare(struct reader *r)
{
	AUTO(documents) struct documents now = {0};
	struct decision d;

	if (r->then.policy.policy == NULL || r->then.roster.roster == NULL || !r->whole)
		return OK;
	r->q.request = &r->w->request;
	r->q.arrived = r->leaf.time;
	r->q.authorize = r->index;
	TRY(decide(r, &r->then, &d));
	if (d.outcome != OUTCOME_ALLOW || !digest_is_equal(&d.rule_digest, &r->leaf.rule))
		return OK;
	(void)json_object_set_new(r->out, "checks", whatif_checks_json(&d));
	TRY(policy_file_in_force(r->c, SOURCE_POLICY, &now.policy));
	TRY(policy_file_in_force(r->c, SOURCE_ROSTER, &now.roster));
	TRY(decide(r, &now, &d));
	put_today(r, &now, &d);
	return OK;
}

static rc read_all(struct reader *r, uint64_t index)
{
	TRY(read_entry(r, index));
	TRY(documents_of_then(r));
	find_rule(r);
	TRY(read_approvals(r));
	TRY(read_evidence(r));
	if (is_named(&r->leaf.grant))
		put_hex(r->out, "grant", &r->leaf.grant);
	return compare(r);
}

rc authorized_read(struct cli *c, const struct wish *w, json_t **ret)
{
	const json_t *index = json_object_get(wish_status(w), "authorize");
	struct reader *r;
	rc e;

	*ret = NULL;
	if (index == NULL)
		return OK;
	if (!json_is_integer(index) || json_integer_value(index) < 0)
		return cli_problem(c, RC_PEER, "", "the server names no entry of the log");
	r = (struct reader *)calloc(1, sizeof(*r));
	if (r == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	r->c = c;
	r->w = w;
	r->out = json_object();
	e = read_all(r, (uint64_t)json_integer_value(index));
	if (rc_is_ok(e))
		*ret = json_incref(r->out);
	json_decref(r->out);
	documents_release(&r->then);
	free(r);
	return e;
}

bool authorized_is_final(const json_t *status, const json_t *authorized)
{
	/* Of an open one the next use is decided now. */
	return authorized != NULL && strcmp(json_text(status, "state"), "open") != 0;
}

/* ---- In words -------------------------------------------------------------------------------*/

static void print_versions(const json_t *a)
{
	if (json_object_get(a, "policy_version") != NULL)
		(void)printf(" of policy version %" JSON_INTEGER_FORMAT,
			     json_number(a, "policy_version"));
	else
		(void)printf(" of policy %.16s", json_text(a, "policy"));
	if (json_object_get(a, "roster_version") != NULL)
		(void)printf(", roster version %" JSON_INTEGER_FORMAT,
			     json_number(a, "roster_version"));
	else
		(void)printf(", roster %.16s", json_text(a, "roster"));
}

static void print_counted(const json_t *a)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(a, "approvals"), i, row)(void)
		printf("%s%s%s%s%s", i == 0 ? "  approvals that counted: " : ", ",
		       json_text(row, "person"),
		       json_is_true(json_object_get(row, "early")) ? " (beforehand)" : "",
		       json_is_true(json_object_get(row, "proven")) ? " at " : " (not proven)",
		       json_text(row, "given"));
	if (i > 0)
		(void)putchar('\n');
	json_array_foreach(json_object_get(a, "evidence"), i, row)
	{
		const char *by = json_text(row, "by");

		(void)printf("  evidence that counted: %s%s%s, statement %.16s\n",
			     json_text(row, "kind"), by[0] != '\0' ? " by " : "", by,
			     json_text(row, "statement"));
	}
	if (json_number(a, "evidence_more") > 0 && i > 0)
		(void)printf("  and %" JSON_INTEGER_FORMAT " more\n",
			     json_number(a, "evidence_more"));
	else if (json_number(a, "evidence_more") > 0)
		(void)printf("  evidence that counted: %" JSON_INTEGER_FORMAT
			     " statement or more, which the log alone does not name\n",
			     json_number(a, "evidence_more"));
	if (json_text(a, "grant")[0] != '\0')
		(void)printf("  by grant of access %.16s\n", json_text(a, "grant"));
}

static void print_today(const struct cli *c, const json_t *a)
{
	const json_t *t = json_object_get(a, "today");
	const char *rule = json_text(t, "rule");
	bool allow = strcmp(json_text(t, "outcome"), "allow") == 0;

	if (t == NULL) {
		(void)printf("  what today's policy would say of it is not decided here\n");
		return;
	}
	if (!json_is_true(json_object_get(t, "differs")))
		return;
	(void)printf(
		"  %stoday's policy (version %" JSON_INTEGER_FORMAT ", roster %" JSON_INTEGER_FORMAT
		") would decide otherwise%s: %s by %s%s%s%s%s%s\n",
		cli_yellow(c), json_number(t, "policy_version"), json_number(t, "roster_version"),
		cli_plain(c), json_text(t, "outcome"), rule[0] == '\0' ? "no rule" : "rule ", rule,
		allow ? "" : ": ", allow ? "" : json_text(t, "reason"), allow ? "" : ", ",
		allow ? "" : json_text(t, "text"));
}

void authorized_print(const struct cli *c, const json_t *a, bool checks)
{
	const char *rule = json_text(a, "rule");
	const char *place = json_text(a, "rule_source");

	if (a == NULL)
		return;
	(void)printf("use %" JSON_INTEGER_FORMAT " was authorised at %s by rule %s%s%s%s",
		     json_number(a, "use"), json_text(a, "time"),
		     rule[0] != '\0' ? rule : json_text(a, "rule_digest"),
		     place[0] != '\0' ? " (" : "", place, place[0] != '\0' ? ")" : "");
	print_versions(a);
	(void)printf(", log entry %" JSON_INTEGER_FORMAT "\n", json_number(a, "entry"));
	print_counted(a);
	if (checks)
		answer_print_checks(c, a);
	print_today(c, a);
}
