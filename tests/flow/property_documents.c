/* The reference's policy and roster as documents, and how the keeper gets them. */
#include "tests/flow/property_world.h"

#include <string.h>

#include "lib/codec/jcan.h"
#include "lib/model/objection.h"

const char *const ref_people[REF_REQUESTERS] = {"alice", "bob",	  "carol", "dave", "erin",
						"frank", "robot", "ci",	   "job",  "hook"};
const char *const ref_keys[REF_KEYS + 1] = {"release", "nightly", "spare"};
const char *const ref_rules[REF_RULES] = {"release", "glass", "nightly", "paired", "spare"};
const char *const ref_hosts[REF_HOSTS] = {"build1", "laptop", "pod", "pool"};
const char *const ref_makers[REF_MAKERS] = {"b0", "b1", "b2", "build1", "ci", "pool"};
static const char *const classes_by_name[REF_CLASSES] = {"software", "vtpm", "tpm", "attested"};
static const char *const ref_groups[REF_GROUPS] = {"admins", "developers", "leads", "robots",
						   "security"};
static const char *const admins[] = {"erin", "frank", NULL};

static const struct ref_roster first_roster = {
	.groups = {1u << REF_DEVELOPERS | 1u << REF_SECURITY, 1u << REF_LEADS | 1u << REF_SECURITY,
		   1u << REF_LEADS | 1u << REF_SECURITY, 1u << REF_SECURITY,
		   1u << REF_ADMINS | 1u << REF_LEADS, 1u << REF_ADMINS, 1u << REF_ROBOTS},
	.keys = {3, 3, 3, 3, 1, 1, 1, 3, 3, 3},
	.builder = {true, false, true, true},
	.pod_roots = 1,
	.owners = {1u << 4},
	.actor = {false, true, false},
	.fetched = {false, false, true},
	.accounts = 1u << 1 | 1u << 2,
	.maker_keys = {3, 3, 3},
};

#define SEAT(group, channel)                                                                       \
	{                                                                                          \
		1, -1, group, channel                                                              \
	}

static const struct ref_policy first_policy = {
	.rules = {{.keys = 1,
		   .request = 1u << REF_DEVELOPERS,
		   .seats = {{SEAT(REF_LEADS, REF_ANY), SEAT(REF_SECURITY, REF_ANY)}, 2},
		   .max_uses = 3,
		   .max_deadline = 7200,
		   .lifetime = 1800,
		   .preapproved = 1200},
		  {.keys = 1,
		   .request = 1u << REF_DEVELOPERS,
		   .seats = {{SEAT(REF_SECURITY, REF_CLI), {1, 4, 0, REF_ANY}}, 2},
		   .max_uses = 2,
		   .max_deadline = 3600,
		   .lifetime = 900,
		   .break_glass = true,
		   .review = {{SEAT(REF_SECURITY, REF_ANY), SEAT(REF_LEADS, REF_CLI)}, 2},
		   .within = 4000},
		  {.keys = 2,
		   .request = 1u << REF_ROBOTS,
		   .services = 7,
		   .max_uses = 4,
		   .max_deadline = 7200,
		   .lifetime = 1800},
		  {.keys = 3,
		   .request = 1u << REF_LEADS,
		   .services = 3,
		   .from_jobs = true,
		   .seats = {{SEAT(REF_SECURITY, REF_BROWSER), SEAT(REF_SECURITY, REF_ANY)}, 2},
		   .max_uses = 2,
		   .max_deadline = 7200,
		   .lifetime = 1800,
		   .preapproved = 900},
		  {.keys = 4,
		   .request = 1u << REF_ROBOTS,
		   .max_uses = 1,
		   .max_deadline = 7200,
		   .lifetime = 1800}},
	.windows = {{9 * 60, 8 * 3600}, {22 * 60 + 30, 4 * 3600}},
	.keys = {{.owners = {{SEAT(REF_SECURITY, REF_ANY), SEAT(REF_LEADS, REF_ANY)}, 2},
		  .access_life = 4000},
		 {.owners = {{SEAT(REF_LEADS, REF_ANY), SEAT(REF_SECURITY, REF_BROWSER)}, 1},
		  .access_life = 2000}},
	.tier = {.seats = {{SEAT(REF_SECURITY, REF_ANY)}, 1}, .max_uses = 4, .lifetime = 5000},
	.recovery = 600,
};

