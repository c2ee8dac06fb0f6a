#include "lib/format/diff.h"

#include <stdio.h>
#include <string.h>

#include "lib/format/inspect.h"
#include "lib/format/inspect_impl.h"

#define FIELD_DEPTH 4
#define KEY_MAX 8192

static void json_release(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}
AUTO_DEFINE(json, json_t *, json_release)

struct diff {
	json_t *o;
	bool complete;
};

/* Appends v (taken) unless the list is full; what does not fit makes the comparison incomplete. */
static rc list_add(struct diff *d, json_t *list, json_t *v)
{
	if (json_array_size(list) < DIFF_LIST_MAX)
		return report_add(list, v);
	json_decref(v);
	d->complete = false;
	return OK;
}

static json_t *change(const char *field, const json_t *was, const json_t *is)
{
	json_t *o = json_object();

	/* A side that has no such field shows null. */
	if (!rc_is_ok(report_set(o, "field", json_string_nocheck(field))) ||
	    !rc_is_ok(report_set(o, "old", was == NULL ? json_null() : json_deep_copy(was))) ||
	    !rc_is_ok(report_set(o, "new", is == NULL ? json_null() : json_deep_copy(is)))) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* Scalars of two objects, named "a.b.c"; lists are compared elsewhere. */
static rc fields(struct diff *d, const char *prefix, const json_t *was, const json_t *is,
		 unsigned depth)
{
	json_t *list = json_object_get(d->o, "fields");
	const json_t *sides[2] = {was, is};

	for (int side = 0; side < 2; side++) {
		void *it = json_object_iter((json_t *)(uintptr_t)sides[side]);

		for (; it != NULL;
		     it = json_object_iter_next((json_t *)(uintptr_t)sides[side], it)) {
			const char *key = json_object_iter_key(it);
			const json_t *a = json_object_get(was, key);
			const json_t *b = json_object_get(is, key);
			char name[600];

			if (side == 1 && a != NULL)
				continue; /* seen from the old side */
			if ((size_t)snprintf(name, sizeof(name), "%s.%s", prefix, key) >=
			    sizeof(name))
				return RC(RC_SYNTAX);
			if (json_is_object(a) || json_is_object(b)) {
				if (depth == FIELD_DEPTH)
					return RC(RC_SYNTAX);
				TRY(fields(d, name, a, b, depth + 1));
				continue;
			}
			if (json_is_array(a) || json_is_array(b) || json_equal(a, b))
				continue;
			TRY(list_add(d, list, change(name, a, b)));
		}
	}
	return OK;
}

/* Fills map with the list's objects under their key; the n-th of the same name gets a number, so
 * that duplicates are compared too. */
static rc keyed(const json_t *list, const char *key_name, json_t *map)
{
	size_t i;
	json_t *e;

	json_array_foreach(list, i, e)
	{
		const json_t *name = json_object_get(e, key_name);
		char key[KEY_MAX];
		unsigned n = 1;

		if (!json_is_string(name) || json_string_length(name) >= KEY_MAX - 16)
			return RC(RC_SYNTAX);
		(void)snprintf(key, sizeof(key), "%s", json_string_value(name));
		while (json_object_get(map, key) != NULL) {
			if (++n > 1000)
				return RC(RC_LIMIT);
			(void)snprintf(key, sizeof(key), "%s\n%u", json_string_value(name), n);
		}
		TRY(report_set(map, key, json_incref(e)));
	}
	return OK;
}

/* What of an entry makes a change worth a line, in the order people read it. */
static const char *const entry_fields[] = {"type",   "mode",  "setid", "uid",
					   "gid",    "owner", "group", "capabilities",
					   "target", "size",  "sha256"};
static const char *const section_fields[] = {"flags", "virtual_size", "raw_size", "entropy",
					     "sha256"};
static const char *const script_fields[] = {"size", "sha256"};
static const char *const record_fields[] = {"classes", "package", "path"};

struct compared {
	const char *key;
	const char *const *fields;
	size_t field_count;
	const char *shown; /* what people know it by, if that is not the key */
};

static rc one_changed(struct diff *d, json_t *list, const struct compared *c, const json_t *was,
		      const json_t *is)
{
	AUTO(json) json_t *changes = json_array();
	json_t *o;

	for (size_t i = 0; i < c->field_count; i++) {
		const json_t *a = json_object_get(was, c->fields[i]);
		const json_t *b = json_object_get(is, c->fields[i]);

		if (json_equal(a, b) || (a == NULL && b == NULL))
			continue;
		TRY(report_add(changes, change(c->fields[i], a, b)));
	}
	if (json_array_size(changes) == 0)
		return OK;
	o = json_object();
	TRY(report_set(o, c->key, json_incref(json_object_get(is, c->key))));
	if (c->shown != NULL && json_object_get(is, c->shown) != NULL)
		TRY(report_set(o, c->shown, json_incref(json_object_get(is, c->shown))));
	TRY(report_set(o, "changes", json_incref(changes)));
	return list_add(d, list, o);
}

static rc lists(struct diff *d, const char *name, const struct compared *c, const json_t *was,
		const json_t *is)
{
	AUTO(json) json_t *old_map = json_object();
	AUTO(json) json_t *new_map = json_object();
	json_t *o = json_object();
	json_t *counts = json_object();
	json_t *parts[3] = {json_array(), json_array(), json_array()};
	static const char *const names[3] = {"added", "removed", "changed"};
	size_t n[3] = {0, 0, 0};
	size_t same;
	const char *key;
	json_t *e;

	TRY(report_set(d->o, name, o));
	for (int i = 0; i < 3; i++)
		TRY(report_set(o, names[i], parts[i]));
	TRY(report_set(o, "counts", counts));
	TRY(keyed(was, c->key, old_map));
	TRY(keyed(is, c->key, new_map));
	json_object_foreach(new_map, key, e)
	{
		const json_t *before = json_object_get(old_map, key);
		size_t size = json_array_size(parts[2]);

		if (before == NULL) {
			n[0]++;
			TRY(list_add(d, parts[0], json_incref(e)));
			continue;
		}
		TRY(one_changed(d, parts[2], c, before, e));
		n[2] += json_array_size(parts[2]) != size;
	}
	json_object_foreach(old_map, key, e)
	{
		if (json_object_get(new_map, key) != NULL)
			continue;
		n[1]++;
		TRY(list_add(d, parts[1], json_incref(e)));
	}
	same = json_object_size(new_map) - n[0] - n[2];
	for (int i = 0; i < 3; i++)
		TRY(report_set_u64(counts, names[i], n[i]));
	return report_set_u64(counts, "unchanged", same);
}

/* What is compared: the text, behind a line of what runs it where the script says that apart. */
static void put_script(const json_t *script, struct buf *out)
{
	const json_t *program = json_object_get(script, "program");
	const json_t *text = json_object_get(script, "text");

	buf_init(out, 16 + json_string_length(program) + json_string_length(text));
	if (json_is_string(program))
		buf_printf(out, "run by %s\n", json_string_value(program));
	if (json_is_string(text))
		buf_put(out, json_string_value(text), json_string_length(text));
}

static bool is_same_script(const json_t *a, const json_t *b)
{
	const json_t *x = json_object_get(a, "program"), *y = json_object_get(b, "program");

	return json_equal(json_object_get(a, "sha256"), json_object_get(b, "sha256")) &&
	       (x == y || json_equal(x, y));
}

static rc script_diff(struct diff *d, json_t *list, const json_t *was, const json_t *is)
{
	const json_t *any = is != NULL ? is : was;
	const char *what = was == NULL ? "added" : is == NULL ? "removed" : "changed";
	AUTO(buf) struct buf b = {0};
	AUTO(buf) struct buf before = {0};
	AUTO(buf) struct buf after = {0};
	json_t *o = json_object();
	bool cut;

	buf_init(&b, DIFF_SCRIPT_TEXT + 1);
	put_script(was, &before);
	put_script(is, &after);
	TRY(buf_done(&before));
	TRY(buf_done(&after));
	TRY(text_diff(buf_view(&before), buf_view(&after), &b, &cut));
	TRY(list_add(d, list, o));
	TRY(report_set(o, "name", json_incref(json_object_get(any, "name"))));
	TRY(report_set(o, "change", json_string_nocheck(what)));
	TRY(report_set(o, "diff", json_stringn(b.len == 0 ? "" : (const char *)b.ptr, b.len)));
	if (!cut)
		return OK;
	d->complete = false;
	return report_set(o, "cut", json_true());
}

static rc scripts(struct diff *d, const json_t *was, const json_t *is)
{
	AUTO(json) json_t *old_map = json_object();
	AUTO(json) json_t *new_map = json_object();
	json_t *list = json_array();
	const char *key;
	json_t *e;

	TRY(report_set(d->o, "scripts", list));
	TRY(keyed(was, "name", old_map));
	TRY(keyed(is, "name", new_map));
	json_object_foreach(new_map, key, e)
	{
		const json_t *before = json_object_get(old_map, key);

		if (before == NULL || !is_same_script(before, e))
			TRY(script_diff(d, list, before, e));
	}
	json_object_foreach(old_map, key, e)
	{
		if (json_object_get(new_map, key) == NULL)
			TRY(script_diff(d, list, e, NULL));
	}
	return OK;
}

/* "dll!function" of every import as the keys of an object. DLL names are compared without case. */
static rc import_set(const json_t *imports, json_t *set)
{
	size_t i, k;
	json_t *dll, *function;

	json_array_foreach(imports, i, dll)
	{
		const char *name = json_string_value(json_object_get(dll, "dll"));
		char key[KEY_MAX];
		size_t len;

		if (name == NULL || strlen(name) > 1024)
			return RC(RC_SYNTAX);
		len = strlen(name);
		for (size_t c = 0; c < len; c++)
			key[c] = name[c] >= 'A' && name[c] <= 'Z' ? (char)(name[c] + 32) : name[c];
		key[len] = '\0';
		TRY(report_set(set, key, json_true()));
		json_array_foreach(json_object_get(dll, "functions"), k, function)
		{
			if (!json_is_string(function) || json_string_length(function) > 4096)
				return RC(RC_SYNTAX);
			(void)snprintf(key + len, sizeof(key) - len, "!%s",
				       json_string_value(function));
			TRY(report_set(set, key, json_true()));
		}
	}
	return OK;
}

/* A finding is the same if code, path and text are. */
static rc finding_set(const json_t *findings, json_t *set)
{
	size_t i;
	json_t *e;

	json_array_foreach(findings, i, e)
	{
		const char *code = json_string_value(json_object_get(e, "code"));
		const char *path = json_string_value(json_object_get(e, "path"));
		const char *text = json_string_value(json_object_get(e, "text"));
		char key[2 * KEY_MAX];

		if (code == NULL || text == NULL ||
		    (size_t)snprintf(key, sizeof(key), "%s\n%s\n%s", code, path == NULL ? "" : path,
				     text) >= sizeof(key))
			return RC(RC_SYNTAX);
		TRY(report_set(set, key, json_incref(e)));
	}
	return OK;
}

/* names[0]: what only the new set has, names[1]: what only the old one has. Objects are shown as
 * they are, marks by their key. */
static rc sets(struct diff *d, const char *name, const char *const names[2], const json_t *old_set,
	       const json_t *new_set)
{
	const json_t *sides[2] = {new_set, old_set};
	json_t *o = json_object();

	TRY(report_set(d->o, name, o));
	for (int i = 0; i < 2; i++) {
		json_t *list = json_array();
		const char *key;
		json_t *e;

		TRY(report_set(o, names[i], list));
		json_object_foreach((json_t *)(uintptr_t)sides[i], key, e)
		{
			if (json_object_get(sides[1 - i], key) != NULL)
				continue;
			TRY(list_add(d, list,
				     json_is_object(e) ? json_incref(e) : json_string(key)));
		}
	}
	return OK;
}

static rc set_lists(struct diff *d, const json_t *was, const json_t *is)
{
	static const char *const changed[2] = {"added", "removed"};
	static const char *const found[2] = {"new", "gone"};
	AUTO(json) json_t *a = json_object();
	AUTO(json) json_t *b = json_object();
	AUTO(json) json_t *x = json_object();
	AUTO(json) json_t *y = json_object();

	TRY(import_set(json_object_get(json_object_get(was, "pe"), "imports"), a));
	TRY(import_set(json_object_get(json_object_get(is, "pe"), "imports"), b));
	TRY(sets(d, "imports", changed, a, b));
	TRY(finding_set(json_object_get(was, "findings"), x));
	TRY(finding_set(json_object_get(is, "findings"), y));
	return sets(d, "findings", found, x, y);
}

/* {name, size, sha256, type} of one side. */
static rc side(struct diff *d, const char *name, const json_t *report)
{
	static const char *const keys[] = {"name", "size", "sha256", "type"};
	json_t *o = json_object();

	TRY(report_set(d->o, name, o));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *v = json_object_get(report, keys[i]);

		if (strcmp(keys[i], "size") == 0 ? !json_is_integer(v) : !json_is_string(v))
			return RC(RC_SYNTAX);
		TRY(report_set(o, keys[i], json_incref(v)));
	}
	if (!json_is_true(json_object_get(report, "complete")))
		d->complete = false;
	return OK;
}

