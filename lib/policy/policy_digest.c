/* What an approval binds to: the rule, and everything outside it that can change what it means. */
#include "lib/policy/artifact.h"
#include "lib/policy/policy.h"

static struct view group_part(const struct roster *r, bool is_host, const struct name *n)
{
	static const struct digest none;
	const struct roster_group *g = roster_group(r, is_host, n);

	return digest_view(g == NULL ? &none : &g->digest);
}

static struct view principal_part(const struct principal *p)
{
	static const struct digest none;

	return digest_view(p == NULL ? &none : &p->digest);
}

static struct view ref_part(const struct roster *r, bool is_host, const struct subject_ref *s)
{
	if (s->is_group)
		return group_part(r, is_host, &s->name);
	if (s->is_issuer || (s->is_service && s->name.s[0] == '\0'))
		return digest_view(&r->services_digest);
	if (s->is_service)
		return principal_part(roster_service(r, &s->name));
	return principal_part(is_host ? roster_host(r, &s->name) : roster_person(r, &s->name));
}

/* Windows, key, tier and freezes that the rule stands under. */
static size_t related_parts(const struct policy *p, const struct rule *rule, const struct name *key,
			    struct view *out)
{
	const struct key_policy *k = policy_key(p, key);
	const struct tier *t = k != NULL && k->has_tier ? policy_tier(p, &k->tier) : NULL;
	size_t n = 0;

	for (size_t i = 0; i < rule->window_count; i++) {
		const struct window *w = policy_window(p, &rule->windows[i]);

		if (w != NULL)
			out[n++] = digest_view(&w->digest);
	}
	if (k != NULL)
		out[n++] = digest_view(&k->digest);
	if (t != NULL)
		out[n++] = digest_view(&t->digest);
	for (size_t i = 0; i < p->freeze_count; i++)
		if (freeze_names(&p->freezes[i], key))
			out[n++] = digest_view(&p->freezes[i].digest);
	return n;
}

/* The machine of that name; hosts, services and builders share no name. */
static const struct principal *machine(const struct roster *r, const struct name *n)
{
	const struct principal *p = roster_builder(r, n);

	if (p == NULL)
		p = roster_service(r, n);
	return p != NULL ? p : roster_host(r, n);
}

/* Those whose word the rule takes. */
static size_t maker_parts(const struct rule *rule, const struct roster *r, struct view *out)
{
	struct artifact_rule a;
	const struct artifact_list *const lists[] = {&a.provenance_by, &a.rebuild_of, &a.scan_by};
	size_t n = 0;

	if (rule->artifact.len == 0)
		return 0;
	artifact_rule_of(rule->artifact, &a);
	for (size_t l = 0; l < 3; l++)
		for (size_t i = 0; i < lists[l]->count; i++) {
			struct name name = {""};

			rc_ignore(name_parse(lists[l]->entry[i], &name), "it was read as a name");
			out[n++] = principal_part(machine(r, &name));
		}
	return n;
}

static size_t seat_parts(const struct quorum_spec *seats, const struct roster *r, struct view *out)
{
	for (size_t i = 0; i < seats->count; i++) {
		const struct seat *s = &seats->seats[i];

		out[i] = s->is_person ? principal_part(roster_person(r, &s->who))
				      : group_part(r, false, &s->who);
	}
	return seats->count;
}

struct digest policy_rule_digest(const struct policy *p, const struct rule *rule,
				 const struct roster *r, const struct name *key,
				 const struct digest *key_fingerprint)
{
	struct view parts[3 + 2 * POLICY_SEATS_MAX + 3 * POLICY_LIST_MAX + 2 + POLICY_FREEZES_MAX +
			  3 * ARTIFACT_LIST_MAX];
	size_t n = 0;

	parts[n++] = view_str("greatseal-rule-v1\n");
	parts[n++] = digest_view(&rule->json_digest);
	parts[n++] = digest_view(key_fingerprint);
	n += seat_parts(&rule->approve, r, parts + n);
	for (size_t i = 0; i < rule->request_count; i++)
		parts[n++] = ref_part(r, false, &rule->request[i]);
	for (size_t i = 0; i < rule->from_count; i++)
		parts[n++] = ref_part(r, true, &rule->from[i]);
	n += maker_parts(rule, r, parts + n);
	n += seat_parts(&rule->review.approve, r, parts + n);
	n += related_parts(p, rule, key, parts + n);
	return digest_of_parts(parts, n);
}
