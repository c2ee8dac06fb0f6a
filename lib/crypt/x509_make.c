/* x509_make - requests and certificates, assembled and encoded by OpenSSL, signed through the
 * provider (provider.h). */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/codec/der.h"
#include "lib/crypt/ossl.h"
#include "lib/crypt/provider.h"
#include "lib/crypt/x509.h"

static const char *const leaf_extensions[][2] = {
	{"basicConstraints", "critical,CA:FALSE"},
	{"keyUsage", "critical,digitalSignature"},
	{"extendedKeyUsage", "critical,codeSigning"},
};
static const char *const ca_extensions[][2] = {
	{"basicConstraints", "critical,CA:TRUE"},
	{"keyUsage", "critical,keyCertSign,cRLSign"},
};
/* Certificates of hosts (RFC 5280 4.2): one more of them is the URI. */
static const char *const host_extensions[][2] = {
	{"basicConstraints", "critical,CA:FALSE"},
	{"keyUsage", "critical,digitalSignature"},
	{"extendedKeyUsage", "critical,clientAuth"},
};
static const char *const host_ca_extensions[][2] = {
	{"basicConstraints", "critical,CA:TRUE,pathlen:0"},
	{"keyUsage", "critical,keyCertSign,cRLSign"},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const EVP_MD *md_of(enum key_alg key, enum hash_alg hash)
{
	return key == KEY_ED25519 ? NULL : EVP_get_digestbyname(hash_name(hash));
}

static X509_NAME *subject_name(struct view text, struct fault *f, rc *r)
{
	AUTO(buf) struct buf der = {0};
	const unsigned char *p;
	X509_NAME *name;

	buf_init(&der, 4096);
	*r = x509_subject_encode(text, &der, f);
	if (!rc_is_ok(*r))
		return NULL;
	p = der.ptr;
	name = d2i_X509_NAME(NULL, &p, (long)der.len);
	if (name == NULL)
		*r = ossl_fault(f, RC_CRYPTO, "x509: subject");
	return name;
}

static STACK_OF(X509_EXTENSION) * make_extensions(const char *const table[][2], size_t count)
{
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();

	for (size_t i = 0; i < count && all != NULL; i++) {
		X509_EXTENSION *e = X509V3_EXT_conf(NULL, NULL, table[i][0], table[i][1]);

		if (e == NULL || sk_X509_EXTENSION_push(all, e) <= 0) {
			X509_EXTENSION_free(e);
			sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
			return NULL;
		}
	}
	return all;
}

/* The signer's own refusal says more than OpenSSL's about it. */
static rc sign_failed(const struct provider_key *k, struct fault *f, const char *what)
{
	const struct fault *inner = provider_key_fault(k);

	if (inner->code == RC_OK)
		return ossl_fault(f, RC_CRYPTO, what);
	ERR_clear_error();
	return fault_set(f, inner->code, 0, "%s: %s", what, inner->text);
}

static rc build_csr(X509_REQ *req, const struct x509_make *m, struct provider_key *k,
		    struct fault *f)
{
	STACK_OF(X509_EXTENSION) *ext =
		make_extensions(leaf_extensions + 1, COUNT(leaf_extensions) - 1);
	X509_NAME *name;
	bool ok;
	rc r;

	name = subject_name(m->subject, f, &r);
	ok = rc_is_ok(r) && ext != NULL && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
	     X509_REQ_set_subject_name(req, name) == 1 &&
	     X509_REQ_set_pubkey(req, pkey_evp(m->pub)) == 1 &&
	     X509_REQ_add_extensions(req, ext) == 1;
	X509_NAME_free(name);
	sk_X509_EXTENSION_pop_free(ext, X509_EXTENSION_free);
	if (!rc_is_ok(r))
		return r;
	if (!ok)
		return ossl_fault(f, RC_CRYPTO, "x509: request");
	if (X509_REQ_sign(req, provider_key_evp(k), md_of(pkey_alg(m->pub), m->hash)) <= 0)
		return sign_failed(k, f, "x509: signing the request");
	return OK;
}

static rc put_der(unsigned char *der, int len, struct buf *out, struct fault *f)
{
	if (len < 0)
		return ossl_fault(f, RC_CRYPTO, "x509: encoding");
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	return buf_done(out);
}

rc x509_csr(const struct x509_make *m, struct buf *out, struct fault *f)
{
	AUTO(provider_key) struct provider_key *k = NULL;
	unsigned char *der = NULL;
	X509_REQ *req;
	int len;
	rc r;

	TRY(provider_key_new(m->provider, m->pub, m->signer, &k, f));
	req = X509_REQ_new_ex(provider_libctx(m->provider), NULL);
	if (req == NULL)
		return ossl_fault(f, RC_NOMEM, "x509: request");
	r = build_csr(req, m, k, f);
	if (rc_is_ok(r)) {
		len = i2d_X509_REQ(req, &der);
		r = put_der(der, len, out, f);
	}
	X509_REQ_free(req);
	return r;
}

static bool set_serial(X509 *cert, struct view serial)
{
	ASN1_INTEGER *n = NULL;
	BIGNUM *bn = BN_bin2bn(serial.ptr, (int)serial.len, NULL);
	bool ok;

	n = bn == NULL ? NULL : BN_to_ASN1_INTEGER(bn, NULL);
	ok = n != NULL && X509_set_serialNumber(cert, n) == 1;
	BN_free(bn);
	ASN1_INTEGER_free(n);
	return ok;
}

static bool add_key_ids(X509 *cert, X509 *issuer)
{
	static const char *const ids[][2] = {
		{"subjectKeyIdentifier", "hash"},
		{"authorityKeyIdentifier", "keyid"},
	};
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	for (size_t i = 0; i < COUNT(ids); i++) {
		X509_EXTENSION *e = X509V3_EXT_conf(NULL, &ctx, ids[i][0], ids[i][1]);
		bool ok = e != NULL && X509_add_ext(cert, e, -1) == 1;

		X509_EXTENSION_free(e);
		if (!ok)
			return false;
	}
	return true;
}

static bool add_extensions(X509 *cert, const char *const table[][2], size_t count)
{
	STACK_OF(X509_EXTENSION) *all = make_extensions(table, count);
	bool ok = all != NULL;

	for (int i = 0; ok && i < sk_X509_EXTENSION_num(all); i++)
		ok = X509_add_ext(cert, sk_X509_EXTENSION_value(all, i), -1) == 1;
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	return ok;
}

/* The URI goes in as bytes, not through OpenSSL's configuration language. */
static bool add_uri(X509 *cert, const char *uri)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	bool ok = names != NULL && name != NULL && text != NULL &&
		  ASN1_STRING_set(text, uri, -1) == 1;

	if (ok) {
		GENERAL_NAME_set0_value(name, GEN_URI, text);
		text = NULL;
		ok = sk_GENERAL_NAME_push(names, name) > 0;
		if (ok)
			name = NULL;
	}
	ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;
	ASN1_IA5STRING_free(text);
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	return ok;
}

