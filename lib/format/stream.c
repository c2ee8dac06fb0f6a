/* Purpose: see stream.h. */
#include "lib/format/stream.h"

#include <assert.h>

static size_t block(uint64_t from, uint64_t to)
{
	return to - from < FILE_BLOCK ? (size_t)(to - from) : FILE_BLOCK;
}

rc stream_hash(int fd, uint64_t from, uint64_t to, struct hasher *h, struct fault *f)
{
	_Alignas(FD_ALIGN) uint8_t mem[FILE_BLOCK];

	for (size_t n; from < to; from += n) {
		n = block(from, to);
		TRY(fd_pread_full(fd, mem, n, from, f));
		TRY(hasher_update(h, view_of(mem, n)));
	}
	return OK;
}

rc stream_equal(int a, int b, uint64_t from, uint64_t to, struct fault *f)
{
	_Alignas(FD_ALIGN) uint8_t x[FILE_BLOCK];
	_Alignas(FD_ALIGN) uint8_t y[FILE_BLOCK];

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

static rc hash_all(int fd, uint64_t size, struct hasher *const *h, size_t count, struct fault *f)
{
	_Alignas(FD_ALIGN) uint8_t mem[FILE_BLOCK];

	for (uint64_t at = 0; at < size;) {
		size_t n = block(at, size);

		TRY(fd_pread_full(fd, mem, n, at, f));
		for (size_t i = 0; i < count; i++)
			TRY(hasher_update(h[i], view_of(mem, n)));
		at += n;
	}
	return OK;
}

rc stream_digests(int fd, const enum hash_alg *alg, size_t count, struct hash *ret, struct fault *f)
{
	struct hasher *h[STREAM_DIGESTS_MAX] = {0};
	uint64_t size;
	rc r = fd_size(fd, &size, f);

	assert(count <= STREAM_DIGESTS_MAX);
	for (size_t i = 0; rc_is_ok(r) && i < count; i++)
		r = hasher_new(alg[i], &h[i]);
	if (rc_is_ok(r))
		r = hash_all(fd, size, h, count, f);
	for (size_t i = 0; i < count; i++) {
		if (rc_is_ok(r))
			r = hasher_finish(h[i], &ret[i]);
		hasher_free(h[i]);
	}
	return r;
}

rc stream_digest(int fd, enum hash_alg alg, struct hash *ret, struct fault *f)
{
	return stream_digests(fd, &alg, 1, ret, f);
}
