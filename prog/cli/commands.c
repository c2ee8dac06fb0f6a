/* commands - the table. A new command is a row here and a function in a file of its subject. */
#include "prog/cli/access.h"
#include "prog/cli/act.h"
#include "prog/cli/alarms.h"
#include "prog/cli/cli.h"
#include "prog/cli/document.h"
#include "prog/cli/evidence.h"
#include "prog/cli/fetch.h"
#include "prog/cli/help.h"
#include "prog/cli/guard.h"
#include "prog/cli/guard_token.h"
#include "prog/cli/host.h"
#include "prog/cli/init.h"
#include "prog/cli/inspect.h"
#include "prog/cli/key.h"
#include "prog/cli/list.h"
#include "prog/cli/log.h"
#include "prog/cli/change_show.h"
#include "prog/cli/policy.h"
#include "prog/cli/recover.h"
#include "prog/cli/preapprove.h"
#include "prog/cli/receipts.h"
#include "prog/cli/replay.h"
#include "prog/cli/request_package.h"
#include "prog/cli/review.h"
#include "prog/cli/show.h"
#include "prog/cli/submit.h"
#include "prog/cli/verify.h"
#include "prog/cli/watch.h"

const struct option global_options[] = {
	{"config", "FILE", "the client configuration", false},
	{"service", "NAME", "who asks, in a CI job: a service of the roster", false},
	{"oidc", "github", "by tokens of this CI system, in place of a key", false},
	{"oidc-ca", "FILE", "PEM roots for its token service (default: the system's)", false},
	{"token-file", "FILE", "or by the token in this file", false},
	{"json", NULL, "one JSON value on standard output", false},
	{"quiet", NULL, "no talk on standard error", false},
	{"help", NULL, "this text", false},
	{0},
};

static const struct option none[] = {{0}};

#define LIST_HEADER_OPTIONS                                                                        \
	{"output", "FILE", "where the list goes (-o)", false},                                     \
		{"after", "FILE",                                                                  \
		 "the list before: name, groups and origin are its, the serial is next", false},   \
		{"name", "NAME", "the list's name", false},                                        \
		{"group", "NAME", "a group of hosts that it is for", true},                        \
		{"origin", "LOG",                                                                  \
		 "the log that its signature will be in (default: the configured one)", false},    \
		{"serial", "N", "in place of the next", false},                                    \
		{"from", "TIME", "valid from then (default: now)", false},                         \
	{                                                                                          \
		"days", "N", "and for as many days (default: 90)", false                           \
	}

#define EXPANDED_OPTION                                                                            \
	{                                                                                          \
		"expanded", NULL, "also scripts of rpms that rpm expands on the host", false       \
	}

#define LIST_RECORD_OPTIONS                                                                        \
	{"interpreter", "PATH", "what lies there runs other files", true},                         \
		{"producer", "PATH", "what it writes may run in a build zone", true},              \
		{"revoke", "HEX", "a content that nothing may use, by SHA-256", true},             \
		EXPANDED_OPTION,                                                                   \
	{                                                                                          \
		"no-names", NULL, "without packages and paths", false                              \
	}

static const struct option list_build_options[] = {
	LIST_HEADER_OPTIONS,
	LIST_RECORD_OPTIONS,
	{"signed-with", "KEY", "all that was signed with this key, as its proofs say", true},
	{"dpkg", NULL, "all that dpkg has installed here, and Great Seal itself, as on the disk",
	 false},
	{"rpm", NULL, "the same of what rpm has installed", false},
	{"root", "DIR", "here is below DIR; shown paths begin behind it", false},
	{"index", "FILE", "all packages of this Packages file, or primary.xml of an rpm repository",
	 false},
	{"pool", "DIR", "below which its Filename fields, or locations, lead", false},
	{"package", "NAME", "of the index only this one", true},
	{0},
};
static const struct option list_vendor_options[] = {
	LIST_HEADER_OPTIONS,
	LIST_RECORD_OPTIONS,
	{"release", "FILE", "the vendor's InRelease, or repomd.xml with repomd.xml.asc beside it",
	 false},
	{"keyring", "FILE", "the keys that may sign it, in OpenPGP's binary form", false},
	{"index", "FILE", "a Packages file that it names, not compressed; or a primary.xml", false},
	{"roots", "FILE", "PEM certificates; each PATH is a PE image signed under one of them",
	 false},
	{"pool", "DIR", "below which its Filename fields, or locations, lead", false},
	{"package", "NAME", "of the index only this one", true},
	{0},
};
static const struct option list_record_options[] = {
	{"output", "DIR", "where the records go (-o, default: this directory)", false},
	EXPANDED_OPTION,
	{0},
};
static const struct option list_lint_options[] = {
	{"root", "DIR", "the host's files lie below it (default: /)", false},
	{0},
};
static const struct option list_all_options[] = {
	{"all", NULL, "every record", false},
	{0},
};

