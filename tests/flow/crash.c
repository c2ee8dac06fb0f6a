/* The power goes at every point: a keeper is ended at its n-th change of a file, for each n over
 * its start, submit, approve twice, sign, key create, policy change and stop; then it starts again,
 * and some times is ended again while it recovers.
 *
 * Holds: what was acknowledged is there; each use is authorized and issued once and its signature
 * bytes stay the same; what was not acknowledged succeeds when it is sent again; the public log is
 * whole, and every checkpoint that was ever visible is a prefix of it (P1, P4, P5).
 * Usage: flow-crash plain|torn|lost|scatter|names|mixed [STEP] (tests/shim/crash.h); STEP 1 is
 * every point. */
#include <signal.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/model/leaf.h"
#include "lib/tlog/fsck.h"
#include "lib/tlog/tile_dir.h"
#include "tests/flow/crash_script.h"
#include "tests/lib/power.h"

#define STEP 3	    /* every third point; the modes begin at different ones */
#define BLOCK 25    /* points on one log; then a new one, so that all stays quick */
#define TILE_NEAR 5 /* entries; the first steps make more */

struct tally {
	unsigned points;  /* crashes in the script */
	unsigned recover; /* crashes in recovery */
	unsigned whole;	  /* runs that ended before their point came */
	unsigned undone;  /* writes lost */
	unsigned names;	  /* names lost */
};

struct run {
	struct fixture fx;
	struct script script;
	struct crash *power;
	enum crash_mode mode;
	struct vkey log;
	int public_fd;
	struct tree_head seen; /* newest checkpoint that anybody could see */
	unsigned requests;     /* signed so far on this log */
	struct tally tally;
};

/* ---- The log, as a follower sees it --------------------------------------------------------*/

static void follow(struct run *r)
{
	const struct tile_reader reader = tile_dir_reader(&r->public_fd);
	AUTO(buf) struct buf note;
	struct checkpoint c;
	struct fault f = {0};

	buf_init(&note, CHECKPOINT_MAX);
	fx_ok(tile_dir_checkpoint(r->public_fd, &note, &f));
	if (!rc_is_ok(log_follow(&reader, buf_view(&note), &r->log, &r->seen, &c, &f)))
		fx_die(__FILE__, __LINE__, f.text);
	r->seen = c.head;
}

struct uses {
	const struct script *script;
	unsigned authorize; /* of the whole log */
	unsigned issue;
	unsigned ours[2][2]; /* request; authorize, issue */
};

static rc count_use(void *ctx, uint64_t index, struct view entry, struct fault *f)
{
	struct uses *u = (struct uses *)ctx;
	struct leaf leaf;
	int what;

	(void)index;
	TRY(leaf_parse(entry, &leaf, f));
	if (leaf.kind != LEAF_AUTHORIZE && leaf.kind != LEAF_ISSUE)
		return OK;
	what = leaf.kind == LEAF_ISSUE ? 1 : 0;
	*(what == 1 ? &u->issue : &u->authorize) += 1;
	if (digest_is_equal(&leaf.request, &u->script->q.id))
		u->ours[0][what]++;
	if (digest_is_equal(&leaf.request, &u->script->nightly.id))
		u->ours[1][what]++;
	return OK;
}

static void check_log(struct run *r)
{
	struct uses uses = {.script = &r->script};
	struct fsck check = {.reader = tile_dir_reader(&r->public_fd),
			     .log = &r->log,
			     .older = &r->seen,
			     .entry = count_use,
			     .ctx = &uses};
	AUTO(buf) struct buf note;
	struct fsck_report report;
	struct fault f = {0};

	buf_init(&note, CHECKPOINT_MAX);
	fx_ok(tile_dir_checkpoint(r->public_fd, &note, &f));
	check.note = buf_view(&note);
	if (!rc_is_ok(fsck_run(&check, &report, &f)))
		fx_die(__FILE__, __LINE__, f.text);
	for (size_t i = 0; i < 2; i++)
		fx_check(uses.ours[i][0] == 1 && uses.ours[i][1] == 1);
	r->requests += 2;
	fx_check(uses.authorize == r->requests && uses.issue == r->requests);
	r->seen = report.checkpoint.head;
}

/* ---- One point -----------------------------------------------------------------------------*/

/* Ends the armed keeper if it lives; true if the switch ended it. */
static bool is_ended(struct run *r)
{
	unsigned names;
	bool hit;

	if (r->fx.pid > 0) {
		int status;

		(void)kill(r->fx.pid, SIGTERM);
		status = fx_wait(&r->fx);
		fx_check(status == 0 || status == 137);
	}
	fd_close(&r->fx.fd);
	r->tally.undone += r->power->undone;
	hit = power_off(r->power, &names);
	r->tally.names += names;
	return hit;
}

