#include "lib/crypt/spiffe.h"

#include <string.h>

#include "lib/codec/der.h"
#include "lib/crypt/x509.h"

static const char magic[] = "GSSVID1\n";
#define MAGIC_LEN (sizeof(magic) - 1)

/* ---- The proof ------------------------------------------------------------------------------*/

bool svid_is_proof(struct view bytes)
{
	struct view head;

	return rc_is_ok(view_take(&bytes, MAGIC_LEN, &head)) && view_is(head, magic);
}

rc svid_proof_parse(struct view bytes, struct svid_proof *ret, struct fault *f)
{
	struct svid_proof p = {0};
	struct view head;

	if (bytes.len > SVID_PROOF_MAX)
		return fault_set(f, RC_LIMIT, 0, "host proof: more than %u bytes", SVID_PROOF_MAX);
	if (!svid_is_proof(bytes))
		return fault_set(f, RC_SYNTAX, 0, "host proof: neither SSHSIG nor SVID");
	TRY(view_take(&bytes, MAGIC_LEN, &head));
	if (!rc_is_ok(view_string(&bytes, SSHSIG_BLOB_MAX, &p.sig)))
		return fault_set(f, RC_TRUNCATED, 0, "host proof: its signature");
	do {
		if (p.count == SVID_CHAIN_MAX)
			return fault_set(f, RC_LIMIT, 0, "host proof: more than %u certificates",
					 SVID_CHAIN_MAX);
		if (!rc_is_ok(view_string(&bytes, SVID_PROOF_MAX, &p.chain[p.count])))
			return fault_set(f, RC_TRUNCATED, 0, "host proof: certificate %zu",
					 p.count);
		p.count++;
	} while (bytes.len > 0);
	*ret = p;
	return OK;
}

rc svid_proof_encode(const struct svid_proof *p, struct buf *out, struct fault *f)
{
	size_t start = out->len;

	if (p->count == 0 || p->count > SVID_CHAIN_MAX)
		return fault_set(f, RC_LIMIT, 0,
				 "an SVID comes with at most %u certificates of its issuers",
				 SVID_CHAIN_MAX - 1);
	buf_put_str(out, magic);
	buf_put_string(out, p->sig);
	for (size_t i = 0; i < p->count; i++)
		buf_put_string(out, p->chain[i]);
	TRY(buf_done(out));
	if (out->len - start > SVID_PROOF_MAX)
		return fault_set(f, RC_LIMIT, 0, "signature and certificates have over %u bytes",
				 SVID_PROOF_MAX);
	return OK;
}

/* ---- Names ----------------------------------------------------------------------------------*/

static bool is_of(struct view v, const char *set)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] == '\0' || strchr(set, v.ptr[i]) == NULL)
			return false;
	return v.len > 0;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789.-_"

/* "spiffe://DOMAIN" and what follows it. */
static bool split(struct view id, struct view *ret_domain, struct view *ret_path)
{
	struct view scheme;
	size_t n = 0;

	if (!rc_is_ok(view_take(&id, 9, &scheme)) || !view_is(scheme, "spiffe://"))
		return false;
	while (n < id.len && id.ptr[n] != '/')
		n++;
	*ret_domain = view_of(id.ptr, n);
	*ret_path = view_of(id.ptr + n, id.len - n);
	return is_of(*ret_domain, LOWER);
}

bool spiffe_id_is_good(struct view id)
{
	struct view domain;
	struct view path;
	size_t at = 1;

	if (!split(id, &domain, &path) || path.len < 2)
		return false;
	for (size_t i = 1; i <= path.len; i++) {
		struct view part;

		if (i < path.len && path.ptr[i] != '/')
			continue;
		part = view_of(path.ptr + at, i - at);
		if (!is_of(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZ" LOWER) || view_is(part, ".") ||
		    view_is(part, ".."))
			return false;
		at = i + 1;
	}
	return true;
}

#define URI DER_CONTEXT(6) /* GeneralName uniformResourceIdentifier (RFC 5280 4.2.1.6) */

/* The only URI among the names; none: "". */
static rc uri_of(struct view san, size_t index, struct view *ret, struct fault *f)
{
	struct view names = {0};
	size_t count = 0;

	*ret = view_str("");
	if (san.len == 0)
		return OK;
	if (!rc_is_ok(der_body(&san, DER_SEQUENCE, &names)) || san.len > 0)
		return fault_set(f, RC_SYNTAX, 0, "certificate %zu: subjectAltName", index);
	while (names.len > 0) {
		struct der_tlv one;

		if (!rc_is_ok(der_any(&names, &one)))
			return fault_set(f, RC_SYNTAX, 0, "certificate %zu: subjectAltName", index);
		if (one.tag != URI)
			continue;
		*ret = one.body;
		if (++count > 1)
			return fault_set(f, RC_DENIED, 0,
					 "certificate %zu: more than one URI (X.509-SVID 2)",
					 index);
	}
	return OK;
}

rc svid_id(struct view der, struct view *ret, struct fault *f)
{
	struct x509 c;

	TRY(x509_parse(der, &c, f));
	TRY(uri_of(c.san, 0, ret, f));
	return ret->len > 0 ? OK
			    : fault_set(f, RC_DENIED, 0, "certificate 0: no URI (X.509-SVID 2)");
}

/* ---- Keys -----------------------------------------------------------------------------------*/

static const uint8_t p256_head[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00}; /* RFC 5480 2 */
static const uint8_t ed25519_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
				       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}; /* RFC 8410 4 */
