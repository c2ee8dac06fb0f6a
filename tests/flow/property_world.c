#include "tests/flow/property_world.h"

#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define WEB "https://sign.example"

const char *const ref_people[REF_PEOPLE] = {"alice", "bob",   "carol", "dave",
					    "erin",  "frank", "robot"};
const char *const ref_keys[REF_KEYS + 1] = {"release", "nightly", "spare"};
const char *const ref_rules[REF_RULES] = {"release", "glass", "nightly", "paired", "spare"};
static const char *const ref_groups[REF_GROUPS] = {"admins", "developers", "leads", "robots",
						   "security"};
static const char *const admins[] = {"erin", "frank", NULL};
static const char *const settings[] = {"--web-origin", WEB, NULL};

static const struct ref_roster first_roster = {
	.groups = {1u << REF_DEVELOPERS | 1u << REF_SECURITY, 1u << REF_LEADS | 1u << REF_SECURITY,
		   1u << REF_LEADS | 1u << REF_SECURITY, 1u << REF_SECURITY,
		   1u << REF_ADMINS | 1u << REF_LEADS, 1u << REF_ADMINS, 1u << REF_ROBOTS},
	.keys = {3, 3, 3, 3, 1, 1, 1},
	.builder = {true, false},
};

static const struct ref_policy first_policy = {
	.rules = {{.keys = 1,
		   .request = 1u << REF_DEVELOPERS,
		   .seats = {{1, -1, REF_LEADS, REF_ANY}, {1, -1, REF_SECURITY, REF_ANY}},
		   .seat_count = 2,
		   .max_uses = 3,
		   .max_deadline = 7200,
		   .lifetime = 1800},
		  {.keys = 1,
		   .request = 1u << REF_DEVELOPERS,
		   .seats = {{1, -1, REF_SECURITY, REF_CLI}, {1, 4, 0, REF_ANY}},
		   .seat_count = 2,
		   .max_uses = 2,
		   .max_deadline = 3600,
		   .lifetime = 900,
		   .break_glass = true},
		  {.keys = 2,
		   .request = 1u << REF_ROBOTS,
		   .max_uses = 4,
		   .max_deadline = 7200,
		   .lifetime = 1800},
		  {.keys = 3,
		   .request = 1u << REF_LEADS,
		   .seats = {{1, -1, REF_SECURITY, REF_BROWSER}, {1, -1, REF_SECURITY, REF_ANY}},
		   .seat_count = 2,
		   .max_uses = 2,
		   .max_deadline = 7200,
		   .lifetime = 1800},
		  {.keys = 4,
		   .request = 1u << REF_ROBOTS,
		   .max_uses = 1,
		   .max_deadline = 7200,
		   .lifetime = 1800}},
	.windows = {{9 * 60, 8 * 3600}, {22 * 60 + 30, 4 * 3600}},
};

void world_first(struct ref_policy *policy, struct ref_roster *roster)
{
	if (policy != NULL)
		*policy = first_policy;
	if (roster != NULL)
		*roster = first_roster;
}

/* ---- Documents -----------------------------------------------------------------------------*/

static void put_list(struct buf *out, const char *name, const char *prefix,
		     const char *const *words, unsigned set)
{
	const char *comma = "";

	buf_printf(out, "\"%s\":[", name);
	for (unsigned i = 0; set >> i != 0; i++)
		if ((set & (1u << i)) != 0) {
			buf_printf(out, "%s\"%s%s\"", comma, prefix, words[i]);
			comma = ",";
		}
	buf_put_str(out, "]");
}

static void put_seats(struct buf *out, const struct ref_rule *r)
{
	static const char *const channels[] = {"", " (cli)", " (browser)"};

	buf_put_str(out, "\"approve\":[");
	for (size_t i = 0; i < r->seat_count; i++) {
		const struct ref_seat *s = &r->seats[i];

		buf_printf(out, "%s\"%u of %s%s%s\"", i == 0 ? "" : ",", s->count,
			   s->person >= 0 ? "@" : "",
			   s->person >= 0 ? ref_people[s->person] : ref_groups[s->group],
			   channels[s->channel]);
	}
	buf_put_str(out, "],");
}

