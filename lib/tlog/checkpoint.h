/* checkpoint - a signed statement of a log's size and root (c2sp.org/tlog-checkpoint).
 *
 * The note's text is three lines: origin, size in decimal, base64 of the root. No extension lines,
 * neither written nor accepted. The log's key has the origin as its name.
 * Owns: the text and its binding to the log's key. */
#ifndef GS_TLOG_CHECKPOINT_H
#define GS_TLOG_CHECKPOINT_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/tlog/note.h"
#include "lib/tlog/tree.h"

#define CHECKPOINT_MAX 65536u /* bytes of a checkpoint note that we read */

struct checkpoint {
	char origin[NOTE_NAME_MAX + 1];
	struct tree_head head;
};

/* The three lines. RC_SYNTAX, RC_NONCANON, RC_RANGE (size), RC_LIMIT (origin), RC_TRAILING
 * (extension lines), RC_MISMATCH (size 0 with another root than the empty one). */
MUST rc checkpoint_parse(struct view text, struct checkpoint *ret, struct fault *f);
/* Appends the three lines. */
void checkpoint_put(const struct checkpoint *c, struct buf *out);

/* Appends the whole signed note; the origin is signer->key.name. RC_RANGE, or as the signer does.
 */
MUST rc checkpoint_sign(const struct tree_head *head, const struct note_signer *signer,
			struct buf *out, struct fault *f);
/* Parses the note, verifies log's signature, and the origin is log->name (RC_MISMATCH). As
 * note_parse, note_verify, checkpoint_parse otherwise. */
MUST rc checkpoint_open(struct view note, const struct vkey *log, struct checkpoint *ret,
			struct fault *f);

#endif
