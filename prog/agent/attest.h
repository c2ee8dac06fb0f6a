/* attest - enrolment with a TPM: the challenge of the keeper, and the answer to it.
 *
 * POST /v1/hosts/challenge {"ak":BASE64,"certificate":BASE64?,"ek":BASE64,"host":NAME,"key":HEX}
 * Answer: {"class":TEXT,"credential":BASE64,"seed":BASE64,"time":N}. Owns: those bytes, the order
 * of the steps. Must not own: what is sent afterwards (host_api.h). */
#ifndef GS_AGENT_ATTEST_H
#define GS_AGENT_ATTEST_H

#include "lib/model/attestation.h"
#include "lib/model/name.h"
#include "lib/net/https_client.h"
#include "prog/agent/chip.h"
#include "prog/agent/host_key.h"

#define ATTEST_CHALLENGE "/v1/hosts/challenge"

struct attest {
	struct chip_identity identity;
	char klass[16]; /* that the keeper can take it for at most */
	unix_time time;
	uint8_t secret[TPM_SECRET];
};
void attest_init(struct attest *a);
void attest_release(struct attest *a);
AUTO_DEFINE(attest, struct attest, attest_release)

/* Asks TPM and server, and opens the challenge. RC_NOTFOUND there is no TPM; RC_TOKEN it refuses;
 * RC_DENIED the keeper's refusal, RC_PEER another answer. */
MUST rc attest_begin(struct attest *a, struct https_client *server, const struct name *host,
		     const struct host_key *key, struct fault *f);
/* Appends the attestation for this enrolment statement. */
MUST rc attest_statement(const struct attest *a, const struct host_key *key, struct view statement,
			 struct buf *out, struct fault *f);

#endif
