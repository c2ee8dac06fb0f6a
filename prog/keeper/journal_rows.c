/* Statements, requests, acts, uses, documents and keys: one row in, one row out. */
#include "prog/keeper/journal_sql.h"

#include <string.h>

/* Kinds are stored as numbers. */
_Static_assert(STATEMENT_REQUEST == 0 && STATEMENT_APPROVAL == 2 && STATEMENT_KEYADMIN == 8 &&
		       STATEMENT_HOSTADMIN == 14 && STATEMENT_ENROLMENT == 15 &&
		       STATEMENT_ACCESS == 16 && STATEMENT_RECOVERY == 17 &&
		       STATEMENT_OBJECTION == 18 && STATEMENT_REVIEW == 19 &&
		       STATEMENT__COUNT == 20,
	       "the order of kinds is part of the schema");

/* ---- Statements
 * ----------------------------------------------------------------------------------*/

static uint64_t prefix_of(const struct digest *d)
{
	struct view v = digest_view(d);
	uint64_t prefix = 0;

	rc_ignore(view_u64be(&v, &prefix), "a digest has 32 bytes");
	return prefix;
}

rc journal_statement_add(struct journal *j, const struct journal_statement *st, struct view body,
			 struct view sigs, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_STATEMENT_ADD);

	bind_u64(s, 1, st->leaf);
	bind_u64(s, 2, prefix_of(&st->digest));
	bind_digest(s, 3, &st->digest);
	bind_u64(s, 4, st->kind);
	bind_view(s, 5, sigs);
	bind_view(s, 6, body);
	return journal_run(j, SQL_STATEMENT_ADD, f);
}

static rc statement_columns(sqlite3_stmt *s, struct journal_statement *ret, struct buf *body,
			    struct buf *sigs, struct fault *f)
{
	uint64_t kind = column_u64(s, 2);

	ret->leaf = column_u64(s, 0);
	TRY(column_digest(s, 1, &ret->digest, f));
	if (kind >= STATEMENT__COUNT)
		return fault_set(f, RC_CORRUPT, 0, "journal: statement kind");
	ret->kind = (enum statement_kind)kind;
	if (sigs != NULL) {
		buf_put_view(sigs, column_view(s, 3));
		TRY(buf_done(sigs));
	}
	if (body != NULL) {
		buf_put_view(body, column_view(s, 4));
		TRY(buf_done(body));
	}
	return OK;
}

rc journal_statement_get(struct journal *j, const struct digest *digest,
			 struct journal_statement *ret, struct buf *body, struct buf *sigs,
			 struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_STATEMENT_GET);
	struct journal_statement st = {0};
	rc r;

	bind_u64(s, 1, prefix_of(digest));
	bind_digest(s, 2, digest);
	TRY(journal_row(j, SQL_STATEMENT_GET, f));
	r = statement_columns(s, &st, body, sigs, f);
	journal_done(j, SQL_STATEMENT_GET);
	TRY(r);
	*ret = st;
	return OK;
}

/* ---- Requests
 * ------------------------------------------------------------------------------------*/

/* Reasons are stored by their stable id. */
static void bind_reason(sqlite3_stmt *s, int at, enum reason reason)
{
	(void)sqlite3_bind_text(s, at, reason_id(reason), -1, SQLITE_STATIC);
}

rc journal_request_add(struct journal *j, const struct journal_request *r, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_REQUEST_ADD);

	bind_u64(s, 1, r->leaf);
	bind_digest(s, 2, &r->digest);
	bind_u64(s, 3, r->uses);
	bind_u64(s, 4, r->spent);
	bind_u64(s, 5, r->done);
	(void)sqlite3_bind_int64(s, 6, r->deadline);
	bind_reason(s, 7, r->closed);
	(void)sqlite3_bind_int64(s, 8, r->submitted);
	bind_u64(s, 9, r->released ? 1 : 0);
	return journal_run(j, SQL_REQUEST_ADD, f);
}

static rc request_columns(struct journal *j, enum journal_sql id, struct journal_request *ret,
			  struct fault *f)
{
	sqlite3_stmt *s = j->stmt[id];
	struct journal_request q = {0};
	rc r;

