/* The evil front end: everything a broken server could send, against a real keeper. Nothing yields
 * a signature; each refusal has its reason, and the keeper has written it down (P2, P3, P7, P8). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/flow/evil.h"

static void good_request_is_signed(void **state)
{
	(void)state;
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	/* The same again is the same: no second use, no second leaf. */
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

static void unattended_rule_signs_at_once(void **state)
{
	struct fx_request n;

	(void)state;
	fx_request_new(&fx, "nightly", 4, &n);
	assert_int_equal(fx_submit(&fx, &n, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &n);
	fx_request_release(&n);
}

/* ---- The request ---------------------------------------------------------------------------*/

/* Signs q, then sends other bytes under those signatures. */
static enum keeper_type submit_tampered(const struct fx_request *other)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host;

	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host, KEEPER_SIG_MAX);
	fx_sign_as(&fx, "alice", STATEMENT_REQUEST, buf_view(&q.statement), &sig);
	fx_sign(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns,
		buf_view(&q.statement), &host);
	return fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&other->statement), buf_view(&sig),
			     buf_view(&host), true);
}

static void changed_after_signing(void **state)
{
	struct fx_request other;

	(void)state;
	for (int i = 0; i < 6; i++) {
		other = q;
		buf_init(&other.statement, REQUEST_BYTES_MAX);
		other.r.items = other.items;
		if (i == 0)
			other.items[0].sha256.b[0] ^= 1;
		if (i == 1)
			other.items[1].content.b[31] ^= 1;
		if (i == 2)
			other.r.uses = 2;
		if (i == 3)
			other.r.deadline++;
		if (i == 4)
			other.r.count = 1;
		if (i == 5)
			(void)snprintf(other.r.reason, sizeof(other.r.reason), "another");
		fx_request_encode(&other);
		refused(REASON_SIG_REQUESTER, submit_tampered(&other));
		fx_request_release(&other);
	}
}

static void other_key_or_origin(void **state)
{
	(void)state;
	(void)snprintf(q.r.origin, sizeof(q.r.origin), "other.test");
	fx_request_encode(&q);
	refused(REASON_FORM_ORIGIN, fx_submit(&fx, &q, true));
	(void)snprintf(q.r.origin, sizeof(q.r.origin), "keeper.test");
	q.r.key_fingerprint.b[0] ^= 1;
	fx_request_encode(&q);
	refused(REASON_KEY_FINGERPRINT, fx_submit(&fx, &q, true));
	q.r.key_fingerprint.b[0] ^= 1;
	fx_ok(name_parse(view_str("nightly"), &q.r.key));
	fx_request_encode(&q);
	refused(REASON_KEY_FINGERPRINT, fx_submit(&fx, &q, true));
	fx_ok(name_parse(view_str("missing"), &q.r.key));
	fx_request_encode(&q);
	refused(REASON_KEY_UNKNOWN, fx_submit(&fx, &q, true));
}

static void other_format_or_parameter(void **state)
{
	(void)state;
	q.items[1].params = view_str("{\"digest\":\"sha384\"}");
	fx_request_encode(&q);
	refused(REASON_RULE_PARAMS, fx_submit(&fx, &q, true));
	q.items[1].params = view_str("{\"digest\":\"sha256\",\"extra\":1}");
	fx_request_encode(&q);
	refused(REASON_RULE_PARAMS, fx_submit(&fx, &q, true));
	q.items[1].params = view_str("{}");
	fx_request_encode(&q);
	refused(REASON_RULE_PARAMS, fx_submit(&fx, &q, true));
	q.items[1].params = view_str("{\"digest\":\"sha256\"}");
	(void)snprintf(q.items[1].format, sizeof(q.items[1].format), "raw");
	fx_request_encode(&q);
	refused(REASON_RULE_FORMAT, fx_submit(&fx, &q, true));
}

