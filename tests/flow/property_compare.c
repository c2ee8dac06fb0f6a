/* What the reference answers to a message, and whether the keeper has answered the same. */
#include <jansson.h>
#include <string.h>

#include "lib/model/leaf.h"
#include "lib/tlog/items.h"
#include "tests/flow/property.h"

struct ref_answer want;
static int at;
static unsigned long seen[REASON__COUNT + 1], results, commits, early, granted, proofs, broken,
	reviewed;

/* ---- In words ------------------------------------------------------------------------------*/

static const char *type_text(enum keeper_type t)
{
	switch ((int)t) {
	case 0:
		return "nothing: the keeper has ended";
	case KEEPER_R_ERROR:
		return "error";
	case KEEPER_R_STATUS:
		return "status";
	case KEEPER_R_RESULT:
		return "result";
	case KEEPER_R_CHANGE:
		return "change";
	default:
		return "receipt";
	}
}

static void tell_expected(void)
{
	static const char *const outcomes[] = {"allow", "wait", "deny"};
	static const char *const words[] = {"stored",  "known",	   "superseded", "done",
					    "pending", "accepted", "changed",	 "confirmed"};
	const struct ref_decision *d = &want.decision;

	(void)fprintf(stderr, "expected: %s", type_text(want.type));
	if (want.type == KEEPER_R_ERROR)
		(void)fprintf(stderr, ", %s\n", reason_id(want.reason));
	else if (want.type == KEEPER_R_STATUS || want.type == KEEPER_R_RESULT)
		(void)fprintf(stderr, ", %s, %s, rule %s, %u seats missing, state %d, use %u%s\n",
			      outcomes[d->outcome], reason_id(d->reason),
			      d->rule < 0 ? "none" : ref_rules[d->rule], d->missing,
			      (int)want.state, want.use, want.committed ? ", new" : "");
	else
		(void)fprintf(stderr, ", %s\n", words[want.result]);
}

static void tell_answered(void)
{
	struct keeper_error error;
	struct keeper_status got;
	struct keeper_result result;
	struct view body = buf_view(&w.fx.body);
	enum keeper_type t = w.fx.header.type;

	(void)fprintf(stderr, "answered: %s", type_text(t));
	if (t == KEEPER_R_STATUS && rc_is_ok(keeper_get_status(body, &got)))
		(void)fprintf(stderr, " %.*s", (int)got.json.len, (const char *)got.json.ptr);
	else if (t == KEEPER_R_RESULT && rc_is_ok(keeper_get_result(body, &result)))
		(void)fprintf(stderr, ", use %u, authorized by entry %llu", result.use,
			      (unsigned long long)result.authorize_leaf);
	else if (t == KEEPER_R_ERROR && rc_is_ok(keeper_get_error(body, &error)))
		(void)fprintf(stderr, ", %s: %.*s", reason_id(error.reason),
			      (int)sizeof(error.text), error.text);
	else if (t != 0)
		(void)fprintf(stderr, " %.*s", (int)body.len, (const char *)body.ptr);
	(void)fprintf(stderr, "\n");
}

void tell_difference(void)
{
	tell_expected();
	tell_answered();
}

/* ---- Comparing -----------------------------------------------------------------------------*/

#define same(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			give_up(at, #cond);                                                        \
	} while (0)

static unsigned missing_seats(const json_t *status)
{
	const json_t *seat;
	unsigned n = 0;
	size_t i;

	json_array_foreach(json_object_get(status, "missing"), i, seat) n +=
		(unsigned)strtoul(json_string_value(seat), NULL, 10);
	return n;
}

