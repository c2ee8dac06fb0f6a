#include "prog/cli/bundle_evidence.h"

#include <stdlib.h>
#include <string.h>

#include "lib/crypt/dsse.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/evidence.h"
#include "lib/model/field.h"
#include "lib/model/provenance.h"
#include "lib/model/statement.h"
#include "lib/model/svid.h"
#include "lib/tlog/items.h"

/* What facts point into. */
struct bundle_said {
	char builder[PROVENANCE_URI_MAX + 1];
	char source[PROVENANCE_URI_MAX + 1];
	char version[EVIDENCE_VERSION_MAX + 1];
};
_Static_assert(EVIDENCE_SOURCE_MAX <= PROVENANCE_URI_MAX, "either kind of source fits");

struct reader {
	const struct roster *roster;
	const struct digest *artifacts; /* of the request, ascending */
	size_t artifact_count;
	struct evidence *space; /* for one statement; too large for the stack */
	struct bundle_evidence *ret;
	struct fault *f;
};

void bundle_evidence_release(struct bundle_evidence *e)
{
	free(e->facts);
	free(e->said);
	*e = (struct bundle_evidence){0};
}

static int digests_order(const void *a, const void *b)
{
	return memcmp(((const struct digest *)a)->b, ((const struct digest *)b)->b, DIGEST_SIZE);
}

static int facts_order(const void *a, const void *b)
{
	const struct evidence_fact *x = (const struct evidence_fact *)a;
	const struct evidence_fact *y = (const struct evidence_fact *)b;

	return memcmp(x->sha256.b, y->sha256.b, DIGEST_SIZE);
}

/* The fact, if it is about a file of the request. */
static rc add(struct reader *r, const struct evidence_fact *fact)
{
	struct bundle_evidence *e = r->ret;

	if (bsearch(&fact->sha256, r->artifacts, r->artifact_count, sizeof(*r->artifacts),
		    digests_order) == NULL)
		return OK;
	if (e->count == e->cap) {
		size_t cap = e->cap == 0 ? 64 : 2 * e->cap;
		void *more = reallocarray(e->facts, cap, sizeof(*e->facts));

		if (more == NULL)
			return RC(RC_NOMEM);
		e->facts = (struct evidence_fact *)more;
		e->cap = cap;
	}
	e->facts[e->count++] = *fact;
	return OK;
}

/* ---- Scans and rebuilds ---------------------------------------------------------------------*/

/* Only builders rebuild; a scan is by any machine, and no two have one name. */
static const struct principal *maker_of(const struct roster *r, const struct evidence *e)
{
	const struct principal *p = roster_builder(r, &e->by);

	if (p == NULL && e->kind == STATEMENT_SCAN)
		p = roster_host(r, &e->by);
	if (p == NULL && e->kind == STATEMENT_SCAN)
		p = roster_service(r, &e->by);
	return p;
}

/* Whether a security key asked for more than a touch was the keeper's to demand. */
static const struct sshsig_rules any_form = {.allow_unverified = true, .allow_synced = true};

/* By a host with a SPIFFE ID: when it said so, a little later by the clocks of others. */
static rc verify_svid(struct reader *r, enum statement_kind kind, const struct principal *host,
		      const struct signed_bytes *s)
{
	AUTO(sshkey) struct sshkey *key = NULL;
	struct svid_proof p;
	unix_time when;

	TRY(svid_proof_parse(buf_view(&s->sig), &p, r->f));
	TRY(svid_moment(&p, r->space->given + EVIDENCE_SKEW, &when, r->f));
	TRY(roster_svid_key(r->roster, host, &p, when, &key, r->f));
	return sshsig_verify(key, statement_info(kind)->ns, buf_view(&s->bytes), p.sig, &any_form,
			     NULL, r->f);
}

