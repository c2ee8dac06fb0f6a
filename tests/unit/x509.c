/* Unit tests of lib/crypt/x509 and the provider: certificates made through the provider are read
 * back by ours and by OpenSSL; each refusal at import is provoked. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/pem.h"
#include "tests/support/ca.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct ca world;
static struct fault f;

static int setup(void **state)
{
	(void)state;
	ca_new(&world, KEY_P256);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ca_free(&world);
	return 0;
}

static void parse_fields(void **state)
{
	struct x509 c;
	char text[64];

	(void)state;
	assert_rc(RC_OK, x509_parse(buf_view(&world.leaf.cert), &c, &f));
	assert_true(c.not_before == CA_BORN && c.not_after == CA_DIES);
	assert_int_equal(c.key_usage, X509_KU_DIGITAL_SIGNATURE);
	assert_true(c.has_eku && c.eku_code_signing && !c.ca && !c.unknown_critical);
	assert_true(view_is_equal(c.spki, pkey_spki(pkey_soft_public(world.leaf.key))));
	assert_rc(RC_OK, x509_check_code_signing(&c, CA_NOW, &f));
	x509_name_text(c.subject, text, sizeof(text));
	assert_string_equal(text, "CN=Test Signing, O=Example, C=FI");
	x509_name_text(c.subject, text, 5);
	assert_string_equal(text, "CN=T");
	assert_rc(RC_OK, x509_parse(buf_view(&world.middle.cert), &c, &f));
	assert_int_equal(c.key_usage, X509_KU_KEY_CERT_SIGN | X509_KU_CRL_SIGN);
	assert_true(c.ca && c.has_basic_constraints && !c.has_eku);
	assert_rc(RC_DENIED, x509_check_code_signing(&c, CA_NOW, &f));
}

/* Every shortened certificate and one with a byte more are refused. */
static void parse_truncated(void **state)
{
	struct view der = buf_view(&world.leaf.cert);
	uint8_t *copy = (uint8_t *)calloc(1, X509_DER_MAX + 1);
	struct x509 c;

	(void)state;
	for (size_t n = 0; n < der.len; n++)
		assert_int_not_equal(RC_OK, x509_parse(view_of(der.ptr, n), &c, &f).code);
	memcpy(copy, der.ptr, der.len);
	assert_rc(RC_TRAILING, x509_parse(view_of(copy, der.len + 1), &c, &f));
	assert_rc(RC_LIMIT, x509_parse(view_of(copy, X509_DER_MAX + 1), &c, &f));
	free(copy);
}

/* Changes the one place where `from` occurs in a copy of the leaf. */
static enum rc_code parse_changed(struct view from, struct view to)
{
	struct view der = buf_view(&world.leaf.cert);
	uint8_t *copy = (uint8_t *)malloc(der.len);
	struct x509 c;
	uint8_t *at;
	rc r;

	memcpy(copy, der.ptr, der.len);
	at = (uint8_t *)memmem(copy, der.len, from.ptr, from.len);
	assert_non_null(at);
	assert_int_equal(from.len, to.len);
	memcpy(at, to.ptr, to.len);
	r = x509_parse(view_of(copy, der.len), &c, &f);
	free(copy);
	return r.code;
}
#define CHANGED(from, to)                                                                          \
	parse_changed(view_of(from, sizeof(from) - 1), view_of(to, sizeof(to) - 1))

