/* source_schema_roster - the rows of roster.yaml. */
#include "lib/model/roster.h"
#include "lib/policy/source_words.h"

#define GROUPS_ROW(who)                                                                            \
	{                                                                                          \
		.name = "groups", .type = SOURCE_TEXTS, .max = ROSTER_GROUPS_MAX,                  \
		.word = &word_name, .absent = "[]", .help = "the groups of " who " it belongs to"  \
	}

#define KEYS_ROW(needed, text)                                                                     \
	{                                                                                          \
		.name = "keys", .type = SOURCE_TEXTS, .required = (needed), .min = 1,              \
		.max = ROSTER_KEYS_MAX, .word = &word_key, .once = true, .help = (text)            \
	}

static const struct source_field person_fields[] = {
	NAME_ROW("who it is"),
	GROUPS_ROW("people"),
	KEYS_ROW(true, "public SSH keys, as in a .pub file; a passkey is one of them"),
	{.name = "accounts",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = ROSTER_ACCOUNTS_MAX,
	 .word = &word_account,
	 .help = "what tokens of jobs call this person, who does not approve what they ask for"},
};
static OBJECT(person, "a person");

static const struct source_field host_fields[] = {
	NAME_ROW("who it is"),
	GROUPS_ROW("hosts"),
	KEYS_ROW(false, "public SSH keys, as in a .pub file"),
	{.name = "enrol",
	 .type = SOURCE_FLAG,
	 .help = "true: it makes its key itself and enrols it with greatseal-agent"},
	{.name = "class",
	 .type = SOURCE_TEXT,
	 .word = &word_class,
	 .help = "the least that enrolment must prove about its key (default software)"},
	{.name = "spiffe",
	 .type = SOURCE_TEXT,
	 .word = &word_spiffe,
	 .help = "its SPIFFE ID: it proves itself with an X.509-SVID"},
};
static OBJECT(host, "a host");

static const struct source_field oidc_fields[] = {
	NAME_ROW("what accounts call the issuer, like github"),
	{.name = "issuer",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_issuer,
	 .help = "the token's iss"},
	{.name = "audience",
	 .type = SOURCE_TEXT,
	 .word = &word_text,
	 .help = "the token's aud, where it is not bound to the request"},
	{.name = "bind",
	 .type = SOURCE_TEXT,
	 .word = &word_bind,
	 .help = "audience: the token's aud names the request"},
	{.name = "match",
	 .type = SOURCE_TEXTS,
	 .required = true,
	 .min = 1,
	 .max = ROSTER_CLAIMS_MAX,
	 .word = &word_claim,
	 .help = "claims and the values that they must have"},
	{.name = "actor",
	 .type = SOURCE_TEXT,
	 .word = &word_claim_name,
	 .help = "the claim that names the person behind the job (people's accounts)"},
	{.name = "jwks",
	 .type = SOURCE_TEXT,
	 .word = &word_jwks,
	 .help = "the issuer's keys, pinned: a JSON Web Key Set"},
};
static OBJECT(oidc, "an issuer's tokens");

static const struct source_field service_fields[] = {
	NAME_ROW("what rules call service:NAME"),
	KEYS_ROW(false, "public SSH keys, as in a .pub file"),
	{.name = "oidc",
	 .type = SOURCE_MAP,
	 .object = &source_oidc,
	 .help = "which tokens of an issuer are this service"},
	{.name = "owners",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = ROSTER_OWNERS_MAX,
	 .word = &word_name,
	 .help = "people behind it, who do not approve what it asks for"},
};
static OBJECT(service, "a service");

static const struct source_field builder_fields[] = {
	NAME_ROW("what rules call it"),
	KEYS_ROW(true, "public SSH keys, as in a .pub file"),
};
static OBJECT(builder, "a builder");

static const struct source_field group_fields[] = {
	NAME_ROW("the group that gets their members"),
	LIST_ROW("groups", word_name, ROSTER_GROUPS_MAX,
		 "groups of people whose members are in it"),
};
static OBJECT(group, "a group of groups");

static const struct source_field domain_fields[] = {
	{.name = "domain",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_domain,
	 .help = "the trust domain"},
	LIST_ROW("roots", word_root, ROSTER_ROOTS_MAX, "its certificates, DER in base64"),
};
static OBJECT(domain, "a trust domain");

static const struct source_field roster_fields[] = {
	VERSION_ROW,
	{.name = "people",
	 .type = SOURCE_MAPS,
	 .max = ROSTER_PEOPLE_MAX,
	 .object = &source_person,
	 .absent = "[]",
	 .help = "those who ask and approve"},
	{.name = "groups",
	 .type = SOURCE_MAPS,
	 .min = 1,
	 .max = ROSTER_NESTED_MAX,
	 .object = &source_group,
	 .help = "groups whose members come from other groups"},
	{.name = "hosts",
	 .type = SOURCE_MAPS,
	 .max = ROSTER_HOSTS_MAX,
	 .object = &source_host,
	 .absent = "[]",
	 .help = "the machines that requests come from"},
	{.name = "services",
	 .type = SOURCE_MAPS,
	 .min = 1,
	 .max = ROSTER_SERVICES_MAX,
	 .object = &source_service,
	 .help = "jobs that ask without a person"},
	{.name = "builders",
	 .type = SOURCE_MAPS,
	 .min = 1,
	 .max = ROSTER_BUILDERS_MAX,
	 .object = &source_builder,
	 .help = "those who say what they have built, scanned or seen"},
	{.name = "spiffe",
	 .type = SOURCE_MAPS,
	 .min = 1,
	 .max = ROSTER_DOMAINS_MAX,
	 .object = &source_domain,
	 .help = "trust domains whose X.509-SVIDs stand for hosts"},
};
OBJECT(roster, "a roster");
