/* The list of files in an rpm's main header against the tree of its payload. rpm goes by the list:
 * it takes names, types, permissions, owners and the targets of links from there, and of the cpio
 * archive only the contents. So a payload that says otherwise shows another tree than the one that
 * comes to be, although the header names it. Owns: that comparison, and what the list alone has
 * (owners, capabilities). Must not own: the headers' form, reading the payload. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/codec/rpm.h"
#include "lib/format/inspect_impl.h"
#include "lib/format/inspect_rpm_files.h"
#include "lib/format/inspect_tree.h"

/* RPMTAG_*, of rpm's rpmtag.h. */
#define TAG_MODES 1030
#define TAG_LINKTOS 1036
#define TAG_FLAGS 1037
#define TAG_USERS 1039
#define TAG_GROUPS 1040
#define TAG_DEVICES 1095
#define TAG_INODES 1096
#define TAG_DIRINDEXES 1116
#define TAG_BASENAMES 1117
#define TAG_DIRNAMES 1118
#define TAG_CAPS 5010
#define FLAG_GHOST 64u /* RPMFILE_GHOST: of the package, and not in it */
#define TEXT_MAX 4096
#define OWNER_MAX 128

enum which { BASE, TARGET, OWNER, GROUP, CAPS, TEXTS };

/* One file as rpm makes it; texts are borrowed from the header. */
struct file {
	struct view dir;
	struct view text[TEXTS];
	uint64_t
		inode; /* with its device; 0: no link. Those of one are links to the last of them */
	uint16_t mode;
	bool ghost;
	bool found;	/* in the payload */
	bool has_bytes; /* there */
};

struct files {
	struct inspection *in;
	struct file *file;
	size_t count;
	json_t *by_path; /* normal path, as the report has it: which */
};

static void files_release(struct files *s)
{
	json_decref(s->by_path);
	free(s->file);
}
AUTO_DEFINE(files, struct files, files_release)

static void json_release(json_t **j)
{
	json_decref(*j);
}
AUTO_DEFINE(json, json_t *, json_release)

/* ---- The header's list ----------------------------------------------------------------------*/

/* One text for each file, or the tag is not there. */
static rc texts_read(const struct rpm_header *h, uint32_t tag, struct files *s, enum which which)
{
	struct view rest;
	uint32_t n;
	rc r = rpm_header_strings(h, tag, &rest, &n);

	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	if (n != s->count)
		return RC(RC_RANGE);
	for (size_t i = 0; i < n; i++)
		TRY(view_until(&rest, 0, &s->file[i].text[which]));
	return OK;
}

static rc numbers_read(const struct rpm_header *h, uint32_t tag, const struct files *s,
		       struct view *ret)
{
	TRY(rpm_header_u32s(h, tag, ret));
	return ret->len == 4 * s->count ? OK : RC(RC_RANGE);
}

static rc dirs_read(const struct rpm_header *h, struct files *s)
{
	struct view rest, indexes, *dirs;
	uint32_t n, at;
	rc r = OK;

	TRY(rpm_header_strings(h, TAG_DIRNAMES, &rest, &n));
	TRY(numbers_read(h, TAG_DIRINDEXES, s, &indexes));
	if (n > s->count)
		return RC(RC_RANGE);
	dirs = (struct view *)calloc(n, sizeof(*dirs));
	if (dirs == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; rc_is_ok(r) && i < n; i++)
		r = view_until(&rest, 0, &dirs[i]);
	for (size_t i = 0; rc_is_ok(r) && i < s->count; i++) {
		r = view_u32be(&indexes, &at);
		if (rc_is_ok(r) && at >= n)
			r = RC(RC_RANGE);
		if (rc_is_ok(r))
			s->file[i].dir = dirs[at];
	}
	free(dirs);
	return r;
}

/* As rpm has it: without devices or inodes nothing is a link. */
static rc links_read(const struct rpm_header *h, struct files *s)
{
	struct view devices, inodes;
	uint32_t device, inode;
	rc r = numbers_read(h, TAG_DEVICES, s, &devices);

	if (rc_is_ok(r))
		r = numbers_read(h, TAG_INODES, s, &inodes);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	for (size_t i = 0; i < s->count; i++) {
		TRY(view_u32be(&devices, &device));
		TRY(view_u32be(&inodes, &inode));
		s->file[i].inode = inode == 0 ? 0 : (uint64_t)device << 32 | inode;
	}
	return OK;
}

