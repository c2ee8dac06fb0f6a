/* A preloaded clock: CLOCK_REALTIME moved by the decimal number of seconds in
 * $GS_CLOCK_OFFSET_FILE.
 *
 * The file is opened once, before the program confines itself, and read again at each call, so that
 * a test can turn the clock while the program runs. Owns nothing of the product. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int offset_fd = -1;

__attribute__((constructor)) static void clock_shim_open(void)
{
	const char *path = getenv("GS_CLOCK_OFFSET_FILE");

	if (path != NULL)
		offset_fd = open(path, O_RDONLY | O_CLOEXEC);
}

static long offset(void)
{
	char text[32] = {0};

	if (offset_fd < 0 || pread(offset_fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	long r = syscall(SYS_clock_gettime, id, ts);

	if (r == 0 && id == CLOCK_REALTIME)
		ts->tv_sec += offset();
	return (int)r;
}
