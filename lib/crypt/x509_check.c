/* x509_check - judging certificates: for import as a signing key's chain, for a signature over
 * code, and along a path to a root. Section numbers are those of RFC 5280. */
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "lib/crypt/ossl.h"
#include "lib/crypt/x509.h"

#define RSA_BITS_MIN 3072

static rc check_valid_at(const struct x509 *c, size_t index, unix_time t, struct fault *f)
{
	char have[TIME_TEXT] = "?";
	char limit[TIME_TEXT] = "?";
	bool early = t < c->not_before;

	if (!early && t <= c->not_after)
		return OK;
	rc_ignore(time_format(t, have), "for the text alone");
	rc_ignore(time_format(early ? c->not_before : c->not_after, limit), "for the text alone");
	return fault_set(f, RC_EXPIRED, 0,
			 "certificate %zu: %s %s, the time is %s (RFC 5280 4.1.2.5)", index,
			 early ? "not valid before" : "expired at", limit, have);
}

rc x509_check_code_signing(const struct x509 *leaf, unix_time t, struct fault *f)
{
	TRY(check_valid_at(leaf, 0, t, f));
	if (leaf->ca)
		return fault_set(f, RC_DENIED, 0,
				 "certificate 0: is a CA (basicConstraints), not a signing leaf");
	if (leaf->unknown_critical)
		return fault_set(
			f, RC_DENIED, 0,
			"certificate 0: has a critical extension not understood (RFC 5280 4.2)");
	if (!leaf->has_key_usage || (leaf->key_usage & X509_KU_DIGITAL_SIGNATURE) == 0)
		return fault_set(
			f, RC_DENIED, 0,
			"certificate 0: keyUsage lacks digitalSignature (RFC 5280 4.2.1.3)");
	if (!leaf->has_eku || !leaf->eku_code_signing)
		return fault_set(
			f, RC_DENIED, 0,
			"certificate 0: extendedKeyUsage lacks codeSigning (RFC 5280 4.2.1.12)");
	return OK;
}

/* "Issued by the next": names, CA, keyCertSign. */
static rc check_issued(const struct x509 *c, const struct x509 *by, size_t index, struct fault *f)
{
	if (!view_is_equal(c->issuer, by->subject))
		return fault_set(
			f, RC_MISMATCH, 0,
			"certificate %zu: its issuer is not the subject of certificate %zu; "
			"order is leaf first, each followed by its issuer",
			index, index + 1);
	if (!by->ca || by->unknown_critical)
		return fault_set(f, RC_DENIED, 0,
				 "certificate %zu: issues certificate %zu but is no CA", index + 1,
				 index);
	if (by->has_key_usage && (by->key_usage & X509_KU_KEY_CERT_SIGN) == 0)
		return fault_set(f, RC_DENIED, 0,
				 "certificate %zu: keyUsage lacks keyCertSign (RFC 5280 4.2.1.3)",
				 index + 1);
	return OK;
}

/* The key and the signature's hash, as OpenSSL sees them. */
static rc check_strength(X509 *cert, size_t index, struct fault *f)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	int md = NID_undef;

	if (key == NULL)
		return ossl_fault(f, RC_UNSUPPORTED, "certificate: public key");
	if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
		return fault_set(f, RC_DENIED, 0,
				 "certificate %zu: RSA key of %d bits, at least %d", index,
				 EVP_PKEY_get_bits(key), RSA_BITS_MIN);
	if (X509_get_signature_info(cert, &md, NULL, NULL, NULL) != 1) {
		ERR_clear_error();
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "certificate %zu: signature algorithm unknown", index);
	}
	if (md == NID_md5 || md == NID_sha1 || md == NID_md5_sha1)
		return fault_set(f, RC_DENIED, 0, "certificate %zu: is signed with MD5 or SHA-1",
				 index);
	return OK;
}

static X509 *to_openssl(struct view der)
{
	const unsigned char *p = der.ptr;

	return d2i_X509(NULL, &p, (long)der.len);
}

static rc check_signed(X509 *cert, X509 *by, size_t index, struct fault *f)
{
	EVP_PKEY *key = X509_get0_pubkey(by);

	if (key != NULL && X509_verify(cert, key) == 1)
		return OK;
	ERR_clear_error();
	return fault_set(
		f, RC_BADSIG, 0,
		"certificate %zu: its signature does not verify with the key of its issuer", index);
}

/* Each certificate by itself, then each with its issuer. */
static rc check_all(const struct x509_chain *chain, STACK_OF(X509) * objects, unix_time t,
		    struct fault *f)
{
	struct x509 certs[X509_CHAIN_MAX];

