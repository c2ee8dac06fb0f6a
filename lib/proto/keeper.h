/* keeper - the messages between greatseald (or any client of the socket) and the keeper: both
 * directions in this one pair of files. docs/protocol/keeper.md is the specification.
 *
 * Frame: u32 length of what follows (12 + body), u16 type, u16 zero, u64 correlation id, body; all
 * big-endian. The correlation id is chosen by the client and returned; replies come in any order.
 * Owns: encoding and strict decoding with fixed maxima. Must not own: sockets, decisions. */
#ifndef GS_PROTO_KEEPER_H
#define GS_PROTO_KEEPER_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/attestation.h"
#include "lib/model/change.h"
#include "lib/model/reason.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"

#define KEEPER_PROTOCOL 1
#define KEEPER_HEADER 16
#define KEEPER_FRAME_MAX (REQUEST_BYTES_MAX + 65536u)
#define KEEPER_SIG_MAX 8192u	  /* one raw SSHSIG blob */
#define KEEPER_STRING_MAX 255u	  /* names and subjects in KEYS, CSR, CERTS */
#define KEEPER_SIGNATURE_MAX 600u /* one signature value; RSA-4096 has 512 bytes */
#define KEEPER_LEAF_MAX 16384u
#define KEEPER_PROOF_MAX 32768u
#define KEEPER_STATUS_MAX 65536u /* status JSON */
#define KEEPER_CERT_MAX 16384u	 /* one DER certificate */
#define KEEPER_ATTESTATION_MAX 16384u
#define KEEPER_JWKS_MAX 65536u /* an issuer's key set */

enum keeper_type {
	/* requests */
	KEEPER_HELLO = 1,      /* {u16 protocol} -> KEEPER_R_HELLO */
	KEEPER_SUBMIT = 2,     /* struct keeper_submit -> R_STATUS, later R_RESULT if sign */
	KEEPER_ACT = 3,	       /* struct keeper_act -> R_STATUS, later R_RESULT if sign; R_JSON for
				  evidence and preapprovals, which are about no request */
	KEEPER_COMMIT = 4,     /* struct keeper_commit -> R_STATUS (wait, deny) or R_RESULT */
	KEEPER_SHOW = 5,       /* struct digest -> R_STATUS */
	KEEPER_RESULT = 6,     /* struct keeper_commit -> R_RESULT of a finished use */
	KEEPER_CHANGE = 7,     /* struct keeper_change -> R_CHANGE */
	KEEPER_KEYS = 8,       /* {string name or empty} -> R_JSON */
	KEEPER_CSR = 9,	       /* {string key name, string subject} -> R_BYTES (DER) */
	KEEPER_DOCUMENT = 10,  /* {u8 kind: policy or roster} -> R_DOCUMENT */
	KEEPER_STATEMENT = 11, /* struct digest -> R_DOCUMENT: any statement the journal holds, by
			       its digest or by that of the policy or roster inside */
	KEEPER_EXPLAIN =
		12, /* struct keeper_submit, nothing stored, signatures may be empty -> R_STATUS */
	KEEPER_CERTS = 13,     /* {string key name} -> R_CERTS: leaf and chain, DER */
	KEEPER_LOG_PROOF = 14, /* {u64 index, u64 size or 0 = newest} -> R_PROOF */
	KEEPER_EVIDENCE = 15,  /* struct keeper_evidence -> R_JSON */
	KEEPER_COUNTED = 16,   /* struct digest: evidence of an authorize leaf -> R_JSON */
	KEEPER_ENROL = 17,     /* struct keeper_enrol -> R_JSON, once it is durable */
	KEEPER_RENEW = 18,     /* struct keeper_enrol without token and attestation -> R_JSON */
	KEEPER_HOSTS = 19,     /* {string name or empty, string after or empty} -> R_JSON */
	KEEPER_JWKS = 20, /* on a socket of its own: struct keeper_jwks (keeper_jwks.h) -> R_JSON */
	KEEPER_GRANTS = 21,  /* struct keeper_grants -> R_JSON */
	KEEPER_PENDING = 24, /* {string "policy", "roster" or empty} -> R_JSON: what is accepted and
				not in force yet */
	KEEPER_REVIEWS = 26, /* struct keeper_reviews -> R_JSON */
	KEEPER_CHALLENGE = 23, /* struct keeper_challenge -> R_JSON; nothing is stored */
	KEEPER_CALLER = 25,    /* struct keeper_caller (keeper_caller.h) -> R_JSON; nothing is
				  stored or spent */
	/* replies */
	KEEPER_R_ERROR = 128, /* struct keeper_error */
	KEEPER_R_HELLO = 129,
	KEEPER_R_STATUS = 130,
	KEEPER_R_RESULT = 131,
	KEEPER_R_CHANGE = 132,
	KEEPER_R_JSON = 133,
	KEEPER_R_BYTES = 134,
	KEEPER_R_DOCUMENT = 135,
	KEEPER_R_CERTS = 136,
	KEEPER_R_PROOF = 137,
};

