/* model_echo - parses one statement or leaf and encodes it again; for unit tests and fuzzers. */
#ifndef GS_TESTS_MODEL_ECHO_H
#define GS_TESTS_MODEL_ECHO_H

#include <stdlib.h>

#include "lib/model/access.h"
#include "lib/model/act.h"
#include "lib/model/change.h"
#include "lib/model/evidence.h"
#include "lib/model/guard_batch.h"
#include "lib/model/leaf.h"
#include "lib/model/objection.h"
#include "lib/model/preapproval.h"
#include "lib/model/request.h"
#include "lib/model/review.h"

/* Each: the parser's rc, else the encoder's; out then holds what was written. */
MUST static inline rc request_echo(struct view bytes, struct buf *out, struct fault *f)
{
	AUTO(request) struct request r = {0};
	char(*text)[ITEM_NAME_MAX + 1];
	const char **names;
	rc result;

	TRY(request_parse(bytes, &r, f));
	text = (char(*)[ITEM_NAME_MAX + 1]) calloc(r.count, sizeof(*text));
	names = (const char **)calloc(r.count, sizeof(*names));
	result = text == NULL || names == NULL ? RC(RC_NOMEM) : OK;
	for (size_t i = 0; rc_is_ok(result) && i < r.count; i++) {
		result = request_item_name(&r.items[i], text[i]);
		names[i] = text[i];
	}
	if (rc_is_ok(result))
		result = request_encode(&r, names, out, f);
	free(text);
	free(names);
	return result;
}

MUST static inline rc act_echo(struct view bytes, struct buf *out, struct fault *f)
{
	struct review v;
	struct act a;
	rc r = review_parse(bytes, &v, f);

	if (rc_is_ok(r))
		return review_encode(&v, out, f);
	if (r.code != RC_MISMATCH)
		return r;
	for (int k = STATEMENT_APPROVAL; k <= STATEMENT_CANCELLATION; k++) {
		r = act_parse((enum statement_kind)k, bytes, &a, f);
		if (rc_is_ok(r))
			return act_encode(&a, out, f);
		if (r.code != RC_MISMATCH)
			return r;
	}
	return r;
}

MUST static inline rc access_echo(struct view bytes, struct buf *out, struct fault *f)
{
	struct access_change c;

	TRY(access_change_parse(bytes, &c, f));
	return access_change_encode(&c, out, f);
}

struct guard_echo {
	struct guard_event *rows;
	size_t count;
};

static inline rc guard_echo_take(void *ctx, const struct guard_event *e, struct view bytes)
{
	struct guard_echo *all = (struct guard_echo *)ctx;
	struct guard_event again;

	all->rows[all->count++] = *e;
	return guard_event_parse(bytes, &again, NULL);
}

MUST static inline rc guard_batch_echo(struct view bytes, struct buf *out, struct fault *f)
{
	struct guard_echo all = {0};
	struct guard_batch b;
	rc r;

	TRY(guard_batch_parse(bytes, &b, f));
	all.rows = (struct guard_event *)calloc(b.count + 1u, sizeof(*all.rows));
	if (all.rows == NULL)
		return RC(RC_NOMEM);
	r = guard_batch_each(&b, guard_echo_take, &all);
	if (rc_is_ok(r))
		r = guard_batch_encode(&b, all.rows, all.count, out, f);
	free(all.rows);
	return r;
}

MUST static inline rc evidence_echo(struct view bytes, struct buf *out, struct fault *f)
{
	struct preapproval p;
	struct evidence e;
	rc r = evidence_parse(STATEMENT_SCAN, bytes, &e, f);

	if (r.code == RC_MISMATCH)
		r = evidence_parse(STATEMENT_REBUILD, bytes, &e, f);
	if (rc_is_ok(r))
		return evidence_encode(&e, out, f);
	if (r.code != RC_MISMATCH)
		return r;
	TRY(preapproval_parse(bytes, &p, f));
	return preapproval_encode(&p, out, f);
}

MUST static inline rc change_echo(struct view bytes, struct buf *out, struct fault *f)
{
	struct document_change d;
	struct key_change k;
	struct objection o;

	if (rc_is_ok(document_change_parse(STATEMENT_POLICY, bytes, &d, f)) ||
	    rc_is_ok(document_change_parse(STATEMENT_ROSTER, bytes, &d, f)) ||
	    rc_is_ok(document_change_parse(STATEMENT_RECOVERY, bytes, &d, f)))
		return document_change_encode(&d, out, f);
	if (rc_is_ok(objection_parse(bytes, &o, f)))
		return objection_encode(&o, out, f);
	TRY(key_change_parse(bytes, &k, f));
	return key_change_encode(&k, out, f);
}

MUST static inline rc leaf_echo(struct view bytes, struct buf *out, struct fault *f)
{
	struct leaf l;

	TRY(leaf_parse(bytes, &l, f));
	return leaf_encode(&l, out, f);
}

/* False if bytes are accepted but come back otherwise (or not at all). */
static inline bool echo_is_exact(rc (*echo)(struct view, struct buf *, struct fault *),
				 struct view bytes, size_t max)
{
	AUTO(buf) struct buf out;
	struct fault f;
	rc r;

	buf_init(&out, max);
	r = echo(bytes, &out, &f);
	/* Something was written, so the parser had accepted it. */
	if (out.len > 0 || rc_is_ok(r))
		return rc_is_ok(r) && view_is_equal(bytes, buf_view(&out));
	return true;
}

#endif
