#include "prog/cli/host_roster.h"

#include <stdlib.h>
#include <string.h>

#include "lib/model/change.h"
#include "lib/model/change_life.h"
#include "lib/model/roster.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/document.h"
#include "prog/cli/encode.h"

/* {"class"?,"enrol":true,"groups":[..],"name"} */
static rc host_entry(struct cli *c, const struct args *a, const struct name *host, json_t **ret)
{
	AUTO(json) json_t *entry = json_object();
	const char *klass = args_value(a, "class");
	json_t *groups = json_array();
	const char *group;
	enum host_class ignored;
	struct name name;

	(void)json_object_set_new(entry, "groups", groups);
	for (size_t i = 0; (group = args_nth(a, "group", i)) != NULL; i++) {
		if (!rc_is_ok(name_parse(view_str(group), &name)))
			return cli_problem(c, RC_USAGE, "", "--group %s is not a name", group);
		(void)json_array_append_new(groups, json_string(group));
	}
	if (klass != NULL && !rc_is_ok(host_class_parse(view_str(klass), &ignored)))
		return cli_problem(c, RC_USAGE, "",
				   "--class is software, vtpm, tpm or attested, not %s", klass);
	if (klass != NULL)
		(void)json_object_set_new(entry, "class", json_string(klass));
	(void)json_object_set_new(entry, "enrol", json_true());
	(void)json_object_set_new(entry, "name", json_string(host->s));
	*ret = json_incref(entry);
	return OK;
}

/* Writes the document in canonical form. */
static rc rewrite(struct cli *c, struct view old, const json_t *entry, struct buf *out)
{
	AUTO(json)
	json_t *roster = json_loadb((const char *)old.ptr, old.len, JSON_REJECT_DUPLICATES, NULL);
	AUTO(roster) struct roster *check = NULL;
	struct fault f = {0};
	json_int_t version;
	char *text;

	version = json_integer_value(json_object_get(roster, "version"));
	if (json_array_append(json_object_get(roster, "hosts"), (json_t *)(uintptr_t)entry) != 0 ||
	    json_object_set_new(roster, "version", json_integer(version + 1)) != 0)
		return cli_problem(c, RC_PEER, "", "the server's roster cannot be read");
	text = json_dumps(roster, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	if (text != NULL)
		buf_put_str(out, text);
	free(text);
	CLI_TRY(c, &f, buf_done(out));
	CLI_TRY(c, &f, roster_parse(buf_view(out), &check, &f));
	return OK;
}

rc host_propose(struct cli *c, const struct args *a, const struct name *host, json_t **ret)
{
	const struct api_call get = {.method = "GET", .exact = true};
	struct document_change change = {.kind = STATEMENT_ROSTER};
	AUTO(json) json_t *answer = NULL;
	AUTO(json) json_t *entry = NULL;
	AUTO(buf) struct buf source = {0};
	AUTO(buf) struct buf document = {0};
	AUTO(buf) struct buf statement = {0};
	struct document_change old;
	struct fault f = {0};

	buf_init(&source, 2 * DOCUMENT_BYTES_MAX);
	buf_init(&document, DOCUMENT_BYTES_MAX);
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	TRY(host_entry(c, a, host, &entry));
	TRY(api_json(c, &get, &answer, "/v1/roster"));
	TRY(json_get_base64(c, answer, "statement", &source));
	CLI_TRY(c, &f, document_source_parse(STATEMENT_ROSTER, buf_view(&source), &old, &f));
	TRY(rewrite(c, old.document, entry, &document));
	change.previous = digest_of(old.document);
	change.document = buf_view(&document);
	change.digest = digest_of(change.document);
	change.expires = clock_now(&clock_system) + CHANGE_LIFE;
	CLI_TRY(c, &f, document_change_encode(&change, &statement, &f));
	return change_offer(c, STATEMENT_ROSTER, buf_view(&statement), ret);
}

rc host_agrees(struct cli *c, const struct args *a, const json_t *listed)
{
	const char *klass = args_value(a, "class");
	const char *group;

	if (klass != NULL && strcmp(klass, json_text(listed, "least")) != 0)
		return cli_problem(c, RC_USAGE, "change it with greatseal roster propose FILE",
				   "the roster demands another class of this host than %s", klass);
	for (size_t i = 0; (group = args_nth(a, "group", i)) != NULL; i++) {
		const json_t *row;
		bool found = false;
		size_t k;

		json_array_foreach(json_object_get(listed, "groups"), k, row) found |=
			json_is_string(row) && strcmp(json_string_value(row), group) == 0;
		if (!found)
			return cli_problem(c, RC_USAGE,
					   "change it with greatseal roster propose FILE",
					   "the roster has this host not in group %s", group);
	}
	return OK;
}
