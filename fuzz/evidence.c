/* Scans, rebuilds and preapprovals that are accepted encode to the same bytes. */
#include "tests/model_echo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!echo_is_exact(evidence_echo, view_of(data, size), PREAPPROVAL_BYTES_MAX))
		abort();
	return 0;
}
