#include "prog/cli/evidence.h"

#include <string.h>
#include <unistd.h>

#include "prog/cli/api.h"
#include "prog/cli/files.h"
#include "prog/cli/shown.h"

/* A file name as the value of a query. */
static void put_escaped(struct buf *out, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char ch = (unsigned char)*p;

		if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		    (ch >= '0' && ch <= '9') || strchr("-._", ch) != NULL)
			buf_put_u8(out, ch);
		else
			buf_printf(out, "%%%02X", ch);
	}
}

static rc fetch(struct cli *c, const struct digest *artifact, const char *name, json_t **ret)
{
	const struct api_call get = {.method = "GET"};
	AUTO(buf) struct buf query = {0};
	char hex[DIGEST_HEX];

	buf_init(&query, 4 * ITEM_NAME_MAX);
	put_escaped(&query, name);
	digest_hex(artifact, hex);
	return api_json(c, &get, ret, "/v1/evidence?artifact=%s&name=%s", hex, buf_cstr(&query));
}

/* ---- In words -------------------------------------------------------------------------------*/

static void print_row(const struct cli *c, const json_t *row)
{
	const char *kind = json_text(row, "kind");
	const char *by = json_text(row, "by");
	bool live = json_is_true(json_object_get(row, "live"));
	bool scan = strcmp(kind, "scan") == 0;
	bool clean = strcmp(json_text(row, "verdict"), "clean") == 0;

	(void)printf("     %s%s%s ", cli_bold(c), by, cli_plain(c));
	if (scan)
		(void)printf("found it %s%s%s with %s", clean ? cli_green(c) : cli_red(c),
			     json_text(row, "verdict"), cli_plain(c), json_text(row, "scanner"));
	else if (strcmp(kind, "rebuild") == 0)
		(void)printf("rebuilt it from %s (%s)", json_text(row, "source"),
			     json_text(row, "version"));
	else
		(void)printf("says that %s built it from %s", json_text(row, "builder"),
			     json_text(row, "source")[0] != '\0' ? json_text(row, "source")
								 : "a source it does not name");
	(void)printf(", %s%s\n", json_text(row, "given"),
		     live ? "" : " (no longer in the roster: does not count)");
}

/* Somebody built the same version under this name and got other bytes. If the artifact has rebuilds
 * itself, only those of the same version contradict them. */
static bool contradicts(const json_t *answer, const json_t *other)
{
	const json_t *row;
	bool rebuilt = false;
	size_t i;

	if (!json_is_true(json_object_get(other, "live")))
		return false;
	json_array_foreach(json_object_get(answer, "evidence"), i, row)
	{
		if (strcmp(json_text(row, "kind"), "rebuild") != 0)
			continue;
		rebuilt = true;
		if (strcmp(json_text(row, "source"), json_text(other, "source")) == 0 &&
		    strcmp(json_text(row, "version"), json_text(other, "version")) == 0)
			return true;
	}
	return !rebuilt;
}

static void print_others(const struct cli *c, const json_t *answer, const char *request)
{
	const json_t *row;
	size_t shown = 0;
	size_t i;

	json_array_foreach(json_object_get(answer, "others"), i, row)
	{
		if (!contradicts(answer, row))
			continue;
		if (shown++ == 0)
			(void)printf(
				"     %sDISAGREEMENT: builders got another file of this name%s\n",
				cli_red(c), cli_plain(c));
		(void)printf("     %s%s%s got %.16s from %s (%s), %s\n", cli_bold(c),
			     json_text(row, "by"), cli_plain(c), json_text(row, "artifact"),
			     json_text(row, "source"), json_text(row, "version"),
			     json_text(row, "given"));
		if (request != NULL)
			(void)printf("       look: %sgreatseal diff %.16s --rebuild %s%s\n",
				     cli_bold(c), request, json_text(row, "by"), cli_plain(c));
	}
}

static void print_answer(const struct cli *c, const json_t *answer, const char *name,
			 const char *request)
{
	const json_t *row;
	size_t i;

	(void)printf("  %s  %.16s\n", name, json_text(answer, "artifact"));
	json_array_foreach(json_object_get(answer, "evidence"), i, row) print_row(c, row);
	if (i == 0)
		(void)printf("     nobody has said anything about it\n");
	print_others(c, answer, request);
}

