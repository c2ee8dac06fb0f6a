/* alarms - what a key of ours has signed and the log does not have (sightings.c): listed, shown
 * with how far was searched, and closed by those who answer for the key. */
#include <string.h>

#include "lib/policy/policy.h"
#include "lib/policy/quorum.h"
#include "prog/server/auth.h"
#include "prog/server/change_tests.h"
#include "prog/server/issued.h"
#include "prog/server/routes.h"

#define SEQ_MAX 0xffffffffffffull
#define COMMENT_MAX 1000
#define MARK_BAD "seen.bad"

/* ---- Reading --------------------------------------------------------------------------------*/

static void put_digest(json_t *o, const char *name, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	(void)json_object_set_new(o, name, json_string(hex));
}

static void put_time(json_t *o, const char *name, unix_time t)
{
	char text[TIME_TEXT] = "";

	rc_ignore(time_format(t, text), "then it is empty");
	(void)json_object_set_new(o, name, json_string(text));
}

static json_t *view_json(struct view v)
{
	return json_stringn(v.len == 0 ? "" : (const char *)v.ptr, v.len);
}

static json_t *alarm_json(const struct store_alarm *a)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:o}", "key", a->key_name.s, "kind",
			      a->kind, "state", a->state, "reporter", a->reporter.s, "count",
			      (json_int_t)a->count, "log_size", (json_int_t)a->log_size, "seq",
			      (json_int_t)a->seq, "name", view_json(a->name));

	put_digest(o, "signature", &a->signature);
	put_digest(o, "fingerprint", &a->key);
	put_digest(o, "file", &a->file);
	put_time(o, "first", a->first);
	put_time(o, "last", a->last);
	if (a->closer.s[0] == '\0')
		return o;
	(void)json_object_set_new(o, "closer", json_string(a->closer.s));
	(void)json_object_set_new(o, "comment", view_json(a->comment));
	put_time(o, "closed", a->closed);
	return o;
}

static rc add(void *ctx, const struct store_alarm *row)
{
	return json_array_append_new(ctx, alarm_json(row)) == 0 ? OK : RC(RC_NOMEM);
}

static bool read_state(struct view v, const char **ret)
{
	static const char *const states[] = {"open", "closed", "known"};

	*ret = NULL;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (view_is(v, states[i]))
			*ret = states[i];
	return v.ptr == NULL || *ret != NULL;
}

rc get_alarms(struct call_ctx *c)
{
	const struct store_api *api = c->server->store->api;
	json_t *list = json_array();
	const char *state;
	uint64_t before = 0;
	uint64_t bad = 0;
	rc r = OK;

	if (!read_state(http_target_param(&c->target, "state"), &state))
		r = call_refuse(c, REASON_CALL_FORM, "state: open, closed or known");
	if (rc_is_ok(r))
		r = call_number(c, "before", SEQ_MAX, 0, &before);
	if (rc_is_ok(r))
		r = api->alarm_list(c->server->store, state, before, STORE_LIST_MAX, add, list,
				    NULL);
	if (!rc_is_ok(r)) {
		json_decref(list);
		return r;
	}
	rc_ignore(api->mark_get(c->server->store, MARK_BAD, &bad, NULL), "none so far");
	return call_json(c, 200, json_pack("{s:o,s:I}", "alarms", list, "bad", (json_int_t)bad));
}

static rc take(void *ctx, const struct store_alarm *row)
{
	json_t **ret = ctx;

	*ret = alarm_json(row);
	(void)json_object_set_new(
		*ret, "evidence",
		json_loadb((const char *)row->evidence.ptr, row->evidence.len, 0, NULL));
	return *ret == NULL ? RC(RC_NOMEM) : OK;
}

static rc fetch(struct call_ctx *c, struct digest *ret_id, json_t **ret)
{
	const struct store_api *api = c->server->store->api;
	rc r;

	TRY(call_digest(c, 2, ret_id));
	r = api->alarm_get(c->server->store, ret_id, take, ret, NULL);
	return r.code == RC_NOTFOUND ? call_refuse(c, REASON_CALL_NOTFOUND, "no such alarm") : r;
}

