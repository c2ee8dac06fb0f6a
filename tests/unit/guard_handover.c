/* Unit tests of what a guard hands to the one that takes over: the way there and back, and what is
 * not taken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>

#include "prog/guard/handover_rows.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define SLOTS 8u

static struct conf conf;

static void empty(struct supervisor *s, uint32_t slots)
{
	memset(s, 0, sizeof(*s));
	s->g.conf = &conf;
	s->g.share = (struct share *)calloc(1, share_size(slots));
	assert_non_null(s->g.share);
	s->g.share->slot_count = slots;
}

/* Something of everything. */
static void fill(struct supervisor *s)
{
	struct guard *g = &s->g;
	struct digest d = digest_of(view_str("one"));
	struct share *m;

	empty(s, SLOTS);
	m = g->share;
	g->supervisor = 77;
	g->asks = FAN_OPEN_EXEC_PERM;
	g->group = 10;
	s->listener = 11;
	atomic_store(&m->list_fd, 12);
	atomic_store(&m->records_fd, -1);
	g->feed = g->told = g->looks.in = g->looks.out = g->met_in = g->met_out = -1;
	g->backlog = (struct backlog_files){.half = {13, 14}, .mark = 15};
	(void)strcpy(s->notify, "/run/systemd/notify");
	s->enforcing = s->glass = s->has_list = true;
	s->glass_until = 1234;
	s->glass_end = 5678;
	s->list = (struct load_result){.serial = 3, .count = 4, .digest = d, .not_after = 99};
	(void)strcpy(s->list.name.s, "base");
	(void)strcpy(s->fetching.why, "nobody answers");
	s->fetching.failures = 2;
	atomic_store(&m->allowed, 5);
	m->slot[2] = (struct slot){.state = SLOT_HELD,
				   .fd = 20,
				   .marked = FAN_OPEN_EXEC_PERM,
				   .known = true,
				   .dev = 1,
				   .ino = 2,
				   .digest = d,
				   .recent = {{.pid = 6, .at = 7}},
				   .recent_next = 1};
	m->slot[7] = (struct slot){.state = SLOT_LEAVING, .fd = 21, .dev = 1, .ino = 3};
	m->question[100] = (struct question){
		.state = QUESTION_WAITING, .kind = QUESTION_DATA, .fd = 22, .pid = 8, .dev = 1};
	{
		const struct fanotify_event_metadata e = {.event_len = sizeof(e),
							  .metadata_len = sizeof(e),
							  .vers = FANOTIFY_METADATA_VERSION,
							  .mask = FAN_OPEN_EXEC_PERM,
							  .fd = 23,
							  .pid = 9};

		m->raw_at = sizeof(e);
		memcpy(m->raw + sizeof(e), &e, sizeof(e));
	}
	exes_note(&m->exes, 1, 2, &d, true);
	zone_put(&m->zone, &(struct output){.done = true,
					    .touched = true,
					    .dev = 1,
					    .ino = 5,
					    .born = 650,
					    .size = 600,
					    .at = 700});
	atomic_store(&m->zone.outputs, 1);
	atomic_store(&m->zone.floor, 640);
	zone_touch(&m->zone, &(struct zone_file){.dev = 1, .ino = 9, .born = 660});
	zone_producer(&m->zone, 30, 24, 1, 6, 800);
	zone_producer_find(&m->zone, 30)->seen = true;
	assert_true(ring_put(&m->decided,
			     &(struct news){.kind = NEWS_DENIED, .why = WHY_WRITER, .fd = 25}));
	assert_true(ring_put(&m->ruled,
			     &(struct news){.kind = NEWS_MODE, .fd = -1, .text = "enforce"}));
}

