/* roster - who exists: people with their approval keys and groups, hosts with their keys and groups.
 *
 * Canonical JSON document (inside a roster statement, model/change.h):
 * {"hosts":[{"groups":[NAME..],"keys":["ssh-ed25519 AAAA"..],"name":NAME}..],
 *  "people":[{"groups":[..],"keys":[..],"name":NAME}..],"version":N}
 * Lists are sorted by name and free of duplicates; a key stands for exactly one person or host.
 * Immutable once parsed, so it can be shared between threads. */
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
	struct name *groups;
	size_t group_count;
	struct sshkey **keys;
	size_t key_count;
};

struct roster {
	uint64_t version;
	struct principal *people;
	size_t people_count;
	struct principal *hosts;
	size_t host_count;
	struct digest digest; /* of the document's canonical bytes */
};

MUST rc roster_parse(struct view document, struct roster **ret, struct fault *f);
void roster_free(struct roster *r);

/* NULL if there is none. */
const struct principal *roster_person(const struct roster *r, const struct name *n);
const struct principal *roster_host(const struct roster *r, const struct name *n);
/* Who owns this public key blob; NULL if nobody. */
const struct principal *roster_person_by_key(const struct roster *r, struct view blob);
bool principal_is_member(const struct principal *p, const struct name *group);
/* The key of p whose blob is this one; NULL if none. */
const struct sshkey *principal_key(const struct principal *p, struct view blob);

#endif
