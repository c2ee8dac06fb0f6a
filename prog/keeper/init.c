/* The genesis: directories, tokens, the log's key, and a log whose first leaves are roster and
 * policy. Whoever runs it is trusted; from then on P8 holds. */
#include "prog/keeper/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/crypt/pkey.h"

#define GENESIS_EXPIRES                                                                            \
	(365 * 24 * 3600) /* of a statement that init makes around a bare document */

struct genesis {
	struct buf statement;
	struct buf sigs;
	struct digest sig_digest[CHANGE_SIGNATURES_MAX];
	size_t sig_count;
	struct document_change doc;
};

static void genesis_release(struct genesis *g)
{
	buf_release(&g->statement);
	buf_release(&g->sigs);
}
AUTO_DEFINE(genesis, struct genesis, genesis_release)

/* A file is the statement that people have signed, or the bare document. */
static rc read_genesis(enum statement_kind kind, const char *path, struct genesis *g,
		       struct fault *f)
{
	AUTO(buf) struct buf file = {0};
	struct document_change doc = {.kind = kind};
	struct view v;

	buf_init(&g->statement, DOCUMENT_BYTES_MAX);
	buf_init(&g->sigs, JOURNAL_SIGS_MAX);
	buf_init(&file, DOCUMENT_BYTES_MAX);
	TRY(file_read(path, &file, f));
	v = buf_view(&file);
	if (v.len > 0 && v.ptr[v.len - 1] == '\n')
		v.len--;
	if (v.len > 8 && memcmp(v.ptr, "{\"_type\"", 8) == 0) {
		buf_put_view(&g->statement, v);
		TRY(buf_done(&g->statement));
	} else {
		doc.document = v;
		doc.expires = clock_now(&clock_system) + GENESIS_EXPIRES;
		TRY(document_change_encode(&doc, &g->statement, f));
	}
	return document_change_parse(kind, buf_view(&g->statement), &g->doc, f);
}

/* A signature belongs to whichever statement it verifies for. */
static rc add_signature(const struct roster *r, const char *path, struct genesis *of[2],
			struct fault *f)
{
	static const struct sshsig_rules lenient = {.allow_unverified = true, .allow_synced = true};
	AUTO(buf) struct buf file = {0};
	AUTO(buf) struct buf blob = {0};
	const struct principal *p;
	struct sshsig parts;

	buf_init(&file, SSHSIG_ARMOR_MAX);
	buf_init(&blob, SSHSIG_BLOB_MAX);
	TRY(file_read(path, &file, f));
	if (file.len > 5 && memcmp(file.ptr, "-----", 5) == 0)
		TRY(sshsig_dearmor(buf_view(&file), &blob, f));
	else
		buf_put_view(&blob, buf_view(&file));
	TRY(buf_done(&blob));
	TRY(sshsig_parse(buf_view(&blob), &parts, f));
	p = roster_person_by_key(r, parts.key_blob);
	if (p == NULL)
		return fault_set(f, RC_DENIED, 0, "%s: by a key that the roster does not list",
				 path);
	for (size_t i = 0; i < 2; i++) {
		struct genesis *g = of[i];
		const char *ns = statement_info(g->doc.kind)->ns;

		if (!rc_is_ok(sshsig_verify(principal_key(p, parts.key_blob), ns,
					    buf_view(&g->statement), buf_view(&blob), &lenient,
					    NULL, f)))
			continue;
		if (g->sig_count == CHANGE_SIGNATURES_MAX)
			return fault_set(f, RC_LIMIT, 0, "too many signatures");
		g->sig_digest[g->sig_count++] = digest_of(buf_view(&blob));
		sigs_put(&g->sigs, buf_view(&blob));
		return buf_done(&g->sigs);
	}
	return fault_set(f, RC_BADSIG, 0, "%s: verifies for neither statement", path);
}

static rc make_token(const char *text, const char *dir, struct fault *f)
{
	AUTO(secret) struct secret secret = {0};
	struct token_spec spec;
	rc r;

	TRY(token_spec_parse(view_str(text), dir, &spec, f));
	TRY(token_secret_read(&spec, &secret, f));
	r = token_make(&spec, &secret, f);
	/* An HSM's token is made with its vendor's tools. */
	return r.code == RC_UNSUPPORTED ? OK : r;
}

static rc make_log_key(const struct conf *c, struct journal_identity *id, struct fault *f)
{
	AUTO(token) struct token *t = NULL;
	AUTO(token_session) struct token_session *session = NULL;
	AUTO(secret) struct secret secret = {0};
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf spki = {0};
	struct token_wish wish = {.id = log_key_id(id->origin), .alg = KEY_ED25519};
	struct token_spec spec;
	struct note_signer signer;
	char dir[2 * CONF_TEXT];
	size_t i = 0;

	buf_init(&text, JOURNAL_VKEY_MAX - 1);
	buf_init(&spki, PKEY_SPKI_MAX);
	(void)snprintf(dir, sizeof(dir), "%s/tokens", c->state);
	for (;; i++) {
		if (i == c->tokens.count)
			return fault_set(f, RC_USAGE, 0, "no token %s", c->log_token);
		TRY(token_spec_parse(view_str(c->tokens.text[i]), dir, &spec, f));
		if (c->log_token[0] == '\0' || name_is(&spec.name, c->log_token))
			break;
	}
	TRY(token_secret_read(&spec, &secret, f));
	TRY(token_open(&spec, &secret, &t, f));
	TRY(token_create_key(t, &wish, &spki, f));
	TRY(log_key_open(t, &wish.id, buf_view(&spki), id->origin, &session, &signer, f));
	vkey_put(&signer.key, &text);
	TRY(buf_done(&text));
	memcpy(id->vkey, text.ptr, text.len);
	id->token = spec.name;
	return OK;
}

