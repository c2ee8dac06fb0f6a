#include "tests/flow/crash_script.h"

#include <string.h>

static const struct digest none;

static void new_frame(struct fixture *fx, struct step *st, enum keeper_type want)
{
	st->correlation = ++fx->correlation;
	st->want = want;
	buf_init(&st->frame, KEEPER_FRAME_MAX);
}

static void make_submit(struct fixture *fx, struct step *st, struct fx_request *q, bool sign,
			enum keeper_type want)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host_sig;
	struct keeper_submit m = {.statement = buf_view(&q->statement), .sign = sign};

	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host_sig, KEEPER_SIG_MAX);
	fx_sign_as(fx, q->r.requester.s, STATEMENT_REQUEST, m.statement, &sig);
	fx_sign(&fx_host(fx, q->r.host.s)->key[0], statement_info(STATEMENT_HOST)->ns, m.statement,
		&host_sig);
	m.requester_sig = buf_view(&sig);
	m.host_sig = buf_view(&host_sig);
	new_frame(fx, st, want);
	keeper_put_submit(&st->frame, st->correlation, KEEPER_SUBMIT, &m);
	st->statement = q->id;
}

static void make_approval(struct fixture *fx, struct step *st, const struct fx_request *q,
			  const char *person, const struct digest *rule, enum keeper_type want)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;
	struct act a;
	struct keeper_act m = {.kind = STATEMENT_APPROVAL, .sign = true};

	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_act(fx, STATEMENT_APPROVAL, person, q, &a);
	a.rule = *rule;
	fx_ok(act_encode(&a, &statement, NULL));
	fx_sign_as(fx, person, a.kind, buf_view(&statement), &sig);
	m.statement = buf_view(&statement);
	m.sig = buf_view(&sig);
	new_frame(fx, st, want);
	keeper_put_act(&st->frame, st->correlation, &m);
	st->statement = digest_of(m.statement);
}

static void make_change(struct fixture *fx, struct step *st, enum statement_kind kind,
			struct view statement)
{
	static const char *const people[2] = {"erin", "frank"};
	struct keeper_change m = {.kind = kind, .statement = statement, .sig_count = 2};
	struct buf sig[2];

	for (size_t i = 0; i < 2; i++) {
		buf_init(&sig[i], KEEPER_SIG_MAX);
		fx_sign_as(fx, people[i], kind, statement, &sig[i]);
		m.sigs[i] = buf_view(&sig[i]);
	}
	new_frame(fx, st, KEEPER_R_CHANGE);
	keeper_put_change(&st->frame, st->correlation, &m);
	st->statement = digest_of(statement);
	for (size_t i = 0; i < 2; i++)
		buf_release(&sig[i]);
}

static void make_key(struct fixture *fx, struct step *st)
{
	struct key_change c = {.action = KEY_CREATE, .expires = fx_now(fx) + 3600};
	AUTO(buf) struct buf statement;
	char name[32];

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	(void)snprintf(name, sizeof(name), "key-%u", ++fx->nonce);
	fx_ok(name_parse(view_str(name), &c.key));
	fx_ok(name_parse(view_str("main"), &c.token));
	(void)snprintf(c.algorithm, sizeof(c.algorithm), "ecdsa-p256");
	(void)snprintf(c.origin, sizeof(c.origin), "keeper.test");
	memcpy(c.nonce, &fx->nonce, sizeof(fx->nonce));
	fx_ok(key_change_encode(&c, &statement, NULL));
	make_change(fx, st, STATEMENT_KEYADMIN, buf_view(&statement));
}

static void make_policy(struct fixture *fx, struct script *s)
{
	struct document_change c = {.kind = STATEMENT_POLICY,
				    .previous = digest_of(buf_view(&fx->policy)),
				    .expires = fx_now(fx) + 3600};
	AUTO(buf) struct buf statement;

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	buf_init(&s->policy, DOCUMENT_BYTES_MAX);
	fx_policy_doc(fx, fx->policy_version + 1, "", &s->policy);
	c.document = buf_view(&s->policy);
	fx_ok(document_change_encode(&c, &statement, NULL));
	make_change(fx, &s->step[STEP_POLICY], STATEMENT_POLICY, buf_view(&statement));
}

/* The digest of the rule, as an approver learns it: from a request of the same kind, which is then
 * cancelled. */
struct digest script_rule(struct fixture *fx)
{
	struct fx_request q;
	struct act a;
	struct digest rule;

	fx_request_new(fx, "release", 1, &q);
	fx_check(fx_submit(fx, &q, false) == KEEPER_R_STATUS);
	fx_act(fx, STATEMENT_APPROVAL, "bob", &q, &a);
	rule = a.rule;
	fx_act(fx, STATEMENT_CANCELLATION, "alice", &q, &a);
	fx_check(fx_act_send(fx, &a, false) == KEEPER_R_STATUS);
	fx_request_release(&q);
	return rule;
}

