/* Archives through libarchive: opening, the loop over members, limits. Owns the entry objects of
 * the report. Must not own: what Debian or npm members mean (inspect_deb.c, inspect_npm.c). */
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/format/inspect_tar.h"
#include "lib/format/inspect_tree.h"
#include "lib/model/contents.h"

#define BLOCK 65536
#define RATIO_FLOOR (64ULL << 20) /* small files may expand this far whatever the ratio */
#define ENTRY_COST 1200		  /* bytes of memory for one entry object beside its strings */
#define OWNER_MAX 128

const struct tree_kind tree_plain = {0};

static void reader_release(struct archive **a)
{
	if (*a != NULL)
		(void)archive_read_free(*a);
	*a = NULL;
}
AUTO_DEFINE(reader, struct archive *, reader_release)

/* libarchive converts names to the locale's character set; ours is UTF-8 while it works. */
struct locales {
	locale_t mine;
	locale_t before;
};

static void locales_restore(struct locales *l)
{
	if (l->mine == (locale_t)0)
		return;
	(void)uselocale(l->before);
	freelocale(l->mine);
}
AUTO_DEFINE(locales, struct locales, locales_restore)

static uint64_t expanded_max(const struct inspection *in)
{
	const struct inspect_limits *l = in->limits;
	uint64_t by_ratio;

	if (__builtin_mul_overflow(in->size, l->ratio, &by_ratio) ||
	    __builtin_add_overflow(by_ratio, RATIO_FLOOR, &by_ratio))
		by_ratio = UINT64_MAX;
	return by_ratio < l->expanded ? by_ratio : l->expanded;
}

static rc stop(struct tree *t, const char *code, struct view path, const char *what)
{
	t->in->stopped = true;
	TRY(finding(t->in, SEVERITY_ERROR, code, path, "%s: %s", t->label, what));
	return RC(RC_LIMIT);
}

static rc damaged(struct tree *t, struct view path)
{
	const char *why = archive_error_string(t->archive);

	return finding(t->in, SEVERITY_ERROR, "archive-damaged", path, "%s: %s", t->label,
		       why == NULL ? "cannot be read" : why);
}

/* Reads the member's content: digest, size, the first bytes. *ret_fatal: nothing can follow. */
static rc content(struct tree *t, struct member *m, struct buf *keep, size_t keep_max,
		  bool *ret_fatal)
{
	AUTO(hasher) struct hasher *h = NULL;
	uint8_t block[BLOCK];

	TRY(hasher_new(HASH_SHA256, &h));
	for (;;) {
		la_ssize_t got = archive_read_data(t->archive, block, sizeof(block));
		size_t n = got < 0 ? 0 : (size_t)got;

		if (got == ARCHIVE_RETRY || got == ARCHIVE_WARN)
			continue;
		if (got < 0) {
			*ret_fatal = got == ARCHIVE_FATAL;
			TRY(damaged(t, m->path));
		}
		if (got <= 0)
			break;
		m->size += n;
		t->in->expanded += n;
		if (t->in->expanded > expanded_max(t->in))
			return stop(t, "expands-too-far", m->path,
				    "the members expand to more than is read");
		TRY(hasher_update(h, view_of(block, n)));
		if (m->head_len < CLASSIFY_HEAD) {
			size_t more = CLASSIFY_HEAD - m->head_len;

			memcpy(m->head + m->head_len, block, n < more ? n : more);
			m->head_len += n < more ? n : more;
		}
		if (keep->len < keep_max)
			buf_put(keep, block, n < keep_max - keep->len ? n : keep_max - keep->len);
	}
	m->kept = buf_view(keep);
	TRY(buf_done(keep));
	return hasher_finish(h, &m->hash);
}

static const char *type_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e) != NULL)
		return "hardlink";
	switch ((unsigned)archive_entry_filetype(e)) {
	case AE_IFREG:
		return "file";
	case AE_IFDIR:
		return "dir";
	case AE_IFLNK:
		return "symlink";
	case AE_IFIFO:
		return "fifo";
	case AE_IFCHR:
		return "char";
	case AE_IFBLK:
		return "block";
	case AE_IFSOCK:
		return "socket";
	default:
		return "unknown";
	}
}

