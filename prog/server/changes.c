/* changes - policy, roster and key changes that gather signatures until the keeper accepts them. */
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/sshsig.h"
#include "lib/model/access.h"
#include "lib/model/change.h"
#include "lib/model/change_life.h"
#include "prog/server/auth.h"
#include "prog/server/change_tests.h"
#include "prog/server/client_hosts.h"
#include "prog/server/routes.h"

static rc kind_parse(const char *name, enum statement_kind *ret)
{
	static const enum statement_kind kinds[] = {
		STATEMENT_POLICY,    STATEMENT_ROSTER,	 STATEMENT_KEYADMIN, STATEMENT_HOSTADMIN,
		STATEMENT_OBJECTION, STATEMENT_RECOVERY, STATEMENT_ACCESS};

	for (size_t i = 0; name != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(statement_info(kinds[i])->name, name) == 0) {
			*ret = kinds[i];
			return OK;
		}
	}
	return RC(RC_UNKNOWN);
}

/* Signatures of a change, gathered for one message to the keeper: one a person and channel. The
 * keeper refuses a message with a single bad one, so that nobody may leave one behind here. */
struct gathered {
	const struct roster *roster;
	struct keeper_change message;
	struct buf bytes;
	size_t start[CHANGE_SIGNATURES_MAX + 1];
	const struct sshkey *by[CHANGE_SIGNATURES_MAX];
	const struct principal *who[CHANGE_SIGNATURES_MAX];
	struct digest key[CHANGE_SIGNATURES_MAX]; /* recovery: of the key blob */
};

static rc append(struct gathered *g, struct view sig)
{
	buf_put_view(&g->bytes, sig);
	g->start[++g->message.sig_count] = g->bytes.len;
	return buf_done(&g->bytes);
}

/* Recovery keys are in the policy, not in the roster. Here a signature must be good by the key that
 * it names; whether that is a recovery key the keeper says, and keeps none that is not. */
static rc add_recovery(struct gathered *g, const struct sshsig *parts, struct view sig,
		       struct fault *f)
{
	static const struct sshsig_rules rules = {.allow_unverified = true};
	AUTO(sshkey) struct sshkey *key = NULL;
	size_t count = g->message.sig_count;

