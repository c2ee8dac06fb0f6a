#include "prog/cli/args.h"

#include <string.h>

static const struct {
	const char *letter;
	const char *name;
} short_forms[] = {
	{"-m", "message"},
	{"-o", "output"},
	{"-h", "help"},
};

static const struct option *option_find(const struct command *cmd, const char *name, size_t len)
{
	const struct option *lists[] = {cmd->options, global_options};

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++)
		for (const struct option *o = lists[l]; o != NULL && o->name != NULL; o++)
			if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
				return o;
	return NULL;
}

/* Length of the option's name in word, and where the name starts; 0 if word is no option. */
static size_t option_word(const char *word, const char **ret_name)
{
	for (size_t i = 0; i < sizeof(short_forms) / sizeof(short_forms[0]); i++) {
		if (strcmp(word, short_forms[i].letter) == 0) {
			*ret_name = short_forms[i].name;
			return strlen(short_forms[i].name);
		}
	}
	if (strncmp(word, "--", 2) != 0 || word[2] == '\0')
		return 0;
	*ret_name = word + 2;
	return strcspn(word + 2, "=");
}

static rc add(struct args *a, const struct option *o, const char *value, struct fault *f)
{
	if (a->count == ARGS_OPTIONS_MAX)
		return fault_set(f, RC_USAGE, 0, "too many options");
	if (!o->repeats && args_has(a, o->name))
		return fault_set(f, RC_USAGE, 0, "--%s is given twice", o->name);
	a->given[a->count].option = o;
	a->given[a->count].value = value;
	a->count++;
	return OK;
}

/* Takes the option at argv[*i] and its value. */
static rc take_option(struct args *a, int argc, char **argv, int *i, struct fault *f)
{
	const char *name = NULL;
	size_t len = option_word(argv[*i], &name);
	const struct option *o = len == 0 ? NULL : option_find(a->command, name, len);
	bool joined = argv[*i][1] == '-' && name != NULL && name[len] == '=';

	if (o == NULL)
		return fault_set(f, RC_USAGE, 0, "%s: no such option; see: greatseal help %s",
				 argv[*i], a->command->name);
	if (o->value == NULL)
		return joined ? fault_set(f, RC_USAGE, 0, "--%s takes no value", o->name)
			      : add(a, o, NULL, f);
	if (joined)
		return add(a, o, name + len + 1, f);
	if (*i + 1 >= argc)
		return fault_set(f, RC_USAGE, 0, "--%s needs a value: %s", o->name, o->value);
	*i += 1;
	return add(a, o, argv[*i], f);
}

rc args_parse(const struct command *cmd, int argc, char **argv, struct args *ret, struct fault *f)
{
	const char *gap = cmd->args[0] == '\0' ? "" : " ";
	bool ended = false;
	int words = 0;

	*ret = (struct args){.command = cmd, .words = argv};
	for (int i = 0; i < argc; i++) {
		if (!ended && strcmp(argv[i], "--") == 0)
			ended = true;
		else if (!ended && argv[i][0] == '-' && argv[i][1] != '\0')
			TRY(take_option(ret, argc, argv, &i, f));
		else
			argv[words++] = argv[i];
	}
	ret->word_count = words;
	if (args_has(ret, "help"))
		return OK;
	if (words < cmd->min_args)
		return fault_set(f, RC_USAGE, 0, "usage: greatseal %s%s%s", cmd->name, gap,
				 cmd->args);
	if (cmd->max_args >= 0 && words > cmd->max_args)
		return fault_set(f, RC_USAGE, 0, "too many arguments; usage: greatseal %s%s%s",
				 cmd->name, gap, cmd->args);
	return OK;
}

const char *args_nth(const struct args *a, const char *name, size_t n)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->given[i].option->name, name) == 0 && n-- == 0)
			return a->given[i].value;
	return NULL;
}

const char *args_value(const struct args *a, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->given[i].option->name, name) == 0)
			value = a->given[i].value;
	return value;
}

bool args_has(const struct args *a, const char *name)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->given[i].option->name, name) == 0)
			return true;
	return false;
}
