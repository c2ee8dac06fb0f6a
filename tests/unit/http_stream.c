/* Unit tests of lib/net: calls in pieces against our own server, and servers on unix sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/pem.h"
#include "lib/net/http_server.h"
#include "lib/net/https_client.h"
#include "lib/net/https_stream.h"
#include "lib/net/tls.h"
#include "lib/net/tls_identity.h"
#include "tests/support/tls_ca.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define LARGE ((size_t)3 << 20)

static atomic_size_t streamed;
static size_t pulled;

/* ---- A server: counts what comes, gives LARGE bytes, refuses in the middle ---- */

static void answer(struct http_exchange *x, unsigned status, const char *text)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_put_str(&b, text);
	http_answer(x, &(struct http_answer){.status = status,
					     .content_type = "text/plain; charset=utf-8",
					     .cache = "max-age=7",
					     .retry_seconds = status == 503 ? 9 : 0,
					     .body = &b});
}

static void begin(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	if (http_fault(x) == HTTP_FAULT_CLIENT_CERT)
		answer(x, 403, http_fault_text(x));
	else if (view_is(http_raw_target(x), "/busy"))
		answer(x, 503, "busy");
	else
		http_expect_stream(x);
}

static bool data(void *ctx, struct http_exchange *x, struct view piece)
{
	(void)ctx;
	atomic_fetch_add(&streamed, piece.len);
	if (!view_is(http_raw_target(x), "/stop"))
		return true;
	answer(x, 409, "enough");
	return false;
}

static ptrdiff_t pull(void *ctx, uint8_t *out, size_t max)
{
	(void)ctx;
	if (pulled == LARGE)
		return -1;
	max = max < LARGE - pulled ? max : LARGE - pulled;
	memset(out, 'p', max);
	pulled += max;
	return (ptrdiff_t)max;
}

static void ready(void *ctx, struct http_exchange *x)
{
	char text[64];
	const struct http_peer *p = http_peer(x);
	struct buf b;

	(void)ctx;
	if (view_is(http_raw_target(x), "/large")) {
		buf_init(&b, LARGE);
		memset(buf_space(&b, LARGE), 'x', LARGE);
		http_answer(x, &(struct http_answer){.status = 200, .body = &b});
	} else if (view_is(http_raw_target(x), "/pull")) {
		http_answer(x,
			    &(struct http_answer){.status = 200, .pull = pull, .size = 2 * LARGE});
	} else if (view_is(http_raw_target(x), "/who")) {
		if (p == NULL) {
			answer(x, 500, "nobody");
			return;
		}
		(void)snprintf(text, sizeof(text), "%d %u %d", p->pid, p->uid,
			       http_peer_is_gone(x));
		answer(x, 200, text);
	} else {
		(void)snprintf(text, sizeof(text), "%zu", (size_t)atomic_load(&streamed));
		answer(x, 200, text);
	}
}

static void end(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	(void)x;
}

static const struct http_handler handler = {
	.begin = begin, .data = data, .ready = ready, .end = end};

struct world {
	struct secret key;
	struct buf cert;
	struct digest pin;
	struct http_server *server;
	struct https_client *client;
};

/* mutual: PEM of the authority of clients, or NULL. */
static void world_start(struct world *w, const char *mutual, struct tls_identity *identity)
{
	const struct tls_make m = {
		.name = "127.0.0.1", .not_before = 1000000000, .not_after = (unix_time)4000000000};
	struct http_server_spec spec = {.address = "127.0.0.1:0",
					.threads = 2,
					.connections = 20,
					.idle_seconds = 20,
					.header_seconds = 10,
					.body_seconds = 20,
					.body_memory = 1 << 20,
					.handler = &handler};
	char url[100];
	struct https_client_spec c = {
		.base_url = url, .has_pin = true, .identity = identity, .stall_seconds = 20};

	memset(w, 0, sizeof(*w));
	buf_init(&w->cert, 8192);
	assert_rc(RC_OK, tls_self_signed(&m, &w->key, &w->cert, NULL));
	assert_rc(RC_OK, tls_pin(buf_view(&w->cert), &w->pin, NULL));
	spec.key_pem = (const char *)w->key.ptr;
	spec.cert_pem = buf_cstr(&w->cert);
	spec.client_ca_pem = mutual;
	assert_rc(RC_OK, http_server_start(&spec, &w->server, NULL));
	c.pin = w->pin;
	(void)snprintf(url, sizeof(url), "https://%s", http_server_address(w->server));
	assert_rc(RC_OK, https_setup());
	assert_rc(RC_OK, https_client_new(&c, &w->client, NULL));
	atomic_store(&streamed, 0);
}

