/* What a guard holds, written down for the one that takes over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/digest.h"
#include "prog/guard/event.h"
#include "prog/guard/handover_rows.h"

void handover_release(struct handover *h)
{
	free(h->number);
	h->number = NULL;
	h->count = 0;
}

void handover_mounts(const struct conf *c, uint8_t out[static 32])
{
	AUTO(buf) struct buf text = {0};
	struct digest d;

	buf_init(&text, sizeof(c->mounts) + 16);
	buf_put_str(&text, c->all ? "all" : "");
	for (size_t i = 0; i < c->mount_count; i++)
		buf_printf(&text, "\n%s", c->mounts[i]);
	d = digest_of(buf_view(&text));
	memcpy(out, d.b, sizeof(d.b));
}

/* ---- Writing --------------------------------------------------------------------------------*/

static void put_i32(struct buf *out, int32_t n)
{
	buf_put_u32be(out, (uint32_t)n);
}

/* Always as long: rows are. */
static void put_text(struct buf *out, const char *text, size_t cap)
{
	char padded[HANDOVER_TEXT] = {0};

	_Static_assert(FAULT_TEXT <= HANDOVER_TEXT, "texts fit");
	(void)snprintf(padded, cap, "%s", text);
	buf_put(out, padded, cap);
}

static void begin(struct buf *out, enum tag tag, size_t rows, size_t row)
{
	buf_put_u8(out, (uint8_t)tag);
	buf_put_u32be(out, (uint32_t)rows);
	buf_put_u32be(out, (uint32_t)row);
}

static void put_counters(struct buf *out, const struct share *m)
{
	buf_put_u64be(out, atomic_load(&m->allowed));
	buf_put_u64be(out, atomic_load(&m->denied));
	buf_put_u64be(out, atomic_load(&m->would_deny));
	buf_put_u64be(out, atomic_load(&m->hashed));
	buf_put_u64be(out, atomic_load(&m->opens));
	buf_put_u64be(out, atomic_load(&m->strangers));
	buf_put_u64be(out, atomic_load(&m->zone.outputs));
	buf_put_u64be(out, atomic_load(&m->zone.ran));
	buf_put_u64be(out, atomic_load(&m->zone.dropped));
	buf_put_u64be(out, atomic_load(&m->zone.floor));
	buf_put_u64be(out, atomic_load(&m->decided.dropped));
	buf_put_u64be(out, atomic_load(&m->ruled.dropped));
}

static void put_self(struct buf *out, const struct supervisor *s)
{
	const struct fetching *t = &s->fetching;
	uint8_t mounts[32];

	begin(out, TAG_SELF, 1, SELF_ROW);
	put_text(out, GS_VERSION, 32);
	put_i32(out, s->g.supervisor);
	put_text(out, s->notify, HANDOVER_TEXT);
	handover_mounts(s->g.conf, mounts);
	buf_put(out, mounts, sizeof(mounts));
	buf_put_u64be(out, s->g.asks);
	buf_put_u8(out, s->enforcing);
	buf_put_u8(out, s->glass);
	buf_put_u64be(out, (uint64_t)s->glass_until);
	buf_put_u64be(out, s->glass_end);
	buf_put_u64be(out, s->checked);
	buf_put_u64be(out, s->starts);
	buf_put_u64be(out, s->marks);
	buf_put_u64be(out, s->marks_failed);
	buf_put_u64be(out, s->marked_at);
	buf_put_u32be(out, s->g.reader);
	put_counters(out, s->g.share);
	buf_put_u8(out, s->has_list);
	buf_put_u64be(out, s->list.serial);
	buf_put_u64be(out, s->list.count);
	buf_put_u64be(out, (uint64_t)s->list.not_after);
	buf_put_view(out, digest_view(&s->list.digest));
	put_text(out, s->list.name.s, NAME_MAX_LEN + 1);
	buf_put_u64be(out, s->records.packages);
	buf_put_u64be(out, s->records.contents);
	buf_put_u64be(out, s->records.refused);
	buf_put_u64be(out, (uint64_t)t->good_at);
	buf_put_u64be(out, (uint64_t)t->bad_at);
	buf_put_u64be(out, t->failures);
	buf_put_u64be(out, t->number);
	put_text(out, t->why, HANDOVER_TEXT);
}

static void put_slots(struct buf *out, const struct share *m)
{
	size_t n = 0;

	for (uint32_t i = 0; i < m->slot_count; i++)
		n += m->slot[i].state != SLOT_FREE;
	begin(out, TAG_SLOTS, n, SLOT_ROW);
	for (uint32_t i = 0; i < m->slot_count; i++) {
		const struct slot *s = &m->slot[i];

		if (s->state == SLOT_FREE)
			continue;
		buf_put_u8(out, (uint8_t)s->state);
		put_i32(out, s->fd);
		buf_put_u64be(out, s->marked);
		buf_put_u8(out, s->known);
		buf_put_u8(out, s->told);
		buf_put_u8(out, s->noted);
		buf_put_u8(out, s->elf);
		buf_put_u64be(out, s->dev);
		buf_put_u64be(out, s->ino);
		buf_put_u64be(out, s->since);
		buf_put_view(out, digest_view(&s->digest));
		for (size_t k = 0; k < SLOT_RECENT; k++) {
			put_i32(out, s->recent[k].pid);
			buf_put_u64be(out, s->recent[k].at);
		}
		buf_put_u32be(out, s->recent_next);
	}
}

