#include "prog/guard/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/sandbox.h"
#include "lib/codec/pem.h"
#include "lib/crypt/x509.h"
#include "lib/format/seen_near.h"
#include "lib/format/stream.h"
#include "prog/guard/guard.h"

#define SCAN_MEMORY ((uint64_t)1 << 30) /* of address space; what it is made of is shared */
#define SCAN_CPU 120			/* seconds: some tens of GB */

/* ---- Whose signatures -----------------------------------------------------------------------*/

/* Keys and certificates of ours. */
struct ours {
	struct buf der;
	struct view certs[SEEN_CERTS_MAX];
	struct digest keys[SEEN_CERTS_MAX];
	size_t count;
	uint32_t bad;
};

static void ours_release(struct ours *o)
{
	buf_release(&o->der);
}
AUTO_DEFINE(ours, struct ours, ours_release)

/* RC_NOMEM and RC_CRYPTO are ours; else: not one that we can look for. */
static rc take_cert(struct ours *o, struct view der, struct fault *f)
{
	AUTO(pkey) struct pkey *key = NULL;
	struct x509 cert;
	rc r = x509_parse(der, &cert, f);

	if (rc_is_ok(r))
		r = pkey_from_spki(cert.spki, &key, f);
	if (r.code == RC_NOMEM || r.code == RC_CRYPTO)
		return r;
	if (!rc_is_ok(r)) {
		o->bad++;
		return OK;
	}
	o->certs[o->count] = der;
	o->keys[o->count++] = *pkey_fingerprint(key);
	return OK;
}

/* What is behind the last good block, or beyond the limits, is bad. */
static rc read_certs(struct view pem, struct ours *o, struct fault *f)
{
	const struct pem_kind kind = {.label = "CERTIFICATE", .columns = PEM_COLUMNS};
	size_t starts[SEEN_CERTS_MAX + 1];
	size_t n = 0;

	buf_init(&o->der, SCAN_PEM_MAX);
	starts[0] = 0;
	while (pem.len > 0 && n < SEEN_CERTS_MAX) {
		rc r = pem_next(&kind, &pem, &o->der, f);

		if (r.code == RC_NOMEM)
			return r;
		if (!rc_is_ok(r))
			break;
		starts[++n] = o->der.len;
	}
	o->bad += pem.len > 0;
	/* Only now: the buffer moves while it grows. */
	for (size_t i = 0; i < n; i++)
		TRY(take_cert(o, view_of(o->der.ptr + starts[i], starts[i + 1] - starts[i]), f));
	return OK;
}

static bool is_ours(const struct scan_input *in, const struct ours *o, const struct digest *key)
{
	for (size_t i = 0; i < o->count; i++)
		if (digest_is_equal(&o->keys[i], key))
			return true;
	for (size_t i = 0; i < in->key_count; i++)
		if (digest_is_equal(&in->keys[i], key))
			return true;
	return false;
}

/* ---- One file -------------------------------------------------------------------------------*/

struct scan {
	const struct scan_input *in;
	const struct ours *ours;
	scan_say say;
	void *ctx;
	struct fault *f;
	struct met_end end;
	uint32_t told;
	bool has_file; /* its digest is there */
	struct digest file;
	struct met met;
};

static rc file_digest(struct scan *s)
{
	struct hash sum;

	if (s->has_file)
		return OK;
	TRY(stream_digest(s->in->fd, HASH_SHA256, &sum, s->f));
	memcpy(s->file.b, sum.b, DIGEST_SIZE);
	s->has_file = true;
	return OK;
}

static void put_bytes(uint8_t *to, size_t cap, struct view from, uint32_t *ret_len)
{
	*ret_len = from.len <= cap ? (uint32_t)from.len : 0;
	if (*ret_len > 0)
		memcpy(to, from.ptr, from.len);
}

