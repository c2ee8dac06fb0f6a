#include "prog/agent/local.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/codec/base64.h"
#include "lib/crypt/dsse.h"
#include "lib/crypt/spiffe.h"
#include "lib/model/provenance.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"
#include "prog/agent/guard_feed.h"
#include "prog/agent/renewal.h"

/* {"statement":"<base64>"} around the largest request. */
#define ATTEST_BODY_MAX ((size_t)PROVENANCE_BYTES_MAX / 3 * 4 + 4096)
#define SIGN_BODY_MAX ((size_t)REQUEST_BYTES_MAX / 3 * 4 + 4096)

rc local_may_sign(const struct who *who, struct view statement, struct request_guard *ret_guard,
		  struct fault *f)
{
	AUTO(request) struct request r = {0};

	if (statement.len > REQUEST_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "a request may have %u bytes", REQUEST_BYTES_MAX);
	TRY(request_parse(statement, &r, f));
	if (!name_is_equal(&r.host, &who->host))
		return fault_set(f, RC_MISMATCH, 0, "the request names host %s, this is %s",
				 r.host.s, who->host.s);
	if (strcmp(r.origin, who->origin) != 0)
		return fault_set(f, RC_MISMATCH, 0, "the request is for %s, this host's log is %s",
				 r.origin, who->origin);
	if (ret_guard != NULL)
		*ret_guard = r.guard;
	return OK;
}

rc local_guard_is_true(const char *socket, const struct request_guard *said, unix_time now,
		       struct fault *f)
{
	struct guard_feed feed = {.events = NULL};

	if (!said->given)
		return OK;
	if (socket[0] == '\0')
		return fault_set(f, RC_MISMATCH, 0, "this agent knows no guard: set guard");
	if (said->at < now - LOCAL_GUARD_SECONDS || said->at > now + LOCAL_GUARD_SECONDS)
		return fault_set(f, RC_MISMATCH, 0, "what it says of the guard is not of now");
	TRY(guard_feed_fetch(socket, &feed, f));
	if (!guard_state_is_equal(&said->state, &feed.state))
		return fault_set(f, RC_MISMATCH, 0, "the guard stands otherwise: %s, level %s",
				 feed.state.mode, feed.state.level);
	return OK;
}

static rc read_bytes(struct talk *t, const char *name, struct buf *out)
{
	struct view body = http_body(t->exchange);
	AUTO(json)
	json_t *root = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(root, name));

	if (text == NULL || json_object_size(root) != 1)
		return RC(RC_SYNTAX);
	TRY(base64_parse(BASE64_STD, view_str(text), out, NULL));
	return buf_done(out);
}

static void sign(struct talk *t)
{
	struct agent *a = t->agent;
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf sig = {0};
	AUTO(buf) struct buf text = {0};
	struct request_guard guard = {0};
	struct fault f = {0};
	rc r;

	buf_init(&statement, REQUEST_BYTES_MAX);
	buf_init(&sig, SVID_PROOF_MAX);
	buf_init(&text, base64_size(BASE64_STD, SVID_PROOF_MAX) + 1);
	r = read_bytes(t, "statement", &statement);
	if (r.code == RC_LIMIT) {
		talk_refuse(t, 413, "agent.statement", "", "a request may have %u bytes",
			    REQUEST_BYTES_MAX);
		return;
	}
	if (!rc_is_ok(r)) {
		talk_refuse(t, 400, "agent.form", "", "the body is {\"statement\":BASE64}");
		return;
	}
	r = local_may_sign(&a->who, buf_view(&statement), &guard, &f);
	if (rc_is_ok(r))
		r = local_guard_is_true(a->conf.guard, &guard, clock_now(&a->clock), &f);
	if (!rc_is_ok(r)) {
		log_info("uid %u: no host signature: %s", t->peer->uid, f.text);
		talk_refuse(t, 422, "agent.statement",
			    "the host key signs requests of this host alone, and what they say of "
			    "its guard must be so",
			    "%s", f.text);
		return;
	}
	r = host_key_sshsig(a->key, statement_info(STATEMENT_HOST)->ns, buf_view(&statement), &sig,
			    &f);
	base64_put(BASE64_STD, buf_view(&sig), &text);
	if (!rc_is_ok(r) || !rc_is_ok(buf_done(&text))) {
		talk_refuse(t, 503, "agent.key", "", "the host key has not signed: %s", f.text);
		return;
	}
	talk_json(t, json_pack("{s:s,s:s}", "host", a->who.host.s, "signature", buf_cstr(&text)));
}

/* ---- Provenance ---- */

rc local_may_attest(const char *builder, struct view payload, struct fault *f)
{
	AUTO(provenance) struct provenance p = {0};

	if (builder[0] == '\0')
		return fault_set(f, RC_STATE, 0, "this agent signs no provenance: set builder-id");
	TRY(provenance_parse(payload, &p, f));
	if (strcmp(p.builder, builder) != 0)
		return fault_set(f, RC_MISMATCH, 0, "builder %s, and this host is %s", p.builder,
				 builder);
	return OK;
}

