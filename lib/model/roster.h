/* roster - who exists: people with their approval keys and groups, hosts, service accounts of jobs,
 * builders.
 *
 * Canonical JSON document (inside a roster statement, model/change.h):
 * {"builders":[{"keys":[KEY..],"name":NAME}..]?,
 *  "groups":[{"groups":[NAME..],"name":NAME}..]?,
 *  "hosts":[{"class":CLASS?,"enrol":true?,"groups":[NAME..],"keys":[KEY..]?,"name":NAME,"spiffe":URI?}..],
 *  "people":[{"accounts":[TEXT..]?,"groups":[..],"keys":[KEY..]?,"name":NAME}..],
 *  "services":[{"keys":[KEY..]?,"name":NAME,"oidc":{"actor":CLAIM?,"audience":TEXT?,"bind":"audience"?,
 *    "issuer":URL,"jwks":TEXT?,"match":["CLAIM=TEXT"..],"name":NAME}?,"owners":[NAME..]?}..]?,
 *  "spiffe":[{"domain":TEXT,"roots":[BASE64..]}..]?,"version":N}
 * Lists may be in any order; a name, group or key twice is a refusal, and a key stands for exactly
 * one of all. No service has the name of a person, and no two of hosts, services and builders share
 * one: rules know who asked, and whose word counts, by name alone. KEY is "TYPE BASE64" without a
 * comment. A person's keys sign on the command line or, if they are passkeys (sshkey.h), in a
 * browser. A host has keys, or gets one by enrolment (enrol), or is known by its SPIFFE ID: exactly
 * one of the three; CLASS is the least that enrolment must reach. A service has keys, oidc or both;
 * its owners, people, never approve what it asks for. accounts are names that a token's actor claim
 * gives a person: "OIDC-NAME:ACCOUNT". Groups of people and groups of hosts are apart; a group
 * exists while it has a member. `groups` puts groups of people into one: its members are theirs,
 * too, at most ROSTER_NESTING deep and never in a circle. Services and builders are in no group, so
 * they never fill a seat. Immutable once parsed, so it can be shared between threads. */
#ifndef GS_MODEL_ROSTER_H
#define GS_MODEL_ROSTER_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/sshkey.h"
#include "lib/model/name.h"

#define ROSTER_PEOPLE_MAX 4096u
#define ROSTER_HOSTS_MAX 4096u
#define ROSTER_KEYS_MAX 16u
#define ROSTER_GROUPS_MAX 64u
#define ROSTER_SERVICES_MAX 1024u
#define ROSTER_BUILDERS_MAX 256u
#define ROSTER_OWNERS_MAX 64u
#define ROSTER_ACCOUNTS_MAX 16u
#define ROSTER_NESTED_MAX 64u /* entries of "groups" */
#define ROSTER_NESTING 8u
#define ROSTER_DOMAINS_MAX 16u
#define ROSTER_ROOTS_MAX 8u
#define ROSTER_TEXT_MAX 255u   /* accounts, audiences, values of claims */
#define ROSTER_ROOT_MAX 16384u /* base64 of one certificate */
#define ROSTER_JWKS_MAX 16384u
#define ROSTER_CLAIMS_MAX 16u

enum principal_kind { PRINCIPAL_PERSON, PRINCIPAL_HOST, PRINCIPAL_SERVICE, PRINCIPAL_BUILDER };

/* How well a host's key is kept, from the least to the most. */
enum host_class { HOST_SOFTWARE, HOST_VTPM, HOST_TPM, HOST_ATTESTED };
#define HOST_CLASSES 4u

struct claim_match {
	char claim[NAME_MAX_LEN + 1]; /* printable ASCII */
	char value[ROSTER_TEXT_MAX + 1];
};

/* Which tokens of an issuer are a service (RFC 7519; docs/policy.md). "" and zeros: not given. */
struct oidc {
	struct name name; /* what people[].accounts call the issuer */
	char issuer[ROSTER_TEXT_MAX + 1];
	char audience[ROSTER_TEXT_MAX + 1];
	bool bind_audience;
	char actor[NAME_MAX_LEN + 1];
	struct claim_match match[ROSTER_CLAIMS_MAX]; /* sorted by claim, at least one */
	size_t match_count;
	char *jwks; /* pinned key set, JSON; NULL: comes from greatseal-jwksd */
};

