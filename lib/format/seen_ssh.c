/* seen_ssh - a signature by ssh-keygen beside the file (SSHSIG), by a key that may be one of ours;
 * see seen.h. */
#include <string.h>

#include "lib/codec/der.h"
#include "lib/crypt/sshsig.h"
#include "lib/format/seen_impl.h"

/* AlgorithmIdentifier and the head of the BIT STRING before the key's own bytes (RFC 8410 4,
 * RFC 5480 2). The NUL that ends each is the last byte: no unused bits, or NULL's length. */
static const uint8_t ed25519_head[] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21";
static const uint8_t p256_head[] = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08"
				   "\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42";
static const uint8_t rsa_alg[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05";

/* A positive number without its sign byte, as DER has it: the mpint's form is the same. */
static void put_number(struct der *d, struct view mpint)
{
	der_put(d, DER_INTEGER, mpint);
}

/* RSA: SEQUENCE { alg, BIT STRING { SEQUENCE { n, e } } } */
static rc rsa_spki(struct view blob, struct buf *out)
{
	uint8_t mem[PKEY_SPKI_MAX];
	uint8_t key[PKEY_SPKI_MAX];
	AUTO(buf) struct buf inner;
	struct der d;
	struct view e;
	struct view n;
	size_t end;

	buf_init(&inner, PKEY_SPKI_MAX);
	TRY(view_string(&blob, SSHKEY_BLOB_MAX, &e));
	TRY(view_string(&blob, SSHKEY_BLOB_MAX, &n));
	der_init(&d, key, sizeof(key));
	end = der_mark(&d);
	put_number(&d, e);
	put_number(&d, n);
	der_wrap(&d, DER_SEQUENCE, end);
	TRY(der_done(&d, &inner));
	der_init(&d, mem, sizeof(mem));
	end = der_mark(&d);
	der_put_bits(&d, buf_view(&inner));
	der_put_raw(&d, view_of(rsa_alg, sizeof(rsa_alg)));
	der_wrap(&d, DER_SEQUENCE, end);
	return der_done(&d, out);
}

static rc spki_of(const struct sshkey *k, struct buf *out)
{
	struct view blob = sshkey_blob(k);
	struct view part;

	TRY(view_string(&blob, SSHKEY_BLOB_MAX, &part)); /* the type */
	switch (sshkey_type(k)) {
	case SSHKEY_RSA:
		return rsa_spki(blob, out);
	case SSHKEY_ECDSA_P256:
		TRY(view_string(&blob, SSHKEY_BLOB_MAX, &part)); /* the curve */
		buf_put(out, p256_head, sizeof(p256_head));
		break;
	case SSHKEY_ED25519:
		buf_put(out, ed25519_head, sizeof(ed25519_head));
		break;
	case SSHKEY_SK_ED25519:
	case SSHKEY_SK_ECDSA_P256:
		return RC(RC_UNSUPPORTED); /* in a person's device, never the keeper's */
	}
	TRY(view_string(&blob, SSHKEY_BLOB_MAX, &part));
	buf_put_view(out, part);
	return buf_done(out);
}

/* ECDSA: two mpints; the same numbers in DER. */
static rc value_of(enum sshkey_type type, struct view v, struct buf *out)
{
	uint8_t mem[PKEY_SIGNATURE_MAX];
	struct view value;
	struct view r;
	struct view s;
	struct der d;
	size_t end;

	TRY(view_string(&v, 64, &r)); /* the algorithm; sshsig_verify_hash has looked at it */
	TRY(view_string(&v, PKEY_SIGNATURE_MAX, &value));
	if (type != SSHKEY_ECDSA_P256) {
		buf_put_view(out, value);
		return buf_done(out);
	}
	TRY(view_string(&value, 64, &r));
	TRY(view_string(&value, 64, &s));
	der_init(&d, mem, sizeof(mem));
	end = der_mark(&d);
	put_number(&d, s);
	put_number(&d, r);
	der_wrap(&d, DER_SEQUENCE, end);
	return der_done(&d, out);
}

struct parts {
	struct buf blob;
	struct buf spki;
	struct buf value;
	struct buf tbs;
	struct sshkey *ssh;
	struct pkey *key;
};

static void parts_release(struct parts *p)
{
	buf_release(&p->blob);
	buf_release(&p->spki);
	buf_release(&p->value);
	buf_release(&p->tbs);
	sshkey_free(p->ssh);
	pkey_destroy(p->key);
}
AUTO_DEFINE(parts, struct parts, parts_release)

static rc read_parts(struct seen_walk *w, struct parts *p, struct seen *s, struct fault *f)
{
	char ns[SSHSIG_NAMESPACE_MAX + 1];
	struct sshsig_rules any = {.allow_unverified = true};
	struct sshsig sig;
	struct hash content;
	rc r;

	buf_init(&p->blob, SSHSIG_BLOB_MAX);
	buf_init(&p->spki, PKEY_SPKI_MAX);
	buf_init(&p->value, PKEY_SIGNATURE_MAX);
	buf_init(&p->tbs, SSHSIG_TBS_MAX);
	TRY(sshsig_dearmor(w->in->beside, &p->blob, f));
	TRY(sshsig_parse(buf_view(&p->blob), &sig, f));
	TRY(sshkey_parse_blob(sig.key_blob, &p->ssh, f));
	TRY(spki_of(p->ssh, &p->spki));
	TRY(pkey_from_spki(buf_view(&p->spki), &p->key, f));
	TRY(seen_content(w, sig.hash, &content, f));
	(void)memcpy(ns, sig.ns.ptr, sig.ns.len);
	ns[sig.ns.len] = '\0';
	r = sshsig_verify_hash(p->ssh, ns, &content, buf_view(&p->blob), &any, NULL, f);
	if (r.code == RC_NOMEM)
		return r;
	s->fits = rc_is_ok(r);
	TRY(value_of(sshkey_type(p->ssh), sig.signature, &p->value));
	sshsig_put_tbs_hash(ns, &content, &p->tbs);
	TRY(buf_done(&p->tbs));
	s->hash = sshkey_type(p->ssh) == SSHKEY_ECDSA_P256 ? HASH_SHA256 : HASH_SHA512;
	s->message = buf_view(&p->tbs);
	s->digest = hash_of(s->hash, s->message);
	s->signature = buf_view(&p->value);
	return OK;
}

/* What was signed is a digest of the file: a file that was changed afterwards looks like a
 * signature that does not verify. */
rc seen_sshsig(struct seen_walk *w, struct fault *f)
{
	AUTO(parts) struct parts p = {.ssh = NULL};
	struct seen s = {.state = SEEN_BAD};
	rc r;

	w->count.objects++;
	r = read_parts(w, &p, &s, f);
	if (r.code == RC_UNSUPPORTED || r.code == RC_UNKNOWN) {
		w->count.strangers++;
		return OK;
	}
	if (seen_is_ours(r))
		return r;
	if (!rc_is_ok(r)) {
		w->count.unreadable++;
		return OK;
	}
	s.state = s.fits ? SEEN_GOOD : SEEN_BAD;
	s.why = s.fits ? NULL : "the signature does not verify";
	return seen_by_key(w, p.key, NULL, &s);
}
