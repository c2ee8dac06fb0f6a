/* tbs - the keeper's half of a signature format: from a content digest to the exact bytes that are
 * signed, and from the signature value to the signature object. Pure and deterministic.
 *
 * Owns: the table of formats. Must not own: artifacts, keys, clocks, OpenSSL objects. */
#ifndef GS_FORMAT_TBS_H
#define GS_FORMAT_TBS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"

#define TBS_CHAIN_MAX 7	    /* certificates beside the leaf */
#define TBS_MAX 4096	    /* most bytes tbs() writes */
#define TBS_PARAMS_MAX 4096 /* bytes of the parameters */
#define TBS_PARAM_TEXT 255  /* characters in one text parameter */
/* Most bytes finish() writes: the certificates and this. */
#define TBS_OBJECT_OVERHEAD 8192

/* A key with its certificates, prepared once by tbs_key_init(). Views are borrowed. */
struct tbs_key {
	enum key_alg alg;
	struct view cert; /* leaf, DER */
	const struct view *chain;
	size_t chain_count;
	/* Derived from cert: */
	struct view issuer; /* Name, full element */
	struct view serial; /* INTEGER, full element */
	struct digest cert_digest;
};
/* Fills *ret. RC_LIMIT (chain_count > TBS_CHAIN_MAX), and what x509_parse says of the leaf. */
MUST rc tbs_key_init(struct tbs_key *ret, enum key_alg alg, struct view cert,
		     const struct view *chain, size_t chain_count, struct fault *f);

struct tbs_input {
	struct hash content;
	struct view params; /* canonical JSON object (lib/codec/jcan.h) */
	unix_time when;	    /* the signing time written into the object */
	const struct tbs_key *key;
};

struct format_tbs {
	const char *name;
	bool detached; /* the object lies beside the file */
	bool whole;    /* any file is one, and the content digest is that of the whole file */
	/* Whether this can be signed: parameters strict, params "digest" == content.alg, key fits.
	 * RC_SYNTAX, RC_UNKNOWN, RC_MISMATCH, RC_UNSUPPORTED, RC_LIMIT, RC_RANGE. */
	rc (*check)(const struct tbs_input *in, struct fault *f);
	/* Appends the exact to-be-signed bytes. They are hashed with content.alg, except for
	 * Ed25519 keys, which sign them whole. Fails as check does; RC_NOMEM, RC_LIMIT. */
	rc (*tbs)(const struct tbs_input *in, struct buf *out, struct fault *f);
	/* Appends the signature object (DER) around the signature value. */
	rc (*finish)(const struct tbs_input *in, struct view signature, struct buf *out,
		     struct fault *f);
};

/* NULL-terminated. */
extern const struct format_tbs *const format_tbs_table[];
/* NULL if there is none of that name. */
const struct format_tbs *format_tbs_find(struct view name);

/* The signing step between the two halves: hashes tbs as `in` demands and calls the signer; appends
 * the signature value. Errors are the signer's. */
MUST rc tbs_sign(const struct tbs_input *in, struct view tbs, const struct signer *s,
		 struct buf *out, struct fault *f);

#endif
