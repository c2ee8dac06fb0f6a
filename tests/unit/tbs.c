/* Unit tests of lib/format/tbs: the objects we write are read back by OpenSSL's CMS and PKCS#7
 * APIs, re-encoded to the same bytes and verified; the parameters' refusals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/ess.h>
#include <openssl/pkcs7.h>
#include <stdio.h>
#include <string.h>

#include "lib/format/cms_tbs.h"
#include "lib/format/list_tbs.h"
#include "lib/format/token_tbs.h"
#include "lib/format/pe_tbs.h"
#include "tests/support/ca.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define CONTENT "what is signed\n"

static struct ca worlds[KEY_ALG_COUNT];
static struct fault f;

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < KEY_ALG_COUNT; i++)
		if (i != KEY_RSA4096) /* slow to make, no other code */
			ca_new(&worlds[i], (enum key_alg)i);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < KEY_ALG_COUNT; i++)
		ca_free(&worlds[i]);
	return 0;
}

/* Everything a tbs_input needs, in one place. */
struct job {
	struct view chain[2];
	struct tbs_key key;
	struct tbs_input in;
	char params[128];
};

static void job_init(struct job *j, const struct ca *ca, enum hash_alg hash, const char *more)
{
	enum key_alg alg = pkey_alg(pkey_soft_public(ca->leaf.key));

	j->chain[0] = buf_view(&ca->middle.cert);
	j->chain[1] = buf_view(&ca->root.cert);
	assert_rc(RC_OK, tbs_key_init(&j->key, alg, buf_view(&ca->leaf.cert), j->chain, 2, &f));
	(void)snprintf(j->params, sizeof(j->params), "{\"digest\":\"%s\"%s}", hash_name(hash),
		       more);
	j->in = (struct tbs_input){
		.content = hash_of(hash, view_str(CONTENT)),
		.params = view_str(j->params),
		.when = CA_NOW,
		.key = &j->key,
	};
}

static void sign(const struct format_tbs *format, const struct job *j, const struct ca *ca,
		 struct buf *object)
{
	AUTO(buf) struct buf tbs;
	AUTO(buf) struct buf again;
	AUTO(buf) struct buf sig;

	buf_init(&tbs, TBS_MAX);
	buf_init(&again, TBS_MAX);
	buf_init(&sig, PKEY_SIGNATURE_MAX);
	assert_rc(RC_OK, format->check(&j->in, &f));
	assert_rc(RC_OK, format->tbs(&j->in, &tbs, &f));
	assert_rc(RC_OK, format->tbs(&j->in, &again, &f));
	assert_true(view_is_equal(buf_view(&tbs), buf_view(&again)));
	assert_rc(RC_OK, tbs_sign(&j->in, buf_view(&tbs), &ca->leaf.signer, &sig, &f));
	assert_rc(RC_OK, format->finish(&j->in, buf_view(&sig), object, &f));
	/* appending leaves what was there */
	buf_clear(&again);
	again.max = object->len + 3;
	buf_put_str(&again, "abc");
	again.max = 1 << 20;
	assert_rc(RC_OK, format->finish(&j->in, buf_view(&sig), &again, &f));
	assert_true(view_is_equal(view_of(again.ptr + 3, again.len - 3), buf_view(object)));
}

static X509_STORE *store_of(const struct ca *ca)
{
	X509_STORE *store = X509_STORE_new();
	const unsigned char *p = ca->root.cert.ptr;
	X509 *root = d2i_X509(NULL, &p, (long)ca->root.cert.len);

	assert_int_equal(1, X509_STORE_add_cert(store, root));
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)CA_NOW);
	X509_VERIFY_PARAM_set_purpose(X509_STORE_get0_param(store), X509_PURPOSE_ANY);
	X509_free(root);
	return store;
}

static void cms_one(const struct format_tbs *format, const struct ca *ca, enum hash_alg hash)
{
	bool ed = pkey_alg(pkey_soft_public(ca->leaf.key)) == KEY_ED25519;
	AUTO(buf) struct buf object;
	X509_STORE *store = store_of(ca);
	BIO *content = BIO_new_mem_buf(CONTENT, -1);
	unsigned char *again = NULL;
	const unsigned char *p;
	CMS_ContentInfo *cms;
	CMS_SignerInfo *si;
	struct job j;
	int len;

	buf_init(&object, 1 << 16);
	job_init(&j, ca, hash, "");
	sign(format, &j, ca, &object);
	p = object.ptr;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)object.len);
	assert_non_null(cms);
	len = i2d_CMS_ContentInfo(cms, &again);
	assert_true(view_is_equal(view_of(again, (size_t)len), buf_view(&object)));
	assert_int_equal(1, CMS_is_detached(cms));
	si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
	assert_int_equal(4, CMS_signed_get_attr_count(si));
	assert_true(CMS_signed_get_attr_by_NID(si, NID_id_smime_aa_signingCertificateV2, -1) >= 0);
	assert_true(CMS_signed_get_attr_by_NID(si, NID_pkcs9_signingTime, -1) >= 0);
	if (!ed) { /* OpenSSL 3.0 has no Ed25519 in CMS (RFC 8419) */
		assert_int_equal(
			1, CMS_verify(cms, NULL, store, content, NULL, CMS_BINARY | CMS_CADES));
		BIO_free(content);
		content = BIO_new_mem_buf("what was signed\n", -1);
		assert_int_equal(0, CMS_verify(cms, NULL, store, content, NULL, CMS_BINARY));
	}
	OPENSSL_free(again);
	CMS_ContentInfo_free(cms);
	BIO_free(content);
	X509_STORE_free(store);
}

