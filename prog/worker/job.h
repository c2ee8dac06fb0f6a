/* job - what the worker's jobs share: arguments as checked descriptors, a result as JSON.
 *
 * Owns: the table row of a job. Must not own: the sandbox and the arguments' syntax (main.c). */
#ifndef GS_WORKER_JOB_H
#define GS_WORKER_JOB_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/crypt/digest.h"

#define JOB_FORMATS_MAX 4
#define JOB_DIGESTS_MAX 3
#define JOB_ROOTS_MAX (1u << 20) /* bytes of trusted certificates */
#define JOB_ROOTS_COUNT 256

struct job_args {
	int in;	    /* the artifact, regular file, readable */
	int object; /* a signature object, or -1 */
	int out;    /* where a signed file or an object goes: empty regular file, or -1 */
	int roots;  /* PEM certificates to trust, or -1 */
	int ima;    /* the file's attribute security.ima, or -1 */
	const char *name;
	const char *formats[JOB_FORMATS_MAX];
	size_t format_count;
	enum hash_alg digests[JOB_DIGESTS_MAX];
	size_t digest_count;
	bool has_time;
	unix_time when;
};

/* Options as bits: what a job needs and what it may have beside that. */
enum {
	ARG_IN = 1 << 0,
	ARG_OBJECT = 1 << 1,
	ARG_OUT = 1 << 2,
	ARG_ROOTS = 1 << 3,
	ARG_NAME = 1 << 4,
	ARG_FORMAT = 1 << 5,
	ARG_DIGEST = 1 << 6,
	ARG_AT = 1 << 7,
	ARG_IMA = 1 << 8,
};

struct job {
	const char *name;
	unsigned needs;
	unsigned may;
	/* *ret is set on success. A refusal of the artifact itself, in contrast to a job that could
	 * not be done, is told by *ret_refused with an rc that is not RC_OK. */
	rc (*run)(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f);
};

rc job_inspect(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f);
rc job_index(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f);
rc job_content(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f);
rc job_insert(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f);
rc job_verify(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f);
rc job_diff(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f);
rc job_signatures(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f);
rc job_extract(const struct job_args *a, json_t **ret, bool *ret_refused, struct fault *f);

/* Certificates: PEM blocks, turned into DER in one buffer. */
struct roots {
	struct buf text;
	struct buf der;
	struct view list[JOB_ROOTS_COUNT];
	size_t count;
};
void roots_release(struct roots *r);
AUTO_DEFINE(roots, struct roots, roots_release)
/* fd -1: none. */
MUST rc roots_read(int fd, struct roots *r, struct fault *f);
/* Reads a small input file from its start, whatever its position is. */
MUST rc read_small(int fd, struct buf *b, const char *what, struct fault *f);

#endif
