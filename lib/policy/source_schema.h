/* source_schema - the table of what policy.yaml, roster.yaml and test files may hold.
 *
 * Reading, formatting, the JSON Schema and the error texts all come from it: a new field of the
 * compiled document (policy.h, model/roster.h, cases.h) is a row here. Owns: names, types, limits,
 * layout order. Must not own: what a value means. */
#ifndef GS_POLICY_SOURCE_SCHEMA_H
#define GS_POLICY_SOURCE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"

enum source_kind { SOURCE_POLICY, SOURCE_ROSTER, SOURCE_TESTS };
#define SOURCE_KINDS 3u

enum source_type {
	SOURCE_TEXT,	/* one scalar of the row's word type */
	SOURCE_TEXTS,	/* a list of them, each once */
	SOURCE_NUMBER,	/* min..max */
	SOURCE_SECONDS, /* the same in seconds, or with a unit: 90s, 30m, 72h, 14d, 2w */
	SOURCE_FLAG,	/* true or false; false is as if it were not there */
	SOURCE_MAP,	/* one map of the row's object */
	SOURCE_MAPS,	/* a list of such maps, with different names */
};

/* A form of text. */
struct source_word {
	const char *what; /* "a name (a-z, 0-9, '.', '_', '-')" */
	/* Appends the form that the compiled document has. RC_SYNTAX, RC_RANGE, ...; the fault
	 * (never NULL, empty before) may say more. */
	rc (*put)(struct view text, struct buf *out, struct fault *f);
	/* Where in a text begins what must not be there twice; NULL: all of it. */
	struct view (*identity)(struct view text);
	const char *const *values; /* the only ones there are; ends with NULL; or NULL */
	const char
		*pattern; /* for editors: a regular expression, in place of the values; or NULL */
	bool is_bool;	  /* its only values are true or false, and are written without quotes */
};

struct source_object;

struct source_field {
	const char *name;
	enum source_type type;
	bool required;
	uint64_t min; /* NUMBER, SECONDS: value; lists: entries */
	uint64_t max;
	const struct source_word *word;
	const struct source_object *object;
	bool once;	    /* TEXTS: an entry is in one of these lists of the file only */
	const char *absent; /* canonical JSON that a missing field compiles to; NULL: nothing */
	const char *help;   /* for editors and manual pages */
};

struct source_object {
	const char *what;		   /* "a rule": with its article, for error texts */
	const struct source_field *fields; /* in the order in which `fmt` writes them */
	size_t count;
	const char *one_of[2]; /* exactly one of these two is there; NULL: no such demand */
};

const struct source_object *source_object(enum source_kind kind);
/* "policy", "roster", "tests". */
const char *source_kind_name(enum source_kind kind);
MUST rc source_kind_parse(struct view name, enum source_kind *ret);

/* NULL if the object has no such field. */
const struct source_field *source_field_find(const struct source_object *o, struct view name);
/* The field whose name comes next in byte order, which is that of canonical JSON; NULL after the
 * last. Begins with "". */
const struct source_field *source_field_after(const struct source_object *o, const char *last);
/* The field whose name is nearest; NULL if none is near. */
const char *source_field_nearest(const struct source_object *o, struct view name);
/* The nearest of a list that ends with NULL. */
const char *source_word_nearest(const char *const *words, struct view text);

/* Appends a JSON Schema (2020-12) of the kind, in canonical JSON. RC_NOMEM, RC_LIMIT. */
MUST rc source_json_schema(enum source_kind kind, struct buf *out);

#endif
