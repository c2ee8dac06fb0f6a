/* Purpose: see signed_data_tbs.h. Everything is written last field first (lib/codec/der.h).
 * Section numbers are those of RFC 5652. */
#include "lib/format/signed_data_tbs.h"

#include <string.h>

#include "lib/format/oid_tbs.h"

/* Everything in SignedData but attributes, certificates, content, signature and issuer. */
#define FRAME 512

static struct view digest_oid(enum hash_alg alg)
{
	switch (alg) {
	case HASH_SHA256:
		return OID(OID_SHA256);
	case HASH_SHA384:
		return OID(OID_SHA384);
	case HASH_SHA512:
		return OID(OID_SHA512);
	}
	return view_of(NULL, 0);
}

static struct view ecdsa_oid(enum hash_alg alg)
{
	switch (alg) {
	case HASH_SHA256:
		return OID(OID_ECDSA_SHA256);
	case HASH_SHA384:
		return OID(OID_ECDSA_SHA384);
	case HASH_SHA512:
		return OID(OID_ECDSA_SHA512);
	}
	return view_of(NULL, 0);
}

static void put_null(struct der *d)
{
	der_put(d, DER_NULL, view_of(NULL, 0));
}

void signed_data_put_digest_alg(struct der *d, enum hash_alg alg, bool with_null)
{
	size_t end = der_mark(d);

	if (with_null)
		put_null(d);
	der_put(d, DER_OID, digest_oid(alg));
	der_wrap(d, DER_SEQUENCE, end);
}

void signed_data_put_signature_alg(struct der *d, enum key_alg key, enum hash_alg alg)
{
	size_t end = der_mark(d);

	switch (key_alg_scheme(key)) {
	case SIGN_RSA_PKCS1:
		put_null(d);
		der_put(d, DER_OID, OID(OID_RSA));
		break;
	case SIGN_ECDSA: /* RFC 5754 3.3: parameters absent */
		der_put(d, DER_OID, ecdsa_oid(alg));
		break;
	case SIGN_ED25519: /* RFC 8419 2.2: parameters absent */
		der_put(d, DER_OID, OID(OID_ED25519));
		break;
	}
	der_wrap(d, DER_SEQUENCE, end);
}

struct view signed_data_attribute(struct der *d, struct view oid, size_t mark)
{
	der_wrap(d, DER_SET, mark);
	der_put(d, DER_OID, oid);
	der_wrap(d, DER_SEQUENCE, mark);
	return der_view(d, mark);
}

/* The attributes' SET OF with its tag, in mem. */
static void put_attributes(struct der *d, const struct signed_data *sd)
{
	uint8_t mem[512];
	struct view all[3 + SIGNED_DATA_EXTRA_MAX];
	struct der parts;
	size_t end = der_mark(d);
	size_t n = 0;
	size_t mark;

	der_init(&parts, mem, sizeof(mem));
	mark = der_mark(&parts);
	der_put(&parts, DER_OID, sd->content_type);
	all[n++] = signed_data_attribute(&parts, OID(OID_CONTENT_TYPE), mark); /* 11.1 */
	mark = der_mark(&parts);
	der_put_time(&parts, sd->in->when);
	all[n++] = signed_data_attribute(&parts, OID(OID_SIGNING_TIME), mark); /* 11.3 */
	mark = der_mark(&parts);
	der_put(&parts, DER_OCTET_STRING, hash_view(&sd->message_digest));
	all[n++] = signed_data_attribute(&parts, OID(OID_MESSAGE_DIGEST), mark); /* 11.2 */
	for (size_t i = 0; i < sd->extra_count; i++)
		all[n++] = sd->extra[i];
	if (parts.failed)
		d->failed = true;
	else
		der_put_set_of(d, all, n);
	der_wrap(d, DER_SET, end);
}

static rc too_big(struct fault *f, rc r)
{
	return rc_is_ok(r)
		       ? OK
		       : fault_set(f, r.code, 0, "signed data: more than fits (%s)", rc_name(r));
}

rc signed_data_attributes(const struct signed_data *sd, struct buf *out, struct fault *f)
{
	uint8_t mem[TBS_MAX];
	struct der d;

	der_init(&d, mem, sizeof(mem));
	put_attributes(&d, sd);
	return too_big(f, der_done(&d, out));
}

