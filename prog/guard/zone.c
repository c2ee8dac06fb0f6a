#include "prog/guard/zone.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/num.h"

_Static_assert((OUTPUT_ROWS & (OUTPUT_ROWS - 1)) == 0, "rows are chosen by a mask");
_Static_assert((TOUCHED_ROWS & (TOUCHED_ROWS - 1)) == 0, "rows are chosen by a mask");

/* ---- Outputs --------------------------------------------------------------------------------*/

static uint64_t spread(uint64_t dev, uint64_t ino)
{
	return ((dev ^ (ino * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd)) >> 40;
}

void zone_watched(struct zone_state *z)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_REALTIME, &t);
	atomic_store(&z->floor, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
}

rc zone_file(int fd, struct zone_file *ret)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_BTIME,
		  &x) != 0)
		return RC(RC_IO);
	if (!S_ISREG(x.stx_mode))
		return RC(RC_UNSUPPORTED);
	*ret = (struct zone_file){.dev = makedev(x.stx_dev_major, x.stx_dev_minor),
				  .ino = x.stx_ino,
				  .size = x.stx_size,
				  .born = (x.stx_mask & STATX_BTIME) != 0 && x.stx_btime.tv_sec > 0
						  ? (uint64_t)x.stx_btime.tv_sec * 1000000000u +
							    x.stx_btime.tv_nsec
						  : 0};
	return OK;
}

static struct output *find(struct zone_state *z, const struct zone_file *f)
{
	struct output *row = z->row[spread(f->dev, f->ino) & (OUTPUT_ROWS - 1)];

	for (size_t i = 0; i < OUTPUT_WIDE; i++)
		if (row[i].set && row[i].dev == f->dev && row[i].ino == f->ino &&
		    row[i].born == f->born)
			return &row[i];
	return NULL;
}

void zone_put(struct zone_state *z, const struct output *o)
{
	struct output *row = z->row[spread(o->dev, o->ino) & (OUTPUT_ROWS - 1)];
	struct output *to = find(z, &(struct zone_file){o->dev, o->ino, o->born, o->size});

	for (size_t i = 0; to == NULL && i < OUTPUT_WIDE; i++)
		if (!row[i].set)
			to = &row[i];
	if (to == NULL) {
		to = &row[0];
		for (size_t i = 1; i < OUTPUT_WIDE; i++)
			if (row[i].at < to->at)
				to = &row[i];
		atomic_fetch_add(&z->dropped, 1);
	}
	/* A worker that is killed in between leaves no half entry. */
	to->set = false;
	atomic_signal_fence(memory_order_seq_cst);
	*to = *o;
	to->set = false;
	atomic_signal_fence(memory_order_seq_cst);
	to->set = true;
}

static bool is_touched(const struct zone_state *z, const struct zone_file *f)
{
	const struct touched *row = z->touched[spread(f->dev, f->ino) & (TOUCHED_ROWS - 1)];

	if (f->born <= atomic_load(&z->floor))
		return true;
	for (size_t i = 0; i < TOUCHED_WIDE; i++)
		if (row[i].born == f->born && row[i].ino == f->ino && row[i].dev == f->dev)
			return true;
	return false;
}

void zone_touch(struct zone_state *z, const struct zone_file *f)
{
	struct touched *row = z->touched[spread(f->dev, f->ino) & (TOUCHED_ROWS - 1)];
	struct touched *to = &row[0];

	if (is_touched(z, f))
		return;
	/* A free one, or the oldest: whatever is not younger is touched from now on. */
	for (size_t i = 1; i < TOUCHED_WIDE; i++)
		if (row[i].born < to->born)
			to = &row[i];
	if (to->born > atomic_load(&z->floor))
		atomic_store(&z->floor, to->born);
	to->born = 0;
	atomic_signal_fence(memory_order_seq_cst);
	to->dev = f->dev;
	to->ino = f->ino;
	atomic_signal_fence(memory_order_seq_cst);
	to->born = f->born;
}

