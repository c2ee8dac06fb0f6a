/* submit - submit and sign: hash the files, make the request, sign it twice, upload, send.
 *
 * Owns: the requester's side of the main job. A re-run joins the request that is pending. */
#include "prog/cli/submit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/codec/base64.h"
#include "lib/crypt/jwt.h"
#include "lib/crypt/spiffe.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/statement.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"
#include "prog/cli/fetch.h"
#include "prog/cli/files.h"
#include "prog/cli/job.h"
#include "prog/cli/outputs.h"
#include "prog/cli/wait.h"

#define DEADLINE_DEFAULT (7 * 86400)
#define PROOF_MAX JWT_BYTES_MAX
_Static_assert(PROOF_MAX >= SSHSIG_BLOB_MAX, "holds a signature, or a token");

struct batch {
	struct local_file *files;
	size_t count;
};

static void batch_release(struct batch *b)
{
	for (size_t i = 0; b->files != NULL && i < b->count; i++)
		local_file_close(&b->files[i]);
	free(b->files);
	*b = (struct batch){0};
}
AUTO_DEFINE(batch, struct batch, batch_release)

static rc open_files(struct cli *c, const struct args *a, struct batch *b)
{
	const struct file_choice choice = {
		.format = args_value(a, "format"),
		.digest = args_value(a, "digest"),
		.product = args_value(a, "product"),
		.program = args_value(a, "name"),
		.url = args_value(a, "url"),
	};
	struct fault f = {0};

	if ((unsigned)a->word_count > REQUEST_ITEMS_MAX)
		return cli_problem(c, RC_USAGE, "split the batch", "%d files are more than %u",
				   a->word_count, REQUEST_ITEMS_MAX);
	b->files = calloc((size_t)a->word_count, sizeof(*b->files));
	if (b->files == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory for %d files", a->word_count);
	for (int i = 0; i < a->word_count; i++) {
		rc r = local_file_open(a->words[i], &choice, &b->files[b->count], &f);

		if (r.code == RC_EXISTS)
			return cli_problem(c, RC_EXISTS,
					   "take the old signature out; or --format cms, which "
					   "signs the file as it is, apart from it",
					   "%s", f.text);
		CLI_TRY(c, &f, r);
		/* Thousands of files need not be open at once; upload opens them again, and the
		 * server refuses a file that has changed meanwhile. */
		local_file_close(&b->files[b->count]);
		b->count++;
	}
	return OK;
}

rc submit_time(struct cli *c, const char *option, const char *text, unix_time now, unix_time *ret)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t len = strlen(text);
	uint64_t n;

	if (rc_is_ok(time_parse(view_str(text), ret)))
		return OK;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (len < 2 || text[len - 1] != units[i].unit ||
		    !rc_is_ok(num_parse_u64(text, len - 1, 100000, &n)))
			continue;
		*ret = now + (unix_time)(n * units[i].seconds);
		return OK;
	}
	return cli_problem(c, RC_USAGE, "",
			   "--%s %s: a time like 2026-12-01T18:00:00Z, or 90m, 12h, 7d", option,
			   text);
}

rc submit_key(struct cli *c, const char *key, struct name *ret, struct digest *ret_fingerprint)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *info = NULL;

	if (!rc_is_ok(name_parse(view_str(key), ret)))
		return cli_problem(c, RC_USAGE, "greatseal key list", "--key %s: not a key's name",
				   key);
	TRY(api_json(c, &get, &info, "/v1/keys/%s", ret->s));
	if (!rc_is_ok(digest_parse(view_str(json_text(info, "fingerprint")), ret_fingerprint)))
		return cli_problem(c, RC_PEER, "", "the server's answer names no fingerprint of %s",
				   key);
	return OK;
}

static rc fill_terms(struct cli *c, const struct args *a, struct request *r)
{
	unix_time now = clock_now(&clock_system);
	const char *uses = args_value(a, "uses");
	const char *not_before = args_value(a, "not-before");
	const char *deadline = args_value(a, "deadline");
	const char *release = args_value(a, "release-at");
	const char *reason = args_value(a, "message");
	uint64_t n = 1;

	if (uses != NULL &&
	    (!rc_is_ok(num_parse_u64(uses, strlen(uses), REQUEST_USES_MAX, &n)) || n == 0))
		return cli_problem(c, RC_USAGE, "", "--uses %s: a number from 1 to %u", uses,
				   REQUEST_USES_MAX);
	r->uses = (uint32_t)n;
	r->not_before = now;
	r->deadline = now + DEADLINE_DEFAULT;
	if (not_before != NULL)
		TRY(submit_time(c, "not-before", not_before, now, &r->not_before));
	if (release != NULL)
		TRY(submit_time(c, "release-at", release, now, &r->release));
	if (r->deadline < r->release)
		r->deadline = r->release;
	if (deadline != NULL)
		TRY(submit_time(c, "deadline", deadline, now, &r->deadline));
	if (reason != NULL && strlen(reason) > REQUEST_REASON_MAX)
		return cli_problem(c, RC_USAGE, "", "the message is longer than %d bytes",
				   REQUEST_REASON_MAX);
	(void)snprintf(r->reason, sizeof(r->reason), "%s", reason == NULL ? "" : reason);
	r->upload = !args_has(a, "no-upload");
	if (!rc_is_ok(rng_fill(&rng_system, r->nonce, sizeof(r->nonce))))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	return OK;
}

