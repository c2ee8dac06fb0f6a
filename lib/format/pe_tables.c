/* Imports, exports, debug data and the certificate table of a PE image. Owns: walking these tables
 * within limits. Must not own: what a signature says. */
#include <stdio.h>
#include <string.h>

#include "lib/format/pe_inspect.h"

static rc read_u32(const struct pe *pe, uint64_t address, uint32_t *ret)
{
	uint8_t raw[4];
	struct view v = view_of(raw, 4);

	TRY(pe_read(pe, address, raw, 4));
	return view_u32le(&v, ret);
}

static rc function_name(const struct pe *pe, uint64_t thunk, json_t *list)
{
	uint8_t raw[PE_NAME_MAX];
	char ordinal[16];
	struct view name;

	if ((thunk >> (pe->plus ? 63 : 31)) != 0) {
		(void)snprintf(ordinal, sizeof(ordinal), "#%u", (unsigned)(thunk & 0xffff));
		return report_add(list, json_string_nocheck(ordinal));
	}
	TRY(pe_string(pe, thunk + 2, raw, &name)); /* after the two bytes of the hint */
	return report_add(list, report_text(name, CLEAN_LINE, PE_NAME_MAX));
}

/* The names of one DLL's lookup table (PE/COFF, "Import Lookup Table"). */
static rc functions(struct pe *pe, uint32_t table, json_t *list, uint32_t *left)
{
	for (uint64_t i = 0;; i++) {
		uint64_t at = table + i * (pe->plus ? 8 : 4);
		uint32_t low, high = 0;
		uint64_t thunk;

		TRY(read_u32(pe, at, &low));
		if (pe->plus)
			TRY(read_u32(pe, at + 4, &high));
		thunk = (uint64_t)high << 32 | low;
		if (thunk == 0)
			return OK;
		if (*left == 0)
			return finding(pe->in, SEVERITY_ERROR, "pe-too-many-imports", NO_PATH,
				       "more than %d imported functions", PE_FUNCTIONS_MAX);
		(*left)--;
		TRY(function_name(pe, thunk, list));
	}
}

static rc one_dll(struct pe *pe, json_t *list, uint32_t name_at, uint32_t table, uint32_t *left)
{
	uint8_t raw[PE_NAME_MAX];
	struct view name;
	json_t *o = json_object();
	json_t *names = json_array();

	TRY(report_add(list, o));
	TRY(report_set(o, "functions", names));
	TRY(report_set(o, "dll", json_string_nocheck("")));
	TRY(pe_string(pe, name_at, raw, &name));
	TRY(report_set_text(o, "dll", name, PE_NAME_MAX));
	return table == 0 ? OK : functions(pe, table, names, left);
}

/* Import directory entries have 20 bytes (name at 12, lookup table at 0 or 16), delay-load ones 32
 * (name at 4, name table at 16). */
static rc directory(struct pe *pe, enum pe_dir dir, json_t *list, uint32_t *left)
{
	const bool delay = dir == PE_DELAY_IMPORT;

	if (pe->dir_address[dir] == 0)
		return OK;
	for (uint64_t i = 0;; i++) {
		uint8_t raw[32];
		uint64_t at = pe->dir_address[dir] + i * (delay ? 32 : 20);
		uint32_t name, table, second = 0;
		struct view v;

		TRY(pe_read(pe, at, raw, delay ? 32 : 20));
		v = view_of(raw + (delay ? 4 : 12), 4);
		TRY(view_u32le(&v, &name));
		v = view_of(raw + (delay ? 16 : 0), 4);
		TRY(view_u32le(&v, &table));
		v = view_of(raw + 16, 4);
		TRY(view_u32le(&v, &second));
		if (name == 0)
			return OK;
		if (json_array_size(list) >= PE_DLLS_MAX)
			return finding(pe->in, SEVERITY_ERROR, "pe-too-many-imports", NO_PATH,
				       "more than %d DLLs", PE_DLLS_MAX);
		TRY(one_dll(pe, list, name, table != 0 ? table : second, left));
	}
}

rc pe_imports(struct pe *pe)
{
	json_t *list = json_array();
	uint32_t left = PE_FUNCTIONS_MAX;

	TRY(report_set(pe->o, "imports", list));
	TRY(directory(pe, PE_IMPORT, list, &left));
	return directory(pe, PE_DELAY_IMPORT, list, &left);
}