static void unknown_people_and_hosts(void **state)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host;
	AUTO(buf) struct buf wrong;
	const struct view none = view_of(NULL, 0);

	(void)state;
	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host, KEEPER_SIG_MAX);
	buf_init(&wrong, KEEPER_SIG_MAX);
	fx_sign_as(&fx, "alice", STATEMENT_REQUEST, buf_view(&q.statement), &sig);
	fx_sign(&fx_host(&fx, "laptop")->key[0], statement_info(STATEMENT_HOST)->ns,
		buf_view(&q.statement), &host);
	/* Another host's signature, none, and the requester's in the host's place. */
	refused(REASON_SIG_HOST, fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement),
					       buf_view(&sig), buf_view(&host), true));
	refused(REASON_SIG_HOST, fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement),
					       buf_view(&sig), none, true));
	refused(REASON_SIG_HOST, fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement),
					       buf_view(&sig), buf_view(&sig), true));
	refused(REASON_SIG_REQUESTER, fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement),
						    none, buf_view(&host), true));
	/* The requester's own key, in the namespace of an approval. */
	fx_sign_as(&fx, "alice", STATEMENT_APPROVAL, buf_view(&q.statement), &wrong);
	refused(REASON_SIG_REQUESTER, fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement),
						    buf_view(&wrong), buf_view(&host), true));
	fx_ok(name_parse(view_str("nobody"), &q.r.host));
	fx_request_encode(&q);
	refused(REASON_WHO_HOST, fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement),
					       buf_view(&sig), buf_view(&host), true));
	fx_ok(name_parse(view_str("nobody"), &q.r.requester));
	fx_request_encode(&q);
	refused(REASON_WHO_PERSON, fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement),
						 buf_view(&sig), buf_view(&host), true));
}

static void policy_says_no(void **state)
{
	(void)state;
	fx_ok(name_parse(view_str("bob"), &q.r.requester));
	fx_request_encode(&q);
	refused(REASON_RULE_REQUESTER, fx_submit(&fx, &q, true));
	fx_ok(name_parse(view_str("alice"), &q.r.requester));
	fx_ok(name_parse(view_str("laptop"), &q.r.host));
	fx_request_encode(&q);
	refused(REASON_RULE_HOST, fx_submit(&fx, &q, true));
	fx_ok(name_parse(view_str("build1"), &q.r.host));
	q.r.uses = 4;
	fx_request_encode(&q);
	refused(REASON_RULE_USES, fx_submit(&fx, &q, true));
	q.r.uses = 1;
	q.r.deadline = fx_now(&fx) + 30 * 86400;
	fx_request_encode(&q);
	refused(REASON_RULE_DEADLINE, fx_submit(&fx, &q, true));
	q.r.not_before = fx_now(&fx) - 100;
	q.r.deadline = fx_now(&fx) - 10;
	fx_request_encode(&q);
	refused(REASON_TIME_DEADLINE, fx_submit(&fx, &q, true));
}

/* Bytes that say the same but are not the one form. */
static void form_is_exact(void **state)
{
	static const struct {
		const char *from;
		const char *to;
		enum reason reason;
	} edits[] = {
		{"\"uses\":1", "\"uses\":1,\"uses\":3", REASON_FORM_STATEMENT}, /* a name twice */
		{"\"uses\":1", "\"uses\": 1", REASON_FORM_STATEMENT},		/* white space */
		{"\"uses\":1", "\"uses\":01", REASON_FORM_STATEMENT}, /* written otherwise */
		{"\"uses\":1", "\"uses\":1,\"zeal\":1", REASON_FORM_STATEMENT}, /* unknown */
		{"\"uses\":1", "\"uses\":1.0", REASON_FORM_STATEMENT},
		{"\"uses\":1", "\"uses\":0", REASON_FORM_STATEMENT},
		{"\"upload\":false,", "", REASON_FORM_STATEMENT}, /* a field missing */
		{"a.bin", "\\u0061.bin", REASON_FORM_STATEMENT},  /* an escape without need */
		{"\"not_before\":\"20", "\"not_before\":\"80", REASON_FORM_TIME},
	};
	AUTO(buf) struct buf text;
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host;

	(void)state;
	buf_init(&text, REQUEST_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host, KEEPER_SIG_MAX);
	for (size_t i = 0; i <= sizeof(edits) / sizeof(edits[0]); i++) {
		const char *all = buf_cstr(&q.statement);
		const char *at;

		buf_clear(&text);
		if (i < sizeof(edits) / sizeof(edits[0])) {
			at = strstr(all, edits[i].from);
			assert_non_null(at);
			buf_put(&text, all, (size_t)(at - all));
			buf_put_str(&text, edits[i].to);
			buf_put_str(&text, at + strlen(edits[i].from));
		} else {
			buf_put_str(&text, all);
			buf_put_u8(&text, '\n'); /* one byte more */
		}
		buf_clear(&sig);
		buf_clear(&host);
		fx_sign_as(&fx, "alice", STATEMENT_REQUEST, buf_view(&text), &sig);
		fx_sign(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns,
			buf_view(&text), &host);
		refused(i < sizeof(edits) / sizeof(edits[0]) ? edits[i].reason
							     : REASON_FORM_STATEMENT,
			fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&text), buf_view(&sig),
				      buf_view(&host), true));
	}
}

