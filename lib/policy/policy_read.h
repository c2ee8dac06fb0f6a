/* policy_read - what the readers of the policy's parts share. Private to policy*.c. */
#ifndef GS_POLICY_POLICY_READ_H
#define GS_POLICY_POLICY_READ_H

#include "lib/codec/jcan.h"
#include "lib/policy/policy.h"

/* A list of texts; a row for each says how to read and compare its entries. */
struct list_kind {
	size_t size;
	size_t max;
	rc (*parse)(struct view text, void *out);
	bool (*is_same)(const void *a, const void *b);
};
extern const struct list_kind list_names;
extern const struct list_kind list_formats;
extern const struct list_kind list_globs;
extern const struct list_kind list_refs;
extern const struct list_kind list_seats;

/* "key":[..], not empty. *ret is set as soon as there is memory, so that the caller's release frees
 * it after a failure too. */
MUST rc list_field(struct jcan *j, const char *key, const struct list_kind *kind, void **ret,
		   size_t *ret_count);
/* The same where the field may be left out: then *ret_count is 0. */
MUST rc list_field_optional(struct jcan *j, const char *key, const struct list_kind *kind,
			    void **ret, size_t *ret_count);

/* A list of objects that begin with a name in memory. */
struct rows_kind {
	const char *key;
	const char *one; /* "window" */
	size_t size;
	size_t max;
	rc (*read)(struct jcan *j, void *row); /* of zeros */
};
/* "key":[{..},..], unique by name; optional: may be left out, then it is not empty. As list_field.
 */
MUST rc rows_field(struct jcan *j, const struct rows_kind *kind, bool optional, void **ret,
		   size_t *ret_count);

/* A number of at least 1; fallback if it is left out. */
MUST rc number_field(struct jcan *j, const char *key, uint64_t max, uint64_t fallback,
		     uint64_t *ret);
/* [SEAT..], not empty, after its key. */
MUST rc seats_read(struct jcan *j, struct quorum_spec *ret);
/* "approve":[SEAT..] if it is there. */
MUST rc seats_field(struct jcan *j, struct quorum_spec *ret);
/* "artifact":{..} as its bytes, looked at; empty if it is left out. */
MUST rc artifact_field(struct jcan *j, struct view *ret);
/* "preapproved":{"max_age":SECONDS} of at least so many. */
MUST rc preapproved_field(struct jcan *j, uint64_t least, bool *ret_has, uint64_t *ret);
/* review.c: "review":{"approve":[SEAT..],"within":SECONDS} if it is there. */
MUST rc review_field(struct jcan *j, struct review_spec *ret);
/* "classes":[CLASS..] as a set of 1u << enum host_class; 0 if it is left out. */
MUST rc classes_field(struct jcan *j, unsigned *ret);
/* The same under another name. */
MUST rc seats_field_named(struct jcan *j, const char *key, struct quorum_spec *ret);
/* A field whose only value is true, and is left out otherwise. */
MUST rc flag_field(struct jcan *j, const char *key, bool *ret);
/* A field with one permitted word, or left out. */
MUST rc word_field(struct jcan *j, const char *key, const char *word, bool *ret);

/* policy_change.c: "change":{"approve":[..],"delay":N?}; "recovery":{..} if it is there. */
MUST rc change_read(struct jcan *j, struct policy *p);
MUST rc recovery_read(struct jcan *j, struct policy *p);
void recovery_release(struct recovery *r);
/* No recovery key is in the roster: whoever has one is no person of it. RC_DENIED. */
MUST rc recovery_check(const struct policy *p, const struct roster *r, struct fault *f);

/* policy_rule.c, policy_time.c, policy_keys.c */
extern const struct rows_kind rows_rules;
extern const struct rows_kind rows_windows;
extern const struct rows_kind rows_freezes;
extern const struct rows_kind rows_tiers;
extern const struct rows_kind rows_keys;

#endif
