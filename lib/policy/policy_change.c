/* How policy and roster are changed: the delay, and recovery keys. */
#include <stdlib.h>

#include "lib/base/num.h"
#include "lib/model/field.h"
#include "lib/policy/policy_read.h"

rc change_read(struct jcan *j, struct policy *p)
{
	rc r;

	TRY(jcan_key(j, "change"));
	TRY(jcan_object(j));
	r = seats_field(j, &p->change);
	if (rc_is_ok(r) && p->change.count == 0)
		r = fault_set(j->fault, RC_RANGE, j->at, "no approve");
	if (rc_is_ok(r))
		r = number_field(j, "delay", POLICY_SECONDS_MAX, 0, &p->change_delay);
	if (!rc_is_ok(r))
		return fault_wrap(j->fault, r, "change");
	return jcan_object_end(j);
}

static rc key_read(struct jcan *j, struct recovery *r)
{
	AUTO(sshkey) struct sshkey *key = NULL;
	struct view comment = {0};
	struct view line;
	size_t at = j->at;

	TRY(jcan_text(j, SSHKEY_LINE_MAX, &line));
	TRY(sshkey_parse_line(line, &key, &comment, j->fault));
	if (comment.len > 0)
		return fault_set(j->fault, RC_NONCANON, at, "key line with a comment");
	for (size_t i = 0; i < r->key_count; i++)
		if (sshkey_is_equal(r->keys[i], key))
			return fault_set(j->fault, RC_DUPLICATE, at, "the same key twice");
	if (sshkey_channel(key) != SSHKEY_CLI)
		return fault_set(j->fault, RC_UNSUPPORTED, at,
				 "a passkey of a web site cannot be a recovery key");
	if (r->key_count == POLICY_RECOVERY_KEYS_MAX)
		return fault_set(j->fault, RC_LIMIT, at, "more than %u keys",
				 POLICY_RECOVERY_KEYS_MAX);
	r->keys[r->key_count++] = key;
	key = NULL;
	return OK;
}

static rc keys_read(struct jcan *j, struct recovery *r)
{
	bool more;

	r->keys = (struct sshkey **)calloc(POLICY_RECOVERY_KEYS_MAX, sizeof(struct sshkey *));
	if (r->keys == NULL)
		return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
	TRY(jcan_key(j, "keys"));
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			return OK;
		TRY(key_read(j, r));
	}
}

static rc object_read(struct jcan *j, struct recovery *r)
{
	uint64_t need;

	TRY(jcan_object(j));
	TRY(field_u64(j, "delay", 1, POLICY_SECONDS_MAX, &r->delay));
	TRY(keys_read(j, r));
	TRY(field_u64(j, "need", 1, POLICY_RECOVERY_KEYS_MAX, &need));
	if (need > r->key_count)
		return fault_set(j->fault, RC_RANGE, j->at, "need %llu of %zu keys",
				 (unsigned long long)need, r->key_count);
	r->need = (uint32_t)need;
	return jcan_object_end(j);
}

rc recovery_read(struct jcan *j, struct policy *p)
{
	bool there;
	rc r;

	TRY(jcan_key_optional(j, "recovery", &there));
	if (!there)
		return OK;
	r = object_read(j, &p->recovery);
	return rc_is_ok(r) ? OK : fault_wrap(j->fault, r, "recovery");
}

void recovery_release(struct recovery *r)
{
	for (size_t i = 0; i < r->key_count; i++)
		sshkey_free(r->keys[i]);
	free(r->keys);
	*r = (struct recovery){.keys = NULL};
}

rc recovery_check(const struct policy *p, const struct roster *r, struct fault *f)
{
	for (size_t i = 0; i < p->recovery.key_count; i++)
		for (size_t k = 0; k < r->key_count; k++)
			if (digest_is_equal(sshkey_fingerprint(p->recovery.keys[i]),
					    &r->keys[k].fingerprint))
				return fault_set(f, RC_DENIED, 0,
						 "recovery: key %zu is a key of %s; recovery keys "
						 "are for when the roster's are lost",
						 i + 1, r->keys[k].owner->name.s);
	return OK;
}
