/* Unit tests of the tests beside a policy: reading them, and what each member of a case changes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/cases.h"
#include "lib/policy/source.h"
#include "tests/organisation.h"

/* A case over the small organisation: release-2026 needs two release managers and security. */
#define HEAD "policy: policy.json\nroster: roster.json\ntests:\n  - name: it\n"
#define REQUEST "    request: {key: release-2026, format: pe, by: carol, from: build-07}\n"

static rc parse_json(const char *json, struct fault *f)
{
	AUTO(cases) struct cases c = {0};

	return cases_parse(view_str(json), &c, f);
}

static rc parse(const char *text, struct cases *ret, struct fault *f)
{
	AUTO(source) struct source *s = NULL;
	AUTO(buf) struct buf b = {0};

	buf_init(&b, DOCUMENT_BYTES_MAX);
	if (!rc_is_ok(source_read(SOURCE_TESTS, view_str(text), &s, f)))
		fail_msg("%s", f->text);
	assert_rc(RC_OK, source_compile(s, &b, f));
	return cases_parse(buf_view(&b), ret, f);
}

/* Runs the one case; text is what is said of it, "" if it passes. */
static void expect_of(const struct policy *p, const struct roster *r, const char *text,
		      const char *said)
{
	AUTO(cases) struct cases c = {0};
	struct case_result result;
	struct fault f = {0};

	if (!rc_is_ok(parse(text, &c, &f)))
		fail_msg("%s", f.text);
	assert_int_equal(c.count, 1);
	assert_string_equal(c.list[0].name, "it");
	assert_string_equal(c.policy, "policy.json");
	assert_string_equal(c.roster, "roster.json");
	assert_rc(RC_OK, case_run(&c.list[0], &(struct case_world){p, r, NULL}, &result));
	assert_int_equal(result.passed, said[0] == '\0');
	if (strstr(result.text, said) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", result.text, said);
}

static void expect(const char *text, const char *said)
{
	AUTO(policy) struct policy *p = policy_read();
	AUTO(roster) struct roster *r = roster_read();

	expect_of(p, r, text, said);
}

#define ALL "    approvals: [alice, bob, dave]\n"
#define REQUEST_WITH(more)                                                                         \
	"    request: {key: release-2026, format: pe, by: carol, from: build-07, " more "}\n"

static void cases_are_decided(void **state)
{
	(void)state;
	expect(HEAD REQUEST ALL "    expect: allow\n    rule: release\n", "");
	expect(HEAD REQUEST "    approvals: [alice, bob]\n    expect: wait\n    because: "
			    "approve.quorum\n",
	       "");
	expect(HEAD REQUEST "    expect: wait\n", "");
	/* The requester's own approval is none. */
	expect(HEAD "    request: {key: release-2026, format: pe, by: alice, from: build-07}\n" ALL
		    "    expect: deny\n    because: rule.requester\n",
	       "");
	expect(HEAD "    request: {key: release-2026, format: deb, by: carol, from: build-07}\n" ALL
		    "    expect: deny\n    because: rule.format\n",
	       "");
	expect(HEAD "    request: {key: release-2026, format: pe, by: carol, from: laptop}\n" ALL
		    "    expect: deny\n    because: rule.host\n",
	       "");
	expect(HEAD "    request: {key: other, format: pe, by: carol, from: build-07}\n"
		    "    expect: deny\n    because: rule.none\n",
	       "");
	expect(HEAD
	       "    request: {key: nightly, format: cms, by: carol, from: build-07, no_upload: "
	       "true}\n    expect: allow\n    rule: nightly\n",
	       "");
}

static void every_member_counts(void **state)
{
	(void)state;
	expect(HEAD REQUEST_WITH("no_upload: true") ALL
	       "    expect: deny\n    because: rule.upload\n",
	       "");
	expect(HEAD REQUEST_WITH("uses: 3") ALL "    expect: allow\n", "");
	expect(HEAD REQUEST_WITH("uses: 4") ALL "    expect: deny\n    because: rule.uses\n", "");
	expect(HEAD REQUEST_WITH("deadline: 15d") ALL
	       "    expect: deny\n    because: rule.deadline\n",
	       "");
	expect(HEAD REQUEST_WITH("not_before: 1h") ALL
	       "    expect: wait\n    because: time.not-before\n",
	       "");
	expect(HEAD REQUEST_WITH("key_state: locked") ALL
	       "    expect: wait\n    because: key.locked\n",
	       "");
	expect(HEAD REQUEST_WITH("key_state: retired") ALL
	       "    expect: deny\n    because: key.retired\n",
	       "");
	expect(HEAD REQUEST_WITH("key_state: active") ALL "    expect: allow\n", "");
	expect(HEAD REQUEST ALL "    approved_before: 71h\n    expect: allow\n", "");
	expect(HEAD REQUEST ALL
	       "    approved_before: 72h\n    expect: wait\n    because: approve.expired\n",
	       "");
	/* Before there was a time: an approval given in 1970 has expired long since. */
	expect(HEAD "    at: 1970-01-08T00:00:00Z\n" REQUEST ALL
		    "    approved_before: 366d\n    expect: wait\n    because: approve.expired\n",
	       "");
}

/* Two rules name the key; the second asks nobody, and the best decision counts. */
static void every_rule_of_the_key_is_tried(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = roster_read();
	AUTO(cases) struct cases c = {0};
	AUTO(buf) struct buf b;
	struct case_result result;
	struct fault f = {0};

	(void)state;
	replaced("policy.json", "\"keys\":[\"nightly\"]", "\"keys\":[\"nightly\",\"release-2026\"]",
		 &b);
	assert_rc(RC_OK, policy_parse(buf_view(&b), &p, &f));
	assert_rc(RC_OK,
		  parse(HEAD
			"    request: {key: release-2026, format: cms, by: carol, from: build-07}\n"
			"    expect: allow\n    rule: nightly\n",
			&c, &f));
	assert_rc(RC_OK, case_run(&c.list[0], &(struct case_world){p, r, NULL}, &result));
	assert_string_equal(result.text, "");
}

/* Dublin's time, whatever zone is asked for. */
static rc zone_read(void *ctx, const char *name, struct buf *out, struct fault *f)
{
	const char *dir = getenv("SRCDIR");
	char path[600];

	(void)ctx;
	(void)name;
	(void)snprintf(path, sizeof(path), "%s/fuzz/corpus/tzif/Dublin", dir != NULL ? dir : ".");
	return file_read(path, out, f);
}

/* Open on working days from nine to four, and frozen over new year unless the glass is broken. */
#define TIMED(of_the_rule)                                                                         \
	"version: 1\nadmin: {approve: [1 of security]}\nchange: {approve: [1 of security]}\n"      \
	"unlock: {approve: [1 of security]}\nwindows: [{name: hours, open: \"Mon..Fri 09:00\", "   \
	"length: 7h, zone: Europe/Dublin}]\nfreezes: [{name: year-end, from: 2026-12-18 00:00, "   \
	"to: 2027-01-04 06:00, zone: Europe/Dublin, keys: [release-*]}]\n"                         \
	"keys: [{name: release-2026, formats: [pe], rate: [1 per 1d]}]\n"                          \
	"rules: [{name: release, keys: [release-2026], formats: [pe, cms], request: [carol], "     \
	"from: "                                                                                   \
	"[build-07], approve: [1 of security], windows: [hours]" of_the_rule "}]\n"

static void compiled(enum source_kind kind, struct view text, struct buf *out);

/* What is said of it is, or contains, that; "" if it passes. */
static void said_at(const char *policy, const struct zone_source *zones, const char *time,
		    const char *rest, const char *said)
{
	AUTO(roster) struct roster *r = roster_read();
	AUTO(policy) struct policy *p = NULL;
	AUTO(cases) struct cases c = {0};
	AUTO(buf) struct buf b = {0};
	struct case_result result;
	struct fault f = {0};
	char text[900];

	compiled(SOURCE_POLICY, view_str(policy), &b);
	if (!rc_is_ok(policy_parse(buf_view(&b), &p, &f)))
		fail_msg("%s", f.text);
	(void)snprintf(text, sizeof(text), HEAD "    at: %s\n%s", time, rest);
	if (!rc_is_ok(parse(text, &c, &f)))
		fail_msg("%s", f.text);
	assert_rc(RC_OK, case_run(&c.list[0], &(struct case_world){p, r, zones}, &result));
	if (result.passed != (said[0] == '\0') || strstr(result.text, said) == NULL)
		fail_msg("%s: \"%s\" instead of \"%s\"", time, result.text, said);
}

static void decide_at(const char *policy, const struct zone_source *zones, const char *time,
		      const char *rest)
{
	said_at(policy, zones, time, rest, "");
}

#define ALLOWED ALL "    expect: allow\n"
#define WAITS(reason) ALL "    expect: wait\n    because: " reason "\n"
#define DENIED(reason) ALL "    expect: deny\n    because: " reason "\n"

static void windows_and_freezes_are_those_of_the_time(void **state)
{
	static const struct zone_source zones = {.read = zone_read};
	static const char plain[] = TIMED("");
	static const char glass[] = TIMED(", ticket: INC-*, break_glass: true, "
					  "review: {approve: [1 of security], within: 1d}");
	static const char trial[] = TIMED(", mode: observe");

	(void)state;
	/* In winter Dublin's clocks show UTC, in summer an hour more. A rate is taken as kept. */
	decide_at(plain, &zones, "2026-01-05T08:59:59Z", REQUEST WAITS("time.window"));
	decide_at(plain, &zones, "2026-01-05T09:00:00Z", REQUEST ALLOWED);
	decide_at(plain, &zones, "2026-01-05T15:59:59Z", REQUEST ALLOWED);
	decide_at(plain, &zones, "2026-01-05T16:00:00Z", REQUEST WAITS("time.window"));
	decide_at(plain, &zones, "2026-07-06T07:59:59Z", REQUEST WAITS("time.window"));
	decide_at(plain, &zones, "2026-07-06T08:00:00Z", REQUEST ALLOWED);
	decide_at(plain, &zones, "2026-01-04T12:00:00Z", REQUEST WAITS("time.window"));
	decide_at(plain, &zones, "2026-12-18T10:00:00Z", REQUEST WAITS("time.freeze"));
	decide_at(plain, &zones, "2026-12-17T10:00:00Z", REQUEST ALLOWED);
	decide_at(plain, NULL, "2026-01-05T10:00:00Z", REQUEST DENIED("time.zone"));
	decide_at(
		plain, &zones, "2026-01-05T10:00:00Z",
		"    request: {key: release-2026, format: cms, by: carol, from: build-07}\n" DENIED(
			"rule.format"));
	decide_at(glass, &zones, "2026-12-19T22:00:00Z",
		  REQUEST_WITH("reason: it burns INC-7") ALLOWED);
	decide_at(glass, &zones, "2026-12-19T22:00:00Z",
		  REQUEST_WITH("reason: it burns INC-7") "    review: owed\n" ALLOWED);
	decide_at(
		glass, &zones, "2026-12-19T22:00:00Z",
		REQUEST_WITH("reason: it burns INC-7") "    review: overdue\n" WAITS("key.review"));
	decide_at(glass, &zones, "2026-12-19T22:00:00Z",
		  REQUEST_WITH("reason: it burns") DENIED("rule.ticket"));
	decide_at(trial, &zones, "2026-01-05T10:00:00Z", REQUEST DENIED("rule.observe"));
}

/* Files called acme-*, small, scanned by one, built in one place, and by two of three alike. */
#define DEMANDS                                                                                    \
	TIMED(", artifact: {names: [\"acme-*.msi\"], products: [\"acme*\"], max_size: 1000, "      \
	      "scan: "                                                                             \
	      "{by: [scan-01, scan-02], max_age: 24h}, provenance: {by: [ci], builder: "           \
	      "[\"https://ci.example/*\"], source: [\"git+https://git.example/acme\"]}, rebuild: " \
	      "{agree: 2, of: [builder-a, builder-b, builder-c]}}")
#define FILE_SAID(more)                                                                            \
	REQUEST_WITH("file: acme-2.4.0.msi, product: acme-tools, size: 1000") more ALLOWED_BY
#define ALLOWED_BY "    approvals: [dave]\n"
#define SCANS "    scans: [clean by scan-01 24h ago]\n"
#define PROVENANCE                                                                                 \
	"    provenance: [\"https://ci.example/7 by ci from git+https://git.example/acme\"]\n"
#define REBUILDS "    rebuilds: [builder-c, builder-a]\n"
#define WAITS_FOR(reason) "    expect: wait\n    because: " reason "\n"
#define DENIES(reason) "    expect: deny\n    because: " reason "\n"

static void what_machines_say_can_be_said(void **state)
{
	static const struct zone_source zones = {.read = zone_read};
	static const char at[] = "2026-01-05T10:00:00Z";

	(void)state;
	decide_at(DEMANDS, &zones, at, FILE_SAID(SCANS PROVENANCE REBUILDS) "    expect: allow\n");
	/* What is not said is not there. */
	decide_at(DEMANDS, &zones, at, FILE_SAID(PROVENANCE REBUILDS) WAITS_FOR("evidence.scan"));
	decide_at(DEMANDS, &zones, at, FILE_SAID(SCANS REBUILDS) WAITS_FOR("evidence.provenance"));
	decide_at(DEMANDS, &zones, at, FILE_SAID(SCANS PROVENANCE) WAITS_FOR("evidence.rebuild"));
	decide_at(DEMANDS, &zones, at,
		  FILE_SAID(SCANS PROVENANCE "    rebuilds: [builder-a, builder-d]\n")
			  WAITS_FOR("evidence.rebuild"));
	/* An old verdict, another scanner's, and one that is bad beside a good one. */
	decide_at(DEMANDS, &zones, at,
		  FILE_SAID("    scans: [clean by scan-01 1441m ago]\n" PROVENANCE REBUILDS)
			  WAITS_FOR("evidence.scan"));
	decide_at(DEMANDS, &zones, at,
		  FILE_SAID("    scans: [clean by scan-03]\n" PROVENANCE REBUILDS)
			  WAITS_FOR("evidence.scan"));
	decide_at(DEMANDS, &zones, at,
		  FILE_SAID("    scans: [clean by scan-01, infected by scan-02 2w ago]\n" PROVENANCE
				    REBUILDS) DENIES("evidence.verdict"));
	decide_at(DEMANDS, &zones, at,
		  FILE_SAID("    scans: [clean by scan-01, unknown by scan-03]\n" PROVENANCE
				    REBUILDS) "    expect: allow\n");
	/* Another builder, another source, none, and another service's word. */
	decide_at(DEMANDS, &zones, at,
		  FILE_SAID(SCANS REBUILDS "    provenance: [\"https://ci.test/7 by ci from "
					   "git+https://git.example/acme\"]\n")
			  WAITS_FOR("evidence.provenance"));
	decide_at(DEMANDS, &zones, at,
		  FILE_SAID(SCANS REBUILDS "    provenance: [\"https://ci.example/7 by ci from "
					   "git+https://git.example/acme-fork\"]\n")
			  WAITS_FOR("evidence.provenance"));
	decide_at(DEMANDS, &zones, at,
		  FILE_SAID(SCANS REBUILDS "    provenance: [\"https://ci.example/7 by ci\"]\n")
			  WAITS_FOR("evidence.provenance"));
	decide_at(DEMANDS, &zones, at,
		  FILE_SAID(SCANS REBUILDS "    provenance: [\"https://ci.example/7 by cj from "
					   "git+https://git.example/acme\"]\n")
			  WAITS_FOR("evidence.provenance"));
}

static void the_file_itself_can_be_said(void **state)
{
	static const struct zone_source zones = {.read = zone_read};
	static const char at[] = "2026-01-05T10:00:00Z";
	static const char said[] = SCANS PROVENANCE REBUILDS ALLOWED_BY;
	static const struct {
		const char *request;
		const char *reason;
	} list[] = {
		{"product: acme-tools, size: 1000", "artifact.name"},
		{"file: acme-2.4.0.msi.exe, product: acme-tools, size: 1000", "artifact.name"},
		{"file: acme-2.4.0.msi, size: 1000", "artifact.product"},
		{"file: acme-2.4.0.msi, product: tools, size: 1000", "artifact.product"},
		{"file: acme-2.4.0.msi, product: acme-tools, size: 1001", "artifact.size"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		char text[800];

		(void)snprintf(text, sizeof(text),
			       "    request: {key: release-2026, format: pe, by: carol, from: "
			       "build-07, %s}\n%s    expect: deny\n    because: %s\n",
			       list[i].request, said, list[i].reason);
		decide_at(DEMANDS, &zones, at, text);
	}
	/* A name that JSON escapes is the same name. */
	decide_at(TIMED(", artifact: {names: [\"a?b\"]}"), &zones, at,
		  REQUEST_WITH("file: \"a\\\\b\"") ALLOWED_BY "    expect: allow\n");
}

#define BY_ONE "scans: [clean by scan-01]"
#define OF_ACME REQUEST_WITH("file: acme.msi, product: acme, size: 10")
#define BATCH(more, expect)                                                                        \
	OF_ACME "    " BY_ONE "\n    more_files: [" more "]\n" ALLOWED_BY "    expect: " expect "\n"

/* A batch: every file counts, and which of them fails is said. */
static void several_files_can_be_said(void **state)
{
	static const struct zone_source zones = {.read = zone_read};
	static const char at[] = "2026-01-05T10:00:00Z";
	static const char policy[] =
		TIMED(", artifact: {names: [\"acme*\"], products: [acme], max_size: 100, "
		      "scan: {by: [scan-01], max_age: 24h}}");
	static const struct {
		const char *file;
		const char *expect;
	} list[] = {
		{"{name: acme.dll, scans: [clean by scan-01]}", "allow"},
		{"{name: acme.dll}", "wait\n    because: evidence.scan"},
		{"{name: acme.dll, scans: [clean by scan-02]}", "wait\n    because: evidence.scan"},
		{"{name: other.dll, scans: [clean by scan-01]}",
		 "deny\n    because: artifact.name"},
		{"{name: acme.dll, format: cms, scans: [clean by scan-01]}",
		 "deny\n    because: rule.format"},
		{"{name: acme.dll, size: 101, scans: [clean by scan-01]}",
		 "deny\n    because: artifact.size"},
		{"{name: acme.dll, product: tools, scans: [clean by scan-01]}",
		 "deny\n    because: artifact.product"},
	};
	AUTO(cases) struct cases c = {0};
	struct fault f = {0};
	char text[800];

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		(void)snprintf(text, sizeof(text), BATCH("{name: acme-2, " BY_ONE "}, %s", "%s"),
			       list[i].file, list[i].expect);
		decide_at(policy, &zones, at, text);
	}
	said_at(policy, &zones, at, BATCH("{name: acme.dll}", "allow"),
		"; file 2, acme.dll: wait (evidence.scan)");
	assert_rc(RC_OK, parse(HEAD BATCH("{name: acme.dll}", "wait"), &c, &f));
	assert_int_equal(case_file_count(&c.list[0]), 2);
	assert_string_equal(case_file_at(&c.list[0], 1)->name, "acme.dll");
	assert_string_equal(case_file_at(&c.list[0], 1)->item.format, "pe");
	assert_string_equal(case_file_at(&c.list[0], 1)->item.product.s, "acme");
}

/* carol-dev is what a token calls carol; dave is behind nothing. */
#define JOBS                                                                                       \
	"version: 1\nhosts: [{name: build-07, groups: [build-farm], keys: [" KEY_A "]}]\n"         \
	"people: [{name: carol, groups: [security], keys: [" KEY_B "], accounts: "                 \
	"[\"github:carol-dev\"]}, {name: dave, groups: [security], keys: [" KEY_C "]}]\n"          \
	"services: [{name: ci, oidc: {name: github, issuer: \"https://ci.example\", bind: "        \
	"audience, match: [repository_id=1], actor: actor}}]\n"
#define KEY_A "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILeTLo3uwi+MeVLbuvICQa1+B3T20plnIfHWHCbgBo9L"
#define KEY_B "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG6uL/LaumJj83Bx7dRQtuZN31FRm1hqBhEDwTVic80v"
#define KEY_C "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDKm4R1SvYvabbwqrfT1pMIeuzIapjKvPKmg2p0Utn3b"

static void who_is_behind_a_job_can_be_said(void **state)
{
	static const char rules[] =
		"version: 1\nadmin: {approve: [1 of security]}\nchange: {approve: [1 of "
		"security]}\nunlock: {approve: [1 of security]}\nrules: [{name: jobs, keys: [k], "
		"formats: [cms], request: [\"service:ci\"], from: [\"issuer:github\"], approve: [1 "
		"of "
		"security]}]\n";
	static const struct {
		const char *actor;
		const char *expect;
	} list[] = {{"", "allow"}, {", actor: carol-dev", "wait"}, {", actor: dave-dev", "allow"}};
	AUTO(roster) struct roster *r = NULL;
	AUTO(policy) struct policy *p = NULL;
	AUTO(buf) struct buf roster = {0};
	AUTO(buf) struct buf policy = {0};
	struct fault f = {0};

	(void)state;
	compiled(SOURCE_ROSTER, view_str(JOBS), &roster);
	compiled(SOURCE_POLICY, view_str(rules), &policy);
	assert_rc(RC_OK, roster_parse(buf_view(&roster), &r, &f));
	assert_rc(RC_OK, policy_parse(buf_view(&policy), &p, &f));
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		AUTO(cases) struct cases c = {0};
		struct case_result result;
		char text[400];

		(void)snprintf(text, sizeof(text),
			       HEAD
			       "    request: {key: k, format: cms, by: \"service:ci\", from: "
			       "\"issuer:github\"%s}\n    approvals: [carol]\n    expect: %s\n",
			       list[i].actor, list[i].expect);
		if (!rc_is_ok(parse(text, &c, &f)))
			fail_msg("%s", f.text);
		assert_rc(RC_OK, case_run(&c.list[0], &(struct case_world){p, r, NULL}, &result));
		assert_string_equal(result.text, "");
	}
}

