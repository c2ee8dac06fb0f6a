/* mapped - the contents that processes have mapped to be executed now, also of files that have no
 * name any more.
 *
 * Owns: reading /proc. */
#ifndef GS_GUARD_MAPPED_H
#define GS_GUARD_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/crypt/digest.h"

#define MAPPED_MAX 262144u /* files */

struct mapped {
	struct mapped_file {
		uint64_t dev;
		uint64_t ino;
		struct digest digest;
	} * file;
	size_t count, cap;
};

/* Reads every such file once. A process that ends meanwhile is passed over; a file that cannot be
 * read is RC_IO: then nobody knows. RC_LIMIT, RC_NOMEM, RC_CRYPTO. */
MUST rc mapped_look(struct mapped *m, struct fault *f);
bool mapped_has(const struct mapped *m, const struct digest *digest);
void mapped_release(struct mapped *m);

#endif
