/* Unit tests of lib/tlog tile, tile_dir, tile_pub and fsck: names, widths, publishing with faults
 * at every write, and every kind of damage found. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/tlog/checkpoint.h"
#include "lib/tlog/fsck.h"
#include "lib/tlog/tile_build.h"
#include "lib/tlog/tile_dir.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

/* ---- Names, widths, bundles
 * --------------------------------------------------------------------*/

static void paths_have_one_spelling(void **state)
{
	static const struct {
		struct tile_id id;
		const char *path;
	} good[] = {
		{{0, 0, 256}, "tile/0/000"},
		{{0, 5, 1}, "tile/0/005.p/1"},
		{{1, 999, 255}, "tile/1/999.p/255"},
		{{63, 1000, 256}, "tile/63/x001/000"},
		{{2, 1234067, 8}, "tile/2/x001/x234/067.p/8"},
		{{TILE_ENTRIES, 1234067, 256}, "tile/entries/x001/x234/067"},
		{{0, TREE_SIZE_MAX / 256, 255}, "tile/0/x036/x028/x797/x018/x963/967.p/255"},
	};
	static const struct {
		enum rc_code code;
		const char *path;
	} bad[] = {
		{RC_SYNTAX, ""},
		{RC_SYNTAX, "tile"},
		{RC_SYNTAX, "tile/0"},
		{RC_SYNTAX, "tile/0/"},
		{RC_SYNTAX, "tile/0/0"},
		{RC_SYNTAX, "tile/0/00a"},
		{RC_SYNTAX, "tile/0/0000"},
		{RC_NONCANON, "tile/0/x000"},
		{RC_NONCANON, "tile/0/x000/005"},
		{RC_SYNTAX, "tile/0/001/000"},
		{RC_SYNTAX, "tile/0/x001x000"},
		{RC_SYNTAX, "tile/00/000"},
		{RC_RANGE, "tile/64/000"},
		{RC_SYNTAX, "tile/-1/000"},
		{RC_SYNTAX, "tile/data/000"},
		{RC_SYNTAX, "Tile/0/000"},
		{RC_SYNTAX, "/tile/0/000"},
		{RC_SYNTAX, "tile/0/000/"},
		{RC_SYNTAX, "tile/0/000.p"},
		{RC_SYNTAX, "tile/0/000.p/"},
		{RC_RANGE, "tile/0/000.p/0"},
		{RC_RANGE, "tile/0/000.p/256"},
		{RC_SYNTAX, "tile/0/000.p/01"},
		{RC_SYNTAX, "tile/0/000.q/1"},
		{RC_RANGE, "tile/0/x036/x028/x797/x018/x963/968"},
		{RC_RANGE, "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/000"},
	};
	struct tile_id id;
	char path[TILE_PATH];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		tile_path(&good[i].id, path);
		assert_string_equal(path, good[i].path);
		assert_rc(RC_OK, tile_path_parse(view_str(path), &id));
		assert_int_equal(id.level, good[i].id.level);
		assert_int_equal(id.index, good[i].id.index);
		assert_int_equal(id.width, good[i].id.width);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (tile_path_parse(view_str(bad[i].path), &id).code != bad[i].code)
			fail_msg("%s", bad[i].path);
}

static void widths_follow_the_size(void **state)
{
	/* full tiles and width of the partial one, at levels 0, 1, 2, 3 */
	static const struct {
		uint64_t size;
		uint64_t full[4];
		unsigned partial[4];
	} rows[] = {
		{0, {0, 0, 0, 0}, {0, 0, 0, 0}},
		{1, {0, 0, 0, 0}, {1, 0, 0, 0}},
		{255, {0, 0, 0, 0}, {255, 0, 0, 0}},
		{256, {1, 0, 0, 0}, {0, 1, 0, 0}},
		{257, {1, 0, 0, 0}, {1, 1, 0, 0}},
		{65535, {255, 0, 0, 0}, {255, 255, 0, 0}},
		{65536, {256, 1, 0, 0}, {0, 0, 1, 0}},
		{65537, {256, 1, 0, 0}, {1, 0, 1, 0}},
		{70000, {273, 1, 0, 0}, {112, 17, 1, 0}},
		{(1 << 24) - 1, {65535, 255, 0, 0}, {255, 255, 255, 0}},
		{1 << 24, {65536, 256, 1, 0}, {0, 0, 0, 1}},
		{(1 << 24) + 1, {65536, 256, 1, 0}, {1, 0, 0, 1}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned level = 0; level < 4; level++) {
			uint64_t full = rows[i].full[level];
			uint64_t size = rows[i].size;

			assert_int_equal(tile_full(level, size), full);
			assert_int_equal(tile_width(level, full, size), rows[i].partial[level]);
			assert_int_equal(tile_width(level, full + 1, size), 0);
			if (full > 0)
				assert_int_equal(tile_width(level, full - 1, size), 256);
		}
		assert_int_equal(tile_full(TILE_ENTRIES, rows[i].size), rows[i].full[0]);
	}
	assert_int_equal(tile_width(7, 0, TREE_SIZE_MAX), 127);
	assert_int_equal(tile_width(8, 0, TREE_SIZE_MAX), 0);
	assert_int_equal(tile_width(63, 0, TREE_SIZE_MAX), 0);
}

