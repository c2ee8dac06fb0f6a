/* list - an allowlist: the contents that the hosts of some groups may run, as it is signed (format
 * "allowlist") and as the guard maps it. docs/guard.md describes it.
 *
 * Header: {"groups":[NAME,..],"list":NAME,"not_after":T,"not_before":T,"origin":TEXT,"serial":N}
 * groups sorted, at least one. serial grows with each list of this name and origin. Body:
 * contents.h.
 *
 * Owns: parse, encode, look-up, and whether a host takes a list in place of the one it has. Must
 * not own: signature and proof (the caller verifies them first), files, clocks. */
#ifndef GS_MODEL_LIST_H
#define GS_MODEL_LIST_H

#include "lib/base/clock.h"
#include "lib/model/contents.h"
#include "lib/model/name.h"
#include "lib/model/request.h"

#define LIST_MAGIC "greatseal-list-1"
#define LIST_GROUPS_MAX 64u
#define LIST_FORMAT "allowlist"

struct list_header {
	struct name name;
	char origin[ORIGIN_MAX + 1]; /* of the log that its signature is in */
	uint64_t serial;	     /* from 1 */
	unix_time not_before;	     /* from this second */
	unix_time not_after;	     /* to this one */
	struct name groups[LIST_GROUPS_MAX];
	size_t group_count;
};

struct list {
	struct list_header header;
	struct contents contents; /* borrows the bytes */
};

/* The bytes (a mapping of a file) must stay as they are while *ret is used. Names are not looked
 * at: contents_names_check. As contents_open and jcan; RC_RANGE no group, times out of order,
 * serial 0; RC_NONCANON groups not sorted; RC_DUPLICATE. *ret is written only on success. */
MUST rc list_open(struct view bytes, struct list *ret, struct fault *f);

/* The header alone, of a file of which only the beginning is at hand (contents_peek). As list_open.
 */
MUST rc list_peek(struct view bytes, struct list_header *ret, struct fault *f);

/* Class bits, 0 if the list does not have it. A revoked content has LIST_REVOKED alone. */
static inline unsigned list_find(const struct list *l, const uint8_t digest[static DIGEST_SIZE])
{
	return contents_find(&l->contents, digest);
}

/* Appends a list of these records; see contents_write. Refuses what list_open refuses. */
MUST rc list_encode(const struct list_header *h, struct content *records, size_t count,
		    struct buf *out, struct fault *f);

/* A host that asks whether it takes a list. */
struct list_host {
	const char *origin;	   /* of the log whose lists it takes */
	const struct name *name;   /* of the list; NULL: any */
	const struct name *groups; /* that the host is in */
	size_t group_count;
	uint64_t serial;      /* of the newest list it has ever taken; 0: none */
	struct digest digest; /* SHA-256 of that list; not read if serial is 0 */
	unix_time now;
};
/* digest is the SHA-256 of the list's bytes. RC_MISMATCH another origin or another name; RC_DENIED
 * for other groups; RC_STATE older than the list the host has, or other bytes under the same
 * serial; RC_WAIT not valid yet; RC_EXPIRED. The last comes when all else is well, so that a host
 * may go on with the list it has when nothing newer reaches it, and say so. */
MUST rc list_check(const struct list_header *h, const struct digest *digest,
		   const struct list_host *host, struct fault *f);

#endif
