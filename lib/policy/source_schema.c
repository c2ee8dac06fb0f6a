#include "lib/policy/source_schema.h"

#include <string.h>

#include "lib/policy/source_words.h"

static const struct {
	const char *name;
	const struct source_object *object;
} kinds[SOURCE_KINDS] = {
	[SOURCE_POLICY] = {"policy", &source_policy},
	[SOURCE_ROSTER] = {"roster", &source_roster},
	[SOURCE_TESTS] = {"tests", &source_tests},
};

const struct source_object *source_object(enum source_kind kind)
{
	return kinds[kind].object;
}

const char *source_kind_name(enum source_kind kind)
{
	return kinds[kind].name;
}

rc source_kind_parse(struct view name, enum source_kind *ret)
{
	for (unsigned i = 0; i < SOURCE_KINDS; i++)
		if (view_is(name, kinds[i].name)) {
			*ret = (enum source_kind)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

const struct source_field *source_field_find(const struct source_object *o, struct view name)
{
	for (size_t i = 0; i < o->count; i++)
		if (view_is(name, o->fields[i].name))
			return &o->fields[i];
	return NULL;
}

const struct source_field *source_field_after(const struct source_object *o, const char *last)
{
	const struct source_field *next = NULL;

	for (size_t i = 0; i < o->count; i++)
		if (strcmp(o->fields[i].name, last) > 0 &&
		    (next == NULL || strcmp(o->fields[i].name, next->name) < 0))
			next = &o->fields[i];
	return next;
}

/* ---- Nearest words --------------------------------------------------------------------------*/

#define NEAR_MAX 32u /* longer words are not compared */

/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
static size_t distance(struct view a, struct view b)
{
	size_t d[3][NEAR_MAX + 1];

	for (size_t k = 0; k <= b.len; k++)
		d[0][k] = k;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *row = d[i % 3];
		const size_t *up = d[(i + 2) % 3];
		const size_t *two_up = d[(i + 1) % 3];

		row[0] = i;
		for (size_t k = 1; k <= b.len; k++) {
			size_t best = up[k - 1] + (a.ptr[i - 1] != b.ptr[k - 1]);

			if (up[k] + 1 < best)
				best = up[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			if (i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] &&
			    a.ptr[i - 2] == b.ptr[k - 1] && two_up[k - 2] + 1 < best)
				best = two_up[k - 2] + 1;
			row[k] = best;
		}
	}
	return d[a.len % 3][b.len];
}

/* Keeps word if it is nearer to text than *best; at most a third of it may differ. */
static void nearer(struct view text, const char *word, const char **best, size_t *best_distance)
{
	struct view w = view_str(word);
	size_t n;

	if (text.len > NEAR_MAX || w.len > NEAR_MAX)
		return;
	n = distance(text, w);
	if (n <= (w.len + 2) / 3 && n < *best_distance) {
		*best = word;
		*best_distance = n;
	}
}

const char *source_field_nearest(const struct source_object *o, struct view name)
{
	const char *best = NULL;
	size_t n = SIZE_MAX;

	for (size_t i = 0; i < o->count; i++)
		nearer(name, o->fields[i].name, &best, &n);
	return best;
}

const char *source_word_nearest(const char *const *words, struct view text)
{
	const char *best = NULL;
	size_t n = SIZE_MAX;

	for (size_t i = 0; words[i] != NULL; i++)
		nearer(text, words[i], &best, &n);
	return best;
}
