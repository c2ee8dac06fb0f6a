#include "prog/guard/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/num.h"
#include "lib/codec/hex.h"

#define FEED_CLIENT_MS 10000u
#define FEED_SEND_BUFFER (2 * FEED_REPLY_MAX)

/* ---- Start ----------------------------------------------------------------------------------*/

/* From the file alone: a static program has no name services. A user that is not there is nobody.
 */
static bool find_user(const char *name, uint32_t *ret)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *p = NULL;

	while (file != NULL && (p = fgetpwent(file)) != NULL && strcmp(p->pw_name, name) != 0)
		;
	if (p != NULL)
		*ret = p->pw_uid;
	if (file != NULL)
		(void)fclose(file);
	return p != NULL;
}

static void find_reader(struct guard *g)
{
	const char *name = g->conf->reader;
	uint64_t uid;

	g->reader = (uint32_t)getuid();
	if (rc_is_ok(num_parse_u64(name, strlen(name), UINT32_MAX - 1u, &uid)))
		g->reader = (uint32_t)uid;
	else if (name[0] != '\0' && !find_user(name, &g->reader))
		log_warn("reader: there is no user %s; root alone may read reports", name);
}

rc feed_open(struct guard *g, struct fault *f)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *path = g->conf->reports_socket;

	g->feed = -1;
	if (path[0] == '\0')
		return OK;
	if (strlen(path) >= sizeof(a.sun_path))
		return fault_set(f, RC_LIMIT, 0, "reports-socket %s: the path is too long", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	find_reader(g);
	g->feed = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->feed < 0)
		return fault_errno(f, errno, "socket");
	(void)unlink(path);
	/* Everybody may connect, and the kernel says who did. */
	if (bind(g->feed, (const struct sockaddr *)&a, sizeof(a)) != 0 || chmod(path, 0666) != 0 ||
	    listen(g->feed, 8) != 0)
		return fault_errno(f, errno, "socket %s", path);
	return OK;
}

void feed_init(struct feed *s, const struct guard *g, struct backlog *b)
{
	memset(s, 0, sizeof(*s));
	s->g = g;
	s->backlog = b;
	for (size_t i = 0; i < FEED_CLIENTS; i++)
		s->client[i].fd = -1;
}

/* ---- Answers --------------------------------------------------------------------------------*/

