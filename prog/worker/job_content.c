/* The job "content": digests of the whole file and, per format, of what that format signs. One pass
 * over the file for all algorithms, and one more for each algorithm of a format that signs a part.
 * Refuses what could not be given the signature that people are about to be asked for. */
#include <stdio.h>

#include "lib/base/fd.h"
#include "lib/format/file.h"
#include "lib/format/stream.h"
#include "lib/format/tbs.h"
#include "prog/worker/answer.h"
#include "prog/worker/job.h"

static rc whole(const struct job_args *a, struct hash sum[JOB_DIGESTS_MAX], json_t *o,
		struct fault *f)
{
	uint64_t size;

	TRY(fd_size(a->in, &size, f));
	TRY(answer_u64(o, "size", size));
	TRY(stream_digests(a->in, a->digests, a->digest_count, sum, f));
	for (size_t i = 0; i < a->digest_count; i++)
		TRY(answer_hex(o, hash_name(sum[i].alg), hash_view(&sum[i])));
	return OK;
}

static rc one_format(const struct job_args *a, const char *name, const struct hash *sum,
		     json_t *formats, struct fault *f)
{
	const struct format_file *format;
	const struct format_tbs *half = format_tbs_find(view_str(name));
	json_t *o = json_object();

	TRY(answer_put(formats, name, o));
	TRY(format_named(name, &format, f));
	if (format->takes != NULL)
		TRY(format->takes(a->in, f));
	for (size_t i = 0; i < a->digest_count; i++) {
		struct hash h = sum[i];

		if (half == NULL || !half->whole)
			TRY(format->content(a->in, a->digests[i], &h, f));
		TRY(answer_hex(o, hash_name(h.alg), hash_view(&h)));
	}
	return OK;
}

rc job_content(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f)
{
	AUTO(answer) json_t *o = json_object();
	struct hash sum[JOB_DIGESTS_MAX];
	json_t *formats = json_object();

	(void)ret_refused;
	TRY(answer_put(o, "formats", formats));
	TRY(whole(a, sum, o, f));
	for (size_t i = 0; i < a->format_count; i++)
		TRY(one_format(a, a->formats[i], sum, formats, f));
	*ret = o;
	o = NULL;
	return OK;
}
