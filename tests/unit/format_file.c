/* Unit tests of the worker's half: digest, insertion, restore check, strict verification, and what
 * becomes of signed objects when bytes change. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/cms.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/cms_file.h"
#include "lib/format/cms_tbs.h"
#include "lib/format/pe_file.h"
#include "lib/format/pe_tbs.h"
#include "tests/support/ca.h"
#include "tests/support/pe.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct ca world;
static struct ca ed;
static struct fault f;

static int setup(void **state)
{
	(void)state;
	ca_new(&world, KEY_P256);
	ca_new(&ed, KEY_ED25519);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ca_free(&world);
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

static void object_for(const struct format_tbs *format, const struct ca *ca,
		       const struct hash *content, unix_time when, struct buf *object)
{
	enum key_alg alg = pkey_alg(pkey_soft_public(ca->leaf.key));
	const struct view chain[] = {buf_view(&ca->middle.cert)};
	struct tbs_key key;
	struct tbs_input in = {.content = *content, .when = when, .key = &key};
	AUTO(buf) struct buf tbs;
	AUTO(buf) struct buf sig;
	char params[64];

	buf_init(&tbs, TBS_MAX);
	buf_init(&sig, PKEY_SIGNATURE_MAX);
	(void)snprintf(params, sizeof(params), "{\"digest\":\"%s\"}", hash_name(content->alg));
	in.params = view_str(params);
	assert_rc(RC_OK, tbs_key_init(&key, alg, buf_view(&ca->leaf.cert), chain, 1, &f));
	assert_rc(RC_OK, format->tbs(&in, &tbs, &f));
	assert_rc(RC_OK, tbs_sign(&in, buf_view(&tbs), &ca->leaf.signer, &sig, &f));
	assert_rc(RC_OK, format->finish(&in, buf_view(&sig), object, &f));
}

static rc judge(const struct format_file *format, int fd, struct view object, const struct ca *ca,
		unix_time when)
{
	const struct view root = buf_view(&ca->root.cert);
	struct verify_report report;
	rc r = format->verify(fd, object, &(struct verify_trust){&root, 1, when}, &report, &f);

	if (rc_is_ok(r)) {
		assert_true(report.trusted && report.has_time);
		assert_true(digest_is_equal(&report.fingerprint,
					    pkey_fingerprint(pkey_soft_public(ca->leaf.key))));
		assert_string_equal(report.subject, "CN=Test Signing, O=Example, C=FI");
	}
	return r;
}

static void pe_digest_by_hand(void **state)
{
	uint8_t image[PE_SIZE + 8];

	(void)state;
	for (int plus = 0; plus < 2; plus++)
		for (size_t overlay = 0; overlay < 8; overlay++) {
			size_t security = (size_t)PE_SECURITY(plus);
			uint8_t hashed[PE_SIZE + 8] = {0};
			size_t n = PE_OPT + 64;
			struct hash want;
			struct hash have;

			memset(image, 0xee, sizeof(image));
			pe_make(image, plus);
			memcpy(hashed, image, n);
			memcpy(hashed + n, image + PE_OPT + 68, security - (PE_OPT + 68));
			n += security - (PE_OPT + 68);
			memcpy(hashed + n, image + security + 8, PE_SIZE + overlay - security - 8);
			n += PE_SIZE + overlay - security - 8;
			n += (8 - (PE_SIZE + overlay) % 8) % 8;
			want = hash_of(HASH_SHA256, view_of(hashed, n));
			AUTO(fd) int fd = file_of(view_of(image, PE_SIZE + overlay));
			assert_true(format_pe_file.recognise(fd));
			assert_rc(RC_OK, format_pe_file.content(fd, HASH_SHA256, &have, &f));
			assert_true(hash_is_equal(&want, &have));
			assert_rc(RC_UNSUPPORTED,
				  format_pe_file.content(fd, HASH_SHA512, &have, &f));
		}
}

static void sign_image(struct view image, const struct ca *ca, int out, struct buf *object)
{
	AUTO(fd) int in = file_of(image);
	struct hash content;

	assert_rc(RC_OK, format_pe_file.content(in, HASH_SHA256, &content, &f));
	object_for(&format_pe_tbs, ca, &content, CA_NOW, object);
	assert_rc(RC_OK, format_pe_file.insert(in, buf_view(object), out, &f));
	assert_rc(RC_OK, format_pe_file.restore(out, in, &f));
}

static void pe_round_trip(void **state)
{
	uint8_t image[PE_SIZE + 8];

	(void)state;
	for (size_t overlay = 0; overlay < 8; overlay++) {
		AUTO(fd) int out = file_of(view_of(NULL, 0));
		AUTO(buf) struct buf object;
		AUTO(buf) struct buf again;
		struct hash before;
		struct hash after;

		buf_init(&object, FILE_OBJECT_MAX);
		buf_init(&again, FILE_OBJECT_MAX);
		memset(image, 0xee, sizeof(image));
		pe_make(image, overlay & 1);
		AUTO(fd) int in = file_of(view_of(image, PE_SIZE + overlay));
		assert_rc(RC_NOTFOUND, format_pe_file.extract(in, &again, &f));
		sign_image(view_of(image, PE_SIZE + overlay), &world, out, &object);
		assert_rc(RC_OK, format_pe_file.extract(out, &again, &f));
		assert_true(view_is_equal(buf_view(&object), buf_view(&again)));
		assert_rc(RC_OK, format_pe_file.content(in, HASH_SHA384, &before, &f));
		assert_rc(RC_OK, format_pe_file.content(out, HASH_SHA384, &after, &f));
		assert_true(hash_is_equal(&before, &after));
		assert_rc(RC_OK, judge(&format_pe_file, out, buf_view(&again), &world, CA_NOW));
	}
}

static void pe_insert_refuses(void **state)
{
	static uint8_t huge[FILE_OBJECT_MAX + 1];
	uint8_t image[PE_SIZE];
	AUTO(fd) int out = file_of(view_of(NULL, 0));
	AUTO(fd) int other = file_of(view_of(NULL, 0));
	AUTO(fd) int big = file_of(view_of(NULL, 0));
	AUTO(buf) struct buf object;

	(void)state;
	buf_init(&object, FILE_OBJECT_MAX);
	pe_make(image, true);
	AUTO(fd) int in = file_of(view_of(image, sizeof(image)));
	sign_image(view_of(image, sizeof(image)), &world, out, &object);
	assert_rc(RC_OK, format_pe_file.takes(in, &f));
	assert_rc(RC_EXISTS, format_pe_file.takes(out, &f));
	assert_rc(RC_EXISTS, format_pe_file.insert(out, buf_view(&object), other, &f));
	assert_rc(RC_USAGE, format_pe_file.insert(in, buf_view(&object), out, &f));
	assert_rc(RC_USAGE, format_pe_file.insert(in, view_of(NULL, 0), other, &f));
	assert_rc(RC_LIMIT, format_pe_file.insert(in, view_of(huge, sizeof(huge)), other, &f));
	/* sparse files at the 32-bit limit */
	assert_rc(RC_OK, fd_pwrite_full(big, image, sizeof(image), 0, &f));
	assert_int_equal(0, ftruncate(big, (off_t)UINT32_MAX - 8));
	assert_rc(RC_LIMIT, format_pe_file.insert(big, buf_view(&object), other, &f));
	assert_int_equal(0, ftruncate(big, (off_t)UINT32_MAX + 1));
	assert_rc(RC_LIMIT, format_pe_file.insert(big, buf_view(&object), other, &f));
}