/* What does not fit into the socket's buffer at once is cut; the other end sees that. */
static void reply(struct feed *s, size_t i, struct view text)
{
	(void)send(s->client[i].fd, text.ptr, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	fd_close(&s->client[i].fd);
}

static void put_state(const struct feed *s, struct buf *out)
{
	const struct share *m = s->g->share;
	bool enforces = atomic_load(&m->mode) == GUARD_ENFORCE &&
			atomic_load(&m->applied) == atomic_load(&m->wanted);
	struct list_said said;

	buf_printf(out, "\"level\":\"%s\"", level_name(s->g->level));
	if (share_list_read(m, &said) && said.serial > 0)
		buf_printf(out, ",\"list\":\"%s\"", said.name);
	buf_printf(out, ",\"mode\":\"%s\",\"ok\":true", enforces ? "enforce" : "observe");
	if (said.serial > 0)
		buf_printf(out, ",\"serial\":%" PRIu64, said.serial);
}

static void reply_batch(struct feed *s, size_t i, bool wanted)
{
	static uint8_t events_memory[FEED_REPLY_MAX - 1024], memory[FEED_REPLY_MAX];
	char run[2 * BACKLOG_RUN + 1];
	struct buf events, out;
	uint32_t count = 0;

	buf_init_fixed(&events, events_memory, sizeof(events_memory));
	buf_init_fixed(&out, memory, sizeof(memory));
	if (wanted && !rc_is_ok(backlog_get(s->backlog, FEED_EVENTS_MAX, &events, &count))) {
		reply(s, i, view_str("{\"ok\":false,\"text\":\"the backlog cannot be read\"}\n"));
		return;
	}
	hex_encode(view_of(s->backlog->run, BACKLOG_RUN), run);
	buf_printf(&out, "{\"count\":%u,\"dropped\":%" PRIu64 ",", count, s->backlog->dropped);
	put_state(s, &out);
	buf_printf(&out, ",\"run\":\"%s\"}\n", run);
	buf_put_view(&out, buf_view(&events));
	if (rc_is_ok(buf_done(&out)))
		reply(s, i, buf_view(&out));
	else
		fd_close(&s->client[i].fd);
}

/* "ack RUN SEQ" of this run. */
static bool take_ack(struct feed *s, const char *line)
{
	char run[2 * BACKLOG_RUN + 1];
	const size_t n = sizeof(run) - 1;
	uint64_t seq;

	hex_encode(view_of(s->backlog->run, BACKLOG_RUN), run);
	if (strncmp(line, "ack ", 4) != 0 || strncmp(line + 4, run, n) != 0 || line[4 + n] != ' ' ||
	    !rc_is_ok(num_parse_u64(line + 5 + n, strlen(line + 5 + n), INT64_MAX, &seq)))
		return false;
	backlog_ack(s->backlog, seq);
	return true;
}

static void run_line(struct feed *s, size_t i)
{
	const char *line = s->client[i].line;

	if (strcmp(line, "batch") == 0 || strcmp(line, "state") == 0) {
		reply_batch(s, i, line[0] == 'b');
	} else if (take_ack(s, line)) {
		reply(s, i, view_str("{\"ok\":true}\n"));
	} else {
		reply(s, i, view_str("{\"ok\":false,\"text\":\"no such command\"}\n"));
	}
}

/* ---- Connections ----------------------------------------------------------------------------*/

static bool may_read(const struct guard *g, int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	       (who.uid == getuid() || who.uid == g->reader);
}

static void take_client(struct feed *s)
{
	int fd = accept4(s->g->feed, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	const int room = FEED_SEND_BUFFER;

	for (size_t i = 0; i < FEED_CLIENTS && fd >= 0 && may_read(s->g, fd); i++) {
		if (s->client[i].fd >= 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		s->client[i].fd = fd;
		s->client[i].len = 0;
		s->client[i].since = guard_now();
		return;
	}
	fd_close(&fd);
}

static void read_client(struct feed *s, size_t i)
{
	size_t room = sizeof(s->client[i].line) - 1 - s->client[i].len;
	ssize_t n = recv(s->client[i].fd, s->client[i].line + s->client[i].len, room, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fd_close(&s->client[i].fd);
		return;
	}
	s->client[i].len += (size_t)n;
	s->client[i].line[s->client[i].len] = '\0';
	end = strchr(s->client[i].line, '\n');
	if (end != NULL) {
		*end = '\0';
		run_line(s, i);
	} else if (s->client[i].len == sizeof(s->client[i].line) - 1) {
		fd_close(&s->client[i].fd);
	}
}

void feed_poll(const struct feed *s, struct pollfd p[FEED_POLL])
{
	p[0] = (struct pollfd){.fd = s->g->feed, .events = POLLIN};
	for (size_t i = 0; i < FEED_CLIENTS; i++)
		p[1 + i] = (struct pollfd){.fd = s->client[i].fd, .events = POLLIN};
}

void feed_run(struct feed *s, const struct pollfd p[FEED_POLL])
{
	for (size_t i = 0; i < FEED_CLIENTS; i++) {
		if (s->client[i].fd < 0)
			continue;
		if (s->client[i].fd == p[1 + i].fd && p[1 + i].revents != 0)
			read_client(s, i);
		if (s->client[i].fd >= 0 && guard_now() - s->client[i].since > FEED_CLIENT_MS)
			fd_close(&s->client[i].fd);
	}
	if ((p[0].revents & POLLIN) != 0)
		take_client(s);
}
