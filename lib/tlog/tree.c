#include "lib/tlog/tree.h"

#include <assert.h>
#include <string.h>

struct digest tree_leaf_hash(struct view entry)
{
	static const uint8_t prefix = 0;
	const struct view parts[] = {view_of(&prefix, 1), entry};
	uint8_t small[2048];

	/* One call on a copy is faster than a hash context for the sizes that leaves have. */
	if (entry.len >= sizeof(small))
		return digest_of_parts(parts, 2);
	small[0] = prefix;
	if (entry.len > 0)
		memcpy(small + 1, entry.ptr, entry.len);
	return digest_of(view_of(small, entry.len + 1));
}

struct digest tree_node_hash(const struct digest *left, const struct digest *right)
{
	uint8_t bytes[1 + 2 * DIGEST_SIZE];

	bytes[0] = 1;
	memcpy(bytes + 1, left->b, DIGEST_SIZE);
	memcpy(bytes + 1 + DIGEST_SIZE, right->b, DIGEST_SIZE);
	return digest_of(view_of(bytes, sizeof(bytes)));
}

struct digest tree_empty_root(void)
{
	return digest_of(view_of("", 0));
}

static unsigned ones(uint64_t n)
{
	return (unsigned)__builtin_popcountll(n);
}

/* Digits of n in binary; 0 for 0. */
static unsigned bit_length(uint64_t n)
{
	return n == 0 ? 0 : 64 - (unsigned)__builtin_clzll(n);
}

/* ---- Compact range
 * -----------------------------------------------------------------------------*/

void compact_init(struct compact *c)
{
	c->size = 0;
	c->count = 0;
}

rc compact_append(struct compact *c, const struct digest *leaf)
{
	struct digest h = *leaf;

	if (c->size >= TREE_SIZE_MAX)
		return RC(RC_LIMIT);
	/* Each trailing one of the size is a perfect subtree that now gets its right sibling. */
	for (uint64_t n = c->size; (n & 1) != 0; n >>= 1)
		h = tree_node_hash(&c->hash[--c->count], &h);
	c->hash[c->count++] = h;
	c->size++;
	return OK;
}

/* Perfect subtrees, largest first, folded from the right: the hash of the range they cover. */
static struct digest fold(const struct digest *hash, size_t count)
{
	struct digest h;

	assert(count > 0);
	h = hash[count - 1];
	for (size_t i = count - 1; i > 0; i--)
		h = tree_node_hash(&hash[i - 1], &h);
	return h;
}

struct digest compact_root(const struct compact *c)
{
	return c->count == 0 ? tree_empty_root() : fold(c->hash, c->count);
}

struct tree_head compact_head(const struct compact *c)
{
	return (struct tree_head){.size = c->size, .root = compact_root(c)};
}

void compact_encode(const struct compact *c, struct buf *out)
{
	buf_put_u64be(out, c->size);
	for (size_t i = 0; i < c->count; i++)
		buf_put_view(out, digest_view(&c->hash[i]));
}

rc compact_parse(struct view bytes, struct compact *ret)
{
	struct compact c;

	TRY(view_u64be(&bytes, &c.size));
	if (c.size > TREE_SIZE_MAX)
		return RC(RC_RANGE);
	c.count = ones(c.size);
	for (size_t i = 0; i < c.count; i++)
		TRY(view_copy(&bytes, c.hash[i].b, DIGEST_SIZE));
	TRY(view_end(&bytes));
	*ret = c;
	return OK;
}

/* ---- Verifying
 * ---------------------------------------------------------------------------------*/

static rc size_check(uint64_t size, struct fault *f)
{
	if (size > TREE_SIZE_MAX)
		return fault_set(f, RC_RANGE, 0, "tree: size %llu is not below 2^63",
				 (unsigned long long)size);
	return OK;
}

static rc index_check(uint64_t index, uint64_t size, struct fault *f)
{
	TRY(size_check(size, f));
	if (index >= size)
		return fault_set(f, RC_RANGE, 0, "tree: leaf %llu is not in a tree of size %llu",
				 (unsigned long long)index, (unsigned long long)size);
	return OK;
}

static rc sizes_check(uint64_t older, uint64_t newer, struct fault *f)
{
	TRY(size_check(newer, f));
	if (older == 0)
		return fault_set(f, RC_RANGE, 0, "tree: a proof from size 0 proves nothing");
	if (older > newer)
		return fault_set(f, RC_RANGE, 0, "tree: older size %llu is above newer size %llu",
				 (unsigned long long)older, (unsigned long long)newer);
	return OK;
}

static rc count_check(const struct tree_proof *p, size_t wanted, struct fault *f)
{
	if (p->count != wanted)
		return fault_set(f, RC_SYNTAX, 0, "tree: proof has %zu hashes, %zu are needed",
				 p->count, wanted);
	return OK;
}

