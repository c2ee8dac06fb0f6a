#include "lib/policy/artifact.h"

#include "lib/policy/artifact_impl.h"
#include "lib/policy/policy.h"

/* ---- Reading --------------------------------------------------------------------------------*/

static rc entry_read(struct jcan *j, bool name, struct view *ret)
{
	struct name n;
	size_t at = j->at;

	TRY(jcan_text(j, ARTIFACT_GLOB_MAX, ret));
	if (name && !rc_is_ok(name_parse(*ret, &n)))
		return fault_set(j->fault, RC_SYNTAX, at, "not a name (a-z 0-9 . _ -)");
	for (size_t i = 0; i < ret->len; i++)
		if (ret->ptr[i] < 0x20 || ret->ptr[i] > 0x7e)
			return fault_set(j->fault, RC_SYNTAX, at, "not printable ASCII");
	return ret->len > 0 ? OK : fault_set(j->fault, RC_SYNTAX, at, "an empty pattern");
}

static rc list_read(struct jcan *j, const char *key, bool name, struct artifact_list *ret)
{
	bool more;

	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (ret->count == ARTIFACT_LIST_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "%s: more than %u entries", key,
					 ARTIFACT_LIST_MAX);
		TRY(entry_read(j, name, &ret->entry[ret->count]));
		for (size_t i = 0; i < ret->count; i++)
			if (view_is_equal(ret->entry[i], ret->entry[ret->count]))
				return fault_set(j->fault, RC_DUPLICATE, j->at, "%s: entry twice",
						 key);
		ret->count++;
	}
	return ret->count > 0 ? OK : fault_set(j->fault, RC_RANGE, j->at, "%s is empty", key);
}

static rc list_optional(struct jcan *j, const char *key, struct artifact_list *ret)
{
	bool found;

	TRY(jcan_key_optional(j, key, &found));
	return found ? list_read(j, key, false, ret) : OK;
}

static rc names_field(struct jcan *j, const char *key, struct artifact_list *ret)
{
	TRY(jcan_key(j, key));
	return list_read(j, key, true, ret);
}

static rc number_optional(struct jcan *j, const char *key, uint64_t max, uint64_t *ret)
{
	size_t at = j->at;
	bool found;

	TRY(jcan_key_optional(j, key, &found));
	if (!found)
		return OK;
	TRY(jcan_u64(j, max, ret));
	return *ret > 0 ? OK : fault_set(j->fault, RC_RANGE, at, "%s is 0", key);
}

static rc provenance_read(struct jcan *j, struct artifact_rule *r)
{
	TRY(jcan_object(j));
	TRY(list_optional(j, "builder", &r->provenance_builder));
	TRY(names_field(j, "by", &r->provenance_by));
	TRY(list_optional(j, "source", &r->provenance_source));
	return jcan_object_end(j);
}

static rc rebuild_read(struct jcan *j, struct artifact_rule *r)
{
	size_t at;

	TRY(jcan_object(j));
	TRY(jcan_key(j, "agree"));
	at = j->at;
	TRY(jcan_u64(j, ARTIFACT_LIST_MAX, &r->rebuild_agree));
	TRY(names_field(j, "of", &r->rebuild_of));
	if (r->rebuild_agree == 0 || r->rebuild_agree > r->rebuild_of.count)
		return fault_set(j->fault, RC_RANGE, at,
				 "agree is not 1 to the number of builders");
	return jcan_object_end(j);
}

static rc scan_read(struct jcan *j, struct artifact_rule *r)
{
	TRY(jcan_object(j));
	TRY(names_field(j, "by", &r->scan_by));
	TRY(number_optional(j, "max_age", POLICY_SECONDS_MAX, &r->scan_max_age));
	return jcan_object_end(j);
}

