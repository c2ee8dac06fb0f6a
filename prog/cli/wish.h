/* wish - a request as an approver must see it: from the very bytes that will be approved.
 *
 * Owns: fetching the statement, checking that its digest is the request's id, and its words. */
#ifndef GS_CLI_WISH_H
#define GS_CLI_WISH_H

#include "prog/cli/cli.h"

struct wish {
	char id[DIGEST_HEX];
	struct digest digest;
	struct buf statement;
	struct request request; /* borrows from statement */
	json_t *answer;		/* GET /v1/requests/{id} */
};

/* typed: what the person named the request by. RC_MISMATCH if the server's bytes have another
 * digest. */
MUST rc wish_fetch(struct cli *c, const char *typed, struct wish *ret);
void wish_release(struct wish *w);
AUTO_DEFINE(wish, struct wish, wish_release)

static inline const json_t *wish_status(const struct wish *w)
{
	return json_object_get(w->answer, "status");
}

/* The statement in words; all items, or the first few. */
void wish_print(const struct cli *c, const struct wish *w, bool all);
/* Digest of the inspection report (kind "report") or diff (kind "diff") of an item; RC_NOTFOUND. */
MUST rc wish_report(const struct wish *w, size_t item, const char *kind, struct digest *ret);

#endif
