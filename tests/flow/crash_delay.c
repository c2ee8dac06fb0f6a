/* The power goes while a policy is accepted, waits, comes into force by itself, and while another
 * is stopped: at every second change of a file the keeper is ended, and starts again.
 *
 * Holds: what was acknowledged is there; a policy that was accepted is in force once when its time
 * has come, and not before; one that was stopped never is; what was not acknowledged succeeds when
 * it is sent again; the log is whole. */
#include "tests/flow/crash_points.h"

#include <string.h>

#include "lib/model/objection.h"

#define DELAY 3600

static const char *const two[] = {"erin", "frank", NULL};

static struct buf comes; /* statements: a policy that comes into force, */
static struct buf stays; /* one that is stopped, */
static struct buf no;	 /* and the objection */
static struct buf document;

/* What has been acknowledged. */
static struct {
	bool comes;
	bool in_force;
	bool stays;
	bool no;
} acked;

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

static void prepare(struct fixture *fx)
{
	AUTO(buf) struct buf next;
	struct objection o = {.expires = fx_now(fx) + 100 * DELAY};

	buf_init(&next, DOCUMENT_BYTES_MAX);
	policy_doc(fx, fx->policy_version + 1, &document);
	statement_of(fx, &document, &fx->policy, &comes);
	policy_doc(fx, fx->policy_version + 2, &next);
	statement_of(fx, &next, &document, &stays);
	o.change = digest_of(buf_view(&stays));
	buf_clear(&no);
	fx_ok(objection_encode(&o, &no, NULL));
	memset(&acked, 0, sizeof(acked));
}

static bool answer_has(struct fixture *fx, const char *text)
{
	return memmem(fx->body.ptr, fx->body.len, text, strlen(text)) != NULL;
}

/* 0 if the keeper is gone. The round in which something comes into force has no messages. */
static uint64_t version(struct fixture *fx)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello hello;

	buf_init(&frame, 4096);
	for (int i = 0; i < 2; i++) {
		buf_clear(&frame);
		keeper_put_hello_request(&frame, ++fx->correlation);
		if (fx_exchange(fx, &frame) != KEEPER_R_HELLO)
			return 0;
	}
	fx_ok(keeper_get_hello(buf_view(&fx->body), &hello));
	return hello.policy_version;
}

static bool offer(struct fixture *fx, enum statement_kind kind, const struct buf *statement)
{
	return fx_change(fx, kind, buf_view(statement), two) == KEEPER_R_CHANGE;
}

static void script(struct fixture *fx)
{
	uint64_t before = fx->policy_version;

	acked.comes = offer(fx, STATEMENT_POLICY, &comes);
	if (!acked.comes)
		return;
	fx_check(answer_has(fx, "\"state\":\"accepted\""));
	fx_clock(fx, fx->clock + DELAY + 1);
	acked.in_force = version(fx) == before + 1;
	acked.stays = acked.in_force && offer(fx, STATEMENT_POLICY, &stays);
	acked.no = acked.stays && offer(fx, STATEMENT_OBJECTION, &no);
}

static void recover(struct fixture *fx)
{
	uint64_t before = fx->policy_version;
	uint64_t now = version(fx);

	fx_check(now == before + 1 || (now == before && !acked.in_force));
	/* Known or new: either way it is accepted, waits or is in force. */
	fx_check(offer(fx, STATEMENT_POLICY, &comes));
	fx_check(!acked.comes || now == before + 1 || answer_has(fx, "\"state\":\"accepted\""));
	if (version(fx) == before)
		fx_clock(fx, fx->clock + DELAY + 1);
	fx_check(version(fx) == before + 1);
	/* Stopped already, or stopped now; sent again, it does not come back. */
	if (!acked.no && offer(fx, STATEMENT_POLICY, &stays))
		fx_check(offer(fx, STATEMENT_OBJECTION, &no));
	fx_check(offer(fx, STATEMENT_OBJECTION, &no));
	fx_check(!offer(fx, STATEMENT_POLICY, &stays));
	fx_check(fx_reason(fx) == REASON_CHANGE_OBJECTION);
	fx_clock(fx, fx->clock + 2 * DELAY);
	fx_check(version(fx) == before + 1);
	fx->policy_version++;
	buf_clear(&fx->policy);
	buf_put_view(&fx->policy, buf_view(&document));
}

static void begin(struct fixture *fx)
{
	AUTO(buf) struct buf doc;

	buf_init(&comes, DOCUMENT_BYTES_MAX);
	buf_init(&stays, DOCUMENT_BYTES_MAX);
	buf_init(&no, OBJECTION_BYTES_MAX);
	buf_init(&document, DOCUMENT_BYTES_MAX);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	policy_doc(fx, fx->policy_version + 1, &doc);
	fx_check(fx_policy(fx, &doc) == KEEPER_R_CHANGE);
}

int main(int argc, char **argv)
{
	static const struct crash_acts acts = {begin, prepare, script, recover};
	static struct fixture fx;

	return crash_points(argc, argv, &fx, &acts);
}
