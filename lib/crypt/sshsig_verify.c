/* The verification half of sshsig.h: forms of signatures, rules, and the call into libcrypto. */
#include "lib/crypt/sshsig.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/crypt/sshkey_int.h"
#include "lib/crypt/webauthn.h"

/* Authenticator flags, WebAuthn L3 6.1. */
#define FLAG_UP 0x01 /* somebody touched it */
#define FLAG_UV 0x04 /* ... and was verified by PIN or finger */
#define FLAG_BE 0x08 /* the key may be synced to other devices */
#define FLAG_BS 0x10 /* ... and is */
#define FLAG_AT 0x40 /* attested credential data follow: only when a key is made */
#define FLAG_ED 0x80 /* extensions follow: nobody asks for any */
#define FLAGS_RESERVED 0x22

#define DER_ECDSA_MAX (2 + 2 * (2 + P256_SIZE + 1))
/* SHA-256(application), flags, counter, SHA-256(message) (PROTOCOL.u2f). */
#define SK_SIGNED_SIZE (DIGEST_SIZE + 5 + DIGEST_SIZE)

static const struct form {
	const char *name;
	enum sshkey_type key;
	enum hash_alg hash; /* of the signed bytes; 0: Ed25519 does it itself */
	bool ecdsa;	    /* the value is two mpints */
	bool sk;	    /* flags and counter follow */
	bool browser;	    /* origin, client data and extensions follow */
} forms[] = {
	{"ssh-ed25519", SSHKEY_ED25519, 0, false, false, false},
	{"ecdsa-sha2-nistp256", SSHKEY_ECDSA_P256, HASH_SHA256, true, false, false},
	{"rsa-sha2-256", SSHKEY_RSA, HASH_SHA256, false, false, false},
	{"rsa-sha2-512", SSHKEY_RSA, HASH_SHA512, false, false, false},
	{"sk-ssh-ed25519@openssh.com", SSHKEY_SK_ED25519, 0, false, true, false},
	{"sk-ecdsa-sha2-nistp256@openssh.com", SSHKEY_SK_ECDSA_P256, HASH_SHA256, true, true,
	 false},
	{"webauthn-sk-ecdsa-sha2-nistp256@openssh.com", SSHKEY_SK_ECDSA_P256, HASH_SHA256, true,
	 true, true},
};

/* An SSH signature taken apart; borrows from the blob. */
struct parts {
	const struct form *form;
	struct view value; /* as libcrypto wants it: ECDSA points into der */
	uint8_t der[DER_ECDSA_MAX];
	uint8_t flags;
	uint32_t counter;
	struct view origin;
	struct view client_data;
	struct view extensions;
};

static rc find_form(struct view name, const struct sshkey *key, const struct form **ret,
		    struct fault *f)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (!view_is(name, forms[i].name))
			continue;
		if (forms[i].key != key->type)
			return fault_set(f, RC_MISMATCH, 0,
					 "sshsig: %s does not fit a key of type %s", forms[i].name,
					 sshkey_type_name(key->type));
		if (forms[i].browser != (sshkey_channel(key) == SSHKEY_BROWSER))
			return fault_set(
				f, RC_MISMATCH, 0,
				"sshsig: the key is enrolled for the other channel than %s",
				forms[i].name);
		*ret = &forms[i];
		return OK;
	}
	return fault_set(f, RC_UNSUPPORTED, 0, "sshsig: algorithm \"%.*s\" is not accepted",
			 (int)name.len, (const char *)name.ptr);
}

rc sshsig_form_channel(const struct sshsig *s, enum sshkey_channel *ret)
{
	struct view v = s->signature;
	struct view name;

	TRY(sshkey_string(&v, 64, "sshsig: algorithm", &name, NULL));
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (view_is(name, forms[i].name)) {
			*ret = forms[i].browser ? SSHKEY_BROWSER : SSHKEY_CLI;
			return OK;
		}
	return RC(RC_UNSUPPORTED);
}

