/* seen - where signatures lie in and beside a file; see seen.h. Their insides: seen_cms.c. */
#include "lib/format/seen.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/codec/der.h"
#include "lib/codec/pem.h"
#include "lib/format/pe_image.h"
#include "lib/format/seen_impl.h"
#include "lib/format/stream.h"

/* Linux, scripts/sign-file.c: at the end of the file, after struct module_signature. */
static const char appended_magic[] = "~Module signature appended~\n";
#define APPENDED_MAGIC (sizeof(appended_magic) - 1)
#define APPENDED_INFO 12
#define APPENDED_PKCS7 2 /* PKEY_ID_PKCS7 */

/* Linux, security/integrity/integrity.h: struct signature_v2_hdr behind the type of the xattr */
#define IMA_DIGSIG 3 /* EVM_IMA_XATTR_DIGSIG */
#define IMA_VERSION 2

bool seen_is_ours(rc r)
{
	return r.code == RC_IO || r.code == RC_NOMEM || r.code == RC_CRYPTO;
}

rc seen_key_parse(struct view der, struct seen_key *ret, struct fault *f)
{
	TRY(x509_parse(der, &ret->cert, f));
	return pkey_from_spki(ret->cert.spki, &ret->key, f);
}

rc seen_by_key(struct seen_walk *w, const struct pkey *k, const struct x509 *cert, struct seen *s)
{
	s->kind = w->kind;
	s->spki = pkey_spki(k);
	s->key = *pkey_fingerprint(k);
	if (cert != NULL)
		s->cert = digest_of(cert->der);
	if (s->message.len > SEEN_SIGNED_MAX)
		s->message = view_of(NULL, 0);
	return w->visit(w->ctx, s);
}

rc seen_content(struct seen_walk *w, enum hash_alg alg, struct hash *ret, struct fault *f)
{
	AUTO(hasher) struct hasher *h = NULL;
	struct pe_image image;

	if (strcmp(w->kind, "pe") == 0) {
		TRY(pe_image_read(w->in->fd, &image, f));
		return pe_image_digest(w->in->fd, &image, alg, ret, f);
	}
	TRY(hasher_new(alg, &h));
	TRY(stream_hash(w->in->fd, 0, w->content_end, h, f));
	return hasher_finish(h, ret);
}

/* The objects that are queued, and those that they bring. */
static rc run_queue(struct seen_walk *w, struct fault *f)
{
	for (size_t i = 0; i < w->queued; i++)
		TRY(seen_signed_data(w, w->queue[i], f));
	w->queued = 0;
	return OK;
}

/* Bytes [from, to) of the file into an empty b. */
static rc read_range(const struct seen_walk *w, uint64_t from, uint64_t to, struct buf *b,
		     struct fault *f)
{
	uint8_t *space;

	if (to - from > b->max)
		return RC(RC_LIMIT);
	space = buf_space(b, (size_t)(to - from));
	TRY(buf_done(b));
	return fd_pread_full(w->in->fd, space, (size_t)(to - from), from, f);
}

/* ---- PE: WIN_CERTIFICATE after WIN_CERTIFICATE, each at a multiple of 8 ----------------------*/

static void queue_entry(struct seen_walk *w, struct view entry, uint16_t type)
{
	struct view object;

	if (type != 2 || !rc_is_ok(der_full(&entry, DER_SEQUENCE, &object)) ||
	    w->queued == SEEN_OBJECTS_MAX)
		w->count.unreadable++;
	else
		w->queue[w->queued++] = object;
}

static void queue_table(struct seen_walk *w, struct view table)
{
	while (table.len >= PE_WIN_CERTIFICATE) {
		struct view at = table;
		struct view entry;
		uint32_t length;
		uint16_t revision;
		uint16_t type;

		if (!rc_is_ok(view_u32le(&at, &length)) || !rc_is_ok(view_u16le(&at, &revision)) ||
		    !rc_is_ok(view_u16le(&at, &type)) || length < PE_WIN_CERTIFICATE ||
		    !rc_is_ok(view_take(&at, length - PE_WIN_CERTIFICATE, &entry))) {
			w->count.unreadable++;
			return;
		}
		queue_entry(w, entry, type);
		length = length + (8 - length % 8) % 8;
		rc_ignore(view_skip(&table, length < table.len ? length : table.len), "it is");
	}
}

