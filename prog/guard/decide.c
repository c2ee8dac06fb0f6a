#include "prog/guard/decide.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/builds.h"
#include "prog/guard/event.h"
#include "prog/guard/opener.h"
#include "prog/guard/opens.h"

#define RAW_EVENTS (RAW_BYTES / sizeof(struct fanotify_event_metadata))

/* ---- Answers --------------------------------------------------------------------------------*/

/* With a descriptor of its own, so that the writer of reports can say which file it was. */
static void tell(struct decider *d, struct news n, int fd)
{
	n.fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (!ring_put(&d->share->decided, &n) && n.fd >= 0)
		(void)close(n.fd);
}

static void answer(struct decider *d, struct question *q, bool allow)
{
	const struct fanotify_response r = {.fd = q->fd, .response = allow ? FAN_ALLOW : FAN_DENY};
	int fd = q->fd;

	/* ENOENT: a former worker answered it and was killed before it could note that. */
	(void)!write(d->group, &r, sizeof(r));
	q->state = QUESTION_FREE;
	(void)close(fd);
}

/* Whoever asks may read everything. */
static bool reads_all(const struct question *q)
{
	return q->kind == QUESTION_READ || q->kind == QUESTION_OFTEN;
}

static void refuse(struct decider *d, struct question *q, enum why why, const struct digest *digest)
{
	bool enforce = d->mode == GUARD_ENFORCE;
	bool judged = why == WHY_UNAPPROVED || why == WHY_REVOKED;
	struct news n = {.kind = enforce ? NEWS_DENIED : NEWS_WOULD_DENY,
			 .why = why,
			 .pid = q->pid,
			 .opened = q->kind != QUESTION_EXEC,
			 .serial = approved_serial(&d->approved)};

	/* Data may change, and be where nothing is held. It is asked for again. */
	if (reads_all(q) || (q->kind == QUESTION_DATA && !judged)) {
		answer(d, q, true);
		return;
	}
	if (digest != NULL)
		n.digest = *digest;
	tell(d, n, q->fd);
	atomic_fetch_add(enforce ? &d->share->denied : &d->share->would_deny, 1);
	answer(d, q, !enforce);
}

/* ---- Verdicts -------------------------------------------------------------------------------*/

static unsigned classes_of(const struct decider *d, const struct digest *digest)
{
	return approved_find(&d->approved, digest->b);
}

static enum why verdict(const struct decider *d, const struct digest *digest)
{
	unsigned classes = classes_of(d, digest);

	if ((classes & LIST_REVOKED) != 0)
		return WHY_REVOKED;
	/* Any class of those that run: the loader of a dynamic program is executed, too. */
	return (classes & LIST_CLASS_RUNS) != 0 ? WHY_NONE : WHY_UNAPPROVED;
}

/* ---- Zones ----------------------------------------------------------------------------------*/

enum zone_says { ZONE_NO, ZONE_YES, ZONE_LATER };

/* Whether a content that is not approved runs all the same, as the output of a producer. Its file
 * is leased: nobody has it open for writing, and who had has closed it before. That is in the
 * queue. */
static enum zone_says ask_zone(struct decider *d, const struct question *q, uint64_t now)
{
	if (d->guard->conf->zone_count == 0)
		return ZONE_NO;
	(void)decider_read(d);
	if (!d->drained)
		return decider_has_room(d) ? ZONE_LATER : ZONE_NO;
	return builds_let(d, q, now) ? ZONE_YES : ZONE_NO;
}

static void answer_zone(struct decider *d, struct question *q, struct slot *s, uint64_t now)
{
	bool exec = q->kind == QUESTION_EXEC;

	cache_note(&d->cache, s);
	cache_allowed(s, exec ? q->pid : 0, now);
	if (exec)
		exes_note(&d->share->exes, s->dev, s->ino, &s->digest, true);
	/* Not marked: time, place and user are asked for again. */
	atomic_fetch_add(&d->share->zone.ran, 1);
	answer(d, q, true);
}

/* A producer, whose execs have to be seen. */
static bool is_watched(const struct decider *d, const struct digest *digest)
{
	return d->guard->conf->zone_count > 0 && (classes_of(d, digest) & LIST_PRODUCER) != 0;
}

