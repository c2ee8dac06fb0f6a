/* host_api - enrolment and renewal as the server takes them: the exact JSON, in this file alone.
 *
 * POST /v1/hosts/enrol {"signature":BASE64,"statement":BASE64,"token":TEXT}
 * POST /v1/hosts/renew {"signature":BASE64,"statement":BASE64}
 * statement, canonical: {"_type":"https://in-toto.io/Statement/v1","predicate":{"counter":N,
 *   "host":NAME,"nonce":HEX32,"origin":TEXT,"time":T},"predicateType":"urn:greatseal:enrolment:v1",
 *   "subject":[{"digest":{"sha256":HEX},"name":"host-key"}]}
 * counter is 0 for an enrolment, else the number of this renewal; the digest is of the host key's
 * SubjectPublicKeyInfo. signature: SSHSIG by the host key, which it carries, in the namespace
 * enrolment.v1@greatseal. Answer of both: {"certificate":PEM,"class":TEXT,"counter":N,"host":NAME};
 * the same body again is answered the same. Owns: those bytes. */
#ifndef GS_AGENT_HOST_API_H
#define GS_AGENT_HOST_API_H

#include "prog/agent/state.h"

#define HOST_API_ENROL "/v1/hosts/enrol"
#define HOST_API_RENEW "/v1/hosts/renew"
#define HOST_API_TOKEN_MAX 256

struct host_api_ask {
	const struct name *host;
	const char *origin;
	uint64_t counter;
	unix_time time;
	struct view token; /* empty: a renewal */
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