static void cms_read_by_openssl(void **state)
{
	(void)state;
	for (enum hash_alg h = HASH_SHA256; h <= HASH_SHA512; h++) {
		cms_one(&format_cms_tbs, &worlds[KEY_P256], h);
		cms_one(&format_cms_tbs, &worlds[KEY_P384], h);
		cms_one(&format_cms_tbs, &worlds[KEY_RSA3072], h);
	}
	cms_one(&format_cms_tbs, &worlds[KEY_ED25519], HASH_SHA512);
	/* Contents of a type that OpenSSL does not know. */
	cms_one(&format_guard_token_tbs, &worlds[KEY_P256], HASH_SHA256);
	cms_one(&format_allowlist_tbs, &worlds[KEY_P256], HASH_SHA256);
	cms_one(&format_allowlist_tbs, &worlds[KEY_ED25519], HASH_SHA512);
	cms_one(&format_package_record_tbs, &worlds[KEY_RSA3072], HASH_SHA256);
}

/* The bytes tbs() gives are the ones OpenSSL finds signed: it re-encodes the attributes itself. */
static void pe_one(const struct ca *ca, enum hash_alg hash, const char *more, int attributes)
{
	AUTO(buf) struct buf object;
	X509_STORE *store = store_of(ca);
	PKCS7 *p7;
	PKCS7_SIGNER_INFO *si;
	const unsigned char *p;
	unsigned char *again = NULL;
	const ASN1_TYPE *spc;
	BIO *content;
	struct job j;
	int len;

	buf_init(&object, 1 << 16);
	job_init(&j, ca, hash, more);
	sign(&format_pe_tbs, &j, ca, &object);
	p = object.ptr;
	p7 = d2i_PKCS7(NULL, &p, (long)object.len);
	assert_non_null(p7);
	len = i2d_PKCS7(p7, &again);
	assert_true(view_is_equal(view_of(again, (size_t)len), buf_view(&object)));
	si = sk_PKCS7_SIGNER_INFO_value(PKCS7_get_signer_info(p7), 0);
	assert_int_equal(attributes, sk_X509_ATTRIBUTE_num(PKCS7_get_signed_attributes(si)));
	spc = p7->d.sign->contents->d.other;
	assert_int_equal(V_ASN1_SEQUENCE, spc->type);
	/* PKCS#7 hashes the contents octets: skip tag and length (short form here) */
	assert_true(spc->value.sequence->data[1] < 0x80);
	content = BIO_new_mem_buf(spc->value.sequence->data + 2, spc->value.sequence->length - 2);
	assert_non_null(memmem(spc->value.sequence->data, (size_t)spc->value.sequence->length,
			       j.in.content.b, j.in.content.size));
	assert_int_equal(1, PKCS7_verify(p7, NULL, store, content, NULL, PKCS7_BINARY));
	OPENSSL_free(again);
	BIO_free(content);
	PKCS7_free(p7);
	X509_STORE_free(store);
}

static void pe_read_by_openssl(void **state)
{
	static const char more[] =
		",\"name\":\"Caf\\u00E9 \\u20AC\",\"url\":\"https://example.com/\"";

	(void)state;
	pe_one(&worlds[KEY_P256], HASH_SHA256, "", 5);
	pe_one(&worlds[KEY_P384], HASH_SHA384, ",\"name\":\"x\"", 5);
	pe_one(&worlds[KEY_RSA3072], HASH_SHA256, more, 5);
	pe_one(&worlds[KEY_RSA3072], HASH_SHA384, ",\"url\":\"u\"", 5);
}

static enum rc_code check(const struct format_tbs *format, enum key_alg alg, enum hash_alg hash,
			  const char *params)
{
	AUTO(buf) struct buf out;
	struct job j;
	rc r;

	buf_init(&out, TBS_MAX);
	job_init(&j, &worlds[alg], hash, "");
	j.in.params = view_str(params);
	r = format->check(&j.in, &f);
	assert_rc(r.code, format->tbs(&j.in, &out, &f));
	buf_clear(&out);
	assert_rc(r.code, format->finish(&j.in, view_str("s"), &out, &f));
	return r.code;
}

