#include "lib/format/archive_raw.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#define BLOCK 65536

static void reader_release(struct archive **a)
{
	if (*a != NULL)
		(void)archive_read_free(*a);
	*a = NULL;
}
AUTO_DEFINE(reader, struct archive *, reader_release)

static rc damaged(struct archive *a, struct fault *f)
{
	const char *why = archive_error_string(a);

	return fault_set(f, RC_SYNTAX, 0, "%s", why == NULL ? "cannot be read" : why);
}

static rc open_raw(struct archive *a, int fd, struct fault *f)
{
	struct archive_entry *e;

	if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_support_filter_bzip2(a) != ARCHIVE_OK || lseek(fd, 0, SEEK_SET) != 0 ||
	    archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK ||
	    archive_read_next_header(a, &e) != ARCHIVE_OK)
		return damaged(a, f);
	return OK;
}

rc archive_raw_read(int fd, uint64_t max, archive_raw_take take, void *ctx, struct fault *f)
{
	AUTO(reader) struct archive *a = archive_read_new();
	uint8_t block[BLOCK];
	uint64_t all = 0;

	if (a == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory to decompress");
	TRY(open_raw(a, fd, f));
	for (;;) {
		la_ssize_t n = archive_read_data(a, block, sizeof(block));

		if (n == ARCHIVE_RETRY)
			continue;
		if (n < 0)
			return damaged(a, f);
		if (n == 0)
			return OK;
		all += (uint64_t)n;
		if (all > max)
			return fault_set(f, RC_LIMIT, 0, "it expands to more than is read");
		TRY(take(ctx, view_of(block, (size_t)n), f));
	}
}
