#include "lib/model/roster.h"

#include <stdlib.h>

#include "lib/model/field.h"
#include "lib/model/roster_read.h"
#include "lib/model/statement.h"

void roster_free(struct roster *r)
{
	if (r == NULL)
		return;
	principals_free(r->people, r->people_count);
	principals_free(r->hosts, r->host_count);
	principals_free(r->services, r->service_count);
	principals_free(r->builders, r->builder_count);
	free(r->domains);
	free(r->groups);
	free(r->keys);
	free(r->members);
	buf_release(&r->bytes);
	free(r);
}

/* ---- The whole ------------------------------------------------------------------------------*/

/* Names that would stand for two, or for nobody. */
static rc check_names(const struct roster *r, struct fault *f)
{
	for (size_t i = 0; i < r->service_count; i++) {
		const struct principal *s = &r->services[i];

		if (roster_person(r, &s->name) != NULL)
			return fault_set(f, RC_DUPLICATE, 0, "%s is a person and a service",
					 s->name.s);
		for (size_t k = 0; k < s->owner_count; k++)
			if (roster_person(r, &s->owners[k]) == NULL)
				return fault_set(f, RC_NOTFOUND, 0,
						 "service %s: owner %s is not in the roster",
						 s->name.s, s->owners[k].s);
		if (roster_host(r, &s->name) != NULL)
			return fault_set(f, RC_DUPLICATE, 0, "%s is a host and a service",
					 s->name.s);
	}
	/* Rules name machines whose word counts by name alone: one must not speak for another. */
	for (size_t i = 0; i < r->builder_count; i++) {
		const struct name *n = &r->builders[i].name;

		if (roster_host(r, n) != NULL || roster_service(r, n) != NULL)
			return fault_set(f, RC_DUPLICATE, 0, "%s is a builder and a %s", n->s,
					 roster_host(r, n) != NULL ? "host" : "service");
	}
	return OK;
}

static rc services_digest(struct roster *r, struct fault *f)
{
	AUTO(buf) struct buf b = {0};

	buf_init(&b, (size_t)ROSTER_SERVICES_MAX * DIGEST_SIZE);
	for (size_t i = 0; i < r->service_count; i++)
		buf_put_view(&b, digest_view(&r->services[i].digest));
	if (!rc_is_ok(buf_done(&b)))
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	r->services_digest = digest_of(buf_view(&b));
	return OK;
}

static rc roster_read(struct view document, struct roster *r, struct fault *f)
{
	const struct principal_list lists[] = {
		{"builders", PRINCIPAL_BUILDER, true, ROSTER_BUILDERS_MAX, &r->builders,
		 &r->builder_count},
		{"hosts", PRINCIPAL_HOST, false, ROSTER_HOSTS_MAX, &r->hosts, &r->host_count},
		{"people", PRINCIPAL_PERSON, false, ROSTER_PEOPLE_MAX, &r->people,
		 &r->people_count},
		{"services", PRINCIPAL_SERVICE, true, ROSTER_SERVICES_MAX, &r->services,
		 &r->service_count},
	};
	AUTO(nested) struct nested_list nested = {0};
	struct jcan j;

	if (document.len > DOCUMENT_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "%zu bytes, at most %u", document.len,
				 DOCUMENT_BYTES_MAX);
	/* Roots stay where they are. */
	buf_init(&r->bytes, DOCUMENT_BYTES_MAX);
	buf_put_view(&r->bytes, document);
	TRY(buf_done(&r->bytes));
	jcan_init(&j, buf_view(&r->bytes), f);
	TRY(jcan_object(&j));
	TRY(principals_read(&j, &lists[0]));
	TRY(nested_read(&j, &nested));
	for (size_t i = 1; i < 4; i++)
		TRY(principals_read(&j, &lists[i]));
	TRY(domains_read(&j, r));
	TRY(field_u64(&j, "version", 1, JCAN_NUMBER_MAX, &r->version));
	TRY(jcan_object_end(&j));
	TRY(jcan_end(&j));
	TRY(check_names(r, f));
	TRY(nested_apply(r, &nested, f));
	TRY(services_digest(r, f));
	TRY(roster_index_keys(r, f));
	TRY(roster_index_groups(r, f));
	r->digest = digest_of(document);
	return OK;
}

rc roster_parse(struct view document, struct roster **ret, struct fault *f)
{
	struct roster *r = (struct roster *)calloc(1, sizeof(*r));
	rc e;

	if (r == NULL)
		return fault_set(f, RC_NOMEM, 0, "roster: out of memory");
	e = roster_read(document, r, f);
	if (!rc_is_ok(e)) {
		roster_free(r);
		return fault_wrap(f, e, "roster");
	}
	*ret = r;
	return OK;
}

/* ---- Looking up -----------------------------------------------------------------------------*/

