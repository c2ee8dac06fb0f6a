/* Fuzz target: lines of the guard's reports. What is taken is sent on: it must fit into a batch. */
#include <assert.h>
#include <string.h>

#include "prog/agent/guard_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guard_event e;
	struct guard_batch b = {.time = 1};
	AUTO(buf) struct buf out = {0};

	if (!rc_is_ok(guard_feed_event(view_of(data, size), &e, NULL)))
		return 0;
	assert(rc_is_ok(name_parse(view_str("host"), &b.host)));
	(void)strcpy(b.origin, "log.example");
	(void)strcpy(b.state.mode, GUARD_OBSERVE_WORD);
	(void)strcpy(b.state.level, "base");
	buf_init(&out, GUARD_BATCH_MAX);
	assert(rc_is_ok(guard_batch_encode(&b, &e, 1, &out, NULL)));
	return 0;
}
