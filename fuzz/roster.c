/* A roster that is accepted finds everybody it holds, by name and by key. */
#include <stdlib.h>

#include "lib/model/roster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct roster *r;
	struct fault f;

	if (!rc_is_ok(roster_parse(view_of(data, size), &r, &f)))
		return 0;
	for (size_t i = 0; i < r->people_count; i++) {
		const struct principal *p = &r->people[i];

		if (roster_person(r, &p->name) != p ||
		    roster_person_by_key(r, sshkey_blob(p->keys[0])) != p)
			abort();
		for (size_t g = 0; g < p->group_count; g++)
			if (roster_group(r, false, &p->groups[g]) == NULL)
				abort();
	}
	roster_free(r);
	return 0;
}
