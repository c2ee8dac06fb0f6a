#include "tests/lib/server_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "prog/server/room.h"
#include "prog/server/routes.h"
#include "prog/server/uploads.h"

/* The request that the acts of the corpus are about. */
#define DIGEST_TEXT "ae60354146ba701ea5120708aa53db24d127ac81425961320c4cd83c18638dcd"

static const struct {
	const char *target;
	rc (*run)(struct call_ctx *c);
	bool alone; /* is done without the keeper */
} handlers[] = {
	{"/v1/uploads", post_upload, true},
	{"/v1/requests", post_request, false},
	{"/v1/explain", post_explain, false},
	{"/v1/changes", post_change, false},
	{"/v1/requests/" DIGEST_TEXT "/acts", post_act, false},
	{"/v1/requests/" DIGEST_TEXT "/sign", post_sign, false},
	{"/v1/evidence", post_evidence, false},
	{"/v1/preapprovals", post_preapproval, false},
	{"/v1/signatures/seen", post_signatures_seen, false},
	{"/v1/alarms/" DIGEST_TEXT "/close", post_alarm_close, false},
};
#define HANDLERS (sizeof(handlers) / sizeof(handlers[0]))

static struct server server = {.data_fd = -1, .public_fd = -1};
static char dir[200];
static int listen_fd = -1;

static void must(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "server world: %s\n", what);
	abort();
}

/* ---- A keeper that says no -----------------------------------------------------------------*/

static bool answer_one(int fd)
{
	static uint8_t body[KEEPER_FRAME_MAX];
	const struct keeper_error no = {.reason = REASON_KEEPER_STORAGE, .text = "no"};
	uint8_t head[KEEPER_HEADER];
	struct keeper_header h;
	AUTO(buf) struct buf out;

	buf_init(&out, 4096);
	if (!rc_is_ok(fd_read_full(fd, head, sizeof(head), NULL)))
		return false;
	must(rc_is_ok(keeper_header_parse(view_of(head, sizeof(head)), &h)), "frame");
	must(rc_is_ok(fd_read_full(fd, body, h.body_len, NULL)), "body");
	keeper_put_error(&out, h.correlation, &no);
	return rc_is_ok(fd_write_full(fd, out.ptr, out.len, NULL));
}

static void *refuse_all(void *arg)
{
	(void)arg;
	for (;;) {
		AUTO(fd) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return NULL;
		while (answer_one(fd))
			;
	}
}

static void start_keeper(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	pthread_t thread;

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%.80s/keeper", dir);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(listen_fd >= 0 && bind(listen_fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
		     listen(listen_fd, 4) == 0,
	     "socket");
	must(pthread_create(&thread, NULL, refuse_all, NULL) == 0, "thread");
	(void)pthread_detach(thread);
	must(rc_is_ok(keeper_client_start(at.sun_path, KEEPER_PATIENCE, &server.keeper, NULL)),
	     "client");
	while (!keeper_client_is_up(server.keeper))
		(void)nanosleep(&pause, NULL); /* polls a condition */
}

/* ---- The world -----------------------------------------------------------------------------*/

static void end(void)
{
	char command[300];

	keeper_client_stop(server.keeper);
	(void)shutdown(listen_fd, SHUT_RDWR);
	room_free(&server);
	server.store->api->close(server.store);
	fd_close(&server.data_fd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	must(system(command) == 0, command);
}

static void begin(void)
{
	const char *tmp = getenv("TMPDIR");
	char prefix[150];

	log_setup("server", LOG_LEVEL_ERR, false);
	(void)snprintf(prefix, sizeof(prefix), "%s/server-", tmp != NULL ? tmp : "/tmp");
	must(rc_is_ok(dir_temp(prefix, dir, sizeof(dir), NULL)), "directory");
	must(rc_is_ok(dir_open(dir, &server.data_fd, NULL)), "directory");
	(void)snprintf(server.conf.data, sizeof(server.conf.data), "%s", dir);
	server.conf.upload_max = (uint64_t)1 << 34;
	(void)pthread_mutex_init(&server.lock, NULL);
	(void)pthread_mutex_init(&server.issued_lock, NULL);
	must(rc_is_ok(uploads_setup(&server, NULL)), "uploads");
	must(rc_is_ok(store_sqlite_open(":memory:", &server.store, NULL)), "store");
	server.conf.uploads_total = (uint64_t)1 << 40;
	must(rc_is_ok(room_open(&server, NULL)), "room");
	start_keeper();
	(void)atexit(end);
}

unsigned server_handlers(void)
{
	return HANDLERS;
}

bool server_feed(unsigned handler, struct view body)
{
	/* What a call that runs the worker would do next is another process's: it must not get
	 * there, for there is no file. */
	struct call_ctx c = {.server = &server, .method = "POST", .body = body, .in_slow = true};
	AUTO(json) json_t *answer = NULL;
	bool good;

	if (server.store == NULL)
		begin();
	must(rc_is_ok(name_parse(view_str("carol"), &c.person)), "name");
	must(rc_is_ok(http_target_parse(view_str(handlers[handler].target), &c.target, NULL)),
	     "target");
	buf_init(&c.out, (size_t)8 << 20);
	rc_ignore(handlers[handler].run(&c), "the answer says more");
	answer = json_loadb((const char *)c.out.ptr, c.out.len, JSON_REJECT_DUPLICATES, NULL);
	good = json_is_object(answer) && c.status != 500 &&
	       (c.status == 200 ? handlers[handler].alone : c.status >= 400 && c.status < 600) &&
	       !c.parked && !c.wants_slow;
	buf_release(&c.out);
	return good;
}