static rc facts_read(const struct rpm_header *h, struct files *s)
{
	struct view modes, flags;
	uint32_t n;

	TRY(rpm_header_u16s(h, TAG_MODES, &modes));
	TRY(numbers_read(h, TAG_FLAGS, s, &flags));
	if (modes.len != 2 * s->count)
		return RC(RC_RANGE);
	for (size_t i = 0; i < s->count; i++) {
		TRY(view_u16be(&modes, &s->file[i].mode));
		TRY(view_u32be(&flags, &n));
		s->file[i].ghost = (n & FLAG_GHOST) != 0;
	}
	TRY(links_read(h, s));
	TRY(texts_read(h, TAG_LINKTOS, s, TARGET));
	TRY(texts_read(h, TAG_USERS, s, OWNER));
	TRY(texts_read(h, TAG_GROUPS, s, GROUP));
	return texts_read(h, TAG_CAPS, s, CAPS);
}

/* RC_NOTFOUND: a package of no files. */
static rc list_read(const struct rpm_header *h, struct files *s)
{
	struct view names;
	uint32_t n;

	TRY(rpm_header_strings(h, TAG_BASENAMES, &names, &n));
	if (n > s->in->limits->entries)
		return RC(RC_LIMIT);
	s->file = (struct file *)calloc(n, sizeof(*s->file));
	if (s->file == NULL)
		return RC(RC_NOMEM);
	s->count = n;
	TRY(texts_read(h, TAG_BASENAMES, s, BASE));
	TRY(dirs_read(h, s));
	return facts_read(h, s);
}

/* Where the file is, with what the report writes for bytes that cannot be shown. */
static rc path_of(const struct file *x, struct buf *out)
{
	AUTO(buf) struct buf whole = {0};
	AUTO(buf) struct buf clean = {0};

	buf_init(&whole, INSPECT_PATH_MAX);
	buf_init(&clean, INSPECT_PATH_MAX + 1);
	buf_put_view(&whole, x->dir);
	buf_put_view(&whole, x->text[BASE]);
	TRY(buf_done(&whole));
	(void)clean_put(&clean, buf_view(&whole), CLEAN_LINE, INSPECT_PATH_MAX);
	TRY(buf_done(&clean));
	path_normal(buf_view(&clean), out);
	buf_put_u8(out, 0);
	return buf_done(out);
}

static rc index_make(struct files *s)
{
	AUTO(buf) struct buf path = {0};

	buf_init(&path, INSPECT_PATH_MAX + 1);
	s->by_path = json_object();
	for (size_t i = 0; i < s->count; i++) {
		TRY(path_of(&s->file[i], &path));
		TRY(report_spend(s->in, path.len + 64));
		if (json_object_get(s->by_path, (const char *)path.ptr) != NULL)
			return RC(RC_DUPLICATE);
		TRY(report_set(s->by_path, (const char *)path.ptr, json_integer((json_int_t)i)));
	}
	return s->by_path == NULL ? RC(RC_NOMEM) : OK;
}

/* ---- The payload's entries ------------------------------------------------------------------*/

static struct view text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? view_of(json_string_value(v), json_string_length(v))
				 : view_str("");
}

static const char *type_of(uint16_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFSOCK:
		return "socket";
	default:
		return "unknown";
	}
}

static rc differs(struct files *s, struct view path, const char *what)
{
	return finding(s->in, SEVERITY_ERROR, "rpm-files", path,
		       "the header's list of files, by which rpm goes, %s", what);
}

/* Type, permissions and target. */
static rc shape_check(struct files *s, const struct file *x, const json_t *e, struct view path)
{
	AUTO(json) json_t *target = report_text(x->text[TARGET], CLEAN_LINE, INSPECT_PATH_MAX);
	const char *type = type_of(x->mode);
	struct view shown = text_of(e, "type");
	char what[64];
	char mode[8];

	if (target == NULL)
		return RC(RC_NOMEM);
	if (!view_is(shown, type) && !(S_ISREG(x->mode) && view_is(shown, "hardlink"))) {
		(void)snprintf(what, sizeof(what), "says type %s", type);
		return differs(s, path, what);
	}
	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned)x->mode & 07777);
	if (!view_is(text_of(e, "mode"), mode)) {
		(void)snprintf(what, sizeof(what), "says mode %s", mode);
		TRY(differs(s, path, what));
	}
	if (S_ISLNK(x->mode) && !view_is(text_of(e, "target"), json_string_value(target)))
		TRY(differs(s, path, "has another target"));
	return OK;
}

