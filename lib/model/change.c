#include "lib/model/change.h"

#include "lib/codec/base64.h"
#include "lib/crypt/pkey.h"
#include "lib/model/field.h"

/* ---- Policy and roster ----------------------------------------------------------------------*/

/* Of the subject: what the document is. */
static const char *document_name(enum statement_kind kind)
{
	return kind == STATEMENT_POLICY ? "policy" : "roster";
}

static rc document_read(struct jcan *j, struct document_change *c)
{
	bool has_tests;
	size_t tests;
	size_t at;

	TRY(jcan_key(j, "document"));
	at = j->at;
	if (at < j->in.len && j->in.ptr[at] != '{')
		return fault_set(j->fault, RC_SYNTAX, at, "document is not an object");
	TRY(jcan_raw(j, &c->document));
	TRY(field_time(j, "expires", &c->expires));
	TRY(field_digest(j, "previous", &c->previous));
	TRY(jcan_key_optional(j, "tests", &has_tests));
	tests = j->at;
	if (has_tests && tests < j->in.len && j->in.ptr[tests] != '{')
		return fault_set(j->fault, RC_SYNTAX, tests, "tests is not an object");
	if (has_tests)
		TRY(jcan_raw(j, &c->tests));
	return envelope_end_over(j, c->kind, document_name(c->kind), c->document, &c->digest);
}

static bool is_document(enum statement_kind kind)
{
	return kind == STATEMENT_POLICY || kind == STATEMENT_ROSTER || kind == STATEMENT_RECOVERY;
}

rc document_change_parse(enum statement_kind kind, struct view bytes, struct document_change *ret,
			 struct fault *f)
{
	struct document_change c = {.kind = kind};
	struct jcan j;
	rc r;

	if (!is_document(kind))
		return fault_set(f, RC_UNKNOWN, 0, "this kind of statement holds no document");
	r = envelope_begin(&j, kind, bytes, f);
	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, kind, f));
		r = document_read(&j, &c);
	}
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "%s change", statement_info(kind)->name);
	*ret = c;
	return OK;
}

rc document_source_parse(enum statement_kind kind, struct view bytes, struct document_change *ret,
			 struct fault *f)
{
	rc r = document_change_parse(kind, bytes, ret, f);

	return r.code == RC_MISMATCH && kind == STATEMENT_ROSTER
		       ? document_change_parse(STATEMENT_RECOVERY, bytes, ret, f)
		       : r;
}

rc document_change_encode(const struct document_change *c, struct buf *out, struct fault *f)
{
	struct digest digest = digest_of(c->document);
	struct document_change check;
	size_t at = out->len;
	struct jcan_out w;
	rc r;

	if (!is_document(c->kind))
		return fault_set(f, RC_UNKNOWN, 0, "this kind of statement holds no document");
	envelope_out_begin(&w, out);
	jcan_out_key(&w, "document");
	jcan_out_raw(&w, c->document);
	field_out_time(&w, "expires", c->expires);
	field_out_digest(&w, "previous", &c->previous);
	if (c->tests.len > 0) {
		jcan_out_key(&w, "tests");
		jcan_out_raw(&w, c->tests);
	}
	envelope_out_end(&w, c->kind, document_name(c->kind), &digest);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "%s change: %s", statement_info(c->kind)->name,
				 rc_name(r));
	return document_change_parse(c->kind, view_of(out->ptr + at, out->len - at), &check, f);
}

/* ---- Keys -----------------------------------------------------------------------------------*/

static const char *const action_names[] = {
	[KEY_CREATE] = "create", [KEY_IMPORT] = "import", [KEY_SELF_SIGN] = "self-sign",
	[KEY_LOCK] = "lock",	 [KEY_UNLOCK] = "unlock", [KEY_RETIRE] = "retire",
};
_Static_assert(sizeof(action_names) / sizeof(action_names[0]) == KEY_ACTION__COUNT,
	       "one name for each action");

const char *key_action_name(enum key_action a)
{
	return (unsigned)a < KEY_ACTION__COUNT ? action_names[a] : "?";
}

