/* The jobs around signature objects: insert (and look at the result again), verify, extract.
 * Owns: the order of the checks. Must not own: any format (lib/format/X_file.c). */
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/codec/pem.h"
#include "lib/format/stream.h"
#include "prog/worker/answer.h"
#include "prog/worker/job.h"

static rc one_format(const struct job_args *a, const struct format_file **ret, struct fault *f)
{
	if (a->format_count != 1)
		return fault_set(f, RC_USAGE, 0, "exactly one --format");
	return format_named(a->formats[0], ret, f);
}

rc read_small(int fd, struct buf *b, const char *what, struct fault *f)
{
	uint64_t size;
	uint8_t *space;

	TRY(fd_size(fd, &size, f));
	if (size > b->max)
		return fault_set(f, RC_LIMIT, 0, "%s: larger than %zu bytes", what, b->max);
	if (size == 0)
		return fault_set(f, RC_TRUNCATED, 0, "%s: empty", what);
	space = buf_space(b, (size_t)size);
	TRY(buf_done(b));
	return fd_pread_full(fd, space, (size_t)size, 0, f);
}

/* There is no clock in here. Without --at no signing time lies in the future, and a signature that
 * names no time of its own is refused as expired. */
static unix_time judged_at(const struct job_args *a)
{
	return a->has_time ? a->when : TIME_MAX;
}

void roots_release(struct roots *r)
{
	buf_release(&r->text);
	buf_release(&r->der);
}

rc roots_read(int fd, struct roots *r, struct fault *f)
{
	const struct pem_kind kind = {.label = "CERTIFICATE", .columns = PEM_COLUMNS};
	size_t starts[JOB_ROOTS_COUNT + 1];
	struct view text;

	buf_init(&r->text, JOB_ROOTS_MAX);
	buf_init(&r->der, JOB_ROOTS_MAX);
	if (fd < 0)
		return OK;
	TRY(read_small(fd, &r->text, "roots", f));
	text = buf_view(&r->text);
	while (text.len > 0) {
		if (r->count == JOB_ROOTS_COUNT)
			return fault_set(f, RC_LIMIT, 0, "roots: more than %d", JOB_ROOTS_COUNT);
		starts[r->count++] = r->der.len;
		TRY(pem_next(&kind, &text, &r->der, f));
	}
	TRY(buf_done(&r->der));
	starts[r->count] = r->der.len;
	/* Only now: the buffer moves while it grows. */
	for (size_t i = 0; i < r->count; i++)
		r->list[i] = view_of(r->der.ptr + starts[i], starts[i + 1] - starts[i]);
	return OK;
}

static rc report(const struct verify_report *v, json_t *o)
{
	char time[TIME_TEXT];

	TRY(answer_text(o, "key", key_alg_name(v->key)));
	TRY(answer_text(o, "digest", hash_name(v->hash)));
	TRY(answer_hex(o, "content", hash_view(&v->content)));
	TRY(answer_hex(o, "certificate", digest_view(&v->cert)));
	TRY(answer_hex(o, "fingerprint", digest_view(&v->fingerprint)));
	TRY(answer_text(o, "subject", v->subject));
	TRY(answer_text(o, "issuer", v->issuer));
	TRY(answer_put(o, "trusted", json_boolean(v->trusted)));
	if (!v->has_time)
		return OK;
	TRY(time_format(v->signing_time, time));
	return answer_text(o, "signing_time", time);
}

/* Whether the rc speaks about the artifact (exit 5), not about us. */
static bool is_verdict(rc r)
{
	return r.code != RC_OK && r.code != RC_IO && r.code != RC_NOMEM && r.code != RC_NOSPACE &&
	       r.code != RC_USAGE && r.code != RC_CRYPTO;
}

/* The object from its own file, or out of the signed file. */
static rc object_read(const struct job_args *a, const struct format_file *format, struct buf *b,
		      struct fault *f)
{
	if (format->detached && a->object < 0)
		return fault_set(f, RC_USAGE, 0, "%s: the signature lies beside the file, --object",
				 format->name);
	return a->object >= 0 ? read_small(a->object, b, "object", f)
			      : format->extract(a->in, b, f);
}

