/* host_api - enrolment and renewal as the server takes them: the exact JSON, in this file alone.
 *
 * POST /v1/hosts/enrol
 * {"attestation":BASE64?,"signature":BASE64,"statement":BASE64,"token_signature":BASE64} POST
 * /v1/hosts/renew {"signature":BASE64,"statement":BASE64} statement: lib/model/enrolment.h.
 * signature: SSHSIG by the host key, which it carries; token_signature: the same by the token's
 * key, which is never sent (lib/model/host_token.h). Answer of both:
 * {"ca":PEM,"certificate":PEM,"class":TEXT,"counter":N,"host":NAME}; the same body again is
 * answered the same. Owns: those bytes. */
#ifndef GS_AGENT_HOST_API_H
#define GS_AGENT_HOST_API_H

#include "lib/base/secret.h"
#include "prog/agent/state.h"

#define HOST_API_ENROL "/v1/hosts/enrol"
#define HOST_API_RENEW "/v1/hosts/renew"

struct host_api_ask {
	const struct name *host;
	const char *origin;
	uint64_t counter;
	unix_time time;
	const struct secret *token; /* its seed; NULL: a renewal */
	const char *klass;	    /* that is claimed; NULL: the key's own */
	const struct attest *proof; /* of it, or NULL */
};

/* Appends the body of the call. */
MUST rc host_api_body(const struct host_api_ask *ask, const struct host_key *key, struct buf *out,
		      struct fault *f);
/* What a 200 says, into s->certificate, klass, counter and the times. RC_PEER: not that form, a
 * certificate of another key, another host, or another counter than the one asked for. */
MUST rc host_api_answer(struct view body, const struct host_key *key, uint64_t counter,
			struct state *s, struct fault *f);
/* Code, text and remedy of a refusal. */
struct host_api_refusal {
	char code[64];
	char text[256];
	char remedy[256];
};
void host_api_refusal(struct view body, struct host_api_refusal *ret);

#endif
