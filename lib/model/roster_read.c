/* Reading what a roster lists: people, hosts, services, builders, nested groups, trust domains. */
#include <stdlib.h>

#include "lib/codec/base64.h"
#include "lib/crypt/spiffe.h"
#include "lib/model/field.h"
#include "lib/model/roster_read.h"

void principals_free(struct principal *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct principal *p = &list[i];

		for (size_t k = 0; k < p->key_count; k++)
			sshkey_free(p->keys[k]);
		if (p->oidc != NULL)
			free(p->oidc->jwks);
		free(p->keys);
		free(p->groups);
		free(p->owners);
		free(p->accounts);
		free(p->oidc);
		free(p->spiffe);
	}
	free(list);
}

void nested_release(struct nested_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i].groups);
	free(l->items);
	*l = (struct nested_list){0};
}

rc roster_grow(void **list, size_t count, size_t max, size_t size, struct jcan *j)
{
	void *p;

	if (count == max)
		return fault_set(j->fault, RC_LIMIT, j->at, "more than %zu entries", max);
	if (count != 0 && (count & (count - 1)) != 0)
		return OK; /* room is always a power of two */
	p = reallocarray(*list, count == 0 ? 1 : 2 * count, size);
	if (p == NULL)
		return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
	*list = p;
	return OK;
}

/* ---- Lists of words ------------------------------------------------------------------------*/

static int names_order(const void *a, const void *b)
{
	return name_compare((const struct name *)a, (const struct name *)b);
}

rc roster_names(struct jcan *j, size_t min, size_t max, struct name **ret, size_t *ret_count)
{
	size_t count = 0;
	bool more;

	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(roster_grow((void **)ret, count, max, sizeof(**ret), j));
		TRY(field_name_value(j, &(*ret)[count]));
		count++;
	}
	if (count < min)
		return fault_set(j->fault, RC_RANGE, j->at, "no name");
	if (count > 1)
		qsort(*ret, count, sizeof(**ret), names_order);
	for (size_t i = 1; i < count; i++)
		if (name_is_equal(&(*ret)[i - 1], &(*ret)[i]))
			return fault_set(j->fault, RC_DUPLICATE, j->at, "%s twice", (*ret)[i].s);
	*ret_count = count;
	return OK;
}

static int keys_order(const void *a, const void *b)
{
	return memcmp(sshkey_fingerprint(*(struct sshkey *const *)a)->b,
		      sshkey_fingerprint(*(struct sshkey *const *)b)->b, DIGEST_SIZE);
}

static rc key_read(struct jcan *j, struct sshkey **ret)
{
	struct view comment = {0};
	struct view line;
	size_t at = j->at;
	struct sshkey *key;

	TRY(jcan_text(j, SSHKEY_LINE_MAX, &line));
	TRY(sshkey_parse_line(line, &key, &comment, j->fault));
	if (comment.len > 0) {
		sshkey_free(key);
		return fault_set(j->fault, RC_NONCANON, at, "key line with a comment");
	}
	*ret = key;
	return OK;
}

/* "field":[KEY..], if it is there. */
static rc keys_read(struct jcan *j, const char *field, struct sshkey ***ret, size_t *ret_count)
{
	bool more;

	TRY(jcan_key_optional(j, field, &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(roster_grow((void **)ret, *ret_count, ROSTER_KEYS_MAX, sizeof(**ret), j));
		TRY(key_read(j, &(*ret)[*ret_count]));
		(*ret_count)++;
	}
	if (*ret_count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "no key in %s", field);
	qsort(*ret, *ret_count, sizeof(struct sshkey *), keys_order);
	return OK;
}

static int accounts_order(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b);
}

/* Printable ASCII without spaces, with a name and a colon before it: what is compared with a token
 * must not be two texts that look the same. */
