#include "lib/model/evidence.h"

#include <stdlib.h>

#include "lib/model/field.h"

static const char *const verdicts[] = {[SCAN_CLEAN] = "clean",
				       [SCAN_INFECTED] = "infected",
				       [SCAN_SUSPICIOUS] = "suspicious",
				       [SCAN_UNKNOWN] = "unknown"};
_Static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == SCAN__COUNT, "a name for each verdict");

const char *scan_verdict_name(enum scan_verdict v)
{
	return (unsigned)v < SCAN__COUNT ? verdicts[v] : "?";
}

rc scan_verdict_parse(struct view name, enum scan_verdict *ret)
{
	for (size_t i = 0; i < SCAN__COUNT; i++)
		if (view_is(name, verdicts[i])) {
			*ret = (enum scan_verdict)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

static bool is_evidence(enum statement_kind kind)
{
	return kind == STATEMENT_SCAN || kind == STATEMENT_REBUILD;
}

/* ---- Reading --------------------------------------------------------------------------------*/

static rc text_read(struct jcan *j, const char *key, char *out, size_t cap)
{
	size_t at = j->at;

	TRY(field_prose(j, key, false, out, cap));
	if (out[0] == '\0')
		return fault_set(j->fault, RC_RANGE, at, "%s is empty", key);
	return OK;
}

static rc verdict_read(struct jcan *j, enum scan_verdict *ret)
{
	struct view text;
	size_t at;

	TRY(jcan_key(j, "verdict"));
	at = j->at;
	TRY(jcan_text(j, 32, &text));
	if (!rc_is_ok(scan_verdict_parse(text, ret)))
		return fault_set(j->fault, RC_UNKNOWN, at,
				 "verdict is not clean, infected, suspicious or unknown");
	return OK;
}

static rc scan_read(struct jcan *j, struct evidence *e)
{
	TRY(field_name(j, "by", &e->by));
	TRY(field_prose(j, "database", false, e->database, sizeof(e->database)));
	TRY(field_time(j, "given", &e->given));
	TRY(field_hex(j, "nonce", e->nonce, sizeof(e->nonce)));
	TRY(text_read(j, "scanner", e->scanner, sizeof(e->scanner)));
	return verdict_read(j, &e->verdict);
}

static rc rebuild_read(struct jcan *j, struct evidence *e)
{
	TRY(field_name(j, "builder", &e->by));
	TRY(field_time(j, "given", &e->given));
	TRY(field_hex(j, "nonce", e->nonce, sizeof(e->nonce)));
	TRY(text_read(j, "source", e->source, sizeof(e->source)));
	return text_read(j, "version", e->version, sizeof(e->version));
}

static rc subject_read(struct jcan *j, struct evidence_subject *s)
{
	size_t at;

	TRY(jcan_object(j));
	TRY(jcan_key(j, "digest"));
	TRY(jcan_object(j));
	TRY(field_digest(j, "sha256", &s->sha256));
	TRY(jcan_object_end(j));
	at = j->at;
	TRY(field_prose(j, "name", false, s->name, sizeof(s->name)));
	if (s->name[0] == '\0' || strchr(s->name, '/') != NULL || strcmp(s->name, ".") == 0 ||
	    strcmp(s->name, "..") == 0)
		return fault_set(j->fault, RC_SYNTAX, at, "name is not a plain file name");
	return jcan_object_end(j);
}

static rc subjects_read(struct jcan *j, struct evidence *e)
{
	bool more;

	TRY(jcan_array(j));
	for (;;) {
		struct evidence_subject *s = &e->subjects[e->count];

		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (e->count == EVIDENCE_SUBJECTS_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u subjects",
					 EVIDENCE_SUBJECTS_MAX);
		TRY(subject_read(j, s));
		for (size_t i = 0; i < e->count; i++)
			if (digest_is_equal(&e->subjects[i].sha256, &s->sha256))
				return fault_set(j->fault, RC_DUPLICATE, j->at,
						 "subjects %zu and %zu have the same digest", i,
						 e->count);
		e->count++;
	}
	if (e->count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "no subject");
	return OK;
}

static rc evidence_read(struct jcan *j, struct evidence *e)
{
	TRY(e->kind == STATEMENT_SCAN ? scan_read(j, e) : rebuild_read(j, e));
	TRY(envelope_middle(j, e->kind));
	TRY(subjects_read(j, e));
	TRY(jcan_object_end(j));
	return jcan_end(j);
}

rc evidence_parse(enum statement_kind kind, struct view bytes, struct evidence *ret,
		  struct fault *f)
{
	struct jcan j;
	rc r;

	if (!is_evidence(kind))
		return fault_set(f, RC_UNKNOWN, 0, "this kind of statement is not evidence");
	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	r = envelope_begin(&j, kind, bytes, f);
	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, kind, f));
		r = evidence_read(&j, ret);
	}
	return rc_is_ok(r) ? OK : fault_wrap(f, r, "%s", statement_info(kind)->name);
}

/* ---- Writing --------------------------------------------------------------------------------*/

static void evidence_write(struct jcan_out *w, const struct evidence *e, struct buf *out)
{
	bool scan = e->kind == STATEMENT_SCAN;

	envelope_out_begin(w, out);
	field_out_string(w, scan ? "by" : "builder", e->by.s);
	if (scan)
		field_out_string(w, "database", e->database);
	field_out_time(w, "given", e->given);
	field_out_hex(w, "nonce", e->nonce, sizeof(e->nonce));
	field_out_string(w, scan ? "scanner" : "source", scan ? e->scanner : e->source);
	field_out_string(w, scan ? "verdict" : "version",
			 scan ? scan_verdict_name(e->verdict) : e->version);
	envelope_out_middle(w, e->kind);
	for (size_t i = 0; i < e->count; i++) {
		jcan_out_object(w);
		jcan_out_key(w, "digest");
		jcan_out_object(w);
		field_out_digest(w, "sha256", &e->subjects[i].sha256);
		jcan_out_object_end(w);
		field_out_string(w, "name", e->subjects[i].name);
		jcan_out_object_end(w);
	}
	jcan_out_array_end(w);
	jcan_out_object_end(w);
}

rc evidence_encode(const struct evidence *e, struct buf *out, struct fault *f)
{
	size_t at = out->len;
	struct evidence *check;
	struct jcan_out w;
	rc r;

	if (!is_evidence(e->kind))
		return fault_set(f, RC_UNKNOWN, 0, "this kind of statement is not evidence");
	if (e->count > EVIDENCE_SUBJECTS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u subjects", EVIDENCE_SUBJECTS_MAX);
	evidence_write(&w, e, out);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "%s: %s", statement_info(e->kind)->name, rc_name(r));
	check = (struct evidence *)malloc(sizeof(*check));
	if (check == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	r = evidence_parse(e->kind, view_of(out->ptr + at, out->len - at), check, f);
	free(check);
	return r;
}