static void parse_refusals(void **state)
{
	(void)state;
	assert_int_equal(RC_UNSUPPORTED, CHANGED("\xa0\x03\x02\x01\x02", "\xa0\x03\x02\x01\x01"));
	assert_int_equal(RC_RANGE, CHANGED("\x02\x04\x5a\x01\x02\x03", "\x02\x04\x8a\x01\x02\x03"));
	assert_int_equal(RC_MISMATCH, CHANGED("\x3d\x04\x03\x02\x30", "\x3d\x04\x03\x03\x30"));
	assert_int_equal(RC_RANGE, CHANGED("260101000000Z", "390101000000Z"));
	/* keyUsage (2.5.29.15) becomes a second basicConstraints (2.5.29.19) and the reverse */
	assert_int_not_equal(RC_OK, CHANGED("\x55\x1d\x0f", "\x55\x1d\x13"));
	assert_int_equal(RC_DUPLICATE, CHANGED("\x55\x1d\x0e", "\x55\x1d\x23"));
	assert_int_equal(RC_NONCANON, CHANGED("\x03\x02\x07\x80", "\x03\x02\x06\x80"));
	assert_int_equal(RC_NONCANON, CHANGED("\x01\x01\xff", "\x01\x01\x00"));
}

static void chain_append(struct buf *out, const struct ca_party *p, bool pem)
{
	static const struct pem_kind kind = {"CERTIFICATE", PEM_COLUMNS};

	if (pem)
		pem_put(&kind, buf_view(&p->cert), out);
	else
		buf_put_view(out, buf_view(&p->cert));
}

static enum rc_code import(const struct ca_party *const *parts, size_t count, unix_time t)
{
	AUTO(x509_chain) struct x509_chain chain = {.count = 0};
	AUTO(buf) struct buf text;

	buf_init(&text, 1 << 20);
	for (size_t i = 0; i < count; i++)
		chain_append(&text, parts[i], false);
	assert_rc(RC_OK, x509_chain_read(buf_view(&text), &chain, &f));
	return x509_check_import(&chain, pkey_soft_public(world.leaf.key), t, &f).code;
}
#define PARTS(...)                                                                                 \
	(const struct ca_party *const[]){__VA_ARGS__},                                             \
		sizeof((const struct ca_party *const[]){__VA_ARGS__}) / sizeof(void *)

static void import_accepts(void **state)
{
	(void)state;
	assert_int_equal(RC_OK, import(PARTS(&world.leaf, &world.middle, &world.root), CA_NOW));
	assert_int_equal(RC_OK, import(PARTS(&world.leaf, &world.middle), CA_NOW));
	assert_int_equal(RC_OK, import(PARTS(&world.leaf), CA_BORN));
	assert_int_equal(RC_OK, import(PARTS(&world.leaf), CA_DIES));
}

static void import_refuses(void **state)
{
	struct ca_party other = {0};
	struct ca_party imposter = {0};

	(void)state;
	assert_int_equal(RC_EXPIRED, import(PARTS(&world.leaf), CA_DIES + 1));
	assert_int_equal(RC_EXPIRED, import(PARTS(&world.leaf), CA_BORN - 1));
	assert_int_equal(RC_MISMATCH, import(PARTS(&world.middle, &world.root), CA_NOW));
	assert_int_equal(RC_MISMATCH, import(PARTS(&world.leaf, &world.root), CA_NOW));
	assert_int_equal(RC_MISMATCH,
			 import(PARTS(&world.leaf, &world.root, &world.middle), CA_NOW));
	assert_int_equal(RC_MISMATCH, import(PARTS(&world.leaf, &world.leaf), CA_NOW));
	/* the right names by another key */
	ca_party_new(&imposter, KEY_P256);
	ca_issue(&world, &imposter,
		 &(struct ca_cert){"CN=Test Intermediate,O=Example", &world.root, HASH_SHA256, true,
				   CA_BORN, CA_DIES});
	assert_int_equal(RC_BADSIG, import(PARTS(&world.leaf, &imposter, &world.root), CA_NOW));
	/* the right name, but no CA */
	ca_issue(&world, &imposter,
		 &(struct ca_cert){"CN=Test Intermediate,O=Example", &world.root, HASH_SHA256,
				   false, CA_BORN, CA_DIES});
	assert_int_equal(RC_DENIED, import(PARTS(&world.leaf, &imposter), CA_NOW));
	/* an intermediate that has expired */
	ca_issue(&world, &imposter,
		 &(struct ca_cert){"CN=Test Intermediate,O=Example", &world.root, HASH_SHA256, true,
				   CA_BORN, CA_NOW - 1});
	assert_int_equal(RC_EXPIRED, import(PARTS(&world.leaf, &imposter), CA_NOW));
	/* somebody else's leaf */
	ca_party_new(&other, KEY_P256);
	ca_issue(
		&world, &other,
		&(struct ca_cert){"CN=Other", &world.middle, HASH_SHA256, false, CA_BORN, CA_DIES});
	assert_int_equal(RC_MISMATCH, import(PARTS(&other, &world.middle), CA_NOW));
	ca_party_free(&other);
	ca_party_free(&imposter);
}

