/* The keeper's gate over a real journal. Byte 0 chooses: 0, raw frames follow; 1 to 3, a properly
 * signed message, and three bytes each time for where (big-endian) and with what it is changed. The
 * gate never crashes, and nothing that is not properly signed gets anywhere. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/gate_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[65536];
	enum gate_template t;
	struct view ours;

	if (size == 0 || data[0] > GATE_TEMPLATES)
		return 0;
	if (data[0] == 0) {
		if (!gate_feed(view_of(data + 1, size - 1)))
			abort();
		return 0;
	}
	t = (enum gate_template)(data[0] - 1);
	ours = gate_template(t);
	if (ours.len > sizeof(frame))
		abort();
	memcpy(frame, ours.ptr, ours.len);
	for (size_t i = 1; i + 3 <= size; i += 3)
		frame[(size_t)(data[i] << 8 | data[i + 1]) % ours.len] ^= data[i + 2];
	ours.ptr = frame;
	if (!gate_is_signed(t, ours) && !gate_feed(ours))
		abort();
	return 0;
}
