/* guard_view - what guards have reported, for the people of the roster. */
#include <string.h>

#include "lib/model/field.h"
#include "lib/model/guard_batch.h"
#include "prog/server/routes.h"

#define PAGE_DEFAULT 100u

static void put_time(json_t *o, const char *name, unix_time t)
{
	char when[TIME_TEXT];

	if (t > 0 && rc_is_ok(time_format(t, when)))
		(void)json_object_set_new(o, name, json_string(when));
}

static void put_number(json_t *o, const char *name, uint64_t n)
{
	(void)json_object_set_new(o, name, json_integer((json_int_t)n));
}

/* A page's rows; the last one's name or number is where the next page begins. */
struct page {
	json_t *rows;
	uint64_t limit;
	char last[NAME_MAX_LEN + 1];
	uint64_t last_id;
};

static rc add(struct page *p, json_t *row)
{
	return json_array_append_new(p->rows, row) == 0 ? OK : RC(RC_NOMEM);
}

static rc read_limit(struct call_ctx *c, struct page *p)
{
	TRY(call_number(c, "limit", STORE_LIST_MAX, PAGE_DEFAULT, &p->limit));
	if (p->limit == 0)
		p->limit = PAGE_DEFAULT;
	p->rows = json_array();
	return p->rows == NULL ? RC(RC_NOMEM) : OK;
}

/* A query parameter that is a name; *ret_has: it is there. */
static rc name_param(struct call_ctx *c, const char *param, struct name *ret, bool *ret_has)
{
	struct view v = http_target_param(&c->target, param);

	*ret_has = v.ptr != NULL;
	if (*ret_has && !rc_is_ok(name_parse(v, ret)))
		return call_refuse(c, REASON_CALL_FORM, "%s is a host's name", param);
	return OK;
}

/* Ends the page: takes rows. */
static rc answer(struct call_ctx *c, struct page *p, const char *member, rc r)
{
	bool full = json_array_size(p->rows) == p->limit;
	json_t *next = json_null();

	if (!rc_is_ok(r)) {
		json_decref(p->rows);
		return r;
	}
	if (full && p->last[0] != '\0')
		next = json_string(p->last);
	else if (full && p->last_id > 0)
		next = json_sprintf("%llu", (unsigned long long)p->last_id);
	return call_json(c, 200, json_pack("{s:o,s:o}", member, p->rows, "next", next));
}

/* ---- Hosts ----------------------------------------------------------------------------------*/

static rc add_host(void *ctx, const struct store_guard_host *h)
{
	struct page *p = ctx;
	json_t *o = json_pack("{s:s,s:s,s:s,s:b}", "host", h->host.s, "mode", h->state.mode,
			      "level", h->state.level, "silent", h->silent);

	put_time(o, "heard", h->heard);
	put_time(o, "since", h->since);
	put_number(o, "dropped", h->dropped);
	put_number(o, "digests", h->digests);
	put_number(o, "unkept", h->unkept);
	if (h->state.has_list) {
		(void)json_object_set_new(o, "list", json_string(h->state.list.s));
		put_number(o, "serial", h->state.serial);
	}
	(void)snprintf(p->last, sizeof(p->last), "%s", h->host.s);
	return add(p, o);
}

rc get_guard_hosts(struct call_ctx *c)
{
	struct store *s = c->server->store;
	struct name one, after;
	bool has_one, has_after;
	struct page p = {0};

	TRY(name_param(c, "host", &one, &has_one));
	TRY(name_param(c, "after", &after, &has_after));
	TRY(read_limit(c, &p));
	return answer(c, &p, "hosts",
		      s->api->guard_hosts(s, has_one ? &one : NULL, has_after ? &after : NULL,
					  (uint32_t)p.limit, add_host, &p, NULL));
}

/* ---- Who ran a content ----------------------------------------------------------------------*/

static rc add_seen(void *ctx, const struct store_guard_seen *row)
{
	struct page *p = ctx;
	json_t *o = json_pack("{s:s}", "host", row->host.s);

	put_time(o, "first", row->first);
	put_time(o, "last", row->last);
	put_number(o, "allowed", row->allowed);
	put_number(o, "denied", row->denied);
	put_number(o, "would_deny", row->would_deny);
	if (row->path.len > 0)
		(void)json_object_set_new(o, "path",
					  json_stringn((const char *)row->path.ptr, row->path.len));
	(void)snprintf(p->last, sizeof(p->last), "%s", row->host.s);
	return add(p, o);
}

rc get_guard_digest(struct call_ctx *c)
{
	struct store *s = c->server->store;
	struct digest sha256;
	struct name after;
	bool has_after;
	struct page p = {0};

	TRY(call_digest(c, 3, &sha256));
	TRY(name_param(c, "after", &after, &has_after));
	TRY(read_limit(c, &p));
	return answer(c, &p, "hosts",
		      s->api->guard_seen(s, &sha256, has_after ? &after : NULL, (uint32_t)p.limit,
					 add_seen, &p, NULL));
}

/* ---- Events ---------------------------------------------------------------------------------*/

static rc add_event(void *ctx, const struct store_guard_event *row)
{
	struct page *p = ctx;
	json_t *o = json_loadb((const char *)row->body.ptr, row->body.len, JSON_REJECT_DUPLICATES,
			       NULL);

	if (!json_is_object(o)) {
		json_decref(o);
		return RC(RC_CORRUPT);
	}
	(void)json_object_set_new(o, "host", json_string(row->host.s));
	put_time(o, "heard", row->heard);
	p->last_id = row->id;
	return add(p, o);
}

rc get_guard_events(struct call_ctx *c)
{
	struct store *s = c->server->store;
	struct view kind = http_target_param(&c->target, "kind");
	struct store_guard_filter filter = {0};
	char word[GUARD_WORD_MAX + 1];
	struct page p = {0};
	struct name host;
	bool has_host;

	TRY(name_param(c, "host", &host, &has_host));
	TRY(call_number(c, "after", UINT64_MAX >> 1, 0, &filter.before));
	if (kind.ptr != NULL && (kind.len > GUARD_WORD_MAX || !rc_is_ok(token_check(kind))))
		return call_refuse(c, REASON_CALL_FORM, "kind is a word, like denied");
	if (kind.ptr != NULL) {
		memcpy(word, kind.ptr, kind.len);
		word[kind.len] = '\0';
		filter.kind = word;
	}
	TRY(read_limit(c, &p));
	filter.host = has_host ? &host : NULL;
	filter.limit = (uint32_t)p.limit;
	return answer(c, &p, "events", s->api->guard_events(s, &filter, add_event, &p, NULL));
}