/* Answers a question about a file whose content is known. */
static void answer_known(struct decider *d, struct question *q, struct slot *s, uint64_t now)
{
	enum why why = verdict(d, &s->digest);
	bool exec = q->kind == QUESTION_EXEC;
	/* By what lies there now, under the lease: it may have been another when it was asked for.
	 */
	bool data = why == WHY_UNAPPROVED && !s->elf &&
		    (q->kind == QUESTION_DATA || q->kind == QUESTION_OFTEN);
	bool free = data || reads_all(q);
	bool producer = is_watched(d, &s->digest);
	bool let = why == WHY_NONE || free || d->mode == GUARD_OBSERVE;
	enum zone_says zone = why == WHY_UNAPPROVED && !free ? ask_zone(d, q, now) : ZONE_NO;

	if (zone == ZONE_LATER) {
		q->state = QUESTION_NEW;
		return;
	}
	if (zone == ZONE_YES) {
		answer_zone(d, q, s, now);
		return;
	}
	if (exec && producer)
		builds_begin(d, q, s, now);

	/* Before the answer: a writer who comes now must find both. */
	if (why == WHY_NONE)
		cache_note(&d->cache, s);
	if (let) {
		/* Who reads data locks no writers: there is nothing to wait for when one comes. */
		if (!data)
			cache_allowed(s, exec ? q->pid : 0, now);
		/* What one may read, another may not run: asked for each time. */
		if (why == WHY_NONE || data || !free)
			cache_mark(&d->cache, s,
				   data || producer ? d->cache.asks & FAN_OPEN_PERM
						    : d->cache.asks);
	}
	if (let && exec)
		exes_note(&d->share->exes, s->dev, s->ino, &s->digest, false);
	if (free && why != WHY_NONE) {
		answer(d, q, true);
		return;
	}
	if (why != WHY_NONE) {
		s->told = true;
		refuse(d, q, why, &s->digest);
		return;
	}
	if (!s->told) {
		tell(d,
		     (struct news){.kind = NEWS_FIRST_SEEN,
				   .pid = q->pid,
				   .serial = approved_serial(&d->approved),
				   .digest = s->digest},
		     q->fd);
		s->told = true;
	}
	atomic_fetch_add(&d->share->allowed, 1);
	answer(d, q, true);
}

/* ---- Digests --------------------------------------------------------------------------------*/

static void job_end(struct decider *d, struct job *j)
{
	struct hash unused;

	if (j->at > 0)
		rc_ignore(hasher_finish(j->hasher, &unused), "it starts anew either way");
	j->slot = NULL;
	j->at = 0;
	d->jobs_busy--;
}

/* Those who wait for this file are looked at again. */
static void wake(struct decider *d, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct question *q = &d->share->question[i];

		if (q->state == QUESTION_WAITING && q->dev == dev && q->ino == ino) {
			q->state = QUESTION_NEW;
			d->woken = true;
		}
	}
}

/* The file cannot be judged: whoever asks for it gets no, and its lease goes. */
static void job_fail(struct decider *d, struct job *j, enum why why, uint64_t now)
{
	struct slot *s = j->slot;

	job_end(d, j);
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct question *q = &d->share->question[i];

		if (q->state == QUESTION_WAITING && q->dev == s->dev && q->ino == s->ino)
			refuse(d, q, why, NULL);
	}
	cache_leave(&d->cache, s, now);
}

static void job_done(struct decider *d, struct job *j, uint64_t now)
{
	struct slot *s = j->slot;
	struct stat after;
	struct hash hash;

	/* Times say nothing: a store through a mapping may not move them, and a chmod does. */
	if (fstat(s->fd, &after) != 0 || after.st_size != j->size ||
	    j->at != (uint64_t)after.st_size || !cache_holds(s)) {
		job_fail(d, j, WHY_CHANGED, now);
		return;
	}
	if (!rc_is_ok(hasher_finish(j->hasher, &hash))) {
		job_fail(d, j, WHY_UNREADABLE, now);
		return;
	}
	j->at = 0;
	job_end(d, j);
	memcpy(s->digest.b, hash.b, DIGEST_SIZE);
	s->known = true;
	s->state = SLOT_HELD;
	atomic_fetch_add(&d->share->hashed, 1);
	if (d->look_count < JOBS_MAX)
		d->looks[d->look_count++] = s;
	wake(d, s->dev, s->ino);
}

static enum open_kind kind_of(const uint8_t *head, ssize_t n)
{
	return n < 0 ? OPEN_ELF : opens_kind(head, (size_t)n);
}

