#include "lib/model/roster.h"

#include <stdlib.h>

#include "lib/model/field.h"
#include "lib/model/statement.h"

static void principals_free(struct principal *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < list[i].key_count; k++)
			sshkey_free(list[i].keys[k]);
		free(list[i].keys);
		free(list[i].groups);
	}
	free(list);
}

void roster_free(struct roster *r)
{
	if (r == NULL)
		return;
	principals_free(r->people, r->people_count);
	principals_free(r->hosts, r->host_count);
	free(r->groups);
	free(r->keys);
	free(r->members);
	free(r);
}

/* ---- Reading one person or host -------------------------------------------------------------*/

/* Room for one element more at *list; doubles. */
static rc grow(void **list, size_t count, size_t max, size_t size, struct jcan *j)
{
	void *p;

	if (count == max)
		return fault_set(j->fault, RC_LIMIT, j->at, "more than %zu entries", max);
	if (count != 0 && (count & (count - 1)) != 0)
		return OK; /* room is always a power of two */
	p = reallocarray(*list, count == 0 ? 1 : 2 * count, size);
	if (p == NULL)
		return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
	*list = p;
	return OK;
}

static int names_order(const void *a, const void *b)
{
	return name_compare((const struct name *)a, (const struct name *)b);
}

static rc groups_read(struct jcan *j, struct principal *p)
{
	bool more;

	TRY(jcan_key(j, "groups"));
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(grow((void **)&p->groups, p->group_count, ROSTER_GROUPS_MAX, sizeof(*p->groups),
			 j));
		TRY(field_name_value(j, &p->groups[p->group_count]));
		p->group_count++;
	}
	if (p->group_count > 1)
		qsort(p->groups, p->group_count, sizeof(*p->groups), names_order);
	for (size_t i = 1; i < p->group_count; i++)
		if (name_is_equal(&p->groups[i - 1], &p->groups[i]))
			return fault_set(j->fault, RC_DUPLICATE, j->at, "group %s twice",
					 p->groups[i].s);
	return OK;
}

static int keys_order(const void *a, const void *b)
{
	return memcmp(sshkey_fingerprint(*(struct sshkey *const *)a)->b,
		      sshkey_fingerprint(*(struct sshkey *const *)b)->b, DIGEST_SIZE);
}

static rc key_read(struct jcan *j, struct sshkey **ret)
{
	struct view comment = {0};
	struct view line;
	size_t at = j->at;
	struct sshkey *key;

	TRY(jcan_text(j, SSHKEY_LINE_MAX, &line));
	TRY(sshkey_parse_line(line, &key, &comment, j->fault));
	if (comment.len > 0) {
		sshkey_free(key);
		return fault_set(j->fault, RC_NONCANON, at, "key line with a comment");
	}
	*ret = key;
	return OK;
}

static rc keys_read(struct jcan *j, struct principal *p)
{
	bool more;

	TRY(jcan_key(j, "keys"));
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(grow((void **)&p->keys, p->key_count, ROSTER_KEYS_MAX, sizeof(*p->keys), j));
		TRY(key_read(j, &p->keys[p->key_count]));
		p->key_count++;
	}
	if (p->key_count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "no key");
	qsort(p->keys, p->key_count, sizeof(struct sshkey *), keys_order);
	return OK;
}

static struct digest principal_digest(const struct principal *p)
{
	struct view parts[4 + ROSTER_KEYS_MAX] = {
		view_str("greatseal-principal-v1\n"),
		view_str(p->is_host ? "host\n" : "person\n"),
		name_view(&p->name),
		view_str("\n"),
	};

	for (size_t i = 0; i < p->key_count; i++)
		parts[4 + i] = digest_view(sshkey_fingerprint(p->keys[i]));
	return digest_of_parts(parts, 4 + p->key_count);
}

static rc principal_read(struct jcan *j, struct principal *p)
{
	TRY(jcan_object(j));
	TRY(groups_read(j, p));
	TRY(keys_read(j, p));
	TRY(field_name(j, "name", &p->name));
	TRY(jcan_object_end(j));
	p->digest = principal_digest(p);
	return OK;
}

static int principals_order(const void *a, const void *b)
{
	return name_compare(&((const struct principal *)a)->name,
			    &((const struct principal *)b)->name);
}

struct list {
	const char *key;
	bool is_host;
	size_t max;
	struct principal **items;
	size_t *count;
};

static rc list_read(struct jcan *j, const struct list *l)
{
	const char *what = l->is_host ? "host" : "person";
	bool more;

	TRY(jcan_key(j, l->key));
	TRY(jcan_array(j));
	for (;;) {
		struct principal *p;
		rc r;

		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(grow((void **)l->items, *l->count, l->max, sizeof(*p), j));
		p = &(*l->items)[(*l->count)++];
		*p = (struct principal){.is_host = l->is_host};
		r = principal_read(j, p);
		if (!rc_is_ok(r))
			return fault_wrap(j->fault, r, "%s %zu", what, *l->count - 1);
	}
	if (*l->count > 1)
		qsort(*l->items, *l->count, sizeof(**l->items), principals_order);
	for (size_t i = 1; i < *l->count; i++)
		if (principals_order(&(*l->items)[i - 1], &(*l->items)[i]) == 0)
			return fault_set(j->fault, RC_DUPLICATE, j->at, "%s %s twice", what,
					 (*l->items)[i].name.s);
	return OK;
}

