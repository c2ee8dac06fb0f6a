/* What a guard that hands over has written down. From another process of root's, and read like
 * bytes from outside: each number within its limits, each descriptor one that comes along. */
#include <stdlib.h>
#include <string.h>

#include "prog/guard/event.h"
#include "prog/guard/handover_rows.h"

/* Where a section's rows go. */
struct into {
	struct supervisor *s;
	struct handover *h;
	int named[NAMED__COUNT];
	size_t named_count;
	uint32_t slots;
	size_t questions, producers;
	uint32_t raw;
	uint32_t seen; /* tags */
};

static rc take_i32(struct view *v, int32_t *ret)
{
	uint32_t n;

	TRY(view_u32be(v, &n));
	if (n > INT32_MAX && n != UINT32_MAX)
		return RC(RC_SYNTAX);
	*ret = n == UINT32_MAX ? -1 : (int32_t)n;
	return OK;
}

static rc take_bool(struct view *v, bool *ret)
{
	uint8_t b;

	TRY(view_u8(v, &b));
	*ret = b != 0;
	return b <= 1 ? OK : RC(RC_SYNTAX);
}

/* Below the limit of its enumeration. */
static rc take_kind(struct view *v, unsigned limit, unsigned *ret)
{
	uint8_t b;

	TRY(view_u8(v, &b));
	*ret = b;
	return b < limit ? OK : RC(RC_SYNTAX);
}

static rc take_text(struct view *v, size_t cap, char *out, size_t out_cap)
{
	struct view text;

	TRY(view_take(v, cap, &text));
	if (text.ptr[cap - 1] != 0)
		return RC(RC_SYNTAX);
	memset(out, 0, out_cap);
	memcpy(out, text.ptr, strnlen((const char *)text.ptr, out_cap - 1));
	return OK;
}

static rc take_time(struct view *v, unix_time *ret)
{
	uint64_t n;

	TRY(view_u64be(v, &n));
	*ret = (unix_time)n;
	return n <= INT64_MAX ? OK : RC(RC_SYNTAX);
}

static rc take_size(struct view *v, size_t *ret)
{
	uint64_t n;

	TRY(view_u64be(v, &n));
	*ret = (size_t)n;
	return OK;
}

static rc take_counters(struct view *v, struct share *m)
{
	_Atomic uint64_t *const all[] = {&m->allowed,	   &m->denied,		&m->would_deny,
					 &m->hashed,	   &m->opens,		&m->strangers,
					 &m->zone.outputs, &m->zone.ran,	&m->zone.dropped,
					 &m->zone.floor,   &m->decided.dropped, &m->ruled.dropped};
	uint64_t n;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		TRY(view_u64be(v, &n));
		atomic_store(all[i], n);
	}
	return OK;
}

static rc take_list(struct view *v, struct supervisor *s)
{
	char name[NAME_MAX_LEN + 1];

	TRY(take_bool(v, &s->has_list));
	TRY(view_u64be(v, &s->list.serial));
	TRY(view_u64be(v, &s->list.count));
	TRY(take_time(v, &s->list.not_after));
	TRY(view_copy(v, s->list.digest.b, DIGEST_SIZE));
	TRY(take_text(v, NAME_MAX_LEN + 1, name, sizeof(name)));
	return s->has_list ? name_parse(view_str(name), &s->list.name) : OK;
}

static rc take_self(struct view *v, struct into *to)
{
	struct supervisor *s = to->s;
	uint64_t failures, number;

	TRY(take_text(v, 32, to->h->version, sizeof(to->h->version)));
	TRY(take_i32(v, &to->h->pid));
	TRY(take_text(v, HANDOVER_TEXT, to->h->notify, sizeof(to->h->notify)));
	TRY(view_copy(v, to->h->mounts, sizeof(to->h->mounts)));
	TRY(view_u64be(v, &to->h->asks));
	TRY(take_bool(v, &s->enforcing));
	TRY(take_bool(v, &s->glass));
	TRY(take_time(v, &s->glass_until));
	TRY(view_u64be(v, &s->glass_end));
	TRY(view_u64be(v, &s->checked));
	TRY(view_u64be(v, &s->starts));
	TRY(take_size(v, &s->marks));
	TRY(take_size(v, &s->marks_failed));
	TRY(view_u64be(v, &s->marked_at));
	TRY(view_u32be(v, &s->g.reader));
	TRY(take_counters(v, s->g.share));
	TRY(take_list(v, s));
	TRY(view_u64be(v, &s->records.packages));
	TRY(view_u64be(v, &s->records.contents));
	TRY(view_u64be(v, &s->records.refused));
	TRY(take_time(v, &s->fetching.good_at));
	TRY(take_time(v, &s->fetching.bad_at));
	TRY(view_u64be(v, &failures));
	TRY(view_u64be(v, &number));
	s->fetching.failures = (unsigned)(failures < 1000 ? failures : 1000);
	s->fetching.number = (uint32_t)number;
	return take_text(v, HANDOVER_TEXT, s->fetching.why, sizeof(s->fetching.why));
}

