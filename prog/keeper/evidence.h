/* evidence - scans, rebuilds and provenance in the keeper: taken in, and given to decisions.
 *
 * Bounds: of one maker about EVIDENCE_PER_MAKER_MAX artifacts are remembered, the newest; of one
 * artifact as many rows as the roster has machines, three each; of one request at most
 * EVIDENCE_FACTS_MAX facts, and none at all if there would be more, so that a verdict is never the
 * one that was left out. */
#ifndef GS_KEEPER_EVIDENCE_H
#define GS_KEEPER_EVIDENCE_H

#include "prog/keeper/keeper.h"

#define EVIDENCE_PER_MAKER_MAX 65536u
#define EVIDENCE_FACTS_MAX 32768u
#define EVIDENCE_LIST_MAX 256u	   /* rows that a query answers */
#define EVIDENCE_COUNTED_MAX 8192u /* statements of a use, likewise */

/* KEEPER_ACT of a scan, a rebuild or a provenance: R_JSON {"kind","leaf"?,"state","statement"}. */
MUST rc evidence_act(struct call *c, const struct keeper_act *m);

/* Answers with that. state: "stored", "known" (the same bytes again), "superseded" (its maker has
 * said something newer of all of it, so nothing was stored). leaf UINT64_MAX: none. */
void evidence_receipt(struct call *c, enum statement_kind kind, const struct digest *statement,
		      const char *state, uint64_t leaf);

/* The host, service or builder that the roster lists with this key and may say such a thing; NULL:
 * nobody. */
const struct principal *evidence_maker(const struct roster *r, const struct digest *fingerprint,
				       enum statement_kind kind);
void evidence_maker_text(const struct principal *p, char out[JOURNAL_MAKER_MAX + 1]);
/* What was stored counts while its maker still has the key (an enrolled host: and is not locked) or
 * SPIFFE ID: machines that were taken out of the roster no longer vouch for anything. Storage
 * errors. */
MUST rc evidence_live(const struct keeper *k, const struct journal_evidence *e, bool *ret);

/* What a row remembers beside its columns; views. */
struct evidence_detail {
	struct view builder; /* provenance */
	struct view source;  /* provenance, rebuild */
	struct view version; /* rebuild; of a scan the scanner */
	struct view name;    /* scan, rebuild */
	struct view verdict; /* scan */
};
void evidence_detail_put(const struct evidence_detail *d, struct buf *out);
MUST rc evidence_detail_get(struct view bytes, struct evidence_detail *ret);

#endif
