/* Unit tests of prog/guard: the answers of the server as they are fetched, and when the guard asks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "prog/guard/fetch.h"
#include "prog/guard/fetching.h"
#include "prog/guard/http_head.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static rc head(const char *text, struct http_head *ret)
{
	return http_head_parse(view_str(text), ret, NULL);
}

static void heads_are_exact(void **state)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: \ty \r\n\r\nhello";
	static char large[HTTP_HEAD_MAX + 100];
	struct http_head h = {.status = 0};

	(void)state;
	assert_rc(RC_OK, head(good, &h));
	assert_int_equal(h.status, 200);
	assert_int_equal(h.length, 5);
	assert_string_equal(good + h.size, "hello");
	/* Each beginning of it goes on. */
	for (size_t i = 0; i < h.size; i++)
		assert_rc(RC_TRUNCATED, http_head_parse(view_of(good, i), &h, NULL));
	assert_rc(RC_OK, head("HTTP/1.1 404\r\ncontent-LENGTH:0\r\n\r\n", &h));
	assert_int_equal(h.status, 404);
	assert_rc(RC_SYNTAX, head("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", &h));
	assert_rc(RC_SYNTAX, head("HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\n", &h));
	assert_rc(RC_SYNTAX, head("HTTP/1.1 20x OK\r\nContent-Length: 5\r\n\r\n", &h));
	assert_rc(RC_SYNTAX, head("HTTP/1.1 200 OK\nContent-Length: 5\n\n", &h));
	assert_rc(RC_SYNTAX, head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n folded\r\n\r\n", &h));
	assert_rc(RC_SYNTAX, head("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", &h));
	assert_rc(RC_SYNTAX, head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: \001\r\n\r\n", &h));
	assert_rc(RC_UNSUPPORTED, head("HTTP/1.1 100 Continue\r\n\r\n", &h));
	assert_rc(RC_UNSUPPORTED, head("HTTP/1.1 200 OK\r\n\r\n", &h));
	assert_rc(RC_UNSUPPORTED,
		  head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &h));
	assert_rc(RC_DUPLICATE,
		  head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", &h));
	assert_rc(RC_LIMIT, head("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", &h));
	assert_rc(RC_LIMIT,
		  head("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n", &h));
	memset(large, 'a', sizeof(large) - 1);
	memcpy(large, "HTTP/1.1 200 OK\r\nX:", 19);
	assert_rc(RC_LIMIT, head(large, &h));
}

static rc offer(const char *text, struct fetch_offer *ret)
{
	*ret = (struct fetch_offer){.current = false};
	buf_init(&ret->proof, 4096);
	return fetch_offer_parse(view_str(text), ret, NULL);
}

static void offers_are_lists(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"nonsense",
		"{\"current\":false,\"serial\":3,\"sha256\":\"" HEX "\",\"size\":9}",
		"{\"current\":false,\"serial\":3,\"sha256\":\"" HEX "\",\"size\":9,\"proof\":7}",
		"{\"current\":false,\"serial\":3,\"sha256\":\"AA\",\"size\":9,\"proof\":{}}",
		"{\"current\":false,\"serial\":-3,\"sha256\":\"" HEX "\",\"size\":9,\"proof\":{}}",
		"{\"current\":false,\"serial\":3,\"sha256\":\"" HEX
		"\",\"size\":\"9\",\"proof\":{}}",
		"{\"current\":1,\"serial\":3,\"sha256\":\"" HEX "\",\"size\":9,\"proof\":{}}",
		"{\"current\":true,\"current\":true,\"serial\":3,\"sha256\":\"" HEX
		"\",\"size\":9}",
	};
	struct fetch_offer o;

	(void)state;
	assert_rc(RC_OK,
		  offer("{\"current\":true,\"serial\":3,\"sha256\":\"" HEX "\",\"size\":9}", &o));
	assert_true(o.current && o.serial == 3 && o.proof.len == 0);
	buf_release(&o.proof);
	assert_rc(RC_OK, offer("{\"proof\": {\"b\": 1, \"a\": 2},\"current\":false,\"serial\":3,"
			       "\"sha256\":\"" HEX "\",\"size\":9}",
			       &o));
	assert_string_equal(buf_cstr(&o.proof), "{\"a\":2,\"b\":1}");
	assert_int_equal(o.size, 9);
	buf_release(&o.proof);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_rc(RC_PEER, offer(bad[i], &o));
		buf_release(&o.proof);
	}
	/* A proof that is too large for who reads it. */
	o = (struct fetch_offer){.current = false};
	buf_init(&o.proof, 4);
	assert_rc(RC_PEER,
		  fetch_offer_parse(view_str("{\"current\":false,\"serial\":3,\"sha256\":\"" HEX
					     "\",\"size\":9,\"proof\":{\"a\":1}}"),
				    &o, NULL));
	buf_release(&o.proof);
}

