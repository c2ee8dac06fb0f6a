/* Unit tests of the store: what an agent says of callers, beside requests. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "lib/store/store.h"
#include "tests/unit/store_box.h"

static struct digest id_of(uint8_t n)
{
	return (struct digest){.b = {n}};
}

static void put(struct box *b, uint8_t n, const char *claims)
{
	struct store_request r = {.id = id_of(n),
				  .requester = {.s = "alice"},
				  .key = {.s = "release"},
				  .items = 1,
				  .uses = 1,
				  .statement = view_str("{}"),
				  .names = view_str("[]"),
				  .state = "done",
				  .missing = view_str("[]"),
				  .approvers = view_str("[]"),
				  .status = view_str("{}"),
				  .products = view_str("\n"),
				  .claims = view_str(claims)};
	const struct store_notes none = {.rows = NULL};

	assert_rc(RC_OK, b->s->api->request_put(b->s, &r, &none, NULL, NULL));
}

static rc see(void *ctx, struct view text)
{
	(void)snprintf((char *)ctx, 20, "%.*s", (int)text.len, (const char *)text.ptr);
	return OK;
}

static const char *said(struct box *b, uint8_t n)
{
	static char text[20];
	const struct digest id = id_of(n);
	rc r = b->s->api->claims_get(b->s, &id, see, text, NULL);

	assert_true(rc_is_ok(r) || r.code == RC_NOTFOUND);
	return rc_is_ok(r) ? text : "nothing";
}

/* With the request, also with one that is there; the first stays. */
static void the_first_word_stays(void **state)
{
	struct box *b = (struct box *)*state;

	assert_string_equal(said(b, 1), "nothing");
	put(b, 1, "");
	assert_string_equal(said(b, 1), "nothing");
	put(b, 1, "first");
	put(b, 1, "the second");
	put(b, 1, "");
	assert_string_equal(said(b, 1), "first");
	put(b, 2, "x");
	assert_string_equal(said(b, 2), "x");
	assert_string_equal(said(b, 1), "first");
}

/* A file of before, when claims were found by the request's digest. */
static void older_claims_are_moved(void **state)
{
	struct box *b = (struct box *)*state;
	char command[500];

	put(b, 1, "");
	b->s->api->close(b->s);
	(void)snprintf(
		command, sizeof(command),
		"sqlite3 '%s' \"CREATE TABLE claims(request BLOB PRIMARY KEY, text BLOB NOT"
		" NULL) WITHOUT ROWID; INSERT INTO claims SELECT id, 'older' FROM request;\"",
		b->path);
	assert_int_equal(system(command), 0);
	for (int i = 0; i < 2; i++) {
		if (i > 0)
			b->s->api->close(b->s);
		assert_rc(RC_OK, store_sqlite_open(b->path, &b->s, NULL));
		assert_string_equal(said(b, 1), "older");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_word_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(older_claims_are_moved, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