static void the_way_there_and_back(void **state)
{
	AUTO(buf) struct buf once = {0};
	AUTO(buf) struct buf twice = {0};
	AUTO(handover) struct handover sent = {0};
	AUTO(handover) struct handover got = {0};
	AUTO(handover) struct handover again = {0};
	static struct supervisor a, b;
	struct fault f = {0};

	(void)state;
	fill(&a);
	empty(&b, SLOTS);
	buf_init(&once, HANDOVER_BYTES);
	buf_init(&twice, HANDOVER_BYTES);
	handover_encode(&a, &sent, &once);
	assert_rc(RC_OK, buf_done(&once));
	assert_int_equal(12, sent.count);
	for (size_t i = 0; i < sent.count; i++)
		assert_int_equal(i < 6 ? 10 + i : 20 + i - 6, sent.number[i]);
	if (handover_decode(buf_view(&once), &b, &got, &f).code != RC_OK)
		fail_msg("%s", f.text);
	assert_string_equal(GS_VERSION, got.version);
	assert_int_equal(77, got.pid);
	assert_string_equal("/run/systemd/notify", got.notify);
	assert_int_equal(10, b.g.group);
	assert_int_equal(-1, b.g.feed);
	assert_int_equal(12, atomic_load(&b.g.share->list_fd));
	assert_true(b.enforcing && b.glass && b.glass_until == 1234 && b.glass_end == 5678);
	assert_string_equal("base", b.list.name.s);
	assert_string_equal("nobody answers", b.fetching.why);
	assert_int_equal(20, b.g.share->slot[0].fd);
	assert_int_equal(SLOT_LEAVING, b.g.share->slot[1].state);
	assert_int_equal(QUESTION_WAITING, b.g.share->question[0].state);
	assert_int_equal(22, b.g.share->question[0].fd);
	assert_true(exes_find(&b.g.share->exes, 1, 2)->zone);
	{
		const struct zone_file made = {.dev = 1, .ino = 5, .born = 650, .size = 600};
		const struct zone_file used = {.dev = 1, .ino = 9, .born = 660};

		assert_true(zone_find(&b.g.share->zone, &made)->touched);
		assert_int_equal(640, atomic_load(&b.g.share->zone.floor));
		zone_opened(&b.g.share->zone, &used, true, 1);
		zone_closed(&b.g.share->zone, &used, true, 1);
		assert_null(zone_find(&b.g.share->zone, &used));
		assert_true(zone_producer_find(&b.g.share->zone, 30)->seen);
	}
	assert_int_equal(1, atomic_load(&b.g.share->zone.outputs));
	assert_int_equal(24, zone_producer_find(&b.g.share->zone, 30)->pidfd);
	/* Handed on at once, it is the same. */
	b.g.supervisor = 77;
	(void)strcpy(b.notify, got.notify);
	b.g.asks = got.asks;
	handover_encode(&b, &again, &twice);
	assert_true(view_is_equal(buf_view(&once), buf_view(&twice)));
	free(a.g.share);
	free(b.g.share);
}

static enum rc_code taken(struct view bytes, uint32_t slots)
{
	static struct supervisor s;
	AUTO(handover) struct handover h = {0};
	rc r;

	empty(&s, slots);
	r = handover_decode(bytes, &s, &h, NULL);
	free(s.g.share);
	return r.code;
}

static void encode(struct supervisor *s, struct buf *out)
{
	AUTO(handover) struct handover index = {0};

	buf_clear(out);
	handover_encode(s, &index, out);
	assert_rc(RC_OK, buf_done(out));
}

/* Of a section the place of its head. */
static uint8_t *section(struct buf *b, unsigned tag)
{
	size_t at = strlen(HANDOVER_MAGIC);

	while (at < b->len && b->ptr[at] != tag) {
		uint32_t rows, size;
		struct view v = view_of(b->ptr + at + 1, 8);

		assert_rc(RC_OK, view_u32be(&v, &rows));
		assert_rc(RC_OK, view_u32be(&v, &size));
		at += 9 + (size_t)rows * size;
	}
	assert_true(at < b->len);
	return b->ptr + at;
}

