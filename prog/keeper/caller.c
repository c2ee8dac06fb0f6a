/* caller - whose token came with a call to the server, which knows no issuer's keys. The answer is
 * no statement and gives no right: whatever the caller then asks for has proofs of its own. */
#include "lib/codec/jcan.h"
#include "lib/model/field.h"
#include "lib/proto/keeper_caller.h"
#include "prog/keeper/gate.h"
#include "prog/keeper/oidc.h"

static rc answer(struct call *c, const struct principal *service, unix_time expires)
{
	uint8_t mem[512];
	struct jcan_out w;
	struct buf json;

	buf_init_fixed(&json, mem, sizeof(mem));
	jcan_out_init(&w, &json);
	jcan_out_object(&w);
	field_out_time(&w, "expires", expires);
	field_out_digest(&w, "roster", &c->k->roster->digest);
	field_out_string(&w, "service", service->name.s);
	jcan_out_object_end(&w);
	TRY(jcan_out_done(&w));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}

rc handle_caller(struct call *c)
{
	const struct principal *service = NULL;
	struct keeper_caller m;
	unix_time expires;
	struct name name;
	rc r = keeper_get_caller(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (rc_is_ok(name_parse(m.service, &name)))
		service = roster_service(c->k->roster, &name);
	if (service == NULL)
		return refuse(&c->why, REASON_WHO_PERSON, "%s", "the roster has no such service");
	TRY(token_verify_caller(c->k, service, m.token, &expires, &c->why));
	return answer(c, service, expires);
}
