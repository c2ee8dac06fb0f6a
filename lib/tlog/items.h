/* items - the small trees inside one request: many files, one log entry, and a proof for each file.
 *
 * Leaf i of the items tree is the artifact's SHA-256 and its content digest; leaf i of the
 * signatures tree is the same and the SHA-256 of the signature value (lib/model/leaf.h). Owns:
 * these two trees. Must not own: the log's own tree (tree.h). */
#ifndef GS_TLOG_ITEMS_H
#define GS_TLOG_ITEMS_H

#include "lib/model/request.h"
#include "lib/tlog/tree.h"

/* Root of the items, as request and authorize entries name it. RC_LIMIT. */
MUST rc items_root(const struct request *r, struct digest *ret);
/* Hash of a leaf of the signatures tree. */
struct digest items_signature_leaf(const struct request_item *item, struct view signature);
/* The signatures tree of the whole request, appended to an empty *ret, for proofs of many files
 * (tree_prove_inclusion); signatures has r->count values. RC_NOMEM. */
MUST rc items_signature_tree(const struct request *r, const struct view *signatures,
			     struct tree_mem *ret);
/* Inclusion proof of file `at` in the signatures tree; signatures has r->count values. RC_RANGE,
 * RC_NOMEM. */
MUST rc items_signature_proof(const struct request *r, const struct view *signatures, uint64_t at,
			      struct tree_proof *ret, struct fault *f);

/* Root of the statements that counted as evidence, as authorize entries name it: leaf i is the
 * digest of a statement. RC_RANGE: none, or not ascending, each once; RC_LIMIT. */
MUST rc evidence_root(const struct digest *statements, size_t count, struct digest *ret);

#endif