struct keeper_header {
	uint32_t body_len;
	enum keeper_type type;
	uint64_t correlation;
};

/* Reads the first KEEPER_HEADER bytes; what follows them is not looked at. RC_TRUNCATED fewer
 * bytes; RC_UNKNOWN type; RC_LIMIT body over the type's own maximum (the gate table); RC_RANGE
 * length under 12; RC_NONCANON the zero field is not zero. */
MUST rc keeper_header_parse(struct view bytes, struct keeper_header *ret);
/* The largest body of a type; 0 for an unknown one. */
size_t keeper_body_max(enum keeper_type type);
/* "submit", "r-status"; "?" for an unknown type. For logs. */
const char *keeper_type_name(enum keeper_type type);
/* True for what the keeper sends (types from 128). */
bool keeper_type_is_reply(enum keeper_type type);

/* sign: 1 = when the decision is allow, commit the next use at once and answer with R_RESULT. */
struct keeper_submit {
	struct view statement;
	struct view requester_sig;
	struct view host_sig;
	bool sign;
};

struct keeper_act {
	enum statement_kind kind; /* APPROVAL..CANCELLATION, SCAN..PREAPPROVAL, REVIEW */
	struct view statement;
	struct view sig; /* empty for PROVENANCE */
	bool sign;
};

/* use counts from 1; committing a use that was committed before returns its result again. */
struct keeper_commit {
	struct digest request;
	uint32_t use;
};

/* name (may be empty): also what builders made under this file name that is another file. */
struct keeper_evidence {
	struct digest artifact;
	struct view name;
};

/* request of zeros: all that are owed; else all of its uses. from: authorize leaf to begin with. */
struct keeper_reviews {
	struct digest request;
	uint64_t from;
};

/* key and person may be empty: of all. from: leaf to begin with. */
struct keeper_grants {
	struct view key;
	struct view person;
	uint64_t from;
};

struct keeper_change {
	enum statement_kind kind; /* POLICY, ROSTER, KEYADMIN */
	struct view statement;
	struct view sigs[CHANGE_SIGNATURES_MAX];
	size_t sig_count;
};

/* The statement is an enrolment's; both signatures are raw SSHSIG blobs over it. */
struct keeper_enrol {
	struct view statement;
	struct view host_sig;
	struct view token_sig;
	struct view attestation; /* opaque; empty for class software */
};

/* What a TPM is to be asked, before its host enrols. Public areas are TPM2B_PUBLIC. */
struct keeper_challenge {
	struct view host;
	struct digest key; /* of the host's SubjectPublicKeyInfo */
	struct view ek;
	struct view certificate; /* of the EK, DER; may be empty */
	struct view ak;
};

struct keeper_error {
	enum reason reason;
	char text[REASON_TEXT]; /* the fault or refusal in words */
};

struct keeper_hello {
	char origin[ORIGIN_MAX + 1];
	char vkey[512];
	uint64_t policy_version;
	uint64_t roster_version;
	struct digest policy;
	struct digest roster;
	uint64_t log_size;
	unix_time now;
};

enum request_state { STATE_OPEN = 1, STATE_COMMITTED, STATE_DONE, STATE_CLOSED };

/* json: canonical object for people and programs, documented in docs/api.md as "status". */
struct keeper_status {
	struct digest request;
	enum request_state state;
	uint8_t outcome; /* enum outcome of the decision now; 0 allow, 1 wait, 2 deny */
	enum reason reason;
	uint32_t uses_spent;
	uint64_t leaf; /* index of the leaf that this message added; UINT64_MAX if none */
	struct view json;
};

/* Signature values of all items of one use, in order. Whoever has the files builds the signature
 * objects from them with lib/format (same pure code). */
struct keeper_result {
	struct digest request;
	uint32_t use;
	unix_time signed_at; /* goes into the objects (signingTime) */
	struct digest key;   /* fingerprint */
	struct digest cert;  /* SHA-256 of the leaf certificate that was used; zeros if none */
	uint64_t authorize_leaf;
	uint64_t issue_leaf;
	struct view leaf;  /* the issue leaf's bytes */
	struct view proof; /* .tlog-proof file for issue_leaf, with its checkpoint */
	uint32_t count;
	struct view signatures; /* count strings (buf_put_string), see keeper_result_next */
};

struct keeper_document {
	enum statement_kind kind;
	uint64_t leaf;
	struct view statement;
	struct view sigs[CHANGE_SIGNATURES_MAX];
	size_t sig_count;
};

struct keeper_certs {
	struct view certs[CHANGE_CERTIFICATES_MAX]; /* DER, leaf first */
	size_t count;
};

/* Encoders append one whole frame to out, or set its sticky failure and leave its length as it was:
 * RC_RANGE a kind, state, use or time that the message cannot carry, RC_LIMIT a field or the whole
 * over its maximum. Encoders of several types take the type and refuse others (RC_RANGE). */
