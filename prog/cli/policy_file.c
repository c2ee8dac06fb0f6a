#include "prog/cli/policy_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/model/change.h"
#include "lib/model/statement.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"

void policy_file_release(struct policy_file *f)
{
	source_free(f->source);
	buf_release(&f->canonical);
	policy_free(f->policy);
	roster_free(f->roster);
	cases_release(&f->cases);
	*f = (struct policy_file){0};
}

bool path_is_yaml(const char *path)
{
	size_t len = strlen(path);

	return (len > 5 && strcmp(path + len - 5, ".yaml") == 0) ||
	       (len > 4 && strcmp(path + len - 4, ".yml") == 0);
}

static rc out_of_memory(struct cli *c)
{
	return cli_problem(c, RC_NOMEM, "", "no memory");
}

static const char *manual(enum source_kind kind)
{
	return kind == SOURCE_ROSTER ? "see greatseal-roster(5)" : "see greatseal-policy(5)";
}

/* The canonical bytes of JSON as people write it. */
static rc read_json(struct cli *c, struct view text, struct policy_file *f)
{
	AUTO(json) json_t *value = NULL;
	json_error_t e;
	char *dump;

	value = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &e);
	if (value == NULL)
		return cli_problem(c, RC_SYNTAX, "", "%s:%d:%d: %s", f->path, e.line, e.column,
				   e.text);
	dump = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	if (dump == NULL)
		return out_of_memory(c);
	buf_put_str(&f->canonical, dump);
	free(dump);
	if (!rc_is_ok(buf_done(&f->canonical)))
		return cli_problem(c, RC_LIMIT, "", "%s: more than %u bytes", f->path,
				   DOCUMENT_BYTES_MAX);
	return OK;
}

static rc read_yaml(struct cli *c, struct view text, struct policy_file *f)
{
	struct fault e = {0};
	rc r = source_read(f->kind, text, &f->source, &e);

	if (rc_is_ok(r))
		r = source_compile(f->source, &f->canonical, &e);
	if (r.code == RC_NOMEM)
		return out_of_memory(c);
	return rc_is_ok(r) ? r
			   : cli_problem(c, RC_USAGE, manual(f->kind), "%s:%s", f->path, e.text);
}

/* What the keeper would say of the document; said here first, with the place. */
static rc parse(struct cli *c, struct policy_file *f)
{
	struct view bytes = buf_view(&f->canonical);
	struct source_place at;
	struct fault e = {0};
	rc r;

	if (f->kind == SOURCE_POLICY)
		r = policy_parse(bytes, &f->policy, &e);
	else if (f->kind == SOURCE_ROSTER)
		r = roster_parse(bytes, &f->roster, &e);
	else
		r = cases_parse(bytes, &f->cases, &e);
	if (rc_is_ok(r))
		return r;
	if (f->source == NULL)
		return cli_problem(c, RC_USAGE, manual(f->kind), "%s: %s", f->path, e.text);
	at = source_origin(f->source, e.offset);
	return cli_problem(c, RC_USAGE, manual(f->kind), "%s:%u:%u: %s", f->path, at.line,
			   at.column, e.text);
}

rc policy_file_read(struct cli *c, enum source_kind kind, const char *path, struct policy_file *ret)
{
	AUTO(buf) struct buf text = {0};
	struct fault e = {0};

	*ret = (struct policy_file){.kind = kind, .path = path};
	buf_init(&text, path_is_yaml(path) ? SOURCE_BYTES_MAX : DOCUMENT_BYTES_MAX);
	buf_init(&ret->canonical, DOCUMENT_BYTES_MAX);
	CLI_TRY(c, &e, file_read(path, &text, &e));
	TRY(path_is_yaml(path) ? read_yaml(c, buf_view(&text), ret)
			       : read_json(c, buf_view(&text), ret));
	return parse(c, ret);
}

void policy_file_place(const struct policy_file *f, const char *list, const char *name,
		       char out[POLICY_PLACE])
{
	struct source_place at = {0, 0};

	if (f->source != NULL)
		at = source_find(f->source, list, name);
	if (at.line == 0)
		(void)snprintf(out, POLICY_PLACE, "%s", f->path);
	else
		(void)snprintf(out, POLICY_PLACE, "%s:%u", f->path, at.line);
}

rc policy_bytes_of(struct cli *c, enum source_kind kind, const struct digest *want, struct buf *out)
{
	const struct api_call get = {.method = "GET"};
	enum statement_kind k = kind == SOURCE_POLICY ? STATEMENT_POLICY : STATEMENT_ROSTER;
	AUTO(json) json_t *answer = NULL;
	AUTO(buf) struct buf statement = {0};
	struct document_change change;
	char hex[DIGEST_HEX];

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	digest_hex(want, hex);
	TRY(api_json(c, &get, &answer, "/v1/%s?digest=%s", source_kind_name(kind), hex));
	TRY(json_get_base64(c, answer, "statement", &statement));
	if (!rc_is_ok(document_source_parse(k, buf_view(&statement), &change, NULL)) ||
	    !digest_is_equal(&change.digest, want))
		return cli_problem(c, RC_NOTFOUND, "", "the server's %s is another one than %.16s",
				   source_kind_name(kind), hex);
	buf_put_view(out, change.document);
	return OK;
}

rc policy_file_of(struct cli *c, enum source_kind kind, const struct digest *want,
		  struct policy_file *ret)
{
	*ret = (struct policy_file){.kind = kind, .path = source_kind_name(kind)};
	buf_init(&ret->canonical, DOCUMENT_BYTES_MAX);
	TRY(policy_bytes_of(c, kind, want, &ret->canonical));
	if (!rc_is_ok(buf_done(&ret->canonical)))
		return out_of_memory(c);
	return parse(c, ret);
}

rc policy_file_in_force(struct cli *c, enum source_kind kind, struct policy_file *ret)
{
	const struct api_call get = {.method = "GET", .exact = true};
	const char *name = source_kind_name(kind);
	AUTO(json) json_t *answer = NULL;
	struct fault f = {0};
	char *text;

	TRY(api_json(c, &get, &answer, "/v1/%s", name));
	text = json_dumps(json_object_get(answer, "document"),
			  JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	if (text == NULL)
		return cli_problem(c, RC_PEER, "", "the server's answer has no %s", name);
	ret->path = name;
	buf_init(&ret->canonical, DOCUMENT_BYTES_MAX);
	buf_put_str(&ret->canonical, text);
	free(text);
	if (!rc_is_ok(buf_done(&ret->canonical)))
		return cli_problem(c, RC_PEER, "", "the server's %s is too large", name);
	if (kind == SOURCE_POLICY)
		CLI_TRY(c, &f, policy_parse(buf_view(&ret->canonical), &ret->policy, &f));
	else
		CLI_TRY(c, &f, roster_parse(buf_view(&ret->canonical), &ret->roster, &f));
	return OK;
}
