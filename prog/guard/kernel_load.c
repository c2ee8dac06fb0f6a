/* kernel_load - brings bpf/guard.bpf.c into the kernel with libbpf, once, before the guard locks
 * itself in. What it reads is of this build and of the kernel. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"
#include "prog/guard/kernel.h"

#define BPFFS_MAGIC 0xcafe4a11 /* linux/magic.h, BPF_FS_MAGIC */

static const uint8_t object_bytes[] = {
#include "prog/guard/guard_bpf.inc"
};

/* ---- What the kernel must have --------------------------------------------------------------*/

static rc check_lsm(struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	struct view rest, one;
	rc r;

	buf_init(&text, 4096);
	r = file_read("/sys/kernel/security/lsm", &text, NULL);
	if (!rc_is_ok(r))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "/sys/kernel/security/lsm cannot be read: is securityfs mounted?");
	rest = buf_view(&text);
	while (rc_is_ok(view_until(&rest, ',', &one)))
		if (view_is(one, "bpf"))
			return OK;
	if (rest.len >= 3 && memcmp(rest.ptr, "bpf", 3) == 0)
		return OK;
	return fault_set(f, RC_UNSUPPORTED, 0,
			 "bpf is not among /sys/kernel/security/lsm: boot with lsm=%.*s,bpf",
			 (int)(rest.len > 80   ? 80
			       : text.len > 80 ? 80
					       : text.len),
			 buf_cstr(&text));
}

static rc check_kernel(struct fault *f)
{
	struct statfs fs;

	TRY(check_lsm(f));
	if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "this kernel does not describe itself: /sys/kernel/btf/vmlinux "
				 "(CONFIG_DEBUG_INFO_BTF)");
	if (statfs(KERNEL_BPFFS, &fs) != 0 || (unsigned long)fs.f_type != BPFFS_MAGIC)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "no bpf file system is mounted at " KERNEL_BPFFS);
	return OK;
}

/* ---- Pins -----------------------------------------------------------------------------------*/

static rc remove_pins(const char *dir, struct fault *f)
{
	char path[600];
	const struct dirent *e;
	DIR *d = opendir(dir);

	if (d == NULL)
		return fault_errno(f, errno, "%s", dir);
	while ((e = readdir(d)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			(void)unlink(path);
	}
	(void)closedir(d);
	return rmdir(dir) == 0 ? OK : fault_errno(f, errno, "%s", dir);
}

/* All versions but the one to keep (NULL: none). Gives how many there were. */
static size_t remove_versions(const char *keep, rc *ret, struct fault *f)
{
	DIR *d = opendir(KERNEL_BPFFS);
	const struct dirent *e;
	char path[300];
	size_t n = 0;

	*ret = OK;
	while (d != NULL && (e = readdir(d)) != NULL) {
		(void)snprintf(path, sizeof(path), KERNEL_BPFFS "/%.200s", e->d_name);
		if (strncmp(e->d_name, KERNEL_PINS_PREFIX, strlen(KERNEL_PINS_PREFIX)) != 0 ||
		    (keep != NULL && strcmp(path, keep) == 0))
			continue;
		n++;
		if (rc_is_ok(*ret))
			*ret = remove_pins(path, f);
	}
	if (d != NULL)
		(void)closedir(d);
	return n;
}

bool kernel_is_pinned(void)
{
	return access(KERNEL_PINS, F_OK) == 0;
}

rc kernel_release(struct fault *f)
{
	rc r;

	if (remove_versions(NULL, &r, f) == 0)
		return fault_set(f, RC_NOTFOUND, 0, "nothing of the guard is in the kernel");
	return r;
}

/* ---- Loading --------------------------------------------------------------------------------*/

/* libbpf would write what it thinks to standard error. */
static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static rc refused(int e, const char *what, struct fault *f)
{
	if (e == EPERM)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "%s: the kernel refuses such programs (EPERM): CAP_BPF, "
				 "CAP_PERFMON and CAP_SYS_ADMIN are needed, and a kernel that is "
				 "not locked down against them",
				 what);
	return fault_set(f, RC_UNSUPPORTED, 0, "%s: %s", what, strerror(e));
}

static rc attach_one(struct bpf_program *p, struct fault *f)
{
	struct bpf_link *link = bpf_program__attach_lsm(p);
	char path[200];
	int e;

	if (link == NULL)
		return refused(errno, bpf_program__name(p), f);
	(void)snprintf(path, sizeof(path), KERNEL_PINS "/%s", bpf_program__name(p));
	e = bpf_link__pin(link, path);
	/* The pin holds it. */
	(void)bpf_link__destroy(link);
	return e == 0 ? OK : refused(-e, path, f);
}

/* Maps first: a program that is attached observes until it is told otherwise. */
static rc load_object(struct bpf_object *o, struct fault *f)
{
	const struct kernel_ages first = {.now = 1, .oldest = 1};
	const uint32_t zero = 0;
	struct bpf_program *p;
	struct bpf_map *m;
	char path[200];
	int e = bpf_object__load(o);

	if (e != 0)
		return refused(-e, "loading", f);
	e = bpf_map_update_elem(bpf_object__find_map_fd_by_name(o, "ages"), &zero, &first, BPF_ANY);
	if (e != 0)
		return refused(-e, "ages", f);
	bpf_object__for_each_map(m, o)
	{
		(void)snprintf(path, sizeof(path), KERNEL_PINS "/%s", bpf_map__name(m));
		e = bpf_map__pin(m, path);
		if (e != 0)
			return refused(-e, path, f);
	}
	bpf_object__for_each_program(p, o) TRY(attach_one(p, f));
	return OK;
}

static rc load(struct fault *f)
{
	struct bpf_object *o;
	rc r;

	(void)libbpf_set_print(silent);
	o = bpf_object__open_mem(object_bytes, sizeof(object_bytes), NULL);
	if (o == NULL)
		return refused(errno, "object", f);
	if (mkdir(KERNEL_PINS, 0700) != 0)
		r = fault_errno(f, errno, KERNEL_PINS);
	else
		r = load_object(o, f);
	bpf_object__close(o);
	if (!rc_is_ok(r))
		rc_ignore(remove_pins(KERNEL_PINS, NULL), "what is half there observes alone");
	return r;
}

/* Every program is there: a start that was cut short is begun anew. */
static bool is_whole(void)
{
	static const char *const programs[] = {"on_exec",  "on_map",	"on_protect",	  "on_open",
					       "on_trace", "on_module", "on_module_bytes"};
	char path[200];

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		(void)snprintf(path, sizeof(path), KERNEL_PINS "/%s", programs[i]);
		if (access(path, F_OK) != 0)
			return false;
	}
	return true;
}

rc kernel_attach(struct kernel *k, struct fault *f)
{
	rc r;

	TRY(check_kernel(f));
	if (kernel_is_pinned() && (!is_whole() || !rc_is_ok(kernel_open(k, NULL)))) {
		kernel_close(k);
		TRY(remove_pins(KERNEL_PINS, f));
	}
	if (!k->active) {
		TRY(load(f));
		r = kernel_open(k, f);
		if (!rc_is_ok(r)) {
			kernel_close(k);
			return r;
		}
	}
	/* The new one is whole: an older one goes. */
	(void)remove_versions(KERNEL_PINS, &r, f);
	return r;
}
