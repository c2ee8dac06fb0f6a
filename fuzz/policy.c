/* A policy that is accepted has rules that are satisfiable in form, and bytes that are its own. */
#include <stdlib.h>

#include "lib/codec/jcan.h"
#include "lib/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char empty[] = "{\"hosts\":[],\"people\":[],\"version\":1}";
	struct roster *r;
	struct policy *p;
	struct fault f;

	if (!rc_is_ok(policy_parse(view_of(data, size), &p, &f)))
		return 0;
	if (!rc_is_ok(jcan_check(buf_view(&p->bytes), &f)) ||
	    !rc_is_ok(roster_parse(view_str(empty), &r, &f)))
		abort();
	for (size_t i = 0; i < p->rule_count; i++)
		if (!rc_is_ok(jcan_check(p->rules[i].json, &f)) ||
		    p->rules[i].unattended != (p->rules[i].approve.count == 0))
			abort();
	/* Nobody is there, so no quorum can be filled. */
	if (rc_is_ok(policy_check(p, r, &f)))
		abort();
	roster_free(r);
	policy_free(p);
	return 0;
}
