/* keyring - which keys there are, and what lock, unlock, retire and import do to them. See
 * keyring.h. */
#include "prog/keeper/keyring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/codec/jcan.h"
#include "prog/keeper/key_impl.h"

rc keyring_new(const struct keyring_config *c, struct keyring **ret, struct fault *f)
{
	struct keyring *k;

	if (c->token_count > KEYRING_TOKENS_MAX)
		return fault_set(f, RC_LIMIT, 0, "keyring: %zu tokens, at most %d", c->token_count,
				 KEYRING_TOKENS_MAX);
	for (size_t i = 0; i < c->token_count; i++)
		for (size_t j = 0; j < i; j++)
			if (name_is_equal(token_name(c->tokens[i]), token_name(c->tokens[j])))
				return fault_set(f, RC_DUPLICATE, 0, "keyring: two tokens named %s",
						 token_name(c->tokens[i])->s);
	k = (struct keyring *)calloc(1, sizeof(*k));
	if (k == NULL)
		return RC(RC_NOMEM);
	k->keys = (const struct key **)calloc(KEYRING_KEYS_MAX, sizeof(*k->keys));
	if (k->keys == NULL) {
		free(k);
		return RC(RC_NOMEM);
	}
	for (size_t i = 0; i < c->token_count; i++)
		k->tokens[i] = c->tokens[i];
	k->token_count = c->token_count;
	k->permit_self_sign = c->permit_self_sign;
	*ret = k;
	return OK;
}

void keyring_free(struct keyring *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < KEYRING_JOBS_MAX; i++)
		assert(k->jobs[i] == NULL);
	for (size_t i = 0; i < k->count; i++)
		key_drop(k->keys[i]);
	free(k->keys);
	free(k);
}

struct token *keyring_token(const struct keyring *k, struct view name)
{
	for (size_t i = 0; i < k->token_count; i++)
		if (view_is_equal(name_view(token_name(k->tokens[i])), name))
			return k->tokens[i];
	return NULL;
}

