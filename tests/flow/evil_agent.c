/* A hostile local client against a real greatseal-agent, in front of a server of this test's own
 * that writes down what reaches it: no host signature for anything but a request of this host, no
 * request that the client did not make, no header of the client's choice, and an agent that is
 * still there afterwards. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/crypt/sshpriv.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"
#include "lib/net/http_server.h"
#include "lib/net/tls.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define ANSWER_MAX (1u << 20)

extern char **environ;

static struct {
	char dir[64];
	char socket[100];
	pid_t agent;
	struct secret key;
	struct buf cert;
	struct http_server *server;
	struct sshkey *host_key;
	/* What the server saw. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned requests;
	unsigned complete;
	unsigned ended;
	char last[HTTP_TARGET_KEEP + 32];
	char claims[5000];
	char cookie[100];
	uint64_t body;
} w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* ---- The server behind the agent ---- */

static void saw(unsigned *what)
{
	(void)pthread_mutex_lock(&w.lock);
	(*what)++;
	(void)pthread_cond_broadcast(&w.changed);
	(void)pthread_mutex_unlock(&w.lock);
}

static void wait_for(const unsigned *what, unsigned n)
{
	(void)pthread_mutex_lock(&w.lock);
	while (*what < n)
		(void)pthread_cond_wait(&w.changed, &w.lock);
	(void)pthread_mutex_unlock(&w.lock);
}

static void text_answer(struct http_exchange *x, unsigned status, const char *text)
{
	struct buf b;

	buf_init(&b, 65536);
	buf_put_str(&b, text);
	http_answer(x, &(struct http_answer){.status = status, .body = &b});
}

static void on_begin(void *ctx, struct http_exchange *x)
{
	struct view t = http_raw_target(x);
	const char *claims = http_header(x, "Greatseal-Claims");
	const char *cookie = http_header(x, "Cookie");

	(void)ctx;
	(void)pthread_mutex_lock(&w.lock);
	(void)snprintf(w.last, sizeof(w.last), "%s %.*s", http_method(x), (int)t.len,
		       (const char *)t.ptr);
	(void)snprintf(w.claims, sizeof(w.claims), "%s", claims == NULL ? "none" : claims);
	(void)snprintf(w.cookie, sizeof(w.cookie), "%s", cookie == NULL ? "none" : cookie);
	w.body = 0;
	(void)pthread_mutex_unlock(&w.lock);
	saw(&w.requests);
	if (view_is(t, "/v1/refuse"))
		text_answer(x, 413, "{\"error\":{\"code\":\"form.limit\"}}");
	else
		http_expect_stream(x);
}

static bool on_data(void *ctx, struct http_exchange *x, struct view piece)
{
	(void)ctx;
	(void)x;
	w.body += piece.len; /* one at a time in these tests */
	return true;
}

static void on_ready(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	saw(&w.complete);
	text_answer(x, 200, "{\"from\":\"server\"}");
}

static void on_end(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	(void)x;
	saw(&w.ended);
}

static const struct http_handler handler = {
	.begin = on_begin, .data = on_data, .ready = on_ready, .end = on_end};

/* ---- The agent ---- */