/* Leaves that our own maker does not make, by OpenSSL. */
static X509 *foreign(EVP_PKEY *subject, const char *const ext[][2], size_t count)
{
	X509 *c = X509_new();

	assert_true(X509_set_version(c, 2) && ASN1_INTEGER_set(X509_get_serialNumber(c), 7) &&
		    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
					       (const unsigned char *)"f", -1, -1, 0) &&
		    X509_set_issuer_name(c, X509_get_subject_name(c)) &&
		    ASN1_TIME_set(X509_getm_notBefore(c), CA_BORN) &&
		    ASN1_TIME_set(X509_getm_notAfter(c), CA_DIES) && X509_set_pubkey(c, subject));
	for (size_t i = 0; i < count; i++) {
		X509_EXTENSION *e = X509V3_EXT_conf(NULL, NULL, ext[i][0], ext[i][1]);

		assert_true(e != NULL && X509_add_ext(c, e, -1));
		X509_EXTENSION_free(e);
	}
	return c;
}

static enum rc_code import_foreign(EVP_PKEY *subject, const EVP_MD *md, const char *const ext[][2],
				   size_t count)
{
	AUTO(x509_chain) struct x509_chain chain = {.count = 0};
	AUTO(pkey) struct pkey *pub = NULL;
	X509 *c = foreign(subject, ext, count);
	unsigned char *der = NULL;
	unsigned char *spki = NULL;
	int len;
	rc r;

	assert_true(X509_sign(c, subject, md) > 0);
	len = i2d_X509(c, &der);
	assert_rc(RC_OK, x509_chain_read(view_of(der, (size_t)len), &chain, &f));
	len = i2d_PUBKEY(subject, &spki);
	assert_rc(RC_OK, pkey_from_spki(view_of(spki, (size_t)len), &pub, &f));
	r = x509_check_import(&chain, pub, CA_NOW, &f);
	OPENSSL_free(der);
	OPENSSL_free(spki);
	X509_free(c);
	return r.code;
}

static void import_refuses_usage(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	static const char *const good[][2] = {{"keyUsage", "digitalSignature"},
					      {"extendedKeyUsage", "codeSigning"}};
	static const char *const no_sign[][2] = {{"keyUsage", "keyEncipherment"},
						 {"extendedKeyUsage", "codeSigning"}};
	static const char *const tls[][2] = {{"keyUsage", "digitalSignature"},
					     {"extendedKeyUsage", "serverAuth"}};
	static const char *const ca[][2] = {{"basicConstraints", "CA:TRUE"},
					    {"keyUsage", "digitalSignature"},
					    {"extendedKeyUsage", "codeSigning"}};
	static const char *const strange[][2] = {{"keyUsage", "digitalSignature"},
						 {"extendedKeyUsage", "codeSigning"},
						 {"1.2.3.4", "critical,DER:0500"}};

	(void)state;
	assert_int_equal(RC_OK, import_foreign(key, EVP_sha256(), good, 2));
	assert_int_equal(RC_DENIED, import_foreign(key, EVP_sha1(), good, 2));
	assert_non_null(strstr(f.text, "SHA-1"));
	assert_int_equal(RC_DENIED, import_foreign(key, EVP_sha256(), good, 1));
	assert_non_null(strstr(f.text, "codeSigning"));
	assert_int_equal(RC_DENIED, import_foreign(key, EVP_sha256(), good + 1, 1));
	assert_non_null(strstr(f.text, "digitalSignature"));
	assert_int_equal(RC_DENIED, import_foreign(key, EVP_sha256(), no_sign, 2));
	assert_int_equal(RC_DENIED, import_foreign(key, EVP_sha256(), tls, 2));
	assert_int_equal(RC_DENIED, import_foreign(key, EVP_sha256(), ca, 3));
	assert_non_null(strstr(f.text, "CA"));
	assert_int_equal(RC_DENIED, import_foreign(key, EVP_sha256(), strange, 3));
	assert_non_null(strstr(f.text, "critical"));
	EVP_PKEY_free(key);
}

