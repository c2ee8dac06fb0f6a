/* greatseald's API beyond the main job (server.c): lists and searches page by page, changes that
 * gather signatures one by one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lib/front_checks.h"

static struct fixture fx;
static struct front s;

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "release", "ecdsa-p256");
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	front_start(&s, &fx);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_end(&fx);
	return 0;
}

/* ---- Lists ---------------------------------------------------------------------------------*/

/* One file of a product, unattended. */
static void sign_product(const char *product, const char *text)
{
	struct fx_request q;

	fx_request_new(&fx, "nightly", 1, &q);
	fx_ok(name_parse(view_str(product), &q.items[0].product));
	q.items[0].size = strlen(text);
	q.items[0].sha256 = digest_of(view_str(text));
	q.items[0].content = hash_of(HASH_SHA256, view_str(text));
	fx_request_encode(&q);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	assert_string_equal(front_text(&s, "status.state"), "done");
	fx_request_release(&q);
}

/* Walks all pages of a list and returns how many rows there are; each row is another one. */
static size_t walk_pages(const char *target, size_t page)
{
	static char seen[64][DIGEST_HEX];
	char at[400];
	size_t count = 0;

	(void)snprintf(at, sizeof(at), "%s&limit=%zu", target, page);
	for (;;) {
		size_t rows;

		answers(200, front_get(&s, "alice", at));
		rows = (size_t)front_number(&s, "requests");
		assert_true(rows <= page);
		for (size_t i = 0; i < rows; i++) {
			char path[40];

			(void)snprintf(path, sizeof(path), "requests.%zu.request", i);
			assert_true(count < 64);
			(void)snprintf(seen[count], DIGEST_HEX, "%s", front_text(&s, path));
			for (size_t k = 0; k < count; k++)
				assert_string_not_equal(seen[k], seen[count]);
			count++;
		}
		if (front_text(&s, "next")[0] == '\0')
			return count;
		assert_int_equal(rows, page);
		(void)snprintf(at, sizeof(at), "%s&limit=%zu&after=%s", target, page,
			       front_text(&s, "next"));
	}
}

static void searches_have_pages(void **state)
{
	const struct digest d = digest_of(view_str("the same file\n"));
	char target[200];

	(void)state;
	for (int i = 0; i < 7; i++)
		sign_product(i % 2 == 0 ? "even" : "odd", "the same file\n");
	sign_product("odd", "another file\n");
	(void)strcpy(target, front_path(&d, "/v1/search?digest=%s"));
	assert_int_equal(walk_pages(target, 3), 7);
	assert_int_equal(walk_pages(target, 7), 7);
	assert_int_equal(walk_pages(target, 500), 7);
	answers(200, front_get(&s, "alice", target)); /* without limit: 50 */
	assert_int_equal(front_number(&s, "requests"), 7);
	refuses(400, REASON_CALL_FORM,
		front_get(&s, "alice", front_path(&d, "/v1/search?digest=%s&after=x")));
	refuses(400, REASON_CALL_FORM,
		front_get(&s, "alice", front_path(&d, "/v1/search?digest=%s&limit=501")));
}

static void history_has_pages(void **state)
{
	size_t before;
	char at[100], text[TIME_TEXT];

	(void)state;
	before = walk_pages("/v1/history?since=1970-01-01T00:00:00Z", 3);
	sign_product("history", "one for the history");
	assert_int_equal(walk_pages("/v1/history?since=1970-01-01T00:00:00Z", 1), before + 1);
	answers(200, front_get(&s, "alice", "/v1/history?since=1970-01-01T00:00:00Z"));
	assert_int_equal(front_number(&s, "requests"), before + 1);
	assert_string_equal(front_text(&s, "requests.0.status.state"), "done");
	assert_true(strlen(front_text(&s, "requests.0.statement")) > 100);
	/* The younger ones alone. */
	fx_ok(time_format(fx_now(&fx) + 60, text));
	(void)snprintf(at, sizeof(at), "/v1/history?since=%s", text);
	assert_int_equal(walk_pages(at, 3), 0);
	answers(400, front_get(&s, "alice", "/v1/history"));
	answers(400, front_get(&s, "alice", "/v1/history?since=yesterday"));
	answers(400, front_get(&s, "alice", "/v1/history?since=1970-01-01T00:00:00Z&after=x"));
}

