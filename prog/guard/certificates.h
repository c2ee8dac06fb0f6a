/* certificates - those of the organisation's keys, from the server into the file that the lookout
 * reads (conf->certificates): the verb, which a timer runs.
 *
 * Each comes with an entry of the log that says that its key has signed something there, so nobody
 * can have this host look for, and tell of, what others have signed. What is in the file stays in
 * it: a server can leave out a key that is new, and take away none.
 * Owns: the answer, the check, the file. Must not own: the connection (fetch.c), what is looked for
 * (lookout.c). */
#ifndef GS_GUARD_CERTIFICATES_H
#define GS_GUARD_CERTIFICATES_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "prog/guard/conf.h"

#define CERTIFICATES_HAVE 24u /* digests in one call */

/* greatseal-guard certificates. RC_STATE: the settings name no agent, or no file; RC_SYNTAX: the
 * file is not certificates in PEM; RC_DENIED: there were some, and none was good; RC_LIMIT: more
 * than SCAN_PEM_MAX; RC_IO, RC_NOSPACE, and as fetch_result. */
MUST rc verb_certificates(const struct conf *c, struct fault *f);

/* The good ones of an answer of GET /v1/guard/certificates, appended in PEM. told: why the first
 * that was refused was; FAULT_TEXT bytes, untouched if none was. RC_PEER: no such answer; RC_LIMIT;
 * RC_NOMEM. */
MUST rc certificates_take(struct view body, const struct vkey *log, struct buf *pem,
			  uint64_t *ret_count, char *told, struct fault *f);

#endif
