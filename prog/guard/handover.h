/* handover - a guard that runs passes all that it holds to another one, which may be of another
 * version: the fanotify group with its marks and the questions that wait, every lease, list and
 * mode, zones, reports on their way. Nobody is let through, or refused wrongly, in between: what is
 * asked meanwhile waits in the kernel.
 *
 * Over the socket of commands (docs/guard.md, "Upgrades"):
 *
 *	heir	"take-over FORMAT VERSION\n", with a descriptor of its program
 *	guard	a refusal with RC_BUSY, when the program has been found good: the heir asks again
 *		over a connection that it makes from here on
 *	guard	'S', with the state in a memory file and where reports are written; or a refusal in
 *JSON guard	'D' as often as needed, with up to HANDOVER_BATCH descriptors each heir	'R': its
 *worker waits to begin; or what is wrong, and the end
 *	guard	'Y', and ends. Had it died before, the heir would go on all the same: it has
 *everything
 *
 * Until 'Y' the guard goes on as if nothing had been when the heir ends, however it does. An heir
 * that says nothing is killed first: two must never answer. Descriptors keep their numbers, since
 * the kernel knows questions and broken leases by them.
 * Owns: this exchange (handover.c), and the state's encoding (handover_rows.h). Must not own: how
 * the heir begins (supervisor.c, upgrade.c). */
#ifndef GS_GUARD_HANDOVER_H
#define GS_GUARD_HANDOVER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

struct supervisor;
struct client;

#define HANDOVER_FORMAT 2u
#define HANDOVER_MARK "greatseal-guard: this program takes over from a guard"
#define HANDOVER_BATCH 253u /* SCM_MAX_FD (unix(7)) */
#define HANDOVER_TEXT 256u
#define HANDOVER_DESCRIPTORS_MAX (1u << 21)
#define HANDOVER_BYTES ((size_t)512 << 20)

/* ---- The state ------------------------------------------------------------------------------*/

/* What is not in struct supervisor. */
struct handover {
	char version[32]; /* of the guard that hands over */
	int32_t pid;
	char notify[HANDOVER_TEXT]; /* where systemd hears of it; "": nowhere */
	uint8_t mounts[32];	    /* SHA-256 of what it was told to guard */
	uint64_t asks;
	int *number; /* of all descriptors, ascending; handover_release frees them */
	size_t count;
};

void handover_release(struct handover *h);
AUTO_DEFINE(handover, struct handover, handover_release)
/* After the worker and the reporter have ended: what they, and the supervisor, hold. Of *index the
 * descriptors are filled in. */
void handover_encode(const struct supervisor *s, struct handover *index, struct buf *out);
/* The other way round, into a supervisor whose shared memory is there, and empty. RC_TRUNCATED,
 * RC_SYNTAX; RC_UNSUPPORTED: of a version that knows less than is needed; RC_LIMIT: more files are
 * held than the settings permit; RC_NOMEM. *ret, zeros before, holds memory also then. */
MUST rc handover_decode(struct view bytes, struct supervisor *s, struct handover *ret,
			struct fault *f);
/* SHA-256 of the settings that say what is marked. */
struct conf;
void handover_mounts(const struct conf *c, uint8_t out[static 32]);

/* ---- The guard that runs --------------------------------------------------------------------*/

/* Reads of a connection, and the descriptor that comes with it: *ret_fd is the caller's; -1: none.
 * As recv(2), without waiting. */
ptrdiff_t handover_recv(int fd, void *out, size_t cap, int *ret_fd);
/* To the client that has asked with "take-over FORMAT VERSION" and c->given. OK: that is the guard
 * now, and this process is to end without a trace. RC_BUSY: not now, or not over
 * this connection; RC_DENIED: its program is not approved, or no guard; RC_UNSUPPORTED: its format;
 * RC_SYNTAX. RC_PEER: it failed or refused; it has ended, or was killed and hangs, which *f says
 * then; the guard's processes are to be started again, as if they had been killed. */
MUST rc handover_give(struct supervisor *s, struct client *c, const char *line, struct fault *f);

/* ---- The heir -------------------------------------------------------------------------------*/

/* Asks on a connection whose number lies above all others, and takes everything; standard error is
 * the other's from then on. RC_BUSY: ask
 * again; RC_DENIED with the guard's words; RC_NOTFOUND: it ended; else as handover_decode. */
MUST rc handover_take(struct supervisor *s, int fd, struct handover *ret, struct fault *f);
/* Says that all is ready, and waits for the other's end. OK: this is the guard. RC_PEER: it is not,
 * and must end. */
MUST rc handover_commit(int fd, struct fault *f);
/* Says why not. */
void handover_refuse(int fd, const struct fault *f);

#endif
