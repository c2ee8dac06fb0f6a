/* pairs - how much longer the same program takes in one tree than in another.
 *
 * usage: pairs ROUNDS BLOCK ROOT-A ROOT-B PROGRAM [ARG...]
 *   ROUNDS    pairs of blocks; the order of the two is swapped each time
 *   BLOCK     fork + exec + wait in one block
 *   ROOT-A/B  a directory, or ns:PID:DIRECTORY for one in that process's mount namespace
 *
 * Two workers, one in each tree, take turns; only one works at a time. Prints one JSON object: the
 * median of the rounds' ratios B/A, the medians of one run in microseconds, the quartiles of the
 * ratio, and from where to where its median lies with 95 % (by the order of the rounds: no shape of
 * the noise is assumed). Wall clock, since what is compared waits for another process. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"

#define ROUNDS_MAX 1000u

struct worker {
	int to;
	int from;
	pid_t pid;
};

static void die(const char *what)
{
	(void)fprintf(stderr, "pairs: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void enter(const char *root)
{
	const char *dir = root;
	char path[64];
	int fd;

	if (strncmp(root, "ns:", 3) == 0) {
		dir = strchr(root + 3, ':');
		if (dir == NULL)
			die(root);
		(void)snprintf(path, sizeof(path), "/proc/%.*s/ns/mnt", (int)(dir - root - 3),
			       root + 3);
		dir++;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNS) != 0)
			die(root);
		(void)close(fd);
	}
	if (chroot(dir) != 0 || chdir("/") != 0)
		die(root);
}

/* vfork(2) spares the copy of the page tables: what is measured is the exec. */
static void run_one(char **argv)
{
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("vfork");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)fprintf(stderr, "pairs: %s ended with %d\n", argv[0],
			      WIFEXITED(status) ? WEXITSTATUS(status) : -1);
		exit(1);
	}
}

static _Noreturn void work(int in, int out, const char *root, uint64_t block, char **argv)
{
	char c;

	enter(root);
	run_one(argv);
	while (read(in, &c, 1) == 1) {
		uint64_t start = now_ns();

		for (uint64_t i = 0; i < block; i++)
			run_one(argv);
		start = now_ns() - start;
		if (write(out, &start, sizeof(start)) != sizeof(start))
			break;
	}
	exit(0);
}

static void start(struct worker *w, const char *root, uint64_t block, char **argv)
{
	int a[2];
	int b[2];

	if (pipe2(a, O_CLOEXEC) != 0 || pipe2(b, O_CLOEXEC) != 0)
		die("pipe");
	w->pid = fork();
	if (w->pid == 0) {
		(void)close(a[1]);
		(void)close(b[0]);
		work(a[0], b[1], root, block, argv);
	}
	(void)close(a[0]);
	(void)close(b[1]);
	w->to = a[1];
	w->from = b[0];
}

static uint64_t turn(const struct worker *w)
{
	uint64_t ns;
	struct fault f;

	if (write(w->to, "x", 1) != 1)
		die("a worker is gone");
	if (!rc_is_ok(fd_read_full(w->from, &ns, sizeof(ns), &f))) {
		(void)fprintf(stderr, "pairs: a worker has failed\n"); /* it said why */
		exit(1);
	}
	return ns;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double ratio[ROUNDS_MAX];
	static double a_us[ROUNDS_MAX];
	static double b_us[ROUNDS_MAX];
	struct worker a;
	struct worker b;
	uint64_t rounds;
	uint64_t block;
	uint64_t reach;
	uint64_t from;
	uint64_t to;

	if (argc < 6 || !rc_is_ok(num_parse_u64(argv[1], strlen(argv[1]), ROUNDS_MAX, &rounds)) ||
	    rounds == 0 || !rc_is_ok(num_parse_u64(argv[2], strlen(argv[2]), 100000, &block)) ||
	    block == 0) {
		(void)fprintf(stderr, "usage: pairs ROUNDS BLOCK ROOT-A ROOT-B PROGRAM [ARG...]\n");
		return 2;
	}
	start(&a, argv[3], block, argv + 5);
	start(&b, argv[4], block, argv + 5);
	(void)turn(&a); /* caches */
	(void)turn(&b);
	for (uint64_t i = 0; i < rounds; i++) {
		double first = (double)turn(i % 2 == 0 ? &a : &b);
		double second = (double)turn(i % 2 == 0 ? &b : &a);

		a_us[i] = (i % 2 == 0 ? first : second) / 1000 / (double)block;
		b_us[i] = (i % 2 == 0 ? second : first) / 1000 / (double)block;
		ratio[i] = b_us[i] / a_us[i];
	}
	qsort(ratio, rounds, sizeof(*ratio), by_size);
	qsort(a_us, rounds, sizeof(*a_us), by_size);
	qsort(b_us, rounds, sizeof(*b_us), by_size);
	/* A median's rank is binomial: half of the rounds, give or take 1.96 times sqrt(rounds)
	 * / 2. */
	for (reach = 0; reach * reach < rounds; reach++)
		;
	from = rounds / 2 > reach ? rounds / 2 - reach : 0;
	to = rounds / 2 + reach < rounds ? rounds / 2 + reach : rounds - 1;
	(void)printf("{\"ratio\":%.4f,\"low\":%.4f,\"high\":%.4f,\"from\":%.4f,\"to\":%.4f,"
		     "\"a_us\":%.1f,\"b_us\":%.1f}\n",
		     ratio[rounds / 2], ratio[rounds / 4], ratio[rounds * 3 / 4], ratio[from],
		     ratio[to], a_us[rounds / 2], b_us[rounds / 2]);
	(void)close(a.to);
	(void)close(b.to);
	return waitpid(a.pid, NULL, 0) == a.pid && waitpid(b.pid, NULL, 0) == b.pid ? 0 : 1;
}
