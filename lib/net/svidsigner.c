#include "lib/net/svidsigner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/secret.h"
#include "lib/codec/pem.h"
#include "lib/crypt/pkey_soft.h"
#include "lib/crypt/spiffe.h"
#include "lib/crypt/spki.h"
#include "lib/crypt/x509.h"

#define CERT_FILE "svid.pem"
#define KEY_FILE "svid_key.pem"
#define BUNDLE_FILE "svid_bundle.pem"
#define CHAIN_FILE_MAX ((size_t)SVID_CHAIN_MAX * X509_DER_MAX)
#define BUNDLE_FILE_MAX ((size_t)X509_CHAIN_MAX * X509_DER_MAX)
#define KEY_FILE_MAX 16384
#define ATTEMPTS 3 /* the two files are replaced one after the other */

/* What is in the directory at one moment. */
struct svid {
	struct x509_chain chain;
	struct pkey_soft *key;
	struct sshkey *ssh;
};

static void svid_release(struct svid *s)
{
	x509_chain_release(&s->chain);
	pkey_soft_free(s->key);
	sshkey_free(s->ssh);
	*s = (struct svid){0};
}
AUTO_DEFINE(svid, struct svid, svid_release)

static rc read_chain(int dirfd, const char *name, size_t max, struct x509_chain *ret,
		     struct fault *f)
{
	AUTO(fd) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO(buf) struct buf text = {0};
	struct stat st;
	uint8_t *at;

	if (fd < 0 || fstat(fd, &st) != 0)
		return fault_errno(f, errno, "%s", name);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (size_t)st.st_size > max)
		return fault_set(f, RC_LIMIT, 0, "%s: no file of certificates", name);
	buf_init(&text, max);
	at = buf_space(&text, (size_t)st.st_size);
	TRY(buf_done(&text));
	TRY(fd_read_full(fd, at, (size_t)st.st_size, f));
	return x509_chain_read(buf_view(&text), ret, f);
}

static rc read_key(int dirfd, struct svid *s, struct fault *f)
{
	static const struct pem_kind kind = {"PRIVATE KEY", PEM_COLUMNS};
	AUTO(fd) int fd = openat(dirfd, KEY_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO(secret) struct secret text = {0};
	AUTO(secret) struct secret der = {0};
	struct buf out;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return fault_errno(f, errno, "%s", KEY_FILE);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > KEY_FILE_MAX)
		return fault_set(f, RC_LIMIT, 0, "%s: no key file", KEY_FILE);
	if ((st.st_mode & 077) != 0)
		return fault_set(f, RC_DENIED, 0, "%s can be read by others: chmod 600", KEY_FILE);
	TRY(secret_new(&text, (size_t)st.st_size));
	TRY(fd_read_full(fd, text.ptr, text.len, f));
	TRY(secret_new(&der, (size_t)st.st_size));
	buf_init_fixed(&out, der.ptr, der.len);
	if (!rc_is_ok(pem_parse(&kind, secret_view(&text), &out, f)))
		return fault_set(f, RC_SYNTAX, 0, "%s: not one block of PRIVATE KEY (PKCS#8)",
				 KEY_FILE);
	return pkey_soft_import(buf_view(&out), &s->key, f);
}

static rc load(const char *dir, struct svid *s, struct fault *f)
{
	AUTO(fd) int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct x509 leaf;

	if (dirfd < 0)
		return fault_errno(f, errno, "%s", dir);
	TRY(read_chain(dirfd, CERT_FILE, CHAIN_FILE_MAX, &s->chain, f));
	TRY(read_key(dirfd, s, f));
	TRY(x509_parse(s->chain.der[0], &leaf, f));
	if (!view_is_equal(leaf.spki, pkey_spki(pkey_soft_public(s->key))))
		return fault_set(f, RC_MISMATCH, 0, "%s: %s is not the key of %s", dir, KEY_FILE,
				 CERT_FILE);
	return spki_to_ssh(leaf.spki, &s->ssh, f);
}

/* Both files, as they belong together. */
static rc load_pair(const char *dir, struct svid *s, struct fault *f)
{
	rc r = RC(RC_MISMATCH);

	for (unsigned i = 0; i < ATTEMPTS && r.code == RC_MISMATCH; i++) {
		svid_release(s);
		r = load(dir, s, f);
	}
	return r;
}

static rc check_bundle(const char *dir, const struct svid *s, unix_time now, struct fault *f)
{
	AUTO(fd) int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(x509_chain) struct x509_chain roots = {0};
	struct svid_trust trust = {.when = now};
	struct sshkey *key = NULL;
	rc r;

	if (dirfd < 0)
		return fault_errno(f, errno, "%s", dir);
	r = read_chain(dirfd, BUNDLE_FILE, BUNDLE_FILE_MAX, &roots, f);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	TRY(svid_id(s->chain.der[0], &trust.id, f));
	trust.roots = roots.der;
	trust.root_count = roots.count;
	r = svid_verify(s->chain.der, s->chain.count, &trust, &key, f);
	sshkey_free(key);
	return rc_is_ok(r) ? OK : fault_wrap(f, r, "%s and %s", CERT_FILE, BUNDLE_FILE);
}

rc svid_read(const char *dir, unix_time now, struct buf *chain_pem, struct secret *ret_key,
	     unix_time *ret_end, struct fault *f)
{
	static const struct pem_kind kind = {"CERTIFICATE", PEM_COLUMNS};
	AUTO(svid) struct svid s = {0};
	struct x509 leaf;

	TRY(load_pair(dir, &s, f));
	TRY(check_bundle(dir, &s, now, f));
	TRY(x509_parse(s.chain.der[0], &leaf, f));
	for (size_t i = 0; i < s.chain.count; i++)
		pem_put(&kind, s.chain.der[i], chain_pem);
	TRY(buf_done(chain_pem));
	TRY(pkey_soft_export(s.key, ret_key, f));
	*ret_end = leaf.not_after;
	return OK;
}

rc svid_sign(const char *dir, const char *ns, struct view message, struct buf *out, struct fault *f)
{
	AUTO(svid) struct svid s = {0};
	AUTO(pkey_soft_ctx) struct pkey_soft_ctx *ctx = NULL;
	AUTO(buf) struct buf sig = {0};
	struct svid_proof p = {0};
	struct signer signer;

	TRY(load_pair(dir, &s, f));
	buf_init(&sig, SSHSIG_BLOB_MAX);
	TRY(pkey_soft_ctx_new(s.key, &ctx, f));
	signer = pkey_soft_signer(ctx);
	TRY(sshsig_sign(s.ssh, &signer, ns, message, &sig, f));
	p.sig = buf_view(&sig);
	p.count = s.chain.count;
	for (size_t i = 0; i < p.count && i < SVID_CHAIN_MAX; i++)
		p.chain[i] = s.chain.der[i];
	return svid_proof_encode(&p, out, f);
}
