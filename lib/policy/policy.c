#include "lib/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/num.h"
#include "lib/model/field.h"
#include "lib/model/statement.h"
#include "lib/policy/artifact.h"
#include "lib/policy/policy_read.h"

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
		free(p->rules[i].windows);
	}
	for (size_t i = 0; i < p->key_count; i++)
		free(p->keys[i].formats);
	for (size_t i = 0; i < p->tier_count; i++)
		free(p->tiers[i].approve.seats);
	for (size_t i = 0; i < p->freeze_count; i++)
		free(p->freezes[i].keys);
	free(p->rules);
	free(p->refs);
	free(p->keys);
	free(p->tiers);
	free(p->windows);
	free(p->freezes);
	free(p->admin.seats);
	free(p->change.seats);
	free(p->unlock.seats);
	buf_release(&p->bytes);
	free(p);
}

/* ---- Entries of lists -----------------------------------------------------------------------*/

static const struct {
	const char *suffix;
	unsigned channels;
} suffixes[] = {
	{" (cli)", 1u << SSHKEY_CLI},
	{" (browser)", 1u << SSHKEY_BROWSER},
};
#define SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

/* Takes it off the end, if there is one. */
static unsigned channel_suffix(struct view *text)
{
	for (size_t i = 0; i < SUFFIXES; i++) {
		size_t n = strlen(suffixes[i].suffix);

		if (text->len > n &&
		    memcmp(text->ptr + text->len - n, suffixes[i].suffix, n) == 0) {
			text->len -= n;
			return suffixes[i].channels;
		}
	}
	return 0;
}

const char *seat_channel_text(const struct seat *s)
{
	for (size_t i = 0; i < SUFFIXES; i++)
		if (s->channels == suffixes[i].channels)
			return suffixes[i].suffix;
	return "";
}

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
	s.channels = channel_suffix(&text);
	TRY(name_parse(text, &s.who));
	if (n == 0 || (s.is_person && n > 1))
		return RC(RC_RANGE);
	*ret = s;
	return OK;
}

void seat_text(const struct seat *s, char out[SEAT_TEXT])
{
	(void)snprintf(out, SEAT_TEXT, "%u of %s%s%s", (unsigned)s->count, s->is_person ? "@" : "",
		       s->who.s, seat_channel_text(s));
}

rc subject_ref_parse(struct view text, struct subject_ref *ret)
{
	struct subject_ref s = {0};
	struct view rest = text;
	struct view kind;

	if (rc_is_ok(view_until(&rest, ':', &kind))) {
		s.is_group = view_is(kind, "group");
		s.is_service = view_is(kind, "service");
		if (!s.is_group && !s.is_service)
			return RC(RC_SYNTAX);
		text = rest;
	}
	if (!s.is_service || !view_is(text, "*"))
		TRY(name_parse(text, &s.name));
	*ret = s;
	return OK;
}

bool subject_ref_matches(const struct subject_ref *s, const struct principal *p)
{
	if (s->is_service)
		return p->kind == PRINCIPAL_SERVICE &&
		       (s->name.s[0] == '\0' || name_is_equal(&s->name, &p->name));
	if (p->kind == PRINCIPAL_SERVICE)
		return false;
	return s->is_group ? principal_is_member(p, &s->name) : name_is_equal(&s->name, &p->name);
}

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
	return subject_ref_parse(text, (struct subject_ref *)out);
}

static bool same_ref(const void *a, const void *b)
{
	const struct subject_ref *x = (const struct subject_ref *)a;
	const struct subject_ref *y = (const struct subject_ref *)b;

	return x->is_group == y->is_group && x->is_service == y->is_service &&
	       name_is_equal(&x->name, &y->name);
}

static rc parse_seat(struct view text, void *out)
{
	return seat_parse(text, (struct seat *)out);
}

