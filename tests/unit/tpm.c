/* Unit tests of lib/crypt/tpm.h, with what a software TPM wrote (tests/vectors/tpm). That a TPM
 * opens our credentials is tests/interop/tpm.sh. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/tpm.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define NOW 1795680000 /* 26 November 2026, 08:00 UTC */

struct file {
	uint8_t b[2048];
	size_t len;
};

static struct view load(const char *name, struct file *f)
{
	char path[512];
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/tests/vectors/tpm/%s", getenv("SRCDIR"), name);
	in = fopen(path, "rb");
	assert_non_null(in);
	f->len = fread(f->b, 1, sizeof(f->b), in);
	assert_true(f->len > 0 && f->len < sizeof(f->b));
	assert_int_equal(fclose(in), 0);
	return view_of(f->b, f->len);
}

static struct file ek_file, ak_file, id_file, attest_file, sig_file, cert_file, issuer_file,
	root_file;
static struct tpm_public ek, ak, id;
static const uint8_t fixed_words[] = {0x00, 0xff, 0x55, 0xaa};

static int setup(void **state)
{
	struct fault f = {0};

	(void)state;
	assert_rc(RC_OK, tpm_public_parse(load("ek.pub", &ek_file), TPM_ENDORSEMENT, &ek, &f));
	assert_rc(RC_OK, tpm_public_parse(load("ak.pub", &ak_file), TPM_ATTESTATION, &ak, &f));
	assert_rc(RC_OK, tpm_public_parse(load("id.pub", &id_file), TPM_IDENTITY, &id, &f));
	(void)load("attest", &attest_file);
	(void)load("sig", &sig_file);
	(void)load("ek.der", &cert_file);
	(void)load("issuer.der", &issuer_file);
	(void)load("root.der", &root_file);
	return 0;
}

static void names(void **state)
{
	struct file name;
	struct view want = load("ak.name", &name);

	(void)state;
	assert_int_equal(want.len, TPM_NAME);
	assert_memory_equal(ak.name, want.ptr, TPM_NAME);
}

static void spki(void **state)
{
	struct fault f = {0};
	uint8_t mem[128];
	struct buf out;

	(void)state;
	for (int i = 0; i < 2; i++) {
		AUTO(pkey) struct pkey *key = NULL;

		buf_init_fixed(&out, mem, sizeof(mem));
		assert_rc(RC_OK, tpm_public_spki(i == 0 ? &ak : &id, &out));
		assert_rc(RC_OK, pkey_from_spki(buf_view(&out), &key, &f));
		assert_int_equal(pkey_alg(key), KEY_P256);
	}
	assert_rc(RC_USAGE, tpm_public_spki(&ek, &out));
}

/* Each public area is refused in the other roles, cut anywhere, and with bytes behind it. */
static void forms(void **state)
{
	static const struct file *const files[] = {&ek_file, &ak_file, &id_file};
	struct tpm_public p;
	struct fault f = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct view good = view_of(files[i]->b, files[i]->len);
		struct file longer = *files[i];

		for (size_t role = 0; role < 3; role++)
			if (role != i) {
				rc r = tpm_public_parse(good, (enum tpm_role)role, &p, &f);

				assert_true(r.code == RC_UNSUPPORTED || r.code == RC_DENIED);
			}
		for (size_t n = 0; n < good.len; n++)
			assert_false(rc_is_ok(
				tpm_public_parse(view_of(good.ptr, n), (enum tpm_role)i, &p, &f)));
		longer.b[longer.len++] = 0;
		assert_rc(RC_TRAILING, tpm_public_parse(view_of(longer.b, longer.len),
							(enum tpm_role)i, &p, &f));
		/* The same inside the TPM2B. */
		longer.b[1]++;
		assert_rc(RC_TRAILING, tpm_public_parse(view_of(longer.b, longer.len),
							(enum tpm_role)i, &p, &f));
		longer.b[0] = 0x7f;
		assert_rc(RC_LIMIT, tpm_public_parse(view_of(longer.b, longer.len),
						     (enum tpm_role)i, &p, &f));
	}
}

/* One bit of TPMA_OBJECT at a time: what a role needs cannot be left out, what it forbids not
 * added. */
static void attributes(void **state)
{
	static const struct {
		const struct file *file;
		uint32_t either;
	} keys[] = {{&ek_file, 0x4c0}, {&ak_file, 0x4c0}, {&id_file, 0x4c0}};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (unsigned bit = 0; bit < 32; bit++) {
			struct file changed = *keys[i].file;
			struct tpm_public p;
			struct fault f = {0};
			rc r;

			/* TPM2B size, type, nameAlg, then the attributes */
			changed.b[2 + 4 + 3 - bit / 8] ^= (uint8_t)(1u << bit % 8);
			r = tpm_public_parse(view_of(changed.b, changed.len), (enum tpm_role)i, &p,
					     &f);
			if ((keys[i].either >> bit & 1) != 0)
				assert_rc(RC_OK, r);
			else
				assert_int_equal(r.code, RC_DENIED);
		}
}

static rc certify(const struct tpm_public *by, const struct tpm_public *of, struct view attest,
		  struct view sig)
{
	const struct tpm_certification c = {.attest = attest,
					    .signature = sig,
					    .qualifying =
						    view_of(fixed_words, sizeof(fixed_words))};
	struct fault f = {0};

	return tpm_certification_verify(by, of, &c, &f);
}