/* ---- Approvals -----------------------------------------------------------------------------*/

static void approval_by_the_wrong_people(void **state)
{
	struct act a;

	(void)state;
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	refused(REASON_WHO_SELF, fx_approve(&fx, "alice", &q, true));
	refused(REASON_WHO_SEAT, fx_approve(&fx, "erin", &q, true));
	refused(REASON_WHO_SEAT, fx_approve(&fx, "robot", &q, true));
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	fx_ok(name_parse(view_str("nobody"), &a.person));
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;
	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_ok(act_encode(&a, &statement, NULL));
	fx_sign_as(&fx, "bob", STATEMENT_APPROVAL, buf_view(&statement), &sig);
	refused(REASON_WHO_PERSON,
		fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true));
	waits(REASON_APPROVE_QUORUM, fx_commit(&fx, &q, 1));
}

/* bob's statement under carol's signature, in another namespace, with a byte changed, as another
 * kind, and bob a second time with his second key. */
static void approval_signatures(void **state)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;
	struct act a;

	(void)state;
	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	fx_ok(act_encode(&a, &statement, NULL));
	fx_sign_as(&fx, "carol", STATEMENT_APPROVAL, buf_view(&statement), &sig);
	refused(REASON_SIG_APPROVER,
		fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true));
	buf_clear(&sig);
	fx_sign_as(&fx, "bob", STATEMENT_DENIAL, buf_view(&statement), &sig);
	refused(REASON_SIG_APPROVER,
		fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true));
	refused(REASON_FORM_KIND,
		fx_act_raw(&fx, STATEMENT_DENIAL, buf_view(&statement), buf_view(&sig), true));
	buf_clear(&sig);
	fx_sign_as(&fx, "bob", STATEMENT_APPROVAL, buf_view(&statement), &sig);
	sig.ptr[sig.len - 1] ^= 1;
	refused(REASON_SIG_APPROVER,
		fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true));
	sig.ptr[sig.len - 1] ^= 1;
	buf_put_u8(&sig, 0);
	refused(REASON_SIG_APPROVER,
		fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true));
	sig.len--;
	waits(REASON_APPROVE_QUORUM,
	      fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true));
	/* Replayed: still one approval. */
	waits(REASON_APPROVE_QUORUM,
	      fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true));
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	buf_clear(&statement);
	buf_clear(&sig);
	fx_ok(act_encode(&a, &statement, NULL));
	fx_sign(&fx_person(&fx, "bob")->key[1], statement_info(STATEMENT_APPROVAL)->ns,
		buf_view(&statement), &sig);
	refused(REASON_APPROVE_DUPLICATE,
		fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true));
	waits(REASON_APPROVE_QUORUM, fx_commit(&fx, &q, 1));
}

static void approval_for_something_else(void **state)
{
	struct fx_request other;
	struct act a;

	(void)state;
	fx_request_new(&fx, "release", 1, &other);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	/* A request that the keeper does not know, the rule of nobody, another origin, too late. */
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	a.request = other.id;
	refused(REASON_STATE_UNKNOWN, fx_act_send(&fx, &a, true));
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	a.rule.b[0] ^= 1;
	refused(REASON_APPROVE_RULE, fx_act_send(&fx, &a, true));
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	(void)snprintf(a.origin, sizeof(a.origin), "other.test");
	refused(REASON_FORM_ORIGIN, fx_act_send(&fx, &a, true));
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	a.expires = fx_now(&fx) - 1;
	refused(REASON_APPROVE_EXPIRED, fx_act_send(&fx, &a, true));
	/* One who has seen a longer log than there is, or another of the same length. */
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	a.seen_size = 1u << 30;
	refused(REASON_KEEPER_RESTORED, fx_act_send(&fx, &a, true));
	a.seen_size = 2;
	refused(REASON_KEEPER_RESTORED, fx_act_send(&fx, &a, true));
	/* Approvals of another request do not count here. */
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &other, false));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &other, true));
	waits(REASON_NONE, fx_approve(&fx, "carol", &other, false));
	waits(REASON_APPROVE_QUORUM, fx_commit(&fx, &q, 1));
	fx_request_release(&other);
}

