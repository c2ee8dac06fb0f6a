#include "prog/guard/met.h"

#include <string.h>

#include "lib/codec/base64.h"
#include "lib/codec/hex.h"
#include "prog/guard/words.h"

static bool ends(const char *text, size_t cap)
{
	return strnlen(text, cap) < cap;
}

static bool is_form(const char *form)
{
	static const char *const forms[] = {"pe", "appended", "ima", "cms", "sshsig"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(form, forms[i]) == 0)
			return true;
	return false;
}

bool met_check(const struct met *m)
{
	if (m->what == MET_END)
		return true;
	return (m->what == MET_GOOD || m->what == MET_UNJUDGED) && m->fits <= 1 &&
	       ends(m->form, sizeof(m->form)) && is_form(m->form) && ends(m->why, sizeof(m->why)) &&
	       (m->what == MET_UNJUDGED || (m->hash >= HASH_SHA256 && m->hash <= HASH_SHA512)) &&
	       m->spki_len <= sizeof(m->spki) && m->message_len <= sizeof(m->message) &&
	       m->value_len <= sizeof(m->value);
}

bool met_check_next(const struct met *m, uint32_t *told)
{
	return met_check(m) && (m->what == MET_END || ++*told <= MET_FILE_MAX);
}

static void put_base64(struct buf *out, const char *name, const uint8_t *bytes, size_t n)
{
	buf_printf(out, ",\"%s\":\"", name);
	base64_put(BASE64_STD, view_of(bytes, n), out);
	buf_put_u8(out, '"');
}

static void put_hex(struct buf *out, const char *name, const uint8_t *bytes, size_t n)
{
	char hex[2 * HASH_MAX_SIZE + 1];

	hex_encode(view_of(bytes, n), hex);
	buf_printf(out, ",\"%s\":\"%s\"", name, hex);
}

static void put_evidence(struct buf *out, const struct met *m)
{
	enum hash_alg hash = (enum hash_alg)m->hash;

	buf_printf(out, ",\"fits\":%u,\"hash\":\"%s\"", (unsigned)m->fits, hash_name(hash));
	put_hex(out, "digest", m->digest, hash_size(hash));
	put_base64(out, "spki", m->spki, m->spki_len);
	if (m->message_len > 0)
		put_base64(out, "signed", m->message, m->message_len);
	put_base64(out, "signature", m->value, m->value_len);
}

void met_put(struct buf *out, const struct met_report *r, const char *when)
{
	static const struct digest none;
	const struct met *m = &r->met;

	buf_printf(out, "{\"event\":\"signature\",\"time\":\"%s\",\"reason\":\"%s\"", when,
		   m->form);
	if (r->path[0] != '\0')
		words_put(out, "path", r->path, strnlen(r->path, sizeof(r->path)));
	put_hex(out, "sha256", m->file.b, DIGEST_SIZE);
	put_hex(out, "key", m->key.b, DIGEST_SIZE);
	if (!digest_is_equal(&m->cert, &none))
		put_hex(out, "certificate", m->cert.b, DIGEST_SIZE);
	if (m->what == MET_GOOD)
		put_evidence(out, m);
	else
		words_put(out, "text", m->why, strnlen(m->why, sizeof(m->why)));
	buf_put_str(out, "}\n");
}
