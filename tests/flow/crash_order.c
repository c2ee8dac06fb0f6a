/* The order under power loss, at every system call: the keeper loses its power before each change
 * of a file, each sync, each operation of a private key and each send, with everything that was not
 * synced; then the journal that is left is asked what was allowed to happen.
 *
 * Holds: a private key was used only for uses whose authorize entry survived; a result left by the
 * socket only if its issue entry survived, under a checkpoint that the surviving log extends (P4,
 * P5). The bound between what survived and what came later is the `start` entry of the next
 * process. Usage: flow-crash-order alone|together [STEP]: one request in flight, or several. */
#include <signal.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/model/leaf.h"
#include "lib/tlog/checkpoint.h"
#include "lib/tlog/fsck.h"
#include "lib/tlog/proof_file.h"
#include "lib/tlog/tile_dir.h"
#include "tests/lib/power.h"

#define STEP 2
#define BLOCK 40 /* points on one log */
#define FLIGHT 4 /* requests; one file each, so one private operation each */

struct flight {
	struct fx_request q;
	struct buf frame;
	uint64_t correlation;
	bool left; /* its result left the keeper before the end */
	uint64_t issue;
	struct tree_head head; /* that its proof names */
};

struct run {
	struct fixture fx;
	struct crash *power;
	struct flight flight[FLIGHT];
	struct vkey log;
	int public_fd;
	bool together;
	unsigned points;
	unsigned with_key;    /* points at which a private key had been used */
	unsigned with_result; /* points at which a result had left */
};

/* ---- Requests in flight --------------------------------------------------------------------*/

static void flight_make(struct run *r, struct flight *t)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host_sig;
	struct keeper_submit m = {.sign = true};

	memset(t, 0, sizeof(*t));
	fx_request_new(&r->fx, "nightly", 1, &t->q);
	m.statement = buf_view(&t->q.statement);
	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host_sig, KEEPER_SIG_MAX);
	buf_init(&t->frame, KEEPER_FRAME_MAX);
	fx_sign_as(&r->fx, "robot", STATEMENT_REQUEST, m.statement, &sig);
	fx_sign(&fx_host(&r->fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns, m.statement,
		&host_sig);
	m.requester_sig = buf_view(&sig);
	m.host_sig = buf_view(&host_sig);
	t->correlation = ++r->fx.correlation;
	keeper_put_submit(&t->frame, t->correlation, KEEPER_SUBMIT, &m);
	fx_ok(buf_done(&t->frame));
}

/* One answer that has left the keeper. */
static void take(struct run *r)
{
	struct keeper_result m;
	struct proof_file proof;
	struct checkpoint c;
	struct flight *t = r->flight;

	while (t < r->flight + FLIGHT && t->correlation != r->fx.header.correlation)
		t++;
	fx_check(t < r->flight + FLIGHT && r->fx.header.type == KEEPER_R_RESULT && !t->left);
	fx_ok(keeper_get_result(buf_view(&r->fx.body), &m));
	fx_ok(proof_file_parse(m.proof, &proof, NULL));
	fx_ok(proof_file_verify(&proof, m.leaf, &r->log, NULL, NULL));
	fx_ok(checkpoint_open(proof.note, &r->log, &c, NULL));
	fx_check(c.head.size > m.issue_leaf);
	t->left = true;
	t->issue = m.issue_leaf;
	t->head = c.head;
}

static bool send_frame(struct run *r, const struct flight *t)
{
	return rc_is_ok(fd_write_full(r->fx.fd, t->frame.ptr, t->frame.len, NULL));
}

/* Sends and reads until all is answered or the keeper is gone. Whatever the keeper has sent
 * arrives, also when it is gone by then. */
static void fly(struct run *r)
{
	size_t sent = 0, answered = 0;

	while (sent < FLIGHT && r->fx.fd >= 0) {
		if (!send_frame(r, &r->flight[sent++]))
			break;
		for (; !r->together && answered < sent; answered++) {
			if (!fx_recv(&r->fx))
				return;
			take(r);
		}
	}
	while (r->fx.fd >= 0 && answered < sent && fx_recv(&r->fx)) {
		take(r);
		answered++;
	}
}

/* ---- What survived -------------------------------------------------------------------------*/

struct survivors {
	const struct run *run;
	uint64_t start;		    /* index of the last `start` entry */
	uint64_t authorize[FLIGHT]; /* index + 1; 0: none */
	uint64_t issue[FLIGHT];
};

static rc look(void *ctx, uint64_t index, struct view entry, struct fault *f)
{
	struct survivors *s = (struct survivors *)ctx;
	struct leaf leaf;

	TRY(leaf_parse(entry, &leaf, f));
	if (leaf.kind == LEAF_LOG && strcmp(leaf.action, "start") == 0)
		s->start = index;
	for (size_t i = 0; i < FLIGHT; i++) {
		if (!digest_is_equal(&leaf.request, &s->run->flight[i].q.id))
			continue;
		if (leaf.kind == LEAF_AUTHORIZE) {
			fx_check(s->authorize[i] == 0);
			s->authorize[i] = index + 1;
		}
		if (leaf.kind == LEAF_ISSUE) {
			fx_check(s->issue[i] == 0);
			s->issue[i] = index + 1;
		}
	}
	return OK;
}

