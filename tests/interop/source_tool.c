/* source_tool - for yaml.sh: source_tool KIND FILE prints the canonical JSON that the file compiles
 * to, whether or not it fits with anything. */
#include <stdio.h>

#include "lib/base/fd.h"
#include "lib/model/statement.h"
#include "lib/policy/source.h"

int main(int argc, char **argv)
{
	AUTO(source) struct source *s = NULL;
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf out = {0};
	enum source_kind kind = SOURCE_POLICY;
	struct fault f = {0};

	buf_init(&text, SOURCE_BYTES_MAX);
	buf_init(&out, DOCUMENT_BYTES_MAX);
	if (argc != 3 || !rc_is_ok(source_kind_parse(view_str(argv[1]), &kind))) {
		(void)fprintf(stderr, "usage: source_tool KIND FILE\n");
		return 2;
	}
	if (!rc_is_ok(file_read(argv[2], &text, &f)) ||
	    !rc_is_ok(source_read(kind, buf_view(&text), &s, &f)) ||
	    !rc_is_ok(source_compile(s, &out, &f))) {
		(void)fprintf(stderr, "%s\n", f.text);
		return 1;
	}
	return fwrite(out.ptr, 1, out.len, stdout) == out.len ? 0 : 1;
}
