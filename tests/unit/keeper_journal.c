/* Unit tests of prog/keeper/journal: rows in and out, rollback, a full disk, the tree's tiles. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/keeper/journal_sql.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static char dir[200];
static char path[240];
static struct journal *j;
static struct journal_head head;

static struct digest digest_n(uint64_t n)
{
	return digest_of(view_of(&n, sizeof(n)));
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char prefix[150];
	struct journal_identity id = {.origin = "log.example", .epoch = 7, .vkey = "v"};

	(void)state;
	(void)snprintf(prefix, sizeof(prefix), "%s/journal-", tmp != NULL ? tmp : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, dir, sizeof(dir), NULL));
	(void)snprintf(path, sizeof(path), "%s/keeper.db", dir);
	assert_rc(RC_OK, name_parse(view_str("main"), &id.token));
	assert_rc(RC_OK, journal_create(path, &id, NULL));
	assert_rc(RC_OK, journal_open(path, false, &j, NULL));
	assert_rc(RC_OK, journal_head_get(j, &head, NULL));
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	(void)state;
	journal_close(j);
	j = NULL;
	for (size_t i = 0; i < 3; i++) {
		char name[260];

		(void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
	return rmdir(dir);
}

static void append(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		char text[32];
		struct digest hash;

		(void)snprintf(text, sizeof(text), "leaf %llu", (unsigned long long)head.tree.size);
		hash = tree_leaf_hash(view_str(text));
		assert_rc(RC_OK, journal_leaf_add(j, head.tree.size, &hash, view_str(text), NULL));
		assert_rc(RC_OK, compact_append(&head.tree, &hash));
	}
}

static void reopen(void)
{
	journal_close(j);
	assert_rc(RC_OK, journal_open(path, false, &j, NULL));
}

static void commit(void)
{
	const struct tree_head before = compact_head(&head.tree);

	assert_rc(RC_OK, journal_begin(j, NULL));
	append(200);
	assert_rc(RC_OK, journal_commit(j, &head, &before, NULL));
}

/* A pragma had taken away the hook that counts the WAL's pages: it grew until the keeper ended, and
 * a start after a crash read gigabytes. */