static rc verify(struct reader *r, enum statement_kind kind, const struct principal *maker,
		 const struct signed_bytes *s)
{
	AUTO(sshkey) struct sshkey *enrolled = NULL;
	struct view sig = buf_view(&s->sig);
	const struct sshkey *key;
	struct sshsig parts;

	if (maker->spiffe != NULL)
		return verify_svid(r, kind, maker, s);
	TRY(sshsig_parse(sig, &parts, r->f));
	key = principal_key(maker, parts.key_blob);
	if (key == NULL && maker->kind == PRINCIPAL_HOST && maker->key_count == 0) {
		TRY(sshkey_parse_blob(parts.key_blob, &enrolled, r->f));
		key = enrolled;
		r->ret->unrooted = true;
	}
	if (key == NULL)
		return fault_set(r->f, RC_BADSIG, 0,
				 "evidence is signed with a key that the roster does not list for "
				 "%s",
				 maker->name.s);
	return sshsig_verify(key, statement_info(kind)->ns, buf_view(&s->bytes), sig, &any_form,
			     NULL, r->f);
}

static rc read_statement(struct reader *r, enum statement_kind kind, const struct signed_bytes *s,
			 struct bundle_said *said)
{
	struct evidence *e = r->space;
	const struct principal *maker;

	TRY(evidence_parse(kind, buf_view(&s->bytes), e, r->f));
	maker = maker_of(r->roster, e);
	if (maker == NULL)
		return fault_set(r->f, RC_NOTFOUND, 0,
				 "evidence is by %s, who is not in the roster", e->by.s);
	TRY(verify(r, kind, maker, s));
	(void)snprintf(said->source, sizeof(said->source), "%s", e->source);
	(void)snprintf(said->version, sizeof(said->version), "%s", e->version);
	for (size_t i = 0; i < e->count; i++) {
		const struct evidence_fact fact = {
			.kind = kind == STATEMENT_SCAN ? EVIDENCE_SCAN : EVIDENCE_REBUILD,
			.sha256 = e->subjects[i].sha256,
			.statement = digest_of(buf_view(&s->bytes)),
			.by = e->by,
			.given = e->given,
			.clean = kind == STATEMENT_SCAN && e->verdict == SCAN_CLEAN,
			.source = view_str(said->source),
			.version = view_str(said->version)};

		TRY(add(r, &fact));
	}
	return OK;
}

/* ---- Provenance -----------------------------------------------------------------------------*/

static const struct sshkey *key_named(const struct roster *r, const char *keyid,
				      const struct principal **ret_owner)
{
	struct digest fingerprint;

	if (!rc_is_ok(sshkey_fingerprint_parse(view_str(keyid), &fingerprint)))
		return NULL;
	for (size_t i = 0; i < r->key_count; i++) {
		const struct principal *p = r->keys[i].owner;

		if (!digest_is_equal(&r->keys[i].fingerprint, &fingerprint) ||
		    p->kind == PRINCIPAL_PERSON)
			continue;
		for (size_t n = 0; n < p->key_count; n++) {
			if (digest_is_equal(sshkey_fingerprint(p->keys[n]), &fingerprint)) {
				*ret_owner = p;
				return p->keys[n];
			}
		}
	}
	return NULL;
}

static rc verify_envelope(struct reader *r, const struct dsse *d, const struct principal **ret)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct dsse_signature *s = &d->signatures[i];
		const struct sshkey *key = key_named(r->roster, s->keyid, ret);

		if (key != NULL)
			return dsse_verify(key, d->type, buf_view(&d->payload),
					   view_of(s->sig, s->len), r->f);
	}
	return fault_set(r->f, RC_BADSIG, 0,
			 "provenance is not signed with a key of a machine in the roster");
}

