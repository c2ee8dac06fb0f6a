/* case_evidence - what machines say of the file of a test (cases.h), in one line each.
 *
 * "VERDICT by NAME" or "VERDICT by NAME AGE ago": a scan, AGE like 90s, 30m, 2h, 7d, 2w.
 * "BUILDER by NAME" or "BUILDER by NAME from SOURCE": a provenance, of such a builder and source.
 * NAME: a rebuild, by a builder who got this very file; one who got another says nothing of it.
 * Of one machine the newest counts, as in the keeper, so a test names each once. Owns: these forms,
 * and the facts for evaluate(). */
#ifndef GS_POLICY_CASE_EVIDENCE_H
#define GS_POLICY_CASE_EVIDENCE_H

#include "lib/codec/jcan.h"
#include "lib/model/evidence.h"
#include "lib/policy/artifact.h"

#define CASE_SAID_MAX ARTIFACT_LIST_MAX /* scans; rebuilds */
#define CASE_PROVENANCE_MAX 4u
#define CASE_URI_MAX ARTIFACT_GLOB_MAX
#define CASE_SCAN_TEXT 128u
#define CASE_PROVENANCE_TEXT (2u * CASE_URI_MAX + NAME_MAX_LEN + 16)
#define CASE_FACTS_MAX (2u * CASE_SAID_MAX + CASE_PROVENANCE_MAX)

struct case_scan {
	struct name by;
	enum scan_verdict verdict;
	uint64_t age; /* seconds */
};

struct case_provenance {
	struct name by;
	char builder[CASE_URI_MAX + 1];
	char source[CASE_URI_MAX + 1]; /* "": it names none */
};

struct case_evidence {
	struct case_scan scans[CASE_SAID_MAX];
	size_t scan_count;
	struct case_provenance provenance[CASE_PROVENANCE_MAX];
	size_t provenance_count;
	struct name rebuilds[CASE_SAID_MAX];
	size_t rebuild_count;
};

/* One line. RC_SYNTAX another form; RC_UNKNOWN a verdict; RC_LIMIT, RC_RANGE an age. */
MUST rc case_scan_parse(struct view text, struct case_scan *ret);
MUST rc case_provenance_parse(struct view text, struct case_provenance *ret);

/* The optional lists "provenance", "rebuilds" and "scans" of a test. As jcan.h; RC_LIMIT too many,
 * RC_DUPLICATE a machine twice in one of them. */
MUST rc case_provenance_read(struct jcan *j, struct case_evidence *e);
MUST rc case_rebuilds_read(struct jcan *j, struct case_evidence *e);
MUST rc case_scans_read(struct jcan *j, struct case_evidence *e);

/* The facts about the file of this digest; they borrow from e. Returns how many. */
size_t case_evidence_facts(const struct case_evidence *e, const struct digest *sha256,
			   unix_time now, struct evidence_fact out[CASE_FACTS_MAX]);

#endif
