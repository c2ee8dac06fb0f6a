#include "lib/policy/case_evidence.h"

#include <string.h>

#include "lib/base/num.h"
#include "lib/model/field.h"
#include "lib/policy/policy.h"

/* ---- Forms ----------------------------------------------------------------------------------*/

/* Up to the next space, which is skipped; all of it if there is none. */
static struct view word(struct view *rest)
{
	struct view w = *rest;

	if (!rc_is_ok(view_until(rest, ' ', &w)))
		*rest = view_of(NULL, 0);
	return w;
}

static rc age_parse(struct view text, uint64_t *ret)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};

	if (text.len < 2)
		return RC(RC_SYNTAX);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (text.ptr[text.len - 1] != (uint8_t)units[i].unit)
			continue;
		TRY(num_parse_u64((const char *)text.ptr, text.len - 1,
				  POLICY_SECONDS_MAX / units[i].seconds, ret));
		*ret *= units[i].seconds;
		return OK;
	}
	return RC(RC_SYNTAX);
}

rc case_scan_parse(struct view text, struct case_scan *ret)
{
	struct case_scan s = {0};
	struct view rest = text;

	if (text.len > CASE_SCAN_TEXT)
		return RC(RC_LIMIT);
	TRY(scan_verdict_parse(word(&rest), &s.verdict));
	if (!view_is(word(&rest), "by"))
		return RC(RC_SYNTAX);
	TRY(name_parse(word(&rest), &s.by));
	if (rest.ptr != NULL) {
		TRY(age_parse(word(&rest), &s.age));
		if (!view_is(word(&rest), "ago") || rest.ptr != NULL)
			return RC(RC_SYNTAX);
	}
	*ret = s;
	return OK;
}

/* As the patterns that it is compared with: printable ASCII; and a word. */
static rc uri_take(struct view text, char out[CASE_URI_MAX + 1])
{
	if (text.len == 0)
		return RC(RC_SYNTAX);
	if (text.len > CASE_URI_MAX)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= 0x20 || text.ptr[i] > 0x7e)
			return RC(RC_SYNTAX);
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return OK;
}

rc case_provenance_parse(struct view text, struct case_provenance *ret)
{
	struct case_provenance p = {0};
	struct view rest = text;

	TRY(uri_take(word(&rest), p.builder));
	if (!view_is(word(&rest), "by"))
		return RC(RC_SYNTAX);
	TRY(name_parse(word(&rest), &p.by));
	if (rest.ptr != NULL) {
		if (!view_is(word(&rest), "from"))
			return RC(RC_SYNTAX);
		TRY(uri_take(word(&rest), p.source));
		if (rest.ptr != NULL)
			return RC(RC_SYNTAX);
	}
	*ret = p;
	return OK;
}

/* ---- Reading --------------------------------------------------------------------------------*/

/* The next line of a list of at most max; *ret_more is false at its end. */
static rc next_line(struct jcan *j, size_t count, size_t max, size_t bytes, struct view *ret,
		    bool *ret_more)
{
	TRY(jcan_next(j, ret_more));
	if (!*ret_more)
		return OK;
	if (count == max)
		return fault_set(j->fault, RC_LIMIT, j->at, "more than %zu of them", max);
	return jcan_text(j, bytes, ret);
}

static rc twice(struct jcan *j, const struct name *by)
{
	return fault_set(j->fault, RC_DUPLICATE, j->at, "%s twice: of one the newest counts",
			 by->s);
}

rc case_scans_read(struct jcan *j, struct case_evidence *e)
{
	struct view text;
	bool more;

	TRY(jcan_key_optional(j, "scans", &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		struct case_scan *s = &e->scans[e->scan_count];
		rc r;

		TRY(next_line(j, e->scan_count, CASE_SAID_MAX, CASE_SCAN_TEXT, &text, &more));
		if (!more)
			return OK;
		r = case_scan_parse(text, s);
		if (!rc_is_ok(r))
			return fault_set(j->fault, r.code, j->at,
					 "a scan is VERDICT by NAME, perhaps AGE ago");
		for (size_t i = 0; i < e->scan_count; i++)
			if (name_is_equal(&e->scans[i].by, &s->by))
				return twice(j, &s->by);
		e->scan_count++;
	}
}

rc case_provenance_read(struct jcan *j, struct case_evidence *e)
{
	struct view text;
	bool more;

	TRY(jcan_key_optional(j, "provenance", &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		struct case_provenance *p = &e->provenance[e->provenance_count];
		rc r;

		TRY(next_line(j, e->provenance_count, CASE_PROVENANCE_MAX, CASE_PROVENANCE_TEXT,
			      &text, &more));
		if (!more)
			return OK;
		r = case_provenance_parse(text, p);
		if (!rc_is_ok(r))
			return fault_set(j->fault, r.code, j->at,
					 "a provenance is BUILDER by NAME, perhaps from SOURCE");
		for (size_t i = 0; i < e->provenance_count; i++)
			if (name_is_equal(&e->provenance[i].by, &p->by))
				return twice(j, &p->by);
		e->provenance_count++;
	}
}

rc case_rebuilds_read(struct jcan *j, struct case_evidence *e)
{
	struct view text;
	bool more;

	TRY(jcan_key_optional(j, "rebuilds", &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		struct name *by = &e->rebuilds[e->rebuild_count];
		rc r;

		TRY(next_line(j, e->rebuild_count, CASE_SAID_MAX, NAME_MAX_LEN, &text, &more));
		if (!more)
			return OK;
		r = name_parse(text, by);
		if (!rc_is_ok(r))
			return fault_set(j->fault, r.code, j->at, "a rebuild is a builder's name");
		for (size_t i = 0; i < e->rebuild_count; i++)
			if (name_is_equal(&e->rebuilds[i], by))
				return twice(j, by);
		e->rebuild_count++;
	}
}

/* ---- Facts ----------------------------------------------------------------------------------*/

size_t case_evidence_facts(const struct case_evidence *e, const struct digest *sha256,
			   unix_time now, struct evidence_fact out[CASE_FACTS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < e->scan_count; i++)
		out[n++] = (struct evidence_fact){.kind = EVIDENCE_SCAN,
						  .sha256 = *sha256,
						  .by = e->scans[i].by,
						  .given = now - (unix_time)e->scans[i].age,
						  .clean = e->scans[i].verdict == SCAN_CLEAN};
	for (size_t i = 0; i < e->provenance_count; i++)
		out[n++] = (struct evidence_fact){.kind = EVIDENCE_PROVENANCE,
						  .sha256 = *sha256,
						  .by = e->provenance[i].by,
						  .given = now,
						  .builder = view_str(e->provenance[i].builder),
						  .source = view_str(e->provenance[i].source)};
	for (size_t i = 0; i < e->rebuild_count; i++)
		out[n++] = (struct evidence_fact){.kind = EVIDENCE_REBUILD,
						  .sha256 = *sha256,
						  .by = e->rebuilds[i],
						  .given = now};
	return n;
}
