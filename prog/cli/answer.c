#include "prog/cli/answer.h"

#include <string.h>

#include "lib/model/reason.h"
#include "prog/cli/api.h"

static const char *mark(const struct cli *c, const char *outcome)
{
	if (strcmp(outcome, "ok") == 0 || strcmp(outcome, "allow") == 0)
		return cli_green(c);
	if (strcmp(outcome, "wait") == 0)
		return cli_yellow(c);
	return cli_red(c);
}

void compare_code(const char *hex, char out[COMPARE_CODE])
{
	(void)snprintf(out, COMPARE_CODE, "%.4s %.4s %.4s %.4s", hex, hex + 4, hex + 8, hex + 12);
}

void answer_print_checks(const struct cli *c, const json_t *status)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(status, "checks"), i, row)
	{
		const char *outcome = json_text(row, "outcome");

		const char *passes = json_text(row, "passes");
		enum reason reason = REASON_NONE;

		(void)printf("  %s%-5s%s %-22s %s%s%s%s\n", mark(c, outcome), outcome, cli_plain(c),
			     json_text(row, "reason"), json_text(row, "text"),
			     passes[0] == '\0' ? "" : " (passes at ", passes,
			     passes[0] == '\0' ? "" : ")");
		if (strcmp(outcome, "ok") != 0 &&
		    rc_is_ok(reason_parse(view_str(json_text(row, "reason")), &reason)))
			(void)printf("        what would make it pass: %s\n",
				     reason_remedy(reason));
	}
}

/* Why an approval does not count, in a word where there is a plain one. */
static const char *not_counted(const char *reason)
{
	return strcmp(reason, "state.no-approval") == 0 ? "it was withdrawn" : reason;
}

static void print_approvals(const struct cli *c, const json_t *status, bool open)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(status, "approvals"), i, row)
	{
		const char *reason = json_text(row, "reason");
		/* Of what is signed or closed, the entry of its use says what counted. */
		bool counts = json_is_true(json_object_get(row, "live")) ||
			      (!open && strcmp(reason, "state.no-approval") != 0);

		(void)printf(
			"  approved by %s%s%s%s at %s, log entry %" JSON_INTEGER_FORMAT "%s%s\n",
			cli_bold(c), json_text(row, "person"), cli_plain(c),
			strcmp(json_text(row, "channel"), "browser") == 0 ? " in a browser" : "",
			json_text(row, "given"), json_number(row, "leaf"),
			counts ? "" : " - does not count: ", counts ? "" : not_counted(reason));
	}
}

/* That it broke the glass, and how the review of that stands. */
static void print_review(const struct cli *c, const json_t *status)
{
	const json_t *review = json_object_get(status, "review");
	const char *state = json_text(review, "state");

	if (!json_is_object(review))
		return;
	if (strcmp(state, "done") == 0)
		(void)printf("  broke the glass; it was reviewed\n");
	else
		(void)printf("  %sbroke the glass%s: %s %s, %" JSON_INTEGER_FORMAT
			     " review%s; greatseal review %.16s\n",
			     cli_red(c), cli_plain(c),
			     strcmp(state, "overdue") == 0 ? "the key waits, overdue since" : "due",
			     json_text(review, "due"), json_number(review, "owed"),
			     json_number(review, "owed") == 1 ? "" : "s",
			     json_text(status, "request"));
}

