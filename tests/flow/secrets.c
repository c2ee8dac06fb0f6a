/* Where a private key is, and where it is not (P1). A file token is unsealed here as its owner
 * could, so that the bytes to look for are known: scalars, primes and exponents of each key, in
 * both byte orders, as hexadecimal and as base64.
 *
 * Nowhere: files of the keeper, its log, its answers, its command line and environment, a core
 * file. In memory: the keys themselves, for a file token's keeper uses them there (SECURITY.md);
 * not the passphrase, nor what was made of it but the seal key, which is on pages that no core file
 * gets. As root the keeper's memory is read; then everything once more as an ordinary user, who
 * must not read even that of a process of their own name. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/crypt/seal.h"
#include "lib/proto/keeper_caller.h"
#include "tests/lib/fixture.h"

#define NEEDLES_MAX 64
#define NEEDLE_MIN 12
#define PART_MAX 512
#define PASSPHRASE "not a secret"
#define NOBODY 65534

static const char *const admins[] = {"erin", "frank", NULL};

struct needle {
	char what[40];
	uint8_t bytes[PART_MAX];
	size_t len;
};

static struct fixture fx;
static struct needle needles[NEEDLES_MAX];
static size_t needle_count;
static struct secret plain; /* what the token's file holds, unsealed */
static struct secret seal_key;
static struct secret stretched;

/* ---- What to look for ----------------------------------------------------------------------*/

static void add(const char *what, const void *bytes, size_t len)
{
	struct needle *n = &needles[needle_count++];

	fx_check(needle_count <= NEEDLES_MAX && len >= NEEDLE_MIN && len <= PART_MAX);
	(void)snprintf(n->what, sizeof(n->what), "%s", what);
	memcpy(n->bytes, bytes, len);
	n->len = len;
}

static void add_number(EVP_PKEY *key, const char *param)
{
	BIGNUM *bn = NULL;
	uint8_t be[PART_MAX];
	int len;

	if (EVP_PKEY_get_bn_param(key, param, &bn) != 1)
		return;
	len = BN_bn2bin(bn, be);
	add(param, be, (size_t)len);
	BN_clear_free(bn);
}

static void add_key(struct view pkcs8)
{
	static const char *const numbers[] = {
		OSSL_PKEY_PARAM_PRIV_KEY,	  OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_FACTOR1,	  OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1,	  OSSL_PKEY_PARAM_RSA_EXPONENT2,
		OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	};
	const uint8_t *at = pkcs8.ptr;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)pkcs8.len);
	uint8_t seed[32];
	size_t len = sizeof(seed);

	fx_check(key != NULL);
	if (EVP_PKEY_get_raw_private_key(key, seed, &len) == 1)
		add("Ed25519 seed", seed, len);
	else
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			add_number(key, numbers[i]);
	EVP_PKEY_free(key);
}