static void same_approvals(const struct ref_request *q, const json_t *status)
{
	const json_t *list = json_object_get(status, "approvals");
	size_t k = 0;

	for (size_t i = 0; i < q->order_count; i++) {
		const struct ref_said *a = &q->acts[q->order[i]];
		const json_t *row;

		if (a->kind != STATEMENT_APPROVAL)
			continue;
		row = json_array_get(list, k++);
		same(strcmp(json_string_value(json_object_get(row, "person")),
			    ref_people[a->person]) == 0);
		if (want.decision.rule >= 0)
			same(json_is_true(json_object_get(row, "live")) ==
			     want.decision.live[q->order[i]]);
	}
	same(json_array_size(list) == k);
}

static void same_status(const struct ref_request *q)
{
	struct keeper_status m;
	const char *rule;
	json_t *json;

	fx_ok(keeper_get_status(buf_view(&w.fx.body), &m));
	same(m.outcome == (uint8_t)want.decision.outcome);
	same(m.reason == want.decision.reason);
	same(m.state == want.state);
	same(m.uses_spent == q->spent);
	seen[m.reason]++;
	json = json_loadb((const char *)m.json.ptr, m.json.len, JSON_REJECT_DUPLICATES, NULL);
	fx_check(json != NULL);
	rule = json_string_value(json_object_get(json, "rule"));
	same((rule == NULL) == (want.decision.rule < 0));
	same(rule == NULL || strcmp(rule, ref_rules[want.decision.rule]) == 0);
	same(missing_seats(json) == want.decision.missing);
	same(json_integer_value(json_object_get(json, "uses_done")) ==
	     (q->released ? q->spent : 0));
	same_approvals(q, json);
	json_decref(json);
}

static bool is_counted(const struct leaf *leaf, const struct digest *d)
{
	for (size_t i = 0; i < leaf->approval_count; i++)
		if (digest_is_equal(&leaf->approvals[i], d))
			return true;
	return false;
}

/* Who is counted, in which channel, and how many approvals that were. */
struct count {
	unsigned all[REF_PEOPLE]; /* whoever said something that counts */
	unsigned sit[REF_PEOPLE];
	size_t people;
	size_t counted;
};

/* Of one person's approvals the first of each channel counts. */
static bool count_one(struct count *c, const struct ref_said *a, bool live, bool counted)
{
	bool first = live && (c->all[a->person] & a->channel) == 0;

	if (first)
		c->all[a->person] |= a->channel;
	if (!counted)
		return false;
	same(first);
	c->people += c->sit[a->person] == 0;
	c->sit[a->person] |= a->channel;
	c->counted++;
	return true;
}

/* The approvals that the log says were counted fill every seat, nobody sits in two of them, and all
 * of them count. Each preapproval among them has a use less. */
static void same_seats(const struct slot *s, const struct leaf *leaf)
{
	const struct ref_decision *d = &want.decision;
	const struct ref_seats *seats = &w.ref.policy.rules[d->rule].seats;
	struct count c = {0};

	for (size_t i = 0; i < s->q.order_count; i++) {
		int n = s->q.order[i];

		(void)count_one(&c, &s->q.acts[n], d->live[n],
				is_counted(leaf, &s->acts[n].digest));
	}
	for (size_t i = 0; i < w.ref.early_known; i++) {
		int n = w.ref.early_order[i];

		if (count_one(&c, &w.ref.early[n].said, d->live_early[n],
			      is_counted(leaf, &w.early[n].digest))) {
			ref_spend_early(&w.ref, n);
			early++;
		}
	}
	same(c.counted == leaf->approval_count);
	same(c.people == ref_seats(seats));
	same(ref_seats_filled(&w.ref.roster, seats, c.sit) == ref_seats(seats));
	for (int p = 0; p < REF_PEOPLE; p++)
		same(c.sit[p] == 0 || c.sit[p] == c.all[p]);
}

/* The grant that was needed is in the log, and none where the rule itself lets them in. */
static void same_grant(const struct ref_request *q, const struct leaf *leaf)
{
	static const struct digest none;
	bool host = !ref_names_host(&w.ref, q, want.decision.rule);
	bool needed = host || !ref_names_requester(&w.ref, q, want.decision.rule);
	bool found = false;

	for (size_t i = 0; i < w.ref.grant_count; i++)
		found |= digest_is_equal(&leaf->grant, &w.grants[i].digest) &&
			 ref_grant_lets(&w.ref, q, (int)i, host);
	same(found == needed && digest_is_equal(&leaf->grant, &none) == !needed);
	granted += needed;
}

