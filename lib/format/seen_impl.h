/* seen_impl - between the files of seen: an object that was found, and what it is about. */
#ifndef GS_FORMAT_SEEN_IMPL_H
#define GS_FORMAT_SEEN_IMPL_H

#include "lib/crypt/x509.h"
#include "lib/format/seen.h"

/* A certificate that may have signed; der is borrowed. */
struct seen_key {
	struct x509 cert;
	struct pkey *key;
};

struct seen_walk {
	const struct seen_input *in;
	seen_visit visit;
	void *ctx;
	struct seen_count count;
	struct seen_key given[SEEN_CERTS_MAX];
	size_t given_count;
	/* of the object in hand */
	const char *kind;
	uint64_t content_end; /* the file's bytes before the signature, for "appended" */
	struct view queue[SEEN_OBJECTS_MAX];
	size_t queued;
};

/* Digest of what an object of this kind is about: the image, or bytes of the file. */
MUST rc seen_content(struct seen_walk *w, enum hash_alg alg, struct hash *ret, struct fault *f);
/* All signers of one ContentInfo { SignedData }, and those nested in it (queued). */
MUST rc seen_signed_data(struct seen_walk *w, struct view der, struct fault *f);
/* An SSHSIG beside the file. */
MUST rc seen_sshsig(struct seen_walk *w, struct fault *f);
/* Failures that are ours, and not the file's. */
bool seen_is_ours(rc r);
/* The certificate and its key, which the caller destroys. As x509_parse and pkey_from_spki. */
MUST rc seen_key_parse(struct view der, struct seen_key *ret, struct fault *f);
/* Of the good key alone: visits. cert may be NULL. */
MUST rc seen_by_key(struct seen_walk *w, const struct pkey *k, const struct x509 *cert,
		    struct seen *s);

#endif