static const struct option init_options[] = {
	{"server", "URL", "https://HOST:PORT of greatseald", false},
	{"pin", "sha256:HEX", "digest of the server's public key, from its administrator", false},
	{"person", "NAME", "who you are in the roster", false},
	{"key", "PATH", "your SSH key; without it the agent's only key", false},
	{"host", "NAME", "this machine's name in the roster", false},
	{"host-key", "PATH", "this machine's SSH key", false},
	{"svid-dir", "DIR", "or its X.509-SVID: svid.pem, svid_key.pem", false},
	{"agent", "PATH", "socket of greatseal-agent: it knows server, pin and host", false},
	{"client-cert", "FILE", "PEM certificate (and chain) for mutual TLS", false},
	{"client-key", "FILE", "its PEM key; without it in the same file", false},
	{"replace", NULL, "although the file trusts another log, or cannot be read", false},
	{0},
};

#define SUBMIT_OPTIONS                                                                             \
	{"key", "NAME", "the key to sign with", false},                                            \
		{"format", "NAME",                                                                 \
		 "cms, pe, allowlist, package-record, guard-token or auto (default)", false},      \
		{"digest", "NAME", "sha256 (default), sha384 or sha512", false},                   \
		{"product", "NAME", "what earlier versions are compared with", false},             \
		{"name", "TEXT", "pe: programme name that Windows shows", false},                  \
		{"url", "URL", "pe: address for more information", false},                         \
		{"message", "TEXT", "why (-m); approvers read it", false},                         \
		{"uses", "N", "how often it may be signed (default 1)", false},                    \
		{"not-before", "TIME", "earliest time, or 90m, 12h, 7d from now", false},          \
		{"deadline", "TIME", "latest time (default 7d)", false},                           \
		{"release-at", "TIME", "sign when permitted, give out not before this", false},    \
		{"no-upload", NULL, "send digests only, where policy permits", false},             \
		{"new", NULL, "do not join a request that asks for the same", false},              \
		{"timeout", "TIME", "longest wait: 30m, 2h (default: the deadline)", false},       \
	{                                                                                          \
		"output", "DIR", "where signed files go (-o, default: signed)", false              \
	}

static const struct option submit_options[] = {
	SUBMIT_OPTIONS,
	{"wait", NULL, "wait for the signature and fetch it", false},
	{0},
};
static const struct option request_package_options[] = {
	{"key", "NAME", "the key to sign with (default: packages)", false},
	{"message", "TEXT", "why (-m; default: which packages); approvers read it", false},
	{"deadline", "TIME", "latest time (default 7d)", false},
	{"new", NULL, "do not join a request that asks for the same", false},
	{"wait", NULL, "wait for the signature and fetch it", false},
	{"timeout", "TIME", "longest wait: 30m, 2h (default: the deadline)", false},
	{"output", "DIR", "where records and proofs go (-o, default: signed)", false},
	EXPANDED_OPTION,
	{"with", "apt|dnf", "what downloads NAMEs (default: what is here, apt first)", false},
	{0},
};
static const struct option sign_options[] = {
	SUBMIT_OPTIONS,
	{"wait", NULL, "wait for the signature: the default", false},
	{"no-wait", NULL, "do not wait: unless it is signed at once, print the id and exit 3",
	 false},
	{0},
};

