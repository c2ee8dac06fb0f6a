#include "lib/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/num.h"
#include "lib/model/field.h"
#include "lib/model/statement.h"

void policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->rule_count; i++) {
		free(p->rules[i].keys);
		free(p->rules[i].request);
		free(p->rules[i].from);
		free(p->rules[i].formats);
		free(p->rules[i].approve.seats);
	}
	free(p->rules);
	free(p->admin.seats);
	free(p->change.seats);
	free(p->unlock.seats);
	buf_release(&p->bytes);
	free(p);
}

/* ---- Entries of lists -----------------------------------------------------------------------*/

rc seat_parse(struct view text, struct seat *ret)
{
	struct seat s = {0};
	struct view number;
	struct view of;
	uint64_t n;

	if (!rc_is_ok(view_until(&text, ' ', &number)) || !rc_is_ok(view_take(&text, 3, &of)) ||
	    !view_is(of, "of "))
		return RC(RC_SYNTAX);
	TRY(num_parse_u64((const char *)number.ptr, number.len, POLICY_SEATS_MAX, &n));
	s.count = (uint32_t)n;
	s.is_person = text.len > 0 && text.ptr[0] == '@';
	if (s.is_person)
		TRY(view_skip(&text, 1));
	TRY(name_parse(text, &s.who));
	if (n == 0 || (s.is_person && n > 1))
		return RC(RC_RANGE);
	*ret = s;
	return OK;
}

void seat_text(const struct seat *s, char out[SEAT_TEXT])
{
	(void)snprintf(out, SEAT_TEXT, "%u of %s%s", (unsigned)s->count, s->is_person ? "@" : "",
		       s->who.s);
}

static rc ref_parse(struct view text, struct subject_ref *ret)
{
	struct subject_ref s = {0};
	struct view prefix;

	s.is_group = rc_is_ok(view_slice(text, 0, 6, &prefix)) && view_is(prefix, "group:");
	if (s.is_group)
		TRY(view_skip(&text, 6));
	TRY(name_parse(text, &s.name));
	*ret = s;
	return OK;
}

bool subject_ref_matches(const struct subject_ref *s, const struct principal *p)
{
	return s->is_group ? principal_is_member(p, &s->name) : name_is_equal(&s->name, &p->name);
}

/* A list of one kind of entries; a row for each says how to read and compare them. */
struct list_kind {
	size_t size;
	size_t max;
	rc (*parse)(struct view text, void *out);
	bool (*is_same)(const void *a, const void *b);
};

static rc parse_name(struct view text, void *out)
{
	return name_parse(text, (struct name *)out);
}

static bool same_name(const void *a, const void *b)
{
	return name_is_equal((const struct name *)a, (const struct name *)b);
}

static rc parse_ref(struct view text, void *out)
{
	return ref_parse(text, (struct subject_ref *)out);
}

static bool same_ref(const void *a, const void *b)
{
	const struct subject_ref *x = (const struct subject_ref *)a;
	const struct subject_ref *y = (const struct subject_ref *)b;

	return x->is_group == y->is_group && name_is_equal(&x->name, &y->name);
}

static rc parse_seat(struct view text, void *out)
{
	return seat_parse(text, (struct seat *)out);
}

static bool same_seat(const void *a, const void *b)
{
	const struct seat *x = (const struct seat *)a;
	const struct seat *y = (const struct seat *)b;

	return x->is_person == y->is_person && name_is_equal(&x->who, &y->who);
}

#define FORMAT_SIZE sizeof(((struct rule *)0)->formats[0])

static rc parse_format(struct view text, void *out)
{
	char *format = (char *)out;

	if (text.len == 0)
		return RC(RC_SYNTAX);
	if (text.len >= FORMAT_SIZE)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!alnum && (i == 0 || (c != '.' && c != '-')))
			return RC(RC_SYNTAX);
	}
	memset(format, 0, FORMAT_SIZE);
	memcpy(format, text.ptr, text.len);
	return OK;
}

static bool same_format(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b) == 0;
}

static const struct list_kind names = {sizeof(struct name), POLICY_LIST_MAX, parse_name, same_name};
static const struct list_kind refs = {sizeof(struct subject_ref), POLICY_LIST_MAX, parse_ref,
				      same_ref};
static const struct list_kind seats = {sizeof(struct seat), POLICY_SEATS_MAX, parse_seat,
				       same_seat};
static const struct list_kind formats = {FORMAT_SIZE, POLICY_FORMATS_MAX, parse_format,
					 same_format};