static void what_is_not_taken(void **state)
{
	AUTO(buf) struct buf b = {0};
	static struct supervisor s;

	(void)state;
	fill(&s);
	buf_init(&b, HANDOVER_BYTES);
	encode(&s, &b);
	assert_int_equal(RC_OK, taken(buf_view(&b), SLOTS));
	for (size_t n = 0; n < b.len; n++)
		assert_int_not_equal(RC_OK, taken(view_of(b.ptr, n), SLOTS));
	assert_int_equal(RC_TRUNCATED, taken(view_of(b.ptr, 20), SLOTS));
	assert_int_equal(RC_UNSUPPORTED, taken(view_str("greatseal-heir-2"), SLOTS));
	assert_int_equal(RC_UNSUPPORTED, taken(view_str(HANDOVER_MAGIC), SLOTS));
	/* More files are held than there is room for. */
	assert_int_equal(RC_LIMIT, taken(buf_view(&b), 1));
	/* A section that is not known is passed over; one whose rows are shorter says less. */
	buf_put(&b, (const uint8_t[]){99, 0, 0, 0, 1, 0, 0, 0, 2, 7, 7}, 11);
	assert_int_equal(RC_OK, taken(buf_view(&b), SLOTS));
	section(&b, 99)[0] = TAG_NEWS;
	assert_int_equal(RC_SYNTAX, taken(buf_view(&b), SLOTS));
	encode(&s, &b);
	section(&b, TAG_NEWS)[0] = 99;
	assert_int_equal(RC_UNSUPPORTED, taken(buf_view(&b), SLOTS));
	encode(&s, &b);
	section(&b, TAG_EXES)[8]--;
	assert_int_equal(RC_UNSUPPORTED, taken(view_of(b.ptr, b.len), SLOTS));
	/* Descriptors that do not come along, twice the same, below all others. */
	encode(&s, &b);
	section(&b, TAG_QUESTIONS)[9 + 5] = 90;
	assert_int_equal(RC_SYNTAX, taken(buf_view(&b), SLOTS));
	encode(&s, &b);
	section(&b, TAG_RAW)[9 + offsetof(struct fanotify_event_metadata, fd)] = 90;
	assert_int_equal(RC_SYNTAX, taken(buf_view(&b), SLOTS));
	encode(&s, &b);
	section(&b, TAG_NUMBERS)[9 + 3] = 11;
	assert_int_equal(RC_SYNTAX, taken(buf_view(&b), SLOTS));
	encode(&s, &b);
	section(&b, TAG_NUMBERS)[9 + 3] = 2;
	assert_int_equal(RC_SYNTAX, taken(buf_view(&b), SLOTS));
	/* A state that there is none of. */
	encode(&s, &b);
	section(&b, TAG_SLOTS)[9] = 200;
	assert_int_equal(RC_SYNTAX, taken(buf_view(&b), SLOTS));
	/* Whatever single byte is another: read within bounds. */
	encode(&s, &b);
	for (size_t i = 0; i < b.len; i += i < 2000 ? 1 : 31) {
		b.ptr[i] ^= 0x81;
		(void)taken(buf_view(&b), SLOTS);
		b.ptr[i] ^= 0x81;
	}
	free(s.g.share);
}

/* What is marked is the same if the settings are. */
static void mounts_have_a_digest(void **state)
{
	static struct conf c;
	uint8_t none[32], all[32], one[32];

	(void)state;
	handover_mounts(&c, none);
	c.all = true;
	handover_mounts(&c, all);
	c.all = false;
	c.mount_count = 1;
	(void)strcpy(c.mounts[0], "/srv");
	handover_mounts(&c, one);
	assert_memory_not_equal(none, all, 32);
	assert_memory_not_equal(all, one, 32);
	(void)strcpy(c.mounts[0], "/srw");
	handover_mounts(&c, all);
	assert_memory_not_equal(all, one, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_way_there_and_back),
		cmocka_unit_test(what_is_not_taken),
		cmocka_unit_test(mounts_have_a_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
