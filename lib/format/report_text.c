#include "lib/format/report_text.h"

#include <stdio.h>
#include <string.h>

#include "lib/format/clean.h"
#include "lib/format/diff.h"
#include "lib/format/inspect.h"

#define FEW 20	       /* lines of a list, unless all are wanted */
#define SHOWN_MAX 4200 /* bytes of one string */
#define LABEL 12       /* columns of the labels */

enum tone { TONE_PLAIN, TONE_BOLD, TONE_DIM, TONE_RED, TONE_YELLOW, TONE_GREEN };
static const char *const tones[] = {
	[TONE_PLAIN] = "",	 [TONE_BOLD] = "\033[1m",    [TONE_DIM] = "\033[2m",
	[TONE_RED] = "\033[31m", [TONE_YELLOW] = "\033[33m", [TONE_GREEN] = "\033[32m",
};

struct text {
	struct buf *out;
	struct text_style style;
};

static void tone(struct text *t, enum tone tone)
{
	if (t->style.colour && tone != TONE_PLAIN)
		buf_put_str(t->out, tones[tone]);
}

static void tone_end(struct text *t, enum tone tone)
{
	if (t->style.colour && tone != TONE_PLAIN)
		buf_put_str(t->out, "\033[0m");
}

/* Our own words. */
static void words(struct text *t, enum tone how, const char *s)
{
	tone(t, how);
	buf_put_str(t->out, s);
	tone_end(t, how);
}

/* A string of the report, safe for a terminal whatever it holds; numbers and truths as themselves.
 */