static void lines_of_evidence_are_strict(void **state)
{
	static const struct {
		const char *text;
		enum rc_code scan;
		enum rc_code provenance;
	} list[] = {
		{"clean by scan-01", RC_OK, RC_OK},
		{"clean by scan-01 2h ago", RC_OK, RC_SYNTAX},
		{"clean by scan-01 0s ago", RC_OK, RC_SYNTAX},
		{"clean by scan-01 366d ago", RC_OK, RC_SYNTAX},
		{"clean by scan-01 367d ago", RC_RANGE, RC_SYNTAX},
		{"clean by scan-01 2h", RC_SYNTAX, RC_SYNTAX},
		{"clean by scan-01 2 ago", RC_SYNTAX, RC_SYNTAX},
		{"clean by scan-01 h ago", RC_SYNTAX, RC_SYNTAX},
		{"clean by scan-01 2h ago ", RC_SYNTAX, RC_SYNTAX},
		{"clean by scan-01 ", RC_SYNTAX, RC_SYNTAX},
		{"clean by scan-01 -1h ago", RC_SYNTAX, RC_SYNTAX},
		{"clean by Scan-01", RC_SYNTAX, RC_SYNTAX},
		{"clean  by scan-01", RC_SYNTAX, RC_SYNTAX},
		{"clean of scan-01", RC_SYNTAX, RC_SYNTAX},
		{"dirty by scan-01", RC_UNKNOWN, RC_OK},
		{"https://b by ci from git+https://s", RC_UNKNOWN, RC_OK},
		{"https://b by ci from ", RC_UNKNOWN, RC_SYNTAX},
		{"https://b by ci from s s", RC_UNKNOWN, RC_SYNTAX},
		{"https://b by ci of s", RC_UNKNOWN, RC_SYNTAX},
		{"https://b", RC_UNKNOWN, RC_SYNTAX},
		{"https://b by ci from \xc3\xa9", RC_UNKNOWN, RC_SYNTAX},
		{" by ci", RC_UNKNOWN, RC_SYNTAX},
		{"", RC_UNKNOWN, RC_SYNTAX},
	};
	char text[CASE_URI_MAX + 40];
	struct case_provenance p;
	struct case_scan s;

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (case_scan_parse(view_str(list[i].text), &s).code != list[i].scan ||
		    case_provenance_parse(view_str(list[i].text), &p).code != list[i].provenance)
			fail_msg("\"%s\": %s, %s", list[i].text,
				 rc_name(case_scan_parse(view_str(list[i].text), &s)),
				 rc_name(case_provenance_parse(view_str(list[i].text), &p)));
	}
	assert_rc(RC_OK, case_provenance_parse(view_str("b by ci from s"), &p));
	assert_string_equal(p.builder, "b");
	assert_string_equal(p.source, "s");
	assert_rc(RC_OK, case_scan_parse(view_str("suspicious by x 2w ago"), &s));
	assert_int_equal(s.age, 1209600);
	assert_int_equal(s.verdict, SCAN_SUSPICIOUS);
	(void)snprintf(text, sizeof(text), "%0*d by ci", (int)CASE_URI_MAX, 0);
	assert_rc(RC_OK, case_provenance_parse(view_str(text), &p));
	(void)snprintf(text, sizeof(text), "%0*d by ci", (int)CASE_URI_MAX + 1, 0);
	assert_rc(RC_LIMIT, case_provenance_parse(view_str(text), &p));
	assert_rc(RC_LIMIT, case_scan_parse(view_str(text), &s));
}

