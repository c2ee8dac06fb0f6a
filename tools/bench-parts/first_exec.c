/* first_exec - what the first exec of a program costs beyond every later one.
 *
 * usage: first_exec FILE DIRECTORY COUNT
 * Copies the static program FILE to COUNT new files of DIRECTORY and runs each twice. Prints one
 * JSON object: medians in microseconds of the first and of the second run, and of SHA-256 over the
 * same bytes, by the clock. The copies stay. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/crypt/digest.h"

#define COUNT_MAX 100000u

static uint64_t now_ns(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t run(char *path)
{
	char *argv[] = {path, NULL};
	uint64_t start = now_ns();
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(path, argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		(void)fprintf(stderr, "first_exec: %s does not run\n", path);
		exit(1);
	}
	return now_ns() - start;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double median_us(uint64_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_size);
	return (double)v[n / 2] / 1000;
}

static rc measure(const char *file, const char *dir, size_t count, struct fault *f)
{
	AUTO(buf) struct buf bytes;
	uint64_t *first = (uint64_t *)calloc(count, sizeof(*first));
	uint64_t *second = (uint64_t *)calloc(count, sizeof(*second));
	uint64_t *sha = (uint64_t *)calloc(count, sizeof(*sha));
	unsigned seen = 0;

	if (first == NULL || second == NULL || sha == NULL)
		return RC(RC_NOMEM); /* the process ends */
	buf_init(&bytes, (size_t)1 << 30);
	TRY(file_read(file, &bytes, f));
	for (size_t i = 0; i < count; i++) {
		struct file_spec spec = {.dirfd = AT_FDCWD, .mode = 0755};
		char path[4096];

		(void)snprintf(path, sizeof(path), "%s/first-%zu", dir, i);
		spec.name = path;
		TRY(file_replace(&spec, buf_view(&bytes), f));
		first[i] = run(path);
		second[i] = run(path);
		sha[i] = now_ns();
		seen += digest_of(buf_view(&bytes)).b[0];
		sha[i] = now_ns() - sha[i];
	}
	(void)printf("{\"first_us\":%.1f,\"second_us\":%.1f,\"sha256_us\":%.1f,\"bytes\":%zu,"
		     "\"seen\":%u}\n",
		     median_us(first, count), median_us(second, count), median_us(sha, count),
		     bytes.len, seen);
	free(first);
	free(second);
	free(sha);
	return OK;
}

int main(int argc, char **argv)
{
	struct fault f = {0};
	uint64_t count;

	if (argc != 4 || !rc_is_ok(num_parse_u64(argv[3], strlen(argv[3]), COUNT_MAX, &count)) ||
	    count == 0) {
		(void)fprintf(stderr, "usage: first_exec FILE DIRECTORY COUNT\n");
		return 2;
	}
	if (!rc_is_ok(measure(argv[1], argv[2], (size_t)count, &f))) {
		(void)fprintf(stderr, "first_exec: %s\n", f.text);
		return 1;
	}
	return 0;
}
