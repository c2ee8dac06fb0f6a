/* The power goes at every point of greatseald: it is ended at its n-th change of a file, for each n
 * over its start, uploads, submit, inspection, approvals, a change with two signatures and the end;
 * then it starts again, and some times is ended again while it recovers.
 *
 * Holds: uploads, requests, acts, results and half-signed changes that were acknowledged are there;
 * what was not acknowledged succeeds when it is sent again; a use is signed once. After the end of
 * a process, though not of the power, a call is not taken twice. Usage: flow-crash-server
 * plain|torn|lost|scatter|names|mixed [STEP]. */
#include <string.h>

#include "lib/base/fd.h"
#include "tests/flow/crash_script.h"
#include "tests/lib/front.h"
#include "tests/lib/power.h"

#define STEP 3	 /* every third point; the modes begin at different ones */
#define BLOCK 40 /* points on one store */
#define FILE_BYTES 3000
#define PIECE 1100

enum job_id {
	JOB_UPLOAD,  /* in two pieces */
	JOB_SUBMIT,  /* the upload's request; inspected */
	JOB_APPROVE, /* bob */
	JOB_SIGN,    /* carol; signs */
	JOB_RESULT,
	JOB_NIGHTLY, /* an unattended request */
	JOB_PROPOSE, /* a change with one signature: the server alone has it */
	JOB_CHANGE,  /* the second one: in force */
	JOB__COUNT
};

struct job {
	uint8_t file[FILE_BYTES];
	struct digest sha256;
	struct fx_request q;
	struct fx_request nightly;
	struct front_statement approval[2];
	struct buf change;
	struct digest change_id;
	struct buf call; /* Authorization of a call that was answered; empty: none was */
	bool acked[JOB__COUNT];
	json_int_t issue; /* leaf of the result; -1: not seen */
};

struct tally {
	unsigned points;
	unsigned recover;
	unsigned whole;
	unsigned undone;
	unsigned names;
};

struct run {
	struct fixture fx;
	struct front s;
	struct crash *power;
	enum crash_mode mode;
	struct digest rule;
	struct job job;
	unsigned number;
	struct tally tally;
};

/* ---- What is done --------------------------------------------------------------------------*/

static const char *target(const char *before, const struct digest *d, const char *after)
{
	static char path[200];
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	(void)snprintf(path, sizeof(path), "%s%s%s", before, hex, after);
	return path;
}

static void make_change(struct run *r, struct job *j)
{
	struct key_change c = {.action = KEY_CREATE, .expires = fx_now(&r->fx) + 3600};

	(void)snprintf(c.origin, sizeof(c.origin), "keeper.test");
	(void)snprintf(c.algorithm, sizeof(c.algorithm), "ecdsa-p256");
	(void)snprintf(c.key.s, sizeof(c.key.s), "made-%u", r->number);
	fx_ok(name_parse(view_str("main"), &c.token));
	memcpy(c.nonce, &r->number, sizeof(r->number));
	buf_init(&j->change, DOCUMENT_BYTES_MAX);
	fx_ok(key_change_encode(&c, &j->change, NULL));
	j->change_id = digest_of(buf_view(&j->change));
}

static void job_make(struct run *r, struct job *j)
{
	static const char *const people[2] = {"bob", "carol"};
	struct act act;

	memset(j, 0, sizeof(*j));
	j->issue = -1;
	buf_init(&j->call, 8192);
	for (size_t i = 0; i < FILE_BYTES; i++)
		j->file[i] = (uint8_t)(i * 31 + r->number * 7 + (i >> 8));
	memcpy(j->file, &r->number, sizeof(r->number));
	j->sha256 = digest_of(view_of(j->file, FILE_BYTES));
	fx_request_new(&r->fx, "release", 1, &j->q);
	j->q.r.upload = true;
	j->q.items[0].size = FILE_BYTES;
	j->q.items[0].sha256 = j->sha256;
	j->q.items[0].content = hash_of(HASH_SHA256, view_of(j->file, FILE_BYTES));
	fx_request_encode(&j->q);
	fx_request_new(&r->fx, "nightly", 1, &j->nightly);
	for (size_t i = 0; i < 2; i++) {
		fx_act(&r->fx, STATEMENT_APPROVAL, people[i], &j->q, &act);
		act.rule = r->rule;
		front_act_make(&r->s, &act, &j->approval[i]);
	}
	make_change(r, j);
	r->number++;
}

static void job_release(struct job *j)
{
	fx_request_release(&j->q);
	fx_request_release(&j->nightly);
	front_statement_release(&j->approval[0]);
	front_statement_release(&j->approval[1]);
	buf_release(&j->change);
	buf_release(&j->call);
}

