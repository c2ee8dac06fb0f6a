/* store_sqlite_guard - what guards have said, in SQLite. */
#include <stdio.h>
#include <string.h>

#include "lib/codec/hex.h"
#include "lib/codec/jcan.h"
#include "lib/model/field.h"
#include "lib/store/sqlite_db.h"

static struct sqlite_db *db_of(struct store *s)
{
	return (struct sqlite_db *)s;
}

/* ---- Hosts ----------------------------------------------------------------------------------*/

static rc read_host(sqlite3_stmt *st, struct store_guard_host *h)
{
	memset(h, 0, sizeof(*h));
	TRY(column_name(st, 0, &h->host));
	column_text(st, 1, h->run, sizeof(h->run));
	h->seq = column_u64(st, 2);
	h->time = (unix_time)column_u64(st, 3);
	h->heard = (unix_time)column_u64(st, 4);
	h->since = (unix_time)column_u64(st, 5);
	h->dropped = column_u64(st, 6);
	h->digests = column_u64(st, 7);
	h->unkept = column_u64(st, 8);
	h->silent = column_u64(st, 9) != 0;
	column_text(st, 10, h->state.mode, sizeof(h->state.mode));
	column_text(st, 11, h->state.level, sizeof(h->state.level));
	h->state.has_list = column_view(st, 12).len > 0;
	if (h->state.has_list)
		TRY(column_name(st, 12, &h->state.list));
	h->state.serial = column_u64(st, 13);
	return OK;
}

static rc get_host(struct sqlite_db *db, const struct name *host, struct store_guard_host *ret,
		   struct fault *f)
{
	sqlite3_stmt *st;
	bool row = false;
	rc r;

	memset(ret, 0, sizeof(*ret));
	TRY(db_begin(db, SQL_GUARD_HOST_GET, &st, f));
	bind_text(st, 1, host->s);
	r = db_step(db, st, &row, f);
	if (rc_is_ok(r) && row)
		r = read_host(st, ret);
	db_end(db, st);
	return r;
}

static rc put_host(struct sqlite_db *db, const struct store_guard_host *h, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_GUARD_HOST_PUT, &st, f));
	bind_text(st, 1, h->host.s);
	bind_text(st, 2, h->run);
	bind_u64(st, 3, h->seq);
	bind_u64(st, 4, (uint64_t)h->time);
	bind_u64(st, 5, (uint64_t)h->heard);
	bind_u64(st, 6, (uint64_t)h->since);
	bind_u64(st, 7, h->dropped);
	bind_u64(st, 8, h->digests);
	bind_u64(st, 9, h->unkept);
	bind_u64(st, 10, h->silent);
	bind_text(st, 11, h->state.mode);
	bind_text(st, 12, h->state.level);
	bind_text(st, 13, h->state.has_list ? h->state.list.s : "");
	bind_u64(st, 14, h->state.serial);
	return db_run(db, st, f);
}

/* ---- A batch --------------------------------------------------------------------------------*/

struct put {
	struct sqlite_db *db;
	const struct store_guard_limits *limits;
	struct store_guard_host *row;
	uint64_t after; /* events up to here are there */
	struct fault *f;
};

static rc put_event(struct sqlite_db *db, const char *host, const char *kind, unix_time heard,
		    struct view body, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_GUARD_EVENT_PUT, &st, f));
	bind_text(st, 1, host);
	bind_text(st, 2, kind);
	bind_u64(st, 3, (uint64_t)heard);
	bind_blob(st, 4, body);
	return db_run(db, st, f);
}

static rc run_seen(struct put *p, enum sql_id id, const struct guard_event *e)
{
	enum guard_kind kind = guard_kind_of(e->kind);
	/* A host's clock decides no more than its own rows, and not how long those stay. */
	unix_time when = e->time > p->limits->now ? p->limits->now : e->time;
	sqlite3_stmt *st;

	TRY(db_begin(p->db, id, &st, p->f));
	bind_digest(st, 1, &e->sha256);
	bind_text(st, 2, p->row->host.s);
	bind_u64(st, 3, (uint64_t)when);
	bind_u64(st, 4, kind == GUARD_KIND_FIRST_SEEN);
	bind_u64(st, 5, kind == GUARD_KIND_DENIED);
	bind_u64(st, 6, kind == GUARD_KIND_WOULD_DENY);
	bind_text(st, 7, e->path);
	return db_run(p->db, st, p->f);
}

static rc put_seen(struct put *p, const struct guard_event *e)
{
	TRY(run_seen(p, SQL_GUARD_SEEN_UPDATE, e));
	if (db_changes(p->db) > 0)
		return OK;
	if (p->row->digests >= p->limits->digests_max) {
		p->row->unkept++;
		return OK;
	}
	p->row->digests++;
	return run_seen(p, SQL_GUARD_SEEN_INSERT, e);
}

