/* The tree of tree.h that is held in memory. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/tlog/tree.h"

void tree_mem_init(struct tree_mem *t)
{
	*t = (struct tree_mem){0};
}

void tree_mem_release(struct tree_mem *t)
{
	for (unsigned h = 0; h < TREE_HASHES_MAX; h++)
		free(t->node[h]);
	*t = (struct tree_mem){0};
}

/* Sets node index (== the number there are) at that height. */
static rc put(struct tree_mem *t, unsigned height, uint64_t index, const struct digest *hash)
{
	if (index == t->room[height]) {
		size_t room = index == 0 ? 16 : (size_t)index;
		struct digest *p;

		if (index != 0)
			TRY(num_mul_size(room, 2, &room));
		p = (struct digest *)reallocarray(t->node[height], room, sizeof(*p));
		if (p == NULL)
			return RC(RC_NOMEM);
		t->node[height] = p;
		t->room[height] = room;
	}
	t->node[height][index] = *hash;
	return OK;
}

rc tree_mem_append(struct tree_mem *t, const struct digest *leaf)
{
	struct digest h = *leaf;
	uint64_t index = t->size;
	unsigned height = 0;

	TRY(put(t, 0, index, &h));
	for (; (index & 1) != 0; index >>= 1, height++) {
		h = tree_node_hash(&t->node[height][index - 1], &h);
		TRY(put(t, height + 1, index >> 1, &h));
	}
	t->size++;
	return OK;
}

static rc node(void *ctx, unsigned height, uint64_t index, struct digest *ret, struct fault *f)
{
	const struct tree_mem *t = (const struct tree_mem *)ctx;

	if (height >= TREE_HASHES_MAX || index >= t->size >> height)
		return fault_set(f, RC_RANGE, 0, "tree: node %u/%llu is not in it", height,
				 (unsigned long long)index);
	*ret = t->node[height][index];
	return OK;
}

struct tree_reader tree_mem_reader(const struct tree_mem *t)
{
	return (struct tree_reader){.node = node, .ctx = (void *)t};
}

struct digest tree_mem_root(const struct tree_mem *t)
{
	struct tree_reader r = tree_mem_reader(t);
	struct compact c;

	rc_ignore(tree_compact(&r, t->size, &c, NULL), "every node below size is there");
	return compact_root(&c);
}
