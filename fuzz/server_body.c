/* JSON bodies of greatseald's calls: byte 0 chooses the call. Each has an answer, which is JSON and
 * no fault of the server's own, and none is granted by the server alone but an upload. */
#include <stdlib.h>

#include "tests/lib/server_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && !server_feed(data[0] % server_handlers(), view_of(data + 1, size - 1)))
		abort();
	return 0;
}
