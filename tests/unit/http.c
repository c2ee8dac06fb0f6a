/* Unit tests of lib/net: targets, certificates, and the server glue against our own client. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/net/http_server.h"
#include "lib/net/http_target.h"
#include "lib/net/https_client.h"
#include "lib/net/tls.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void targets_are_strict(void **state)
{
	static const struct {
		const char *raw;
		enum rc_code code;
	} cases[] = {
		{"/", RC_OK},
		{"/v1/info", RC_OK},
		{"/v1/a?x=1&y=a%20b%2f", RC_OK},
		{"", RC_SYNTAX},
		{"v1", RC_SYNTAX},
		{"//", RC_SYNTAX},
		{"/v1/", RC_SYNTAX},
		{"/v1//x", RC_SYNTAX},
		{"/v1/../x", RC_SYNTAX},
		{"/./x", RC_SYNTAX},
		{"/v1/%2e%2e/x", RC_SYNTAX},
		{"/v1/a%00", RC_SYNTAX},
		{"/a b", RC_SYNTAX},
		{"/a\\b", RC_SYNTAX},
		{"/a?x", RC_SYNTAX},
		{"/a?", RC_SYNTAX},
		{"/a?=1", RC_SYNTAX},
		{"/a?x=1&", RC_SYNTAX},
		{"/a?x=%0a", RC_SYNTAX},
		{"/a?x=%7f", RC_SYNTAX},
		{"/a?x=%4", RC_SYNTAX},
		{"/a?x=%zz", RC_SYNTAX},
		{"/a?x=a+b", RC_SYNTAX},
		{"/a?x=1#y", RC_SYNTAX},
		{"/a?X=1", RC_SYNTAX},
		{"/a?x=1&x=2", RC_DUPLICATE},
		{"/a?abcdefghijklmnopqrstuvwxyz=1", RC_LIMIT},
		{"/a?a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1", RC_LIMIT},
		{"/1/2/3/4/5/6/7/8/9/10/11/12/13", RC_LIMIT},
	};
	struct http_target t;
	struct fault f;
	char *wide = (char *)malloc(HTTP_TARGET_MAX + 2);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		rc r = http_target_parse(view_str(cases[i].raw), &t, &f);

		if (r.code != cases[i].code)
			fail_msg("%s: %s", cases[i].raw, rc_name(r));
	}
	assert_rc(RC_OK, http_target_parse(view_str("/v1/a?x=1&y=a%20b%2f"), &t, &f));
	assert_int_equal(t.segment_count, 2);
	assert_true(view_is(t.path, "/v1/a"));
	assert_true(view_is(http_target_param(&t, "y"), "a b/"));
	assert_null(http_target_param(&t, "z").ptr);
	assert_non_null(wide);
	memset(wide, 'a', HTTP_TARGET_MAX + 1);
	wide[0] = '/';
	assert_rc(RC_LIMIT, http_target_parse(view_of(wide, HTTP_TARGET_MAX + 1), &t, &f));
	assert_rc(RC_OK, http_target_parse(view_of(wide, HTTP_TARGET_MAX), &t, &f));
	free(wide);
}

struct identity {
	struct secret key;
	struct buf cert;
	struct digest pin;
};

static void make_identity(struct identity *id, const char *name)
{
	const struct tls_make m = {
		.name = name, .not_before = 1000000000, .not_after = (unix_time)4000000000};
	struct fault f;

	memset(id, 0, sizeof(*id));
	buf_init(&id->cert, 8192);
	assert_rc(RC_OK, tls_self_signed(&m, &id->key, &id->cert, &f));
	(void)buf_cstr(&id->cert);
	assert_rc(RC_OK, tls_pin(buf_view(&id->cert), &id->pin, &f));
}

static void drop_identity(struct identity *id)
{
	secret_release(&id->key);
	buf_release(&id->cert);
}

static void certificates(void **state)
{
	const struct tls_make bad = {.name = "bad name", .not_after = 1};
	struct identity a, b;
	struct digest d;
	struct fault f;

	(void)state;
	make_identity(&a, "127.0.0.1");
	make_identity(&b, "sign.example");
	assert_rc(RC_USAGE, tls_self_signed(&bad, &a.key, &b.cert, &f));
	assert_rc(RC_OK, tls_check_pair(secret_view(&a.key), buf_view(&a.cert), &f));
	assert_rc(RC_MISMATCH, tls_check_pair(secret_view(&a.key), buf_view(&b.cert), &f));
	assert_rc(RC_SYNTAX, tls_check_pair(view_str("x"), buf_view(&b.cert), &f));
	assert_rc(RC_SYNTAX, tls_check_pair(secret_view(&a.key), view_str("x"), &f));
	assert_rc(RC_SYNTAX, tls_pin(view_str("nothing"), &d, &f));
	assert_false(digest_is_equal(&a.pin, &b.pin));
	drop_identity(&a);
	drop_identity(&b);
}

/* ---- A server that echoes ------------------------------------------------------------------*/

