#include "lib/policy/policy.h"

#include <stdlib.h>

#include "lib/model/field.h"
#include "lib/model/statement.h"
#include "lib/policy/policy_read.h"

void policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->rule_count; i++) {
		free(p->rules[i].keys);
		free(p->rules[i].request);
		free(p->rules[i].from);
		free(p->rules[i].formats);
		free(p->rules[i].approve.seats);
		free(p->rules[i].review.approve.seats);
		free(p->rules[i].windows);
	}
	for (size_t i = 0; i < p->key_count; i++) {
		free(p->keys[i].formats);
		free(p->keys[i].owners.seats);
	}
	for (size_t i = 0; i < p->tier_count; i++) {
		free(p->tiers[i].approve.seats);
		free(p->tiers[i].review.approve.seats);
	}
	for (size_t i = 0; i < p->freeze_count; i++)
		free(p->freezes[i].keys);
	free(p->rules);
	free(p->refs);
	free(p->keys);
	free(p->tiers);
	free(p->windows);
	free(p->freezes);
	free(p->admin.seats);
	free(p->change.seats);
	recovery_release(&p->recovery);
	free(p->unlock.seats);
	buf_release(&p->bytes);
	free(p);
}

/* {"approve":[..]} of admin and unlock. */
static rc quorum_read(struct jcan *j, const char *key, struct quorum_spec *ret)
{
	rc r;

	TRY(jcan_key(j, key));
	TRY(jcan_object(j));
	TRY(jcan_key(j, "approve"));
	r = seats_read(j, ret);
	if (!rc_is_ok(r))
		return fault_wrap(j->fault, r, "%s", key);
	return jcan_object_end(j);
}

/* ---- Names inside the document --------------------------------------------------------------*/

static rc names_resolve(const struct policy *p, struct fault *f)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (p->keys[i].has_tier && policy_tier(p, &p->keys[i].tier) == NULL)
			return fault_set(f, RC_NOTFOUND, 0,
					 "key %s names tier %s, and the policy has no such tier",
					 p->keys[i].name.s, p->keys[i].tier.s);
	for (size_t i = 0; i < p->rule_count; i++)
		for (size_t k = 0; k < p->rules[i].window_count; k++)
			if (policy_window(p, &p->rules[i].windows[k]) == NULL)
				return fault_set(f, RC_NOTFOUND, 0,
						 "rule %s names window %s, and the policy has no "
						 "such window",
						 p->rules[i].name.s, p->rules[i].windows[k].s);
	return OK;
}

static int compare_names(const struct name *a, const struct name *b)
{
	return memcmp(a->s, b->s, sizeof(a->s));
}

static int compare_refs(const void *a, const void *b)
{
	const struct rule_ref *x = (const struct rule_ref *)a;
	const struct rule_ref *y = (const struct rule_ref *)b;
	int c = compare_names(x->key, y->key);

	return c != 0 ? c : (x->rule > y->rule) - (x->rule < y->rule);
}

static int compare_keys(const void *a, const void *b)
{
	return compare_names(&((const struct key_policy *)a)->name,
			     &((const struct key_policy *)b)->name);
}

/* So that a decision looks at the rules of one key and not at all of them. */
static rc index_make(struct policy *p, struct fault *f)
{
	size_t count = 0;

	for (size_t i = 0; i < p->rule_count; i++)
		count += p->rules[i].key_count;
	p->refs = (struct rule_ref *)calloc(count + 1, sizeof(*p->refs));
	if (p->refs == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	for (size_t i = 0; i < p->rule_count; i++)
		for (size_t k = 0; k < p->rules[i].key_count; k++)
			p->refs[p->ref_count++] =
				(struct rule_ref){&p->rules[i].keys[k], &p->rules[i]};
	qsort(p->refs, p->ref_count, sizeof(*p->refs), compare_refs);
	if (p->key_count > 0)
		qsort(p->keys, p->key_count, sizeof(*p->keys), compare_keys);
	return OK;
}

const struct rule_ref *policy_rules_of(const struct policy *p, const struct name *key,
				       size_t *ret_count)
{
	size_t low = 0;
	size_t high = p->ref_count;
	size_t end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_names(p->refs[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < p->ref_count && name_is_equal(p->refs[end].key, key); end++)
		continue;
	*ret_count = end - low;
	return end > low ? &p->refs[low] : NULL;
}

const struct key_policy *policy_key(const struct policy *p, const struct name *key)
{
	const struct key_policy wanted = {.name = *key};

	if (p->key_count == 0)
		return NULL;
	return (const struct key_policy *)bsearch(&wanted, p->keys, p->key_count, sizeof(*p->keys),
						  compare_keys);
}

const struct tier *policy_tier(const struct policy *p, const struct name *name)
{
	for (size_t i = 0; i < p->tier_count; i++)
		if (name_is_equal(&p->tiers[i].name, name))
			return &p->tiers[i];
	return NULL;
}

const struct window *policy_window(const struct policy *p, const struct name *name)
{
	for (size_t i = 0; i < p->window_count; i++)
		if (name_is_equal(&p->windows[i].name, name))
			return &p->windows[i];
	return NULL;
}

static rc policy_read(struct policy *p, struct fault *f)
{
	struct jcan j;

	jcan_init(&j, buf_view(&p->bytes), f);
	TRY(jcan_object(&j));
	TRY(quorum_read(&j, "admin", &p->admin));
	TRY(change_read(&j, p));
	TRY(rows_field(&j, &rows_freezes, true, (void **)&p->freezes, &p->freeze_count));
	TRY(rows_field(&j, &rows_keys, true, (void **)&p->keys, &p->key_count));
	TRY(recovery_read(&j, p));
	TRY(rows_field(&j, &rows_rules, false, (void **)&p->rules, &p->rule_count));
	TRY(rows_field(&j, &rows_tiers, true, (void **)&p->tiers, &p->tier_count));
	TRY(quorum_read(&j, "unlock", &p->unlock));
	TRY(field_u64(&j, "version", 1, JCAN_NUMBER_MAX, &p->version));
	TRY(rows_field(&j, &rows_windows, true, (void **)&p->windows, &p->window_count));
	TRY(jcan_object_end(&j));
	TRY(jcan_end(&j));
	TRY(names_resolve(p, f));
	TRY(index_make(p, f));
	p->digest = digest_of(buf_view(&p->bytes));
	return OK;
}

rc policy_parse(struct view document, struct policy **ret, struct fault *f)
{
	struct policy *p = (struct policy *)calloc(1, sizeof(*p));
	rc e;

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "policy: out of memory");
	buf_init(&p->bytes, DOCUMENT_BYTES_MAX);
	buf_put_view(&p->bytes, document);
	e = buf_done(&p->bytes);
	if (rc_is_ok(e))
		e = policy_read(p, f);
	else
		rc_ignore(fault_set(f, e.code, 0, "%zu bytes, at most %u", document.len,
				    DOCUMENT_BYTES_MAX),
			  "e is returned below");
	if (!rc_is_ok(e)) {
		policy_free(p);
		return fault_wrap(f, e, "policy");
	}
	*ret = p;
	return OK;
}