static void bundles(void **state)
{
	static uint8_t large[TILE_ENTRY_MAX + 1];
	AUTO(buf) struct buf b;
	struct view v;
	struct view entry;

	(void)state;
	buf_init(&b, TILE_BUNDLE_MAX);
	bundle_put(&b, view_str(""));
	bundle_put(&b, view_of(large, TILE_ENTRY_MAX));
	assert_rc(RC_OK, buf_done(&b));
	assert_rc(RC_OK, bundle_check(buf_view(&b), 2, NULL));
	assert_rc(RC_TRAILING, bundle_check(buf_view(&b), 1, NULL));
	assert_rc(RC_TRUNCATED, bundle_check(buf_view(&b), 3, NULL));
	assert_rc(RC_TRUNCATED, bundle_check(view_of(b.ptr, b.len - 1), 2, NULL));
	v = buf_view(&b);
	assert_rc(RC_OK, bundle_next(&v, &entry));
	assert_int_equal(entry.len, 0);
	assert_rc(RC_OK, bundle_next(&v, &entry));
	assert_int_equal(entry.len, TILE_ENTRY_MAX);
	assert_rc(RC_TRUNCATED, bundle_next(&v, &entry));
	bundle_put(&b, view_of(large, sizeof(large)));
	assert_rc(RC_LIMIT, buf_done(&b));
}

/* ---- A log to play with
 * ------------------------------------------------------------------------*/

static struct note_signer signer;
static struct ed25519_key *key;

static rc entry_of(void *ctx, uint64_t index, struct buf *out, struct fault *f)
{
	const uint64_t *limit = (const uint64_t *)ctx;

	if (limit != NULL && index >= *limit)
		return fault_set(f, RC_IO, 0, "journal: no entry %llu", (unsigned long long)index);
	buf_printf(out, "entry %llu", (unsigned long long)index);
	return OK;
}

static const struct entry_source source = {.entry = entry_of};

static struct digest leaf_of(uint64_t index)
{
	uint8_t text[64];
	struct buf b;

	buf_init_fixed(&b, text, sizeof(text));
	assert_rc(RC_OK, entry_of(NULL, index, &b, NULL));
	return tree_leaf_hash(buf_view(&b));
}

static struct tree_head head_at(uint64_t size)
{
	struct compact c;

	compact_init(&c);
	while (c.size < size) {
		struct digest leaf = leaf_of(c.size);

		assert_rc(RC_OK, compact_append(&c, &leaf));
	}
	return compact_head(&c);
}

/* A directory, and a store on it that fails at write number `fail` (1 is the next), before or after
 * it has written. Nothing is fsynced here. */
struct log {
	char path[200];
	int fd;
	struct tile_store dir;
	unsigned writes;
	unsigned fail;
	bool fail_after;
	char last[TILE_PATH]; /* path written last */
	unsigned durable;
};

static rc log_write_file(void *ctx, const char *path, struct view bytes, bool durable,
			 struct fault *f)
{
	struct log *l = (struct log *)ctx;
	struct tile_id id;
	bool fail = ++l->writes == l->fail;
	bool is_tile = rc_is_ok(tile_path_parse(view_str(path), &id));

