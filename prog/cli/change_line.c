#include "prog/cli/change_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/model/access.h"
#include "lib/model/change.h"
#include "lib/model/hostadmin.h"
#include "lib/model/objection.h"
#include "prog/cli/policy_file.h"
#include "prog/cli/shown.h"

/* ---- Words into the line --------------------------------------------------------------------*/

struct line {
	char *out;
	size_t len;
};

/* What does not fit is left out; the report has it. */
static void put(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(l->out + l->len, CHANGE_LINE_MAX - l->len, fmt, ap);
	va_end(ap);
	l->len += strlen(l->out + l->len);
}

/* "; new people: " before the first one of a list, ", " before the others. */
static void put_name(struct line *l, size_t *count, const char *what, const char *name)
{
	if ((*count)++ == 0)
		put(l, "%s%s: %s", l->len > 0 ? "; " : "", what, name);
	else
		put(l, ", %s", name);
}

static void finish(struct line *l)
{
	if (l->len == 0)
		put(l, "nothing but details; show-change has them");
}

/* ---- Policy ---------------------------------------------------------------------------------*/

static const struct rule *rule_named(const struct policy *p, const struct name *n)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (name_is_equal(&p->rules[i].name, n))
			return &p->rules[i];
	return NULL;
}

static void put_seats(struct line *l, const struct quorum_spec *q)
{
	for (size_t i = 0; i < q->count; i++) {
		char seat[SEAT_TEXT];

		seat_text(&q->seats[i], seat);
		put(l, "%s%s", i > 0 ? " and " : "", seat);
	}
}

static bool same_seats(const struct quorum_spec *a, const struct quorum_spec *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++) {
		char one[SEAT_TEXT];
		char other[SEAT_TEXT];

		seat_text(&a->seats[i], one);
		seat_text(&b->seats[i], other);
		same = strcmp(one, other) == 0;
	}
	return same;
}

static void put_quorum(struct line *l, const char *what, const struct quorum_spec *is,
		       const struct quorum_spec *next)
{
	if (same_seats(is, next))
		return;
	put(l, "%sQUORUM %s now ", l->len > 0 ? "; " : "", what);
	put_seats(l, is);
	put(l, ", then ");
	put_seats(l, next);
}

static bool same_recovery(const struct recovery *a, const struct recovery *b)
{
	bool same = a->delay == b->delay && a->need == b->need && a->key_count == b->key_count;

	for (size_t i = 0; same && i < a->key_count; i++)
		same = sshkey_is_equal(a->keys[i], b->keys[i]);
	return same;
}

void change_line_policy(const struct policy *is, const struct policy *next,
			char out[CHANGE_LINE_MAX])
{
	struct line l = {.out = out};
	size_t added = 0;
	size_t removed = 0;
	size_t changed = 0;

	out[0] = '\0';
	/* First, so that no long list hides them. */
	put_quorum(&l, "admin", &is->admin, &next->admin);
	put_quorum(&l, "change", &is->change, &next->change);
	put_quorum(&l, "unlock", &is->unlock, &next->unlock);
	if (is->change_delay != next->change_delay)
		put(&l, "%sDELAY now %llu s, then %llu s", l.len > 0 ? "; " : "",
		    (unsigned long long)is->change_delay, (unsigned long long)next->change_delay);
	if (!same_recovery(&is->recovery, &next->recovery))
		put(&l, "%sRECOVERY KEYS change", l.len > 0 ? "; " : "");
	for (size_t i = 0; i < next->rule_count; i++)
		if (rule_named(is, &next->rules[i].name) == NULL)
			put_name(&l, &added, "new rules", next->rules[i].name.s);
	for (size_t i = 0; i < is->rule_count; i++)
		if (rule_named(next, &is->rules[i].name) == NULL)
			put_name(&l, &removed, "rules that go", is->rules[i].name.s);
	for (size_t i = 0; i < is->rule_count; i++) {
		const struct rule *r = rule_named(next, &is->rules[i].name);

		if (r != NULL && !digest_is_equal(&r->json_digest, &is->rules[i].json_digest))
			put_name(&l, &changed, "rules that change", r->name.s);
	}
	finish(&l);
}

/* ---- Roster ---------------------------------------------------------------------------------*/

struct list {
	const struct principal *all;
	size_t count;
};

static const struct principal *find(const struct list *in, const struct name *n)
{
	for (size_t i = 0; i < in->count; i++)
		if (name_is_equal(&in->all[i].name, n))
			return &in->all[i];
	return NULL;
}

static bool same_groups(const struct principal *a, const struct principal *b)
{
	bool same = a->group_count == b->group_count;

	for (size_t i = 0; same && i < a->group_count; i++)
		same = name_is_equal(&a->groups[i], &b->groups[i]);
	return same;
}