	TRY(journal_row(j, id, f));
	q.leaf = column_u64(s, 0);
	r = column_digest(s, 1, &q.digest, f);
	q.uses = (uint32_t)column_u64(s, 2);
	q.spent = (uint32_t)column_u64(s, 3);
	q.done = (uint32_t)column_u64(s, 4);
	q.deadline = sqlite3_column_int64(s, 5);
	q.submitted = sqlite3_column_int64(s, 7);
	q.released = column_u64(s, 8) != 0;
	if (rc_is_ok(r) && !rc_is_ok(reason_parse(column_view(s, 6), &q.closed)))
		r = fault_set(f, RC_CORRUPT, 0, "journal: reason of a closed request");
	journal_done(j, id);
	TRY(r);
	*ret = q;
	return OK;
}

rc journal_request_get(struct journal *j, const struct digest *digest, struct journal_request *ret,
		       struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_REQUEST_GET);

	bind_u64(s, 1, prefix_of(digest));
	bind_digest(s, 2, digest);
	return request_columns(j, SQL_REQUEST_GET, ret, f);
}

rc journal_request_at(struct journal *j, uint64_t leaf, struct journal_request *ret,
		      struct fault *f)
{
	bind_u64(journal_use_stmt(j, SQL_REQUEST_AT), 1, leaf);
	return request_columns(j, SQL_REQUEST_AT, ret, f);
}

rc journal_request_set(struct journal *j, const struct journal_request *r, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_REQUEST_SET);

	bind_u64(s, 1, r->spent);
	bind_u64(s, 2, r->done);
	bind_reason(s, 3, r->closed);
	bind_u64(s, 4, r->released ? 1 : 0);
	bind_u64(s, 5, r->leaf);
	return journal_run(j, SQL_REQUEST_SET, f);
}

/* ---- Acts
 * ----------------------------------------------------------------------------------------*/

rc journal_act_add(struct journal *j, const struct journal_act *a, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_ACT_ADD);

	bind_u64(s, 1, a->leaf);
	bind_u64(s, 2, a->request);
	bind_u64(s, 3, a->kind);
	bind_digest(s, 4, &a->digest);
	(void)sqlite3_bind_text(s, 5, a->person.s, -1, SQLITE_STATIC);
	bind_digest(s, 6, &a->signer);
	bind_digest(s, 7, &a->rule);
	(void)sqlite3_bind_int64(s, 8, a->given);
	(void)sqlite3_bind_int64(s, 9, a->expires);
	bind_u64(s, 10, a->withdrawn ? 1 : 0);
	bind_u64(s, 11, a->channel);
	bind_u64(s, 12, a->synced ? 1 : 0);
	return journal_run(j, SQL_ACT_ADD, f);
}

static rc act_columns(sqlite3_stmt *s, struct journal_act *a, struct fault *f)
{
	uint64_t kind = column_u64(s, 2);
	uint64_t channel = column_u64(s, 10);

	memset(a, 0, sizeof(*a));
	a->leaf = column_u64(s, 0);
	a->request = column_u64(s, 1);
	if (kind >= STATEMENT__COUNT)
		return fault_set(f, RC_CORRUPT, 0, "journal: kind of an act");
	a->kind = (enum statement_kind)kind;
	TRY(column_digest(s, 3, &a->digest, f));
	if (!rc_is_ok(name_parse(column_view(s, 4), &a->person)))
		return fault_set(f, RC_CORRUPT, 0, "journal: person of an act");
	TRY(column_digest(s, 5, &a->signer, f));
	TRY(column_digest(s, 6, &a->rule, f));
	a->given = sqlite3_column_int64(s, 7);
	a->expires = sqlite3_column_int64(s, 8);
	a->withdrawn = column_u64(s, 9) != 0;
	if (channel != SSHKEY_CLI && channel != SSHKEY_BROWSER)
		return fault_set(f, RC_CORRUPT, 0, "journal: channel of an act");
	a->channel = (enum sshkey_channel)channel;
	a->synced = column_u64(s, 11) != 0;
	return OK;
}

