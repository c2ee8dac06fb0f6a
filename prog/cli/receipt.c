#include "prog/cli/receipt.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/crypt/jwt.h"
#include "lib/model/access.h"
#include "lib/model/change.h"
#include "lib/model/hostadmin.h"
#include "lib/model/leaf.h"
#include "lib/model/objection.h"
#include "lib/model/review.h"
#include "lib/tlog/proof_file.h"

static inline void json_autorelease(json_t **j)
{
	json_decref(*j);
}

void receipt_release(struct receipt *r)
{
	buf_release(&r->statement);
	if (r->signature.ptr != NULL)
		secret_wipe(r->signature.ptr, r->signature.cap); /* it may be a token */
	buf_release(&r->signature);
	buf_release(&r->proof);
	buf_release(&r->entry);
}

static void init(struct receipt *r)
{
	*r = (struct receipt){0};
	buf_init(&r->statement, DOCUMENT_BYTES_MAX);
	buf_init(&r->signature, JWT_BYTES_MAX);
	buf_init(&r->proof, PROOF_FILE_MAX);
	buf_init(&r->entry, LEAF_BYTES_MAX);
}

bool receipt_is_change(enum statement_kind kind)
{
	static const enum statement_kind kinds[] = {
		STATEMENT_POLICY, STATEMENT_ROSTER,   STATEMENT_KEYADMIN, STATEMENT_HOSTADMIN,
		STATEMENT_ACCESS, STATEMENT_RECOVERY, STATEMENT_OBJECTION};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i] == kind)
			return true;
	return false;
}

/* Documents and objections name no log: they are good for each that has the version before. */
static rc change_origin(const struct receipt *r, const char *given, char ret[ORIGIN_MAX + 1],
			struct fault *f)
{
	struct view statement = buf_view(&r->statement);
	struct document_change document;
	struct access_change access;
	struct host_change host;
	struct objection objection;
	struct key_change key;
	const char *origin = given;

	if (r->kind == STATEMENT_OBJECTION) {
		TRY(objection_parse(statement, &objection, f));
	} else if (r->kind == STATEMENT_KEYADMIN) {
		TRY(key_change_parse(statement, &key, f));
		origin = key.origin;
	} else if (r->kind == STATEMENT_HOSTADMIN) {
		TRY(host_change_parse(statement, &host, f));
		origin = host.origin;
	} else if (r->kind == STATEMENT_ACCESS) {
		TRY(access_change_parse(statement, &access, f));
		origin = access.origin;
	} else {
		TRY(document_change_parse(r->kind, statement, &document, f));
	}
	if (strlen(origin) > ORIGIN_MAX)
		return fault_set(f, RC_LIMIT, 0, "receipt: the log's name is too long");
	(void)snprintf(ret, ORIGIN_MAX + 1, "%s", origin);
	return OK;
}

/* What the statement itself says; origin: of one that names none. */
static rc understand(struct receipt *r, const char *origin, struct fault *f)
{
	struct review review;

	r->digest = digest_of(buf_view(&r->statement));
	if (r->kind == STATEMENT_REVIEW) {
		TRY(review_parse(buf_view(&r->statement), &review, f));
		r->act = (struct act){
			.kind = r->kind, .request = review.request, .person = review.person};
		memcpy(r->act.origin, review.origin, sizeof(r->act.origin));
		return OK;
	}
	if (receipt_is_change(r->kind)) {
		r->act = (struct act){.kind = r->kind};
		return change_origin(r, origin, r->act.origin, f);
	}
	if (r->kind < STATEMENT_APPROVAL || r->kind > STATEMENT_CANCELLATION)
		return fault_set(f, RC_UNSUPPORTED, 0, "receipt: no act or change of a person");
	return act_parse(r->kind, buf_view(&r->statement), &r->act, f);
}

rc receipt_make(enum statement_kind kind, const char *origin, struct view statement,
		struct view signature, unix_time sent, struct receipt *ret, struct fault *f)
{
	AUTO(receipt) struct receipt r;

