#include "lib/format/elf.h"

#define PT_LOAD 1u
#define PT_DYNAMIC 2u
#define PT_INTERP 3u
#define PT_NOTE 4u
#define DT_NULL 0u
#define DT_NEEDED 1u
#define DT_STRTAB 5u
#define DT_RPATH 15u
#define DT_RUNPATH 29u
#define NT_GNU_ABI_TAG 1u
#define NOTES_MAX 64u /* of one segment that are looked at */

/* 0 where the bytes do not reach. */
static uint64_t number(const struct elf *e, uint64_t at, size_t size)
{
	struct view v;
	uint64_t n = 0;

	if (!rc_is_ok(view_slice(e->bytes, at, size, &v)))
		return 0;
	for (size_t i = 0; i < size; i++)
		n = n << 8 | v.ptr[e->big ? i : size - 1 - i];
	return n;
}

bool elf_open(struct view bytes, struct elf *ret)
{
	if (bytes.len < 20 || memcmp(bytes.ptr, "\177ELF", 4) != 0)
		return false;
	*ret = (struct elf){.bytes = bytes, .wide = bytes.ptr[4] == 2, .big = bytes.ptr[5] == 2};
	ret->type = number(ret, 16, 2);
	return true;
}

struct segment {
	uint64_t type;
	uint64_t offset;
	uint64_t address;
	uint64_t size; /* in the file */
};

static uint64_t segment_count(const struct elf *e)
{
	uint64_t n = number(e, e->wide ? 56 : 44, 2);

	return n < ELF_HEADERS_MAX ? n : ELF_HEADERS_MAX;
}

static struct segment segment(const struct elf *e, uint64_t i)
{
	uint64_t table = number(e, e->wide ? 32 : 28, e->wide ? 8 : 4);
	uint64_t at = number(e, e->wide ? 54 : 42, 2) * i;
	size_t word = e->wide ? 8 : 4;

	/* A sum that would wrap points beyond every file. */
	at = table > UINT64_MAX / 2 ? table : table + at;
	return (struct segment){.type = number(e, at, 4),
				.offset = number(e, at + (e->wide ? 8 : 4), word),
				.address = number(e, at + (e->wide ? 16 : 8), word),
				.size = number(e, at + (e->wide ? 32 : 16), word)};
}

bool elf_has_interp(const struct elf *e)
{
	for (uint64_t i = 0; i < segment_count(e); i++)
		if (segment(e, i).type == PT_INTERP)
			return true;
	return false;
}

/* Name size, size, type, "GNU" NUL, and so many bytes: gABI, "Note Section". */
static bool has_abi_tag(const struct elf *e, const struct segment *s)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < NOTES_MAX && s->size >= 16 && at <= s->size - 16; i++) {
		uint64_t name = number(e, s->offset + at, 4),
			 len = number(e, s->offset + at + 4, 4);
		struct view owner;

		if (!rc_is_ok(view_slice(e->bytes, s->offset + at + 12, 4, &owner)))
			return false;
		if (name == 4 && memcmp(owner.ptr, "GNU", 4) == 0 &&
		    number(e, s->offset + at + 8, 4) == NT_GNU_ABI_TAG)
			return len == 16;
		at += 12 + (name + 3) / 4 * 4 + (len + 3) / 4 * 4;
	}
	return false;
}

bool elf_has_start(const struct elf *e)
{
	for (uint64_t i = 0; i < segment_count(e); i++) {
		struct segment s = segment(e, i);

		if (s.type == PT_NOTE && s.offset < e->bytes.len && has_abi_tag(e, &s))
			return true;
	}
	return false;
}

static rc text_at(const struct elf *e, uint64_t at, struct view *ret, struct fault *f)
{
	struct view rest;

	if (at > e->bytes.len)
		return fault_set(f, RC_TRUNCATED, at, "elf: a text lies outside of the file");
	rest = view_of(e->bytes.ptr + at, e->bytes.len - (size_t)at);
	if (!rc_is_ok(view_until(&rest, '\0', ret)))
		return fault_set(f, RC_SYNTAX, at, "elf: a text without end");
	return OK;
}

/* Where in the file an address lies. */
static rc offset_of(const struct elf *e, uint64_t address, uint64_t *ret, struct fault *f)
{
	for (uint64_t i = 0; i < segment_count(e); i++) {
		struct segment s = segment(e, i);

		if (s.type != PT_LOAD || address < s.address || address - s.address >= s.size)
			continue;
		if (s.offset > e->bytes.len)
			break;
		*ret = s.offset + (address - s.address);
		return OK;
	}
	return fault_set(f, RC_SYNTAX, 0, "elf: an address that no segment has");
}

struct dynamic {
	uint64_t tag;
	uint64_t value;
};

/* The i-th entry of the dynamic section; tag DT_NULL at its end. */
static struct dynamic entry(const struct elf *e, const struct segment *s, uint64_t i)
{
	size_t word = e->wide ? 8 : 4;

	if (i >= s->size / (2 * word) || s->offset > e->bytes.len)
		return (struct dynamic){0};
	return (struct dynamic){number(e, s->offset + 2 * word * i, word),
				number(e, s->offset + 2 * word * i + word, word)};
}

static rc read_dynamic(const struct elf *e, const struct segment *s, struct elf_needs *n,
		       struct fault *f)
{
	uint64_t strings = 0;
	bool has_runpath = false;

	for (uint64_t i = 0; i < ELF_DYNAMIC_MAX && entry(e, s, i).tag != DT_NULL; i++)
		if (entry(e, s, i).tag == DT_STRTAB)
			TRY(offset_of(e, entry(e, s, i).value, &strings, f));
	for (uint64_t i = 0; i < ELF_DYNAMIC_MAX && entry(e, s, i).tag != DT_NULL; i++) {
		struct dynamic d = entry(e, s, i);
		struct view text;

		if (d.tag != DT_NEEDED && d.tag != DT_RUNPATH && d.tag != DT_RPATH)
			continue;
		if (d.value > e->bytes.len)
			return fault_set(f, RC_TRUNCATED, 0, "elf: a text outside of the file");
		TRY(text_at(e, strings + d.value, &text, f));
		if (d.tag == DT_NEEDED && n->needed_count == ELF_NEEDED_MAX)
			return fault_set(f, RC_LIMIT, 0, "elf: needs more than %u libraries",
					 ELF_NEEDED_MAX);
		if (d.tag == DT_NEEDED)
			n->needed[n->needed_count++] = text;
		else if (d.tag == DT_RUNPATH || !has_runpath)
			n->runpath = text;
		has_runpath |= d.tag == DT_RUNPATH;
	}
	return OK;
}

rc elf_needs_read(const struct elf *e, struct elf_needs *ret, struct fault *f)
{
	ret->interp = ret->runpath = view_of(NULL, 0);
	ret->needed_count = 0;
	for (uint64_t i = 0; i < segment_count(e); i++) {
		struct segment s = segment(e, i);

		if (s.type == PT_INTERP)
			TRY(text_at(e, s.offset, &ret->interp, f));
		if (s.type == PT_DYNAMIC)
			TRY(read_dynamic(e, &s, ret, f));
	}
	return OK;
}
