#include "prog/guard/backlog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/codec/hex.h"
#include "lib/crypt/digest.h"

#define CHECK_HEX 8u
#define MARK_BYTES (2 * BACKLOG_RUN + 1 + 20 + 1 + 20 + 1 + CHECK_HEX + 1)

/* ---- Files ----------------------------------------------------------------------------------*/

rc backlog_open(const char *state, struct backlog_files *ret, struct fault *f)
{
	static const char *const names[] = {"0", "1", "mark"};
	int fds[3] = {-1, -1, -1};
	AUTO(fd) int dir = -1;
	char path[4200];
	rc r = OK;

	*ret = (struct backlog_files){.half = {-1, -1}, .mark = -1};
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", state, BACKLOG_DIR) >= sizeof(path))
		return fault_set(f, RC_LIMIT, 0, "state: the path is too long");
	TRY(dir_make(path, 0700, f));
	TRY(dir_open(path, &dir, f));
	for (size_t i = 0; i < 3 && rc_is_ok(r); i++) {
		fds[i] = openat(dir, names[i], O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fds[i] < 0)
			r = fault_errno(f, errno, "%s/%s", path, names[i]);
	}
	if (!rc_is_ok(r)) {
		for (size_t i = 0; i < 3; i++)
			fd_close(&fds[i]);
		return r;
	}
	*ret = (struct backlog_files){.half = {fds[0], fds[1]}, .mark = fds[2]};
	return OK;
}

static void check_of(struct view text, char out[CHECK_HEX + 1])
{
	struct digest d = digest_of(text);
	char hex[DIGEST_HEX];

	digest_hex(&d, hex);
	memcpy(out, hex, CHECK_HEX);
	out[CHECK_HEX] = '\0';
}

/* Not synced: what it loses is fetched again, and known by its seq. */
static void write_mark(const struct backlog *b)
{
	char run[2 * BACKLOG_RUN + 1], text[MARK_BYTES + 1], check[CHECK_HEX + 1];
	size_t n;

	hex_encode(view_of(b->run, sizeof(b->run)), run);
	n = (size_t)snprintf(text, sizeof(text), "%s %020" PRIu64 " %020" PRIu64, run, b->acked,
			     b->dropped);
	check_of(view_of(text, n), check);
	(void)snprintf(text + n, sizeof(text) - n, " %s\n", check);
	if (b->files.mark >= 0)
		rc_ignore(fd_pwrite_full(b->files.mark, text, MARK_BYTES, 0, NULL),
			  "then as if it had been lost");
}

/* 20 digits, zeros in front. */
static bool padded(const char *text, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 20; i++) {
		if (text[i] < '0' || text[i] > '9' || n > INT64_MAX / 10)
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = n;
	return true;
}

static bool read_mark(struct backlog *b)
{
	const size_t body = MARK_BYTES - CHECK_HEX - 2;
	char text[MARK_BYTES], check[CHECK_HEX + 1];

	if (!rc_is_ok(fd_pread_full(b->files.mark, text, sizeof(text), 0, NULL)))
		return false;
	check_of(view_of(text, body), check);
	if (memcmp(text + body + 1, check, CHECK_HEX) != 0)
		return false;
	return rc_is_ok(hex_parse(view_of(text, 2 * BACKLOG_RUN), b->run, sizeof(b->run))) &&
	       padded(text + 2 * BACKLOG_RUN + 1, &b->acked) &&
	       padded(text + 2 * BACKLOG_RUN + 22, &b->dropped);
}

/* ---- One line -------------------------------------------------------------------------------*/

struct line {
	uint64_t seq;
	uint64_t len; /* with its LF */
	struct view json;
};

/* The line there; json lies in a buffer that the next call uses again. False: there is no whole
 * one. */
static bool line_at(const struct backlog *b, unsigned half, uint64_t at, struct line *ret)
{
	static uint8_t memory[BACKLOG_LINE_MAX];
	static uint8_t covered[BACKLOG_LINE_MAX];
	ssize_t n = pread(b->files.half[half], memory, sizeof(memory), (off_t)at);
	struct view v, seq, check, json;
	char sum[CHECK_HEX + 1];
	struct buf text;

	if (n <= 0)
		return false;
	v = view_of(memory, (size_t)n);
	if (!rc_is_ok(view_until(&v, '\n', &json)))
		return false;
	ret->len = json.len + 1;
	if (!rc_is_ok(view_until(&json, ' ', &seq)) || !rc_is_ok(view_until(&json, ' ', &check)) ||
	    !rc_is_ok(num_parse_u64((const char *)seq.ptr, seq.len, INT64_MAX, &ret->seq)))
		return false;
	buf_init_fixed(&text, covered, sizeof(covered));
	buf_put_view(&text, seq);
	buf_put_u8(&text, ' ');
	buf_put_view(&text, json);
	if (!rc_is_ok(buf_done(&text)))
		return false;
	check_of(buf_view(&text), sum);
	ret->json = json;
	return view_is(check, sum) && ret->seq > 0;
}

