/* claims - what greatseal-agent says of the process behind a request: the header Greatseal-Claims.
 *
 * v1 host=build-07 uid=1001 pid=4711 user=ci program=/usr/bin/make sha256=HEX
 * In this order, one space between; user, program and sha256 may be missing. Bytes of a value that
 * are not in [A-Za-z0-9._/+-] are written %XX. Claims are shown to people; nothing is decided by
 * them. Owns: both directions. Must not own: how they are found out (prog/agent). */
#ifndef GS_PROTO_CLAIMS_H
#define GS_PROTO_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"

#define CLAIMS_HEADER "Greatseal-Claims"
#define CLAIMS_USER_MAX 64
#define CLAIMS_PROGRAM_MAX 1024
#define CLAIMS_TEXT_MAX 4096 /* the header's value */

struct claims {
	struct name host;
	uint32_t uid;
	uint32_t pid;
	char user[CLAIMS_USER_MAX + 1];	      /* "": not known */
	char program[CLAIMS_PROGRAM_MAX + 1]; /* its path as the kernel gives it; "": not known */
	bool has_sha256;
	struct digest sha256; /* of the program's file */
};

/* Appends the header's value. RC_LIMIT, RC_NOMEM. */
MUST rc claims_encode(const struct claims *c, struct buf *out);
/* The one form alone: encode(parse(x)) == x. No NUL in user or program. RC_SYNTAX, RC_RANGE,
 * RC_LIMIT, RC_NONCANON. */
MUST rc claims_parse(struct view text, struct claims *ret, struct fault *f);

#endif
