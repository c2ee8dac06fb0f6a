#include "prog/cli/list_signed.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/file.h"
#include "lib/model/list.h"
#include "prog/cli/api.h"
#include "prog/cli/fetch.h"
#include "prog/cli/wish.h"

#define PAGE 200

/* A directory of our own, and all below it, removed at the end. */
struct room {
	char dir[PATH_MAX];
};

static void room_release(struct room *r)
{
	char *const paths[] = {r->dir, NULL};
	FTS *tree = r->dir[0] == '\0' ? NULL : fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;

	while (tree != NULL && (e = fts_read(tree)) != NULL)
		if (e->fts_info != FTS_D)
			(void)remove(e->fts_accpath);
	if (tree != NULL)
		(void)fts_close(tree);
	r->dir[0] = '\0';
}
AUTO_DEFINE(room, struct room, room_release)

/* The file as it was approved, for signatures that lie beside it. */
static rc fetch_artifact(struct cli *c, const struct wish *w, size_t at, const char *path)
{
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct digest sha256;

	if (fd < 0)
		return cli_problem(c, RC_IO, "", "%s: %s", path, strerror(errno));
	TRY(api_download(c, fd, &sha256, "/v1/requests/%s/items/%zu/artifact", w->id, at));
	return digest_is_equal(&sha256, &w->request.items[at].sha256)
		       ? OK
		       : cli_problem(c, RC_MISMATCH, "call the security team",
				     "request %.16s: the server gives out another file", w->id);
}

static rc gather_item(struct gather *g, const struct wish *w, size_t at, const char *dir)
{
	const struct request_item *item = &w->request.items[at];
	const struct format_file *format = format_file_find(view_str(item->format));
	char name[ITEM_NAME_MAX + 1];
	char path[PATH_MAX];

	TRY(request_item_name(item, name));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (format == NULL)
		return cli_problem(g->c, RC_UNSUPPORTED, "update this program", "format %s",
				   item->format);
	/* A list that was signed with the key approves itself. */
	if (strcmp(item->format, LIST_FORMAT) == 0)
		return OK;
	if (format->detached)
		TRY(fetch_artifact(g->c, w, at, path));
	return gather_path(g, path);
}

/* Proofs are fetched and verified for all of its files before one of them counts. */
static rc gather_request(struct gather *g, const char *id, const char *key, const char *room)
{
	AUTO(json) json_t *done = json_array();
	AUTO(wish) struct wish w = {0};
	char dir[PATH_MAX];
	struct fetch_order order = {.request = id, .use = 1, .output = dir};

	TRY(wish_fetch(g->c, id, &w));
	if (strcmp(w.request.key.s, key) != 0)
		return cli_problem(g->c, RC_MISMATCH, "call the security team",
				   "request %.16s is for key %s", w.id, w.request.key.s);
	if (!w.request.upload) {
		cli_say(g->c, "request %.16s: its files were not uploaded, and are left out", w.id);
		return OK;
	}
	(void)snprintf(dir, sizeof(dir), "%s/%.16s", room, w.id);
	TRY(fetch_request(g->c, &order, done));
	for (size_t i = 0; i < w.request.count; i++)
		TRY(gather_item(g, &w, i, dir));
	return OK;
}

static rc gather_page(struct gather *g, const char *key, const char *room, char cursor[64])
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *answer = NULL;
	const char *next;
	const json_t *row;
	size_t i;

	TRY(api_json(g->c, &get, &answer, "/v1/requests?state=done&key=%s&limit=%d%s%s", key, PAGE,
		     cursor[0] == '\0' ? "" : "&after=", cursor));
	json_array_foreach(json_object_get(answer, "requests"), i, row)
		TRY(gather_request(g, json_text(row, "request"), key, room));
	next = json_text(answer, "next");
	if (strlen(next) >= 64 || next[strspn(next, "0123456789abcdef")] != '\0')
		return cli_problem(g->c, RC_PEER, "", "the server's list does not go on");
	(void)snprintf(cursor, 64, "%s", next);
	return OK;
}

static rc gather_pages(struct gather *g, const char *key, const char *room)
{
	char cursor[64] = "";
	char last[64];

	do {
		(void)memcpy(last, cursor, sizeof(last));
		TRY(gather_page(g, key, room, cursor));
		/* A server that goes in circles is not followed. */
	} while (cursor[0] != '\0' && strcmp(cursor, last) != 0);
	return OK;
}

rc gather_signed(struct gather *g, const char *key)
{
	const char *tmp = getenv("TMPDIR");
	const char *root = g->root;
	bool quiet = g->c->quiet;
	AUTO(room) struct room room = {.dir = ""};
	char prefix[PATH_MAX];
	struct fault f = {0};
	struct name name;
	rc r;

	if (!rc_is_ok(name_parse(view_str(key), &name)))
		return cli_problem(g->c, RC_USAGE, "greatseal key list",
				   "--signed-with %s: a key's name", key);
	(void)snprintf(prefix, sizeof(prefix), "%s/greatseal-", tmp != NULL ? tmp : "/tmp");
	CLI_TRY(g->c, &f, dir_temp(prefix, room.dir, sizeof(room.dir), &f));
	g->root = room.dir;
	g->c->quiet = true; /* what fetch writes is nobody's to keep */
	r = gather_pages(g, name.s, room.dir);
	g->c->quiet = quiet;
	g->root = root;
	return r;
}
