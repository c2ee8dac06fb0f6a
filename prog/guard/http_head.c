#include "prog/guard/http_head.h"

#include <string.h>
#include <strings.h>

#include "lib/base/num.h"

/* A line without its CR LF. */
static rc line_next(struct view *v, struct view *ret, struct fault *f)
{
	struct view line;

	if (!rc_is_ok(view_until(v, '\n', &line)))
		return fault_set(f, RC_TRUNCATED, 0, "answer: the head has no end");
	if (line.len == 0 || line.ptr[line.len - 1] != '\r')
		return fault_set(f, RC_SYNTAX, 0, "answer: a line ends without CR");
	line.len--;
	for (size_t i = 0; i < line.len; i++)
		if ((line.ptr[i] < 0x20 && line.ptr[i] != '\t') || line.ptr[i] == 0x7f)
			return fault_set(f, RC_SYNTAX, 0, "answer: a control character");
	*ret = line;
	return OK;
}

/* "HTTP/1.1 200 OK" */
static rc take_status(struct view line, unsigned *ret, struct fault *f)
{
	static const char version[] = "HTTP/1.1 ";
	const size_t n = sizeof(version) - 1;
	uint64_t status;

	if (line.len < n + 3 || !view_is(view_of(line.ptr, n), version) ||
	    (line.len > n + 3 && line.ptr[n + 3] != ' ') ||
	    !rc_is_ok(num_parse_u64((const char *)line.ptr + n, 3, 599, &status)))
		return fault_set(f, RC_SYNTAX, 0, "answer: not one of HTTP/1.1");
	if (status < 200)
		return fault_set(f, RC_UNSUPPORTED, 0, "answer: status %u", (unsigned)status);
	*ret = (unsigned)status;
	return OK;
}

static struct view trimmed(struct view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t'))
		v = view_of(v.ptr + 1, v.len - 1);
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t'))
		v.len--;
	return v;
}

static bool is_name(struct view name, const char *want)
{
	return name.len == strlen(want) && strncasecmp((const char *)name.ptr, want, name.len) == 0;
}

static rc take_field(struct view line, struct http_head *ret, bool *has_length, struct fault *f)
{
	struct view value = line;
	struct view name;

	if (!rc_is_ok(view_until(&value, ':', &name)) || name.len == 0 ||
	    memchr(name.ptr, ' ', name.len) != NULL || memchr(name.ptr, '\t', name.len) != NULL)
		return fault_set(f, RC_SYNTAX, 0, "answer: a line of the head is no field");
	if (is_name(name, "Transfer-Encoding"))
		return fault_set(f, RC_UNSUPPORTED, 0, "answer: of unknown length");
	if (!is_name(name, "Content-Length"))
		return OK;
	if (*has_length)
		return fault_set(f, RC_DUPLICATE, 0, "answer: two lengths");
	*has_length = true;
	value = trimmed(value);
	if (!rc_is_ok(num_parse_u64((const char *)value.ptr, value.len, INT64_MAX, &ret->length)))
		return fault_set(f, RC_LIMIT, 0, "answer: its length is none");
	return OK;
}

static rc parse(struct view bytes, struct http_head *ret, struct fault *f)
{
	struct view v = bytes;
	bool has_length = false;
	struct view line;

	TRY(line_next(&v, &line, f));
	TRY(take_status(line, &ret->status, f));
	for (;;) {
		TRY(line_next(&v, &line, f));
		if (line.len == 0)
			break;
		TRY(take_field(line, ret, &has_length, f));
	}
	if (!has_length)
		return fault_set(f, RC_UNSUPPORTED, 0, "answer: of unknown length");
	ret->size = bytes.len - v.len;
	return OK;
}

rc http_head_parse(struct view bytes, struct http_head *ret, struct fault *f)
{
	struct view v = bytes.len > HTTP_HEAD_MAX ? view_of(bytes.ptr, HTTP_HEAD_MAX) : bytes;
	struct http_head head = {.status = 0};
	rc r = parse(v, &head, f);

	if (r.code == RC_TRUNCATED && bytes.len >= HTTP_HEAD_MAX)
		return fault_set(f, RC_LIMIT, 0, "answer: a head of more than %u bytes",
				 HTTP_HEAD_MAX);
	TRY(r);
	*ret = head;
	return OK;
}
