/* tls - see tls.h. Purpose: the few OpenSSL calls behind a self-signed server certificate. */
#include "lib/net/tls.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define SERIAL_BYTES 16 /* RFC 5280 4.1.2.2: at most 20 octets, positive */

static void evp_pkey_autorelease(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}
static void cert_autorelease(X509 **p)
{
	X509_free(*p);
}
static void bio_autorelease(BIO **p)
{
	BIO_free_all(*p);
}

static rc crypto_failed(struct fault *f, const char *what)
{
	unsigned long code = ERR_get_error();
	char text[120] = "";

	if (code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return fault_set(f, RC_CRYPTO, 0, "tls: %s: %s", what, text);
}

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool good;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	good = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return good;
}

static bool fill(X509 *cert, EVP_PKEY *key, const struct tls_make *m)
{
	uint8_t serial[SERIAL_BYTES];
	char alt[80];
	uint8_t address[16];
	X509_NAME *name = X509_get_subject_name(cert);
	bool is_ip = inet_pton(AF_INET, m->name, address) == 1 ||
		     inet_pton(AF_INET6, m->name, address) == 1;
	BIGNUM *bn;
	bool good;

	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return false;
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
	bn = BN_bin2bn(serial, sizeof(serial), NULL);
	good = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL;
	BN_free(bn);
	(void)snprintf(alt, sizeof(alt), "%s:%s", is_ip ? "IP" : "DNS", m->name);
	return good && X509_set_version(cert, X509_VERSION_3) == 1 &&
	       ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)m->not_before) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)m->not_after) != NULL &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)m->name,
					  -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, NID_ext_key_usage, "serverAuth") &&
	       add_extension(cert, NID_subject_alt_name, alt);
}

static rc key_to_secret(EVP_PKEY *key, struct secret *ret, struct fault *f)
{
	BIO *bio __attribute__((cleanup(bio_autorelease))) = BIO_new(BIO_s_secmem());
	const char *p = NULL;
	long n;

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return crypto_failed(f, "writing the key");
	n = BIO_get_mem_data(bio, &p);
	if (n <= 0)
		return crypto_failed(f, "writing the key");
	TRY(secret_new(ret, (size_t)n));
	memcpy(ret->ptr, p, (size_t)n);
	return OK;
}

static bool name_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.:-");

	return n > 0 && n <= 64 && name[n] == '\0';
}

rc tls_self_signed(const struct tls_make *m, struct secret *ret_key, struct buf *cert_pem,
		   struct fault *f)
{
	EVP_PKEY *key __attribute__((cleanup(evp_pkey_autorelease))) = NULL;
	X509 *cert __attribute__((cleanup(cert_autorelease))) = NULL;
	BIO *bio __attribute__((cleanup(bio_autorelease))) = NULL;
	const char *p = NULL;
	long n;

	if (!name_is_good(m->name))
		return fault_set(f, RC_USAGE, 0, "tls: name must be 1..64 of [a-z0-9.:-]");
	key = EVP_EC_gen("P-256");
	cert = X509_new();
	bio = BIO_new(BIO_s_mem());
	if (key == NULL || cert == NULL || bio == NULL)
		return crypto_failed(f, "making a key");
	if (!fill(cert, key, m) || X509_sign(cert, key, EVP_sha256()) == 0 ||
	    PEM_write_bio_X509(bio, cert) != 1)
		return crypto_failed(f, "making the certificate");
	n = BIO_get_mem_data(bio, &p);
	if (n <= 0)
		return crypto_failed(f, "writing the certificate");
	buf_put(cert_pem, p, (size_t)n);
	TRY(buf_done(cert_pem));
	return key_to_secret(key, ret_key, f);
}

static rc read_cert(struct view pem, X509 **ret, struct fault *f)
{
	BIO *bio __attribute__((cleanup(bio_autorelease))) =
		pem.len > INT32_MAX ? NULL : BIO_new_mem_buf(pem.ptr, (int)pem.len);

	*ret = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	ERR_clear_error();
	if (*ret == NULL)
		return fault_set(f, RC_SYNTAX, 0, "tls: no PEM certificate");
	return OK;
}

rc tls_pin(struct view cert_pem, struct digest *ret, struct fault *f)
{
	X509 *cert __attribute__((cleanup(cert_autorelease))) = NULL;
	uint8_t *der = NULL;
	int n;

	TRY(read_cert(cert_pem, &cert, f));
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (n <= 0)
		return crypto_failed(f, "public key");
	*ret = digest_of(view_of(der, (size_t)n));
	OPENSSL_free(der);
	return OK;
}

static int no_passphrase(char *out, int size, int rwflag, void *ctx)
{
	(void)out;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

rc tls_check_pair(struct view key_pem, struct view cert_pem, struct fault *f)
{
	X509 *cert __attribute__((cleanup(cert_autorelease))) = NULL;
	EVP_PKEY *key __attribute__((cleanup(evp_pkey_autorelease))) = NULL;
	BIO *bio __attribute__((cleanup(bio_autorelease))) =
		key_pem.len > INT32_MAX ? NULL : BIO_new_mem_buf(key_pem.ptr, (int)key_pem.len);
	int match;

	TRY(read_cert(cert_pem, &cert, f));
	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	ERR_clear_error();
	if (key == NULL)
		return fault_set(f, RC_SYNTAX, 0, "tls: no unencrypted PEM private key");
	match = X509_check_private_key(cert, key);
	ERR_clear_error();
	if (match != 1)
		return fault_set(f, RC_MISMATCH, 0, "tls: the key is not the certificate's");
	return OK;
}
