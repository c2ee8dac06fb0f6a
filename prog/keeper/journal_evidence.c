/* Evidence and preapprovals: one row in, one row out. */
#include "prog/keeper/journal_sql.h"

#include <string.h>

_Static_assert(STATEMENT_SCAN == 10 && STATEMENT_REBUILD == 11 && STATEMENT_PROVENANCE == 12,
	       "the order of kinds is part of the schema");

const char journal_schema_evidence[] =
	/* The newest of each maker for each artifact; maker: "b:builder-a", by kind of principal.
	 */
	"CREATE TABLE evidence(artifact BLOB NOT NULL, kind INTEGER NOT NULL, maker TEXT NOT NULL,"
	" leaf INTEGER NOT NULL, given INTEGER NOT NULL, statement BLOB NOT NULL,"
	" signer BLOB NOT NULL, clean INTEGER NOT NULL, name TEXT NOT NULL, detail BLOB NOT NULL,"
	" PRIMARY KEY(artifact,kind,maker)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX evidence_maker ON evidence(maker,leaf);"
	/* 11: STATEMENT_REBUILD */
	"CREATE INDEX evidence_name ON evidence(name,maker,leaf) WHERE kind=11;"
	/* root: as authorize entries name it; statements: their digests, one after the other */
	"CREATE TABLE counted(root BLOB PRIMARY KEY, statements BLOB NOT NULL) STRICT, WITHOUT "
	"ROWID;"
	/* items: digest of the set */
	"CREATE TABLE preapproval(leaf INTEGER PRIMARY KEY, items BLOB NOT NULL,"
	" digest BLOB NOT NULL, person TEXT NOT NULL, signer BLOB NOT NULL,"
	" fingerprint BLOB NOT NULL, rule BLOB NOT NULL, given INTEGER NOT NULL,"
	" expires INTEGER NOT NULL, uses INTEGER NOT NULL,"
	" spent INTEGER NOT NULL CHECK(spent>=0 AND spent<=uses), withdrawn INTEGER NOT NULL,"
	" synced INTEGER NOT NULL) STRICT;"
	"CREATE INDEX preapproval_items ON preapproval(items);";

/* ---- Evidence -------------------------------------------------------------------------------*/

static void bind_name(sqlite3_stmt *s, int at, const char *name)
{
	(void)sqlite3_bind_text(s, at, name, -1, SQLITE_STATIC);
}

rc journal_evidence_put(struct journal *j, const struct journal_evidence *e, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_EVIDENCE_PUT);

	bind_digest(s, 1, &e->artifact);
	bind_u64(s, 2, e->kind);
	bind_name(s, 3, e->maker);
	bind_u64(s, 4, e->leaf);
	(void)sqlite3_bind_int64(s, 5, e->given);
	bind_digest(s, 6, &e->statement);
	bind_digest(s, 7, &e->signer);
	bind_u64(s, 8, e->clean ? 1 : 0);
	bind_name(s, 9, e->name);
	bind_view(s, 10, view_of(e->detail, e->detail_len));
	return journal_run(j, SQL_EVIDENCE_PUT, f);
}

static rc evidence_columns(sqlite3_stmt *s, struct journal_evidence *e, struct fault *f)
{
	uint64_t kind = column_u64(s, 0);
	struct view maker = column_view(s, 1);
	struct view detail = column_view(s, 7);

	if (kind != STATEMENT_SCAN && kind != STATEMENT_REBUILD && kind != STATEMENT_PROVENANCE)
		return fault_set(f, RC_CORRUPT, 0, "journal: kind of evidence");
	if (maker.len < 3 || maker.len > JOURNAL_MAKER_MAX || detail.len > JOURNAL_DETAIL_MAX)
		return fault_set(f, RC_CORRUPT, 0, "journal: maker or detail of evidence");
	e->kind = (enum statement_kind)kind;
	memset(e->maker, 0, sizeof(e->maker));
	memcpy(e->maker, maker.ptr, maker.len);
	e->leaf = column_u64(s, 2);
	e->given = sqlite3_column_int64(s, 3);
	TRY(column_digest(s, 4, &e->statement, f));
	TRY(column_digest(s, 5, &e->signer, f));
	e->clean = column_u64(s, 6) != 0;
	if (detail.len > 0)
		memcpy(e->detail, detail.ptr, detail.len);
	e->detail_len = detail.len;
	return OK;
}

rc journal_evidence_get(struct journal *j, const struct digest *artifact, enum statement_kind kind,
			const char *maker, struct journal_evidence *ret, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_EVIDENCE_GET);
	rc r;

	bind_digest(s, 1, artifact);
	bind_u64(s, 2, kind);
	bind_name(s, 3, maker);
	TRY(journal_row(j, SQL_EVIDENCE_GET, f));
	ret->artifact = *artifact;
	r = evidence_columns(s, ret, f);
	journal_done(j, SQL_EVIDENCE_GET);
	return r;
}

rc journal_evidence_each(struct journal *j, const struct digest *artifact,
			 rc (*each)(void *ctx, const struct journal_evidence *e), void *ctx,
			 struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_EVIDENCE_LIST);
	struct journal_evidence e = {.artifact = *artifact};
	rc r = OK;
	int code;

	bind_digest(s, 1, artifact);
	while (rc_is_ok(r) && (code = sqlite3_step(s)) != SQLITE_DONE) {
		if (code != SQLITE_ROW)
			r = journal_fault(j, code, journal_sql_text[SQL_EVIDENCE_LIST], f);
		else
			r = evidence_columns(s, &e, f);
		if (rc_is_ok(r))
			r = each(ctx, &e);
	}
	journal_done(j, SQL_EVIDENCE_LIST);
	return r;
}

