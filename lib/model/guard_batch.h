/* guard_batch - what a host's guard has seen, as greatseal-agent sends it: state and events.
 *
 * Canonical JSON, signed by the host's key in the namespace GUARD_NS:
 *   {"batch":{"dropped":N,"host":NAME,"origin":TEXT,"run":HEX32,
 *             "state":{"level":TEXT,"list":NAME?,"mode":TEXT,"serial":N?},"time":T},
 *    "events":[{"by":TEXT?,"certificate":HEX?,"count":N?,"digest":HEX?,"fits":N?,"hash":TEXT?,
 *               "key":HEX?,"kind":TEXT,"path":TEXT?,"pid":N?,"reason":TEXT?,"seq":N,"serial":N?,
 *               "sha256":HEX?,"signature":BASE64?,"signed":BASE64?,"spki":BASE64?,"text":TEXT?,
 *               "time":T,"uid":N?}...]}
 * From "certificate" to "spki" is said of a signature that was met (kind "signature"): by which
 * key, what was signed and its value, so that it can be verified without the file; reason is where
 * it was (docs/alarm.md).
 * seq grows with each event of a run; run is another one when the guard has begun its backlog anew.
 * A batch without events says that host and guard live. Owns: that form. Must not own: what a guard
 * sees (prog/guard), what is made of it (prog/server). A kind that is not in the table is carried
 * all the same, so that a server that is older than a guard does not hold up its backlog. */
#ifndef GS_MODEL_GUARD_BATCH_H
#define GS_MODEL_GUARD_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"
#include "lib/model/guard_state.h"
#include "lib/model/name.h"
#include "lib/model/request.h"

#define GUARD_NS "guard.v1@greatseal"
#define GUARD_BATCH_MAX (512u << 10)
#define GUARD_EVENTS_MAX 128u /* of one batch */
#define GUARD_PATH_MAX 1024
#define GUARD_TEXT_MAX 256
#define GUARD_SIGNED_MAX 8192 /* bytes that were signed, of one signature */
#define GUARD_BASE64(n) (((n) + 2) / 3 * 4)
#define GUARD_RUN 16
#define GUARD_RUN_HEX (2 * GUARD_RUN + 1)

/* Bits of guard_event.has. */
enum guard_field {
	GUARD_BY = 1u << 0,
	GUARD_COUNT = 1u << 1,
	GUARD_PATH = 1u << 2,
	GUARD_PID = 1u << 3,
	GUARD_REASON = 1u << 4,
	GUARD_SERIAL = 1u << 5,
	GUARD_SHA256 = 1u << 6,
	GUARD_TEXT = 1u << 7,
	GUARD_UID = 1u << 8,
	GUARD_CERTIFICATE = 1u << 9,
	GUARD_DIGEST = 1u << 10,
	GUARD_FITS = 1u << 11,
	GUARD_HASH = 1u << 12,
	GUARD_KEY = 1u << 13,
	GUARD_SIGNATURE = 1u << 14,
	GUARD_SIGNED = 1u << 15,
	GUARD_SPKI = 1u << 16,
};

struct guard_event {
	unsigned has; /* set of enum guard_field */
	uint64_t seq; /* from 1 */
	unix_time time;
	char kind[GUARD_WORD_MAX + 1]; /* "denied" */
	char reason[GUARD_WORD_MAX + 1];
	char path[GUARD_PATH_MAX +
		  1]; /* UTF-8; bytes of the host's path as code points below 256 */
	char by[GUARD_PATH_MAX + 1];
	char text[GUARD_TEXT_MAX + 1];
	char digest[2 * HASH_MAX_SIZE + 1]; /* of what was signed, by hash */
	char hash[GUARD_WORD_MAX + 1];	    /* "sha256" */
	/* Canonical base64. */
	char signature[GUARD_BASE64(PKEY_SIGNATURE_MAX) + 1];
	char signed_[GUARD_BASE64(GUARD_SIGNED_MAX) + 1]; /* what was signed, if it is not longer */
	char spki[GUARD_BASE64(PKEY_SPKI_MAX) + 1];
	struct digest certificate;
	struct digest key;
	struct digest sha256;
	uint64_t fits; /* 1: what was signed is the file as it is */
	uint64_t count;
	uint64_t pid;
	uint64_t serial;
	uint64_t uid;
};

/* What is known of the kinds. */
enum guard_kind {
	GUARD_KIND_FIRST_SEEN,
	GUARD_KIND_DENIED,
	GUARD_KIND_WOULD_DENY,
	GUARD_KIND_LIST,
	GUARD_KIND_LIST_REFUSED,
	GUARD_KIND_MODE,
	GUARD_KIND_WORKER,
	GUARD_KIND_OVERFLOW,
	GUARD_KIND_GUARDED,
	GUARD_KIND_DROPPED,
	GUARD_KIND_SIGNATURE,
	GUARD_KIND__COUNT /* also: one that we do not know */
};
enum guard_kind guard_kind_of(const char *kind);
const char *guard_kind_name(enum guard_kind k);
/* Whether text is what a field of base64 may hold: canonical, at most GUARD_SIGNED_MAX bytes. */
bool guard_is_base64(const char *text);

struct guard_batch {
	struct name host;
	char origin[ORIGIN_MAX + 1];
	uint8_t run[GUARD_RUN];
	unix_time time;
	uint64_t dropped; /* events that were lost in this run */
	struct guard_state state;
	uint32_t count;
	uint64_t last;	    /* the highest seq; 0 without events */
	struct view events; /* canonical array, checked; borrowed from the bytes */
};

/* Form as jcan.h; RC_LIMIT over GUARD_BATCH_MAX or GUARD_EVENTS_MAX; RC_RANGE a seq that does not
 * grow, or a mode that there is not; RC_MISMATCH a serial without a list. Every event is looked at
 * before this returns. */
MUST rc guard_batch_parse(struct view bytes, struct guard_batch *ret, struct fault *f);

/* The events of a batch in their order. A visit that fails ends it with its rc; bytes is the
 * event's own canonical object. */
typedef rc (*guard_visit)(void *ctx, const struct guard_event *e, struct view bytes);
MUST rc guard_batch_each(const struct guard_batch *b, guard_visit visit, void *ctx);

/* One event alone, e.g. as a server keeps it. */
MUST rc guard_event_parse(struct view bytes, struct guard_event *ret, struct fault *f);

/* Appends the bytes; count events from that array, count and events of b do not matter. Refuses
 * what parse refuses. */
MUST rc guard_batch_encode(const struct guard_batch *b, const struct guard_event *events,
			   size_t count, struct buf *out, struct fault *f);

#endif
