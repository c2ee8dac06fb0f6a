#include "prog/guard/proof.h"

#include <jansson.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/x509.h"
#include "lib/format/tbs.h"
#include "lib/model/leaf.h"
#include "lib/model/request.h"
#include "lib/tlog/items.h"
#include "lib/tlog/proof_file.h"

#define SCHEMA "greatseal-bundle-1"
#define REQUEST_BYTES ((size_t)8 << 20)

static void json_autorelease(json_t **j)
{
	json_decref(*j);
}

/* The parts that are looked at. */
struct parts {
	struct buf request;
	struct buf issue_entry;
	struct buf issue_proof;
	struct buf signature;
	struct buf cert;
	uint64_t item;
	unix_time signed_at;
	struct tree_proof inner;
};

static void parts_init(struct parts *p)
{
	memset(p, 0, sizeof(*p));
	buf_init(&p->request, REQUEST_BYTES);
	buf_init(&p->issue_entry, LEAF_BYTES_MAX);
	buf_init(&p->issue_proof, PROOF_FILE_MAX);
	buf_init(&p->signature, PKEY_SIGNATURE_MAX);
	buf_init(&p->cert, X509_DER_MAX);
}

static void parts_release(struct parts *p)
{
	buf_release(&p->request);
	buf_release(&p->issue_entry);
	buf_release(&p->issue_proof);
	buf_release(&p->signature);
	buf_release(&p->cert);
}
AUTO_DEFINE(parts, struct parts, parts_release)

/* ---- Reading --------------------------------------------------------------------------------*/

static rc take(const json_t *value, const char *name, struct buf *out, struct fault *f)
{
	rc r;

	if (!json_is_string(value))
		return fault_set(f, RC_SYNTAX, 0, "proof: \"%s\" is missing", name);
	r = base64_parse(BASE64_STD, view_of(json_string_value(value), json_string_length(value)),
			 out, f);
	if (rc_is_ok(r))
		r = buf_done(out);
	return rc_is_ok(r) ? OK : fault_set(f, r.code, 0, "proof: \"%s\" is not base64", name);
}

static rc take_inner(const json_t *list, struct tree_proof *ret, struct fault *f)
{
	if (!json_is_array(list) || json_array_size(list) > TREE_HASHES_MAX)
		return fault_set(f, RC_SYNTAX, 0, "proof: \"inner_proof\" must be a short list");
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct buf hash;

		buf_init_fixed(&hash, ret->hash[i].b, DIGEST_SIZE);
		TRY(take(json_array_get(list, i), "inner_proof", &hash, f));
		if (hash.len != DIGEST_SIZE)
			return fault_set(f, RC_SYNTAX, 0, "proof: a hash is not 32 bytes");
		ret->count++;
	}
	return OK;
}

static rc take_parts(const json_t *root, struct parts *p, struct fault *f)
{
	const char *schema = json_string_value(json_object_get(root, "schema"));
	const char *when = json_string_value(json_object_get(root, "signed_at"));
	const json_t *item = json_object_get(root, "item");

	if (schema == NULL || strcmp(schema, SCHEMA) != 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "not a proof of schema %s", SCHEMA);
	if (json_object_get(root, "batch") != NULL)
		return fault_set(
			f, RC_UNSUPPORTED, 0,
			"proof: of a large batch; sign lists in requests of at most 16 files");
	if (!json_is_integer(item) || json_integer_value(item) < 0)
		return fault_set(f, RC_SYNTAX, 0, "proof: \"item\" is not a number");
	if (when == NULL || !rc_is_ok(time_parse(view_str(when), &p->signed_at)))
		return fault_set(f, RC_SYNTAX, 0, "proof: \"signed_at\" is not a time");
	p->item = (uint64_t)json_integer_value(item);
	TRY(take(json_object_get(root, "request"), "request", &p->request, f));
	TRY(take(json_object_get(root, "issue_entry"), "issue_entry", &p->issue_entry, f));
	TRY(take(json_object_get(root, "issue_proof"), "issue_proof", &p->issue_proof, f));
	TRY(take(json_object_get(root, "signature"), "signature", &p->signature, f));
	TRY(take(json_array_get(json_object_get(root, "certificates"), 0), "certificates", &p->cert,
		 f));
	return take_inner(json_object_get(root, "inner_proof"), &p->inner, f);
}

static rc read_parts(struct view text, struct parts *p, struct fault *f)
{
	__attribute__((cleanup(json_autorelease))) json_t *root = NULL;
	json_error_t e;

	if (text.len > PROOF_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "proof: larger than %zu bytes", PROOF_BYTES_MAX);
	root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &e);
	if (root == NULL)
		return fault_set(f, RC_SYNTAX, (uint64_t)e.position, "proof: line %d: %s", e.line,
				 e.text);
	return take_parts(root, p, f);
}

