/* requests - lists and single requests, for people; every status comes from the keeper. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/policy/quorum.h"
#include "prog/server/auth.h"
#include "prog/server/claims.h"
#include "prog/server/pipeline.h"
#include "prog/server/routes.h"
#include "prog/server/tasks.h"

/* Rows are copied out of the store's visit, since a visitor must not call the store. */
static json_t *row_json(const struct store_request *row)
{
	json_t *o = json_loadb((const char *)row->status.ptr, row->status.len, 0, NULL);
	json_t *names = json_loadb((const char *)row->names.ptr, row->names.len, 0, NULL);
	char id[DIGEST_HEX];
	char when[TIME_TEXT] = "";
	char not_before[TIME_TEXT] = "";
	char deadline[TIME_TEXT] = "";

	if (!json_is_object(o)) {
		json_decref(o);
		o = json_object();
	}
	digest_hex(&row->id, id);
	rc_ignore(time_format(row->created, when), "empty then");
	rc_ignore(time_format(row->not_before, not_before), "empty then");
	rc_ignore(time_format(row->deadline, deadline), "empty then");
	(void)json_object_set_new(o, "request", json_string(id));
	(void)json_object_set_new(o, "created", json_string(when));
	(void)json_object_set_new(o, "not_before", json_string(not_before));
	(void)json_object_set_new(o, "deadline", json_string(deadline));
	(void)json_object_set_new(o, "requester", json_string(row->requester.s));
	(void)json_object_set_new(o, "host", json_string(row->host.s));
	(void)json_object_set_new(o, "key", json_string(row->key.s));
	(void)json_object_set_new(o, "items", json_integer(row->items));
	(void)json_object_set_new(o, "state", json_string(row->state));
	(void)json_object_set_new(o, "names", names == NULL ? json_array() : names);
	return o;
}

/* What a list looks for. */
struct listing {
	json_t *rows;
	const struct principal *person; /* inbox of this person, or NULL */
	const struct roster *roster;	/* with person */
	unix_time now;
	uint32_t limit;
	uint64_t last_seq;
	bool full;
};

/* Whether one of the missing seats is one this person could fill with a key they have, who is not
 * the requester nor behind the service that is, and has not approved. Nothing waits any more once
 * it is closed or its deadline is over; the latter the store's row may not know yet. */
static bool waits_for(const struct store_request *row, const struct listing *l)
{
	const struct principal *person = l->person;
	const struct principal *service = roster_service(l->roster, &row->requester);
	AUTO(json)
	json_t *missing = json_loadb((const char *)row->missing.ptr, row->missing.len, 0, NULL);
	AUTO(json)
	json_t *approvers =
		json_loadb((const char *)row->approvers.ptr, row->approvers.len, 0, NULL);
	const json_t *v;
	size_t i;

	if (strcmp(row->state, "open") != 0 || l->now > row->deadline ||
	    (service != NULL && roster_is_behind(service, person, "")) ||
	    name_is_equal(&row->requester, &person->name))
		return false;
	json_array_foreach(approvers, i,
			   v) if (json_is_string(v) &&
				  name_is(&person->name, json_string_value(v))) return false;
	json_array_foreach(missing, i, v)
	{
		struct seat seat;

		if (!json_is_string(v) ||
		    !rc_is_ok(seat_parse(view_str(json_string_value(v)), &seat)))
			continue;
		if (quorum_holds_seat(&(struct quorum_spec){&seat, 1}, person, person->channels))
			return true;
	}
	return false;
}

static rc list_row(void *ctx, const struct store_request *row)
{
	struct listing *l = ctx;

	if (json_array_size(l->rows) == l->limit) {
		l->full = true;
		return RC(RC_LIMIT); /* ends the visit; not an error */
	}
	l->last_seq = row->seq;
	if (l->person != NULL && !waits_for(row, l))
		return OK;
	return json_array_append_new(l->rows, row_json(row)) == 0 ? OK : RC(RC_NOMEM);
}

/* Pages through the store until the list is full or the store ends. */
static rc list(struct call_ctx *c, struct store_filter *filter, struct listing *l)
{
	struct store *s = c->server->store;

	for (;;) {
		uint64_t before = filter->before;
		rc r;

		l->last_seq = 0;
		r = s->api->request_list(s, filter, list_row, l, NULL);
		if (r.code != RC_LIMIT)
			TRY(r);
		if (l->full || l->last_seq == 0 || l->last_seq == before)
			return OK;
		filter->before = l->last_seq;
	}
}

/* A name, or "me" where it is a person's. */
static rc name_param(struct call_ctx *c, const char *param, struct name *out,
		     const struct name **ret)
{
	struct view v = http_target_param(&c->target, param);

	*ret = NULL;
	if (v.ptr == NULL)
		return OK;
	if (view_is(v, "me") && (strcmp(param, "requester") == 0 || strcmp(param, "for") == 0))
		*out = c->person;
	else if (!rc_is_ok(name_parse(v, out)))
		return call_refuse(c, REASON_CALL_FORM, "%s is not a name", param);
	*ret = out;
	return OK;
}

static rc answer_list(struct call_ctx *c, struct store_filter *filter, struct listing *l)
{
	json_t *next = json_null();
	rc r = list(c, filter, l);

	if (!rc_is_ok(r)) {
		json_decref(l->rows);
		return r;
	}
	if (l->full) {
		char cursor[24];

		(void)snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)l->last_seq);
		next = json_string(cursor);
	}
	return call_json(c, 200, json_pack("{s:o,s:o}", "requests", l->rows, "next", next));
}

