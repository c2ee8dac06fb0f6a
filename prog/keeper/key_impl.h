/* key_impl - what key.c, keyring.c, key_job.c and key_user.c share. For them alone. */
#ifndef GS_KEEPER_KEY_IMPL_H
#define GS_KEEPER_KEY_IMPL_H

#include "prog/keeper/keyring.h"

struct key {
	_Atomic unsigned holders;
	struct name name;
	struct name token_name;
	struct digest id;
	enum key_state state;
	unix_time created;
	unix_time locked;
	uint64_t leaf;
	struct token *token;
	struct pkey *pub;
	struct x509_chain chain; /* count 0: no certificate */
	struct x509 cert;	 /* of chain.der[0] */
	struct tbs_key tbs;
};

struct keyring {
	struct token *tokens[KEYRING_TOKENS_MAX];
	size_t token_count;
	bool permit_self_sign;
	const struct key **keys; /* sorted by name */
	size_t count;
	struct key_job *jobs[KEYRING_JOBS_MAX];
};

/* Checks the row and makes the object, held once. Errors as keyring_put. */
MUST rc key_new(const struct key_row *row, struct token *token, const struct key **ret,
		struct fault *f);
/* The row of a key; ret was initialised. RC_NOMEM. */
MUST rc key_to_row(const struct key *k, struct key_row *ret);
/* NULL if there is none of that name. */
struct token *keyring_token(const struct keyring *k, struct view name);
/* The key, if it is there and active; else RC_DENIED with key.unknown, key.locked, key.retired. */
MUST rc keyring_active(const struct keyring *k, const struct name *name, const struct key **ret,
		       struct refusal *why);
/* RC_WAIT with key.token unless the token is ready. */
MUST rc key_token_ready(const struct token *t, struct refusal *why);

#endif
