/* list_ready - how long a host needs to take an allowlist, and to look a content up in it.
 *
 * usage: list_ready COUNT FILE
 * Writes a list of COUNT contents with packages and paths to FILE, maps it as the guard does,
 * hashes it (as checking its proof demands) and opens it. Prints one JSON object: microseconds of
 * processor time for both, nanoseconds for one look-up of a content that is there and of one that
 * is not, and bytes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/format/list_file.h"
#include "lib/model/list.h"

#define LOOKUPS 1000000u
#define NAME_BYTES 64u

static uint64_t now_ns(void)
{
	struct timespec t = {0};

	/* Of this thread: other work on the machine does not show. */
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct digest content_of(uint64_t n)
{
	return digest_of(view_of(&n, sizeof(n)));
}

static rc make_list(size_t count, const char *path, struct fault *f)
{
	static const struct list_header h = {.name = {"bench"},
					     .origin = "log.example",
					     .serial = 1,
					     .not_before = 1795683600,
					     .not_after = 1803459600,
					     .groups = {{"build"}},
					     .group_count = 1};
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0644};
	struct content *records = (struct content *)calloc(count, sizeof(*records));
	char(*names)[NAME_BYTES] = (char(*)[NAME_BYTES])calloc(count, sizeof(*names));
	AUTO(buf) struct buf out;
	rc r = RC(RC_NOMEM);

	buf_init(&out, CONTENTS_BYTES_MAX);
	for (size_t i = 0; records != NULL && names != NULL && i < count; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "/usr/lib/package-%zu/program-%zu",
			       i % 1500, i);
		records[i] = (struct content){.digest = content_of(i),
					      .classes = LIST_PROGRAM,
					      .package = "package 1.2.3-4 amd64",
					      .path = names[i]};
	}
	if (records != NULL && names != NULL)
		r = list_encode(&h, records, count, &out, f);
	if (rc_is_ok(r))
		r = file_replace(&spec, buf_view(&out), f);
	free(records);
	free(names);
	return r;
}

/* Nanoseconds of one look-up of contents from `from` on. */
static uint64_t lookups(const struct list *l, size_t count, uint64_t from, bool found)
{
	static struct digest wanted[4096];
	uint64_t start;
	uint64_t hits = 0;

	for (uint64_t i = 0; i < 4096; i++)
		wanted[i] = content_of(from + i * 7919 % count);
	start = now_ns();
	for (uint64_t i = 0; i < LOOKUPS; i++)
		hits += list_find(l, wanted[i % 4096].b) != 0;
	start = now_ns() - start;
	if (hits != (found ? LOOKUPS : 0))
		abort();
	return start / LOOKUPS;
}

static rc measure(size_t count, const char *path, struct fault *f)
{
	AUTO(file_map) struct file_map map = {0};
	AUTO(fd) int fd = -1;
	struct digest digest;
	uint64_t start;
	uint64_t hashed;
	uint64_t ready;
	struct list l;

	TRY(make_list(count, path, f));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	start = now_ns();
	TRY(file_map_open(fd, &map, f));
	digest = digest_of(map.bytes);
	hashed = now_ns();
	TRY(list_open(map.bytes, &l, f));
	ready = now_ns();
	(void)printf("{\"count\":%zu,\"bytes\":%zu,\"hash_us\":%llu,\"open_us\":%llu,"
		     "\"find_ns\":%llu,\"miss_ns\":%llu,\"sha256_begins\":%u}\n",
		     l.contents.count, map.bytes.len, (unsigned long long)(hashed - start) / 1000,
		     (unsigned long long)(ready - hashed) / 1000,
		     (unsigned long long)lookups(&l, count, 0, true),
		     (unsigned long long)lookups(&l, count, 1ULL << 40, false), digest.b[0]);
	return OK;
}

int main(int argc, char **argv)
{
	struct fault f = {0};
	uint64_t count;

	if (argc != 3 ||
	    !rc_is_ok(num_parse_u64(argv[1], strlen(argv[1]), CONTENTS_COUNT_MAX, &count)) ||
	    count == 0) {
		(void)fprintf(stderr, "usage: list_ready COUNT FILE\n");
		return 2;
	}
	if (!rc_is_ok(measure((size_t)count, argv[2], &f))) {
		(void)fprintf(stderr, "list_ready: %s\n", f.text);
		return 1;
	}
	return 0;
}
