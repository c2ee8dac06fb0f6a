/* Unit tests of lib/format/seen: what is found in files that were signed by us and by others, and
 * that nothing is found, and nothing breaks, when bytes change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/pem.h"
#include "lib/format/cms_file.h"
#include "lib/format/cms_tbs.h"
#include "lib/format/pe_file.h"
#include "lib/format/pe_tbs.h"
#include "lib/format/seen.h"
#include "tests/support/ca.h"
#include "tests/support/pe.h"
#include "tests/support/signed_files.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct ca world;
static struct ca other;
static struct ca ed;
static struct fault f;

static int setup(void **state)
{
	(void)state;
	ca_new(&world, KEY_P256);
	ca_new(&other, KEY_P256);
	ca_new(&ed, KEY_ED25519);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ca_free(&world);
	ca_free(&other);
	ca_free(&ed);
	return 0;
}

static int file_of(struct view bytes)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_rc(RC_OK, fd_pwrite_full(fd, bytes.ptr, bytes.len, 0, NULL));
	return fd;
}

/* What one scan has found of one key. */
struct found {
	const struct ca *by;
	unsigned good, bad, unjudged, foreign, fits;
	char kind[16];
	struct digest id;
};

static rc take(void *ctx, const struct seen *s)
{
	struct found *n = ctx;
	const struct pkey *key = pkey_soft_public(n->by->leaf.key);
	struct digest spki = digest_of(s->spki);

	assert_true(digest_is_equal(&spki, &s->key));
	if (!digest_is_equal(&s->key, pkey_fingerprint(key))) {
		n->foreign++;
		return OK;
	}
	(void)snprintf(n->kind, sizeof(n->kind), "%s", s->kind);
	n->good += s->state == SEEN_GOOD;
	n->bad += s->state == SEEN_BAD;
	n->unjudged += s->state == SEEN_UNJUDGED;
	n->fits += s->fits;
	assert_true((s->why == NULL) == (s->state == SEEN_GOOD));
	if (s->state == SEEN_GOOD) {
		/* what is given out is enough to verify it without the file */
		struct hash h = s->message.len > 0 ? hash_of(s->hash, s->message) : s->digest;
		struct sign_input in = {key_alg_scheme(pkey_alg(key)), s->hash, hash_view(&h)};

		if (in.scheme == SIGN_ED25519)
			in.input = s->message;
		assert_true(hash_is_equal(&h, &s->digest));
		assert_rc(RC_OK, pkey_verify(key, &in, s->signature, NULL));
		assert_rc(RC_OK, pkey_signature_id(pkey_alg(key), s->signature, &n->id, NULL));
	}
	return OK;
}

static struct seen_count scan(int fd, struct view beside, struct view given, struct found *n)
{
	const struct seen_input in = {
		.fd = fd, .beside = beside, .certs = &given, .cert_count = given.len > 0};
	struct seen_count count;

	assert_rc(RC_OK, seen_scan(&in, take, n, &count, &f));
	return count;
}

static const struct view none;

static void beside_a_file(void **state)
{
	AUTO(fd) int fd = file_of(view_str("content"));
	AUTO(fd) int changed = file_of(view_str("Content"));
	const struct pem_kind pem = {.label = "CMS", .columns = PEM_COLUMNS};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct hash content = hash_of(HASH_SHA512, view_str("content"));
		struct found n = {.by = i == 0 ? &world : &ed};
		struct seen_count count;
		AUTO(buf) struct buf object;
		AUTO(buf) struct buf text;

		signed_object_for(&format_cms_tbs, n.by, &content, &object);
		buf_init(&text, SEEN_TABLE_MAX);
		count = scan(fd, buf_view(&object), none, &n);
		assert_true(n.good == 1 && n.fits == 1 && strcmp(n.kind, "cms") == 0);
		assert_true(count.objects == 1 && count.unreadable == 0 && count.strangers == 0);
		(void)scan(changed, buf_view(&object), none, &n);
		assert_true(n.good == 2 && n.fits == 1);
		pem_put(&pem, buf_view(&object), &text);
		(void)scan(fd, buf_view(&text), none, &n);
		assert_true(n.good == 3 && n.fits == 2 && n.bad == 0);
		text.ptr[40] = '!';
		count = scan(fd, buf_view(&text), none, &n);
		assert_true(n.good == 3 && count.unreadable == 1);
	}
	struct found n = {.by = &world};
	struct seen_count count = scan(fd, view_str("not a signature"), none, &n);
	assert_true(count.objects == 0 && count.unreadable == 0 && n.good == 0);
}

/* A second entry behind the first one of a signed image. */
static void add_entry(int fd, struct view object)
{
	uint8_t head[8] = {0, 0, 0, 0, 0, 2, 2, 0};
	static const uint8_t zeros[8];
	size_t fill = (8 - object.len % 8) % 8;
	uint8_t old[4];
	uint64_t size;
	struct view v = view_of(old, 4);
	uint32_t table;

	assert_rc(RC_OK, fd_size(fd, &size, &f));
	pe_u32(head, (uint32_t)(8 + object.len + fill));
	assert_rc(RC_OK, fd_pwrite_full(fd, head, 8, size, &f));
	assert_rc(RC_OK, fd_pwrite_full(fd, object.ptr, object.len, size + 8, &f));
	assert_rc(RC_OK, fd_pwrite_full(fd, zeros, fill, size + 8 + object.len, &f));
	assert_rc(RC_OK, fd_pread_full(fd, old, 4, PE_SECURITY(true) + 4, &f));
	assert_rc(RC_OK, view_u32le(&v, &table));
	pe_u32(old, table + (uint32_t)(8 + object.len + fill));
	assert_rc(RC_OK, fd_pwrite_full(fd, old, 4, PE_SECURITY(true) + 4, &f));
}

