/* init - init-client: writes the configuration after looking at the server over a pinned
 * connection. */
#include "prog/cli/init.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prog/cli/api.h"
#include "prog/cli/config.h"

static rc copy(struct cli *c, const char *option, const char *value, char *out, size_t cap)
{
	if (value == NULL)
		return OK;
	if (strlen(value) >= cap)
		return cli_problem(c, RC_USAGE, "", "--%s is too long", option);
	memcpy(out, value, strlen(value) + 1);
	return OK;
}

/* Paths are kept absolute, so that the configuration works from every directory. */
static rc copy_path(struct cli *c, const char *option, const char *value, char *out)
{
	char cwd[PATH_MAX];

	if (value == NULL)
		return OK;
	if (value[0] == '/')
		return copy(c, option, value, out, PATH_MAX);
	if (getcwd(cwd, sizeof(cwd)) == NULL ||
	    (size_t)snprintf(out, PATH_MAX, "%s/%s", cwd, value) >= PATH_MAX)
		return cli_problem(c, RC_USAGE, "", "--%s %s: path is too long", option, value);
	return OK;
}

static rc from_options(struct cli *c, const struct args *a)
{
	struct config *g = &c->config;

	TRY(copy(c, "server", args_value(a, "server"), g->server, sizeof(g->server)));
	TRY(copy(c, "pin", args_value(a, "pin"), g->pin, sizeof(g->pin)));
	TRY(copy(c, "person", args_value(a, "person"), g->person.s, sizeof(g->person.s)));
	TRY(copy(c, "host", args_value(a, "host"), g->host.s, sizeof(g->host.s)));
	TRY(copy_path(c, "key", args_value(a, "key"), g->key));
	TRY(copy_path(c, "host-key", args_value(a, "host-key"), g->host_key));
	TRY(copy_path(c, "client-cert", args_value(a, "client-cert"), g->client_cert));
	TRY(copy_path(c, "client-key", args_value(a, "client-key"), g->client_key));
	if (g->server[0] == '\0' || g->pin[0] == '\0' || g->person.s[0] == '\0')
		return cli_problem(c, RC_USAGE,
				   "ask the server's administrator for address and pin",
				   "--server, --pin and --person are needed");
	if ((g->host.s[0] == '\0') != (g->host_key[0] == '\0'))
		return cli_problem(c, RC_USAGE, "", "--host and --host-key belong together");
	return OK;
}

/* Origin and log key, which every later proof is checked against. */
static rc learn(struct cli *c)
{
	AUTO(json) json_t *info = NULL;
	struct config *g = &c->config;
	struct vkey vkey;
	struct fault f = {0};

	TRY(api_info(c, c->api, &info));
	TRY(copy(c, "origin", json_text(info, "origin"), g->origin, sizeof(g->origin)));
	TRY(copy(c, "vkey", json_text(info, "vkey"), g->vkey, sizeof(g->vkey)));
	if (!rc_is_ok(vkey_parse(view_str(g->vkey), &vkey, &f)))
		return cli_problem(c, RC_PEER, "", "the server's log key cannot be read: %s",
				   f.text);
	if (strcmp(vkey.name, g->origin) != 0)
		return cli_problem(c, RC_PEER, "", "the log key is of %s, the server of %s",
				   vkey.name, g->origin);
	return OK;
}

/* A key file that cannot be read is better known now than at the first approval. Without a file the
 * agent is asked when it is needed. */
static rc try_key(struct cli *c, const char *option, const char *path)
{
	struct sshsigner *s = NULL;
	struct fault f = {0};
	rc r;

	if (path[0] == '\0')
		return OK;
	r = cli_open_key(path, &s, &f);
	sshsigner_free(s);
	return rc_is_ok(r) ? r : cli_problem(c, RC_STATE, "", "--%s: %s", option, f.text);
}

rc cmd_init_client(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *done = NULL;
	struct fault f = {0};

	CLI_TRY(c, &f, config_path(args_value(a, "config"), &c->config, &f));
	TRY(from_options(c, a));
	if (!rc_is_ok(config_check(&c->config, &f)))
		return cli_problem(c, RC_USAGE, "", "%s", f.text);
	TRY(try_key(c, "key", c->config.key));
	TRY(try_key(c, "host-key", c->config.host_key));
	CLI_TRY(c, &f, api_open(&c->config, &c->api, &f));
	TRY(learn(c));
	CLI_TRY(c, &f, config_save(&c->config, &f));
	done = json_pack("{s:s,s:s,s:s,s:s}", "config", c->config.path, "origin", c->config.origin,
			 "person", c->config.person.s, "vkey", c->config.vkey);
	if (!cli_print_json(c, done)) {
		(void)printf("configured %s for %s at %s\n", c->config.path, c->config.person.s,
			     c->config.server);
		(void)printf("  log:     %s\n  log key: %s\n", c->config.origin, c->config.vkey);
	}
	return OK;
}
