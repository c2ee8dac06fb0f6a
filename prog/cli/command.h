/* command - the one table of commands: help texts, man pages, completion and dispatch come from it.
 *
 * Owns: what a command line may look like. Must not own: what commands do (cmd_*.c). */
#ifndef GS_CLI_COMMAND_H
#define GS_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/result.h"

struct cli;
struct args;

/* Exit codes are an interface; see greatseal(1). */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_ERROR = 1,
	EXIT_USAGE = 2,
	EXIT_WAITING = 3,
	EXIT_DENIED = 4,
	EXIT_UNVERIFIED = 5,
	EXIT_ALARM = 6,
};

struct option {
	const char *name;  /* without dashes */
	const char *value; /* name of its value in help texts; NULL for a switch */
	const char *help;
	bool repeats;
};

struct command {
	const char *name; /* "key list": verb, or noun and verb */
	const char *args; /* "FILE..." */
	const char *summary;
	const char *text;	      /* paragraphs for help and man page */
	const struct option *options; /* ends with a row without name */
	int min_args;
	int max_args; /* -1: any number */
	rc (*run)(struct cli *c, const struct args *a);
};

/* Ends with a row without name. */
extern const struct command command_table[];
/* Options that every command takes. */
extern const struct option global_options[];

/* The command that argv[0..] begins with, and how many words name it; NULL if none. */
const struct command *command_find(int argc, char *const *argv, int *ret_words);

#endif
