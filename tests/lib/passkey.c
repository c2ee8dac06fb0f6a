#include "tests/lib/passkey.h"

#include <string.h>

#include "lib/codec/base64.h"
#include "lib/crypt/sshsig.h"

#define SK "sk-ecdsa-sha2-nistp256@openssh.com"

void passkey_new(struct passkey *p, const char *application)
{
	AUTO(buf) struct buf blob;
	struct view rest;
	struct view part;

	memset(p, 0, sizeof(*p));
	fx_key_new(&p->key, true);
	p->plain = p->key.ssh;
	buf_init(&blob, SSHKEY_BLOB_MAX);
	buf_put_string(&blob, view_str(SK));
	rest = sshkey_blob(p->plain);
	fx_ok(view_string(&rest, 100, &part)); /* the type; curve and point stay */
	buf_put_view(&blob, rest);
	buf_put_string(&blob, view_str(application));
	fx_ok(sshkey_parse_blob(buf_view(&blob), &p->key.ssh, NULL));
}

void passkey_release(struct passkey *p)
{
	pkey_soft_free(p->key.soft);
	sshkey_free(p->key.ssh);
	sshkey_free(p->plain);
	memset(p, 0, sizeof(*p));
}

/* string(mpint r, mpint s) over bytes. */
static void put_value(const struct passkey *p, struct view bytes, struct buf *out)
{
	struct hash h = hash_of(HASH_SHA256, bytes);
	const struct sign_input in = {
		.scheme = SIGN_ECDSA, .hash = HASH_SHA256, .input = hash_view(&h)};
	AUTO(buf) struct buf der;
	AUTO(buf) struct buf named;
	struct pkey_soft_ctx *ctx;
	struct view rest;
	struct view name;

	buf_init(&der, PKEY_SIGNATURE_MAX);
	buf_init(&named, 1000);
	fx_ok(pkey_soft_ctx_new(p->key.soft, &ctx, NULL));
	fx_ok(pkey_soft_sign(ctx, &in, &der, NULL));
	pkey_soft_ctx_free(ctx);
	fx_ok(sshsig_put_signature(p->plain, buf_view(&der), &named, NULL));
	rest = buf_view(&named);
	fx_ok(view_string(&rest, 100, &name));
	buf_put_view(out, rest);
}

static void put_client_data(const struct passkey_form *form, struct view tbs, struct buf *out)
{
	buf_put_str(out, "{\"type\":\"webauthn.get\",\"challenge\":\"");
	base64_put(BASE64_URL, tbs, out);
	buf_printf(out, "\",\"origin\":\"%s\",\"crossOrigin\":false}", form->origin);
}

void passkey_sign(const struct passkey *p, const struct passkey_form *form, const char *ns,
		  struct view message, struct buf *out)
{
	AUTO(buf) struct buf tbs, client, bytes, signature;
	struct digest application = digest_of(sshkey_application(p->key.ssh));
	struct digest inner;

	buf_init(&tbs, SSHSIG_TBS_MAX);
	buf_init(&client, SSHSIG_CLIENT_DATA_MAX);
	buf_init(&bytes, 1000);
	buf_init(&signature, SSHSIG_BLOB_MAX);
	sshsig_put_tbs(ns, HASH_SHA512, message, &tbs);
	if (form->browser)
		put_client_data(form, buf_view(&tbs), &client);
	inner = digest_of(form->browser ? buf_view(&client) : buf_view(&tbs));
	buf_put_view(&bytes, digest_view(&application));
	buf_put_u8(&bytes, form->flags);
	buf_put_u32be(&bytes, 7);
	buf_put_view(&bytes, digest_view(&inner));
	buf_put_string(&signature, view_str(form->browser ? "webauthn-" SK : SK));
	put_value(p, buf_view(&bytes), &signature);
	buf_put_u8(&signature, form->flags);
	buf_put_u32be(&signature, 7);
	if (form->browser) {
		buf_put_string(&signature, view_str(form->origin));
		buf_put_string(&signature, buf_view(&client));
		buf_put_string(&signature, view_of(NULL, 0));
	}
	sshsig_wrap(p->key.ssh, ns, HASH_SHA512, buf_view(&signature), out);
	fx_ok(buf_done(out));
}
