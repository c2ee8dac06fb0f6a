#include "prog/server/published.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/model/list.h"
#include "lib/model/package_record.h"
#include "lib/tlog/items.h"
#include "prog/server/pipeline.h"
#include "prog/server/uploads.h"

#define AT_ONCE 32u
#define BEGINNING (CONTENTS_FRAME + CONTENTS_HEADER_MAX)
#define GROUPS_TEXT (LIST_GROUPS_MAX * (NAME_MAX_LEN + 1) + 2)

bool published_is_kind(const char *format)
{
	return strcmp(format, LIST_FORMAT) == 0 || strcmp(format, PACKAGE_RECORD_FORMAT) == 0;
}

/* ---- One signed request ---------------------------------------------------------------------*/

/* What the keeper and the store have of it. */
struct signed_request {
	struct stage1_request stored;
	struct keeper_reply reply;
	struct keeper_result result;
	struct buf chain;
	struct view *signatures;
};

static void signed_release(struct signed_request *s)
{
	stage1_release(&s->stored);
	keeper_reply_release(&s->reply);
	buf_release(&s->chain);
	free(s->signatures);
	s->signatures = NULL;
}
AUTO_DEFINE(signed, struct signed_request, signed_release)

static rc read_signed(struct call_ctx *c, const struct digest *id, struct signed_request *s)
{
	struct view rest;

	buf_init(&s->chain, RESULT_CHAIN_MAX);
	TRY(request_known(c, id));
	TRY(request_stored(c, id, &s->stored));
	TRY(result_fetch(c, id, 1, &s->reply, &s->result));
	TRY(result_chain(c, &s->result, &s->chain));
	s->signatures = calloc(s->stored.request.count, sizeof(*s->signatures));
	if (s->signatures == NULL)
		return RC(RC_NOMEM);
	rest = s->result.signatures;
	for (size_t i = 0; i < s->stored.request.count; i++)
		if (s->result.count != s->stored.request.count ||
		    !rc_is_ok(keeper_result_next(&rest, &s->signatures[i])))
			return call_refuse(c, REASON_KEEPER_INTERNAL,
					   "the keeper's result cannot be read");
	return OK;
}

/* ---- The proof ------------------------------------------------------------------------------*/

static json_t *chain_json(struct view der)
{
	AUTO(x509_chain) struct x509_chain chain = {0};
	json_t *list = json_array();

	if (!rc_is_ok(x509_chain_read(der, &chain, NULL)))
		return list;
	for (size_t i = 0; i < chain.count; i++)
		(void)json_array_append_new(list, json_base64(chain.der[i]));
	return list;
}

static json_t *inner_json(const struct tree_proof *proof)
{
	json_t *list = json_array();

	for (size_t i = 0; i < proof->count; i++)
		(void)json_array_append_new(list, json_base64(digest_view(&proof->hash[i])));
	return list;
}

/* Only what a guard looks at: it asks nobody who approved. */
static rc put_proof(const struct signed_request *s, uint32_t item, struct buf *out)
{
	struct tree_proof inner = {.count = 0};
	AUTO(json_text) char *text = NULL;
	AUTO(json) json_t *root = NULL;
	char when[TIME_TEXT];

	TRY(items_signature_proof(&s->stored.request, s->signatures, item, &inner, NULL));
	TRY(time_format(s->result.signed_at, when));
	root = json_pack(
		"{s:s,s:o,s:i,s:i,s:s,s:o,s:o,s:o,s:o,s:o}", "schema", "greatseal-bundle-1",
		"request", json_base64(buf_view(&s->stored.statement)), "item", (int)item, "use", 1,
		"signed_at", when, "certificates", chain_json(buf_view(&s->chain)), "signature",
		json_base64(s->signatures[item]), "inner_proof", inner_json(&inner), "issue_entry",
		json_base64(s->result.leaf), "issue_proof", json_base64(s->result.proof));
	text = root == NULL ? NULL : json_text(root);
	if (text == NULL)
		return RC(RC_NOMEM);
	buf_put_str(out, text);
	return buf_done(out);
}

rc published_proof(struct call_ctx *c, const struct digest *request, uint32_t item, struct buf *out)
{
	AUTO(signed) struct signed_request s = {0};

	TRY(read_signed(c, request, &s));
	if (item >= s.stored.request.count)
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the request has no such file");
	return put_proof(&s, item, out);
}

/* ---- Its files ------------------------------------------------------------------------------*/

struct row {
	struct store_published p;
	char also[DIGEST_HEX]; /* a second name of a record; "": none */
	char groups[GROUPS_TEXT];
	struct buf proof;
};

struct rows {
	struct row *row;
	size_t count;
	struct store_published *all; /* the same by each of their names, one behind the other */
	size_t all_count;
};

static void rows_release(struct rows *r)
{
	for (size_t i = 0; i < r->count; i++)
		buf_release(&r->row[i].proof);
	free(r->row);
	free(r->all);
	*r = (struct rows){0};
}
AUTO_DEFINE(rows, struct rows, rows_release)

static rc rows_new(size_t count, struct rows *r)
{
	r->row = calloc(count, sizeof(*r->row));
	r->all = calloc(count, 2 * sizeof(*r->all));
	return r->row != NULL && r->all != NULL ? OK : RC(RC_NOMEM);
}

