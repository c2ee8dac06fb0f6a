/* pkey_signature - one name for one signature; see pkey.h. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "lib/crypt/ossl.h"
#include "lib/crypt/pkey.h"

/* s or n - s, whichever is smaller: both verify. False without memory. */
static bool smaller_s(int curve, const BIGNUM *s, BIGNUM *out)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
	bool ok = group != NULL && BN_sub(out, EC_GROUP_get0_order(group), s) == 1;

	if (ok && BN_cmp(s, out) <= 0)
		ok = BN_copy(out, s) != NULL;
	EC_GROUP_free(group);
	return ok;
}

/* The value with that s, in DER, into der[PKEY_SIGNATURE_MAX]; its length, 0 for a failure. */
static size_t rewrite(int curve, const ECDSA_SIG *sig, uint8_t *der)
{
	ECDSA_SIG *copy = ECDSA_SIG_new();
	BIGNUM *r = BN_dup(ECDSA_SIG_get0_r(sig));
	BIGNUM *s = BN_new();
	uint8_t *end = der;
	int len = 0;

	if (copy != NULL && r != NULL && s != NULL && smaller_s(curve, ECDSA_SIG_get0_s(sig), s) &&
	    ECDSA_SIG_set0(copy, r, s) == 1) {
		r = NULL;
		s = NULL;
		len = i2d_ECDSA_SIG(copy, NULL);
		len = len > 0 && len <= PKEY_SIGNATURE_MAX ? i2d_ECDSA_SIG(copy, &end) : 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(copy);
	return len > 0 ? (size_t)len : 0;
}

static rc ecdsa_id(int curve, struct view signature, struct digest *ret, struct fault *f)
{
	const uint8_t *p = signature.ptr;
	uint8_t der[PKEY_SIGNATURE_MAX];
	ECDSA_SIG *sig = NULL;
	size_t len;

	if (signature.len <= PKEY_SIGNATURE_MAX)
		sig = d2i_ECDSA_SIG(NULL, &p, (long)signature.len);
	if (sig == NULL || p != signature.ptr + signature.len) {
		ECDSA_SIG_free(sig);
		ERR_clear_error();
		return fault_set(f, RC_SYNTAX, 0, "key: not an ECDSA signature (RFC 3279 2.2.3)");
	}
	len = rewrite(curve, sig, der);
	ECDSA_SIG_free(sig);
	if (len == 0)
		return ossl_fault(f, RC_CRYPTO, "key: writing a signature");
	*ret = digest_of(view_of(der, len));
	return OK;
}

rc pkey_signature_id(enum key_alg alg, struct view signature, struct digest *ret, struct fault *f)
{
	if (alg == KEY_P256)
		return ecdsa_id(NID_X9_62_prime256v1, signature, ret, f);
	if (alg == KEY_P384)
		return ecdsa_id(NID_secp384r1, signature, ret, f);
	if (signature.len == 0 || signature.len > key_alg_signature_max(alg))
		return fault_set(f, RC_SYNTAX, 0, "key: a signature of %zu bytes", signature.len);
	*ret = digest_of(signature);
	return OK;
}
