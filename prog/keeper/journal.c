/* The file, its transactions and the log in it. The other tables: journal_rows.c. */
#include "prog/keeper/journal_sql.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define WAL_IDLE_PAGES 256  /* checkpoint when there is nothing else to do */
#define WAL_MAX_PAGES 16384 /* 64 MiB: checkpoint even under load */

static rc exec(struct journal *j, const char *sql, const char *what, struct fault *f)
{
	int code = sqlite3_exec(j->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? OK : journal_fault(j, code, what, f);
}

static int wal_hook(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct journal *j = (struct journal *)ctx;

	(void)db;
	(void)name;
	j->wal_pages = pages;
	return SQLITE_OK;
}

static rc open_db(const char *path, int flags, struct journal **ret, struct fault *f)
{
	AUTO(journal) struct journal *j = calloc(1, sizeof(*j));
	int code;

	if (j == NULL)
		return fault_set(f, RC_NOMEM, 0, "journal");
	code = sqlite3_open_v2(path, &j->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
			       NULL);
	if (code != SQLITE_OK)
		return journal_fault(j, code, "open", f);
	(void)sqlite3_extended_result_codes(j->db, 1);
	TRY(exec(j, journal_pragmas, "pragmas", f));
	/* After them: wal_autocheckpoint, even of 0, takes the hook away. */
	(void)sqlite3_wal_hook(j->db, wal_hook, j);
	*ret = j;
	j = NULL;
	return OK;
}

static rc first_rows(struct journal *j, const struct journal_identity *id, struct fault *f)
{
	struct compact empty;
	struct digest root = tree_empty_root();
	AUTO(buf) struct buf tree = {0};
	sqlite3_stmt *s;
	int code;

	compact_init(&empty);
	buf_init(&tree, 64);
	compact_encode(&empty, &tree);
	TRY(buf_done(&tree));
	code = sqlite3_prepare_v2(j->db,
				  "INSERT INTO identity(id,origin,epoch,vkey,token)"
				  " VALUES(1,?,?,?,?)",
				  -1, &s, NULL);
	if (code != SQLITE_OK)
		return journal_fault(j, code, "identity", f);
	(void)sqlite3_bind_text(s, 1, id->origin, -1, SQLITE_STATIC);
	bind_u64(s, 2, id->epoch);
	(void)sqlite3_bind_text(s, 3, id->vkey, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(s, 4, id->token.s, -1, SQLITE_STATIC);
	code = sqlite3_step(s);
	(void)sqlite3_finalize(s);
	if (code != SQLITE_DONE)
		return journal_fault(j, code, "identity", f);
	code = sqlite3_prepare_v2(j->db,
				  "INSERT INTO head(id,size,root,tree,time,published_size,"
				  "published_root,note) VALUES(1,0,?,?,0,0,?,x'')",
				  -1, &s, NULL);
	if (code != SQLITE_OK)
		return journal_fault(j, code, "head", f);
	bind_digest(s, 1, &root);
	bind_view(s, 2, buf_view(&tree));
	bind_digest(s, 3, &root);
	code = sqlite3_step(s);
	(void)sqlite3_finalize(s);
	return code == SQLITE_DONE ? OK : journal_fault(j, code, "head", f);
}

rc journal_create(const char *path, const struct journal_identity *id, struct fault *f)
{
	AUTO(journal) struct journal *j = NULL;
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fault_errno(f, errno, "%s", path);
	fd_close(&fd);
	TRY(open_db(path, SQLITE_OPEN_READWRITE, &j, f));
	TRY(exec(j, journal_schema, "schema", f));
	TRY(exec(j, journal_schema_evidence, "schema of evidence", f));
	TRY(exec(j, journal_schema_hosts, "schema", f));
	TRY(exec(j, journal_schema_waiting, "schema", f));
	TRY(exec(j, journal_schema_issuers, "schema", f));
	TRY(exec(j, journal_schema_access, "schema", f));
	TRY(exec(j, journal_schema_reviews, "schema", f));
	TRY(exec(j, journal_schema_tokens, "schema of tokens", f));
	TRY(first_rows(j, id, f));
	/* Last, so that a file with a version is a whole one. */
	TRY(exec(j, "PRAGMA user_version=6", "version", f));
	return exec(j, "PRAGMA wal_checkpoint(TRUNCATE)", "checkpoint", f);
}
_Static_assert(JOURNAL_VERSION == 6, "user_version above");

static rc check_version(struct journal *j, struct fault *f)
{
	sqlite3_stmt *s;
	int code = sqlite3_prepare_v2(j->db, "PRAGMA user_version", -1, &s, NULL);
	int version = -1;

	if (code != SQLITE_OK)
		return journal_fault(j, code, "version", f);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		version = sqlite3_column_int(s, 0);
	(void)sqlite3_finalize(s);
	if (code != SQLITE_ROW)
		return journal_fault(j, code, "version", f);
	if (version != JOURNAL_VERSION)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "journal: schema version %d, this program reads and writes %d "
				 "alone; run the program that made it, or start a new origin",
				 version, JOURNAL_VERSION);
	return OK;
}

rc journal_open(const char *path, bool read_only, struct journal **ret, struct fault *f)
{
	AUTO(journal) struct journal *j = NULL;

	if (access(path, F_OK) != 0)
		return fault_errno(f, errno, "%s", path);
	TRY(open_db(path, read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, &j, f));
	TRY(check_version(j, f));
	for (int i = 0; i < SQL__COUNT; i++) {
		int code = sqlite3_prepare_v3(j->db, journal_sql_text[i], -1,
					      SQLITE_PREPARE_PERSISTENT, &j->stmt[i], NULL);

		if (code != SQLITE_OK)
			return journal_fault(j, code, journal_sql_text[i], f);
	}
	if (!read_only) {
		/* Takes the exclusive lock now and not at the first request. */
		TRY(journal_begin(j, f));
		TRY(journal_run(j, SQL_COMMIT, f));
	}
	*ret = j;
	j = NULL;
	return OK;
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	for (int i = 0; i < SQL__COUNT; i++)
		(void)sqlite3_finalize(j->stmt[i]);
	(void)sqlite3_close(j->db);
	free(j);
}

static void copy_text(sqlite3_stmt *s, int at, char *out, size_t cap)
{
	struct view v = column_view(s, at);
	size_t n = v.len < cap ? v.len : cap - 1;

	memcpy(out, v.ptr, n);
	out[n] = '\0';
}

rc journal_identity_get(struct journal *j, struct journal_identity *ret, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_IDENTITY_GET);
	struct journal_identity id = {0};
	rc r;

	TRY(journal_row(j, SQL_IDENTITY_GET, f));
	copy_text(s, 0, id.origin, sizeof(id.origin));
	id.epoch = column_u64(s, 1);
	copy_text(s, 2, id.vkey, sizeof(id.vkey));
	r = name_parse(column_view(s, 3), &id.token);
	journal_done(j, SQL_IDENTITY_GET);
	if (!rc_is_ok(r))
		return fault_set(f, RC_CORRUPT, 0, "journal: token name");
	*ret = id;
	return OK;
}

