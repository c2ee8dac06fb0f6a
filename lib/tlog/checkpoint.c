#include "lib/tlog/checkpoint.h"

#include <string.h>

#include "lib/base/num.h"
#include "lib/codec/base64.h"

/* One line without its LF. */
static rc line_next(struct view *v, const char *what, struct view *ret, struct fault *f)
{
	if (!rc_is_ok(view_until(v, '\n', ret)))
		return fault_set(f, RC_SYNTAX, 0, "checkpoint: no line with the %s", what);
	return OK;
}

static rc root_parse(struct view text, struct digest *ret, struct fault *f)
{
	struct buf b;
	rc r;

	buf_init_fixed(&b, ret->b, sizeof(ret->b));
	r = base64_parse(BASE64_STD, text, &b, f);
	if (r.code == RC_NONCANON)
		return fault_wrap(f, r, "checkpoint: root");
	if (!rc_is_ok(r) || b.len != DIGEST_SIZE)
		return fault_set(f, RC_SYNTAX, 0, "checkpoint: root is not base64 of 32 bytes");
	return OK;
}

rc checkpoint_parse(struct view text, struct checkpoint *ret, struct fault *f)
{
	struct checkpoint c = {0};
	struct digest empty = tree_empty_root();
	struct view origin;
	struct view size;
	struct view root;
	rc r;

	TRY(line_next(&text, "origin", &origin, f));
	TRY(line_next(&text, "size", &size, f));
	TRY(line_next(&text, "root", &root, f));
	if (text.len != 0)
		return fault_set(f, RC_TRAILING, 0, "checkpoint: extension lines are not accepted");
	if (origin.len == 0 || memchr(origin.ptr, 0, origin.len) != NULL)
		return fault_set(f, RC_SYNTAX, 0, "checkpoint: no origin");
	if (origin.len > NOTE_NAME_MAX)
		return fault_set(f, RC_LIMIT, 0, "checkpoint: origin of %zu bytes", origin.len);
	memcpy(c.origin, origin.ptr, origin.len);
	r = num_parse_u64((const char *)size.ptr, size.len, TREE_SIZE_MAX, &c.head.size);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "checkpoint: size is not a number below 2^63");
	TRY(root_parse(root, &c.head.root, f));
	if (c.head.size == 0 && !digest_is_equal(&c.head.root, &empty))
		return fault_set(f, RC_MISMATCH, 0, "checkpoint: size 0 with a root that is not");
	*ret = c;
	return OK;
}

void checkpoint_put(const struct checkpoint *c, struct buf *out)
{
	buf_printf(out, "%s\n%llu\n", c->origin, (unsigned long long)c->head.size);
	base64_put(BASE64_STD, digest_view(&c->head.root), out);
	buf_put_u8(out, '\n');
}

rc checkpoint_sign(const struct tree_head *head, const struct note_signer *signer, struct buf *out,
		   struct fault *f)
{
	struct checkpoint c = {.head = *head};
	uint8_t text[512];
	struct buf b;

	_Static_assert(sizeof(c.origin) == sizeof(signer->key.name),
		       "the origin is the key's name");
	if (head->size > TREE_SIZE_MAX)
		return fault_set(f, RC_RANGE, 0, "checkpoint: size is not below 2^63");
	memcpy(c.origin, signer->key.name, sizeof(c.origin));
	buf_init_fixed(&b, text, sizeof(text));
	checkpoint_put(&c, &b);
	TRY(buf_done(&b));
	return note_sign(buf_view(&b), signer, 1, out, f);
}

rc checkpoint_open(struct view note, const struct vkey *log, struct checkpoint *ret,
		   struct fault *f)
{
	struct note n;
	struct checkpoint c;

	TRY(note_parse(note, &n, f));
	TRY(note_verify(&n, log, 1, NULL, f));
	TRY(checkpoint_parse(n.text, &c, f));
	if (strcmp(c.origin, log->name) != 0)
		return fault_set(f, RC_MISMATCH, 0, "checkpoint: origin %.80s, key of %.80s",
				 c.origin, log->name);
	*ret = c;
	return OK;
}