static void run(char *const argv[])
{
	pid_t pid;
	int status;

	assert_int_equal(posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int try_connect(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", w.socket);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int dial(void)
{
	int fd = try_connect();

	assert_true(fd >= 0);
	return fd;
}

/* Sends as far as the agent takes it; it may hang up early. */
static void send_all(int fd, const void *p, size_t n)
{
	const char *at = (const char *)p;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		at += sent;
		n -= (size_t)sent;
	}
}

/* Everything until the agent hangs up. */
static size_t receive_all(int fd, char *out, size_t cap)
{
	size_t n = 0;
	ssize_t got;

	while (n + 1 < cap && (got = recv(fd, out + n, cap - 1 - n, 0)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	return n;
}

static char answer_text[ANSWER_MAX];

/* One connection, these bytes, the whole answer; its status or 0. */
static unsigned ask_raw(const void *p, size_t n)
{
	int fd = dial();
	unsigned status = 0;

	send_all(fd, p, n);
	(void)shutdown(fd, SHUT_WR);
	(void)receive_all(fd, answer_text, sizeof(answer_text));
	(void)close(fd);
	(void)sscanf(answer_text, "HTTP/1.1 %u", &status);
	return status;
}

static unsigned ask(const char *method, const char *target, const char *headers, const char *body)
{
	AUTO(buf) struct buf b = {0};

	buf_init(&b, (size_t)64 << 20);
	buf_printf(&b, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s", method, target,
		   headers);
	if (body != NULL)
		buf_printf(&b, "Content-Length: %zu\r\n", strlen(body));
	buf_put_str(&b, "\r\n");
	if (body != NULL)
		buf_put_str(&b, body);
	assert_rc(RC_OK, buf_done(&b));
	return ask_raw(b.ptr, b.len);
}

static bool agent_answers(void)
{
	int fd = try_connect();

	if (fd < 0)
		return false;
	(void)close(fd);
	return ask("GET", "/agent/v1/info", "", NULL) == 200;
}

static void start_agent(void)
{
	const char *build = getenv("BUILD");
	char program[300], server[100], pin[80], key[100], hex[DIGEST_HEX];
	struct digest d;
	char *argv[] = {program,
			"run",
			"--socket",
			w.socket,
			"--server",
			server,
			"--pin",
			pin,
			"--host",
			"build-07",
			"--origin",
			"log.example",
			"--key-file",
			key,
			"--connections",
			"400",
			"--connections-user",
			"200",
			NULL};

	assert_non_null(build);
	(void)snprintf(program, sizeof(program), "%s/prog/agent/greatseal-agent", build);
	(void)snprintf(server, sizeof(server), "https://%s", http_server_address(w.server));
	assert_rc(RC_OK, tls_pin(buf_view(&w.cert), &d, NULL));
	digest_hex(&d, hex);
	(void)snprintf(pin, sizeof(pin), "sha256:%s", hex);
	(void)snprintf(key, sizeof(key), "%s/key", w.dir);
	assert_int_equal(posix_spawn(&w.agent, program, NULL, NULL, argv, environ), 0);
	while (!agent_answers()) {
		assert_int_equal(waitpid(w.agent, NULL, WNOHANG), 0);
		(void)poll(NULL, 0, 20);
	}
}

static int set_up(void **state)
{
	const struct tls_make m = {
		.name = "127.0.0.1", .not_before = 1000000000, .not_after = (unix_time)4000000000};
	struct http_server_spec spec = {.address = "127.0.0.1:0",
					.threads = 2,
					.connections = 300,
					.idle_seconds = 60,
					.header_seconds = 30,
					.body_seconds = 60,
					.body_memory = 1 << 20,
					.handler = &handler};
	char path[100];
	char *keygen[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, NULL};
	AUTO(buf) struct buf text = {0};
	struct rlimit files;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	assert_rc(RC_OK, dir_temp("/tmp/greatseal-evil.", w.dir, sizeof(w.dir), NULL));
	(void)snprintf(w.socket, sizeof(w.socket), "%s/s", w.dir);
	(void)snprintf(path, sizeof(path), "%s/key", w.dir);
	run(keygen);
	buf_init(&text, SSHPRIV_FILE_MAX);
	assert_rc(RC_OK, file_read(path, &text, NULL));
	assert_rc(RC_OK, sshpriv_public(buf_view(&text), &w.host_key, NULL));
	buf_init(&w.cert, 8192);
	assert_rc(RC_OK, tls_self_signed(&m, &w.key, &w.cert, NULL));
	spec.key_pem = (const char *)w.key.ptr;
	spec.cert_pem = buf_cstr(&w.cert);
	assert_rc(RC_OK, http_server_start(&spec, &w.server, NULL));
	start_agent();
	return 0;
}

static int tear_down(void **state)
{
	char *rm[] = {"rm", "-rf", w.dir, NULL};
	int status = -1;

	(void)state;
	(void)kill(w.agent, SIGTERM);
	(void)waitpid(w.agent, &status, 0);
	assert_int_equal(status, 0); /* it has lived until here, and ends in order */
	http_server_free(w.server);
	secret_release(&w.key);
	buf_release(&w.cert);
	sshkey_free(w.host_key);
	run(rm);
	return 0;
}

/* ---- What the host key signs ---- */

static void make_request(const char *host, const char *origin, struct buf *out)
{
	static const char *const names[] = {"a"};
	struct request_item item = {.product = {"a"},
				    .size = 1,
				    .format = "cms",
				    .content = {.alg = HASH_SHA256, .size = 32},
				    .params = view_str("{}")};
	struct request r = {.key = {"release"},
			    .requester = {"carol"},
			    .not_before = 1,
			    .deadline = 2,
			    .uses = 1,
			    .items = &item,
			    .count = 1};

	(void)snprintf(r.host.s, sizeof(r.host.s), "%s", host);
	(void)snprintf(r.origin, sizeof(r.origin), "%s", origin);
	buf_init(out, REQUEST_BYTES_MAX);
	assert_rc(RC_OK, request_encode(&r, names, out, NULL));
}

static unsigned ask_signature(struct view statement)
{
	AUTO(buf) struct buf body = {0};
	unsigned status;

	buf_init(&body, (size_t)64 << 20);
	buf_put_str(&body, "{\"statement\":\"");
	base64_put(BASE64_STD, statement, &body);
	buf_put_str(&body, "\"}");
	status = ask("POST", "/agent/v1/host-signature", "", buf_cstr(&body));
	if (status != 200)
		assert_null(strstr(answer_text, "\"signature\""));
	return status;
}

static void a_request_of_this_host(void **state)
{
	static const struct sshsig_rules rules = {0};
	AUTO(buf) struct buf request = {0};
	AUTO(buf) struct buf sig = {0};
	const char *at;
	size_t n;

	(void)state;
	make_request("build-07", "log.example", &request);
	assert_int_equal(ask_signature(buf_view(&request)), 200);
	at = strstr(answer_text, "\"signature\":\"");
	assert_non_null(at);
	at += strlen("\"signature\":\"");
	n = strcspn(at, "\"");
	buf_init(&sig, SSHSIG_BLOB_MAX);
	assert_rc(RC_OK, base64_parse(BASE64_STD, view_of(at, n), &sig, NULL));
	assert_rc(RC_OK, sshsig_verify(w.host_key, statement_info(STATEMENT_HOST)->ns,
				       buf_view(&request), buf_view(&sig), &rules, NULL, NULL));
}

static void nothing_else_is_signed(void **state)
{
	static const char approval[] =
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{},\"predicateType\":"
		"\"urn:greatseal:approval:v1\",\"subject\":[]}";
	AUTO(buf) struct buf good = {0};
	AUTO(buf) struct buf other_host = {0};
	AUTO(buf) struct buf other_origin = {0};
	AUTO(buf) struct buf spaced = {0};
	uint8_t noise[64];

	(void)state;
	make_request("build-07", "log.example", &good);
	make_request("build-08", "log.example", &other_host);
	make_request("build-07", "other.example", &other_origin);
	assert_int_equal(ask_signature(buf_view(&other_host)), 422);
	assert_non_null(strstr(answer_text, "names host build-08"));
	assert_int_equal(ask_signature(buf_view(&other_origin)), 422);
	assert_non_null(strstr(answer_text, "other.example"));
	assert_int_equal(ask_signature(view_of(approval, sizeof(approval) - 1)), 422);
	assert_int_equal(ask_signature(view_str("")), 422);
	memset(noise, 0xa5, sizeof(noise));
	assert_int_equal(ask_signature(view_of(noise, sizeof(noise))), 422);
	/* What an SSH login would sign, and the signature's own inner form. */
	assert_int_equal(ask_signature(view_str("SSHSIG")), 422);
	/* The same meaning in another form. */
	buf_init(&spaced, REQUEST_BYTES_MAX);
	buf_put_str(&spaced, " ");
	buf_put_view(&spaced, buf_view(&good));
	assert_int_equal(ask_signature(buf_view(&spaced)), 422);
	buf_clear(&spaced);
	buf_put_view(&spaced, buf_view(&good));
	buf_put_u8(&spaced, 0);
	assert_int_equal(ask_signature(buf_view(&spaced)), 422);
	for (size_t i = 0; i < good.len; i += 7) {
		good.ptr[i] ^= 0x20;
		if (ask_signature(buf_view(&good)) == 200) /* a letter of a free text */
			assert_true(good.ptr[i] >= 'A' && good.ptr[i] <= 'z');
		good.ptr[i] ^= 0x20;
	}
}

static void bodies_are_strict(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"null",
		"{\"statement\":1}",
		"{\"statement\":\"!\"}",
		"{\"statement\":\"aGk\"}",
		"{\"statement\":\"aGk=\",\"namespace\":\"approval.v1@greatseal\"}",
		"{\"statement\":\"aGk=\",\"statement\":\"aGk=\"}",
		"{\"statement\":\"aGk=\"}x",
	};
	const size_t large = (size_t)9 << 20;
	AUTO(buf) struct buf big = {0};
	uint8_t *p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ask("POST", "/agent/v1/host-signature", "", bad[i]) != 400)
			fail_msg("%s: %s", bad[i], answer_text);
	buf_init(&big, large);
	p = buf_space(&big, large);
	assert_non_null(p);
	memset(p, 'a', large);
	assert_int_equal(ask_signature(buf_view(&big)), 413);
	assert_int_equal(ask("GET", "/agent/v1/host-signature", "", NULL), 405);
	assert_int_equal(ask("POST", "/agent/v1/info", "", "{}"), 405);
	assert_int_equal(ask("POST", "/agent/v1/host-signature?namespace=x", "", "{}"), 405);
}

/* ---- What reaches the server ---- */

static void paths_that_do_not_reach_the_server(void **state)
{
	static const char *const targets[] = {
		"/v1/../agent/v1/info",
		"/v1/%2e%2e/agent/v1/info",
		"/v1/..%2fagent",
		"//v1/info",
		"/v1//info",
		"/v1",
		"/v1/",
		"/",
		"*",
		"/healthz",
		"/V1/info",
		"/agent/v1/../../v1/info",
		"/agent/v1/host-signature/",
		"/agent/v2/info",
		"/agent",
		"/v1/info#x",
		"/v1/info?a",
		"/v1/info?x=%00",
		"/v1/in\\fo",
		"http://evil.example/v1/info",
		"http:/v1/info",
		"v1/info",
	};
	unsigned before = w.requests;

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		unsigned status = ask("GET", targets[i], "", NULL);

		if (status != 0 && (status < 400 || status > 499))
			fail_msg("%s: %u", targets[i], status);
	}
	assert_int_equal(ask("CONNECT", "evil.example:443", "", NULL) / 100, 4);
	assert_int_equal(ask("TRACE", "/v1/info", "", NULL), 405);
	assert_int_equal(ask("OPTIONS", "/v1/info", "", NULL), 405);
	assert_int_equal(w.requests, before);
	assert_int_equal(ask("GET", "/v1/info?x=a%2Fb", "", NULL), 200);
	assert_string_equal(w.last, "GET /v1/info?x=a%2Fb"); /* as it was */
}

static void one_request_is_one_request(void **state)
{
	static const char *const smuggled[] = {
		/* Two lengths, and a length beside a coding. */
		"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 60\r\n\r\n"
		"aaaaaGET /v1/secret HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/secret HTTP/1.1\r\nHost: "
		"a\r\n\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
		"GET /v1/secret HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\naaaaa"
		"GET /v1/secret HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\naaaaa"
		"GET /v1/secret HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\naaaaa"
		"GET /v1/secret HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: "
		"99999999999999999999\r\n\r\naaaaa"
		"GET /v1/secret HTTP/1.1\r\nHost: a\r\n\r\n",
		/* Codings of their own, well formed or not. */
		"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\naaaaa\r\n"
		"0\r\n\r\n",
		"PATCH /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"ffffffffffffffffff\r\naaaaa\r\n0\r\n\r\n",
		"PATCH /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nzz",
	};
	unsigned before = w.requests;

	(void)state;
	for (size_t i = 0; i < sizeof(smuggled) / sizeof(smuggled[0]); i++) {
		unsigned status = ask_raw(smuggled[i], strlen(smuggled[i]));

		if (status != 0 && (status < 400 || status > 499))
			fail_msg("%zu: %s", i, answer_text);
		assert_null(strstr(answer_text, "from"));
	}
	assert_int_equal(w.requests, before);
	assert_int_equal(ask("GET", "/v1/x", "", "a body"), 400);
	/* Two in one go are two: each has its own answer. */
	assert_int_equal(ask_raw("GET /v1/one HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/two HTTP/1.1\r\n"
				 "Host: a\r\nConnection: close\r\n\r\n",
				 85),
			 200);
	assert_int_equal(w.requests, before + 2);
	assert_string_equal(w.last, "GET /v1/two");
}

static void headers_of_the_clients_choice(void **state)
{
	char want[64];

	(void)state;
	assert_int_equal(ask("POST", "/v1/requests",
			     "Greatseal-Claims: v1 host=other uid=0 pid=1 user=root\r\n"
			     "greatseal-claims: v1 host=other uid=0 pid=1\r\n"
			     "Cookie: a=b\r\nX-Forwarded-For: 10.0.0.1\r\n"
			     "Connection: Greatseal-Claims\r\n",
			     "{}"),
			 200);
	(void)snprintf(want, sizeof(want), "v1 host=build-07 uid=%u pid=%d ", getuid(), getpid());
	assert_memory_equal(w.claims, want, strlen(want));
	assert_null(strstr(w.claims, "other"));
	assert_non_null(strstr(w.claims, " sha256="));
	assert_string_equal(w.cookie, "none");
	/* Claims go with requests alone. */
	assert_int_equal(
		ask("POST", "/v1/explain", "Greatseal-Claims: v1 host=o uid=0 pid=1\r\n", "{}"),
		200);
	assert_string_equal(w.claims, "none");
	assert_int_equal(ask("GET", "/v1/requests", "Greatseal-Claims: x\r\n", NULL), 200);
	assert_string_equal(w.claims, "none");
}

/* ---- Resources ---- */

static void too_much_of_everything(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 1 << 20);
	buf_put_str(&b, "GET /v1/x HTTP/1.1\r\nHost: a\r\nX: ");
	memset(buf_space(&b, 200000), 'x', 200000);
	buf_put_str(&b, "\r\n\r\n");
	assert_true(ask_raw(b.ptr, b.len) != 200);
	buf_clear(&b);
	buf_put_str(&b, "GET /v1/");
	memset(buf_space(&b, 10000), 'x', 10000);
	buf_put_str(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(ask_raw(b.ptr, b.len) != 200);
	buf_clear(&b);
	buf_put_str(&b, "GET /v1/x HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 20000; i++)
		buf_put_str(&b, "A: b\r\n");
	buf_put_str(&b, "\r\n");
	assert_true(ask_raw(b.ptr, b.len) != 200);
	memset(b.ptr, 0, b.len);
	assert_true(ask_raw(b.ptr, b.len) != 200);
	assert_true(agent_answers());
}

static void a_thousand_idle_connections(void **state)
{
	static int fds[1000];
	unsigned open = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		fds[i] = try_connect();
	for (size_t i = 0; i < 1000; i++) {
		struct pollfd p = {.fd = fds[i], .events = POLLIN};

		if (fds[i] >= 0 && (i < 200 || poll(&p, 1, 0) == 0))
			open++;
	}
	assert_true(open >= 1);
	for (size_t i = 0; i < 1000; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	while (!agent_answers()) /* until it has seen them go */
		(void)poll(NULL, 0, 20);
}

static void a_client_that_goes_away(void **state)
{
	static const char head[] = "PATCH /v1/uploads/x HTTP/1.1\r\nHost: a\r\n"
				   "Content-Length: 100000000\r\n\r\n";
	static uint8_t block[300000];
	unsigned requests = w.requests;
	unsigned complete = w.complete;
	unsigned ended = w.ended;
	int fd = dial();

	(void)state;
	send_all(fd, head, sizeof(head) - 1);
	send_all(fd, block, sizeof(block));
	wait_for(&w.requests, requests + 1);
	(void)close(fd);
	/* The server sees a broken call and no whole one. */
	wait_for(&w.ended, ended + 1);
	assert_int_equal(w.complete, complete);
	assert_true(agent_answers());
}

static void refused_in_the_middle(void **state)
{
	static uint8_t bytes[3000000];
	char head[200];
	unsigned status = 0;
	int fd = dial();

	(void)state;
	(void)snprintf(head, sizeof(head),
		       "PATCH /v1/refuse HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
		       sizeof(bytes));
	send_all(fd, head, strlen(head));
	send_all(fd, bytes, 70000);
	/* The server's own words, before the body was there. */
	(void)receive_all(fd, answer_text, sizeof(answer_text));
	(void)sscanf(answer_text, "HTTP/1.1 %u", &status);
	(void)close(fd);
	assert_int_equal(status, 413);
	assert_non_null(strstr(answer_text, "{\"error\":{\"code\":\"form.limit\"}}"));
	assert_true(agent_answers());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_of_this_host),
		cmocka_unit_test(nothing_else_is_signed),
		cmocka_unit_test(bodies_are_strict),
		cmocka_unit_test(paths_that_do_not_reach_the_server),
		cmocka_unit_test(one_request_is_one_request),
		cmocka_unit_test(headers_of_the_clients_choice),
		cmocka_unit_test(too_much_of_everything),
		cmocka_unit_test(a_thousand_idle_connections),
		cmocka_unit_test(a_client_that_goes_away),
		cmocka_unit_test(refused_in_the_middle),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
