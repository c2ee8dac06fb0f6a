/* Fuzz target: what a TPM says of its keys. Two strings of 16-bit length, then the rest: a public
 * area in each role, an attestation, a signature. Whatever is read has a name and, but for an
 * endorsement key, a public key's form. */
#include <assert.h>
#include <stdlib.h>

#include "lib/crypt/tpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = view_of(data, size);
	struct view part[2] = {0};
	struct tpm_public p;
	struct fault f;
	uint16_t len;

	for (size_t i = 0; i < 2; i++)
		if (!rc_is_ok(view_u16be(&rest, &len)) ||
		    !rc_is_ok(view_take(&rest, len, &part[i])))
			return 0;
	for (int role = TPM_ENDORSEMENT; role <= TPM_IDENTITY; role++) {
		const struct tpm_certification c = {
			.attest = part[1], .signature = rest, .qualifying = view_str("words")};
		uint8_t mem[128];
		struct buf spki;

		if (!rc_is_ok(tpm_public_parse(part[0], (enum tpm_role)role, &p, &f)))
			continue;
		buf_init_fixed(&spki, mem, sizeof(mem));
		assert(rc_is_ok(tpm_public_spki(&p, &spki)) == (role != TPM_ENDORSEMENT));
		assert(!rc_is_ok(tpm_certification_verify(&p, &p, &c, &f)));
	}
	return 0;
}