static rc head_columns(sqlite3_stmt *s, struct journal_head *h, struct fault *f)
{
	struct view note = column_view(s, 4);

	if (!rc_is_ok(compact_parse(column_view(s, 0), &h->tree)))
		return fault_set(f, RC_CORRUPT, 0, "journal: compact range");
	h->time = sqlite3_column_int64(s, 1);
	h->published.size = column_u64(s, 2);
	TRY(column_digest(s, 3, &h->published.root, f));
	if (note.len > sizeof(h->note))
		return fault_set(f, RC_CORRUPT, 0, "journal: checkpoint of %zu bytes", note.len);
	if (note.len > 0)
		memcpy(h->note, note.ptr, note.len);
	h->note_len = note.len;
	return OK;
}

rc journal_head_get(struct journal *j, struct journal_head *ret, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_HEAD_GET);
	struct journal_head h = {0};
	rc r;

	TRY(journal_row(j, SQL_HEAD_GET, f));
	r = head_columns(s, &h, f);
	journal_done(j, SQL_HEAD_GET);
	TRY(r);
	*ret = h;
	return OK;
}

rc journal_begin(struct journal *j, struct fault *f)
{
	(void)journal_use_stmt(j, SQL_BEGIN);
	return journal_run(j, SQL_BEGIN, f);
}

