/* sightings - signatures that hosts and people have met, held against the log: what a key of ours
 * has signed and the log does not have is an alarm.
 *
 * Nothing is believed of who tells: the bytes that were signed come along, and the signature is
 * verified here. Only where those would be a whole file does a digest stand in for them; with an
 * ECDSA key the alarm then says that it rests on its reporter's word (anybody can make a pair of
 * digest and value that fit such a key).
 * Owns: verifying what was told, the verdict. Must not own: reading it (sighting.c), the index
 * (issued.c), what becomes of an alarm (alarms.c), parsing files (the worker of who tells). */
#include "prog/server/sightings.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/codec/hex.h"
#include "lib/crypt/pkey.h"
#include "prog/server/issued.h"
#include "prog/server/routes.h"
#include "prog/server/sighting.h"

#define SEEN_MAX 64u	    /* signatures of one call */
#define MARK_BAD "seen.bad" /* how many did not verify */

/* Whether the key has made it. Fills id and proven. RC_NOMEM: it is not known. */
static rc verify(struct sighting *s, bool *ret_good)
{
	struct sign_input in = {.hash = s->hash};
	bool has_message = s->message.len > 0;
	rc r = OK;

	in.scheme = key_alg_scheme(pkey_alg(s->key));
	if (has_message)
		s->digest = hash_of(s->hash, buf_view(&s->message));
	in.input = in.scheme == SIGN_ED25519 ? buf_view(&s->message) : hash_view(&s->digest);
	s->proven = has_message || in.scheme == SIGN_RSA_PKCS1;
	*ret_good = has_message || in.scheme != SIGN_ED25519;
	if (*ret_good)
		r = pkey_verify(s->key, &in, buf_view(&s->value), NULL);
	if (*ret_good && rc_is_ok(r))
		r = pkey_signature_id(pkey_alg(s->key), buf_view(&s->value), &s->id, NULL);
	*ret_good = *ret_good && rc_is_ok(r);
	return r.code == RC_NOMEM ? r : OK;
}

/* ---- The log's word -------------------------------------------------------------------------*/

/* What one call has found out so far. */
struct search {
	const struct name *reporter;
	bool guard; /* of that host */
	json_t *keys;
	bool followed; /* the index has been brought up to date in this call */
	uint64_t size;
};

static void search_release(struct search *s)
{
	json_decref(s->keys);
}
AUTO_DEFINE(search, struct search, search_release)

/* RC_NOTFOUND: searched, and not there. */
static rc find(struct call_ctx *c, struct search *search, const struct digest *id,
	       struct store_issued *ret)
{
	const struct store_api *api = c->server->store->api;
	rc r = api->issued_get(c->server->store, id, ret, NULL);

	if (r.code != RC_NOTFOUND || search->followed)
		return r;
	TRY(issued_follow(c, search->keys, &search->size));
	search->followed = true;
	return api->issued_get(c->server->store, id, ret, NULL);
}

static json_t *evidence_of(const struct search *search, const struct sighting *s)
{
	char hex[2 * HASH_MAX_SIZE + 1];
	json_t *o = json_pack("{s:b,s:b,s:s,s:o,s:o}", "fits", s->fits, "proven", s->proven, "hash",
			      hash_name(s->hash), "signature", json_base64(buf_view(&s->value)),
			      "spki", json_base64(buf_view(&s->spki)));

	hex_encode(hash_view(&s->digest), hex);
	(void)json_object_set_new(o, "digest", json_string(hex));
	if (s->message.len > 0)
		(void)json_object_set_new(o, "signed", json_base64(buf_view(&s->message)));
	if (search->guard)
		(void)json_object_set_new(o, "guard", json_true());
	return o;
}

static rc take_state(void *ctx, const struct store_alarm *row)
{
	(void)snprintf(ctx, sizeof(row->state), "%s", row->state);
	return OK;
}

