/* tlog_tool - makes logs for tlog.sh. The key's seed is public: 32 times the byte 7.
 *
 *	tlog_tool vkey                        prints the key
 *	tlog_tool grow DIR SIZE               publishes "entry <i>" up to SIZE, from the checkpoint
 *there tlog_tool proof DIR INDEX             prints a tlog-proof file made from the tiles tlog_tool
 *fsck DIR                    checks all of it */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/tlog/fsck.h"
#include "lib/tlog/proof_file.h"
#include "lib/tlog/tile_dir.h"

static rc entry_of(void *ctx, uint64_t index, struct buf *out, struct fault *f)
{
	(void)ctx;
	(void)f;
	buf_printf(out, "entry %llu", (unsigned long long)index);
	return OK;
}

static rc head_at(uint64_t size, struct tree_head *ret, struct fault *f)
{
	struct compact c;

	compact_init(&c);
	while (c.size < size) {
		AUTO(buf) struct buf b;
		struct digest leaf;

		buf_init(&b, 64);
		TRY(entry_of(NULL, c.size, &b, f));
		TRY(buf_done(&b));
		leaf = tree_leaf_hash(buf_view(&b));
		TRY(compact_append(&c, &leaf));
	}
	*ret = compact_head(&c);
	return OK;
}

static rc grow(const int *dirfd, const struct note_signer *s, uint64_t size, struct fault *f)
{
	const struct entry_source source = {.entry = entry_of};
	const struct tile_store store = tile_dir_store(dirfd);
	__attribute__((cleanup(tile_pub_autorelease))) struct tile_pub *p = NULL;
	struct checkpoint c = {.head.root = tree_empty_root()};
	struct tree_head head;
	AUTO(buf) struct buf old;
	AUTO(buf) struct buf note;
	rc r;

	buf_init(&old, CHECKPOINT_MAX);
	buf_init(&note, CHECKPOINT_MAX);
	r = tile_dir_checkpoint(*dirfd, &old, f);
	if (rc_is_ok(r))
		TRY(checkpoint_open(buf_view(&old), &s->key, &c, f));
	else if (r.code != RC_NOTFOUND)
		return r;
	TRY(tile_pub_open(&store, &source, &c.head, &p, f));
	if (tile_pub_head(p).size != c.head.size)
		return fault_set(f, RC_CORRUPT, 0, "the directory is not its checkpoint's");
	TRY(head_at(size, &head, f));
	TRY(checkpoint_sign(&head, s, &note, f));
	return tile_pub_advance(p, &head, buf_view(&note), f);
}

static rc proof(const int *dirfd, const struct note_signer *s, uint64_t index, struct fault *f)
{
	const struct tile_reader tiles = tile_dir_reader(dirfd);
	AUTO(tile_nodes) struct tile_nodes nodes = {0};
	struct proof_file p = {.index = index, .extra = view_str("c2FsdA==")};
	struct tree_reader tree;
	struct checkpoint c;
	AUTO(buf) struct buf note;
	AUTO(buf) struct buf out;

	buf_init(&note, CHECKPOINT_MAX);
	buf_init(&out, PROOF_FILE_MAX);
	TRY(tile_dir_checkpoint(*dirfd, &note, f));
	TRY(checkpoint_open(buf_view(&note), &s->key, &c, f));
	tile_nodes_init(&nodes, &tiles, c.head.size);
	tree = tile_nodes_reader(&nodes);
	TRY(tree_prove_inclusion(&tree, c.head.size, index, &p.proof, f));
	p.note = buf_view(&note);
	proof_file_put(&p, &out);
	TRY(buf_done(&out));
	return fd_write_full(STDOUT_FILENO, out.ptr, out.len, f);
}

static rc check(const int *dirfd, const struct note_signer *s, struct fault *f)
{
	struct fsck c = {.reader = tile_dir_reader(dirfd), .log = &s->key};
	struct fsck_report report;
	AUTO(buf) struct buf note;

	buf_init(&note, CHECKPOINT_MAX);
	TRY(tile_dir_checkpoint(*dirfd, &note, f));
	c.note = buf_view(&note);
	TRY(fsck_run(&c, &report, f));
	(void)printf("ok: %llu entries, %llu tiles\n",
		     (unsigned long long)report.checkpoint.head.size,
		     (unsigned long long)report.tiles);
	return OK;
}

static rc run(int argc, char **argv, struct fault *f)
{
	AUTO(secret) struct secret seed = {0};
	__attribute__((cleanup(ed25519_key_autorelease))) struct ed25519_key *key = NULL;
	AUTO(fd) int dirfd = -1;
	AUTO(buf) struct buf out;
	struct note_signer s;
	uint64_t n = 0;

	buf_init(&out, 1000);
	TRY(secret_new(&seed, ED25519_SEED));
	memset(seed.ptr, 7, ED25519_SEED);
	TRY(ed25519_key_new(&seed, &key, f));
	TRY(note_signer_ed25519("log.example", key, &s, f));
	if (argc == 2 && strcmp(argv[1], "vkey") == 0) {
		vkey_put(&s.key, &out);
		(void)printf("%s\n", buf_cstr(&out));
		return OK;
	}
	if (argc < 3)
		return fault_set(f, RC_USAGE, 0,
				 "usage: tlog_tool vkey | grow|proof DIR N | fsck DIR");
	TRY(dir_open(argv[2], &dirfd, f));
	if (argc == 4)
		TRY(num_parse_u64(argv[3], strlen(argv[3]), 100000000, &n));
	if (strcmp(argv[1], "grow") == 0)
		return grow(&dirfd, &s, n, f);
	if (strcmp(argv[1], "proof") == 0)
		return proof(&dirfd, &s, n, f);
	return check(&dirfd, &s, f);
}

int main(int argc, char **argv)
{
	struct fault f = {0};
	rc r = run(argc, argv, &f);

	if (!rc_is_ok(r))
		(void)fprintf(stderr, "tlog_tool: %s: %s\n", rc_name(r), f.text);
	return rc_is_ok(r) ? 0 : 1;
}
