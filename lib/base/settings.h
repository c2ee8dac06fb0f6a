/* settings - a program's settings: one table for its file, its command line, its help and its man
 * page.
 *
 * File: lines "name = value", '#' comments, empty lines; at most 64 KiB. Command line: the same
 * names, "--name VALUE". A name that is not in the table is an error.
 *
 * Owns nothing: the values go into the program's own struct, which the rows point into. */
#ifndef GS_BASE_SETTINGS_H
#define GS_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

enum setting_type {
	SETTING_IS_TEXT,   /* char[size]; min: fewest bytes */
	SETTING_IS_NUMBER, /* uint64_t, decimal, from min to max */
	SETTING_IS_MODE,   /* uint64_t, octal, at most 0777 */
	SETTING_IS_SPAN,   /* uint64_t, seconds, from min to max; written as number and s, m, h or d
			    */
	SETTING_IS_BOOL,   /* bool; yes or no */
	SETTING_IS_OTHER,  /* what its own function makes of it */
};

struct setting {
	const char *name;
	enum setting_type type;
	size_t at; /* in the program's struct */
	size_t size;
	uint64_t min;
	uint64_t max;
	const char *fallback; /* NULL: none */
	const char *help;
	/* Of SETTING_IS_OTHER. The fault needs no name of the setting in front of it if the text
	 * says which it is. */
	rc (*set)(const struct setting *s, void *conf, struct view value, struct fault *f);
	bool args_only; /* not in a file */
};

/* Rows for a struct conf. */
#define SETTING_TEXT(name_, member_, fallback_, help_)                                             \
	{                                                                                          \
		.name = (name_), .type = SETTING_IS_TEXT, .at = offsetof(struct conf, member_),    \
		.size = sizeof(((struct conf *)NULL)->member_), .fallback = (fallback_),           \
		.help = (help_)                                                                    \
	}
#define SETTING_NUMBER(name_, member_, min_, max_, fallback_, help_)                               \
	{                                                                                          \
		.name = (name_), .type = SETTING_IS_NUMBER, .at = offsetof(struct conf, member_),  \
		.min = (min_), .max = (max_), .fallback = (fallback_), .help = (help_)             \
	}
#define SETTING_MODE(name_, member_, fallback_, help_)                                             \
	{                                                                                          \
		.name = (name_), .type = SETTING_IS_MODE, .at = offsetof(struct conf, member_),    \
		.fallback = (fallback_), .help = (help_)                                           \
	}
#define SETTING_SPAN(name_, member_, min_, max_, fallback_, help_)                                 \
	{                                                                                          \
		.name = (name_), .type = SETTING_IS_SPAN, .at = offsetof(struct conf, member_),    \
		.min = (min_), .max = (max_), .fallback = (fallback_), .help = (help_)             \
	}
#define SETTING_BOOL(name_, member_, fallback_, help_)                                             \
	{                                                                                          \
		.name = (name_), .type = SETTING_IS_BOOL, .at = offsetof(struct conf, member_),    \
		.fallback = (fallback_), .help = (help_)                                           \
	}
#define SETTING_OTHER(name_, set_, help_)                                                          \
	{                                                                                          \
		.name = (name_), .type = SETTING_IS_OTHER, .set = (set_), .help = (help_)          \
	}

struct settings {
	const struct setting *rows;
	size_t count;
	size_t conf_size;   /* of the program's struct */
	const char *manual; /* where the settings are explained: "greatseald(8)" */
};

/* What no file and no argument says: the fallbacks, and zero bytes. */
void settings_defaults(const struct settings *s, void *conf);
/* Sets one. RC_UNKNOWN: no such name; RC_LIMIT: too long; RC_RANGE: not one of the values; what the
 * row's own function returns. The fault is the sentence to show. */
MUST rc settings_set(const struct settings *s, void *conf, struct view name, struct view value,
		     struct fault *f);
/* RC_NOTFOUND and so on: path cannot be read; RC_LIMIT: too long; RC_SYNTAX: not "name = value";
 * RC_USAGE: belongs on the command line alone; as settings_set. The fault names the line. */
MUST rc settings_load(const struct settings *s, void *conf, const char *path, struct fault *f);
/* "--config FILE" and "--name VALUE" pairs: the files first, so that the command line overrides
 * them. RC_USAGE; as the two above. */
MUST rc settings_args(const struct settings *s, void *conf, int argc, char **argv, struct fault *f);
/* Name, meaning and default of each, for --help. */
void settings_print(const struct settings *s, FILE *out);

#endif