static void put_rule(struct buf *out, const struct ref_rule *r, int n)
{
	static const char *const windows[] = {"day", "night"};

	buf_printf(out, "%s{\"approval_lifetime\":%u,", n == 0 ? "" : ",", r->lifetime);
	if (r->seat_count > 0)
		put_seats(out, r);
	if (r->break_glass)
		buf_put_str(out, "\"break_glass\":true,");
	buf_printf(out, "\"formats\":[%s\"pe\"],\"from\":[\"group:builders\"%s],",
		   r->pe_only ? "" : "\"cms\",", r->from_laptop ? ",\"laptop\"" : "");
	put_list(out, "keys", "", ref_keys, r->keys);
	buf_printf(out, ",\"max_deadline\":%u,\"max_uses\":%u,%s\"name\":\"%s\",%s",
		   r->max_deadline, r->max_uses, r->observe ? "\"mode\":\"observe\"," : "",
		   ref_rules[n], r->reason ? "\"reason\":\"required\"," : "");
	put_list(out, "request", "group:", ref_groups, r->request);
	buf_printf(out, "%s%s,\"upload\":\"%s\"", r->break_glass ? ",\"ticket\":\"INC-*\"" : "",
		   r->seat_count == 0 ? ",\"unattended\":true" : "",
		   r->upload ? "required" : "optional");
	if (r->windows != 0) {
		buf_put_str(out, ",");
		put_list(out, "windows", "", windows, r->windows);
	}
	buf_put_str(out, "}");
}

/* "2026-11-26 12:00" */
static void put_local(struct buf *out, const char *name, unix_time t)
{
	char text[TIME_TEXT];

	fx_ok(time_format(t, text));
	buf_printf(out, "\"%s\":\"%.10s %.5s\",", name, text, text + 11);
}

static void put_freeze(struct buf *out, const struct ref_policy *p)
{
	if (p->freeze.keys == 0)
		return;
	buf_put_str(out, "\"freezes\":[{");
	put_local(out, "from", p->freeze.from);
	put_list(out, "keys", "", ref_keys, p->freeze.keys);
	buf_put_str(out, ",\"name\":\"ice\",");
	put_local(out, "to", p->freeze.to);
	buf_put_str(out, "\"zone\":\"UTC\"}],");
}

static void put_rates(struct buf *out, const struct ref_policy *p)
{
	const char *between = "";

	buf_put_str(out, "\"keys\":[");
	for (int k = 0; k < REF_KEYS; k++) {
		const char *comma = "";

		if (p->rates[k][0].count + p->rates[k][1].count == 0)
			continue;
		buf_printf(out, "%s{\"name\":\"%s\",\"rate\":[", between, ref_keys[k]);
		for (int i = 0; i < REF_RATES; i++)
			if (p->rates[k][i].count > 0) {
				buf_printf(out, "%s\"%u per %us%s\"", comma, p->rates[k][i].count,
					   p->rates[k][i].period,
					   p->rates[k][i].per_requester ? " per requester" : "");
				comma = ",";
			}
		buf_put_str(out, "]}");
		between = ",";
	}
	buf_put_str(out, "],");
}

