/* greatseal-jwksd: addresses, discovery, settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "prog/jwksd/conf.h"

static enum rc_code address(const char *text)
{
	struct address a;

	return address_parse(view_str(text), &a, NULL).code;
}

static void addresses_are_https(void **state)
{
	char longer[ADDRESS_MAX + 8] = "https://a/";
	struct address a;

	(void)state;
	assert_int_equal(address_parse(view_str("https://a.example:444/x?y=z"), &a, NULL).code,
			 RC_OK);
	assert_string_equal(a.base, "https://a.example:444");
	assert_string_equal(a.target, "/x?y=z");
	assert_int_equal(address_parse(view_str("https://[::1]"), &a, NULL).code, RC_OK);
	assert_string_equal(a.target, "/");
	assert_int_equal(address("http://a/"), RC_SYNTAX);
	assert_int_equal(address("HTTPS://a/"), RC_SYNTAX);
	assert_int_equal(address("file:///etc/passwd"), RC_SYNTAX);
	assert_int_equal(address("https://"), RC_SYNTAX);
	assert_int_equal(address("https:///x"), RC_SYNTAX);
	assert_int_equal(address("https://me@a/"), RC_SYNTAX);
	assert_int_equal(address("https://a?x"), RC_SYNTAX);
	assert_int_equal(address("https://a/#x"), RC_SYNTAX);
	assert_int_equal(address("https://a/x y"), RC_SYNTAX);
	assert_int_equal(address("https://a/x\r\nHost: b"), RC_SYNTAX);
	assert_int_equal(address("https://a\\@b/"), RC_SYNTAX);
	memset(longer + 10, 'x', ADDRESS_MAX - 10);
	assert_int_equal(address(longer), RC_LIMIT);
	assert_int_equal(address_parse(view_of("https://a/\0b", 12), &a, NULL).code, RC_SYNTAX);
}

static enum rc_code discovery(const char *text)
{
	struct address a;

	return discovery_parse(view_str(text), "https://i.example", &a, NULL).code;
}

static void discovery_is_of_its_issuer(void **state)
{
	static char large[ANSWER_MAX + 2];

	(void)state;
	assert_int_equal(
		discovery(
			"{\"issuer\":\"https://i.example\",\"jwks_uri\":\"https://k/\",\"x\":[]}"),
		RC_OK);
	assert_int_equal(
		discovery("{\"issuer\":\"https://i.example/\",\"jwks_uri\":\"https://k/\"}"),
		RC_MISMATCH);
	assert_int_equal(discovery("{\"issuer\":\"https://i.example\",\"jwks_uri\":\"http://k/\"}"),
			 RC_SYNTAX);
	assert_int_equal(discovery("{\"issuer\":\"https://i.example\",\"jwks_uri\":\"https://k/\","
				   "\"jwks_uri\":\"https://l/\"}"),
			 RC_SYNTAX);
	assert_int_equal(discovery("{\"issuer\":\"https://i.example\"}"), RC_SYNTAX);
	assert_int_equal(discovery("{\"issuer\":1,\"jwks_uri\":[]}"), RC_SYNTAX);
	assert_int_equal(discovery("[]"), RC_SYNTAX);
	assert_int_equal(discovery(""), RC_SYNTAX);
	assert_int_equal(discovery("<html>"), RC_SYNTAX);
	memset(large, ' ', ANSWER_MAX + 1);
	assert_int_equal(discovery(large), RC_LIMIT);
}

static enum rc_code set(struct conf *c, const char *name, const char *value)
{
	return settings_set(&conf_settings, c, view_str(name), view_str(value), NULL).code;
}

static void settings_are_strict(void **state)
{
	static struct conf c;

	(void)state;
	settings_defaults(&conf_settings, &c);
	assert_int_equal(conf_check(&c, NULL).code, RC_USAGE);
	assert_int_equal(set(&c, "issuer", "https://i.example"), RC_OK);
	assert_int_equal(set(&c, "issuer", "https://i.example"), RC_DUPLICATE);
	assert_int_equal(set(&c, "issuer", "https://j.example  https://k.example/set"), RC_OK);
	assert_string_equal(c.issuers[1].url, "https://j.example");
	assert_string_equal(c.issuers[1].jwks_uri, "https://k.example/set");
	assert_int_equal(set(&c, "issuer", "https://l.example http://k.example/set"), RC_SYNTAX);
	assert_int_equal(set(&c, "issuer", "https://l.example?x"), RC_SYNTAX);
	assert_int_equal(set(&c, "interval", "0"), RC_RANGE);
	assert_int_equal(set(&c, "interval", "1x"), RC_RANGE);
	assert_int_equal(set(&c, "timeout", "121"), RC_RANGE);
	assert_int_equal(set(&c, "socket", "x"), RC_UNKNOWN);
	assert_int_equal(conf_check(&c, NULL).code, RC_OK);
	assert_int_equal(c.interval, 600);
	for (size_t i = 2; i < CONF_ISSUERS_MAX; i++) {
		char url[] = "https://x0.example";

		url[9] = (char)('a' + i);
		assert_int_equal(set(&c, "issuer", url), RC_OK);
	}
	assert_int_equal(set(&c, "issuer", "https://one.more"), RC_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_https),
		cmocka_unit_test(discovery_is_of_its_issuer),
		cmocka_unit_test(settings_are_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