static rc put_one(void *ctx, const struct guard_event *e, struct view bytes)
{
	struct put *p = ctx;
	enum guard_kind kind = guard_kind_of(e->kind);

	if (e->seq <= p->after)
		return OK;
	TRY(put_event(p->db, p->row->host.s, e->kind, p->limits->now, bytes, p->f));
	if ((e->has & GUARD_SHA256) != 0 &&
	    (kind == GUARD_KIND_FIRST_SEEN || kind == GUARD_KIND_DENIED ||
	     kind == GUARD_KIND_WOULD_DENY))
		return put_seen(p, e);
	return OK;
}

static rc cut_events(struct sqlite_db *db, const struct name *host, uint32_t keep, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_GUARD_EVENT_CUT, &st, f));
	bind_text(st, 1, host->s);
	bind_u64(st, 2, keep);
	return db_run(db, st, f);
}

/* The row as it is after the batch, but for what the events count. */
static struct store_guard_host next_row(const struct store_guard_host *before,
					const struct guard_batch *b, const char *run, unix_time now)
{
	struct store_guard_host row = *before;
	bool same = strcmp(before->run, run) == 0;

	row.host = b->host;
	/* Without events, as of a guard that is absent, the run of before may go on. */
	if (b->count > 0 || before->run[0] == '\0') {
		(void)snprintf(row.run, sizeof(row.run), "%s", run);
		row.seq = same && before->seq > b->last ? before->seq : b->last;
	}
	row.time = b->time;
	row.heard = now;
	if (strcmp(before->state.mode, b->state.mode) != 0)
		row.since = now;
	row.dropped = b->dropped;
	row.silent = false;
	row.state = b->state;
	return row;
}

static rc put_batch(struct sqlite_db *db, const struct guard_batch *b,
		    const struct store_guard_limits *limits, struct store_guard_host *before,
		    struct fault *f)
{
	struct store_guard_host row;
	struct put p = {.db = db, .limits = limits, .row = &row, .f = f};
	char run[GUARD_RUN_HEX];
	bool same;

	hex_encode(view_of(b->run, sizeof(b->run)), run);
	TRY(get_host(db, &b->host, before, f));
	same = strcmp(before->run, run) == 0;
	if (b->time < before->time || (!same && b->time == before->time))
		return fault_set(f, RC_STATE, 0,
				 "a batch of a later time was heard from this host already");
	row = next_row(before, b, run, limits->now);
	p.after = same ? before->seq : 0;
	TRY(guard_batch_each(b, put_one, &p));
	TRY(cut_events(db, &b->host, limits->events_max, f));
	return put_host(db, &row, f);
}

rc guard_store_put(struct store *s, const struct guard_batch *b,
		   const struct store_guard_limits *limits, struct store_guard_host *ret_before,
		   struct fault *f)
{
	struct store_guard_host before;
	rc r;

	TRY(db_transaction(db_of(s), f));
	r = put_batch(db_of(s), b, limits, &before, f);
	TRY(db_transaction_end(db_of(s), r, f));
	*ret_before = before;
	return OK;
}

/* ---- Reading --------------------------------------------------------------------------------*/

struct host_visit {
	store_visit_guard_host visit;
	void *ctx;
};

static rc visit_host(sqlite3_stmt *st, void *ctx)
{
	const struct host_visit *v = (const struct host_visit *)ctx;
	struct store_guard_host row;

	TRY(read_host(st, &row));
	return v->visit(v->ctx, &row);
}

rc guard_store_hosts(struct store *s, const struct name *one, const struct name *after,
		     uint32_t limit, store_visit_guard_host visit, void *ctx, struct fault *f)
{
	struct host_visit v = {visit, ctx};
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_GUARD_HOST_LIST, &st, f));
	bind_text(st, 1, one == NULL ? NULL : one->s);
	bind_text(st, 2, after == NULL ? NULL : after->s);
	bind_u64(st, 3, limit);
	return db_each_row(db_of(s), st, visit_host, &v, NULL, f);
}

static rc read_seen(sqlite3_stmt *st, struct store_guard_seen *row)
{
	TRY(column_digest(st, 0, &row->sha256));
	TRY(column_name(st, 1, &row->host));
	row->first = (unix_time)column_u64(st, 2);
	row->last = (unix_time)column_u64(st, 3);
	row->allowed = column_u64(st, 4);
	row->denied = column_u64(st, 5);
	row->would_deny = column_u64(st, 6);
	row->path = column_view(st, 7);
	return OK;
}

struct seen_visit {
	store_visit_guard_seen visit;
	void *ctx;
};

