/* fixture - a running keeper with people, hosts and keys, for the tests that need one.
 *
 * People: alice (developers, security), bob, carol, dave (security), erin, frank (admins), robot
 * (robots). Hosts: build1 (builders), laptop. Keys of people and hosts are in this process.
 * Policy: rule "release": key release, asked for by developers on builders, 2 of security, 3 uses;
 * rule "nightly": key nightly, asked for by robots, unattended. Change and admin: 2 of admins.
 * Time zones: the files of the directory "zones" in the fixture's, which is made empty.
 * Every failure ends the test program with a line that says where (fx_check).
 * Owns: one temporary directory, one keeper process. */
#ifndef GS_TESTS_FIXTURE_H
#define GS_TESTS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/crypt/ed25519.h"
#include "lib/crypt/pkey_soft.h"
#include "lib/crypt/sshkey.h"
#include "lib/model/act.h"
#include "lib/model/change.h"
#include "lib/model/leaf.h"
#include "lib/model/request.h"
#include "lib/proto/keeper.h"
#include "lib/tlog/tree.h"

#define FX_PEOPLE 8
#define FX_HOSTS 2
#define FX_KEYS 2
#define FX_BODY_MAX KEEPER_FRAME_MAX

#define fx_check(cond)                                                                             \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fx_die(__FILE__, __LINE__, #cond);                                         \
	} while (0)
#define fx_ok(expr) fx_check(rc_is_ok(expr))
void fx_die(const char *file, int line, const char *what) __attribute__((noreturn));

/* Somebody who signs: Ed25519, or P-256 if seed is NULL. */
struct fx_key {
	struct ed25519_key *ed;
	struct pkey_soft *soft;
	struct sshkey *ssh;
};
struct fx_who {
	const char *name;
	const char *groups[3]; /* sorted, ends with NULL */
	struct fx_key key[FX_KEYS];
	size_t key_count;
	bool gone; /* left out of the next roster */
};

struct fixture {
	char dir[200];
	char socket[240];
	pid_t pid;
	int fd;	      /* connection to the keeper */
	bool may_die; /* an exchange with a keeper that is gone is of type 0 */
	uint64_t correlation;
	uint32_t nonce;			 /* counts, so that every statement is another */
	long clock;			 /* offset of the keeper's clock and of fx_now */
	unix_time still;		 /* or where both stand still; 0: they run */
	struct fx_who people[FX_PEOPLE]; /* ends with name NULL */
	struct fx_who hosts[FX_HOSTS + 1];
	uint64_t roster_version;
	uint64_t policy_version;
	struct buf roster; /* documents as made last */
	struct buf policy;
	const char *const *run_with; /* more settings of fx_run(), ends with NULL; or NULL */
	/* last answer */
	struct keeper_header header;
	struct buf body;
};

/* Before the first: directories are in memory, if there is room. For tests that write a lot, and
 * where what a disk does is not looked at. */
void fx_in_memory(void);
/* Makes keys, documents and the directory; no keeper. */
void fx_prepare(struct fixture *fx);
/* Runs init and starts the keeper. */
void fx_init(struct fixture *fx);
/* Both. A keeper is started with the
 * shims whose files are in the fixture's directory: "crash" (tests/lib/power.h), "gate"
 * (tests/shim/gate.h). */
void fx_start(struct fixture *fx);
/* Without init: for restarts after fx_stop or fx_kill. */
void fx_run(struct fixture *fx);
/* Runs the keeper's binary with a verb and the fixture's settings; its exit status. */
int fx_verb(struct fixture *fx, const char *verb, const char *const *extra);
/* Waits until a keeper that was started with fx_run ends by itself; its exit status. */
int fx_wait(struct fixture *fx);
void fx_stop(struct fixture *fx); /* SIGTERM; checks status 0 */
void fx_kill(struct fixture *fx); /* SIGKILL */
/* Stops, and removes everything. */
void fx_end(struct fixture *fx);
/* A second connection, blocking. The caller closes it. */
int fx_connect(struct fixture *fx);
/* To another of the keeper's sockets. */
int fx_connect_to(struct fixture *fx, const char *path);

unix_time fx_now(const struct fixture *fx);
void fx_clock(struct fixture *fx, long offset);
/* Stops it at t. */
void fx_clock_at(struct fixture *fx, unix_time t);
/* In a child about to exec: its clock turns with fx_clock() too. */
void fx_preload_clock(const struct fixture *fx);
struct fx_who *fx_person(struct fixture *fx, const char *name);
struct fx_who *fx_host(struct fixture *fx, const char *name);