/* what: "people" */
static void put_list(struct line *l, const char *what, struct list is, struct list next)
{
	size_t added = 0;
	size_t removed = 0;
	size_t keys = 0;
	size_t groups = 0;
	char text[64];

	(void)snprintf(text, sizeof(text), "new %s", what);
	for (size_t i = 0; i < next.count; i++)
		if (find(&is, &next.all[i].name) == NULL)
			put_name(l, &added, text, next.all[i].name.s);
	(void)snprintf(text, sizeof(text), "%s that go", what);
	for (size_t i = 0; i < is.count; i++)
		if (find(&next, &is.all[i].name) == NULL)
			put_name(l, &removed, text, is.all[i].name.s);
	/* A principal's digest is over the keys, or over what stands for them. */
	(void)snprintf(text, sizeof(text), "%s with other keys", what);
	for (size_t i = 0; i < is.count; i++) {
		const struct principal *p = find(&next, &is.all[i].name);

		if (p != NULL && !digest_is_equal(&p->digest, &is.all[i].digest))
			put_name(l, &keys, text, p->name.s);
	}
	(void)snprintf(text, sizeof(text), "%s in other groups", what);
	for (size_t i = 0; i < is.count; i++) {
		const struct principal *p = find(&next, &is.all[i].name);

		if (p != NULL && !same_groups(p, &is.all[i]))
			put_name(l, &groups, text, p->name.s);
	}
}

void change_line_roster(const struct roster *is, const struct roster *next,
			char out[CHANGE_LINE_MAX])
{
	struct line l = {.out = out};

	out[0] = '\0';
	put_list(&l, "people", (struct list){is->people, is->people_count},
		 (struct list){next->people, next->people_count});
	put_list(&l, "services", (struct list){is->services, is->service_count},
		 (struct list){next->services, next->service_count});
	put_list(&l, "hosts", (struct list){is->hosts, is->host_count},
		 (struct list){next->hosts, next->host_count});
	put_list(&l, "builders", (struct list){is->builders, is->builder_count},
		 (struct list){next->builders, next->builder_count});
	finish(&l);
}

/* ---- A statement ----------------------------------------------------------------------------*/

static rc document_line(struct cli *c, enum statement_kind kind, struct view statement,
			char out[CHANGE_LINE_MAX])
{
	AUTO(policy_file) struct policy_file is = {0};
	AUTO(policy) struct policy *policy = NULL;
	AUTO(roster) struct roster *roster = NULL;
	struct document_change change;
	struct fault f = {0};

	CLI_TRY(c, &f, document_change_parse(kind, statement, &change, &f));
	TRY(policy_file_in_force(c, kind == STATEMENT_POLICY ? SOURCE_POLICY : SOURCE_ROSTER, &is));
	if (kind == STATEMENT_POLICY) {
		CLI_TRY(c, &f, policy_parse(change.document, &policy, &f));
		change_line_policy(is.policy, policy, out);
	} else {
		CLI_TRY(c, &f, roster_parse(change.document, &roster, &f));
		change_line_roster(is.roster, roster, out);
	}
	return OK;
}

static rc access_line(struct cli *c, struct view statement, struct line *l)
{
	struct access_change a;
	struct fault f = {0};
	char until[TIME_TEXT] = "";

	CLI_TRY(c, &f, access_change_parse(statement, &a, &f));
	if (a.action != ACCESS_GRANT) {
		put(l, "%s is not, or no longer, to ask for key %s", a.person.s, a.key.s);
		return OK;
	}
	rc_ignore(time_format(a.until, until), "then without it");
	put(l, "%s asks for key %s%s%s until %s: %s", a.person.s, a.key.s,
	    a.host.s[0] == '\0' ? "" : " from ", a.host.s, until, a.comment);
	return OK;
}

static rc admin_line(struct cli *c, enum statement_kind kind, struct view statement, struct line *l)
{
	struct key_change key;
	struct host_change host;
	struct objection o;
	struct fault f = {0};
	char hex[DIGEST_HEX];

	if (kind == STATEMENT_KEYADMIN) {
		CLI_TRY(c, &f, key_change_parse(statement, &key, &f));
		put(l, "%s key %s %s%s", key_action_name(key.action), key.key.s, key.comment,
		    key.subject);
	} else if (kind == STATEMENT_HOSTADMIN) {
		CLI_TRY(c, &f, host_change_parse(statement, &host, &f));
		put(l, "%s host %s %s", host_action_name(host.action), host.host.s, host.comment);
	} else {
		CLI_TRY(c, &f, objection_parse(statement, &o, &f));
		digest_hex(&o.change, hex);
		put(l, "against change %.16s: %s", hex, o.comment);
	}
	return OK;
}

rc change_line(struct cli *c, enum statement_kind kind, struct view statement,
	       char out[CHANGE_LINE_MAX])
{
	struct line l = {.out = out};
	rc r;

	out[0] = '\0';
	if (kind == STATEMENT_POLICY || kind == STATEMENT_ROSTER || kind == STATEMENT_RECOVERY)
		return document_line(c, kind, statement, out);
	r = kind == STATEMENT_ACCESS ? access_line(c, statement, &l)
				     : admin_line(c, kind, statement, &l);
	shown_text(out, CHANGE_LINE_MAX);
	return r;
}
