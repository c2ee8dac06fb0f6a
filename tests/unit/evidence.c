/* Unit tests of lib/model: evidence, preapproval, provenance: what they refuse, and why. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/model/evidence.h"
#include "lib/model/preapproval.h"
#include "lib/model/provenance.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct evidence evidence;
static struct preapproval preapproval;

static void scan_init(void)
{
	evidence = (struct evidence){.kind = STATEMENT_SCAN,
				     .by = {"scan-01"},
				     .given = 1700000000,
				     .verdict = SCAN_CLEAN,
				     .scanner = "clamav",
				     .database = "27444",
				     .count = 1,
				     .subjects = {{.sha256 = {{1}}, .name = "a.deb"}}};
}

static rc encode(struct buf *out)
{
	buf_clear(out);
	return evidence_encode(&evidence, out, NULL);
}

static void evidence_is_strict(void **state)
{
	AUTO(buf) struct buf b = {0};
	enum scan_verdict v;

	(void)state;
	buf_init(&b, 1 << 20);
	scan_init();
	assert_rc(RC_OK, encode(&b));
	assert_rc(RC_MISMATCH, evidence_parse(STATEMENT_REBUILD, buf_view(&b), &evidence, NULL));
	assert_rc(RC_UNKNOWN, evidence_parse(STATEMENT_APPROVAL, buf_view(&b), &evidence, NULL));
	scan_init();
	evidence.count = 0;
	assert_rc(RC_RANGE, encode(&b));
	scan_init();
	evidence.scanner[0] = '\0';
	assert_rc(RC_RANGE, encode(&b));
	scan_init();
	(void)strcpy(evidence.scanner, "a\xe2\x80\xae");
	assert_rc(RC_SYNTAX, encode(&b));
	scan_init();
	evidence.count = 2;
	evidence.subjects[1] = evidence.subjects[0];
	assert_rc(RC_DUPLICATE, encode(&b));
	static const char *const names[] = {"", ".", "..", "a/b", "a\nb"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		scan_init();
		(void)strcpy(evidence.subjects[0].name, names[i]);
		assert_rc(RC_SYNTAX, encode(&b));
	}
	scan_init();
	evidence.kind = STATEMENT_REBUILD;
	assert_rc(RC_RANGE, encode(&b)); /* source */
	(void)strcpy(evidence.source, "git+https://x");
	assert_rc(RC_RANGE, encode(&b)); /* version */
	(void)strcpy(evidence.version, "1");
	assert_rc(RC_OK, encode(&b));
	assert_rc(RC_UNKNOWN, scan_verdict_parse(view_str("Clean"), &v));
	assert_string_equal(scan_verdict_name(SCAN__COUNT), "?");
}

/* As many subjects as there may be, with the longest names, fit the statement's maximum. */
static void the_largest_fits(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 1 << 20);
	scan_init();
	evidence.count = EVIDENCE_SUBJECTS_MAX;
	for (size_t i = 0; i < evidence.count; i++) {
		evidence.subjects[i].sha256.b[1] = (uint8_t)i;
		memset(evidence.subjects[i].name, '"', ITEM_NAME_MAX);
	}
	assert_rc(RC_OK, encode(&b));
	assert_true(b.len <= EVIDENCE_BYTES_MAX);
	evidence.count++;
	assert_rc(RC_LIMIT, encode(&b));
}

static void preapproval_init(size_t count)
{
	preapproval = (struct preapproval){.person = {"alice"},
					   .key = {"release"},
					   .origin = "keeper.example",
					   .expires = 1700000000,
					   .uses = 1,
					   .count = count};
	for (size_t i = 0; i < count && i < PREAPPROVAL_ITEMS_MAX; i++) {
		preapproval.items[i] =
			(struct preapproval_item){.content = hash_of(HASH_SHA256, view_str("c")),
						  .format = "cms",
						  .params = view_str("{}")};
		preapproval.items[i].sha256.b[0] = (uint8_t)i;
	}
}

