#include "prog/server/log_bundle.h"

void log_bundle_release(struct log_bundle *b)
{
	buf_release(&b->bytes);
	b->width = 0;
}

rc log_bundle_read(struct server *s, struct log_bundle *b, uint64_t index, uint64_t size,
		   struct fault *f)
{
	const struct tile_id id = {
		.level = TILE_ENTRIES, .index = index, .width = tile_width(0, index, size)};
	int fd = server_log_fd(s);
	struct tile_reader reader = tile_dir_reader(&fd);
	struct view rest;

	if (b->width == id.width && b->index == index)
		return OK;
	if (b->bytes.max == 0)
		buf_init(&b->bytes, TILE_BUNDLE_MAX);
	b->width = 0;
	if (fd < 0)
		return fault_set(f, RC_NOTFOUND, 0, "%s is not there", s->conf.public_log);
	TRY(reader.read(reader.ctx, &id, &b->bytes, f));
	TRY(bundle_check(buf_view(&b->bytes), id.width, f));
	rest = buf_view(&b->bytes);
	for (unsigned i = 0; i < id.width; i++)
		TRY(bundle_next(&rest, &b->entries[i]));
	b->index = index;
	b->width = id.width;
	return OK;
}

bool log_bundle_leaf(const struct log_bundle *b, uint64_t at, enum leaf_kind kind, struct leaf *ret)
{
	return at % TILE_WIDTH < b->width &&
	       rc_is_ok(leaf_parse(b->entries[at % TILE_WIDTH], ret, NULL)) && ret->kind == kind;
}
