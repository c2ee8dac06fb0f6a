#include "prog/worker/answer.h"

#include <stdio.h>
#include <string.h>

#include "lib/crypt/digest.h"
#include "lib/format/clean.h"

rc answer_put(json_t *o, const char *key, json_t *v)
{
	return json_object_set_new(o, key, v) == 0 ? OK : RC(RC_NOMEM);
}

rc answer_u64(json_t *o, const char *key, uint64_t v)
{
	return answer_put(o, key, json_integer((json_int_t)v));
}

rc answer_hex(json_t *o, const char *key, struct view bytes)
{
	char text[2 * HASH_MAX_SIZE + 1] = "";

	if (bytes.len > HASH_MAX_SIZE)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < bytes.len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes.ptr[i]);
	return answer_put(o, key, json_string(text));
}

rc answer_text(json_t *o, const char *key, const char *text)
{
	AUTO(buf) struct buf b = {0};

	buf_init(&b, 4096);
	(void)clean_put(&b, view_str(text), CLEAN_LINE, 4095);
	TRY(buf_done(&b));
	return answer_put(o, key, json_string(buf_cstr(&b)));
}

rc format_named(const char *name, const struct format_file **ret, struct fault *f)
{
	const struct format_file *format = format_file_find(view_str(name));

	if (format == NULL)
		return fault_set(f, RC_UNKNOWN, 0, "format: unknown name");
	*ret = format;
	return OK;
}
