#include "tests/lib/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fixture.h"

/* ---- The namespace -------------------------------------------------------------------------*/

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? write(fd, text, strlen(text)) : -1;

	if (fd >= 0)
		(void)close(fd);
	return n == (ssize_t)strlen(text);
}

/* Root inside, ourselves outside: files keep the owner that they have. */
static bool become_root(uid_t uid, gid_t gid)
{
	char users[40], groups[40];

	(void)snprintf(users, sizeof(users), "0 %u 1", (unsigned)uid);
	(void)snprintf(groups, sizeof(groups), "0 %u 1", (unsigned)gid);
	return write_text("/proc/self/setgroups", "deny") &&
	       write_text("/proc/self/uid_map", users) && write_text("/proc/self/gid_map", groups);
}

bool mounts_private(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	bool have = unshare(CLONE_NEWNS) == 0;

	if (!have)
		have = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && become_root(uid, gid);
	if (have && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return true;
	(void)printf("skipped: no mount namespace of our own (%s); run as root, or allow user "
		     "namespaces\n",
		     strerror(errno));
	return false;
}

/* ---- File systems --------------------------------------------------------------------------*/

static void copy_into(const char *from, const char *to)
{
	char source[400];
	int status;
	pid_t pid;

	(void)snprintf(source, sizeof(source), "%s/.", from);
	pid = fork();
	fx_check(pid >= 0);
	if (pid == 0) {
		(void)execlp("cp", "cp", "-a", "--", source, to, (char *)NULL);
		_exit(99);
	}
	fx_check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void mount_small(const char *dir, unsigned kib)
{
	char size[40], aside[300];

	(void)snprintf(size, sizeof(size), "size=%uk,mode=0755", kib);
	(void)snprintf(aside, sizeof(aside), "%s.aside", dir);
	fx_check(rename(dir, aside) == 0 && mkdir(dir, 0755) == 0);
	fx_check(mount("tmpfs", dir, "tmpfs", 0, size) == 0);
	copy_into(aside, dir);
}

static bool is_mount(const char *dir)
{
	struct statx st;

	fx_check(statx(AT_FDCWD, dir, 0, STATX_BASIC_STATS, &st) == 0);
	fx_check((st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0);
	return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

void mount_readonly(const char *dir, bool readonly)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | (readonly ? MS_RDONLY : 0);
	struct statvfs now;

	if (!is_mount(dir))
		fx_check(mount(dir, dir, NULL, MS_BIND, NULL) == 0);
	/* In a user namespace, what restricts the mount below must stay. */
	fx_check(statvfs(dir, &now) == 0);
	flags |= now.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC);
	fx_check(mount(NULL, dir, NULL, flags, NULL) == 0);
}

void mount_end(const char *dir)
{
	/* Lazily: somebody may be on the way out still. */
	fx_check(umount2(dir, MNT_DETACH) == 0);
}

void disk_fill(const char *dir)
{
	static char block[65536];
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	fx_check(fd >= 0);
	for (size_t n = sizeof(block); n > 0; n /= 2)
		while (write(fd, block, n) > 0)
			;
	fx_check(errno == ENOSPC);
	(void)close(fd);
}

void disk_free(const char *dir)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/filler", dir);
	fx_check(unlink(path) == 0);
}