rc journal_act_list(struct journal *j, uint64_t request, struct journal_act *out, size_t cap,
		    size_t *ret_count, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_ACT_LIST);
	size_t n = 0;
	rc r = OK;
	int code;

	bind_u64(s, 1, request);
	while (rc_is_ok(r) && (code = sqlite3_step(s)) != SQLITE_DONE) {
		if (code != SQLITE_ROW)
			r = journal_fault(j, code, journal_sql_text[SQL_ACT_LIST], f);
		else if (n == cap)
			r = fault_set(f, RC_LIMIT, 0, "journal: more than %zu acts", cap);
		else
			r = act_columns(s, &out[n++], f);
	}
	journal_done(j, SQL_ACT_LIST);
	TRY(r);
	*ret_count = n;
	return OK;
}

rc journal_act_withdraw(struct journal *j, uint64_t leaf, struct fault *f)
{
	bind_u64(journal_use_stmt(j, SQL_ACT_WITHDRAW), 1, leaf);
	return journal_run(j, SQL_ACT_WITHDRAW, f);
}

/* ---- Uses and results
 * ------------------------------------------------------------------------------*/

rc journal_use_add(struct journal *j, const struct journal_use *u, const struct name *key,
		   const struct name *requester, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_USE_ADD);

	bind_u64(s, 1, u->authorize);
	bind_u64(s, 2, u->request);
	bind_u64(s, 3, u->use);
	(void)sqlite3_bind_int64(s, 4, u->signed_at);
	bind_digest(s, 5, &u->cert);
	(void)sqlite3_bind_text(s, 6, key->s, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(s, 7, requester->s, -1, SQLITE_STATIC);
	return journal_run(j, SQL_USE_ADD, f);
}

rc journal_use_nth(struct journal *j, const struct name *key, const struct name *requester,
		   struct use_nth nth, unix_time *ret, struct fault *f)
{
	enum journal_sql id = requester == NULL ? SQL_USE_NTH_OF_KEY : SQL_USE_NTH_OF_REQUESTER;
	sqlite3_stmt *s = journal_use_stmt(j, id);
	int at = 1;

	(void)sqlite3_bind_text(s, at++, key->s, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, at++, nth.after);
	if (requester != NULL)
		(void)sqlite3_bind_text(s, at++, requester->s, -1, SQLITE_STATIC);
	bind_u64(s, at, nth.n - 1);
	TRY(journal_row(j, id, f));
	*ret = sqlite3_column_int64(s, 0);
	journal_done(j, id);
	return OK;
}

static rc use_columns(struct journal *j, enum journal_sql id, struct journal_use *ret,
		      struct fault *f)
{
	sqlite3_stmt *s = j->stmt[id];
	struct journal_use u = {0};
	rc r;

	TRY(journal_row(j, id, f));
	u.authorize = column_u64(s, 0);
	u.request = column_u64(s, 1);
	u.use = (uint32_t)column_u64(s, 2);
	u.signed_at = sqlite3_column_int64(s, 3);
	r = column_digest(s, 4, &u.cert, f);
	u.done = sqlite3_column_type(s, 5) != SQLITE_NULL;
	u.issue = column_u64(s, 5);
	journal_done(j, id);
	TRY(r);
	*ret = u;
	return OK;
}

rc journal_use_get(struct journal *j, uint64_t request, uint32_t use, struct journal_use *ret,
		   struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_USE_GET);

	bind_u64(s, 1, request);
	bind_u64(s, 2, use);
	return use_columns(j, SQL_USE_GET, ret, f);
}

rc journal_use_pending(struct journal *j, uint64_t from, struct journal_use *ret, struct fault *f)
{
	bind_u64(journal_use_stmt(j, SQL_USE_PENDING), 1, from);
	return use_columns(j, SQL_USE_PENDING, ret, f);
}

rc journal_result_add(struct journal *j, const struct journal_use *u, struct view signatures,
		      struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_USE_DONE);

	bind_u64(s, 1, u->issue);
	bind_u64(s, 2, u->authorize);
	TRY(journal_run(j, SQL_USE_DONE, f));
	if (sqlite3_changes(j->db) != 1)
		return fault_set(f, RC_CORRUPT, 0, "journal: use %u has a result", u->use);
	s = journal_use_stmt(j, SQL_RESULT_ADD);
	bind_u64(s, 1, u->issue);
	bind_view(s, 2, signatures);
	return journal_run(j, SQL_RESULT_ADD, f);
}

