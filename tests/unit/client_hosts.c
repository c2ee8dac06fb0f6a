/* Unit tests of prog/server/client_hosts: a certificate's number against what the keeper says of
 * its host. Connections are in tests/flow/host_tls.sh. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "prog/server/client_hosts.h"

#define NOW 1800000000
#define RENEWED "2027-01-15T08:00:00Z" /* NOW */
#define ONE "40000000000000000000000000000001"
#define TWO "7f000000000000000000000000000002"

static const uint8_t one[16] = {0x40, [15] = 1};
static const uint8_t two[16] = {0x7f, [15] = 2};
static const uint8_t longest[21] = {0x40, [15] = 1};

static enum reason standing(const char *text, struct view serial, unix_time now, bool brief)
{
	AUTO(json) json_t *host = json_loads(text, 0, NULL);
	bool is_brief = !brief;
	enum reason r = client_host_standing(host, serial, now, &is_brief);

	assert_int_equal(is_brief, brief);
	return r;
}

static void states(void **state)
{
	static const struct {
		const char *host;
		enum reason reason;
	} cases[] = {
		{"{\"state\":\"enrolled\",\"serial\":\"" ONE "\"}", REASON_NONE},
		{"{\"state\":\"spiffe\"}", REASON_NONE},
		{"{\"state\":\"locked\",\"serial\":\"" ONE "\"}", REASON_HOST_LOCKED},
		{"{\"state\":\"cloned\",\"serial\":\"" ONE "\"}", REASON_HOST_LOCKED},
		{"{\"state\":\"expired\",\"serial\":\"" ONE "\"}", REASON_HOST_EXPIRED},
		{"{\"state\":\"invited\"}", REASON_HOST_UNENROLLED},
		{"{\"state\":\"unenrolled\"}", REASON_HOST_UNENROLLED},
		{"{\"state\":\"static\"}", REASON_HOST_UNENROLLED},
		{"{\"state\":\"golden\",\"serial\":\"" ONE "\"}", REASON_HOST_UNENROLLED},
		{"{}", REASON_KEEPER_INTERNAL},
		{"{\"state\":7}", REASON_KEEPER_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(standing(cases[i].host, view_of(one, 16), NOW, false),
				 cases[i].reason);
}

static void numbers(void **state)
{
	static const char both[] = "{\"state\":\"enrolled\",\"serial\":\"" TWO
				   "\",\"serial_before\":\"" ONE "\",\"renewed\":\"" RENEWED "\"}";
	static const char timeless[] =
		"{\"state\":\"enrolled\",\"serial\":\"" TWO "\",\"serial_before\":\"" ONE "\"}";

	(void)state;
	assert_int_equal(standing(both, view_of(two, 16), NOW + 99999, false), REASON_NONE);
	assert_int_equal(standing(both, view_of(one, 16), NOW, true), REASON_NONE);
	assert_int_equal(standing(both, view_of(one, 16), NOW + CLIENT_HOST_OVERLAP, true),
			 REASON_NONE);
	assert_int_equal(standing(both, view_of(one, 16), NOW + CLIENT_HOST_OVERLAP + 1, true),
			 REASON_HOST_CERTIFICATE);
	assert_int_equal(standing(timeless, view_of(one, 16), NOW, true), REASON_HOST_CERTIFICATE);
	/* Shorter, longer and empty numbers are other numbers. */
	assert_int_equal(standing(both, view_of(two, 15), NOW, true), REASON_HOST_CERTIFICATE);
	assert_int_equal(standing(both, view_of(longest, 21), NOW, true), REASON_HOST_CERTIFICATE);
	assert_int_equal(standing(both, view_of("", 0), NOW, true), REASON_HOST_CERTIFICATE);
	assert_int_equal(standing("{\"state\":\"enrolled\"}", view_of(one, 16), NOW, true),
			 REASON_HOST_CERTIFICATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