static rc store_genesis(struct keeper *k, const struct genesis *g, uint64_t version,
			const char *action, struct fault *f)
{
	struct digest id = digest_of(buf_view(&g->statement));
	struct leaf leaf = {.kind = LEAF_ADMIN,
			    .time = k->round.now,
			    .statement = id,
			    .object = g->doc.digest,
			    .approval_count = g->sig_count};
	struct journal_statement st = {.kind = g->doc.kind, .digest = id};

	(void)strncpy(leaf.action, action, sizeof(leaf.action) - 1);
	memcpy(leaf.approvals, g->sig_digest, g->sig_count * sizeof(leaf.approvals[0]));
	TRY(ledger_append(&k->ledger, &leaf, &st.leaf, f));
	TRY(journal_statement_add(k->journal, &st, buf_view(&g->statement), buf_view(&g->sigs), f));
	return journal_document_add(
		k->journal,
		&(struct journal_document){g->doc.kind, version, st.leaf, g->doc.digest}, f);
}

/* Opens what was made as `run` does, and writes the first leaves. */
static rc first_round(const struct conf *c, const struct genesis *roster,
		      const struct genesis *policy, const uint64_t version[2], struct fault *f)
{
	struct parts *p = calloc(1, sizeof(*p));
	struct keeper *k;
	bool fatal;
	rc r;

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "init");
	k = &p->keeper;
	r = parts_open(c, p, f);
	if (rc_is_ok(r))
		r = parts_load_empty(c, p, f);
	if (rc_is_ok(r)) {
		round_begin(k);
		r = store_genesis(k, roster, version[0], "roster", f);
	}
	if (rc_is_ok(r))
		r = store_genesis(k, policy, version[1], "policy", f);
	if (rc_is_ok(r))
		r = ledger_commit(&k->ledger, f);
	if (rc_is_ok(r))
		r = ledger_publish(&k->ledger, false, &fatal, f);
	parts_release(p);
	free(p);
	return r;
}

static rc make_dirs(const struct conf *c, struct fault *f)
{
	char path[2 * CONF_TEXT];

	TRY(dir_make(c->state, 0755, f));
	TRY(dir_make(c->guard, 0700, f));
	(void)snprintf(path, sizeof(path), "%s/tokens", c->state);
	TRY(dir_make(path, 0700, f));
	(void)snprintf(path, sizeof(path), "%s/public", c->state);
	return dir_make(path, 0755, f);
}

static rc check_documents(const struct genesis *roster, const struct genesis *policy,
			  struct roster **ret, uint64_t version[2], struct fault *f)
{
	struct policy *p;

	TRY(roster_parse(roster->doc.document, ret, f));
	TRY(policy_parse(policy->doc.document, &p, f));
	version[0] = (*ret)->version;
	version[1] = p->version;
	rc r = policy_check(p, *ret, f);
	policy_free(p);
	return r;
}

rc keeper_init(const struct conf *c, struct fault *f)
{
	AUTO(genesis) struct genesis roster = {0};
	AUTO(genesis) struct genesis policy = {0};
	AUTO(roster) struct roster *who = NULL;
	struct genesis *both[2] = {&roster, &policy};
	struct journal_identity id = {0};
	struct guard_mark mark = {0};
	char path[2 * CONF_TEXT];
	uint64_t version[2];

	if (strlen(c->origin) > ORIGIN_MAX)
		return fault_set(f, RC_LIMIT, 0, "origin: at most %d bytes", ORIGIN_MAX);
	/* Everything that can be refused is read before anything is made. */
	TRY(read_genesis(STATEMENT_ROSTER, c->roster, &roster, f));
	TRY(read_genesis(STATEMENT_POLICY, c->policy, &policy, f));
	TRY(check_documents(&roster, &policy, &who, version, f));
	for (size_t i = 0; i < c->signatures.count; i++)
		TRY(add_signature(who, c->signatures.text[i], both, f));
	memcpy(id.origin, c->origin, strlen(c->origin) + 1);
	memcpy(mark.origin, c->origin, strlen(c->origin) + 1);
	TRY(rng_fill(&rng_system, &id.epoch, sizeof(id.epoch)));
	id.epoch >>= 1; /* SQLite's integers are signed */
	mark.epoch = id.epoch;
	mark.head.root = tree_empty_root();
	TRY(make_dirs(c, f));
	(void)snprintf(path, sizeof(path), "%s/tokens", c->state);
	for (size_t i = 0; i < c->tokens.count; i++)
		TRY(make_token(c->tokens.text[i], path, f));
	TRY(make_log_key(c, &id, f));
	(void)snprintf(path, sizeof(path), "%s/keeper.db", c->state);
	TRY(journal_create(path, &id, f));
	TRY(guard_create(c->guard, &mark, f));
	return first_round(c, &roster, &policy, version, f);
}