static rc mode_findings(struct inspection *in, struct view path, const char *type, unsigned mode)
{
	bool file = strcmp(type, "file") == 0;
	bool dir = strcmp(type, "dir") == 0;

	if ((file && (mode & 06000) != 0) || (dir && (mode & 04000) != 0))
		TRY(finding(in, SEVERITY_WARNING, "setid", path,
			    "runs as its owner or group (%04o)", mode));
	if ((file && (mode & 0002) != 0) || (dir && (mode & 01002) == 0002))
		TRY(finding(in, SEVERITY_WARNING, "world-writable", path, "anyone may write (%04o)",
			    mode));
	if (strcmp(type, "char") == 0 || strcmp(type, "block") == 0)
		TRY(finding(in, SEVERITY_WARNING, "device", path, "a device node"));
	return OK;
}

static rc owner_set(json_t *o, const char *key, const char *name)
{
	return name == NULL || *name == '\0' ? OK
					     : report_set_text(o, key, view_str(name), OWNER_MAX);
}

/* The facts of the header; size and digest come after the content. */
static rc header_facts(struct tree *t, struct archive_entry *e, struct view path, json_t *o)
{
	const char *type = type_of(e);
	const char *target = archive_entry_hardlink(e);
	unsigned mode = (unsigned)archive_entry_perm(e) & 07777;
	char octal[8];

	if (target == NULL)
		target = archive_entry_symlink(e);
	(void)snprintf(octal, sizeof(octal), "%04o", mode);
	TRY(report_set_text(o, "path", path, INSPECT_PATH_MAX));
	TRY(report_set(o, "type", json_string_nocheck(type)));
	TRY(report_set(o, "mode", json_string_nocheck(octal)));
	if (archive_entry_uid(e) > 0)
		TRY(report_set_u64(o, "uid", (uint64_t)archive_entry_uid(e)));
	if (archive_entry_gid(e) > 0)
		TRY(report_set_u64(o, "gid", (uint64_t)archive_entry_gid(e)));
	TRY(owner_set(o, "owner", archive_entry_uname(e)));
	TRY(owner_set(o, "group", archive_entry_gname(e)));
	if ((mode & 06000) != 0)
		TRY(report_set(o, "setid", json_true()));
	TRY(path_check(t->in, path));
	TRY(mode_findings(t->in, path, type, mode));
	if (target == NULL)
		return OK;
	TRY(report_spend(t->in, 4 * strlen(target)));
	TRY(report_set_text(o, "target", view_str(target), INSPECT_PATH_MAX));
	return link_check(t->in, path, view_str(target), strcmp(type, "hardlink") == 0);
}

/* What it would be on an allowlist. */
static rc set_runs(const struct member *m, bool executable, json_t *o)
{
	unsigned classes = classify(view_of(m->head, m->head_len), m->path, executable);
	char text[LIST_CLASSES_TEXT];

	list_classes_text(classes, text);
	return classes == 0 ? OK : report_set(o, "runs", json_string_nocheck(text));
}

static rc read_content(struct tree *t, struct archive_entry *e, struct view path, json_t *o,
		       bool *ret_fatal)
{
	size_t keep_max = t->kind->keep == NULL ? 0 : t->kind->keep(t, path);
	struct member m = {.path = path}; /* head: as much as head_len says */
	AUTO(buf) struct buf keep = {0};

	/* A hard link may carry content too (pax); nothing that is stored stays unread. */
	if ((archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) != NULL) &&
	    archive_entry_size(e) <= 0)
		return OK;
	if (archive_entry_is_data_encrypted(e))
		return finding(t->in, SEVERITY_ERROR, "encrypted", path, "cannot be looked into");
	buf_init(&keep, keep_max);
	TRY(content(t, &m, &keep, keep_max, ret_fatal));
	TRY(report_set_u64(o, "size", m.size));
	TRY(report_set_hex(o, "sha256", &m.hash));
	TRY(set_runs(&m, (archive_entry_perm(e) & 0111) != 0, o));
	return t->kind->kept == NULL || keep_max == 0 ? OK : t->kind->kept(t, &m);
}

