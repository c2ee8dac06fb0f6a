/* Purpose: see tbs.h. */
#include "lib/format/tbs.h"

#include "lib/crypt/x509.h"
#include "lib/format/cms_tbs.h"
#include "lib/format/list_tbs.h"
#include "lib/format/pe_tbs.h"
#include "lib/format/token_tbs.h"

const struct format_tbs *const format_tbs_table[] = {
	&format_cms_tbs,	 &format_pe_tbs, &format_allowlist_tbs, &format_package_record_tbs,
	&format_guard_token_tbs, NULL,
};

const struct format_tbs *format_tbs_find(struct view name)
{
	for (size_t i = 0; format_tbs_table[i] != NULL; i++)
		if (view_is(name, format_tbs_table[i]->name))
			return format_tbs_table[i];
	return NULL;
}

rc tbs_key_init(struct tbs_key *ret, enum key_alg alg, struct view cert, const struct view *chain,
		size_t chain_count, struct fault *f)
{
	struct x509 parsed;

	if (chain_count > TBS_CHAIN_MAX)
		return fault_set(f, RC_LIMIT, 0, "chain of %zu certificates, at most %d",
				 chain_count, TBS_CHAIN_MAX);
	TRY(x509_parse(cert, &parsed, f));
	*ret = (struct tbs_key){
		.alg = alg,
		.cert = cert,
		.chain = chain,
		.chain_count = chain_count,
		.issuer = parsed.issuer,
		.serial = parsed.serial,
		.cert_digest = digest_of(cert),
	};
	return OK;
}

rc tbs_sign(const struct tbs_input *in, struct view tbs, const struct signer *s, struct buf *out,
	    struct fault *f)
{
	enum sign_scheme scheme = key_alg_scheme(in->key->alg);
	struct hash h;

	if (scheme == SIGN_ED25519)
		return s->sign(s->ctx, scheme, in->content.alg, tbs, out, f);
	h = hash_of(in->content.alg, tbs);
	return s->sign(s->ctx, scheme, in->content.alg, hash_view(&h), out, f);
}
