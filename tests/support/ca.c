/* Purpose: see ca.h. */
#include "tests/support/ca.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void must(rc r, const struct fault *f)
{
	if (rc_is_ok(r))
		return;
	(void)fprintf(stderr, "test ca: %s: %s\n", rc_name(r), f->text);
	abort();
}

void ca_party_new(struct ca_party *p, enum key_alg alg)
{
	struct fault f = {.text = ""};

	buf_init(&p->cert, X509_DER_MAX);
	must(pkey_soft_generate(alg, &p->key, &f), &f);
	must(pkey_soft_ctx_new(p->key, &p->ctx, &f), &f);
	p->signer = pkey_soft_signer(p->ctx);
}

void ca_party_free(struct ca_party *p)
{
	pkey_soft_ctx_free(p->ctx);
	pkey_soft_free(p->key);
	buf_release(&p->cert);
}

void ca_issue(const struct ca *ca, struct ca_party *subject, const struct ca_cert *spec)
{
	/* Leaf 3, its authority 2, self-signed 1: GnuTLS confuses equal numbers of different
	 * issuers. */
	const uint8_t level = spec->issuer == NULL ? 1 : spec->ca ? 2 : 3;
	const uint8_t serial[] = {0x5a, 0x01, 0x02, level};
	const struct ca_party *by = spec->issuer == NULL ? subject : spec->issuer;
	const struct x509_make make = {
		.provider = ca->provider,
		.pub = pkey_soft_public(subject->key),
		.signer = &by->signer,
		.hash = spec->hash,
		.subject = view_str(spec->name),
	};
	const struct x509_issue issue = {
		.validity = {spec->not_before, spec->not_after, view_of(serial, sizeof(serial))},
		.issuer_der = spec->issuer == NULL ? view_of(NULL, 0) : buf_view(&by->cert),
		.issuer_pub = pkey_soft_public(by->key),
		.ca = spec->ca,
	};
	struct fault f = {.text = ""};

	buf_clear(&subject->cert);
	must(x509_issue(&make, &issue, &subject->cert, &f), &f);
}

void ca_new(struct ca *ca, enum key_alg alg)
{
	ca_new_with(ca, KEY_P256, alg);
}

void ca_new_with(struct ca *ca, enum key_alg authorities, enum key_alg alg)
{
	struct fault f = {.text = ""};

	*ca = (struct ca){0};
	must(provider_new(&ca->provider, &f), &f);
	ca_party_new(&ca->root, authorities);
	ca_party_new(&ca->middle, authorities);
	ca_party_new(&ca->leaf, alg);
	ca_issue(ca, &ca->root,
		 &(struct ca_cert){"CN=Test Root,O=Example", NULL, HASH_SHA256, true, CA_BORN,
				   CA_DIES});
	ca_issue(ca, &ca->middle,
		 &(struct ca_cert){"CN=Test Intermediate,O=Example", &ca->root, HASH_SHA256, true,
				   CA_BORN, CA_DIES});
	ca_issue(ca, &ca->leaf,
		 &(struct ca_cert){"CN=Test Signing,O=Example,C=FI", &ca->middle, HASH_SHA256,
				   false, CA_BORN, CA_DIES});
}

void ca_free(struct ca *ca)
{
	ca_party_free(&ca->leaf);
	ca_party_free(&ca->middle);
	ca_party_free(&ca->root);
	provider_free(ca->provider);
}