/* prog/keeper/token_file.c: the header's fields, and the records inside. */
static void unseal(void)
{
	struct secret passphrase;
	AUTO(buf) struct buf file;
	struct seal seal = {.key = &seal_key};
	struct view v, record;
	char path[300];
	uint32_t count;

	buf_init(&file, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/state/tokens/main.token", fx.dir);
	fx_ok(file_read(path, &file, NULL));
	fx_check(file.len > 188 && memcmp(file.ptr, "GSTOKEN1", 8) == 0);
	fx_ok(secret_new(&passphrase, strlen(PASSPHRASE)));
	memcpy(passphrase.ptr, PASSPHRASE, passphrase.len);
	fx_ok(seal_scrypt(secret_view(&passphrase), view_of(file.ptr + 80, 32), file.ptr[9],
			  &stretched, NULL));
	fx_ok(seal_hkdf(secret_view(&stretched), view_of(file.ptr + 80, 32),
			"greatseal token seal v1", &seal_key, NULL));
	memcpy(seal.nonce, file.ptr + 144, SEAL_NONCE);
	seal.aad = view_of(file.ptr, 188);
	fx_ok(seal_decrypt(&seal, view_of(file.ptr + 188, file.len - 188), &plain, NULL));
	v = secret_view(&plain);
	fx_ok(view_u32be(&v, &count));
	fx_check(count == 3); /* the log's, nightly, release */
	for (uint32_t i = 0; i < count; i++) {
		fx_ok(view_take(&v, 1 + DIGEST_SIZE, &record));
		fx_ok(view_string(&v, SECRET_MAX, &record));
		add_key(record);
	}
	add("passphrase", PASSPHRASE, strlen(PASSPHRASE));
	add("stretched passphrase", stretched.ptr, stretched.len);
	add("seal key", seal_key.ptr, seal_key.len);
	secret_release(&passphrase);
}

/* ---- Looking -------------------------------------------------------------------------------*/

static bool holds(struct view hay, const void *p, size_t len)
{
	return hay.len >= len && memmem(hay.ptr, hay.len, p, len) != NULL;
}

static void to_hex(const struct needle *n, const char *digits, char *out)
{
	for (size_t i = 0; i < n->len; i++) {
		out[2 * i] = digits[n->bytes[i] >> 4];
		out[2 * i + 1] = digits[n->bytes[i] & 15];
	}
}

/* Base64 of any text with the bytes in it: three ways to be aligned, without the edges. */
static bool holds_base64(struct view hay, const struct needle *n)
{
	for (size_t shift = 0; shift < 3; shift++) {
		uint8_t padded[PART_MAX + 2] = {0};
		AUTO(buf) struct buf text;

		buf_init(&text, 2 * PART_MAX);
		memcpy(padded + shift, n->bytes, n->len);
		base64_put(BASE64_STD, view_of(padded, (n->len + shift) / 3 * 3), &text);
		if (holds(hay, text.ptr + 4, text.len - 4))
			return true;
	}
	return false;
}

static const char *found_in(struct view hay, const struct needle *n)
{
	char hex[2 * PART_MAX];
	uint8_t turned[PART_MAX];

	for (size_t i = 0; i < n->len; i++)
		turned[i] = n->bytes[n->len - 1 - i];
	if (holds(hay, n->bytes, n->len))
		return "as it is";
	if (holds(hay, turned, n->len))
		return "turned round";
	to_hex(n, "0123456789abcdef", hex);
	if (holds(hay, hex, 2 * n->len))
		return "as hexadecimal";
	to_hex(n, "0123456789ABCDEF", hex);
	if (holds(hay, hex, 2 * n->len))
		return "as hexadecimal";
	return holds_base64(hay, n) ? "as base64" : NULL;
}

static void is_clean(struct view hay, const char *where)
{
	for (size_t i = 0; i < needle_count; i++) {
		const char *how = found_in(hay, &needles[i]);

		if (how != NULL)
			fail_msg("%s holds %s, %s", where, needles[i].what, how);
	}
}

/* ---- Files ---------------------------------------------------------------------------------*/

static size_t files_read;

static int one_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
	AUTO(buf) struct buf bytes;

	buf_init(&bytes, 64u << 20);
	(void)at;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	/* The one file that is meant to hold the passphrase. */
	if (strcmp(path + strlen(path) - 11, "/passphrase") == 0)
		return 0;
	fx_ok(file_read(path, &bytes, NULL));
	is_clean(buf_view(&bytes), path);
	files_read++;
	return 0;
}

static void files_are_clean(void)
{
	files_read = 0;
	assert_int_equal(nftw(fx.dir, one_file, 16, FTW_PHYS), 0);
	/* Journal, its log, guard, token, checkpoint, tiles, entries, documents, log. */
	assert_true(files_read >= 10);
}

/* ---- Setting -------------------------------------------------------------------------------*/

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "release", "rsa-3072");
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	unseal();
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	secret_release(&plain);
	secret_release(&stretched);
	secret_release(&seal_key);
	needle_count = 0;
	fx_end(&fx);
	return 0;
}

/* ---- Cases ---------------------------------------------------------------------------------*/

/* A search that finds nothing anywhere would find nothing here either. */
static void the_search_finds(void **state)
{
	AUTO(buf) struct buf text;
	char hex[2 * PART_MAX];

	(void)state;
	assert_true(needle_count == 3 + 1 + 1 + 6);
	for (size_t i = 0; i < needle_count - 3; i++)
		assert_non_null(found_in(secret_view(&plain), &needles[i]));
	for (size_t i = 0; i < needle_count; i++) {
		buf_init(&text, 4 * PART_MAX);
		to_hex(&needles[i], "0123456789abcdef", hex);
		buf_put(&text, "x", 1);
		buf_put(&text, hex, 2 * needles[i].len);
		assert_string_equal(found_in(buf_view(&text), &needles[i]), "as hexadecimal");
		buf_clear(&text);
		for (size_t n = 0; n < 3; n++) {
			uint8_t padded[PART_MAX + 2] = {0};

			buf_clear(&text);
			memcpy(padded + n, needles[i].bytes, needles[i].len);
			base64_put(BASE64_STD, view_of(padded, needles[i].len + n), &text);
			assert_string_equal(found_in(buf_view(&text), &needles[i]), "as base64");
		}
		buf_release(&text);
	}
}