/* One 32-bit field of a good image replaced. */
static enum rc_code with_field(bool plus, size_t at, uint32_t value, size_t size)
{
	uint8_t image[PE_SIZE + 64] = {0};
	struct hash h;

	pe_make(image, plus);
	pe_u32(image + at, value);
	AUTO(fd) int fd = file_of(view_of(image, size));
	return format_pe_file.content(fd, HASH_SHA256, &h, &f).code;
}

static void pe_refused_images(void **state)
{
	size_t size = PE_SIZE;

	(void)state;
	for (int p = 0; p < 2; p++) {
		size_t sections = (size_t)PE_SECTIONS(p);
		size_t security = (size_t)PE_SECURITY(p);
		size_t count = PE_OPT + (p ? 108U : 92U);

		assert_int_equal(RC_OK, with_field(p, sections, 0, size));
		assert_int_equal(RC_SYNTAX, with_field(p, 0, 0, size));
		assert_int_equal(RC_SYNTAX, with_field(p, PE_AT, 0, size));
		assert_int_equal(RC_RANGE, with_field(p, 0x3c, 4, size));
		assert_int_equal(RC_TRUNCATED, with_field(p, 0x3c, 0xffffff00, size));
		assert_int_equal(RC_LIMIT, with_field(p, PE_AT + 4, 97U << 16, size));
		assert_int_equal(RC_RANGE, with_field(p, PE_AT + 20, 60, size));
		assert_int_equal(RC_RANGE, with_field(p, PE_AT + 20, 4097, size));
		assert_int_equal(RC_UNSUPPORTED, with_field(p, PE_AT + 20, 120, size));
		assert_int_equal(RC_UNSUPPORTED, with_field(p, PE_OPT, 0x107, size));
		assert_int_equal(RC_UNSUPPORTED, with_field(p, count, 4, size));
		assert_int_equal(RC_UNSUPPORTED, with_field(p, count, 17, size));
		assert_int_equal(RC_RANGE, with_field(p, PE_OPT + 60, 0x80, size));
		assert_int_equal(RC_RANGE, with_field(p, PE_OPT + 60, 0x7fffffff, size));
		/* a gap, an overlap, a section past the end */
		assert_int_equal(RC_UNSUPPORTED,
				 with_field(p, sections + 20, PE_HEADERS + 0x48, size));
		assert_int_equal(RC_UNSUPPORTED,
				 with_field(p, sections + 20, PE_HEADERS + 0x38, size));
		assert_int_equal(RC_TRUNCATED, with_field(p, sections + 16, 0x21, size));
		assert_int_equal(RC_TRUNCATED, with_field(p, sections + 16, 0xffffffff, size));
		/* a certificate table that is half there, unaligned, inside the sections */
		assert_int_equal(RC_RANGE, with_field(p, security, PE_SIZE, size));
		assert_int_equal(RC_RANGE, with_field(p, security + 4, 8, size));
		for (size_t n = 0; n < PE_SIZE; n++)
			assert_int_not_equal(RC_OK, with_field(p, sections, 0, n));
	}
}

