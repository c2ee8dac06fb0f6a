/* guard_lists - what the guards of hosts fetch: the newest list for them, package records, and the
 * certificates of keys whose signatures they look for.
 *
 * A guard verifies all of it, so a mirror of any kind would do, too; whom a list is for is asked
 * so that strangers do not learn what runs where. What was signed with a key that is locked now is
 * not given out: that is how a signed list is held back. Must not own: the index (published.c). */
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/fd.h"
#include "lib/model/list.h"
#include "lib/model/package_record.h"
#include "prog/server/auth.h"
#include "prog/server/issued.h"
#include "prog/server/pipeline.h"
#include "prog/server/published.h"
#include "prog/server/routes.h"
#include "prog/server/uploads.h"

#define ARCHIVES_MAX 24u
#define RECORDS_EACH 4u			   /* of one archive: one by each key */
#define RECORDS_BYTES ((uint64_t)24 << 20) /* of one answer, but for its first */

static bool is_locked(const json_t *keys, const struct digest *fingerprint)
{
	const char *state =
		json_string_value(json_object_get(issued_key(keys, fingerprint), "state"));

	/* A key that the keeper does not know any more is as little good. */
	return state == NULL || strcmp(state, "locked") == 0;
}

/* Index and keys as they are now. */
static rc look(struct call_ctx *c, json_t **ret_keys)
{
	TRY(published_follow(c));
	return keys_json(c, view_of("", 0), ret_keys);
}

/* ---- The newest list ------------------------------------------------------------------------*/

struct wish {
	struct name groups[LIST_GROUPS_MAX];
	size_t group_count; /* 0: any */
	struct name name;
	bool has_name;
	struct digest have;
	bool has_have;
};

struct choice {
	const struct wish *wish;
	const json_t *keys;
	unix_time now;
	bool withheld;		    /* something fits, and its key is locked */
	bool found;		    /* of the name that is being visited: */
	struct store_published row; /* its views are not kept */
	bool has_best;
	struct store_published best;
};

static bool is_for(const struct wish *w, struct view groups)
{
	char line[NAME_MAX_LEN + 3];

	for (size_t i = 0; i < w->group_count; i++) {
		(void)snprintf(line, sizeof(line), "\n%s\n", w->groups[i].s);
		if (memmem(groups.ptr, groups.len, line, strlen(line)) != NULL)
			return true;
	}
	return w->group_count == 0;
}

/* Of several names, the list that was signed last. */
static void name_ends(struct choice *c)
{
	if (c->found && (!c->has_best || c->row.leaf > c->best.leaf)) {
		c->best = c->row;
		c->has_best = true;
	}
	c->found = false;
}

/* By name, the highest serial first. The log's order decides between two of one serial: a guard
 * keeps to the first that it has seen. */
static rc weigh(void *ctx, const struct store_published *p)
{
	struct choice *c = ctx;

	if (c->found && strcmp(c->row.name, p->name) != 0)
		name_ends(c);
	if (!is_for(c->wish, p->groups) || p->not_before > c->now ||
	    (c->found && p->serial < c->row.serial))
		return OK;
	if (is_locked(c->keys, &p->key)) {
		c->withheld = true;
		return OK;
	}
	c->row = *p;
	c->found = true;
	return OK;
}

static rc read_groups(struct call_ctx *c, struct view v, struct wish *w)
{
	while (v.len > 0) {
		struct view one = v;

		if (memchr(v.ptr, ',', v.len) != NULL)
			TRY(view_until(&v, ',', &one));
		else
			v = view_of("", 0);
		if (w->group_count == LIST_GROUPS_MAX ||
		    !rc_is_ok(name_parse(one, &w->groups[w->group_count])))
			return call_refuse(c, REASON_CALL_FORM,
					   "groups are at most %u names between commas",
					   LIST_GROUPS_MAX);
		w->group_count++;
	}
	return OK;
}

/* A host that names no groups is asked for by those that the roster gives it. */
static rc groups_of_host(struct call_ctx *c, struct wish *w)
{
	const struct principal *p;
	struct roster_ref *roster;

	if (c->host.s[0] == '\0')
		return OK;
	TRY(roster_take(c, &roster));
	p = roster_host(roster->roster, &c->host);
	for (size_t i = 0; p != NULL && i < p->group_count && i < LIST_GROUPS_MAX; i++)
		w->groups[w->group_count++] = p->groups[i];
	roster_drop(c->server, roster);
	if (w->group_count == 0)
		return call_refuse(c, REASON_CALL_NOTFOUND, "%s is in no group", c->host.s);
	return OK;
}

