/* Unit tests of the file token: keys survive, nothing else opens, damage and malice are told apart.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/keeper/token.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define HEADER 188
#define SUMMED 156

static char dir[200];
static struct token_spec spec;
static struct secret pass;

static void fill_secret(struct secret *s, const char *text)
{
	assert_rc(RC_OK, secret_new(s, strlen(text)));
	memcpy(s->ptr, text, strlen(text));
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char prefix[120];

	(void)state;
	snprintf(prefix, sizeof(prefix), "%s/token_file", tmp != NULL ? tmp : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, dir, sizeof(dir), NULL));
	assert_rc(RC_OK, token_spec_parse(view_str("file:main,scrypt=10"), dir, &spec, NULL));
	fill_secret(&pass, "correct horse");
	assert_rc(RC_OK, token_make(&spec, &pass, NULL));
	return 0;
}

static int teardown(void **state)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	(void)state;
	while ((e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(dir);
	secret_release(&pass);
	return 0;
}

static struct token *open_token(void)
{
	struct token *t = NULL;
	struct fault f = {0};

	if (!rc_is_ok(token_open(&spec, &pass, &t, &f)))
		fail_msg("%s", f.text);
	return t;
}

static struct token_wish wish(enum key_alg alg, const char *id)
{
	return (struct token_wish){.id = digest_of(view_str(id)), .alg = alg};
}

static void sign_and_verify(struct token *t, const struct token_wish *w, struct view spki)
{
	AUTO(token_session) struct token_session *s = NULL;
	AUTO(pkey) struct pkey *pub = NULL;
	struct hash h = hash_of(HASH_SHA384, view_str("bytes"));
	struct sign_input in = {.scheme = key_alg_scheme(w->alg), .hash = HASH_SHA384};
	AUTO(buf) struct buf out;

	buf_init(&out, PKEY_SIGNATURE_MAX);
	in.input = in.scheme == SIGN_ED25519 ? view_str("bytes") : hash_view(&h);
	assert_rc(RC_OK, token_session_new(t, &w->id, spki, &s, NULL));
	assert_rc(RC_OK, token_session_sign(s, &in, &out, NULL));
	assert_rc(RC_OK, pkey_from_spki(spki, &pub, NULL));
	assert_int_equal(pkey_alg(pub), w->alg);
	assert_rc(RC_OK, pkey_verify(pub, &in, buf_view(&out), NULL));
}

static const enum key_alg quick[] = {KEY_P256, KEY_P384, KEY_ED25519};

/* RSA too, but once: generating takes its time. */
static void keys_survive_closing(void **state)
{
	static const enum key_alg all[] = {KEY_P256, KEY_P384, KEY_ED25519, KEY_RSA3072};
	struct buf spki[4];
	AUTO(token) struct token *t = open_token();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct token_wish w = wish(all[i], key_alg_name(all[i]));

		buf_init(&spki[i], PKEY_SPKI_MAX);
		assert_rc(RC_OK, token_create_key(t, &w, &spki[i], NULL));
		sign_and_verify(t, &w, buf_view(&spki[i]));
	}
	token_close(t);
	t = open_token();
	for (size_t i = 0; i < 4; i++) {
		struct token_wish w = wish(all[i], key_alg_name(all[i]));
		AUTO(buf) struct buf again;

		buf_init(&again, PKEY_SPKI_MAX);
		assert_rc(RC_OK, token_find_key(t, &w.id, &again, NULL));
		assert_true(view_is_equal(buf_view(&again), buf_view(&spki[i])));
		sign_and_verify(t, &w, buf_view(&again));
		buf_release(&spki[i]);
	}
	assert_true(token_is_ready(t));
	assert_rc(RC_OK, token_probe(t, NULL));
	assert_true(token_parallel(t) >= 1);
	assert_string_equal(token_kind(t), "file");
	assert_string_equal(token_name(t)->s, "main");
}

