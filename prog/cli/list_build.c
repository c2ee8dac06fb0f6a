/* list_build - writing: build and record. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/codec/jcan.h"
#include "prog/cli/list.h"
#include "prog/cli/list_gather.h"
#include "prog/cli/list_signed.h"
#include "prog/cli/list_vendor.h"
#include "prog/cli/list_vendor_files.h"

#define DAY ((unix_time)86400)
#define DAYS_DEFAULT 90
#define DAYS_MAX 3650

static rc write_out(struct cli *c, const char *path, const struct buf *out)
{
	const struct file_spec spec = {
		.dirfd = AT_FDCWD, .name = path, .mode = 0644, .durable = false};
	struct fault f = {0};

	CLI_TRY(c, &f, file_replace(&spec, buf_view(out), &f));
	return OK;
}

/* ---- The header -------------------------------------------------------------------------------*/

static rc number(struct cli *c, const char *option, uint64_t max, uint64_t *ret)
{
	const char *text = args_value(c->args, option);

	if (text == NULL)
		return OK;
	return rc_is_ok(num_parse_u64(text, strlen(text), max, ret)) && *ret > 0
		       ? OK
		       : cli_problem(c, RC_USAGE, "", "--%s %s: a number from 1 to %llu", option,
				     text, (unsigned long long)max);
}

static int names_order(const void *a, const void *b)
{
	return name_compare((const struct name *)a, (const struct name *)b);
}

static rc take_groups(struct cli *c, struct list_header *h)
{
	const char *text;

	if (args_value(c->args, "group") != NULL)
		h->group_count = 0;
	for (size_t i = 0; (text = args_nth(c->args, "group", i)) != NULL; i++) {
		if (h->group_count == LIST_GROUPS_MAX)
			return cli_problem(c, RC_LIMIT, "", "at most %u groups", LIST_GROUPS_MAX);
		if (!rc_is_ok(name_parse(view_str(text), &h->groups[h->group_count++])))
			return cli_problem(c, RC_USAGE, "", "--group %s: a-z 0-9 . _ - only", text);
	}
	if (h->group_count == 0)
		return cli_problem(c, RC_USAGE, "--group NAME, once for each",
				   "no host group: nobody would take the list");
	qsort(h->groups, h->group_count, sizeof(h->groups[0]), names_order);
	return OK;
}

static rc take_times(struct cli *c, struct list_header *h)
{
	const char *from = args_value(c->args, "from");
	uint64_t days = DAYS_DEFAULT;

	TRY(number(c, "days", DAYS_MAX, &days));
	h->not_before = clock_now(&clock_system);
	if (from != NULL && !rc_is_ok(time_parse(view_str(from), &h->not_before)))
		return cli_problem(c, RC_USAGE, "", "--from %s: a time like 2026-11-23T09:00:00Z",
				   from);
	h->not_after = h->not_before + (unix_time)days * DAY;
	return OK;
}

/* What stays the same from one list to the next. */
static rc take_former(struct cli *c, struct list_header *h)
{
	AUTO(list_input) struct list_input in = {0};
	const char *path = args_value(c->args, "after");

	h->serial = 1;
	if (path == NULL)
		return OK;
	TRY(list_input_open(c, path, &in));
	if (!in.is_list)
		return cli_problem(c, RC_USAGE, "", "--after %s: not a list", path);
	*h = in.list.header;
	h->serial++;
	return OK;
}

static rc take_header(struct cli *c, struct list_header *h)
{
	const char *name = args_value(c->args, "name");
	const char *origin = args_value(c->args, "origin");

	TRY(take_former(c, h));
	if (name != NULL && !rc_is_ok(name_parse(view_str(name), &h->name)))
		return cli_problem(c, RC_USAGE, "", "--name %s: a-z 0-9 . _ - only", name);
	if (h->name.s[0] == '\0')
		return cli_problem(c, RC_USAGE, "--name NAME", "the list has no name");
	if (origin == NULL && h->origin[0] == '\0') {
		TRY(cli_config(c));
		origin = c->config.origin;
	}
	if (origin != NULL) {
		if (strlen(origin) > ORIGIN_MAX)
			return cli_problem(c, RC_USAGE, "", "--origin: at most %d characters",
					   ORIGIN_MAX);
		(void)snprintf(h->origin, sizeof(h->origin), "%s", origin);
	}
	TRY(number(c, "serial", JCAN_NUMBER_MAX, &h->serial));
	TRY(take_groups(c, h));
	return take_times(c, h);
}

