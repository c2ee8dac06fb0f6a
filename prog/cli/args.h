/* args - a command line taken apart by the table of its command.
 *
 * "--name VALUE", "--name=VALUE", "-m TEXT" for --message, "-o DIR" for --output; "--" ends
 * options. */
#ifndef GS_CLI_ARGS_H
#define GS_CLI_ARGS_H

#include "lib/base/fault.h"
#include "prog/cli/command.h"

#define ARGS_OPTIONS_MAX 256

struct args {
	const struct command *command;
	struct {
		const struct option *option;
		const char *value; /* NULL for a switch */
	} given[ARGS_OPTIONS_MAX];
	size_t count;
	char **words; /* what is not an option; borrowed */
	int word_count;
};

/* Sorts argv (after the command's own words) into *ret. argv is permuted. RC_USAGE with the
 * sentence to show. */
MUST rc args_parse(const struct command *cmd, int argc, char **argv, struct args *ret,
		   struct fault *f);
/* The last value of an option, or NULL. */
const char *args_value(const struct args *a, const char *name);
bool args_has(const struct args *a, const char *name);
/* The i-th value of a repeatable option, or NULL. */
const char *args_nth(const struct args *a, const char *name, size_t i);

#endif
