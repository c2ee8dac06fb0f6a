#include "prog/cli/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/crypt/spiffe.h"
#include "lib/crypt/sshsig.h"
#include "lib/format/tbs.h"
#include "lib/model/access.h"
#include "lib/model/act.h"
#include "lib/model/enrolment.h"
#include "lib/model/token.h"
#include "lib/tlog/proof_file.h"

/* Every byte string of a bundle: JSON name, where it lies, and its maximum. */
static const struct {
	const char *name;
	size_t offset;
	size_t max;
	bool optional;
} fields[] = {
/* A signature, or the record of a token. */
#define REQUESTER_MAX (SSHSIG_BLOB_MAX > TOKEN_RECORD_MAX ? SSHSIG_BLOB_MAX : TOKEN_RECORD_MAX)
#define FIELD(n, member, m, opt)                                                                   \
	{                                                                                          \
		n, offsetof(struct bundle, member), m, opt                                         \
	}
	FIELD("authorize_entry", authorize_entry, LEAF_BYTES_MAX, false),
	FIELD("authorize_proof", authorize_proof, PROOF_FILE_MAX, false),
	FIELD("grant", grant, ACCESS_BYTES_MAX, true),
	FIELD("grant_entry", grant_entry, LEAF_BYTES_MAX, true),
	FIELD("grant_proof", grant_proof, PROOF_FILE_MAX, true),
	FIELD("grant_signatures", grant_sigs, CHANGE_SIGNATURES_MAX *(SSHSIG_BLOB_MAX + 4), true),
	FIELD("host_enrolment", enrolment.bytes, ENROLMENT_BYTES_MAX, true),
	FIELD("host_enrolment_entry", enrolment_entry, LEAF_BYTES_MAX, true),
	FIELD("host_enrolment_proof", enrolment_proof, PROOF_FILE_MAX, true),
	FIELD("host_enrolment_signature", enrolment.sig, SSHSIG_BLOB_MAX, true),
	FIELD("host_signature", host_sig, SVID_PROOF_MAX, true),
	FIELD("issue_entry", issue_entry, LEAF_BYTES_MAX, false),
	FIELD("issue_proof", issue_proof, PROOF_FILE_MAX, false),
	FIELD("policy", policy, DOCUMENT_BYTES_MAX, true),
	FIELD("request", request.bytes, REQUEST_BYTES_MAX, false),
	FIELD("requester_signature", request.sig, REQUESTER_MAX, false),
	FIELD("roster", roster, DOCUMENT_BYTES_MAX, true),
	FIELD("signature", signature, PKEY_SIGNATURE_MAX, false),
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static struct buf *field_at(struct bundle *b, size_t i)
{
	return (struct buf *)(void *)((char *)b + fields[i].offset);
}

void signed_bytes_init(struct signed_bytes *s, size_t max)
{
	buf_init(&s->bytes, max);
	buf_init(&s->sig, SSHSIG_BLOB_MAX);
	buf_init(&s->entry, LEAF_BYTES_MAX);
	buf_init(&s->proof, PROOF_FILE_MAX);
}

void bundle_init(struct bundle *b)
{
	*b = (struct bundle){0};
	for (size_t i = 0; i < FIELD_COUNT; i++)
		buf_init(field_at(b, i), fields[i].max);
	for (size_t i = 0; i < BUNDLE_APPROVALS_MAX; i++)
		signed_bytes_init(&b->approvals[i], PREAPPROVAL_BYTES_MAX);
}

void signed_bytes_release(struct signed_bytes *s)
{
	buf_release(&s->bytes);
	buf_release(&s->sig);
	buf_release(&s->entry);
	buf_release(&s->proof);
}

void bundle_release(struct bundle *b)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		buf_release(field_at(b, i));
	for (size_t i = 0; i < BUNDLE_APPROVALS_MAX; i++)
		signed_bytes_release(&b->approvals[i]);
	for (size_t i = 0; i < b->evidence_count; i++)
		signed_bytes_release(&b->evidence[i]);
	free(b->evidence);
	x509_chain_release(&b->certs);
}