static const uint8_t rsa_algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00}; /* RFC 3279 2.3.1
										    */

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

rc svid_ssh_key(struct view spki, struct sshkey **ret, struct fault *f)
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
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "the SVID's key is not of P-256, RSA or Ed25519");
	}
	if (!rc_is_ok(buf_done(&blob)))
		return fault_set(f, RC_UNSUPPORTED, 0, "the SVID's key is too large");
	return sshkey_parse_blob(buf_view(&blob), ret, f);
}

/* ---- Judgement ------------------------------------------------------------------------------*/

static rc check_leaf(const struct x509 *c, const struct svid_trust *t, struct fault *f)
{
	const unsigned bad = X509_KU_KEY_CERT_SIGN | X509_KU_CRL_SIGN;
	struct view id;

	TRY(uri_of(c->san, 0, &id, f));
	if (id.len == 0)
		return fault_set(f, RC_DENIED, 0, "certificate 0: no URI (X.509-SVID 2)");
	if (!view_is_equal(id, t->id) || !spiffe_id_is_good(id))
		return fault_set(f, RC_MISMATCH, 0, "the certificate's SPIFFE ID is not %.*s",
				 (int)t->id.len, (const char *)t->id.ptr);
	if (c->ca)
		return fault_set(f, RC_DENIED, 0, "certificate 0: is a CA (X.509-SVID 4.1)");
	if (c->unknown_critical)
		return fault_set(f, RC_DENIED, 0,
				 "certificate 0: a critical extension that nobody knows");
	if (!c->has_key_usage || (c->key_usage & X509_KU_DIGITAL_SIGNATURE) == 0 ||
	    (c->key_usage & bad) != 0)
		return fault_set(f, RC_DENIED, 0,
				 "certificate 0: keyUsage is not that of an SVID (X.509-SVID 4.3)");
	return OK;
}

/* The authorities of a domain have its name or none (X.509-SVID 3.1): no path, no other domain. */
static rc check_authority(const struct x509 *c, size_t index, struct view id, struct fault *f)
{
	struct view domain;
	struct view other;
	struct view path;
	struct view uri;

	TRY(uri_of(c->san, index, &uri, f));
	if (uri.len == 0)
		return OK;
	if (!split(id, &domain, &path) || !split(uri, &other, &path) ||
	    !view_is_equal(domain, other) || path.len > 0)
		return fault_set(f, RC_DENIED, 0,
				 "certificate %zu: its URI is not the trust domain's", index);
	return OK;
}

rc svid_verify(const struct view *chain, size_t count, const struct svid_trust *t,
	       struct sshkey **ret, struct fault *f)
{
	struct x509_path path = {.roots = t->roots, .root_count = t->root_count, .when = t->when};
	struct x509 leaf;
	struct x509 c;

	if (count == 0 || count > SVID_CHAIN_MAX)
		return fault_set(f, RC_LIMIT, 0, "%zu certificates", count);
	TRY(x509_parse(chain[0], &leaf, f));
	TRY(check_leaf(&leaf, t, f));
	for (size_t i = 1; i < count; i++) {
		TRY(x509_parse(chain[i], &c, f));
		TRY(check_authority(&c, i, t->id, f));
	}
	path.leaf = chain[0];
	path.others = chain + 1;
	path.other_count = count - 1;
	TRY(x509_path_verify(&path, f));
	return svid_ssh_key(leaf.spki, ret, f);
}
