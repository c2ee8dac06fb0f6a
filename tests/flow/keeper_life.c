/* The keeper's process: started twice, stopped, killed, its state put back from a copy; and what it
 * remembers of its own documents. Crashes at each write and full disks have a test of their own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"

#define MANY 12
#define KILLS 6

extern char **environ;

static struct fixture fx;

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	fx_end(&fx);
	return 0;
}

static void tool(const char *name, const char *option, const char *from, const char *to)
{
	char paths[2][400];
	const char *argv[] = {name, option, "--", paths[0], to != NULL ? paths[1] : NULL, NULL};
	int status;
	pid_t pid;

	(void)snprintf(paths[0], sizeof(paths[0]), "%s/%s", fx.dir, from);
	if (to != NULL)
		(void)snprintf(paths[1], sizeof(paths[1]), "%s/%s", fx.dir, to);
	assert_int_equal(
		posix_spawnp(&pid, name, NULL, NULL, (char *const *)(uintptr_t)argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void sign_one(void)
{
	struct fx_request q;

	fx_request_new(&fx, "nightly", 2, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	fx_request_release(&q);
}

/* ---- One keeper for one journal ------------------------------------------------------------*/

static void second_keeper_is_refused(void **state)
{
	(void)state;
	assert_int_equal(fx_verb(&fx, "run", NULL), 1);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 1);
	/* The first one still has its socket and its journal. */
	fd_close(&fx.fd);
	fx.fd = fx_connect(&fx);
	assert_true(fx.fd >= 0);
	sign_one();
}

static void init_does_not_overwrite(void **state)
{
	char policy[300];
	char roster[300];
	const char *const init[] = {"--origin", "keeper.test", "--policy", policy,
				    "--roster", roster,	       NULL};

	(void)state;
	(void)snprintf(policy, sizeof(policy), "%s/policy", fx.dir);
	(void)snprintf(roster, sizeof(roster), "%s/roster", fx.dir);
	assert_int_equal(fx_verb(&fx, "init", init), 1);
	fx_stop(&fx);
	assert_int_equal(fx_verb(&fx, "init", init), 1);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
	sign_one();
}

/* ---- The end of the process ----------------------------------------------------------------*/

/* Without waiting for the answer. */
static void send_submit(const struct fx_request *q)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host_sig;
	AUTO(buf) struct buf frame;
	struct keeper_submit m = {.statement = buf_view(&q->statement), .sign = true};

	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host_sig, KEEPER_SIG_MAX);
	buf_init(&frame, KEEPER_FRAME_MAX);
	fx_sign_as(&fx, "robot", STATEMENT_REQUEST, m.statement, &sig);
	fx_sign(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns, m.statement,
		&host_sig);
	m.requester_sig = buf_view(&sig);
	m.host_sig = buf_view(&host_sig);
	keeper_put_submit(&frame, ++fx.correlation, KEEPER_SUBMIT, &m);
	fx_send(&fx, &frame);
}

/* The answer twice: the same bytes, for what is signed is signed once. */
static void same_twice(struct fx_request *q)
{
	AUTO(buf) struct buf first;

	buf_init(&first, FX_BODY_MAX);
	assert_int_equal(fx_submit(&fx, q, true), KEEPER_R_RESULT);
	struct keeper_result a;
	struct keeper_result b;
	buf_put_view(&first, buf_view(&fx.body));
	fx_check_result(&fx, q);
	fx_stop(&fx);
	fx_run(&fx);
	assert_int_equal(fx_submit(&fx, q, true), KEEPER_R_RESULT);
	fx_ok(keeper_get_result(buf_view(&first), &a));
	fx_ok(keeper_get_result(buf_view(&fx.body), &b));
	assert_true(view_is_equal(a.signatures, b.signatures));
	assert_true(view_is_equal(a.leaf, b.leaf));
	assert_int_equal(a.issue_leaf, b.issue_leaf);
}

/* Whatever was begun is finished before the process ends, and what was answered stays true. */
static void term_finishes_what_is_begun(void **state)
{
	struct fx_request q[MANY];
	size_t answers = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		fx_request_new(&fx, "nightly", 4, &q[i]);
	for (size_t i = 0; i < MANY; i++)
		send_submit(&q[i]);
	assert_true(fx_recv(&fx));
	assert_int_equal(fx.header.type, KEEPER_R_RESULT);
	assert_int_equal(kill(fx.pid, SIGTERM), 0);
	while (fx_recv(&fx)) {
		assert_int_equal(fx.header.type, KEEPER_R_RESULT);
		answers++;
	}
	assert_true(answers < MANY);
	assert_int_equal(fx_wait(&fx), 0);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(fx_submit(&fx, &q[i], true), KEEPER_R_RESULT);
		fx_check_result(&fx, &q[i]);
		fx_request_release(&q[i]);
	}
}

