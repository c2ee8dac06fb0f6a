/* The half of the evaluation that looks at each file: its name and size, and what machines say. */
#include <stdio.h>

#include "lib/policy/artifact_impl.h"
#include "lib/policy/evaluate_impl.h"

/* The first file that a check stops at, and how many it stops at. */
struct stopped {
	size_t count;
	char text[120];
};

static void stop(struct stopped *s, const char *name, const char *what)
{
	if (s->count++ > 0)
		return;
	(void)snprintf(s->text, sizeof(s->text), "%.60s: %.50s", name, what);
	/* A name that is cut need not be UTF-8 any more. */
	for (char *p = s->text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			*p = '?';
}

static void report(struct decision *d, enum reason reason, enum outcome outcome,
		   const struct stopped *s, const char *good)
{
	if (s->count == 0 && good != NULL)
		check_add(d, reason, OUTCOME_ALLOW, "%s", good);
	else if (s->count == 1)
		check_add(d, reason, outcome, "%s", s->text);
	else if (s->count > 1)
		check_add(d, reason, outcome, "%s; and %zu files more", s->text, s->count - 1);
}

/* ---- The file itself ------------------------------------------------------------------------*/

static void check_form(const struct eval *c, const struct artifact_rule *r, struct decision *d)
{
	struct stopped names = {0};
	struct stopped products = {0};
	struct stopped sizes = {0};

	for (size_t i = 0; i < c->request->count; i++) {
		const struct request_item *item = &c->request->items[i];
		char name[ITEM_NAME_MAX + 1];

		if (!rc_is_ok(request_item_name(item, name)))
			name[0] = '\0';
		if (!artifact_list_matches(&r->names, view_str(name)))
			stop(&names, name, "the rule names no such file");
		if (!artifact_list_matches(&r->products, name_view(&item->product)))
			stop(&products, name, "the rule is for other products");
		if (r->max_size > 0 && item->size > r->max_size)
			stop(&sizes, name, "larger than the rule permits");
	}
	report(d, REASON_ARTIFACT_NAME, OUTCOME_DENY, &names, NULL);
	report(d, REASON_ARTIFACT_PRODUCT, OUTCOME_DENY, &products, NULL);
	report(d, REASON_ARTIFACT_SIZE, OUTCOME_DENY, &sizes, NULL);
}

/* ---- What is said of it ---------------------------------------------------------------------*/

struct said {
	size_t clean;
	size_t bad;
	size_t provenance;
	size_t rebuilds; /* builders, each once */
};

static bool said_before(const struct evidence_facts *f, size_t i)
{
	for (size_t n = 0; n < i; n++)
		if (f->list[n].kind == f->list[i].kind &&
		    name_is_equal(&f->list[n].by, &f->list[i].by))
			return true;
	return false;
}

static struct said listen(const struct eval *c, const struct artifact_rule *r,
			  const struct digest *sha256)
{
	const struct evidence_facts all = {c->facts->evidence, c->facts->evidence_count};
	const struct evidence_facts some = artifact_facts(&all, sha256);
	struct said s = {0};

	for (size_t i = 0; i < some.count; i++) {
		const struct evidence_fact *e = &some.list[i];
		bool counts = artifact_counts(r, e, c->facts->now);

		if (e->kind == EVIDENCE_SCAN && artifact_lists(&r->scan_by, &e->by) && !e->clean)
			s.bad++;
		s.clean += e->kind == EVIDENCE_SCAN && counts;
		s.provenance += e->kind == EVIDENCE_PROVENANCE && counts;
		s.rebuilds += e->kind == EVIDENCE_REBUILD && counts && !said_before(&some, i);
	}
	return s;
}

static void check_said(const struct eval *c, const struct artifact_rule *r, struct decision *d)
{
	struct stopped bad = {0};
	struct stopped scans = {0};
	struct stopped origins = {0};
	struct stopped builds = {0};

	for (size_t i = 0; i < c->request->count; i++) {
		const struct request_item *item = &c->request->items[i];
		struct said s = listen(c, r, &item->sha256);
		char name[ITEM_NAME_MAX + 1];
		char what[60];

		if (!rc_is_ok(request_item_name(item, name)))
			name[0] = '\0';
		(void)snprintf(what, sizeof(what), "%zu of %u builders agree on the digest",
			       s.rebuilds, (unsigned)r->rebuild_agree);
		if (s.bad > 0)
			stop(&bad, name, "a scanner found it not clean");
		if (s.clean == 0)
			stop(&scans, name, "no scan by the scanners named");
		if (s.provenance == 0)
			stop(&origins, name, "no provenance of that builder and source");
		if (s.rebuilds < r->rebuild_agree)
			stop(&builds, name, what);
	}
	if (r->scan_by.count > 0) {
		report(d, REASON_EVIDENCE_VERDICT, OUTCOME_DENY, &bad, NULL);
		report(d, REASON_EVIDENCE_SCAN, OUTCOME_WAIT, &scans, "scanned and found clean");
	}
	if (r->provenance_by.count > 0)
		report(d, REASON_EVIDENCE_PROVENANCE, OUTCOME_WAIT, &origins,
		       "built where and from what the rule demands");
	if (r->rebuild_agree > 0)
		report(d, REASON_EVIDENCE_REBUILD, OUTCOME_WAIT, &builds,
		       "independent builders agree on the digest");
}

void check_artifacts(const struct eval *c, const struct rule *rule, struct decision *d)
{
	struct artifact_rule r;

	if (rule->artifact.len == 0)
		return;
	artifact_rule_of(rule->artifact, &r);
	check_form(c, &r, d);
	if (!c->facts->without_evidence)
		check_said(c, &r, d);
}

bool policy_needs_evidence(const struct policy *p, const struct name *key)
{
	size_t count;
	const struct rule_ref *refs = policy_rules_of(p, key, &count);

	for (size_t i = 0; i < count; i++) {
		struct artifact_rule r;

		artifact_rule_of(refs[i].rule->artifact, &r);
		if (r.scan_by.count > 0 || r.provenance_by.count > 0 || r.rebuild_agree > 0)
			return true;
	}
	return false;
}

bool policy_wants_evidence(const struct policy *p, const struct name *key, enum evidence_kind kind,
			   const struct name *by)
{
	size_t count;
	const struct rule_ref *refs = policy_rules_of(p, key, &count);

	for (size_t i = 0; i < count; i++) {
		struct artifact_rule r;

		artifact_rule_of(refs[i].rule->artifact, &r);
		if (artifact_asks(&r, kind, by))
			return true;
	}
	return false;
}