static void world_stop(struct world *w)
{
	https_client_free(w->client);
	http_server_free(w->server);
	secret_release(&w->key);
	buf_release(&w->cert);
}

static size_t read_all(struct https_stream *s)
{
	uint8_t block[10000];
	size_t total = 0;
	size_t n = 0;

	do {
		assert_rc(RC_OK, https_stream_read(s, block, sizeof(block), &n, NULL));
		total += n;
	} while (n > 0);
	return total;
}

static void bytes_up_and_down(void **state)
{
	struct https_stream_spec spec = {.method = "PATCH", .target = "/x", .body_size = LARGE};
	struct https_stream *s = NULL;
	struct https_head head;
	struct world w;
	uint8_t *block = (uint8_t *)calloc(1, 140001);
	size_t sent = 0;

	(void)state;
	world_start(&w, NULL, NULL);
	assert_rc(RC_OK, https_stream_begin(w.client, &spec, &s, NULL));
	while (sent < LARGE) {
		size_t n = LARGE - sent < 70001 ? LARGE - sent : 70001;

		assert_rc(RC_OK, https_stream_send(s, view_of(block, n), NULL));
		sent += n;
		if (sent < LARGE)
			assert_rc(RC_TRUNCATED, https_stream_head(s, &head, NULL));
	}
	assert_rc(RC_LIMIT, https_stream_send(s, view_of(block, 1), NULL));
	assert_rc(RC_OK, https_stream_head(s, &head, NULL));
	assert_int_equal(head.status, 200);
	assert_string_equal(head.content_type, "text/plain; charset=utf-8");
	assert_string_equal(head.cache, "max-age=7");
	assert_true(head.has_size);
	assert_int_equal(head.size, 7);
	assert_int_equal(read_all(s), 7);
	assert_int_equal(atomic_load(&streamed), LARGE);
	https_stream_end(s);
	/* The same client, the other direction; then one that is left in the middle. */
	spec = (struct https_stream_spec){.method = "GET", .target = "/large"};
	for (int i = 0; i < 2; i++) {
		assert_rc(RC_OK, https_stream_begin(w.client, &spec, &s, NULL));
		assert_rc(RC_OK, https_stream_head(s, &head, NULL));
		assert_int_equal(head.size, LARGE);
		if (i == 0)
			assert_int_equal(read_all(s), LARGE);
		https_stream_end(s);
	}
	spec.target = "/busy";
	assert_rc(RC_OK, https_stream_begin(w.client, &spec, &s, NULL));
	assert_rc(RC_OK, https_stream_head(s, &head, NULL));
	assert_int_equal(head.status, 503);
	assert_int_equal(head.retry_seconds, 9);
	assert_int_equal(read_all(s), 4);
	https_stream_end(s);
	/* Whole bodies, and a call without one between them. */
	spec = (struct https_stream_spec){.target = "/x"};
	atomic_store(&streamed, 0);
	for (size_t i = 0; i < 5; i++) {
		spec.method = i % 2 == 0 ? "PUT" : "GET";
		spec.body = view_of(block, i % 2 == 0 ? 70000 * i / 2 + 1 : 0);
		assert_rc(RC_OK, https_stream_begin(w.client, &spec, &s, NULL));
		assert_rc(RC_OK, https_stream_head(s, &head, NULL));
		assert_int_equal(head.status, 200);
		assert_true(read_all(s) > 0);
		https_stream_end(s);
	}
	assert_int_equal(atomic_load(&streamed), 70000 + 140000 + 3);
	https_stream_end(NULL);
	free(block);
	world_stop(&w);
}

