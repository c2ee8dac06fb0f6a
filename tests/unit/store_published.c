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
	assert_rc(RC_OK,
		  s->api->published_set(s, &(struct store_publishing){.request = first}, NULL));
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

static rc set(struct store *s, const struct store_published *p, unix_time now)
{
	return s->api->published_set(
		s,
		&(struct store_publishing){
			.request = p->request, .rows = p, .count = 1, .now = now},
		NULL);
}

/* A request that is never signed is not looked at for ever. */
static void requests_that_come_to_nothing_are_forgotten(void **state)
{
	struct store *s = open_store();
	struct store_status signed_now = {.state = "done",
					  .reason = "ok",
					  .uses_done = 1,
					  .missing = view_str("[]"),
					  .approvers = view_str("[]"),
					  .status = view_str("{}")};
	struct store_version v;
	struct digest id;

	(void)state;
	put_request(s, 1, "closed", 0, true);	 /* goes */
	put_request(s, 2, "open", 0, true);	 /* goes when its deadline (10) is over */
	put_request(s, 3, "committed", 0, true); /* is being signed */
	put_request(s, 4, "closed", 1, true);	 /* was signed, and is waited for */
	assert_rc(RC_OK, s->api->publishing_sweep(s, 10, NULL));
	assert_int_equal(waiting(s), 1);
	for (uint8_t i = 1; i <= 3; i++) {
		id = number(i);
		assert_rc(RC_OK, s->api->request_status(s, &id, &signed_now, &v, NULL));
	}
	assert_int_equal(waiting(s), 3); /* the first was forgotten */
	put_request(s, 5, "open", 0, true);
	assert_rc(RC_OK, s->api->publishing_sweep(s, 11, NULL));
	id = number(5);
	assert_rc(RC_OK, s->api->request_status(s, &id, &signed_now, &v, NULL));
	assert_int_equal(waiting(s), 3);
	s->api->close(s);
}

static bool is_there(struct store *s, uint64_t leaf)
{
	struct seen seen = {.count = 0};
	struct digest file = number((uint8_t)leaf);

	return rc_is_ok(s->api->published_file(s, STORE_LIST, &file, see, &seen, NULL));
}

/* Lists for later, for others, or by another key put away nothing that is given out now. */
static void the_one_in_force_is_not_put_away(void **state)
{
	struct store *s = open_store();
	struct store_published p = list("base", 5, 1);

	(void)state;
	assert_rc(RC_OK, set(s, &p, 1000));
	for (uint64_t i = 0; i < STORE_PUBLISHED_AHEAD + 3; i++) {
		p = list("base", 10 + i, 2 + i);
		p.not_before = 2000 + (unix_time)i;
		assert_rc(RC_OK, set(s, &p, 1000));
	}
	assert_true(is_there(s, 1));
	/* Of those the soonest stay, for they are needed first. */
	assert_true(is_there(s, 2) && is_there(s, 1 + STORE_PUBLISHED_AHEAD));
	assert_false(is_there(s, 2 + STORE_PUBLISHED_AHEAD));
	for (uint64_t i = 0; i < STORE_PUBLISHED_KEEP + 1; i++) {
		p = list("base", 100 + i, 100 + i);
		p.groups = view_str("\ndesktops\n");
		assert_rc(RC_OK, set(s, &p, 1000));
		p = list("base", 200 + i, 150 + i);
		p.key = number(7);
		assert_rc(RC_OK, set(s, &p, 1000));
	}
	assert_true(is_there(s, 1));
	assert_false(is_there(s, 100) || is_there(s, 150));
	/* When their time has come they count like any other. */
	for (uint64_t i = 0; i < STORE_PUBLISHED_KEEP; i++) {
		p = list("base", 300 + i, 200 + i);
		assert_rc(RC_OK, set(s, &p, 3000));
	}
	assert_false(is_there(s, 1) || is_there(s, 2));
	assert_true(is_there(s, 200));
	s->api->close(s);
}

static void the_newest_come_first_and_stay(void **state)
{
	struct store *s = open_store();
	struct seen seen = {.count = 0};
	struct store_published p;
	struct digest file;
	bool needed = false;

	(void)state;
	for (uint64_t i = 1; i <= STORE_PUBLISHED_KEEP + 4; i++) {
		p = list("base", i * 7 % 23, i);
		assert_rc(RC_OK, set(s, &p, 1000));
	}
	p = list("other", 1, 100);
	assert_rc(RC_OK, set(s, &p, 1000));
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
	assert_rc(RC_OK, set(s, &p, 1000));
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
		cmocka_unit_test(requests_that_come_to_nothing_are_forgotten),
		cmocka_unit_test(the_newest_come_first_and_stay),
		cmocka_unit_test(the_one_in_force_is_not_put_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