static void preapprovals_are_sets(void **state)
{
	struct request_item items[2] = {{.format = "cms", .params = view_str("{}")},
					{.format = "cms", .params = view_str("{}")}};
	struct request request = {.items = items, .count = 2};
	AUTO(buf) struct buf b = {0};
	struct digest set;
	struct digest other;

	(void)state;
	buf_init(&b, 1 << 20);
	preapproval_init(2);
	assert_rc(RC_OK, preapproval_encode(&preapproval, &b, NULL));
	assert_rc(RC_OK, preapproval_parse(buf_view(&b), &preapproval, NULL));
	for (size_t i = 0; i < 2; i++) {
		items[i].content = hash_of(HASH_SHA256, view_str("c"));
		items[i].sha256.b[0] = (uint8_t)(1 - i); /* the other order */
	}
	assert_rc(RC_OK, preapproval_set_of(&request, &set));
	assert_true(digest_is_equal(&set, &preapproval.set));
	/* Whatever of an item differs, the set is another. */
	items[0].params = view_str("{\"a\":1}");
	assert_rc(RC_OK, preapproval_set_of(&request, &other));
	assert_false(digest_is_equal(&set, &other));
	items[0].params = view_str("{}");
	(void)strcpy(items[0].format, "pe");
	assert_rc(RC_OK, preapproval_set_of(&request, &other));
	assert_false(digest_is_equal(&set, &other));
	(void)strcpy(items[0].format, "cms");
	items[0].content.b[3] ^= 1;
	assert_rc(RC_OK, preapproval_set_of(&request, &other));
	assert_false(digest_is_equal(&set, &other));
	items[0] = items[1];
	assert_rc(RC_DUPLICATE, preapproval_set_of(&request, &other));
	request.count = 1; /* a part is not the set */
	assert_rc(RC_OK, preapproval_set_of(&request, &other));
	assert_false(digest_is_equal(&set, &other));
	request.count = PREAPPROVAL_ITEMS_MAX + 1;
	assert_rc(RC_LIMIT, preapproval_set_of(&request, &other));
}

static void preapprovals_are_strict(void **state)
{
	AUTO(buf) struct buf b = {0};
	char *at;

	(void)state;
	buf_init(&b, 1 << 20);
	preapproval_init(PREAPPROVAL_ITEMS_MAX);
	assert_rc(RC_OK, preapproval_encode(&preapproval, &b, NULL));
	preapproval_init(PREAPPROVAL_ITEMS_MAX + 1);
	assert_rc(RC_LIMIT, preapproval_encode(&preapproval, &b, NULL));
	buf_clear(&b);
	preapproval_init(0);
	assert_rc(RC_RANGE, preapproval_encode(&preapproval, &b, NULL));
	preapproval_init(2);
	preapproval.items[1] = preapproval.items[0];
	assert_rc(RC_DUPLICATE, preapproval_encode(&preapproval, &b, NULL));
	preapproval_init(1);
	preapproval.uses = 0;
	buf_clear(&b);
	assert_rc(RC_RANGE, preapproval_encode(&preapproval, &b, NULL));
	preapproval_init(1);
	buf_clear(&b);
	assert_rc(RC_OK, preapproval_encode(&preapproval, &b, NULL));
	at = strstr((char *)(uintptr_t)buf_cstr(&b), "\"subject\":[{\"digest\":{\"sha256\":\"");
	assert_non_null(at);
	at += strlen("\"subject\":[{\"digest\":{\"sha256\":\"");
	*at = *at == '0' ? '1' : '0';
	assert_rc(RC_MISMATCH, preapproval_parse(buf_view(&b), &preapproval, NULL));
}

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD                                                                                       \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"https://slsa.dev/"     \
	"provenance/v1\","
#define SUBJECT "\"subject\":[{\"digest\":{\"sha256\":\"" HEX64 "\"}}],"
#define RUN "\"runDetails\":{\"builder\":{\"id\":\"urn:b\"}}"

static enum rc_code provenance_code(const char *text, struct provenance *p)
{
	return provenance_parse(view_str(text), p, NULL).code;
}

/* What nobody reads is not followed however deep it goes; RUN and SUBJECT are read. */
static void provenance_is_not_followed_down(void **state)
{
	(void)state;
	for (unsigned depth = PROVENANCE_DEPTH_MAX - 1; depth <= PROVENANCE_DEPTH_MAX; depth++) {
		AUTO(provenance) struct provenance p = {0};
		AUTO(buf) struct buf b = {0};

		buf_init(&b, 4096);
		buf_put_str(&b, HEAD SUBJECT "\"predicate\":{" RUN "},\"x\":");
		for (unsigned i = 0; i < depth; i++)
			buf_put_str(&b, "[");
		for (unsigned i = 0; i < depth; i++)
			buf_put_str(&b, "]");
		buf_put_str(&b, "}");
		assert_int_equal(depth + 1 > PROVENANCE_DEPTH_MAX ? RC_LIMIT : RC_OK,
				 provenance_code(buf_cstr(&b), &p));
	}
}