/* One chunk. Whether the file has more. */
static bool job_chunk(struct decider *d, struct job *j, uint64_t now)
{
	ssize_t n;

	if (j->slot->state != SLOT_HASHING) {
		/* A writer came. Not tried again: one that always comes would hold the exec for
		 * ever. */
		job_fail(d, j, WHY_CHANGED, now);
		return false;
	}
	n = pread(j->slot->fd, d->chunk, CHUNK_BYTES, (off_t)j->at);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 || (n > 0 && !rc_is_ok(hasher_update(j->hasher, view_of(d->chunk, (size_t)n))))) {
		job_fail(d, j, WHY_UNREADABLE, now);
		return false;
	}
	if (j->at == 0)
		j->slot->elf = kind_of(d->chunk, n) == OPEN_ELF;
	j->at += (uint64_t)n;
	if (n > 0 && j->at != (uint64_t)j->size)
		return true;
	job_done(d, j, now);
	return false;
}

static void job_slice(struct decider *d, struct job *j, uint64_t now)
{
	for (size_t n = 0; n < SLICE_BYTES / CHUNK_BYTES && job_chunk(d, j, now); n++)
		;
}

static struct job *job_free(struct decider *d)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (d->job[i].slot == NULL)
			return &d->job[i];
	return NULL;
}

/* ---- Opens ----------------------------------------------------------------------------------*/

static bool is_own(const struct decider *d, int32_t pid)
{
	for (size_t i = 0; i < OWN_MAX; i++)
		if (atomic_load(&d->share->own[i]) == pid)
			return true;
	return false;
}

static unsigned classes_of_opener(const struct decider *d, int32_t pid)
{
	struct opener o;
	const struct exe *exe;

	opener_exe(pid, &o);
	builds_met(d, pid, &o);
	exe = o.has_exe ? exes_find(&d->share->exes, o.dev, o.ino) : NULL;
	if (exe == NULL) {
		atomic_fetch_add(&d->share->strangers, 1);
		return 0;
	}
	return exe->zone ? LIST_PROGRAM : classes_of(d, &exe->digest);
}

static bool is_data(const struct decider *d, int fd, const struct stat *st)
{
	/* The usual directories hold what root has put there. Some have others in them into which
	 * everybody may write. */
	if (d->guard->conf->data_count == 0 && (st->st_uid != 0 || (st->st_mode & S_IWOTH) != 0))
		return false;
	return places_hold(d->guard->data, d->guard->data_count, fd, st);
}

/* Whether a file that is read by one who may read all is held, so that nobody is asked for it any
 * more: everybody may read it, and it is read often. */
static bool is_worth_holding(struct decider *d, const struct question *q, const struct slot *s,
			     const struct stat *st)
{
	bool often = often_read(&d->often, q->dev, q->ino);

	if (s != NULL ? s->state != SLOT_HELD || s->elf : !often)
		return false;
	/* What runs has to make no room for it. */
	if (s == NULL && d->cache.free_count < d->cache.count / OFTEN_SPARES)
		return false;
	return st->st_size <= (off_t)OFTEN_BYTES && d->jobs_busy < JOBS_MAX &&
	       st->st_mtime + OFTEN_SETTLED_S < time(NULL) && is_data(d, q->fd, st);
}

