#include "lib/policy/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/model/field.h"

#define CASE_FILE_JSON (6u * ITEM_NAME_MAX + 2) /* each byte escaped, and two quotes */

void cases_release(struct cases *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->list[i].more);
	free(c->list);
	c->list = NULL;
	c->count = 0;
}

/* ---- Reading --------------------------------------------------------------------------------*/

rc case_approval_parse(struct view text, struct case_approval *ret)
{
	struct case_approval a = {.channel = SSHKEY_CLI};
	struct view name = text;
	struct view word = text;

	if (rc_is_ok(view_until(&word, ':', &name))) {
		a.synced = view_is(word, "synced");
		a.early = view_is(word, "early");
		if (a.synced || view_is(word, "browser"))
			a.channel = SSHKEY_BROWSER;
		else if (!a.early && !view_is(word, "cli"))
			return RC(RC_UNKNOWN);
	}
	TRY(name_parse(name, &a.person));
	*ret = a;
	return OK;
}

rc case_requester_parse(struct view text, struct name *ret, bool *ret_service)
{
	struct view name = text;
	struct view prefix;
	bool service = rc_is_ok(view_slice(text, 0, 8, &prefix)) && view_is(prefix, "service:");

	if (service)
		TRY(view_skip(&name, 8));
	TRY(name_parse(name, ret));
	*ret_service = service;
	return OK;
}

static rc approval_read(struct jcan *j, struct case_approval *ret)
{
	size_t at = j->at;
	struct view text;
	rc r;

	TRY(jcan_text(j, NAME_MAX_LEN + 8, &text));
	r = case_approval_parse(text, ret);
	return rc_is_ok(r) ? OK
			   : fault_set(j->fault, r.code, at,
				       "an approval is a name, perhaps with :cli, :early, "
				       ":browser or :synced");
}

static rc by_read(struct jcan *j, struct policy_case *c)
{
	size_t at;
	struct view text;
	rc r;

	TRY(jcan_key(j, "by"));
	at = j->at;
	TRY(jcan_text(j, NAME_MAX_LEN + 8, &text));
	r = case_requester_parse(text, &c->request.requester, &c->by_service);
	return rc_is_ok(r) ? OK : fault_set(j->fault, r.code, at, "by is a name or service:NAME");
}

static rc from_read(struct jcan *j, struct policy_case *c)
{
	struct subject_ref from;
	size_t at;
	struct view text;

	TRY(jcan_key(j, "from"));
	at = j->at;
	TRY(jcan_text(j, NAME_MAX_LEN + 8, &text));
	if (!rc_is_ok(subject_ref_parse(text, &from)) || from.is_group || from.is_service)
		return fault_set(j->fault, RC_SYNTAX, at, "from is a host or issuer:NAME");
	*(from.is_issuer ? &c->job : &c->request.host) = from.name;
	return OK;
}

