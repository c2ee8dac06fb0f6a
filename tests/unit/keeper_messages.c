/* Unit tests of lib/proto/keeper: vectors of every message, every refusal of header and decoders.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/fd.h"
#include "tests/keeper_echo.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static const char *source_dir(void)
{
	const char *dir = getenv("SRCDIR");

	return dir != NULL ? dir : ".";
}

/* Reads the frame of that name from the corpus; the body is a view into b. */
static struct view frame_read(const char *name, struct buf *b, struct keeper_header *h)
{
	char path[600];
	struct view body;

	(void)snprintf(path, sizeof(path), "%s/fuzz/corpus/keeper/%s", source_dir(), name);
	buf_init(b, 1 << 20);
	assert_rc(RC_OK, file_read(path, b, NULL));
	assert_rc(RC_OK, keeper_header_parse(buf_view(b), h));
	assert_rc(RC_OK, view_slice(buf_view(b), KEEPER_HEADER, h->body_len, &body));
	assert_int_equal(b->len, KEEPER_HEADER + h->body_len);
	return body;
}

static bool carries_bytes(enum keeper_type t)
{
	return t == KEEPER_R_CHANGE || t == KEEPER_R_JSON || t == KEEPER_R_BYTES ||
	       t == KEEPER_R_PROOF;
}

/* Every vector comes back as it was; cut anywhere or with a byte more it is refused. */
static void vectors_round_trip(void **state)
{
	char path[600];
	bool seen[256] = {0};
	size_t types = 0;
	const struct dirent *e;
	DIR *dir;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/fuzz/corpus/keeper", source_dir());
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		AUTO(buf) struct buf in = {0};
		AUTO(buf) struct buf out = {0};
		struct keeper_header h;
		struct view body;

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		body = frame_read(e->d_name, &in, &h);
		assert_int_equal(h.type, atoi(e->d_name));
		assert_non_null(strstr(e->d_name, keeper_type_name(h.type)));
		assert_int_equal(keeper_type_is_reply(h.type), h.type >= 128);
		seen[h.type] = true;
		buf_init(&out, 1 << 20);
		assert_rc(RC_OK, keeper_echo(&h, body, &out));
		assert_rc(RC_OK, buf_done(&out));
		assert_true(view_is_equal(buf_view(&in), buf_view(&out)));
		for (size_t cut = 0; !carries_bytes(h.type) && cut < body.len; cut++)
			assert_int_not_equal(keeper_echo(&h, view_of(body.ptr, cut), &out).code,
					     RC_OK);
		buf_put_u8(&in, 0);
		body = view_of(in.ptr + KEEPER_HEADER, (size_t)h.body_len + 1);
		if (!carries_bytes(h.type))
			assert_rc(RC_TRAILING, keeper_echo(&h, body, &out));
	}
	(void)closedir(dir);
	for (uint32_t t = 0; t < 65536; t++)
		types += keeper_body_max((enum keeper_type)t) > 0;
	for (size_t t = 0; t < 256; t++)
		types -= seen[t];
	assert_int_equal(types, 0); /* each message of the gate has a vector */
}

static struct view header(struct buf *b, uint32_t len, uint16_t type, uint16_t zero)
{
	buf_clear(b);
	buf_put_u32be(b, len);
	buf_put_u16be(b, type);
	buf_put_u16be(b, zero);
	buf_put_u64be(b, 42);
	return buf_view(b);
}

static void headers_are_gated(void **state)
{
	AUTO(buf) struct buf b;
	struct keeper_header h;
	struct view v;

	(void)state;
	buf_init(&b, 64);
	assert_rc(RC_OK, keeper_header_parse(header(&b, 12 + 32, KEEPER_SHOW, 0), &h));
	assert_int_equal(h.body_len, 32);
	assert_int_equal(h.correlation, 42);
	assert_rc(RC_LIMIT, keeper_header_parse(header(&b, 12 + 33, KEEPER_SHOW, 0), &h));
	assert_rc(RC_LIMIT, keeper_header_parse(header(&b, UINT32_MAX, KEEPER_SUBMIT, 0), &h));
	assert_rc(RC_RANGE, keeper_header_parse(header(&b, 11, KEEPER_SHOW, 0), &h));
	assert_rc(RC_RANGE, keeper_header_parse(header(&b, 0, KEEPER_SHOW, 0), &h));
	assert_rc(RC_NONCANON, keeper_header_parse(header(&b, 44, KEEPER_SHOW, 1), &h));
	assert_rc(RC_UNKNOWN, keeper_header_parse(header(&b, 44, 0, 0), &h));
	assert_rc(RC_UNKNOWN, keeper_header_parse(header(&b, 44, 100, 0), &h));
	assert_rc(RC_UNKNOWN, keeper_header_parse(header(&b, 44, 127, 0), &h));
	assert_rc(RC_UNKNOWN, keeper_header_parse(header(&b, 44, 138, 0), &h));
	assert_rc(RC_UNKNOWN, keeper_header_parse(header(&b, 44, 65535, 0), &h));
	v = header(&b, 44, KEEPER_SHOW, 0);
	v.len--;
	assert_rc(RC_TRUNCATED, keeper_header_parse(v, &h));
	assert_string_equal(keeper_type_name((enum keeper_type)100), "?");
	for (uint32_t t = 0; t < 256; t++)
		assert_true(keeper_body_max((enum keeper_type)t) <=
			    KEEPER_FRAME_MAX - KEEPER_HEADER);
}

