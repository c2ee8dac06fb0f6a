/* Unit tests of lib/net: heads and chunks of answers; then whole calls against a server that says
 * what a script tells it, in pieces, and hangs up when it is told to. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/http_reply.h"
#include "lib/net/https_client.h"
#include "lib/net/https_internal.h"
#include "lib/net/https_stream.h"
#include "lib/net/tls.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OK200 "HTTP/1.1 200 OK\r\n"

/* ---- Heads ---- */

static void heads_are_strict(void **state)
{
	static const struct {
		const char *head;
		enum rc_code code;
	} cases[] = {
		{OK200 "\r\n", RC_OK},
		{"HTTP/1.0 200\r\n\r\n", RC_OK},
		{"HTTP/1.1 599 \r\nA:\r\nB: \t x \t\r\n\r\n", RC_OK},
		{OK200 "Transfer-Encoding: Chunked\r\n\r\n", RC_OK},
		{"HTTP/2.0 200 OK\r\n\r\n", RC_UNSUPPORTED},
		{"HTTP/1.1 101 Other\r\n\r\n", RC_UNSUPPORTED},
		{OK200 "Transfer-Encoding: gzip, chunked\r\n\r\n", RC_UNSUPPORTED},
		{"HTTP/1.1 2x0 OK\r\n\r\n", RC_SYNTAX},
		{"HTTP/1.1 099 OK\r\n\r\n", RC_SYNTAX},
		{"HTTP/1.1 600 OK\r\n\r\n", RC_SYNTAX},
		{"HTTP/1.1 2000 OK\r\n\r\n", RC_SYNTAX},
		{"HTTP/1.1  200 OK\r\n\r\n", RC_SYNTAX},
		{"ICY/1.1 200 OK\r\n\r\n", RC_SYNTAX},
		{"HTTP/1.1 200 OK\n\r\n\r\n", RC_SYNTAX},
		{"HTTP/1.1 20\r\n\r\n", RC_SYNTAX},
		{OK200 "A b: x\r\n\r\n", RC_SYNTAX},
		{OK200 "A : x\r\n\r\n", RC_SYNTAX},
		{OK200 ": x\r\n\r\n", RC_SYNTAX},
		{OK200 "A\r\n\r\n", RC_SYNTAX},
		{OK200 "A: x\r\n folded\r\n\r\n", RC_SYNTAX},
		{OK200 "A: x\rB: y\r\n\r\n", RC_SYNTAX},
		{OK200 "A: x\nB: y\r\n\r\n", RC_SYNTAX},
		{OK200 "Content-Length: -1\r\n\r\n", RC_SYNTAX},
		{OK200 "Content-Length: 1, 1\r\n\r\n", RC_SYNTAX},
		{OK200 "Content-Length: 9223372036854775808\r\n\r\n", RC_SYNTAX},
		{OK200 "Content-Length: 1\r\ncontent-length: 1\r\n\r\n", RC_SYNTAX},
		{OK200 "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", RC_SYNTAX},
		{OK200 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		 RC_SYNTAX},
		{OK200 "\r\nmore", RC_SYNTAX},
	};
	struct http_reply r;
	struct fault f;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		rc code = http_reply_parse(view_str(cases[i].head), &r, &f);

		if (code.code != cases[i].code)
			fail_msg("case %zu: %s: %s", i, cases[i].head, rc_name(code));
	}
	assert_rc(RC_SYNTAX, http_reply_parse(view_of("HTTP/1.1 200 O\0\r\n\r\n", 19), &r, &f));
	assert_rc(RC_SYNTAX, http_reply_parse(view_of("", 0), &r, &f));
	assert_int_equal(http_reply_head_size(view_str("a\r\n\r")), 0);
	assert_int_equal(http_reply_head_size(view_str("a\r\n\r\nb")), 5);
	assert_int_equal(http_reply_head_size(view_of(NULL, 0)), 0);
}

static struct http_reply parsed(const char *head)
{
	struct http_reply r;

	assert_rc(RC_OK, http_reply_parse(view_str(head), &r, NULL));
	return r;
}