static rc approvals_read(struct jcan *j, struct policy_case *c)
{
	bool more;

	TRY(jcan_key_optional(j, "approvals", &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			return OK;
		if (c->approval_count == CASE_APPROVALS_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u approvals",
					 CASE_APPROVALS_MAX);
		TRY(approval_read(j, &c->approvals[c->approval_count++]));
	}
}

static rc number_read(struct jcan *j, const char *key, uint64_t max, uint64_t fallback,
		      uint64_t *ret)
{
	bool found;

	*ret = fallback;
	TRY(jcan_key_optional(j, key, &found));
	return found ? jcan_u64(j, max, ret) : OK;
}

static rc time_read(struct jcan *j, struct policy_case *c)
{
	struct view text;
	bool found;

	c->at = CASE_TIME;
	TRY(jcan_key_optional(j, "at", &found));
	if (!found)
		return OK;
	TRY(jcan_text(j, TIME_TEXT, &text));
	if (!rc_is_ok(time_parse(text, &c->at)))
		return fault_set(j->fault, RC_SYNTAX, j->at, "at is no time");
	return OK;
}

static rc because_read(struct jcan *j, struct policy_case *c)
{
	struct view text;
	bool found;

	TRY(jcan_key_optional(j, "because", &found));
	if (!found)
		return OK;
	TRY(jcan_text(j, 64, &text));
	if (!rc_is_ok(reason_parse(text, &c->because)) || c->because == REASON_NONE)
		return fault_set(j->fault, RC_UNKNOWN, j->at, "because is no reason");
	return OK;
}

/* One of three words, by its place among them. */
static rc choice_read(struct jcan *j, const char *const words[3], unsigned *ret)
{
	size_t at = j->at;
	struct view text;

	TRY(jcan_text(j, 16, &text));
	for (unsigned i = 0; i < 3; i++)
		if (view_is(text, words[i])) {
			*ret = i;
			return OK;
		}
	return fault_set(j->fault, RC_UNKNOWN, at, "neither %s, %s nor %s", words[0], words[1],
			 words[2]);
}

static rc expect_read(struct jcan *j, struct policy_case *c)
{
	static const char *const words[3] = {"allow", "wait", "deny"};
	static const enum outcome outcomes[3] = {OUTCOME_ALLOW, OUTCOME_WAIT, OUTCOME_DENY};
	unsigned i = 0;

	TRY(jcan_key(j, "expect"));
	TRY(choice_read(j, words, &i));
	c->expect = outcomes[i];
	if (c->expect == OUTCOME_ALLOW && c->because != REASON_NONE)
		return fault_set(j->fault, RC_RANGE, j->at,
				 "what is allowed has no reason: leave `because` out");
	return OK;
}

static rc key_state_read(struct jcan *j, struct policy_case *c)
{
	static const char *const words[3] = {"active", "locked", "retired"};
	unsigned i = 0;
	bool found;

	TRY(jcan_key_optional(j, "key_state", &found));
	if (!found)
		return OK;
	TRY(choice_read(j, words, &i));
	c->key_locked = i == 1;
	c->key_retired = i == 2;
	return OK;
}

static rc class_read(struct jcan *j, struct policy_case *c)
{
	size_t at;
	struct view text;

	TRY(jcan_key_optional(j, "class", &c->host.known));
	if (!c->host.known)
		return OK;
	at = j->at;
	TRY(jcan_text(j, 16, &text));
	if (!rc_is_ok(host_class_parse(text, &c->host.klass)))
		return fault_set(j->fault, RC_UNKNOWN, at,
				 "class is software, vtpm, tpm or attested");
	return OK;
}

static rc guard_read(struct jcan *j, struct policy_case *c)
{
	struct request_guard *g = &c->request.guard;
	struct view text;
	size_t at;

	TRY(jcan_key_optional(j, "guard", &g->given));
	if (!g->given)
		return OK;
	at = j->at;
	TRY(jcan_text(j, 16, &text));
	if (!view_is(text, "enforcing") && !view_is(text, "observing"))
		return fault_set(j->fault, RC_UNKNOWN, at, "guard is enforcing or observing");
	(void)snprintf(g->state.mode, sizeof(g->state.mode), "%s",
		       view_is(text, "enforcing") ? GUARD_ENFORCE_WORD : GUARD_OBSERVE_WORD);
	(void)snprintf(g->state.level, sizeof(g->state.level), "base");
	return OK;
}

static rc actor_read(struct jcan *j, struct policy_case *c)
{
	struct view text;
	bool found;

	TRY(jcan_key_optional(j, "actor", &found));
	if (!found)
		return OK;
	TRY(jcan_text(j, sizeof(c->actor) - 1, &text));
	memcpy(c->actor, text.ptr, text.len);
	return text.len > 0 ? OK : fault_set(j->fault, RC_SYNTAX, j->at, "actor is empty");
}

static rc product_read(struct jcan *j, struct case_file *c)
{
	bool found;

	TRY(jcan_key_optional(j, "product", &found));
	return found ? field_name_value(j, &c->item.product) : OK;
}

/* As a request's, or none. */
static rc file_name_read(struct jcan *j, struct case_file *c)
{
	struct request_item item = {0};
	char name[ITEM_NAME_MAX + 1];
	size_t at = j->at;

	TRY(jcan_raw(j, &item.name_json));
	if (!rc_is_ok(request_item_name(&item, name)))
		return fault_set(j->fault, RC_SYNTAX, at, "file is no plain file name");
	memcpy(c->name, name, sizeof(c->name));
	return OK;
}

static rc one_more_read(struct jcan *j, struct case_file *c)
{
	bool found;

	TRY(jcan_object(j));
	TRY(jcan_key_optional(j, "format", &found));
	if (found)
		TRY(field_token_value(j, "format", c->item.format, sizeof(c->item.format)));
	TRY(jcan_key(j, "name"));
	TRY(file_name_read(j, c));
	TRY(product_read(j, c));
	TRY(case_provenance_read(j, &c->said));
	TRY(case_rebuilds_read(j, &c->said));
	TRY(case_scans_read(j, &c->said));
	TRY(number_read(j, "size", JCAN_NUMBER_MAX, 0, &c->item.size));
	return jcan_object_end(j);
}

static rc more_files_read(struct jcan *j, struct policy_case *c)
{
	bool more;

	TRY(jcan_key_optional(j, "more_files", &more));
	if (!more)
		return OK;
	c->more = (struct case_file *)calloc(CASE_FILES_MAX - 1, sizeof(*c->more));
	if (c->more == NULL)
		return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			return OK;
		if (c->more_count == CASE_FILES_MAX - 1)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u files",
					 CASE_FILES_MAX);
		TRY(one_more_read(j, &c->more[c->more_count++]));
	}
}