static int digests_order(const void *a, const void *b)
{
	return memcmp(((const struct digest *)a)->b, ((const struct digest *)b)->b, DIGEST_SIZE);
}

/* The log names the words of machines that let the files pass, and no others. */
static void same_evidence(const struct ref_request *q, const struct leaf *leaf)
{
	static struct digest list[REF_MEMORY];
	const struct ref_rule *r = &w.ref.policy.rules[want.decision.rule];
	struct digest root = {{0}};
	size_t n = 0;

	for (size_t i = 0; i < w.ref.word_count; i++)
		if (ref_word_counts(&w.ref, r, q->files, (int)i))
			list[n++] = w.words[i].digest;
	qsort(list, n, sizeof(list[0]), digests_order);
	if (n > 0)
		fx_ok(evidence_root(list, n, &root));
	same(digest_is_equal(&root, &leaf->evidence));
	proofs += n > 0;
}

/* The entry of a use that was committed just now. */
void same_authorize(const struct slot *s, uint64_t index)
{
	static const struct digest none;
	struct digest policy = digest_of(buf_view(&w.fx.policy));
	struct digest roster = digest_of(buf_view(&w.fx.roster));
	struct digest rule = world_rule_digest(&w, want.decision.rule, s->q.key);
	struct digest entry;
	struct leaf leaf;

	commits++;
	fx_check(fx_entry(&w.fx, index, &leaf, &entry));
	same(leaf.kind == LEAF_AUTHORIZE && digest_is_equal(&leaf.request, &s->r.id));
	same(leaf.use == want.use && leaf.time == w.ref.now);
	same(digest_is_equal(&leaf.policy, &policy) && digest_is_equal(&leaf.roster, &roster));
	same(digest_is_equal(&leaf.rule, &rule));
	same(leaf.break_glass == want.decision.broke);
	if (want.decision.broke) {
		w.owed[w.ref.owed_count - 1] = (struct owed){
			.request = s->r.id, .authorize = entry, .slot = (int)(s - w.slots)};
		broken++;
	}
	same(digest_is_equal(&leaf.token, &none) != ref_has_tokens(s->q.requester));
	same_grant(&s->q, &leaf);
	same_evidence(&s->q, &leaf);
	same_seats(s, &leaf);
}

static void same_result(struct slot *s)
{
	struct keeper_result m;

	fx_ok(keeper_get_result(buf_view(&w.fx.body), &m));
	same(m.use == want.use);
	same(digest_is_equal(&m.request, &s->r.id));
	results++;
	if (!want.committed)
		return;
	if (chance(2))
		fx_check_result(&w.fx, &s->r);
	same_authorize(s, m.authorize_leaf);
}

/* died: the first of two may have done it already. */
static void same_receipt(const struct message *m, bool died)
{
	static const char *const words[] = {[REF_STORED] = "\"state\":\"stored\"",
					    [REF_KNOWN] = "\"state\":\"known\"",
					    [REF_SUPERSEDED] = "\"state\":\"superseded\"",
					    [REF_DONE] = "\"state\":\"done\"",
					    [REF_MISSING] = "\"state\":\"pending\"",
					    [REF_ACCEPTED] = "\"state\":\"accepted\"",
					    [REF_CHANGED] = "\"state\":\"changed\"",
					    [REF_CONFIRMED] = "\"state\":\"confirmed\""};
	enum ref_result again = want.result == REF_CHANGED ? REF_CONFIRMED : REF_KNOWN;
	char number[40];
	const char *word = words[want.result];

	if (m->say == SAY_HOSTS) {
		same(world_same_hosts(&w, buf_cstr(&w.fx.body)));
		return;
	}
	if (m->say == SAY_ENROLMENT) {
		same(world_has_certificate(&w, buf_cstr(&w.fx.body)));
		(void)snprintf(number, sizeof(number), "\"counter\":%llu,",
			       (unsigned long long)w.ref.pool.counter);
		word = number;
	}
	same(strstr(buf_cstr(&w.fx.body), word) != NULL ||
	     (died && (want.result == REF_STORED || want.result == REF_CHANGED) &&
	      strstr(buf_cstr(&w.fx.body), words[again]) != NULL));
}