static rc count_keys(void *ctx, const struct digest *id, struct view spki, struct fault *f)
{
	(void)id;
	(void)spki;
	(void)f;
	(*(size_t *)ctx)++;
	return OK;
}

static rc stop(void *ctx, const struct digest *id, struct view spki, struct fault *f)
{
	rc_ignore(count_keys(ctx, id, spki, f), "counts only");
	return RC(RC_STATE);
}

/* The order that was given twice, before and after a restart, has one key. */
static void same_order_same_key(void **state)
{
	AUTO(token) struct token *t = open_token();
	AUTO(buf) struct buf first;
	AUTO(buf) struct buf second;
	struct token_wish w = wish(KEY_P256, "order");
	size_t n = 0;

	(void)state;
	buf_init(&first, PKEY_SPKI_MAX);
	buf_init(&second, PKEY_SPKI_MAX);
	assert_rc(RC_OK, token_create_key(t, &w, &first, NULL));
	token_close(t);
	t = open_token();
	assert_rc(RC_OK, token_create_key(t, &w, &second, NULL));
	assert_true(view_is_equal(buf_view(&first), buf_view(&second)));
	w.alg = KEY_P384;
	assert_rc(RC_EXISTS, token_create_key(t, &w, &second, NULL));
	assert_rc(RC_OK, token_list(t, count_keys, &n, NULL));
	assert_int_equal(n, 1);
	w = wish(KEY_ED25519, "another");
	assert_rc(RC_OK, token_create_key(t, &w, &second, NULL));
	n = 0;
	assert_rc(RC_STATE, token_list(t, stop, &n, NULL));
	assert_int_equal(n, 1);
}

static void sessions_refuse(void **state)
{
	AUTO(token) struct token *t = open_token();
	AUTO(token_session) struct token_session *s = NULL;
	AUTO(buf) struct buf spki;
	AUTO(buf) struct buf other;
	AUTO(buf) struct buf out;
	struct token_wish w = wish(KEY_P256, "one");
	struct token_wish w2 = wish(KEY_P256, "two");
	struct sign_input in = {
		.scheme = SIGN_ECDSA, .hash = HASH_SHA256, .input = view_str("short")};

	(void)state;
	buf_init(&spki, PKEY_SPKI_MAX);
	buf_init(&other, PKEY_SPKI_MAX);
	buf_init(&out, PKEY_SIGNATURE_MAX);
	assert_rc(RC_OK, token_create_key(t, &w, &spki, NULL));
	assert_rc(RC_OK, token_create_key(t, &w2, &other, NULL));
	assert_rc(RC_NOTFOUND,
		  token_session_new(t, &(struct digest){{0}}, buf_view(&spki), &s, NULL));
	assert_rc(RC_MISMATCH, token_session_new(t, &w.id, buf_view(&other), &s, NULL));
	assert_rc(RC_TRUNCATED, token_session_new(t, &w.id, view_of("", 0), &s, NULL));
	assert_null(s);
	assert_rc(RC_OK, token_session_new(t, &w.id, buf_view(&spki), &s, NULL));
	assert_rc(RC_USAGE, token_session_sign(s, &in, &out, NULL));
	in.scheme = SIGN_RSA_PKCS1;
	in.input = view_of(dir, 32);
	assert_rc(RC_USAGE, token_session_sign(s, &in, &out, NULL));
	in.scheme = SIGN_ECDSA;
	out.max = 10;
	assert_rc(RC_LIMIT, token_session_sign(s, &in, &out, NULL));
	assert_int_equal(out.len, 0);
}

