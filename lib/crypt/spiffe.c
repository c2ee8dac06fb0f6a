#include "lib/crypt/spiffe.h"

#include <string.h>

#include "lib/codec/der.h"
#include "lib/crypt/spki.h"
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
	return spki_to_ssh(leaf.spki, ret, f);
}
