/* Tokens of the one issuer, as the reference says they are. */
#include <string.h>

#include "lib/crypt/jwt.h"
#include "lib/model/token.h"
#include "lib/proto/keeper_jwks.h"
#include "tests/flow/property_world.h"

static const char *const kids[] = {"k0", "k1"};

void world_put_jwks(const struct world *w, unsigned keys, struct buf *out)
{
	const char *comma = "";

	buf_put_str(out, "{\"keys\":[");
	for (unsigned k = 0; k < 2; k++) {
		if ((keys & (1u << k)) == 0)
			continue;
		buf_put_str(out, comma);
		token_put_jwk(w->issuer[k], kids[k], "", out);
		comma = ",";
	}
	buf_put_str(out, "]}");
	fx_ok(buf_done(out));
}

void world_put_set(const struct world *w, enum ref_set set, struct buf *out)
{
	struct keeper_jwks m = {.issuer = view_str(set == REF_OTHER_SET ? ISSUER "/b" : ISSUER)};
	AUTO(buf) struct buf text;

	buf_init(&text, 4096);
	if (set == REF_NO_SET)
		buf_put_str(&text, "{\"keys\":1}");
	else
		world_put_jwks(w, set == REF_OTHER_SET ? REF_BOTH : set, &text);
	m.set = buf_view(&text);
	keeper_put_jwks(out, w->fx.correlation, &m);
}

int world_connect_keys(struct world *w)
{
	char path[240];

	(void)snprintf(path, sizeof(path), "%s/jwks", w->fx.dir);
	return fx_connect_to(&w->fx, path);
}

static void audience_of(const struct ref_token *t, const struct digest *statement,
			char out[TOKEN_AUDIENCE_MAX])
{
	static const struct digest other;
	char origin[ORIGIN_MAX + 1];

	world_origin(origin);
	if (t->good == REF_CALLS)
		token_call_audience(origin, out);
	else if (t->good >= REF_HOOKS)
		(void)snprintf(out, TOKEN_AUDIENCE_MAX, HOOKS "%u", t->good - REF_HOOKS);
	else
		token_audience(origin, t->good == REF_BOUND ? statement : &other, out);
}

void world_put_token(const struct world *w, const struct ref_token *t,
		     const struct digest *statement, struct buf *out)
{
	char header[60], claims[800], aud[TOKEN_AUDIENCE_MAX], actor[60] = "", jti[40] = "";

	audience_of(t, statement, aud);
	if (t->actor >= 0)
		(void)snprintf(actor, sizeof(actor), ",\"actor\":\"%s\"", ref_people[t->actor]);
	if (t->id != 0)
		(void)snprintf(jti, sizeof(jti), ",\"jti\":\"%u\"", t->id);
	(void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kids[t->key]);
	(void)snprintf(claims, sizeof(claims),
		       "{\"iss\":\"%s\",\"aud\":\"%s\",\"iat\":%lld,\"exp\":%lld,"
		       "\"ref_protected\":%s%s%s%s}",
		       t->stray ? "https://other.test" : ISSUER, aud, (long long)t->made,
		       (long long)t->ends, t->wild ? "false" : "true",
		       t->strict ? ",\"environment\":\"release\"" : "", actor, jti);
	buf_clear(out);
	token_put(t->forged ? w->stranger : w->issuer[t->key], header, claims, out);
	fx_ok(buf_done(out));
}