static void approval_expires(void **state)
{
	(void)state;
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, false));
	waits(REASON_NONE, fx_approve(&fx, "carol", &q, false));
	fx_clock(&fx, fx.clock + 1801);
	waits(REASON_APPROVE_QUORUM, fx_commit(&fx, &q, 1));
	/* The keeper does not go back with its clock; it waits until time has caught up. */
	fx_clock(&fx, fx.clock - 1801);
	refused(REASON_TIME_CLOCK, fx_commit(&fx, &q, 1));
	fx_clock(&fx, fx.clock + 1801);
}

static void uses_are_counted(void **state)
{
	(void)state;
	q.r.uses = 2;
	fx_request_encode(&q);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	refused(REASON_STATE_USES, fx_commit(&fx, &q, 2));
	assert_int_equal(fx_approve(&fx, "dave", &q, true), KEEPER_R_RESULT);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	assert_int_equal(fx_commit(&fx, &q, 2), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	refused(REASON_STATE_USES, fx_commit(&fx, &q, 3));
	refused(REASON_STATE_USES, fx_approve(&fx, "carol", &q, true));
	refused(REASON_FORM_MESSAGE, fx_commit(&fx, &q, 0));
	/* The keeper hangs up on who breaks the protocol. */
	(void)close(fx.fd);
	fx.fd = fx_connect(&fx);
}

static void nothing_after_the_end(void **state)
{
	struct act a;

	(void)state;
	/* Denied. */
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	fx_act(&fx, STATEMENT_DENIAL, "erin", &q, &a);
	refused(REASON_WHO_SEAT, fx_act_send(&fx, &a, false));
	fx_act(&fx, STATEMENT_DENIAL, "dave", &q, &a);
	waits(REASON_STATE_DENIED, fx_act_send(&fx, &a, false));
	refused(REASON_STATE_DENIED, fx_approve(&fx, "bob", &q, true));
	waits(REASON_STATE_DENIED, fx_commit(&fx, &q, 1));
	waits(REASON_STATE_DENIED, fx_submit(&fx, &q, true));
	/* Cancelled, by its requester alone. */
	fx_request_release(&q);
	fx_request_new(&fx, "release", 1, &q);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	fx_act(&fx, STATEMENT_CANCELLATION, "bob", &q, &a);
	refused(REASON_WHO_OWNER, fx_act_send(&fx, &a, false));
	fx_act(&fx, STATEMENT_CANCELLATION, "alice", &q, &a);
	waits(REASON_STATE_CANCELLED, fx_act_send(&fx, &a, false));
	refused(REASON_STATE_CANCELLED, fx_approve(&fx, "bob", &q, true));
	waits(REASON_STATE_CANCELLED, fx_commit(&fx, &q, 1));
	/* Expired. */
	fx_request_release(&q);
	fx_request_new(&fx, "release", 1, &q);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	fx_clock(&fx, fx.clock + 3700);
	refused(REASON_STATE_EXPIRED, fx_approve(&fx, "carol", &q, true));
	waits(REASON_STATE_EXPIRED, fx_commit(&fx, &q, 1));
	/* Done: nobody can unsay it. */
	fx_request_release(&q);
	fx_request_new(&fx, "release", 1, &q);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
	fx_act(&fx, STATEMENT_DENIAL, "dave", &q, &a);
	refused(REASON_STATE_COMMITTED, fx_act_send(&fx, &a, false));
	fx_act(&fx, STATEMENT_CANCELLATION, "alice", &q, &a);
	refused(REASON_STATE_COMMITTED, fx_act_send(&fx, &a, false));
}

static void not_before_its_time(void **state)
{
	(void)state;
	q.r.not_before = fx_now(&fx) + 600;
	fx_request_encode(&q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_STATUS);
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_STATUS);
	waits(REASON_TIME_NOT_BEFORE, fx_approve(&fx, "carol", &q, true));
	waits(REASON_TIME_NOT_BEFORE, fx_commit(&fx, &q, 1));
	fx_clock(&fx, fx.clock + 601);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
}