void zone_opened(struct zone_state *z, const struct zone_file *f, bool producer, uint64_t now)
{
	struct output *o = find(z, f);

	if (!producer) {
		zone_touch(z, f);
		if (o != NULL && o->done)
			o->touched = true;
		else if (o != NULL)
			o->set = false;
	} else if (o == NULL && !is_touched(z, f)) {
		zone_put(z, &(struct output){
				    .dev = f->dev, .ino = f->ino, .born = f->born, .at = now});
	}
}

void zone_closed(struct zone_state *z, const struct zone_file *f, bool producer, uint64_t now)
{
	struct output *o = find(z, f);
	struct output done;

	if (!producer)
		zone_touch(z, f);
	if (o == NULL)
		return;
	if (!producer || o->touched) {
		o->set = false;
		return;
	}
	done = *o;
	done.done = true;
	done.size = f->size;
	done.at = now;
	zone_put(z, &done);
	atomic_fetch_add(&z->outputs, 1);
}

void zone_lost(struct zone_state *z)
{
	zone_watched(z);
	for (size_t i = 0; i < OUTPUT_ROWS; i++)
		for (size_t k = 0; k < OUTPUT_WIDE; k++) {
			if (z->row[i][k].set)
				atomic_fetch_add(&z->dropped, 1);
			z->row[i][k].set = false;
		}
}

const struct output *zone_find(struct zone_state *z, const struct zone_file *f)
{
	const struct output *o = find(z, f);

	return o != NULL && o->done && o->size == f->size ? o : NULL;
}

/* ---- Producers ------------------------------------------------------------------------------*/

static void drop(struct producer *p)
{
	int fd = p->pidfd;

	p->pid = 0;
	atomic_signal_fence(memory_order_seq_cst);
	if (fd >= 0)
		(void)close(fd);
}

void zone_producer(struct zone_state *z, int32_t pid, int pidfd, uint64_t dev, uint64_t ino,
		   uint64_t now)
{
	struct producer *to = NULL, *oldest = &z->producer[0];

	for (size_t i = 0; i < PRODUCERS_MAX; i++) {
		struct producer *p = &z->producer[i];

		if (p->pid == pid)
			drop(p);
		if (p->pid == 0 && to == NULL)
			to = p;
		if (p->at < oldest->at)
			oldest = p;
	}
	if (to == NULL) {
		to = oldest;
		drop(to);
		atomic_fetch_add(&z->dropped, 1);
	}
	*to = (struct producer){.pidfd = pidfd, .dev = dev, .ino = ino, .at = now};
	atomic_signal_fence(memory_order_seq_cst);
	/* Without a pidfd its end would not be seen, and its number is another's some day. */
	to->pid = pidfd >= 0 ? pid : 0;
}

struct producer *zone_producer_find(struct zone_state *z, int32_t pid)
{
	for (size_t i = 0; i < PRODUCERS_MAX; i++)
		if (z->producer[i].pid == pid && pid > 0)
			return &z->producer[i];
	return NULL;
}

void zone_note_ended(struct zone_state *z)
{
	struct pollfd p[PRODUCERS_MAX];
	nfds_t n = 0;

	for (size_t i = 0; i < PRODUCERS_MAX; i++)
		if (z->producer[i].pid > 0)
			p[n++] = (struct pollfd){.fd = z->producer[i].pidfd, .events = POLLIN};
	if (n == 0 || poll(p, n, 0) <= 0)
		return;
	n = 0;
	for (size_t i = 0; i < PRODUCERS_MAX; i++)
		if (z->producer[i].pid > 0 && p[n++].revents != 0)
			z->producer[i].ended = true;
}

void zone_drop_ended(struct zone_state *z)
{
	for (size_t i = 0; i < PRODUCERS_MAX; i++)
		if (z->producer[i].pid > 0 && z->producer[i].ended)
			drop(&z->producer[i]);
}

/* ---- Who ------------------------------------------------------------------------------------*/

