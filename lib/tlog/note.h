/* note - C2SP signed notes v1 (c2sp.org/signed-note) with Ed25519, and the text form of their keys.
 *
 * A note is text (lines, each with its LF), an empty line, and signature lines
 * "<em dash> <name> <base64(key id || signature)>". The text is what is signed.
 * Owns: note and vkey syntax, verification against known keys. Must not own: which keys to trust.
 */
#ifndef GS_TLOG_NOTE_H
#define GS_TLOG_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/ed25519.h"

#define NOTE_NAME_MAX 255u
#define NOTE_SIGNATURES_MAX 100u /* as Go's x/mod; the specification promises 16 */
#define NOTE_MAX (1u << 20)	 /* bytes of a whole note */
#define NOTE_ED25519 0x01u	 /* type byte: Ed25519 over the text */

/* A key that verifies notes: Ed25519, type 0x01. */
struct vkey {
	char name[NOTE_NAME_MAX + 1]; /* UTF-8, no white space, no '+' */
	uint8_t id[4];		      /* SHA-256(name || LF || type || key)[0..4]; a hint only */
	uint8_t key[ED25519_PUBLIC];
};

/* RC_SYNTAX or RC_LIMIT if the name is not one. */
MUST rc vkey_make(const char *name, const uint8_t key[ED25519_PUBLIC], struct vkey *ret,
		  struct fault *f);
/* "name+hex8(id)+base64(type || key)". RC_SYNTAX, RC_NONCANON, RC_LIMIT; RC_UNSUPPORTED for a type
 * other than 0x01; RC_MISMATCH if the id is not the key's. */
MUST rc vkey_parse(struct view text, struct vkey *ret, struct fault *f);
/* Appends that form, no LF. */
void vkey_put(const struct vkey *k, struct buf *out);

/* A way to sign notes: the callback signs the bytes with the private half of key. */
struct note_signer {
	struct vkey key;
	rc (*sign)(void *ctx, struct view text, uint8_t ret[ED25519_SIGNATURE], struct fault *f);
	void *ctx;
};
/* Signs with k, which must outlive the signer. */
MUST rc note_signer_ed25519(const char *name, struct ed25519_key *k, struct note_signer *ret,
			    struct fault *f);

struct note_line {
	struct view name;
	uint8_t id[4];
	struct view signature; /* base64 text of id || signature, checked to decode, >= 5 bytes */
};

struct note {
	struct view text; /* with its last LF */
	size_t count;	  /* 1..NOTE_SIGNATURES_MAX */
	struct note_line line[NOTE_SIGNATURES_MAX];
};

/* Reads the form; nothing is verified. Views point into bytes. RC_SYNTAX: not UTF-8, a control
 * character other than LF, no empty line, no or broken signature lines; RC_NONCANON: base64;
 * RC_LIMIT: larger than NOTE_MAX, or too many signatures; RC_NOMEM. */
MUST rc note_parse(struct view bytes, struct note *ret, struct fault *f);

/* Verifies with the known keys. Lines of unknown (name, id) are ignored; a known pair whose
 * signature fails, or that signs twice, refuses the whole note. *ret_by (may be NULL) has bit i set
 * if keys[i] signed. count <= 64.
 * RC_BADSIG; RC_DUPLICATE; RC_UNKNOWN if none of the keys signed; RC_LIMIT for count. */
MUST rc note_verify(const struct note *n, const struct vkey *keys, size_t count, uint64_t *ret_by,
		    struct fault *f);

/* Appends the note: text, empty line, one line per signer. text must end in LF and hold valid UTF-8
 * without control characters but LF: RC_SYNTAX. Otherwise as the signers do. */
MUST rc note_sign(struct view text, const struct note_signer *signers, size_t count,
		  struct buf *out, struct fault *f);

#endif