static void heads_say_where_bodies_end(void **state)
{
	char head[400];
	char wide[140];
	struct http_reply r =
		parsed("HTTP/1.1 503 Busy\r\ncontent-LENGTH: 7\r\nContent-Type: a/b\r\n"
		       "Cache-Control: no-store\r\nAllow: GET\r\nRetry-After: 9\r\n\r\n");

	(void)state;
	assert_int_equal(r.status, 503);
	assert_int_equal(r.framing, HTTP_SIZED);
	assert_int_equal(r.size, 7);
	assert_false(r.closes);
	assert_string_equal(r.content_type, "a/b");
	assert_string_equal(r.cache, "no-store");
	assert_string_equal(r.allow, "GET");
	assert_int_equal(r.retry_seconds, 9);
	assert_int_equal(parsed(OK200 "Transfer-Encoding: chunked\r\n\r\n").framing, HTTP_CHUNKED);
	r = parsed(OK200 "\r\n");
	assert_int_equal(r.framing, HTTP_TO_END);
	assert_true(r.closes);
	assert_true(parsed("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n").closes);
	assert_true(parsed(OK200 "Content-Length: 1\r\nConnection: x , Close\r\n\r\n").closes);
	assert_false(parsed(OK200 "Content-Length: 1\r\nConnection: closed\r\n\r\n").closes);
	/* None of these has a body, whatever it says. */
	for (size_t i = 0; i < 3; i++) {
		static const unsigned status[] = {100, 204, 304};

		(void)snprintf(head, sizeof(head), "HTTP/1.1 %u X\r\nContent-Length: 5\r\n\r\n",
			       status[i]);
		r = parsed(head);
		assert_int_equal(r.framing, HTTP_SIZED);
		assert_int_equal(r.size, 0);
	}
	/* What does not fit or is not plain is left out. */
	memset(wide, 'w', sizeof(wide));
	wide[128] = '\0';
	(void)snprintf(head, sizeof(head), OK200 "Content-Type: %s\r\nAllow: \x80\r\n\r\n", wide);
	assert_string_equal(parsed(head).content_type, "");
	assert_string_equal(parsed(head).allow, "");
	wide[127] = '\0';
	(void)snprintf(head, sizeof(head), OK200 "Content-Type: %s\r\n\r\n", wide);
	assert_string_equal(parsed(head).content_type, wide);
	assert_int_equal(
		parsed(OK200 "Retry-After: Fri, 27 Nov 2026 00:00:00 GMT\r\n\r\n").retry_seconds,
		0);
}

/* ---- Chunks ---- */

/* Fed in pieces of so many bytes. */
static rc unchunk(const char *text, size_t step, char *out, struct view *ret_rest)
{
	struct http_chunks c = {0};
	struct view all = view_str(text);
	struct view in = view_of(all.ptr, 0);
	struct view data;
	size_t at = 0;

	while (c.at != CHUNK_DONE) {
		if (in.len == 0 && at == all.len)
			return RC(RC_TRUNCATED);
		if (in.len == 0) {
			in = view_of(all.ptr + at, all.len - at < step ? all.len - at : step);
			at += in.len;
		}
		TRY(http_chunks_next(&c, &in, &data));
		memcpy(out, data.ptr, data.len);
		out += data.len;
	}
	*out = '\0';
	*ret_rest = view_of(in.ptr, in.len + all.len - at);
	return OK;
}

