#include "lib/tlog/items.h"

#include <string.h>

#include "lib/base/buf.h"

#define LEAF_MAX (DIGEST_SIZE + HASH_MAX_SIZE + DIGEST_SIZE)

static struct digest leaf_hash(const struct request_item *item, const struct digest *signature)
{
	uint8_t mem[LEAF_MAX];
	struct buf b;

	buf_init_fixed(&b, mem, sizeof(mem));
	buf_put_view(&b, digest_view(&item->sha256));
	buf_put_view(&b, hash_view(&item->content));
	if (signature != NULL)
		buf_put_view(&b, digest_view(signature));
	return tree_leaf_hash(buf_view(&b));
}

rc items_root(const struct request *r, struct digest *ret)
{
	struct compact c;

	compact_init(&c);
	for (size_t i = 0; i < r->count; i++) {
		const struct digest leaf = leaf_hash(&r->items[i], NULL);

		TRY(compact_append(&c, &leaf));
	}
	*ret = compact_root(&c);
	return OK;
}

struct digest items_signature_leaf(const struct request_item *item, struct view signature)
{
	const struct digest value = digest_of(signature);

	return leaf_hash(item, &value);
}

rc items_signature_tree(const struct request *r, const struct view *signatures,
			struct tree_mem *ret)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct digest leaf = items_signature_leaf(&r->items[i], signatures[i]);

		TRY(tree_mem_append(ret, &leaf));
	}
	return OK;
}

rc items_signature_proof(const struct request *r, const struct view *signatures, uint64_t at,
			 struct tree_proof *ret, struct fault *f)
{
	AUTO(tree_mem) struct tree_mem tree;
	struct tree_reader reader;

	tree_mem_init(&tree);
	TRY(items_signature_tree(r, signatures, &tree));
	reader = tree_mem_reader(&tree);
	return tree_prove_inclusion(&reader, r->count, at, ret, f);
}

rc evidence_root(const struct digest *statements, size_t count, struct digest *ret)
{
	struct compact c;

	if (count == 0)
		return RC(RC_RANGE);
	compact_init(&c);
	for (size_t i = 0; i < count; i++) {
		const struct digest leaf = tree_leaf_hash(digest_view(&statements[i]));

		if (i > 0 && memcmp(statements[i - 1].b, statements[i].b, DIGEST_SIZE) >= 0)
			return RC(RC_RANGE);
		TRY(compact_append(&c, &leaf));
	}
	*ret = compact_root(&c);
	return OK;
}
