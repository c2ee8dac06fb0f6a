/* greatseald's connection to a keeper that goes and comes back all the time: whoever asks notices
 * nothing. Found in the flow test `server`: calls that met the end of a connection before its
 * reader did spent all their repetitions on it, and the roster was asked for without any. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/server/keeper_client.h"

#define ROUNDS 3000

static char dir[200];
static char path[100];
static int listen_fd = -1;

static bool take(int fd, struct keeper_header *h)
{
	static uint8_t body[4096];
	uint8_t head[KEEPER_HEADER];

	return rc_is_ok(fd_read_full(fd, head, sizeof(head), NULL)) &&
	       rc_is_ok(keeper_header_parse(view_of(head, sizeof(head)), h)) &&
	       h->body_len <= sizeof(body) && rc_is_ok(fd_read_full(fd, body, h->body_len, NULL));
}

static void answer(int fd, const struct keeper_header *h)
{
	const struct keeper_error no = {.reason = REASON_STATE_UNKNOWN, .text = "no"};
	AUTO(buf) struct buf out;

	buf_init(&out, 4096);
	keeper_put_error(&out, h->correlation, &no);
	rc_ignore(fd_write_full(fd, out.ptr, out.len, NULL), "who asked may be gone");
}

/* A keeper that answers one message of each second connection, and dies of every other. */
static void *short_lived(void *arg)
{
	struct keeper_header h;

	(void)arg;
	for (unsigned i = 0;; i++) {
		AUTO(fd) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return NULL;
		if (i % 2 == 0 && take(fd, &h))
			answer(fd, &h);
	}
}

/* One that takes a message and is gone, for good. */
static void *mortal(void *arg)
{
	struct keeper_header h;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	(void)arg;
	if (take(fd, &h))
		(void)shutdown(listen_fd, SHUT_RDWR);
	fd_close(&fd);
	return NULL;
}

static int setup(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const char *tmp = getenv("TMPDIR");
	char prefix[150];

	(void)state;
	(void)snprintf(prefix, sizeof(prefix), "%s/client-", tmp != NULL ? tmp : "/tmp");
	assert_true(rc_is_ok(dir_temp(prefix, dir, sizeof(dir), NULL)));
	(void)snprintf(path, sizeof(path), "%.80s/keeper", dir);
	memcpy(at.sun_path, path, strlen(path));
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listen_fd >= 0);
	assert_int_equal(bind(listen_fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listen_fd, 4), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)shutdown(listen_fd, SHUT_RDWR);
	fd_close(&listen_fd);
	(void)unlink(path);
	return rmdir(dir);
}

static void show(struct buf *frame, uint64_t id)
{
	const struct digest any = {{1}};

	buf_init(frame, 100);
	keeper_put_digest(frame, id, KEEPER_SHOW, &any);
}

static void roster(struct buf *frame, uint64_t id)
{
	buf_init(frame, 100);
	keeper_put_document_request(frame, id, STATEMENT_ROSTER);
}

static void hello(struct buf *frame, uint64_t id)
{
	buf_init(frame, 100);
	keeper_put_hello_request(frame, id);
}

static rc ask(struct keeper_client *k, void (*make)(struct buf *frame, uint64_t id))
{
	uint64_t id = keeper_client_id(k);
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};

	make(&frame, id);
	return keeper_client_call(k, id, &frame, &reply);
}

static void *ask_roster(void *k)
{
	assert_int_equal(ask(k, roster).code, RC_PEER);
	return NULL;
}

static void questions_outlive_connections(void **state)
{
	struct keeper_client *k;
	pthread_t keeper;

	(void)state;
	assert_int_equal(pthread_create(&keeper, NULL, short_lived, NULL), 0);
	assert_true(rc_is_ok(keeper_client_start(path, KEEPER_PATIENCE, &k, NULL)));
	for (unsigned i = 0; i < ROUNDS; i++) {
		rc r = ask(k, i % 2 == 0 ? show : roster);

		if (!rc_is_ok(r))
			fail_msg("question %u: %s", i, rc_name(r));
	}
	(void)shutdown(listen_fd, SHUT_RDWR);
	keeper_client_stop(k);
	assert_int_equal(pthread_join(keeper, NULL), 0);
}

/* A health check says at once how things are. */
static void health_checks_do_not_wait(void **state)
{
	struct keeper_client *k;
	pthread_t keeper;

	(void)state;
	assert_int_equal(pthread_create(&keeper, NULL, mortal, NULL), 0);
	assert_true(rc_is_ok(keeper_client_start(path, KEEPER_PATIENCE, &k, NULL)));
	while (!keeper_client_is_up(k))
		(void)poll(NULL, 0, 1); /* polls a condition */
	assert_int_equal(ask(k, hello).code, RC_PEER);
	assert_int_equal(pthread_join(keeper, NULL), 0);
	assert_int_equal(ask(k, hello).code, RC_PEER);
	assert_false(keeper_client_is_up(k));
	keeper_client_stop(k);
}

