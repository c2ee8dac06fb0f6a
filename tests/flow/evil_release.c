/* Signatures that are made and held until the request's release: whatever an evil front end asks,
 * nothing of them leaves the keeper before, and never once somebody has said no.
 *
 * Everything that the keeper answers and publishes meanwhile is kept and searched for the signature
 * values when they are known. */
#include "tests/flow/evil.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/model/leaf.h"
#include "lib/tlog/proof_file.h"

#define HELD 600 /* seconds from the request to its release */
#define HEARD_MAX ((size_t)64 << 20)

static const char *const two[] = {"erin", "frank", NULL};
static struct buf heard;

static bool says(const char *text)
{
	return memmem(fx.body.ptr, fx.body.len, text, strlen(text)) != NULL;
}

/* What was just answered is no result, and is remembered. */
static void hear(void)
{
	assert_int_not_equal(fx.header.type, KEEPER_R_RESULT);
	buf_put_view(&heard, buf_view(&fx.body));
}

/* ---- Everything that there is to ask -------------------------------------------------------*/

static void ask(enum keeper_type type, const struct digest *d)
{
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_digest(&frame, ++fx.correlation, type, d);
	(void)fx_exchange(&fx, &frame);
	hear();
}

static enum keeper_type result(uint32_t use)
{
	const struct keeper_commit m = {.request = q.id, .use = use};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_commit(&frame, ++fx.correlation, KEEPER_RESULT, &m);
	return fx_exchange(&fx, &frame);
}

static uint64_t log_size(void)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello m;

	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++fx.correlation);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_HELLO);
	fx_ok(keeper_get_hello(buf_view(&fx.body), &m));
	return m.log_size;
}

/* Each entry with its proof, and every digest in it as the name of a statement; whether one of them
 * is the issue of q's use. */
static bool ask_log(void)
{
	uint64_t size = log_size();
	bool issued = false;

	for (uint64_t i = 0; i < size; i++) {
		AUTO(buf) struct buf frame;
		AUTO(buf) struct buf bytes;
		struct proof_file proof;
		struct leaf leaf;

		buf_init(&frame, 4096);
		buf_init(&bytes, LEAF_BYTES_MAX);
		keeper_put_proof_request(&frame, ++fx.correlation, i, 0);
		assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_PROOF);
		hear();
		fx_ok(proof_file_parse(buf_view(&fx.body), &proof, NULL));
		fx_ok(base64_parse(BASE64_STD, proof.extra, &bytes, NULL));
		buf_put_view(&heard, buf_view(&bytes));
		fx_ok(leaf_parse(buf_view(&bytes), &leaf, NULL));
		if (leaf.kind == LEAF_ISSUE && digest_is_equal(&leaf.request, &q.id)) {
			issued = true;
			ask(KEEPER_STATEMENT, &leaf.signatures);
			ask(KEEPER_COUNTED, &leaf.signatures);
		}
	}
	return issued;
}

static void read_files(int dirfd)
{
	DIR *d = fdopendir(dirfd);
	struct dirent *e;

	fx_check(d != NULL);
	while ((e = readdir(d)) != NULL) {
		AUTO(fd) int fd = -1;
		struct stat st;
		uint8_t mem[4096];
		ssize_t n;

		if (e->d_name[0] == '.')
			continue;
		fd = openat(dirfd, e->d_name, O_RDONLY | O_CLOEXEC);
		fx_check(fd >= 0 && fstat(fd, &st) == 0);
		if (S_ISDIR(st.st_mode)) {
			read_files(fd);
			fd = -1; /* closed with its stream */
			continue;
		}
		while ((n = read(fd, mem, sizeof(mem))) > 0)
			buf_put(&heard, mem, (size_t)n);
	}
	(void)closedir(d);
}

static void read_public(void)
{
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/state/public", fx.dir);
	fx_ok(dir_open(path, &fd, NULL));
	read_files(fd);
}

/* All messages about the request, with this reason in every status. */
static void ask_everything(enum reason reason)
{
	struct act late;

	waits(reason, fx_submit(&fx, &q, true));
	hear();
	waits(reason, fx_submit(&fx, &q, false));
	hear();
	waits(reason, fx_commit(&fx, &q, 1));
	hear();
	waits(reason, result(1));
	hear();
	waits(reason, fx_show(&fx, &q));
	hear();
	fx_act(&fx, STATEMENT_APPROVAL, "dave", &q, &late);
	assert_int_equal(fx_act_send(&fx, &late, true), KEEPER_R_ERROR);
	hear();
	(void)fx_submit_raw(&fx, KEEPER_EXPLAIN, buf_view(&q.statement), view_of("", 0),
			    view_of("", 0), true);
	hear();
	ask(KEEPER_STATEMENT, &q.id);
	ask(KEEPER_COUNTED, &q.id);
	(void)result(2);
	hear();
	(void)fx_commit(&fx, &q, 2);
	hear();
}

