/* source_schema_policy - the rows of policy.yaml. */
#include "lib/policy/artifact.h"
#include "lib/policy/policy.h"
#include "lib/policy/source_words.h"

static const struct source_field quorum_fields[] = {
	LIST_ROW("approve", word_seat, POLICY_SEATS_MAX,
		 "the seats, each filled by a person of its own"),
};
static OBJECT(quorum, "a quorum");

static const struct source_field change_fields[] = {
	LIST_ROW("approve", word_seat, POLICY_SEATS_MAX,
		 "the seats, each filled by a person of its own"),
	{.name = "delay",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how long what they accept waits before it is in force (default: not at all)"},
};
static OBJECT(change, "a change");

static const struct source_field recovery_fields[] = {
	{.name = "need",
	 .type = SOURCE_NUMBER,
	 .required = true,
	 .min = 1,
	 .max = POLICY_RECOVERY_KEYS_MAX,
	 .help = "how many of the keys sign the new roster"},
	{.name = "delay",
	 .type = SOURCE_SECONDS,
	 .required = true,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how long the new roster waits, while the quorum of change may object"},
	{.name = "keys",
	 .type = SOURCE_TEXTS,
	 .required = true,
	 .min = 1,
	 .max = POLICY_RECOVERY_KEYS_MAX,
	 .word = &word_key,
	 .help = "public SSH keys that nobody in the roster has"},
};
static OBJECT(recovery, "a recovery");

#define MAYBE_ROW(field, word_type, text)                                                          \
	{                                                                                          \
		.name = (field), .type = SOURCE_TEXTS, .min = 1, .max = ARTIFACT_LIST_MAX,         \
		.word = &(word_type), .help = (text)                                               \
	}

static const struct source_field scan_fields[] = {
	LIST_ROW("by", word_name, ARTIFACT_LIST_MAX, "hosts, services or builders that scan"),
	{.name = "max_age",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how old a clean verdict may be (default: any age)"},
};
static OBJECT(scan, "a scan");

static const struct source_field provenance_fields[] = {
	LIST_ROW("by", word_name, ARTIFACT_LIST_MAX, "whose provenance counts"),
	MAYBE_ROW("builder", word_text, "patterns of builder.id"),
	MAYBE_ROW("source", word_text, "patterns of the source"),
};
static OBJECT(provenance, "a provenance");

static const struct source_field rebuild_fields[] = {
	{.name = "agree",
	 .type = SOURCE_NUMBER,
	 .required = true,
	 .min = 1,
	 .max = ARTIFACT_LIST_MAX,
	 .help = "how many of the builders made the very same file"},
	LIST_ROW("of", word_name, ARTIFACT_LIST_MAX, "the builders that are asked"),
};
static OBJECT(rebuild, "a rebuild");

#define MAP_ROW(field, part, text)                                                                 \
	{                                                                                          \
		.name = (field), .type = SOURCE_MAP, .object = &source_##part, .help = (text)      \
	}

static const struct source_field artifact_fields[] = {
	MAYBE_ROW("names", word_text, "patterns of file names"),
	MAYBE_ROW("products", word_text, "patterns of products"),
	{.name = "max_size",
	 .type = SOURCE_NUMBER,
	 .min = 1,
	 .max = JCAN_NUMBER_MAX,
	 .help = "bytes that a file may have"},
	MAP_ROW("scan", scan, "a scanner found every file clean"),
	MAP_ROW("provenance", provenance, "a build service says where every file comes from"),
	MAP_ROW("rebuild", rebuild, "independent builders made the same files"),
};
static OBJECT(artifact, "artifact");

static const struct source_field preapproved_fields[] = {
	{.name = "max_age",
	 .type = SOURCE_SECONDS,
	 .required = true,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how long such an approval counts"},
};
static OBJECT(preapproved, "preapproved");

static const struct source_field review_fields[] = {
	LIST_ROW("approve", word_seat, POLICY_SEATS_MAX,
		 "the seats, each filled by a person of its own"),
	{.name = "within",
	 .type = SOURCE_SECONDS,
	 .required = true,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how soon after the use; then the key waits for it"},
};
static OBJECT(review, "a review");

static const struct source_field rule_fields[] = {
	NAME_ROW("shown to people"),
	LIST_ROW("keys", word_name, POLICY_LIST_MAX, "the signing keys it is for"),
	LIST_ROW("formats", word_format, POLICY_FORMATS_MAX,
		 "the formats it permits: cms, pe, allowlist, package-record, guard-token"),
	LIST_ROW("request", word_ref, POLICY_LIST_MAX,
		 "who may ask: people, group:NAME, service:NAME or service:*"),
	LIST_ROW("from", word_ref, POLICY_LIST_MAX,
		 "from which hosts: hosts, group:NAME, or issuer:NAME for jobs of a token issuer"),
	{.name = "approve",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_SEATS_MAX,
	 .word = &word_seat,
	 .help = "who has to approve: the seats, each filled by a person of its own"},
	{.name = "classes",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = HOST_CLASSES,
	 .word = &word_class,
	 .help = "how the host's key may be kept (default: anyhow)"},
	{.name = "guard",
	 .type = SOURCE_TEXT,
	 .word = &word_guard,
	 .help = "how the guard of the host must stand (default: anyhow)"},
	{.name = "hold",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how long it waits once the seats are filled, so that somebody can step in"},
	{.name = "unattended", .type = SOURCE_FLAG, .help = "true: nobody has to approve"},
	{.name = "upload",
	 .type = SOURCE_TEXT,
	 .word = &word_upload,
	 .help = "optional: digests alone may be sent (default: required)"},
	{.name = "max_uses",
	 .type = SOURCE_NUMBER,
	 .min = 1,
	 .max = 1000,
	 .help = "how often one request may be signed (default 1)"},
	{.name = "max_deadline",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how long a request may stay open (default 14d)"},
	{.name = "approval_lifetime",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how long an approval counts (default 72h)"},
	{.name = "windows",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_LIST_MAX,
	 .word = &word_name,
	 .help = "outside all of these windows the request waits (default: always open)"},
	{.name = "reason",
	 .type = SOURCE_TEXT,
	 .word = &word_required,
	 .help = "required: the request gives a reason"},
	{.name = "ticket",
	 .type = SOURCE_TEXT,
	 .word = &word_glob,
	 .help = "a pattern that a word of the request's reason matches, like INC-*"},
	{.name = "break_glass",
	 .type = SOURCE_FLAG,
	 .help = "true: passes windows and freezes; needs approve, ticket and review"},
	MAP_ROW("review", review, "who signs a review of each use that broke the glass"),
	{.name = "synced",
	 .type = SOURCE_TEXT,
	 .word = &word_synced,
	 .help = "false: passkeys that may be on several devices do not count"},
	MAP_ROW("artifact", artifact, "what it demands of every file"),
	MAP_ROW("preapproved", preapproved, "seats may be filled before the request"),
	{.name = "mode",
	 .type = SOURCE_TEXT,
	 .word = &word_mode,
	 .help = "observe: on trial, evaluated and shown, permits nothing"},
};
static OBJECT(rule, "a rule", .one_of = {"approve", "unattended"});

#define ZONE_ROW                                                                                   \
	{                                                                                          \
		.name = "zone", .type = SOURCE_TEXT, .required = true, .word = &word_zone,         \
		.help = "whose local time it is"                                                   \
	}

static const struct source_field window_fields[] = {
	NAME_ROW("what rules name"),
	{.name = "open",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_calendar,
	 .help = "when it opens, like Mon..Thu 09:00"},
	{.name = "length",
	 .type = SOURCE_SECONDS,
	 .required = true,
	 .min = 1,
	 .max = POLICY_WINDOW_LENGTH_MAX,
	 .help = "for how long, at most 31d"},
	ZONE_ROW,
};
static OBJECT(window, "a window");

#define LOCAL_ROW(field, text)                                                                     \
	{                                                                                          \
		.name = (field), .type = SOURCE_TEXT, .required = true, .word = &word_local,       \
		.help = (text)                                                                     \
	}

static const struct source_field freeze_fields[] = {
	NAME_ROW("shown to those who wait"),
	LOCAL_ROW("from", "its first second"),
	LOCAL_ROW("to", "its end, which is not part of it"),
	ZONE_ROW,
	LIST_ROW("keys", word_glob, POLICY_LIST_MAX, "patterns of the keys that are not used"),
	{.name = "reason",
	 .type = SOURCE_TEXT,
	 .word = &word_line,
	 .help = "shown to those who wait"},
};
static OBJECT(freeze, "a freeze");

static const struct source_field tier_preapproved_fields[] = {
	{.name = "max_age",
	 .type = SOURCE_SECONDS,
	 .required = true,
	 .max = POLICY_SECONDS_MAX,
	 .help = "no rule counts older ones; 0: no rule counts any"},
};
static OBJECT(tier_preapproved, "preapproved of a tier");

static const struct source_field tier_review_fields[] = {
	LIST_ROW("approve", word_seat, POLICY_TIER_CLAUSES_MAX,
		 "seats that whoever fills a review's seats fills, too"),
	{.name = "within",
	 .type = SOURCE_SECONDS,
	 .required = true,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "no review is due later"},
};
static OBJECT(tier_review, "a review of a tier");

static const struct source_field tier_fields[] = {
	NAME_ROW("what keys name"),
	{.name = "approve",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_TIER_CLAUSES_MAX,
	 .word = &word_seat,
	 .help = "seats that whoever fills a rule's seats fills, too"},
	{.name = "classes",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = HOST_CLASSES,
	 .word = &word_class,
	 .help = "every rule names classes of hosts, and no others"},
	{.name = "hold",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "no rule holds shorter"},
	MAP_ROW("artifact", artifact, "every rule demands as much"),
	MAP_ROW("preapproved", tier_preapproved, "how old a preapproval no rule counts"),
	MAP_ROW("review", tier_review, "the least that a break-glass rule's review demands"),
	{.name = "upload",
	 .type = SOURCE_TEXT,
	 .word = &word_required,
	 .help = "required: no rule says optional"},
	{.name = "synced",
	 .type = SOURCE_TEXT,
	 .word = &word_synced,
	 .help = "false: every rule says so, too"},
	{.name = "max_uses",
	 .type = SOURCE_NUMBER,
	 .min = 1,
	 .max = 1000,
	 .help = "no rule permits more"},
	{.name = "max_deadline",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "no rule permits a longer one"},
	{.name = "approval_lifetime",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "no rule permits a longer one"},
};
static OBJECT(tier, "a tier");

static const struct source_field key_fields[] = {
	NAME_ROW("the signing key"),
	{.name = "tier",
	 .type = SOURCE_TEXT,
	 .word = &word_name,
	 .help = "the least that every rule for this key demands"},
	{.name = "formats",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_FORMATS_MAX,
	 .word = &word_format,
	 .help = "the formats it is used for, whatever a rule permits"},
	{.name = "rate",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_RATES_MAX,
	 .word = &word_rate,
	 .help = "how often it is used: 40 per 1h, 10 per 1d per requester"},
	{.name = "owners",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_SEATS_MAX,
	 .word = &word_seat,
	 .help = "the seats of those who let others ask for it for a while"},
	{.name = "access_max_life",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "for how long at most they do (default 90d)"},
};
static OBJECT(key, "a key");

#define PART_ROW(field, part, limit, text)                                                         \
	{                                                                                          \
		.name = (field), .type = SOURCE_MAPS, .min = 1, .max = (limit),                    \
		.object = &source_##part, .help = (text)                                           \
	}

#define QUORUM_ROW(field, text)                                                                    \
	{                                                                                          \
		.name = (field), .type = SOURCE_MAP, .required = true, .object = &source_quorum,   \
		.help = (text)                                                                     \
	}

static const struct source_field policy_fields[] = {
	VERSION_ROW,
	{.name = "change",
	 .type = SOURCE_MAP,
	 .required = true,
	 .object = &source_change,
	 .help = "who may replace policy or roster, asked of the policy in force"},
	QUORUM_ROW("admin", "who creates, certifies and retires keys"),
	QUORUM_ROW("unlock", "who unlocks a key that anybody may lock"),
	{.name = "recovery",
	 .type = SOURCE_MAP,
	 .object = &source_recovery,
	 .help = "keys that replace the roster when its people cannot"},
	PART_ROW("windows", window, POLICY_WINDOWS_MAX, "when rules that name them may be used"),
	PART_ROW("freezes", freeze, POLICY_FREEZES_MAX, "when keys are not used"),
	PART_ROW("tiers", tier, POLICY_TIERS_MAX, "floors that the rules for keys keep to"),
	PART_ROW("keys", key, POLICY_KEYS_MAX, "what holds for a key, whichever rule is used"),
	{.name = "rules",
	 .type = SOURCE_MAPS,
	 .required = true,
	 .min = 0,
	 .max = POLICY_RULES_MAX,
	 .object = &source_rule,
	 .help = "a request needs one that fits; what none permits is denied"},
};
OBJECT(policy, "a policy");
