/* token_file - keys in one sealed file, used through libcrypto: the built-in token.
 *
 * Owns: the file's form, sealing, one libcrypto key per record. Must not own: names, certificates.
 *
 *	  0   8  "GSTOKEN1"
 *	  8   1  what unlocks it: 1 = passphrase (scrypt), 2 = credential
 *	  9   1  log2 of scrypt's N (r = 8, p = 1); 0 for a credential
 *	 10   2  zero
 *	 12   4  length of the sealed part, tag included, big-endian
 *	 16  64  name of the token, padded with zeros
 *	 80  32  salt
 *	112  32  key check: HKDF(master, salt, "greatseal token check v1")
 *	144  12  nonce
 *	156  32  SHA-256 of bytes 0..155
 *	188   n  AES-256-GCM under HKDF(master, salt, "greatseal token seal v1"); bytes 0..187 are
 *		 authenticated with it
 *
 * master is scrypt(passphrase, salt) or the credential. The check sum tells damage from a wrong
 * passphrase; only the seal tells who wrote the file. Inside, big-endian:
 *	u32 count, then for each key: u8 algorithm (1..5, the order of enum key_alg), 32 bytes id,
 *	string (u32 length, bytes) PKCS#8
 * The file is written whole and durably before a new key is told to anybody. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/secret.h"
#include "lib/crypt/pkey_soft.h"
#include "lib/crypt/seal.h"
#include "prog/keeper/token.h"

#define MAGIC "GSTOKEN1"
#define MAGIC_LEN 8
#define NAME_FIELD 64
#define SALT 32
#define HEADER_SUMMED 156
#define HEADER (HEADER_SUMMED + DIGEST_SIZE)
#define FILE_MAX (HEADER + SECRET_MAX + SEAL_TAG)
#define RECORD_FIXED (1 + DIGEST_SIZE + 4)

_Static_assert(NAME_MAX_LEN <= NAME_FIELD, "the name fits its field");

struct file_key {
	struct digest id;
	struct pkey_soft *soft;
};

struct token_file {
	struct name name;
	char path[TOKEN_PATH_MAX + 1];
	int dirfd;
	const char *base; /* into path */
	uint8_t kdf;
	uint8_t scrypt_log2;
	uint8_t salt[SALT];
	uint8_t check[SEAL_KEY];
	struct secret key;    /* the seal key */
	pthread_mutex_t lock; /* over keys and count; a key itself never changes or goes */
	struct file_key *keys;
	size_t count;
};

struct header {
	uint8_t kdf;
	uint8_t scrypt_log2;
	uint32_t sealed_len;
	struct view name;
	struct view salt;
	struct view check;
	struct view nonce;
};

static rc damaged(const struct token_file *t, const char *what, struct fault *f)
{
	return fault_set(f, RC_CORRUPT, 0, "token %s: %s: %s", t->name.s, t->path, what);
}

/* ---- Keys of the file ------------------------------------------------------------------------ */

/* Fills t->key and *ret_check from the secret and t's kdf, scrypt_log2 and salt. */
static rc derive(struct token_file *t, const struct secret *secret, struct secret *ret_check,
		 struct fault *f)
{
	AUTO(secret) struct secret stretched = {0};
	struct view salt = view_of(t->salt, SALT);
	struct view master = secret_view(secret);