static rc one_entry(struct tree *t, struct archive_entry *e, bool *ret_fatal, struct fault *f)
{
	const char *name = archive_entry_pathname(e);
	struct view path = view_str(name == NULL ? "" : name);
	bool taken = false;
	json_t *o;

	if (path.len > 2 && memcmp(path.ptr, "./", 2) == 0)
		(void)view_skip(&path, 2).code;
	if (++t->in->entries > t->in->limits->entries)
		return stop(t, "too-many-entries", NO_PATH, "more members than are read");
	/* Four: a control character becomes \xNN. */
	if (!rc_is_ok(report_spend(t->in, ENTRY_COST + 4 * path.len)))
		return stop(t, "report-too-large", NO_PATH, "more members than a report holds");
	if (name == NULL)
		TRY(finding(t->in, SEVERITY_ERROR, "unreadable-name", NO_PATH,
			    "%s: the name of a member cannot be read", t->label));
	if (t->kind->open != NULL) {
		TRY(t->kind->open(t, path, &taken, f));
		if (taken)
			return OK;
	}
	o = json_object();
	TRY(report_add(t->entries, o));
	TRY(header_facts(t, e, path, o));
	return read_content(t, e, path, o, ret_fatal);
}

static rc members(struct tree *t, struct fault *f)
{
	bool fatal = false;
	bool said = false;

	while (!fatal) {
		struct archive_entry *e;
		int got = archive_read_next_header(t->archive, &e);
		rc r;

		if (got == ARCHIVE_EOF)
			break;
		/* A header was stepped over; others may stop there. */
		if (got == ARCHIVE_RETRY) {
			if (!said)
				TRY(damaged(t, NO_PATH));
			said = true;
			continue;
		}
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return damaged(t, NO_PATH);
		r = one_entry(t, e, &fatal, f);
		if (r.code == RC_LIMIT && !t->in->stopped)
			return stop(t, "report-too-large", NO_PATH, "a report cannot hold it");
		TRY(r);
	}
	return OK;
}

rc tree_walk(struct tree *t, struct fault *f)
{
	struct archive *from = t->unpacked == NULL ? t->archive : t->unpacked;
	rc r = members(t, f);
	int compressions;

	if (!rc_is_ok(r) && !t->in->stopped)
		return r;
	compressions = archive_filter_count(from) - 1;
	/* The headers of an rpm are a filter, too. */
	if (compressions > 1 && archive_filter_code(from, compressions - 1) == ARCHIVE_FILTER_RPM)
		compressions--;
	if (compressions > 1)
		TRY(finding(t->in, SEVERITY_WARNING, "compressed-twice", NO_PATH,
			    "%s: %d compressions on top of each other", t->label, compressions));
	TRY(paths_check(t->in, t->entries));
	return r;
}

/* The two lists of what libarchive may be used for: no filter that starts a program. */
#define ANY_FILTER (-1)
static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_XZ,
			      ARCHIVE_FILTER_ZSTD};

/* Undoes that one compression, or any that the bytes show, and yields what is in it. */
static rc unpacker_new(int filter, struct archive **ret)
{
	AUTO(reader) struct archive *a = archive_read_new();
	int worst;

	if (a == NULL)
		return RC(RC_NOMEM);
	worst = archive_read_support_format_raw(a);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]) && worst == ARCHIVE_OK; i++)
		if (filter == ANY_FILTER || filter == filters[i])
			worst = archive_read_support_filter_by_code(a, filters[i]);
	if (worst != ARCHIVE_OK)
		return RC(RC_NOMEM);
	*ret = a;
	a = NULL;
	return OK;
}

static bool is_tar(const char *type)
{
	return strcmp(type, "tar") == 0 || strcmp(type, "member") == 0;
}

