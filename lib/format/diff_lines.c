/* Unified line diffs of small texts: equal head and tail off, the longest common subsequence of the
 * rest. Owns: hunks. Must not own: reports (diff.c). */
#include <stdbool.h>
#include <stdlib.h>

#include "lib/format/diff.h"

#define CONTEXT 3

struct op {
	char kind;	  /* ' ', '-', '+' */
	struct view line; /* with its \n, if it has one */
};

struct ops {
	struct op *list;
	size_t count;
};

static void free_release(void **p)
{
	free(*p);
	*p = NULL;
}
#define AUTO_FREE __attribute__((cleanup(free_one)))
static void free_one(void *p)
{
	free_release((void **)p);
}

/* The line that begins at *at, which moves behind it. */
static struct view line_at(struct view text, size_t *at)
{
	size_t from = *at;

	while (*at < text.len && text.ptr[*at] != '\n')
		(*at)++;
	if (*at < text.len)
		(*at)++;
	return view_of(text.ptr + from, *at - from);
}

static rc split(struct view text, struct view **ret, size_t *ret_count)
{
	size_t count = 0;
	struct view *lines;

	for (size_t at = 0; at < text.len; count++)
		(void)line_at(text, &at);
	lines = (struct view *)calloc(count + 1, sizeof(*lines));
	if (lines == NULL)
		return RC(RC_NOMEM);
	count = 0;
	for (size_t at = 0; at < text.len; count++)
		lines[count] = line_at(text, &at);
	*ret = lines;
	*ret_count = count;
	return OK;
}

static void add(struct ops *o, char kind, struct view line)
{
	o->list[o->count++] = (struct op){.kind = kind, .line = line};
}

struct side {
	struct view *lines;
	size_t count;
};

/* length[i][j] is the longest common subsequence of a from i and b from j. */
static rc middle(struct side a, struct side b, struct ops *o)
{
	const size_t wide = b.count + 1;
	size_t i = 0;
	size_t j = 0;

	if (a.count <= DIFF_SCRIPT_LINES && b.count <= DIFF_SCRIPT_LINES) {
		AUTO_FREE uint16_t *length =
			(uint16_t *)calloc((a.count + 1) * wide, sizeof(uint16_t));

		if (length == NULL)
			return RC(RC_NOMEM);
		for (i = a.count; i-- > 0;)
			for (j = b.count; j-- > 0;) {
				uint16_t down = length[(i + 1) * wide + j];
				uint16_t right = length[i * wide + j + 1];

				if (view_is_equal(a.lines[i], b.lines[j]))
					length[i * wide + j] =
						(uint16_t)(length[(i + 1) * wide + j + 1] + 1);
				else
					length[i * wide + j] = down >= right ? down : right;
			}
		for (i = 0, j = 0; i < a.count && j < b.count;) {
			if (view_is_equal(a.lines[i], b.lines[j])) {
				add(o, ' ', a.lines[i++]);
				j++;
			} else if (length[(i + 1) * wide + j] >= length[i * wide + j + 1]) {
				add(o, '-', a.lines[i++]);
			} else {
				add(o, '+', b.lines[j++]);
			}
		}
	}
	while (i < a.count)
		add(o, '-', a.lines[i++]);
	while (j < b.count)
		add(o, '+', b.lines[j++]);
	return OK;
}

static rc compare(struct side a, struct side b, struct ops *o)
{
	size_t head = 0;
	size_t tail = 0;

	while (head < a.count && head < b.count && view_is_equal(a.lines[head], b.lines[head]))
		head++;
	while (tail < a.count - head && tail < b.count - head &&
	       view_is_equal(a.lines[a.count - 1 - tail], b.lines[b.count - 1 - tail]))
		tail++;
	for (size_t i = 0; i < head; i++)
		add(o, ' ', a.lines[i]);
	TRY(middle((struct side){a.lines + head, a.count - head - tail},
		   (struct side){b.lines + head, b.count - head - tail}, o));
	for (size_t i = a.count - tail; i < a.count; i++)
		add(o, ' ', a.lines[i]);
	return OK;
}

/* Puts one op; false when the limit would be passed. */
static bool put(struct buf *out, const struct op *op, size_t end)
{
	bool open = op->line.len == 0 || op->line.ptr[op->line.len - 1] != '\n';

	if (out->len + op->line.len + 40 > end)
		return false;
	buf_put_u8(out, (uint8_t)op->kind);
	buf_put_view(out, op->line);
	if (open)
		buf_put_str(out, "\n\\ No newline at end of text\n");
	return true;
}

/* One hunk, ops[from..to); a and b are the line numbers before it. */
static bool hunk(struct buf *out, const struct op *ops, size_t count, const size_t at[2],
		 size_t end)
{
	size_t old_count = 0;
	size_t new_count = 0;

	if (out->len + 100 > end)
		return false;
	for (size_t i = 0; i < count; i++) {
		old_count += ops[i].kind != '+';
		new_count += ops[i].kind != '-';
	}
	buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", at[0] + (old_count > 0), old_count,
		   at[1] + (new_count > 0), new_count);
	for (size_t i = 0; i < count; i++)
		if (!put(out, &ops[i], end))
			return false;
	return true;
}

static bool hunks(const struct ops *o, struct buf *out)
{
	const size_t end = out->len + DIFF_SCRIPT_TEXT;
	size_t at[2] = {0, 0};
	size_t done = 0; /* ops whose lines are counted in at */

	for (size_t i = 0; i < o->count; i++) {
		size_t from = i;
		size_t to = i;

		if (o->list[i].kind == ' ')
			continue;
		from = from - done > CONTEXT ? from - CONTEXT : done;
		/* On to where more than twice the context is equal. */
		for (size_t equal = 0; to < o->count && equal <= (size_t)2 * CONTEXT; to++)
			equal = o->list[to].kind == ' ' ? equal + 1 : 0;
		while (to > i && o->list[to - 1].kind == ' ')
			to--;
		to = o->count - to > CONTEXT ? to + CONTEXT : o->count;
		at[0] += from - done; /* all equal lines */
		at[1] += from - done;
		if (!hunk(out, o->list + from, to - from, at, end))
			return true;
		for (size_t k = from; k < to; k++) {
			at[0] += o->list[k].kind != '+';
			at[1] += o->list[k].kind != '-';
		}
		done = to;
		i = to - 1;
	}
	return false;
}

rc text_diff(struct view old_text, struct view new_text, struct buf *out, bool *ret_cut)
{
	struct side a, b;
	AUTO_FREE struct view *a_lines = NULL;
	AUTO_FREE struct view *b_lines = NULL;
	AUTO_FREE struct op *list = NULL;
	struct ops o = {0};

	TRY(split(old_text, &a_lines, &a.count));
	TRY(split(new_text, &b_lines, &b.count));
	a.lines = a_lines;
	b.lines = b_lines;
	list = (struct op *)calloc(a.count + b.count + 1, sizeof(*list));
	if (list == NULL)
		return RC(RC_NOMEM);
	o.list = list;
	TRY(compare(a, b, &o));
	*ret_cut = hunks(&o, out);
	return buf_done(out);
}
