#include "prog/cli/access.h"

#include <string.h>

#include "lib/crypt/sshsig.h"
#include "lib/model/change_life.h"
#include "lib/policy/grant.h"
#include "prog/cli/api.h"
#include "prog/cli/document.h"
#include "prog/cli/encode.h"
#include "prog/cli/logview.h"
#include "prog/cli/policy_file.h"
#include "prog/cli/wait.h"

static rc take_name(struct cli *c, const char *option, const char *text, struct name *ret)
{
	if (text == NULL)
		return cli_problem(c, RC_USAGE, "greatseal help access request", "--%s is missing",
				   option);
	if (!rc_is_ok(name_parse(view_str(text), ret)))
		return cli_problem(c, RC_USAGE, "", "--%s %s: a name has a-z 0-9 . _ - only",
				   option, text);
	return OK;
}

static rc begin(struct cli *c, const struct args *a, struct access_change *ret)
{
	const char *comment = args_value(a, "message");

	TRY(cli_config(c));
	memcpy(ret->origin, c->config.origin, sizeof(ret->origin));
	ret->expires = clock_now(&clock_system) + ACCESS_REQUEST_LIFE;
	if (comment != NULL && strlen(comment) >= sizeof(ret->comment))
		return cli_problem(c, RC_USAGE, "", "the message is too long");
	(void)snprintf(ret->comment, sizeof(ret->comment), "%s", comment == NULL ? "" : comment);
	if (!rc_is_ok(rng_fill(&rng_system, ret->nonce, sizeof(ret->nonce))))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	return OK;
}

rc cmd_access_request(struct cli *c, const struct args *a)
{
	struct access_change change = {.action = ACCESS_GRANT};
	AUTO(buf) struct buf statement = {0};
	const char *role = args_value(a, "role");
	struct checkpoint seen;
	uint64_t seconds = 0;
	struct fault f = {0};

	buf_init(&statement, ACCESS_BYTES_MAX);
	TRY(begin(c, a, &change));
	TRY(take_name(c, "key", args_value(a, "key"), &change.key));
	if (args_value(a, "from") != NULL)
		TRY(take_name(c, "from", args_value(a, "from"), &change.host));
	if (role != NULL && !rc_is_ok(access_role_parse(view_str(role), &change.role)))
		return cli_problem(c, RC_USAGE, "", "--role %s: the one role is requester", role);
	if (args_value(a, "for") == NULL)
		return cli_problem(c, RC_USAGE, "such as --for 30d", "--for is missing");
	if (change.comment[0] == '\0')
		return cli_problem(c, RC_USAGE, "-m 'why'",
				   "the owners want to read why: --message is missing");
	TRY(wait_time(c, "for", args_value(a, "for"), &seconds));
	TRY(logview_follow(c, &seen, NULL));
	change.seen_size = seen.head.size;
	change.seen_root = seen.head.root;
	change.person = c->config.person;
	change.until = clock_now(&clock_system) + (unix_time)seconds;
	CLI_TRY(c, &f, access_change_encode(&change, &statement, &f));
	return change_send(c, STATEMENT_ACCESS, buf_view(&statement));
}

/* ---- Looking --------------------------------------------------------------------------------*/

void access_print(const struct cli *c, const struct access_change *change)
{
	char until[TIME_TEXT] = "";

	if (change->action == ACCESS_REVOKE) {
		(void)printf("%s is not, or no longer, to ask for key %s\n", change->person.s,
			     change->key.s);
		return;
	}
	rc_ignore(time_format(change->until, until), "then without it");
	(void)printf(
		"%s%s%s asks to be let in as %s of key %s%s%s%s%s\n  until   %s\n  because %s\n",
		cli_bold(c), change->person.s, cli_plain(c), access_role_name(change->role),
		cli_bold(c), change->key.s, cli_plain(c),
		change->host.s[0] == '\0' ? "" : ", from host ", change->host.s, until,
		change->comment);
}

static const char *state_colour(const struct cli *c, const char *state)
{
	if (strcmp(state, "live") == 0)
		return cli_green(c);
	return strcmp(state, "pending") == 0 ? cli_yellow(c) : cli_red(c);
}

static void print_row(const struct cli *c, const json_t *row)
{
	const char *state = json_text(row, "state");
	const json_t *seat;
	size_t i;

	(void)printf("%s%.16s%s  %s%-8s%s  %s asks for %s", cli_bold(c), json_text(row, "grant"),
		     cli_plain(c), state_colour(c, state), state, cli_plain(c),
		     json_text(row, "person"), json_text(row, "key"));
	if (json_text(row, "host")[0] != '\0')
		(void)printf(" from %s", json_text(row, "host"));
	if (json_text(row, "until")[0] != '\0')
		(void)printf(" until %s", json_text(row, "until"));
	(void)printf("\n");
	if (strcmp(state, "void") == 0)
		(void)printf("  those who gave it are no longer enough of the key's owners\n");
	json_array_foreach(json_object_get(row, "missing"), i, seat)(void)
		printf("  missing: %s\n", json_string_value(seat));
}

