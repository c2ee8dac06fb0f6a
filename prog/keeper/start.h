/* start - the parts in the order in which they are opened, and init, which makes them.
 *
 * Owns: tokens, lock, guard, journal, ledger, keyring, pool of one keeper, opened and released as
 * one. Must not own: the sandbox and the sockets (main.c). */
#ifndef GS_KEEPER_START_H
#define GS_KEEPER_START_H

#include "prog/keeper/conf.h"
#include "prog/keeper/keeper.h"

#define LOG_KEY_PURPOSE "greatseal log key v1\n"

/* The configured tokens and what opens them, read once: a passphrase may come from standard input.
 */
struct unlock {
	struct token_spec spec[KEYRING_TOKENS_MAX];
	struct secret secret[KEYRING_TOKENS_MAX];
	size_t count;
};

/* RC_USAGE a token setting that is not understood or two of one name; else as token_secret_read. */
MUST rc unlock_read(const struct conf *c, struct unlock *ret, struct fault *f);
void unlock_release(struct unlock *u);
AUTO_DEFINE(unlock, struct unlock, unlock_release)

struct parts {
	int lock_fd;
	struct token_spec spec[KEYRING_TOKENS_MAX];
	struct token *token[KEYRING_TOKENS_MAX];
	size_t token_count;
	struct view origin[CONF_LIST_MAX];
	struct guard *guard;
	struct journal *journal;
	struct token_session *log_session; /* the log's key */
	int zone_fd;			   /* the directory of time zones, or -1 */
	struct tpm_desk *desk;
	struct keeper keeper;
	bool loaded;
};

/* Opens lock, guard, journal and tokens; makes no thread. */
MUST rc parts_open(const struct conf *c, const struct unlock *u, struct parts *p, struct fault *f);
/* Ledger, keyring, documents. After the sandbox: from here on the log may grow. */
MUST rc parts_load(const struct conf *c, struct parts *p, struct fault *f);
/* Of these the ledger alone: for init, whose log is empty. */
MUST rc parts_load_empty(const struct conf *c, struct parts *p, struct fault *f);
/* The signing threads. */
MUST rc parts_start(struct parts *p, struct fault *f);
/* Accepts half-open parts and zeros; may be called twice. */
void parts_release(struct parts *p);

/* Which key of the token is the log's. */
struct digest log_key_id(const char *origin);
/* A session for it, and the signer that borrows the session. */
MUST rc log_key_open(struct token *t, const struct digest *id, struct view spki, const char *origin,
		     struct token_session **ret_session, struct note_signer *ret, struct fault *f);

/* Zones from the files of that directory; -1: none. *fd must stay where it is. */
struct zone_source zone_files(int *fd);

/* Keeps the process out of swap, where the limit on locked memory is unlimited (memory.c). */
void memory_lock(void);

/* Makes state, guard, tokens, the log's key and the log with roster and policy; *ret is what
 * clients compare. RC_EXISTS. What the arguments can have wrong is found before anything is made.
 */
MUST rc keeper_init(const struct conf *c, struct journal_identity *ret, struct fault *f);
/* Offline: journal against its own tree, guard, and public/. Writes nothing. */
MUST rc keeper_fsck(const struct conf *c, uint64_t *ret_entries, struct fault *f);

#endif
