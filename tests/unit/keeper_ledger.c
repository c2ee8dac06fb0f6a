/* Unit tests of prog/keeper/ledger: proofs from published tiles, and when those are not what the
 * journal says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/tlog/proof_file.h"
#include "prog/keeper/ledger.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define LEAVES 700u /* two full tiles and a part of a third */

static char dir[200];
static char public[240];
static struct ed25519_key *key;
static struct journal *journal;
static struct guard *guard;
static struct ledger ledger;

static void open_ledger(void)
{
	struct ledger_config c = {.public_dir = public};
	char path[240];

	(void)snprintf(path, sizeof(path), "%s/keeper.db", dir);
	assert_rc(RC_OK, journal_open(path, false, &journal, NULL));
	assert_rc(RC_OK, guard_open(dir, &guard, NULL));
	c.journal = journal;
	c.guard = guard;
	assert_rc(RC_OK, note_signer_ed25519("log.example", key, &c.signer, NULL));
	assert_rc(RC_OK, ledger_open(&c, &ledger, NULL));
}

static void close_ledger(void)
{
	ledger_close(&ledger);
	journal_close(journal);
	guard_close(guard);
	journal = NULL;
	guard = NULL;
}

static void fill(uint64_t from, uint64_t to)
{
	bool fatal;

	for (uint64_t i = from; i < to; i++) {
		struct leaf leaf = {.kind = LEAF_LOG, .time = (unix_time)(1000 + i)};
		uint64_t index;

		(void)snprintf(leaf.action, sizeof(leaf.action), "start");
		assert_rc(RC_OK, ledger_append(&ledger, &leaf, &index, NULL));
		assert_int_equal(index, i);
	}
	assert_rc(RC_OK, ledger_commit(&ledger, NULL));
	assert_rc(RC_OK, ledger_publish(&ledger, false, &fatal, NULL));
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct guard_mark mark = {.origin = "log.example", .epoch = 7};
	struct journal_identity id = {.origin = "log.example", .epoch = 7};
	AUTO(secret) struct secret seed = {0};
	uint8_t public_key[ED25519_PUBLIC];
	char prefix[150];
	char path[240];
	struct vkey vkey;
	struct buf text;

	(void)state;
	(void)snprintf(prefix, sizeof(prefix), "%s/ledger-", tmp != NULL ? tmp : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, dir, sizeof(dir), NULL));
	(void)snprintf(public, sizeof(public), "%s/public", dir);
	(void)snprintf(path, sizeof(path), "%s/keeper.db", dir);
	assert_int_equal(mkdir(public, 0700), 0);
	assert_rc(RC_OK, secret_new(&seed, 32));
	memset(seed.ptr, 5, 32);
	assert_rc(RC_OK, ed25519_key_new(&seed, &key, NULL));
	ed25519_key_public(key, public_key);
	assert_rc(RC_OK, vkey_make("log.example", public_key, &vkey, NULL));
	buf_init_fixed(&text, id.vkey, sizeof(id.vkey) - 1);
	vkey_put(&vkey, &text);
	assert_rc(RC_OK, name_parse(view_str("main"), &id.token));
	mark.head.root = tree_empty_root();
	assert_rc(RC_OK, guard_create(dir, &mark, NULL));
	assert_rc(RC_OK, journal_create(path, &id, NULL));
	open_ledger();
	/* The second commit notes what is published; a start would write it all anew otherwise. */
	fill(0, LEAVES - 1);
	fill(LEAVES - 1, LEAVES);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	close_ledger();
	ed25519_key_free(key);
	key = NULL;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void assert_proofs(void)
{
	for (uint64_t i = 0; i < LEAVES; i += 37) {
		AUTO(buf) struct buf proof = {0};
		AUTO(buf) struct buf body = {0};
		struct proof_file file;

		buf_init(&proof, PROOF_FILE_MAX);
		buf_init(&body, LEAF_BYTES_MAX);
		assert_rc(RC_OK, ledger_proof(&ledger, i, &proof, NULL));
		assert_rc(RC_OK, journal_leaf_get(journal, i, NULL, &body, NULL));
		assert_rc(RC_OK, proof_file_parse(buf_view(&proof), &file, NULL));
		assert_rc(RC_OK, proof_file_verify(&file, buf_view(&body), &ledger.signer.key, NULL,
						   NULL));
		/* A receipt has the entry with it. */
		buf_clear(&proof);
		buf_clear(&body);
		assert_rc(RC_OK, ledger_receipt(&ledger, i, &proof, NULL));
		assert_rc(RC_OK, proof_file_parse(buf_view(&proof), &file, NULL));
		assert_rc(RC_OK, base64_parse(BASE64_STD, file.extra, &body, NULL));
		assert_rc(RC_OK, proof_file_verify(&file, buf_view(&body), &ledger.signer.key, NULL,
						   NULL));
	}
	assert_rc(RC_RANGE,
		  ledger_receipt(&ledger, ledger.committed.tree.size, &(struct buf){0}, NULL));
}

static void proofs_verify(void **state)
{
	(void)state;
	assert_proofs();
	/* Also before anything but the head has been read. */
	close_ledger();
	open_ledger();
	assert_proofs();
}

static void spoil(const char *name, size_t at)
{
	char path[300];
	AUTO(fd) int fd = -1;
	uint8_t byte;

	(void)snprintf(path, sizeof(path), "%s/tile/0/%s", public, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_rc(RC_OK, fd_pread_full(fd, &byte, 1, at, NULL));
	byte ^= 1;
	assert_rc(RC_OK, fd_pwrite_full(fd, &byte, 1, at, NULL));
}

/* public/ is a projection: what is wrong or missing there gets into no proof. */
static void wrong_tiles_are_not_used(void **state)
{
	char path[300];

	(void)state;
	/* Not over a start, which mends them. */
	spoil("000", 0);
	spoil("001", 8191);
	assert_proofs();
	(void)snprintf(path, sizeof(path), "%s/tile/0/000", public);
	assert_int_equal(truncate(path, 4096), 0);
	(void)snprintf(path, sizeof(path), "%s/tile/0/001", public);
	assert_int_equal(unlink(path), 0);
	assert_proofs();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(proofs_verify, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_tiles_are_not_used, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
