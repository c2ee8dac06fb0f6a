#include "prog/guard/words.h"

void words_put(struct buf *out, const char *name, const char *text, size_t len)
{
	buf_printf(out, ",\"%s\":\"", name);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			buf_printf(out, "\\u00%02x", c);
		else
			buf_put_u8(out, c);
	}
	buf_put_u8(out, '"');
}
