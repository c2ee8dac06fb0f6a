/* The job "diff": two inspection reports (--in the old one, --object the new one) compared. */
#include "lib/base/fd.h"
#include "lib/format/diff.h"
#include "prog/worker/job.h"

#define REPORT_MAX ((size_t)96 << 20)

static rc read_report(int fd, json_t **ret, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	json_error_t e;

	buf_init(&text, REPORT_MAX);
	TRY(fd_read_all(fd, &text, f));
	*ret = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &e);
	return *ret != NULL ? OK : fault_set(f, RC_SYNTAX, 0, "not a report: %s", e.text);
}

rc job_diff(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f)
{
	json_t *old = NULL;
	json_t *new = NULL;
	rc r = read_report(a->in, &old, f);

	(void)ret_refused;
	if (rc_is_ok(r))
		r = read_report(a->object, &new, f);
	if (rc_is_ok(r))
		r = report_diff(old, new, ret, f);
	json_decref(old);
	json_decref(new);
	return r;
}
