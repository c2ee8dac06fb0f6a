/* name - short identifiers (people, hosts, groups, keys, products, rules) as a type.
 *
 * Owns: the one rule what a name may look like. A raw string from outside becomes a struct name or
 * is refused. */
#ifndef GS_MODEL_NAME_H
#define GS_MODEL_NAME_H

#include "lib/base/result.h"
#include "lib/base/view.h"

#define NAME_MAX_LEN 64

/* [a-z0-9][a-z0-9._-]{0,63}, NUL-terminated, bytes after the NUL are zero so that memcmp works. */
struct name {
	char s[NAME_MAX_LEN + 1];
};

/* RC_SYNTAX if empty or a character is not permitted, RC_LIMIT if longer than NAME_MAX_LEN. */
MUST rc name_parse(struct view text, struct name *ret);
bool name_is_equal(const struct name *a, const struct name *b);
bool name_is(const struct name *a, const char *s);
/* <0, 0, >0 in byte order. */
int name_compare(const struct name *a, const struct name *b);
static inline struct view name_view(const struct name *n)
{
	return view_str(n->s);
}

#endif