static rc read_wish(struct call_ctx *c, struct wish *w)
{
	struct view name = http_target_param(&c->target, "name");
	struct view groups = http_target_param(&c->target, "groups");
	struct view have = http_target_param(&c->target, "have");

	w->has_name = name.ptr != NULL;
	w->has_have = have.ptr != NULL;
	if (w->has_name && !rc_is_ok(name_parse(name, &w->name)))
		return call_refuse(c, REASON_CALL_FORM, "name is a list's name");
	if (w->has_have && !rc_is_ok(digest_parse(have, &w->have)))
		return call_refuse(c, REASON_CALL_FORM, "have is the SHA-256 of a list");
	if (groups.ptr == NULL)
		return groups_of_host(c, w);
	return read_groups(c, groups, w);
}

static rc put_proof(struct buf *out, const struct store_published *p)
{
	buf_put_view(out, p->proof);
	return buf_done(out);
}

struct kept_proof {
	const struct store_published *of;
	struct buf *out;
};

/* The same file may have been signed by another request. */
static rc take_proof(void *ctx, const struct store_published *p)
{
	const struct kept_proof *k = ctx;

	return p->leaf == k->of->leaf && p->item == k->of->item ? put_proof(k->out, p) : OK;
}

/* As a JSON value; made anew if the index has none. */
static rc proof_json(struct call_ctx *c, const struct store_published *p, struct buf *kept,
		     json_t **ret)
{
	if (kept->len == 0)
		TRY(published_proof(c, &p->request, p->item, kept));
	return call_parse(c, buf_view(kept), ret);
}

static json_t *list_json(const struct store_published *p)
{
	char hex[DIGEST_HEX], request[DIGEST_HEX], when[TIME_TEXT] = "";

	digest_hex(&p->file, hex);
	digest_hex(&p->request, request);
	rc_ignore(time_format(p->not_after, when), "empty then");
	return json_pack("{s:s,s:I,s:s,s:I,s:s,s:s,s:I}", "list", p->name, "serial",
			 (json_int_t)p->serial, "sha256", hex, "size", (json_int_t)p->size,
			 "not_after", when, "request", request, "item", (json_int_t)p->item);
}

static rc answer_list(struct call_ctx *c, const struct choice *choice)
{
	const struct store_api *api = c->server->store->api;
	const struct store_published *p = &choice->best;
	AUTO(buf) struct buf kept = {0};
	struct kept_proof want = {p, &kept};
	json_t *proof = NULL;
	json_t *o;

	if (choice->wish->has_have && digest_is_equal(&choice->wish->have, &p->file)) {
		o = list_json(p);
		(void)json_object_set_new(o, "current", json_true());
		return call_json(c, 200, o);
	}
	buf_init(&kept, PUBLISHED_PROOF_MAX);
	TRY(api->published_file(c->server->store, STORE_LIST, &p->file, take_proof, &want, NULL));
	TRY(proof_json(c, p, &kept, &proof));
	o = list_json(p);
	(void)json_object_set_new(o, "current", json_false());
	(void)json_object_set_new(o, "proof", proof);
	return call_json(c, 200, o);
}

rc get_guard_list(struct call_ctx *c)
{
	const struct store_api *api = c->server->store->api;
	struct wish wish = {.group_count = 0};
	struct choice choice = {.wish = &wish, .now = clock_now(&clock_system)};
	AUTO(json) json_t *keys = NULL;

	TRY(read_wish(c, &wish));
	TRY(look(c, &keys));
	choice.keys = keys;
	TRY(api->published_list(c->server->store, STORE_LIST, wish.has_name ? wish.name.s : NULL,
				weigh, &choice, NULL));
	name_ends(&choice);
	if (choice.has_best)
		return answer_list(c, &choice);
	return call_refuse(c, REASON_CALL_NOTFOUND, "no list%s%s for these groups is %s",
			   wish.has_name ? " " : "", wish.has_name ? wish.name.s : "",
			   choice.withheld ? "given out: its key is locked" : "signed");
}

struct file_keys {
	const json_t *keys;
	bool good; /* one that is not locked has signed it */
};

static rc take_key(void *ctx, const struct store_published *p)
{
	struct file_keys *f = ctx;

	f->good = f->good || !is_locked(f->keys, &p->key);
	return OK;
}