	if (t->kdf == TOKEN_PASSPHRASE) {
		TRY(seal_scrypt(master, salt, t->scrypt_log2, &stretched, f));
		master = secret_view(&stretched);
	}
	TRY(seal_hkdf(master, salt, "greatseal token check v1", ret_check, f));
	return seal_hkdf(master, salt, "greatseal token seal v1", &t->key, f);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void put_header(const struct token_file *t, const uint8_t nonce[SEAL_NONCE],
		       uint32_t sealed_len, struct buf *out)
{
	uint8_t name[NAME_FIELD] = {0};
	struct digest sum;

	memcpy(name, t->name.s, strlen(t->name.s));
	buf_put(out, MAGIC, MAGIC_LEN);
	buf_put_u8(out, t->kdf);
	buf_put_u8(out, t->scrypt_log2);
	buf_put_u16be(out, 0);
	buf_put_u32be(out, sealed_len);
	buf_put(out, name, sizeof(name));
	buf_put(out, t->salt, SALT);
	buf_put(out, t->check, SEAL_KEY);
	buf_put(out, nonce, SEAL_NONCE);
	sum = digest_of(buf_view(out));
	buf_put_view(out, digest_view(&sum));
}

/* A cursor over the plain text, which is a secret and so no struct buf. */
static void put(uint8_t **at, const void *p, size_t n)
{
	memcpy(*at, p, n);
	*at += n;
}

static void put_u32(uint8_t **at, size_t v)
{
	const uint8_t be[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			       (uint8_t)v};

	put(at, be, sizeof(be));
}

static void put_record(uint8_t **at, const struct file_key *k, const struct secret *pkcs8)
{
	uint8_t alg = (uint8_t)((unsigned)pkey_alg(pkey_soft_public(k->soft)) + 1);

	put(at, &alg, 1);
	put(at, k->id.b, DIGEST_SIZE);
	put_u32(at, pkcs8->len);
	put(at, pkcs8->ptr, pkcs8->len);
}

/* Every key as PKCS#8, one after the other. extra may be NULL. */
static rc export_keys(const struct token_file *t, const struct file_key *extra,
		      struct secret *ret_plain, struct fault *f)
{
	AUTO(secret) struct secret room = {0};
	size_t count = t->count + (extra != NULL ? 1 : 0);
	uint8_t *at;

