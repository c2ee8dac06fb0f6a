/* Proof files: put(parse(x)) == x, and verification stays within its bounds. */
#include <stdlib.h>

#include "lib/tlog/proof_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vkey k = {.name = "log.example", .id = {1, 2, 3, 4}};
	struct tree_head head = {.size = TREE_SIZE_MAX};
	struct digest leaf = {0};
	struct proof_file p;
	struct fault f;
	AUTO(buf) struct buf b;

	buf_init(&b, PROOF_FILE_MAX);
	if (!rc_is_ok(proof_file_parse(view_of(data, size), &p, &f)))
		return 0;
	proof_file_put(&p, &b);
	if (!rc_is_ok(buf_done(&b)) || !view_is_equal(buf_view(&b), view_of(data, size)))
		abort();
	rc_ignore(proof_file_verify(&p, view_of(data, size), &k, NULL, &f),
		  "no signature by chance");
	rc_ignore(tree_verify_inclusion(&head, p.index, &leaf, &p.proof, &f), "no root by chance");
	return 0;
}
