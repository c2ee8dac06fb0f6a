/* log - the auditor's commands: follow the log, check all of it, prove one entry. */
#include "prog/cli/log.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/tlog/fsck.h"
#include "lib/tlog/proof_file.h"
#include "lib/tlog/tile_dir.h"
#include "prog/cli/api.h"
#include "prog/cli/logview.h"

rc cmd_log_checkpoint(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *value = NULL;
	AUTO(buf) struct buf note = {0};
	struct checkpoint head;
	char root[DIGEST_HEX];

	(void)a;
	buf_init(&note, CHECKPOINT_MAX);
	TRY(logview_follow(c, &head, &note));
	digest_hex(&head.head.root, root);
	value = json_pack("{s:s,s:I,s:s,s:s%}", "origin", head.origin, "size",
			  (json_int_t)head.head.size, "root", root, "note", (const char *)note.ptr,
			  note.len);
	if (!cli_print_json(c, value))
		(void)printf("%s: %" PRIu64 " entries, root %s\n"
			     "signed by the log's key; an extension of all this client has seen\n",
			     head.origin, head.head.size, root);
	return OK;
}

/* Counts entries by kind; every one must be a leaf that we can read. */
struct tally {
	uint64_t count[LEAF__COUNT];
	uint64_t authorised; /* entries whose authorize index does not lie before them */
};

static rc count_entry(void *ctx, uint64_t index, struct view entry, struct fault *f)
{
	struct tally *t = ctx;
	struct leaf leaf;
	rc r = leaf_parse(entry, &leaf, f);

	if (!rc_is_ok(r))
		return fault_wrap(f, r, "entry %" PRIu64, index);
	if (leaf.kind == LEAF_ISSUE && leaf.authorize >= index)
		return fault_set(f, RC_CORRUPT, index,
				 "entry %" PRIu64 " was issued before it was authorised", index);
	t->count[leaf.kind]++;
	return OK;
}

static rc print_tally(struct cli *c, const struct fsck_report *report, const struct tally *t)
{
	AUTO(json) json_t *kinds = json_object();
	AUTO(json) json_t *value = NULL;

	for (int k = 0; k < LEAF__COUNT; k++)
		(void)json_object_set_new(kinds, leaf_kind_name((enum leaf_kind)k),
					  json_integer((json_int_t)t->count[k]));
	value = json_pack("{s:s,s:I,s:I,s:I,s:O}", "origin", report->checkpoint.origin, "size",
			  (json_int_t)report->checkpoint.head.size, "tiles",
			  (json_int_t)report->tiles, "bundles", (json_int_t)report->bundles,
			  "entries", kinds);
	if (cli_print_json(c, value))
		return OK;
	(void)printf("%s: %" PRIu64 " entries, %" PRIu64 " tiles and %" PRIu64
		     " bundles recomputed: the log is whole\n",
		     report->checkpoint.origin, report->checkpoint.head.size, report->tiles,
		     report->bundles);
	for (int k = 0; k < LEAF__COUNT; k++)
		if (t->count[k] > 0)
			(void)printf("  %-11s %" PRIu64 "\n", leaf_kind_name((enum leaf_kind)k),
				     t->count[k]);
	return OK;
}

static rc run_fsck(struct cli *c, struct fsck *check)
{
	struct fsck_report report;
	struct tally tally = {0};
	struct fault f = {0};
	rc r;

	check->entry = count_entry;
	check->ctx = &tally;
	r = fsck_run(check, &report, &f);
	if (!rc_is_ok(r))
		return cli_problem(c, RC_MISMATCH, "", "the log is NOT whole: %s", f.text);
	return print_tally(c, &report, &tally);
}

static rc chosen_vkey(struct cli *c, const struct args *a, struct vkey *ret)
{
	const char *text = args_value(a, "vkey");
	struct fault f = {0};

	if (text == NULL)
		return logview_vkey(c, ret);
	CLI_TRY(c, &f, vkey_parse(view_str(text), ret, &f));
	return OK;
}

rc cmd_log_fsck(struct cli *c, const struct args *a)
{
	AUTO(buf) struct buf note = {0};
	AUTO(fd) int dirfd = -1;
	struct vkey vkey;
	struct fsck check = {.log = &vkey};
	struct checkpoint head;
	struct fault f = {0};

	buf_init(&note, CHECKPOINT_MAX);
	TRY(chosen_vkey(c, a, &vkey));
	if (a->word_count == 1) {
		CLI_TRY(c, &f, dir_open(a->words[0], &dirfd, &f));
		CLI_TRY(c, &f, tile_dir_checkpoint(dirfd, &note, &f));
		check.reader = tile_dir_reader(&dirfd);
	} else {
		TRY(logview_follow(c, &head, &note));
		check.reader = logview_reader(c);
	}
	check.note = buf_view(&note);
	return run_fsck(c, &check);
}

rc cmd_log_entry(struct cli *c, const struct args *a)
{
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf proof = {0};
	AUTO(json) json_t *value = NULL;
	uint64_t index;

	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&proof, PROOF_FILE_MAX);
	if (!rc_is_ok(num_parse_u64(a->words[0], strlen(a->words[0]), TREE_SIZE_MAX, &index)))
		return cli_problem(c, RC_USAGE, "", "%s: an entry's index is a number",
				   a->words[0]);
	TRY(logview_entry(c, index, &entry, &proof));
	value = json_pack("{s:I,s:s%,s:s%}", "index", (json_int_t)index, "entry",
			  (const char *)entry.ptr, entry.len, "proof", (const char *)proof.ptr,
			  proof.len);
	if (!cli_print_json(c, value))
		(void)printf("%.*s\n\n%.*s", (int)entry.len, (const char *)entry.ptr,
			     (int)proof.len, (const char *)proof.ptr);
	return OK;
}
