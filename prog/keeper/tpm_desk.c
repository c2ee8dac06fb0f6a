#include "prog/keeper/tpm_desk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"
#include "lib/base/secret.h"
#include "lib/crypt/x509.h"

/* One directory. The certificates' bytes live in one buffer. */
struct shelf {
	struct buf mem;
	struct view roots[TPM_CERTIFICATES_MAX];
	struct view others[TPM_CERTIFICATES_MAX];
	struct tpm_vendor vendor;
};

struct tpm_desk {
	struct secret key;
	struct shelf vendors;
	struct shelf virtuals;
};

#define SHELF_BYTES (2u * TPM_CERTIFICATES_MAX * EK_FILE_MAX)
#define EK_FILE_MAX 65536u

void tpm_desk_free(struct tpm_desk *d)
{
	if (d == NULL)
		return;
	secret_release(&d->key);
	buf_release(&d->vendors.mem);
	buf_release(&d->virtuals.mem);
	free(d);
}

/* Where a certificate is in the buffer, which may still move. */
struct place {
	size_t at;
	size_t len;
	bool root;
};
struct places {
	struct place p[2 * TPM_CERTIFICATES_MAX];
	size_t count;
	size_t roots;
};

static rc put_file(struct shelf *s, struct places *all, struct view bytes, struct fault *f)
{
	AUTO(x509_chain) struct x509_chain chain = {0};

	TRY(x509_chain_read(bytes, &chain, f));
	for (size_t i = 0; i < chain.count; i++) {
		struct place p = {.at = s->mem.len, .len = chain.der[i].len};
		struct x509 x;

		TRY(x509_parse(chain.der[i], &x, f));
		p.root = view_is_equal(x.issuer, x.subject);
		if ((p.root ? all->roots : all->count - all->roots) == TPM_CERTIFICATES_MAX)
			return fault_set(f, RC_LIMIT, 0, "over %u %s", TPM_CERTIFICATES_MAX,
					 p.root ? "roots" : "other certificates");
		all->p[all->count++] = p;
		all->roots += p.root;
		buf_put_view(&s->mem, chain.der[i]);
	}
	return buf_done(&s->mem);
}

static rc read_file(int dirfd, const char *dir, const char *name, struct shelf *s,
		    struct places *all, struct fault *f)
{
	AUTO(buf) struct buf bytes = {0};
	rc r;

	buf_init(&bytes, EK_FILE_MAX);
	r = file_read_at(dirfd, name, &bytes, f);
	if (rc_is_ok(r))
		r = put_file(s, all, buf_view(&bytes), f);
	return rc_is_ok(r) ? OK : fault_wrap(f, r, "%s/%s", dir, name);
}

static rc read_all(DIR *stream, const char *dir, struct shelf *s, struct places *all,
		   struct fault *f)
{
	const struct dirent *e;

	for (;;) {
		errno = 0;
		e = readdir(stream);
		if (e == NULL)
			return errno == 0 ? OK : fault_errno(f, errno, "%s", dir);
		/* Hidden files are an editor's, or a package manager's. */
		if (e->d_name[0] != '.')
			TRY(read_file(dirfd(stream), dir, e->d_name, s, all, f));
	}
}

static rc shelf_read(const char *dir, struct shelf *s, struct fault *f)
{
	struct places all = {.count = 0};
	DIR *stream;
	rc r;

	buf_init(&s->mem, SHELF_BYTES);
	s->vendor = (struct tpm_vendor){.roots = s->roots, .others = s->others};
	if (dir[0] == '\0')
		return OK;
	stream = opendir(dir);
	if (stream == NULL)
		return fault_errno(f, errno, "%s", dir);
	r = read_all(stream, dir, s, &all, f);
	(void)closedir(stream);
	TRY(r);
	for (size_t i = 0; i < all.count; i++) {
		struct view der = view_of(s->mem.ptr + all.p[i].at, all.p[i].len);

		if (all.p[i].root)
			s->roots[s->vendor.root_count++] = der;
		else
			s->others[s->vendor.other_count++] = der;
	}
	return OK;
}

rc tpm_desk_new(const char *vendors, const char *virtuals, struct tpm_desk **ret, struct fault *f)
{
	struct tpm_desk *d = (struct tpm_desk *)calloc(1, sizeof(*d));
	rc r;

	if (d == NULL)
		return RC(RC_NOMEM);
	r = secret_new(&d->key, DIGEST_SIZE);
	if (rc_is_ok(r))
		r = rng_fill(&rng_system, d->key.ptr, d->key.len);
	if (rc_is_ok(r))
		r = shelf_read(vendors, &d->vendors, f);
	if (rc_is_ok(r))
		r = shelf_read(virtuals, &d->virtuals, f);
	if (!rc_is_ok(r)) {
		tpm_desk_free(d);
		return r;
	}
	*ret = d;
	return OK;
}

const struct tpm_vendor *tpm_desk_vendor(const struct tpm_desk *d, bool is_virtual)
{
	return is_virtual ? &d->virtuals.vendor : &d->vendors.vendor;
}

rc tpm_desk_secret(const struct tpm_desk *d, const struct tpm_errand *e, uint8_t ret[TPM_SECRET],
		   struct fault *f)
{
	uint8_t mem[256];
	struct digest mac;
	struct buf all;
	rc r;

	/* All but the last have a fixed length. */
	buf_init_fixed(&all, mem, sizeof(mem));
	buf_put_str(&all, "greatseal-tpm-challenge-v1\n");
	buf_put_u64be(&all, (uint64_t)e->time);
	buf_put(&all, e->ek->name, TPM_NAME);
	buf_put(&all, e->ak->name, TPM_NAME);
	buf_put_view(&all, digest_view(e->key));
	buf_put_view(&all, digest_view(e->token));
	buf_put_str(&all, e->host->s);
	TRY(buf_done(&all));
	r = digest_mac(secret_view(&d->key), buf_view(&all), &mac);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "challenge: HMAC");
	memcpy(ret, mac.b, TPM_SECRET);
	secret_wipe(&mac, sizeof(mac));
	return OK;
}
_Static_assert(TPM_SECRET == DIGEST_SIZE, "a challenge's secret is one MAC");
