#include "prog/guard/looks.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIND_FILE 'f'
#define KIND_PATH 'p'

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

rc looks_share(struct looks *l, struct fault *f)
{
	void *map = mmap(NULL, sizeof(struct looked), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return fault_errno(f, errno, "shared memory");
	l->looked = (struct looked *)map;
	return OK;
}

rc looks_open(struct looks *l, struct fault *f)
{
	struct looks made = {.looked = NULL};
	int ends[2];
	rc r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
		return fault_errno(f, errno, "socketpair");
	made.in = ends[0];
	made.out = ends[1];
	r = looks_share(&made, f);
	if (rc_is_ok(r)) {
		*l = made;
		return OK;
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
	return r;
}

static void put(const struct looks *l, struct msghdr *m)
{
	if (l->looked != NULL && sendmsg(l->in, m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		atomic_fetch_add(&l->looked->passed_over, 1);
}

void looks_put_file(const struct looks *l, int fd)
{
	char kind = KIND_FILE;
	struct iovec text = {.iov_base = &kind, .iov_len = 1};
	union control control = {.bytes = {0}};
	struct msghdr m = {.msg_iov = &text,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	put(l, &m);
}

void looks_put_path(const struct looks *l, const char *path)
{
	char kind = KIND_PATH;
	struct iovec text[2] = {{.iov_base = &kind, .iov_len = 1},
				{.iov_base = (void *)(uintptr_t)path, .iov_len = strlen(path)}};
	struct msghdr m = {.msg_iov = text, .msg_iovlen = 2};

	put(l, &m);
}

bool looks_take(const struct looks *l, int *ret_fd, char path[PATH_MAX])
{
	char bytes[PATH_MAX];
	struct iovec text = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	union control control = {.bytes = {0}};
	struct msghdr m = {.msg_iov = &text,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(l->out, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c;

	if (n <= 0)
		return false;
	*ret_fd = -1;
	path[0] = '\0';
	c = CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	if (bytes[0] == KIND_PATH) {
		memcpy(path, bytes + 1, (size_t)n - 1);
		path[n - 1] = '\0';
	}
	return true;
}
