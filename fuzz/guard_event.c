/* Events of the guard: whatever the bytes, reading ends, and an ask has a file; mountinfo likewise.
 */
#include <stdlib.h>

#include "prog/guard/event.h"
#include "prog/guard/mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mount_line line;
	struct view v = view_of(data, size);
	struct event e;

	for (size_t before = v.len; rc_is_ok(event_next(&v, &e, NULL)); before = v.len)
		if (v.len >= before || (e.kind == EVENT_ASK && e.fd < 0))
			abort();
	v = view_of(data, size);
	while (rc_is_ok(mount_line_next(&v, &line, NULL)))
		if (line.path[sizeof(line.path) - 1] != 0 || line.type[sizeof(line.type) - 1] != 0)
			abort();
	return 0;
}