static void answers_that_come_early(void **state)
{
	const struct https_stream_spec spec = {
		.method = "PATCH", .target = "/stop", .body_size = (uint64_t)1 << 40};
	struct https_stream *s = NULL;
	struct https_head head;
	struct world w;
	uint8_t *block = (uint8_t *)calloc(1, 65536);
	rc r = OK;

	(void)state;
	world_start(&w, NULL, NULL);
	assert_rc(RC_OK, https_stream_begin(w.client, &spec, &s, NULL));
	while (rc_is_ok(r))
		r = https_stream_send(s, view_of(block, 65536), NULL);
	/* The server has answered and hung up: what came first is told. */
	assert_true(r.code == RC_EXISTS || r.code == RC_IO);
	if (r.code == RC_EXISTS) {
		assert_rc(RC_OK, https_stream_head(s, &head, NULL));
		assert_int_equal(head.status, 409);
	}
	https_stream_end(s);
	free(block);
	world_stop(&w);
}

static void asked_first(void **state)
{
	struct https_stream_spec spec = {
		.method = "PATCH", .target = "/busy", .body_size = LARGE, .ask_first = true};
	uint8_t *block = (uint8_t *)calloc(1, LARGE);
	struct https_stream *s = NULL;
	struct https_head head;
	bool wanted = true;
	struct world w;

	(void)state;
	world_start(&w, NULL, NULL);
	assert_rc(RC_OK, https_stream_begin(w.client, &spec, &s, NULL));
	assert_rc(RC_OK, https_stream_wanted(s, &wanted, NULL));
	assert_false(wanted);
	assert_rc(RC_OK, https_stream_head(s, &head, NULL));
	assert_int_equal(head.status, 503);
	assert_int_equal(read_all(s), 4);
	https_stream_end(s);
	spec.target = "/x";
	assert_rc(RC_OK, https_stream_begin(w.client, &spec, &s, NULL));
	assert_rc(RC_OK, https_stream_wanted(s, &wanted, NULL));
	assert_true(wanted);
	assert_int_equal(atomic_load(&streamed), 0);
	assert_rc(RC_OK, https_stream_send(s, view_of(block, LARGE), NULL));
	assert_rc(RC_OK, https_stream_head(s, &head, NULL));
	assert_int_equal(head.status, 200);
	assert_int_equal(atomic_load(&streamed), LARGE);
	https_stream_end(s);
	free(block);
	world_stop(&w);
}

static bool always(void *ctx)
{
	(void)ctx;
	return true;
}

static bool count_step(void *ctx, uint64_t moved, uint64_t total)
{
	(void)moved;
	(void)total;
	++*(unsigned *)ctx;
	return true;
}

static void one_stream(struct world *w)
{
	const struct https_stream_spec spec = {.method = "GET", .target = "/x"};
	struct https_stream *s = NULL;
	struct https_head head;

	assert_rc(RC_OK, https_stream_begin(w->client, &spec, &s, NULL));
	assert_rc(RC_OK, https_stream_head(s, &head, NULL));
	assert_int_equal(head.status, 200);
	https_stream_end(s);
}

/* One client for both, by turns: who is told of a call's progress has no part in the stream behind
 * it. */
static void streams_and_calls_by_turns(void **state)
{
	unsigned steps = 0, before;
	const struct https_progress progress = {.step = count_step, .ctx = &steps};
	const struct https_request q = {.method = "GET", .target = "/x", .progress = &progress};
	struct https_answer a = {0};
	struct world w;

	(void)state;
	world_start(&w, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		before = steps;
		assert_rc(RC_OK, https_call(w.client, &q, &a, NULL));
		assert_int_equal(a.status, 200);
		https_answer_release(&a);
		assert_true(steps > before);
		before = steps;
		one_stream(&w);
		one_stream(&w);
		assert_int_equal(steps, before);
	}
	world_stop(&w);
}