static void wal_does_not_grow_for_ever(void **state)
{
	struct stat before;
	struct stat after;
	char name[260];

	(void)state;
	(void)snprintf(name, sizeof(name), "%s-wal", path);
	for (int i = 0; i < 100; i++)
		commit();
	journal_idle(j);
	commit(); /* writes from the WAL's beginning again */
	assert_int_equal(stat(name, &before), 0);
	for (int i = 0; i < 50; i++)
		commit();
	assert_int_equal(stat(name, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_true(before.st_size > 256 * 4096);
}

static void commit_keeps_and_rollback_forgets(void **state)
{
	struct tree_head before = compact_head(&head.tree);
	struct journal_head now;
	AUTO(buf) struct buf body;

	(void)state;
	buf_init(&body, 1000);
	assert_rc(RC_OK, journal_begin(j, NULL));
	append(3);
	head.time = 1000;
	memcpy(head.note, "note", 4);
	head.note_len = 4;
	assert_rc(RC_OK, journal_commit(j, &head, &before, NULL));
	reopen();
	assert_rc(RC_OK, journal_head_get(j, &now, NULL));
	assert_int_equal(now.tree.size, 3);
	assert_int_equal(now.time, 1000);
	assert_memory_equal(now.note, "note", 4);
	assert_rc(RC_OK, journal_leaf_get(j, 2, NULL, &body, NULL));
	assert_true(view_is(buf_view(&body), "leaf 2"));
	assert_rc(RC_NOTFOUND, journal_leaf_get(j, 3, NULL, &body, NULL));
	assert_rc(RC_OK, journal_begin(j, NULL));
	append(1);
	journal_rollback(j);
	journal_rollback(j);
	assert_rc(RC_NOTFOUND, journal_leaf_get(j, 3, NULL, &body, NULL));
	/* A head that was moved by someone else is not overwritten. */
	assert_rc(RC_OK, journal_begin(j, NULL));
	assert_rc(RC_CORRUPT, journal_commit(j, &head, &before, NULL));
}

static void tiles_give_the_root(void **state)
{
	struct tree_head before = compact_head(&head.tree);
	const struct tile_reader reader = journal_tiles(j);
	static const uint64_t sizes[] = {1, 2, 255, 256, 257, 511, 512, 700};
	struct tile_nodes nodes;

	(void)state;
	assert_rc(RC_OK, journal_begin(j, NULL));
	append(700);
	assert_rc(RC_OK, journal_commit(j, &head, &before, NULL));
	tile_nodes_init(&nodes, &reader, 700);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct tree_reader nr = tile_nodes_reader(&nodes);
		struct compact naive;
		struct compact got;
		struct digest a;
		struct digest b;

		compact_init(&naive);
		for (uint64_t n = 0; n < sizes[i]; n++) {
			char text[32];
			struct digest hash;

			(void)snprintf(text, sizeof(text), "leaf %llu", (unsigned long long)n);
			hash = tree_leaf_hash(view_str(text));
			assert_rc(RC_OK, compact_append(&naive, &hash));
		}
		assert_rc(RC_OK, tree_compact(&nr, sizes[i], &got, NULL));
		a = compact_root(&naive);
		b = compact_root(&got);
		assert_true(digest_is_equal(&a, &b));
	}
	tile_nodes_release(&nodes);
}

/* The nth newest use against a list in memory, with clocks that step back. */
static void uses_are_counted_as_by_a_model(void **state)
{
	static const char *const names[] = {"a", "b", "c"};
	struct {
		size_t key;
		size_t who;
		unix_time at;
	} model[400];
	struct name name[3];
	uint64_t seed = 7;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_rc(RC_OK, name_parse(view_str(names[i]), &name[i]));
	assert_rc(RC_OK, journal_begin(j, NULL));
	for (unix_time now = 1000; n < 400; n++) {
		struct journal_use u = {.authorize = 5000 + n, .request = 9000 + n, .use = 1};
		unix_time found;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		now += (unix_time)(seed >> 40) % 40 - 12;
		model[n].key = (seed >> 33) % 3;
		model[n].who = (seed >> 36) % 3;
		model[n].at = u.signed_at = now;
		assert_rc(RC_OK,
			  journal_use_add(j, &u, &name[model[n].key], &name[model[n].who], NULL));
		for (int tries = 0; tries < 8; tries++) {
			bool by_who = tries % 2 == 1;
			size_t key = (seed >> (20 + tries)) % 3, who = (seed >> (10 + tries)) % 3;
			struct use_nth nth = {1 + (uint32_t)(seed >> (30 + tries)) % 20,
					      now - (unix_time)(seed >> (25 + tries)) % 300};
			unix_time want = 0;
			bool has = false;

			/* want: the largest t with at least n uses at or after t, after the limit
			 */
			for (size_t i = 0; i <= n; i++) {
				uint32_t later = 0;

				for (size_t k = 0; k <= n; k++)
					if (model[k].key == key &&
					    (!by_who || model[k].who == who) &&
					    model[k].at >= model[i].at)
						later++;
				if (model[i].key == key && (!by_who || model[i].who == who) &&
				    model[i].at > nth.after && later >= nth.n &&
				    (!has || model[i].at > want)) {
					want = model[i].at;
					has = true;
				}
			}
			assert_rc(has ? RC_OK : RC_NOTFOUND,
				  journal_use_nth(j, &name[key], by_who ? &name[who] : NULL, nth,
						  &found, NULL));
			if (has)
				assert_int_equal(found, want);
		}
	}
	journal_rollback(j);
}

static void rows_come_back(void **state)
{
	struct tree_head before = compact_head(&head.tree);
	struct journal_statement st = {.leaf = 0, .kind = STATEMENT_REQUEST};
	struct journal_request r = {.leaf = 0, .uses = 2, .deadline = 99};
	struct journal_act a = {.leaf = 1,
				.kind = STATEMENT_APPROVAL,
				.given = 5,
				.expires = 9,
				.channel = SSHKEY_BROWSER,
				.synced = true};
	struct journal_use u = {.authorize = 2, .request = 0, .use = 1, .signed_at = 50};
	struct journal_act acts[2];
	struct journal_document doc = {.kind = STATEMENT_POLICY, .version = 7, .leaf = 0};
	struct journal_use got;
	size_t count;
	AUTO(buf) struct buf body;
	AUTO(buf) struct buf sigs;

	(void)state;
	buf_init(&body, 1000);
	buf_init(&sigs, 1000);
	st.digest = r.digest = digest_n(1);
	a.digest = digest_n(2);
	assert_rc(RC_OK, name_parse(view_str("bob"), &a.person));
	assert_rc(RC_OK, journal_begin(j, NULL));
	append(4);
	assert_rc(RC_OK, journal_statement_add(j, &st, view_str("body"), view_str("sigs"), NULL));
	assert_rc(RC_OK, journal_request_add(j, &r, NULL));
	assert_rc(RC_OK, journal_act_add(j, &a, NULL));
	r.spent = 1;
	assert_rc(RC_OK, journal_request_set(j, &r, NULL));
	assert_rc(RC_OK, journal_use_add(j, &u, &a.person, &a.person, NULL));
	doc.digest = digest_n(3);
	assert_rc(RC_OK, journal_document_add(j, &doc, NULL));
	assert_rc(RC_OK, journal_commit(j, &head, &before, NULL));
	reopen();
	/* By the document's own digest, which is not the statement's. */
	assert_rc(RC_NOTFOUND, journal_document_find(j, &st.digest, &st, NULL, NULL, NULL));
	assert_rc(RC_OK, journal_document_find(j, &doc.digest, &st, &body, NULL, NULL));
	assert_true(view_is(buf_view(&body), "body") && digest_is_equal(&st.digest, &r.digest));
	buf_clear(&body);
	assert_rc(RC_OK, journal_statement_get(j, &st.digest, &st, &body, &sigs, NULL));
	assert_true(view_is(buf_view(&body), "body") && view_is(buf_view(&sigs), "sigs"));
	assert_rc(RC_NOTFOUND, journal_statement_get(j, &a.digest, &st, NULL, NULL, NULL));
	memset(&r, 0, sizeof(r));
	assert_rc(RC_OK, journal_request_get(j, &st.digest, &r, NULL));
	assert_int_equal(r.spent, 1);
	assert_int_equal(r.closed, REASON_NONE);
	assert_false(r.released);
	assert_rc(RC_NOTFOUND, journal_request_get(j, &a.digest, &r, NULL));
	assert_rc(RC_OK, journal_act_list(j, 0, acts, 2, &count, NULL));
	assert_int_equal(count, 1);
	assert_string_equal(acts[0].person.s, "bob");
	assert_false(acts[0].withdrawn);
	assert_int_equal(acts[0].channel, SSHKEY_BROWSER);
	assert_true(acts[0].synced);
	assert_rc(RC_LIMIT, journal_act_list(j, 0, acts, 0, &count, NULL));
	assert_rc(RC_OK, journal_use_pending(j, 0, &got, NULL));
	assert_int_equal(got.signed_at, 50);
	assert_false(got.done);
	assert_rc(RC_NOTFOUND, journal_use_pending(j, 3, &got, NULL));
	assert_rc(RC_NOTFOUND, journal_use_get(j, 0, 2, &got, NULL));
	/* One result for a use, ever. */
	before = compact_head(&head.tree);
	assert_rc(RC_OK, journal_begin(j, NULL));
	u.issue = 3;
	assert_rc(RC_OK, journal_result_add(j, &u, view_str("signature"), NULL));
	assert_rc(RC_CORRUPT, journal_result_add(j, &u, view_str("another"), NULL));
	assert_rc(RC_OK, journal_act_withdraw(j, 1, NULL));
	r.closed = REASON_STATE_DENIED;
	r.released = true;
	assert_rc(RC_OK, journal_request_set(j, &r, NULL));
	assert_rc(RC_OK, journal_commit(j, &head, &before, NULL));
	buf_clear(&body);
	assert_rc(RC_OK, journal_result_get(j, 3, &body, NULL));
	assert_true(view_is(buf_view(&body), "signature"));
	assert_rc(RC_NOTFOUND, journal_result_get(j, 4, &body, NULL));
	assert_rc(RC_OK, journal_request_at(j, 0, &r, NULL));
	assert_int_equal(r.closed, REASON_STATE_DENIED);
	assert_true(r.released);
	assert_rc(RC_NOTFOUND, journal_use_pending(j, 0, &got, NULL));
	assert_rc(RC_OK, journal_check(j, NULL));
}

struct owed_seen {
	size_t count;
	uint64_t last;
};

static rc count_owed(void *ctx, const struct journal_owed *o)
{
	struct owed_seen *s = (struct owed_seen *)ctx;

	assert_true(s->count == 0 || o->authorize > s->last);
	s->count++;
	s->last = o->authorize;
	return OK;
}

/* What is owed comes back in its order, the first due of a key before others, until it is done. */
static void reviews_are_owed_until_done(void **state)
{
	static const char spec[] = "{\"approve\":[\"1 of security\"],\"within\":60}";
	struct journal_owed o = {.use = 1, .spec_len = sizeof(spec) - 1, .never_count = 2};
	struct journal_review r = {.authorize = 10, .channel = SSHKEY_BROWSER, .given = 5};
	struct journal_review list[JOURNAL_REVIEWS_MAX];
	struct journal_owed_sum sum;
	struct tree_head before = compact_head(&head.tree);
	struct owed_seen seen = {0};
	struct journal_owed got;
	struct name other;
	size_t count;

	(void)state;
	assert_rc(RC_OK, name_parse(view_str("release"), &o.key));
	assert_rc(RC_OK, name_parse(view_str("other"), &other));
	assert_rc(RC_OK, name_parse(view_str("carol"), &o.never[0]));
	assert_rc(RC_OK, name_parse(view_str("dave"), &o.never[1]));
	memcpy(o.spec, spec, o.spec_len);
	assert_rc(RC_OK, journal_begin(j, NULL));
	for (uint64_t i = 0; i < 3; i++) {
		o.authorize = 10 + i;
		o.request = i < 2 ? 5 : 6;
		o.use = (uint32_t)i + 1;
		o.due = 1000 - (unix_time)i;
		assert_rc(RC_OK, journal_owed_add(j, &o, NULL));
	}
	assert_int_not_equal(journal_owed_add(j, &o, NULL).code, RC_OK); /* once for each use */
	append(1);
	assert_rc(RC_OK, journal_commit(j, &head, &before, NULL));
	before = compact_head(&head.tree);
	reopen();
	assert_rc(RC_NOTFOUND, journal_owed_get(j, 9, &got, NULL));
	assert_rc(RC_OK, journal_owed_get(j, 10, &got, NULL));
	assert_true(view_is(view_of(got.spec, got.spec_len), spec));
	assert_int_equal(got.never_count, 2);
	assert_string_equal(got.never[1].s, "dave");
	assert_int_equal(got.due, 1000);
	assert_int_equal(got.done, 0);
	assert_rc(RC_OK, journal_owed_first(j, &o.key, &got, NULL));
	assert_int_equal(got.authorize, 12);
	assert_rc(RC_NOTFOUND, journal_owed_first(j, &other, &got, NULL));
	assert_rc(RC_OK, journal_owed_count(j, 5, &sum, NULL));
	assert_true(sum.all == 2 && sum.owed == 2 && sum.due == 999);
	assert_rc(RC_OK, journal_owed_count(j, 7, &sum, NULL));
	assert_int_equal(sum.all, 0);
	assert_rc(RC_OK, name_parse(view_str("erin"), &r.person));
	assert_rc(RC_OK, journal_begin(j, NULL));
	for (r.leaf = 20; r.leaf < 22; r.leaf++) {
		r.incident = r.leaf == 21;
		r.signer = digest_n(r.leaf);
		r.statement = digest_n(r.leaf + 100);
		assert_rc(RC_OK, journal_review_add(j, &r, NULL));
	}
	assert_rc(RC_OK, journal_owed_done(j, 12, 21, NULL));
	append(1);
	assert_rc(RC_OK, journal_commit(j, &head, &before, NULL));
	assert_rc(RC_OK, journal_review_list(j, 10, list, &count, NULL));
	assert_int_equal(count, 2);
	assert_true(!list[0].incident && list[1].incident);
	assert_string_equal(list[1].person.s, "erin");
	assert_int_equal(list[1].channel, SSHKEY_BROWSER);
	r.signer = digest_n(21);
	assert_true(digest_is_equal(&list[1].signer, &r.signer));
	assert_rc(RC_OK, journal_owed_first(j, &o.key, &got, NULL));
	assert_int_equal(got.authorize, 11);
	assert_rc(RC_OK, journal_owed_each(j, 0, 0, 9, count_owed, &seen, NULL));
	assert_int_equal(seen.count, 2); /* the third is done */
	seen = (struct owed_seen){0};
	assert_rc(RC_OK, journal_owed_each(j, 6, 0, 9, count_owed, &seen, NULL));
	assert_int_equal(seen.last, 12); /* of a request, done or not */
	seen = (struct owed_seen){0};
	assert_rc(RC_OK, journal_owed_each(j, 0, 11, 1, count_owed, &seen, NULL));
	assert_true(seen.count == 1 && seen.last == 11);
}

static void log_is_append_only(void **state)
{
	struct tree_head before = compact_head(&head.tree);

	(void)state;
	assert_rc(RC_OK, journal_begin(j, NULL));
	append(1);
	assert_rc(RC_OK, journal_commit(j, &head, &before, NULL));
	assert_int_equal(sqlite3_exec(j->db, "UPDATE leaf SET body=x'00'", NULL, NULL, NULL) & 0xff,
			 SQLITE_CONSTRAINT);
	assert_int_equal(sqlite3_exec(j->db, "DELETE FROM leaf", NULL, NULL, NULL) & 0xff,
			 SQLITE_CONSTRAINT);
}

/* A full disk: the round is gone, the journal goes on when there is room again. */
static void full_disk_is_no_more_than_that(void **state)
{
	struct tree_head before = compact_head(&head.tree);
	struct journal_head saved = head;
	static const uint8_t big[8192];
	struct fault f;
	rc r = OK;

	(void)state;
	assert_int_equal(sqlite3_exec(j->db, "PRAGMA max_page_count=1", NULL, NULL, NULL), 0);
	assert_rc(RC_OK, journal_begin(j, NULL));
	for (uint64_t i = 0; i < 100 && rc_is_ok(r); i++) {
		struct digest hash = digest_n(i);

		r = journal_leaf_add(j, i, &hash, view_of(big, sizeof(big)), &f);
	}
	assert_rc(RC_NOSPACE, r);
	journal_rollback(j);
	assert_int_equal(sqlite3_exec(j->db, "PRAGMA max_page_count=100000", NULL, NULL, NULL), 0);
	head = saved;
	assert_rc(RC_OK, journal_begin(j, NULL));
	append(1);
	assert_rc(RC_OK, journal_commit(j, &head, &before, NULL));
}

static void one_process_alone(void **state)
{
	struct journal_identity id = {.origin = "x"};
	struct journal *other;
	struct fault f;

	(void)state;
	assert_rc(RC_EXISTS, journal_create(path, &id, &f));
	assert_rc(RC_NOTFOUND, journal_open("/nonexistent/keeper.db", false, &other, &f));
	assert_int_equal(sqlite3_exec(j->db, "PRAGMA user_version=1", NULL, NULL, NULL), 0);
	journal_close(j);
	assert_rc(RC_UNSUPPORTED, journal_open(path, false, &j, &f));
	assert_non_null(strstr(f.text, "schema version 1, this program reads and writes 6 alone"));
	j = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wal_does_not_grow_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(commit_keeps_and_rollback_forgets, setup, teardown),
		cmocka_unit_test_setup_teardown(tiles_give_the_root, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(uses_are_counted_as_by_a_model, setup, teardown),
		cmocka_unit_test_setup_teardown(reviews_are_owed_until_done, setup, teardown),
		cmocka_unit_test_setup_teardown(log_is_append_only, setup, teardown),
		cmocka_unit_test_setup_teardown(full_disk_is_no_more_than_that, setup, teardown),
		cmocka_unit_test_setup_teardown(one_process_alone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