/* From where it stands; 200 when all of it is there. */
static unsigned upload_once(struct run *r, struct job *j)
{
	char hex[DIGEST_HEX], path[160];
	unsigned status;

	digest_hex(&j->sha256, hex);
	status = front_post(
		&r->s, "alice", "/v1/uploads",
		json_pack("{s:s,s:i,s:s}", "sha256", hex, "size", FILE_BYTES, "name", "file"));
	while (status == 200 && front_number(&r->s, "complete") != 1) {
		size_t at = (size_t)front_number(&r->s, "offset");
		size_t n = at < PIECE ? PIECE - at : FILE_BYTES - at;

		/* All bytes may be there without being the file yet: an empty piece ends it. */
		fx_check(at <= FILE_BYTES);
		(void)snprintf(path, sizeof(path), "/v1/uploads/%s?offset=%zu", hex, at);
		status = front_patch(&r->s, "alice", path, view_of(j->file + at, n));
	}
	return status;
}

/* Where the power has torn holes into what was not synced, the digest shows it, the server discards
 * the file, and it is uploaded from the beginning. */
static unsigned upload(struct run *r, struct job *j)
{
	unsigned status = upload_once(r, j);

	if (status != 422 || !power_is_loss(r->mode))
		return status;
	fx_check(strcmp(front_reason(&r->s), reason_id(REASON_ARTIFACT_DIGEST)) == 0);
	return upload_once(r, j);
}

static unsigned result(struct run *r, struct job *j)
{
	unsigned status =
		front_get(&r->s, "alice", target("/v1/requests/", &j->q.id, "/result?use=1"));

	if (status != 200)
		return status;
	if (j->issue < 0)
		j->issue = front_number(&r->s, "issue_leaf");
	fx_check(j->issue > 0 && front_number(&r->s, "issue_leaf") == j->issue);
	return status;
}

static unsigned do_job(struct run *r, struct job *j, enum job_id id)
{
	switch (id) {
	case JOB_UPLOAD:
		return upload(r, j);
	case JOB_SUBMIT:
		return front_submit(&r->s, "/v1/requests", &j->q, true);
	case JOB_APPROVE:
		return front_act_send(&r->s, &j->approval[0]);
	case JOB_SIGN:
		return front_act_send(&r->s, &j->approval[1]);
	case JOB_RESULT:
		return result(r, j);
	case JOB_NIGHTLY:
		return front_submit(&r->s, "/v1/requests", &j->nightly, true);
	case JOB_PROPOSE:
		return front_change(&r->s, STATEMENT_KEYADMIN, buf_view(&j->change), "erin");
	case JOB_CHANGE:
		return front_change(&r->s, STATEMENT_KEYADMIN, buf_view(&j->change), "frank");
	case JOB__COUNT:
		break;
	}
	fx_die(__FILE__, __LINE__, "no such job");
}

/* False if the server is gone. Every answer there is must be the good one. */
static bool step(struct run *r, struct job *j, enum job_id id)
{
	unsigned status = do_job(r, j, id);

	if (status == 0)
		return false;
	if (status != 200)
		(void)fprintf(stderr, "job %d: %u %s\n", (int)id, status, buf_cstr(&r->s.body));
	fx_check(status == 200);
	j->acked[id] = true;
	return true;
}

/* A call whose nonce the server has taken. */
static void call_once(struct run *r, struct job *j)
{
	struct front_call c = {.method = "GET", .target = "/v1/keys"};

	buf_clear(&j->call);
	front_authorize(&r->s, "alice", &c, &j->call);
	c.authorization = buf_cstr(&j->call);
	if (front_send(&r->s, NULL, &c) != 200)
		buf_clear(&j->call);
}

/* ---- What must hold ------------------------------------------------------------------------*/

static void file_is_whole(struct run *r, const struct job *j)
{
	AUTO(buf) struct buf bytes;
	char path[400];

	buf_init(&bytes, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s%s", r->s.data,
		       target("/artifacts/", &j->sha256, ""));
	fx_ok(file_read(path, &bytes, NULL));
	fx_check(view_is_equal(buf_view(&bytes), view_of(j->file, FILE_BYTES)));
}

static bool pending_is(struct run *r, const struct job *j, const char *state)
{
	return front_get(&r->s, "erin", target("/v1/changes/", &j->change_id, "")) == 200 &&
	       strcmp(front_text(&r->s, "state"), state) == 0;
}

static void acked_is_there(struct run *r, struct job *j)
{
	struct front_call c = {.method = "GET", .target = "/v1/keys"};

	if (j->acked[JOB_UPLOAD]) {
		fx_check(front_get(&r->s, "alice", target("/v1/uploads/", &j->sha256, "")) == 200);
		fx_check(front_number(&r->s, "complete") == 1);
		file_is_whole(r, j);
	}
	if (j->acked[JOB_SUBMIT])
		fx_check(front_get(&r->s, "bob", target("/v1/requests/", &j->q.id, "")) == 200);
	if (j->acked[JOB_SIGN])
		fx_check(result(r, j) == 200);
	if (j->acked[JOB_NIGHTLY]) {
		fx_check(front_get(&r->s, "robot", target("/v1/requests/", &j->nightly.id, "")) ==
			 200);
		fx_check(strcmp(front_text(&r->s, "status.state"), "done") == 0);
	}
	if (j->acked[JOB_PROPOSE] && !j->acked[JOB_CHANGE])
		fx_check(pending_is(r, j, "pending") || pending_is(r, j, "done"));
	if (!power_is_loss(r->mode) && j->call.len > 0) {
		c.authorization = buf_cstr(&j->call);
		fx_check(front_send(&r->s, NULL, &c) == 401);
		fx_check(strcmp(front_reason(&r->s), reason_id(REASON_CALL_REPLAY)) == 0);
	}
}

