/* Debian packages: an ar of debian-binary, control.tar*, data.tar* (deb(5)). The tree of data.tar
 * is the report's archive; control fields, maintainer scripts and the ar's members are its deb
 * object. Owns: deb(5)'s rules. Must not own: reading archives (inspect_archive.c). */
#include <string.h>

#include "lib/format/inspect_tree.h"

#define CONTROL_MAX 65536 /* bytes of the control file that are read */
#define FIELDS_MAX 64
#define FIELD_TEXT 4096

/* The order of members, as tree.state of the outer ar. */
enum { WANT_BINARY, WANT_CONTROL, WANT_DATA, WANT_NOTHING };

static bool starts(struct view s, const char *head)
{
	size_t n = strlen(head);

	return s.len >= n && memcmp(s.ptr, head, n) == 0;
}

/* dpkg goes by the name: deb(5). false: it has no such compression. */
static bool filter_of(struct view path, const char *stem, int *ret)
{
	static const struct {
		const char *ending;
		int filter;
	} table[] = {
		{"", ARCHIVE_FILTER_NONE},	{".gz", ARCHIVE_FILTER_GZIP},
		{".xz", ARCHIVE_FILTER_XZ},	{".zst", ARCHIVE_FILTER_ZSTD},
		{".bz2", ARCHIVE_FILTER_BZIP2},
	};
	struct view ending = path;

	if (!rc_is_ok(view_skip(&ending, strlen(stem))))
		return false;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!view_is(ending, table[i].ending))
			continue;
		*ret = table[i].filter;
		return true;
	}
	return false;
}

static bool is_script(struct view name)
{
	static const char *const scripts[] = {"preinst", "postinst", "prerm", "postrm", "config"};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (view_is(name, scripts[i]))
			return true;
	return false;
}

static bool is_list(struct view name)
{
	return view_is(name, "conffiles") || view_is(name, "triggers");
}

/* What a member of control.tar is once it lies in a directory: ".//postinst" is postinst, too. */
static struct view control_name(struct view path)
{
	while (starts(path, "/") || starts(path, "./"))
		(void)view_skip(&path, 1).code;
	return path;
}

/* What is read by name and is no file of its own would be something that is not shown. */
static rc links_check(struct tree *t, const json_t *entries)
{
	size_t i;
	json_t *e;

	json_array_foreach(entries, i, e)
	{
		const json_t *text = json_object_get(e, "path");
		struct view path = view_of(json_string_value(text), json_string_length(text));
		struct view name = control_name(path);
		const char *type = json_string_value(json_object_get(e, "type"));

		if (type == NULL || strcmp(type, "file") == 0 ||
		    (!is_script(name) && !is_list(name) && !view_is(name, "control")))
			continue;
		TRY(finding(t->in, SEVERITY_ERROR, "deb-control", path,
			    "a %s where dpkg reads a file: what it leads to is not shown", type));
	}
	return OK;
}

static rc walk_control(struct tree *t, int filter, struct fault *f)
{
	struct tree control = {
		.in = t->in, .kind = &tree_deb_control, .facts = t->facts, .label = "control.tar"};

	control.entries = json_array();
	TRY(report_set(t->facts, "files", control.entries));
	TRY(report_set(t->facts, "control", json_object()));
	TRY(report_set(t->facts, "scripts", json_array()));
	TRY(tree_walk_member(t, &control, filter, f));
	return links_check(t, control.entries);
}

static rc walk_data(struct tree *t, int filter, struct fault *f)
{
	struct tree data = {.in = t->in, .kind = &tree_plain, .label = "data.tar"};

	data.entries = json_object_get(json_object_get(t->in->report, "archive"), "entries");
	return tree_walk_member(t, &data, filter, f);
}

/* Lists the member and, if it is a tar, walks it. */
static rc outer_open(struct tree *t, struct view path, bool *ret_taken, struct fault *f)
{
	bool control = t->state == WANT_CONTROL && starts(path, "control.tar");
	bool data = t->state == WANT_DATA && starts(path, "data.tar");
	int filter;
	json_t *o;

	if (t->state == WANT_BINARY && view_is(path, "debian-binary")) {
		t->state = WANT_CONTROL;
		return OK;
	}
	if (!control && !data)
		/* dpkg steps over names with "_" between the others and ignores what follows. */
		return finding(t->in, SEVERITY_WARNING, "deb-member", path,
			       "a member that a Debian package does not have here (deb(5))");
	if (!filter_of(path, control ? "control.tar" : "data.tar", &filter))
		return finding(t->in, SEVERITY_ERROR, "deb-member", path,
			       "a compression that is not read (deb(5))");
	t->state++;
	*ret_taken = true;
	o = json_object();
	TRY(report_add(t->entries, o));
	TRY(report_set_text(o, "path", path, INSPECT_PATH_MAX));
	return control ? walk_control(t, filter, f) : walk_data(t, filter, f);
}

