#include "lib/model/guard_state.h"

#include <string.h>

#include "lib/model/field.h"

rc guard_state_read(struct jcan *j, struct guard_state *ret)
{
	static const char *const modes[] = {GUARD_ENFORCE_WORD, GUARD_OBSERVE_WORD,
					    GUARD_ABSENT_WORD};
	bool known = false, has_serial;

	TRY(field_token(j, "level", ret->level, sizeof(ret->level)));
	TRY(jcan_key_optional(j, "list", &ret->has_list));
	if (ret->has_list)
		TRY(field_name_value(j, &ret->list));
	TRY(field_token(j, "mode", ret->mode, sizeof(ret->mode)));
	TRY(jcan_key_optional(j, "serial", &has_serial));
	if (has_serial)
		TRY(jcan_u64(j, JCAN_NUMBER_MAX, &ret->serial));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		known = known || strcmp(ret->mode, modes[i]) == 0;
	if (!known)
		return fault_set(j->fault, RC_RANGE, j->at, "mode is enforce, observe or absent");
	if (has_serial != ret->has_list)
		return fault_set(j->fault, RC_MISMATCH, j->at, "list and serial go together");
	return OK;
}

void guard_state_write(struct jcan_out *w, const struct guard_state *s)
{
	field_out_string(w, "level", s->level);
	if (s->has_list)
		field_out_string(w, "list", s->list.s);
	field_out_string(w, "mode", s->mode);
	if (s->has_list)
		field_out_u64(w, "serial", s->serial);
}

bool guard_state_is_equal(const struct guard_state *a, const struct guard_state *b)
{
	return strcmp(a->mode, b->mode) == 0 && strcmp(a->level, b->level) == 0 &&
	       a->has_list == b->has_list &&
	       (!a->has_list || (name_is_equal(&a->list, &b->list) && a->serial == b->serial));
}