static void answer_is_clean(void)
{
	is_clean(buf_view(&fx.body), keeper_type_name(fx.header.type));
}

static void ask(struct buf *frame)
{
	assert_int_not_equal(fx_exchange(&fx, frame), 0);
	answer_is_clean();
	buf_clear(frame);
}

/* Every kind of answer, refusals among them, and what the log says of it all. */
static void answers_are_clean(void **state)
{
	const struct view all = view_str("");
	const struct view names[] = {view_str("release"), view_str("CN=Somebody")};
	struct key_change lock = {.action = KEY_LOCK};
	struct fx_request q, n;
	AUTO(buf) struct buf frame;

	(void)state;
	buf_init(&frame, KEEPER_FRAME_MAX);
	fx_request_new(&fx, "release", 4, &q);
	fx_request_new(&fx, "nightly", 4, &n);
	assert_int_equal(fx_submit(&fx, &n, true), KEEPER_R_RESULT);
	answer_is_clean();
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_STATUS);
	answer_is_clean();
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_STATUS);
	answer_is_clean();
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_ERROR);
	answer_is_clean();
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
	answer_is_clean();
	assert_int_equal(fx_show(&fx, &q), KEEPER_R_STATUS);
	answer_is_clean();
	fx_ok(name_parse(view_str("release"), &lock.key));
	assert_int_equal(fx_key_change(&fx, &lock, admins), KEEPER_R_CHANGE);
	answer_is_clean();
	keeper_put_hello_request(&frame, ++fx.correlation);
	ask(&frame);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_KEYS, &all, 1);
	ask(&frame);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_KEYS, names, 1);
	ask(&frame);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_CSR, names, 2);
	ask(&frame);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_CERTS, names, 1);
	ask(&frame);
	keeper_put_document_request(&frame, ++fx.correlation, STATEMENT_POLICY);
	ask(&frame);
	keeper_put_digest(&frame, ++fx.correlation, KEEPER_STATEMENT, &q.id);
	ask(&frame);
	keeper_put_proof_request(&frame, ++fx.correlation, 0, 0);
	ask(&frame);
	fx_request_release(&q);
	fx_request_release(&n);
}

static void files_and_logs_are_clean(void **state)
{
	(void)state;
	files_are_clean();
	fx_stop(&fx); /* the journal is one file now */
	files_are_clean();
	/* A token that does not open says why without saying with what. */
	fx_run(&fx);
	files_are_clean();
}

static bool read_proc(const char *name, struct buf *out)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)fx.pid, name);
	buf_clear(out);
	return rc_is_ok(file_read(path, out, NULL));
}

static void command_line_and_environment_are_clean(void **state)
{
	AUTO(buf) struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	assert_true(read_proc("cmdline", &text));
	assert_true(text.len > 0);
	is_clean(buf_view(&text), "command line");
	if (read_proc("environ", &text))
		is_clean(buf_view(&text), "environment");
	else
		(void)printf("the environment cannot be read by this user at all\n");
}

/* ---- Memory --------------------------------------------------------------------------------*/

struct region {
	unsigned long from, to;
	bool readable, kept_out; /* VmFlags dd: not in a core file */
};

static size_t regions(struct region *out, size_t max)
{
	char path[80], line[400];
	size_t n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)fx.pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		struct region r = {0};
		char mode[8];

		if (sscanf(line, "%lx-%lx %7s", &r.from, &r.to, mode) == 3 && n < max) {
			r.readable = mode[0] == 'r';
			out[n++] = r;
		} else if (n > 0 && strncmp(line, "VmFlags:", 8) == 0) {
			out[n - 1].kept_out = strstr(line, " dd") != NULL;
		}
	}
	(void)fclose(f);
	return n;
}

/* The region's bytes in parts that overlap by the longest needle. */
static bool region_holds(int mem, const struct region *r, const struct needle *n)
{
	static uint8_t part[1 << 20];

	for (unsigned long at = r->from; at < r->to; at += sizeof(part) - PART_MAX) {
		size_t want = r->to - at < sizeof(part) ? r->to - at : sizeof(part);
		ssize_t got = pread(mem, part, want, (off_t)at);

		if (got <= 0)
			return false; /* [vvar] and the like */
		if (holds(view_of(part, (size_t)got), n->bytes, n->len))
			return true;
	}
	return false;
}

