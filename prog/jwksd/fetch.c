#include "prog/jwksd/fetch.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

#include "lib/net/https_client.h"
#include "prog/jwksd/address.h"

#define DISCOVERY "/.well-known/openid-configuration"

/* A server that sends a byte now and then would else be listened to for days. */
struct limit {
	int64_t until;
};

static int64_t seconds(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static bool is_in_time(void *ctx, uint64_t moved, uint64_t total)
{
	(void)moved;
	(void)total;
	return seconds() < ((const struct limit *)ctx)->until;
}

static rc check_status(const struct https_answer *a, const struct address *at, struct fault *f)
{
	if (a->status >= 300 && a->status < 400)
		return fault_set(f, RC_DENIED, 0, "%s%s redirects (%u): it is not followed",
				 at->base, at->target, a->status);
	if (a->status != 200)
		return fault_set(f, RC_STATE, 0, "%s%s answers %u", at->base, at->target,
				 a->status);
	return OK;
}

static rc get(const struct conf *c, const struct address *at, struct buf *out, struct fault *f)
{
	const struct https_client_spec spec = {
		.base_url = at->base,
		.ca_file = c->ca_file[0] != '\0' ? c->ca_file : NULL,
		.connect_seconds = (unsigned)c->timeout,
		.stall_seconds = (unsigned)c->timeout,
	};
	struct limit limit = {.until = seconds() + (int64_t)c->timeout};
	const struct https_progress progress = {.step = is_in_time, .ctx = &limit};
	const struct https_request q = {
		.method = "GET",
		.target = at->target,
		.headers = {"Accept: application/json", "User-Agent: greatseal-jwksd"},
		.answer_max = ANSWER_MAX,
		.progress = &progress,
	};
	AUTO(https_client) struct https_client *client = NULL;
	AUTO(https_answer) struct https_answer answer = {0};
	rc r;

	TRY(https_client_new(&spec, &client, f));
	r = https_call(client, &q, &answer, f);
	if (r.code == RC_STATE)
		return fault_set(f, RC_IO, 0, "%s%s: nothing whole within %llu s", at->base,
				 at->target, (unsigned long long)c->timeout);
	TRY(r);
	TRY(check_status(&answer, at, f));
	buf_put_view(out, buf_view(&answer.body));
	return buf_done(out);
}

/* That it is JSON at all: a captive portal's page is told from a set here, where it came from can
 * still be named. The keeper reads it in full. */
static rc check_json(struct view set, const struct address *at, struct fault *f)
{
	json_t *root = json_loadb((const char *)set.ptr, set.len, JSON_REJECT_DUPLICATES, NULL);
	bool good = json_is_array(json_object_get(root, "keys"));

	json_decref(root);
	return good ? OK
		    : fault_set(f, RC_SYNTAX, 0, "%s%s is not a key set in JSON", at->base,
				at->target);
}

rc fetch_set(const struct conf *c, const struct issuer *from, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf discovery = {0};
	char text[ADDRESS_MAX];
	struct address at;
	size_t len = strlen(from->url);

	if (from->jwks_uri[0] != '\0') {
		TRY(address_parse(view_str(from->jwks_uri), &at, f));
	} else {
		/* OpenID Connect Discovery 4.1: a slash at the end is taken away. */
		if (len > 0 && from->url[len - 1] == '/')
			len--;
		(void)snprintf(text, sizeof(text), "%.*s%s", (int)len, from->url, DISCOVERY);
		TRY(address_parse(view_str(text), &at, f));
		buf_init(&discovery, ANSWER_MAX);
		TRY(get(c, &at, &discovery, f));
		TRY(discovery_parse(buf_view(&discovery), from->url, &at, f));
	}
	TRY(get(c, &at, out, f));
	return check_json(buf_view(out), &at, f);
}