/* One byte of a vector's body replaced. */
static rc echo_with(const char *name, size_t at, uint8_t value)
{
	AUTO(buf) struct buf in = {0};
	AUTO(buf) struct buf out = {0};
	struct keeper_header h;
	struct view body = frame_read(name, &in, &h);

	assert_true(at < body.len);
	in.ptr[KEEPER_HEADER + at] = value;
	buf_init(&out, 1 << 20);
	return keeper_echo(&h, body, &out);
}

static void values_are_checked(void **state)
{
	(void)state;
	assert_rc(RC_RANGE, echo_with("2-submit", 0, 2));	/* flag */
	assert_rc(RC_LIMIT, echo_with("2-submit", 1, 1));	/* statement of 16 MiB */
	assert_rc(RC_RANGE, echo_with("3-act-approval", 0, 2)); /* kinds */
	assert_rc(RC_RANGE, echo_with("3-act-approval", 0, 7));
	assert_rc(RC_RANGE, echo_with("3-act-approval", 1, 2));
	assert_rc(RC_RANGE, echo_with("7-change-policy", 0, 6));
	assert_rc(RC_RANGE, echo_with("7-change-policy", 0, 10));
	assert_rc(RC_LIMIT, echo_with("7-change-keyadmin", 13, 65)); /* signatures */
	assert_rc(RC_RANGE, echo_with("10-document", 0, 9));
	assert_rc(RC_RANGE, echo_with("135-r-document-roster", 0, 0));
	assert_rc(RC_RANGE, echo_with("4-commit", 35, 0));	   /* use 0 */
	assert_rc(RC_RANGE, echo_with("4-commit", 34, 4));	   /* use 1025 */
	assert_rc(RC_UNKNOWN, echo_with("128-r-error", 4, 'x'));   /* reason */
	assert_rc(RC_SYNTAX, echo_with("128-r-error", 16, '\n'));  /* text */
	assert_rc(RC_UNSUPPORTED, echo_with("129-r-hello", 1, 2)); /* protocol */
	assert_rc(RC_RANGE, echo_with("130-r-status", 32, 0));	   /* state */
	assert_rc(RC_RANGE, echo_with("130-r-status", 32, 5));
	assert_rc(RC_RANGE, echo_with("130-r-status", 33, 3)); /* outcome */
	assert_rc(RC_RANGE, echo_with("131-r-result", 36, 1)); /* time */
	assert_rc(RC_LIMIT, echo_with("136-r-certs", 1, 9));
	assert_rc(RC_OK, echo_with("4-commit", 35, 2));
}

static void results_hold_their_signatures(void **state)
{
	AUTO(buf) struct buf in = {0};
	AUTO(buf) struct buf out = {0};
	struct keeper_result m;
	struct keeper_header h;
	struct view body = frame_read("131-r-result", &in, &h);
	struct view one;

	(void)state;
	assert_rc(RC_OK, keeper_get_result(body, &m));
	assert_int_equal(m.count, 2);
	buf_init(&out, 1 << 20);
	m.count = 1; /* one signature left over */
	keeper_put_result(&out, 1, &m);
	assert_rc(RC_TRAILING, buf_done(&out));
	assert_int_equal(out.len, 0);
	buf_clear(&out);
	m.count = 3;
	keeper_put_result(&out, 1, &m);
	assert_rc(RC_TRUNCATED, buf_done(&out));
	buf_clear(&out);
	m.count = REQUEST_ITEMS_MAX + 1;
	keeper_put_result(&out, 1, &m);
	assert_rc(RC_LIMIT, buf_done(&out));
	assert_rc(RC_OK, keeper_result_next(&m.signatures, &one));
	assert_true(view_is(one, "sig0"));
	assert_rc(RC_OK, keeper_result_next(&m.signatures, &one));
	assert_true(view_is(one, "signature 1"));
	assert_rc(RC_TRUNCATED, keeper_result_next(&m.signatures, &one));
	one = view_of("\0\0\0\0", 4);
	assert_rc(RC_RANGE, keeper_result_next(&one, &body));
}

