#include "prog/server/bearer.h"

#include <string.h>
#include <strings.h>

#include "lib/base/secret.h"
#include "lib/crypt/jwt.h"
#include "lib/proto/keeper_caller.h"
#include "prog/server/auth.h"

#define SCHEME "Bearer "
#define SERVICE_HEADER "Greatseal-Service"

bool bearer_is_like(const char *authorization)
{
	return strncasecmp(authorization, SCHEME, strlen(SCHEME)) == 0;
}

static rc ask_keeper(struct call_ctx *c, const struct keeper_caller *m,
		     struct keeper_reply *ret_reply)
{
	uint64_t id = keeper_client_id(c->server->keeper);
	AUTO(buf) struct buf frame = {0};
	rc r;

	buf_init(&frame, 2 * KEEPER_SIG_MAX);
	keeper_put_caller(&frame, id, m);
	r = call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, ret_reply);
	secret_wipe(frame.ptr, frame.cap);
	return r;
}

static rc read_answer(struct call_ctx *c, const struct keeper_reply *reply, unix_time *ret_expires,
		      struct digest *ret_roster)
{
	AUTO(json) json_t *answer = NULL;
	const char *expires;
	const char *roster;

	TRY(call_parse(c, buf_view(&reply->body), &answer));
	expires = json_string_value(json_object_get(answer, "expires"));
	roster = json_string_value(json_object_get(answer, "roster"));
	if (expires == NULL || roster == NULL ||
	    !rc_is_ok(time_parse(view_str(expires), ret_expires)) ||
	    !rc_is_ok(digest_parse(view_str(roster), ret_roster)))
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's answer cannot be read");
	return OK;
}

/* The keeper's word, at a price for those who have no good token. */
static rc ask(struct call_ctx *c, const struct keeper_caller *m, const struct digest *id)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	struct digest roster;
	unix_time expires;
	rc r;

	if (!call_rate_take(c))
		return call_refuse(c, REASON_CALL_LIMIT,
				   "more than %u tokens that are not good from one address",
				   OPEN_RATE_BURST);
	r = ask_keeper(c, m, &reply);
	if (rc_is_ok(r) || c->status >= 500) /* the keeper's absence is nobody's fault */
		call_rate_give(c);
	TRY(r);
	TRY(read_answer(c, &reply, &expires, &roster));
	bearers_add(&c->server->bearers, id, &roster, clock_now(&clock_system), expires);
	return OK;
}

static rc is_remembered(struct call_ctx *c, const struct digest *id, bool *ret)
{
	struct roster_ref *roster;

	TRY(roster_take(c, &roster));
	*ret = bearers_have(&c->server->bearers, id, &roster->roster->digest,
			    clock_now(&clock_system));
	roster_drop(c->server, roster);
	return OK;
}

rc bearer_check(struct call_ctx *c, const char *authorization)
{
	struct view token = view_str(authorization + strlen(SCHEME));
	const char *service = http_header(c->exchange, SERVICE_HEADER);
	struct digest id;
	struct name name;
	bool known;

	if (!jwt_is_like(token) || token.len > KEEPER_SIG_MAX)
		return call_refuse(c, REASON_CALL_AUTH, "Authorization: the token is not a JWT");
	if (service == NULL || !rc_is_ok(name_parse(view_str(service), &name)))
		return call_refuse(c, REASON_CALL_AUTH,
				   "the header " SERVICE_HEADER " must name the service once");
	id = digest_of_parts((struct view[]){view_str(name.s), view_str("\n"), token}, 3);
	TRY(is_remembered(c, &id, &known));
	if (!known)
		TRY(ask(c, &(struct keeper_caller){view_str(name.s), token}, &id));
	c->person = name;
	c->is_bearer = true;
	return OK;
}
