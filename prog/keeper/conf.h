/* conf - the keeper's settings: one table for the file, the command line, the help and the man
 * page.
 *
 * File: lines "name = value", "#" comments, empty lines; unknown names are errors. The command line
 * has the same names: --name VALUE. Lists are given by repetition. */
#ifndef GS_KEEPER_CONF_H
#define GS_KEEPER_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "prog/keeper/token.h"

#define CONF_TEXT 512u
#define CONF_LIST_MAX 16u
#define CONF_FILE_MAX 65536u

struct conf_list {
	char text[CONF_LIST_MAX][CONF_TEXT];
	size_t count;
};

struct conf {
	char state[CONF_TEXT];
	char guard[CONF_TEXT];
	char socket[CONF_TEXT];
	unsigned socket_mode;
	char jwks_socket[CONF_TEXT]; /* empty: none */
	struct conf_list tokens;
	struct conf_list web_origins;
	char zoneinfo[CONF_TEXT];
	char tpm_roots[CONF_TEXT];
	char vtpm_roots[CONF_TEXT];
	int64_t host_cert_life; /* seconds */
	int64_t host_cert_grace;
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

/* Defaults. */
void conf_init(struct conf *c);
/* Sets one; from_file: the names that belong to init alone are refused. RC_UNKNOWN, RC_DUPLICATE,
 * RC_USAGE (value), RC_LIMIT. */
MUST rc conf_set(struct conf *c, struct view name, struct view value, bool from_file,
		 struct fault *f);
/* The fault's offset is the line's number. RC_NOTFOUND, RC_SYNTAX and as conf_set. */
MUST rc conf_file(struct conf *c, const char *path, struct fault *f);
/* --name VALUE pairs and "--config FILE"; "-t" sets *ret_test. RC_USAGE and as above. */
MUST rc conf_args(struct conf *c, int argc, char **argv, bool *ret_test, struct fault *f);
/* Whether what `run` needs is there. RC_USAGE. */
MUST rc conf_check(const struct conf *c, bool init, struct fault *f);
/* The table as text for --help. */
void conf_help(FILE *out);

#endif
