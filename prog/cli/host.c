#include "prog/cli/host.h"

#include <string.h>

#include "lib/base/num.h"
#include "lib/model/change_life.h"
#include "lib/model/host_token.h"
#include "lib/model/hostadmin.h"
#include "prog/cli/api.h"
#include "prog/cli/document.h"
#include "prog/cli/host_roster.h"

static rc host_name(struct cli *c, const char *text, struct name *ret)
{
	if (!rc_is_ok(name_parse(view_str(text), ret)))
		return cli_problem(c, RC_USAGE, "", "%s: a host's name has a-z 0-9 . _ - only",
				   text);
	return OK;
}

/* ---- Looking --------------------------------------------------------------------------------*/

static const char *state_colour(const struct cli *c, const char *state)
{
	if (strcmp(state, "enrolled") == 0 || strcmp(state, "static") == 0 ||
	    strcmp(state, "spiffe") == 0)
		return cli_green(c);
	if (strcmp(state, "invited") == 0 || strcmp(state, "unenrolled") == 0)
		return cli_yellow(c);
	return cli_red(c);
}

static void print_line(const char *label, const char *text)
{
	if (text[0] != '\0')
		(void)printf("  %-16s %s\n", label, text);
}

static void print_host(const struct cli *c, const json_t *host)
{
	const char *state = json_text(host, "state");

	(void)printf("%s%-20s%s %s%-10s%s", cli_bold(c), json_text(host, "name"), cli_plain(c),
		     state_colour(c, state), state, cli_plain(c));
	if (strcmp(state, "static") == 0) {
		(void)printf("  its key is in the roster\n");
		return;
	}
	if (strcmp(state, "spiffe") == 0) {
		(void)printf("  it has SVIDs of %s\n", json_text(host, "spiffe"));
		return;
	}
	(void)printf("  class %s (at least %s)\n",
		     json_text(host, "class")[0] == '\0' ? "-" : json_text(host, "class"),
		     json_text(host, "least"));
	print_line("enrolled", json_text(host, "enrolled"));
	print_line("certificate to", json_text(host, "certificate_end"));
	if (json_text(host, "enrolled")[0] != '\0')
		(void)printf("  %-16s %" JSON_INTEGER_FORMAT ", last %s\n", "renewals",
			     json_number(host, "counter"), json_text(host, "renewed"));
	print_line("invited until", json_text(host, "invited_until"));
	print_line("for TPM with ek", json_text(host, "invited_ek"));
	print_line("TPM's ek", json_text(host, "ek"));
	print_line("key", json_text(host, "key"));
	if (strcmp(state, "cloned") == 0)
		(void)printf("  %sthis host has a copy somewhere: find it; then greatseal host "
			     "forget, and add%s\n",
			     cli_red(c), cli_plain(c));
}

/* What a person does next, for each state; @ is the host. */
static void print_next(const json_t *host)
{
	static const struct {
		const char *state;
		const char *next;
	} rows[] = {
		{"static", "on it: greatseal init-client --host @ --host-key PATH"},
		{"spiffe", "on it: greatseal init-client --host @ --svid-dir DIR"},
		{"unenrolled", "greatseal host add @"},
		{"invited", "run on it the line that host add printed; if it is lost: greatseal "
			    "host add @"},
		{"enrolled", "on it: greatseal init-client --agent /run/greatseal/agent.sock"},
		{"expired", "on it: greatseal-agent renew; if that is refused: greatseal host add "
			    "@"},
		{"locked", "greatseal host unlock @, or greatseal host forget @"},
		{"cloned", "greatseal host forget @, then greatseal host add @"},
	};
	const char *state = json_text(host, "state");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].state, state) == 0) {
			(void)printf("  next             ");
			for (const char *t = rows[i].next; *t != '\0'; t++)
				if (*t == '@')
					(void)fputs(json_text(host, "name"), stdout);
				else
					(void)putchar(*t);
			(void)printf("\n");
		}
}