void script_make(struct fixture *fx, struct script *s)
{
	const struct keeper_commit commit = {.use = 1};
	struct keeper_commit again = commit;
	struct digest rule = script_rule(fx);

	memset(s, 0, sizeof(*s));
	fx_request_new(fx, "release", 2, &s->q);
	fx_request_new(fx, "nightly", 1, &s->nightly);
	make_submit(fx, &s->step[STEP_SUBMIT], &s->q, false, KEEPER_R_STATUS);
	make_approval(fx, &s->step[STEP_APPROVE_1], &s->q, "bob", &rule, KEEPER_R_STATUS);
	make_approval(fx, &s->step[STEP_APPROVE_2], &s->q, "carol", &rule, KEEPER_R_RESULT);
	make_submit(fx, &s->step[STEP_NIGHTLY], &s->nightly, true, KEEPER_R_RESULT);
	again.request = s->q.id;
	new_frame(fx, &s->step[STEP_COMMIT], KEEPER_R_RESULT);
	keeper_put_commit(&s->step[STEP_COMMIT].frame, s->step[STEP_COMMIT].correlation,
			  KEEPER_COMMIT, &again);
	make_key(fx, &s->step[STEP_KEY]);
	make_policy(fx, s);
}

void script_release(struct script *s)
{
	for (size_t i = 0; i < STEP__COUNT; i++)
		buf_release(&s->step[i].frame);
	buf_release(&s->policy);
	fx_request_release(&s->q);
	fx_request_release(&s->nightly);
}

/* ---- Answers -------------------------------------------------------------------------------*/

static void same_result(struct fixture *fx, struct script *s)
{
	struct keeper_result m;
	struct outcome_of now = {0};
	size_t i;

	fx_ok(keeper_get_result(buf_view(&fx->body), &m));
	fx_check(m.use == 1);
	i = digest_is_equal(&m.request, &s->nightly.id) ? 1 : 0;
	fx_check(i == 1 || digest_is_equal(&m.request, &s->q.id));
	now.signed_at = m.signed_at;
	now.authorize_leaf = m.authorize_leaf;
	now.issue_leaf = m.issue_leaf;
	now.key = m.key;
	now.signatures = digest_of(m.signatures);
	if (!s->has_result[i])
		s->result[i] = now;
	s->has_result[i] = true;
	fx_check(memcmp(&s->result[i], &now, sizeof(now)) == 0);
}

static enum keeper_type send_step(struct fixture *fx, struct step *st)
{
	enum keeper_type type;
	uint64_t next = fx->correlation;

	fx->correlation = st->correlation;
	type = fx_exchange(fx, &st->frame);
	if (type != 0)
		fx_check(fx->header.correlation == st->correlation);
	fx->correlation = next;
	return type;
}

static void say_wrong(struct fixture *fx, enum step_id id)
{
	struct keeper_error e;

	if (fx->header.type == KEEPER_R_ERROR &&
	    rc_is_ok(keeper_get_error(buf_view(&fx->body), &e)))
		(void)fprintf(stderr, "step %d: %s: %s\n", (int)id, reason_id(e.reason), e.text);
	else
		(void)fprintf(stderr, "step %d: answer %s\n", (int)id,
			      keeper_type_name(fx->header.type));
}

bool script_step(struct fixture *fx, struct script *s, enum step_id id)
{
	struct step *st = &s->step[id];
	enum keeper_type type = send_step(fx, st);

	if (type == 0)
		return false;
	if (type != st->want)
		say_wrong(fx, id);
	fx_check(type == st->want);
	if (type == KEEPER_R_CHANGE)
		fx_check(memmem(fx->body.ptr, fx->body.len, "\"state\":\"pending\"", 17) == NULL);
	if (type == KEEPER_R_RESULT)
		same_result(fx, s);
	st->acked = true;
	return true;
}

/* ---- After a crash -------------------------------------------------------------------------*/

static bool is_held(struct fixture *fx, const struct digest *statement)
{
	AUTO(buf) struct buf frame;
	enum keeper_type type;

	buf_init(&frame, 4096);
	keeper_put_digest(&frame, ++fx->correlation, KEEPER_STATEMENT, statement);
	type = fx_exchange(fx, &frame);
	fx_check(type == KEEPER_R_DOCUMENT || type == KEEPER_R_ERROR);
	return type == KEEPER_R_DOCUMENT;
}

void script_recover(struct fixture *fx, struct script *s)
{
	for (int i = 0; i < STEP__COUNT; i++) {
		struct step *st = &s->step[i];
		bool has = !digest_is_equal(&st->statement, &none);
		bool held = has && is_held(fx, &st->statement);

		if (st->acked && has)
			fx_check(held);
		/* A change that is in force is not sent again. */
		if (held && st->want == KEEPER_R_CHANGE)
			continue;
		/* The approval of a request that is signed already, and the like: more than asked
		 * for, and the same result. */
		if (send_step(fx, st) == KEEPER_R_RESULT)
			same_result(fx, s);
		else if (fx->header.type != st->want)
			say_wrong(fx, (enum step_id)i);
		fx_check(fx->header.type == st->want || fx->header.type == KEEPER_R_RESULT);
		if (has)
			fx_check(is_held(fx, &st->statement));
	}
	fx_check(s->has_result[0] && s->has_result[1]);
	fx->policy_version++;
	buf_clear(&fx->policy);
	buf_put_view(&fx->policy, buf_view(&s->policy));
}