static void sign_provenance(struct talk *t)
{
	struct agent *a = t->agent;
	AUTO(buf) struct buf payload = {0};
	AUTO(buf) struct buf sig = {0};
	AUTO(buf) struct buf text = {0};
	char keyid[SSHKEY_FINGERPRINT];
	struct fault f = {0};
	rc r;

	buf_init(&payload, PROVENANCE_BYTES_MAX);
	buf_init(&sig, DSSE_SIGNATURE_MAX);
	buf_init(&text, base64_size(BASE64_STD, DSSE_SIGNATURE_MAX) + 1);
	if (!rc_is_ok(read_bytes(t, "payload", &payload))) {
		talk_refuse(t, 400, "agent.form", "", "the body is {\"payload\":BASE64}");
		return;
	}
	r = local_may_attest(a->conf.builder_id, buf_view(&payload), &f);
	if (!rc_is_ok(r)) {
		log_info("uid %u: no provenance: %s", t->peer->uid, f.text);
		talk_refuse(t, 422, "agent.statement",
			    "builder-id in the agent's settings is the one builder it signs for",
			    "%s", f.text);
		return;
	}
	r = host_key_dsse(a->key, PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &sig, &f);
	base64_put(BASE64_STD, buf_view(&sig), &text);
	if (!rc_is_ok(r) || !rc_is_ok(buf_done(&text))) {
		talk_refuse(t, 503, "agent.key", "", "the host key has not signed: %s", f.text);
		return;
	}
	log_info("provenance signed for uid %u", t->peer->uid);
	sshkey_fingerprint_text(sshkey_fingerprint(host_key_ssh(a->key)), keyid);
	talk_json(t, json_pack("{s:s,s:s,s:s}", "host", a->who.host.s, "keyid", keyid, "signature",
			       buf_cstr(&text)));
}

/* What a request may say of the guard; nothing where none can be asked. */
static void put_guard(const struct agent *a, json_t *o)
{
	struct guard_feed feed = {.events = NULL};
	struct fault f = {0};
	char when[TIME_TEXT];
	json_t *g;

	if (a->conf.guard[0] == '\0' || !rc_is_ok(guard_feed_fetch(a->conf.guard, &feed, &f)) ||
	    !rc_is_ok(time_format(clock_now(&a->clock), when)))
		return;
	g = json_pack("{s:s,s:s,s:s}", "at", when, "level", feed.state.level, "mode",
		      feed.state.mode);
	if (feed.state.has_list) {
		(void)json_object_set_new(g, "list", json_string(feed.state.list.s));
		(void)json_object_set_new(g, "serial", json_integer((json_int_t)feed.state.serial));
	}
	(void)json_object_set_new(o, "guard", g);
}

static void info(struct talk *t)
{
	const struct agent *a = t->agent;
	unix_time expires = atomic_load(&a->expires);
	char when[TIME_TEXT] = "";
	char pin[DIGEST_HEX];
	json_t *o;

	digest_hex(&a->who.pin, pin);
	if (expires != 0)
		rc_ignore(time_format(expires, when), "empty then");
	o = json_pack("{s:s,s:s,s:s,s:s,s:o,s:s}", "host", a->who.host.s, "class", a->who.klass,
		      "server", a->who.server, "origin", a->who.origin, "pin",
		      json_sprintf("sha256:%s", pin), "version", GS_VERSION);
	if (o != NULL)
		(void)json_object_set_new(o, "certificate_end",
					  when[0] != '\0' ? json_string(when) : json_null());
	if (o != NULL)
		put_guard(a, o);
	talk_json(t, o);
}

static void renew(struct talk *t)
{
	struct agent *a = t->agent;
	struct fault f = {0};
	rc r;

	if (t->peer->uid != 0 && t->peer->uid != getuid()) {
		talk_refuse(t, 403, "agent.peer", "", "renewing is for root and the agent's user");
		return;
	}
	if (a->renewal == NULL) {
		talk_refuse(t, 422, "agent.key", "",
			    "the host key or SVID is not from enrolment: it "
			    "is renewed elsewhere");
		return;
	}
	r = renewal_now(a->renewal, &f);
	if (rc_is_ok(r))
		info(t);
	else
		talk_refuse(t, r.code == RC_DENIED ? 422 : 502, "agent.renewal", "", "%s", f.text);
}

static const struct local_call calls[] = {
	{"POST", "/agent/v1/host-signature", SIGN_BODY_MAX, sign},
	{"POST", "/agent/v1/provenance", ATTEST_BODY_MAX, sign_provenance},
	{"GET", "/agent/v1/info", 0, info},
	{"POST", "/agent/v1/renew", 0, renew},
};

const struct local_call *local_find(struct talk *t)
{
	bool known = false;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!view_is(t->target.path, calls[i].path))
			continue;
		known = true;
		if (t->target.param_count == 0 &&
		    strcmp(http_method(t->exchange), calls[i].method) == 0)
			return &calls[i];
	}
	if (known)
		talk_refuse(t, 405, "agent.form", "", "not with this method or these parameters");
	else
		talk_refuse(t, 404, "agent.not-found", "", "the agent has no such call");
	return NULL;
}
