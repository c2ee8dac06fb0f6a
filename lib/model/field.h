/* field - the values that all statements share, over canonical JSON: names, digests, times, texts,
 * and the in-toto envelope around a predicate.
 *
 * Owns: the one form of each. Must not own: which fields a statement has.
 * Readers return what jcan returns, and fill the reader's fault with the field's name:
 * RC_SYNTAX or RC_LIMIT a name, format or origin of another shape; RC_RANGE a time outside
 * 1970..9999. Those with a key read "key":value; those without read the value alone (in arrays). */
#ifndef GS_MODEL_FIELD_H
#define GS_MODEL_FIELD_H

#include "lib/base/clock.h"
#include "lib/codec/jcan.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/statement.h"

MUST rc field_name_value(struct jcan *j, struct name *ret);
MUST rc field_name(struct jcan *j, const char *key, struct name *ret);
MUST rc field_digest_value(struct jcan *j, struct digest *ret);
MUST rc field_digest(struct jcan *j, const char *key, struct digest *ret);
MUST rc field_hex(struct jcan *j, const char *key, uint8_t *out, size_t n);
/* The value alone, of a key that was read; key is for the words of a refusal. */
MUST rc field_time_value(struct jcan *j, const char *key, unix_time *ret);
MUST rc field_time(struct jcan *j, const char *key, unix_time *ret);
MUST rc field_u64(struct jcan *j, const char *key, uint64_t min, uint64_t max, uint64_t *ret);
/* "checkpoint":{"root":HEX,"size":N}, a head of the log that somebody has verified; size 0 and a
 * root of zeros: none. RC_RANGE size 0 with a root. */
MUST rc field_checkpoint(struct jcan *j, struct digest *ret_root, uint64_t *ret_size);
MUST rc field_literal(struct jcan *j, const char *key, const char *expected);
/* RC_SYNTAX unless it is [a-z0-9][a-z0-9.-]*: formats, algorithms, actions, origins. */
MUST rc token_check(struct view text);
/* Such a text into an array of cap bytes. */
MUST rc field_token_value(struct jcan *j, const char *what, char *out, size_t cap);
MUST rc field_token(struct jcan *j, const char *key, char *out, size_t cap);
/* A text that people read, decoded to UTF-8; see prose_check. */
MUST rc field_prose(struct jcan *j, const char *key, bool lines, char *out, size_t cap);

/* RC_SYNTAX if the text is not UTF-8 or holds control characters (line feeds and tabs are permitted
 * when lines is true) or characters that reorder or hide what is shown: U+200B..200F, U+2028..202E,
 * U+2060..2069, U+061C, U+FEFF, U+FFF9..FFFB, U+E0000..E007F. An approver sees what is there. */
MUST rc prose_check(struct view utf8, bool lines);

/* The envelope: opens {"_type":..,"predicate":{ ; RC_LIMIT over the kind's maximum. */
MUST rc envelope_begin(struct jcan *j, enum statement_kind kind, struct view bytes,
		       struct fault *f);
/* RC_MISMATCH if the statement names another kind, RC_OK also if it has none that can be read. */
MUST rc envelope_check_kind(struct view bytes, enum statement_kind kind, struct fault *f);
/* Closes the predicate and reads predicateType; "subject" comes next. */
MUST rc envelope_middle(struct jcan *j, enum statement_kind kind);
/* Reads envelope_middle and a subject of one digest with this name, to the end of the bytes. */
MUST rc envelope_end(struct jcan *j, enum statement_kind kind, const char *name,
		     struct digest *ret_subject);
/* The same; RC_MISMATCH if that digest is not the one of these bytes of the statement. ret_subject
 * may be NULL. */
MUST rc envelope_end_over(struct jcan *j, enum statement_kind kind, const char *name,
			  struct view bytes, struct digest *ret_subject);

/* ---- Writers; failures are sticky in the buf ------------------------------------------------*/
void field_out_digest(struct jcan_out *w, const char *key, const struct digest *d);
void field_out_hex(struct jcan_out *w, const char *key, const uint8_t *bytes, size_t n);
void field_out_string(struct jcan_out *w, const char *key, const char *s);
void field_out_time(struct jcan_out *w, const char *key, unix_time t);
void field_out_u64(struct jcan_out *w, const char *key, uint64_t n);
void field_out_checkpoint(struct jcan_out *w, const struct digest *root, uint64_t size);
void envelope_out_begin(struct jcan_out *w, struct buf *out);
void envelope_out_middle(struct jcan_out *w, enum statement_kind kind);
void envelope_out_end(struct jcan_out *w, enum statement_kind kind, const char *name,
		      const struct digest *subject);

#endif
