/* info - health, what the server is, documents and statements, the log's files. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/tlog/tile.h"
#include "prog/server/routes.h"

rc call_hello(struct call_ctx *c, struct keeper_hello *ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 64);
	keeper_put_hello_request(&frame, id);
	TRY(call_keeper(c, id, &frame, KEEPER_R_HELLO, KEEPER_R_HELLO, &reply));
	if (!rc_is_ok(keeper_get_hello(buf_view(&reply.body), ret)))
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's hello cannot be read");
	return OK;
}

rc get_healthz(struct call_ctx *c)
{
	return call_json(c, 200, json_pack("{s:b}", "ok", 1));
}

rc get_readyz(struct call_ctx *c)
{
	struct keeper_hello h;

	TRY(call_hello(c, &h));
	return call_json(c, 200, json_pack("{s:b,s:s}", "ok", 1, "origin", h.origin));
}

static json_t *document_json(uint64_t version, const struct digest *digest)
{
	char hex[DIGEST_HEX];

	digest_hex(digest, hex);
	return json_pack("{s:I,s:s}", "version", (json_int_t)version, "digest", hex);
}

rc get_info(struct call_ctx *c)
{
	struct keeper_hello h;
	char now[TIME_TEXT] = "";

	TRY(call_hello(c, &h));
	TRY(time_format(h.now, now));
	return call_json(c, 200,
			 json_pack("{s:s,s:s,s:i,s:s,s:s,s:I,s:o,s:o}", "origin", h.origin, "vkey",
				   h.vkey, "protocol", KEEPER_PROTOCOL, "version", GS_VERSION,
				   "now", now, "log_size", (json_int_t)h.log_size, "policy",
				   document_json(h.policy_version, &h.policy), "roster",
				   document_json(h.roster_version, &h.roster)));
}

/* The directory may be made after us. */
int server_log_fd(struct server *s)
{
	int fd;

	(void)pthread_mutex_lock(&s->lock);
	if (s->public_fd < 0)
		rc_ignore(dir_open(s->conf.public_log, &s->public_fd, NULL),
			  "asked again next time");
	fd = s->public_fd;
	(void)pthread_mutex_unlock(&s->lock);
	return fd;
}

/* "checkpoint" or a tile's path, and nothing else, whatever the directory holds. */
static bool is_log_path(struct view path)
{
	struct tile_id id;

	return view_is(path, "checkpoint") || rc_is_ok(tile_path_parse(path, &id));
}

/* The proof that entry index is in the tree of that size (0: the newest checkpoint). */
rc get_log_proof(struct call_ctx *c)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	uint64_t index;
	uint64_t size;

	TRY(call_number(c, "index", UINT64_MAX >> 1, UINT64_MAX, &index));
	TRY(call_number(c, "size", UINT64_MAX >> 1, 0, &size));
	if (index == UINT64_MAX)
		return call_refuse(c, REASON_CALL_FORM, "index is missing");
	buf_init(&frame, 128);
	keeper_put_proof_request(&frame, id, index, size);
	TRY(call_keeper(c, id, &frame, KEEPER_R_PROOF, KEEPER_R_PROOF, &reply));
	buf_put_view(&c->out, buf_view(&reply.body));
	c->status = 200;
	c->content_type = "text/plain; charset=utf-8";
	return buf_done(&c->out);
}

rc get_log_file(struct call_ctx *c)
{
	static const char prefix[] = "/v1/log/";
	struct view path = c->target.path;
	char name[TILE_PATH];

	if (path.len <= sizeof(prefix) - 1 || path.len - (sizeof(prefix) - 1) >= sizeof(name))
		return call_refuse(c, REASON_CALL_NOTFOUND, "there is no such file in the log");
	path = view_of(path.ptr + sizeof(prefix) - 1, path.len - (sizeof(prefix) - 1));
	if (!is_log_path(path))
		return call_refuse(c, REASON_CALL_NOTFOUND, "there is no such file in the log");
	memcpy(name, path.ptr, path.len);
	name[path.len] = '\0';
	c->file = openat(server_log_fd(c->server), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (c->file < 0)
		return call_refuse(c, REASON_CALL_NOTFOUND, "there is no such file in the log");
	c->has_file = true;
	c->status = 200;
	c->content_type = view_is(path, "checkpoint") ? "text/plain; charset=utf-8"
						      : "application/octet-stream";
	return fd_size(c->file, &c->file_size, NULL);
}

static rc answer_document(struct call_ctx *c, const struct keeper_document *doc)
{
	json_t *sigs = json_array();
	json_t *root;

	for (size_t i = 0; i < doc->sig_count; i++)
		(void)json_array_append_new(sigs, json_base64(doc->sigs[i]));
	root = json_pack("{s:s,s:o,s:o,s:I}", "kind", statement_info(doc->kind)->name, "statement",
			 json_base64(doc->statement), "signatures", sigs, "leaf",
			 (json_int_t)doc->leaf);
	if (doc->kind == STATEMENT_POLICY || doc->kind == STATEMENT_ROSTER ||
	    doc->kind == STATEMENT_RECOVERY) {
		struct document_change change;
		json_t *document = NULL;
		char hex[DIGEST_HEX];

		TRY(document_change_parse(doc->kind, doc->statement, &change, NULL));
		TRY(call_parse(c, change.document, &document));
		digest_hex(&change.digest, hex);
		(void)json_object_set_new(root, "digest", json_string(hex));
		(void)json_object_set(root, "version", json_object_get(document, "version"));
		(void)json_object_set_new(root, "document", document);
	}
	return call_json(c, 200, root);
}

static rc by_digest(struct call_ctx *c, const struct digest *d)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	struct keeper_document doc;

	buf_init(&frame, 128);
	keeper_put_digest(&frame, id, KEEPER_STATEMENT, d);
	TRY(call_keeper(c, id, &frame, KEEPER_R_DOCUMENT, KEEPER_R_DOCUMENT, &reply));
	if (!rc_is_ok(keeper_get_document(buf_view(&reply.body), &doc)))
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "the keeper's statement cannot be read");
	return answer_document(c, &doc);
}

rc get_statement(struct call_ctx *c)
{
	struct digest d;

	TRY(call_digest(c, 2, &d));
	return by_digest(c, &d);
}

/* The document in force, or with ?digest= the one that was. */
static rc document(struct call_ctx *c, enum statement_kind kind)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	struct view named = http_target_param(&c->target, "digest");
	struct document_change change;
	struct keeper_document doc;
	struct digest d;

	buf_init(&frame, 64);
	if (named.ptr != NULL && !rc_is_ok(digest_parse(named, &d)))
		return call_refuse(c, REASON_CALL_FORM, "digest must be 64 hex digits");
	keeper_put_document_request(&frame, id, kind);
	TRY(call_keeper(c, id, &frame, KEEPER_R_DOCUMENT, KEEPER_R_DOCUMENT, &reply));
	if (!rc_is_ok(keeper_get_document(buf_view(&reply.body), &doc)) ||
	    !rc_is_ok(document_source_parse(kind, doc.statement, &change, NULL)))
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "the keeper's document cannot be read");
	if (named.ptr == NULL || digest_is_equal(&d, &change.digest))
		return answer_document(c, &doc);
	return by_digest(c, &d);
}

rc get_policy(struct call_ctx *c)
{
	return document(c, STATEMENT_POLICY);
}

rc get_roster(struct call_ctx *c)
{
	return document(c, STATEMENT_ROSTER);
}