static void pe_refused_tables(void **state)
{
	uint8_t image[PE_SIZE + 64] = {0};
	AUTO(buf) struct buf object;
	struct hash h;
	const struct {
		uint32_t at;
		uint32_t size;
		enum rc_code want;
	} cases[] = {
		{PE_SIZE, 64, RC_OK},	     {PE_SIZE + 1, 63, RC_RANGE},
		{PE_SIZE + 60, 4, RC_RANGE}, {PE_SIZE, 56, RC_RANGE},
		{PE_SIZE, 72, RC_RANGE},     {PE_SIZE - 8, 72, RC_RANGE},
		{0xfffffff8, 8, RC_RANGE},   {PE_SIZE, 0xffffffff, RC_RANGE},
	};

	(void)state;
	buf_init(&object, FILE_OBJECT_MAX);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pe_make(image, false);
		pe_u32(image + PE_SECURITY(false), cases[i].at);
		pe_u32(image + PE_SECURITY(false) + 4, cases[i].size);
		AUTO(fd) int fd = file_of(view_of(image, sizeof(image)));
		assert_rc(cases[i].want, format_pe_file.content(fd, HASH_SHA256, &h, &f));
	}
	/* what the table holds: a wrong length, revision, no DER, something after it */
	pe_make(image, false);
	pe_u32(image + PE_SECURITY(false), PE_SIZE);
	pe_u32(image + PE_SECURITY(false) + 4, 64);
	const struct {
		uint8_t table[64];
		enum rc_code want;
	} tables[] = {
		{{64, 0, 0, 0, 0, 2, 2, 0, 0x30, 48}, RC_OK},
		{{60, 0, 0, 0, 0, 2, 2, 0, 0x30, 50}, RC_OK},
		{{56, 0, 0, 0, 0, 2, 2, 0, 0x30, 48}, RC_UNSUPPORTED},
		{{65, 0, 0, 0, 0, 2, 2, 0, 0x30, 48}, RC_UNSUPPORTED},
		{{64, 0, 0, 0, 0, 1, 2, 0, 0x30, 48}, RC_UNSUPPORTED},
		{{64, 0, 0, 0, 0, 2, 1, 0, 0x30, 48}, RC_UNSUPPORTED},
		{{64, 0, 0, 0, 0, 2, 2, 0, 0x31, 48}, RC_SYNTAX},
		{{64, 0, 0, 0, 0, 2, 2, 0, 0x30, 46}, RC_TRAILING},
		{{64, 0, 0, 0, 0, 2, 2, 0, 0x30, 48, [63] = 1}, RC_TRAILING},
	};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		memcpy(image + PE_SIZE, tables[i].table, 64);
		AUTO(fd) int fd = file_of(view_of(image, sizeof(image)));
		assert_rc(tables[i].want, format_pe_file.extract(fd, &object, &f));
	}
}

