#include "lib/model/host_token.h"

#include <string.h>

#include "lib/codec/base64.h"
#include "lib/crypt/pkey_soft.h"
#include "lib/crypt/spki.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/statement.h"

/* RFC 8410 7: PrivateKeyInfo of an Ed25519 key, up to its 32 bytes. */
static const uint8_t pkcs8_head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
				     0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

rc host_token_make(struct secret *ret)
{
	rc r;

	TRY(secret_new(ret, HOST_TOKEN_SEED));
	r = rng_fill(&rng_system, ret->ptr, ret->len);
	if (!rc_is_ok(r))
		secret_release(ret);
	return r;
}

rc host_token_parse(struct view text, struct name *ret_host, struct secret *ret_seed,
		    struct fault *f)
{
	AUTO(secret) struct secret seed = {0};
	struct view code;
	struct name host;
	struct buf out;

	if (text.len > HOST_TOKEN_TEXT_MAX)
		return fault_set(f, RC_LIMIT, 0, "token: %zu characters, at most %u", text.len,
				 HOST_TOKEN_TEXT_MAX);
	if (text.len < HOST_TOKEN_CODE + 2 || text.ptr[text.len - HOST_TOKEN_CODE - 1] != '-')
		return fault_set(f, RC_SYNTAX, 0,
				 "token: not NAME-CODE with a code of %u characters",
				 HOST_TOKEN_CODE);
	code = view_of(text.ptr + text.len - HOST_TOKEN_CODE, HOST_TOKEN_CODE);
	if (!rc_is_ok(name_parse(view_of(text.ptr, text.len - HOST_TOKEN_CODE - 1), &host)))
		return fault_set(f, RC_SYNTAX, 0, "token: what comes before its code is no name");
	TRY(secret_new(&seed, HOST_TOKEN_SEED));
	buf_init_fixed(&out, seed.ptr, seed.len);
	if (!rc_is_ok(base64_parse(BASE64_URL, code, &out, NULL)) || out.len != HOST_TOKEN_SEED)
		return fault_set(f, RC_SYNTAX, 0, "token: its code is not one (copied in full?)");
	*ret_host = host;
	*ret_seed = seed;
	seed = (struct secret){0};
	return OK;
}

rc host_token_format(const struct name *host, const struct secret *seed, struct secret *ret)
{
	struct buf out;
	rc r;

	TRY(secret_new(ret, HOST_TOKEN_TEXT_MAX + 1));
	buf_init_fixed(&out, ret->ptr, ret->len - 1);
	buf_put_str(&out, host->s);
	buf_put_str(&out, "-");
	base64_put(BASE64_URL, secret_view(seed), &out);
	r = buf_done(&out);
	if (!rc_is_ok(r))
		secret_release(ret);
	return r;
}

static rc open_seed(const struct secret *seed, struct pkey_soft **ret, struct fault *f)
{
	AUTO(secret) struct secret der = {0};

	if (seed->len != HOST_TOKEN_SEED)
		return fault_set(f, RC_USAGE, 0, "token: %zu bytes", seed->len);
	TRY(secret_new(&der, sizeof(pkcs8_head) + HOST_TOKEN_SEED));
	memcpy(der.ptr, pkcs8_head, sizeof(pkcs8_head));
	memcpy(der.ptr + sizeof(pkcs8_head), seed->ptr, HOST_TOKEN_SEED);
	return pkey_soft_import(secret_view(&der), ret, f);
}

rc host_token_digest(const struct secret *seed, struct digest *ret, struct fault *f)
{
	AUTO(pkey_soft) struct pkey_soft *k = NULL;
	AUTO(sshkey) struct sshkey *pub = NULL;

	TRY(open_seed(seed, &k, f));
	TRY(spki_to_ssh(pkey_spki(pkey_soft_public(k)), &pub, f));
	*ret = *sshkey_fingerprint(pub);
	return OK;
}

rc host_token_sign(const struct secret *seed, struct view statement, struct buf *out,
		   struct fault *f)
{
	AUTO(pkey_soft) struct pkey_soft *k = NULL;
	AUTO(pkey_soft_ctx) struct pkey_soft_ctx *ctx = NULL;
	AUTO(sshkey) struct sshkey *pub = NULL;
	struct signer s;

	TRY(open_seed(seed, &k, f));
	TRY(spki_to_ssh(pkey_spki(pkey_soft_public(k)), &pub, f));
	TRY(pkey_soft_ctx_new(k, &ctx, f));
	s = pkey_soft_signer(ctx);
	return sshsig_sign(pub, &s, statement_info(STATEMENT_ENROLMENT)->ns, statement, out, f);
}

rc host_token_verify(const struct digest *token, struct view statement, struct view sig,
		     struct fault *f)
{
	static const struct sshsig_rules strict = {0};
	AUTO(sshkey) struct sshkey *key = NULL;
	struct sshsig parts;
	struct digest blob;

	TRY(sshsig_parse(sig, &parts, f));
	blob = digest_of(parts.key_blob);
	if (!ct_equal(digest_view(&blob), digest_view(token)))
		return fault_set(f, RC_BADSIG, 0, "it is signed by another token");
	TRY(sshkey_parse_blob(parts.key_blob, &key, f));
	if (sshkey_type(key) != SSHKEY_ED25519)
		return fault_set(f, RC_BADSIG, 0, "the token's key is of another type");
	return sshsig_verify(key, statement_info(STATEMENT_ENROLMENT)->ns, statement, sig, &strict,
			     NULL, f);
}
