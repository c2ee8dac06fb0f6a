/* tls_identity - see tls_identity.h. Purpose: the OpenSSL objects behind it. */
#include "lib/net/tls_identity.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/crypt/provider.h"

#define CHAIN_MAX 8

struct tls_identity {
	atomic_uint owners;
	X509 *chain[CHAIN_MAX];
	int count;
	EVP_PKEY *key;
	struct provider *provider; /* of a key that is elsewhere, or NULL */
	struct provider_key *outside;
};

void tls_identity_free(struct tls_identity *t)
{
	if (t == NULL || atomic_fetch_sub(&t->owners, 1) > 1)
		return;
	for (int i = 0; i < t->count; i++)
		X509_free(t->chain[i]);
	EVP_PKEY_free(t->key);
	provider_key_free(t->outside);
	provider_free(t->provider);
	free(t);
}

struct tls_identity *tls_identity_share(struct tls_identity *t)
{
	if (t != NULL)
		(void)atomic_fetch_add(&t->owners, 1);
	return t;
}

static rc read_chain(struct tls_identity *t, struct view pem, struct fault *f)
{
	BIO *bio = pem.len > INT_MAX ? NULL : BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *cert;

	if (bio == NULL)
		return RC(RC_NOMEM);
	while (t->count < CHAIN_MAX && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		t->chain[t->count++] = cert;
	BIO_free(bio);
	ERR_clear_error(); /* that there is no further one */
	return t->count > 0 ? OK : fault_set(f, RC_SYNTAX, 0, "tls: no certificate in PEM form");
}

static rc check_pair(const struct tls_identity *t, struct fault *f)
{
	int same = X509_check_private_key(t->chain[0], t->key);

	ERR_clear_error();
	return same == 1 ? OK
			 : fault_set(f, RC_MISMATCH, 0, "tls: the certificate is of another key");
}

static rc read_key(struct tls_identity *t, struct view der, struct fault *f)
{
	const unsigned char *at = der.ptr;

	t->key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
	ERR_clear_error();
	if (t->key == NULL || at != der.ptr + der.len)
		return fault_set(f, RC_SYNTAX, 0, "tls: the private key cannot be read");
	return check_pair(t, f);
}

static rc take_outside(struct tls_identity *t, const struct pkey *pub, const struct signer *s,
		       struct fault *f)
{
	TRY(provider_new(&t->provider, f));
	TRY(provider_key_new(t->provider, pub, s, &t->outside, f));
	t->key = provider_key_evp(t->outside);
	if (EVP_PKEY_up_ref(t->key) != 1) {
		t->key = NULL;
		return RC(RC_CRYPTO);
	}
	return check_pair(t, f);
}

rc tls_identity_new_external(struct view chain_pem, const struct pkey *pub, const struct signer *s,
			     struct tls_identity **ret, struct fault *f)
{
	struct tls_identity *t = (struct tls_identity *)calloc(1, sizeof(*t));
	rc r;

	if (t == NULL)
		return RC(RC_NOMEM);
	atomic_init(&t->owners, 1);
	r = read_chain(t, chain_pem, f);
	if (rc_is_ok(r))
		r = take_outside(t, pub, s, f);
	if (!rc_is_ok(r)) {
		tls_identity_free(t);
		return r;
	}
	*ret = t;
	return OK;
}

rc tls_identity_new(struct view chain_pem, struct view key, struct tls_identity **ret,
		    struct fault *f)
{
	struct tls_identity *t = (struct tls_identity *)calloc(1, sizeof(*t));
	rc r;

	if (t == NULL)
		return RC(RC_NOMEM);
	atomic_init(&t->owners, 1);
	r = read_chain(t, chain_pem, f);
	if (rc_is_ok(r))
		r = read_key(t, key, f);
	if (!rc_is_ok(r)) {
		tls_identity_free(t);
		return r;
	}
	*ret = t;
	return OK;
}

rc tls_identity_use(const struct tls_identity *t, SSL_CTX *ctx)
{
	bool good = SSL_CTX_use_certificate(ctx, t->chain[0]) == 1 &&
		    SSL_CTX_use_PrivateKey(ctx, t->key) == 1;

	for (int i = 1; good && i < t->count; i++)
		good = SSL_CTX_add1_chain_cert(ctx, t->chain[i]) == 1;
	ERR_clear_error();
	return good ? OK : RC(RC_CRYPTO);
}
