/* Unit tests of lib/store: every function of the table, every refusal of its header. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/store/store.h"
#include "tests/unit/store_box.h"

/* Request n, of two files: n * 10 and n * 10 + 1. */
/* An odd one has a note. */
static struct store_request request_n(unsigned n, const char *who)
{
	return (struct store_request){
		.id = digest_n(n),
		.created = 1000 + n,
		.requester = name_of(who),
		.host = name_of("build1"),
		.key = name_of(n % 2 == 0 ? "even" : "odd"),
		.not_before = 5000,
		.deadline = 9000,
		.upload = true,
		.items = 2,
		.uses = 1,
		.statement = view_str("{statement}"),
		.requester_sig = view_str("sig1"),
		.host_sig = view_str("sig2"),
		.names = view_str("[\"a\"]"),
		.state = "open",
		.reason = "approve.quorum",
		.missing = view_str("[\"1 of security\"]"),
		.approvers = view_str("[]"),
		.status = view_str("{}"),
	};
}

static rc put_row(struct store *s, unsigned n, struct store_request *r, const char *product)
{
	const struct digest digests[2] = {digest_n(n * 10), digest_n(n * 10 + 1)};
	const struct store_note note = {.n = 1, .report = digest_n(n * 10 + 5)};
	const struct store_notes notes = {.rows = &note, .count = n % 2};
	char products[80];

	(void)snprintf(products, sizeof(products), "\nother\n%s\n", product);
	r->digests = view_of(digests, sizeof(digests));
	r->products = view_str(products);
	return s->api->request_put(s, r, &notes, NULL, NULL);
}

static void put(struct store *s, unsigned n, const char *who, const char *product)
{
	struct store_request r = request_n(n, who);

	assert_rc(RC_OK, put_row(s, n, &r, product));
}

static rc put_done(struct store *s, unsigned n)
{
	struct store_request r = request_n(n, "alice");

	(void)snprintf(r.state, sizeof(r.state), "done");
	return put_row(s, n, &r, "p1");
}

struct seen {
	size_t count;
	uint64_t seq[300];
	struct store_request last;
	char status[100];
	rc answer;
};

static rc see(void *ctx, const struct store_request *row)
{
	struct seen *seen = (struct seen *)ctx;

	seen->seq[seen->count++] = row->seq;
	seen->last = *row;
	(void)snprintf(seen->status, sizeof(seen->status), "%.*s", (int)row->status.len,
		       (const char *)row->status.ptr);
	assert_true(view_is(row->statement, "{statement}"));
	assert_true(view_is(row->host_sig, "sig2"));
	return seen->answer;
}

static rc count_digest(void *ctx, const struct digest *d)
{
	(void)d;
	++*(size_t *)ctx;
	return OK;
}

static void requests_and_lists(void **state)
{
	struct box *b = (struct box *)*state;
	struct store *s = b->s;
	struct store_filter filter = {.limit = 3};
	struct seen seen = {0};
	struct digest id = digest_n(4), none = digest_n(99);
	struct name who = name_of("alice"), key = name_of("odd"), product = name_of("p2");

	for (unsigned n = 1; n <= 8; n++)
		put(s, n, n < 5 ? "alice" : "bob", n == 2 || n == 7 ? "p2" : "p1");
	put(s, 3, "alice", "p1"); /* again: nothing new */
	s = reopen(b);
	assert_rc(RC_OK, s->api->request_get(s, &id, see, &seen, NULL));
	assert_true(name_is(&seen.last.requester, "alice"));
	assert_int_equal(seen.last.version, 1);
	assert_rc(RC_NOTFOUND, s->api->request_get(s, &none, see, &seen, NULL));
	/* Pages: newest first, none twice. */
	seen.count = 0;
	for (int page = 0; page < 3; page++) {
		assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
		filter.before = seen.seq[seen.count - 1];
	}
	assert_int_equal(seen.count, 8);
	for (size_t i = 1; i < seen.count; i++)
		assert_true(seen.seq[i] < seen.seq[i - 1]);
	filter = (struct store_filter){.limit = 100, .requester = &who, .key = &key};
	seen.count = 0;
	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 2); /* 1 and 3 */
	filter = (struct store_filter){.limit = 100, .product = &product};
	seen.count = 0;
	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 2); /* 2 and 7 */
	filter.requester = &who;
	seen.count = 0;
	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 1);
	filter = (struct store_filter){.limit = 100, .state = "closed"};
	seen.count = 0;
	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 0);
	filter = (struct store_filter){.limit = 0};
	assert_rc(RC_RANGE, s->api->request_list(s, &filter, see, &seen, NULL));
	filter.limit = STORE_LIST_MAX + 1;
	assert_rc(RC_RANGE, s->api->request_list(s, &filter, see, &seen, NULL));
	/* A visitor's word ends the list and is returned. */
	filter.limit = 5;
	seen = (struct seen){.answer = RC(RC_STATE)};
	assert_rc(RC_STATE, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 1);
}

