/* config - the client's configuration file and what it remembers between runs.
 *
 * client.json: who, which server, which keys; written by init-client. client.state beside it: the
 * newest checkpoint that was verified, so that a log that shrinks or forks is noticed (P5).
 * Owns: both files. */
#ifndef GS_CLI_CONFIG_H
#define GS_CLI_CONFIG_H

#include "prog/cli/cli.h"

/* Chooses the path: the argument, $GREATSEAL_CONFIG, or ~/.config/greatseal/client.json. */
MUST rc config_path(const char *argument, struct config *c, struct fault *f);
/* Reads config->path. RC_NOTFOUND; RC_SYNTAX with the field that is wrong; unknown fields too. */
MUST rc config_load(struct config *c, struct fault *f);
/* Writes it durably, mode 0600, and its directory. */
MUST rc config_save(const struct config *c, struct fault *f);

/* Reads text (as given by people) into the fields; each refusal names the option. */
MUST rc config_check(const struct config *c, struct fault *f);

/* The remembered checkpoint note appended to out; RC_NOTFOUND if there is none yet. */
MUST rc config_checkpoint_load(const struct config *c, struct buf *out, struct fault *f);
MUST rc config_checkpoint_save(const struct config *c, struct view note, struct fault *f);

#endif
