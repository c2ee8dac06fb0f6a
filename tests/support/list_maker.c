#include "tests/support/list_maker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/format/tbs.h"
#include "lib/model/leaf.h"
#include "lib/tlog/items.h"
#include "lib/tlog/proof_file.h"

#define BORN ((unix_time)1767225600) /* 2026-01-01 */
#define DIES ((unix_time)2051222400) /* 2035-01-01 */
#define NOW ((unix_time)1795424400)  /* 2026-11-23T09:00:00Z */

static struct fault last;

static void must_at(rc r, int line)
{
	if (rc_is_ok(r))
		return;
	(void)fprintf(stderr, "list_maker.c:%d: %s: %s\n", line, rc_name(r), last.text);
	exit(99);
}
#define MUST_BE_OK(expr) must_at((expr), __LINE__)

void list_maker_new(struct list_maker *m, const char *origin, uint8_t seed)
{
	AUTO(secret) struct secret s = {0};

	*m = (struct list_maker){.log = NULL};
	ca_new(&m->ca, KEY_P256);
	MUST_BE_OK(secret_new(&s, ED25519_SEED));
	memset(s.ptr, seed, ED25519_SEED);
	MUST_BE_OK(ed25519_key_new(&s, &m->log, &last));
	MUST_BE_OK(note_signer_ed25519(origin, m->log, &m->signer, &last));
}

void list_maker_free(struct list_maker *m)
{
	ed25519_key_free(m->log);
	ca_free(&m->ca);
}

static const struct digest *fingerprint(const struct list_maker *m)
{
	return pkey_fingerprint(pkey_soft_public(m->ca.leaf.key));
}

void list_maker_keys(const struct list_maker *m, char log[512], char key[DIGEST_HEX])
{
	AUTO(buf) struct buf text = {0};

	buf_init(&text, 511);
	vkey_put(&m->signer.key, &text);
	MUST_BE_OK(buf_done(&text));
	(void)snprintf(log, 512, "%s", buf_cstr(&text));
	digest_hex(fingerprint(m), key);
}

void list_maker_list(const struct list_maker *m, uint64_t serial, struct content *records,
		     size_t count, struct buf *out)
{
	struct list_header h = {
		.serial = serial, .not_before = BORN, .not_after = DIES, .group_count = 1};

	MUST_BE_OK(name_parse(view_str("test"), &h.name));
	MUST_BE_OK(name_parse(view_str(LIST_MAKER_GROUP), &h.groups[0]));
	(void)snprintf(h.origin, sizeof(h.origin), "%s", m->signer.key.name);
	MUST_BE_OK(list_encode(&h, records, count, out, &last));
}

/* A request for one file, as its requester would write it. */
static void make_request(const struct list_maker *m, struct view file, const char *format,
			 struct request_item *item, struct buf *out)
{
	static const char *const names[] = {"allowlist"};
	struct request r = {.key_fingerprint = *fingerprint(m),
			    .not_before = NOW,
			    .deadline = NOW + 86400,
			    .uses = 1,
			    .upload = true,
			    .reason = "a list of a test",
			    .items = item,
			    .count = 1};

	*item = (struct request_item){.size = file.len,
				      .sha256 = digest_of(file),
				      .content = hash_of(HASH_SHA256, file),
				      .params = view_str("{\"digest\":\"sha256\"}")};
	(void)snprintf(item->format, sizeof(item->format), "%s", format);
	(void)snprintf(r.origin, sizeof(r.origin), "%s", m->signer.key.name);
	MUST_BE_OK(name_parse(view_str("lists"), &item->product));
	MUST_BE_OK(name_parse(view_str("lists"), &r.key));
	MUST_BE_OK(name_parse(view_str("carol"), &r.requester));
	MUST_BE_OK(name_parse(view_str("host-07"), &r.host));
	MUST_BE_OK(request_encode(&r, names, out, &last));
}

static void sign_item(struct list_maker *m, const struct request_item *item, struct buf *out)
{
	const struct format_tbs *format = format_tbs_find(view_str(item->format));
	AUTO(buf) struct buf tbs = {0};
	struct tbs_key key;
	struct tbs_input in = {
		.content = item->content, .params = item->params, .when = NOW, .key = &key};

	if (format == NULL)
		exit(98);
	buf_init(&tbs, TBS_MAX);
	MUST_BE_OK(tbs_key_init(&key, KEY_P256, buf_view(&m->ca.leaf.cert), NULL, 0, &last));
	MUST_BE_OK(format->tbs(&in, &tbs, &last));
	MUST_BE_OK(tbs_sign(&in, buf_view(&tbs), &m->ca.leaf.signer, out, &last));
}

