/* x509_subject - subject text to DER Name (RFC 5280 4.1.2.4); see x509_subject_encode in x509.h. */
#include <string.h>

#include "lib/codec/der.h"
#include "lib/codec/utf8.h"
#include "lib/crypt/x509.h"

#define VALUE_MAX 64 /* RFC 5280 A.1: ub-common-name, ub-organization-name and so on */
#define PARTS_MAX 6

static const struct {
	const char *name;
	uint8_t arc; /* 2.5.4.arc */
} types[PARTS_MAX] = {{"CN", 3}, {"O", 10}, {"OU", 11}, {"L", 7}, {"ST", 8}, {"C", 6}};

struct part {
	size_t type;
	size_t len;
	uint8_t value[VALUE_MAX];
};

static rc read_type(struct view *text, size_t *ret, struct fault *f)
{
	struct view name;

	if (!rc_is_ok(view_until(text, '=', &name)))
		return fault_set(f, RC_SYNTAX, 0, "subject: a part without '='");
	for (size_t i = 0; i < PARTS_MAX; i++)
		if (view_is(name, types[i].name)) {
			*ret = i;
			return OK;
		}
	return fault_set(f, RC_UNKNOWN, 0, "subject: type is none of CN, O, OU, L, ST, C");
}

/* Up to the next bare comma, which is read; *ret_more is false at the end of the text. */
static rc read_value(struct view *text, struct part *p, bool *ret_more, struct fault *f)
{
	uint8_t c;

	p->len = 0;
	*ret_more = false;
	while (text->len > 0) {
		TRY(view_u8(text, &c));
		if (c == ',') {
			*ret_more = true;
			return OK;
		}
		if (c == '\\') {
			if (!rc_is_ok(view_u8(text, &c)) || (c != ',' && c != '\\'))
				return fault_set(f, RC_SYNTAX, 0,
						 "subject: only \\, and \\\\ are escapes");
		}
		if (c < 0x20 || c == 0x7f)
			return fault_set(f, RC_SYNTAX, 0, "subject: control character");
		if (p->len == VALUE_MAX)
			return fault_set(f, RC_LIMIT, 0, "subject: %s has more than %d bytes",
					 types[p->type].name, VALUE_MAX);
		p->value[p->len++] = c;
	}
	return OK;
}

static rc check_value(const struct part *p, struct fault *f)
{
	if (p->len == 0 || p->value[0] == ' ' || p->value[p->len - 1] == ' ')
		return fault_set(f, RC_SYNTAX, 0,
				 "subject: %s is empty or begins or ends with a space",
				 types[p->type].name);
	if (!rc_is_ok(utf8_check(view_of(p->value, p->len), NULL)))
		return fault_set(f, RC_SYNTAX, 0, "subject: %s is not UTF-8", types[p->type].name);
	if (strcmp(types[p->type].name, "C") != 0)
		return OK;
	if (p->len != 2 || p->value[0] < 'A' || p->value[0] > 'Z' || p->value[1] < 'A' ||
	    p->value[1] > 'Z')
		return fault_set(f, RC_SYNTAX, 0, "subject: C is two capital letters (ISO 3166)");
	return OK;
}

static void put_part(struct der *d, const struct part *p)
{
	const uint8_t oid[] = {0x55, 0x04, types[p->type].arc};
	bool country = strcmp(types[p->type].name, "C") == 0;
	size_t end = der_mark(d);

	der_put(d, country ? DER_PRINTABLE_STRING : DER_UTF8_STRING, view_of(p->value, p->len));
	der_put(d, DER_OID, view_of(oid, sizeof(oid)));
	der_wrap(d, DER_SEQUENCE, end);
	der_wrap(d, DER_SET, end);
}

rc x509_subject_encode(struct view text, struct buf *out, struct fault *f)
{
	struct part parts[PARTS_MAX];
	uint8_t mem[PARTS_MAX * (VALUE_MAX + 16)];
	unsigned seen = 0;
	size_t n = 0;
	bool more = true;
	struct der d;

	while (more) {
		struct part p;

		TRY(read_type(&text, &p.type, f));
		if ((seen & 1U << p.type) != 0)
			return fault_set(f, RC_DUPLICATE, 0, "subject: %s appears twice",
					 types[p.type].name);
		seen |= 1U << p.type;
		TRY(read_value(&text, &p, &more, f));
		TRY(check_value(&p, f));
		parts[n++] = p;
	}
	if ((seen & 1U) == 0)
		return fault_set(f, RC_SYNTAX, 0, "subject: CN is missing");
	der_init(&d, mem, sizeof(mem));
	while (n > 0)
		put_part(&d, &parts[--n]);
	der_wrap(&d, DER_SEQUENCE, sizeof(mem));
	return der_done(&d, out);
}