static rc encode_request(struct cli *c, const struct batch *b, struct request *r, struct buf *out)
{
	const char **names = calloc(b->count, sizeof(*names));
	struct fault f = {0};
	rc result;

	r->items = calloc(b->count, sizeof(*r->items));
	r->count = b->count;
	if (names == NULL || r->items == NULL) {
		free(names);
		return cli_problem(c, RC_NOMEM, "", "no memory");
	}
	for (size_t i = 0; i < b->count; i++) {
		const struct local_file *l = &b->files[i];
		struct request_item *item = &r->items[i];

		names[i] = l->name;
		item->product = l->product;
		item->size = l->size;
		item->sha256 = l->sha256;
		item->content = l->content;
		item->params = view_str(l->params);
		memcpy(item->format, l->format, sizeof(item->format));
	}
	result = request_encode(r, names, out, &f);
	free(names);
	if (result.code == RC_DUPLICATE)
		return cli_problem(c, RC_DUPLICATE,
				   "name each file once; two files of one name need a request each",
				   "%s", f.text);
	return rc_is_ok(result) ? OK : cli_fault(c, result, &f);
}

/* By who asks and where they are; a job may be where no host is known. */
static rc prove(struct cli *c, struct view statement, struct buf *requester, struct buf *host)
{
	struct digest id = digest_of(statement);
	struct sshsigner *person_key;

	if (job_asks(c)) {
		if (c->config.host.s[0] != '\0')
			TRY(cli_host_sign(c, STATEMENT_HOST, statement, host));
		return job_request_token(c, &id, requester);
	}
	TRY(cli_person_key(c, &person_key));
	TRY(cli_host_sign(c, STATEMENT_HOST, statement, host));
	return cli_sign(c, person_key, statement_info(STATEMENT_REQUEST)->ns, statement, requester);
}

static rc upload_files(struct cli *c, const struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct local_file *l = &b->files[i];
		AUTO(fd) int fd = open(l->path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			return cli_problem(c, RC_IO, "", "%s: cannot be opened again", l->path);
		TRY(api_upload(c, fd, &l->sha256, l->size, l->name));
	}
	return OK;
}

/* Every word of an item counts: approvers read the name, the product says what it is compared with.
 */
static bool is_same_item(const struct request_item *a, const struct request_item *b)
{
	return digest_is_equal(&a->sha256, &b->sha256) && hash_is_equal(&a->content, &b->content) &&
	       a->size == b->size && strcmp(a->format, b->format) == 0 &&
	       view_is_equal(a->params, b->params) && name_is_equal(&a->product, &b->product) &&
	       view_is_equal(a->name_json, b->name_json);
}

/* True if the old request asks for the very same thing as the new one; nonce and times aside. Both
 * are read from statements. */
static bool is_same_wish(const struct request *old, const struct request *wish)
{
	if (!name_is_equal(&old->key, &wish->key) || !name_is_equal(&old->host, &wish->host) ||
	    !name_is_equal(&old->requester, &wish->requester) || old->uses != wish->uses ||
	    old->upload != wish->upload || old->count != wish->count ||
	    (old->release != 0) != (wish->release != 0) || strcmp(old->reason, wish->reason) != 0 ||
	    !digest_is_equal(&old->key_fingerprint, &wish->key_fingerprint))
		return false;
	for (size_t i = 0; i < old->count; i++)
		if (!is_same_item(&old->items[i], &wish->items[i]))
			return false;
	return true;
}

/* Whether request `id` may be joined: same wish, still alive. */
static rc try_join(struct cli *c, const char *id, const struct request *wish, bool *ret_same,
		   unix_time *ret_release)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	AUTO(buf) struct buf bytes = {0};
	AUTO(request) struct request old = {0};
	struct fault f = {0};
	const char *state;

	*ret_same = false;
	TRY(api_json(c, &get, &answer, "/v1/requests/%s", id));
	state = json_text(json_object_get(answer, "status"), "state");
	if (strcmp(state, "closed") == 0)
		return OK;
	buf_init(&bytes, REQUEST_BYTES_MAX);
	CLI_TRY(c, &f,
		base64_parse(BASE64_STD, view_str(json_text(answer, "statement")), &bytes, &f));
	if (!rc_is_ok(request_parse(buf_view(&bytes), &old, NULL)))
		return OK;
	*ret_same = old.deadline > clock_now(&clock_system) && is_same_wish(&old, wish);
	*ret_release = old.release;
	return OK;
}

