#include "prog/guard/places.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The path of an open file as the kernel shows it. 0: none, or too long. */
static size_t path_of(int fd, char path[PATH_MAX])
{
	char link[40];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n <= 0 || n == PATH_MAX - 1 || path[0] != '/')
		return 0;
	path[n] = '\0';
	return (size_t)n;
}

bool place_open(struct place *p, const char *path)
{
	p->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Without links and dots, as the kernel will show what lies in it. */
	if (p->dir >= 0 && path_of(p->dir, p->path) == 0) {
		(void)close(p->dir);
		p->dir = -1;
	}
	return p->dir >= 0;
}

static bool leads_to(const struct place *p, const char *path, const struct stat *st)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
				     .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
						RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
	size_t len = p->dir >= 0 ? strlen(p->path) : 0;
	struct stat there;
	bool same;
	int at;

	if (len == 0 || strncmp(path, p->path, len) != 0)
		return false;
	if (len == 1) /* "/" */
		len = 0;
	if (path[len] != '/')
		return false;
	at = (int)syscall(SYS_openat2, p->dir, path + len + 1, &how, sizeof(how));
	if (at < 0)
		return false;
	same = fstat(at, &there) == 0 && there.st_dev == st->st_dev && there.st_ino == st->st_ino;
	(void)close(at);
	return same;
}

bool places_hold(const struct place *p, size_t n, int fd, const struct stat *st)
{
	char path[PATH_MAX];

	if (n == 0 || path_of(fd, path) == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (leads_to(&p[i], path, st))
			return true;
	return false;
}

bool place_holds(const struct place *p, int fd, const struct stat *st)
{
	return places_hold(p, 1, fd, st);
}
