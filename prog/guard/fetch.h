/* fetch - lists and package records from the server, by way of greatseal-agent on this host.
 *
 * The guard has no network: it asks the agent's unix socket, in HTTP, and the agent asks the server
 * in this host's name. Nothing that comes is believed: a list is handed on as bytes for the loader
 * (load.c), a record is kept only if it is signed and in the log. All of it happens in a process of
 * its own that can do nothing but read this one connection and write what it was given to write
 * into; it has an end, however slowly the other side sends.
 * Owns: the calls and their answers. Must not own: when to fetch (fetching.c), what is done with
 * what came (load.c, bring.c). */
#ifndef GS_GUARD_FETCH_H
#define GS_GUARD_FETCH_H

#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "prog/guard/conf.h"

#define FETCH_LIST_MS 600000u	/* for a list */
#define FETCH_STALL_MS 30000u	/* without a byte */
#define FETCH_RECORDS_MS 30000u /* for all records: a package manager waits */
#define FETCH_GRACE_MS 2000u	/* more than that, and whoever waits ends the child */
#define FETCH_ARCHIVES 24u	/* of one call */
#define FETCH_ANSWER_MAX ((size_t)96 << 20)
#define FETCH_RECORDS_BYTES ((uint64_t)256 << 20) /* of all records together */

/* The list in force; serial 0: none. */
struct fetch_have {
	struct name name;
	uint64_t serial;
	struct digest digest;
};

/* Written by a child that reads what others send: fetch_result_take looks at it. */
struct fetch_result {
	uint32_t code;	  /* enum rc_code */
	uint32_t current; /* 1: the list in force is the newest */
	uint64_t serial;  /* of the list that came */
	uint64_t count;	  /* of records that came */
	char text[FAULT_TEXT];
};

/* A child's whole life: the newest list's bytes and its proof into two memory files, the result to
 * out. In *result RC_NOTFOUND: no agent, or no list there; RC_STATE: what the server has is older
 * than what is in force; RC_LIMIT: larger than fetch-max; RC_IO, RC_TRUNCATED, RC_PEER: the agent
 * or the server. */
_Noreturn void fetch_list_run(const struct conf *c, const struct fetch_have *have,
			      const int memory[static 2], int out);
/* The same for package records: those of these archives (or main headers of rpms) that are signed
 * and in the log, each as two strings (buf_put_string), record and proof, into the memory file. */
_Noreturn void fetch_records_run(const struct conf *c, const struct digest *archives, size_t count,
				 int memory, int out);

/* The same for certificates (certificates.h), in PEM into the memory file; have: the call's query,
 * or "". */
_Noreturn void fetch_certificates_run(const struct conf *c, const char *have, int memory, int out);

/* What a child that is gone has said: its code is one, its text ends and is printable. One that has
 * not said all, or whose code is none, has RC_IO. */
void fetch_result_take(int from, struct fetch_result *ret);
/* Waits for the child, at the latest until then (guard_now), ends it whatever it does, and takes
 * what it had said. from: the reading end; nobody but the child has the other. */
void fetch_await(pid_t child, int from, uint64_t until, struct fetch_result *ret);

/* ---- The answers, for the fuzz target too ---------------------------------------------------*/

/* What the server offers in place of the list in force. */
struct fetch_offer {
	bool current;
	uint64_t serial;
	uint64_t size;
	struct digest digest;
	struct buf proof; /* the caller's; empty if current */
};
/* ret->proof has been made by buf_init. RC_PEER: no such answer; RC_NOMEM. */
MUST rc fetch_offer_parse(struct view body, struct fetch_offer *ret, struct fault *f);

/* One record of an answer; the views end with the visit. */
typedef rc (*fetch_visit)(void *ctx, const struct digest *archive, struct view record,
			  struct view proof, struct fault *f);
/* later: those that the server has left out, at most FETCH_ARCHIVES of them. RC_PEER: no such
 * answer; RC_NOMEM; what visit returns. */
MUST rc fetch_records_parse(struct view body, fetch_visit visit, void *ctx,
			    struct digest later[static FETCH_ARCHIVES], size_t *ret_later,
			    struct fault *f);

#endif