rc key_action_parse(struct view name, enum key_action *ret)
{
	for (size_t i = 0; i < KEY_ACTION__COUNT; i++)
		if (view_is(name, action_names[i])) {
			*ret = (enum key_action)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

static rc create_read(struct jcan *j, struct key_change *c)
{
	enum key_alg alg;
	size_t at;

	TRY(field_token(j, "algorithm", c->algorithm, sizeof(c->algorithm)));
	at = j->at;
	if (!rc_is_ok(key_alg_parse(view_str(c->algorithm), &alg)))
		return fault_set(j->fault, RC_UNKNOWN, at, "unknown algorithm \"%s\"",
				 c->algorithm);
	return field_name(j, "token", &c->token);
}

static rc certificate_read(struct jcan *j, struct key_change *c)
{
	AUTO(buf) struct buf der = {0};
	struct view text;
	size_t at = j->at;

	buf_init(&der, CHANGE_CERTIFICATE_TEXT_MAX);
	TRY(jcan_text(j, CHANGE_CERTIFICATE_TEXT_MAX, &text));
	if (text.len == 0)
		return fault_set(j->fault, RC_SYNTAX, at, "certificate is empty");
	TRY(base64_parse(BASE64_STD, text, &der, j->fault));
	for (size_t i = 0; i < c->certificate_count; i++)
		if (view_is_equal(text, c->certificates[i]))
			return fault_set(j->fault, RC_DUPLICATE, at, "certificate twice");
	c->certificates[c->certificate_count++] = text;
	return OK;
}

static rc import_read(struct jcan *j, struct key_change *c)
{
	bool more;

	TRY(jcan_key(j, "certificates"));
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (c->certificate_count == CHANGE_CERTIFICATES_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u certificates",
					 CHANGE_CERTIFICATES_MAX);
		TRY(certificate_read(j, c));
	}
	if (c->certificate_count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "no certificates");
	return OK;
}

static rc self_sign_read(struct jcan *j, struct key_change *c)
{
	uint64_t days;

	TRY(field_u64(j, "days", 1, CHANGE_DAYS_MAX, &days));
	c->days = (uint32_t)days;
	TRY(field_prose(j, "subject", false, c->subject, sizeof(c->subject)));
	if (c->subject[0] == '\0')
		return fault_set(j->fault, RC_SYNTAX, j->at, "subject is empty");
	return OK;
}

static rc params_read(struct jcan *j, struct key_change *c)
{
	TRY(jcan_object(j));
	switch (c->action) {
	case KEY_CREATE:
		TRY(create_read(j, c));
		break;
	case KEY_IMPORT:
		TRY(import_read(j, c));
		break;
	case KEY_SELF_SIGN:
		TRY(self_sign_read(j, c));
		break;
	case KEY_LOCK:
	case KEY_UNLOCK:
	case KEY_RETIRE:
		TRY(field_prose(j, "comment", true, c->comment, sizeof(c->comment)));
		break;
	case KEY_ACTION__COUNT:
		return RC(RC_UNKNOWN);
	}
	return jcan_object_end(j);
}

static rc key_change_read(struct jcan *j, struct key_change *c)
{
	struct view text;
	size_t at;

	TRY(jcan_key(j, "action"));
	at = j->at;
	TRY(jcan_text(j, 32, &text));
	if (!rc_is_ok(key_action_parse(text, &c->action)))
		return fault_set(j->fault, RC_UNKNOWN, at, "unknown action");
	TRY(field_time(j, "expires", &c->expires));
	TRY(field_name(j, "key", &c->key));
	TRY(field_hex(j, "nonce", c->nonce, sizeof(c->nonce)));
	TRY(field_token(j, "origin", c->origin, sizeof(c->origin)));
	TRY(jcan_key(j, "params"));
	at = j->at;
	TRY(params_read(j, c));
	return envelope_end_over(j, STATEMENT_KEYADMIN, "params",
				 view_of(j->in.ptr + at, j->at - at), NULL);
}

rc key_change_parse(struct view bytes, struct key_change *ret, struct fault *f)
{
	struct key_change c = {0};
	struct jcan j;
	rc r = envelope_begin(&j, STATEMENT_KEYADMIN, bytes, f);

	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, STATEMENT_KEYADMIN, f));
		r = key_change_read(&j, &c);
	}
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "keyadmin");
	*ret = c;
	return OK;
}

static void params_write(struct jcan_out *w, const struct key_change *c)
{
	jcan_out_object(w);
	switch (c->action) {
	case KEY_CREATE:
		field_out_string(w, "algorithm", c->algorithm);
		field_out_string(w, "token", c->token.s);
		break;
	case KEY_IMPORT:
		jcan_out_key(w, "certificates");
		jcan_out_array(w);
		for (size_t i = 0; i < c->certificate_count; i++)
			jcan_out_view(w, c->certificates[i]);
		jcan_out_array_end(w);
		break;
	case KEY_SELF_SIGN:
		field_out_u64(w, "days", c->days);
		field_out_string(w, "subject", c->subject);
		break;
	case KEY_LOCK:
	case KEY_UNLOCK:
	case KEY_RETIRE:
		field_out_string(w, "comment", c->comment);
		break;
	case KEY_ACTION__COUNT:
		break;
	}
	jcan_out_object_end(w);
}

rc key_change_encode(const struct key_change *c, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf params = {0};
	struct key_change check;
	size_t at = out->len;
	struct digest digest;
	struct jcan_out w;
	rc r;

	if (c->certificate_count > CHANGE_CERTIFICATES_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u certificates",
				 CHANGE_CERTIFICATES_MAX);
	buf_init(&params, KEYADMIN_BYTES_MAX);
	jcan_out_init(&w, &params);
	params_write(&w, c);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "keyadmin: params: %s", rc_name(r));
	digest = digest_of(buf_view(&params));
	envelope_out_begin(&w, out);
	field_out_string(&w, "action", key_action_name(c->action));
	field_out_time(&w, "expires", c->expires);
	field_out_string(&w, "key", c->key.s);
	field_out_hex(&w, "nonce", c->nonce, sizeof(c->nonce));
	field_out_string(&w, "origin", c->origin);
	jcan_out_key(&w, "params");
	jcan_out_raw(&w, buf_view(&params));
	envelope_out_end(&w, STATEMENT_KEYADMIN, "params", &digest);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "keyadmin: %s", rc_name(r));
	return key_change_parse(view_of(out->ptr + at, out->len - at), &check, f);
}
