#include "prog/agent/host_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/secret.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/dsse.h"
#include "lib/crypt/pkey_soft.h"
#include "lib/crypt/spki.h"
#include "lib/crypt/sshpriv.h"
#include "lib/crypt/sshsig.h"
#include "lib/net/svidsigner.h"
#include "prog/agent/chip.h"

/* What a kind of key can do. identity is NULL where the key cannot be in a certificate. */
struct host_key_kind {
	const char *klass; /* host.class of the policy; "": nothing is claimed */
	rc (*sshsig)(const struct host_key *k, const char *ns, struct view message, struct buf *out,
		     struct fault *f);
	rc (*raw)(const struct host_key *k, const struct digest *d, struct buf *der,
		  struct fault *f); /* of P-256 keys: over a digest */
	rc (*dsse)(const struct host_key *k, struct view pae, struct buf *out,
		   struct fault *f); /* NULL: not such bytes */
	rc (*identity)(const struct host_key *k, struct view chain_pem, struct tls_identity **ret,
		       struct fault *f);
};

struct host_key {
	const struct host_key_kind *kind;
	const struct sshkey *ssh;
	struct sshkey *own_ssh; /* soft: made from the public key */
	struct sshpriv *imported;
	struct pkey_soft *soft;
	struct chip *chip; /* tpm */
	struct pkey *chip_public;
	struct view tpm_public;
	char *svid_dir;
};

void host_key_free(struct host_key *k)
{
	if (k == NULL)
		return;
	sshkey_free(k->own_ssh);
	sshpriv_free(k->imported);
	pkey_soft_free(k->soft);
	pkey_destroy(k->chip_public);
	chip_free(k->chip);
	free(k->svid_dir);
	free(k);
}

/* ---- A key of the roster, as OpenSSH keeps it ---- */

static rc imported_sshsig(const struct host_key *k, const char *ns, struct view message,
			  struct buf *out, struct fault *f)
{
	return sshpriv_sign(k->imported, ns, message, out, f);
}

static rc imported_dsse(const struct host_key *k, struct view pae, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf ssh = {0};

	buf_init(&ssh, SSHSIG_BLOB_MAX);
	TRY(sshpriv_sign_raw(k->imported, pae, &ssh, f));
	return dsse_put_ssh_signature(k->ssh, buf_view(&ssh), out, f);
}

/* ---- An SVID: its key is what the files have at the moment ---- */

static rc svid_sshsig(const struct host_key *k, const char *ns, struct view message,
		      struct buf *out, struct fault *f)
{
	return svid_sign(k->svid_dir, ns, message, out, f);
}

/* ---- Our own P-256 key ---- */

static rc soft_raw(const struct host_key *k, const struct digest *d, struct buf *der,
		   struct fault *f)
{
	AUTO(pkey_soft_ctx) struct pkey_soft_ctx *ctx = NULL;
	const struct sign_input in = {
		.scheme = SIGN_ECDSA, .hash = HASH_SHA256, .input = digest_view(d)};

	TRY(pkey_soft_ctx_new(k->soft, &ctx, f));
	return pkey_soft_sign(ctx, &in, der, f);
}

static rc tpm_raw(const struct host_key *k, const struct digest *d, struct buf *der,
		  struct fault *f)
{
	return chip_sign(k->chip, d, der, f);
}

/* In the shape of a signer; ctx: the host key. */
static rc p256_signer(void *ctx, enum sign_scheme scheme, enum hash_alg alg, struct view input,
		      struct buf *out, struct fault *f)
{
	const struct host_key *k = (const struct host_key *)ctx;
	struct digest d;

	if (scheme != SIGN_ECDSA || alg != HASH_SHA256 || input.len != sizeof(d.b))
		return fault_set(f, RC_UNSUPPORTED, 0, "the host's key signs with SHA-256 alone");
	memcpy(d.b, input.ptr, sizeof(d.b));
	return k->kind->raw(k, &d, out, f);
}

static struct signer signer_of(const struct host_key *k)
{
	/* The context is only read. */
	return (struct signer){.sign = p256_signer, .ctx = (void *)(uintptr_t)k};
}

static rc p256_sshsig(const struct host_key *k, const char *ns, struct view message,
		      struct buf *out, struct fault *f)
{
	const struct signer s = signer_of(k);

	return sshsig_sign(k->ssh, &s, ns, message, out, f);
}

static rc p256_dsse(const struct host_key *k, struct view pae, struct buf *out, struct fault *f)
{
	struct digest d = digest_of(pae);

	return k->kind->raw(k, &d, out, f);
}

static rc soft_identity(const struct host_key *k, struct view chain_pem, struct tls_identity **ret,
			struct fault *f)
{
	AUTO(secret) struct secret der = {0};

