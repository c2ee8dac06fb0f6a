/* thief - takes the n-th private key out of a sealed token file whose passphrase or credential was
 * stolen with it: what happens when somebody copies the keeper's disk and its secret. Writes PKCS#8
 * in DER.
 *
 * Usage: thief TOKEN-FILE SECRET-FILE N. The file's form is prog/keeper/token_file.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/crypt/seal.h"

#define HEADER 188
#define KDF_AT 8
#define KDF_PASSPHRASE 1
#define SCRYPT_AT 9
#define SALT_AT 80
#define NONCE_AT 144

static void must(rc r, const struct fault *f, const char *what)
{
	if (rc_is_ok(r))
		return;
	(void)fprintf(stderr, "thief: %s: %s\n", what, f->text);
	exit(1);
}

static void unseal(struct view file, struct view stolen, struct secret *plain)
{
	struct view salt = view_of(file.ptr + SALT_AT, 32);
	AUTO(secret) struct secret stretched = {0};
	AUTO(secret) struct secret key = {0};
	struct seal seal = {.key = &key, .aad = view_of(file.ptr, HEADER)};
	struct fault f = {0};

	if (file.ptr[KDF_AT] == KDF_PASSPHRASE) {
		while (stolen.len > 0 && stolen.ptr[stolen.len - 1] == '\n')
			stolen.len--;
		must(seal_scrypt(stolen, salt, file.ptr[SCRYPT_AT], &stretched, &f), &f, "scrypt");
		stolen = secret_view(&stretched);
	}
	must(seal_hkdf(stolen, salt, "greatseal token seal v1", &key, &f), &f, "hkdf");
	memcpy(seal.nonce, file.ptr + NONCE_AT, SEAL_NONCE);
	must(seal_decrypt(&seal, view_of(file.ptr + HEADER, file.len - HEADER), plain, &f), &f,
	     "seal");
}

int main(int argc, char **argv)
{
	AUTO(secret) struct secret plain = {0};
	AUTO(buf) struct buf file;
	AUTO(buf) struct buf stolen;
	struct view rest;
	struct view key = {0};
	struct fault f = {0};
	uint32_t count = 0;

	buf_init(&file, SECRET_MAX);
	buf_init(&stolen, 1024);
	if (argc != 4)
		return 2;
	must(file_read(argv[1], &file, &f), &f, argv[1]);
	must(file_read(argv[2], &stolen, &f), &f, argv[2]);
	if (file.len <= HEADER)
		return 1;
	unseal(buf_view(&file), buf_view(&stolen), &plain);
	rest = secret_view(&plain);
	must(view_u32be(&rest, &count), &f, "count");
	for (int n = atoi(argv[3]); n > 0; n--) {
		must(view_skip(&rest, 33), &f, "record");
		must(view_string(&rest, SECRET_MAX, &key), &f, "key");
	}
	must(fd_write_full(STDOUT_FILENO, key.ptr, key.len, &f), &f, "output");
	return 0;
}
