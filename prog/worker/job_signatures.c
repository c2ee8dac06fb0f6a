/* The job "signatures": what lib/format/seen.h finds, as JSON, with what is needed to verify each
 * signature once more without the file.
 * Owns: the answer's form. */
#include "lib/format/seen_near.h"

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/format/stream.h"
#include "prog/worker/answer.h"
#include "prog/worker/job.h"

static rc put_base64(json_t *o, const char *key, struct view bytes)
{
	AUTO(buf) struct buf text;

	buf_init(&text, base64_size(BASE64_STD, SEEN_SIGNED_MAX) + 1);
	base64_put(BASE64_STD, bytes, &text);
	TRY(buf_done(&text));
	return answer_put(o, key, json_string(buf_cstr(&text)));
}

static rc put_evidence(const struct seen *s, json_t *o)
{
	static const struct digest none;

	TRY(answer_hex(o, "key", digest_view(&s->key)));
	if (!digest_is_equal(&s->cert, &none))
		TRY(answer_hex(o, "certificate", digest_view(&s->cert)));
	TRY(put_base64(o, "spki", s->spki));
	if (s->state == SEEN_UNJUDGED || s->signature.len > PKEY_SIGNATURE_MAX)
		return OK;
	TRY(answer_text(o, "hash", hash_name(s->hash)));
	TRY(answer_hex(o, "digest", hash_view(&s->digest)));
	if (s->message.len > 0)
		TRY(put_base64(o, "signed", s->message));
	return put_base64(o, "signature", s->signature);
}

static rc take(void *ctx, const struct seen *s)
{
	static const char *const states[] = {
		[SEEN_GOOD] = "good", [SEEN_BAD] = "bad", [SEEN_UNJUDGED] = "unjudged"};
	json_t *list = ctx;
	json_t *o = json_object();

	if (json_array_append_new(list, o) != 0)
		return RC(RC_NOMEM);
	TRY(answer_text(o, "kind", s->kind));
	TRY(answer_text(o, "state", states[s->state]));
	if (s->why != NULL)
		TRY(answer_text(o, "why", s->why));
	TRY(answer_put(o, "fits", json_boolean(s->fits)));
	return put_evidence(s, o);
}

static rc read_optional(int fd, struct buf *b, size_t max, const char *what, struct fault *f)
{
	uint64_t size = 0;

	buf_init(b, max);
	if (fd < 0)
		return OK;
	TRY(fd_size(fd, &size, f));
	/* A file of that name that is larger is something else. */
	return size == 0 || size > max ? OK : read_small(fd, b, what, f);
}

rc job_signatures(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f)
{
	AUTO(answer) json_t *o = json_object();
	AUTO(roots) struct roots certs = {.count = 0};
	AUTO(buf) struct buf beside = {0};
	AUTO(buf) struct buf ima = {0};
	json_t *list = json_array();
	struct seen_input in = {.fd = a->in};
	struct seen_count count;
	struct hash sum;

	(void)ret_refused;
	TRY(answer_put(o, "signatures", list));
	TRY(roots_read(a->roots, &certs, f));
	TRY(read_optional(a->object, &beside, SEEN_BESIDE_MAX, "object", f));
	TRY(read_optional(a->ima, &ima, SEEN_IMA_MAX, "ima", f));
	in.certs = certs.list;
	in.cert_count = certs.count;
	in.beside = buf_view(&beside);
	in.ima = buf_view(&ima);
	TRY(seen_scan(&in, take, list, &count, f));
	TRY(stream_digest(a->in, HASH_SHA256, &sum, f));
	TRY(answer_hex(o, "sha256", hash_view(&sum)));
	TRY(answer_u64(o, "objects", count.objects));
	TRY(answer_u64(o, "unreadable", count.unreadable));
	TRY(answer_u64(o, "strangers", count.strangers));
	*ret = o;
	o = NULL;
	return OK;
}
