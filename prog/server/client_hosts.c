#include "prog/server/client_hosts.h"

#include <string.h>

#include "lib/codec/der.h"
#include "lib/codec/hex.h"
#include "lib/crypt/spiffe.h"
#include "lib/crypt/x509.h"
#include "lib/model/svid.h"
#include "prog/server/auth.h"
#include "prog/server/bearer.h"
#include "prog/server/routes.h"

#define SERIAL_MAX 20u /* RFC 5280 4.1.2.2 */

struct slot {
	struct digest certificate;
	uint64_t generation;
	unix_time since;
	unix_time end; /* of the certificate */
};

struct client_hosts {
	pthread_mutex_t lock;
	uint64_t generation; /* grows with each change; slots of another one are old */
	struct slot slots[CLIENT_HOST_SLOTS];
};

rc client_hosts_new(struct client_hosts **ret, struct fault *f)
{
	struct client_hosts *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	(void)pthread_mutex_init(&h->lock, NULL);
	h->generation = 1;
	*ret = h;
	return OK;
}

void client_hosts_free(struct client_hosts *h)
{
	if (h == NULL)
		return;
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}

void client_hosts_stale(struct server *s)
{
	if (s->hosts == NULL)
		return;
	(void)pthread_mutex_lock(&s->hosts->lock);
	s->hosts->generation++;
	(void)pthread_mutex_unlock(&s->hosts->lock);
}

/* A certificate has one slot; another one with the same first bytes takes its place. */
static struct slot *slot_of(struct client_hosts *h, const struct digest *certificate)
{
	return &h->slots[(size_t)(certificate->b[0] | certificate->b[1] << 8) % CLIENT_HOST_SLOTS];
}

/* *ret_generation: before the keeper is asked, so that an answer that a change overtakes is not
 * remembered. */
static bool is_known(struct client_hosts *h, const struct digest *certificate, unix_time now,
		     uint64_t *ret_generation)
{
	const struct slot *s = slot_of(h, certificate);
	bool known;

	(void)pthread_mutex_lock(&h->lock);
	*ret_generation = h->generation;
	known = s->generation == h->generation && digest_is_equal(&s->certificate, certificate) &&
		now >= s->since && now <= s->since + CLIENT_HOST_SECONDS && now <= s->end;
	(void)pthread_mutex_unlock(&h->lock);
	return known;
}

static void remember(struct client_hosts *h, const struct slot *s)
{
	(void)pthread_mutex_lock(&h->lock);
	*slot_of(h, &s->certificate) = *s;
	(void)pthread_mutex_unlock(&h->lock);
}

/* ---- Judgement ------------------------------------------------------------------------------*/

static bool is_serial(const json_t *host, const char *name, struct view serial)
{
	const char *text = json_string_value(json_object_get(host, name));
	char hex[2 * SERIAL_MAX + 1];

	if (text == NULL || serial.len > SERIAL_MAX)
		return false;
	hex_encode(serial, hex);
	return strcmp(text, hex) == 0;
}

enum reason client_host_standing(const json_t *host, struct view serial, unix_time now,
				 bool *ret_brief)
{
	const char *state = json_string_value(json_object_get(host, "state"));
	const char *text = json_string_value(json_object_get(host, "renewed"));
	unix_time renewed;

	*ret_brief = false;
	if (state == NULL)
		return REASON_KEEPER_INTERNAL;
	if (strcmp(state, "locked") == 0 || strcmp(state, "cloned") == 0)
		return REASON_HOST_LOCKED;
	if (strcmp(state, "spiffe") == 0)
		return REASON_NONE;
	if (strcmp(state, "expired") == 0)
		return REASON_HOST_EXPIRED;
	if (strcmp(state, "enrolled") != 0)
		return REASON_HOST_UNENROLLED;
	if (is_serial(host, "serial", serial))
		return REASON_NONE;
	*ret_brief = true;
	if (is_serial(host, "serial_before", serial) && text != NULL &&
	    rc_is_ok(time_parse(view_str(text), &renewed)) && now <= renewed + CLIENT_HOST_OVERLAP)
		return REASON_NONE;
	return REASON_HOST_CERTIFICATE;
}

/* What one connection has shown. */
struct shown {
	struct view chain[HTTP_CLIENT_CHAIN_MAX];
	size_t count;
	struct x509 leaf;
	struct view id;
	struct view serial;
	const struct principal *host;
};

/* spiffe://LOG/host/NAME (prog/keeper/host_ca.c); whether LOG is ours is seen by the signature. */
static const struct principal *enrolled_host(const struct roster *r, struct view id)
{
	static const char middle[] = "/host/";
	const size_t n = sizeof(middle) - 1;
	const struct principal *p;
	struct name name;
	size_t at = id.len;

	while (at > 0 && id.ptr[at - 1] != '/')
		at--;
	if (at < n || memcmp(id.ptr + at - n, middle, n) != 0 ||
	    !rc_is_ok(name_parse(view_of(id.ptr + at, id.len - at), &name)))
		return NULL;
	p = roster_host(r, &name);
	return p != NULL && p->enrol ? p : NULL;
}

