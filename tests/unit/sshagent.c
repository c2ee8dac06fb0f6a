/* Unit tests of lib/net/sshagent.h and the refusals of lib/net/sshsigner.h: a lying agent at the
 * other end of a socket pair. The good cases with real programs are in tests/interop/sshsig.sh. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/crypt/sshsig.h"
#include "lib/net/sshagent.h"
#include "lib/net/sshsigner.h"
#include "tests/unit/vectors.h"

struct seen {
	size_t keys;
	enum rc_code answer;
};

static rc count(void *ctx, struct view blob, struct view comment)
{
	struct seen *s = (struct seen *)ctx;

	(void)blob, (void)comment;
	s->keys++;
	return RC(s->answer);
}

static void list_replies(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum rc_code code;
		size_t keys;
	} cases[] = {
		{"\x0c\0\0\0\0", 5, RC_OK, 0},
		{"\x0c\0\0\0\2\0\0\0\1k\0\0\0\1c\0\0\0\0\0\0\0\0", 23, RC_OK, 2},
		{"", 0, RC_PEER, 0},
		{"\x05", 1, RC_DENIED, 0},
		{"\x05\0", 2, RC_PEER, 0},
		{"\x0e\0\0\0\0", 5, RC_PEER, 0},
		{"\x0c\0\0\0", 4, RC_PEER, 0},
		{"\x0c\0\0\0\0x", 6, RC_PEER, 0},
		{"\x0c\0\0\0\x01\0\0\0\2k", 10, RC_PEER, 0},
		{"\x0c\0\0\0\x01\0\0\0\1k", 10, RC_PEER, 0},
		{"\x0c\0\0\0\x01\xff\xff\xff\xff", 9, RC_PEER, 0},
		{"\x0c\0\0\x01\x01", 5, RC_LIMIT, 0},
		{"\x0c\xff\xff\xff\xff", 5, RC_LIMIT, 0},
	};
	struct seen stop = {.answer = RC_STATE};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen s = {.answer = RC_OK};
		const struct sshagent_visitor v = {.key = count, .ctx = &s};

		if (sshagent_parse_list(view_of(cases[i].bytes, cases[i].len), &v, NULL).code !=
		    cases[i].code)
			fail_msg("case %zu", i);
		assert_int_equal(s.keys, cases[i].keys);
	}
	const struct sshagent_visitor v = {.key = count, .ctx = &stop};
	assert_rc(RC_STATE, sshagent_parse_list(view_of(cases[1].bytes, cases[1].len), &v, NULL));
	assert_int_equal(stop.keys, 1);
}

static void sign_replies(void **state)
{
	struct view sig;

	(void)state;
	assert_rc(RC_OK, sshagent_parse_sign(view_of("\x0e\0\0\0\2ab", 7), &sig, NULL));
	assert_true(view_is(sig, "ab"));
	assert_rc(RC_PEER, sshagent_parse_sign(view_of("\x0e\0\0\0\2"
						       "a",
						       6),
					       &sig, NULL));
	assert_rc(RC_PEER, sshagent_parse_sign(view_of("\x0e\0\0\0\2"
						       "abc",
						       8),
					       &sig, NULL));
	assert_rc(RC_PEER, sshagent_parse_sign(view_of("\x0c\0\0\0\0", 5), &sig, NULL));
	assert_rc(RC_DENIED, sshagent_parse_sign(view_of("\x05", 1), &sig, NULL));
}

/* The agent's bytes wait in the socket before we ask: no second thread is needed. */
static rc list_from(const char *bytes, size_t len)
{
	struct seen s = {.answer = RC_OK};
	const struct sshagent_visitor v = {.key = count, .ctx = &s};
	int pair[2];
	rc r;

	assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	assert_int_equal(len, (size_t)write(pair[1], bytes, len));
	assert_int_equal(0, shutdown(pair[1], SHUT_WR));
	r = sshagent_list(pair[0], &v, NULL);
	(void)close(pair[0]);
	(void)close(pair[1]);
	return r;
}

static void framing(void **state)
{
	int fd = -1;
	char path[300];

	(void)state;
	assert_rc(RC_OK, list_from("\0\0\0\x05\x0c\0\0\0\0", 9));
	assert_rc(RC_PEER, list_from("", 0));
	assert_rc(RC_PEER, list_from("\0\0", 2));
	assert_rc(RC_PEER, list_from("\0\0\0\x05\x0c", 5));
	assert_rc(RC_LIMIT, list_from("\0\0\0\0", 4));
	assert_rc(RC_LIMIT, list_from("\x7f\xff\xff\xff", 4));
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_rc(RC_RANGE, sshagent_connect(path, &fd, NULL));
	assert_rc(RC_RANGE, sshagent_connect("", &fd, NULL));
	assert_rc(RC_NOTFOUND, sshagent_connect("/nonexistent/agent", &fd, NULL));
	assert_int_equal(fd, -1);
}

