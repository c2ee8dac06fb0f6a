#include "lib/crypt/sshsig.h"

#include "lib/codec/pem.h"
#include "lib/crypt/sshkey_int.h"
#include "lib/crypt/webauthn.h"

static const char magic[] = "SSHSIG"; /* PROTOCOL.sshsig 1: six bytes, no length */
static const struct pem_kind armor = {.label = "SSH SIGNATURE", .columns = PEM_COLUMNS_SSH};

static bool is_namespace(struct view ns)
{
	if (ns.len == 0 || ns.len > SSHSIG_NAMESPACE_MAX)
		return false;
	for (size_t i = 0; i < ns.len; i++)
		if (ns.ptr[i] <= 0x20 || ns.ptr[i] > 0x7e)
			return false;
	return true;
}

/* PROTOCOL.sshsig 2: sha256 and sha512, no others. */
static rc parse_hash(struct view name, enum hash_alg *ret, struct fault *f)
{
	if (!rc_is_ok(hash_alg_parse(name, ret)) || *ret == HASH_SHA384)
		return fault_set(f, RC_UNSUPPORTED, 0, "sshsig: hash is neither sha256 nor sha512");
	return OK;
}

static rc parse_head(struct view *v, struct fault *f)
{
	struct view head;
	uint32_t version;

	if (!rc_is_ok(view_take(v, sizeof(magic) - 1, &head)) || !view_is(head, magic))
		return fault_set(f, RC_SYNTAX, 0, "sshsig: does not begin with SSHSIG");
	if (!rc_is_ok(view_u32be(v, &version)))
		return fault_set(f, RC_TRUNCATED, 6, "sshsig: ends in the version");
	if (version != 1)
		return fault_set(f, RC_UNSUPPORTED, 6, "sshsig: version %u, not 1", version);
	return OK;
}

rc sshsig_parse(struct view blob, struct sshsig *ret, struct fault *f)
{
	struct sshsig s = {0};
	struct view v = blob;
	struct view reserved;
	struct view hash;

	if (blob.len > SSHSIG_BLOB_MAX)
		return fault_set(f, RC_LIMIT, 0, "sshsig: %zu bytes, at most %d", blob.len,
				 SSHSIG_BLOB_MAX);
	TRY(parse_head(&v, f));
	TRY(sshkey_string(&v, SSHKEY_BLOB_MAX, "sshsig: public key", &s.key_blob, f));
	TRY(sshkey_string(&v, SSHSIG_NAMESPACE_MAX, "sshsig: namespace", &s.ns, f));
	TRY(sshkey_string(&v, SSHSIG_BLOB_MAX, "sshsig: reserved", &reserved, f));
	TRY(sshkey_string(&v, 16, "sshsig: hash", &hash, f));
	TRY(sshkey_string(&v, SSHSIG_BLOB_MAX, "sshsig: signature", &s.signature, f));
	if (v.len != 0)
		return fault_set(f, RC_TRAILING, blob.len - v.len, "sshsig: %zu bytes too many",
				 v.len);
	if (!is_namespace(s.ns))
		return fault_set(f, RC_SYNTAX, 0, "sshsig: namespace is empty or not printable");
	if (reserved.len != 0)
		return fault_set(f, RC_NONCANON, 0, "sshsig: reserved field is not empty");
	TRY(parse_hash(hash, &s.hash, f));
	*ret = s;
	return OK;
}

void sshsig_put_tbs_hash(const char *ns, const struct hash *hash, struct buf *out)
{
	if (!is_namespace(view_str(ns)))
		buf_fail(out, RC_RANGE);
	if (hash->alg == HASH_SHA384)
		buf_fail(out, RC_UNSUPPORTED);
	buf_put(out, magic, sizeof(magic) - 1);
	buf_put_string(out, view_str(ns));
	buf_put_string(out, view_str(""));
	buf_put_string(out, view_str(hash_name(hash->alg)));
	buf_put_string(out, hash_view(hash));
}

void sshsig_put_tbs(const char *ns, enum hash_alg alg, struct view message, struct buf *out)
{
	struct hash hash = hash_of(alg, message);

	sshsig_put_tbs_hash(ns, &hash, out);
}

