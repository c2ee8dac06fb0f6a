/* Fuzz target: OpenSSH private key files: the input is armored first, so that the fuzzer sees
 * bytes. */
#include <assert.h>

#include "lib/codec/pem.h"
#include "lib/crypt/sshpriv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pem_kind kind = {.label = "OPENSSH PRIVATE KEY", .columns = 70};
	AUTO(sshpriv) struct sshpriv *p = NULL;
	AUTO(sshkey) struct sshkey *k = NULL;
	AUTO(buf) struct buf text;
	struct fault f;

	buf_init(&text, 2 * SSHPRIV_FILE_MAX);
	pem_put(&kind, view_of(data, size), &text);
	if (!rc_is_ok(buf_done(&text)))
		return 0;
	rc_ignore(sshpriv_public(buf_view(&text), &k, &f), "any result but a crash");
	if (rc_is_ok(sshpriv_parse(buf_view(&text), &p, &f)))
		assert(k != NULL && sshkey_is_equal(k, sshpriv_key(p)));
	return 0;
}
