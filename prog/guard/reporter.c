/* reporter - writes what the guard did as lines of JSON to standard error, one each, and keeps it
 * for greatseal-agent to fetch.
 *
 * The only one that looks up names, and the only one that may hang: then the ring fills, and what
 * does not fit is counted and said later. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "prog/guard/feed.h"
#include "prog/guard/met.h"
#include "prog/guard/words.h"

#define PATH_BYTES 4096u
#define LINE_BYTES 32768u

static const char *const kind_name[] = {
	[NEWS_FIRST_SEEN] = "first-seen",  [NEWS_DENIED] = "denied",
	[NEWS_WOULD_DENY] = "would-deny",  [NEWS_LIST] = "list",
	[NEWS_LIST_BAD] = "list-refused",  [NEWS_MODE] = "mode",
	[NEWS_FETCH_BAD] = "fetch-failed", [NEWS_GLASS] = "break-glass",
	[NEWS_RECORDS] = "records",	   [NEWS_RECORD_BAD] = "record-refused",
	[NEWS_WORKER] = "worker",	   [NEWS_OVERFLOW] = "overflow",
	[NEWS_MARKED] = "guarded",	   [NEWS_UPGRADE] = "upgrade",
};
_Static_assert(sizeof(kind_name) / sizeof(kind_name[0]) == NEWS__COUNT, "each kind has a name");

static const char *const why_name[] = {
	[WHY_NONE] = "",
	[WHY_UNAPPROVED] = "unapproved",
	[WHY_REVOKED] = "revoked",
	[WHY_WRITER] = "writer",
	[WHY_NO_LEASE] = "no-lease",
	[WHY_CHANGED] = "changed",
	[WHY_UNREADABLE] = "unreadable",
	[WHY_TOO_LARGE] = "too-large",
	[WHY_BUSY] = "busy",
};
_Static_assert(sizeof(why_name) / sizeof(why_name[0]) == WHY__COUNT, "each reason has a name");

static void put_link(struct buf *out, const char *name, const char *link)
{
	char path[PATH_BYTES];
	ssize_t n = readlink(link, path, sizeof(path));

	if (n > 0)
		words_put(out, name, path, (size_t)n);
}

/* Who asked: as far as it can still be seen. */
static void put_asker(struct buf *out, int32_t pid)
{
	char path[40];
	struct stat st;

	buf_printf(out, ",\"pid\":%d", (int)pid);
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &st) == 0)
		buf_printf(out, ",\"uid\":%u", (unsigned)st.st_uid);
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	put_link(out, "by", path);
}

static void put_news(struct buf *out, const struct news *n)
{
	static const struct digest none;
	char when[TIME_TEXT], hex[DIGEST_HEX], link[40];

	buf_printf(out, "{\"event\":\"%s\"", kind_name[n->kind]);
	if (rc_is_ok(time_format(clock_now(&clock_system), when)))
		buf_printf(out, ",\"time\":\"%s\"", when);
	if (n->why != WHY_NONE)
		buf_printf(out, ",\"reason\":\"%s\"", why_name[n->why]);
	if (n->fd >= 0) {
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", n->fd);
		put_link(out, "path", link);
	}
	if (n->opened)
		buf_put_str(out, ",\"act\":\"open\"");
	if (n->pid > 0)
		put_asker(out, n->pid);
	if (!digest_is_equal(&n->digest, &none)) {
		digest_hex(&n->digest, hex);
		buf_printf(out, ",\"sha256\":\"%s\"", hex);
	}
	if (n->serial > 0)
		buf_printf(out, ",\"serial\":%" PRIu64, n->serial);
	if (n->count > 0)
		buf_printf(out, ",\"count\":%" PRIu64, n->count);
	if (n->text[0] != '\0')
		words_put(out, "text", n->text, strlen(n->text));
	buf_put_str(out, "}\n");
}

static const char *const act_name[] = {
	[KERNEL_EXEC] = "kernel-exec",	     [KERNEL_MAP] = "kernel-map",
	[KERNEL_PROTECT] = "kernel-protect", [KERNEL_WRITE] = "kernel-write",
	[KERNEL_TRACE] = "kernel-trace",     [KERNEL_MODULE] = "kernel-module",
};
_Static_assert(sizeof(act_name) / sizeof(act_name[0]) == KERNEL__COUNT, "each act has a name");

