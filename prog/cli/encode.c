#include "prog/cli/encode.h"

#include "lib/base/secret.h"
#include "lib/codec/base64.h"

rc json_put_base64(struct cli *c, json_t *object, const char *name, struct view bytes)
{
	AUTO(buf) struct buf text = {0};
	json_t *value;
	int failed;

	buf_init(&text, base64_size(BASE64_STD, bytes.len) + 1);
	base64_put(BASE64_STD, bytes, &text);
	if (!rc_is_ok(buf_done(&text)))
		return cli_problem(c, RC_NOMEM, "", "no memory");
	value = json_stringn(text.len == 0 ? "" : (const char *)text.ptr, text.len);
	if (text.ptr != NULL)
		secret_wipe(text.ptr, text.cap); /* it may be a token */
	failed = name != NULL ? json_object_set_new(object, name, value)
			      : json_array_append_new(object, value);
	return failed != 0 ? cli_problem(c, RC_NOMEM, "", "no memory") : OK;
}

void json_wipe(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (json_is_string(value))
		secret_wipe((char *)json_string_value(value), json_string_length(value));
}

rc json_base64(struct cli *c, const json_t *string, struct buf *out)
{
	const char *text = json_string_value(string);

	if (text == NULL || !rc_is_ok(base64_parse(BASE64_STD, view_str(text), out, NULL)))
		return cli_problem(c, RC_PEER, "update client and server",
				   "bytes are missing or are not base64");
	return OK;
}

rc json_get_base64(struct cli *c, const json_t *object, const char *name, struct buf *out)
{
	if (!rc_is_ok(json_base64(c, json_object_get(object, name), out)))
		return cli_problem(c, RC_PEER, "update client and server",
				   "\"%s\" is missing or is not base64", name);
	return OK;
}

rc json_get_digest(struct cli *c, const json_t *object, const char *name, struct digest *ret)
{
	if (!rc_is_ok(digest_parse(view_str(json_text(object, name)), ret)))
		return cli_problem(c, RC_PEER, "update client and server",
				   "\"%s\" is missing or is not a digest", name);
	return OK;
}
