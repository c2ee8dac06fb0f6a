/* Unit tests of lib/crypt/sshpriv.h with key files of ssh-keygen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/codec/pem.h"
#include "lib/crypt/sshpriv.h"
#include "lib/crypt/sshsig.h"
#include "tests/unit/vectors.h"

static const struct pem_kind armor = {.label = "OPENSSH PRIVATE KEY", .columns = PEM_COLUMNS_SSH};
static const char *const files[] = {"ed25519", "ecdsa"};

static void signs_what_the_public_key_verifies(void **state)
{
	const struct sshsig_rules rules = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO(buf) struct buf file, line, blob;
		AUTO(sshpriv) struct sshpriv *p = NULL;
		AUTO(sshkey) struct sshkey *k = NULL;
		AUTO(sshkey) struct sshkey *pub = NULL;
		char name[40];
		struct sshsig_info info;

		(void)snprintf(name, sizeof(name), "%s.pub", files[i]);
		assert_rc(RC_OK,
			  sshkey_parse_line(vector_read(&line, "sshsig", name), &k, NULL, NULL));
		assert_rc(RC_OK, sshpriv_parse(vector_read(&file, "sshsig", files[i]), &p, NULL));
		assert_true(sshkey_is_equal(sshpriv_key(p), k));
		assert_rc(RC_OK, sshpriv_public(buf_view(&file), &pub, NULL));
		assert_true(sshkey_is_equal(pub, k));
		buf_init(&blob, SSHSIG_BLOB_MAX);
		for (int n = 0; n < 20; n++) { /* r and s of different lengths */
			buf_clear(&blob);
			assert_rc(RC_OK, sshpriv_sign(p, "a@v1", view_str("m"), &blob, NULL));
			assert_rc(RC_OK, sshsig_verify(k, "a@v1", view_str("m"), buf_view(&blob),
						       &rules, &info, NULL));
		}
		assert_int_equal(info.hash, SSHSIG_HASH);
		buf_clear(&blob);
		assert_rc(RC_RANGE, sshpriv_sign(p, "a b", view_str("m"), &blob, NULL));
		buf_release(&blob);
		buf_init(&blob, 50);
		assert_rc(RC_LIMIT, sshpriv_sign(p, "a@v1", view_str("m"), &blob, NULL));
	}
}

static void others_are_left_to_ssh_keygen(void **state)
{
	static const char *const unsupported[] = {"ed25519-encrypted", "rsa"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO(buf) struct buf file, line;
		AUTO(sshkey) struct sshkey *k = NULL;
		AUTO(sshkey) struct sshkey *pub = NULL;
		struct sshpriv *p = NULL;
		char name[40];

		(void)snprintf(name, sizeof(name), "%s.pub", unsupported[i]);
		assert_rc(RC_UNSUPPORTED,
			  sshpriv_parse(vector_read(&file, "sshsig", unsupported[i]), &p, NULL));
		assert_null(p);
		assert_rc(RC_OK, sshpriv_public(buf_view(&file), &pub, NULL));
		assert_rc(RC_OK,
			  sshkey_parse_line(vector_read(&line, "sshsig", name), &k, NULL, NULL));
		assert_true(sshkey_is_equal(pub, k));
	}
}

/* The bytes of a key file, to be changed. */
static void open_file(const char *name, struct buf *bytes)
{
	AUTO(buf) struct buf file;

	buf_init(bytes, SSHPRIV_FILE_MAX * 2);
	assert_rc(RC_OK, pem_parse(&armor, vector_read(&file, "sshsig", name), bytes, NULL));
}

static rc parse_bytes(const struct buf *bytes, size_t len)
{
	AUTO(buf) struct buf text;
	AUTO(sshpriv) struct sshpriv *p = NULL;
	struct fault f = {0};
	rc r;

	buf_init(&text, SSHPRIV_FILE_MAX * 3);
	pem_put(&armor, view_of(bytes->ptr, len), &text);
	assert_rc(RC_OK, buf_done(&text));
	r = sshpriv_parse(buf_view(&text), &p, &f);
	assert_int_equal(r.code, f.code);
	return r;
}

