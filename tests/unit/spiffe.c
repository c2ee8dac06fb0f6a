/* Unit tests of lib/crypt/spiffe and lib/model/svid: SVIDs of a small authority made with OpenSSL,
 * and certificates that are nearly SVIDs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/crypt/x509.h"
#include "lib/model/svid.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define NOW ((unix_time)1795424400)
#define ID "spiffe://corp/ci/pod"
#define CA_USAGE "critical,keyCertSign,cRLSign"

static struct fault f;

/* A key and its certificate. */
struct party {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t *der;
	struct view view;
};

struct recipe {
	const char *name;
	const char *san; /* in OpenSSL's words; NULL: none */
	const char *usage;
	const char *constraints; /* nameConstraints; NULL: none */
	const char *eku;
	bool ca;
	long from; /* seconds from NOW */
	long until;
	EVP_PKEY *key; /* NULL: a new one of P-256 */
};

static void extension(X509 *c, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, c, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(c, e, -1), 1);
	X509_EXTENSION_free(e);
}

static struct party make(const struct recipe *r, const struct party *by)
{
	struct party p = {.key = r->key != NULL ? r->key : EVP_EC_gen("P-256")};
	static long serial = 1000;
	X509_NAME *name;
	int len;

	p.cert = X509_new();
	assert_non_null(p.key);
	assert_int_equal(X509_set_version(p.cert, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(p.cert), ++serial), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(p.cert), NOW + r->from));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(p.cert), NOW + r->until));
	name = X509_get_subject_name(p.cert);
	if (r->name != NULL)
		assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
							    (const unsigned char *)r->name, -1, -1,
							    0),
				 1);
	assert_int_equal(
		X509_set_issuer_name(p.cert, by == NULL ? name : X509_get_subject_name(by->cert)),
		1);
	assert_int_equal(X509_set_pubkey(p.cert, p.key), 1);
	if (r->ca)
		extension(p.cert, p.cert, NID_basic_constraints, "critical,CA:TRUE");
	extension(p.cert, p.cert, NID_key_usage, r->usage);
	extension(p.cert, p.cert, NID_ext_key_usage, r->eku);
	extension(p.cert, p.cert, NID_subject_alt_name, r->san);
	extension(p.cert, p.cert, NID_name_constraints, r->constraints);
	assert_true(X509_sign(p.cert, by == NULL ? p.key : by->key, EVP_sha256()) > 0);
	len = i2d_X509(p.cert, &p.der);
	assert_true(len > 0);
	p.view = view_of(p.der, (size_t)len);
	return p;
}

static void drop(struct party *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
	OPENSSL_free(p->der);
}

static const struct recipe root_recipe = {
	.name = "root", .usage = CA_USAGE, .ca = true, .from = -86400, .until = 864000};
static const struct recipe leaf_recipe = {.name = "pod",
					  .san = "URI:" ID,
					  .usage = "critical,digitalSignature",
					  .eku = "serverAuth,clientAuth",
					  .from = -60,
					  .until = 3600};

static struct party root;
static struct party middle;