const struct tree_kind tree_deb = {.open = outer_open};

static size_t control_keep(const struct tree *t, struct view path)
{
	struct view name = control_name(path);

	if (view_is(name, "control") || is_list(name))
		return CONTROL_MAX;
	return is_script(name) ? t->in->limits->script_text : 0;
}

/* "Name: value" lines; lines that begin with a space go on with the field before (deb-control(5)).
 */
static rc control_fields(struct tree *t, struct view text)
{
	json_t *fields = json_object_get(t->facts, "control");
	struct view value = {0};
	char name[65] = "";

	/* dpkg steps over empty lines in front. */
	while (starts(text, "\n"))
		TRY(view_skip(&text, 1));
	while (text.len > 0) {
		struct view rest = text;
		struct view line;
		const uint8_t *colon;

		if (!rc_is_ok(view_until(&rest, '\n', &line))) {
			line = text;
			rest = view_of(text.ptr + text.len, 0);
		}
		text = rest;
		if (line.len == 0)
			break;
		if ((line.ptr[0] == ' ' || line.ptr[0] == '\t') && name[0] != '\0') {
			value.len = (size_t)(line.ptr + line.len - value.ptr);
			TRY(report_set(fields, name, report_text(value, CLEAN_TEXT, FIELD_TEXT)));
			continue;
		}
		colon = (const uint8_t *)memchr(line.ptr, ':', line.len);
		if (colon == NULL || colon == line.ptr || colon - line.ptr > 64 ||
		    json_object_size(fields) >= FIELDS_MAX)
			return finding(t->in, SEVERITY_WARNING, "deb-control", view_str("control"),
				       "a line that is no field, or too many fields");
		for (size_t i = 0; i <= (size_t)(colon - line.ptr); i++)
			name[i] =
				line.ptr[i] > 0x20 && line.ptr[i] < 0x7f ? (char)line.ptr[i] : '?';
		name[colon - line.ptr] = '\0';
		if (json_object_get(fields, name) != NULL)
			TRY(finding(t->in, SEVERITY_WARNING, "deb-control", view_str("control"),
				    "the field %s stands twice", name));
		value = view_of(colon + 1, (size_t)(line.ptr + line.len - colon - 1));
		while (value.len > 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
			TRY(view_skip(&value, 1));
		TRY(report_set(fields, name, report_text(value, CLEAN_TEXT, FIELD_TEXT)));
	}
	return OK;
}

static rc script(struct tree *t, const struct member *m)
{
	json_t *o = json_object();

	TRY(report_add(json_object_get(t->facts, "scripts"), o));
	TRY(report_spend(t->in, m->kept.len));
	TRY(report_set_text(o, "name", control_name(m->path), INSPECT_PATH_MAX));
	TRY(report_set_u64(o, "size", m->size));
	TRY(report_set_hex(o, "sha256", &m->hash));
	TRY(report_set(o, "text",
		       report_text(m->kept, CLEAN_TEXT, 4 * (size_t)t->in->limits->script_text)));
	if (m->size > m->kept.len) {
		TRY(report_set(o, "cut", json_true()));
		TRY(finding(t->in, SEVERITY_ERROR, "script-cut", m->path,
			    "longer than %u bytes, not all of it is shown",
			    t->in->limits->script_text));
	}
	return finding(t->in, SEVERITY_NOTICE, "maintainer-script", m->path,
		       "runs as root when the package is installed or removed");
}

static rc control_kept(struct tree *t, const struct member *m)
{
	struct view name = control_name(m->path);

	if (is_script(name))
		return script(t, m);
	if (is_list(name)) {
		char key[16] = {0};

		memcpy(key, name.ptr, name.len);
		return report_set(t->facts, key, report_text(m->kept, CLEAN_TEXT, CONTROL_MAX));
	}
	if (m->size > m->kept.len)
		TRY(finding(t->in, SEVERITY_ERROR, "deb-control", m->path, "longer than %d bytes",
			    CONTROL_MAX));
	return control_fields(t, m->kept);
}

const struct tree_kind tree_deb_control = {.keep = control_keep, .kept = control_kept};
