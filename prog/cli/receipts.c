#include "prog/cli/receipts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/tlog/proof_file.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"
#include "prog/cli/job.h"
#include "prog/cli/logview.h"
#include "prog/cli/receipts_change.h"
#include "prog/cli/shown.h"

#define SUFFIX ".json"
#define FILE_NAME (DIGEST_HEX + sizeof(SUFFIX))

/* ---- The directory -------------------------------------------------------------------------*/

static rc directory(char out[PATH_MAX], struct fault *f)
{
	const char *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int n;

	if (xdg != NULL && xdg[0] == '/')
		n = snprintf(out, PATH_MAX, "%s/greatseal/receipts", xdg);
	else if (home != NULL && home[0] == '/')
		n = snprintf(out, PATH_MAX, "%s/.local/state/greatseal/receipts", home);
	else
		return fault_set(f, RC_NOTFOUND, 0,
				 "neither $XDG_STATE_HOME nor $HOME says where to keep receipts");
	return n > 0 && n < PATH_MAX ? OK
				     : fault_set(f, RC_LIMIT, 0, "$XDG_STATE_HOME is too long");
}

static void file_name(const struct receipt *r, char out[FILE_NAME])
{
	char hex[DIGEST_HEX];

	digest_hex(&r->digest, hex);
	(void)snprintf(out, FILE_NAME, "%s" SUFFIX, hex);
}

static rc write_file(const struct receipt *r, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	AUTO(fd) int dir = -1;
	char path[PATH_MAX];
	char name[FILE_NAME];

	buf_init(&text, RECEIPT_BYTES_MAX);
	file_name(r, name);
	TRY(receipt_encode(r, &text, f));
	TRY(directory(path, f));
	TRY(dir_make(path, 0700, f));
	TRY(dir_open(path, &dir, f));
	return file_replace(
		&(struct file_spec){.dirfd = dir, .name = name, .mode = 0600, .durable = true},
		buf_view(&text), f);
}

void receipts_keep(const struct cli *c, const struct receipt *r)
{
	struct fault f = {0};

	/* What is a job's is gone with it, and no token is ever in a file. */
	if (job_asks(c))
		return;
	if (!rc_is_ok(write_file(r, &f)))
		(void)fprintf(stderr, "greatseal: the receipt is not kept%s: %s\n",
			      c->json ? "" : ", note what is said below", f.text);
}

void receipts_drop(const struct receipt *r)
{
	AUTO(fd) int dir = -1;
	char path[PATH_MAX];
	char name[FILE_NAME];

	if (r->proof.len > 0)
		return;
	file_name(r, name);
	if (rc_is_ok(directory(path, NULL)) && rc_is_ok(dir_open(path, &dir, NULL)))
		(void)unlinkat(dir, name, 0);
}

static rc load(int dir, const char *name, struct receipt *ret, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	char expected[FILE_NAME];

	buf_init(&text, RECEIPT_BYTES_MAX);
	TRY(file_read_at(dir, name, &text, f));
	TRY(receipt_parse(buf_view(&text), ret, f));
	file_name(ret, expected);
	return strcmp(expected, name) == 0
		       ? OK
		       : fault_set(f, RC_MISMATCH, 0, "the name is not that of its statement");
}

/* A change may be signed more than once on a machine: the log's answer stays. */
static rc take_older_proof(struct receipt *r)
{
	AUTO(receipt) struct receipt older = {0};
	AUTO(fd) int dir = -1;
	char path[PATH_MAX];
	char name[FILE_NAME];

	file_name(r, name);
	if (!rc_is_ok(directory(path, NULL)) || !rc_is_ok(dir_open(path, &dir, NULL)) ||
	    !rc_is_ok(load(dir, name, &older, NULL)) || older.proof.len == 0)
		return OK;
	return receipt_set_proof(r, buf_view(&older.proof), NULL);
}

rc receipts_begin(struct cli *c, enum statement_kind kind, struct view statement,
		  struct view signature, struct receipt *ret)
{
	struct fault f = {0};

	CLI_TRY(c, &f,
		receipt_make(kind, c->config.origin, statement, signature, clock_now(&clock_system),
			     ret, &f));
	if (receipt_is_change(kind))
		TRY(take_older_proof(ret));
	receipts_keep(c, ret);
	return OK;
}

/* ---- What the server answers ---------------------------------------------------------------*/

/* What it is called: people do not say "keyadmin". */
static const char *word(const struct receipt *r)
{
	return receipt_is_change(r->kind) ? "change" : statement_info(r->kind)->name;
}

#define ALARM "keep the receipts in greatseal/receipts and call the security team"

bool receipts_is_pending(const struct receipt *r, const json_t *answer)
{
	return receipt_is_change(r->kind) && r->proof.len == 0 &&
	       strcmp(json_text(answer, "state"), "pending") == 0;
}

