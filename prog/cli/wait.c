#include "prog/cli/wait.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "lib/base/num.h"
#include "lib/model/reason.h"
#include "lib/net/https_client.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/job.h"

#define REASON_ID 64
#define POLL_SECONDS 25
#define RETRY_MAX_SECONDS 8
#define TIMEOUT_MAX (366 * 86400)

/* The signals that interrupt are blocked and looked for: no handler, so nothing global. */
struct watch {
	sigset_t set;
	sigset_t before;
	bool interrupted;
};

rc wait_time(struct cli *c, const char *option, const char *text, uint64_t *ret)
{
	static const char units[] = "smhd";
	static const uint64_t seconds[] = {1, 60, 3600, 86400};
	size_t len = strlen(text);
	const char *unit = len == 0 ? NULL : strchr(units, text[len - 1]);
	uint64_t each = unit == NULL ? 1 : seconds[unit - units];
	uint64_t n;

	if (unit != NULL)
		len--;
	if (!rc_is_ok(num_parse_u64(text, len, TIMEOUT_MAX / each, &n)) || n == 0)
		return cli_problem(c, RC_USAGE, "",
				   "--%s %s: 30s, 90m, 2h, 7d, or seconds; at least one, at most a "
				   "year",
				   option, text);
	*ret = n * each;
	return OK;
}

static void watch_begin(struct watch *w)
{
	static const int ends[] = {SIGINT, SIGTERM};

	*w = (struct watch){0};
	(void)sigemptyset(&w->set);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct sigaction old;

		/* Blocked, an ignored one would count as well: a job in the background is not meant
		 * by the terminal's Ctrl-C. */
		if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaddset(&w->set, ends[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &w->set, &w->before);
}

/* Waits so long for one of the signals; 0: only looks. */
static bool watch_signal(struct watch *w, unsigned seconds)
{
	struct timespec ts = {.tv_sec = (time_t)seconds};

	if (!w->interrupted)
		w->interrupted = sigtimedwait(&w->set, NULL, &ts) > 0;
	return w->interrupted;
}

/* Several times a second while a call is on its way. */
static bool step(void *ctx, uint64_t moved, uint64_t total)
{
	(void)moved;
	(void)total;
	return !watch_signal((struct watch *)ctx, 0);
}

static uint64_t poll_seconds(unix_time end, unix_time now)
{
	if (end == 0 || end - now > POLL_SECONDS)
		return POLL_SECONDS;
	return end > now ? (uint64_t)(end - now) : 0;
}

/* The earlier of the timeout and the request's own deadline, which ends it; 0: none. */
static unix_time end_of(const json_t *status, uint64_t timeout, unix_time now)
{
	unix_time deadline = 0;
	unix_time end = timeout == 0 ? 0 : now + (unix_time)timeout;

	if (rc_is_ok(time_parse(view_str(json_text(status, "deadline")), &deadline)) &&
	    (end == 0 || deadline + 1 < end))
		end = deadline + 1;
	return end;
}

static bool is_away(rc r)
{
	return r.code == RC_PEER || r.code == RC_BUSY || r.code == RC_IO;
}

/* A job's own, and there is no newer one: as if the time were over. */
static bool token_has_ended(const struct cli *c, rc r)
{
	return r.code == RC_DENIED && job_asks(c) &&
	       strcmp(c->problem.code, reason_id(REASON_TOKEN_TIME)) == 0;
}

/* One long poll. */
static rc poll_once(struct cli *c, const char *request, uint64_t seconds, json_int_t *version,
		    json_t **status)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	json_t *news;

	TRY(api_json(c, &get, &answer,
		     "/v1/requests/%s/wait?since=%" JSON_INTEGER_FORMAT "&timeout=%llu", request,
		     *version, (unsigned long long)seconds));
	*version = json_number(answer, "version");
	news = json_object_get(answer, "status");
	if (strcmp(json_text(news, "request"), request) != 0)
		return cli_problem(c, RC_PEER, "", "the server answers for another request");
	json_decref(*status);
	*status = json_incref(news);
	return OK;
}

/* Nobody is waited for any more, only the time: once, until something else holds it. */
static void say_held(const struct cli *c, const json_t *status, char said[REASON_ID])
{
	const char *reason = json_text(status, "reason");

	if (!answer_is_held(status) || strcmp(said, reason) == 0)
		return;
	(void)snprintf(said, REASON_ID, "%s", reason);
	cli_say(c, "%s (%s)", json_text(status, "text"), reason);
}

static rc follow(struct cli *c, struct watch *w, uint64_t timeout, json_t **status)
{
	unix_time now = clock_now(&clock_system);
	unix_time end = end_of(*status, timeout, now);
	json_int_t version = 0;
	unsigned retry = 1;
	char request[DIGEST_HEX];
	char said[REASON_ID] = "";

	(void)snprintf(request, sizeof(request), "%s", json_text(*status, "request"));
	say_held(c, *status, said);
	while (!watch_signal(w, 0)) {
		bool last = end != 0 && now >= end;
		rc r = poll_once(c, request, poll_seconds(end, now), &version, status);

		if (w->interrupted)
			break;
		now = clock_now(&clock_system);
		if (is_away(r) && !last) {
			cli_say(c, "%s; trying again", c->problem.text);
			(void)watch_signal(w, retry);
			retry = retry * 2 > RETRY_MAX_SECONDS ? RETRY_MAX_SECONDS : retry * 2;
			now = clock_now(&clock_system);
			continue;
		}
		if (token_has_ended(c, r)) {
			cli_say(c, "%s", c->problem.text);
			break;
		}
		TRY(r);
		retry = 1;
		say_held(c, *status, said);
		/* One more look when the time is over: what the deadline does to it, no event
		 * tells. */
		if (answer_is_final(*status) || last)
			break;
	}
	return OK;
}

rc wait_for(struct cli *c, uint64_t timeout, json_t **status, enum wait_end *ret)
{
	struct watch w;
	const struct https_progress progress = {.step = step, .ctx = &w};
	rc r;

	watch_begin(&w);
	c->watch = &progress;
	r = follow(c, &w, timeout, status);
	c->watch = NULL;
	(void)sigprocmask(SIG_SETMASK, &w.before, NULL);
	if (w.interrupted)
		*ret = WAIT_INTERRUPTED;
	else
		*ret = answer_is_final(*status) ? WAIT_OVER : WAIT_TIMEOUT;
	return r;
}

void wait_say(const struct cli *c, const char *request, enum wait_end end)
{
	static const char *const why[] = {
		[WAIT_OVER] = "",
		[WAIT_TIMEOUT] = "not signed yet",
		[WAIT_INTERRUPTED] = "interrupted",
	};

	cli_say(c,
		"%s: the request stands\n"
		"  to go on:        run the same command again; it joins the request\n"
		"  when it is done: greatseal fetch %.16s",
		why[end], request);
	/* A job's token for everything is not one for a cancellation. */
	if (!job_asks(c) || c->config.oidc[0] != '\0')
		cli_say(c, "  to take it back: greatseal cancel %.16s", request);
}