static rc read_envelope(struct reader *r, const struct signed_bytes *s, struct bundle_said *said)
{
	AUTO(dsse) struct dsse d = {0};
	AUTO(provenance) struct provenance p = {0};
	const struct principal *maker = NULL;

	TRY(dsse_parse(buf_view(&s->bytes), &d, r->f));
	if (strcmp(d.type, PROVENANCE_PAYLOAD_TYPE) != 0)
		return fault_set(r->f, RC_MISMATCH, 0, "evidence of the type %s", d.type);
	TRY(verify_envelope(r, &d, &maker));
	TRY(provenance_parse(buf_view(&d.payload), &p, r->f));
	(void)snprintf(said->builder, sizeof(said->builder), "%s", p.builder);
	(void)snprintf(said->source, sizeof(said->source), "%s", p.source);
	for (size_t i = 0; i < p.count; i++) {
		const struct evidence_fact fact = {.kind = EVIDENCE_PROVENANCE,
						   .sha256 = p.subjects[i],
						   .statement = digest_of(buf_view(&s->bytes)),
						   .by = maker->name,
						   .given = p.finished,
						   .builder = view_str(said->builder),
						   .source = view_str(said->source)};

		TRY(add(r, &fact));
	}
	return OK;
}

static rc read_one(struct reader *r, const struct signed_bytes *s, struct bundle_said *said)
{
	struct view bytes = buf_view(&s->bytes);

	if (s->sig.len == 0)
		return read_envelope(r, s, said);
	return read_statement(r,
			      rc_is_ok(envelope_check_kind(bytes, STATEMENT_SCAN, NULL))
				      ? STATEMENT_SCAN
				      : STATEMENT_REBUILD,
			      s, said);
}

/* ---- All of it ------------------------------------------------------------------------------*/

/* Ascending, each once: evidence_root() takes no other list. */
static rc check_root(const struct bundle *b, const struct digest *root, struct fault *f)
{
	struct digest *list = (struct digest *)calloc(b->evidence_count, sizeof(*list));
	struct digest ours;
	rc r;

	if (list == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	for (size_t i = 0; i < b->evidence_count; i++)
		list[i] = digest_of(buf_view(&b->evidence[i].bytes));
	qsort(list, b->evidence_count, sizeof(*list), digests_order);
	r = evidence_root(list, b->evidence_count, &ours);
	free(list);
	if (!rc_is_ok(r) || !digest_is_equal(&ours, root))
		return fault_set(f, RC_MISMATCH, 0, "this is not the evidence that was counted");
	return OK;
}

static rc read_all(struct reader *r, const struct bundle *b)
{
	r->ret->said = (struct bundle_said *)calloc(b->evidence_count, sizeof(*r->ret->said));
	if (r->ret->said == NULL)
		return fault_set(r->f, RC_NOMEM, 0, "no memory");
	for (size_t i = 0; i < b->evidence_count; i++)
		TRY(read_one(r, &b->evidence[i], &r->ret->said[i]));
	if (r->ret->count > 0)
		qsort(r->ret->facts, r->ret->count, sizeof(*r->ret->facts), facts_order);
	return OK;
}

rc bundle_evidence_read(const struct bundle *b, const struct roster *roster,
			const struct request *q, const struct digest *root,
			struct bundle_evidence *ret, struct fault *f)
{
	struct digest *artifacts = (struct digest *)calloc(q->count, sizeof(*artifacts));
	struct reader r = {.roster = roster,
			   .artifacts = artifacts,
			   .artifact_count = q->count,
			   .space = (struct evidence *)malloc(sizeof(*r.space)),
			   .ret = ret,
			   .f = f};
	rc e = RC(RC_NOMEM);

	*ret = (struct bundle_evidence){0};
	if (artifacts != NULL && r.space != NULL) {
		for (size_t i = 0; i < q->count; i++)
			artifacts[i] = q->items[i].sha256;
		qsort(artifacts, q->count, sizeof(*artifacts), digests_order);
		e = check_root(b, root, f);
		if (rc_is_ok(e))
			e = read_all(&r, b);
	}
	free(artifacts);
	free(r.space);
	return e;
}