rc receipts_take(struct cli *c, const json_t *answer, struct receipt *r)
{
	const json_t *proof = json_object_get(json_object_get(answer, "receipt"), "proof");
	struct vkey log;
	struct fault f = {0};

	if (!json_is_string(proof))
		return cli_problem(c, RC_MISMATCH, "greatseal receipts --check asks again",
				   "the server gave no receipt: the %s may not have been recorded",
				   word(r));
	TRY(logview_vkey(c, &log));
	CLI_TRY(c, &f,
		receipt_set_proof(r, view_of(json_string_value(proof), json_string_length(proof)),
				  &f));
	if (!rc_is_ok(receipt_check(r, &log, clock_now(&clock_system), &f)))
		return cli_problem(c, RC_MISMATCH, "greatseal receipts --check asks again",
				   "the server's receipt is wrong, the %s may not have been "
				   "recorded: %s",
				   word(r), f.text);
	receipts_keep(c, r);
	return logview_holds(c, &r->head);
}

/* ---- Asking again --------------------------------------------------------------------------*/

/* What became of one receipt. */
struct finding {
	const char *state; /* "recorded", "sent", "unreadable"; with --check "kept", "pending",
			      "hidden", "lost", "refused" */
	bool bad;	   /* the server hides or has lost the act */
	char text[FAULT_TEXT];
};

static void found(struct finding *to, const char *state, bool bad, const char *text)
{
	to->state = state;
	to->bad = bad;
	(void)snprintf(to->text, sizeof(to->text), "%s", text);
}

static bool has_approval(const json_t *status, const struct digest *statement, bool *ret_live)
{
	char hex[DIGEST_HEX];
	const json_t *row;
	size_t i;

	digest_hex(statement, hex);
	json_array_foreach(json_object_get(status, "approvals"), i, row)
	{
		if (strcmp(json_text(row, "statement"), hex) != 0)
			continue;
		*ret_live = json_is_true(json_object_get(row, "live"));
		return true;
	}
	return false;
}

/* Whether the status tells of the act; what is missing in it otherwise. */
static const char *flaw(const json_t *status, const struct receipt *r)
{
	const char *reason = json_text(status, "reason");
	bool closed = strcmp(json_text(status, "state"), "closed") == 0;
	char id[DIGEST_HEX];
	bool live;

	digest_hex(&r->act.request, id);
	if (strcmp(json_text(status, "request"), id) != 0)
		return "the server answers with the status of another request";
	if (r->kind == STATEMENT_APPROVAL)
		return has_approval(status, &r->digest, &live)
			       ? NULL
			       : "the request's status does not list the approval";
	if (r->kind == STATEMENT_WITHDRAWAL)
		return has_approval(status, &r->act.approval, &live) && !live
			       ? NULL
			       : "the request's status still counts the approval, or does not list "
				 "it";
	return closed && strcmp(reason, r->kind == STATEMENT_DENIAL ? "state.denied"
								    : "state.cancelled") == 0
		       ? NULL
		       : "the request's status does not say that it was closed by this act";
}

/* The same of a review, which the list of reviews has. */
static rc review_flaw(struct cli *c, const struct receipt *r, const char **ret)
{
	const struct api_call get = {.method = "GET"};
	uint64_t from = 0;
	char request[DIGEST_HEX];
	char hex[DIGEST_HEX];

	digest_hex(&r->act.request, request);
	digest_hex(&r->digest, hex);
	do {
		AUTO(json) json_t *list = NULL;
		const json_t *row, *given;
		size_t i, k;

		TRY(api_json(c, &get, &list, "/v1/reviews?request=%s&from=%" PRIu64, request,
			     from));
		json_array_foreach(json_object_get(list, "reviews"), i, row) json_array_foreach(
			json_object_get(row, "given"), k,
			given) if (strcmp(json_text(given, "statement"), hex) == 0)
		{
			*ret = NULL;
			return OK;
		}
		from = (uint64_t)json_number(list, "next");
	} while (from > 0);
	*ret = "the request's reviews do not list it";
	return OK;
}

/* The log as it is now still has the entry, in its place. */
static rc check_log(struct cli *c, const struct receipt *r)
{
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf proof = {0};

	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&proof, PROOF_FILE_MAX);
	TRY(logview_holds(c, &r->head));
	TRY(logview_entry(c, r->leaf, &entry, &proof));
	return view_is_equal(buf_view(&entry), buf_view(&r->entry))
		       ? OK
		       : cli_problem(c, RC_MISMATCH, "", "the log has another entry %" PRIu64,
				     r->leaf);
}

