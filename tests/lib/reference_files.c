/* What machines say of files, and what a rule makes of it. */
#include "tests/lib/reference.h"

#define SKEW 300 /* a scanner's clock may be ahead by as much */

/* ---- Who says it ---------------------------------------------------------------------------*/

/* Whose key the roster lists. */
static bool is_listed(const struct ref *w, enum ref_maker maker, unsigned key)
{
	const struct ref_roster *r = &w->roster;

	if (maker < REF_BUILDERS)
		return !r->maker_gone[maker] && (r->maker_keys[maker] & (1u << key)) != 0;
	if (maker == REF_CI)
		return ref_listed(w, REF_SERVICE, key);
	return maker == REF_BUILD1 && !r->host_gone[0];
}

static bool is_live(const struct ref *w, const struct ref_word *e)
{
	if (e->maker == REF_BUILD1 && w->host_locked[0])
		return false;
	if (e->maker != REF_POOL_MAKER)
		return is_listed(w, e->maker, e->key);
	return !w->roster.host_gone[REF_POOL] && w->pool.klass >= w->roster.pool_least &&
	       w->pool.key == (int)e->key && w->pool.lock == REF_FREE;
}

/* ---- What it does --------------------------------------------------------------------------*/

/* One word about one file, under one rule. */
static bool counts(const struct ref *w, const struct ref_files *f, const struct ref_word *e)
{
	unsigned maker = 1u << e->maker;

	if (!is_live(w, e))
		return false;
	if (e->kind == REF_SCAN)
		return (f->scan_by & maker) != 0 && e->clean &&
		       (f->scan_age == 0 || w->now - e->given <= (unix_time)f->scan_age);
	if (e->kind == REF_PROVENANCE)
		return (f->provenance_by & maker) != 0 && (!f->source || e->source);
	return (f->rebuild_of & maker) != 0;
}

/* How many makers say so of the file. */
static unsigned saying(const struct ref *w, const struct ref_files *f, enum ref_word_kind kind,
		       int file)
{
	unsigned n = 0;

	for (int m = 0; m < REF_MAKERS; m++) {
		int newest = w->newest[kind][m][file];

		n += newest > 0 && counts(w, f, &w->words[newest - 1]);
	}
	return n;
}

static bool is_bad(const struct ref *w, const struct ref_files *f, int file)
{
	for (int m = 0; m < REF_MAKERS; m++) {
		int newest = w->newest[REF_SCAN][m][file];
		const struct ref_word *e = &w->words[newest - 1];

		if (newest > 0 && (f->scan_by & (1u << m)) != 0 && !e->clean && is_live(w, e))
			return true;
	}
	return false;
}

/* File number n is 100 + n bytes long; the first is a.bin, the next b.bin. */
static enum reason form_flaw(const struct ref_files *f, unsigned files)
{
	if (f->a_only && (files & ~1u) != 0)
		return REASON_ARTIFACT_NAME;
	if (f->others)
		return REASON_ARTIFACT_PRODUCT;
	for (uint32_t i = 0; i < REF_FILES; i++)
		if ((files & (1u << i)) != 0 && f->max_size > 0 && 100 + i > f->max_size)
			return REASON_ARTIFACT_SIZE;
	return REASON_NONE;
}

enum reason ref_files_flaw(const struct ref *w, const struct ref_rule *r, unsigned files,
			   enum ref_outcome *ret)
{
	const struct ref_files *f = &r->files;
	bool bad = false, scan = false, origin = false, rebuild = false;
	enum reason form = form_flaw(f, files);

	*ret = REF_DENY;
	if (form != REASON_NONE)
		return form;
	for (int i = 0; i < REF_FILES; i++) {
		if ((files & (1u << i)) == 0)
			continue;
		bad |= f->scan_by != 0 && is_bad(w, f, i);
		scan |= f->scan_by != 0 && saying(w, f, REF_SCAN, i) == 0;
		origin |= f->provenance_by != 0 && saying(w, f, REF_PROVENANCE, i) == 0;
		rebuild |= f->rebuild_of != 0 && saying(w, f, REF_REBUILD, i) < f->agree;
	}
	if (bad)
		return REASON_EVIDENCE_VERDICT;
	*ret = REF_WAIT;
	if (scan)
		return REASON_EVIDENCE_SCAN;
	if (origin)
		return REASON_EVIDENCE_PROVENANCE;
	return rebuild ? REASON_EVIDENCE_REBUILD : REASON_NONE;
}

bool ref_word_counts(const struct ref *w, const struct ref_rule *r, unsigned files, int word)
{
	const struct ref_word *e = &w->words[word];

	for (int i = 0; i < REF_FILES; i++)
		if ((files & (1u << i)) != 0 && w->newest[e->kind][e->maker][i] == word + 1 &&
		    counts(w, &r->files, e))
			return true;
	return false;
}

/* ---- The message ---------------------------------------------------------------------------*/

static enum reason signer_flaw(const struct ref *w, const struct ref_word *e)
{
	enum reason standing = ref_pool_flaw(w);

	if (e->kind == REF_REBUILD && e->maker >= REF_BUILDERS)
		return REASON_EVIDENCE_SIGNER;
	if (e->maker != REF_POOL_MAKER && !is_listed(w, e->maker, e->key))
		return REASON_EVIDENCE_SIGNER;
	if (e->maker != REF_POOL_MAKER)
		return e->maker == REF_BUILD1 && w->host_locked[0] ? REASON_HOST_LOCKED
								   : REASON_NONE;
	/* An envelope names a key alone: of one that it never enrolled with nothing is known. */
	if (w->roster.host_gone[REF_POOL] ||
	    (e->kind == REF_PROVENANCE && (w->bound & (1u << e->key)) == 0))
		return REASON_EVIDENCE_SIGNER;
	if (standing != REASON_NONE)
		return standing;
	return w->pool.key == (int)e->key ? REASON_NONE : REASON_EVIDENCE_SIGNER;
}

/* Of one maker the newest about a file counts; of two of the same second the worse verdict. */
static bool is_newer(const struct ref *w, const struct ref_word *e, unix_time given, int file)
{
	int newest = w->newest[e->kind][e->maker][file];
	const struct ref_word *old = &w->words[newest - 1];

	if (newest == 0 || given > old->given)
		return true;
	return given == old->given && (e->kind != REF_SCAN || old->clean || !e->clean);
}

void ref_say_word(struct ref *w, int n, struct ref_answer *a)
{
	struct ref_word *e = &w->words[n];
	unix_time given = e->stated;
	bool fresh = false;
	enum reason why;

	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK))
		return;
	/* What is from the future is from just now. */
	if (given > w->now)
		given = w->now;
	why = signer_flaw(w, e);
	if (ref_refuse(a, e->kind != REF_PROVENANCE && e->stated > w->now + SKEW,
		       REASON_FORM_TIME) ||
	    ref_refuse(a, why != REASON_NONE, why))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_JSON, .result = REF_KNOWN};
	if (e->known)
		return;
	for (int i = 0; i < REF_FILES; i++)
		if ((e->files & (1u << i)) != 0 && is_newer(w, e, given, i)) {
			w->newest[e->kind][e->maker][i] = n + 1;
			fresh = true;
		}
	a->result = fresh ? REF_STORED : REF_SUPERSEDED;
	if (!fresh)
		return;
	e->known = true;
	e->given = given;
	ref_changed(w);
}
