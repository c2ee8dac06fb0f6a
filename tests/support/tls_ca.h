/* tls_ca - throw-away authorities of TLS clients: PEM files in a directory of the test's.
 *
 * Apart from ca.h, whose leaves are for signing code: a TLS client's certificate has another
 * extended key usage. Every step asserts. */
#ifndef GS_TESTS_TLS_CA_H
#define GS_TESTS_TLS_CA_H

#include <openssl/evp.h>
#include <openssl/x509.h>

struct tls_ca {
	EVP_PKEY *key;
	X509 *cert;
};

/* Self-signed and valid now; its certificate in the file. */
void tls_ca_new(struct tls_ca *ca, const char *name, const char *cert_path);
void tls_ca_free(struct tls_ca *ca);

struct tls_ca_client {
	const char *name;
	long from_seconds; /* validity, counted from now */
	long to_seconds;
	const char *usage; /* "clientAuth"; NULL: no extended key usage */
};
/* A P-256 key and its certificate by ca, in two files. */
void tls_ca_issue(const struct tls_ca *ca, const struct tls_ca_client *client,
		  const char *cert_path, const char *key_path);

#endif
