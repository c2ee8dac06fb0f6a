/* greatseald as people and CI systems use it, in front of a real keeper: every route, every reason
 * the server gives of its own, uploads with all their accidents, restarts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
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

/* ---- What anybody may see ------------------------------------------------------------------*/

static void open_routes(void **state)
{
	(void)state;
	answers(200, front_get(&s, NULL, "/healthz"));
	answers(200, front_get(&s, NULL, "/readyz"));
	answers(200, front_get(&s, NULL, "/v1/info"));
	assert_string_equal(front_text(&s, "origin"), "keeper.test");
	assert_int_equal(front_number(&s, "protocol"), 1);
	answers(200, front_get(&s, NULL, "/v1/log/checkpoint"));
	answers(200, front_get(&s, NULL, "/v1/log/proof?index=0"));
	answers(404, front_get(&s, NULL, "/v1/log/tile/0/x999/000"));
}

static void unknown_paths(void **state)
{
	static const char *const missing[] = {
		"/",
		"/v1",
		"/v1/nothing",
		"/v1/log",
		"/v1/log/keeper.db",
		"/v1/log/tile/0/../../../keeper.db",
		"/v1/%6cog/checkpoint",
		"/v1/info/",
		"//v1/info",
		"/v1/info/x",
		"/v1/log/tile/entries/000.p/999",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		unsigned got = front_get(&s, NULL, missing[i]);

		if (got != 404 && got != 400)
			fail_msg("%s: %u", missing[i], got);
	}
	refuses(405, REASON_CALL_METHOD, front_post(&s, "alice", "/v1/info", json_object()));
}

/* ---- Who calls -----------------------------------------------------------------------------*/

static void unsigned_and_badly_signed_calls(void **state)
{
	struct front_call c = {.method = "GET", .target = "/v1/keys"};
	static struct fx_key stranger; /* as long as the program: it is never freed */
	struct digest other = {{1}};

	(void)state;
	answers(200, front_send(&s, "alice", &c));
	refuses(401, REASON_CALL_AUTH, front_get(&s, NULL, "/v1/keys"));
	c.authorization = "Greatseal t=now";
	refuses(401, REASON_CALL_AUTH, front_send(&s, NULL, &c));
	c.authorization = "Basic YWxpY2U6c2VjcmV0";
	refuses(401, REASON_CALL_AUTH, front_send(&s, NULL, &c));
	c.authorization = NULL;
	fx_key_new(&stranger, false);
	c.key = &stranger;
	refuses(401, REASON_CALL_AUTH, front_send(&s, NULL, &c));
	c.key = &fx_host(&fx, "build1")->key[0]; /* hosts do not call */
	refuses(401, REASON_CALL_AUTH, front_send(&s, NULL, &c));
	c.key = NULL;
	c.sign_target = "/v1/keys/release";
	refuses(401, REASON_CALL_AUTH, front_send(&s, "alice", &c));
	c.sign_target = NULL;
	c.sign_body = view_str("other");
	refuses(401, REASON_CALL_AUTH, front_send(&s, "alice", &c));
	c.sign_body = view_of(NULL, 0);
	c.pin = &other; /* made for another server */
	refuses(401, REASON_CALL_AUTH, front_send(&s, "alice", &c));
	c.pin = NULL;
	c.upload = true; /* no body digest where there must be one */
	refuses(401, REASON_CALL_AUTH, front_send(&s, "alice", &c));
	c.upload = false;
	c.skew = CALL_SKEW + 30;
	refuses(401, REASON_CALL_TIME, front_send(&s, "alice", &c));
	c.skew = -CALL_SKEW - 30;
	refuses(401, REASON_CALL_TIME, front_send(&s, "alice", &c));
	c.skew = CALL_SKEW / 2;
	answers(200, front_send(&s, "alice", &c));
}

