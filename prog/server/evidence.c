/* evidence - scans, rebuilds and provenance: carried to the keeper, which alone keeps them.
 *
 * What has come may be what requests wait for: those that name one of the artifacts and are to be
 * signed are shown to the keeper again. */
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/dsse.h"
#include "lib/model/evidence.h"
#include "lib/model/provenance.h"
#include "prog/server/routes.h"
#include "prog/server/timer.h"

#define WAKE_MAX 64u /* requests; the rest is asked for again by those who wait */

/* ---- Whom it concerns -----------------------------------------------------------------------*/

struct artifacts {
	struct digest *list;
	size_t count;
};

static rc add_all(struct artifacts *a, const struct digest *list, size_t stride, size_t count)
{
	a->list = calloc(count, sizeof(*a->list));
	if (a->list == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < count; i++)
		memcpy(&a->list[i], (const uint8_t *)list + i * stride, sizeof(a->list[i]));
	a->count = count;
	return OK;
}

static rc read_provenance(struct view bytes, struct artifacts *ret, struct fault *f)
{
	AUTO(provenance) struct provenance p = {0};
	AUTO(dsse) struct dsse d = {0};

	TRY(dsse_parse(bytes, &d, f));
	TRY(provenance_parse(buf_view(&d.payload), &p, f));
	return add_all(ret, p.subjects, sizeof(*p.subjects), p.count);
}

static rc read_artifacts(enum statement_kind kind, struct view bytes, struct artifacts *ret,
			 struct fault *f)
{
	struct evidence *e;
	rc r;

	if (kind == STATEMENT_PROVENANCE)
		return read_provenance(bytes, ret, f);
	e = malloc(sizeof(*e));
	if (e == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	r = evidence_parse(kind, bytes, e, f);
	if (rc_is_ok(r))
		r = add_all(ret, &e->subjects[0].sha256, sizeof(e->subjects[0]), e->count);
	free(e);
	return r;
}

struct waiting {
	struct digest ids[WAKE_MAX];
	size_t count;
};

static rc take_waiting(void *ctx, const struct store_request *row)
{
	struct waiting *w = ctx;

	for (size_t i = 0; i < w->count; i++)
		if (digest_is_equal(&w->ids[i], &row->id))
			return OK;
	if (row->sign && w->count < WAKE_MAX)
		w->ids[w->count++] = row->id;
	return OK;
}

static void wake(struct server *s, const struct artifacts *a)
{
	struct waiting w = {.count = 0};

	for (size_t i = 0; i < a->count && w.count < WAKE_MAX; i++) {
		const struct store_filter filter = {
			.state = "open", .artifact = &a->list[i], .limit = WAKE_MAX};

		rc_ignore(s->store->api->request_list(s->store, &filter, take_waiting, &w, NULL),
			  "who waits asks again");
	}
	for (size_t i = 0; i < w.count; i++)
		request_show_again(s, &w.ids[i]);
}

/* ---- Calls ----------------------------------------------------------------------------------*/

static rc evidence_kind(struct call_ctx *c, const json_t *body, enum statement_kind *ret)
{
	const char *name = json_string_value(json_object_get(body, "kind"));

	for (int k = STATEMENT_SCAN; name != NULL && k <= STATEMENT_PROVENANCE; k++) {
		if (strcmp(statement_info((enum statement_kind)k)->name, name) == 0) {
			*ret = (enum statement_kind)k;
			return OK;
		}
	}
	return call_refuse(c, REASON_CALL_FORM, "kind must be scan, rebuild or provenance");
}

static rc carry(struct call_ctx *c, const struct keeper_act *m, json_t **ret)
{
	AUTO(buf) struct buf frame = {0};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, EVIDENCE_BYTES_MAX + KEEPER_SIG_MAX + 256);
	keeper_put_act(&frame, id, m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply));
	return call_parse(c, buf_view(&reply.body), ret);
}

rc post_evidence(struct call_ctx *c)
{
	AUTO(json) json_t *body = NULL;
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf sig = {0};
	struct artifacts artifacts = {0};
	enum statement_kind kind = STATEMENT_SCAN;
	json_t *receipt = NULL;
	struct fault f = {0};

	buf_init(&statement, EVIDENCE_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	TRY(call_body(c, &body));
	TRY(evidence_kind(c, body, &kind));
	TRY(call_bytes(c, body, "statement", &statement));
	if (kind != STATEMENT_PROVENANCE)
		TRY(call_bytes(c, body, "signature", &sig));
	const struct keeper_act m = {
		.kind = kind, .statement = buf_view(&statement), .sig = buf_view(&sig)};
	TRY(carry(c, &m, &receipt));
	/* The keeper has read it, so this does not fail for its form. */
	if (rc_is_ok(read_artifacts(kind, m.statement, &artifacts, &f)))
		wake(c->server, &artifacts);
	free(artifacts.list);
	return call_json(c, 200, receipt);
}

rc post_preapproval(struct call_ctx *c)
{
	AUTO(json) json_t *body = NULL;
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf sig = {0};
	json_t *receipt = NULL;

	buf_init(&statement, PREAPPROVAL_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	TRY(call_body(c, &body));
	TRY(call_bytes(c, body, "statement", &statement));
	TRY(call_bytes(c, body, "signature", &sig));
	const struct keeper_act m = {.kind = STATEMENT_PREAPPROVAL,
				     .statement = buf_view(&statement),
				     .sig = buf_view(&sig)};
	TRY(carry(c, &m, &receipt));
	return call_json(c, 200, receipt);
}

rc get_counted(struct call_ctx *c)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	json_t *answer = NULL;
	struct digest d;

	TRY(call_digest(c, 2, &d));
	buf_init(&frame, 256);
	keeper_put_digest(&frame, id, KEEPER_COUNTED, &d);
	TRY(call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply));
	TRY(call_parse(c, buf_view(&reply.body), &answer));
	return call_json(c, 200, answer);
}

rc get_evidence(struct call_ctx *c)
{
	struct view v = http_target_param(&c->target, "artifact");
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	json_t *answer = NULL;
	struct keeper_evidence m = {.name = http_target_param(&c->target, "name")};

	if (v.ptr == NULL || !rc_is_ok(digest_parse(v, &m.artifact)))
		return call_refuse(c, REASON_CALL_FORM, "artifact must be 64 hex digits");
	if (m.name.len > ITEM_NAME_MAX)
		return call_refuse(c, REASON_CALL_FORM, "name has more than %d bytes",
				   ITEM_NAME_MAX);
	buf_init(&frame, 1024);
	keeper_put_evidence(&frame, id, &m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply));
	TRY(call_parse(c, buf_view(&reply.body), &answer));
	return call_json(c, 200, answer);
}
