#include "lib/model/svid.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/crypt/sshsig.h"
#include "lib/crypt/x509.h"

_Static_assert(SPIFFE_ID_MAX >= ROSTER_TEXT_MAX && SPIFFE_ROOTS_MAX >= ROSTER_ROOTS_MAX,
	       "what a roster lists can be verified");

/* The domain of an ID that the roster has read. */
static const struct spiffe_domain *domain_of(const struct roster *r, const char *id)
{
	char domain[ROSTER_TEXT_MAX + 1];
	const char *start = id + strlen("spiffe://");
	size_t len = strcspn(start, "/");

	(void)snprintf(domain, sizeof(domain), "%.*s", (int)len, start);
	return roster_domain(r, domain);
}

/* The roots as DER, in mem. */
static rc decode_roots(const struct spiffe_domain *d, struct buf *mem,
		       struct view roots[ROSTER_ROOTS_MAX], struct fault *f)
{
	size_t end[ROSTER_ROOTS_MAX];
	size_t at = 0;

	buf_init(mem, (size_t)ROSTER_ROOTS_MAX * ROSTER_ROOT_MAX);
	for (size_t i = 0; i < d->root_count; i++) {
		TRY(base64_parse(BASE64_STD, d->roots[i], mem, f));
		end[i] = mem->len;
	}
	/* Only now: the memory may have moved. */
	for (size_t i = 0; i < d->root_count; i++) {
		roots[i] = view_of(mem->ptr + at, end[i] - at);
		at = end[i];
	}
	return OK;
}

rc roster_svid_verify(const struct roster *r, const struct principal *host,
		      const struct view *chain, size_t count, unix_time when, struct sshkey **ret,
		      struct fault *f)
{
	const struct spiffe_domain *d = domain_of(r, host->spiffe);
	struct svid_trust trust = {.id = view_str(host->spiffe), .when = when};
	struct view roots[ROSTER_ROOTS_MAX];
	AUTO(buf) struct buf mem = {0};

	if (d == NULL)
		return fault_set(f, RC_NOTFOUND, 0,
				 "the roster has no roots for the trust domain of %s",
				 host->spiffe);
	TRY(decode_roots(d, &mem, roots, f));
	trust.roots = roots;
	trust.root_count = d->root_count;
	return svid_verify(chain, count, &trust, ret, f);
}

rc roster_svid_key(const struct roster *r, const struct principal *host, const struct svid_proof *p,
		   unix_time when, struct sshkey **ret, struct fault *f)
{
	struct sshkey *key = NULL;
	struct sshsig parts;
	rc done;

	TRY(roster_svid_verify(r, host, p->chain, p->count, when, &key, f));
	done = sshsig_parse(p->sig, &parts, f);
	if (!rc_is_ok(done)) {
		sshkey_free(key);
		return done;
	}
	if (!view_is_equal(sshkey_blob(key), parts.key_blob)) {
		sshkey_free(key);
		return fault_set(f, RC_MISMATCH, 0, "signed by another key than the SVID's");
	}
	*ret = key;
	return OK;
}

rc svid_moment(const struct svid_proof *p, unix_time limit, unix_time *ret, struct fault *f)
{
	unix_time when = limit;
	struct x509 leaf;
	struct x509 c;

	for (size_t i = 0; i < p->count; i++) {
		TRY(x509_parse(p->chain[i], &c, f));
		if (i == 0)
			leaf = c;
		/* An old one that hosts still hand along, which no path of the leaf's led over. */
		if (c.not_after <= leaf.not_before)
			continue;
		/* OpenSSL counts the second in which a certificate ends as after it
		 * (X509_cmp_time). */
		when = when < c.not_after ? when : c.not_after - 1;
	}
	*ret = when;
	return OK;
}
