#include "prog/guard/tidy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "prog/guard/mapped.h"
#include "prog/guard/records.h"
#include "prog/guard/run.h"
#include "prog/guard/setup_rpm.h"
#include "prog/guard/supervisor.h"

#define STATUS "/var/lib/dpkg/status"

/* ---- dpkg's database ------------------------------------------------------------------------*/

static struct view next_line(struct view *text)
{
	const uint8_t *end = memchr(text->ptr, '\n', text->len);
	size_t n = end == NULL ? text->len : (size_t)(end - text->ptr);
	struct view line = view_of(text->ptr, n);

	*text = view_of(text->ptr + n, text->len - n);
	if (text->len > 0)
		*text = view_of(text->ptr + 1, text->len - 1);
	return line;
}

/* Whether the line is "Field: value" with this value. */
static bool has_value(struct view line, const char *field, const char *value)
{
	size_t n = strlen(field), m = strlen(value);

	return line.len == n + 2 + m && memcmp(line.ptr, field, n) == 0 &&
	       memcmp(line.ptr + n, ": ", 2) == 0 && memcmp(line.ptr + n + 2, value, m) == 0;
}

static bool is_gone(struct view line)
{
	static const char end[] = " not-installed";
	size_t n = sizeof(end) - 1;

	return line.len > n && memcmp(line.ptr, "Status: ", 8) == 0 &&
	       memcmp(line.ptr + line.len - n, end, n) == 0;
}

bool tidy_is_installed(struct view status, const struct package_record_header *h)
{
	while (status.len > 0) {
		bool name = false, version = false, architecture = false, gone = false;
		struct view line;

		while (status.len > 0 && (line = next_line(&status)).len > 0) {
			name |= has_value(line, "Package", h->name);
			version |= has_value(line, "Version", h->version);
			architecture |= has_value(line, "Architecture", h->architecture);
			gone |= is_gone(line);
		}
		if (name && version && architecture && !gone)
			return true;
	}
	return false;
}

/* ---- rpm's ----------------------------------------------------------------------------------*/

bool tidy_is_in_rpm(struct view listed, const struct package_record_header *h)
{
	char want[3 * PACKAGE_TEXT_MAX + 8];

	(void)snprintf(want, sizeof(want), "%s %s %s", h->name, h->version, h->architecture);
	while (listed.len > 0)
		if (view_is(next_line(&listed), want))
			return true;
	return false;
}

/* What rpm has installed. Nothing, if it is not here; if it does not say, nothing may be tidied. */
static rc read_rpm(struct buf *out, struct fault *f)
{
	const char *const argv[] = {RPM_PROGRAM,     "--query",	     "--all",
				    "--queryformat", TIDY_RPM_QUERY, NULL};

	buf_init(out, TIDY_STATUS_BYTES);
	return access(RPM_PROGRAM, F_OK) == 0 ? run_read(argv, out, f) : OK;
}

/* ---- Records that are due -------------------------------------------------------------------*/

struct tidy {
	const struct conf *conf;
	int dir;
	struct view dpkg, rpm; /* what each says is installed */
	unix_time now;
	struct due {
		char name[NAME_MAX + 1];
		struct digest *digest;
		size_t count;
	} due[TIDY_MAX];
	size_t due_count;
	size_t removed;
};

static void tidy_release(struct tidy *t)
{
	for (size_t i = 0; i < t->due_count; i++)
		free(t->due[i].digest);
	fd_close(&t->dir);
}
AUTO_DEFINE(tidy, struct tidy, tidy_release)

static void beside(const char *name, const char *suffix, char out[NAME_MAX + 32])
{
	(void)snprintf(out, NAME_MAX + 32, "%s%s", name, suffix);
}

static rc take_digests(const struct package_record *record, struct due *ret)
{
	size_t n = record->contents.count;

	ret->digest = (struct digest *)calloc(n == 0 ? 1 : n, sizeof(*ret->digest));
	if (ret->digest == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < n; i++)
		memcpy(ret->digest[i].b, contents_digest(&record->contents, i), DIGEST_SIZE);
	ret->count = n;
	return OK;
}

/* The record is unused: for how long is said by the mark's time. */
static rc note_unused(struct tidy *t, const char *name, const struct package_record *record,
		      struct fault *f)
{
	const struct file_spec spec = {.dirfd = t->dir, .mode = 0600, .durable = true};
	char mark[NAME_MAX + 32];
	struct file_spec put = spec;
	unix_time age;
	struct stat st;

