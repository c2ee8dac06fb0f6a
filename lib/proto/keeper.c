#include "lib/proto/keeper.h"

#include "lib/proto/keeper_impl.h"

/* ---- The gate: every message there is, and how large its body may be ------------------------*/

#define SIG_STRING (4 + KEEPER_SIG_MAX)
#define BODY_MAX (KEEPER_FRAME_MAX - KEEPER_HEADER)
#define ACT_STATEMENT_MAX EVIDENCE_BYTES_MAX /* the largest of those that acts carry */
_Static_assert(EVIDENCE_BYTES_MAX >= ACT_BYTES_MAX && EVIDENCE_BYTES_MAX >= PREAPPROVAL_BYTES_MAX,
	       "every kind fits");

struct gate {
	const char *name;
	uint32_t max;
};

static const struct gate requests[] = {
	[KEEPER_HELLO] = {"hello", 2},
	[KEEPER_SUBMIT] = {"submit", 1 + 4 + REQUEST_BYTES_MAX + 2 * SIG_STRING},
	[KEEPER_ACT] = {"act", 2 + 4 + ACT_STATEMENT_MAX + SIG_STRING},
	[KEEPER_COMMIT] = {"commit", DIGEST_SIZE + 4},
	[KEEPER_SHOW] = {"show", DIGEST_SIZE},
	[KEEPER_RESULT] = {"result", DIGEST_SIZE + 4},
	[KEEPER_CHANGE] = {"change",
			   1 + 4 + DOCUMENT_BYTES_MAX + 2 + CHANGE_SIGNATURES_MAX *SIG_STRING},
	[KEEPER_KEYS] = {"keys", 4 + KEEPER_STRING_MAX},
	[KEEPER_CSR] = {"csr", 2 * (4 + KEEPER_STRING_MAX)},
	[KEEPER_DOCUMENT] = {"document", 1},
	[KEEPER_STATEMENT] = {"statement", DIGEST_SIZE},
	[KEEPER_EXPLAIN] = {"explain", 1 + 4 + REQUEST_BYTES_MAX + 2 * SIG_STRING},
	[KEEPER_CERTS] = {"certs", 4 + KEEPER_STRING_MAX},
	[KEEPER_LOG_PROOF] = {"log-proof", 16},
	[KEEPER_EVIDENCE] = {"evidence", DIGEST_SIZE + 4 + ITEM_NAME_MAX},
	[KEEPER_COUNTED] = {"counted", DIGEST_SIZE},
	[KEEPER_ENROL] = {"enrol",
			  4 + ENROLMENT_BYTES_MAX + 2 * SIG_STRING + 4 + KEEPER_ATTESTATION_MAX},
	[KEEPER_RENEW] = {"renew", 4 + ENROLMENT_BYTES_MAX + SIG_STRING},
	[KEEPER_HOSTS] = {"hosts", 2 * (4 + KEEPER_STRING_MAX)},
	[KEEPER_JWKS] = {"jwks", 4 + KEEPER_STRING_MAX + 4 + KEEPER_JWKS_MAX},
	[KEEPER_PENDING] = {"pending", 4 + KEEPER_STRING_MAX},
	[KEEPER_GRANTS] = {"grants", 2 * (4 + KEEPER_STRING_MAX) + 8},
	[KEEPER_REVIEWS] = {"reviews", DIGEST_SIZE + 8},
	[KEEPER_CHALLENGE] = {"challenge", 4 + NAME_MAX_LEN + DIGEST_SIZE +
						   2 * (4 + 2 + TPM_PUBLIC_MAX) + 4 +
						   EK_CERTIFICATE_MAX},
	[KEEPER_CALLER] = {"caller", 4 + NAME_MAX_LEN + SIG_STRING},
};