rc artifact_rule_read(struct jcan *j, struct artifact_rule *ret)
{
	size_t at = j->at;
	bool found;

	memset(ret, 0, sizeof(*ret));
	TRY(jcan_object(j));
	TRY(number_optional(j, "max_size", JCAN_NUMBER_MAX, &ret->max_size));
	TRY(list_optional(j, "names", &ret->names));
	TRY(list_optional(j, "products", &ret->products));
	TRY(jcan_key_optional(j, "provenance", &found));
	if (found)
		TRY(provenance_read(j, ret));
	TRY(jcan_key_optional(j, "rebuild", &found));
	if (found)
		TRY(rebuild_read(j, ret));
	TRY(jcan_key_optional(j, "scan", &found));
	if (found)
		TRY(scan_read(j, ret));
	if (j->at == at + 1)
		return fault_set(j->fault, RC_RANGE, at, "artifact demands nothing");
	return jcan_object_end(j);
}

void artifact_rule_of(struct view json, struct artifact_rule *ret)
{
	struct jcan j;

	memset(ret, 0, sizeof(*ret));
	if (json.len == 0)
		return;
	jcan_init(&j, json, NULL);
	rc_ignore(artifact_rule_read(&j, ret), "it was read when the policy was");
}

/* ---- Whose word is asked for ----------------------------------------------------------------*/

bool artifact_lists(const struct artifact_list *l, const struct name *n)
{
	for (size_t i = 0; i < l->count; i++)
		if (view_is_equal(l->entry[i], name_view(n)))
			return true;
	return false;
}

static const struct artifact_list *speakers(const struct artifact_rule *r, enum evidence_kind kind)
{
	if (kind == EVIDENCE_SCAN)
		return &r->scan_by;
	return kind == EVIDENCE_REBUILD ? &r->rebuild_of : &r->provenance_by;
}

bool artifact_asks(const struct artifact_rule *r, enum evidence_kind kind, const struct name *by)
{
	return artifact_lists(speakers(r, kind), by);
}

/* ---- Patterns -------------------------------------------------------------------------------*/

/* * stands for any bytes, ? for one; linear in practice: one place to come back to. */
static bool pattern_matches(struct view pattern, struct view text)
{
	size_t star = SIZE_MAX;
	size_t from = 0;
	size_t p = 0;
	size_t t = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.len &&
			   (pattern.ptr[p] == '?' || pattern.ptr[p] == text.ptr[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

bool artifact_list_matches(const struct artifact_list *l, struct view text)
{
	for (size_t i = 0; i < l->count; i++)
		if (pattern_matches(l->entry[i], text))
			return true;
	return l->count == 0;
}

/* ---- What counts ----------------------------------------------------------------------------*/

struct evidence_facts artifact_facts(const struct evidence_facts *all, const struct digest *sha256)
{
	struct evidence_facts some = {.list = NULL, .count = 0};
	size_t low = 0;
	size_t high = all->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(all->list[mid].sha256.b, sha256->b, DIGEST_SIZE) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (all->count == 0)
		return some;
	some.list = all->list + low;
	while (low + some.count < all->count &&
	       digest_is_equal(&all->list[low + some.count].sha256, sha256))
		some.count++;
	return some;
}

bool artifact_counts(const struct artifact_rule *r, const struct evidence_fact *e, unix_time now)
{
	if (!artifact_asks(r, e->kind, &e->by))
		return false;
	if (e->kind == EVIDENCE_PROVENANCE)
		return artifact_list_matches(&r->provenance_builder, e->builder) &&
		       artifact_list_matches(&r->provenance_source, e->source);
	if (e->kind == EVIDENCE_SCAN)
		return e->clean && (r->scan_max_age == 0 || now < e->given ||
				    (uint64_t)(now - e->given) <= r->scan_max_age);
	return true;
}

void artifact_mark(const struct artifact_rule *r, const struct request *q,
		   const struct evidence_facts *facts, unix_time now, bool *marks)
{
	for (size_t i = 0; i < q->count; i++) {
		struct evidence_facts some = artifact_facts(facts, &q->items[i].sha256);

		for (size_t n = 0; n < some.count; n++)
			if (artifact_counts(r, &some.list[n], now))
				marks[(size_t)(some.list - facts->list) + n] = true;
	}
}