/* ---- Indexes --------------------------------------------------------------------------------*/

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

static rc keys_index(struct roster *r, struct fault *f)
{
	size_t n = total(r, keys_of);

	r->keys = (struct roster_key *)calloc(n == 0 ? 1 : n, sizeof(*r->keys));
	if (r->keys == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	index_add(r, r->people, r->people_count);
	index_add(r, r->hosts, r->host_count);
	if (n > 1)
		qsort(r->keys, n, sizeof(*r->keys), index_order);
	for (size_t i = 1; i < n; i++)
		if (index_order(&r->keys[i - 1], &r->keys[i]) == 0)
			return fault_set(f, RC_DUPLICATE, 0, "%s and %s have the same key",
					 r->keys[i - 1].owner->name.s, r->keys[i].owner->name.s);
	return OK;
}

/* One membership, while they are sorted into groups. */
struct membership {
	const struct name *group;
	const struct principal *who;
};

static int memberships_order(const void *a, const void *b)
{
	const struct membership *x = (const struct membership *)a;
	const struct membership *y = (const struct membership *)b;
	int order = (int)x->who->is_host - (int)y->who->is_host;

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
		if (g == NULL || g->is_host != all[i].who->is_host ||
		    !name_is_equal(&g->name, all[i].group)) {
			g = &r->groups[r->group_count++];
			*g = (struct roster_group){.name = *all[i].group,
						   .is_host = all[i].who->is_host,
						   .members = &r->members[i]};
		}
		g->member_count++;
	}
	for (size_t i = 0; i < r->group_count; i++)
		TRY(group_digest(&r->groups[i], &r->groups[i].digest));
	return OK;
}

static rc groups_index(struct roster *r, struct fault *f)
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

/* ---- The whole ------------------------------------------------------------------------------*/

static rc roster_read(struct view document, struct roster *r, struct fault *f)
{
	const struct list hosts = {"hosts", true, ROSTER_HOSTS_MAX, &r->hosts, &r->host_count};
	const struct list people = {"people", false, ROSTER_PEOPLE_MAX, &r->people,
				    &r->people_count};
	struct jcan j;

	if (document.len > DOCUMENT_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "%zu bytes, at most %u", document.len,
				 DOCUMENT_BYTES_MAX);
	jcan_init(&j, document, f);
	TRY(jcan_object(&j));
	TRY(list_read(&j, &hosts));
	TRY(list_read(&j, &people));
	TRY(field_u64(&j, "version", 1, JCAN_NUMBER_MAX, &r->version));
	TRY(jcan_object_end(&j));
	TRY(jcan_end(&j));
	TRY(keys_index(r, f));
	TRY(groups_index(r, f));
	r->digest = digest_of(document);
	return OK;
}

rc roster_parse(struct view document, struct roster **ret, struct fault *f)
{
	struct roster *r = (struct roster *)calloc(1, sizeof(*r));
	rc e;

	if (r == NULL)
		return fault_set(f, RC_NOMEM, 0, "roster: out of memory");
	e = roster_read(document, r, f);
	if (!rc_is_ok(e)) {
		roster_free(r);
		return fault_wrap(f, e, "roster");
	}
	*ret = r;
	return OK;
}

/* ---- Looking up -----------------------------------------------------------------------------*/

static const struct principal *find(const struct principal *list, size_t count,
				    const struct name *n)
{
	const struct principal key = {.name = *n};

	if (count == 0)
		return NULL;
	return (const struct principal *)bsearch(&key, list, count, sizeof(*list),
						 principals_order);
}

const struct principal *roster_person(const struct roster *r, const struct name *n)
{
	return find(r->people, r->people_count, n);
}

const struct principal *roster_host(const struct roster *r, const struct name *n)
{
	return find(r->hosts, r->host_count, n);
}

static int groups_order(const void *a, const void *b)
{
	const struct roster_group *x = (const struct roster_group *)a;
	const struct roster_group *y = (const struct roster_group *)b;
	int order = (int)x->is_host - (int)y->is_host;

	return order != 0 ? order : name_compare(&x->name, &y->name);
}

const struct roster_group *roster_group(const struct roster *r, bool is_host, const struct name *n)
{
	const struct roster_group key = {.name = *n, .is_host = is_host};

	if (r->group_count == 0)
		return NULL;
	return (const struct roster_group *)bsearch(&key, r->groups, r->group_count,
						    sizeof(*r->groups), groups_order);
}

const struct principal *roster_person_by_key(const struct roster *r, struct view blob)
{
	const struct roster_key key = {.fingerprint = digest_of(blob)};
	const struct roster_key *hit;

	if (r->key_count == 0)
		return NULL;
	hit = (const struct roster_key *)bsearch(&key, r->keys, r->key_count, sizeof(key),
						 index_order);
	return hit != NULL && !hit->owner->is_host ? hit->owner : NULL;
}

bool principal_is_member(const struct principal *p, const struct name *group)
{
	for (size_t i = 0; i < p->group_count; i++)
		if (name_is_equal(&p->groups[i], group))
			return true;
	return false;
}

const struct sshkey *principal_key(const struct principal *p, struct view blob)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (view_is_equal(sshkey_blob(p->keys[i]), blob))
			return p->keys[i];
	return NULL;
}
