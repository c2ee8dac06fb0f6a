#include "lib/crypt/webauthn.h"

/* The next byte without taking it; 0 at the end (which no value begins with). */
static uint8_t peek(const struct view *v)
{
	return v->len == 0 ? 0 : v->ptr[0];
}

/* Takes exactly these bytes. */
static rc literal(struct view *v, const char *text)
{
	size_t len = strlen(text);
	size_t n = v->len < len ? v->len : len;

	if (n != 0 && memcmp(v->ptr, text, n) != 0)
		return RC(RC_SYNTAX);
	return view_skip(v, len);
}

/* A string without escapes, up to and with its closing quote; the opening one is taken already. */
static rc plain(struct view *v, struct view *ret)
{
	struct view text;

	TRY(view_until(v, '"', &text));
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e || text.ptr[i] == '\\')
			return RC(RC_SYNTAX);
	*ret = text;
	return OK;
}

/* A string in a member we do not know: escapes are permitted and kept. */
static rc skip_string(struct view *v)
{
	uint8_t c;

	TRY(literal(v, "\""));
	for (;;) {
		TRY(view_u8(v, &c));
		if (c == '"')
			return OK;
		if (c < 0x20 || c > 0x7e)
			return RC(RC_SYNTAX);
		if (c != '\\')
			continue;
		TRY(view_u8(v, &c));
		if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
			return RC(RC_SYNTAX);
		for (int i = 0; c == 'u' && i < 4; i++) {
			uint8_t digit;

			TRY(view_u8(v, &digit));
			if (digit == '\0' || strchr("0123456789abcdefABCDEF", digit) == NULL)
				return RC(RC_SYNTAX);
		}
	}
}

static rc skip_integer(struct view *v)
{
	bool zero;

	if (peek(v) == '-')
		TRY(view_skip(v, 1));
	if (peek(v) < '0' || peek(v) > '9')
		return RC(RC_SYNTAX);
	zero = peek(v) == '0';
	for (size_t n = 0; peek(v) >= '0' && peek(v) <= '9'; n++) {
		if (zero && n > 0)
			return RC(RC_SYNTAX);
		TRY(view_skip(v, 1));
	}
	return OK;
}

static rc skip_value(struct view *v, int depth);

/* The elements of an array or object; its opening byte is taken already. */
static rc skip_elements(struct view *v, bool named, int depth)
{
	const char *close = named ? "}" : "]";

	if (peek(v) == (uint8_t)close[0])
		return view_skip(v, 1);
	for (;;) {
		if (named) {
			TRY(skip_string(v));
			TRY(literal(v, ":"));
		}
		TRY(skip_value(v, depth));
		if (peek(v) != ',')
			return literal(v, close);
		TRY(view_skip(v, 1));
	}
}

/* Recursion ends at WEBAUTHN_DEPTH_MAX. */
static rc skip_value(struct view *v, int depth)
{
	if (depth > WEBAUTHN_DEPTH_MAX)
		return RC(RC_LIMIT);
	switch (peek(v)) {
	case '"':
		return skip_string(v);
	case '{':
		TRY(view_skip(v, 1));
		return skip_elements(v, true, depth + 1);
	case '[':
		TRY(view_skip(v, 1));
		return skip_elements(v, false, depth + 1);
	case 't':
		return literal(v, "true");
	case 'f':
		return literal(v, "false");
	case 'n':
		return literal(v, "null");
	default:
		return skip_integer(v);
	}
}

/* ,"name":value until the closing brace. Names have no escapes, so that none can pass for a known
 * one. */
static rc others(struct view *v)
{
	static const char *const known[] = {"type", "challenge", "origin", "crossOrigin"};
	struct view name;

	while (peek(v) == ',') {
		TRY(literal(v, ",\""));
		TRY(plain(v, &name));
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (view_is(name, known[i]))
				return RC(RC_DUPLICATE);
		/* WebAuthn L3: only present when the page is inside a foreign one. */
		if (view_is(name, "topOrigin"))
			return RC(RC_DENIED);
		TRY(literal(v, ":"));
		TRY(skip_value(v, 1));
	}
	return literal(v, "}");
}

static rc members(struct view *v, struct webauthn_client_data *d)
{
	struct view type;

	TRY(literal(v, "{\"type\":\""));
	TRY(plain(v, &type));
	if (!view_is(type, "webauthn.get"))
		return RC(RC_MISMATCH);
	TRY(literal(v, ",\"challenge\":\""));
	TRY(plain(v, &d->challenge));
	TRY(literal(v, ",\"origin\":\""));
	TRY(plain(v, &d->origin));
	TRY(literal(v, ",\"crossOrigin\":"));
	if (rc_is_ok(literal(v, "true")))
		return RC(RC_DENIED);
	TRY(literal(v, "false"));
	TRY(others(v));
	return view_end(v);
}

rc webauthn_parse_client_data(struct view json, struct webauthn_client_data *ret, struct fault *f)
{
	struct webauthn_client_data d = {0};
	struct view v = json;
	rc r = members(&v, &d);

	if (!rc_is_ok(r))
		return fault_set(
			f, r.code, json.len - v.len,
			"client data: %s at byte %zu (WebAuthn L2 5.8.1.2: type webauthn.get, "
			"challenge, origin, crossOrigin false)",
			rc_name(r), json.len - v.len);
	*ret = d;
	return OK;
}