/* The whole log from the beginning, and older as its prefix. */
static void read_log(struct run *r, const struct tree_head *older, struct survivors *ret)
{
	struct fsck check = {.reader = tile_dir_reader(&r->public_fd),
			     .log = &r->log,
			     .older = older,
			     .entry = look,
			     .ctx = ret};
	AUTO(buf) struct buf note;
	struct fsck_report report;
	struct fault f = {0};

	*ret = (struct survivors){.run = r};
	buf_init(&note, CHECKPOINT_MAX);
	fx_ok(tile_dir_checkpoint(r->public_fd, &note, &f));
	check.note = buf_view(&note);
	if (!rc_is_ok(fsck_run(&check, &report, &f)))
		fx_die(__FILE__, __LINE__, f.text);
}

static void check_order(struct run *r, uint32_t signs)
{
	static const struct tree_head none;
	struct survivors s;
	const struct tree_head *newest = &none;
	unsigned authorized = 0;
	bool any = false;

	for (size_t i = 0; i < FLIGHT; i++)
		if (r->flight[i].left && r->flight[i].head.size > newest->size)
			newest = &r->flight[i].head;
	read_log(r, newest, &s);
	fx_check(newest->size <= s.start);
	for (size_t i = 0; i < FLIGHT; i++) {
		const struct flight *t = &r->flight[i];

		if (s.authorize[i] != 0 && s.authorize[i] - 1 < s.start)
			authorized++;
		if (!t->left)
			continue;
		any = true;
		fx_check(s.issue[i] == t->issue + 1 && t->issue < s.start);
	}
	/* One at a time, this is the very use whose key was begun to be used. */
	fx_check(signs <= authorized);
	r->with_key += signs > 0;
	r->with_result += any;
}

/* ---- One point -----------------------------------------------------------------------------*/

static uint32_t one_point(struct run *r, uint32_t at)
{
	uint32_t calls, signs;

	for (size_t i = 0; i < FLIGHT; i++)
		flight_make(r, &r->flight[i]);
	fx_kill(&r->fx);
	r->power->wide = 1;
	power_arm(r->power, CRASH_NAMES, at);
	fx_run(&r->fx);
	fly(r);
	if (r->fx.pid > 0)
		(void)kill(r->fx.pid, SIGTERM);
	(void)fx_wait(&r->fx);
	fd_close(&r->fx.fd);
	signs = r->power->signs;
	calls = r->power->count;
	if (power_off(r->power, NULL))
		r->points++;
	fx_run(&r->fx);
	fx_check(r->fx.fd >= 0);
	/* An answer says that the start is over, and what was authorized is then signed. */
	for (size_t i = 0; i < FLIGHT; i++) {
		fx_check(fx_submit(&r->fx, &r->flight[i].q, true) == KEEPER_R_RESULT);
		fx_check_result(&r->fx, &r->flight[i].q);
	}
	check_order(r, signs);
	for (size_t i = 0; i < FLIGHT; i++) {
		fx_request_release(&r->flight[i].q);
		buf_release(&r->flight[i].frame);
	}
	return calls;
}

static void block_begin(struct run *r)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello hello;
	char path[300];

	fx_start(&r->fx);
	fx_make_key(&r->fx, "nightly", "ecdsa-p256");
	r->power = power_new(&r->fx, "crash", "state/.graves");
	(void)snprintf(path, sizeof(path), "%s/state/public", r->fx.dir);
	fx_ok(dir_open(path, &r->public_fd, NULL));
	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++r->fx.correlation);
	fx_check(fx_exchange(&r->fx, &frame) == KEEPER_R_HELLO);
	fx_ok(keeper_get_hello(buf_view(&r->fx.body), &hello));
	fx_ok(vkey_parse(view_str(hello.vkey), &r->log, NULL));
}

static void block_end(struct run *r)
{
	fx_stop(&r->fx);
	fx_check(fx_verb(&r->fx, "fsck", NULL) == 0);
	fd_close(&r->public_fd);
	power_end(r->power);
	fx_end(&r->fx);
}

int main(int argc, char **argv)
{
	static struct run r = {.public_fd = -1};
	uint32_t step = argc == 3 ? (uint32_t)atoi(argv[2]) : STEP;
	unsigned done = 0;
	uint32_t calls;

	fx_check(argc >= 2 && step > 0);
	r.together = strcmp(argv[1], "together") == 0;
	fx_check(r.together || strcmp(argv[1], "alone") == 0);
	(void)signal(SIGPIPE, SIG_IGN); /* the keeper may be gone when we send */
	block_begin(&r);
	calls = one_point(&r, UINT32_MAX);
	for (uint32_t at = 1; at <= calls; at += step, done++) {
		if (done % BLOCK == BLOCK - 1) {
			block_end(&r);
			block_begin(&r);
		}
		(void)one_point(&r, at);
	}
	block_end(&r);
	(void)printf(
		"%s: %u system calls and key operations; the power went at %u of them, %u times "
		"after a key was used, %u times after a result had left\n",
		argv[1], calls, r.points, r.with_key, r.with_result);
	/* A test that never saw a key used or a result leave would hold for nothing. */
	fx_check(r.points * 10 >= done * 8 && r.with_key > FLIGHT && r.with_result > FLIGHT);
	return 0;
}
