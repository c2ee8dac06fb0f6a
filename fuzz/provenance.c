/* Provenance that is accepted names a builder and at least one artifact. */
#include <stdlib.h>

#include "lib/model/provenance.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(provenance) struct provenance p = {0};

	if (rc_is_ok(provenance_parse(view_of(data, size), &p, NULL)) &&
	    (p.builder[0] == '\0' || p.count == 0 || p.count > PROVENANCE_SUBJECTS_MAX))
		abort();
	return 0;
}
