/* seen - which signatures a file carries, in whatever form: what a thief of a key would make with
 * other tools than ours.
 *
 * More is read here than verify (file.h) accepts: several signers, nested signatures, signatures
 * without attributes or by certificates that are not for code or have expired. What matters is that
 * a key has signed something, not whether anybody should trust it.
 * Read: Authenticode in PE images (every entry of the certificate table, and signatures nested in
 * unsigned attributes), PKCS#7 appended to kernel modules and other files ("~Module signature
 * appended~"), IMA signatures (security.ima), and beside the file CMS in DER or PEM, and SSHSIG.
 * Not read: OpenPGP, BER, PSS, digests beside SHA-2; where such a signature names one of the given
 * certificates it is told as SEEN_UNJUDGED.
 * Owns: finding and verifying. Must not own: what is in the log. */
#ifndef GS_FORMAT_SEEN_H
#define GS_FORMAT_SEEN_H

#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"

#define SEEN_OBJECTS_MAX 16	 /* signature objects in one file, nested ones too */
#define SEEN_SIGNERS_MAX 8	 /* of one object */
#define SEEN_SIGNED_MAX 16384	 /* bytes that are given out as they were signed */
#define SEEN_CERTS_MAX 256	 /* given ones */
#define SEEN_TABLE_MAX (1 << 20) /* bytes of a PE certificate table or an appended signature */

enum seen_state {
	SEEN_GOOD,     /* the key has made it */
	SEEN_BAD,      /* it names the key, and does not verify */
	SEEN_UNJUDGED, /* it names the key, by means that are not read here */
};

/* One signature. Views end with the visit. */
struct seen {
	const char *kind; /* "pe", "appended", "ima", "cms", "sshsig" */
	enum seen_state state;
	const char *why;    /* not SEEN_GOOD: in words */
	bool fits;	    /* what was signed is this file as it is */
	struct digest key;  /* SHA-256 of spki */
	struct view spki;   /* SubjectPublicKeyInfo */
	struct digest cert; /* SHA-256 of the certificate; zeros: none is known */
	enum hash_alg hash;
	struct view message;   /* what was signed; empty if that is too long: then its digest */
	struct hash digest;    /* of what was signed, by hash */
	struct view signature; /* the value: ECDSA in DER */
};

struct seen_input {
	int fd;
	struct view beside; /* a file that may be a signature of it; or empty */
	struct view ima;    /* the attribute security.ima; or empty */
	/* The organisation's certificates, for signatures that bring none. */
	const struct view *certs;
	size_t cert_count;
};

struct seen_count {
	unsigned objects;    /* signature objects that were found */
	unsigned unreadable; /* those of them, and parts of the file, that could not be read */
	unsigned strangers;  /* signers whose key is not known here */
};

typedef rc (*seen_visit)(void *ctx, const struct seen *s);

/* Visits every signature whose signer's key is in the file, beside it, or given. What cannot be
 * read is counted and is no failure. RC_IO, RC_NOMEM, RC_CRYPTO, or what visit returns. */
MUST rc seen_scan(const struct seen_input *in, seen_visit visit, void *ctx, struct seen_count *ret,
		  struct fault *f);

#endif
