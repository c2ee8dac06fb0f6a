/* Unit tests of the PKCS#11 token: with SoftHSM in a directory of its own, and with a module that
 * lies and fails on command (tests/fake-pkcs11). Arguments: path of the fake module. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/keeper/token.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

static char dir[200];
static char fake[600];

/* Runs a program; its output is for a failure. */
static int command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int command(const char *fmt, ...)
{
	char line[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return system(line); /* NOLINT(cert-env33-c): fixed words and our own temp directory */
}

static void init_token(const char *label)
{
	assert_int_equal(command("softhsm2-util --init-token --free --label '%s' --so-pin 87654321 "
				 "--pin 1234 >%s/out 2>&1",
				 label, dir),
			 0);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char prefix[120];
	char path[300];
	char text[400];
	struct file_spec conf = {.dirfd = AT_FDCWD, .name = path, .mode = 0600};

	(void)state;
	snprintf(prefix, sizeof(prefix), "%s/token_p11", tmp != NULL ? tmp : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, dir, sizeof(dir), NULL));
	snprintf(path, sizeof(path), "%s/tokens", dir);
	assert_rc(RC_OK, dir_make(path, 0700, NULL));
	snprintf(text, sizeof(text), "directories.tokendir = %s\nlog.level = ERROR\n", path);
	snprintf(path, sizeof(path), "%s/softhsm2.conf", dir);
	assert_rc(RC_OK, file_replace(&conf, view_str(text), NULL));
	assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
	init_token("tok");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return command("rm -rf '%s'", dir);
}

static rc open_as(const char *module, const char *label, const char *pin, struct token **ret,
		  struct fault *f)
{
	AUTO(secret) struct secret s = {0};
	struct token_spec spec;
	char text[700];

	snprintf(text, sizeof(text), "pkcs11:hsm,module=%s,label=%s,pin=/unused", module, label);
	assert_rc(RC_OK, token_spec_parse(view_str(text), "/", &spec, NULL));
	assert_rc(RC_OK, secret_new(&s, strlen(pin)));
	memcpy(s.ptr, pin, strlen(pin));
	return token_open(&spec, &s, ret, f);
}

static struct token *open_token(const char *module, const char *label)
{
	struct token *t = NULL;
	struct fault f = {0};

	if (!rc_is_ok(open_as(module, label, "1234", &t, &f)))
		fail_msg("%s", f.text);
	return t;
}

static struct token_wish wish(enum key_alg alg, const char *id)
{
	return (struct token_wish){.id = digest_of(view_str(id)), .alg = alg};
}

static void create(struct token *t, const struct token_wish *w, struct buf *spki)
{
	struct fault f = {0};

	buf_init(spki, PKEY_SPKI_MAX);
	if (!rc_is_ok(token_create_key(t, w, spki, &f)))
		fail_msg("%s: %s", key_alg_name(w->alg), f.text);
}

static rc sign(struct token_session *s, enum key_alg alg, struct view spki, enum hash_alg hash)
{
	AUTO(pkey) struct pkey *pub = NULL;
	struct hash h = hash_of(hash, view_str("bytes"));
	struct sign_input in = {.scheme = key_alg_scheme(alg), .hash = hash};
	uint8_t mem[PKEY_SIGNATURE_MAX];
	struct buf out;

	buf_init_fixed(&out, mem, sizeof(mem));
	in.input = in.scheme == SIGN_ED25519 ? view_str("bytes") : hash_view(&h);
	TRY(token_session_sign(s, &in, &out, NULL));
	assert_rc(RC_OK, pkey_from_spki(spki, &pub, NULL));
	return pkey_verify(pub, &in, buf_view(&out), NULL);
}

static rc sign_once(struct token *t, const struct token_wish *w, struct view spki)
{
	AUTO(token_session) struct token_session *s = NULL;

	TRY(token_session_new(t, &w->id, spki, &s, NULL));
	return sign(s, w->alg, spki, HASH_SHA384);
}

/* What another program reads of the private key: no word of extractable, all the right ones. */
static void look_with_pkcs11_tool(const struct token_wish *w)
{
	char hex[DIGEST_HEX];

	digest_hex(&w->id, hex);
	assert_int_equal(command("pkcs11-tool --module " SOFTHSM " --token-label tok -l -p 1234 -O "
				 "--type privkey --id %s >%s/out 2>&1",
				 hex, dir),
			 0);
	assert_int_equal(command("grep -q 'Access:.*sensitive.*always sensitive.*never extractable."
				 "*local' %s/out",
				 dir),
			 0);
	assert_int_equal(command("grep -q 'Usage: *sign$' %s/out", dir), 0);
}

