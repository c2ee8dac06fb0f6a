/* source_words - forms of text and shapes of rows that the tables of source_schema_*.c share.
 *
 * For those files alone. Owns: what a single word may be. Must not own: which fields there are. */
#ifndef GS_POLICY_SOURCE_WORDS_H
#define GS_POLICY_SOURCE_WORDS_H

#include "lib/codec/jcan.h"
#include "lib/policy/source_schema.h"

#define NAME_PATTERN "[a-z0-9][a-z0-9._-]{0,63}"

extern const struct source_word word_name;
extern const struct source_word word_ref;
extern const struct source_word word_seat;
extern const struct source_word word_format;
extern const struct source_word word_key;
extern const struct source_word word_time;
extern const struct source_word word_title;
extern const struct source_word word_calendar;
extern const struct source_word word_zone;
extern const struct source_word word_local;
extern const struct source_word word_glob;
extern const struct source_word word_rate;
extern const struct source_word word_line;
extern const struct source_word word_required;
extern const struct source_word word_mode;
extern const struct source_word word_upload;
extern const struct source_word word_guard;
extern const struct source_word word_expect;
extern const struct source_word word_review;
extern const struct source_word word_state;
extern const struct source_word word_reason;
extern const struct source_word word_approval;
extern const struct source_word word_requester;
extern const struct source_word word_granted;
extern const struct source_word word_scan;
extern const struct source_word word_provenance;
extern const struct source_word word_file;
extern const struct source_word word_account;
extern const struct source_word word_class;
extern const struct source_word word_spiffe;
extern const struct source_word word_issuer;
extern const struct source_word word_text;
extern const struct source_word word_bind;
extern const struct source_word word_claim;
extern const struct source_word word_claim_name;
extern const struct source_word word_jwks;
extern const struct source_word word_domain;
extern const struct source_word word_root;
extern const struct source_word word_synced;

/* One file of tables each. */
extern const struct source_object source_policy;
extern const struct source_object source_roster;
extern const struct source_object source_tests;

/* The object source_NAME of the rows NAME_fields. */
#define OBJECT(name, text, ...)                                                                    \
	const struct source_object source_##name = {.what = (text),                                \
						    .fields = name##_fields,                       \
						    .count = sizeof(name##_fields) /               \
							     sizeof(name##_fields[0]),             \
						    __VA_ARGS__}

#define VERSION_ROW                                                                                \
	{                                                                                          \
		.name = "version", .type = SOURCE_NUMBER, .required = true, .min = 1,              \
		.max = JCAN_NUMBER_MAX, .help = "grows by one with each change"                    \
	}
#define NAME_ROW(text)                                                                             \
	{                                                                                          \
		.name = "name", .type = SOURCE_TEXT, .required = true, .word = &word_name,         \
		.help = (text)                                                                     \
	}
#define LIST_ROW(field, word_type, limit, text)                                                    \
	{                                                                                          \
		.name = (field), .type = SOURCE_TEXTS, .required = true, .min = 1, .max = (limit), \
		.word = &(word_type), .help = (text)                                               \
	}

#endif