static void put_certificates(struct der *d, const struct signed_data *sd)
{
	const struct tbs_key *key = sd->in->key;
	struct view all[1 + TBS_CHAIN_MAX];
	size_t end = der_mark(d);
	size_t n = 0;

	all[n++] = key->cert;
	for (size_t i = 0; i < key->chain_count; i++)
		all[n++] = key->chain[i];
	if (sd->certificates_sorted)
		der_put_set_of(d, all, n);
	else
		while (n > 0)
			der_put_raw(d, all[--n]);
	der_wrap(d, DER_CONTEXT_CONSTRUCTED(0), end);
}

static void put_signer(struct der *d, const struct signed_data *sd, struct view signature)
{
	const struct tbs_key *key = sd->in->key;
	size_t end = der_mark(d);
	size_t mark;

	der_put(d, DER_OCTET_STRING, signature);
	signed_data_put_signature_alg(d, key->alg, sd->in->content.alg);
	put_attributes(d, sd);
	/* 5.4: signed as SET OF, sent as [0] IMPLICIT; both tags are one octet. */
	if (!d->failed)
		d->base[d->at] = DER_CONTEXT_CONSTRUCTED(0);
	signed_data_put_digest_alg(d, sd->in->content.alg, sd->digest_null);
	mark = der_mark(d);
	der_put_raw(d, key->serial);
	der_put_raw(d, key->issuer);
	der_wrap(d, DER_SEQUENCE, mark);
	der_put_uint(d, 1); /* 5.3: sid is issuerAndSerialNumber */
	der_wrap(d, DER_SEQUENCE, end);
}

static void put_content_info(struct der *d, const struct signed_data *sd, struct view signature)
{
	size_t end = der_mark(d);
	size_t mark;

	put_signer(d, sd, signature);
	der_wrap(d, DER_SET, end);
	put_certificates(d, sd);
	mark = der_mark(d);
	if (sd->econtent.len > 0) {
		der_put_raw(d, sd->econtent);
		der_wrap(d, DER_CONTEXT_CONSTRUCTED(0), mark);
	}
	der_put(d, DER_OID, sd->content_type);
	der_wrap(d, DER_SEQUENCE, mark);
	mark = der_mark(d);
	signed_data_put_digest_alg(d, sd->in->content.alg, sd->digest_null);
	der_wrap(d, DER_SET, mark);
	/* 5.1: 1 for id-data, 3 for other contents; PKCS#7 9.1: 1 for every content */
	der_put_uint(d, sd->version_3 ? 3 : 1);
	der_wrap(d, DER_SEQUENCE, end);
	der_wrap(d, DER_CONTEXT_CONSTRUCTED(0), end);
	der_put(d, DER_OID, OID(OID_SIGNED_DATA));
	der_wrap(d, DER_SEQUENCE, end);
}

/* Writes at the far end of enough room in out and moves the object to the front of it: no second
 * buffer for certificates. */
static rc write_object(const struct signed_data *sd, size_t room, struct view signature,
		       struct buf *out, struct fault *f)
{
	struct der d;
	uint8_t *mem = buf_space(out, room);

	TRY(too_big(f, buf_done(out)));
	der_init(&d, mem, room);
	put_content_info(&d, sd, signature);
	out->len -= room;
	if (d.failed)
		return fault_set(f, RC_LIMIT, 0, "signed data: attributes do not fit");
	memmove(mem, d.base + d.at, room - d.at);
	out->len += room - d.at;
	return OK;
}

rc signed_data_finish(const struct signed_data *sd, struct view signature, struct buf *out,
		      struct fault *f)
{
	const struct tbs_key *key = sd->in->key;
	size_t room = FRAME + key->cert.len + key->issuer.len + key->serial.len + sd->econtent.len +
		      signature.len;

	if (signature.len == 0 || signature.len > PKEY_SIGNATURE_MAX)
		return fault_set(f, RC_USAGE, 0, "signed data: signature of %zu bytes",
				 signature.len);
	for (size_t i = 0; i < key->chain_count; i++)
		room += key->chain[i].len;
	for (size_t i = 0; i < sd->extra_count; i++)
		room += sd->extra[i].len;
	return write_object(sd, room, signature, out, f);
}
