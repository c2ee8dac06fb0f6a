/* inspect - what an artifact is and what is in it, as a JSON report that people can approve.
 *
 * Owns: recognising the type, digests, the tree of an archive, the facts of a Debian package, an
 * npm package and a PE file, and the findings. docs/inspection.md is the schema. Must not own:
 * signatures (file.h), policy, or how a report is shown (report_text.h). Runs in the worker and in
 * the CLI, never in keeper or server: the input is hostile. The same bytes give the same report on
 * every machine with the same libarchive, whatever the locale. */
#ifndef GS_FORMAT_INSPECT_H
#define GS_FORMAT_INSPECT_H

#include <jansson.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"

#define INSPECT_SCHEMA "greatseal-inspection-1"
#define INSPECT_NAME_MAX 255	  /* bytes of the artifact's name */
#define INSPECT_PATH_MAX 4096	  /* bytes of a path inside an archive; longer ones are cut */
#define INSPECT_NESTING_MAX 2	  /* .deb, and the archives inside it; no deeper */
#define INSPECT_COMPONENTS_MAX 64 /* of a path, before it becomes a finding */

/* What a hostile file may cost. Reaching one ends the listing, sets "complete" to false and adds a
 * finding of severity "error"; it is not a failure of the inspection. */
struct inspect_limits {
	uint64_t expanded;    /* bytes that all members together may expand to */
	uint64_t ratio;	      /* and no more than this many times the file, plus 64 MiB */
	uint64_t report;      /* bytes of the report in memory, roughly */
	uint32_t entries;     /* members of an archive */
	uint32_t findings;    /* further ones are counted, not listed */
	uint32_t script_text; /* bytes of one script that are shown */
};
/* 4 GiB, 250, 256 MiB, 200,000, 1,000, 65,536. */
extern const struct inspect_limits inspect_limits_default;

/* Inspects the regular file behind fd (its position does not matter and is changed). name is the
 * artifact's file name, shown and compared with the type; it is not opened. *ret_report is the
 * caller's (json_decref). Malformed content is a finding, never an rc.
 * RC_UNSUPPORTED: not a regular file; RC_LIMIT: name too long; RC_IO, RC_NOMEM. */
MUST rc inspect_file(int fd, const char *name, const struct inspect_limits *l, json_t **ret_report,
		     struct fault *f);

/* The report's canonical bytes (compact, sorted keys, ASCII), over which its SHA-256 is its name.
 * RC_NOMEM, RC_LIMIT. */
MUST rc inspect_dump(const json_t *report, struct buf *out);

#endif
