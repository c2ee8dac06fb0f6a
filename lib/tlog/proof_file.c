#include "lib/tlog/proof_file.h"

#include "lib/base/num.h"
#include "lib/codec/base64.h"

#define HEADER "c2sp.org/tlog-proof@v1"
#define EXTRA_MAX 8192u

/* Takes prefix from the front of v if it is there. */
static bool starts(struct view *v, const char *prefix)
{
	struct view head;
	size_t n = strlen(prefix);

	if (!rc_is_ok(view_slice(*v, 0, n, &head)) || !view_is(head, prefix))
		return false;
	*v = view_of(v->ptr + n, v->len - n);
	return true;
}

static rc line_next(struct view *v, struct view *ret, struct fault *f)
{
	if (!rc_is_ok(view_until(v, '\n', ret)))
		return fault_set(f, RC_TRUNCATED, 0, "proof file: ends inside a line");
	return OK;
}

static rc extra_parse(struct view text, struct proof_file *p, struct fault *f)
{
	uint8_t bytes[EXTRA_MAX];
	struct buf b;
	rc r;

	if (text.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "proof file: empty extra line");
	buf_init_fixed(&b, bytes, sizeof(bytes));
	r = base64_parse(BASE64_STD, text, &b, f);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "proof file: extra");
	p->extra = text;
	return OK;
}

static rc hash_parse_line(struct view text, struct tree_proof *p, struct fault *f)
{
	struct buf b;
	rc r;

	/* The longest proof below 2^63 leaves has 63 hashes. */
	if (p->count == TREE_HASHES_MAX - 1)
		return fault_set(f, RC_LIMIT, 0, "proof file: more than 63 hashes");
	buf_init_fixed(&b, p->hash[p->count].b, DIGEST_SIZE);
	r = base64_parse(BASE64_STD, text, &b, f);
	if (r.code == RC_NONCANON)
		return fault_wrap(f, r, "proof file: hash %zu", p->count);
	if (!rc_is_ok(r) || b.len != DIGEST_SIZE)
		return fault_set(f, RC_SYNTAX, 0, "proof file: hash %zu is not base64 of 32 bytes",
				 p->count);
	p->count++;
	return OK;
}

rc proof_file_parse(struct view bytes, struct proof_file *ret, struct fault *f)
{
	struct proof_file p = {0};
	struct view line;
	rc r;

	if (bytes.len > PROOF_FILE_MAX)
		return fault_set(f, RC_LIMIT, 0, "proof file: larger than %u bytes",
				 PROOF_FILE_MAX);
	TRY(line_next(&bytes, &line, f));
	if (!view_is(line, HEADER))
		return fault_set(f, RC_SYNTAX, 0, "proof file: the first line is not " HEADER);
	TRY(line_next(&bytes, &line, f));
	if (starts(&line, "extra ")) {
		TRY(extra_parse(line, &p, f));
		TRY(line_next(&bytes, &line, f));
	}
	if (!starts(&line, "index "))
		return fault_set(f, RC_SYNTAX, 0, "proof file: no index line");
	r = num_parse_u64((const char *)line.ptr, line.len, TREE_SIZE_MAX - 1, &p.index);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "proof file: index is not a number below 2^63");
	for (;;) {
		TRY(line_next(&bytes, &line, f));
		if (line.len == 0)
			break;
		TRY(hash_parse_line(line, &p.proof, f));
	}
	if (bytes.len == 0)
		return fault_set(f, RC_TRUNCATED, 0, "proof file: no checkpoint");
	p.note = bytes;
	*ret = p;
	return OK;
}

void proof_file_put(const struct proof_file *p, struct buf *out)
{
	buf_put_str(out, HEADER "\n");
	if (p->extra.len > 0) {
		buf_put_str(out, "extra ");
		buf_put_view(out, p->extra);
		buf_put_u8(out, '\n');
	}
	buf_printf(out, "index %llu\n", (unsigned long long)p->index);
	for (size_t i = 0; i < p->proof.count; i++) {
		base64_put(BASE64_STD, digest_view(&p->proof.hash[i]), out);
		buf_put_u8(out, '\n');
	}
	buf_put_u8(out, '\n');
	buf_put_view(out, p->note);
}

rc proof_file_verify(const struct proof_file *p, struct view entry, const struct vkey *log,
		     struct checkpoint *ret, struct fault *f)
{
	struct checkpoint c;
	struct digest leaf = tree_leaf_hash(entry);

	TRY(checkpoint_open(p->note, log, &c, f));
	TRY(tree_verify_inclusion(&c.head, p->index, &leaf, &p->proof, f));
	if (ret != NULL)
		*ret = c;
	return OK;
}
