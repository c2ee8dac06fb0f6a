#include "prog/server/guard.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/svid.h"
#include "prog/server/auth.h"
#include "prog/server/routes.h"
#include "prog/server/sightings.h"

#define SWEEP_SECONDS 3600

/* ---- Whose it is ----------------------------------------------------------------------------*/

/* A host's proof taken apart: the SSHSIG, and the key that it must be by. */
struct proven {
	struct sshkey *own; /* to be freed, or NULL */
	const struct sshkey *key;
	struct view sig;
};

static rc by_svid(const struct roster *r, const struct principal *p, struct view proof,
		  struct proven *ret, struct fault *f)
{
	struct svid_proof parts;

	TRY(svid_proof_parse(proof, &parts, f));
	TRY(roster_svid_key(r, p, &parts, clock_now(&clock_system), &ret->own, f));
	ret->key = ret->own;
	ret->sig = parts.sig;
	return OK;
}

/* host: what the keeper says of it, with the fingerprint of the key that it has enrolled. */
static rc by_enrolled(const json_t *host, struct view proof, struct proven *ret, struct fault *f)
{
	const char *want = json_string_value(json_object_get(host, "key"));
	char have[SSHKEY_FINGERPRINT];
	struct sshsig parts;

	TRY(sshsig_parse(proof, &parts, f));
	TRY(sshkey_parse_blob(parts.key_blob, &ret->own, f));
	sshkey_fingerprint_text(sshkey_fingerprint(ret->own), have);
	if (want == NULL || strcmp(have, want) != 0)
		return fault_set(f, RC_MISMATCH, 0, "signed by another key than it enrolled with");
	ret->key = ret->own;
	ret->sig = proof;
	return OK;
}

static rc by_roster(const struct principal *p, struct view proof, struct proven *ret,
		    struct fault *f)
{
	struct sshsig parts;

	TRY(sshsig_parse(proof, &parts, f));
	ret->key = principal_key(p, parts.key_blob);
	ret->sig = proof;
	return ret->key != NULL
		       ? OK
		       : fault_set(f, RC_MISMATCH, 0, "the roster has another key for this host");
}

static rc refuse_standing(struct call_ctx *c, const struct name *host, const json_t *row)
{
	static const struct {
		const char *state;
		enum reason reason;
	} bad[] = {{"locked", REASON_HOST_LOCKED},
		   {"cloned", REASON_HOST_LOCKED},
		   {"expired", REASON_HOST_EXPIRED},
		   {"unenrolled", REASON_HOST_UNENROLLED},
		   {"invited", REASON_HOST_UNENROLLED}};
	const char *state = json_string_value(json_object_get(row, "state"));

	if (state == NULL)
		return call_refuse(c, REASON_WHO_HOST, "the keeper knows no host %s", host->s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strcmp(state, bad[i].state) == 0)
			return call_refuse(c, bad[i].reason, "%s: %s", host->s,
					   reason_what(bad[i].reason));
	return OK;
}

/* What is to be verified, and in which namespace. */
struct said {
	const char *ns;
	struct view bytes;
	struct view proof;
};

static rc verify(struct call_ctx *c, const struct roster *r, const struct principal *p,
		 const struct said *s)
{
	static const struct sshsig_rules rules = {0};
	AUTO(json) json_t *answer = NULL;
	struct proven by = {0};
	struct fault f = {0};
	const json_t *row;
	rc done;

	TRY(hosts_ask(c, view_str(p->name.s), view_of("", 0), &answer));
	row = json_array_get(json_object_get(answer, "hosts"), 0);
	TRY(refuse_standing(c, &p->name, row));
	if (p->spiffe != NULL)
		done = by_svid(r, p, s->proof, &by, &f);
	else if (p->enrol)
		done = by_enrolled(row, s->proof, &by, &f);
	else
		done = by_roster(p, s->proof, &by, &f);
	if (rc_is_ok(done))
		done = sshsig_verify(by.key, s->ns, s->bytes, by.sig, &rules, NULL, &f);
	sshkey_free(by.own);
	if (rc_is_ok(done))
		return OK;
	return call_refuse(c, done.code == RC_EXPIRED ? REASON_HOST_EXPIRED : REASON_SIG_HOST,
			   "%s: %s", p->name.s, f.text);
}

rc guard_verify(struct call_ctx *c, const struct name *host, const char *ns, struct view bytes,
		struct view proof)
{
	const struct said said = {.ns = ns, .bytes = bytes, .proof = proof};
	const struct principal *p;
	struct roster_ref *roster;
	rc r;

