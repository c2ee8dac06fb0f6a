#include "prog/server/bearers.h"

#include <string.h>

void bearers_init(struct bearers *b)
{
	memset(b, 0, sizeof(*b));
	(void)pthread_mutex_init(&b->lock, NULL);
}

void bearers_release(struct bearers *b)
{
	(void)pthread_mutex_destroy(&b->lock);
}

bool bearers_have(struct bearers *b, const struct digest *id, const struct digest *roster,
		  unix_time now)
{
	bool found = false;

	(void)pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < b->count && !found; i++) {
		const struct bearer *row = &b->rows[i];

		found = digest_is_equal(&row->id, id) && digest_is_equal(&row->roster, roster) &&
			row->since <= now && now < row->until;
	}
	(void)pthread_mutex_unlock(&b->lock);
	return found;
}

/* Its row, or a new one, or the one that ends first. */
static struct bearer *row_for(struct bearers *b, const struct digest *id)
{
	struct bearer *first = &b->rows[0];

	for (size_t i = 0; i < b->count; i++) {
		if (digest_is_equal(&b->rows[i].id, id))
			return &b->rows[i];
		if (b->rows[i].until < first->until)
			first = &b->rows[i];
	}
	return b->count < BEARERS_MAX ? &b->rows[b->count++] : first;
}

void bearers_add(struct bearers *b, const struct digest *id, const struct digest *roster,
		 unix_time now, unix_time expires)
{
	unix_time most = now + BEARER_SECONDS;

	(void)pthread_mutex_lock(&b->lock);
	*row_for(b, id) = (struct bearer){.id = *id,
					  .roster = *roster,
					  .since = now,
					  .until = expires < most ? expires : most};
	(void)pthread_mutex_unlock(&b->lock);
}
