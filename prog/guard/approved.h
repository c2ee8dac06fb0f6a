/* approved - what this host may run and install: the list in force, and the package records beside
 * it, as the loader left them in sealed memory.
 *
 * Owns: the two mappings and the look-up over both. Must not own: signatures (load.c, records.c saw
 * to them). */
#ifndef GS_GUARD_APPROVED_H
#define GS_GUARD_APPROVED_H

#include "lib/model/list.h"

/* The records' contents, all in one table; the digests of their archives are in it as LIST_ARCHIVE.
 */
#define APPROVED_RECORDS_MAGIC "greatseal-recs-1"

struct approved {
	struct list list;
	bool has_list;
	struct contents records; /* empty: none */
	struct {
		void *at;
		size_t len;
	} list_map, records_map;
};

/* Maps anew what the memory files hold; -1: none. A part that cannot be mapped stays as it was. */
void approved_take(struct approved *a, int list_fd, int records_fd);
void approved_release(struct approved *a);

/* Class bits; 0: not approved. What the list revokes is LIST_REVOKED, whatever a record says. */
static inline unsigned approved_find(const struct approved *a,
				     const uint8_t digest[static DIGEST_SIZE])
{
	unsigned classes = a->has_list ? list_find(&a->list, digest) : 0;

	if (classes == LIST_REVOKED || a->records.count == 0)
		return classes;
	return classes | contents_find(&a->records, digest);
}

static inline uint64_t approved_serial(const struct approved *a)
{
	return a->has_list ? a->list.header.serial : 0;
}

#endif