static void chunks_are_put_together(void **state)
{
	static const struct {
		const char *text;
		enum rc_code code;
	} cases[] = {
		{"0\r\n\r\n", RC_OK},
		{"5\r\nhello\r\n00\r\n\r\n", RC_OK},
		{"2;name=\"x\"\r\nhe\r\n3 \r\nllo\r\n0\r\nA: b\r\nC: d\r\n\r\n", RC_OK},
		{"5\r\nhello\r\n0\r\n", RC_TRUNCATED},
		{"5\r\nhell", RC_TRUNCATED},
		{"\r\n", RC_SYNTAX},
		{"x\r\n", RC_SYNTAX},
		{"-1\r\n", RC_SYNTAX},
		{"5\nhello\r\n0\r\n\r\n", RC_SYNTAX},
		{"5\r\rhello\r\n0\r\n\r\n", RC_SYNTAX},
		{"5;a\nhello\r\n0\r\n\r\n", RC_SYNTAX},
		{"5\r\nhello0\r\n\r\n", RC_SYNTAX},
		{"5\r\nhello\n\n0\r\n\r\n", RC_SYNTAX},
		{"0\r\nA: b\nC: d\r\n\r\n", RC_SYNTAX},
		{"1000000000000000\r\n", RC_LIMIT},
	};
	char out[64];
	char *wide = (char *)calloc(1, 2 * HTTP_CHUNK_LINE_MAX);
	struct view rest;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t step = 1; step < 60; step++) {
			rc r = unchunk(cases[i].text, step, out, &rest);

			if (r.code != cases[i].code)
				fail_msg("%s by %zu: %s", cases[i].text, step, rc_name(r));
			if (rc_is_ok(r))
				assert_string_equal(out, i == 0 ? "" : "hello");
		}
	assert_rc(RC_OK, unchunk("A\r\n0123456789\r\n0\r\n\r\nmore", 100, out, &rest));
	assert_string_equal(out, "0123456789");
	assert_true(view_is(rest, "more"));
	assert_rc(RC_OK, unchunk("0\r\na\r\n\r\n", 100, out, &rest));
	assert_int_equal(rest.len, 0);
	/* Neither an extension nor trailers without end. */
	memset(wide, 'a', 2 * HTTP_CHUNK_LINE_MAX - 1);
	memcpy(wide, "1;", 2);
	assert_rc(RC_LIMIT, unchunk(wide, 100, out, &rest));
	memcpy(wide, "0\r\n", 3);
	assert_rc(RC_LIMIT, unchunk(wide, 100, out, &rest));
	free(wide);
}

/* ---- A server with a script ---- */

/* One call that is expected, and what it gets. */
struct line {
	const char *says; /* NULL: nothing, the connection ends */
	bool hangs_up;	  /* afterwards */
};

struct script {
	struct line lines[4];
	size_t step;   /* bytes at a time */
	unsigned used; /* connections that have come */
	unsigned calls;
	SSL_CTX *ctx;
	int fd;
	pthread_t thread;
	struct digest pin;
	char url[64];
	struct https_client *client;
};

/* A whole request: its head, and the body it announces. */
static bool read_request(SSL *ssl)
{
	char text[4096];
	size_t len = 0;
	size_t n;

	for (;;) {
		const char *end;
		const char *length;

		if (SSL_read_ex(ssl, text + len, sizeof(text) - len - 1, &n) != 1)
			return false;
		len += n;
		text[len] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (end == NULL)
			continue;
		length = strstr(text, "Content-Length: ");
		n = length == NULL ? 0 : (size_t)atoi(length + 16);
		if (strstr(text, "Expect: ") != NULL || len - (size_t)(end + 4 - text) == n)
			return true;
	}
}

static void speak(struct script *s, SSL *ssl)
{
	while (s->calls < COUNT(s->lines) && read_request(ssl)) {
		const struct line *l = &s->lines[s->calls++];
		size_t len = l->says == NULL ? 0 : strlen(l->says);
		size_t n = 0;

		for (size_t at = 0; at < len; at += n)
			if (SSL_write_ex(ssl, l->says + at, len - at < s->step ? len - at : s->step,
					 &n) != 1)
				return;
		if (l->says == NULL || l->hangs_up)
			return;
	}
}

static void *script_main(void *arg)
{
	struct script *s = (struct script *)arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		SSL *ssl = SSL_new(s->ctx);

		s->used++;
		if (SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {
			speak(s, ssl);
			(void)SSL_shutdown(ssl);
		}
		SSL_free(ssl);
		(void)close(fd);
	}
	return NULL;
}

static void use_key(SSL_CTX *ctx, struct digest *pin)
{
	const struct tls_make m = {
		.name = "127.0.0.1", .not_before = 1000000000, .not_after = (unix_time)4000000000};
	struct secret key = {0};
	AUTO(buf) struct buf cert = {0};
	X509 *x;
	EVP_PKEY *k;
	BIO *b;

	buf_init(&cert, 8192);
	assert_rc(RC_OK, tls_self_signed(&m, &key, &cert, NULL));
	assert_rc(RC_OK, tls_pin(buf_view(&cert), pin, NULL));
	b = BIO_new_mem_buf(cert.ptr, (int)cert.len);
	x = PEM_read_bio_X509(b, NULL, NULL, NULL);
	BIO_free(b);
	b = BIO_new_mem_buf(key.ptr, (int)strlen((const char *)key.ptr));
	k = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	BIO_free(b);
	assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, k), 1);
	X509_free(x);
	EVP_PKEY_free(k);
	secret_release(&key);
}

