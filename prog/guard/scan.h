/* scan - the signatures by keys of ours in and beside one file, in a process of its own for each.
 *
 * It alone reads what somebody else has made. What it could reach is gone before: its descriptors
 * are the file, what lies beside it and a pipe, there is no file system, no memory of the guard's
 * but a copy that decides nothing, and next to no system call. Owns: that confinement, and which
 * signatures are told. Must not own: finding files (lookout.c), parsing (lib/format/seen.h). */
#ifndef GS_GUARD_SCAN_H
#define GS_GUARD_SCAN_H

#include "lib/base/fault.h"
#include "prog/guard/met.h"

#define SCAN_PEM_MAX (1u << 20) /* bytes of certificates */

struct scan_input {
	int fd;	    /* the file; -1: only the certificates are counted */
	int beside; /* what may be a signature of it; -1: nothing */
	struct view ima;
	struct view pem; /* certificates of ours */
	/* Fingerprints of keys that are ours, too. */
	const struct digest *keys;
	size_t key_count;
};

typedef rc (*scan_say)(void *ctx, const struct met *m);

/* Says each (at most MET_FILE_MAX), and MET_END at last. A certificate that cannot be read is
 * counted and passed over. RC_IO, RC_NOMEM, RC_CRYPTO, RC_LIMIT: a file beside that is too large,
 * or what say returns; then there is no MET_END. */
MUST rc scan_file(const struct scan_input *in, scan_say say, void *ctx, struct fault *f);

/* The child: all of it, into out, and the end. */
_Noreturn void scan_run(const struct scan_input *in, int out);

#endif
