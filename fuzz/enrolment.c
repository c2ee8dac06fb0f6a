/* Enrolments and changes of hosts that are accepted encode to the same bytes. */
#include <stdlib.h>

#include "lib/model/enrolment.h"
#include "lib/model/host_token.h"
#include "lib/model/hostadmin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct view in, const struct buf *out)
{
	if (!view_is_equal(in, buf_view(out)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);
	struct secret seed = {0};
	struct host_change c;
	struct enrolment e;
	struct name host;
	struct buf out;

	buf_init(&out, HOSTADMIN_BYTES_MAX);
	if (rc_is_ok(enrolment_parse(in, &e, NULL))) {
		if (!rc_is_ok(enrolment_encode(&e, &out, NULL)))
			abort();
		same(in, &out);
	} else if (rc_is_ok(host_change_parse(in, &c, NULL))) {
		if (!rc_is_ok(host_change_encode(&c, &out, NULL)))
			abort();
		same(in, &out);
	} else if (rc_is_ok(host_token_parse(in, &host, &seed, NULL))) {
		secret_release(&seed);
	}
	buf_release(&out);
	return 0;
}