static void log_alarm(const struct search *search, const struct sighting *s, const char *key)
{
	char id[DIGEST_HEX];
	char file[DIGEST_HEX];

	digest_hex(&s->id, id);
	digest_hex(&s->file, file);
	log_warn("ALARM %.16s: key %s has signed something that is not in the log: %s, file %s, "
		 "told by %s%s%s",
		 id, key, s->kind, file, search->guard ? "the guard of " : "", search->reporter->s,
		 s->proven ? "" : " (on their word)");
}

/* A host that is taken over can make up as many as it likes of what rests on its word; they must
 * not be in the way of others. */
static rc check_word(struct call_ctx *c, const struct search *search, const struct sighting *s,
		     struct fault *f)
{
	const struct store_api *api = c->server->store->api;
	uint64_t open = 0;

	if (!search->guard || s->proven)
		return OK;
	TRY(api->alarm_count(c->server->store, search->reporter, &open, f));
	return open < SIGHTINGS_ON_WORD
		       ? OK
		       : fault_set(f, RC_LIMIT, 0,
				   "%u alarms that %s has told are open; what rests on its word is "
				   "not kept",
				   SIGHTINGS_ON_WORD, search->reporter->s);
}

/* Keeps it; its state then. RC_LIMIT: it cannot be kept. */
static rc raise_alarm(struct call_ctx *c, const struct search *search, const struct sighting *s,
		      char state[16], struct fault *f)
{
	const json_t *key = issued_key(search->keys, pkey_fingerprint(s->key));
	const struct store_api *api = c->server->store->api;
	AUTO(json) json_t *evidence = evidence_of(search, s);
	AUTO(json_text) char *text = json_text(evidence);
	struct store_alarm a = {.signature = s->id,
				.key = *pkey_fingerprint(s->key),
				.file = s->file,
				.reporter = *search->reporter,
				.first = clock_now(&clock_system),
				.log_size = search->size,
				.name = view_str(s->name)};
	bool is_new;

	if (text == NULL ||
	    !rc_is_ok(name_parse(view_str(json_string_value(json_object_get(key, "name"))),
				 &a.key_name)))
		return RC(RC_NOMEM);
	(void)snprintf(a.kind, sizeof(a.kind), "%s", s->kind);
	a.evidence = view_str(text);
	TRY(check_word(c, search, s, f));
	TRY(api->alarm_put(c->server->store, &a, &is_new, f));
	if (is_new)
		log_alarm(search, s, a.key_name.s);
	return api->alarm_get(c->server->store, &s->id, take_state, state, NULL);
}

/* ---- One row --------------------------------------------------------------------------------*/

static void count_bad(struct call_ctx *c)
{
	const struct store_api *api = c->server->store->api;
	uint64_t n = 0;

	rc_ignore(api->mark_get(c->server->store, MARK_BAD, &n, NULL), "none so far");
	rc_ignore(api->mark_set(c->server->store, MARK_BAD, n + 1, NULL), "a count");
}

static json_t *verdict_of(const char *verdict, const struct digest *id)
{
	json_t *o = json_pack("{s:s}", "verdict", verdict);
	char hex[DIGEST_HEX];

	if (id != NULL) {
		digest_hex(id, hex);
		(void)json_object_set_new(o, "signature", json_string(hex));
	}
	return o;
}

static json_t *issued_verdict(const struct store_issued *i)
{
	json_t *o = verdict_of("issued", &i->signature);
	char hex[DIGEST_HEX];

	digest_hex(&i->request, hex);
	(void)json_object_set_new(o, "request", json_string(hex));
	(void)json_object_set_new(o, "leaf", json_integer((json_int_t)i->leaf));
	(void)json_object_set_new(o, "item", json_integer((json_int_t)i->item));
	return o;
}

/* A person is refused. A guard has said all that it can where there are too many; else, as on a
 * full disk, it says it again. */
static rc not_kept(struct call_ctx *c, const struct search *search, rc r, const struct fault *f)
{
	if (search->guard)
		log_warn("ALARM that cannot be kept: %s", f->text);
	if (search->guard && r.code == RC_LIMIT)
		return OK;
	return call_refuse(c, REASON_CALL_LIMIT, "the alarm cannot be kept: %s", f->text);
}

