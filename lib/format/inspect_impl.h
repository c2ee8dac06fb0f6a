/* inspect_impl - what the files of the inspection share: one inspection under way.
 *
 * Owns: putting facts and findings into the report within its limits. Included by inspect*.c and
 * pe_*.c only. Must not own: what any kind of file means. */
#ifndef GS_FORMAT_INSPECT_IMPL_H
#define GS_FORMAT_INSPECT_IMPL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/format/clean.h"
#include "lib/format/inspect.h"

enum severity { SEVERITY_NOTICE, SEVERITY_WARNING, SEVERITY_ERROR };

struct inspection {
	int fd;
	uint64_t size;
	const struct inspect_limits *limits;
	json_t *report;	  /* owned by inspect_file */
	json_t *findings; /* borrowed from report */
	uint64_t spent;	  /* of limits->report */
	uint64_t expanded;
	uint32_t entries;
	uint32_t findings_left_off;
	bool complete;
	bool stopped; /* a limit ended the listing and has its finding */
};

/* Sets o[key] = v and takes v. RC_NOMEM also if v is NULL. */
MUST rc report_set(json_t *o, const char *key, json_t *v);
MUST rc report_add(json_t *list, json_t *v);
MUST rc report_set_u64(json_t *o, const char *key, uint64_t v);
/* The text cleaned, at most max bytes. NULL: no memory. */
json_t *report_text(struct view in, enum clean_mode mode, size_t max);
MUST rc report_set_text(json_t *o, const char *key, struct view in, size_t max);
MUST rc report_set_hex(json_t *o, const char *key, const struct hash *h);

/* Counts n bytes against limits->report: RC_LIMIT when it is used up. */
MUST rc report_spend(struct inspection *in, uint64_t n);

/* Adds {severity, code, text, path}. path is cleaned; path.ptr == NULL: none. SEVERITY_ERROR means
 * that the report does not show everything, so "complete" becomes false. RC_NOMEM. */
MUST rc finding(struct inspection *in, enum severity severity, const char *code, struct view path,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));
#define NO_PATH ((struct view){0})

/* Reads up to n bytes at an offset; *ret is how many there were (fewer only at the end of file). */
MUST rc inspect_read(const struct inspection *in, uint64_t at, void *out, size_t n, size_t *ret,
		     struct fault *f);

/* Shannon entropy in hundredths of a bit per byte, 0..800, from counts of the 256 byte values. */
unsigned entropy_of(const uint64_t counts[256]);

/* The kinds. Each adds its object to the report. */
struct magic {
	const char *type; /* "pe", "zip", "deb", ... as in docs/inspection.md */
	bool archive;	  /* libarchive reads it */
};
/* From the first bytes of the file (up to MAGIC_BYTES of them). */
#define MAGIC_BYTES 4096
struct magic magic_find(struct view head);
/* The type that the ending of a file name promises; NULL if it promises nothing. */
const char *magic_of_name(const char *name);

MUST rc archive_inspect(struct inspection *in, const char *type, struct fault *f);
MUST rc pe_inspect(struct inspection *in, struct fault *f);
/* The headers of an rpm package, its tree by archive_inspect, and the one against the other. */
MUST rc rpm_inspect(struct inspection *in, struct fault *f);
MUST rc token_inspect(struct inspection *in, struct fault *f);
/* type: "list" or "record". */
MUST rc list_inspect(struct inspection *in, const char *type, struct fault *f);

#endif