void world_first(struct ref_policy *policy, struct ref_roster *roster)
{
	if (policy != NULL)
		*policy = first_policy;
	if (roster != NULL)
		*roster = first_roster;
}

/* ---- Parts of both -------------------------------------------------------------------------*/

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

static void put_seats(struct buf *out, const char *name, const struct ref_seats *seats)
{
	static const char *const channels[] = {"", " (cli)", " (browser)"};

	if (seats->count == 0)
		return;
	buf_printf(out, "\"%s\":[", name);
	for (size_t i = 0; i < seats->count; i++) {
		const struct ref_seat *s = &seats->seat[i];

		buf_printf(out, "%s\"%u of %s%s%s\"", i == 0 ? "" : ",", s->count,
			   s->person >= 0 ? "@" : "",
			   s->person >= 0 ? ref_people[s->person] : ref_groups[s->group],
			   channels[s->channel]);
	}
	buf_put_str(out, "],");
}

static void put_classes(struct buf *out, unsigned classes)
{
	if (classes == 0)
		return;
	put_list(out, "classes", "", classes_by_name, classes);
	buf_put_str(out, ",");
}

static void put_number(struct buf *out, const char *name, uint32_t n)
{
	if (n > 0)
		buf_printf(out, "\"%s\":%u,", name, n);
}

/* ---- Policy --------------------------------------------------------------------------------*/

/* The comma after the last field is nobody's: it goes. */
static void close_object(struct buf *out)
{
	if (out->len > 0 && out->ptr[out->len - 1] == ',')
		out->len--;
	buf_put_str(out, "}");
}

static void put_files(struct buf *out, const struct ref_files *f)
{
	if (!f->a_only && !f->others && f->max_size == 0 && f->scan_by == 0 &&
	    f->provenance_by == 0 && f->rebuild_of == 0)
		return;
	buf_put_str(out, "\"artifact\":{");
	put_number(out, "max_size", f->max_size);
	if (f->a_only)
		buf_put_str(out, "\"names\":[\"a*\"],");
	if (f->others)
		buf_put_str(out, "\"products\":[\"other\"],");
	if (f->provenance_by != 0) {
		buf_put_str(out, "\"provenance\":{");
		put_list(out, "by", "", ref_makers, f->provenance_by);
		buf_put_str(out, f->source ? ",\"source\":[\"git+https://good/*\"]}," : "},");
	}
	if (f->rebuild_of != 0) {
		buf_printf(out, "\"rebuild\":{\"agree\":%u,", f->agree);
		put_list(out, "of", "", ref_makers, f->rebuild_of);
		buf_put_str(out, "},");
	}
	if (f->scan_by != 0) {
		buf_put_str(out, "\"scan\":{");
		put_list(out, "by", "", ref_makers, f->scan_by);
		buf_put_str(out, ",");
		put_number(out, "max_age", f->scan_age);
		close_object(out);
	}
	close_object(out);
	buf_put_str(out, ",");
}

static void put_preapproved(struct buf *out, bool has, uint32_t age)
{
	if (has)
		buf_printf(out, "\"preapproved\":{\"max_age\":%u},", age);
}

static void put_requesters(struct buf *out, const struct ref_rule *r)
{
	const char *comma = r->request != 0 ? "," : "";

	put_list(out, "request", "group:", ref_groups, r->request);
	out->len--;
	for (int s = 0; s < REF_SERVICES; s++)
		if ((r->services & (1u << s)) != 0) {
			buf_printf(out, "%s\"service:%s\"", comma, ref_people[REF_SERVICE + s]);
			comma = ",";
		}
	buf_put_str(out, "],");
}

