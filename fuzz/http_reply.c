/* Fuzz target: the head of an answer and its chunks. What is taken ends in one place, however it
 * was cut into pieces. */
#include <assert.h>

#include "lib/net/http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes of body, or SIZE_MAX: refused. *ret_rest: what is left behind the end. */
static size_t body(struct view all, size_t step, size_t *ret_rest)
{
	struct http_chunks c = {0};
	struct view in = view_of(all.ptr, 0);
	struct view data;
	size_t total = 0;

	while (c.at != CHUNK_DONE && (in.len > 0 || all.len > 0)) {
		if (in.len == 0)
			rc_ignore(view_take(&all, all.len < step ? all.len : step, &in), "it fits");
		if (!rc_is_ok(http_chunks_next(&c, &in, &data)))
			return SIZE_MAX;
		total += data.len;
	}
	*ret_rest = in.len + all.len;
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size);
	size_t head = http_reply_head_size(v);
	size_t rest[2] = {0};
	struct http_reply r;
	struct fault f;

	if (head > 0 && rc_is_ok(http_reply_parse(view_of(data, head), &r, &f)))
		assert(r.status >= 100 && r.status <= 599 &&
		       (r.size == 0 || r.framing == HTTP_SIZED));
	v = view_of(data + head, size - head);
	assert(body(v, 1, &rest[0]) == body(v, SIZE_MAX, &rest[1]) && rest[0] == rest[1]);
	return 0;
}