/* In how many regions it is; *ret_open: in how many that a core file would get. */
static unsigned in_memory(int mem, const struct needle *n, unsigned *ret_open)
{
	static struct region list[4096];
	size_t count = regions(list, 4096);
	unsigned found = 0;

	*ret_open = 0;
	assert_true(count > 10 && count < 4096);
	for (size_t i = 0; i < count; i++) {
		if (!list[i].readable || !region_holds(mem, &list[i], n))
			continue;
		found++;
		*ret_open += !list[i].kept_out;
	}
	return found;
}

static const struct needle *needle(const char *what)
{
	for (size_t i = 0; i < needle_count; i++)
		if (strcmp(needles[i].what, what) == 0)
			return &needles[i];
	fx_die(__FILE__, __LINE__, what);
}

static void memory_is_as_designed(void **state)
{
	struct needle whole = {.len = 64};
	char path[80];
	unsigned open_pages;
	int mem;

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)fx.pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (mem < 0) {
		assert_int_not_equal(geteuid(), 0);
		(void)printf("the memory cannot be read by this user at all\n");
		return;
	}
	/* The control: a file token's keys are used here, so they are here. */
	assert_true(in_memory(mem, needle(OSSL_PKEY_PARAM_RSA_FACTOR1), &open_pages) +
			    in_memory(mem, needle("Ed25519 seed"), &open_pages) >
		    0);
	/* What opened them is gone. */
	assert_int_equal(in_memory(mem, needle("passphrase"), &open_pages), 0);
	assert_int_equal(in_memory(mem, needle("stretched passphrase"), &open_pages), 0);
	/* The unsealed text is gone: only the keys that libcrypto made of it are left. Of each
	 * record the PKCS#8 header is looked for with the key that follows it. */
	memcpy(whole.bytes, plain.ptr + 4 + 1 + DIGEST_SIZE, whole.len);
	assert_int_equal(in_memory(mem, &whole, &open_pages), 0);
	/* The seal key stays, for the next key that is made, where no core file gets it. */
	assert_true(in_memory(mem, needle("seal key"), &open_pages) > 0);
	assert_int_equal(open_pages, 0);
	(void)close(mem);
}

/* A token that came, in a small message and in one that is too large for a connection's own
 * buffer: what is left of it once it was answered is nothing. */
static void tokens_do_not_stay(void **state)
{
	struct needle n = {.len = 64};
	const struct view service = view_str("ci");
	char token[8 + 2 * 64 + 1] = "eyJ.e30.";
	char path[80];
	unsigned open_pages;
	AUTO(buf) struct buf frame = {0};
	int mem;

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)fx.pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (mem < 0) {
		assert_int_not_equal(geteuid(), 0);
		return;
	}
	fx_ok(rng_fill(&rng_system, n.bytes, 32));
	for (size_t i = 0; i < 64; i++)
		token[8 + i] = (char)('A' + n.bytes[i % 32] % 26);
	memcpy(n.bytes, token + 8, n.len);
	buf_init(&frame, KEEPER_FRAME_MAX);
	for (int large = 0; large < 2; large++) {
		const struct keeper_caller asks = {.service = service, .token = view_str(token)};
		static char filler[70000];
		const struct keeper_submit wants = {.statement = view_of(filler, sizeof(filler)),
						    .requester_sig = view_str(token)};

		if (large == 0)
			keeper_put_caller(&frame, ++fx.correlation, &asks);
		else
			keeper_put_submit(&frame, ++fx.correlation, KEEPER_SUBMIT, &wants);
		ask(&frame);
		assert_int_equal(fx.header.type, KEEPER_R_ERROR);
		assert_int_equal(in_memory(mem, &n, &open_pages), 0);
	}
	(void)close(mem);
}

static unsigned long status_number(const char *name)
{
	AUTO(buf) struct buf text;
	const char *at;

	buf_init(&text, 1 << 16);
	assert_true(read_proc("status", &text));
	at = strstr(buf_cstr(&text), name);
	assert_non_null(at);
	return strtoul(at + strlen(name), NULL, 10);
}

/* Where the limit permits it, as the unit sets it, nothing of the keeper is ever swapped. */
static void memory_is_locked(void **state)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit before;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	if (setrlimit(RLIMIT_MEMLOCK, &all) != 0) {
		(void)printf("the limit of locked memory cannot be raised by this user\n");
		assert_true(status_number("VmLck:") > 0); /* the pages of secrets */
		return;
	}
	fx_stop(&fx);
	fx_run(&fx);
	assert_true(status_number("VmLck:") >= status_number("VmRSS:"));
	assert_int_equal(status_number("VmSwap:"), 0);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
	fx_stop(&fx);
	fx_run(&fx);
}