static void a_failure_says_what_was_decided(void **state)
{
	(void)state;
	expect(HEAD REQUEST "    expect: allow\n",
	       "expected allow, but wait (release): approve.quorum, needs 2 more of "
	       "release-managers");
	expect(HEAD REQUEST ALL "    expect: deny\n", "expected deny, but allow (release): ok");
	expect(HEAD REQUEST "    expect: wait\n    because: key.locked\n",
	       "expected wait because of key.locked, but it is approve.quorum: needs");
	expect(HEAD REQUEST ALL "    expect: allow\n    rule: nightly\n",
	       "expected rule nightly to decide, but it is release");
	expect(HEAD "    request: {key: other, format: pe, by: carol, from: build-07}\n"
		    "    expect: allow\n",
	       "expected allow, but deny (no rule): rule.none");
}

#define JSON(test) "{\"policy\":\"p\",\"roster\":\"r\",\"tests\":[{" test "}]}"
#define ASKS(more) "\"request\":{\"by\":\"a\"," more "}"
#define PLAIN ASKS("\"format\":\"cms\",\"from\":\"h\",\"key\":\"k\"")

#define SAYS(before, after) JSON("\"expect\":\"deny\",\"name\":\"n\"," before "," PLAIN "," after)
#define ASKED(first)                                                                               \
	JSON("\"expect\":\"deny\",\"name\":\"n\",\"request\":{" first                              \
	     "\"by\":\"a\",\"format\":\"cms\",\"from\":\"h\",\"key\":\"k\"}")