	init(&r);
	r.kind = kind;
	r.sent = sent;
	buf_put_view(&r.statement, statement);
	buf_put_view(&r.signature, signature);
	if (!rc_is_ok(buf_done(&r.statement)) || !rc_is_ok(buf_done(&r.signature)))
		return fault_set(f, RC_LIMIT, 0, "receipt: statement or signature too large");
	TRY(understand(&r, origin, f));
	*ret = r;
	r = (struct receipt){0};
	return OK;
}

rc receipt_set_proof(struct receipt *r, struct view proof, struct fault *f)
{
	buf_clear(&r->proof);
	buf_put_view(&r->proof, proof);
	return rc_is_ok(buf_done(&r->proof))
		       ? OK
		       : fault_set(f, RC_LIMIT, 0, "receipt: proof too large");
}

static rc wrong(struct fault *f, const char *what)
{
	return fault_set(f, RC_MISMATCH, 0, "the log entry %s", what);
}

/* The entry records this change. Of its signatures ours need not be one: what had enough before is
 * recorded without; and then the entry may be older than ours. */
static rc check_change_leaf(const struct receipt *r, const struct leaf *leaf, unix_time now,
			    struct fault *f)
{
	if (leaf->kind != LEAF_ADMIN)
		return wrong(f, "is of another kind than the change");
	if (!digest_is_equal(&leaf->statement, &r->digest))
		return wrong(f, "is about another statement");
	if (leaf->time > now + RECEIPT_CLOCK)
		return wrong(f, "is of a time to come");
	return OK;
}

/* The entry records this act and no other. */
static rc check_leaf(const struct receipt *r, const struct leaf *leaf, unix_time now,
		     struct fault *f)
{
	static const enum leaf_kind kinds[] = {[STATEMENT_APPROVAL] = LEAF_APPROVAL,
					       [STATEMENT_DENIAL] = LEAF_DENIAL,
					       [STATEMENT_WITHDRAWAL] = LEAF_WITHDRAWAL,
					       [STATEMENT_CANCELLATION] = LEAF_CANCEL,
					       [STATEMENT_REVIEW] = LEAF_REVIEW};
	struct digest signature = digest_of(buf_view(&r->signature));

	if (leaf->kind != kinds[r->kind])
		return wrong(f, "is of another kind than the act");
	if (!digest_is_equal(&leaf->request, &r->act.request))
		return wrong(f, "is about another request");
	if (!digest_is_equal(&leaf->statement, &r->digest))
		return wrong(f, "is about another statement");
	if (!digest_is_equal(&leaf->signature, &signature))
		return wrong(f, "names another signature");
	if (leaf->time < r->sent - RECEIPT_CLOCK)
		return wrong(f, "is older than the act");
	if (leaf->time > now + RECEIPT_CLOCK)
		return wrong(f, "is of a time to come");
	return OK;
}

static rc check(struct receipt *r, const struct vkey *log, unix_time now, struct fault *f)
{
	struct proof_file file;
	struct checkpoint head;
	struct leaf leaf;

	if (strcmp(r->act.origin, log->name) != 0)
		return fault_set(f, RC_MISMATCH, 0, "the act is for log %s, the key is %s's",
				 r->act.origin, log->name);
	TRY(proof_file_parse(buf_view(&r->proof), &file, f));
	buf_clear(&r->entry);
	if (file.extra.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "the proof holds no entry");
	TRY(base64_parse(BASE64_STD, file.extra, &r->entry, f));
	TRY(proof_file_verify(&file, buf_view(&r->entry), log, &head, f));
	TRY(leaf_parse(buf_view(&r->entry), &leaf, f));
	TRY(receipt_is_change(r->kind) ? check_change_leaf(r, &leaf, now, f)
				       : check_leaf(r, &leaf, now, f));
	r->leaf = file.index;
	memcpy(r->action, leaf.action, sizeof(r->action));
	r->time = leaf.time;
	r->head = head;
	return OK;
}

rc receipt_check(struct receipt *r, const struct vkey *log, unix_time now, struct fault *f)
{
	rc e = check(r, log, now, f);

	return rc_is_ok(e) || e.code == RC_NOMEM ? e : RC(RC_MISMATCH);
}

