/* source_schema_roster - the rows of roster.yaml. */
#include "lib/model/roster.h"
#include "lib/policy/source_words.h"

#define PRINCIPAL_FIELDS(who)                                                                      \
	{                                                                                          \
		NAME_ROW("who it is"),                                                             \
			{.name = "groups",                                                         \
			 .type = SOURCE_TEXTS,                                                     \
			 .max = ROSTER_GROUPS_MAX,                                                 \
			 .word = &word_name,                                                       \
			 .absent = "[]",                                                           \
			 .help = "the groups of " who " it belongs to"},                           \
			{.name = "keys",                                                           \
			 .type = SOURCE_TEXTS,                                                     \
			 .required = true,                                                         \
			 .min = 1,                                                                 \
			 .max = ROSTER_KEYS_MAX,                                                   \
			 .word = &word_key,                                                        \
			 .once = true,                                                             \
			 .help = "public SSH keys, as in a .pub file"},                            \
	}

static const struct source_field person_fields[] = PRINCIPAL_FIELDS("people");
static OBJECT(person, "a person");
static const struct source_field host_fields[] = PRINCIPAL_FIELDS("hosts");
static OBJECT(host, "a host");

static const struct source_field roster_fields[] = {
	VERSION_ROW,
	{.name = "people",
	 .type = SOURCE_MAPS,
	 .max = ROSTER_PEOPLE_MAX,
	 .object = &source_person,
	 .absent = "[]",
	 .help = "those who ask and approve"},
	{.name = "hosts",
	 .type = SOURCE_MAPS,
	 .max = ROSTER_HOSTS_MAX,
	 .object = &source_host,
	 .absent = "[]",
	 .help = "the machines that requests come from"},
};
OBJECT(roster, "a roster");
