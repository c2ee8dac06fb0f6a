/* The kernel's reports to the guard, and who opens a file: whatever lies there, reading ends and
 * stays within. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prog/guard/kernel.h"
#include "prog/guard/opener.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_ring(const uint8_t *data, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = 2 * page + 2 * (size_t)KERNEL_EVENTS_BYTES;
	uint8_t *ring = (uint8_t *)aligned_alloc(page, len);
	struct kernel k = {.active = true, .ring = ring};
	unsigned long writer = size / 8 * 8;
	struct kernel_event e;

	if (ring == NULL || size > KERNEL_EVENTS_BYTES)
		abort();
	memset(ring, 0, len);
	memcpy(ring + 2 * page, data, size);
	memcpy(ring + 2 * page + KERNEL_EVENTS_BYTES, data, size);
	memcpy(ring + page, &writer, sizeof(writer));
	for (size_t rows = 0; kernel_event_next(&k, &e); rows++)
		if (rows > size / sizeof(e))
			abort();
	free(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[256] = "";
	uint64_t base = 1;

	if (size > 4096)
		return 0;
	read_ring(data, size);
	if (opener_base(data, size, &base) == BASE_THERE && base == 0)
		abort();
	memcpy(line, data, size < sizeof(line) ? size : sizeof(line) - 1);
	if (opener_parse(line).call == OPENER_EXECS && line[0] == '-')
		abort();
	return 0;
}
