#include "tests/support/token_maker.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/codec/base64.h"

struct token_key {
	EVP_PKEY *pkey;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "token_maker: %s failed\n", what);
	abort();
}

static struct token_key *wrap(EVP_PKEY *pkey)
{
	struct token_key *k = (struct token_key *)calloc(1, sizeof(*k));

	must(k != NULL && pkey != NULL, "key");
	k->pkey = pkey;
	return k;
}

struct token_key *token_key_new(enum token_key_kind kind)
{
	switch (kind) {
	case TOKEN_RSA:
		return wrap(EVP_RSA_gen(2048));
	case TOKEN_RSA_SHORT:
		return wrap(EVP_RSA_gen(1024));
	case TOKEN_P256:
		return wrap(EVP_EC_gen("P-256"));
	case TOKEN_ED25519:
		break;
	}
	return wrap(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

struct token_key *token_key_load(const char *path)
{
	FILE *in = fopen(path, "re");
	EVP_PKEY *pkey;

	if (in == NULL)
		return NULL;
	pkey = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	(void)fclose(in);
	return wrap(pkey);
}

void token_key_save(const struct token_key *k, const char *path)
{
	FILE *out = fopen(path, "we");

	must(out != NULL, "file");
	must(PEM_write_PrivateKey(out, k->pkey, NULL, NULL, 0, NULL, NULL) == 1, "write");
	must(fclose(out) == 0, "close");
}

void token_key_free(struct token_key *k)
{
	if (k != NULL)
		EVP_PKEY_free(k->pkey);
	free(k);
}

const char *token_key_alg(const struct token_key *k)
{
	if (EVP_PKEY_is_a(k->pkey, "RSA"))
		return "RS256";
	return EVP_PKEY_is_a(k->pkey, "EC") ? "ES256" : "EdDSA";
}

static void put_number(const struct token_key *k, const char *param, int pad, struct buf *out)
{
	uint8_t mem[1024];
	BIGNUM *n = NULL;
	int len;

	must(EVP_PKEY_get_bn_param(k->pkey, param, &n) == 1, param);
	len = pad > 0 ? pad : BN_num_bytes(n);
	must(BN_bn2binpad(n, mem, len) == len, "number");
	base64_put(BASE64_URL, view_of(mem, (size_t)len), out);
	BN_free(n);
}

void token_put_jwk(const struct token_key *k, const char *kid, const char *extra, struct buf *out)
{
	uint8_t raw[32];
	size_t len = sizeof(raw);

	if (EVP_PKEY_is_a(k->pkey, "RSA")) {
		buf_put_str(out, "{\"kty\":\"RSA\",\"n\":\"");
		put_number(k, OSSL_PKEY_PARAM_RSA_N, 0, out);
		buf_put_str(out, "\",\"e\":\"");
		put_number(k, OSSL_PKEY_PARAM_RSA_E, 0, out);
	} else if (EVP_PKEY_is_a(k->pkey, "EC")) {
		buf_put_str(out, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"");
		put_number(k, OSSL_PKEY_PARAM_EC_PUB_X, 32, out);
		buf_put_str(out, "\",\"y\":\"");
		put_number(k, OSSL_PKEY_PARAM_EC_PUB_Y, 32, out);
	} else {
		must(EVP_PKEY_get_raw_public_key(k->pkey, raw, &len) == 1, "raw");
		buf_put_str(out, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
		base64_put(BASE64_URL, view_of(raw, len), out);
	}
	buf_printf(out, "\",\"kid\":\"%s\"%s}", kid, extra);
}

static size_t put_input(const char *header, const char *claims, struct buf *out)
{
	size_t at = out->len;

	base64_put(BASE64_URL, view_str(header), out);
	buf_put_u8(out, '.');
	base64_put(BASE64_URL, view_str(claims), out);
	return at;
}

/* ECDSA-Sig-Value to R and S of 32 bytes each (RFC 7518 3.4). */
static size_t flatten(uint8_t *sig, size_t len)
{
	const uint8_t *p = sig;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)len);
	const BIGNUM *r;
	const BIGNUM *v;

	must(s != NULL, "ECDSA");
	ECDSA_SIG_get0(s, &r, &v);
	must(BN_bn2binpad(r, sig, 32) == 32 && BN_bn2binpad(v, sig + 32, 32) == 32, "ECDSA");
	ECDSA_SIG_free(s);
	return 64;
}

void token_put(const struct token_key *k, const char *header, const char *claims, struct buf *out)
{
	size_t at = put_input(header, claims, out);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[1024];
	size_t len = sizeof(sig);
	bool ed = strcmp(token_key_alg(k), "EdDSA") == 0;

	must(rc_is_ok(buf_done(out)), "room");
	must(EVP_DigestSignInit(ctx, NULL, ed ? NULL : EVP_sha256(), NULL, k->pkey) == 1 &&
		     EVP_DigestSign(ctx, sig, &len, out->ptr + at, out->len - at) == 1,
	     "sign");
	EVP_MD_CTX_free(ctx);
	if (strcmp(token_key_alg(k), "ES256") == 0)
		len = flatten(sig, len);
	buf_put_u8(out, '.');
	base64_put(BASE64_URL, view_of(sig, len), out);
}

void token_put_hmac(struct view secret, const char *header, const char *claims, struct buf *out)
{
	size_t at = put_input(header, claims, out);
	uint8_t mac[32];
	unsigned len = sizeof(mac);

	must(HMAC(EVP_sha256(), secret.ptr, (int)secret.len, out->ptr + at, out->len - at, mac,
		  &len) != NULL,
	     "HMAC");
	buf_put_u8(out, '.');
	base64_put(BASE64_URL, view_of(mac, len), out);
}

void token_put_public_pem(const struct token_key *k, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	must(bio != NULL && PEM_write_bio_PUBKEY(bio, k->pkey) == 1, "PEM");
	len = BIO_get_mem_data(bio, &text);
	buf_put(out, text, (size_t)len);
	BIO_free(bio);
}