	TRY(pkey_soft_export(k->soft, &der, f));
	return tls_identity_new(chain_pem, secret_view(&der), ret, f);
}

static rc tpm_identity(const struct host_key *k, struct view chain_pem, struct tls_identity **ret,
		       struct fault *f)
{
	const struct signer s = signer_of(k);

	return tls_identity_new_external(chain_pem, k->chip_public, &s, ret, f);
}

static const struct host_key_kind kind_tpm = {.klass = "software",
					      .sshsig = p256_sshsig,
					      .raw = tpm_raw,
					      .dsse = p256_dsse,
					      .identity = tpm_identity};
static const struct host_key_kind kind_imported = {
	.klass = "", .sshsig = imported_sshsig, .dsse = imported_dsse};
static const struct host_key_kind kind_svid = {.klass = "", .sshsig = svid_sshsig};
static const struct host_key_kind kind_soft = {.klass = "software",
					       .sshsig = p256_sshsig,
					       .raw = soft_raw,
					       .dsse = p256_dsse,
					       .identity = soft_identity};

/* The public half as "ecdsa-sha2-nistp256" (RFC 5656 3.1). */
static rc public_to_ssh(const struct pkey *pub, struct sshkey **ret, struct fault *f)
{
	if (pkey_alg(pub) != KEY_P256)
		return fault_set(f, RC_UNSUPPORTED, 0, "the host key is not of P-256");
	return spki_to_ssh(pkey_spki(pub), ret, f);
}

static rc from_soft(struct pkey_soft *soft, struct host_key **ret, struct fault *f)
{
	struct host_key *k = (struct host_key *)calloc(1, sizeof(*k));
	rc r;

	if (k == NULL) {
		pkey_soft_free(soft);
		return RC(RC_NOMEM);
	}
	k->kind = &kind_soft;
	k->soft = soft;
	r = public_to_ssh(pkey_soft_public(soft), &k->own_ssh, f);
	k->ssh = k->own_ssh;
	if (!rc_is_ok(r)) {
		host_key_free(k);
		return r;
	}
	*ret = k;
	return OK;
}

/* ---- Files ---- */

/* Reads a private file; one that others can read is refused, whoever made it so. */
static rc read_private(int dirfd, const char *name, size_t max, struct secret *ret, struct fault *f)
{
	AUTO(fd) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return fault_errno(f, errno, "the host key %s", name);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (size_t)st.st_size > max)
		return fault_set(f, RC_CORRUPT, 0, "the host key %s is no key file", name);
	if ((st.st_mode & 077) != 0)
		return fault_set(f, RC_DENIED, 0,
				 "the host key %s can be read by others: chmod 600", name);
	TRY(secret_new(ret, (size_t)st.st_size));
	return fd_read_full(fd, ret->ptr, ret->len, f);
}

rc host_key_import(const char *path, struct host_key **ret, struct fault *f)
{
	AUTO(secret) struct secret text = {0};
	struct host_key *k;
	rc r;

	TRY(read_private(AT_FDCWD, path, SSHPRIV_FILE_MAX, &text, f));
	k = (struct host_key *)calloc(1, sizeof(*k));
	if (k == NULL)
		return RC(RC_NOMEM);
	k->kind = &kind_imported;
	r = sshpriv_parse(secret_view(&text), &k->imported, f);
	if (!rc_is_ok(r)) {
		host_key_free(k);
		return fault_wrap(f, r, "the host key %s", path);
	}
	k->ssh = sshpriv_key(k->imported);
	*ret = k;
	return OK;
}

rc host_key_svid(const char *dir, struct host_key **ret, struct fault *f)
{
	struct host_key *k = (struct host_key *)calloc(1, sizeof(*k));

	if (k != NULL)
		k->svid_dir = strdup(dir);
	if (k == NULL || k->svid_dir == NULL) {
		host_key_free(k);
		return fault_set(f, RC_NOMEM, 0, "the host key");
	}
	k->kind = &kind_svid;
	*ret = k;
	return OK;
}

static rc chip_to_public(struct host_key *k, struct fault *f)
{
	struct tpm_public p;
	uint8_t mem[128];
	struct buf spki;

	TRY(tpm_public_parse(k->tpm_public, TPM_IDENTITY, &p, f));
	buf_init_fixed(&spki, mem, sizeof(mem));
	TRY(tpm_public_spki(&p, &spki));
	TRY(pkey_from_spki(buf_view(&spki), &k->chip_public, f));
	return public_to_ssh(k->chip_public, &k->own_ssh, f);
}