/* Offset of the private part: after magic and five fields. */
static size_t private_at(const struct buf *bytes)
{
	struct view v = buf_view(bytes);
	struct view part;

	assert_rc(RC_OK, view_skip(&v, 15));
	for (int i = 0; i < 3; i++)
		assert_rc(RC_OK, view_string(&v, 1000, &part));
	assert_rc(RC_OK, view_skip(&v, 4));
	assert_rc(RC_OK, view_string(&v, 1000, &part));
	return bytes->len - v.len + 4;
}

static void every_byte_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO(buf) struct buf bytes;
		size_t private;
		size_t comment;

		open_file(files[i], &bytes);
		private = private_at(&bytes);
		/* "test ed25519" or "test ecdsa" before the padding is the one free text */
		comment = (size_t)((uint8_t *)memmem(bytes.ptr + private, bytes.len - private,
						     "test e", 6) -
				   bytes.ptr);
		assert_rc(RC_OK, parse_bytes(&bytes, bytes.len));
		for (size_t n = 0; n < bytes.len; n++) {
			if (n >= comment && n < comment + strlen("test ") + strlen(files[i]))
				continue;
			bytes.ptr[n] ^= 0x01;
			if (rc_is_ok(parse_bytes(&bytes, bytes.len)))
				fail_msg("%s: byte %zu", files[i], n);
			bytes.ptr[n] ^= 0x01;
			assert_false(rc_is_ok(parse_bytes(&bytes, n)));
		}
	}
}

static void each_refusal(void **state)
{
	AUTO(buf) struct buf bytes;
	static uint8_t big[SSHPRIV_FILE_MAX + 1];
	struct sshpriv *p = NULL;
	size_t private;

	(void)state;
	open_file("ed25519", &bytes);
	private = private_at(&bytes);
	bytes.ptr[0] ^= 1;
	assert_rc(RC_SYNTAX, parse_bytes(&bytes, bytes.len));
	bytes.ptr[0] ^= 1;
	assert_rc(RC_TRUNCATED, parse_bytes(&bytes, bytes.len - 1));
	bytes.ptr[15 + 8 + 8 + 4 + 3] = 2; /* number of keys */
	assert_rc(RC_UNSUPPORTED, parse_bytes(&bytes, bytes.len));
	bytes.ptr[15 + 8 + 8 + 4 + 3] = 1;
	bytes.ptr[private] ^= 1; /* check word */
	assert_rc(RC_MISMATCH, parse_bytes(&bytes, bytes.len));
	bytes.ptr[private] ^= 1;
	bytes.ptr[private + 4 + 4 + 4 + 11 + 4 + 32 + 4] ^= 1; /* seed */
	assert_rc(RC_MISMATCH, parse_bytes(&bytes, bytes.len));
	bytes.ptr[private + 4 + 4 + 4 + 11 + 4 + 32 + 4] ^= 1;
	bytes.ptr[bytes.len - 1] ^= 1; /* padding */
	assert_rc(RC_NONCANON, parse_bytes(&bytes, bytes.len));
	bytes.ptr[bytes.len - 1] ^= 1;
	buf_put_u8(&bytes, 0);
	assert_rc(RC_TRAILING, parse_bytes(&bytes, bytes.len));
	bytes.len--;
	for (uint8_t pad = 0; pad < 8; pad++) /* a whole block of padding too many */
		buf_put_u8(&bytes, pad);
	bytes.ptr[private - 1] = (uint8_t)(bytes.ptr[private - 1] + 8);
	assert_rc(RC_TRAILING, parse_bytes(&bytes, bytes.len));
	assert_rc(RC_LIMIT, sshpriv_parse(view_of(big, sizeof(big)), &p, NULL));
	assert_rc(RC_MISMATCH,
		  sshpriv_parse(view_str("-----BEGIN RSA PRIVATE KEY-----\n"), &p, NULL));
	sshpriv_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_what_the_public_key_verifies),
		cmocka_unit_test(others_are_left_to_ssh_keygen),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(each_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