#define ANY                                                                                        \
	"/"                                                                                        \
	"0000000000000000000000000000000000000000000000000000000000000000"

/* Where a page begins is a number or a host's name, whoever made it up. */
static void cursors_are_checked(void **state)
{
	static const struct {
		const char *list;
		bool by_name;
	} lists[] = {
		{"/v1/requests?after=", false},
		{"/v1/requests?for=me&state=open&after=", false},
		{"/v1/"
		 "search?digest=0000000000000000000000000000000000000000000000000000000000000000"
		 "&after=",
		 false},
		{"/v1/history?since=1970-01-01T00:00:00Z&after=", false},
		{"/v1/alarms?before=", false},
		{"/v1/access?from=", false},
		{"/v1/reviews?for=alice&from=", false},
		{"/v1/guard/events?after=", false},
		{"/v1/guard/hosts?after=", true},
		{"/v1/guard/digests" ANY "?after=", true},
		{"/v1/hosts?after=", true},
	};
	static const char *const bad[] = {"-1",	 "%20",	   "1%00", "..%2f",
					  "%ff", "MTA%3D", "'--",  "+1"};
	static const char *const no_number[] = {
		"x", "01x", "0x10", "1.5", "9223372036854775808", "99999999999999999999999"};
	char at[200];

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			(void)snprintf(at, sizeof(at), "%s%s", lists[i].list, bad[k]);
			print_message("%s\n", at);
			refuses(400, REASON_CALL_FORM, front_get(&s, "alice", at));
		}
		for (size_t k = 0; k < sizeof(no_number) / sizeof(no_number[0]); k++) {
			if (lists[i].by_name)
				continue;
			(void)snprintf(at, sizeof(at), "%s%s", lists[i].list, no_number[k]);
			print_message("%s\n", at);
			refuses(400, REASON_CALL_FORM, front_get(&s, "alice", at));
		}
		(void)snprintf(at, sizeof(at), "%s%s", lists[i].list,
			       lists[i].by_name ? "zz" : "7");
		answers(200, front_get(&s, "alice", at));
	}
	/* Of another list, or beyond its end: the rows of this one alone, once each. */
	sign_product("cursor", "for a cursor");
	answers(200, front_get(&s, "alice", "/v1/requests?limit=1&product=even"));
	(void)snprintf(at, sizeof(at), "/v1/requests?product=odd&after=%s", front_text(&s, "next"));
	answers(200, front_get(&s, "alice", at));
	assert_int_equal(front_number(&s, "requests"), 3);
	answers(200,
		front_get(&s, "alice", "/v1/requests?product=cursor&after=9223372036854775807"));
	assert_int_equal(front_number(&s, "requests"), 1);
	answers(200, front_get(&s, "alice", "/v1/requests?product=cursor&after=1"));
	assert_int_equal(front_number(&s, "requests"), 0);
}

/* By the digest of what a format signs, too, where it is not the file's; and by nothing like it. */
static void searches_by_content(void **state)
{
	struct fx_request q;
	struct digest d;

	(void)state;
	fx_request_new(&fx, "nightly", 2, &q);
	fx_ok(rng_fill(&rng_system, d.b, sizeof(d.b)));
	memcpy(q.items[1].content.b, d.b, sizeof(d.b));
	fx_request_encode(&q);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	answers(200, front_get(&s, "alice", front_path(&d, "/v1/search?digest=%s")));
	assert_int_equal(front_number(&s, "requests"), 1);
	d.b[DIGEST_SIZE - 1] ^= 1;
	answers(200, front_get(&s, "alice", front_path(&d, "/v1/search?digest=%s")));
	assert_int_equal(front_number(&s, "requests"), 0);
	fx_request_release(&q);
}

static void lists_by_product(void **state)
{
	(void)state;
	assert_int_equal(walk_pages("/v1/requests?product=even", 3), 4);
	assert_int_equal(walk_pages("/v1/requests?product=odd", 1), 4);
	assert_int_equal(walk_pages("/v1/requests?product=odd&key=nightly&state=done", 9), 4);
	assert_int_equal(walk_pages("/v1/requests?product=odd&key=release", 9), 0);
	assert_int_equal(walk_pages("/v1/requests?product=none", 9), 0);
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/requests?product=A%20B"));
}