static void withdrawn_does_not_count(void **state)
{
	struct act yes;
	struct act no;
	AUTO(buf) struct buf statement;

	(void)state;
	buf_init(&statement, ACT_BYTES_MAX);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &yes);
	fx_ok(act_encode(&yes, &statement, NULL));
	waits(REASON_APPROVE_QUORUM, fx_act_send(&fx, &yes, true));
	fx_act(&fx, STATEMENT_WITHDRAWAL, "carol", &q, &no);
	no.approval = digest_of(buf_view(&statement));
	refused(REASON_STATE_NO_APPROVAL, fx_act_send(&fx, &no, false));
	fx_act(&fx, STATEMENT_WITHDRAWAL, "bob", &q, &no);
	no.approval = digest_of(buf_view(&statement));
	waits(REASON_APPROVE_QUORUM, fx_act_send(&fx, &no, false));
	/* The withdrawn approval again brings nothing back. */
	waits(REASON_APPROVE_QUORUM, fx_act_send(&fx, &yes, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "carol", &q, true));
	waits(REASON_APPROVE_QUORUM, fx_commit(&fx, &q, 1));
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_RESULT);
}

/* Found in a review: 256 acts were the end of a request, so that one approver who approves and
 * withdraws without end took away everybody's denial, and the requester's cancellation. */
static void endless_approvals_leave_room_for_no(void **state)
{
	AUTO(buf) struct buf statement;
	struct act yes;
	struct act no;
	size_t given = 0;

	(void)state;
	buf_init(&statement, ACT_BYTES_MAX);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	for (;; given++) {
		fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &yes);
		if (fx_act_send(&fx, &yes, false) == KEEPER_R_ERROR)
			break;
		buf_clear(&statement);
		fx_ok(act_encode(&yes, &statement, NULL));
		fx_act(&fx, STATEMENT_WITHDRAWAL, "bob", &q, &no);
		no.approval = digest_of(buf_view(&statement));
		waits(REASON_APPROVE_QUORUM, fx_act_send(&fx, &no, false));
	}
	assert_int_equal(fx_reason(&fx), REASON_FORM_LIMIT);
	assert_true(given >= 64); /* a quorum has that many seats */
	fx_act(&fx, STATEMENT_DENIAL, "carol", &q, &no);
	assert_int_equal(fx_act_send(&fx, &no, false), KEEPER_R_STATUS);
	assert_int_equal(fx_reason(&fx), REASON_STATE_DENIED);
	refused(REASON_STATE_DENIED, fx_approve(&fx, "carol", &q, true));
}

/* ---- Policy and roster ---------------------------------------------------------------------*/

static const char *const two[] = {"erin", "frank", NULL};
static const char *const one[] = {"erin", NULL};
static const char *const outsiders[] = {"bob", "carol", NULL};
static const char *const twice[] = {"erin", "erin", NULL};

static bool is_pending(void)
{
	return fx.header.type == KEEPER_R_CHANGE &&
	       memmem(fx.body.ptr, fx.body.len, "\"state\":\"pending\"", 17) != NULL &&
	       strstr(buf_cstr(&fx.body), reason_id(REASON_CHANGE_QUORUM)) != NULL;
}

static enum keeper_type change(enum statement_kind kind, const struct buf *doc,
			       const struct buf *previous, const char *const *people)
{
	struct digest d = digest_of(buf_view(previous));

	return fx_change_document(&fx, kind, buf_view(doc), &d, people);
}

