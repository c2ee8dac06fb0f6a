#include "lib/format/pe_inspect.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/fd.h"

#define COFF_SIZE 24	 /* with the signature "PE\0\0" */
#define OPTIONAL_MAX 512 /* bytes of the optional header that are read */
#define SECTION_SIZE 40
#define HIGH_ENTROPY 720 /* hundredths of a bit: compressed or encrypted */
#define LISTED_MIN 4096	 /* smaller sections say nothing by their entropy */

#define SCN_CODE 0x00000020u
#define SCN_EXECUTE 0x20000000u
#define SCN_READ 0x40000000u
#define SCN_WRITE 0x80000000u

struct name {
	unsigned value;
	const char *text;
};

static const struct name machines[] = {
	{0x14c, "i386"},	 {0x8664, "x86-64"},	  {0x1c0, "arm"},      {0x1c4, "armv7"},
	{0xaa64, "arm64"},	 {0x200, "ia64"},	  {0x5032, "riscv32"}, {0x5064, "riscv64"},
	{0x6264, "loongarch64"}, {0xebc, "efi-bytecode"},
};
static const struct name subsystems[] = {
	{1, "native"},
	{2, "gui"},
	{3, "console"},
	{7, "posix"},
	{9, "windows-ce"},
	{10, "efi-application"},
	{11, "efi-boot-driver"},
	{12, "efi-runtime-driver"},
	{13, "efi-rom"},
	{14, "xbox"},
	{16, "boot-application"},
};

static rc set_name(json_t *o, const char *key, const struct name *names, size_t count,
		   unsigned value)
{
	char text[16];

	for (size_t i = 0; i < count; i++)
		if (names[i].value == value)
			return report_set(o, key, json_string_nocheck(names[i].text));
	(void)snprintf(text, sizeof(text), "0x%x", value);
	return report_set(o, key, json_string_nocheck(text));
}
#define SET_NAME(o, key, table, value)                                                             \
	set_name(o, key, table, sizeof(table) / sizeof(table[0]), value)

bool pe_is_malformed(rc r)
{
	return r.code == RC_NOTFOUND || r.code == RC_TRUNCATED || r.code == RC_LIMIT ||
	       r.code == RC_SYNTAX || r.code == RC_RANGE;
}

rc pe_offset(const struct pe *pe, uint64_t address, uint64_t *ret, uint64_t *ret_left)
{
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pe_section *s = &pe->sections[i];

		if (address < s->address || address - s->address >= s->raw_size)
			continue;
		*ret = (uint64_t)s->raw_offset + (address - s->address);
		*ret_left = s->raw_size - (address - s->address);
		return OK;
	}
	if (address >= pe->headers_size)
		return RC(RC_NOTFOUND);
	*ret = address; /* the headers are loaded as they are */
	*ret_left = pe->headers_size - address;
	return OK;
}

rc pe_read(const struct pe *pe, uint64_t address, void *out, size_t n)
{
	uint64_t at;
	uint64_t left;
	size_t got;

	TRY(pe_offset(pe, address, &at, &left));
	if (n > left)
		return RC(RC_TRUNCATED);
	TRY(inspect_read(pe->in, at, out, n, &got, NULL));
	return got == n ? OK : RC(RC_TRUNCATED);
}

rc pe_string(const struct pe *pe, uint64_t address, uint8_t *out, struct view *ret)
{
	uint64_t at;
	uint64_t left;
	size_t got;
	struct view all;

	TRY(pe_offset(pe, address, &at, &left));
	TRY(inspect_read(pe->in, at, out, left < PE_NAME_MAX ? (size_t)left : PE_NAME_MAX, &got,
			 NULL));
	all = view_of(out, got);
	if (rc_is_ok(view_until(&all, 0, ret)))
		return OK;
	return RC(got == PE_NAME_MAX ? RC_LIMIT : RC_TRUNCATED);
}