static void every_algorithm_signs(void **state)
{
	AUTO(token) struct token *t = open_token(SOFTHSM, "tok");

	(void)state;
	assert_true(token_is_ready(t));
	for (int i = 0; i < KEY_ALG_COUNT; i++) {
		struct token_wish w = wish((enum key_alg)i, key_alg_name((enum key_alg)i));
		AUTO(token_session) struct token_session *s = NULL;
		struct token_wish wrong = w;
		struct buf spki;
		struct buf again;

		create(t, &w, &spki);
		create(t, &w, &again); /* the same order: the same key */
		assert_true(view_is_equal(buf_view(&spki), buf_view(&again)));
		wrong.alg = i == KEY_P256 ? KEY_P384 : KEY_P256;
		assert_rc(RC_EXISTS, token_create_key(t, &wrong, &again, NULL));
		assert_rc(RC_OK, token_session_new(t, &w.id, buf_view(&spki), &s, NULL));
		assert_rc(RC_OK, sign(s, w.alg, buf_view(&spki), HASH_SHA256));
		assert_rc(RC_OK, sign(s, w.alg, buf_view(&spki), HASH_SHA384));
		assert_rc(RC_OK, sign(s, w.alg, buf_view(&spki), HASH_SHA512));
		look_with_pkcs11_tool(&w);
		buf_release(&spki);
		buf_release(&again);
	}
}

static void keys_survive_closing(void **state)
{
	AUTO(token) struct token *t = open_token(SOFTHSM, "tok");
	struct token_wish w = wish(KEY_P256, "one");
	struct buf spki;

	(void)state;
	create(t, &w, &spki);
	token_close(t);
	t = open_token(SOFTHSM, "tok");
	assert_rc(RC_OK, sign_once(t, &w, buf_view(&spki)));
	w.id.b[0] ^= 1;
	assert_rc(RC_NOTFOUND, token_find_key(t, &w.id, &spki, NULL));
	buf_release(&spki);
}

static rc count_keys(void *ctx, const struct digest *id, struct view spki, struct fault *f)
{
	(void)id;
	(void)spki;
	(void)f;
	(*(size_t *)ctx)++;
	return OK;
}

/* "tok" is the beginning of "token2": two tokens, and a foreign key beside ours. */
static void several_tokens(void **state)
{
	AUTO(token) struct token *one = NULL;
	AUTO(token) struct token *two = NULL;
	struct token_wish w = wish(KEY_P256, "one");
	struct buf spki;
	struct buf spki2;
	size_t n = 0;

	(void)state;
	init_token("token2");
	one = open_token(SOFTHSM, "tok");
	two = open_token(SOFTHSM, "token2");
	create(one, &w, &spki);
	assert_int_equal(command("pkcs11-tool --module " SOFTHSM " --token-label token2 -l -p 1234 "
				 "-k --key-type EC:prime256v1 --id 01 >%s/out 2>&1",
				 dir),
			 0);
	assert_rc(RC_NOTFOUND, token_find_key(two, &w.id, &spki, NULL));
	create(two, &w, &spki2);
	assert_false(view_is_equal(buf_view(&spki), buf_view(&spki2)));
	assert_rc(RC_OK, sign_once(one, &w, buf_view(&spki)));
	assert_rc(RC_OK, sign_once(two, &w, buf_view(&spki2)));
	assert_rc(RC_MISMATCH, sign_once(two, &w, buf_view(&spki)));
	assert_rc(RC_OK, token_list(two, count_keys, &n, NULL));
	assert_int_equal(n, 1);
	buf_release(&spki);
	buf_release(&spki2);
}

static void wrong_pin_is_tried_once(void **state)
{
	AUTO(token) struct token *t = NULL;
	struct fault f;

	(void)state;
	assert_rc(RC_DENIED, open_as(SOFTHSM, "tok", "9999", &t, &f));
	assert_string_equal(f.text, "token hsm: C_Login: CKR_PIN_INCORRECT (0xa0)");
	assert_null(t);
}

static void absent_token_opens_and_comes(void **state)
{
	AUTO(token) struct token *t = open_token(SOFTHSM, "later");
	AUTO(token) struct token *none = open_token("/nonexistent/module.so", "tok");
	struct token_wish w = wish(KEY_P256, "one");
	struct fault f = {0};
	struct buf spki;

	(void)state;
	buf_init(&spki, PKEY_SPKI_MAX);
	assert_false(token_is_ready(t));
	assert_rc(RC_TOKEN, token_create_key(t, &w, &spki, &f));
	assert_non_null(strstr(f.text, "its module shows none with the label later"));
	assert_rc(RC_TOKEN, token_probe(t, NULL));
	assert_false(token_is_ready(none));
	assert_rc(RC_TOKEN, token_probe(none, NULL));
	init_token("later");
	assert_rc(RC_OK, token_probe(t, NULL));
	assert_true(token_is_ready(t));
	create(t, &w, &spki);
	buf_release(&spki);
}