static rc count(void *ctx, const struct digest *archive, struct view record, struct view proof,
		struct fault *f)
{
	(void)f;
	assert_int_equal(archive->b[0], 0xaa);
	assert_true(view_is(record, "abc") && view_is(proof, "{}"));
	if (++*(unsigned *)ctx == 3)
		return RC(RC_NOSPACE);
	return OK;
}

#define ROW "{\"archive\":\"" HEX "\",\"proof\":{},\"record\":\"YWJj\"}"

static rc records(const char *text, unsigned *ret_count, size_t *ret_later)
{
	struct digest later[FETCH_ARCHIVES];

	*ret_count = 0;
	return fetch_records_parse(view_str(text), count, ret_count, later, ret_later, NULL);
}

static void records_come_one_by_one(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{\"later\":[]}",
		"{\"records\":[]}",
		"{\"later\":[1],\"records\":[]}",
		"{\"later\":[],\"records\":[{}]}",
		"{\"later\":[],\"records\":[{\"archive\":\"" HEX
		"\",\"proof\":{},\"record\":\"!\"}]}",
		"{\"later\":[],\"records\":[{\"archive\":\"" HEX "\",\"record\":\"YWJj\"}]}",
		"{\"later\":[],\"records\":[{\"archive\":\"x\",\"proof\":{},\"record\":\"YWJj\"}]}",
	};
	char many[FETCH_ARCHIVES * 80 + 200];
	unsigned n;
	size_t later = 0, at;

	(void)state;
	assert_rc(RC_OK, records("{\"later\":[],\"records\":[]}", &n, &later));
	assert_int_equal(n + later, 0);
	assert_rc(RC_OK,
		  records("{\"later\":[\"" HEX "\"],\"records\":[" ROW "," ROW "]}", &n, &later));
	assert_int_equal(n, 2);
	assert_int_equal(later, 1);
	assert_rc(RC_NOSPACE,
		  records("{\"later\":[],\"records\":[" ROW "," ROW "," ROW "]}", &n, &later));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_rc(RC_PEER, records(bad[i], &n, &later));
	/* More than were asked for. */
	at = (size_t)snprintf(many, sizeof(many), "{\"records\":[],\"later\":[\"" HEX "\"");
	for (unsigned i = 0; i < FETCH_ARCHIVES; i++)
		at += (size_t)snprintf(many + at, sizeof(many) - at, ",\"" HEX "\"");
	(void)snprintf(many + at, sizeof(many) - at, "]}");
	assert_rc(RC_PEER, records(many, &n, &later));
}

static void hosts_do_not_ask_together(void **state)
{
	const uint64_t interval = 300000;
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	for (uint32_t i = 0; i < 1024; i++) {
		uint64_t wait = fetching_wait(interval, 0, i * 7919u);

		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	assert_int_equal(least, interval / 4 * 3);
	assert_true(most > interval + interval / 5 && most < interval + interval / 4);
	/* After failures: soon, and then later and later, never later than usual. */
	for (unsigned n = 1; n < 40; n++) {
		uint64_t first = fetching_wait(interval, n, 512);
		uint64_t next = fetching_wait(interval, n + 1, 512);

		assert_true(first <= interval && next >= first);
		assert_true(n > 5 || next == 2 * first);
	}
	assert_int_equal(fetching_wait(interval, 1, 512), FETCHING_AGAIN_MS);
	assert_int_equal(fetching_wait(interval, 1000, 512), interval);
	assert_int_equal(fetching_wait(1000, 1, 512), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_exact),
		cmocka_unit_test(offers_are_lists),
		cmocka_unit_test(records_come_one_by_one),
		cmocka_unit_test(hosts_do_not_ask_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
