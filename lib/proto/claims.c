#include "lib/proto/claims.h"

#include <string.h>

#include "lib/base/num.h"

static bool is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != 0 && strchr("._/+-", c) != NULL);
}

static void put_escaped(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (is_plain((uint8_t)*s))
			buf_put_u8(out, (uint8_t)*s);
		else
			buf_printf(out, "%%%02X", (unsigned)(uint8_t)*s);
	}
}

rc claims_encode(const struct claims *c, struct buf *out)
{
	char hex[DIGEST_HEX];

	buf_printf(out, "v1 host=%s uid=%u pid=%u", c->host.s, c->uid, c->pid);
	if (c->user[0] != '\0') {
		buf_put_str(out, " user=");
		put_escaped(out, c->user);
	}
	if (c->program[0] != '\0') {
		buf_put_str(out, " program=");
		put_escaped(out, c->program);
	}
	if (c->has_sha256) {
		digest_hex(&c->sha256, hex);
		buf_printf(out, " sha256=%s", hex);
	}
	return buf_done(out);
}

/* The next "name=value" if it is of that name. */
static bool next_field(struct view *rest, const char *name, struct view *ret)
{
	struct view at = *rest;
	struct view field;
	struct view key;

	if (!rc_is_ok(view_until(&at, ' ', &field))) {
		field = *rest;
		at = view_of(rest->ptr + rest->len, 0);
	}
	if (!rc_is_ok(view_until(&field, '=', &key)) || !view_is(key, name))
		return false;
	*ret = field;
	*rest = at;
	return true;
}

static int nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static rc unescape(struct view text, char *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		int c = text.ptr[i];

		if (c == '%') {
			if (text.len - i < 3 || nibble(text.ptr[i + 1]) < 0 ||
			    nibble(text.ptr[i + 2]) < 0)
				return RC(RC_SYNTAX);
			c = nibble(text.ptr[i + 1]) * 16 + nibble(text.ptr[i + 2]);
			i += 2;
		}
		if (c == 0)
			return RC(RC_SYNTAX);
		if (n == max)
			return RC(RC_LIMIT);
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return n > 0 ? OK : RC(RC_SYNTAX);
}

static rc number(struct view text, uint32_t *ret)
{
	uint64_t n;

	TRY(num_parse_u64((const char *)text.ptr, text.len, UINT32_MAX, &n));
	*ret = (uint32_t)n;
	return OK;
}

static rc read_fields(struct view rest, struct claims *ret)
{
	struct view version;
	struct view value;

	if (!rc_is_ok(view_until(&rest, ' ', &version)) || !view_is(version, "v1") ||
	    !next_field(&rest, "host", &value))
		return RC(RC_SYNTAX);
	TRY(name_parse(value, &ret->host));
	if (!next_field(&rest, "uid", &value))
		return RC(RC_SYNTAX);
	TRY(number(value, &ret->uid));
	if (!next_field(&rest, "pid", &value))
		return RC(RC_SYNTAX);
	TRY(number(value, &ret->pid));
	if (next_field(&rest, "user", &value))
		TRY(unescape(value, ret->user, CLAIMS_USER_MAX));
	if (next_field(&rest, "program", &value))
		TRY(unescape(value, ret->program, CLAIMS_PROGRAM_MAX));
	if (next_field(&rest, "sha256", &value)) {
		TRY(digest_parse(value, &ret->sha256));
		ret->has_sha256 = true;
	}
	return rest.len == 0 ? OK : RC(RC_SYNTAX);
}

rc claims_parse(struct view text, struct claims *ret, struct fault *f)
{
	AUTO(buf) struct buf again = {0};
	struct claims c = {0};
	rc r;

	if (text.len > CLAIMS_TEXT_MAX)
		return fault_set(f, RC_LIMIT, 0, "%s: over %d bytes", CLAIMS_HEADER,
				 CLAIMS_TEXT_MAX);
	r = read_fields(text, &c);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0,
				 "%s: v1 host= uid= pid= user= program= sha256=", CLAIMS_HEADER);
	/* Whatever was read leniently above shows here. */
	buf_init(&again, CLAIMS_TEXT_MAX);
	TRY(claims_encode(&c, &again));
	if (!view_is_equal(buf_view(&again), text))
		return fault_set(f, RC_NONCANON, 0, "%s: written differently", CLAIMS_HEADER);
	*ret = c;
	return OK;
}
