#include "prog/agent/relay.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/secret.h"
#include "lib/base/log.h"
#include "lib/crypt/spiffe.h"
#include "lib/model/call.h"
#include "lib/net/https_stream.h"
#include "prog/agent/prober.h"
#include "prog/agent/svid_source.h"

/* Request headers that reach the server. Greatseal-Claims, which is ours to make, is not one. */
static const char *const passed[] = {"Authorization", "Greatseal-Service"};
#define PASSED (sizeof(passed) / sizeof(passed[0]))

struct relay {
	struct pool_client upstream;
	struct https_stream *stream;
	struct https_head head;
	char *headers[HTTPS_HEADERS_MAX];
};

static bool is_gone(void *ctx)
{
	const struct talk *t = (const struct talk *)ctx;

	return atomic_load(&t->agent->ending) || http_peer_is_gone(t->exchange);
}

/* What went wrong between us and the server; the client's call may or may not have arrived. */
static void refuse_transport(struct talk *t, rc r, const struct fault *f)
{
	if (r.code == RC_MISMATCH)
		talk_refuse(t, 502, "agent.pin",
			    "if the server has a new key, tell the agent its pin; see "
			    "greatseal-agent(8)",
			    "%s: %s", t->agent->who.server, f->text);
	else if (r.code == RC_STATE)
		talk_refuse(t, 503, "agent.ending", "try again", "the agent is ending");
	else if (r.code == RC_NOMEM)
		talk_refuse(t, 503, "agent.limit", "try again later", "the agent has no memory");
	else
		talk_refuse(t, 502, "agent.server", "is the server running? greatseal-agent status",
			    "%s", f->text);
}

static rc add_header(struct relay *r, struct https_stream_spec *spec, const char *name,
		     const char *value, size_t *at)
{
	AUTO(buf) struct buf text = {0};
	size_t n;

	buf_init(&text, HTTPS_HEADER_MAX);
	buf_printf(&text, "%s: %s", name, value);
	buf_put_u8(&text, 0);
	TRY(buf_done(&text));
	r->headers[*at] = (char *)buf_take(&text, &n);
	spec->headers[*at] = r->headers[*at];
	(*at)++;
	return OK;
}

/* Who stands behind a request, as far as can be seen from here. */
static rc add_claims(struct talk *t, struct relay *r, struct https_stream_spec *spec, size_t *at)
{
	struct claims c = {
		.host = t->agent->who.host, .uid = t->peer->uid, .pid = (uint32_t)t->peer->pid};
	char bytes[CLAIMS_TEXT_MAX + 1];
	struct buf text;

	if (strcmp(spec->method, "POST") != 0 || !view_is(t->target.path, "/v1/requests"))
		return OK;
	prober_ask(t->agent->prober, &c);
	log_info("request by uid %u%s%s, pid %u, %s", c.uid, c.user[0] != '\0' ? " " : "", c.user,
		 c.pid, c.program[0] != '\0' ? c.program : "a program that cannot be seen");
	buf_init_fixed(&text, bytes, sizeof(bytes));
	TRY(claims_encode(&c, &text));
	return add_header(r, spec, CLAIMS_HEADER, buf_cstr(&text), at);
}

/* What the guard of this host fetches, in this host's name. */
static bool is_for_guard(const struct talk *t)
{
	static const char *const names[] = {"certificates", "list", "records"};
	bool named = false;

	if (strcmp(http_method(t->exchange), "GET") != 0 || t->target.segment_count < 3 ||
	    !view_is(t->target.segments[1], "guard"))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		named = named || view_is(t->target.segments[2], names[i]);
	return named;
}

/* Signed by the host's key: a call that changes nothing. One that a person has signed passes as it
 * is. */
static rc add_host_call(struct talk *t, struct relay *r, struct https_stream_spec *spec, size_t *at,
			struct fault *f)
{
	const struct agent *a = t->agent;
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf proof = {0};
	AUTO(buf) struct buf header = {0};
	struct call call = {.host = a->who.host,
			    .method = view_str(spec->method),
			    .target = http_raw_target(t->exchange),
			    .has_body_digest = true,
			    .body = digest_of(view_of("", 0)),
			    .time = clock_now(&a->clock),
			    .pin = a->who.pin};