/* What waits is told by its statement, not by the server. False: it is none. */
static bool fill_pending(struct cli *c, json_t *row)
{
	AUTO(buf) struct buf statement = {0};
	struct access_change change;
	char until[TIME_TEXT] = "";
	char hex[DIGEST_HEX];
	struct digest digest;

	buf_init(&statement, ACCESS_BYTES_MAX);
	if (!rc_is_ok(json_get_base64(c, row, "statement", &statement)) ||
	    !rc_is_ok(access_change_parse(buf_view(&statement), &change, NULL)) ||
	    change.action != ACCESS_GRANT || !rc_is_ok(time_format(change.until, until)))
		return false;
	digest = digest_of(buf_view(&statement));
	digest_hex(&digest, hex);
	(void)json_object_set_new(row, "grant", json_string(hex));
	(void)json_object_set_new(row, "key", json_string(change.key.s));
	(void)json_object_set_new(row, "person", json_string(change.person.s));
	(void)json_object_set_new(row, "until", json_string(until));
	(void)json_object_set_new(row, "role", json_string(access_role_name(change.role)));
	if (change.host.s[0] != '\0')
		(void)json_object_set_new(row, "host", json_string(change.host.s));
	return true;
}

static bool is_wanted(const json_t *row, const char *key, const char *person)
{
	return (key[0] == '\0' || strcmp(json_text(row, "key"), key) == 0) &&
	       (person[0] == '\0' || strcmp(json_text(row, "person"), person) == 0);
}

rc access_collect(struct cli *c, const char *key, const char *person, json_t *all)
{
	const struct api_call get = {.method = "GET"};
	json_int_t from = 0;

	for (;;) {
		AUTO(json) json_t *answer = NULL;
		json_int_t next;
		json_t *row;
		size_t i;

		TRY(api_json(c, &get, &answer, "/v1/access?key=%s&person=%s&from=%lld", key, person,
			     (long long)from));
		json_array_foreach(json_object_get(answer, "pending"), i,
				   row) if (fill_pending(c, row) &&
					    is_wanted(row, key, person))(void)
			json_array_append(all, row);
		(void)json_array_extend(all, json_object_get(answer, "grants"));
		next = json_number(answer, "next");
		/* A server that goes in circles is not followed. */
		if (next <= from)
			return OK;
		from = next;
	}
}

rc cmd_access_list(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *all = json_array();
	AUTO(json) json_t *value = json_pack("{s:O}", "access", all);
	struct name key = {""};
	struct name person = {""};
	const json_t *row;
	size_t i;

	if (args_value(a, "key") != NULL)
		TRY(take_name(c, "key", args_value(a, "key"), &key));
	if (args_value(a, "person") != NULL)
		TRY(take_name(c, "person", args_value(a, "person"), &person));
	TRY(access_collect(c, key.s, person.s, all));
	if (cli_print_json(c, value))
		return OK;
	json_array_foreach(all, i, row) print_row(c, row);
	if (i == 0)
		(void)printf("nobody has asked for access\n");
	return OK;
}

/* The one whose id begins like this: its row, its statement, and what that says. The server finds
 * it; that it is this one the digest says. */
static rc find(struct cli *c, const char *id, json_t **ret, struct access_change *change,
	       struct digest *digest)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(buf) struct buf statement = {0};
	AUTO(json) json_t *all = json_array();
	AUTO(json) json_t *answer = NULL;
	json_t *found = NULL;
	struct fault f = {0};
	char hex[DIGEST_HEX];
	size_t hits = 0;
	json_t *row;
	size_t i;

	buf_init(&statement, ACCESS_BYTES_MAX);
	if (strlen(id) < 8 || strlen(id) > 64 || strspn(id, "0123456789abcdef") != strlen(id))
		return cli_problem(c, RC_USAGE, "greatseal access list",
				   "%s: access is named by 8 to 64 hex digits", id);
	TRY(access_collect(c, "", "", all));
	json_array_foreach(all, i, row) if (strncmp(json_text(row, "grant"), id, strlen(id)) == 0)
	{
		/* pending and denied is denied */
		hits += found == NULL ||
			strcmp(json_text(found, "grant"), json_text(row, "grant")) != 0;
		found = row;
	}
	if (hits != 1)
		return cli_problem(c, RC_NOTFOUND, "greatseal access list",
				   "%zu grants have this id", hits);
	if (json_object_get(found, "statement") == NULL) {
		TRY(api_json(c, &get, &answer, "/v1/statements/%s", json_text(found, "grant")));
		TRY(json_get_base64(c, answer, "statement", &statement));
	} else {
		TRY(json_get_base64(c, found, "statement", &statement));
	}
	*digest = digest_of(buf_view(&statement));
	digest_hex(digest, hex);
	if (strncmp(hex, id, strlen(id)) != 0)
		return cli_problem(c, RC_MISMATCH, "call the security team",
				   "the server shows another grant than %s", id);
	CLI_TRY(c, &f, access_change_parse(buf_view(&statement), change, &f));
	*ret = json_incref(found);
	return OK;
}