rc bundle_evidence_new(struct bundle *b, size_t count)
{
	if (count > BUNDLE_EVIDENCE_MAX)
		return RC(RC_LIMIT);
	b->evidence = (struct signed_bytes *)calloc(count, sizeof(*b->evidence));
	if (b->evidence == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < count; i++) {
		buf_init(&b->evidence[i].bytes, EVIDENCE_BYTES_MAX);
		buf_init(&b->evidence[i].sig, SVID_PROOF_MAX);
	}
	b->evidence_count = count;
	return OK;
}

/* ---- Writing ---- */

static json_t *base64_json(struct view bytes)
{
	AUTO(buf) struct buf text = {0};

	buf_init(&text, base64_size(BASE64_STD, bytes.len) + 1);
	base64_put(BASE64_STD, bytes, &text);
	return rc_is_ok(buf_done(&text))
		       ? json_stringn(text.len == 0 ? "" : (const char *)text.ptr, text.len)
		       : NULL;
}

static json_t *signed_json(const struct signed_bytes *list, size_t count)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object();

		if (list[i].entry.len > 0) {
			(void)json_object_set_new(row, "entry",
						  base64_json(buf_view(&list[i].entry)));
			(void)json_object_set_new(row, "proof",
						  base64_json(buf_view(&list[i].proof)));
		}
		if (list[i].sig.len > 0)
			(void)json_object_set_new(row, "signature",
						  base64_json(buf_view(&list[i].sig)));
		(void)json_object_set_new(row, "statement", base64_json(buf_view(&list[i].bytes)));
		(void)json_array_append_new(rows, row);
	}
	return rows;
}

static json_t *lists_json(const struct bundle *b, const char *which)
{
	json_t *list;

	if (strcmp(which, "approvals") == 0)
		return signed_json(b->approvals, b->approval_count);
	list = json_array();
	if (strcmp(which, "certificates") == 0) {
		for (size_t i = 0; i < b->certs.count; i++)
			(void)json_array_append_new(list, base64_json(b->certs.der[i]));
	} else {
		for (size_t i = 0; i < b->inner.count; i++)
			(void)json_array_append_new(list,
						    base64_json(digest_view(&b->inner.hash[i])));
	}
	return list;
}

/* Members that are each file's own. */
static bool is_own(const char *name)
{
	return strcmp(name, "signature") == 0;
}

static int put_common(const struct bundle *b, json_t *root, bool with_signature)
{
	struct bundle *mutable = (struct bundle *)(uintptr_t)b; /* field_at serves both ways */
	char when[TIME_TEXT];
	int bad = rc_is_ok(time_format(b->signed_at, when)) ? 0 : 1;

	for (size_t i = 0; i < FIELD_COUNT && bad == 0; i++) {
		const struct buf *value = field_at(mutable, i);

		if (is_own(fields[i].name) && !with_signature)
			continue;
		if (value->len > 0 || !fields[i].optional)
			bad |= json_object_set_new(root, fields[i].name,
						   base64_json(buf_view(value)));
	}
	bad |= json_object_set_new(root, "approvals", lists_json(b, "approvals"));
	bad |= json_object_set_new(root, "certificates", lists_json(b, "certificates"));
	if (b->evidence_count > 0)
		bad |= json_object_set_new(root, "evidence",
					   signed_json(b->evidence, b->evidence_count));
	bad |= bad != 0 ? 1 : json_object_set_new(root, "signed_at", json_string(when));
	bad |= json_object_set_new(root, "use", json_integer((json_int_t)b->use));
	return bad;
}

static int put_own(const struct bundle *b, json_t *root)
{
	return json_object_set_new(root, "inner_proof", lists_json(b, "inner_proof")) |
	       json_object_set_new(root, "item", json_integer((json_int_t)b->item));
}

static rc made(json_t *root, int bad, json_t **ret, struct fault *f)
{
	if (root == NULL || bad != 0) {
		json_decref(root);
		return fault_set(f, RC_NOMEM, 0, "no memory for the bundle");
	}
	*ret = root;
	return OK;
}

rc bundle_encode(const struct bundle *b, json_t **ret, struct fault *f)
{
	json_t *root = json_object();
	int bad = put_common(b, root, true);

	bad |= put_own(b, root);
	bad |= json_object_set_new(root, "schema", json_string(BUNDLE_SCHEMA));
	return made(root, bad, ret, f);
}

