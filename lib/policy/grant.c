#include "lib/policy/grant.h"

#include "lib/crypt/sshsig.h"

size_t grant_voters(const struct roster *r, const struct view *sigs, size_t count,
		    struct voter *out)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct principal *p;
		struct sshsig parts;
		unsigned bit;
		size_t at = 0;

		if (!rc_is_ok(sshsig_parse(sigs[i], &parts, NULL)))
			continue;
		p = roster_person_by_key(r, parts.key_blob);
		if (p == NULL)
			continue;
		bit = 1u << sshkey_channel(principal_key(p, parts.key_blob));
		while (at < n && !name_is_equal(&out[at].name, &p->name))
			at++;
		if (at == n)
			out[n++] = (struct voter){p->name, 0};
		out[at].channels |= bit;
	}
	return n;
}

static bool is_among(const struct voter *voters, size_t count, const struct name *who)
{
	for (size_t i = 0; i < count; i++)
		if (name_is_equal(&voters[i].name, who))
			return true;
	return false;
}

rc grant_quorum(const struct policy *p, const struct roster *r, const struct access_change *c,
		const struct voter *voters, size_t count, struct quorum_result *ret)
{
	static const struct quorum_spec nobody;
	const struct key_policy *key = policy_key(p, &c->key);

	TRY(quorum_solve(key != NULL ? &key->owners : &nobody, r, voters, count, &c->person, ret));
	if (is_among(voters, count, &c->person))
		return OK;
	ret->filled = false;
	if (ret->missing_count < POLICY_SEATS_MAX)
		ret->missing[ret->missing_count++] =
			(struct seat){.count = 1, .is_person = true, .who = c->person};
	return OK;
}

unix_time grant_end(const struct policy *p, const struct grant *g)
{
	const struct key_policy *key = policy_key(p, &g->change->key);
	uint64_t life = key != NULL ? key->access_max_life : 0;

	/* Both are small by type: times end in the year 9999, lives after a year. */
	return g->change->until - g->given > (int64_t)life ? g->given + (int64_t)life
							   : g->change->until;
}

rc grant_weigh(const struct policy *p, const struct roster *r, const struct grant *g, unix_time now,
	       enum reason *ret_reason, struct grant_fact *ret)
{
	unix_time end = grant_end(p, g);
	struct quorum_result q;

	*ret_reason = REASON_NONE;
	if (roster_person(r, &g->change->person) == NULL)
		*ret_reason = REASON_WHO_PERSON;
	else if (now < g->given || now >= end)
		*ret_reason = REASON_ACCESS_LIFE;
	if (*ret_reason != REASON_NONE)
		return OK;
	TRY(grant_quorum(p, r, g->change, g->voters, g->voter_count, &q));
	if (!q.filled) {
		*ret_reason = REASON_ACCESS_OWNER;
		return OK;
	}
	*ret = (struct grant_fact){.person = g->change->person,
				   .host = g->change->host,
				   .role = g->change->role,
				   .until = end,
				   .statement = g->statement};
	return OK;
}

bool grant_may_end(const struct policy *p, const struct principal *who, const struct name *key,
		   const struct name *person)
{
	const struct key_policy *k = policy_key(p, key);

	return name_is_equal(&who->name, person) ||
	       (k != NULL && quorum_holds_seat(&k->owners, who, ~0u));
}
