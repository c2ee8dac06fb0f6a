/* The power goes while a policy is accepted, waits, comes into force by itself, and while another
 * is stopped: at every second change of a file the keeper is ended, and starts again.
 *
 * Holds: what was acknowledged is there; a policy that was accepted is in force once when its time
 * has come, and not before; one that was stopped never is; what was not acknowledged succeeds when
 * it is sent again; the log is whole.
 * Usage: flow-crash-delay plain|torn|lost|scatter|names|mixed [STEP] (tests/shim/crash.h). */
#include <signal.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/model/objection.h"
#include "tests/lib/power.h"

#define STEP 2
#define DELAY 3600

static const char *const two[] = {"erin", "frank", NULL};

struct run {
	struct fixture fx;
	struct crash *power;
	enum crash_mode mode;
	struct buf comes; /* statements: a policy that comes into force, */
	struct buf stays; /* one that is stopped, */
	struct buf no;	  /* and the objection */
	struct buf document;
	unsigned points;
	unsigned whole;
};

/* The fixture's policy with a delay; false texts end the test. */
static void policy_doc(struct fixture *fx, uint64_t version, struct buf *out)
{
	AUTO(buf) struct buf plain;
	static const char before[] = "\"change\":{\"approve\":[\"2 of admins\"]";
	const char *at;

	buf_init(&plain, DOCUMENT_BYTES_MAX);
	fx_policy_doc(fx, version, "", &plain);
	at = strstr(buf_cstr(&plain), before);
	fx_check(at != NULL);
	at += strlen(before);
	buf_clear(out);
	buf_put(out, plain.ptr, (size_t)(at - (const char *)plain.ptr));
	buf_printf(out, ",\"delay\":%d", DELAY);
	buf_put_str(out, at);
	fx_ok(buf_done(out));
}

static void statement_of(struct fixture *fx, const struct buf *doc, const struct buf *previous,
			 struct buf *out)
{
	struct document_change c = {.kind = STATEMENT_POLICY,
				    .document = buf_view(doc),
				    .previous = digest_of(buf_view(previous)),
				    .expires = fx_now(fx) + 100 * DELAY + ++fx->nonce};

	buf_clear(out);
	fx_ok(document_change_encode(&c, out, NULL));
}

static void make_statements(struct run *r)
{
	AUTO(buf) struct buf next;
	struct objection o = {.expires = fx_now(&r->fx) + 100 * DELAY};

	buf_init(&next, DOCUMENT_BYTES_MAX);
	policy_doc(&r->fx, r->fx.policy_version + 1, &r->document);
	statement_of(&r->fx, &r->document, &r->fx.policy, &r->comes);
	policy_doc(&r->fx, r->fx.policy_version + 2, &next);
	statement_of(&r->fx, &next, &r->document, &r->stays);
	o.change = digest_of(buf_view(&r->stays));
	buf_clear(&r->no);
	fx_ok(objection_encode(&o, &r->no, NULL));
}

static bool answer_has(struct run *r, const char *text)
{
	return memmem(r->fx.body.ptr, r->fx.body.len, text, strlen(text)) != NULL;
}

/* 0 if the keeper is gone. The round in which something comes into force has no messages. */
static uint64_t version(struct run *r)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello hello;

	buf_init(&frame, 4096);
	for (int i = 0; i < 2; i++) {
		buf_clear(&frame);
		keeper_put_hello_request(&frame, ++r->fx.correlation);
		if (fx_exchange(&r->fx, &frame) != KEEPER_R_HELLO)
			return 0;
	}
	fx_ok(keeper_get_hello(buf_view(&r->fx.body), &hello));
	return hello.policy_version;
}

/* What has been acknowledged. */
struct acked {
	bool comes;
	bool in_force;
	bool stays;
	bool no;
};

static bool offer(struct run *r, enum statement_kind kind, const struct buf *statement)
{
	return fx_change(&r->fx, kind, buf_view(statement), two) == KEEPER_R_CHANGE;
}

static void script(struct run *r, struct acked *a)
{
	uint64_t before = r->fx.policy_version;

	a->comes = offer(r, STATEMENT_POLICY, &r->comes);
	if (!a->comes)
		return;
	fx_check(answer_has(r, "\"state\":\"accepted\""));
	fx_clock(&r->fx, r->fx.clock + DELAY + 1);
	a->in_force = version(r) == before + 1;
	a->stays = a->in_force && offer(r, STATEMENT_POLICY, &r->stays);
	a->no = a->stays && offer(r, STATEMENT_OBJECTION, &r->no);
}

