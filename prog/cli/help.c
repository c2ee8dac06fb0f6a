#include "prog/cli/help.h"

#include <string.h>

#include "prog/cli/args.h"
#include "prog/cli/cli.h"

const struct command *command_find(int argc, char *const *argv, int *ret_words)
{
	const struct command *best = NULL;
	int best_words = 0;

	for (const struct command *cmd = command_table; cmd->name != NULL; cmd++) {
		const char *rest = cmd->name;
		int words = 0;

		while (*rest != '\0' && words < argc) {
			size_t len = strcspn(rest, " ");

			if (strlen(argv[words]) != len || strncmp(argv[words], rest, len) != 0)
				break;
			rest += len + (rest[len] == ' ');
			words++;
		}
		if (*rest == '\0' && words > best_words) {
			best = cmd;
			best_words = words;
		}
	}
	*ret_words = best_words;
	return best;
}

#define WIDTH 80 /* of a terminal */
#define NAMES 20 /* columns for commands */
#define LEFT 24	 /* and for options */

/* Writes words from this column on, in lines that begin at indent; returns where it ends. */
static size_t fold(const char *text, size_t indent, size_t column, FILE *out)
{
	size_t len;

	for (text += strspn(text, " \n"); *text != '\0'; text += strspn(text, " \n")) {
		len = strcspn(text, " \n");
		if (column > indent && column + 1 + len > WIDTH) {
			(void)fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			(void)fputc(' ', out);
			column++;
		}
		(void)fprintf(out, "%.*s", (int)len, text);
		column += len;
		text += len;
	}
	return column;
}

void help_overview(FILE *out)
{
	(void)fprintf(out,
		      "greatseal %s - code signing that people approve and logs prove\n\n"
		      "usage: greatseal COMMAND [OPTIONS] [ARGUMENTS]\n\n",
		      GS_VERSION);
	for (const struct command *cmd = command_table; cmd->name != NULL; cmd++) {
		(void)fprintf(out, "  %-*s ", NAMES, cmd->name);
		(void)fold(cmd->summary, NAMES + 3, NAMES + 3, out);
		(void)fputc('\n', out);
	}
	(void)fprintf(out, "\nEvery command takes --json, --quiet, --config FILE and --help.\n"
			   "exit: 0 ok, 1 error, 2 usage, 3 waiting, 4 denied, 5 not verified,\n"
			   "      6 alarm\n");
}

static void options(const struct option *list, FILE *out)
{
	char left[80];
	size_t column;

	for (const struct option *o = list; o != NULL && o->name != NULL; o++) {
		(void)snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
			       o->value ? o->value : "");
		(void)fprintf(out, "  %-*s ", LEFT, left);
		if (strlen(left) > LEFT)
			(void)fprintf(out, "\n%*s", LEFT + 3, "");
		column = fold(o->help, LEFT + 3, LEFT + 3, out);
		(void)fold(o->repeats ? "(repeatable)" : "", LEFT + 3, column, out);
		(void)fputc('\n', out);
	}
}

/* "greatseal NAME ARGUMENTS". */
static void usage(const struct command *cmd, FILE *out)
{
	(void)fprintf(out, "greatseal %s%s%s\n", cmd->name, cmd->args[0] == '\0' ? "" : " ",
		      cmd->args);
}

void help_command(const struct command *cmd, FILE *out)
{
	usage(cmd, out);
	(void)fprintf(out, "\n%s.\n", cmd->summary);
	if (cmd->text[0] != '\0') {
		(void)fputc('\n', out);
		(void)fold(cmd->text, 0, 0, out);
		(void)fputc('\n', out);
	}
	if (cmd->options != NULL && cmd->options->name != NULL) {
		(void)fprintf(out, "\noptions:\n");
		options(cmd->options, out);
	}
	(void)fprintf(out, "\nfor every command:\n");
	options(global_options, out);
}

bool help_group(const char *word, FILE *out)
{
	size_t len = strlen(word);
	bool found = false;

	for (const struct command *cmd = command_table; cmd->name != NULL; cmd++) {
		if (strncmp(cmd->name, word, len) != 0 || cmd->name[len] != ' ')
			continue;
		if (!found)
			(void)fprintf(out, "commands of greatseal %s:\n\n", word);
		found = true;
		(void)fprintf(out, "  %-*s ", NAMES, cmd->name);
		(void)fold(cmd->summary, NAMES + 3, NAMES + 3, out);
		(void)fputc('\n', out);
	}
	if (found)
		(void)fprintf(out, "\none of them: greatseal help %s COMMAND\n", word);
	return found;
}