static atomic_size_t streamed;
static atomic_int ended;
static pthread_t waker;

static void answer_text(struct http_exchange *x, unsigned status, struct view text)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_put_view(&b, text);
	http_answer(x, &(struct http_answer){
			       .status = status, .content_type = "text/plain", .body = &b});
}

static void echo_begin(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	if (http_fault(x) == HTTP_FAULT_CLIENT_CERT)
		answer_text(x, 403, view_str("certificate"));
	else if (view_is(http_raw_target(x), "/refuse"))
		answer_text(x, 401, view_str("no"));
	else if (view_is(http_raw_target(x), "/stream"))
		http_expect_stream(x);
	else
		http_expect_memory(x, 1000);
}

static bool echo_data(void *ctx, struct http_exchange *x, struct view piece)
{
	(void)ctx;
	(void)x;
	atomic_fetch_add(&streamed, piece.len);
	return true;
}

static void woken(struct http_exchange *x, void *ctx)
{
	answer_text(x, 200, view_str((const char *)ctx));
}

static void *wake_it(void *ctx)
{
	http_wake((struct http_exchange *)ctx);
	return NULL;
}

static void echo_ready(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	if (http_fault(x) == HTTP_FAULT_BODY_LIMIT) {
		answer_text(x, 413, view_str("too long"));
	} else if (view_is(http_raw_target(x), "/later")) {
		http_defer(x, woken, (void *)(uintptr_t) "late");
		assert_int_equal(pthread_create(&waker, NULL, wake_it, x), 0);
	} else if (view_is(http_raw_target(x), "/silent")) {
		return; /* breaks the contract: cut off */
	} else {
		answer_text(x, 200, http_body(x));
	}
}

static void echo_end(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	(void)x;
	atomic_fetch_add(&ended, 1);
}

static const struct http_handler echo = {
	.begin = echo_begin, .data = echo_data, .ready = echo_ready, .end = echo_end};

static struct http_server *serve(const struct identity *id, const struct identity *ca)
{
	const struct http_server_spec spec = {
		.address = "127.0.0.1:0",
		.key_pem = (const char *)id->key.ptr,
		.cert_pem = (const char *)id->cert.ptr,
		.client_ca_pem = ca != NULL ? (const char *)ca->cert.ptr : NULL,
		.threads = 2,
		.connections = 100,
		.connections_address = 50,
		.idle_seconds = 10,
		.header_seconds = 10,
		.body_seconds = 10,
		.body_memory = 1 << 20,
		.handler = &echo,
	};
	struct http_server *s = NULL;
	struct fault f = {0};
	rc r = http_server_start(&spec, &s, &f);

	if (!rc_is_ok(r))
		fail_msg("%s", f.text);
	return s;
}

static struct https_client *connect_to(const struct http_server *s, const struct digest *pin)
{
	char url[100];
	struct https_client_spec spec = {.base_url = url, .has_pin = pin != NULL};
	struct https_client *c = NULL;

	if (pin != NULL)
		spec.pin = *pin;
	(void)snprintf(url, sizeof(url), "https://%s", http_server_address(s));
	assert_rc(RC_OK, https_setup());
	assert_rc(RC_OK, https_client_new(&spec, &c, NULL));
	return c;
}

static unsigned post(struct https_client *c, const char *target, struct view body, char out[100])
{
	const struct https_request q = {.method = "POST", .target = target, .body = body};
	AUTO(https_answer) struct https_answer a = {0};
	struct fault f = {0};
	rc r = https_call(c, &q, &a, &f);

	if (!rc_is_ok(r))
		return 0;
	(void)snprintf(out, 100, "%s", buf_cstr(&a.body));
	assert_string_equal(a.content_type, "text/plain");
	return a.status;
}