static void take_list(struct row *row, const struct list_header *h)
{
	struct buf groups;

	buf_init_fixed(&groups, row->groups, sizeof(row->groups));
	buf_put_u8(&groups, '\n');
	for (size_t i = 0; i < h->group_count; i++)
		buf_printf(&groups, "%s\n", h->groups[i].s);
	row->p.kind = STORE_LIST;
	(void)snprintf(row->p.name, sizeof(row->p.name), "%s", h->name.s);
	row->p.serial = h->serial;
	row->p.not_before = h->not_before;
	row->p.not_after = h->not_after;
	row->p.groups = view_of(row->groups, groups.len);
}

/* The header of a file that is here. What its records say is for guards: the file was inspected
 * when it was submitted, and has the digest that was signed. */
static rc read_header(struct call_ctx *c, const struct request_item *item, struct row *row,
		      struct fault *f)
{
	AUTO(fd) int fd = -1;
	uint8_t bytes[BEGINNING];
	struct package_record_header record;
	struct list_header list;
	uint64_t size = 0;
	size_t n;
	rc r = artifact_open(c->server, &item->sha256, &fd, &size);

	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "the file cannot be opened");
	n = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
	TRY(fd_pread_full(fd, bytes, n, 0, f));
	if (strcmp(item->format, LIST_FORMAT) == 0) {
		TRY(list_peek(view_of(bytes, n), &list, f));
		take_list(row, &list);
	} else {
		TRY(package_record_peek(view_of(bytes, n), &record, f));
		row->p.kind = STORE_RECORD;
		digest_hex(&record.archive, row->p.name);
		if (record.kind == PACKAGE_RPM)
			digest_hex(&record.header, row->also);
	}
	row->p.size = size;
	return OK;
}
_Static_assert(STORE_PUBLISHED_NAME >= DIGEST_HEX && STORE_PUBLISHED_NAME > NAME_MAX_LEN,
	       "a name or a digest");

/* It says nothing of the request: the same may go well the next time. */
static bool is_passing(rc r)
{
	return r.code == RC_NOMEM || r.code == RC_NOSPACE || r.code == RC_IO;
}

static rc add_item(struct call_ctx *c, const struct signed_request *s, uint32_t n, struct rows *out)
{
	const struct request_item *item = &s->stored.request.items[n];
	struct row *row = &out->row[out->count];
	struct fault f = {0};
	rc r;

	row->p = (struct store_published){.leaf = s->result.issue_leaf,
					  .item = n,
					  .request = s->stored.id,
					  .file = item->sha256,
					  .key = s->result.key};
	r = read_header(c, item, row, &f);
	if (is_passing(r))
		return r;
	if (!rc_is_ok(r)) {
		log_warn("guards cannot fetch file %u of a signed request: %s", n, f.text);
		return OK;
	}
	buf_init(&row->proof, PUBLISHED_PROOF_MAX);
	if (s->stored.request.count <= PUBLISHED_ITEMS_KEPT)
		TRY(put_proof(s, n, &row->proof));
	row->p.proof = buf_view(&row->proof);
	out->count++;
	out->all[out->all_count++] = row->p;
	if (row->also[0] == '\0')
		return OK;
	out->all[out->all_count] = row->p;
	memcpy(out->all[out->all_count++].name, row->also, sizeof(row->also));
	return OK;
}

static rc publish(struct call_ctx *c, const struct digest *id)
{
	const struct store_api *api = c->server->store->api;
	AUTO(signed) struct signed_request s = {0};
	AUTO(rows) struct rows rows = {0};

	TRY(read_signed(c, id, &s));
	TRY(rows_new(s.stored.request.count, &rows));
	for (uint32_t i = 0; i < s.stored.request.count; i++)
		if (published_is_kind(s.stored.request.items[i].format))
			TRY(add_item(c, &s, i, &rows));
	return api->published_set(c->server->store,
				  &(struct store_publishing){.request = *id,
							     .rows = rows.all,
							     .count = rows.all_count,
							     .now = clock_now(&clock_system)},
				  NULL);
}

/* ---- All that are signed --------------------------------------------------------------------*/

struct batch {
	struct digest id[AT_ONCE];
	size_t count;
};

static rc take_id(void *ctx, const struct digest *id)
{
	struct batch *b = ctx;

	b->id[b->count++] = *id;
	return OK;
}

/* One that cannot be published must not keep the others from it; *ret_stays: not yet. */
static rc publish_or_not(struct call_ctx *c, const struct digest *id, bool *ret_stays)
{
	const struct store_api *api = c->server->store->api;
	rc r = publish(c, id);

	*ret_stays = is_passing(r);
	if (rc_is_ok(r) || c->status == 503 || r.code == RC_NOMEM)
		return r;
	log_warn("a signed list or record is not given to guards%s: %s %.*s",
		 *ret_stays ? " yet" : "", rc_name(r), (int)c->out.len, (const char *)c->out.ptr);
	buf_clear(&c->out);
	c->status = 0;
	return *ret_stays ? OK
			  : api->published_set(c->server->store,
					       &(struct store_publishing){.request = *id}, NULL);
}

rc published_follow(struct call_ctx *c)
{
	const struct store_api *api = c->server->store->api;
	struct batch b;
	size_t stay;

	do {
		b.count = stay = 0;
		TRY(api->publishing_list(c->server->store, AT_ONCE, take_id, &b, NULL));
		for (size_t i = 0; i < b.count; i++) {
			bool stays = false;

			TRY(publish_or_not(c, &b.id[i], &stays));
			stay += stays;
		}
	} while (b.count == AT_ONCE && stay < AT_ONCE);
	return OK;
}
