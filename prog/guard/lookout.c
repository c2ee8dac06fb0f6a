/* lookout - finds files that may carry a signature by a key of ours, has each read by a process of
 * its own (scan.c), and hands what that has found to the reporter. See docs/alarm.md.
 *
 * Files come from the worker and the gate (looks.h), and from walks through the directories that
 * the settings name. It opens and lists files, and reads no more of them than the bytes that say
 * whether there may be a signature. It holds none of the guard's descriptors and memory, decides
 * nothing, and may hang: then files are passed over and counted.
 * Owns: which files are looked into, how often, and what is told. Must not own: parsing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "lib/format/seen_near.h"
#include "prog/guard/guard.h"
#include "prog/guard/plain.h"
#include "prog/guard/scan.h"
#include "prog/guard/told.h"
#include "prog/guard/walk.h"

#define SCAN_MS 180000 /* for a scan to end; its processor time is less */
#define ENTRIES 64u    /* of a walk, between looks into the queue */
#define CERTS_MS 1000u
#define FOREIGN_KEYS (CONF_KEYS_MAX + 2)

/* What may be told at once, and how fast that comes again. */
struct budget {
	uint64_t left, most, every; /* every: ms for one */
	uint64_t at;
};

struct lookout {
	const struct guard *g;
	struct looked *looked;
	struct told told;
	struct budget good, unjudged;
	/* Ours. */
	struct stat pem_was;
	uint64_t pem_at;
	size_t pem_len;
	struct digest keys[FOREIGN_KEYS];
	size_t key_count;
	/* The walk. */
	struct walk walk;
	size_t roots_done;
	uint64_t walk_at; /* when the next one begins */
	struct met_report report;
};

static uint8_t pem[SCAN_PEM_MAX];

/* ---- What is told ---------------------------------------------------------------------------*/

static bool take_one(struct budget *b)
{
	uint64_t now = guard_now(), come = (now - b->at) / b->every;

	b->left = b->left + come > b->most ? b->most : b->left + come;
	b->at += come * b->every;
	if (b->left == 0)
		return false;
	b->left--;
	return true;
}

static void send_report(struct lookout *l, const struct met *m, const char *path)
{
	unix_time now = clock_now(&clock_system);
	struct view mark = m->what == MET_GOOD ? view_of(m->value, m->value_len)
					       : view_of(m->file.b, DIGEST_SIZE);

	if (told_has(&l->told, mark, now))
		return;
	if (m->what == MET_UNJUDGED) {
		atomic_fetch_add(&l->looked->unjudged, 1);
		/* Anybody can make such a thing. */
		if (!take_one(&l->unjudged))
			return;
	}
	/* What only our keys can make is not dropped: all else waits. */
	while (m->what == MET_GOOD && !take_one(&l->good))
		(void)poll(NULL, 0, 250);
	l->report.met = *m;
	(void)snprintf(l->report.path, sizeof(l->report.path), "%.*s", GUARD_PATH_MAX, path);
	if (send(l->g->met_in, &l->report, sizeof(l->report), MSG_NOSIGNAL) < 0)
		return;
	told_add(&l->told, mark, now);
	atomic_fetch_add(&l->looked->told, m->what == MET_GOOD);
}

/* ---- One scan -------------------------------------------------------------------------------*/

/* True at the end. */
static bool take_met(struct lookout *l, const struct met *m, const char *path, struct met_end *ret)
{
	if (m->what == MET_END)
		*ret = m->end;
	else
		send_report(l, m, path);
	return m->what == MET_END;
}

/* False: it ended, or did not, before it had said all. */
static bool read_scan(struct lookout *l, int from, const char *path, struct met_end *ret)
{
	const uint64_t until = guard_now() + SCAN_MS;
	static struct met m;
	uint32_t told = 0;
	size_t have = 0;

	for (;;) {
		struct pollfd p = {.fd = from, .events = POLLIN};
		uint64_t now = guard_now();
		ssize_t n;

		if (now >= until || (poll(&p, 1, (int)(until - now)) < 0 && errno != EINTR))
			return false;
		if (p.revents == 0)
			continue;
		n = read(from, (uint8_t *)&m + have, sizeof(m) - have);
		if (n <= 0)
			return false;
		have += (size_t)n;
		if (have < sizeof(m))
			continue;
		have = 0;
		if (!met_check_next(&m, &told))
			return false;
		if (take_met(l, &m, path, ret))
			return true;
	}
}

static bool scan(struct lookout *l, const struct scan_input *in, const char *path,
		 struct met_end *ret)
{
	int ends[2];
	bool whole;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		scan_run(in, ends[1]);
	(void)close(ends[1]);
	whole = pid > 0 && read_scan(l, ends[0], path, ret);
	(void)close(ends[0]);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		/* One that the kernel does not let go (a file of a network) is left behind. */
		(void)waitpid(pid, NULL, whole ? 0 : WNOHANG);
	}
	return whole;
}