void sshsig_wrap(const struct sshkey *key, const char *ns, enum hash_alg alg, struct view signature,
		 struct buf *out)
{
	if (!is_namespace(view_str(ns)))
		buf_fail(out, RC_RANGE);
	if (alg == HASH_SHA384)
		buf_fail(out, RC_UNSUPPORTED);
	buf_put(out, magic, sizeof(magic) - 1);
	buf_put_u32be(out, 1);
	buf_put_string(out, sshkey_blob(key));
	buf_put_string(out, view_str(ns));
	buf_put_string(out, view_str(""));
	buf_put_string(out, view_str(hash_name(alg)));
	buf_put_string(out, signature);
}

void sshsig_armor(struct view blob, struct buf *out)
{
	pem_put(&armor, blob, out);
}

rc sshsig_dearmor(struct view text, struct buf *out, struct fault *f)
{
	if (text.len > SSHSIG_ARMOR_MAX)
		return fault_set(f, RC_LIMIT, 0, "sshsig: armor of %zu bytes, at most %d", text.len,
				 SSHSIG_ARMOR_MAX);
	return pem_parse(&armor, text, out, f);
}

/* One DER INTEGER, positive and shortest (X.690 8.3); its content is an mpint as it stands. */
static rc der_integer(struct view *v, struct view *ret)
{
	uint8_t tag;
	uint8_t len;
	struct view n;

	TRY(view_u8(v, &tag));
	TRY(view_u8(v, &len));
	if (tag != 0x02 || len > P256_SIZE + 1)
		return RC(RC_SYNTAX);
	TRY(view_take(v, len, &n));
	if (n.len == 0 || (n.ptr[0] & 0x80) != 0 ||
	    (n.ptr[0] == 0 && (n.len == 1 || (n.ptr[1] & 0x80) == 0)))
		return RC(RC_NONCANON);
	*ret = n;
	return OK;
}

/* ECDSA-Sig-Value (RFC 3279 2.2.3) as the string of two mpints of RFC 5656 3.1.2. */
static rc put_ecdsa(struct view der, struct buf *out)
{
	struct view v = der;
	struct view r;
	struct view s;
	uint8_t tag;
	uint8_t len;

	TRY(view_u8(&v, &tag));
	TRY(view_u8(&v, &len));
	if (tag != 0x30 || len != v.len)
		return RC(RC_SYNTAX);
	TRY(der_integer(&v, &r));
	TRY(der_integer(&v, &s));
	TRY(view_end(&v));
	buf_put_u32be(out, (uint32_t)(8 + r.len + s.len));
	buf_put_string(out, r);
	buf_put_string(out, s);
	return OK;
}

static rc put_ecdsa_named(const char *name, struct view der, struct buf *out, struct fault *f)
{
	size_t before = out->len;
	rc r;

	buf_put_string(out, view_str(name));
	r = put_ecdsa(der, out);
	if (!rc_is_ok(r)) {
		out->len = before;
		return fault_set(f, r.code, 0, "ecdsa signature: %s (RFC 3279 2.2.3)", rc_name(r));
	}
	return buf_done(out);
}

static rc put_fixed(const char *name, size_t size, struct view raw, struct buf *out,
		    struct fault *f)
{
	if (raw.len != size)
		return fault_set(f, RC_SYNTAX, 0, "%s: signature of %zu bytes, not %zu", name,
				 raw.len, size);
	buf_put_string(out, view_str(name));
	buf_put_string(out, raw);
	return buf_done(out);
}

rc sshsig_put_signature(const struct sshkey *key, struct view raw, struct buf *out, struct fault *f)
{
	switch (key->type) {
	case SSHKEY_ED25519:
		return put_fixed("ssh-ed25519", key->size, raw, out, f);
	case SSHKEY_RSA:
		return put_fixed("rsa-sha2-512", key->size, raw, out, f);
	case SSHKEY_ECDSA_P256:
		return put_ecdsa_named("ecdsa-sha2-nistp256", raw, out, f);
	case SSHKEY_SK_ED25519:
	case SSHKEY_SK_ECDSA_P256:
		break;
	}
	return fault_set(f, RC_UNSUPPORTED, 0, "sshsig: a security key makes its signature itself");
}