/* {"size","signatures","issued"?}: the log as it is now, and what it has by this key. A signature
 * that has come into it since (a log that was lost and came back) is said so. */
static rc search_again(struct call_ctx *c, const struct digest *id, const struct digest *key,
		       json_t **ret)
{
	const struct store_api *api = c->server->store->api;
	AUTO(json) json_t *keys = NULL;
	struct store_issued issued;
	uint64_t count = 0;
	uint64_t size = 0;

	TRY(keys_json(c, view_of("", 0), &keys));
	TRY(issued_follow(c, keys, &size));
	TRY(api->issued_count(c->server->store, key, &count, NULL));
	*ret = json_pack("{s:I,s:I}", "size", (json_int_t)size, "signatures", (json_int_t)count);
	if (rc_is_ok(api->issued_get(c->server->store, id, &issued, NULL)))
		put_digest(*ret, "issued", &issued.request);
	return *ret == NULL ? RC(RC_NOMEM) : OK;
}

rc get_alarm(struct call_ctx *c)
{
	AUTO(json) json_t *alarm = NULL;
	json_t *searched = NULL;
	struct digest id;
	struct digest key;
	rc r;

	TRY(fetch(c, &id, &alarm));
	TRY(digest_parse(view_str(json_string_value(json_object_get(alarm, "fingerprint"))), &key));
	(void)pthread_mutex_lock(&c->server->issued_lock);
	r = search_again(c, &id, &key, &searched);
	(void)pthread_mutex_unlock(&c->server->issued_lock);
	TRY(r);
	(void)json_object_set_new(alarm, "searched", searched);
	return call_json(c, 200, json_incref(alarm));
}

/* ---- Closing --------------------------------------------------------------------------------*/

/* Those who answer for the key: its owners, or, where the policy names none, who may administer
 * keys. */
static rc check_answers(struct call_ctx *c, const json_t *alarm)
{
	AUTO(policy) struct policy *policy = NULL;
	const struct quorum_spec *who;
	const struct principal *person;
	const struct key_policy *key;
	struct roster_ref *roster;
	struct name name;
	bool good;

	TRY(policy_in_force(c, &policy));
	TRY(name_parse(view_str(json_string_value(json_object_get(alarm, "key"))), &name));
	key = policy_key(policy, &name);
	who = key != NULL && key->owners.count > 0 ? &key->owners : &policy->admin;
	TRY(roster_take(c, &roster));
	person = roster_person(roster->roster, &c->person);
	good = person != NULL && quorum_holds_seat(who, person, person->channels);
	roster_drop(c->server, roster);
	return good ? OK
		    : call_refuse(c, REASON_WHO_SEAT,
				  "an alarm of key %s is closed by the key's owners, or, where it "
				  "has none, by those who administer keys",
				  name.s);
}

rc post_alarm_close(struct call_ctx *c)
{
	const struct store_api *api = c->server->store->api;
	AUTO(json) json_t *alarm = NULL;
	AUTO(json) json_t *body = NULL;
	struct store_alarm a = {.closer = c->person, .closed = clock_now(&clock_system)};
	const char *comment;

	TRY(call_body(c, &body));
	comment = json_string_value(json_object_get(body, "comment"));
	if (comment == NULL || comment[0] == '\0' || strlen(comment) > COMMENT_MAX)
		return call_refuse(c, REASON_CALL_FORM, "comment: 1 to %d bytes that say why",
				   COMMENT_MAX);
	TRY(fetch(c, &a.signature, &alarm));
	TRY(check_answers(c, alarm));
	a.comment = view_str(comment);
	(void)strcpy(a.state, json_is_true(json_object_get(body, "known")) ? "known" : "closed");
	TRY(api->alarm_close(c->server->store, &a, NULL));
	return call_json(c, 200, json_pack("{s:s}", "state", a.state));
}