/* Parses one entry behind the count there are, and refuses it if it is among them. */
static rc entry_read(struct jcan *j, const struct list_kind *kind, uint8_t *list, size_t count)
{
	uint8_t *entry = list + count * kind->size;
	size_t at = j->at;
	struct view text;
	rc r;

	TRY(jcan_text(j, 128, &text));
	r = kind->parse(text, entry);
	if (!rc_is_ok(r))
		return fault_set(j->fault, r.code, at, "entry \"%.*s\" is not understood",
				 (int)text.len, (const char *)text.ptr);
	for (size_t i = 0; i < count; i++)
		if (kind->is_same(list + i * kind->size, entry))
			return fault_set(j->fault, RC_DUPLICATE, at, "entry \"%.*s\" twice",
					 (int)text.len, (const char *)text.ptr);
	return OK;
}

/* Reads a list that must not be empty. *ret is set as soon as there is memory, so that the caller's
 * release frees it after a failure too. */
static rc list_read(struct jcan *j, const char *key, const struct list_kind *kind, void **ret,
		    size_t *ret_count)
{
	size_t count = 0;
	size_t cap = 0;
	bool more;

	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (count == kind->max)
			return fault_set(j->fault, RC_LIMIT, j->at, "%s has more than %zu entries",
					 key, kind->max);
		if (count == cap) {
			void *p = reallocarray(*ret, cap == 0 ? 4 : cap * 2, kind->size);

			if (p == NULL)
				return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
			*ret = p;
			cap = cap == 0 ? 4 : cap * 2;
		}
		TRY(entry_read(j, kind, (uint8_t *)*ret, count));
		count++;
	}
	if (count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "%s is empty", key);
	*ret_count = count;
	return OK;
}

static rc list_field(struct jcan *j, const char *key, const struct list_kind *kind, void **ret,
		     size_t *ret_count)
{
	TRY(jcan_key(j, key));
	return list_read(j, key, kind, ret, ret_count);
}

static rc seats_read(struct jcan *j, struct quorum_spec *ret)
{
	size_t places = 0;

	TRY(list_read(j, "approve", &seats, (void **)&ret->seats, &ret->count));
	for (size_t i = 0; i < ret->count; i++)
		places += ret->seats[i].count;
	if (places > POLICY_SEATS_MAX)
		return fault_set(j->fault, RC_LIMIT, j->at, "approve has %zu seats, at most %u",
				 places, POLICY_SEATS_MAX);
	return OK;
}

/* ---- Rules ----------------------------------------------------------------------------------*/

static rc number_read(struct jcan *j, const char *key, uint64_t max, uint64_t fallback,
		      uint64_t *ret)
{
	size_t at = j->at;
	bool found;

	*ret = fallback;
	TRY(jcan_key_optional(j, key, &found));
	if (found)
		TRY(jcan_u64(j, max, ret));
	if (*ret == 0)
		return fault_set(j->fault, RC_RANGE, at, "%s is 0", key);
	return OK;
}

static rc unattended_read(struct jcan *j, struct rule *r)
{
	size_t at = j->at;
	bool found;

	TRY(jcan_key_optional(j, "unattended", &found));
	if (found)
		TRY(jcan_bool(j, &r->unattended));
	if (found && !r->unattended)
		return fault_set(j->fault, RC_NONCANON, at, "unattended is true or left out");
	if (r->unattended && r->approve.count > 0)
		return fault_set(j->fault, RC_RANGE, at, "both approve and unattended");
	if (!r->unattended && r->approve.count == 0)
		return fault_set(j->fault, RC_RANGE, at, "neither approve nor unattended");
	return OK;
}

static rc upload_read(struct jcan *j, struct rule *r)
{
	size_t at = j->at;
	struct view text;
	bool found;

	r->upload_required = true;
	TRY(jcan_key_optional(j, "upload", &found));
	if (!found)
		return OK;
	TRY(jcan_text(j, 16, &text));
	r->upload_required = view_is(text, "required");
	if (!r->upload_required && !view_is(text, "optional"))
		return fault_set(j->fault, RC_UNKNOWN, at,
				 "upload is \"required\" or \"optional\"");
	return OK;
}

static rc rule_read(struct jcan *j, struct rule *r)
{
	size_t start = j->at;
	uint64_t uses;
	bool found;

	TRY(jcan_object(j));
	TRY(number_read(j, "approval_lifetime", POLICY_SECONDS_MAX, 259200, &r->approval_lifetime));
	TRY(jcan_key_optional(j, "approve", &found));
	if (found)
		TRY(seats_read(j, &r->approve));
	TRY(list_field(j, "formats", &formats, (void **)&r->formats, &r->format_count));
	TRY(list_field(j, "from", &refs, (void **)&r->from, &r->from_count));
	TRY(list_field(j, "keys", &names, (void **)&r->keys, &r->key_count));
	TRY(number_read(j, "max_deadline", POLICY_SECONDS_MAX, 1209600, &r->max_deadline));
	TRY(number_read(j, "max_uses", 1000, 1, &uses));
	r->max_uses = (uint32_t)uses;
	TRY(field_name(j, "name", &r->name));
	TRY(list_field(j, "request", &refs, (void **)&r->request, &r->request_count));
	TRY(unattended_read(j, r));
	TRY(upload_read(j, r));
	TRY(jcan_object_end(j));
	r->json = view_of(j->in.ptr + start, j->at - start);
	return OK;
}