static void failures_have_names(void **state)
{
	struct https_stream_spec spec = {.method = "GET", .target = "nothing"};
	struct https_client_spec c = {.base_url = "https://127.0.0.1:1", .has_pin = true};
	struct https_client *client = NULL;
	struct https_stream *s = NULL;
	struct https_head head;
	struct world w;
	int fd = -1;
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof(a);
	char url[64];

	(void)state;
	world_start(&w, NULL, NULL);
	assert_rc(RC_USAGE, https_stream_begin(w.client, &spec, &s, NULL));
	spec.target = "/x";
	spec.headers[0] = "Bad\nHeader: x";
	assert_rc(RC_USAGE, https_stream_begin(w.client, &spec, &s, NULL));
	spec.headers[0] = NULL;
	assert_rc(RC_OK, https_client_new(&c, &client, NULL));
	assert_rc(RC_OK, https_stream_begin(client, &spec, &s, NULL));
	assert_rc(RC_IO, https_stream_head(s, &head, NULL));
	https_stream_end(s);
	https_client_free(client);
	(void)snprintf(url, sizeof(url), "https://%s", http_server_address(w.server));
	c.base_url = url;
	assert_rc(RC_OK, https_client_new(&c, &client, NULL)); /* the pin is all zeros */
	assert_rc(RC_OK, https_stream_begin(client, &spec, &s, NULL));
	assert_rc(RC_MISMATCH, https_stream_head(s, &head, NULL));
	https_stream_end(s);
	https_client_free(client);
	/* A server that says nothing, and a caller who has had enough. */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", ntohs(a.sin_port));
	assert_rc(RC_OK, https_client_new(&c, &client, NULL));
	spec.gone = always;
	assert_rc(RC_OK, https_stream_begin(client, &spec, &s, NULL));
	assert_rc(RC_STATE, https_stream_head(s, &head, NULL));
	https_stream_end(s);
	https_client_free(client);
	(void)close(fd);
	world_stop(&w);
}

/* ---- Client certificates from memory ---- */

static unsigned status_of(struct https_client *c, const char *target)
{
	const struct https_stream_spec spec = {.method = "GET", .target = target};
	struct https_stream *s = NULL;
	struct https_head head = {0};

	assert_rc(RC_OK, https_stream_begin(c, &spec, &s, NULL));
	assert_rc(RC_OK, https_stream_head(s, &head, NULL));
	https_stream_end(s);
	return head.status;
}

static void read_file(const char *dir, const char *name, struct buf *out)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	buf_init(out, 65536);
	assert_rc(RC_OK, file_read(path, out, NULL));
	assert_int_equal(unlink(path), 0);
}

/* A certificate and its key reach the server without a file being named to libcurl. */
static void certificates_from_memory(void **state)
{
	static const struct pem_kind kind = {.label = "PRIVATE KEY", .columns = PEM_COLUMNS};
	const struct tls_ca_client client = {
		.name = "build-07", .from_seconds = -60, .to_seconds = 3600, .usage = "clientAuth"};
	struct tls_identity *t = NULL;
	struct tls_ca ca;
	struct world w;
	char dir[64], ca_path[100], cert_path[100], key_path[100];
	AUTO(buf) struct buf ca_pem = {0};
	AUTO(buf) struct buf cert = {0};
	AUTO(buf) struct buf key_pem = {0};
	AUTO(buf) struct buf key = {0};
	struct view rest;

	(void)state;
	assert_rc(RC_OK, dir_temp("/tmp/greatseal-unit.", dir, sizeof(dir), NULL));
	(void)snprintf(ca_path, sizeof(ca_path), "%s/ca", dir);
	(void)snprintf(cert_path, sizeof(cert_path), "%s/cert", dir);
	(void)snprintf(key_path, sizeof(key_path), "%s/key", dir);
	tls_ca_new(&ca, "hosts", ca_path);
	tls_ca_issue(&ca, &client, cert_path, key_path);
	read_file(dir, "ca", &ca_pem);
	read_file(dir, "cert", &cert);
	read_file(dir, "key", &key_pem);
	assert_int_equal(rmdir(dir), 0);
	rest = buf_view(&key_pem);
	buf_init(&key, 4096);
	assert_rc(RC_OK, pem_next(&kind, &rest, &key, NULL));
	assert_rc(RC_SYNTAX, tls_identity_new(view_str("x"), buf_view(&key), &t, NULL));
	assert_rc(RC_SYNTAX, tls_identity_new(buf_view(&cert), view_str("x"), &t, NULL));
	assert_rc(RC_MISMATCH, tls_identity_new(buf_view(&ca_pem), buf_view(&key), &t, NULL));
	world_start(&w, buf_cstr(&ca_pem), NULL);
	assert_int_equal(status_of(w.client, "/busy"), 403);
	world_stop(&w);
	assert_rc(RC_OK, tls_identity_new(buf_view(&cert), buf_view(&key), &t, NULL));
	world_start(&w, buf_cstr(&ca_pem), t);
	tls_identity_free(t); /* the client shares it */
	assert_int_equal(status_of(w.client, "/busy"), 503);
	world_stop(&w);
	tls_identity_free(NULL);
	tls_ca_free(&ca);
}