static void script_start(struct script *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	struct https_client_spec c = {.base_url = s->url, .has_pin = true, .stall_seconds = 60};
	socklen_t n = sizeof(a);

	s->step = s->step == 0 ? 4096 : s->step;
	s->ctx = SSL_CTX_new(TLS_server_method());
	use_key(s->ctx, &s->pin);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->fd, 8), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
	(void)snprintf(s->url, sizeof(s->url), "https://127.0.0.1:%u", ntohs(a.sin_port));
	assert_int_equal(pthread_create(&s->thread, NULL, script_main, s), 0);
	c.pin = s->pin;
	assert_rc(RC_OK, https_setup());
	assert_rc(RC_OK, https_client_new(&c, &s->client, NULL));
}

static void script_end(struct script *s)
{
	https_client_free(s->client); /* or the server waits for its next call */
	(void)shutdown(s->fd, SHUT_RDWR);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	(void)close(s->fd);
	SSL_CTX_free(s->ctx);
}

/* One call with a small body; what came of the answer's in out. */
static rc call_by(struct script *s, const char *method, char out[256], unsigned *ret_status)
{
	const struct https_stream_spec spec = {
		.method = method, .target = "/x", .body = view_str("{}")};
	struct https_stream *t = NULL;
	struct https_head head = {0};
	uint8_t block[7];
	size_t len = 0;
	size_t n = 0;
	rc r;

	assert_rc(RC_OK, https_stream_begin(s->client, &spec, &t, NULL));
	r = https_stream_head(t, &head, NULL);
	do {
		if (rc_is_ok(r))
			r = https_stream_read(t, block, sizeof(block), &n, NULL);
		if (rc_is_ok(r)) {
			assert_true(len + n < 256);
			memcpy(out + len, block, n);
			len += n;
		}
	} while (rc_is_ok(r) && n > 0);
	out[len] = '\0';
	*ret_status = head.status;
	https_stream_end(t);
	return r;
}

static rc call(struct script *s, char out[256], unsigned *ret_status)
{
	return call_by(s, "POST", out, ret_status);
}

static void answers_of_every_form(void **state)
{
	(void)state;
	for (size_t step = 1; step < 200; step = step * 3 + 1) {
		struct script s = {
			.lines = {{"HTTP/1.1 100 Continue\r\n\r\n" OK200
				   "Content-Length: 11\r\n\r\nhello world",
				   false},
				  {"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n",
				   false},
				  {"HTTP/1.1 204 No\r\n\r\n", false},
				  {OK200 "\r\nhello world", true}},
			.step = step};
		char out[256];
		unsigned status;

		script_start(&s);
		assert_rc(RC_OK, call(&s, out, &status));
		assert_int_equal(status, 200);
		assert_string_equal(out, "hello world");
		assert_rc(RC_OK, call(&s, out, &status));
		assert_int_equal(status, 404);
		assert_string_equal(out, "hello world");
		assert_rc(RC_OK, call(&s, out, &status));
		assert_int_equal(status, 204);
		assert_string_equal(out, "");
		assert_rc(RC_OK, call(&s, out, &status));
		assert_string_equal(out, "hello world");
		script_end(&s);
		assert_int_equal(s.used, 1); /* all of them over one connection */
	}
}

/* What ends a connection, or leaves open where an answer ends, is followed by a new one. */
static void connections_are_not_trusted_twice(void **state)
{
	static const struct {
		const char *says;
		bool hangs_up;
		enum rc_code code;
	} cases[] = {
		{OK200 "Content-Length: 2\r\nConnection: close\r\n\r\nhi", false, RC_OK},
		{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, RC_OK},
		{OK200 "Content-Length: 2\r\n\r\nhi" OK200 "Content-Length: 4\r\n\r\nevil", false,
		 RC_OK},
		{OK200 "Content-Length: 3\r\n\r\nhi", true, RC_IO},
		{OK200 "Transfer-Encoding: chunked\r\n\r\n5\r\nhi", true, RC_IO},
		{OK200 "Transfer-Encoding: chunked\r\n\r\n?", false, RC_IO},
		{OK200 "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", false, RC_IO},
		{OK200 "Content-Len", true, RC_IO},
		{"hello", true, RC_IO},
		{"SSH-2.0-OpenSSH\r\n\r\n", false, RC_IO},
	};
	char out[256];
	unsigned status;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct script s = {.lines = {{cases[i].says, cases[i].hangs_up},
					     {OK200 "Content-Length: 4\r\n\r\ngood", false}}};
		rc r;

		script_start(&s);
		r = call(&s, out, &status);
		if (r.code != cases[i].code)
			fail_msg("%s: %s", cases[i].says, rc_name(r));
		if (rc_is_ok(r))
			assert_string_equal(out, "hi");
		assert_rc(RC_OK, call(&s, out, &status));
		assert_string_equal(out, "good");
		script_end(&s);
		assert_int_equal(s.used, 2);
	}
}