rc tree_verify_inclusion(const struct tree_head *head, uint64_t index, const struct digest *leaf,
			 const struct tree_proof *proof, struct fault *f)
{
	struct digest r = *leaf;
	unsigned inner;
	uint64_t fn;
	uint64_t sn;

	TRY(index_check(index, head->size, f));
	inner = bit_length(index ^ (head->size - 1));
	TRY(count_check(proof, inner + ones(index >> inner), f));
	fn = index;
	sn = head->size - 1;
	/* RFC 9162 2.1.3.2; "sn = 0 too early" cannot happen once the count is right. */
	for (size_t i = 0; i < proof->count; i++) {
		if ((fn & 1) != 0 || fn == sn) {
			r = tree_node_hash(&proof->hash[i], &r);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			r = tree_node_hash(&r, &proof->hash[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0 || !digest_is_equal(&r, &head->root))
		return fault_set(f, RC_MISMATCH, 0, "tree: inclusion proof leads to another root");
	return OK;
}

/* Hashes in a consistency proof, 0 < older < newer: the path of leaf older - 1 from the height of
 * the last perfect subtree of older up, and that subtree itself unless it is all of older. */
static size_t consistency_count(uint64_t older, uint64_t newer)
{
	unsigned shift = (unsigned)__builtin_ctzll(older);
	uint64_t fn = (older - 1) >> shift;
	unsigned inner = bit_length(fn ^ ((newer - 1) >> shift));

	return inner + ones(fn >> inner) + (fn == 0 ? 0 : 1);
}

rc tree_verify_consistency(const struct tree_head *older, const struct tree_head *newer,
			   const struct tree_proof *proof, struct fault *f)
{
	struct digest fr;
	struct digest sr;
	uint64_t fn;
	uint64_t sn;
	size_t i = 0;

	TRY(sizes_check(older->size, newer->size, f));
	if (older->size == newer->size) {
		TRY(count_check(proof, 0, f));
		if (!digest_is_equal(&older->root, &newer->root))
			return fault_set(f, RC_MISMATCH, 0, "tree: two roots for size %llu",
					 (unsigned long long)older->size);
		return OK;
	}
	TRY(count_check(proof, consistency_count(older->size, newer->size), f));
	fn = (older->size - 1) >> __builtin_ctzll(older->size);
	sn = (newer->size - 1) >> __builtin_ctzll(older->size);
	/* RFC 9162 2.1.4.2: a perfect older tree is its own first hash. */
	fr = sr = fn == 0 ? older->root : proof->hash[i++];
	for (; i < proof->count; i++) {
		const struct digest *c = &proof->hash[i];

		if ((fn & 1) != 0 || fn == sn) {
			fr = tree_node_hash(c, &fr);
			sr = tree_node_hash(c, &sr);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			sr = tree_node_hash(&sr, c);
		}
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0 || !digest_is_equal(&fr, &older->root) || !digest_is_equal(&sr, &newer->root))
		return fault_set(f, RC_MISMATCH, 0,
				 "tree: consistency proof from %llu to %llu leads to another root",
				 (unsigned long long)older->size, (unsigned long long)newer->size);
	return OK;
}

/* ---- Building
 * ----------------------------------------------------------------------------------*/

/* Appends to *c the perfect subtrees of the leaves [start, start + n), largest first. start is a
 * multiple of the largest, as for every range that occurs in a proof. */
static rc subtrees(const struct tree_reader *r, uint64_t start, uint64_t n, struct compact *c,
		   struct fault *f)
{
	for (unsigned height = bit_length(n); height-- > 0;) {
		if ((n >> height & 1) == 0)
			continue;
		TRY(r->node(r->ctx, height, start >> height, &c->hash[c->count], f));
		c->count++;
		start += UINT64_C(1) << height;
	}
	return OK;
}

/* Appends the hash of the leaves [start, start + n) to the proof. */
static rc put_range(const struct tree_reader *r, uint64_t start, uint64_t n, struct tree_proof *p,
		    struct fault *f)
{
	struct compact c = {0};

	TRY(subtrees(r, start, n, &c, f));
	assert(p->count < TREE_HASHES_MAX);
	p->hash[p->count++] = fold(c.hash, c.count);
	return OK;
}

/* The siblings along the way from the root of size n down to the node of 2^height leaves at start
 * (which may be a border node with fewer leaves), lowest first. */
static rc put_path(const struct tree_reader *r, uint64_t start, unsigned height, uint64_t n,
		   struct tree_proof *p, struct fault *f)
{
	for (unsigned h = height; (n - 1) >> h != 0; h++) {
		uint64_t index = start >> h;
		uint64_t sibling = (index ^ 1) << h;

		if (sibling >= n)
			continue; /* this subtree hangs higher up */
		if ((index & 1) != 0)
			TRY(put_range(r, sibling, UINT64_C(1) << h, p, f));
		else
			TRY(put_range(r, sibling,
				      n - sibling < UINT64_C(1) << h ? n - sibling
								     : UINT64_C(1) << h,
				      p, f));
	}
	return OK;
}

rc tree_prove_inclusion(const struct tree_reader *r, uint64_t size, uint64_t index,
			struct tree_proof *ret, struct fault *f)
{
	struct tree_proof p = {0};

	TRY(index_check(index, size, f));
	TRY(put_path(r, index, 0, size, &p, f));
	*ret = p;
	return OK;
}

rc tree_prove_consistency(const struct tree_reader *r, uint64_t older, uint64_t newer,
			  struct tree_proof *ret, struct fault *f)
{
	struct tree_proof p = {0};
	unsigned height;
	uint64_t start;

	TRY(sizes_check(older, newer, f));
	if (older < newer) {
		height = (unsigned)__builtin_ctzll(older);
		start = older - (UINT64_C(1) << height);
		if (start != 0)
			TRY(put_range(r, start, UINT64_C(1) << height, &p, f));
		TRY(put_path(r, start, height, newer, &p, f));
	}
	*ret = p;
	return OK;
}

rc tree_compact(const struct tree_reader *r, uint64_t size, struct compact *ret, struct fault *f)
{
	struct compact c = {.size = size};

	TRY(size_check(size, f));
	TRY(subtrees(r, 0, size, &c, f));
	*ret = c;
	return OK;
}