	for (size_t i = 0; i < chain->count; i++) {
		TRY(x509_parse(chain->der[i], &certs[i], f));
		TRY(check_valid_at(&certs[i], i, t, f));
		TRY(check_strength(sk_X509_value(objects, (int)i), i, f));
	}
	for (size_t i = 0; i + 1 < chain->count; i++) {
		TRY(check_issued(&certs[i], &certs[i + 1], i, f));
		TRY(check_signed(sk_X509_value(objects, (int)i), sk_X509_value(objects, (int)i + 1),
				 i, f));
	}
	if (view_is_equal(certs[chain->count - 1].issuer, certs[chain->count - 1].subject)) {
		X509 *root = sk_X509_value(objects, (int)chain->count - 1);

		return check_signed(root, root, chain->count - 1, f);
	}
	return OK;
}

/* All certificates as OpenSSL objects; the caller frees the stack in every case. */
static rc push_all(STACK_OF(X509) * to, const struct view *der, size_t count, struct fault *f)
{
	for (size_t i = 0; i < count; i++) {
		X509 *c = to_openssl(der[i]);

		if (c == NULL)
			return ossl_fault(f, RC_SYNTAX, "certificate");
		if (sk_X509_push(to, c) <= 0) {
			X509_free(c);
			return RC(RC_NOMEM);
		}
	}
	return OK;
}

rc x509_check_import(const struct x509_chain *chain, const struct pkey *key, unix_time t,
		     struct fault *f)
{
	STACK_OF(X509) * objects;
	struct x509 leaf;
	rc r;

	if (chain->count == 0)
		return fault_set(f, RC_SYNTAX, 0, "chain: no certificate");
	TRY(x509_parse(chain->der[0], &leaf, f));
	if (!view_is_equal(leaf.spki, pkey_spki(key)))
		return fault_set(f, RC_MISMATCH, 0,
				 "certificate 0: its public key is not the signing key's");
	TRY(x509_check_code_signing(&leaf, t, f));
	objects = sk_X509_new_null();
	if (objects == NULL)
		return RC(RC_NOMEM);
	r = push_all(objects, chain->der, chain->count, f);
	if (rc_is_ok(r))
		r = check_all(chain, objects, t, f);
	sk_X509_pop_free(objects, X509_free);
	return r;
}

struct path_objects {
	X509 *leaf;
	STACK_OF(X509) * others;
	STACK_OF(X509) * roots;
	X509_STORE_CTX *ctx;
};

static void path_release(struct path_objects *o)
{
	X509_STORE_CTX_free(o->ctx);
	X509_free(o->leaf);
	sk_X509_pop_free(o->others, X509_free);
	sk_X509_pop_free(o->roots, X509_free);
}
AUTO_DEFINE(path, struct path_objects, path_release)

static rc verdict(X509_STORE_CTX *ctx, struct fault *f)
{
	int ok = X509_verify_cert(ctx);
	int why = X509_STORE_CTX_get_error(ctx);
	bool expired = why == X509_V_ERR_CERT_HAS_EXPIRED || why == X509_V_ERR_CERT_NOT_YET_VALID;

	ERR_clear_error();
	if (ok == 1 && why == X509_V_OK)
		return OK;
	return fault_set(f, expired ? RC_EXPIRED : RC_DENIED, 0,
			 "certificate path: %s (at depth %d; RFC 5280 6)",
			 X509_verify_cert_error_string(why), X509_STORE_CTX_get_error_depth(ctx));
}

/* No CRL, no network. Purpose is not OpenSSL's to judge (3.0 has none for code signing): that is
 * x509_check_code_signing. Roots may be intermediates that the caller trusts by name. */
rc x509_path_verify(const struct x509_path *p, struct fault *f)
{
	AUTO(path) struct path_objects o = {0};
	X509_VERIFY_PARAM *param;

	o.leaf = to_openssl(p->leaf);
	o.others = sk_X509_new_null();
	o.roots = sk_X509_new_null();
	o.ctx = X509_STORE_CTX_new();
	if (o.others == NULL || o.roots == NULL || o.ctx == NULL)
		return RC(RC_NOMEM);
	if (o.leaf == NULL)
		return ossl_fault(f, RC_SYNTAX, "certificate: leaf");
	TRY(push_all(o.others, p->others, p->other_count, f));
	TRY(push_all(o.roots, p->roots, p->root_count, f));
	if (X509_STORE_CTX_init(o.ctx, NULL, o.leaf, o.others) != 1)
		return ossl_fault(f, RC_CRYPTO, "certificate path");
	X509_STORE_CTX_set0_trusted_stack(o.ctx, o.roots);
	param = X509_STORE_CTX_get0_param(o.ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)p->when);
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		return ossl_fault(f, RC_CRYPTO, "certificate path");
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	return verdict(o.ctx, f);
}