/* The optional header (PE/COFF, "Optional Header"); opt holds what the file has of it. */
static rc optional_header(struct pe *pe, struct view opt)
{
	uint16_t magic, flags, subsystem;
	uint32_t dirs;
	struct view v = opt;

	TRY(view_u16le(&v, &magic));
	if (magic != 0x10b && magic != 0x20b)
		return RC(RC_SYNTAX);
	pe->plus = magic == 0x20b;
	TRY(view_skip(&v, 14));
	TRY(view_u32le(&v, &pe->entry_point));
	TRY(view_slice(opt, 60, opt.len < 60 ? 0 : opt.len - 60, &v));
	TRY(view_u32le(&v, &pe->headers_size));
	TRY(view_skip(&v, 4)); /* CheckSum */
	TRY(view_u16le(&v, &subsystem));
	TRY(view_u16le(&v, &flags));
	TRY(view_slice(opt, pe->plus ? 108 : 92,
		       opt.len < 112 ? 0 : opt.len - (pe->plus ? 108 : 92), &v));
	TRY(view_u32le(&v, &dirs));
	for (size_t i = 0; i < dirs && i < PE_DIRS && v.len >= 8; i++) {
		TRY(view_u32le(&v, &pe->dir_address[i]));
		TRY(view_u32le(&v, &pe->dir_size[i]));
	}
	TRY(report_set(pe->o, "format", json_string_nocheck(pe->plus ? "PE32+" : "PE32")));
	TRY(SET_NAME(pe->o, "subsystem", subsystems, subsystem));
	TRY(report_set_u64(pe->o, "entry_point", pe->entry_point));
	TRY(report_set(pe->o, "aslr", json_boolean((flags & 0x0040) != 0)));
	TRY(report_set(pe->o, "nx", json_boolean((flags & 0x0100) != 0)));
	TRY(report_set(pe->o, "cfg", json_boolean((flags & 0x4000) != 0)));
	TRY(report_set(pe->o, "dotnet", json_boolean(pe->dir_address[PE_DOTNET] != 0)));
	if ((flags & 0x0040) == 0)
		TRY(finding(pe->in, SEVERITY_NOTICE, "pe-no-aslr", NO_PATH,
			    "loads at a fixed address (DYNAMIC_BASE is off)"));
	if ((flags & 0x0100) == 0)
		TRY(finding(pe->in, SEVERITY_NOTICE, "pe-no-nx", NO_PATH,
			    "data may be executed (NX_COMPAT is off)"));
	return OK;
}

/* Entropy and SHA-256 over the part of [at, at + size) that the file has. */
static rc content_of(const struct pe *pe, uint64_t at, uint64_t size, unsigned *ret_entropy,
		     struct hash *ret)
{
	AUTO(hasher) struct hasher *h = NULL;
	uint64_t counts[256] = {0};
	uint8_t block[16384];

	TRY(hasher_new(HASH_SHA256, &h));
	for (uint64_t done = 0; done < size;) {
		uint64_t want = size - done;
		size_t got;

		TRY(inspect_read(pe->in, at + done, block,
				 want < sizeof(block) ? (size_t)want : sizeof(block), &got, NULL));
		for (size_t i = 0; i < got; i++)
			counts[block[i]]++;
		if (got == 0)
			break;
		TRY(hasher_update(h, view_of(block, got)));
		done += got;
	}
	*ret_entropy = entropy_of(counts);
	return hasher_finish(h, ret);
}

