/* format_tool - signs files with throw-away software keys, for tests/interop/formats.sh: the
 *keeper's and the worker's half of a format one after the other, as the programs do.
 *
 *	format_tool ca DIR ALG                     authorities and a leaf with a key, into DIR
 *	format_tool sign FORMAT DIR HASH IN OUT    OUT: the signed file, or the detached object
 *	format_tool verify FORMAT DIR FILE [OBJECT] */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/pem.h"
#include "lib/format/file.h"
#include "lib/format/tbs.h"
#include "tests/support/ca.h"

static struct fault fault;

static void must(rc r, const char *what)
{
	if (rc_is_ok(r))
		return;
	(void)fprintf(stderr, "%s: %s: %s\n", what, rc_name(r), fault.text);
	exit(1);
}

static void save(const char *dir, const char *name, struct view bytes)
{
	AUTO(fd) int at = -1;
	const struct file_spec spec = {.name = name, .mode = 0600};
	struct file_spec in_dir = spec;

	must(dir_open(dir, &at, &fault), dir);
	in_dir.dirfd = at;
	must(file_replace(&in_dir, bytes, &fault), name);
}

static void load(const char *dir, const char *name, struct buf *out)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	buf_init(out, 1 << 20);
	must(file_read(path, out, &fault), path);
}

static void save_pem(const char *dir, const char *name, const struct ca_party *p)
{
	static const struct pem_kind kind = {"CERTIFICATE", PEM_COLUMNS};
	AUTO(buf) struct buf pem;

	buf_init(&pem, 1 << 16);
	pem_put(&kind, buf_view(&p->cert), &pem);
	save(dir, name, buf_view(&pem));
}

static int make_ca(const char *dir, const char *alg_name)
{
	AUTO(secret) struct secret pkcs8 = {0};
	enum key_alg alg;
	struct ca ca;

	must(key_alg_parse(view_str(alg_name), &alg), alg_name);
	ca_new_with(&ca, alg == KEY_RSA3072 ? alg : KEY_P256, alg);
	must(pkey_soft_export(ca.leaf.key, &pkcs8, &fault), "export");
	save(dir, "leaf.key", secret_view(&pkcs8));
	save_pem(dir, "leaf.pem", &ca.leaf);
	save_pem(dir, "middle.pem", &ca.middle);
	save_pem(dir, "root.pem", &ca.root);
	save(dir, "root.cer", buf_view(&ca.root.cert));
	ca_free(&ca);
	return 0;
}

static void load_cert(const char *dir, const char *name, struct x509_chain *ret)
{
	AUTO(buf) struct buf text;

	load(dir, name, &text);
	must(x509_chain_read(buf_view(&text), ret, &fault), name);
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0) {
		(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

/* Content digest, to-be-signed bytes, signature, object. */
static void make_object(const char *format, const char *dir, enum hash_alg hash, int in_fd,
			struct buf *object)
{
	const struct format_tbs *tbs = format_tbs_find(view_str(format));
	const struct format_file *file = format_file_find(view_str(format));
	AUTO(x509_chain) struct x509_chain leaf = {.count = 0};
	AUTO(x509_chain) struct x509_chain middle = {.count = 0};
	AUTO(pkey_soft) struct pkey_soft *key = NULL;
	AUTO(pkey_soft_ctx) struct pkey_soft_ctx *ctx = NULL;
	AUTO(buf) struct buf pkcs8 = {0};
	AUTO(buf) struct buf to_sign;
	AUTO(buf) struct buf signature;
	struct tbs_key tbs_key;
	struct tbs_input in = {.key = &tbs_key, .when = clock_now(&clock_system)};
	struct signer signer;
	char params[128];

	buf_init(&to_sign, TBS_MAX);
	buf_init(&signature, PKEY_SIGNATURE_MAX);
	load(dir, "leaf.key", &pkcs8);
	load_cert(dir, "leaf.pem", &leaf);
	load_cert(dir, "middle.pem", &middle);
	must(pkey_soft_import(buf_view(&pkcs8), &key, &fault), "key");
	must(pkey_soft_ctx_new(key, &ctx, &fault), "key");
	signer = pkey_soft_signer(ctx);
	must(tbs_key_init(&tbs_key, pkey_alg(pkey_soft_public(key)), leaf.der[0], middle.der, 1,
			  &fault),
	     "certificates");
	(void)snprintf(params, sizeof(params), "{\"digest\":\"%s\"%s}", hash_name(hash),
		       strcmp(format, "pe") == 0
			       ? ",\"name\":\"Great Test\",\"url\":\"https://example.com/\""
			       : "");
	in.params = view_str(params);
	must(file->content(in_fd, hash, &in.content, &fault), "content");
	must(tbs->tbs(&in, &to_sign, &fault), "tbs");
	must(tbs_sign(&in, buf_view(&to_sign), &signer, &signature, &fault), "sign");
	must(tbs->finish(&in, buf_view(&signature), object, &fault), "finish");
}

static int sign(const char *format, const char *dir, const char *hash_text, char **files)
{
	const struct format_file *file = format_file_find(view_str(format));
	AUTO(fd) int in_fd = open_file(files[0], O_RDONLY);
	AUTO(fd) int out_fd = open_file(files[1], O_RDWR | O_CREAT | O_TRUNC);
	AUTO(buf) struct buf object;
	enum hash_alg hash;

	buf_init(&object, FILE_OBJECT_MAX);
	must(hash_alg_parse(view_str(hash_text), &hash), hash_text);
	make_object(format, dir, hash, in_fd, &object);
	if (file->detached) {
		must(fd_write_full(out_fd, object.ptr, object.len, &fault), files[1]);
		return 0;
	}
	must(file->insert(in_fd, buf_view(&object), out_fd, &fault), "insert");
	must(file->restore(out_fd, in_fd, &fault), "restore");
	return 0;
}

static int verify(const char *format, const char *dir, const char *path, const char *object_path)
{
	const struct format_file *file = format_file_find(view_str(format));
	AUTO(fd) int fd = open_file(path, O_RDONLY);
	AUTO(x509_chain) struct x509_chain root = {.count = 0};
	AUTO(buf) struct buf object = {.max = FILE_OBJECT_MAX};
	struct verify_report report;

	load_cert(dir, "root.pem", &root);
	if (object_path != NULL)
		must(file_read(object_path, &object, &fault), object_path);
	else
		must(file->extract(fd, &object, &fault), "extract");
	must(file->verify(fd, buf_view(&object),
			  &(struct verify_trust){root.der, root.count, clock_now(&clock_system)},
			  &report, &fault),
	     "verify");
	(void)printf("%s %s %s trusted=%d\n", key_alg_name(report.key), hash_name(report.hash),
		     report.subject, report.trusted);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "ca") == 0)
		return make_ca(argv[2], argv[3]);
	if (argc == 7 && strcmp(argv[1], "sign") == 0)
		return sign(argv[2], argv[3], argv[4], argv + 5);
	if ((argc == 5 || argc == 6) && strcmp(argv[1], "verify") == 0)
		return verify(argv[2], argv[3], argv[4], argc == 6 ? argv[5] : NULL);
	(void)fprintf(stderr, "usage: format_tool ca|sign|verify ... (see its source)\n");
	return 2;
}