rc cmd_host_list(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *all = json_array();
	AUTO(json) json_t *value = NULL;
	struct name after = {""};
	const json_t *row;
	size_t i;

	(void)a;
	for (;;) {
		AUTO(json) json_t *answer = NULL;
		const char *next;

		TRY(api_json(c, &get, &answer, "/v1/hosts?after=%s", after.s));
		(void)json_array_extend(all, json_object_get(answer, "hosts"));
		next = json_text(answer, "next");
		/* A server that goes in circles is not followed. */
		if (next[0] == '\0' || strcmp(next, after.s) <= 0)
			break;
		TRY(host_name(c, next, &after));
	}
	value = json_pack("{s:O}", "hosts", all);
	if (cli_print_json(c, value))
		return OK;
	json_array_foreach(all, i, row) print_host(c, row);
	if (json_array_size(all) == 0)
		(void)printf("the roster lists no host\n");
	return OK;
}

rc cmd_host_show(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	struct name name;

	TRY(host_name(c, a->words[0], &name));
	TRY(api_json(c, &get, &answer, "/v1/hosts/%s", name.s));
	if (!cli_print_json(c, answer)) {
		print_host(c, answer);
		print_next(answer);
	}
	return OK;
}

/* ---- Changes --------------------------------------------------------------------------------*/

static rc begin(struct cli *c, const struct args *a, enum host_action action,
		struct host_change *ret)
{
	const char *comment = args_value(a, "message");

	*ret = (struct host_change){.action = action};
	TRY(cli_config(c));
	TRY(host_name(c, a->words[0], &ret->host));
	memcpy(ret->origin, c->config.origin, sizeof(ret->origin));
	ret->expires = clock_now(&clock_system) + CHANGE_LIFE;
	if (comment != NULL && strlen(comment) >= sizeof(ret->comment))
		return cli_problem(c, RC_USAGE, "", "the message is too long");
	(void)snprintf(ret->comment, sizeof(ret->comment), "%s", comment == NULL ? "" : comment);
	if (!rc_is_ok(rng_fill(&rng_system, ret->nonce, sizeof(ret->nonce))))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	return OK;
}

static rc send_change(struct cli *c, const struct host_change *change)
{
	AUTO(buf) struct buf statement = {0};
	struct fault f = {0};

	buf_init(&statement, HOSTADMIN_BYTES_MAX);
	CLI_TRY(c, &f, host_change_encode(change, &statement, &f));
	return change_send(c, STATEMENT_HOSTADMIN, buf_view(&statement));
}

static rc simple(struct cli *c, const struct args *a, enum host_action action)
{
	struct host_change change;

	TRY(begin(c, a, action, &change));
	return send_change(c, &change);
}

rc cmd_host_lock(struct cli *c, const struct args *a)
{
	return simple(c, a, HOST_LOCK);
}

rc cmd_host_unlock(struct cli *c, const struct args *a)
{
	return simple(c, a, HOST_UNLOCK);
}

rc cmd_host_forget(struct cli *c, const struct args *a)
{
	return simple(c, a, HOST_FORGET);
}

/* ---- Invitation -----------------------------------------------------------------------------*/

static rc read_lifetime(struct cli *c, const char *text, uint32_t *ret)
{
	uint64_t n = 0;

	*ret = INVITE_DEFAULT;
	if (text == NULL)
		return OK;
	if (!rc_is_ok(num_parse_u64(text, strlen(text), INVITE_MAX, &n)) || n < INVITE_MIN)
		return cli_problem(c, RC_USAGE, "", "--lifetime %s: %u to %u seconds", text,
				   INVITE_MIN, INVITE_MAX);
	*ret = (uint32_t)n;
	return OK;
}

/* The digest, or the whole name as tools for TPMs print it: SHA-256's identifier and the digest. */
static rc read_ek(struct cli *c, const char *text, struct digest *ret)
{
	struct view hex = text == NULL ? view_of("", 0) : view_str(text);

	if (text == NULL)
		return OK;
	if (hex.len == 4 + DIGEST_HEX - 1 && memcmp(text, "000b", 4) == 0)
		rc_ignore(view_skip(&hex, 4), "there are more");
	if (!rc_is_ok(digest_parse(hex, ret)))
		return cli_problem(c, RC_USAGE, "greatseal-agent tpm, on the host, shows it",
				   "--ek %s: 64 lower-case hex digits", text);
	return OK;
}