rc journal_result_get(struct journal *j, uint64_t issue, struct buf *signatures, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_RESULT_GET);

	bind_u64(s, 1, issue);
	TRY(journal_row(j, SQL_RESULT_GET, f));
	buf_put_view(signatures, column_view(s, 0));
	journal_done(j, SQL_RESULT_GET);
	return buf_done(signatures);
}

/* ---- Documents, keys
 * ---------------------------------------------------------------------------*/

rc journal_document_add(struct journal *j, const struct journal_document *d, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_DOCUMENT_ADD);

	bind_u64(s, 1, d->kind);
	bind_u64(s, 2, d->version);
	bind_u64(s, 3, d->leaf);
	bind_digest(s, 4, &d->digest);
	return journal_run(j, SQL_DOCUMENT_ADD, f);
}

/* The one row of a prepared statement whose columns are a statement's. */
static rc statement_row(struct journal *j, enum journal_sql id, struct journal_statement *ret,
			struct buf *body, struct buf *sigs, struct fault *f)
{
	struct journal_statement st = {0};
	rc r;

	TRY(journal_row(j, id, f));
	r = statement_columns(j->stmt[id], &st, body, sigs, f);
	journal_done(j, id);
	TRY(r);
	*ret = st;
	return OK;
}

rc journal_document_get(struct journal *j, enum statement_kind kind, struct journal_statement *ret,
			struct buf *body, struct buf *sigs, struct fault *f)
{
	bind_u64(journal_use_stmt(j, SQL_DOCUMENT_GET), 1, kind);
	return statement_row(j, SQL_DOCUMENT_GET, ret, body, sigs, f);
}

rc journal_document_find(struct journal *j, const struct digest *document,
			 struct journal_statement *ret, struct buf *body, struct buf *sigs,
			 struct fault *f)
{
	bind_digest(journal_use_stmt(j, SQL_DOCUMENT_FIND), 1, document);
	return statement_row(j, SQL_DOCUMENT_FIND, ret, body, sigs, f);
}

rc journal_key_put(struct journal *j, const struct name *name, struct view record, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_KEY_PUT);

	(void)sqlite3_bind_text(s, 1, name->s, -1, SQLITE_STATIC);
	bind_view(s, 2, record);
	return journal_run(j, SQL_KEY_PUT, f);
}

rc journal_key_each(struct journal *j,
		    rc (*key)(void *ctx, const struct name *name, struct view record,
			      struct fault *f),
		    void *ctx, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_KEY_EACH);
	struct name name;
	rc r = OK;
	int code;

	while (rc_is_ok(r) && (code = sqlite3_step(s)) != SQLITE_DONE) {
		if (code != SQLITE_ROW)
			r = journal_fault(j, code, journal_sql_text[SQL_KEY_EACH], f);
		else if (!rc_is_ok(name_parse(column_view(s, 0), &name)))
			r = fault_set(f, RC_CORRUPT, 0, "journal: name of a key");
		else
			r = key(ctx, &name, column_view(s, 1), f);
	}
	journal_done(j, SQL_KEY_EACH);
	return r;
}

/* ---- Certificate requests ------------------------------------------------------------------- */

rc journal_csr_add(struct journal *j, unix_time now, unix_time before, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_CSR_PURGE);

	(void)sqlite3_bind_int64(s, 1, before);
	TRY(journal_run(j, SQL_CSR_PURGE, f));
	s = journal_use_stmt(j, SQL_CSR_ADD);
	(void)sqlite3_bind_int64(s, 1, now);
	return journal_run(j, SQL_CSR_ADD, f);
}

rc journal_csr_count(struct journal *j, unix_time after, unsigned *ret, unix_time *ret_first,
		     struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_CSR_COUNT);

	(void)sqlite3_bind_int64(s, 1, after);
	TRY(journal_row(j, SQL_CSR_COUNT, f));
	*ret = (unsigned)column_u64(s, 0);
	*ret_first = sqlite3_column_int64(s, 1);
	journal_done(j, SQL_CSR_COUNT);
	return OK;
}
