/* pe - the smallest PE images that pe_image_read takes, for tests. */
#ifndef GS_TESTS_PE_H
#define GS_TESTS_PE_H

#include <stdint.h>
#include <string.h>

/* Offsets in the images below, for tests that change them. */
#define PE_AT 0x80
#define PE_OPT (PE_AT + 24)
#define PE_OPT_SIZE(plus) ((plus) ? 240 : 224)
#define PE_SECURITY(plus) (PE_OPT + ((plus) ? 112 : 96) + 32)
#define PE_SECTIONS(plus) (PE_OPT + PE_OPT_SIZE(plus))
#define PE_HEADERS 0x200
#define PE_SIZE (PE_HEADERS + 0x60) /* two sections of 0x40 and 0x20 bytes */

static inline void pe_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline void pe_make(uint8_t out[PE_SIZE], _Bool plus)
{
	uint8_t *opt = out + PE_OPT;
	uint8_t *sections = out + PE_SECTIONS(plus);

	memset(out, 0, PE_HEADERS);
	for (int i = PE_HEADERS; i < PE_SIZE; i++)
		out[i] = (uint8_t)i;
	memcpy(out, "MZ", 2);
	pe_u32(out + 0x3c, PE_AT);
	memcpy(out + PE_AT, "PE\0\0", 4);
	out[PE_AT + 6] = 2;
	out[PE_AT + 20] = (uint8_t)PE_OPT_SIZE(plus);
	opt[0] = 0x0b;
	opt[1] = plus ? 2 : 1;
	pe_u32(opt + 60, PE_HEADERS);
	pe_u32(opt + (plus ? 108 : 92), 16);
	/* the second section comes first in the file */
	memcpy(sections, ".two", 4);
	pe_u32(sections + 16, 0x20);
	pe_u32(sections + 20, PE_HEADERS + 0x40);
	memcpy(sections + 40, ".one", 4);
	pe_u32(sections + 56, 0x40);
	pe_u32(sections + 60, PE_HEADERS);
}

#endif
