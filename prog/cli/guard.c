#include "prog/cli/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/format/stream.h"
#include "lib/model/field.h"
#include "prog/cli/api.h"

#define EVENTS_DEFAULT 50u
#define EVENTS_MAX 10000u

/* One page after the other, until the server names no next one or max rows are there. */
static rc gather(struct cli *c, const char *target, const char *member, size_t max, json_t **ret)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *all = json_array();
	char after[NAME_MAX_LEN + 1] = "";

	for (;;) {
		AUTO(json) json_t *answer = NULL;
		const char *next;

		TRY(api_json(c, &get, &answer, "%s%s%s", target, after[0] != '\0' ? "&after=" : "",
			     after));
		(void)json_array_extend(all, json_object_get(answer, member));
		next = json_text(answer, "next");
		/* A server that goes in circles is not followed. */
		if (next[0] == '\0' || strcmp(next, after) == 0 || strlen(next) >= sizeof(after) ||
		    json_array_size(all) >= max || !rc_is_ok(token_check(view_str(next))))
			break;
		(void)snprintf(after, sizeof(after), "%s", next);
	}
	while (json_array_size(all) > max)
		(void)json_array_remove(all, json_array_size(all) - 1);
	*ret = json_pack("{s:O}", member, all);
	return *ret == NULL ? cli_problem(c, RC_NOMEM, "", "no memory") : OK;
}

static rc host_name(struct cli *c, const char *text)
{
	struct name name;

	if (text != NULL && !rc_is_ok(name_parse(view_str(text), &name)))
		return cli_problem(c, RC_USAGE, "", "%s: a host's name has a-z 0-9 . _ - only",
				   text);
	return OK;
}

/* ---- Hosts ----------------------------------------------------------------------------------*/

static void print_host(const struct cli *c, const json_t *row)
{
	const char *mode = json_text(row, "mode");
	bool silent = json_is_true(json_object_get(row, "silent"));
	bool enforces = strcmp(mode, "enforce") == 0 && !silent;
	char list[NAME_MAX_LEN + 24] = "-";

	if (json_text(row, "list")[0] != '\0')
		(void)snprintf(list, sizeof(list), "%.64s %" JSON_INTEGER_FORMAT,
			       json_text(row, "list"), json_number(row, "serial"));
	(void)printf("%s%-24s%s %s%-8s%s %-7s %-20s %s  %s", cli_bold(c), json_text(row, "host"),
		     cli_plain(c), enforces ? cli_green(c) : cli_red(c), silent ? "silent" : mode,
		     cli_plain(c), json_text(row, "level"), list, json_text(row, "heard"),
		     silent ? mode : "");
	if (json_number(row, "dropped") > 0)
		(void)printf(" %" JSON_INTEGER_FORMAT " events lost", json_number(row, "dropped"));
	if (json_number(row, "unkept") > 0)
		(void)printf(" %" JSON_INTEGER_FORMAT " contents not kept",
			     json_number(row, "unkept"));
	(void)printf("\n");
}

rc cmd_guard_hosts(struct cli *c, const struct args *a)
{
	const char *one = a->word_count > 0 ? a->words[0] : NULL;
	AUTO(json) json_t *value = NULL;
	char target[API_TARGET_MAX];
	const json_t *row;
	size_t i;

	TRY(host_name(c, one));
	(void)snprintf(target, sizeof(target), "/v1/guard/hosts?limit=200%s%s",
		       one != NULL ? "&host=" : "", one != NULL ? one : "");
	TRY(gather(c, target, "hosts", SIZE_MAX, &value));
	if (cli_print_json(c, value))
		return OK;
	if (json_array_size(json_object_get(value, "hosts")) > 0)
		(void)printf("%-24s %-8s %-7s %-20s %s\n", "HOST", "GUARD", "LEVEL", "LIST",
			     "HEARD");
	json_array_foreach(json_object_get(value, "hosts"), i, row) print_host(c, row);
	if (json_array_size(json_object_get(value, "hosts")) == 0)
		(void)printf("no guard was heard%s%s\n", one != NULL ? " of " : "",
			     one != NULL ? one : "");
	return OK;
}

/* ---- Who ran it -----------------------------------------------------------------------------*/

