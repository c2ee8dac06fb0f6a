#include "lib/codec/rpm.h"

#define ENTRY 16u
#define REGION_BYTES 16u /* RPM_REGION_*: binary, of the size of an entry */

static const uint8_t lead_magic[4] = {0xed, 0xab, 0xee, 0xdb};
static const uint8_t header_magic[4] = {0x8e, 0xad, 0xe8, 0x01};

/* Bytes of one element; 0: strings, which end by NUL. Type 0 has no data. */
static const uint8_t sizes[] = {0, 1, 1, 2, 4, 8, 0, 1, 0, 0};
#define TYPES (sizeof(sizes) / sizeof(sizes[0]))

struct entry {
	uint32_t tag;
	uint32_t type;
	uint32_t offset;
	uint32_t count;
};

rc rpm_lead_check(struct view lead, struct fault *f)
{
	if (lead.len < RPM_LEAD || memcmp(lead.ptr, lead_magic, sizeof(lead_magic)) != 0)
		return fault_set(f, RC_SYNTAX, 0, "rpm: no package begins like this");
	if (lead.ptr[4] != 3 && lead.ptr[4] != 4)
		return fault_set(f, RC_UNSUPPORTED, 4, "rpm: version %u of the format",
				 (unsigned)lead.ptr[4]);
	return OK;
}

/* Past the magic: count of entries and bytes of data. */
static rc read_intro(struct view *v, uint32_t *ret_entries, uint32_t *ret_data, struct fault *f)
{
	struct view head;

	if (!rc_is_ok(view_take(v, 8, &head)) || !rc_is_ok(view_u32be(v, ret_entries)) ||
	    !rc_is_ok(view_u32be(v, ret_data)))
		return fault_set(f, RC_TRUNCATED, 0, "rpm: the file ends before its header");
	if (memcmp(head.ptr, header_magic, sizeof(header_magic)) != 0)
		return fault_set(f, RC_SYNTAX, 0, "rpm: no header begins like this");
	if (*ret_entries > RPM_ENTRIES_MAX || *ret_data > RPM_DATA_MAX)
		return fault_set(f, RC_LIMIT, 8,
				 "rpm: a header of %u entries and %u bytes, at most %u and %u",
				 *ret_entries, *ret_data, RPM_ENTRIES_MAX, RPM_DATA_MAX);
	return OK;
}

rc rpm_header_size(struct view intro, uint64_t *ret, struct fault *f)
{
	uint32_t entries, data;

	TRY(read_intro(&intro, &entries, &data, f));
	*ret = RPM_INTRO + (uint64_t)entries * ENTRY + data;
	return OK;
}

static rc read_entry(struct view *v, struct entry *ret)
{
	TRY(view_u32be(v, &ret->tag));
	TRY(view_u32be(v, &ret->type));
	TRY(view_u32be(v, &ret->offset));
	return view_u32be(v, &ret->count);
}

static rc bad_entry(const struct entry *e, enum rc_code code, const char *what, struct fault *f)
{
	return fault_set(f, code, 0, "rpm: tag %u (type %u, offset %u, count %u): %s", e->tag,
			 e->type, e->offset, e->count, what);
}

/* All that the entry names lies in the data, behind what the entries before it have: *end, which
 * moves on. So all of them together are read once. */
static rc check_entry(const struct entry *e, struct view data, size_t *end, struct fault *f)
{
	struct view rest, one;

	if (e->type == 0 || e->type >= TYPES)
		return bad_entry(e, RC_SYNTAX, "no such type", f);
	if (e->count == 0 || e->offset > data.len || e->offset < *end)
		return bad_entry(e, RC_RANGE, "lies outside", f);
	rest = view_of(data.ptr + e->offset, data.len - e->offset);
	if (sizes[e->type] != 0) {
		if (e->count > rest.len / sizes[e->type])
			return bad_entry(e, RC_RANGE, "lies outside", f);
		*end = e->offset + (size_t)e->count * sizes[e->type];
		return OK;
	}
	if (e->type == RPM_STRING && e->count != 1)
		return bad_entry(e, RC_SYNTAX, "several strings where one belongs", f);
	for (uint32_t i = 0; i < e->count; i++)
		if (!rc_is_ok(view_until(&rest, 0, &one)))
			return bad_entry(e, RC_RANGE, "a string has no end", f);
	*end = data.len - rest.len;
	return OK;
}

/* The first entry names a region, and at the end of the data the same is said once more, with the
 * size of the region as a negative offset. */