static rc account_read(struct jcan *j, char out[ROSTER_TEXT_MAX + 1])
{
	struct name issuer;
	struct view text;
	struct view rest;
	struct view prefix;

	TRY(jcan_text(j, ROSTER_TEXT_MAX, &text));
	rest = text;
	if (!rc_is_ok(view_until(&rest, ':', &prefix)) || !rc_is_ok(name_parse(prefix, &issuer)) ||
	    rest.len == 0 || memchr(text.ptr, ' ', text.len) != NULL)
		return fault_set(j->fault, RC_SYNTAX, j->at,
				 "an account has the form ISSUER:ACCOUNT");
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return OK;
}

static rc accounts_read(struct jcan *j, struct principal *p)
{
	bool more;

	TRY(jcan_key_optional(j, "accounts", &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(roster_grow((void **)&p->accounts, p->account_count, ROSTER_ACCOUNTS_MAX,
				sizeof(*p->accounts), j));
		TRY(account_read(j, p->accounts[p->account_count]));
		p->account_count++;
	}
	if (p->account_count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "no account");
	qsort(p->accounts, p->account_count, sizeof(*p->accounts), accounts_order);
	for (size_t i = 1; i < p->account_count; i++)
		if (strcmp(p->accounts[i - 1], p->accounts[i]) == 0)
			return fault_set(j->fault, RC_DUPLICATE, j->at, "account %s twice",
					 p->accounts[i]);
	return OK;
}

/* ---- One of each kind ----------------------------------------------------------------------*/

static rc groups_read(struct jcan *j, struct principal *p)
{
	TRY(jcan_key(j, "groups"));
	return roster_names(j, 0, ROSTER_GROUPS_MAX, &p->groups, &p->group_count);
}

static rc person_read(struct jcan *j, struct principal *p)
{
	TRY(accounts_read(j, p));
	TRY(groups_read(j, p));
	TRY(keys_read(j, "keys", &p->keys, &p->key_count));
	TRY(field_name(j, "name", &p->name));
	return p->key_count > 0 ? OK : fault_set(j->fault, RC_RANGE, j->at, "no key");
}

static rc spiffe_read(struct jcan *j, struct principal *p)
{
	struct view id;
	bool found;

	TRY(jcan_key_optional(j, "spiffe", &found));
	if (!found)
		return OK;
	TRY(jcan_text(j, ROSTER_TEXT_MAX, &id));
	if (!spiffe_id_is_good(id))
		return fault_set(j->fault, RC_SYNTAX, j->at,
				 "a SPIFFE ID has the form spiffe://DOMAIN/PATH");
	p->spiffe = strndup((const char *)id.ptr, id.len);
	return p->spiffe != NULL ? OK : RC(RC_NOMEM);
}

static rc host_read(struct jcan *j, struct principal *p)
{
	struct view text;
	bool found;

	TRY(jcan_key_optional(j, "class", &found));
	if (found) {
		TRY(jcan_text(j, 16, &text));
		if (!rc_is_ok(host_class_parse(text, &p->least)))
			return fault_set(j->fault, RC_SYNTAX, j->at,
					 "class is software, vtpm, tpm or attested");
	}
	TRY(jcan_key_optional(j, "enrol", &found));
	if (found)
		TRY(jcan_bool(j, &p->enrol));
	if (found && !p->enrol)
		return fault_set(j->fault, RC_RANGE, j->at, "enrol is true or not there");
	TRY(groups_read(j, p));
	TRY(keys_read(j, "keys", &p->keys, &p->key_count));
	TRY(field_name(j, "name", &p->name));
	TRY(spiffe_read(j, p));
	if ((p->key_count > 0) + p->enrol + (p->spiffe != NULL) != 1)
		return fault_set(j->fault, RC_RANGE, j->at,
				 "a host has one of keys, enrol, spiffe");
	if (p->least != HOST_SOFTWARE && !p->enrol)
		return fault_set(j->fault, RC_RANGE, j->at,
				 "only a host that enrols can prove a class");
	return OK;
}

static rc service_read(struct jcan *j, struct principal *p)
{
	bool found;

	TRY(keys_read(j, "keys", &p->keys, &p->key_count));
	TRY(field_name(j, "name", &p->name));
	TRY(jcan_key_optional(j, "oidc", &found));
	if (found)
		TRY(oidc_read(j, &p->oidc));
	TRY(jcan_key_optional(j, "owners", &found));
	if (found)
		TRY(roster_names(j, 1, ROSTER_OWNERS_MAX, &p->owners, &p->owner_count));
	if (p->key_count == 0 && p->oidc == NULL)
		return fault_set(j->fault, RC_RANGE, j->at, "a service has keys or oidc");
	return OK;
}

static rc builder_read(struct jcan *j, struct principal *p)
{
	TRY(keys_read(j, "keys", &p->keys, &p->key_count));
	TRY(field_name(j, "name", &p->name));
	return p->key_count > 0 ? OK : fault_set(j->fault, RC_RANGE, j->at, "no key");
}

static rc (*const readers[])(struct jcan *j, struct principal *p) = {
	[PRINCIPAL_PERSON] = person_read,
	[PRINCIPAL_HOST] = host_read,
	[PRINCIPAL_SERVICE] = service_read,
	[PRINCIPAL_BUILDER] = builder_read,
};

static void put_fingerprints(struct buf *b, struct sshkey *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_put_view(b, digest_view(sshkey_fingerprint(keys[i])));
}

static rc principal_digest(struct view json, struct principal *p)
{
	struct digest whole = digest_of(json);
	uint8_t mem[ROSTER_KEYS_MAX * DIGEST_SIZE + ROSTER_TEXT_MAX + 256];
	struct buf b;

	buf_init_fixed(&b, mem, sizeof(mem));
	buf_printf(&b, "greatseal-principal-v1\n%s\n%s\n", principal_kind_name(p->kind), p->name.s);
	if (p->kind == PRINCIPAL_SERVICE)
		buf_put_view(&b, digest_view(&whole));
	else
		put_fingerprints(&b, p->keys, p->key_count);
	if (p->enrol)
		buf_printf(&b, "enrol %s\n", host_class_name(p->least));
	if (p->spiffe != NULL)
		buf_printf(&b, "spiffe %s\n%s\n", host_class_name(p->least), p->spiffe);
	TRY(buf_done(&b));
	p->digest = digest_of(buf_view(&b));
	return OK;
}

static rc principal_read(struct jcan *j, struct principal *p)
{
	size_t start = j->at;

	TRY(jcan_object(j));
	TRY(readers[p->kind](j, p));
	for (size_t i = 0; i < p->key_count; i++)
		p->channels |= 1u << sshkey_channel(p->keys[i]);
	TRY(jcan_object_end(j));
	return principal_digest(view_of(j->in.ptr + start, j->at - start), p);
}

int principals_order(const void *a, const void *b)
{
	return name_compare(&((const struct principal *)a)->name,
			    &((const struct principal *)b)->name);
}

rc principals_read(struct jcan *j, const struct principal_list *l)
{
	const char *what = principal_kind_name(l->kind);
	bool more = true;

	if (l->optional)
		TRY(jcan_key_optional(j, l->key, &more));
	else
		TRY(jcan_key(j, l->key));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		struct principal *p;
		rc r;

		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(roster_grow((void **)l->items, *l->count, l->max, sizeof(*p), j));
		p = &(*l->items)[(*l->count)++];
		*p = (struct principal){.kind = l->kind};
		r = principal_read(j, p);
		if (!rc_is_ok(r))
			return fault_wrap(j->fault, r, "%s %zu", what, *l->count - 1);
	}
	if (l->optional && *l->count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "%s is empty", l->key);
	if (*l->count > 1)
		qsort(*l->items, *l->count, sizeof(**l->items), principals_order);
	for (size_t i = 1; i < *l->count; i++)
		if (principals_order(&(*l->items)[i - 1], &(*l->items)[i]) == 0)
			return fault_set(j->fault, RC_DUPLICATE, j->at, "%s %s twice", what,
					 (*l->items)[i].name.s);
	return OK;
}

