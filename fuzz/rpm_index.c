/* The XML of an rpm repository, in pieces of two sizes: whatever the bytes, reading ends the same
 * way, and what is read are strings. */
#include <stdlib.h>
#include <string.h>

#include "lib/format/rpm_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rc visit(void *ctx, const struct rpm_index_row *row, struct fault *f)
{
	(void)f;
	++*(size_t *)ctx;
	if (strnlen(row->name, sizeof(row->name)) == sizeof(row->name) ||
	    strnlen(row->version, sizeof(row->version)) == sizeof(row->version) ||
	    strnlen(row->architecture, sizeof(row->architecture)) == sizeof(row->architecture) ||
	    strnlen(row->location, sizeof(row->location)) == sizeof(row->location))
		abort();
	return OK;
}

static rc read_in(struct view v, size_t piece, size_t *rows)
{
	AUTO(rpm_index) struct rpm_index *x = NULL;
	enum rpm_index_kind kind;

	TRY(rpm_index_new(visit, rows, &x));
	for (size_t n; v.len > 0; v = view_of(v.ptr + n, v.len - n)) {
		n = v.len < piece ? v.len : piece;
		TRY(rpm_index_feed(x, view_of(v.ptr, n), NULL));
	}
	return rpm_index_end(x, &kind, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole = 0, parts = 0;

	if (rc_is_ok(read_in(view_of(data, size), size, &whole)) !=
		    rc_is_ok(read_in(view_of(data, size), 7, &parts)) ||
	    whole != parts)
		abort();
	return 0;
}