/* A kept connection may have ended before the call was heard: it is made again, once. */
static void dead_connections_are_replaced(void **state)
{
	static const char good[] = OK200 "Content-Length: 4\r\n\r\ngood";
	struct script quiet = {.lines = {{good, true}, {good, false}}};
	struct script rude = {.lines = {{good, false}, {NULL, true}, {good, false}}};
	struct script gone = {.lines = {{good, false}, {NULL, true}, {NULL, true}}};
	struct script *all[] = {&quiet, &rude, &gone};
	char out[256];
	unsigned status;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		script_start(all[i]);
		assert_rc(RC_OK, call(all[i], out, &status));
		assert_rc(all[i] == &gone ? RC_IO : RC_OK, call_by(all[i], "PUT", out, &status));
		script_end(all[i]);
	}
	assert_int_equal(quiet.used, 2);
	assert_int_equal(rude.used, 2);
	assert_int_equal(rude.calls, 3);
	assert_int_equal(gone.used, 2); /* not a third time */
	assert_int_equal(gone.calls, 3);
	/* Nor one that has begun to answer, nor one that was never good. */
	rude = (struct script){.lines = {{good, false}, {"HTTP/1.1 2", true}, {good, false}}};
	script_start(&rude);
	assert_rc(RC_OK, call(&rude, out, &status));
	assert_rc(RC_IO, call_by(&rude, "PUT", out, &status));
	script_end(&rude);
	assert_int_equal(rude.calls, 2);
	rude = (struct script){.lines = {{NULL, true}, {good, false}}};
	script_start(&rude);
	assert_rc(RC_IO, call_by(&rude, "PUT", out, &status));
	script_end(&rude);
	assert_int_equal(rude.calls, 1);
}

/* What a server may have acted on before it died is not said to it twice, unless that changes
 * nothing; the call after it goes on. */
static void no_call_counts_twice(void **state)
{
	static const char good[] = OK200 "Content-Length: 4\r\n\r\ngood";
	static const struct {
		const char *method;
		unsigned calls; /* that the server has heard in the end */
		enum rc_code code;
	} cases[] = {
		{"POST", 3, RC_IO}, {"PATCH", 3, RC_IO},  {"GET", 4, RC_OK},
		{"PUT", 4, RC_OK},  {"DELETE", 4, RC_OK},
	};
	char out[256];
	unsigned status;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct script s = {
			.lines = {{good, false}, {NULL, true}, {good, false}, {good, false}}};

		script_start(&s);
		assert_rc(RC_OK, call(&s, out, &status));
		assert_rc(cases[i].code, call_by(&s, cases[i].method, out, &status));
		assert_rc(RC_OK, call(&s, out, &status));
		assert_string_equal(out, "good");
		script_end(&s);
		assert_int_equal(s.calls, cases[i].calls);
	}
}

/* A body that comes piece by piece, and of which nothing had gone: the server asked for none. */
static void a_call_without_its_body_is_none(void **state)
{
	static const char good[] = OK200 "Content-Length: 4\r\n\r\ngood";
	const struct https_stream_spec spec = {
		.method = "PATCH", .target = "/x", .body_size = 2, .ask_first = true};
	struct script s = {
		.lines = {{good, false},
			  {NULL, true},
			  {"HTTP/1.1 100 Continue\r\n\r\n" OK200 "Content-Length: 4\r\n\r\ngood",
			   false}}};
	struct https_stream *t = NULL;
	bool wanted = false;
	char out[256];
	unsigned status;

	(void)state;
	script_start(&s);
	assert_rc(RC_OK, call(&s, out, &status));
	assert_rc(RC_OK, https_stream_begin(s.client, &spec, &t, NULL));
	assert_rc(RC_OK, https_stream_wanted(t, &wanted, NULL));
	assert_true(wanted);
	https_stream_end(t);
	script_end(&s);
	assert_int_equal(s.calls, 3);
}