/* An RSA-2048 authority over a good leaf. */
static void import_refuses_weak_issuer(void **state)
{
	EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	static const char *const ca[][2] = {{"basicConstraints", "critical,CA:TRUE"},
					    {"keyUsage", "keyCertSign"}};
	static const char *const good[][2] = {{"keyUsage", "digitalSignature"},
					      {"extendedKeyUsage", "codeSigning"}};
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *leaf = foreign(key, good, 2);
	X509 *issuer = foreign(weak, ca, 2);
	AUTO(x509_chain) struct x509_chain chain = {.count = 0};
	AUTO(pkey) struct pkey *pub = NULL;
	AUTO(buf) struct buf all;
	unsigned char *der = NULL;
	int len;

	(void)state;
	buf_init(&all, 1 << 16);
	assert_true(X509_sign(leaf, weak, EVP_sha256()) > 0 &&
		    X509_sign(issuer, weak, EVP_sha256()) > 0);
	len = i2d_X509(leaf, &der);
	buf_put(&all, der, (size_t)len);
	OPENSSL_free(der);
	der = NULL;
	len = i2d_X509(issuer, &der);
	buf_put(&all, der, (size_t)len);
	OPENSSL_free(der);
	der = NULL;
	len = i2d_PUBKEY(key, &der);
	assert_rc(RC_OK, pkey_from_spki(view_of(der, (size_t)len), &pub, &f));
	OPENSSL_free(der);
	assert_rc(RC_OK, x509_chain_read(buf_view(&all), &chain, &f));
	assert_rc(RC_DENIED, x509_check_import(&chain, pub, CA_NOW, &f));
	assert_non_null(strstr(f.text, "2048"));
	X509_free(leaf);
	X509_free(issuer);
	EVP_PKEY_free(weak);
	EVP_PKEY_free(key);
}

static void chain_forms(void **state)
{
	AUTO(x509_chain) struct x509_chain chain = {.count = 0};
	AUTO(buf) struct buf text;
	AUTO(buf) struct buf crlf;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_init(&crlf, 1 << 20);
	chain_append(&text, &world.leaf, true);
	buf_put_str(&text, "\n");
	chain_append(&text, &world.middle, true);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\n')
			buf_put_u8(&crlf, '\r');
		buf_put_u8(&crlf, text.ptr[i]);
	}
	assert_rc(RC_OK, x509_chain_read(buf_view(&crlf), &chain, &f));
	assert_int_equal(chain.count, 2);
	assert_true(view_is_equal(chain.der[1], buf_view(&world.middle.cert)));
	x509_chain_release(&chain);
	for (int i = 0; i < 7; i++)
		chain_append(&text, &world.root, true);
	assert_rc(RC_LIMIT, x509_chain_read(buf_view(&text), &chain, &f));
	assert_int_not_equal(RC_OK, x509_chain_read(view_str(""), &chain, &f).code);
	assert_int_not_equal(RC_OK, x509_chain_read(view_str("hello\n"), &chain, &f).code);
	assert_int_not_equal(RC_OK, x509_chain_read(view_str("\x30\x00"), &chain, &f).code);
}