static void replays(void **state)
{
	struct front_call c = {.method = "GET", .target = "/v1/keys"};
	AUTO(buf) struct buf header;

	(void)state;
	buf_init(&header, 8192);
	front_authorize(&s, "alice", &c, &header);
	c.authorization = buf_cstr(&header);
	answers(200, front_send(&s, NULL, &c));
	refuses(401, REASON_CALL_REPLAY, front_send(&s, NULL, &c));
	/* Not even after the server was killed and came back. */
	front_kill(&s);
	front_run(&s);
	refuses(401, REASON_CALL_REPLAY, front_send(&s, NULL, &c));
}

static void bodies_are_strict(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"[]",
		"{}",
		"null",
		"{\"sha256\":1,\"size\":2}",
		"{\"sha256\":\"00\",\"size\":1}",
		"{\"size\":1,\"size\":1,\"sha256\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		"{\"size\":-1,\"sha256\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		"{\"size\":1,\"sha256\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"} x",
	};
	struct front_call c = {.method = "POST", .target = "/v1/uploads"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c.body = view_str(bad[i]);
		refuses(400, REASON_CALL_FORM, front_send(&s, "alice", &c));
	}
	/* Every other reader of bodies refuses the empty object too. */
	refuses(400, REASON_CALL_FORM, front_post(&s, "alice", "/v1/requests", json_object()));
	refuses(400, REASON_CALL_FORM, front_post(&s, "alice", "/v1/explain", json_object()));
	refuses(400, REASON_CALL_FORM, front_post(&s, "erin", "/v1/changes", json_object()));
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/requests?limit=x"));
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/requests?state=odd"));
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/search?digest=1"));
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/reviews?request=1"));
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/reviews?for=Alice"));
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/reviews?from=x"));
	refuses(404, REASON_STATE_UNKNOWN,
		front_get(&s, "alice",
			  front_path(&(struct digest){{7}}, "/v1/reviews?request=%s")));
	refuses(404, REASON_CALL_NOTFOUND, front_get(&s, "alice", "/v1/requests/xyz"));
	refuses(404, REASON_CALL_NOTFOUND,
		front_get(&s, "alice", front_path(&(struct digest){{7}}, "/v1/reports/%s")));
	refuses(404, REASON_STATE_UNKNOWN,
		front_get(&s, "alice", front_path(&(struct digest){{7}}, "/v1/requests/%s")));
}

static void big_bodies_are_refused(void **state)
{
	char *big = (char *)calloc(1, 100000);
	struct front_call c = {.method = "POST", .target = "/v1/uploads"};

	(void)state;
	assert_non_null(big);
	c.body = view_of(big, 100000);
	refuses(413, REASON_FORM_LIMIT, front_send(&s, "alice", &c));
	free(big);
}

/* ---- Uploads -------------------------------------------------------------------------------*/