static bool same_seat(const void *a, const void *b)
{
	const struct seat *x = (const struct seat *)a;
	const struct seat *y = (const struct seat *)b;

	return x->is_person == y->is_person && x->channels == y->channels &&
	       name_is_equal(&x->who, &y->who);
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

static rc parse_glob(struct view text, void *out)
{
	return glob_parse(text, (struct glob *)out);
}

static bool same_glob(const void *a, const void *b)
{
	return strcmp(((const struct glob *)a)->s, ((const struct glob *)b)->s) == 0;
}

const struct list_kind list_names = {sizeof(struct name), POLICY_LIST_MAX, parse_name, same_name};
const struct list_kind list_formats = {FORMAT_SIZE, POLICY_FORMATS_MAX, parse_format, same_format};
const struct list_kind list_globs = {sizeof(struct glob), POLICY_LIST_MAX, parse_glob, same_glob};
static const struct list_kind refs = {sizeof(struct subject_ref), POLICY_LIST_MAX, parse_ref,
				      same_ref};
static const struct list_kind seats = {sizeof(struct seat), POLICY_SEATS_MAX, parse_seat,
				       same_seat};

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

rc list_field(struct jcan *j, const char *key, const struct list_kind *kind, void **ret,
	      size_t *ret_count)
{
	TRY(jcan_key(j, key));
	return list_read(j, key, kind, ret, ret_count);
}

rc list_field_optional(struct jcan *j, const char *key, const struct list_kind *kind, void **ret,
		       size_t *ret_count)
{
	bool found;

	TRY(jcan_key_optional(j, key, &found));
	return found ? list_read(j, key, kind, ret, ret_count) : OK;
}

/* Zeroed memory for one more; *cap is how many there is room for. */
static rc rows_grow(const struct rows_kind *kind, void **rows, size_t count, size_t *cap)
{
	size_t more = *cap == 0 ? 8 : *cap * 2;
	void *p;

	if (count < *cap)
		return OK;
	p = reallocarray(*rows, more, kind->size);
	if (p == NULL)
		return RC(RC_NOMEM);
	memset((uint8_t *)p + count * kind->size, 0, (more - count) * kind->size);
	*rows = p;
	*cap = more;
	return OK;
}

static rc row_read(struct jcan *j, const struct rows_kind *kind, uint8_t *rows, size_t at)
{
	uint8_t *row = rows + at * kind->size;
	rc r = kind->read(j, row);

	if (!rc_is_ok(r))
		return fault_wrap(j->fault, r, "%s %zu", kind->one, at);
	for (size_t i = 0; i < at; i++)
		if (same_name(rows + i * kind->size, row))
			return fault_set(j->fault, RC_DUPLICATE, j->at, "%s %s twice", kind->one,
					 ((const struct name *)(const void *)row)->s);
	return OK;
}

rc rows_field(struct jcan *j, const struct rows_kind *kind, bool optional, void **ret,
	      size_t *ret_count)
{
	size_t cap = 0;
	bool more = true;

	if (optional)
		TRY(jcan_key_optional(j, kind->key, &more));
	else
		TRY(jcan_key(j, kind->key));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (*ret_count == kind->max)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %zu %s", kind->max,
					 kind->key);
		if (!rc_is_ok(rows_grow(kind, ret, *ret_count, &cap)))
			return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
		(*ret_count)++; /* half-read rows are released too */
		TRY(row_read(j, kind, (uint8_t *)*ret, *ret_count - 1));
	}
	if (optional && *ret_count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "%s is empty", kind->key);
	return OK;
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

rc seats_field(struct jcan *j, struct quorum_spec *ret)
{
	bool found;

	TRY(jcan_key_optional(j, "approve", &found));
	return found ? seats_read(j, ret) : OK;
}

rc number_field(struct jcan *j, const char *key, uint64_t max, uint64_t fallback, uint64_t *ret)
{
	size_t at = j->at;
	bool found;

	*ret = fallback;
	TRY(jcan_key_optional(j, key, &found));
	if (!found)
		return OK;
	TRY(jcan_u64(j, max, ret));
	return *ret > 0 ? OK : fault_set(j->fault, RC_RANGE, at, "%s is 0", key);
}

