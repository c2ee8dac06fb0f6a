/* tpm_desk - what the keeper needs to judge TPMs: the vendors' certificates, and challenges that it
 * does not have to remember.
 *
 * A challenge's secret is an HMAC over everything the challenge is for, with a key that this
 * process alone knows. Who shows the secret has opened the challenge, and so holds that endorsement
 * key and has that attestation key in the same TPM; for another host, key or invitation, and after
 * a restart, the secret is another one. Owns: the certificates, that key. Must not own: who may
 * enrol (enrol.c), what a class is worth (tpm_class.c). */
#ifndef GS_KEEPER_TPM_DESK_H
#define GS_KEEPER_TPM_DESK_H

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/tpm.h"
#include "lib/model/name.h"

#define CHALLENGE_LIFE 300 /* seconds: making an RSA key takes some TPMs a minute */

struct tpm_desk;

/* Reads every file of the two directories, PEM or DER: certificates that name themselves as issuer
 * are trusted, the others lead to them. "" for a directory: none of that kind is trusted.
 * RC_NOTFOUND, RC_SYNTAX, RC_LIMIT (TPM_CERTIFICATES_MAX), with the file's name; RC_CRYPTO,
 * RC_NOMEM. */
MUST rc tpm_desk_new(const char *vendors, const char *virtuals, struct tpm_desk **ret,
		     struct fault *f);
/* Accepts NULL. */
void tpm_desk_free(struct tpm_desk *d);

/* Borrowed: makers of chips, or of virtual TPMs. */
const struct tpm_vendor *tpm_desk_vendor(const struct tpm_desk *d, bool is_virtual);

/* What a challenge is for. */
struct tpm_errand {
	unix_time time; /* of the challenge */
	const struct tpm_public *ek;
	const struct tpm_public *ak;
	const struct digest *key;   /* of the host's SubjectPublicKeyInfo */
	const struct digest *token; /* of the invitation */
	const struct name *host;
};
/* RC_CRYPTO. */
MUST rc tpm_desk_secret(const struct tpm_desk *d, const struct tpm_errand *e,
			uint8_t ret[TPM_SECRET], struct fault *f);

#endif
