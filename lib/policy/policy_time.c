/* Windows, freezes and patterns: how they are read, and what they name. */
#include "lib/model/field.h"
#include "lib/policy/policy_read.h"

/* ---- Patterns -------------------------------------------------------------------------------*/

rc glob_parse(struct view text, struct glob *ret)
{
	struct glob g = {{0}};

	if (text.len > GLOB_MAX)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
			return RC(RC_SYNTAX);
		g.s[i] = (char)text.ptr[i];
	}
	if (text.len == 0)
		return RC(RC_SYNTAX);
	*ret = g;
	return OK;
}

/* When what follows a star does not fit, the star takes one byte more: only the last one counts. */
bool glob_matches(const struct glob *g, struct view text)
{
	const char *p = g->s;
	const char *star = NULL;
	size_t at = 0;
	size_t again = 0;

	while (at < text.len) {
		if (*p == '*') {
			star = p++;
			again = at;
		} else if (*p != '\0' && (*p == '?' || (uint8_t)*p == text.ptr[at])) {
			p++;
			at++;
		} else if (star != NULL) {
			p = star + 1;
			at = ++again;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return *p == '\0';
}

/* ---- Fields ---------------------------------------------------------------------------------*/

static rc zone_field(struct jcan *j, struct zone_name *ret)
{
	size_t at;
	struct view text;

	TRY(jcan_key(j, "zone"));
	at = j->at;
	TRY(jcan_text(j, 2 * ZONE_NAME_MAX, &text));
	if (!rc_is_ok(zone_name_parse(text, ret)))
		return fault_set(j->fault, RC_SYNTAX, at,
				 "zone \"%.*s\" is no name such as Europe/Berlin", (int)text.len,
				 (const char *)text.ptr);
	return OK;
}

static rc local_field(struct jcan *j, const char *key, int64_t *ret)
{
	struct view text;
	size_t at;
	rc r;

	TRY(jcan_key(j, key));
	at = j->at;
	TRY(jcan_text(j, 64, &text));
	r = local_time_parse(text, ret);
	if (!rc_is_ok(r))
		return fault_set(j->fault, r.code, at,
				 "%s \"%.*s\" is no time such as 2026-12-18 00:00", key,
				 (int)text.len, (const char *)text.ptr);
	return OK;
}

static struct digest bytes_digest(const struct jcan *j, size_t start)
{
	return digest_of(view_of(j->in.ptr + start, j->at - start));
}

/* ---- Rows -----------------------------------------------------------------------------------*/

static rc window_read(struct jcan *j, void *row)
{
	struct window *w = (struct window *)row;
	size_t start = j->at;
	struct view text;
	rc r;

	TRY(jcan_object(j));
	TRY(field_u64(j, "length", 1, POLICY_WINDOW_LENGTH_MAX, &w->length));
	TRY(field_name(j, "name", &w->name));
	TRY(jcan_key(j, "open"));
	TRY(jcan_text(j, CALENDAR_TEXT_MAX, &text));
	r = calendar_parse(text, &w->open, j->fault);
	if (!rc_is_ok(r))
		return fault_wrap(j->fault, r, "open");
	TRY(zone_field(j, &w->zone));
	TRY(jcan_object_end(j));
	w->digest = bytes_digest(j, start);
	return OK;
}

static rc freeze_read(struct jcan *j, void *row)
{
	struct freeze *z = (struct freeze *)row;
	size_t start = j->at;
	bool found;

	TRY(jcan_object(j));
	TRY(local_field(j, "from", &z->from));
	TRY(list_field(j, "keys", &list_globs, (void **)&z->keys, &z->key_count));
	TRY(field_name(j, "name", &z->name));
	TRY(jcan_key_optional(j, "reason", &found));
	if (found)
		TRY(jcan_string(j, z->reason, sizeof(z->reason), NULL));
	if (!rc_is_ok(prose_check(view_str(z->reason), false)))
		return fault_set(j->fault, RC_SYNTAX, j->at, "reason is one line of plain text");
	TRY(local_field(j, "to", &z->to));
	if (z->to <= z->from)
		return fault_set(j->fault, RC_RANGE, j->at, "it ends before it begins");
	TRY(zone_field(j, &z->zone));
	TRY(jcan_object_end(j));
	z->digest = bytes_digest(j, start);
	return OK;
}

const struct rows_kind rows_windows = {"windows", "window", sizeof(struct window),
				       POLICY_WINDOWS_MAX, window_read};
const struct rows_kind rows_freezes = {"freezes", "freeze", sizeof(struct freeze),
				       POLICY_FREEZES_MAX, freeze_read};

bool freeze_names(const struct freeze *z, const struct name *key)
{
	for (size_t i = 0; i < z->key_count; i++)
		if (glob_matches(&z->keys[i], view_str(key->s)))
			return true;
	return false;
}

/* ---- Zones ----------------------------------------------------------------------------------*/

static rc zone_check(const struct zone_source *zones, const struct zone_name *name, struct fault *f)
{
	AUTO(buf) struct buf bytes = {0};
	struct tzif z;

	return zone_open(zones, name, &bytes, &z, f);
}

rc policy_check_zones(const struct policy *p, const struct zone_source *zones, struct fault *f)
{
	for (size_t i = 0; i < p->window_count; i++) {
		rc r = zone_check(zones, &p->windows[i].zone, f);

		if (!rc_is_ok(r))
			return fault_wrap(f, r, "window %s", p->windows[i].name.s);
	}
	for (size_t i = 0; i < p->freeze_count; i++) {
		rc r = zone_check(zones, &p->freezes[i].zone, f);

		if (!rc_is_ok(r))
			return fault_wrap(f, r, "freeze %s", p->freezes[i].name.s);
	}
	return OK;
}