#define FILE_IS(value)                                                                             \
	JSON("\"expect\":\"deny\",\"name\":\"n\"," ASKS(                                           \
		"\"file\":" value ",\"format\":\"cms\",\"from\":\"h\",\"key\":\"k\""))

static void test_files_are_strict(void **state)
{
	static const struct {
		const char *json;
		enum rc_code code;
	} list[] = {
		{JSON("\"expect\":\"allow\",\"name\":\"n\"," PLAIN), RC_OK},
		{JSON("\"because\":\"key.locked\",\"expect\":\"allow\",\"name\":\"n\"," PLAIN),
		 RC_RANGE},
		{JSON("\"because\":\"ok\",\"expect\":\"deny\",\"name\":\"n\"," PLAIN), RC_UNKNOWN},
		{JSON("\"because\":\"nothing\",\"expect\":\"deny\",\"name\":\"n\"," PLAIN),
		 RC_UNKNOWN},
		{JSON("\"expect\":\"ok\",\"name\":\"n\"," PLAIN), RC_UNKNOWN},
		{JSON("\"at\":\"now\",\"expect\":\"deny\",\"name\":\"n\"," PLAIN), RC_SYNTAX},
		{JSON("\"expect\":\"deny\"," PLAIN), RC_SYNTAX},
		{JSON("\"expect\":\"deny\",\"name\":\"n\""), RC_SYNTAX},
		{JSON("\"expect\":\"deny\",\"name\":\"n\"," PLAIN ",\"x\":1"), RC_UNKNOWN},
		{JSON("\"expect\":\"deny\",\"name\":\"n\"," ASKS(
			 "\"format\":\"cms\",\"from\":\"h\","
			 "\"key\":\"k\",\"uses\":0")),
		 RC_RANGE},
		{JSON("\"expect\":\"deny\",\"name\":\"n\"," ASKS(
			 "\"deadline\":5,\"format\":\"cms\",\"from\":\"h\",\"key\":\"k\",\"not_"
			 "before\":6")),
		 RC_RANGE},
		{JSON("\"expect\":\"deny\",\"name\":\"n\"," ASKS(
			 "\"format\":\"cms\",\"from\":\"h\","
			 "\"key\":\"k\",\"key_state\":\"lost\"")),
		 RC_UNKNOWN},
		{JSON("\"at\":\"9999-12-31T00:00:00Z\",\"expect\":\"deny\",\"name\":\"n\"," PLAIN),
		 RC_RANGE},
		{JSON("\"expect\":\"allow\",\"name\":\"n\"," PLAIN) "x", RC_TRAILING},
		{SAYS("\"provenance\":[\"b by c\"],\"rebuilds\":[\"d\"]",
		      "\"scans\":[\"clean by e\"]"),
		 RC_OK},
		{SAYS("\"provenance\":[\"b by c\",\"d by c\"]", "\"scans\":[]"), RC_DUPLICATE},
		{SAYS("\"rebuilds\":[\"c\",\"c\"]", "\"scans\":[]"), RC_DUPLICATE},
		{SAYS("\"rebuilds\":[]", "\"scans\":[\"clean by c\",\"infected by c\"]"),
		 RC_DUPLICATE},
		{SAYS("\"rebuilds\":[\"C\"]", "\"scans\":[]"), RC_SYNTAX},
		{SAYS("\"rebuilds\":[\"\"]", "\"scans\":[]"), RC_SYNTAX},
		{SAYS("\"rebuilds\":\"c\"", "\"scans\":[]"), RC_SYNTAX},
		{SAYS("\"provenance\":[\"b\"]", "\"scans\":[]"), RC_SYNTAX},
		{SAYS("\"rebuilds\":[]", "\"scans\":[\"bad by c\"]"), RC_UNKNOWN},
		{SAYS("\"provenance\":[\"a by a\",\"a by b\",\"a by c\",\"a by d\",\"a by e\"]",
		      "\"scans\":[]"),
		 RC_LIMIT},
		{FILE_IS("\"a/b\""), RC_SYNTAX},
		{FILE_IS("\"..\""), RC_SYNTAX},
		{FILE_IS("\"\""), RC_SYNTAX},
		{FILE_IS("\"a\\u0000b\""), RC_SYNTAX},
		{FILE_IS("\"a\\u202Eb\""), RC_SYNTAX},
		{FILE_IS("7"), RC_SYNTAX},
		{FILE_IS("\"a b.msi\""), RC_OK},
		{ASKED("\"actor\":\"\","), RC_SYNTAX},
		{ASKED("\"actor\":\"carol\","), RC_OK},
	};
	struct fault f = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (parse_json(list[i].json, &f).code != list[i].code)
			fail_msg("%zu: %s", i, f.text);
}