/* ---- The records ------------------------------------------------------------------------------*/

/* With --release the index must be the vendor's. */
static rc check_vendor(struct cli *c, const struct args *a)
{
	const struct vendor v = {.release = args_value(a, "release"),
				 .keyring = args_value(a, "keyring"),
				 .index = args_value(a, "index"),
				 .now = clock_now(&clock_system)};

	if ((v.release == NULL) != (v.keyring == NULL))
		return cli_problem(c, RC_USAGE, "", "--release and --keyring go together");
	return v.release == NULL ? OK : vendor_check(c, &v);
}

/* One PATH of the command line: as it is, or only if a vendor has signed it. */
static rc gather_word(const struct args *a, struct gather *g, const char *path)
{
	const char *roots = args_value(a, "roots");
	const char *keyring = args_value(a, "keyring");

	if (roots != NULL)
		return vendor_image(g, path, roots);
	if (keyring != NULL && args_value(a, "release") == NULL)
		return vendor_signed_file(g, path, keyring);
	return gather_path(g, path);
}

static rc gather_all(struct cli *c, const struct args *a, struct gather *g)
{
	const char *index = args_value(a, "index");
	const char *pool = args_value(a, "pool");
	const char *key;

	if ((index == NULL) != (pool == NULL))
		return cli_problem(c, RC_USAGE, "", "--index and --pool go together");
	for (int i = 0; i < a->word_count; i++)
		TRY(gather_word(a, g, a->words[i]));
	for (size_t i = 0; (key = args_nth(a, "signed-with", i)) != NULL; i++)
		TRY(gather_signed(g, key));
	if (args_has(a, "dpkg"))
		TRY(gather_dpkg(g));
	if (args_has(a, "rpm"))
		TRY(gather_rpmdb(g));
	if (index == NULL)
		return OK;
	TRY(check_vendor(c, a));
	return gather_index(g, index, pool);
}

/* An rpm is approved by its archive and by its header: two items, of which one's path is the
 * other's with GATHER_HEADER behind it. */
static bool is_half_of(const struct gathered *a, const struct gathered *b)
{
	size_t n = strlen(a->path);

	return ((a->classes & b->classes) & LIST_ARCHIVE) != 0 &&
	       strcmp(a->package, b->package) == 0 && strncmp(a->path, b->path, n) == 0 &&
	       strcmp(b->path + n, GATHER_HEADER) == 0;
}

/* Whoever takes one back means both. */
static rc revoke_halves(struct gather *g, const struct digest *d)
{
	size_t count = g->count;

	for (size_t k = 0; k < count; k++)
		for (size_t m = 0; digest_is_equal(&g->items[k].digest, d) && m < count; m++)
			if (is_half_of(&g->items[k], &g->items[m]) ||
			    is_half_of(&g->items[m], &g->items[k])) {
				struct digest other = g->items[m].digest;

				TRY(gather_add(g, &other, LIST_REVOKED, NULL, NULL));
			}
	return OK;
}

static rc revoke(struct cli *c, struct gather *g)
{
	const char *text;

	for (size_t i = 0; (text = args_nth(c->args, "revoke", i)) != NULL; i++) {
		struct digest d;
		const char *path = NULL;

		if (!rc_is_ok(digest_parse(view_str(text), &d)))
			return cli_problem(c, RC_USAGE, "", "--revoke %s: a SHA-256 in hex", text);
		for (size_t k = 0; k < g->count && path == NULL; k++)
			if (digest_is_equal(&g->items[k].digest, &d))
				path = g->items[k].path;
		TRY(revoke_halves(g, &d));
		TRY(gather_add(g, &d, LIST_REVOKED, NULL, path));
	}
	return OK;
}

static rc mark(struct cli *c, struct gather *g)
{
	const char *path;

	gather_interpreters(g);
	for (size_t i = 0; (path = args_nth(c->args, "interpreter", i)) != NULL; i++)
		TRY(gather_mark(g, path, LIST_INTERPRETER));
	for (size_t i = 0; (path = args_nth(c->args, "producer", i)) != NULL; i++)
		TRY(gather_mark(g, path, LIST_PRODUCER));
	return revoke(c, g);
}

static void forget_names(struct content *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		records[i].package = records[i].path = NULL;
}

