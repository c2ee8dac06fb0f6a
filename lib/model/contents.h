/* contents - approved file contents as a table to be looked up by digest: the body that an
 *allowlist (list.h) and a package record (package_record.h) share.
 *
 *	0   16  magic, says which of the two
 *	16   4  length of the header, big-endian like all numbers
 *	20   4  count of records
 *	24   8  length of the names
 *	32      header: canonical JSON (lib/codec/jcan.h)
 *	        zero bytes up to a multiple of 32
 *	        count SHA-256 digests of 32 bytes, ascending
 *	        count classes of one byte, in the order of the digests
 *	        names: none, or one line for each record, in the same order: PACKAGE TAB PATH LF
 *
 * Made to be mapped and searched where it lies: no allocation, no decoding, nothing is copied.
 * Owns: that layout, its one encoding, the search. Must not own: the header's fields, files. */
#ifndef GS_MODEL_CONTENTS_H
#define GS_MODEL_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"

#define CONTENTS_MAGIC 16u
#define CONTENTS_FRAME 32u	    /* bytes before the header */
#define CONTENTS_HEADER_MAX 16384u  /* bytes of the header */
#define CONTENTS_COUNT_MAX 4000000u /* records */
#define CONTENTS_PACKAGE_MAX 255u   /* bytes of a record's package name */
#define CONTENTS_PATH_MAX 4096u	    /* bytes of its path, as written */
#define CONTENTS_NAMES_MAX (UINT64_C(1) << 28)
/* Bytes of the whole. */
#define CONTENTS_BYTES_MAX                                                                         \
	(CONTENTS_FRAME + CONTENTS_HEADER_MAX + (uint64_t)CONTENTS_COUNT_MAX * (DIGEST_SIZE + 1) + \
	 CONTENTS_NAMES_MAX)

/* What a content may be used as; a record has at least one. LIST_REVOKED stands alone: who asks for
 * LIST_PROGRAM never finds a revoked one. */
enum list_class {
	LIST_PROGRAM = 1,     /* executed */
	LIST_LIBRARY = 2,     /* mapped into a program; kernel modules */
	LIST_INTERPRETER = 4, /* a program that runs other files */
	LIST_PRODUCER = 8,    /* a program whose outputs may run in a build zone */
	LIST_SCRIPT = 16,     /* run by an interpreter */
	LIST_REVOKED = 32,    /* not to be used, whatever else approves it */
	LIST_ARCHIVE = 64,    /* a package file that may be installed; does not run */
};
#define LIST_CLASSES 7
#define LIST_CLASS_ALL 127u
/* With one of these a content may run. */
#define LIST_CLASS_RUNS (LIST_CLASS_ALL & ~(unsigned)(LIST_REVOKED | LIST_ARCHIVE))

/* "program", ...; NULL unless exactly one of the seven. */
const char *list_class_name(unsigned class_bit);
/* All that are set: "program interpreter". */
#define LIST_CLASSES_TEXT 64u
void list_classes_text(unsigned classes, char out[static LIST_CLASSES_TEXT]);
/* RC_UNKNOWN. */
MUST rc list_class_parse(struct view name, unsigned *ret);

/* Everything is borrowed from the bytes given to contents_open. */
struct contents {
	size_t count;
	const uint8_t *digests;
	const uint8_t *classes;
	struct view names; /* empty, or what contents_names_check finds good */
};

/* Reads everything but the names (they are for people; what decides does not touch their pages) and
 * the inside of the header. RC_TRUNCATED, RC_TRAILING; RC_MISMATCH another magic; RC_LIMIT over a
 * maximum; RC_NONCANON padding that is not zero, digests not ascending; RC_DUPLICATE a digest
 * twice; RC_RANGE a class without bits, with unknown ones, or revoked and something else. */
MUST rc contents_open(struct view bytes, const char magic[static CONTENTS_MAGIC + 1],
		      struct view *ret_header, struct contents *ret, struct fault *f);

/* The header of a table of which only the beginning is at hand: CONTENTS_FRAME +
 * CONTENTS_HEADER_MAX bytes of it, or all that there are. Says nothing of the records. As
 * contents_open. */
MUST rc contents_peek(struct view bytes, const char magic[static CONTENTS_MAGIC + 1],
		      struct view *ret_header, struct fault *f);

/* Class bits of this content; 0 if it is not there. */
unsigned contents_find(const struct contents *c, const uint8_t digest[static DIGEST_SIZE]);
/* The record's digest and class, by position. */
static inline const uint8_t *contents_digest(const struct contents *c, size_t i)
{
	return c->digests + i * DIGEST_SIZE;
}

/* Names: absent, or a line of the one form for each record. RC_TRUNCATED, RC_TRAILING too few or
 * too many lines; RC_SYNTAX a character outside 0x20..0x7e or no tab; RC_NONCANON all are empty;
 * RC_LIMIT. */
MUST rc contents_names_check(const struct contents *c, struct fault *f);
/* The next record's name from *rest, which begins as c->names; both empty where there are none.
 * Only after contents_names_check. */
void contents_name_next(struct view *rest, struct view *ret_package, struct view *ret_path);

/* One record to be written. */
struct content {
	struct digest digest;
	uint8_t classes;
	const char *package; /* NULL: none */
	const char *path;    /* NULL: none */
};
/* Appends the whole. Records in any order; records of one digest become one, with the classes of
 * all (revoked wins), named as the first in order of package and path that has a path. The array is
 * sorted in place. What contents_open and contents_names_check refuse is refused with the same
 * code. RC_NOMEM. */
MUST rc contents_write(const char magic[static CONTENTS_MAGIC + 1], struct view header,
		       struct content *records, size_t count, struct buf *out, struct fault *f);

#endif
