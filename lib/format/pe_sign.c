/* Purpose: see pe_sign.h. */
#include "lib/format/pe_sign.h"

#include <string.h>

#include "lib/base/fd.h"
#include "lib/codec/der.h"
#include "lib/format/pe_image.h"
#include "lib/format/stream.h"

#define REVISION_2 0x0200	/* WIN_CERT_REVISION_2_0 */
#define TYPE_SIGNED_DATA 0x0002 /* WIN_CERT_TYPE_PKCS_SIGNED_DATA */

static void put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Writes `bytes` over the part of the block that [at, at + len) covers. */
static void patch(uint8_t *block, uint64_t block_at, size_t n, uint64_t at, struct view bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (at + i >= block_at && at + i - block_at < n)
			block[at + i - block_at] = bytes.ptr[i];
}

/* PE CheckSum as imagehlp computes it: 16-bit words added with end-around carry, the field itself
 * taken as zero, and the file size added. Blocks begin at even offsets. */
static uint32_t sum_block(uint32_t sum, const uint8_t *block, size_t n)
{
	for (size_t i = 0; i < n; i += 2) {
		sum += (uint32_t)block[i] | (i + 1 < n ? (uint32_t)block[i + 1] << 8 : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* Copies the image with the new directory entry and a zero CheckSum; fills to a multiple of 8. */
static rc copy_image(int in_fd, const struct pe_image *image, uint32_t table_size, int out_fd,
		     uint32_t *sum, struct fault *f)
{
	uint64_t padded = image->size + (8 - image->size % 8) % 8;
	_Alignas(FD_ALIGN) uint8_t block[FILE_BLOCK];
	uint8_t directory[8];
	static const uint8_t zero[4];
	uint64_t at = 0;

	put_le32(directory, (uint32_t)padded);
	put_le32(directory + 4, table_size);
	for (size_t n; at < padded; at += n) {
		size_t from_file;

		n = padded - at < FILE_BLOCK ? (size_t)(padded - at) : FILE_BLOCK;
		from_file = image->size - at < n ? (size_t)(image->size - at) : n;
		memset(block, 0, n);
		TRY(fd_pread_full(in_fd, block, from_file, at, f));
		patch(block, at, n, image->checksum_at, view_of(zero, sizeof(zero)));
		patch(block, at, n, image->security_at, view_of(directory, sizeof(directory)));
		*sum = sum_block(*sum, block, n);
		TRY(fd_pwrite_full(out_fd, block, n, at, f));
	}
	return OK;
}

/* WIN_CERTIFICATE with the object, filled to a multiple of 8. */
static rc make_table(struct view object, struct buf *out)
{
	static const uint8_t zeros[8];
	size_t fill = (8 - object.len % 8) % 8;

	buf_put_u32le(out, (uint32_t)(PE_WIN_CERTIFICATE + object.len + fill));
	buf_put_u16le(out, REVISION_2);
	buf_put_u16le(out, TYPE_SIGNED_DATA);
	buf_put_view(out, object);
	buf_put(out, zeros, fill);
	return buf_done(out);
}

static rc check_unsigned(const struct pe_image *image, struct fault *f)
{
	if (image->cert_size == 0)
		return OK;
	return fault_set(f, RC_EXISTS, image->security_at,
			 "pe: the image is signed already (certificate table of %llu bytes); "
			 "a second signature is not served",
			 (unsigned long long)image->cert_size);
}

rc pe_takes(int fd, struct fault *f)
{
	struct pe_image image;

	TRY(pe_image_read(fd, &image, f));
	return check_unsigned(&image, f);
}

static rc check_insert(const struct pe_image *image, struct view object, int out_fd,
		       struct fault *f)
{
	uint64_t out_size;

	TRY(check_unsigned(image, f));
	if (object.len == 0)
		return fault_set(f, RC_USAGE, 0, "pe: the signature object is empty");
	if (object.len > FILE_OBJECT_MAX)
		return fault_set(f, RC_LIMIT, 0, "pe: signature object of %zu bytes, at most %d",
				 object.len, FILE_OBJECT_MAX);
	if (object.len + 24 > PE_IMAGE_SIZE_MAX - image->size)
		return fault_set(f, RC_LIMIT, 0, "pe: the signed image would pass 4 GiB");
	TRY(fd_size(out_fd, &out_size, f));
	if (out_size != 0)
		return fault_set(f, RC_USAGE, 0, "pe: the output file is not empty");
	return OK;
}

rc pe_insert(int in_fd, struct view object, int out_fd, struct fault *f)
{
	AUTO(buf) struct buf table = {0};
	struct pe_image image;
	uint64_t padded;
	uint32_t sum = 0;
	uint8_t checksum[4];

	buf_init(&table, FILE_OBJECT_MAX + 16);
	TRY(pe_image_read(in_fd, &image, f));
	TRY(check_insert(&image, object, out_fd, f));
	TRY(make_table(object, &table));
	padded = image.size + (8 - image.size % 8) % 8;
	TRY(copy_image(in_fd, &image, (uint32_t)table.len, out_fd, &sum, f));
	TRY(fd_pwrite_full(out_fd, table.ptr, table.len, padded, f));
	sum = sum_block(sum, table.ptr, table.len);
	put_le32(checksum, sum + (uint32_t)(padded + table.len));
	return fd_pwrite_full(out_fd, checksum, sizeof(checksum), image.checksum_at, f);
}

/* The signed file ends with zeros up to a multiple of 8 and the certificate table. */
static rc check_fill(int fd, uint64_t from, uint64_t to, struct fault *f)
{
	uint8_t fill[8];

	if (from > to || to - from >= 8)
		return fault_set(f, RC_MISMATCH, from,
				 "pe: the certificate table begins at %llu, the input ends at %llu",
				 (unsigned long long)to, (unsigned long long)from);
	TRY(fd_pread_full(fd, fill, (size_t)(to - from), from, f));
	for (size_t i = 0; i < to - from; i++)
		if (fill[i] != 0)
			return fault_set(f, RC_MISMATCH, from + i,
					 "pe: bytes before the certificate table are not zero");
	return OK;
}

rc pe_restore(int signed_fd, int ref_fd, struct fault *f)
{
	struct pe_image image;
	struct pe_image ref;

	TRY(pe_image_read(signed_fd, &image, f));
	TRY(pe_image_read(ref_fd, &ref, f));
	if (image.cert_size == 0)
		return fault_set(f, RC_MISMATCH, 0, "pe: the output carries no signature");
	if (ref.cert_size != 0)
		return fault_set(f, RC_EXISTS, 0, "pe: the input carries a signature");
	if (image.checksum_at != ref.checksum_at || image.security_at != ref.security_at)
		return fault_set(f, RC_MISMATCH, 0, "pe: the headers lie at different places");
	TRY(check_fill(signed_fd, ref.size, image.cert_at, f));
	TRY(stream_equal(signed_fd, ref_fd, 0, ref.checksum_at, f));
	TRY(stream_equal(signed_fd, ref_fd, ref.checksum_at + 4, ref.security_at, f));
	return stream_equal(signed_fd, ref_fd, ref.security_at + 8, ref.size, f);
}

/* The DER object inside a WIN_CERTIFICATE, which may be followed by up to 7 zeros. */
static rc object_of(struct view v, struct view *ret, struct fault *f)
{
	uint32_t length;
	uint16_t revision;
	uint16_t type;
	size_t all = v.len;

	TRY(view_u32le(&v, &length));
	TRY(view_u16le(&v, &revision));
	TRY(view_u16le(&v, &type));
	if (length != all && length + (8 - length % 8) % 8 != all)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "pe: certificate table of %zu bytes, its first entry has %u: only "
				 "one entry is read",
				 all, length);
	if (revision != REVISION_2 || type != TYPE_SIGNED_DATA)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "pe: certificate of revision 0x%x and type %u, not 0x200 and 2",
				 revision, type);
	if (!rc_is_ok(der_full(&v, DER_SEQUENCE, ret)))
		return fault_set(f, RC_SYNTAX, 0,
				 "pe: the certificate table holds no DER SEQUENCE");
	if (v.len >= 8)
		return fault_set(f, RC_TRAILING, 0, "pe: %zu bytes after the signature", v.len);
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] != 0)
			return fault_set(f, RC_TRAILING, 0,
					 "pe: bytes after the signature are not zero");
	return OK;
}

rc pe_extract(int fd, struct buf *object, struct fault *f)
{
	AUTO(buf) struct buf table = {0};
	struct pe_image image;
	struct view inside;
	uint8_t *mem;

	buf_init(&table, FILE_OBJECT_MAX + 16);
	TRY(pe_image_read(fd, &image, f));
	if (image.cert_size == 0)
		return fault_set(f, RC_NOTFOUND, 0, "pe: the image carries no signature");
	if (image.cert_size > table.max)
		return fault_set(f, RC_LIMIT, image.cert_at,
				 "pe: certificate table of %llu bytes, at most %zu",
				 (unsigned long long)image.cert_size, table.max);
	mem = buf_space(&table, (size_t)image.cert_size);
	TRY(buf_done(&table));
	TRY(fd_pread_full(fd, mem, table.len, image.cert_at, f));
	TRY(object_of(buf_view(&table), &inside, f));
	buf_put_view(object, inside);
	return buf_done(object);
}