rc get_guard_list_file(struct call_ctx *c)
{
	const struct store_api *api = c->server->store->api;
	AUTO(json) json_t *keys = NULL;
	struct file_keys signers = {.good = false};
	struct digest file;

	TRY(call_digest(c, 3, &file));
	TRY(look(c, &keys));
	signers.keys = keys;
	if (!rc_is_ok(api->published_file(c->server->store, STORE_LIST, &file, take_key, &signers,
					  NULL)) ||
	    !signers.good)
		return call_refuse(c, REASON_CALL_NOTFOUND, "no such list is given out");
	return artifact_answer(c, &file);
}

/* ---- Package records ------------------------------------------------------------------------*/

/* The newest of each key. */
struct records {
	const json_t *keys;
	struct store_published row[RECORDS_EACH];
	struct buf proof[RECORDS_EACH];
	size_t count;
};

static void records_clear(struct records *r)
{
	for (size_t i = 0; i < r->count; i++)
		buf_release(&r->proof[i]);
	r->count = 0;
}
AUTO_DEFINE(records, struct records, records_clear)

static rc take_record(void *ctx, const struct store_published *p)
{
	struct records *r = ctx;

	for (size_t i = 0; i < r->count; i++)
		if (digest_is_equal(&r->row[i].key, &p->key))
			return OK;
	if (r->count == RECORDS_EACH || is_locked(r->keys, &p->key))
		return OK;
	r->row[r->count] = *p;
	buf_init(&r->proof[r->count], PUBLISHED_PROOF_MAX);
	r->count++;
	return put_proof(&r->proof[r->count - 1], p);
}

static rc add_record(struct call_ctx *c, const struct store_published *p, struct buf *kept,
		     json_t *out)
{
	AUTO(fd) int fd = -1;
	AUTO(buf) struct buf bytes = {0};
	json_t *proof = NULL;
	uint64_t size = 0;

	/* One that is not here is as one that is not signed: the others are given out. */
	if (!rc_is_ok(artifact_open(c->server, &p->file, &fd, &size)))
		return OK;
	buf_init(&bytes, (size_t)size);
	TRY(fd_read_all(fd, &bytes, NULL));
	TRY(proof_json(c, p, kept, &proof));
	return json_array_append_new(out,
				     json_pack("{s:s,s:o,s:o}", "archive", p->name, "record",
					       json_base64(buf_view(&bytes)), "proof", proof)) == 0
		       ? OK
		       : RC(RC_NOMEM);
}

/* The records of one archive; *spent: bytes of all so far. False in *ret_room: the answer is full.
 */
static rc add_archive(struct call_ctx *c, struct records *r, json_t *out, uint64_t *spent,
		      bool *ret_room)
{
	uint64_t more = 0;

	for (size_t i = 0; i < r->count; i++)
		more += r->row[i].size;
	*ret_room = *spent == 0 || *spent + more <= RECORDS_BYTES;
	if (!*ret_room)
		return OK;
	*spent += more;
	for (size_t i = 0; i < r->count; i++)
		TRY(add_record(c, &r->row[i], &r->proof[i], out));
	return OK;
}

/* The parameter v of that name: 1 to ARCHIVES_MAX digests between commas. */
static rc read_digests(struct call_ctx *c, const char *name, struct view v,
		       char hex[ARCHIVES_MAX][DIGEST_HEX], size_t *ret_count)
{
	const size_t each = DIGEST_HEX; /* digits and a comma */
	struct digest digest;
	size_t n = (v.len + 1) / each;

	if (v.ptr == NULL || n == 0 || n > ARCHIVES_MAX || v.len + 1 != n * each)
		return call_refuse(c, REASON_CALL_FORM, "%s are 1 to %u SHA-256 between commas",
				   name, ARCHIVES_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!rc_is_ok(digest_parse(view_of(v.ptr + i * each, each - 1), &digest)) ||
		    (i + 1 < n && v.ptr[i * each + each - 1] != ','))
			return call_refuse(c, REASON_CALL_FORM, "%s: 64 hex digits each", name);
		digest_hex(&digest, hex[i]);
	}
	*ret_count = n;
	return OK;
}

static rc collect(struct call_ctx *c, char hex[ARCHIVES_MAX][DIGEST_HEX], size_t count,
		  const json_t *keys, json_t *o)
{
	const struct store_api *api = c->server->store->api;
	json_t *out = json_object_get(o, "records");
	json_t *later = json_object_get(o, "later");
	uint64_t spent = 0;

	for (size_t i = 0; i < count; i++) {
		AUTO(records) struct records r = {.keys = keys};
		bool room = true;

		TRY(api->published_list(c->server->store, STORE_RECORD, hex[i], take_record, &r,
					NULL));
		TRY(add_archive(c, &r, out, &spent, &room));
		if (!room)
			(void)json_array_append_new(later, json_string(hex[i]));
	}
	return OK;
}