static void wrong_secret_is_not_damage(void **state)
{
	AUTO(token) struct token *t = NULL;
	AUTO(secret) struct secret wrong = {0};
	struct token_spec s = spec;
	struct fault f;

	(void)state;
	fill_secret(&wrong, "correct hors");
	assert_rc(RC_DENIED, token_open(&spec, &wrong, &t, &f));
	assert_string_equal(f.text, "token main: wrong passphrase");
	s.unlock = TOKEN_CREDENTIAL;
	assert_rc(RC_USAGE, token_open(&s, &pass, &t, &f));
	assert_rc(RC_EXISTS, token_make(&spec, &pass, &f));
	assert_rc(RC_OK, name_parse(view_str("other"), &s.name));
	s.unlock = TOKEN_PASSPHRASE;
	assert_rc(RC_MISMATCH, token_open(&s, &pass, &t, &f));
	(void)unlink(spec.path);
	assert_rc(RC_NOTFOUND, token_open(&spec, &pass, &t, &f));
	assert_null(t);
}

static void credential_opens(void **state)
{
	AUTO(token) struct token *t = NULL;
	AUTO(secret) struct secret key = {0};
	AUTO(secret) struct secret wrong = {0};
	struct token_spec s;

	(void)state;
	assert_rc(RC_OK, token_spec_parse(view_str("file:cred,credential=/x"), dir, &s, NULL));
	fill_secret(&key, "0123456789abcdef0123456789abcdef");
	fill_secret(&wrong, "0123456789abcdef0123456789abcdeg");
	assert_rc(RC_OK, token_make(&s, &key, NULL));
	assert_rc(RC_DENIED, token_open(&s, &wrong, &t, NULL));
	assert_rc(RC_OK, token_open(&s, &key, &t, NULL));
	s.unlock = TOKEN_PIN;
	(void)unlink(s.path);
	assert_rc(RC_USAGE, token_make(&s, &key, NULL));
}

static void read_token(struct buf *b)
{
	buf_init(b, 1 << 21);
	assert_rc(RC_OK, file_read(spec.path, b, NULL));
}

static void write_token(struct view bytes)
{
	struct file_spec to = {.dirfd = AT_FDCWD, .name = spec.path, .mode = 0600};

	assert_rc(RC_OK, file_replace(&to, bytes, NULL));
}

static enum rc_code open_code(struct fault *f)
{
	struct token *t = NULL;
	rc r = token_open(&spec, &pass, &t, f);

	token_close(t);
	return r.code;
}

static void every_flipped_byte_is_found(void **state)
{
	AUTO(token) struct token *t = open_token();
	AUTO(buf) struct buf good;
	AUTO(buf) struct buf spki;
	struct token_wish w = wish(KEY_P256, "one");
	struct fault f;

	(void)state;
	buf_init(&spki, PKEY_SPKI_MAX);
	assert_rc(RC_OK, token_create_key(t, &w, &spki, NULL));
	read_token(&good);
	for (size_t i = 0; i < good.len; i++) {
		good.ptr[i] ^= 0x01;
		write_token(buf_view(&good));
		assert_int_equal(open_code(&f), RC_CORRUPT);
		good.ptr[i] ^= 0x01;
	}
	for (size_t n = 0; n < good.len; n += 13) {
		write_token(view_of(good.ptr, n));
		assert_int_equal(open_code(&f), RC_CORRUPT);
	}
	buf_put_u8(&good, 0);
	write_token(buf_view(&good));
	assert_int_equal(open_code(&f), RC_CORRUPT);
	good.len--;
	write_token(buf_view(&good));
	assert_int_equal(open_code(&f), RC_OK);
}

