/* tree - the Merkle tree of RFC 9162 2.1 (the same as RFC 6962): hashes, roots, proofs.
 *
 * Owns: the mathematics. Must not own: where hashes are stored (struct tree_reader is a callback).
 * Sizes are below 2^63; every hash is exactly 32 bytes by type. */
#ifndef GS_TLOG_TREE_H
#define GS_TLOG_TREE_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"

#define TREE_SIZE_MAX ((uint64_t)INT64_MAX)
#define TREE_HASHES_MAX 64u

/* A tree as a checkpoint names it. */
struct tree_head {
	uint64_t size;
	struct digest root;
};

/* SHA-256(0x00 || entry). */
struct digest tree_leaf_hash(struct view entry);
/* SHA-256(0x01 || left || right). */
struct digest tree_node_hash(const struct digest *left, const struct digest *right);
/* SHA-256(""), the root of the tree of size 0. */
struct digest tree_empty_root(void);

/* ---- Compact range: all that is needed to append and to compute the root --------------------
 * The perfect subtrees of the tree, largest first: one for each bit set in size. */
struct compact {
	uint64_t size;
	size_t count; /* == number of bits set in size */
	struct digest hash[TREE_HASHES_MAX];
};

void compact_init(struct compact *c);
/* O(1) amortised. RC_LIMIT at TREE_SIZE_MAX. */
MUST rc compact_append(struct compact *c, const struct digest *leaf);
struct digest compact_root(const struct compact *c);
struct tree_head compact_head(const struct compact *c);
/* u64 size, then count * 32 bytes; for the journal's head row. */
void compact_encode(const struct compact *c, struct buf *out);
/* RC_RANGE, RC_TRUNCATED, RC_TRAILING: exactly what encode wrote. */
MUST rc compact_parse(struct view bytes, struct compact *ret);

/* ---- Proofs --------------------------------------------------------------------------------*/
struct tree_proof {
	size_t count;
	struct digest hash[TREE_HASHES_MAX]; /* leaf's sibling first (RFC 9162 2.1.3) */
};

/* RC_RANGE if index >= head->size or size > TREE_SIZE_MAX; RC_SYNTAX if the proof has not exactly
 * the number of hashes that index and size demand; RC_MISMATCH if it leads to another root. */
MUST rc tree_verify_inclusion(const struct tree_head *head, uint64_t index,
			      const struct digest *leaf, const struct tree_proof *proof,
			      struct fault *f);

/* older is a prefix of newer (RFC 9162 2.1.4.2). Equal sizes need equal roots and no hashes.
 * RC_RANGE if older->size is 0 (that proves nothing), larger than newer's or > TREE_SIZE_MAX;
 * RC_SYNTAX for the number of hashes; RC_MISMATCH if it leads to another root on either side. */
MUST rc tree_verify_consistency(const struct tree_head *older, const struct tree_head *newer,
				const struct tree_proof *proof, struct fault *f);

/* Hash of the perfect subtree of 2^height leaves that starts at leaf index << height. Asked only
 * for subtrees that lie wholly below the size given to the functions below. */
struct tree_reader {
	rc (*node)(void *ctx, unsigned height, uint64_t index, struct digest *ret, struct fault *f);
	void *ctx;
};

/* Each fails with RC_RANGE for sizes and indices as above, and with whatever the reader returns. */
MUST rc tree_prove_inclusion(const struct tree_reader *r, uint64_t size, uint64_t index,
			     struct tree_proof *ret, struct fault *f);
MUST rc tree_prove_consistency(const struct tree_reader *r, uint64_t older, uint64_t newer,
			       struct tree_proof *ret, struct fault *f);
/* The compact range (and so the root) at size. */
MUST rc tree_compact(const struct tree_reader *r, uint64_t size, struct compact *ret,
		     struct fault *f);

/* ---- A tree held in memory: batches (items of one request) and tests ------------------------
 * Keeps every perfect node, about 64 bytes a leaf; a proof costs O(log n) look-ups. */
struct tree_mem {
	uint64_t size;
	struct digest *node[TREE_HASHES_MAX]; /* [height], each an array */
	uint64_t room[TREE_HASHES_MAX];
};

void tree_mem_init(struct tree_mem *t);
/* May be called twice and on a zeroed struct. */
void tree_mem_release(struct tree_mem *t);
AUTO_DEFINE(tree_mem, struct tree_mem, tree_mem_release)
/* RC_NOMEM. After a failure only release is permitted. */
MUST rc tree_mem_append(struct tree_mem *t, const struct digest *leaf);
/* Borrows t, for any size <= t->size. */
struct tree_reader tree_mem_reader(const struct tree_mem *t);
struct digest tree_mem_root(const struct tree_mem *t);

#endif