rc job_verify(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f)
{
	AUTO(answer) json_t *o = json_object();
	AUTO(buf) struct buf object = {0};
	AUTO(roots) struct roots roots = {0};
	const struct format_file *format;
	struct verify_report v = {0};
	struct verify_trust trust = {.when = judged_at(a)};
	rc r;

	TRY(one_format(a, &format, f));
	if (a->roots >= 0 && !a->has_time)
		return fault_set(f, RC_USAGE, 0, "--roots needs --at: there is no clock in here");
	TRY(roots_read(a->roots, &roots, f));
	trust.roots = roots.list;
	trust.root_count = roots.count;
	buf_init(&object, FILE_OBJECT_MAX);
	r = object_read(a, format, &object, f);
	if (rc_is_ok(r))
		r = format->verify(a->in, buf_view(&object), &trust, &v, f);
	*ret_refused = is_verdict(r);
	TRY(r);
	TRY(report(&v, o));
	*ret = o;
	o = NULL;
	return OK;
}

/* The signed file is read back from out: it carries this object, the object fits it, and without
 * the object it is the input. A tool may fail silently; we would rather not. */
static rc look_again(const struct job_args *a, const struct format_file *format, struct view object,
		     struct verify_report *ret, struct fault *f)
{
	AUTO(buf) struct buf back = {0};
	const struct verify_trust nobody = {.when = judged_at(a)};

	buf_init(&back, FILE_OBJECT_MAX);
	TRY(format->extract(a->out, &back, f));
	TRY(buf_done(&back));
	if (!view_is_equal(buf_view(&back), object))
		return fault_set(f, RC_MISMATCH, 0, "%s: the file carries another object",
				 format->name);
	TRY(format->verify(a->out, object, &nobody, ret, f));
	return format->restore(a->out, a->in, f);
}

rc job_insert(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f)
{
	AUTO(answer) json_t *o = json_object();
	AUTO(buf) struct buf object = {0};
	const struct format_file *format;
	struct verify_report v = {0};
	struct hash h;
	uint64_t size;
	rc r;

	TRY(one_format(a, &format, f));
	if (format->detached)
		return fault_set(f, RC_UNSUPPORTED, 0, "%s: the signature lies beside the file",
				 format->name);
	buf_init(&object, FILE_OBJECT_MAX);
	TRY(read_small(a->object, &object, "object", f));
	r = format->insert(a->in, buf_view(&object), a->out, f);
	if (rc_is_ok(r))
		r = look_again(a, format, buf_view(&object), &v, f);
	*ret_refused = is_verdict(r);
	TRY(r);
	TRY(fd_size(a->out, &size, f));
	TRY(stream_digest(a->out, HASH_SHA256, &h, f));
	TRY(answer_u64(o, "size", size));
	TRY(answer_hex(o, "sha256", hash_view(&h)));
	TRY(report(&v, o));
	*ret = o;
	o = NULL;
	return OK;
}

rc job_extract(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f)
{
	AUTO(answer) json_t *o = json_object();
	AUTO(buf) struct buf object = {0};
	const struct format_file *format;
	struct digest d;
	rc r;

	TRY(one_format(a, &format, f));
	if (format->detached)
		return fault_set(f, RC_UNSUPPORTED, 0, "%s: the signature lies beside the file",
				 format->name);
	buf_init(&object, FILE_OBJECT_MAX);
	r = format->extract(a->in, &object, f);
	*ret_refused = is_verdict(r);
	TRY(r);
	TRY(buf_done(&object));
	TRY(fd_pwrite_full(a->out, object.ptr, object.len, 0, f));
	d = digest_of(buf_view(&object));
	TRY(answer_u64(o, "size", object.len));
	TRY(answer_hex(o, "sha256", digest_view(&d)));
	*ret = o;
	o = NULL;
	return OK;
}