static void request_bytes(void **state)
{
	AUTO(buf) struct buf file, out;
	AUTO(sshkey) struct sshkey *k = NULL;
	uint8_t got[2048];
	struct view v;
	struct view part;
	int pair[2];
	uint8_t type;
	uint32_t flags;

	(void)state;
	assert_rc(RC_OK,
		  sshkey_parse_line(vector_read(&file, "sshsig", "rsa.pub"), &k, NULL, NULL));
	assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	assert_int_equal(11, (int)write(pair[1], "\0\0\0\x07\x0e\0\0\0\2ok", 11));
	buf_init(&out, 100);
	assert_rc(RC_OK, sshagent_sign(pair[0], k, view_str("tbs"), &out, NULL));
	assert_string_equal(buf_cstr(&out), "ok");
	v = view_of(got, (size_t)read(pair[1], got, sizeof(got)));
	assert_rc(RC_OK, view_string(&v, sizeof(got), &part));
	assert_rc(RC_OK, view_end(&v));
	assert_rc(RC_OK, view_u8(&part, &type));
	assert_int_equal(type, 13);
	assert_rc(RC_OK, view_string(&part, sizeof(got), &v));
	assert_true(view_is_equal(v, sshkey_blob(k)));
	assert_rc(RC_OK, view_string(&part, sizeof(got), &v));
	assert_true(view_is(v, "tbs"));
	assert_rc(RC_OK, view_u32be(&part, &flags));
	assert_int_equal(flags, 4); /* SHA-512, never SHA-1 */
	assert_rc(RC_OK, view_end(&part));
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* A copy of a key that only ssh-keygen can use, with these permissions; the caller unlinks it. */
static void key_copy(char path[64], mode_t mode)
{
	AUTO(buf) struct buf key;
	struct view text = vector_read(&key, "sshsig", "ed25519-encrypted");
	int fd;

	(void)snprintf(path, 64, "/tmp/gs-sshagent-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.ptr, text.len), text.len);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

/* The same, with a program in ssh-keygen's place. */
static rc sign_with(const char *program, const char *ns)
{
	AUTO(sshsigner) struct sshsigner *s = NULL;
	AUTO(buf) struct buf out;
	char path[64];
	struct sshsigner_spec spec = {.key_path = path, .ssh_keygen = program};

	key_copy(path, 0600);
	rc opened = sshsigner_open(&spec, &s, NULL);
	(void)unlink(path);
	assert_rc(RC_OK, opened);
	assert_int_equal(sshsigner_way(s), SSHSIGNER_KEYGEN);
	buf_init(&out, SSHSIG_BLOB_MAX);
	rc r = sshsigner_sign(s, ns, view_str("m"), &out, NULL);
	assert_int_equal(out.len, 0);
	return r;
}

/* Found in a review: a key file that everybody could read was used without a word. */
static void key_that_others_can_read(void **state)
{
	static const mode_t modes[] = {0644, 0640, 0604, 0660, 0610};
	struct sshsigner *s = NULL;
	char path[64];
	struct sshsigner_spec spec = {.key_path = path};
	struct fault f = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		key_copy(path, modes[i]);
		assert_rc(RC_DENIED, sshsigner_open(&spec, &s, &f));
		assert_non_null(strstr(f.text, "lets others at the private key"));
		(void)unlink(path);
	}
	assert_null(s);
}

static void signer_refuses(void **state)
{
	struct sshsigner *s = NULL;
	struct sshsigner_spec spec = {0};

	(void)state;
	assert_rc(RC_NOTFOUND, sshsigner_open(&spec, &s, NULL));
	spec.key_path = "/nonexistent/key";
	assert_rc(RC_NOTFOUND, sshsigner_open(&spec, &s, NULL));
	assert_null(s);
	assert_rc(RC_DENIED, sign_with("/bin/false", "a@v1"));
	assert_rc(RC_PEER, sign_with("/bin/true", "a@v1")); /* no armor at all */
	assert_rc(RC_NOTFOUND, sign_with("/nonexistent/ssh-keygen", "a@v1"));
	assert_rc(RC_RANGE, sign_with("/bin/true", "a b"));
	sshsigner_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_replies),	  cmocka_unit_test(sign_replies),
		cmocka_unit_test(framing),	  cmocka_unit_test(request_bytes),
		cmocka_unit_test(signer_refuses), cmocka_unit_test(key_that_others_can_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