/* Every member of an object that is a time has the one form of docs/api.md; how many there are. */
static size_t check_times(const json_t *o)
{
	static const char *const names[] = {"created", "deadline",   "expires",	 "given",
					    "now",     "not_before", "signed_at"};
	const char *name;
	const json_t *v;
	size_t count = 0;
	size_t i;

	if (json_is_array(o)) {
		json_array_foreach(o, i, v) count += check_times(v);
		return count;
	}
	json_object_foreach((json_t *)(uintptr_t)o, name, v)
	{
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			unix_time t;

			if (strcmp(name, names[i]) != 0)
				continue;
			if (!json_is_string(v) ||
			    !rc_is_ok(time_parse(view_str(json_string_value(v)), &t)))
				fail_msg("%s in %s", name, buf_cstr(&s.body));
			count++;
		}
		count += check_times(v);
	}
	return count;
}

/* The same in lists, statuses, results and keys; and a row says the same as its status. */
static void times_have_one_form(void **state)
{
	char deadline[TIME_TEXT], not_before[TIME_TEXT];
	struct fx_request q, done;

	(void)state;
	fx_request_new(&fx, "release", 1, &q);
	q.r.not_before += 5;
	fx_request_encode(&q);
	fx_ok(time_format(q.r.not_before, not_before));
	fx_ok(time_format(q.r.deadline, deadline));
	answers(200, front_submit(&s, "/v1/explain", &q, true));
	assert_int_equal(check_times(s.json), 2);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	assert_int_equal(check_times(s.json), 2);
	answers(200, front_act(&s, STATEMENT_APPROVAL, "bob", &q));
	assert_int_equal(check_times(s.json), 4);
	answers(200, front_get(&s, "alice", front_path(&q.id, "/v1/requests/%s")));
	assert_int_equal(check_times(s.json), 4);
	assert_string_equal(front_text(&s, "status.not_before"), not_before);
	assert_string_equal(front_text(&s, "status.deadline"), deadline);
	answers(200, front_get(&s, "alice", "/v1/requests?limit=1"));
	assert_int_equal(check_times(s.json), 5);
	assert_string_equal(front_text(&s, "requests.0.not_before"), not_before);
	assert_string_equal(front_text(&s, "requests.0.deadline"), deadline);
	/* Signed at once, where the server makes the status itself. */
	fx_request_new(&fx, "nightly", 1, &done);
	answers(200, front_submit(&s, "/v1/requests", &done, true));
	assert_int_equal(check_times(s.json), 3);
	answers(200, front_get(&s, "alice", front_path(&done.id, "/v1/requests/%s")));
	assert_int_equal(check_times(s.json), 2);
	answers(200, front_get(&s, "alice", front_path(&done.id, "/v1/requests/%s/result?use=1")));
	assert_int_equal(check_times(s.json), 1);
	answers(200, front_get(&s, "alice", "/v1/keys/release"));
	assert_true(check_times(s.json) >= 2);
	answers(200, front_get(&s, NULL, "/v1/info"));
	assert_int_equal(check_times(s.json), 1);
	fx_request_release(&q);
	fx_request_release(&done);
}

/* ---- Changes -------------------------------------------------------------------------------*/

/* A statement that creates a key. */
static struct digest new_key(const char *name, struct buf *statement)
{
	struct key_change c = {.action = KEY_CREATE};

	fx_ok(name_parse(view_str(name), &c.key));
	fx_ok(name_parse(view_str("main"), &c.token));
	(void)strcpy(c.algorithm, "ecdsa-p256");
	(void)strcpy(c.origin, "keeper.test");
	fx_ok(rng_fill(&rng_system, c.nonce, sizeof(c.nonce)));
	c.expires = fx_now(&fx) + 3600;
	buf_clear(statement);
	fx_ok(key_change_encode(&c, statement, NULL));
	return digest_of(buf_view(statement));
}