static void path(void **state)
{
	const struct view others[] = {buf_view(&world.middle.cert)};
	const struct view roots[] = {buf_view(&world.root.cert)};
	struct x509_path p = {buf_view(&world.leaf.cert), others, 1, roots, 1, CA_NOW};
	struct ca_party stranger = {0};
	struct view strange_root;

	(void)state;
	assert_rc(RC_OK, x509_path_verify(&p, &f));
	p.when = CA_DIES + 1;
	assert_rc(RC_EXPIRED, x509_path_verify(&p, &f));
	p.when = CA_NOW;
	p.other_count = 0;
	assert_rc(RC_DENIED, x509_path_verify(&p, &f));
	p.other_count = 1;
	ca_party_new(&stranger, KEY_P256);
	ca_issue(&world, &stranger,
		 &(struct ca_cert){"CN=Test Root,O=Example", NULL, HASH_SHA256, true, CA_BORN,
				   CA_DIES});
	strange_root = buf_view(&stranger.cert);
	p.roots = &strange_root;
	assert_rc(RC_DENIED, x509_path_verify(&p, &f));
	p.leaf = view_str("x");
	assert_rc(RC_SYNTAX, x509_path_verify(&p, &f));
	ca_party_free(&stranger);
}

static enum rc_code subject(const char *text)
{
	AUTO(buf) struct buf out;
	struct fault why;

	buf_init(&out, 1024);
	return x509_subject_encode(view_str(text), &out, &why).code;
}

static void subjects(void **state)
{
	char long_value[70] = "CN=";

	(void)state;
	memset(long_value + 3, 'a', 65);
	assert_int_equal(RC_OK, subject("CN=Example Signing,O=Example Ltd,C=FI"));
	assert_int_equal(RC_OK, subject("O=A\\, B\\\\,CN=\xc3\xa4"));
	assert_int_equal(RC_SYNTAX, subject(""));
	assert_int_equal(RC_SYNTAX, subject("CN"));
	assert_int_equal(RC_SYNTAX, subject("CN="));
	assert_int_equal(RC_SYNTAX, subject("CN=a,"));
	assert_int_equal(RC_UNKNOWN, subject("CN=a, O=b"));
	assert_int_equal(RC_UNKNOWN, subject("cn=a"));
	assert_int_equal(RC_SYNTAX, subject("O=a"));
	assert_int_equal(RC_SYNTAX, subject("CN= a"));
	assert_int_equal(RC_SYNTAX, subject("CN=a\tb"));
	assert_int_equal(RC_SYNTAX, subject("CN=a\\b"));
	assert_int_equal(RC_SYNTAX, subject("CN=\xff"));
	assert_int_equal(RC_SYNTAX, subject("CN=a,C=Fi"));
	assert_int_equal(RC_DUPLICATE, subject("CN=a,CN=b"));
	assert_int_equal(RC_LIMIT, subject(long_value));
}

/* A CSR and a self-signed certificate of each algorithm, read and verified by plain OpenSSL. */
static void provider_makes(enum key_alg alg)
{
	struct ca_party p = {0};
	AUTO(buf) struct buf csr;
	struct x509_make make;
	const unsigned char *at;
	STACK_OF(X509_EXTENSION) * asked;
	X509_REQ *req;
	X509 *cert;

	buf_init(&csr, 8192);
	ca_party_new(&p, alg);
	make = (struct x509_make){world.provider, pkey_soft_public(p.key), &p.signer, HASH_SHA384,
				  view_str("CN=Request,O=Example")};
	assert_rc(RC_OK, x509_csr(&make, &csr, &f));
	at = csr.ptr;
	req = d2i_X509_REQ(NULL, &at, (long)csr.len);
	assert_non_null(req);
	assert_true(at == csr.ptr + csr.len);
	assert_int_equal(1, X509_REQ_verify(req, X509_REQ_get0_pubkey(req)));
	asked = X509_REQ_get_extensions(req);
	assert_int_equal(2, sk_X509_EXTENSION_num(asked));
	sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
	X509_REQ_free(req);
	ca_issue(&world, &p,
		 &(struct ca_cert){"CN=Alone", NULL, HASH_SHA256, false, CA_BORN, CA_DIES});
	at = p.cert.ptr;
	cert = d2i_X509(NULL, &at, (long)p.cert.len);
	assert_int_equal(1, X509_verify(cert, X509_get0_pubkey(cert)));
	assert_int_equal(1, EVP_PKEY_eq(X509_get0_pubkey(cert), pkey_evp(pkey_soft_public(p.key))));
	X509_free(cert);
	ca_party_free(&p);
}