/* 0 < n < order of P-256 (FIPS 186-5 6.4.2); n has no leading zeros. */
static bool in_range(struct view n)
{
	static const uint8_t order[P256_SIZE] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
						 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
						 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

	return n.len < P256_SIZE || memcmp(n.ptr, order, P256_SIZE) < 0;
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

/* mpint r, mpint s (RFC 5656 3.1.2) to ECDSA-Sig-Value. */
static rc parse_ecdsa(struct view value, struct parts *p, struct fault *f)
{
	struct buf out;
	struct view r;
	struct view s;

	TRY(sshkey_mpint(&value, P256_SIZE, "sshsig: r", &r, f));
	TRY(sshkey_mpint(&value, P256_SIZE, "sshsig: s", &s, f));
	if (value.len != 0)
		return fault_set(f, RC_TRAILING, 0, "sshsig: %zu bytes after s", value.len);
	if (!in_range(r) || !in_range(s))
		return fault_set(f, RC_RANGE, 0, "sshsig: r or s is not below the group order");
	buf_init_fixed(&out, p->der, sizeof(p->der));
	buf_put_u8(&out, 0x30);
	buf_put_u8(&out, 0);
	put_der_integer(&out, r);
	put_der_integer(&out, s);
	TRY(buf_done(&out));
	p->der[1] = (uint8_t)(out.len - 2);
	p->value = buf_view(&out);
	return OK;
}

static rc parse_value(struct view *v, const struct sshkey *key, struct parts *p, struct fault *f)
{
	struct view value;

	TRY(sshkey_string(v, SSHKEY_BLOB_MAX, "sshsig: value", &value, f));
	if (p->form->ecdsa)
		return parse_ecdsa(value, p, f);
	if (value.len != key->size)
		return fault_set(f, RC_SYNTAX, 0, "sshsig: %s value of %zu bytes, not %zu",
				 p->form->name, value.len, key->size);
	p->value = value;
	return OK;
}

static rc parse_parts(const struct sshkey *key, struct view signature, struct parts *p,
		      struct fault *f)
{
	struct view v = signature;
	struct view name;

	TRY(sshkey_string(&v, 64, "sshsig: algorithm", &name, f));
	TRY(find_form(name, key, &p->form, f));
	TRY(parse_value(&v, key, p, f));
	if (p->form->sk &&
	    (!rc_is_ok(view_u8(&v, &p->flags)) || !rc_is_ok(view_u32be(&v, &p->counter))))
		return fault_set(f, RC_TRUNCATED, 0,
				 "sshsig: ends in flags or counter (PROTOCOL.u2f)");
	if (p->form->browser) {
		TRY(sshkey_string(&v, SSHSIG_ORIGIN_MAX, "sshsig: origin", &p->origin, f));
		TRY(sshkey_string(&v, SSHSIG_CLIENT_DATA_MAX, "sshsig: client data",
				  &p->client_data, f));
		TRY(sshkey_string(&v, 1024, "sshsig: extensions", &p->extensions, f));
	}
	if (v.len != 0)
		return fault_set(f, RC_TRAILING, 0, "sshsig: %zu bytes after the %s signature",
				 v.len, p->form->name);
	return OK;
}

/* Flags that contradict each other or what the signature carries. */
static rc check_flags(const struct parts *p, struct fault *f)
{
	bool extended = (p->flags & FLAG_ED) != 0;

	if ((p->flags & FLAGS_RESERVED) != 0 || (p->flags & FLAG_AT) != 0 ||
	    ((p->flags & FLAG_BS) != 0 && (p->flags & FLAG_BE) == 0))
		return fault_set(f, RC_SYNTAX, 0,
				 "sshsig: authenticator flags 0x%02x contradict WebAuthn L3 6.1",
				 p->flags);
	if (extended && !p->form->browser)
		return fault_set(f, RC_SYNTAX, 0, "sshsig: flag ED, but no extensions");
	if (extended != (p->extensions.len != 0))
		return fault_set(f, RC_SYNTAX, 0,
				 "sshsig: flag ED is %d with %zu bytes of extensions", extended,
				 p->extensions.len);
	if (extended)
		return fault_set(f, RC_UNSUPPORTED, 0, "sshsig: authenticator extensions");
	return OK;
}

static rc check_rules(const struct parts *p, const struct sshsig_rules *rules, struct fault *f)
{
	if ((p->flags & FLAG_UP) == 0)
		return fault_set(f, RC_DENIED, 0, "sshsig: nobody touched the security key (UP 0)");
	if ((p->flags & FLAG_UV) == 0 && !rules->allow_unverified)
		return fault_set(
			f, RC_DENIED, 0,
			"sshsig: made without PIN or finger (UV 0), which the rule demands");
	if ((p->flags & FLAG_BE) != 0 && !rules->allow_synced)
		return fault_set(
			f, RC_DENIED, 0,
			"sshsig: the passkey can be synced (BE 1), which the rule excludes");
	return OK;
}

/* WebAuthn L2 5.1.2 and 4 (RP ID): the page's host is the RP id or below it. Browsers keep to it;
 * so does whoever does not know the origins. */
static bool is_of_rp(struct view origin, struct view rp)
{
	struct view host = origin;
	struct view part;
	size_t end = 0;

	if (!rc_is_ok(view_take(&host, 8, &part)) || !view_is(part, "https://"))
		return false;
	while (end < host.len && host.ptr[end] != ':' && host.ptr[end] != '/')
		end++;
	if (end < rp.len || rp.len == 0)
		return false;
	part = view_of(host.ptr + end - rp.len, rp.len);
	return view_is_equal(part, rp) && (end == rp.len || part.ptr[-1] == '.');
}

/* The browser's side: what it was asked to sign, by which page. */
static rc check_client(const struct sshkey *key, const struct parts *p, struct view tbs,
		       const struct sshsig_rules *rules, struct fault *f)
{
	uint8_t mem[SSHSIG_TBS_MAX / 3 * 4 + 4];
	struct webauthn_client_data d;
	struct buf challenge;

	TRY(webauthn_parse_client_data(p->client_data, &d, f));
	buf_init_fixed(&challenge, mem, sizeof(mem));
	base64_put(BASE64_URL, tbs, &challenge);
	TRY(buf_done(&challenge));
	if (!view_is_equal(d.challenge, buf_view(&challenge)))
		return fault_set(f, RC_MISMATCH, 0,
				 "sshsig: the browser signed another challenge than this message");
	if (!view_is_equal(d.origin, p->origin))
		return fault_set(f, RC_MISMATCH, 0,
				 "sshsig: origin differs from the client data's");
	if (rules->rp_origins && is_of_rp(d.origin, sshkey_application(key)))
		return OK;
	for (size_t i = 0; i < rules->origin_count; i++)
		if (view_is_equal(rules->origins[i], d.origin))
			return OK;
	return fault_set(f, RC_DENIED, 0, "sshsig: origin \"%.*s\" is not one of the configured",
			 (int)d.origin.len, (const char *)d.origin.ptr);
}

/* ECDSA over a digest: making a context costs a tenth of a verification, so the key keeps one for
 * whoever comes next; threads that meet make their own. */
static rc verify_ecdsa(const struct sshkey *key, const struct parts *p, struct view bytes,
		       bool *ret_good, struct fault *f)
{
	const struct digest d = digest_of(bytes);
	EVP_PKEY_CTX *ctx = atomic_exchange(&key->spare->ctx, NULL);

	if (ctx == NULL) {
		ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
		if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1 ||
		    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1) {
			EVP_PKEY_CTX_free(ctx);
			return sshkey_crypto(f, "sshsig");
		}
	}
	*ret_good = EVP_PKEY_verify(ctx, p->value.ptr, p->value.len, d.b, sizeof(d.b)) == 1;
	EVP_PKEY_CTX_free(atomic_exchange(&key->spare->ctx, ctx));
	return OK;
}