static rc take_named(struct view *v, struct into *to)
{
	int32_t fd;

	TRY(take_i32(v, &fd));
	if (to->named_count < NAMED__COUNT)
		to->named[to->named_count++] = fd;
	return OK;
}

static rc take_number(struct view *v, struct into *to)
{
	struct handover *h = to->h;
	int32_t fd;

	TRY(take_i32(v, &fd));
	if (fd < 3 || (h->count > 0 && fd <= h->number[h->count - 1]))
		return RC(RC_SYNTAX);
	h->number[h->count++] = fd;
	return OK;
}

static bool comes_along(const struct into *to, int fd)
{
	return bsearch(&fd, to->h->number, to->h->count, sizeof(int), handover_ascending) != NULL;
}

static rc take_fd(struct view *v, const struct into *to, int *ret)
{
	int32_t fd;

	TRY(take_i32(v, &fd));
	*ret = fd;
	return fd >= 0 && comes_along(to, fd) ? OK : RC(RC_SYNTAX);
}

static rc take_slot(struct view *v, struct into *to)
{
	struct share *m = to->s->g.share;
	struct slot *s = &m->slot[to->slots];
	unsigned state;

	if (to->slots == m->slot_count)
		return RC(RC_LIMIT);
	TRY(take_kind(v, SLOT_LEAVING + 1, &state));
	TRY(take_fd(v, to, &s->fd));
	TRY(view_u64be(v, &s->marked));
	TRY(take_bool(v, &s->known));
	TRY(take_bool(v, &s->told));
	TRY(take_bool(v, &s->noted));
	TRY(take_bool(v, &s->elf));
	TRY(view_u64be(v, &s->dev));
	TRY(view_u64be(v, &s->ino));
	TRY(view_u64be(v, &s->since));
	TRY(view_copy(v, s->digest.b, DIGEST_SIZE));
	for (size_t k = 0; k < SLOT_RECENT; k++) {
		TRY(take_i32(v, &s->recent[k].pid));
		TRY(view_u64be(v, &s->recent[k].at));
	}
	TRY(view_u32be(v, &s->recent_next));
	s->state = (enum slot_state)state;
	to->slots++;
	return OK;
}

static rc take_question(struct view *v, struct into *to)
{
	struct question *q = &to->s->g.share->question[to->questions];
	unsigned state, kind;

	if (to->questions == QUESTIONS_MAX)
		return RC(RC_LIMIT);
	TRY(take_kind(v, QUESTION_WAITING + 1, &state));
	TRY(take_kind(v, QUESTION_OFTEN + 1, &kind));
	TRY(take_fd(v, to, &q->fd));
	TRY(take_i32(v, &q->pid));
	TRY(view_u64be(v, &q->dev));
	TRY(view_u64be(v, &q->ino));
	TRY(view_u64be(v, &q->since));
	q->kind = (enum question_kind)kind;
	q->state = (enum question_state)state;
	to->questions++;
	return OK;
}

static rc take_raw_byte(struct view *v, struct into *to)
{
	if (to->raw == RAW_BYTES)
		return RC(RC_LIMIT);
	return view_u8(v, &to->s->g.share->raw[to->raw++]);
}

static rc take_exe(struct view *v, struct into *to)
{
	uint64_t dev, ino;
	struct digest d;
	bool zone;

	TRY(take_bool(v, &zone));
	TRY(view_u64be(v, &dev));
	TRY(view_u64be(v, &ino));
	TRY(view_copy(v, d.b, DIGEST_SIZE));
	exes_note(&to->s->g.share->exes, dev, ino, &d, zone);
	return OK;
}

