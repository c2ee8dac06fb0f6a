/* organisation - the small organisation of tests/vectors/policy, for unit tests (cmocka). */
#ifndef GS_TESTS_ORGANISATION_H
#define GS_TESTS_ORGANISATION_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/fd.h"
#include "lib/model/roster.h"
#include "lib/model/statement.h"
#include "lib/policy/policy.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static inline struct name name_of(const char *s)
{
	struct name n = {0};

	assert_rc(RC_OK, name_parse(view_str(s), &n));
	return n;
}

/* The document into b (initialised here) with the first old in it replaced by new. */
static inline void replaced(const char *file, const char *old, const char *new, struct buf *b)
{
	const char *dir = getenv("SRCDIR");
	AUTO(buf) struct buf whole;
	char path[600];
	const char *hit;
	size_t at;

	buf_init(&whole, DOCUMENT_BYTES_MAX);
	buf_init(b, 2 * DOCUMENT_BYTES_MAX);
	(void)snprintf(path, sizeof(path), "%s/tests/vectors/policy/%s", dir != NULL ? dir : ".",
		       file);
	assert_rc(RC_OK, file_read(path, &whole, NULL));
	hit = (const char *)memmem(whole.ptr, whole.len, old, strlen(old));
	if (hit == NULL)
		fail_msg("%s has no %s", file, old);
	at = (size_t)((const uint8_t *)hit - whole.ptr);
	buf_put(b, whole.ptr, at);
	buf_put_str(b, new);
	buf_put(b, whole.ptr + at + strlen(old), whole.len - at - strlen(old));
}

static inline struct roster *roster_read(void)
{
	AUTO(buf) struct buf b;
	struct roster *r = NULL;
	struct fault f = {0};

	replaced("roster.json", "", "", &b);
	if (!rc_is_ok(roster_parse(buf_view(&b), &r, &f)))
		fail_msg("%s", f.text);
	return r;
}

/* The same with jobs: ci asks by tokens of github for one request, ci-other by such of another
 * issuer, ci-lab by tokens that are not bound; rule release accepts service:* and issuer:github. */
#define JOBS_OF(issuer, rest)                                                                      \
	"\"oidc\":{" rest "\"issuer\":\"https://" issuer ".example\",\"match\":[\"project=1\"],"   \
	"\"name\":\"" issuer "\"}"
#define JOB_SERVICES                                                                               \
	"\"services\":[{\"name\":\"ci\"," JOBS_OF(                                                 \
		"github", "\"bind\":\"audience\",") "},{"                                          \
						    "\"name\":\"ci-lab\"," JOBS_OF(                \
							    "lab",                                 \
							    "\"audience\":\"https://"              \
							    "seal.example\",") "},{"               \
									       "\"name\":\"ci-"    \
									       "other\"," JOBS_OF( \
										       "other",    \
										       "\"bind\":" \
										       "\"audienc" \
										       "e\",") "}" \
											       "]" \
											       ","
#define JOB_RULE(from, request)                                                                    \
	"\"from\":[" from "],\"keys\":[\"release-2026\"],\"max_uses\":3,\"name\":\"release\","     \
	"\"request\":[" request "]"
#define JOB_RULE_OLD JOB_RULE("\"group:build-farm\"", "\"group:developers\"")
#define JOB_RULE_NEW                                                                               \
	JOB_RULE("\"group:build-farm\",\"issuer:github\"", "\"group:developers\",\"service:*\"")

static inline struct roster *roster_with_jobs(void)
{
	AUTO(buf) struct buf b;
	struct roster *r = NULL;
	struct fault f = {0};

	replaced("roster.json", "\"version\":", JOB_SERVICES "\"version\":", &b);
	if (!rc_is_ok(roster_parse(buf_view(&b), &r, &f)))
		fail_msg("%s", f.text);
	return r;
}

static inline struct policy *policy_with_jobs(void)
{
	AUTO(buf) struct buf b;
	struct policy *p = NULL;
	struct fault f = {0};

	replaced("policy.json", JOB_RULE_OLD, JOB_RULE_NEW, &b);
	if (!rc_is_ok(policy_parse(buf_view(&b), &p, &f)))
		fail_msg("%s", f.text);
	return p;
}

static inline struct policy *policy_read(void)
{
	AUTO(buf) struct buf b;
	struct policy *p = NULL;
	struct fault f = {0};

	replaced("policy.json", "", "", &b);
	if (!rc_is_ok(policy_parse(buf_view(&b), &p, &f)))
		fail_msg("%s", f.text);
	return p;
}

#endif
