/* secret - memory for keys and passphrases: locked, left out of core files, wiped on release.
 *
 * There is no print function and no conversion to buf on purpose. */
#ifndef GS_BASE_SECRET_H
#define GS_BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define SECRET_MAX (1 << 20)

struct secret {
	uint8_t *ptr;
	size_t len;
	size_t mapped;
};

/* Zeroed memory of len bytes (1..SECRET_MAX), mlock()ed where the limit permits and always
 * MADV_DONTDUMP. RC_LIMIT, RC_NOMEM. */
MUST rc secret_new(struct secret *s, size_t len);
/* Wipes and unmaps; may be called twice and on a zeroed struct. */
void secret_release(struct secret *s);
AUTO_DEFINE(secret, struct secret, secret_release)

static inline struct view secret_view(const struct secret *s)
{
	return view_of(s->ptr, s->len);
}

/* Overwrites memory in a way the compiler keeps. */
void secret_wipe(void *p, size_t n);

/* buf_release(), with what the memory held wiped first: for tokens, which are secrets for minutes
 * and pass through buffers like any text. Older memory of a buffer that grew is not reached. */
void secret_buf_release(struct buf *b);
AUTO_DEFINE(secret_buf, struct buf, secret_buf_release)

/* True if the two ranges are equal; time depends on the lengths only. */
bool ct_equal(struct view a, struct view b);

#endif