static void put_policy(struct buf *out, const struct ref_policy *p, uint64_t version)
{
	buf_clear(out);
	buf_put_str(out, "{\"admin\":{\"approve\":[\"2 of admins\"]},"
			 "\"change\":{\"approve\":[\"2 of admins\"]},");
	put_freeze(out, p);
	if (p->rates[0][0].count + p->rates[0][1].count + p->rates[1][0].count +
		    p->rates[1][1].count >
	    0)
		put_rates(out, p);
	buf_put_str(out, "\"rules\":[");
	for (int i = 0; i < REF_RULES; i++)
		put_rule(out, &p->rules[i], i);
	buf_printf(out,
		   "],\"unlock\":{\"approve\":[\"2 of admins\"]},\"version\":%llu,"
		   "\"windows\":[{\"length\":%u,\"name\":\"day\",\"open\":\"%02u:%02u\","
		   "\"zone\":\"UTC\"},{\"length\":%u,\"name\":\"night\",\"open\":\"%02u:%02u\","
		   "\"zone\":\"UTC\"}]}",
		   (unsigned long long)version, p->windows[0].length, p->windows[0].opens / 60,
		   p->windows[0].opens % 60, p->windows[1].length, p->windows[1].opens / 60,
		   p->windows[1].opens % 60);
	fx_ok(buf_done(out));
}

static void put_roster(struct world *w, const struct ref_roster *r, uint64_t version,
		       struct buf *out)
{
	for (int i = 0; i < REF_PEOPLE; i++) {
		struct fx_who *who = &w->fx.people[i];
		size_t n = 0;

		who->gone = r->gone[i];
		memset(who->groups, 0, sizeof(who->groups));
		for (unsigned g = 0; g < REF_GROUPS; g++)
			if ((r->groups[i] & (1u << g)) != 0)
				who->groups[n++] = ref_groups[g];
		who->key_count = 0;
		for (unsigned k = 0; k < 2; k++)
			if ((r->keys[i] & (1u << k)) != 0)
				who->key[who->key_count++] = w->keys[i][k];
	}
	for (int i = 0; i < REF_HOSTS; i++) {
		w->fx.hosts[i].gone = r->host_gone[i];
		w->fx.hosts[i].groups[0] = r->builder[i] ? "builders" : NULL;
	}
	fx_roster_doc(&w->fx, version, out);
}

static bool change(struct world *w, enum statement_kind kind, const struct buf *doc,
		   struct buf *in_force)
{
	struct digest previous = digest_of(buf_view(in_force));

	if (fx_change_document(&w->fx, kind, buf_view(doc), &previous, admins) != KEEPER_R_CHANGE) {
		if (fx_reason(&w->fx) != REASON_CHANGE_INVALID &&
		    fx_reason(&w->fx) != REASON_TIME_CLOCK)
			fx_die(__FILE__, __LINE__, reason_id(fx_reason(&w->fx)));
		return false;
	}
	buf_clear(in_force);
	buf_put_view(in_force, buf_view(doc));
	return true;
}

bool world_policy(struct world *w, const struct ref_policy *p)
{
	AUTO(buf) struct buf doc;
	bool may = ref_takes_changes(&w->ref);

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	put_policy(&doc, p, w->fx.policy_version + 1);
	if (!change(w, STATEMENT_POLICY, &doc, &w->fx.policy)) {
		fx_check(may == (fx_reason(&w->fx) != REASON_TIME_CLOCK));
		return false;
	}
	fx_check(may);
	w->fx.policy_version++;
	w->ref.policy = *p;
	policy_free(w->policy);
	fx_ok(policy_parse(buf_view(&doc), &w->policy, NULL));
	ref_changed(&w->ref);
	return true;
}

bool world_roster(struct world *w, const struct ref_roster *r)
{
	AUTO(buf) struct buf doc;
	bool may = ref_takes_changes(&w->ref);

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	put_roster(w, r, w->fx.roster_version + 1, &doc);
	if (!change(w, STATEMENT_ROSTER, &doc, &w->fx.roster)) {
		fx_check(may == (fx_reason(&w->fx) != REASON_TIME_CLOCK));
		return false;
	}
	fx_check(may);
	w->fx.roster_version++;
	w->ref.roster = *r;
	roster_free(w->roster);
	fx_ok(roster_parse(buf_view(&doc), &w->roster, NULL));
	ref_changed(&w->ref);
	return true;
}