	beside(name, ".unused", mark);
	put.name = mark;
	if (fstatat(t->dir, mark, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		TRY(file_replace(&put, view_of(NULL, 0), f));
		if (fstatat(t->dir, mark, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return fault_errno(f, errno, "%s", mark);
	}
	/* The mark may be younger than our look at the clock. */
	age = t->now > (unix_time)st.st_mtime ? t->now - (unix_time)st.st_mtime : 0;
	if (age < (unix_time)t->conf->grace || t->due_count == TIDY_MAX)
		return OK;
	(void)snprintf(t->due[t->due_count].name, NAME_MAX + 1, "%s", name);
	TRY(take_digests(record, &t->due[t->due_count]));
	t->due_count++;
	return OK;
}

static bool is_installed(const struct tidy *t, const struct package_record_header *h)
{
	return h->kind == PACKAGE_RPM ? tidy_is_in_rpm(t->rpm, h) : tidy_is_installed(t->dpkg, h);
}

static rc look_at(struct tidy *t, const char *name, struct fault *f)
{
	AUTO(buf) struct buf bytes = {0};
	struct package_record record;
	char mark[NAME_MAX + 32];

	buf_init(&bytes, RECORD_BYTES);
	/* What is no record is the loader's to report. */
	if (!rc_is_ok(records_read(t->dir, name, &bytes, &record, NULL)))
		return OK;
	if (!is_installed(t, &record.header))
		return note_unused(t, name, &record, f);
	beside(name, ".unused", mark);
	(void)unlinkat(t->dir, mark, 0);
	return OK;
}

static rc look_at_all(struct tidy *t, struct fault *f)
{
	int fd = fcntl(t->dir, F_DUPFD_CLOEXEC, 3);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	size_t ignored;
	rc r = OK;

	if (list == NULL) {
		fd_close(&fd);
		return fault_errno(f, errno, "%s", t->conf->records);
	}
	while (rc_is_ok(r) && (e = readdir(list)) != NULL)
		if (records_is_name(e->d_name, &ignored))
			r = look_at(t, e->d_name, f);
	(void)closedir(list);
	return r;
}

/* Those of which nothing runs. */
static rc remove_due(struct tidy *t, struct fault *f)
{
	static const char *const suffixes[] = {"", ".greatseal", ".unused"};
	struct mapped m = {0};
	char path[NAME_MAX + 32];
	rc r = OK;

	if (t->due_count == 0)
		return OK;
	r = mapped_look(&m, f);
	for (size_t i = 0; i < t->due_count && rc_is_ok(r); i++) {
		const struct due *d = &t->due[i];
		bool used = false;

		for (size_t k = 0; k < d->count && !used; k++)
			used = mapped_has(&m, &d->digest[k]);
		if (used)
			continue;
		for (size_t k = 0; k < 3; k++) {
			beside(d->name, suffixes[k], path);
			(void)unlinkat(t->dir, path, 0);
		}
		(void)printf("withdrawn: %s\n", d->name);
		t->removed++;
	}
	mapped_release(&m);
	return r;
}

rc verb_tidy(const struct conf *c, const struct words *w, struct fault *f)
{
	AUTO(tidy) struct tidy t = {.conf = c, .dir = -1, .now = clock_now(&clock_system)};
	AUTO(buf) struct buf status = {0};
	AUTO(buf) struct buf rpm = {0};
	AUTO(buf) struct buf answer = {0};
	rc r;

	if (w->count > 0)
		return fault_set(f, RC_USAGE, 0, "tidy takes no words");
	r = dir_open(c->records, &t.dir, f);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	buf_init(&status, TIDY_STATUS_BYTES);
	r = file_read(STATUS, &status, f);
	if (r.code != RC_NOTFOUND)
		TRY(r);
	TRY(read_rpm(&rpm, f));
	t.dpkg = buf_view(&status);
	t.rpm = buf_view(&rpm);
	TRY(look_at_all(&t, f));
	TRY(remove_due(&t, f));
	if (t.removed == 0)
		return OK;
	buf_init(&answer, REPLY_MAX);
	r = control_ask(c->socket, "records", &answer, f);
	return r.code == RC_NOTFOUND ? OK : r;
}
