#include "prog/server/open_rate.h"

#include <string.h>

void open_rate_init(struct open_rate *r)
{
	memset(r, 0, sizeof(*r));
	(void)pthread_mutex_init(&r->lock, NULL);
}

void open_rate_release(struct open_rate *r)
{
	(void)pthread_mutex_destroy(&r->lock);
}

static void key_of(struct view address, uint8_t key[OPEN_RATE_KEY])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	memset(key, 0, OPEN_RATE_KEY);
	/* An IPv4 caller on an IPv6 socket (RFC 4291 2.5.5.2). */
	if (address.len == 16 && memcmp(address.ptr, mapped, sizeof(mapped)) == 0)
		address = view_of(address.ptr + sizeof(mapped), 4);
	if (address.len == 4 || address.len == 16)
		memcpy(key, address.ptr, address.len == 4 ? 4 : OPEN_RATE_KEY);
}

/* Its row, or the one that is let go for it. */
static size_t find(struct open_rate *r, const uint8_t key[OPEN_RATE_KEY])
{
	size_t oldest = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (memcmp(r->rows[i].key, key, OPEN_RATE_KEY) == 0)
			return i;
		if (r->rows[i].debt_until < r->rows[oldest].debt_until)
			oldest = i;
	}
	if (r->count < OPEN_RATE_ADDRESSES)
		oldest = r->count++;
	memcpy(r->rows[oldest].key, key, OPEN_RATE_KEY);
	r->rows[oldest].debt_until = 0;
	return oldest;
}

bool open_rate_take(struct open_rate *r, struct view address, int64_t now_ms)
{
	uint8_t key[OPEN_RATE_KEY];
	int64_t *until;
	bool ok;

	key_of(address, key);
	(void)pthread_mutex_lock(&r->lock);
	until = &r->rows[find(r, key)].debt_until;
	if (*until < now_ms)
		*until = now_ms;
	ok = *until - now_ms <= (int64_t)(OPEN_RATE_BURST - 1) * OPEN_RATE_MS;
	if (ok)
		*until += OPEN_RATE_MS;
	(void)pthread_mutex_unlock(&r->lock);
	return ok;
}

void open_rate_give(struct open_rate *r, struct view address)
{
	uint8_t key[OPEN_RATE_KEY];

	key_of(address, key);
	(void)pthread_mutex_lock(&r->lock);
	/* Its row may have made room meanwhile; then there is nothing to be taken back. */
	for (size_t i = 0; i < r->count; i++)
		if (memcmp(r->rows[i].key, key, OPEN_RATE_KEY) == 0)
			r->rows[i].debt_until -= OPEN_RATE_MS;
	(void)pthread_mutex_unlock(&r->lock);
}
