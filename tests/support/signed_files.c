#include "tests/support/signed_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/codec/pem.h"
#include "lib/format/cms_tbs.h"
#include "lib/format/pe_file.h"
#include "lib/format/pe_tbs.h"
#include "lib/format/seen.h"

static struct fault f;

static void must(rc r)
{
	if (rc_is_ok(r))
		return;
	(void)fprintf(stderr, "signed_files: %s: %s\n", rc_name(r), f.text);
	abort();
}

void signed_object_for(const struct format_tbs *format, const struct ca *ca,
		       const struct hash *content, struct buf *object)
{
	const struct view chain[] = {buf_view(&ca->middle.cert)};
	struct tbs_key key;
	struct tbs_input in = {.content = *content, .when = CA_NOW, .key = &key};
	AUTO(buf) struct buf tbs;
	AUTO(buf) struct buf sig;
	char params[64];

	buf_init(&tbs, TBS_MAX);
	buf_init(&sig, PKEY_SIGNATURE_MAX);
	buf_init(object, SEEN_TABLE_MAX);
	(void)snprintf(params, sizeof(params), "{\"digest\":\"%s\"}", hash_name(content->alg));
	in.params = view_str(params);
	must(tbs_key_init(&key, pkey_alg(pkey_soft_public(ca->leaf.key)), buf_view(&ca->leaf.cert),
			  chain, 1, &f));
	must(format->tbs(&in, &tbs, &f));
	must(tbs_sign(&in, buf_view(&tbs), &ca->leaf.signer, &sig, &f));
	must(format->finish(&in, buf_view(&sig), object, &f));
}

void signed_cms(const struct ca *ca, struct view bytes, struct buf *object)
{
	struct hash content = hash_of(HASH_SHA256, bytes);

	signed_object_for(&format_cms_tbs, ca, &content, object);
}

void signed_image(const struct ca *ca, int in, int out, struct buf *object)
{
	struct hash content;

	must(format_pe_file.content(in, HASH_SHA256, &content, &f));
	signed_object_for(&format_pe_tbs, ca, &content, object);
	must(format_pe_file.insert(in, buf_view(object), out, &f));
}

void signed_append(int fd, struct view object)
{
	uint8_t tail[12 + 28] = {0, 0, 2};
	uint64_t size;

	tail[10] = (uint8_t)(object.len >> 8);
	tail[11] = (uint8_t)object.len;
	memcpy(tail + 12, "~Module signature appended~\n", 28);
	must(fd_size(fd, &size, &f));
	must(fd_pwrite_full(fd, object.ptr, object.len, size, &f));
	must(fd_pwrite_full(fd, tail, sizeof(tail), size + object.len, &f));
}

void signed_ima(const struct ca *ca, struct view bytes, struct buf *value)
{
	struct hash content = hash_of(HASH_SHA256, bytes);

	buf_init(value, 1024);
	buf_put(value, "\x03\x02\x04kkkk\0\0", 9);
	must(ca->leaf.signer.sign(ca->leaf.signer.ctx, SIGN_ECDSA, HASH_SHA256, hash_view(&content),
				  value, &f));
	value->ptr[8] = (uint8_t)(value->len - 9);
}

void signed_pem(const struct ca *ca, struct buf *pem)
{
	const struct pem_kind kind = {.label = "CERTIFICATE", .columns = PEM_COLUMNS};

	pem_put(&kind, buf_view(&ca->leaf.cert), pem);
	must(buf_done(pem));
}