static const struct gate replies[] = {
	[KEEPER_R_ERROR - 128] = {"r-error", 4 + 64 + 4 + REASON_TEXT},
	[KEEPER_R_HELLO - 128] = {"r-hello", 1024},
	[KEEPER_R_STATUS - 128] = {"r-status", 128 + KEEPER_STATUS_MAX},
	[KEEPER_R_RESULT - 128] = {"r-result", BODY_MAX},
	[KEEPER_R_CHANGE - 128] = {"r-change", KEEPER_STATUS_MAX},
	[KEEPER_R_JSON - 128] = {"r-json", 1u << 20},
	[KEEPER_R_BYTES - 128] = {"r-bytes", 65536},
	[KEEPER_R_DOCUMENT - 128] = {"r-document", BODY_MAX},
	[KEEPER_R_CERTS - 128] = {"r-certs", 2 + CHANGE_CERTIFICATES_MAX *(4 + KEEPER_CERT_MAX)},
	[KEEPER_R_PROOF - 128] = {"r-proof", KEEPER_PROOF_MAX},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct gate *gate_of(uint32_t type)
{
	const struct gate *g = NULL;

	if (type < COUNT(requests))
		g = &requests[type];
	else if (type >= 128 && type - 128 < COUNT(replies))
		g = &replies[type - 128];
	return g != NULL && g->name != NULL ? g : NULL;
}

size_t keeper_body_max(enum keeper_type type)
{
	const struct gate *g = gate_of((uint32_t)type);

	return g == NULL ? 0 : g->max;
}

const char *keeper_type_name(enum keeper_type type)
{
	const struct gate *g = gate_of((uint32_t)type);

	return g == NULL ? "?" : g->name;
}

bool keeper_type_is_reply(enum keeper_type type)
{
	return (uint32_t)type >= 128;
}

rc keeper_header_parse(struct view bytes, struct keeper_header *ret)
{
	const struct gate *g;
	uint32_t len;
	uint16_t type;
	uint16_t zero;
	uint64_t correlation;

	TRY(view_u32be(&bytes, &len));
	TRY(view_u16be(&bytes, &type));
	TRY(view_u16be(&bytes, &zero));
	TRY(view_u64be(&bytes, &correlation));
	g = gate_of(type);
	if (g == NULL)
		return RC(RC_UNKNOWN);
	if (zero != 0)
		return RC(RC_NONCANON);
	if (len < KEEPER_HEADER - 4)
		return RC(RC_RANGE);
	if (len - (KEEPER_HEADER - 4) > g->max)
		return RC(RC_LIMIT);
	*ret = (struct keeper_header){.body_len = len - (KEEPER_HEADER - 4),
				      .type = (enum keeper_type)type,
				      .correlation = correlation};
	return OK;
}

/* ---- Values that are numbers on the wire ----------------------------------------------------*/

/* Kinds of statements: fixed here, so that the enum may grow without changing the protocol. */
static const uint8_t kind_codes[] = {
	[STATEMENT_REQUEST] = 1,      [STATEMENT_HOST] = 2,	  [STATEMENT_APPROVAL] = 3,
	[STATEMENT_DENIAL] = 4,	      [STATEMENT_WITHDRAWAL] = 5, [STATEMENT_CANCELLATION] = 6,
	[STATEMENT_POLICY] = 7,	      [STATEMENT_ROSTER] = 8,	  [STATEMENT_KEYADMIN] = 9,
	[STATEMENT_CALL] = 0, /* never sent */
	[STATEMENT_SCAN] = 10,	      [STATEMENT_REBUILD] = 11,	  [STATEMENT_PROVENANCE] = 12,
	[STATEMENT_PREAPPROVAL] = 13, [STATEMENT_HOSTADMIN] = 15, [STATEMENT_ENROLMENT] = 16,
	[STATEMENT_REVIEW] = 17,      [STATEMENT_ACCESS] = 18,	  [STATEMENT_RECOVERY] = 19,
	[STATEMENT_OBJECTION] = 20,
};
_Static_assert(COUNT(kind_codes) == STATEMENT__COUNT, "one code for each kind");

#define ACT_FIRST 3
#define ACT_LAST 6
#define DOCUMENT_FIRST 7
#define DOCUMENT_LAST 8
#define CHANGE_LAST 9
#define EVIDENCE_FIRST 10
#define EVIDENCE_LAST 13
#define KIND_LAST 20 /* any statement that the journal may hold */

static void put_kind(struct buf *out, enum statement_kind kind, uint8_t first, uint8_t last)
{
	uint8_t code = (unsigned)kind < STATEMENT__COUNT ? kind_codes[kind] : 0;

	if (code < first || code > last)
		buf_fail(out, RC_RANGE);
	buf_put_u8(out, code);
}

static rc get_kind(struct view *v, uint8_t first, uint8_t last, enum statement_kind *ret)
{
	uint8_t code;

	TRY(view_u8(v, &code));
	for (size_t i = 0; code >= first && code <= last && i < COUNT(kind_codes); i++)
		if (kind_codes[i] == code) {
			*ret = (enum statement_kind)i;
			return OK;
		}
	return RC(RC_RANGE);
}

/* Of a change: policy, roster, keyadmin, and the later ones. */
static bool is_change(enum statement_kind kind)
{
	uint8_t code = (unsigned)kind < STATEMENT__COUNT ? kind_codes[kind] : 0;

	return (code >= DOCUMENT_FIRST && code <= CHANGE_LAST) || kind == STATEMENT_HOSTADMIN ||
	       kind == STATEMENT_ACCESS || kind == STATEMENT_RECOVERY ||
	       kind == STATEMENT_OBJECTION;
}

static void put_change_kind(struct buf *out, enum statement_kind kind)
{
	if (!is_change(kind))
		buf_fail(out, RC_RANGE);
	put_kind(out, kind, DOCUMENT_FIRST, KIND_LAST);
}

static rc get_change_kind(struct view *v, enum statement_kind *ret)
{
	TRY(get_kind(v, DOCUMENT_FIRST, KIND_LAST, ret));
	return is_change(*ret) ? OK : RC(RC_RANGE);
}

/* Kinds that a message of an act carries: what people say of a request, and what is said of
 * artifacts. */
static bool is_act(enum statement_kind kind)
{
	uint8_t code = (unsigned)kind < STATEMENT__COUNT ? kind_codes[kind] : 0;

	return (code >= ACT_FIRST && code <= ACT_LAST) ||
	       (code >= EVIDENCE_FIRST && code <= EVIDENCE_LAST) || kind == STATEMENT_REVIEW;
}

static rc get_flag(struct view *v, bool *ret)
{
	uint8_t flag;

	TRY(view_u8(v, &flag));
	if (flag > 1)
		return RC(RC_RANGE);
	*ret = flag == 1;
	return OK;
}

static void put_time(struct buf *out, unix_time t)
{
	if (t < 0 || t > TIME_MAX)
		buf_fail(out, RC_RANGE);
	buf_put_u64be(out, (uint64_t)t);
}

static rc get_time(struct view *v, unix_time *ret)
{
	uint64_t t;

	TRY(view_u64be(v, &t));
	if (t > (uint64_t)TIME_MAX)
		return RC(RC_RANGE);
	*ret = (unix_time)t;
	return OK;
}

static void put_use(struct buf *out, uint32_t use)
{
	if (use < 1 || use > REQUEST_USES_MAX)
		buf_fail(out, RC_RANGE);
	buf_put_u32be(out, use);
}

static rc get_use(struct view *v, uint32_t *ret)
{
	uint32_t use;

	TRY(view_u32be(v, &use));
	if (use < 1 || use > REQUEST_USES_MAX)
		return RC(RC_RANGE);
	*ret = use;
	return OK;
}

/* Under its kind's own maximum; put_kind has refused a kind that does not exist. */
static void put_statement(struct buf *out, enum statement_kind kind, struct view bytes)
{
	if (out->sticky == RC_OK)
		put_string(out, bytes, statement_info(kind)->max_bytes);
}

static bool is_printable(struct view s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
			return false;
	return true;
}

static void put_text(struct buf *out, const char *s, size_t max)
{
	if (!is_printable(view_str(s)))
		buf_fail(out, RC_SYNTAX);
	put_string(out, view_str(s), max);
}

/* Into an array of max + 1 bytes. */
static rc get_text(struct view *v, char *out, size_t max)
{
	struct view s;

	TRY(view_string(v, max, &s));
	if (!is_printable(s))
		return RC(RC_SYNTAX);
	if (s.len > 0)
		memcpy(out, s.ptr, s.len);
	out[s.len] = '\0';
	return OK;
}

static void put_strings(struct buf *out, const struct view *strings, size_t count, size_t most,
			size_t max)
{
	if (count > most) {
		buf_fail(out, RC_LIMIT);
		return;
	}
	buf_put_u16be(out, (uint16_t)count);
	for (size_t i = 0; i < count; i++)
		put_string(out, strings[i], max);
}

static rc get_strings(struct view *v, struct view *strings, size_t *ret_count, size_t most,
		      size_t max)
{
	uint16_t count;

	TRY(view_u16be(v, &count));
	if (count > most)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < count; i++)
		TRY(view_string(v, max, &strings[i]));
	*ret_count = count;
	return OK;
}

