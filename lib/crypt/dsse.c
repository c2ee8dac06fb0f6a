#include "lib/crypt/dsse.h"

#include <jansson.h>
#include <openssl/evp.h>

#include "lib/codec/base64.h"
#include "lib/codec/jcan.h"
#include "lib/codec/json_depth.h"
#include "lib/crypt/ossl.h"
#include "lib/crypt/sshkey_int.h"

/* ---- Reading --------------------------------------------------------------------------------*/

/* A text of printable ASCII; optional ones may be absent. */
static rc text_read(const json_t *object, const char *key, bool optional, size_t max,
		    struct view *ret, struct fault *f)
{
	const json_t *v = json_object_get(object, key);

	*ret = view_of("", 0);
	if (v == NULL && optional)
		return OK;
	if (!json_is_string(v))
		return fault_set(f, RC_SYNTAX, 0, "dsse: \"%s\" is not a text", key);
	*ret = view_of(json_string_value(v), json_string_length(v));
	if (ret->len > max)
		return fault_set(f, RC_LIMIT, 0, "dsse: \"%s\" has %zu bytes, at most %zu", key,
				 ret->len, max);
	for (size_t i = 0; i < ret->len; i++)
		if (ret->ptr[i] < 0x20 || ret->ptr[i] > 0x7e)
			return fault_set(f, RC_SYNTAX, i, "dsse: \"%s\" is not printable ASCII",
					 key);
	return OK;
}

/* Both alphabets are permitted (DSSE 1.0.2, envelope), each by itself. */
static rc base64_read(const char *key, struct view text, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf standard = {0};
	bool url = false;

	buf_init(&standard, DSSE_BYTES_MAX);
	for (size_t i = 0; i < text.len; i++)
		url = url || text.ptr[i] == '-' || text.ptr[i] == '_';
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (url && (c == '+' || c == '/'))
			return fault_set(f, RC_SYNTAX, i, "dsse: \"%s\" mixes two alphabets", key);
		buf_put_u8(&standard, c == '-' ? '+' : c == '_' ? '/' : c);
	}
	TRY(buf_done(&standard));
	rc r = base64_parse(BASE64_STD, buf_view(&standard), out, f);
	return rc_is_ok(r) ? OK : fault_wrap(f, r, "dsse: \"%s\"", key);
}

static rc signature_read(const json_t *object, struct dsse_signature *ret, struct fault *f)
{
	struct view keyid;
	struct view text;
	struct buf out;

	if (!json_is_object(object))
		return fault_set(f, RC_SYNTAX, 0, "dsse: a signature is not an object");
	TRY(text_read(object, "keyid", true, DSSE_KEYID_MAX, &keyid, f));
	memcpy(ret->keyid, keyid.ptr, keyid.len);
	TRY(text_read(object, "sig", false, base64_size(BASE64_STD, DSSE_SIGNATURE_MAX), &text, f));
	buf_init_fixed(&out, ret->sig, sizeof(ret->sig));
	TRY(base64_read("sig", text, &out, f));
	if (out.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "dsse: \"sig\" is empty");
	ret->len = out.len;
	return OK;
}

static rc signatures_read(const json_t *root, struct dsse *d, struct fault *f)
{
	const json_t *list = json_object_get(root, "signatures");

	if (!json_is_array(list))
		return fault_set(f, RC_SYNTAX, 0, "dsse: \"signatures\" is not an array");
	if (json_array_size(list) == 0)
		return fault_set(f, RC_RANGE, 0, "dsse: there is no signature");
	if (json_array_size(list) > DSSE_SIGNATURES_MAX)
		return fault_set(f, RC_LIMIT, 0, "dsse: more than %u signatures",
				 DSSE_SIGNATURES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++)
		TRY(signature_read(json_array_get(list, i), &d->signatures[i], f));
	d->count = json_array_size(list);
	return OK;
}

static rc envelope_read(const json_t *root, struct dsse *d, struct fault *f)
{
	struct view text;

	if (!json_is_object(root))
		return fault_set(f, RC_SYNTAX, 0, "dsse: not an object");
	TRY(text_read(root, "payloadType", false, DSSE_TYPE_MAX, &text, f));
	if (text.len == 0 || memchr(text.ptr, ' ', text.len) != NULL)
		return fault_set(f, RC_SYNTAX, 0, "dsse: \"payloadType\" is empty or has a space");
	memcpy(d->type, text.ptr, text.len);
	TRY(text_read(root, "payload", false, DSSE_BYTES_MAX, &text, f));
	TRY(base64_read("payload", text, &d->payload, f));
	return signatures_read(root, d, f);
}

