/* tls_identity - what a TLS client shows of itself: a certificate chain and its private key, in
 * memory.
 *
 * Owns: the two, checked against each other. Must not own: files, renewal (prog/agent). */
#ifndef GS_NET_TLS_IDENTITY_H
#define GS_NET_TLS_IDENTITY_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

/* Immutable; may be shared between threads and clients. */
struct tls_identity;

/* chain_pem: the leaf first. key: one PKCS#8 PrivateKeyInfo, DER. RC_SYNTAX, RC_MISMATCH: not the
 * leaf's key; RC_CRYPTO, RC_NOMEM. */
MUST rc tls_identity_new(struct view chain_pem, struct view key, struct tls_identity **ret,
			 struct fault *f);
/* The same with a private key that is elsewhere: pub, copied, and what signs with it, whose ctx
 * must outlive every owner. Nothing is signed yet. */
struct pkey;
struct signer;
MUST rc tls_identity_new_external(struct view chain_pem, const struct pkey *pub,
				  const struct signer *s, struct tls_identity **ret,
				  struct fault *f);
/* Another owner of the same. */
struct tls_identity *tls_identity_share(struct tls_identity *t);
/* Accepts NULL; the last owner frees. */
void tls_identity_free(struct tls_identity *t);

/* For lib/net alone: makes an SSL_CTX show it. */
struct ssl_ctx_st;
MUST rc tls_identity_use(const struct tls_identity *t, struct ssl_ctx_st *ctx);

#endif
