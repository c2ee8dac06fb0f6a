/* What strangers can do to greatseald's port: malformed requests, slow and idle connections, bodies
 * that never end. It refuses, stays small, and goes on answering everybody else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/front.h"

#define IDLE 1000
#define RSS_MAX_KIB (64 * 1024)

static struct fixture fx;
static struct front s;
static SSL_CTX *ctx;

static int group_setup(void **state)
{
	struct rlimit files;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	fx_check(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	fx_check(setrlimit(RLIMIT_NOFILE, &files) == 0);
	ctx = SSL_CTX_new(TLS_client_method());
	fx_check(ctx != NULL);
	fx_start(&fx);
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	front_start(&s, &fx);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_end(&fx);
	SSL_CTX_free(ctx);
	return 0;
}

/* ---- Raw connections -----------------------------------------------------------------------*/

struct raw {
	int fd;
	SSL *ssl; /* NULL: only TCP */
};

static void raw_tcp(struct raw *r)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	const char *colon = strchr(s.address, ':');

	to.sin_port = htons((uint16_t)atoi(colon + 1));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r->ssl = NULL;
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fx_check(r->fd >= 0);
	fx_check(connect(r->fd, (struct sockaddr *)&to, sizeof(to)) == 0);
}

/* False if the server does not want us. */
static bool raw_open(struct raw *r)
{
	raw_tcp(r);
	r->ssl = SSL_new(ctx);
	fx_check(r->ssl != NULL && SSL_set_fd(r->ssl, r->fd) == 1);
	return SSL_connect(r->ssl) == 1;
}

static void raw_close(struct raw *r)
{
	SSL_free(r->ssl);
	r->ssl = NULL;
	fd_close(&r->fd);
}

/* What cannot be sent any more is left: the server has closed. */
static void raw_say(struct raw *r, const void *p, size_t n)
{
	size_t sent;

	(void)SSL_write_ex(r->ssl, p, n, &sent);
}

/* Reads until the connection ends or the text holds as many answers as asked for; how many there
 * are, and the status of the first. 0 and 0 if it was closed without a word. */
static char text[1 << 20];

static unsigned raw_hear(struct raw *r, unsigned answers, unsigned *ret_first)
{
	size_t have = 0;
	unsigned count = 0;

	*ret_first = 0;
	for (;;) {
		size_t n = 0;

		if (have == sizeof(text) - 1 ||
		    SSL_read_ex(r->ssl, text + have, sizeof(text) - 1 - have, &n) != 1)
			break;
		have += n;
		text[have] = '\0';
		count = 0;
		for (const char *at = strstr(text, "HTTP/1.1 "); at != NULL;
		     at = strstr(at + 1, "HTTP/1.1 "))
			if (strstr(at, "\r\n\r\n") != NULL)
				count++;
		if (count >= answers)
			break;
	}
	if (have > 12 && strncmp(text, "HTTP/1.", 7) == 0)
		*ret_first = (unsigned)atoi(text + 9);
	return count;
}

static void still_answers(void)
{
	struct front other;

	front_clone(&other, &s);
	fx_check(front_get(&other, NULL, "/healthz") == 200);
	fx_check(front_get(&other, "alice", "/v1/keys") == 200);
	front_clone_end(&other);
}

/* ---- Malformed requests --------------------------------------------------------------------*/

#define HOST "Host: x\r\n"