struct principal {
	struct name name;
	enum principal_kind kind;
	struct name *groups; /* sorted; those it is in through other groups as well */
	size_t group_count;
	struct sshkey **keys; /* sorted by fingerprint */
	size_t key_count;
	unsigned channels;   /* of its keys: a set of 1u << enum sshkey_channel */
	struct name *owners; /* of a service; sorted */
	size_t owner_count;
	char (*accounts)[ROSTER_TEXT_MAX + 1]; /* of a person; sorted */
	size_t account_count;
	struct oidc *oidc;     /* of a service; NULL: keys alone */
	bool enrol;	       /* of a host: its key comes by enrolment */
	enum host_class least; /* of a host */
	char *spiffe;	       /* of a host: its SPIFFE ID; NULL: none */
	/* SHA-256 of "greatseal-principal-v1\n", "person\n", "host\n", "service\n" or "builder\n",
	 * name,
	 * "\n", then the 32-byte fingerprints (SHA-256 of the key blob) in sorted order; of a host
	 * that has no keys, "enrol CLASS\n" or "spiffe CLASS\n" and its ID; of a service, the
	 * SHA-256 of its canonical bytes. */
	struct digest digest;
};

struct roster_group {
	struct name name;
	bool is_host;
	const struct principal *const *members; /* sorted by name, at least one */
	size_t member_count;
	/* SHA-256 of "greatseal-group-v1\n", "person\n" or "host\n", name, "\n", then the digests
	 * of the members in this order. */
	struct digest digest;
};

struct roster_key {
	struct digest fingerprint;
	const struct principal *owner;
};

/* Certificate authorities of a SPIFFE trust domain. */
struct spiffe_domain {
	char domain[ROSTER_TEXT_MAX + 1];
	struct view roots[ROSTER_ROOTS_MAX]; /* base64 text of DER, in roster->bytes */
	size_t root_count;
};

struct roster {
	uint64_t version;
	struct principal *people; /* sorted by name */
	size_t people_count;
	struct principal *hosts; /* sorted by name */
	size_t host_count;
	struct principal *services; /* sorted by name */
	size_t service_count;
	struct digest services_digest; /* SHA-256 of their digests in this order */
	struct principal *builders;    /* sorted by name */
	size_t builder_count;
	struct spiffe_domain *domains; /* sorted by domain */
	size_t domain_count;
	struct roster_group *groups; /* those of people first, then by name */
	size_t group_count;
	struct roster_key *keys; /* sorted by fingerprint */
	size_t key_count;
	const struct principal **members; /* memory behind the groups */
	struct buf bytes;		  /* the document */
	struct digest digest;		  /* of its canonical bytes */
};

/* Reads a document; *ret is independent of its bytes. Form as jcan.h and sshkey.h; RC_DUPLICATE a
 * name, group or key twice; RC_LIMIT over the maxima above or DOCUMENT_BYTES_MAX; RC_RANGE version
 * 0, somebody without a key or whatever stands for it, or with more than one of those, an empty
 * optional list, groups that are nested too deep; RC_SYNTAX a text of another form; RC_NONCANON a
 * key line with comment; RC_NOTFOUND an owner who is no person, a nested group that has no member;
 * RC_MISMATCH groups in a circle; RC_NOMEM. */
MUST rc roster_parse(struct view document, struct roster **ret, struct fault *f);
void roster_free(struct roster *r);
static inline void roster_autorelease(struct roster **r)
{
	roster_free(*r);
}

/* NULL if there is none. */
const struct principal *roster_person(const struct roster *r, const struct name *n);
const struct principal *roster_host(const struct roster *r, const struct name *n);
const struct principal *roster_service(const struct roster *r, const struct name *n);
const struct principal *roster_builder(const struct roster *r, const struct name *n);
/* The person or service of that name. */
const struct principal *roster_requester(const struct roster *r, const struct name *n);
const struct spiffe_domain *roster_domain(const struct roster *r, const char *domain);
/* NULL if nobody is in it. */
const struct roster_group *roster_group(const struct roster *r, bool is_host, const struct name *n);
/* The person who owns this public key blob; NULL if nobody does or it is not a person's. */
const struct principal *roster_person_by_key(const struct roster *r, struct view blob);
/* The same, a person or a service. */
const struct principal *roster_requester_by_key(const struct roster *r, struct view blob);
/* Whether this person stands behind the service: as an owner, or as the account of that name of the
 * service's issuer ("" for none). */
bool roster_is_behind(const struct principal *service, const struct principal *person,
		      const char *account);
bool principal_is_member(const struct principal *p, const struct name *group);
/* The key of p whose blob is this one; NULL if none. */
const struct sshkey *principal_key(const struct principal *p, struct view blob);
/* "software", "vtpm", "tpm", "attested" and back; RC_UNKNOWN. */
const char *host_class_name(enum host_class c);
MUST rc host_class_parse(struct view text, enum host_class *ret);
/* "person", "host", "service", "builder". */
const char *principal_kind_name(enum principal_kind k);

#endif