static rc head_set(struct journal *j, const struct journal_head *h, const struct tree_head *before,
		   struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_HEAD_SET);
	struct tree_head head = compact_head(&h->tree);
	uint8_t mem[8 + TREE_HASHES_MAX * DIGEST_SIZE];
	struct buf tree;

	buf_init_fixed(&tree, mem, sizeof(mem));
	compact_encode(&h->tree, &tree);
	TRY(buf_done(&tree));
	bind_u64(s, 1, head.size);
	bind_digest(s, 2, &head.root);
	bind_view(s, 3, buf_view(&tree));
	(void)sqlite3_bind_int64(s, 4, h->time);
	bind_u64(s, 5, h->published.size);
	bind_digest(s, 6, &h->published.root);
	bind_view(s, 7, view_of(h->note, h->note_len));
	bind_u64(s, 8, before->size);
	bind_digest(s, 9, &before->root);
	TRY(journal_run(j, SQL_HEAD_SET, f));
	if (sqlite3_changes(j->db) != 1)
		return fault_set(f, RC_CORRUPT, 0, "journal: the head is not where it was left");
	return OK;
}

rc journal_commit(struct journal *j, const struct journal_head *head,
		  const struct tree_head *before, struct fault *f)
{
	struct fault local = {0};
	rc r;

	f = f != NULL ? f : &local;
	r = head_set(j, head, before, f);
	if (rc_is_ok(r)) {
		(void)journal_use_stmt(j, SQL_COMMIT);
		r = journal_run(j, SQL_COMMIT, f);
	}
	if (!rc_is_ok(r)) {
		journal_rollback(j);
		return r;
	}
	if (j->wal_pages > WAL_MAX_PAGES)
		journal_idle(j);
	return OK;
}

void journal_rollback(struct journal *j)
{
	/* After some errors SQLite has rolled back by itself. */
	if (sqlite3_get_autocommit(j->db) != 0)
		return;
	(void)journal_use_stmt(j, SQL_ROLLBACK);
	rc_ignore(journal_run(j, SQL_ROLLBACK, NULL), "nothing more can be done");
}

void journal_idle(struct journal *j)
{
	if (j->wal_pages < WAL_IDLE_PAGES)
		return;
	(void)sqlite3_wal_checkpoint_v2(j->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	j->wal_pages = 0;
}

/* ---- Leaves
 * --------------------------------------------------------------------------------------*/

static uint64_t node_id(unsigned level, uint64_t index)
{
	return (uint64_t)level << 56 | index;
}

/* Appends the hashes of entries [from, to) of a level: leaves, or full subtrees of 256^level. */
static rc level_hashes(struct journal *j, unsigned level, uint64_t from, uint64_t to,
		       struct buf *out, struct fault *f)
{
	enum journal_sql id = level == 0 ? SQL_LEAF_HASHES : SQL_NODE_HASHES;
	sqlite3_stmt *s = journal_use_stmt(j, id);
	uint64_t got = 0;
	int code;

	bind_u64(s, 1, level == 0 ? from : node_id(level, from));
	bind_u64(s, 2, level == 0 ? to : node_id(level, to));
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct view v = column_view(s, 0);

		if (v.len != DIGEST_SIZE)
			break;
		buf_put_view(out, v);
		got++;
	}
	journal_done(j, id);
	if (code != SQLITE_DONE && code != SQLITE_ROW)
		return journal_fault(j, code, journal_sql_text[id], f);
	if (code == SQLITE_ROW || got != to - from)
		return fault_set(f, RC_CORRUPT, 0, "journal: hashes %llu..%llu of level %u",
				 (unsigned long long)from, (unsigned long long)to, level);
	return OK;
}

