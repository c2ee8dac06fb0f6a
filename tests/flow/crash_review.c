/* The power goes while the glass is broken, while its review is overdue, given by one and completed
 * by another as an incident, and while the key is unlocked again: at every second change of a file
 * the keeper is ended, and starts again.
 *
 * Holds: a use is never there without the review that is owed of it; until that is complete the key
 * signs nothing; a review counts once, however often it is sent; an incident and its lock are one;
 * what was not acknowledged succeeds when it is sent again; the log and the journal agree. */
#include "tests/flow/crash_points.h"

#include <string.h>

#include "lib/model/review.h"

#define WITHIN 60

static const char *const admins[] = {"erin", "frank", NULL};

static struct fx_request broken; /* breaks the glass */
static struct fx_request waits;	 /* wants the same key then */
static struct digest rule;
static struct act yes[2]; /* bob's, to either */
static struct review ok;  /* carol's */
static struct review bad; /* dave's: an incident */
static struct digest entry;
static unix_time due;

/* What has been acknowledged. */
static struct {
	bool used;
	bool later; /* the review is overdue */
	bool stopped;
	bool ok;
	bool bad;
	bool unlocked;
} acked;

/* ---- Messages ------------------------------------------------------------------------------*/

static bool is_status(struct fixture *fx, enum keeper_type type, enum reason reason)
{
	return type == KEEPER_R_STATUS && fx_reason(fx) == reason;
}

/* The type that matters: of the approval, which signs if nothing is in the way. */
static enum keeper_type ask(struct fixture *fx, struct fx_request *q, const struct act *approval)
{
	enum keeper_type type = fx_submit(fx, q, true);

	if (type == 0 || type == KEEPER_R_RESULT)
		return type;
	type = fx_act_send(fx, approval, true);
	/* Known, or the request is through. */
	return type == KEEPER_R_ERROR ? fx_submit(fx, q, true) : type;
}

/* Of the result that has come; false if the keeper is gone. */
static bool read_entry(struct fixture *fx)
{
	struct keeper_result m;
	struct leaf leaf;

	fx_ok(keeper_get_result(buf_view(&fx->body), &m));
	due = m.signed_at + WITHIN;
	return fx_entry(fx, m.authorize_leaf, &leaf, &entry);
}

/* The statement is the same whenever it is sent. */
static enum keeper_type send(struct fixture *fx, struct review *r)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;

	r->authorize = entry;
	r->time = due;
	buf_init(&statement, REVIEW_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_ok(review_encode(r, &statement, NULL));
	fx_sign_as(fx, r->person.s, STATEMENT_REVIEW, buf_view(&statement), &sig);
	return fx_act_raw(fx, STATEMENT_REVIEW, buf_view(&statement), buf_view(&sig), false);
}

static enum keeper_type unlock(struct fixture *fx)
{
	struct key_change c = {.action = KEY_UNLOCK};

	fx_ok(name_parse(view_str("release"), &c.key));
	return fx_key_change(fx, &c, admins);
}