	if (!is_for_guard(t) || http_header(t->exchange, "Authorization") != NULL)
		return OK;
	buf_init(&text, CALL_TARGET_MAX + 1024);
	buf_init(&proof, SVID_PROOF_MAX);
	buf_init(&header, CALL_HOST_HEADER_MAX);
	if (!rc_is_ok(rng_fill(&rng_system, call.nonce, sizeof(call.nonce))))
		return fault_set(f, RC_IO, 0, "the system gives no random numbers");
	TRY(call_text(&call, &text));
	TRY(host_key_sshsig(a->key, HOST_CALL_NS, buf_view(&text), &proof, f));
	TRY(call_header_encode(&call, buf_view(&proof), &header));
	return add_header(r, spec, "Authorization", buf_cstr(&header), at);
}

void relay_look_at_svid(struct agent *a)
{
	struct tls_identity *t = NULL;
	struct fault f = {0};
	unix_time end;
	rc r;

	if (a->svid == NULL)
		return;
	r = svid_source_look(a->svid, clock_now(&a->clock), &t, &end, &f);
	if (!rc_is_ok(r))
		log_warn("the SVID stays as it was: %s", f.text);
	if (t == NULL)
		return;
	pool_identity(a->pool, t);
	tls_identity_free(t);
	atomic_store(&a->expires, end);
	log_info("the SVID is a new one");
}

/* small: the whole body, or empty where it comes piece by piece. */
static rc open_stream(struct talk *t, struct relay *r, struct view small, struct fault *f)
{
	uint64_t size = http_body_size(t->exchange);
	const char *method = http_method(t->exchange);
	char target[HTTP_TARGET_MAX + 1];
	struct view raw = http_raw_target(t->exchange);
	struct https_stream_spec spec = {.method = method,
					 .target = target,
					 .body_size = small.len > 0 ? 0 : size,
					 .body = small,
					 .ask_first = size > RELAY_SMALL,
					 .patience = RELAY_PATIENCE,
					 .gone = is_gone,
					 .ctx = t};
	size_t at = 0;

	memcpy(target, raw.ptr, raw.len); /* http_target_parse has bounded it */
	target[raw.len] = '\0';
	if (size > 0)
		spec.type = strcmp(method, "PATCH") == 0 ? "Content-Type: application/octet-stream"
							 : "Content-Type: application/json";
	for (size_t i = 0; i < PASSED; i++) {
		const char *value = http_header(t->exchange, passed[i]);

		if (value != NULL && !rc_is_ok(add_header(r, &spec, passed[i], value, &at)))
			return fault_set(f, RC_USAGE, 0, "%s is too long", passed[i]);
	}
	TRY(add_claims(t, r, &spec, &at));
	TRY(add_host_call(t, r, &spec, &at, f));
	relay_look_at_svid(t->agent);
	TRY(pool_take(t->agent->pool, &r->upstream, f));
	return https_stream_begin(r->upstream.client, &spec, &r->stream, f);
}

/* A relay of which nothing has been sent; false: refused. */
static bool start(struct talk *t, struct view small)
{
	struct relay *r = (struct relay *)calloc(1, sizeof(*r));
	struct fault f = {0};
	rc done = RC(RC_NOMEM);

	t->relay = r;
	if (r != NULL)
		done = open_stream(t, r, small, &f);
	if (rc_is_ok(done))
		return true;
	if (done.code == RC_USAGE)
		talk_refuse(t, 400, "agent.form", "", "%s", f.text);
	else
		refuse_transport(t, done, &f);
	return false;
}

/* ---- The answer ---- */

static ptrdiff_t pull(void *ctx, uint8_t *out, size_t max)
{
	const struct relay *r = (const struct relay *)ctx;
	size_t n = 0;

	if (!rc_is_ok(https_stream_read(r->stream, out, max, &n, NULL)))
		return -1; /* the status is long gone: the client sees a cut answer */
	return (ptrdiff_t)n;
}

