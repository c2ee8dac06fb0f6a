/* first_exec - what the first exec of a program costs where a guard has to read it, and where not.
 *
 * usage: first_exec FILE DIRECTORY-A DIRECTORY-B COUNT
 * Copies the static program FILE to COUNT new files in each of the two directories, which take
 * turns, and runs each copy twice. One more copy in A is read and hashed by another process, which
 * did not write it, as a guard does it: the digest's own time. All by the clock. Prints one JSON
 * object: medians in microseconds of the first and the second run in each, of the digest, and of
 * SHA-256 alone over the bytes in this process's memory; and the median of the rounds' differences
 * first B - first A. The copies stay in B. */
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
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_size);
	return v[n / 2];
}

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

/* ---- The other process ----------------------------------------------------------------------*/

struct reader {
	int to;
	int from;
};

/* As greatseal-guard reads: a piece at a time, small enough for the processor's cache. */
static rc hash_file(const char *path, struct hasher *h, struct hash *ret, struct fault *f)
{
	static uint8_t chunk[1 << 17];
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		TRY(hasher_update(h, view_of(chunk, (size_t)n)));
	return n < 0 ? fault_errno(f, errno, "%s", path) : hasher_finish(h, ret);
}

static _Noreturn void read_for(int in, int out)
{
	struct hasher *h = NULL;
	struct fault f = {0};
	char path[4096];

	if (!rc_is_ok(hasher_new(HASH_SHA256, &h)))
		exit(1);
	while (rc_is_ok(fd_read_full(in, path, sizeof(path), NULL))) {
		struct hash unused;
		uint64_t ns = now_ns();

		if (!rc_is_ok(hash_file(path, h, &unused, &f))) {
			(void)fprintf(stderr, "first_exec: %s\n", f.text);
			exit(1);
		}
		ns = now_ns() - ns;
		if (!rc_is_ok(fd_write_full(out, &ns, sizeof(ns), NULL)))
			break;
	}
	exit(0);
}

static rc start(struct reader *r, struct fault *f)
{
	int a[2], b[2];
	pid_t pid;

	if (pipe2(a, O_CLOEXEC) != 0 || pipe2(b, O_CLOEXEC) != 0)
		return fault_errno(f, errno, "pipe");
	pid = fork();
	if (pid == 0) {
		(void)close(a[1]);
		(void)close(b[0]);
		read_for(a[0], b[1]);
	}
	(void)close(a[0]);
	(void)close(b[1]);
	*r = (struct reader){.to = a[1], .from = b[0]};
	return pid > 0 ? OK : fault_errno(f, errno, "fork");
}

static rc digest_of_other(const struct reader *r, const char *path, uint64_t *ret_ns,
			  struct fault *f)
{
	char name[4096] = {0};

	(void)snprintf(name, sizeof(name), "%s", path);
	TRY(fd_write_full(r->to, name, sizeof(name), f));
	return fd_read_full(r->from, ret_ns, sizeof(*ret_ns), f);
}

/* ---- Measuring ------------------------------------------------------------------------------*/

enum { FIRST_A, FIRST_B, SECOND_A, SECOND_B, DIGEST, SHA256, ADDED, COLUMNS };

static rc copy(struct view bytes, const char *dir, size_t i, char path[4096], struct fault *f)
{
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	(void)snprintf(path, 4096, "%s/first-%zu", dir, i);
	return file_replace(&spec, bytes, f);
}

static rc once(struct view bytes, char *const *dir, size_t i, double *const *v, struct fault *f)
{
	char path[4096];

	for (size_t n = 0; n < 2; n++) {
		size_t which = (i + n) % 2; /* A and B */

		TRY(copy(bytes, dir[which], i, path, f));
		v[FIRST_A + which][i] = us(run(path));
		v[SECOND_A + which][i] = us(run(path));
		if (which == 0)
			(void)unlink(path);
	}
	v[ADDED][i] = v[FIRST_B][i] - v[FIRST_A][i];
	return OK;
}

static rc digests(const struct reader *r, struct view bytes, const char *dir, size_t i,
		  double *const *v, struct fault *f)
{
	static volatile uint8_t seen;
	char path[4096];
	uint64_t ns = 0;

	TRY(copy(bytes, dir, i, path, f));
	TRY(digest_of_other(r, path, &ns, f));
	(void)unlink(path);
	v[DIGEST][i] = us(ns);
	ns = now_ns();
	seen = digest_of(bytes).b[0];
	(void)seen;
	v[SHA256][i] = us(now_ns() - ns);
	return OK;
}

static rc measure(const char *file, char *const *dir, size_t count, struct fault *f)
{
	AUTO(buf) struct buf bytes;
	struct reader reader;
	double *v[COLUMNS];

	for (size_t i = 0; i < COLUMNS; i++) {
		v[i] = (double *)calloc(count, sizeof(double));
		if (v[i] == NULL)
			return RC(RC_NOMEM); /* the process ends */
	}
	buf_init(&bytes, (size_t)1 << 30);
	TRY(file_read(file, &bytes, f));
	TRY(start(&reader, f));
	for (size_t i = 0; i < count; i++) {
		TRY(once(buf_view(&bytes), dir, i, v, f));
		TRY(digests(&reader, buf_view(&bytes), dir[0], i, v, f));
	}
	(void)printf("{\"first_a_us\":%.1f,\"first_b_us\":%.1f,\"second_a_us\":%.1f,"
		     "\"second_b_us\":%.1f,\"added_us\":%.1f,\"digest_us\":%.1f,\"sha256_us\":%.1f,"
		     "\"bytes\":%zu}\n",
		     median(v[FIRST_A], count), median(v[FIRST_B], count),
		     median(v[SECOND_A], count), median(v[SECOND_B], count),
		     median(v[ADDED], count), median(v[DIGEST], count), median(v[SHA256], count),
		     bytes.len);
	for (size_t i = 0; i < COLUMNS; i++)
		free(v[i]);
	(void)close(reader.to);
	(void)close(reader.from);
	return OK;
}

int main(int argc, char **argv)
{
	struct fault f = {0};
	uint64_t count;

	if (argc != 5 || !rc_is_ok(num_parse_u64(argv[4], strlen(argv[4]), COUNT_MAX, &count)) ||
	    count == 0) {
		(void)fprintf(stderr, "usage: first_exec FILE DIRECTORY-A DIRECTORY-B COUNT\n");
		return 2;
	}
	if (!rc_is_ok(measure(argv[1], argv + 2, (size_t)count, &f))) {
		(void)fprintf(stderr, "first_exec: %s\n", f.text);
		return 1;
	}
	return 0;
}