static const json_t *records_of(const json_t *report)
{
	const json_t *list = json_object_get(report, "list");

	return json_object_get(list != NULL ? list : json_object_get(report, "record"), "records");
}

/* Of a package, whatever kind it is of. */
static const json_t *scripts_of(const json_t *report)
{
	const json_t *deb = json_object_get(report, "deb");

	return json_object_get(deb != NULL ? deb : json_object_get(report, "rpm"), "scripts");
}

static rc all(struct diff *d, const json_t *was, const json_t *is)
{
	static const char *const kinds[] = {"deb", "rpm", "npm", "pe", "list", "record"};
	const struct compared entries = {"path", entry_fields,
					 sizeof(entry_fields) / sizeof(entry_fields[0])};
	const struct compared pe_sections = {"name", section_fields,
					     sizeof(section_fields) / sizeof(section_fields[0])};
	const struct compared deb_files = {"path", script_fields, 2};
	const struct compared contents = {"sha256", record_fields, 3, "path"};
	const json_t *a = json_object_get(was, "deb");
	const json_t *b = json_object_get(is, "deb");

	TRY(report_set(d->o, "schema", json_string_nocheck(DIFF_SCHEMA)));
	TRY(side(d, "old", was));
	TRY(side(d, "new", is));
	TRY(report_set(d->o, "identical",
		       json_boolean(json_equal(json_object_get(was, "sha256"),
					       json_object_get(is, "sha256")))));
	TRY(report_set(d->o, "fields", json_array()));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		TRY(fields(d, kinds[i], json_object_get(was, kinds[i]),
			   json_object_get(is, kinds[i]), 0));
	TRY(lists(d, "files", &entries, json_object_get(json_object_get(was, "archive"), "entries"),
		  json_object_get(json_object_get(is, "archive"), "entries")));
	TRY(lists(d, "control", &deb_files, json_object_get(a, "files"),
		  json_object_get(b, "files")));
	TRY(scripts(d, scripts_of(was), scripts_of(is)));
	TRY(lists(d, "sections", &pe_sections,
		  json_object_get(json_object_get(was, "pe"), "sections"),
		  json_object_get(json_object_get(is, "pe"), "sections")));
	TRY(set_lists(d, was, is));
	/* A list is compared with a list; with another kind of file, everything is new or gone. */
	TRY(lists(d, "records", &contents, records_of(was), records_of(is)));
	return report_set(d->o, "complete", json_boolean(d->complete));
}

static bool is_report(const json_t *j)
{
	const char *schema = json_string_value(json_object_get(j, "schema"));

	return schema != NULL && strcmp(schema, INSPECT_SCHEMA) == 0;
}

rc report_diff(const json_t *old_report, const json_t *new_report, json_t **ret, struct fault *f)
{
	AUTO(json) json_t *o = json_object();
	struct diff d = {.o = o, .complete = true};
	rc r;

	if (!is_report(old_report) || !is_report(new_report))
		return fault_set(f, RC_SYNTAX, 0, "diff: not a report of %s", INSPECT_SCHEMA);
	r = o == NULL ? RC(RC_NOMEM) : all(&d, old_report, new_report);
	if (!rc_is_ok(r))
		return fault_set(f, r.code == RC_NOMEM ? RC_NOMEM : RC_SYNTAX, 0, "diff: %s",
				 r.code == RC_NOMEM ? "no memory" : "a report is malformed");
	*ret = o;
	o = NULL;
	return OK;
}
