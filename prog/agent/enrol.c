#include "prog/agent/enrol.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/secret.h"
#include "lib/model/host_token.h"
#include "prog/agent/attest.h"
#include "prog/agent/host_api.h"
#include "prog/agent/renewal.h"

/* ---- Enrolment ---- */

static rc check_order(const struct enrol_order *o, struct fault *f)
{
	struct hash pin;

	if (o->server == NULL || o->pin == NULL)
		return fault_set(f, RC_USAGE, 0, "enrol URL --pin sha256:HEX --token TOKEN");
	if (strlen(o->server) >= sizeof(((struct who *)NULL)->server))
		return fault_set(f, RC_USAGE, 0, "the server's address is too long");
	if (!rc_is_ok(hash_parse(view_str(o->pin), &pin)) || pin.alg != HASH_SHA256)
		return fault_set(f, RC_USAGE, 0, "--pin must be sha256: and 64 hex digits");
	if (o->tpm != NULL && strcmp(o->tpm, "auto") != 0 && strcmp(o->tpm, "require") != 0 &&
	    strcmp(o->tpm, "none") != 0)
		return fault_set(f, RC_USAGE, 0, "--tpm auto, require or none");
	if (o->token != NULL && o->token_file != NULL)
		return fault_set(f, RC_USAGE, 0, "--token or --token-file, not both");
	return OK;
}

