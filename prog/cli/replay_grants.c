#include "prog/cli/replay_grants.h"

#include <stdlib.h>

#include "lib/crypt/sshsig.h"
#include "prog/cli/access.h"
#include "prog/cli/api.h"
#include "prog/cli/encode.h"

void replay_grants_release(struct replay_grants *g)
{
	for (size_t i = 0; i < g->count; i++)
		free(g->list[i].voters);
	free(g->list);
	*g = (struct replay_grants){0};
}

static bool names_owners(const struct policy *p)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (p->keys[i].owners.count > 0)
			return true;
	return false;
}

/* How strong a key must be the keeper judged when it took the grant. */
static const struct sshsig_rules any_form = {
	.allow_unverified = true, .allow_synced = true, .rp_origins = true};

/* A key that nobody has in this roster counts for nobody. */
static rc check_signature(struct cli *c, const struct roster *roster, struct view statement,
			  struct view sig)
{
	const struct principal *p;
	struct sshsig parts;
	struct fault f = {0};

	CLI_TRY(c, &f, sshsig_parse(sig, &parts, &f));
	p = roster_person_by_key(roster, parts.key_blob);
	if (p == NULL || rc_is_ok(sshsig_verify(principal_key(p, parts.key_blob),
						statement_info(STATEMENT_ACCESS)->ns, statement,
						sig, &any_form, NULL, &f)))
		return OK;
	return cli_problem(c, RC_PEER, "", "the server's access list: a signature of %s: %s",
			   p->name.s, f.text);
}

/* Who signed it, by this roster. */
static rc read_voters(struct cli *c, const json_t *answer, struct view statement,
		      const struct roster *roster, struct replay_grant *g)
{
	const json_t *list = json_object_get(answer, "signatures");
	struct buf bytes[CHANGE_SIGNATURES_MAX] = {0};
	struct view sigs[CHANGE_SIGNATURES_MAX];
	struct voter *voters;
	size_t count = json_array_size(list);
	rc r = OK;

	if (count > CHANGE_SIGNATURES_MAX)
		return cli_problem(c, RC_PEER, "", "the server shows %zu signatures of a grant",
				   count);
	voters = calloc(count + 1, sizeof(*voters));
	if (voters == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	for (size_t i = 0; i < count; i++) {
		buf_init(&bytes[i], SSHSIG_BLOB_MAX);
		if (rc_is_ok(r))
			r = json_base64(c, json_array_get(list, i), &bytes[i]);
		sigs[i] = buf_view(&bytes[i]);
		if (rc_is_ok(r))
			r = check_signature(c, roster, statement, sigs[i]);
	}
	g->voters = voters;
	g->voter_count = rc_is_ok(r) ? grant_voters(roster, sigs, count, voters) : 0;
	for (size_t i = 0; i < count; i++)
		buf_release(&bytes[i]);
	return r;
}

/* By which entry it ended, of the statement that the row names. */
static rc read_end(struct cli *c, const json_t *row, struct replay_grant *g)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *answer = NULL;
	struct digest by;

	if (g->ended == 0)
		return OK;
	TRY(json_get_digest(c, row, "ended_by", &by));
	TRY(api_json(c, &get, &answer, "/v1/statements/%s", json_text(row, "ended_by")));
	g->ended_leaf = (uint64_t)json_number(answer, "leaf");
	return OK;
}

/* The statement says what is granted; the row, when. */
static rc read_grant(struct cli *c, const json_t *row, const struct roster *roster,
		     struct replay_grant *g)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(buf) struct buf statement = {0};
	AUTO(json) json_t *answer = NULL;
	struct digest id;

	buf_init(&statement, ACCESS_BYTES_MAX);
	TRY(json_get_digest(c, row, "grant", &id));
	TRY(api_json(c, &get, &answer, "/v1/statements/%s", json_text(row, "grant")));
	TRY(json_get_base64(c, answer, "statement", &statement));
	g->statement = digest_of(buf_view(&statement));
	if (!digest_is_equal(&g->statement, &id) ||
	    !rc_is_ok(access_change_parse(buf_view(&statement), &g->change, NULL)) ||
	    g->change.action != ACCESS_GRANT)
		return cli_problem(c, RC_PEER, "",
				   "the server's access list: a row that is no "
				   "grant");
	TRY(read_voters(c, answer, buf_view(&statement), roster, g));
	return read_end(c, row, g);
}

/* When it was given and ended; false: it was never given, or was over by then. */
static bool read_times(const json_t *row, unix_time since, struct replay_grant *g)
{
	unix_time until;

	*g = (struct replay_grant){0};
	if (!rc_is_ok(time_parse(view_str(json_text(row, "given")), &g->given)) ||
	    !rc_is_ok(time_parse(view_str(json_text(row, "until")), &until)) || until <= since)
		return false;
	return !json_is_string(json_object_get(row, "ended")) ||
	       (rc_is_ok(time_parse(view_str(json_text(row, "ended")), &g->ended)) &&
		g->ended >= since);
}

rc replay_grants_load(struct cli *c, const char *key, const char *person, unix_time since,
		      struct replay_world *w, struct replay_grants *ret)
{
	AUTO(json) json_t *rows = json_array();
	const json_t *row;
	size_t i;

	if (!names_owners(w->policy))
		return OK;
	TRY(access_collect(c, key, person, rows));
	ret->list = calloc(json_array_size(rows) + 1, sizeof(*ret->list));
	if (ret->list == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	json_array_foreach(rows, i, row)
	{
		if (!read_times(row, since, &ret->list[ret->count]))
			continue;
		if (ret->count == REPLAY_GRANTS_MAX)
			return cli_problem(c, RC_LIMIT, "ask for a shorter time",
					   "more than %u grants of access", REPLAY_GRANTS_MAX);
		TRY(read_grant(c, row, w->roster, &ret->list[ret->count++]));
	}
	w->grants = ret->list;
	w->grant_count = ret->count;
	return OK;
}
