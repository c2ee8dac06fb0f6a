/* talk - see agent.h. Purpose: who may speak, what is meant, and the agent's own answers. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "prog/agent/agent.h"
#include "prog/agent/local.h"
#include "prog/agent/relay.h"

void talk_json(struct talk *t, json_t *value)
{
	char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
	struct http_answer a = {.status = 200};
	struct buf body;

	json_decref(value);
	buf_init(&body, 65536);
	if (text != NULL)
		buf_put_str(&body, text);
	else
		buf_fail(&body, RC_NOMEM);
	free(text);
	a.body = &body;
	http_answer(t->exchange, &a);
}

void talk_refuse(struct talk *t, unsigned status, const char *code, const char *remedy,
		 const char *fmt, ...)
{
	struct http_answer a = {.status = status};
	char text[FAULT_TEXT + 64];
	json_t *value;
	struct buf body;
	char *dump;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	value = json_pack("{s:{s:s,s:s,s:s}}", "error", "code", code, "remedy", remedy, "text",
			  text);
	dump = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(value);
	buf_init(&body, 4096);
	buf_put_str(&body, dump != NULL ? dump : "{\"error\":{\"code\":\"agent.limit\"}}");
	free(dump);
	a.body = &body;
	http_answer(t->exchange, &a);
}

/* ---- Who may ---- */

static bool is_in(uint32_t id, const uint32_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == id)
			return true;
	return false;
}

/* Without lists whoever can open the socket; else who is named, root and ourselves. */
static bool may_speak(const struct conf *c, const struct http_peer *p)
{
	if (c->user_count + c->group_count == 0 || p->uid == 0 || p->uid == getuid())
		return true;
	if (is_in(p->uid, c->users, c->user_count) || is_in(p->gid, c->groups, c->group_count))
		return true;
	for (size_t i = 0; i < p->group_count; i++)
		if (is_in(p->groups[i], c->groups, c->group_count))
			return true;
	return false;
}

static bool read_head(struct talk *t)
{
	struct fault f = {0};

	if (http_fault(t->exchange) != 0) {
		talk_refuse(t, 400, "agent.form", "", "the request's framing is ambiguous");
		return false;
	}
	t->peer = http_peer(t->exchange);
	if (t->peer == NULL) {
		talk_refuse(t, 403, "agent.peer", "", "the kernel does not say who is calling");
		return false;
	}
	if (!may_speak(&t->agent->conf, t->peer)) {
		log_warn("uid %u may not use this agent", t->peer->uid);
		talk_refuse(t, 403, "agent.peer",
			    "the agent's administrator can name you in allow-users or allow-groups",
			    "user %u may not use this agent", t->peer->uid);
		return false;
	}
	if (!rc_is_ok(http_target_parse(http_raw_target(t->exchange), &t->target, &f))) {
		talk_refuse(t, 400, "agent.form", "", "%s", f.text);
		return false;
	}
	return true;
}

/* ---- The exchange ---- */

static void begin(void *ctx, struct http_exchange *x)
{
	struct talk *t = (struct talk *)calloc(1, sizeof(*t));
	struct talk none = {.agent = (struct agent *)ctx, .exchange = x};

	http_set_user(x, t);
	if (t == NULL) {
		talk_refuse(&none, 503, "agent.limit", "try again later",
			    "the agent has no memory");
		return;
	}
	*t = none;
	if (!read_head(t))
		return;
	if (t->target.segment_count >= 2 && view_is(t->target.segments[0], "v1")) {
		relay_begin(t);
		return;
	}
	if (t->target.segment_count == 0 || !view_is(t->target.segments[0], "agent")) {
		talk_refuse(t, 404, "agent.not-found", "",
			    "the agent relays /v1 and answers /agent/v1");
		return;
	}
	t->local = local_find(t);
	/* Said now, while the client still listens: reading it off could take long. */
	if (t->local != NULL && http_body_size(x) != UINT64_MAX &&
	    http_body_size(x) > t->local->body_max)
		talk_refuse(t, 413, "agent.limit", "", "the body may have %zu bytes",
			    t->local->body_max);
	else if (t->local != NULL)
		http_expect_memory(x, t->local->body_max);
}

static bool data(void *ctx, struct http_exchange *x, struct view piece)
{
	(void)ctx;
	return relay_data((struct talk *)http_user(x), piece);
}

static void ready(void *ctx, struct http_exchange *x)
{
	struct talk *t = (struct talk *)http_user(x);

	(void)ctx;
	if (http_fault(x) == HTTP_FAULT_BODY_LIMIT) {
		talk_refuse(t, 413, "agent.limit", "", "the body is too large");
		return;
	}
	if (http_fault(x) != 0) {
		talk_refuse(t, 503, "agent.limit", "try again later", "too many bodies at a time");
		return;
	}
	if (t->local != NULL)
		t->local->run(t);
	else
		relay_ready(t);
}

static void end(void *ctx, struct http_exchange *x)
{
	struct talk *t = (struct talk *)http_user(x);

	(void)ctx;
	if (t != NULL)
		relay_end(t);
	free(t);
}

struct http_handler talk_handler(struct agent *a)
{
	return (struct http_handler){
		.begin = begin, .data = data, .ready = ready, .end = end, .ctx = a};
}