/* Signs until the script will fill a tile: only then files are made that are never written again.
 */
static void near_full_tile(struct run *r)
{
	follow(r);
	while (TILE_WIDTH - r->seen.size % TILE_WIDTH > TILE_NEAR) {
		struct fx_request q;

		fx_request_new(&r->fx, "nightly", 1, &q);
		fx_check(fx_submit(&r->fx, &q, true) == KEEPER_R_RESULT);
		fx_request_release(&q);
		r->requests++;
		follow(r);
	}
}

/* Returns how many calls were counted. */
static uint32_t one_point(struct run *r, uint32_t at, uint32_t again)
{
	uint32_t calls;

	if (r->mode >= CRASH_NAMES && at % 2 == 0)
		near_full_tile(r);
	script_make(&r->fx, &r->script);
	follow(r);
	fx_kill(&r->fx);
	r->fx.may_die = true;
	power_arm(r->power, r->mode, at);
	fx_run(&r->fx);
	for (int i = 0; i < STEP__COUNT && script_step(&r->fx, &r->script, (enum step_id)i); i++)
		follow(r);
	if (is_ended(r))
		r->tally.points++;
	else
		r->tally.whole++;
	calls = r->power->count;
	/* Files of a crashed machine are not yet what a follower sees; those of a process are. */
	if (!power_is_loss(r->mode))
		follow(r);
	if (again > 0) {
		power_arm(r->power, r->mode, again);
		fx_run(&r->fx);
		/* An answer says that the start is over. */
		(void)fx_show(&r->fx, &r->script.q);
		if (is_ended(r))
			r->tally.recover++;
	}
	r->fx.may_die = false;
	fx_run(&r->fx);
	fx_check(r->fx.fd >= 0);
	script_recover(&r->fx, &r->script);
	check_log(r);
	script_release(&r->script);
	return calls;
}

/* ---- The matrix ----------------------------------------------------------------------------*/

static void get_log_key(struct run *r)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello hello;

	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++r->fx.correlation);
	fx_check(fx_exchange(&r->fx, &frame) == KEEPER_R_HELLO);
	fx_ok(keeper_get_hello(buf_view(&r->fx.body), &hello));
	fx_ok(vkey_parse(view_str(hello.vkey), &r->log, NULL));
}

static void block_begin(struct run *r)
{
	char path[300];

	fx_start(&r->fx);
	fx_make_key(&r->fx, "release", "ecdsa-p256");
	fx_make_key(&r->fx, "nightly", "ecdsa-p256");
	r->power = power_new(&r->fx, "crash", "state/.graves");
	(void)snprintf(path, sizeof(path), "%s/state/public", r->fx.dir);
	fx_ok(dir_open(path, &r->public_fd, NULL));
	get_log_key(r);
	r->seen = (struct tree_head){0};
	r->requests = 0;
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
	static const char *const modes[CRASH__COUNT] = {"plain",   "torn",  "lost",
							"scatter", "names", "mixed"};
	static struct run r = {.public_fd = -1};
	uint32_t calls = 0;
	uint32_t step = argc == 3 ? (uint32_t)atoi(argv[2]) : STEP;
	unsigned done = 0;

	while (argc >= 2 && r.mode < CRASH__COUNT && strcmp(argv[1], modes[r.mode]) != 0)
		r.mode++;
	fx_check(argc >= 2 && argc <= 3 && r.mode < CRASH__COUNT && step > 0);
	block_begin(&r);
	calls = one_point(&r, UINT32_MAX, 0);
	/* A test that counts nothing would find nothing. */
	fx_check(calls > STEP__COUNT);
	for (uint32_t at = 1 + (uint32_t)r.mode % step; at <= calls; at += step, done++) {
		if (done % BLOCK == BLOCK - 1) {
			block_end(&r);
			block_begin(&r);
		}
		(void)one_point(&r, at, done % 3 == 0 ? 1 + done / 3 : 0);
	}
	block_end(&r);
	(void)printf("keeper, %s: %u changes; ended at %u points and %u times while recovering; "
		     "%u runs whole; %u writes and %u names undone\n",
		     argv[1], calls, r.tally.points, r.tally.recover, r.tally.whole, r.tally.undone,
		     r.tally.names);
	fx_check(r.tally.points * 10 >= done * 9);
	fx_check(!power_is_loss(r.mode) || r.tally.undone > 0);
	fx_check(r.mode < CRASH_NAMES || r.tally.names > 0);
	return 0;
}
