/* Inclusion and consistency: built proofs verify, and altered ones only if nothing was altered.
 * Input: size, size, index (one byte each), count, then bytes laid over the proof from a place on.
 */
#include <stdlib.h>

#include "lib/tlog/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AT(i) (size > (i) ? data[i] : 0u)

/* Lays the input over the proof; true if that changed it. */
static bool alter(struct tree_proof *p, const uint8_t *data, size_t size)
{
	struct tree_proof old = *p;
	uint8_t *bytes = (uint8_t *)p->hash;

	if (size > 3 && data[3] > 128)
		p->count = data[3] % (TREE_HASHES_MAX + 1);
	for (size_t i = 5; i < size && i - 5 + AT(4) < sizeof(p->hash); i++)
		bytes[AT(4) + i - 5] ^= data[i];
	return p->count != old.count || memcmp(old.hash, bytes, p->count * DIGEST_SIZE) != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t b = AT(0) + UINT64_C(1);
	uint64_t a = AT(1) % b + 1;
	uint64_t index = AT(2) % b;
	AUTO(tree_mem) struct tree_mem t;
	struct tree_head heads[2] = {{.size = a}, {.size = b}};
	struct tree_reader r;
	struct tree_proof p;
	struct digest leaf;
	bool changed;

	tree_mem_init(&t);
	for (uint64_t i = 0; i < b; i++) {
		leaf = tree_leaf_hash(view_of(&i, sizeof(i)));
		if (!rc_is_ok(tree_mem_append(&t, &leaf)))
			return 0;
		if (i + 1 == a)
			heads[0].root = tree_mem_root(&t);
	}
	heads[1].root = tree_mem_root(&t);
	r = tree_mem_reader(&t);
	leaf = tree_leaf_hash(view_of(&index, sizeof(index)));
	if (!rc_is_ok(tree_prove_inclusion(&r, b, index, &p, NULL)))
		abort();
	changed = alter(&p, data, size);
	if (rc_is_ok(tree_verify_inclusion(&heads[1], index, &leaf, &p, NULL)) == changed)
		abort();
	if (!rc_is_ok(tree_prove_consistency(&r, a, b, &p, NULL)))
		abort();
	changed = alter(&p, data, size);
	if (rc_is_ok(tree_verify_consistency(&heads[0], &heads[1], &p, NULL)) == changed)
		abort();
	return 0;
}
