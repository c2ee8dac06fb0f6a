/* Reviews of uses that broke the glass: one row in, one row out. */
#include "prog/keeper/journal_sql.h"

#include <string.h>

const char journal_schema_reviews[] =
	"CREATE TABLE review_owed(authorize INTEGER PRIMARY KEY, request INTEGER NOT NULL,"
	" use INTEGER NOT NULL, key TEXT NOT NULL, due INTEGER NOT NULL, spec BLOB NOT NULL,"
	" never TEXT NOT NULL, done INTEGER NOT NULL) STRICT;"
	"CREATE INDEX review_owed_key ON review_owed(key,due,authorize) WHERE done=0;"
	"CREATE INDEX review_owed_open ON review_owed(authorize) WHERE done=0;"
	"CREATE INDEX review_owed_request ON review_owed(request,authorize);"
	"CREATE TABLE review(leaf INTEGER PRIMARY KEY, authorize INTEGER NOT NULL,"
	" person TEXT NOT NULL, signer BLOB NOT NULL, channel INTEGER NOT NULL,"
	" incident INTEGER NOT NULL, given INTEGER NOT NULL, statement BLOB NOT NULL) STRICT;"
	"CREATE INDEX review_use ON review(authorize,leaf);";

static void bind_name(sqlite3_stmt *s, int at, const struct name *n)
{
	(void)sqlite3_bind_text(s, at, n->s, -1, SQLITE_STATIC);
}

/* ---- What is owed ---------------------------------------------------------------------------*/

/* Names as one text, each with a space behind it. */
static void put_names(struct buf *out, const struct journal_owed *o)
{
	for (size_t i = 0; i < o->never_count; i++)
		buf_printf(out, "%s ", o->never[i].s);
}

static rc get_names(struct view text, struct journal_owed *o)
{
	struct view one;

	while (text.len > 0) {
		if (o->never_count == JOURNAL_REVIEW_NEVER_MAX)
			return RC(RC_LIMIT);
		TRY(view_until(&text, ' ', &one));
		TRY(name_parse(one, &o->never[o->never_count]));
		o->never_count++;
	}
	return OK;
}

rc journal_owed_add(struct journal *j, const struct journal_owed *o, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_OWED_ADD);
	AUTO(buf) struct buf names = {0};

	buf_init(&names, (NAME_MAX_LEN + 2) * JOURNAL_REVIEW_NEVER_MAX);
	put_names(&names, o);
	TRY(buf_done(&names));
	bind_u64(s, 1, o->authorize);
	bind_u64(s, 2, o->request);
	bind_u64(s, 3, o->use);
	bind_name(s, 4, &o->key);
	(void)sqlite3_bind_int64(s, 5, o->due);
	bind_view(s, 6, view_of(o->spec, o->spec_len));
	(void)sqlite3_bind_text(s, 7, names.len == 0 ? "" : (const char *)names.ptr, (int)names.len,
				SQLITE_STATIC);
	return journal_run(j, SQL_OWED_ADD, f);
}

static rc owed_columns(sqlite3_stmt *s, struct journal_owed *o, struct fault *f)
{
	struct view spec = column_view(s, 5);
	uint64_t use = column_u64(s, 2);

	memset(o, 0, sizeof(*o));
	if (!rc_is_ok(name_parse(column_view(s, 3), &o->key)) || use == 0 ||
	    use > REQUEST_USES_MAX || spec.len > sizeof(o->spec) ||
	    !rc_is_ok(get_names(column_view(s, 6), o)))
		return fault_set(f, RC_CORRUPT, 0, "journal: row of a review that is owed");
	o->authorize = column_u64(s, 0);
	o->request = column_u64(s, 1);
	o->use = (uint32_t)use;
	o->due = sqlite3_column_int64(s, 4);
	memcpy(o->spec, spec.ptr, spec.len);
	o->spec_len = spec.len;
	o->done = column_u64(s, 7);
	return OK;
}

static rc owed_one(struct journal *j, enum journal_sql id, struct journal_owed *ret,
		   struct fault *f)
{
	rc r;

	TRY(journal_row(j, id, f));
	r = owed_columns(j->stmt[id], ret, f);
	journal_done(j, id);
	return r;
}