	if (!rc_is_ok(sshkey_parse_blob(parts->key_blob, &key, f)) ||
	    !rc_is_ok(sshsig_verify(key, statement_info(STATEMENT_RECOVERY)->ns,
				    g->message.statement, sig, &rules, NULL, f)))
		return RC(RC_BADSIG);
	for (size_t i = 0; i < count; i++)
		if (digest_is_equal(&g->key[i], sshkey_fingerprint(key)))
			return OK;
	if (count == CHANGE_SIGNATURES_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u keys", CHANGE_SIGNATURES_MAX);
	g->key[count] = *sshkey_fingerprint(key);
	return append(g, sig);
}

/* Takes a signature, unless its person has signed already in that channel. RC_BADSIG, RC_LIMIT. */
static rc add_signature(struct gathered *g, struct view sig, struct fault *f)
{
	/* How strong a key must be is the keeper's to say. */
	static const struct sshsig_rules rules = {
		.allow_unverified = true, .allow_synced = true, .rp_origins = true};
	size_t count = g->message.sig_count;
	const struct principal *person;
	const struct sshkey *key;
	struct sshsig parts;

	if (!rc_is_ok(sshsig_parse(sig, &parts, f)))
		return RC(RC_BADSIG);
	if (g->message.kind == STATEMENT_RECOVERY)
		return add_recovery(g, &parts, sig, f);
	person = roster_person_by_key(g->roster, parts.key_blob);
	if (person == NULL)
		return fault_set(f, RC_BADSIG, 0, "by a key that the roster does not list");
	key = principal_key(person, parts.key_blob);
	if (!rc_is_ok(sshsig_verify(key, statement_info(g->message.kind)->ns, g->message.statement,
				    sig, &rules, NULL, f)))
		return RC(RC_BADSIG);
	for (size_t i = 0; i < count; i++)
		if (g->who[i] == person && sshkey_channel(g->by[i]) == sshkey_channel(key))
			return OK;
	if (count == CHANGE_SIGNATURES_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u people", CHANGE_SIGNATURES_MAX);
	g->who[count] = person;
	g->by[count] = key;
	return append(g, sig);
}

/* One that was good when it came: its key may have left the roster since. */
static rc add_stored(void *ctx, struct view sig)
{
	rc r = add_signature(ctx, sig, NULL);

	return r.code == RC_BADSIG ? OK : r;
}

/* The stored signatures, then those of this call; *ret_new is the index of its first one. */
static rc gather(struct call_ctx *c, struct gathered *g, const struct digest *id,
		 const json_t *list, size_t *ret_new)
{
	const json_t *value;
	struct fault f = {0};
	size_t i;
	rc r = c->server->store->api->change_sigs(c->server->store, id, add_stored, g, &f);

	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return call_refuse(c, REASON_CALL_LIMIT, "the store: %s", f.text);
	*ret_new = g->message.sig_count;
	json_array_foreach(list, i, value)
	{
		AUTO(buf) struct buf sig = {0};
		AUTO(json) json_t *one = json_pack("{s:O}", "signature", value);

		buf_init(&sig, KEEPER_SIG_MAX);
		TRY(call_bytes(c, one, "signature", &sig));
		if (!rc_is_ok(add_signature(g, buf_view(&sig), &f)))
			return call_refuse(c, REASON_SIG_ADMIN, "signature %zu: %s", i, f.text);
	}
	return OK;
}

/* Shows the keeper the statement with all signatures there are; *ret is its answer. */
static rc try_change(struct call_ctx *c, struct gathered *g, json_t **ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t correlation = keeper_client_id(c->server->keeper);

	buf_init(&frame, KEEPER_FRAME_MAX);
	for (size_t i = 0; i < g->message.sig_count; i++)
		g->message.sigs[i] =
			view_of(g->bytes.ptr + g->start[i], g->start[i + 1] - g->start[i]);
	keeper_put_change(&frame, correlation, &g->message);
	TRY(call_keeper(c, correlation, &frame, KEEPER_R_CHANGE, KEEPER_R_CHANGE, &reply));
	return call_parse(c, buf_view(&reply.body), ret);
}

/* Keeps what the keeper took: the change, this caller's signatures, and the keeper's word. One that
 * it refused leaves nothing behind. */
static rc keep(struct call_ctx *c, struct store_change *row, const struct gathered *g, size_t from,
	       const json_t *answer)
{
	struct store *s = c->server->store;
	const char *state = json_string_value(json_object_get(answer, "state"));
	char *word = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);
	struct fault f = {0};
	rc r = s->api->change_put(s, row, &f);

	if (r.code == RC_EXISTS)
		r = OK;
	for (size_t i = from; rc_is_ok(r) && i < g->message.sig_count; i++)
		r = s->api->change_sign(s, &row->id, g->message.sigs[i], &f);
	if (rc_is_ok(r) && word != NULL)
		r = s->api->change_state(s, &row->id, state == NULL ? "pending" : state,
					 view_str(word), &f);
	free(word);
	if (rc_is_ok(r) || (state != NULL && strcmp(state, "done") == 0))
		return OK; /* done is done, whatever the list here shows */
	return call_refuse(c, REASON_CALL_LIMIT, "the store: %s", f.text);
}

static void gathered_init(struct gathered *g, const struct gathered *from)
{
	*g = *from;
	g->message.sig_count = 0;
	buf_init(&g->bytes, CHANGE_SIGNATURES_MAX * KEEPER_SIG_MAX);
}

/* Two people may sign at once, each seeing the other's signature too late: whoever is kept last
 * looks again at what is there then. */
static rc offer_again(struct call_ctx *c, struct store_change *row, const struct gathered *first,
		      json_t **ret)
{
	AUTO(json) json_t *answer = NULL;
	struct gathered g;
	size_t from = 0;
	rc r;

	gathered_init(&g, first);
	r = gather(c, &g, &row->id, NULL, &from);
	if (rc_is_ok(r) && g.message.sig_count > first->message.sig_count) {
		r = try_change(c, &g, &answer);
		if (rc_is_ok(r))
			r = keep(c, row, &g, from, answer);
		if (rc_is_ok(r)) {
			json_decref(*ret);
			*ret = json_incref(answer);
		}
	}
	buf_release(&g.bytes);
	return r;
}

static rc offer(struct call_ctx *c, struct store_change *row, struct gathered *g,
		const json_t *sigs, json_t **ret)
{
	size_t from = 0;

	TRY(gather(c, g, &row->id, sigs, &from));
	TRY(try_change(c, g, ret));
	roster_stale(c->server);
	client_hosts_stale(c->server);
	TRY(keep(c, row, g, from, *ret));
	if (json_array_size(json_object_get(*ret, "missing")) == 0)
		return OK;
	return offer_again(c, row, g, ret);
}

/* Of a change that the log has. */
static rc add_receipt(struct call_ctx *c, json_t *answer)
{
	const json_t *leaf = json_object_get(answer, "leaf");
	json_t *receipt = NULL;

	if (!json_is_integer(leaf))
		return OK;
	TRY(receipt_of(c, (uint64_t)json_integer_value(leaf), &receipt));
	return json_object_set_new(answer, "receipt", receipt) == 0 ? OK : RC(RC_NOMEM);
}

/* What was denied waits for nobody any more. A list that says otherwise does no harm: the keeper
 * refuses it. */
static void close_denied(struct call_ctx *c, enum statement_kind kind, struct view statement,
			 const json_t *answer)
{
	const char *state = json_string_value(json_object_get(answer, "state"));
	struct store *s = c->server->store;
	struct access_change a = {0};

	if (kind == STATEMENT_ACCESS && state != NULL && strcmp(state, "done") == 0 &&
	    rc_is_ok(access_change_parse(statement, &a, NULL)) && a.action == ACCESS_REVOKE)
		rc_ignore(s->api->change_state(s, &a.grant, "denied", view_str("{}"), NULL),
			  "nobody may have proposed it here");
}

/* Offers the keeper a change with the signatures of the body; its word is the answer. */
static rc offer_body(struct call_ctx *c, enum statement_kind kind, struct view statement,
		     const json_t *body)
{
	const json_t *sigs = json_object_get(body, "signatures");
	AUTO(json) json_t *answer = NULL;
	struct gathered g = {.message = {.kind = kind, .statement = statement}};
	struct store_change row = {.id = digest_of(statement),
				   .state = "pending",
				   .proposer = c->person,
				   .created = clock_now(&clock_system),
				   .expires = change_expires(kind, statement),
				   .statement = statement};
	struct roster_ref *roster;
	rc r;

	if (c->person.s[0] == '\0')
		row.proposer = (struct name){"recovery-keys"};
	if (!json_is_array(sigs) || json_array_size(sigs) == 0 ||
	    json_array_size(sigs) > CHANGE_SIGNATURES_MAX)
		return call_refuse(c, REASON_CALL_FORM, "signatures must be a list of 1 to %u",
				   CHANGE_SIGNATURES_MAX);
	(void)snprintf(row.kind, sizeof(row.kind), "%s", statement_info(kind)->name);
	TRY(roster_take(c, &roster));
	g.roster = roster->roster;
	gathered_init(&g, &g);
	r = offer(c, &row, &g, sigs, &answer);
	buf_release(&g.bytes);
	roster_drop(c->server, roster);
	TRY(r);
	close_denied(c, kind, statement, answer);
	TRY(add_receipt(c, answer));
	return call_json(c, 200, json_incref(answer));
}

rc post_change(struct call_ctx *c)
{
	AUTO(json) json_t *body = NULL;
	AUTO(buf) struct buf statement = {0};
	enum statement_kind kind = STATEMENT_POLICY;

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	TRY(call_body(c, &body));
	if (!rc_is_ok(kind_parse(json_string_value(json_object_get(body, "kind")), &kind)))
		return call_refuse(c, REASON_CALL_FORM, "no such kind of change");
	TRY(call_bytes(c, body, "statement", &statement));
	TRY(change_tests(c, kind, buf_view(&statement)));
	return offer_body(c, kind, buf_view(&statement), body);
}

/* Nobody of the roster need be able to sign a call. */
rc post_recovery(struct call_ctx *c)
{
	AUTO(json) json_t *body = NULL;
	AUTO(buf) struct buf statement = {0};

	TRY(call_open_rate(c));
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	TRY(call_body(c, &body));
	TRY(call_bytes(c, body, "statement", &statement));
	return offer_body(c, STATEMENT_RECOVERY, buf_view(&statement), body);
}

/* What the keeper has accepted and not in force yet: [{..}], by its word and not by the store's. */
static rc changes_waiting(struct call_ctx *c, json_t **ret)
{
	const struct view both[1] = {view_str("")};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	AUTO(json) json_t *answer = NULL;
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 128);
	keeper_put_strings(&frame, id, KEEPER_PENDING, both, 1);
	TRY(call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply));
	TRY(call_parse(c, buf_view(&reply.body), &answer));
	*ret = json_incref(json_object_get(answer, "pending"));
	return OK;
}

