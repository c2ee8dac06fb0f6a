/* Purpose: see stream.h. */
#include "lib/format/stream.h"

static size_t block(uint64_t from, uint64_t to)
{
	return to - from < FILE_BLOCK ? (size_t)(to - from) : FILE_BLOCK;
}

rc stream_hash(int fd, uint64_t from, uint64_t to, struct hasher *h, struct fault *f)
{
	uint8_t mem[FILE_BLOCK];

	for (size_t n; from < to; from += n) {
		n = block(from, to);
		TRY(fd_pread_full(fd, mem, n, from, f));
		TRY(hasher_update(h, view_of(mem, n)));
	}
	return OK;
}

rc stream_equal(int a, int b, uint64_t from, uint64_t to, struct fault *f)
{
	uint8_t x[FILE_BLOCK];
	uint8_t y[FILE_BLOCK];

	for (size_t n; from < to; from += n) {
		n = block(from, to);
		TRY(fd_pread_full(a, x, n, from, f));
		TRY(fd_pread_full(b, y, n, from, f));
		for (size_t i = 0; i < n; i++)
			if (x[i] != y[i])
				return fault_set(f, RC_MISMATCH, from + i,
						 "the files differ at byte %llu",
						 (unsigned long long)(from + i));
	}
	return OK;
}

rc stream_digest(int fd, enum hash_alg alg, struct hash *ret, struct fault *f)
{
	AUTO(hasher) struct hasher *h = NULL;
	uint64_t size;

	TRY(fd_size(fd, &size, f));
	TRY(hasher_new(alg, &h));
	TRY(stream_hash(fd, 0, size, h, f));
	return hasher_finish(h, ret);
}
