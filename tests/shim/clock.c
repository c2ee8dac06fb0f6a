/* A preloaded clock: CLOCK_REALTIME moved by the decimal number of seconds in
 * $GS_CLOCK_OFFSET_FILE; "=N" stands still at that time.
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

int clock_gettime(clockid_t id, struct timespec *ts)
{
	long r = syscall(SYS_clock_gettime, id, ts);
	char text[32] = {0};

	if (r != 0 || id != CLOCK_REALTIME || offset_fd < 0 ||
	    pread(offset_fd, text, sizeof(text) - 1, 0) <= 0)
		return (int)r;
	if (text[0] == '=')
		*ts = (struct timespec){.tv_sec = strtol(text + 1, NULL, 10)};
	else
		ts->tv_sec += strtol(text, NULL, 10);
	return 0;
}