static void upload_in_pieces(void **state)
{
	static uint8_t bytes[300000];
	struct view all = view_of(bytes, sizeof(bytes));
	struct digest d, wrong;

	(void)state;
	front_fill(bytes, sizeof(bytes), 1);
	d = digest_of(all);
	refuses(404, REASON_CALL_NOTFOUND,
		front_patch_at(&s, "alice", &d, 0, all)); /* not announced */
	answers(200, front_announce(&s, "alice", &d, sizeof(bytes)));
	assert_int_equal(front_number(&s, "offset"), 0);
	assert_int_equal(front_number(&s, "complete"), 0);
	refuses(422, REASON_ARTIFACT_DIGEST, front_announce(&s, "alice", &d, sizeof(bytes) + 1));
	answers(200, front_patch_at(&s, "alice", &d, 0, view_of(bytes, 100000)));
	assert_int_equal(front_number(&s, "offset"), 100000);
	/* The wrong place is told the right one. */
	answers(409, front_patch_at(&s, "alice", &d, 0, view_of(bytes, 10)));
	assert_int_equal(front_number(&s, "offset"), 100000);
	answers(409, front_patch_at(&s, "alice", &d, 100001, view_of(bytes, 10)));
	answers(409, front_patch_at(&s, "alice", &d, UINT64_MAX >> 1, view_of(bytes, 10)));
	refuses(413, REASON_FORM_LIMIT,
		front_patch_at(&s, "alice", &d, 100000, all)); /* more than announced */
	/* Killed in between: what came is there, and the digest goes on. */
	answers(200, front_get(&s, "alice", front_path(&d, "/v1/uploads/%s")));
	assert_int_equal(front_number(&s, "offset"), 100000);
	front_kill(&s);
	front_run(&s);
	answers(200, front_announce(&s, "alice", &d, sizeof(bytes)));
	assert_int_equal(front_number(&s, "offset"), 100000);
	answers(200, front_patch_at(&s, "alice", &d, 100000, view_of(bytes + 100000, 200000)));
	assert_int_equal(front_number(&s, "complete"), 1);
	answers(200, front_announce(&s, "alice", &d, sizeof(bytes)));
	assert_int_equal(front_number(&s, "complete"), 1);
	answers(200, front_get(&s, "bob", front_path(&d, "/v1/artifacts/%s")));
	assert_true(view_is_equal(buf_view(&s.body), all));
	/* Other bytes than announced are thrown away. */
	wrong = digest_of(view_str("something else"));
	answers(200, front_announce(&s, "alice", &wrong, sizeof(bytes)));
	refuses(422, REASON_ARTIFACT_DIGEST, front_patch_at(&s, "alice", &wrong, 0, all));
	answers(200, front_get(&s, "alice", front_path(&wrong, "/v1/uploads/%s")));
	assert_int_equal(front_number(&s, "offset"), 0);
	refuses(404, REASON_CALL_NOTFOUND,
		front_get(&s, "alice", front_path(&wrong, "/v1/artifacts/%s")));
	refuses(413, REASON_FORM_LIMIT, front_announce(&s, "alice", &wrong, (size_t)1 << 50));
}

static void empty_file(void **state)
{
	struct digest d = digest_of(view_str(""));

	(void)state;
	answers(200, front_announce(&s, "alice", &d, 0));
	answers(200, front_patch_at(&s, "alice", &d, 0, view_str("")));
	assert_int_equal(front_number(&s, "complete"), 1);
}

struct hand {
	struct front front; /* a connection of its own */
	const struct digest *d;
	struct view all;
};

/* As the command line does: ask where to go on until it is complete. */
static void *upload_hand(void *ctx)
{
	struct hand *h = (struct hand *)ctx;
	char target[200], hex[DIGEST_HEX];

	digest_hex(h->d, hex);
	for (;;) {
		uint64_t at;

		(void)snprintf(target, sizeof(target), "/v1/uploads/%s", hex);
		if (front_get(&h->front, "alice", target) != 200)
			continue;
		if (front_number(&h->front, "complete") == 1)
			return NULL;
		at = (uint64_t)front_number(&h->front, "offset");
		(void)snprintf(target, sizeof(target), "/v1/uploads/%s?offset=%llu", hex,
			       (unsigned long long)at);
		(void)front_patch(&h->front, "alice", target,
				  view_of(h->all.ptr + at,
					  h->all.len - at > 65536 ? 65536 : h->all.len - at));
	}
}

