/* Purpose: see pe_image.h. All offsets are compared by subtracting from a length already proven. */
#include "lib/format/pe_image.h"

#include "lib/base/fd.h"
#include "lib/format/stream.h"

#define DOS_HEADER 64
#define DOS_LFANEW 0x3c
#define COFF_HEADER 24 /* signature and file header */
#define SECTION 40
#define OPTIONAL_MAX 4096
#define MAGIC_PE32 0x10b
#define MAGIC_PE32_PLUS 0x20b

/* Offsets in the optional header (PE/COFF, "Optional Header Windows-Specific Fields"). */
#define OPT_SIZE_OF_HEADERS 60
#define OPT_CHECKSUM 64
#define DIRECTORY_SECURITY 4

struct headers {
	uint64_t pe_at;
	uint64_t optional_at;
	uint32_t sections;
	uint32_t optional_size;
	uint64_t end; /* SizeOfHeaders */
};

static uint32_t le16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | le16(p + 2) << 16;
}

/* n bytes at `at`, which must lie inside the file. */
static rc read_at(int fd, uint64_t size, uint64_t at, void *out, size_t n, struct fault *f)
{
	if (at > size || n > size - at)
		return fault_set(f, RC_TRUNCATED, at, "pe: %zu bytes at %llu, the file has %llu", n,
				 (unsigned long long)at, (unsigned long long)size);
	return fd_pread_full(fd, out, n, at, f);
}

static rc read_coff(int fd, uint64_t size, struct headers *h, struct fault *f)
{
	uint8_t dos[DOS_HEADER];
	uint8_t coff[COFF_HEADER];

	TRY(read_at(fd, size, 0, dos, sizeof(dos), f));
	if (dos[0] != 'M' || dos[1] != 'Z')
		return fault_set(f, RC_SYNTAX, 0, "pe: no MZ at the start");
	h->pe_at = le32(dos + DOS_LFANEW);
	/* A PE header inside the DOS header would give its bytes two meanings. */
	if (h->pe_at < DOS_HEADER)
		return fault_set(f, RC_RANGE, DOS_LFANEW, "pe: e_lfanew %llu is in the DOS header",
				 (unsigned long long)h->pe_at);
	TRY(read_at(fd, size, h->pe_at, coff, sizeof(coff), f));
	if (le32(coff) != 0x00004550)
		return fault_set(f, RC_SYNTAX, h->pe_at, "pe: no PE signature");
	h->sections = le16(coff + 6);
	h->optional_size = le16(coff + 20);
	h->optional_at = h->pe_at + COFF_HEADER;
	if (h->sections > PE_IMAGE_SECTIONS_MAX)
		return fault_set(f, RC_LIMIT, h->pe_at, "pe: %u sections, at most %d", h->sections,
				 PE_IMAGE_SECTIONS_MAX);
	return OK;
}

/* The optional header: fields and data directories. */
static rc read_optional(int fd, struct pe_image *image, struct headers *h, struct fault *f)
{
	uint8_t opt[OPTIONAL_MAX];
	uint32_t directories;
	uint32_t count;

	if (h->optional_size < OPT_CHECKSUM + 4 || h->optional_size > OPTIONAL_MAX)
		return fault_set(f, RC_RANGE, h->optional_at, "pe: SizeOfOptionalHeader is %u",
				 h->optional_size);
	TRY(read_at(fd, image->size, h->optional_at, opt, h->optional_size, f));
	if (le16(opt) == MAGIC_PE32)
		directories = 96;
	else if (le16(opt) == MAGIC_PE32_PLUS)
		directories = 112;
	else
		return fault_set(f, RC_UNSUPPORTED, h->optional_at,
				 "pe: optional header magic 0x%x is neither PE32 nor PE32+",
				 le16(opt));
	if (h->optional_size < directories + 8 * (DIRECTORY_SECURITY + 1))
		return fault_set(f, RC_UNSUPPORTED, h->optional_at,
				 "pe: the optional header of %u bytes has no security directory",
				 h->optional_size);
	count = le32(opt + directories - 4);
	if (count <= DIRECTORY_SECURITY || count > (h->optional_size - directories) / 8)
		return fault_set(
			f, RC_UNSUPPORTED, h->optional_at,
			"pe: NumberOfRvaAndSizes is %u, the security directory is number 4", count);
	h->end = le32(opt + OPT_SIZE_OF_HEADERS);
	image->checksum_at = h->optional_at + OPT_CHECKSUM;
	image->security_at = h->optional_at + directories + (uint64_t)8 * DIRECTORY_SECURITY;
	image->cert_at = le32(opt + directories + 8 * DIRECTORY_SECURITY);
	image->cert_size = le32(opt + directories + 8 * DIRECTORY_SECURITY + 4);
	return OK;
}