/* The HSM's storage goes away and comes back; the session lives through it. */
static void token_vanishes_and_returns(void **state)
{
	AUTO(token) struct token *t = open_token(SOFTHSM, "tok");
	AUTO(token_session) struct token_session *s = NULL;
	struct token_wish w = wish(KEY_P256, "one");
	struct buf spki;

	(void)state;
	create(t, &w, &spki);
	assert_rc(RC_OK, token_session_new(t, &w.id, buf_view(&spki), &s, NULL));
	assert_rc(RC_OK, sign(s, KEY_P256, buf_view(&spki), HASH_SHA256));
	assert_int_equal(command("mv %s/tokens %s/away && mkdir %s/tokens", dir, dir, dir), 0);
	assert_rc(RC_TOKEN, sign(s, KEY_P256, buf_view(&spki), HASH_SHA256));
	assert_false(token_is_ready(t));
	assert_rc(RC_TOKEN, token_probe(t, NULL));
	assert_rc(RC_TOKEN, sign(s, KEY_P256, buf_view(&spki), HASH_SHA256));
	assert_int_equal(command("rmdir %s/tokens && mv %s/away %s/tokens", dir, dir, dir), 0);
	assert_rc(RC_OK, token_probe(t, NULL));
	assert_true(token_is_ready(t));
	assert_rc(RC_OK, sign(s, KEY_P256, buf_view(&spki), HASH_SHA256));
	buf_release(&spki);
}

struct worker {
	struct token *token;
	struct token_wish wish;
	struct view spki;
	rc result;
};

static void *work(void *arg)
{
	struct worker *w = (struct worker *)arg;
	AUTO(token_session) struct token_session *s = NULL;

	w->result = token_session_new(w->token, &w->wish.id, w->spki, &s, NULL);
	for (int i = 0; i < 50 && rc_is_ok(w->result); i++)
		w->result = sign(s, w->wish.alg, w->spki, HASH_SHA256);
	return NULL;
}

