#include "prog/cli/recover.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/change.h"
#include "prog/cli/api.h"
#include "prog/cli/document.h"
#include "prog/cli/encode.h"
#include "prog/cli/policy_file.h"
#include "prog/cli/receipts.h"

#define RECOVERY_SECONDS (30 * 86400)

/* A statement on top of the roster that the server says is in force; the keeper refuses another. */
static rc make_statement(struct cli *c, const struct policy_file *file, struct buf *out)
{
	const struct api_call get = {.method = "GET", .open = true};
	struct document_change change = {.kind = STATEMENT_RECOVERY,
					 .document = buf_view(&file->canonical),
					 .expires = clock_now(&clock_system) + RECOVERY_SECONDS};
	AUTO(json) json_t *info = NULL;
	const json_t *roster;
	struct fault f = {0};

	TRY(api_json(c, &get, &info, "/v1/info"));
	roster = json_object_get(info, "roster");
	TRY(json_get_digest(c, roster, "digest", &change.previous));
	if (file->roster->version != (uint64_t)json_number(roster, "version") + 1)
		return cli_problem(c, RC_USAGE, "", "%s: version must be %" JSON_INTEGER_FORMAT,
				   file->path, json_number(roster, "version") + 1);
	CLI_TRY(c, &f, document_change_encode(&change, out, &f));
	return OK;
}

/* The statement that others have signed, or a new one, which is left for them. */
static rc take_statement(struct cli *c, const char *path, const struct policy_file *file,
			 struct buf *out)
{
	const struct file_spec spec = {
		.dirfd = AT_FDCWD, .name = path, .mode = 0600, .durable = true};
	struct document_change change;
	struct digest want = digest_of(buf_view(&file->canonical));
	struct fault f = {0};

	if (path != NULL && access(path, F_OK) == 0) {
		CLI_TRY(c, &f, file_read(path, out, &f));
		CLI_TRY(c, &f,
			document_change_parse(STATEMENT_RECOVERY, buf_view(out), &change, &f));
		if (!digest_is_equal(&change.digest, &want))
			return cli_problem(c, RC_MISMATCH, "sign nothing that you have not read",
					   "%s brings another roster than %s", path, file->path);
		return OK;
	}
	TRY(make_statement(c, file, out));
	if (path != NULL)
		CLI_TRY(c, &f, file_replace(&spec, buf_view(out), &f));
	return OK;
}

/* *sig is that of the last key. */
static rc sign_with(struct cli *c, const char *path, struct view statement, json_t *sigs,
		    struct buf *sig)
{
	AUTO(sshsigner) struct sshsigner *key = NULL;
	struct fault f = {0};

	buf_clear(sig);
	CLI_TRY(c, &f, cli_open_key(path, &key, &f));
	TRY(cli_sign(c, key, statement_info(STATEMENT_RECOVERY)->ns, statement, sig));
	return json_put_base64(c, sigs, NULL, buf_view(sig));
}

rc cmd_roster_recover(struct cli *c, const struct args *a)
{
	AUTO(policy_file) struct policy_file file = {0};
	AUTO(receipt) struct receipt r = {0};
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf sig = {0};
	AUTO(json) json_t *answer = NULL;
	AUTO(json) json_t *body = json_object();
	const struct api_call post = {.method = "POST", .body = body, .open = true, .exact = true};
	json_t *sigs = json_array();
	const char *path;
	rc e;

	(void)json_object_set_new(body, "signatures", sigs);
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	buf_init(&sig, SSHSIG_BLOB_MAX);
	if (args_nth(a, "recovery-key", 0) == NULL)
		return cli_problem(c, RC_USAGE, "", "--recovery-key is missing");
	TRY(policy_file_read(c, SOURCE_ROSTER, a->words[0], &file));
	TRY(cli_config(c));
	TRY(take_statement(c, args_value(a, "statement"), &file, &statement));
	TRY(json_put_base64(c, body, "statement", buf_view(&statement)));
	for (size_t i = 0; (path = args_nth(a, "recovery-key", i)) != NULL; i++)
		TRY(sign_with(c, path, buf_view(&statement), sigs, &sig));
	/* Of several signatures the receipt has one: it is there to ask again, not to sign again.
	 */
	TRY(receipts_begin(c, STATEMENT_RECOVERY, buf_view(&statement), buf_view(&sig), &r));
	e = api_json(c, &post, &answer, "/v1/recovery");
	TRY(change_check(c, &r, e, answer));
	return change_say(c, answer);
}
