/* api - calls to greatseald: signed, pinned, answered in JSON; errors become the problem to report.
 *
 * Owns: the Authorization header, retries of idempotent calls, reading the server's error objects.
 * Must not own: what calls mean. docs/api.md is the specification. */
#ifndef GS_CLI_API_H
#define GS_CLI_API_H

#include "prog/cli/cli.h"

#define API_JSON_MAX ((size_t)64 << 20)
#define API_TARGET_MAX 1024

/* Opens nothing yet; checks pin and URL. With config.agent, all calls go through its socket. */
MUST rc api_open(const struct config *config, struct api **ret, struct fault *f);
void api_close(struct api *a);

/* One signed call. body may be NULL (GET) and is not consumed. *ret is the caller's. On an error
 * answer c->problem holds code, text and remedy, and the rc is RC_DENIED (403, 409), RC_NOTFOUND
 * (404), RC_USAGE (400, 413, 422), RC_WAIT, RC_BUSY (429, 503), RC_NOSPACE (507) or RC_PEER. target
 * is made from the format; its parts must be URL-safe already (names and hex digests are). */
struct api_call {
	const char *method;
	const json_t *body;
	bool open;  /* unsigned: /v1/info and the log */
	bool exact; /* strings are wanted as they are, to be computed with; else, unless with
		       --json, as shown.h makes them, and they can be printed */
};
rc api_json(struct cli *c, const struct api_call *call, json_t **ret, const char *target, ...)
	__attribute__((format(printf, 4, 5))) MUST;

/* Like api_json for answers that are bytes; appended to out. */
rc api_bytes(struct cli *c, bool open, struct buf *out, const char *target, ...)
	__attribute__((format(printf, 4, 5))) MUST;

/* The body of the answer is written to fd, and its SHA-256 computed on the way. */
rc api_download(struct cli *c, int fd, struct digest *ret_sha256, const char *target, ...)
	__attribute__((format(printf, 4, 5))) MUST;

/* Uploads size bytes of fd whose SHA-256 is sha256; resumes where the server says; shows progress
 * on a terminal. Nothing is sent if the server has the file. */
MUST rc api_upload(struct cli *c, int fd, const struct digest *sha256, uint64_t size,
		   const char *name);

/* What greatseal-agent says of itself, and its host's signature over a request (SSHSIG blob,
 * appended to out). Only with config.agent. */
MUST rc api_agent_info(struct cli *c, struct api *a, json_t **ret);
MUST rc api_host_signature(struct cli *c, struct view statement, struct buf *out);
/* Its host's DSSE signature over provenance, appended to out, and the key's name in keyid[cap]. */
MUST rc api_host_provenance(struct cli *c, struct view payload, char *keyid, size_t cap,
			    struct buf *out);

/* What /v1/info says of the server, for init-client: over the pinned connection, unsigned. */
MUST rc api_info(struct cli *c, struct api *a, json_t **ret);

#endif
