/* roster - who exists: people with their approval keys and groups, hosts with their keys and
 * groups.
 *
 * Canonical JSON document (inside a roster statement, model/change.h):
 * {"hosts":[{"groups":[NAME..],"keys":["ssh-ed25519 AAAA"..],"name":NAME}..],
 *  "people":[{"groups":[..],"keys":[..],"name":NAME}..],"version":N}
 * Lists may be in any order; a name, group or key twice is a refusal, and a key stands for exactly
 * one person or host. Keys are "TYPE BASE64" without a comment; everybody has at least one. Groups
 * of people and groups of hosts are apart; a group exists while it has a member. Immutable once
 * parsed, so it can be shared between threads. */
#ifndef GS_MODEL_ROSTER_H
#define GS_MODEL_ROSTER_H

#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/sshkey.h"
#include "lib/model/name.h"

#define ROSTER_PEOPLE_MAX 4096u
#define ROSTER_HOSTS_MAX 4096u
#define ROSTER_KEYS_MAX 16u
#define ROSTER_GROUPS_MAX 64u

struct principal {
	struct name name;
	bool is_host;
	struct name *groups; /* sorted */
	size_t group_count;
	struct sshkey **keys; /* sorted by fingerprint */
	size_t key_count;
	/* SHA-256 of "greatseal-principal-v1\n", "person\n" or "host\n", name, "\n", then the
	 * 32-byte fingerprints (SHA-256 of the key blob) in sorted order. */
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

struct roster {
	uint64_t version;
	struct principal *people; /* sorted by name */
	size_t people_count;
	struct principal *hosts; /* sorted by name */
	size_t host_count;
	struct roster_group *groups; /* those of people first, then by name */
	size_t group_count;
	struct roster_key *keys; /* sorted by fingerprint */
	size_t key_count;
	const struct principal **members; /* memory behind the groups */
	struct digest digest;		  /* of the document's canonical bytes */
};

/* Reads a document; *ret is independent of its bytes. Form as jcan.h and sshkey.h; RC_DUPLICATE a
 * name, group or key twice; RC_LIMIT over the maxima above or DOCUMENT_BYTES_MAX; RC_RANGE version
 * 0 or somebody without a key; RC_NONCANON a key line with comment; RC_NOMEM. */
MUST rc roster_parse(struct view document, struct roster **ret, struct fault *f);
void roster_free(struct roster *r);
static inline void roster_autorelease(struct roster **r)
{
	roster_free(*r);
}

/* NULL if there is none. */
const struct principal *roster_person(const struct roster *r, const struct name *n);
const struct principal *roster_host(const struct roster *r, const struct name *n);
/* NULL if nobody is in it. */
const struct roster_group *roster_group(const struct roster *r, bool is_host, const struct name *n);
/* The person who owns this public key blob; NULL if nobody or a host. */
const struct principal *roster_person_by_key(const struct roster *r, struct view blob);
bool principal_is_member(const struct principal *p, const struct name *group);
/* The key of p whose blob is this one; NULL if none. */
const struct sshkey *principal_key(const struct principal *p, struct view blob);

#endif