/* ---- Who has ended it -----------------------------------------------------------------------*/

#define ENDERS_TEXT 256

/* The raw signatures under a statement, as views into mem. */
static rc read_signatures(struct cli *c, const json_t *answer, struct buf *mem,
			  struct view sigs[CHANGE_SIGNATURES_MAX], size_t *ret)
{
	size_t ends[CHANGE_SIGNATURES_MAX];
	const json_t *sig;
	size_t start = 0;
	size_t i;

	*ret = 0;
	json_array_foreach(json_object_get(answer, "signatures"), i, sig)
	{
		if (i == CHANGE_SIGNATURES_MAX)
			return cli_problem(c, RC_PEER, "", "a statement with too many signatures");
		TRY(json_base64(c, sig, mem));
		ends[i] = mem->len;
		*ret = i + 1;
	}
	/* Only now does the buffer stay where it is. */
	for (i = 0; i < *ret; i++) {
		sigs[i] = view_of(mem->ptr + start, ends[i] - start);
		start = ends[i];
	}
	return OK;
}

/* "dave", or what else ended the row's access, in words: people by the keys that the roster in
 * force gives them. The statement is the server's word; who must be sure reads it in the log. */
static rc enders(struct cli *c, const json_t *row, char out[ENDERS_TEXT])
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(policy_file) struct policy_file roster = {0};
	struct view sigs[CHANGE_SIGNATURES_MAX];
	struct voter people[CHANGE_SIGNATURES_MAX];
	AUTO(json) json_t *answer = NULL;
	AUTO(buf) struct buf mem = {0};
	size_t count = 0;
	size_t len = 0;

	buf_init(&mem, (size_t)CHANGE_SIGNATURES_MAX * SSHSIG_BLOB_MAX);
	TRY(api_json(c, &get, &answer, "/v1/statements/%s", json_text(row, "ended_by")));
	if (strcmp(json_text(answer, "kind"), statement_info(STATEMENT_ACCESS)->name) != 0) {
		(void)snprintf(out, ENDERS_TEXT, "a roster without %s", json_text(row, "person"));
		return OK;
	}
	TRY(policy_file_in_force(c, SOURCE_ROSTER, &roster));
	TRY(read_signatures(c, answer, &mem, sigs, &count));
	count = grant_voters(roster.roster, sigs, count, people);
	(void)snprintf(out, ENDERS_TEXT, "somebody who has left the roster");
	for (size_t i = 0; i < count && len < ENDERS_TEXT - NAME_MAX_LEN - 2; i++)
		len += (size_t)snprintf(out + len, ENDERS_TEXT - len, "%s%s", i > 0 ? ", " : "",
					people[i].name.s);
	return OK;
}

rc cmd_access_show(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *row = NULL;
	struct access_change change;
	struct digest digest;
	char who[ENDERS_TEXT] = "";

	TRY(find(c, a->words[0], &row, &change, &digest));
	if (json_text(row, "ended")[0] != '\0') {
		TRY(enders(c, row, who));
		(void)json_object_set_new(row, "ended_people", json_string(who));
	}
	if (cli_print_json(c, row))
		return OK;
	print_row(c, row);
	access_print(c, &change);
	if (who[0] != '\0')
		(void)printf("  ended   %s by %s, statement %.16s\n", json_text(row, "ended"), who,
			     json_text(row, "ended_by"));
	return OK;
}

/* ---- Whether a signature would still do something -------------------------------------------*/

static rc is_over(struct cli *c, enum reason why, const char *text)
{
	rc r = cli_problem(c, RC_DENIED, reason_remedy(why), "%s: nothing was signed", text);

	(void)snprintf(c->problem.code, sizeof(c->problem.code), "%s", reason_id(why));
	return r;
}

