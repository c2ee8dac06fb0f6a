#include "lib/crypt/spki.h"

#include <string.h>

#include "lib/codec/der.h"
#include "lib/crypt/pkey.h"

/* All but the key's own bytes, of kinds whose keys have one length. */
static const uint8_t p256_head[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00}; /* RFC 5480 2 */
static const uint8_t ed25519_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
				       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}; /* RFC 8410 4 */
static const uint8_t rsa_algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00}; /* RFC 3279 2.3.1
										    */

/* ---- To SSH ---------------------------------------------------------------------------------*/

static bool follows(struct view spki, const uint8_t *head, size_t len, size_t rest,
		    struct view *ret)
{
	if (spki.len != len + rest || memcmp(spki.ptr, head, len) != 0)
		return false;
	*ret = view_of(spki.ptr + len, rest);
	return true;
}

/* An mpint has the bytes of a DER INTEGER (RFC 4251 5). */
static rc rsa_blob(struct view spki, struct buf *blob)
{
	struct view algorithm;
	struct view body;
	struct view bits;
	struct view key;
	struct view n;
	struct view e;

	TRY(der_body(&spki, DER_SEQUENCE, &body));
	TRY(view_end(&spki));
	TRY(der_full(&body, DER_SEQUENCE, &algorithm));
	if (!view_is_equal(algorithm, view_of(rsa_algorithm, sizeof(rsa_algorithm))))
		return RC(RC_UNSUPPORTED);
	TRY(der_bits(&body, &bits));
	TRY(view_end(&body));
	TRY(der_body(&bits, DER_SEQUENCE, &key));
	TRY(view_end(&bits));
	TRY(der_integer(&key, &n));
	TRY(der_integer(&key, &e));
	TRY(view_end(&key));
	buf_put_string(blob, view_str("ssh-rsa"));
	buf_put_string(blob, e);
	buf_put_string(blob, n);
	return OK;
}

rc spki_to_ssh(struct view spki, struct sshkey **ret, struct fault *f)
{
	uint8_t bytes[SSHKEY_BLOB_MAX + 64];
	struct buf blob;
	struct view rest;

	buf_init_fixed(&blob, bytes, sizeof(bytes));
	if (follows(spki, p256_head, sizeof(p256_head), 65, &rest)) {
		buf_put_string(&blob, view_str("ecdsa-sha2-nistp256"));
		buf_put_string(&blob, view_str("nistp256"));
		buf_put_string(&blob, rest);
	} else if (follows(spki, ed25519_head, sizeof(ed25519_head), 32, &rest)) {
		buf_put_string(&blob, view_str("ssh-ed25519"));
		buf_put_string(&blob, rest);
	} else if (!rc_is_ok(rsa_blob(spki, &blob))) {
		return fault_set(f, RC_UNSUPPORTED, 0, "the key is not of P-256, RSA or Ed25519");
	}
	if (!rc_is_ok(buf_done(&blob)))
		return fault_set(f, RC_UNSUPPORTED, 0, "the key is too large");
	return sshkey_parse_blob(buf_view(&blob), ret, f);
}

/* ---- And back -------------------------------------------------------------------------------*/

/* SEQUENCE { algorithm, BIT STRING { SEQUENCE { n, e } } }; numbers as rsa_blob says. */
static rc rsa_spki(struct view blob, struct buf *out)
{
	uint8_t mem[PKEY_SPKI_MAX];
	uint8_t key[PKEY_SPKI_MAX];
	AUTO(buf) struct buf inner = {0};
	struct der d;
	struct view e;
	struct view n;
	size_t end;

	buf_init(&inner, PKEY_SPKI_MAX);
	TRY(view_string(&blob, SSHKEY_BLOB_MAX, &e));
	TRY(view_string(&blob, SSHKEY_BLOB_MAX, &n));
	der_init(&d, key, sizeof(key));
	end = der_mark(&d);
	der_put(&d, DER_INTEGER, e);
	der_put(&d, DER_INTEGER, n);
	der_wrap(&d, DER_SEQUENCE, end);
	TRY(der_done(&d, &inner));
	der_init(&d, mem, sizeof(mem));
	end = der_mark(&d);
	der_put_bits(&d, buf_view(&inner));
	der_put_raw(&d, view_of(rsa_algorithm, sizeof(rsa_algorithm)));
	der_wrap(&d, DER_SEQUENCE, end);
	return der_done(&d, out);
}

rc spki_from_ssh(const struct sshkey *k, struct buf *out)
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
		return RC(RC_UNSUPPORTED);
	}
	TRY(view_string(&blob, SSHKEY_BLOB_MAX, &part));
	buf_put_view(out, part);
	return buf_done(out);
}
