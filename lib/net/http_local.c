/* http_local - the part of http_server.h that serves a unix socket: the socket itself, who is at
 * the other end, one thread for each connection, answers that are pulled piece by piece.
 *
 * Owns: the credentials the kernel gives. Must not own: who may come (the program). */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/base/fd.h"
#include "lib/net/http_internal.h"

#define BACKLOG 1024
#define THREAD_STACK ((size_t)512 << 10) /* libcurl and a TLS handshake need about 100 KiB */
#define PULL_BLOCK ((size_t)64 << 10)

/* A socket file outlives its process; one that still answers is somebody's. */
static rc clear_stale(const struct sockaddr_un *a, struct fault *f)
{
	AUTO(fd) int fd = -1;
	struct stat st;

	if (lstat(a->sun_path, &st) != 0)
		return errno == ENOENT ? OK : fault_errno(f, errno, "listen on %s", a->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return fault_set(f, RC_EXISTS, 0, "%s exists and is no socket", a->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fault_errno(f, errno, "listen");
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0)
		return fault_set(f, RC_EXISTS, 0, "another process listens on %s", a->sun_path);
	if (unlink(a->sun_path) != 0 && errno != ENOENT)
		return fault_errno(f, errno, "listen on %s", a->sun_path);
	return OK;
}

rc http_listen_local(const char *path, unsigned mode, int *ret_fd, struct fault *f)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	AUTO(fd) int fd = -1;
	mode_t before;
	int failed;

	if (strlen(path) >= sizeof(a.sun_path))
		return fault_set(f, RC_LIMIT, 0, "a socket's path may have %zu bytes",
				 sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path) + 1);
	TRY(clear_stale(&a, f));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fault_errno(f, errno, "listen");
	/* Never wider than it will be; nobody can connect before listen(). */
	before = umask(0177);
	failed = bind(fd, (const struct sockaddr *)&a, sizeof(a));
	(void)umask(before);
	if (failed != 0 || chmod(path, mode) != 0 || listen(fd, BACKLOG) != 0)
		return fault_errno(f, errno, "listen on %s", path);
	*ret_fd = fd;
	fd = -1;
	return OK;
}

void http_local_begin(struct http_conn *conn)
{
	struct http_peer *p = &conn->peer;
	struct ucred cred;
	socklen_t size = sizeof(cred);
	socklen_t n = sizeof(p->groups);

	conn->local = getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0;
	if (!conn->local)
		return;
	p->pid = cred.pid;
	p->uid = cred.uid;
	p->gid = cred.gid;
	if (getsockopt(conn->fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &n) == 0)
		p->group_count = n / sizeof(p->groups[0]);
}

const struct http_peer *http_peer(const struct http_exchange *x)
{
	return x->conn != NULL && x->conn->local ? &x->conn->peer : NULL;
}

bool http_peer_is_gone(const struct http_exchange *x)
{
	struct pollfd p = {.fd = x->conn == NULL ? -1 : x->conn->fd};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

struct puller {
	ptrdiff_t (*pull)(void *ctx, uint8_t *out, size_t max);
	void *ctx;
};

static ssize_t pull_some(void *ctx, uint64_t at, char *out, size_t max)
{
	const struct puller *p = (const struct puller *)ctx;
	ptrdiff_t n = p->pull(p->ctx, (uint8_t *)out, max);

	(void)at;
	if (n < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)n;
}

struct MHD_Response *http_local_response(const struct http_answer *a)
{
	struct puller *p = (struct puller *)malloc(sizeof(*p));
	struct MHD_Response *r;

	if (p == NULL)
		return NULL;
	*p = (struct puller){.pull = a->pull, .ctx = a->pull_ctx};
	r = MHD_create_response_from_callback(a->size == UINT64_MAX ? MHD_SIZE_UNKNOWN : a->size,
					      PULL_BLOCK, pull_some, p, free);
	if (r == NULL)
		free(p);
	return r;
}

struct MHD_Daemon *http_local_daemon(struct http_server *s, const struct http_server_spec *spec,
				     int fd)
{
	struct MHD_OptionItem items[] = {
		{MHD_OPTION_LISTEN_SOCKET, fd, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, (intptr_t)spec->connections, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_HEADERS_MEMORY, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)spec->idle_seconds, NULL},
		{MHD_OPTION_THREAD_STACK_SIZE, (intptr_t)THREAD_STACK, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
		{MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)http_keep_target, NULL},
		{MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)http_on_target, s},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)http_on_completed, s},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)http_on_connection, s},
		{MHD_OPTION_END, 0, NULL},
	};

	return MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION |
					MHD_USE_ITC | MHD_USE_ERROR_LOG,
				0, NULL, NULL, http_on_access, s, MHD_OPTION_EXTERNAL_LOGGER,
				http_drop_log, NULL, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}
