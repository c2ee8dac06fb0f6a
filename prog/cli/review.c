/* review - what one says, afterwards, of a use that broke the glass.
 *
 * Owns: finding the use, whose entry is read from the log and not believed of the server, and the
 * statement over it. */
#include "prog/cli/review.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/model/review.h"
#include "lib/tlog/proof_file.h"
#include "prog/cli/act.h"
#include "prog/cli/api.h"
#include "prog/cli/logview.h"
#include "prog/cli/shown.h"
#include "prog/cli/wish.h"

/* ---- Which ----------------------------------------------------------------------------------*/

/* The row that is asked for: of that use, or the first that is owed. Taken out of the lists, page
 * after page. */
static rc find_owed(struct cli *c, const struct wish *w, uint64_t use, json_t **ret)
{
	const struct api_call get = {.method = "GET"};
	uint64_t from = 0;

	do {
		AUTO(json) json_t *list = NULL;
		json_t *row;
		size_t i;

		TRY(api_json(c, &get, &list, "/v1/reviews?request=%s&from=%" PRIu64, w->id, from));
		json_array_foreach(json_object_get(list, "reviews"), i, row)
		{
			bool done = strcmp(json_text(row, "state"), "done") == 0;

			if (use == 0 ? done : (uint64_t)json_number(row, "use") != use)
				continue;
			*ret = json_incref(row);
			return OK;
		}
		from = (uint64_t)json_number(list, "next");
	} while (from > 0);
	return cli_problem(c, RC_NOTFOUND, "greatseal inbox",
			   "no review is owed of request %.16s%s", w->id,
			   use == 0 ? "" : ", in this use");
}

static bool has_mine(const struct cli *c, const json_t *row)
{
	const json_t *given;
	size_t i;

	json_array_foreach(json_object_get(row, "given"), i, given)
	{
		if (strcmp(json_text(given, "person"), c->config.person.s) == 0)
			return true;
	}
	return false;
}

/* All rows of the request that are owed and that one has not reviewed. */
static rc find_every(struct cli *c, const struct wish *w, json_t **ret)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *all = json_array();
	uint64_t next = 0;
	uint64_t from;

	do {
		AUTO(json) json_t *list = NULL;
		json_t *row;
		size_t i;

		from = next;
		TRY(api_json(c, &get, &list, "/v1/reviews?request=%s&from=%" PRIu64, w->id, from));
		json_array_foreach(json_object_get(list, "reviews"), i, row)
		{
			if (strcmp(json_text(row, "state"), "done") != 0 && !has_mine(c, row) &&
			    json_array_append(all, row) != 0)
				return cli_problem(c, RC_NOMEM, "", "no memory");
		}
		next = (uint64_t)json_number(list, "next");
	} while (next > from); /* a server that goes in circles is not followed */
	if (json_array_size(all) == 0)
		return cli_problem(c, RC_NOTFOUND, "greatseal inbox",
				   "no review is owed of request %.16s that you have not given",
				   w->id);
	*ret = json_incref(all);
	return OK;
}

/* The entry of the use, from the log: it must say what the server says. */
static rc read_entry(struct cli *c, const struct wish *w, const json_t *row, struct leaf *ret,
		     struct digest *ret_digest)
{
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf proof = {0};
	struct fault f = {0};

	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&proof, PROOF_FILE_MAX);
	TRY(logview_entry(c, (uint64_t)json_number(row, "authorize"), &entry, &proof));
	CLI_TRY(c, &f, leaf_parse(buf_view(&entry), ret, &f));
	if (ret->kind != LEAF_AUTHORIZE || !digest_is_equal(&ret->request, &w->digest) ||
	    ret->use != (uint64_t)json_number(row, "use") || !ret->break_glass)
		return cli_problem(c, RC_MISMATCH, "call the security team",
				   "entry %" JSON_INTEGER_FORMAT
				   " of the log is no use %" JSON_INTEGER_FORMAT
				   " of this request that broke the glass",
				   json_number(row, "authorize"), json_number(row, "use"));
	*ret_digest = digest_of(buf_view(&entry));
	return OK;
}

/* ---- The statement --------------------------------------------------------------------------*/

static rc fill(struct cli *c, const struct args *a, const struct wish *w, struct review *ret)
{
	const char *comment = args_value(a, "message");

	if (comment == NULL || comment[0] == '\0')
		return cli_problem(c, RC_USAGE, "", "a review says why: -m");
	if (strlen(comment) > ACT_COMMENT_MAX)
		return cli_problem(c, RC_USAGE, "", "the message is longer than %d bytes",
				   ACT_COMMENT_MAX);
	if (strcmp(w->request.origin, c->config.origin) != 0)
		return cli_problem(c, RC_MISMATCH, "",
				   "the request is for log %s, this client for %s",
				   w->request.origin, c->config.origin);
	*ret = (struct review){.request = w->digest,
			       .person = c->config.person,
			       .time = clock_now(&clock_system),
			       .incident = args_has(a, "incident")};
	memcpy(ret->origin, w->request.origin, sizeof(ret->origin));
	(void)snprintf(ret->comment, sizeof(ret->comment), "%s", comment);
	if (!rc_is_ok(rng_fill(&rng_system, ret->nonce, sizeof(ret->nonce))))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	return OK;
}

