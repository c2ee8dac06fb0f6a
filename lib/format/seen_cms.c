/* seen_cms - the signers of a SignedData, read as leniently as DER permits; see seen.h. Section
 * numbers: RFC 5652. */
#include <string.h>

#include "lib/codec/der.h"
#include "lib/format/oid_tbs.h"
#include "lib/format/pe_file.h"
#include "lib/format/seen_impl.h"
#include "lib/format/signed_data_file.h"

#define EMBEDDED_MAX 64 /* certificates in one object */

/* Microsoft: 1.3.6.1.4.1.311.2.4.1, a ContentInfo in the unsigned attributes */
#define OID_NESTED_SIGNATURE "\x2b\x06\x01\x04\x01\x82\x37\x02\x04\x01"

/* SignedData (5.1), taken apart. */
struct body {
	struct view type;
	struct view econtent; /* contents of the element inside [0]; empty if detached */
	struct view econtent_full;
	struct view certs;
	struct view signers;
	struct seen_key keys[EMBEDDED_MAX];
	size_t key_count;
};

static void body_release(struct body *b)
{
	for (size_t i = 0; i < b->key_count; i++)
		pkey_destroy(b->keys[i].key);
}
AUTO_DEFINE(body, struct body, body_release)

/* SignerInfo (5.3), taken apart. */
struct signer_info {
	struct view issuer; /* full element; empty: named otherwise */
	struct view serial;
	struct view digest_alg; /* OID contents */
	struct view attributes; /* full element with the [0] tag; empty: none */
	struct view signature_alg;
	struct view signature;
	struct view unsigned_attributes;
};

static rc alg_oid(struct view *v, struct view *ret)
{
	struct view seq;

	TRY(der_body(v, DER_SEQUENCE, &seq));
	return der_oid(&seq, ret);
}

static rc read_econtent(struct view encap, struct body *b)
{
	struct der_tlv inner;
	struct view explicit;
	bool present;

	TRY(der_oid(&encap, &b->type));
	TRY(der_optional(&encap, DER_CONTEXT_CONSTRUCTED(0), &explicit, &present));
	if (!present || explicit.len == 0)
		return OK;
	TRY(der_any(&explicit, &inner));
	b->econtent = inner.body;
	b->econtent_full = inner.full;
	return OK;
}

static rc read_body(struct view der, struct body *b)
{
	struct view v;
	struct view oid;
	struct view explicit;
	struct view skipped;
	uint64_t version;
	bool present;

	TRY(der_body(&der, DER_SEQUENCE, &v));
	TRY(der_oid(&v, &oid));
	if (!view_is_equal(oid, OID(OID_SIGNED_DATA)))
		return RC(RC_UNSUPPORTED);
	TRY(der_body(&v, DER_CONTEXT_CONSTRUCTED(0), &explicit));
	TRY(der_body(&explicit, DER_SEQUENCE, &v));
	TRY(der_uint(&v, 255, &version));
	TRY(der_body(&v, DER_SET, &skipped)); /* digestAlgorithms: each signer says it again */
	TRY(der_body(&v, DER_SEQUENCE, &skipped));
	TRY(read_econtent(skipped, b));
	TRY(der_optional(&v, DER_CONTEXT_CONSTRUCTED(0), &b->certs, &present));
	if (!present)
		b->certs = view_of(NULL, 0);
	TRY(der_optional(&v, DER_CONTEXT_CONSTRUCTED(1), &skipped, &present));
	return der_body(&v, DER_SET, &b->signers);
}

/* Those that cannot be read are none of the keeper's. */
static rc read_certs(struct body *b, struct fault *f)
{
	struct view rest = b->certs;
	struct der_tlv one;

	while (b->key_count < EMBEDDED_MAX && rest.len > 0 && rc_is_ok(der_any(&rest, &one))) {
		rc r = seen_key_parse(one.full, &b->keys[b->key_count], f);

		if (rc_is_ok(r))
			b->key_count++;
		else if (seen_is_ours(r))
			return r;
	}
	return OK;
}

static rc read_sid(struct view *v, struct signer_info *s)
{
	struct view body;
	struct view at;
	struct view number;
	struct der_tlv other;

	if (!der_is_next(*v, DER_SEQUENCE))
		return der_any(v, &other); /* subjectKeyIdentifier: every key is tried */
	TRY(der_body(v, DER_SEQUENCE, &body));
	TRY(der_full(&body, DER_SEQUENCE, &s->issuer));
	at = body;
	TRY(der_integer(&body, &number));
	s->serial = view_of(at.ptr, at.len - body.len);
	return OK;
}

