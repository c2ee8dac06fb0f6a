/* While keys are at work public/ may be a moment behind what was answered (LEDGER_LATER_MS). A shim
 * holds a key and stops the clock, so that the moment lasts as long as the test needs it.
 *
 * Holds: every answer carries the checkpoint that it stands under, and that is signed; what people
 * wait for to see is published at once; public/ never goes back; whoever is killed while it is
 * behind catches up at the start. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/model/leaf.h"
#include "lib/tlog/checkpoint.h"
#include "lib/tlog/fsck.h"
#include "lib/tlog/proof_file.h"
#include "lib/tlog/tile_dir.h"
#include "tests/lib/fixture.h"
#include "tests/shim/gate.h"

static struct fixture fx;
static struct gate *gate;
static struct vkey log_key;
static struct tree_head seen; /* newest checkpoint of public/ so far */
static int public_fd = -1;
static uint32_t stops; /* of the clock */

static int group_setup(void **state)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello hello;
	char path[300];
	int fd;

	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "release", "ecdsa-p256");
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	(void)snprintf(path, sizeof(path), "%s/gate", fx.dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*gate)), 0);
	gate = mmap(NULL, sizeof(*gate), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(gate != MAP_FAILED);
	(void)close(fd);
	gate->held = UINT32_MAX;
	fx_stop(&fx);
	fx_run(&fx); /* from here on with the shim */
	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++fx.correlation);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_HELLO);
	fx_ok(keeper_get_hello(buf_view(&fx.body), &hello));
	fx_ok(vkey_parse(view_str(hello.vkey), &log_key, NULL));
	(void)snprintf(path, sizeof(path), "%s/state/public", fx.dir);
	fx_ok(dir_open(path, &public_fd, NULL));
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	fd_close(&public_fd);
	fx_end(&fx);
	(void)munmap(gate, sizeof(*gate));
	return 0;
}

/* ---- The log, as a follower sees it --------------------------------------------------------*/

/* Entries of the published checkpoint, which must be a later one of the same log. */
static uint64_t published(void)
{
	const struct tile_reader reader = tile_dir_reader(&public_fd);
	AUTO(buf) struct buf note;
	struct checkpoint c;
	struct fault f = {0};

	buf_init(&note, CHECKPOINT_MAX);
	fx_ok(tile_dir_checkpoint(public_fd, &note, &f));
	if (!rc_is_ok(log_follow(&reader, buf_view(&note), &log_key, &seen, &c, &f)))
		fail_msg("%s", f.text);
	seen = c.head;
	return seen.size;
}

static void wait_published(uint64_t size)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	while (published() < size)
		(void)nanosleep(&pause, NULL); /* polls a condition */
}

/* The checkpoint in a proof, its signature verified. */
static struct tree_head head_of(struct view file)
{
	struct proof_file proof;
	struct checkpoint c;

	fx_ok(proof_file_parse(file, &proof, NULL));
	fx_ok(checkpoint_open(proof.note, &log_key, &c, NULL));
	return c.head;
}

/* ---- A key at work -------------------------------------------------------------------------*/

struct held {
	struct fx_request q;
	int fd; /* the connection that waits for it */
};

/* Stops the clock, submits an unattended request on a connection of its own and comes back when its
 * key operation has begun, which then goes on and on. */
static void hold(struct held *h)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint32_t begun = gate->begun;
	int fd = fx.fd;
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host_sig;
	AUTO(buf) struct buf frame;
	struct keeper_submit m = {.sign = true};

	fx_request_new(&fx, "nightly", 1, &h->q);
	m.statement = buf_view(&h->q.statement);
	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host_sig, KEEPER_SIG_MAX);
	buf_init(&frame, KEEPER_FRAME_MAX);
	fx_sign_as(&fx, "robot", STATEMENT_REQUEST, m.statement, &sig);
	fx_sign(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns, m.statement,
		&host_sig);
	m.requester_sig = buf_view(&sig);
	m.host_sig = buf_view(&host_sig);
	keeper_put_submit(&frame, ++fx.correlation, KEEPER_SUBMIT, &m);
	gate->still = ++stops;
	gate->held = begun;
	fx.fd = h->fd = fx_connect(&fx);
	fx_send(&fx, &frame);
	fx.fd = fd;
	while (gate->begun == begun)
		(void)nanosleep(&pause, NULL); /* polls a condition */
}

static void let_go(struct held *h)
{
	int fd = fx.fd;

	gate->held = UINT32_MAX;
	fx.fd = h->fd;
	assert_true(fx_recv(&fx));
	fx_check_result(&fx, &h->q);
	fx.fd = fd;
	fd_close(&h->fd);
	fx_request_release(&h->q);
}

/* ---- Cases ---------------------------------------------------------------------------------*/

static uint64_t status_leaf(void)
{
	struct keeper_status m;

	assert_int_equal(fx.header.type, KEEPER_R_STATUS);
	fx_ok(keeper_get_status(buf_view(&fx.body), &m));
	return m.leaf;
}