static void threads_sign_at_once(void **state)
{
	AUTO(token) struct token *t = open_token(SOFTHSM, "tok");
	struct worker w[4];
	pthread_t threads[4];
	struct buf spki;

	(void)state;
	w[0] = (struct worker){.token = t, .wish = wish(KEY_P256, "one")};
	create(t, &w[0].wish, &spki);
	w[0].spki = buf_view(&spki);
	for (size_t i = 0; i < 4; i++) {
		w[i] = w[0];
		assert_int_equal(pthread_create(&threads[i], NULL, work, &w[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_rc(RC_OK, w[i].result);
	}
	buf_release(&spki);
}

/* ---- The module that lies -------------------------------------------------------------------- */

/* What it does wrong; see tests/fake-pkcs11/module.c. */
static void tell(const char *what)
{
	assert_int_equal(setenv("FAKE_PKCS11", what, 1), 0);
}

static void unsafe_keys_are_refused(void **state)
{
	static const char *const lies[] = {
		"lie:CKA_SENSITIVE",
		"lie:CKA_ALWAYS_SENSITIVE",
		"lie:CKA_EXTRACTABLE",
		"lie:CKA_NEVER_EXTRACTABLE",
		"lie:CKA_LOCAL",
		"lie:CKA_TOKEN",
		"lie:CKA_PRIVATE",
		"lie:CKA_SIGN",
		"lie:CKA_DECRYPT",
		"lie:CKA_UNWRAP",
		"silent:CKA_NEVER_EXTRACTABLE",
		"value",
	};
	AUTO(token) struct token *t = open_token(fake, "tok");
	struct buf spki;

	(void)state;
	buf_init(&spki, PKEY_SPKI_MAX);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct token_wish w = wish(KEY_P256, lies[i]);
		struct fault f = {0};

		tell(lies[i]);
		if (token_create_key(t, &w, &spki, &f).code != RC_DENIED)
			fail_msg("%s: %s", lies[i], f.text);
		assert_int_equal(spki.len, 0);
		tell("");
		assert_rc(RC_NOTFOUND, token_find_key(t, &w.id, &spki, &f)); /* destroyed */
	}
	buf_release(&spki);
}

/* A key that was safe when it was made and is not any more: no new session. */
static void key_that_became_unsafe(void **state)
{
	AUTO(token) struct token *t = open_token(fake, "tok");
	struct token_wish w = wish(KEY_P256, "one");
	struct buf spki;

	(void)state;
	tell("");
	create(t, &w, &spki);
	tell("lie:CKA_EXTRACTABLE");
	assert_rc(RC_DENIED, sign_once(t, &w, buf_view(&spki)));
	tell("");
	assert_rc(RC_OK, sign_once(t, &w, buf_view(&spki)));
	buf_release(&spki);
}

/* A faulty signature does not leave, and leaves nothing in the buffer. */
static void faulty_signature_is_held_back(void **state)
{
	AUTO(token) struct token *t = open_token(fake, "tok");
	AUTO(token_session) struct token_session *s = NULL;
	struct token_wish w = wish(KEY_P256, "one");
	struct sign_input in = {
		.scheme = SIGN_ECDSA, .hash = HASH_SHA256, .input = view_of(dir, 32)};
	struct fault f = {0};
	struct buf spki;
	struct buf out;

	(void)state;
	tell("");
	create(t, &w, &spki);
	buf_init(&out, PKEY_SIGNATURE_MAX);
	assert_rc(RC_OK, token_session_new(t, &w.id, buf_view(&spki), &s, NULL));
	tell("flip");
	assert_rc(RC_TOKEN, token_session_sign(s, &in, &out, &f));
	assert_non_null(strstr(f.text, "does not verify"));
	assert_int_equal(out.len, 0);
	tell("");
	assert_rc(RC_OK, token_session_sign(s, &in, &out, &f));
	buf_release(&out);
	buf_release(&spki);
}

/* Each return value that means "gone": absent while it lasts, ready after it, same session. */
static void device_goes_and_comes(void **state)
{
	static const char *const ways[] = {"gone:0x32", "gone:0xb3", "gone:0xe0",
					   "gone:0x30", "gone:0x5",  "gone:0x101"};
	AUTO(token) struct token *t = open_token(fake, "tok");
	AUTO(token_session) struct token_session *s = NULL;
	struct token_wish w = wish(KEY_P256, "one");
	struct buf spki;

	(void)state;
	tell("");
	create(t, &w, &spki);
	assert_rc(RC_OK, token_session_new(t, &w.id, buf_view(&spki), &s, NULL));
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		tell(ways[i]);
		assert_rc(RC_TOKEN, sign(s, KEY_P256, buf_view(&spki), HASH_SHA256));
		assert_false(token_is_ready(t));
		assert_rc(RC_TOKEN, token_probe(t, NULL));
		tell("");
		assert_rc(RC_OK, token_probe(t, NULL));
		assert_rc(RC_OK, sign(s, KEY_P256, buf_view(&spki), HASH_SHA256));
	}
	/* One hiccup is not seen at all: connected anew inside the call. */
	tell("once:0xb3");
	assert_rc(RC_OK, sign(s, KEY_P256, buf_view(&spki), HASH_SHA256));
	assert_true(token_is_ready(t));
	tell("");
	buf_release(&spki);
}

/* What fails at one operation alone does not make the token absent. */
static void other_failures_have_their_own_code(void **state)
{
	static const struct {
		const char *way;
		enum rc_code code;
	} rows[] = {
		{"sign:0x68", RC_CRYPTO},	/* CKR_KEY_FUNCTION_NOT_PERMITTED */
		{"sign:0x80000001", RC_CRYPTO}, /* vendor's own */
		{"sign:0xb1", RC_BUSY},		/* CKR_SESSION_COUNT */
		{"sign:0x70", RC_UNSUPPORTED},	/* CKR_MECHANISM_INVALID */
	};
	AUTO(token) struct token *t = open_token(fake, "tok");
	struct token_wish w = wish(KEY_P256, "one");
	struct buf spki;

	(void)state;
	tell("");
	create(t, &w, &spki);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tell(rows[i].way);
		assert_rc(rows[i].code, sign_once(t, &w, buf_view(&spki)));
		assert_true(token_is_ready(t));
	}
	tell("");
	buf_release(&spki);
}

#define WITH_HSM(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_HSM(every_algorithm_signs),
		WITH_HSM(keys_survive_closing),
		WITH_HSM(several_tokens),
		WITH_HSM(wrong_pin_is_tried_once),
		WITH_HSM(absent_token_opens_and_comes),
		WITH_HSM(token_vanishes_and_returns),
		WITH_HSM(threads_sign_at_once),
		WITH_HSM(unsafe_keys_are_refused),
		WITH_HSM(key_that_became_unsafe),
		WITH_HSM(faulty_signature_is_held_back),
		WITH_HSM(device_goes_and_comes),
		WITH_HSM(other_failures_have_their_own_code),
	};

	if (argc != 2 || access(SOFTHSM, R_OK) != 0)
		return argc != 2 ? 2 : 77;
	snprintf(fake, sizeof(fake), "%s", argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