/* The kernel tells no more than the last part of a path; device and inode say which file it was. */
static void put_kernel(struct buf *out, const struct kernel_event *e)
{
	char when[TIME_TEXT];

	buf_printf(out, "{\"event\":\"%s\"", e->refused != 0 ? "denied" : "would-deny");
	if (rc_is_ok(time_format(clock_now(&clock_system), when)))
		buf_printf(out, ",\"time\":\"%s\"", when);
	buf_printf(out, ",\"reason\":\"%s\"", e->act < KERNEL__COUNT ? act_name[e->act] : "kernel");
	words_put(out, "path", (const char *)e->name, strnlen((const char *)e->name, KERNEL_NAME));
	if (e->ino != 0)
		buf_printf(out, ",\"device\":\"%u:%u\",\"inode\":%" PRIu64,
			   (unsigned)(e->dev >> 20), (unsigned)(e->dev & 0xfffff), e->ino);
	buf_printf(out, ",\"pid\":%u,\"uid\":%u", e->pid, e->uid);
	words_put(out, "by", (const char *)e->by, strnlen((const char *)e->by, sizeof(e->by)));
	buf_put_str(out, "}\n");
}

/* One write for each line, so that they do not mix. Kept first: standard error may hang. */
static void say(struct buf *line, struct backlog *b)
{
	if (rc_is_ok(buf_done(line))) {
		backlog_put(b, view_of(line->ptr, line->len - 1));
		rc_ignore(fd_write_full(STDERR_FILENO, line->ptr, line->len, NULL),
			  "there is nobody else to tell");
	} else {
		backlog_lost(b, 1);
	}
	buf_clear(line);
}

static void drain(struct ring *r, struct buf *line, uint64_t *said, struct backlog *b)
{
	uint64_t dropped = atomic_load(&r->dropped);
	char when[TIME_TEXT];
	struct news n;

	while (ring_take(r, &n)) {
		put_news(line, &n);
		/* Before the write, which may hang: the file is not ours to hold. */
		fd_close(&n.fd);
		say(line, b);
	}
	if (dropped == *said)
		return;
	buf_put_str(line, "{\"event\":\"dropped\"");
	if (rc_is_ok(time_format(clock_now(&clock_system), when)))
		buf_printf(line, ",\"time\":\"%s\"", when);
	buf_printf(line, ",\"count\":%" PRIu64 "}\n", dropped - *said);
	backlog_lost(b, dropped - *said);
	*said = dropped;
	say(line, b);
}

/* What the lookout has met. Its word counts for no more than that: a line, of at most that size. */
static void drain_met(int from, struct buf *line, struct backlog *b)
{
	static struct met_report r;
	char when[TIME_TEXT];

	while (recv(from, &r, sizeof(r), MSG_DONTWAIT) == (ssize_t)sizeof(r)) {
		if (!met_check(&r.met) || r.met.what == MET_END ||
		    strnlen(r.path, sizeof(r.path)) == sizeof(r.path) ||
		    !rc_is_ok(time_format(clock_now(&clock_system), when)))
			continue;
		met_put(line, &r, when);
		say(line, b);
	}
}

void reporter_run(const struct guard *g)
{
	static uint8_t memory[LINE_BYTES];
	static struct backlog backlog;
	static struct feed feed;
	uint64_t decided = 0, ruled = 0, bell;
	struct buf line;

	guard_end_together(g);
	guard_stand_back();
	buf_init_fixed(&line, memory, sizeof(memory));
	if (!rc_is_ok(confine_reporter(NULL)))
		_exit(1);
	backlog_load(&backlog, &g->backlog, g->conf->backlog);
	feed_init(&feed, g, &backlog);
	for (;;) {
		struct pollfd p[3 + FEED_POLL] = {
			{.fd = g->reports, .events = POLLIN},
			{.fd = g->kernel.active ? g->kernel.events : -1, .events = POLLIN},
			{.fd = g->met_out, .events = POLLIN}};
		struct kernel_event e;

		feed_poll(&feed, p + 3);
		(void)poll(p, 3 + FEED_POLL, 1000);
		if ((p[0].revents & POLLIN) != 0)
			(void)!read(g->reports, &bell, sizeof(bell));
		drain(&g->share->ruled, &line, &ruled, &backlog);
		drain(&g->share->decided, &line, &decided, &backlog);
		while (kernel_event_next(&g->kernel, &e)) {
			put_kernel(&line, &e);
			say(&line, &backlog);
		}
		drain_met(g->met_out, &line, &backlog);
		feed_run(&feed, p + 3);
	}
}
