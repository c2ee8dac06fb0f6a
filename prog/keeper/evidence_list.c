/* Evidence of an artifact, for people. */
#include "prog/keeper/evidence.h"

#include <string.h>

#include "lib/codec/jcan.h"
#include "prog/keeper/gate.h"

struct listing {
	const struct keeper *k;
	struct jcan_out *w;
	size_t count;
	bool more;
	bool others; /* of the artifact's name, not of the artifact */
};

static void put_text(struct jcan_out *w, const char *key, struct view text)
{
	if (text.len == 0)
		return;
	jcan_out_key(w, key);
	jcan_out_view(w, text);
}

static rc list_one(void *ctx, const struct journal_evidence *e)
{
	struct listing *l = (struct listing *)ctx;
	char given[TIME_TEXT] = "";
	struct evidence_detail d;
	struct jcan_out *w = l->w;
	bool live;
	bool scan = e->kind == STATEMENT_SCAN;

	if (l->count == EVIDENCE_LIST_MAX) {
		l->more = true;
		return OK;
	}
	l->count++;
	TRY(evidence_live(l->k, e, &live));
	TRY(evidence_detail_get(view_of(e->detail, e->detail_len), &d));
	TRY(time_format(e->given, given));
	jcan_out_object(w);
	if (l->others) {
		jcan_out_key(w, "artifact");
		jcan_out_hex(w, digest_view(&e->artifact));
	}
	put_text(w, "builder", d.builder);
	put_text(w, "by", view_str(e->maker + 2));
	put_text(w, "given", view_str(given));
	put_text(w, "kind", view_str(statement_info(e->kind)->name));
	jcan_out_key(w, "leaf");
	jcan_out_u64(w, e->leaf);
	jcan_out_key(w, "live");
	jcan_out_bool(w, live);
	put_text(w, "name", d.name);
	if (scan)
		put_text(w, "scanner", d.version);
	put_text(w, "source", d.source);
	jcan_out_key(w, "statement");
	jcan_out_hex(w, digest_view(&e->statement));
	put_text(w, "verdict", d.verdict);
	if (!scan)
		put_text(w, "version", d.version);
	jcan_out_object_end(w);
	return OK;
}

/* A name with a NUL in it is nobody's: it ends there. */
static rc list_others(struct call *c, struct listing *l, const struct keeper_evidence *m)
{
	char name[ITEM_NAME_MAX + 1] = "";

	if (m->name.len > 0)
		memcpy(name, m->name.ptr, m->name.len);
	l->others = true;
	l->count = 0;
	jcan_out_key(l->w, "others");
	jcan_out_array(l->w);
	if (name[0] != '\0')
		TRY(journal_rebuild_each(c->k->journal, name, &m->artifact, list_one, l,
					 &c->k->round.fault));
	jcan_out_array_end(l->w);
	return OK;
}

rc handle_evidence(struct call *c)
{
	struct listing l = {.k = c->k};
	AUTO(buf) struct buf json = {0};
	struct keeper_evidence m;
	struct jcan_out w;
	rc r = keeper_get_evidence(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	buf_init(&json, 1u << 20);
	jcan_out_init(&w, &json);
	l.w = &w;
	jcan_out_object(&w);
	jcan_out_key(&w, "artifact");
	jcan_out_hex(&w, digest_view(&m.artifact));
	jcan_out_key(&w, "evidence");
	jcan_out_array(&w);
	TRY(journal_evidence_each(c->k->journal, &m.artifact, list_one, &l, &c->k->round.fault));
	jcan_out_array_end(&w);
	jcan_out_key(&w, "more");
	jcan_out_bool(&w, l.more);
	TRY(list_others(c, &l, &m));
	jcan_out_object_end(&w);
	TRY(jcan_out_done(&w));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}

/* A list that is longer is nobody's to read: who proves says that it is the keeper's word. */
rc handle_counted(struct call *c)
{
	AUTO(buf) struct buf list = {0};
	AUTO(buf) struct buf json = {0};
	struct digest root;
	struct jcan_out w;
	rc r = keeper_get_digest(c->body, &root);

	if (!rc_is_ok(r))
		return malformed(c, r);
	buf_init(&list, (size_t)EVIDENCE_FACTS_MAX * DIGEST_SIZE);
	r = journal_counted_get(c->k->journal, &root, &list, &c->k->round.fault);
	if (r.code == RC_NOTFOUND)
		return refuse(&c->why, REASON_CALL_NOTFOUND, "no use has counted this");
	TRY(r);
	buf_init(&json, 1u << 20);
	jcan_out_init(&w, &json);
	jcan_out_object(&w);
	jcan_out_key(&w, "counted");
	jcan_out_array(&w);
	for (size_t i = 0; i < list.len && i < EVIDENCE_COUNTED_MAX * DIGEST_SIZE; i += DIGEST_SIZE)
		jcan_out_hex(&w, view_of(list.ptr + i, DIGEST_SIZE));
	jcan_out_array_end(&w);
	jcan_out_key(&w, "more");
	jcan_out_bool(&w, list.len > EVIDENCE_COUNTED_MAX * DIGEST_SIZE);
	jcan_out_object_end(&w);
	TRY(jcan_out_done(&w));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}