/* How often the reviews of the use that broke the glass have the text. */
static unsigned reviews_say(struct fixture *fx, const char *text)
{
	const struct keeper_reviews m = {.request = broken.id};
	AUTO(buf) struct buf frame;
	unsigned n = 0;

	buf_init(&frame, 4096);
	keeper_put_reviews(&frame, ++fx->correlation, &m);
	fx_check(fx_exchange(fx, &frame) == KEEPER_R_JSON);
	for (const char *at = buf_cstr(&fx->body); (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

/* ---- One point -----------------------------------------------------------------------------*/

static void make_request(struct fixture *fx, struct fx_request *q, struct act *approval)
{
	fx_request_release(q);
	fx_request_new(fx, "release", 1, q);
	(void)snprintf(q->r.reason, sizeof(q->r.reason), "INC-1: it burns");
	fx_request_encode(q);
	*approval = (struct act){.kind = STATEMENT_APPROVAL,
				 .request = q->id,
				 .rule = rule,
				 .expires = fx_now(fx) + 100 * WITHIN,
				 .origin = "keeper.test"};
	fx_ok(name_parse(view_str("bob"), &approval->person));
}

static void make_review(struct fixture *fx, const char *person, bool incident, struct review *r)
{
	*r = (struct review){.request = broken.id,
			     .use = 1,
			     .incident = incident,
			     .origin = "keeper.test",
			     .comment = "looked at"};
	fx_ok(name_parse(view_str(person), &r->person));
	fx->nonce++;
	memcpy(r->nonce, &fx->nonce, sizeof(fx->nonce));
}

static void prepare(struct fixture *fx)
{
	make_request(fx, &broken, &yes[0]);
	make_request(fx, &waits, &yes[1]);
	make_review(fx, "carol", false, &ok);
	make_review(fx, "dave", true, &bad);
	memset(&acked, 0, sizeof(acked));
}

static void later(struct fixture *fx)
{
	fx_clock(fx, fx->clock + WITHIN + 1);
	acked.later = true;
}

static void script(struct fixture *fx)
{
	enum keeper_type type = ask(fx, &broken, &yes[0]);

	fx_check(type == 0 || type == KEEPER_R_RESULT);
	acked.used = type != 0;
	if (!acked.used)
		return;
	if (!read_entry(fx))
		return;
	later(fx);
	type = ask(fx, &waits, &yes[1]);
	fx_check(type == 0 || is_status(fx, type, REASON_KEY_REVIEW));
	acked.stopped = type != 0;
	if (!acked.stopped)
		return;
	acked.ok = send(fx, &ok) == KEEPER_R_STATUS;
	acked.bad = acked.ok && send(fx, &bad) == KEEPER_R_STATUS;
	acked.unlocked = acked.bad && unlock(fx) == KEEPER_R_CHANGE;
}

/* The use is there, and so is what is owed of it; nothing more is signed. */
static void recover_use(struct fixture *fx)
{
	fx_check(ask(fx, &broken, &yes[0]) == KEEPER_R_RESULT);
	fx_check(read_entry(fx));
	fx_check(reviews_say(fx, "\"authorize\":") == 1);
	if (!acked.later)
		later(fx);
}

/* Both reviews, each once; the second takes the lock along. */
static void recover_reviews(struct fixture *fx)
{
	unsigned had = reviews_say(fx, "\"verdict\":");
	enum keeper_type type;

	fx_check(had >= (unsigned)(acked.ok + acked.bad));
	if (had < 2) {
		type = ask(fx, &waits, &yes[1]);
		fx_check(is_status(fx, type, REASON_KEY_REVIEW));
		fx_check(reviews_say(fx, "\"state\":\"overdue\"") == 1);
	}
	fx_check(send(fx, &ok) == KEEPER_R_STATUS);
	fx_check(send(fx, &bad) == KEEPER_R_STATUS);
	fx_check(reviews_say(fx, "\"verdict\":") == 2);
	fx_check(reviews_say(fx, "\"state\":\"done\"") == 1);
}

/* Whoever was owed a look at that, too, has it: the next point begins with a key that signs. */
static void review_rest(struct fixture *fx)
{
	fx_check(ask(fx, &waits, &yes[1]) == KEEPER_R_RESULT);
	fx_check(read_entry(fx));
	ok.request = bad.request = waits.id;
	bad.incident = false;
	fx_check(send(fx, &ok) == KEEPER_R_STATUS);
	fx_check(send(fx, &bad) == KEEPER_R_STATUS);
}

static void recover(struct fixture *fx)
{
	enum keeper_type type;

	recover_use(fx);
	recover_reviews(fx);
	type = ask(fx, &waits, &yes[1]);
	fx_check(!acked.unlocked || type == KEEPER_R_RESULT);
	if (type != KEEPER_R_RESULT) {
		fx_check(is_status(fx, type, REASON_KEY_LOCKED));
		fx_check(unlock(fx) == KEEPER_R_CHANGE);
		type = ask(fx, &waits, &yes[1]);
	}
	fx_check(type == KEEPER_R_RESULT);
	fx_check_result(fx, &waits);
	review_rest(fx);
}

/* ---- Begin ---------------------------------------------------------------------------------*/

/* One rule for key release, outside of its window always. */
static void policy_in_force(struct fixture *fx)
{
	AUTO(buf) struct buf doc;

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	buf_printf(
		&doc,
		"{\"admin\":{\"approve\":[\"2 of admins\"]},\"change\":{\"approve\":[\"2 of "
		"admins\"]},"
		"\"rules\":[{\"approve\":[\"1 of "
		"security\"],\"break_glass\":true,\"formats\":[\"cms\"],"
		"\"from\":[\"group:builders\"],\"keys\":[\"release\"],\"name\":\"glass\","
		"\"request\":["
		"\"group:developers\"],\"review\":{\"approve\":[\"2 of security\"],\"within\":%d},"
		"\"ticket\":\"INC-*\",\"upload\":\"optional\",\"windows\":[\"never\"]}],"
		"\"unlock\":{\"approve\":[\"2 of "
		"admins\"]},\"version\":%llu,\"windows\":[{\"length\":1,"
		"\"name\":\"never\",\"open\":\"2001-01-01\",\"zone\":\"UTC\"}]}",
		WITHIN, (unsigned long long)fx->policy_version + 1);
	fx_ok(buf_done(&doc));
	fx_check(fx_policy(fx, &doc) == KEEPER_R_CHANGE);
}

/* The digest of the rule, as an approver learns it from a request. */
static void begin(struct fixture *fx)
{
	struct act a;

	fx_zone(fx, true);
	fx_make_key(fx, "release", "ecdsa-p256");
	policy_in_force(fx);
	make_request(fx, &broken, &a);
	fx_check(fx_submit(fx, &broken, false) == KEEPER_R_STATUS);
	fx_act(fx, STATEMENT_APPROVAL, "bob", &broken, &a);
	rule = a.rule;
}

int main(int argc, char **argv)
{
	static const struct crash_acts acts = {begin, prepare, script, recover};
	static struct fixture fx;
	int status = crash_points(argc, argv, &fx, &acts);

	fx_request_release(&broken);
	fx_request_release(&waits);
	return status;
}
