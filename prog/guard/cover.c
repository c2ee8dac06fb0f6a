#include "prog/guard/cover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/gate.h"

/* Without these a machine does not boot, let anybody in, or change its packages. Those that are not
 * there are passed over. */
static const char *const needed[] = {
	"/bin/sh",
	"/bin/bash",
	"/bin/login",
	"/bin/mount",
	"/lib64/ld-linux-x86-64.so.2",
	"/lib/ld-linux-aarch64.so.1",
	"/lib/systemd/systemd",
	"/lib/systemd/systemd-journald",
	"/lib/systemd/systemd-udevd",
	"/lib/systemd/systemd-logind",
	"/sbin/init",
	"/sbin/ldconfig",
	"/sbin/agetty",
	"/usr/bin/apt",
	"/usr/bin/apt-get",
	"/usr/bin/dpkg",
	"/usr/bin/dpkg-deb",
	"/usr/bin/dpkg-split",
	"/usr/bin/kmod",
	"/usr/bin/perl",
	"/usr/bin/rpm",
	"/usr/bin/systemctl",
	"/usr/bin/sudo",
	"/usr/sbin/update-initramfs",
	"/usr/sbin/mkinitramfs",
	"/usr/sbin/sshd",
	"/usr/sbin/unix_chkpwd",
};

struct seen {
	const struct conf *conf;
	const struct approved *approved;
	struct cover *cover;
	struct hasher *hasher;
	uint64_t device[CONF_MOUNTS_MAX];
	struct digest *done; /* a content is named once */
	size_t done_count;
};

static bool is_guarded(const struct seen *s, const struct stat *st)
{
	for (size_t i = 0; i < s->conf->mount_count; i++)
		if (s->device[i] == st->st_dev)
			return true;
	return s->conf->all;
}

static rc note(struct seen *s, const struct digest *d, bool *ret_new)
{
	struct digest *more;

	*ret_new = true;
	for (size_t i = 0; i < s->done_count; i++)
		if (digest_is_equal(&s->done[i], d))
			*ret_new = false;
	if (!*ret_new)
		return OK;
	more = (struct digest *)reallocarray(s->done, s->done_count + 1, sizeof(*more));
	if (more == NULL)
		return RC(RC_NOMEM);
	s->done = more;
	s->done[s->done_count++] = *d;
	return OK;
}

/* A file that has to be in the list, if it is there. */
static rc look(struct seen *s, const char *path, const char *what)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char real[4096], hex[DIGEST_HEX];
	struct digest digest;
	struct stat st;
	unsigned classes;
	ssize_t n;
	bool fresh;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return OK;
	if (!is_guarded(s, &st)) {
		s->cover->outside++;
		return OK;
	}
	TRY(gate_hash(s->hasher, fd, &digest, NULL));
	TRY(note(s, &digest, &fresh));
	if (!fresh)
		return OK;
	classes = approved_find(s->approved, digest.b);
	if ((classes & LIST_CLASS_RUNS) != 0 && (classes & LIST_REVOKED) == 0) {
		s->cover->covered++;
		return OK;
	}
	s->cover->missing++;
	n = readlink(path, real, sizeof(real));
	digest_hex(&digest, hex);
	(void)printf("not approved: %s %.*s (%s)\n", hex, n > 0 && what != NULL ? (int)n : 4095,
		     n > 0 && what != NULL ? real : path, what != NULL ? what : "needed");
	return OK;
}

static rc look_at_processes(struct seen *s, struct fault *f)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	char path[300], what[300];
	rc r = OK;

	if (proc == NULL)
		return fault_errno(f, errno, "/proc");
	while (rc_is_ok(r) && (e = readdir(proc)) != NULL) {
		if (strspn(e->d_name, "0123456789") != strlen(e->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/exe", e->d_name);
		(void)snprintf(what, sizeof(what), "runs as process %s", e->d_name);
		r = look(s, path, what);
	}
	(void)closedir(proc);
	return r;
}

rc cover_check(const struct conf *c, const struct approved *approved, struct cover *ret,
	       struct fault *f)
{
	struct seen s = {.conf = c, .approved = approved, .cover = ret};
	struct stat st;
	rc r;

	*ret = (struct cover){0};
	for (size_t i = 0; i < c->mount_count; i++)
		s.device[i] = stat(c->mounts[i], &st) == 0 ? st.st_dev : 0;
	TRY(hasher_new(HASH_SHA256, &s.hasher));
	r = look_at_processes(&s, f);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]) && rc_is_ok(r); i++)
		r = look(&s, needed[i], NULL);
	hasher_free(s.hasher);
	free(s.done);
	return rc_is_ok(r) ? OK : fault_set(f, r.code, 0, "check: a file could not be read");
}

/* ---- Companion settings ---------------------------------------------------------------------*/

static bool read_setting(const char *path, char *out, size_t cap)
{
	AUTO(buf) struct buf text = {0};
	size_t n;

	buf_init(&text, 4096);
	if (!rc_is_ok(file_read(path, &text, NULL)))
		return false;
	for (n = 0; n < text.len && n + 1 < cap && text.ptr[n] > ' '; n++)
		out[n] = (char)text.ptr[n];
	out[n] = '\0';
	return true;
}

static bool at_least(const char *value, int least)
{
	return value[0] >= '0' && value[0] <= '9' && atoi(value) >= least;
}

static bool is_noexec(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOEXEC) != 0;
}

void cover_companions(struct companion ret[COMPANIONS])
{
	ret[0] = (struct companion){.name = "vm.memfd_noexec",
				    .hole = "programs in memory files run unasked"};
	ret[0].good =
		read_setting("/proc/sys/vm/memfd_noexec", ret[0].value, sizeof(ret[0].value)) &&
		at_least(ret[0].value, 2);
	ret[1] = (struct companion){.name = "kernel.yama.ptrace_scope",
				    .hole = "a process may change another of the same user"};
	ret[1].good = read_setting("/proc/sys/kernel/yama/ptrace_scope", ret[1].value,
				   sizeof(ret[1].value)) &&
		      at_least(ret[1].value, 1);
	ret[2] = (struct companion){.name = "user.max_user_namespaces",
				    .hole = "a user may mount a file system of their own that is "
					    "not guarded"};
	ret[2].good = read_setting("/proc/sys/user/max_user_namespaces", ret[2].value,
				   sizeof(ret[2].value)) &&
		      strcmp(ret[2].value, "0") == 0;
	ret[3] = (struct companion){.name = "noexec on /dev/shm and /tmp",
				    .hole = "files that anybody may write are run if approved, and "
					    "mapped as libraries if not"};
	ret[3].good = is_noexec("/dev/shm") && is_noexec("/tmp");
	(void)snprintf(ret[3].value, sizeof(ret[3].value), "%s", ret[3].good ? "yes" : "no");
}