rc journal_rebuild_each(struct journal *j, const char *name, const struct digest *except,
			rc (*each)(void *ctx, const struct journal_evidence *e), void *ctx,
			struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_REBUILD_LIST);
	struct journal_evidence e;
	rc r = OK;
	int code;

	bind_name(s, 1, name);
	bind_digest(s, 2, except);
	while (rc_is_ok(r) && (code = sqlite3_step(s)) != SQLITE_DONE) {
		memset(&e, 0, sizeof(e));
		if (code != SQLITE_ROW)
			r = journal_fault(j, code, journal_sql_text[SQL_REBUILD_LIST], f);
		else
			r = evidence_columns(s, &e, f);
		if (rc_is_ok(r))
			r = column_digest(s, 8, &e.artifact, f);
		if (rc_is_ok(r))
			r = each(ctx, &e);
	}
	journal_done(j, SQL_REBUILD_LIST);
	return r;
}

rc journal_counted_put(struct journal *j, const struct digest *root, const struct digest *list,
		       size_t count, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_COUNTED_PUT);

	bind_digest(s, 1, root);
	bind_view(s, 2, view_of(list->b, count * DIGEST_SIZE));
	return journal_run(j, SQL_COUNTED_PUT, f);
}
_Static_assert(sizeof(struct digest) == DIGEST_SIZE, "digests lie one after the other");

rc journal_counted_get(struct journal *j, const struct digest *root, struct buf *out,
		       struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_COUNTED_GET);
	struct view list;

	bind_digest(s, 1, root);
	TRY(journal_row(j, SQL_COUNTED_GET, f));
	list = column_view(s, 0);
	if (list.len == 0 || list.len % DIGEST_SIZE != 0)
		return fault_set(f, RC_CORRUPT, 0, "journal: evidence that counted");
	buf_put_view(out, list);
	journal_done(j, SQL_COUNTED_GET);
	return buf_done(out);
}

rc journal_evidence_trim(struct journal *j, const char *maker, uint32_t keep, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_EVIDENCE_TRIM);

	bind_name(s, 1, maker);
	bind_u64(s, 2, keep);
	return journal_run(j, SQL_EVIDENCE_TRIM, f);
}

/* ---- Preapprovals ---------------------------------------------------------------------------*/

rc journal_preapproval_add(struct journal *j, const struct journal_preapproval *p, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_PREAPPROVAL_ADD);

	bind_u64(s, 1, p->leaf);
	bind_digest(s, 2, &p->items);
	bind_digest(s, 3, &p->digest);
	bind_name(s, 4, p->person.s);
	bind_digest(s, 5, &p->signer);
	bind_digest(s, 6, &p->fingerprint);
	bind_digest(s, 7, &p->rule);
	(void)sqlite3_bind_int64(s, 8, p->given);
	(void)sqlite3_bind_int64(s, 9, p->expires);
	bind_u64(s, 10, p->uses);
	bind_u64(s, 11, p->synced ? 1 : 0);
	return journal_run(j, SQL_PREAPPROVAL_ADD, f);
}

static rc preapproval_columns(sqlite3_stmt *s, struct journal_preapproval *p, struct fault *f)
{
	memset(p, 0, sizeof(*p));
	p->leaf = column_u64(s, 0);
	TRY(column_digest(s, 1, &p->digest, f));
	if (!rc_is_ok(name_parse(column_view(s, 2), &p->person)))
		return fault_set(f, RC_CORRUPT, 0, "journal: person of a preapproval");
	TRY(column_digest(s, 3, &p->signer, f));
	TRY(column_digest(s, 4, &p->fingerprint, f));
	TRY(column_digest(s, 5, &p->rule, f));
	p->given = sqlite3_column_int64(s, 6);
	p->expires = sqlite3_column_int64(s, 7);
	p->uses = (uint32_t)column_u64(s, 8);
	p->spent = (uint32_t)column_u64(s, 9);
	p->synced = column_u64(s, 10) != 0;
	return OK;
}

rc journal_preapproval_list(struct journal *j, const struct digest *items, unix_time now,
			    struct journal_preapproval *out, size_t cap, size_t *ret_count,
			    struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_PREAPPROVAL_LIST);
	size_t n = 0;
	rc r = OK;
	int code;

	bind_digest(s, 1, items);
	(void)sqlite3_bind_int64(s, 2, now);
	bind_u64(s, 3, cap);
	while (rc_is_ok(r) && n < cap && (code = sqlite3_step(s)) != SQLITE_DONE) {
		if (code != SQLITE_ROW) {
			r = journal_fault(j, code, journal_sql_text[SQL_PREAPPROVAL_LIST], f);
			break;
		}
		r = preapproval_columns(s, &out[n], f);
		out[n++].items = *items;
	}
	journal_done(j, SQL_PREAPPROVAL_LIST);
	TRY(r);
	*ret_count = n;
	return OK;
}

rc journal_preapproval_spend(struct journal *j, uint64_t leaf, struct fault *f)
{
	bind_u64(journal_use_stmt(j, SQL_PREAPPROVAL_SPEND), 1, leaf);
	TRY(journal_run(j, SQL_PREAPPROVAL_SPEND, f));
	if (sqlite3_changes(j->db) != 1)
		return fault_set(f, RC_CORRUPT, 0, "journal: a preapproval has no use left");
	return OK;
}

rc journal_preapproval_withdraw(struct journal *j, uint64_t leaf, const struct name *person,
				struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_PREAPPROVAL_WITHDRAW);

	bind_u64(s, 1, leaf);
	bind_name(s, 2, person->s);
	TRY(journal_run(j, SQL_PREAPPROVAL_WITHDRAW, f));
	return sqlite3_changes(j->db) == 1 ? OK : RC(RC_NOTFOUND);
}
