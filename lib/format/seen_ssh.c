/* seen_ssh - a signature by ssh-keygen beside the file (SSHSIG), by a key that may be one of ours;
 * see seen.h. */
#include <string.h>

#include "lib/codec/der.h"
#include "lib/crypt/spki.h"
#include "lib/crypt/sshsig.h"
#include "lib/format/seen_impl.h"

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
	der_put(&d, DER_INTEGER, s);
	der_put(&d, DER_INTEGER, r);
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
	TRY(spki_from_ssh(p->ssh, &p->spki));
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