	TRY(secret_new(&room, SECRET_MAX));
	at = room.ptr;
	put_u32(&at, count);
	for (size_t i = 0; i < count; i++) {
		const struct file_key *k = i < t->count ? &t->keys[i] : extra;
		AUTO(secret) struct secret pkcs8 = {0};

		TRY(pkey_soft_export(k->soft, &pkcs8, f));
		if (RECORD_FIXED + pkcs8.len > room.len - (size_t)(at - room.ptr))
			return fault_set(f, RC_LIMIT, 0, "token %s: full with %zu keys", t->name.s,
					 t->count);
		put_record(&at, k, &pkcs8);
	}
	TRY(secret_new(ret_plain, (size_t)(at - room.ptr)));
	memcpy(ret_plain->ptr, room.ptr, ret_plain->len);
	return OK;
}

static rc write_file(const struct token_file *t, const struct file_key *extra, struct fault *f)
{
	AUTO(secret) struct secret plain = {0};
	AUTO(buf) struct buf out = {0};
	struct file_spec spec = {.dirfd = t->dirfd, .name = t->base, .mode = 0600, .durable = true};
	struct seal seal = {.key = &t->key};
	uint8_t aad[HEADER];
	rc r;

	buf_init(&out, FILE_MAX);
	TRY(export_keys(t, extra, &plain, f));
	TRY(rng_fill(&rng_system, seal.nonce, SEAL_NONCE));
	put_header(t, seal.nonce, (uint32_t)(plain.len + SEAL_TAG), &out);
	TRY(buf_done(&out));
	assert(out.len == HEADER);
	memcpy(aad, out.ptr, HEADER);
	seal.aad = view_of(aad, HEADER);
	TRY(seal_encrypt(&seal, secret_view(&plain), &out, f));
	r = file_replace(&spec, buf_view(&out), f);
	return rc_is_ok(r) ? OK : fault_wrap(f, r, "token %s", t->name.s);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static rc read_header(const struct token_file *t, struct view file, struct header *h,
		      struct fault *f)
{
	struct view v = file;
	struct view magic;
	struct view sum;
	struct digest real;
	uint16_t zero;

	if (file.len < HEADER)
		return damaged(t, "the file ends early", f);
	real = digest_of(view_of(file.ptr, HEADER_SUMMED));
	TRY(view_take(&v, MAGIC_LEN, &magic));
	TRY(view_u8(&v, &h->kdf));
	TRY(view_u8(&v, &h->scrypt_log2));
	TRY(view_u16be(&v, &zero));
	TRY(view_u32be(&v, &h->sealed_len));
	TRY(view_take(&v, NAME_FIELD, &h->name));
	TRY(view_take(&v, SALT, &h->salt));
	TRY(view_take(&v, SEAL_KEY, &h->check));
	TRY(view_take(&v, SEAL_NONCE, &h->nonce));
	TRY(view_take(&v, DIGEST_SIZE, &sum));
	if (!view_is(magic, MAGIC))
		return damaged(t, "not a token file of this version", f);
	if (!view_is_equal(sum, digest_view(&real)))
		return damaged(t, "the header is damaged (its check sum differs)", f);
	if (zero != 0 || h->sealed_len != v.len || v.len <= SEAL_TAG)
		return damaged(t, "the file is shorter or longer than its header says", f);
	return OK;
}

/* Whether the file is the configured one and is unlocked as configured. */
static rc adopt_header(struct token_file *t, const struct token_spec *spec, const struct header *h,
		       struct fault *f)
{
	uint8_t name[NAME_FIELD] = {0};

	memcpy(name, t->name.s, strlen(t->name.s));
	if (!view_is_equal(h->name, view_of(name, sizeof(name))))
		return fault_set(f, RC_MISMATCH, 0, "token %s: %s is the file of another token",
				 t->name.s, t->path);
	if (h->kdf != TOKEN_PASSPHRASE && h->kdf != TOKEN_CREDENTIAL)
		return damaged(t, "unlocked by neither passphrase nor credential", f);
	if (h->kdf != (uint8_t)spec->unlock)
		return fault_set(
			f, RC_USAGE, 0, "token %s: the file is unlocked by a %s, not as configured",
			t->name.s, h->kdf == TOKEN_PASSPHRASE ? "passphrase" : "credential");
	t->kdf = h->kdf;
	t->scrypt_log2 = h->scrypt_log2;
	memcpy(t->salt, h->salt.ptr, SALT);
	memcpy(t->check, h->check.ptr, SEAL_KEY);
	return OK;
}

static struct file_key *find(const struct token_file *t, const struct digest *id)
{
	for (size_t i = 0; i < t->count; i++)
		if (digest_is_equal(&t->keys[i].id, id))
			return &t->keys[i];
	return NULL;
}

static rc read_record(struct token_file *t, struct view *v, struct fault *f)
{
	struct file_key *k = &t->keys[t->count];
	struct view pkcs8;
	uint8_t alg;

	TRY(view_u8(v, &alg));
	TRY(view_copy(v, k->id.b, DIGEST_SIZE));
	TRY(view_string(v, SECRET_MAX, &pkcs8));
	if (find(t, &k->id) != NULL)
		return fault_set(f, RC_DUPLICATE, 0, "one id twice");
	TRY(pkey_soft_import(pkcs8, &k->soft, f));
	t->count++; /* from here close() frees it */
	if ((unsigned)alg != (unsigned)pkey_alg(pkey_soft_public(k->soft)) + 1)
		return fault_set(f, RC_MISMATCH, 0, "a key is of another algorithm than it says");
	return OK;
}

static rc read_keys(struct token_file *t, struct view plain, struct fault *f)
{
	uint32_t count;

	TRY(view_u32be(&plain, &count));
	if (count > TOKEN_KEYS_MAX)
		return fault_set(f, RC_LIMIT, 0, "%u keys", count);
	for (uint32_t i = 0; i < count; i++)
		TRY(read_record(t, &plain, f));
	return view_end(&plain);
}

static rc unseal(struct token_file *t, const struct header *h, struct view file, struct fault *f)
{
	AUTO(secret) struct secret plain = {0};
	struct seal seal = {.key = &t->key, .aad = view_of(file.ptr, HEADER)};
	struct view sealed = view_of(file.ptr + HEADER, file.len - HEADER);
	struct fault inner = {.text = "the keys inside do not read"};
	rc r;

	memcpy(seal.nonce, h->nonce.ptr, SEAL_NONCE);
	r = seal_decrypt(&seal, sealed, &plain, f);
	if (r.code == RC_BADSIG)
		return damaged(t, "was changed since it was sealed", f);
	if (!rc_is_ok(r))
		return r;
	r = read_keys(t, secret_view(&plain), &inner);
	if (rc_is_ok(r) || r.code == RC_NOMEM)
		return r;
	return damaged(t, inner.text, f);
}

static rc load(struct token_file *t, const struct token_spec *spec, const struct secret *secret,
	       struct fault *f)
{
	AUTO(buf) struct buf file = {0};
	AUTO(secret) struct secret check = {0};
	struct header h;
	rc r;

	buf_init(&file, FILE_MAX);
	r = file_read(t->path, &file, f);
	if (r.code == RC_LIMIT)
		return damaged(t, "larger than a token can be", f);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "token %s", t->name.s);
	TRY(read_header(t, buf_view(&file), &h, f));
	TRY(adopt_header(t, spec, &h, f));
	r = derive(t, secret, &check, f);
	if (r.code == RC_RANGE)
		return damaged(t, "scrypt parameters out of range", f);
	if (!rc_is_ok(r))
		return r;
	if (!ct_equal(secret_view(&check), h.check))
		return fault_set(f, RC_DENIED, 0, "token %s: wrong %s", t->name.s,
				 t->kdf == TOKEN_PASSPHRASE ? "passphrase" : "credential");
	return unseal(t, &h, buf_view(&file), f);
}

/* ---- The row of the table -------------------------------------------------------------------- */

static void file_close(void *p)
{
	struct token_file *t = (struct token_file *)p;

	if (t == NULL)
		return;
	for (size_t i = 0; i < t->count; i++)
		pkey_soft_free(t->keys[i].soft);
	free(t->keys);
	secret_release(&t->key);
	fd_close(&t->dirfd);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

/* An object with everything but keys; its directory is open. */
static rc file_new(const struct token_spec *spec, struct token_file **ret, struct fault *f)
{
	struct token_file *t = (struct token_file *)calloc(1, sizeof(*t));
	char dir[TOKEN_PATH_MAX + 1];
	char *slash;
	rc r;

	if (t == NULL)
		return RC(RC_NOMEM);
	t->dirfd = -1;
	t->name = spec->name;
	(void)pthread_mutex_init(&t->lock, NULL);
	memcpy(t->path, spec->path, sizeof(t->path));
	memcpy(dir, spec->path, sizeof(dir));
	slash = strrchr(dir, '/');
	t->base = slash == NULL ? t->path : t->path + (slash - dir) + 1;
	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	t->keys = (struct file_key *)calloc(TOKEN_KEYS_MAX, sizeof(*t->keys));
	r = t->keys == NULL ? RC(RC_NOMEM) : dir_open(slash == NULL ? "." : dir, &t->dirfd, f);
	if (rc_is_ok(r))
		*ret = t;
	else
		file_close(t);
	return r;
}

static rc file_fill(struct token_file *t, const struct token_spec *spec,
		    const struct secret *secret, struct fault *f)
{
	AUTO(secret) struct secret check = {0};

	if (faccessat(t->dirfd, t->base, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return fault_set(f, RC_EXISTS, 0, "token %s: %s exists", t->name.s, t->path);
	if (spec->unlock == TOKEN_PIN)
		return fault_set(f, RC_USAGE, 0, "token %s: a file token has no PIN", t->name.s);
	t->kdf = (uint8_t)spec->unlock;
	t->scrypt_log2 = spec->unlock == TOKEN_PASSPHRASE ? (uint8_t)spec->scrypt_log2 : 0;
	TRY(rng_fill(&rng_system, t->salt, SALT));
	TRY(derive(t, secret, &check, f));
	memcpy(t->check, check.ptr, SEAL_KEY);
	return write_file(t, NULL, f);
}

static rc file_make(const struct token_spec *spec, const struct secret *secret, struct fault *f)
{
	struct token_file *t;
	rc r;

	TRY(file_new(spec, &t, f));
	r = file_fill(t, spec, secret, f);
	file_close(t);
	return r;
}

static rc file_open(const struct token_spec *spec, const struct secret *secret, void **ret,
		    struct fault *f)
{
	struct token_file *t;
	rc r;

	TRY(file_new(spec, &t, f));
	r = load(t, spec, secret, f);
	if (rc_is_ok(r))
		*ret = t;
	else
		file_close(t);
	return r;
}

static bool file_is_ready(const void *p)
{
	(void)p;
	return true;
}

static rc file_probe(void *p, struct fault *f)
{
	(void)p;
	(void)f;
	return OK;
}

/* RC_NOTFOUND; keys outlive the lock, they never go before the token does. */
static rc get(struct token_file *t, const struct digest *id, const struct pkey_soft **ret,
	      struct fault *f)
{
	const struct file_key *k;

	(void)pthread_mutex_lock(&t->lock);
	k = find(t, id);
	if (k != NULL)
		*ret = k->soft;
	(void)pthread_mutex_unlock(&t->lock);
	return k != NULL ? OK : fault_set(f, RC_NOTFOUND, 0, "token %s: no such key", t->name.s);
}

static rc put_spki(const struct pkey_soft *k, struct buf *out)
{
	buf_put_view(out, pkey_spki(pkey_soft_public(k)));
	return buf_done(out);
}

/* Adds *k to the file and then to the list, and empties it; or leaves both as they were. */
static rc append(struct token_file *t, struct file_key *k, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&t->lock);
	if (find(t, &k->id) != NULL)
		r = fault_set(f, RC_EXISTS, 0, "token %s: made twice at once", t->name.s);
	else if (t->count == TOKEN_KEYS_MAX)
		r = fault_set(f, RC_LIMIT, 0, "token %s: full", t->name.s);
	else
		r = write_file(t, k, f);
	if (rc_is_ok(r)) {
		t->keys[t->count++] = *k;
		*k = (struct file_key){0};
	}
	(void)pthread_mutex_unlock(&t->lock);
	return r;
}

static rc file_create_key(void *p, const struct token_wish *w, struct buf *ret_spki,
			  struct fault *f)
{
	struct token_file *t = (struct token_file *)p;
	struct file_key k = {.id = w->id};
	const struct pkey_soft *there;
	rc r;

	if (rc_is_ok(get(t, &w->id, &there, NULL))) {
		if (pkey_alg(pkey_soft_public(there)) != w->alg)
			return fault_set(f, RC_EXISTS, 0, "token %s: the key is there as %s",
					 t->name.s,
					 key_alg_name(pkey_alg(pkey_soft_public(there))));
		return put_spki(there, ret_spki);
	}
	TRY(pkey_soft_generate(w->alg, &k.soft, f)); /* outside the lock: it takes a second */
	there = k.soft;
	r = append(t, &k, f);
	if (rc_is_ok(r))
		r = put_spki(there, ret_spki);
	pkey_soft_free(k.soft);
	return r;
}

static rc file_find_key(void *p, const struct digest *id, struct buf *ret_spki, struct fault *f)
{
	const struct pkey_soft *k;

	TRY(get((struct token_file *)p, id, &k, f));
	return put_spki(k, ret_spki);
}

static rc file_list(void *p, token_list_fn each, void *ctx, struct fault *f)
{
	struct token_file *t = (struct token_file *)p;

	for (size_t i = 0;; i++) {
		struct file_key k;
		bool more;

		(void)pthread_mutex_lock(&t->lock);
		more = i < t->count;
		if (more)
			k = t->keys[i];
		(void)pthread_mutex_unlock(&t->lock);
		if (!more)
			return OK;
		TRY(each(ctx, &k.id, pkey_spki(pkey_soft_public(k.soft)), f));
	}
}

static rc file_session_new(void *p, const struct digest *id, enum key_alg alg, void **ret,
			   struct fault *f)
{
	struct pkey_soft_ctx *ctx;
	const struct pkey_soft *k;

	(void)alg;
	TRY(get((struct token_file *)p, id, &k, f));
	TRY(pkey_soft_ctx_new(k, &ctx, f));
	*ret = ctx;
	return OK;
}

static void file_session_free(void *s)
{
	pkey_soft_ctx_free((struct pkey_soft_ctx *)s);
}

static rc file_sign(void *s, const struct sign_input *in, struct buf *out, struct fault *f)
{
	return pkey_soft_sign((struct pkey_soft_ctx *)s, in, out, f);
}

const struct token_ops token_file_ops = {
	.kind = "file",
	.make = file_make,
	.open = file_open,
	.close = file_close,
	.is_ready = file_is_ready,
	.verify = TOKEN_VERIFY_NONE,
	.probe = file_probe,
	.create_key = file_create_key,
	.find_key = file_find_key,
	.list = file_list,
	.session_new = file_session_new,
	.session_free = file_session_free,
	.sign = file_sign,
};
