#include "lib/base/result.h"

static const char *const names[] = {
	[RC_OK] = "ok",
	[RC_NOMEM] = "no-memory",
	[RC_IO] = "io",
	[RC_NOSPACE] = "no-space",
	[RC_TRUNCATED] = "truncated",
	[RC_TRAILING] = "trailing",
	[RC_RANGE] = "range",
	[RC_LIMIT] = "limit",
	[RC_SYNTAX] = "syntax",
	[RC_NONCANON] = "non-canonical",
	[RC_DUPLICATE] = "duplicate",
	[RC_UNKNOWN] = "unknown",
	[RC_UNSUPPORTED] = "unsupported",
	[RC_MISMATCH] = "mismatch",
	[RC_BADSIG] = "bad-signature",
	[RC_NOTFOUND] = "not-found",
	[RC_EXISTS] = "exists",
	[RC_DENIED] = "denied",
	[RC_WAIT] = "wait",
	[RC_STATE] = "state",
	[RC_EXPIRED] = "expired",
	[RC_CRYPTO] = "crypto",
	[RC_TOKEN] = "token",
	[RC_PEER] = "peer",
	[RC_BUSY] = "busy",
	[RC_CORRUPT] = "corrupt",
	[RC_USAGE] = "usage",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == RC__COUNT, "one name per code");

const char *rc_name(rc r)
{
	return (unsigned)r.code < RC__COUNT ? names[r.code] : "invalid";
}
