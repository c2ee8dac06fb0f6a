#include "lib/policy/quorum.h"

#include <stdio.h>
#include <string.h>

#include "lib/crypt/sshkey.h"
#include "lib/policy/matching.h"

bool seat_fits(const struct seat *seat, const struct principal *person, unsigned channels)
{
	if (seat->channels != 0 && (seat->channels & channels) == 0)
		return false;
	return seat->is_person ? name_is_equal(&seat->who, &person->name)
			       : principal_is_member(person, &seat->who);
}

bool quorum_holds_seat(const struct quorum_spec *spec, const struct principal *person,
		       unsigned channels)
{
	for (size_t i = 0; i < spec->count; i++)
		if (seat_fits(&spec->seats[i], person, channels))
			return true;
	return false;
}

/* ---- Augmenting paths: places on one side, people on the other ------------------------------*/

void matching_init(struct matching *m, const struct quorum_spec *spec)
{
	m->spec = spec;
	m->channels = NULL;
	m->place_count = 0;
	for (size_t i = 0; i < spec->count; i++)
		for (uint32_t k = 0; k < spec->seats[i].count; k++)
			if (m->place_count < POLICY_SEATS_MAX)
				m->places[m->place_count++] =
					(struct place){.clause = i, .person = NULL};
}

/* Finds a person for the place: one who is free, or one whose own place can be filled by another. A
 * place is visited once in each search, so the depth is at most POLICY_SEATS_MAX. */
static bool augment(struct matching *m, size_t at, const struct principal *const *people,
		    size_t count)
{
	const struct seat *seat = &m->spec->seats[m->places[at].clause];

	m->places[at].visited = true;
	for (size_t i = 0; i < count; i++) {
		size_t holder = m->place_count;

		if (people[i] == NULL ||
		    !seat_fits(seat, people[i],
			       m->channels != NULL ? m->channels[i] : people[i]->channels))
			continue;
		for (size_t k = 0; k < m->place_count; k++)
			if (m->places[k].person == people[i])
				holder = k;
		if (holder < m->place_count &&
		    (m->places[holder].visited || !augment(m, holder, people, count)))
			continue;
		m->places[at].person = people[i];
		return true;
	}
	return false;
}

size_t matching_run(struct matching *m, const struct principal *const *people, size_t count)
{
	size_t open = 0;

	for (size_t at = 0; at < m->place_count; at++) {
		for (size_t k = 0; k < m->place_count; k++)
			m->places[k].visited = false;
		if (m->places[at].person == NULL && !augment(m, at, people, count))
			open++;
	}
	return open;
}

/* ---- For one decision -----------------------------------------------------------------------*/

/* The people who count, each once, at the index of their first mention. */
static void people_find(const struct roster *r, const struct voter *people, size_t count,
			const struct name *excluded, const struct principal **out)
{
	for (size_t i = 0; i < count; i++) {
		out[i] = roster_person(r, &people[i].name);
		if (excluded != NULL && name_is_equal(&people[i].name, excluded))
			out[i] = NULL;
		for (size_t k = 0; k < i; k++)
			if (out[k] == out[i])
				out[i] = NULL;
	}
}

static void missing_add(struct quorum_result *ret, const struct seat *seat)
{
	struct seat *last = ret->missing_count == 0 ? NULL : &ret->missing[ret->missing_count - 1];

	if (last != NULL && last->is_person == seat->is_person &&
	    last->channels == seat->channels && name_is_equal(&last->who, &seat->who)) {
		last->count++;
		return;
	}
	ret->missing[ret->missing_count] = *seat;
	ret->missing[ret->missing_count++].count = 1;
}

rc quorum_solve(const struct quorum_spec *spec, const struct roster *r, const struct voter *people,
		size_t count, const struct name *excluded, struct quorum_result *ret)
{
	const struct principal *found[QUORUM_PEOPLE_MAX];
	unsigned channels[QUORUM_PEOPLE_MAX];
	struct matching m;
	size_t open;

	if (count > QUORUM_PEOPLE_MAX)
		return RC(RC_LIMIT);
	people_find(r, people, count, excluded, found);
	for (size_t i = 0; i < count; i++)
		channels[i] = people[i].channels;
	matching_init(&m, spec);
	m.channels = channels;
	open = matching_run(&m, found, count);
	*ret = (struct quorum_result){.filled = open == 0 && m.place_count > 0};
	for (size_t i = 0; i < m.place_count; i++)
		if (m.places[i].person == NULL)
			missing_add(ret, &spec->seats[m.places[i].clause]);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < m.place_count; k++)
			if (found[i] != NULL && m.places[k].person == found[i])
				ret->seated[i] = true;
	return OK;
}

/* ---- In words -------------------------------------------------------------------------------*/

/* "1 of release, 1 of security", as far as there is room. */
static void seats_text(const struct quorum_spec *spec, char out[REASON_TEXT])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < spec->count && len < REASON_TEXT; i++) {
		char seat[SEAT_TEXT];

		seat_text(&spec->seats[i], seat);
		(void)snprintf(out + len, REASON_TEXT - len, "%s%s", i > 0 ? ", " : "", seat);
		len += strlen(out + len);
	}
}

static const char *channel_of(unsigned channels)
{
	for (unsigned c = 0; c < 32; c++)
		if (channels >> c == 1)
			return sshkey_channel_name((enum sshkey_channel)c);
	return "?";
}

void quorum_unseated(const struct quorum_spec *spec, const struct roster *r, const struct voter *v,
		     const struct name *excluded, struct refusal *ret)
{
	const struct principal *p = roster_person(r, &v->name);
	const char *who = v->name.s;
	char seats[REASON_TEXT];
	rc said;

	seats_text(spec, seats);
	if (p == NULL)
		said = refuse(ret, REASON_WHO_PERSON, "%s is not in the roster", who);
	else if (excluded != NULL && name_is_equal(&p->name, excluded))
		said = refuse(ret, REASON_WHO_SELF, "it is for %s, who fills no seat of it", who);
	else if (!quorum_holds_seat(spec, p, ~0u))
		said = refuse(ret, REASON_WHO_SEAT, "%s holds none of the seats: %s", who, seats);
	else if (!quorum_holds_seat(spec, p, v->channels))
		said = refuse(ret, REASON_WHO_CHANNEL,
			      "%s signed with a key of the channel %s, for which none of the seats "
			      "is: %s",
			      who, channel_of(v->channels), seats);
	else
		said = refuse(ret, REASON_CHANGE_QUORUM, "others fill the seats that %s holds: %s",
			      who, seats);
	rc_ignore(said, "only the words are wanted");
}
