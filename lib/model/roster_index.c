/* Indexes of a roster: whose a key is, who is in a group. */
#include <stdlib.h>

#include "lib/model/roster_read.h"
#include "lib/model/statement.h"

static int index_order(const void *a, const void *b)
{
	return memcmp(((const struct roster_key *)a)->fingerprint.b,
		      ((const struct roster_key *)b)->fingerprint.b, DIGEST_SIZE);
}

static void index_add(struct roster *r, const struct principal *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < list[i].key_count; k++)
			r->keys[r->key_count++] = (struct roster_key){
				.fingerprint = *sshkey_fingerprint(list[i].keys[k]),
				.owner = &list[i]};
}

static size_t total(const struct roster *r, size_t (*of)(const struct principal *))
{
	size_t n = 0;

	for (size_t i = 0; i < r->people_count; i++)
		n += of(&r->people[i]);
	for (size_t i = 0; i < r->host_count; i++)
		n += of(&r->hosts[i]);
	for (size_t i = 0; i < r->service_count; i++)
		n += of(&r->services[i]);
	for (size_t i = 0; i < r->builder_count; i++)
		n += of(&r->builders[i]);
	return n;
}

static size_t keys_of(const struct principal *p)
{
	return p->key_count;
}

static size_t groups_of(const struct principal *p)
{
	return p->group_count;
}