static const struct option inbox_options[] = {
	{"all", NULL, "every request", false},
	{"mine", NULL, "what you have asked for", false},
	{"key", "NAME", "only requests for this key", false},
	{"product", "NAME", "only requests with a file of this product", false},
	{"limit", "N", "rows (default 50)", false},
	{"after", "CURSOR", "continue a list", false},
	{0},
};
static const struct option search_options[] = {
	{"limit", "N", "rows (default 50)", false},
	{"after", "CURSOR", "continue a list", false},
	{0},
};
static const struct option all_option[] = {{"all", NULL, "every file or entry", false}, {0}};
static const struct option inspect_options[] = {
	{"local", NULL, "look at a file here, in a sandboxed worker", false},
	{"item", "N", "only this file of the request", false},
	{"all", NULL, "every entry", false},
	{0},
};
static const struct option diff_options[] = {
	{"local", NULL, "compare two files here, in a sandboxed worker", false},
	{"rebuild", "BUILDER", "compare with what this builder made", false},
	{"item", "N", "only this file of the request", false},
	{"all", NULL, "every entry", false},
	{0},
};
static const struct option approve_options[] = {
	{"inspect", NULL, "first fetch every file, recompute its digests and inspect it here",
	 false},
	{"message", "TEXT", "a comment (-m), kept with the approval", false},
	{"all", NULL, "show every file", false},
	{"yes", NULL, "do not ask", false},
	{0},
};
static const struct option deny_options[] = {
	{"message", "TEXT", "why (-m)", false},
	{"yes", NULL, "do not ask", false},
	{0},
};
static const struct option guard_token_options[] = {
	{"host", "NAME", "the host whose guard is to observe only", false},
	{"for", "TIME", "for how long, from now: 30m, 12h, 7d at most (default 2h)", false},
	{"message", "TEXT", "why (-m); approvers and the host read it", false},
	{"origin", "LOG", "the log that its signature will be in (default: the configured one)",
	 false},
	{"output", "FILE", "where the token goes (-o)", false},
	{0},
};
static const struct option watch_options[] = {
	{"all", NULL, "say of every signature what the log has", false},
	{0},
};
static const struct option alarm_list_options[] = {
	{"state", "STATE", "open, closed or known only", false},
	{"before", "N", "continue a list", false},
	{0},
};
static const struct option alarm_close_options[] = {
	{"message", "TEXT", "why (-m)", false},
	{"known", NULL, "it was made before the log began, or elsewhere with good reason", false},
	{0},
};
static const struct option review_options[] = {
	{"message", "TEXT", "why (-m)", false},
	{"incident", NULL, "it should not have been signed: locks the key", false},
	{"use", "N", "this use (default: the first whose review is owed)", false},
	{"every", NULL, "every use whose review is owed and that you have not reviewed", false},
	{"all", NULL, "show every file", false},
	{"yes", NULL, "do not ask", false},
	{0},
};
static const struct option message_option[] = {{"message", "TEXT", "why (-m)", false}, {0}};
static const struct option fetch_options[] = {
	{"output", "DIR", "where files go (-o, default: signed)", false},
	{"use", "N", "which use (default 1); one not made yet is signed now", false},
	{0},
};
static const struct option verify_options[] = {
	{"bundle", "FILE", "the proof (default: FILE.greatseal, here or in signed/)", false},
	{"signature", "FILE", "a detached signature (default: FILE.p7s, likewise)", false},
	{"roots", "PEM", "check the certificate's path to these", false},
	{"vkey", "KEY", "the log's key (default: from the configuration)", false},
	{"after", "SERIAL", "of an allowlist: it must be newer than this one", false},
	{0},
};
static const struct option fsck_options[] = {
	{"vkey", "KEY", "the log's key (default: from the configuration)", false}, {0}};
static const struct option create_options[] = {
	{"algorithm", "NAME", "rsa-3072 (default), rsa-4096, ecdsa-p256, ecdsa-p384, ed25519",
	 false},
	{"token", "NAME", "where the key is made", false},
	{0},
};
static const struct option subject_options[] = {
	{"subject", "NAME", "CN=Example Signing,O=Example Ltd,C=FI", false},
	{"days", "N", "validity (default 365)", false},
	{0},
};
static const struct option csr_options[] = {
	{"subject", "NAME", "CN=Example Signing,O=Example Ltd,C=FI", false}, {0}};
static const struct option host_add_options[] = {
	{"group", "NAME",
	 "a group of the roster for it; proposes the roster with it; may be repeated", true},
	{"class", "CLASS", "the least that it must prove: software (default), vtpm, tpm, attested",
	 false},
	{"ek", "HEX", "only the TPM with this endorsement key may enrol (greatseal-agent tpm)",
	 false},
	{"lifetime", "SECONDS", "how long the invitation is open (default 600, at most 7 days)",
	 false},
	{0},
};
static const struct option access_request_options[] = {
	{"key", "NAME", "the signing key", false},
	{"for", "TIME", "for how long: 30d, 12h", false},
	{"from", "HOST", "from this host alone (default: from where the key's rules say)", false},
	{"role", "NAME", "requester (the one there is)", false},
	{"message", "TEXT", "why (-m); the owners read it", false},
	{0},
};
static const struct option access_list_options[] = {
	{"key", "NAME", "of this key alone", false},
	{"person", "NAME", "of this person alone", false},
	{0},
};
static const struct option yes_option[] = {{"yes", NULL, "sign it", false}, {0}};
static const struct option guard_event_options[] = {
	{"host", "HOST", "of this host alone", false},
	{"kind", "KIND", "of this kind alone: denied, would-deny, first-seen, mode, silent, ..",
	 false},
	{"limit", "N", "so many at most (default: 50)", false},
	{0}};
