/* list_maker - an organisation that signs allowlists, in the test's own process: a log of one entry
 * for each list, a key with a certificate, and the two files that a guard takes.
 *
 * Every step is checked; a failure ends the program. */
#ifndef GS_TESTS_LIST_MAKER_H
#define GS_TESTS_LIST_MAKER_H

#include "lib/model/guard_token.h"
#include "lib/model/list.h"
#include "lib/model/package_record.h"
#include "lib/tlog/note.h"
#include "tests/support/ca.h"

#define LIST_MAKER_GROUP "build-farm"

struct list_maker {
	struct ca ca;
	struct ed25519_key *log;
	struct note_signer signer;
};
void list_maker_new(struct list_maker *m, const char *origin, uint8_t seed);
void list_maker_free(struct list_maker *m);
/* "--log-key" and "--list-key" of a guard that trusts it. */
void list_maker_keys(const struct list_maker *m, char log[512], char key[DIGEST_HEX]);

/* Appends a list "test" for LIST_MAKER_GROUP, good from 2026 to 2035. records are sorted in place.
 */
void list_maker_list(const struct list_maker *m, uint64_t serial, struct content *records,
		     size_t count, struct buf *out);
/* Signs what is in file as `format`, and appends FILE.greatseal. */
void list_maker_prove(struct list_maker *m, struct view file, const char *format, struct buf *out);
/* Both, to path and path.greatseal. */
void list_maker_write(struct list_maker *m, uint64_t serial, struct content *records, size_t count,
		      const char *path);

/* The same of a package record. */
void list_maker_record(struct list_maker *m, const struct package_record_header *h,
		       struct content *records, size_t count, const char *path);

/* And of a guard token. */
void list_maker_token(struct list_maker *m, const struct guard_token *t, const char *path);

#endif
