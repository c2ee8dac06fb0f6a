#include "prog/keeper/gate.h"
#include "prog/keeper/waiting.h"

#include "lib/base/log.h"

enum { GATE_WRITES = 1, GATE_JWKS = 2 /* on that socket, and on no other */ };

struct row {
	const char *name;
	rc (*handle)(struct call *c);
	unsigned flags;
};

/* The largest body of each type is in lib/proto/keeper.c, so that senders know it too. */
static const struct row rows[] = {
	[KEEPER_HELLO] = {"hello", handle_hello, 0},
	[KEEPER_SUBMIT] = {"submit", handle_submit, GATE_WRITES},
	[KEEPER_ACT] = {"act", handle_act, GATE_WRITES},
	[KEEPER_COMMIT] = {"commit", handle_commit, GATE_WRITES},
	[KEEPER_SHOW] = {"show", handle_show, 0},
	[KEEPER_RESULT] = {"result", handle_result, 0},
	[KEEPER_CHANGE] = {"change", handle_change, GATE_WRITES},
	[KEEPER_KEYS] = {"keys", handle_keys, 0},
	[KEEPER_CSR] = {"csr", handle_csr, GATE_WRITES},
	[KEEPER_DOCUMENT] = {"document", handle_document, 0},
	[KEEPER_STATEMENT] = {"statement", handle_statement, 0},
	[KEEPER_EXPLAIN] = {"explain", handle_explain, 0},
	[KEEPER_CERTS] = {"certs", handle_certs, 0},
	[KEEPER_LOG_PROOF] = {"log-proof", handle_log_proof, 0},
	[KEEPER_EVIDENCE] = {"evidence", handle_evidence, 0},
	[KEEPER_COUNTED] = {"counted", handle_counted, 0},
	[KEEPER_ENROL] = {"enrol", handle_enrol, GATE_WRITES},
	[KEEPER_RENEW] = {"renew", handle_renew, GATE_WRITES},
	[KEEPER_HOSTS] = {"hosts", handle_hosts, 0},
	[KEEPER_JWKS] = {"jwks", handle_jwks, GATE_WRITES | GATE_JWKS},
	[KEEPER_GRANTS] = {"grants", handle_grants, 0},
	[KEEPER_CHALLENGE] = {"challenge", handle_challenge, 0},
	[KEEPER_PENDING] = {"pending", handle_pending, 0},
	[KEEPER_CALLER] = {"caller", handle_caller, 0},
	[KEEPER_REVIEWS] = {"reviews", handle_reviews, 0},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(ROWS == KEEPER_REVIEWS + 1, "one row per request type");

rc malformed(struct call *c, rc r)
{
	if (r.code == RC_NOMEM)
		return r;
	rc_ignore(refuse(&c->why, REASON_FORM_MESSAGE, "%s: %s", rows[c->type].name, rc_name(r)),
		  "the caller's rc says more");
	return RC(RC_PEER);
}

rc gate_writable(struct keeper *k, struct refusal *why)
{
	if (k->ledger.lagging)
		return refuse(why, REASON_KEEPER_STORAGE, "the log cannot be published");
	if (k->round.now < k->ledger.head.time)
		return refuse(why, REASON_TIME_CLOCK, "the clock is %lld s behind the log",
			      (long long)(k->ledger.head.time - k->round.now));
	/* Its round has failed and is tried again: nothing is decided by what it replaces. */
	if (waiting_is_due(k))
		return refuse(why, REASON_KEEPER_STORAGE, "%s",
			      "a policy or roster is due that could not be written");
	return OK;
}

static void answer_refusal(struct call *c, const char *name)
{
	/* An id if there is one: the statement's, or the request's that the message names. */
	struct digest id = digest_of(c->body);
	char hex[DIGEST_HEX];

	if (c->k->dossier.known)
		id = c->k->dossier.row.digest;
	digest_hex(&id, hex);
	c->k->refused[c->why.reason]++;
	log_info("refused %s %.16s: %s: %s", name, hex, reason_id(c->why.reason), c->why.text);
	put_refusal(c->out, c->to.correlation, &c->why);
}

static const struct row *row_of(enum keeper_door door, enum keeper_type type)
{
	const struct row *row = (size_t)type < ROWS ? &rows[type] : NULL;

	if (row == NULL || row->handle == NULL)
		return NULL;
	return ((row->flags & GATE_JWKS) != 0) == (door == DOOR_JWKS) ? row : NULL;
}

bool gate_admits(enum keeper_door door, enum keeper_type type)
{
	return row_of(door, type) != NULL;
}

bool gate_handle(struct keeper *k, const struct reply_to *to, const struct keeper_header *h,
		 struct view body, struct buf *out)
{
	struct call c = {.k = k, .to = *to, .type = h->type, .body = body, .out = out};
	const struct row *row = row_of(to->door, h->type);
	rc r = OK;

	dossier_clear(&k->dossier);
	if (row == NULL) {
		rc_ignore(refuse(&c.why, REASON_FORM_MESSAGE, "type %d", (int)h->type),
			  "answered below");
		answer_refusal(&c, "message");
		return false;
	}
	if (body.len > keeper_body_max(h->type)) {
		rc_ignore(refuse(&c.why, REASON_FORM_LIMIT, "%s: %zu bytes", row->name, body.len),
			  "answered below");
		answer_refusal(&c, row->name);
		return false;
	}
	if ((row->flags & GATE_WRITES) != 0)
		r = gate_writable(k, &c.why);
	if (rc_is_ok(r))
		r = row->handle(&c);
	switch ((int)r.code) {
	case RC_OK:
		return true;
	case RC_DENIED:
	case RC_WAIT:
		answer_refusal(&c, row->name);
		return true;
	case RC_PEER:
		answer_refusal(&c, row->name);
		return false;
	default:
		log_err("%s: %s: %s", row->name, rc_name(r), k->round.fault.text);
		if (k->round.fault.code == RC_OK)
			k->round.fault.code = r.code;
		k->round.failed = true;
		return true;
	}
}
