/* Purpose: see tls_ca.h. */
#include "tests/support/tls_ca.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define must(cond) ((cond) ? (void)0 : die(__LINE__))

static void die(int line)
{
	(void)fprintf(stderr, "test tls ca: line %d\n", line);
	abort();
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

/* Without extensions and signature. */
static X509 *blank(const struct tls_ca_client *c, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	uint64_t serial = 0;

	must(cert != NULL && RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1);
	must(X509_set_version(cert, X509_VERSION_3) == 1);
	must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) == 1);
	must(X509_gmtime_adj(X509_getm_notBefore(cert), c->from_seconds) != NULL);
	must(X509_gmtime_adj(X509_getm_notAfter(cert), c->to_seconds) != NULL);
	must(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
					(const unsigned char *)c->name, -1, -1, 0) == 1);
	must(X509_set_pubkey(cert, key) == 1);
	return cert;
}

static FILE *create(const char *path)
{
	FILE *file = fopen(path, "we");

	must(file != NULL);
	return file;
}

static void write_cert(const char *path, X509 *cert)
{
	FILE *file = create(path);

	must(PEM_write_X509(file, cert) == 1);
	must(fclose(file) == 0);
}

void tls_ca_new(struct tls_ca *ca, const char *name, const char *cert_path)
{
	const struct tls_ca_client c = {.name = name, .from_seconds = -3600, .to_seconds = 86400};

	ca->key = EVP_EC_gen("P-256");
	must(ca->key != NULL);
	ca->cert = blank(&c, ca->key);
	must(X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert)) == 1);
	extend(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE");
	extend(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign");
	must(X509_sign(ca->cert, ca->key, EVP_sha256()) > 0);
	write_cert(cert_path, ca->cert);
}

void tls_ca_free(struct tls_ca *ca)
{
	EVP_PKEY_free(ca->key);
	X509_free(ca->cert);
	*ca = (struct tls_ca){0};
}

void tls_ca_issue(const struct tls_ca *ca, const struct tls_ca_client *client,
		  const char *cert_path, const char *key_path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert;
	FILE *file;

	must(key != NULL);
	cert = blank(client, key);
	must(X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) == 1);
	extend(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE");
	extend(cert, ca->cert, NID_key_usage, "critical,digitalSignature");
	if (client->usage != NULL)
		extend(cert, ca->cert, NID_ext_key_usage, client->usage);
	must(X509_sign(cert, ca->key, EVP_sha256()) > 0);
	write_cert(cert_path, cert);
	file = create(key_path);
	must(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	must(fclose(file) == 0);
	X509_free(cert);
	EVP_PKEY_free(key);
}