/* The line that the host's administrator pastes; the token in it is shown this once. */
static rc put_line(struct cli *c, const struct name *host, const struct secret *seed,
		   json_t *answer)
{
	AUTO(secret) struct secret token = {0};
	AUTO(secret) struct secret line = {0};

	if (!rc_is_ok(host_token_format(host, seed, &token)) || !rc_is_ok(secret_new(&line, 1024)))
		return cli_problem(c, RC_NOMEM, "", "no memory");
	(void)snprintf((char *)line.ptr, line.len, "greatseal-agent enrol %s --token %s --pin %s",
		       c->config.server, (const char *)token.ptr, c->config.pin);
	(void)json_object_set_new(answer, "enrol", json_string((const char *)line.ptr));
	TRY(change_say(c, answer));
	if (c->json)
		return OK;
	if (c->exit == EXIT_WAITING)
		(void)printf("once the others have signed (greatseal host sign), run on %s:\n",
			     host->s);
	else
		(void)printf("run on %s:\n", host->s);
	(void)printf("  %s\n", (const char *)line.ptr);
	return OK;
}

/* Where the roster lists it not yet: the change of the roster first, for only a host of the roster
 * can be invited. *ret_ready: it is in force, so that the invitation can follow. */
static rc list_it(struct cli *c, const struct args *a, const struct name *host, bool *ret_ready)
{
	AUTO(json) json_t *answer = NULL;
	char next[NAME_MAX_LEN + 32];

	*ret_ready = false;
	if (!args_has(a, "group"))
		return cli_problem(c, RC_NOTFOUND,
				   "--group NAME proposes the roster with it; or put it under "
				   "hosts in the roster file with `enrol: true`, then greatseal "
				   "roster propose FILE",
				   "the roster lists no host %s", host->s);
	TRY(host_propose(c, a, host, &answer));
	*ret_ready = strcmp(json_text(answer, "state"), "done") == 0;
	if (*ret_ready) {
		cli_say(c, "the roster lists %s now", host->s);
		return OK;
	}
	(void)snprintf(next, sizeof(next), "greatseal host add %s", host->s);
	(void)json_object_set_new(answer, "next", json_string(next));
	TRY(change_say(c, answer));
	if (!c->json)
		(void)printf("once the roster with %s is in force (greatseal roster sign), "
			     "invite it:\n  %s\n",
			     host->s, next);
	return OK;
}

/* Whoever is not in the roster, or is there with keys, is told so before anything is signed. */
static rc check_listed(struct cli *c, const struct args *a, const struct name *host,
		       bool *ret_ready)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	rc r = api_json(c, &get, &answer, "/v1/hosts/%s", host->s);

	*ret_ready = false;
	if (r.code == RC_DENIED || r.code == RC_NOTFOUND)
		return list_it(c, a, host, ret_ready);
	TRY(r);
	if (strcmp(json_text(answer, "state"), "spiffe") == 0)
		return cli_problem(c, RC_STATE,
				   "on the host: greatseal init-client --host NAME --svid-dir DIR",
				   "the roster knows %s by its SPIFFE ID: it needs no invitation",
				   host->s);
	if (strcmp(json_text(answer, "state"), "static") == 0)
		return cli_problem(
			c, RC_STATE, "put enrol: true in place of its keys in the roster",
			"the roster lists %s with a key: it needs no invitation", host->s);
	*ret_ready = true;
	return host_agrees(c, a, answer);
}

rc cmd_host_add(struct cli *c, const struct args *a)
{
	AUTO(secret) struct secret seed = {0};
	AUTO(buf) struct buf statement = {0};
	AUTO(json) json_t *answer = NULL;
	struct host_change change;
	struct fault f = {0};
	bool ready;

	buf_init(&statement, HOSTADMIN_BYTES_MAX);
	TRY(begin(c, a, HOST_INVITE, &change));
	TRY(read_lifetime(c, args_value(a, "lifetime"), &change.lifetime));
	TRY(read_ek(c, args_value(a, "ek"), &change.ek));
	if (c->config.server[0] == '\0')
		return cli_problem(c, RC_USAGE, "greatseal init-client --server URL --pin PIN",
				   "the configuration names no server and pin to enrol with");
	TRY(check_listed(c, a, &change.host, &ready));
	if (!ready)
		return OK;
	if (!rc_is_ok(host_token_make(&seed)))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	CLI_TRY(c, &f, host_token_digest(&seed, &change.token, &f));
	CLI_TRY(c, &f, host_change_encode(&change, &statement, &f));
	TRY(change_offer(c, STATEMENT_HOSTADMIN, buf_view(&statement), &answer));
	return put_line(c, &change.host, &seed, answer);
}