rc pe_exports(struct pe *pe)
{
	uint32_t name, count;
	uint8_t raw[PE_NAME_MAX];
	struct view text;
	json_t *o;

	if (pe->dir_address[PE_EXPORT] == 0)
		return OK;
	o = json_object();
	TRY(report_set(pe->o, "exports", o));
	TRY(read_u32(pe, (uint64_t)pe->dir_address[PE_EXPORT] + 12, &name));
	TRY(read_u32(pe, (uint64_t)pe->dir_address[PE_EXPORT] + 20, &count));
	TRY(report_set_u64(o, "count", count));
	TRY(pe_string(pe, name, raw, &text));
	return report_set_text(o, "name", text, PE_NAME_MAX);
}

/* The path of the symbol file in a CodeView record: "RSDS", GUID, age, path. */
static rc codeview(struct pe *pe, uint32_t size, uint32_t address)
{
	uint8_t raw[24 + 512];
	size_t n = size < sizeof(raw) ? size : sizeof(raw);
	struct view v = view_of(raw, n);
	struct view path;

	TRY(pe_read(pe, address, raw, n));
	if (n < 24 || memcmp(raw, "RSDS", 4) != 0)
		return OK;
	TRY(view_skip(&v, 24));
	TRY(view_until(&v, 0, &path));
	return report_set_text(pe->o, "pdb", path, 1024);
}

rc pe_debug(struct pe *pe)
{
	const uint32_t entries = pe->dir_size[PE_DEBUG] / 28;

	for (uint32_t i = 0; pe->dir_address[PE_DEBUG] != 0 && i < entries && i < 64; i++) {
		uint64_t at = pe->dir_address[PE_DEBUG] + (uint64_t)i * 28;
		uint32_t type, size, address;

		TRY(read_u32(pe, at + 12, &type));
		TRY(read_u32(pe, at + 16, &size));
		TRY(read_u32(pe, at + 20, &address));
		if (type == 2)
			TRY(codeview(pe, size, address));
	}
	return OK;
}

/* Length of the DER value at the front of bytes with its header; 0 if it is none of up to 4 length
 * bytes. Only to tell the signature from what is put beside it. */
static uint64_t der_length(const uint8_t *p, size_t n)
{
	unsigned count;
	uint64_t len = 0;

	if (n < 6 || p[0] != 0x30)
		return 0;
	if (p[1] < 0x80)
		return 2u + p[1];
	count = p[1] & 0x7fu;
	if (count == 0 || count > 4)
		return 0;
	for (unsigned i = 0; i < count; i++)
		len = len << 8 | p[2 + i];
	return 2 + count + len;
}

/* WIN_CERTIFICATE: length, revision, type, then the object; entries are aligned to 8 (PE/COFF, "The
 * Attribute Certificate Table"). Room between the object and the entry's end is hashed by nobody.
 */
static rc one_certificate(struct pe *pe, uint64_t at, uint64_t end, uint64_t *ret_next)
{
	uint8_t raw[16];
	struct view v = view_of(raw, sizeof(raw));
	uint32_t length;
	uint64_t object;
	size_t got;

	TRY(inspect_read(pe->in, at, raw, sizeof(raw), &got, NULL));
	TRY(view_u32le(&v, &length));
	if (got < sizeof(raw) || length < 16 || length > end - at)
		return RC(RC_TRUNCATED);
	object = der_length(raw + 8, 8);
	if (object == 0 || object > length - 8)
		TRY(finding(pe->in, SEVERITY_WARNING, "pe-certificate", NO_PATH,
			    "an entry of the certificate table is no DER object"));
	else if (length - 8 - object >= 8)
		TRY(finding(pe->in, SEVERITY_WARNING, "pe-certificate-padding", NO_PATH,
			    "%llu bytes beside a signature that no signature covers",
			    (unsigned long long)(length - 8 - object)));
	*ret_next = at + ((uint64_t)length + 7) / 8 * 8;
	return OK;
}

rc pe_certificates(struct pe *pe)
{
	uint64_t at = pe->dir_address[PE_CERTIFICATE];
	uint64_t end = at + pe->dir_size[PE_CERTIFICATE];
	uint64_t count = 0;

	TRY(report_set_u64(pe->o, "signatures", 0));
	if (at == 0 || pe->dir_size[PE_CERTIFICATE] == 0)
		return OK;
	if (end > pe->in->size)
		return RC(RC_TRUNCATED);
	if (end < pe->in->size)
		TRY(finding(pe->in, SEVERITY_WARNING, "pe-data-after-signature", NO_PATH,
			    "%llu bytes after the certificate table",
			    (unsigned long long)(pe->in->size - end)));
	while (at < end && count < 64) {
		TRY(one_certificate(pe, at, end, &at));
		count++;
	}
	return report_set_u64(pe->o, "signatures", count);
}