/* Somebody who can write the file mends the check sum: the seal still holds. */
static void mended_check_sum_does_not_help(void **state)
{
	static const struct {
		size_t at;
		enum rc_code code;
	} rows[] = {
		{0, RC_CORRUPT},   /* magic */
		{8, RC_CORRUPT},   /* kdf: 0 */
		{9, RC_DENIED},	   /* scrypt's N: another key comes out */
		{10, RC_CORRUPT},  /* zero */
		{15, RC_CORRUPT},  /* length */
		{16, RC_MISMATCH}, /* name */
		{79, RC_MISMATCH}, /* name's padding */
		{80, RC_DENIED},   /* salt */
		{112, RC_DENIED},  /* key check */
		{144, RC_CORRUPT}, /* nonce */
		{188, RC_CORRUPT}, /* sealed */
	};
	AUTO(buf) struct buf file;

	(void)state;
	read_token(&file);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct digest sum;
		struct fault f;

		file.ptr[rows[i].at] ^= 0x01;
		sum = digest_of(view_of(file.ptr, SUMMED));
		memcpy(file.ptr + SUMMED, sum.b, DIGEST_SIZE);
		write_token(buf_view(&file));
		assert_int_equal(open_code(&f), rows[i].code);
		file.ptr[rows[i].at] ^= 0x01;
	}
	file.ptr[9] = 63;
	struct digest sum = digest_of(view_of(file.ptr, SUMMED));
	memcpy(file.ptr + SUMMED, sum.b, DIGEST_SIZE);
	write_token(buf_view(&file));
	assert_int_equal(open_code(NULL), RC_CORRUPT);
}

/* Two tokens under one passphrase: the sealed part of one in the other's file. */
static void parts_cannot_be_exchanged(void **state)
{
	AUTO(token) struct token *t = NULL;
	AUTO(buf) struct buf ours;
	AUTO(buf) struct buf theirs;
	struct token_spec other;

	(void)state;
	assert_rc(RC_OK, token_spec_parse(view_str("file:other,scrypt=10"), dir, &other, NULL));
	assert_rc(RC_OK, token_make(&other, &pass, NULL));
	read_token(&ours);
	buf_init(&theirs, 1 << 21);
	assert_rc(RC_OK, file_read(other.path, &theirs, NULL));
	assert_int_equal(ours.len, theirs.len);
	memcpy(ours.ptr + HEADER, theirs.ptr + HEADER, ours.len - HEADER);
	write_token(buf_view(&ours));
	assert_rc(RC_CORRUPT, token_open(&spec, &pass, &t, NULL));
}

/* What a crash between the steps of replacing the file leaves behind: a new file half or wholly
 * written beside the old one. The old one counts, and the next key can be made. */
static void leftover_of_a_crash_is_harmless(void **state)
{
	AUTO(token) struct token *t = NULL;
	AUTO(buf) struct buf spki;
	AUTO(buf) struct buf file;
	struct token_wish w = wish(KEY_P256, "one");
	char temp[TOKEN_PATH_MAX + 8];
	int fd;

	(void)state;
	buf_init(&spki, PKEY_SPKI_MAX);
	read_token(&file);
	snprintf(temp, sizeof(temp), "%s.tmp", spec.path);
	fd = open(temp, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file.ptr, 100), 100);
	close(fd);
	t = open_token();
	assert_rc(RC_OK, token_create_key(t, &w, &spki, NULL));
	token_close(t);
	t = open_token();
	sign_and_verify(t, &w, buf_view(&spki));
	assert_int_equal(access(temp, F_OK), -1);
}

/* Where a key is told to somebody, it is on disk: the maker is killed at any moment. */
static void killed_maker_loses_nothing(void **state)
{
	(void)state;
	for (int round = 0; round < 8; round++) {
		AUTO(token) struct token *t = NULL;
		AUTO(buf) struct buf spki;
		struct token_wish told;
		int pipes[2];
		pid_t child;

		assert_int_equal(pipe(pipes), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			t = open_token();
			for (int i = 0;; i++) {
				char id[32];
				struct token_wish w;
				uint8_t mem[PKEY_SPKI_MAX];
				struct buf b;

				snprintf(id, sizeof(id), "%d-%d", round, i);
				w = wish(quick[i % 3], id);
				buf_init_fixed(&b, mem, sizeof(mem));
				if (!rc_is_ok(token_create_key(t, &w, &b, NULL)) ||
				    write(pipes[1], &w, sizeof(w)) != (ssize_t)sizeof(w))
					_exit(1);
			}
		}
		close(pipes[1]);
		for (int i = 0; i <= round; i++)
			assert_int_equal(read(pipes[0], &told, sizeof(told)), sizeof(told));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		t = open_token();
		do {
			buf_init(&spki, PKEY_SPKI_MAX);
			assert_rc(RC_OK, token_find_key(t, &told.id, &spki, NULL));
			buf_release(&spki);
		} while (read(pipes[0], &told, sizeof(told)) == (ssize_t)sizeof(told));
		close(pipes[0]);
	}
}

