/* A source that is accepted compiles to a document that its parser takes or refuses; its layout is
 * accepted too, stays as it is, and compiles to the same. */
#include <stdlib.h>

#include "lib/codec/jcan.h"
#include "lib/model/statement.h"
#include "lib/policy/cases.h"
#include "lib/policy/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(enum source_kind kind, struct view document)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = NULL;
	AUTO(cases) struct cases c = {0};
	struct fault f;

	if (kind == SOURCE_POLICY)
		rc_ignore(policy_parse(document, &p, &f), "both are answers");
	else if (kind == SOURCE_ROSTER)
		rc_ignore(roster_parse(document, &r, &f), "both are answers");
	else
		rc_ignore(cases_parse(document, &c, &f), "both are answers");
}

/* Reads, compiles and formats; false if it is refused. */
static bool run(enum source_kind kind, struct view text, struct buf *compiled, struct buf *layout)
{
	AUTO(source) struct source *s = NULL;
	struct fault f;

	buf_init(compiled, 4 * SOURCE_BYTES_MAX);
	buf_init(layout, 4 * SOURCE_BYTES_MAX);
	if (!rc_is_ok(source_read(kind, text, &s, &f)))
		return false;
	if (!rc_is_ok(source_compile(s, compiled, &f)) || !rc_is_ok(source_fmt(s, layout)) ||
	    !rc_is_ok(jcan_check(buf_view(compiled), &f)))
		abort();
	parse(kind, buf_view(compiled));
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (unsigned k = 0; k < SOURCE_KINDS; k++) {
		AUTO(buf) struct buf compiled, layout, compiled2 = {0}, layout2 = {0};
		enum source_kind kind = (enum source_kind)k;

		if (run(kind, view_of(data, size), &compiled, &layout) &&
		    (!run(kind, buf_view(&layout), &compiled2, &layout2) ||
		     !view_is_equal(buf_view(&compiled), buf_view(&compiled2)) ||
		     !view_is_equal(buf_view(&layout), buf_view(&layout2))))
			abort();
	}
	return 0;
}