/* One context per call; the key is only read. */
static rc verify_message(const struct sshkey *key, const struct parts *p, struct view bytes,
			 bool *ret_good, struct fault *f)
{
	const EVP_MD *md = p->form->hash == HASH_SHA256	  ? EVP_sha256()
			   : p->form->hash == HASH_SHA512 ? EVP_sha512()
							  : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ready = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->pkey) == 1;

	*ret_good = ready &&
		    EVP_DigestVerify(ctx, p->value.ptr, p->value.len, bytes.ptr, bytes.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ready ? OK : sshkey_crypto(f, "sshsig");
}

static rc verify_value(const struct sshkey *key, const struct parts *p, struct view bytes,
		       struct fault *f)
{
	bool good = false;

	if (p->form->ecdsa)
		TRY(verify_ecdsa(key, p, bytes, &good, f));
	else
		TRY(verify_message(key, p, bytes, &good, f));
	if (good)
		return OK;
	ERR_clear_error();
	return fault_set(f, RC_BADSIG, 0, "sshsig: the %s signature does not verify",
			 p->form->name);
}

static rc verify_sk(const struct sshkey *key, const struct parts *p, struct view tbs,
		    struct fault *f)
{
	struct digest app = digest_of(key->application);
	struct digest inner = digest_of(p->form->browser ? p->client_data : tbs);
	uint8_t mem[SK_SIGNED_SIZE];
	struct buf b;

