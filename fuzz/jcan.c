/* Whatever jcan accepts, its writer gives back byte for byte (as raw, which re-reads it) and
 * jansson would have written. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/jcan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f;
	json_t *t;
	char *dump;

	if (!rc_is_ok(jcan_check(view_of(data, size), &f)))
		return 0;
	t = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (t == NULL)
		abort();
	dump = json_dumps(t, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	if (dump == NULL || strlen(dump) != size || memcmp(dump, data, size) != 0)
		abort();
	free(dump);
	json_decref(t);
	return 0;
}