static void provider_algorithms(void **state)
{
	(void)state;
	provider_makes(KEY_P256);
	provider_makes(KEY_P384);
	provider_makes(KEY_ED25519);
	provider_makes(KEY_RSA3072);
}

static rc refuse(void *ctx, enum sign_scheme scheme, enum hash_alg alg, struct view input,
		 struct buf *out, struct fault *why)
{
	(void)ctx;
	(void)scheme;
	(void)alg;
	(void)input;
	(void)out;
	return fault_set(why, RC_TOKEN, 0, "the token is asleep");
}

/* A signer that refuses, a private part that stays, an ordinary key that is not ours. */
static void provider_refuses(void **state)
{
	const struct signer no = {refuse, NULL};
	AUTO(provider_key) struct provider_key *k = NULL;
	AUTO(buf) struct buf out;
	struct x509_make make = {world.provider, pkey_soft_public(world.leaf.key), &no, HASH_SHA256,
				 view_str("CN=a")};
	BIO *bio = BIO_new(BIO_s_mem());
	OSSL_PARAM *params = NULL;
	unsigned char *der = NULL;
	EVP_PKEY *plain = NULL;
	EVP_PKEY_CTX *ctx;

	(void)state;
	buf_init(&out, 8192);
	assert_rc(RC_TOKEN, x509_csr(&make, &out, &f));
	assert_non_null(strstr(f.text, "asleep"));
	make.subject = view_str("nonsense");
	assert_rc(RC_SYNTAX, x509_csr(&make, &out, &f));
	assert_rc(RC_OK, provider_key_new(world.provider, make.pub, &no, &k, &f));
	assert_int_equal(provider_key_alg(k), KEY_P256);
	assert_int_equal(
		0, PEM_write_bio_PrivateKey(bio, provider_key_evp(k), NULL, NULL, 0, NULL, NULL));
	assert_true(i2d_PrivateKey(provider_key_evp(k), &der) <= 0);
	assert_int_equal(0, EVP_PKEY_todata(provider_key_evp(k), EVP_PKEY_KEYPAIR, &params));
	assert_int_equal(1, EVP_PKEY_todata(provider_key_evp(k), EVP_PKEY_PUBLIC_KEY, &params));
	/* the exported public parts make a key in the standard provider, but never in ours */
	ctx = EVP_PKEY_CTX_new_from_name(provider_libctx(world.provider), "EC",
					 "provider=greatseal");
	assert_int_equal(1, EVP_PKEY_fromdata_init(ctx));
	assert_true(EVP_PKEY_fromdata(ctx, &plain, EVP_PKEY_PUBLIC_KEY, params) <= 0);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	BIO_free(bio);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_fields),
		cmocka_unit_test(parse_truncated),
		cmocka_unit_test(parse_refusals),
		cmocka_unit_test(import_accepts),
		cmocka_unit_test(import_refuses),
		cmocka_unit_test(import_refuses_usage),
		cmocka_unit_test(import_refuses_weak_issuer),
		cmocka_unit_test(chain_forms),
		cmocka_unit_test(path),
		cmocka_unit_test(subjects),
		cmocka_unit_test(provider_algorithms),
		cmocka_unit_test(provider_refuses),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
