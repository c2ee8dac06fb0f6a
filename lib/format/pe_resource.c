/* Resources of a PE image: the version block and the manifest. Owns: the three levels of the
 * resource directory (type, name, language) and the version block's own tree. */
#include <stdio.h>
#include <string.h>

#include "lib/format/pe_inspect.h"

#define TYPE_VERSION 16u
#define TYPE_MANIFEST 24u
#define VERSION_MAX 65536 /* bytes of a version block */
#define MANIFEST_MAX 16384
#define STRINGS_MAX 64
#define VALUE_MAX 1024

struct walk {
	struct pe *pe;
	uint32_t seen; /* directory entries so far: the directory may point at itself */
};

static rc leaf(struct pe *pe, unsigned type, uint32_t entry);

/* One directory level. On level 0 the entry's id is the type; deeper ones are all taken. */
static rc level(struct walk *w, unsigned depth, unsigned type, uint32_t offset)
{
	struct pe *pe = w->pe;
	const uint64_t root = pe->dir_address[PE_RESOURCE];
	uint16_t named, ids;
	uint8_t raw[16];
	struct view v = view_of(raw + 12, 4);

	if (depth > 2)
		return RC(RC_RANGE);
	TRY(pe_read(pe, root + offset, raw, sizeof(raw)));
	TRY(view_u16le(&v, &named));
	TRY(view_u16le(&v, &ids));
	for (uint32_t i = 0; i < (uint32_t)named + ids; i++) {
		uint32_t id, to;
		rc r;

		if (++w->seen > PE_RESOURCES_MAX)
			return RC(RC_LIMIT);
		TRY(pe_read(pe, root + offset + 16 + i * 8, raw, 8));
		v = view_of(raw, 8);
		TRY(view_u32le(&v, &id));
		TRY(view_u32le(&v, &to));
		if (depth == 0 && id != TYPE_VERSION && id != TYPE_MANIFEST)
			continue;
		if ((to & 0x80000000u) != 0)
			r = level(w, depth + 1, depth == 0 ? id : type, to & 0x7fffffffu);
		else
			r = leaf(pe, depth == 0 ? id : type, to);
		TRY(r);
	}
	return OK;
}

/* One node of the version block: length, value length, type, key, value, children, all aligned to
 * 4 from the block's start (VS_VERSIONINFO). */
struct node {
	struct view key; /* UTF-16LE without its end */
	struct view value;
	struct view children;
};

static void align(struct view all, struct view *v)
{
	size_t at = (size_t)(v->ptr - all.ptr);
	size_t pad = (4 - at % 4) % 4;

	if (pad > v->len)
		pad = v->len;
	v->ptr += pad;
	v->len -= pad;
}

static rc node_next(struct view all, struct view *rest, struct node *ret)
{
	uint16_t length, value_length, text;
	struct view body, v;
	struct node n;

	align(all, rest);
	v = *rest;
	TRY(view_u16le(&v, &length));
	if (length < 6)
		return RC(RC_SYNTAX);
	TRY(view_slice(*rest, 0, length, &body));
	TRY(view_skip(rest, length));
	TRY(view_skip(&body, 2));
	TRY(view_u16le(&body, &value_length));
	TRY(view_u16le(&body, &text));
	n.key = body;
	for (uint16_t c = 1; c != 0;)
		TRY(view_u16le(&body, &c));
	n.key.len -= body.len + 2;
	align(all, &body);
	/* Text counts in characters, binary values in bytes. Some compilers get it wrong: what is
	 * there is enough. */
	size_t want = (size_t)value_length * (text == 1 ? 2 : 1);
	TRY(view_take(&body, want < body.len ? want : body.len, &n.value));
	align(all, &body);
	n.children = body;
	*ret = n;
	return OK;
}