/* Every byte of a signed image changed in turn. What may change without refusal carries no meaning:
 * CheckSum, and a dwLength that leaves out the fill. */
static void pe_tamper(void **state)
{
	uint8_t image[PE_SIZE];
	AUTO(fd) int out = file_of(view_of(NULL, 0));
	AUTO(buf) struct buf object;
	AUTO(buf) struct buf copy;
	uint64_t size;

	(void)state;
	buf_init(&object, FILE_OBJECT_MAX);
	buf_init(&copy, FILE_OBJECT_MAX);
	pe_make(image, true);
	AUTO(fd) int in = file_of(view_of(image, sizeof(image)));
	sign_image(view_of(image, sizeof(image)), &world, out, &object);
	assert_rc(RC_OK, fd_size(out, &size, &f));
	for (uint64_t at = 0; at < size; at++) {
		bool checksum = at >= PE_OPT + 64 && at < PE_OPT + 68;
		bool directory = at >= PE_SECURITY(true) && at < PE_SECURITY(true) + 8;
		uint8_t byte;
		rc r;

		assert_rc(RC_OK, fd_pread_full(out, &byte, 1, at, &f));
		byte ^= 1;
		assert_rc(RC_OK, fd_pwrite_full(out, &byte, 1, at, &f));
		buf_clear(&copy);
		r = format_pe_file.extract(out, &copy, &f);
		if (rc_is_ok(r))
			r = judge(&format_pe_file, out, buf_view(&copy), &world, CA_NOW);
		if (checksum || (at == PE_SIZE && rc_is_ok(r)))
			assert_rc(RC_OK, r);
		else
			assert_int_not_equal(RC_OK, r.code);
		if (at < PE_SIZE && !checksum && !directory)
			assert_int_not_equal(RC_OK, format_pe_file.restore(out, in, &f).code);
		byte ^= 1;
		assert_rc(RC_OK, fd_pwrite_full(out, &byte, 1, at, &f));
	}
	assert_rc(RC_OK, format_pe_file.restore(out, in, &f));
	assert_rc(RC_MISMATCH, format_pe_file.restore(in, in, &f));
	assert_rc(RC_EXISTS, format_pe_file.restore(out, out, &f));
}

static void restore_refuses_fill(void **state)
{
	uint8_t image[PE_SIZE + 8];
	AUTO(fd) int out = file_of(view_of(NULL, 0));
	AUTO(buf) struct buf object;
	const uint8_t one = 1;

	(void)state;
	buf_init(&object, FILE_OBJECT_MAX);
	memset(image, 0xee, sizeof(image));
	pe_make(image, true);
	AUTO(fd) int in = file_of(view_of(image, PE_SIZE + 3));
	AUTO(fd) int shorter = file_of(view_of(image, PE_SIZE));
	AUTO(fd) int longer = file_of(view_of(image, PE_SIZE + 4));
	sign_image(view_of(image, PE_SIZE + 3), &world, out, &object);
	assert_rc(RC_MISMATCH, format_pe_file.restore(out, shorter, &f));
	assert_rc(RC_MISMATCH, format_pe_file.restore(out, longer, &f));
	assert_rc(RC_OK, fd_pwrite_full(out, &one, 1, PE_SIZE + 5, &f));
	assert_rc(RC_MISMATCH, format_pe_file.restore(out, in, &f));
}

static void cms_sign(const struct ca *ca, enum hash_alg alg, int fd, unix_time when,
		     struct buf *object)
{
	struct hash content;

	assert_rc(RC_OK, format_cms_file.content(fd, alg, &content, &f));
	buf_clear(object);
	object_for(&format_cms_tbs, ca, &content, when, object);
}

