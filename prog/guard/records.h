/* records - the package records of a directory, verified and made into one table.
 *
 * Each NAME.record comes with its proof, NAME.record.greatseal, and counts if it is signed by a key
 * that may sign records and is in the log. One that does not is told and passed over; the others
 * count. A record has no serial: an archive or content that must not be used any more is revoked by
 * a list.
 * Owns: that directory's reading. In the loader's process (load.c). Must not own: which packages
 * are installed (tidy.c). */
#ifndef GS_GUARD_RECORDS_H
#define GS_GUARD_RECORDS_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/model/list.h"
#include "lib/model/package_record.h"
#include "prog/guard/conf.h"

#define RECORDS_MAX 4096u	  /* in the directory */
#define RECORDS_CONTENTS 1000000u /* in all of them */
#define RECORD_BYTES ((size_t)32 << 20)
#define RECORD_NAME (PACKAGE_TEXT_MAX + 2 * DIGEST_SIZE + 16)
#define RECORD_PROOF_BYTES ((size_t)16 << 20)
#define RECORDS_TOLD 4u /* refused ones that are named */
#define RECORD_SUFFIX ".record"
#define RECORD_PROOF_SUFFIX RECORD_SUFFIX ".greatseal"

struct records_result {
	enum rc_code code; /* of the directory as a whole */
	uint64_t packages; /* that count */
	uint64_t contents;
	uint64_t refused;
	char told[RECORDS_TOLD][FAULT_TEXT]; /* "NAME: why" of the first refused */
	char text[FAULT_TEXT];		     /* if code is not RC_OK */
};

/* Reads conf->records into the memory file and seals it. A directory that is not there is an empty
 * one. list: the one that is in force with them (NULL: none): an rpm has two digests, and one that
 * it revokes takes the other along. */
void records_load(const struct conf *c, const struct list *list, int memory,
		  struct records_result *ret);

/* Whether the directory's entry is a record: its name without the suffix has ret_len bytes. */
bool records_is_name(const char *name, size_t *ret_len);
/* Signed as a package record by a key of the settings, in the log, and a record. *ret borrows from
 * the record. As proof_check and package_record_open. */
MUST rc records_verify(const struct conf *c, struct view record, struct view proof,
		       struct package_record *ret, struct fault *f);
/* Writes both into the directory, under a name that says which archive; durable, and in place of
 * what is there. Not verified: the loader does that. As package_record_open; RC_IO, RC_NOSPACE. */
MUST rc records_keep(int dir, struct view record, struct view proof,
		     struct package_record_header *ret, struct fault *f);
/* Reads the record `name` of the directory, without its signature. The view of *ret is into *out.
 */
MUST rc records_read(int dir, const char *name, struct buf *out, struct package_record *ret,
		     struct fault *f);

#endif
