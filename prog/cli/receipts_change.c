#include "prog/cli/receipts_change.h"

#include <string.h>

#include "lib/model/change.h"
#include "lib/model/leaf.h"
#include "lib/model/objection.h"
#include "lib/tlog/proof_file.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"
#include "prog/cli/logview.h"

static rc listed(struct cli *c, const struct receipt *r, const char **ret)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *change = NULL;
	AUTO(buf) struct buf statement = {0};
	char hex[DIGEST_HEX];
	rc e;

	digest_hex(&r->digest, hex);
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	e = api_json(c, &get, &change, "/v1/changes/%s", hex);
	if (e.code == RC_NOTFOUND) {
		*ret = "the server does not know the change";
		return OK;
	}
	TRY(e);
	TRY(json_get_base64(c, change, "statement", &statement));
	if (!view_is_equal(buf_view(&statement), buf_view(&r->statement)))
		*ret = "the server shows another change under its id";
	else if (strcmp(json_text(change, "state"), "pending") == 0)
		*ret = "the server shows it as if signatures were missing";
	else
		*ret = NULL;
	return OK;
}

/* ---- The log's word ------------------------------------------------------------------------*/

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text);

	return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

static bool stops(struct view entry, const struct digest *document)
{
	struct leaf leaf;

	return rc_is_ok(leaf_parse(entry, &leaf, NULL)) && leaf.kind == LEAF_ADMIN &&
	       digest_is_equal(&leaf.object, document) &&
	       (ends_with(leaf.action, ".objection") || ends_with(leaf.action, ".void"));
}

/* Entries of a bundle are the server's word: that which we look for is proved. */
static rc proved(struct cli *c, uint64_t index, const struct digest *document, bool *ret)
{
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf proof = {0};

	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&proof, PROOF_FILE_MAX);
	TRY(logview_entry(c, index, &entry, &proof));
	*ret = stops(buf_view(&entry), document);
	return OK;
}

/* Sets *ret if an entry of the bundle, after that index, stops the document. */
static rc search_bundle(struct cli *c, struct view rest, uint64_t index, uint64_t after,
			const struct digest *document, bool *ret)
{
	struct view entry;

	for (; rest.len > 0 && !*ret; index++) {
		if (!rc_is_ok(bundle_next(&rest, &entry)))
			return cli_problem(c, RC_PEER, "", "an entry bundle cannot be read");
		if (index > after && stops(entry, document))
			TRY(proved(c, index, document, ret));
	}
	return OK;
}

/* Whether the log says, after that entry, that the document was objected to or did not fit. */
static rc was_stopped(struct cli *c, uint64_t after, const struct digest *document, bool *ret)
{
	const struct tile_reader reader = logview_reader(c);
	AUTO(buf) struct buf bundle = {0};
	struct checkpoint head;
	struct fault f = {0};

	*ret = false;
	buf_init(&bundle, (size_t)TILE_WIDTH * (TILE_ENTRY_MAX + 2));
	TRY(logview_follow(c, &head, NULL));
	for (uint64_t at = after / TILE_WIDTH; at * TILE_WIDTH < head.head.size && !*ret; at++) {
		struct tile_id id = {TILE_ENTRIES, at, tile_width(0, at, head.head.size)};

		CLI_TRY(c, &f, reader.read(reader.ctx, &id, &bundle, &f));
		TRY(search_bundle(c, buf_view(&bundle), at * TILE_WIDTH, after, document, ret));
	}
	return OK;
}

/* ---- In force ------------------------------------------------------------------------------*/

/* Whether the change waits for its time, by what the server lists. */
static rc waits(struct cli *c, const struct digest *change, bool *ret)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *answer = NULL;
	char hex[DIGEST_HEX];
	const json_t *row;
	size_t i;

	digest_hex(change, hex);
	*ret = false;
	TRY(api_json(c, &get, &answer, "/v1/changes"));
	json_array_foreach(json_object_get(answer, "waiting"), i, row) *ret |=
		strcmp(json_text(row, "id"), hex) == 0;
	return OK;
}

static rc version_of(struct cli *c, struct view document, uint64_t *ret)
{
	AUTO(json)
	json_t *root = json_loadb((const char *)document.ptr, document.len, 0, NULL);

	*ret = (uint64_t)json_number(root, "version");
	return *ret > 0 ? OK
			: cli_problem(c, RC_CORRUPT, "", "the receipt's document has no version");
}

/* It is the document in force, or one before that. */
static rc came_into_force(struct cli *c, const struct document_change *d, bool *ret)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *now = NULL;
	struct digest digest;
	uint64_t version;
	uint64_t ours;

	TRY(version_of(c, d->document, &ours));
	TRY(api_json(c, &get, &now, "/v1/%s", d->kind == STATEMENT_POLICY ? "policy" : "roster"));
	TRY(json_get_digest(c, now, "digest", &digest));
	version = (uint64_t)json_number(now, "version");
	*ret = version > ours || (version == ours && digest_is_equal(&digest, &d->digest));
	return OK;
}

/* Asked for in this order: what comes into force in between is not missed. */
static rc document_flaw(struct cli *c, const struct receipt *r, const char **ret)
{
	struct document_change d;
	struct fault f = {0};
	bool waiting;
	bool good;

	CLI_TRY(c, &f, document_change_parse(r->kind, buf_view(&r->statement), &d, &f));
	TRY(waits(c, &r->digest, &waiting));
	TRY(came_into_force(c, &d, &good));
	*ret = NULL;
	if (good || (waiting && ends_with(r->action, ".accepted")))
		return OK;
	*ret = "the server shows another version in force than the log";
	if (!ends_with(r->action, ".accepted"))
		return OK;
	TRY(was_stopped(c, r->leaf, &d.digest, &good));
	*ret = good ? NULL
		    : "it is neither in force nor waiting, and the log has nothing that stopped it";
	return OK;
}

static rc objection_flaw(struct cli *c, const struct receipt *r, const char **ret)
{
	struct objection o;
	struct fault f = {0};
	bool waiting;

	CLI_TRY(c, &f, objection_parse(buf_view(&r->statement), &o, &f));
	TRY(waits(c, &o.change, &waiting));
	*ret = waiting ? "the server shows what was objected to as if it were to be in force"
		       : NULL;
	return OK;
}

rc receipts_change_flaw(struct cli *c, const struct receipt *r, const char **ret)
{
	TRY(listed(c, r, ret));
	if (*ret != NULL)
		return OK;
	if (r->kind == STATEMENT_OBJECTION)
		return objection_flaw(c, r, ret);
	if (r->kind == STATEMENT_POLICY || r->kind == STATEMENT_ROSTER ||
	    r->kind == STATEMENT_RECOVERY)
		return document_flaw(c, r, ret);
	return OK;
}