static rc section_findings(struct pe *pe, const struct pe_section *s, unsigned entropy)
{
	struct view name = view_str(s->name);

	if ((s->flags & SCN_WRITE) != 0 && (s->flags & SCN_EXECUTE) != 0)
		TRY(finding(pe->in, SEVERITY_WARNING, "pe-writable-code", name,
			    "a section that is writable and executable"));
	if (entropy >= HIGH_ENTROPY && s->raw_size >= LISTED_MIN)
		TRY(finding(pe->in,
			    (s->flags & SCN_EXECUTE) != 0 ? SEVERITY_WARNING : SEVERITY_NOTICE,
			    "pe-high-entropy", name,
			    "%u.%02u bits a byte: compressed, encrypted or random", entropy / 100,
			    entropy % 100));
	if (s->raw_size > 0 &&
	    (s->raw_offset > pe->in->size || s->raw_size > pe->in->size - s->raw_offset))
		TRY(finding(pe->in, SEVERITY_ERROR, "pe-truncated", name,
			    "ends at %llu, the file has %llu bytes",
			    (unsigned long long)s->raw_offset + s->raw_size,
			    (unsigned long long)pe->in->size));
	return OK;
}

static rc one_section(struct pe *pe, json_t *list, struct view v, uint64_t *entropy_budget)
{
	struct pe_section *s = &pe->sections[pe->section_count];
	char flags[4] = "---";
	unsigned entropy = 0;
	struct hash hash;
	json_t *o = json_object();

	TRY(report_add(list, o));
	TRY(view_copy(&v, s->name, 8));
	TRY(view_u32le(&v, &s->virtual_size));
	TRY(view_u32le(&v, &s->address));
	TRY(view_u32le(&v, &s->raw_size));
	TRY(view_u32le(&v, &s->raw_offset));
	TRY(view_skip(&v, 12));
	TRY(view_u32le(&v, &s->flags));
	pe->section_count++;
	flags[0] = (s->flags & SCN_READ) != 0 ? 'r' : '-';
	flags[1] = (s->flags & SCN_WRITE) != 0 ? 'w' : '-';
	flags[2] = (s->flags & SCN_EXECUTE) != 0 ? 'x' : '-';
	/* Sections may overlap: all together are read once the size of the file, no more. */
	if (s->raw_size <= *entropy_budget) {
		*entropy_budget -= s->raw_size;
		TRY(content_of(pe, s->raw_offset, s->raw_size, &entropy, &hash));
		TRY(report_set_u64(o, "entropy", entropy));
		TRY(report_set_hex(o, "sha256", &hash));
	}
	TRY(report_set_text(o, "name", view_str(s->name), 64));
	TRY(report_set_u64(o, "address", s->address));
	TRY(report_set_u64(o, "virtual_size", s->virtual_size));
	TRY(report_set_u64(o, "raw_size", s->raw_size));
	TRY(report_set(o, "flags", json_string_nocheck(flags)));
	return section_findings(pe, s, entropy);
}

static rc sections(struct pe *pe, uint64_t at, unsigned count)
{
	json_t *list = json_array();
	uint64_t entropy_budget = pe->in->size;

	TRY(report_set(pe->o, "sections", list));
	for (unsigned i = 0; i < count; i++) {
		uint8_t raw[SECTION_SIZE];
		size_t got;

		TRY(inspect_read(pe->in, at + (uint64_t)i * SECTION_SIZE, raw, sizeof(raw), &got,
				 NULL));
		if (got < sizeof(raw))
			return RC(RC_TRUNCATED);
		if (i == PE_SECTIONS_MAX)
			return finding(pe->in, SEVERITY_ERROR, "pe-too-many-sections", NO_PATH,
				       "%u sections, %d are listed", count, PE_SECTIONS_MAX);
		TRY(one_section(pe, list, view_of(raw, sizeof(raw)), &entropy_budget));
	}
	return OK;
}

static rc entry_point(struct pe *pe)
{
	for (size_t i = 0; i < pe->section_count && pe->entry_point != 0; i++) {
		const struct pe_section *s = &pe->sections[i];
		uint32_t span = s->virtual_size > s->raw_size ? s->virtual_size : s->raw_size;

		if (pe->entry_point < s->address || pe->entry_point - s->address >= span)
			continue;
		if ((s->flags & SCN_EXECUTE) != 0)
			return OK;
	}
	if (pe->entry_point == 0)
		return OK;
	return finding(pe->in, SEVERITY_WARNING, "pe-entry-point", NO_PATH,
		       "the entry point 0x%x lies in no executable section", pe->entry_point);
}