static rc take_output(struct view *v, struct into *to)
{
	struct output o = {.set = false};

	TRY(view_u64be(v, &o.dev));
	TRY(view_u64be(v, &o.ino));
	TRY(view_u64be(v, &o.size));
	TRY(view_u64be(v, &o.at));
	TRY(view_u64be(v, &o.born));
	TRY(take_bool(v, &o.done));
	TRY(take_bool(v, &o.touched));
	zone_put(&to->s->g.share->zone, &o);
	return OK;
}

static rc take_touched(struct view *v, struct into *to)
{
	struct zone_file f = {.size = 0};

	TRY(view_u64be(v, &f.dev));
	TRY(view_u64be(v, &f.ino));
	TRY(view_u64be(v, &f.born));
	zone_touch(&to->s->g.share->zone, &f);
	return OK;
}

static rc take_producer(struct view *v, struct into *to)
{
	uint64_t dev, ino, at;
	int32_t pid;
	int pidfd;
	bool seen;

	TRY(take_i32(v, &pid));
	TRY(take_fd(v, to, &pidfd));
	TRY(view_u64be(v, &dev));
	TRY(view_u64be(v, &ino));
	TRY(view_u64be(v, &at));
	TRY(take_bool(v, &seen));
	/* Nothing in the table makes room: that would close what is in it. */
	if (pid <= 0 || zone_producer_find(&to->s->g.share->zone, pid) != NULL)
		return RC(RC_SYNTAX);
	if (to->producers++ == PRODUCERS_MAX)
		return RC(RC_LIMIT);
	zone_producer(&to->s->g.share->zone, pid, pidfd, dev, ino, at);
	if (seen && pidfd >= 0)
		zone_producer_find(&to->s->g.share->zone, pid)->seen = true;
	return OK;
}

static rc take_news(struct view *v, struct into *to)
{
	struct share *m = to->s->g.share;
	unsigned which, kind, why;
	struct news n = {.fd = -1};
	int32_t fd;

	TRY(take_kind(v, 2, &which));
	TRY(take_kind(v, NEWS__COUNT, &kind));
	TRY(take_kind(v, WHY__COUNT, &why));
	TRY(take_i32(v, &fd));
	TRY(take_i32(v, &n.pid));
	TRY(take_bool(v, &n.opened));
	TRY(view_u64be(v, &n.serial));
	TRY(view_u64be(v, &n.count));
	TRY(view_copy(v, n.digest.b, DIGEST_SIZE));
	TRY(take_text(v, HANDOVER_TEXT, n.text, sizeof(n.text)));
	if (fd >= 0 && !comes_along(to, fd))
		return RC(RC_SYNTAX);
	n.fd = fd;
	n.kind = (enum news_kind)kind;
	n.why = (enum why)why;
	(void)ring_put(which == 0 ? &m->decided : &m->ruled, &n);
	return OK;
}