static json_t *row_json(const struct store_change *row, bool whole)
{
	char id[DIGEST_HEX];
	json_t *o = row->answer.len == 0
			    ? NULL
			    : json_loadb((const char *)row->answer.ptr, row->answer.len, 0, NULL);

	if (!json_is_object(o)) {
		json_decref(o);
		o = json_object();
	}
	digest_hex(&row->id, id);
	(void)json_object_set_new(o, "id", json_string(id));
	(void)json_object_set_new(o, "kind", json_string(row->kind));
	(void)json_object_set_new(o, "state", json_string(row->state));
	(void)json_object_set_new(o, "proposer", json_string(row->proposer.s));
	if (whole)
		(void)json_object_set_new(o, "statement", json_base64(row->statement));
	return o;
}

static rc add_row(void *ctx, const struct store_change *row)
{
	if (row->expires < clock_now(&clock_system))
		return OK;
	return json_array_append_new(ctx, row_json(row, false)) == 0 ? OK : RC(RC_NOMEM);
}

rc get_changes(struct call_ctx *c)
{
	AUTO(json) json_t *list = json_array();
	AUTO(json) json_t *waiting = NULL;

	TRY(c->server->store->api->change_list(c->server->store, "pending", add_row, list, NULL));
	TRY(changes_waiting(c, &waiting));
	return call_json(c, 200, json_pack("{s:O,s:O}", "changes", list, "waiting", waiting));
}