static void file_is_private(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(spec.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* A directory in the way of the new file: nothing is added, and nothing is lost. */
static void failed_write_adds_no_key(void **state)
{
	AUTO(token) struct token *t = open_token();
	AUTO(buf) struct buf spki;
	struct token_wish w = wish(KEY_P256, "one");
	char temp[TOKEN_PATH_MAX + 8];

	(void)state;
	buf_init(&spki, PKEY_SPKI_MAX);
	snprintf(temp, sizeof(temp), "%s.tmp", spec.path);
	assert_int_equal(mkdir(temp, 0700), 0);
	assert_rc(RC_IO, token_create_key(t, &w, &spki, NULL));
	assert_int_equal(spki.len, 0);
	assert_rc(RC_NOTFOUND, token_find_key(t, &w.id, &spki, NULL));
	assert_int_equal(rmdir(temp), 0);
	assert_rc(RC_OK, token_create_key(t, &w, &spki, NULL));
}

static void spec_is_strict(void **state)
{
	static const char *const bad[] = {
		"",
		"main",
		"hsm:main",
		"file:",
		"file:Main",
		"file:main,",
		"file:main,scrypt=9",
		"file:main,scrypt=23",
		"file:main,scrypt=x",
		"file:main,path=",
		"file:main,path=/a,path=/b",
		"file:main,passphrase=/a,credential=/b",
		"file:main,credential=-",
		"file:main,label=x",
		"file:main,verify=some",
		"pkcs11:hsm,module=/a,pin=/p,label=b,verify=none",
		"file:main,parallel=0",
		"file:main,parallel=257",
		"file:main,what",
		"pkcs11:hsm",
		"pkcs11:hsm,module=/a,label=b",
		"pkcs11:hsm,module=/a,pin=/p",
		"pkcs11:hsm,module=/a,pin=/p,label=123456789012345678901234567890123",
		"pkcs11:hsm,module=/a,pin=/p,label=b,scrypt=12",
	};
	struct token_spec s = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fault f = {0};

		if (token_spec_parse(view_str(bad[i]), dir, &s, &f).code != RC_USAGE)
			fail_msg("%s", bad[i]);
		assert_int_equal(f.code, RC_USAGE);
	}
	assert_null(s.ops);
	assert_rc(RC_OK, token_spec_parse(
				 view_str("pkcs11:hsm1,module=/m.so,label=A b,pin=/p,parallel=30"),
				 dir, &s, NULL));
	assert_ptr_equal(s.ops, &token_pkcs11_ops);
	assert_string_equal(s.path, "/m.so");
	assert_string_equal(s.label, "A b");
	assert_int_equal(s.parallel, 30);
	assert_int_equal(s.verify, TOKEN_VERIFY_ALL);
	assert_rc(RC_UNSUPPORTED, token_make(&s, &pass, NULL));
	assert_rc(RC_OK, token_spec_parse(view_str("file:a"), "/d", &s, NULL));
	assert_string_equal(s.path, "/d/a.token");
	assert_string_equal(s.secret_path, "-");
	assert_int_equal(s.scrypt_log2, 17);
	assert_int_equal(s.verify, TOKEN_VERIFY_NONE);
	assert_rc(RC_OK, token_spec_parse(view_str("file:a,verify=rsa"), "/d", &s, NULL));
	assert_int_equal(s.verify, TOKEN_VERIFY_RSA);
}

static void put_file(const char *name, const char *bytes, size_t n, unsigned mode, char *path)
{
	struct file_spec to = {.dirfd = AT_FDCWD, .name = path, .mode = mode};

	snprintf(path, 300, "%s/%s", dir, name);
	assert_rc(RC_OK, file_replace(&to, view_of(bytes, n), NULL));
	assert_int_equal(chmod(path, mode), 0);
}

static enum rc_code read_code(const char *kind, const char *path, struct secret *s)
{
	struct token_spec k;
	char text[400];

	snprintf(text, sizeof(text), "file:main,%s=%s", kind, path);
	assert_rc(RC_OK, token_spec_parse(view_str(text), dir, &k, NULL));
	return token_secret_read(&k, s, NULL).code;
}

static void secrets_are_read_from_files(void **state)
{
	AUTO(secret) struct secret s = {0};
	char path[300];
	char big[TOKEN_SECRET_MAX + 1];

	(void)state;
	memset(big, 'x', sizeof(big));
	put_file("p", "words of mine\n", 14, 0600, path);
	assert_int_equal(read_code("passphrase", path, &s), RC_OK);
	assert_true(view_is(secret_view(&s), "words of mine"));
	secret_release(&s);
	put_file("p", "\n", 1, 0600, path);
	assert_int_equal(read_code("passphrase", path, &s), RC_RANGE);
	put_file("p", big, sizeof(big), 0600, path);
	assert_int_equal(read_code("passphrase", path, &s), RC_LIMIT);
	put_file("p", big, 31, 0600, path);
	assert_int_equal(read_code("credential", path, &s), RC_RANGE);
	big[31] = '\n';
	put_file("p", big, 32, 0600, path);
	assert_int_equal(read_code("credential", path, &s), RC_OK);
	assert_int_equal(s.len, 32);
	secret_release(&s);
	put_file("p", "words", 5, 0604, path);
	assert_int_equal(read_code("passphrase", path, &s), RC_DENIED);
	assert_int_equal(read_code("passphrase", "/nonexistent/file", &s), RC_NOTFOUND);
	assert_null(s.ptr);
}

/* Two tokens, two lines. */
static void secrets_are_read_from_standard_input(void **state)
{
	AUTO(secret) struct secret one = {0};
	AUTO(secret) struct secret two = {0};
	AUTO(secret) struct secret none = {0};
	int pipes[2];
	int saved = dup(STDIN_FILENO);

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(write(pipes[1], "first\nsecond", 12), 12);
	close(pipes[1]);
	dup2(pipes[0], STDIN_FILENO);
	close(pipes[0]);
	assert_rc(RC_OK, token_secret_read(&spec, &one, NULL));
	assert_rc(RC_OK, token_secret_read(&spec, &two, NULL));
	assert_rc(RC_RANGE, token_secret_read(&spec, &none, NULL));
	dup2(saved, STDIN_FILENO);
	close(saved);
	assert_true(view_is(secret_view(&one), "first"));
	assert_true(view_is(secret_view(&two), "second"));
}

#define WITH_TOKEN(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TOKEN(keys_survive_closing),
		WITH_TOKEN(same_order_same_key),
		WITH_TOKEN(sessions_refuse),
		WITH_TOKEN(wrong_secret_is_not_damage),
		WITH_TOKEN(credential_opens),
		WITH_TOKEN(every_flipped_byte_is_found),
		WITH_TOKEN(mended_check_sum_does_not_help),
		WITH_TOKEN(parts_cannot_be_exchanged),
		WITH_TOKEN(leftover_of_a_crash_is_harmless),
		WITH_TOKEN(killed_maker_loses_nothing),
		WITH_TOKEN(file_is_private),
		WITH_TOKEN(failed_write_adds_no_key),
		WITH_TOKEN(spec_is_strict),
		WITH_TOKEN(secrets_are_read_from_files),
		WITH_TOKEN(secrets_are_read_from_standard_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
