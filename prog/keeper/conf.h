/* conf - the settings of greatseal-keeper. Lists are given by repetition. */
#ifndef GS_KEEPER_CONF_H
#define GS_KEEPER_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/settings.h"
#include "prog/keeper/token.h"

#define CONF_TEXT 512u
#define CONF_LIST_MAX 16u

struct conf_list {
	char text[CONF_LIST_MAX][CONF_TEXT];
	size_t count;
};

struct conf {
	char state[CONF_TEXT];
	char guard[CONF_TEXT];
	char socket[CONF_TEXT];
	uint64_t socket_mode;
	char jwks_socket[CONF_TEXT]; /* empty: none */
	struct conf_list tokens;
	struct conf_list web_origins;
	char zoneinfo[CONF_TEXT];
	char tpm_roots[CONF_TEXT];
	char vtpm_roots[CONF_TEXT];
	uint64_t host_cert_life; /* seconds */
	uint64_t host_cert_grace;
	struct conf_list read_paths;
	struct conf_list write_paths;
	bool self_sign;
	bool synced_passkeys;
	bool touch_only;
	/* init alone */
	char origin[CONF_TEXT];
	char policy[CONF_TEXT];
	char roster[CONF_TEXT];
	char log_token[CONF_TEXT];
	struct conf_list signatures;
};

extern const struct settings conf_settings;

/* settings_args, and "-t" anywhere between them, which sets *ret_test; the order of argv is lost.
 */
MUST rc conf_args(struct conf *c, int argc, char **argv, bool *ret_test, struct fault *f);
/* Whether what `run` needs is there. RC_USAGE. */
MUST rc conf_check(const struct conf *c, bool init, struct fault *f);

#endif
