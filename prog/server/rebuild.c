#include "prog/server/rebuild.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "prog/server/log_bundle.h"
#include "prog/server/pipeline.h"

#define MARK_LOG "log"		 /* the requests of so many entries are here */
#define MARK_PRODUCTS "products" /* 1: their last signed files are to be looked for */

#define UNFINISHED_MAX ((size_t)1 << 20)
#define STEP 256u

enum phase { PHASE_START, PHASE_STATUSES, PHASE_REQUESTS, PHASE_PRODUCTS, PHASE_DONE };

struct rebuild {
	struct server *s;
	enum phase phase;
	uint64_t size; /* of the log when we began; what comes later comes through us */
	uint64_t next; /* forwards: the next entry; backwards: one more than it */
	uint64_t restored;
	struct buf unfinished; /* digests */
	size_t refreshed;      /* bytes of them */
	json_t *seen;	       /* products */
	bool complained;
	struct log_bundle bundle; /* that was read last */
};

struct rebuild *rebuild_new(struct server *s)
{
	struct rebuild *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->s = s;
	r->seen = json_object();
	buf_init(&r->unfinished, UNFINISHED_MAX * DIGEST_SIZE);
	return r;
}

void rebuild_free(struct rebuild *r)
{
	if (r == NULL)
		return;
	json_decref(r->seen);
	log_bundle_release(&r->bundle);
	buf_release(&r->unfinished);
	free(r);
}

/* A context for what calls of people do elsewhere. */
static struct call_ctx context(struct rebuild *r)
{
	struct call_ctx c = {.server = r->s, .file = -1};

	buf_init(&c.out, (size_t)1 << 20);
	return c;
}

/* From where the marks say, and with the log as it is then: what could not be read may be part of a
 * bundle that has grown since. */
static enum rebuild_state later(struct rebuild *r, const char *what)
{
	r->phase = PHASE_START;
	if (!r->complained)
		log_warn("lists may lack requests until this is mended: %s", what);
	r->complained = true;
	return REBUILD_WAIT;
}

static rc read_bundle(struct rebuild *r, uint64_t index, struct fault *f)
{
	return log_bundle_read(r->s, &r->bundle, index, r->size, f);
}

/* False for an entry that is not of this kind, or not ours to read. */
static bool leaf_at(const struct rebuild *r, uint64_t index, enum leaf_kind kind, struct leaf *ret)
{
	return log_bundle_leaf(&r->bundle, index, kind, ret);
}

/* ---- Forwards ------------------------------------------------------------------------------*/

static rc take_unfinished(void *ctx, const struct digest *d)
{
	struct rebuild *r = ctx;

	buf_put_view(&r->unfinished, digest_view(d));
	return buf_done(&r->unfinished);
}

static enum rebuild_state begin(struct rebuild *r)
{
	const struct store_api *api = r->s->store->api;
	struct call_ctx c = context(r);
	struct keeper_hello hello;
	struct fault f = {0};
	rc ok = call_hello(&c, &hello);

	buf_release(&c.out);
	if (!rc_is_ok(ok))
		return REBUILD_WAIT; /* it says so itself when it is away */
	r->size = hello.log_size;
	ok = api->mark_get(r->s->store, MARK_LOG, &r->next, &f);
	if (ok.code == RC_NOTFOUND) {
		r->next = 0;
		ok = api->mark_set(r->s->store, MARK_PRODUCTS, 1, &f);
	}
	if (!rc_is_ok(ok))
		return later(r, f.text);
	/* A log that is shorter than it was is another one: from its beginning. */
	if (r->next > r->size)
		r->next = 0;
	buf_clear(&r->unfinished);
	r->refreshed = 0;
	rc_ignore(api->request_unfinished(r->s->store, take_unfinished, r, NULL),
		  "beyond a million they are seen as they are asked for");
	r->phase = PHASE_STATUSES;
	return REBUILD_MORE;
}

/* Rows that are not at their end, as far as the store knows: the process may have ended between the
 * keeper's word and ours. */
static enum rebuild_state step_statuses(struct rebuild *r)
{
	struct digest d;
	uint64_t version;