rc journal_owed_get(struct journal *j, uint64_t authorize, struct journal_owed *ret,
		    struct fault *f)
{
	bind_u64(journal_use_stmt(j, SQL_OWED_GET), 1, authorize);
	return owed_one(j, SQL_OWED_GET, ret, f);
}

rc journal_owed_first(struct journal *j, const struct name *key, struct journal_owed *ret,
		      struct fault *f)
{
	bind_name(journal_use_stmt(j, SQL_OWED_FIRST), 1, key);
	return owed_one(j, SQL_OWED_FIRST, ret, f);
}

rc journal_owed_each(struct journal *j, uint64_t request, uint64_t from, uint32_t cap,
		     rc (*each)(void *ctx, const struct journal_owed *o), void *ctx,
		     struct fault *f)
{
	enum journal_sql id = request == 0 ? SQL_OWED_OPEN : SQL_OWED_OF;
	sqlite3_stmt *s = journal_use_stmt(j, id);
	struct journal_owed o;
	rc r;

	bind_u64(s, 1, from);
	bind_u64(s, 2, cap);
	if (request != 0)
		bind_u64(s, 3, request);
	for (;;) {
		r = journal_row(j, id, f);
		if (!rc_is_ok(r))
			break;
		r = owed_columns(s, &o, f);
		if (rc_is_ok(r))
			r = each(ctx, &o);
		if (!rc_is_ok(r))
			break;
	}
	journal_done(j, id);
	return r.code == RC_NOTFOUND ? OK : r;
}

rc journal_owed_count(struct journal *j, uint64_t request, struct journal_owed_sum *ret,
		      struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_OWED_SUM);

	bind_u64(s, 1, request);
	TRY(journal_row(j, SQL_OWED_SUM, f));
	ret->all = (uint32_t)column_u64(s, 0);
	ret->owed = (uint32_t)column_u64(s, 1);
	ret->due = sqlite3_column_int64(s, 2);
	journal_done(j, SQL_OWED_SUM);
	return OK;
}

rc journal_owed_done(struct journal *j, uint64_t authorize, uint64_t leaf, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_OWED_DONE);

	bind_u64(s, 1, leaf);
	bind_u64(s, 2, authorize);
	return journal_run(j, SQL_OWED_DONE, f);
}

/* ---- What was said --------------------------------------------------------------------------*/

rc journal_review_add(struct journal *j, const struct journal_review *r, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_REVIEW_ADD);

	bind_u64(s, 1, r->leaf);
	bind_u64(s, 2, r->authorize);
	bind_name(s, 3, &r->person);
	bind_digest(s, 4, &r->signer);
	bind_u64(s, 5, r->channel);
	bind_u64(s, 6, r->incident ? 1 : 0);
	(void)sqlite3_bind_int64(s, 7, r->given);
	bind_digest(s, 8, &r->statement);
	return journal_run(j, SQL_REVIEW_ADD, f);
}

static rc review_columns(sqlite3_stmt *s, struct journal_review *r, struct fault *f)
{
	uint64_t channel = column_u64(s, 4);

	*r = (struct journal_review){.leaf = column_u64(s, 0),
				     .authorize = column_u64(s, 1),
				     .channel = channel == SSHKEY_BROWSER ? SSHKEY_BROWSER
									  : SSHKEY_CLI,
				     .incident = column_u64(s, 5) != 0,
				     .given = sqlite3_column_int64(s, 6)};
	if (!rc_is_ok(name_parse(column_view(s, 2), &r->person)) || channel != r->channel)
		return fault_set(f, RC_CORRUPT, 0, "journal: row of a review");
	TRY(column_digest(s, 3, &r->signer, f));
	return column_digest(s, 7, &r->statement, f);
}

rc journal_review_list(struct journal *j, uint64_t authorize,
		       struct journal_review out[JOURNAL_REVIEWS_MAX], size_t *ret_count,
		       struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_REVIEW_LIST);
	size_t n = 0;
	rc r;

	bind_u64(s, 1, authorize);
	for (;;) {
		r = journal_row(j, SQL_REVIEW_LIST, f);
		if (!rc_is_ok(r))
			break;
		r = n == JOURNAL_REVIEWS_MAX ? RC(RC_LIMIT) : review_columns(s, &out[n++], f);
		if (!rc_is_ok(r))
			break;
	}
	journal_done(j, SQL_REVIEW_LIST);
	if (r.code != RC_NOTFOUND)
		return r;
	*ret_count = n;
	return OK;
}
