/* stream - a range of a file, block by block: hashing, copying, comparing with flat memory. */
#ifndef GS_FORMAT_STREAM_H
#define GS_FORMAT_STREAM_H

#include "lib/base/fd.h"
#include "lib/crypt/digest.h"
#include "lib/format/file.h"

/* Feeds bytes [from, to) of fd to the hasher. RC_TRUNCATED, RC_IO, RC_CRYPTO. */
MUST rc stream_hash(int fd, uint64_t from, uint64_t to, struct hasher *h, struct fault *f);
/* RC_MISMATCH (the fault has the offset) unless [from, to) is the same in both files. */
MUST rc stream_equal(int a, int b, uint64_t from, uint64_t to, struct fault *f);
/* Digests of a whole file in one pass, ret[i] by alg[i]; at most STREAM_DIGESTS_MAX. */
#define STREAM_DIGESTS_MAX 3
MUST rc stream_digests(int fd, const enum hash_alg *alg, size_t count, struct hash *ret,
		       struct fault *f);
/* One of them. */
MUST rc stream_digest(int fd, enum hash_alg alg, struct hash *ret, struct fault *f);

#endif
