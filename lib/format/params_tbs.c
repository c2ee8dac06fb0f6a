/* Purpose: see params_tbs.h. */
#include "lib/format/params_tbs.h"

static rc check_input(const struct tbs_input *in, struct fault *f)
{
	if (in->params.len > TBS_PARAMS_MAX)
		return fault_set(f, RC_LIMIT, 0, "params: %zu bytes, at most %d", in->params.len,
				 TBS_PARAMS_MAX);
	if (in->when < 0 || in->when > TIME_MAX)
		return fault_set(f, RC_RANGE, 0, "signing time is outside 1970..9999");
	if (in->content.size != hash_size(in->content.alg))
		return fault_set(f, RC_RANGE, 0, "content digest of %u bytes, %s has %zu",
				 in->content.size, hash_name(in->content.alg),
				 hash_size(in->content.alg));
	if (!key_alg_permits(in->key->alg, in->content.alg))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "an %s key signs no %s content (RFC 8419 3.1)",
				 key_alg_name(in->key->alg), hash_name(in->content.alg));
	return OK;
}

rc params_begin(const struct tbs_input *in, struct jcan *j, struct fault *f)
{
	struct view name;
	enum hash_alg alg;

	TRY(check_input(in, f));
	jcan_init(j, in->params, f);
	TRY(jcan_object(j));
	TRY(jcan_key(j, "digest"));
	TRY(jcan_text(j, 16, &name));
	if (!rc_is_ok(hash_alg_parse(name, &alg)))
		return fault_set(f, RC_UNKNOWN, j->at,
				 "params: digest is none of sha256, sha384, sha512");
	if (alg != in->content.alg)
		return fault_set(f, RC_MISMATCH, j->at,
				 "params: digest is %s, the content digest %s", hash_name(alg),
				 hash_name(in->content.alg));
	return OK;
}

rc params_end(struct jcan *j)
{
	TRY(jcan_object_end(j));
	return jcan_end(j);
}