rc bundle_encode_batch(const struct bundle *b, json_t **ret, struct fault *f)
{
	json_t *root = json_object();
	int bad = put_common(b, root, false);

	bad |= json_object_set_new(root, "schema", json_string(BUNDLE_BATCH_SCHEMA));
	return made(root, bad, ret, f);
}

rc bundle_encode_part(const struct bundle *b, const struct bundle_batch *batch, json_t **ret,
		      struct fault *f)
{
	json_t *root = json_object();
	char hex[DIGEST_HEX];
	int bad = put_own(b, root);

	digest_hex(&batch->sha256, hex);
	bad |= json_object_set_new(root, "signature", base64_json(buf_view(&b->signature)));
	bad |= json_object_set_new(root, "schema", json_string(BUNDLE_SCHEMA));
	bad |= json_object_set_new(root, "batch",
				   json_pack("{s:s,s:s}", "file", batch->name, "sha256", hex));
	return made(root, bad, ret, f);
}

/* ---- Reading ---- */

static rc take_base64(const json_t *value, const char *name, struct buf *out, struct fault *f)
{
	const char *text = json_string_value(value);

	if (text == NULL)
		return fault_set(f, RC_SYNTAX, 0, "bundle: \"%s\" must be a base64 string", name);
	if (!rc_is_ok(base64_parse(BASE64_STD, view_str(text), out, NULL)))
		return fault_set(f, RC_SYNTAX, 0, "bundle: \"%s\" is not base64 or too long", name);
	return OK;
}

static rc take_approvals(const json_t *list, struct bundle *b, struct fault *f)
{
	const json_t *row;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > BUNDLE_APPROVALS_MAX)
		return fault_set(f, RC_SYNTAX, 0,
				 "bundle: \"approvals\" must be a list of at most %d",
				 BUNDLE_APPROVALS_MAX);
	json_array_foreach(list, i, row)
	{
		const json_t *entry = json_object_get(row, "entry");

		if (json_object_size(row) != (entry == NULL ? 2 : 4))
			return fault_set(f, RC_SYNTAX, 0,
					 "bundle: approval %zu: statement and signature expected, "
					 "and entry with proof or neither",
					 i);
		if (entry != NULL) {
			TRY(take_base64(entry, "entry", &b->approvals[i].entry, f));
			TRY(take_base64(json_object_get(row, "proof"), "proof",
					&b->approvals[i].proof, f));
		}
		TRY(take_base64(json_object_get(row, "statement"), "statement",
				&b->approvals[i].bytes, f));
		TRY(take_base64(json_object_get(row, "signature"), "signature",
				&b->approvals[i].sig, f));
		b->approval_count++;
	}
	return OK;
}

/* An envelope of provenance holds its signatures itself. */
static rc take_evidence(const json_t *list, struct bundle *b, struct fault *f)
{
	size_t count = json_array_size(list);
	const json_t *row;
	size_t i;

	if (count == 0 || count > BUNDLE_EVIDENCE_MAX)
		return fault_set(f, RC_SYNTAX, 0, "bundle: \"evidence\" must be a list of 1 to %u",
				 BUNDLE_EVIDENCE_MAX);
	TRY(bundle_evidence_new(b, count));
	json_array_foreach(list, i, row)
	{
		const json_t *sig = json_object_get(row, "signature");

		if (json_object_size(row) != (sig == NULL ? 1 : 2))
			return fault_set(f, RC_SYNTAX, 0,
					 "bundle: evidence %zu: statement and signature expected",
					 i);
		TRY(take_base64(json_object_get(row, "statement"), "statement",
				&b->evidence[i].bytes, f));
		if (sig != NULL)
			TRY(take_base64(sig, "signature", &b->evidence[i].sig, f));
	}
	return OK;
}

static rc take_certificates(const json_t *list, struct bundle *b, struct fault *f)
{
	AUTO(buf) struct buf all = {0};
	const json_t *row;
	size_t i;

	buf_init(&all, (size_t)X509_CHAIN_MAX * X509_DER_MAX);
	json_array_foreach(list, i, row) TRY(take_base64(row, "certificates", &all, f));
	return x509_chain_read(buf_view(&all), &b->certs, f);
}

