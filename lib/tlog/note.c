#include "lib/tlog/note.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/codec/hex.h"
#include "lib/codec/utf8.h"
#include "lib/crypt/digest.h"

#define DASH "\xe2\x80\x94 " /* U+2014 and a space */

/* ---- Keys
 * --------------------------------------------------------------------------------------*/

/* Unicode's White_Space, the characters that a key name must not have. */
static bool is_space(uint32_t c)
{
	return c == 0x20 || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

static rc name_check(struct view name, struct fault *f)
{
	if (name.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "note: empty key name");
	if (name.len > NOTE_NAME_MAX)
		return fault_set(f, RC_LIMIT, 0, "note: key name of %zu bytes, at most %u",
				 name.len, NOTE_NAME_MAX);
	while (name.len > 0) {
		uint32_t c = 0;

		if (!rc_is_ok(utf8_next(&name, &c)) || is_space(c) || c < 0x20 || c == '+')
			return fault_set(f, RC_SYNTAX, 0,
					 "note: key name with white space, + or invalid UTF-8");
	}
	return OK;
}

static void key_id(struct vkey *k)
{
	static const uint8_t middle[2] = {'\n', NOTE_ED25519};
	const struct view parts[] = {view_str(k->name), view_of(middle, 2),
				     view_of(k->key, sizeof(k->key))};
	struct digest d = digest_of_parts(parts, 3);

	memcpy(k->id, d.b, sizeof(k->id));
}

static rc make(struct view name, const uint8_t key[ED25519_PUBLIC], struct vkey *ret,
	       struct fault *f)
{
	struct vkey k = {0};

	TRY(name_check(name, f));
	memcpy(k.name, name.ptr, name.len);
	memcpy(k.key, key, sizeof(k.key));
	key_id(&k);
	*ret = k;
	return OK;
}

rc vkey_make(const char *name, const uint8_t key[ED25519_PUBLIC], struct vkey *ret, struct fault *f)
{
	return make(view_str(name), key, ret, f);
}

rc vkey_parse(struct view text, struct vkey *ret, struct fault *f)
{
	struct view name;
	struct view hex;
	uint8_t id[4];
	uint8_t raw[4096]; /* keys of other types are longer */
	struct buf b;
	struct vkey k;

	/* The base64 part may hold a + of its own. */
	if (!rc_is_ok(view_until(&text, '+', &name)) || !rc_is_ok(view_until(&text, '+', &hex)) ||
	    !rc_is_ok(hex_parse(hex, id, sizeof(id))))
		return fault_set(f, RC_SYNTAX, 0, "vkey: not of the form name+hash+key");
	buf_init_fixed(&b, raw, sizeof(raw));
	TRY(base64_parse(BASE64_STD, text, &b, f));
	if (b.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "vkey: empty key");
	if (raw[0] != NOTE_ED25519)
		return fault_set(f, RC_UNSUPPORTED, 0, "vkey: type 0x%02x, only 0x01 is known",
				 raw[0]);
	if (b.len != 1 + ED25519_PUBLIC)
		return fault_set(f, RC_SYNTAX, 0, "vkey: Ed25519 key of %zu bytes", b.len - 1);
	TRY(make(name, raw + 1, &k, f));
	if (memcmp(id, k.id, sizeof(id)) != 0)
		return fault_set(f, RC_MISMATCH, 0, "vkey: the hash is not that of name and key");
	*ret = k;
	return OK;
}

void vkey_put(const struct vkey *k, struct buf *out)
{
	uint8_t raw[1 + ED25519_PUBLIC] = {NOTE_ED25519};

	memcpy(raw + 1, k->key, sizeof(k->key));
	buf_put_str(out, k->name);
	buf_put_u8(out, '+');
	hex_put(out, view_of(k->id, sizeof(k->id)));
	buf_put_u8(out, '+');
	base64_put(BASE64_STD, view_of(raw, sizeof(raw)), out);
}

/* ---- Reading
 * -----------------------------------------------------------------------------------*/

static rc text_check(struct view v, struct fault *f)
{
	size_t at;

	if (!rc_is_ok(utf8_check(v, &at)))
		return fault_set(f, RC_SYNTAX, at, "note: not UTF-8");
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] < 0x20 && v.ptr[i] != '\n')
			return fault_set(f, RC_SYNTAX, i, "note: control character 0x%02x",
					 v.ptr[i]);
	return OK;
}

/* Decodes a signature line's base64: key id, and the rest into out. */
static rc line_decode(struct view base64, uint8_t id[4], struct buf *out, struct fault *f)
{
	TRY(base64_parse(BASE64_STD, base64, out, f));
	if (out->len < 5)
		return fault_set(f, RC_SYNTAX, 0, "note: signature shorter than 5 bytes");
	memcpy(id, out->ptr, 4);
	return OK;
}

/* line is without its LF. */
static rc line_parse(struct view line, struct note_line *ret, struct fault *f)
{
	AUTO(buf) struct buf b = {0};
	struct view dash;

	buf_init(&b, NOTE_MAX);
	if (!rc_is_ok(view_take(&line, sizeof(DASH) - 1, &dash)) || !view_is(dash, DASH) ||
	    !rc_is_ok(view_until(&line, ' ', &ret->name)))
		return fault_set(f, RC_SYNTAX, 0, "note: not a signature line");
	TRY(name_check(ret->name, f));
	ret->signature = line;
	return line_decode(line, ret->id, &b, f);
}