static void killed_at_any_time(void **state)
{
	struct fx_request q;

	(void)state;
	for (long i = 0; i < KILLS; i++) {
		const struct timespec later = {.tv_nsec = i * 400000};

		fx_request_new(&fx, "nightly", 4, &q);
		send_submit(&q);
		/* Wherever this lands: no order is waited for. */
		(void)nanosleep(&later, NULL);
		fx_kill(&fx);
		fx_run(&fx);
		same_twice(&q);
		fx_request_release(&q);
	}
	fx_stop(&fx);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
}

/* ---- Backups -------------------------------------------------------------------------------*/

/* A copy of the state from before the last signature: whoever runs it would count uses anew. */
/* Power loss tears files that are not fsynced because the journal can make them again. */
static void torn_checkpoint_is_made_again(void **state)
{
	(void)state;
	sign_one();
	fx_stop(&fx);
	tool("truncate", "-s7", "state/public/checkpoint", NULL);
	fx_run(&fx);
	assert_true(fx.fd >= 0);
	sign_one();
	fx_stop(&fx);
	tool("truncate", "-s0", "state/public/checkpoint", NULL);
	tool("truncate", "-s512", "state/public/checkpoint", NULL); /* zeros */
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 1);
	fx_run(&fx);
	assert_true(fx.fd >= 0);
	fx_stop(&fx);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
}

static void restored_backup_is_refused(void **state)
{
	size_t before = fx_logged(&fx, REASON_KEEPER_RESTORED);

	(void)state;
	fx_stop(&fx);
	tool("cp", "-a", "state", "copy");
	fx_run(&fx);
	sign_one();
	fx_stop(&fx);
	tool("mv", "-T", "state", "newest");
	tool("mv", "-T", "copy", "state");
	assert_int_equal(fx_verb(&fx, "run", NULL), 1);
	assert_int_equal(fx_logged(&fx, REASON_KEEPER_RESTORED), before + 1);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 1);
	/* Refused for good, not once. */
	assert_int_equal(fx_verb(&fx, "run", NULL), 1);
	tool("rm", "-rf", "state", NULL);
	tool("mv", "-T", "newest", "state");
	fx_run(&fx);
	assert_true(fx.fd >= 0);
	sign_one();
}

/* The newest state is a good backup: the guard has seen nothing newer. */
static void newest_backup_is_accepted(void **state)
{
	(void)state;
	fx_stop(&fx);
	tool("cp", "-a", "state", "copy");
	tool("rm", "-rf", "state", NULL);
	tool("mv", "-T", "copy", "state");
	fx_run(&fx);
	assert_true(fx.fd >= 0);
	sign_one();
}

static void lost_guard_is_refused(void **state)
{
	(void)state;
	fx_stop(&fx);
	tool("mv", "-T", "guard", "away");
	assert_int_equal(fx_verb(&fx, "run", NULL), 1);
	tool("rm", "-rf", "guard", NULL);
	tool("mv", "-T", "away", "guard");
	fx_run(&fx);
	assert_true(fx.fd >= 0);
	sign_one();
}

/* ---- Documents -----------------------------------------------------------------------------*/

static enum keeper_type ask_statement(const struct digest *d)
{
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_digest(&frame, ++fx.correlation, KEEPER_STATEMENT, d);
	fx_send(&fx, &frame);
	assert_true(fx_recv(&fx));
	return fx.header.type;
}

/* Entries of the log name policy and roster by digest: every version that was in force is there. */
static void documents_are_found_by_digest(void **state)
{
	static const char *const admins[] = {"erin", "frank", NULL};
	struct digest roster = digest_of(buf_view(&fx.roster));
	const struct digest policy = digest_of(buf_view(&fx.policy));
	AUTO(buf) struct buf next;
	struct digest newer;

	(void)state;
	buf_init(&next, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, 2, &next);
	newer = digest_of(buf_view(&next));
	assert_int_equal(ask_statement(&newer), KEEPER_R_ERROR);
	assert_int_equal(
		fx_change_document(&fx, STATEMENT_ROSTER, buf_view(&next), &roster, admins),
		KEEPER_R_CHANGE);
	const struct digest *const want[] = {&roster, &policy, &newer};
	for (size_t i = 0; i < 3; i++) {
		struct keeper_document m;
		struct document_change doc;

		assert_int_equal(ask_statement(want[i]), KEEPER_R_DOCUMENT);
		fx_ok(keeper_get_document(buf_view(&fx.body), &m));
		fx_ok(document_change_parse(m.kind, m.statement, &doc, NULL));
		assert_true(digest_is_equal(&doc.digest, want[i]));
	}
	roster.b[0] ^= 1;
	assert_int_equal(ask_statement(&roster), KEEPER_R_ERROR);
	assert_int_equal(fx_reason(&fx), REASON_CALL_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(second_keeper_is_refused),
		cmocka_unit_test(init_does_not_overwrite),
		cmocka_unit_test(term_finishes_what_is_begun),
		cmocka_unit_test(killed_at_any_time),
		cmocka_unit_test(torn_checkpoint_is_made_again),
		cmocka_unit_test(restored_backup_is_refused),
		cmocka_unit_test(newest_backup_is_accepted),
		cmocka_unit_test(lost_guard_is_refused),
		cmocka_unit_test(documents_are_found_by_digest),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