static void value(struct text *t, enum tone how, const json_t *v)
{
	tone(t, how);
	if (json_is_string(v))
		(void)clean_put(t->out, view_of(json_string_value(v), json_string_length(v)),
				CLEAN_SHOWN, SHOWN_MAX);
	else if (json_is_integer(v))
		buf_printf(t->out, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		buf_put_str(t->out, json_is_true(v) ? "yes" : "no");
	else
		buf_put_str(t->out, "none");
	tone_end(t, how);
}

static const json_t *get(const json_t *o, const char *key)
{
	return json_object_get(o, key);
}

static bool is(const json_t *v, const char *text)
{
	return json_is_string(v) && strcmp(json_string_value(v), text) == 0;
}

static void heading(struct text *t, const char *s)
{
	buf_put_u8(t->out, '\n');
	words(t, TONE_BOLD, s);
}

static void label(struct text *t, const char *s)
{
	buf_printf(t->out, "  %-*s", LABEL, s);
}

static void row(struct text *t, const char *name, const json_t *v)
{
	if (v == NULL)
		return;
	label(t, name);
	value(t, TONE_PLAIN, v);
	buf_put_u8(t->out, '\n');
}

/* Whether line i of n is still shown; the last one says how many are not. */
static bool shown(struct text *t, size_t i, size_t n)
{
	if (t->style.all || i < FEW)
		return true;
	if (i == FEW)
		buf_printf(t->out, "  ... and %zu more\n", n - FEW);
	return false;
}

/* One line of a text, in which tabs stay tabs. */
static void tabbed(struct text *t, struct view line)
{
	struct view part;

	while (rc_is_ok(view_until(&line, '\t', &part))) {
		(void)clean_put(t->out, part, CLEAN_SHOWN, SHOWN_MAX);
		buf_put_u8(t->out, '\t');
	}
	(void)clean_put(t->out, line, CLEAN_SHOWN, SHOWN_MAX);
}

/* A text of several lines, each behind a bar; without "|" in it they are those of a diff. */
static void block(struct text *t, const json_t *text, const char *bar)
{
	struct view rest = view_of(json_string_value(text), json_string_length(text));
	size_t lines = 0;

	while (rest.len > 0) {
		struct view line;
		enum tone how = TONE_PLAIN;

		if (!rc_is_ok(view_until(&rest, '\n', &line))) {
			line = rest;
			rest = (struct view){0};
		}
		if (lines++ == 200 && !t->style.all) {
			buf_printf(t->out, "%s... the rest is in the report\n", bar);
			return;
		}
		if (line.len > 0 && strchr(bar, '|') == NULL)
			how = line.ptr[0] == '+'   ? TONE_GREEN
			      : line.ptr[0] == '-' ? TONE_RED
			      : line.ptr[0] == '@' ? TONE_DIM
						   : TONE_PLAIN;
		buf_put_str(t->out, bar);
		tone(t, how);
		tabbed(t, line);
		tone_end(t, how);
		buf_put_u8(t->out, '\n');
	}
}

static enum tone severity_tone(const json_t *severity)
{
	return is(severity, "error") ? TONE_RED : is(severity, "warning") ? TONE_YELLOW : TONE_DIM;
}

static void findings(struct text *t, const char *title, const json_t *list, const json_t *left_off)
{
	static const char *const order[] = {"error", "warning", "notice"};
	size_t n = json_array_size(list);
	size_t line = 0;
	bool more = false;

	heading(t, title);
	buf_printf(t->out, " (%zu)\n", n);
	for (size_t s = 0; s < 3; s++) {
		size_t i;
		json_t *e;

		json_array_foreach(list, i, e)
		{
			const json_t *severity = get(e, "severity");

			if (!is(severity, order[s]) || more)
				continue;
			if (!shown(t, line++, n)) {
				more = true;
				continue;
			}
			buf_put_str(t->out, "  ");
			words(t, severity_tone(severity), order[s]);
			buf_printf(t->out, "%*s", LABEL - 2 - (int)strlen(order[s]), "");
			if (get(e, "path") != NULL) {
				value(t, TONE_PLAIN, get(e, "path"));
				buf_put_str(t->out, ": ");
			}
			value(t, TONE_PLAIN, get(e, "text"));
			buf_put_str(t->out, " [");
			value(t, TONE_DIM, get(e, "code"));
			buf_put_str(t->out, "]\n");
		}
	}
	if (json_is_integer(left_off))
		buf_printf(t->out, "  and %lld that the report has no room for\n",
			   (long long)json_integer_value(left_off));
}

/* "program interpreter  dash 0.5.12-2 amd64  /usr/bin/dash  sha256 5f0c..." */
static void record(struct text *t, const json_t *e)
{
	const json_t *digest = get(e, "sha256");
	const char *classes = json_string_value(get(e, "classes"));
	bool harmful = classes != NULL &&
		       (strstr(classes, "producer") != NULL || strstr(classes, "revoked") != NULL);

	value(t, harmful ? TONE_YELLOW : TONE_PLAIN, get(e, "classes"));
	if (get(e, "package") != NULL) {
		buf_put_str(t->out, "  ");
		value(t, TONE_DIM, get(e, "package"));
	}
	if (get(e, "path") != NULL) {
		buf_put_str(t->out, "  ");
		value(t, TONE_PLAIN, get(e, "path"));
	}
	buf_put_str(t->out, "  sha256 ");
	value(t, TONE_DIM, digest);
	buf_put_u8(t->out, '\n');
}

/* "4755 root:root      12  usr/bin/tool -> target" */
static void entry(struct text *t, const json_t *e)
{
	const json_t *owner = get(e, "owner") != NULL ? get(e, "owner") : get(e, "uid");
	const json_t *group = get(e, "group") != NULL ? get(e, "group") : get(e, "gid");
	enum tone how = json_is_true(get(e, "setid")) ? TONE_YELLOW : TONE_PLAIN;

	if (get(e, "classes") != NULL) {
		record(t, e);
		return;
	}
	if (get(e, "mode") != NULL) {
		value(t, how, get(e, "mode"));
		buf_put_u8(t->out, ' ');
	}
	if (owner != NULL || group != NULL) {
		value(t, TONE_DIM, owner == NULL ? get(e, "uid") : owner);
		buf_put_u8(t->out, ':');
		value(t, TONE_DIM, group);
		buf_put_u8(t->out, ' ');
	}
	if (json_is_integer(get(e, "size")))
		buf_printf(t->out, "%10lld ", (long long)json_integer_value(get(e, "size")));
	else
		buf_printf(t->out, "%10s ", is(get(e, "type"), "dir") ? "" : "-");
	value(t, TONE_PLAIN, get(e, "path") != NULL ? get(e, "path") : get(e, "name"));
	if (get(e, "target") != NULL) {
		buf_put_str(t->out, is(get(e, "type"), "hardlink") ? " = " : " -> ");
		value(t, TONE_PLAIN, get(e, "target"));
	}
	if (json_is_true(get(e, "setid")))
		words(t, TONE_YELLOW, "  (setuid or setgid)");
	buf_put_u8(t->out, '\n');
}

static void entries(struct text *t, const json_t *archive)
{
	const json_t *list = get(archive, "entries");
	size_t i;
	json_t *e;

	heading(t, "Files");
	buf_printf(t->out, " (%zu, %lld bytes unpacked)\n", json_array_size(list),
		   (long long)json_integer_value(get(archive, "expanded")));
	json_array_foreach(list, i, e)
	{
		if (!shown(t, i, json_array_size(list)))
			return;
		buf_put_str(t->out, "  ");
		entry(t, e);
	}
}

/* The scalars of an object, one a line. */
static void scalars(struct text *t, const json_t *o)
{
	void *it = json_object_iter((json_t *)(uintptr_t)o);

	for (; it != NULL; it = json_object_iter_next((json_t *)(uintptr_t)o, it)) {
		const json_t *v = json_object_iter_value(it);
		const json_t *name = json_string_nocheck(json_object_iter_key(it));

		if (!json_is_object(v) && !json_is_array(v)) {
			buf_put_str(t->out, "  ");
			value(t, TONE_DIM, name);
			buf_printf(t->out, "%*s",
				   json_string_length(name) < 14
					   ? 15 - (int)json_string_length(name)
					   : 1,
				   "");
			value(t, TONE_PLAIN, v);
			buf_put_u8(t->out, '\n');
		}
		json_decref((json_t *)(uintptr_t)name);
	}
}

/* what: "Debian package", facts: its scalars. */
static void package(struct text *t, const char *what, const json_t *facts, const json_t *scripts)
{
	size_t i;
	json_t *s;

	heading(t, what);
	buf_put_u8(t->out, '\n');
	scalars(t, facts);
	json_array_foreach(scripts, i, s)
	{
		heading(t, "Script ");
		value(t, TONE_BOLD, get(s, "name"));
		if (get(s, "program") != NULL) {
			buf_put_str(t->out, " by ");
			value(t, TONE_PLAIN, get(s, "program"));
		}
		buf_put_str(t->out, ", runs as root, sha256 ");
		value(t, TONE_DIM, get(s, "sha256"));
		buf_put_u8(t->out, '\n');
		block(t, get(s, "text"), "  | ");
	}
}

static void npm(struct text *t, const json_t *o)
{
	heading(t, "npm package\n");
	scalars(t, o);
	if (json_object_size(get(o, "scripts")) == 0)
		return;
	heading(t, "Scripts\n");
	scalars(t, get(o, "scripts"));
}

static void pe_lists(struct text *t, const json_t *pe)
{
	size_t i, k;
	json_t *e, *name;

	heading(t, "Sections\n");
	json_array_foreach(get(pe, "sections"), i, e)
	{
		if (!shown(t, i, json_array_size(get(pe, "sections"))))
			break;
		buf_put_str(t->out, "  ");
		value(t, TONE_PLAIN, get(e, "flags"));
		buf_printf(t->out, " %10lld bytes, entropy %lld.%02lld  ",
			   (long long)json_integer_value(get(e, "raw_size")),
			   (long long)json_integer_value(get(e, "entropy")) / 100,
			   (long long)json_integer_value(get(e, "entropy")) % 100);
		value(t, TONE_PLAIN, get(e, "name"));
		buf_put_u8(t->out, '\n');
	}
	heading(t, "Imports\n");
	json_array_foreach(get(pe, "imports"), i, e)
	{
		const json_t *list = get(e, "functions");

		if (!shown(t, i, json_array_size(get(pe, "imports"))))
			break;
		buf_put_str(t->out, "  ");
		value(t, TONE_PLAIN, get(e, "dll"));
		json_array_foreach(list, k, name)
		{
			if (k == FEW && !t->style.all) {
				buf_printf(t->out, ", ... and %zu more",
					   json_array_size(list) - FEW);
				break;
			}
			buf_put_str(t->out, k == 0 ? ": " : ", ");
			value(t, TONE_PLAIN, name);
		}
		buf_put_u8(t->out, '\n');
	}
}

static void pe(struct text *t, const json_t *o)
{
	heading(t, "Windows program\n");
	scalars(t, o);
	if (get(o, "version") != NULL) {
		heading(t, "Version\n");
		scalars(t, get(o, "version"));
		scalars(t, get(get(o, "version"), "strings"));
	}
	pe_lists(t, o);
}

/* An allowlist or a package record. */
static void approved(struct text *t, const char *title, const json_t *o)
{
	const json_t *list = get(o, "records");
	size_t i;
	json_t *e;

	if (o == NULL)
		return;
	heading(t, title);
	scalars(t, o);
	heading(t, "Contents\n");
	scalars(t, get(o, "counts"));
	json_array_foreach(list, i, e)
	{
		if (!shown(t, i, json_array_size(list)))
			return;
		buf_put_str(t->out, "  ");
		record(t, e);
	}
}

static void identity(struct text *t, const json_t *report)
{
	value(t, TONE_BOLD, get(report, "name"));
	buf_put_u8(t->out, '\n');
	row(t, "Type", get(report, "type"));
	label(t, "Size");
	value(t, TONE_PLAIN, get(report, "size"));
	buf_put_str(t->out, " bytes\n");
	row(t, "SHA-256", get(report, "sha256"));
}

rc report_print_text(const json_t *report, struct text_style style, struct buf *out,
		     struct fault *f)
{
	struct text t = {.out = out, .style = style};

	if (!is(get(report, "schema"), INSPECT_SCHEMA))
		return fault_set(f, RC_SYNTAX, 0, "report: not of %s", INSPECT_SCHEMA);
	identity(&t, report);
	if (!json_is_true(get(report, "complete"))) {
		label(&t, "");
		words(&t, TONE_RED, "This report does not show everything; see the errors below.");
		buf_put_u8(out, '\n');
	}
	findings(&t, "Findings", get(report, "findings"), get(report, "findings_left_off"));
	if (get(report, "deb") != NULL)
		package(&t, "Debian package", get(get(report, "deb"), "control"),
			get(get(report, "deb"), "scripts"));
	if (get(report, "rpm") != NULL)
		package(&t, "rpm package", get(report, "rpm"), get(get(report, "rpm"), "scripts"));
	if (get(report, "npm") != NULL)
		npm(&t, get(report, "npm"));
	if (get(report, "pe") != NULL)
		pe(&t, get(report, "pe"));
	if (get(report, "token") != NULL) {
		heading(&t, "Guard token\n");
		scalars(&t, get(report, "token"));
	}
	approved(&t, "Allowlist\n", get(report, "list"));
	approved(&t, "Package record\n", get(report, "record"));
	if (get(report, "archive") != NULL)
		entries(&t, get(report, "archive"));
	return buf_done(out);
}

static void field_change(struct text *t, const json_t *c, const char *indent)
{
	buf_put_str(t->out, indent);
	value(t, TONE_DIM, get(c, "field"));
	buf_put_str(t->out, ": ");
	value(t, TONE_RED, get(c, "old"));
	buf_put_str(t->out, " -> ");
	value(t, TONE_GREEN, get(c, "new"));
	buf_put_u8(t->out, '\n');
}

static void list_change(struct text *t, const char *title, const json_t *o)
{
	static const char *const names[] = {"added", "removed"};
	static const enum tone how[] = {TONE_GREEN, TONE_RED};
	const json_t *counts = get(o, "counts");
	size_t i, k;
	json_t *e, *c;

	if (json_array_size(get(o, "added")) + json_array_size(get(o, "removed")) +
		    json_array_size(get(o, "changed")) ==
	    0)
		return;
	heading(t, title);
	buf_printf(t->out, ": %lld added, %lld removed, %lld changed, %lld as before\n",
		   (long long)json_integer_value(get(counts, "added")),
		   (long long)json_integer_value(get(counts, "removed")),
		   (long long)json_integer_value(get(counts, "changed")),
		   (long long)json_integer_value(get(counts, "unchanged")));
	for (int part = 0; part < 2; part++)
		json_array_foreach(get(o, names[part]), i, e)
		{
			if (!shown(t, i, json_array_size(get(o, names[part]))))
				break;
			words(t, how[part], part == 0 ? "+ " : "- ");
			entry(t, e);
		}
	json_array_foreach(get(o, "changed"), i, e)
	{
		if (!shown(t, i, json_array_size(get(o, "changed"))))
			break;
		words(t, TONE_YELLOW, "~ ");
		value(t, TONE_PLAIN,
		      get(e, "path") != NULL   ? get(e, "path")
		      : get(e, "name") != NULL ? get(e, "name")
					       : get(e, "sha256"));
		buf_put_u8(t->out, '\n');
		json_array_foreach(get(e, "changes"), k, c) field_change(t, c, "      ");
	}
}

static void import_change(struct text *t, const json_t *o)
{
	static const char *const names[] = {"added", "removed"};
	size_t i;
	json_t *e;

	if (json_array_size(get(o, "added")) + json_array_size(get(o, "removed")) == 0)
		return;
	heading(t, "Imports\n");
	for (int part = 0; part < 2; part++)
		json_array_foreach(get(o, names[part]), i, e)
		{
			if (!shown(t, i, json_array_size(get(o, names[part]))))
				break;
			words(t, part == 0 ? TONE_GREEN : TONE_RED, part == 0 ? "+ " : "- ");
			value(t, TONE_PLAIN, e);
			buf_put_u8(t->out, '\n');
		}
}

static void script_changes(struct text *t, const json_t *list)
{
	size_t i;
	json_t *s;

	json_array_foreach(list, i, s)
	{
		heading(t, "Script ");
		value(t, TONE_BOLD, get(s, "name"));
		buf_put_str(t->out, " (runs as root): ");
		value(t, TONE_PLAIN, get(s, "change"));
		buf_put_u8(t->out, '\n');
		block(t, get(s, "diff"), "  ");
		if (json_is_true(get(s, "cut")))
			words(t, TONE_RED, "  The difference is longer than what is shown here.\n");
	}
}

static void field_changes(struct text *t, const json_t *list)
{
	size_t i;
	json_t *e;

	if (json_array_size(list) == 0)
		return;
	heading(t, "Fields\n");
	json_array_foreach(list, i, e)
	{
		if (!shown(t, i, json_array_size(list)))
			return;
		field_change(t, e, "  ");
	}
}

rc diff_print_text(const json_t *diff, struct text_style style, struct buf *out, struct fault *f)
{
	struct text t = {.out = out, .style = style};
	size_t before;

	if (!is(get(diff, "schema"), DIFF_SCHEMA))
		return fault_set(f, RC_SYNTAX, 0, "diff: not of %s", DIFF_SCHEMA);
	words(&t, TONE_DIM, "from  ");
	identity(&t, get(diff, "old"));
	words(&t, TONE_DIM, "to    ");
	identity(&t, get(diff, "new"));
	if (json_is_true(get(diff, "identical"))) {
		buf_put_str(out, "\nThe two are the same, byte for byte.\n");
		return buf_done(out);
	}
	before = out->len;
	if (!json_is_true(get(diff, "complete")))
		words(&t, TONE_RED, "\nThis comparison does not show everything.\n");
	if (json_array_size(get(get(diff, "findings"), "new")) != 0)
		findings(&t, "New findings", get(get(diff, "findings"), "new"), NULL);
	if (json_array_size(get(get(diff, "findings"), "gone")) != 0)
		findings(&t, "Findings that are gone", get(get(diff, "findings"), "gone"), NULL);
	field_changes(&t, get(diff, "fields"));
	script_changes(&t, get(diff, "scripts"));
	list_change(&t, "Files", get(diff, "files"));
	list_change(&t, "Control files", get(diff, "control"));
	list_change(&t, "Sections", get(diff, "sections"));
	list_change(&t, "Approved contents", get(diff, "records"));
	import_change(&t, get(diff, "imports"));
	if (out->len == before)
		words(&t, TONE_YELLOW,
		      "\nThe contents differ, in nothing that an inspection lists.\n");
	return buf_done(out);
}