struct seen_notes {
	size_t count;
	struct store_note last;
};

static rc see_note(void *ctx, const struct store_note *row)
{
	struct seen_notes *seen = (struct seen_notes *)ctx;

	seen->count++;
	seen->last = *row;
	return OK;
}

static void notes_and_search(void **state)
{
	struct store *s = ((struct box *)*state)->s;
	struct digest id = digest_n(1), none = digest_n(99), artifact = digest_n(11);
	struct store_filter filter = {.limit = 10, .artifact = &artifact};
	struct store_note notes[2] = {{.n = 3, .report = digest_n(500)},
				      {.n = 1,
				       .report = digest_n(501),
				       .has_previous = true,
				       .has_diff = true,
				       .diff = digest_n(502),
				       .previous = digest_n(503)}};
	struct store_request more = {.id = digest_n(700),
				     .requester = name_of("alice"),
				     .key = name_of("k"),
				     .statement = view_str("{statement}"),
				     .requester_sig = view_str("s"),
				     .host_sig = view_str("sig2"),
				     .state = "open"};
	struct digest near;
	const struct store_notes both = {.rows = notes, .count = 2};
	struct name part = name_of("the");
	bool is_new = false;
	struct seen_notes seen_notes = {0};
	struct seen seen = {0};

	put(s, 1, "alice", "p1");
	put(s, 2, "alice", "p1");
	assert_rc(RC_OK, s->api->note_list(s, &id, see_note, &seen_notes, NULL));
	assert_int_equal(seen_notes.count, 1);
	assert_int_equal(seen_notes.last.n, 1);
	assert_false(seen_notes.last.has_diff);
	assert_rc(RC_OK, s->api->note_list(s, &none, see_note, &seen_notes, NULL));
	assert_int_equal(seen_notes.count, 1);
	/* Ordered, and what is there comes back. */
	assert_rc(RC_OK, s->api->request_put(s, &more, &both, &is_new, NULL));
	assert_true(is_new);
	assert_rc(RC_OK, s->api->request_put(s, &more, &both, &is_new, NULL));
	assert_false(is_new);
	/* A job may come from no host. */
	assert_rc(RC_OK, s->api->request_get(s, &more.id, see, &seen, NULL));
	assert_string_equal(seen.last.host.s, "");
	seen.count = 0;
	assert_rc(RC_OK, s->api->note_list(s, &more.id, see_note, &seen_notes, NULL));
	assert_int_equal(seen_notes.count, 3);
	assert_int_equal(seen_notes.last.n, 3);
	assert_true(digest_is_equal(&seen_notes.last.report, &notes[0].report));
	assert_false(seen_notes.last.has_previous);
	/* One before is known, and the comparison with it failed. */
	notes[0].has_previous = true;
	notes[0].previous = digest_n(504);
	assert_rc(RC_OK, s->api->note_set(s, &more.id, &notes[0], NULL));
	assert_rc(RC_NOTFOUND, s->api->note_set(s, &none, &notes[0], NULL));
	assert_rc(RC_OK, s->api->note_list(s, &more.id, see_note, &seen_notes, NULL));
	assert_int_equal(seen_notes.count, 5);
	assert_true(seen_notes.last.has_previous && !seen_notes.last.has_diff);
	assert_true(digest_is_equal(&seen_notes.last.previous, &notes[0].previous));
	notes[0].has_diff = true;
	assert_rc(RC_OK, s->api->note_set(s, &more.id, &notes[0], NULL));
	assert_rc(RC_OK, s->api->note_list(s, &more.id, see_note, &seen_notes, NULL));
	assert_true(seen_notes.last.has_previous && seen_notes.last.has_diff);
	/* A search finds the second of two digests, and nothing that only begins or ends alike. */
	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 1);
	assert_true(digest_is_equal(&seen.last.id, &id));
	filter.artifact = &none;
	seen.count = 0;
	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 0);
	near = artifact;
	near.b[DIGEST_SIZE - 1] ^= 1;
	filter.artifact = &near;
	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 0);
	filter = (struct store_filter){.limit = 10, .product = &part};
	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 0);
	filter = (struct store_filter){.limit = 1, .artifact = &artifact, .before = 1};
	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 0);
}