rc journal_node_get(struct journal *j, unsigned level, uint64_t index, struct digest *ret,
		    struct fault *f)
{
	uint8_t mem[DIGEST_SIZE];
	struct buf hash;

	buf_init_fixed(&hash, mem, sizeof(mem));
	TRY(level_hashes(j, level, index, index + 1, &hash, f));
	memcpy(ret->b, mem, sizeof(mem));
	return OK;
}

static rc read_tile(void *ctx, const struct tile_id *id, struct buf *out, struct fault *f)
{
	struct journal *j = (struct journal *)ctx;
	uint64_t from = id->index * TILE_WIDTH;

	if (id->level >= TILE_LEVELS)
		return fault_set(f, RC_NOTFOUND, 0, "journal: tile level %u", id->level);
	buf_clear(out);
	TRY(level_hashes(j, id->level, from, from + id->width, out, f));
	return buf_done(out);
}

struct tile_reader journal_tiles(struct journal *j)
{
	return (struct tile_reader){.read = read_tile, .ctx = j};
}

static rc read_entry(void *ctx, uint64_t index, struct buf *out, struct fault *f)
{
	return journal_leaf_get((struct journal *)ctx, index, NULL, out, f);
}

struct entry_source journal_entries(struct journal *j)
{
	return (struct entry_source){.entry = read_entry, .ctx = j};
}

/* When entry `index` completes a tile of its level, the tile's root becomes an entry one up. */
static rc close_tiles(struct journal *j, uint64_t index, struct fault *f)
{
	uint8_t mem[TILE_BYTES];
	struct buf tile;

	for (unsigned level = 0; level + 1 < TILE_LEVELS; level++) {
		struct compact c;
		struct digest root;
		sqlite3_stmt *s;

		if ((index + 1) % TILE_WIDTH != 0)
			return OK;
		buf_init_fixed(&tile, mem, sizeof(mem));
		TRY(level_hashes(j, level, index + 1 - TILE_WIDTH, index + 1, &tile, f));
		compact_init(&c);
		for (size_t i = 0; i < TILE_WIDTH; i++) {
			struct digest d;

			memcpy(d.b, mem + i * DIGEST_SIZE, DIGEST_SIZE);
			TRY(compact_append(&c, &d));
		}
		root = compact_root(&c);
		index /= TILE_WIDTH;
		s = journal_use_stmt(j, SQL_NODE_ADD);
		bind_u64(s, 1, node_id(level + 1, index));
		bind_digest(s, 2, &root);
		TRY(journal_run(j, SQL_NODE_ADD, f));
	}
	return OK;
}

rc journal_leaf_add(struct journal *j, uint64_t index, const struct digest *hash, struct view body,
		    struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_LEAF_ADD);

	bind_u64(s, 1, index);
	bind_digest(s, 2, hash);
	bind_view(s, 3, body);
	TRY(journal_run(j, SQL_LEAF_ADD, f));
	return close_tiles(j, index, f);
}

rc journal_leaf_get(struct journal *j, uint64_t index, struct digest *ret_hash, struct buf *out,
		    struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_LEAF_GET);
	struct digest hash;
	rc r;

	bind_u64(s, 1, index);
	TRY(journal_row(j, SQL_LEAF_GET, f));
	r = column_digest(s, 0, &hash, f);
	buf_put_view(out, column_view(s, 1));
	journal_done(j, SQL_LEAF_GET);
	TRY(r);
	TRY(buf_done(out));
	if (ret_hash != NULL)
		*ret_hash = hash;
	return OK;
}

rc journal_check(struct journal *j, struct fault *f)
{
	sqlite3_stmt *s;
	int code = sqlite3_prepare_v2(j->db, "PRAGMA integrity_check(1)", -1, &s, NULL);
	bool ok = false;

	if (code != SQLITE_OK)
		return journal_fault(j, code, "integrity check", f);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		ok = view_is(column_view(s, 0), "ok");
	(void)sqlite3_finalize(s);
	if (code != SQLITE_ROW)
		return journal_fault(j, code, "integrity check", f);
	return ok ? OK : fault_set(f, RC_CORRUPT, 0, "journal: SQLite's integrity check failed");
}