rc get_guard_records(struct call_ctx *c)
{
	char hex[ARCHIVES_MAX][DIGEST_HEX];
	AUTO(json) json_t *keys = NULL;
	size_t count = 0;
	json_t *o;
	rc r;

	TRY(read_digests(c, "archives", http_target_param(&c->target, "archives"), hex, &count));
	TRY(look(c, &keys));
	o = json_pack("{s:[],s:[]}", "later", "records");
	r = o == NULL ? RC(RC_NOMEM) : collect(c, hex, count, keys, o);
	if (!rc_is_ok(r)) {
		json_decref(o);
		return r;
	}
	return call_json(c, 200, o);
}

/* ---- Certificates ---------------------------------------------------------------------------*/

/* What is looked for on hosts is told here, so a guard takes no certificate whose key this log does
 * not have: each comes with an entry of the log for something that its key has signed. */
struct certificates {
	char have[ARCHIVES_MAX][DIGEST_HEX];
	size_t have_count;
	const json_t *keys;
	bool followed; /* the index has been brought up to date in this call */
	json_t *out;
};

static bool has_certificate(const struct certificates *l, const char *sha256)
{
	for (size_t i = 0; i < l->have_count; i++)
		if (strcmp(l->have[i], sha256) == 0)
			return true;
	return false;
}

/* RC_NOTFOUND: the key has signed nothing yet. */
static rc find_issued(struct call_ctx *c, struct certificates *l, const struct digest *key,
		      struct store_issued *ret)
{
	const struct store_api *api = c->server->store->api;
	uint64_t size;
	rc r = api->issued_by(c->server->store, key, ret, NULL);

	if (r.code != RC_NOTFOUND || l->followed)
		return r;
	(void)pthread_mutex_lock(&c->server->issued_lock);
	r = issued_follow(c, l->keys, &size);
	(void)pthread_mutex_unlock(&c->server->issued_lock);
	TRY(r);
	l->followed = true;
	return api->issued_by(c->server->store, key, ret, NULL);
}

static rc put_certificate(struct call_ctx *c, const char *name, const struct store_issued *issued,
			  json_t *out)
{
	AUTO(keeper_reply) struct keeper_reply certs_reply = {0};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	struct keeper_certs certs;
	struct keeper_result result;

	TRY(keys_certificates(c, view_str(name), &certs_reply, &certs));
	TRY(result_fetch(c, &issued->request, 1, &reply, &result));
	if (certs.count == 0)
		return OK;
	return json_array_append_new(out, json_pack("{s:o,s:o,s:o}", "certificate",
						    json_base64(certs.certs[0]), "issue_entry",
						    json_base64(result.leaf), "issue_proof",
						    json_base64(result.proof))) == 0
		       ? OK
		       : RC(RC_NOMEM);
}

/* One whose signature cannot be shown now (it is held) is as one that has signed nothing. */
static rc add_key(struct call_ctx *c, struct certificates *l, const json_t *key)
{
	const char *name = json_string_value(json_object_get(key, "name"));
	const char *sha256 =
		json_string_value(json_object_get(json_object_get(key, "certificate"), "sha256"));
	struct store_issued issued;
	struct digest fingerprint;
	rc r;

	if (name == NULL || sha256 == NULL || has_certificate(l, sha256) ||
	    !rc_is_ok(digest_parse(view_str(json_string_value(json_object_get(key, "fingerprint"))),
				   &fingerprint)))
		return OK;
	r = find_issued(c, l, &fingerprint, &issued);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	r = put_certificate(c, name, &issued, l->out);
	if (rc_is_ok(r) || c->status == 503 || r.code == RC_NOMEM)
		return r;
	buf_clear(&c->out);
	c->status = 0;
	return OK;
}

rc get_guard_certificates(struct call_ctx *c)
{
	const struct view have = http_target_param(&c->target, "have");
	struct certificates l = {.have_count = 0};
	AUTO(json) json_t *keys = NULL;
	const json_t *key;
	size_t i;
	rc r = OK;

	if (have.ptr != NULL)
		TRY(read_digests(c, "have", have, l.have, &l.have_count));
	TRY(keys_json(c, view_of("", 0), &keys));
	l.keys = keys;
	l.out = json_array();
	if (l.out == NULL)
		return RC(RC_NOMEM);
	json_array_foreach(keys, i, key) if (rc_is_ok(r)) r = add_key(c, &l, key);
	if (!rc_is_ok(r)) {
		json_decref(l.out);
		return r;
	}
	return call_json(c, 200, json_pack("{s:o}", "certificates", l.out));
}