/* Whether it calls itself one. One that does not is refused when the kernel is to load it. */
static bool is_module(int fd)
{
	char link[40], path[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	return n > 3 && memcmp(path + n - 3, ".ko", 3) == 0;
}

/* Whether one that opens can be seen at last, or has had its time. A refusal because the machine is
 * busy would be a wrong one; one that is never seen asleep is taken for a loader. */
static bool is_to_be_judged(struct question *q, bool asleep, uint64_t now)
{
	if (q->since == 0)
		q->since = now;
	return asleep || now - q->since >= OPENER_AWAKE_MS;
}

/* Whether the open needs nothing more now: it reads data and is answered, or is asked for again in
 * the next round. Else q says what it needs. */
static bool let_read(struct decider *d, struct question *q, const struct slot *s,
		     const struct stat *st, uint64_t now)
{
	struct open_facts facts = {.classes = 0};
	uint8_t head[OPEN_HEAD_BYTES];
	bool all, kernel;
	struct opener o;

	if (!is_to_be_judged(q, opener_look(q->pid, &o), now))
		return true;
	facts.classes = classes_of_opener(d, q->pid);
	facts.call = o.call;
	facts.loader = o.loader;
	all = opens_reads_all(&facts);
	kernel = d->cache.kernel->active && o.call == OPENER_READS;
	if (!all || kernel)
		facts.kind = kind_of(head, pread(q->fd, head, sizeof(head), 0));
	switch (opens_judge(&facts)) {
	case OPEN_APPROVED:
		q->kind = QUESTION_CODE;
		return false;
	case OPEN_DATA:
		q->kind = is_data(d, q->fd, st) ? QUESTION_DATA : QUESTION_CODE;
		return false;
	case OPEN_FREE:
		break;
	}
	if (kernel && (facts.kind == OPEN_ELF || (facts.kind == OPEN_OBJECT && is_module(q->fd)))) {
		q->kind = QUESTION_READ;
		return false;
	}
	if (all && o.call == OPENER_READS && is_worth_holding(d, q, s, st)) {
		q->kind = QUESTION_OFTEN;
		return false;
	}
	answer(d, q, true);
	return true;
}

/* ---- Questions ------------------------------------------------------------------------------*/

static size_t free_rows(const struct decider *d)
{
	size_t n = QUESTIONS_MAX - d->rows;

	for (size_t i = 0; i < d->rows; i++)
		n += d->share->question[i].state == QUESTION_FREE;
	return n;
}

static bool is_bulky(const struct stat *st)
{
	return st->st_uid != 0 && st->st_size > BULKY_BYTES;
}

static bool bulky_has_turn(const struct decider *d)
{
	size_t n = 0;

	for (size_t i = 0; i < JOBS_MAX; i++)
		n += d->job[i].slot != NULL && d->job[i].bulky;
	return n < JOBS_MAX / 2;
}

/* Whether reading it would take others their turn; WHY_NONE: no. */
static enum why too_much(const struct decider *d, const struct stat *st)
{
	if (st->st_size > LARGEST_BYTES)
		return WHY_TOO_LARGE;
	return is_bulky(st) && free_rows(d) < QUESTIONS_MAX / 2 ? WHY_BUSY : WHY_NONE;
}

/* A file that no slot holds: lease, then its digest under the lease. */
static void begin(struct decider *d, struct question *q, const struct stat *before, uint64_t now)
{
	struct job *j = job_free(d);
	struct slot *s;
	struct stat st;
	rc r;

	if (j == NULL && q->kind == QUESTION_OFTEN)
		answer(d, q, true);
	if (j == NULL || (is_bulky(before) && !bulky_has_turn(d)))
		return; /* stays new */
	r = cache_take(&d->cache, q->fd, q->dev, q->ino, now, &s);
	if (r.code == RC_LIMIT && q->kind != QUESTION_OFTEN)
		return;
	if (!rc_is_ok(r)) {
		refuse(d, q, r.code == RC_BUSY ? WHY_WRITER : WHY_NO_LEASE, NULL);
		return;
	}
	q->state = QUESTION_WAITING;
	/* Once more, now that nobody can change it. */
	if (fstat(s->fd, &st) != 0)
		st = (struct stat){.st_size = -1};
	j->slot = s;
	j->at = 0;
	j->size = st.st_size;
	j->bulky = is_bulky(&st);
	d->jobs_busy++;
	if (st.st_size > LARGEST_BYTES)
		job_fail(d, j, WHY_TOO_LARGE, now);
	else
		job_slice(d, j, now);
}

static void look(struct decider *d, struct question *q, uint64_t now)
{
	bool exec = q->kind == QUESTION_EXEC;
	struct slot *s;
	struct stat st;
	enum why why;

	if (!exec && is_own(d, q->pid)) {
		answer(d, q, true);
		return;
	}
	if (fstat(q->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		if (exec)
			refuse(d, q, WHY_UNREADABLE, NULL);
		else
			answer(d, q, true);
		return;
	}
	q->dev = st.st_dev;
	q->ino = st.st_ino;
	s = cache_find(&d->cache, q->dev, q->ino);
	/* A content that is approved is so for every opener. */
	if (q->kind == QUESTION_OPEN &&
	    !(s != NULL && s->state == SLOT_HELD && verdict(d, &s->digest) == WHY_NONE) &&
	    let_read(d, q, s, &st, now))
		return;
	if (s != NULL && (s->state == SLOT_HELD || cache_return(&d->cache, s)))
		answer_known(d, q, s, now);
	else if ((why = too_much(d, &st)) != WHY_NONE)
		refuse(d, q, why, NULL);
	else if (s == NULL)
		begin(d, q, &st, now);
	else
		q->state = QUESTION_WAITING;
}

bool decider_has_room(const struct decider *d)
{
	return free_rows(d) > 0;
}

static void put_question(struct decider *d, const struct event *e)
{
	struct question *to = NULL;

	for (size_t i = 0; i < d->rows; i++) {
		struct question *q = &d->share->question[i];

		/* A former worker was killed between taking it and noting that it had. */
		if (q->state != QUESTION_FREE && q->fd == e->fd)
			return;
		if (q->state == QUESTION_FREE && to == NULL)
			to = q;
	}
	if (to == NULL) {
		assert(d->rows < QUESTIONS_MAX);
		to = &d->share->question[d->rows++];
	}
	*to = (struct question){.state = QUESTION_FREE,
				.kind = e->kind == EVENT_ASK ? QUESTION_EXEC : QUESTION_OPEN,
				.fd = e->fd,
				.pid = e->pid};
	if (e->kind == EVENT_ASK_OPEN)
		atomic_fetch_add(&d->share->opens, 1);
	atomic_signal_fence(memory_order_seq_cst);
	to->state = QUESTION_NEW;
	d->woken = true;
}

/* What lies in the buffer goes among the questions. It ends with zeros. */
static void take_raw(struct decider *d)
{
	struct share *s = d->share;

	while (s->raw_at + sizeof(struct fanotify_event_metadata) <= RAW_BYTES) {
		struct view rest = view_of(s->raw + s->raw_at, RAW_BYTES - s->raw_at);
		struct event e;

		if (!rc_is_ok(event_next(&rest, &e, NULL)))
			break;
		if (e.kind == EVENT_ASK || e.kind == EVENT_ASK_OPEN)
			put_question(d, &e);
		else if (e.kind == EVENT_USED)
			builds_used(d, &e);
		else if (e.kind == EVENT_OVERFLOW)
			tell(d, (struct news){.kind = NEWS_OVERFLOW}, -1);
		s->raw_at = (uint32_t)(RAW_BYTES - rest.len);
		/* After it counts as taken: the next worker must not close what may be another's.
		 */
		if (e.fd >= 0 && e.kind != EVENT_ASK && e.kind != EVENT_ASK_OPEN)
			(void)close(e.fd);
	}
	memset(s->raw, 0, RAW_BYTES);
	s->raw_at = 0;
}

/* Room for what one read may bring. Where there are zones that is one event: only so can it be told
 * that the kernel had one and could not open its file for us, because somebody holds it under a
 * write lease, say. Such an event is gone. */
static size_t events_at_a_time(const struct decider *d, size_t room)
{
	if (d->guard->conf->zone_count > 0)
		return 1;
	return room < RAW_EVENTS ? room : RAW_EVENTS;
}

bool decider_read(struct decider *d)
{
	struct pollfd p = {.fd = d->group, .events = POLLIN};
	bool zones = d->guard->conf->zone_count > 0;

	d->drained = false;
	if (zones)
		zone_note_ended(&d->share->zone);
	for (size_t room; (room = free_rows(d)) > 0;) {
		size_t events = events_at_a_time(d, room);
		ssize_t n;

		d->drained = zones && poll(&p, 1, 0) == 0;
		if (d->drained)
			break;
		n = read(d->group, d->share->raw, events * sizeof(struct fanotify_event_metadata));
		if (n < 0 && errno == EINTR)
			continue;
		/* EMFILE: the kernel has refused that exec, for want of a descriptor. */
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EMFILE))
			return false;
		if (n < 0 && !zones)
			break;
		if (n < 0)
			zone_lost(&d->share->zone);
		else
			take_raw(d);
		/* That was all, or poll(2) says that there is more. */
		if (!zones && (size_t)n < events * sizeof(struct fanotify_event_metadata))
			break;
	}
	if (d->drained)
		zone_drop_ended(&d->share->zone);
	return true;
}