/* ---- Checking -------------------------------------------------------------------------------*/

static bool is_wanted(const struct digest *key, const struct proof_wish *wish)
{
	for (size_t i = 0; i < wish->key_count; i++)
		if (digest_is_equal(key, &wish->keys[i]))
			return true;
	return false;
}

/* The entry is in the log, records a signature by one of the keys, and is about this request. */
static rc check_log(const struct parts *p, const struct proof_wish *wish, struct leaf *ret,
		    struct fault *f)
{
	struct digest id = digest_of(buf_view(&p->request));
	struct proof_file file;

	TRY(proof_file_parse(buf_view(&p->issue_proof), &file, f));
	TRY(proof_file_verify(&file, buf_view(&p->issue_entry), wish->log, NULL, f));
	TRY(leaf_parse(buf_view(&p->issue_entry), ret, f));
	if (ret->kind != LEAF_ISSUE)
		return fault_set(f, RC_MISMATCH, 0, "the log entry is of kind %s, not issue",
				 leaf_kind_name(ret->kind));
	if (!is_wanted(&ret->key, wish))
		return fault_set(f, RC_MISMATCH, 0,
				 "signed with another key than the settings name");
	if (!digest_is_equal(&ret->request, &id))
		return fault_set(f, RC_MISMATCH, 0, "the log entry is about another request");
	return OK;
}

/* The request names this very file, as a list. */
static rc check_item(const struct request_item *item, const struct proof_wish *wish,
		     struct fault *f)
{
	struct digest sha256 = digest_of(wish->file);
	struct hash content = hash_of(item->content.alg, wish->file);

	if (strcmp(item->format, wish->format) != 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "signed as %s, not as %s", item->format,
				 wish->format);
	if (!digest_is_equal(&item->sha256, &sha256) || item->size != wish->file.len ||
	    !hash_is_equal(&item->content, &content))
		return fault_set(f, RC_MISMATCH, 0, "the proof is for another file");
	return OK;
}

/* The signature value, by the key of the certificate, over what the format makes of the item. */
static rc check_value(const struct parts *p, const struct request_item *item,
		      const struct digest *by, struct fault *f)
{
	const struct format_tbs *format = format_tbs_find(view_str(item->format));
	struct tbs_input in = {
		.content = item->content, .params = item->params, .when = p->signed_at};
	AUTO(pkey) struct pkey *key = NULL;
	AUTO(buf) struct buf tbs = {0};
	struct tbs_key with;
	struct x509 cert;
	struct sign_input what;
	struct hash hash;

	if (format == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0, "no format %s", item->format);
	TRY(x509_parse(buf_view(&p->cert), &cert, f));
	TRY(pkey_from_spki(cert.spki, &key, f));
	if (!digest_is_equal(pkey_fingerprint(key), by))
		return fault_set(f, RC_MISMATCH, 0, "the certificate is for another key");
	TRY(tbs_key_init(&with, pkey_alg(key), buf_view(&p->cert), NULL, 0, f));
	in.key = &with;
	buf_init(&tbs, TBS_MAX);
	TRY(format->tbs(&in, &tbs, f));
	TRY(buf_done(&tbs));
	hash = hash_of(item->content.alg, buf_view(&tbs));
	what = (struct sign_input){.scheme = key_alg_scheme(pkey_alg(key)),
				   .hash = item->content.alg,
				   .input = hash_view(&hash)};
	if (what.scheme == SIGN_ED25519)
		what.input = buf_view(&tbs);
	return pkey_verify(key, &what, buf_view(&p->signature), f);
}

static rc check_request(const struct parts *p, const struct proof_wish *wish,
			const struct leaf *issue, struct fault *f)
{
	const struct tree_head head = {.size = issue->count, .root = issue->signatures};
	AUTO(request) struct request request = {0};
	const struct request_item *item;
	struct digest leaf;

	TRY(request_parse(buf_view(&p->request), &request, f));
	if (strcmp(request.origin, wish->log->name) != 0)
		return fault_set(f, RC_MISMATCH, 0, "the request is for log %s", request.origin);
	if (p->item >= request.count || issue->count != request.count)
		return fault_set(f, RC_MISMATCH, 0, "the request has %zu files", request.count);
	item = &request.items[p->item];
	TRY(check_item(item, wish, f));
	leaf = items_signature_leaf(item, buf_view(&p->signature));
	TRY(tree_verify_inclusion(&head, p->item, &leaf, &p->inner, f));
	return check_value(p, item, &issue->key, f);
}

rc proof_check(struct view proof, const struct proof_wish *wish, struct fault *f)
{
	AUTO(parts) struct parts p;
	struct leaf issue;

	parts_init(&p);
	TRY(read_parts(proof, &p, f));
	TRY(check_log(&p, wish, &issue, f));
	return check_request(&p, wish, &issue, f);
}