/* Heads that only say "go on" have an end, too. */
static void not_yet_for_ever(void **state)
{
	static const char not_yet[] = "HTTP/1.1 103 Early Hints\r\n\r\n";
	static const char good[] = OK200 "Content-Length: 4\r\n\r\ngood";
	char out[256];
	unsigned status;

	(void)state;
	for (size_t n = 16; n <= 17; n++) {
		AUTO(buf) struct buf says = {0};
		struct script s = {.step = 100};

		buf_init(&says, 4096);
		for (size_t i = 0; i < n; i++)
			buf_put_str(&says, not_yet);
		buf_put_str(&says, good);
		s.lines[0] = (struct line){buf_cstr(&says), true};
		script_start(&s);
		assert_rc(n == 16 ? RC_OK : RC_IO, call(&s, out, &status));
		script_end(&s);
	}
}

/* A stream that was never connected is no use of the connection before: that one is as old as it
 * was, and the next call takes it. */
static void what_never_connected_keeps_nothing(void **state)
{
	static const char good[] = OK200 "Content-Length: 4\r\n\r\ngood";
	const struct https_stream_spec spec = {.method = "GET", .target = "/x"};
	struct script s = {.lines = {{good, false}, {good, false}}};
	struct https_stream *t = NULL;
	char out[256];
	unsigned status;
	int64_t since;

	(void)state;
	script_start(&s);
	assert_rc(RC_OK, call(&s, out, &status));
	since = s.client->since;
	assert_true(since > 0);
	s.client->since = since - 1;
	assert_rc(RC_OK, https_stream_begin(s.client, &spec, &t, NULL));
	https_stream_end(t);
	assert_int_equal(s.client->since, since - 1);
	assert_rc(RC_OK, call(&s, out, &status));
	assert_true(s.client->since >= since);
	script_end(&s);
	assert_int_equal(s.used, 1);
}

static void heads_have_an_end(void **state)
{
	struct script s = {0};
	char *wide = (char *)calloc(1, HTTP_REPLY_HEAD_MAX + 100);
	char out[256];
	unsigned status;

	(void)state;
	memset(wide, 'a', HTTP_REPLY_HEAD_MAX + 99);
	memcpy(wide, OK200, sizeof(OK200) - 1);
	s.lines[0].says = wide;
	script_start(&s);
	assert_rc(RC_IO, call(&s, out, &status));
	script_end(&s);
	free(wide);
}

/* A server that takes the question for the call: its answer counts, and the body is not sent. */
static void answers_instead_of_a_word(void **state)
{
	struct script s = {.lines = {{"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno", false},
				     {OK200 "Content-Length: 4\r\n\r\ngood", false}}};
	const struct https_stream_spec spec = {
		.method = "PATCH", .target = "/x", .body_size = 100, .ask_first = true};
	struct https_stream *t = NULL;
	struct https_head head;
	bool wanted = true;
	char out[256];
	unsigned status;
	size_t n = 0;

	(void)state;
	script_start(&s);
	assert_rc(RC_OK, https_stream_begin(s.client, &spec, &t, NULL));
	assert_rc(RC_STATE, https_stream_read(t, (uint8_t *)out, 1, &n, NULL));
	assert_rc(RC_OK, https_stream_wanted(t, &wanted, NULL));
	assert_false(wanted);
	assert_rc(RC_EXISTS, https_stream_send(t, view_str("x"), NULL));
	assert_rc(RC_OK, https_stream_head(t, &head, NULL));
	assert_int_equal(head.status, 413);
	assert_rc(RC_OK, https_stream_read(t, (uint8_t *)out, 10, &n, NULL));
	assert_int_equal(n, 2);
	https_stream_end(t);
	assert_rc(RC_OK, call(&s, out, &status));
	assert_string_equal(out, "good");
	script_end(&s);
	assert_int_equal(s.used, 2); /* the other end may wait for the body still */
}

