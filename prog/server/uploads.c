#include "prog/server/uploads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "prog/server/room.h"
#include "prog/server/routes.h"
#include "prog/server/upload_sink.h"

struct upload_write {
	struct room_upload file;
	uint64_t start; /* where this call began */
	uint64_t at;
	int fd; /* the part, locked */
	struct upload_sink *sink;
};

rc uploads_setup(struct server *s, struct fault *f)
{
	static const char *const dirs[] = {"artifacts", "reports", "signed"};

	/* Said here, by name: SQLite only says that it cannot open its file. */
	if (faccessat(s->data_fd, ".", W_OK, 0) != 0)
		return fault_errno(f, errno, "%s", s->conf.data);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdirat(s->data_fd, dirs[i], 0700) != 0 && errno != EEXIST)
			return fault_errno(f, errno, "%s/%s", s->conf.data, dirs[i]);
	return OK;
}

rc artifact_open(const struct server *s, const struct digest *sha256, int *ret_fd,
		 uint64_t *ret_size)
{
	char path[ROOM_PATH];
	int fd;

	room_path(sha256, "", path);
	fd = openat(s->data_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return RC(errno == ENOENT ? RC_NOTFOUND : RC_IO);
	if (!rc_is_ok(fd_size(fd, ret_size, NULL))) {
		fd_close(&fd);
		return RC(RC_IO);
	}
	*ret_fd = fd;
	return OK;
}

/* How much of it this person has sent; *ret_complete if all of it is here. */
static uint64_t bytes_here(const struct call_ctx *c, const struct digest *d, bool *ret_complete)
{
	const struct digest part = room_part(d, &c->person);
	const struct server *s = c->server;
	char path[ROOM_PATH];
	struct stat st;

	room_path(d, "", path);
	*ret_complete = fstatat(s->data_fd, path, &st, 0) == 0;
	if (*ret_complete)
		return (uint64_t)st.st_size;
	room_path(&part, ".part", path);
	return fstatat(s->data_fd, path, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

static rc answer_state(struct call_ctx *c, unsigned status, const struct digest *d)
{
	char hex[DIGEST_HEX];
	bool complete;
	uint64_t offset = bytes_here(c, d, &complete);

	digest_hex(d, hex);
	return call_json(c, status,
			 json_pack("{s:s,s:I,s:b}", "sha256", hex, "offset", (json_int_t)offset,
				   "complete", (int)complete));
}

rc post_upload(struct call_ctx *c)
{
	AUTO(json) json_t *body = NULL;
	struct store_upload want;
	struct digest d;
	json_int_t size;
	struct fault f = {0};
	rc r;

	TRY(call_body(c, &body));
	size = json_integer_value(json_object_get(body, "size"));
	if (!json_is_integer(json_object_get(body, "size")) || size < 0 ||
	    !rc_is_ok(digest_parse(
		    view_str(json_string_value(json_object_get(body, "sha256")) == NULL
				     ? ""
				     : json_string_value(json_object_get(body, "sha256"))),
		    &d)))
		return call_refuse(c, REASON_CALL_FORM, "sha256 and size are needed");
	if ((uint64_t)size > c->server->conf.upload_max)
		return call_refuse(c, REASON_FORM_LIMIT, "a file may have %llu bytes",
				   (unsigned long long)c->server->conf.upload_max);
	want = (struct store_upload){.sha256 = d,
				     .size = (uint64_t)size,
				     .created = clock_now(&clock_system),
				     .touched = clock_now(&clock_system),
				     .owner = c->person};
	r = room_announce(c->server, &want, &f);
	if (r.code == RC_MISMATCH)
		return call_refuse(c, REASON_ARTIFACT_DIGEST,
				   "this digest was announced with another size");
	if (r.code == RC_NOSPACE)
		return call_refuse(c, REASON_CALL_QUOTA, "%s", f.text);
	if (!rc_is_ok(r))
		return call_refuse(c, REASON_CALL_LIMIT, "the store: %s", f.text);
	return answer_state(c, 200, &d);
}

rc get_upload(struct call_ctx *c)
{
	struct digest d;

	TRY(call_digest(c, 2, &d));
	return answer_state(c, 200, &d);
}

static rc open_part(struct call_ctx *c, struct upload_write *u)
{
	struct sink_spec spec = {.at = u->at, .size = u->file.size, .running = &c->server->sinks};
	struct fault f = {0};
	uint64_t here;
	rc r = room_write(c->server, &u->file, &u->fd, &f);

	if (r.code == RC_BUSY)
		return call_refuse(c, REASON_CALL_LIMIT,
				   "this file is being uploaded by another call");
	if (r.code == RC_STATE)
		TRY(answer_state(c, 200, &u->file.sha256));
	else if (!rc_is_ok(r))
		return call_refuse(c, REASON_CALL_LIMIT, "%s", f.text);
	TRY(r);
	TRY(fd_size(u->fd, &here, NULL));
	if (here != u->at) {
		TRY(answer_state(c, 409, &u->file.sha256));
		return RC(RC_STATE);
	}
	spec.fd = u->fd;
	r = upload_sink_new(&spec, &u->sink, &f);
	return rc_is_ok(r) ? OK
			   : call_refuse(c, REASON_CALL_LIMIT, "the server's disk: %s", f.text);
}

rc upload_begin(struct call_ctx *c)
{
	struct store_upload row;
	struct upload_write *u;
	struct digest d, part;
	uint64_t offset;
	bool complete;

	TRY(call_digest(c, 2, &d));
	TRY(call_number(c, "offset", UINT64_MAX >> 1, 0, &offset));
	part = room_part(&d, &c->person);
	(void)bytes_here(c, &d, &complete);
	if (!complete &&
	    !rc_is_ok(c->server->store->api->upload_get(c->server->store, &part, &row, NULL)))
		return call_refuse(c, REASON_CALL_NOTFOUND, "%s: announce the upload first",
				   c->person.s);
	if (complete || offset > row.size) {
		TRY(answer_state(c, complete ? 200 : 409, &d));
		return RC(RC_STATE);
	}
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return RC(RC_NOMEM);
	if (http_body_size(c->exchange) != UINT64_MAX &&
	    http_body_size(c->exchange) > row.size - offset) {
		free(u);
		return call_refuse(c, REASON_FORM_LIMIT, "more bytes than were announced");
	}
	*u = (struct upload_write){
		.file = {d, part, row.size}, .start = offset, .at = offset, .fd = -1};
	c->upload = u;
	return open_part(c, u);
}

static void sink_end(struct upload_write *u)
{
	upload_sink_free(u->sink);
	u->sink = NULL;
}

rc upload_data(struct call_ctx *c, struct view piece)
{
	struct upload_write *u = c->upload;
	struct fault f = {0};

	if (u == NULL || piece.len > u->file.size - u->at) {
		/* A chunked body that does not end: nothing of it is the file. */
		if (u != NULL)
			sink_end(u);
		if (u != NULL && ftruncate(u->fd, (off_t)u->start) != 0)
			log_warn("an upload keeps bytes it should not: %s", strerror(errno));
		return call_refuse(c, REASON_FORM_LIMIT, "more bytes than were announced");
	}
	if (!rc_is_ok(upload_sink_put(u->sink, piece, &f)))
		return call_refuse(c, REASON_CALL_LIMIT, "the server's disk: %s", f.text);
	u->at += piece.len;
	return OK;
}

/* All bytes are here: right digest, durable, under its name. */
static rc finish(struct call_ctx *c, struct upload_write *u)
{
	char part[ROOM_PATH];
	struct hash sum = {0};
	struct fault f = {0};

	room_path(&u->file.part, ".part", part);
	if (!rc_is_ok(upload_sink_finish(u->sink, &sum, &f)))
		return call_refuse(c, REASON_CALL_LIMIT, "the server's disk: %s", f.text);
	if (memcmp(sum.b, u->file.sha256.b, DIGEST_SIZE) != 0) {
		(void)unlinkat(c->server->data_fd, part, 0);
		return call_refuse(c, REASON_ARTIFACT_DIGEST,
				   "the bytes have another SHA-256; discarded");
	}
	if (fdatasync(u->fd) != 0)
		return call_refuse(c, REASON_CALL_LIMIT, "the server's disk: %s", strerror(errno));
	if (!rc_is_ok(room_complete(c->server, &u->file, &f)))
		return call_refuse(c, REASON_CALL_LIMIT, "%s", f.text);
	return OK;
}

rc patch_upload(struct call_ctx *c)
{
	const struct digest d = c->upload->file.sha256;

	if (c->upload->at == c->upload->file.size)
		TRY(finish(c, c->upload));
	/* The part is free before the answer is there: who has it may send the next piece. */
	upload_abandon(c);
	return answer_state(c, 200, &d);
}

void upload_abandon(struct call_ctx *c)
{
	if (c->upload == NULL)
		return;
	sink_end(c->upload);
	fd_close(&c->upload->fd);
	free(c->upload);
	c->upload = NULL;
}