static int setup(void **state)
{
	struct recipe r = root_recipe;

	(void)state;
	root = make(&r, NULL);
	r.name = "middle";
	r.san = "URI:spiffe://corp";
	middle = make(&r, &root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	drop(&root);
	drop(&middle);
	return 0;
}

static enum rc_code judge(const struct view *chain, size_t count, unix_time when)
{
	const struct svid_trust t = {
		.id = view_str(ID), .roots = &root.view, .root_count = 1, .when = when};
	AUTO(sshkey) struct sshkey *key = NULL;
	rc r = svid_verify(chain, count, &t, &key, &f);

	assert_int_equal(key != NULL, rc_is_ok(r));
	return r.code;
}

/* A leaf under middle. */
static enum rc_code leaf_code(const struct recipe *r)
{
	struct party leaf = make(r, &middle);
	const struct view chain[] = {leaf.view, middle.view};
	enum rc_code code = judge(chain, 2, NOW);

	drop(&leaf);
	return code;
}

static enum rc_code with_names(const char *san)
{
	struct recipe r = leaf_recipe;

	r.san = san;
	return leaf_code(&r);
}

static void svids_are_taken(void **state)
{
	struct recipe r = leaf_recipe;

	(void)state;
	assert_int_equal(leaf_code(&r), RC_OK);
	assert_int_equal(with_names("DNS:pod.example,URI:" ID), RC_OK);
	r.name = NULL; /* then the names are critical */
	r.san = "critical,URI:" ID;
	assert_int_equal(leaf_code(&r), RC_OK);
	r = leaf_recipe;
	r.key = EVP_RSA_gen(3072);
	assert_int_equal(leaf_code(&r), RC_OK);
	r.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_int_equal(leaf_code(&r), RC_OK);
	r.key = EVP_EC_gen("P-384");
	assert_int_equal(leaf_code(&r), RC_UNSUPPORTED);
	r.key = EVP_RSA_gen(2048);
	assert_int_not_equal(leaf_code(&r), RC_OK);
}

static void names_are_exact(void **state)
{
	static const char *const others[] = {
		"URI:spiffe://corp/ci/pod2",
		"URI:spiffe://corp/ci",
		"URI:spiffe://corp/ci/pod/",
		"URI:spiffe://corp/ci//pod",
		"URI:spiffe://corp/ci/./pod",
		"URI:spiffe://corp/x/../ci/pod",
		"URI:spiffe://corp/ci/po%64",
		"URI:spiffe://CORP/ci/pod",
		"URI:SPIFFE://corp/ci/pod",
		"URI:spiffe://corp/ci/Pod",
		"URI:spiffe://corp/ci/*",
		"URI:spiffe://evil/ci/pod",
		"URI:spiffe://corp.evil/ci/pod",
		"URI:spiffe://corp:443/ci/pod",
		"URI:spiffe://u@corp/ci/pod",
		"URI:spiffe://corp/ci/pod?a=b",
		"URI:spiffe://corp/ci/pod#a",
		"URI:spiffe://corp/ci/pod%20",
		"URI:https://corp/ci/pod",
		"URI:spiffe://corp",
		/* the ID, a NUL, and more */
		"DER:30:1e:86:1c:73:70:69:66:66:65:3a:2f:2f:63:6f:72:70:2f:63:69:2f:70:6f:64:00:2e:"
		"65:76:"
		"69:6c:2e:78",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (with_names(others[i]) != RC_MISMATCH)
			fail_msg("%s: %s", others[i], f.text);
	assert_int_equal(with_names(NULL), RC_DENIED);
	assert_int_equal(with_names("DNS:pod.example"), RC_DENIED);
	assert_int_equal(with_names("URI:" ID ",URI:" ID), RC_DENIED);
	assert_int_equal(with_names("URI:" ID ",URI:https://a.example/"), RC_DENIED);
	assert_int_equal(with_names("DER:30:05:86:7f:61:62:63"), RC_SYNTAX);
}

static void leaves_are_leaves(void **state)
{
	struct recipe r = leaf_recipe;

	(void)state;
	r.ca = true;
	assert_int_equal(leaf_code(&r), RC_DENIED);
	r = leaf_recipe;
	r.usage = NULL;
	assert_int_equal(leaf_code(&r), RC_DENIED);
	r.usage = "critical,keyEncipherment";
	assert_int_equal(leaf_code(&r), RC_DENIED);
	r.usage = "critical,digitalSignature,keyCertSign";
	assert_int_equal(leaf_code(&r), RC_DENIED);
	r = leaf_recipe;
	r.until = -1;
	assert_int_equal(leaf_code(&r), RC_EXPIRED);
	r = leaf_recipe;
	r.from = 10;
	assert_int_equal(leaf_code(&r), RC_EXPIRED);
}

static void paths_are_whole(void **state)
{
	struct recipe r = root_recipe;
	struct party stranger = make(&r, NULL);
	struct party leaf = make(&leaf_recipe, &middle);
	struct party forged = make(&leaf_recipe, &stranger);
	struct party direct = make(&leaf_recipe, &root);
	struct party below = make(&leaf_recipe, &leaf); /* a leaf that issues */
	const struct view alone[] = {leaf.view};
	const struct view whole[] = {leaf.view, middle.view};
	const struct view other[] = {forged.view, stranger.view};
	const struct view deeper[] = {below.view, leaf.view, middle.view};
	const struct view five[] = {leaf.view, middle.view, middle.view, middle.view, middle.view};

	(void)state;
	assert_int_equal(judge(whole, 2, NOW), RC_OK);
	assert_int_equal(judge(whole, 2, NOW + 3601), RC_EXPIRED);
	assert_int_equal(judge(&direct.view, 1, NOW), RC_OK);
	assert_int_equal(judge(alone, 1, NOW), RC_DENIED);
	assert_int_equal(judge(other, 2, NOW), RC_DENIED);
	assert_int_equal(judge(deeper, 3, NOW), RC_DENIED);
	assert_int_equal(judge(five, 5, NOW), RC_LIMIT);
	assert_int_equal(judge(five, 0, NOW), RC_LIMIT);
	drop(&stranger);
	drop(&leaf);
	drop(&forged);
	drop(&direct);
	drop(&below);
}

/* An authority that may speak for a part, or another domain, or is not one any more. */
static enum rc_code under(const char *san, const char *constraints, long until)
{
	struct recipe r = root_recipe;
	struct party authority;
	struct party leaf;
	enum rc_code code;

	r.name = "authority";
	r.san = san;
	r.constraints = constraints;
	r.until = until;
	authority = make(&r, &root);
	leaf = make(&leaf_recipe, &authority);
	code = judge((const struct view[]){leaf.view, authority.view}, 2, NOW);
	drop(&authority);
	drop(&leaf);
	return code;
}

static void authorities_keep_to_theirs(void **state)
{
	(void)state;
	assert_int_equal(under(NULL, NULL, 3600), RC_OK);
	assert_int_equal(under("URI:spiffe://corp", NULL, 3600), RC_OK);
	assert_int_equal(under("URI:spiffe://evil", NULL, 3600), RC_DENIED);
	assert_int_equal(under("URI:spiffe://corp/ca", NULL, 3600), RC_DENIED);
	assert_int_equal(under("URI:spiffe://corp,URI:spiffe://evil", NULL, 3600), RC_DENIED);
	assert_int_equal(under(NULL, "critical,permitted;URI:corp", 3600), RC_OK);
	assert_int_equal(under(NULL, "critical,permitted;URI:evil", 3600), RC_DENIED);
	assert_int_equal(under(NULL, "critical,excluded;URI:corp", 3600), RC_DENIED);
	assert_int_equal(under(NULL, NULL, -1), RC_EXPIRED);
}

static void proofs_have_one_form(void **state)
{
	struct party leaf = make(&leaf_recipe, &middle);
	struct svid_proof p = {
		.sig = view_str("sig"), .chain = {leaf.view, middle.view}, .count = 2};
	struct svid_proof back;
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 2 * SVID_PROOF_MAX);
	assert_rc(RC_OK, svid_proof_encode(&p, &b, &f));
	assert_true(svid_is_proof(buf_view(&b)));
	assert_rc(RC_OK, svid_proof_parse(buf_view(&b), &back, &f));
	assert_true(back.count == 2 && view_is_equal(back.sig, p.sig) &&
		    view_is_equal(back.chain[1], middle.view));
	for (size_t n = 0; n < b.len; n++)
		if (rc_is_ok(svid_proof_parse(view_of(b.ptr, n), &back, &f)))
			assert_true(back.count == 1); /* at the end of the first certificate */
	assert_false(svid_is_proof(view_str("SSHSIG")));
	assert_rc(RC_SYNTAX, svid_proof_parse(view_str("SSHSIG"), &back, &f));
	p.count = 0;
	assert_rc(RC_LIMIT, svid_proof_encode(&p, &b, &f));
	p.count = SVID_CHAIN_MAX + 1;
	assert_rc(RC_LIMIT, svid_proof_encode(&p, &b, &f));
	p.count = 2;
	p.chain[1] = view_of(b.ptr, b.len);
	buf_clear(&b);
	for (size_t i = 0; i < SVID_CHAIN_MAX + 1; i++)
		buf_put_view(&b, i == 0 ? view_str("GSSVID1\n\0\0\0") : leaf.view);
	assert_int_not_equal(svid_proof_parse(buf_view(&b), &back, &f).code, RC_OK);
	drop(&leaf);
}

/* With the roots of a roster. */
static void rosters_say_whom_to_trust(void **state)
{
	static const char document[] =
		"{\"hosts\":[{\"groups\":[],\"name\":\"pod\",\"spiffe\":\"" ID "\"},"
		"{\"groups\":[],\"name\":\"lost\",\"spiffe\":\"spiffe://gone/a\"}],\"people\":[],"
		"\"spiffe\":[{\"domain\":\"corp\",\"roots\":[\"%s\"]}],\"version\":1}";
	AUTO(roster) struct roster *r = NULL;
	AUTO(sshkey) struct sshkey *key = NULL;
	struct party leaf = make(&leaf_recipe, &middle);
	struct svid_proof p = {.chain = {leaf.view, middle.view}, .count = 2};
	AUTO(buf) struct buf b64;
	AUTO(buf) struct buf json;
	unix_time when;

	(void)state;
	buf_init(&b64, 65536);
	buf_init(&json, 65536);
	base64_put(BASE64_STD, root.view, &b64);
	buf_printf(&json, document, buf_cstr(&b64));
	assert_rc(RC_OK, roster_parse(buf_view(&json), &r, &f));
	assert_rc(RC_NOTFOUND, roster_svid_key(r, &r->hosts[0], &p, NOW, &key, &f));
	assert_int_not_equal(roster_svid_key(r, &r->hosts[1], &p, NOW, &key, &f).code, RC_OK);
	assert_rc(RC_OK, svid_moment(&p, NOW, &when, &f));
	assert_true(when == NOW);
	assert_rc(RC_OK, svid_moment(&p, NOW + 864000, &when, &f));
	assert_true(when == NOW + 3599);
	assert_null(key);
	drop(&leaf);
}

/* An authority that was renewed, whose old certificate is still handed along. */
static void moments_are_of_the_path(void **state)
{
	struct recipe r = root_recipe;
	struct party authority, old, leaf;
	struct svid_proof p = {.count = 3};
	unix_time when;

	(void)state;
	r.name = "authority";
	r.until = 7200;
	authority = make(&r, &root);
	r.key = authority.key;
	r.until = -60; /* when the leaf begins */
	assert_int_equal(EVP_PKEY_up_ref(r.key), 1);
	old = make(&r, &root);
	leaf = make(&leaf_recipe, &authority);
	p.chain[0] = leaf.view;
	p.chain[1] = old.view;
	p.chain[2] = authority.view;
	assert_int_equal(judge(p.chain, 3, NOW), RC_OK);
	assert_rc(RC_OK, svid_moment(&p, NOW + 86400, &when, &f));
	assert_int_equal(when, NOW + 3599);
	assert_int_equal(judge(p.chain, 3, when), RC_OK);
	drop(&authority);
	drop(&old);
	drop(&leaf);
}

/* property, seeds 31 and 32: a request that waited was lost in the very second its SVID ended. */
static void moments_are_before_the_end(void **state)
{
	struct recipe r = root_recipe;
	struct party authority, leaf;
	struct svid_proof p = {.count = 2};
	unix_time when;

	(void)state;
	r.name = "authority";
	for (r.until = 1800; r.until <= 7200; r.until *= 4) {
		unix_time end = NOW + (r.until < 3600 ? r.until : 3600);

		authority = make(&r, &root);
		leaf = make(&leaf_recipe, &authority);
		p.chain[0] = leaf.view;
		p.chain[1] = authority.view;
		for (unix_time limit = end - 1; limit <= end + 1; limit++) {
			assert_rc(RC_OK, svid_moment(&p, limit, &when, &f));
			assert_int_equal(judge(p.chain, 2, when), RC_OK);
		}
		assert_int_equal(judge(p.chain, 2, end), RC_EXPIRED);
		drop(&authority);
		drop(&leaf);
	}
	p.chain[0] = p.chain[1] = view_str("no certificate");
	assert_int_not_equal(svid_moment(&p, NOW, &when, &f).code, RC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(svids_are_taken),
		cmocka_unit_test(names_are_exact),
		cmocka_unit_test(leaves_are_leaves),
		cmocka_unit_test(paths_are_whole),
		cmocka_unit_test(authorities_keep_to_theirs),
		cmocka_unit_test(proofs_have_one_form),
		cmocka_unit_test(rosters_say_whom_to_trust),
		cmocka_unit_test(moments_are_before_the_end),
		cmocka_unit_test(moments_are_of_the_path),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