/* The log's only entry: this signature. */
static void make_entry(struct list_maker *m, struct view request, const struct request_item *item,
		       struct view signature, struct buf *entry, struct buf *proof)
{
	AUTO(buf) struct buf note = {0};
	struct leaf leaf = {.kind = LEAF_ISSUE,
			    .time = NOW,
			    .request = digest_of(request),
			    .key = *fingerprint(m),
			    .count = 1,
			    .use = 1};
	struct compact tree;
	struct tree_head head;
	struct digest hash = items_signature_leaf(item, signature);
	struct proof_file file = {.index = 0};

	compact_init(&tree);
	MUST_BE_OK(compact_append(&tree, &hash));
	leaf.signatures = compact_root(&tree);
	MUST_BE_OK(leaf_encode(&leaf, entry, &last));
	compact_init(&tree);
	hash = tree_leaf_hash(buf_view(entry));
	MUST_BE_OK(compact_append(&tree, &hash));
	head = compact_head(&tree);
	buf_init(&note, CHECKPOINT_MAX);
	MUST_BE_OK(checkpoint_sign(&head, &m->signer, &note, &last));
	file.note = buf_view(&note);
	proof_file_put(&file, proof);
	MUST_BE_OK(buf_done(proof));
}

static void put_member(struct buf *out, const char *name, const struct buf *bytes)
{
	buf_printf(out, ",\"%s\":\"", name);
	base64_put(BASE64_STD, buf_view(bytes), out);
	buf_put_u8(out, '"');
}

void list_maker_prove(struct list_maker *m, struct view file, const char *format, struct buf *out)
{
	AUTO(buf) struct buf request = {0};
	AUTO(buf) struct buf signature = {0};
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf proof = {0};
	struct request_item item;

	buf_init(&request, 65536);
	buf_init(&signature, PKEY_SIGNATURE_MAX);
	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&proof, PROOF_FILE_MAX);
	make_request(m, file, format, &item, &request);
	sign_item(m, &item, &signature);
	make_entry(m, buf_view(&request), &item, buf_view(&signature), &entry, &proof);
	buf_printf(out, "{\"schema\":\"greatseal-bundle-1\",\"item\":0,\"use\":1,"
			"\"signed_at\":\"2026-11-23T09:00:00Z\",\"inner_proof\":[]");
	put_member(out, "request", &request);
	put_member(out, "signature", &signature);
	put_member(out, "issue_entry", &entry);
	put_member(out, "issue_proof", &proof);
	buf_put_str(out, ",\"certificates\":[\"");
	base64_put(BASE64_STD, buf_view(&m->ca.leaf.cert), out);
	buf_put_str(out, "\"]}");
	MUST_BE_OK(buf_done(out));
}

/* The file, and its proof beside it. */
static void write_both(struct list_maker *m, struct view bytes, const char *format,
		       const char *path)
{
	AUTO(buf) struct buf proof = {0};
	char beside[4200];
	struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0644};

	buf_init(&proof, 1 << 20);
	list_maker_prove(m, bytes, format, &proof);
	(void)snprintf(beside, sizeof(beside), "%s.greatseal", path);
	MUST_BE_OK(file_replace(&spec, bytes, &last));
	spec.name = beside;
	MUST_BE_OK(file_replace(&spec, buf_view(&proof), &last));
}

void list_maker_write(struct list_maker *m, uint64_t serial, struct content *records, size_t count,
		      const char *path)
{
	AUTO(buf) struct buf list = {0};

	buf_init(&list, (size_t)256 << 20);
	list_maker_list(m, serial, records, count, &list);
	write_both(m, buf_view(&list), LIST_FORMAT, path);
}

void list_maker_record(struct list_maker *m, const struct package_record_header *h,
		       struct content *records, size_t count, const char *path)
{
	AUTO(buf) struct buf record = {0};

	buf_init(&record, (size_t)64 << 20);
	MUST_BE_OK(package_record_encode(h, records, count, &record, &last));
	write_both(m, buf_view(&record), PACKAGE_RECORD_FORMAT, path);
}

void list_maker_token(struct list_maker *m, const struct guard_token *t, const char *path)
{
	AUTO(buf) struct buf token = {0};

	buf_init(&token, GUARD_TOKEN_BYTES_MAX);
	MUST_BE_OK(guard_token_encode(t, &token, &last));
	write_both(m, buf_view(&token), GUARD_TOKEN_FORMAT, path);
}
