#include "prog/guard/glass.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/proof.h"
#include "prog/guard/supervisor.h"

#define TOKEN "token"
#define PROOF "token.greatseal"

static rc judge(const struct conf *c, struct view token, struct view proof, unix_time now,
		struct guard_token *ret, struct fault *f)
{
	const struct proof_wish wish = {.log = &c->log,
					.keys = c->has_token_key ? &c->token_key : &c->list_key,
					.key_count = 1,
					.format = GUARD_TOKEN_FORMAT,
					.file = token};

	if (c->host.s[0] == '\0')
		return fault_set(f, RC_USAGE, 0, "host: the settings do not say who this is");
	/* Signature and log come first: until they are good, nothing else of it is believed. */
	TRY(proof_check(proof, &wish, f));
	TRY(guard_token_parse(token, ret, f));
	return guard_token_check(ret, c->log.name, &c->host, now, f);
}

static rc load(const struct conf *c, unix_time now, struct guard_token *ret, struct fault *f)
{
	AUTO(fd) int dir = -1;
	AUTO(buf) struct buf token;
	AUTO(buf) struct buf proof;

	buf_init(&token, GUARD_TOKEN_BYTES_MAX);
	buf_init(&proof, PROOF_BYTES_MAX);
	TRY(dir_open(c->state, &dir, f));
	TRY(file_read_at(dir, TOKEN, &token, f));
	TRY(file_read_at(dir, PROOF, &proof, f));
	return judge(c, buf_view(&token), buf_view(&proof), now, ret, f);
}

void glass_load(const struct conf *c, unix_time now, struct glass_result *ret)
{
	struct guard_token t = {.not_before = 0};
	struct fault f = {0};
	rc r = load(c, now, &t, &f);

	memset(ret, 0, sizeof(*ret));
	ret->code = r.code;
	ret->not_after = t.not_after;
	(void)snprintf(ret->text, sizeof(ret->text), "%.*s", FAULT_TEXT - 1,
		       rc_is_ok(r) ? t.reason : f.text);
}

void glass_forget(const struct conf *c)
{
	AUTO(fd) int dir = -1;

	if (!rc_is_ok(dir_open(c->state, &dir, NULL)))
		return;
	(void)unlinkat(dir, TOKEN, 0);
	(void)unlinkat(dir, PROOF, 0);
}

/* ---- The verb -------------------------------------------------------------------------------*/

/* The proof first: without its token it says nothing. */
static rc keep(const struct conf *c, struct view token, struct view proof, struct fault *f)
{
	AUTO(fd) int dir = -1;
	struct file_spec spec = {.name = PROOF, .mode = 0600, .durable = true};

	TRY(dir_open(c->state, &dir, f));
	spec.dirfd = dir;
	TRY(file_replace(&spec, proof, f));
	spec.name = TOKEN;
	return file_replace(&spec, token, f);
}

static rc tell_guard(const struct conf *c, struct fault *f)
{
	AUTO(buf) struct buf answer;

	buf_init(&answer, REPLY_MAX);
	TRY(control_ask(c->socket, "glass", &answer, f));
	return control_agreed(buf_cstr(&answer), f);
}

rc verb_break_glass(const struct conf *c, const struct words *w, struct fault *f)
{
	char path[PATH_MAX];
	AUTO(buf) struct buf token;
	AUTO(buf) struct buf proof;
	struct guard_token t;

	buf_init(&token, GUARD_TOKEN_BYTES_MAX);
	buf_init(&proof, PROOF_BYTES_MAX);
	if (w->count != 1 ||
	    (size_t)snprintf(path, sizeof(path), "%s.greatseal", w->at[0]) >= sizeof(path))
		return fault_set(f, RC_USAGE, 0, "break-glass FILE: its proof is FILE.greatseal");
	TRY(conf_check(c, f));
	TRY(file_read(w->at[0], &token, f));
	TRY(file_read(path, &proof, f));
	TRY(judge(c, buf_view(&token), buf_view(&proof), clock_now(&clock_system), &t, f));
	TRY(keep(c, buf_view(&token), buf_view(&proof), f));
	return tell_guard(c, f);
}