/* The result that came: none of its values was heard. */
static void was_never_heard(void)
{
	AUTO(buf) struct buf body;
	struct keeper_result m;
	struct view rest, one;

	buf_init(&body, FX_BODY_MAX);
	buf_put_view(&body, buf_view(&fx.body)); /* the check asks for more */
	fx_check_result(&fx, &q);
	fx_ok(keeper_get_result(buf_view(&body), &m));
	fx_ok(buf_done(&heard));
	rest = m.signatures;
	for (uint32_t i = 0; i < m.count; i++) {
		fx_ok(keeper_result_next(&rest, &one));
		assert_null(memmem(heard.ptr, heard.len, one.ptr, one.len));
	}
	assert_true(m.signed_at < q.r.release);
	/* What would be found if it were there. */
	buf_put_view(&heard, m.signatures);
	assert_non_null(memmem(heard.ptr, heard.len, one.ptr, one.len));
}

/* ---- Cases ---------------------------------------------------------------------------------*/

static int begin(void **state)
{
	buf_init(&heard, HEARD_MAX);
	(void)fresh(state);
	q.r.release = q.r.not_before + HELD;
	fx_request_encode(&q);
	return 0;
}

static int end(void **state)
{
	buf_release(&heard);
	return done(state);
}

/* Submitted and approved: signed, and held. */
static void hold(void)
{
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	waits(REASON_TIME_RELEASE, fx_approve(&fx, "carol", &q, true));
	assert_true(says("\"state\":\"committed\""));
	assert_true(says("\"uses_spent\":1"));
	assert_true(says("\"uses_done\":0"));
	hear();
}

static void made(void)
{
	while (!ask_log()) /* asks until the pool has signed it */
		continue;
}

static void at(unix_time t)
{
	fx_clock(&fx, (long)(t - clock_now(&clock_system)));
}

static void nothing_leaves_before(void **state)
{
	char text[TIME_TEXT];

	(void)state;
	hold();
	fx_ok(time_format(q.r.release, text));
	assert_true(says(text));
	made();
	ask_everything(REASON_TIME_RELEASE);
	read_public();
	fx_stop(&fx);
	fx_run(&fx);
	ask_everything(REASON_TIME_RELEASE);
	fx_kill(&fx);
	fx_run(&fx);
	ask_everything(REASON_TIME_RELEASE);
	fx_clock_at(&fx, q.r.release - 1); /* the last second */
	ask_everything(REASON_TIME_RELEASE);
	(void)ask_log();
	read_public();
	fx_clock_at(&fx, q.r.release);
	assert_int_equal(result(1), KEEPER_R_RESULT);
	was_never_heard();
	/* It is out, for ever: by whatever message, and whatever the clock does. */
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	fx_clock_at(&fx, q.r.release - 30);
	assert_int_equal(result(1), KEEPER_R_RESULT);
	at(q.r.release + 1);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	waits(REASON_STATE_USES, fx_show(&fx, &q));
	assert_true(says("\"state\":\"done\""));
}

static enum keeper_type say_no(enum statement_kind kind, const char *person)
{
	struct act no;

	fx_act(&fx, kind, person, &q, &no);
	return fx_act_send(&fx, &no, false);
}

/* Closed while it is held: whoever asks, at any time and of any process. */
static void stays_closed(enum reason reason)
{
	ask_everything(reason);
	fx_stop(&fx);
	fx_run(&fx);
	ask_everything(reason);
	at(q.r.release + 10);
	ask_everything(reason);
	at(q.r.deadline + 1);
	ask_everything(reason);
	assert_true(says("\"state\":\"closed\"") || fx.header.type == KEEPER_R_ERROR);
}

static void a_denial_keeps_it_for_ever(void **state)
{
	(void)state;
	hold();
	made();
	refused(REASON_WHO_SEAT, say_no(STATEMENT_DENIAL, "frank"));
	waits(REASON_STATE_DENIED, say_no(STATEMENT_DENIAL, "dave"));
	assert_true(says("\"state\":\"closed\""));
	stays_closed(REASON_STATE_DENIED);
}

static void a_cancellation_keeps_it_for_ever(void **state)
{
	(void)state;
	hold();
	refused(REASON_WHO_OWNER, say_no(STATEMENT_CANCELLATION, "bob"));
	waits(REASON_STATE_CANCELLED, say_no(STATEMENT_CANCELLATION, "alice"));
	stays_closed(REASON_STATE_CANCELLED);
}