	buf_init_fixed(&b, mem, sizeof(mem));
	buf_put_view(&b, digest_view(&app));
	buf_put_u8(&b, p->flags);
	buf_put_u32be(&b, p->counter);
	buf_put_view(&b,
		     digest_view(&inner)); /* extensions would stand before it; there are none */
	TRY(buf_done(&b));
	return verify_value(key, p, buf_view(&b), f);
}

static rc verify_parts(const struct sshkey *key, const struct parts *p, struct view tbs,
		       const struct sshsig_rules *rules, struct fault *f)
{
	if (!p->form->sk)
		return verify_value(key, p, tbs, f);
	TRY(check_flags(p, f));
	TRY(check_rules(p, rules, f));
	if (p->form->browser)
		TRY(check_client(key, p, tbs, rules, f));
	return verify_sk(key, p, tbs, f);
}

/* The blob is by this key, in this namespace. */
static rc check_named(const struct sshkey *key, const char *ns, const struct sshsig *s,
		      struct fault *f)
{
	if (!view_is_equal(s->key_blob, sshkey_blob(key)))
		return fault_set(f, RC_MISMATCH, 0, "sshsig: made by another key");
	if (!view_is(s->ns, ns))
		return fault_set(f, RC_MISMATCH, 0, "sshsig: namespace is \"%.*s\", not \"%s\"",
				 (int)s->ns.len, (const char *)s->ns.ptr, ns);
	return OK;
}

static rc verify_parsed(const struct sshkey *key, const struct sshsig *s, const struct hash *hash,
			const struct sshsig_rules *rules, struct sshsig_info *ret, struct fault *f)
{
	char ns[SSHSIG_NAMESPACE_MAX + 1];
	uint8_t mem[SSHSIG_TBS_MAX];
	struct parts p = {0};
	struct buf tbs;

	memcpy(ns, s->ns.ptr, s->ns.len);
	ns[s->ns.len] = '\0';
	buf_init_fixed(&tbs, mem, sizeof(mem));
	sshsig_put_tbs_hash(ns, hash, &tbs);
	TRY(buf_done(&tbs));
	TRY(parse_parts(key, s->signature, &p, f));
	TRY(verify_parts(key, &p, buf_view(&tbs), rules, f));
	if (ret != NULL)
		*ret = (struct sshsig_info){
			.channel = p.form->browser ? SSHKEY_BROWSER : SSHKEY_CLI,
			.hash = s->hash,
			.user_verified = (p.flags & FLAG_UV) != 0,
			.synced = (p.flags & FLAG_BE) != 0,
			.flags = p.flags,
			.counter = p.counter,
			.origin = p.origin,
		};
	return OK;
}

rc sshsig_verify(const struct sshkey *key, const char *ns, struct view message, struct view blob,
		 const struct sshsig_rules *rules, struct sshsig_info *ret, struct fault *f)
{
	struct sshsig s;
	struct hash hash;

	TRY(sshsig_parse(blob, &s, f));
	TRY(check_named(key, ns, &s, f));
	hash = hash_of(s.hash, message);
	return verify_parsed(key, &s, &hash, rules, ret, f);
}

rc sshsig_verify_hash(const struct sshkey *key, const char *ns, const struct hash *hash,
		      struct view blob, const struct sshsig_rules *rules, struct sshsig_info *ret,
		      struct fault *f)
{
	struct sshsig s;

	TRY(sshsig_parse(blob, &s, f));
	TRY(check_named(key, ns, &s, f));
	if (s.hash != hash->alg)
		return fault_set(f, RC_MISMATCH, 0, "sshsig: hashed with %s, digest is %s",
				 hash_name(s.hash), hash_name(hash->alg));
	return verify_parsed(key, &s, hash, rules, ret, f);
}