static rc open_tpm(struct view blob, const char *tpm, struct host_key **ret, struct fault *f)
{
	struct host_key *k = (struct host_key *)calloc(1, sizeof(*k));
	rc r;

	if (k == NULL)
		return RC(RC_NOMEM);
	k->kind = &kind_tpm;
	r = chip_new(tpm, &k->chip, f);
	if (rc_is_ok(r))
		r = chip_key_use(k->chip, blob, &k->tpm_public, f);
	if (rc_is_ok(r))
		r = chip_to_public(k, f);
	k->ssh = k->own_ssh;
	if (!rc_is_ok(r)) {
		host_key_free(k);
		return r;
	}
	*ret = k;
	return OK;
}

static bool is_there(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

rc host_key_open(int dirfd, const char *tpm, struct host_key **ret, struct fault *f)
{
	AUTO(secret) struct secret der = {0};
	struct pkey_soft *soft = NULL;

	if (is_there(dirfd, HOST_KEY_TPM_FILE)) {
		TRY(read_private(dirfd, HOST_KEY_TPM_FILE, CHIP_BLOB_MAX, &der, f));
		return open_tpm(secret_view(&der), tpm, ret, f);
	}
	TRY(read_private(dirfd, HOST_KEY_FILE, 4096, &der, f));
	if (!rc_is_ok(pkey_soft_import(secret_view(&der), &soft, f)))
		return fault_set(f, RC_CORRUPT, 0, "the host key %s cannot be read", HOST_KEY_FILE);
	return from_soft(soft, ret, f);
}

rc host_key_create(int dirfd, struct host_key **ret, struct fault *f)
{
	const struct file_spec spec = {
		.dirfd = dirfd, .name = HOST_KEY_FILE, .mode = 0600, .durable = true};
	AUTO(pkey_soft) struct pkey_soft *soft = NULL;
	AUTO(secret) struct secret der = {0};

	if (is_there(dirfd, HOST_KEY_FILE) || is_there(dirfd, HOST_KEY_TPM_FILE))
		return fault_set(f, RC_EXISTS, 0, "there is a host key already");
	TRY(pkey_soft_generate(KEY_P256, &soft, f));
	TRY(pkey_soft_export(soft, &der, f));
	TRY(file_replace(&spec, secret_view(&der), f));
	return host_key_open(dirfd, "", ret, f);
}

rc host_key_create_tpm(int dirfd, const char *tpm, struct host_key **ret, struct fault *f)
{
	const struct file_spec spec = {
		.dirfd = dirfd, .name = HOST_KEY_TPM_FILE, .mode = 0600, .durable = true};
	struct chip *chip = NULL;
	uint8_t mem[CHIP_BLOB_MAX];
	struct buf blob;
	rc r;

	if (is_there(dirfd, HOST_KEY_FILE) || is_there(dirfd, HOST_KEY_TPM_FILE))
		return fault_set(f, RC_EXISTS, 0, "there is a host key already");
	buf_init_fixed(&blob, mem, sizeof(mem));
	TRY(chip_new(tpm, &chip, f));
	r = chip_key_make(chip, &blob, f);
	chip_free(chip);
	TRY(r);
	TRY(file_replace(&spec, buf_view(&blob), f));
	return host_key_open(dirfd, tpm, ret, f);
}

/* ---- Use ---- */

const struct sshkey *host_key_ssh(const struct host_key *k)
{
	return k->ssh;
}

const struct pkey *host_key_public(const struct host_key *k)
{
	if (k->chip_public != NULL)
		return k->chip_public;
	return k->soft == NULL ? NULL : pkey_soft_public(k->soft);
}

struct chip *host_key_chip(const struct host_key *k)
{
	return k->chip;
}

struct view host_key_tpm_public(const struct host_key *k)
{
	return k->tpm_public;
}

const char *host_key_class(const struct host_key *k)
{
	return k->kind->klass;
}

rc host_key_sshsig(const struct host_key *k, const char *ns, struct view message, struct buf *out,
		   struct fault *f)
{
	return k->kind->sshsig(k, ns, message, out, f);
}

rc host_key_dsse(const struct host_key *k, const char *type, struct view payload, struct buf *out,
		 struct fault *f)
{
	AUTO(buf) struct buf pae = {0};

	if (k->kind->dsse == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "an SVID cannot sign provenance: a DSSE envelope names a key");
	buf_init(&pae, DSSE_PAYLOAD_MAX + 256);
	dsse_put_pae(type, payload, &pae);
	TRY(buf_done(&pae));
	TRY(k->kind->dsse(k, buf_view(&pae), out, f));
	return buf_done(out);
}

rc host_key_identity(const struct host_key *k, struct view chain_pem, struct tls_identity **ret,
		     struct fault *f)
{
	if (k->kind->identity == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "this kind of key has no certificate of enrolment");
	return k->kind->identity(k, chain_pem, ret, f);
}