/* zip, ar, rpm and cpio read the file; the others what an unpacker makes of it. */
static bool is_unpacked(const char *type)
{
	return strcmp(type, "zip") != 0 && strcmp(type, "ar") != 0 && strcmp(type, "deb") != 0 &&
	       strcmp(type, "rpm") != 0 && strcmp(type, "cpio") != 0;
}

static int rpm_support(struct archive *a)
{
	int worst = archive_read_support_filter_rpm(a);

	/* Old, and rpm unpacks it still. */
	if (worst == ARCHIVE_OK)
		worst = archive_read_support_filter_by_code(a, ARCHIVE_FILTER_LZMA);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]) && worst == ARCHIVE_OK; i++)
		worst = archive_read_support_filter_by_code(a, filters[i]);
	return worst;
}

static rc reader_new(const char *type, struct archive **ret)
{
	AUTO(reader) struct archive *a = archive_read_new();
	int worst = ARCHIVE_OK;

	if (a == NULL)
		return RC(RC_NOMEM);
	if (strcmp(type, "rpm") == 0) {
		/* rpm unpacks nothing else: what is no cpio is damage, not a member "data". */
		worst = rpm_support(a);
		if (worst == ARCHIVE_OK)
			worst = archive_read_support_format_cpio(a);
	} else if (strcmp(type, "zip") == 0) {
		worst = archive_read_support_format_zip_seekable(a);
	} else if (strcmp(type, "ar") == 0 || strcmp(type, "deb") == 0) {
		worst = archive_read_support_format_ar(a);
	} else {
		worst = archive_read_support_format_tar(a);
		if (!is_tar(type) && worst == ARCHIVE_OK)
			worst = archive_read_support_format_cpio(a);
		/* One compressed file that is no archive has one member, "data". */
		if (!is_tar(type) && strcmp(type, "cpio") != 0 && worst == ARCHIVE_OK)
			worst = archive_read_support_format_raw(a);
	}
	/* Members behind a tar's end mark are shown too: some readers unpack them. */
	if (worst == ARCHIVE_OK)
		(void)archive_read_set_option(a, "tar", "read_concatenated_archives", "1");
	if (worst != ARCHIVE_OK)
		return RC(RC_NOMEM);
	*ret = a;
	a = NULL;
	return OK;
}

/* What one archive reads from another. */
struct outer {
	struct archive *archive;
	struct tar_watch *watch; /* or NULL */
	uint8_t block[BLOCK];
};

static la_ssize_t read_outer(struct archive *a, void *ctx, const void **ret)
{
	struct outer *o = (struct outer *)ctx;
	la_ssize_t got = archive_read_data(o->archive, o->block, sizeof(o->block));

	*ret = o->block;
	if (got < 0)
		archive_set_error(a, EIO, "%s", archive_error_string(o->archive));
	if (got > 0 && o->watch != NULL)
		tar_watch_take(o->watch, view_of(o->block, (size_t)got));
	return got < 0 ? -1 : got;
}

/* Walks what raw, which is open, yields. */
static rc walk_unpacked(struct tree *t, const char *type, struct archive *raw, struct fault *f)
{
	AUTO(reader) struct archive *a = NULL;
	AUTO(tar_watch) struct tar_watch watch = {.in = t->in, .label = t->label, .result = OK};
	struct outer from = {.archive = raw, .watch = &watch};
	struct archive_entry *e;
	rc r;

	t->archive = raw;
	if (archive_read_next_header(raw, &e) != ARCHIVE_OK)
		return damaged(t, NO_PATH);
	TRY(reader_new(type, &a));
	t->archive = a;
	t->unpacked = raw;
	if (archive_read_open(a, &from, NULL, read_outer, NULL) != ARCHIVE_OK)
		r = damaged(t, NO_PATH);
	else
		r = tree_walk(t, f);
	t->archive = raw; /* a ends here */
	TRY(watch.result);
	TRY(r);
	if (archive_format_name(a) == NULL || t->nesting > 1)
		return OK;
	return report_set_text(json_object_get(t->in->report, "archive"), "format",
			       view_str(archive_format_name(a)), 100);
}