static void there_are_limits(void **state)
{
	AUTO(buf) struct buf b = {0};
	struct fault f = {0};

	(void)state;
	buf_init(&b, (size_t)8 << 20);
	buf_put_str(&b, "{\"policy\":\"p\",\"roster\":\"r\",\"tests\":[");
	for (unsigned i = 0; i <= CASES_MAX; i++)
		buf_printf(&b, "%s{\"expect\":\"deny\",\"name\":\"n%u\"," PLAIN "}",
			   i == 0 ? "" : ",", i);
	buf_put_str(&b, "]}");
	assert_rc(RC_LIMIT, parse_json(buf_cstr(&b), &f));
	buf_clear(&b);
	buf_put_str(&b, "{\"policy\":\"p\",\"roster\":\"r\",\"tests\":[{\"approvals\":[");
	for (unsigned i = 0; i <= CASE_APPROVALS_MAX; i++)
		buf_printf(&b, "%s\"n%u\"", i == 0 ? "" : ",", i);
	buf_put_str(&b, "],\"expect\":\"deny\",\"name\":\"n\"," PLAIN "}]}");
	assert_rc(RC_LIMIT, parse_json(buf_cstr(&b), &f));
	for (unsigned n = CASE_FILES_MAX - 1; n <= CASE_FILES_MAX; n++) {
		buf_clear(&b);
		buf_put_str(&b, "{\"policy\":\"p\",\"roster\":\"r\",\"tests\":[{\"expect\":"
				"\"deny\",\"more_files\":[");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, "%s{\"name\":\"n%u\"}", i == 0 ? "" : ",", i);
		buf_put_str(&b, "],\"name\":\"n\"," PLAIN "}]}");
		assert_rc(n < CASE_FILES_MAX ? RC_OK : RC_LIMIT, parse_json(buf_cstr(&b), &f));
	}
}