static void server_and_client_talk(void **state)
{
	struct identity id;
	struct http_server *s;
	struct https_client *c;
	struct digest peer;
	char big[2000] = {0};
	char out[100];

	(void)state;
	make_identity(&id, "127.0.0.1");
	s = serve(&id, NULL);
	c = connect_to(s, &id.pin);
	assert_rc(RC_STATE, https_client_peer_pin(c, &peer));
	assert_int_equal(post(c, "/echo", view_str("hello"), out), 200);
	assert_string_equal(out, "hello");
	assert_rc(RC_OK, https_client_peer_pin(c, &peer));
	assert_true(digest_is_equal(&peer, &id.pin));
	assert_int_equal(post(c, "/refuse", view_str("hello"), out), 401);
	assert_int_equal(post(c, "/echo", view_of(big, sizeof(big)), out), 413);
	assert_int_equal(post(c, "/stream", view_of(big, sizeof(big)), out), 200);
	assert_int_equal(atomic_load(&streamed), sizeof(big));
	assert_int_equal(post(c, "/later", view_str(""), out), 200);
	assert_string_equal(out, "late");
	assert_int_equal(pthread_join(waker, NULL), 0);
	assert_int_equal(post(c, "/silent", view_str("x"), out), 0);
	http_server_quiesce(s);
	assert_true(http_server_drain(s, 5000));
	http_server_free(s);
	/* libcurl tries the cut-off call once more, as the connection was a kept one. */
	assert_in_range(atomic_load(&ended), 6, 7);
	assert_int_equal(post(c, "/echo", view_str("hello"), out), 0);
	https_client_free(c);
	drop_identity(&id);
}

static void client_errors(void **state)
{
	struct https_client_spec spec = {.base_url = "http://127.0.0.1:1"};
	struct identity id;
	struct http_server *s;
	struct https_client *c = NULL;
	struct digest other = {{1}};
	AUTO(https_answer) struct https_answer a = {0};
	struct https_request q = {.method = "GET", .target = "/x"};
	struct fault f;

	(void)state;
	assert_rc(RC_USAGE, https_client_new(&spec, &c, &f));
	spec.base_url = "https://127.0.0.1:1/path";
	assert_rc(RC_USAGE, https_client_new(&spec, &c, &f));
	make_identity(&id, "127.0.0.1");
	s = serve(&id, NULL);
	c = connect_to(s, &other);
	assert_rc(RC_MISMATCH, https_call(c, &q, &a, &f));
	https_client_free(c);
	c = connect_to(s, NULL); /* no pin: the system's roots do not know it */
	assert_rc(RC_MISMATCH, https_call(c, &q, &a, &f));
	https_client_free(c);
	c = connect_to(s, &id.pin);
	q.target = "no-slash";
	assert_rc(RC_USAGE, https_call(c, &q, &a, &f));
	q.target = "/a b";
	assert_rc(RC_USAGE, https_call(c, &q, &a, &f));
	q.target = "/x";
	q.headers[0] = "Bad\nHeader: x";
	assert_rc(RC_USAGE, https_call(c, &q, &a, &f));
	q.headers[0] = NULL;
	q.method = "POST";
	q.body = view_str("0123456789");
	q.answer_max = 5;
	assert_rc(RC_LIMIT, https_call(c, &q, &a, &f));
	q.body = view_of(NULL, 0);
	q.has_body_fd = true;
	q.body_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	q.body_size = 10;
	assert_rc(RC_TRUNCATED, https_call(c, &q, &a, &f));
	(void)close(q.body_fd);
	https_client_free(c);
	http_server_free(s);
	drop_identity(&id);
}

static void client_certificates(void **state)
{
	struct identity id, ca;
	struct http_server *s;
	struct https_client *c;
	char out[100];

	(void)state;
	make_identity(&id, "127.0.0.1");
	make_identity(&ca, "client");
	s = serve(&id, &ca);
	c = connect_to(s, &id.pin);
	assert_int_equal(post(c, "/echo", view_str("hello"), out), 403);
	https_client_free(c);
	http_server_free(s);
	drop_identity(&id);
	drop_identity(&ca);
}

static void bad_specs(void **state)
{
	struct http_server_spec spec = {.address = "nowhere", .handler = &echo, .threads = 1};
	struct http_server *s = NULL;
	struct fault f;

	(void)state;
	assert_rc(RC_USAGE, http_server_start(&spec, &s, &f));
	spec.address = "localhost:80";
	assert_rc(RC_USAGE, http_server_start(&spec, &s, &f));
	spec.address = "192.0.2.1:80"; /* TEST-NET-1: not ours */
	assert_rc(RC_IO, http_server_start(&spec, &s, &f));
	spec.address = "127.0.0.1:0";
	spec.key_pem = spec.cert_pem = "no key";
	assert_rc(RC_CRYPTO, http_server_start(&spec, &s, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_strict),	  cmocka_unit_test(certificates),
		cmocka_unit_test(server_and_client_talk), cmocka_unit_test(client_errors),
		cmocka_unit_test(client_certificates),	  cmocka_unit_test(bad_specs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