/* 10,000 signatures of RSA-4096, the largest answer there is, fit into one frame. */
static void the_largest_result_fits(void **state)
{
	static const uint8_t value[512];
	AUTO(buf) struct buf sigs;
	AUTO(buf) struct buf out;
	struct keeper_result m = {.use = 1, .count = REQUEST_ITEMS_MAX};

	(void)state;
	buf_init(&sigs, KEEPER_FRAME_MAX);
	buf_init(&out, KEEPER_FRAME_MAX);
	for (uint32_t i = 0; i < REQUEST_ITEMS_MAX; i++)
		buf_put_string(&sigs, view_of(value, sizeof(value)));
	m.signatures = buf_view(&sigs);
	keeper_put_result(&out, 1, &m);
	assert_rc(RC_OK, buf_done(&out));
	assert_rc(RC_OK,
		  keeper_get_result(view_of(out.ptr + KEEPER_HEADER, out.len - KEEPER_HEADER), &m));
}

static void encoders_refuse(void **state)
{
	static const uint8_t big[KEEPER_PROOF_MAX + 1];
	struct keeper_submit submit = {.statement = view_str("{}"),
				       .host_sig = view_of(big, KEEPER_SIG_MAX + 1)};
	struct keeper_act act = {.kind = STATEMENT_POLICY};
	struct keeper_commit commit = {.use = 0};
	struct keeper_change change = {.kind = STATEMENT_CALL};
	struct keeper_status status = {.state = STATE_OPEN, .outcome = 3};
	struct keeper_error error = {.reason = REASON_WHO_SELF, .text = "tab\there"};
	struct view names[2] = {view_str("a"), view_str("b")};
	AUTO(buf) struct buf out;

	(void)state;
	buf_init(&out, KEEPER_FRAME_MAX);
	buf_put_str(&out, "before");
#define refused(expected, call)                                                                    \
	do {                                                                                       \
		call;                                                                              \
		assert_rc(expected, buf_done(&out));                                               \
		assert_true(view_is(buf_view(&out), "before"));                                    \
		out.sticky = RC_OK;                                                                \
	} while (0)
	refused(RC_LIMIT, keeper_put_submit(&out, 1, KEEPER_SUBMIT, &submit));
	submit.host_sig.len = 1;
	refused(RC_RANGE, keeper_put_submit(&out, 1, KEEPER_COMMIT, &submit));
	refused(RC_RANGE, keeper_put_act(&out, 1, &act));
	refused(RC_RANGE, keeper_put_commit(&out, 1, KEEPER_COMMIT, &commit));
	commit.use = 1;
	refused(RC_RANGE, keeper_put_commit(&out, 1, KEEPER_SHOW, &commit));
	refused(RC_RANGE, keeper_put_digest(&out, 1, KEEPER_COMMIT, &commit.request));
	refused(RC_RANGE, keeper_put_change(&out, 1, &change));
	change = (struct keeper_change){.kind = STATEMENT_POLICY,
					.sig_count = CHANGE_SIGNATURES_MAX + 1};
	refused(RC_LIMIT, keeper_put_change(&out, 1, &change));
	refused(RC_RANGE, keeper_put_strings(&out, 1, KEEPER_KEYS, names, 2));
	refused(RC_RANGE, keeper_put_strings(&out, 1, KEEPER_SHOW, names, 0));
	refused(RC_RANGE, keeper_put_document_request(&out, 1, STATEMENT_REQUEST));
	refused(RC_RANGE, keeper_put_status(&out, 1, &status));
	refused(RC_SYNTAX, keeper_put_error(&out, 1, &error));
	refused(RC_RANGE, keeper_put_bytes(&out, 1, KEEPER_R_STATUS, names[0]));
	refused(RC_LIMIT,
		keeper_put_bytes(&out, 1, KEEPER_R_PROOF, view_of(big, KEEPER_PROOF_MAX + 1)));
#undef refused
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_round_trip),
		cmocka_unit_test(headers_are_gated),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(results_hold_their_signatures),
		cmocka_unit_test(the_largest_result_fits),
		cmocka_unit_test(encoders_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
