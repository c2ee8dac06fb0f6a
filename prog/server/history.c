/* history - requests with what was said about them, in bulk, for those who decide them again. */
#include <string.h>

#include "prog/server/routes.h"

#define PAGE_BYTES (4u << 20) /* of statements; one is always given */

struct page {
	json_t *rows;
	unix_time since;
	uint32_t limit;
	size_t bytes;
	uint64_t last_seq;
	bool full;
};

static rc add_row(void *ctx, const struct store_request *row)
{
	struct page *p = ctx;
	char when[TIME_TEXT] = "";
	char id[DIGEST_HEX];
	json_t *status;

	if (row->created >= p->since && json_array_size(p->rows) > 0 &&
	    (json_array_size(p->rows) == p->limit || p->bytes + row->statement.len > PAGE_BYTES)) {
		p->full = true;
		return RC(RC_LIMIT); /* ends the visit; not an error */
	}
	p->last_seq = row->seq;
	if (row->created < p->since)
		return OK;
	p->bytes += row->statement.len;
	status = json_loadb((const char *)row->status.ptr, row->status.len, 0, NULL);
	rc_ignore(time_format(row->created, when), "empty then");
	digest_hex(&row->id, id);
	return json_array_append_new(
		       p->rows, json_pack("{s:s,s:s,s:o,s:o}", "created", when, "request", id,
					  "statement", json_base64(row->statement), "status",
					  json_is_object(status) ? status : json_object())) == 0
		       ? OK
		       : RC(RC_NOMEM);
}

static rc read_page(struct call_ctx *c, struct store_filter *filter, struct page *p)
{
	struct store *s = c->server->store;

	for (;;) {
		rc r;

		p->last_seq = 0;
		r = s->api->request_list(s, filter, add_row, p, NULL);
		if (r.code != RC_LIMIT)
			TRY(r);
		if (p->full || p->last_seq == 0)
			return OK;
		filter->before = p->last_seq;
	}
}

rc get_history(struct call_ctx *c)
{
	struct store_filter filter = {.limit = STORE_LIST_MAX};
	struct view since = http_target_param(&c->target, "since");
	struct page p = {0};
	json_t *next = json_null();
	uint64_t limit;
	rc r;

	if (since.ptr == NULL || !rc_is_ok(time_parse(since, &p.since)))
		return call_refuse(c, REASON_CALL_FORM, "since: like 2026-11-23T09:00:00Z");
	TRY(call_number(c, "limit", 500, 200, &limit));
	TRY(call_number(c, "after", UINT64_MAX >> 1, 0, &filter.before));
	p.limit = limit == 0 ? 200 : (uint32_t)limit;
	p.rows = json_array();
	r = read_page(c, &filter, &p);
	if (!rc_is_ok(r)) {
		json_decref(p.rows);
		return r;
	}
	if (p.full) {
		char cursor[24];

		(void)snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)p.last_seq);
		next = json_string(cursor);
	}
	return call_json(c, 200, json_pack("{s:o,s:o}", "requests", p.rows, "next", next));
}