static void cms_tamper_one(const struct ca *ca, enum hash_alg alg)
{
	AUTO(fd) int fd = file_of(view_str("the content"));
	AUTO(fd) int other = file_of(view_str("the Content"));
	AUTO(buf) struct buf object;

	buf_init(&object, FILE_OBJECT_MAX);
	cms_sign(ca, alg, fd, CA_NOW, &object);
	assert_rc(RC_OK, judge(&format_cms_file, fd, buf_view(&object), ca, CA_NOW));
	assert_rc(RC_MISMATCH, judge(&format_cms_file, other, buf_view(&object), ca, CA_NOW));
	for (size_t i = 0; i < object.len; i++) {
		for (unsigned bit = 0; bit < 8; bit += 3) {
			object.ptr[i] ^= (uint8_t)(1U << bit);
			assert_int_not_equal(
				RC_OK,
				judge(&format_cms_file, fd, buf_view(&object), ca, CA_NOW).code);
			object.ptr[i] ^= (uint8_t)(1U << bit);
		}
		assert_int_not_equal(
			RC_OK,
			judge(&format_cms_file, fd, view_of(object.ptr, i), ca, CA_NOW).code);
	}
	buf_put_u8(&object, 0);
	assert_rc(RC_TRAILING, judge(&format_cms_file, fd, buf_view(&object), ca, CA_NOW));
}

static void cms_tamper(void **state)
{
	(void)state;
	cms_tamper_one(&world, HASH_SHA256);
	cms_tamper_one(&ed, HASH_SHA512); /* ours is the only verifier here */
}

static void verify_times_and_trust(void **state)
{
	AUTO(fd) int fd = file_of(view_str("the content"));
	AUTO(buf) struct buf object;
	struct verify_report report;

	(void)state;
	buf_init(&object, FILE_OBJECT_MAX);
	cms_sign(&world, HASH_SHA256, fd, CA_NOW, &object);
	assert_rc(RC_OK, judge(&format_cms_file, fd, buf_view(&object), &world, CA_NOW - 600));
	assert_rc(RC_DENIED, judge(&format_cms_file, fd, buf_view(&object), &world, CA_NOW - 601));
	assert_rc(RC_EXPIRED, judge(&format_cms_file, fd, buf_view(&object), &world, CA_DIES + 1));
	assert_rc(RC_OK,
		  format_cms_file.verify(fd, buf_view(&object),
					 &(struct verify_trust){NULL, 0, CA_NOW}, &report, &f));
	assert_false(report.trusted);
	assert_int_equal(report.signing_time, CA_NOW);
	/* another world's root */
	assert_rc(RC_DENIED,
		  format_cms_file.verify(
			  fd, buf_view(&object),
			  &(struct verify_trust){(const struct view[]){buf_view(&ed.root.cert)}, 1,
						 CA_NOW},
			  &report, &f));
	cms_sign(&world, HASH_SHA256, fd, CA_DIES + 1, &object);
	assert_rc(RC_EXPIRED, judge(&format_cms_file, fd, buf_view(&object), &world, CA_DIES + 1));
	cms_sign(&world, HASH_SHA256, fd, CA_BORN - 1, &object);
	assert_rc(RC_EXPIRED, judge(&format_cms_file, fd, buf_view(&object), &world, CA_NOW));
}

static void wrong_content_type(void **state)
{
	uint8_t image[PE_SIZE];
	AUTO(buf) struct buf object;
	struct hash h;

	(void)state;
	pe_make(image, false);
	AUTO(fd) int fd = file_of(view_of(image, sizeof(image)));
	buf_init(&object, FILE_OBJECT_MAX);
	cms_sign(&world, HASH_SHA256, fd, CA_NOW, &object);
	assert_rc(RC_UNSUPPORTED, judge(&format_pe_file, fd, buf_view(&object), &world, CA_NOW));
	assert_rc(RC_OK, format_pe_file.content(fd, HASH_SHA256, &h, &f));
	buf_clear(&object);
	object_for(&format_pe_tbs, &world, &h, CA_NOW, &object);
	assert_rc(RC_OK, judge(&format_pe_file, fd, buf_view(&object), &world, CA_NOW));
	assert_rc(RC_UNSUPPORTED, judge(&format_cms_file, fd, buf_view(&object), &world, CA_NOW));
}