static const struct option explain_options[] = {
	{"map", "FILE", "what `policy compile` wrote: names the rule's line in its source", false},
	{"who", "NAME", "what if this person, or service:NAME, asked", false},
	{"key", "NAME", "for a signature with this key", false},
	{"from", "HOST", "from this host; or issuer:NAME, a job by a token for its request", false},
	{"format", "NAME", "of a file of this format (default cms)", false},
	{"at", "TIME", "then: 2026-12-04T17:00:00Z, or '2026-12-04 18:00' (default now)", false},
	{"zone", "ZONE", "whose local time that is (default UTC)", false},
	{"approved-by", "NAMES", "and these had approved: alice,bob", false},
	{"message", "TEXT", "with this reason (-m)", false},
	{"class", "CLASS", "from a host that keeps its key so: software, vtpm, tpm, attested",
	 false},
	{"no-upload", NULL, "and sent digests only", false},
	{"file", "NAME", "a file of this name", false},
	{"product", "NAME", "a version of this product", false},
	{"size", "BYTES", "of this size", false},
	{"scan", "LINE", "and a scanner had said 'clean by scan-01 2h ago'", true},
	{"provenance", "LINE", "and a build service 'BUILDER by ci from SOURCE'", true},
	{"rebuilt-by", "NAMES", "and these builders had got the same file: builder-a,builder-b",
	 false},
	{"also", "FILE",
	 "for this file, too: 'NAME; format=F; product=P; size=N; scan=LINE; provenance=LINE; "
	 "rebuilt-by=NAMES'",
	 true},
	{"granted", "HOST", "and the owners had let them in from this host, or (*) from any",
	 false},
	{"actor", "ACCOUNT", "and the job's token named this person", false},
	{"uses", "N", "to be signed so often (default 1)", false},
	{"used", "N", "after so many uses of the key (default: its rates are kept)", false},
	{"deadline", "TIME", "open for so long: 12h, 7d (the default)", false},
	{"policy", "FILE", "by this policy and --roster instead of those in force", false},
	{"roster", "FILE", "by this roster and --policy", false},
	{0},
};
static const struct option compile_options[] = {
	{"out-policy", "FILE", "default: the source's name, ending in .json", false},
	{"out-roster", "FILE", "default: the source's name, ending in .json", false},
	{0},
};
static const struct option check_options[] = {{"strict", NULL, "a warning is an error", false},
					      {0}};
static const struct option fmt_options[] = {
	{"check", NULL, "write nothing; exit 1 if it would be laid out otherwise", false}, {0}};
static const struct option test_options[] = {
	{"policy", "FILE", "this policy instead of the one that the tests name", false},
	{"roster", "FILE", "this roster instead of the one that the tests name", false},
	{0},
};
static const struct option recover_options[] = {
	{"recovery-key", "PATH", "SSH key that the policy lists under recovery; may be repeated",
	 true},
	{"statement", "FILE", "what is signed: read if it is there, else written for the others",
	 false},
	{0},
};
static const struct option show_change_options[] = {
	{"replay", "SPAN", "decide the requests since then again: 12h, 2w (default 30d)", false},
	{0},
};
static const struct option replay_options[] = {
	{"replay", "SPAN", "the requests since then: 30d, 12h, 2w", false},
	{"roster", "FILE", "and with this roster instead of the one in force", false},
	{0},
};
static const struct option propose_options[] = {
	{"tests", "FILE", "propose nothing unless these tests pass, which then travel with it",
	 false},
	{0}};
#define BY_OPTIONS                                                                                 \
	{"by", "NAME", "the machine that says so (default: this host)", false},                    \
	{                                                                                          \
		"by-key", "PATH", "its SSH key (default: this host's)", false                      \
	}
