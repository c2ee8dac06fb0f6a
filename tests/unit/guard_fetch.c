/* Unit tests of prog/guard: the answers of the server as they are fetched, and when the guard asks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"

#include "prog/guard/fetch.h"
#include "prog/guard/fetching.h"
#include "prog/guard/http_head.h"
#include "prog/guard/supervisor.h"

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

/* ---- A child in other hands ----------------------------------------------------------------*/

/* It says so many bytes of a result, and then neither ends nor says more; *ret_from is read. */
static pid_t child_that_stays(const struct fetch_result *said, size_t bytes, int *ret_from)
{
	int ends[2], ready[2];
	uint8_t go = 0;
	pid_t child;

	assert_int_equal(0, pipe2(ends, O_CLOEXEC));
	assert_int_equal(0, pipe2(ready, O_CLOEXEC));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)!write(ends[1], said, bytes);
		(void)!write(ready[1], &go, 1);
		for (;;)
			(void)pause();
	}
	(void)close(ends[1]);
	(void)close(ready[1]);
	assert_rc(RC_OK, fd_read_full(ready[0], &go, 1, NULL));
	(void)close(ready[0]);
	*ret_from = ends[0];
	return child;
}

/* The gate in front of a package manager waits until its time is over and no longer, whatever the
 * child has written: nothing, a byte, all. (If it waited, this test would have no end.) */
static void a_child_holds_nobody(void **state)
{
	const struct fetch_result good = {.code = RC_OK, .count = 3};
	const struct {
		size_t bytes;
		enum rc_code code;
	} table[] = {{0, RC_IO}, {1, RC_IO}, {sizeof(good) - 1, RC_IO}, {sizeof(good), RC_OK}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct fetch_result r;
		AUTO(fd) int from = -1;
		pid_t child = child_that_stays(&good, table[i].bytes, &from);

		fetch_await(child, from, guard_now() + 50, &r);
		assert_int_equal(r.code, table[i].code);
		assert_int_equal(r.count, table[i].code == RC_OK ? 3 : 0);
		/* It is gone, and was waited for. */
		assert_int_equal(-1, waitpid(child, NULL, 0));
	}
}

/* One that says all and ends is not waited for until the time is over. */
static void a_child_that_ends_is_heard_at_once(void **state)
{
	const struct fetch_result good = {.code = RC_LIMIT, .text = "too large"};
	struct fetch_result r;
	int ends[2];
	pid_t child;

	(void)state;
	assert_int_equal(0, pipe2(ends, O_CLOEXEC));
	child = fork();
	if (child == 0) {
		(void)!write(ends[1], &good, sizeof(good));
		_exit(0);
	}
	(void)close(ends[1]);
	fetch_await(child, ends[0], UINT64_MAX >> 1, &r);
	(void)close(ends[0]);
	assert_int_equal(r.code, RC_LIMIT);
	assert_string_equal(r.text, "too large");
}

static void taken(const struct fetch_result *said, struct fetch_result *ret)
{
	int ends[2];

	assert_int_equal(0, pipe2(ends, O_CLOEXEC));
	assert_rc(RC_OK, fd_write_full(ends[1], said, sizeof(*said), NULL));
	(void)close(ends[1]);
	fetch_result_take(ends[0], ret);
	(void)close(ends[0]);
}

static void what_it_says_is_looked_at(void **state)
{
	struct fetch_result said = {.code = RC__COUNT}, r;
	char json[FAULT_TEXT];

	(void)state;
	taken(&said, &r);
	assert_int_equal(r.code, RC_IO);
	said = (struct fetch_result){.code = RC_OK, .current = 2};
	taken(&said, &r);
	assert_int_equal(r.code, RC_IO);
	said = (struct fetch_result){.code = RC_PEER};
	memset(said.text, 'x', sizeof(said.text));
	said.text[0] = '\n';
	said.text[1] = '\033';
	taken(&said, &r);
	assert_int_equal(r.code, RC_PEER);
	assert_int_equal(strlen(r.text), FAULT_TEXT - 1);
	assert_memory_equal(r.text, "??x", 3);
	/* And what goes into an answer of the guard is one line of JSON, whoever said it. */
	control_printable(json, sizeof(json), "a\nb\tc\"d\\e\x7f\xff");
	assert_string_equal(json, "a?b?c'd'e??");
}

/* The supervisor sets an end to it, too. */
static void a_fetch_has_an_end(void **state)
{
	static struct conf conf = {.agent = "/nowhere"};
	static struct supervisor s = {.g = {.conf = &conf}, .marked = true};
	const struct fetch_result nothing = {.code = RC_OK};
	int status = 0, from = -1;

	(void)state;
	s.fetching = (struct fetching){.child = child_that_stays(&nothing, 0, &from),
				       .child_until = 1000,
				       .next_at = UINT64_MAX};
	fetching_tick(&s, 999);
	assert_int_equal(0, waitpid(s.fetching.child, &status, WNOHANG));
	fetching_tick(&s, 1000);
	assert_int_equal(s.fetching.child, waitpid(s.fetching.child, &status, 0));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	(void)close(from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_exact),
		cmocka_unit_test(offers_are_lists),
		cmocka_unit_test(records_come_one_by_one),
		cmocka_unit_test(hosts_do_not_ask_together),
		cmocka_unit_test(a_child_holds_nobody),
		cmocka_unit_test(a_child_that_ends_is_heard_at_once),
		cmocka_unit_test(what_it_says_is_looked_at),
		cmocka_unit_test(a_fetch_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
