/* Fuzz target: an archive's Packages or status file, and its Release file. What is read are strings
 * of one line, never longer than the text, and each stanza takes something off it. */
#include <assert.h>
#include <string.h>

#include "prog/cli/deb822.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t one_line(const char *text, size_t cap)
{
	size_t n = strnlen(text, cap);

	assert(n < cap && memchr(text, '\n', n) == NULL);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct digest index = digest_of(view_str("Packages"));
	struct view rest = view_of(data, size);
	size_t left = rest.len;
	struct stanza s;

	while (stanza_next(&rest, &s)) {
		size_t n = one_line(s.package, sizeof(s.package)) +
			   one_line(s.version, sizeof(s.version)) +
			   one_line(s.architecture, sizeof(s.architecture)) +
			   one_line(s.multi, sizeof(s.multi)) +
			   one_line(s.status, sizeof(s.status)) +
			   one_line(s.filename, sizeof(s.filename)) +
			   one_line(s.sha256, sizeof(s.sha256));

		assert(rest.len < left && n <= left - rest.len);
		left = rest.len;
	}
	rc_ignore(release_names(view_of(data, size), &index, 1, NULL), "whatever it says");
	return 0;
}