rc roster_index_keys(struct roster *r, struct fault *f)
{
	size_t n = total(r, keys_of);

	r->keys = (struct roster_key *)calloc(n == 0 ? 1 : n, sizeof(*r->keys));
	if (r->keys == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	index_add(r, r->people, r->people_count);
	index_add(r, r->hosts, r->host_count);
	index_add(r, r->services, r->service_count);
	index_add(r, r->builders, r->builder_count);
	if (n > 1)
		qsort(r->keys, n, sizeof(*r->keys), index_order);
	for (size_t i = 1; i < n; i++)
		if (index_order(&r->keys[i - 1], &r->keys[i]) == 0)
			return fault_set(f, RC_DUPLICATE, 0, "%s and %s have the same key",
					 r->keys[i - 1].owner->name.s, r->keys[i].owner->name.s);
	return OK;
}

/* ---- Groups in groups ----------------------------------------------------------------------*/

static struct nested *nested_find(struct nested_list *l, const struct name *n)
{
	for (size_t i = 0; i < l->count; i++)
		if (name_is_equal(&l->items[i].name, n))
			return &l->items[i];
	return NULL;
}

/* Sets the depth of each entry: one more than the deepest below it. A circle never comes to an end,
 * which shows as a depth over the maximum. */
static rc nested_depths(struct nested_list *l, struct fault *f)
{
	bool grew = true;

	for (size_t round = 0; grew; round++) {
		grew = false;
		for (size_t i = 0; i < l->count; i++) {
			struct nested *g = &l->items[i];

			for (size_t k = 0; k < g->count; k++) {
				const struct nested *below = nested_find(l, &g->groups[k]);

				if (below == NULL || below->depth < g->depth)
					continue;
				g->depth = below->depth + 1;
				grew = true;
				if (g->depth > l->count)
					return fault_set(f, RC_MISMATCH, 0,
							 "group %s contains itself", g->name.s);
			}
		}
	}
	for (size_t i = 0; i < l->count; i++)
		if (l->items[i].depth >= ROSTER_NESTING)
			return fault_set(f, RC_RANGE, 0, "group %s is nested deeper than %u",
					 l->items[i].name.s, ROSTER_NESTING);
	return OK;
}

static int nested_order(const void *a, const void *b)
{
	const struct nested *x = (const struct nested *)a;
	const struct nested *y = (const struct nested *)b;

	return x->depth != y->depth ? (x->depth < y->depth ? -1 : 1)
				    : name_compare(&x->name, &y->name);
}

static rc join(struct principal *p, const struct name *group, struct fault *f)
{
	size_t at = p->group_count;
	struct name *more;

	if (p->group_count == ROSTER_GROUPS_MAX)
		return fault_set(f, RC_LIMIT, 0, "%s is in more than %u groups", p->name.s,
				 ROSTER_GROUPS_MAX);
	more = (struct name *)reallocarray(p->groups, p->group_count + 1, sizeof(*more));
	if (more == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	p->groups = more;
	while (at > 0 && name_compare(&p->groups[at - 1], group) > 0) {
		p->groups[at] = p->groups[at - 1];
		at--;
	}
	p->groups[at] = *group;
	p->group_count++;
	return OK;
}

static bool is_in_one(const struct principal *p, const struct nested *g, bool *has_member)
{
	bool found = false;

	for (size_t k = 0; k < g->count; k++)
		if (principal_is_member(p, &g->groups[k]))
			found = has_member[k] = true;
	return found;
}

static rc nested_fill(struct roster *r, const struct nested *g, struct fault *f)
{
	bool has_member[ROSTER_GROUPS_MAX] = {false};

	for (size_t i = 0; i < r->people_count; i++) {
		struct principal *p = &r->people[i];

		if (is_in_one(p, g, has_member) && !principal_is_member(p, &g->name))
			TRY(join(p, &g->name, f));
	}
	for (size_t k = 0; k < g->count; k++)
		if (!has_member[k])
			return fault_set(f, RC_NOTFOUND, 0,
					 "group %s, which is in group %s, has no member",
					 g->groups[k].s, g->name.s);
	return OK;
}

rc nested_apply(struct roster *r, struct nested_list *l, struct fault *f)
{
	if (l->count == 0)
		return OK;
	TRY(nested_depths(l, f));
	qsort(l->items, l->count, sizeof(*l->items), nested_order);
	for (size_t i = 0; i < l->count; i++)
		TRY(nested_fill(r, &l->items[i], f));
	return OK;
}

/* ---- Groups --------------------------------------------------------------------------------*/

/* One membership, while they are sorted into groups. */
struct membership {
	const struct name *group;
	const struct principal *who;
};

static int memberships_order(const void *a, const void *b)
{
	const struct membership *x = (const struct membership *)a;
	const struct membership *y = (const struct membership *)b;
	int order = (int)x->who->kind - (int)y->who->kind;

	if (order == 0)
		order = name_compare(x->group, y->group);
	return order != 0 ? order : name_compare(&x->who->name, &y->who->name);
}

static size_t memberships_add(struct membership *all, size_t n, const struct principal *list,
			      size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t g = 0; g < list[i].group_count; g++)
			all[n++] = (struct membership){&list[i].groups[g], &list[i]};
	return n;
}

static rc group_digest(const struct roster_group *g, struct digest *ret)
{
	AUTO(buf) struct buf b = {0};

	buf_init(&b, DOCUMENT_BYTES_MAX);
	buf_put_str(&b, "greatseal-group-v1\n");
	buf_put_str(&b, g->is_host ? "host\n" : "person\n");
	buf_put_view(&b, name_view(&g->name));
	buf_put_u8(&b, '\n');
	for (size_t i = 0; i < g->member_count; i++)
		buf_put_view(&b, digest_view(&g->members[i]->digest));
	TRY(buf_done(&b));
	*ret = digest_of(buf_view(&b));
	return OK;
}

/* The memberships are sorted; each run of one group becomes a struct roster_group. */
static rc groups_fill(struct roster *r, const struct membership *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct roster_group *g =
			r->group_count == 0 ? NULL : &r->groups[r->group_count - 1];

		r->members[i] = all[i].who;
		if (g == NULL || g->is_host != (all[i].who->kind == PRINCIPAL_HOST) ||
		    !name_is_equal(&g->name, all[i].group)) {
			g = &r->groups[r->group_count++];
			*g = (struct roster_group){.name = *all[i].group,
						   .is_host = (all[i].who->kind == PRINCIPAL_HOST),
						   .members = &r->members[i]};
		}
		g->member_count++;
	}
	for (size_t i = 0; i < r->group_count; i++)
		TRY(group_digest(&r->groups[i], &r->groups[i].digest));
	return OK;
}

rc roster_index_groups(struct roster *r, struct fault *f)
{
	size_t n = total(r, groups_of);
	struct membership *all = (struct membership *)calloc(n == 0 ? 1 : n, sizeof(*all));
	size_t at;
	rc result = RC(RC_NOMEM);

	r->members = (const struct principal **)calloc(n == 0 ? 1 : n, sizeof(*r->members));
	r->groups = (struct roster_group *)calloc(n == 0 ? 1 : n, sizeof(*r->groups));
	if (all != NULL && r->members != NULL && r->groups != NULL) {
		at = memberships_add(all, 0, r->people, r->people_count);
		at = memberships_add(all, at, r->hosts, r->host_count);
		if (at > 1)
			qsort(all, at, sizeof(*all), memberships_order);
		result = groups_fill(r, all, at);
	}
	free(all);
	return rc_is_ok(result) ? OK : fault_set(f, result.code, 0, "out of memory");
}
