/* Evidence for a decision: what the rules for the key ask about, of the artifacts of the request.
 */
#include "prog/keeper/gate.h"

#include <stdlib.h>
#include <string.h>

#include "lib/policy/artifact.h"
#include "lib/tlog/items.h"
#include "prog/keeper/evidence.h"

/* ---- Facts ----------------------------------------------------------------------------------*/

struct gathering {
	struct keeper *k;
	struct evidence_fact *facts;
	size_t *at; /* of its detail in mem */
	size_t count;
	size_t cap;
	bool full;
	struct buf *mem;
};

static enum evidence_kind fact_kind(enum statement_kind kind)
{
	if (kind == STATEMENT_SCAN)
		return EVIDENCE_SCAN;
	return kind == STATEMENT_REBUILD ? EVIDENCE_REBUILD : EVIDENCE_PROVENANCE;
}

static rc grow(struct gathering *g)
{
	size_t cap = g->cap == 0 ? 16 : 2 * g->cap;
	void *facts;
	void *at;

	if (g->count < g->cap)
		return OK;
	facts = reallocarray(g->facts, cap, sizeof(*g->facts));
	if (facts == NULL)
		return RC(RC_NOMEM);
	g->facts = (struct evidence_fact *)facts;
	at = reallocarray(g->at, cap, sizeof(*g->at));
	if (at == NULL)
		return RC(RC_NOMEM);
	g->at = (size_t *)at;
	g->cap = cap;
	return OK;
}

static rc gather(void *ctx, const struct journal_evidence *e)
{
	struct gathering *g = (struct gathering *)ctx;
	const struct name *key = &g->k->dossier.request.key;
	struct evidence_fact *fact;
	struct name by;
	bool live;

	TRY(name_parse(view_str(e->maker + 2), &by));
	if (g->full || !policy_wants_evidence(g->k->policy, key, fact_kind(e->kind), &by))
		return OK;
	TRY(evidence_live(g->k, e, &live));
	if (!live)
		return OK;
	if (g->count == EVIDENCE_FACTS_MAX) {
		g->full = true;
		return OK;
	}
	TRY(grow(g));
	g->at[g->count] = g->mem->len;
	fact = &g->facts[g->count++];
	*fact = (struct evidence_fact){.kind = fact_kind(e->kind),
				       .sha256 = e->artifact,
				       .statement = e->statement,
				       .by = by,
				       .given = e->given,
				       .clean = e->clean};
	buf_put_view(g->mem, view_of(e->detail, e->detail_len));
	return buf_done(g->mem);
}

/* The memory has its place: views into it can be made. */
static rc details_fill(struct gathering *g)
{
	for (size_t i = 0; i < g->count; i++) {
		size_t end = i + 1 < g->count ? g->at[i + 1] : g->mem->len;
		struct evidence_fact *fact = &g->facts[i];
		struct evidence_detail d;

		TRY(evidence_detail_get(view_of(g->mem->ptr + g->at[i], end - g->at[i]), &d));
		fact->builder = d.builder;
		fact->source = d.source;
		fact->version = d.version;
		fact->name = d.name;
	}
	return OK;
}

static int digests_order(const void *a, const void *b)
{
	return memcmp(((const struct digest *)a)->b, ((const struct digest *)b)->b, DIGEST_SIZE);
}

static rc gather_all(struct gathering *g, const struct request *q)
{
	struct digest *artifacts = (struct digest *)calloc(q->count, sizeof(*artifacts));
	rc r = OK;

	if (artifacts == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < q->count; i++)
		artifacts[i] = q->items[i].sha256;
	qsort(artifacts, q->count, sizeof(*artifacts), digests_order);
	for (size_t i = 0; rc_is_ok(r) && i < q->count; i++)
		if (i == 0 || !digest_is_equal(&artifacts[i - 1], &artifacts[i]))
			r = journal_evidence_each(g->k->journal, &artifacts[i], gather, g,
						  &g->k->round.fault);
	free(artifacts);
	return rc_is_ok(r) ? details_fill(g) : r;
}

rc dossier_evidence(struct keeper *k)
{
	struct dossier *d = &k->dossier;
	struct gathering g = {.k = k, .mem = &d->evidence_mem};
	rc r;

	dossier_evidence_clear(d);
	if (!policy_needs_evidence(k->policy, &d->request.key))
		return OK;
	buf_init(&d->evidence_mem, (size_t)EVIDENCE_FACTS_MAX * JOURNAL_DETAIL_MAX);
	r = gather_all(&g, &d->request);
	free(g.at);
	d->evidence = g.facts;
	d->evidence_count = rc_is_ok(r) && !g.full ? g.count : 0;
	return r;
}

void dossier_evidence_clear(struct dossier *d)
{
	free(d->evidence);
	d->evidence = NULL;
	d->evidence_count = 0;
	buf_release(&d->evidence_mem);
}

/* ---- What counted ---------------------------------------------------------------------------*/

/* The statements of the facts that are marked, each once, ascending. */
static rc marked_statements(const struct dossier *d, const bool *marks, struct digest **ret,
			    size_t *ret_count)
{
	struct digest *list = (struct digest *)calloc(d->evidence_count, sizeof(*list));
	size_t n = 0;
	size_t kept = 0;

	if (list == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < d->evidence_count; i++)
		if (marks[i])
			list[n++] = d->evidence[i].statement;
	qsort(list, n, sizeof(*list), digests_order);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !digest_is_equal(&list[kept - 1], &list[i]))
			list[kept++] = list[i];
	*ret = list;
	*ret_count = kept;
	return OK;
}

static rc remember(struct keeper *k, const struct digest *list, size_t count, struct digest *ret)
{
	if (count == 0)
		return OK;
	TRY(evidence_root(list, count, ret));
	return journal_counted_put(k->journal, ret, list, count, &k->round.fault);
}

static rc count_marked(struct keeper *k, const bool *marks, struct digest *ret)
{
	struct digest *list;
	size_t count;
	rc r;

	TRY(marked_statements(&k->dossier, marks, &list, &count));
	r = remember(k, list, count, ret);
	free(list);
	return r;
}

rc dossier_evidence_count(struct keeper *k, struct digest *ret)
{
	const struct dossier *d = &k->dossier;
	const struct evidence_facts facts = {d->evidence, d->evidence_count};
	struct artifact_rule r;
	bool *marks;
	rc e;

	memset(ret, 0, sizeof(*ret));
	if (d->evidence_count == 0 || d->decision.rule == NULL)
		return OK;
	marks = (bool *)calloc(d->evidence_count, sizeof(*marks));
	if (marks == NULL)
		return RC(RC_NOMEM);
	artifact_rule_of(d->decision.rule->artifact, &r);
	artifact_mark(&r, &d->request, &facts, k->round.now, marks);
	e = count_marked(k, marks, ret);
	free(marks);
	return e;
}
