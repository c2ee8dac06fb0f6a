#include "prog/cli/wish.h"

#include <inttypes.h>
#include <string.h>

#include "lib/model/statement.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"

#define ITEMS_SHOWN 10

rc wish_fetch(struct cli *c, const char *typed, struct wish *ret)
{
	const struct api_call get = {.method = "GET"};
	struct fault f = {0};
	struct digest digest;

	*ret = (struct wish){0};
	buf_init(&ret->statement, REQUEST_BYTES_MAX);
	TRY(answer_request_id(c, typed, ret->id));
	if (!rc_is_ok(digest_parse(view_str(ret->id), &ret->digest)))
		return cli_problem(c, RC_USAGE, "", "%s is not a request id", ret->id);
	TRY(api_json(c, &get, &ret->answer, "/v1/requests/%s", ret->id));
	TRY(json_get_base64(c, ret->answer, "statement", &ret->statement));
	digest = digest_of(buf_view(&ret->statement));
	if (!digest_is_equal(&digest, &ret->digest))
		return cli_problem(c, RC_MISMATCH, "do not approve; call the security team",
				   "the server shows another statement than request %.16s",
				   ret->id);
	CLI_TRY(c, &f, request_parse(buf_view(&ret->statement), &ret->request, &f));
	return OK;
}

void wish_release(struct wish *w)
{
	request_release(&w->request);
	buf_release(&w->statement);
	json_decref(w->answer);
	w->answer = NULL;
}

/* Control characters of a file name must not reach the terminal. */
static void print_name(const struct request_item *item)
{
	char name[ITEM_NAME_MAX + 1];

	if (!rc_is_ok(request_item_name(item, name)))
		(void)snprintf(name, sizeof(name), "?");
	for (char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	(void)printf("%s", name);
}

static void print_item(const struct cli *c, const struct wish *w, size_t i)
{
	const struct request_item *item = &w->request.items[i];
	char hex[DIGEST_HEX];
	char content[HASH_TEXT];

	digest_hex(&item->sha256, hex);
	hash_text(&item->content, content);
	(void)printf("  %s%zu. ", cli_bold(c), i + 1);
	print_name(item);
	(void)printf("%s  %" PRIu64 " bytes, %s, product %s\n", cli_plain(c), item->size,
		     item->format, item->product.s);
	(void)printf("     sha256  %s\n", hex);
	if (strncmp(content, "sha256:", 7) != 0 || strcmp(content + 7, hex) != 0)
		(void)printf("     content %s\n", content);
	(void)printf("     params  %.*s\n", (int)item->params.len, (const char *)item->params.ptr);
}

/* Text of the requester. Its further lines stand behind a bar, so that none of them can pass for a
 * line of ours. */
static void print_reason(const char *text)
{
	const char *label = "  reason      ";

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		(void)printf("%s%.*s\n", label, (int)len, text);
		label = "            | ";
		text += text[len] == '\n' ? len + 1 : len;
	}
}

static void print_time(const char *label, unix_time t)
{
	char text[TIME_TEXT];

	if (rc_is_ok(time_format(t, text)))
		(void)printf("  %-11s %s\n", label, text);
}

void wish_print(const struct cli *c, const struct wish *w, bool all)
{
	const struct request *r = &w->request;
	char code[COMPARE_CODE];
	char fingerprint[DIGEST_HEX];
	size_t shown = all || r->count <= ITEMS_SHOWN ? r->count : ITEMS_SHOWN;

	compare_code(w->id, code);
	digest_hex(&r->key_fingerprint, fingerprint);
	(void)printf("request     %s\n  compare     %s%s%s\n", w->id, cli_bold(c), code,
		     cli_plain(c));
	(void)printf("  key         %s (%.16s)\n", r->key.s, fingerprint);
	(void)printf("  requester   %s\n  from host   %s\n", r->requester.s,
		     r->host.s[0] != '\0' ? r->host.s : "none: a job, by a token for this request");
	if (r->guard.given)
		(void)printf("  guard       %s, level %s, as the host's agent says\n",
			     r->guard.state.mode, r->guard.state.level);
	(void)printf("  log         %s\n", r->origin);
	print_time("not before", r->not_before);
	print_time("deadline", r->deadline);
	if (r->release != 0) {
		print_time("release", r->release);
		(void)printf("              signed when that is permitted, given out not before\n");
	}
	if (r->uses != 1)
		(void)printf("  uses        %u\n", r->uses);
	if (!r->upload)
		(void)printf("  %sno files: digests only, nothing could be inspected%s\n",
			     cli_yellow(c), cli_plain(c));
	print_reason(r->reason);
	(void)printf("files: %zu\n", r->count);
	for (size_t i = 0; i < shown; i++)
		print_item(c, w, i);
	if (shown < r->count)
		(void)printf("  ... and %zu more (--all shows them)\n", r->count - shown);
}

rc wish_report(const struct wish *w, size_t item, const char *kind, struct digest *ret)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(w->answer, "reports"), i, row)
	{
		if ((size_t)json_number(row, "item") != item)
			continue;
		return rc_is_ok(digest_parse(view_str(json_text(row, kind)), ret))
			       ? OK
			       : RC(RC_NOTFOUND);
	}
	return RC(RC_NOTFOUND);
}