static bool is_root(struct view name)
{
	return name.len == 0 || view_is(name, "root");
}

/* Both or none, as people read them: "root:root" for each file would only be in the way. */
static rc owner_show(const struct file *x, json_t *e)
{
	/* The payload's numbers are nothing to rpm. */
	(void)json_object_del(e, "uid");
	(void)json_object_del(e, "gid");
	if (is_root(x->text[OWNER]) && is_root(x->text[GROUP]))
		return OK;
	TRY(report_set_text(e, "owner", x->text[OWNER], OWNER_MAX));
	return report_set_text(e, "group", x->text[GROUP], OWNER_MAX);
}

/* What only the list has. */
static rc list_show(struct files *s, const struct file *x, json_t *e, struct view path)
{
	AUTO(json) json_t *caps = report_text(x->text[CAPS], CLEAN_LINE, TEXT_MAX);

	if (caps == NULL)
		return RC(RC_NOMEM);
	TRY(owner_show(x, e));
	if (x->text[CAPS].len == 0)
		return OK;
	TRY(report_set(e, "capabilities", json_incref(caps)));
	return finding(s->in, SEVERITY_WARNING, "rpm-capabilities", path,
		       "runs with capabilities: %s", json_string_value(caps));
}

static rc entry_check(struct files *s, json_t *e, struct buf *normal)
{
	struct view path = text_of(e, "path");
	const json_t *at;
	struct file *x;

	path_normal(path, normal);
	buf_put_u8(normal, 0);
	TRY(buf_done(normal));
	at = json_object_get(s->by_path, (const char *)normal->ptr);
	if (at == NULL)
		return differs(s, path, "does not have it");
	x = &s->file[json_integer_value(at)];
	x->found = true;
	x->has_bytes = json_integer_value(json_object_get(e, "size")) > 0;
	TRY(shape_check(s, x, e, path));
	return list_show(s, x, e, path);
}

/* ---- Links to one file ----------------------------------------------------------------------*/

static int inode_compare(const void *a, const void *b)
{
	const struct file *x = *(const struct file *const *)a;
	const struct file *y = *(const struct file *const *)b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x < y ? -1 : x > y;
}

static rc missing(struct files *s, const struct file *x, const char *what)
{
	AUTO(buf) struct buf path = {0};

	buf_init(&path, INSPECT_PATH_MAX + 1);
	TRY(path_of(x, &path));
	return differs(s, view_of(path.ptr, path.len - 1), what);
}

/* rpm takes the content of the last link for all of them: the others have none of their own. */
static rc links_check(struct files *s)
{
	struct file **by = (struct file **)calloc(s->count + 1, sizeof(struct file *));
	size_t n = 0;
	rc r = OK;

	if (by == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < s->count; i++)
		if (S_ISREG(s->file[i].mode) && !s->file[i].ghost && s->file[i].inode != 0)
			by[n++] = &s->file[i];
	if (n > 1)
		qsort(by, n, sizeof(struct file *), inode_compare);
	for (size_t i = 1; rc_is_ok(r) && i < n; i++)
		if (by[i - 1]->inode == by[i]->inode && by[i - 1]->has_bytes)
			r = missing(s, by[i - 1], "makes it a link to another file");
	free(by);
	return r;
}

/* ---- All ------------------------------------------------------------------------------------*/

static rc compare(struct files *s, json_t *entries)
{
	AUTO(buf) struct buf normal = {0};

	buf_init(&normal, INSPECT_PATH_MAX + 1);
	for (size_t i = 0; i < json_array_size(entries); i++)
		TRY(entry_check(s, json_array_get(entries, i), &normal));
	for (size_t i = 0; i < s->count; i++)
		if (!s->file[i].found && !s->file[i].ghost)
			TRY(missing(s, &s->file[i], "has it, and the payload does not show it"));
	return links_check(s);
}

rc rpm_files_check(struct inspection *in, const struct rpm_header *h)
{
	json_t *entries = json_object_get(json_object_get(in->report, "archive"), "entries");
	AUTO(files) struct files s = {.in = in};
	rc r;

	if (in->stopped)
		return OK; /* the rest of the tree is not there to be compared, and that was said */
	r = list_read(h, &s);
	if (r.code == RC_NOTFOUND && s.count == 0)
		r = OK;
	if (rc_is_ok(r))
		r = index_make(&s);
	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return finding(in, SEVERITY_ERROR, "rpm-malformed", NO_PATH,
			       "the header's list of files cannot be read: %s", rc_name(r));
	return compare(&s, entries);
}