/* One line; from an argument others can see it for a moment, which --token - avoids. */
static rc read_line(const struct enrol_order *o, struct secret *ret, struct fault *f)
{
	AUTO(fd) int fd = -1;
	ssize_t n;

	TRY(secret_new(ret, HOST_TOKEN_TEXT_MAX + 2));
	if (o->token != NULL && strcmp(o->token, "-") != 0) {
		n = (ssize_t)strlen(o->token);
		if (n > (ssize_t)HOST_TOKEN_TEXT_MAX)
			return fault_set(f, RC_USAGE, 0, "the token is too long");
		memcpy(ret->ptr, o->token, (size_t)n);
	} else {
		if (o->token_file != NULL)
			fd = open(o->token_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (o->token_file != NULL && fd < 0)
			return fault_errno(f, errno, "%s", o->token_file);
		n = read(fd >= 0 ? fd : STDIN_FILENO, ret->ptr, ret->len);
	}
	while (n > 0 && (ret->ptr[n - 1] == '\n' || ret->ptr[n - 1] == '\r'))
		n--;
	ret->len = n > 0 ? (size_t)n : 0;
	return n > 0 ? OK : fault_set(f, RC_USAGE, 0, "there is no token");
}

/* The token says for which name it is. */
static rc read_token(const struct enrol_order *o, struct name *ret_host, struct secret *ret_seed,
		     struct fault *f)
{
	AUTO(secret) struct secret text = {0};

	TRY(read_line(o, &text, f));
	if (!rc_is_ok(host_token_parse(secret_view(&text), ret_host, ret_seed, f)))
		return fault_set(f, RC_USAGE, 0,
				 "this is no token: NAME-CODE, as greatseal host add has shown it");
	if (o->name != NULL && !name_is(ret_host, o->name))
		return fault_set(f, RC_USAGE, 0, "--name %s: the token is for %s", o->name,
				 ret_host->s);
	return OK;
}

static rc connect_pinned(const struct enrol_order *o, struct https_client **ret, struct fault *f)
{
	struct https_client_spec spec = {.base_url = o->server, .has_pin = true};
	struct hash pin;

	TRY(hash_parse(view_str(o->pin), &pin));
	memcpy(spec.pin.b, pin.b, DIGEST_SIZE);
	return https_client_new(&spec, ret, f);
}

/* The origin of the server's log, over the pinned connection. */
static rc fetch_origin(const struct enrol_order *o, char out[ORIGIN_MAX + 1], struct fault *f)
{
	const struct https_request q = {.method = "GET", .target = "/v1/info"};
	AUTO(https_answer) struct https_answer a = {0};
	AUTO(json) json_t *root = NULL;
	struct https_client *c = NULL;
	const char *origin;
	rc r;

	TRY(connect_pinned(o, &c, f));
	r = https_call(c, &q, &a, f);
	https_client_free(c);
	TRY(r);
	root = json_loadb((const char *)a.body.ptr, a.body.len, JSON_REJECT_DUPLICATES, NULL);
	origin = json_string_value(json_object_get(root, "origin"));
	if (a.status != 200 || origin == NULL || origin[0] == '\0' || strlen(origin) > ORIGIN_MAX)
		return fault_set(f, RC_PEER, 0, "the server answered %u and names no log",
				 a.status);
	memcpy(out, origin, strlen(origin) + 1);
	return OK;
}

/* The key of an earlier try, or a new one. */
static rc take_key(const struct conf *c, const struct enrol_order *o, int dirfd,
		   struct host_key **ret, struct fault *f)
{
	bool require = o->tpm != NULL && strcmp(o->tpm, "require") == 0;
	bool none = o->tpm != NULL && strcmp(o->tpm, "none") == 0;
	rc r = host_key_open(dirfd, c->tpm, ret, f);

	if (r.code == RC_NOTFOUND && !none)
		r = host_key_create_tpm(dirfd, c->tpm, ret, f);
	if (r.code == RC_NOTFOUND && !require)
		r = host_key_create(dirfd, ret, f);
	TRY(r);
	if ((require && host_key_chip(*ret) == NULL) || (none && host_key_chip(*ret) != NULL)) {
		host_key_free(*ret);
		*ret = NULL;
		return fault_set(
			f, RC_STATE, 0,
			"an earlier try has left a key that is %s: --again makes a new one",
			none ? "in the TPM" : "not in a TPM");
	}
	return OK;
}

/* A key in the TPM shows that it is there. */
static rc prove(const struct enrol_order *o, const struct name *host, const struct host_key *key,
		struct attest *a, struct fault *f)
{
	struct https_client *c = NULL;
	rc r;

	TRY(connect_pinned(o, &c, f));
	r = attest_begin(a, c, host, key, f);
	https_client_free(c);
	return r;
}

static rc write_order(const struct enrol_order *o, int dirfd, const struct host_key *key,
		      struct state *s, struct pending *p, struct fault *f)
{
	AUTO(secret) struct secret seed = {0};
	AUTO(attest) struct attest proof;
	struct host_api_ask ask = {.host = &s->who.host,
				   .origin = s->who.origin,
				   .time = clock_now(&clock_system),
				   .token = &seed};

	attest_init(&proof);
	TRY(read_token(o, &s->who.host, &seed, f));
	TRY(fetch_origin(o, s->who.origin, f));
	if (host_key_chip(key) != NULL) {
		TRY(prove(o, &s->who.host, key, &proof, f));
		ask.klass = proof.klass;
		ask.proof = &proof;
	}
	(void)snprintf(p->server, sizeof(p->server), "%s", o->server);
	(void)snprintf(p->pin, sizeof(p->pin), "%s", o->pin);
	(void)snprintf(p->target, sizeof(p->target), "%s", HOST_API_ENROL);
	p->host = s->who.host;
	TRY(host_api_body(&ask, key, &p->body, f));
	return pending_store(dirfd, p, f);
}

/* One that was sent, and whose answer never came: the same bytes. */
static rc resume(const struct pending *p, struct state *s, struct fault *f)
{
	struct enrol_order again = {.server = p->server, .pin = p->pin};

	s->who.host = p->host;
	return fetch_origin(&again, s->who.origin, f);
}

static void say(const struct state *s)
{
	char when[TIME_TEXT] = "";

	rc_ignore(time_format(s->not_after, when), "empty then");
	(void)printf("host %s at %s (%s)\n", s->who.host.s, s->who.server, s->who.origin);
	(void)printf("  class %s, certificate until %s, renewed %llu times\n", s->who.klass, when,
		     (unsigned long long)s->counter);
}

static const char *const own_files[][2] = {{HOST_KEY_FILE, "host.key.old"},
					   {HOST_KEY_TPM_FILE, "host.tpm.old"},
					   {"state.json", "state.json.old"}};

/* A new invitation means a new key: the old one may be what was copied. */
static rc put_aside(int dirfd, struct fault *f)
{
	for (size_t i = 0; i < sizeof(own_files) / sizeof(own_files[0]); i++)
		if (renameat(dirfd, own_files[i][0], dirfd, own_files[i][1]) != 0 &&
		    errno != ENOENT)
			return fault_errno(f, errno, "%s", own_files[i][0]);
	return pending_drop(dirfd, f);
}

static void drop_aside(int dirfd)
{
	for (size_t i = 0; i < sizeof(own_files) / sizeof(own_files[0]); i++)
		(void)unlinkat(dirfd, own_files[i][1], 0);
}

rc cmd_enrol(const struct conf *c, const struct enrol_order *o, struct fault *f)
{
	AUTO(state) struct state s;
	AUTO(pending) struct pending p;
	AUTO(fd) int dirfd = -1;
	AUTO(fd) int lock = -1;
	struct host_key *key = NULL;
	struct errand e;
	struct hash pin;
	rc r;

	state_init(&s);
	pending_init(&p);
	if (!conf_is_enrolled(c))
		return fault_set(f, RC_USAGE, 0,
				 "the settings name a key-file or svid-dir: the roster knows that "
				 "host without enrolment");
	TRY(state_dir(c->state, &dirfd, &lock, f));
	if (o->again) {
		TRY(check_order(o, f));
		TRY(put_aside(dirfd, f));
	}
	if (faccessat(dirfd, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return fault_set(f, RC_EXISTS, 0,
				 "this host is enrolled already: greatseal-agent status; with a "
				 "new token, --again makes a new key");
	r = pending_load(dirfd, &p, f);
	if (r.code == RC_NOTFOUND)
		TRY(check_order(o, f));
	else
		TRY(r);
	if (!rc_is_ok(https_setup()))
		return fault_set(f, RC_NOMEM, 0, "libcurl cannot be set up");
	TRY(take_key(c, o, dirfd, &key, f));
	r = r.code == RC_NOTFOUND ? write_order(o, dirfd, key, &s, &p, f) : resume(&p, &s, f);
	(void)snprintf(s.who.server, sizeof(s.who.server), "%s", p.server);
	if (rc_is_ok(r))
		r = hash_parse(view_str(p.pin), &pin);
	if (rc_is_ok(r)) {
		memcpy(s.who.pin.b, pin.b, DIGEST_SIZE);
		e = (struct errand){.dirfd = dirfd, .key = key};
		r = errand_run(&e, &p, &s, f);
	}
	host_key_free(key);
	if (rc_is_ok(r)) {
		drop_aside(dirfd);
		say(&s);
	}
	return r;
}

/* ---- Renewal and status ---- */

/* A call to the agent that runs here. RC_IO: there is none. */
static rc ask_agent(const struct conf *c, const char *method, const char *target,
		    struct https_answer *ret, struct fault *f)
{
	const struct https_client_spec spec = {.unix_socket = c->socket};
	const struct https_request q = {.method = method, .target = target};
	struct https_client *client = NULL;
	rc r;

	if (!rc_is_ok(https_setup()))
		return fault_set(f, RC_NOMEM, 0, "libcurl cannot be set up");
	TRY(https_client_new(&spec, &client, f));
	r = https_call(client, &q, ret, f);
	https_client_free(client);
	return r;
}

static rc renew_here(const struct conf *c, struct fault *f)
{
	AUTO(state) struct state s;
	AUTO(fd) int dirfd = -1;
	AUTO(fd) int lock = -1;
	struct host_key *key = NULL;
	rc r;

	state_init(&s);
	TRY(state_dir(c->state, &dirfd, &lock, f));
	TRY(state_load(dirfd, &s, f));
	TRY(host_key_open(dirfd, c->tpm, &key, f));
	r = renewal_do(dirfd, key, clock_now(&clock_system), &s, f);
	host_key_free(key);
	if (rc_is_ok(r))
		say(&s);
	return r;
}

rc cmd_renew(const struct conf *c, struct fault *f)
{
	AUTO(https_answer) struct https_answer a = {0};
	struct host_api_refusal why;
	rc r = ask_agent(c, "POST", "/agent/v1/renew", &a, NULL);

	if (!rc_is_ok(r))
		return renew_here(c, f);
	if (a.status == 200) {
		(void)printf("renewed\n");
		return OK;
	}
	host_api_refusal(buf_view(&a.body), &why);
	return fault_set(f, RC_DENIED, 0, "%s", why.text);
}

static rc stored_status(const struct conf *c, json_t *o, struct fault *f)
{
	AUTO(state) struct state s;
	AUTO(fd) int dirfd = -1;
	char until[TIME_TEXT] = "";
	char due[TIME_TEXT] = "";

	state_init(&s);
	TRY(dir_open(c->state, &dirfd, f));
	TRY(state_load(dirfd, &s, f));
	rc_ignore(time_format(s.not_after, until), "empty then");
	rc_ignore(time_format(renewal_due(&s), due), "empty then");
	(void)json_object_set_new(o, "host", json_string(s.who.host.s));
	(void)json_object_set_new(o, "class", json_string(s.who.klass));
	(void)json_object_set_new(o, "server", json_string(s.who.server));
	(void)json_object_set_new(o, "origin", json_string(s.who.origin));
	(void)json_object_set_new(o, "certificate_end", json_string(until));
	(void)json_object_set_new(o, "renewal_due", json_string(due));
	(void)json_object_set_new(o, "renewals", json_integer((json_int_t)s.counter));
	return OK;
}

static void print_status(const json_t *o)
{
	const char *name;
	const json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, name, v)
	{
		if (json_is_string(v))
			(void)printf("%-16s %s\n", name, json_string_value(v));
		else if (json_is_integer(v))
			(void)printf("%-16s %lld\n", name, (long long)json_integer_value(v));
		else
			(void)printf("%-16s %s\n", name, json_is_true(v) ? "yes" : "no");
	}
}

rc cmd_status(const struct conf *c, bool json, struct fault *f)
{
	AUTO(https_answer) struct https_answer a = {0};
	AUTO(json) json_t *o = json_object();
	bool running = rc_is_ok(ask_agent(c, "GET", "/agent/v1/info", &a, NULL)) && a.status == 200;

	if (o == NULL)
		return RC(RC_NOMEM);
	if (conf_is_enrolled(c)) {
		rc r = stored_status(c, o, f);

		if (r.code == RC_NOTFOUND)
			return fault_set(f, RC_NOTFOUND, 0,
					 "this host is not enrolled: greatseal-agent enrol URL");
		TRY(r);
	} else {
		(void)json_object_set_new(o, "host", json_string(c->host));
		(void)json_object_set_new(o, "server", json_string(c->server));
		(void)json_object_set_new(o, "origin", json_string(c->origin));
	}
	(void)json_object_set_new(o, "running", json_boolean(running));
	if (json) {
		(void)json_dumpf(o, stdout, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
		(void)putchar('\n');
	} else {
		print_status(o);
	}
	return OK;
}

/* ---- The TPM ---- */

rc cmd_tpm(const struct conf *c, bool json, struct fault *f)
{
	AUTO(chip_identity) struct chip_identity i;
	struct chip *chip = NULL;
	struct tpm_public ek;
	char hex[2 * TPM_NAME + 1];
	rc r;

	chip_identity_init(&i);
	TRY(chip_new(c->tpm, &chip, f));
	r = chip_identify(chip, &i, f);
	chip_free(chip);
	TRY(r);
	TRY(tpm_public_parse(buf_view(&i.ek), TPM_ENDORSEMENT, &ek, f));
	digest_hex((const struct digest *)(const void *)(ek.name + TPM_NAME - DIGEST_SIZE), hex);
	if (json) {
		(void)printf("{\"certificate\":%s,\"ek\":\"%s\"}\n",
			     i.certificate.len > 0 ? "true" : "false", hex);
		return OK;
	}
	(void)printf("%-16s %s\n%-16s %s\n", "ek", hex, "certificate",
		     i.certificate.len > 0 ? "yes" : "no: the invitation must name the ek (--ek)");
	return OK;
}