/* ---- JSON ----------------------------------------------------------------------------------*/

static bool put_bytes(json_t *object, const char *name, const struct buf *bytes)
{
	AUTO(buf) struct buf text = {0};

	buf_init(&text, base64_size(BASE64_STD, bytes->len) + 1);
	base64_put(BASE64_STD, buf_view(bytes), &text);
	return rc_is_ok(buf_done(&text)) &&
	       json_object_set_new(object, name, json_stringn((const char *)text.ptr, text.len)) ==
		       0;
}

rc receipt_encode(const struct receipt *r, struct buf *out, struct fault *f)
{
	AUTO(json) json_t *root = NULL;
	char sent[TIME_TEXT];
	char *text = NULL;

	TRY(time_format(r->sent, sent));
	root = json_pack("{s:s,s:s,s:s,s:s}", "kind", statement_info(r->kind)->name, "origin",
			 r->act.origin, "schema", RECEIPT_SCHEMA, "sent", sent);
	if (root != NULL && put_bytes(root, "statement", &r->statement) &&
	    put_bytes(root, "signature", &r->signature) &&
	    (r->proof.len == 0 ||
	     json_object_set_new(root, "proof",
				 json_stringn((const char *)r->proof.ptr, r->proof.len)) == 0))
		text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
	if (text == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	buf_printf(out, "%s\n", text);
	free(text);
	return buf_done(out);
}

struct members {
	const char *kind;
	const char *origin;
	const char *proof;
	size_t proof_len;
	const char *schema;
	const char *sent;
	const char *signature;
	const char *statement;
};

static rc read_members(json_t *root, struct members *m, struct fault *f)
{
	json_error_t e;

	*m = (struct members){0};
	if (json_unpack_ex(root, &e, JSON_STRICT, "{s:s,s:s,s?s%,s:s,s:s,s:s,s:s}", "kind",
			   &m->kind, "origin", &m->origin, "proof", &m->proof, &m->proof_len,
			   "schema", &m->schema, "sent", &m->sent, "signature", &m->signature,
			   "statement", &m->statement) != 0)
		return fault_set(f, RC_SYNTAX, 0, "receipt: %s", e.text);
	if (strcmp(m->schema, RECEIPT_SCHEMA) != 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "receipt: schema is not " RECEIPT_SCHEMA);
	return OK;
}

static rc take(const struct members *m, struct receipt *r, struct fault *f)
{
	if (!rc_is_ok(statement_kind_parse(view_str(m->kind), &r->kind)))
		return fault_set(f, RC_SYNTAX, 0, "receipt: unknown kind");
	if (!rc_is_ok(time_parse(view_str(m->sent), &r->sent)))
		return fault_set(f, RC_SYNTAX, 0, "receipt: \"sent\" is no time");
	TRY(base64_parse(BASE64_STD, view_str(m->statement), &r->statement, f));
	TRY(base64_parse(BASE64_STD, view_str(m->signature), &r->signature, f));
	TRY(understand(r, m->origin, f));
	if (strcmp(m->origin, r->act.origin) != 0)
		return fault_set(f, RC_SYNTAX, 0, "receipt: \"origin\" is not the statement's");
	return m->proof == NULL ? OK : receipt_set_proof(r, view_of(m->proof, m->proof_len), f);
}

rc receipt_parse(struct view text, struct receipt *ret, struct fault *f)
{
	AUTO(receipt) struct receipt r;
	AUTO(json) json_t *root = NULL;
	struct members m;
	json_error_t e;

	init(&r);
	if (text.len > RECEIPT_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "receipt: larger than %u bytes",
				 RECEIPT_BYTES_MAX);
	root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &e);
	if (root == NULL)
		return fault_set(f, RC_SYNTAX, 0, "receipt: %s", e.text);
	TRY(read_members(root, &m, f));
	TRY(take(&m, &r, f));
	*ret = r;
	r = (struct receipt){0};
	return OK;
}
