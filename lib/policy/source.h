/* source - policy.yaml, roster.yaml and test files: read, compiled to the canonical JSON that is
 * signed, and laid out afresh.
 *
 * Linked by the command line alone: the keeper and the server have no YAML.
 * Owns: the checks that the table of source_schema.h asks for, and where in the source each
 * compiled byte comes from. Must not own: what the compiled document demands beyond its form
 * (policy.h, model/roster.h, cases.h). */
#ifndef GS_POLICY_SOURCE_H
#define GS_POLICY_SOURCE_H

#include "lib/policy/source_schema.h"
#include "lib/policy/source_tree.h"

#define SOURCE_LINE_WIDTH 100u /* `fmt` writes a list on one line if it fits */

struct source;

/* Reads a text of this kind; *ret keeps its own copy. What source_tree_read refuses, and RC_UNKNOWN
 * a field that the kind has not; RC_NOTFOUND one that is missing; RC_SYNTAX, RC_RANGE, RC_LIMIT a
 * value of another form; RC_DUPLICATE an entry or name twice; RC_STATE both or neither of two
 * fields of which one has to be there. The fault's text is "LINE:COLUMN: what was expected", and
 * for words that nobody knows the nearest known one. */
MUST rc source_read(enum source_kind kind, struct view text, struct source **ret, struct fault *f);
void source_free(struct source *s);
static inline void source_autorelease(struct source **s)
{
	source_free(*s);
}

/* The kind that has the top fields of this text. RC_UNKNOWN if none has any; source_tree_read's. */
MUST rc source_guess(struct view text, enum source_kind *ret, struct fault *f);

/* Appends the canonical JSON document. RC_NOMEM, RC_LIMIT. */
MUST rc source_compile(struct source *s, struct buf *out, struct fault *f);
/* Where the byte at this offset of the compiled document comes from (after source_compile). */
struct source_place source_origin(const struct source *s, uint64_t offset);
/* The place of the entry called name in a list of the top level ("rules", "people"), or, with a
 * NULL name, of that field itself. Line 0 if there is none. */
struct source_place source_find(const struct source *s, const char *list, const char *name);

/* Appends the text in its one layout: fields in the order of the schema, two spaces to a level,
 * lists on one line where they fit, comments kept before or behind what they stand at, at most one
 * empty line. fmt(fmt(x)) == fmt(x), and both compile to the same. RC_NOMEM, RC_LIMIT. */
MUST rc source_fmt(const struct source *s, struct buf *out);

/* Seconds of "90s", "30m", "72h", "14d", "2w" or plain "3600". RC_SYNTAX, RC_RANGE over max. */
MUST rc source_seconds(struct view text, uint64_t max, uint64_t *ret);

/* ---- For source_fmt.c -----------------------------------------------------------------------*/
const struct source_tree *source_tree_of(const struct source *s);
enum source_kind source_kind_of(const struct source *s);

#endif