static struct scan_input input_of(const struct lookout *l, int fd, int beside)
{
	return (struct scan_input){.fd = fd,
				   .beside = beside,
				   .pem = view_of(pem, l->pem_len),
				   .keys = l->keys,
				   .key_count = l->key_count};
}

static void scan_one(struct lookout *l, const struct scan_input *in, const char *path)
{
	struct met_end end = {0};
	bool whole = scan(l, in, path, &end);

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	atomic_fetch_add(&l->looked->scanned, 1);
	atomic_fetch_add(&l->looked->failed, !whole || end.unreadable > 0 || end.more > 0);
	atomic_fetch_add(&l->looked->bad, end.bad);
}

/* ---- One file -------------------------------------------------------------------------------*/

/* The next file beside that may be its signature; -1: no more. */
static int open_beside(int dir, const char *file, size_t *at)
{
	char name[NAME_MAX + 1];
	struct stat st;

	while (dir >= 0 && seen_beside_name(file, at, name, sizeof(name))) {
		int fd = plain_open_at(dir, name, &st);

		if (fd >= 0 && st.st_size <= SEEN_BESIDE_MAX)
			return fd;
		fd_close(&fd);
	}
	return -1;
}

/* dir: where it lies, to look beside it; or -1. */
static void look_into(struct lookout *l, int fd, int dir, const char *path)
{
	const char *slash = strrchr(path, '/'), *file = slash == NULL ? path : slash + 1;
	uint8_t ima[SEEN_IMA_MAX];
	size_t ima_len = seen_read_ima(fd, ima), at = 0;
	uint64_t size = 0;
	bool carries;
	int beside;

	atomic_fetch_add(&l->looked->files, 1);
	carries = ima_len > 0 || (rc_is_ok(fd_size(fd, &size, NULL)) && seen_may_carry(fd, size));
	beside = open_beside(dir, file, &at);
	while (carries || beside >= 0) {
		struct scan_input in = input_of(l, fd, beside);

		if (carries)
			in.ima = view_of(ima, ima_len);
		scan_one(l, &in, path);
		fd_close(&beside);
		carries = false;
		beside = open_beside(dir, file, &at);
	}
}

/* A file that may be a signature is one of another, which may come, or change, after it. */
static void look_beside(struct lookout *l, const struct walk_file *w)
{
	char name[NAME_MAX + 1], of[PATH_MAX];
	struct stat st;

	if (!seen_is_beside(w->name, name, sizeof(name)) ||
	    !seen_is_beside(w->path, of, sizeof(of)) || !plain_stat(w->dir, name, &st) ||
	    !S_ISREG(st.st_mode) || told_looked_both(&l->told, &st, &w->st))
		return;
	AUTO(fd) int fd = plain_open_at(w->dir, name, &st);
	AUTO(fd) int beside = fd < 0 ? -1 : plain_open_at(w->dir, w->name, &st);
	struct scan_input in = input_of(l, fd, beside);

	if (beside >= 0 && st.st_size <= SEEN_BESIDE_MAX)
		scan_one(l, &in, of);
}

static void visit(void *ctx, const struct walk_file *w)
{
	struct lookout *l = (struct lookout *)ctx;
	struct stat st;

	if (w->st.st_size == 0)
		return;
	look_beside(l, w);
	if (told_looked(&l->told, &w->st))
		return;
	AUTO(fd) int fd = plain_open_at(w->dir, w->name, &st);
	if (fd >= 0)
		look_into(l, fd, -1, w->path);
}

/* The path as it is now; "" for what has none, or is in another mount namespace. */
static void path_of(int fd, char out[PATH_MAX])
{
	char link[40];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
}

static void take_queue(struct lookout *l)
{
	char path[PATH_MAX];
	int given;

	for (unsigned n = 0; n < ENTRIES && looks_take(&l->g->looks, &given, path); n++) {
		AUTO(fd) int fd = given;
		struct stat st;

		if (fd < 0)
			fd = plain_open(path, &st);
		else
			path_of(fd, path);
		if (fd < 0 || !plain_stat(fd, "", &st) || !S_ISREG(st.st_mode) ||
		    told_looked(&l->told, &st))
			continue;
		AUTO(fd) int dir = plain_parent(path, fd);
		look_into(l, fd, dir, path);
	}
}

/* ---- Ours -----------------------------------------------------------------------------------*/