/* At once also what an earlier answer, or a file that was read for it, makes possible. */
static void look_at_all(struct decider *d, uint64_t now)
{
	d->woken = true;
	for (unsigned n = 0; n < PASSES_MAX && d->woken; n++) {
		d->woken = false;
		for (size_t i = 0; i < d->rows; i++)
			if (d->share->question[i].state == QUESTION_NEW)
				look(d, &d->share->question[i], now);
	}
}

/* After the answers: the lookout, once woken, takes a processor from who waits. */
static void show_lookout(struct decider *d)
{
	for (size_t i = 0; i < d->look_count; i++)
		if (d->looks[i]->state == SLOT_HELD)
			looks_put_file(&d->guard->looks, d->looks[i]->fd);
	d->look_count = 0;
}

void decider_step(struct decider *d, uint64_t now)
{
	for (size_t i = 0; i < JOBS_MAX && d->jobs_busy > 0; i++)
		if (d->job[i].slot != NULL)
			job_slice(d, &d->job[i], now);
	/* Who waited for a slot that has gone is looked at anew, also where the digest came. */
	(void)cache_tick(&d->cache, now);
	for (size_t i = 0; i < d->rows; i++) {
		struct question *q = &d->share->question[i];
		const struct slot *s;

		if (q->state != QUESTION_WAITING)
			continue;
		s = cache_find(&d->cache, q->dev, q->ino);
		if (s == NULL || s->state == SLOT_HELD)
			q->state = QUESTION_NEW;
	}
	look_at_all(d, now);
	show_lookout(d);
	while (d->rows > 0 && d->share->question[d->rows - 1].state == QUESTION_FREE)
		d->rows--;
	atomic_store(&d->share->held, d->cache.count - d->cache.free_count);
}