/* What is held is looked at from its release on, until it is out; nobody has to wish for it. */
static void held_requests_are_due_at_their_release(void **state)
{
	struct store *s = ((struct box *)*state)->s;
	struct digest id = digest_n(1);
	struct store_status st = {
		.state = "committed", .missing = view_str("[]"), .approvers = view_str("[]")};
	struct store_version version = {0};
	size_t due;
	static const char held_status[] = "{\"release\":\"2026-11-26T09:00:00Z\"}";
	static const struct {
		const char *status;
		const char *reason;
		unix_time now;
		size_t due;
	} held[] = {
		{held_status, "time.release", 1795683599, 0},
		{held_status, "time.release", 1795683600, 1},
		{held_status, "key.locked", 1795683600, 1},
		{held_status, "key.review", 1795683600, 1},
		{held_status, "time.freeze", 1795683600, 1},
		{held_status, "state.committed", 1795683600, 0},
		{"{}", "time.release", 1795683600, 0},
	};

	put(s, 1, "alice", "p1");
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		st.reason = held[i].reason;
		st.status = view_str(held[i].status);
		due = 0;
		assert_rc(RC_OK, s->api->request_status(s, &id, &st, &version, NULL));
		assert_rc(RC_OK, s->api->request_due(s, held[i].now, 10, count_digest, &due, NULL));
		assert_int_equal(due, held[i].due);
	}
}