static void malformed_requests(void **state)
{
	/* status 0: any refusal, or closed without a word. */
	static const struct {
		const char *text;
		unsigned status;
	} cases[] = {
		{"GET /healthz HTTP/1.1\r\n" HOST "\r\n", 200},
		{"GET /healthz HTTP/1.1\r\n\r\n", 0},
		{"GET /healthz HTTP/2.7\r\n" HOST "\r\n", 0},
		{"GET /healthz\r\n\r\n", 0},
		{"BREW /healthz HTTP/1.1\r\n" HOST "\r\n", 405},
		{"get /healthz HTTP/1.1\r\n" HOST "\r\n", 405},
		{"TRACE /healthz HTTP/1.1\r\n" HOST "\r\n", 405},
		{"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400},
		{"CONNECT x:1 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET http://x/healthz HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET //healthz HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /./healthz HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /v1/../healthz HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /healthz%00 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /%68ealthz HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /v1/log/../../../../etc/passwd HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /v1/log/..%2f..%2fjournal.db HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /v1/log/tile/0/x000/../000 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /healthz?x=%0d%0aSet-Cookie:%20a HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /healthz?a=1&a=2 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /healthz HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 0},
		{"GET /healthz HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n\r\n", 0},
		{"GET /healthz HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
		 0},
		{"POST /v1/uploads HTTP/1.1\r\n" HOST
		 "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		 400},
		{"POST /v1/uploads HTTP/1.1\r\n" HOST
		 "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}",
		 0},
		{"POST /v1/uploads HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 0},
		{"POST /v1/uploads HTTP/1.1\r\n" HOST
		 "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
		 0},
		{"POST /v1/uploads HTTP/1.1\r\n" HOST
		 "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
		 0},
		{"POST /v1/uploads HTTP/1.1\r\n" HOST
		 "Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
		 0},
		{"POST /v1/uploads HTTP/1.1\r\n" HOST
		 "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		 401},
		{"GET /v1/keys HTTP/1.1\r\n" HOST
		 "Authorization: Greatseal a\r\nAuthorization: Greatseal b\r\n\r\n",
		 401},
		{"GET /v1/keys HTTP/1.1\r\n" HOST "Authorization:\r\n\r\n", 401},
		{" GET /healthz HTTP/1.1\r\n" HOST "\r\n", 0},
		{"\x16\x03\x01 nothing\r\n\r\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned status;
		struct raw r;

		fx_check(raw_open(&r));
		raw_say(&r, cases[i].text, strlen(cases[i].text));
		(void)raw_hear(&r, 1, &status);
		raw_close(&r);
		if (cases[i].status != 0 ? status != cases[i].status
					 : status != 0 && (status < 400 || status > 599))
			fail_msg("case %zu: %u: %s", i, status, cases[i].text);
	}
	still_answers();
}

/* A path that is there under another method says which (RFC 9110 15.5.6). */
static void other_methods_are_named(void **state)
{
	static const struct {
		const char *line;
		const char *allow;
	} cases[] = {
		{"POST /healthz", "Allow: GET\r\n"},
		{"HEAD /v1/info", "Allow: GET\r\n"},
		{"DELETE /v1/changes", "Allow: POST, GET\r\n"},
		{"GET /v1/uploads", "Allow: POST\r\n"},
		{"PUT /v1/uploads/0000000000000000000000000000000000000000000000000000000000000000",
		 "Allow: GET, PATCH\r\n"},
		{"POST /v1/log/checkpoint", "Allow: GET\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned status;
		struct raw r;

		fx_check(raw_open(&r));
		raw_say(&r, cases[i].line, strlen(cases[i].line));
		raw_say(&r, " HTTP/1.1\r\n" HOST "\r\n", strlen(" HTTP/1.1\r\n" HOST "\r\n"));
		(void)raw_hear(&r, 1, &status);
		raw_close(&r);
		if (status != 405 || strstr(text, cases[i].allow) == NULL)
			fail_msg("%s: %s", cases[i].line, text);
	}
	/* A path that is not there has no methods. */
	assert_int_equal(front_get(&s, NULL, "/v1/nothing"), 404);
	assert_string_equal(front_reason(&s), reason_id(REASON_CALL_NOTFOUND));
}

static void huge_headers(void **state)
{
	static const char *const heads[] = {"GET /healthz?x=", "GET /healthz HTTP/1.1\r\nX: ",
					    "GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: "};
	size_t n = 1 << 20;
	char *much = (char *)malloc(n);

	(void)state;
	assert_non_null(much);
	memset(much, 'a', n);
	for (size_t i = 0; i < 3; i++) {
		unsigned status;
		struct raw r;

		fx_check(raw_open(&r));
		raw_say(&r, heads[i], strlen(heads[i]));
		raw_say(&r, much, n);
		(void)raw_hear(&r, 1, &status);
		raw_close(&r);
		if (status != 0 && (status < 400 || status > 599))
			fail_msg("head %zu: %u", i, status);
	}
	free(much);
	still_answers();
}

static void not_tls(void **state)
{
	char answer[100];
	struct raw r;

	(void)state;
	raw_tcp(&r);
	fx_ok(fd_write_full(r.fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 34, NULL));
	/* A TLS alert or nothing, but no HTTP. */
	for (;;) {
		ssize_t n = read(r.fd, answer, sizeof(answer));

		if (n <= 0)
			break;
		assert_int_not_equal(memcmp(answer, "HTTP", n < 4 ? (size_t)n : 4), 0);
	}
	raw_close(&r);
	still_answers();
}

static void pipelined_requests_are_answered(void **state)
{
	static const char one[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	unsigned status;
	struct raw r;

	(void)state;
	fx_check(raw_open(&r));
	for (int i = 0; i < 3; i++)
		raw_say(&r, one, strlen(one));
	assert_int_equal(raw_hear(&r, 3, &status), 3);
	assert_int_equal(status, 200);
	raw_close(&r);
}

/* ---- Bodies --------------------------------------------------------------------------------*/

/* A large body is not read for somebody whom the roster does not know. */
static void strangers_do_not_fill_the_memory(void **state)
{
	static const char head[] = "POST /v1/requests HTTP/1.1\r\nHost: x\r\n"
				   "Content-Length: 10000000\r\n\r\n";
	struct raw r[20];

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		unsigned status;

		fx_check(raw_open(&r[i]));
		raw_say(&r[i], head, strlen(head));
		(void)raw_hear(&r[i], 1, &status); /* not a byte of the body was sent */
		assert_int_equal(status, 401);
	}
	for (size_t i = 0; i < 20; i++)
		raw_close(&r[i]);
	still_answers();
}

/* A chunked body that does not end is cut when it passes the route's limit. */
static void endless_chunks(void **state)
{
	static const char head[] = "POST /v1/uploads HTTP/1.1\r\nHost: x\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	static char chunk[65536 + 16];
	unsigned status;
	struct raw r;

	(void)state;
	memset(chunk, ' ', sizeof(chunk));
	memcpy(chunk, "10000\r\n", 7);
	memcpy(chunk + 7 + 65536, "\r\n", 2);
	fx_check(raw_open(&r));
	raw_say(&r, head, strlen(head));
	for (int i = 0; i < 64; i++)
		raw_say(&r, chunk, 7 + 65536 + 2);
	(void)raw_hear(&r, 1, &status);
	assert_true(status == 0 || status == 413);
	raw_close(&r);
	still_answers();
}

/* A number of /proc/PID/task/TID/status. */
static long thread_status(const char *tid, const char *field)
{
	char path[64], line[200];
	long kib = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)s.pid, tid);
	file = fopen(path, "re");
	fx_check(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			kib = atol(line + strlen(field));
	(void)fclose(file);
	return kib;
}

static long memory_kib(const char *field)
{
	char tid[16];

	(void)snprintf(tid, sizeof(tid), "%d", (int)s.pid);
	return thread_status(tid, field);
}

/* Every thread is under the filter, cannot gain privileges and holds none, after all that the cases
 * before have made it do. */
static void every_thread_is_confined(void **state)
{
	char path[64];
	const struct dirent *entry;
	size_t threads = 0;
	DIR *dir;

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)s.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(thread_status(entry->d_name, "Seccomp:"), 2);
		assert_int_equal(thread_status(entry->d_name, "NoNewPrivs:"), 1);
		threads++;
	}
	(void)closedir(dir);
	assert_true(threads > 10);
}

/* The size of an upload does not show in the memory. */
static void upload_is_not_in_memory(void **state)
{
	size_t n = (size_t)256 << 20;
	uint8_t *bytes = (uint8_t *)malloc(n);
	char target[200], hex[DIGEST_HEX];
	struct digest d;

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < n; i += sizeof(i))
		memcpy(bytes + i, &i, sizeof(i));
	d = digest_of(view_of(bytes, n));
	digest_hex(&d, hex);
	assert_int_equal(front_post(&s, "alice", "/v1/uploads",
				    json_pack("{s:s,s:I}", "sha256", hex, "size", (json_int_t)n)),
			 200);
	(void)snprintf(target, sizeof(target), "/v1/uploads/%s?offset=0", hex);
	assert_int_equal(front_patch(&s, "alice", target, view_of(bytes, n)), 200);
	assert_int_equal(front_number(&s, "complete"), 1);
	free(bytes);
	assert_in_range(memory_kib("VmHWM:"), 1, RSS_MAX_KIB);
}

/* ---- Many connections ----------------------------------------------------------------------*/

static void idle_connections(void **state)
{
	static struct raw r[IDLE];
	struct front other;

	(void)state;
	/* A connection of ours from before, as others have them, and new ones in between. */
	front_clone(&other, &s);
	for (size_t i = 0; i < IDLE; i++) {
		if (i % 4 == 0)
			fx_check(raw_open(&r[i]));
		else
			raw_tcp(&r[i]);
		if (i % 100 == 0) {
			fx_check(front_get(&other, "alice", "/v1/keys") == 200);
			still_answers();
		}
	}
	for (int i = 0; i < 50; i++)
		assert_int_equal(front_get(&other, "alice", "/v1/keys"), 200);
	for (size_t i = 0; i < IDLE; i++)
		raw_close(&r[i]);
	front_clone_end(&other);
	still_answers();
}

/* One address does not get all connections there are. */
static void one_address_is_limited(void **state)
{
	static struct raw r[1200];
	size_t refused = 0;

	(void)state;
	for (size_t i = 0; i < 1200; i++)
		raw_tcp(&r[i]);
	/* The last ones are beyond the limit: closed without a handshake. */
	for (size_t i = 1190; i < 1200; i++) {
		r[i].ssl = SSL_new(ctx);
		fx_check(r[i].ssl != NULL && SSL_set_fd(r[i].ssl, r[i].fd) == 1);
		refused += SSL_connect(r[i].ssl) != 1;
	}
	assert_int_equal(refused, 10);
	for (size_t i = 0; i < 1200; i++)
		raw_close(&r[i]);
	still_answers();
}

/* Whoever is slow is cut off: without a handshake, without a request, in the middle of a header.
 * The server's own deadlines end these reads. */
static void slow_connections(void **state)
{
	static const char part[] = "GET /healthz HTTP/1.1\r\nHo";
	struct raw r[3];
	unsigned status;
	char byte;

	(void)state;
	raw_tcp(&r[0]);
	fx_check(raw_open(&r[1]));
	fx_check(raw_open(&r[2]));
	raw_say(&r[2], part, strlen(part));
	assert_true(read(r[0].fd, &byte, 1) <= 0);
	assert_int_equal(raw_hear(&r[1], 1, &status), 0);
	/* A byte now and then buys no time. */
	raw_say(&r[2], "s", 1);
	(void)raw_hear(&r[2], 1, &status);
	assert_true(status == 0 || status == 408);
	for (size_t i = 0; i < 3; i++)
		raw_close(&r[i]);
	still_answers();
}

/* ---- Long polls ----------------------------------------------------------------------------*/

struct poller {
	struct front front;
	char target[200];
	json_int_t version;
};

static void *poll_once(void *at)
{
	struct poller *p = (struct poller *)at;

	if (front_get(&p->front, "alice", p->target) == 200)
		p->version = front_number(&p->front, "version");
	return NULL;
}

/* Everybody who waits for a request hears of its change long before their own time is over. */
static void pollers_are_woken(void **state)
{
	static struct poller p[5];
	pthread_t threads[5];
	struct timespec begin, end;
	struct fx_request q;
	char hex[DIGEST_HEX];
	json_int_t version;

	(void)state;
	fx_make_key(&fx, "release", "ecdsa-p256");
	fx_request_new(&fx, "release", 1, &q);
	assert_int_equal(front_submit(&s, "/v1/requests", &q, true), 200);
	digest_hex(&q.id, hex);
	(void)snprintf(p[0].target, sizeof(p[0].target), "/v1/requests/%s/wait?timeout=0", hex);
	assert_int_equal(front_get(&s, "alice", p[0].target), 200);
	version = front_number(&s, "version");
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	for (size_t i = 0; i < 5; i++) {
		(void)snprintf(p[i].target, sizeof(p[i].target),
			       "/v1/requests/%s/wait?timeout=60&since=%lld", hex,
			       (long long)version);
		front_clone(&p[i].front, &s);
		assert_int_equal(pthread_create(&threads[i], NULL, poll_once, &p[i]), 0);
	}
	assert_int_equal(front_act(&s, STATEMENT_APPROVAL, "bob", &q), 200);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		front_clone_end(&p[i].front);
		assert_true(p[i].version > version);
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - begin.tv_sec < 50);
	fx_request_release(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_requests),
		cmocka_unit_test(other_methods_are_named),
		cmocka_unit_test(huge_headers),
		cmocka_unit_test(not_tls),
		cmocka_unit_test(pipelined_requests_are_answered),
		cmocka_unit_test(strangers_do_not_fill_the_memory),
		cmocka_unit_test(endless_chunks),
		cmocka_unit_test(upload_is_not_in_memory),
		cmocka_unit_test(idle_connections),
		cmocka_unit_test(one_address_is_limited),
		cmocka_unit_test(slow_connections),
		cmocka_unit_test(pollers_are_woken),
		cmocka_unit_test(every_thread_is_confined),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
