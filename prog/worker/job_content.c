/* The job "content": digests of the whole file and, per format, of what that format signs. One pass
 * for each algorithm over the file and one for each format and algorithm. */
#include <stdio.h>

#include "lib/base/fd.h"
#include "lib/format/file.h"
#include "lib/format/stream.h"
#include "prog/worker/answer.h"
#include "prog/worker/job.h"

static rc whole(const struct job_args *a, json_t *o, struct fault *f)
{
	uint64_t size;

	TRY(fd_size(a->in, &size, f));
	TRY(answer_u64(o, "size", size));
	for (size_t i = 0; i < a->digest_count; i++) {
		struct hash h;

		TRY(stream_digest(a->in, a->digests[i], &h, f));
		TRY(answer_hex(o, hash_name(h.alg), hash_view(&h)));
	}
	return OK;
}

static rc one_format(const struct job_args *a, const char *name, json_t *formats, struct fault *f)
{
	const struct format_file *format;
	json_t *o = json_object();

	TRY(answer_put(formats, name, o));
	TRY(format_named(name, &format, f));
	for (size_t i = 0; i < a->digest_count; i++) {
		struct hash h;

		TRY(format->content(a->in, a->digests[i], &h, f));
		TRY(answer_hex(o, hash_name(h.alg), hash_view(&h)));
	}
	return OK;
}

rc job_content(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f)
{
	AUTO(answer) json_t *o = json_object();
	json_t *formats = json_object();

	(void)ret_refused;
	TRY(answer_put(o, "formats", formats));
	TRY(whole(a, o, f));
	for (size_t i = 0; i < a->format_count; i++)
		TRY(one_format(a, a->formats[i], formats, f));
	*ret = o;
	o = NULL;
	return OK;
}
