/* source_schema_tests - the rows of test files. */
#include "lib/model/request.h"
#include "lib/policy/cases.h"
#include "lib/policy/policy.h"
#include "lib/policy/source_words.h"

#define SPAN_ROW(field, least, text)                                                               \
	{                                                                                          \
		.name = (field), .type = SOURCE_SECONDS, .min = (least),                           \
		.max = POLICY_SECONDS_MAX, .help = (text)                                          \
	}

static const struct source_field request_fields[] = {
	{.name = "key",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_name,
	 .help = "the signing key"},
	{.name = "key_state",
	 .type = SOURCE_TEXT,
	 .word = &word_state,
	 .help = "how the keeper holds that key (default active)"},
	{.name = "format",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_format,
	 .help = "the file's format"},
	{.name = "by",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_requester,
	 .help = "who asks: a person, or service:NAME"},
	{.name = "from",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_ref,
	 .help = "the host that the request comes from, or issuer:NAME"},
	{.name = "class",
	 .type = SOURCE_TEXT,
	 .word = &word_class,
	 .help = "how that host keeps its key (default: as the roster demands at least)"},
	{.name = "no_upload", .type = SOURCE_FLAG, .help = "true: digests alone are sent"},
	{.name = "uses",
	 .type = SOURCE_NUMBER,
	 .min = 1,
	 .max = REQUEST_USES_MAX,
	 .help = "how often it is to be signed (default 1)"},
	{.name = "reason",
	 .type = SOURCE_TEXT,
	 .word = &word_title,
	 .help = "the request's reason, with its ticket"},
	SPAN_ROW("not_before", 0, "earliest signature, counted from `at` (default 0)"),
	SPAN_ROW("deadline", 1, "how long it stays open from `at` (default 7d)"),
};
static OBJECT(request, "a test's request");

static const struct source_field one_case_fields[] = {
	{.name = "name",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_title,
	 .help = "what the test says"},
	{.name = "at",
	 .type = SOURCE_TEXT,
	 .word = &word_time,
	 .help = "when it is decided (default 2026-01-05T10:00:00Z)"},
	{.name = "request",
	 .type = SOURCE_MAP,
	 .required = true,
	 .object = &source_request,
	 .help = "what is asked for"},
	{.name = "approvals",
	 .type = SOURCE_TEXTS,
	 .max = CASE_APPROVALS_MAX,
	 .word = &word_approval,
	 .help = "the people who have approved, on the command line or as :early, :browser or "
		 ":synced"},
	SPAN_ROW("approved_before", 0, "how long before `at` they did (default 0)"),
	{.name = "granted",
	 .type = SOURCE_TEXT,
	 .word = &word_granted,
	 .help = "the requester has access for a while, from that host or (*) from any"},
	{.name = "expect",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_expect,
	 .help = "the decision"},
	{.name = "because",
	 .type = SOURCE_TEXT,
	 .word = &word_reason,
	 .help = "a reason of that decision"},
	{.name = "rule", .type = SOURCE_TEXT, .word = &word_name, .help = "the rule that decides"},
	{.name = "used",
	 .type = SOURCE_NUMBER,
	 .max = POLICY_RATE_COUNT_MAX,
	 .help = "how often the key was used just before (default: rates are kept)"},
};
static OBJECT(one_case, "a test");

static const struct source_field tests_fields[] = {
	{.name = "policy",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_title,
	 .help = "the policy's file, beside this one"},
	{.name = "roster",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_title,
	 .help = "the roster's file, beside this one"},
	{.name = "tests",
	 .type = SOURCE_MAPS,
	 .required = true,
	 .min = 1,
	 .max = CASES_MAX,
	 .object = &source_one_case,
	 .help = "requests and what is to become of them"},
};
OBJECT(tests, "a test file");
