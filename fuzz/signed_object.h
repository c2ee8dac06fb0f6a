/* Shared by cms_verify and pe_verify: the object is the input; path checks included. */
#ifndef GS_FUZZ_SIGNED_OBJECT_H
#define GS_FUZZ_SIGNED_OBJECT_H

#include "lib/format/signed_data_file.h"

static inline void fuzz_object(struct view object)
{
	struct signed_object o;
	struct verify_report report;
	struct fault f;

	if (!rc_is_ok(signed_object_parse(object, &o, &f)))
		return;
	rc_ignore(signed_object_judge(&o, &(struct verify_trust){o.certs, o.cert_count, 1800000000},
				      &report, &f),
		  "any answer");
}

#endif