static rc take_inner(const json_t *list, struct bundle *b, struct fault *f)
{
	const json_t *row;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > TREE_HASHES_MAX)
		return fault_set(f, RC_SYNTAX, 0, "bundle: \"inner_proof\" must be a short list");
	json_array_foreach(list, i, row)
	{
		struct buf hash;

		buf_init_fixed(&hash, b->inner.hash[i].b, DIGEST_SIZE);
		TRY(take_base64(row, "inner_proof", &hash, f));
		if (hash.len != DIGEST_SIZE)
			return fault_set(f, RC_SYNTAX, 0,
					 "bundle: inner proof hash %zu is not 32 bytes", i);
		b->inner.count++;
	}
	return OK;
}

static rc take_numbers(const json_t *root, struct bundle *b, struct fault *f)
{
	const json_t *item = json_object_get(root, "item");
	const json_t *use = json_object_get(root, "use");
	const char *when = json_string_value(json_object_get(root, "signed_at"));
	const char *schema = json_string_value(json_object_get(root, "schema"));

	if (schema == NULL || strcmp(schema, BUNDLE_SCHEMA) != 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "not a bundle of schema %s", BUNDLE_SCHEMA);
	if (!json_is_integer(item) || json_integer_value(item) < 0 ||
	    json_integer_value(item) >= (json_int_t)REQUEST_ITEMS_MAX)
		return fault_set(f, RC_SYNTAX, 0, "bundle: \"item\" is out of range");
	if (!json_is_integer(use) || json_integer_value(use) < 1 ||
	    json_integer_value(use) > (json_int_t)REQUEST_USES_MAX)
		return fault_set(f, RC_SYNTAX, 0, "bundle: \"use\" is out of range");
	if (when == NULL || !rc_is_ok(time_parse(view_str(when), &b->signed_at)))
		return fault_set(f, RC_SYNTAX, 0, "bundle: \"signed_at\" is not a time");
	b->item = (uint64_t)json_integer_value(item);
	b->use = (uint32_t)json_integer_value(use);
	return OK;
}

static rc take_member(const char *name, const json_t *value, struct bundle *b, struct fault *f)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (strcmp(fields[i].name, name) == 0)
			return take_base64(value, name, field_at(b, i), f);
	if (strcmp(name, "approvals") == 0)
		return take_approvals(value, b, f);
	if (strcmp(name, "evidence") == 0)
		return take_evidence(value, b, f);
	if (strcmp(name, "certificates") == 0)
		return take_certificates(value, b, f);
	if (strcmp(name, "inner_proof") == 0)
		return take_inner(value, b, f);
	if (strcmp(name, "item") == 0 || strcmp(name, "use") == 0 || strcmp(name, "schema") == 0 ||
	    strcmp(name, "signed_at") == 0)
		return OK;
	return fault_set(f, RC_UNKNOWN, 0, "bundle: unknown member \"%s\"", name);
}

static rc take_all(json_t *root, struct bundle *b, struct fault *f)
{
	const char *name;
	json_t *value;

	if (!json_is_object(root))
		return fault_set(f, RC_SYNTAX, 0, "a bundle is a JSON object");
	TRY(take_numbers(root, b, f));
	json_object_foreach(root, name, value) TRY(take_member(name, value, b, f));
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (!fields[i].optional && field_at(b, i)->len == 0)
			return fault_set(f, RC_SYNTAX, 0, "bundle: \"%s\" is missing",
					 fields[i].name);
	if (b->certs.count == 0)
		return fault_set(f, RC_SYNTAX, 0, "bundle: \"certificates\" is missing");
	return OK;
}

static rc load(struct view text, json_t **ret, struct fault *f)
{
	json_error_t e;

	if (text.len > BUNDLE_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "bundle: larger than %zu bytes", BUNDLE_BYTES_MAX);
	*ret = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &e);
	if (*ret == NULL)
		return fault_set(f, RC_SYNTAX, (uint64_t)e.position, "bundle: line %d: %s", e.line,
				 e.text);
	return OK;
}

rc bundle_parse(struct view text, struct bundle *b, struct fault *f)
{
	json_t *root;
	rc r;

	TRY(load(text, &root, f));
	r = take_all(root, b, f);
	json_decref(root);
	return r;
}