void answer_print_status(const struct cli *c, const json_t *status)
{
	const char *id = json_text(status, "request");
	const char *state = json_text(status, "state");
	const char *outcome = json_text(status, "outcome");
	const char *host = json_text(status, "host");
	bool open = strcmp(state, "open") == 0;
	const json_t *seat;
	char code[COMPARE_CODE];
	size_t i;

	compare_code(strlen(id) == 64 ? id : "----------------", code);
	(void)printf("request %s%.16s%s  (%s)\n", cli_bold(c), id, cli_plain(c), code);
	(void)printf("  %s asks for %" JSON_INTEGER_FORMAT " signature%s with %s%s%s\n",
		     json_text(status, "requester"), json_number(status, "items"),
		     json_number(status, "items") == 1 ? "" : "s", json_text(status, "key"),
		     host[0] != '\0' ? ", from " : ", as a job", host);
	if (json_number(status, "uses") > 1)
		(void)printf("  signed %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
			     " times\n",
			     json_number(status, "uses_done"), json_number(status, "uses"));
	if (open)
		(void)printf("  %sopen, %s%s: %s (%s)\n", mark(c, outcome),
			     strcmp(outcome, "allow") == 0 ? "may be signed" : outcome,
			     cli_plain(c), json_text(status, "text"), json_text(status, "reason"));
	else if (strcmp(state, "closed") == 0)
		(void)printf("  %sclosed%s: %s (%s)\n", cli_red(c), cli_plain(c),
			     json_text(status, "text"), json_text(status, "reason"));
	else if (answer_is_held(status))
		(void)printf("  %ssigned, not given out%s: %s (%s)\n", mark(c, outcome),
			     cli_plain(c), json_text(status, "text"), json_text(status, "reason"));
	else
		(void)printf("  %s%s%s\n", cli_green(c), state, cli_plain(c));
	print_approvals(c, status, open);
	print_review(c, status);
	if (!open && !answer_is_held(status))
		return; /* nobody is missed any more */
	json_array_foreach(json_object_get(status, "missing"), i, seat)(void)
		printf("  missing: %s\n", json_is_string(seat) ? json_string_value(seat) : "?");
	if (json_text(status, "remedy")[0] != '\0')
		(void)printf("  what helps: %s\n", json_text(status, "remedy"));
}

enum exit_code answer_exit(const json_t *status)
{
	const char *state = json_text(status, "state");

	if (strcmp(state, "done") == 0)
		return EXIT_DONE;
	if (strcmp(state, "closed") == 0)
		return EXIT_DENIED;
	if (json_number(status, "uses_done") > 0)
		return EXIT_DONE;
	if (strcmp(state, "open") == 0 && strcmp(json_text(status, "outcome"), "deny") == 0)
		return EXIT_DENIED;
	return EXIT_WAITING;
}

bool answer_is_held(const json_t *status)
{
	/* In every other committed state the signatures are being made. */
	return strcmp(json_text(status, "state"), "committed") == 0 &&
	       strcmp(json_text(status, "reason"), "state.committed") != 0;
}

bool answer_is_final(const json_t *status)
{
	const char *state = json_text(status, "state");

	return strcmp(state, "done") == 0 || strcmp(state, "closed") == 0 ||
	       json_number(status, "uses_done") > 0;
}

/* Looks through the newest requests for the one id that begins so. */
static rc find_prefix(struct cli *c, const char *typed, char out[DIGEST_HEX])
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *list = NULL;
	const json_t *row;
	size_t hits = 0;
	size_t i;

	TRY(api_json(c, &get, &list, "/v1/requests?limit=500"));
	json_array_foreach(json_object_get(list, "requests"), i, row)
	{
		const char *id = json_text(row, "request");

		if (strncmp(id, typed, strlen(typed)) != 0 || strlen(id) != 64)
			continue;
		hits++;
		memcpy(out, id, DIGEST_HEX);
	}
	if (hits == 0)
		return cli_problem(c, RC_NOTFOUND, "greatseal inbox --all",
				   "no request begins with %s", typed);
	if (hits > 1)
		return cli_problem(c, RC_USAGE, "type more digits", "%zu requests begin with %s",
				   hits, typed);
	return OK;
}

rc answer_request_id(struct cli *c, const char *typed, char out[DIGEST_HEX])
{
	size_t len = strlen(typed);

	if (len < 8 || len > 64 || strspn(typed, "0123456789abcdef") != len)
		return cli_problem(c, RC_USAGE, "greatseal inbox",
				   "%s: a request is named by 8 to 64 lower-case hex digits",
				   typed);
	if (len == 64) {
		memcpy(out, typed, DIGEST_HEX);
		return OK;
	}
	return find_prefix(c, typed, out);
}