void help_unknown(int argc, char *const *argv, FILE *out)
{
	bool head = false;

	(void)fprintf(out, "greatseal: %s%s%s: no such command\n", argv[0], argc > 1 ? " " : "",
		      argc > 1 ? argv[1] : "");
	for (const struct command *cmd = command_table; cmd->name != NULL; cmd++) {
		if (strncmp(cmd->name, argv[0], strlen(argv[0]) < 3 ? strlen(argv[0]) : 3) != 0)
			continue;
		if (!head)
			(void)fprintf(out, "did you mean:\n");
		head = true;
		(void)fputs("  ", out);
		usage(cmd, out);
	}
	if (!head)
		(void)fprintf(out, "see: greatseal help\n");
}

/* Text for man(7): a line's leading dot or apostrophe and every backslash and dash are escaped. */
static void roff(const char *text, FILE *out)
{
	bool start = true;

	for (; *text != '\0'; text++) {
		if (start && (*text == '.' || *text == '\''))
			(void)fputs("\\&", out);
		if (*text == '\\')
			(void)fputs("\\e", out);
		else if (*text == '-')
			(void)fputs("\\-", out);
		else
			(void)fputc(*text, out);
		start = *text == '\n';
	}
}

static void roff_options(const struct option *list, FILE *out)
{
	for (const struct option *o = list; o != NULL && o->name != NULL; o++) {
		(void)fputs(".TP\n\\fB\\-\\-", out);
		roff(o->name, out);
		(void)fprintf(out, "\\fR%s%s%s\n", o->value ? " \\fI" : "",
			      o->value ? o->value : "", o->value ? "\\fR" : "");
		roff(o->help, out);
		(void)fputs(o->repeats ? " May be given more than once.\n" : "\n", out);
	}
}

void help_man(FILE *out)
{
	(void)fprintf(
		out,
		".TH GREATSEAL 1 \"\" \"greatseal %s\" \"Great Seal\"\n.SH NAME\ngreatseal \\- ask "
		"for signatures, inspect and approve them, verify and audit\n.SH SYNOPSIS\n"
		".B greatseal\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n"
		".SH DESCRIPTION\nThe command line of Great Seal, a central code\\-signing system. "
		"Data goes to standard output, talk to standard error; with \\fB\\-\\-json\\fR "
		"standard output holds one JSON value.\n.SH COMMANDS\n",
		GS_VERSION);
	for (const struct command *cmd = command_table; cmd->name != NULL; cmd++) {
		(void)fprintf(out, ".SS %s%s%s\n", cmd->name, cmd->args[0] == '\0' ? "" : " ",
			      cmd->args);
		roff(cmd->summary, out);
		(void)fputs(".\n", out);
		if (cmd->text[0] != '\0') {
			(void)fputs(".PP\n", out);
			roff(cmd->text, out);
			(void)fputc('\n', out);
		}
		roff_options(cmd->options, out);
	}
	(void)fputs(".SH OPTIONS FOR EVERY COMMAND\n", out);
	roff_options(global_options, out);
	(void)fputs(
		".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nerror\n.TP\n2\nwrong usage\n.TP\n3\n"
		"waiting for people, time or a token\n.TP\n4\ndenied\n.TP\n5\nnot verified\n"
		".TP\n6\na signature by one of your keys that the log does not have\n"
		".SH FILES\n.TP\n~/.config/greatseal/client.json\nthe configuration that "
		"\\fBgreatseal init\\-client\\fR writes\n.TP\n"
		"~/.config/greatseal/client.json.checkpoint\nthe newest verified checkpoint of the "
		"log; later ones must extend it\n.SH ENVIRONMENT\n.TP\nGREATSEAL_CONFIG\npath of "
		"the "
		"configuration\n.TP\nSSH_AUTH_SOCK\nthe agent that holds the user's key\n.TP\n"
		"NO_COLOR\nno colours\n.SH SEE ALSO\n.BR greatseald (8),\n.BR greatseal\\-keeper "
		"(8),\n"
		".BR greatseal\\-worker (8),\n.BR greatseal\\-policy (5),\n.BR greatseal\\-roster "
		"(5),\n.BR ssh\\-keygen (1)\n",
		out);
}

rc cmd_help(struct cli *c, const struct args *a)
{
	const struct command *cmd;
	int words = 0;

	if (args_has(a, "man")) {
		help_man(stdout);
		return OK;
	}
	if (a->word_count == 0) {
		help_overview(stdout);
		return OK;
	}
	cmd = command_find(a->word_count, a->words, &words);
	if (cmd != NULL && words == a->word_count) {
		help_command(cmd, stdout);
		return OK;
	}
	if (a->word_count == 1 && help_group(a->words[0], stdout))
		return OK;
	help_unknown(a->word_count, a->words, stderr);
	return cli_problem(c, RC_USAGE, "greatseal help", "%s: no such command", a->words[0]);
}