static bool begins_with(const struct seen_walk *w, const char *magic, size_t n)
{
	char head[8];

	return n <= sizeof(head) && rc_is_ok(fd_pread_full(w->in->fd, head, n, 0, NULL)) &&
	       memcmp(head, magic, n) == 0;
}

static rc scan_pe(struct seen_walk *w, struct fault *f)
{
	AUTO(buf) struct buf table;
	struct pe_image image;
	rc r;

	buf_init(&table, SEEN_TABLE_MAX);
	if (!begins_with(w, "MZ", 2))
		return OK;
	w->kind = "pe";
	r = pe_image_read(w->in->fd, &image, f);
	if (rc_is_ok(r) && image.cert_size == 0)
		return OK;
	if (rc_is_ok(r))
		r = read_range(w, image.cert_at, image.size, &table, f);
	if (seen_is_ours(r))
		return r;
	if (!rc_is_ok(r)) {
		w->count.unreadable++;
		return OK;
	}
	queue_table(w, buf_view(&table));
	return run_queue(w, f);
}

/* ---- Appended -------------------------------------------------------------------------------*/

/* *ret_at: where the signature begins, before *end; 0 if there is none. */
static rc find_appended(const struct seen_walk *w, uint64_t end, uint64_t *ret_at, struct fault *f)
{
	uint8_t tail[APPENDED_INFO + APPENDED_MAGIC];
	struct view length = view_of(tail + 8, 4);
	uint32_t size;

	*ret_at = 0;
	if (end < sizeof(tail))
		return OK;
	TRY(fd_pread_full(w->in->fd, tail, sizeof(tail), end - sizeof(tail), f));
	if (memcmp(tail + APPENDED_INFO, appended_magic, APPENDED_MAGIC) != 0)
		return OK;
	TRY(view_u32be(&length, &size));
	if (tail[2] != APPENDED_PKCS7 || size > SEEN_TABLE_MAX || size >= end - sizeof(tail))
		return RC(RC_UNSUPPORTED);
	*ret_at = end - sizeof(tail) - size;
	return OK;
}

static rc scan_appended(struct seen_walk *w, uint64_t size, struct fault *f)
{
	uint64_t end = size;
	uint64_t at = 0;

	w->kind = "appended";
	/* The kernel reads the last one; a signer may have signed what was signed before. */
	for (unsigned n = 0; n < SEEN_SIGNERS_MAX; n++) {
		AUTO(buf) struct buf object;
		rc r = find_appended(w, end, &at, f);

		buf_init(&object, SEEN_TABLE_MAX);
		if (r.code == RC_UNSUPPORTED)
			w->count.unreadable++;
		if (!rc_is_ok(r))
			return seen_is_ours(r) ? r : OK;
		if (at == 0)
			return OK;
		TRY(read_range(w, at, end - APPENDED_INFO - APPENDED_MAGIC, &object, f));
		w->content_end = at;
		w->queue[w->queued++] = buf_view(&object);
		TRY(run_queue(w, f));
		end = at;
	}
	return OK;
}

/* ---- IMA ------------------------------------------------------------------------------------*/

/* Linux, include/uapi/linux/hash_info.h */
static bool ima_hash(uint8_t n, enum hash_alg *ret)
{
	if (n == 4)
		*ret = HASH_SHA256;
	else if (n == 5)
		*ret = HASH_SHA384;
	else if (n == 6)
		*ret = HASH_SHA512;
	return n >= 4 && n <= 6;
}

/* type, version, hash, key id (4), length (2), value: PKCS#1 v1.5 or ECDSA over the file's digest.
 * The key id is a part of some digest of the key; here every given key is tried. */
