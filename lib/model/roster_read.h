/* roster_read - the parts of reading a roster, for roster*.c alone. */
#ifndef GS_MODEL_ROSTER_READ_H
#define GS_MODEL_ROSTER_READ_H

#include "lib/codec/jcan.h"
#include "lib/model/roster.h"

/* An entry of "groups": whoever is in one of them is in name, too. */
struct nested {
	struct name name;
	struct name *groups; /* sorted */
	size_t count;
	size_t depth; /* of nesting below it; set by nested_apply */
};
struct nested_list {
	struct nested *items;
	size_t count;
};
void nested_release(struct nested_list *l);
AUTO_DEFINE(nested, struct nested_list, nested_release)

/* Room for one element more at *list; doubles. Counts from j's position. */
MUST rc roster_grow(void **list, size_t count, size_t max, size_t size, struct jcan *j);
/* The value of a list of names, sorted; RC_DUPLICATE. min: the fewest. */
MUST rc roster_names(struct jcan *j, size_t min, size_t max, struct name **ret, size_t *ret_count);
/* "key":[..] of principals of a kind; the key may be missing if it is optional. */
struct principal_list {
	const char *key;
	enum principal_kind kind;
	bool optional;
	size_t max;
	struct principal **items;
	size_t *count;
};
MUST rc principals_read(struct jcan *j, const struct principal_list *l);
void principals_free(struct principal *list, size_t count);
int principals_order(const void *a, const void *b);
MUST rc nested_read(struct jcan *j, struct nested_list *ret);
MUST rc domains_read(struct jcan *j, struct roster *r);
/* "oidc":{..} of a service; it comes next. */
MUST rc oidc_read(struct jcan *j, struct oidc **ret);

/* Adds to each person the groups that it is in through others. RC_MISMATCH, RC_RANGE, RC_NOTFOUND,
 * RC_LIMIT, RC_NOMEM. */
MUST rc nested_apply(struct roster *r, struct nested_list *l, struct fault *f);
/* Fills r->keys. RC_DUPLICATE. */
MUST rc roster_index_keys(struct roster *r, struct fault *f);
/* Fills r->groups and r->members. */
MUST rc roster_index_groups(struct roster *r, struct fault *f);

#endif
