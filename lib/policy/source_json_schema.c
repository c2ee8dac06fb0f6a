/* source_json_schema - the table of source_schema.c as a JSON Schema, for editors. */
#include <string.h>

#include "lib/codec/jcan.h"
#include "lib/policy/source_schema.h"

static void put(struct jcan_out *w, const char *key, const char *value)
{
	jcan_out_key(w, key);
	jcan_out_string(w, value);
}

/* The rest of an object for one scalar: pattern, or its values as "enum" (first in order). */
static void word_schema(struct jcan_out *w, const struct source_word *word)
{
	if (word->pattern != NULL)
		put(w, "pattern", word->pattern);
	put(w, "type", word->is_bool ? "boolean" : "string");
}

static void values_schema(struct jcan_out *w, const struct source_word *word)
{
	if (word->values == NULL || word->pattern != NULL)
		return;
	jcan_out_key(w, "enum");
	jcan_out_array(w);
	for (size_t i = 0; word->values[i] != NULL; i++)
		if (word->is_bool)
			jcan_out_bool(w, strcmp(word->values[i], "true") == 0);
		else
			jcan_out_string(w, word->values[i]);
	jcan_out_array_end(w);
}

static void object_schema(struct jcan_out *w, const struct source_object *o, const char *help,
			  const char *dialect);

static void list_schema(struct jcan_out *w, const struct source_field *row)
{
	jcan_out_object(w);
	put(w, "description", row->help);
	jcan_out_key(w, "items");
	if (row->type == SOURCE_MAPS) {
		object_schema(w, row->object, row->object->what, NULL);
	} else {
		jcan_out_object(w);
		put(w, "description", row->word->what);
		values_schema(w, row->word);
		word_schema(w, row->word);
		jcan_out_object_end(w);
	}
	jcan_out_key(w, "maxItems");
	jcan_out_u64(w, row->max);
	jcan_out_key(w, "minItems");
	jcan_out_u64(w, row->min);
	put(w, "type", "array");
	if (row->type == SOURCE_TEXTS) {
		jcan_out_key(w, "uniqueItems");
		jcan_out_bool(w, true);
	}
	jcan_out_object_end(w);
}

static void limits_schema(struct jcan_out *w, const struct source_field *row)
{
	jcan_out_key(w, "maximum");
	jcan_out_u64(w, row->max);
	jcan_out_key(w, "minimum");
	jcan_out_u64(w, row->min);
}

static void scalar_schema(struct jcan_out *w, const struct source_field *row)
{
	jcan_out_object(w);
	put(w, "description", row->help);
	if (row->type == SOURCE_TEXT) {
		values_schema(w, row->word);
		word_schema(w, row->word);
	} else if (row->type == SOURCE_FLAG) {
		put(w, "type", "boolean");
	} else {
		limits_schema(w, row);
		if (row->type == SOURCE_SECONDS) {
			put(w, "pattern", "^(0|[1-9][0-9]*)[smhdw]?$");
			jcan_out_key(w, "type");
			jcan_out_array(w);
			jcan_out_string(w, "integer");
			jcan_out_string(w, "string");
			jcan_out_array_end(w);
		} else {
			put(w, "type", "integer");
		}
	}
	jcan_out_object_end(w);
}

static void field_schema(struct jcan_out *w, const struct source_field *row)
{
	if (row->type == SOURCE_MAP)
		object_schema(w, row->object, row->help, NULL);
	else if (row->type == SOURCE_MAPS || row->type == SOURCE_TEXTS)
		list_schema(w, row);
	else
		scalar_schema(w, row);
}

/* {"oneOf":[{"required":[A]},{"properties":{B:{"const":true}},"required":[B]}]} for a flag B: one
 * that is false is as if it were not there. */
static void one_of_schema(struct jcan_out *w, const struct source_object *o)
{
	if (o->one_of[0] == NULL)
		return;
	jcan_out_key(w, "oneOf");
	jcan_out_array(w);
	for (size_t i = 0; i < 2; i++) {
		jcan_out_object(w);
		if (source_field_find(o, view_str(o->one_of[i]))->type == SOURCE_FLAG) {
			jcan_out_key(w, "properties");
			jcan_out_object(w);
			jcan_out_key(w, o->one_of[i]);
			jcan_out_object(w);
			jcan_out_key(w, "const");
			jcan_out_bool(w, true);
			jcan_out_object_end(w);
			jcan_out_object_end(w);
		}
		jcan_out_key(w, "required");
		jcan_out_array(w);
		jcan_out_string(w, o->one_of[i]);
		jcan_out_array_end(w);
		jcan_out_object_end(w);
	}
	jcan_out_array_end(w);
}

static void object_schema(struct jcan_out *w, const struct source_object *o, const char *help,
			  const char *dialect)
{
	jcan_out_object(w);
	if (dialect != NULL)
		put(w, "$schema", dialect);
	jcan_out_key(w, "additionalProperties");
	jcan_out_bool(w, false);
	put(w, "description", help);
	one_of_schema(w, o);
	jcan_out_key(w, "properties");
	jcan_out_object(w);
	for (const struct source_field *f = source_field_after(o, ""); f != NULL;
	     f = source_field_after(o, f->name)) {
		jcan_out_key(w, f->name);
		field_schema(w, f);
	}
	jcan_out_object_end(w);
	jcan_out_key(w, "required");
	jcan_out_array(w);
	for (size_t i = 0; i < o->count; i++)
		if (o->fields[i].required)
			jcan_out_string(w, o->fields[i].name);
	jcan_out_array_end(w);
	put(w, "type", "object");
	jcan_out_object_end(w);
}

rc source_json_schema(enum source_kind kind, struct buf *out)
{
	static const char *const help[SOURCE_KINDS] = {
		[SOURCE_POLICY] = "greatseal-policy(5): who may have what signed",
		[SOURCE_ROSTER] = "greatseal-roster(5): people, hosts and their keys",
		[SOURCE_TESTS] = "greatseal-policy(5), tests: what a policy has to decide",
	};
	struct jcan_out w;

	jcan_out_init(&w, out);
	object_schema(&w, source_object(kind), help[kind],
		      "https://json-schema.org/draft/2020-12/schema");
	return jcan_out_done(&w);
}