static void in_an_image(void **state)
{
	uint8_t image[PE_SIZE];
	AUTO(fd) int out = file_of(none);
	AUTO(fd) int unused = file_of(none);
	AUTO(buf) struct buf object;
	AUTO(buf) struct buf second;
	struct found n = {.by = &world};
	struct found theirs = {.by = &other};
	struct seen_count count;

	(void)state;
	pe_make(image, true);
	AUTO(fd) int in = file_of(view_of(image, sizeof(image)));
	(void)scan(in, none, none, &n);
	assert_true(n.good + n.bad + n.unjudged + n.foreign == 0);
	signed_image(&other, in, out, &object);
	count = scan(out, none, none, &theirs);
	assert_true(theirs.good == 1 && theirs.fits == 1 && strcmp(theirs.kind, "pe") == 0 &&
		    count.unreadable == 0);
	/* our verifier refuses two entries; here both are seen */
	signed_image(&world, in, unused, &second);
	add_entry(out, buf_view(&second));
	count = scan(out, none, none, &n);
	assert_true(n.good == 1 && n.fits == 1 && n.foreign == 1 && count.objects == 2);
}

static void appended(void **state)
{
	struct hash content = hash_of(HASH_SHA256, view_str("module"));
	AUTO(fd) int fd = file_of(view_str("module"));
	AUTO(buf) struct buf object;
	AUTO(buf) struct buf again;
	struct found n = {.by = &world};
	struct found first = {.by = &other};
	uint8_t bytes[8192];
	struct seen_count count;
	uint64_t size;

	(void)state;
	signed_object_for(&format_cms_tbs, &other, &content, &object);
	signed_append(fd, buf_view(&object));
	(void)scan(fd, none, none, &first);
	assert_true(first.good == 1 && first.fits == 1 && strcmp(first.kind, "appended") == 0);
	/* and one more over all of that */
	assert_rc(RC_OK, fd_size(fd, &size, &f));
	assert_true(size < sizeof(bytes));
	assert_rc(RC_OK, fd_pread_full(fd, bytes, (size_t)size, 0, &f));
	content = hash_of(HASH_SHA256, view_of(bytes, (size_t)size));
	signed_object_for(&format_cms_tbs, &world, &content, &again);
	signed_append(fd, buf_view(&again));
	count = scan(fd, none, none, &n);
	assert_true(n.good == 1 && n.fits == 1 && n.foreign == 1 && count.unreadable == 0);
}

/* security.ima: signed by a key that only a given certificate names. */
static void ima(void **state)
{
	AUTO(fd) int fd = file_of(view_str("file"));
	AUTO(buf) struct buf value;
	const struct view cert = buf_view(&world.leaf.cert);
	struct seen_input in = {.fd = fd, .certs = &cert, .cert_count = 1};
	struct found n = {.by = &world};
	struct seen_count count;

	(void)state;
	signed_ima(&world, view_str("file"), &value);
	in.ima = buf_view(&value);
	assert_rc(RC_OK, seen_scan(&in, take, &n, &count, &f));
	assert_true(n.good == 1 && n.fits == 1 && strcmp(n.kind, "ima") == 0);
	in.cert_count = 0;
	assert_rc(RC_OK, seen_scan(&in, take, &n, &count, &f));
	assert_true(n.good == 1 && count.strangers == 1);
	in.cert_count = 1;
	for (size_t i = 1; i < 9; i++) { /* version, hash, (key id), length */
		bool id = i >= 3 && i < 7;

		value.ptr[i] ^= 1;
		assert_rc(RC_OK, seen_scan(&in, take, &n, &count, &f));
		assert_int_equal(n.good, id ? i - 1 : i < 3 ? 1 : 5);
		assert_int_equal(count.unreadable + count.strangers, id ? 0 : 1);
		value.ptr[i] ^= 1;
	}
}

/* Every byte of a signature object changed in turn: the same signature, a bad one, or none. */
static void tamper(void **state)
{
	struct hash content = hash_of(HASH_SHA256, view_str("content"));
	AUTO(fd) int fd = file_of(view_str("content"));
	AUTO(buf) struct buf object;
	struct found whole = {.by = &world};
	unsigned bad = 0;

	(void)state;
	signed_object_for(&format_cms_tbs, &world, &content, &object);
	(void)scan(fd, buf_view(&object), none, &whole);
	for (size_t i = 0; i < object.len; i++) {
		struct found n = {.by = &world};

		object.ptr[i] ^= 1;
		(void)scan(fd, buf_view(&object), none, &n);
		/* bytes that carry nothing for us: other certificates, names */
		assert_true(n.good == 0 || digest_is_equal(&n.id, &whole.id));
		bad += n.bad;
		object.ptr[i] ^= 1;
	}
	assert_true(bad > 100);
}

static void limits(void **state)
{
	static struct view many[SEEN_CERTS_MAX + 1];
	AUTO(fd) int fd = file_of(view_str("content"));
	struct seen_input in = {.fd = fd, .certs = many, .cert_count = SEEN_CERTS_MAX + 1};
	struct seen_count count;

	(void)state;
	assert_rc(RC_LIMIT, seen_scan(&in, take, NULL, &count, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_a_file), cmocka_unit_test(in_an_image),
		cmocka_unit_test(appended),	 cmocka_unit_test(ima),
		cmocka_unit_test(tamper),	 cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
