/* The job "inspect": the report as it is, its bytes canonical. */
#include "lib/format/inspect.h"
#include "prog/worker/job.h"

rc job_inspect(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f)
{
	(void)ret_refused;
	return inspect_file(a->in, a->name, &inspect_limits_default, ret, f);
}