static void approvals_have_channels(void **state)
{
	struct case_approval ap;
	struct name n;
	bool service;

	(void)state;
	assert_rc(RC_OK, case_approval_parse(view_str("alice"), &ap));
	assert_int_equal(ap.channel, SSHKEY_CLI);
	assert_rc(RC_OK, case_approval_parse(view_str("alice:early"), &ap));
	assert_true(ap.early && ap.channel == SSHKEY_CLI);
	assert_rc(RC_OK, case_approval_parse(view_str("alice:synced"), &ap));
	assert_int_equal(ap.channel, SSHKEY_BROWSER);
	assert_true(ap.synced);
	assert_string_equal(ap.person.s, "alice");
	assert_rc(RC_OK, case_approval_parse(view_str("alice:browser"), &ap));
	assert_false(ap.synced);
	assert_rc(RC_UNKNOWN, case_approval_parse(view_str("alice:phone"), &ap));
	assert_rc(RC_UNKNOWN, case_approval_parse(view_str("alice:"), &ap));
	assert_rc(RC_UNKNOWN, case_approval_parse(view_str("alice:cli:cli"), &ap));
	assert_rc(RC_SYNTAX, case_approval_parse(view_str(":cli"), &ap));
	assert_rc(RC_SYNTAX, case_approval_parse(view_str("Alice:cli"), &ap));
	assert_rc(RC_OK, case_requester_parse(view_str("service:ci"), &n, &service));
	assert_true(service);
	assert_rc(RC_OK, case_requester_parse(view_str("carol"), &n, &service));
	assert_false(service);
	assert_rc(RC_SYNTAX, case_requester_parse(view_str("service:*"), &n, &service));
	assert_rc(RC_SYNTAX, case_requester_parse(view_str("service:"), &n, &service));
	assert_rc(RC_SYNTAX, case_requester_parse(view_str("group:ci"), &n, &service));
	/* A person of that name is no service. */
	expect(HEAD "    request: {key: release-2026, format: pe, by: \"service:carol\", from: "
		    "build-07}\n" ALL "    expect: deny\n    because: who.person\n",
	       "");
	/* The rule counts no preapprovals. */
	expect(HEAD REQUEST "    approvals: [\"alice:early\", bob, dave]\n    expect: wait\n    "
			    "because: approve.quorum\n",
	       "");
	expect(HEAD REQUEST ALL "    used: 100000\n    expect: allow\n", ""); /* it has no rate */
	expect(HEAD REQUEST_WITH("class: tpm") ALL "    expect: allow\n", "");
	expect(HEAD REQUEST "    approvals: [\"alice:browser\", \"bob:synced\", dave]\n"
			    "    expect: allow\n",
	       "");
}

