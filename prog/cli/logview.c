#include "prog/cli/logview.h"

#include <string.h>
#include <time.h>

#include "lib/tlog/fsck.h"
#include "lib/tlog/proof_file.h"
#include "prog/cli/api.h"
#include "prog/cli/config.h"

/* Cuts a full file down to the width that was asked for. */
static rc cut(const struct tile_id *id, struct buf *out, struct fault *f)
{
	struct view rest = buf_view(out);
	struct view entry;

	if (id->level != TILE_ENTRIES) {
		if (out->len < (size_t)id->width * DIGEST_SIZE)
			return fault_set(f, RC_CORRUPT, 0, "a tile is shorter than its width");
		out->len = (size_t)id->width * DIGEST_SIZE;
		return OK;
	}
	for (unsigned i = 0; i < id->width; i++)
		if (!rc_is_ok(bundle_next(&rest, &entry)))
			return fault_set(f, RC_CORRUPT, 0,
					 "an entry bundle is shorter than its width");
	out->len -= rest.len;
	return OK;
}

static rc read_tile(void *ctx, const struct tile_id *id, struct buf *out, struct fault *f)
{
	struct cli *c = ctx;
	struct tile_id full = *id;
	char path[TILE_PATH];
	rc r;

	buf_clear(out);
	tile_path(id, path);
	r = api_bytes(c, true, out, "/v1/log/%s", path);
	if (r.code == RC_NOTFOUND && id->width < TILE_WIDTH) {
		full.width = TILE_WIDTH;
		tile_path(&full, path);
		buf_clear(out);
		r = api_bytes(c, true, out, "/v1/log/%s", path);
		if (rc_is_ok(r))
			return cut(id, out, f);
	}
	return rc_is_ok(r) ? r : fault_set(f, r.code, 0, "%s: %s", path, c->problem.text);
}

struct tile_reader logview_reader(struct cli *c)
{
	return (struct tile_reader){.read = read_tile, .ctx = c};
}

rc logview_vkey(struct cli *c, struct vkey *ret)
{
	struct fault f = {0};

	TRY(cli_config(c));
	CLI_TRY(c, &f, vkey_parse(view_str(c->config.vkey), ret, &f));
	return OK;
}

/* What this client has seen before; size 0 if nothing. */
static rc remembered(struct cli *c, const struct vkey *vkey, struct tree_head *ret)
{
	AUTO(buf) struct buf note = {0};
	struct checkpoint seen;
	struct fault f = {0};
	rc r;

	buf_init(&note, CHECKPOINT_MAX);
	*ret = (struct tree_head){.root = tree_empty_root()};
	r = config_checkpoint_load(&c->config, &note, &f);
	if (r.code == RC_NOTFOUND)
		return OK;
	CLI_TRY(c, &f, r);
	CLI_TRY(c, &f, checkpoint_open(buf_view(&note), vkey, &seen, &f));
	*ret = seen.head;
	return OK;
}

#define CALL_SECURITY "keep the file with the remembered checkpoint and call the security team"

rc logview_follow(struct cli *c, struct checkpoint *ret, struct buf *note)
{
	AUTO(buf) struct buf fetched = {0};
	const struct tile_reader reader = logview_reader(c);
	struct tree_head older;
	struct fault f = {0};
	struct vkey vkey;
	rc r;

	buf_init(&fetched, CHECKPOINT_MAX);
	TRY(logview_vkey(c, &vkey));
	TRY(remembered(c, &vkey, &older));
	TRY(api_bytes(c, true, &fetched, "/v1/log/checkpoint"));
	r = log_follow(&reader, buf_view(&fetched), &vkey, &older, ret, &f);
	if (r.code == RC_MISMATCH || r.code == RC_RANGE || r.code == RC_BADSIG)
		return cli_problem(c, RC_MISMATCH, CALL_SECURITY,
				   "the log is not an extension of what this client has seen: %s",
				   f.text);
	CLI_TRY(c, &f, r);
	if (ret->head.size > older.size)
		CLI_TRY(c, &f, config_checkpoint_save(&c->config, buf_view(&fetched), &f));
	if (note != NULL)
		buf_put_view(note, buf_view(&fetched));
	return OK;
}

/* Under load the files of the log follow what the keeper has released after a moment. A log that
 * did not grow in that time is not waited for again until it does: a check of many receipts would
 * wait for each. */
#define COVER_TRIES 40
#define COVER_NS 50000000

static rc follow_to(struct cli *c, uint64_t index, struct checkpoint *ret, struct buf *note)
{
	for (unsigned i = 0; i < COVER_TRIES; i++) {
		const struct timespec pause = {.tv_nsec = COVER_NS};

		buf_clear(note);
		TRY(logview_follow(c, ret, note));
		if (ret->head.size > index)
			return OK;
		if (ret->head.size == c->log_still)
			break;
		(void)nanosleep(&pause, NULL);
	}
	c->log_still = ret->head.size;
	return cli_problem(c, RC_BUSY, "try again",
			   "the log's checkpoint does not cover entry %llu",
			   (unsigned long long)index);
}

rc logview_holds(struct cli *c, const struct checkpoint *older)
{
	AUTO(buf) struct buf note = {0};
	const struct tile_reader reader = logview_reader(c);
	struct checkpoint head;
	struct fault f = {0};
	struct vkey vkey;
	rc r;

	buf_init(&note, CHECKPOINT_MAX);
	TRY(logview_vkey(c, &vkey));
	r = older->head.size > 0 ? follow_to(c, older->head.size - 1, &head, &note) : OK;
	if (r.code == RC_BUSY)
		return cli_problem(c, RC_MISMATCH, CALL_SECURITY,
				   "the log is smaller than the receipt's: it has no entry %llu",
				   (unsigned long long)older->head.size - 1);
	TRY(r);
	r = log_follow(&reader, buf_view(&note), &vkey, &older->head, &head, &f);
	if (r.code == RC_MISMATCH || r.code == RC_RANGE || r.code == RC_BADSIG)
		return cli_problem(c, RC_MISMATCH, CALL_SECURITY,
				   "the log is not an extension of the receipt's: %s", f.text);
	CLI_TRY(c, &f, r);
	return OK;
}

rc logview_entry(struct cli *c, uint64_t index, struct buf *entry, struct buf *proof)
{
	AUTO(buf) struct buf note = {0};
	AUTO(tile_nodes) struct tile_nodes nodes = {0};
	const struct tile_reader reader = logview_reader(c);
	struct proof_file file = {.index = index};
	struct tree_reader tree;
	struct checkpoint head;
	struct fault f = {0};
	struct vkey vkey;

	buf_init(&note, CHECKPOINT_MAX);
	TRY(logview_vkey(c, &vkey));
	TRY(follow_to(c, index, &head, &note));
	CLI_TRY(c, &f, tile_entry(&reader, head.head.size, index, entry, &f));
	tile_nodes_init(&nodes, &reader, head.head.size);
	tree = tile_nodes_reader(&nodes);
	CLI_TRY(c, &f, tree_prove_inclusion(&tree, head.head.size, index, &file.proof, &f));
	file.note = buf_view(&note);
	CLI_TRY(c, &f, proof_file_verify(&file, buf_view(entry), &vkey, NULL, &f));
	proof_file_put(&file, proof);
	return rc_is_ok(buf_done(proof)) ? OK
					 : cli_problem(c, RC_LIMIT, "", "the proof is too large");
}
