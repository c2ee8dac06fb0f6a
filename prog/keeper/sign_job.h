/* sign_job - one committed use on its way through the pool: from a request's items to signatures.
 *
 * The bytes that are signed are derived here from what the approvers signed for (P6). Every field
 * that enters them is fixed by the authorize record, so a job made again after a crash signs the
 * same. Owns: its copy of the request, the signature values. Must not own: permission (requests.c).
 */
#ifndef GS_KEEPER_SIGN_JOB_H
#define GS_KEEPER_SIGN_JOB_H

#include "lib/base/buf.h"
#include "lib/model/request.h"
#include "prog/keeper/journal.h"
#include "prog/keeper/keyring.h"
#include "prog/keeper/pool.h"

#define SIGN_JOBS_MAX 256u
#define SIGN_JOBS_BYTES (64u << 20) /* of all jobs together */

struct sign_job {
	struct work work; /* first */
	struct journal_use use;
	struct digest request_id;
	const struct key *key; /* held */
	struct request request;
	uint8_t *statement;
	uint8_t *values; /* count slots of slot_size bytes */
	uint16_t *sizes;
	size_t slot_size;
	size_t chunk; /* items of one part */
	size_t bytes; /* what it costs against SIGN_JOBS_BYTES */
	/* Outcome: */
	bool failed;
	struct fault fault;
	struct buf signatures; /* count u32-length strings */
	struct digest root;    /* of the issue leaf */
	int64_t retry_at;      /* seconds of the monotonic clock; the decision thread's */
};

/* What such a job costs. */
size_t sign_job_bytes(const struct request *r, size_t statement_len, enum key_alg alg);
/* Takes the items out of *r (whose views point into statement) and holds the key, which must have a
 * certificate. RC_NOMEM. */
MUST rc sign_job_new(struct request *r, struct view statement, const struct key *key,
		     const struct journal_use *use, struct sign_job **ret);
/* NULL permitted. */
void sign_job_free(struct sign_job *j);
/* For another try after a failure. */
void sign_job_reset(struct sign_job *j);

#endif