	for (unsigned n = 0; n < STEP && r->refreshed + DIGEST_SIZE <= r->unfinished.len; n++) {
		AUTO(json) json_t *status = NULL;
		struct call_ctx c = context(r);
		rc ok;

		memcpy(d.b, r->unfinished.ptr + r->refreshed, DIGEST_SIZE);
		ok = status_fetch(&c, &d, &status, &version);
		buf_release(&c.out);
		if (!rc_is_ok(ok) && c.status != 404)
			return later(r, "the keeper is away");
		r->refreshed += DIGEST_SIZE;
	}
	if (r->refreshed + DIGEST_SIZE <= r->unfinished.len)
		return REBUILD_MORE;
	r->phase = PHASE_REQUESTS;
	return REBUILD_MORE;
}

/* RC_BUSY: the keeper is away, or the store cannot be written. */
static rc restore_one(struct rebuild *r, const struct leaf *leaf, struct fault *f)
{
	struct call_ctx c = context(r);
	rc ok = OK;

	if (!request_is_stored(&c, &leaf->request)) {
		ok = request_restore(&c, &leaf->request, leaf->time);
		if (rc_is_ok(ok))
			r->restored++;
		else if (c.status == 404) {
			log_warn("the keeper does not know a request of the log");
			ok = OK;
		} else {
			ok = fault_set(f, RC_BUSY, 0, "%.*s", (int)c.out.len,
				       (const char *)c.out.ptr);
		}
	}
	buf_release(&c.out);
	return ok;
}

static enum rebuild_state step_requests(struct rebuild *r)
{
	const struct store_api *api = r->s->store->api;
	uint64_t pending = 0;
	struct fault f = {0};
	struct leaf leaf;

	if (r->next < r->size) {
		uint64_t end = (r->next / TILE_WIDTH + 1) * TILE_WIDTH;

		if (!rc_is_ok(read_bundle(r, r->next / TILE_WIDTH, &f)))
			return later(r, f.text);
		for (; r->next < end && r->next < r->size; r->next++)
			if (leaf_at(r, r->next, LEAF_REQUEST, &leaf) &&
			    !rc_is_ok(restore_one(r, &leaf, &f)))
				return later(r, f.text);
		if (!rc_is_ok(api->mark_set(r->s->store, MARK_LOG, r->next, &f)))
			return later(r, f.text);
		return REBUILD_MORE;
	}
	if (r->restored > 0)
		log_info("%llu requests of the log are back in the store",
			 (unsigned long long)r->restored);
	rc_ignore(api->mark_get(r->s->store, MARK_PRODUCTS, &pending, NULL), "then there is none");
	r->phase = pending != 0 ? PHASE_PRODUCTS : PHASE_DONE;
	r->next = r->size;
	return pending != 0 ? REBUILD_MORE : REBUILD_DONE;
}

/* ---- Backwards -----------------------------------------------------------------------------*/

/* Until the worker was run once, so that an end of the process does not wait for many. */
static enum rebuild_state step_products(struct rebuild *r)
{
	struct fault f = {0};
	struct leaf leaf;
	bool slow = false;

	for (unsigned n = 0; r->next > 0 && n < STEP && !slow; n++) {
		struct call_ctx c;

		if (!rc_is_ok(read_bundle(r, (r->next - 1) / TILE_WIDTH, &f)))
			return later(r, f.text);
		r->next--;
		if (!leaf_at(r, r->next, LEAF_ISSUE, &leaf))
			continue;
		c = context(r);
		rc_ignore(products_restore(&c, &leaf.request, r->seen, &slow), "a comparison less");
		buf_release(&c.out);
	}
	if (r->next > 0)
		return REBUILD_MORE;
	rc_ignore(r->s->store->api->mark_set(r->s->store, MARK_PRODUCTS, 0, NULL),
		  "looked for again at the next start");
	r->phase = PHASE_DONE;
	return REBUILD_DONE;
}

enum rebuild_state rebuild_step(struct rebuild *r)
{
	switch (r->phase) {
	case PHASE_START:
		return begin(r);
	case PHASE_STATUSES:
		return step_statuses(r);
	case PHASE_REQUESTS:
		return step_requests(r);
	case PHASE_PRODUCTS:
		return step_products(r);
	case PHASE_DONE:
		break;
	}
	return REBUILD_DONE;
}
