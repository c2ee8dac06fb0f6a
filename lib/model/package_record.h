/* package_record - what one package brings: the digest of its archive and of every executable,
 * library, script and control script in it, as it is signed (format "package-record").
 * docs/guard.md describes it.
 *
 * Header: {"architecture":TEXT,"archive":HEX,"header":HEX?,"kind":"deb"|"rpm","name":TEXT,
 * "version":TEXT}; "header" if and only if it is an rpm.
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

enum package_kind { PACKAGE_DEB, PACKAGE_RPM, PACKAGE__COUNT };

/* "deb", "rpm". */
const char *package_kind_name(enum package_kind kind);

/* deb (Debian policy 5.6.7, 5.6.12): name [a-z0-9][a-z0-9+.-]*, version
 * [A-Za-z0-9][A-Za-z0-9.+:~-]*, architecture [a-z0-9][a-z0-9-]*. rpm: name [A-Za-z0-9_]
 * [A-Za-z0-9_+.-]*, version (EPOCH:VERSION-RELEASE) [A-Za-z0-9][A-Za-z0-9._+:~^-]*, architecture
 * [a-z0-9][a-z0-9_]*. */
struct package_record_header {
	enum package_kind kind;
	char name[PACKAGE_TEXT_MAX + 1];
	char version[PACKAGE_TEXT_MAX + 1];
	char architecture[PACKAGE_TEXT_MAX + 1];
	struct digest archive; /* SHA-256 of the package file */
	struct digest header;  /* rpm: of its main header, which names all else by digest */
};

struct package_record {
	struct package_record_header header;
	struct contents contents; /* borrows the bytes; may be empty */
};

/* As contents_open and jcan; RC_UNKNOWN another kind; RC_SYNTAX a name, version or architecture of
 * another shape; RC_DENIED a record that revokes, or one of class archive (a list has these). *ret
 * is written only on success. */
MUST rc package_record_open(struct view bytes, struct package_record *ret, struct fault *f);

/* The header alone, of a file of which only the beginning is at hand (contents_peek). As
 * package_record_open, but that it does not look at records. */
MUST rc package_record_peek(struct view bytes, struct package_record_header *ret, struct fault *f);

/* Whether a gate that asks by this digest means the package: its archive's or, of an rpm, its main
 * header's. */
bool package_record_is_of(const struct package_record_header *h, const struct digest *asked);

/* Appends a record; see contents_write. Refuses what package_record_open refuses. */
MUST rc package_record_encode(const struct package_record_header *h, struct content *records,
			      size_t count, struct buf *out, struct fault *f);

#endif
