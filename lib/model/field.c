#include "lib/model/field.h"

#include "lib/codec/utf8.h"

static rc refuse_field(const struct jcan *j, size_t at, enum rc_code code, const char *key,
		       const char *rule)
{
	return fault_set(j->fault, code, at, "%s %s", key, rule);
}

static rc name_value(struct jcan *j, const char *key, struct name *ret)
{
	size_t at = j->at;
	struct view text;
	rc r;

	TRY(jcan_text(j, NAME_MAX_LEN, &text));
	r = name_parse(text, ret);
	return rc_is_ok(r) ? OK
			   : refuse_field(j, at, r.code, key,
					  "is not a name: [a-z0-9][a-z0-9._-]{0,63}");
}

rc field_name_value(struct jcan *j, struct name *ret)
{
	return name_value(j, "entry", ret);
}

rc field_name(struct jcan *j, const char *key, struct name *ret)
{
	TRY(jcan_key(j, key));
	return name_value(j, key, ret);
}

rc field_digest_value(struct jcan *j, struct digest *ret)
{
	return jcan_hex(j, ret->b, sizeof(ret->b));
}

rc field_digest(struct jcan *j, const char *key, struct digest *ret)
{
	TRY(jcan_key(j, key));
	return field_digest_value(j, ret);
}

rc field_hex(struct jcan *j, const char *key, uint8_t *out, size_t n)
{
	TRY(jcan_key(j, key));
	return jcan_hex(j, out, n);
}

rc field_time_value(struct jcan *j, const char *key, unix_time *ret)
{
	size_t at = j->at;
	struct view text;
	rc r;

	TRY(jcan_text(j, TIME_TEXT - 1, &text));
	r = time_parse(text, ret);
	return rc_is_ok(r) ? OK
			   : refuse_field(j, at, r.code, key,
					  "is not a time like 2026-11-23T09:00:00Z");
}

rc field_time(struct jcan *j, const char *key, unix_time *ret)
{
	TRY(jcan_key(j, key));
	return field_time_value(j, key, ret);
}

rc field_u64(struct jcan *j, const char *key, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t n;
	size_t at;

	TRY(jcan_key(j, key));
	at = j->at;
	TRY(jcan_u64(j, max, &n));
	if (n < min)
		return refuse_field(j, at, RC_RANGE, key, "is too small");
	*ret = n;
	return OK;
}

rc field_checkpoint(struct jcan *j, struct digest *ret_root, uint64_t *ret_size)
{
	static const struct digest none;
	size_t at;

	TRY(jcan_key(j, "checkpoint"));
	at = j->at;
	TRY(jcan_object(j));
	TRY(field_digest(j, "root", ret_root));
	TRY(field_u64(j, "size", 0, JCAN_NUMBER_MAX, ret_size));
	TRY(jcan_object_end(j));
	if (*ret_size == 0 && !digest_is_equal(ret_root, &none))
		return fault_set(j->fault, RC_RANGE, at, "checkpoint of size 0 has a root");
	return OK;
}

rc field_literal(struct jcan *j, const char *key, const char *expected)
{
	TRY(jcan_key(j, key));
	return jcan_literal(j, expected);
}

rc token_check(struct view text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!alnum && (i == 0 || (c != '.' && c != '-')))
			return RC(RC_SYNTAX);
	}
	return text.len == 0 ? RC(RC_SYNTAX) : OK;
}

rc field_token_value(struct jcan *j, const char *what, char *out, size_t cap)
{
	size_t at = j->at;
	struct view text;

	TRY(jcan_text(j, cap - 1, &text));
	if (text.len == 0)
		return refuse_field(j, at, RC_SYNTAX, what, "is empty");
	if (!rc_is_ok(token_check(text)))
		return refuse_field(j, at, RC_SYNTAX, what, "is not [a-z0-9][a-z0-9.-]*");
	memset(out, 0, cap);
	memcpy(out, text.ptr, text.len);
	return OK;
}

rc field_token(struct jcan *j, const char *key, char *out, size_t cap)
{
	TRY(jcan_key(j, key));
	return field_token_value(j, key, out, cap);
}

/* Code points that reorder, hide or break what a person is shown. */
static bool is_hidden(uint32_t c)
{
	return c == 0x061c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x2069) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe007f);
}

rc prose_check(struct view utf8, bool lines)
{
	while (utf8.len > 0) {
		uint32_t c = utf8.ptr[0];

		if (c < 0x80)
			utf8 = view_of(utf8.ptr + 1, utf8.len - 1);
		else
			TRY(utf8_next(&utf8, &c));
		if (lines && (c == '\n' || c == '\t'))
			continue;
		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || is_hidden(c))
			return RC(RC_SYNTAX);
	}
	return OK;
}

rc field_prose(struct jcan *j, const char *key, bool lines, char *out, size_t cap)
{
	size_t len;
	size_t at;

	TRY(jcan_key(j, key));
	at = j->at;
	TRY(jcan_string(j, out, cap, &len));
	if (!rc_is_ok(prose_check(view_of(out, len), lines)))
		return refuse_field(j, at, RC_SYNTAX, key,
				    "holds a control character or one that hides or reorders text");
	return OK;
}

/* ---- Envelope -------------------------------------------------------------------------------*/