/* ---- Unix sockets ---- */

static void local_start(const char *path, unsigned per_user, struct http_server **ret)
{
	struct http_server_spec spec = {.has_fd = true,
					.local = true,
					.connections = 20,
					.connections_user = per_user,
					.idle_seconds = 20,
					.header_seconds = 10,
					.body_seconds = 20,
					.body_memory = 1 << 20,
					.handler = &handler};

	assert_rc(RC_OK, http_listen_local(path, 0600, &spec.fd, NULL));
	assert_rc(RC_OK, http_server_start(&spec, ret, NULL));
}

static int connect_local(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void local_servers(void **state)
{
	char dir[64];
	char path[100];
	char want[64];
	char long_path[200];
	struct https_client_spec spec = {.unix_socket = path};
	struct https_request q = {.method = "GET", .target = "/who", .answer_max = 4 * LARGE};
	struct https_answer a = {0};
	struct https_client *c = NULL;
	struct http_server *server = NULL;
	struct stat st;
	int fd = -1;

	(void)state;
	assert_rc(RC_OK, dir_temp("/tmp/greatseal-unit.", dir, sizeof(dir), NULL));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	memset(long_path, 'a', sizeof(long_path));
	long_path[199] = '\0';
	assert_rc(RC_LIMIT, http_listen_local(long_path, 0600, &fd, NULL));
	assert_rc(RC_NOTFOUND, http_listen_local("/proc/self/nowhere", 0600, &fd, NULL));
	local_start(path, 0, &server);
	assert_rc(RC_EXISTS, http_listen_local(path, 0600, &fd, NULL));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_rc(RC_OK, https_setup());
	assert_rc(RC_OK, https_client_new(&spec, &c, NULL));
	assert_rc(RC_OK, https_call(c, &q, &a, NULL));
	(void)snprintf(want, sizeof(want), "%d %u 0", getpid(), getuid());
	assert_string_equal(buf_cstr(&a.body), want);
	https_answer_release(&a);
	/* Half of what was promised, then the connection is cut: no answer that looks whole. */
	q.target = "/pull";
	assert_rc(RC_IO, https_call(c, &q, &a, NULL));
	assert_int_equal(pulled, LARGE);
	https_client_free(c);
	http_server_free(server);
	/* A socket that is left over is replaced; another file is not. */
	local_start(path, 0, &server);
	http_server_free(server);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)close(fd);
	assert_rc(RC_EXISTS, http_listen_local(path, 0600, &fd, NULL));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Whether the server has hung up, which shows as the end of the stream. */
static bool is_cut(int fd)
{
	char c;

	return recv(fd, &c, 1, 0) == 0;
}

static void one_user_cannot_take_all(void **state)
{
	static const char get[] = "GET /who HTTP/1.1\r\nHost: a\r\n\r\n";
	char dir[64];
	char path[100];
	struct http_server *server = NULL;
	int fds[3];

	(void)state;
	assert_rc(RC_OK, dir_temp("/tmp/greatseal-unit.", dir, sizeof(dir), NULL));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	local_start(path, 2, &server);
	for (int i = 0; i < 3; i++)
		fds[i] = connect_local(path);
	assert_true(is_cut(fds[2]));
	assert_int_equal(send(fds[0], get, sizeof(get) - 1, 0), sizeof(get) - 1);
	assert_false(is_cut(fds[0]));
	for (int i = 0; i < 3; i++)
		(void)close(fds[i]);
	http_server_free(server);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_up_and_down),   cmocka_unit_test(answers_that_come_early),
		cmocka_unit_test(asked_first),	       cmocka_unit_test(streams_and_calls_by_turns),
		cmocka_unit_test(failures_have_names), cmocka_unit_test(certificates_from_memory),
		cmocka_unit_test(local_servers),       cmocka_unit_test(one_user_cannot_take_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