static void policy_changes_need_the_quorum(void **state)
{
	AUTO(buf) struct buf doc;
	struct digest wrong = {0};

	(void)state;
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&fx, fx.policy_version + 1, "", &doc);
	assert_int_equal(change(STATEMENT_POLICY, &doc, &fx.policy, one), KEEPER_R_CHANGE);
	assert_true(is_pending());
	assert_int_equal(change(STATEMENT_POLICY, &doc, &fx.policy, outsiders), KEEPER_R_CHANGE);
	assert_true(is_pending());
	refused(REASON_APPROVE_DUPLICATE, change(STATEMENT_POLICY, &doc, &fx.policy, twice));
	refused(REASON_CHANGE_PREVIOUS,
		fx_change_document(&fx, STATEMENT_POLICY, buf_view(&doc), &wrong, two));
	fx_policy_doc(&fx, fx.policy_version, "", &doc);
	refused(REASON_CHANGE_VERSION, change(STATEMENT_POLICY, &doc, &fx.policy, two));
	fx_policy_doc(&fx, fx.policy_version + 2, "", &doc);
	refused(REASON_CHANGE_VERSION, change(STATEMENT_POLICY, &doc, &fx.policy, two));
	/* Rules that ask for nobody: no approvers and not unattended, an empty list, an empty
	 * group. */
	static const char *const bad[] = {
		",{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":[\"release\"],"
		"\"name\":\"x\",\"request\":[\"alice\"]}",
		",{\"approve\":[],\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":"
		"[\"release\"],\"name\":\"x\",\"request\":[\"alice\"]}",
		",{\"approve\":[\"1 of ghosts\"],\"formats\":[\"cms\"],\"from\":[\"build1\"],"
		"\"keys\":[\"release\"],\"name\":\"x\",\"request\":[\"alice\"]}",
		",{\"approve\":[\"1 of @alice\"],\"formats\":[\"cms\"],\"from\":[\"build1\"],"
		"\"keys\":[\"release\"],\"name\":\"x\",\"request\":[\"alice\"]}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fx_policy_doc(&fx, fx.policy_version + 1, bad[i], &doc);
		refused(REASON_CHANGE_INVALID, change(STATEMENT_POLICY, &doc, &fx.policy, two));
	}
}

/* An edit of the rule voids its approvals; an older version does not come back. */
static void approval_of_an_older_policy(void **state)
{
	AUTO(buf) struct buf doc;
	AUTO(buf) struct buf old;
	char *at;

	(void)state;
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	buf_init(&old, DOCUMENT_BYTES_MAX);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, false));
	waits(REASON_NONE, fx_approve(&fx, "carol", &q, false));
	buf_put_view(&old, buf_view(&fx.policy));
	fx_policy_doc(&fx, fx.policy_version + 1, "", &doc);
	at = strstr((char *)(uintptr_t)buf_cstr(&doc), "\"max_uses\":3");
	assert_non_null(at);
	at[11] = '4';
	assert_int_equal(change(STATEMENT_POLICY, &doc, &fx.policy, two), KEEPER_R_CHANGE);
	assert_false(is_pending());
	fx.policy_version++;
	buf_clear(&fx.policy);
	buf_put_view(&fx.policy, buf_view(&doc));
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_STATUS);
	assert_int_not_equal(fx_reason(&fx), REASON_NONE);
	refused(REASON_CHANGE_VERSION, change(STATEMENT_POLICY, &old, &fx.policy, two));
	refused(REASON_CHANGE_PREVIOUS, change(STATEMENT_POLICY, &old, &old, two));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
}

static void new_roster(void)
{
	AUTO(buf) struct buf doc;

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, fx.roster_version + 1, &doc);
	assert_int_equal(change(STATEMENT_ROSTER, &doc, &fx.roster, two), KEEPER_R_CHANGE);
	assert_false(is_pending());
	fx.roster_version++;
	buf_clear(&fx.roster);
	buf_put_view(&fx.roster, buf_view(&doc));
}

/* carol approves and leaves: what she said no longer counts, and she cannot say it again. */
static void approver_left(void **state)
{
	AUTO(buf) struct buf old;

	(void)state;
	buf_init(&old, DOCUMENT_BYTES_MAX);
	buf_put_view(&old, buf_view(&fx.roster));
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, false));
	waits(REASON_NONE, fx_approve(&fx, "carol", &q, false));
	fx_person(&fx, "carol")->gone = true;
	new_roster();
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_STATUS);
	assert_int_not_equal(fx_reason(&fx), REASON_NONE);
	refused(REASON_WHO_PERSON, fx_approve(&fx, "carol", &q, true));
	/* The roster that still had her. */
	refused(REASON_CHANGE_VERSION, change(STATEMENT_ROSTER, &old, &fx.roster, two));
	fx_person(&fx, "carol")->gone = false;
	new_roster();
}

/* bob's key is taken away while his name stays. */
static void key_taken_away(void **state)
{
	struct fx_who *bob = fx_person(&fx, "bob");

	(void)state;
	bob->key_count = 1;
	new_roster();
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	bob->key_count = 2;
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;
	struct act a;
	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	fx_ok(act_encode(&a, &statement, NULL));
	fx_sign(&bob->key[1], statement_info(STATEMENT_APPROVAL)->ns, buf_view(&statement), &sig);
	refused(REASON_SIG_APPROVER,
		fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), true));
	new_roster();
}