static void many_upload_the_same(void **state)
{
	static uint8_t bytes[2000000];
	static struct hand hands[4];
	pthread_t threads[4];
	struct digest d;

	(void)state;
	front_fill(bytes, sizeof(bytes), 2);
	d = digest_of(view_of(bytes, sizeof(bytes)));
	answers(200, front_announce(&s, "alice", &d, sizeof(bytes)));
	for (size_t i = 0; i < 4; i++) {
		char url[100];
		struct https_client_spec spec = {.base_url = url, .has_pin = true, .pin = s.pin};

		hands[i] = (struct hand){.front = s, .d = &d, .all = view_of(bytes, sizeof(bytes))};
		hands[i].front.json = NULL;
		buf_init(&hands[i].front.body, 1 << 20);
		(void)snprintf(url, sizeof(url), "https://%s", s.address);
		fx_ok(https_client_new(&spec, &hands[i].front.client, NULL));
		assert_int_equal(pthread_create(&threads[i], NULL, upload_hand, &hands[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		front_clone_end(&hands[i].front);
	}
	answers(200, front_get(&s, "bob", front_path(&d, "/v1/artifacts/%s")));
	assert_true(view_is_equal(buf_view(&s.body), view_of(bytes, sizeof(bytes))));
}

/* ---- Requests ------------------------------------------------------------------------------*/

static const char first_text[] = "the first version of the product\n";
static const char second_text[] = "the second version of the product\n";

/* One file of these bytes, uploaded or not, for key release. */
static void request_for(struct fx_request *q, const char *bytes, bool upload)
{
	fx_request_new(&fx, "release", 1, q);
	q->r.upload = upload;
	q->items[0].size = strlen(bytes);
	q->items[0].sha256 = digest_of(view_str(bytes));
	q->items[0].content = hash_of(HASH_SHA256, view_str(bytes));
	fx_request_encode(q);
}

/* Writes over the first byte of an artifact in the server's store. */
static void spoil(const struct digest *d, char first)
{
	char path[400];
	char hex[DIGEST_HEX];
	AUTO(fd) int fd = -1;

	digest_hex(d, hex);
	(void)snprintf(path, sizeof(path), "%s/artifacts/%s", s.data, hex);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &first, 1, 0), 1);
}

static void files_are_checked(void **state)
{
	static const enum hash_alg algs[] = {HASH_SHA256, HASH_SHA384, HASH_SHA512};
	static const char *const others[] = {"pe", "allowlist", "package-record"};
	struct fx_request q;

	(void)state;
	request_for(&q, "never uploaded", true);
	refuses(422, REASON_ARTIFACT_MISSING, front_submit(&s, "/v1/requests", &q, true));
	fx_request_release(&q);
	front_upload(&s, "alice", view_str(first_text));
	request_for(&q, first_text, true);
	q.items[0].size++;
	fx_request_encode(&q);
	refuses(422, REASON_ARTIFACT_DIGEST, front_submit(&s, "/v1/requests", &q, true));
	fx_request_release(&q);
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		request_for(&q, first_text, true);
		q.items[0].content = hash_of(algs[i], view_str("other"));
		fx_request_encode(&q);
		refuses(422, REASON_ARTIFACT_CONTENT, front_submit(&s, "/v1/requests", &q, true));
		fx_request_release(&q);
	}
	/* What the worker reads has to be what was uploaded. */
	request_for(&q, first_text, true);
	spoil(&q.items[0].sha256, '!');
	refuses(422, REASON_ARTIFACT_DIGEST, front_submit(&s, "/v1/requests", &q, true));
	spoil(&q.items[0].sha256, first_text[0]);
	fx_request_release(&q);
	/* A text is no program, and no list, though its content digest would be the same. */
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		request_for(&q, first_text, true);
		(void)strcpy(q.items[0].format, others[i]);
		fx_request_encode(&q);
		refuses(422, REASON_ARTIFACT_FORMAT, front_submit(&s, "/v1/requests", &q, true));
		fx_request_release(&q);
	}
	/* None of them reached the keeper. */
	answers(200, front_get(&s, "alice", "/v1/requests?requester=alice"));
	assert_int_equal(front_number(&s, "requests"), 0);
}

/* Another's request, with good signatures of hers under it, and another's right to end it. */
static void only_the_requester_submits(void **state)
{
	struct fx_request q;

	(void)state;
	request_for(&q, "hers alone\n", false);
	refuses(403, REASON_WHO_OWNER, front_submit_as(&s, "bob", "/v1/requests", &q, true));
	assert_non_null(strstr(front_text(&s, "error.text"), "bob cannot submit for alice"));
	refuses(404, REASON_STATE_UNKNOWN,
		front_get(&s, "alice", front_path(&q.id, "/v1/requests/%s")));
	answers(200, front_submit(&s, "/v1/requests", &q, false));
	refuses(403, REASON_WHO_OWNER, front_act(&s, STATEMENT_CANCELLATION, "bob", &q));
	answers(200, front_act(&s, STATEMENT_CANCELLATION, "alice", &q));
	assert_string_equal(front_text(&s, "status.state"), "closed");
	fx_request_release(&q);
}

