/* Tile paths: path(parse(x)) == x. Bundles: what checks as n entries is n entries, put back the
 * same. */
#include <stdlib.h>

#include "lib/tlog/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void bundle(struct view v, unsigned width)
{
	struct view rest = v;
	struct view entry;
	AUTO(buf) struct buf b;

	buf_init(&b, TILE_BUNDLE_MAX);
	if (!rc_is_ok(bundle_check(v, width, NULL)))
		return;
	while (rc_is_ok(bundle_next(&rest, &entry)))
		bundle_put(&b, entry);
	if (rest.len != 0 || !view_is_equal(buf_view(&b), v))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size);
	char path[TILE_PATH];
	struct tile_id id;
	uint8_t width;

	if (rc_is_ok(tile_path_parse(v, &id))) {
		tile_path(&id, path);
		if (!view_is(v, path))
			abort();
	}
	if (rc_is_ok(view_u8(&v, &width)))
		bundle(v, width);
	return 0;
}