static void status_and_versions(void **state)
{
	struct store *s = ((struct box *)*state)->s;
	struct digest id = digest_n(1), none = digest_n(99);
	struct store_status st = {.state = "open",
				  .reason = "time.not-before",
				  .missing = view_str("[]"),
				  .approvers = view_str("[\"bob\"]"),
				  .status = view_str("{\"a\":1}")};
	struct store_version version = {0};
	struct seen seen = {0};
	size_t due = 0;

	put(s, 1, "alice", "p1");
	assert_rc(RC_NOTFOUND, s->api->request_status(s, &none, &st, &version, NULL));
	assert_rc(RC_OK, s->api->request_status(s, &id, &st, &version, NULL));
	assert_int_equal(version.version, 2);
	assert_true(version.grew);
	assert_rc(RC_OK, s->api->request_status(s, &id, &st, &version, NULL));
	assert_int_equal(version.version, 2);
	assert_false(version.grew);
	/* Not due without the wish to sign, and not before its time. */
	assert_rc(RC_OK, s->api->request_due(s, 6000, 10, count_digest, &due, NULL));
	assert_int_equal(due, 0);
	{
		struct store_request again = {.id = id, .sign = true};

		assert_rc(RC_OK, s->api->request_put(s, &again, NULL, NULL, NULL));
	}
	assert_rc(RC_OK, s->api->request_due(s, 4999, 10, count_digest, &due, NULL));
	assert_int_equal(due, 0);
	assert_rc(RC_OK, s->api->request_due(s, 5000, 10, count_digest, &due, NULL));
	assert_int_equal(due, 1);
	/* What is mended without a word about the request is due; what people say of it is not. */
	static const struct {
		const char *reason;
		size_t due;
	} rows[] = {{"time.window", 1}, {"time.freeze", 1},    {"time.zone", 1},  {"time.hold", 1},
		    {"limit.rate", 1},	{"approve.quorum", 0}, {"key.locked", 1}, {"key.token", 1},
		    {"host.locked", 1}, {"evidence.scan", 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		st.reason = rows[i].reason;
		due = 0;
		assert_rc(RC_OK, s->api->request_status(s, &id, &st, &version, NULL));
		assert_rc(RC_OK, s->api->request_due(s, 5000, 10, count_digest, &due, NULL));
		assert_int_equal(due, rows[i].due);
	}
	due = 0;
	assert_rc(RC_OK, s->api->request_unfinished(s, count_digest, &due, NULL));
	assert_int_equal(due, 1);
	st.state = "done";
	st.uses_done = 1;
	st.status = view_str("{\"a\":2}");
	assert_rc(RC_OK, s->api->request_status(s, &id, &st, &version, NULL));
	assert_int_equal(version.version, 3);
	due = 0;
	assert_rc(RC_OK, s->api->request_unfinished(s, count_digest, &due, NULL));
	assert_int_equal(due, 0);
	assert_rc(RC_OK, s->api->request_get(s, &id, see, &seen, NULL));
	assert_string_equal(seen.last.state, "done");
	assert_string_equal(seen.status, "{\"a\":2}");
	assert_int_equal(seen.last.uses_done, 1);
	assert_true(seen.last.sign);
}

static rc see_bytes(void *ctx, struct view bytes)
{
	size_t *count = (size_t *)ctx;

	*count += bytes.len;
	return OK;
}

static void products_certificates(void **state)
{
	struct store *s = ((struct box *)*state)->s;
	struct digest id = digest_n(1);
	struct name product = name_of("p1");
	struct store_last last = {digest_n(1), digest_n(2), digest_n(3)}, back;
	size_t bytes = 0;

	assert_rc(RC_NOTFOUND, s->api->last_get(s, &product, &back, NULL));
	assert_rc(RC_OK, s->api->last_set(s, &product, &last, NULL));
	last.artifact = digest_n(4);
	assert_rc(RC_OK, s->api->last_set(s, &product, &last, NULL));
	assert_rc(RC_OK, s->api->last_get(s, &product, &back, NULL));
	assert_memory_equal(&back, &last, sizeof(last));
	assert_rc(RC_NOTFOUND, s->api->certs_get(s, &id, see_bytes, &bytes, NULL));
	assert_rc(RC_OK, s->api->certs_put(s, &id, view_str("chain"), NULL));
	assert_rc(RC_OK, s->api->certs_get(s, &id, see_bytes, &bytes, NULL));
	assert_int_equal(bytes, 5);
}

/* Field by field: the bytes between fields are nobody's. */
static void assert_upload(const struct store_upload *a, const struct store_upload *b)
{
	assert_true(digest_is_equal(&a->sha256, &b->sha256));
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->complete, b->complete);
	assert_int_equal(a->created, b->created);
	assert_int_equal(a->touched, b->touched);
	assert_string_equal(a->owner.s, b->owner.s);
}

struct uploads_seen {
	size_t count;
	struct store_upload last;
};

static rc see_upload(void *ctx, const struct store_upload *row)
{
	struct uploads_seen *seen = (struct uploads_seen *)ctx;

	if (seen->count > 0)
		assert_true(memcmp(seen->last.sha256.b, row->sha256.b, DIGEST_SIZE) < 0);
	seen->last = *row;
	return ++seen->count == 50 ? RC(RC_STATE) : OK;
}

static void uploads(void **state)
{
	struct store *s = ((struct box *)*state)->s;
	struct store_upload u = {.sha256 = digest_n(1), .size = 100, .created = 10, .touched = 10},
			    back;
	struct uploads_seen seen = {0};

	u.owner = name_of("alice");
	assert_rc(RC_NOTFOUND, s->api->upload_get(s, &u.sha256, &back, NULL));
	assert_rc(RC_OK, s->api->upload_list(s, NULL, 10, see_upload, &seen, NULL));
	assert_int_equal(seen.count, 0);
	assert_rc(RC_OK, s->api->upload_put(s, &u, NULL));
	assert_rc(RC_OK, s->api->upload_get(s, &u.sha256, &back, NULL));
	assert_upload(&back, &u);
	u.complete = true;
	u.touched = 11;
	assert_rc(RC_OK, s->api->upload_put(s, &u, NULL));
	assert_rc(RC_OK, s->api->upload_list(s, NULL, 10, see_upload, &seen, NULL));
	assert_int_equal(seen.count, 1);
	assert_upload(&seen.last, &u);
	assert_rc(RC_OK, s->api->upload_drop(s, &u.sha256, NULL));
	assert_rc(RC_NOTFOUND, s->api->upload_get(s, &u.sha256, &back, NULL));
	/* Pages, in order, none twice. */
	for (unsigned n = 0; n < 25; n++) {
		u.sha256 = digest_n(n);
		assert_rc(RC_OK, s->api->upload_put(s, &u, NULL));
	}
	seen = (struct uploads_seen){0};
	assert_rc(RC_OK, s->api->upload_list(s, NULL, 10, see_upload, &seen, NULL));
	while (seen.count % 10 == 0) {
		struct digest after = seen.last.sha256;

		assert_rc(RC_OK, s->api->upload_list(s, &after, 10, see_upload, &seen, NULL));
	}
	assert_int_equal(seen.count, 25);
	/* A visitor's word ends the list and is returned. */
	seen = (struct uploads_seen){.count = 49};
	assert_rc(RC_STATE, s->api->upload_list(s, NULL, 10, see_upload, &seen, NULL));
}