static const struct option scan_options[] = {
	BY_OPTIONS,
	{"verdict", "WORD", "clean, infected, suspicious or unknown", false},
	{"scanner", "TEXT", "program and version", false},
	{"database", "TEXT", "which signatures it had", false},
	{0},
};
static const struct option rebuild_options[] = {
	{"builder", "NAME", "the builder's name in the roster", false},
	{"builder-key", "PATH", "its SSH key", false},
	{"source", "URI", "what was built", false},
	{"version", "TEXT", "which version of it", false},
	{"upload", NULL, "send the files too, so that differences can be shown", false},
	{0},
};
static const struct option provenance_options[] = {
	{"by-key", "PATH", "SSH key of the machine that says so (default: this host's)", false},
	{"builder-id", "URI", "who built it", false},
	{"source", "URI", "what was built", false},
	{"output", "FILE", "where the envelope goes (-o, default: FILE.intoto.jsonl)", false},
	{0},
};
static const struct option preapprove_options[] = {
	{"key", "NAME", "the key that is to sign", false},
	{"rule", "NAME", "which rule, if several take preapprovals", false},
	{"format", "NAME", "cms, pe, allowlist, package-record, guard-token or auto (default)",
	 false},
	{"digest", "NAME", "sha256 (default), sha384 or sha512", false},
	{"name", "TEXT", "pe: programme name that Windows shows", false},
	{"url", "URL", "pe: address for more information", false},
	{"uses", "N", "how many signatures (default 1)", false},
	{"expires", "TIME", "until when (default 7d)", false},
	{"message", "TEXT", "a comment (-m), kept with it", false},
	{"yes", NULL, "do not ask", false},
	{0},
};
static const struct option receipts_options[] = {
	{"check", NULL, "ask the server and the log for each of them again", false}, {0}};
static const struct option help_options[] = {{"man", NULL, "greatseal(1) for man(1)", false}, {0}};