static void provenance_is_strict(void **state)
{
	static const struct {
		enum rc_code code;
		const char *text;
	} cases[] = {
		{RC_SYNTAX, ""},
		{RC_SYNTAX, "[]"},
		{RC_SYNTAX, "{}"},
		{RC_MISMATCH, "{\"_type\":\"https://in-toto.io/Statement/v0.1\"}"},
		{RC_MISMATCH,
		 "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"x\"}"},
		{RC_SYNTAX, HEAD SUBJECT "\"predicate\":{}}"},
		{RC_SYNTAX,
		 HEAD SUBJECT "\"predicate\":{\"runDetails\":{\"builder\":{\"id\":\"\"}}}}"},
		{RC_SYNTAX,
		 HEAD SUBJECT "\"predicate\":{\"runDetails\":{\"builder\":{\"id\":\"a b\"}}}}"},
		{RC_SYNTAX, HEAD "\"predicate\":{" RUN "}}"},
		{RC_RANGE, HEAD "\"subject\":[],\"predicate\":{" RUN "}}"},
		{RC_UNSUPPORTED,
		 HEAD "\"subject\":[{\"digest\":{\"sha1\":\"00\"}}],\"predicate\":{" RUN "}}"},
		{RC_SYNTAX,
		 HEAD "\"subject\":[{\"digest\":{\"sha256\":\"AB\"}}],\"predicate\":{" RUN "}}"},
		/* the second of two names */
		{RC_SYNTAX, HEAD SUBJECT SUBJECT "\"predicate\":{" RUN "}}"},
		{RC_SYNTAX, HEAD SUBJECT "\"predicate\":{" RUN "," RUN "}}"},
		{RC_SYNTAX,
		 HEAD SUBJECT "\"predicate\":{" RUN
			      ",\"buildDefinition\":{\"externalParameters\":{\"source\":7}}}}"},
		{RC_SYNTAX,
		 HEAD SUBJECT "\"predicate\":{\"runDetails\":{\"builder\":{\"id\":\"b\"},"
			      "\"metadata\":{\"finishedOn\":\"today\"}}}}"},
		{RC_OK, HEAD SUBJECT "\"predicate\":{" RUN "}}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(provenance) struct provenance p = {0};

		if (provenance_code(cases[i].text, &p) != cases[i].code)
			fail_msg("case %zu: %s", i, cases[i].text);
	}
}

/* The source is what the caller of the build service asked for, before what it says it fetched. */
static void the_source_is_one(void **state)
{
	static const struct {
		const char *source;
		const char *build;
	} cases[] = {
		{"", "{}"},
		{"d", "{\"resolvedDependencies\":[{\"uri\":\"d\"},{\"uri\":\"e\"}]}"},
		{"w", "{\"resolvedDependencies\":[{\"uri\":\"d\"}],\"externalParameters\":{"
		      "\"workflow\":{\"repository\":\"w\"}}}"},
		{"s",
		 "{\"externalParameters\":{\"source\":\"s\",\"workflow\":{\"repository\":\"w\"}}}"},
		{"o", "{\"externalParameters\":{\"source\":{\"uri\":\"o\"}}}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(provenance) struct provenance p = {0};
		char text[1024];

		(void)snprintf(text, sizeof(text),
			       HEAD SUBJECT "\"predicate\":{" RUN ",\"buildDefinition\":%s}}",
			       cases[i].build);
		assert_int_equal(RC_OK, provenance_code(text, &p));
		assert_string_equal(p.source, cases[i].source);
		assert_string_equal(p.builder, "urn:b");
		assert_int_equal(p.count, 1);
		assert_int_equal(p.subjects[0].b[1], 0x11);
	}
}

static void ours_is_read(void **state)
{
	static const struct evidence_subject subject = {.sha256 = {{7}}, .name = "a.deb"};
	const struct provenance_made made = {.builder = "https://b/1",
					     .source = "git+https://s",
					     .finished = 1700000000,
					     .subjects = &subject,
					     .count = 1};
	AUTO(provenance) struct provenance p = {0};
	struct provenance_made bad = made;
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, PROVENANCE_BYTES_MAX);
	assert_rc(RC_OK, provenance_encode(&made, &b, NULL));
	assert_rc(RC_OK, provenance_parse(buf_view(&b), &p, NULL));
	assert_string_equal(p.builder, made.builder);
	assert_string_equal(p.source, made.source);
	assert_int_equal(p.finished, made.finished);
	assert_true(digest_is_equal(&p.subjects[0], &subject.sha256));
	buf_clear(&b);
	bad.count = 0;
	assert_rc(RC_RANGE, provenance_encode(&bad, &b, NULL));
	bad = made;
	bad.builder = "a b";
	buf_clear(&b);
	assert_rc(RC_SYNTAX, provenance_encode(&bad, &b, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_is_strict),
		cmocka_unit_test(the_largest_fits),
		cmocka_unit_test(preapprovals_are_sets),
		cmocka_unit_test(preapprovals_are_strict),
		cmocka_unit_test(provenance_is_strict),
		cmocka_unit_test(provenance_is_not_followed_down),
		cmocka_unit_test(the_source_is_one),
		cmocka_unit_test(ours_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