static void put_questions(struct buf *out, const struct share *m)
{
	size_t n = 0;

	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		n += m->question[i].state != QUESTION_FREE;
	begin(out, TAG_QUESTIONS, n, QUESTION_ROW);
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		const struct question *q = &m->question[i];

		if (q->state == QUESTION_FREE)
			continue;
		buf_put_u8(out, (uint8_t)q->state);
		buf_put_u8(out, (uint8_t)q->kind);
		put_i32(out, q->fd);
		put_i32(out, q->pid);
		buf_put_u64be(out, q->dev);
		buf_put_u64be(out, q->ino);
		buf_put_u64be(out, q->since);
	}
}

static void put_exes(struct buf *out, const struct exes *e)
{
	size_t n = 0;

	for (size_t i = 0; i < EXES_ROWS * EXES_WIDE; i++)
		n += e->row[i / EXES_WIDE][i % EXES_WIDE].set;
	begin(out, TAG_EXES, n, EXE_ROW);
	for (size_t i = 0; i < EXES_ROWS * EXES_WIDE; i++) {
		const struct exe *x = &e->row[i / EXES_WIDE][i % EXES_WIDE];

		if (!x->set)
			continue;
		buf_put_u8(out, x->zone);
		buf_put_u64be(out, x->dev);
		buf_put_u64be(out, x->ino);
		buf_put_view(out, digest_view(&x->digest));
	}
}

static void put_zones(struct buf *out, const struct zone_state *z)
{
	size_t outputs = 0, producers = 0;

	for (size_t i = 0; i < OUTPUT_ROWS * OUTPUT_WIDE; i++)
		outputs += z->row[i / OUTPUT_WIDE][i % OUTPUT_WIDE].set;
	begin(out, TAG_OUTPUTS, outputs, OUTPUT_ROW);
	for (size_t i = 0; i < OUTPUT_ROWS * OUTPUT_WIDE; i++) {
		const struct output *o = &z->row[i / OUTPUT_WIDE][i % OUTPUT_WIDE];

		if (!o->set)
			continue;
		buf_put_u64be(out, o->dev);
		buf_put_u64be(out, o->ino);
		buf_put_u64be(out, o->size);
		buf_put_u64be(out, o->at);
		buf_put_u64be(out, o->born);
		buf_put_u8(out, o->done);
		buf_put_u8(out, o->touched);
	}
	for (size_t i = 0; i < PRODUCERS_MAX; i++)
		producers += z->producer[i].pid > 0;
	begin(out, TAG_PRODUCERS, producers, PRODUCER_ROW);
	for (size_t i = 0; i < PRODUCERS_MAX; i++) {
		const struct producer *p = &z->producer[i];

		if (p->pid <= 0)
			continue;
		put_i32(out, p->pid);
		put_i32(out, p->pidfd);
		buf_put_u64be(out, p->dev);
		buf_put_u64be(out, p->ino);
		buf_put_u64be(out, p->at);
		buf_put_u8(out, p->seen);
	}
}

static void put_touched(struct buf *out, const struct zone_state *z)
{
	size_t n = 0;

	for (size_t i = 0; i < TOUCHED_ROWS * TOUCHED_WIDE; i++)
		n += z->touched[i / TOUCHED_WIDE][i % TOUCHED_WIDE].born > 0;
	begin(out, TAG_TOUCHED, n, TOUCHED_ROW);
	for (size_t i = 0; i < TOUCHED_ROWS * TOUCHED_WIDE; i++) {
		const struct touched *t = &z->touched[i / TOUCHED_WIDE][i % TOUCHED_WIDE];

		if (t->born == 0)
			continue;
		buf_put_u64be(out, t->dev);
		buf_put_u64be(out, t->ino);
		buf_put_u64be(out, t->born);
	}
}

/* What stands in a ring; the reporter has ended. */
static size_t waiting(const struct ring *r)
{
	return atomic_load(&r->head) - atomic_load(&r->tail);
}

static void put_ring(struct buf *out, const struct ring *r, uint8_t which)
{
	uint32_t tail = atomic_load(&r->tail);

	for (size_t i = 0; i < waiting(r); i++) {
		const struct news *n = &r->row[(tail + i) % RING_ROWS];

		buf_put_u8(out, which);
		buf_put_u8(out, (uint8_t)n->kind);
		buf_put_u8(out, (uint8_t)n->why);
		put_i32(out, n->fd);
		put_i32(out, n->pid);
		buf_put_u8(out, n->opened);
		buf_put_u64be(out, n->serial);
		buf_put_u64be(out, n->count);
		buf_put_view(out, digest_view(&n->digest));
		put_text(out, n->text, HANDOVER_TEXT);
	}
}

