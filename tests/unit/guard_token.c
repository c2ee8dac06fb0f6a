/* Unit tests of guard tokens: the one form, every refusal, and what approvers are shown. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/inspect.h"
#include "lib/format/token_file.h"
#include "lib/model/guard_token.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

#define GOOD                                                                                       \
	"{\"_type\":\"greatseal-guard-token-1\",\"host\":\"build-07\",\"mode\":\"observe\","       \
	"\"not_after\":\"2026-11-27T10:00:00Z\",\"not_before\":\"2026-11-27T08:00:00Z\","          \
	"\"origin\":\"log.example\",\"reason\":\"broken\"}"
#define FROM ((unix_time)1795766400) /* 2026-11-27T08:00:00Z */

static rc parse(const char *text)
{
	struct guard_token t;

	return guard_token_parse(view_str(text), &t, NULL);
}

/* The text with one part exchanged. */
static enum rc_code with(const char *from, const char *to)
{
	const char *at = strstr(GOOD, from);
	char text[1024];

	assert_non_null(at);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, to,
		       at + strlen(from));
	return parse(text).code;
}

static void one_form(void **state)
{
	struct guard_token t;
	AUTO(buf) struct buf out;

	(void)state;
	buf_init(&out, GUARD_TOKEN_BYTES_MAX);
	assert_rc(RC_OK, guard_token_parse(view_str(GOOD), &t, NULL));
	assert_true(strcmp(t.host.s, "build-07") == 0 && t.not_before == FROM &&
		    t.not_after == FROM + 7200 && strcmp(t.reason, "broken") == 0);
	assert_rc(RC_OK, guard_token_encode(&t, &out, NULL));
	assert_true(view_is(buf_view(&out), GOOD));
	assert_int_equal(0, memcmp(GOOD, GUARD_TOKEN_MAGIC, strlen(GUARD_TOKEN_MAGIC)));
	t.not_after = t.not_before + GUARD_TOKEN_LIFE_MAX + 1;
	assert_rc(RC_RANGE, guard_token_encode(&t, &out, NULL));
}

static void refusals(void **state)
{
	char large[GUARD_TOKEN_BYTES_MAX + 2];

	(void)state;
	memset(large, ' ', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	assert_rc(RC_LIMIT, parse(large));
	assert_int_equal(RC_OK, with("broken", "it is"));
	assert_int_equal(RC_MISMATCH, with("\"observe\"", "\"enforce\""));
	assert_int_equal(RC_MISMATCH, with("token-1", "token-2"));
	assert_int_equal(RC_SYNTAX, with("broken", ""));
	assert_int_equal(RC_SYNTAX, with("build-07", "Build 07"));
	assert_int_equal(RC_RANGE, with("27T10", "27T07"));
	assert_int_equal(RC_RANGE,
			 with("-27T10", "-30T10") == RC_OK ? with("11-27T10", "12-05T10") : RC_OK);
	assert_int_equal(RC_UNKNOWN, with("\"reason\"", "\"other\":1,\"reason\""));
	assert_int_equal(RC_TRAILING, with("\"broken\"}", "\"broken\"}\n"));
	assert_int_equal(RC_NONCANON, with(",\"host\"", ", \"host\""));
	for (size_t n = 0; n < strlen(GOOD); n++) {
		struct guard_token t;

		assert_int_not_equal(RC_OK, guard_token_parse(view_of(GOOD, n), &t, NULL).code);
	}
}

static void whom_it_is_for(void **state)
{
	struct guard_token t;
	struct name host;
	struct name other;

	(void)state;
	assert_rc(RC_OK, guard_token_parse(view_str(GOOD), &t, NULL));
	assert_rc(RC_OK, name_parse(view_str("build-07"), &host));
	assert_rc(RC_OK, name_parse(view_str("build-08"), &other));
	assert_rc(RC_OK, guard_token_check(&t, "log.example", &host, FROM, NULL));
	assert_rc(RC_OK, guard_token_check(&t, "log.example", &host, FROM + 7199, NULL));
	assert_rc(RC_WAIT, guard_token_check(&t, "log.example", &host, FROM - 1, NULL));
	assert_rc(RC_EXPIRED, guard_token_check(&t, "log.example", &host, FROM + 7200, NULL));
	assert_rc(RC_DENIED, guard_token_check(&t, "log.example", &other, FROM, NULL));
	assert_rc(RC_MISMATCH, guard_token_check(&t, "log.other", &host, FROM, NULL));
}

static json_t *report_of(const char *text)
{
	AUTO(fd) int fd = memfd_create("token", MFD_CLOEXEC);
	json_t *report = NULL;

	assert_rc(RC_OK, fd_pwrite_full(fd, text, strlen(text), 0, NULL));
	assert_rc(RC_OK, inspect_file(fd, "token", &inspect_limits_default, &report, NULL));
	return report;
}

static void what_approvers_see(void **state)
{
	json_t *report = report_of(GOOD);
	const json_t *token = json_object_get(report, "token");
	AUTO(fd) int fd = memfd_create("token", MFD_CLOEXEC);
	struct hash h;

	(void)state;
	assert_string_equal("guard-token", json_string_value(json_object_get(report, "type")));
	assert_string_equal("build-07", json_string_value(json_object_get(token, "host")));
	assert_string_equal("broken", json_string_value(json_object_get(token, "reason")));
	assert_string_equal("2026-11-27T10:00:00Z",
			    json_string_value(json_object_get(token, "not_after")));
	json_decref(report);
	report = report_of(GOOD " ");
	assert_null(json_object_get(report, "token"));
	assert_string_equal(
		"token-malformed",
		json_string_value(json_object_get(
			json_array_get(json_object_get(report, "findings"), 0), "code")));
	json_decref(report);
	/* and nothing else is signed as one */
	assert_rc(RC_OK, fd_pwrite_full(fd, GOOD " ", strlen(GOOD) + 1, 0, NULL));
	assert_true(format_guard_token_file.recognise(fd));
	assert_rc(RC_TRAILING, format_guard_token_file.content(fd, HASH_SHA256, &h, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_form),
		cmocka_unit_test(refusals),
		cmocka_unit_test(whom_it_is_for),
		cmocka_unit_test(what_approvers_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