	TRY(roster_take(c, &roster));
	p = roster_host(roster->roster, host);
	r = p == NULL ? call_refuse(c, REASON_WHO_HOST, "the roster has no host %s", host->s)
		      : verify(c, roster->roster, p, &said);
	roster_drop(c->server, roster);
	return r;
}

/* ---- One batch ------------------------------------------------------------------------------*/

struct parts {
	struct buf batch;
	struct buf sig;
};

static void parts_release(struct parts *p)
{
	buf_release(&p->batch);
	buf_release(&p->sig);
}
AUTO_DEFINE(parts, struct parts, parts_release)

static rc read_parts(struct call_ctx *c, struct parts *p)
{
	AUTO(json) json_t *body = NULL;

	buf_init(&p->batch, GUARD_BATCH_MAX);
	buf_init(&p->sig, SVID_PROOF_MAX);
	TRY(call_body(c, &body));
	if (json_object_size(body) != 2)
		return call_refuse(c, REASON_CALL_FORM, "the body is {\"batch\",\"signature\"}");
	TRY(call_bytes(c, body, "batch", &p->batch));
	return call_bytes(c, body, "signature", &p->sig);
}

static void log_change(const struct store_guard_host *before, const struct guard_batch *b)
{
	if (before->silent)
		log_info("guard of %s is heard again", b->host.s);
	if (strcmp(before->state.mode, b->state.mode) == 0)
		return;
	if (strcmp(before->state.mode, GUARD_ENFORCE_WORD) == 0)
		log_warn("ALARM guard of %s does not enforce any more: %s", b->host.s,
			 b->state.mode);
	else
		log_info("guard of %s: %s, level %s", b->host.s, b->state.mode, b->state.level);
}

static rc keep(struct call_ctx *c, const struct guard_batch *b)
{
	const struct conf *conf = &c->server->conf;
	struct store *s = c->server->store;
	const struct store_guard_limits limits = {.now = clock_now(&clock_system),
						  .events_max = (uint32_t)conf->guard_events,
						  .digests_max = (uint32_t)conf->guard_digests};
	struct store_guard_host before;
	struct fault f = {0};
	rc r;

	if (b->time > limits.now + GUARD_SKEW || b->time < limits.now - GUARD_SKEW)
		return call_refuse(c, REASON_CALL_TIME, "the batch is not of now");
	r = s->api->guard_put(s, b, &limits, &before, &f);
	if (r.code == RC_STATE)
		return call_refuse(c, REASON_CALL_REPLAY, "%s", f.text);
	if (!rc_is_ok(r)) {
		log_warn("what the guard of %s says is not kept: %s", b->host.s, f.text);
		return r;
	}
	log_change(&before, b);
	/* Until this is done the host tells it again. */
	TRY(sightings_of_guard(c, b));
	return call_json(c, 200,
			 json_pack("{s:s,s:I}", "host", b->host.s, "seq", (json_int_t)b->last));
}

rc post_guard_events(struct call_ctx *c)
{
	AUTO(parts) struct parts p = {0};
	struct keeper_hello hello;
	struct guard_batch b;
	struct fault f = {0};

	TRY(call_open_rate(c));
	TRY(read_parts(c, &p));
	if (!rc_is_ok(guard_batch_parse(buf_view(&p.batch), &b, &f)))
		return call_refuse(c, REASON_CALL_FORM, "%s", f.text);
	TRY(guard_verify(c, &b.host, GUARD_NS, buf_view(&p.batch), buf_view(&p.sig)));
	call_rate_give(c);
	TRY(call_hello(c, &hello));
	if (strcmp(hello.origin, b.origin) != 0)
		return call_refuse(c, REASON_FORM_ORIGIN, "the batch is for another log");
	return keep(c, &b);
}

/* ---- Silence --------------------------------------------------------------------------------*/

static rc log_silent(void *ctx, const struct store_guard_host *row)
{
	char when[TIME_TEXT];

	(void)ctx;
	if (rc_is_ok(time_format(row->heard, when)))
		log_warn("ALARM guard of %s is silent since %s", row->host.s, when);
	return OK;
}

void guard_watch(struct server *s, unix_time now)
{
	struct fault f = {0};
	rc r = s->store->api->guard_silent(s->store, now - (unix_time)s->conf.guard_silence, now,
					   log_silent, NULL, &f);

	if (rc_is_ok(r) && (now < s->guard_swept || now - s->guard_swept >= SWEEP_SECONDS)) {
		s->guard_swept = now;
		r = s->store->api->guard_sweep(s->store,
					       now - (unix_time)s->conf.guard_keep * 86400, &f);
	}
	if (!rc_is_ok(r))
		log_warn("guards are not looked after: %s", f.text);
}