/* The one change whose id begins like this. */
struct find {
	struct view prefix;
	size_t hits;
	json_t *found; /* with its statement */
	struct digest id;
	enum statement_kind kind;
	struct buf statement;
};

static void find_release(struct find *f)
{
	json_decref(f->found);
	buf_release(&f->statement);
}
AUTO_DEFINE(find, struct find, find_release)

static rc find_row(void *ctx, const struct store_change *row)
{
	struct find *find = ctx;
	char id[DIGEST_HEX];

	digest_hex(&row->id, id);
	if (memcmp(id, find->prefix.ptr, find->prefix.len) != 0)
		return OK;
	find->hits++;
	if (find->found != NULL)
		return OK;
	find->found = row_json(row, true);
	find->id = row->id;
	TRY(kind_parse(row->kind, &find->kind));
	buf_put_view(&find->statement, row->statement);
	return buf_done(&find->statement);
}

/* Refuses with call.not-found. */
static rc find_change(struct call_ctx *c, struct find *find)
{
	struct store *s = c->server->store;
	rc r;

	find->prefix = c->target.segments[2];
	buf_init(&find->statement, DOCUMENT_BYTES_MAX);
	if (find->prefix.len < 8 || find->prefix.len > 64)
		return call_refuse(c, REASON_CALL_NOTFOUND,
				   "a change is named by 8 to 64 hex digits");
	/* A whole id finds old ones, too, which the list does not reach. */
	if (rc_is_ok(digest_parse(find->prefix, &find->id)))
		r = s->api->change_get(s, &find->id, find_row, find, NULL);
	else
		r = s->api->change_list(s, NULL, find_row, find, NULL);
	if (r.code != RC_NOTFOUND)
		TRY(r);
	if (find->hits != 1)
		return call_refuse(c, REASON_CALL_NOTFOUND, "%zu changes have this id", find->hits);
	return OK;
}

rc get_change(struct call_ctx *c)
{
	AUTO(find) struct find find = {0};

	TRY(find_change(c, &find));
	return call_json(c, 200, json_incref(find.found));
}

rc post_change_signatures(struct call_ctx *c)
{
	AUTO(json) json_t *body = NULL;
	AUTO(find) struct find find = {0};

	TRY(call_body(c, &body));
	TRY(find_change(c, &find));
	return offer_body(c, find.kind, buf_view(&find.statement), body);
}
