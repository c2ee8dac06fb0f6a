/* Unit tests of lib/crypt/ed25519 and lib/tlog note, checkpoint, proof_file: the published example,
 * every refusal, and every byte changed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/codec/hex.h"
#include "lib/tlog/proof_file.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

/* The example of c2sp.org/signed-note and of Go's x/mod; its private key is public. */
#define VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define TEXT                                                                                       \
	"If you think cryptography is the answer to your problem,\n"                               \
	"then you don't know what your problem is.\n"
#define BASE64                                                                                     \
	"x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJ" \
	"nAM="
#define LINE "\xe2\x80\x94 PeterNeumann " BASE64 "\n"
#define GREASE "\xe2\x80\x94 grease.invalid AAECAwQ=\n"

static struct ed25519_key *key;
static struct note_signer signer;

static int setup(void **state)
{
	AUTO(secret) struct secret seed = {0};
	AUTO(buf) struct buf raw;

	(void)state;
	buf_init(&raw, 64);
	/* The seed in the example's private key text follows its type byte. */
	assert_rc(RC_OK,
		  base64_parse(BASE64_STD, view_str("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"),
			       &raw, NULL));
	assert_int_equal(raw.len, 33);
	assert_rc(RC_OK, secret_new(&seed, 32));
	memcpy(seed.ptr, raw.ptr + 1, 32);
	assert_rc(RC_OK, ed25519_key_new(&seed, &key, NULL));
	assert_rc(RC_OK, note_signer_ed25519("PeterNeumann", key, &signer, NULL));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ed25519_key_free(key);
	ed25519_key_free(NULL);
	return 0;
}

static void ed25519_known_answer(void **state)
{
	/* RFC 8032 7.1, TEST 2. */
	AUTO(secret) struct secret seed = {0};
	AUTO(secret) struct secret small = {0};
	struct ed25519_key *k;
	uint8_t public[32];
	uint8_t expected[64];
	uint8_t signature[64];
	const struct view message = view_of("\x72", 1);

	(void)state;
	assert_rc(RC_OK, secret_new(&seed, 32));
	assert_rc(RC_OK, secret_new(&small, 31));
	assert_rc(RC_RANGE, ed25519_key_new(&small, &k, NULL));
	assert_rc(RC_OK,
		  hex_parse(view_str("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4"
				     "fb8a6fb"),
			    seed.ptr, 32));
	assert_rc(RC_OK, ed25519_key_new(&seed, &k, NULL));
	ed25519_key_public(k, public);
	assert_rc(RC_OK,
		  hex_parse(view_str("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebd"
				     "b69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d2"
				     "91612bb0c00"),
			    expected, 64));
	assert_rc(RC_OK, ed25519_sign(k, message, signature, NULL));
	assert_memory_equal(signature, expected, 64);
	assert_rc(RC_OK, ed25519_verify(public, message, view_of(signature, 64), NULL));
	assert_rc(RC_BADSIG, ed25519_verify(public, message, view_of(signature, 63), NULL));
	assert_rc(RC_BADSIG,
		  ed25519_verify(public, view_of("\x73", 1), view_of(signature, 64), NULL));
	signature[63] |= 0x80; /* S not reduced (RFC 8032 5.1.7) */
	assert_rc(RC_BADSIG, ed25519_verify(public, message, view_of(signature, 64), NULL));
	ed25519_key_free(k);
}

