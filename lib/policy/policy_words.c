/* The words of a policy's lists: names, seats, formats, patterns. */
#include <stdio.h>

#include "lib/base/num.h"
#include "lib/policy/policy_read.h"

static const struct {
	const char *suffix;
	unsigned channels;
} suffixes[] = {
	{" (cli)", 1u << SSHKEY_CLI},
	{" (browser)", 1u << SSHKEY_BROWSER},
};
#define SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

/* Takes it off the end, if there is one. */
static unsigned channel_suffix(struct view *text)
{
	for (size_t i = 0; i < SUFFIXES; i++) {
		size_t n = strlen(suffixes[i].suffix);

		if (text->len > n &&
		    memcmp(text->ptr + text->len - n, suffixes[i].suffix, n) == 0) {
			text->len -= n;
			return suffixes[i].channels;
		}
	}
	return 0;
}

const char *seat_channel_text(const struct seat *s)
{
	for (size_t i = 0; i < SUFFIXES; i++)
		if (s->channels == suffixes[i].channels)
			return suffixes[i].suffix;
	return "";
}

rc seat_parse(struct view text, struct seat *ret)
{
	struct seat s = {0};
	struct view number;
	struct view of;
	uint64_t n;

	if (!rc_is_ok(view_until(&text, ' ', &number)) || !rc_is_ok(view_take(&text, 3, &of)) ||
	    !view_is(of, "of "))
		return RC(RC_SYNTAX);
	TRY(num_parse_u64((const char *)number.ptr, number.len, POLICY_SEATS_MAX, &n));
	s.count = (uint32_t)n;
	s.is_person = text.len > 0 && text.ptr[0] == '@';
	if (s.is_person)
		TRY(view_skip(&text, 1));
	s.channels = channel_suffix(&text);
	TRY(name_parse(text, &s.who));
	if (n == 0 || (s.is_person && n > 1))
		return RC(RC_RANGE);
	*ret = s;
	return OK;
}

void seat_text(const struct seat *s, char out[SEAT_TEXT])
{
	(void)snprintf(out, SEAT_TEXT, "%u of %s%s%s", (unsigned)s->count, s->is_person ? "@" : "",
		       s->who.s, seat_channel_text(s));
}

rc subject_ref_parse(struct view text, struct subject_ref *ret)
{
	struct subject_ref s = {0};
	struct view rest = text;
	struct view kind;

	if (rc_is_ok(view_until(&rest, ':', &kind))) {
		s.is_group = view_is(kind, "group");
		s.is_service = view_is(kind, "service");
		s.is_issuer = view_is(kind, "issuer");
		if (!s.is_group && !s.is_service && !s.is_issuer)
			return RC(RC_SYNTAX);
		text = rest;
	}
	if (!s.is_service || !view_is(text, "*"))
		TRY(name_parse(text, &s.name));
	*ret = s;
	return OK;
}

bool subject_ref_matches(const struct subject_ref *s, const struct principal *p)
{
	if (s->is_service)
		return p->kind == PRINCIPAL_SERVICE &&
		       (s->name.s[0] == '\0' || name_is_equal(&s->name, &p->name));
	if (p->kind == PRINCIPAL_SERVICE || s->is_issuer)
		return false;
	return s->is_group ? principal_is_member(p, &s->name) : name_is_equal(&s->name, &p->name);
}

static rc parse_name(struct view text, void *out)
{
	return name_parse(text, (struct name *)out);
}

static bool same_name(const void *a, const void *b)
{
	return name_is_equal((const struct name *)a, (const struct name *)b);
}

static rc parse_ref(struct view text, void *out)
{
	return subject_ref_parse(text, (struct subject_ref *)out);
}

static bool same_ref(const void *a, const void *b)
{
	const struct subject_ref *x = (const struct subject_ref *)a;
	const struct subject_ref *y = (const struct subject_ref *)b;

	return x->is_group == y->is_group && x->is_service == y->is_service &&
	       x->is_issuer == y->is_issuer && name_is_equal(&x->name, &y->name);
}

static rc parse_seat(struct view text, void *out)
{
	return seat_parse(text, (struct seat *)out);
}

static bool same_seat(const void *a, const void *b)
{
	const struct seat *x = (const struct seat *)a;
	const struct seat *y = (const struct seat *)b;

	return x->is_person == y->is_person && x->channels == y->channels &&
	       name_is_equal(&x->who, &y->who);
}

#define FORMAT_SIZE sizeof(((struct rule *)0)->formats[0])

static rc parse_format(struct view text, void *out)
{
	char *format = (char *)out;

	if (text.len == 0)
		return RC(RC_SYNTAX);
	if (text.len >= FORMAT_SIZE)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!alnum && (i == 0 || (c != '.' && c != '-')))
			return RC(RC_SYNTAX);
	}
	memset(format, 0, FORMAT_SIZE);
	memcpy(format, text.ptr, text.len);
	return OK;
}

static bool same_format(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b) == 0;
}

static rc parse_glob(struct view text, void *out)
{
	return glob_parse(text, (struct glob *)out);
}

static bool same_glob(const void *a, const void *b)
{
	return strcmp(((const struct glob *)a)->s, ((const struct glob *)b)->s) == 0;
}

const struct list_kind list_names = {sizeof(struct name), POLICY_LIST_MAX, parse_name, same_name};
const struct list_kind list_formats = {FORMAT_SIZE, POLICY_FORMATS_MAX, parse_format, same_format};
const struct list_kind list_globs = {sizeof(struct glob), POLICY_LIST_MAX, parse_glob, same_glob};
const struct list_kind list_refs = {sizeof(struct subject_ref), POLICY_LIST_MAX, parse_ref,
				    same_ref};
const struct list_kind list_seats = {sizeof(struct seat), POLICY_SEATS_MAX, parse_seat, same_seat};
