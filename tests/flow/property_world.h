/* property_world - a real keeper beside the reference: the same documents, clock and people in
 * both.
 *
 * Owns: how the reference's policy, roster and statements look as bytes, and who signs them:
 * documents in property_documents.c, tokens and their issuer's keys in property_tokens.c, what
 * hosts say of themselves in property_hosts.c and property_svids.c, other statements in
 * property_world.c. */
#ifndef GS_TESTS_PROPERTY_WORLD_H
#define GS_TESTS_PROPERTY_WORLD_H

#include "lib/base/secret.h"
#include "lib/policy/policy.h"
#include "tests/lib/fixture.h"
#include "tests/lib/passkey.h"
#include "tests/lib/reference.h"
#include "tests/support/fake_tpm.h"
#include "tests/support/token_maker.h"

#define SLOTS 12
#define BEGIN 1795694400 /* 2026-11-26 12:00 UTC */
#define WORLD_WEB "https://sign.example"
#define ISSUER "https://ids.test"
#define HOOKS "https://hooks.test/"

/* A statement that can be sent again. */
struct said {
	struct buf statement;
	struct buf sig;
	struct buf token_sig; /* of an enrolment */
	struct buf more;      /* its attestation; the document of a change */
	struct digest digest;
};

/* A request with what was said about it. */
struct slot {
	bool used;
	struct ref_request q;
	struct fx_request r;
	struct said said;
	struct buf host_sig;
	struct said acts[REF_ACTS];
};

/* Which use a review is owed of. Its request may have left its slot. */
struct owed {
	struct digest request;
	struct digest authorize;
	int slot; /* -1: it has */
	struct ref_request q;
};

enum say {
	SAY_SUBMIT,
	SAY_ACT,
	SAY_COMMIT,
	SAY_SHOW,
	SAY_PREAPPROVAL,
	SAY_TAKE_BACK,
	SAY_WORD,
	SAY_GRANT,
	SAY_REVIEW,
	SAY_END,
	SAY_ENROLMENT,
	SAY_DOCUMENT,
	SAY_OBJECTION,
	SAY_KEYS, /* on the socket of those who bring them */
	SAY_HOSTS
};

/* What is sent, so that it can be sent again after the keeper was killed under it. */
struct message {
	enum say say;
	int slot; /* -1: it is about no request */
	int n;	  /* act, preapproval, word, grant, review, enrolment, document, objection, set */
	uint32_t use;
	bool sign;
};

struct world {
	struct fixture fx;
	struct ref ref;
	struct fx_key keys[REF_REQUESTERS][2]; /* those of the fixture, in the reference's order */
	struct fx_key makers[REF_BUILDERS][2];
	struct fx_key pool[2];
	struct fx_key pod[2];			/* the SVID's, and another */
	struct fx_key rescue[REF_RESCUERS + 1]; /* the last one is nobody's */
	struct token_key *issuer[2], *stranger;
	struct passkey passkeys[2]; /* carol's and dave's second keys */
	struct policy *policy;
	struct roster *roster;
	struct digest fingerprint[REF_KEYS];
	struct slot slots[SLOTS];
	struct said early[REF_MEMORY];
	struct said taken[REF_MEMORY];
	struct said words[REF_MEMORY];
	struct said grants[REF_MEMORY];
	struct said ends[REF_MEMORY];
	struct said enrolments[REF_MEMORY];
	struct owed owed[REF_MEMORY];
	struct said reviews[REF_MEMORY];
	struct said documents[REF_MEMORY];
	struct said objections[REF_MEMORY];
	int followed[2];     /* the documents in force that the fixture knows */
	struct secret token; /* of the newest invitation, whose number is */
	int tokens;
	uint32_t counter; /* for nonces */
};

extern const char *const ref_people[REF_REQUESTERS];
extern const char *const ref_keys[REF_KEYS + 1];
extern const char *const ref_rules[REF_RULES];
extern const char *const ref_hosts[REF_HOSTS];
extern const char *const ref_ids[2]; /* SPIFFE IDs */
extern const char *const ref_makers[REF_MAKERS];
extern const char *const ref_chips[REF_CHIPS + 1]; /* [chip + 1] */

/* A keeper that has the reference's first policy and roster. */
void world_begin(struct world *w);
/* Stops it; its journal must be whole. */
void world_end(struct world *w);
/* Without a look at what a keeper that was killed has left. */
void world_release(struct world *w);
void world_clock(struct world *w, unix_time t);

/* The digest of a rule in force, as an approver's program computes it. */
struct digest world_rule_digest(const struct world *w, int rule, int key);

/* Each fills the bytes from what the reference has, whose fields somebody has chosen. */
void world_make_request(struct world *w, struct slot *s);
void world_make_act(struct world *w, struct slot *s, int n, int rule);
void world_make_early(struct world *w, int n, int rule);
void world_make_word(struct world *w, int n);
void world_make_grant(struct world *w, int n);
void world_make_review(struct world *w, int n);
/* The request of which the n-th review is owed. */
struct ref_request *world_owed(struct world *w, int n);
/* The slot gets another request. */
void world_leave_slot(struct world *w, int slot);
/* Appends the message's frame. */
void world_put(struct world *w, const struct message *m, struct buf *out);

/* Parts of statements. */
struct name world_name(const char *text);
void world_nonce(struct world *w, uint8_t out[REQUEST_NONCE]);
void world_origin(char out[ORIGIN_MAX + 1]);

/* ---- property_tokens.c ----------------------------------------------------------------------*/
/* The key set that the roster pins. */
void world_put_jwks(const struct world *w, unsigned keys, struct buf *out);
/* The token, for that statement. */
void world_put_token(const struct world *w, const struct ref_token *t,
		     const struct digest *statement, struct buf *out);
void world_put_set(const struct world *w, enum ref_set set, struct buf *out);
/* A connection to the socket that takes it; the caller's. */
int world_connect_keys(struct world *w);

/* ---- property_svids.c -----------------------------------------------------------------------*/
/* Once for all worlds. */
void world_make_roots(void);
void world_free_roots(void);
/* Appends the roster's list of them; none: nothing. */
void world_put_roots(unsigned which, struct buf *out);
/* The pod's signature on the request, with its SVID. */
void world_put_svid_proof(const struct world *w, const struct slot *s, struct buf *out);

/* ---- property_hosts.c -----------------------------------------------------------------------*/
/* Once for all worlds. */
void world_make_chips(void);
void world_free_chips(void);
/* Whom the keeper believes about TPMs; more settings of fx_run(). */
void world_trust_chips(struct world *w);
/* Also tells its host's keeper of the challenge. */
void world_make_enrolment(struct world *w, int n);
/* The answer to an enrolment has a certificate for the host's key of now. */
bool world_has_certificate(const struct world *w, const char *answer);
/* The list of hosts says of each what the reference knows. */
bool world_same_hosts(const struct world *w, const char *answer);
/* A change that is sent at once; the answer's type. */
enum keeper_type world_send_host(struct world *w, int host, enum host_action action,
				 enum ref_chip invited);

/* ---- property_documents.c -------------------------------------------------------------------*/
/* The first ones, into what is not NULL. */
void world_first(struct ref_policy *policy, struct ref_roster *roster);
void world_make_document(struct world *w, int n);
void world_make_objection(struct world *w, int n);
void world_put_document(struct world *w, int n, struct buf *out);
void world_put_objection(struct world *w, int n, struct buf *out);
/* Another document is in force. */
void world_follow(struct world *w);
void world_lock(struct world *w, int key, bool lock);

#endif