/* What the others do not say is as of the first. */
static void more_files_fill(struct policy_case *c)
{
	const struct request_item *first = &c->file.item;

	for (size_t i = 0; i < c->more_count; i++) {
		struct request_item *item = &c->more[i].item;

		if (item->format[0] == '\0')
			memcpy(item->format, first->format, sizeof(item->format));
		if (item->product.s[0] == '\0')
			item->product = first->product;
	}
}

static rc request_read(struct jcan *j, struct policy_case *c)
{
	struct request *q = &c->request;
	uint64_t deadline, not_before, uses;
	bool digests_only = false;
	bool found;

	TRY(jcan_key(j, "request"));
	TRY(jcan_object(j));
	TRY(actor_read(j, c));
	TRY(by_read(j, c));
	TRY(class_read(j, c));
	TRY(number_read(j, "deadline", POLICY_SECONDS_MAX, CASE_DEADLINE, &deadline));
	TRY(jcan_key_optional(j, "file", &found));
	if (found)
		TRY(file_name_read(j, &c->file));
	TRY(field_token(j, "format", c->file.item.format, sizeof(c->file.item.format)));
	TRY(from_read(j, c));
	TRY(guard_read(j, c));
	TRY(field_name(j, "key", &q->key));
	TRY(key_state_read(j, c));
	TRY(jcan_key_optional(j, "no_upload", &found));
	if (found)
		TRY(jcan_bool(j, &digests_only));
	TRY(number_read(j, "not_before", POLICY_SECONDS_MAX, 0, &not_before));
	TRY(product_read(j, &c->file));
	TRY(jcan_key_optional(j, "reason", &found));
	if (found)
		TRY(jcan_string(j, q->reason, sizeof(q->reason), NULL));
	if (!rc_is_ok(prose_check(view_str(q->reason), false)))
		return fault_set(j->fault, RC_SYNTAX, j->at, "reason is one line of plain text");
	TRY(number_read(j, "size", JCAN_NUMBER_MAX, 0, &c->file.item.size));
	TRY(number_read(j, "uses", REQUEST_USES_MAX, 1, &uses));
	TRY(jcan_object_end(j));
	if (not_before > deadline || uses == 0)
		return fault_set(j->fault, RC_RANGE, j->at,
				 uses == 0 ? "uses is 0" : "not_before is behind deadline");
	q->upload = !digests_only;
	q->uses = (uint32_t)uses;
	q->deadline = c->at + (unix_time)deadline;
	q->not_before = c->at + (unix_time)not_before;
	if (q->deadline > TIME_MAX)
		return fault_set(j->fault, RC_RANGE, j->at, "the deadline is behind the year 9999");
	return OK;
}

static rc review_read(struct jcan *j, struct policy_case *c)
{
	static const char *const words[3] = {"owed", "overdue", "overdue"}; /* two */
	unsigned i = 0;

	TRY(jcan_key_optional(j, "review", &c->review_owed));
	if (!c->review_owed)
		return OK;
	TRY(choice_read(j, words, &i));
	c->review_overdue = i > 0;
	return OK;
}

static rc granted_read(struct jcan *j, struct policy_case *c)
{
	struct view text;
	size_t at;

	TRY(jcan_key_optional(j, "granted", &c->granted));
	if (!c->granted)
		return OK;
	at = j->at;
	TRY(jcan_text(j, NAME_MAX_LEN, &text));
	if (!view_is(text, "*") && !rc_is_ok(name_parse(text, &c->granted_host)))
		return fault_set(j->fault, RC_SYNTAX, at, "granted is neither a host nor *");
	return OK;
}

