/* key_user - one pool thread's sessions: which are open, which one goes when there are too many.
 *
 * Owns: the cache. Must not own: recovery of a token (its variant does that). */
#include <stdlib.h>

#include "prog/keeper/key_impl.h"

struct slot {
	struct token_session *session; /* NULL: free */
	const struct token *token;
	struct digest id;
	uint64_t used; /* by the count of calls */
};

struct key_user {
	struct slot slots[KEY_USER_SESSIONS];
	uint64_t calls;
};

rc key_user_new(struct key_user **ret)
{
	struct key_user *u = (struct key_user *)calloc(1, sizeof(*u));

	if (u == NULL)
		return RC(RC_NOMEM);
	*ret = u;
	return OK;
}

void key_user_free(struct key_user *u)
{
	if (u == NULL)
		return;
	for (size_t i = 0; i < KEY_USER_SESSIONS; i++)
		token_session_free(u->slots[i].session);
	free(u);
}

/* The key's slot, or the one that was used longest ago (never used: 0). */
static struct slot *choose(struct key_user *u, const struct key *k)
{
	struct slot *oldest = &u->slots[0];

	for (size_t i = 0; i < KEY_USER_SESSIONS; i++) {
		struct slot *s = &u->slots[i];

		if (s->session != NULL && s->token == k->token && digest_is_equal(&s->id, &k->id))
			return s;
		if (s->used < oldest->used)
			oldest = s;
	}
	token_session_free(oldest->session);
	*oldest = (struct slot){.token = k->token, .id = k->id};
	return oldest;
}

rc key_user_sign(struct key_user *u, const struct key *k, const struct sign_input *in,
		 struct buf *out, struct fault *f)
{
	struct slot *s = choose(u, k);

	if (s->session == NULL)
		TRY(token_session_new(k->token, &k->id, pkey_spki(k->pub), &s->session, f));
	s->used = ++u->calls;
	return token_session_sign(s->session, in, out, f);
}

static rc sign_callback(void *ctx, enum sign_scheme scheme, enum hash_alg alg, struct view input,
			struct buf *out, struct fault *f)
{
	const struct key_use *use = (const struct key_use *)ctx;
	const struct sign_input in = {.scheme = scheme, .hash = alg, .input = input};

	return key_user_sign(use->user, use->key, &in, out, f);
}

struct signer key_use_signer(struct key_use *use)
{
	return (struct signer){.sign = sign_callback, .ctx = use};
}
