#include "tests/lib/fuse_one.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_NODE 2u
#define REQUEST_BYTES ((size_t)256 << 10)
#define VALID_SECONDS 3600u

static struct fuse_attr attr_of(uint64_t node, struct view bytes)
{
	struct fuse_attr a = {.ino = node, .nlink = 1, .blksize = 4096, .mode = S_IFDIR | 0755};

	if (node == FILE_NODE) {
		a.mode = S_IFREG | 0755;
		a.size = bytes.len;
	}
	return a;
}

static void reply(int fd, uint64_t unique, int error, const void *out, size_t len)
{
	struct fuse_out_header h = {
		.len = (uint32_t)(sizeof(h) + len), .error = -error, .unique = unique};
	struct iovec v[2] = {{&h, sizeof(h)}, {(void *)(uintptr_t)out, len}};

	(void)!writev(fd, v, 2);
}

static void reply_read(int fd, uint64_t unique, const struct fuse_read_in *in, struct view bytes)
{
	size_t at = in->offset < bytes.len ? (size_t)in->offset : bytes.len;
	size_t n = bytes.len - at < in->size ? bytes.len - at : in->size;

	reply(fd, unique, 0, bytes.ptr + at, n);
}

static void answer(int fd, const struct fuse_in_header *h, const void *body, struct view bytes)
{
	struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION,
				     .minor = FUSE_KERNEL_MINOR_VERSION,
				     .max_readahead = 65536,
				     .max_write = 65536};
	struct fuse_entry_out entry = {.nodeid = FILE_NODE,
				       .entry_valid = VALID_SECONDS,
				       .attr_valid = VALID_SECONDS,
				       .attr = attr_of(FILE_NODE, bytes)};
	struct fuse_attr_out attr = {.attr_valid = VALID_SECONDS,
				     .attr = attr_of(h->nodeid, bytes)};
	struct fuse_open_out opened = {.fh = 0};

	switch (h->opcode) {
	case FUSE_INIT:
		reply(fd, h->unique, 0, &init, sizeof(init));
		return;
	case FUSE_LOOKUP:
		if (strcmp((const char *)body, "f") == 0)
			reply(fd, h->unique, 0, &entry, sizeof(entry));
		else
			reply(fd, h->unique, ENOENT, NULL, 0);
		return;
	case FUSE_GETATTR:
		reply(fd, h->unique, 0, &attr, sizeof(attr));
		return;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		reply(fd, h->unique, 0, &opened, sizeof(opened));
		return;
	case FUSE_READ:
		reply_read(fd, h->unique, (const struct fuse_read_in *)body, bytes);
		return;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		reply(fd, h->unique, 0, NULL, 0);
		return;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		reply(fd, h->unique, ENOSYS, NULL, 0);
	}
}

static void serve(int fd, struct view bytes)
{
	uint8_t *request = (uint8_t *)malloc(REQUEST_BYTES);
	ssize_t n;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (request != NULL) {
		struct fuse_in_header h;

		n = read(fd, request, REQUEST_BYTES);
		if (n < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (n < (ssize_t)sizeof(h))
			break;
		memcpy(&h, request, sizeof(h));
		answer(fd, &h, request + sizeof(h), bytes);
	}
	_exit(0);
}

bool fuse_one_mount(const char *dir, const char *options, struct view bytes)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char text[200];
	pid_t pid;

	(void)snprintf(text, sizeof(text), "fd=%d,rootmode=40000,user_id=%u,group_id=%u%s", fd,
		       (unsigned)geteuid(), (unsigned)getegid(), options);
	if (fd < 0 || mount("fuse_one", dir, "fuse", MS_NOSUID | MS_NODEV, text) != 0) {
		(void)close(fd);
		return false;
	}
	pid = fork();
	if (pid == 0)
		serve(fd, bytes);
	(void)close(fd);
	return pid > 0;
}