static rc case_read(struct jcan *j, struct policy_case *c)
{
	bool found;

	TRY(jcan_object(j));
	TRY(approvals_read(j, c));
	TRY(number_read(j, "approved_before", POLICY_SECONDS_MAX, 0, &c->approved_before));
	TRY(time_read(j, c));
	TRY(because_read(j, c));
	TRY(expect_read(j, c));
	TRY(granted_read(j, c));
	TRY(more_files_read(j, c));
	TRY(field_prose(j, "name", false, c->name, sizeof(c->name)));
	TRY(case_provenance_read(j, &c->file.said));
	TRY(case_rebuilds_read(j, &c->file.said));
	TRY(request_read(j, c));
	more_files_fill(c);
	TRY(review_read(j, c));
	TRY(jcan_key_optional(j, "rule", &found));
	if (found)
		TRY(field_name_value(j, &c->rule));
	TRY(case_scans_read(j, &c->file.said));
	TRY(jcan_key_optional(j, "used", &c->has_used));
	if (c->has_used)
		TRY(jcan_u64(j, POLICY_RATE_COUNT_MAX, &c->used));
	return jcan_object_end(j);
}

static rc list_read(struct jcan *j, struct cases *ret)
{
	bool more;

	TRY(jcan_key(j, "tests"));
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			return OK;
		if (ret->count == CASES_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u tests",
					 CASES_MAX);
		if ((ret->count & (ret->count - 1)) == 0) {
			size_t cap = ret->count == 0 ? 1 : 2 * ret->count;
			void *p = reallocarray(ret->list, cap, sizeof(*ret->list));

			if (p == NULL)
				return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
			ret->list = (struct policy_case *)p;
		}
		ret->list[ret->count] = (struct policy_case){0};
		TRY(case_read(j, &ret->list[ret->count++])); /* counted, to be released */
	}
}

rc cases_parse(struct view document, struct cases *ret, struct fault *f)
{
	struct jcan j;

	*ret = (struct cases){0};
	jcan_init(&j, document, f);
	TRY(jcan_object(&j));
	TRY(field_prose(&j, "policy", false, ret->policy, sizeof(ret->policy)));
	TRY(field_prose(&j, "roster", false, ret->roster, sizeof(ret->roster)));
	TRY(list_read(&j, ret));
	TRY(jcan_object_end(&j));
	return jcan_end(&j);
}

/* ---- Running --------------------------------------------------------------------------------*/

static bool names_key(const struct rule *rule, const struct name *key)
{
	for (size_t i = 0; i < rule->key_count; i++)
		if (name_is_equal(&rule->keys[i], key))
			return true;
	return false;
}

static struct host_fact host_of(const struct policy_case *c, const struct roster *r)
{
	const struct principal *host = roster_host(r, &c->request.host);

	if (c->host.known || host == NULL)
		return c->host;
	return (struct host_fact){.known = true,
				  .klass = host->enrol ? host->least : HOST_SOFTWARE};
}

/* The request was there when somebody approved it; else it comes now. */
static unix_time submitted(const struct policy_case *c, unix_time given)
{
	for (size_t i = 0; i < c->approval_count; i++)
		if (!c->approvals[i].early)
			return given;
	return c->at;
}

/* As if all uses there were had been just now. */
static void count_uses(const struct policy_case *c, const struct policy *p, struct facts *facts)
{
	const struct key_policy *key = policy_key(p, &c->request.key);

	if (!c->has_used || key == NULL)
		return;
	facts->without_rates = false;
	for (size_t i = 0; i < key->rate_count; i++)
		facts->rates[facts->rate_count++] =
			(struct rate_fact){.reached = c->used >= key->rates[i].count,
					   .passes = c->at + (unix_time)key->rates[i].period};
}

/* Nobody, where the roster has no such service, or the issuer no such job: a person of that name is
 * not meant. */
static struct name requester_of(const struct policy_case *c, const struct roster *r)
{
	const struct principal *service = roster_service(r, &c->request.requester);

	if (c->by_service && service == NULL)
		return (struct name){0};
	if (c->job.s[0] != '\0' && (service == NULL || service->oidc == NULL ||
				    !name_is_equal(&service->oidc->name, &c->job)))
		return (struct name){0};
	return c->request.requester;
}

