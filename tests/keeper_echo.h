/* keeper_echo - decodes a body of any type and encodes it again; for the unit test and the fuzzer.
 */
#ifndef GS_TESTS_KEEPER_ECHO_H
#define GS_TESTS_KEEPER_ECHO_H

#include "lib/proto/keeper.h"
#include "lib/proto/keeper_caller.h"
#include "lib/proto/keeper_jwks.h"

#define ECHO(type, get, put)                                                                       \
	{                                                                                          \
		static type m;                                                                     \
		TRY(get(body, &m));                                                                \
		put;                                                                               \
		break;                                                                             \
	}

/* The decoder's rc; out then holds the frame that the encoder made of the same content. */
MUST static inline rc keeper_echo(const struct keeper_header *h, struct view body, struct buf *out)
{
	uint64_t c = h->correlation;
	struct view s[2];
	uint64_t size;

	switch (h->type) {
	case KEEPER_HELLO:
		ECHO(uint16_t, keeper_get_hello_request, keeper_put_hello_request(out, c))
	case KEEPER_SUBMIT:
	case KEEPER_EXPLAIN:
		ECHO(struct keeper_submit, keeper_get_submit,
		     keeper_put_submit(out, c, h->type, &m))
	case KEEPER_ACT:
		ECHO(struct keeper_act, keeper_get_act, keeper_put_act(out, c, &m))
	case KEEPER_COMMIT:
	case KEEPER_RESULT:
		ECHO(struct keeper_commit, keeper_get_commit,
		     keeper_put_commit(out, c, h->type, &m))
	case KEEPER_SHOW:
	case KEEPER_STATEMENT:
	case KEEPER_COUNTED:
		ECHO(struct digest, keeper_get_digest, keeper_put_digest(out, c, h->type, &m))
	case KEEPER_EVIDENCE:
		ECHO(struct keeper_evidence, keeper_get_evidence, keeper_put_evidence(out, c, &m))
	case KEEPER_REVIEWS:
		ECHO(struct keeper_reviews, keeper_get_reviews, keeper_put_reviews(out, c, &m))
	case KEEPER_GRANTS:
		ECHO(struct keeper_grants, keeper_get_grants, keeper_put_grants(out, c, &m))
	case KEEPER_CHANGE:
		ECHO(struct keeper_change, keeper_get_change, keeper_put_change(out, c, &m))
	case KEEPER_KEYS:
	case KEEPER_CERTS:
	case KEEPER_PENDING:
		TRY(keeper_get_strings(body, s, 1));
		keeper_put_strings(out, c, h->type, s, 1);
		break;
	case KEEPER_ENROL:
	case KEEPER_RENEW: {
		struct keeper_enrol m;

		TRY(keeper_get_enrol(body, h->type, &m));
		keeper_put_enrol(out, c, h->type, &m);
		break;
	}
	case KEEPER_JWKS: {
		struct keeper_jwks m;

		TRY(keeper_get_jwks(body, &m));
		keeper_put_jwks(out, c, &m);
		break;
	}
	case KEEPER_CHALLENGE: {
		struct keeper_challenge m;

		TRY(keeper_get_challenge(body, &m));
		keeper_put_challenge(out, c, &m);
		break;
	}
	case KEEPER_CALLER: {
		struct keeper_caller m;

		TRY(keeper_get_caller(body, &m));
		keeper_put_caller(out, c, &m);
		break;
	}
	case KEEPER_CSR:
	case KEEPER_HOSTS:
		TRY(keeper_get_strings(body, s, 2));
		keeper_put_strings(out, c, h->type, s, 2);
		break;
	case KEEPER_DOCUMENT:
		ECHO(enum statement_kind, keeper_get_document_request,
		     keeper_put_document_request(out, c, m))
	case KEEPER_LOG_PROOF: {
		uint64_t index;

		TRY(keeper_get_proof_request(body, &index, &size));
		keeper_put_proof_request(out, c, index, size);
		break;
	}
	case KEEPER_R_ERROR:
		ECHO(struct keeper_error, keeper_get_error, keeper_put_error(out, c, &m))
	case KEEPER_R_HELLO:
		ECHO(struct keeper_hello, keeper_get_hello, keeper_put_hello(out, c, &m))
	case KEEPER_R_STATUS:
		ECHO(struct keeper_status, keeper_get_status, keeper_put_status(out, c, &m))
	case KEEPER_R_RESULT:
		ECHO(struct keeper_result, keeper_get_result, keeper_put_result(out, c, &m))
	case KEEPER_R_DOCUMENT:
		ECHO(struct keeper_document, keeper_get_document, keeper_put_document(out, c, &m))
	case KEEPER_R_CERTS:
		ECHO(struct keeper_certs, keeper_get_certs, keeper_put_certs(out, c, &m))
	case KEEPER_R_CHANGE:
	case KEEPER_R_JSON:
	case KEEPER_R_BYTES:
	case KEEPER_R_PROOF:
		keeper_put_bytes(out, c, h->type, body);
		break;
	}
	return OK;
}

#undef ECHO
#endif