/* The Authenticode paper hashes section by section, in the order of their file offsets, then what
 * follows; most programs hash the file from front to back. Only an image without gaps and overlaps
 * has the same digest both ways, so nothing else is signed or verified. *ret_end is where the last
 * section ends. */
static rc check_sections(int fd, const struct pe_image *image, const struct headers *h,
			 uint64_t *ret_end, struct fault *f)
{
	static const size_t raw_size = 16;
	static const size_t raw_at = 20;
	uint8_t table[PE_IMAGE_SECTIONS_MAX * SECTION];
	uint64_t table_at = h->optional_at + h->optional_size;
	uint64_t end = h->end;
	bool used[PE_IMAGE_SECTIONS_MAX] = {false};

	TRY(read_at(fd, image->size, table_at, table, (size_t)h->sections * SECTION, f));
	if (h->end > image->size || table_at > h->end || h->sections * SECTION > h->end - table_at)
		return fault_set(f, RC_RANGE, table_at,
				 "pe: SizeOfHeaders %llu does not hold the section table",
				 (unsigned long long)h->end);
	for (;;) {
		size_t next = PE_IMAGE_SECTIONS_MAX;

		for (size_t i = 0; i < h->sections; i++)
			if (!used[i] && le32(table + i * SECTION + raw_size) > 0 &&
			    (next == PE_IMAGE_SECTIONS_MAX ||
			     le32(table + i * SECTION + raw_at) <
				     le32(table + next * SECTION + raw_at)))
				next = i;
		if (next == PE_IMAGE_SECTIONS_MAX)
			break;
		used[next] = true;
		if (le32(table + next * SECTION + raw_at) != end)
			return fault_set(f, RC_UNSUPPORTED, table_at + next * SECTION,
					 "pe: section %zu begins at %u, what is before it ends at "
					 "%llu: such images have more than one digest",
					 next + 1, le32(table + next * SECTION + raw_at),
					 (unsigned long long)end);
		if (le32(table + next * SECTION + raw_size) > image->size - end)
			return fault_set(f, RC_TRUNCATED, table_at + next * SECTION,
					 "pe: section %zu of %u bytes at %llu, the file has %llu",
					 next + 1, le32(table + next * SECTION + raw_size),
					 (unsigned long long)end, (unsigned long long)image->size);
		end += le32(table + next * SECTION + raw_size);
	}
	*ret_end = end;
	return OK;
}

static rc check_cert_table(struct pe_image *image, uint64_t content_end, struct fault *f)
{
	if (image->cert_at == 0 && image->cert_size == 0) {
		image->cert_at = image->size;
		return OK;
	}
	if (image->cert_at < content_end || image->cert_at > image->size ||
	    image->cert_size != image->size - image->cert_at ||
	    image->cert_size < PE_WIN_CERTIFICATE)
		return fault_set(f, RC_RANGE, image->security_at,
				 "pe: certificate table of %llu bytes at %llu does not lie between "
				 "the sections (%llu) and the end of the file (%llu)",
				 (unsigned long long)image->cert_size,
				 (unsigned long long)image->cert_at,
				 (unsigned long long)content_end, (unsigned long long)image->size);
	if (image->cert_at % 8 != 0)
		return fault_set(f, RC_RANGE, image->security_at,
				 "pe: certificate table at %llu is not aligned to 8",
				 (unsigned long long)image->cert_at);
	return OK;
}

rc pe_image_read(int fd, struct pe_image *ret, struct fault *f)
{
	struct pe_image image = {0};
	struct headers h;
	uint64_t end;

	TRY(fd_size(fd, &image.size, f));
	if (image.size > PE_IMAGE_SIZE_MAX)
		return fault_set(f, RC_LIMIT, 0, "pe: %llu bytes, at most 4 GiB",
				 (unsigned long long)image.size);
	TRY(read_coff(fd, image.size, &h, f));
	TRY(read_optional(fd, &image, &h, f));
	TRY(check_sections(fd, &image, &h, &end, f));
	TRY(check_cert_table(&image, end, f));
	*ret = image;
	return OK;
}

rc pe_image_digest(int fd, const struct pe_image *image, enum hash_alg alg, struct hash *ret,
		   struct fault *f)
{
	static const uint8_t zeros[8];
	AUTO(hasher) struct hasher *h = NULL;

	TRY(hasher_new(alg, &h));
	TRY(stream_hash(fd, 0, image->checksum_at, h, f));
	TRY(stream_hash(fd, image->checksum_at + 4, image->security_at, h, f));
	TRY(stream_hash(fd, image->security_at + 8, image->cert_at, h, f));
	TRY(hasher_update(h, view_of(zeros, (8 - image->cert_at % 8) % 8)));
	return hasher_finish(h, ret);
}