/* ---- Of a request ---------------------------------------------------------------------------*/

static bool says_something(const json_t *answer)
{
	return json_array_size(json_object_get(answer, "evidence")) > 0 ||
	       json_array_size(json_object_get(answer, "others")) > 0;
}

static rc item_answer(struct cli *c, const struct wish *w, size_t i, json_t **ret,
		      char name[ITEM_NAME_MAX + 1])
{
	const struct request_item *item = &w->request.items[i];

	if (!rc_is_ok(request_item_name(item, name)))
		name[0] = '\0';
	TRY(fetch(c, &item->sha256, name, ret));
	shown_text(name, ITEM_NAME_MAX + 1);
	return OK;
}

rc evidence_print_request(struct cli *c, const struct wish *w, size_t shown)
{
	bool any = false;

	for (size_t i = 0; i < w->request.count && i < shown; i++) {
		AUTO(json) json_t *answer = NULL;
		char name[ITEM_NAME_MAX + 1];

		TRY(item_answer(c, w, i, &answer, name));
		if (!says_something(answer))
			continue;
		if (!any)
			(void)printf("who vouches for the files:\n");
		any = true;
		print_answer(c, answer, name, w->id);
	}
	return OK;
}

rc evidence_rebuilt_by(struct cli *c, const struct wish *w, size_t i, const char *builder,
		       struct digest *ret)
{
	AUTO(json) json_t *answer = NULL;
	char name[ITEM_NAME_MAX + 1];
	const json_t *row;
	size_t n;

	TRY(item_answer(c, w, i, &answer, name));
	json_array_foreach(json_object_get(answer, "others"), n, row)
	{
		if (strcmp(json_text(row, "by"), builder) != 0)
			continue;
		if (!rc_is_ok(digest_parse(view_str(json_text(row, "artifact")), ret)))
			return cli_problem(c, RC_PEER, "", "the server's answer has no digest");
		return OK;
	}
	return RC(RC_NOTFOUND);
}

static rc list_request(struct cli *c, const char *typed)
{
	AUTO(wish) struct wish w = {0};
	AUTO(json) json_t *list = json_array();

	TRY(wish_fetch(c, typed, &w));
	for (size_t i = 0; i < w.request.count; i++) {
		AUTO(json) json_t *answer = NULL;
		char name[ITEM_NAME_MAX + 1];

		TRY(item_answer(c, &w, i, &answer, name));
		if (!c->json)
			print_answer(c, answer, name, w.id);
		if (json_array_append(list, answer) != 0)
			return cli_problem(c, RC_NOMEM, "", "no memory");
	}
	(void)cli_print_json(c, list);
	return OK;
}

static rc list_artifact(struct cli *c, const struct digest *artifact, const char *name)
{
	AUTO(json) json_t *answer = NULL;
	AUTO(json) json_t *list = json_array();
	char shown[ITEM_NAME_MAX + 1];

	TRY(fetch(c, artifact, name, &answer));
	(void)snprintf(shown, sizeof(shown), "%s", name);
	shown_text(shown, sizeof(shown));
	if (!c->json)
		print_answer(c, answer, shown, NULL);
	if (json_array_append(list, answer) != 0)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	(void)cli_print_json(c, list);
	return OK;
}

rc cmd_evidence_list(struct cli *c, const struct args *a)
{
	const struct file_choice plain = {.format = "cms"};
	const char *word = a->words[0];
	struct local_file file;
	struct fault f = {0};
	struct digest d;
	rc r;

	if (strncmp(word, "sha256:", 7) == 0) {
		if (!rc_is_ok(digest_parse(view_str(word + 7), &d)))
			return cli_problem(c, RC_USAGE, "", "sha256: and 64 hex digits");
		return list_artifact(c, &d, "");
	}
	if (access(word, F_OK) != 0)
		return list_request(c, word);
	CLI_TRY(c, &f, local_file_open(word, &plain, &file, &f));
	r = list_artifact(c, &file.sha256, file.name);
	local_file_close(&file);
	return r;
}