static struct ref_request *about(const struct message *m)
{
	if (m->say == SAY_REVIEW)
		return world_owed(&w, w.ref.reviews[m->n].owed);
	return &w.slots[m->slot < 0 ? 0 : m->slot].q;
}

void compare(const struct message *m, bool died)
{
	at = m->slot;
	if (want.either && w.fx.header.type == KEEPER_R_ERROR &&
	    fx_reason(&w.fx) == REASON_CHANGE_INVALID)
		ref_refuse(&want, true, REASON_CHANGE_INVALID);
	same(w.fx.header.type == want.type);
	if (want.type == KEEPER_R_ERROR) {
		same(fx_reason(&w.fx) == want.reason);
		seen[want.reason]++;
	} else if (want.type == KEEPER_R_STATUS) {
		same_status(about(m));
	} else if (want.type == KEEPER_R_RESULT) {
		same_result(&w.slots[m->slot]);
	} else {
		same_receipt(m, died);
	}
}

/* ---- The reference -------------------------------------------------------------------------*/

void ask_reference(const struct message *m)
{
	struct ref_request *q = about(m);

	switch (m->say) {
	case SAY_SUBMIT:
		ref_submit(&w.ref, q, m->sign, &want);
		break;
	case SAY_ACT:
		ref_act(&w.ref, q, m->n, m->sign, &want);
		break;
	case SAY_COMMIT:
		ref_commit(&w.ref, q, m->use, &want);
		break;
	case SAY_SHOW:
		ref_show(&w.ref, q, &want);
		break;
	case SAY_PREAPPROVAL:
		ref_preapprove(&w.ref, m->n, &want);
		break;
	case SAY_TAKE_BACK:
		ref_take_back(&w.ref, m->n, &want);
		break;
	case SAY_WORD:
		ref_say_word(&w.ref, m->n, &want);
		break;
	case SAY_GRANT:
		ref_give(&w.ref, m->n, &want);
		break;
	case SAY_END:
		ref_end_grant(&w.ref, m->n, &want);
		break;
	case SAY_REVIEW:
		ref_look_after(&w.ref, q, m->n, &want);
		reviewed += want.type == KEEPER_R_STATUS;
		break;
	case SAY_ENROLMENT:
		ref_enrol(&w.ref, m->n, &want);
		break;
	case SAY_DOCUMENT:
		ref_propose(&w.ref, m->n, &want);
		break;
	case SAY_OBJECTION:
		ref_object(&w.ref, m->n, &want);
		break;
	case SAY_KEYS:
		ref_bring_keys(&w.ref, (enum ref_set)m->n, &want);
		break;
	case SAY_HOSTS:
		ref_heard(&w.ref);
		want = (struct ref_answer){.type = KEEPER_R_JSON};
		break;
	}
}

void compare_summary(void)
{
	(void)printf("%lu answers with a result, of them new uses %lu (%lu preapprovals spent, %lu "
		     "by a grant, %lu on the word of machines, %lu broke the glass); %lu answers "
		     "to reviews; reasons:\n",
		     results, commits, early, granted, proofs, broken, reviewed);
	for (size_t r = 0; r < REASON__COUNT; r++)
		if (seen[r] > 0)
			(void)printf("  %-24s %lu\n", reason_id((enum reason)r), seen[r]);
}
