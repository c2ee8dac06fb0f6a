/* enrol - the verbs beside run: enrol, renew, status.
 *
 * Owns: what an administrator sees of them. They return exit codes and print. */
#ifndef GS_AGENT_ENROL_H
#define GS_AGENT_ENROL_H

#include "prog/agent/conf.h"

struct enrol_order {
	const char *server;
	const char *pin;
	const char *name;  /* NULL: the token's; else they must agree */
	const char *token; /* NULL: what is pending is tried again; "-": a line of stdin */
	const char *token_file;
	const char *tpm; /* "auto", "require", "none"; NULL: auto */
	bool again;	 /* put the key and state that are there aside and begin anew */
};
MUST rc cmd_enrol(const struct conf *c, const struct enrol_order *o, struct fault *f);
/* Through the agent that runs, or without one. */
MUST rc cmd_renew(const struct conf *c, struct fault *f);
/* What an administrator must know of this host's TPM to invite it. */
MUST rc cmd_tpm(const struct conf *c, bool json, struct fault *f);
MUST rc cmd_status(const struct conf *c, bool json, struct fault *f);

#endif
