#include "prog/guard/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/fd.h"

/* ---- bpf(2) ---------------------------------------------------------------------------------*/

static int bpf(int command, union bpf_attr *a)
{
	return (int)syscall(SYS_bpf, command, a, sizeof(*a));
}

static int map_call(int command, int map, const void *key, const void *value)
{
	union bpf_attr a = {0};

	a.map_fd = (uint32_t)map;
	a.key = (uint64_t)(uintptr_t)key;
	a.value = (uint64_t)(uintptr_t)value;
	a.flags = BPF_ANY;
	return bpf(command, &a);
}

static int open_pin(const char *name)
{
	char path[128];
	union bpf_attr a = {0};

	(void)snprintf(path, sizeof(path), KERNEL_PINS "/%s", name);
	a.pathname = (uint64_t)(uintptr_t)path;
	return bpf(BPF_OBJ_GET, &a);
}

/* ---- The maps -------------------------------------------------------------------------------*/

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* The reader's position may be written, all else may not: two mappings side by side. */
static rc map_ring(struct kernel *k, struct fault *f)
{
	size_t page = page_size(), len = 2 * page + 2 * (size_t)KERNEL_EVENTS_BYTES;
	uint8_t *at = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return fault_errno(f, errno, "memory for the kernel's reports");
	if (mmap(at, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, k->events, 0) ==
		    MAP_FAILED ||
	    mmap(at + page, len - page, PROT_READ, MAP_SHARED | MAP_FIXED, k->events,
		 (off_t)page) == MAP_FAILED) {
		int e = errno;

		(void)munmap(at, len);
		return fault_errno(f, e, "the kernel's reports");
	}
	k->ring = at;
	return OK;
}

rc kernel_open(struct kernel *k, struct fault *f)
{
	const struct {
		const char *name;
		int *fd;
	} maps[] = {{"approved", &k->approved},
		    {"mode", &k->mode},
		    {"ages", &k->ages},
		    {"counts", &k->counts},
		    {"events", &k->events}};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		*maps[i].fd = open_pin(maps[i].name);
		if (*maps[i].fd >= 0)
			continue;
		return errno == ENOENT ? fault_set(f, RC_NOTFOUND, 0, "nothing is pinned")
				       : fault_errno(f, errno, KERNEL_PINS "/%s", maps[i].name);
	}
	TRY(map_ring(k, f));
	k->active = true;
	return OK;
}

void kernel_close(struct kernel *k)
{
	int *const fds[] = {&k->approved, &k->mode, &k->ages, &k->counts, &k->events};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fd_close(fds[i]);
	if (k->ring != NULL)
		(void)munmap(k->ring, 2 * page_size() + 2 * (size_t)KERNEL_EVENTS_BYTES);
	k->ring = NULL;
	k->active = false;
}

/* ---- In force -------------------------------------------------------------------------------*/

static bool get_row(int map, void *ret)
{
	const uint32_t zero = 0;

	return map_call(BPF_MAP_LOOKUP_ELEM, map, &zero, ret) == 0;
}

static void put_row(int map, const void *value)
{
	const uint32_t zero = 0;

	(void)map_call(BPF_MAP_UPDATE_ELEM, map, &zero, value);
}

bool kernel_approve(const struct kernel *k, int fd)
{
	struct kernel_ages a;

	if (!k->active)
		return true;
	return get_row(k->ages, &a) && map_call(BPF_MAP_UPDATE_ELEM, k->approved, &fd, &a.now) == 0;
}

void kernel_forget(const struct kernel *k, int fd)
{
	/* It fails where nothing was noted. */
	if (k->active)
		(void)map_call(BPF_MAP_DELETE_ELEM, k->approved, &fd, NULL);
}

void kernel_enforce(const struct kernel *k, bool enforce)
{
	const uint32_t mode = enforce ? KERNEL_ENFORCE : KERNEL_OBSERVE;

	if (k->active)
		put_row(k->mode, &mode);
}

bool kernel_enforces(const struct kernel *k)
{
	uint32_t mode;

	return k->active && get_row(k->mode, &mode) && mode == KERNEL_ENFORCE;
}

void kernel_renew_begin(const struct kernel *k)
{
	struct kernel_ages a;

	if (!k->active || !get_row(k->ages, &a))
		return;
	a.now++;
	put_row(k->ages, &a);
}

void kernel_renew_end(const struct kernel *k)
{
	struct kernel_ages a;

	if (!k->active || !get_row(k->ages, &a))
		return;
	a.oldest = a.now;
	put_row(k->ages, &a);
}

void kernel_read_counts(const struct kernel *k, struct kernel_counts *ret)
{
	const uint32_t zero = 0;

	*ret = (struct kernel_counts){0};
	if (k->active)
		(void)map_call(BPF_MAP_LOOKUP_ELEM, k->counts, &zero, ret);
}

/* ---- Reports --------------------------------------------------------------------------------*/

/* Its form is the kernel's: Documentation/bpf/ringbuf.rst. A row has a head of eight bytes with its
 * length, and begins at a multiple of eight. */
#define HEAD 8u

bool kernel_event_next(const struct kernel *k, struct kernel_event *ret)
{
	size_t page = page_size();
	_Atomic unsigned long *reader, *writer;
	unsigned long at;

	if (!k->active)
		return false;
	reader = (_Atomic unsigned long *)(void *)k->ring;
	writer = (_Atomic unsigned long *)(void *)(k->ring + page);
	at = atomic_load(reader);
	while (at < atomic_load(writer)) {
		const uint8_t *row = k->ring + 2 * page + (at & (KERNEL_EVENTS_BYTES - 1));
		uint32_t head = atomic_load((const _Atomic uint32_t *)(const void *)row);
		uint32_t len = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		bool whole = (head & BPF_RINGBUF_DISCARD_BIT) == 0 && len == sizeof(*ret);

		if ((head & BPF_RINGBUF_BUSY_BIT) != 0)
			return false;
		if (whole)
			memcpy(ret, row + HEAD, sizeof(*ret));
		at += (HEAD + len + 7) / 8 * 8;
		atomic_store(reader, at);
		if (whole)
			return true;
	}
	return false;
}