void keeper_put_hello_request(struct buf *out, uint64_t correlation);
void keeper_put_submit(struct buf *out, uint64_t correlation, enum keeper_type type,
		       const struct keeper_submit *m); /* SUBMIT or EXPLAIN */
void keeper_put_act(struct buf *out, uint64_t correlation, const struct keeper_act *m);
void keeper_put_commit(struct buf *out, uint64_t correlation, enum keeper_type type,
		       const struct keeper_commit *m); /* COMMIT or RESULT */
void keeper_put_digest(struct buf *out, uint64_t correlation, enum keeper_type type,
		       const struct digest *d); /* SHOW, STATEMENT, COUNTED */
void keeper_put_evidence(struct buf *out, uint64_t correlation, const struct keeper_evidence *m);
void keeper_put_change(struct buf *out, uint64_t correlation, const struct keeper_change *m);
void keeper_put_strings(struct buf *out, uint64_t correlation, enum keeper_type type,
			const struct view *strings, size_t count); /* KEYS, CSR, CERTS, HOSTS,
								      PENDING */
void keeper_put_challenge(struct buf *out, uint64_t correlation, const struct keeper_challenge *m);
void keeper_put_enrol(struct buf *out, uint64_t correlation, enum keeper_type type,
		      const struct keeper_enrol *m); /* ENROL or RENEW */
void keeper_put_document_request(struct buf *out, uint64_t correlation, enum statement_kind kind);
void keeper_put_proof_request(struct buf *out, uint64_t correlation, uint64_t index, uint64_t size);

void keeper_put_error(struct buf *out, uint64_t correlation, const struct keeper_error *m);
void keeper_put_hello(struct buf *out, uint64_t correlation, const struct keeper_hello *m);
void keeper_put_status(struct buf *out, uint64_t correlation, const struct keeper_status *m);
void keeper_put_result(struct buf *out, uint64_t correlation, const struct keeper_result *m);
void keeper_put_bytes(struct buf *out, uint64_t correlation, enum keeper_type type,
		      struct view bytes); /* R_JSON, R_BYTES, R_PROOF, R_CHANGE (status JSON) */
void keeper_put_document(struct buf *out, uint64_t correlation, const struct keeper_document *m);
void keeper_put_certs(struct buf *out, uint64_t correlation, const struct keeper_certs *m);

/* Decoders read a whole body; views point into it. RC_TRUNCATED, RC_TRAILING; RC_LIMIT a string or
 * count over its maximum; RC_RANGE a number, kind, state, flag or time outside its range; RC_SYNTAX
 * a text with bytes outside 0x20..0x7e; RC_UNKNOWN a reason id; RC_UNSUPPORTED another protocol in
 * R_HELLO. Whatever a decoder accepts, the encoder writes back byte for byte. The bodies of R_JSON,
 * R_BYTES, R_PROOF and R_CHANGE are the bytes themselves and need no decoder. */
MUST rc keeper_get_hello_request(struct view body, uint16_t *ret_protocol);
MUST rc keeper_get_submit(struct view body, struct keeper_submit *ret);
MUST rc keeper_get_act(struct view body, struct keeper_act *ret);
MUST rc keeper_get_commit(struct view body, struct keeper_commit *ret);
MUST rc keeper_get_digest(struct view body, struct digest *ret);
MUST rc keeper_get_evidence(struct view body, struct keeper_evidence *ret);
void keeper_put_grants(struct buf *out, uint64_t correlation, const struct keeper_grants *m);
MUST rc keeper_get_grants(struct view body, struct keeper_grants *ret);
void keeper_put_reviews(struct buf *out, uint64_t correlation, const struct keeper_reviews *m);
MUST rc keeper_get_reviews(struct view body, struct keeper_reviews *ret);
MUST rc keeper_get_change(struct view body, struct keeper_change *ret);
MUST rc keeper_get_strings(struct view body, struct view *ret, size_t count);
MUST rc keeper_get_challenge(struct view body, struct keeper_challenge *ret);
MUST rc keeper_get_enrol(struct view body, enum keeper_type type, struct keeper_enrol *ret);
MUST rc keeper_get_document_request(struct view body, enum statement_kind *ret);
MUST rc keeper_get_proof_request(struct view body, uint64_t *ret_index, uint64_t *ret_size);
MUST rc keeper_get_error(struct view body, struct keeper_error *ret);
MUST rc keeper_get_hello(struct view body, struct keeper_hello *ret);
MUST rc keeper_get_status(struct view body, struct keeper_status *ret);
MUST rc keeper_get_result(struct view body, struct keeper_result *ret);
/* Takes the next of result.signatures off the front; RC_TRUNCATED when none is left. */
MUST rc keeper_result_next(struct view *signatures, struct view *ret);
MUST rc keeper_get_document(struct view body, struct keeper_document *ret);
MUST rc keeper_get_certs(struct view body, struct keeper_certs *ret);

#endif