/* The request's files, as evaluate() takes them. */
struct batch {
	struct request_item items[CASE_FILES_MAX];
	struct evidence_fact said[CASE_FILES_MAX * CASE_FACTS_MAX];
	size_t count;
	size_t said_count;
	struct buf names;
};

static void batch_free(struct batch **b)
{
	if (*b != NULL)
		buf_release(&(*b)->names);
	free(*b);
}
AUTO_DEFINE(batch, struct batch *, batch_free)

size_t case_file_count(const struct policy_case *c)
{
	return 1 + c->more_count;
}

const struct case_file *case_file_at(const struct policy_case *c, size_t i)
{
	return i == 0 ? &c->file : &c->more[i - 1];
}

/* One more file, with its name as a statement has it. */
static rc batch_add(struct batch *b, const struct case_file *file, unix_time at)
{
	struct request_item *item = &b->items[b->count];
	size_t before = b->names.len;
	struct jcan_out w;

	*item = file->item;
	/* Any, each its own and in this order: no test is about it. */
	item->sha256 = (struct digest){{(uint8_t)(b->count + 2)}};
	b->said_count +=
		case_evidence_facts(&file->said, &item->sha256, at, b->said + b->said_count);
	b->count++;
	if (file->name[0] == '\0')
		return OK;
	jcan_out_init(&w, &b->names);
	jcan_out_string(&w, file->name);
	TRY(jcan_out_done(&w));
	item->name_json = view_of(b->names.ptr + before, b->names.len - before);
	return OK;
}

/* File i of the case, or with CASE_FILES_MAX all of them. */
static rc batch_of(const struct policy_case *c, size_t only, struct batch **ret)
{
	struct batch *b = (struct batch *)calloc(1, sizeof(*b));

	if (b == NULL)
		return RC(RC_NOMEM);
	*ret = b;
	buf_init(&b->names, (size_t)CASE_FILES_MAX * CASE_FILE_JSON);
	/* At once: the items' views must stay where they point. */
	if (buf_space(&b->names, (size_t)CASE_FILES_MAX * CASE_FILE_JSON) == NULL)
		return RC(RC_NOMEM);
	buf_clear(&b->names);
	for (size_t i = 0; i < case_file_count(c); i++)
		if (only == CASE_FILES_MAX || only == i)
			TRY(batch_add(b, case_file_at(c, i), c->at));
	return OK;
}

static size_t approvals_of(const struct policy_case *c, const struct digest *rule,
			   struct approval_fact out[CASE_APPROVALS_MAX])
{
	unix_time given = c->at - (unix_time)c->approved_before;

	for (size_t i = 0; i < c->approval_count; i++)
		out[i] = (struct approval_fact){.person = c->approvals[i].person,
						.rule = *rule,
						.statement = {{(uint8_t)(i + 1)}},
						.given = given < 0 ? 0 : given,
						.expires = TIME_MAX,
						.channel = c->approvals[i].channel,
						.synced = c->approvals[i].synced,
						.early = c->approvals[i].early};
	return c->approval_count;
}

/* The decision when everybody approved under this rule; NULL: nobody approved. */
static rc decide(const struct policy_case *c, const struct case_world *w, const struct batch *b,
		 const struct rule *rule, struct decision *ret)
{
	static const struct digest key = {{1}}; /* any: no test is about it */
	struct approval_fact approvals[CASE_APPROVALS_MAX];
	struct request_item items[CASE_FILES_MAX];
	struct request request = c->request;
	const struct grant_fact grant = {.person = c->request.requester,
					 .host = c->granted_host,
					 .role = ACCESS_REQUESTER,
					 .until = TIME_MAX,
					 .statement = {{1}}};
	struct facts facts = {.request = &request,
			      .key_fingerprint = key,
			      .key_known = true,
			      .key_locked = c->key_locked,
			      .key_retired = c->key_retired,
			      .approvals = approvals,
			      .host = host_of(c, w->roster),
			      .actor = c->actor[0] != '\0' ? c->actor : NULL,
			      .now = c->at,
			      .zones = w->zones,
			      .without_rates = true,
			      .evidence = b->said,
			      .evidence_count = b->said_count,
			      .grants = &grant,
			      .grant_count = c->granted ? 1 : 0};

	if (c->review_owed)
		facts.review = (struct review_fact){
			.due = c->at + (c->review_overdue ? 0 : 1), .request = {{1}}, .use = 1};
	memcpy(items, b->items, sizeof(items)); /* a request's are not const */
	request.requester = requester_of(c, w->roster);
	request.key_fingerprint = key;
	request.items = items;
	request.count = b->count;
	if (rule != NULL) {
		struct digest bound =
			policy_rule_digest(w->policy, rule, w->roster, &request.key, &key);

		facts.approval_count = approvals_of(c, &bound, approvals);
	}
	facts.submitted = submitted(c, c->at - (unix_time)c->approved_before);
	request.guard.at = facts.submitted;
	count_uses(c, w->policy, &facts);
	TRY(evaluate(w->policy, w->roster, &facts, ret));
	ret->grant = NULL; /* it does not outlive this call */
	return OK;
}

