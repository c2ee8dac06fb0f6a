/* authorized - what let a use through, as its `authorize` entry in the log has it, and what today's
 * policy would say of the same.
 *
 * The entry is read from the log and not believed of the server; policy and roster are those whose
 * digests it names. Owns: finding rule, version, approvals and evidence by the entry, and the words
 * for them. Must not own: the decision (lib/policy/replay.h). */
#ifndef GS_CLI_AUTHORIZED_H
#define GS_CLI_AUTHORIZED_H

#include "prog/cli/cli.h"
#include "prog/cli/wish.h"

/* Of the newest use of a request; *ret is NULL if none was ever authorised. Else {"approvals":
 * [{"early":true?,"person","statement"}],"break_glass":true?,"checks":[CHECK],"entry":INDEX,
 * "evidence":[{"by"?,"kind","statement"}],"evidence_more":N?,"grant"?,"policy","policy_version"?,
 * "roster","roster_version"?,"rule"?,"rule_digest","time","today"?,"use"}, where "today" is
 * {"differs":BOOL,"outcome","policy_version","reason","roster_version","rule","text"}. Names and
 * versions are missing where the server no longer has the documents; evidence where there is so
 * much that the server does not list all, so that the log cannot be asked; "today" also where this
 * machine, which cannot count rates and knows no evidence, does not come to what was decided then.
 * RC_MISMATCH if the log's entry is about something else. */
MUST rc authorized_read(struct cli *c, const struct wish *w, json_t **ret);
/* In words; nothing for NULL. checks: each of them, too. */
void authorized_print(const struct cli *c, const json_t *authorized, bool checks);
/* Whether it, and not a decision of now, is what became of the request. */
bool authorized_is_final(const json_t *status, const json_t *authorized);

#endif