/* Keys and signatures. */
void fx_key_new(struct fx_key *k, bool p256);
void fx_key_release(struct fx_key *k);
void fx_sign(const struct fx_key *k, const char *ns, struct view message, struct buf *out);
void fx_sign_as(struct fixture *fx, const char *person, enum statement_kind kind,
		struct view statement, struct buf *out);
/* Documents of the people and hosts as they are now, with that version. */
void fx_roster_doc(struct fixture *fx, uint64_t version, struct buf *out);
void fx_policy_doc(struct fixture *fx, uint64_t version, const char *extra_rules, struct buf *out);

/* Sends whole frames, reads one answer into header and body. False if the keeper closed instead. */
void fx_send(struct fixture *fx, const struct buf *frames);
bool fx_recv(struct fixture *fx);
/* Sends one frame, whose correlation id is fx->correlation, and reads its answer. */
enum keeper_type fx_exchange(struct fixture *fx, struct buf *frame);
/* The reason of an R_ERROR or R_STATUS answer. */
enum reason fx_reason(struct fixture *fx);
/* How often the keeper has logged a refusal for this reason so far. */
size_t fx_logged(struct fixture *fx, enum reason reason);

/* The file of the zone UTC is there from now on, or is not. */
void fx_zone(struct fixture *fx, bool there);
/* An entry of the log; its digest. False if the keeper closed instead. */
bool fx_entry(struct fixture *fx, uint64_t index, struct leaf *ret, struct digest *ret_digest);
/* The log as it is now. False if the keeper closed instead. */
bool fx_seen(struct fixture *fx, struct tree_head *ret);
/* A policy that 2 of admins sign is in force from now on; the answer's type. */
enum keeper_type fx_policy(struct fixture *fx, const struct buf *doc);

/* ---- Requests ------------------------------------------------------------------------------*/
struct fx_request {
	struct request r; /* filled with good values by fx_request_new; change at will */
	struct request_item items[4];
	const char *names[4];
	char params[4][64];
	struct buf statement;
	struct digest id;
};
/* alice on build1 for key "release" (or robot for "nightly"), cms, count <= 4 items. */
void fx_request_new(struct fixture *fx, const char *key, size_t count, struct fx_request *q);
void fx_request_encode(struct fx_request *q);
void fx_request_release(struct fx_request *q);
/* Signs as requester and host say and sends SUBMIT; the answer's type. */
enum keeper_type fx_submit(struct fixture *fx, struct fx_request *q, bool sign);
enum keeper_type fx_submit_raw(struct fixture *fx, enum keeper_type type, struct view statement,
			       struct view sig, struct view host_sig, bool sign);

/* ---- Acts ----------------------------------------------------------------------------------*/
/* A good approval by person for q under the rule in force for it, encoded into *out. */
void fx_act(struct fixture *fx, enum statement_kind kind, const char *person,
	    const struct fx_request *q, struct act *ret);
/* Encodes, signs with the person's first key and sends; the answer's type. */
enum keeper_type fx_act_send(struct fixture *fx, const struct act *a, bool sign);
enum keeper_type fx_act_raw(struct fixture *fx, enum statement_kind kind, struct view statement,
			    struct view sig, bool sign);
enum keeper_type fx_approve(struct fixture *fx, const char *person, const struct fx_request *q,
			    bool sign);
enum keeper_type fx_commit(struct fixture *fx, const struct fx_request *q, uint32_t use);
enum keeper_type fx_show(struct fixture *fx, const struct fx_request *q);

/* ---- Changes -------------------------------------------------------------------------------*/
/* Signed by the named people (ends with NULL). */
enum keeper_type fx_change(struct fixture *fx, enum statement_kind kind, struct view statement,
			   const char *const *people);
enum keeper_type fx_change_document(struct fixture *fx, enum statement_kind kind,
				    struct view document, const struct digest *previous,
				    const char *const *people);
enum keeper_type fx_key_change(struct fixture *fx, struct key_change *c, const char *const *people);
/* Creates a P-256 key and gives it a self-signed certificate. */
void fx_make_key(struct fixture *fx, const char *name, const char *algorithm);
void fx_key_fingerprint(struct fixture *fx, const char *name, struct digest *ret);

/* Verifies an R_RESULT that answers q: proof, leaf, and every signature with OpenSSL's own verifier
 * through lib/crypt, over bytes made by lib/format from the certificate that the keeper names. */
void fx_check_result(struct fixture *fx, const struct fx_request *q);

#endif
