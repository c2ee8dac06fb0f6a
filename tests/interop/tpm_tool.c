/* tpm_tool - our half of the conversation with a TPM, for tpm.sh.
 *
 *   tpm_tool challenge EK.PUB AK.PUB SECRET OUT   a credential in the file format of
 * tpm2_activatecredential tpm_tool certified AK.PUB ID.PUB ATTEST SIG WORDS tpm_tool vendor EK.PUB
 * EK.DER ROOT.DER ISSUER.DER TIME Exit 0: good; 1: refused, with the reason. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/crypt/tpm.h"

static struct view load(const char *path, struct buf *b)
{
	struct fault f = {0};

	buf_init(b, 16384);
	if (!rc_is_ok(file_read(path, b, &f))) {
		(void)fprintf(stderr, "%s\n", f.text);
		exit(2);
	}
	return buf_view(b);
}

static rc challenge(char **a, struct fault *f)
{
	static const uint8_t seed[TPM_SEED] = "not random, since this is a test";
	uint8_t mem[2][TPM_ENCRYPTED_SEED_MAX];
	struct buf in[3];
	struct buf credential;
	struct buf sealed;
	struct tpm_public ek;
	struct tpm_public ak;
	struct tpm_challenge c = {.seed = seed};
	FILE *out;

	TRY(tpm_public_parse(load(a[0], &in[0]), TPM_ENDORSEMENT, &ek, f));
	TRY(tpm_public_parse(load(a[1], &in[1]), TPM_ATTESTATION, &ak, f));
	c.secret = load(a[2], &in[2]).ptr;
	buf_init_fixed(&credential, mem[0], TPM_CREDENTIAL_MAX);
	buf_init_fixed(&sealed, mem[1], TPM_ENCRYPTED_SEED_MAX);
	TRY(tpm_credential_make(&ek, ak.name, &c, &credential, &sealed, f));
	out = fopen(a[3], "wb");
	if (out == NULL)
		return RC(RC_IO);
	(void)fwrite("\xba\xdc\xc0\xde\0\0\0\1", 1, 8, out);
	(void)fwrite(credential.ptr, 1, credential.len, out);
	(void)fwrite(sealed.ptr, 1, sealed.len, out);
	return fclose(out) == 0 ? OK : RC(RC_IO);
}

static rc certified(char **a, struct fault *f)
{
	struct buf in[4];
	struct tpm_public ak;
	struct tpm_public id;
	struct tpm_certification c;

	TRY(tpm_public_parse(load(a[0], &in[0]), TPM_ATTESTATION, &ak, f));
	TRY(tpm_public_parse(load(a[1], &in[1]), TPM_IDENTITY, &id, f));
	c = (struct tpm_certification){.attest = load(a[2], &in[2]),
				       .signature = load(a[3], &in[3]),
				       .qualifying = view_str(a[4])};
	return tpm_certification_verify(&ak, &id, &c, f);
}

static rc vendor(char **a, struct fault *f)
{
	struct buf in[4];
	struct tpm_public ek;
	struct view cert;
	struct view root;
	struct view issuer;
	struct tpm_vendor v = {
		.roots = &root, .root_count = 1, .others = &issuer, .other_count = 1};

	TRY(tpm_public_parse(load(a[0], &in[0]), TPM_ENDORSEMENT, &ek, f));
	cert = load(a[1], &in[1]);
	root = load(a[2], &in[2]);
	issuer = load(a[3], &in[3]);
	return tpm_ek_check(&ek, cert, &v, strtoll(a[4], NULL, 10), f);
}

int main(int argc, char **argv)
{
	struct fault f = {0};
	rc r = RC(RC_USAGE);

	if (argc == 6 && strcmp(argv[1], "challenge") == 0)
		r = challenge(argv + 2, &f);
	else if (argc == 7 && strcmp(argv[1], "certified") == 0)
		r = certified(argv + 2, &f);
	else if (argc == 7 && strcmp(argv[1], "vendor") == 0)
		r = vendor(argv + 2, &f);
	if (!rc_is_ok(r))
		(void)printf("%s: %s\n", rc_name(r), f.text);
	return rc_is_ok(r) ? 0 : 1;
}
