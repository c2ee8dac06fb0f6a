/* Tiers, keys and rates: how they are read. What a tier demands of a rule: floors.c. */
#include "lib/base/num.h"
#include "lib/model/field.h"
#include "lib/policy/policy_read.h"

rc rate_parse(struct view text, struct rate *ret)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	struct view count;
	struct view word;
	struct view period = text;
	struct rate r = {0};
	uint64_t n;

	if (!rc_is_ok(view_until(&period, ' ', &count)))
		return RC(RC_SYNTAX);
	TRY(num_parse_u64((const char *)count.ptr, count.len, POLICY_RATE_COUNT_MAX, &n));
	r.count = (uint32_t)n;
	if (!rc_is_ok(view_take(&period, 4, &word)) || !view_is(word, "per "))
		return RC(RC_SYNTAX);
	word = period;
	if (rc_is_ok(view_until(&word, ' ', &period))) {
		if (!view_is(word, "per requester"))
			return RC(RC_SYNTAX);
		r.per_requester = true;
	}
	if (period.len < 2)
		return RC(RC_SYNTAX);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (period.ptr[period.len - 1] != (uint8_t)units[i].unit)
			continue;
		TRY(num_parse_u64((const char *)period.ptr, period.len - 1,
				  POLICY_SECONDS_MAX / units[i].seconds, &n));
		r.period = (uint32_t)n * units[i].seconds;
	}
	if (r.period == 0 || r.count == 0)
		return RC(r.period == 0 && n != 0 ? RC_SYNTAX : RC_RANGE);
	*ret = r;
	return OK;
}

static rc rates_read(struct jcan *j, struct key_policy *k)
{
	bool more;

	TRY(jcan_key_optional(j, "rate", &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		size_t at;
		struct view text;
		rc r;

		TRY(jcan_next(j, &more));
		if (!more)
			break;
		at = j->at;
		TRY(jcan_text(j, 64, &text));
		if (k->rate_count == POLICY_RATES_MAX)
			return fault_set(j->fault, RC_LIMIT, at, "more than %u rates",
					 POLICY_RATES_MAX);
		r = rate_parse(text, &k->rates[k->rate_count]);
		if (!rc_is_ok(r))
			return fault_set(j->fault, r.code, at,
					 "rate \"%.*s\" is not such as \"40 per 1h\" or "
					 "\"5 per 1d per requester\"",
					 (int)text.len, (const char *)text.ptr);
		k->rate_count++;
	}
	return k->rate_count > 0 ? OK : fault_set(j->fault, RC_RANGE, j->at, "rate is empty");
}

static struct digest bytes_digest(const struct jcan *j, size_t start)
{
	return digest_of(view_of(j->in.ptr + start, j->at - start));
}

/* Owners bring the longest life of what they grant; without them there is nothing to grant. */
static rc owners_read(struct jcan *j, struct key_policy *k, size_t start)
{
	TRY(seats_field_named(j, "owners", &k->owners));
	if (k->owners.count == 0 && k->access_max_life != 0)
		return fault_set(j->fault, RC_RANGE, start,
				 "key %s has access_max_life and no owners", k->name.s);
	if (k->owners.count > 0 && k->access_max_life == 0)
		k->access_max_life = ACCESS_LIFE_DEFAULT;
	return OK;
}

static rc key_read(struct jcan *j, void *row)
{
	struct key_policy *k = (struct key_policy *)row;
	size_t start = j->at;
	size_t at;

	TRY(jcan_object(j));
	at = j->at;
	TRY(number_field(j, "access_max_life", POLICY_SECONDS_MAX, 0, &k->access_max_life));
	TRY(list_field_optional(j, "formats", &list_formats, (void **)&k->formats,
				&k->format_count));
	TRY(field_name(j, "name", &k->name));
	TRY(owners_read(j, k, at));
	TRY(rates_read(j, k));
	TRY(jcan_key_optional(j, "tier", &k->has_tier));
	if (k->has_tier)
		TRY(field_name_value(j, &k->tier));
	TRY(jcan_object_end(j));
	k->digest = bytes_digest(j, start);
	return OK;
}

static rc tier_read(struct jcan *j, void *row)
{
	struct tier *t = (struct tier *)row;
	size_t start = j->at;
	uint64_t uses;

	TRY(jcan_object(j));
	TRY(number_field(j, "approval_lifetime", POLICY_SECONDS_MAX, 0, &t->approval_lifetime));
	TRY(seats_field(j, &t->approve));
	if (t->approve.count > POLICY_TIER_CLAUSES_MAX)
		return fault_set(j->fault, RC_LIMIT, j->at, "approve has %zu entries, at most %u",
				 t->approve.count, POLICY_TIER_CLAUSES_MAX);
	TRY(artifact_field(j, &t->artifact));
	TRY(classes_field(j, &t->classes));
	TRY(number_field(j, "hold", POLICY_SECONDS_MAX, 0, &t->hold));
	TRY(number_field(j, "max_deadline", POLICY_SECONDS_MAX, 0, &t->max_deadline));
	TRY(number_field(j, "max_uses", 1000, 0, &uses));
	t->max_uses = (uint32_t)uses;
	TRY(field_name(j, "name", &t->name));
	TRY(preapproved_field(j, 0, &t->has_preapproved, &t->preapproved_max_age));
	TRY(review_field(j, &t->review));
	if (t->review.approve.count > POLICY_TIER_CLAUSES_MAX)
		return fault_set(j->fault, RC_LIMIT, j->at,
				 "review.approve has %zu entries, at most %u",
				 t->review.approve.count, POLICY_TIER_CLAUSES_MAX);
	TRY(word_field(j, "synced", "false", &t->unsynced));
	TRY(word_field(j, "upload", "required", &t->upload_required));
	TRY(jcan_object_end(j));
	t->digest = bytes_digest(j, start);
	return OK;
}

const struct rows_kind rows_tiers = {"tiers", "tier", sizeof(struct tier), POLICY_TIERS_MAX,
				     tier_read};
const struct rows_kind rows_keys = {"keys", "key", sizeof(struct key_policy), POLICY_KEYS_MAX,
				    key_read};
