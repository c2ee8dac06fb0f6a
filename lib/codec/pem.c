#include "lib/codec/pem.h"

#include "lib/base/secret.h"
#include "lib/codec/base64.h"

void pem_put(const struct pem_kind *kind, struct view bytes, struct buf *out)
{
	AUTO(buf) struct buf text = {0};
	struct view rest;

	buf_init(&text, base64_size(BASE64_STD, bytes.len));
	base64_put(BASE64_STD, bytes, &text);
	if (!rc_is_ok(buf_done(&text))) {
		buf_fail(out, buf_done(&text).code);
		return;
	}
	buf_printf(out, "-----BEGIN %s-----\n", kind->label);
	for (rest = buf_view(&text); rest.len != 0;) {
		size_t n = rest.len < kind->columns ? rest.len : kind->columns;

		buf_put(out, rest.ptr, n);
		buf_put_u8(out, '\n');
		rest = view_of(rest.ptr + n, rest.len - n);
	}
	buf_printf(out, "-----END %s-----\n", kind->label);
}

/* True if line is "-----BEGIN label-----" (word is BEGIN or END). */
static bool is_boundary(struct view line, const char *word, const char *label)
{
	const char *const parts[] = {"-----", word, " ", label, "-----"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct view part;

		if (!rc_is_ok(view_take(&line, strlen(parts[i]), &part)) ||
		    !view_is(part, parts[i]))
			return false;
	}
	return line.len == 0;
}

/* The base64 lines up to the END line, joined; *rest moves behind it. */
static rc body(const struct pem_kind *kind, struct view *rest, struct buf *joined, struct fault *f)
{
	const uint8_t *start = rest->ptr;
	bool short_line = false;

	for (;;) {
		size_t at = (size_t)(rest->ptr - start);
		struct view line;

		if (!rc_is_ok(view_until(rest, '\n', &line)))
			return fault_set(f, RC_TRUNCATED, at,
					 "%s: no END line with a line end (RFC 7468 2)",
					 kind->label);
		if (is_boundary(line, "END", kind->label))
			return OK;
		if (line.len == 0 || line.len > kind->columns || short_line)
			return fault_set(
				f, RC_NONCANON, at,
				"%s: a line has %zu characters, all but the last must have %zu",
				kind->label, line.len, kind->columns);
		short_line = line.len < kind->columns;
		buf_put_view(joined, line);
	}
}

rc pem_next(const struct pem_kind *kind, struct view *text, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf joined = {0};
	struct view rest = *text;
	struct view line;
	rc r;

	buf_init(&joined, text->len);
	if (!rc_is_ok(view_until(&rest, '\n', &line)) || !is_boundary(line, "BEGIN", kind->label))
		return fault_set(f, RC_MISMATCH, 0,
				 "%s: text does not begin with the line -----BEGIN %s-----",
				 kind->label, kind->label);
	/* One allocation, wiped below: the text may be a private key. */
	(void)buf_space(&joined, text->len);
	TRY(buf_done(&joined));
	buf_clear(&joined);
	r = body(kind, &rest, &joined, f);
	if (rc_is_ok(r)) {
		r = base64_parse(BASE64_STD, buf_view(&joined), out, f);
		if (!rc_is_ok(r))
			r = fault_wrap(f, r, "%s", kind->label);
	}
	secret_wipe(joined.ptr, joined.cap);
	TRY(r);
	*text = rest;
	return OK;
}

rc pem_parse(const struct pem_kind *kind, struct view text, struct buf *out, struct fault *f)
{
	struct view rest = text;
	size_t before = out->len;

	TRY(pem_next(kind, &rest, out, f));
	if (rest.len != 0) {
		out->len = before;
		return fault_set(f, RC_TRAILING, text.len - rest.len, "%s: text after the END line",
				 kind->label);
	}
	return OK;
}