static void certification(void **state)
{
	struct view attest = view_of(attest_file.b, attest_file.len);
	struct view sig = view_of(sig_file.b, sig_file.len);
	struct tpm_certification c = {.attest = attest, .signature = sig};
	struct tpm_public other = id;
	struct fault f = {0};

	(void)state;
	assert_rc(RC_OK, certify(&ak, &id, attest, sig));
	other.name[TPM_NAME - 1] ^= 1;
	assert_rc(RC_MISMATCH, certify(&ak, &other, attest, sig));
	assert_rc(RC_MISMATCH, certify(&ak, &ak, attest, sig));
	assert_rc(RC_USAGE, certify(&id, &id, attest, sig));
	assert_rc(RC_MISMATCH, tpm_certification_verify(&ak, &id, &c, &f));
	c.qualifying = view_str("words");
	assert_rc(RC_MISMATCH, tpm_certification_verify(&ak, &id, &c, &f));
	assert_string_equal(f.text, "attestation: was made for something else (qualifyingData)");
	/* By a key that is in the same TPM and is not its attestation key. */
	other = id;
	other.role = TPM_ATTESTATION;
	assert_rc(RC_BADSIG, certify(&other, &id, attest, sig));
}

static void certification_damage(void **state)
{
	struct view attest = view_of(attest_file.b, attest_file.len);
	struct view sig = view_of(sig_file.b, sig_file.len);

	(void)state;
	for (size_t i = 0; i < attest.len * 8; i++) {
		struct file changed = attest_file;

		changed.b[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_rc(RC_BADSIG, certify(&ak, &id, view_of(changed.b, changed.len), sig));
	}
	for (size_t i = 0; i < sig.len * 8; i++) {
		struct file changed = sig_file;

		changed.b[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_false(rc_is_ok(certify(&ak, &id, attest, view_of(changed.b, changed.len))));
	}
	for (size_t n = 0; n < sig.len; n++)
		assert_false(rc_is_ok(certify(&ak, &id, attest, view_of(sig.ptr, n))));
	sig_file.b[sig_file.len] = 0;
	assert_rc(RC_TRAILING, certify(&ak, &id, attest, view_of(sig_file.b, sig_file.len + 1)));
}

static void vendors(void **state)
{
	const struct view root = view_of(root_file.b, root_file.len);
	const struct view issuer = view_of(issuer_file.b, issuer_file.len);
	const struct view cert = view_of(cert_file.b, cert_file.len);
	struct tpm_vendor v = {
		.roots = &root, .root_count = 1, .others = &issuer, .other_count = 1};
	struct tpm_public other = ek;
	uint8_t modulus[256];
	struct fault f = {0};

	(void)state;
	assert_rc(RC_OK, tpm_ek_check(&ek, cert, &v, NOW, &f));
	assert_rc(RC_USAGE, tpm_ek_check(&ak, cert, &v, NOW, &f));
	assert_rc(RC_SYNTAX, tpm_ek_check(&ek, view_of(cert.ptr, cert.len - 1), &v, NOW, &f));
	assert_rc(RC_DENIED, tpm_ek_check(&ek, cert, &v, 1000000000, &f));
	assert_rc(RC_DENIED, tpm_ek_check(&ek, cert, &(struct tpm_vendor){0}, NOW, &f));
	v.other_count = 0;
	assert_rc(RC_DENIED, tpm_ek_check(&ek, cert, &v, NOW, &f));
	v = (struct tpm_vendor){.roots = &issuer, .root_count = TPM_CERTIFICATES_MAX + 1};
	assert_rc(RC_LIMIT, tpm_ek_check(&ek, cert, &v, NOW, &f));
	/* The authority's own certificate is for no EK. */
	assert_rc(RC_LIMIT, tpm_ek_check(&ek, issuer, &v, NOW, &f));
	v = (struct tpm_vendor){
		.roots = &root, .root_count = 1, .others = &issuer, .other_count = 1};
	assert_rc(RC_MISMATCH, tpm_ek_check(&ek, issuer, &v, NOW, &f));
	memcpy(modulus, ek.modulus.ptr, sizeof(modulus));
	modulus[255] ^= 2;
	other.modulus = view_of(modulus, sizeof(modulus));
	assert_rc(RC_MISMATCH, tpm_ek_check(&other, cert, &v, NOW, &f));
}

static void credentials(void **state)
{
	static const uint8_t secret[TPM_SECRET] = "0123456789abcdef0123456789abcde";
	static const uint8_t seed[TPM_SEED] = "a seed that a test gives......";
	const struct tpm_challenge c = {.secret = secret, .seed = seed};
	uint8_t mem[2][TPM_ENCRYPTED_SEED_MAX];
	struct fault f = {0};
	struct buf blob;
	struct buf sealed;

	(void)state;
	buf_init_fixed(&blob, mem[0], TPM_CREDENTIAL_MAX);
	buf_init_fixed(&sealed, mem[1], TPM_ENCRYPTED_SEED_MAX);
	assert_rc(RC_OK, tpm_credential_make(&ek, ak.name, &c, &blob, &sealed, &f));
	assert_int_equal(blob.len, 2 + 2 + 32 + 2 + 32);
	assert_int_equal(sealed.len, 2 + 256);
	assert_rc(RC_USAGE, tpm_credential_make(&ak, ak.name, &c, &blob, &sealed, &f));
	buf_init_fixed(&blob, mem[0], 16);
	assert_rc(RC_LIMIT, tpm_credential_make(&ek, ak.name, &c, &blob, &sealed, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),	 cmocka_unit_test(spki),
		cmocka_unit_test(forms),	 cmocka_unit_test(attributes),
		cmocka_unit_test(certification), cmocka_unit_test(certification_damage),
		cmocka_unit_test(vendors),	 cmocka_unit_test(credentials),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