	/* The rules of immutable names. */
	assert_true(is_tile || strcmp(path, "checkpoint") == 0);
	assert_int_equal(durable, is_tile && id.width == TILE_WIDTH);
	if (is_tile && id.level != TILE_ENTRIES)
		assert_int_equal(bytes.len, id.width * DIGEST_SIZE);
	else if (is_tile)
		assert_rc(RC_OK, bundle_check(bytes, id.width, NULL));
	(void)snprintf(l->last, sizeof(l->last), "%s", path);
	l->durable += durable;
	if (fail && !l->fail_after)
		return fault_set(f, RC_NOSPACE, 0, "no space");
	TRY(l->dir.write(l->dir.ctx, path, bytes, false, f));
	return fail ? fault_set(f, RC_IO, 0, "said to have failed") : OK;
}

static void log_drop(void *ctx, const struct tile_id *full)
{
	struct log *l = (struct log *)ctx;

	l->dir.drop_partials(l->dir.ctx, full);
}

static void log_open(struct log *l)
{
	const char *tmp = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
	char prefix[150];

	*l = (struct log){0};
	(void)snprintf(prefix, sizeof(prefix), "%s/gs-tile-", tmp);
	assert_rc(RC_OK, dir_temp(prefix, l->path, sizeof(l->path), NULL));
	assert_rc(RC_OK, dir_open(l->path, &l->fd, NULL));
	l->dir = tile_dir_store(&l->fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void log_close(struct log *l)
{
	fd_close(&l->fd);
	assert_int_equal(nftw(l->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static rc open_pub(struct log *l, const struct tree_head *published, struct tile_pub **ret)
{
	/* The reader has a context of its own: the directory. */
	const struct tile_store store = {.write = log_write_file,
					 .drop_partials = log_drop,
					 .reader = tile_dir_reader(&l->fd),
					 .ctx = l};

	return tile_pub_open(&store, &source, published, ret, NULL);
}

static rc advance(struct tile_pub *p, uint64_t size)
{
	AUTO(buf) struct buf note;
	struct tree_head head = head_at(size);

	buf_init(&note, CHECKPOINT_MAX);
	assert_rc(RC_OK, checkpoint_sign(&head, &signer, &note, NULL));
	return tile_pub_advance(p, &head, buf_view(&note), NULL);
}

static rc check(struct log *l, const struct tree_head *older, struct fsck_report *report,
		struct fault *f)
{
	AUTO(buf) struct buf note;
	struct fsck c = {.reader = tile_dir_reader(&l->fd), .log = &signer.key, .older = older};

	buf_init(&note, CHECKPOINT_MAX);
	TRY(tile_dir_checkpoint(l->fd, &note, f));
	c.note = buf_view(&note);
	return fsck_run(&c, report, f);
}

static void assert_whole(struct log *l, uint64_t size)
{
	struct fsck_report report;
	struct fault f = {0};

	if (!rc_is_ok(check(l, NULL, &report, &f)))
		fail_msg("size %llu: %s", (unsigned long long)size, f.text);
	assert_int_equal(report.checkpoint.head.size, size);
}

/* Publishes a fresh log of that size. */
static void publish(struct log *l, uint64_t size)
{
	const struct tree_head zero = head_at(0);
	struct tile_pub *p;

	assert_rc(RC_OK, open_pub(l, &zero, &p));
	assert_rc(RC_OK, advance(p, size));
	tile_pub_free(p);
}

static int setup(void **state)
{
	AUTO(secret) struct secret seed = {0};

	(void)state;
	assert_rc(RC_OK, secret_new(&seed, 32));
	memset(seed.ptr, 7, 32);
	assert_rc(RC_OK, ed25519_key_new(&seed, &key, NULL));
	return rc_is_ok(note_signer_ed25519("log.example", key, &signer, NULL)) ? 0 : 1;
}

static int teardown(void **state)
{
	(void)state;
	ed25519_key_free(key);
	return 0;
}

/* ---- Publishing
 * --------------------------------------------------------------------------------*/

static void growing_in_steps(void **state)
{
	static const uint64_t sizes[] = {0, 1, 2, 255, 256, 257, 300, 511, 512, 513, 1300};
	struct tree_head head = head_at(0);
	struct tile_pub *p;
	struct log l;

	(void)state;
	log_open(&l);
	assert_rc(RC_OK, open_pub(&l, &head, &p));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fsck_report report;
		struct tree_head older = head;

		assert_rc(RC_OK, advance(p, sizes[i]));
		assert_string_equal(l.last, "checkpoint");
		assert_whole(&l, sizes[i]);
		assert_rc(RC_OK, check(&l, &older, &report, NULL));
		head = tile_pub_head(p);
		assert_int_equal(head.size, sizes[i]);
		if (i % 2 == 1) { /* sometimes a restart */
			tile_pub_free(p);
			assert_rc(RC_OK, open_pub(&l, &head, &p));
			assert_int_equal(tile_pub_head(p).size, sizes[i]);
		}
	}
	assert_rc(RC_RANGE, advance(p, 1299));
	tile_pub_free(p);
	tile_pub_free(NULL);
	log_close(&l);
}

static void a_small_commit_is_three_small_files(void **state)
{
	struct tree_head zero = head_at(0);
	struct tile_pub *p;
	struct log l;

	(void)state;
	log_open(&l);
	assert_rc(RC_OK, open_pub(&l, &zero, &p));
	assert_rc(RC_OK, advance(p, 1000));
	for (uint64_t size = 1001; size < 1020; size++) {
		l.writes = 0;
		assert_rc(RC_OK, advance(p, size));
		assert_int_equal(l.writes, 3);
	}
	assert_rc(RC_OK, advance(p, 1023));
	l.writes = l.durable = 0;
	assert_rc(RC_OK, advance(p, 1024)); /* full bundle, full tile, tile/1 and the checkpoint */
	assert_int_equal(l.writes, 4);
	assert_int_equal(l.durable, 2);
	assert_int_equal(faccessat(l.fd, "tile/0/003.p", F_OK, 0), -1);
	assert_int_equal(faccessat(l.fd, "tile/entries/003.p", F_OK, 0), -1);
	tile_pub_free(p);
	log_close(&l);
}

static void tiles_are_the_nodes_of_the_tree(void **state)
{
	const uint64_t size = 70000;
	AUTO(tree_mem) struct tree_mem t;
	AUTO(tile_nodes) struct tile_nodes nodes;
	AUTO(buf) struct buf out;
	struct tree_reader want;
	struct tree_reader got;
	struct tile_reader reader;
	struct log l;

	(void)state;
	log_open(&l);
	publish(&l, size);
	tree_mem_init(&t);
	for (uint64_t i = 0; i < size; i++) {
		struct digest leaf = leaf_of(i);

		assert_rc(RC_OK, tree_mem_append(&t, &leaf));
	}
	reader = tile_dir_reader(&l.fd);
	tile_nodes_init(&nodes, &reader, size);
	got = tile_nodes_reader(&nodes);
	want = tree_mem_reader(&t);
	for (unsigned height = 0; height < 17; height++) {
		for (uint64_t i = 0; i < size >> height; i += i < 600 || height > 3 ? 1 : 251) {
			struct digest a;
			struct digest b;

			assert_rc(RC_OK, want.node(want.ctx, height, i, &a, NULL));
			assert_rc(RC_OK, got.node(got.ctx, height, i, &b, NULL));
			assert_true(digest_is_equal(&a, &b));
		}
		struct digest none;

		assert_rc(RC_RANGE, got.node(got.ctx, height, size >> height, &none, NULL));
	}
	struct digest none;
	assert_rc(RC_RANGE, got.node(got.ctx, 63, 0, &none, NULL));
	buf_init(&out, 100);
	assert_rc(RC_OK, tile_entry(&reader, size, 69999, &out, NULL));
	assert_string_equal(buf_cstr(&out), "entry 69999");
	assert_rc(RC_RANGE, tile_entry(&reader, size, size, &out, NULL));
	buf_release(&out);
	buf_init(&out, 3);
	assert_rc(RC_LIMIT, tile_entry(&reader, size, 0, &out, NULL));
	log_close(&l);
}

static void partial_tiles_fall_back_to_full_ones(void **state)
{
	const struct tile_id tile = {.level = 0, .index = 0, .width = 10};
	const struct tile_id bundle = {.level = TILE_ENTRIES, .index = 0, .width = 10};
	const struct tile_id wider = {.level = 0, .index = 1, .width = 50};
	struct tile_reader r;
	AUTO(buf) struct buf out;
	struct digest leaf = leaf_of(9);
	struct log l;

	(void)state;
	buf_init(&out, TILE_BUNDLE_MAX);
	log_open(&l);
	r = tile_dir_reader(&l.fd);
	publish(&l, 10);
	assert_rc(RC_OK, r.read(r.ctx, &tile, &out, NULL));
	publish(&l, 300); /* from 0, over it */
	assert_int_equal(faccessat(l.fd, "tile/0/000.p/10", F_OK, 0), -1);
	assert_rc(RC_OK, r.read(r.ctx, &tile, &out, NULL));
	assert_int_equal(out.len, 320);
	assert_memory_equal(out.ptr + 288, leaf.b, 32);
	assert_rc(RC_OK, r.read(r.ctx, &bundle, &out, NULL));
	assert_rc(RC_OK, bundle_check(buf_view(&out), 10, NULL));
	assert_rc(RC_NOTFOUND, r.read(r.ctx, &wider, &out, NULL));
	log_close(&l);
}

/* Each write fails once, before or after it took effect. Whatever checkpoint is there stays whole;
 * the same fault again, then none, leads to the end. */
static void a_fault_at_every_write(void **state)
{
	const struct tree_head published = head_at(250);
	unsigned points = 0;

	(void)state;
	for (unsigned fail = 1, more = 1; more; fail++) {
		for (unsigned after = 0; after < 2; after++) {
			struct tile_pub *p;
			struct log l;
			rc r;

			log_open(&l);
			publish(&l, 250);
			for (unsigned twice = 0; twice < 2; twice++) {
				assert_rc(RC_OK, open_pub(&l, &published, &p));
				assert_int_equal(tile_pub_head(p).size, 250);
				l.writes = 0;
				l.fail = fail;
				l.fail_after = after;
				r = advance(p, 520);
				more = !rc_is_ok(r);
				points += more;
				if (more)
					assert_rc(RC_STATE, advance(p, 520));
				assert_whole(&l,
					     !more || (after && strcmp(l.last, "checkpoint") == 0)
						     ? 520
						     : 250);
				tile_pub_free(p);
			}
			l.fail = 0;
			assert_rc(RC_OK, open_pub(&l, &published, &p));
			assert_rc(RC_OK, advance(p, 520));
			assert_whole(&l, 520);
			tile_pub_free(p);
			log_close(&l);
		}
	}
	/* 2 bundles, 2 tiles, bundle, tile/0, tile/1, checkpoint; two ways, twice each */
	assert_int_equal(points, 8 * 4);
}

static void damage_is_built_again(void **state)
{
	static const char *const files[] = {"tile/0/000", "tile/0/002"};
	const struct tree_head published = head_at(800);
	struct tree_head wrong = published;
	struct tile_pub *p;
	struct log l;

	(void)state;
	log_open(&l);
	for (unsigned how = 0; how < 3; how++) {
		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
			int fd;

			publish(&l, 800);
			fd = openat(l.fd, files[i], O_WRONLY);
			assert_true(fd >= 0);
			if (how == 0)
				assert_int_equal(pwrite(fd, "x", 1, 100), 1);
			else if (how == 1)
				assert_int_equal(ftruncate(fd, 0), 0);
			else
				assert_int_equal(unlinkat(l.fd, files[i], 0), 0);
			fd_close(&fd);
			assert_rc(RC_OK, open_pub(&l, &published, &p));
			assert_int_equal(tile_pub_head(p).size, 0);
			assert_rc(RC_OK, advance(p, 801));
			assert_whole(&l, 801);
			tile_pub_free(p);
		}
	}
	wrong.root.b[0] ^= 1; /* a journal that says something else */
	assert_rc(RC_OK, open_pub(&l, &wrong, &p));
	assert_int_equal(tile_pub_head(p).size, 0);
	tile_pub_free(p);
	log_close(&l);
}

static rc long_entry(void *ctx, uint64_t index, struct buf *out, struct fault *f)
{
	(void)ctx;
	(void)index;
	(void)f;
	for (unsigned i = 0; i <= TILE_ENTRY_MAX; i++)
		buf_put_u8(out, 'a');
	return OK;
}

static void sources_that_fail(void **state)
{
	uint64_t limit = 5;
	const struct entry_source ends = {.entry = entry_of, .ctx = &limit};
	const struct entry_source too_long = {.entry = long_entry};
	const struct tree_head zero = head_at(0);
	struct tree_head head = head_at(4);
	struct tree_head huge = {.size = TREE_SIZE_MAX + 1};
	struct tile_store store;
	struct tile_pub *p;
	struct log l;

	(void)state;
	log_open(&l);
	store = tile_dir_store(&l.fd);
	assert_rc(RC_RANGE, tile_pub_open(&store, &ends, &huge, &p, NULL));
	assert_rc(RC_OK, tile_pub_open(&store, &ends, &zero, &p, NULL));
	assert_rc(RC_RANGE, tile_pub_advance(p, &huge, view_str("x"), NULL));
	head.root.b[0] ^= 1;
	assert_rc(RC_MISMATCH, tile_pub_advance(p, &head, view_str("never written"), NULL));
	assert_int_equal(faccessat(l.fd, "checkpoint", F_OK, 0), -1);
	tile_pub_free(p);
	assert_rc(RC_OK, tile_pub_open(&store, &ends, &zero, &p, NULL));
	assert_rc(RC_IO, advance(p, 6));
	tile_pub_free(p);
	head = head_at(6);
	assert_rc(RC_IO, tile_pub_open(&store, &ends, &head, &p, NULL));
	assert_rc(RC_OK, tile_pub_open(&store, &too_long, &zero, &p, NULL));
	assert_rc(RC_LIMIT, advance(p, 1));
	tile_pub_free(p);
	log_close(&l);
}

/* ---- fsck
 * --------------------------------------------------------------------------------------*/

static void fsck_sees_every_file(void **state)
{
	static const char *const files[] = {"checkpoint",	"tile/0/000",
					    "tile/0/001.p/44",	"tile/1/000.p/1",
					    "tile/entries/000", "tile/entries/001.p/44"};
	struct fsck_report report;
	struct log l;

	(void)state;
	log_open(&l);
	publish(&l, 300);
	assert_rc(RC_OK, check(&l, NULL, &report, NULL));
	assert_int_equal(report.tiles, 3);
	assert_int_equal(report.bundles, 2);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO(fd) int fd = openat(l.fd, files[i], O_RDWR);
		uint64_t size = 0;
		uint8_t byte = 0;
		struct fault f = {0};

		assert_rc(RC_OK, fd_size(fd, &size, NULL));
		for (uint64_t at = 0; at < size; at += 1 + size / 23) {
			assert_rc(RC_OK, fd_pread_full(fd, &byte, 1, at, NULL));
			byte ^= 1;
			assert_rc(RC_OK, fd_pwrite_full(fd, &byte, 1, at, NULL));
			if (rc_is_ok(check(&l, NULL, &report, &f)))
				fail_msg("%s: byte %llu not seen", files[i],
					 (unsigned long long)at);
			byte ^= 1;
			assert_rc(RC_OK, fd_pwrite_full(fd, &byte, 1, at, NULL));
		}
		assert_rc(RC_OK, check(&l, NULL, &report, &f));
		assert_int_equal(ftruncate(fd, (off_t)size - 1), 0);
		assert_false(rc_is_ok(check(&l, NULL, &report, &f)));
		assert_int_equal(unlinkat(l.fd, files[i], 0), 0);
		assert_rc(RC_NOTFOUND, check(&l, NULL, &report, &f));
		publish(&l, 300);
	}
	log_close(&l);
}

static rc refuse_7(void *ctx, uint64_t index, struct view entry, struct fault *f)
{
	uint64_t *seen = (uint64_t *)ctx;

	(*seen)++;
	return index == 7 ? fault_set(f, RC_DENIED, 0, "entry 7: %.*s", (int)entry.len,
				      (const char *)entry.ptr)
			  : OK;
}

static void fsck_of_meaning_and_history(void **state)
{
	AUTO(buf) struct buf note;
	AUTO(buf) struct buf other;
	struct tree_head older = head_at(256);
	struct tree_head forged = head_at(299);
	struct vkey wrong;
	struct fsck c;
	struct fsck_report report;
	struct checkpoint cp;
	struct fault f = {0};
	uint64_t seen = 0;
	struct log l;

	(void)state;
	log_open(&l);
	publish(&l, 300);
	buf_init(&note, CHECKPOINT_MAX);
	buf_init(&other, CHECKPOINT_MAX);
	assert_rc(RC_OK, tile_dir_checkpoint(l.fd, &note, NULL));
	c = (struct fsck){.reader = tile_dir_reader(&l.fd),
			  .note = buf_view(&note),
			  .log = &signer.key,
			  .older = &older,
			  .entry = refuse_7,
			  .ctx = &seen};
	assert_rc(RC_DENIED, fsck_run(&c, &report, &f));
	assert_string_equal(f.text, "entry 7: entry 7");
	assert_int_equal(seen, 8);
	c.entry = NULL;
	assert_rc(RC_OK, fsck_run(&c, &report, &f));
	assert_rc(RC_OK, log_follow(&c.reader, c.note, c.log, &older, &cp, &f));
	assert_int_equal(cp.head.size, 300);
	older.root.b[31] ^= 1;
	assert_rc(RC_MISMATCH, fsck_run(&c, &report, &f));
	assert_rc(RC_MISMATCH, log_follow(&c.reader, c.note, c.log, &older, &cp, &f));
	older = head_at(301);
	assert_rc(RC_RANGE, fsck_run(&c, &report, &f));
	assert_rc(RC_RANGE, log_follow(&c.reader, c.note, c.log, &older, &cp, &f));
	older = (struct tree_head){0};
	assert_rc(RC_OK, fsck_run(&c, &report, &f));
	assert_rc(RC_OK, log_follow(&c.reader, c.note, c.log, &older, &cp, &f));
	assert_rc(RC_OK, vkey_make("other.example", signer.key.key, &wrong, NULL));
	c.log = &wrong;
	assert_rc(RC_UNKNOWN, fsck_run(&c, &report, &f));
	assert_rc(RC_UNKNOWN, log_follow(&c.reader, c.note, c.log, &older, &cp, &f));
	c.log = &signer.key;
	forged.size = 300; /* signed, but not the root of these entries */
	assert_rc(RC_OK, checkpoint_sign(&forged, &signer, &other, NULL));
	c.note = buf_view(&other);
	assert_rc(RC_MISMATCH, fsck_run(&c, &report, &f));
	older = head_at(200);
	assert_rc(RC_MISMATCH, log_follow(&c.reader, c.note, c.log, &older, &cp, &f));
	log_close(&l);
}

/* The unfinished tiles say the same as the compact range. */
static rc no_op(void *ctx, const struct tile_id *id, struct view hashes, struct fault *f)
{
	(void)f;
	assert_int_equal(hashes.len, TILE_BYTES);
	*(uint64_t *)ctx += id->level == 0;
	return OK;
}

static void building_is_the_compact_range(void **state)
{
	uint64_t full = 0;
	struct tile_build *b = (struct tile_build *)calloc(1, sizeof(*b));
	struct compact c;

	(void)state;
	assert_non_null(b);
	b->full = no_op;
	b->ctx = &full;
	compact_init(&c);
	for (uint64_t i = 0; i < 66000; i++) {
		struct digest leaf = leaf_of(i);

		assert_rc(RC_OK, tile_build_add(b, &leaf, NULL));
		assert_rc(RC_OK, compact_append(&c, &leaf));
		if (i < 520 || i > 65500) {
			struct compact d;

			if (i % 5 != 0)
				continue;
			tile_build_compact(b, &d);
			assert_int_equal(d.size, c.size);
			assert_int_equal(d.count, c.count);
			assert_memory_equal(d.hash, c.hash, c.count * sizeof(c.hash[0]));
		}
	}
	assert_int_equal(full, 257);
	b->size = TREE_SIZE_MAX;
	assert_rc(RC_LIMIT, tile_build_add(b, &c.hash[0], NULL));
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_have_one_spelling),
		cmocka_unit_test(widths_follow_the_size),
		cmocka_unit_test(bundles),
		cmocka_unit_test(building_is_the_compact_range),
		cmocka_unit_test(growing_in_steps),
		cmocka_unit_test(a_small_commit_is_three_small_files),
		cmocka_unit_test(tiles_are_the_nodes_of_the_tree),
		cmocka_unit_test(partial_tiles_fall_back_to_full_ones),
		cmocka_unit_test(a_fault_at_every_write),
		cmocka_unit_test(damage_is_built_again),
		cmocka_unit_test(sources_that_fail),
		cmocka_unit_test(fsck_sees_every_file),
		cmocka_unit_test(fsck_of_meaning_and_history),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
