/* help - help texts and man pages, all from command_table. */
#ifndef GS_CLI_HELP_H
#define GS_CLI_HELP_H

#include <stdio.h>

#include "prog/cli/command.h"

/* Every command with its summary. */
void help_overview(FILE *out);
/* One command in full. */
void help_command(const struct command *cmd, FILE *out);
/* The commands that begin with this word, such as key; false, and nothing written, if none does. */
bool help_group(const char *word, FILE *out);
/* What was typed and the commands it may have meant. */
void help_unknown(int argc, char *const *argv, FILE *out);
/* greatseal(1) in man(7) form. */
void help_man(FILE *out);

struct args;
rc cmd_help(struct cli *c, const struct args *a);

#endif
