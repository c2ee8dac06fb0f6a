#include "prog/jwksd/conf.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"
#include "lib/base/num.h"

#define CONF_BYTES 65536u

enum type { TEXT, NUMBER, ISSUER };

static const struct {
	const char *name;
	enum type type;
	size_t offset;
	size_t size; /* of a text */
	uint64_t min;
	uint64_t max;
	const char *fallback;
	const char *help;
} table[] = {
#define TEXT_ROW(n, m, d, h)                                                                       \
	{                                                                                          \
		n, TEXT, offsetof(struct conf, m), sizeof(((struct conf *)NULL)->m), 0, 0, d, h    \
	}
#define NUMBER_ROW(n, m, lo, hi, d, h)                                                             \
	{                                                                                          \
		n, NUMBER, offsetof(struct conf, m), 0, lo, hi, d, h                               \
	}
#define ISSUER_ROW(n, h)                                                                           \
	{                                                                                          \
		n, ISSUER, 0, 0, 0, 0, NULL, h                                                     \
	}
	TEXT_ROW("keeper-socket", keeper_socket, "/run/greatseal-keeper/jwks",
		 "the keeper's socket for key sets"),
	ISSUER_ROW("issuer", "https://ISSUER, or with the address of its keys; may be repeated"),
	TEXT_ROW("ca-file", ca_file, "", "PEM certificates of authorities; empty: the system's"),
	NUMBER_ROW("interval", interval, 1, 43200, "600", "seconds between two looks"),
	NUMBER_ROW("timeout", timeout, 1, 120, "20", "seconds that one answer may take"),
};
#define ROWS (sizeof(table) / sizeof(table[0]))

/* "https://ISSUER" or "https://ISSUER https://KEYS". */
static rc add_issuer(struct conf *c, struct view value, struct fault *f)
{
	const uint8_t *space = memchr(value.ptr, ' ', value.len);
	struct view url = space == NULL ? value : view_of(value.ptr, (size_t)(space - value.ptr));
	struct issuer *to = &c->issuers[c->issuer_count];
	struct address a;

	if (c->issuer_count == CONF_ISSUERS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u issuers", CONF_ISSUERS_MAX);
	TRY(address_parse(url, &a, f));
	if (url.len > CONF_ISSUER_MAX || memchr(url.ptr, '?', url.len) != NULL)
		return fault_set(f, RC_SYNTAX, 0, "an issuer is at most %u bytes, without '?'",
				 CONF_ISSUER_MAX);
	for (size_t i = 0; i < c->issuer_count; i++)
		if (view_is(url, c->issuers[i].url))
			return fault_set(f, RC_DUPLICATE, 0, "issuer %s twice", c->issuers[i].url);
	*to = (struct issuer){.url = ""};
	memcpy(to->url, url.ptr, url.len);
	if (space != NULL) {
		value = view_of(space, value.len - url.len);
		while (value.len > 0 && value.ptr[0] == ' ')
			value = view_of(value.ptr + 1, value.len - 1);
		TRY(address_parse(value, &a, f));
		memcpy(to->jwks_uri, value.ptr, value.len);
	}
	c->issuer_count++;
	return OK;
}

static rc set_row(struct conf *c, size_t i, struct view value, struct fault *f)
{
	char *at = (char *)c + table[i].offset;
	uint64_t n;

	switch (table[i].type) {
	case TEXT:
		if (value.len >= table[i].size || memchr(value.ptr, 0, value.len) != NULL)
			return fault_set(f, RC_LIMIT, 0, "%s is too long", table[i].name);
		memcpy(at, value.ptr, value.len);
		at[value.len] = '\0';
		return OK;
	case NUMBER:
		if (!rc_is_ok(
			    num_parse_u64((const char *)value.ptr, value.len, table[i].max, &n)) ||
		    n < table[i].min)
			return fault_set(f, RC_RANGE, 0, "%s must be a number from %llu to %llu",
					 table[i].name, (unsigned long long)table[i].min,
					 (unsigned long long)table[i].max);
		memcpy(at, &n, sizeof(n));
		return OK;
	case ISSUER:
		return add_issuer(c, value, f);
	}
	return RC(RC_UNKNOWN);
}

void conf_defaults(struct conf *c)
{
	*c = (struct conf){.issuer_count = 0};
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].fallback != NULL)
			rc_ignore(set_row(c, i, view_str(table[i].fallback), NULL),
				  "the table's own values fit");
}

rc conf_set(struct conf *c, struct view name, struct view value, struct fault *f)
{
	for (size_t i = 0; i < ROWS; i++)
		if (view_is(name, table[i].name))
			return set_row(c, i, value, f);
	return fault_set(f, RC_UNKNOWN, 0, "%.*s: no such setting; see greatseal-jwksd(8)",
			 name.len > 64 ? 64 : (int)name.len, (const char *)name.ptr);
}

static struct view trim(struct view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t'))
		v = view_of(v.ptr + 1, v.len - 1);
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t'))
		v.len--;
	return v;
}

static rc take_line(struct conf *c, struct view line, struct fault *f)
{
	const uint8_t *equals;
	size_t at;

	line = trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return OK;
	equals = memchr(line.ptr, '=', line.len);
	if (equals == NULL)
		return fault_set(f, RC_SYNTAX, 0, "not NAME = VALUE");
	at = (size_t)(equals - line.ptr);
	return conf_set(c, trim(view_of(line.ptr, at)),
			trim(view_of(equals + 1, line.len - at - 1)), f);
}

rc conf_load(struct conf *c, const char *path, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	struct view rest;
	unsigned number = 0;

	buf_init(&text, CONF_BYTES);
	TRY(file_read(path, &text, f));
	rest = buf_view(&text);
	while (rest.len > 0) {
		const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end == NULL ? rest.len : (size_t)(end - rest.ptr);
		struct fault why = {0};
		rc r = take_line(c, view_of(rest.ptr, len), &why);

		number++;
		if (!rc_is_ok(r))
			return fault_set(f, r.code, number, "%s:%u: %s", path, number, why.text);
		rest = view_of(rest.ptr + len, rest.len - len);
		if (rest.len > 0)
			rest = view_of(rest.ptr + 1, rest.len - 1);
	}
	return OK;
}

rc conf_check(const struct conf *c, struct fault *f)
{
	return c->issuer_count > 0 ? OK : fault_set(f, RC_USAGE, 0, "there is no issuer");
}

void conf_print(void)
{
	for (size_t i = 0; i < ROWS; i++)
		(void)printf("  --%-14s %s%s%s%s\n", table[i].name, table[i].help,
			     table[i].fallback != NULL ? " [" : "",
			     table[i].fallback != NULL ? table[i].fallback : "",
			     table[i].fallback != NULL ? "]" : "");
}
