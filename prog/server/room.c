#include "prog/server/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"

#define PAGE STORE_LIST_MAX
#define PART ".part"
#define NEW ".new"

struct room {
	pthread_mutex_t lock; /* a file and its row change under it; used */
	uint64_t used;
	unix_time next_sweep;
	bool had_requests; /* at the last look */
	uint64_t next_new; /* in names of files that are being made */
};

void room_path(const struct digest *d, const char *suffix, char out[ROOM_PATH])
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	(void)snprintf(out, ROOM_PATH, "artifacts/%s%s", hex, suffix);
}

struct digest room_part(const struct digest *d, const struct name *owner)
{
	const struct view parts[] = {digest_view(d), view_str(owner->s)};
	struct digest id = digest_of_parts(parts, 2);

	/* A file of just these bytes has that digest. Nobody can make one that has the inverse. */
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		id.b[i] ^= 0xff;
	return id;
}

static bool stat_file(const struct server *s, const struct digest *d, const char *suffix,
		      struct stat *ret)
{
	char path[ROOM_PATH];

	room_path(d, suffix, path);
	return fstatat(s->data_fd, path, ret, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(ret->st_mode);
}

static void drop_file(const struct server *s, const struct digest *d, const char *suffix)
{
	char path[ROOM_PATH];

	room_path(d, suffix, path);
	if (unlinkat(s->data_fd, path, 0) != 0 && errno != ENOENT)
		log_warn("%s/%s stays: %s", s->conf.data, path, strerror(errno));
}

static rc row_get(struct server *s, const struct digest *d, struct store_upload *ret)
{
	return s->store->api->upload_get(s->store, d, ret, NULL);
}

/* ---- Rows and files, at the start ----------------------------------------------------------*/

/* A page of rows, copied: a visitor must not call the store. */
struct page {
	struct store_upload rows[PAGE];
	size_t count;
};

static rc take_row(void *ctx, const struct store_upload *row)
{
	struct page *p = ctx;

	p->rows[p->count++] = *row;
	return OK;
}

/* A row whose file says something else follows the file. */
static rc mend_row(struct server *s, const struct store_upload *row, struct fault *f)
{
	const struct store_api *api = s->store->api;
	struct store_upload fixed = *row;
	struct stat st;

	if (stat_file(s, &row->sha256, "", &st)) {
		fixed.complete = true;
		fixed.size = (uint64_t)st.st_size;
	} else if (row->complete) {
		return api->upload_drop(s->store, &row->sha256, f);
	}
	s->room->used += fixed.size;
	return fixed.complete == row->complete && fixed.size == row->size
		       ? OK
		       : api->upload_put(s->store, &fixed, f);
}

static rc mend_rows(struct server *s, struct fault *f)
{
	struct page *p = calloc(1, sizeof(*p));
	struct digest after;
	bool first = true;
	rc r = OK;

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	do {
		p->count = 0;
		r = s->store->api->upload_list(s->store, first ? NULL : &after, PAGE, take_row, p,
					       f);
		for (size_t i = 0; rc_is_ok(r) && i < p->count; i++)
			r = mend_row(s, &p->rows[i], f);
		if (p->count > 0)
			after = p->rows[p->count - 1].sha256;
		first = false;
	} while (rc_is_ok(r) && p->count == PAGE);
	free(p);
	return r;
}

/* A file without a row: the store was lost, or its newest rows with the power. A part without one,
 * or beside a whole file, is of an upload that must be announced again, and begins again. */
static rc mend_file(struct server *s, const char *name, struct fault *f)
{
	size_t len = strlen(name);
	bool part = len > strlen(PART) && strcmp(name + len - strlen(PART), PART) == 0;
	struct store_upload row = {.complete = true, .owner = {"unknown"}};
	struct stat st;
	rc r;

	if (!rc_is_ok(digest_parse(view_of(name, part ? len - strlen(PART) : len), &row.sha256))) {
		log_warn("%s/artifacts/%s is not ours", s->conf.data, name);
		return OK;
	}
	r = row_get(s, &row.sha256, &row);
	if (r.code != RC_NOTFOUND && !(part && rc_is_ok(r) && row.complete))
		return r;
	if (part) {
		drop_file(s, &row.sha256, PART);
		return OK;
	}
	if (!stat_file(s, &row.sha256, "", &st))
		return OK;
	row.size = (uint64_t)st.st_size;
	row.created = row.touched = (unix_time)st.st_mtime;
	s->room->used += row.size;
	return s->store->api->upload_put(s->store, &row, f);
}

static rc mend_files(struct server *s, struct fault *f)
{
	int fd = openat(s->data_fd, "artifacts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	rc r = OK;

	if (dir == NULL) {
		fd_close(&fd);
		return fault_errno(f, errno, "%s/artifacts", s->conf.data);
	}
	while (rc_is_ok(r) && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			r = mend_file(s, entry->d_name, f);
	(void)closedir(dir);
	return r;
}

static void signed_dir(const struct digest *artifact, char out[ROOM_PATH])
{
	char hex[DIGEST_HEX];

	digest_hex(artifact, hex);
	(void)snprintf(out, ROOM_PATH, "signed/%s", hex);
}

/* Removes what is kept of one artifact: all of it, or only what was never finished. Returns the
 * bytes of the finished files that it found. */
static uint64_t clear_signed(const struct server *s, const struct digest *artifact, bool all)
{
	uint64_t bytes = 0;
	const struct dirent *entry;
	char path[ROOM_PATH];
	int fd;
	DIR *dir;

	signed_dir(artifact, path);
	fd = openat(s->data_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		fd_close(&fd);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		size_t len = strlen(name);
		bool is_new = len > strlen(NEW) && strcmp(name + len - strlen(NEW), NEW) == 0;
		struct stat st;

		if (name[0] == '.' || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (!is_new)
			bytes += (uint64_t)st.st_size;
		if (all || is_new)
			(void)unlinkat(fd, name, 0);
	}
	(void)closedir(dir);
	if (all)
		(void)unlinkat(s->data_fd, path, AT_REMOVEDIR);
	return bytes;
}

/* Signed files go with their artifact. */
static rc mend_signed(struct server *s, struct fault *f)
{
	int fd = openat(s->data_fd, "signed", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct digest d;
	struct stat st;

	if (dir == NULL) {
		fd_close(&fd);
		return fault_errno(f, errno, "%s/signed", s->conf.data);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!rc_is_ok(digest_parse(view_str(entry->d_name), &d)))
			continue;
		if (stat_file(s, &d, "", &st))
			s->room->used += clear_signed(s, &d, false);
		else
			(void)clear_signed(s, &d, true);
	}
	(void)closedir(dir);
	return OK;
}

rc room_open(struct server *s, struct fault *f)
{
	s->room = calloc(1, sizeof(*s->room));
	if (s->room == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	(void)pthread_mutex_init(&s->room->lock, NULL);
	TRY(mend_rows(s, f));
	TRY(mend_files(s, f));
	return mend_signed(s, f);
}

void room_free(struct server *s)
{
	if (s->room == NULL)
		return;
	(void)pthread_mutex_destroy(&s->room->lock);
	free(s->room);
	s->room = NULL;
}

/* ---- Uploads -------------------------------------------------------------------------------*/

static bool fits(const struct server *s, uint64_t more)
{
	return s->conf.uploads_total == 0 || (s->room->used <= s->conf.uploads_total &&
					      more <= s->conf.uploads_total - s->room->used);
}

/* The row goes last: what is left after an end in between is swept again. The lock is held. */
static void drop_row(struct server *s, const struct store_upload *row)
{
	if (!rc_is_ok(s->store->api->upload_drop(s->store, &row->sha256, NULL)))
		return;
	s->room->used -= row->size < s->room->used ? row->size : s->room->used;
}

/* A part is not wanted any more: the file is whole. The lock is held. */
static void drop_part(struct server *s, const struct digest *part)
{
	struct store_upload row;

	if (!rc_is_ok(row_get(s, part, &row)))
		return;
	drop_file(s, part, PART);
	drop_row(s, &row);
}

/* The file is there, whoever sent it: its row says so. The lock is held. */
static rc whole_row(struct server *s, const struct store_upload *want, struct fault *f)
{
	struct store_upload row = {0};
	const bool known = rc_is_ok(row_get(s, &want->sha256, &row));
	const uint64_t before = known ? row.size : 0;

	if (!known)
		row = *want;
	row.size = want->size;
	row.touched = want->touched;
	row.complete = true;
	TRY(s->store->api->upload_put(s->store, &row, f));
	s->room->used = s->room->used - before + row.size;
	return OK;
}

static rc announce(struct server *s, const struct store_upload *want, struct fault *f)
{
	const struct digest part = room_part(&want->sha256, &want->owner);
	struct store_upload row = {0};
	struct stat st;
	rc r;

	if (stat_file(s, &want->sha256, "", &st)) {
		if ((uint64_t)st.st_size != want->size)
			return RC(RC_MISMATCH);
		drop_part(s, &part);
		return whole_row(s, want, f);
	}
	r = s->store->api->upload_get(s->store, &part, &row, f);
	if (rc_is_ok(r)) {
		if (row.size != want->size)
			return RC(RC_MISMATCH);
		row.touched = want->touched;
		return s->store->api->upload_put(s->store, &row, f);
	}
	if (r.code != RC_NOTFOUND)
		return r;
	if (!fits(s, want->size))
		return fault_set(
			f, RC_NOSPACE, 0, "%llu of %llu bytes are taken, and this file has %llu",
			(unsigned long long)s->room->used,
			(unsigned long long)s->conf.uploads_total, (unsigned long long)want->size);
	row = *want;
	row.sha256 = part;
	TRY(s->store->api->upload_put(s->store, &row, f));
	s->room->used += row.size;
	return OK;
}

rc room_announce(struct server *s, const struct store_upload *want, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&s->room->lock);
	r = announce(s, want, f);
	(void)pthread_mutex_unlock(&s->room->lock);
	return r;
}

static rc begin_write(struct server *s, const struct room_upload *u, int *ret_fd, struct fault *f)
{
	AUTO(fd) int fd = -1;
	struct store_upload row;
	char path[ROOM_PATH];
	struct stat st;

	if (stat_file(s, &u->sha256, "", &st))
		return RC(RC_STATE);
	TRY(s->store->api->upload_get(s->store, &u->part, &row, f));
	room_path(&u->part, PART, path);
	fd = openat(s->data_fd, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_errno(f, errno, "the server's disk");
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return RC(RC_BUSY);
	row.touched = clock_now(&clock_system);
	TRY(s->store->api->upload_put(s->store, &row, f));
	*ret_fd = fd;
	fd = -1;
	return OK;
}

rc room_write(struct server *s, const struct room_upload *u, int *ret_fd, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&s->room->lock);
	r = begin_write(s, u, ret_fd, f);
	(void)pthread_mutex_unlock(&s->room->lock);
	return r;
}

static rc complete(struct server *s, const struct room_upload *u, struct fault *f)
{
	struct store_upload row = {.owner = {"unknown"}};
	AUTO(fd) int dir = openat(s->data_fd, "artifacts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char part[ROOM_PATH];
	char whole[ROOM_PATH];
	struct stat st;

	room_path(&u->part, PART, part);
	room_path(&u->sha256, "", whole);
	if (dir < 0 || (!stat_file(s, &u->sha256, "", &st) &&
			(renameat(s->data_fd, part, s->data_fd, whole) != 0 || fsync(dir) != 0)))
		return fault_errno(f, errno, "the server's disk");
	rc_ignore(row_get(s, &u->part, &row), "it is made anew then");
	row.sha256 = u->sha256;
	row.size = u->size;
	row.touched = clock_now(&clock_system);
	rc_ignore(whole_row(s, &row, NULL), "the file itself says so");
	drop_part(s, &u->part);
	return OK;
}

rc room_complete(struct server *s, const struct room_upload *u, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&s->room->lock);
	r = complete(s, u, f);
	(void)pthread_mutex_unlock(&s->room->lock);
	return r;
}

rc room_claim(struct server *s, const struct digest *d, int *ret_fd, uint64_t *ret_size)
{
	struct store_upload row;
	char path[ROOM_PATH];
	int fd;

	room_path(d, "", path);
	(void)pthread_mutex_lock(&s->room->lock);
	fd = openat(s->data_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && rc_is_ok(row_get(s, d, &row))) {
		row.touched = clock_now(&clock_system);
		rc_ignore(s->store->api->upload_put(s->store, &row, NULL), "it is younger then");
	}
	(void)pthread_mutex_unlock(&s->room->lock);
	if (fd < 0)
		return RC(RC_NOTFOUND);
	if (!rc_is_ok(fd_size(fd, ret_size, NULL))) {
		fd_close(&fd);
		return RC(RC_IO);
	}
	*ret_fd = fd;
	return OK;
}

/* ---- Signed files --------------------------------------------------------------------------*/

static void signed_path(const struct room_signed *w, char out[ROOM_SIGNED_PATH])
{
	char dir[ROOM_PATH];
	char hex[DIGEST_HEX];

	signed_dir(&w->artifact, dir);
	digest_hex(&w->request, hex);
	(void)snprintf(out, ROOM_SIGNED_PATH, "%s/%s.%llu.%u", dir, hex,
		       (unsigned long long)w->item, w->use);
}

rc room_signed_open(struct server *s, const struct room_signed *w, int *ret_fd)
{
	char path[ROOM_SIGNED_PATH];
	int fd;

	signed_path(w, path);
	fd = openat(s->data_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return RC(RC_NOTFOUND);
	*ret_fd = fd;
	return OK;
}

rc room_signed_begin(struct server *s, const struct room_signed *w, char ret_path[ROOM_SIGNED_PATH],
		     int *ret_fd)
{
	char dir[ROOM_PATH];
	char name[ROOM_SIGNED_PATH];
	uint64_t n;
	int fd;

	signed_dir(&w->artifact, dir);
	signed_path(w, name);
	(void)pthread_mutex_lock(&s->room->lock);
	n = s->room->next_new++;
	(void)pthread_mutex_unlock(&s->room->lock);
	if ((size_t)snprintf(ret_path, ROOM_SIGNED_PATH, "%s.%llu" NEW, name,
			     (unsigned long long)n) >= ROOM_SIGNED_PATH)
		return RC(RC_IO);
	if (mkdirat(s->data_fd, dir, 0700) != 0 && errno != EEXIST)
		return RC(RC_IO);
	fd = openat(s->data_fd, ret_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return RC(RC_IO);
	*ret_fd = fd;
	return OK;
}

/* Two calls may have made the same file: the first one's is kept. The lock is held. */
static bool keep_signed(struct server *s, const struct room_signed *w, const char *path,
			uint64_t size)
{
	char name[ROOM_SIGNED_PATH];
	struct stat st;

	signed_path(w, name);
	if (!stat_file(s, &w->artifact, "", &st) || !fits(s, size) ||
	    fstatat(s->data_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    renameat(s->data_fd, path, s->data_fd, name) != 0)
		return false;
	s->room->used += size;
	return true;
}

void room_signed_end(struct server *s, const struct room_signed *w, const char *path, int fd,
		     bool good)
{
	uint64_t size = 0;
	bool kept = false;

	good = good && fdatasync(fd) == 0 && rc_is_ok(fd_size(fd, &size, NULL));
	(void)pthread_mutex_lock(&s->room->lock);
	if (good)
		kept = keep_signed(s, w, path, size);
	(void)pthread_mutex_unlock(&s->room->lock);
	if (!kept)
		(void)unlinkat(s->data_fd, path, 0);
}

/* ---- The sweep -----------------------------------------------------------------------------*/

/* Somebody may be writing it, or have written a moment ago. The lock is held. */
static bool part_rests(const struct server *s, const struct digest *d, unix_time before)
{
	AUTO(fd) int fd = -1;
	char path[ROOM_PATH];
	struct stat st;

	room_path(d, PART, path);
	fd = openat(s->data_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT;
	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	       (unix_time)st.st_mtime < before;
}

static void sweep_part(struct server *s, const struct digest *d, unix_time before)
{
	struct store_upload row;
	struct stat st;

	if (!rc_is_ok(row_get(s, d, &row)) || row.touched >= before || stat_file(s, d, "", &st) ||
	    !part_rests(s, d, before))
		return;
	drop_file(s, d, PART);
	drop_row(s, &row);
	log_info("an incomplete upload of %s is removed", row.owner.s);
}

static void sweep_whole(struct server *s, const struct digest *d, unix_time before)
{
	struct store_upload row;
	uint64_t finished;
	bool needed = true;

	if (!rc_is_ok(row_get(s, d, &row)) || row.touched >= before ||
	    !rc_is_ok(s->store->api->upload_needed(s->store, d, before, &needed, NULL)) || needed)
		return;
	finished = clear_signed(s, d, true);
	s->room->used -= finished < s->room->used ? finished : s->room->used;
	drop_file(s, d, "");
	drop_row(s, &row);
	log_info("a file of %s is removed: no request needs it since artifacts-keep", row.owner.s);
}

static void sweep_row(struct server *s, const struct store_upload *row, unix_time now,
		      bool has_requests)
{
	const unix_time parts = now - (unix_time)s->conf.upload_keep * 3600;
	const unix_time whole = now - (unix_time)s->conf.artifacts_keep * 86400;

	(void)pthread_mutex_lock(&s->room->lock);
	if (!row->complete && row->touched < parts)
		sweep_part(s, &row->sha256, parts);
	else if (row->complete && has_requests && s->conf.artifacts_keep > 0 &&
		 row->touched < whole)
		sweep_whole(s, &row->sha256, whole);
	(void)pthread_mutex_unlock(&s->room->lock);
}

void room_sweep(struct server *s, unix_time now, bool has_requests)
{
	struct page *p;
	struct digest after;
	bool first = true;

	if (has_requests && !s->room->had_requests)
		s->room->next_sweep = 0; /* what had to wait for them */
	s->room->had_requests = has_requests;
	/* A clock that was set back does not put the sweep off. */
	if (now < s->room->next_sweep && s->room->next_sweep - now <= ROOM_SWEEP_SECONDS)
		return;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return;
	s->room->next_sweep = now + ROOM_SWEEP_SECONDS;
	/* The keeper's clock may go behind: a day, so that none is forgotten which it still signs.
	 */
	if (has_requests)
		rc_ignore(s->store->api->publishing_sweep(s->store, now - 86400, NULL),
			  "swept in the next period");
	do {
		p->count = 0;
		rc_ignore(s->store->api->upload_list(s->store, first ? NULL : &after, PAGE,
						     take_row, p, NULL),
			  "swept in the next period");
		for (size_t i = 0; i < p->count; i++)
			sweep_row(s, &p->rows[i], now, has_requests);
		if (p->count > 0)
			after = p->rows[p->count - 1].sha256;
		first = false;
	} while (p->count == PAGE);
	free(p);
}
