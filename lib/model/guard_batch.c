#include "lib/model/guard_batch.h"

#include <string.h>

#include "lib/codec/base64.h"
#include "lib/codec/jcan.h"
#include "lib/model/field.h"

static const char *const kind_names[] = {
	[GUARD_KIND_FIRST_SEEN] = "first-seen",
	[GUARD_KIND_DENIED] = "denied",
	[GUARD_KIND_WOULD_DENY] = "would-deny",
	[GUARD_KIND_LIST] = "list",
	[GUARD_KIND_LIST_REFUSED] = "list-refused",
	[GUARD_KIND_MODE] = "mode",
	[GUARD_KIND_WORKER] = "worker",
	[GUARD_KIND_OVERFLOW] = "overflow",
	[GUARD_KIND_GUARDED] = "guarded",
	[GUARD_KIND_DROPPED] = "dropped",
	[GUARD_KIND_SIGNATURE] = "signature",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == GUARD_KIND__COUNT, "each has a name");

enum guard_kind guard_kind_of(const char *kind)
{
	for (size_t i = 0; i < GUARD_KIND__COUNT; i++)
		if (strcmp(kind, kind_names[i]) == 0)
			return (enum guard_kind)i;
	return GUARD_KIND__COUNT;
}

const char *guard_kind_name(enum guard_kind k)
{
	return k < GUARD_KIND__COUNT ? kind_names[k] : "?";
}

/* ---- One event: a table of its fields, in the order of their names ---------------------------*/

enum type { TEXT, WORD, DIGEST, NUMBER, TIME, BASE64 };