static void print_use(const struct cli *c, const struct leaf *leaf, const json_t *row)
{
	char when[TIME_TEXT] = "?";
	const json_t *seat;
	size_t i;

	rc_ignore(time_format(leaf->time, when), "then it shows a ?");
	(void)printf("  use %" PRIu64 " %sbroke the glass%s at %s, log entry %" JSON_INTEGER_FORMAT
		     "; the review is due %s\n",
		     leaf->use, cli_red(c), cli_plain(c), when, json_number(row, "authorize"),
		     json_text(row, "due"));
	json_array_foreach(json_object_get(row, "missing"), i, seat)(void)
		printf("  missing: %s\n", json_is_string(seat) ? json_string_value(seat) : "?");
}

/* One statement over one use, which is shown first. */
static rc review_use(struct cli *c, const struct args *a, const struct wish *w, json_t *row)
{
	AUTO(buf) struct buf statement = {0};
	struct review review;
	struct fault f = {0};
	struct leaf leaf;

	TRY(fill(c, a, w, &review));
	TRY(read_entry(c, w, row, &leaf, &review.authorize));
	review.use = (uint32_t)leaf.use;
	if (!rc_is_ok(shown_json(row)))
		return cli_problem(c, RC_PEER, "", "the server's answer cannot be shown");
	if (!c->json)
		print_use(c, &leaf, row);
	TRY(act_confirm(c, a, w, review.incident ? "report an incident" : "review"));
	buf_init(&statement, REVIEW_BYTES_MAX);
	CLI_TRY(c, &f, review_encode(&review, &statement, &f));
	return act_finish(c, STATEMENT_REVIEW, buf_view(&statement),
			  review.incident ? "an incident: the key is locked" : "reviewed");
}

rc cmd_review(struct cli *c, const struct args *a)
{
	AUTO(wish) struct wish w = {0};
	AUTO(json) json_t *rows = NULL;
	const char *number = args_value(a, "use");
	bool every = args_has(a, "every");
	struct review review;
	json_t *row;
	uint64_t use = 0;
	size_t i;

	if (every && (number != NULL || c->json))
		return cli_problem(c, RC_USAGE, "", "--every goes without --use and --json");
	if (number != NULL &&
	    (!rc_is_ok(num_parse_u64(number, strlen(number), REQUEST_USES_MAX, &use)) || use == 0))
		return cli_problem(c, RC_USAGE, "", "--use %s: a number from 1", number);
	TRY(wish_fetch(c, a->words[0], &w));
	TRY(fill(c, a, &w, &review)); /* what is wrong with it is said before anything is shown */
	if (every) {
		TRY(find_every(c, &w, &rows));
	} else {
		AUTO(json) json_t *one = NULL;

		TRY(find_owed(c, &w, use, &one));
		rows = json_pack("[O]", one);
	}
	if (!c->json)
		wish_print(c, &w, args_has(a, "all"));
	json_array_foreach(rows, i, row) TRY(review_use(c, a, &w, row));
	return OK;
}

/* ---- The inbox ------------------------------------------------------------------------------*/

rc reviews_mine(struct cli *c, json_t **ret)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *all = json_array();
	uint64_t next = 0;
	uint64_t from;

	do {
		AUTO(json) json_t *list = NULL;

		from = next;
		TRY(api_json(c, &get, &list, "/v1/reviews?for=me&from=%" PRIu64, from));
		if (json_is_array(json_object_get(list, "reviews")) &&
		    json_array_extend(all, json_object_get(list, "reviews")) != 0)
			return cli_problem(c, RC_NOMEM, "", "no memory");
		next = (uint64_t)json_number(list, "next");
	} while (next > from); /* a server that goes in circles is not followed */
	*ret = json_incref(all);
	return OK;
}

rc reviews_print_mine(struct cli *c, size_t *ret_count)
{
	AUTO(json) json_t *list = NULL;
	const json_t *row;
	size_t i;

	TRY(reviews_mine(c, &list));
	if (!rc_is_ok(shown_json(list)))
		return cli_problem(c, RC_PEER, "", "the server's answer cannot be shown");
	json_array_foreach(list, i, row)
	{
		bool overdue = strcmp(json_text(row, "state"), "overdue") == 0;

		(void)printf("%s%.16s%s  %sreview%s    use %" JSON_INTEGER_FORMAT
			     " of %s broke the glass; %s %s\n",
			     cli_bold(c), json_text(row, "request"), cli_plain(c),
			     overdue ? cli_red(c) : "", overdue ? cli_plain(c) : "",
			     json_number(row, "use"), json_text(row, "key"),
			     overdue ? "the key waits, due" : "due", json_text(row, "due"));
	}
	*ret_count = json_array_size(list);
	return OK;
}
