/* Walks any bytes as DER; what reads as a number or a time must be written back the same. */
#include <assert.h>

#include "lib/codec/der.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(struct view element)
{
	uint8_t mem[32];
	struct view v = element;
	unix_time t;
	uint64_t n;
	struct der d;

	der_init(&d, mem, sizeof(mem));
	if (rc_is_ok(der_uint(&v, UINT64_MAX, &n)))
		der_put_uint(&d, n);
	else if (rc_is_ok(der_time(&v, &t)))
		der_put_time(&d, t);
	else
		return;
	assert(view_is_equal(der_view(&d, sizeof(mem)), element));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size);
	struct view ignored;
	struct der_tlv t;
	bool b;

	while (rc_is_ok(der_any(&v, &t))) {
		struct view one = t.full;

		rewrite(t.full);
		rc_ignore(der_oid(&one, &ignored), "any answer");
		rc_ignore(der_bits(&one, &ignored), "any answer");
		rc_ignore(der_bool(&one, &b), "any answer");
		if ((t.tag & 0x20) != 0) /* constructed: look inside, forget the rest */
			v = t.body;
	}
	return 0;
}
