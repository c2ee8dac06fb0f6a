#include "lib/tlog/tile_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"

/* ---- Reading
 * -----------------------------------------------------------------------------------*/

static rc read_path(int dirfd, const char *path, struct buf *out, struct fault *f)
{
	AUTO(fd) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	rc r;

	if (fd < 0)
		return fault_errno(f, errno, "%s", path);
	r = fd_read_all(fd, out, f);
	return rc_is_ok(r) ? r : fault_wrap(f, r, "%s", path);
}

/* Bytes of the first width entries or hashes of a file that holds id->width of them. */
static rc prefix_len(const struct tile_id *id, struct view file, unsigned width, size_t *ret,
		     struct fault *f)
{
	struct view rest = file;
	struct view entry;

	if (id->level != TILE_ENTRIES) {
		if (file.len != (size_t)id->width * DIGEST_SIZE)
			return fault_set(f, RC_CORRUPT, 0, "%zu bytes, not %u hashes", file.len,
					 id->width);
		*ret = (size_t)width * DIGEST_SIZE;
		return OK;
	}
	if (!rc_is_ok(bundle_check(file, id->width, f)))
		return RC(RC_CORRUPT);
	for (unsigned i = 0; i < width; i++)
		TRY(bundle_next(&rest, &entry));
	*ret = file.len - rest.len;
	return OK;
}

static rc read_tile(void *ctx, const struct tile_id *id, struct buf *out, struct fault *f)
{
	int dirfd = *(const int *)ctx;
	struct tile_id found = *id;
	char path[TILE_PATH];
	size_t len = 0;
	rc r;

	buf_clear(out);
	tile_path(&found, path);
	r = read_path(dirfd, path, out, f);
	if (r.code == RC_NOTFOUND && id->width < TILE_WIDTH) {
		found.width = TILE_WIDTH;
		tile_path(&found, path);
		r = read_path(dirfd, path, out, f);
	}
	if (r.code == RC_LIMIT)
		return fault_set(f, RC_CORRUPT, 0, "%s: larger than any tile", path);
	TRY(r);
	if (!rc_is_ok(prefix_len(&found, buf_view(out), id->width, &len, f)))
		return fault_wrap(f, RC(RC_CORRUPT), "%s", path);
	out->len = len;
	return OK;
}

struct tile_reader tile_dir_reader(const int *dirfd)
{
	return (struct tile_reader){.read = read_tile, .ctx = (void *)dirfd};
}

rc tile_dir_checkpoint(int dirfd, struct buf *out, struct fault *f)
{
	return read_path(dirfd, "checkpoint", out, f);
}

/* ---- Writing
 * -----------------------------------------------------------------------------------*/

static rc sync_dir(int dirfd, const char *path, struct fault *f)
{
	AUTO(fd) int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return fault_errno(f, errno, "%s: fsync", path);
	return OK;
}

/* Makes the directories above path. A new one is made durable, unless it is for partial tiles,
 * which are written again after a crash. */
static rc make_parents(int dirfd, const char *path, struct fault *f)
{
	char part[TILE_PATH];
	char parent[TILE_PATH] = ".";

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);

		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdirat(dirfd, part, 0755) == 0) {
			if (slash[-1] != 'p')
				TRY(sync_dir(dirfd, parent, f));
		} else if (errno != EEXIST) {
			return fault_errno(f, errno, "%s", part);
		}
		memcpy(parent, part, len + 1);
	}
	return OK;
}

static rc write_file(void *ctx, const char *path, struct view bytes, bool durable, struct fault *f)
{
	int dirfd = *(const int *)ctx;
	const struct file_spec spec = {
		.dirfd = dirfd, .name = path, .mode = 0644, .durable = durable};
	rc r = file_replace(&spec, bytes, f);

	if (r.code != RC_NOTFOUND)
		return r;
	TRY(make_parents(dirfd, path, f));
	return file_replace(&spec, bytes, f);
}

static void drop_partials(void *ctx, const struct tile_id *full)
{
	int dirfd = *(const int *)ctx;
	char path[TILE_PATH + 2];
	const struct dirent *e;
	DIR *dir;
	int fd;

	tile_path(full, path);
	(void)strcat(path, ".p");
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		fd_close(&fd);
		return;
	}
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(fd, e->d_name, 0);
	(void)closedir(dir);
	(void)unlinkat(dirfd, path, AT_REMOVEDIR);
}

struct tile_store tile_dir_store(const int *dirfd)
{
	return (struct tile_store){.write = write_file,
				   .drop_partials = drop_partials,
				   .reader = tile_dir_reader(dirfd),
				   .ctx = (void *)dirfd};
}