rc flag_field(struct jcan *j, const char *key, bool *ret)
{
	size_t at = j->at;
	bool found;

	TRY(jcan_key_optional(j, key, &found));
	if (found)
		TRY(jcan_bool(j, ret));
	if (found && !*ret)
		return fault_set(j->fault, RC_NONCANON, at, "%s is true or left out", key);
	return OK;
}

rc word_field(struct jcan *j, const char *key, const char *word, bool *ret)
{
	size_t at = j->at;
	struct view text;

	TRY(jcan_key_optional(j, key, ret));
	if (!*ret)
		return OK;
	TRY(jcan_text(j, 32, &text));
	if (!view_is(text, word))
		return fault_set(j->fault, RC_UNKNOWN, at, "%s is \"%s\" or left out", key, word);
	return OK;
}

/* ---- Rules ----------------------------------------------------------------------------------*/

static rc attended_check(const struct jcan *j, const struct rule *r)
{
	if (r->unattended && r->approve.count > 0)
		return fault_set(j->fault, RC_RANGE, j->at, "both approve and unattended");
	if (!r->unattended && r->approve.count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "neither approve nor unattended");
	/* What passes windows and freezes is decided by people, who can say which incident it is.
	 */
	if (r->break_glass && r->unattended)
		return fault_set(j->fault, RC_RANGE, j->at, "both break_glass and unattended");
	if (r->break_glass && r->ticket.s[0] == '\0')
		return fault_set(j->fault, RC_RANGE, j->at, "break_glass without ticket");
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

static rc ticket_read(struct jcan *j, struct rule *r)
{
	size_t at = j->at;
	struct view text;
	bool found;

	TRY(jcan_key_optional(j, "ticket", &found));
	if (!found)
		return OK;
	TRY(jcan_text(j, GLOB_MAX, &text));
	if (!rc_is_ok(glob_parse(text, &r->ticket)))
		return fault_set(j->fault, RC_SYNTAX, at, "ticket \"%.*s\" is no pattern",
				 (int)text.len, (const char *)text.ptr);
	return OK;
}

static rc artifact_field(struct jcan *j, struct view *ret)
{
	struct artifact_rule r;
	size_t at;
	bool found;
	rc e;

	TRY(jcan_key_optional(j, "artifact", &found));
	if (!found)
		return OK;
	at = j->at;
	e = artifact_rule_read(j, &r);
	if (!rc_is_ok(e))
		return fault_wrap(j->fault, e, "artifact");
	*ret = view_of(j->in.ptr + at, j->at - at);
	return OK;
}

static rc preapproved_field(struct jcan *j, struct rule *r)
{
	TRY(jcan_key_optional(j, "preapproved", &r->has_preapproved));
	if (!r->has_preapproved)
		return OK;
	TRY(jcan_object(j));
	TRY(field_u64(j, "max_age", 1, POLICY_SECONDS_MAX, &r->preapproved_max_age));
	return jcan_object_end(j);
}

static rc rule_read(struct jcan *j, void *row)
{
	struct rule *r = (struct rule *)row;
	size_t start = j->at;
	uint64_t uses;

	TRY(jcan_object(j));
	TRY(number_field(j, "approval_lifetime", POLICY_SECONDS_MAX, 259200,
			 &r->approval_lifetime));
	TRY(seats_field(j, &r->approve));
	TRY(artifact_field(j, &r->artifact));
	TRY(flag_field(j, "break_glass", &r->break_glass));
	TRY(list_field(j, "formats", &list_formats, (void **)&r->formats, &r->format_count));
	TRY(list_field(j, "from", &refs, (void **)&r->from, &r->from_count));
	TRY(list_field(j, "keys", &list_names, (void **)&r->keys, &r->key_count));
	TRY(number_field(j, "max_deadline", POLICY_SECONDS_MAX, 1209600, &r->max_deadline));
	TRY(number_field(j, "max_uses", 1000, 1, &uses));
	r->max_uses = (uint32_t)uses;
	TRY(word_field(j, "mode", "observe", &r->observe));
	TRY(field_name(j, "name", &r->name));
	TRY(preapproved_field(j, r));
	TRY(word_field(j, "reason", "required", &r->reason_required));
	r->reason_required |= r->break_glass;
	TRY(list_field(j, "request", &refs, (void **)&r->request, &r->request_count));
	TRY(word_field(j, "synced", "false", &r->unsynced));
	TRY(ticket_read(j, r));
	TRY(flag_field(j, "unattended", &r->unattended));
	TRY(upload_read(j, r));
	TRY(list_field_optional(j, "windows", &list_names, (void **)&r->windows, &r->window_count));
	TRY(attended_check(j, r));
	for (size_t i = 0; i < r->from_count; i++)
		if (r->from[i].is_service)
			return fault_set(j->fault, RC_SYNTAX, j->at, "from names a service");
	TRY(jcan_object_end(j));
	r->json = view_of(j->in.ptr + start, j->at - start);
	r->json_digest = digest_of(r->json);
	return OK;
}

static const struct rows_kind rows_rules = {"rules", "rule", sizeof(struct rule), POLICY_RULES_MAX,
					    rule_read};

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

/* ---- Names inside the document --------------------------------------------------------------*/

static rc names_resolve(const struct policy *p, struct fault *f)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (p->keys[i].has_tier && policy_tier(p, &p->keys[i].tier) == NULL)
			return fault_set(f, RC_NOTFOUND, 0,
					 "key %s names tier %s, and the policy has no such tier",
					 p->keys[i].name.s, p->keys[i].tier.s);
	for (size_t i = 0; i < p->rule_count; i++)
		for (size_t k = 0; k < p->rules[i].window_count; k++)
			if (policy_window(p, &p->rules[i].windows[k]) == NULL)
				return fault_set(f, RC_NOTFOUND, 0,
						 "rule %s names window %s, and the policy has no "
						 "such window",
						 p->rules[i].name.s, p->rules[i].windows[k].s);
	return OK;
}