static const struct {
	rc (*take)(struct view *v, struct into *to);
	const char *name;
	uint32_t row;
} sections[] = {
	[TAG_SELF] = {take_self, "itself", SELF_ROW},
	[TAG_NAMED] = {take_named, "descriptors", 4},
	[TAG_NUMBERS] = {take_number, "numbers", 4},
	[TAG_SLOTS] = {take_slot, "files", SLOT_ROW},
	[TAG_QUESTIONS] = {take_question, "questions", QUESTION_ROW},
	[TAG_RAW] = {take_raw_byte, "events", 1},
	[TAG_EXES] = {take_exe, "programs", EXE_ROW},
	[TAG_OUTPUTS] = {take_output, "outputs", OUTPUT_ROW},
	[TAG_PRODUCERS] = {take_producer, "producers", PRODUCER_ROW},
	[TAG_NEWS] = {take_news, "reports", NEWS_ROW},
	[TAG_TOUCHED] = {take_touched, "touched files", TOUCHED_ROW},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static rc take_section(struct view *rest, struct into *to, struct fault *f)
{
	uint32_t rows, size;
	struct view row;
	uint8_t tag;
	rc r;

	if (!rc_is_ok(view_u8(rest, &tag)) || !rc_is_ok(view_u32be(rest, &rows)) ||
	    !rc_is_ok(view_u32be(rest, &size)))
		return fault_set(f, RC_TRUNCATED, 0, "state: ends within the head of a section");
	if (size == 0 || rows > rest->len / size)
		return fault_set(f, RC_TRUNCATED, 0,
				 "state: section %u has %u rows of %u bytes, "
				 "%zu are left",
				 tag, rows, size, rest->len);
	if (tag >= SECTIONS || sections[tag].take == NULL)
		return view_skip(rest, (size_t)rows * size);
	if ((to->seen & 1u << tag) != 0)
		return fault_set(f, RC_SYNTAX, tag, "state: %s are there twice",
				 sections[tag].name);
	to->seen |= 1u << tag;
	if (size < sections[tag].row)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "state: %s have %u bytes each, %u are needed", sections[tag].name,
				 size, sections[tag].row);
	if (tag == TAG_NUMBERS) {
		if (rows > HANDOVER_DESCRIPTORS_MAX)
			return fault_set(f, RC_LIMIT, 0, "state: too many descriptors");
		to->h->number = (int *)calloc(rows + 1, sizeof(int));
		if (to->h->number == NULL)
			return fault_set(f, RC_NOMEM, 0, "state: no memory for descriptors");
	}
	for (uint32_t i = 0; i < rows; i++) {
		TRY(view_take(rest, size, &row));
		r = sections[tag].take(&row, to);
		if (!rc_is_ok(r))
			return fault_set(f, r.code, i, "state: %s: number %u of %u cannot be taken",
					 sections[tag].name, i + 1, rows);
	}
	return OK;
}

/* The worker will answer and close them. */
static bool events_come_along(const struct into *to)
{
	struct view rest = view_of(to->s->g.share->raw, RAW_BYTES);
	struct event e;

	while (rc_is_ok(event_next(&rest, &e, NULL)))
		if (e.fd >= 0 && !comes_along(to, e.fd))
			return false;
	return true;
}

static rc settle(struct into *to, struct fault *f)
{
	struct guard *g = &to->s->g;
	int *const named[NAMED__COUNT] = {
		[NAMED_GROUP] = &g->group,
		[NAMED_LISTENER] = &to->s->listener,
		[NAMED_FEED] = &g->feed,
		[NAMED_HALF_0] = &g->backlog.half[0],
		[NAMED_HALF_1] = &g->backlog.half[1],
		[NAMED_MARK] = &g->backlog.mark,
		[NAMED_TOLD] = &g->told,
		[NAMED_LOOKS_IN] = &g->looks.in,
		[NAMED_LOOKS_OUT] = &g->looks.out,
		[NAMED_MET_IN] = &g->met_in,
		[NAMED_MET_OUT] = &g->met_out,
	};

	for (unsigned tag = TAG_SELF; tag < SECTIONS; tag++)
		if ((to->seen & 1u << tag) == 0)
			return fault_set(f, RC_UNSUPPORTED, tag, "state: there are no %s in it",
					 sections[tag].name);
	if (to->named_count < NAMED__COUNT || to->named[NAMED_GROUP] < 0 ||
	    to->named[NAMED_LISTENER] < 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "state: there is no group in it");
	for (size_t i = 0; i < NAMED__COUNT; i++) {
		const int *fd = &to->named[i];

		if (*fd >= 0 && !comes_along(to, *fd))
			return fault_set(f, RC_SYNTAX, i,
					 "state: a descriptor does not come along");
		if (named[i] != NULL)
			*named[i] = *fd;
	}
	if (!events_come_along(to))
		return fault_set(f, RC_SYNTAX, 0,
				 "state: a descriptor of an event does not come along");
	atomic_store(&g->share->list_fd, to->named[NAMED_LIST]);
	atomic_store(&g->share->records_fd, to->named[NAMED_RECORDS]);
	return OK;
}

rc handover_decode(struct view bytes, struct supervisor *s, struct handover *ret, struct fault *f)
{
	struct into to = {.s = s, .h = ret};
	struct view magic;

	if (!rc_is_ok(view_take(&bytes, strlen(HANDOVER_MAGIC), &magic)) ||
	    !view_is(magic, HANDOVER_MAGIC))
		return fault_set(f, RC_UNSUPPORTED, 0, "state: not in the form " HANDOVER_MAGIC);
	while (bytes.len > 0)
		TRY(take_section(&bytes, &to, f));
	return settle(&to, f);
}
