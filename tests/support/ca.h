/* ca - throw-away certificate authorities for tests: root -> intermediate -> code-signing leaf. */
#ifndef GS_TESTS_CA_H
#define GS_TESTS_CA_H

#include "lib/crypt/pkey_soft.h"
#include "lib/crypt/provider.h"
#include "lib/crypt/x509.h"

#define CA_BORN ((unix_time)1767225600) /* 2026-01-01 */
#define CA_DIES ((unix_time)2082758400) /* 2036-01-01 */
#define CA_NOW ((unix_time)1795424400)	/* 2026-11-23T09:00:00Z */

struct ca_party {
	struct pkey_soft *key;
	struct pkey_soft_ctx *ctx;
	struct signer signer;
	struct buf cert;
};

struct ca {
	struct provider *provider;
	struct ca_party root;
	struct ca_party middle;
	struct ca_party leaf;
};

/* Every step asserts; P-256 for the two authorities, `alg` for the leaf. */
void ca_new(struct ca *ca, enum key_alg alg);
/* The same with another algorithm for the authorities (some verifiers know RSA alone). */
void ca_new_with(struct ca *ca, enum key_alg authorities, enum key_alg alg);
void ca_free(struct ca *ca);
/* A key without certificate. */
void ca_party_new(struct ca_party *p, enum key_alg alg);
void ca_party_free(struct ca_party *p);
/* A certificate for `subject` by `issuer` (NULL: self-signed). */
struct ca_cert {
	const char *name;
	const struct ca_party *issuer;
	enum hash_alg hash;
	bool ca;
	unix_time not_before;
	unix_time not_after;
};
void ca_issue(const struct ca *ca, struct ca_party *subject, const struct ca_cert *spec);

#endif