rc dsse_parse(struct view bytes, struct dsse *ret, struct fault *f)
{
	struct dsse d = {0};
	json_error_t error;
	json_t *root;
	rc r;

	if (bytes.len > DSSE_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "dsse: %zu bytes, at most %u", bytes.len,
				 DSSE_BYTES_MAX);
	TRY(json_depth_check("dsse", bytes, DSSE_DEPTH_MAX, f));
	root = json_loadb((const char *)bytes.ptr, bytes.len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return fault_set(f,
				 json_error_code(&error) == json_error_out_of_memory ? RC_NOMEM
										     : RC_SYNTAX,
				 (uint64_t)error.position, "dsse: %s", error.text);
	buf_init(&d.payload, DSSE_PAYLOAD_MAX);
	r = envelope_read(root, &d, f);
	json_decref(root);
	if (rc_is_ok(r))
		*ret = d;
	else
		dsse_release(&d);
	return r;
}

void dsse_release(struct dsse *d)
{
	buf_release(&d->payload);
	d->count = 0;
}

/* ---- Signatures -----------------------------------------------------------------------------*/

void dsse_put_pae(const char *type, struct view payload, struct buf *out)
{
	buf_printf(out, "DSSEv1 %zu %s %zu ", strlen(type), type, payload.len);
	buf_put_view(out, payload);
}

rc dsse_verify(const struct sshkey *key, const char *type, struct view payload, struct view sig,
	       struct fault *f)
{
	AUTO(buf) struct buf pae = {0};
	const EVP_MD *md = key->type == SSHKEY_ED25519 ? NULL : EVP_sha256();
	EVP_MD_CTX *ctx;
	int ok;

	if (sshkey_is_sk(key))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "dsse: a security key cannot have signed it");
	buf_init(&pae, DSSE_PAYLOAD_MAX + 256);
	dsse_put_pae(type, payload, &pae);
	TRY(buf_done(&pae));
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL)
		return fault_set(f, RC_NOMEM, 0, "dsse: out of memory");
	ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->pkey);
	if (ok != 1) {
		EVP_MD_CTX_free(ctx);
		return ossl_fault(f, RC_CRYPTO, "dsse");
	}
	ok = EVP_DigestVerify(ctx, sig.ptr, sig.len, pae.ptr, pae.len);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok == 1 ? OK : fault_set(f, RC_BADSIG, 0, "dsse: the signature is wrong");
}

static void put_der_integer(struct buf *out, struct view n)
{
	bool high = (n.ptr[0] & 0x80) != 0;

	buf_put_u8(out, 0x02);
	buf_put_u8(out, (uint8_t)(n.len + high));
	if (high)
		buf_put_u8(out, 0);
	buf_put_view(out, n);
}

/* mpint r, mpint s (RFC 5656 3.1.2) to ECDSA-Sig-Value (RFC 3279 2.2.3). */
static rc put_ecdsa(struct view value, struct buf *out, struct fault *f)
{
	struct view r;
	struct view s;

	TRY(sshkey_mpint(&value, P256_SIZE, "dsse: r", &r, f));
	TRY(sshkey_mpint(&value, P256_SIZE, "dsse: s", &s, f));
	if (value.len != 0)
		return fault_set(f, RC_TRAILING, 0, "dsse: %zu bytes after s", value.len);
	buf_put_u8(out, 0x30);
	buf_put_u8(out, (uint8_t)(2 + r.len + (r.ptr[0] >> 7) + 2 + s.len + (s.ptr[0] >> 7)));
	put_der_integer(out, r);
	put_der_integer(out, s);
	return buf_done(out);
}

rc dsse_put_ssh_signature(const struct sshkey *key, struct view ssh, struct buf *out,
			  struct fault *f)
{
	static const char *const algorithm[] = {[SSHKEY_ED25519] = "ssh-ed25519",
						[SSHKEY_ECDSA_P256] = "ecdsa-sha2-nistp256",
						[SSHKEY_RSA] = "rsa-sha2-256"};
	struct view name;
	struct view value;

	TRY(sshkey_string(&ssh, 64, "dsse: algorithm", &name, f));
	TRY(sshkey_string(&ssh, DSSE_SIGNATURE_MAX, "dsse: value", &value, f));
	if (ssh.len != 0)
		return fault_set(f, RC_TRAILING, 0, "dsse: %zu bytes after the value", ssh.len);
	if (sshkey_is_sk(key) || !view_is(name, algorithm[key->type]))
		return fault_set(f, RC_UNSUPPORTED, 0, "dsse: a signature by %.*s is of no use",
				 (int)name.len, (const char *)name.ptr);
	if (key->type == SSHKEY_ECDSA_P256)
		return put_ecdsa(value, out, f);
	if (value.len != key->size)
		return fault_set(f, RC_SYNTAX, 0, "dsse: a signature of %zu bytes", value.len);
	buf_put_view(out, value);
	return buf_done(out);
}

void dsse_put(const char *type, struct view payload, const struct dsse_signature *s,
	      struct buf *out)
{
	struct jcan_out w;
	rc r;

	jcan_out_init(&w, out);
	jcan_out_object(&w);
	jcan_out_key(&w, "payload");
	jcan_out_base64(&w, payload);
	jcan_out_key(&w, "payloadType");
	jcan_out_string(&w, type);
	jcan_out_key(&w, "signatures");
	jcan_out_array(&w);
	jcan_out_object(&w);
	jcan_out_key(&w, "keyid");
	jcan_out_string(&w, s->keyid);
	jcan_out_key(&w, "sig");
	jcan_out_base64(&w, view_of(s->sig, s->len));
	jcan_out_object_end(&w);
	jcan_out_array_end(&w);
	jcan_out_object_end(&w);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		buf_fail(out, r.code);
}

void dsse_prepare(void)
{
	json_object_seed(0);
}