static rc judge(struct call_ctx *c, struct search *search, struct sighting *s, json_t **ret)
{
	struct store_issued issued;
	struct fault f = {0};
	char state[16] = "open";
	bool good = false;
	rc r = pkey_from_spki(buf_view(&s->spki), &s->key, NULL);

	if (r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r) || issued_key(search->keys, pkey_fingerprint(s->key)) == NULL) {
		*ret = verdict_of("stranger", NULL);
		return OK;
	}
	TRY(verify(s, &good));
	if (!good) {
		count_bad(c);
		*ret = verdict_of("bad", NULL);
		return OK;
	}
	r = find(c, search, &s->id, &issued);
	if (rc_is_ok(r)) {
		*ret = issued_verdict(&issued);
		return OK;
	}
	if (r.code != RC_NOTFOUND)
		return r;
	r = raise_alarm(c, search, s, state, &f);
	if (!rc_is_ok(r))
		TRY(not_kept(c, search, r, &f));
	*ret = verdict_of(strcmp(state, "open") == 0 ? "alarm" : state, &s->id);
	return OK;
}

static rc judge_all(struct call_ctx *c, struct search *search, struct sightings *all, json_t *out)
{
	for (size_t i = 0; i < all->count; i++) {
		json_t *verdict = NULL;

		TRY(judge(c, search, &all->rows[i], &verdict));
		if (json_array_append_new(out, verdict) != 0)
			return RC(RC_NOMEM);
	}
	return OK;
}

/* Verdicts in the order of the rows. */
static rc judge_told(struct call_ctx *c, struct search *search, struct sightings *all, json_t **ret)
{
	json_t *verdicts;
	rc r;

	TRY(keys_json(c, view_of("", 0), &search->keys));
	verdicts = json_array();
	(void)pthread_mutex_lock(&c->server->issued_lock);
	r = judge_all(c, search, all, verdicts);
	(void)pthread_mutex_unlock(&c->server->issued_lock);
	if (rc_is_ok(r))
		*ret = verdicts;
	else
		json_decref(verdicts);
	return r;
}

/* ---- Told by a person, or a service ---------------------------------------------------------*/

static rc read_all(struct call_ctx *c, const json_t *body, struct sightings *all)
{
	const json_t *rows = json_object_get(body, "seen");
	const json_t *row;
	size_t i;

	if (!json_is_array(rows) || json_array_size(rows) > SEEN_MAX)
		return call_refuse(c, REASON_CALL_FORM, "seen must be a list of at most %u rows",
				   SEEN_MAX);
	TRY(sightings_new(SEEN_MAX, all));
	json_array_foreach(rows, i, row)
	{
		rc r = sightings_add(all, row);

		if (r.code == RC_NOMEM)
			return r;
		if (!rc_is_ok(r))
			return call_refuse(
				c, REASON_CALL_FORM,
				"a row has file, kind, name, hash, digest, spki and signature "
				"(docs/api.md)");
	}
	return OK;
}

rc post_signatures_seen(struct call_ctx *c)
{
	AUTO(search) struct search search = {.reporter = &c->person};
	AUTO(json) json_t *body = NULL;
	AUTO(sightings) struct sightings all = {.count = 0};
	json_t *verdicts = NULL;

	TRY(call_body(c, &body));
	TRY(read_all(c, body, &all));
	TRY(judge_told(c, &search, &all, &verdicts));
	return call_json(c, 200, json_pack("{s:o}", "verdicts", verdicts));
}

/* ---- Told by a guard ------------------------------------------------------------------------*/

rc sightings_of_guard(struct call_ctx *c, const struct guard_batch *b)
{
	AUTO(search) struct search search = {.reporter = &b->host, .guard = true};
	AUTO(json) json_t *rows = json_array();
	AUTO(sightings) struct sightings all = {.count = 0};
	AUTO(json) json_t *verdicts = NULL;

	if (rows == NULL)
		return RC(RC_NOMEM);
	TRY(sightings_new(GUARD_EVENTS_MAX, &all));
	TRY(sightings_read_batch(b, rows, &all));
	return all.count == 0 ? OK : judge_told(c, &search, &all, &verdicts);
}