/* Objects by OpenSSL that are good CMS, but not what we take. */
static enum rc_code foreign(unsigned flags, const EVP_MD *md, int signers, const struct ca_party *p)
{
	AUTO(fd) int fd = file_of(view_str("the content"));
	AUTO(secret) struct secret pkcs8 = {0};
	BIO *data = BIO_new_mem_buf("the content", -1);
	unsigned char *der = NULL;
	const unsigned char *at;
	CMS_ContentInfo *cms;
	EVP_PKEY *key;
	X509 *cert;
	int len;
	rc r;

	assert_rc(RC_OK, pkey_soft_export(p->key, &pkcs8, &f));
	at = pkcs8.ptr;
	key = d2i_AutoPrivateKey(NULL, &at, (long)pkcs8.len);
	at = p->cert.ptr;
	cert = d2i_X509(NULL, &at, (long)p->cert.len);
	cms = CMS_sign(NULL, NULL, NULL, data, CMS_BINARY | CMS_PARTIAL | (flags & CMS_DETACHED));
	for (int i = 0; i < signers; i++)
		assert_non_null(CMS_add1_signer(cms, cert, key, md,
						flags | CMS_BINARY | (i > 0 ? CMS_NOCERTS : 0)));
	if (signers > 0)
		assert_int_equal(1, CMS_final(cms, data, NULL, flags | CMS_BINARY));
	len = i2d_CMS_ContentInfo(cms, &der);
	r = format_cms_file.verify(fd, view_of(der, (size_t)len),
				   &(struct verify_trust){NULL, 0, 4000000000},
				   &(struct verify_report){0}, &f);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(data);
	return r.code;
}

static void foreign_objects(void **state)
{
	const struct ca_party *p = &world.leaf;

	(void)state;
	assert_int_equal(RC_OK, foreign(CMS_DETACHED, EVP_sha256(), 1, p));
	assert_int_equal(RC_OK, foreign(CMS_DETACHED | CMS_CADES, EVP_sha384(), 1, p));
	assert_int_equal(RC_UNSUPPORTED, foreign(0, EVP_sha256(), 1, p)); /* content inside */
	assert_int_equal(RC_UNSUPPORTED, foreign(CMS_DETACHED, EVP_sha1(), 1, p));
	assert_int_equal(RC_UNSUPPORTED, foreign(CMS_DETACHED | CMS_USE_KEYID, EVP_sha256(), 1, p));
	assert_int_equal(RC_NOTFOUND, foreign(CMS_DETACHED | CMS_NOCERTS, EVP_sha256(), 1, p));
	assert_int_equal(RC_SYNTAX, foreign(CMS_DETACHED | CMS_NOATTR, EVP_sha256(), 1, p));
	assert_int_equal(RC_DUPLICATE, foreign(CMS_DETACHED, EVP_sha256(), 2, p));
	assert_int_not_equal(RC_OK, foreign(CMS_DETACHED, EVP_sha256(), 0, p));
	/* a signature by an authority's certificate */
	assert_int_equal(RC_DENIED, foreign(CMS_DETACHED, EVP_sha256(), 1, &world.middle));
}

static void table(void **state)
{
	AUTO(fd) int text = file_of(view_str("MZ but no more"));

	(void)state;
	assert_ptr_equal(format_file_find(view_str("cms")), &format_cms_file);
	assert_null(format_file_find(view_str("")));
	assert_false(format_pe_file.recognise(text));
	assert_true(format_cms_file.recognise(text));
	/* both halves know the same names */
	for (size_t i = 0; format_file_table[i] != NULL; i++)
		assert_non_null(format_tbs_find(view_str(format_file_table[i]->name)));
	for (size_t i = 0; format_tbs_table[i] != NULL; i++)
		assert_non_null(format_file_find(view_str(format_tbs_table[i]->name)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pe_digest_by_hand),	  cmocka_unit_test(pe_round_trip),
		cmocka_unit_test(pe_insert_refuses),	  cmocka_unit_test(pe_refused_images),
		cmocka_unit_test(pe_refused_tables),	  cmocka_unit_test(pe_tamper),
		cmocka_unit_test(restore_refuses_fill),	  cmocka_unit_test(cms_tamper),
		cmocka_unit_test(verify_times_and_trust), cmocka_unit_test(wrong_content_type),
		cmocka_unit_test(foreign_objects),	  cmocka_unit_test(table),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
