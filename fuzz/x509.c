/* The import path: a chain from outside, parsed and judged with its own leaf's key. */
#include "lib/crypt/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(x509_chain) struct x509_chain chain = {.count = 0};
	AUTO(pkey) struct pkey *key = NULL;
	struct x509 leaf;
	struct fault f;
	char text[64];

	if (!rc_is_ok(x509_chain_read(view_of(data, size), &chain, &f)))
		return 0;
	if (!rc_is_ok(x509_parse(chain.der[0], &leaf, &f)))
		__builtin_trap(); /* chain_read has parsed it */
	x509_name_text(leaf.subject, text, sizeof(text));
	if (rc_is_ok(pkey_from_spki(leaf.spki, &key, &f)))
		rc_ignore(x509_check_import(&chain, key, leaf.not_before, &f), "any answer");
	return 0;
}