static const struct principal *host_of(const struct roster *r, struct view id)
{
	for (size_t i = 0; i < r->host_count; i++)
		if (r->hosts[i].spiffe != NULL && view_is(id, r->hosts[i].spiffe))
			return &r->hosts[i];
	return enrolled_host(r, id);
}

static rc read_shown(struct call_ctx *c, struct shown *s, const struct roster *r)
{
	struct fault f = {0};
	struct view serial;

	if (!rc_is_ok(x509_parse(s->chain[0], &s->leaf, &f)) ||
	    !rc_is_ok(svid_id(s->chain[0], &s->id, &f)))
		return call_refuse(c, REASON_CALL_CERTIFICATE, "the client certificate: %s",
				   f.text);
	serial = s->leaf.serial;
	if (!rc_is_ok(der_integer(&serial, &s->serial)))
		return call_refuse(c, REASON_CALL_CERTIFICATE, "the client certificate's number");
	if (s->leaf.has_eku && !s->leaf.eku_client_auth)
		return call_refuse(c, REASON_CALL_CERTIFICATE,
				   "the certificate is not for TLS clients (RFC 5280 4.2.1.12, "
				   "clientAuth)");
	s->host = host_of(r, s->id);
	if (s->host == NULL)
		return call_refuse(c, REASON_CALL_CERTIFICATE,
				   "the client certificate is of no host of the roster");
	return OK;
}

/* ca: the keeper's, PEM, or NULL. */
static rc verify_enrolled(const struct shown *s, const char *ca, unix_time now, struct sshkey **ret,
			  struct fault *f)
{
	AUTO(x509_chain) struct x509_chain roots = {0};
	struct svid_trust trust = {.id = s->id, .when = now};

	if (ca == NULL)
		return fault_set(f, RC_NOTFOUND, 0, "the keeper has no authority yet");
	TRY(x509_chain_read(view_str(ca), &roots, f));
	trust.roots = roots.der;
	trust.root_count = roots.count;
	return svid_verify(s->chain, s->count, &trust, ret, f);
}

static rc verify_chain(struct call_ctx *c, const struct shown *s, const struct roster *r,
		       const json_t *answer, unix_time now)
{
	const char *ca = json_string_value(json_object_get(answer, "ca"));
	struct sshkey *key = NULL;
	struct fault f = {0};
	rc done = s->host->enrol
			  ? verify_enrolled(s, ca, now, &key, &f)
			  : roster_svid_verify(r, s->host, s->chain, s->count, now, &key, &f);

	sshkey_free(key);
	if (done.code == RC_EXPIRED)
		return call_refuse(c, REASON_HOST_EXPIRED, "%s: %s", s->host->name.s, f.text);
	if (!rc_is_ok(done))
		return call_refuse(c, REASON_CALL_CERTIFICATE,
				   "the client certificate does not verify: %s", f.text);
	return OK;
}

static rc judge(struct call_ctx *c, struct shown *s, const struct roster *r, unix_time now,
		bool *ret_brief)
{
	AUTO(json) json_t *answer = NULL;
	enum reason reason;

	TRY(read_shown(c, s, r));
	TRY(hosts_ask(c, view_str(s->host->name.s), view_str(""), &answer));
	TRY(verify_chain(c, s, r, answer, now));
	reason = client_host_standing(json_array_get(json_object_get(answer, "hosts"), 0),
				      s->serial, now, ret_brief);
	if (reason == REASON_NONE)
		return OK;
	return call_refuse(c, reason, "%s: %s", s->host->name.s, reason_what(reason));
}

rc client_hosts_check(struct call_ctx *c)
{
	const char *authorization = http_header(c->exchange, "Authorization");
	struct client_hosts *h = c->server->hosts;
	unix_time now = clock_now(&clock_system);
	struct slot good = {.since = now};
	struct shown s = {0};
	struct roster_ref *roster;
	bool brief = false;
	rc r;

	if (h == NULL || http_client_is_trusted(c->exchange))
		return OK;
	s.count = http_client_chain(c->exchange, s.chain);
	/* A job may be where no host is known; whose token it shows is judged next (bearer.h). */
	if (s.count == 0 && authorization != NULL && bearer_is_like(authorization))
		return OK;
	if (s.count == 0)
		return call_refuse(c, REASON_CALL_CERTIFICATE,
				   "the connection has no client certificate of a host");
	good.certificate = digest_of(s.chain[0]);
	if (is_known(h, &good.certificate, now, &good.generation))
		return OK;
	TRY(roster_take(c, &roster));
	r = judge(c, &s, roster->roster, now, &brief);
	roster_drop(c->server, roster);
	TRY(r);
	good.end = s.leaf.not_after;
	if (!brief)
		remember(h, &good);
	return OK;
}