static const struct {
	const char *name;
	enum type type;
	unsigned bit; /* 0: it must be there */
	size_t offset;
	size_t size; /* of a text */
} fields[] = {
#define ROW(n, t, b, m)                                                                            \
	{                                                                                          \
		n, t, b, offsetof(struct guard_event, m), sizeof(((struct guard_event *)NULL)->m)  \
	}
	ROW("by", TEXT, GUARD_BY, by),
	ROW("certificate", DIGEST, GUARD_CERTIFICATE, certificate),
	ROW("count", NUMBER, GUARD_COUNT, count),
	ROW("digest", WORD, GUARD_DIGEST, digest),
	ROW("fits", NUMBER, GUARD_FITS, fits),
	ROW("hash", WORD, GUARD_HASH, hash),
	ROW("key", DIGEST, GUARD_KEY, key),
	ROW("kind", WORD, 0, kind),
	ROW("path", TEXT, GUARD_PATH, path),
	ROW("pid", NUMBER, GUARD_PID, pid),
	ROW("reason", WORD, GUARD_REASON, reason),
	ROW("seq", NUMBER, 0, seq),
	ROW("serial", NUMBER, GUARD_SERIAL, serial),
	ROW("sha256", DIGEST, GUARD_SHA256, sha256),
	ROW("signature", BASE64, GUARD_SIGNATURE, signature),
	ROW("signed", BASE64, GUARD_SIGNED, signed_),
	ROW("spki", BASE64, GUARD_SPKI, spki),
	ROW("text", TEXT, GUARD_TEXT, text),
	ROW("time", TIME, 0, time),
	ROW("uid", NUMBER, GUARD_UID, uid),
#undef ROW
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

bool guard_is_base64(const char *text)
{
	uint8_t memory[GUARD_SIGNED_MAX];
	struct buf bytes;

	buf_init_fixed(&bytes, memory, sizeof(memory));
	return rc_is_ok(base64_parse(BASE64_STD, view_str(text), &bytes, NULL));
}

static rc read_value(struct jcan *j, size_t i, struct guard_event *e)
{
	char *at = (char *)e + fields[i].offset;
	uint64_t n;
	unix_time t;

	switch (fields[i].type) {
	case TEXT:
		return jcan_string(j, at, fields[i].size, NULL);
	case BASE64:
		TRY(jcan_string(j, at, fields[i].size, NULL));
		return guard_is_base64(at) ? OK
					   : fault_set(j->fault, RC_SYNTAX, j->at,
						       "%s is not base64", fields[i].name);
	case WORD:
		return field_token_value(j, fields[i].name, at, fields[i].size);
	case DIGEST:
		return jcan_hex(j, (uint8_t *)at, DIGEST_SIZE);
	case NUMBER:
		TRY(jcan_u64(j, JCAN_NUMBER_MAX, &n));
		memcpy(at, &n, sizeof(n));
		return OK;
	case TIME:
		TRY(field_time_value(j, fields[i].name, &t));
		memcpy(at, &t, sizeof(t));
		return OK;
	}
	return RC(RC_UNKNOWN);
}

static rc event_read(struct jcan *j, struct guard_event *e)
{
	memset(e, 0, sizeof(*e));
	TRY(jcan_object(j));
	for (size_t i = 0; i < FIELDS; i++) {
		bool found = true;

		if (fields[i].bit != 0)
			TRY(jcan_key_optional(j, fields[i].name, &found));
		else
			TRY(jcan_key(j, fields[i].name));
		if (!found)
			continue;
		TRY(read_value(j, i, e));
		e->has |= fields[i].bit;
	}
	return jcan_object_end(j);
}

static void event_write(struct jcan_out *w, const struct guard_event *e)
{
	jcan_out_object(w);
	for (size_t i = 0; i < FIELDS; i++) {
		const char *at = (const char *)e + fields[i].offset;
		uint64_t n;
		unix_time t;

		if (fields[i].bit != 0 && (e->has & fields[i].bit) == 0)
			continue;
		switch (fields[i].type) {
		case TEXT:
		case WORD:
		case BASE64:
			field_out_string(w, fields[i].name, at);
			break;
		case DIGEST:
			field_out_hex(w, fields[i].name, (const uint8_t *)at, DIGEST_SIZE);
			break;
		case NUMBER:
			memcpy(&n, at, sizeof(n));
			field_out_u64(w, fields[i].name, n);
			break;
		case TIME:
			memcpy(&t, at, sizeof(t));
			field_out_time(w, fields[i].name, t);
			break;
		}
	}
	jcan_out_object_end(w);
}

rc guard_event_parse(struct view bytes, struct guard_event *ret, struct fault *f)
{
	struct jcan j;

	jcan_init(&j, bytes, f);
	TRY(event_read(&j, ret));
	return jcan_end(&j);
}

/* ---- The batch ------------------------------------------------------------------------------*/

static rc head_read(struct jcan *j, struct guard_batch *b)
{
	TRY(jcan_object(j));
	TRY(jcan_key(j, "batch"));
	TRY(jcan_object(j));
	TRY(field_u64(j, "dropped", 0, JCAN_NUMBER_MAX, &b->dropped));
	TRY(field_name(j, "host", &b->host));
	TRY(field_token(j, "origin", b->origin, sizeof(b->origin)));
	TRY(field_hex(j, "run", b->run, sizeof(b->run)));
	TRY(jcan_key(j, "state"));
	TRY(jcan_object(j));
	TRY(guard_state_read(j, &b->state));
	TRY(jcan_object_end(j));
	TRY(field_time(j, "time", &b->time));
	TRY(jcan_object_end(j));
	return jcan_key(j, "events");
}

/* Visits each; visit may be NULL. */
static rc events_read(struct jcan *j, guard_visit visit, void *ctx, struct guard_batch *b)
{
	struct guard_event e;
	uint64_t last = 0;
	uint32_t count = 0;
	bool more;

	TRY(jcan_array(j));
	for (;;) {
		size_t at;

		TRY(jcan_next(j, &more));
		if (!more)
			break;
		at = j->at;
		if (count == GUARD_EVENTS_MAX)
			return fault_set(j->fault, RC_LIMIT, at, "more than %u events",
					 GUARD_EVENTS_MAX);
		TRY(event_read(j, &e));
		if (e.seq <= last)
			return fault_set(j->fault, RC_RANGE, at, "seq does not grow");
		last = e.seq;
		count++;
		if (visit != NULL)
			TRY(visit(ctx, &e, view_of(j->in.ptr + at, j->at - at)));
	}
	b->last = last;
	b->count = count;
	return OK;
}

rc guard_batch_parse(struct view bytes, struct guard_batch *ret, struct fault *f)
{
	struct guard_batch b = {0};
	struct jcan j;
	size_t at = 0;
	rc r;

	if (bytes.len > GUARD_BATCH_MAX)
		return fault_set(f, RC_LIMIT, 0, "guard batch: %zu bytes, at most %u", bytes.len,
				 GUARD_BATCH_MAX);
	jcan_init(&j, bytes, f);
	r = head_read(&j, &b);
	if (rc_is_ok(r)) {
		at = j.at;
		r = events_read(&j, NULL, NULL, &b);
	}
	if (rc_is_ok(r)) {
		b.events = view_of(bytes.ptr + at, j.at - at);
		r = jcan_object_end(&j);
	}
	if (rc_is_ok(r))
		r = jcan_end(&j);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "guard batch");
	*ret = b;
	return OK;
}

rc guard_batch_each(const struct guard_batch *b, guard_visit visit, void *ctx)
{
	struct guard_batch again;
	struct jcan j;

	jcan_init(&j, b->events, NULL);
	return events_read(&j, visit, ctx, &again);
}

rc guard_batch_encode(const struct guard_batch *b, const struct guard_event *events, size_t count,
		      struct buf *out, struct fault *f)
{
	struct guard_batch check;
	size_t at = out->len;
	struct jcan_out w;
	rc r;

	jcan_out_init(&w, out);
	jcan_out_object(&w);
	jcan_out_key(&w, "batch");
	jcan_out_object(&w);
	field_out_u64(&w, "dropped", b->dropped);
	field_out_string(&w, "host", b->host.s);
	field_out_string(&w, "origin", b->origin);
	field_out_hex(&w, "run", b->run, sizeof(b->run));
	jcan_out_key(&w, "state");
	jcan_out_object(&w);
	guard_state_write(&w, &b->state);
	jcan_out_object_end(&w);
	field_out_time(&w, "time", b->time);
	jcan_out_object_end(&w);
	jcan_out_key(&w, "events");
	jcan_out_array(&w);
	for (size_t i = 0; i < count; i++)
		event_write(&w, &events[i]);
	jcan_out_array_end(&w);
	jcan_out_object_end(&w);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "guard batch: %s", rc_name(r));
	return guard_batch_parse(view_of(out->ptr + at, out->len - at), &check, f);
}