/* Request 1 (deadline 9000) names the files 10 and 11. */
static void needed_files(void **state)
{
	struct store *s = ((struct box *)*state)->s;
	struct store_status st = {.state = "committed",
				  .reason = "ok",
				  .missing = view_str("[]"),
				  .approvers = view_str("[]"),
				  .status = view_str("{}")};
	struct digest id = digest_n(1), file = digest_n(11), other = digest_n(12);
	struct store_version version;
	bool needed = true;

	put(s, 1, "alice", "p1");
	assert_rc(RC_OK, s->api->upload_needed(s, &other, 0, &needed, NULL));
	assert_false(needed);
	assert_rc(RC_OK, s->api->upload_needed(s, &file, 9000, &needed, NULL));
	assert_true(needed);
	assert_rc(RC_OK, s->api->upload_needed(s, &file, 9001, &needed, NULL));
	assert_false(needed);
	assert_rc(RC_OK, s->api->request_status(s, &id, &st, &version, NULL));
	assert_rc(RC_OK, s->api->upload_needed(s, &file, 9001, &needed, NULL));
	assert_true(needed);
	put(s, 2, "alice", "p1"); /* names 20 and 21 only */
	st.state = "done";
	assert_rc(RC_OK, s->api->request_status(s, &id, &st, &version, NULL));
	assert_rc(RC_OK, s->api->upload_needed(s, &file, 9001, &needed, NULL));
	assert_false(needed);
}

static void marks(void **state)
{
	struct box *b = (struct box *)*state;
	uint64_t value = 5;

	assert_rc(RC_NOTFOUND, b->s->api->mark_get(b->s, "log", &value, NULL));
	assert_int_equal(value, 5);
	assert_rc(RC_OK, b->s->api->mark_set(b->s, "log", 7, NULL));
	assert_rc(RC_OK, b->s->api->mark_set(b->s, "log", 8, NULL));
	(void)reopen(b);
	assert_rc(RC_OK, b->s->api->mark_get(b->s, "log", &value, NULL));
	assert_int_equal(value, 8);
	assert_rc(RC_NOTFOUND, b->s->api->mark_get(b->s, "other", &value, NULL));
}

static rc see_change(void *ctx, const struct store_change *row)
{
	char *out = (char *)ctx;

	(void)snprintf(out, 100, "%s %s %.*s %.*s", row->kind, row->state, (int)row->statement.len,
		       (const char *)row->statement.ptr, (int)row->answer.len,
		       (const char *)row->answer.ptr);
	return OK;
}

