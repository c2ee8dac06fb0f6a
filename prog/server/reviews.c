/* reviews - of uses that broke the glass: which are owed, to whom, and how they stand. Every word
 * of it is the keeper's; a review itself is an act of its request (acts.c). */
#include <string.h>

#include "lib/policy/quorum.h"
#include "prog/server/auth.h"
#include "prog/server/routes.h"

#define FROM_MAX 0xffffffffffffull /* an entry of the log */

static rc ask(struct call_ctx *c, const struct keeper_reviews *m, json_t **ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 256);
	keeper_put_reviews(&frame, id, m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply));
	return call_parse(c, buf_view(&reply.body), ret);
}

static bool names(const json_t *list, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		if (json_is_string(v) && strcmp(json_string_value(v), name) == 0)
			return true;
	}
	return false;
}

static bool has_given(const json_t *row, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(row, "given"), i, v)
	{
		const char *person = json_string_value(json_object_get(v, "person"));

		if (json_is_true(json_object_get(v, "live")) && person != NULL &&
		    strcmp(person, name) == 0)
			return true;
	}
	return false;
}

/* Whether this person could fill one of the seats that are still open. */
static bool waits_for(const json_t *row, const struct principal *person)
{
	const json_t *v;
	size_t i;

	if (names(json_object_get(row, "never"), person->name.s) || has_given(row, person->name.s))
		return false;
	json_array_foreach(json_object_get(row, "missing"), i, v)
	{
		struct seat seat;

		if (json_is_string(v) &&
		    rc_is_ok(seat_parse(view_str(json_string_value(v)), &seat)) &&
		    quorum_holds_seat(&(struct quorum_spec){&seat, 1}, person, person->channels))
			return true;
	}
	return false;
}

/* Leaves those that wait for this person; nobody of that name: none. */
static rc keep_theirs(struct call_ctx *c, const struct name *name, json_t *list)
{
	const struct principal *person;
	struct roster_ref *roster;

	TRY(roster_take(c, &roster));
	person = roster_person(roster->roster, name);
	for (size_t i = json_array_size(list); i-- > 0;)
		if (person == NULL || !waits_for(json_array_get(list, i), person))
			(void)json_array_remove(list, i);
	roster_drop(c->server, roster);
	return OK;
}

static rc read_params(struct call_ctx *c, struct keeper_reviews *m, struct name *who, bool *ret_for)
{
	struct view v = http_target_param(&c->target, "request");
	struct view person = http_target_param(&c->target, "for");

	if (v.ptr != NULL && !rc_is_ok(digest_parse(v, &m->request)))
		return call_refuse(c, REASON_CALL_FORM, "request must be 64 hex digits");
	*ret_for = person.ptr != NULL;
	if (*ret_for && view_is(person, "me"))
		*who = c->person;
	else if (*ret_for && !rc_is_ok(name_parse(person, who)))
		return call_refuse(c, REASON_CALL_FORM, "for is not a name");
	return call_number(c, "from", FROM_MAX, 0, &m->from);
}

rc get_reviews(struct call_ctx *c)
{
	struct keeper_reviews m = {.from = 0};
	AUTO(json) json_t *answer = NULL;
	struct name who = {0};
	json_t *reviews;
	json_t *next;
	bool theirs = false;

	TRY(read_params(c, &m, &who, &theirs));
	TRY(ask(c, &m, &answer));
	if (theirs)
		TRY(keep_theirs(c, &who, json_object_get(answer, "list")));
	reviews = json_pack("{s:O}", "reviews", json_object_get(answer, "list"));
	next = json_object_get(answer, "next");
	if (reviews != NULL && next != NULL)
		(void)json_object_set(reviews, "next", next);
	return call_json(c, 200, reviews);
}
