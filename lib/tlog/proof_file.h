/* proof_file - "c2sp.org/tlog-proof@v1": an inclusion proof with its checkpoint in one text file,
 *the companion of every signature we issue.
 *
 *	c2sp.org/tlog-proof@v1
 *	extra <base64>            optional; not authenticated
 *	index <decimal>
 *	<base64 hash>             0..63 lines, the leaf's sibling first
 *	(empty line)
 *	<checkpoint note>
 *
 * Owns: that form and its verification. */
#ifndef GS_TLOG_PROOF_FILE_H
#define GS_TLOG_PROOF_FILE_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/tlog/checkpoint.h"
#include "lib/tlog/tree.h"

#define PROOF_FILE_MAX (CHECKPOINT_MAX + 16384u)

struct proof_file {
	struct view extra; /* base64 text as in the file; len 0: no such line */
	uint64_t index;
	struct tree_proof proof;
	struct view note; /* the checkpoint, verbatim */
};

/* Views point into bytes. RC_SYNTAX, RC_NONCANON, RC_RANGE, RC_TRUNCATED, RC_LIMIT. */
MUST rc proof_file_parse(struct view bytes, struct proof_file *ret, struct fault *f);
/* Appends the file. */
void proof_file_put(const struct proof_file *p, struct buf *out);
/* The entry is in the log of that key, at p->index; *ret (may be NULL) is the checkpoint. As
 * checkpoint_open and tree_verify_inclusion. */
MUST rc proof_file_verify(const struct proof_file *p, struct view entry, const struct vkey *log,
			  struct checkpoint *ret, struct fault *f);

#endif