/* Looks for a pending (or just finished) request of mine over the same files. */
static rc find_pending(struct cli *c, struct view statement, char out[DIGEST_HEX], bool *ret_found,
		       unix_time *ret_release)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *hits = NULL;
	AUTO(request) struct request wish = {0};
	struct fault f = {0};
	const json_t *row;
	char hex[DIGEST_HEX];
	size_t i;

	*ret_found = false;
	CLI_TRY(c, &f, request_parse(statement, &wish, &f));
	digest_hex(&wish.items[0].sha256, hex);
	TRY(api_json(c, &get, &hits, "/v1/search?digest=%s", hex));
	json_array_foreach(json_object_get(hits, "requests"), i, row)
	{
		const char *id = json_text(row, "request");

		if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
			continue;
		TRY(try_join(c, id, &wish, ret_found, ret_release));
		if (*ret_found) {
			memcpy(out, id, DIGEST_HEX);
			return OK;
		}
	}
	return OK;
}

static rc send_request(struct cli *c, struct view statement, json_t **ret)
{
	AUTO(secret) struct secret mem = {0};
	AUTO(buf) struct buf host = {0};
	AUTO(json) json_t *body = json_object();
	const struct api_call post = {.method = "POST", .body = body};
	struct buf requester;
	struct fault f = {0};
	rc r;

	CLI_TRY(c, &f, secret_new(&mem, PROOF_MAX));
	buf_init_fixed(&requester, mem.ptr, mem.len);
	buf_init(&host, SVID_PROOF_MAX);
	TRY(prove(c, statement, &requester, &host));
	TRY(json_put_base64(c, body, "statement", statement));
	TRY(json_put_base64(c, body, "requester_signature", buf_view(&requester)));
	TRY(json_put_base64(c, body, "host_signature", buf_view(&host)));
	if (json_object_set_new(body, "sign", json_true()) != 0)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	r = api_json(c, &post, ret, "/v1/requests");
	json_wipe(body, "requester_signature"); /* it may be a token */
	return r;
}

/* What the agent says of this host's guard; it signs nothing else of it. */
static rc fill_guard(struct cli *c, struct request *wish)
{
	AUTO(json) json_t *info = NULL;
	const json_t *guard, *serial;
	struct request_guard *g = &wish->guard;
	struct api *api;

	if (c->config.agent[0] == '\0' || wish->host.s[0] == '\0')
		return OK;
	TRY(cli_api(c, &api));
	TRY(api_agent_info(c, api, &info));
	guard = json_object_get(info, "guard");
	if (guard == NULL)
		return OK;
	(void)snprintf(g->state.mode, sizeof(g->state.mode), "%s", json_text(guard, "mode"));
	(void)snprintf(g->state.level, sizeof(g->state.level), "%s", json_text(guard, "level"));
	serial = json_object_get(guard, "serial");
	g->state.has_list = serial != NULL;
	g->state.serial = (uint64_t)json_integer_value(serial);
	if (!rc_is_ok(time_parse(view_str(json_text(guard, "at")), &g->at)) ||
	    (g->state.has_list &&
	     !rc_is_ok(name_parse(view_str(json_text(guard, "list")), &g->state.list))))
		return cli_problem(c, RC_PEER, "", "the agent says nothing sound of its guard");
	g->given = true;
	return OK;
}

/* Makes the wish from options and files; everything but the signatures. */
static rc make_wish(struct cli *c, const struct args *a, const struct batch *b,
		    struct request *wish, struct buf *statement)
{
	const char *key = args_value(a, "key");

	TRY(cli_config(c));
	if (key == NULL)
		return cli_problem(c, RC_USAGE, "greatseal key list", "--key NAME is missing");
	(void)snprintf(wish->origin, sizeof(wish->origin), "%s", c->config.origin);
	wish->requester = c->config.person;
	wish->host = c->config.host;
	if (wish->host.s[0] == '\0' && !job_asks(c)) {
		struct sshsigner *ignored;

		return cli_host_key(c, &ignored);
	}
	TRY(submit_key(c, key, &(wish)->key, &(wish)->key_fingerprint));
	TRY(fill_terms(c, a, wish));
	TRY(fill_guard(c, wish));
	return encode_request(c, b, wish, statement);
}

/* What is joined has the time that its approvers were shown, whatever is asked for now. */
static void say_release(const struct cli *c, const char *id, unix_time wanted, unix_time is)
{
	char asked[TIME_TEXT] = "?";
	char stands[TIME_TEXT] = "?";

	if (wanted == is)
		return;
	rc_ignore(time_format(wanted, asked), "then the text has a ?");
	rc_ignore(time_format(is, stands), "then the text has a ?");
	cli_say(c,
		"  it is given out at %s, as it was asked for first, and not at %s\n"
		"  for another time: greatseal cancel %.16s, and ask again",
		stands, asked, id);
}