static void put_rule(struct buf *out, const struct ref_rule *r, int n)
{
	static const char *const windows[] = {"day", "night"};

	buf_printf(out, "%s{\"approval_lifetime\":%u,", n == 0 ? "" : ",", r->lifetime);
	put_seats(out, "approve", &r->seats);
	put_files(out, &r->files);
	if (r->break_glass)
		buf_put_str(out, "\"break_glass\":true,");
	put_classes(out, r->classes);
	buf_printf(out, "\"formats\":[%s\"pe\"],\"from\":[\"group:builders\"%s%s],",
		   r->pe_only ? "" : "\"cms\",", r->from_laptop ? ",\"laptop\"" : "",
		   r->from_jobs ? ",\"issuer:ids\"" : "");
	put_number(out, "hold", r->hold);
	put_list(out, "keys", "", ref_keys, r->keys);
	buf_printf(out, ",\"max_deadline\":%u,\"max_uses\":%u,%s\"name\":\"%s\",", r->max_deadline,
		   r->max_uses, r->observe ? "\"mode\":\"observe\"," : "", ref_rules[n]);
	put_preapproved(out, r->preapproved != 0, r->preapproved);
	buf_put_str(out, r->reason ? "\"reason\":\"required\"," : "");
	put_requesters(out, r);
	if (r->break_glass) {
		buf_put_str(out, "\"review\":{");
		put_seats(out, "approve", &r->review);
		buf_printf(out, "\"within\":%u},", r->within);
	}
	buf_printf(out, "%s%s%s\"upload\":\"%s\",", r->unsynced ? "\"synced\":\"false\"," : "",
		   r->break_glass ? "\"ticket\":\"INC-*\"," : "",
		   r->seats.count == 0 ? "\"unattended\":true," : "",
		   r->upload ? "required" : "optional");
	if (r->windows != 0)
		put_list(out, "windows", "", windows, r->windows);
	close_object(out);
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

static void put_rates(struct buf *out, const struct ref_rate *rates)
{
	const char *comma = "";

	if (rates[0].count + rates[1].count == 0)
		return;
	buf_put_str(out, "\"rate\":[");
	for (int i = 0; i < REF_RATES; i++)
		if (rates[i].count > 0) {
			buf_printf(out, "%s\"%u per %us%s\"", comma, rates[i].count,
				   rates[i].period, rates[i].per_requester ? " per requester" : "");
			comma = ",";
		}
	buf_put_str(out, "],");
}

static bool has_tier(const struct ref_policy *p)
{
	return p->keys[0].tier || p->keys[1].tier;
}

/* Of each there is an entry, if only with its name. */
static void put_keys(struct buf *out, const struct ref_policy *p)
{
	buf_put_str(out, "\"keys\":[");
	for (int k = 0; k < REF_KEYS; k++) {
		const struct ref_key *key = &p->keys[k];

		buf_put_str(out, k == 0 ? "{" : ",{");
		if (key->owners.count > 0)
			put_number(out, "access_max_life", key->access_life);
		buf_put_str(out, key->pe_only ? "\"formats\":[\"pe\"]," : "");
		buf_printf(out, "\"name\":\"%s\",", ref_keys[k]);
		put_seats(out, "owners", &key->owners);
		put_rates(out, key->rates);
		buf_put_str(out, key->tier ? "\"tier\":\"floor\"" : "");
		close_object(out);
	}
	buf_put_str(out, "],");
}

static void put_tier(struct buf *out, const struct ref_tier *t)
{
	buf_put_str(out, "\"tiers\":[{");
	put_number(out, "approval_lifetime", t->lifetime);
	put_seats(out, "approve", &t->seats);
	put_classes(out, t->classes);
	put_number(out, "hold", t->hold);
	put_number(out, "max_uses", t->max_uses);
	buf_put_str(out, "\"name\":\"floor\",");
	put_preapproved(out, t->has_preapproved, t->preapproved);
	buf_put_str(out, t->unsynced ? "\"synced\":\"false\"," : "");
	close_object(out);
	buf_put_str(out, "],");
}

static void put_recovery(const struct world *w, struct buf *out, uint32_t delay)
{
	if (delay == 0)
		return;
	buf_printf(out, "\"recovery\":{\"delay\":%u,\"keys\":[", delay);
	for (int i = 0; i < REF_RESCUERS; i++) {
		buf_put_str(out, i == 0 ? "\"" : ",\"");
		sshkey_put_line(w->rescue[i].ssh, view_of(NULL, 0), out);
		buf_put_str(out, "\"");
	}
	buf_printf(out, "],\"need\":%d},", REF_NEED);
}

static void put_policy(const struct world *w, const struct ref_policy *p, uint64_t version,
		       struct buf *out)
{
	buf_clear(out);
	buf_put_str(out, "{\"admin\":{\"approve\":[\"2 of admins\"]},"
			 "\"change\":{\"approve\":[\"2 of admins\"],");
	put_number(out, "delay", p->delay);
	close_object(out);
	buf_put_str(out, ",");
	put_freeze(out, p);
	put_keys(out, p);
	put_recovery(w, out, p->recovery);
	buf_put_str(out, "\"rules\":[");
	for (int i = 0; i < REF_RULES; i++)
		put_rule(out, &p->rules[i], i);
	buf_put_str(out, "],");
	if (has_tier(p))
		put_tier(out, &p->tier);
	buf_printf(out,
		   "\"unlock\":{\"approve\":[\"2 of admins\"]},\"version\":%llu,"
		   "\"windows\":[{\"length\":%u,\"name\":\"day\",\"open\":\"%02u:%02u\","
		   "\"zone\":\"UTC\"},{\"length\":%u,\"name\":\"night\",\"open\":\"%02u:%02u\","
		   "\"zone\":\"UTC\"}]}",
		   (unsigned long long)version, p->windows[0].length, p->windows[0].opens / 60,
		   p->windows[0].opens % 60, p->windows[1].length, p->windows[1].opens / 60,
		   p->windows[1].opens % 60);
	fx_ok(buf_done(out));
}

/* ---- Roster --------------------------------------------------------------------------------*/

static void put_public_keys(struct buf *out, const struct fx_key keys[2], unsigned which)
{
	const char *comma = "";

	buf_put_str(out, "\"keys\":[");
	for (unsigned k = 0; k < 2; k++)
		if ((which & (1u << k)) != 0) {
			buf_printf(out, "%s\"", comma);
			sshkey_put_line(keys[k].ssh, view_of(NULL, 0), out);
			buf_put_str(out, "\"");
			comma = ",";
		}
	buf_put_str(out, "],");
}

static void put_builders(const struct world *w, const struct ref_roster *r, struct buf *out)
{
	const char *comma = "";

	buf_put_str(out, "\"builders\":[");
	for (int m = 0; m < REF_BUILDERS; m++) {
		if (r->maker_gone[m])
			continue;
		buf_printf(out, "%s{", comma);
		put_public_keys(out, w->makers[m], r->maker_keys[m]);
		buf_printf(out, "\"name\":\"%s\"}", ref_makers[m]);
		comma = ",";
	}
	buf_put_str(out, "],");
}

static void put_hosts(const struct world *w, const struct ref_roster *r, struct buf *out)
{
	const char *comma = "";

	buf_put_str(out, "\"hosts\":[");
	for (int i = 0; i < REF_HOSTS; i++) {
		if (r->host_gone[i])
			continue;
		buf_printf(out, "%s{", comma);
		if (i == REF_POOL && r->pool_least != REF_SOFTWARE)
			buf_printf(out, "\"class\":\"%s\",", classes_by_name[r->pool_least]);
		buf_printf(out, "%s\"groups\":[%s],", i == REF_POOL ? "\"enrol\":true," : "",
			   r->builder[i] ? "\"builders\"" : "");
		if (i < REF_POD)
			put_public_keys(out, w->fx.hosts[i].key, 1);
		buf_printf(out, "\"name\":\"%s\"", ref_hosts[i]);
		if (i == REF_POD)
			buf_printf(out, ",\"spiffe\":\"%s\"", ref_ids[r->pod_id]);
		buf_put_str(out, "}");
		comma = ",";
	}
	buf_put_str(out, "],");
}

static void put_people(const struct world *w, const struct ref_roster *r, struct buf *out)
{
	const char *comma = "";

	buf_put_str(out, "\"people\":[");
	for (int i = 0; i < REF_PEOPLE; i++) {
		if (r->gone[i])
			continue;
		buf_printf(out, "%s{", comma);
		if ((r->accounts & (1u << i)) != 0)
			buf_printf(out, "\"accounts\":[\"ids:%s\"],", ref_people[i]);
		put_list(out, "groups", "", ref_groups, r->groups[i]);
		buf_put_str(out, ",");
		put_public_keys(out, w->keys[i], r->keys[i]);
		buf_printf(out, "\"name\":\"%s\"}", ref_people[i]);
		comma = ",";
	}
	buf_put_str(out, "],");
}

static void put_oidc(const struct world *w, const struct ref_roster *r, int who, struct buf *out)
{
	AUTO(buf) struct buf set;
	struct jcan_out text;
	int s = who - REF_SERVICE;

	buf_init(&set, 4096);
	world_put_jwks(w, r->keys[who], &set);
	buf_put_str(out, r->actor[s] ? "\"oidc\":{\"actor\":\"actor\"," : "\"oidc\":{");
	if (who == REF_JOB)
		buf_put_str(out, "\"bind\":\"audience\",");
	else
		buf_printf(out, "\"audience\":\"" HOOKS "%u\",", r->audience);
	buf_put_str(out, "\"issuer\":\"" ISSUER "\",");
	if (!r->fetched[s]) {
		buf_put_str(out, "\"jwks\":");
		jcan_out_init(&text, out);
		jcan_out_view(&text, buf_view(&set));
		fx_ok(jcan_out_done(&text));
		buf_put_str(out, ",");
	}
	buf_printf(out, "\"match\":[%s\"ref_protected=true\"],\"name\":\"ids\"},",
		   r->strict[s] ? "\"environment=release\"," : "");
}

static void put_service(const struct world *w, const struct ref_roster *r, int who, struct buf *out)
{
	unsigned owners = r->owners[who - REF_SERVICE];

	buf_put_str(out, "{");
	if (!ref_has_tokens(who))
		put_public_keys(out, w->keys[who], r->keys[who]);
	buf_printf(out, "\"name\":\"%s\",", ref_people[who]);
	if (ref_has_tokens(who))
		put_oidc(w, r, who, out);
	if (owners != 0)
		put_list(out, "owners", "", ref_people, owners);
	close_object(out);
}

static void put_services(const struct world *w, const struct ref_roster *r, struct buf *out)
{
	const char *before = "\"services\":[";

	for (int who = REF_SERVICE; who < REF_REQUESTERS; who++) {
		if (r->gone[who])
			continue;
		buf_put_str(out, before);
		put_service(w, r, who, out);
		before = ",";
	}
	buf_put_str(out, before[0] == ',' ? "]," : "");
}

static void put_roster(const struct world *w, const struct ref_roster *r, uint64_t version,
		       struct buf *out)
{
	buf_clear(out);
	buf_put_str(out, "{");
	put_builders(w, r, out);
	put_hosts(w, r, out);
	put_people(w, r, out);
	put_services(w, r, out);
	world_put_roots(r->pod_roots, out);
	buf_printf(out, "\"version\":%llu}", (unsigned long long)version);
	fx_ok(buf_done(out));
}

/* ---- The next one --------------------------------------------------------------------------*/

static enum statement_kind document_kind(const struct ref_document *d)
{
	if (d->recovery)
		return STATEMENT_RECOVERY;
	return d->roster ? STATEMENT_ROSTER : STATEMENT_POLICY;
}

void world_make_document(struct world *w, int n)
{
	const struct ref_document *d = &w->ref.documents[n];
	struct buf *in_force = d->roster ? &w->fx.roster : &w->fx.policy;
	uint64_t version = (d->roster ? w->fx.roster_version : w->fx.policy_version) + 1 + d->skips;
	struct said *out = &w->documents[n];
	struct document_change c = {.kind = document_kind(d), .expires = d->expires};

	if (d->roster)
		put_roster(w, &d->r, version, &out->more);
	else
		put_policy(w, &d->p, version, &out->more);
	c.previous = digest_of(buf_view(in_force));
	c.document = buf_view(&out->more);
	buf_clear(&out->statement);
	fx_ok(document_change_encode(&c, &out->statement, NULL));
	out->digest = digest_of(buf_view(&out->statement));
}

void world_make_objection(struct world *w, int n)
{
	struct said *out = &w->objections[n];
	struct objection o = {.change = w->documents[w->ref.objections[n].document].digest,
			      .expires = w->ref.now + 90 * 86400ll};

	(void)snprintf(o.comment, sizeof(o.comment), "no, for reason %u", ++w->counter);
	fx_ok(objection_encode(&o, &out->statement, NULL));
	out->digest = digest_of(buf_view(&out->statement));
}

/* By the first keys of people, or by recovery keys. */
static void put_signed(struct world *w, enum statement_kind kind, struct view statement,
		       unsigned signers, struct buf *out)
{
	struct keeper_change m = {.kind = kind, .statement = statement};
	struct buf sigs[REF_PEOPLE];

	for (int i = 0; i < REF_PEOPLE; i++) {
		const struct fx_key *key =
			kind == STATEMENT_RECOVERY ? &w->rescue[i] : &w->keys[i][0];

		if ((signers & (1u << i)) == 0)
			continue;
		buf_init(&sigs[m.sig_count], KEEPER_SIG_MAX);
		fx_sign(key, statement_info(kind)->ns, statement, &sigs[m.sig_count]);
		m.sigs[m.sig_count] = buf_view(&sigs[m.sig_count]);
		m.sig_count++;
	}
	keeper_put_change(out, w->fx.correlation, &m);
	for (size_t i = 0; i < m.sig_count; i++)
		buf_release(&sigs[i]);
}

void world_put_document(struct world *w, int n, struct buf *out)
{
	const struct ref_document *d = &w->ref.documents[n];

	put_signed(w, document_kind(d), buf_view(&w->documents[n].statement), d->signers, out);
}

void world_put_objection(struct world *w, int n, struct buf *out)
{
	put_signed(w, STATEMENT_OBJECTION, buf_view(&w->objections[n].statement),
		   w->ref.objections[n].signers, out);
}

static void take(struct buf *in_force, const struct buf *document, uint64_t *version)
{
	buf_clear(in_force);
	buf_put_view(in_force, buf_view(document));
	(*version)++;
}

void world_follow(struct world *w)
{
	int policy = w->ref.in_force[0], roster = w->ref.in_force[1];

	if (policy != w->followed[0]) {
		take(&w->fx.policy, &w->documents[policy].more, &w->fx.policy_version);
		policy_free(w->policy);
		fx_ok(policy_parse(buf_view(&w->fx.policy), &w->policy, NULL));
	}
	if (roster != w->followed[1]) {
		take(&w->fx.roster, &w->documents[roster].more, &w->fx.roster_version);
		roster_free(w->roster);
		fx_ok(roster_parse(buf_view(&w->fx.roster), &w->roster, NULL));
	}
	w->followed[0] = policy;
	w->followed[1] = roster;
}

/* ---- Keys -----------------------------------------------------------------------------------*/

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
	} else if (!lock && !w->ref.locked[key]) {
		fx_check(type == KEEPER_R_ERROR && fx_reason(&w->fx) == REASON_CHANGE_INVALID);
	} else {
		fx_check(type == KEEPER_R_CHANGE);
		w->ref.locked[key] = lock;
		if (lock)
			ref_bar_key(&w->ref, key);
		ref_changed(&w->ref);
	}
}