/* Two writers of one file: the second is asked to come again. The test is the first. */
static void one_writer_at_a_time(void **state)
{
	static uint8_t bytes[1000];
	char path[400], hex[DIGEST_HEX];
	struct digest d, part;
	int fd;

	(void)state;
	front_fill(bytes, sizeof(bytes), 7);
	d = digest_of(view_of(bytes, sizeof(bytes)));
	part = front_part("alice", &d);
	digest_hex(&part, hex);
	answers(200, front_announce(&s, "alice", &d, sizeof(bytes)));
	answers(200, front_patch_at(&s, "alice", &d, 0, view_of(bytes, 400)));
	(void)snprintf(path, sizeof(path), "%s/artifacts/%s.part", s.data, hex);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
	refuses(429, REASON_CALL_LIMIT,
		front_patch_at(&s, "alice", &d, 400, view_of(bytes + 400, 600)));
	assert_non_null(strstr(front_text(&s, "error.text"), "another call"));
	(void)close(fd);
	answers(200, front_patch_at(&s, "alice", &d, 400, view_of(bytes + 400, 600)));
	assert_int_equal(front_number(&s, "complete"), 1);
}

static void approved_and_signed(void **state)
{
	struct fx_request q;
	char wait[200];
	json_int_t version;

	(void)state;
	front_upload(&s, "alice", view_str(first_text));
	request_for(&q, first_text, true);
	answers(200, front_submit(&s, "/v1/explain", &q, true));
	assert_string_equal(front_text(&s, "status.reason"), "approve.quorum");
	refuses(404, REASON_STATE_UNKNOWN,
		front_get(&s, "alice", front_path(&q.id, "/v1/requests/%s")));
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	assert_string_equal(front_text(&s, "status.outcome"), "wait");
	/* The inbox: bob may help, alice asked herself, erin holds no seat. */
	answers(200, front_get(&s, "bob", "/v1/requests?state=open&for=me"));
	assert_int_equal(front_number(&s, "requests"), 1);
	assert_string_equal(front_text(&s, "requests.0.names.0"), "a.bin");
	answers(200, front_get(&s, "alice", "/v1/requests?for=me"));
	assert_int_equal(front_number(&s, "requests"), 0);
	answers(200, front_get(&s, "erin", "/v1/requests?for=me"));
	assert_int_equal(front_number(&s, "requests"), 0);
	/* What approvers look at. */
	answers(200, front_get(&s, "bob", front_path(&q.id, "/v1/requests/%s")));
	assert_int_equal(front_number(&s, "reports"), 1);
	{
		char report[120];
		struct digest d;

		fx_ok(digest_parse(view_str(front_text(&s, "reports.0.report")), &d));
		(void)snprintf(report, sizeof(report), "/v1/reports/%s",
			       front_text(&s, "reports.0.report"));
		answers(200, front_get(&s, "bob", report));
		struct digest found = digest_of(buf_view(&s.body));
		assert_true(digest_is_equal(&d, &found));
	}
	answers(200, front_get(&s, "bob", front_path(&q.id, "/v1/requests/%s/items/0/artifact")));
	assert_true(view_is(buf_view(&s.body), first_text));
	refuses(404, REASON_CALL_NOTFOUND,
		front_get(&s, "bob", front_path(&q.id, "/v1/requests/%s/items/1/artifact")));
	/* A long poll whose time is over answers with the version to ask for next. */
	answers(200, front_get(&s, "alice", front_path(&q.id, "/v1/requests/%s/wait?timeout=0")));
	version = front_number(&s, "version");
	assert_true(version > 0);
	answers(200, front_act(&s, STATEMENT_APPROVAL, "bob", &q));
	assert_string_equal(front_text(&s, "status.reason"), "approve.quorum");
	assert_true(front_number(&s, "receipt.leaf") > 0);
	(void)snprintf(wait, sizeof(wait), "/v1/requests/%%s/wait?timeout=30&since=%lld",
		       (long long)version);
	answers(200, front_get(&s, "alice", front_path(&q.id, wait)));
	assert_true(front_number(&s, "version") > version);
	answers(200, front_get(&s, "bob", "/v1/requests?for=me"));
	assert_int_equal(front_number(&s, "requests"), 0);
	answers(200, front_act(&s, STATEMENT_APPROVAL, "carol", &q));
	assert_string_equal(front_text(&s, "status.state"), "done");
	assert_int_equal(front_number(&s, "result.use"), 1);
	assert_int_equal(front_number(&s, "result.signatures"), 1);
	assert_true(front_number(&s, "result.certificates") >= 1);
	answers(200, front_get(&s, "alice", front_path(&q.id, "/v1/requests/%s/result?use=1")));
	assert_string_not_equal(front_text(&s, "proof"), "");
	answers(200,
		front_get(&s, "alice", front_path(&q.id, "/v1/requests/%s/items/0/signed?use=1")));
	assert_true(s.body.len > 100 && s.body.ptr[0] == 0x30);
	answers(200, front_get(&s, "dave", front_path(&q.items[0].sha256, "/v1/search?digest=%s")));
	assert_int_equal(front_number(&s, "requests"), 1);
	answers(200, front_get(&s, "dave", front_path(&q.id, "/v1/statements/%s")));
	assert_string_equal(front_text(&s, "kind"), "request");
	answers(200, front_submit(&s, "/v1/requests", &q, true)); /* again: the same */
	assert_string_equal(front_text(&s, "status.state"), "done");
	fx_request_release(&q);
}