static rc check_status(struct cli *c, const struct receipt *r, struct finding *to)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	char id[DIGEST_HEX];
	const char *bad = NULL;
	rc e;

	if (receipt_is_change(r->kind)) {
		TRY(receipts_change_flaw(c, r, &bad));
		found(to, bad == NULL ? "kept" : "hidden", bad != NULL, bad == NULL ? "" : bad);
		return OK;
	}
	digest_hex(&r->act.request, id);
	e = api_json(c, &get, &answer, "/v1/requests/%s", id);
	if (e.code == RC_NOTFOUND) {
		found(to, "hidden", true, "the server does not know the request");
		return OK;
	}
	TRY(e);
	if (r->kind == STATEMENT_REVIEW)
		TRY(review_flaw(c, r, &bad));
	else
		bad = flaw(json_object_get(answer, "status"), r);
	found(to, bad == NULL ? "kept" : "hidden", bad != NULL, bad == NULL ? "" : bad);
	return OK;
}

static rc send_change(struct cli *c, const struct receipt *r, json_t **ret)
{
	AUTO(json) json_t *body = json_object();
	bool recovery = r->kind == STATEMENT_RECOVERY; /* whose signers nobody need know */
	const struct api_call post = {
		.method = "POST", .body = body, .open = recovery, .exact = true};
	json_t *sigs = json_array();

	if (json_object_set_new(body, "signatures", sigs) != 0 ||
	    json_object_set_new(body, "kind", json_string(statement_info(r->kind)->name)) != 0)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	TRY(json_put_base64(c, body, "statement", buf_view(&r->statement)));
	TRY(json_put_base64(c, sigs, NULL, buf_view(&r->signature)));
	return api_json(c, &post, ret, recovery ? "/v1/recovery" : "/v1/changes");
}

rc receipts_send(struct cli *c, const struct receipt *r, json_t **ret)
{
	AUTO(json) json_t *body = json_object();
	const struct api_call post = {.method = "POST", .body = body, .exact = true};
	char id[DIGEST_HEX];
	rc e;

	if (receipt_is_change(r->kind))
		return send_change(c, r, ret);
	digest_hex(&r->act.request, id);
	TRY(json_put_base64(c, body, "statement", buf_view(&r->statement)));
	TRY(json_put_base64(c, body, "signature", buf_view(&r->signature)));
	if (json_object_set_new(body, "kind", json_string(statement_info(r->kind)->name)) != 0 ||
	    json_object_set_new(body, "sign", json_true()) != 0)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	e = api_json(c, &post, ret, "/v1/requests/%s/acts", id);
	json_wipe(body, "signature"); /* of a job it is a token */
	return e;
}

bool receipts_is_refusal(rc e)
{
	return e.code == RC_DENIED || e.code == RC_USAGE || e.code == RC_NOTFOUND;
}

/* Sent without an answer: the same bytes again are the same act. */
static rc ask_again(struct cli *c, struct receipt *r, struct finding *to)
{
	AUTO(json) json_t *answer = NULL;
	rc e = receipts_send(c, r, &answer);

	if (rc_is_ok(e) && receipts_is_pending(r, answer)) {
		found(to, "pending", false, "it misses signatures, so the log has nothing of it");
		return OK;
	}
	if (rc_is_ok(e))
		e = receipts_take(c, answer, r);
	if (receipts_is_refusal(e)) {
		found(to, "refused", false, c->problem.text);
		receipts_drop(r);
		return OK;
	}
	if (e.code == RC_MISMATCH) {
		found(to, "hidden", true, c->problem.text);
		return OK;
	}
	TRY(e);
	return check_status(c, r, to);
}

static rc check_one(struct cli *c, struct receipt *r, struct finding *to)
{
	struct vkey log;
	struct fault f = {0};
	rc e;

	TRY(logview_vkey(c, &log));
	if (strcmp(r->act.origin, log.name) != 0) {
		found(to, "elsewhere", false, "of a log that this client does not follow");
		return OK;
	}
	if (r->proof.len == 0)
		return ask_again(c, r, to);
	if (!rc_is_ok(receipt_check(r, &log, clock_now(&clock_system), &f))) {
		found(to, "unreadable", false, f.text);
		return OK;
	}
	e = check_log(c, r);
	if (e.code == RC_MISMATCH || e.code == RC_NOTFOUND || e.code == RC_CORRUPT) {
		found(to, "lost", true, c->problem.text);
		return OK;
	}
	TRY(e);
	return check_status(c, r, to);
}

/* ---- The command ---------------------------------------------------------------------------*/

static void describe(struct cli *c, struct receipt *r, struct finding *to)
{
	struct vkey log;
	struct fault f = {0};

	found(to, "recorded", false, "");
	if (r->proof.len == 0)
		found(to, "sent", false,
		      receipt_is_change(r->kind) ? "and not recorded: without an answer, or it "
						   "missed signatures"
						 : "without an answer");
	/* Without a client's configuration there is no key to check with. */
	else if (rc_is_ok(logview_vkey(c, &log)) && strcmp(r->act.origin, log.name) == 0 &&
		 !rc_is_ok(receipt_check(r, &log, clock_now(&clock_system), &f)))
		found(to, "unreadable", false, f.text);
}