/* ---- Which descriptors ----------------------------------------------------------------------*/

struct numbers {
	int *at;
	size_t count, cap;
};

static void add(struct numbers *n, int fd)
{
	if (fd >= 0 && n->count < n->cap)
		n->at[n->count++] = fd;
}

int handover_ascending(const void *a, const void *b)
{
	const int *x = (const int *)a, *y = (const int *)b;

	return (*x > *y) - (*x < *y);
}

static void add_ring(struct numbers *n, const struct ring *r)
{
	uint32_t tail = atomic_load(&r->tail);

	for (size_t i = 0; i < waiting(r); i++)
		add(n, r->row[(tail + i) % RING_ROWS].fd);
}

/* Events that the worker had read and not looked at have theirs. Their bytes. */
static struct view add_raw(struct numbers *n, const struct share *m)
{
	struct view rest = view_of(m->raw, RAW_BYTES), from;
	struct event e;

	if (!rc_is_ok(view_skip(&rest, m->raw_at)))
		return view_of(NULL, 0);
	from = rest;
	while (rc_is_ok(event_next(&rest, &e, NULL)))
		add(n, e.fd);
	return view_of(from.ptr, from.len - rest.len);
}

static void gather(struct numbers *n, const struct share *m, const int named[NAMED__COUNT])
{
	for (size_t i = 0; i < NAMED__COUNT; i++)
		add(n, named[i]);
	for (uint32_t i = 0; i < m->slot_count; i++)
		if (m->slot[i].state != SLOT_FREE)
			add(n, m->slot[i].fd);
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (m->question[i].state != QUESTION_FREE)
			add(n, m->question[i].fd);
	for (size_t i = 0; i < PRODUCERS_MAX; i++)
		if (m->zone.producer[i].pid > 0)
			add(n, m->zone.producer[i].pidfd);
	(void)add_raw(n, m);
	add_ring(n, &m->decided);
	add_ring(n, &m->ruled);
}

static void put_numbers(struct buf *out, const struct share *m, const int named[NAMED__COUNT],
			struct handover *index)
{
	struct numbers n = {.cap = m->slot_count + QUESTIONS_MAX + PRODUCERS_MAX + 2 * RING_ROWS +
				   RAW_BYTES / sizeof(int) + NAMED__COUNT};
	size_t unique = 0;

	n.at = (int *)calloc(n.cap, sizeof(*n.at));
	if (n.at == NULL) {
		out->sticky = RC_NOMEM;
		return;
	}
	gather(&n, m, named);
	qsort(n.at, n.count, sizeof(*n.at), handover_ascending);
	for (size_t i = 0; i < n.count; i++)
		if (unique == 0 || n.at[i] != n.at[unique - 1])
			n.at[unique++] = n.at[i];
	begin(out, TAG_NUMBERS, unique, 4);
	for (size_t i = 0; i < unique; i++)
		put_i32(out, n.at[i]);
	index->number = n.at;
	index->count = unique;
}

void handover_encode(const struct supervisor *s, struct handover *index, struct buf *out)
{
	const struct guard *g = &s->g;
	const struct share *m = g->share;
	const int named[NAMED__COUNT] = {
		[NAMED_GROUP] = g->group,
		[NAMED_LISTENER] = s->listener,
		[NAMED_LIST] = atomic_load(&m->list_fd),
		[NAMED_RECORDS] = atomic_load(&m->records_fd),
		[NAMED_FEED] = g->feed,
		[NAMED_HALF_0] = g->backlog.half[0],
		[NAMED_HALF_1] = g->backlog.half[1],
		[NAMED_MARK] = g->backlog.mark,
		[NAMED_TOLD] = g->told,
		[NAMED_LOOKS_IN] = g->looks.looked != NULL ? g->looks.in : -1,
		[NAMED_LOOKS_OUT] = g->looks.looked != NULL ? g->looks.out : -1,
		[NAMED_MET_IN] = g->met_in,
		[NAMED_MET_OUT] = g->met_out,
	};
	struct view raw;

	buf_put_str(out, HANDOVER_MAGIC);
	put_self(out, s);
	begin(out, TAG_NAMED, NAMED__COUNT, 4);
	for (size_t i = 0; i < NAMED__COUNT; i++)
		put_i32(out, named[i]);
	put_numbers(out, m, named, index);
	put_slots(out, m);
	put_questions(out, m);
	raw = add_raw(&(struct numbers){.cap = 0}, m);
	begin(out, TAG_RAW, raw.len, 1);
	buf_put_view(out, raw);
	put_exes(out, &m->exes);
	put_zones(out, &m->zone);
	begin(out, TAG_NEWS, waiting(&m->decided) + waiting(&m->ruled), NEWS_ROW);
	put_ring(out, &m->decided, 0);
	put_ring(out, &m->ruled, 1);
	put_touched(out, &m->zone);
}