/* What the requester or the host signed with a key that was taken away since is not signed. */
static void signer_taken_away(struct fx_who *who)
{
	const struct fx_key kept = who->key[0];

	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	fx_key_new(&who->key[0], true);
	new_roster();
	waits(REASON_SIG_REQUESTER, fx_approve(&fx, "bob", &q, true));
	assert_int_not_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	fx_key_release(&who->key[0]);
	who->key[0] = kept;
	new_roster();
	fx_request_release(&q);
	fx_request_new(&fx, "release", 1, &q);
}

static void requester_key_taken_away(void **state)
{
	(void)state;
	signer_taken_away(fx_person(&fx, "alice"));
}

static void host_key_taken_away(void **state)
{
	(void)state;
	signer_taken_away(fx_host(&fx, "build1"));
}

/* ---- Keys ----------------------------------------------------------------------------------*/

static void key_changes(void **state)
{
	struct key_change c = {.action = KEY_LOCK};
	struct fx_request n;

	(void)state;
	fx_request_new(&fx, "release", 1, &n);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	fx_ok(name_parse(view_str("release"), &c.key));
	assert_int_equal(fx_key_change(&fx, &c, one), KEEPER_R_CHANGE);
	assert_false(is_pending());
	/* People can lift a lock, so the request may wait for them; it is not signed. */
	waits(REASON_KEY_LOCKED, fx_submit(&fx, &n, true));
	waits(REASON_KEY_LOCKED, fx_commit(&fx, &q, 1));
	fx_request_release(&n);
	c.action = KEY_UNLOCK;
	assert_int_equal(fx_key_change(&fx, &c, one), KEEPER_R_CHANGE);
	assert_true(is_pending());
	assert_int_equal(fx_key_change(&fx, &c, two), KEEPER_R_CHANGE);
	assert_false(is_pending());
}

/* A change that gathered dust is not in force because somebody finds it. */
static void changes_expire(void **state)
{
	struct key_change key = {.action = KEY_LOCK, .expires = fx_now(&fx) - 1};
	struct document_change doc = {.kind = STATEMENT_POLICY,
				      .document = buf_view(&fx.policy),
				      .previous = digest_of(buf_view(&fx.policy)),
				      .expires = fx_now(&fx) - 1};
	AUTO(buf) struct buf statement;

	(void)state;
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	fx_ok(document_change_encode(&doc, &statement, NULL));
	refused(REASON_CHANGE_EXPIRED, fx_change(&fx, STATEMENT_POLICY, buf_view(&statement), two));
	fx_ok(name_parse(view_str("release"), &key.key));
	(void)snprintf(key.origin, sizeof(key.origin), "keeper.test");
	buf_clear(&statement);
	fx_ok(key_change_encode(&key, &statement, NULL));
	refused(REASON_CHANGE_EXPIRED,
		fx_change(&fx, STATEMENT_KEYADMIN, buf_view(&statement), one));
}

/* ---- The end -------------------------------------------------------------------------------*/

static void everything_is_still_there(void **state)
{
	(void)state;
	fx_stop(&fx);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
	fx_request_release(&q);
	fx_request_new(&fx, "nightly", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	fx_kill(&fx);
	fx_run(&fx);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fresh, done)
	const struct CMUnitTest tests[] = {
		CASE(good_request_is_signed),
		CASE(unattended_rule_signs_at_once),
		CASE(changed_after_signing),
		CASE(other_key_or_origin),
		CASE(other_format_or_parameter),
		CASE(unknown_people_and_hosts),
		CASE(policy_says_no),
		CASE(form_is_exact),
		CASE(approval_by_the_wrong_people),
		CASE(approval_signatures),
		CASE(approval_for_something_else),
		CASE(uses_are_counted),
		CASE(withdrawn_does_not_count),
		CASE(endless_approvals_leave_room_for_no),
		CASE(policy_changes_need_the_quorum),
		CASE(approval_of_an_older_policy),
		CASE(approver_left),
		CASE(key_taken_away),
		CASE(requester_key_taken_away),
		CASE(host_key_taken_away),
		CASE(key_changes),
		CASE(changes_expire),
		CASE(approval_expires),
		CASE(not_before_its_time),
		CASE(nothing_after_the_end),
		CASE(everything_is_still_there),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