/* Index of the key, or where it belongs. */
static size_t place(const struct keyring *k, const struct name *name, bool *ret_there)
{
	size_t low = 0;
	size_t high = k->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = name_compare(&k->keys[mid]->name, name);

		if (order == 0) {
			*ret_there = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_there = false;
	return low;
}

const struct key *keyring_find(const struct keyring *k, const struct name *name)
{
	bool there;
	size_t at = place(k, name, &there);

	return there ? k->keys[at] : NULL;
}

const struct key *keyring_find_fingerprint(const struct keyring *k, const struct digest *d)
{
	for (size_t i = 0; i < k->count; i++)
		if (digest_is_equal(pkey_fingerprint(k->keys[i]->pub), d))
			return k->keys[i];
	return NULL;
}

size_t keyring_count(const struct keyring *k)
{
	return k->count;
}

rc keyring_put(struct keyring *k, const struct key_row *row, struct fault *f)
{
	struct token *token = keyring_token(k, name_view(&row->token));
	const struct key *twin = keyring_find_fingerprint(k, &row->fingerprint);
	const struct key *made = NULL;
	bool there;
	size_t at = place(k, &row->name, &there);

	if (token == NULL)
		return fault_set(f, RC_NOTFOUND, 0, "key %s: its token %s is not configured",
				 row->name.s, row->token.s);
	if (twin != NULL && !name_is_equal(&twin->name, &row->name))
		return fault_set(f, RC_CORRUPT, 0, "keys %s and %s have one fingerprint",
				 twin->name.s, row->name.s);
	if (there && (twin == NULL || !digest_is_equal(&twin->id, &row->id)))
		return fault_set(f, RC_CORRUPT, 0, "key %s: another key has this name already",
				 row->name.s);
	if (!there && k->count == KEYRING_KEYS_MAX)
		return fault_set(f, RC_LIMIT, 0, "keyring: full with %d keys", KEYRING_KEYS_MAX);
	TRY(key_new(row, token, &made, f));
	if (there) {
		key_drop(k->keys[at]);
	} else {
		memmove(k->keys + at + 1, k->keys + at, (k->count - at) * sizeof(k->keys[0]));
		k->count++;
	}
	k->keys[at] = made;
	return OK;
}

rc keyring_active(const struct keyring *k, const struct name *name, const struct key **ret,
		  struct refusal *why)
{
	const struct key *key = keyring_find(k, name);

	if (key == NULL)
		return refuse(why, REASON_KEY_UNKNOWN, "there is no key %s", name->s);
	if (key->state == KEY_RETIRED)
		return refuse(why, REASON_KEY_RETIRED, "key %s is retired", name->s);
	if (key->state == KEY_LOCKED)
		return refuse(why, REASON_KEY_LOCKED, "key %s is locked", name->s);
	*ret = key;
	return OK;
}

/* ---- Changes --------------------------------------------------------------------------------- */

bool key_action_is_slow(enum key_action a)
{
	return a == KEY_CREATE || a == KEY_SELF_SIGN;
}

static rc set_state(const struct key *key, enum key_state state, struct key_row *ret)
{
	TRY(key_to_row(key, ret));
	ret->state = state;
	return OK;
}

static rc certificate_refused(const struct key *key, rc r, const struct fault *f,
			      struct refusal *why)
{
	if (r.code == RC_NOMEM)
		return r;
	return refuse(why, r.code == RC_EXPIRED ? REASON_KEY_CERT_TIME : REASON_KEY_CERT,
		      "key %s: %s", key->name.s, f->text);
}

static rc decode_certificates(const struct key_change *c, struct buf *out, struct fault *f)
{
	for (size_t i = 0; i < c->certificate_count; i++) {
		size_t start = out->len;
		struct x509 ignored;

		TRY(base64_parse(BASE64_STD, c->certificates[i], out, f));
		TRY(x509_parse(view_of(out->ptr + start, out->len - start), &ignored, f));
	}
	return OK;
}

static rc plan_import(const struct key *key, const struct key_order *o, struct key_row *ret,
		      struct refusal *why)
{
	AUTO(x509_chain) struct x509_chain chain = {0};
	struct fault f = {.text = "the certificates do not read"};
	rc r;

	TRY(key_to_row(key, ret));
	buf_clear(&ret->certificates);
	r = decode_certificates(o->change, &ret->certificates, &f);
	if (rc_is_ok(r))
		r = x509_chain_read(buf_view(&ret->certificates), &chain, &f);
	if (rc_is_ok(r))
		r = x509_check_import(&chain, key->pub, o->now, &f);
	return rc_is_ok(r) ? OK : certificate_refused(key, r, &f, why);
}

rc unlock_check(const struct name *name, unix_time expires, unix_time locked, unix_time now,
		struct refusal *why)
{
	unix_time made = expires - UNLOCK_LIFE;
	char text[TIME_TEXT] = "";

	if (made > now + UNLOCK_AHEAD)
		return refuse(why, REASON_CHANGE_INVALID,
			      "an unlock expires 7 days after it was made, not later");
	if (made >= locked)
		return OK;
	TRY(time_format(locked, text));
	return refuse(why, REASON_CHANGE_INVALID,
		      "%s was locked at %s, which is after this unlock was made: make another one",
		      name->s, text);
}

rc keyring_plan(const struct keyring *k, const struct key_order *o, struct key_row *ret,
		struct refusal *why)
{
	const struct name *name = &o->change->key;
	enum key_action action = o->change->action;
	const struct key *key = keyring_find(k, name);

	if (key_action_is_slow(action) || action == KEY_ACTION__COUNT)
		return RC(RC_USAGE);
	if (key == NULL)
		return refuse(why, REASON_KEY_UNKNOWN, "there is no key %s", name->s);
	if (key->state == KEY_RETIRED)
		return refuse(why, REASON_KEY_RETIRED, "key %s is retired", name->s);
	if (action == KEY_RETIRE)
		return set_state(key, KEY_RETIRED, ret);
	if (action == KEY_UNLOCK && key->state == KEY_ACTIVE)
		return refuse(why, REASON_CHANGE_INVALID, "key %s is not locked", name->s);
	if (action == KEY_UNLOCK) {
		TRY(unlock_check(name, o->change->expires, key->locked, o->now, why));
		return set_state(key, KEY_ACTIVE, ret);
	}
	/* One that is locked already is locked anew: an unlock made before that no longer counts.
	 */
	if (action == KEY_LOCK) {
		TRY(set_state(key, KEY_LOCKED, ret));
		ret->locked = o->now;
		return OK;
	}
	if (key->state == KEY_LOCKED)
		return refuse(why, REASON_KEY_LOCKED, "key %s is locked", name->s);
	return plan_import(key, o, ret, why);
}

/* ---- Showing --------------------------------------------------------------------------------- */

static void out_time(struct jcan_out *w, const char *name, unix_time t)
{
	char text[TIME_TEXT] = "";

	jcan_out_key(w, name);
	if (!rc_is_ok(time_format(t, text)))
		buf_fail(w->buf, RC_RANGE);
	jcan_out_string(w, text);
}

static void out_text(struct jcan_out *w, const char *name, const char *text)
{
	jcan_out_key(w, name);
	jcan_out_string(w, text);
}

static void out_digest(struct jcan_out *w, const char *name, const struct digest *d)
{
	jcan_out_key(w, name);
	jcan_out_hex(w, digest_view(d));
}

static void out_certificate(struct jcan_out *w, const struct key *k)
{
	char text[512];

	jcan_out_key(w, "certificate");
	if (k->chain.count == 0) {
		jcan_out_raw(w, view_str("null"));
		return;
	}
	jcan_out_object(w);
	x509_name_text(k->cert.issuer, text, sizeof(text));
	out_text(w, "issuer", text);
	out_time(w, "not_after", k->cert.not_after);
	out_time(w, "not_before", k->cert.not_before);
	out_digest(w, "sha256", &k->tbs.cert_digest);
	x509_name_text(k->cert.subject, text, sizeof(text));
	out_text(w, "subject", text);
	jcan_out_object_end(w);
}

static void out_key(struct jcan_out *w, const struct key *k)
{
	jcan_out_object(w);
	out_text(w, "algorithm", key_alg_name(pkey_alg(k->pub)));
	out_certificate(w, k);
	out_time(w, "created", k->created);
	out_digest(w, "fingerprint", pkey_fingerprint(k->pub));
	out_text(w, "name", k->name.s);
	out_text(w, "state", key_state_name(k->state));
	out_text(w, "token", k->token_name.s);
	out_text(w, "token_state", token_is_ready(k->token) ? "ready" : "absent");
	jcan_out_object_end(w);
}

rc keyring_json(const struct keyring *k, const struct name *name, struct buf *out)
{
	struct jcan_out w;

	jcan_out_init(&w, out);
	jcan_out_array(&w);
	for (size_t i = 0; i < k->count; i++)
		if (name == NULL || name_is_equal(name, &k->keys[i]->name))
			out_key(&w, k->keys[i]);
	jcan_out_array_end(&w);
	return jcan_out_done(&w);
}

/* ---- Orphans --------------------------------------------------------------------------------- */

struct orphans {
	const struct keyring *ring;
	const struct token *token;
	key_orphan_fn each;
	void *ctx;
};

static rc orphan_one(void *ctx, const struct digest *id, struct view spki, struct fault *f)
{
	const struct orphans *o = (const struct orphans *)ctx;
	struct digest fingerprint = digest_of(spki);

	(void)f;
	if (keyring_find_fingerprint(o->ring, &fingerprint) == NULL)
		o->each(o->ctx, o->token, id, &fingerprint);
	return OK;
}

rc keyring_orphans(const struct keyring *k, key_orphan_fn each, void *ctx, struct fault *f)
{
	for (size_t i = 0; i < k->token_count; i++) {
		struct orphans o = {.ring = k, .token = k->tokens[i], .each = each, .ctx = ctx};

		if (!token_is_ready(k->tokens[i]))
			continue;
		TRY(token_list(k->tokens[i], orphan_one, &o, f));
	}
	return OK;
}