/* The next version of the product is compared with the one signed before. */
static void next_version_is_compared(void **state)
{
	struct fx_request q;

	(void)state;
	front_upload(&s, "alice", view_str(second_text));
	request_for(&q, second_text, true);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	answers(200, front_get(&s, "bob", front_path(&q.id, "/v1/requests/%s")));
	{
		struct digest previous;
		struct digest expected = digest_of(view_str(first_text));

		fx_ok(digest_parse(view_str(front_text(&s, "reports.0.previous")), &previous));
		assert_true(digest_is_equal(&previous, &expected));
		assert_int_equal(strlen(front_text(&s, "reports.0.diff")), 64);
	}
	/* A denial closes it. */
	answers(200, front_act(&s, STATEMENT_DENIAL, "bob", &q));
	assert_string_equal(front_text(&s, "status.state"), "closed");
	refuses(409, REASON_STATE_DENIED, front_act(&s, STATEMENT_APPROVAL, "carol", &q));
	fx_request_release(&q);
}

static void unattended_without_upload(void **state)
{
	struct fx_request q;
	char text[TIME_TEXT];

	(void)state;
	for (int i = 0; i < 5; i++) {
		fx_request_new(&fx, "nightly", 2, &q);
		answers(200, front_submit(&s, "/v1/requests", &q, true));
		/* A status has the same form whoever wrote it. */
		fx_ok(time_format(q.r.deadline, text));
		assert_string_equal(front_text(&s, "status.deadline"), text);
		fx_ok(time_format(q.r.not_before, text));
		assert_string_equal(front_text(&s, "status.not_before"), text);
		assert_string_equal(front_text(&s, "status.state"), "done");
		assert_int_equal(front_number(&s, "result.signatures"), 2);
		fx_request_release(&q);
	}
	/* Pages of two, newest first, none twice. */
	answers(200, front_get(&s, "robot", "/v1/requests?key=nightly&limit=2"));
	assert_int_equal(front_number(&s, "requests"), 2);
	{
		char next[200];
		unsigned seen = 2;

		while (front_text(&s, "next")[0] != '\0') {
			(void)snprintf(next, sizeof(next),
				       "/v1/requests?key=nightly&limit=2&after=%s",
				       front_text(&s, "next"));
			answers(200, front_get(&s, "robot", next));
			seen += (unsigned)front_number(&s, "requests");
			assert_true(seen <= 5);
		}
		assert_int_equal(seen, 5);
	}
}

