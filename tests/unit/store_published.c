/* Unit tests of lib/store: lists and package records that guards fetch. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/store/store.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct digest number(uint8_t n)
{
	struct digest d = {{0}};

	d.b[0] = n;
	return d;
}

struct seen {
	size_t count;
	uint64_t serial[64];
	uint64_t leaf[64];
	char groups[64];
	char proof[64];
};

static rc see(void *ctx, const struct store_published *row)
{
	struct seen *s = (struct seen *)ctx;

	s->serial[s->count] = row->serial;
	s->leaf[s->count++] = row->leaf;
	(void)snprintf(s->groups, sizeof(s->groups), "%.*s", (int)row->groups.len,
		       (const char *)row->groups.ptr);
	(void)snprintf(s->proof, sizeof(s->proof), "%.*s", (int)row->proof.len,
		       (const char *)row->proof.ptr);
	return OK;
}

static rc count_id(void *ctx, const struct digest *id)
{
	(void)id;
	++*(size_t *)ctx;
	return OK;
}

static struct store *open_store(void)
{
	struct store *s = NULL;

	assert_rc(RC_OK, store_sqlite_open(":memory:", &s, NULL));
	return s;
}

static void put_request(struct store *s, uint8_t n, const char *state, uint32_t done,
			bool publishes)
{
	const struct store_notes none = {.count = 0};
	struct store_request r = {.id = number(n),
				  .deadline = 10,
				  .uses = 1,
				  .uses_done = done,
				  .publishes = publishes,
				  .statement = view_str("{}"),
				  .names = view_str("[]"),
				  .missing = view_str("[]"),
				  .approvers = view_str("[]"),
				  .status = view_str("{}")};

	(void)snprintf(r.state, sizeof(r.state), "%s", state);
	(void)snprintf(r.requester.s, sizeof(r.requester.s), "carol");
	(void)snprintf(r.key.s, sizeof(r.key.s), "lists");
	assert_rc(RC_OK, s->api->request_put(s, &r, &none, NULL, NULL));
}

static size_t waiting(struct store *s)
{
	size_t n = 0;

	assert_rc(RC_OK, s->api->publishing_list(s, 10, count_id, &n, NULL));
	return n;
}

static void signed_requests_wait_until_told(void **state)
{
	struct store *s = open_store();
	const struct digest first = number(1);

	(void)state;
	put_request(s, 1, "done", 1, true);
	put_request(s, 2, "open", 0, true);
	put_request(s, 3, "done", 1, false);
	assert_int_equal(waiting(s), 1);
	assert_rc(RC_OK, s->api->published_set(s, &first, NULL, 0, NULL));
	assert_int_equal(waiting(s), 0);
	s->api->close(s);
}

static struct store_published list(const char *name, uint64_t serial, uint64_t leaf)
{
	struct store_published p = {.kind = STORE_LIST,
				    .serial = serial,
				    .leaf = leaf,
				    .file = number((uint8_t)leaf),
				    .request = number(1),
				    .groups = view_str("\nfarm\n"),
				    .proof = view_str("{}")};

	(void)snprintf(p.name, sizeof(p.name), "%s", name);
	return p;
}

static void the_newest_come_first_and_stay(void **state)
{
	struct store *s = open_store();
	const struct digest id = number(1);
	struct seen seen = {.count = 0};
	struct store_published p;
	struct digest file;
	bool needed = false;

	(void)state;
	for (uint64_t i = 1; i <= STORE_PUBLISHED_KEEP + 4; i++) {
		p = list("base", i * 7 % 23, i);
		assert_rc(RC_OK, s->api->published_set(s, &id, &p, 1, NULL));
	}
	p = list("other", 1, 100);
	assert_rc(RC_OK, s->api->published_set(s, &id, &p, 1, NULL));
	assert_rc(RC_OK, s->api->published_list(s, STORE_LIST, "base", see, &seen, NULL));
	assert_int_equal(seen.count, STORE_PUBLISHED_KEEP);
	for (size_t i = 1; i < seen.count; i++)
		assert_true(seen.serial[i] < seen.serial[i - 1]);
	assert_string_equal(seen.groups, "\nfarm\n");
	assert_string_equal(seen.proof, "{}");
	/* What is given out is not thrown away, and what was cut may be. */
	file = number((uint8_t)seen.leaf[0]);
	assert_rc(RC_OK, s->api->upload_needed(s, &file, 1000, &needed, NULL));
	assert_true(needed);
	assert_rc(RC_OK, s->api->published_file(s, STORE_LIST, &file, see, &seen, NULL));
	assert_rc(RC_NOTFOUND, s->api->published_file(s, STORE_RECORD, &file, see, &seen, NULL));
	/* Two requests may have signed one file. */
	p = list("other", 1, 101);
	p.file = number(100);
	assert_rc(RC_OK, s->api->published_set(s, &id, &p, 1, NULL));
	seen.count = 0;
	assert_rc(RC_OK, s->api->published_file(s, STORE_LIST, &p.file, see, &seen, NULL));
	assert_int_equal(seen.count, 2);
	file = number(10); /* serial 1 */
	assert_rc(RC_NOTFOUND, s->api->published_file(s, STORE_LIST, &file, see, &seen, NULL));
	assert_rc(RC_OK, s->api->upload_needed(s, &file, 1000, &needed, NULL));
	assert_false(needed);
	seen.count = 0;
	assert_rc(RC_OK, s->api->published_list(s, STORE_LIST, NULL, see, &seen, NULL));
	assert_int_equal(seen.count, STORE_PUBLISHED_KEEP + 2);
	assert_int_equal(seen.leaf[seen.count - 1], 100);
	seen.count = 0;
	assert_rc(RC_OK, s->api->published_list(s, STORE_RECORD, NULL, see, &seen, NULL));
	assert_int_equal(seen.count, 0);
	s->api->close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_requests_wait_until_told),
		cmocka_unit_test(the_newest_come_first_and_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