static rc scan_ima(struct seen_walk *w, struct fault *f)
{
	struct view v = w->in->ima;
	struct seen s = {.state = SEEN_GOOD, .fits = true};
	struct view head;

	if (v.len == 0 || v.ptr[0] != IMA_DIGSIG)
		return OK; /* a digest, or none */
	w->kind = "ima";
	w->count.objects++;
	if (!rc_is_ok(view_take(&v, 9, &head)) || head.ptr[1] != IMA_VERSION ||
	    !ima_hash(head.ptr[2], &s.hash) ||
	    v.len != ((size_t)head.ptr[7] << 8 | (size_t)head.ptr[8])) {
		w->count.unreadable++;
		return OK;
	}
	s.signature = v;
	TRY(seen_content(w, s.hash, &s.digest, f));
	for (size_t i = 0; i < w->given_count; i++) {
		const struct pkey *k = w->given[i].key;
		const struct sign_input in = {.scheme = key_alg_scheme(pkey_alg(k)),
					      .hash = s.hash,
					      .input = hash_view(&s.digest)};

		rc r = in.scheme == SIGN_ED25519 ? RC(RC_BADSIG) : pkey_verify(k, &in, v, NULL);

		if (r.code == RC_NOMEM)
			return r;
		if (rc_is_ok(r))
			return seen_by_key(w, k, &w->given[i].cert, &s);
	}
	w->count.strangers++;
	return OK;
}

/* ---- Beside ---------------------------------------------------------------------------------*/

static bool is_pem(struct view v, const char *label)
{
	struct view head;

	return rc_is_ok(view_take(&v, strlen(label), &head)) && view_is(head, label);
}

static rc scan_pem(struct seen_walk *w, const char *label, struct fault *f)
{
	const struct pem_kind kind = {.label = label, .columns = PEM_COLUMNS};
	struct view text = w->in->beside;
	AUTO(buf) struct buf der;
	rc r;

	buf_init(&der, SEEN_TABLE_MAX);
	r = pem_next(&kind, &text, &der, f);
	if (seen_is_ours(r))
		return r;
	if (!rc_is_ok(r)) {
		w->count.objects++;
		w->count.unreadable++;
		return OK;
	}
	w->queue[w->queued++] = buf_view(&der);
	return run_queue(w, f);
}

static rc scan_beside(struct seen_walk *w, struct fault *f)
{
	struct view v = w->in->beside;

	if (v.len == 0)
		return OK;
	w->kind = "cms";
	if (is_pem(v, "-----BEGIN CMS-----"))
		return scan_pem(w, "CMS", f);
	if (is_pem(v, "-----BEGIN PKCS7-----"))
		return scan_pem(w, "PKCS7", f);
	if (is_pem(v, "-----BEGIN SSH SIGNATURE-----")) {
		w->kind = "sshsig";
		return seen_sshsig(w, f);
	}
	if (!der_is_next(v, DER_SEQUENCE))
		return OK; /* not a signature, or one that names no key */
	w->queue[w->queued++] = v;
	return run_queue(w, f);
}

/* ---- All of it ------------------------------------------------------------------------------*/

static rc take_given(struct seen_walk *w, struct fault *f)
{
	if (w->in->cert_count > SEEN_CERTS_MAX)
		return fault_set(f, RC_LIMIT, 0, "certificates: %zu, at most %d", w->in->cert_count,
				 SEEN_CERTS_MAX);
	for (size_t i = 0; i < w->in->cert_count; i++) {
		TRY(seen_key_parse(w->in->certs[i], &w->given[w->given_count], f));
		w->given_count++;
	}
	return OK;
}

static rc scan_all(struct seen_walk *w, struct fault *f)
{
	uint64_t size;

	TRY(take_given(w, f));
	TRY(fd_size(w->in->fd, &size, f));
	w->content_end = size;
	TRY(scan_pe(w, f));
	TRY(scan_appended(w, size, f));
	w->content_end = size;
	TRY(scan_ima(w, f));
	return scan_beside(w, f);
}

rc seen_scan(const struct seen_input *in, seen_visit visit, void *ctx, struct seen_count *ret,
	     struct fault *f)
{
	struct seen_walk *w = calloc(1, sizeof(*w));
	rc r;

	if (w == NULL)
		return RC(RC_NOMEM);
	w->in = in;
	w->visit = visit;
	w->ctx = ctx;
	r = scan_all(w, f);
	for (size_t i = 0; i < w->given_count; i++)
		pkey_destroy(w->given[i].key);
	*ret = w->count;
	free(w);
	return r;
}