static rc check_region(const struct rpm_header *h, uint32_t region, struct fault *f)
{
	struct view entries = h->entries, at;
	struct entry first, last;

	if (!rc_is_ok(read_entry(&entries, &first)) || first.tag != region ||
	    first.type != RPM_BINARY || first.count != REGION_BYTES)
		return fault_set(f, RC_SYNTAX, 0, "rpm: a header that is no region %u", region);
	if (!rc_is_ok(view_slice(h->data, first.offset, REGION_BYTES, &at)) ||
	    !rc_is_ok(read_entry(&at, &last)) || last.tag != region || last.type != RPM_BINARY ||
	    last.count != REGION_BYTES)
		return bad_entry(&first, RC_RANGE, "a region without its end", f);
	if (first.offset + REGION_BYTES != h->data.len ||
	    0 - last.offset != (uint32_t)h->entries.len)
		return bad_entry(&first, RC_NONCANON, "entries beside the region", f);
	return OK;
}

rc rpm_header_open(struct view bytes, uint32_t region, struct rpm_header *ret, struct fault *f)
{
	struct rpm_header h = {.bytes = bytes};
	struct view rest = bytes;
	uint32_t entries, data;
	size_t end = 0;
	struct entry e;

	TRY(read_intro(&rest, &entries, &data, f));
	if (!rc_is_ok(view_take(&rest, (size_t)entries * ENTRY, &h.entries)) ||
	    !rc_is_ok(view_take(&rest, data, &h.data)))
		return fault_set(f, RC_TRUNCATED, 0, "rpm: the file ends inside its header");
	if (rest.len > 0)
		return fault_set(f, RC_TRAILING, 0, "rpm: bytes behind the header");
	TRY(check_region(&h, region, f));
	rest = h.entries;
	TRY(view_skip(&rest, ENTRY));
	while (rest.len > 0) {
		TRY(read_entry(&rest, &e));
		TRY(check_entry(&e, h.data, &end, f));
	}
	*ret = h;
	return OK;
}

static rc find(const struct rpm_header *h, uint32_t tag, struct entry *ret)
{
	struct view rest = h->entries;
	bool found = false;
	struct entry e;

	while (rest.len > 0) {
		TRY(read_entry(&rest, &e));
		if (e.tag != tag)
			continue;
		if (found)
			return RC(RC_DUPLICATE);
		found = true;
		*ret = e;
	}
	return found ? OK : RC(RC_NOTFOUND);
}

/* From where the entry's data begin. */
static struct view data_of(const struct rpm_header *h, const struct entry *e)
{
	return view_of(h->data.ptr + e->offset, h->data.len - e->offset);
}

rc rpm_header_string(const struct rpm_header *h, uint32_t tag, size_t i, struct view *ret)
{
	struct view rest, one;
	struct entry e;

	TRY(find(h, tag, &e));
	/* 9: a string in several languages, of which the first stands for all. */
	if (e.type != RPM_STRING && e.type != RPM_STRINGS && e.type != 9)
		return RC(RC_SYNTAX);
	if (i >= e.count)
		return RC(RC_NOTFOUND);
	rest = data_of(h, &e);
	for (size_t k = 0; k <= i; k++)
		TRY(view_until(&rest, 0, &one));
	*ret = one;
	return OK;
}

rc rpm_header_strings(const struct rpm_header *h, uint32_t tag, struct view *ret,
		      uint32_t *ret_count)
{
	struct view rest, one;
	struct entry e;

	TRY(find(h, tag, &e));
	if (e.type != RPM_STRINGS)
		return RC(RC_SYNTAX);
	rest = data_of(h, &e);
	for (uint32_t i = 0; i < e.count; i++)
		TRY(view_until(&rest, 0, &one));
	*ret = view_of(h->data.ptr + e.offset, (size_t)(rest.ptr - h->data.ptr) - e.offset);
	*ret_count = e.count;
	return OK;
}

/* Bytes of a tag's numbers, or of what is binary: all are in the header, for it was opened. */
static rc bytes_of(const struct rpm_header *h, uint32_t tag, uint32_t type, size_t size,
		   struct view *ret)
{
	struct entry e;

	TRY(find(h, tag, &e));
	if (e.type != type)
		return RC(RC_SYNTAX);
	*ret = view_of(h->data.ptr + e.offset, (size_t)e.count * size);
	return OK;
}

rc rpm_header_u32s(const struct rpm_header *h, uint32_t tag, struct view *ret)
{
	return bytes_of(h, tag, RPM_INT32, 4, ret);
}

rc rpm_header_u16s(const struct rpm_header *h, uint32_t tag, struct view *ret)
{
	return bytes_of(h, tag, RPM_INT16, 2, ret);
}

rc rpm_header_bytes(const struct rpm_header *h, uint32_t tag, struct view *ret)
{
	return bytes_of(h, tag, RPM_BINARY, 1, ret);
}

rc rpm_header_u32(const struct rpm_header *h, uint32_t tag, size_t i, uint32_t *ret)
{
	struct view rest, one;
	struct entry e;

	TRY(find(h, tag, &e));
	if (e.type != RPM_INT32)
		return RC(RC_SYNTAX);
	if (i >= e.count)
		return RC(RC_NOTFOUND);
	rest = data_of(h, &e);
	TRY(view_slice(rest, 4 * (uint64_t)i, 4, &one));
	return view_u32be(&one, ret);
}