/* ---- The end -------------------------------------------------------------------------------*/

static void nobody_else_reads_it(void **state)
{
	char path[80], byte;
	struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)&fx, 1};
	int in[2], out[2], fd;
	pid_t other;

	(void)state;
	assert_true(status_number("NoNewPrivs:") == 1 && status_number("Seccomp:") == 2);
	if (geteuid() == 0) {
		(void)printf("as root every memory can be read; the ordinary user comes next\n");
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)fx.pid);
	assert_int_equal(open(path, O_RDONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(process_vm_readv(fx.pid, &here, 1, &there, 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ptrace(PTRACE_SEIZE, fx.pid, NULL, NULL), -1);
	assert_int_equal(errno, EPERM);
	/* The control: another child of the same user, which can be read. */
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	other = fork();
	assert_true(other >= 0);
	if (other == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)execlp("cat", "cat", (char *)NULL);
		_exit(99);
	}
	/* What comes back says that it is cat by now. */
	assert_int_equal(write(in[1], "x", 1), 1);
	assert_int_equal(read(out[0], &byte, 1), 1);
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)other);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	fd_close(&fd);
	for (size_t i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(out[i]);
	}
	assert_int_equal(waitpid(other, NULL, 0), other);
}

/* Aborted with a limit that would permit a core file: there is none, the keeper has given it up. */
static void no_core_file(void **state)
{
	struct rlimit core;
	AUTO(buf) struct buf limits;
	int status;

	(void)state;
	buf_init(&limits, 1 << 16);
	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	core.rlim_cur = core.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_CORE, &core), 0);
	fx_stop(&fx);
	fx_run(&fx);
	if (read_proc("limits", &limits)) {
		const char *at = strstr(buf_cstr(&limits), "Max core file size");
		char soft[32], hard[32];

		assert_non_null(at);
		assert_int_equal(sscanf(at, "Max core file size %31s %31s", soft, hard), 2);
		assert_string_equal(soft, "0");
		assert_string_equal(hard, "0");
	}
	assert_int_equal(kill(fx.pid, SIGABRT), 0);
	fd_close(&fx.fd);
	assert_int_equal(waitpid(fx.pid, &status, 0), fx.pid);
	fx.pid = 0;
	assert_true(WIFSIGNALED(status) && !WCOREDUMP(status));
	files_are_clean();
	fx_run(&fx);
	assert_true(fx.fd >= 0);
}

/* From here on an ordinary user, if that user can run the keeper. */
static bool become_ordinary(const char *dir)
{
	char keeper[400];

	(void)snprintf(keeper, sizeof(keeper), "%s/prog/keeper/greatseal-keeper", getenv("BUILD"));
	(void)setenv("TMPDIR", dir, 1);
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) != 0)
		return false;
	return access(dir, W_OK) == 0 && access(keeper, X_OK) == 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_search_finds),
	cmocka_unit_test(answers_are_clean),
	cmocka_unit_test(memory_is_as_designed), /* of a process that has made keys */
	cmocka_unit_test(tokens_do_not_stay),
	cmocka_unit_test(files_and_logs_are_clean),
	cmocka_unit_test(command_line_and_environment_are_clean),
	cmocka_unit_test(memory_is_as_designed), /* of one that has opened them */
	cmocka_unit_test(memory_is_locked),
	cmocka_unit_test(nobody_else_reads_it),
	cmocka_unit_test(no_core_file),
};

/* Once more in a child, as somebody else. */
static int as_ordinary_user(void)
{
	const char *tmp = getenv("TMPDIR");
	char dir[200];
	int status;
	pid_t pid;

	(void)snprintf(dir, sizeof(dir), "%s/ordinary-XXXXXX", tmp != NULL ? tmp : "/tmp");
	fx_check(mkdtemp(dir) != NULL && chown(dir, NOBODY, NOBODY) == 0);
	(void)fflush(NULL);
	pid = fork();
	fx_check(pid >= 0);
	if (pid == 0) {
		if (!become_ordinary(dir)) {
			(void)printf("skipped: an ordinary user cannot use %s and %s\n",
				     getenv("BUILD"), dir);
			exit(0);
		}
		exit(cmocka_run_group_tests_name("ordinary user", tests, group_setup,
						 group_teardown));
	}
	fx_check(waitpid(pid, &status, 0) == pid);
	(void)rmdir(dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
	int failed = cmocka_run_group_tests(tests, group_setup, group_teardown);

	if (failed == 0 && geteuid() == 0)
		failed = as_ordinary_user();
	return failed;
}