static bool gives_reason(const struct decision *d, enum reason reason)
{
	for (size_t i = 0; i < d->check_count; i++)
		if (d->checks[i].reason == reason && d->checks[i].outcome == d->outcome)
			return true;
	return false;
}

static const char *decision_word(enum outcome o)
{
	return o == OUTCOME_ALLOW ? "allow" : outcome_word(o);
}

static void judge(const struct policy_case *c, struct case_result *ret)
{
	const struct decision *d = &ret->decision;
	const char *by = d->rule == NULL ? "no rule" : d->rule->name.s;
	struct fault f = {0};

	if (d->outcome != c->expect)
		rc_ignore(fault_set(&f, RC_MISMATCH, 0, "expected %s, but %s (%s): %s%s%s",
				    decision_word(c->expect), decision_word(d->outcome), by,
				    reason_id(d->refusal.reason),
				    d->refusal.text[0] != '\0' ? ", " : "", d->refusal.text),
			  "kept as the result");
	else if (c->because != REASON_NONE && !gives_reason(d, c->because))
		rc_ignore(fault_set(&f, RC_MISMATCH, 0,
				    "expected %s because of %s, but it is %s: %s",
				    decision_word(c->expect), reason_id(c->because),
				    reason_id(d->refusal.reason), d->refusal.text),
			  "kept as the result");
	else if (c->rule.s[0] != '\0' &&
		 (d->rule == NULL || !name_is_equal(&c->rule, &d->rule->name)))
		rc_ignore(fault_set(&f, RC_MISMATCH, 0, "expected rule %s to decide, but it is %s",
				    c->rule.s, by),
			  "kept as the result");
	ret->passed = f.code == RC_OK;
	(void)snprintf(ret->text, sizeof(ret->text), "%s", f.text);
}

/* The best decision for the files in b. */
static rc run(const struct policy_case *c, const struct case_world *w, const struct batch *b,
	      struct decision *ret)
{
	const struct policy *p = w->policy;
	bool found = false;

	for (size_t i = 0; i < p->rule_count; i++) {
		struct decision d;

		if (!names_key(&p->rules[i], &c->request.key))
			continue;
		TRY(decide(c, w, b, &p->rules[i], &d));
		if (!found || d.outcome < ret->outcome)
			*ret = d;
		found = true;
	}
	return found ? OK : decide(c, w, b, NULL, ret);
}

rc case_run_file(const struct policy_case *c, size_t i, const struct case_world *w,
		 struct decision *ret)
{
	AUTO(batch) struct batch *b = NULL;

	TRY(batch_of(c, i, &b));
	return run(c, w, b, ret);
}

/* Which of several files it is: those that would not pass alone. */
static rc name_files(const struct policy_case *c, const struct case_world *w,
		     struct case_result *ret)
{
	for (size_t i = 0; i < case_file_count(c); i++) {
		size_t at = strlen(ret->text);
		struct decision d;

		TRY(case_run_file(c, i, w, &d));
		if (d.outcome == OUTCOME_ALLOW)
			continue;
		(void)snprintf(ret->text + at, sizeof(ret->text) - at, "; file %zu%s%.60s: %s (%s)",
			       i + 1, case_file_at(c, i)->name[0] != '\0' ? ", " : "",
			       case_file_at(c, i)->name, outcome_word(d.outcome),
			       reason_id(d.refusal.reason));
	}
	return OK;
}

rc case_run(const struct policy_case *c, const struct case_world *w, struct case_result *ret)
{
	AUTO(batch) struct batch *b = NULL;

	TRY(batch_of(c, CASE_FILES_MAX, &b));
	TRY(run(c, w, b, &ret->decision));
	judge(c, ret);
	return ret->passed || c->more_count == 0 ? OK : name_files(c, w, ret);
}