static void refused_params(void **state)
{
	const struct format_tbs *cms = &format_cms_tbs;
	const struct format_tbs *pe = &format_pe_tbs;
	char longest[900] = "{\"digest\":\"sha256\",\"name\":\"";

	(void)state;
	assert_int_equal(RC_OK, check(cms, KEY_P256, HASH_SHA256, "{\"digest\":\"sha256\"}"));
	assert_int_equal(RC_MISMATCH, check(cms, KEY_P256, HASH_SHA384, "{\"digest\":\"sha256\"}"));
	assert_int_equal(RC_UNKNOWN, check(cms, KEY_P256, HASH_SHA256, "{\"digest\":\"sha1\"}"));
	assert_int_equal(RC_UNKNOWN, check(cms, KEY_P256, HASH_SHA256,
					   "{\"digest\":\"sha256\",\"name\":\"x\"}"));
	assert_int_equal(RC_TRAILING,
			 check(cms, KEY_P256, HASH_SHA256, "{\"digest\":\"sha256\"} "));
	assert_int_not_equal(RC_OK, check(cms, KEY_P256, HASH_SHA256, "{}"));
	assert_int_not_equal(RC_OK, check(cms, KEY_P256, HASH_SHA256, ""));
	assert_int_equal(RC_UNSUPPORTED,
			 check(cms, KEY_ED25519, HASH_SHA256, "{\"digest\":\"sha256\"}"));
	assert_int_equal(RC_OK, check(cms, KEY_ED25519, HASH_SHA512, "{\"digest\":\"sha512\"}"));
	assert_int_equal(RC_UNSUPPORTED,
			 check(pe, KEY_ED25519, HASH_SHA256, "{\"digest\":\"sha256\"}"));
	assert_int_equal(RC_UNSUPPORTED,
			 check(pe, KEY_P256, HASH_SHA512, "{\"digest\":\"sha512\"}"));
	assert_int_equal(RC_RANGE,
			 check(pe, KEY_P256, HASH_SHA256, "{\"digest\":\"sha256\",\"name\":\"\"}"));
	assert_int_equal(RC_RANGE,
			 check(pe, KEY_P256, HASH_SHA256, "{\"digest\":\"sha256\",\"url\":\"\"}"));
	assert_int_equal(RC_RANGE, check(pe, KEY_P256, HASH_SHA256,
					 "{\"digest\":\"sha256\",\"url\":\"a b\"}"));
	assert_int_equal(RC_UNSUPPORTED,
			 check(pe, KEY_P256, HASH_SHA256,
			       "{\"digest\":\"sha256\",\"name\":\"\\uD83D\\uDE00\"}"));
	for (int i = 0; i < 255; i++) /* the longest name: three bytes each in UTF-8 */
		(void)strcat(longest, i < 20 ? "\\u20AC" : "a");
	(void)strcat(longest, "\"}");
	assert_int_equal(RC_OK, check(pe, KEY_P256, HASH_SHA256, longest));
	longest[strlen(longest) - 2] = '\0';
	(void)strcat(longest, "a\"}");
	assert_int_equal(RC_LIMIT, check(pe, KEY_P256, HASH_SHA256, longest));
}

static void refused_inputs(void **state)
{
	AUTO(buf) struct buf out;
	struct view many[TBS_CHAIN_MAX + 1] = {0};
	struct tbs_key key;
	struct job j;

	(void)state;
	buf_init(&out, 1 << 16);
	job_init(&j, &worlds[KEY_P256], HASH_SHA256, "");
	assert_rc(RC_USAGE, format_cms_tbs.finish(&j.in, view_of("", 0), &out, &f));
	j.in.when = -1;
	assert_rc(RC_RANGE, format_cms_tbs.check(&j.in, &f));
	j.in.when = CA_NOW;
	j.in.content.size = 31;
	assert_rc(RC_RANGE, format_cms_tbs.check(&j.in, &f));
	j.in.content.size = 32;
	j.in.params.len = TBS_PARAMS_MAX + 1;
	assert_rc(RC_LIMIT, format_cms_tbs.check(&j.in, &f));
	j.in.params = view_str(j.params);
	out.max = 100;
	assert_rc(RC_LIMIT, format_cms_tbs.tbs(&j.in, &out, &f));
	assert_rc(RC_LIMIT, tbs_key_init(&key, KEY_P256, j.key.cert, many, TBS_CHAIN_MAX + 1, &f));
	assert_rc(RC_TRUNCATED, tbs_key_init(&key, KEY_P256, view_str("abc"), NULL, 0, &f));
	assert_null(format_tbs_find(view_str("nothing")));
	assert_ptr_equal(format_tbs_find(view_str("pe")), &format_pe_tbs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cms_read_by_openssl),
		cmocka_unit_test(pe_read_by_openssl),
		cmocka_unit_test(refused_params),
		cmocka_unit_test(refused_inputs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