/* ---- Nested groups, trust domains ----------------------------------------------------------*/

rc nested_read(struct jcan *j, struct nested_list *ret)
{
	bool more;

	TRY(jcan_key_optional(j, "groups", &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		struct nested *g;

		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(roster_grow((void **)&ret->items, ret->count, ROSTER_NESTED_MAX, sizeof(*g),
				j));
		g = &ret->items[ret->count++];
		*g = (struct nested){0};
		TRY(jcan_object(j));
		TRY(jcan_key(j, "groups"));
		TRY(roster_names(j, 1, ROSTER_GROUPS_MAX, &g->groups, &g->count));
		TRY(field_name(j, "name", &g->name));
		TRY(jcan_object_end(j));
		for (size_t i = 0; i + 1 < ret->count; i++)
			if (name_is_equal(&ret->items[i].name, &g->name))
				return fault_set(j->fault, RC_DUPLICATE, j->at, "group %s twice",
						 g->name.s);
	}
	return ret->count > 0 ? OK : fault_set(j->fault, RC_RANGE, j->at, "groups is empty");
}

static rc root_read(struct jcan *j, struct view *ret)
{
	AUTO(buf) struct buf der = {0};

	TRY(jcan_text(j, ROSTER_ROOT_MAX, ret));
	buf_init(&der, ROSTER_ROOT_MAX);
	if (!rc_is_ok(base64_parse(BASE64_STD, *ret, &der, NULL)) || der.len == 0)
		return fault_set(j->fault, RC_SYNTAX, j->at, "a root is a certificate in base64");
	return OK;
}

static rc domain_read(struct jcan *j, struct spiffe_domain *d)
{
	struct view text;
	bool more;

	TRY(jcan_object(j));
	TRY(jcan_key(j, "domain"));
	TRY(jcan_text(j, ROSTER_TEXT_MAX, &text));
	if (text.len == 0)
		return fault_set(j->fault, RC_SYNTAX, j->at, "domain is empty");
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '\0' ||
		    strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_", text.ptr[i]) == NULL)
			return fault_set(j->fault, RC_SYNTAX, j->at,
					 "a trust domain has a-z, 0-9, '.', '-' and '_'");
	memcpy(d->domain, text.ptr, text.len);
	TRY(jcan_key(j, "roots"));
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (d->root_count == ROSTER_ROOTS_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u roots",
					 ROSTER_ROOTS_MAX);
		TRY(root_read(j, &d->roots[d->root_count]));
		d->root_count++;
	}
	if (d->root_count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "no root");
	return jcan_object_end(j);
}

static int domains_order(const void *a, const void *b)
{
	return strcmp(((const struct spiffe_domain *)a)->domain,
		      ((const struct spiffe_domain *)b)->domain);
}

rc domains_read(struct jcan *j, struct roster *r)
{
	bool more;

	TRY(jcan_key_optional(j, "spiffe", &more));
	if (!more)
		return OK;
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(roster_grow((void **)&r->domains, r->domain_count, ROSTER_DOMAINS_MAX,
				sizeof(*r->domains), j));
		r->domains[r->domain_count] = (struct spiffe_domain){0};
		TRY(domain_read(j, &r->domains[r->domain_count]));
		r->domain_count++;
	}
	if (r->domain_count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "spiffe is empty");
	qsort(r->domains, r->domain_count, sizeof(*r->domains), domains_order);
	for (size_t i = 1; i < r->domain_count; i++)
		if (domains_order(&r->domains[i - 1], &r->domains[i]) == 0)
			return fault_set(j->fault, RC_DUPLICATE, j->at, "domain %s twice",
					 r->domains[i].domain);
	return OK;
}
