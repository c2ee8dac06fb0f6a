#include "lib/model/list.h"

#include "lib/model/field.h"

static rc groups_read(struct jcan *j, struct list_header *h)
{
	bool more;

	TRY(jcan_key(j, "groups"));
	TRY(jcan_array(j));
	for (;;) {
		int order;

		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (h->group_count == LIST_GROUPS_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u groups",
					 LIST_GROUPS_MAX);
		TRY(field_name_value(j, &h->groups[h->group_count]));
		order = h->group_count == 0 ? -1
					    : name_compare(&h->groups[h->group_count - 1],
							   &h->groups[h->group_count]);
		if (order == 0)
			return fault_set(j->fault, RC_DUPLICATE, j->at, "a group twice");
		if (order > 0)
			return fault_set(j->fault, RC_NONCANON, j->at, "groups are not sorted");
		h->group_count++;
	}
	return h->group_count > 0 ? OK : fault_set(j->fault, RC_RANGE, j->at, "no groups");
}

static rc header_read(struct jcan *j, struct list_header *h)
{
	TRY(jcan_object(j));
	TRY(groups_read(j, h));
	TRY(field_name(j, "list", &h->name));
	TRY(field_time(j, "not_after", &h->not_after));
	TRY(field_time(j, "not_before", &h->not_before));
	if (h->not_before > h->not_after)
		return fault_set(j->fault, RC_RANGE, j->at, "not_before is later than not_after");
	TRY(field_token(j, "origin", h->origin, sizeof(h->origin)));
	TRY(field_u64(j, "serial", 1, JCAN_NUMBER_MAX, &h->serial));
	TRY(jcan_object_end(j));
	return jcan_end(j);
}

static rc header_parse(struct view bytes, struct list_header *ret, struct fault *f)
{
	struct jcan j;

	memset(ret, 0, sizeof(*ret));
	jcan_init(&j, bytes, f);
	return header_read(&j, ret);
}

rc list_open(struct view bytes, struct list *ret, struct fault *f)
{
	struct list_header h;
	struct contents c;
	struct view header;
	rc r = contents_open(bytes, LIST_MAGIC, &header, &c, f);

	if (rc_is_ok(r))
		r = header_parse(header, &h, f);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "list");
	ret->header = h;
	ret->contents = c;
	return OK;
}

rc list_peek(struct view bytes, struct list_header *ret, struct fault *f)
{
	struct list_header h;
	struct view header;
	rc r = contents_peek(bytes, LIST_MAGIC, &header, f);

	if (rc_is_ok(r))
		r = header_parse(header, &h, f);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "list");
	*ret = h;
	return OK;
}

static void header_write(const struct list_header *h, struct jcan_out *w)
{
	jcan_out_object(w);
	jcan_out_key(w, "groups");
	jcan_out_array(w);
	for (size_t i = 0; i < h->group_count; i++)
		jcan_out_string(w, h->groups[i].s);
	jcan_out_array_end(w);
	field_out_string(w, "list", h->name.s);
	field_out_time(w, "not_after", h->not_after);
	field_out_time(w, "not_before", h->not_before);
	field_out_string(w, "origin", h->origin);
	field_out_u64(w, "serial", h->serial);
	jcan_out_object_end(w);
}

rc list_encode(const struct list_header *h, struct content *records, size_t count, struct buf *out,
	       struct fault *f)
{
	AUTO(buf) struct buf header;
	struct list_header check;
	struct jcan_out w;
	rc r;

	buf_init(&header, CONTENTS_HEADER_MAX);
	if (h->group_count > LIST_GROUPS_MAX)
		return fault_set(f, RC_LIMIT, 0, "list: more than %u groups", LIST_GROUPS_MAX);
	jcan_out_init(&w, &header);
	header_write(h, &w);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "list: %s", rc_name(r));
	r = header_parse(buf_view(&header), &check, f);
	if (rc_is_ok(r))
		r = contents_write(LIST_MAGIC, buf_view(&header), records, count, out, f);
	return rc_is_ok(r) ? OK : fault_wrap(f, r, "list");
}

static bool has_group(const struct list_header *h, const struct list_host *host)
{
	for (size_t i = 0; i < h->group_count; i++)
		for (size_t k = 0; k < host->group_count; k++)
			if (name_is_equal(&h->groups[i], &host->groups[k]))
				return true;
	return false;
}

rc list_check(const struct list_header *h, const struct digest *digest,
	      const struct list_host *host, struct fault *f)
{
	if (strcmp(h->origin, host->origin) != 0)
		return fault_set(f, RC_MISMATCH, 0, "list: it is of log %s, not %s", h->origin,
				 host->origin);
	if (host->name != NULL && !name_is_equal(&h->name, host->name))
		return fault_set(f, RC_MISMATCH, 0, "list: it is %s, not %s", h->name.s,
				 host->name->s);
	if (!has_group(h, host))
		return fault_set(f, RC_DENIED, 0, "list: it is for none of this host's groups");
	if (h->serial < host->serial)
		return fault_set(f, RC_STATE, 0, "list: serial %llu, this host has had %llu",
				 (unsigned long long)h->serial, (unsigned long long)host->serial);
	if (host->serial > 0 && h->serial == host->serial &&
	    !digest_is_equal(digest, &host->digest))
		return fault_set(f, RC_STATE, 0, "list: another list had serial %llu",
				 (unsigned long long)h->serial);
	if (host->now < h->not_before)
		return fault_set(f, RC_WAIT, 0, "list: it is not valid yet (not_before)");
	if (host->now > h->not_after)
		return fault_set(f, RC_EXPIRED, 0, "list: it has expired (not_after)");
	return OK;
}