void world_lock(struct world *w, int key, bool lock)
{
	static const char *const one[] = {"erin", NULL};
	struct key_change c = {.action = lock ? KEY_LOCK : KEY_UNLOCK};
	enum keeper_type type;
	bool may = ref_takes_changes(&w->ref);

	fx_ok(name_parse(view_str(ref_keys[key]), &c.key));
	type = fx_key_change(&w->fx, &c, lock ? one : admins);
	if (!may) {
		fx_check(type == KEEPER_R_ERROR && fx_reason(&w->fx) == REASON_TIME_CLOCK);
	} else if (w->ref.locked[key] == lock) {
		fx_check(type == KEEPER_R_ERROR &&
			 fx_reason(&w->fx) == (lock ? REASON_KEY_LOCKED : REASON_CHANGE_INVALID));
	} else {
		fx_check(type == KEEPER_R_CHANGE);
		w->ref.locked[key] = lock;
		ref_changed(&w->ref);
	}
}

/* ---- Requests and acts ---------------------------------------------------------------------*/

unsigned world_channel(int person, unsigned key)
{
	return key == 1 && (person == 2 || person == 3) ? REF_BROWSER : REF_CLI;
}

static void sign(struct world *w, int person, unsigned key, enum statement_kind kind,
		 struct view statement, struct buf *out)
{
	static const struct passkey_form browser = {true, PASSKEY_VERIFIED, WEB};
	const char *ns = statement_info(kind)->ns;

	buf_clear(out);
	if (world_channel(person, key) == REF_BROWSER)
		passkey_sign(&w->passkeys[person - 2], &browser, ns, statement, out);
	else
		fx_sign(&w->keys[person][key], ns, statement, out);
}

struct digest world_rule_digest(const struct world *w, int rule, int key)
{
	struct name name;

	fx_ok(name_parse(view_str(ref_keys[key]), &name));
	return policy_rule_digest(w->policy, &w->policy->rules[rule], w->roster, &name,
				  &w->fingerprint[key]);
}

void world_make_request(struct world *w, struct slot *s)
{
	const struct ref_request *q = &s->q;
	struct fx_request *r = &s->r;

	fx_request_new(&w->fx, "release", 1, r);
	r->r.key_fingerprint = w->fingerprint[q->key];
	r->r.not_before = q->not_before;
	r->r.deadline = q->deadline;
	r->r.uses = q->uses;
	fx_ok(name_parse(view_str(ref_keys[q->key]), &r->r.key));
	fx_ok(name_parse(view_str(ref_people[q->requester]), &r->r.requester));
	fx_ok(name_parse(view_str(w->fx.hosts[q->host].name), &r->r.host));
	(void)snprintf(r->r.reason, sizeof(r->r.reason), "%s",
		       !q->has_reason  ? ""
		       : q->has_ticket ? "broken (INC-12): a fix"
				       : "a fix, INCIDENT to follow");
	fx_request_encode(r);
	sign(w, q->requester, q->signer, STATEMENT_REQUEST, buf_view(&r->statement), &s->sig);
	buf_clear(&s->host_sig);
	fx_sign(&w->fx.hosts[q->host].key[0], statement_info(STATEMENT_HOST)->ns,
		buf_view(&r->statement), &s->host_sig);
	ref_heard(&w->ref); /* the fixture has asked for the key */
}

void world_make_act(struct world *w, struct slot *s, int n, int rule)
{
	const struct ref_said *said = &s->q.acts[n];
	struct act a = {.kind = said->kind, .request = s->r.id, .expires = said->expires};
	struct buf *out = &s->acts[n].statement;

	(void)snprintf(a.origin, sizeof(a.origin), "keeper.test");
	fx_ok(name_parse(view_str(ref_people[said->person]), &a.person));
	w->counter++;
	memcpy(a.nonce, &w->counter, sizeof(w->counter));
	if (said->kind == STATEMENT_APPROVAL)
		a.rule = world_rule_digest(w, rule, s->q.key);
	else
		a.expires = 0;
	if (said->kind == STATEMENT_WITHDRAWAL)
		a.approval = s->acts[said->target].digest;
	buf_clear(out);
	fx_ok(act_encode(&a, out, NULL));
	s->acts[n].digest = digest_of(buf_view(out));
	sign(w, said->person, said->key, said->kind, buf_view(out), &s->acts[n].sig);
}