static bool read_pem(struct lookout *l, struct stat *st)
{
	AUTO(fd) int fd = open(l->g->conf->certificates, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	l->pem_len = 0;
	if (fd < 0 || fstat(fd, st) != 0 || !S_ISREG(st->st_mode))
		return false;
	if (st->st_size > (off_t)sizeof(pem) ||
	    !rc_is_ok(fd_pread_full(fd, pem, (size_t)st->st_size, 0, NULL))) {
		log_warn("certificates: %s cannot be read, or is too large",
			 l->g->conf->certificates);
		return false;
	}
	l->pem_len = (size_t)st->st_size;
	return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* What was looked into for other certificates is looked into again. */
static void refresh(struct lookout *l, uint64_t now)
{
	const char *path = l->g->conf->certificates;
	struct met_end end = {0};
	struct scan_input in;
	struct stat st = {0};

	if (now - l->pem_at < CERTS_MS)
		return;
	l->pem_at = now;
	if (path[0] == '\0' || stat(path, &st) != 0)
		memset(&st, 0, sizeof(st));
	if (same_file(&st, &l->pem_was))
		return;
	l->pem_was = st;
	(void)read_pem(l, &st);
	memset(l->told.files, 0, FILES_ROWS * sizeof(*l->told.files));
	l->walk_at = now;
	in = input_of(l, -1, -1);
	if (!scan(l, &in, "", &end) || end.bad_certs > 0)
		log_warn("certificates: %s is not, from its beginning to its end, certificates in "
			 "PEM that can be looked for",
			 path);
	atomic_store(&l->looked->certs, end.certs);
}

/* Those that the settings name. */
static void take_keys(struct lookout *l)
{
	const struct conf *c = l->g->conf;

	l->keys[l->key_count++] = c->list_key;
	if (c->has_token_key)
		l->keys[l->key_count++] = c->token_key;
	for (size_t i = 0; i < c->record_key_count; i++)
		l->keys[l->key_count++] = c->record_keys[i];
}

/* ---- Walks ----------------------------------------------------------------------------------*/

static const char *root_of(const struct lookout *l, size_t i)
{
	const struct conf *c = l->g->conf;

	if (c->watch_count > 0)
		return i < c->watch_count ? c->watch[i] : NULL;
	/* What the guard is not asked about. Without certificates there is nothing to find: those
	 * signatures bring none. */
	return i == 0 && atomic_load(&l->looked->certs) > 0 ? "/lib/modules" : NULL;
}

/* True: there is more to do at once. */
static bool walk_some(struct lookout *l, uint64_t now)
{
	const char *root;

	if (l->walk.depth == 0) {
		if (l->roots_done == 0 && now < l->walk_at)
			return false;
		root = root_of(l, l->roots_done);
		if (root == NULL) {
			atomic_fetch_add(&l->looked->walks, l->roots_done > 0);
			l->roots_done = 0;
			l->walk_at = now + l->g->conf->watch_every * 1000;
			return false;
		}
		l->roots_done++;
		walk_begin(&l->walk, root);
	}
	(void)walk_on(&l->walk, ENTRIES, visit, l);
	return true;
}

/* ---- Start ----------------------------------------------------------------------------------*/

/* Gives away all of the guard's that it was born with. */
static rc lock_in(const struct guard *g, struct fault *f)
{
	const struct sandbox_path all = {.path = "/"};
	const int keep[] = {g->looks.out, g->met_in, g->told};
	struct kernel kernel = g->kernel;
	int abi;

	guard_own(g->share, OWN_LOOKOUT);
	(void)munmap(g->share, share_size(g->share->slot_count));
	if (kernel.active)
		kernel_close(&kernel);
	TRY(sandbox_close_others(keep, sizeof(keep) / sizeof(keep[0]), f));
	(void)setpriority(PRIO_PROCESS, 0, 19);
	guard_stand_back();
	TRY(sandbox_paths(&all, 1, &abi, f));
	return confine_lookout(f);
}

void lookout_run(const struct guard *g)
{
	static struct lookout l;
	struct fault f = {0};
	bool more = false;

	guard_end_together(g);
	l.g = g;
	l.looked = g->looks.looked;
	l.good = (struct budget){LOOKOUT_BURST, LOOKOUT_BURST, LOOKOUT_EVERY_MS, guard_now()};
	l.unjudged = (struct budget){LOOKOUT_UNJUDGED, LOOKOUT_UNJUDGED, LOOKOUT_UNJUDGED_MS,
				     guard_now()};
	take_keys(&l);
	if (!rc_is_ok(lock_in(g, &f)) || !told_init(&l.told, g->told)) {
		log_warn("signatures are not looked for: %s", f.text);
		_exit(1);
	}
	for (;;) {
		struct pollfd p = {.fd = g->looks.out, .events = POLLIN};

		(void)poll(&p, 1, more ? 0 : 1000);
		refresh(&l, guard_now());
		take_queue(&l);
		more = walk_some(&l, guard_now());
	}
}