static void put_reason(struct buf *out, enum reason r)
{
	buf_put_string(out, view_str(reason_id(r)));
}

static rc get_reason(struct view *v, enum reason *ret)
{
	struct view id;

	TRY(view_string(v, 64, &id));
	return reason_parse(id, ret);
}

static rc get_digest(struct view *v, struct digest *ret)
{
	return view_copy(v, ret->b, sizeof(ret->b));
}

/* ---- Requests -------------------------------------------------------------------------------*/

void keeper_put_hello_request(struct buf *out, uint64_t correlation)
{
	struct frame fr = frame_begin(out, KEEPER_HELLO, correlation);

	buf_put_u16be(out, KEEPER_PROTOCOL);
	frame_end(out, fr);
}

rc keeper_get_hello_request(struct view body, uint16_t *ret_protocol)
{
	uint16_t protocol;

	TRY(view_u16be(&body, &protocol));
	TRY(view_end(&body));
	*ret_protocol = protocol;
	return OK;
}

void keeper_put_submit(struct buf *out, uint64_t correlation, enum keeper_type type,
		       const struct keeper_submit *m)
{
	struct frame fr = frame_begin(out, type, correlation);

	if (type != KEEPER_SUBMIT && type != KEEPER_EXPLAIN)
		buf_fail(out, RC_RANGE);
	buf_put_u8(out, m->sign);
	put_string(out, m->statement, REQUEST_BYTES_MAX);
	put_string(out, m->requester_sig, KEEPER_SIG_MAX);
	put_string(out, m->host_sig, KEEPER_SIG_MAX);
	frame_end(out, fr);
}