static void vkeys_have_one_form(void **state)
{
	static const struct {
		enum rc_code code;
		const char *text;
	} rows[] = {
		{RC_OK, VKEY},
		{RC_SYNTAX, ""},
		{RC_SYNTAX, "PeterNeumann"},
		{RC_SYNTAX, "PeterNeumann+c74f20a3"},
		{RC_SYNTAX, "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
		{RC_SYNTAX, "PeterNeumann+c74f20+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
		{RC_SYNTAX, "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T"},
		{RC_SYNTAX, "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy"},
		{RC_SYNTAX, "PeterNeumann+c74f20a3+"},
		{RC_SYNTAX, "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
		{RC_SYNTAX, "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
		{RC_SYNTAX, "P\xc2\xa0N+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
		{RC_MISMATCH, "PeterNeumenn+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
		{RC_MISMATCH, "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
		{RC_UNSUPPORTED,
		 "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"},
		{RC_NONCANON, "PeterNeumann+c74f20a3+AR=="},
	};
	char name[NOTE_NAME_MAX + 2];
	struct vkey k;
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault f = {0};

		if (vkey_parse(view_str(rows[i].text), &k, &f).code != rows[i].code)
			fail_msg("%s: %s", rows[i].text, f.text);
	}
	assert_rc(RC_OK, vkey_parse(view_str(VKEY), &k, NULL));
	vkey_put(&k, &b);
	assert_string_equal(buf_cstr(&b), VKEY);
	assert_memory_equal(&k, &signer.key, sizeof(k));
	memset(name, 'a', sizeof(name));
	name[NOTE_NAME_MAX + 1] = '\0';
	assert_rc(RC_LIMIT, vkey_make(name, k.key, &k, NULL));
	name[NOTE_NAME_MAX] = '\0';
	assert_rc(RC_OK, vkey_make(name, k.key, &k, NULL));
	assert_rc(RC_SYNTAX, vkey_make("a+b", k.key, &k, NULL));
	assert_rc(RC_SYNTAX, vkey_make("", k.key, &k, NULL));
}

static void the_published_note(void **state)
{
	struct vkey k;
	struct note n;
	uint64_t by;
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_rc(RC_OK, vkey_parse(view_str(VKEY), &k, NULL));
	assert_rc(RC_OK, note_parse(view_str(TEXT "\n" LINE), &n, NULL));
	assert_true(view_is(n.text, TEXT));
	assert_int_equal(n.count, 1);
	assert_rc(RC_OK, note_verify(&n, &k, 1, &by, NULL));
	assert_int_equal(by, 1);
	assert_rc(RC_OK, note_sign(view_str(TEXT), &signer, 1, &b, NULL));
	assert_string_equal(buf_cstr(&b), TEXT "\n" LINE);
}

static enum rc_code parsed(const char *text)
{
	struct note n;

	return note_parse(view_str(text), &n, NULL).code;
}

static void note_forms(void **state)
{
	struct note n;
	AUTO(buf) struct buf b;

	(void)state;
	assert_int_equal(RC_OK, parsed("a\n\n" GREASE));
	assert_int_equal(RC_OK, parsed("a\n\nb\n\n" GREASE)); /* split at the last */
	assert_int_equal(RC_SYNTAX, parsed(""));
	assert_int_equal(RC_SYNTAX, parsed("a\n"));
	assert_int_equal(RC_SYNTAX, parsed("a\n\n"));
	assert_int_equal(RC_SYNTAX, parsed("a\n" GREASE));
	assert_int_equal(RC_SYNTAX, parsed("a\n\n" GREASE "x"));
	assert_int_equal(RC_SYNTAX, parsed("a\n\n" GREASE "\n"));
	assert_int_equal(RC_SYNTAX, parsed("a\n\n" GREASE "text\n"));
	assert_int_equal(RC_SYNTAX, parsed("a\r\n\n" GREASE));
	assert_int_equal(RC_SYNTAX, parsed("a\tb\n\n" GREASE));
	assert_int_equal(RC_SYNTAX, parsed("a\xff\n\n" GREASE));
	assert_int_equal(RC_SYNTAX, parsed("a\n\n- grease.invalid AAECAwQ=\n"));
	assert_int_equal(RC_SYNTAX, parsed("a\n\n\xe2\x80\x94 grease.invalid\n"));
	assert_int_equal(RC_SYNTAX, parsed("a\n\n\xe2\x80\x94 grease+invalid AAECAwQ=\n"));
	assert_int_equal(RC_SYNTAX, parsed("a\n\n\xe2\x80\x94  AAECAwQ=\n"));
	assert_int_equal(RC_SYNTAX,
			 parsed("a\n\n\xe2\x80\x94 grease.invalid AAECAw==\n")); /* 4 bytes */
	assert_int_equal(RC_SYNTAX, parsed("a\n\n\xe2\x80\x94 grease.invalid AAECAwQ\n"));
	assert_int_equal(RC_NONCANON, parsed("a\n\n\xe2\x80\x94 grease.invalid AAECAwR=\n"));
	buf_init(&b, NOTE_MAX + 1);
	buf_put_str(&b, "a\n\n");
	for (unsigned i = 0; i < NOTE_SIGNATURES_MAX; i++)
		buf_put_str(&b, GREASE);
	assert_rc(RC_OK, note_parse(buf_view(&b), &n, NULL));
	assert_int_equal(n.count, 100);
	buf_put_str(&b, GREASE);
	assert_rc(RC_LIMIT, note_parse(buf_view(&b), &n, NULL));
	while (b.len <= NOTE_MAX)
		buf_put_u8(&b, 'a');
	assert_rc(RC_LIMIT, note_parse(buf_view(&b), &n, NULL));
}

static enum rc_code verified(const char *text, const struct vkey *keys, size_t count)
{
	struct note n;

	assert_rc(RC_OK, note_parse(view_str(text), &n, NULL));
	return note_verify(&n, keys, count, NULL, NULL).code;
}

static void known_and_unknown_keys(void **state)
{
	/* The right name and id, another signature; the right name with another id. */
	static const char forged[] =
		TEXT "\n\xe2\x80\x94 PeterNeumann "
		     "x08go/ZJkuBS9UH/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKv"
		     "qfqdngotpRZb6KE6RyyBwJnAM=\n";
	static const char other_id[] = TEXT "\n\xe2\x80\x94 PeterNeumann AAAAAAA=\n";
	struct vkey keys[65];
	struct note n;
	uint64_t by;

	(void)state;
	assert_rc(RC_OK, vkey_make("other.example", signer.key.key, &keys[0], NULL));
	keys[1] = signer.key;
	assert_int_equal(RC_OK, verified(TEXT "\n" LINE, keys, 2));
	assert_int_equal(RC_OK, verified(TEXT "\n" GREASE LINE GREASE, keys, 2));
	assert_int_equal(RC_UNKNOWN, verified(TEXT "\n" LINE, keys, 1));
	assert_int_equal(RC_UNKNOWN, verified(TEXT "\n" GREASE, keys, 2));
	assert_int_equal(RC_UNKNOWN, verified(other_id, keys, 2));
	assert_int_equal(RC_UNKNOWN, verified(TEXT "\n" LINE, keys, 0));
	assert_int_equal(RC_BADSIG, verified(forged, keys, 2));
	assert_int_equal(RC_BADSIG, verified("x\n" TEXT "\n" LINE, keys, 2));
	assert_int_equal(RC_DUPLICATE, verified(TEXT "\n" LINE LINE, keys, 2));
	assert_rc(RC_OK, note_parse(view_str(TEXT "\n" LINE), &n, NULL));
	assert_rc(RC_OK, note_verify(&n, keys, 2, &by, NULL));
	assert_int_equal(by, 2);
	assert_rc(RC_LIMIT, note_verify(&n, keys, 65, &by, NULL));
}

static rc no_token(void *ctx, struct view text, uint8_t ret[ED25519_SIGNATURE], struct fault *f)
{
	(void)ctx;
	(void)text;
	(void)ret;
	return fault_set(f, RC_TOKEN, 0, "no token");
}

static void signing(void **state)
{
	const struct note_signer absent = {.key = signer.key, .sign = no_token};
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_rc(RC_SYNTAX, note_sign(view_str("a"), &signer, 1, &b, NULL));
	assert_rc(RC_SYNTAX, note_sign(view_str(""), &signer, 1, &b, NULL));
	assert_rc(RC_SYNTAX, note_sign(view_str("a\x01\n"), &signer, 1, &b, NULL));
	assert_rc(RC_SYNTAX, note_sign(view_str("a\xff\n"), &signer, 1, &b, NULL));
	assert_rc(RC_TOKEN, note_sign(view_str("a\n"), &absent, 1, &b, NULL));
}

static void every_changed_byte_is_refused(void **state)
{
	char text[] = TEXT "\n" LINE;
	struct note n;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			text[i] ^= (char)(1u << bit);
			assert_false(
				rc_is_ok(note_parse(view_of(text, sizeof(text) - 1), &n, NULL)) &&
				rc_is_ok(note_verify(&n, &signer.key, 1, NULL, NULL)));
			text[i] ^= (char)(1u << bit);
		}
	}
}

#define EMPTY "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static enum rc_code checkpoint(const char *text)
{
	struct checkpoint c;

	return checkpoint_parse(view_str(text), &c, NULL).code;
}

static void checkpoint_forms(void **state)
{
	char origin[400];
	struct checkpoint c;
	AUTO(buf) struct buf b;

	(void)state;
	assert_int_equal(RC_OK, checkpoint("log.example\n0\n" EMPTY "\n"));
	assert_int_equal(RC_OK, checkpoint("log.example\n9223372036854775807\n" EMPTY "\n"));
	assert_int_equal(RC_RANGE, checkpoint("log.example\n9223372036854775808\n" EMPTY "\n"));
	assert_int_equal(RC_SYNTAX, checkpoint("log.example\n01\n" EMPTY "\n"));
	assert_int_equal(RC_SYNTAX, checkpoint("log.example\n-1\n" EMPTY "\n"));
	assert_int_equal(RC_SYNTAX, checkpoint("log.example\n\n" EMPTY "\n"));
	assert_int_equal(RC_SYNTAX, checkpoint("\n1\n" EMPTY "\n"));
	assert_int_equal(RC_SYNTAX, checkpoint("log.example\n1\n" EMPTY));
	assert_int_equal(RC_SYNTAX, checkpoint("log.example\n1\n"));
	assert_int_equal(RC_SYNTAX, checkpoint("log.example\n"));
	assert_int_equal(RC_SYNTAX, checkpoint(""));
	assert_int_equal(RC_TRAILING, checkpoint("log.example\n1\n" EMPTY "\nmore\n"));
	assert_int_equal(RC_SYNTAX, checkpoint("log.example\n1\nAAAA\n"));
	assert_int_equal(RC_SYNTAX, checkpoint("log.example\n1\n" EMPTY EMPTY "\n"));
	assert_int_equal(RC_NONCANON, checkpoint("log.example\n1\n"
						 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n"));
	assert_int_equal(RC_MISMATCH, checkpoint("log.example\n0\n"
						 "57DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"));
	memset(origin, 'a', sizeof(origin));
	(void)snprintf(origin + 256, sizeof(origin) - 256, "\n1\n" EMPTY "\n");
	assert_int_equal(RC_LIMIT, checkpoint(origin));
	assert_int_equal(RC_OK, checkpoint(origin + 1));
	buf_init(&b, 1000);
	assert_rc(RC_OK, checkpoint_parse(view_str("log.example\n7\n" EMPTY "\n"), &c, NULL));
	checkpoint_put(&c, &b);
	assert_string_equal(buf_cstr(&b), "log.example\n7\n" EMPTY "\n");
}

static void checkpoints_bind_origin_and_key(void **state)
{
	struct tree_head head = {.size = 3, .root = tree_empty_root()};
	struct checkpoint c;
	struct note_signer other;
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_rc(RC_OK, checkpoint_sign(&head, &signer, &b, NULL));
	assert_rc(RC_OK, checkpoint_open(buf_view(&b), &signer.key, &c, NULL));
	assert_string_equal(c.origin, "PeterNeumann");
	assert_int_equal(c.head.size, 3);
	assert_rc(RC_OK, note_signer_ed25519("other.example", key, &other, NULL));
	assert_rc(RC_UNKNOWN, checkpoint_open(buf_view(&b), &other.key, &c, NULL));
	buf_clear(&b);
	assert_rc(RC_OK, note_sign(view_str("PeterNeumann\n3\n" EMPTY "\n"), &other, 1, &b, NULL));
	assert_rc(RC_MISMATCH, checkpoint_open(buf_view(&b), &other.key, &c, NULL));
	head.size = TREE_SIZE_MAX + 1;
	assert_rc(RC_RANGE, checkpoint_sign(&head, &signer, &b, NULL));
}

/* A proof file for entry 2 of "entry 0".."entry 4". */
static void make_proof(struct buf *note, struct proof_file *p)
{
	AUTO(tree_mem) struct tree_mem t;
	struct tree_head head = {.size = 5};
	struct tree_reader r;
	char text[16];

	tree_mem_init(&t);
	for (unsigned i = 0; i < 5; i++) {
		struct digest leaf;

		(void)snprintf(text, sizeof(text), "entry %u", i);
		leaf = tree_leaf_hash(view_str(text));
		assert_rc(RC_OK, tree_mem_append(&t, &leaf));
	}
	r = tree_mem_reader(&t);
	head.root = tree_mem_root(&t);
	*p = (struct proof_file){.index = 2, .extra = view_str("AAEC")};
	assert_rc(RC_OK, tree_prove_inclusion(&r, 5, 2, &p->proof, NULL));
	assert_rc(RC_OK, checkpoint_sign(&head, &signer, note, NULL));
	p->note = buf_view(note);
}

static void proof_files(void **state)
{
	AUTO(buf) struct buf note;
	AUTO(buf) struct buf file;
	AUTO(buf) struct buf again;
	struct proof_file p;
	struct checkpoint c;

	(void)state;
	buf_init(&note, 4096);
	buf_init(&file, 8192);
	buf_init(&again, 8192);
	make_proof(&note, &p);
	proof_file_put(&p, &file);
	assert_rc(RC_OK, proof_file_parse(buf_view(&file), &p, NULL));
	assert_true(view_is(p.extra, "AAEC"));
	proof_file_put(&p, &again);
	assert_true(view_is_equal(buf_view(&again), buf_view(&file)));
	assert_rc(RC_OK, proof_file_verify(&p, view_str("entry 2"), &signer.key, &c, NULL));
	assert_int_equal(c.head.size, 5);
	assert_rc(RC_MISMATCH, proof_file_verify(&p, view_str("entry 3"), &signer.key, &c, NULL));
	p.index = 3;
	assert_rc(RC_MISMATCH, proof_file_verify(&p, view_str("entry 2"), &signer.key, NULL, NULL));
	p.index = 5;
	assert_rc(RC_RANGE, proof_file_verify(&p, view_str("entry 2"), &signer.key, NULL, NULL));
	/* Every changed bit is refused, but for those of the unauthenticated extra line. */
	for (size_t i = 0; i < file.len; i++) {
		if (i >= 29 && i < 33)
			continue;
		for (unsigned bit = 0; bit < 8; bit++) {
			file.ptr[i] ^= (uint8_t)(1u << bit);
			assert_false(rc_is_ok(proof_file_parse(buf_view(&file), &p, NULL)) &&
				     rc_is_ok(proof_file_verify(&p, view_str("entry 2"),
								&signer.key, NULL, NULL)));
			file.ptr[i] ^= (uint8_t)(1u << bit);
		}
	}
}

#define HEADER "c2sp.org/tlog-proof@v1\n"

static enum rc_code proof(const char *text)
{
	struct proof_file p;

	return proof_file_parse(view_str(text), &p, NULL).code;
}

static void proof_file_forms(void **state)
{
	AUTO(buf) struct buf b;
	struct proof_file p;

	(void)state;
	assert_int_equal(RC_OK, proof(HEADER "index 0\n\nnote\n"));
	assert_int_equal(RC_OK, proof(HEADER "extra AA==\nindex 0\n" EMPTY "\n\nnote\n"));
	assert_int_equal(RC_TRUNCATED, proof(""));
	assert_int_equal(RC_TRUNCATED, proof(HEADER));
	assert_int_equal(RC_TRUNCATED, proof(HEADER "index 0\n"));
	assert_int_equal(RC_TRUNCATED, proof(HEADER "index 0\n\n"));
	assert_int_equal(RC_TRUNCATED, proof(HEADER "index 0\n" EMPTY));
	assert_int_equal(RC_SYNTAX, proof("c2sp.org/tlog-proof@v2\nindex 0\n\nnote\n"));
	assert_int_equal(RC_SYNTAX, proof(HEADER "Index 0\n\nnote\n"));
	assert_int_equal(RC_SYNTAX, proof(HEADER "index 00\n\nnote\n"));
	assert_int_equal(RC_SYNTAX, proof(HEADER "index \n\nnote\n"));
	assert_int_equal(RC_RANGE, proof(HEADER "index 9223372036854775807\n\nnote\n"));
	assert_int_equal(RC_SYNTAX, proof(HEADER "extra \nindex 0\n\nnote\n"));
	assert_int_equal(RC_SYNTAX, proof(HEADER "extra A\nindex 0\n\nnote\n"));
	assert_int_equal(RC_NONCANON, proof(HEADER "extra AB==\nindex 0\n\nnote\n"));
	assert_int_equal(RC_SYNTAX, proof(HEADER "extra AA==\nextra AA==\nindex 0\n\nnote\n"));
	assert_int_equal(RC_SYNTAX, proof(HEADER "index 0\nindex 0\n\nnote\n"));
	assert_int_equal(RC_SYNTAX, proof(HEADER "index 0\nAAAA\n\nnote\n"));
	assert_int_equal(
		RC_NONCANON,
		proof(HEADER "index 0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n\nn\n"));
	buf_init(&b, PROOF_FILE_MAX + 10);
	buf_put_str(&b, HEADER "index 0\n");
	for (unsigned i = 0; i < 64; i++)
		buf_put_str(&b, EMPTY "\n");
	buf_put_str(&b, "\nnote\n");
	assert_rc(RC_LIMIT, proof_file_parse(buf_view(&b), &p, NULL));
	while (b.len <= PROOF_FILE_MAX)
		buf_put_u8(&b, 'a');
	assert_rc(RC_LIMIT, proof_file_parse(buf_view(&b), &p, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ed25519_known_answer),
		cmocka_unit_test(vkeys_have_one_form),
		cmocka_unit_test(the_published_note),
		cmocka_unit_test(note_forms),
		cmocka_unit_test(known_and_unknown_keys),
		cmocka_unit_test(signing),
		cmocka_unit_test(every_changed_byte_is_refused),
		cmocka_unit_test(checkpoint_forms),
		cmocka_unit_test(checkpoints_bind_origin_and_key),
		cmocka_unit_test(proof_files),
		cmocka_unit_test(proof_file_forms),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
