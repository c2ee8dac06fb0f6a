#include "prog/guard/builds.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prog/guard/approved.h"

/* While one thread of a process execs, others may go on opening files in its name, and leave the
 * descriptors to what it becomes. One that has a single thread waits for our answer. */
static bool is_alone(int32_t pid)
{
	char path[40];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	return stat(path, &st) == 0 && st.st_nlink == 3;
}

void builds_begin(struct decider *d, const struct question *q, const struct slot *s, uint64_t now)
{
	int fd = is_alone(q->pid) ? (int)syscall(SYS_pidfd_open, q->pid, 0) : -1;

	zone_producer(&d->share->zone, q->pid, fd, s->dev, s->ino, now);
}

void builds_met(const struct decider *d, int32_t pid, const struct opener *o)
{
	struct producer *p = zone_producer_find(&d->share->zone, pid);

	if (p != NULL && o->has_exe && o->dev == p->dev && o->ino == p->ino)
		p->seen = true;
}

/* Whether this process is a producer, or was until just now. One whose exec failed after the answer
 * goes on as what it was: when it has ended, it counts only if it was seen as the other. At level
 * base, where nobody waits to be seen, and where code comes into a producer otherwise, it counts.
 */
static bool is_producer(const struct decider *d, int32_t pid)
{
	const struct producer *p = zone_producer_find(&d->share->zone, pid);
	const struct exe *exe;
	struct opener o;

	if (p == NULL)
		return false;
	opener_exe(pid, &o);
	builds_met(d, pid, &o);
	if (o.has_exe ? o.dev != p->dev || o.ino != p->ino
		      : !p->seen && d->guard->level >= LEVEL_STRICT)
		return false;
	exe = exes_find(&d->share->exes, p->dev, p->ino);
	return exe != NULL && (approved_find(&d->approved, exe->digest.b) & LIST_PRODUCER) != 0;
}

static bool is_inside(const struct decider *d, int fd, const struct zone_file *f)
{
	const struct stat st = {.st_dev = f->dev, .st_ino = f->ino};

	for (size_t i = 0; i < d->guard->conf->zone_count; i++)
		if (place_holds(&d->guard->zone[i], fd, &st))
			return true;
	return false;
}

void builds_used(struct decider *d, const struct event *e)
{
	struct zone_state *z = &d->share->zone;
	struct zone_file f;
	bool producer;

	if (!rc_is_ok(zone_file(e->fd, &f)))
		return;
	producer = is_producer(d, e->pid);
	if (e->opened)
		zone_opened(z, &f, producer, guard_now());
	if (e->closed)
		zone_closed(z, &f, producer && is_inside(d, e->fd, &f), guard_now());
	if (e->closed && zone_find(z, &f) != NULL)
		looks_put_file(&d->guard->looks, e->fd);
}

bool builds_let(struct decider *d, const struct question *q, uint64_t now)
{
	const struct conf *c = d->guard->conf;
	const struct output *o;
	struct zone_file f;
	struct stat st;

	if (!rc_is_ok(zone_file(q->fd, &f)) || fstat(q->fd, &st) != 0)
		return false;
	o = zone_find(&d->share->zone, &f);
	if (o == NULL)
		return false;
	for (size_t i = 0; i < c->zone_count; i++) {
		const struct zone *z = &c->zones[i];

		/* It may have been closed after this round began. */
		if (now <= o->at + z->seconds * 1000 && zone_has(z, q->pid) &&
		    (z->cgroup[0] != '\0' || st.st_uid == z->uid) &&
		    place_holds(&d->guard->zone[i], q->fd, &st))
			return true;
	}
	return false;
}