/* A small answer is read in whole, so that the server's failing in the middle can be told. */
static rc read_small(struct relay *r, struct buf *body, struct fault *f)
{
	uint8_t block[16384];
	size_t n = 0;

	do {
		TRY(https_stream_read(r->stream, block, sizeof(block), &n, f));
		buf_put(body, block, n);
	} while (n > 0);
	return buf_done(body);
}

static void answer(struct talk *t, struct relay *r)
{
	struct http_answer a = {.status = r->head.status,
				.content_type = r->head.content_type,
				.cache = r->head.cache[0] != '\0' ? r->head.cache : NULL,
				.allow = r->head.allow[0] != '\0' ? r->head.allow : NULL,
				.retry_seconds = r->head.retry_seconds};
	struct fault f = {0};
	struct buf body;
	rc done;

	if (a.content_type[0] == '\0')
		a.content_type = "application/octet-stream";
	if (!r->head.has_size || r->head.size > RELAY_SMALL) {
		a.size = r->head.has_size ? r->head.size : UINT64_MAX;
		a.pull = pull;
		a.pull_ctx = r;
		http_answer(t->exchange, &a);
		return;
	}
	buf_init(&body, RELAY_SMALL);
	done = read_small(r, &body, &f);
	if (!rc_is_ok(done)) {
		buf_release(&body);
		refuse_transport(t, done, &f);
		return;
	}
	a.body = &body;
	http_answer(t->exchange, &a);
}

static void finish(struct talk *t)
{
	struct relay *r = t->relay;
	struct fault f = {0};
	rc done = https_stream_head(r->stream, &r->head, &f);

	if (rc_is_ok(done))
		answer(t, r);
	else
		refuse_transport(t, done, &f);
}

/* Whether the server wants the body; else it has answered, and the client is told before it sends
 * gigabytes that nobody reads. */
static bool is_wanted(struct talk *t)
{
	struct fault f = {0};
	bool wanted = false;
	rc r = https_stream_wanted(t->relay->stream, &wanted, &f);

	if (!rc_is_ok(r))
		refuse_transport(t, r, &f);
	else if (!wanted)
		finish(t);
	return rc_is_ok(r) && wanted;
}

void relay_begin(struct talk *t)
{
	static const char *const methods[] = {"GET", "POST", "PATCH", "PUT", "DELETE"};
	const char *method = http_method(t->exchange);
	uint64_t size = http_body_size(t->exchange);
	bool known = false;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		known = known || strcmp(method, methods[i]) == 0;
	if (!known) {
		talk_refuse(t, 405, "agent.form", "", "this method is not relayed");
		return;
	}
	if (size == UINT64_MAX) {
		talk_refuse(t, 411, "agent.form", "send Content-Length",
			    "bodies of unknown length are not relayed");
		return;
	}
	if (size > 0 && strcmp(method, "GET") == 0) {
		talk_refuse(t, 400, "agent.form", "", "a GET has no body");
		return;
	}
	if (size <= RELAY_SMALL) {
		http_expect_memory(t->exchange, RELAY_SMALL);
		return;
	}
	if (start(t, view_of("", 0)) && is_wanted(t))
		http_expect_stream(t->exchange);
}

bool relay_data(struct talk *t, struct view piece)
{
	struct fault f = {0};
	rc done = https_stream_send(t->relay->stream, piece, &f);

	if (rc_is_ok(done))
		return true;
	if (done.code == RC_EXISTS)
		finish(t);
	else
		refuse_transport(t, done, &f);
	return false;
}

void relay_ready(struct talk *t)
{
	if (t->relay == NULL && !start(t, http_body(t->exchange)))
		return;
	finish(t);
}

void relay_end(struct talk *t)
{
	struct relay *r = t->relay;

	if (r == NULL)
		return;
	t->relay = NULL;
	https_stream_end(r->stream);
	for (size_t i = 0; i < HTTPS_HEADERS_MAX; i++) {
		if (r->headers[i] != NULL)
			secret_wipe(r->headers[i], strlen(r->headers[i])); /* it may be a token */
		free(r->headers[i]);
	}
	if (r->upstream.client != NULL)
		pool_give(t->agent->pool, &r->upstream);
	free(r);
}
