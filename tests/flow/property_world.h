/* property_world - a real keeper beside the reference: the same documents, clock and people in
 * both.
 *
 * Owns: how the reference's policy, roster and acts look as bytes, and who signs them. */
#ifndef GS_TESTS_PROPERTY_WORLD_H
#define GS_TESTS_PROPERTY_WORLD_H

#include "lib/policy/policy.h"
#include "tests/lib/fixture.h"
#include "tests/lib/passkey.h"
#include "tests/lib/reference.h"

#define SLOTS 12
#define BEGIN 1795694400 /* 2026-11-26 12:00 UTC */

/* A request with what was said about it, as bytes that can be sent again. */
struct slot {
	bool used;
	struct ref_request q;
	struct fx_request r;
	struct buf sig;
	struct buf host_sig;
	struct {
		struct buf statement;
		struct buf sig;
		struct digest digest;
	} acts[REF_ACTS];
};

struct world {
	struct fixture fx;
	struct ref ref;
	struct fx_key keys[REF_PEOPLE][2]; /* those of the fixture, in the reference's order */
	struct passkey passkeys[2];	   /* carol's and dave's second keys */
	struct policy *policy;
	struct roster *roster;
	struct digest fingerprint[REF_KEYS];
	struct slot slots[SLOTS];
	uint32_t counter; /* for nonces */
};

extern const char *const ref_people[REF_PEOPLE];
extern const char *const ref_keys[REF_KEYS + 1];
extern const char *const ref_rules[REF_RULES];

/* A keeper that has the reference's first policy and roster. */
void world_begin(struct world *w);
/* Stops it; its journal must be whole. */
void world_end(struct world *w);
/* Without a look at what a keeper that was killed has left. */
void world_release(struct world *w);
/* The first ones, into what is not NULL. */
void world_first(struct ref_policy *policy, struct ref_roster *roster);
void world_clock(struct world *w, unix_time t);

unsigned world_channel(int person, unsigned key);
/* The digest of a rule in force, as an approver's program computes it. */
struct digest world_rule_digest(const struct world *w, int rule, int key);
/* Fills the slot's bytes from its q, whose fields somebody has chosen. */
void world_make_request(struct world *w, struct slot *s);
/* The same of act n, for the rule (an approval). */
void world_make_act(struct world *w, struct slot *s, int n, int rule);
/* Sends a new version. False: the keeper says change.invalid, or time.clock; the world is as
 * before. */
bool world_policy(struct world *w, const struct ref_policy *p);
bool world_roster(struct world *w, const struct ref_roster *r);
void world_lock(struct world *w, int key, bool lock);

#endif