#define JOB(by, from) "    request: {key: release-2026, format: pe, by: " by ", from: " from "}\n"

static void jobs_come_from_an_issuer(void **state)
{
	AUTO(policy) struct policy *p = policy_with_jobs();
	AUTO(roster) struct roster *r = roster_with_jobs();
	static const struct {
		const char *request;
		const char *because;
	} denied[] = {
		{JOB("\"service:ci-other\"", "\"issuer:other\""), "rule.host"},
		/* not a job of this issuer */
		{JOB("\"service:ci\"", "\"issuer:other\""), "who.person"},
		{JOB("carol", "\"issuer:github\""), "who.person"},
		/* its tokens are bound to nothing */
		{JOB("\"service:ci-lab\"", "\"issuer:lab\""), "who.host"},
	};

	(void)state;
	expect_of(p, r, HEAD JOB("\"service:ci\"", "\"issuer:github\"") ALL "    expect: allow\n",
		  "");
	expect_of(p, r, HEAD JOB("ci", "\"issuer:github\"") "    expect: wait\n", "");
	expect_of(p, r, HEAD JOB("\"service:ci-lab\"", "build-07") ALL "    expect: allow\n", "");
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		char text[600];

		(void)snprintf(text, sizeof(text),
			       HEAD "%s" ALL "    expect: deny\n    because: %s\n",
			       denied[i].request, denied[i].because);
		expect_of(p, r, text, "");
	}
}