struct listing {
	json_t *rows;
	size_t bad;
};

static rc add_row(struct cli *c, const struct receipt *r, const struct finding *what,
		  struct listing *to)
{
	char subject[DIGEST_HEX];
	char statement[DIGEST_HEX];
	char sent[TIME_TEXT] = "";
	char text[FAULT_TEXT];
	json_t *row;

	digest_hex(receipt_is_change(r->kind) ? &r->digest : &r->act.request, subject);
	digest_hex(&r->digest, statement);
	TRY(time_format(r->sent, sent));
	(void)snprintf(text, sizeof(text), "%s", what->text);
	shown_text(text, sizeof(text));
	row = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "kind", statement_info(r->kind)->name,
			"origin", r->act.origin, receipt_is_change(r->kind) ? "change" : "request",
			subject, "sent", sent, "state", what->state, "statement", statement, "text",
			text);
	if (row != NULL && r->time != 0)
		(void)json_object_set_new(row, "leaf", json_integer((json_int_t)r->leaf));
	if (json_array_append_new(to->rows, row) != 0)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	to->bad += what->bad;
	return OK;
}

static rc add_unreadable(struct cli *c, const char *name, const char *why, struct listing *to)
{
	char text[NAME_MAX + FAULT_TEXT];
	json_t *row;

	(void)snprintf(text, sizeof(text), "%s: %s", name, why);
	shown_text(text, sizeof(text));
	row = json_pack("{s:s,s:s}", "state", "unreadable", "text", text);
	return json_array_append_new(to->rows, row) == 0
		       ? OK
		       : cli_problem(c, RC_NOMEM, "", "no memory");
}

static rc one_file(struct cli *c, int dir, const char *name, struct listing *to)
{
	AUTO(receipt) struct receipt r = {0};
	struct finding what = {0};
	struct fault f = {0};
	rc e = load(dir, name, &r, &f);

	if (!rc_is_ok(e))
		return add_unreadable(c, name, f.text, to);
	if (args_has(c->args, "check"))
		TRY(check_one(c, &r, &what));
	else
		describe(c, &r, &what);
	return add_row(c, &r, &what, to);
}

static int is_receipt(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len == FILE_NAME - 2 && strcmp(e->d_name + DIGEST_HEX - 1, SUFFIX) == 0;
}

static rc all_files(struct cli *c, struct listing *to)
{
	AUTO(fd) int dir = -1;
	struct dirent **names = NULL;
	char path[PATH_MAX];
	struct fault f = {0};
	int count;
	rc e;

	CLI_TRY(c, &f, directory(path, &f));
	e = dir_open(path, &dir, &f);
	if (e.code == RC_NOTFOUND)
		return OK;
	CLI_TRY(c, &f, e);
	count = scandirat(dir, ".", &names, is_receipt, alphasort);
	if (count < 0)
		return cli_problem(c, RC_IO, "", "%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (rc_is_ok(e))
			e = one_file(c, dir, names[i]->d_name, to);
		free(names[i]);
	}
	free(names);
	return e;
}

static void print_rows(const struct cli *c, const json_t *rows)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *state = json_text(row, "state");
		const char *subject = json_object_get(row, "change") != NULL ? "change" : "request";
		bool bad = strcmp(state, "hidden") == 0 || strcmp(state, "lost") == 0;

		(void)printf("%s%-10s%s %-12s %.16s  %s", bad ? cli_red(c) : "", state,
			     bad ? cli_plain(c) : "", json_text(row, "kind"),
			     json_text(row, subject), json_text(row, "sent"));
		if (json_object_get(row, "leaf") != NULL)
			(void)printf("  entry %" JSON_INTEGER_FORMAT, json_number(row, "leaf"));
		(void)printf("%s%s\n", json_text(row, "text")[0] == '\0' ? "" : "  ",
			     json_text(row, "text"));
	}
}

rc cmd_receipts(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *rows = json_array();
	AUTO(json) json_t *value = NULL;
	struct listing to = {.rows = rows};

	if (args_has(a, "check"))
		TRY(cli_config(c));
	TRY(all_files(c, &to));
	value = json_pack("{s:O}", "receipts", rows);
	if (!cli_print_json(c, value))
		print_rows(c, rows);
	if (to.bad == 0)
		return OK;
	c->exit = EXIT_UNVERIFIED;
	(void)fprintf(stderr,
		      "greatseal: the server hides or has lost %zu of your acts and changes\n"
		      "  to mend it: " ALARM "\n",
		      to.bad);
	return OK;
}