static rc check_outputs(struct cli *c, struct view statement)
{
	AUTO(request) struct request r = {0};
	struct fault f = {0};

	CLI_TRY(c, &f, request_parse(statement, &r, &f));
	return outputs_check(c, &r);
}

/* Submits or joins; *ret is an object with "status". */
static rc submit(struct cli *c, const struct args *a, json_t **ret)
{
	AUTO(batch) struct batch b = {0};
	AUTO(request) struct request wish = {0};
	AUTO(buf) struct buf statement = {0};
	const struct api_call get = {.method = "GET"};
	char pending[DIGEST_HEX];
	unix_time release = 0;
	bool found = false;

	buf_init(&statement, REQUEST_BYTES_MAX);
	TRY(open_files(c, a, &b));
	TRY(make_wish(c, a, &b, &wish, &statement));
	TRY(check_outputs(c, buf_view(&statement)));
	if (!args_has(a, "new"))
		TRY(find_pending(c, buf_view(&statement), pending, &found, &release));
	if (wish.upload)
		TRY(upload_files(c, &b));
	if (found) {
		cli_say(c, "joining request %.16s, which asks for the same", pending);
		say_release(c, pending, wish.release, release);
		return api_json(c, &get, ret, "/v1/requests/%s", pending);
	}
	return send_request(c, buf_view(&statement), ret);
}

/* Fetches what is signed. */
static rc fetch_all(struct cli *c, const struct args *a, const char *id, json_t *status)
{
	AUTO(json) json_t *files = json_array();
	const struct fetch_order order = {.request = id,
					  .use = 1,
					  .output = args_value(a, "output"),
					  .sources = (const char *const *)a->words};

	TRY(fetch_request(c, &order, files));
	return json_object_set(status, "files", files) == 0
		       ? OK
		       : cli_problem(c, RC_NOMEM, "", "no memory");
}

static rc wait_and_fetch(struct cli *c, const struct args *a, uint64_t seconds, json_t **status)
{
	enum wait_end end = WAIT_TIMEOUT; /* with --no-wait it is over at once */
	char id[DIGEST_HEX];

	(void)snprintf(id, sizeof(id), "%s", json_text(*status, "request"));
	if (answer_exit(*status) != EXIT_DONE && !args_has(a, "no-wait")) {
		cli_say(c, "waiting for request %.16s", id);
		TRY(wait_for(c, seconds, status, &end));
	}
	if (answer_exit(*status) == EXIT_DONE)
		return fetch_all(c, a, id, *status);
	if (answer_exit(*status) == EXIT_WAITING)
		wait_say(c, id, end);
	return OK;
}

rc submit_request(struct cli *c, const struct args *a, bool wait, json_t **ret)
{
	AUTO(json) json_t *answer = NULL;
	AUTO(json) json_t *status = NULL;
	uint64_t seconds = 0;

	if (args_value(a, "timeout") != NULL)
		TRY(wait_time(c, "timeout", args_value(a, "timeout"), &seconds));
	TRY(submit(c, a, &answer));
	status = json_incref(json_object_get(answer, "status"));
	if (strlen(json_text(status, "request")) != 64)
		return cli_problem(c, RC_PEER, "", "the server's answer has no request id");
	if (wait)
		TRY(wait_and_fetch(c, a, seconds, &status));
	*ret = json_incref(status);
	return OK;
}

/* wait: the signature is wanted, and not the request alone. */
static rc run(struct cli *c, const struct args *a, bool wait)
{
	AUTO(json) json_t *status = NULL;

	TRY(submit_request(c, a, wait, &status));
	c->exit = answer_exit(status);
	if (cli_print_json(c, status))
		return OK;
	if (args_has(a, "no-wait") && c->exit == EXIT_WAITING)
		(void)printf(
			"%s\n",
			json_text(status, "request")); /* for the script that comes back with it */
	else
		answer_print_status(c, status);
	return OK;
}

rc cmd_submit(struct cli *c, const struct args *a)
{
	rc r = run(c, a, args_has(a, "wait"));

	/* A request that is safely with the keeper and waits for people is a success of submit. */
	if (rc_is_ok(r) && c->exit == EXIT_WAITING && !args_has(a, "wait"))
		c->exit = EXIT_DONE;
	return r;
}

rc cmd_sign(struct cli *c, const struct args *a)
{
	if (args_has(a, "wait") && args_has(a, "no-wait"))
		return cli_problem(c, RC_USAGE, "", "--wait and --no-wait");
	return run(c, a, true);
}