static rc parse_who(struct view who, struct zone *ret, struct fault *f)
{
	uint64_t uid = 0;

	if (who.len > 4 && memcmp(who.ptr, "uid:", 4) == 0) {
		if (!rc_is_ok(num_parse_u64((const char *)who.ptr + 4, who.len - 4, UINT32_MAX - 1,
					    &uid)))
			return fault_set(f, RC_RANGE, 0, "zone: uid:NUMBER");
		ret->uid = (uint32_t)uid;
		return OK;
	}
	if (who.len <= 8 || memcmp(who.ptr, "cgroup:/", 8) != 0 ||
	    who.len - 7 >= sizeof(ret->cgroup))
		return fault_set(f, RC_SYNTAX, 0,
				 "zone is \"uid:NUMBER DIRECTORY SPAN\" or \"cgroup:/PATH "
				 "DIRECTORY SPAN\"");
	memcpy(ret->cgroup, who.ptr + 7, who.len - 7);
	return OK;
}

/* "90s", "30m", "8h", "2d" */
static rc parse_span(struct view v, uint64_t *ret, struct fault *f)
{
	static const char units[] = "smhd";
	static const uint64_t seconds[] = {1, 60, 3600, 86400};
	const char *unit = v.len < 2 ? NULL : memchr(units, v.ptr[v.len - 1], 4);
	uint64_t n = 0;

	if (unit == NULL || !rc_is_ok(num_parse_u64((const char *)v.ptr, v.len - 1, 86400, &n)) ||
	    n == 0 || n * seconds[unit - units] > ZONE_SECONDS_MAX)
		return fault_set(f, RC_RANGE, 0,
				 "zone: a span is a number and s, m, h or d, from 1s "
				 "to 30d");
	*ret = n * seconds[unit - units];
	return OK;
}

rc zone_parse(struct view text, struct zone *ret, struct fault *f)
{
	struct zone z = {0};
	struct view who, span;
	size_t at = text.len;

	while (at > 0 && text.ptr[at - 1] != ' ')
		at--;
	span = view_of(text.ptr + at, text.len - at);
	if (at == 0 || !rc_is_ok(view_until(&text, ' ', &who)) || text.len <= span.len)
		return fault_set(f, RC_SYNTAX, 0, "zone is WHO DIRECTORY SPAN");
	text.len -= span.len + 1;
	if (text.len == 0 || text.len >= sizeof(z.dir) || text.ptr[0] != '/' ||
	    memchr(text.ptr, 0, text.len) != NULL)
		return fault_set(f, RC_SYNTAX, 0, "zone: its directory is an absolute path");
	memcpy(z.dir, text.ptr, text.len);
	TRY(parse_who(who, &z, f));
	TRY(parse_span(span, &z.seconds, f));
	*ret = z;
	return OK;
}

bool zone_has_status(const struct zone *z, const char *status)
{
	const char *line = strstr(status, "\nUid:\t");
	unsigned long real, effective;
	char *end;

	if (line == NULL)
		return false;
	real = strtoul(line + 6, &end, 10);
	if (end == line + 6 || *end != '\t')
		return false;
	effective = strtoul(end + 1, &end, 10);
	return *end == '\t' && real == z->uid && effective == z->uid;
}

bool zone_has_cgroup(const struct zone *z, const char *cgroup)
{
	const char *line = strncmp(cgroup, "0::", 3) == 0 ? cgroup : strstr(cgroup, "\n0::");
	size_t len = strlen(z->cgroup);

	if (line == NULL)
		return false;
	line += line[0] == '\n' ? 4 : 3;
	while (len > 1 && z->cgroup[len - 1] == '/')
		len--;
	if (len == 1) /* the root of all */
		return true;
	return strncmp(line, z->cgroup, len) == 0 && (line[len] == '/' || line[len] == '\n');
}

bool zone_has(const struct zone *z, int32_t tid)
{
	char path[48], text[4096];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid,
		       z->cgroup[0] != '\0' ? "cgroup" : "status");
	fd = tid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return z->cgroup[0] != '\0' ? zone_has_cgroup(z, text) : zone_has_status(z, text);
}