static rc rules_read(struct jcan *j, struct policy *p)
{
	bool more;

	TRY(jcan_key(j, "rules"));
	TRY(jcan_array(j));
	p->rules = (struct rule *)calloc(POLICY_RULES_MAX, sizeof(*p->rules));
	if (p->rules == NULL)
		return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
	for (;;) {
		struct rule *r = &p->rules[p->rule_count];
		rc e;

		TRY(jcan_next(j, &more));
		if (!more)
			return OK;
		if (p->rule_count == POLICY_RULES_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u rules",
					 POLICY_RULES_MAX);
		p->rule_count++;
		e = rule_read(j, r);
		if (!rc_is_ok(e))
			return fault_wrap(j->fault, e, "rule %zu", p->rule_count - 1);
		for (size_t i = 0; i + 1 < p->rule_count; i++)
			if (name_is_equal(&p->rules[i].name, &r->name))
				return fault_set(j->fault, RC_DUPLICATE, j->at, "rule %s twice",
						 r->name.s);
	}
}

/* {"approve":[..]} of admin, change and unlock. */
static rc quorum_read(struct jcan *j, const char *key, struct quorum_spec *ret)
{
	rc r;

	TRY(jcan_key(j, key));
	TRY(jcan_object(j));
	TRY(jcan_key(j, "approve"));
	r = seats_read(j, ret);
	if (!rc_is_ok(r))
		return fault_wrap(j->fault, r, "%s", key);
	return jcan_object_end(j);
}

static rc policy_read(struct policy *p, struct fault *f)
{
	struct jcan j;

	jcan_init(&j, buf_view(&p->bytes), f);
	TRY(jcan_object(&j));
	TRY(quorum_read(&j, "admin", &p->admin));
	TRY(quorum_read(&j, "change", &p->change));
	TRY(rules_read(&j, p));
	TRY(quorum_read(&j, "unlock", &p->unlock));
	TRY(field_u64(&j, "version", 1, JCAN_NUMBER_MAX, &p->version));
	TRY(jcan_object_end(&j));
	TRY(jcan_end(&j));
	p->digest = digest_of(buf_view(&p->bytes));
	return OK;
}

rc policy_parse(struct view document, struct policy **ret, struct fault *f)
{
	struct policy *p = (struct policy *)calloc(1, sizeof(*p));
	rc e;

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "policy: out of memory");
	buf_init(&p->bytes, DOCUMENT_BYTES_MAX);
	buf_put_view(&p->bytes, document);
	e = buf_done(&p->bytes);
	if (rc_is_ok(e))
		e = policy_read(p, f);
	else
		rc_ignore(fault_set(f, e.code, 0, "%zu bytes, at most %u", document.len,
				    DOCUMENT_BYTES_MAX),
			  "e is returned below");
	if (!rc_is_ok(e)) {
		policy_free(p);
		return fault_wrap(f, e, "policy");
	}
	*ret = p;
	return OK;
}

/* ---- What an approval binds to --------------------------------------------------------------*/

static struct view group_part(const struct roster *r, bool is_host, const struct name *n)
{
	static const struct digest none;
	const struct roster_group *g = roster_group(r, is_host, n);

	return digest_view(g == NULL ? &none : &g->digest);
}

static struct view principal_part(const struct principal *p)
{
	static const struct digest none;

	return digest_view(p == NULL ? &none : &p->digest);
}

static struct view ref_part(const struct roster *r, bool is_host, const struct subject_ref *s)
{
	if (s->is_group)
		return group_part(r, is_host, &s->name);
	return principal_part(is_host ? roster_host(r, &s->name) : roster_person(r, &s->name));
}

struct digest policy_rule_digest(const struct rule *rule, const struct roster *r,
				 const struct digest *key_fingerprint)
{
	struct view parts[3 + POLICY_SEATS_MAX + 2 * POLICY_LIST_MAX];
	struct digest json = digest_of(rule->json);
	size_t n = 0;

	parts[n++] = view_str("greatseal-rule-v1\n");
	parts[n++] = digest_view(&json);
	parts[n++] = digest_view(key_fingerprint);
	for (size_t i = 0; i < rule->approve.count; i++) {
		const struct seat *s = &rule->approve.seats[i];

		parts[n++] = s->is_person ? principal_part(roster_person(r, &s->who))
					  : group_part(r, false, &s->who);
	}
	for (size_t i = 0; i < rule->request_count; i++)
		parts[n++] = ref_part(r, false, &rule->request[i]);
	for (size_t i = 0; i < rule->from_count; i++)
		parts[n++] = ref_part(r, true, &rule->from[i]);
	return digest_of_parts(parts, n);
}