/* ---- Large batches ---- */

/* A plain name: it is looked for beside the proof and nowhere else. */
static bool is_batch_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < BUNDLE_BATCH_NAME && name[0] != '.' && name[0] != '-' &&
	       strspn(name, "0123456789abcdefghijklmnopqrstuvwxyz-.") == len;
}

static rc take_batch(const json_t *root, struct bundle_batch *ret, bool *ret_found, struct fault *f)
{
	const json_t *batch = json_object_get(root, "batch");
	const char *name = json_string_value(json_object_get(batch, "file"));
	const char *hex = json_string_value(json_object_get(batch, "sha256"));

	*ret_found = batch != NULL;
	if (!*ret_found)
		return OK;
	if (json_object_size(batch) != 2 || name == NULL || hex == NULL || !is_batch_name(name) ||
	    !rc_is_ok(digest_parse(view_str(hex), &ret->sha256)))
		return fault_set(f, RC_SYNTAX, 0, "bundle: \"batch\" is not a file and its sha256");
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	return OK;
}

rc bundle_find_batch(struct view text, struct bundle_batch *ret, bool *ret_found, struct fault *f)
{
	json_t *root;
	rc r;

	TRY(load(text, &root, f));
	r = take_batch(root, ret, ret_found, f);
	json_decref(root);
	return r;
}

/* One object of both, as a whole bundle has it; what each may hold is exact. */
static rc join(json_t *part, json_t *batch, struct fault *f)
{
	static const char *const own[] = {"inner_proof", "item", "signature"};
	const char *schema = json_string_value(json_object_get(batch, "schema"));

	if (schema == NULL || strcmp(schema, BUNDLE_BATCH_SCHEMA) != 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "not a batch of schema %s",
				 BUNDLE_BATCH_SCHEMA);
	/* "batch" and "schema" are the other two. */
	if (json_object_size(part) != 2 + sizeof(own) / sizeof(own[0]))
		return fault_set(f, RC_SYNTAX, 0, "bundle: members of a proof beside a batch");
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (json_object_get(part, own[i]) == NULL || json_object_get(batch, own[i]) != NULL)
			return fault_set(f, RC_SYNTAX, 0, "bundle: \"%s\" belongs in the proof",
					 own[i]);
	}
	if (json_object_del(part, "batch") != 0 || json_object_update_missing(part, batch) != 0)
		return RC(RC_NOMEM);
	return OK;
}

static rc parse_both(json_t *part, struct view batch_text, struct bundle *b, struct fault *f)
{
	const struct digest digest = digest_of(batch_text);
	struct bundle_batch named;
	json_t *batch;
	bool found;
	rc r;

	TRY(take_batch(part, &named, &found, f));
	if (!found || !digest_is_equal(&named.sha256, &digest))
		return fault_set(f, RC_MISMATCH, 0,
				 "the batch is not the one that the proof names");
	TRY(load(batch_text, &batch, f));
	r = join(part, batch, f);
	if (rc_is_ok(r))
		r = take_all(part, b, f);
	json_decref(batch);
	return r;
}

rc bundle_parse_part(struct view text, struct view batch, struct bundle *b, struct fault *f)
{
	json_t *part;
	rc r;

	TRY(load(text, &part, f));
	r = parse_both(part, batch, b, f);
	json_decref(part);
	return r;
}

rc bundle_object(const struct bundle *b, const struct request_item *item, struct buf *out,
		 struct fault *f)
{
	const struct format_tbs *format = format_tbs_find(view_str(item->format));
	AUTO(pkey) struct pkey *key = NULL;
	struct tbs_input in = {
		.content = item->content, .params = item->params, .when = b->signed_at};
	struct tbs_key certs;
	struct x509 leaf;

	if (format == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0, "format %s is not known here", item->format);
	TRY(x509_parse(b->certs.der[0], &leaf, f));
	TRY(pkey_from_spki(leaf.spki, &key, f));
	TRY(tbs_key_init(&certs, pkey_alg(key), b->certs.der[0], b->certs.der + 1,
			 b->certs.count - 1, f));
	in.key = &certs;
	TRY(format->check(&in, f));
	return format->finish(&in, buf_view(&b->signature), out, f);
}
