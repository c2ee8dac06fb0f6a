#include "lib/format/token_file.h"

#include <string.h>

#include "lib/base/fd.h"
#include "lib/format/cms_file.h"
#include "lib/format/oid_tbs.h"

rc guard_token_read(int fd, struct buf *bytes, struct guard_token *ret, struct fault *f)
{
	AUTO(buf) struct buf own;
	struct buf *b = bytes;
	uint64_t size;
	uint8_t *space;

	buf_init(&own, GUARD_TOKEN_BYTES_MAX);
	if (b == NULL)
		b = &own;
	TRY(fd_size(fd, &size, f));
	if (size > GUARD_TOKEN_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "guard token: more than %u bytes",
				 GUARD_TOKEN_BYTES_MAX);
	space = buf_space(b, (size_t)size);
	TRY(buf_done(b));
	TRY(fd_pread_full(fd, space, (size_t)size, 0, f));
	return guard_token_parse(buf_view(b), ret, f);
}

static bool recognise(int fd)
{
	uint8_t head[sizeof(GUARD_TOKEN_MAGIC) - 1];

	return rc_is_ok(fd_pread_full(fd, head, sizeof(head), 0, NULL)) &&
	       memcmp(head, GUARD_TOKEN_MAGIC, sizeof(head)) == 0;
}

static rc content(int fd, enum hash_alg alg, struct hash *ret, struct fault *f)
{
	AUTO(buf) struct buf bytes;
	struct guard_token t;

	buf_init(&bytes, GUARD_TOKEN_BYTES_MAX);
	TRY(guard_token_read(fd, &bytes, &t, f));
	*ret = hash_of(alg, buf_view(&bytes));
	return OK;
}

static rc verify(int fd, struct view object, const struct verify_trust *t,
		 struct verify_report *ret, struct fault *f)
{
	const struct cms_wish wish = {.format = GUARD_TOKEN_FORMAT,
				      .type = OID(OID_GUARD_TOKEN),
				      .type_name = "a guard token's",
				      .fd = fd,
				      .content = content};

	return cms_verify(object, &wish, t, ret, f);
}

const struct format_file format_guard_token_file = {
	.name = GUARD_TOKEN_FORMAT,
	.detached = true,
	.recognise = recognise,
	.content = content,
	.verify = verify,
};
