#include "lib/model/request.h"

#include <stdlib.h>

#include "lib/model/field.h"

struct digest request_id(struct view bytes)
{
	return digest_of(bytes);
}

void request_release(struct request *r)
{
	free(r->items);
	r->items = NULL;
	r->count = 0;
}

/* ---- Items ----------------------------------------------------------------------------------*/

/* Room for one item more; growth is capped at the maximum, so 10,000 items take 2.4 MiB. */
static rc item_add(struct request *r, size_t *cap, struct fault *f)
{
	struct request_item *items;
	size_t want;

	if (r->count == REQUEST_ITEMS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u items", REQUEST_ITEMS_MAX);
	if (r->count == *cap) {
		want = *cap == 0 ? 1 : *cap < REQUEST_ITEMS_MAX / 4 ? *cap * 4 : REQUEST_ITEMS_MAX;
		items = (struct request_item *)reallocarray(r->items, want, sizeof(*items));
		if (items == NULL)
			return fault_set(f, RC_NOMEM, 0, "out of memory");
		r->items = items;
		*cap = want;
	}
	r->items[r->count++] = (struct request_item){0};
	return OK;
}

static rc item_content(struct jcan *j, struct hash *ret)
{
	size_t at;
	struct view text;
	rc r;

	TRY(jcan_key(j, "content"));
	at = j->at;
	TRY(jcan_text(j, HASH_TEXT, &text));
	r = hash_parse(text, ret);
	return rc_is_ok(r) ? OK : fault_set(j->fault, r.code, at, "content is not like sha256:HEX");
}

static rc item_params(struct jcan *j, struct view *ret)
{
	size_t at;

	TRY(jcan_key(j, "params"));
	at = j->at;
	if (at < j->in.len && j->in.ptr[at] != '{')
		return fault_set(j->fault, RC_SYNTAX, at, "params is not an object");
	TRY(jcan_raw(j, ret));
	if (ret->len > ITEM_PARAMS_MAX)
		return fault_set(j->fault, RC_LIMIT, at, "params has more than %d bytes",
				 ITEM_PARAMS_MAX);
	return OK;
}

static rc item_read(struct jcan *j, struct request_item *item)
{
	TRY(jcan_object(j));
	TRY(item_content(j, &item->content));
	TRY(field_token(j, "format", item->format, sizeof(item->format)));
	TRY(item_params(j, &item->params));
	TRY(field_name(j, "product", &item->product));
	TRY(field_u64(j, "size", 0, JCAN_NUMBER_MAX, &item->size));
	return jcan_object_end(j);
}

static rc items_read(struct jcan *j, struct request *r)
{
	size_t cap = 0;
	bool more;

	TRY(jcan_key(j, "items"));
	TRY(jcan_array(j));
	for (;;) {
		rc e;

		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(item_add(r, &cap, j->fault));
		e = item_read(j, &r->items[r->count - 1]);
		if (!rc_is_ok(e))
			return fault_wrap(j->fault, e, "item %zu", r->count - 1);
	}
	if (r->count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "no items");
	return OK;
}

rc request_item_name(const struct request_item *item, char out[ITEM_NAME_MAX + 1])
{
	char name[ITEM_NAME_MAX + 1];
	struct jcan j;
	size_t len;

	jcan_init(&j, item->name_json, NULL);
	TRY(jcan_string(&j, name, sizeof(name), &len));
	TRY(jcan_end(&j));
	TRY(prose_check(view_of(name, len), false));
	if (len == 0 || memchr(name, '/', len) != NULL || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return RC(RC_SYNTAX);
	memcpy(out, name, len + 1);
	return OK;
}

static rc subject_read(struct jcan *j, struct request_item *item)
{
	char name[ITEM_NAME_MAX + 1];
	size_t at;
	rc r;

	TRY(jcan_object(j));
	TRY(jcan_key(j, "digest"));
	TRY(jcan_object(j));
	TRY(field_digest(j, "sha256", &item->sha256));
	TRY(jcan_object_end(j));
	TRY(jcan_key(j, "name"));
	at = j->at;
	TRY(jcan_raw(j, &item->name_json));
	r = request_item_name(item, name);
	if (!rc_is_ok(r))
		return fault_set(j->fault, r.code, at,
				 "name is not a plain file name of at most %d bytes",
				 ITEM_NAME_MAX);
	return jcan_object_end(j);
}

static rc subjects_read(struct jcan *j, struct request *r)
{
	size_t i;
	bool more;

	TRY(jcan_array(j));
	for (i = 0;; i++) {
		rc e;

		TRY(jcan_next(j, &more));
		if (!more || i == r->count)
			break;
		e = subject_read(j, &r->items[i]);
		if (!rc_is_ok(e))
			return fault_wrap(j->fault, e, "subject %zu", i);
	}
	if (more || i != r->count)
		return fault_set(j->fault, RC_MISMATCH, j->at,
				 "subject and items differ in their number");
	return OK;
}

/* ---- Names are unique -----------------------------------------------------------------------*/

static int json_compare(struct view a, struct view b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

static int item_compare(const void *a, const void *b)
{
	return json_compare((*(const struct request_item *const *)a)->name_json,
			    (*(const struct request_item *const *)b)->name_json);
}

/* The escaped form is canonical, so names are equal exactly when their bytes are. Names in sorted
 * order, as the command line writes them, are seen to be so in one pass. */
static rc names_check(const struct request *r, struct fault *f)
{
	const struct request_item **sorted;
	bool ascending = true;
	rc result = OK;

	for (size_t i = 1; ascending && i < r->count; i++)
		ascending = json_compare(r->items[i - 1].name_json, r->items[i].name_json) < 0;
	if (ascending)
		return OK;
	sorted = (const struct request_item **)calloc(r->count, sizeof(*sorted));
	if (sorted == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	for (size_t i = 0; i < r->count; i++)
		sorted[i] = &r->items[i];
	qsort(sorted, r->count, sizeof(*sorted), item_compare);
	for (size_t i = 1; i < r->count && rc_is_ok(result); i++)
		if (item_compare(&sorted[i - 1], &sorted[i]) == 0)
			result = fault_set(
				f, RC_DUPLICATE, 0, "items %zu and %zu have the same name",
				(size_t)(sorted[i - 1] - r->items), (size_t)(sorted[i] - r->items));
	free(sorted);
	return result;
}

/* ---- The whole ------------------------------------------------------------------------------*/

static rc guard_read(struct jcan *j, struct request_guard *g)
{
	TRY(jcan_key_optional(j, "guard", &g->given));
	if (!g->given)
		return OK;
	TRY(jcan_object(j));
	TRY(field_time(j, "at", &g->at));
	TRY(guard_state_read(j, &g->state));
	return jcan_object_end(j);
}

static rc request_read(struct jcan *j, struct view bytes, struct request *r, struct fault *f)
{
	uint64_t uses;
	bool has_host;
	bool has_release;

	TRY(envelope_begin(j, STATEMENT_REQUEST, bytes, f));
	TRY(field_time(j, "deadline", &r->deadline));
	TRY(guard_read(j, &r->guard));
	TRY(jcan_key_optional(j, "host", &has_host));
	if (has_host)
		TRY(field_name_value(j, &r->host));
	else if (r->guard.given)
		return fault_set(f, RC_MISMATCH, j->at, "guard without host");
	TRY(items_read(j, r));
	TRY(field_name(j, "key", &r->key));
	TRY(field_digest(j, "key_fingerprint", &r->key_fingerprint));
	TRY(field_hex(j, "nonce", r->nonce, sizeof(r->nonce)));
	TRY(field_time(j, "not_before", &r->not_before));
	TRY(field_token(j, "origin", r->origin, sizeof(r->origin)));
	TRY(field_prose(j, "reason", true, r->reason, sizeof(r->reason)));
	TRY(jcan_key_optional(j, "release", &has_release));
	if (has_release)
		TRY(field_time_value(j, "release", &r->release));
	TRY(field_name(j, "requester", &r->requester));
	TRY(jcan_key(j, "upload"));
	TRY(jcan_bool(j, &r->upload));
	TRY(field_u64(j, "uses", 1, REQUEST_USES_MAX, &uses));
	r->uses = (uint32_t)uses;
	TRY(envelope_middle(j, STATEMENT_REQUEST));
	TRY(subjects_read(j, r));
	TRY(jcan_object_end(j));
	TRY(jcan_end(j));
	if (r->not_before > r->deadline)
		return fault_set(f, RC_EXPIRED, 0, "not_before is after the deadline");
	if (has_release &&
	    (r->release == 0 || r->release < r->not_before || r->release > r->deadline))
		return fault_set(f, RC_EXPIRED, 0,
				 "release is not between not_before and the deadline");
	return names_check(r, f);
}

rc request_parse(struct view bytes, struct request *ret, struct fault *f)
{
	struct request r = {0};
	struct jcan j;
	rc e = request_read(&j, bytes, &r, f);

	if (rc_is_ok(e)) {
		*ret = r;
		return OK;
	}
	request_release(&r);
	/* Looked at only now: a second pass over a large request costs as much as the first. */
	if (bytes.len <= REQUEST_BYTES_MAX)
		TRY(envelope_check_kind(bytes, STATEMENT_REQUEST, f));
	return fault_wrap(f, e, "request");
}

static void item_write(struct jcan_out *w, const struct request_item *item)
{
	char content[HASH_TEXT];

	hash_text(&item->content, content);
	jcan_out_object(w);
	field_out_string(w, "content", content);
	field_out_string(w, "format", item->format);
	jcan_out_key(w, "params");
	jcan_out_raw(w, item->params);
	field_out_string(w, "product", item->product.s);
	field_out_u64(w, "size", item->size);
	jcan_out_object_end(w);
}

static void subject_write(struct jcan_out *w, const struct request_item *item, const char *name)
{
	jcan_out_object(w);
	jcan_out_key(w, "digest");
	jcan_out_object(w);
	field_out_digest(w, "sha256", &item->sha256);
	jcan_out_object_end(w);
	field_out_string(w, "name", name);
	jcan_out_object_end(w);
}

static void request_write(struct jcan_out *w, const struct request *r, const char *const *names,
			  struct buf *out)
{
	envelope_out_begin(w, out);
	field_out_time(w, "deadline", r->deadline);
	if (r->guard.given) {
		jcan_out_key(w, "guard");
		jcan_out_object(w);
		field_out_time(w, "at", r->guard.at);
		guard_state_write(w, &r->guard.state);
		jcan_out_object_end(w);
	}
	if (r->host.s[0] != '\0')
		field_out_string(w, "host", r->host.s);
	jcan_out_key(w, "items");
	jcan_out_array(w);
	for (size_t i = 0; i < r->count; i++)
		item_write(w, &r->items[i]);
	jcan_out_array_end(w);
	field_out_string(w, "key", r->key.s);
	field_out_digest(w, "key_fingerprint", &r->key_fingerprint);
	field_out_hex(w, "nonce", r->nonce, sizeof(r->nonce));
	field_out_time(w, "not_before", r->not_before);
	field_out_string(w, "origin", r->origin);
	field_out_string(w, "reason", r->reason);
	if (r->release != 0)
		field_out_time(w, "release", r->release);
	field_out_string(w, "requester", r->requester.s);
	jcan_out_key(w, "upload");
	jcan_out_bool(w, r->upload);
	field_out_u64(w, "uses", r->uses);
	envelope_out_middle(w, STATEMENT_REQUEST);
	for (size_t i = 0; i < r->count; i++)
		subject_write(w, &r->items[i], names[i]);
	jcan_out_array_end(w);
	jcan_out_object_end(w);
}

rc request_encode(const struct request *r, const char *const *names, struct buf *out,
		  struct fault *f)
{
	AUTO(request) struct request check = {0};
	size_t at = out->len;
	struct jcan_out w;
	rc e;

	request_write(&w, r, names, out);
	e = jcan_out_done(&w);
	if (!rc_is_ok(e))
		return fault_set(f, e.code, 0, "request: %s", rc_name(e));
	/* Nobody signs what the keeper would refuse. */
	return request_parse(view_of(out->ptr + at, out->len - at), &check, f);
}