/* A "no" counts until the signature is out, even after the time when it could have been. */
static void the_last_moment_for_a_no(void **state)
{
	(void)state;
	hold();
	at(q.r.release + 5);
	waits(REASON_STATE_DENIED, say_no(STATEMENT_DENIAL, "dave"));
	stays_closed(REASON_STATE_DENIED);
	(void)end(state);
	(void)begin(state);
	hold();
	made();
	at(q.r.release);
	waits(REASON_STATE_USES, fx_show(&fx, &q)); /* a look is enough */
	refused(REASON_STATE_COMMITTED, say_no(STATEMENT_DENIAL, "dave"));
	refused(REASON_STATE_COMMITTED, say_no(STATEMENT_CANCELLATION, "alice"));
	assert_int_equal(result(1), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

/* The decision was taken: what is said for it comes too late. */
static void a_withdrawal_is_too_late(void **state)
{
	struct act yes, no;
	AUTO(buf) struct buf statement;

	(void)state;
	buf_init(&statement, ACT_BYTES_MAX);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &yes);
	fx_ok(act_encode(&yes, &statement, NULL));
	waits(REASON_APPROVE_QUORUM, fx_act_send(&fx, &yes, true));
	waits(REASON_TIME_RELEASE, fx_approve(&fx, "carol", &q, true));
	fx_act(&fx, STATEMENT_WITHDRAWAL, "bob", &q, &no);
	no.approval = digest_of(buf_view(&statement));
	refused(REASON_STATE_COMMITTED, fx_act_send(&fx, &no, false));
	refused(REASON_STATE_COMMITTED, fx_approve(&fx, "dave", &q, true));
	at(q.r.release);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
}

static void set_lock(enum key_action action)
{
	struct key_change change = {.action = action};

	fx_ok(name_parse(view_str("release"), &change.key));
	assert_int_equal(fx_key_change(&fx, &change, two), KEEPER_R_CHANGE);
}

static void a_lock_holds_it(void **state)
{
	(void)state;
	hold();
	set_lock(KEY_LOCK);
	waits(REASON_TIME_RELEASE, fx_show(&fx, &q));
	at(q.r.release);
	ask_everything(REASON_KEY_LOCKED);
	fx_stop(&fx);
	fx_run(&fx);
	at(q.r.deadline + 60); /* nothing ends it but a "no" */
	ask_everything(REASON_KEY_LOCKED);
	set_lock(KEY_UNLOCK);
	assert_int_equal(result(1), KEEPER_R_RESULT);
	was_never_heard();
	set_lock(KEY_LOCK); /* and what is out is out */
	assert_int_equal(result(1), KEEPER_R_RESULT);
	set_lock(KEY_UNLOCK);
}

/* Changes the policy: freezes (NULL: none) and the rule's further fields. */
static void put_policy(const char *freezes, const char *rule)
{
	struct digest before = digest_of(buf_view(&fx.policy));
	AUTO(buf) struct buf plain;
	AUTO(buf) struct buf doc;
	const char *rules;

	buf_init(&plain, DOCUMENT_BYTES_MAX);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&fx, fx.policy_version + 1, rule, &plain);
	rules = strstr(buf_cstr(&plain), "\"rules\":");
	buf_put(&doc, plain.ptr, (size_t)(rules - (const char *)plain.ptr));
	if (freezes != NULL)
		buf_printf(&doc, "\"freezes\":[%s],", freezes);
	buf_put_str(&doc, rules);
	fx_ok(buf_done(&doc));
	assert_int_equal(fx_change_document(&fx, STATEMENT_POLICY, buf_view(&doc), &before, two),
			 KEEPER_R_CHANGE);
	fx.policy_version++;
	buf_clear(&fx.policy);
	buf_put_view(&fx.policy, buf_view(&doc));
}

/* "2026-11-26 09:05" */
static void minute(unix_time t, char out[TIME_TEXT])
{
	fx_ok(time_format(t, out));
	out[10] = ' ';
	out[16] = '\0';
}

static char freeze_text[300];
static const char *freeze(unix_time from, unix_time to)
{
	char a[TIME_TEXT], b[TIME_TEXT];

	minute(from, a);
	minute(to, b);
	(void)snprintf(freeze_text, sizeof(freeze_text),
		       "{\"from\":\"%s\",\"keys\":[\"rel*\"],\"name\":\"ice\",\"reason\":\"audit\","
		       "\"to\":\"%s\",\"zone\":\"UTC\"}",
		       a, b);
	return freeze_text;
}

