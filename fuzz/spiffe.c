/* A host proof from outside: taken apart, its certificates judged with the last as a root. */
#include "lib/crypt/spiffe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct svid_trust t = {.when = 1795424400, .root_count = 1};
	struct sshkey *key = NULL;
	struct svid_proof p;
	struct view id = {0};
	struct fault f;

	(void)spiffe_id_is_good(view_of(data, size));
	if (!rc_is_ok(svid_proof_parse(view_of(data, size), &p, &f)))
		return 0;
	if (rc_is_ok(svid_id(p.chain[0], &id, &f)))
		t.id = id;
	t.roots = &p.chain[p.count - 1];
	if (rc_is_ok(svid_verify(p.chain, p.count, &t, &key, &f)) && !spiffe_id_is_good(id))
		__builtin_trap();
	sshkey_free(key);
	return 0;
}
