#include "lib/policy/review.h"

#include <stdlib.h>

#include "lib/model/field.h"
#include "lib/policy/matching.h"
#include "lib/policy/policy_read.h"

/* ---- Reading --------------------------------------------------------------------------------*/

static rc spec_read(struct jcan *j, struct review_spec *ret)
{
	size_t start = j->at;

	TRY(jcan_object(j));
	TRY(seats_field(j, &ret->approve));
	if (ret->approve.count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "review without approve");
	TRY(field_u64(j, "within", 1, POLICY_SECONDS_MAX, &ret->within));
	TRY(jcan_object_end(j));
	ret->json = view_of(j->in.ptr + start, j->at - start);
	return ret->json.len <= REVIEW_SPEC_BYTES
		       ? OK
		       : fault_set(j->fault, RC_LIMIT, start, "review is too long");
}

rc review_field(struct jcan *j, struct review_spec *ret)
{
	bool found;
	rc r;

	TRY(jcan_key_optional(j, "review", &found));
	if (!found)
		return OK;
	r = spec_read(j, ret);
	return rc_is_ok(r) ? OK : fault_wrap(j->fault, r, "review");
}

rc review_spec_parse(struct view json, struct review_spec *ret, struct fault *f)
{
	struct jcan j;

	*ret = (struct review_spec){.within = 0};
	jcan_init(&j, json, f);
	TRY(spec_read(&j, ret));
	return jcan_end(&j);
}

void review_spec_release(struct review_spec *s)
{
	free(s->approve.seats);
	*s = (struct review_spec){.within = 0};
}

/* ---- Whose signatures complete it -----------------------------------------------------------*/

bool review_is_never(const struct review_case *c, const struct name *person)
{
	for (size_t i = 0; i < c->never_count; i++)
		if (name_is_equal(&c->never[i], person))
			return true;
	return false;
}

rc review_seats(const struct policy *p, const struct roster *r, const struct review_case *c,
		const struct quorum_spec **ret)
{
	const struct principal **people =
		(const struct principal **)calloc(r->people_count + 1, sizeof(*people));
	struct matching m;

	if (people == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < r->people_count; i++)
		if (!review_is_never(c, &r->people[i].name))
			people[i] = &r->people[i];
	matching_init(&m, c->seats);
	*ret = m.place_count > 0 && matching_run(&m, people, r->people_count) == 0 ? c->seats
										   : &p->unlock;
	free(people);
	return OK;
}

rc review_quorum(const struct policy *p, const struct roster *r, const struct review_case *c,
		 const struct voter *voters, size_t count, struct quorum_result *ret)
{
	struct voter some[QUORUM_PEOPLE_MAX];
	const struct quorum_spec *seats;
	size_t n = 0;

	if (count > QUORUM_PEOPLE_MAX)
		return RC(RC_LIMIT);
	TRY(review_seats(p, r, c, &seats));
	for (size_t i = 0; i < count; i++)
		if (!review_is_never(c, &voters[i].name))
			some[n++] = voters[i];
	return quorum_solve(seats, r, some, n, NULL, ret);
}