/* Bytes that belong to no section and no certificate table. */
static rc overlay(struct pe *pe)
{
	uint64_t end = pe->headers_size;
	uint64_t last = pe->in->size;
	unsigned entropy;
	struct hash hash;

	for (size_t i = 0; i < pe->section_count; i++) {
		uint64_t to = (uint64_t)pe->sections[i].raw_offset + pe->sections[i].raw_size;

		if (pe->sections[i].raw_size > 0 && to > end)
			end = to;
	}
	if (pe->dir_address[PE_CERTIFICATE] != 0 && pe->dir_address[PE_CERTIFICATE] < last)
		last = pe->dir_address[PE_CERTIFICATE];
	TRY(report_set_u64(pe->o, "overlay", last > end ? last - end : 0));
	if (last <= end)
		return OK;
	TRY(content_of(pe, end, last - end, &entropy, &hash));
	TRY(report_set_hex(pe->o, "overlay_sha256", &hash));
	return finding(pe->in, last - end > 65536 ? SEVERITY_WARNING : SEVERITY_NOTICE,
		       "pe-overlay", NO_PATH, "%llu bytes after the last section",
		       (unsigned long long)(last - end));
}

static rc headers(struct pe *pe)
{
	uint8_t coff[COFF_SIZE], opt[OPTIONAL_MAX], lfanew[4];
	uint16_t machine, section_count, opt_size, flags;
	uint32_t at, when;
	struct view v = view_of(lfanew, 4);
	size_t got;

	TRY(inspect_read(pe->in, 0x3c, lfanew, 4, &got, NULL));
	if (got < 4)
		return RC(RC_TRUNCATED);
	TRY(view_u32le(&v, &at));
	TRY(inspect_read(pe->in, at, coff, sizeof(coff), &got, NULL));
	v = view_of(coff, got);
	if (got < sizeof(coff) || memcmp(coff, "PE\0\0", 4) != 0)
		return RC(got < sizeof(coff) ? RC_TRUNCATED : RC_SYNTAX);
	TRY(view_skip(&v, 4));
	TRY(view_u16le(&v, &machine));
	TRY(view_u16le(&v, &section_count));
	TRY(view_u32le(&v, &when));
	TRY(view_skip(&v, 8));
	TRY(view_u16le(&v, &opt_size));
	TRY(view_u16le(&v, &flags));
	TRY(SET_NAME(pe->o, "machine", machines, machine));
	TRY(report_set_u64(pe->o, "timestamp", when));
	TRY(report_set(pe->o, "dll", json_boolean((flags & 0x2000) != 0)));
	TRY(inspect_read(pe->in, (uint64_t)at + COFF_SIZE, opt,
			 opt_size < sizeof(opt) ? opt_size : sizeof(opt), &got, NULL));
	TRY(optional_header(pe, view_of(opt, got)));
	return sections(pe, (uint64_t)at + COFF_SIZE + opt_size, section_count);
}

rc pe_inspect(struct inspection *in, struct fault *f)
{
	static rc (*const parts[])(struct pe *) = {headers,	 entry_point,	 overlay,
						   pe_imports,	 pe_exports,	 pe_debug,
						   pe_resources, pe_certificates};
	static const char *const names[] = {"headers", "entry point", "overlay",   "imports",
					    "exports", "debug data",  "resources", "certificates"};
	struct pe pe = {.in = in, .o = json_object()};

	TRY(report_set(in->report, "pe", pe.o));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		rc r = parts[i](&pe);

		if (rc_is_ok(r))
			continue;
		if (!pe_is_malformed(r))
			return fault_set(f, r.code, 0, "pe: reading the %s", names[i]);
		TRY(finding(in, SEVERITY_ERROR, "pe-malformed", NO_PATH,
			    "the %s cannot be read: %s (PE/COFF)", names[i], rc_name(r)));
		if (i == 0)
			return OK;
	}
	return OK;
}