const struct command command_table[] = {
	{"init-client", "", "Write the client configuration",
	 "Connects to the server over the pinned key, learns the log's origin and key, and writes\n"
	 "the configuration. Later commands refuse a server or log that is not the same; so does\n"
	 "this one, if the file is there already, unless --replace says so. --service, --oidc,\n"
	 "--oidc-ca and --token-file are kept in it, for the commands of a CI job.",
	 init_options, 0, 0, cmd_init_client},
	{"submit", "FILE...", "Ask for signatures",
	 "Hashes the files, signs the request with your key and this machine's, uploads, and "
	 "sends\n"
	 "it. With --wait it waits as `sign` does. What is fetched of FILE is FILE with its "
	 "signature\n"
	 "in it, or FILE.p7s, and the proof FILE.greatseal: files of which two would write the "
	 "same\n"
	 "need a request each, and a name may have 241 bytes.",
	 submit_options, 1, -1, cmd_submit},
	{"sign", "FILE...", "Ask for signatures, wait, and fetch them",
	 "As submit --wait. Survives restarts of the server. Exit code 3 says that it is not "
	 "signed\n"
	 "yet: the time of --timeout is over, SIGINT or SIGTERM came, or --no-wait. The request\n"
	 "stands, and the same command run again joins it. A CI job asks with --oidc or\n"
	 "--token-file as --service; with a token for the request alone it needs no host.",
	 sign_options, 1, -1, cmd_sign},
	{"request-package", "PACKAGE...", "Ask that hosts may install packages",
	 "Each PACKAGE is a .deb or .rpm file, or a name for `apt-get download` (NAME, "
	 "NAME=VERSION)\n"
	 "or `dnf download` (NAME, NAME-VERSION). Makes their records, and asks for their "
	 "signatures;\n"
	 "16 packages to a request. A guard with an agent fetches the signed record by itself "
	 "when the\n"
	 "package is to be installed; elsewhere `greatseal-guard take` brings it.",
	 request_package_options, 1, -1, cmd_request_package},
	{"inbox", "", "What waits for you", "", inbox_options, 0, 0, cmd_inbox},
	{"search", "FILE | SHA256", "Requests in which a file occurs",
	 "By the file's SHA-256, or by its content digest where that is a SHA-256, too.",
	 search_options, 1, 1, cmd_search},
	{"show", "REQUEST", "One request in full", "", all_option, 1, 1, cmd_show},
	{"explain", "REQUEST | --who NAME",
	 "Why a request is, or would be, allowed, waits or is denied",
	 "One line per check: outcome, reason, evidence. Of one that is held or signed: what "
	 "decided,\n"
	 "by its entry in the log, and whether today's policy would decide otherwise. With --at a\n"
	 "request that there is is decided for that time, with who has approved now. With --who\n"
	 "nobody has to ask: it is decided here, by the policy in force and the key as it is, or "
	 "by\n"
	 "files; what machines say of the file is what the options say, and nothing else.",
	 explain_options, 0, 1, cmd_explain},
	{"inspect", "REQUEST | --local FILE", "What is in the files",
	 "The server's inspection report, or a fresh one made here.", inspect_options, 1, 1,
	 cmd_inspect},
	{"diff", "REQUEST | --local OLD NEW", "What changed since the last signed version",
	 "With --rebuild, against what this builder made under the same names; both are fetched "
	 "and\n"
	 "inspected here.",
	 diff_options, 1, 2, cmd_diff},
	{"approve", "REQUEST", "Approve with your own key",
	 "Shows the request, and signs an approval of exactly these bytes. The receipt that the\n"
	 "server returns is checked and kept; see `greatseal receipts`.",
	 approve_options, 1, 1, cmd_approve},
	{"deny", "REQUEST", "Deny: the request is closed", "", deny_options, 1, 1, cmd_deny},
	{"review", "REQUEST", "Say what is to be said of a use that broke the glass",
	 "A use that passed a closed window or a freeze is reviewed by the people whom the rule\n"
	 "names. Until an overdue review is complete its key signs nothing. An incident locks the\n"
	 "key; unlocking takes the unlock quorum.",
	 review_options, 1, 1, cmd_review},
	{"withdraw", "REQUEST", "Withdraw your approval", "", message_option, 1, 1, cmd_withdraw},
	{"cancel", "REQUEST", "Cancel your own request", "", message_option, 1, 1, cmd_cancel},
	{"fetch", "REQUEST", "Fetch signed files and their proofs", "", fetch_options, 1, 1,
	 cmd_fetch},
	{"verify", "FILE", "Verify a signed file, its approvals and its log entry, offline",
	 "Needs the file, its proof FILE.greatseal and the log's key; no server.", verify_options,
	 1, 1, cmd_verify},
	{"list build", "[PATH...]", "Make an allowlist of what lies somewhere",
	 "From directories, files, .deb and .rpm files, older lists and package records, an index "
	 "of\n"
	 "packages, and what dpkg or rpm has installed. Submit it like any other file; it is "
	 "recognised.",
	 list_build_options, 0, -1, cmd_list_build},
	{"list from-vendor", "[PATH...]", "Make an allowlist of what a vendor has signed",
	 "All packages of an index that an apt repository's Release file, or an rpm repository's\n"
	 "repomd.xml, names, if a key of --keyring\n"
	 "has signed that (gpgv checks it) and it is still valid; and each PATH as in list build. "
	 "Without\n"
	 "--release each PATH is a file that has its signature beside it, PATH.asc or .sig, by a "
	 "key "
	 "of\n"
	 "--keyring, or an rpm that is signed itself; with --roots a PE image with an Authenticode "
	 "signature.",
	 list_vendor_options, 0, -1, cmd_list_from_vendor},
	{"list record", "PACKAGE...", "Make the records of .deb and .rpm packages",
	 "PACKAGE.record names the package and every program, library, script and control script "
	 "in "
	 "it.",
	 list_record_options, 1, -1, cmd_list_record},
	{"list show", "LIST", "What an allowlist or a package record says", "", list_all_options, 1,
	 1, cmd_list_show},
	{"list lint", "LIST [PATH...]", "Would this host still start and update itself with it?",
	 "Looks at init, the shell, package tools, what makes the initramfs, greatseal's own "
	 "programs\n"
	 "and each PATH, with the loader, libraries and interpreters that they need. Exit 1 if "
	 "one\n"
	 "would not run.",
	 list_lint_options, 1, -1, cmd_list_lint},
	{"list diff", "OLD NEW", "What one list approves and the other does not",
	 "By content. Exit 1 if they differ.", list_all_options, 2, 2, cmd_list_diff},
	{"watch", "PATH...", "Are signatures by your keys in the log?",
	 "Looks for signatures in each file, and in the files of each directory, and asks the "
	 "server.\n"
	 "One by a key of the keeper that the log does not have is an alarm: somebody else has the "
	 "key,\n"
	 "or had it before the log began. Exit 6 if there is one, 1 if a PATH cannot be read.",
	 watch_options, 1, -1, cmd_watch},
	{"alarms list", "", "Signatures by your keys that are not in the log", "",
	 alarm_list_options, 0, 0, cmd_alarms_list},
	{"alarms show", "ALARM", "One, with what proves it and how far was searched",
	 "The proof is verified here once more.", none, 1, 1, cmd_alarms_show},
	{"alarms close", "ALARM", "Say what came of it",
	 "By an owner of the key, or, where the policy names none, by one who administers keys.\n"
	 "Make out first who has the key: greatseal key lock.",
	 alarm_close_options, 1, 1, cmd_alarms_close},
	{"log checkpoint", "", "Follow the log: it must extend all that was seen before", "", none,
	 0, 0, cmd_log_checkpoint},
	{"log fsck", "[DIR]", "Recompute the whole log, from a directory or the server", "",
	 fsck_options, 0, 1, cmd_log_fsck},
	{"log entry", "INDEX", "One entry with its proof", "", none, 1, 1, cmd_log_entry},
	{"policy show", "", "The policy in force", "", none, 0, 0, cmd_policy_show},
	{"policy compile", "POLICY ROSTER", "Make the canonical JSON that is signed",
	 "From YAML or JSON; see greatseal-policy(5) and greatseal-roster(5). Refuses what does "
	 "not\n"
	 "fit together. Beside the policy it writes a map of the rules' lines, which ends in .map.",
	 compile_options, 2, 2, cmd_policy_compile},
	{"policy check", "POLICY ROSTER", "Check files before they are proposed",
	 "Errors: names that the roster lacks, quorums that cannot be filled. Warnings: quorums "
	 "with\n"
	 "nobody to spare, rules that never decide, groups, people and hosts that nothing names.",
	 check_options, 2, 2, cmd_policy_check},
	{"policy test", "TESTS", "Decide the requests of a test file",
	 "Each test names a request, who approves it, and what is to become of it. Exit 1 if one\n"
	 "fails. No server and no key is asked.",
	 test_options, 1, 1, cmd_policy_test},
	{"policy fmt", "FILE", "Lay out a policy, roster or test file in YAML",
	 "One order and layout; comments stay.", fmt_options, 1, 1, cmd_policy_fmt},
	{"policy schema", "policy | roster | tests", "A JSON Schema of the YAML, for editors", "",
	 none, 1, 1, cmd_policy_schema},
	{"policy diff", "NEW", "Which decisions another policy would change",
	 "Decides the server's history twice, by the policy in force and by NEW, with the same "
	 "facts,\n"
	 "at the moment at which the policy in force would have let the request through. Rates "
	 "and\n"
	 "evidence are taken as kept, approvals as given under each rule that is tried. Exit 1 if\n"
	 "an outcome is another.",
	 replay_options, 1, 1, cmd_policy_diff},
	{"policy propose", "FILE", "Propose the next version and sign it", "From YAML or JSON.",
	 propose_options, 1, 1, cmd_policy_propose},
	{"policy pending", "", "Changes that wait for signatures, or to come into force",
	 "With what each is about in a line, which is made here from its statement.", none, 0, 0,
	 cmd_change_list},
	{"policy show-change", "CHANGE", "What a proposed policy or roster would change",
	 "Lines, rules, quorums, approvals that become void, decisions that were taken and would "
	 "be\n"
	 "others, and the tests that travel with it: all computed here from the statement that is "
	 "to\n"
	 "be signed.",
	 show_change_options, 1, 1, cmd_change_show},
	{"policy object", "CHANGE", "Stop a policy or roster that is not in force yet",
	 "One person of the quorum change suffices; against a recovery, it takes all of it.",
	 message_option, 1, 1, cmd_change_object},
	{"policy sign", "CHANGE", "Read and sign a pending change", "", yes_option, 1, 1,
	 cmd_change_sign},
	{"roster show", "", "The roster in force", "", none, 0, 0, cmd_roster_show},
	{"roster propose", "FILE", "Propose the next version and sign it", "From YAML or JSON.",
	 propose_options, 1, 1, cmd_roster_propose},
	{"roster recover", "FILE", "Put a new roster in place with recovery keys",
	 "For when the people of the roster cannot sign. As many keys sign as the policy needs,\n"
	 "here or one after the other over the same --statement; then it waits, and everybody is\n"
	 "told.",
	 recover_options, 1, 1, cmd_roster_recover},
	{"roster sign", "CHANGE", "Read and sign a pending change", "", yes_option, 1, 1,
	 cmd_change_sign},
	{"key list", "", "The keys that the keeper holds", "", none, 0, 0, cmd_key_list},
	{"key show", "KEY", "One key", "", none, 1, 1, cmd_key_show},
	{"key certificates", "",
	 "The certificates of all keys, in PEM: for the setting certificates of guards", "", none,
	 0, 0, cmd_key_certificates},
	{"key create", "KEY", "Make a key in a token", "", create_options, 1, 1, cmd_key_create},
	{"key csr", "KEY", "A certificate request", "", csr_options, 1, 1, cmd_key_csr},
	{"key import-cert", "KEY FILE", "Install a certificate chain", "", none, 2, 2,
	 cmd_key_import},
	{"key self-sign", "KEY", "A self-signed certificate, for tests and closed circles", "",
	 subject_options, 1, 1, cmd_key_self_sign},
	{"key lock", "KEY", "Lock a key: one person suffices", "", message_option, 1, 1,
	 cmd_key_lock},
	{"key unlock", "KEY", "Unlock a key: the unlock quorum", "", message_option, 1, 1,
	 cmd_key_unlock},
	{"key retire", "KEY", "Retire a key for good", "", message_option, 1, 1, cmd_key_retire},
	{"key sign", "CHANGE", "Read and sign a pending change", "", yes_option, 1, 1,
	 cmd_change_sign},
	{"attest scan", "FILE...", "Say what a scanner found in files",
	 "Hashes the files and signs the verdict as this host, or as the machine named.",
	 scan_options, 1, -1, cmd_attest_scan},
	{"attest rebuild", "FILE...", "Say that a builder made these files from that source",
	 "Independent builders that get the same bytes vouch for them. The key must be one that "
	 "the\n"
	 "roster lists under builders.",
	 rebuild_options, 1, -1, cmd_attest_rebuild},
	{"attest provenance", "FILE...", "Say which build service made files from what",
	 "SLSA v1 provenance in a DSSE envelope, written beside the first file and sent. What "
	 "other\n"
	 "tools have made is sent in the same way to POST /v1/evidence.",
	 provenance_options, 1, -1, cmd_attest_provenance},
	{"evidence list", "REQUEST | FILE | sha256:HEX", "Who vouches for files, and who disagrees",
	 "", none, 1, 1, cmd_evidence_list},
	{"preapprove", "FILE...", "Approve exact files before they are asked for",
	 "Where a rule takes it: a request for just these files then finds your seat filled.",
	 preapprove_options, 1, -1, cmd_preapprove},
	{"host list", "", "The roster's hosts, and how their keys stand", "", none, 0, 0,
	 cmd_host_list},
	{"host show", "HOST", "One host", "", none, 1, 1, cmd_host_show},
	{"host add", "HOST", "Invite a host to enrol",
	 "The roster lists it with enrol: true; --group and --class propose that where it does "
	 "not.\n"
	 "Prints the one line to run on the host; the token "
	 "in\n"
	 "it is shown this once, is good once, and until its time is over.",
	 host_add_options, 1, 1, cmd_host_add},
	{"host lock", "HOST", "Lock a host: one person suffices", "", message_option, 1, 1,
	 cmd_host_lock},
	{"host unlock", "HOST", "Unlock a host: the unlock quorum", "", message_option, 1, 1,
	 cmd_host_unlock},
	{"host forget", "HOST", "Take a host's key away: the admin quorum", "", message_option, 1,
	 1, cmd_host_forget},
	{"host sign", "CHANGE", "Read and sign a pending change", "", yes_option, 1, 1,
	 cmd_change_sign},
	{"guard hosts", "[HOST]", "How the guards of the hosts stand",
	 "Mode, level and list as each guard has said last; silent: nothing was heard of it for "
	 "longer\n"
	 "than the server's guard-silence.",
	 none, 0, 1, cmd_guard_hosts},
	{"guard who", "FILE | DIGEST", "Which hosts have run a program, or were kept from it",
	 "By SHA-256 of the content; of a file, its own.", none, 1, 1, cmd_guard_who},
	{"guard token", "", "Make a token that breaks the glass of one host's guard",
	 "Have it signed like any other file; then, on that host, as root:\n"
	 "greatseal-guard break-glass FILE. Its guard observes only until the time is over.",
	 guard_token_options, 0, 0, cmd_guard_token},
	{"guard events", "", "What the guards have reported, newest first", "", guard_event_options,
	 0, 0, cmd_guard_events},
	{"access request", "--key NAME --for TIME -m TEXT", "Ask to be let in on a key for a while",
	 "The key's owners (keys[].owners of the policy) read it and sign; then you may ask for\n"
	 "signatures as those may whom the key's rules name. The seats to fill stay the same.",
	 access_request_options, 0, 0, cmd_access_request},
	{"access list", "", "Who may ask for which key for a while, and who has asked", "",
	 access_list_options, 0, 0, cmd_access_list},
	{"access show", "GRANT", "One of them", "", none, 1, 1, cmd_access_show},
	{"access approve", "GRANT", "Read and sign it, as an owner of the key", "", yes_option, 1,
	 1, cmd_change_sign},
	{"access deny", "GRANT", "Say no to it, for good: one owner suffices", "", message_option,
	 1, 1, cmd_access_deny},
	{"access revoke", "GRANT", "End it: one owner, or the person, suffices", "", message_option,
	 1, 1, cmd_access_revoke},
	{"receipts", "", "What the log has acknowledged of your acts and changes",
	 "Approvals, denials, withdrawals, cancellations, reviews, and signed changes of policy,\n"
	 "roster, keys, hosts and access are answered with a log entry and its proof. They stay\n"
	 "in $XDG_STATE_HOME/greatseal/receipts. --check exits with 5 if the server hides one or\n"
	 "the log has lost one, and sends those again that got no answer or missed signatures.",
	 receipts_options, 0, 0, cmd_receipts},
	{"help", "[COMMAND]", "This help", "", help_options, 0, 2, cmd_help},
	{0},
};
