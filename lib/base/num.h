/* num - checked arithmetic and narrowing for numbers that came from outside.
 *
 * Every function writes *ret only on success and fails with RC_RANGE. */
#ifndef GS_BASE_NUM_H
#define GS_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/result.h"

#define NUM_DEFINE(suffix, type)                                                                   \
	MUST static inline rc num_add_##suffix(type a, type b, type *ret)                          \
	{                                                                                          \
		return __builtin_add_overflow(a, b, ret) ? RC(RC_RANGE) : OK;                      \
	}                                                                                          \
	MUST static inline rc num_sub_##suffix(type a, type b, type *ret)                          \
	{                                                                                          \
		return __builtin_sub_overflow(a, b, ret) ? RC(RC_RANGE) : OK;                      \
	}                                                                                          \
	MUST static inline rc num_mul_##suffix(type a, type b, type *ret)                          \
	{                                                                                          \
		return __builtin_mul_overflow(a, b, ret) ? RC(RC_RANGE) : OK;                      \
	}

NUM_DEFINE(size, size_t)
NUM_DEFINE(u64, uint64_t)

MUST static inline rc num_to_u32(uint64_t v, uint32_t *ret)
{
	if (v > UINT32_MAX)
		return RC(RC_RANGE);
	*ret = (uint32_t)v;
	return OK;
}

MUST static inline rc num_to_u16(uint64_t v, uint16_t *ret)
{
	if (v > UINT16_MAX)
		return RC(RC_RANGE);
	*ret = (uint16_t)v;
	return OK;
}

/* Decimal digits only, no sign, no leading zero unless the number is 0, value <= max.
 * RC_SYNTAX for the form, RC_RANGE for the size. s has len bytes, no NUL needed. */
MUST rc num_parse_u64(const char *s, size_t len, uint64_t max, uint64_t *ret);

#endif
