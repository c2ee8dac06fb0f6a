/* thief - takes the n-th private key out of a sealed token file whose passphrase was stolen with
 * it: what happens when somebody copies the keeper's disk and its passphrase. Writes PKCS#8 in DER.
 *
 * Usage: thief TOKEN-FILE PASSPHRASE-FILE N. The file's form is prog/keeper/token_file.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/crypt/seal.h"

#define HEADER 188
#define SALT_AT 80
#define NONCE_AT 144

static void must(rc r, const struct fault *f, const char *what)
{
	if (rc_is_ok(r))
		return;
	(void)fprintf(stderr, "thief: %s: %s\n", what, f->text);
	exit(1);
}

static void unseal(struct view file, struct view passphrase, struct secret *plain)
{
	struct view salt = view_of(file.ptr + SALT_AT, 32);
	AUTO(secret) struct secret master = {0};
	AUTO(secret) struct secret key = {0};
	struct seal seal = {.key = &key, .aad = view_of(file.ptr, HEADER)};
	struct fault f = {0};

	must(seal_scrypt(passphrase, salt, file.ptr[9], &master, &f), &f, "scrypt");
	must(seal_hkdf(secret_view(&master), salt, "greatseal token seal v1", &key, &f), &f,
	     "hkdf");
	memcpy(seal.nonce, file.ptr + NONCE_AT, SEAL_NONCE);
	must(seal_decrypt(&seal, view_of(file.ptr + HEADER, file.len - HEADER), plain, &f), &f,
	     "seal");
}

int main(int argc, char **argv)
{
	AUTO(secret) struct secret plain = {0};
	AUTO(buf) struct buf file;
	AUTO(buf) struct buf phrase;
	struct view rest;
	struct view key = {0};
	struct fault f = {0};
	uint32_t count = 0;

	buf_init(&file, SECRET_MAX);
	buf_init(&phrase, 1024);
	if (argc != 4)
		return 2;
	must(file_read(argv[1], &file, &f), &f, argv[1]);
	must(file_read(argv[2], &phrase, &f), &f, argv[2]);
	if (file.len <= HEADER)
		return 1;
	while (phrase.len > 0 && phrase.ptr[phrase.len - 1] == '\n')
		phrase.len--;
	unseal(buf_view(&file), buf_view(&phrase), &plain);
	rest = secret_view(&plain);
	must(view_u32be(&rest, &count), &f, "count");
	for (int n = atoi(argv[3]); n > 0; n--) {
		must(view_skip(&rest, 33), &f, "record");
		must(view_string(&rest, SECRET_MAX, &key), &f, "key");
	}
	must(fd_write_full(STDOUT_FILENO, key.ptr, key.len, &f), &f, "output");
	return 0;
}