static void keys_and_documents(void **state)
{
	(void)state;
	answers(200, front_get(&s, "alice", "/v1/keys"));
	assert_int_equal(front_number(&s, "keys"), 2);
	answers(200, front_get(&s, "alice", "/v1/keys/release"));
	answers(404, front_get(&s, "alice", "/v1/keys/none"));
	answers(200, front_get(&s, "alice", "/v1/keys/release/certificates"));
	assert_non_null(strstr(buf_cstr(&s.body), "BEGIN CERTIFICATE"));
	answers(200, front_get(&s, "alice", "/v1/keys/release/csr?subject=CN=Example%20Signing"));
	assert_non_null(strstr(buf_cstr(&s.body), "BEGIN CERTIFICATE REQUEST"));
	answers(200, front_get(&s, "alice", "/v1/policy"));
	assert_int_equal(front_number(&s, "version"), 1);
	answers(200, front_get(&s, "alice", "/v1/roster"));
	answers(200, front_get(&s, "alice", "/v1/changes"));
}

/* Found in a review: a bad signature stayed with the change, and the keeper refused every later one
 * with it; and what was refused was listed as pending. */
static void bad_signature_leaves_nothing_behind(void **state)
{
	const struct document_change c = {.kind = STATEMENT_POLICY,
					  .expires = clock_now(&clock_system) + 3600,
					  .document = buf_view(&fx.policy)};
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf text = {0};
	json_t *body;

	(void)state;
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	buf_init(&text, 2 * DOCUMENT_BYTES_MAX);
	fx_ok(document_change_encode(&c, &statement, NULL));
	base64_put(BASE64_STD, buf_view(&statement), &text);
	body = json_pack("{s:s,s:s,s:[s]}", "kind", "policy", "statement", buf_cstr(&text),
			 "signatures", "U1NIU0lH");
	refuses(403, REASON_SIG_ADMIN, front_post(&s, "robot", "/v1/changes", body));
	answers(200, front_get(&s, "alice", "/v1/changes"));
	assert_int_equal(front_number(&s, "changes"), 0);
}

/* ---- Accidents -----------------------------------------------------------------------------*/

static void keeper_dies_and_comes_back(void **state)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	struct fx_request q;

	(void)state;
	fx_request_new(&fx, "nightly", 1, &q);
	fx_kill(&fx);
	while (front_get(&s, NULL, "/readyz") == 200)
		(void)nanosleep(&pause, NULL);
	refuses(503, REASON_KEEPER_UNAVAILABLE, front_get(&s, NULL, "/readyz"));
	answers(200, front_get(&s, NULL, "/healthz"));
	refuses(503, REASON_KEEPER_UNAVAILABLE, front_submit(&s, "/v1/requests", &q, true));
	fx_run(&fx);
	while (front_get(&s, NULL, "/readyz") != 200)
		(void)nanosleep(&pause, NULL);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	assert_string_equal(front_text(&s, "status.state"), "done");
	fx_request_release(&q);
}

/* fx_request_new asks the keeper over the fixture's own connection, so the thread copies one. */
static struct fx_request robot_pattern;

static void robot_request(struct fx_request *q)
{
	*q = robot_pattern;
	q->r.items = q->items;
	q->items[0].params = view_str(q->params[0]);
	buf_init(&q->statement, REQUEST_BYTES_MAX);
	fx_ok(rng_fill(&rng_system, q->r.nonce, sizeof(q->r.nonce)));
	fx_request_encode(q);
}

struct robot {
	struct front front;
	atomic_bool stop;
	unsigned good;
	unsigned other;
	char first[1000]; /* what the first of the others was answered */
};

/* Submits one request after the other over a connection of its own. */
static void *robot_hand(void *ctx)
{
	struct robot *r = (struct robot *)ctx;

	while (!atomic_load(&r->stop)) {
		struct fx_request q;

		robot_request(&q);
		if (front_submit(&r->front, "/v1/requests", &q, true) == 200 &&
		    strcmp(front_text(&r->front, "status.state"), "done") == 0)
			r->good++;
		else if (r->other++ == 0)
			(void)snprintf(r->first, sizeof(r->first), "%s", buf_cstr(&r->front.body));
		fx_request_release(&q);
	}
	return NULL;
}

