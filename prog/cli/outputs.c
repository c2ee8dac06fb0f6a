#include "prog/cli/outputs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format/file.h"
#include "prog/cli/shown.h"

#define PER_ITEM 4
#define REPLACED ".tmp" /* file_replace's */

static const char *const beside[PER_ITEM] = {OUTPUT_SIGNATURE, OUTPUT_SIGNATURE REPLACED,
					     OUTPUT_PROOF, OUTPUT_PROOF REPLACED};
static const char *const within[PER_ITEM] = {"", OUTPUT_PART, OUTPUT_PROOF, OUTPUT_PROOF REPLACED};

struct output {
	char name[ITEM_NAME_MAX + sizeof(OUTPUT_PROOF REPLACED)];
	size_t item;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct output *)a)->name, ((const struct output *)b)->name);
}

static rc name_item(struct cli *c, const struct request_item *item, size_t at, struct output *out)
{
	const struct format_file *format = format_file_find(view_str(item->format));
	const char *const *ends = format != NULL && format->detached ? beside : within;
	char name[ITEM_NAME_MAX + 1];

	TRY(request_item_name(item, name));
	for (size_t i = 0; i < PER_ITEM; i++) {
		out[i].item = at;
		(void)snprintf(out[i].name, sizeof(out[i].name), "%s%s", name, ends[i]);
		if (strlen(out[i].name) <= NAME_MAX)
			continue;
		shown_text(name, sizeof(name));
		return cli_problem(c, RC_LIMIT, "give it a shorter name",
				   "%s: a name of more than %zu bytes leaves no room for that of "
				   "the proof beside it",
				   name, NAME_MAX - sizeof(OUTPUT_PROOF REPLACED) + 1);
	}
	return OK;
}

static rc two_are_one(struct cli *c, const struct request *r, const struct output *a,
		      const struct output *b)
{
	char first[ITEM_NAME_MAX + 1], second[ITEM_NAME_MAX + 1], file[sizeof(a->name)];

	TRY(request_item_name(&r->items[a->item], first));
	TRY(request_item_name(&r->items[b->item], second));
	(void)snprintf(file, sizeof(file), "%s", a->name);
	shown_text(first, sizeof(first));
	shown_text(second, sizeof(second));
	shown_text(file, sizeof(file));
	return cli_problem(c, RC_DUPLICATE, "make a request for each of them",
			   "%s and %s: when they are fetched, both would write %s", first, second,
			   file);
}

rc outputs_check(struct cli *c, const struct request *r)
{
	struct output *out = (struct output *)calloc(r->count * PER_ITEM, sizeof(*out));
	size_t n = r->count * PER_ITEM;
	rc result = OK;

	if (out == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	for (size_t i = 0; i < r->count && rc_is_ok(result); i++)
		result = name_item(c, &r->items[i], i, out + i * PER_ITEM);
	if (rc_is_ok(result))
		qsort(out, n, sizeof(*out), by_name);
	for (size_t i = 1; i < n && rc_is_ok(result); i++)
		if (by_name(&out[i - 1], &out[i]) == 0)
			result = two_are_one(c, r, &out[i - 1], &out[i]);
	free(out);
	return result;
}