/* A freeze that begins after the signature; and one that nobody can tell the end of. */
static void a_freeze_holds_it(void **state)
{
	(void)state;
	fx_zone(&fx, true);
	hold();
	put_policy(freeze(q.r.release - 120, q.r.release + 120), "");
	waits(REASON_TIME_RELEASE, fx_show(&fx, &q));
	at(q.r.release);
	ask_everything(REASON_TIME_FREEZE);
	assert_true(says("freeze ice until ") || fx.header.type == KEEPER_R_ERROR);
	fx_zone(&fx, false);
	ask_everything(REASON_TIME_ZONE);
	fx_zone(&fx, true);
	at(q.r.release + 121);
	assert_int_equal(result(1), KEEPER_R_RESULT);
	was_never_heard();
	put_policy(NULL, "");
}

#define GLASS                                                                                      \
	",{\"approve\":[\"2 of security\"],\"break_glass\":true,\"formats\":[\"cms\"],\"from\":"   \
	"[\"group:builders\"],\"keys\":[\"release\"],\"name\":\"glass\",\"request\":"              \
	"[\"group:developers\"],\"review\":{\"approve\":[\"1 of admins\"],\"within\":2592000},"    \
	"\"ticket\":\"INC-*\",\"upload\":\"optional\"}"

/* A use that passed the freeze is not held by it; by its own time it is. */
static void broken_glass_passes_the_freeze(void **state)
{
	(void)state;
	fx_zone(&fx, true);
	put_policy(freeze(fx_now(&fx) - 600, q.r.release + 600), GLASS);
	(void)snprintf(q.r.reason, sizeof(q.r.reason), "hot fix, INC-4711");
	fx_request_encode(&q);
	hold();
	ask_everything(REASON_TIME_RELEASE);
	put_policy(freeze(fx_now(&fx) - 600, q.r.release + 601), ""); /* the rule is gone */
	at(q.r.release);
	assert_int_equal(result(1), KEEPER_R_RESULT);
	was_never_heard();
	put_policy(NULL, "");
}

/* What was decided is not decided again: a rule that is gone, an approver who left. */
static void the_decision_stands(void **state)
{
	(void)state;
	hold();
	put_policy(NULL, ",{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":[\"other\"],"
			 "\"name\":\"other\",\"request\":[\"alice\"],\"unattended\":true,"
			 "\"upload\":\"optional\"}");
	at(q.r.release);
	assert_int_equal(result(1), KEEPER_R_RESULT);
	was_never_heard();
	put_policy(NULL, "");
}

/* Behind the newest entry of the log nothing is released, as nothing is signed. */
static void a_clock_that_is_set_back(void **state)
{
	(void)state;
	hold();
	at(q.r.release - 10);
	set_lock(KEY_LOCK); /* an entry at that time */
	set_lock(KEY_UNLOCK);
	at(q.r.not_before + 5);
	waits(REASON_TIME_CLOCK, fx_show(&fx, &q));
	hear();
	waits(REASON_TIME_CLOCK, result(1));
	hear();
	refused(REASON_TIME_CLOCK, fx_commit(&fx, &q, 1));
	at(q.r.release);
	assert_int_equal(result(1), KEEPER_R_RESULT);
	was_never_heard();
}

/* One use before the release; the others when it is out, at once. */
static void further_uses(void **state)
{
	(void)state;
	q.r.uses = 2;
	fx_request_encode(&q);
	hold();
	made();
	ask_everything(REASON_TIME_RELEASE);
	at(q.r.release);
	waits(REASON_NONE, fx_show(&fx, &q));
	assert_true(says("\"state\":\"open\""));
	assert_true(says("\"uses_done\":1"));
	assert_int_equal(fx_commit(&fx, &q, 2), KEEPER_R_RESULT);
	assert_int_equal(result(1), KEEPER_R_RESULT);
	/* Closed afterwards takes nothing back. */
	assert_int_equal(result(2), KEEPER_R_RESULT);
}

/* Approved after the time: nothing is held. */
static void late_approvals(void **state)
{
	(void)state;
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	at(q.r.release);
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

/* Nobody asked for a long time. */
static void the_deadline_ends_nothing(void **state)
{
	(void)state;
	hold();
	at(q.r.deadline + 86400);
	assert_int_equal(result(1), KEEPER_R_RESULT);
	was_never_heard();
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

static int forget_all(void **state)
{
	buf_release(&heard);
	return group_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_leaves_before),
		CASE(a_denial_keeps_it_for_ever),
		CASE(a_cancellation_keeps_it_for_ever),
		CASE(the_last_moment_for_a_no),
		CASE(a_withdrawal_is_too_late),
		CASE(a_lock_holds_it),
		CASE(a_freeze_holds_it),
		CASE(broken_glass_passes_the_freeze),
		CASE(the_decision_stands),
		CASE(a_clock_that_is_set_back),
		CASE(further_uses),
		CASE(late_approvals),
		CASE(the_deadline_ends_nothing),
	};

	return cmocka_run_group_tests(tests, group_setup, forget_all);
}
