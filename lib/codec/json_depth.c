#include "lib/codec/json_depth.h"

rc json_depth_check(const char *what, struct view bytes, size_t most, struct fault *f)
{
	size_t depth = 0;
	bool text = false;

	for (size_t i = 0; i < bytes.len; i++) {
		uint8_t c = bytes.ptr[i];

		if (text && c == '\\')
			i++;
		else if (c == '"')
			text = !text;
		else if (!text && (c == '{' || c == '['))
			depth++;
		else if (!text && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > most)
			return fault_set(f, RC_LIMIT, i, "%s: nested deeper than %zu", what, most);
	}
	return OK;
}
