/* met - one signature by a key of ours that the guard has met, on its way from the process that
 * reads files (scan.c) by the one that finds them (lookout.c) to the one that reports (reporter.c).
 *
 * Of one size, so that nobody reads a length that somebody else has written: whoever takes one
 * looks at it with met_check first, for the process that read a hostile file may be that file's.
 * Owns: the shape, and the line of JSON. Must not own: finding, judging (the server does). */
#ifndef GS_GUARD_MET_H
#define GS_GUARD_MET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"
#include "lib/model/guard_batch.h"

enum met_what {
	MET_GOOD = 1, /* one of our keys has made it */
	MET_UNJUDGED, /* it names one, by means that are not read here: why */
	MET_END,      /* no signature: of the file there is no more; the counts */
};

/* Of one file. */
struct met_end {
	uint32_t more;	     /* signatures by our keys beyond MET_FILE_MAX */
	uint32_t bad;	     /* that name a key of ours and do not verify */
	uint32_t unreadable; /* objects, and parts of the file */
	uint32_t certs;	     /* certificates of ours that were looked for */
	uint32_t bad_certs;  /* that could not be read */
};
#define MET_FILE_MAX 16u

struct met {
	uint32_t what; /* enum met_what */
	uint32_t fits; /* 1: what was signed is this file as it is */
	uint32_t hash; /* enum hash_alg */
	uint32_t spki_len, message_len, value_len;
	char form[12];	    /* "pe", "appended", "ima", "cms", "sshsig" */
	char why[64];	    /* of MET_UNJUDGED */
	struct digest key;  /* SHA-256 of spki */
	struct digest cert; /* SHA-256 of the certificate; zeros: none is known */
	struct digest file; /* SHA-256 of the file */
	uint8_t digest[HASH_MAX_SIZE];
	uint8_t spki[PKEY_SPKI_MAX];
	uint8_t message[GUARD_SIGNED_MAX]; /* what was signed; none: longer than that */
	uint8_t value[PKEY_SIGNATURE_MAX];
	struct met_end end;
};

/* What the reporter gets. */
struct met_report {
	struct met met;
	char path[GUARD_PATH_MAX + 1]; /* bytes of the host's path; "": unknown */
};

/* Whether it has the shape: numbers in their ranges, texts that end. */
bool met_check(const struct met *m);
/* The same for the next of one scan, and that there are no more than MET_FILE_MAX before the end:
 * who reads a hostile file may not keep to that. *told begins at 0. */
bool met_check_next(const struct met *m, uint32_t *told);
/* Its line, with LF: {"event":"signature",..}; when: as time_format writes it. */
void met_put(struct buf *out, const struct met_report *r, const char *when);

#endif
