#include "prog/keeper/start.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "prog/keeper/host_ca.h"
#include "prog/keeper/tpm_desk.h"

#define LOCK_FILE "keeper.lock"

static void path_in(const char *dir, const char *name, char out[2 * CONF_TEXT])
{
	(void)snprintf(out, 2 * CONF_TEXT, "%s/%s", dir, name);
}

static rc unlock_fill(const struct conf *c, struct unlock *u, struct fault *f)
{
	char dir[2 * CONF_TEXT];

	path_in(c->state, "tokens", dir);
	for (size_t i = 0; i < c->tokens.count; i++) {
		TRY(token_spec_parse(view_str(c->tokens.text[i]), dir, &u->spec[i], f));
		for (size_t k = 0; k < i; k++)
			if (name_is_equal(&u->spec[k].name, &u->spec[i].name))
				return fault_set(f, RC_USAGE, 0, "two tokens are named %s",
						 u->spec[i].name.s);
		TRY(token_secret_read(&u->spec[i], &u->secret[i], f));
		u->count = i + 1;
	}
	return OK;
}

rc unlock_read(const struct conf *c, struct unlock *ret, struct fault *f)
{
	rc r;

	memset(ret, 0, sizeof(*ret));
	r = unlock_fill(c, ret, f);
	if (!rc_is_ok(r))
		unlock_release(ret);
	return r;
}

void unlock_release(struct unlock *u)
{
	for (size_t i = 0; i < u->count; i++)
		secret_release(&u->secret[i]);
	u->count = 0;
}

static rc open_token(const struct unlock *u, struct parts *p, size_t i, struct fault *f)
{
	p->spec[i] = u->spec[i];
	TRY(token_open(&u->spec[i], &u->secret[i], &p->token[i], f));
	p->token_count = i + 1;
	return OK;
}

rc parts_open(const struct conf *c, const struct unlock *u, struct parts *p, struct fault *f)
{
	char path[2 * CONF_TEXT];

	memset(p, 0, sizeof(*p));
	p->lock_fd = -1;
	p->zone_fd = -1;
	TRY(lock_take(c->state, LOCK_FILE, &p->lock_fd, f));
	TRY(guard_open(c->guard, &p->guard, f));
	path_in(c->state, "keeper.db", path);
	TRY(journal_open(path, false, &p->journal, f));
	for (size_t i = 0; i < u->count; i++)
		TRY(open_token(u, p, i, f));
	TRY(tpm_desk_new(c->tpm_roots, c->vtpm_roots, &p->desk, f));
	p->keeper.tpm = p->desk;
	/* A policy without windows and freezes needs no zones. */
	if (!rc_is_ok(dir_open(c->zoneinfo, &p->zone_fd, f)))
		log_warn("zoneinfo %s: %s; what depends on a time zone is refused", c->zoneinfo,
			 reason_what(REASON_TIME_ZONE));
	return OK;
}
_Static_assert(CONF_LIST_MAX <= KEYRING_TOKENS_MAX, "every configured token has its place");

/* ---- Time zones -----------------------------------------------------------------------------*/

static rc zone_read(void *ctx, const char *name, struct buf *out, struct fault *f)
{
	const int *fd = (const int *)ctx;

	if (*fd < 0)
		return fault_set(f, RC_NOTFOUND, 0, "there are no zone files");
	return file_read_at(*fd, name, out, f);
}

struct zone_source zone_files(int *fd)
{
	return (struct zone_source){.read = zone_read, .ctx = fd};
}

/* ---- The log's key -------------------------------------------------------------------------*/

static rc log_sign(void *ctx, struct view text, uint8_t ret[ED25519_SIGNATURE], struct fault *f)
{
	const struct sign_input in = {.scheme = SIGN_ED25519, .hash = HASH_SHA512, .input = text};
	struct buf out;

	buf_init_fixed(&out, ret, ED25519_SIGNATURE);
	TRY(token_session_sign((struct token_session *)ctx, &in, &out, f));
	TRY(buf_done(&out));
	return out.len == ED25519_SIGNATURE
		       ? OK
		       : fault_set(f, RC_TOKEN, 0, "log key: signature of %zu bytes", out.len);
}

rc log_key_open(struct token *t, const struct digest *id, struct view spki, const char *origin,
		struct token_session **ret_session, struct note_signer *ret, struct fault *f)
{
	uint8_t key[ED25519_PUBLIC];

	TRY(token_session_new(t, id, spki, ret_session, f));
	/* RFC 8410: 12 bytes of header, then the key. */
	if (spki.len != 12 + ED25519_PUBLIC)
		return fault_set(f, RC_CORRUPT, 0, "log key: SubjectPublicKeyInfo");
	memcpy(key, spki.ptr + 12, sizeof(key));
	TRY(vkey_make(origin, key, &ret->key, f));
	ret->sign = log_sign;
	ret->ctx = *ret_session;
	return OK;
}

struct digest log_key_id(const char *origin)
{
	const struct view parts[] = {view_str(LOG_KEY_PURPOSE), view_str(origin)};

