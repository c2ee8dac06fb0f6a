/* The fields of a policy's objects, whatever they are about: lists, rows, numbers, flags, words. */
#include <stdlib.h>

#include "lib/policy/policy_read.h"

/* Parses one entry behind the count there are, and refuses it if it is among them. */
static rc entry_read(struct jcan *j, const struct list_kind *kind, uint8_t *list, size_t count)
{
	uint8_t *entry = list + count * kind->size;
	size_t at = j->at;
	struct view text;
	rc r;

	TRY(jcan_text(j, 128, &text));
	r = kind->parse(text, entry);
	if (!rc_is_ok(r))
		return fault_set(j->fault, r.code, at, "entry \"%.*s\" is not understood",
				 (int)text.len, (const char *)text.ptr);
	for (size_t i = 0; i < count; i++)
		if (kind->is_same(list + i * kind->size, entry))
			return fault_set(j->fault, RC_DUPLICATE, at, "entry \"%.*s\" twice",
					 (int)text.len, (const char *)text.ptr);
	return OK;
}

/* Reads a list that must not be empty. *ret is set as soon as there is memory, so that the caller's
 * release frees it after a failure too. */
static rc list_read(struct jcan *j, const char *key, const struct list_kind *kind, void **ret,
		    size_t *ret_count)
{
	size_t count = 0;
	size_t cap = 0;
	bool more;

	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (count == kind->max)
			return fault_set(j->fault, RC_LIMIT, j->at, "%s has more than %zu entries",
					 key, kind->max);
		if (count == cap) {
			void *p = reallocarray(*ret, cap == 0 ? 4 : cap * 2, kind->size);

			if (p == NULL)
				return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
			*ret = p;
			cap = cap == 0 ? 4 : cap * 2;
		}
		TRY(entry_read(j, kind, (uint8_t *)*ret, count));
		count++;
	}
	if (count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "%s is empty", key);
	*ret_count = count;
	return OK;
}

rc list_field(struct jcan *j, const char *key, const struct list_kind *kind, void **ret,
	      size_t *ret_count)
{
	TRY(jcan_key(j, key));
	return list_read(j, key, kind, ret, ret_count);
}

rc list_field_optional(struct jcan *j, const char *key, const struct list_kind *kind, void **ret,
		       size_t *ret_count)
{
	bool found;

	TRY(jcan_key_optional(j, key, &found));
	return found ? list_read(j, key, kind, ret, ret_count) : OK;
}

/* Zeroed memory for one more; *cap is how many there is room for. */
static rc rows_grow(const struct rows_kind *kind, void **rows, size_t count, size_t *cap)
{
	size_t more = *cap == 0 ? 8 : *cap * 2;
	void *p;

	if (count < *cap)
		return OK;
	p = reallocarray(*rows, more, kind->size);
	if (p == NULL)
		return RC(RC_NOMEM);
	memset((uint8_t *)p + count * kind->size, 0, (more - count) * kind->size);
	*rows = p;
	*cap = more;
	return OK;
}

static rc row_read(struct jcan *j, const struct rows_kind *kind, uint8_t *rows, size_t at)
{
	uint8_t *row = rows + at * kind->size;
	rc r = kind->read(j, row);

	if (!rc_is_ok(r))
		return fault_wrap(j->fault, r, "%s %zu", kind->one, at);
	for (size_t i = 0; i < at; i++)
		if (name_is_equal((const struct name *)(const void *)(rows + i * kind->size),
				  (const struct name *)(const void *)row))
			return fault_set(j->fault, RC_DUPLICATE, j->at, "%s %s twice", kind->one,
					 ((const struct name *)(const void *)row)->s);
	return OK;
}

rc rows_field(struct jcan *j, const struct rows_kind *kind, bool optional, void **ret,
	      size_t *ret_count)
{
	size_t cap = 0;
	bool more = true;

	if (optional)
		TRY(jcan_key_optional(j, kind->key, &more));
	else
		TRY(jcan_key(j, kind->key));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (*ret_count == kind->max)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %zu %s", kind->max,
					 kind->key);
		if (!rc_is_ok(rows_grow(kind, ret, *ret_count, &cap)))
			return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
		(*ret_count)++; /* half-read rows are released too */
		TRY(row_read(j, kind, (uint8_t *)*ret, *ret_count - 1));
	}
	if (optional && *ret_count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "%s is empty", kind->key);
	return OK;
}

static rc seats_read_named(struct jcan *j, const char *key, struct quorum_spec *ret)
{
	size_t places = 0;

	TRY(list_read(j, key, &list_seats, (void **)&ret->seats, &ret->count));
	for (size_t i = 0; i < ret->count; i++)
		places += ret->seats[i].count;
	if (places > POLICY_SEATS_MAX)
		return fault_set(j->fault, RC_LIMIT, j->at, "%s has %zu seats, at most %u", key,
				 places, POLICY_SEATS_MAX);
	return OK;
}

rc seats_read(struct jcan *j, struct quorum_spec *ret)
{
	return seats_read_named(j, "approve", ret);
}

rc seats_field_named(struct jcan *j, const char *key, struct quorum_spec *ret)
{
	bool found;

	TRY(jcan_key_optional(j, key, &found));
	return found ? seats_read_named(j, key, ret) : OK;
}

rc seats_field(struct jcan *j, struct quorum_spec *ret)
{
	return seats_field_named(j, "approve", ret);
}

rc number_field(struct jcan *j, const char *key, uint64_t max, uint64_t fallback, uint64_t *ret)
{
	size_t at = j->at;
	bool found;

	*ret = fallback;
	TRY(jcan_key_optional(j, key, &found));
	if (!found)
		return OK;
	TRY(jcan_u64(j, max, ret));
	return *ret > 0 ? OK : fault_set(j->fault, RC_RANGE, at, "%s is 0", key);
}

rc flag_field(struct jcan *j, const char *key, bool *ret)
{
	size_t at = j->at;
	bool found;

	TRY(jcan_key_optional(j, key, &found));
	if (found)
		TRY(jcan_bool(j, ret));
	if (found && !*ret)
		return fault_set(j->fault, RC_NONCANON, at, "%s is true or left out", key);
	return OK;
}

rc word_field(struct jcan *j, const char *key, const char *word, bool *ret)
{
	size_t at = j->at;
	struct view text;

	TRY(jcan_key_optional(j, key, ret));
	if (!*ret)
		return OK;
	TRY(jcan_text(j, 32, &text));
	if (!view_is(text, word))
		return fault_set(j->fault, RC_UNKNOWN, at, "%s is \"%s\" or left out", key, word);
	return OK;
}

rc classes_field(struct jcan *j, unsigned *ret)
{
	bool more;

	TRY(jcan_key_optional(j, "classes", &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		size_t at;
		struct view text;
		enum host_class c;

		TRY(jcan_next(j, &more));
		if (!more)
			break;
		at = j->at;
		TRY(jcan_text(j, 16, &text));
		if (!rc_is_ok(host_class_parse(text, &c)))
			return fault_set(j->fault, RC_SYNTAX, at,
					 "a class is software, vtpm, tpm or attested");
		if ((*ret >> c & 1) != 0)
			return fault_set(j->fault, RC_DUPLICATE, at, "class %s twice",
					 host_class_name(c));
		*ret |= 1u << c;
	}
	return *ret != 0 ? OK : fault_set(j->fault, RC_RANGE, j->at, "classes is empty");
}
