/* package_record - what one package brings: the digest of its archive and of every executable,
 * library, script and control script in it, as it is signed (format "package-record").
 * docs/guard.md describes it.
 *
 * Header: {"architecture":TEXT,"archive":HEX,"kind":"deb","name":TEXT,"version":TEXT}
 * Body: contents.h. Contents are approved by digest wherever they come to lie, so a host that takes
 * the record before the package manager starts has approved the files before they exist.
 *
 * Owns: parse, encode. Must not own: reading packages, signatures. */
#ifndef GS_MODEL_PACKAGE_RECORD_H
#define GS_MODEL_PACKAGE_RECORD_H

#include "lib/model/contents.h"

#define PACKAGE_RECORD_MAGIC "greatseal-pack-1"
#define PACKAGE_RECORD_FORMAT "package-record"
#define PACKAGE_TEXT_MAX 128u

struct package_record_header {
	char name[PACKAGE_TEXT_MAX + 1];	 /* [a-z0-9][a-z0-9+.-]* (Debian policy 5.6.7) */
	char version[PACKAGE_TEXT_MAX + 1];	 /* [A-Za-z0-9][A-Za-z0-9.+:~-]* (5.6.12) */
	char architecture[PACKAGE_TEXT_MAX + 1]; /* [a-z0-9][a-z0-9-]* */
	struct digest archive;			 /* SHA-256 of the package file */
};

struct package_record {
	struct package_record_header header;
	struct contents contents; /* borrows the bytes; may be empty */
};

/* As contents_open and jcan; RC_SYNTAX a name, version or architecture of another shape; RC_DENIED
 * a record that revokes, or one of class archive (a list has these). *ret is written only on
 * success. */
MUST rc package_record_open(struct view bytes, struct package_record *ret, struct fault *f);

/* Appends a record; see contents_write. Refuses what package_record_open refuses. */
MUST rc package_record_encode(const struct package_record_header *h, struct content *records,
			      size_t count, struct buf *out, struct fault *f);

#endif