int decider_patience(const struct decider *d)
{
	if (d->jobs_busy > 0 || d->woken)
		return 0;
	for (size_t i = 0; i < d->rows; i++)
		if (d->share->question[i].state == QUESTION_NEW)
			return 1;
	return d->cache.leaving > 0 ? 5 : 250;
}

/* ---- List and mode --------------------------------------------------------------------------*/

/* What was approved in the kernel for another list, perhaps by a guard before this one, is approved
 * no more. Not before the kernel asks: until then what this list approves could not be noted. */
static void renew_notes(struct decider *d)
{
	const struct kernel *k = d->cache.kernel;

	if (!k->active || !atomic_load(&d->share->asked))
		return;
	kernel_renew_begin(k);
	for (uint32_t i = 0; i < d->cache.count; i++) {
		struct slot *s = &d->cache.slot[i];

		if (!s->noted)
			continue;
		s->noted = false;
		cache_note(&d->cache, s);
	}
	kernel_renew_end(k);
}

void decider_apply(struct decider *d)
{
	uint32_t wanted = atomic_load(&d->share->wanted);

	if (wanted == atomic_load(&d->share->applied))
		return;
	d->mode = (enum guard_mode)atomic_load(&d->share->mode);
	approved_take(&d->approved, atomic_load(&d->share->list_fd),
		      atomic_load(&d->share->records_fd));
	for (uint32_t i = 0; i < d->cache.count; i++) {
		struct slot *s = &d->cache.slot[i];

		if (s->state != SLOT_HELD)
			continue;
		s->told = false;
		/* Observed content passes by its mark too; what is refused must be asked for. */
		if (verdict(d, &s->digest) != WHY_NONE || is_watched(d, &s->digest))
			cache_unmark(&d->cache, s);
		if (verdict(d, &s->digest) != WHY_NONE)
			cache_unnote(&d->cache, s);
	}
	renew_notes(d);
	atomic_store(&d->share->applied, wanted);
}

/* ---- Start ----------------------------------------------------------------------------------*/

rc decider_init(struct decider *d, const struct guard *g, uint64_t now, struct fault *f)
{
	struct share *s = g->share;

	*d = (struct decider){.share = s, .group = g->group, .guard = g, .rows = QUESTIONS_MAX};
	d->chunk = (uint8_t *)aligned_alloc(FD_ALIGN, CHUNK_BYTES);
	if (d->chunk == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory to read files with");
	for (size_t i = 0; i < JOBS_MAX; i++)
		TRY(hasher_new(HASH_SHA256, &d->job[i].hasher));
	TRY(cache_init(&d->cache, s, g->group, GUARD_LEASE_SIGNAL, now, f));
	d->cache.asks = g->asks;
	d->cache.kernel = &g->kernel;
	atomic_store(&s->applied, atomic_load(&s->wanted) - 1);
	decider_apply(d);
	take_raw(d);
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (s->question[i].state == QUESTION_WAITING)
			s->question[i].state = QUESTION_NEW;
	return OK;
}

void decider_release(struct decider *d)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		hasher_free(d->job[i].hasher);
	cache_release(&d->cache);
	free(d->chunk);
	approved_release(&d->approved);
	*d = (struct decider){0};
}
