/* sighting - one signature that somebody has met, as it was told: by a row of POST
 * /v1/signatures/seen, or by an event of a host's guard.
 *
 * Owns: reading it. Must not own: whether any of it is true (sightings.c). */
#ifndef GS_SERVER_SIGHTING_H
#define GS_SERVER_SIGHTING_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/result.h"
#include "lib/crypt/pkey.h"
#include "lib/model/guard_batch.h"

#define SIGHTING_SIGNED_MAX 16384u /* bytes that were signed */

struct sighting {
	struct digest file;
	struct digest id; /* pkey_signature_id; zeros until it was verified */
	struct buf spki;
	struct buf message; /* what was signed; or empty */
	struct buf value;
	struct pkey *key; /* NULL until it was looked at */
	enum hash_alg hash;
	struct hash digest;
	const char *kind; /* borrowed from the row, as is name */
	const char *name;
	bool fits;   /* what was signed is the file */
	bool proven; /* who tells cannot have made it up */
};

struct sightings {
	struct sighting *rows;
	size_t count;
};
void sightings_release(struct sightings *all);
AUTO_DEFINE(sightings, struct sightings, sightings_release)

/* Room for so many. RC_NOMEM. */
MUST rc sightings_new(size_t most, struct sightings *all);
/* A row of a call, appended; all->rows has room. The row must outlive it. RC_SYNTAX: it is none;
 * RC_NOMEM. */
MUST rc sightings_add(struct sightings *all, const json_t *row);
/* Those among a batch's events; what is no signature, or not whole, is passed over. rows: an array
 * that keeps what they borrow. RC_NOMEM: not all were read. */
MUST rc sightings_read_batch(const struct guard_batch *b, json_t *rows, struct sightings *all);

#endif
