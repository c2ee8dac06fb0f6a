/* Paths inside archives: what is hostile about one, and about all of them together. */
#include <stdlib.h>
#include <string.h>

#include "lib/format/inspect_tree.h"

/* Takes the next component off a path; false at its end. */
static bool component(struct view *path, struct view *ret)
{
	size_t n = 0;

	if (path->len == 0)
		return false;
	while (n < path->len && path->ptr[n] != '/')
		n++;
	*ret = view_of(path->ptr, n);
	path->ptr += n < path->len ? n + 1 : n;
	path->len -= n < path->len ? n + 1 : n;
	return true;
}

static bool is_absolute(struct view path)
{
	bool drive = path.len >= 2 && path.ptr[1] == ':' && (path.ptr[0] | 0x20) >= 'a' &&
		     (path.ptr[0] | 0x20) <= 'z';

	return path.len > 0 && (path.ptr[0] == '/' || path.ptr[0] == '\\' || drive);
}

static rc strange_bytes(struct inspection *in, struct view path)
{
	AUTO(buf) struct buf b = {0};

	buf_init(&b, INSPECT_PATH_MAX + 1);
	if (clean_put(&b, path, CLEAN_SHOWN, INSPECT_PATH_MAX))
		return finding(in, SEVERITY_ERROR, "path-too-long", path, "longer than %d bytes",
			       INSPECT_PATH_MAX);
	TRY(buf_done(&b));
	if (view_is_equal(buf_view(&b), path))
		return OK;
	return finding(in, SEVERITY_WARNING, "path-hidden-characters", path,
		       "control characters, invisible characters or bytes that are not UTF-8");
}

rc path_check(struct inspection *in, struct view path)
{
	struct view rest = path;
	struct view part;
	size_t count = 0;
	bool up = false;

	if (path.len == 0)
		return finding(in, SEVERITY_WARNING, "path-empty", NO_PATH, "a member has no name");
	while (component(&rest, &part)) {
		up = up || view_is(part, "..");
		count++;
	}
	if (up)
		TRY(finding(in, SEVERITY_WARNING, "path-up", path, "climbs out with \"..\""));
	if (is_absolute(path))
		TRY(finding(in, SEVERITY_WARNING, "path-absolute", path, "an absolute path"));
	if (count > INSPECT_COMPONENTS_MAX)
		TRY(finding(in, SEVERITY_WARNING, "path-too-deep", path, "%zu levels deep", count));
	if (memchr(path.ptr, '\\', path.len) != NULL)
		TRY(finding(in, SEVERITY_WARNING, "path-backslash", path,
			    "a backslash, which some systems take for \"/\""));
	return strange_bytes(in, path);
}

/* Whether target, followed from the directory of path (hard links: from the top), leaves the top.
 */
static bool leaves(struct view path, struct view target, bool hard)
{
	struct view part;
	size_t depth = 0;

	while (!hard && component(&path, &part))
		if (path.len > 0 && part.len > 0 && !view_is(part, "."))
			depth++;
	while (component(&target, &part)) {
		if (part.len == 0 || view_is(part, "."))
			continue;
		if (!view_is(part, ".."))
			depth++;
		else if (depth-- == 0)
			return true;
	}
	return false;
}

rc link_check(struct inspection *in, struct view path, struct view target, bool hard)
{
	if (leaves(path, target, hard))
		return finding(in, SEVERITY_WARNING, "link-escapes", path,
			       "the link leads out of the tree");
	if (hard && is_absolute(target))
		return finding(in, SEVERITY_WARNING, "link-escapes", path,
			       "a hard link to an absolute path");
	if (is_absolute(target))
		return finding(in, SEVERITY_NOTICE, "link-absolute", path,
			       "a symbolic link to an absolute path");
	return OK;
}

/* One entry for sorting: its normal path's digest, and where it is. */
struct item {
	uint64_t key;
	size_t index;
	bool dir;
	bool symlink;
};

static int item_compare(const void *a, const void *b)
{
	const struct item *x = (const struct item *)a;
	const struct item *y = (const struct item *)b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static uint64_t key_of(struct view normal)
{
	struct digest d = digest_of(normal);
	uint64_t key;

	memcpy(&key, d.b, sizeof(key));
	return key;
}

void path_normal(struct view path, struct buf *out)
{
	struct view part;

	buf_clear(out);
	while (component(&path, &part)) {
		if (part.len == 0 || view_is(part, "."))
			continue;
		if (out->len > 0)
			buf_put_u8(out, '/');
		buf_put_view(out, part);
	}
}

static struct view path_view(const json_t *entries, size_t i)
{
	const json_t *text = json_object_get(json_array_get(entries, i), "path");

	return view_of(json_string_value(text), json_string_length(text));
}

static rc duplicates(struct inspection *in, const json_t *entries, const struct item *items)
{
	for (size_t i = 1; i < json_array_size(entries); i++) {
		const struct item *a = &items[i - 1];
		const struct item *b = &items[i];

		if (a->key == b->key && !(a->dir && b->dir))
			TRY(finding(in, SEVERITY_WARNING, "path-duplicate",
				    path_view(entries, b->index),
				    "the same path twice: what is unpacked last wins"));
	}
	return OK;
}

static rc through_links(struct inspection *in, const json_t *entries, const struct item *links,
			size_t link_count)
{
	AUTO(buf) struct buf path = {0};

	buf_init(&path, INSPECT_PATH_MAX);
	for (size_t i = 0; i < json_array_size(entries) && link_count > 0; i++) {
		size_t level = 0;

		path_normal(path_view(entries, i), &path);
		TRY(buf_done(&path));
		for (size_t at = 0; at < path.len && level < INSPECT_COMPONENTS_MAX; at++) {
			struct item probe = {0};

			if (path.ptr[at] != '/')
				continue;
			level++;
			probe.key = key_of(view_of(path.ptr, at));
			/* Any link of that path will do, whatever its place. */
			for (size_t low = 0, high = link_count; low < high;) {
				size_t mid = low + (high - low) / 2;

				if (links[mid].key == probe.key) {
					TRY(finding(
						in, SEVERITY_WARNING, "path-through-link",
						path_view(entries, i),
						"leads through a symbolic link of the archive"));
					at = path.len;
					break;
				}
				if (links[mid].key < probe.key)
					low = mid + 1;
				else
					high = mid;
			}
		}
	}
	return OK;
}

static void items_release(struct item **items)
{
	free(*items);
}
AUTO_DEFINE(items, struct item *, items_release)

rc paths_check(struct inspection *in, const json_t *entries)
{
	size_t n = json_array_size(entries);
	AUTO(items) struct item *items = (struct item *)calloc(n + 1, sizeof(struct item));
	AUTO(buf) struct buf path = {0};
	size_t links = 0;

	if (items == NULL)
		return RC(RC_NOMEM);
	buf_init(&path, INSPECT_PATH_MAX);
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_array_get(entries, i);
		const char *type = json_string_value(json_object_get(e, "type"));

		path_normal(path_view(entries, i), &path);
		items[i].key = key_of(buf_view(&path));
		items[i].index = i;
		items[i].dir = type != NULL && strcmp(type, "dir") == 0;
		items[i].symlink = type != NULL && strcmp(type, "symlink") == 0;
	}
	TRY(buf_done(&path));
	qsort(items, n, sizeof(items[0]), item_compare);
	TRY(duplicates(in, entries, items));
	for (size_t i = 0; i < n; i++)
		if (items[i].symlink)
			items[links++] = items[i];
	return through_links(in, entries, items, links);
}