static bool key_is(const struct node *n, const char *ascii)
{
	if (n->key.len != 2 * strlen(ascii))
		return false;
	for (size_t i = 0; ascii[i] != '\0'; i++)
		if (n->key.ptr[2 * i] != (uint8_t)ascii[i] || n->key.ptr[2 * i + 1] != 0)
			return false;
	return true;
}

static rc string_pair(json_t *strings, const struct node *n)
{
	AUTO(buf) struct buf key = {0};
	AUTO(buf) struct buf value = {0};

	buf_init(&key, 256);
	buf_init(&value, VALUE_MAX);
	(void)clean_put_utf16(&key, n->key, 255);
	(void)clean_put_utf16(&value, n->value, VALUE_MAX - 1);
	TRY(buf_done(&key));
	TRY(buf_done(&value));
	return report_set(strings, buf_cstr(&key), json_string_nocheck(buf_cstr(&value)));
}

/* StringFileInfo holds tables (one a language), which hold the strings. */
static rc string_tables(struct view all, struct view tables, json_t *strings)
{
	struct node table, pair;

	while (tables.len >= 6) {
		TRY(node_next(all, &tables, &table));
		while (table.children.len >= 6 && json_object_size(strings) < STRINGS_MAX) {
			TRY(node_next(all, &table.children, &pair));
			TRY(string_pair(strings, &pair));
		}
	}
	return OK;
}

static rc fixed_version(json_t *o, const char *key, struct view *v)
{
	uint32_t high, low;
	char text[48];

	TRY(view_u32le(v, &high));
	TRY(view_u32le(v, &low));
	(void)snprintf(text, sizeof(text), "%u.%u.%u.%u", high >> 16, high & 0xffff, low >> 16,
		       low & 0xffff);
	return report_set(o, key, json_string_nocheck(text));
}

static rc version_block(struct pe *pe, struct view all)
{
	json_t *o = json_object();
	json_t *strings = json_object();
	struct view rest = all;
	struct node top, n;

	TRY(report_set(pe->o, "version", o));
	TRY(report_set(o, "strings", strings));
	TRY(node_next(all, &rest, &top));
	if (top.value.len >= 24) {
		TRY(view_skip(&top.value, 8));
		TRY(fixed_version(o, "file", &top.value));
		TRY(fixed_version(o, "product", &top.value));
	}
	while (top.children.len >= 6) {
		TRY(node_next(all, &top.children, &n));
		if (key_is(&n, "StringFileInfo"))
			TRY(string_tables(all, n.children, strings));
	}
	return OK;
}

/* Resource data entry: address, size, code page, reserved. */
static rc leaf(struct pe *pe, unsigned type, uint32_t entry)
{
	const uint64_t root = pe->dir_address[PE_RESOURCE];
	const uint32_t most = type == TYPE_VERSION ? VERSION_MAX : MANIFEST_MAX;
	uint8_t raw[8];
	struct view v = view_of(raw, sizeof(raw));
	uint32_t address, size;
	AUTO(buf) struct buf b = {0};
	uint8_t *data;

	TRY(pe_read(pe, root + entry, raw, sizeof(raw)));
	TRY(view_u32le(&v, &address));
	TRY(view_u32le(&v, &size));
	if (size > most)
		return finding(pe->in, SEVERITY_WARNING, "pe-resource", NO_PATH,
			       "a %s of %u bytes is not read",
			       type == TYPE_VERSION ? "version block" : "manifest", size);
	buf_init(&b, most);
	data = buf_space(&b, size);
	TRY(buf_done(&b));
	if (size == 0)
		return OK;
	TRY(pe_read(pe, address, data, size));
	if (type == TYPE_VERSION)
		return version_block(pe, view_of(data, size));
	return report_set(pe->o, "manifest",
			  report_text(view_of(data, size), CLEAN_TEXT, 2 * MANIFEST_MAX));
}

rc pe_resources(struct pe *pe)
{
	struct walk w = {.pe = pe};

	return pe->dir_address[PE_RESOURCE] == 0 ? OK : level(&w, 0, 0, 0);
}