/* Offset of the last LF LF's second LF. */
static rc split_at(struct view v, size_t *ret, struct fault *f)
{
	for (size_t i = v.len; i-- > 1;) {
		if (v.ptr[i] == '\n' && v.ptr[i - 1] == '\n') {
			*ret = i;
			return OK;
		}
	}
	return fault_set(f, RC_SYNTAX, 0, "note: no empty line before the signatures");
}

rc note_parse(struct view bytes, struct note *ret, struct fault *f)
{
	struct view rest;
	size_t blank = 0;

	if (bytes.len > NOTE_MAX)
		return fault_set(f, RC_LIMIT, 0, "note: larger than %u bytes", NOTE_MAX);
	TRY(text_check(bytes, f));
	TRY(split_at(bytes, &blank, f));
	ret->text = view_of(bytes.ptr, blank);
	ret->count = 0;
	rest = view_of(bytes.ptr + blank + 1, bytes.len - blank - 1);
	while (rest.len > 0) {
		size_t at = bytes.len - rest.len;
		struct view line;
		rc r;

		if (ret->count == NOTE_SIGNATURES_MAX)
			return fault_set(f, RC_LIMIT, at, "note: more than %u signatures",
					 NOTE_SIGNATURES_MAX);
		if (!rc_is_ok(view_until(&rest, '\n', &line)))
			return fault_set(f, RC_SYNTAX, at, "note: the last line has no end");
		r = line_parse(line, &ret->line[ret->count], f);
		if (!rc_is_ok(r))
			return fault_wrap(f, r, "note: line at byte %zu", at);
		ret->count++;
	}
	if (ret->count == 0)
		return fault_set(f, RC_SYNTAX, bytes.len, "note: no signatures");
	return OK;
}

static bool is_by(const struct note_line *l, const struct vkey *k)
{
	return view_is(l->name, k->name) && memcmp(l->id, k->id, sizeof(k->id)) == 0;
}

static rc line_verify(const struct note *n, const struct note_line *l, const struct vkey *k,
		      struct fault *f)
{
	AUTO(buf) struct buf b = {0};
	uint8_t id[4];
	rc r;

	buf_init(&b, NOTE_MAX);
	TRY(line_decode(l->signature, id, &b, f));
	r = ed25519_verify(k->key, n->text, view_of(b.ptr + 4, b.len - 4), f);
	return rc_is_ok(r) ? r : fault_wrap(f, r, "note: signature by %s", k->name);
}

rc note_verify(const struct note *n, const struct vkey *keys, size_t count, uint64_t *ret_by,
	       struct fault *f)
{
	uint64_t by = 0;

	if (count > 64)
		return fault_set(f, RC_LIMIT, 0, "note: more than 64 known keys");
	for (size_t i = 0; i < n->count; i++) {
		for (size_t k = 0; k < count; k++) {
			if (!is_by(&n->line[i], &keys[k]))
				continue;
			if ((by >> k & 1) != 0)
				return fault_set(f, RC_DUPLICATE, 0, "note: two signatures by %s",
						 keys[k].name);
			TRY(line_verify(n, &n->line[i], &keys[k], f));
			by |= UINT64_C(1) << k;
		}
	}
	if (by == 0)
		return fault_set(f, RC_UNKNOWN, 0, "note: no signature by a known key");
	if (ret_by != NULL)
		*ret_by = by;
	return OK;
}

/* ---- Writing
 * -----------------------------------------------------------------------------------*/

static rc seed_sign(void *ctx, struct view text, uint8_t ret[ED25519_SIGNATURE], struct fault *f)
{
	return ed25519_sign((const struct ed25519_key *)ctx, text, ret, f);
}

rc note_signer_ed25519(const char *name, struct ed25519_key *k, struct note_signer *ret,
		       struct fault *f)
{
	struct note_signer s = {.sign = seed_sign, .ctx = k};
	uint8_t key[ED25519_PUBLIC];

	ed25519_key_public(k, key);
	TRY(vkey_make(name, key, &s.key, f));
	*ret = s;
	return OK;
}

rc note_sign(struct view text, const struct note_signer *signers, size_t count, struct buf *out,
	     struct fault *f)
{
	TRY(text_check(text, f));
	if (text.len == 0 || text.ptr[text.len - 1] != '\n')
		return fault_set(f, RC_SYNTAX, text.len, "note: text does not end its last line");
	buf_put_view(out, text);
	buf_put_u8(out, '\n');
	for (size_t i = 0; i < count; i++) {
		const struct note_signer *s = &signers[i];
		uint8_t raw[4 + ED25519_SIGNATURE];

		memcpy(raw, s->key.id, 4);
		TRY(s->sign(s->ctx, text, raw + 4, f));
		buf_put_str(out, DASH);
		buf_put_str(out, s->key.name);
		buf_put_u8(out, ' ');
		base64_put(BASE64_STD, view_of(raw, sizeof(raw)), out);
		buf_put_u8(out, '\n');
	}
	return buf_done(out);
}