static rc tell(struct scan *s, const struct seen *one)
{
	struct met *m = &s->met;

	TRY(file_digest(s));
	memset(m, 0, sizeof(*m));
	m->what = one->state == SEEN_GOOD ? MET_GOOD : MET_UNJUDGED;
	(void)snprintf(m->form, sizeof(m->form), "%s", one->kind);
	(void)snprintf(m->why, sizeof(m->why), "%s", one->why != NULL ? one->why : "");
	m->fits = one->fits;
	m->key = one->key;
	m->cert = one->cert;
	m->file = s->file;
	put_bytes(m->spki, sizeof(m->spki), one->spki, &m->spki_len);
	if (one->state == SEEN_GOOD) {
		m->hash = one->hash;
		memcpy(m->digest, one->digest.b, sizeof(m->digest));
		put_bytes(m->message, sizeof(m->message), one->message, &m->message_len);
		put_bytes(m->value, sizeof(m->value), one->signature, &m->value_len);
	}
	return s->say(s->ctx, m);
}

static rc take(void *ctx, const struct seen *one)
{
	struct scan *s = (struct scan *)ctx;

	if (!is_ours(s->in, s->ours, &one->key))
		return OK;
	if (one->state == SEEN_BAD) {
		s->end.bad++;
		return OK;
	}
	if (s->told == MET_FILE_MAX) {
		s->end.more++;
		return OK;
	}
	s->told++;
	return tell(s, one);
}

static rc scan_signatures(struct scan *s)
{
	AUTO(buf) struct buf beside = {0};
	struct seen_input in = {.fd = s->in->fd,
				.ima = s->in->ima,
				.certs = s->ours->certs,
				.cert_count = s->ours->count};
	struct seen_count count;

	buf_init(&beside, SEEN_BESIDE_MAX);
	if (s->in->beside >= 0)
		TRY(fd_read_all(s->in->beside, &beside, s->f));
	in.beside = buf_view(&beside);
	TRY(seen_scan(&in, take, s, &count, s->f));
	s->end.unreadable = count.unreadable;
	return OK;
}

static rc scan_with(const struct scan_input *in, struct ours *ours, struct scan *s)
{
	TRY(read_certs(in->pem, ours, s->f));
	s->end.certs = (uint32_t)ours->count;
	s->end.bad_certs = ours->bad;
	if (in->fd >= 0)
		TRY(scan_signatures(s));
	memset(&s->met, 0, sizeof(s->met));
	s->met.what = MET_END;
	s->met.end = s->end;
	return s->say(s->ctx, &s->met);
}

rc scan_file(const struct scan_input *in, scan_say say, void *ctx, struct fault *f)
{
	AUTO(ours) struct ours ours = {.count = 0};
	struct scan *s = (struct scan *)calloc(1, sizeof(*s));
	rc r;

	if (s == NULL)
		return RC(RC_NOMEM);
	s->in = in;
	s->ours = &ours;
	s->say = say;
	s->ctx = ctx;
	s->f = f;
	r = scan_with(in, &ours, s);
	free(s);
	return r;
}

/* ---- The child ------------------------------------------------------------------------------*/

static rc write_met(void *ctx, const struct met *m)
{
	return fd_write_full(*(const int *)ctx, m, sizeof(*m), NULL);
}

static rc lock_in(const struct scan_input *in, int out, struct fault *f)
{
	const struct sandbox_limits limits = {.address_space = SCAN_MEMORY,
					      .cpu_seconds = SCAN_CPU,
					      .file_size = 1}; /* 0 would be: as it is */
	const int keep[] = {in->fd, in->beside, out};
	int abi;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return RC(RC_IO);
	TRY(sandbox_close_others(keep, sizeof(keep) / sizeof(keep[0]), f));
	for (int fd = 0; fd < 3; fd++) /* the journal, too */
		(void)close(fd);
	TRY(sandbox_limit(&limits, f));
	TRY(sandbox_paths(NULL, 0, &abi, f));
	return confine_scan(f);
}

void scan_run(const struct scan_input *in, int out)
{
	struct fault f = {0};

	if (!rc_is_ok(lock_in(in, out, &f)))
		_exit(1);
	_exit(rc_is_ok(scan_file(in, write_met, &out, &f)) ? 0 : 1);
}