/* ---- Start ----------------------------------------------------------------------------------*/

static void load_half(struct backlog *b, unsigned i)
{
	uint64_t last = 0, size = 0;
	struct line l;

	while (line_at(b, i, size, &l) && l.seq > last) {
		if (b->half[i].first == 0)
			b->half[i].first = l.seq;
		if (l.seq <= b->acked)
			b->half[i].at = size + l.len;
		last = l.seq;
		size += l.len;
	}
	b->half[i].last = last;
	b->half[i].size = size;
	/* The rest is what a crash has left of a line. */
	if (ftruncate(b->files.half[i], (off_t)size) != 0)
		b->files.half[i] = -1;
}

void backlog_load(struct backlog *b, const struct backlog_files *files, uint64_t bytes)
{
	memset(b, 0, sizeof(*b));
	b->files = *files;
	b->limit = bytes / 2;
	if (files->mark < 0 || !read_mark(b)) {
		b->acked = b->dropped = 0;
		/* A run that is not known by its number is another one to whoever reads. */
		if (!rc_is_ok(rng_fill(&rng_system, b->run, sizeof(b->run))))
			memset(b->run, 0, sizeof(b->run));
	}
	for (unsigned i = 0; i < 2; i++)
		if (files->half[i] >= 0)
			load_half(b, i);
	b->now = b->half[1].last > b->half[0].last ? 1 : 0;
	b->next = b->half[b->now].last + 1;
	if (b->next <= b->acked)
		b->next = b->acked + 1;
	write_mark(b);
}

/* ---- Writing --------------------------------------------------------------------------------*/

void backlog_lost(struct backlog *b, uint64_t count)
{
	b->dropped += count;
	write_mark(b);
}

/* Begins the other half anew. */
static bool turn(struct backlog *b)
{
	unsigned o = b->now ^ 1;
	uint64_t from = b->half[o].first > b->acked ? b->half[o].first : b->acked + 1;

	if (b->files.half[o] < 0 || ftruncate(b->files.half[o], 0) != 0)
		return false;
	if (b->half[o].last >= from)
		b->dropped += b->half[o].last - from + 1;
	memset(&b->half[o], 0, sizeof(b->half[o]));
	b->now = o;
	write_mark(b);
	return true;
}

void backlog_put(struct backlog *b, struct view json)
{
	static uint8_t memory[BACKLOG_LINE_MAX];
	char check[CHECK_HEX + 1];
	struct buf text;

	buf_init_fixed(&text, memory, sizeof(memory));
	buf_printf(&text, "%" PRIu64 " ", b->next);
	buf_put_view(&text, json);
	check_of(buf_view(&text), check);
	buf_clear(&text);
	buf_printf(&text, "%" PRIu64 " %s ", b->next, check);
	buf_put_view(&text, json);
	buf_put_u8(&text, '\n');
	if (!rc_is_ok(buf_done(&text)) || b->files.half[b->now] < 0 ||
	    (b->half[b->now].size + text.len > b->limit && !turn(b)) ||
	    !rc_is_ok(fd_pwrite_full(b->files.half[b->now], text.ptr, text.len,
				     b->half[b->now].size, NULL))) {
		backlog_lost(b, 1);
		return;
	}
	b->half[b->now].size += text.len;
	if (b->half[b->now].first == 0)
		b->half[b->now].first = b->next;
	b->half[b->now].last = b->next++;
	b->unsynced = true;
}

/* ---- Reading --------------------------------------------------------------------------------*/

void backlog_ack(struct backlog *b, uint64_t seq)
{
	struct line l;

	if (seq <= b->acked || seq >= b->next)
		return;
	b->acked = seq;
	for (unsigned i = 0; i < 2; i++)
		while (b->half[i].at < b->half[i].size && line_at(b, i, b->half[i].at, &l) &&
		       l.seq <= seq)
			b->half[i].at += l.len;
	write_mark(b);
}

static uint32_t get_half(const struct backlog *b, unsigned i, uint32_t max, struct buf *out)
{
	uint64_t at = b->half[i].at;
	uint32_t count = 0;
	struct line l;

	while (count < max && at < b->half[i].size && line_at(b, i, at, &l) &&
	       out->len + l.json.len + 64 <= out->max) {
		buf_put_str(out, "{\"event\":");
		buf_put_view(out, l.json);
		buf_printf(out, ",\"seq\":%" PRIu64 "}\n", l.seq);
		at += l.len;
		count++;
	}
	return count;
}

rc backlog_get(struct backlog *b, uint32_t max, struct buf *out, uint32_t *ret_count)
{
	unsigned older = b->now ^ 1;
	uint32_t count;

	*ret_count = 0;
	if (b->files.half[b->now] < 0)
		return OK;
	if (b->unsynced && fdatasync(b->files.half[b->now]) != 0)
		return RC(RC_IO);
	b->unsynced = false;
	count = get_half(b, older, max, out);
	if (count == 0)
		count = get_half(b, b->now, max, out);
	*ret_count = count;
	return buf_done(out);
}