/* ---- Begin and end -------------------------------------------------------------------------*/

static void put_zone(struct world *w)
{
	const char *src = getenv("SRCDIR");
	AUTO(buf) struct buf bytes;
	char path[600];
	int fd;

	buf_init(&bytes, 1 << 16);
	(void)snprintf(path, sizeof(path), "%s/fuzz/corpus/tzif/UTC", src != NULL ? src : ".");
	fx_ok(file_read(path, &bytes, NULL));
	(void)snprintf(path, sizeof(path), "%s/zones", w->fx.dir);
	fx_ok(dir_open(path, &fd, NULL));
	fx_ok(file_replace(&(struct file_spec){fd, "UTC", 0600, false}, buf_view(&bytes), NULL));
	fd_close(&fd);
}

static void init_slots(struct world *w)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &w->slots[i];

		buf_init(&s->sig, KEEPER_SIG_MAX);
		buf_init(&s->host_sig, KEEPER_SIG_MAX);
		for (size_t k = 0; k < REF_ACTS; k++) {
			buf_init(&s->acts[k].statement, ACT_BYTES_MAX);
			buf_init(&s->acts[k].sig, KEEPER_SIG_MAX);
		}
	}
}

void world_begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	init_slots(w);
	fx_prepare(&w->fx);
	put_zone(w);
	w->fx.run_with = settings;
	fx_clock_at(&w->fx, BEGIN);
	w->ref.now = w->ref.head = w->ref.heard = BEGIN;
	fx_init(&w->fx);
	fx_make_key(&w->fx, "release", "ecdsa-p256");
	fx_make_key(&w->fx, "nightly", "ecdsa-p256");
	for (int k = 0; k < REF_KEYS; k++)
		fx_key_fingerprint(&w->fx, ref_keys[k], &w->fingerprint[k]);
	passkey_new(&w->passkeys[0], "sign.example");
	passkey_new(&w->passkeys[1], "sign.example");
	fx_key_new(&w->fx.people[0].key[1], false);
	for (int i = 0; i < REF_PEOPLE; i++) {
		w->keys[i][0] = w->fx.people[i].key[0];
		w->keys[i][1] = i == 2 || i == 3 ? w->passkeys[i - 2].key : w->fx.people[i].key[1];
	}
	fx_check(world_roster(w, &first_roster));
	fx_check(world_policy(w, &first_policy));
}

void world_end(struct world *w)
{
	fx_stop(&w->fx);
	fx_check(fx_verb(&w->fx, "fsck", NULL) == 0);
	world_release(w);
}

void world_release(struct world *w)
{
	for (int i = 0; i < REF_PEOPLE; i++) {
		bool passkey = i == 2 || i == 3;

		memcpy(w->fx.people[i].key, w->keys[i], sizeof(w->keys[i]));
		w->fx.people[i].key_count = i < 2 && !passkey ? 2 : 1;
	}
	fx_end(&w->fx);
	passkey_release(&w->passkeys[0]);
	passkey_release(&w->passkeys[1]);
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &w->slots[i];

		if (s->used)
			fx_request_release(&s->r);
		buf_release(&s->sig);
		buf_release(&s->host_sig);
		for (size_t k = 0; k < REF_ACTS; k++) {
			buf_release(&s->acts[k].statement);
			buf_release(&s->acts[k].sig);
		}
	}
	policy_free(w->policy);
	roster_free(w->roster);
}

void world_clock(struct world *w, unix_time t)
{
	w->ref.now = t;
	fx_clock_at(&w->fx, t);
}