rc tree_walk_member(struct tree *outer, struct tree *inner, int filter, struct fault *f)
{
	AUTO(reader) struct archive *raw = NULL;
	struct outer from = {.archive = outer->archive};

	inner->nesting = outer->nesting + 1;
	if (inner->nesting > INSPECT_NESTING_MAX)
		return finding(inner->in, SEVERITY_ERROR, "nested-too-deep", NO_PATH,
			       "%s is not opened", inner->label);
	TRY(unpacker_new(filter, &raw));
	inner->archive = raw;
	if (archive_read_open(raw, &from, NULL, read_outer, NULL) != ARCHIVE_OK)
		return damaged(inner, NO_PATH);
	/* A filter is tried again on what it yields; what installs the package does that not. */
	if (archive_filter_count(raw) > 2)
		return finding(inner->in, SEVERITY_ERROR, "compressed-twice", NO_PATH,
			       "%s: compressions on top of each other, it is not opened",
			       inner->label);
	return walk_unpacked(inner, "member", raw, f);
}

static rc kind_of(struct tree *t, const char *type)
{
	t->kind = &tree_plain;
	if (strcmp(type, "gzip") == 0)
		t->kind = &tree_npm;
	if (strcmp(type, "deb") != 0)
		return OK;
	t->kind = &tree_deb;
	t->facts = json_object();
	t->entries = json_array();
	TRY(report_set(t->in->report, "deb", t->facts));
	return report_set(t->facts, "members", t->entries);
}

/* Bytes that no reader looked at: behind a compressed stream, or behind the last member of an ar.
 */
static rc trailing_check(struct tree *t)
{
	struct archive *from = t->unpacked == NULL ? t->archive : t->unpacked;
	la_int64_t used = archive_filter_bytes(from, -1);

	if (!t->in->complete || used < 0 || (uint64_t)used >= t->in->size)
		return OK;
	return finding(t->in, SEVERITY_WARNING, "trailing-data", NO_PATH,
		       "%llu bytes behind the end of the archive",
		       (unsigned long long)(t->in->size - (uint64_t)used));
}

static rc walk_file(struct tree *t, const char *type, struct fault *f)
{
	rc r;

	if (lseek(t->in->fd, 0, SEEK_SET) != 0)
		return fault_errno(f, errno, "inspect: seek");
	if (archive_read_open_fd(t->archive, t->in->fd, BLOCK) != ARCHIVE_OK)
		return damaged(t, NO_PATH);
	r = is_unpacked(type) ? walk_unpacked(t, type, t->archive, f) : tree_walk(t, f);
	if (r.code == RC_LIMIT && t->in->stopped)
		return OK;
	TRY(r);
	return strcmp(type, "zip") == 0 ? zip_ends_check(t->in, f) : trailing_check(t);
}

rc archive_inspect(struct inspection *in, const char *type, struct fault *f)
{
	AUTO(reader) struct archive *a = NULL;
	AUTO(locales) struct locales l = {.mine = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
	struct tree t = {.in = in, .label = "archive", .nesting = 1};
	json_t *o = json_object();

	if (l.mine == (locale_t)0)
		return fault_set(f, RC_UNSUPPORTED, 0, "inspect: the locale C.UTF-8 is missing");
	l.before = uselocale(l.mine);
	TRY(report_set(in->report, "archive", o));
	t.entries = json_array();
	TRY(report_set(o, "entries", t.entries));
	TRY(kind_of(&t, type));
	if (is_unpacked(type))
		TRY(unpacker_new(ANY_FILTER, &a));
	else
		TRY(reader_new(type, &a));
	t.archive = a;
	TRY(walk_file(&t, type, f));
	if (!is_unpacked(type) && archive_format_name(a) != NULL)
		TRY(report_set_text(o, "format", view_str(archive_format_name(a)), 100));
	TRY(report_set_u64(o, "count", in->entries));
	return report_set_u64(o, "expanded", in->expanded);
}