static void changes(void **state)
{
	struct store *s = ((struct box *)*state)->s;
	struct store_change c = {.id = digest_n(1),
				 .kind = "policy",
				 .state = "pending",
				 .created = 1,
				 .expires = 2,
				 .statement = view_str("{x}")};
	struct digest none = digest_n(2);
	char text[100] = "";
	size_t bytes = 0;

	c.proposer = name_of("erin");
	assert_rc(RC_OK, s->api->change_put(s, &c, NULL));
	assert_rc(RC_EXISTS, s->api->change_put(s, &c, NULL));
	assert_rc(RC_OK, s->api->change_sign(s, &c.id, view_str("one"), NULL));
	assert_rc(RC_OK, s->api->change_sign(s, &c.id, view_str("one"), NULL));
	assert_rc(RC_OK, s->api->change_sign(s, &c.id, view_str("three"), NULL));
	assert_rc(RC_OK, s->api->change_sigs(s, &c.id, see_bytes, &bytes, NULL));
	assert_int_equal(bytes, 8);
	assert_rc(RC_OK, s->api->change_state(s, &c.id, "done", view_str("[]"), NULL));
	assert_rc(RC_NOTFOUND, s->api->change_state(s, &none, "done", view_str("[]"), NULL));
	assert_rc(RC_OK, s->api->change_get(s, &c.id, see_change, text, NULL));
	assert_string_equal(text, "policy done {x} []");
	assert_rc(RC_NOTFOUND, s->api->change_get(s, &none, see_change, text, NULL));
	text[0] = '\0';
	assert_rc(RC_OK, s->api->change_list(s, "pending", see_change, text, NULL));
	assert_string_equal(text, "");
	assert_rc(RC_OK, s->api->change_list(s, NULL, see_change, text, NULL));
	assert_string_equal(text, "policy done {x} []");
}