static rc sign_value(const struct sshkey *key, const struct signer *s, struct view bytes,
		     struct buf *raw, struct fault *f)
{
	struct hash h;

	switch (key->type) {
	case SSHKEY_ED25519:
		return s->sign(s->ctx, SIGN_ED25519, HASH_SHA512, bytes, raw, f);
	case SSHKEY_RSA:
		h = hash_of(HASH_SHA512, bytes);
		return s->sign(s->ctx, SIGN_RSA_PKCS1, h.alg, hash_view(&h), raw, f);
	case SSHKEY_ECDSA_P256:
		h = hash_of(HASH_SHA256, bytes);
		return s->sign(s->ctx, SIGN_ECDSA, h.alg, hash_view(&h), raw, f);
	case SSHKEY_SK_ED25519:
	case SSHKEY_SK_ECDSA_P256:
		break;
	}
	return fault_set(f, RC_UNSUPPORTED, 0, "sshsig: a security key makes its signature itself");
}

rc sshsig_sign_bytes(const struct sshkey *key, const struct signer *s, struct view bytes,
		     struct buf *out, struct fault *f)
{
	uint8_t raw_mem[PKEY_SIGNATURE_MAX];
	struct buf raw;

	buf_init_fixed(&raw, raw_mem, sizeof(raw_mem));
	TRY(sign_value(key, s, bytes, &raw, f));
	TRY(sshsig_put_signature(key, buf_view(&raw), out, f));
	return buf_done(out);
}

rc sshsig_sign(const struct sshkey *key, const struct signer *s, const char *ns,
	       struct view message, struct buf *out, struct fault *f)
{
	uint8_t tbs_mem[SSHSIG_TBS_MAX];
	uint8_t sig_mem[PKEY_SIGNATURE_MAX + 64];
	struct buf tbs;
	struct buf sig;

	buf_init_fixed(&tbs, tbs_mem, sizeof(tbs_mem));
	buf_init_fixed(&sig, sig_mem, sizeof(sig_mem));
	sshsig_put_tbs(ns, SSHSIG_HASH, message, &tbs);
	if (!rc_is_ok(buf_done(&tbs)))
		return fault_set(f, buf_done(&tbs).code, 0, "sshsig: namespace is not accepted");
	TRY(sshsig_sign_bytes(key, s, buf_view(&tbs), &sig, f));
	sshsig_wrap(key, ns, SSHSIG_HASH, buf_view(&sig), out);
	return buf_done(out);
}

rc sshsig_put_assertion(const struct sshkey *key, const struct sshsig_assertion *a, struct buf *out,
			struct fault *f)
{
	/* WebAuthn L2 6.1: rpIdHash[32], flags, signCount[4], extensions if ED. */
	struct digest rp = digest_of(key->application);
	struct webauthn_client_data client;
	struct view v = a->auth_data;
	struct view rp_hash;
	struct view tail;

	if (sshkey_channel(key) != SSHKEY_BROWSER)
		return fault_set(f, RC_MISMATCH, 0, "assertion: the key is not a passkey");
	if (a->client_data.len > SSHSIG_CLIENT_DATA_MAX || a->auth_data.len > 1024)
		return fault_set(f, RC_LIMIT, 0,
				 "assertion: client or authenticator data too long");
	if (!rc_is_ok(view_take(&v, DIGEST_SIZE, &rp_hash)) || !rc_is_ok(view_take(&v, 5, &tail)))
		return fault_set(f, RC_TRUNCATED, 0,
				 "assertion: authenticator data of %zu bytes (WebAuthn L2 6.1)",
				 a->auth_data.len);
	if (!view_is_equal(rp_hash, digest_view(&rp)))
		return fault_set(f, RC_MISMATCH, 0, "assertion: RP id is not the key's");
	TRY(webauthn_parse_client_data(a->client_data, &client, f));
	TRY(put_ecdsa_named("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", a->der, out, f));
	buf_put_view(out, tail);
	buf_put_string(out, client.origin);
	buf_put_string(out, a->client_data);
	buf_put_string(out, v); /* extensions */
	return buf_done(out);
}