static rc write_list(struct cli *c, const struct list_header *h, const struct gather *g,
		     size_t *ret_count)
{
	const char *path = args_value(c->args, "output");
	AUTO(buf) struct buf out = {0};
	struct content *records;
	struct fault f = {0};
	struct list l;
	rc r;

	buf_init(&out, CONTENTS_BYTES_MAX);
	TRY(gather_records(g, &records));
	if (args_has(c->args, "no-names"))
		forget_names(records, g->count);
	r = list_encode(h, records, g->count, &out, &f);
	free(records);
	if (rc_is_ok(r))
		r = list_open(buf_view(&out), &l, &f);
	if (!rc_is_ok(r))
		return cli_fault(c, r, &f);
	*ret_count = l.contents.count;
	return write_out(c, path, &out);
}

rc cmd_list_build(struct cli *c, const struct args *a)
{
	const char *root = args_value(a, "root");
	AUTO(gather) struct gather g = {.c = c, .root = "", .expanded = args_has(a, "expanded")};
	AUTO(json) json_t *answer = NULL;
	struct list_header h = {0};
	size_t count = 0;

	if (args_value(a, "output") == NULL)
		return cli_problem(c, RC_USAGE, "--output FILE (-o)", "where is the list to go?");
	if (root != NULL && strcmp(root, "/") != 0)
		g.root = root;
	TRY(take_header(c, &h));
	TRY(gather_all(c, a, &g));
	if (g.count == 0)
		return cli_problem(c, RC_NOTFOUND, "",
				   "nothing that runs was found in %zu files: an empty list would "
				   "stop every host",
				   g.files);
	TRY(mark(c, &g));
	TRY(write_list(c, &h, &g, &count));
	answer = json_pack("{s:s,s:I,s:I,s:I}", "output", args_value(a, "output"), "serial",
			   (json_int_t)h.serial, "count", (json_int_t)count, "files",
			   (json_int_t)g.files);
	if (!cli_print_json(c, answer))
		(void)printf("%s: serial %llu, %zu contents of %zu files\n",
			     args_value(a, "output"), (unsigned long long)h.serial, count, g.files);
	return OK;
}

rc cmd_list_from_vendor(struct cli *c, const struct args *a)
{
	static const char *const needed[] = {"release", "keyring", "index", "pool"};

	bool files = args_value(a, "release") == NULL && args_value(a, "index") == NULL &&
		     a->word_count > 0;

	if (files && (args_value(a, "roots") != NULL || args_value(a, "keyring") != NULL))
		return cmd_list_build(c, a);
	if (args_value(a, "roots") != NULL)
		return cli_problem(c, RC_USAGE, "", "--roots is for PE images that are named");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (args_value(a, needed[i]) == NULL)
			return cli_problem(c, RC_USAGE,
					   "all of --release, --keyring, --index and --pool; or "
					   "files with their signatures, and --keyring or --roots",
					   "--%s is missing", needed[i]);
	return cmd_list_build(c, a);
}

/* ---- record -----------------------------------------------------------------------------------*/

rc list_record_of(struct cli *c, const char *package, struct package_record_header *ret,
		  struct buf *out)
{
	AUTO(gather)
	struct gather g = {.c = c, .root = "", .expanded = args_has(c->args, "expanded")};
	struct content *records;
	struct fault f = {0};
	rc r;

	TRY(gather_package_record(&g, package, ret));
	TRY(gather_records(&g, &records));
	/* The header says which package; repeated in each record it would be noise. */
	for (size_t i = 0; i < g.count; i++)
		records[i].package = NULL;
	r = package_record_encode(ret, records, g.count, out, &f);
	free(records);
	if (!rc_is_ok(r))
		return cli_problem(c, r.code, "", "%s: %s", package, f.text);
	return OK;
}

static rc write_record(struct cli *c, const char *package, const char *dir)
{
	struct package_record_header h;
	AUTO(buf) struct buf out = {0};
	char path[PATH_MAX];
	const char *slash = strrchr(package, '/');

	buf_init(&out, CONTENTS_BYTES_MAX);
	TRY(list_record_of(c, package, &h, &out));
	(void)snprintf(path, sizeof(path), "%s%s%s.record", dir == NULL ? "" : dir,
		       dir == NULL ? "" : "/", slash == NULL ? package : slash + 1);
	TRY(write_out(c, path, &out));
	if (!c->json)
		(void)printf("%s: %s %s %s\n", path, h.name, h.version, h.architecture);
	return OK;
}

rc cmd_list_record(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *answer = json_object();

	for (int i = 0; i < a->word_count; i++)
		TRY(write_record(c, a->words[i], args_value(a, "output")));
	(void)json_object_set_new(answer, "records", json_integer(a->word_count));
	(void)cli_print_json(c, answer);
	return OK;
}
