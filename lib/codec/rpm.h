/* rpm - the headers of an rpm package (format version 3 and 4; rpm's docs/manual/format.md).
 *
 *	lead          96 bytes, says that it is one
 *	signature     a header, filled up to a multiple of 8
 *	main header   a header: names, files, scripts; its SHA-256 stands for all of these
 *	payload       a compressed cpio archive, whose SHA-256 is in the main header
 *
 * A header: 8e ad e8 01, 4 reserved bytes, count of entries, bytes of data (32 bits, big-endian
 *like all numbers); for each entry tag, type, offset into the data, count; the data. Owns: the
 *bounds of that, checked once. Must not own: what tags mean, digests. */
#ifndef GS_CODEC_RPM_H
#define GS_CODEC_RPM_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define RPM_LEAD 96u
#define RPM_INTRO 16u		 /* bytes before the entries */
#define RPM_ENTRIES_MAX 65536u	 /* as rpm */
#define RPM_DATA_MAX (64u << 20) /* bytes of data of one header; rpm takes 256 MiB */

/* Types of entries that are read here. */
enum { RPM_INT16 = 3, RPM_INT32 = 4, RPM_STRING = 6, RPM_BINARY = 7, RPM_STRINGS = 8 };

/* All borrowed from the bytes given to rpm_header_open. */
struct rpm_header {
	struct view bytes; /* the whole, whose SHA-256 names it */
	struct view entries;
	struct view data;
};

/* The first 96 bytes: RC_SYNTAX not an rpm package; RC_UNSUPPORTED another version than 3 or 4 of
 * its format. */
MUST rc rpm_lead_check(struct view lead, struct fault *f);

/* Bytes of the header that begins with these RPM_INTRO bytes. RC_TRUNCATED; RC_SYNTAX no header;
 * RC_LIMIT. */
MUST rc rpm_header_size(struct view intro, uint64_t *ret, struct fault *f);

/* Exactly one header, which is one region of this tag, as rpm demands of what is installed: 62
 * (signature) or 63 (main header). RC_TRUNCATED, RC_TRAILING; RC_SYNTAX an unknown type, no
 * region, several strings where one belongs; RC_RANGE an entry that lies outside or over another, a
 * string without end; RC_NONCANON entries beside the region; RC_LIMIT. */
MUST rc rpm_header_open(struct view bytes, uint32_t region, struct rpm_header *ret,
			struct fault *f);
#define RPM_REGION_SIGNATURE 62u
#define RPM_REGION_MAIN 63u

/* The i-th string of a tag, without its end. RC_NOTFOUND no such tag, or fewer; RC_SYNTAX it is of
 * another type; RC_DUPLICATE the tag stands twice. */
MUST rc rpm_header_string(const struct rpm_header *h, uint32_t tag, size_t i, struct view *ret);
/* All strings of a tag, one behind the other, each with its NUL; *ret_count of them. RC_NOTFOUND,
 * RC_SYNTAX, RC_DUPLICATE as above. */
MUST rc rpm_header_strings(const struct rpm_header *h, uint32_t tag, struct view *ret,
			   uint32_t *ret_count);
/* The same for a number. */
MUST rc rpm_header_u32(const struct rpm_header *h, uint32_t tag, size_t i, uint32_t *ret);
/* The same for all numbers of a tag, 4 bytes each. */
MUST rc rpm_header_u32s(const struct rpm_header *h, uint32_t tag, struct view *ret);
/* The same for numbers of 2 bytes each. */
MUST rc rpm_header_u16s(const struct rpm_header *h, uint32_t tag, struct view *ret);
/* The same for the bytes of a tag that is binary. */
MUST rc rpm_header_bytes(const struct rpm_header *h, uint32_t tag, struct view *ret);

#endif
