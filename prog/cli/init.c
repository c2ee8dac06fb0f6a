/* init - init-client: writes the configuration after looking at the server over a pinned
 * connection. */
#include "prog/cli/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/net/tls.h"
#include "prog/cli/api.h"
#include "prog/cli/config.h"
#include "prog/cli/job.h"

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

#define PEM_BYTES 65536u

/* What a later connection would stumble over is said here, with the file's name. */
static rc check_client_pair(struct cli *c)
{
	const struct config *g = &c->config;
	const char *key_path = g->client_key[0] != '\0' ? g->client_key : g->client_cert;
	AUTO(secret) struct secret key = {0};
	AUTO(buf) struct buf cert = {0};
	AUTO(fd) int fd = -1;
	struct fault f = {0};
	uint64_t size;
	rc r;

	if (g->client_cert[0] == '\0')
		return g->client_key[0] == '\0' ? OK
						: cli_problem(c, RC_USAGE, "add --client-cert FILE",
							      "--client-key without --client-cert");
	buf_init(&cert, PEM_BYTES);
	CLI_TRY(c, &f, file_read(g->client_cert, &cert, &f));
	fd = open(key_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cli_problem(c, RC_IO, "", "%s: %s", key_path, strerror(errno));
	CLI_TRY(c, &f, fd_size(fd, &size, &f));
	if (size == 0 || size > PEM_BYTES)
		return cli_problem(c, RC_USAGE, "", "%s is empty or too large", key_path);
	CLI_TRY(c, &f, secret_new(&key, (size_t)size));
	CLI_TRY(c, &f, fd_read_full(fd, key.ptr, (size_t)size, &f));
	r = tls_check_pair(secret_view(&key), buf_view(&cert), &f);
	return rc_is_ok(r) ? OK
			   : cli_problem(c, RC_USAGE,
					 "name the certificate that was issued for this key, "
					 "both as PEM without passphrase",
					 "%s and %s: %s", g->client_cert, key_path, f.text);
}

static rc copy_agent(struct cli *c, const char *value)
{
	char path[PATH_MAX] = "";

	TRY(copy_path(c, "agent", value, path));
	return value == NULL ? OK
			     : copy(c, "agent", path, c->config.agent, sizeof(c->config.agent));
}

/* What the agent says, unless an option has said it; then the two must agree. */
static rc agree(struct cli *c, const json_t *info, const char *name, char *out, size_t cap)
{
	const char *theirs = json_text(info, name);

	if (out[0] == '\0')
		return copy(c, name, theirs, out, cap);
	if (strcmp(out, theirs) == 0)
		return OK;
	return cli_problem(c, RC_USAGE, "leave the option out, or name another agent",
			   "--%s %s: the agent says %s", name, out, theirs);
}

/* The agent knows the server and its key, and which host this is. */
static rc ask_agent(struct cli *c)
{
	struct config *g = &c->config;
	AUTO(json) json_t *info = NULL;
	struct fault f = {0};

	if (g->host_key[0] != '\0' || g->svid_dir[0] != '\0' || g->client_cert[0] != '\0' ||
	    g->client_key[0] != '\0')
		return cli_problem(c, RC_USAGE, "",
				   "--agent has the host's key and certificate: no --host-key, "
				   "--svid-dir, --client-cert or --client-key beside it");
	CLI_TRY(c, &f, api_open(g, &c->api, &f));
	TRY(api_agent_info(c, c->api, &info));
	api_close(c->api); /* it was made without a pin */
	c->api = NULL;
	TRY(agree(c, info, "server", g->server, sizeof(g->server)));
	TRY(agree(c, info, "pin", g->pin, sizeof(g->pin)));
	return agree(c, info, "host", g->host.s, sizeof(g->host.s));
}

static rc from_options(struct cli *c, const struct args *a)
{
	struct config *g = &c->config;

	TRY(copy_agent(c, args_value(a, "agent")));
	TRY(copy(c, "server", args_value(a, "server"), g->server, sizeof(g->server)));
	TRY(copy(c, "pin", args_value(a, "pin"), g->pin, sizeof(g->pin)));
	TRY(copy(c, "person", args_value(a, "person"), g->person.s, sizeof(g->person.s)));
	TRY(copy(c, "host", args_value(a, "host"), g->host.s, sizeof(g->host.s)));
	TRY(copy_path(c, "key", args_value(a, "key"), g->key));
	TRY(copy_path(c, "host-key", args_value(a, "host-key"), g->host_key));
	TRY(copy_path(c, "svid-dir", args_value(a, "svid-dir"), g->svid_dir));
	TRY(copy_path(c, "client-cert", args_value(a, "client-cert"), g->client_cert));
	TRY(copy_path(c, "client-key", args_value(a, "client-key"), g->client_key));
	TRY(job_options(c, a, g));
	TRY(copy_path(c, "token-file", args_value(a, "token-file"), g->token_file));
	TRY(copy_path(c, "oidc-ca", args_value(a, "oidc-ca"), g->oidc_ca));
	if (g->agent[0] != '\0')
		TRY(ask_agent(c));
	if (g->server[0] == '\0' || g->pin[0] == '\0' || g->person.s[0] == '\0')
		return cli_problem(c, RC_USAGE,
				   "ask the server's administrator for address and pin",
				   "--server, --pin and --person (or --service) are needed");
	if (g->host_key[0] != '\0' && g->svid_dir[0] != '\0')
		return cli_problem(c, RC_USAGE, "",
				   "the roster knows a host by its key or by its SPIFFE ID: either "
				   "--host-key or --svid-dir");
	if (g->agent[0] == '\0' &&
	    (g->host.s[0] == '\0') != (g->host_key[0] == '\0' && g->svid_dir[0] == '\0'))
		return cli_problem(c, RC_USAGE, "",
				   "--host and --host-key (or --svid-dir) belong together");
	return check_client_pair(c);
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

/* A configuration that is there names the log that was trusted so far: another one in its place is
 * what an attacker would want, so it takes a word of the user. */
static rc keep_trust(struct cli *c, const struct args *a)
{
	struct config *before;
	struct fault f = {0};
	rc r;

	if (args_has(a, "replace"))
		return OK;
	before = calloc(1, sizeof(*before));
	if (before == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	memcpy(before->path, c->config.path, sizeof(before->path));
	r = config_load(before, &f);
	if (r.code == RC_NOTFOUND)
		r = OK;
	else if (!rc_is_ok(r))
		r = cli_problem(c, RC_STATE, "--replace writes it anew, --config takes another",
				"%s", f.text);
	else if (strcmp(before->vkey, c->config.vkey) != 0)
		r = cli_problem(c, RC_STATE,
				"--config FILE for a second server; --replace if this log is to be "
				"trusted from now on instead",
				"%s trusts another log, %s, whose key is %s", c->config.path,
				before->origin, before->vkey);
	free(before);
	return r;
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
	TRY(keep_trust(c, a));
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