/* What was acknowledged is not asked for again, but for the second signature: with one alone, sent
 * by frank, the change comes into force only if erin's outlived the crash. */
static void do_the_rest(struct run *r, struct job *j)
{
	for (int i = 0; i < JOB__COUNT; i++)
		if (!j->acked[i])
			fx_check(step(r, j, (enum job_id)i));
	fx_check(result(r, j) == 200);
	fx_check(pending_is(r, j, "done"));
	file_is_whole(r, j);
}

/* The keeper's log has each request's use once, whatever was sent how often. */
static void signed_once(struct run *r, struct job *j)
{
	struct keeper_result m;

	fx_check(fx_commit(&r->fx, &j->q, 1) == KEEPER_R_RESULT);
	fx_check_result(&r->fx, &j->q);
	fx_check(fx_commit(&r->fx, &j->q, 1) == KEEPER_R_RESULT);
	fx_ok(keeper_get_result(buf_view(&r->fx.body), &m));
	fx_check((json_int_t)m.issue_leaf == j->issue);
	fx_check(fx_commit(&r->fx, &j->q, 2) == KEEPER_R_ERROR);
}

/* ---- One point -----------------------------------------------------------------------------*/

static bool is_ended(struct run *r)
{
	int status = front_wait(&r->s);
	unsigned names;
	bool hit;

	fx_check(status == 0 || status == 137);
	r->tally.undone += r->power->undone;
	hit = power_off(r->power, &names);
	r->tally.names += names;
	return hit;
}

static uint32_t one_point(struct run *r, uint32_t at, uint32_t again)
{
	struct job *j = &r->job;
	uint32_t calls;

	job_make(r, j);
	r->s.may_die = true;
	power_arm(r->power, r->mode, at);
	front_run(&r->s);
	for (int i = 0; r->s.pid != 0 && i < JOB__COUNT && step(r, j, (enum job_id)i); i++)
		call_once(r, j);
	if (is_ended(r))
		r->tally.points++;
	else
		r->tally.whole++;
	calls = r->power->count;
	if (again > 0) {
		power_arm(r->power, r->mode, again);
		front_run(&r->s);
		if (is_ended(r))
			r->tally.recover++;
	}
	r->s.may_die = false;
	front_run(&r->s);
	acked_is_there(r, j);
	do_the_rest(r, j);
	signed_once(r, j);
	front_stop(&r->s);
	job_release(j);
	return calls;
}

static void block_begin(struct run *r)
{
	fx_start(&r->fx);
	fx_make_key(&r->fx, "release", "ecdsa-p256");
	fx_make_key(&r->fx, "nightly", "ecdsa-p256");
	r->rule = script_rule(&r->fx);
	front_start(&r->s, &r->fx);
	front_stop(&r->s);
	r->power = power_new(&r->fx, "crash-server", "server/.graves");
}

static void block_end(struct run *r)
{
	front_end(&r->s);
	power_end(r->power);
	fx_end(&r->fx);
}

int main(int argc, char **argv)
{
	static const char *const modes[CRASH__COUNT] = {"plain",   "torn",  "lost",
							"scatter", "names", "mixed"};
	static struct run r;
	uint32_t step_by = argc == 3 ? (uint32_t)atoi(argv[2]) : STEP;
	unsigned done = 0;
	uint32_t calls;

	while (argc >= 2 && r.mode < CRASH__COUNT && strcmp(argv[1], modes[r.mode]) != 0)
		r.mode++;
	fx_check(argc >= 2 && argc <= 3 && r.mode < CRASH__COUNT && step_by > 0);
	block_begin(&r);
	calls = one_point(&r, UINT32_MAX, 0);
	/* A test that counts nothing would find nothing. */
	fx_check(calls > JOB__COUNT);
	for (uint32_t at = 1 + (uint32_t)r.mode % step_by; at <= calls; at += step_by, done++) {
		if (done % BLOCK == BLOCK - 1) {
			block_end(&r);
			block_begin(&r);
		}
		(void)one_point(&r, at, done % 3 == 0 ? 1 + done / 3 : 0);
	}
	block_end(&r);
	(void)printf(
		"greatseald, %s: %u changes; ended at %u points and %u times while recovering; "
		"%u runs whole; %u writes and %u names undone\n",
		argv[1], calls, r.tally.points, r.tally.recover, r.tally.whole, r.tally.undone,
		r.tally.names);
	fx_check(r.tally.points * 10 >= done * 8);
	fx_check(!power_is_loss(r.mode) || r.tally.undone > 0);
	fx_check(r.mode < CRASH_NAMES || r.tally.names > 0);
	return 0;
}
