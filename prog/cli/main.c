/* greatseal - the command line of requesters, approvers and auditors. See greatseal(1).
 *
 * Owns: dispatch, the environment, exit codes. Commands are in cmd_*.c, their table in commands.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prog/cli/cli.h"
#include "prog/cli/help.h"

static enum exit_code exit_of(rc r)
{
	switch (r.code) {
	case RC_OK:
		return EXIT_DONE;
	case RC_USAGE:
		return EXIT_USAGE;
	case RC_WAIT:
		return EXIT_WAITING;
	case RC_DENIED:
		return EXIT_DENIED;
	case RC_BADSIG:
	case RC_MISMATCH:
		return EXIT_UNVERIFIED;
	case RC_NOMEM:
	case RC_IO:
	case RC_NOSPACE:
	case RC_TRUNCATED:
	case RC_TRAILING:
	case RC_RANGE:
	case RC_LIMIT:
	case RC_SYNTAX:
	case RC_NONCANON:
	case RC_DUPLICATE:
	case RC_UNKNOWN:
	case RC_UNSUPPORTED:
	case RC_NOTFOUND:
	case RC_EXISTS:
	case RC_STATE:
	case RC_EXPIRED:
	case RC_CRYPTO:
	case RC_TOKEN:
	case RC_PEER:
	case RC_BUSY:
	case RC_CORRUPT:
	case RC__COUNT:
		return EXIT_ERROR;
	}
	return EXIT_ERROR;
}

static json_t *problem_json(const struct problem *p)
{
	return json_pack("{s:{s:s,s:s,s:s}}", "error", "code", p->code, "text", p->text, "remedy",
			 p->remedy);
}

/* The problem in words on stderr, and as JSON on stdout where JSON was asked for. */
static void report(const struct cli *c)
{
	const struct problem *p = &c->problem;

	if (c->json) {
		json_t *value = problem_json(p);

		(void)cli_print_json(c, value);
		json_decref(value);
	}
	(void)fprintf(stderr, "greatseal: %s\n", p->text);
	if (p->remedy[0] != '\0')
		(void)fprintf(stderr, "  to mend it: %s\n", p->remedy);
	if (p->code[0] != '\0')
		(void)fprintf(stderr, "  reason: %s\n", p->code);
}

/* Whether --json is among arguments that may not be understood otherwise. */
static bool wants_json(int argc, char *const *argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

/* What is wrong with the arguments, as JSON; people have been told. */
static enum exit_code misused(bool json, const char *text)
{
	struct cli c = {.json = json};
	AUTO(json) json_t *value = NULL;

	rc_ignore(cli_problem(&c, RC_USAGE, "greatseal help", "%s", text), "it is printed below");
	value = problem_json(&c.problem);
	(void)cli_print_json(&c, value);
	return EXIT_USAGE;
}

/* What was printed has arrived, or the exit says that it has not. */
static enum exit_code finish(enum exit_code code)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return code;
	(void)fprintf(stderr, "greatseal: writing to stdout failed\n");
	return code == EXIT_DONE ? EXIT_ERROR : code;
}

static enum exit_code run(const struct command *cmd, int argc, char **argv)
{
	struct args args;
	struct cli c = {.args = &args};
	struct fault f = {0};
	bool json = wants_json(argc, argv);
	rc r = args_parse(cmd, argc, argv, &args, &f);
	enum exit_code code;

	if (!rc_is_ok(r)) {
		(void)fprintf(stderr, "greatseal: %s\n", f.text);
		return misused(json, f.text);
	}
	if (args_has(&args, "help")) {
		help_command(cmd, stdout);
		return finish(EXIT_DONE);
	}
	c.json = args_has(&args, "json");
	c.quiet = args_has(&args, "quiet");
	c.colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL && !c.json;
	r = cmd->run(&c, &args);
	code = rc_is_ok(r) ? c.exit : exit_of(r);
	if (!rc_is_ok(r))
		report(&c);
	cli_release(&c);
	return finish(code);
}

int main(int argc, char **argv)
{
	const struct command *cmd;
	int words = 0;

	/* A peer or pipe that goes away, or a file that gets too large, is an error of write(2),
	 * not a death that leaves half of it. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	/* Numbers and times are for programs, too: no locale. */
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help_overview(argc < 2 ? stderr : stdout);
		return (int)finish(argc < 2 ? EXIT_USAGE : EXIT_DONE);
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("greatseal %s\n", GS_VERSION);
		return (int)finish(EXIT_DONE);
	}
	cmd = command_find(argc - 1, argv + 1, &words);
	if (cmd == NULL && argc == 3 &&
	    (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0) &&
	    help_group(argv[1], stdout))
		return (int)finish(EXIT_DONE);
	if (cmd == NULL && argc == 2 && help_group(argv[1], stderr))
		return EXIT_USAGE;
	if (cmd == NULL) {
		help_unknown(argc - 1, argv + 1, stderr);
		return (int)misused(wants_json(argc - 1, argv + 1), "no such command");
	}
	return (int)run(cmd, argc - 1 - words, argv + 1 + words);
}