/* Asks the keeper for the proof of an entry; the head that it is under. */
static struct tree_head proven(uint64_t index)
{
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_proof_request(&frame, ++fx.correlation, index, 0);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_PROOF);
	return head_of(buf_view(&fx.body));
}

static void answers_are_under_their_own_checkpoint(void **state)
{
	struct fx_request waits, signed_one;
	struct keeper_result m;
	struct tree_head at_status, at_result;
	struct held h;
	uint64_t leaf;

	(void)state;
	hold(&h);
	/* A request that waits for people. */
	fx_request_new(&fx, "release", 1, &waits);
	assert_int_equal(fx_submit(&fx, &waits, true), KEEPER_R_STATUS);
	leaf = status_leaf();
	assert_true(published() <= leaf);
	at_status = proven(leaf);
	assert_true(at_status.size > leaf);
	/* And one that another thread signs meanwhile. */
	fx_request_new(&fx, "nightly", 1, &signed_one);
	assert_int_equal(fx_submit(&fx, &signed_one, true), KEEPER_R_RESULT);
	fx_ok(keeper_get_result(buf_view(&fx.body), &m));
	at_result = head_of(m.proof);
	assert_true(at_result.size > m.issue_leaf && at_result.size > at_status.size);
	fx_check_result(&fx, &signed_one);
	assert_true(published() <= leaf);
	/* With the clock the files come, the key still at work; what was shown is their prefix. */
	gate->still = 0;
	wait_published(at_result.size);
	seen = at_status;
	(void)published();
	seen = at_result;
	(void)published();
	let_go(&h);
	fx_request_release(&waits);
	fx_request_release(&signed_one);
}

/* What people look for in the log is there when they are told of it. */
static void what_people_do_is_public_at_once(void **state)
{
	static const char *const admins[] = {"erin", "frank", NULL};
	struct key_change lock = {.action = KEY_LOCK};
	struct fx_request q;
	struct held h;
	uint64_t leaf;

	(void)state;
	hold(&h);
	fx_request_new(&fx, "release", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_STATUS);
	assert_true(published() <= status_leaf());
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_STATUS);
	leaf = status_leaf();
	assert_true(published() > leaf);
	/* Behind again by a request; a change of a key brings that along. */
	fx_request_release(&q);
	fx_request_new(&fx, "release", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_STATUS);
	leaf = status_leaf();
	assert_true(published() <= leaf);
	fx_ok(name_parse(view_str("release"), &lock.key));
	assert_int_equal(fx_key_change(&fx, &lock, admins), KEEPER_R_CHANGE);
	assert_true(published() > leaf + 1);
	lock.action = KEY_UNLOCK;
	assert_int_equal(fx_key_change(&fx, &lock, admins), KEEPER_R_CHANGE);
	fx_request_release(&q);
	gate->still = 0;
	let_go(&h);
}

static void killed_while_behind(void **state)
{
	struct fx_request signed_one;
	struct keeper_result first, again;
	struct tree_head head;
	AUTO(buf) struct buf copy;
	struct held h;

	(void)state;
	buf_init(&copy, FX_BODY_MAX);
	hold(&h);
	fx_request_new(&fx, "nightly", 1, &signed_one);
	assert_int_equal(fx_submit(&fx, &signed_one, true), KEEPER_R_RESULT);
	buf_put_view(&copy, buf_view(&fx.body));
	fx_ok(keeper_get_result(buf_view(&copy), &first));
	head = head_of(first.proof);
	assert_true(published() < head.size);
	fx_kill(&fx);
	fd_close(&h.fd);
	assert_true(published() < head.size);
	gate->still = 0;
	gate->held = UINT32_MAX;
	fx_run(&fx);
	/* An answer says that the start is over: nothing is behind then. */
	assert_int_equal(fx_submit(&fx, &signed_one, true), KEEPER_R_RESULT);
	fx_ok(keeper_get_result(buf_view(&fx.body), &again));
	assert_true(view_is_equal(first.signatures, again.signatures));
	assert_int_equal(first.issue_leaf, again.issue_leaf);
	assert_true(published() >= head.size);
	seen = head;
	(void)published();
	/* What was held is signed by the next process. */
	assert_int_equal(fx_submit(&fx, &h.q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &h.q);
	fx_request_release(&h.q);
	fx_request_release(&signed_one);
}

static void stopped_while_behind(void **state)
{
	struct fx_request q;
	struct held h;
	uint64_t leaf;

	(void)state;
	hold(&h);
	fx_request_new(&fx, "release", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_STATUS);
	leaf = status_leaf();
	assert_true(published() <= leaf);
	let_go(&h);
	fx_stop(&fx);
	assert_true(published() > leaf);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	gate->still = 0;
	fx_run(&fx);
	fx_request_release(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_under_their_own_checkpoint),
		cmocka_unit_test(what_people_do_is_public_at_once),
		cmocka_unit_test(killed_while_behind),
		cmocka_unit_test(stopped_while_behind),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
