#include "lib/model/preapproval.h"

#include <stdlib.h>

#include "lib/model/field.h"

/* ---- The set --------------------------------------------------------------------------------*/

/* What is signed: digests, format and parameters, each with its length. */
static struct digest item_digest(const struct preapproval_item *item)
{
	uint8_t mem[256];
	struct digest params = digest_of(item->params);
	char content[HASH_TEXT];
	struct buf b;

	hash_text(&item->content, content);
	buf_init_fixed(&b, mem, sizeof(mem));
	buf_put_string(&b, digest_view(&item->sha256));
	buf_put_string(&b, view_str(content));
	buf_put_string(&b, view_str(item->format));
	buf_put_string(&b, digest_view(&params));
	return digest_of(buf_view(&b));
}
_Static_assert(4 * 4 + 2 * DIGEST_SIZE + HASH_TEXT + 16 <= 256, "an item's digest fits its memory");

static int digests_order(const void *a, const void *b)
{
	return memcmp(((const struct digest *)a)->b, ((const struct digest *)b)->b, DIGEST_SIZE);
}

static rc set_finish(struct digest *items, size_t count, struct digest *ret)
{
	struct view parts[2] = {view_str("greatseal-items-v1\n"),
				view_of(items, count * sizeof(*items))};

	qsort(items, count, sizeof(*items), digests_order);
	for (size_t i = 1; i < count; i++)
		if (digest_is_equal(&items[i - 1], &items[i]))
			return RC(RC_DUPLICATE);
	*ret = digest_of_parts(parts, 2);
	return OK;
}

static rc set_of(const struct preapproval *p, struct digest *ret)
{
	struct digest items[PREAPPROVAL_ITEMS_MAX];

	for (size_t i = 0; i < p->count; i++)
		items[i] = item_digest(&p->items[i]);
	return set_finish(items, p->count, ret);
}

rc preapproval_set_of(const struct request *r, struct digest *ret)
{
	struct digest items[PREAPPROVAL_ITEMS_MAX];

	if (r->count > PREAPPROVAL_ITEMS_MAX)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < r->count; i++) {
		struct preapproval_item item = {.sha256 = r->items[i].sha256,
						.content = r->items[i].content,
						.params = r->items[i].params};

		memcpy(item.format, r->items[i].format, sizeof(item.format));
		items[i] = item_digest(&item);
	}
	return set_finish(items, r->count, ret);
}

/* ---- Reading --------------------------------------------------------------------------------*/

static rc item_read(struct jcan *j, struct preapproval_item *item)
{
	struct view text;
	size_t at;

	TRY(jcan_object(j));
	TRY(jcan_key(j, "content"));
	at = j->at;
	TRY(jcan_text(j, HASH_TEXT, &text));
	if (!rc_is_ok(hash_parse(text, &item->content)))
		return fault_set(j->fault, RC_SYNTAX, at, "content is not like sha256:HEX");
	TRY(field_token(j, "format", item->format, sizeof(item->format)));
	TRY(jcan_key(j, "params"));
	at = j->at;
	if (at < j->in.len && j->in.ptr[at] != '{')
		return fault_set(j->fault, RC_SYNTAX, at, "params is not an object");
	TRY(jcan_raw(j, &item->params));
	if (item->params.len > ITEM_PARAMS_MAX)
		return fault_set(j->fault, RC_LIMIT, at, "params has more than %d bytes",
				 ITEM_PARAMS_MAX);
	TRY(field_digest(j, "sha256", &item->sha256));
	return jcan_object_end(j);
}

static rc items_read(struct jcan *j, struct preapproval *p)
{
	bool more;

	TRY(jcan_key(j, "items"));
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (p->count == PREAPPROVAL_ITEMS_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u items",
					 PREAPPROVAL_ITEMS_MAX);
		TRY(item_read(j, &p->items[p->count]));
		p->count++;
	}
	return p->count > 0 ? OK : fault_set(j->fault, RC_RANGE, j->at, "no items");
}