static rc read_signer(struct view v, struct signer_info *s)
{
	uint64_t version;
	bool present;

	*s = (struct signer_info){.issuer = {NULL, 0}};
	TRY(der_uint(&v, 255, &version));
	TRY(read_sid(&v, s));
	TRY(alg_oid(&v, &s->digest_alg));
	if (der_is_next(v, DER_CONTEXT_CONSTRUCTED(0)))
		TRY(der_full(&v, DER_CONTEXT_CONSTRUCTED(0), &s->attributes));
	TRY(alg_oid(&v, &s->signature_alg));
	TRY(der_body(&v, DER_OCTET_STRING, &s->signature));
	return der_optional(&v, DER_CONTEXT_CONSTRUCTED(1), &s->unsigned_attributes, &present);
}

/* ---- What was signed ------------------------------------------------------------------------*/

static bool hash_of_oid(struct view oid, enum hash_alg *ret)
{
	const struct {
		struct view digest, rsa, ecdsa;
		enum hash_alg alg;
	} table[] = {
		{OID(OID_SHA256), OID(OID_RSA_SHA256), OID(OID_ECDSA_SHA256), HASH_SHA256},
		{OID(OID_SHA384), OID(OID_RSA_SHA384), OID(OID_ECDSA_SHA384), HASH_SHA384},
		{OID(OID_SHA512), OID(OID_RSA_SHA512), OID(OID_ECDSA_SHA512), HASH_SHA512},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (view_is_equal(oid, table[i].digest) || view_is_equal(oid, table[i].rsa) ||
		    view_is_equal(oid, table[i].ecdsa)) {
			*ret = table[i].alg;
			return true;
		}
	}
	return false;
}

/* The value of messageDigest (11.2), or nothing. */
static struct view message_digest(struct view attributes)
{
	struct view v = attributes;
	struct view list;
	struct view one;
	struct view oid;
	struct view set;
	struct view value;

	if (!rc_is_ok(der_body(&v, DER_CONTEXT_CONSTRUCTED(0), &list)))
		return view_of(NULL, 0);
	while (list.len > 0 && rc_is_ok(der_body(&list, DER_SEQUENCE, &one)) &&
	       rc_is_ok(der_oid(&one, &oid)))
		if (view_is_equal(oid, OID(OID_MESSAGE_DIGEST)) &&
		    rc_is_ok(der_body(&one, DER_SET, &set)) &&
		    rc_is_ok(der_body(&set, DER_OCTET_STRING, &value)))
			return value;
	return view_of(NULL, 0);
}

/* Whether SpcIndirectDataContent names this image. */
static rc names_image(struct seen_walk *w, const struct body *b, enum hash_alg alg, bool *ret,
		      struct fault *f)
{
	const struct signed_object o = {.hash = alg, .econtent = b->econtent_full};
	struct view body;
	struct view digest;
	struct hash ours;
	rc r;

	*ret = false;
	if (!rc_is_ok(pe_indirect_data(&o, &body, &digest, NULL)))
		return OK;
	r = seen_content(w, alg, &ours, f);
	if (seen_is_ours(r))
		return r;
	*ret = rc_is_ok(r) && view_is_equal(digest, hash_view(&ours));
	return OK;
}

/* The digest of the content as the signer saw it, and whether that content is this file. */
static rc content_digest(struct seen_walk *w, const struct body *b, enum hash_alg alg,
			 struct hash *ret, bool *ret_fits, struct fault *f)
{
	if (b->econtent_full.len == 0) {
		*ret_fits = true;
		return seen_content(w, alg, ret, f);
	}
	*ret = hash_of(alg, b->econtent);
	if (strcmp(w->kind, "pe") == 0)
		return names_image(w, b, alg, ret_fits, f);
	*ret_fits = false; /* it carries another content along */
	return OK;
}

/* Attributes as signed have the tag of SET (5.4). */
static rc signed_attributes(struct view attributes, struct buf *out)
{
	buf_put_u8(out, DER_SET);
	buf_put(out, attributes.ptr + 1, attributes.len - 1);
	return buf_done(out);
}

/* Fills message, digest and fits. RC_UNSUPPORTED: a digest that is not read. */
static rc fill_signed(struct seen_walk *w, const struct body *b, const struct signer_info *i,
		      struct buf *message, struct seen *s, struct fault *f)
{
	enum hash_alg digest_alg;
	struct hash content;

	if (!hash_of_oid(i->digest_alg, &digest_alg))
		return RC(RC_UNSUPPORTED);
	if (!hash_of_oid(i->signature_alg, &s->hash))
		s->hash = digest_alg;
	TRY(content_digest(w, b, digest_alg, &content, &s->fits, f));
	if (i->attributes.len > 0) {
		TRY(signed_attributes(i->attributes, message));
		s->fits = s->fits &&
			  view_is_equal(message_digest(i->attributes), hash_view(&content));
		s->digest = hash_of(s->hash, buf_view(message));
	} else if (b->econtent_full.len > 0) {
		buf_put_view(message, b->econtent);
		TRY(buf_done(message));
		s->digest = hash_of(s->hash, b->econtent);
	} else {
		s->digest = content;
		s->hash = digest_alg;
	}
	s->message = buf_view(message);
	return OK;
}

