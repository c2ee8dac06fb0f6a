/* The job "index": the packages of an rpm repository's primary.xml, or the indices of its
 * repomd.xml; compressed or not. */
#include "lib/format/archive_raw.h"
#include "lib/format/rpm_index.h"
#include "prog/worker/answer.h"
#include "prog/worker/job.h"

struct index {
	struct rpm_index *reader;
	json_t *rows;
};

static rc put_text(json_t *o, const char *key, const char *text)
{
	return text[0] == '\0' ? OK : answer_put(o, key, json_string(text));
}

static rc put_row(json_t *o, const struct rpm_index_row *row)
{
	TRY(put_text(o, row->kind == RPM_INDEX_REPOMD ? "type" : "name", row->name));
	TRY(put_text(o, "version", row->version));
	TRY(put_text(o, "architecture", row->architecture));
	TRY(put_text(o, "location", row->location));
	if (row->has_digest)
		TRY(answer_hex(o, "sha256", digest_view(&row->digest)));
	if (row->has_open)
		TRY(answer_hex(o, "open", digest_view(&row->open)));
	return OK;
}

static rc take_row(void *ctx, const struct rpm_index_row *row, struct fault *f)
{
	struct index *x = (struct index *)ctx;
	json_t *o = json_object();

	(void)f;
	if (json_array_append_new(x->rows, o) != 0)
		return RC(RC_NOMEM);
	return put_row(o, row);
}

static rc feed(void *ctx, struct view bytes, struct fault *f)
{
	return rpm_index_feed(((struct index *)ctx)->reader, bytes, f);
}

static rc read_index(int fd, struct index *x, enum rpm_index_kind *ret, struct fault *f)
{
	TRY(rpm_index_new(take_row, x, &x->reader));
	TRY(archive_raw_read(fd, RPM_INDEX_BYTES, feed, x, f));
	return rpm_index_end(x->reader, ret, f);
}

rc job_index(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f)
{
	struct index x = {.rows = json_array()};
	enum rpm_index_kind kind = RPM_INDEX_PRIMARY;
	rc r = x.rows == NULL ? RC(RC_NOMEM) : read_index(a->in, &x, &kind, f);

	rpm_index_free(x.reader);
	*ret_refused = !rc_is_ok(r) && r.code != RC_NOMEM;
	if (!rc_is_ok(r)) {
		json_decref(x.rows);
		return r;
	}
	*ret = json_pack("{s:o}", kind == RPM_INDEX_REPOMD ? "indices" : "packages", x.rows);
	return *ret == NULL ? RC(RC_NOMEM) : OK;
}
