#include "lib/crypt/digest.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/hex.h"

static const struct {
	const char *name;
	uint8_t size;
} algs[] = {
	[HASH_SHA256] = {"sha256", 32},
	[HASH_SHA384] = {"sha384", 48},
	[HASH_SHA512] = {"sha512", 64},
};
_Static_assert(sizeof(algs) / sizeof(algs[0]) == HASH_SHA512 + 1, "one row per algorithm");

struct hasher {
	EVP_MD_CTX *ctx;
	enum hash_alg alg;
};

/* libcrypto's algorithms, fetched once and never changed afterwards: looking one up again for each
 * call, as SHA256() and EVP_sha256() do, takes longer than hashing a tree node. They are always
 * built in; without memory for them nothing can be hashed and nothing goes on. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched[HASH_SHA512 + 1];

static void fetch_all(void)
{
	for (size_t i = HASH_SHA256; i <= HASH_SHA512; i++) {
		fetched[i] = EVP_MD_fetch(NULL, algs[i].name, NULL);
		assert(fetched[i] != NULL);
	}
}

static const EVP_MD *md_of(enum hash_alg alg)
{
	(void)pthread_once(&fetch_once, fetch_all);
	return fetched[alg];
}

struct digest digest_of(struct view bytes)
{
	struct digest d = {0};

	assert(EVP_Digest(bytes.ptr, bytes.len, d.b, NULL, md_of(HASH_SHA256), NULL) == 1);
	return d;
}

struct digest digest_of_parts(const struct view *parts, size_t n)
{
	struct digest d;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, md_of(HASH_SHA256), NULL) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, d.b, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	assert(ok);
	return d;
}

rc digest_mac(struct view key, struct view bytes, struct digest *ret)
{
	size_t len = 0;

	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.ptr, key.len, bytes.ptr, bytes.len,
		      ret->b, sizeof(ret->b), &len) == NULL ||
	    len != sizeof(ret->b)) {
		ERR_clear_error();
		return RC(RC_CRYPTO);
	}
	return OK;
}

bool digest_is_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, DIGEST_SIZE) == 0;
}

void digest_hex(const struct digest *d, char out[DIGEST_HEX])
{
	hex_encode(digest_view(d), out);
}

rc digest_parse(struct view hex, struct digest *ret)
{
	struct digest d = {0};

	TRY(hex_parse(hex, d.b, DIGEST_SIZE));
	*ret = d;
	return OK;
}

struct view hash_view(const struct hash *h)
{
	return view_of(h->b, h->size);
}

const char *hash_name(enum hash_alg alg)
{
	return algs[alg].name;
}

size_t hash_size(enum hash_alg alg)
{
	return algs[alg].size;
}

rc hash_alg_parse(struct view name, enum hash_alg *ret)
{
	for (int i = HASH_SHA256; i <= HASH_SHA512; i++) {
		if (view_is(name, algs[i].name)) {
			*ret = (enum hash_alg)i;
			return OK;
		}
	}
	return RC(RC_UNKNOWN);
}

struct hash hash_of(enum hash_alg alg, struct view bytes)
{
	struct hash h = {.alg = alg, .size = algs[alg].size};

	assert(EVP_Digest(bytes.ptr, bytes.len, h.b, NULL, md_of(alg), NULL) == 1);
	return h;
}

bool hash_is_equal(const struct hash *a, const struct hash *b)
{
	return a->alg == b->alg && view_is_equal(hash_view(a), hash_view(b));
}

void hash_text(const struct hash *h, char out[HASH_TEXT])
{
	const char *name = hash_name(h->alg);
	size_t len = strlen(name);

	memcpy(out, name, len);
	out[len] = ':';
	hex_encode(hash_view(h), out + len + 1);
}

rc hash_parse(struct view text, struct hash *ret)
{
	struct view name;
	struct hash h = {0};

	if (!rc_is_ok(view_until(&text, ':', &name)))
		return RC(RC_SYNTAX);
	TRY(hash_alg_parse(name, &h.alg));
	h.size = algs[h.alg].size;
	TRY(hex_parse(text, h.b, h.size));
	*ret = h;
	return OK;
}

rc hasher_new(enum hash_alg alg, struct hasher **ret)
{
	struct hasher *h = (struct hasher *)calloc(1, sizeof(*h));

	if (h == NULL)
		return RC(RC_NOMEM);
	h->alg = alg;
	h->ctx = EVP_MD_CTX_new();
	if (h->ctx == NULL || EVP_DigestInit_ex(h->ctx, md_of(alg), NULL) != 1) {
		hasher_free(h);
		return RC(RC_NOMEM);
	}
	*ret = h;
	return OK;
}

void hasher_free(struct hasher *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

rc hasher_update(struct hasher *h, struct view bytes)
{
	return EVP_DigestUpdate(h->ctx, bytes.ptr, bytes.len) == 1 ? OK : RC(RC_CRYPTO);
}

rc hasher_finish(struct hasher *h, struct hash *ret)
{
	struct hash out = {.alg = h->alg, .size = algs[h->alg].size};

	if (EVP_DigestFinal_ex(h->ctx, out.b, NULL) != 1 ||
	    EVP_DigestInit_ex(h->ctx, md_of(h->alg), NULL) != 1)
		return RC(RC_CRYPTO);
	*ret = out;
	return OK;
}

rc hasher_copy(const struct hasher *h, struct hasher **ret)
{
	struct hasher *copy;

	TRY(hasher_new(h->alg, &copy));
	if (EVP_MD_CTX_copy_ex(copy->ctx, h->ctx) != 1) {
		hasher_free(copy);
		return RC(RC_CRYPTO);
	}
	*ret = copy;
	return OK;
}