rc envelope_check_kind(struct view bytes, enum statement_kind kind, struct fault *f)
{
	const struct statement_info *info = statement_info(kind);
	struct jcan j;
	struct view type;

	jcan_init(&j, bytes, NULL);
	if (!rc_is_ok(jcan_object(&j)) || !rc_is_ok(jcan_peek(&j, "predicateType", &type)))
		return OK;
	if (type.len >= 2 && type.ptr[0] == '"' &&
	    view_is(view_of(type.ptr + 1, type.len - 2), info->predicate_type))
		return OK;
	return fault_set(f, RC_MISMATCH, 0, "the statement is not of kind %s", info->name);
}

rc envelope_begin(struct jcan *j, enum statement_kind kind, struct view bytes, struct fault *f)
{
	const struct statement_info *info = statement_info(kind);

	if (bytes.len > info->max_bytes)
		return fault_set(f, RC_LIMIT, 0, "%s statement of %zu bytes, at most %zu",
				 info->name, bytes.len, info->max_bytes);
	jcan_init(j, bytes, f);
	TRY(jcan_object(j));
	TRY(field_literal(j, "_type", STATEMENT_TYPE));
	TRY(jcan_key(j, "predicate"));
	return jcan_object(j);
}

rc envelope_middle(struct jcan *j, enum statement_kind kind)
{
	TRY(jcan_object_end(j));
	TRY(field_literal(j, "predicateType", statement_info(kind)->predicate_type));
	return jcan_key(j, "subject");
}

rc envelope_end(struct jcan *j, enum statement_kind kind, const char *name,
		struct digest *ret_subject)
{
	size_t at;
	bool more;

	TRY(envelope_middle(j, kind));
	TRY(jcan_array(j));
	at = j->at;
	TRY(jcan_next(j, &more));
	if (!more)
		return refuse_field(j, at, RC_SYNTAX, "subject", "is empty");
	TRY(jcan_object(j));
	TRY(jcan_key(j, "digest"));
	TRY(jcan_object(j));
	TRY(field_digest(j, "sha256", ret_subject));
	TRY(jcan_object_end(j));
	TRY(field_literal(j, "name", name));
	TRY(jcan_object_end(j));
	at = j->at;
	TRY(jcan_next(j, &more));
	if (more)
		return refuse_field(j, at, RC_LIMIT, "subject", "has more than one entry");
	TRY(jcan_object_end(j));
	return jcan_end(j);
}

rc envelope_end_over(struct jcan *j, enum statement_kind kind, const char *name, struct view bytes,
		     struct digest *ret_subject)
{
	const struct digest digest = digest_of(bytes);
	struct digest subject;

	TRY(envelope_end(j, kind, name, &subject));
	if (!digest_is_equal(&digest, &subject))
		return fault_set(j->fault, RC_MISMATCH, (uint64_t)(bytes.ptr - j->in.ptr),
				 "the subject is not the digest of the %s", name);
	if (ret_subject != NULL)
		*ret_subject = digest;
	return OK;
}

/* ---- Writers --------------------------------------------------------------------------------*/

void field_out_digest(struct jcan_out *w, const char *key, const struct digest *d)
{
	field_out_hex(w, key, d->b, sizeof(d->b));
}

void field_out_hex(struct jcan_out *w, const char *key, const uint8_t *bytes, size_t n)
{
	jcan_out_key(w, key);
	jcan_out_hex(w, view_of(bytes, n));
}

void field_out_string(struct jcan_out *w, const char *key, const char *s)
{
	jcan_out_key(w, key);
	jcan_out_string(w, s);
}

void field_out_time(struct jcan_out *w, const char *key, unix_time t)
{
	char text[TIME_TEXT] = "";
	rc r = time_format(t, text);

	if (!rc_is_ok(r))
		buf_fail(w->buf, r.code);
	field_out_string(w, key, text);
}

void field_out_u64(struct jcan_out *w, const char *key, uint64_t n)
{
	jcan_out_key(w, key);
	jcan_out_u64(w, n);
}

void field_out_checkpoint(struct jcan_out *w, const struct digest *root, uint64_t size)
{
	jcan_out_key(w, "checkpoint");
	jcan_out_object(w);
	field_out_digest(w, "root", root);
	field_out_u64(w, "size", size);
	jcan_out_object_end(w);
}

void envelope_out_begin(struct jcan_out *w, struct buf *out)
{
	jcan_out_init(w, out);
	jcan_out_object(w);
	field_out_string(w, "_type", STATEMENT_TYPE);
	jcan_out_key(w, "predicate");
	jcan_out_object(w);
}

void envelope_out_middle(struct jcan_out *w, enum statement_kind kind)
{
	jcan_out_object_end(w);
	field_out_string(w, "predicateType", statement_info(kind)->predicate_type);
	jcan_out_key(w, "subject");
	jcan_out_array(w);
}

void envelope_out_end(struct jcan_out *w, enum statement_kind kind, const char *name,
		      const struct digest *subject)
{
	envelope_out_middle(w, kind);
	jcan_out_object(w);
	jcan_out_key(w, "digest");
	jcan_out_object(w);
	field_out_digest(w, "sha256", subject);
	jcan_out_object_end(w);
	field_out_string(w, "name", name);
	jcan_out_object_end(w);
	jcan_out_array_end(w);
	jcan_out_object_end(w);
}