/* Rows of a page, and the cursor of the one before. */
static rc page_params(struct call_ctx *c, uint64_t *ret_limit, uint64_t *ret_before)
{
	TRY(call_number(c, "limit", 500, 50, ret_limit));
	if (*ret_limit == 0)
		*ret_limit = 50;
	return call_number(c, "after", UINT64_MAX >> 1, 0, ret_before);
}

rc get_requests(struct call_ctx *c)
{
	struct store_filter filter = {.limit = STORE_LIST_MAX};
	struct listing l = {.now = clock_now(&clock_system)};
	struct roster_ref *roster = NULL;
	struct view state = http_target_param(&c->target, "state");
	static const char *const states[] = {"open", "committed", "done", "closed"};
	struct name requester;
	struct name key;
	struct name product;
	struct name person;
	const struct name *inbox;
	uint64_t limit;
	rc r;

	TRY(page_params(c, &limit, &filter.before));
	TRY(name_param(c, "requester", &requester, &filter.requester));
	TRY(name_param(c, "key", &key, &filter.key));
	TRY(name_param(c, "product", &product, &filter.product));
	TRY(name_param(c, "for", &person, &inbox));
	for (size_t i = 0; state.ptr != NULL && i < 4; i++)
		if (view_is(state, states[i]))
			filter.state = states[i];
	if (state.ptr != NULL && filter.state == NULL)
		return call_refuse(c, REASON_CALL_FORM, "state: open, committed, done or closed");
	l.limit = (uint32_t)limit;
	if (inbox != NULL) {
		TRY(roster_take(c, &roster));
		l.roster = roster->roster;
		l.person = roster_person(roster->roster, inbox);
	}
	l.rows = json_array();
	if (inbox != NULL && l.person == NULL)
		r = call_json(c, 200, json_pack("{s:o,s:n}", "requests", l.rows, "next"));
	else
		r = answer_list(c, &filter, &l);
	if (roster != NULL)
		roster_drop(c->server, roster);
	return r;
}

rc get_search(struct call_ctx *c)
{
	struct store_filter filter = {.limit = STORE_LIST_MAX};
	struct listing l = {0};
	struct view v = http_target_param(&c->target, "digest");
	struct digest d;
	uint64_t limit;

	if (v.ptr == NULL || !rc_is_ok(digest_parse(v, &d)))
		return call_refuse(c, REASON_CALL_FORM, "digest must be 64 hex digits");
	TRY(page_params(c, &limit, &filter.before));
	l.limit = (uint32_t)limit;
	filter.artifact = &d;
	l.rows = json_array();
	return answer_list(c, &filter, &l);
}

/* ---- One request ---- */

static rc take_row(void *ctx, const struct store_request *row)
{
	json_t *o = ctx;
	json_t *sigs = json_pack("{s:o,s:o}", "requester", json_base64(row->requester_sig), "host",
				 json_base64(row->host_sig));

	(void)json_object_set_new(o, "statement", json_base64(row->statement));
	(void)json_object_set_new(o, "signatures", sigs);
	(void)json_object_set_new(o, "version", json_integer((json_int_t)row->version));
	return OK;
}

static json_t *hex_or_null(bool has, const struct digest *d)
{
	char hex[DIGEST_HEX];

	if (!has)
		return json_null();
	digest_hex(d, hex);
	return json_string(hex);
}

static rc take_note(void *ctx, const struct store_note *row)
{
	json_t *o = json_pack("{s:i,s:o,s:o,s:o}", "item", (int)row->n, "report",
			      hex_or_null(true, &row->report), "diff",
			      hex_or_null(row->has_diff, &row->diff), "previous",
			      hex_or_null(row->has_previous, &row->previous));

	return json_array_append_new(ctx, o) == 0 ? OK : RC(RC_NOMEM);
}

rc get_request(struct call_ctx *c)
{
	struct store *s = c->server->store;
	json_t *o = json_object();
	json_t *reports = json_array();
	json_t *status = NULL;
	struct digest id;
	uint64_t version;
	rc r;

	(void)json_object_set_new(o, "reports", reports);
	r = call_digest(c, 2, &id);
	if (rc_is_ok(r))
		r = request_known(c, &id);
	if (rc_is_ok(r) && reports_are_missing(c, &id)) {
		if (task_is_slow(c)) {
			json_decref(o);
			return OK;
		}
		reports_restore(c, &id);
	}
	if (rc_is_ok(r))
		r = status_fetch(c, &id, &status, &version);
	if (rc_is_ok(r)) {
		(void)json_object_set_new(o, "status", status);
		r = s->api->request_get(s, &id, take_row, o, NULL);
	}
	if (rc_is_ok(r))
		r = s->api->note_list(s, &id, take_note, reports, NULL);
	if (rc_is_ok(r))
		(void)json_object_set_new(o, "claims", claims_of(c, &id));
	if (!rc_is_ok(r)) {
		json_decref(o);
		return r;
	}
	return call_json(c, 200, o);
}

rc get_request_wait(struct call_ctx *c)
{
	unix_time now = clock_now(&clock_system);
	json_t *status = NULL;
	struct digest id;
	uint64_t since;
	uint64_t timeout;
	uint64_t version;

	TRY(call_digest(c, 2, &id));
	TRY(call_number(c, "since", UINT64_MAX >> 1, 0, &since));
	TRY(call_number(c, "timeout", 60, 25, &timeout));
	TRY(request_known(c, &id));
	if (c->until == 0 && !c->parked && c->since == 0) {
		c->until = now + (unix_time)timeout;
		c->since = 1; /* the first look has been taken */
	}
	TRY(status_fetch(c, &id, &status, &version));
	if (version > since || now >= c->until)
		return call_json(
			c, 200,
			json_pack("{s:o,s:I}", "status", status, "version", (json_int_t)version));
	json_decref(status);
	c->waits_for = id;
	c->parked = true;
	return OK;
}
