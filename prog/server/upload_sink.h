/* upload_sink - the bytes of one upload on their way to the disk: one pass that hashes and writes.
 *
 * A large upload gets a thread, so that decrypting on the one side and hashing and writing on the
 * other take two processors; a small one, or one that comes when SINKS_MAX are running, is hashed
 * and written by the caller. What a file of SINK_DROP_FROM bytes and more has written is taken out
 * of the page cache as it comes: it would push out everything else there.
 * Owns: order, offset and running digest, the thread. Must not own: names, sizes that are permitted
 * and what follows from the digest (uploads.c). One sink is used by one thread at a time. */
#ifndef GS_SERVER_UPLOAD_SINK_H
#define GS_SERVER_UPLOAD_SINK_H

#include <stdatomic.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"

#define SINKS_MAX 8u			      /* with a thread, of one server */
#define SINK_THREAD_FROM ((uint64_t)16 << 20) /* bytes still to come */
#define SINK_DROP_FROM ((uint64_t)512 << 20)  /* likewise */
#define SINK_BLOCK ((size_t)1 << 20)
#define SINK_BLOCKS 3u /* memory of a sink with a thread, in blocks */

struct sink_spec {
	int fd;		      /* borrowed: readable and writable, holds `at` bytes already */
	uint64_t at;	      /* where the first piece goes */
	uint64_t size;	      /* of the whole file */
	atomic_uint *running; /* counts the sinks with a thread */
};

struct upload_sink;
/* Reads and hashes what is there already. RC_TRUNCATED: fd is shorter than `at`; RC_IO; RC_NOMEM.
 */
MUST rc upload_sink_new(const struct sink_spec *spec, struct upload_sink **ret, struct fault *f);
/* Takes the next piece (copied). A failure may be that of an earlier piece: RC_IO, RC_NOSPACE,
 * RC_CRYPTO. Nothing is taken after one. */
MUST rc upload_sink_put(struct upload_sink *s, struct view piece, struct fault *f);
/* Waits until all that was put is in the file and hashed (not durable: that is the caller's).
 * Nothing can be put afterwards. Failures as of upload_sink_put. */
MUST rc upload_sink_finish(struct upload_sink *s, struct hash *ret_sha256, struct fault *f);
/* Waits as upload_sink_finish does, so that what came can be resumed; NULL is permitted. */
void upload_sink_free(struct upload_sink *s);

#endif
