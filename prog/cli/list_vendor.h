/* list_vendor - whether an index of packages is what a vendor signed: the chain of an apt or rpm
 * repository, from the OpenPGP signature of its Release file or repomd.xml (gpgv checks it) to the
 * index, from whose digests to packages list_source.h goes on. */
#ifndef GS_CLI_LIST_VENDOR_H
#define GS_CLI_LIST_VENDOR_H

#include "prog/cli/cli.h"

struct vendor {
	const char *release; /* an InRelease file, or a repomd.xml with repomd.xml.asc beside it */
	const char *keyring; /* the keys that may sign it, for gpgv */
	const char *index;   /* a Packages file, not compressed, or a primary.xml */
	unix_time now;
};

/* RC_BADSIG no key of the keyring signed the Release file; RC_MISMATCH it does not name this index;
 * RC_EXPIRED its Valid-Until is past; RC_SYNTAX, RC_LIMIT, RC_IO. */
MUST rc vendor_check(struct cli *c, const struct vendor *v);

#endif
