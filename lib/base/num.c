#include "lib/base/num.h"

rc num_parse_u64(const char *s, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (len == 0 || (len > 1 && s[0] == '0'))
		return RC(RC_SYNTAX);
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return RC(RC_SYNTAX);
		TRY(num_mul_u64(v, 10, &v));
		TRY(num_add_u64(v, (uint64_t)(s[i] - '0'), &v));
	}
	if (v > max)
		return RC(RC_RANGE);
	*ret = v;
	return OK;
}