/* ---- Answers that nobody waits for ---- */

struct seen {
	struct keeper_post post; /* first */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned times;
	enum rc_code code;
	bool has_body;
};

static void done(struct keeper_post *p, rc r, struct keeper_reply *reply)
{
	struct seen *s = (struct seen *)p;

	(void)pthread_mutex_lock(&s->lock);
	s->times++;
	s->code = r.code;
	s->has_body = rc_is_ok(r) && reply->type == KEEPER_R_ERROR && reply->body.len > 0;
	(void)pthread_cond_signal(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
	keeper_reply_release(reply);
}

static void post(struct keeper_client *k, struct seen *s)
{
	uint64_t id = keeper_client_id(k);
	AUTO(buf) struct buf frame = {0};
	struct keeper_reply none = {0};
	rc r;

	*s = (struct seen){.post.done = done,
			   .lock = PTHREAD_MUTEX_INITIALIZER,
			   .changed = PTHREAD_COND_INITIALIZER};
	show(&frame, id);
	r = keeper_client_post(k, id, &frame, &s->post);
	if (!rc_is_ok(r))
		done(&s->post, r, &none);
}

static void wait_done(struct seen *s)
{
	(void)pthread_mutex_lock(&s->lock);
	while (s->times == 0)
		(void)pthread_cond_wait(&s->changed, &s->lock);
	(void)pthread_mutex_unlock(&s->lock);
}

/* Every post is told once how it went, whenever the connection breaks. */
static void posts_are_told_once(void **state)
{
	struct seen seen[8];
	struct keeper_client *k;
	unsigned answered = 0;
	unsigned broken = 0;
	pthread_t keeper;

	(void)state;
	assert_int_equal(pthread_create(&keeper, NULL, short_lived, NULL), 0);
	assert_true(rc_is_ok(keeper_client_start(path, KEEPER_PATIENCE, &k, NULL)));
	for (unsigned round = 0; round < 300 || answered == 0 || broken == 0; round++) {
		for (size_t i = 0; i < 8; i++)
			post(k, &seen[i]);
		for (size_t i = 0; i < 8; i++) {
			wait_done(&seen[i]);
			assert_true(seen[i].code == RC_OK || seen[i].code == RC_PEER);
			assert_int_equal(seen[i].has_body, seen[i].code == RC_OK);
			answered += seen[i].code == RC_OK;
			broken += seen[i].code == RC_PEER;
		}
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(seen[i].times, 1);
		/* The next round may begin before the reader has connected again. */
		if (round % 2 == 0)
			assert_true(rc_is_ok(ask(k, show)));
	}
	(void)shutdown(listen_fd, SHUT_RDWR);
	keeper_client_stop(k);
	assert_int_equal(pthread_join(keeper, NULL), 0);
}

/* A keeper that hears and says nothing; the client's end tells who asked. */
static void *silent(void *arg)
{
	struct keeper_header h;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	(void)arg;
	while (take(fd, &h))
		continue;
	fd_close(&fd);
	return NULL;
}

static void the_end_tells_posts(void **state)
{
	struct keeper_client *k;
	struct seen seen;
	pthread_t keeper;

	(void)state;
	assert_int_equal(pthread_create(&keeper, NULL, silent, NULL), 0);
	assert_true(rc_is_ok(keeper_client_start(path, KEEPER_PATIENCE, &k, NULL)));
	while (!keeper_client_is_up(k))
		(void)poll(NULL, 0, 1); /* polls a condition */
	post(k, &seen);
	keeper_client_stop(k);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.code, RC_PEER);
	assert_int_equal(pthread_join(keeper, NULL), 0);
}

/* What waits for a keeper that went ends with the server, and not when its patience does,
 * which is a day here. */
static void who_ends_waits_for_nobody(void **state)
{
	struct keeper_client *k;
	pthread_t keeper;
	pthread_t caller;

	(void)state;
	assert_int_equal(pthread_create(&keeper, NULL, mortal, NULL), 0);
	assert_true(rc_is_ok(keeper_client_start(path, 86400, &k, NULL)));
	assert_int_equal(pthread_create(&caller, NULL, ask_roster, k), 0);
	(void)pthread_join(keeper, NULL); /* it went with the question */
	keeper_client_hurry(k);
	(void)pthread_join(caller, NULL);
	assert_int_equal(ask(k, roster).code, RC_PEER);
	keeper_client_stop(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(questions_outlive_connections, setup, teardown),
		cmocka_unit_test_setup_teardown(health_checks_do_not_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(posts_are_told_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_tells_posts, setup, teardown),
		cmocka_unit_test_setup_teardown(who_ends_waits_for_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