rc keeper_get_submit(struct view body, struct keeper_submit *ret)
{
	struct keeper_submit m;

	TRY(get_flag(&body, &m.sign));
	TRY(view_string(&body, REQUEST_BYTES_MAX, &m.statement));
	TRY(view_string(&body, KEEPER_SIG_MAX, &m.requester_sig));
	TRY(view_string(&body, KEEPER_SIG_MAX, &m.host_sig));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

void keeper_put_act(struct buf *out, uint64_t correlation, const struct keeper_act *m)
{
	struct frame fr = frame_begin(out, KEEPER_ACT, correlation);

	if (!is_act(m->kind))
		buf_fail(out, RC_RANGE);
	put_kind(out, m->kind, ACT_FIRST, KIND_LAST);
	buf_put_u8(out, m->sign);
	put_statement(out, m->kind, m->statement);
	put_string(out, m->sig, KEEPER_SIG_MAX);
	frame_end(out, fr);
}

rc keeper_get_act(struct view body, struct keeper_act *ret)
{
	struct keeper_act m;

	TRY(get_kind(&body, ACT_FIRST, KIND_LAST, &m.kind));
	if (!is_act(m.kind))
		return RC(RC_RANGE);
	TRY(get_flag(&body, &m.sign));
	TRY(view_string(&body, statement_info(m.kind)->max_bytes, &m.statement));
	TRY(view_string(&body, KEEPER_SIG_MAX, &m.sig));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

void keeper_put_commit(struct buf *out, uint64_t correlation, enum keeper_type type,
		       const struct keeper_commit *m)
{
	struct frame fr = frame_begin(out, type, correlation);

	if (type != KEEPER_COMMIT && type != KEEPER_RESULT)
		buf_fail(out, RC_RANGE);
	buf_put_view(out, digest_view(&m->request));
	put_use(out, m->use);
	frame_end(out, fr);
}

rc keeper_get_commit(struct view body, struct keeper_commit *ret)
{
	struct keeper_commit m;

	TRY(get_digest(&body, &m.request));
	TRY(get_use(&body, &m.use));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

void keeper_put_digest(struct buf *out, uint64_t correlation, enum keeper_type type,
		       const struct digest *d)
{
	struct frame fr = frame_begin(out, type, correlation);

	if (type != KEEPER_SHOW && type != KEEPER_STATEMENT && type != KEEPER_COUNTED)
		buf_fail(out, RC_RANGE);
	buf_put_view(out, digest_view(d));
	frame_end(out, fr);
}

rc keeper_get_digest(struct view body, struct digest *ret)
{
	struct digest d;

	TRY(get_digest(&body, &d));
	TRY(view_end(&body));
	*ret = d;
	return OK;
}

void keeper_put_evidence(struct buf *out, uint64_t correlation, const struct keeper_evidence *m)
{
	struct frame fr = frame_begin(out, KEEPER_EVIDENCE, correlation);

	buf_put_view(out, digest_view(&m->artifact));
	put_string(out, m->name, ITEM_NAME_MAX);
	frame_end(out, fr);
}

rc keeper_get_evidence(struct view body, struct keeper_evidence *ret)
{
	struct keeper_evidence m;

	TRY(get_digest(&body, &m.artifact));
	TRY(view_string(&body, ITEM_NAME_MAX, &m.name));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

void keeper_put_change(struct buf *out, uint64_t correlation, const struct keeper_change *m)
{
	struct frame fr = frame_begin(out, KEEPER_CHANGE, correlation);

	put_change_kind(out, m->kind);
	put_statement(out, m->kind, m->statement);
	put_strings(out, m->sigs, m->sig_count, CHANGE_SIGNATURES_MAX, KEEPER_SIG_MAX);
	frame_end(out, fr);
}

rc keeper_get_change(struct view body, struct keeper_change *ret)
{
	struct keeper_change m = {0};

	TRY(get_change_kind(&body, &m.kind));
	TRY(view_string(&body, statement_info(m.kind)->max_bytes, &m.statement));
	TRY(get_strings(&body, m.sigs, &m.sig_count, CHANGE_SIGNATURES_MAX, KEEPER_SIG_MAX));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

static size_t strings_of(enum keeper_type type)
{
	if (type == KEEPER_KEYS || type == KEEPER_CERTS || type == KEEPER_PENDING)
		return 1;
	return type == KEEPER_CSR || type == KEEPER_HOSTS ? 2 : 0;
}

void keeper_put_strings(struct buf *out, uint64_t correlation, enum keeper_type type,
			const struct view *strings, size_t count)
{
	struct frame fr = frame_begin(out, type, correlation);

	if (count == 0 || count != strings_of(type))
		buf_fail(out, RC_RANGE);
	for (size_t i = 0; i < count; i++)
		put_string(out, strings[i], KEEPER_STRING_MAX);
	frame_end(out, fr);
}

rc keeper_get_strings(struct view body, struct view *ret, size_t count)
{
	struct view rest = body;
	struct view s;

	for (size_t i = 0; i < count; i++)
		TRY(view_string(&rest, KEEPER_STRING_MAX, &s));
	TRY(view_end(&rest));
	for (size_t i = 0; i < count; i++)
		TRY(view_string(&body, KEEPER_STRING_MAX, &ret[i]));
	return OK;
}

void keeper_put_document_request(struct buf *out, uint64_t correlation, enum statement_kind kind)
{
	struct frame fr = frame_begin(out, KEEPER_DOCUMENT, correlation);

	put_kind(out, kind, DOCUMENT_FIRST, DOCUMENT_LAST);
	frame_end(out, fr);
}

rc keeper_get_document_request(struct view body, enum statement_kind *ret)
{
	enum statement_kind kind;

	TRY(get_kind(&body, DOCUMENT_FIRST, DOCUMENT_LAST, &kind));
	TRY(view_end(&body));
	*ret = kind;
	return OK;
}

void keeper_put_proof_request(struct buf *out, uint64_t correlation, uint64_t index, uint64_t size)
{
	struct frame fr = frame_begin(out, KEEPER_LOG_PROOF, correlation);

	buf_put_u64be(out, index);
	buf_put_u64be(out, size);
	frame_end(out, fr);
}

rc keeper_get_proof_request(struct view body, uint64_t *ret_index, uint64_t *ret_size)
{
	uint64_t index;
	uint64_t size;

	TRY(view_u64be(&body, &index));
	TRY(view_u64be(&body, &size));
	TRY(view_end(&body));
	*ret_index = index;
	*ret_size = size;
	return OK;
}

/* ---- Replies --------------------------------------------------------------------------------*/

void keeper_put_error(struct buf *out, uint64_t correlation, const struct keeper_error *m)
{
	struct frame fr = frame_begin(out, KEEPER_R_ERROR, correlation);

	put_reason(out, m->reason);
	put_text(out, m->text, REASON_TEXT - 1);
	frame_end(out, fr);
}

rc keeper_get_error(struct view body, struct keeper_error *ret)
{
	struct keeper_error m = {0};

	TRY(get_reason(&body, &m.reason));
	TRY(get_text(&body, m.text, REASON_TEXT - 1));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

void keeper_put_hello(struct buf *out, uint64_t correlation, const struct keeper_hello *m)
{
	struct frame fr = frame_begin(out, KEEPER_R_HELLO, correlation);

	buf_put_u16be(out, KEEPER_PROTOCOL);
	put_text(out, m->origin, ORIGIN_MAX);
	put_text(out, m->vkey, sizeof(m->vkey) - 1);
	buf_put_u64be(out, m->policy_version);
	buf_put_u64be(out, m->roster_version);
	buf_put_view(out, digest_view(&m->policy));
	buf_put_view(out, digest_view(&m->roster));
	buf_put_u64be(out, m->log_size);
	put_time(out, m->now);
	frame_end(out, fr);
}

rc keeper_get_hello(struct view body, struct keeper_hello *ret)
{
	struct keeper_hello m = {0};
	uint16_t protocol;

	TRY(view_u16be(&body, &protocol));
	if (protocol != KEEPER_PROTOCOL)
		return RC(RC_UNSUPPORTED);
	TRY(get_text(&body, m.origin, ORIGIN_MAX));
	TRY(get_text(&body, m.vkey, sizeof(m.vkey) - 1));
	TRY(view_u64be(&body, &m.policy_version));
	TRY(view_u64be(&body, &m.roster_version));
	TRY(get_digest(&body, &m.policy));
	TRY(get_digest(&body, &m.roster));
	TRY(view_u64be(&body, &m.log_size));
	TRY(get_time(&body, &m.now));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

void keeper_put_status(struct buf *out, uint64_t correlation, const struct keeper_status *m)
{
	struct frame fr = frame_begin(out, KEEPER_R_STATUS, correlation);

	if (m->state < STATE_OPEN || m->state > STATE_CLOSED || m->outcome > 2)
		buf_fail(out, RC_RANGE);
	buf_put_view(out, digest_view(&m->request));
	buf_put_u8(out, (uint8_t)m->state);
	buf_put_u8(out, m->outcome);
	put_reason(out, m->reason);
	buf_put_u32be(out, m->uses_spent);
	buf_put_u64be(out, m->leaf);
	put_string(out, m->json, KEEPER_STATUS_MAX);
	frame_end(out, fr);
}

rc keeper_get_status(struct view body, struct keeper_status *ret)
{
	struct keeper_status m = {0};
	uint8_t state;

	TRY(get_digest(&body, &m.request));
	TRY(view_u8(&body, &state));
	TRY(view_u8(&body, &m.outcome));
	if (state < STATE_OPEN || state > STATE_CLOSED || m.outcome > 2)
		return RC(RC_RANGE);
	m.state = (enum request_state)state;
	TRY(get_reason(&body, &m.reason));
	TRY(view_u32be(&body, &m.uses_spent));
	TRY(view_u64be(&body, &m.leaf));
	TRY(view_string(&body, KEEPER_STATUS_MAX, &m.json));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

rc keeper_result_next(struct view *signatures, struct view *ret)
{
	struct view rest = *signatures;
	struct view one;

	TRY(view_string(&rest, KEEPER_SIGNATURE_MAX, &one));
	if (one.len == 0)
		return RC(RC_RANGE);
	*signatures = rest;
	*ret = one;
	return OK;
}

/* Exactly count signatures, and nothing behind them. */
static rc check_signatures(struct view signatures, uint32_t count)
{
	struct view ignored;

	if (count < 1)
		return RC(RC_RANGE);
	if (count > REQUEST_ITEMS_MAX)
		return RC(RC_LIMIT);
	for (uint32_t i = 0; i < count; i++)
		TRY(keeper_result_next(&signatures, &ignored));
	return view_end(&signatures);
}

void keeper_put_result(struct buf *out, uint64_t correlation, const struct keeper_result *m)
{
	struct frame fr = frame_begin(out, KEEPER_R_RESULT, correlation);
	rc r = check_signatures(m->signatures, m->count);

	if (!rc_is_ok(r))
		buf_fail(out, r.code);
	buf_put_view(out, digest_view(&m->request));
	put_use(out, m->use);
	put_time(out, m->signed_at);
	buf_put_view(out, digest_view(&m->key));
	buf_put_view(out, digest_view(&m->cert));
	buf_put_u64be(out, m->authorize_leaf);
	buf_put_u64be(out, m->issue_leaf);
	put_string(out, m->leaf, KEEPER_LEAF_MAX);
	put_string(out, m->proof, KEEPER_PROOF_MAX);
	buf_put_u32be(out, m->count);
	buf_put_view(out, m->signatures);
	frame_end(out, fr);
}

rc keeper_get_result(struct view body, struct keeper_result *ret)
{
	struct keeper_result m = {0};

	TRY(get_digest(&body, &m.request));
	TRY(get_use(&body, &m.use));
	TRY(get_time(&body, &m.signed_at));
	TRY(get_digest(&body, &m.key));
	TRY(get_digest(&body, &m.cert));
	TRY(view_u64be(&body, &m.authorize_leaf));
	TRY(view_u64be(&body, &m.issue_leaf));
	TRY(view_string(&body, KEEPER_LEAF_MAX, &m.leaf));
	TRY(view_string(&body, KEEPER_PROOF_MAX, &m.proof));
	TRY(view_u32be(&body, &m.count));
	TRY(check_signatures(body, m.count));
	m.signatures = body;
	*ret = m;
	return OK;
}

void keeper_put_bytes(struct buf *out, uint64_t correlation, enum keeper_type type,
		      struct view bytes)
{
	struct frame fr = frame_begin(out, type, correlation);

	if (type != KEEPER_R_JSON && type != KEEPER_R_BYTES && type != KEEPER_R_PROOF &&
	    type != KEEPER_R_CHANGE)
		buf_fail(out, RC_RANGE);
	buf_put_view(out, bytes);
	frame_end(out, fr);
}

void keeper_put_document(struct buf *out, uint64_t correlation, const struct keeper_document *m)
{
	struct frame fr = frame_begin(out, KEEPER_R_DOCUMENT, correlation);

	put_kind(out, m->kind, 1, KIND_LAST);
	buf_put_u64be(out, m->leaf);
	put_statement(out, m->kind, m->statement);
	put_strings(out, m->sigs, m->sig_count, CHANGE_SIGNATURES_MAX, KEEPER_SIG_MAX);
	frame_end(out, fr);
}

rc keeper_get_document(struct view body, struct keeper_document *ret)
{
	struct keeper_document m = {0};

	TRY(get_kind(&body, 1, KIND_LAST, &m.kind));
	TRY(view_u64be(&body, &m.leaf));
	TRY(view_string(&body, statement_info(m.kind)->max_bytes, &m.statement));
	TRY(get_strings(&body, m.sigs, &m.sig_count, CHANGE_SIGNATURES_MAX, KEEPER_SIG_MAX));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}

void keeper_put_certs(struct buf *out, uint64_t correlation, const struct keeper_certs *m)
{
	struct frame fr = frame_begin(out, KEEPER_R_CERTS, correlation);

	put_strings(out, m->certs, m->count, CHANGE_CERTIFICATES_MAX, KEEPER_CERT_MAX);
	frame_end(out, fr);
}

rc keeper_get_certs(struct view body, struct keeper_certs *ret)
{
	struct keeper_certs m = {0};

	TRY(get_strings(&body, m.certs, &m.count, CHANGE_CERTIFICATES_MAX, KEEPER_CERT_MAX));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}