/* ---- By whom --------------------------------------------------------------------------------*/

static bool is_named(const struct signer_info *i, const struct seen_key *k)
{
	return i->issuer.len > 0 && view_is_equal(i->issuer, k->cert.issuer) &&
	       view_is_equal(i->serial, k->cert.serial);
}

/* RC_NOMEM, which is no verdict; else ret. */
static rc verifies(const struct seen_key *k, const struct seen *s, bool *ret, struct fault *f)
{
	struct sign_input in = {.scheme = key_alg_scheme(pkey_alg(k->key)),
				.hash = s->hash,
				.input = hash_view(&s->digest)};

	rc r;

	*ret = false;
	if (in.scheme == SIGN_ED25519)
		in.input = s->message;
	if (in.scheme == SIGN_ED25519 && s->message.len == 0)
		return OK;
	r = pkey_verify(k->key, &in, s->signature, f);
	*ret = rc_is_ok(r);
	return r.code == RC_NOMEM ? r : OK;
}

/* The key that made it; else the one that it names, or NULL. */
static rc find_key(const struct seen_walk *w, const struct body *b, const struct signer_info *i,
		   const struct seen *s, const struct seen_key **ret, bool *ret_good)
{
	struct fault ignored;

	*ret = NULL;
	*ret_good = false;
	for (size_t n = 0; n < w->given_count + b->key_count; n++) {
		const struct seen_key *k =
			n < w->given_count ? &w->given[n] : &b->keys[n - w->given_count];

		if (*ret == NULL && is_named(i, k))
			*ret = k;
		if (s != NULL)
			TRY(verifies(k, s, ret_good, &ignored));
		if (!*ret_good)
			continue;
		*ret = k;
		return OK;
	}
	return OK;
}

static rc tell(struct seen_walk *w, const struct seen_key *k, bool good, const char *why,
	       struct seen *s)
{
	s->state = good ? SEEN_GOOD : why != NULL ? SEEN_UNJUDGED : SEEN_BAD;
	s->why = good ? NULL : why != NULL ? why : "the signature does not verify";
	return seen_by_key(w, k->key, &k->cert, s);
}

static rc one_signer(struct seen_walk *w, const struct body *b, const struct signer_info *i,
		     struct fault *f)
{
	AUTO(buf) struct buf message;
	struct seen s = {.signature = i->signature};
	const struct seen_key *k;
	bool good = false;
	rc r;

	buf_init(&message, SEEN_TABLE_MAX);
	r = fill_signed(w, b, i, &message, &s, f);
	if (seen_is_ours(r))
		return r;
	TRY(find_key(w, b, i, rc_is_ok(r) ? &s : NULL, &k, &good));
	if (k == NULL) {
		w->count.strangers++;
		return OK;
	}
	/* The only algorithms of such keys that are not read end here too: PSS, and Ed25519 over
	 * a whole file. */
	return tell(w, k, good,
		    !rc_is_ok(r) ? "its digest is none of SHA-256, SHA-384, SHA-512"
		    : good || hash_of_oid(i->signature_alg, &s.hash) ||
				    view_is_equal(i->signature_alg, OID(OID_RSA)) ||
				    (view_is_equal(i->signature_alg, OID(OID_ED25519)) &&
				     s.message.len > 0)
			    ? NULL
			    : "its algorithm is not read here",
		    &s);
}

static void queue_nested(struct seen_walk *w, struct view attributes)
{
	struct view one;
	struct view oid;
	struct view set;
	struct der_tlv object;

	while (attributes.len > 0 && rc_is_ok(der_body(&attributes, DER_SEQUENCE, &one)) &&
	       rc_is_ok(der_oid(&one, &oid))) {
		if (!view_is_equal(oid, OID(OID_NESTED_SIGNATURE)) ||
		    !rc_is_ok(der_body(&one, DER_SET, &set)))
			continue;
		while (set.len > 0 && rc_is_ok(der_any(&set, &object))) {
			if (w->queued < SEEN_OBJECTS_MAX)
				w->queue[w->queued++] = object.full;
			else
				w->count.unreadable++;
		}
	}
}

rc seen_signed_data(struct seen_walk *w, struct view der, struct fault *f)
{
	AUTO(body) struct body b = {.key_count = 0};
	struct view signers;
	struct view one;

	w->count.objects++;
	if (!rc_is_ok(read_body(der, &b))) {
		w->count.unreadable++;
		return OK;
	}
	TRY(read_certs(&b, f));
	signers = b.signers;
	for (unsigned n = 0; signers.len > 0; n++) {
		struct signer_info i;

		if (n == SEEN_SIGNERS_MAX || !rc_is_ok(der_body(&signers, DER_SEQUENCE, &one)) ||
		    !rc_is_ok(read_signer(one, &i))) {
			w->count.unreadable++;
			return OK;
		}
		TRY(one_signer(w, &b, &i, f));
		queue_nested(w, i.unsigned_attributes);
	}
	return OK;
}