static void batches(void **state)
{
	struct box *b = (struct box *)*state;
	struct store_filter filter = {.limit = 100};
	struct seen seen = {0};

	assert_rc(RC_OK, b->s->api->batch_begin(b->s, NULL));
	for (unsigned n = 1; n <= 50; n++)
		put(b->s, n, "alice", "p1");
	assert_rc(RC_OK, b->s->api->batch_end(b->s, NULL));
	(void)reopen(b);
	assert_rc(RC_OK, b->s->api->request_list(b->s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 50);
}

struct hand {
	struct store *s;
	unsigned from;
};

static void *put_many(void *ctx)
{
	const struct hand *h = (const struct hand *)ctx;

	for (unsigned n = h->from; n < h->from + 40; n++)
		if (n % 8 == 0)
			assert_rc(RC_OK, put_done(h->s, n));
		else
			put(h->s, n, "alice", "p1");
	return NULL;
}

/* A request with the same note twice, which the store refuses. */
static void *put_refused(void *ctx)
{
	const struct hand *h = (const struct hand *)ctx;
	const struct store_note twice[2] = {{.n = 1}, {.n = 1}};
	const struct store_notes notes = {.rows = twice, .count = 2};

	for (unsigned n = h->from; n < h->from + 40; n++) {
		struct store_request r = {.id = digest_n(n), .state = "open"};

		assert_rc(RC_CORRUPT, h->s->api->request_put(h->s, &r, &notes, NULL, NULL));
	}
	return NULL;
}

static void many_threads(void **state)
{
	struct box *b = (struct box *)*state;
	struct hand refused = {.s = b->s, .from = 1000};
	pthread_t other;
	struct store_filter filter = {.limit = 200};
	struct hand hands[4];
	pthread_t threads[4];
	struct seen seen = {0};

	assert_int_equal(pthread_create(&other, NULL, put_refused, &refused), 0);
	for (unsigned i = 0; i < 4; i++) {
		hands[i] = (struct hand){.s = b->s, .from = i * 20}; /* halves overlap */
		assert_int_equal(pthread_create(&threads[i], NULL, put_many, &hands[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_rc(RC_OK, b->s->api->request_list(b->s, &filter, see, &seen, NULL));
	assert_int_equal(seen.count, 100);
}

static size_t count_rows(struct store *s)
{
	const struct store_filter filter = {.limit = 200};
	struct seen seen = {0};

	assert_rc(RC_OK, s->api->request_list(s, &filter, see, &seen, NULL));
	return seen.count;
}

/* Rows of requests that are done: seen at once here, by others after settle, another write, or when
 * there are many of them. */
static void late_rows(void **state)
{
	struct box *b = (struct box *)*state;
	struct store *other;
	struct store_request row;
	size_t written = 0;
	size_t bytes = 0;

	assert_rc(RC_OK, store_sqlite_open(b->path, &other, NULL));
	for (unsigned n = 2; n <= 6; n += 2)
		assert_rc(RC_OK, put_done(b->s, n));
	assert_int_equal(count_rows(b->s), 3);
	assert_int_equal(count_rows(other), 0);
	assert_rc(RC_OK, b->s->api->settle(b->s, NULL));
	assert_int_equal(count_rows(other), 3);

	assert_rc(RC_OK, put_done(b->s, 8));
	assert_rc(RC_OK, put_done(b->s, 8));
	assert_int_equal(count_rows(other), 3);
	assert_rc(RC_OK, b->s->api->mark_set(b->s, "log", 7, NULL));
	assert_int_equal(count_rows(other), 4);

	assert_rc(RC_OK, put_done(b->s, 10));
	assert_rc(RC_OK, b->s->api->batch_begin(b->s, NULL));
	assert_int_equal(count_rows(other), 5);
	assert_rc(RC_OK, b->s->api->settle(b->s, NULL));
	assert_rc(RC_OK, b->s->api->batch_end(b->s, NULL));

	assert_rc(RC_OK, put_done(b->s, 13)); /* has a note */
	assert_int_equal(count_rows(other), 6);
	row = request_n(12, "alice");
	(void)snprintf(row.state, sizeof(row.state), "done");
	row.claims = view_str("x");
	assert_rc(RC_OK, put_row(b->s, 12, &row, "p1"));
	assert_rc(RC_NOTFOUND, other->api->claims_get(other, &row.id, see_bytes, &bytes, NULL));
	assert_int_equal(count_rows(other), 6);
	assert_rc(RC_OK, b->s->api->settle(b->s, NULL));
	assert_rc(RC_OK, other->api->claims_get(other, &row.id, see_bytes, &bytes, NULL));
	assert_int_equal(count_rows(other), 7);
	for (unsigned n = 20; written == 0; n += 2) {
		assert_true(n < 200);
		assert_rc(RC_OK, put_done(b->s, n));
		written = count_rows(other) - 7;
	}
	assert_int_equal(written + 7, count_rows(b->s));
	other->api->close(other);
}

/* A disk that takes no more: the rows are gone, which is told once, and the store goes on. */
static void lost_late_rows(void **state)
{
	struct box *b = (struct box *)*state;
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
	struct rlimit before;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	put(b->s, 2, "alice", "p1");
	assert_rc(RC_OK, put_done(b->s, 4));
	assert_rc(RC_OK, put_done(b->s, 6));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_rc(RC_STATE, b->s->api->settle(b->s, NULL));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, handler);
	assert_rc(RC_OK, b->s->api->settle(b->s, NULL));
	assert_int_equal(count_rows(b->s), 1);
	assert_rc(RC_OK, put_done(b->s, 4));
	assert_rc(RC_OK, b->s->api->settle(b->s, NULL));
	assert_int_equal(count_rows(reopen(b)), 2);
}

static void strange_files(void **state)
{
	struct box *b = (struct box *)*state;
	struct store *other = NULL;
	struct fault f = {0};
	char path[300];
	char command[400];
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0600};

	(void)snprintf(path, sizeof(path), "%s/other.db", b->dir);
	assert_rc(RC_OK, file_replace(&spec,
				      view_str("this is no database, and long enough to tell"
					       " from an empty one, as it has a header"),
				      NULL));
	assert_rc(RC_CORRUPT, store_sqlite_open(path, &other, &f));
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/none/other.db", b->dir);
	assert_rc(RC_IO, store_sqlite_open(path, &other, &f));
	/* Written by a later version. */
	b->s->api->close(b->s);
	b->s = NULL;
	(void)snprintf(command, sizeof(command), "sqlite3 '%s' 'PRAGMA user_version = 99'",
		       b->path);
	assert_int_equal(system(command), 0);
	assert_rc(RC_UNSUPPORTED, store_sqlite_open(b->path, &other, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_and_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(notes_and_search, setup, teardown),
		cmocka_unit_test_setup_teardown(status_and_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(held_requests_are_due_at_their_release, setup,
						teardown),
		cmocka_unit_test_setup_teardown(products_certificates, setup, teardown),
		cmocka_unit_test_setup_teardown(uploads, setup, teardown),
		cmocka_unit_test_setup_teardown(needed_files, setup, teardown),
		cmocka_unit_test_setup_teardown(marks, setup, teardown),
		cmocka_unit_test_setup_teardown(changes, setup, teardown),
		cmocka_unit_test_setup_teardown(batches, setup, teardown),
		cmocka_unit_test_setup_teardown(many_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(late_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_late_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(strange_files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