/* What is in flight when the keeper is killed is asked again when it is back: nobody notices. */
static void keeper_restarts_under_load(void **state)
{
	static struct robot r;
	pthread_t thread;

	(void)state;
	fx_request_new(&fx, "nightly", 1, &robot_pattern);
	front_clone(&r.front, &s);
	assert_int_equal(pthread_create(&thread, NULL, robot_hand, &r), 0);
	for (int i = 0; i < 3; i++) {
		fx_kill(&fx);
		fx_run(&fx);
	}
	atomic_store(&r.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	front_clone_end(&r.front);
	fx_request_release(&robot_pattern);
	if (r.other > 0)
		fail_msg("%u answers like %s", r.other, r.first);
	assert_true(r.good > 0);
}

/* The store is a projection: without it nothing that the keeper knows is lost. */
static void store_is_lost(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	struct fx_request q;
	char path[300];

	(void)state;
	front_upload(&s, "alice", view_str("for a lost store\n"));
	request_for(&q, "for a lost store\n", true);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	front_stop(&s);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/greatseald.db%s", s.data, ends[i]);
		(void)unlink(path);
	}
	front_run(&s);
	answers(200, front_get(&s, "bob", front_path(&q.id, "/v1/requests/%s")));
	assert_string_equal(front_text(&s, "status.state"), "open");
	assert_string_not_equal(front_text(&s, "statement"), "");
	answers(200, front_get(&s, "bob", "/v1/requests?for=me"));
	assert_int_equal(front_number(&s, "requests"), 1);
	answers(200, front_act(&s, STATEMENT_APPROVAL, "bob", &q));
	answers(200, front_act(&s, STATEMENT_APPROVAL, "carol", &q));
	assert_string_equal(front_text(&s, "status.state"), "done");
	answers(200,
		front_get(&s, "alice", front_path(&q.id, "/v1/requests/%s/items/0/signed?use=1")));
	fx_request_release(&q);
}

static void *end_server(void *ctx)
{
	(void)ctx;
	(void)kill(s.pid, SIGTERM);
	return NULL;
}

/* SIGTERM answers who waits, and ends with 0 long before the poll's own time. */
static void long_poll_is_answered_at_the_end(void **state)
{
	struct fx_request q;
	pthread_t thread;
	char wait[200];

	(void)state;
	request_for(&q, first_text, false);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	answers(200, front_get(&s, "alice", front_path(&q.id, "/v1/requests/%s/wait?timeout=0")));
	(void)snprintf(wait, sizeof(wait), "/v1/requests/%%s/wait?timeout=60&since=%lld",
		       (long long)front_number(&s, "version"));
	assert_int_equal(pthread_create(&thread, NULL, end_server, NULL), 0);
	(void)front_get(&s, "alice",
			front_path(&q.id, wait)); /* an answer, or too late to be heard */
	assert_int_equal(pthread_join(thread, NULL), 0);
	front_stop(&s);
	front_run(&s);
	fx_request_release(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_routes),
		cmocka_unit_test(unknown_paths),
		cmocka_unit_test(unsigned_and_badly_signed_calls),
		cmocka_unit_test(replays),
		cmocka_unit_test(bodies_are_strict),
		cmocka_unit_test(big_bodies_are_refused),
		cmocka_unit_test(upload_in_pieces),
		cmocka_unit_test(empty_file),
		cmocka_unit_test(many_upload_the_same),
		cmocka_unit_test(files_are_checked),
		cmocka_unit_test(only_the_requester_submits),
		cmocka_unit_test(one_writer_at_a_time),
		cmocka_unit_test(approved_and_signed),
		cmocka_unit_test(next_version_is_compared),
		cmocka_unit_test(unattended_without_upload),
		cmocka_unit_test(keys_and_documents),
		cmocka_unit_test(bad_signature_leaves_nothing_behind),
		cmocka_unit_test(keeper_dies_and_comes_back),
		cmocka_unit_test(keeper_restarts_under_load),
		cmocka_unit_test(store_is_lost),
		cmocka_unit_test(long_poll_is_answered_at_the_end),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
