#include "lib/format/report_text.h"

#include <string.h>

#include "lib/format/diff.h"
#include "lib/format/inspect.h"

#define LIST_SHOWN 12 /* entries of a list unless style.all */

struct page {
	struct text_style style;
	struct buf *out;
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

/* Text from a report, harmless for a terminal whatever the report holds. */
static void put_text(struct page *p, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == 0x7f || c < 0x20)
			buf_printf(p->out, "\\x%02x", c);
		else if (c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0)
			buf_put_u8(p->out, '?'); /* C1 controls begin so in UTF-8 */
		else
			buf_put_u8(p->out, c);
	}
}

static void colour(struct page *p, const char *code)
{
	if (p->style.colour)
		buf_printf(p->out, "\033[%sm", code);
}

static void put_coloured(struct page *p, const char *code, const char *s)
{
	colour(p, code);
	put_text(p, s);
	colour(p, "0");
}

/* A JSON scalar as people write it. */
static void put_value(struct page *p, const json_t *v)
{
	if (json_is_string(v))
		put_text(p, json_string_value(v));
	else if (json_is_integer(v))
		buf_printf(p->out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_boolean(v))
		buf_put_str(p->out, json_is_true(v) ? "yes" : "no");
	else
		buf_put_str(p->out, "-");
}

static size_t shown(const struct page *p, const json_t *list)
{
	size_t n = json_array_size(list);

	return p->style.all || n <= LIST_SHOWN ? n : LIST_SHOWN;
}

static void put_more(struct page *p, const json_t *list)
{
	size_t n = json_array_size(list);

	if (shown(p, list) < n)
		buf_printf(p->out, "    ... and %zu more (--all)\n", n - shown(p, list));
}

static void put_findings(struct page *p, const json_t *list, const char *title)
{
	if (json_array_size(list) == 0)
		return;
	buf_printf(p->out, "  %s\n", title);
	for (size_t i = 0; i < shown(p, list); i++) {
		const json_t *row = json_array_get(list, i);
		const char *severity = text_of(row, "severity");

		buf_put_str(p->out, "    ");
		put_coloured(p, strcmp(severity, "info") == 0 ? "0" : "33", severity);
		buf_put_str(p->out, "  ");
		put_text(p, text_of(row, "text"));
		if (text_of(row, "path")[0] != '\0') {
			buf_put_str(p->out, ": ");
			put_text(p, text_of(row, "path"));
		}
		buf_put_str(p->out, "\n");
	}
	put_more(p, list);
}

static void put_entry(struct page *p, const json_t *e)
{
	buf_put_str(p->out, "    ");
	put_text(p, text_of(e, "mode"));
	buf_put_str(p->out, " ");
	put_text(p, text_of(e, "owner"));
	buf_printf(p->out, " %10" JSON_INTEGER_FORMAT " ",
		   json_integer_value(json_object_get(e, "size")));
	put_text(p, text_of(e, "path"));
	if (text_of(e, "link")[0] != '\0') {
		buf_put_str(p->out, " -> ");
		put_text(p, text_of(e, "link"));
	}
	if (json_is_true(json_object_get(e, "setuid")) ||
	    json_is_true(json_object_get(e, "setgid")))
		put_coloured(p, "31", "  setuid/setgid");
	buf_put_str(p->out, "\n");
}

static void put_archive(struct page *p, const json_t *archive, const char *title)
{
	const json_t *entries = json_object_get(archive, "entries");

	if (!json_is_object(archive))
		return;
	buf_printf(p->out, "  %s: %" JSON_INTEGER_FORMAT " entries\n", title,
		   json_integer_value(json_object_get(archive, "count")));
	for (size_t i = 0; i < shown(p, entries); i++)
		put_entry(p, json_array_get(entries, i));
	put_more(p, entries);
}

/* Every scalar of an object, one a line; lists and objects are shown by their own functions. */
static void put_scalars(struct page *p, const json_t *o, const char *indent)
{
	void *it = json_object_iter((json_t *)(uintptr_t)o);

	for (; it != NULL; it = json_object_iter_next((json_t *)(uintptr_t)o, it)) {
		const json_t *v = json_object_iter_value(it);

		if (json_is_object(v) || json_is_array(v))
			continue;
		buf_printf(p->out, "%s", indent);
		put_text(p, json_object_iter_key(it));
		buf_put_str(p->out, ": ");
		put_value(p, v);
		buf_put_str(p->out, "\n");
	}
}

static void put_scripts(struct page *p, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);
		const char *line = text_of(s, "text");

		buf_put_str(p->out, "    script ");
		put_coloured(p, "1", text_of(s, "name"));
		buf_put_str(p->out, "\n");
		while (*line != '\0') {
			size_t len = strcspn(line, "\n");

			buf_put_str(p->out, "      | ");
			for (size_t k = 0; k < len; k++) {
				char one[2] = {line[k], '\0'};

				put_text(p, one);
			}
			buf_put_str(p->out, "\n");
			line += len + (line[len] == '\n');
		}
	}
}

static void put_package(struct page *p, const json_t *report, const char *kind)
{
	const json_t *o = json_object_get(report, kind);

	if (!json_is_object(o))
		return;
	buf_printf(p->out, "  %s package\n", kind);
	put_scalars(p, o, "    ");
	put_scalars(p, json_object_get(o, "control"), "    ");
	put_scripts(p, json_object_get(o, "scripts"));
	put_archive(p, json_object_get(o, "data"), "installs");
	put_archive(p, json_object_get(o, "data_archive"), "installs");
}

