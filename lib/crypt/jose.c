#include "lib/crypt/jose.h"

#include <string.h>

#include "lib/codec/base64.h"
#include "lib/codec/json_depth.h"

const char *jose_alg_name(enum jose_alg alg)
{
	static const char *const names[] = {
		[JOSE_RS256] = "RS256", [JOSE_ES256] = "ES256", [JOSE_EDDSA] = "EdDSA"};
	_Static_assert(sizeof(names) / sizeof(names[0]) == JOSE_ALGS, "a name for each");

	return names[alg];
}

static enum rc_code code_of(enum json_error_code e)
{
	if (e == json_error_out_of_memory)
		return RC_NOMEM;
	return e == json_error_duplicate_key ? RC_DUPLICATE : RC_SYNTAX;
}

rc jose_object(const char *what, struct view bytes, size_t max, json_t **ret, struct fault *f)
{
	json_error_t e;
	json_t *root;

	if (bytes.len > max)
		return fault_set(f, RC_LIMIT, 0, "%s: %zu bytes, at most %zu", what, bytes.len,
				 max);
	TRY(json_depth_check(what, bytes, JOSE_DEPTH_MAX, f));
	root = json_loadb((const char *)bytes.ptr, bytes.len, JSON_REJECT_DUPLICATES, &e);
	if (root == NULL)
		return fault_set(f, code_of(json_error_code(&e)), (uint64_t)e.position, "%s: %s",
				 what, e.text);
	if (!json_is_object(root)) {
		json_decref(root);
		return fault_set(f, RC_SYNTAX, 0, "%s: not an object", what);
	}
	*ret = root;
	return OK;
}

rc jose_text(const char *what, const json_t *object, const char *name, size_t max, struct view *ret,
	     struct fault *f)
{
	const json_t *v = json_object_get(object, name);
	struct view text;

	if (v == NULL)
		return fault_set(f, RC_SYNTAX, 0, "%s: there is no \"%s\"", what, name);
	if (!json_is_string(v))
		return fault_set(f, RC_SYNTAX, 0, "%s: \"%s\" is not a text", what, name);
	text = view_of(json_string_value(v), json_string_length(v));
	if (text.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "%s: \"%s\" is empty", what, name);
	if (text.len > max)
		return fault_set(f, RC_LIMIT, 0, "%s: \"%s\" has %zu bytes, at most %zu", what,
				 name, text.len, max);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			return fault_set(f, RC_SYNTAX, i, "%s: \"%s\" has a control character",
					 what, name);
	*ret = text;
	return OK;
}

rc jose_bytes(const char *what, const json_t *object, const char *name, struct buf *out,
	      struct fault *f)
{
	struct view text;
	rc r;

	TRY(jose_text(what, object, name, base64_size(BASE64_URL, out->max), &text, f));
	r = base64_parse(BASE64_URL, text, out, f);
	return rc_is_ok(r) ? OK : fault_wrap(f, r, "%s: \"%s\"", what, name);
}