/* Bytes behind an answer that TLS has taken in already, where the socket shows nothing. */
static void bytes_that_are_left_are_no_answer(void **state)
{
	static const char evil[] = OK200 "Content-Length: 4\r\n\r\nevil";
	const struct https_stream_spec spec = {.method = "GET", .target = "/x"};
	struct script s = {
		.lines = {{.says = NULL}, {OK200 "Content-Length: 4\r\n\r\ngood", false}},
		.step = 16000};
	const size_t body = 15000;
	char *says = (char *)calloc(1, s.step + body + sizeof(evil));
	struct https_stream *t = NULL;
	struct https_head head;
	uint8_t block[8192];
	char out[256];
	unsigned status;
	size_t len;
	size_t n = 1;

	(void)state;
	/* The head in one record; in the next the body and more. */
	len = (size_t)sprintf(says, OK200 "Content-Length: %zu\r\nX: ", body);
	memset(says + len, 'a', s.step - len - 4);
	memcpy(says + s.step - 4, "\r\n\r\n", 4);
	memset(says + s.step, 'x', body);
	memcpy(says + s.step + body, evil, sizeof(evil));
	s.lines[0].says = says;
	script_start(&s);
	assert_rc(RC_OK, https_stream_begin(s.client, &spec, &t, NULL));
	assert_rc(RC_OK, https_stream_head(t, &head, NULL));
	for (len = 0; n > 0; len += n)
		assert_rc(RC_OK, https_stream_read(t, block, sizeof(block), &n, NULL));
	assert_int_equal(len, body);
	https_stream_end(t);
	assert_rc(RC_OK, call(&s, out, &status));
	assert_string_equal(out, "good");
	script_end(&s);
	assert_int_equal(s.used, 2);
	free(says);
}

/* What follows a head that is refused, or the one that counts, is no other answer. */
static void one_answer_to_a_call(void **state)
{
	static const char fine[] = OK200 "Content-Length: 0\r\n\r\n";
	struct script early = {
		.lines = {{OK200 "Content-Length: x\r\n\r\n" OK200 "Content-Length: 4\r\n\r\nevil",
			   false}}};
	struct script twice = {.lines = {{"HTTP/1.1 413 No\r\nContent-Length: 38\r\n\r\n" OK200
					  "Content-Length: 0\r\n\r\n",
					  false}}};
	/* The script's server takes the question for the call. */
	struct https_stream_spec spec = {.method = "PATCH",
					 .target = "/x",
					 .headers = {"Expect: nothing"},
					 .body_size = (uint64_t)1 << 40};
	struct https_stream *t = NULL;
	struct https_head head;
	bool wanted = true;
	rc r = OK;

	(void)state;
	assert_int_equal(strlen(fine), 38);
	script_start(&early);
	assert_rc(RC_OK, https_stream_begin(early.client, &spec, &t, NULL));
	while (rc_is_ok(r))
		r = https_stream_send(t, view_str("x"), NULL);
	assert_rc(RC_IO, r);
	https_stream_end(t);
	script_end(&early);
	spec.headers[0] = NULL;
	spec.ask_first = true;
	script_start(&twice);
	assert_rc(RC_OK, https_stream_begin(twice.client, &spec, &t, NULL));
	for (int i = 0; i < 2; i++) {
		assert_rc(RC_OK, https_stream_wanted(t, &wanted, NULL));
		assert_false(wanted);
		assert_rc(RC_OK, https_stream_head(t, &head, NULL));
		assert_int_equal(head.status, 413);
	}
	https_stream_end(t);
	script_end(&twice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_strict),
		cmocka_unit_test(heads_say_where_bodies_end),
		cmocka_unit_test(chunks_are_put_together),
		cmocka_unit_test(answers_of_every_form),
		cmocka_unit_test(connections_are_not_trusted_twice),
		cmocka_unit_test(dead_connections_are_replaced),
		cmocka_unit_test(no_call_counts_twice),
		cmocka_unit_test(a_call_without_its_body_is_none),
		cmocka_unit_test(not_yet_for_ever),
		cmocka_unit_test(what_never_connected_keeps_nothing),
		cmocka_unit_test(heads_have_an_end),
		cmocka_unit_test(answers_instead_of_a_word),
		cmocka_unit_test(bytes_that_are_left_are_no_answer),
		cmocka_unit_test(one_answer_to_a_call),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* the script's server writes to clients that are gone */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