	return digest_of_parts(parts, 2);
}

static rc find_log_key(struct parts *p, struct note_signer *ret, struct fault *f)
{
	struct journal_identity id;
	struct digest key_id;
	AUTO(buf) struct buf spki = {0};

	buf_init(&spki, PKEY_SPKI_MAX);
	TRY(journal_identity_get(p->journal, &id, f));
	key_id = log_key_id(id.origin);
	for (size_t i = 0; i < p->token_count; i++) {
		if (!name_is_equal(token_name(p->token[i]), &id.token))
			continue;
		TRY(token_find_key(p->token[i], &key_id, &spki, f));
		TRY(host_ca_new(p->token[i], id.origin, &p->keeper.host_ca, f));
		return log_key_open(p->token[i], &key_id, buf_view(&spki), id.origin,
				    &p->log_session, ret, f);
	}
	return fault_set(f, RC_NOTFOUND, 0,
			 "token %s, which holds the log's key, is not configured", id.token.s);
}

/* ---- Load ----------------------------------------------------------------------------------*/

/* Keys that no statement orders. */
struct own_keys {
	struct digest log;
	struct digest host_ca;
};

static void report_orphan(void *ctx, const struct token *t, const struct digest *id,
			  const struct digest *fingerprint)
{
	const struct own_keys *own = (const struct own_keys *)ctx;
	char hex[DIGEST_HEX];

	if (digest_is_equal(id, &own->log) || digest_is_equal(id, &own->host_ca))
		return;
	digest_hex(fingerprint, hex);
	log_warn("token %s holds key %.16s that no statement names", token_name(t)->s, hex);
}

static void set_rules(const struct conf *c, struct parts *p)
{
	struct sshsig_rules *r = &p->keeper.sig_rules;

	for (size_t i = 0; i < c->web_origins.count; i++)
		p->origin[i] = view_str(c->web_origins.text[i]);
	r->origins = p->origin;
	r->origin_count = c->web_origins.count;
	r->allow_synced = c->synced_passkeys;
	r->allow_unverified = c->touch_only;
}

static rc first_leaves(struct keeper *k, struct fault *f)
{
	struct journal_use pending;
	bool fatal;
	rc r;

	round_begin(k);
	TRY(keeper_log_leaf(k, "start", NULL, f));
	r = journal_use_pending(k->journal, 0, &pending, f);
	if (rc_is_ok(r))
		r = keeper_log_leaf(k, "recovery", NULL, f);
	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	return round_end(k, &fatal, f);
}

rc parts_load_empty(const struct conf *c, struct parts *p, struct fault *f)
{
	struct keeper *k = &p->keeper;
	struct ledger_config ledger = {.journal = p->journal, .guard = p->guard};
	char public[2 * CONF_TEXT];

	path_in(c->state, "public", public);
	ledger.public_dir = public;
	TRY(find_log_key(p, &ledger.signer, f));
	k->clock = &clock_system;
	k->host_cert_life = (int64_t)c->host_cert_life;
	k->host_cert_grace = (int64_t)c->host_cert_grace;
	k->journal = p->journal;
	k->zones = zone_files(&p->zone_fd);
	return ledger_open(&ledger, &k->ledger, f);
}

rc parts_load(const struct conf *c, struct parts *p, struct fault *f)
{
	struct keeper *k = &p->keeper;
	struct keyring_config keys = {.tokens = p->token,
				      .token_count = p->token_count,
				      .permit_self_sign = c->self_sign};
	struct own_keys own;

	TRY(parts_load_empty(c, p, f));
	set_rules(c, p);
	TRY(keyring_new(&keys, &k->keyring, f));
	p->loaded = true;
	TRY(keeper_load(k, f));
	own = (struct own_keys){log_key_id(k->ledger.id.origin),
				host_ca_key_id(k->ledger.id.origin)};
	rc_ignore(keyring_orphans(k->keyring, report_orphan, &own, f), "a report, no more");
	return first_leaves(k, f);
}

rc parts_start(struct parts *p, struct fault *f)
{
	return pool_new(p->token, p->token_count, &p->keeper.pool, f);
}

void parts_release(struct parts *p)
{
	struct keeper *k = &p->keeper;

	pool_free(k->pool);
	k->pool = NULL;
	if (p->loaded) {
		keeper_unload(k);
		keyring_free(k->keyring);
		k->keyring = NULL;
	}
	p->loaded = false;
	ledger_close(&k->ledger);
	host_ca_free(k->host_ca);
	k->host_ca = NULL;
	tpm_desk_free(p->desk);
	p->desk = NULL;
	k->tpm = NULL;
	token_session_free(p->log_session);
	p->log_session = NULL;
	for (size_t i = 0; i < p->token_count; i++)
		token_close(p->token[i]);
	p->token_count = 0;
	journal_close(p->journal);
	p->journal = NULL;
	guard_close(p->guard);
	p->guard = NULL;
	if (p->zone_fd > 0)
		fd_close(&p->zone_fd);
	if (p->lock_fd > 0)
		fd_close(&p->lock_fd);
}
