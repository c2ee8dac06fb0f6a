/* preapprove - a yes to exact files before anybody asks: the files are hashed here, the rule is
 * found in the policy in force. */
#include "prog/cli/preapprove.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/num.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/change.h"
#include "lib/model/preapproval.h"
#include "lib/policy/policy.h"
#include "lib/policy/quorum.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"
#include "prog/cli/files.h"
#include "prog/cli/submit.h"

#define EXPIRES_DEFAULT "7d"

/* ---- The rule -------------------------------------------------------------------------------*/

static rc take_document(struct cli *c, const char *name, enum statement_kind kind, struct buf *mem,
			struct view *ret)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	struct document_change change;
	struct fault f = {0};

	TRY(api_json(c, &get, &answer, "/v1/%s", name));
	TRY(json_get_base64(c, answer, "statement", mem));
	CLI_TRY(c, &f, document_source_parse(kind, buf_view(mem), &change, &f));
	*ret = change.document;
	return OK;
}

/* The one rule for the key that takes preapprovals, whose seats this person may fill. */
static rc choose_rule(struct cli *c, const struct policy *p, const struct roster *r,
		      struct preapproval *ret)
{
	const struct principal *me = roster_person(r, &c->config.person);
	const char *wanted = args_value(c->args, "rule");
	const struct rule *found = NULL;
	size_t count;
	const struct rule_ref *refs = policy_rules_of(p, &ret->key, &count);

	for (size_t i = 0; me != NULL && i < count; i++) {
		const struct rule *rule = refs[i].rule;

		if (!rule->has_preapproved || !quorum_holds_seat(&rule->approve, me, ~0u) ||
		    (wanted != NULL && !name_is(&rule->name, wanted)))
			continue;
		if (found != NULL)
			return cli_problem(c, RC_USAGE, "--rule NAME", "rules %s and %s fit",
					   found->name.s, rule->name.s);
		found = rule;
	}
	if (found == NULL)
		return cli_problem(c, RC_DENIED, "greatseal policy show",
				   "no rule for key %s takes approvals of %s before the request",
				   ret->key.s, c->config.person.s);
	ret->rule = policy_rule_digest(p, found, r, &ret->key, &ret->key_fingerprint);
	if (!c->json)
		(void)printf("rule        %s, key %s\n", found->name.s, ret->key.s);
	return OK;
}

static rc fill_rule(struct cli *c, struct preapproval *p)
{
	AUTO(policy) struct policy *policy = NULL;
	AUTO(roster) struct roster *roster = NULL;
	AUTO(buf) struct buf a = {0};
	AUTO(buf) struct buf b = {0};
	struct fault f = {0};
	struct view doc;

	buf_init(&a, DOCUMENT_BYTES_MAX + 65536u);
	buf_init(&b, DOCUMENT_BYTES_MAX + 65536u);
	TRY(take_document(c, "policy", STATEMENT_POLICY, &a, &doc));
	CLI_TRY(c, &f, policy_parse(doc, &policy, &f));
	TRY(take_document(c, "roster", STATEMENT_ROSTER, &b, &doc));
	CLI_TRY(c, &f, roster_parse(doc, &roster, &f));
	return choose_rule(c, policy, roster, p);
}

/* ---- The files ------------------------------------------------------------------------------*/

struct files {
	struct local_file *list;
	size_t count;
};

static void files_release(struct files *f)
{
	free(f->list);
	f->list = NULL;
}
AUTO_DEFINE(files, struct files, files_release)

static rc fill_items(struct cli *c, const struct args *a, struct files *files,
		     struct preapproval *p)
{
	const struct file_choice choice = {.format = args_value(a, "format"),
					   .digest = args_value(a, "digest"),
					   .program = args_value(a, "name"),
					   .url = args_value(a, "url")};
	struct fault f = {0};

