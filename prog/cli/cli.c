#include "prog/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/model/statement.h"
#include "lib/net/svidsigner.h"
#include "prog/cli/api.h"
#include "prog/cli/config.h"
#include "prog/cli/job.h"
#include "prog/cli/shown.h"

extern char **environ;

rc cli_problem(struct cli *c, enum rc_code code, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	(void)snprintf(c->problem.code, sizeof(c->problem.code), "%s", rc_name(RC(code)));
	(void)snprintf(c->problem.remedy, sizeof(c->problem.remedy), "%s", remedy);
	va_start(ap, fmt);
	(void)vsnprintf(c->problem.text, sizeof(c->problem.text), fmt, ap);
	va_end(ap);
	shown_text(c->problem.text, sizeof(c->problem.text));
	shown_text(c->problem.remedy, sizeof(c->problem.remedy));
	return RC(code);
}

rc cli_no_file(struct cli *c, const char *path, int e)
{
	return cli_problem(c, e == ENOENT ? RC_NOTFOUND : RC_IO, "", "%s: %s", path, strerror(e));
}

rc cli_fault(struct cli *c, rc r, const struct fault *f)
{
	return cli_problem(c, r.code, "", "%s", f->text[0] != '\0' ? f->text : rc_name(r));
}

rc cli_config(struct cli *c)
{
	struct fault f = {0};
	rc r;

	if (c->config_loaded)
		return OK;
	CLI_TRY(c, &f, config_path(args_value(c->args, "config"), &c->config, &f));
	r = config_load(&c->config, &f);
	if (r.code == RC_NOTFOUND)
		return cli_problem(c, RC_NOTFOUND, "greatseal init-client",
				   "there is no client configuration at %s", c->config.path);
	if (!rc_is_ok(r))
		return cli_fault(c, r, &f);
	TRY(job_options(c, c->args, &c->config));
	if (!rc_is_ok(config_check(&c->config, &f)))
		return cli_problem(c, RC_USAGE, "", "%s", f.text);
	c->config_loaded = true;
	return OK;
}

rc cli_api(struct cli *c, struct api **ret)
{
	struct fault f = {0};

	TRY(cli_config(c));
	if (c->api == NULL)
		CLI_TRY(c, &f, api_open(&c->config, &c->api, &f));
	*ret = c->api;
	return OK;
}

rc cli_open_key(const char *path, struct sshsigner **ret, struct fault *f)
{
	const struct sshsigner_spec spec = {
		.key_path = path[0] == '\0' ? NULL : path,
		.agent_socket = getenv("SSH_AUTH_SOCK"),
		.environment = environ,
	};

	return sshsigner_open(&spec, ret, f);
}

/* Codes that mean something else when a server says them. */
static enum rc_code local(rc r)
{
	return r.code == RC_DENIED || r.code == RC_BADSIG || r.code == RC_MISMATCH ? RC_STATE
										   : r.code;
}

rc cli_sign(struct cli *c, struct sshsigner *key, const char *ns, struct view message,
	    struct buf *out)
{
	struct fault f = {0};
	rc r = sshsigner_sign(key, ns, message, out, &f);

	return rc_is_ok(r) ? r
			   : cli_problem(c, local(r), "ssh-add -l; ssh-keygen -y -f KEY",
					 "the key has not signed: %s", f.text);
}

rc cli_person_key(struct cli *c, struct sshsigner **ret)
{
	struct fault f = {0};
	rc r;

	TRY(cli_config(c));
	if (job_asks(c))
		return cli_problem(c, RC_USAGE, "use a configuration with a key",
				   "%s asks by tokens, and this must be signed by a key",
				   c->config.person.s);
	if (c->person_key == NULL) {
		r = cli_open_key(c->config.key, &c->person_key, &f);
		if (!rc_is_ok(r))
			return cli_problem(c, local(r), "greatseal init-client --key PATH",
					   "the key of %s cannot be used: %s", c->config.person.s,
					   f.text);
	}
	*ret = c->person_key;
	return OK;
}

rc cli_host_key(struct cli *c, struct sshsigner **ret)
{
	struct fault f = {0};
	rc r;

	TRY(cli_config(c));
	if (c->config.host.s[0] == '\0')
		return cli_problem(c, RC_NOTFOUND,
				   "greatseal init-client --host NAME --host-key PATH",
				   "this machine has no host key, and requests must come from a "
				   "known host");
	if (c->host_key == NULL) {
		r = cli_open_key(c->config.host_key, &c->host_key, &f);
		if (!rc_is_ok(r))
			return cli_problem(
				c, local(r), "greatseal init-client --host NAME --host-key PATH",
				"the key of host %s cannot be used: %s", c->config.host.s, f.text);
	}
	*ret = c->host_key;
	return OK;
}

rc cli_host_sign(struct cli *c, enum statement_kind kind, struct view statement, struct buf *out)
{
	const char *ns = statement_info(kind)->ns;
	struct sshsigner *key;
	struct fault f = {0};
	rc r;

	TRY(cli_config(c));
	if (c->config.agent[0] != '\0' && kind == STATEMENT_HOST)
		return api_host_signature(c, statement, out);
	if (c->config.svid_dir[0] == '\0') {
		TRY(cli_host_key(c, &key));
		return cli_sign(c, key, ns, statement, out);
	}
	r = svid_sign(c->config.svid_dir, ns, statement, out, &f);
	return rc_is_ok(r) ? OK
			   : cli_problem(c, local(r), "", "the SVID of host %s cannot be used: %s",
					 c->config.host.s, f.text);
}

void cli_release(struct cli *c)
{
	api_close(c->api);
	job_free(c->job);
	sshsigner_free(c->person_key);
	sshsigner_free(c->host_key);
	c->api = NULL;
	c->job = NULL;
	c->person_key = NULL;
	c->host_key = NULL;
}

bool cli_print_json(const struct cli *c, const json_t *value)
{
	if (!c->json)
		return false;
	/* ASCII alone: what is to be computed with must not steer a terminal either. */
	(void)json_dumpf(value, stdout,
			 JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	(void)putchar('\n');
	return true;
}

void cli_say(const struct cli *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

const char *cli_bold(const struct cli *c)
{
	return c->colour ? "\033[1m" : "";
}

const char *cli_red(const struct cli *c)
{
	return c->colour ? "\033[31m" : "";
}

const char *cli_green(const struct cli *c)
{
	return c->colour ? "\033[32m" : "";
}

const char *cli_yellow(const struct cli *c)
{
	return c->colour ? "\033[33m" : "";
}

const char *cli_plain(const struct cli *c)
{
	return c->colour ? "\033[0m" : "";
}

const char *json_text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s == NULL ? "" : s;
}

json_int_t json_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}