static const struct principal *find(const struct principal *list, size_t count,
				    const struct name *n)
{
	const struct principal key = {.name = *n};

	if (count == 0)
		return NULL;
	return (const struct principal *)bsearch(&key, list, count, sizeof(*list),
						 principals_order);
}

const struct principal *roster_person(const struct roster *r, const struct name *n)
{
	return find(r->people, r->people_count, n);
}

const struct principal *roster_host(const struct roster *r, const struct name *n)
{
	return find(r->hosts, r->host_count, n);
}

const struct principal *roster_service(const struct roster *r, const struct name *n)
{
	return find(r->services, r->service_count, n);
}

const struct principal *roster_builder(const struct roster *r, const struct name *n)
{
	return find(r->builders, r->builder_count, n);
}

const struct principal *roster_requester(const struct roster *r, const struct name *n)
{
	const struct principal *p = roster_person(r, n);

	return p != NULL ? p : roster_service(r, n);
}

const struct spiffe_domain *roster_domain(const struct roster *r, const char *domain)
{
	for (size_t i = 0; i < r->domain_count; i++)
		if (strcmp(r->domains[i].domain, domain) == 0)
			return &r->domains[i];
	return NULL;
}

static int groups_order(const void *a, const void *b)
{
	const struct roster_group *x = (const struct roster_group *)a;
	const struct roster_group *y = (const struct roster_group *)b;
	int order = (int)x->is_host - (int)y->is_host;

	return order != 0 ? order : name_compare(&x->name, &y->name);
}

const struct roster_group *roster_group(const struct roster *r, bool is_host, const struct name *n)
{
	const struct roster_group key = {.name = *n, .is_host = is_host};

	if (r->group_count == 0)
		return NULL;
	return (const struct roster_group *)bsearch(&key, r->groups, r->group_count,
						    sizeof(*r->groups), groups_order);
}

static int fingerprints_order(const void *a, const void *b)
{
	return memcmp(((const struct roster_key *)a)->fingerprint.b,
		      ((const struct roster_key *)b)->fingerprint.b, DIGEST_SIZE);
}

static const struct principal *owner_of(const struct roster *r, struct view blob)
{
	const struct roster_key key = {.fingerprint = digest_of(blob)};
	const struct roster_key *hit;

	if (r->key_count == 0)
		return NULL;
	hit = (const struct roster_key *)bsearch(&key, r->keys, r->key_count, sizeof(key),
						 fingerprints_order);
	return hit == NULL ? NULL : hit->owner;
}

const struct principal *roster_person_by_key(const struct roster *r, struct view blob)
{
	const struct principal *p = owner_of(r, blob);

	return p != NULL && p->kind == PRINCIPAL_PERSON ? p : NULL;
}

const struct principal *roster_requester_by_key(const struct roster *r, struct view blob)
{
	const struct principal *p = owner_of(r, blob);

	return p != NULL && (p->kind == PRINCIPAL_PERSON || p->kind == PRINCIPAL_SERVICE) ? p
											  : NULL;
}

/* ---- About one of them ---------------------------------------------------------------------*/

bool principal_is_member(const struct principal *p, const struct name *group)
{
	for (size_t i = 0; i < p->group_count; i++)
		if (name_is_equal(&p->groups[i], group))
			return true;
	return false;
}

bool roster_is_behind(const struct principal *service, const struct principal *person,
		      const char *account)
{
	size_t len;

	for (size_t i = 0; i < service->owner_count; i++)
		if (name_is_equal(&service->owners[i], &person->name))
			return true;
	if (service->oidc == NULL || account[0] == '\0')
		return false;
	len = strlen(service->oidc->name.s);
	for (size_t i = 0; i < person->account_count; i++) {
		const char *a = person->accounts[i];

		if (strncmp(a, service->oidc->name.s, len) == 0 && a[len] == ':' &&
		    strcmp(a + len + 1, account) == 0)
			return true;
	}
	return false;
}

const struct sshkey *principal_key(const struct principal *p, struct view blob)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (view_is_equal(sshkey_blob(p->keys[i]), blob))
			return p->keys[i];
	return NULL;
}

static const char *const classes[HOST_CLASSES] = {
	[HOST_SOFTWARE] = "software",
	[HOST_VTPM] = "vtpm",
	[HOST_TPM] = "tpm",
	[HOST_ATTESTED] = "attested",
};

const char *host_class_name(enum host_class c)
{
	return classes[c];
}

rc host_class_parse(struct view text, enum host_class *ret)
{
	for (unsigned i = 0; i < HOST_CLASSES; i++)
		if (view_is(text, classes[i])) {
			*ret = (enum host_class)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

const char *principal_kind_name(enum principal_kind k)
{
	static const char *const names[] = {
		[PRINCIPAL_PERSON] = "person",
		[PRINCIPAL_HOST] = "host",
		[PRINCIPAL_SERVICE] = "service",
		[PRINCIPAL_BUILDER] = "builder",
	};

	return names[k];
}
