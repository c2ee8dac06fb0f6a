/* The genesis: directories, tokens, the log's key, and a log whose first leaves are roster and
 * policy. Whoever runs it is trusted; from then on P8 holds. */
#include "prog/keeper/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/codec/jcan.h"
#include "lib/crypt/pkey.h"
#include "lib/model/field.h"

#define GENESIS_EXPIRES                                                                            \
	(365 * 24 * 3600) /* of a statement that init makes around a bare document */

struct genesis {
	struct buf statement;
	struct buf sigs;
	struct digest sig_digest[CHANGE_SIGNATURES_MAX];
	size_t sig_count;
	struct document_change doc;
	uint64_t version;
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
	rc r;

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
		r = jcan_check(v, f);
		if (!rc_is_ok(r))
			return fault_wrap(
				f, r, "%s: not canonical JSON (greatseal policy compile writes it)",
				path);
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

static rc make_token(const struct unlock *u, size_t i, struct fault *f)
{
	rc r = token_make(&u->spec[i], &u->secret[i], f);

	/* An HSM's token is made with its vendor's tools. */
	return r.code == RC_UNSUPPORTED ? OK : r;
}

/* The token that makes the log's own key: the named one, or the first. */
static rc find_log_token(const struct conf *c, const struct unlock *u, size_t *ret, struct fault *f)
{
	for (size_t i = 0; i < u->count; i++)
		if (c->log_token[0] == '\0' || name_is(&u->spec[i].name, c->log_token)) {
			*ret = i;
			return OK;
		}
	return fault_set(f, RC_USAGE, 0, "log-token: no token %s", c->log_token);
}

static rc make_log_key(const struct unlock *u, size_t at, struct journal_identity *id,
		       struct fault *f)
{
	AUTO(token) struct token *t = NULL;
	AUTO(token_session) struct token_session *session = NULL;
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf spki = {0};
	struct token_wish wish = {.id = log_key_id(id->origin), .alg = KEY_ED25519};
	struct note_signer signer;

	buf_init(&text, JOURNAL_VKEY_MAX - 1);
	buf_init(&spki, PKEY_SPKI_MAX);
	TRY(token_open(&u->spec[at], &u->secret[at], &t, f));
	TRY(token_create_key(t, &wish, &spki, f));
	TRY(log_key_open(t, &wish.id, buf_view(&spki), id->origin, &session, &signer, f));
	vkey_put(&signer.key, &text);
	TRY(buf_done(&text));
	memcpy(id->vkey, text.ptr, text.len);
	id->token = u->spec[at].name;
	return OK;
}

static rc store_genesis(struct keeper *k, const struct genesis *g, const char *action,
			struct fault *f)
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
		&(struct journal_document){g->doc.kind, g->version, st.leaf, g->doc.digest}, f);
}

/* Opens what was made as `run` does, and writes the first leaves. */
static rc first_round(const struct conf *c, const struct unlock *u, struct genesis *const of[2],
		      struct fault *f)
{
	struct parts *p = calloc(1, sizeof(*p));
	struct keeper *k;
	bool fatal;
	rc r;

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "init");
	k = &p->keeper;
	r = parts_open(c, u, p, f);
	if (rc_is_ok(r))
		r = parts_load_empty(c, p, f);
	if (rc_is_ok(r)) {
		round_begin(k);
		r = store_genesis(k, of[0], "roster", f);
	}
	if (rc_is_ok(r))
		r = store_genesis(k, of[1], "policy", f);
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

/* A directory that cannot be opened is no fault: the policy may name no zone. */
static rc check_zones(const struct conf *c, const struct policy *p, struct fault *f)
{
	AUTO(fd) int fd = -1;
	struct zone_source zones = zone_files(&fd);

	rc_ignore(dir_open(c->zoneinfo, &fd, f), "then each zone that is named is refused");
	return policy_check_zones(p, &zones, f);
}

static rc check_documents(const struct conf *c, struct genesis *const of[2], struct roster **ret,
			  struct fault *f)
{
	struct genesis *roster = of[0];
	struct genesis *policy = of[1];
	struct policy *p;
	rc r;

	TRY(roster_parse(roster->doc.document, ret, f));
	TRY(policy_parse(policy->doc.document, &p, f));
	roster->version = (*ret)->version;
	policy->version = p->version;
	r = policy_check(p, *ret, f);
	if (rc_is_ok(r))
		r = check_zones(c, p, f);
	policy_free(p);
	return r;
}

/* Everything that can be refused, before anything is made: what is left behind by an init that
 * failed half-way keeps the next one from starting. */
static rc read_all(const struct conf *c, struct genesis *of[2], struct fault *f)
{
	AUTO(roster) struct roster *who = NULL;

	if (strlen(c->origin) > ORIGIN_MAX)
		return fault_set(f, RC_LIMIT, 0, "origin: at most %d bytes", ORIGIN_MAX);
	if (!rc_is_ok(token_check(view_str(c->origin))))
		return fault_set(f, RC_SYNTAX, 0,
				 "origin: \"%s\" is not a host name in lower case "
				 "([a-z0-9][a-z0-9.-]*)",
				 c->origin);
	TRY(read_genesis(STATEMENT_ROSTER, c->roster, of[0], f));
	TRY(read_genesis(STATEMENT_POLICY, c->policy, of[1], f));
	TRY(check_documents(c, of, &who, f));
	for (size_t i = 0; i < c->signatures.count; i++)
		TRY(add_signature(who, c->signatures.text[i], of, f));
	return OK;
}

static rc make_all(const struct conf *c, const struct unlock *u, size_t log_token,
		   struct journal_identity *id, struct fault *f)
{
	struct guard_mark mark = {.epoch = id->epoch, .head.root = tree_empty_root()};
	char path[2 * CONF_TEXT];

	memcpy(mark.origin, id->origin, sizeof(id->origin));
	TRY(make_dirs(c, f));
	for (size_t i = 0; i < u->count; i++)
		TRY(make_token(u, i, f));
	TRY(make_log_key(u, log_token, id, f));
	(void)snprintf(path, sizeof(path), "%s/keeper.db", c->state);
	TRY(journal_create(path, id, f));
	return guard_create(c->guard, &mark, f);
}

rc keeper_init(const struct conf *c, struct journal_identity *ret, struct fault *f)
{
	AUTO(genesis) struct genesis roster = {0};
	AUTO(genesis) struct genesis policy = {0};
	struct genesis *both[2] = {&roster, &policy};
	AUTO(unlock) struct unlock u = {.count = 0};
	struct journal_identity id = {0};
	size_t log_token = 0;

	TRY(read_all(c, both, f));
	TRY(unlock_read(c, &u, f));
	TRY(find_log_token(c, &u, &log_token, f));
	memcpy(id.origin, c->origin, strlen(c->origin) + 1);
	TRY(rng_fill(&rng_system, &id.epoch, sizeof(id.epoch)));
	id.epoch >>= 1; /* SQLite's integers are signed */
	TRY(make_all(c, &u, log_token, &id, f));
	TRY(first_round(c, &u, both, f));
	*ret = id;
	return OK;
}