	if ((unsigned)a->word_count > PREAPPROVAL_ITEMS_MAX)
		return cli_problem(c, RC_USAGE, "", "more than %u files", PREAPPROVAL_ITEMS_MAX);
	files->list = (struct local_file *)calloc((size_t)a->word_count, sizeof(*files->list));
	if (files->list == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	for (; files->count < (size_t)a->word_count; files->count++) {
		struct local_file *file = &files->list[files->count];
		struct preapproval_item *item = &p->items[files->count];
		char hex[DIGEST_HEX];

		CLI_TRY(c, &f, local_file_open(a->words[files->count], &choice, file, &f));
		local_file_close(file);
		item->sha256 = file->sha256;
		item->content = file->content;
		memcpy(item->format, file->format, sizeof(item->format));
		item->params = view_str(file->params);
		digest_hex(&file->sha256, hex);
		if (!c->json)
			(void)printf("  %s  %s, sha256 %s\n", a->words[files->count], file->format,
				     hex);
	}
	p->count = files->count;
	return OK;
}

/* ---- The command ----------------------------------------------------------------------------*/

static rc fill_terms(struct cli *c, const struct args *a, struct preapproval *p)
{
	const char *uses = args_value(a, "uses");
	const char *expires = args_value(a, "expires");
	const char *comment = args_value(a, "message");
	uint64_t n = 1;

	if (!args_has(a, "key"))
		return cli_problem(c, RC_USAGE, "greatseal key list", "--key is missing");
	TRY(submit_key(c, args_value(a, "key"), &p->key, &p->key_fingerprint));
	if (uses != NULL &&
	    (!rc_is_ok(num_parse_u64(uses, strlen(uses), REQUEST_USES_MAX, &n)) || n == 0))
		return cli_problem(c, RC_USAGE, "", "--uses %s: 1 to %u", uses, REQUEST_USES_MAX);
	p->uses = (uint32_t)n;
	TRY(submit_time(c, "expires", expires != NULL ? expires : EXPIRES_DEFAULT,
			clock_now(&clock_system), &p->expires));
	if (comment != NULL && strlen(comment) > ACT_COMMENT_MAX)
		return cli_problem(c, RC_USAGE, "", "the message is longer than %d bytes",
				   ACT_COMMENT_MAX);
	(void)snprintf(p->comment, sizeof(p->comment), "%s", comment == NULL ? "" : comment);
	p->person = c->config.person;
	memcpy(p->origin, c->config.origin, sizeof(p->origin));
	if (!rc_is_ok(rng_fill(&rng_system, p->nonce, sizeof(p->nonce))))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	return OK;
}

static rc confirm(struct cli *c, const struct args *a)
{
	char line[16];

	if (args_has(a, "yes"))
		return OK;
	if (!isatty(STDIN_FILENO))
		return cli_problem(c, RC_USAGE, "look first, then add --yes",
				   "preapprove needs a person at a terminal, or --yes");
	(void)fprintf(stderr, "To approve these files now, type yes: ");
	if (fgets(line, sizeof(line), stdin) == NULL || strcmp(line, "yes\n") != 0)
		return cli_problem(c, RC_DENIED, "", "not confirmed; nothing was signed");
	return OK;
}

static rc send(struct cli *c, const struct preapproval *p)
{
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf sig = {0};
	AUTO(json) json_t *body = json_object();
	AUTO(json) json_t *answer = NULL;
	const struct api_call post = {.method = "POST", .body = body};
	struct sshsigner *key;
	struct fault f = {0};

	buf_init(&statement, PREAPPROVAL_BYTES_MAX);
	buf_init(&sig, SSHSIG_BLOB_MAX);
	TRY(cli_person_key(c, &key));
	CLI_TRY(c, &f, preapproval_encode(p, &statement, &f));
	TRY(cli_sign(c, key, statement_info(STATEMENT_PREAPPROVAL)->ns, buf_view(&statement),
		     &sig));
	TRY(json_put_base64(c, body, "statement", buf_view(&statement)));
	TRY(json_put_base64(c, body, "signature", buf_view(&sig)));
	TRY(api_json(c, &post, &answer, "/v1/preapprovals"));
	if (cli_print_json(c, answer))
		return OK;
	(void)printf("approved beforehand; the log holds it as entry %" JSON_INTEGER_FORMAT "\n",
		     json_number(answer, "leaf"));
	return OK;
}

static rc preapprove(struct cli *c, const struct args *a, struct preapproval *p)
{
	AUTO(files) struct files files = {0};

	TRY(cli_config(c));
	TRY(fill_terms(c, a, p));
	TRY(fill_rule(c, p));
	TRY(fill_items(c, a, &files, p));
	TRY(confirm(c, a));
	return send(c, p);
}

rc cmd_preapprove(struct cli *c, const struct args *a)
{
	struct preapproval *p = (struct preapproval *)calloc(1, sizeof(*p));
	rc r;

	if (p == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	r = preapprove(c, a, p);
	free(p);
	return r;
}
