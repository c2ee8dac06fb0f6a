/* passkey - a P-256 key that signs as an authenticator and a browser do, or as they never would.
 *
 * Owns: the forms of OpenSSH's PROTOCOL.u2f, made without lib/crypt's own checks of them. */
#ifndef GS_TESTS_PASSKEY_H
#define GS_TESTS_PASSKEY_H

#include "tests/lib/fixture.h"

/* Authenticator flags, WebAuthn L3 6.1. */
#define PASSKEY_TOUCHED 0x01
#define PASSKEY_VERIFIED 0x05
#define PASSKEY_SYNCED 0x0d

/* How it signs. */
struct passkey_form {
	bool browser;	    /* the WebAuthn form, else that of the command line */
	uint8_t flags;	    /* what the authenticator says */
	const char *origin; /* browser: which page asked */
};

struct passkey {
	struct fx_key key;    /* key.ssh is the sk key, so that a fixture's roster lists it */
	struct sshkey *plain; /* the same point as ecdsa-sha2-nistp256 */
};

/* application: an RP id, or "ssh:" for a security key of the command line. */
void passkey_new(struct passkey *p, const char *application);
void passkey_release(struct passkey *p);
/* Appends a whole SSHSIG blob. */
void passkey_sign(const struct passkey *p, const struct passkey_form *form, const char *ns,
		  struct view message, struct buf *out);

#endif