/* The row is not pending. The keeper would answer that it has the statement, which is no news to
 * whoever means to grant something. */
static rc say_decided(struct cli *c, const json_t *row, bool *ret_given)
{
	const char *state = json_text(row, "state");
	char who[ENDERS_TEXT] = "";
	char text[ENDERS_TEXT + 200];

	*ret_given = strcmp(state, "live") == 0;
	if (*ret_given)
		return OK;
	(void)snprintf(text, sizeof(text), "access %.16s ended at %s", json_text(row, "grant"),
		       json_text(row, "until"));
	if (strcmp(state, "expired") == 0)
		return is_over(c, REASON_ACCESS_LIFE, text);
	if (json_text(row, "ended")[0] != '\0') {
		TRY(enders(c, row, who));
		(void)snprintf(text, sizeof(text), "access %.16s was %s by %s at %s",
			       json_text(row, "grant"), state, who, json_text(row, "ended"));
		return is_over(c, REASON_ACCESS_REVOKED, text);
	}
	(void)snprintf(text, sizeof(text),
		       "access %.16s was given at %s, and those who gave it are no longer enough "
		       "of the key's owners",
		       json_text(row, "grant"), json_text(row, "given"));
	return is_over(c, REASON_ACCESS_OWNER, text);
}

rc access_check_open(struct cli *c, struct view statement, const char *hex, bool *ret_given)
{
	AUTO(json) json_t *all = json_array();
	struct access_change change;
	struct fault f = {0};
	const json_t *row;
	size_t i;

	*ret_given = false;
	CLI_TRY(c, &f, access_change_parse(statement, &change, &f));
	if (change.action != ACCESS_GRANT)
		return OK;
	TRY(access_collect(c, change.key.s, change.person.s, all));
	json_array_foreach(all, i, row)
	{
		if (strcmp(json_text(row, "grant"), hex) != 0 ||
		    strcmp(json_text(row, "state"), "pending") == 0)
			continue;
		TRY(say_decided(c, row, ret_given));
		if (*ret_given && !cli_print_json(c, row))
			(void)printf("it was given at %s and holds until %s: nothing was signed\n",
				     json_text(row, "given"), json_text(row, "until"));
	}
	return OK;
}

/* ---- No -------------------------------------------------------------------------------------*/

/* That the log has it, under a checkpoint that extends what this machine has seen: a server that
 * only says so is noticed. */
static rc check_entry(struct cli *c, const json_t *answer, const struct access_change *end,
		      const struct digest *statement)
{
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf proof = {0};
	struct fault f = {0};
	struct leaf leaf;

	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&proof, 65536);
	if (strcmp(json_text(answer, "state"), "done") != 0)
		return cli_problem(c, RC_PEER, "", "the server has not taken it");
	TRY(logview_entry(c, (uint64_t)json_number(answer, "leaf"), &entry, &proof));
	CLI_TRY(c, &f, leaf_parse(buf_view(&entry), &leaf, &f));
	if (leaf.kind != LEAF_ADMIN || !digest_is_equal(&leaf.statement, statement) ||
	    !digest_is_equal(&leaf.object, &end->grant) ||
	    (strcmp(leaf.action, "access.revoke") != 0 && strcmp(leaf.action, "access.deny") != 0))
		return cli_problem(c, RC_MISMATCH, "call the security team",
				   "the log's entry does not say that access has ended");
	return OK;
}

static rc end(struct cli *c, const struct args *a)
{
	struct access_change change = {.action = ACCESS_REVOKE};
	AUTO(buf) struct buf statement = {0};
	AUTO(json) json_t *row = NULL;
	AUTO(json) json_t *answer = NULL;
	struct access_change grant;
	struct digest digest;
	struct fault f = {0};

	buf_init(&statement, ACCESS_BYTES_MAX);
	TRY(begin(c, a, &change));
	TRY(find(c, a->words[0], &row, &grant, &change.grant));
	change.key = grant.key;
	change.person = grant.person;
	CLI_TRY(c, &f, access_change_encode(&change, &statement, &f));
	digest = digest_of(buf_view(&statement));
	TRY(change_offer(c, STATEMENT_ACCESS, buf_view(&statement), &answer));
	TRY(check_entry(c, answer, &change, &digest));
	if (!cli_print_json(c, answer))
		(void)printf("%s does not ask for key %s by %.16s any more; the log has it\n",
			     grant.person.s, grant.key.s, json_text(row, "grant"));
	return OK;
}

rc cmd_access_deny(struct cli *c, const struct args *a)
{
	return end(c, a);
}

rc cmd_access_revoke(struct cli *c, const struct args *a)
{
	return end(c, a);
}