static void put_pe(struct page *p, const json_t *pe)
{
	const json_t *list = json_object_get(pe, "imports");
	const json_t *row;
	size_t i;

	if (!json_is_object(pe))
		return;
	buf_put_str(p->out, "  Windows program\n");
	put_scalars(p, pe, "    ");
	json_array_foreach(json_object_get(pe, "sections"), i, row)
	{
		buf_put_str(p->out, "    section ");
		put_text(p, text_of(row, "name"));
		buf_printf(p->out, " %s %" JSON_INTEGER_FORMAT " bytes, entropy %.2f\n",
			   text_of(row, "flags"),
			   json_integer_value(json_object_get(row, "raw_size")),
			   (double)json_integer_value(json_object_get(row, "entropy")) / 100);
	}
	for (i = 0; i < shown(p, list); i++) {
		row = json_array_get(list, i);
		buf_put_str(p->out, "    imports ");
		put_text(p, text_of(row, "dll"));
		buf_printf(p->out, " (%zu functions)\n",
			   json_array_size(json_object_get(row, "functions")));
	}
	put_more(p, list);
	put_scalars(p, json_object_get(json_object_get(pe, "version"), "strings"), "    ");
}

rc report_print_text(const json_t *report, struct text_style style, struct buf *out,
		     struct fault *f)
{
	struct page p = {.style = style, .out = out};

	if (strcmp(text_of(report, "schema"), INSPECT_SCHEMA) != 0)
		return fault_set(f, RC_SYNTAX, 0, "not an inspection report");
	put_coloured(&p, "1", text_of(report, "name"));
	buf_printf(out, "\n  %s, %" JSON_INTEGER_FORMAT " bytes\n  sha256 %s\n",
		   text_of(report, "type"), json_integer_value(json_object_get(report, "size")),
		   text_of(report, "sha256"));
	if (!json_is_true(json_object_get(report, "complete")))
		buf_put_str(out, "  the listing is not complete: a limit was reached\n");
	put_findings(&p, json_object_get(report, "findings"), "worth a look");
	put_pe(&p, json_object_get(report, "pe"));
	put_package(&p, report, "deb");
	put_package(&p, report, "npm");
	put_archive(&p, json_object_get(report, "archive"), "contents");
	return buf_done(out);
}

/* "old -> new" for a changed field. */
static void put_field(struct page *p, const json_t *row, const char *indent)
{
	buf_printf(p->out, "%s", indent);
	put_text(p, text_of(row, "field"));
	buf_put_str(p->out, ": ");
	colour(p, "31");
	put_value(p, json_object_get(row, "old"));
	colour(p, "0");
	buf_put_str(p->out, " -> ");
	colour(p, "32");
	put_value(p, json_object_get(row, "new"));
	colour(p, "0");
	buf_put_str(p->out, "\n");
}

static void put_names(struct page *p, const json_t *list, const char *mark, const char *code)
{
	for (size_t i = 0; i < shown(p, list); i++) {
		const json_t *row = json_array_get(list, i);
		const char *name = json_string_value(row);

		if (name == NULL)
			name = text_of(row, "path")[0] != '\0'	 ? text_of(row, "path")
			       : text_of(row, "name")[0] != '\0' ? text_of(row, "name")
								 : text_of(row, "dll");
		buf_put_str(p->out, "    ");
		colour(p, code);
		buf_printf(p->out, "%s ", mark);
		put_text(p, name);
		colour(p, "0");
		buf_put_str(p->out, "\n");
		for (size_t k = 0; k < json_array_size(json_object_get(row, "changes")); k++)
			put_field(p, json_array_get(json_object_get(row, "changes"), k),
				  "        ");
		if (text_of(row, "diff")[0] != '\0') {
			const char *line = text_of(row, "diff");

			for (; *line != '\0';
			     line += strcspn(line, "\n") + (line[strcspn(line, "\n")] != 0)) {
				buf_put_str(p->out, "      | ");
				for (size_t n = strcspn(line, "\n"), at = 0; at < n; at++) {
					char one[2] = {line[at], '\0'};

					put_text(p, one);
				}
				buf_put_str(p->out, "\n");
			}
		}
	}
	put_more(p, list);
}

static void put_section(struct page *p, const char *title, const json_t *o)
{
	const json_t *added = json_object_get(o, "added");
	const json_t *removed = json_object_get(o, "removed");
	const json_t *changed = json_object_get(o, "changed");

	if (json_array_size(added) + json_array_size(removed) + json_array_size(changed) == 0)
		return;
	buf_printf(p->out, "  %s\n", title);
	put_names(p, added, "+", "32");
	put_names(p, removed, "-", "31");
	put_names(p, changed, "~", "33");
}

rc diff_print_text(const json_t *diff, struct text_style style, struct buf *out, struct fault *f)
{
	struct page p = {.style = style, .out = out};
	size_t before;
	void *it;

	if (strcmp(text_of(diff, "schema"), DIFF_SCHEMA) != 0)
		return fault_set(f, RC_SYNTAX, 0, "not a diff of inspection reports");
	buf_put_str(out, "changes since the last signed version\n");
	before = out->len;
	for (size_t i = 0; i < json_array_size(json_object_get(diff, "fields")); i++)
		put_field(&p, json_array_get(json_object_get(diff, "fields"), i), "  ");
	for (it = json_object_iter((json_t *)(uintptr_t)diff); it != NULL;
	     it = json_object_iter_next((json_t *)(uintptr_t)diff, it))
		if (json_is_object(json_object_iter_value(it)))
			put_section(&p, json_object_iter_key(it), json_object_iter_value(it));
	put_findings(&p, json_object_get(diff, "findings"), "newly worth a look");
	if (out->len == before)
		buf_put_str(out, "  none that the inspection sees\n");
	return buf_done(out);
}