static rc preapproval_read(struct jcan *j, struct preapproval *p)
{
	struct digest subject;
	uint64_t uses;

	TRY(field_name(j, "approver", &p->person));
	TRY(field_prose(j, "comment", true, p->comment, sizeof(p->comment)));
	TRY(field_time(j, "expires", &p->expires));
	TRY(items_read(j, p));
	TRY(field_name(j, "key", &p->key));
	TRY(field_digest(j, "key_fingerprint", &p->key_fingerprint));
	TRY(field_hex(j, "nonce", p->nonce, sizeof(p->nonce)));
	TRY(field_token(j, "origin", p->origin, sizeof(p->origin)));
	TRY(field_digest(j, "rule", &p->rule));
	TRY(field_u64(j, "uses", 1, REQUEST_USES_MAX, &uses));
	p->uses = (uint32_t)uses;
	TRY(envelope_end(j, STATEMENT_PREAPPROVAL, "items", &subject));
	if (!rc_is_ok(set_of(p, &p->set)))
		return fault_set(j->fault, RC_DUPLICATE, j->at, "the same item twice");
	if (!digest_is_equal(&p->set, &subject))
		return fault_set(j->fault, RC_MISMATCH, j->at,
				 "the subject is not the digest of the items");
	return OK;
}

rc preapproval_parse(struct view bytes, struct preapproval *ret, struct fault *f)
{
	struct jcan j;
	rc r;

	memset(ret, 0, sizeof(*ret));
	r = envelope_begin(&j, STATEMENT_PREAPPROVAL, bytes, f);
	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, STATEMENT_PREAPPROVAL, f));
		r = preapproval_read(&j, ret);
	}
	return rc_is_ok(r) ? OK : fault_wrap(f, r, "preapproval");
}

/* ---- Writing --------------------------------------------------------------------------------*/

static void item_write(struct jcan_out *w, const struct preapproval_item *item)
{
	char content[HASH_TEXT];

	hash_text(&item->content, content);
	jcan_out_object(w);
	field_out_string(w, "content", content);
	field_out_string(w, "format", item->format);
	jcan_out_key(w, "params");
	jcan_out_raw(w, item->params);
	field_out_digest(w, "sha256", &item->sha256);
	jcan_out_object_end(w);
}

static void preapproval_write(struct jcan_out *w, const struct preapproval *p,
			      const struct digest *set, struct buf *out)
{
	envelope_out_begin(w, out);
	field_out_string(w, "approver", p->person.s);
	field_out_string(w, "comment", p->comment);
	field_out_time(w, "expires", p->expires);
	jcan_out_key(w, "items");
	jcan_out_array(w);
	for (size_t i = 0; i < p->count; i++)
		item_write(w, &p->items[i]);
	jcan_out_array_end(w);
	field_out_string(w, "key", p->key.s);
	field_out_digest(w, "key_fingerprint", &p->key_fingerprint);
	field_out_hex(w, "nonce", p->nonce, sizeof(p->nonce));
	field_out_string(w, "origin", p->origin);
	field_out_digest(w, "rule", &p->rule);
	field_out_u64(w, "uses", p->uses);
	envelope_out_end(w, STATEMENT_PREAPPROVAL, "items", set);
}

rc preapproval_encode(const struct preapproval *p, struct buf *out, struct fault *f)
{
	size_t at = out->len;
	struct preapproval *check;
	struct jcan_out w;
	struct digest set;
	rc r;

	if (p->count > PREAPPROVAL_ITEMS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u items", PREAPPROVAL_ITEMS_MAX);
	r = set_of(p, &set);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "the same item twice");
	preapproval_write(&w, p, &set, out);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "preapproval: %s", rc_name(r));
	check = (struct preapproval *)malloc(sizeof(*check));
	if (check == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	r = preapproval_parse(view_of(out->ptr + at, out->len - at), check, f);
	free(check);
	return r;
}