/* Ends the armed keeper if it lives; true if the switch ended it. */
static bool is_ended(struct run *r)
{
	unsigned names;

	if (r->fx.pid > 0) {
		int status;

		(void)kill(r->fx.pid, SIGTERM);
		status = fx_wait(&r->fx);
		fx_check(status == 0 || status == 137);
	}
	fd_close(&r->fx.fd);
	return power_off(r->power, &names);
}

static void recover(struct run *r, const struct acked *a)
{
	uint64_t before = r->fx.policy_version;
	uint64_t now = version(r);

	fx_check(now == before + 1 || (now == before && !a->in_force));
	/* Known or new: either way it is accepted, waits or is in force. */
	fx_check(offer(r, STATEMENT_POLICY, &r->comes));
	fx_check(!a->comes || now == before + 1 || answer_has(r, "\"state\":\"accepted\""));
	if (version(r) == before)
		fx_clock(&r->fx, r->fx.clock + DELAY + 1);
	fx_check(version(r) == before + 1);
	/* Stopped already, or stopped now; sent again, it does not come back. */
	if (!a->no && offer(r, STATEMENT_POLICY, &r->stays))
		fx_check(offer(r, STATEMENT_OBJECTION, &r->no));
	fx_check(offer(r, STATEMENT_OBJECTION, &r->no));
	fx_check(!offer(r, STATEMENT_POLICY, &r->stays));
	fx_check(fx_reason(&r->fx) == REASON_CHANGE_OBJECTION);
	fx_clock(&r->fx, r->fx.clock + 2 * DELAY);
	fx_check(version(r) == before + 1);
	r->fx.policy_version++;
	buf_clear(&r->fx.policy);
	buf_put_view(&r->fx.policy, buf_view(&r->document));
}

static uint32_t one_point(struct run *r, uint32_t at)
{
	struct acked acked = {false};
	uint32_t calls;

	make_statements(r);
	fx_kill(&r->fx);
	r->fx.may_die = true;
	power_arm(r->power, r->mode, at);
	fx_run(&r->fx);
	if (r->fx.fd >= 0)
		script(r, &acked);
	if (is_ended(r))
		r->points++;
	else
		r->whole++;
	calls = r->power->count;
	r->fx.may_die = false;
	fx_run(&r->fx);
	fx_check(r->fx.fd >= 0);
	recover(r, &acked);
	return calls;
}

static void begin(struct run *r)
{
	AUTO(buf) struct buf doc;
	struct digest previous;

	fx_start(&r->fx);
	r->power = power_new(&r->fx, "crash", "state/.graves");
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	policy_doc(&r->fx, r->fx.policy_version + 1, &doc);
	previous = digest_of(buf_view(&r->fx.policy));
	fx_check(fx_change_document(&r->fx, STATEMENT_POLICY, buf_view(&doc), &previous, two) ==
		 KEEPER_R_CHANGE);
	r->fx.policy_version++;
	buf_clear(&r->fx.policy);
	buf_put_view(&r->fx.policy, buf_view(&doc));
}

int main(int argc, char **argv)
{
	static const char *const modes[CRASH__COUNT] = {"plain",   "torn",  "lost",
							"scatter", "names", "mixed"};
	static struct run r;
	uint32_t step = argc == 3 ? (uint32_t)atoi(argv[2]) : STEP;
	uint32_t calls;

	while (argc >= 2 && r.mode < CRASH__COUNT && strcmp(argv[1], modes[r.mode]) != 0)
		r.mode++;
	fx_check(argc >= 2 && argc <= 3 && r.mode < CRASH__COUNT && step > 0);
	buf_init(&r.comes, DOCUMENT_BYTES_MAX);
	buf_init(&r.stays, DOCUMENT_BYTES_MAX);
	buf_init(&r.no, OBJECTION_BYTES_MAX);
	buf_init(&r.document, DOCUMENT_BYTES_MAX);
	begin(&r);
	calls = one_point(&r, UINT32_MAX);
	fx_check(calls > 10);
	for (uint32_t at = 1 + (uint32_t)r.mode % step; at <= calls; at += step)
		(void)one_point(&r, at);
	fx_stop(&r.fx);
	fx_check(fx_verb(&r.fx, "fsck", NULL) == 0);
	power_end(r.power);
	fx_end(&r.fx);
	(void)printf("keeper, %s: %u changes; ended at %u points; %u runs whole\n", argv[1], calls,
		     r.points, r.whole);
	fx_check(r.points * 10 >= (calls / step) * 8);
	return 0;
}