/* [signature of person over text], as the namespace of kind has it. */
static json_t *signature(const char *person, enum statement_kind kind, struct view text)
{
	AUTO(buf) struct buf sig;

	buf_init(&sig, KEEPER_SIG_MAX);
	fx_sign_as(&fx, person, kind, text, &sig);
	return json_pack("[o]", front_base64(buf_view(&sig)));
}

static unsigned propose(const char *person, struct view statement)
{
	return front_post(&s, person, "/v1/changes",
			  json_pack("{s:s,s:o,s:o}", "kind", "keyadmin", "statement",
				    front_base64(statement), "signatures",
				    signature(person, STATEMENT_KEYADMIN, statement)));
}

static unsigned add(const char *person, const char *target, json_t *signatures)
{
	return front_post(&s, person, target, json_pack("{s:o}", "signatures", signatures));
}

static void signatures_come_one_by_one(void **state)
{
	AUTO(buf) struct buf statement;
	struct digest id;
	struct view text;
	char target[200], prefix[200];

	(void)state;
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	id = new_key("third", &statement);
	text = buf_view(&statement);
	(void)strcpy(target, front_path(&id, "/v1/changes/%s/signatures"));
	refuses(404, REASON_CALL_NOTFOUND,
		add("frank", target, signature("frank", STATEMENT_KEYADMIN, text)));
	answers(200, propose("erin", text));
	assert_string_equal(front_text(&s, "state"), "pending");
	assert_int_equal(front_number(&s, "missing"), 1);
	/* Nothing that would spoil it is kept: no signature, another's text, another kind's. */
	refuses(400, REASON_CALL_FORM, add("frank", target, json_array()));
	refuses(400, REASON_CALL_FORM, add("frank", target, json_pack("[i]", 1)));
	refuses(403, REASON_SIG_ADMIN, add("frank", target, json_pack("[s]", "AAAA")));
	refuses(403, REASON_SIG_ADMIN,
		add("frank", target,
		    signature("frank", STATEMENT_KEYADMIN, view_str("something else"))));
	refuses(403, REASON_SIG_ADMIN,
		add("frank", target, signature("frank", STATEMENT_POLICY, text)));
	/* The same person again fills no second seat. */
	answers(200, add("erin", target, signature("erin", STATEMENT_KEYADMIN, text)));
	assert_string_equal(front_text(&s, "state"), "pending");
	/* Anybody may carry a signature; a name's first digits are enough. */
	(void)snprintf(prefix, sizeof(prefix), "/v1/changes/%.16s/signatures",
		       target + strlen("/v1/changes/"));
	answers(200, add("alice", prefix, signature("frank", STATEMENT_KEYADMIN, text)));
	assert_string_equal(front_text(&s, "state"), "done");
	answers(200, front_get(&s, "alice", "/v1/keys/third"));
	answers(200, front_get(&s, "alice", front_path(&id, "/v1/changes/%s")));
	assert_string_equal(front_text(&s, "state"), "done");
	answers(200, front_get(&s, "alice", "/v1/changes"));
	assert_int_equal(front_number(&s, "changes"), 0);
}

/* A signature that does not verify is refused together with the statement, too. */
static void proposals_are_checked(void **state)
{
	AUTO(buf) struct buf statement;
	struct digest id;

	(void)state;
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	id = new_key("fourth", &statement);
	refuses(403, REASON_SIG_ADMIN,
		front_post(&s, "erin", "/v1/changes",
			   json_pack("{s:s,s:o,s:o}", "kind", "keyadmin", "statement",
				     front_base64(buf_view(&statement)), "signatures",
				     signature("erin", STATEMENT_KEYADMIN, view_str("other")))));
	refuses(404, REASON_CALL_NOTFOUND,
		front_get(&s, "erin", front_path(&id, "/v1/changes/%s")));
	answers(200, propose("erin", buf_view(&statement)));
	answers(200, propose("frank", buf_view(&statement)));
	assert_string_equal(front_text(&s, "state"), "done");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(searches_have_pages),
		cmocka_unit_test(history_has_pages),
		cmocka_unit_test(cursors_are_checked),
		cmocka_unit_test(searches_by_content),
		cmocka_unit_test(lists_by_product),
		cmocka_unit_test(times_have_one_form),
		cmocka_unit_test(signatures_come_one_by_one),
		cmocka_unit_test(proposals_are_checked),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