/* Appends the YAML behind a heading of docs/policy.md. */
static void documented(const char *heading, struct buf *out)
{
	const char *dir = getenv("SRCDIR");
	AUTO(buf) struct buf doc = {0};
	char path[600];
	const char *from;
	const char *to;

	buf_init(&doc, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/docs/policy.md", dir != NULL ? dir : ".");
	assert_rc(RC_OK, file_read(path, &doc, NULL));
	from = strstr(buf_cstr(&doc), heading);
	assert_non_null(from);
	from = strstr(from, "```yaml\n");
	assert_non_null(from);
	from += strlen("```yaml\n");
	to = strstr(from, "```");
	assert_non_null(to);
	buf_put(out, from, (size_t)(to - from));
	assert_rc(RC_OK, buf_done(out));
}

static void compiled(enum source_kind kind, struct view text, struct buf *out)
{
	AUTO(source) struct source *s = NULL;
	struct fault f = {0};

	if (!rc_is_ok(source_read(kind, text, &s, &f)))
		fail_msg("%s", f.text);
	buf_init(out, DOCUMENT_BYTES_MAX);
	assert_rc(RC_OK, source_compile(s, out, &f));
}

/* The documented policy is one, alone and with its parts about time, and decides the documented
 * test as it says. */
static void the_documented_examples_are_true(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = roster_read();
	AUTO(cases) struct cases c = {0};
	AUTO(policy) struct policy *whole = NULL;
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf more = {0};
	AUTO(buf) struct buf policy = {0};
	AUTO(buf) struct buf tests = {0};
	struct case_result result;
	struct fault f = {0};

	(void)state;
	buf_init(&text, SOURCE_BYTES_MAX);
	documented("\n## Tests\n", &text);
	compiled(SOURCE_TESTS, buf_view(&text), &tests);
	buf_clear(&text);
	documented("\n## Policy\n", &text);
	compiled(SOURCE_POLICY, buf_view(&text), &policy);
	documented("\n### Time, floors and limits\n", &text);
	compiled(SOURCE_POLICY, buf_view(&text), &more);
	assert_rc(RC_OK, policy_parse(buf_view(&more), &whole, &f));
	assert_int_equal(whole->rule_count, 2);
	assert_int_equal(whole->window_count, 1);
	assert_int_equal(whole->key_count, 1);
	assert_rc(RC_OK, policy_parse(buf_view(&policy), &p, &f));
	assert_int_equal(p->rule_count, 2);
	assert_rc(RC_OK, cases_parse(buf_view(&tests), &c, &f));
	assert_int_equal(c.count, 1);
	assert_rc(RC_OK, case_run(&c.list[0], &(struct case_world){p, r, NULL}, &result));
	assert_string_equal(result.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(approvals_have_channels),
		cmocka_unit_test(cases_are_decided),
		cmocka_unit_test(jobs_come_from_an_issuer),
		cmocka_unit_test(every_member_counts),
		cmocka_unit_test(every_rule_of_the_key_is_tried),
		cmocka_unit_test(windows_and_freezes_are_those_of_the_time),
		cmocka_unit_test(what_machines_say_can_be_said),
		cmocka_unit_test(the_file_itself_can_be_said),
		cmocka_unit_test(several_files_can_be_said),
		cmocka_unit_test(who_is_behind_a_job_can_be_said),
		cmocka_unit_test(lines_of_evidence_are_strict),
		cmocka_unit_test(a_failure_says_what_was_decided),
		cmocka_unit_test(test_files_are_strict),
		cmocka_unit_test(there_are_limits),
		cmocka_unit_test(the_documented_examples_are_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