static bool add_purpose(X509 *cert, const struct x509_issue *i)
{
	if (i->host_ca)
		return add_extensions(cert, host_ca_extensions, COUNT(host_ca_extensions));
	if (i->ca)
		return add_extensions(cert, ca_extensions, COUNT(ca_extensions));
	if (i->uri != NULL)
		return add_extensions(cert, host_extensions, COUNT(host_extensions)) &&
		       add_uri(cert, i->uri);
	return add_extensions(cert, leaf_extensions, COUNT(leaf_extensions));
}

/* issuer is cert itself for a self-signed one. */
static bool fill(X509 *cert, X509 *issuer, const X509_NAME *subject, const struct x509_make *m,
		 const struct x509_issue *i)
{
	const X509_NAME *by = issuer == cert ? subject : X509_get_subject_name(issuer);

	return X509_set_version(cert, X509_VERSION_3) == 1 &&
	       set_serial(cert, i->validity.serial) && X509_set_subject_name(cert, subject) == 1 &&
	       X509_set_issuer_name(cert, by) == 1 &&
	       ASN1_TIME_set(X509_getm_notBefore(cert), i->validity.not_before) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), i->validity.not_after) != NULL &&
	       X509_set_pubkey(cert, pkey_evp(m->pub)) == 1 && add_purpose(cert, i) &&
	       add_key_ids(cert, issuer);
}

static rc build_cert(X509 *cert, X509 *issuer, const struct x509_make *m,
		     const struct x509_issue *i, struct fault *f)
{
	AUTO(provider_key) struct provider_key *k = NULL;
	const struct pkey *by = i->issuer_der.len == 0 ? m->pub : i->issuer_pub;
	X509_NAME *subject;
	bool ok;
	rc r;

	TRY(provider_key_new(m->provider, by, m->signer, &k, f));
	subject = subject_name(m->subject, f, &r);
	TRY(r);
	ok = fill(cert, issuer == NULL ? cert : issuer, subject, m, i);
	X509_NAME_free(subject);
	if (!ok)
		return ossl_fault(f, RC_CRYPTO, "x509: filling a certificate");
	if (X509_sign(cert, provider_key_evp(k), md_of(pkey_alg(by), m->hash)) <= 0)
		return sign_failed(k, f, "x509: signing a certificate");
	return OK;
}

rc x509_issue(const struct x509_make *m, const struct x509_issue *i, struct buf *out,
	      struct fault *f)
{
	const unsigned char *p = i->issuer_der.ptr;
	unsigned char *der = NULL;
	X509 *issuer = NULL;
	X509 *cert;
	int len;
	rc r;

	if (i->validity.serial.len == 0 || i->validity.serial.len > 20)
		return fault_set(f, RC_RANGE, 0, "x509: serial of %zu octets, 1..20",
				 i->validity.serial.len);
	if (i->issuer_der.len > 0) {
		issuer = d2i_X509(NULL, &p, (long)i->issuer_der.len);
		if (issuer == NULL)
			return ossl_fault(f, RC_SYNTAX, "x509: issuer certificate");
	}
	cert = X509_new_ex(provider_libctx(m->provider), NULL);
	r = cert == NULL ? RC(RC_NOMEM) : build_cert(cert, issuer, m, i, f);
	if (rc_is_ok(r)) {
		len = i2d_X509(cert, &der);
		r = put_der(der, len, out, f);
	}
	X509_free(cert);
	X509_free(issuer);
	return r;
}

rc x509_self_signed(const struct x509_make *m, const struct x509_validity *v, struct buf *out,
		    struct fault *f)
{
	const struct x509_issue issue = {.validity = *v};

	return x509_issue(m, &issue, out, f);
}