static rc visit_seen(sqlite3_stmt *st, void *ctx)
{
	const struct seen_visit *v = (const struct seen_visit *)ctx;
	struct store_guard_seen row;

	TRY(read_seen(st, &row));
	return v->visit(v->ctx, &row);
}

rc guard_store_seen(struct store *s, const struct digest *sha256, const struct name *after,
		    uint32_t limit, store_visit_guard_seen visit, void *ctx, struct fault *f)
{
	struct seen_visit v = {visit, ctx};
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_GUARD_SEEN_LIST, &st, f));
	bind_digest(st, 1, sha256);
	bind_text(st, 2, after == NULL ? NULL : after->s);
	bind_u64(st, 3, limit);
	return db_each_row(db_of(s), st, visit_seen, &v, NULL, f);
}

struct event_visit {
	store_visit_guard_event visit;
	void *ctx;
};

static rc visit_event(sqlite3_stmt *st, void *ctx)
{
	const struct event_visit *v = (const struct event_visit *)ctx;
	struct store_guard_event row;

	row.id = column_u64(st, 0);
	row.heard = (unix_time)column_u64(st, 2);
	row.body = column_view(st, 3);
	TRY(column_name(st, 1, &row.host));
	return v->visit(v->ctx, &row);
}

rc guard_store_events(struct store *s, const struct store_guard_filter *filter,
		      store_visit_guard_event visit, void *ctx, struct fault *f)
{
	struct event_visit v = {visit, ctx};
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_GUARD_EVENT_LIST, &st, f));
	bind_text(st, 1, filter->host == NULL ? NULL : filter->host->s);
	bind_text(st, 2, filter->kind);
	bind_u64(st, 3, filter->before);
	bind_u64(st, 4, filter->limit);
	return db_each_row(db_of(s), st, visit_event, &v, NULL, f);
}

/* ---- Silence, and the end -------------------------------------------------------------------*/

/* *ret_row: false if there is none that is quiet. */
static rc next_quiet(struct sqlite_db *db, unix_time before, struct store_guard_host *row,
		     bool *ret_row, struct fault *f)
{
	sqlite3_stmt *st;
	rc r;

	TRY(db_begin(db, SQL_GUARD_HOST_QUIET, &st, f));
	bind_u64(st, 1, (uint64_t)before);
	bind_u64(st, 2, 1);
	r = db_step(db, st, ret_row, f);
	if (rc_is_ok(r) && *ret_row)
		r = read_host(st, row);
	db_end(db, st);
	return r;
}

static rc mark_silent(struct sqlite_db *db, struct store_guard_host *row, unix_time now,
		      struct fault *f)
{
	uint8_t memory[256];
	struct jcan_out w;
	struct buf body;
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_GUARD_HOST_SILENT, &st, f));
	bind_text(st, 1, row->host.s);
	TRY(db_run(db, st, f));
	row->silent = true;
	buf_init_fixed(&body, memory, sizeof(memory));
	jcan_out_init(&w, &body);
	jcan_out_object(&w);
	field_out_string(&w, "kind", STORE_GUARD_SILENT);
	field_out_u64(&w, "seq", row->seq);
	field_out_time(&w, "time", now);
	jcan_out_object_end(&w);
	TRY(jcan_out_done(&w));
	return put_event(db, row->host.s, STORE_GUARD_SILENT, now, buf_view(&body), f);
}

rc guard_store_silent(struct store *s, unix_time before, unix_time now,
		      store_visit_guard_host visit, void *ctx, struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	struct store_guard_host row;
	bool found = true;
	rc r = OK;

	TRY(db_transaction(db, f));
	for (size_t i = 0; i < STORE_LIST_MAX && rc_is_ok(r) && found; i++) {
		r = next_quiet(db, before, &row, &found, f);
		if (!rc_is_ok(r) || !found)
			break;
		r = mark_silent(db, &row, now, f);
		if (rc_is_ok(r))
			r = visit(ctx, &row);
	}
	return db_transaction_end(db, r, f);
}

rc guard_store_sweep(struct store *s, unix_time before, struct fault *f)
{
	static const enum sql_id all[] = {SQL_GUARD_EVENT_SWEEP, SQL_GUARD_SEEN_SWEEP,
					  SQL_GUARD_HOST_SWEEP};
	struct sqlite_db *db = db_of(s);
	rc r = OK;

	TRY(db_transaction(db, f));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && rc_is_ok(r); i++) {
		sqlite3_stmt *st;

		r = db_begin(db, all[i], &st, f);
		if (!rc_is_ok(r))
			break;
		bind_u64(st, 1, (uint64_t)before);
		r = db_run(db, st, f);
	}
	return db_transaction_end(db, r, f);
}