static rc read_digest(struct cli *c, const char *typed, struct digest *ret)
{
	struct view text = view_str(typed);
	AUTO(fd) int fd = -1;
	struct fault f = {0};
	struct hash hash;

	if (strncmp(typed, "sha256:", 7) == 0)
		text = view_str(typed + 7);
	if (rc_is_ok(digest_parse(text, ret)))
		return OK;
	fd = open(typed, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cli_problem(c, RC_NOTFOUND, "a file, or 64 hex digits", "%s: %s", typed,
				   strerror(errno));
	CLI_TRY(c, &f, stream_digest(fd, HASH_SHA256, &hash, &f));
	memcpy(ret->b, hash.b, DIGEST_SIZE);
	return OK;
}

rc cmd_guard_who(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *value = NULL;
	char target[API_TARGET_MAX];
	char hex[DIGEST_HEX];
	struct digest sha256;
	const json_t *row;
	size_t i;

	TRY(read_digest(c, a->words[0], &sha256));
	digest_hex(&sha256, hex);
	(void)snprintf(target, sizeof(target), "/v1/guard/digests/%s?limit=200", hex);
	TRY(gather(c, target, "hosts", SIZE_MAX, &value));
	(void)json_object_set_new(value, "sha256", json_string(hex));
	if (cli_print_json(c, value))
		return OK;
	(void)printf("sha256:%s\n", hex);
	if (json_array_size(json_object_get(value, "hosts")) == 0) {
		(void)printf("no guard has reported it\n");
		return OK;
	}
	(void)printf("%-24s %-20s %-20s %7s %7s %s\n", "HOST", "FIRST", "LAST", "ALLOWED", "DENIED",
		     "PATH");
	json_array_foreach(json_object_get(value, "hosts"), i, row)
	{
		json_int_t denied = json_number(row, "denied");

		(void)printf("%s%-24s%s %-20s %-20s %7" JSON_INTEGER_FORMAT
			     " %s%7" JSON_INTEGER_FORMAT "%s %s",
			     cli_bold(c), json_text(row, "host"), cli_plain(c),
			     json_text(row, "first"), json_text(row, "last"),
			     json_number(row, "allowed"), denied > 0 ? cli_red(c) : "", denied,
			     denied > 0 ? cli_plain(c) : "", json_text(row, "path"));
		if (json_number(row, "would_deny") > 0)
			(void)printf("  (%" JSON_INTEGER_FORMAT " times not approved, and let run)",
				     json_number(row, "would_deny"));
		(void)printf("\n");
	}
	return OK;
}

/* ---- Events ---------------------------------------------------------------------------------*/

static void print_event(const struct cli *c, const json_t *row)
{
	static const char *const said[] = {"reason", "path", "text"};
	const char *kind = json_text(row, "kind");
	bool bad = strcmp(kind, "denied") == 0 || strcmp(kind, "silent") == 0;

	(void)printf("%s  %s%-20s%s %s%-12s%s", json_text(row, "time"), cli_bold(c),
		     json_text(row, "host"), cli_plain(c), bad ? cli_red(c) : "", kind,
		     bad ? cli_plain(c) : "");
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		if (json_text(row, said[i])[0] != '\0')
			(void)printf(" %s", json_text(row, said[i]));
	if (json_text(row, "by")[0] != '\0')
		(void)printf(" by %s", json_text(row, "by"));
	if (json_object_get(row, "uid") != NULL)
		(void)printf(" uid %" JSON_INTEGER_FORMAT, json_number(row, "uid"));
	if (json_number(row, "serial") > 0)
		(void)printf(" list %" JSON_INTEGER_FORMAT, json_number(row, "serial"));
	if (json_number(row, "count") > 0)
		(void)printf(" %" JSON_INTEGER_FORMAT, json_number(row, "count"));
	(void)printf("\n");
	if (json_text(row, "sha256")[0] != '\0')
		(void)printf("%-22ssha256:%s\n", "", json_text(row, "sha256"));
}

rc cmd_guard_events(struct cli *c, const struct args *a)
{
	const char *host = args_value(a, "host"), *kind = args_value(a, "kind"),
		   *limit = args_value(a, "limit");
	AUTO(json) json_t *value = NULL;
	char target[API_TARGET_MAX];
	uint64_t max = EVENTS_DEFAULT;
	const json_t *row;
	size_t i;

	TRY(host_name(c, host));
	if (kind != NULL && (strlen(kind) > 24 || !rc_is_ok(token_check(view_str(kind)))))
		return cli_problem(c, RC_USAGE, "", "--kind %s: a word, like denied", kind);
	if (limit != NULL &&
	    (!rc_is_ok(num_parse_u64(limit, strlen(limit), EVENTS_MAX, &max)) || max == 0))
		return cli_problem(c, RC_USAGE, "", "--limit %s: 1 to %u", limit, EVENTS_MAX);
	(void)snprintf(target, sizeof(target), "/v1/guard/events?limit=%u%s%s%s%s",
		       (unsigned)(max < 200 ? max : 200), host != NULL ? "&host=" : "",
		       host != NULL ? host : "", kind != NULL ? "&kind=" : "",
		       kind != NULL ? kind : "");
	TRY(gather(c, target, "events", (size_t)max, &value));
	if (cli_print_json(c, value))
		return OK;
	json_array_foreach(json_object_get(value, "events"), i, row) print_event(c, row);
	if (json_array_size(json_object_get(value, "events")) == 0)
		(void)printf("no such event\n");
	return OK;
}