static int compare_names(const struct name *a, const struct name *b)
{
	return memcmp(a->s, b->s, sizeof(a->s));
}

static int compare_refs(const void *a, const void *b)
{
	const struct rule_ref *x = (const struct rule_ref *)a;
	const struct rule_ref *y = (const struct rule_ref *)b;
	int c = compare_names(x->key, y->key);

	return c != 0 ? c : (x->rule > y->rule) - (x->rule < y->rule);
}

static int compare_keys(const void *a, const void *b)
{
	return compare_names(&((const struct key_policy *)a)->name,
			     &((const struct key_policy *)b)->name);
}

/* So that a decision looks at the rules of one key and not at all of them. */
static rc index_make(struct policy *p, struct fault *f)
{
	size_t count = 0;

	for (size_t i = 0; i < p->rule_count; i++)
		count += p->rules[i].key_count;
	p->refs = (struct rule_ref *)calloc(count + 1, sizeof(*p->refs));
	if (p->refs == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	for (size_t i = 0; i < p->rule_count; i++)
		for (size_t k = 0; k < p->rules[i].key_count; k++)
			p->refs[p->ref_count++] =
				(struct rule_ref){&p->rules[i].keys[k], &p->rules[i]};
	qsort(p->refs, p->ref_count, sizeof(*p->refs), compare_refs);
	if (p->key_count > 0)
		qsort(p->keys, p->key_count, sizeof(*p->keys), compare_keys);
	return OK;
}

const struct rule_ref *policy_rules_of(const struct policy *p, const struct name *key,
				       size_t *ret_count)
{
	size_t low = 0;
	size_t high = p->ref_count;
	size_t end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_names(p->refs[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < p->ref_count && name_is_equal(p->refs[end].key, key); end++)
		continue;
	*ret_count = end - low;
	return end > low ? &p->refs[low] : NULL;
}

const struct key_policy *policy_key(const struct policy *p, const struct name *key)
{
	const struct key_policy wanted = {.name = *key};

	if (p->key_count == 0)
		return NULL;
	return (const struct key_policy *)bsearch(&wanted, p->keys, p->key_count, sizeof(*p->keys),
						  compare_keys);
}

const struct tier *policy_tier(const struct policy *p, const struct name *name)
{
	for (size_t i = 0; i < p->tier_count; i++)
		if (name_is_equal(&p->tiers[i].name, name))
			return &p->tiers[i];
	return NULL;
}

const struct window *policy_window(const struct policy *p, const struct name *name)
{
	for (size_t i = 0; i < p->window_count; i++)
		if (name_is_equal(&p->windows[i].name, name))
			return &p->windows[i];
	return NULL;
}

static rc policy_read(struct policy *p, struct fault *f)
{
	struct jcan j;

	jcan_init(&j, buf_view(&p->bytes), f);
	TRY(jcan_object(&j));
	TRY(quorum_read(&j, "admin", &p->admin));
	TRY(quorum_read(&j, "change", &p->change));
	TRY(rows_field(&j, &rows_freezes, true, (void **)&p->freezes, &p->freeze_count));
	TRY(rows_field(&j, &rows_keys, true, (void **)&p->keys, &p->key_count));
	TRY(rows_field(&j, &rows_rules, false, (void **)&p->rules, &p->rule_count));
	TRY(rows_field(&j, &rows_tiers, true, (void **)&p->tiers, &p->tier_count));
	TRY(quorum_read(&j, "unlock", &p->unlock));
	TRY(field_u64(&j, "version", 1, JCAN_NUMBER_MAX, &p->version));
	TRY(rows_field(&j, &rows_windows, true, (void **)&p->windows, &p->window_count));
	TRY(jcan_object_end(&j));
	TRY(jcan_end(&j));
	TRY(names_resolve(p, f));
	TRY(index_make(p, f));
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
	if (s->is_service && s->name.s[0] == '\0')
		return digest_view(&r->services_digest);
	if (s->is_service)
		return principal_part(roster_service(r, &s->name));
	return principal_part(is_host ? roster_host(r, &s->name) : roster_person(r, &s->name));
}

/* Windows, key, tier and freezes that the rule stands under. */
static size_t related_parts(const struct policy *p, const struct rule *rule, const struct name *key,
			    struct view *out)
{
	const struct key_policy *k = policy_key(p, key);
	const struct tier *t = k != NULL && k->has_tier ? policy_tier(p, &k->tier) : NULL;
	size_t n = 0;

	for (size_t i = 0; i < rule->window_count; i++) {
		const struct window *w = policy_window(p, &rule->windows[i]);

		if (w != NULL)
			out[n++] = digest_view(&w->digest);
	}
	if (k != NULL)
		out[n++] = digest_view(&k->digest);
	if (t != NULL)
		out[n++] = digest_view(&t->digest);
	for (size_t i = 0; i < p->freeze_count; i++)
		if (freeze_names(&p->freezes[i], key))
			out[n++] = digest_view(&p->freezes[i].digest);
	return n;
}

struct digest policy_rule_digest(const struct policy *p, const struct rule *rule,
				 const struct roster *r, const struct name *key,
				 const struct digest *key_fingerprint)
{
	struct view parts[3 + POLICY_SEATS_MAX + 3 * POLICY_LIST_MAX + 2 + POLICY_FREEZES_MAX];
	size_t n = 0;

	parts[n++] = view_str("greatseal-rule-v1\n");
	parts[n++] = digest_view(&rule->json_digest);
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
	n += related_parts(p, rule, key, parts + n);
	return digest_of_parts(parts, n);
}
